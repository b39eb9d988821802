/* Input: eight bytes of size, then the header; read as a Range and as a list of entity tags. */
#include <assert.h>

#include "api/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t object_bytes = 0, offset = 0, length = 0;
    if (size < sizeof object_bytes) return 0;
    memcpy(&object_bytes, data, sizeof object_bytes);
    lh_str header = {(const char *)data + sizeof object_bytes, size - sizeof object_bytes};
    if (api_range_parse(header, object_bytes, &offset, &length) == API_RANGE_PART)
        assert(offset < object_bytes && length >= 1 && length <= object_bytes - offset);
    (void)api_etag_list_has(header, LH_STR("x"), size % 2 != 0);
    return 0;
}
