/* Types: what people and DuckDB write, what a table can hold, and Iceberg's JSON. */
#include "base/test.h"
#include "ingest/ingest_internal.h"

static lh_arena *arena_new(void) {
    lh_arena *arena = NULL;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    return arena;
}

static lh_json *json_of(const char *text, lh_arena *arena) {
    lh_json *json = NULL;
    CHECK(lh_json_parse(arena, lh_str_from(text), &json, NULL) == LH_OK);
    return json;
}

static ingest_type *type_of(const char *text, lh_arena *arena) {
    ingest_type *type = NULL;
    lh_error err = {0};
    lh_code code = ingest_type_parse(lh_str_from(text), arena, &type, &err);
    if (code != LH_OK) print_error("%s: %s\n", text, err.message);
    CHECK(code == LH_OK && type);
    return type;
}

typedef struct pair {
    const char *given, *wanted;
} pair;

static void test_ingest__types_are_read_as_people_write_them(void) {
    static const pair pairs[] = {
        {"int", "INTEGER"},
        {"INT4", "INTEGER"},
        {"int8", "BIGINT"},
        {"int2", "SMALLINT"},
        {"long", "BIGINT"},
        {"Bool", "BOOLEAN"},
        {"real", "FLOAT"},
        {"float8", "DOUBLE"},
        {"double precision", "DOUBLE"},
        {"text", "VARCHAR"},
        {"string", "VARCHAR"},
        {"VARCHAR(20)", "VARCHAR"},
        {"bytea", "BLOB"},
        {"datetime", "TIMESTAMP"},
        {"timestamptz", "TIMESTAMP WITH TIME ZONE"},
        {"TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"},
        {"timetz", "TIME WITH TIME ZONE"},
        {"timestamp_ns", "TIMESTAMP_NS"},
        {"decimal", "DECIMAL(18,3)"},
        {"numeric(9)", "DECIMAL(9,0)"},
        {"DECIMAL( 38 , 38 )", "DECIMAL(38,38)"},
        {"  BIGINT\t", "BIGINT"},
        {"int[][]", "INTEGER[][]"},
        {"FLOAT[3]", "FLOAT[3]"},
        {"row(a int)", "STRUCT(\"a\" INTEGER)"},
        {"STRUCT(a BIGINT, \"b \"\"c\" DECIMAL(9,2)[])", "STRUCT(\"a\" BIGINT, \"b \"\"c\" DECIMAL(9,2)[])"},
        {"STRUCT(größe DOUBLE)", "STRUCT(\"größe\" DOUBLE)"},
        {"map(varchar, struct(x date)[])", "MAP(VARCHAR, STRUCT(\"x\" DATE)[])"},
        {"\"NULL\"", "\"NULL\""},
    };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ingest_type *type = type_of(pairs[i].given, arena);
        CHECK_STR(ingest_type_text(type, arena), lh_str_from(pairs[i].wanted));
        CHECK(ingest_type_equal(type, type_of(pairs[i].wanted, arena)));
    }
}

static void test_ingest__types_beyond_the_known_are_marked(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    CHECK(type_of("ENUM('a', 'b)', '''')", arena)->kind == INGEST_ENUM);
    CHECK(type_of("UNION(num INTEGER, str VARCHAR)", arena)->kind == INGEST_OTHER);
    CHECK(type_of("GEOMETRY", arena)->kind == INGEST_OTHER);
    CHECK(type_of("integers", arena)->kind == INGEST_OTHER); /* not INTEGER with something behind it */
}

static void test_ingest__what_is_no_type_is_refused(void) {
    static const char *const texts[] = {
        "",
        " ",
        "(",
        "INTEGER x",
        "INTEGER[",
        "INTEGER[-1]",
        "INTEGER[1000001]",
        "INTEGER[99999999999999999999]",
        "DECIMAL(0,0)",
        "DECIMAL(39,2)",
        "DECIMAL(4,5)",
        "DECIMAL(,2)",
        "DECIMAL(9",
        "STRUCT",
        "STRUCT(a)",
        "STRUCT(a INT",
        "STRUCT(a INT,)",
        "STRUCT(\"a INT)",
        "MAP(INT)",
        "MAP(INT, INT, INT)",
        "MAP()",
        "ENUM('a'",
        "ENUM('a)",
        "VARCHAR(20",
        "INTEGER)",
    };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ingest_type *type = NULL;
        lh_error err = {0};
        lh_code code = ingest_type_parse(lh_str_from(texts[i]), arena, &type, &err);
        if (code != LH_INVALID) print_error("'%s': %s\n", texts[i], lh_code_name(code));
        CHECK(code == LH_INVALID && !type && strstr(err.message, "is not a type"));
    }
}

/* `structs` STRUCTs around INTEGER, each in `lists` lists. */
static lh_code parse_nested(unsigned structs, unsigned lists, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 20);
    ingest_type *type = NULL;
    for (unsigned i = 0; i < structs; i++) lh_buf_append(&text, LH_STR("STRUCT(a "));
    lh_buf_append(&text, LH_STR("INT"));
    for (unsigned i = 0; i < structs; i++) {
        lh_buf_char(&text, ')');
        for (unsigned j = 0; j < lists; j++) lh_buf_append(&text, LH_STR("[]"));
    }
    for (unsigned j = 0; structs == 0 && j < lists; j++) lh_buf_append(&text, LH_STR("[]"));
    return ingest_type_parse(lh_buf_str(&text), arena, &type, NULL);
}

static void test_ingest__types_nest_to_a_limit(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    CHECK(parse_nested(INGEST_TYPE_DEPTH_MAX - 1, 0, arena) == LH_OK);
    CHECK(parse_nested(INGEST_TYPE_DEPTH_MAX, 0, arena) == LH_LIMIT);
    CHECK(parse_nested(0, INGEST_TYPE_DEPTH_MAX - 1, arena) == LH_OK);
    CHECK(parse_nested(0, INGEST_TYPE_DEPTH_MAX, arena) == LH_LIMIT);
    CHECK(parse_nested(21, 2, arena) == LH_OK); /* 21 × 3, and the INTEGER */
    CHECK(parse_nested(22, 2, arena) == LH_LIMIT);
    CHECK(parse_nested(8, 50, arena) == LH_LIMIT);
}

static void test_ingest__a_type_that_no_table_holds_becomes_the_nearest(void) {
    static const pair pairs[] = {
        {"TINYINT", "INTEGER"},
        {"SMALLINT", "INTEGER"},
        {"UTINYINT", "INTEGER"},
        {"USMALLINT", "INTEGER"},
        {"UINTEGER", "BIGINT"},
        {"UBIGINT", "DECIMAL(20,0)"},
        {"HUGEINT", "DECIMAL(38,0)"},
        {"UHUGEINT", "DECIMAL(38,0)"},
        {"TIME_NS", "TIME"},
        {"TIME WITH TIME ZONE", "VARCHAR"},
        {"TIMESTAMP_S", "TIMESTAMP"},
        {"TIMESTAMP_MS", "TIMESTAMP"},
        {"TIMESTAMP_NS", "TIMESTAMP"},
        {"INTERVAL", "VARCHAR"},
        {"BIT", "VARCHAR"},
        {"JSON", "VARCHAR"},
        {"NULL", "VARCHAR"},
        {"ENUM('a')", "VARCHAR"},
        {"UNION(a INT)", "VARCHAR"},
        {"STRUCT()", "VARCHAR"},
        {"FLOAT[3]", "FLOAT[]"},
        {"UTINYINT[2][]", "INTEGER[][]"},
        {"STRUCT(a TINYINT, b DATE)", "STRUCT(\"a\" INTEGER, \"b\" DATE)"},
        {"MAP(ENUM('k'), UBIGINT)", "MAP(VARCHAR, DECIMAL(20,0))"},
    };
    static const char *const same[] = {
        "BOOLEAN", "INTEGER", "BIGINT",        "FLOAT",       "DOUBLE",
        "VARCHAR", "BLOB",    "DECIMAL(10,2)", "DATE",        "TIME",
        "UUID",    "INT[]",   "TIMESTAMP",     "TIMESTAMPTZ", "STRUCT(a MAP(INT, DATE))"};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ingest_type *stored = ingest_type_storable(type_of(pairs[i].given, arena), arena);
        CHECK_STR(ingest_type_text(stored, arena), lh_str_from(pairs[i].wanted));
        CHECK(ingest_type_storable(stored, arena) == stored);
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        ingest_type *type = type_of(same[i], arena);
        CHECK(ingest_type_storable(type, arena) == type);
    }
}

static void test_ingest__types_become_icebergs_and_come_back(void) {
    static const pair pairs[] = {
        {"BOOLEAN", "\"boolean\""},
        {"INTEGER", "\"int\""},
        {"BIGINT", "\"long\""},
        {"FLOAT", "\"float\""},
        {"DOUBLE", "\"double\""},
        {"DATE", "\"date\""},
        {"TIME", "\"time\""},
        {"TIMESTAMP", "\"timestamp\""},
        {"TIMESTAMP WITH TIME ZONE", "\"timestamptz\""},
        {"VARCHAR", "\"string\""},
        {"UUID", "\"uuid\""},
        {"BLOB", "\"binary\""},
        {"DECIMAL(9,2)", "\"decimal(9, 2)\""},
        {"INTEGER[]", "{\"type\":\"list\",\"element-id\":7,\"element\":\"int\",\"element-required\":false}"},
        {"MAP(VARCHAR, DATE)", "{\"type\":\"map\",\"key-id\":7,\"key\":\"string\",\"value-id\":8,\"value\":\"date\","
                               "\"value-required\":false}"},
        {"STRUCT(a INTEGER[], \"b c\" UUID)",
         "{\"type\":\"struct\",\"fields\":[{\"id\":7,\"name\":\"a\",\"required\":false,\"type\":{\"type\":\"list\","
         "\"element-id\":9,\"element\":\"int\",\"element-required\":false}},{\"id\":8,\"name\":\"b c\",\"required\":"
         "false,\"type\":\"uuid\"}]}"},
    };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        ingest_type *type = type_of(pairs[i].given, arena), *back = NULL;
        int64_t next_id = 7;
        lh_json *json = ingest_type_to_iceberg(type, &next_id, arena);
        lh_str text = LH_STR_NONE;
        lh_error err = {0};
        CHECK_OK(lh_json_write(arena, json, false, &text, &err));
        CHECK_STR(text, lh_str_from(pairs[i].wanted));
        CHECK_OK(ingest_type_from_iceberg(json, arena, &back, &err));
        CHECK(ingest_type_equal(type, back));
    }
}

static void test_ingest__icebergs_types_that_ingest_cannot_write_are_refused(void) {
    static const char *const refused[] = {
        "\"variant\"", "\"geometry\"", "\"unknown\"", "\"decimal(39, 2)\"", "\"decimal(\"",       "7",
        "null",        "{}",           "[]",          "{\"type\":\"set\"}", "{\"type\":\"list\"}"};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        ingest_type *type = NULL;
        lh_error err = {0};
        CHECK(ingest_type_from_iceberg(json_of(refused[i], arena), arena, &type, &err) == LH_INVALID);
        CHECK(!type && strstr(err.message, "cannot write"));
    }
    ingest_type *fixed = NULL;
    CHECK(ingest_type_from_iceberg(json_of("\"fixed[16]\"", arena), arena, &fixed, NULL) == LH_OK);
    CHECK(fixed->kind == INGEST_BLOB);
}

static void test_ingest__types_are_equal_by_all_they_say(void) {
    static const pair different[] = {{"INTEGER", "BIGINT"},
                                     {"DECIMAL(9,2)", "DECIMAL(9,3)"},
                                     {"DECIMAL(9,2)", "DECIMAL(10,2)"},
                                     {"INTEGER[]", "INTEGER[3]"},
                                     {"INTEGER[]", "DATE[]"},
                                     {"STRUCT(a INT)", "STRUCT(b INT)"},
                                     {"STRUCT(a INT)", "STRUCT(a INT, b INT)"},
                                     {"MAP(INT, INT)", "MAP(INT, DATE)"}};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
        ingest_type *a = type_of(different[i].given, arena), *b = type_of(different[i].wanted, arena);
        CHECK(!ingest_type_equal(a, b) && !ingest_type_equal(b, a));
    }
}

static void test_ingest__a_full_arena_is_told(void) {
    static const char text[] = "STRUCT(a BIGINT, b MAP(VARCHAR, DECIMAL(9,2)[]), \"c d\" STRUCT(e DATE[][]))";
    bool done = false;
    for (size_t cap = 16; !done; cap += 16) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        ingest_type *type = NULL;
        lh_error err = {0};
        CHECK(cap < 1 << 16 && lh_arena_new(cap, &arena, NULL) == LH_OK);
        lh_code code = ingest_type_parse(lh_str_from(text), arena, &type, &err);
        done = code == LH_OK && ingest_type_storable(type, arena);
        CHECK(code == LH_OK || (code == LH_LIMIT && !type && err.message[0]));
    }
}

LH_TEST_MAIN(LH_TEST(test_ingest__types_are_read_as_people_write_them),
             LH_TEST(test_ingest__types_beyond_the_known_are_marked), LH_TEST(test_ingest__what_is_no_type_is_refused),
             LH_TEST(test_ingest__types_nest_to_a_limit),
             LH_TEST(test_ingest__a_type_that_no_table_holds_becomes_the_nearest),
             LH_TEST(test_ingest__types_become_icebergs_and_come_back),
             LH_TEST(test_ingest__icebergs_types_that_ingest_cannot_write_are_refused),
             LH_TEST(test_ingest__types_are_equal_by_all_they_say), LH_TEST(test_ingest__a_full_arena_is_told))
