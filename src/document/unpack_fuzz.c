/* Any bytes as an archive: files no larger than they may be come out of it, or it is refused with a reason. */
#include "base/fuzz.h"
#include "document/document.h"

#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FUZZ_FILE_BYTES = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lh_code fuzz_each(void *ctx, const lh_document_file *file, lh_error *err) {
    (void)ctx, (void)err;
    assert(file->path.len && file->path.ptr[0] != '/' && file->bytes.len <= FUZZ_FILE_BYTES);
    assert(file->code == LH_OK || (file->fault[0] && file->bytes.len == 0));
    return LH_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_error err = {0};
    int fd = memfd_create("unpack_fuzz", MFD_CLOEXEC);
    assert(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    const lh_document_unpacking unpacking = {
        .fd = fd, .packed_bytes = size, .file_max_bytes = FUZZ_FILE_BYTES, .each = fuzz_each};
    lh_code code = lh_document_unpack(&unpacking, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code != LH_OK) lh_fuzz_told(code, &err);
    close(fd);
    return 0;
}
