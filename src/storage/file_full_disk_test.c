/* A full disk: a small tmpfs of the test's own, in a mount namespace that ends with it. That needs root: a test of its
 * own, which CTest calls skipped where it cannot be had. */
#include "base/test.h"
#include "storage/storage.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static char root[] = "/tmp/lh-full-XXXXXX";

static void test_file__a_full_disk_is_io_with_enospc_and_leaves_nothing(void) {
    enum { MIB = 1 << 20 };
    static char bytes[4 * MIB];
    lh_bucket *bucket = NULL;
    lh_error err = {0};
    lh_object_info info;
    CHECK_OK(lh_bucket_open_file(lh_str_from(root), &bucket, &err));
    CHECK_OK(lh_bucket_put(bucket, LH_STR("fits"), (lh_str){bytes, MIB}, (lh_put_condition){0}, NULL, &err));
    CHECK(lh_bucket_put(bucket, LH_STR("too/large"), (lh_str){bytes, 4 * MIB}, (lh_put_condition){0}, NULL, &err) ==
          LH_IO);
    CHECK(err.sys_errno == ENOSPC);
    CHECK(lh_bucket_head(bucket, LH_STR("too/large"), &info, &err) == LH_NOT_FOUND);
    /* the store lives on, and the space is back */
    CHECK(lh_bucket_put(bucket, LH_STR("fits/not"), LH_STR("x"), (lh_put_condition){0}, NULL, &err) == LH_CONFLICT);
    CHECK_OK(lh_bucket_put(bucket, LH_STR("second"), (lh_str){bytes, MIB}, (lh_put_condition){0}, NULL, &err));
    CHECK_OK(lh_bucket_head(bucket, LH_STR("fits"), &info, &err));
    CHECK(info.size_bytes == MIB);
    lh_bucket_free(bucket);
}

static bool small_disk(void) {
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", root, "tmpfs", 0, "size=3m") == 0;
}

int main(void) {
    lh_test tests[] = {LH_TEST(test_file__a_full_disk_is_io_with_enospc_and_leaves_nothing)};
    if (!mkdtemp(root)) return 1;
    int result = 77;
    if (small_disk()) {
        result = lh_test_main(tests, 1);
        umount(root);
    } else {
        fprintf(stderr, "skipped: mounting a small tmpfs needs root\n");
    }
    rmdir(root);
    return result;
}
