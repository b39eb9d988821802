#include "base/test.h"
#include "cli/cli_internal.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned count_runs(const char *root) {
    char path[256];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/.scratch", root);
    DIR *dir = opendir(path);
    if (!dir) return 0;
    for (struct dirent *entry; (entry = readdir(dir));) count += strncmp(entry->d_name, "run-", 4) == 0;
    closedir(dir);
    return count;
}

static void test_cli__a_crash_leaves_scratch_that_the_next_start_removes(void) {
    char root[] = "/tmp/lakehouse-scratch-XXXXXX";
    lh_error err = {0};
    lh_scratch first, second;
    CHECK(mkdtemp(root));
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(lh_scratch_open(lh_str_from(root), &first, NULL) == LH_OK ? 0 : 1); /* dies without closing */
    int status = 1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(count_runs(root) == 1);
    CHECK_OK(lh_scratch_open(lh_str_from(root), &first, &err));
    CHECK(count_runs(root) == 1); /* the dead one's is gone */
    CHECK_OK(lh_scratch_open(lh_str_from(root), &second, &err));
    CHECK(count_runs(root) == 2); /* a living one's stays */
    CHECK(access(first.path, W_OK) == 0 && access(second.path, W_OK) == 0);
    lh_scratch_close(&first);
    lh_scratch_close(&first);
    CHECK(count_runs(root) == 1);
    lh_scratch_close(&second);
    CHECK(count_runs(root) == 0);
    lh_cli_remove_tree(root);
    CHECK(access(root, F_OK) != 0);
}

static void test_cli__scratch_of_an_impossible_root_is_an_error(void) {
    lh_error err = {0};
    lh_scratch scratch = {.lock_fd = -1};
    CHECK(lh_scratch_open(LH_STR("/dev/null/x"), &scratch, &err) != LH_OK && err.message[0]);
    CHECK(lh_scratch_open(LH_STR("a\0b"), &scratch, &err) == LH_INVALID);
    CHECK(scratch.lock_fd == -1);
}

LH_TEST_MAIN(LH_TEST(test_cli__a_crash_leaves_scratch_that_the_next_start_removes),
             LH_TEST(test_cli__scratch_of_an_impossible_root_is_an_error))
