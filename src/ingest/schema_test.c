/* What a table's column becomes when a file's differs: one table of every rule, against a real catalog. */
#include "base/test.h"
#include "ingest/ingest_internal.h"

#include <ftw.h>
#include <unistd.h>

typedef struct lake {
    char root[64];
    lh_bucket *bucket;
    lh_catalog *catalog;
    lh_arena *arena;
    lh_ingest ingest;
    lh_error err;
} lake;

static lake *lake_new(void) {
    lake *l = calloc(1, sizeof *l);
    CHECK(l);
    snprintf(l->root, sizeof l->root, "/tmp/lh-schema-XXXXXX");
    CHECK(mkdtemp(l->root) && lh_arena_new(64 << 20, &l->arena, NULL) == LH_OK);
    CHECK(lh_bucket_open_file(lh_str_from(l->root), &l->bucket, &l->err) == LH_OK);
    const lh_catalog_options options = {
        .bucket = l->bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    CHECK(lh_catalog_open(&options, &l->catalog, &l->err) == LH_OK);
    l->ingest = (lh_ingest){.catalog = l->catalog, .bucket = l->bucket};
    return l;
}

static int lake_remove(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void lake_freep(lake **l) {
    lh_catalog_free((*l)->catalog);
    lh_bucket_free((*l)->bucket);
    lh_arena_free((*l)->arena);
    nftw((*l)->root, lake_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(*l);
}

static ingest_type *type_of(lake *l, const char *text) {
    ingest_type *type = NULL;
    CHECK(ingest_type_parse(lh_str_from(text), l->arena, &type, NULL) == LH_OK);
    return type;
}

/* data.<name> with columns c0, c1, … of these types. */
static void lake_table(lake *l, const char *name, const char *const *types, size_t count) {
    lh_json *request = lh_json_new_object(l->arena), *schema = lh_json_new_object(l->arena),
            *fields = lh_json_new_array(l->arena), *made = NULL;
    int64_t next_id = (int64_t)count + 1;
    for (size_t i = 0; i < count; i++) {
        lh_json *field = lh_json_new_object(l->arena);
        lh_json_set_int(l->arena, field, "id", (int64_t)i + 1);
        lh_json_set_string(l->arena, field, "name", lh_arena_printf(l->arena, "c%zu", i));
        lh_json_set_bool(l->arena, field, "required", false);
        lh_json_set(l->arena, field, "type", ingest_type_to_iceberg(type_of(l, types[i]), &next_id, l->arena));
        lh_json_append(fields, field);
    }
    lh_json_set_string(l->arena, schema, "type", LH_STR("struct"));
    lh_json_set(l->arena, schema, "fields", fields);
    lh_json_set_string(l->arena, request, "name", lh_str_from(name));
    lh_json_set(l->arena, request, "schema", schema);
    lh_code code = lh_table_create(l->catalog, LH_STR("data"), request, l->arena, &made, &l->err);
    if (code != LH_OK) print_error("%s\n", l->err.message);
    CHECK(code == LH_OK);
}

static ingest_column column_of(lake *l, const char *name, const char *type, bool given) {
    ingest_type *found = type_of(l, type);
    return (ingest_column){
        .name = lh_str_from(name), .found = found, .target = ingest_type_storable(found, l->arena), .given = given};
}

static ingest_job job_of(lake *l, const char *table, ingest_format format, ingest_column *columns, size_t count) {
    static const lh_ingest_request plain = {.mode = {"append", 6}};
    return (ingest_job){.ingest = &l->ingest,
                        .request = &plain,
                        .arena = l->arena,
                        .format = format,
                        .columns = columns,
                        .column_count = count,
                        .name = {LH_STR("data"), lh_str_from(table)},
                        .exists = true};
}

/* How a file's column is stored: in the table's type, in a wider one that the table's becomes, or not at all. */
typedef enum { KEEPS, WIDENS, REFUSED } fate;
typedef struct rule {
    const char *table, *file;
    fate parquet, csv, json;
} rule;

static const rule rules[] = {
    {"INTEGER", "INTEGER", KEEPS, KEEPS, KEEPS},
    {"INTEGER", "TINYINT", KEEPS, KEEPS, KEEPS},
    {"INTEGER", "BIGINT", WIDENS, KEEPS, KEEPS}, /* a guess is first read as the table's type */
    {"INTEGER", "DOUBLE", REFUSED, REFUSED, REFUSED},
    {"INTEGER", "VARCHAR", REFUSED, KEEPS, REFUSED}, /* a CSV's text: maybe only NULLs were sampled */
    {"INTEGER", "BOOLEAN", REFUSED, REFUSED, REFUSED},
    {"BIGINT", "INTEGER", KEEPS, KEEPS, KEEPS},
    {"BIGINT", "UBIGINT", REFUSED, REFUSED, REFUSED}, /* DECIMAL(20,0) */
    {"FLOAT", "DOUBLE", WIDENS, WIDENS, WIDENS},
    {"FLOAT", "INTEGER", KEEPS, KEEPS, KEEPS},
    {"DOUBLE", "FLOAT", KEEPS, KEEPS, KEEPS},
    {"DOUBLE", "BIGINT", KEEPS, KEEPS, KEEPS},
    {"DOUBLE", "DECIMAL(9,2)", KEEPS, KEEPS, KEEPS},
    {"DECIMAL(9,2)", "DECIMAL(12,2)", WIDENS, KEEPS, KEEPS},
    {"DECIMAL(9,2)", "DECIMAL(7,2)", KEEPS, KEEPS, KEEPS},
    {"DECIMAL(9,2)", "DECIMAL(9,3)", REFUSED, KEEPS, KEEPS},
    {"DECIMAL(12,2)", "INTEGER", KEEPS, KEEPS, KEEPS},
    {"DECIMAL(11,2)", "INTEGER", REFUSED, KEEPS, KEEPS}, /* nine digits do not hold every INTEGER */
    {"DECIMAL(20,0)", "BIGINT", KEEPS, KEEPS, KEEPS},
    {"DECIMAL(9,2)", "DOUBLE", REFUSED, KEEPS, KEEPS},
    {"BOOLEAN", "BIGINT", REFUSED, KEEPS, KEEPS},
    {"BOOLEAN", "BOOLEAN", KEEPS, KEEPS, KEEPS},
    {"TIMESTAMP", "DATE", KEEPS, KEEPS, KEEPS},
    {"TIMESTAMP", "TIMESTAMP_NS", KEEPS, KEEPS, KEEPS},
    {"TIMESTAMP", "TIMESTAMPTZ", REFUSED, KEEPS, KEEPS},
    {"TIMESTAMPTZ", "TIMESTAMP", KEEPS, KEEPS, KEEPS},
    {"DATE", "TIMESTAMP", REFUSED, REFUSED, REFUSED},
    {"VARCHAR", "BIGINT", KEEPS, KEEPS, KEEPS},
    {"VARCHAR", "INTEGER[]", KEEPS, KEEPS, KEEPS},
    {"UUID", "VARCHAR", REFUSED, KEEPS, REFUSED},
    {"BLOB", "UUID", REFUSED, REFUSED, REFUSED},
    {"INTEGER[]", "INTEGER[]", KEEPS, KEEPS, KEEPS},
    {"INTEGER[]", "INTEGER[3]", KEEPS, KEEPS, KEEPS},
    {"INTEGER[]", "BIGINT[]", REFUSED, REFUSED, REFUSED},
    {"INTEGER[]", "VARCHAR", REFUSED, REFUSED, REFUSED},
    {"STRUCT(a INTEGER)", "STRUCT(a INTEGER)", KEEPS, KEEPS, KEEPS},
    {"STRUCT(a INTEGER)", "STRUCT(b INTEGER)", REFUSED, REFUSED, REFUSED},
};
enum { RULES = sizeof rules / sizeof *rules };

static void check_rule(lake *l, size_t i, ingest_format format, bool given, fate wanted) {
    const char *name = lh_arena_cstr(l->arena, lh_arena_printf(l->arena, "C%zu", i));
    ingest_column column = column_of(l, name, rules[i].file, given);
    ingest_job job = job_of(l, "t", format, &column, 1);
    lh_code code = ingest_schema_match(&job, &l->err);
    fate got = code == LH_CONFLICT ? REFUSED : column.change == INGEST_WIDEN ? WIDENS : KEEPS;
    if (got != wanted)
        print_error("%s, file %s, %s%s: %d instead of %d\n", rules[i].table, rules[i].file, ingest_format_name(format),
                    given ? ", given" : "", (int)got, (int)wanted);
    CHECK(got == wanted && (code == LH_OK || code == LH_CONFLICT));
    if (got == KEEPS) CHECK(ingest_type_equal(column.target, type_of(l, rules[i].table)));
    if (got == WIDENS)
        CHECK(ingest_type_equal(column.target, ingest_type_storable(type_of(l, rules[i].file), l->arena)));
    if (got != REFUSED)
        CHECK(lh_str_eq(column.name, lh_arena_printf(l->arena, "c%zu", i))); /* as the table spells it */
}

static void test_ingest__each_pair_of_types_has_its_rule(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    const char *types[RULES];
    for (size_t i = 0; i < RULES; i++) types[i] = rules[i].table;
    lake_table(l, "t", types, RULES);
    for (size_t i = 0; i < RULES; i++) {
        check_rule(l, i, INGEST_PARQUET, false, rules[i].parquet);
        check_rule(l, i, INGEST_CSV, false, rules[i].csv);
        check_rule(l, i, INGEST_NDJSON, false, rules[i].json);
        bool text = rules[i].csv == KEEPS && lh_str_eq(lh_str_from(rules[i].file), LH_STR("VARCHAR"));
        check_rule(l, i, INGEST_CSV, true, text ? KEEPS : rules[i].parquet); /* a type that was named is no guess */
    }
}

static void test_ingest__a_guess_that_did_not_fit_widens_the_second_time(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lake_table(l, "t", (const char *const[]){"INTEGER"}, 1);
    ingest_column column = column_of(l, "c0", "BIGINT", false);
    ingest_job job = job_of(l, "t", INGEST_CSV, &column, 1);
    CHECK(ingest_schema_match(&job, &l->err) == LH_OK);
    CHECK(column.may_widen && column.change == INGEST_KEEP && column.target->kind == INGEST_INTEGER);
    job.widen = true;
    column = column_of(l, "c0", "BIGINT", false);
    CHECK(ingest_schema_match(&job, &l->err) == LH_OK);
    CHECK(column.change == INGEST_WIDEN && column.target->kind == INGEST_BIGINT);
}

static void test_ingest__columns_that_the_table_lacks_are_added(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lake_table(l, "t", (const char *const[]){"INTEGER", "DATE"}, 2);
    ingest_column columns[] = {column_of(l, "new", "UTINYINT[]", false), column_of(l, "C1", "DATE", false)};
    ingest_job job = job_of(l, "t", INGEST_PARQUET, columns, 2);
    CHECK(ingest_schema_match(&job, &l->err) == LH_OK);
    CHECK(columns[0].change == INGEST_ADD && columns[1].change == INGEST_KEEP);
    CHECK_STR(ingest_type_text(columns[0].target, l->arena), LH_STR("INTEGER[]"));
}

static void test_ingest__a_conflict_lists_every_column(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lake_table(l, "t", (const char *const[]){"INTEGER", "DATE", "VARCHAR"}, 3);
    ingest_column columns[] = {column_of(l, "c0", "DOUBLE", false), column_of(l, "c1", "BIGINT", false),
                               column_of(l, "c2", "BIGINT", false)};
    ingest_job job = job_of(l, "t", INGEST_PARQUET, columns, 3);
    CHECK(ingest_schema_match(&job, &l->err) == LH_CONFLICT);
    CHECK_STR(lh_str_from(l->err.message), LH_STR("the file does not fit dataset 'data.t':\n"
                                                  "  c0: the table has INTEGER, the file has DOUBLE\n"
                                                  "  c1: the table has DATE, the file has BIGINT"));
}

static void test_ingest__a_diff_of_many_columns_is_a_conflict_still(void) {
    enum { COLUMNS = 200 };
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    static const char *types[COLUMNS];
    static ingest_column columns[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        types[i] = "DATE";
        columns[i] = column_of(l, lh_arena_cstr(l->arena, lh_arena_printf(l->arena, "c%zu", i)), "BIGINT", false);
    }
    lake_table(l, "t", types, COLUMNS);
    ingest_job job = job_of(l, "t", INGEST_PARQUET, columns, COLUMNS);
    CHECK(ingest_schema_match(&job, &l->err) == LH_CONFLICT);
    CHECK(strstr(l->err.message, "c0: the table has DATE, the file has BIGINT"));
}

static void test_ingest__a_table_that_is_not_there_is_told(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    ingest_column column = column_of(l, "a", "DATE", false);
    ingest_job job = job_of(l, "nowhere", INGEST_CSV, &column, 1);
    CHECK(ingest_schema_match(&job, &l->err) == LH_NOT_FOUND);
}

LH_TEST_MAIN(LH_TEST(test_ingest__each_pair_of_types_has_its_rule),
             LH_TEST(test_ingest__a_guess_that_did_not_fit_widens_the_second_time),
             LH_TEST(test_ingest__columns_that_the_table_lacks_are_added),
             LH_TEST(test_ingest__a_conflict_lists_every_column),
             LH_TEST(test_ingest__a_diff_of_many_columns_is_a_conflict_still),
             LH_TEST(test_ingest__a_table_that_is_not_there_is_told))
