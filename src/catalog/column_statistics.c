/* What Iceberg's manifests tell of columns for nothing: values, nulls and bounds of each data file, added up; and the
 * distinct count of a statistics file, where a writer left one, or that of the footer, when there is one data file.
 *
 * A number is told only when every live data file has it. Bounds are the specification's single-value form (Appendix D);
 * those of texts may be cut short, so a minimum is not above, and a maximum not below, all values. Delete files make the
 * numbers upper limits ("exact" is false then). Files are outside bytes: what does not fit its type counts as absent. */
#include "catalog/avro_internal.h"
#include "catalog/dataset_internal.h"

#include <math.h>

enum { COLUMN_MANIFESTS = 500, COLUMN_IDS_MAX = 1 << 20, COLUMN_FOOTER_BYTES = 128 << 20 };

typedef enum { BOUND_NONE, BOUND_BOOLEAN, BOUND_INTEGER, BOUND_REAL, BOUND_TEXT } bound_kind;

typedef struct column_bound {
    bool known;
    int64_t integer;
    double real;
    lh_str text;
} column_bound;

typedef struct column_state {
    int64_t id;
    lh_str type; /* Iceberg's, of a primitive */
    bound_kind kind;
    uint64_t values, nulls;
    bool counted, bounded; /* every file so far */
    column_bound min, max;
    int64_t file_values, file_nulls; /* of the file at hand; -1: not told */
    int64_t distinct;                /* of all rows; -1: not told */
    column_bound file_min, file_max;
} column_state;

typedef struct column_table {
    lh_arena *arena;
    column_state *columns;
    size_t count;
    uint32_t *by_id; /* 1 + index; 0: none */
    size_t ids;
    uint64_t files;
    lh_str file; /* location of one of them; arena */
    uint64_t file_size;
    bool deletes;
} column_table;

static bound_kind bound_kind_of(lh_str type) {
    static const char *const integers[] = {"int", "long", "date", "time", "timestamp", "timestamptz"};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
        if (lh_str_eq(type, lh_str_from(integers[i]))) return BOUND_INTEGER;
    if (lh_str_starts(type, LH_STR("decimal("))) return BOUND_INTEGER;
    if (lh_str_eq(type, LH_STR("float")) || lh_str_eq(type, LH_STR("double"))) return BOUND_REAL;
    if (lh_str_eq(type, LH_STR("string"))) return BOUND_TEXT;
    return lh_str_eq(type, LH_STR("boolean")) ? BOUND_BOOLEAN : BOUND_NONE;
}

/* ---- one bound ---- */

static uint64_t bound_little_endian(lh_str bytes) {
    uint64_t bits = 0;
    for (size_t i = bytes.len; i > 0; i--) bits = bits << 8 | (unsigned char)bytes.ptr[i - 1];
    return bits;
}

static bool bound_integer(lh_str type, lh_str bytes, int64_t *ret) {
    uint64_t bits = 0;
    if (lh_str_starts(type, LH_STR("decimal("))) { /* big-endian two's complement, as short as can be */
        if (bytes.len == 0 || bytes.len > 8) return false;
        if ((unsigned char)bytes.ptr[0] & 0x80) bits = UINT64_MAX;
        for (size_t i = 0; i < bytes.len; i++) bits = bits << 8 | (unsigned char)bytes.ptr[i];
    } else if (bytes.len == 8) {
        bits = bound_little_endian(bytes);
    } else if (bytes.len == 4) { /* int and date; also of a long that was an int once */
        bits = bound_little_endian(bytes);
        if (bits & 0x80000000u) bits |= UINT64_C(0xFFFFFFFF00000000);
    } else {
        return false;
    }
    memcpy(ret, &bits, sizeof bits);
    return true;
}

static bool bound_real(lh_str bytes, double *ret) {
    uint64_t bits = bound_little_endian((lh_str){bytes.ptr, bytes.len <= 8 ? bytes.len : 0});
    if (bytes.len == 8) {
        memcpy(ret, &bits, sizeof bits);
    } else if (bytes.len == 4) {
        uint32_t half = (uint32_t)bits;
        float number;
        memcpy(&number, &half, sizeof half);
        *ret = (double)number;
    } else {
        return false;
    }
    return isfinite(*ret);
}

static column_bound bound_decode(const column_state *column, lh_str bytes) {
    column_bound bound = {0};
    switch (column->kind) {
    case BOUND_INTEGER: bound.known = bound_integer(column->type, bytes, &bound.integer); break;
    case BOUND_REAL: bound.known = bound_real(bytes, &bound.real); break;
    case BOUND_TEXT:
        bound.known = lh_str_is_utf8(bytes);
        bound.text = bytes;
        break;
    case BOUND_BOOLEAN:
        bound.known = bytes.len == 1;
        bound.integer = bytes.len == 1 && bytes.ptr[0] != 0;
        break;
    case BOUND_NONE: break;
    }
    return bound;
}

static int bound_compare(bound_kind kind, const column_bound *a, const column_bound *b) {
    if (kind == BOUND_TEXT) return lh_str_cmp(a->text, b->text);
    if (kind == BOUND_REAL) return (a->real > b->real) - (a->real < b->real);
    return (a->integer > b->integer) - (a->integer < b->integer);
}

/* ---- as JSON ---- */

static lh_json *bound_decimal(lh_str type, int64_t value, lh_arena *arena) {
    uint64_t scale = 0, size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value, unit = 1;
    lh_str rest = lh_str_sub(type, lh_str_find(type, ',') + 1, SIZE_MAX);
    rest = lh_str_trim(lh_str_split(&rest, ')'));
    if (lh_str_to_u64(rest, &scale) != LH_OK || scale > 18) return lh_json_new_null(arena);
    for (uint64_t i = 0; i < scale; i++) unit *= 10;
    const char *sign = value < 0 ? "-" : "";
    if (scale == 0) return lh_json_new_string(arena, lh_arena_printf(arena, "%s%" PRIu64, sign, size));
    return lh_json_new_string(
        arena, lh_arena_printf(arena, "%s%" PRIu64 ".%0*" PRIu64, sign, size / unit, (int)scale, size % unit));
}

static lh_json *bound_moment(lh_str type, int64_t value, lh_arena *arena) {
    const int64_t second = 1000000, day_ms = 86400000, first_ms = INT64_C(-62135596800000),
                  last_ms = INT64_C(253402300799999); /* years 1 to 9999 */
    if (lh_str_eq(type, LH_STR("time"))) {
        int64_t s = value / second;
        return lh_json_new_string(arena, lh_arena_printf(arena, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%06" PRId64,
                                                         s / 3600, s / 60 % 60, s % 60, value % second));
    }
    bool date = lh_str_eq(type, LH_STR("date"));
    if (date && (value < first_ms / day_ms || value > last_ms / day_ms)) return lh_json_new_null(arena);
    int64_t micro = date ? 0 : (value % second + second) % second;
    int64_t ms = date ? value * day_ms : (value - micro) / 1000;
    if (ms < first_ms || ms > last_ms) return lh_json_new_null(arena);
    lh_time_text text = lh_time_rfc3339(ms);
    if (date) return lh_json_new_string(arena, (lh_str){text.text, 10});
    return lh_json_new_string(arena, lh_arena_printf(arena, "%.19s.%06" PRId64 "%s", text.text, micro,
                                                     lh_str_eq(type, LH_STR("timestamptz")) ? "Z" : ""));
}

static lh_json *bound_json(const column_state *column, const column_bound *bound, lh_arena *arena) {
    if (!column->bounded || !bound->known) return lh_json_new_null(arena);
    if (column->kind == BOUND_TEXT) return lh_json_new_string(arena, bound->text);
    if (column->kind == BOUND_REAL) return lh_json_new_real(arena, bound->real);
    if (column->kind == BOUND_BOOLEAN) return lh_json_new_bool(arena, bound->integer != 0);
    if (lh_str_starts(column->type, LH_STR("decimal("))) return bound_decimal(column->type, bound->integer, arena);
    if (lh_str_eq(column->type, LH_STR("int")) || lh_str_eq(column->type, LH_STR("long")))
        return lh_json_new_int(arena, bound->integer);
    return bound_moment(column->type, bound->integer, arena);
}

/* ---- one data file ---- */

static column_state *column_by_id(const column_table *table, int64_t id) {
    if (id < 0 || (uint64_t)id >= table->ids || table->by_id[id] == 0) return NULL;
    return &table->columns[table->by_id[id] - 1];
}

static column_state *column_of(const column_table *table, avro_value pair) {
    return column_by_id(table, avro_int(avro_field(pair, "key"), -1));
}

static lh_code column_take_values(void *ctx, avro_value pair, lh_error *err) {
    column_state *column = column_of(ctx, pair);
    (void)err;
    if (column) column->file_values = avro_int(avro_field(pair, "value"), -1);
    return LH_OK;
}

static lh_code column_take_nulls(void *ctx, avro_value pair, lh_error *err) {
    column_state *column = column_of(ctx, pair);
    (void)err;
    if (column) column->file_nulls = avro_int(avro_field(pair, "value"), -1);
    return LH_OK;
}

static lh_code column_take_lower(void *ctx, avro_value pair, lh_error *err) {
    column_state *column = column_of(ctx, pair);
    (void)err;
    if (column) column->file_min = bound_decode(column, avro_str(avro_field(pair, "value")));
    return LH_OK;
}

static lh_code column_take_upper(void *ctx, avro_value pair, lh_error *err) {
    column_state *column = column_of(ctx, pair);
    (void)err;
    if (column) column->file_max = bound_decode(column, avro_str(avro_field(pair, "value")));
    return LH_OK;
}

static void column_keep(column_table *table, column_bound *best, const column_bound *bound, bound_kind kind, int sign) {
    if (best->known && bound_compare(kind, bound, best) * sign <= 0) return;
    *best = *bound;
    if (kind == BOUND_TEXT) best->text = lh_arena_dup(table->arena, bound->text); /* the file's bytes go */
}

static void column_fold(column_table *table, column_state *column) {
    bool counted = column->file_values >= 0 && column->file_nulls >= 0 && column->file_nulls <= column->file_values;
    bool empty = counted && column->file_values == column->file_nulls;
    column->counted &= counted;
    if (counted) column->values += (uint64_t)column->file_values, column->nulls += (uint64_t)column->file_nulls;
    if (column->file_min.known && column->file_max.known) {
        column_keep(table, &column->min, &column->file_min, column->kind, -1);
        column_keep(table, &column->max, &column->file_max, column->kind, 1);
    } else if (!empty) {
        column->bounded = false;
    }
}

static lh_code column_take_file(void *ctx, avro_value record, lh_error *err) {
    column_table *table = ctx;
    avro_value file = avro_field(record, "data_file");
    if (avro_int(avro_field(file, "content"), 0) != 0) return table->deletes = true, LH_OK;
    for (size_t i = 0; i < table->count; i++) {
        column_state *column = &table->columns[i];
        column->file_values = avro_int(avro_field(file, "record_count"), -1); /* of a top-level column, as it is */
        column->file_nulls = -1;
        column->file_min = column->file_max = (column_bound){0};
    }
    LH_TRY(avro_each(avro_field(file, "value_counts"), column_take_values, table, err));
    LH_TRY(avro_each(avro_field(file, "null_value_counts"), column_take_nulls, table, err));
    LH_TRY(avro_each(avro_field(file, "lower_bounds"), column_take_lower, table, err));
    LH_TRY(avro_each(avro_field(file, "upper_bounds"), column_take_upper, table, err));
    for (size_t i = 0; i < table->count; i++) column_fold(table, &table->columns[i]);
    if (table->files++ == 0) {
        int64_t size = avro_int(avro_field(file, "file_size_in_bytes"), 0);
        table->file = lh_arena_dup(table->arena, avro_str(avro_field(file, "file_path")));
        table->file_size = size > 0 ? (uint64_t)size : 0;
    }
    return lh_arena_check(table->arena, err);
}

/* ---- the whole ---- */

static lh_code column_table_init(column_table *table, const lh_json *fields, lh_arena *arena, lh_error *err) {
    int64_t highest = 0;
    *table = (column_table){.arena = arena, .count = lh_json_size(fields)};
    table->columns = LH_ARENA_ARRAY(arena, column_state, table->count + 1);
    if (!table->columns) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        column_state *column = &table->columns[it.index];
        column->id = lh_json_int(lh_json_get(it.value, "id"), -1);
        column->type = lh_json_get_string(it.value, "type");
        column->kind = bound_kind_of(column->type);
        column->counted = column->bounded = true;
        column->distinct = -1;
        if (column->id > highest && column->id < COLUMN_IDS_MAX) highest = column->id;
    }
    table->ids = (size_t)highest + 1;
    table->by_id = LH_ARENA_ARRAY(arena, uint32_t, table->ids);
    if (!table->by_id) return lh_arena_check(arena, err);
    for (size_t i = 0; i < table->count; i++)
        if (table->columns[i].id >= 0 && (size_t)table->columns[i].id < table->ids)
            table->by_id[table->columns[i].id] = (uint32_t)i + 1;
    return LH_OK;
}

/* Distinct values from the footer of the only data file. */
static void column_take_footer(column_table *table, lh_bucket *bucket) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    parquet_distinct *leaves = NULL;
    if (table->files != 1 || table->deletes || lh_arena_new(COLUMN_FOOTER_BYTES, &arena, NULL) != LH_OK) return;
    size_t count = parquet_file_distinct(bucket, table->file, table->file_size, arena, &leaves);
    for (size_t i = 0; i < count; i++) {
        column_state *column = column_by_id(table, leaves[i].field_id);
        if (column) column->distinct = leaves[i].distinct;
    }
}

/* Distinct values from the theta sketches of a statistics file of this snapshot. */
static void column_take_sketches(column_table *table, const lh_json *metadata, int64_t snapshot_id) {
    const lh_json *file = metadata_find(lh_json_get(metadata, "statistics"), "snapshot-id", snapshot_id);
    for (lh_json_iter it = lh_json_each(lh_json_get(file, "blob-metadata")); lh_json_next(&it);) {
        const lh_json *fields = lh_json_get(it.value, "fields");
        if (!lh_str_eq(lh_json_get_string(it.value, "type"), LH_STR("apache-datasketches-theta-v1")) ||
            lh_json_int(lh_json_get(it.value, "snapshot-id"), -1) != snapshot_id) /* taken over from an older one */
            continue;
        uint64_t distinct;
        lh_str ndv = lh_json_get_string(lh_json_get(it.value, "properties"), "ndv");
        column_state *column = column_by_id(table, lh_json_int(lh_json_at(fields, 0), -1));
        if (column && lh_json_size(fields) == 1 && lh_str_to_u64(ndv, &distinct) == LH_OK && distinct <= INT64_MAX)
            column->distinct = (int64_t)distinct;
    }
}

static lh_json *column_json(const column_table *table, const column_state *column) {
    lh_arena *arena = table->arena;
    lh_json *json = lh_json_new_object(arena);
    bool counted = table->files == 0 || column->counted;
    lh_json_set(arena, json, "values", counted ? lh_json_new_uint(arena, column->values) : lh_json_new_null(arena));
    lh_json_set(arena, json, "nulls", counted ? lh_json_new_uint(arena, column->nulls) : lh_json_new_null(arena));
    lh_json_set(arena, json, "min", bound_json(column, &column->min, arena));
    lh_json_set(arena, json, "max", bound_json(column, &column->max, arena));
    lh_json_set(arena, json, "distinct",
                column->distinct < 0 ? lh_json_new_null(arena) : lh_json_new_int(arena, column->distinct));
    lh_json_set_bool(arena, json, "exact", counted && !table->deletes);
    return json;
}

lh_code column_statistics(lh_bucket *bucket, const lh_json *metadata, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *answer = lh_json_new_object(arena);
    int64_t snapshot_id = metadata_current_snapshot_id(metadata);
    lh_str list =
        lh_json_get_string(snapshot_id < 0 ? NULL : metadata_snapshot(metadata, snapshot_id), "manifest-list");
    manifest_list_entry *entries = NULL;
    size_t count = 0;
    column_table table;
    LH_TRY(lh_arena_check(arena, err));
    if (list.len == 0) return *ret = answer, LH_OK;
    LH_TRY(manifest_list_read(bucket, list, arena, &entries, &count, err));
    if (count > COLUMN_MANIFESTS) return *ret = answer, LH_OK;
    LH_TRY(column_table_init(&table, lh_json_get(metadata_current_schema(metadata), "fields"), arena, err));
    LH_TRY(manifest_each_live(bucket, list, column_take_file, &table, err));
    column_take_footer(&table, bucket);
    column_take_sketches(&table, metadata, snapshot_id);
    for (size_t i = 0; i < table.count; i++)
        lh_json_put(arena, answer, lh_arena_printf(arena, "%" PRId64, table.columns[i].id),
                    column_json(&table, &table.columns[i]));
    LH_TRY(lh_arena_check(arena, err));
    *ret = answer;
    return LH_OK;
}
