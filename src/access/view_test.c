/* Views over a lake without an engine: what is kept, what is refused, what the base may not lose, and what breaks one. Types in row
 * filters are looked at by the engine: tests/api/test_safe_views.py. */
#include "access/access_suite.h"

static lh_json *json(lake *l, const char *text) {
    lh_json *value = NULL;
    lh_error err = {0};
    CHECK_OK(lh_json_parse(l->arena, lh_str_from(text), &value, &err));
    return value;
}

static lh_table_name named(lake *l, const char *text) {
    lh_table_name name = {0};
    lh_error err = {0};
    CHECK_OK(lh_table_name_parse(l->catalog, lh_str_from(text), l->arena, &name, &err));
    return name;
}

/* Columns: id (long), email (string), born (date), price (decimal), tags (list). */
static void make_table(lake *l, const char *name) {
    lh_json *ignored = NULL;
    lh_error err = {0};
    lh_str text =
        lh_arena_printf(l->arena,
                        "{\"name\":\"%s\",\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"id\","
                        "\"required\":true,\"type\":\"long\"},"
                        "{\"id\":2,\"name\":\"Email\",\"required\":false,\"type\":\"string\"},{\"id\":3,\"name\":"
                        "\"born\",\"required\":false,\"type\":\"date\"},"
                        "{\"id\":4,\"name\":\"price\",\"required\":false,\"type\":\"decimal(9, "
                        "2)\"},{\"id\":5,\"name\":\"tags\",\"required\":false,\"type\":"
                        "{\"type\":\"list\",\"element-id\":6,\"element\":\"string\",\"element-required\":false}}]}}",
                        name);
    CHECK_OK(lh_table_create(l->catalog, LH_STR("data"), json(l, text.ptr), l->arena, &ignored, &err));
}

static lh_code put(lake *l, const char *body, lh_error *err) {
    const lh_view_put request = {
        .catalog = l->catalog, .body = json(l, body), .expected = LH_VERSION_ABSENT, .by = LH_STR("ann")};
    lh_table_name ignored;
    *err = (lh_error){0};
    return lh_access_view_put(&request, l->arena, &ignored, err);
}

#define OVER(name, base, rest) "{\"name\":\"" name "\",\"base_dataset\":\"" base "\"," rest "}"

static void test_access__a_view_is_found_as_it_was_made(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    lh_error err = {0};
    lh_view view;
    bool found = true;
    make_table(&l, "t");
    CHECK_OK(lh_access_view_find(l.catalog, named(&l, "v"), l.arena, &view, &found, &err));
    CHECK(!found);
    CHECK_OK(put(&l,
                 OVER("v", "t",
                      "\"columns\":[\"ID\",\"email\"],\"row_filter\":\"BORN > '2000-01-01'\",\"column_redactions\":{"
                      "\"EMAIL\":{\"kind\":\"Mask\",\"keep_prefix\":1}}"),
                 &err));
    CHECK_OK(lh_access_view_find(l.catalog, named(&l, "v"), l.arena, &view, &found, &err));
    CHECK(found && !view.base_is_view && !view.shadows && view.column_count == 2 && view.version);
    CHECK(lh_str_eq(view.base.name, LH_STR("t")) && lh_str_eq(view.columns[0], LH_STR("id")));
    CHECK(lh_str_eq(view.columns[1], LH_STR("Email")) && lh_json_size(view.redactions) == 1);
    CHECK(lh_str_eq(lh_json_get_string(lh_json_get(view.redactions, "Email"), "kind"), LH_STR("mask")));
    CHECK(lh_str_eq(view.row_filter, LH_STR("((BORN > '2000-01-01'))")));
    CHECK_OK(lh_access_view_check(l.catalog, NULL, &view, l.arena, &err));
}

static void test_access__what_a_view_cannot_be_is_told(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    lh_error err = {0};
    static const struct {
        const char *body, *why;
        lh_code code;
    } cases[] = {
        {OVER("v", "t", "\"columns\":[\"nope\"]"), "names 'nope'", LH_INVALID},
        {OVER("v", "gone", "\"columns\":[\"id\"]"), "no dataset or view 'gone'", LH_NOT_FOUND},
        {OVER("none.v", "t", "\"columns\":[\"id\"]"), "does not exist", LH_NOT_FOUND},
        {OVER("t", "t", "\"columns\":[\"id\"]"), "shadow", LH_CONFLICT},
        {OVER("v", "t", "\"columns\":[\"id\"],\"row_filter\":\"nope = 1\""), "'nope'", LH_INVALID},
        {OVER("v", "t", "\"columns\":[\"id\"],\"row_filter\":\"id + 1 = 2\""), "operator +", LH_INVALID},
        {OVER("v", "t", "\"columns\":[\"tags\"],\"column_redactions\":{\"tags\":{\"kind\":\"hash\"}}"), "does not fit",
         LH_INVALID},
        {OVER("v", "t", "\"columns\":[\"Email\"],\"column_redactions\":{\"Email\":{\"kind\":\"year\"}}"),
         "does not fit", LH_INVALID},
        {OVER("v", "t", "\"columns\":[\"born\"],\"column_redactions\":{\"born\":{\"kind\":\"bucket\",\"n\":2}}"),
         "does not fit", LH_INVALID},
        {OVER("v", "t", "\"columns\":[\"id\"],\"column_redactions\":{\"born\":{\"kind\":\"null\"}}"),
         "none of the view's", LH_INVALID},
    };
    make_table(&l, "t");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool good = put(&l, cases[i].body, &err) == cases[i].code && strstr(err.message, cases[i].why);
        if (!good) print_error("%s: %s\n", cases[i].body, err.message);
        CHECK(good);
    }
}

static void test_access__masks_fit_types_and_change_them(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    lh_error err = {0};
    lh_json *loaded = NULL;
    static const char *const types[] = {"string", "string", "int", "decimal(9, 2)"};
    make_table(&l, "t");
    CHECK_OK(put(&l,
                 OVER("v", "t",
                      "\"columns\":[\"id\",\"Email\",\"born\",\"price\",\"tags\"],\"column_redactions\":{\"id\":{"
                      "\"kind\":\"hash\"},\"Email\":"
                      "{\"kind\":\"token\"},\"born\":{\"kind\":\"year\"},\"price\":{\"kind\":\"bucket\",\"n\":5},"
                      "\"tags\":{\"kind\":\"null\"}}"),
                 &err));
    CHECK_OK(lh_view_load(l.catalog, named(&l, "v"), l.arena, &loaded, &err));
    const lh_json *fields =
        lh_json_get(lh_json_at(lh_json_get(lh_json_get(loaded, "metadata"), "schemas"), 0), "fields");
    for (size_t i = 0; i < 4; i++)
        CHECK(lh_str_eq(lh_json_get_string(lh_json_at(fields, i), "type"), lh_str_from(types[i])));
    CHECK(lh_json_is_object(lh_json_get(lh_json_at(fields, 4), "type")));
}

/* The base loses the column by way of the metastore: what no door of ours lets happen. */
static void test_access__a_view_whose_base_is_gone_is_broken_and_can_be_dropped(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    lh_error err = {0};
    lh_json *shown = NULL;
    uint64_t version;
    make_table(&l, "t");
    CHECK_OK(put(&l, OVER("v", "t", "\"columns\":[\"id\"]"), &err));
    CHECK_OK(put(&l, OVER("w", "v", "\"columns\":[\"id\"]"), &err));
    CHECK(lh_table_drop(l.catalog, named(&l, "t"), false, &err) == LH_CONFLICT && strstr(err.message, "'data.v'"));
    const lh_change gone = {.key = LH_STR("table/data/t"), .expected = LH_VERSION_ANY};
    CHECK_OK(lh_metastore_commit(lh_catalog_metastore(l.catalog), &gone, 1, NULL, &err));
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(lh_access_view_get(l.catalog, NULL, named(&l, i ? "w" : "v"), l.arena, &shown, &version, &err));
        lh_str broken = lh_json_get_string(shown, "broken");
        CHECK(broken.len && lh_str_search(broken, LH_STR("data.t")) != SIZE_MAX);
    }
    CHECK(lh_access_view_delete(l.catalog, named(&l, "v"), LH_VERSION_ANY, l.arena, &err) == LH_CONFLICT);
    CHECK_OK(lh_access_view_delete(l.catalog, named(&l, "w"), LH_VERSION_ANY, l.arena, &err));
    CHECK_OK(lh_access_view_delete(l.catalog, named(&l, "v"), LH_VERSION_ANY, l.arena, &err));
    make_table(&l, "t");
    CHECK_OK(lh_table_drop(l.catalog, named(&l, "t"), false, &err)); /* nothing reads it any more */
}

LH_TEST_MAIN(LH_TEST(test_access__a_view_is_found_as_it_was_made), LH_TEST(test_access__what_a_view_cannot_be_is_told),
             LH_TEST(test_access__masks_fit_types_and_change_them),
             LH_TEST(test_access__a_view_whose_base_is_gone_is_broken_and_can_be_dropped))
