/* The tables that a statement reads, in DuckDB's own parsed tree: each reference told to a caller, who may put another
 * table or a query into its place. Names that WITH gives to queries are resolved by scope and not told. Works on all
 * statements of the guard; a kind of node that is not known here ends the walk with nothing changed. Uses DuckDB's own
 * headers, which are pinned with the library (docs/adr/0017, 0021). Any thread, a statement at a time. */
#ifndef LH_ENGINE_TREE_SHIM_H
#define LH_ENGINE_TREE_SHIM_H
#include <duckdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef enum {
    TREE_READ,
    TREE_TARGET, /* is written to (also created, altered, dropped): cannot be replaced */
    TREE_LISTING /* SHOW TABLES and the like: names no table, or a schema in `schema`; only a query can be put there */
} tree_use;

/* What a statement does to its target. */
typedef enum {
    TREE_INSERT,
    TREE_UPDATE,
    TREE_DELETE, /* TRUNCATE too */
    TREE_MERGE,
    TREE_CREATE, /* of a table; AS a query, too */
    TREE_CREATE_SCHEMA,
    TREE_ALTER,
    TREE_DROP,
    TREE_DROP_SCHEMA,
    TREE_OTHER /* views, macros, indexes …; a table with options or foreign keys */
} tree_change;

/* Borrowed until the callback returns. Strings are "" where there is none. */
typedef struct tree_ref {
    const char *catalog, *schema, *table, *alias;
    const char *at;   /* AT (VERSION => 1) */
    size_t statement; /* of those extracted: PIVOT is several */
    int64_t place;    /* byte in the statement's text, -1: unknown */
    tree_use use;
    tree_change change;         /* of a TREE_TARGET; of a schema its name is `schema` */
    const char *const *columns; /* named by an INSERT, or set by an UPDATE */
    size_t column_count;
    bool described;     /* within DESCRIBE or SUMMARIZE */
    bool sampled;       /* the reference itself is: TABLESAMPLE */
    bool schema_column; /* somewhere a column is named with this table's schema or catalog, or the lake: data.t.x */
    bool
        unnamed_star; /* an unnamed column of the statement has a star and a query in it: TREE_STAR if anything is put */
} tree_ref;

typedef enum { TREE_KEEP, TREE_PUT_TABLE, TREE_PUT_QUERY, TREE_PUT_CHECK, TREE_REFUSE } tree_act;
/* What comes into the place: a table by its three names, or one SELECT as text. Kept until the next call. The reference
 * keeps its alias (or gets the table's name), column aliases and sample; AT is gone unless the query says it. With a query
 * `catalog` and `schema` may say what stood there: columns named by them (data.t.x) are then named t.x.
 * hides_rows: of the statement's samples those of whole vectors, which would count what is hidden, become samples of
 * rows, and one with a seed is TREE_SEED. */
typedef struct tree_put {
    const char *catalog, *schema, *table, *query;
    bool hides_rows;
    /* Of a target, with TREE_PUT_TABLE or TREE_PUT_CHECK: `catalog`, `schema` and `name` are what it is called from now on; NULL: as
     * it is. With TREE_PUT_CHECK: an INSERT's rows come from `query`, in which the table named `table` is the source that
     * the statement has; an UPDATE or DELETE only concerns rows for which `condition` is true, and looks at no other. */
    const char *condition, *name;
} tree_put;
typedef tree_act (*tree_fn)(void *ctx, const tree_ref *ref, tree_put *ret);

typedef enum {
    TREE_OK,
    TREE_UNKNOWN, /* a kind of node that is not known; what: its kind */
    TREE_STAR,    /* an unnamed column with a star and a query in it cannot keep its names */
    TREE_SEED,
    TREE_REFUSED, /* by the callback; what: the table */
    TREE_WRONG,   /* what the callback gave does not fit, is no query or two; what: the table */
    TREE_NO_MEMORY
} tree_code;
typedef struct tree_outcome {
    size_t told, replaced;
    int64_t place; /* of what ended the walk, -1: unknown */
    char what[64]; /* a name of the user's text, or a kind of node: no value */
} tree_outcome;

/* Tells all references in the order of the tree, then puts in what was given. The statement has changed only if TREE_OK is
 * returned and ret->replaced > 0; then unnamed columns that hold a query have got the names that the text gives them. */
tree_code tree_shim_walk(duckdb_extracted_statements extracted, tree_fn fn, void *ctx, tree_outcome *ret);
#ifdef __cplusplus
}
#endif
#endif
