/* A child puts objects in loops and reports each acknowledged one through a pipe; it is killed (SIGKILL) at random
 * moments. After each kill: every acknowledged object is there and whole, every listed object is whole, nothing of
 * a put that was cut off shows. (A kill does not test the disk's cache; the order of fsyncs has its own test.) */
#include "base/test.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 25, NAMES = 40 };

/* Object: "<name> <version> <size>\n" and then size bytes that depend on them. */
static char *crash_make(unsigned name, unsigned version, size_t *ret_size) {
    size_t body = (size_t)(name * 7919u + version * 104729u) % 300000u;
    char *text = malloc(body + 64);
    if (!text) abort();
    int head = snprintf(text, 64, "%u %u %zu\n", name, version, body);
    for (size_t i = 0; i < body; i++) text[(size_t)head + i] = (char)(name + version + i * 31u);
    *ret_size = (size_t)head + body;
    return text;
}

static bool crash_is_whole(lh_str text, unsigned *ret_name, unsigned *ret_version) {
    size_t size;
    if (text.len < 6 || sscanf(text.ptr, "%u %u", ret_name, ret_version) != 2) return false;
    LH_CLEANUP(lh_free_pointer) char *expected = crash_make(*ret_name, *ret_version, &size);
    return size == text.len && memcmp(expected, text.ptr, size) == 0;
}

typedef struct crash_ack {
    unsigned name, version;
} crash_ack;

/* Runs until it is killed. Names of even number are replaced, those of odd number created by if_absent, in turns. */
static _Noreturn void crash_child(const char *root, unsigned first_version, int ack_fd) {
    lh_bucket *bucket = NULL;
    if (lh_bucket_open_file(lh_str_from(root), &bucket, NULL) != LH_OK) _exit(1);
    for (unsigned version = first_version;; version++) {
        for (unsigned name = 0; name < NAMES; name++) {
            char key[64];
            size_t size;
            bool absent = name % 2 != 0;
            snprintf(key, sizeof key, absent ? "log/%u/%u-%u" : "over/%u/%u", name % 5, name, version);
            char *text = crash_make(name, version, &size);
            lh_code code = lh_bucket_put(bucket, lh_str_from(key), (lh_str){text, size},
                                         (lh_put_condition){.if_absent = absent}, NULL, NULL);
            free(text);
            if (code != LH_OK) _exit(2);
            if (write(ack_fd, &(crash_ack){name, version}, sizeof(crash_ack)) != sizeof(crash_ack)) _exit(3);
        }
    }
}

static void crash_check(const char *root, const unsigned *acked) {
    lh_error err = {0};
    lh_bucket *bucket = NULL;
    CHECK_OK(lh_bucket_open_file(lh_str_from(root), &bucket, &err));
    char after[128] = "";
    for (bool more = true; more;) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_object_page page;
        CHECK_OK(lh_arena_new(512 << 20, &arena, &err));
        CHECK_OK(lh_bucket_list(bucket, LH_STR_NONE, lh_str_from(after), 200, arena, &page, &err));
        for (size_t i = 0; i < page.count; i++) {
            unsigned name, version;
            lh_str text;
            CHECK_OK(lh_bucket_get(bucket, page.entries[i].key, 1 << 20, arena, &text, NULL, &err));
            CHECK(crash_is_whole(text, &name, &version));
            snprintf(after, sizeof after, "%.*s", LH_STR_ARG(page.entries[i].key));
        }
        more = page.more;
    }
    for (unsigned name = 0; name < NAMES; name++) { /* the last acknowledged version of each name, or a later one */
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        char key[64];
        unsigned got_name, version;
        lh_str text;
        if (!acked[name]) continue;
        CHECK_OK(lh_arena_new(8 << 20, &arena, &err));
        snprintf(key, sizeof key, name % 2 ? "log/%u/%u-%u" : "over/%u/%u", name % 5, name, acked[name]);
        CHECK_OK(lh_bucket_get(bucket, lh_str_from(key), 1 << 20, arena, &text, NULL, &err));
        CHECK(crash_is_whole(text, &got_name, &version) && got_name == name && version >= acked[name]);
    }
    lh_bucket_free(bucket);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void test_file_crash__every_acknowledged_object_survives_kills(void) {
    const char *temp = getenv("TMPDIR");
    char root[100];
    unsigned acked[NAMES] = {0}, first_version = 1;
    size_t total = 0;
    snprintf(root, sizeof root, "%.70s/lh-crash-XXXXXX", temp ? temp : "/tmp");
    CHECK(mkdtemp(root) != NULL);
    for (int round = 0; round < ROUNDS; round++) {
        int pipe_fds[2];
        crash_ack ack;
        CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) crash_child(root, first_version, pipe_fds[1]);
        close(pipe_fds[1]);
        uint64_t kill_after =
            1 + lh_random_below(2 * NAMES); /* acknowledged puts, and then somewhere within the next */
        for (uint64_t seen = 0; read(pipe_fds[0], &ack, sizeof ack) == sizeof ack;) {
            acked[ack.name] = ack.version;
            if (ack.version >= first_version) first_version = ack.version + 1;
            total++;
            if (++seen == kill_after) {
                struct timespec within = {.tv_nsec = (long)lh_random_below(4000000)};
                nanosleep(&within, NULL);
                kill(child, SIGKILL);
            }
        }
        close(pipe_fds[0]);
        int status;
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        first_version++; /* a version may be there unacknowledged */
        if (round % 5 == 4) crash_check(root, acked);
    }
    print_message("%zu acknowledged puts, %d kills\n", total, ROUNDS);
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

LH_TEST_MAIN(LH_TEST(test_file_crash__every_acknowledged_object_survives_kills))
