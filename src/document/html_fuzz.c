/* Any bytes as a page: text that is UTF-8 and no longer than it may be, or a reason. */
#include "base/fuzz.h"
#include "document/document.h"

#include <assert.h>

enum { FUZZ_TEXT_BYTES = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_document_text d = {0};
    lh_error err = {0};
    const lh_document_source source = {.kind = LH_DOCUMENT_HTML,
                                       .path = LH_STR("p.html"),
                                       .bytes = {(const char *)data, size},
                                       .text_max_bytes = FUZZ_TEXT_BYTES};
    if (!lh_str_is_utf8(source.bytes) || lh_str_find(source.bytes, '\0') < size) return 0; /* who calls it saw to that */
    assert(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    lh_code code = lh_document_read(&source, arena, &d, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code != LH_OK) lh_fuzz_told(code, &err);
    if (code != LH_OK) return 0;
    assert(d.text.len && d.text.len <= FUZZ_TEXT_BYTES && lh_str_is_utf8(d.text));
    assert(d.title.len && lh_str_is_utf8(d.title));
    return 0;
}
