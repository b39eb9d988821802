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

/* Each ended the process, or would without DuckDB's own check of what it adds up. */
static void test_engine__what_is_too_large_is_an_error_of_its_statement(void) {
    static const char *const refused[] = {
        "SELECT lead(x, -9223372036854775808) OVER () FROM range(3) t(x)",
        "SELECT lag(x, -9223372036854775807 - 1, 0) OVER () FROM range(3) t(x)",
        "CREATE TEMP TABLE q AS SELECT (SELECT lead(x, -9223372036854775808) OVER () FROM range(3) t(x) LIMIT 1)",
        "SELECT ntile(2 ORDER BY x) OVER (ORDER BY x ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) FROM range(3) t(x)",
        "SELECT strlen(repeat('xy', 4294967296))",
        ("SELECT strlen(concat(s, s, s, s, s, s, s, s, s, s)) FROM (SELECT repeat(repeat('x', 1000000), 440 + i) AS s "
         "FROM range(1) r(i))"),
    };
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0); /* 1 GiB */
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        lh_code code = session_try(s, session, refused[i]);
        if (code != LH_INVALID) print_error("%s: %s\n", refused[i], s->err.message);
        CHECK(code == LH_INVALID && strncmp(s->err.message, "Out of Range Error", 18) == 0);
    }
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *params = NULL;
    CHECK(lh_arena_new(64 << 10, &arena, NULL) == LH_OK);
    CHECK(lh_json_parse(arena, LH_STR("[-9223372036854775808]"), &params, NULL) == LH_OK);
    lh_str sql = LH_STR("SELECT lead(x, $1) OVER () FROM range(3) t(x)");
    CHECK(lh_session_run(session, sql, params, arena, NULL, &s->err) == LH_INVALID);
    CHECK(session_try(s, session, "SELECT lead(x, -9223372036854775807) OVER () FROM range(3) t(x)") == LH_OK);
    CHECK(session_try(s, session, "SELECT ntile(2 ORDER BY x) OVER (ORDER BY x) FROM range(3) t(x)") == LH_OK);
}

/* ---- a fatal error of DuckDB's ---- */

/* Puts a vector of another type in the result's place: an INTERNAL error while it runs, after which DuckDB refuses all. */
static void fatal_run(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    (void)info;
    duckdb_vector_reference_vector(out, duckdb_data_chunk_get_vector(in, 0));
}

static void fatal_register(suite *s) {
    duckdb_connection connection = NULL;
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_logical_type number = duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    duckdb_scalar_function_set_name(function, "fatal");
    duckdb_scalar_function_add_parameter(function, text);
    duckdb_scalar_function_set_return_type(function, number);
    duckdb_scalar_function_set_function(function, fatal_run);
    duckdb_scalar_function_set_volatile(function);
    CHECK(duckdb_connect(s->engine->database, &connection) == DuckDBSuccess);
    CHECK(duckdb_register_scalar_function(connection, function) == DuckDBSuccess);
    duckdb_disconnect(&connection);
    duckdb_destroy_logical_type(&text);
    duckdb_destroy_logical_type(&number);
    duckdb_destroy_scalar_function(&function);
}

static lh_session *session_of(suite *s) {
    lh_session *session = NULL;
    CHECK(lh_session_open(s->engine, NULL, &session, &s->err) == LH_OK);
    return session;
}

static void test_engine__one_that_met_a_fatal_error_is_started_anew(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(3, 0);
    fatal_register(s);
    LH_CLEANUP(lh_session_closep) lh_session *culprit = session_of(s);
    LH_CLEANUP(lh_session_closep) lh_session *other = session_of(s);
    CHECK(session_try(s, other, "BEGIN") == LH_OK && session_try(s, other, "CREATE TEMP TABLE t(i INT)") == LH_OK);
    CHECK(session_try(s, culprit, "SELECT fatal('the secret')") == LH_INTERNAL);
    CHECK(session_try(s, other, "SELECT 1") == LH_UNAVAILABLE && strstr(s->err.message, "try again"));
    CHECK(!strstr(s->err.message, "of different type")); /* what the culprit was told */
    (void)suite_run(s, "SELECT 1", LH_FORMAT_JSON);      /* both hold theirs still */
    CHECK(lh_engine_get_stats(s->engine).restarts == 1);
    CHECK(lh_session_commit(other, &s->err) == LH_UNAVAILABLE);
    lh_session_close(lh_take(&culprit));
    lh_session_close(lh_take(&other));
    other = session_of(s);
    CHECK(session_try(s, other, "SELECT fatal('x')") == LH_INVALID); /* it was of the one before */
    CHECK(lh_engine_check(s->engine, &s->err) == LH_OK && lh_engine_get_stats(s->engine).restarts == 1);
}

static void test_engine__the_end_of_what_met_a_fatal_error_starts_another(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(1, 0);
    fatal_register(s);
    lh_session *session = session_of(s);
    CHECK(session_try(s, session, "BEGIN") == LH_OK && session_try(s, session, "SELECT fatal('x')") == LH_INTERNAL);
    lh_session_close(session);
    CHECK(lh_engine_get_stats(s->engine).restarts == 1);
    (void)suite_run(s, "SELECT 1", LH_FORMAT_JSON);
}

static void test_engine__one_that_cannot_be_started_anew_says_so_and_is_tried_again(void) {
    LH_CLEANUP(suite_freep) suite *s = suite_new(2, 0);
    fatal_register(s);
    lh_str folder = s->engine->extension_dir;
    s->engine->extension_dir = lh_str_from(s->folder); /* has none */
    lh_session *session = session_of(s);
    CHECK(session_try(s, session, "SELECT fatal('x')") == LH_INTERNAL);
    CHECK(lh_engine_check(s->engine, &s->err) == LH_UNAVAILABLE);
    CHECK(suite_try(s, "SELECT 1", LH_FORMAT_JSON) == LH_UNAVAILABLE && strstr(s->err.message, "try again"));
    s->engine->extension_dir = folder;
    CHECK(lh_engine_check(s->engine, &s->err) == LH_UNAVAILABLE); /* not at once */
    s->engine->revive_ns = 0;
    CHECK(suite_try(s, "SELECT 1", LH_FORMAT_JSON) == LH_OK);
    lh_session_close(session);
    CHECK(lh_engine_check(s->engine, &s->err) == LH_OK && lh_engine_get_stats(s->engine).restarts == 1);
}

LH_TEST_MAIN(LH_TEST(test_engine__threads_and_memory_are_those_asked_for),
             LH_TEST(test_engine__more_memory_than_there_may_be_is_a_limit),
             LH_TEST(test_engine__locked_down_it_opens_no_file_and_takes_no_setting),
             LH_TEST(test_engine__what_is_too_large_is_an_error_of_its_statement),
             LH_TEST(test_engine__one_that_met_a_fatal_error_is_started_anew),
             LH_TEST(test_engine__the_end_of_what_met_a_fatal_error_starts_another),
             LH_TEST(test_engine__one_that_cannot_be_started_anew_says_so_and_is_tried_again))
