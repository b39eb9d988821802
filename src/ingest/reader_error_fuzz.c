/* A reader's message, which quotes the file: always an error of ours, in UTF-8. Input: the format (one byte), the message. */
#include "ingest/ingest_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (size < 1 || lh_arena_new(1 << 20, &arena, NULL) != LH_OK) return 0;
    const lh_ingest_request request = {.file_name = LH_STR("a.csv")};
    const ingest_job job = {.request = &request,
                            .arena = arena,
                            .format = (ingest_format)(data[0] % 5),
                            .path = LH_STR("/scratch/upload-1")};
    lh_str message = {(const char *)data + 1, size - 1};
    lh_error err = {0};
    lh_error_set(&err, LH_INVALID, "%.*s", LH_STR_ARG(lh_str_sub(message, 0, lh_str_find(message, '\0'))));
    assert(ingest_relation_error(&job, LH_INVALID, &err) == LH_INVALID && err.code == LH_INVALID);
    assert(lh_str_is_utf8(lh_str_from(err.message)) && lh_str_is_utf8(lh_str_from(err.name)));
    assert(ingest_relation_error(&job, LH_INVALID, NULL) == LH_INVALID);
    return 0;
}
