#include "catalog/dataset_internal.h"
#include "catalog/metastore_suite.h"

typedef struct lake {
    suite *s;
    lh_catalog *catalog;
    lh_arena *arena;
    lh_error err;
} lake;

static lake *lake_new(void) {
    lake *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->s = suite_new();
    l->arena = l->s->arena;
    const lh_catalog_options options = {
        .bucket = l->s->bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    lh_code code = lh_catalog_open(&options, &l->catalog, &l->err);
    if (code != LH_OK) print_error("%s\n", l->err.message);
    CHECK(code == LH_OK);
    return l;
}

static void lake_free(lake *l) {
    lh_catalog_free(l->catalog);
    suite_free(l->s);
    free(l);
}
static void lake_freep(lake **l) { lake_free(*l); }

static lh_json *lake_json(lake *l, const char *text) {
    lh_json *value = NULL;
    CHECK(lh_json_parse(l->arena, lh_str_from(text), &value, &l->err) == LH_OK);
    return value;
}

static lh_table_name lake_name(lake *l, const char *text) {
    lh_table_name name;
    CHECK(lh_table_name_parse(l->catalog, lh_str_from(text), l->arena, &name, &l->err) == LH_OK);
    return name;
}

static lh_table_name lake_table(lake *l, const char *text) {
    lh_table_name name = lake_name(l, text);
    lh_json *request = lake_json(l, "{\"schema\":{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":"
                                    "\"id\",\"type\":\"long\",\"required\":true}]}}"),
            *answer = NULL;
    lh_json_set_string(l->arena, request, "name", name.name);
    lh_code code = lh_table_create(l->catalog, name.namespace_, request, l->arena, &answer, &l->err);
    if (code != LH_OK) print_error("%s\n", l->err.message);
    CHECK(code == LH_OK);
    return name;
}

static void lake_put(lake *l, lh_str key, const char *text) {
    const lh_change change = {.key = key, .text = lh_str_from(text)};
    CHECK(lh_metastore_commit(lh_catalog_metastore(l->catalog), &change, 1, NULL, &l->err) == LH_OK);
}

static lh_str lake_get(lake *l, lh_str key) {
    lh_str text = LH_STR_NONE;
    lh_code code = lh_metastore_get(lh_catalog_metastore(l->catalog), key, l->arena, &text, NULL, NULL);
    CHECK(code == LH_OK || code == LH_NOT_FOUND);
    return text;
}

/* ---- describing ---- */

static const char described[] =
    "{\"location\":\"/lake/"
    "t\",\"last-updated-ms\":1700000000123,\"current-schema-id\":1,\"current-snapshot-id\":7,\"schemas\":["
    "{\"schema-id\":0,\"type\":\"struct\",\"fields\":[]},{\"schema-id\":1,\"type\":\"struct\",\"fields\":["
    "{\"id\":1,\"name\":\"id\",\"type\":\"long\",\"required\":true},"
    "{\"id\":2,\"name\":\"tags\",\"type\":{\"type\":\"list\",\"element-id\":3,\"element\":\"string\",\"element-"
    "required\":false},\"required\":false,\"doc\":\"words\"},"
    "{\"id\":4,\"name\":\"m\",\"type\":{\"type\":\"map\",\"key-id\":5,\"key\":\"string\",\"value-id\":6,\"value\":{"
    "\"type\":\"struct\",\"fields\":["
    "{\"id\":7,\"name\":\"a\",\"type\":\"decimal(9, "
    "2)\",\"required\":true},{\"id\":8,\"name\":\"b\",\"type\":\"int\",\"required\":false}]}},\"required\":false}]}],"
    "\"snapshots\":[{\"snapshot-id\":7,\"summary\":{\"operation\":\"append\",\"total-records\":\"100\",\"total-"
    "position-deletes\":\"4\","
    "\"total-files-size\":\"9000\",\"total-data-files\":\"3\"}}]}";

static void test_dataset__metadata_is_told_in_the_words_of_the_api(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *metadata = lake_json(l, described), *dataset = lh_json_new_object(l->arena), *columns = NULL;
    CHECK(dataset_summary_is_complete(metadata));
    dataset_describe(metadata, NULL, l->arena, dataset);
    columns = lh_json_get(dataset, "schema");
    CHECK(lh_json_size(columns) == 3);
    CHECK_STR(lh_json_get_string(lh_json_at(columns, 1), "type"), LH_STR("list<string>"));
    CHECK_STR(lh_json_get_string(lh_json_at(columns, 1), "doc"), LH_STR("words"));
    CHECK_STR(lh_json_get_string(lh_json_at(columns, 2), "type"),
              LH_STR("map<string, struct<a: decimal(9, 2), b: int>>"));
    CHECK(!lh_json_bool(lh_json_get(lh_json_at(columns, 0), "nullable"), true) &&
          lh_json_bool(lh_json_get(lh_json_at(columns, 1), "nullable"), false));
    CHECK(lh_json_int(lh_json_get(dataset, "row_count"), -1) == 96 &&
          lh_json_int(lh_json_get(dataset, "bytes"), -1) == 9000);
    CHECK(lh_json_int(lh_json_get(dataset, "files"), -1) == 3 &&
          lh_json_int(lh_json_get(dataset, "snapshot_id"), -1) == 7);
    CHECK_STR(lh_json_get_string(dataset, "updated_at"), LH_STR("2023-11-14T22:13:20.123Z"));
    const lh_sha256 expected = lh_sha256_of(LH_STR("[[\"id\",\"long\",false],[\"tags\",\"list<string>\",true],[\"m\","
                                                   "\"map<string, struct<a: decimal(9, 2), b: int>>\",true]]"));
    CHECK_STR(lh_json_get_string(dataset, "schema_fingerprint"), lh_str_from(lh_sha256_to_hex(&expected).text));
}

static void test_dataset__what_is_not_known_is_null(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *metadata = lake_json(l, described), *dataset = lh_json_new_object(l->arena);
    lh_json *summary = lh_json_get(lh_json_at(lh_json_get(metadata, "snapshots"), 0), "summary");
    lh_json_set_string(l->arena, summary, "total-equality-deletes", LH_STR("1"));
    lh_json_remove(summary, LH_STR("total-files-size"));
    CHECK(!dataset_summary_is_complete(metadata));
    dataset_describe(metadata, NULL, l->arena, dataset);
    CHECK(lh_json_type_of(lh_json_get(dataset, "row_count")) == LH_JSON_NULL &&
          lh_json_type_of(lh_json_get(dataset, "bytes")) == LH_JSON_NULL);
    CHECK(lh_json_int(lh_json_get(dataset, "files"), -1) == 3);
    const manifest_totals totals = {.bytes = 5, .data_files = 1, .records = 10, .position_deletes = 10};
    dataset_describe(metadata, &totals, l->arena, dataset);
    CHECK(lh_json_int(lh_json_get(dataset, "row_count"), -1) == 0 &&
          lh_json_int(lh_json_get(dataset, "bytes"), -1) == 5);
    lh_json_set_int(l->arena, metadata, "current-snapshot-id", -1);
    dataset_describe(metadata, NULL, l->arena, dataset);
    CHECK(lh_json_int(lh_json_get(dataset, "row_count"), -1) == 0 &&
          lh_json_type_of(lh_json_get(dataset, "snapshot_id")) == LH_JSON_NULL);
}

static void test_dataset__get_gives_the_origin_and_a_strangers_table_has_none(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_table_name name = lake_table(l, "t");
    lh_json *dataset = NULL;
    CHECK(lh_dataset_get(l->catalog, name, l->arena, &dataset, &l->err) == LH_OK);
    CHECK(lh_json_type_of(lh_json_get(dataset, "origin")) == LH_JSON_NULL);
    CHECK_STR(lh_json_get_string(dataset, "name"), LH_STR("t"));
    CHECK_STR(lh_json_get_string(dataset, "namespace"), LH_STR("data"));
    CHECK(lh_json_get_string(dataset, "created_at").len > 0);
    lake_put(l, lh_dataset_key(name, l->arena),
             "{\"schema_version\":1,\"created_at\":\"2026-01-02T03:04:05.000Z\",\"origin\":{\"file\":\"a.csv\"}}");
    CHECK(lh_dataset_get(l->catalog, name, l->arena, &dataset, &l->err) == LH_OK);
    CHECK_STR(lh_json_get_string(lh_json_get(dataset, "origin"), "file"), LH_STR("a.csv"));
    CHECK_STR(lh_json_get_string(dataset, "created_at"), LH_STR("2026-01-02T03:04:05.000Z"));
    CHECK(lh_dataset_get(l->catalog, lake_name(l, "absent"), l->arena, &dataset, &l->err) == LH_NOT_FOUND);
    CHECK(strstr(l->err.message, "data.absent"));
}

/* ---- listing ---- */

/* Names of all pages of `limit`, joined by spaces. */
static lh_str lake_listed(lake *l, const char *namespace_, const char *filter, size_t limit) {
    LH_CLEANUP(lh_buf_done) lh_buf names = LH_BUF_INIT(1 << 20);
    lh_str token = LH_STR_NONE;
    do {
        lh_json *answer = NULL;
        CHECK(lh_dataset_list(l->catalog, lh_str_from(namespace_), lh_str_from(filter), NULL, (lh_page){token, limit},
                              l->arena, &answer, &l->err) == LH_OK);
        CHECK(limit == 0 || lh_json_size(lh_json_get(answer, "items")) <= limit);
        for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);) {
            lh_buf_append(&names, lh_json_get_string(it.value, "namespace"));
            lh_buf_char(&names, '.');
            lh_buf_append(&names, lh_json_get_string(it.value, "name"));
            if (lh_json_get(it.value, "error")) lh_buf_char(&names, '!');
            lh_buf_char(&names, ' ');
        }
        token = lh_json_get_string(answer, "next_page_token");
    } while (token.len);
    return lh_arena_dup(l->arena, lh_buf_str(&names));
}

static void test_dataset__list_pages_and_filters(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *answer = NULL;
    CHECK(lh_namespace_create(l->catalog, lake_json(l, "{\"namespace\":[\"a\"]}"), l->arena, &answer, &l->err) ==
          LH_OK);
    CHECK(lh_namespace_create(l->catalog, lake_json(l, "{\"namespace\":[\"a\",\"b\"]}"), l->arena, &answer, &l->err) ==
          LH_OK);
    lake_table(l, "flights"), lake_table(l, "Flight_log"), lake_table(l, "a.b.flight"), lake_table(l, "a.planes"),
        lake_table(l, "planes");
    lh_str all = LH_STR("a.b.flight a.planes data.Flight_log data.flights data.planes ");
    lh_str by_key = lake_listed(l, "", "", 0);
    CHECK(by_key.len == all.len);
    for (size_t limit = 1; limit < 7; limit++) CHECK_STR(lake_listed(l, "", "", limit), by_key);
    CHECK_STR(lake_listed(l, "data", "", 2), LH_STR("data.Flight_log data.flights data.planes "));
    CHECK_STR(lake_listed(l,
                          "a\x1f"
                          "b",
                          "", 2),
              LH_STR("a.b.flight "));
    CHECK_STR(lake_listed(l, "data", "LIGHT", 1), LH_STR("data.Flight_log data.flights "));
    CHECK_STR(lake_listed(l, "", "nothing", 1), LH_STR(""));
    CHECK(lh_dataset_list(l->catalog, LH_STR_NONE, LH_STR_NONE, NULL, (lh_page){LH_STR("x"), 1}, l->arena, &answer,
                          &l->err) == LH_INVALID);
}

static void test_dataset__a_broken_table_hides_no_other(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lake_table(l, "a"), lake_table(l, "b"), lake_table(l, "c");
    lh_json *document = lake_json(l, lake_get(l, LH_STR("table/data/b")).ptr);
    CHECK(lh_bucket_delete(l->s->bucket, lh_json_get_string(document, "metadata_key"), LH_STR_NONE, &l->err) == LH_OK);
    lh_catalog_free(l->catalog); /* with its cache of metadata */
    l->catalog = NULL;
    const lh_catalog_options options = {
        .bucket = l->s->bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    CHECK(lh_catalog_open(&options, &l->catalog, &l->err) == LH_OK);
    CHECK_STR(lake_listed(l, "", "", 0), LH_STR("data.a data.b! data.c "));
}

/* ---- documents follow their table ---- */

static void test_dataset__drop_and_rename_take_the_documents_along(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_table_name t = lake_table(l, "t"), tt = lake_table(l, "tt"), u = lake_name(l, "u");
    lh_str sha = LH_STR("00ff");
    lake_put(l, lh_dataset_key(t, l->arena), "{\"origin\":{}}");
    lake_put(l, lh_ingested_key(t, sha, l->arena), "{\"n\":1}");
    lake_put(l, lh_ingested_key(tt, sha, l->arena), "{\"n\":2}"); /* of a longer name: stays */
    CHECK(lh_table_rename(l->catalog,
                          lake_json(l, "{\"source\":{\"namespace\":[\"data\"],\"name\":\"t\"},\"destination\":{"
                                       "\"namespace\":[\"data\"],\"name\":\"u\"}}"),
                          l->arena, &l->err) == LH_OK);
    CHECK(lake_get(l, lh_dataset_key(t, l->arena)).len == 0 && lake_get(l, lh_ingested_key(t, sha, l->arena)).len == 0);
    CHECK_STR(lake_get(l, lh_ingested_key(u, sha, l->arena)), LH_STR("{\"n\":1}"));
    CHECK_STR(lake_get(l, lh_dataset_key(u, l->arena)), LH_STR("{\"origin\":{}}"));
    CHECK(lh_dataset_delete(l->catalog, u, true, &l->err) == LH_OK);
    CHECK(lake_get(l, lh_dataset_key(u, l->arena)).len == 0 && lake_get(l, lh_ingested_key(u, sha, l->arena)).len == 0);
    CHECK(!lh_table_exists(l->catalog, u) && lh_table_exists(l->catalog, tt));
    CHECK_STR(lake_get(l, lh_ingested_key(tt, sha, l->arena)), LH_STR("{\"n\":2}"));
    CHECK(lh_dataset_delete(l->catalog, u, true, &l->err) == LH_NOT_FOUND);
}

/* ---- annotations ---- */

static void test_annotation__stays_until_its_own_commit_took_it(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_table_name t = lake_name(l, "t"), other = lake_name(l, "a.t");
    const lh_change document = {
        .key = LH_STR("ingested/x"), .text = LH_STR("{\"n\":1}"), .expected = LH_VERSION_ABSENT};
    annotation first, second;
    bool found = true;
    CHECK(annotation_peek(l->catalog->annotations, t, l->arena, &found, &first, &l->err) == LH_OK && !found);
    CHECK(lh_annotation_set(l->catalog, t, lake_json(l, "{\"source\":\"cli\"}"), &document, 1, &l->err) == LH_OK);
    CHECK(annotation_peek(l->catalog->annotations, other, l->arena, &found, &first, &l->err) == LH_OK && !found);
    CHECK(annotation_peek(l->catalog->annotations, t, l->arena, &found, &first, &l->err) == LH_OK && found);
    CHECK_STR(lh_json_get_string(first.properties, "source"), LH_STR("cli"));
    CHECK(first.count == 1 && first.documents[0].expected == LH_VERSION_ABSENT &&
          first.documents[0].key.ptr != document.key.ptr);
    const lh_change required = {.key = LH_STR("job/x"), .expected = 7, .check_only = true};
    CHECK(lh_annotation_add(l->catalog, t, &required, &l->err) == LH_OK);
    CHECK(annotation_peek(l->catalog->annotations, t, l->arena, &found, &first, &l->err) == LH_OK && first.count == 2);
    CHECK_STR(lh_json_get_string(first.properties, "source"), LH_STR("cli"));
    CHECK_STR(first.documents[0].key, document.key);
    CHECK(first.documents[1].check_only && first.documents[1].expected == 7);
    CHECK(lh_annotation_set(l->catalog, t, NULL, NULL, 0, &l->err) == LH_OK); /* replaces */
    annotation_taken(l->catalog->annotations, t, first.id);                   /* of the replaced one: too late */
    CHECK(annotation_peek(l->catalog->annotations, t, l->arena, &found, &second, &l->err) == LH_OK && found);
    CHECK(second.count == 0 && lh_json_size(second.properties) == 0 && second.id != first.id);
    annotation_taken(l->catalog->annotations, t, second.id);
    CHECK(annotation_peek(l->catalog->annotations, t, l->arena, &found, &second, &l->err) == LH_OK && !found);
    CHECK(lh_annotation_set(l->catalog, t, lake_json(l, "{\"n\":1}"), NULL, 0, &l->err) == LH_INVALID);
    CHECK(lh_annotation_set(l->catalog, t, lake_json(l, "{\"n\":\"1\"}"), NULL, 0, &l->err) == LH_OK);
    lh_annotation_clear(l->catalog, t);
    lh_annotation_clear(l->catalog, t);
    CHECK(annotation_peek(l->catalog->annotations, t, l->arena, &found, &second, &l->err) == LH_OK && !found);
}

LH_TEST_MAIN(LH_TEST(test_dataset__metadata_is_told_in_the_words_of_the_api),
             LH_TEST(test_dataset__what_is_not_known_is_null),
             LH_TEST(test_dataset__get_gives_the_origin_and_a_strangers_table_has_none),
             LH_TEST(test_dataset__list_pages_and_filters), LH_TEST(test_dataset__a_broken_table_hides_no_other),
             LH_TEST(test_dataset__drop_and_rename_take_the_documents_along),
             LH_TEST(test_annotation__stays_until_its_own_commit_took_it))
