/* What a table's metadata says about it, in the API's words.
 *
 * Types are written as the specification writes them: "long", "decimal(9, 2)", and nested ones as
 * "struct<a: int, b: string>", "list<string>", "map<string, int>".
 * The fingerprint is the SHA-256 of the compact JSON [["name","type",nullable],…] in column order:
 * field ids, docs and comments do not change it, so equal fingerprints mean that a file made
 * for one table fits the other. */
#include "catalog/dataset_internal.h"

enum { DATASET_TYPE_BYTES = 1 << 20 };

static void dataset_write_type(const lh_json *type, lh_buf *into, int depth) {
    lh_str kind = lh_json_get_string(type, "type");
    if (depth > 64) {
        lh_buf_append(into, LH_STR("…"));
    } else if (lh_json_is_string(type)) {
        lh_buf_append(into, lh_json_str(type, LH_STR_NONE));
    } else if (lh_str_eq(kind, LH_STR("list"))) {
        lh_buf_append(into, LH_STR("list<"));
        dataset_write_type(lh_json_get(type, "element"), into, depth + 1);
        lh_buf_char(into, '>');
    } else if (lh_str_eq(kind, LH_STR("map"))) {
        lh_buf_append(into, LH_STR("map<"));
        dataset_write_type(lh_json_get(type, "key"), into, depth + 1);
        lh_buf_append(into, LH_STR(", "));
        dataset_write_type(lh_json_get(type, "value"), into, depth + 1);
        lh_buf_char(into, '>');
    } else if (lh_str_eq(kind, LH_STR("struct"))) {
        lh_buf_append(into, LH_STR("struct<"));
        for (lh_json_iter it = lh_json_each(lh_json_get(type, "fields")); lh_json_next(&it);) {
            if (it.index) lh_buf_append(into, LH_STR(", "));
            lh_buf_append(into, lh_json_get_string(it.value, "name"));
            lh_buf_append(into, LH_STR(": "));
            dataset_write_type(lh_json_get(it.value, "type"), into, depth + 1);
        }
        lh_buf_char(into, '>');
    } else {
        lh_buf_append(into, LH_STR("unknown"));
    }
}

/* The columns for the answer; appends the canonical list to `canonical`. */
static lh_json *dataset_columns(const lh_json *schema, lh_arena *arena, lh_buf *canonical) {
    LH_CLEANUP(lh_buf_done) lh_buf type = LH_BUF_INIT(DATASET_TYPE_BYTES);
    lh_json *columns = lh_json_new_array(arena);
    lh_buf_char(canonical, '[');
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);) {
        bool nullable = !lh_json_bool(lh_json_get(it.value, "required"), false);
        lh_json *column = lh_json_new_object(arena), *doc = lh_json_get(it.value, "doc");
        lh_buf_clear(&type);
        dataset_write_type(lh_json_get(it.value, "type"), &type, 0);
        lh_json_set_string(arena, column, "name", lh_json_get_string(it.value, "name"));
        lh_json_set_string(arena, column, "type", lh_buf_str(&type));
        lh_json_set_bool(arena, column, "nullable", nullable);
        if (lh_json_is_string(doc)) lh_json_set(arena, column, "doc", lh_json_copy(arena, doc));
        lh_json_append(columns, column);
        lh_buf_append(canonical, it.index ? LH_STR(",[") : LH_STR("["));
        lh_buf_json_string(canonical, lh_json_get_string(it.value, "name"));
        lh_buf_char(canonical, ',');
        lh_buf_json_string(canonical, lh_buf_str(&type));
        lh_buf_append(canonical, nullable ? LH_STR(",true]") : LH_STR(",false]"));
    }
    lh_buf_char(canonical, ']');
    return columns;
}

/* A number of a snapshot's summary, where all values are strings. */
static bool dataset_total(const lh_json *summary, const char *name, uint64_t *ret) {
    const lh_json *value = lh_json_get(summary, name);
    if (lh_json_is_int(value)) return *ret = lh_json_uint(value, 0), true;
    return lh_json_is_string(value) && lh_str_to_u64(lh_json_str(value, LH_STR_NONE), ret) == LH_OK;
}

static const lh_json *dataset_summary(const lh_json *metadata) {
    int64_t id = metadata_current_snapshot_id(metadata);
    return id < 0 ? NULL : lh_json_get(metadata_snapshot(metadata, id), "summary");
}

bool dataset_summary_is_complete(const lh_json *metadata) {
    static const char *const names[] = {"total-records", "total-data-files", "total-files-size"};
    const lh_json *summary = dataset_summary(metadata);
    uint64_t ignored;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!dataset_total(summary, names[i], &ignored)) return false;
    return true;
}

/* Rows that a reader sees: equality deletes hide an unknown number, so then it is null. */
static lh_json *dataset_row_count(const manifest_totals *totals, lh_arena *arena) {
    if (totals->equality_deletes > 0 || totals->position_deletes > totals->records) return lh_json_new_null(arena);
    return lh_json_new_uint(arena, totals->records - totals->position_deletes);
}

static void dataset_set_sizes(const lh_json *metadata, const manifest_totals *totals, lh_arena *arena, lh_json *into) {
    manifest_totals own = {0};
    bool empty = metadata_current_snapshot_id(metadata) < 0, rows = true, bytes = true, files = true;
    if (!empty && !totals) {
        const lh_json *summary = dataset_summary(metadata);
        rows = dataset_total(summary, "total-records", &own.records);
        bytes = dataset_total(summary, "total-files-size", &own.bytes);
        files = dataset_total(summary, "total-data-files", &own.data_files);
        dataset_total(summary, "total-position-deletes", &own.position_deletes);
        dataset_total(summary, "total-equality-deletes", &own.equality_deletes);
    }
    if (empty || !totals) totals = &own;
    lh_json_set(arena, into, "row_count", rows ? dataset_row_count(totals, arena) : lh_json_new_null(arena));
    lh_json_set(arena, into, "bytes", bytes ? lh_json_new_uint(arena, totals->bytes) : lh_json_new_null(arena));
    lh_json_set(arena, into, "files", files ? lh_json_new_uint(arena, totals->data_files) : lh_json_new_null(arena));
}

void dataset_describe(const lh_json *metadata, const manifest_totals *totals, lh_arena *arena, lh_json *into) {
    LH_CLEANUP(lh_buf_done) lh_buf canonical = LH_BUF_INIT(LH_LIMIT_METADATA_BYTES);
    int64_t snapshot_id = metadata_current_snapshot_id(metadata);
    lh_json_set(arena, into, "schema", dataset_columns(metadata_current_schema(metadata), arena, &canonical));
    dataset_set_sizes(metadata, totals, arena, into);
    lh_json_set(arena, into, "snapshot_id",
                snapshot_id < 0 ? lh_json_new_null(arena) : lh_json_new_int(arena, snapshot_id));
    const lh_sha256 hash = lh_sha256_of(lh_buf_str(&canonical));
    lh_json_set_string(arena, into, "schema_fingerprint", lh_str_from(lh_sha256_to_hex(&hash).text));
    lh_json_set_string(arena, into, "updated_at",
                       lh_str_from(lh_time_rfc3339(lh_json_int(lh_json_get(metadata, "last-updated-ms"), 0)).text));
    lh_json_set_string(arena, into, "location", lh_json_get_string(metadata, "location"));
}
