/* The suite of all buckets over a folder, twice (openat2 and the walk for kernels without it), and what only a
 * folder has: symbolic links, temporary files, fsyncs that fail. */
#include "storage/bucket_suite.h"
#include "storage/storage_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    char root[128];
    file_options options;
} here;

static lh_bucket *open_at(const char *root, file_options options) {
    lh_bucket *bucket = NULL;
    lh_error err = {0};
    CHECK_OK(bucket_open_file_with(lh_str_from(root), options, &bucket, &err));
    return bucket;
}
static lh_bucket *suite_open(void) { return open_at(here.root, here.options); }

/* Here the suite runs without the disk's waits; durability has tests of its own below. */
static int sync_nothing(void *ctx, int fd) {
    (void)ctx, (void)fd;
    return 0;
}

static const char *path_of(const char *key) {
    static char paths[4][400];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", here.root, key);
    return path;
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* ---- files by a second name ---- */

static void test_file__a_file_of_the_same_disk_is_not_copied(void) {
    SUITE;
    struct stat in = {0}, object = {0}, out = {0};
    write_file(path_of(".scratch/in"), "one");
    CHECK_OK(lh_bucket_put_file(s.bucket, LH_STR("linked/one"), path_of(".scratch/in"), NULL, &err));
    CHECK_OK(lh_bucket_put_file(s.bucket, LH_STR("linked/one"), path_of(".scratch/in"), NULL, &err));
    CHECK_OK(lh_bucket_get_file(s.bucket, LH_STR("linked/one"), path_of(".scratch/out"), NULL, &err));
    CHECK(stat(path_of(".scratch/in"), &in) == 0 && stat(path_of("linked/one"), &object) == 0 &&
          stat(path_of(".scratch/out"), &out) == 0);
    CHECK(in.st_ino == object.st_ino && in.st_ino == out.st_ino && in.st_nlink == 3); /* none is left in put/ */
    suite_put(&s, "linked/one", "two");
    CHECK(stat(path_of(".scratch/in"), &in) == 0 && in.st_size == 3 && in.st_nlink == 2);
    CHECK(lh_bucket_get_file(s.bucket, LH_STR("linked/one"), path_of(".scratch/out"), NULL, &err) == LH_CONFLICT);
    CHECK(remove(path_of(".scratch/in")) == 0 && remove(path_of(".scratch/out")) == 0);
}

/* ---- nothing leaves the root ---- */

static void test_file__symbolic_links_lead_nowhere(void) {
    SUITE;
    char outside[] = "/tmp/lh-outside-XXXXXX", secret[64], buffer[16] = "";
    CHECK(mkdtemp(outside) != NULL);
    snprintf(secret, sizeof secret, "%s/secret", outside);
    write_file(secret, "secret");
    suite_put(&s, "links/real/x", "x");
    CHECK(symlink(outside, path_of("links/out")) == 0 && symlink(secret, path_of("links/file")) == 0);
    CHECK(symlink("real", path_of("links/inner")) == 0 && symlink("../../../../../../etc", path_of("links/up")) == 0);
    static const char *const keys[] = {"links/out/secret", "links/file", "links/inner/x", "links/up/hostname"};
    for (size_t i = 0; i < 4; i++) {
        lh_object_info info;
        lh_str text;
        CHECK(lh_bucket_head(s.bucket, lh_str_from(keys[i]), &info, &err) == LH_DENIED);
        CHECK(lh_bucket_get(s.bucket, lh_str_from(keys[i]), 100, s.arena, &text, NULL, &err) == LH_DENIED);
        CHECK(lh_bucket_sync(s.bucket, lh_str_from(keys[i]), &err) == LH_DENIED);
        CHECK(lh_bucket_delete(s.bucket, lh_str_from(keys[i]), LH_STR_NONE, &err) == LH_DENIED);
        if (i == 1) continue; /* a link as the last part: a put replaces the link itself, see below */
        CHECK(lh_bucket_put(s.bucket, lh_str_from(keys[i]), LH_STR("bad"), SUITE_ANY, NULL, &err) == LH_DENIED);
        CHECK(lh_bucket_put(s.bucket, lh_str_from(keys[i]), LH_STR("bad"), SUITE_ABSENT, NULL, &err) != LH_OK);
    }
    CHECK(lh_bucket_make_folder(s.bucket, LH_STR("links/out/made"), &err) == LH_DENIED);
    CHECK(lh_bucket_put(s.bucket, LH_STR("links/file"), LH_STR("bad"), SUITE_ABSENT, NULL, &err) == LH_CONFLICT);
    CHECK(suite_count_listed(&s, "links/", "") == 1); /* the real one */
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("links/file"), LH_STR("mine"), SUITE_ANY, NULL, &err));
    CHECK_STR(suite_get(&s, "links/file"), LH_STR("mine"));
    FILE *file = fopen(secret, "r");
    CHECK(file && fgets(buffer, sizeof buffer, file) && fclose(file) == 0 && strcmp(buffer, "secret") == 0);
    CHECK(unlink(secret) == 0 && rmdir(outside) == 0); /* and nothing was put beside it */
}

static void test_file__what_is_no_regular_file_is_no_object(void) {
    SUITE;
    lh_object_info info;
    lh_str text;
    CHECK_OK(lh_bucket_make_folder(s.bucket, LH_STR("odd"), &err));
    CHECK(mkfifo(path_of("odd/pipe"), 0600) == 0); /* opening it must not wait for a writer */
    CHECK(lh_bucket_get(s.bucket, LH_STR("odd/pipe"), 10, s.arena, &text, NULL, &err) == LH_NOT_FOUND);
    CHECK(lh_bucket_head(s.bucket, LH_STR("odd/pipe"), &info, &err) == LH_NOT_FOUND);
    CHECK(suite_count_listed(&s, "odd/", "") == 0);
    CHECK(lh_bucket_put(s.bucket, LH_STR("odd"), LH_STR("x"), SUITE_ANY, NULL, &err) == LH_CONFLICT); /* a folder */
    suite_put(&s, "odd2", "x");
    CHECK(lh_bucket_put(s.bucket, LH_STR("odd2/below"), LH_STR("x"), SUITE_ANY, NULL, &err) == LH_CONFLICT);
}

static void test_file__a_scratch_that_is_a_link_is_refused(void) {
    char root[] = "/tmp/lh-scratch-XXXXXX", link[64];
    lh_bucket *bucket = NULL;
    CHECK(mkdtemp(root) != NULL);
    snprintf(link, sizeof link, "%s/.scratch", root);
    CHECK(symlink("/tmp", link) == 0);
    CHECK(lh_bucket_open_file(lh_str_from(root), &bucket, NULL) == LH_DENIED && bucket == NULL);
    CHECK(unlink(link) == 0 && rmdir(root) == 0);
    CHECK(lh_bucket_open_file(LH_STR("/"), &bucket, NULL) == LH_DENIED &&
          lh_bucket_open_file(LH_STR(""), &bucket, NULL) == LH_INVALID);
}

static void test_file__a_root_given_through_a_link_maps_both_ways(void) {
    char link[160], given[200];
    lh_error err = {0};
    lh_str key;
    snprintf(link, sizeof link, "%s-link", here.root);
    CHECK(symlink(here.root, link) == 0);
    suite s = {.bucket = open_at(link, here.options)};
    CHECK_OK(lh_arena_new(1 << 16, &s.arena, &err));
    snprintf(given, sizeof given, "file://%s/a/b", link);
    CHECK_OK(lh_bucket_key_of(s.bucket, lh_str_from(given), s.arena, &key, &err));
    CHECK_STR(key, LH_STR("a/b"));
    CHECK_STR(lh_bucket_location(s.bucket, key, s.arena), lh_str_from(path_of("a/b")));
    suite_done(&s);
    CHECK(unlink(link) == 0);
}

/* ---- versions, many names ---- */

static void test_file__no_two_versions_share_an_etag(void) {
    SUITE;
    enum { VERSIONS = 3000 };
    static char etags[VERSIONS][LH_ETAG_BYTES];
    const char *sorted[VERSIONS];
    for (size_t i = 0; i < VERSIONS; i++) { /* same size, within clock ticks, inodes used again */
        lh_object_info info;
        CHECK_OK(lh_bucket_put(s.bucket, LH_STR("versions"), LH_STR("same"), SUITE_ANY, &info, &err));
        memcpy(etags[i], info.etag, sizeof info.etag);
        sorted[i] = etags[i];
    }
    qsort(sorted, VERSIONS, sizeof *sorted, suite_compare);
    for (size_t i = 1; i < VERSIONS; i++) CHECK(strcmp(sorted[i - 1], sorted[i]) != 0);
}

static size_t list_all(suite *s, const char *prefix, size_t limit) { /* in pages; checks the order */
    char last[64] = "";
    size_t seen = 0;
    lh_error err = {0};
    for (bool more = true; more;) {
        lh_object_page page;
        CHECK_OK(lh_bucket_list(s->bucket, lh_str_from(prefix), lh_str_from(last), limit, s->arena, &page, &err));
        for (size_t i = 0; i < page.count; i++, seen++) {
            CHECK(lh_str_cmp(page.entries[i].key, lh_str_from(last)) > 0);
            snprintf(last, sizeof last, "%.*s", LH_STR_ARG(page.entries[i].key));
        }
        more = page.more;
    }
    return seen;
}

static void test_file__a_folder_of_thousands_lists_whole_and_sorted(void) {
    SUITE;
    enum { FILES = 5000, EMPTY_FOLDERS = 1500 };
    char name[64];
    CHECK_OK(lh_bucket_make_folder(s.bucket, LH_STR("many/files"), &err));
    for (int i = 0; i < FILES; i++) { /* as another program would make them */
        snprintf(name, sizeof name, "many/files/%d", i * 7919 % FILES);
        write_file(path_of(name), "x");
    }
    for (int i = 0; i < EMPTY_FOLDERS; i++) { /* a batch of names without one object */
        snprintf(name, sizeof name, "many/a%d", i);
        CHECK(mkdir(path_of(name), 0755) == 0);
    }
    CHECK(list_all(&s, "many/", 999) == FILES);
    CHECK(list_all(&s, "many/files/", 3000) == FILES);
    CHECK(list_all(&s, "many/files/12", 10) == 111); /* 12, 12x, 12xx */
}

static void test_file__stale_temporary_files_go_at_open_and_others_stay(void) {
    lh_bucket_free(suite_open());
    static const char *const names[] = {".scratch/put/00000000-0000-7000-8000-000000000001",
                                        ".scratch/put/00000000-0000-7000-8000-000000000002",
                                        ".scratch/put/00000000-0000-7000-8000-000000000003"};
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    for (int i = 0; i < 3; i++) write_file(path_of(names[i]), "left behind");
    CHECK(utimensat(AT_FDCWD, path_of(names[0]), old, 0) == 0 && utimensat(AT_FDCWD, path_of(names[1]), old, 0) == 0);
    int held = open(path_of(names[1]), O_RDONLY | O_CLOEXEC); /* a slow writer's */
    CHECK(held >= 0 && flock(held, LOCK_EX | LOCK_NB) == 0);
    lh_bucket_free(suite_open());
    CHECK(access(path_of(names[0]), F_OK) != 0 && access(path_of(names[1]), F_OK) == 0 &&
          access(path_of(names[2]), F_OK) == 0);
    close(held);
    CHECK(unlink(path_of(names[1])) == 0 && unlink(path_of(names[2])) == 0);
}

static size_t count_temporary(void) { /* files in .scratch/put */
    size_t count = 0;
    FILE *pipe = NULL;
    char command[300], line[300];
    snprintf(command, sizeof command, "ls -A '%s/.scratch/put'", here.root);
    pipe = popen(command, "r"); /* NOLINT(cert-env33-c): a test, a fixed command */
    CHECK(pipe != NULL);
    while (fgets(line, sizeof line, pipe)) count++;
    pclose(pipe);
    return count;
}

static void test_file__no_temporary_file_stays_after_any_outcome(void) {
    SUITE;
    lh_object_writer *writer = NULL;
    suite_put(&s, "tidy/a", "x");
    CHECK(lh_bucket_put(s.bucket, LH_STR("tidy/a"), LH_STR("y"), SUITE_ABSENT, NULL, &err) == LH_CONFLICT);
    CHECK_OK(lh_bucket_put_begin(s.bucket, LH_STR("tidy/b"), SUITE_ABSENT, &writer, &err));
    suite_put(&s, "tidy/b", "first"); /* so that commit, not begin, finds it */
    CHECK(lh_put_commit(writer, NULL, &err) == LH_CONFLICT);
    CHECK_OK(lh_bucket_put_begin(s.bucket, LH_STR("tidy/a/below"), SUITE_ANY, &writer, &err));
    CHECK(lh_put_commit(writer, NULL, &err) == LH_CONFLICT);
    CHECK_OK(lh_bucket_put_begin(s.bucket, LH_STR("tidy/c"), SUITE_ANY, &writer, &err));
    lh_put_abort(writer);
    CHECK(count_temporary() == 0);
}

/* ---- processes ---- */

static void test_file__of_many_processes_exactly_one_creates(void) {
    enum { PROCESSES = 6, ROUNDS = 20 };
    int go[2];
    pid_t children[PROCESSES];
    unsigned char byte;
    CHECK(pipe2(go, O_CLOEXEC) == 0);
    for (int p = 0; p < PROCESSES; p++) {
        children[p] = fork();
        CHECK(children[p] >= 0);
        if (children[p]) continue;
        lh_bucket *bucket = suite_open();
        unsigned won = 0;
        close(go[1]);
        (void)!read(go[0], &byte, 1); /* end of file starts all at once */
        for (unsigned round = 0; round < ROUNDS; round++) {
            char key[32];
            snprintf(key, sizeof key, "procs/%u", round);
            lh_code code = lh_bucket_put(bucket, lh_str_from(key), LH_STR("x"), SUITE_ABSENT, NULL, NULL);
            if (code != LH_OK && code != LH_CONFLICT) _exit(255);
            won += code == LH_OK;
        }
        _exit((int)won);
    }
    close(go[0]);
    close(go[1]);
    int total = 0;
    for (int p = 0; p < PROCESSES; p++) {
        int status;
        CHECK(waitpid(children[p], &status, 0) == children[p] && WIFEXITED(status) && WEXITSTATUS(status) != 255);
        total += WEXITSTATUS(status);
    }
    CHECK(total == ROUNDS);
}

/* ---- fsync ---- */

typedef struct sync_plan {
    int calls, fail_at; /* the fail_at-th call (from 1) fails; 0: none */
    int files, folders;
    bool named_before_file_sync;
    const char *watched; /* path that must not exist before its file was synced */
} sync_plan;

static int sync_planned(void *ctx, int fd) {
    sync_plan *plan = ctx;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) plan->folders++;
    else {
        plan->files++;
        if (plan->watched && access(plan->watched, F_OK) == 0) plan->named_before_file_sync = true;
    }
    if (++plan->calls != plan->fail_at) return 0;
    errno = EIO;
    return -1;
}

static void test_file__put_syncs_the_file_before_it_has_its_name_and_each_new_folder(void) {
    sync_plan plan = {0};
    lh_error err = {0};
    suite s = {.bucket = open_at(here.root,
                                 (file_options){.walk = here.options.walk, .sync = sync_planned, .sync_ctx = &plan})};
    CHECK_OK(lh_arena_new(1 << 16, &s.arena, &err));
    plan = (sync_plan){.watched = path_of("sync/a/b/object")};
    suite_put(&s, "sync/a/b/object", "x");
    CHECK(!plan.named_before_file_sync && plan.files == 1 &&
          plan.folders == 4); /* root, sync, a (new entries), b (the object's) */
    plan = (sync_plan){0};
    suite_put(&s, "sync/a/b/object2", "x");
    CHECK(plan.files == 1 && plan.folders == 1);
    suite_done(&s);
    s = (suite){.bucket = open_at(here.root,
                                  (file_options){.walk = here.options.walk, .sync = sync_planned, .sync_ctx = &plan})};
    plan = (sync_plan){0};
    CHECK_OK(lh_bucket_put(s.bucket, LH_STR("sync/a/b/object3"), LH_STR("x"), SUITE_ANY, NULL, &err));
    CHECK(plan.files == 1 && plan.folders == 4); /* whoever made the folders may not have synced them */
    plan = (sync_plan){0};
    CHECK_OK(lh_bucket_sync(s.bucket, LH_STR("sync/a/b/object3"), &err));
    CHECK(plan.files == 1 && plan.folders == 1);
    plan = (sync_plan){0};
    CHECK_OK(lh_bucket_delete(s.bucket, LH_STR("sync/a/b/object3"), LH_STR_NONE, &err));
    CHECK(plan.folders == 1);
    suite_done(&s);
}

static void test_file__a_failed_fsync_stops_writes_and_not_reads(void) {
    suite plain = suite_begin();
    suite_put(&plain, "poison/there", "x");
    int failed = 0;
    for (int nth = 1; nth < 20; nth++) {
        sync_plan plan = {0};
        lh_error err = {0};
        lh_str text;
        char key[32];
        lh_bucket *bucket =
            open_at(here.root, (file_options){.walk = here.options.walk, .sync = sync_planned, .sync_ctx = &plan});
        plan = (sync_plan){.fail_at = nth};
        snprintf(key, sizeof key, "poison/%d/object", nth);
        lh_code code = lh_bucket_put(bucket, lh_str_from(key), LH_STR("x"), SUITE_ANY, NULL, &err);
        if (code == LH_OK) {
            CHECK(plan.calls < nth);
            lh_bucket_free(bucket);
            break;
        }
        failed++;
        CHECK(code == LH_IO && err.sys_errno == EIO);
        CHECK(lh_bucket_put(bucket, LH_STR("poison/later"), LH_STR("x"), SUITE_ANY, NULL, &err) == LH_IO);
        CHECK(lh_bucket_delete(bucket, LH_STR("poison/there"), LH_STR_NONE, &err) == LH_IO);
        CHECK(lh_bucket_sync(bucket, LH_STR("poison/there"), &err) == LH_IO);
        CHECK(lh_bucket_make_folder(bucket, LH_STR("poison/folder"), &err) == LH_IO);
        CHECK_OK(lh_bucket_get(bucket, LH_STR("poison/there"), 10, plain.arena, &text, NULL, &err));
        lh_bucket_free(bucket);
    }
    CHECK(failed >= 4);
    CHECK(count_temporary() == 0);
    suite_done(&plain);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static int run(file_options options) {
    lh_test tests[] = {
        SUITE_TESTS,
        LH_TEST(test_file__a_file_of_the_same_disk_is_not_copied),
        LH_TEST(test_file__symbolic_links_lead_nowhere),
        LH_TEST(test_file__what_is_no_regular_file_is_no_object),
        LH_TEST(test_file__a_scratch_that_is_a_link_is_refused),
        LH_TEST(test_file__a_root_given_through_a_link_maps_both_ways),
        LH_TEST(test_file__no_two_versions_share_an_etag),
        LH_TEST(test_file__a_folder_of_thousands_lists_whole_and_sorted),
        LH_TEST(test_file__stale_temporary_files_go_at_open_and_others_stay),
        LH_TEST(test_file__no_temporary_file_stays_after_any_outcome),
        LH_TEST(test_file__of_many_processes_exactly_one_creates),
        LH_TEST(test_file__put_syncs_the_file_before_it_has_its_name_and_each_new_folder),
        LH_TEST(test_file__a_failed_fsync_stops_writes_and_not_reads),
    };
    const char *temp = getenv("TMPDIR");
    char folder[100], real[PATH_MAX];
    snprintf(folder, sizeof folder, "%.70s/lh-file-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(folder) || !realpath(folder, real)) return 1;
    snprintf(here.root, sizeof here.root, "%.100s/root", real);
    here.options = options;
    int failed = lh_test_main(tests, sizeof tests / sizeof *tests);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed;
}

int main(void) {
    int failed = run((file_options){.sync = sync_nothing});
    return failed + run((file_options){.sync = sync_nothing, .walk = true}) != 0;
}
