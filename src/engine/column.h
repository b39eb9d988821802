/* The type of a result column as a tree, its vectors of one chunk beside it, and one value as text. */
#ifndef LH_ENGINE_COLUMN_H
#define LH_ENGINE_COLUMN_H
#include <duckdb.h>

#include "engine/out.h"

enum { ENGINE_TYPE_DEPTH_MAX = 64 };

/* Arena. The vector pointers are of the chunk last given to engine_column_load(). */
typedef struct engine_column {
    lh_str name, type_name;
    lh_str cast_name;                 /* the type to cast to where a format has no form for this one (see casts) */
    bool cast_always, cast_for_arrow; /* VARIANT, GEOMETRY; column_has_no_arrow_form() */
    duckdb_type type;
    duckdb_type storage; /* of DECIMAL and ENUM: the integers beneath */
    unsigned scale;      /* DECIMAL */
    uint64_t array_size; /* ARRAY */
    bool unnamed;        /* STRUCT of row(…): no member has a name */
    lh_str *labels;      /* ENUM */
    size_t label_count;
    struct engine_column *children; /* LIST, ARRAY: 1; MAP: key, value; STRUCT: members; UNION: tag, members */
    size_t child_count;
    const void *data;
    uint64_t *validity; /* NULL: all valid */
} engine_column;

/* Errors: INVALID (a type that has no text form, or nests deeper than 64), NO_MEMORY. */
LH_MUST_CHECK lh_code engine_column_init(engine_column *column, lh_str name, duckdb_logical_type type, lh_arena *arena,
                                         lh_error *err);
/* Points the tree at a vector of a chunk (borrowed until the chunk is destroyed). */
void engine_column_load(engine_column *column, duckdb_vector vector);

static inline bool engine_column_is_null(const engine_column *column, uint64_t row) {
    return column->validity && !(column->validity[row >> 6] >> (row & 63) & 1);
}
/* The value as JSON; null for NULL. */
void engine_value_json(engine_out *out, const engine_column *column, uint64_t row);
/* The value as a CSV field without quotes, a text or name cut after max_bytes; nothing for NULL. */
void engine_value_text(engine_out *out, const engine_column *column, uint64_t row, size_t max_bytes);
/* The value as a CSV field; nothing for NULL. */
void engine_value_csv(engine_out *out, const engine_column *column, uint64_t row);
#endif
