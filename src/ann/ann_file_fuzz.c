/* Any bytes as an index file: refused or served, never read beyond their end. Checksums are set right first, or nothing would get
 * past them; every other input (by its last byte) keeps its own. */
#include "ann/ann_internal.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_ann_index *index = NULL;
    lh_error err = {0};
    char path[64];
    if (size == 0 || size > 1 << 20) return 0;
    int fd = memfd_create("ann", MFD_CLOEXEC);
    char *copy = malloc(size);
    assert(fd >= 0 && copy);
    memcpy(copy, data, size);
    if (size >= 4096 && data[size - 1] % 2 == 0) (void)!ann_file_seal(copy, size, 1, &err);
    assert(write(fd, copy, size) == (ssize_t)size);
    free(copy);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    lh_code code = lh_ann_open(path, LH_STR("b"), 1, &index, &err);
    assert((code == LH_OK) == (index != NULL));
    assert(code == LH_OK || code == LH_CORRUPT || code == LH_CONFLICT || code == LH_NO_MEMORY);
    if (index) {
        lh_ann_info info = lh_ann_info_of(index);
        float *vector = calloc(info.options.dimensions, sizeof *vector);
        lh_ann_hit hits[3];
        uint32_t count = 0;
        assert(vector);
        vector[0] = 1;
        lh_ann_query query = {
            .vectors = vector, .count = 1, .k = 3, .mode = info.options.hnsw ? LH_ANN_HNSW : LH_ANN_EXACT};
        if (lh_ann_search(index, &query, hits, &count, &err) == LH_OK)
            for (uint32_t i = 0; i < count; i++) assert(hits[i].row < info.rows);
        assert(lh_ann_extend(index, vector, 1, NULL, &err) != LH_INVALID);
        free(vector);
    }
    lh_ann_free(index);
    close(fd);
    return 0;
}
