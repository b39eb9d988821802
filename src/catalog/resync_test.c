#include "catalog/catalog_suite.h"
#include "catalog/entry_internal.h"
#include "catalog/rewrite_internal.h"

/* ---- what a footer tells of the table's columns ---- */

static const char test_columns[] =
    "{'current-schema-id':0,'schemas':[{'schema-id':0,'type':'struct','fields':["
    "{'id':1,'name':'a','required':false,'type':'long'},{'id':2,'name':'b','required':false,'type':'decimal(9, 2)'},"
    "{'id':3,'name':'c','required':false,'type':'double'},{'id':4,'name':'d','required':false,'type':'string'},"
    "{'id':5,'name':'e','required':false,'type':{'type':'list','element-id':6,'element':'int','element-required':false}"
    "},"
    "{'id':7,'name':'quiet','required':false,'type':'int'},{'id':8,'name':'counted','required':false,'type':'int'}]}],"
    "'properties':{'write.metadata.metrics.column.quiet':'none','write.metadata.metrics.column.counted':'Counts',"
    "'schema.name-mapping.default':'[{\\\"field-id\\\":1,\\\"names\\\":[\\\"old\\\",\\\"a\\\"]}]'}}";

typedef struct fixture {
    lh_arena *arena;
    entry_fields fields;
} fixture;

static fixture *fixture_new(void) {
    fixture *f = calloc(1, sizeof *f);
    CHECK(f && lh_arena_new(16 << 20, &f->arena, NULL) == LH_OK);
    CHECK(entry_fields_load(suite_json(f->arena, test_columns), f->arena, &f->fields, NULL) == LH_OK);
    return f;
}
static void fixture_freep(fixture **f) {
    lh_arena_free((*f)->arena);
    free(*f);
}

static lh_file_column test_column(const char *name, int64_t id, const char *type, const char *min, const char *max) {
    return (lh_file_column){.name = lh_str_from(name),
                            .field_id = id,
                            .type = lh_str_from(type),
                            .size_bytes = 10,
                            .nulls = 1,
                            .bounded = true,
                            .min = lh_str_from(min),
                            .max = lh_str_from(max)};
}

/* The column of that id when the file has just this one; NULL: nothing is told. */
static const entry_column *test_told(fixture *f, lh_file_column column) {
    entry_statistics statistics;
    const lh_file_footer footer = {.rows = 9, .columns = &column, .count = 1};
    CHECK(entry_of_footer(&f->fields, &footer, f->arena, &statistics, NULL) == LH_OK);
    return statistics.count ? &statistics.columns[0] : NULL;
}

static void test_footer__columns_go_by_id_or_else_by_the_name_mapping(void) {
    LH_CLEANUP(fixture_freep) fixture *f = fixture_new();
    const entry_column *told = test_told(f, test_column("any", 1, "BIGINT", "-2", "300"));
    CHECK(told->id == 1 && told->values == 9 && told->nulls == 1 && told->size_bytes == 10);
    CHECK_STR(told->bounds[0], ((lh_str){"\xfe\xff\xff\xff\xff\xff\xff\xff", 8}));
    CHECK_STR(told->bounds[1], ((lh_str){"\x2c\x01\0\0\0\0\0\0", 8}));
    CHECK(test_told(f, test_column("old", -1, "BIGINT", "1", "2"))->id == 1);
    CHECK(test_told(f, test_column("d", -1, "VARCHAR", "x", "y")) == NULL);   /* not in the mapping */
    CHECK(test_told(f, test_column("a", 4, "VARCHAR", "x", "y"))->id == 4);   /* the id comes first */
    CHECK(test_told(f, test_column("gone", 99, "BIGINT", "1", "2")) == NULL); /* a column that was dropped */
    CHECK(test_told(f, test_column("e", 5, "BIGINT", "1", "2")) == NULL);     /* a nested one */
}

static void test_footer__bounds_of_another_type_are_not_told(void) {
    LH_CLEANUP(fixture_freep) fixture *f = fixture_new();
    const entry_column *told = test_told(f, test_column("a", 1, "VARCHAR", "1", "2"));
    CHECK(told->nulls == 1 && told->bounds[0].ptr == NULL && told->bounds[1].ptr == NULL);
    CHECK(test_told(f, test_column("a", 1, "INTEGER", "1", "2"))->bounds[0].len == 8); /* widened since */
    CHECK_STR(test_told(f, test_column("b", 2, "DECIMAL(7,2)", "-0.01", "1.50"))->bounds[0], LH_STR("\xff"));
    CHECK(test_told(f, test_column("b", 2, "DECIMAL(9,3)", "0.010", "1.500"))->bounds[0].ptr == NULL);
    CHECK_STR(test_told(f, test_column("d", 4, "VARCHAR", "", "z"))->bounds[0], LH_STR(""));
}

static void test_footer__floats_have_bounds_only_without_nan(void) {
    LH_CLEANUP(fixture_freep) fixture *f = fixture_new();
    lh_file_column column = test_column("c", 3, "DOUBLE", "0.0", "2.5");
    const entry_column *told = test_told(f, column);
    CHECK(told->bounds[0].ptr == NULL && told->bounds[1].ptr == NULL && told->nans == -1);
    column.no_nan = true;
    told = test_told(f, column);
    CHECK(told->bounds[0].len == 8 && told->bounds[1].len == 8 && told->nans == 0);
    CHECK((unsigned char)told->bounds[0].ptr[7] == 0x80); /* -0 is less than 0 for some */
    column.max = LH_STR("nan");
    told = test_told(f, column);
    CHECK(told->bounds[0].ptr == NULL && told->bounds[1].ptr == NULL && told->nans == -1);
}

static void test_footer__what_the_table_asks_not_to_tell_is_not_told(void) {
    LH_CLEANUP(fixture_freep) fixture *f = fixture_new();
    CHECK(test_told(f, test_column("quiet", 7, "INTEGER", "1", "2")) == NULL);
    const entry_column *told = test_told(f, test_column("counted", 8, "INTEGER", "1", "2"));
    CHECK(told->nulls == 1 && told->bounds[0].ptr == NULL);
}

static void test_fill__what_was_told_stays(void) {
    LH_CLEANUP(fixture_freep) fixture *f = fixture_new();
    entry_column had[2] = {{.id = 6, .size_bytes = -1, .values = 3, .nulls = 2, .nans = -1},
                           {.id = 1, .size_bytes = -1, .values = 9, .nulls = 5, .nans = -1, .bounds = {LH_STR("x")}}};
    entry_statistics into = {.arena = f->arena, .columns = had, .count = 2, .room = 2}, more;
    lh_file_column column = test_column("a", 1, "BIGINT", "1", "2");
    const lh_file_footer footer = {.rows = 9, .columns = &column, .count = 1};
    bool gained[8] = {0};
    size_t count = 0;
    CHECK(entry_of_footer(&f->fields, &footer, f->arena, &more, NULL) == LH_OK);
    CHECK(entry_fill(&into, &more, &f->fields, gained, &count, NULL) == LH_OK);
    CHECK(count == 1 && gained[0] && !gained[1]);
    CHECK(into.count == 2 && had[0].nulls == 2 && had[1].nulls == 5 && had[1].size_bytes == 10);
    CHECK_STR(had[1].bounds[0], LH_STR("x"));
    CHECK(had[1].bounds[1].len == 8);
    count = 0;
    CHECK(entry_fill(&into, &more, &f->fields, gained, &count, NULL) == LH_OK && count == 0);
}

/* ---- a table ---- */

static lh_resynced test_resync(lake *l, lh_resync *resync, uint64_t rows) {
    lh_file_column column = test_column("id", 1, "BIGINT", "1", "2");
    const lh_file_footer footer = {.rows = rows, .columns = &column, .count = 1};
    CHECK_OK_IN(l, lh_table_resync_plan(l->catalog, LAKE_NAME("t"), l->arena, resync, &l->err));
    for (size_t i = 0; i < resync->file_count; i++)
        CHECK_OK_IN(l, lh_table_resync_take(resync, i, 8, &footer, &l->err));
    return lh_table_resync_result(resync);
}

static void test_resync__an_append_meanwhile_stays_and_nothing_is_left_to_do(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_resync resync;
    lh_json *dataset = NULL;
    int64_t id = 0;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK(!test_resync(l, &resync, 5).needed); /* no snapshot, nothing to tell */
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/a.parquet", 3, &l->err));
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/b.parquet", 5, &l->err));
    lh_resynced found = test_resync(l, &resync, 5); /* the first has other rows than was said */
    CHECK(found.needed && found.files == 2 && found.columns == 1 && found.row_count == 10);
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/c.parquet", 5, &l->err));
    CHECK_OK_IN(l, lh_table_resync_commit(l->catalog, LAKE_NAME("t"), &resync, NULL, &id, &l->err));
    CHECK_OK_IN(l, lh_dataset_get(l->catalog, LAKE_NAME("t"), l->arena, &dataset, &l->err));
    CHECK(lh_json_int(lh_json_get(dataset, "snapshot_id"), 0) == id);
    CHECK(lh_json_int(lh_json_get(dataset, "row_count"), 0) == 15 &&
          lh_json_int(lh_json_get(dataset, "files"), 0) == 3);
    found = test_resync(l, &resync, 5);
    CHECK(found.needed && found.files == 1); /* the one that came meanwhile */
    CHECK_OK_IN(l, lh_table_resync_commit(l->catalog, LAKE_NAME("t"), &resync, NULL, &id, &l->err));
    CHECK(!test_resync(l, &resync, 5).needed);
}

static void test_resync__a_table_that_was_rolled_back_meanwhile_is_a_conflict(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_resync resync;
    lh_json *answer = NULL;
    int64_t id = 0;
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/a.parquet", 5, &l->err));
    CHECK_OK_IN(l, lake_append(l->catalog, l->bucket, "t", "files/b.parquet", 5, &l->err));
    CHECK(test_resync(l, &resync, 5).needed);
    size_t before = lake_objects(l, LH_STR("lake/"));
    CHECK_OK_IN(l, lh_table_rollback(l->catalog, LAKE_NAME("t"), -1, l->arena, &answer, &l->err));
    size_t after = lake_objects(l, LH_STR("lake/"));
    CHECK(after > before);
    CHECK(lh_table_resync_commit(l->catalog, LAKE_NAME("t"), &resync, NULL, &id, &l->err) == LH_CONFLICT);
    CHECK(lake_objects(l, LH_STR("lake/")) == after); /* nothing is left behind */
}

LH_TEST_MAIN(LH_TEST(test_footer__columns_go_by_id_or_else_by_the_name_mapping),
             LH_TEST(test_footer__bounds_of_another_type_are_not_told),
             LH_TEST(test_footer__floats_have_bounds_only_without_nan),
             LH_TEST(test_footer__what_the_table_asks_not_to_tell_is_not_told), LH_TEST(test_fill__what_was_told_stays),
             LH_TEST(test_resync__an_append_meanwhile_stays_and_nothing_is_left_to_do),
             LH_TEST(test_resync__a_table_that_was_rolled_back_meanwhile_is_a_conflict))
