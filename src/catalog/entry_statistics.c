/* What a manifest entry tells of its data file's columns: sizes, values, nulls, NaNs, bounds, each a map by field id. They come from a
 * footer, from the engine that wrote the file, or from an entry that is there; all are written here.
 *
 * A file's column is the table's of the same field id; in a file without ids, the one that the table's name mapping says, as
 * readers take it. Bounds are told only of a type that has the values of the table's, and of floats only when no NaN
 * is among them: an engine that takes NaN for the greatest number would pass over it. */
#include "catalog/entry_internal.h"
#include "catalog/rewrite_internal.h"

/* ---- the table's columns ---- */

static void entry_field_mode(entry_field *field, const lh_json *properties, lh_arena *arena) {
    lh_str key = lh_arena_printf(arena, "write.metadata.metrics.column.%.*s", LH_STR_ARG(field->name));
    lh_str all = lh_json_get_string(properties, "write.metadata.metrics.default");
    lh_str mode = lh_json_str(lh_json_get_str(properties, key), all);
    field->told = !lh_str_eq_nocase(mode, LH_STR("none"));
    field->bounded = field->told && !lh_str_eq_nocase(mode, LH_STR("counts"));
}

lh_code entry_fields_load(const lh_json *metadata, lh_arena *arena, entry_fields *ret, lh_error *err) {
    const lh_json *all = lh_json_get(metadata_current_schema(metadata), "fields"),
                  *properties = lh_json_get(metadata, "properties");
    entry_fields fields = {.items = LH_ARENA_ARRAY(arena, entry_field, lh_json_size(all) + 1)};
    lh_str text = lh_json_get_string(properties, "schema.name-mapping.default");
    lh_json *mapping = NULL;
    if (!fields.items) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(all); lh_json_next(&it);) {
        entry_field field = {.id = lh_json_int(lh_json_get(it.value, "id"), -1),
                             .name = lh_json_get_string(it.value, "name"),
                             .type = lh_json_get_string(it.value, "type")};
        entry_field_mode(&field, properties, arena);
        if (field.type.len) fields.items[fields.count++] = field;
    }
    if (text.len && lh_json_parse(arena, text, &mapping, NULL) == LH_OK) fields.mapping = mapping;
    *ret = fields;
    return lh_arena_check(arena, err);
}

/* near: where to look first, because files mostly have the table's columns in their order. */
static const entry_field *entry_field_of(const entry_fields *fields, int64_t id, size_t near) {
    for (size_t i = 0; i < fields->count; i++) {
        const entry_field *field = &fields->items[(near + i) % fields->count];
        if (field->id == id) return field;
    }
    return NULL;
}

static int64_t entry_mapped(const lh_json *mapping, lh_str name) {
    for (lh_json_iter it = lh_json_each(mapping); lh_json_next(&it);)
        for (lh_json_iter n = lh_json_each(lh_json_get(it.value, "names")); lh_json_next(&n);)
            if (lh_str_eq(lh_json_str(n.value, LH_STR_NONE), name))
                return lh_json_int(lh_json_get(it.value, "field-id"), -1);
    return -1;
}

/* ---- what is told ---- */

static entry_column *entry_add(entry_statistics *statistics, int64_t id) {
    if (statistics->count == statistics->room) {
        size_t room = statistics->room ? statistics->room * 2 : 16;
        entry_column *grown = LH_ARENA_ARRAY(statistics->arena, entry_column, room);
        if (!grown) return NULL;
        if (statistics->count) memcpy(grown, statistics->columns, statistics->count * sizeof *grown);
        statistics->columns = grown;
        statistics->room = room;
    }
    entry_column *column = &statistics->columns[statistics->count++];
    *column = (entry_column){.id = id, .size_bytes = -1, .values = -1, .nulls = -1, .nans = -1};
    return column;
}

static entry_column *entry_find(const entry_statistics *statistics, int64_t id, size_t near) {
    for (size_t i = 0; i < statistics->count; i++) {
        entry_column *column = &statistics->columns[(near + i) % statistics->count];
        if (column->id == id) return column;
    }
    return NULL;
}

static bool entry_is_real(lh_str type) { return lh_str_eq(type, LH_STR("float")) || lh_str_eq(type, LH_STR("double")); }

static lh_str entry_bound(lh_str type, lh_str text, bool upper, lh_arena *arena) {
    if (lh_str_eq(type, LH_STR("string")) && text.len == 0) return LH_STR("");
    lh_str bound = bound_encode(type, text, upper, arena);
    return bound.len ? bound : LH_STR_NONE;
}

/* no_nan: of a float column without NaN. */
static void entry_set_bounds(entry_column *column, lh_str type, lh_str min, lh_str max, bool no_nan, lh_arena *arena) {
    if (entry_is_real(type) && !no_nan) return;
    column->bounds[0] = entry_bound(type, min, false, arena);
    column->bounds[1] = entry_bound(type, max, true, arena);
    if (!entry_is_real(type)) return;
    if (column->bounds[0].ptr && column->bounds[1].ptr) column->nans = 0;
    else column->bounds[0] = column->bounds[1] = LH_STR_NONE;
}

static lh_str entry_scale(lh_str decimal) {
    lh_str rest = lh_str_sub(decimal, lh_str_find(decimal, ',') + 1, SIZE_MAX);
    return lh_str_trim(lh_str_split(&rest, ')'));
}

/* Have DuckDB's values of that type, as text, the meaning that the table's type gives them? */
static bool entry_type_fits(lh_str type, lh_str duckdb) {
    static const char *const same[][2] = {{"int", "TINYINT"},
                                          {"int", "SMALLINT"},
                                          {"int", "INTEGER"},
                                          {"int", "UTINYINT"},
                                          {"int", "USMALLINT"},
                                          {"long", "TINYINT"},
                                          {"long", "SMALLINT"},
                                          {"long", "INTEGER"},
                                          {"long", "UTINYINT"},
                                          {"long", "USMALLINT"},
                                          {"long", "UINTEGER"},
                                          {"long", "BIGINT"},
                                          {"float", "FLOAT"},
                                          {"double", "DOUBLE"},
                                          {"date", "DATE"},
                                          {"timestamp", "TIMESTAMP"},
                                          {"boolean", "BOOLEAN"},
                                          {"string", "VARCHAR"},
                                          {"timestamptz", "TIMESTAMP WITH TIME ZONE"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (lh_str_eq(type, lh_str_from(same[i][0])) && lh_str_eq(duckdb, lh_str_from(same[i][1]))) return true;
    return lh_str_starts(type, LH_STR("decimal(")) && lh_str_starts(duckdb, LH_STR("DECIMAL(")) &&
           lh_str_eq(entry_scale(type), entry_scale(duckdb));
}

lh_code entry_of_footer(const entry_fields *fields, const lh_file_footer *footer, lh_arena *arena,
                        entry_statistics *ret, lh_error *err) {
    entry_statistics statistics = {.arena = arena};
    bool by_id = false;
    for (size_t i = 0; i < footer->count; i++) by_id |= footer->columns[i].field_id >= 0;
    for (size_t i = 0; i < footer->count; i++) {
        const lh_file_column *from = &footer->columns[i];
        int64_t id = by_id ? from->field_id : entry_mapped(fields->mapping, from->name);
        const entry_field *field = id < 0 ? NULL : entry_field_of(fields, id, i);
        if (!field || !field->told || entry_find(&statistics, id, i)) continue;
        entry_column *column = entry_add(&statistics, id);
        if (!column) return lh_arena_check(arena, err);
        column->size_bytes = from->size_bytes;
        column->values = (int64_t)footer->rows;
        if (from->nulls <= column->values) column->nulls = from->nulls;
        if (from->bounded && field->bounded && entry_type_fits(field->type, from->type))
            entry_set_bounds(column, field->type, from->min, from->max, from->no_nan, arena);
    }
    *ret = statistics;
    return lh_arena_check(arena, err);
}

static void entry_take_number(const lh_json *told, const char *member, int64_t *ret) {
    uint64_t number;
    if (lh_str_to_u64(lh_json_get_string(told, member), &number) == LH_OK && number <= INT64_MAX)
        *ret = (int64_t)number;
}

lh_code entry_of_written(const entry_fields *fields, const lh_json *told, uint64_t rows, lh_arena *arena,
                         entry_statistics *ret, lh_error *err) {
    entry_statistics statistics = {.arena = arena};
    for (size_t i = 0; i < fields->count; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf quoted = LH_BUF_INIT(4096);
        const entry_field *field = &fields->items[i];
        lh_buf_sql_identifier(&quoted, field->name);
        const lh_json *one = lh_json_get_str(told, lh_buf_str(&quoted));
        if (!one || !field->told) continue;
        entry_column *column = entry_add(&statistics, field->id);
        if (!column) return lh_arena_check(arena, err);
        const lh_json *min = lh_json_get(one, "min"), *max = lh_json_get(one, "max");
        entry_take_number(one, "column_size_bytes", &column->size_bytes);
        entry_take_number(one, "null_count", &column->nulls);
        column->values = (int64_t)rows;
        if (field->bounded && lh_json_is_string(min) && lh_json_is_string(max))
            entry_set_bounds(column, field->type, lh_json_str(min, LH_STR_NONE), lh_json_str(max, LH_STR_NONE),
                             lh_str_eq(lh_json_get_string(one, "has_nan"), LH_STR("false")), arena);
    }
    *ret = statistics;
    return lh_arena_check(arena, err);
}

/* ---- an entry that is there ---- */

typedef struct entry_map {
    entry_statistics *statistics;
    size_t which, near;
} entry_map;

static const char *const entry_maps[] = {"column_sizes",     "value_counts", "null_value_counts",
                                         "nan_value_counts", "lower_bounds", "upper_bounds"};
enum { ENTRY_MAPS = sizeof entry_maps / sizeof *entry_maps, ENTRY_COLUMNS_MAX = 20000 };

static lh_code entry_take(void *ctx, avro_value pair, lh_error *err) {
    entry_map *map = ctx;
    entry_statistics *statistics = map->statistics;
    int64_t id = avro_int(avro_field(pair, "key"), -1), number = avro_int(avro_field(pair, "value"), -1);
    entry_column *column = entry_find(statistics, id, map->near);
    if (!column && statistics->count == ENTRY_COLUMNS_MAX)
        return lh_fail(err, LH_LIMIT, "a manifest entry tells of more than %d columns", ENTRY_COLUMNS_MAX);
    if (!column) column = entry_add(statistics, id);
    if (!column) return lh_arena_check(statistics->arena, err);
    map->near = (size_t)(column - statistics->columns) + 1;
    int64_t *const numbers[] = {&column->size_bytes, &column->values, &column->nulls, &column->nans};
    if (map->which < 4) *numbers[map->which] = number;
    else column->bounds[map->which - 4] = avro_str(avro_field(pair, "value"));
    return LH_OK;
}

lh_code entry_read(avro_value data_file, lh_arena *arena, entry_statistics *ret, lh_error *err) {
    entry_statistics statistics = {.arena = arena};
    for (size_t i = 0; i < ENTRY_MAPS; i++) {
        entry_map map = {.statistics = &statistics, .which = i};
        LH_TRY(avro_each(avro_field(data_file, entry_maps[i]), entry_take, &map, err));
    }
    *ret = statistics;
    return lh_arena_check(arena, err);
}

static bool entry_fill_number(int64_t *into, int64_t from) {
    if (*into >= 0 || from < 0) return false;
    *into = from;
    return true;
}

lh_code entry_fill(entry_statistics *into, const entry_statistics *more, const entry_fields *fields, bool *gained,
                   size_t *gained_count, lh_error *err) {
    for (size_t i = 0; i < more->count; i++) {
        const entry_column *from = &more->columns[i];
        entry_column *column = entry_find(into, from->id, i);
        if (!column) column = entry_add(into, from->id);
        if (!column) return lh_arena_check(into->arena, err);
        entry_fill_number(&column->size_bytes, from->size_bytes);
        entry_fill_number(&column->values, from->values);
        bool got = entry_fill_number(&column->nulls, from->nulls);
        for (int b = 0; b < 2 && column->nans <= 0; b++) {
            if (column->bounds[b].ptr || !from->bounds[b].ptr) continue;
            column->bounds[b] = from->bounds[b];
            got = true;
        }
        entry_fill_number(&column->nans, from->nans);
        const entry_field *field = got ? entry_field_of(fields, from->id, i) : NULL;
        if (!field) continue;
        gained[field - fields->items] = true;
        ++*gained_count;
    }
    return LH_OK;
}

/* ---- written ---- */

#define ENTRY_MAP(name, id, key_id, value_id, type)                                                                    \
    "{\"name\":\"" name "\",\"field-id\":" #id ",\"type\":{\"type\":\"array\",\"logicalType\":\"map\",\"items\":"      \
    "{\"type\":\"record\",\"name\":\"k" #key_id "_v" #value_id "\",\"fields\":["                                       \
    "{\"name\":\"key\",\"type\":\"int\",\"field-id\":" #key_id "},"                                                    \
    "{\"name\":\"value\",\"type\":\"" type "\",\"field-id\":" #value_id "}]}}}"

static const char entry_maps_schema[] =
    ENTRY_MAP("column_sizes", 108, 117, 118, "long") "," /* in the order of entry_maps */
    ENTRY_MAP("value_counts", 109, 119, 120, "long") "," ENTRY_MAP(
        "null_value_counts", 110, 121, 122,
        "long") "," ENTRY_MAP("nan_value_counts", 137, 138, 139,
                              "long") "," ENTRY_MAP("lower_bounds", 125, 126, 127,
                                                    "bytes") "," ENTRY_MAP("upper_bounds", 128, 129, 130, "bytes");

static const char entry_schema_head[] =
    "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["
    "{\"name\":\"status\",\"type\":\"int\",\"field-id\":0},"
    "{\"name\":\"snapshot_id\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":1},"
    "{\"name\":\"sequence_number\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":3},"
    "{\"name\":\"file_sequence_number\",\"type\":[\"null\",\"long\"],\"default\":null,\"field-id\":4},"
    "{\"name\":\"data_file\",\"field-id\":2,\"type\":{\"type\":\"record\",\"name\":\"r2\",\"fields\":["
    "{\"name\":\"content\",\"type\":\"int\",\"field-id\":134},"
    "{\"name\":\"file_path\",\"type\":\"string\",\"field-id\":100},"
    "{\"name\":\"file_format\",\"type\":\"string\",\"field-id\":101},"
    "{\"name\":\"partition\",\"field-id\":102,\"type\":";

lh_str entry_schema(lh_str partition_type, lh_arena *arena) {
    return lh_arena_printf(arena,
                           "%s%.*s},{\"name\":\"record_count\",\"type\":\"long\",\"field-id\":103},"
                           "{\"name\":\"file_size_in_bytes\",\"type\":\"long\",\"field-id\":104},%s,"
                           "{\"name\":\"sort_order_id\",\"type\":[\"null\",\"int\"],\"default\":null,\"field-id\":140}"
                           "]}}]}",
                           entry_schema_head, LH_STR_ARG(partition_type), entry_maps_schema);
}

static void entry_write_numbers(const entry_statistics *statistics, size_t member, lh_buf *out) {
    for (size_t i = 0; i < statistics->count; i++) {
        const entry_column *column = &statistics->columns[i];
        const int64_t numbers[] = {column->size_bytes, column->values, column->nulls, column->nans};
        if (numbers[member] < 0) continue;
        avro_write_long(out, 1); /* a block of one: how many there will be is not known before */
        avro_write_long(out, column->id);
        avro_write_long(out, numbers[member]);
    }
    avro_write_long(out, 0);
}

static void entry_write_bounds(const entry_statistics *statistics, size_t which, lh_buf *out) {
    for (size_t i = 0; i < statistics->count; i++) {
        const entry_column *column = &statistics->columns[i];
        if (!column->bounds[which].ptr) continue;
        avro_write_long(out, 1);
        avro_write_long(out, column->id);
        avro_write_long(out, (int64_t)column->bounds[which].len);
        avro_write_raw(out, column->bounds[which]);
    }
    avro_write_long(out, 0);
}

void entry_write(const entry_statistics *statistics, lh_buf *out) {
    for (size_t i = 0; i < 4; i++) entry_write_numbers(statistics, i, out);
    for (size_t i = 0; i < 2; i++) entry_write_bounds(statistics, i, out);
}

/* ---- an entry with other statistics ---- */

static bool entry_is_map(lh_str name) {
    for (size_t i = 0; i < ENTRY_MAPS; i++)
        if (lh_str_eq(name, lh_str_from(entry_maps[i]))) return true;
    return false;
}

lh_code entry_restored_schema(lh_str schema, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *entry = NULL, *maps = NULL, *data_file = NULL;
    LH_TRY(lh_json_parse(arena, schema, &entry, err));
    LH_TRY(lh_json_parse(arena, lh_arena_printf(arena, "[%s]", entry_maps_schema), &maps, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(entry, "fields")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "name"), LH_STR("data_file")))
            data_file = lh_json_get(it.value, "type");
    if (!lh_json_is_array(lh_json_get(data_file, "fields")))
        return lh_fail(err, LH_CORRUPT, "a manifest's schema has no data file");
    lh_json *fields = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(data_file, "fields")); lh_json_next(&it);)
        if (!entry_is_map(lh_json_get_string(it.value, "name"))) lh_json_append(fields, lh_json_copy(arena, it.value));
    for (lh_json_iter it = lh_json_each(maps); lh_json_next(&it);)
        lh_json_append(fields, lh_json_copy(arena, it.value));
    lh_json_set(arena, data_file, "fields", fields);
    return lh_json_write(arena, entry, false, ret, err);
}

void entry_restore(avro_value data_file, uint64_t rows, uint64_t size_bytes, const entry_statistics *statistics,
                   lh_buf *out) {
    static const lh_str nothing = {NULL, 0};
    avro_patch patches[ENTRY_MAPS + 2] = {{.name = "record_count", .value = (int64_t)rows},
                                          {.name = "file_size_in_bytes", .value = (int64_t)size_bytes}};
    for (size_t i = 0; i < ENTRY_MAPS; i++) patches[i + 2] = (avro_patch){.name = entry_maps[i], .raw = &nothing};
    avro_copy(data_file, patches, ENTRY_MAPS + 2, out);
    entry_write(statistics, out);
}
