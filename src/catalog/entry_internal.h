/* Private to catalog: what a manifest entry tells of its data file's columns (see entry_statistics.c). */
#ifndef LH_CATALOG_ENTRY_INTERNAL_H
#define LH_CATALOG_ENTRY_INTERNAL_H
#include "catalog/avro_internal.h"
#include "catalog/catalog_internal.h"

/* The table's columns of the first level that are not nested, and what is to be told of them. */
typedef struct entry_field {
    int64_t id;
    lh_str name, type;  /* Iceberg's */
    bool told, bounded; /* by the table's write.metadata.metrics.…; else nothing, or no bounds */
} entry_field;
typedef struct entry_fields {
    entry_field *items;
    size_t count;
    const lh_json *mapping; /* schema.name-mapping.default: names of columns in files without ids; NULL: none */
} entry_fields;
LH_MUST_CHECK lh_code entry_fields_load(const lh_json *metadata, lh_arena *arena, entry_fields *ret, lh_error *err);

typedef struct entry_column {
    int64_t id, size_bytes, values, nulls, nans; /* -1: not told */
    lh_str bounds[2];                            /* lower, upper; ptr NULL: not told */
} entry_column;
typedef struct entry_statistics {
    entry_column *columns;
    size_t count, room;
    lh_arena *arena;
} entry_statistics;

LH_MUST_CHECK lh_code entry_of_footer(const entry_fields *fields, const lh_file_footer *footer, lh_arena *arena,
                                      entry_statistics *ret, lh_error *err);
/* told: {"\"column\"": {"min","max","null_count","column_size_bytes","has_nan"}}, as DuckDB tells of a file that it wrote. */
LH_MUST_CHECK lh_code entry_of_written(const entry_fields *fields, const lh_json *told, uint64_t rows, lh_arena *arena,
                                       entry_statistics *ret, lh_error *err);
/* What the entry of a manifest tells, of nested columns as well. */
LH_MUST_CHECK lh_code entry_read(avro_value data_file, lh_arena *arena, entry_statistics *ret, lh_error *err);
/* Adds what `more` tells and `into` does not. gained: set for each field of which a count of nulls or a bound came;
 * *gained_count: how many of them. */
LH_MUST_CHECK lh_code entry_fill(entry_statistics *into, const entry_statistics *more, const entry_fields *fields,
                                 bool *gained, size_t *gained_count, lh_error *err);

/* The Avro schema of entries whose partition has that type (JSON), down to the size and the statistics; sort_order_id comes last. */
lh_str entry_schema(lh_str partition_type, lh_arena *arena);
/* The members of entry_schema() from column_sizes to upper_bounds. */
void entry_write(const entry_statistics *statistics, lh_buf *out);
/* An entry of another writer with other statistics: all else stays as it is. */
LH_MUST_CHECK lh_code entry_restored_schema(lh_str schema, lh_arena *arena, lh_str *ret, lh_error *err);
void entry_restore(avro_value data_file, uint64_t rows, uint64_t size_bytes, const entry_statistics *statistics,
                   lh_buf *out);
#endif
