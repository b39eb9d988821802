/* Footers of Parquet files, of any bytes. */
#include "catalog/dataset_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    parquet_distinct *leaves = NULL;
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    size_t count = parquet_footer_distinct((lh_str){(const char *)data, size}, arena, &leaves);
    if (count > size) abort(); /* a leaf takes a byte at least */
    for (size_t i = 0; i < count; i++)
        if (leaves[i].distinct < -1 && leaves[i].field_id == INT64_MIN) return 0; /* all of it can be read */
    return 0;
}
