#include "base/config_internal.h"
#include "base/test.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Takes the place of the C library's, so that a file of our own can be another user's without being root. */
static uid_t stranger_by;
uid_t geteuid(void) { return (uid_t)syscall(SYS_geteuid) + stranger_by; }

static lh_code find_in(lh_arena *arena, const char *text, mode_t mode, const char *name, lh_secret *ret, lh_error *err) {
    char path[] = "/tmp/lakehouse-secrets-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(fchmod(fd, mode) == 0);
    close(fd);
    const lh_secret_provider file = lh_secrets_file(path);
    lh_code code = lh_secret_find(&file, 1, lh_str_from(name), arena, ret, err);
    unlink(path);
    return code;
}

static const char two[] = "[a]\naccess_key = \"AK\"\nsecret_key = \"SK\"\n[b-2]\naccess_key = \"x\"\nsecret_key = \"y\"\n";

static void test_secrets__a_file_gives_the_named_one_if_it_is_its_owners_alone(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_secret found = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(find_in(arena, two, 0600, "a", &found, &err));
    CHECK_STR(found.access_key, LH_STR("AK"));
    CHECK_STR(found.secret_key, LH_STR("SK"));
    CHECK(find_in(arena, two, 0600, "c", &found, &err) == LH_NOT_FOUND);
    CHECK(find_in(arena, two, 0640, "a", &found, &err) == LH_DENIED && strstr(err.message, "chmod 600"));
    CHECK(find_in(arena, two, 0604, "a", &found, &err) == LH_DENIED);
}

static void test_secrets__a_file_of_another_user_is_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_secret found = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    stranger_by = 1;
    lh_code code = find_in(arena, two, 0600, "a", &found, &err);
    stranger_by = 0;
    CHECK(code == LH_DENIED && strstr(err.message, "belongs to another user"));
    CHECK_OK(find_in(arena, two, 0600, "a", &found, &err));
}

/* The same of a file that really is. */
static void test_secrets__a_file_that_root_gave_away_is_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_secret found = {0};
    char path[] = "/tmp/lakehouse-secrets-XXXXXX";
    if (geteuid() != 0) skip(); /* cmocka says SKIPPED: only root can give a file away */
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    int fd = mkstemp(path);
    CHECK(fd >= 0 && fchown(fd, 12345, (gid_t)-1) == 0);
    close(fd);
    const lh_secret_provider file = lh_secrets_file(path);
    lh_code code = lh_secret_find(&file, 1, LH_STR("a"), arena, &found, &err);
    unlink(path);
    CHECK(code == LH_DENIED && strstr(err.message, "belongs to another user"));
}

static void test_secrets__a_complaint_never_quotes_the_text(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    static const char *const texts[] = {"[a]\nsecret_key = hunter2\n", "[a]\nkey = \"hunter2\"\n", "secret_key = \"hunter2\"\n",
                                        "[a]\naccess_key = \"hunter2\"\n", "[[a.hunter2]]\nx = 1\n"};
    lh_error err = {0};
    lh_secret found = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CHECK(find_in(arena, texts[i], 0600, "a", &found, &err) == LH_INVALID);
        CHECK(strstr(err.message, "hunter2") == NULL && err.message[0]);
    }
}

static void test_secrets__the_environment_comes_first_and_is_whole(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_secret found = {0};
    char access[] = "LAKEHOUSE_SECRET__B_2__ACCESS_KEY=from", secret[] = "LAKEHOUSE_SECRET__B_2__SECRET_KEY=env";
    char half[] = "LAKEHOUSE_SECRET__C__ACCESS_KEY=from";
    char api[] = "LAKEHOUSE_SECRET__GPU__API_KEY=key", both[] = "LAKEHOUSE_SECRET__B_3__API_KEY=key";
    char access_3[] = "LAKEHOUSE_SECRET__B_3__ACCESS_KEY=from", secret_3[] = "LAKEHOUSE_SECRET__B_3__SECRET_KEY=env";
    char *const environment[] = {access, secret, half, api, both, access_3, secret_3, NULL};
    const lh_secret_provider provider = lh_secrets_environment(environment);
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_secret_find(&provider, 1, LH_STR("b-2"), arena, &found, &err));
    CHECK_STR(found.secret_key, LH_STR("env"));
    CHECK(lh_secret_find(&provider, 1, LH_STR("c"), arena, &found, &err) == LH_INVALID);
    CHECK(lh_secret_find(&provider, 1, LH_STR("d"), arena, &found, &err) == LH_NOT_FOUND);
    CHECK(lh_secret_find(&provider, 1, LH_STR("b-3"), arena, &found, &err) == LH_INVALID);
    CHECK_OK(lh_secret_find(&provider, 1, LH_STR("gpu"), arena, &found, &err));
    CHECK(found.access_key.len == 0 && lh_str_eq(found.api_key, LH_STR("key")));
}

static void test_secrets__an_api_key_stands_alone_in_a_file(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_secret found = {0};
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(find_in(arena, "[gpu]\napi_key = \"k\"\n", 0600, "gpu", &found, &err));
    CHECK_STR(found.api_key, LH_STR("k"));
    CHECK(find_in(arena, "[gpu]\napi_key = \"k\"\nsecret_key = \"s\"\n", 0600, "gpu", &found, &err) == LH_INVALID);
}

LH_TEST_MAIN(LH_TEST(test_secrets__a_file_gives_the_named_one_if_it_is_its_owners_alone),
             LH_TEST(test_secrets__a_file_of_another_user_is_refused),
             LH_TEST(test_secrets__a_file_that_root_gave_away_is_refused),
             LH_TEST(test_secrets__a_complaint_never_quotes_the_text),
             LH_TEST(test_secrets__the_environment_comes_first_and_is_whole),
             LH_TEST(test_secrets__an_api_key_stands_alone_in_a_file))
