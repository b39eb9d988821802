/* A dataset with all that is known of it: lh_dataset_get(), what people said, freshness, columns with statistics, and its
 * lineage one step up. Everything but the table itself has a default, so that tables of strangers show the same form. */
#include "catalog/dataset_internal.h"

/* Fresh: the rows are not older than the interval in which new ones are expected. */
static lh_json *rich_freshness(const lh_json *metadata, const lh_json *about, int64_t now_ms, lh_arena *arena) {
    lh_json *freshness = lh_json_new_object(arena);
    int64_t interval_s = lh_json_int(lh_json_get(about, "expected_interval_s"), 0),
            at = metadata_rows_changed_ms(metadata, metadata_current_snapshot_id(metadata));
    const char *status = at < 0 || interval_s <= 0 ? "unknown" : now_ms - at <= interval_s * 1000 ? "fresh" : "stale";
    lh_json_set(arena, freshness, "updated_at",
                at < 0 ? lh_json_new_null(arena) : lh_json_new_string(arena, lh_str_from(lh_time_rfc3339(at).text)));
    lh_json_set(arena, freshness, "expected_interval_s",
                interval_s > 0 ? lh_json_new_int(arena, interval_s) : lh_json_new_null(arena));
    lh_json_set_string(arena, freshness, "status", lh_str_from(status));
    return freshness;
}

static void rich_set_or_null(lh_arena *arena, lh_json *into, const char *name, const lh_json *value) {
    lh_json_set(arena, into, name, lh_json_is_null(value) ? lh_json_new_null(arena) : lh_json_copy(arena, value));
}

/* Bounds are values of the column: those of a column that is said to hold personal data or secrets are not shown. */
static void rich_hide_bounds(lh_arena *arena, lh_json *statistics, lh_str kind, lh_str sensitivity) {
    bool personal = kind.len && !lh_str_eq(kind, LH_STR("none"));
    if (!personal && !lh_str_eq(sensitivity, LH_STR("restricted"))) return;
    lh_json_set(arena, statistics, "min", lh_json_new_null(arena));
    lh_json_set(arena, statistics, "max", lh_json_new_null(arena));
}

/* What only Ask goes by. */
static void rich_names(lh_arena *arena, lh_json *column, const lh_json *record) {
    const lh_json *synonyms = lh_json_get(record, "synonyms");
    lh_json_set(arena, column, "synonyms",
                lh_json_is_array(synonyms) ? lh_json_copy(arena, synonyms) : lh_json_new_array(arena));
    lh_json_set_bool(arena, column, "key", lh_json_bool(lh_json_get(record, "key"), false));
    rich_set_or_null(arena, column, "references", lh_json_get(record, "references"));
}

static lh_json *rich_column(lh_arena *arena, const lh_json *shown, const lh_json *record, lh_json *statistics,
                            lh_str sensitivity) {
    lh_json *column = lh_json_copy(arena, shown);
    const lh_json *pii = lh_json_get(record, "pii");
    lh_str own = lh_json_get_string(record, "sensitivity");
    if (own.len) sensitivity = own;
    lh_json_set_string(arena, column, "description",
                       lh_json_str(lh_json_get(record, "description"), lh_json_get_string(shown, "doc")));
    lh_json_set_string(arena, column, "sensitivity", sensitivity);
    rich_set_or_null(arena, column, "pii_kind", lh_json_get(pii, "kind"));
    rich_set_or_null(arena, column, "confidence", lh_json_get(pii, "confidence"));
    rich_set_or_null(arena, column, "said_by", lh_json_get(pii, "said_by"));
    if (lh_json_is_object(lh_json_get(pii, "evidence")))
        lh_json_set(arena, column, "evidence", lh_json_copy(arena, lh_json_get(pii, "evidence")));
    if (statistics) rich_hide_bounds(arena, statistics, lh_json_get_string(pii, "kind"), sensitivity);
    lh_json_set(arena, column, "statistics", statistics ? statistics : lh_json_new_null(arena));
    rich_names(arena, column, record);
    return column;
}

static lh_json *rich_columns(lh_catalog *catalog, const lh_json *metadata, const lh_json *about, lh_str sensitivity,
                             const lh_json *shown, lh_arena *arena) {
    lh_json *columns = lh_json_new_array(arena), *statistics = NULL;
    const lh_json *fields = lh_json_get(metadata_current_schema(metadata), "fields");
    if (column_statistics(catalog->bucket, metadata, arena, &statistics, NULL) != LH_OK) statistics = NULL;
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        lh_str key = lh_arena_printf(arena, "%" PRId64, lh_json_int(lh_json_get(it.value, "id"), -1));
        const lh_json *found = lh_json_get_str(statistics, key);
        lh_json_append(columns, rich_column(arena, lh_json_at(shown, it.index),
                                            lh_json_get_str(lh_json_get(about, "columns"), key),
                                            found ? lh_json_copy(arena, found) : NULL, sensitivity));
    }
    return columns;
}

lh_code lh_dataset_columns(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                           lh_table_state *ret_state, lh_error *err) {
    catalog_table table;
    uint64_t ignored;
    lh_json *metadata = NULL, *about = NULL, *columns = lh_json_new_array(arena);
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    LH_TRY(dataset_about_read(catalog, name, arena, &about, &ignored, err));
    lh_str sensitivity = lh_json_str(lh_json_get(about, "sensitivity"), LH_STR(DATASET_SENSITIVITY));
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata_current_schema(metadata), "fields")); lh_json_next(&it);) {
        lh_str key = lh_arena_printf(arena, "%" PRId64, lh_json_int(lh_json_get(it.value, "id"), -1));
        const lh_json *record = lh_json_get_str(lh_json_get(about, "columns"), key);
        lh_str own = lh_json_get_string(record, "sensitivity");
        lh_json *column = lh_json_new_object(arena);
        lh_json_set_string(arena, column, "name", lh_json_get_string(it.value, "name"));
        lh_json_set(arena, column, "type", lh_json_copy(arena, lh_json_get(it.value, "type")));
        lh_json_set_string(arena, column, "sensitivity", own.len ? own : sensitivity);
        rich_set_or_null(arena, column, "pii_kind", lh_json_get(lh_json_get(record, "pii"), "kind"));
        lh_json_append(columns, column);
    }
    LH_TRY(lh_arena_check(arena, err));
    *ret_state = (lh_table_state){.version = table.version,
                                  .snapshot_id = table.snapshot_id,
                                  .schema_id = lh_json_int(lh_json_get(metadata, "current-schema-id"), -1)};
    *ret = columns;
    return LH_OK;
}

lh_code lh_dataset_said(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret, lh_error *err) {
    catalog_table table;
    uint64_t ignored;
    lh_json *metadata = NULL, *about = NULL, *said = lh_json_new_object(arena), *columns = lh_json_new_array(arena);
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    LH_TRY(dataset_about_read(catalog, name, arena, &about, &ignored, err));
    lh_str sensitivity = lh_json_str(lh_json_get(about, "sensitivity"), LH_STR(DATASET_SENSITIVITY));
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata_current_schema(metadata), "fields")); lh_json_next(&it);) {
        lh_str key = lh_arena_printf(arena, "%" PRId64, lh_json_int(lh_json_get(it.value, "id"), -1));
        lh_json_append(columns, rich_column(arena, it.value, lh_json_get_str(lh_json_get(about, "columns"), key), NULL,
                                            sensitivity));
    }
    static const char *const members[] = {"description", "tags", "synonyms"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        rich_set_or_null(arena, said, members[i], lh_json_get(about, members[i]));
    lh_json_set(arena, said, "columns", columns);
    LH_TRY(lh_arena_check(arena, err));
    *ret = said;
    return LH_OK;
}

lh_code lh_dataset_metadata_version(lh_catalog *catalog, lh_table_name name, uint64_t *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &arena, err));
    catalog_table table;
    lh_json *ignored = NULL;
    LH_TRY(catalog_table_find(catalog, name, arena, &table, err));
    return dataset_about_read(catalog, name, arena, &ignored, ret, err);
}

lh_code lh_dataset_describe(lh_catalog *catalog, lh_table_name name, const lh_dataset_seen *seen, lh_arena *arena,
                            lh_json **ret, uint64_t *ret_version, lh_error *err) {
    catalog_table table;
    uint64_t version = 0;
    lh_json *metadata = NULL, *about = NULL, *dataset = NULL, *lineage = NULL;
    LH_TRY(lh_dataset_get(catalog, name, arena, &dataset, err));
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    LH_TRY(dataset_about_read(catalog, name, arena, &about, &version, err));
    LH_TRY(lh_lineage_get(catalog, name, LH_LINEAGE_UP, 1, seen, arena, &lineage, err));
    lh_str sensitivity = lh_json_str(lh_json_get(about, "sensitivity"), LH_STR(DATASET_SENSITIVITY));
    const lh_json *tags = lh_json_get(about, "tags");
    lh_json_set_string(arena, dataset, "description", lh_json_get_string(about, "description"));
    lh_json_set_string(arena, dataset, "owner", lh_json_get_string(about, "owner"));
    lh_json_set_string(arena, dataset, "sensitivity", sensitivity);
    lh_json_set(arena, dataset, "tags", lh_json_is_array(tags) ? lh_json_copy(arena, tags) : lh_json_new_array(arena));
    rich_set_or_null(arena, dataset, "synonyms", lh_json_get(about, "synonyms"));
    if (lh_json_is_null(lh_json_get(dataset, "synonyms")))
        lh_json_set(arena, dataset, "synonyms", lh_json_new_array(arena));
    lh_json_set(arena, dataset, "freshness", rich_freshness(metadata, about, lh_time_now_ms(), arena));
    lh_json_set(arena, dataset, "columns",
                rich_columns(catalog, metadata, about, sensitivity, lh_json_get(dataset, "schema"), arena));
    lh_json_set(arena, dataset, "lineage", lineage);
    rich_set_or_null(arena, dataset, "metadata_updated_at", lh_json_get(about, "updated_at"));
    LH_TRY(lh_arena_check(arena, err));
    *ret = dataset;
    *ret_version = version;
    return LH_OK;
}
