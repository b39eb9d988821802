#include "base/config_internal.h"
#include "base/test.h"

#include <unistd.h>

static lh_arena *test_arena(void) {
    lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(4 << 20, &arena, &err));
    return arena;
}

/* Writes text to a temporary file and loads it. */
static lh_code load_toml(lh_arena *arena, const char *text, char *const *environment, lh_config *ret, lh_error *err) {
    char path[] = "/tmp/lakehouse-config-XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    lh_code code = lh_config_load(arena, path, environment, NULL, 0, ret, err);
    unlink(path);
    return code;
}

static void test_config__defaults_are_those_of_the_table(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_config config;
    CHECK_OK(lh_config_load(arena, NULL, NULL, NULL, 0, &config, &err));
    CHECK_STR(config.server_listen, LH_STR("127.0.0.1:3100"));
    CHECK(config.server_workers == 32 && config.storage_s3_path_style);
    CHECK(config.server_body_max_bytes == INT64_C(1) << 40);
    CHECK_STR(config.auth_mode, LH_STR("off"));
}

static void test_config__flags_beat_environment_beats_file(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_config config;
    CHECK_OK(load_toml(
        arena, "[server]\nworkers = 3\nqueue_max = 4\nlisten = \"127.0.0.1:1\"\n[storage]\ns3_path_style = false\n",
        (char *[]){(char[]){"LAKEHOUSE__SERVER__QUEUE_MAX=5"}, (char[]){"PATH=/bin"}, NULL}, &config, &err));
    CHECK(config.server_workers == 3 && config.server_queue_max == 5 && !config.storage_s3_path_style);
    const lh_config_override flags[] = {{LH_STR("server.queue_max"), LH_STR("6")},
                                        {LH_STR("storage.s3_path_style"), LH_STR("false")}};
    CHECK_OK(lh_config_load(arena, NULL, (char *[]){(char[]){"LAKEHOUSE__SERVER__QUEUE_MAX=5"}, NULL}, flags, 2,
                            &config, &err));
    CHECK(config.server_queue_max == 6 && !config.storage_s3_path_style);
}

static void test_config__every_wrong_file_names_place_and_cure(void) {
    static const struct {
        const char *toml, *expected;
    } cases[] = {
        {"[[storage.buckets]]\nname = \"a\"\nrooot = \"x\"\n",
         ":3: unknown setting 'rooot' of a bucket; did you mean root?"},
        {"[[storage.bucket]]\nname = \"a\"\n",
         ":1: unknown list [[storage.bucket]]; did you mean [[storage.buckets]]?"},
        {"[server]\n\nlisten_on = \"x\"\n", ":3: unknown setting server.listen_on; did you mean server.listen?"},
        {"[server]\nmemory_precent = 5\n",
         ":2: unknown setting server.memory_precent; did you mean engine.memory_percent?"},
        {"# c\n[servr]\n", ":2: unknown section [servr]; did you mean [server]?"},
        {"workers = 3\n", ":1: 'workers' stands outside a section; did you mean workers under [server]?"},
        {"[server]\nworkers = \"3\"\n", ":2: server.workers takes a whole number (threads)"},
        {"[server]\nworkers = 1\n", ":2: server.workers is 1, not within 2 and 1024 threads"},
        {"[server]\nlisten = 3100\n", ":2: server.listen takes a text in quotes"},
        {"[storage]\nkind = \"gcs\"\n", ":2: storage.kind is one of file|s3, not 'gcs'"},
        {"[storage]\ns3_path_style = 1\n", ":2: storage.s3_path_style takes true or false"},
        {"[storage]\nroot = [\"a\"]\n", ":2: storage.root takes a text in quotes"},
        {"[storage]\nroot = \"a\\u0000b\"\n", ":2: storage.root holds a control character"},
        {"[server]\nworkers = = 3\n", ":2: not valid TOML: "},
        {"[server]\nzzz = 1\naaa = 1\n", ":2: "},
    };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_error err = {0};
        lh_config config = {.server_workers = 77};
        CHECK(load_toml(arena, cases[i].toml, NULL, &config, &err) == LH_INVALID);
        if (!strstr(err.message, cases[i].expected))
            print_error("got '%s', expected '%s'\n", err.message, cases[i].expected);
        CHECK(strstr(err.message, cases[i].expected));
        CHECK(err.line >= 1 && config.server_workers == 77);
    }
}

static void test_config__unknown_variables_and_flags_name_the_nearest(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_config config;
    CHECK(lh_config_load(arena, NULL, (char *[]){(char[]){"LAKEHOUSE__SERVER__WORKER=5"}, NULL}, NULL, 0, &config,
                         &err) == LH_INVALID);
    CHECK_STR(lh_str_from(err.message),
              LH_STR("LAKEHOUSE__SERVER__WORKER: no such setting; did you mean LAKEHOUSE__SERVER__WORKERS?"));
    CHECK(lh_config_load(arena, NULL, (char *[]){(char[]){"LAKEHOUSE__SERVER__WORKERS=five"}, NULL}, NULL, 0, &config,
                         &err) == LH_INVALID);
    const lh_config_override word = {LH_STR("engine.threads"), LH_STR("many")};
    CHECK(lh_config_load(arena, NULL, NULL, &word, 1, &config, &err) == LH_INVALID);
    CHECK_STR(lh_str_from(err.message), LH_STR("engine.threads takes a whole number (threads)"));
    const lh_config_override flag = {LH_STR("engine.thread"), LH_STR("1")};
    CHECK(lh_config_load(arena, NULL, NULL, &flag, 1, &config, &err) == LH_INVALID);
    CHECK_STR(lh_str_from(err.message), LH_STR("engine.thread: no such setting; did you mean engine.threads?"));
}

static void test_config__a_missing_file_is_not_found(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_config config;
    CHECK(lh_config_load(arena, "/nowhere/lakehouse.toml", NULL, NULL, 0, &config, NULL) == LH_NOT_FOUND);
    lh_error err = {0};
    CHECK(lh_config_load(arena, "/", NULL, NULL, 0, &config, &err) == LH_INVALID);
}

static void test_config__settings_that_contradict_each_other_are_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_config config;
    CHECK(load_toml(arena, "[server]\nlisten = \"0.0.0.0:3100\"\n[auth]\nmode = \"off\"\n", NULL, &config, &err) ==
          LH_INVALID);
    CHECK(strstr(err.message, "auth.mode"));
    CHECK_OK(load_toml(arena, "[server]\nlisten = \"0.0.0.0:3100\"\n[auth]\nmode = \"keys\"\n", NULL, &config, &err));
    CHECK_OK(load_toml(arena, "[server]\nlisten = \"[::1]:0\"\n", NULL, &config, &err));
    CHECK(load_toml(arena, "[server]\nlisten = \"127.0.0.1.evil.example:1\"\n[auth]\nmode = \"off\"\n", NULL, &config,
                    &err) == LH_INVALID);
    CHECK(load_toml(arena, "[server]\nlisten = \"localhost\"\n", NULL, &config, &err) == LH_INVALID);
    CHECK(load_toml(arena, "[server]\ntls_key = \"k.pem\"\n", NULL, &config, &err) == LH_INVALID);
    CHECK(load_toml(arena, "[storage]\nkind = \"s3\"\ns3_endpoint = \"http://127.0.0.1:1\"\n", NULL, &config, &err) ==
          LH_INVALID);
    CHECK(strstr(err.message, "storage.s3_bucket is empty"));
}

static void test_config__show_hides_secrets_and_loads_again(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_config config, again;
    CHECK_OK(load_toml(arena,
                       "[server]\nworkers = 3\n[storage]\nroot = 'a \"b\" \\c'\n[auth]\nadmin_key = \"hush-hush\"\n",
                       NULL, &config, &err));
    lh_str text;
    CHECK_OK(lh_config_show(arena, &config, &text, &err));
    CHECK(lh_str_search(text, LH_STR("hush")) == SIZE_MAX);
    CHECK(lh_str_search(text, LH_STR("admin_key = \"***\"")) != SIZE_MAX);
    CHECK(lh_str_search(text, LH_STR("; default 32\nworkers = 3\n")) != SIZE_MAX);
    CHECK_OK(load_toml(arena, text.ptr, NULL, &again, &err));
    CHECK(again.server_workers == 3);
    CHECK_STR(again.storage_root, LH_STR("a \"b\" \\c"));
}

static void test_config__a_wrong_secret_is_not_repeated(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_config config;
    CHECK(load_toml(arena, "[auth]\nadmin_key = \"hush\\u0001hush\"\n", NULL, &config, &err) == LH_INVALID);
    CHECK(!strstr(err.message, "hush"));
    CHECK(load_toml(arena, "[auth]\nadmin_key = \"hush\" hush\n", NULL, &config, &err) == LH_INVALID);
    CHECK(!strstr(err.message, "hush"));
}

static void test_config__a_nul_byte_is_refused_with_its_line(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_config config = {0};
    CHECK(lh_config_read_toml(arena, "f", LH_STR("a\n[\0t]\n"), &config, &err) == LH_INVALID);
    CHECK_STR(lh_str_from(err.message), LH_STR("f:2: not valid TOML: a NUL byte"));
}

static void test_config__reference_names_every_setting(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_str text;
    CHECK_OK(lh_config_reference(arena, &text, &err));
#define LH_SETTING(section, key, type, fallback, min, max, unit, help)                                                 \
    CHECK(lh_str_search(text, LH_STR("| `" #section "." #key "` | ")) != SIZE_MAX);
#include "base/settings.def"
#undef LH_SETTING
}

static void test_config__grpc_listens_behind_http_and_not_for_strangers(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_config config;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_config_load(arena, NULL, NULL, NULL, 0, &config, &err));
    CHECK(config.grpc_enabled && lh_config_grpc_port(&config) == 3101);
    const struct {
        const char *listen, *port;
        uint16_t expected;
    } ports[] = {{"127.0.0.1:3200", "-1", 3201}, {"127.0.0.1:0", "-1", 0}, {"[::1]:80", "-1", 81},
                 {"127.0.0.1:65535", "-1", 0},   {"127.0.0.1:0", "7", 7},  {"127.0.0.1:3100", "0", 0}};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
        const lh_config_override flags[] = {{LH_STR("server.listen"), lh_str_from(ports[i].listen)},
                                            {LH_STR("grpc.port"), lh_str_from(ports[i].port)}};
        CHECK_OK(lh_config_load(arena, NULL, NULL, flags, 2, &config, &err));
        CHECK(lh_config_grpc_port(&config) == ports[i].expected);
    }
    lh_config_override flags[] = {{LH_STR("grpc.host"), LH_STR("0.0.0.0")}, {LH_STR("auth.mode"), LH_STR("off")}};
    CHECK(lh_config_load(arena, NULL, NULL, flags, 2, &config, &err) == LH_INVALID);
    CHECK(strstr(err.message, "grpc.host 0.0.0.0") && strstr(err.message, "auth.mode"));
    flags[1].value = LH_STR("keys");
    CHECK_OK(lh_config_load(arena, NULL, NULL, flags, 2, &config, &err));
    flags[1] = (lh_config_override){LH_STR("grpc.enabled"), LH_STR("false")};
    CHECK_OK(lh_config_load(arena, NULL, NULL, flags, 2, &config, &err));
    const char *const local[] = {"127.9.9.9", "localhost", "::1", "[::1]"};
    for (size_t i = 0; i < 4; i++) {
        flags[0].value = lh_str_from(local[i]);
        CHECK_OK(lh_config_load(arena, NULL, NULL, flags, 1, &config, &err));
    }
}

static void test_config__a_list_of_buckets_is_checked(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    static const char *const cases[][2] = {
        {"[[storage.buckets]]\nname = \"A\"\nroot = \"x\"\n", "'A' is no name of a bucket"},
        {"[[storage.buckets]]\nname = \"a\"\nkind = \"s3\"\n", "'a' is of kind s3, but has no endpoint"},
        {"[[storage.buckets]]\nname = \"a\"\nroot = \"x\"\n[[storage.buckets]]\nname = \"a\"\nroot = \"y\"\n",
         "two are called 'a'"},
        {"[storage]\nprimary = \"b\"\n[[storage.buckets]]\nname = \"a\"\nroot = \"x\"\n", "none of storage.buckets"},
        {"[storage]\nrescue_bucket = \"b\"\n[[storage.buckets]]\nname = \"a\"\nroot = \"x\"\n", "rescue_bucket is 'b'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_error err = {0};
        lh_config config;
        CHECK(load_toml(arena, cases[i][0], NULL, &config, &err) == LH_INVALID);
        CHECK(strstr(err.message, cases[i][1]));
    }
    lh_error err = {0};
    lh_config config;
    CHECK_OK(load_toml(arena, "[[storage.buckets]]\nname = \"a\"\nroot = \"x\"\n", NULL, &config, &err));
    CHECK_STR(lh_config_primary(&config), LH_STR("primary"));
    CHECK(!lh_config_lists_primary(&config) && config.storage_bucket_count == 1);
    CHECK_OK(load_toml(
        arena, "[storage]\nprimary = \"a\"\nrescue_bucket = \"a\"\n[[storage.buckets]]\nname = \"a\"\nroot = \"x\"\n",
        NULL, &config, &err));
    CHECK(lh_config_lists_primary(&config));
}

static void test_config__authentication_is_on_when_anything_asks_for_it(void) {
    static const char *const off = "off", *const keys = "keys";
    char hush[] = "LAKEHOUSE_ADMIN_KEY=hush-hush", nothing[] = "LAKEHOUSE_ADMIN_KEY=",
         by_name[] = "LAKEHOUSE__AUTH__ADMIN_KEY=by-name";
    char *const admin[] = {hush, NULL}, *const empty[] = {nothing, NULL}, *const two[] = {by_name, hush, NULL};
    const struct {
        const char *toml;
        char *const *environment;
        const char *mode; /* NULL: refused */
    } cases[] = {{"", NULL, off},
                 {"", empty, off},
                 {"", admin, keys},
                 {"[auth]\nadmin_key = \"hush-hush\"\n", NULL, keys},
                 {"[auth]\nanonymous = \"guest\"\n", NULL, keys},
                 {"[server]\nlisten = \"0.0.0.0:3100\"\n", NULL, keys},
                 {"[server]\nlisten = \"localhost.evil.example:1\"\n", NULL, keys},
                 {"[server]\nlisten = \"[::]:3100\"\n", NULL, keys},
                 {"[grpc]\nhost = \"0.0.0.0\"\n", NULL, keys},
                 {"[grpc]\nhost = \"0.0.0.0\"\nenabled = false\n", NULL, off},
                 {"[server]\nlisten = \"127.0.0.9:3100\"\n[auth]\nmode = \"auto\"\n", NULL, off},
                 {"[auth]\nmode = \"keys\"\n", NULL, keys},
                 {"[auth]\nmode = \"off\"\n", admin, NULL},
                 {"[auth]\nmode = \"off\"\nanonymous = \"guest\"\n", NULL, NULL},
                 {"[auth]\nmode = \"off\"\njwt_jwks = \"keys.json\"\n", NULL, NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
        lh_error err = {0};
        lh_config config = {0};
        lh_code code = load_toml(arena, cases[i].toml, cases[i].environment, &config, &err);
        CHECK(code == (cases[i].mode ? LH_OK : LH_INVALID));
        if (cases[i].mode) CHECK_STR(config.auth_mode, lh_str_from(cases[i].mode));
        else CHECK(strstr(err.message, "auth.mode is off") && !strstr(err.message, "hush"));
    }
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = test_arena();
    lh_error err = {0};
    lh_config config = {0};
    CHECK_OK(load_toml(arena, "", two, &config, &err));
    CHECK_STR(config.auth_admin_key, LH_STR("by-name"));
    CHECK_OK(load_toml(arena, "[auth]\nadmin_key = \"of the file\"\n", admin, &config, &err));
    CHECK_STR(config.auth_admin_key, LH_STR("hush-hush"));
}

static void test_config__every_cap_of_the_arena_fails_cleanly(void) {
    lh_error err = {0};
    const char *toml = "[storage]\nroot = \"somewhere\"\n[auth]\nadmin_key = \"k\"\n";
    for (size_t cap = 1;; cap *= 2) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        CHECK_OK(lh_arena_new(cap, &arena, &err));
        lh_config config = {.server_workers = 77};
        lh_code code = load_toml(arena, toml, NULL, &config, &err);
        if (code == LH_OK) break;
        CHECK(code == LH_LIMIT && config.server_workers == 77);
    }
}

static void test_config__engine_memory_is_a_part_of_the_machine(void) {
    lh_config config = {.engine_memory_percent = 50};
    uint64_t half = lh_config_engine_memory_bytes(&config);
    config.engine_memory_percent = 25;
    CHECK(half > 0 && lh_config_engine_memory_bytes(&config) == half / 2);
}

static void test_config__the_hot_cache_has_a_quarter_of_the_machine_unless_told(void) {
    lh_config config = {.engine_memory_percent = 50};
    uint64_t half = lh_config_engine_memory_bytes(&config), quarter = lh_config_cache_limit_bytes(&config);
    CHECK(quarter > 0 && quarter / 1000 == half / 2 / 1000);
    config.cache_limit_bytes = 7;
    CHECK(lh_config_cache_limit_bytes(&config) == 7);
}

LH_TEST_MAIN(LH_TEST(test_config__the_hot_cache_has_a_quarter_of_the_machine_unless_told),
             LH_TEST(test_config__grpc_listens_behind_http_and_not_for_strangers),
             LH_TEST(test_config__defaults_are_those_of_the_table),
             LH_TEST(test_config__flags_beat_environment_beats_file),
             LH_TEST(test_config__every_wrong_file_names_place_and_cure),
             LH_TEST(test_config__unknown_variables_and_flags_name_the_nearest),
             LH_TEST(test_config__a_missing_file_is_not_found),
             LH_TEST(test_config__settings_that_contradict_each_other_are_refused),
             LH_TEST(test_config__show_hides_secrets_and_loads_again),
             LH_TEST(test_config__a_wrong_secret_is_not_repeated),
             LH_TEST(test_config__a_nul_byte_is_refused_with_its_line),
             LH_TEST(test_config__reference_names_every_setting), LH_TEST(test_config__a_list_of_buckets_is_checked),
             LH_TEST(test_config__authentication_is_on_when_anything_asks_for_it),
             LH_TEST(test_config__every_cap_of_the_arena_fails_cleanly),
             LH_TEST(test_config__engine_memory_is_a_part_of_the_machine))
