/* Input: an answer of an S3 service; its first byte chooses how it is read. */
#include <assert.h>

#include "storage/s3_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_arena *arena = NULL;
    s3_xml_list list;
    lh_str root, value;
    if (size == 0 || lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return 0;
    lh_str xml = {(const char *)data + 1, size - 1};
    if (data[0] == 'v') {
        (void)!s3_xml_parse_value(xml, "Code", arena, &root, &value, NULL);
    } else if (data[0] == 't') {
        (void)s3_time_of(xml);
    } else if (s3_xml_parse_list(xml, arena, &list, NULL) == LH_OK) {
        for (size_t i = 0; i < list.count; i++)
            assert(list.entries[i].key.len <= size && list.entries[i].etag.len <= size);
    }
    lh_arena_free(arena);
    return 0;
}
