/* A file of a job's own, which goes with it. */
#include "vector/vector_internal.h"

#include <errno.h>
#include <unistd.h>

lh_code vector_scratch_open(const lh_vector *vector, const char *what, lh_str job, FILE **ret, lh_error *err) {
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%.*s/%s-%.*s", LH_STR_ARG(vector->folder), what, LH_STR_ARG(job)) >=
        sizeof path)
        return lh_fail(err, LH_INVALID, "the path of the scratch folder is too long");
    *ret = fopen(path, "w+e");
    if (!*ret) return lh_fail_errno(err, errno, "cannot make a scratch file for an index");
    unlink(path);
    return LH_OK;
}

lh_code vector_scratch_write(FILE *file, const void *bytes, size_t size, lh_error *err) {
    if (size && fwrite(bytes, size, 1, file) != 1)
        return lh_fail_errno(err, errno, "cannot write the scratch file of an index");
    return LH_OK;
}

lh_code vector_scratch_rewind(FILE *file, lh_error *err) {
    if (fflush(file) != 0 || fseek(file, 0, SEEK_SET) != 0)
        return lh_fail_errno(err, errno, "cannot write the scratch file of an index");
    return LH_OK;
}

lh_code vector_scratch_read(FILE *file, void *into, size_t size, lh_error *err) {
    if (size && fread(into, size, 1, file) != 1)
        return lh_fail_errno(err, ferror(file) ? errno : EIO, "cannot read the scratch file of an index");
    return LH_OK;
}

lh_code vector_scratch_read_str(FILE *file, size_t size, lh_arena *arena, lh_str *ret, lh_error *err) {
    char *bytes = lh_arena_alloc(arena, size + 1);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(vector_scratch_read(file, bytes, size, err));
    bytes[size] = '\0';
    *ret = (lh_str){bytes, size};
    return LH_OK;
}
