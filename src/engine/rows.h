/* A result as bytes: one writer a format. */
#ifndef LH_ENGINE_ROWS_H
#define LH_ENGINE_ROWS_H
#include "engine/column.h"

typedef struct engine_snapshot {
    lh_str table;
    int64_t id; /* -1: not known */
} engine_snapshot;

/* What comes behind the rows, where the format has a place for it. */
typedef struct engine_trailer {
    const engine_snapshot *snapshots;
    size_t snapshot_count;
    uint64_t elapsed_ms;
    bool truncated;
} engine_trailer;

typedef struct engine_rows {
    const struct engine_rows_ops *ops;
    engine_out out;
    engine_column *columns; /* arena */
    size_t column_count;
    lh_str *keys;                       /* arena; JSON objects: {"a":  ,"b": … */
    duckdb_logical_type *types;         /* owned */
    duckdb_arrow_options arrow_options; /* owned; Arrow only */
    void *arrow;                        /* owned by the Arrow writer */
    uint64_t rows;
    bool begun, objects;
} engine_rows;

/* Failures stay in rows->out.code. */
struct engine_rows_ops {
    void (*begin)(engine_rows *rows);
    void (*chunk)(engine_rows *rows, duckdb_data_chunk chunk, uint64_t count); /* columns are loaded */
    void (*end)(engine_rows *rows, const engine_trailer *trailer);
    void (*done)(engine_rows *rows); /* may be NULL; frees what begin made */
};
extern const struct engine_rows_ops engine_rows_json, engine_rows_ndjson, engine_rows_csv, engine_rows_arrow;

LH_MUST_CHECK lh_code engine_rows_init(engine_rows *rows, const lh_query *query, lh_bytes_fn write, void *ctx,
                                       lh_error *err);
/* Columns of a result to come; replaces those of an earlier try. recast: the type names of before are kept. */
LH_MUST_CHECK lh_code engine_rows_columns(engine_rows *rows, duckdb_prepared_statement statement, bool recast,
                                          lh_arena *arena, lh_error *err);
/* Does a column's type depend on a parameter, so that only the result knows it? Then engine_rows_result_columns(). */
bool engine_rows_unresolved(duckdb_prepared_statement statement);
LH_MUST_CHECK lh_code engine_rows_result_columns(engine_rows *rows, duckdb_result *result, lh_arena *arena,
                                                 lh_error *err);
/* Whether the format has no form for a column's type (VARIANT, GEOMETRY; for Arrow ENUM, BIGNUM, UHUGEINT, BIT and TIME
 * WITH TIME ZONE): `ret` is then `sql` wrapped so that those columns are cast. Call engine_rows_columns() with the new
 * statement and `recast`. */
bool engine_rows_needs_cast(const engine_rows *rows);
LH_MUST_CHECK lh_code engine_rows_cast_sql(const engine_rows *rows, lh_str sql, lh_buf *ret, lh_error *err);
void engine_rows_chunk(engine_rows *rows, duckdb_data_chunk chunk, uint64_t count); /* begins when it has not */
LH_MUST_CHECK lh_code engine_rows_end(engine_rows *rows, const engine_trailer *trailer);
void engine_rows_done(engine_rows *rows);
#endif
