/* What the instance is opened with, and what its connections may not do even where the guard of foreign SQL does not
 * stand: sessions, which are not guarded, are asked. */
#include "engine/engine_suite.h"

static lh_str setting_of(suite *s, lh_session *session, const char *name) {
    lh_json *answer = NULL;
    lh_str sql = lh_arena_printf(s->arena, "SELECT current_setting('%s')::VARCHAR", name);
    CHECK(lh_session_run(session, sql, NULL, s->arena, &answer, &s->err) == LH_OK);
    return lh_json_str(lh_json_at(lh_json_at(lh_json_get(answer, "rows"), 0), 0), LH_STR_NONE);
}

static lh_code session_try(suite *s, lh_session *session, const char *sql) {
    s->err = (lh_error){0};
    return lh_session_run(session, lh_str_from(sql), NULL, s->arena, NULL, &s->err);
}

static void test_engine__threads_and_memory_are_those_asked_for(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0); /* 2 threads, 1 GiB */
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    CHECK_STR(setting_of(s, session, "threads"), LH_STR("2"));
    CHECK_STR(setting_of(s, session, "memory_limit"), LH_STR("1.0 GiB"));
}

static void test_engine__more_memory_than_there_may_be_is_a_limit(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    lh_engine_free(s->engine); /* and one with less memory in its place */
    s->engine = NULL;
    const lh_engine_options small = {.scratch_dir = lh_str_from(s->folder),
                                     .extension_dir = lh_str_from(s->extensions),
                                     .threads = 2,
                                     .memory_bytes = 64 << 20,
                                     .connections = 1};
    CHECK(lh_engine_open(&small, &s->engine, &s->err) == LH_OK);
    CHECK(suite_try(s, "SELECT length(list(i)) FROM range(100000000) r(i)", LH_FORMAT_JSON) == LH_LIMIT);
    CHECK(s->text.len == 0);
    (void)suite_run(s, "SELECT count(*) FROM range(100000)", LH_FORMAT_JSON); /* and it lives on */
}

static void test_engine__locked_down_it_opens_no_file_and_takes_no_setting(void) {
    static const char *const refused[] = {
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/tmp/lh-engine-out.csv'",
        "ATTACH '/tmp/lh-engine-out.db'",
        "LOAD '/tmp/x.duckdb_extension'",
        "INSTALL spatial",
        "SET threads = 1",
        "SET GLOBAL memory_limit = '10GB'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET lock_configuration = false",
        "RESET lock_configuration",
        "PRAGMA threads = 1",
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    duckdb_connection connection = NULL;
    CHECK(duckdb_connect(s->engine->database, &connection) == DuckDBSuccess);
    CHECK(engine_lock_down(s->engine, connection, &s->err) == LH_OK);
    duckdb_disconnect(&connection);
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        lh_code code = session_try(s, session, refused[i]);
        if (code == LH_OK) print_error("%s\n", refused[i]);
        CHECK(code != LH_OK);
    }
    CHECK(session_try(s, session, refused[0]) == LH_DENIED && !strstr(s->err.message, "root:"));
    CHECK_STR(setting_of(s, session, "threads"), LH_STR("2"));
    lh_str out = lh_arena_printf(s->arena, "COPY (SELECT 1) TO '%s/out.csv'", s->folder); /* its own folder is open */
    CHECK(session_try(s, session, lh_arena_cstr(s->arena, out)) == LH_OK);
    CHECK(access("/tmp/lh-engine-out.csv", F_OK) != 0 && access("/tmp/lh-engine-out.db", F_OK) != 0);
}

LH_TEST_MAIN(LH_TEST(test_engine__threads_and_memory_are_those_asked_for),
             LH_TEST(test_engine__more_memory_than_there_may_be_is_a_limit),
             LH_TEST(test_engine__locked_down_it_opens_no_file_and_takes_no_setting))
