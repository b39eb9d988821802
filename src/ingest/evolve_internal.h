/* Private to ingest: what two schemas differ in, the rules that make one of the other, and how they are applied.
 *   two sides (dataset, snapshot, file) → columns, and hashes of their values → diff → rules → plan → one commit
 * Names, diff, rules, check, cast and plan are pure; source, values and migrate use the engine. All of it lives in
 * the request's arena. */
#ifndef LH_INGEST_EVOLVE_INTERNAL_H
#define LH_INGEST_EVOLVE_INTERNAL_H
#include "ingest/ingest_internal.h"

enum {
    EVOLVE_HASHES = 128,         /* of a column's values: the lowest of its distinct ones */
    EVOLVE_VALUE_ROWS = 1000000, /* rows that values are taken from */
    EVOLVE_VALUE_COLUMNS = 64,   /* columns of a side whose values are looked at */
    EVOLVE_PAIR_COLUMNS = 500,   /* columns of a side that may be renamed ones */
    EVOLVE_WORDS = 16,
    EVOLVE_RULES_MAX = 1000,
    EVOLVE_PARTS_MAX = 4, /* of a split or merge */
    EVOLVE_SAMPLE_ROWS = 5,
    EVOLVE_SAMPLE_ROWS_MAX = 100,
    EVOLVE_CANDIDATES = 3,
};
#define EVOLVE_RENAME_MIN 0.5     /* what is less likely is told as removed and added */
#define EVOLVE_CANDIDATE_MIN 0.25 /* what is less likely is not told */
#define EVOLVE_CONFIDENCE_MIN 0.8 /* what is less likely is not applied, unless the caller says so */

/* ---- columns ---- */
typedef struct evolve_column {
    lh_str name;
    ingest_type *type; /* as a table stores it */
    int64_t id;        /* field id; 0: of a file */
    bool required;
    bool guessed;           /* by a reader of text */
    uint64_t distinct;      /* different values; 0: none were seen, or not looked */
    const uint64_t *hashes; /* ascending: the lowest of the values' hashes */
    size_t hash_count;
} evolve_column;

typedef struct evolve_side {
    evolve_column *columns;
    size_t count;
} evolve_side;

/* The column of that name, its case ignored; NULL: none. */
const evolve_column *evolve_side_find(const evolve_side *side, lh_str name);

/* ---- evolve_names.c ---- */
/* How much two names look like one thing's, 0 … 1. *ret_reason (may be NULL): why, borrowed. */
double evolve_name_similarity(lh_str a, lh_str b, const char **ret_reason);
/* Lower-case words of snake, camel and kebab case, at most EVOLVE_WORDS; text must hold name.len bytes. */
size_t evolve_name_words(lh_str name, char *text, lh_str *words);
bool evolve_name_has_word(lh_str name, const char *const *words, size_t count);

/* ---- evolve_diff.c ---- */
typedef enum evolve_fit { /* of the old type to the new one */
                          EVOLVE_FIT_SAME,
                          EVOLVE_FIT_WIDENS, /* Iceberg lets the column become it */
                          EVOLVE_FIT_CASTS,  /* its values may be cast */
                          EVOLVE_FIT_NONE,
} evolve_fit;
evolve_fit evolve_fit_of(const ingest_type *from, const ingest_type *to);

typedef enum evolve_kind { EVOLVE_ADDED, EVOLVE_REMOVED, EVOLVE_TYPE_CHANGED, EVOLVE_RENAMED } evolve_kind;
typedef struct evolve_change {
    evolve_kind kind;
    const evolve_column *from, *to; /* NULL where there is none */
    evolve_fit fit;
    double confidence;
    lh_json *reasons;    /* array of strings */
    lh_json *candidates; /* ADDED, REMOVED: [{"name","confidence"}] that it might be renamed from or to, best first */
} evolve_change;
typedef struct evolve_diff {
    evolve_change *changes;
    size_t count;
} evolve_diff;
/* Changes in the order of the old columns, then what was added. The same input gives the same answer. Errors: LIMIT. */
LH_MUST_CHECK lh_code evolve_diff_make(const evolve_side *from, const evolve_side *to, lh_arena *arena,
                                       evolve_diff *ret, lh_error *err);
lh_json *evolve_diff_json(const evolve_diff *diff, lh_arena *arena);
lh_json *evolve_columns_json(const evolve_side *side, lh_arena *arena); /* [{"name","type"}] */
double evolve_round(double confidence);                                 /* to two digits */

/* ---- evolve_cast.c: a closed list of forms, and nothing else becomes SQL ---- */
typedef enum evolve_form {
    EVOLVE_FORM_CAST,         /* CAST(x AS T) */
    EVOLVE_FORM_TRIM,         /* white space taken off first */
    EVOLVE_FORM_NUMBER,       /* "$ 1,234.50" */
    EVOLVE_FORM_NUMBER_COMMA, /* "1.234,50 €" */
    EVOLVE_FORM_DATE,         /* strptime with a format */
    EVOLVE_FORM_BOOLEAN,      /* yes, no, y, n, on, off, 1, 0 */
    EVOLVE_FORM_EPOCH_S,
    EVOLVE_FORM_EPOCH_MS,
    EVOLVE_FORM_COUNT
} evolve_form;
const char *evolve_form_name(evolve_form form);
typedef struct evolve_cast {
    evolve_form form;
    lh_str format; /* DATE */
    const ingest_type *from, *type;
} evolve_cast;
/* Does the form go from that type to this? Errors: INVALID. */
LH_MUST_CHECK lh_code evolve_cast_check(const evolve_cast *cast, lh_error *err);
/* The expression over the column; with `null`, NULL where a value cannot be cast. */
void evolve_cast_sql(const evolve_cast *cast, lh_str column, bool null, lh_buf *into);

/* ---- rules ---- */
typedef enum evolve_op {
    EVOLVE_RENAME,
    EVOLVE_CAST,
    EVOLVE_ADD,
    EVOLVE_DROP,
    EVOLVE_SPLIT,
    EVOLVE_MERGE,
    EVOLVE_OP_COUNT
} evolve_op;
typedef struct evolve_rule {
    evolve_op op;
    const evolve_column *from[EVOLVE_PARTS_MAX]; /* columns of the table that it takes */
    size_t from_count;
    lh_str to[EVOLVE_PARTS_MAX]; /* names that it leaves behind */
    size_t to_count;
    ingest_type *type;       /* ADD, CAST */
    evolve_cast cast;        /* CAST */
    const lh_json *fallback; /* ADD: the default; NULL: none */
    lh_str separator;        /* SPLIT, MERGE */
    bool null_on_error, keep;
    double confidence; /* 1 when the caller did not say */
    const lh_json *json;
} evolve_rule;
typedef struct evolve_rules {
    evolve_rule *items;
    size_t count;
} evolve_rules;

/* evolve_rules.c: [{"op",…,"confidence","reasons"}] from a diff, in its order. */
lh_json *evolve_rules_of(const evolve_diff *diff, lh_arena *arena);

/* evolve_check.c: rules from outside against the columns that they change. Strict: an unknown member, a column that is not there
 * or that two rules take, a name that two columns would have, a type or a cast that cannot be, "sql" that is not what the rule
 * itself means. `json`: the array, or {"rules":[…]}. Errors: INVALID (says which rule), LIMIT. */
LH_MUST_CHECK lh_code evolve_rules_check(const lh_json *json, const evolve_side *table, lh_arena *arena,
                                         evolve_rules *ret, lh_error *err);
/* JSON schema of what evolve_rules_check() takes, for a model. */
lh_json *evolve_rules_schema(lh_arena *arena);

/* ---- evolve_plan.c ---- */
typedef struct evolve_written { /* a column whose values the engine writes */
    lh_str name;                /* temporary */
    lh_str final_name;
    int64_t id;
    const ingest_type *type;
    lh_str sql; /* over the old columns */
} evolve_written;
typedef struct evolve_plan {
    lh_json *schema; /* the table's new one */
    evolve_written *written;
    size_t written_count;
    lh_json *moved; /* {"old field id": new field id} */
    lh_json *before,
        *after; /* SELECT lists: [{"name","sql"}] of the changed columns; a cast that fails is NULL there */
} evolve_plan;
/* metadata: the table's. Errors: INVALID (a partition, the sort order or the key needs a column that goes; nothing is left). */
LH_MUST_CHECK lh_code evolve_plan_make(const lh_json *metadata, const evolve_side *table, const evolve_rules *rules,
                                       lh_arena *arena, evolve_plan *ret, lh_error *err);

/* ---- evolve_source.c: one side, whatever it is ---- */
typedef struct evolve_source {
    const lh_schema_side *spec;
    evolve_side side;
    lh_str relation;    /* SQL to select from, with the side's names */
    lh_json *metadata;  /* of a dataset */
    lh_table_name name; /* of a dataset */
    ingest_job job;     /* of a file */
    lh_ingest_request request;
    lh_ingest_survey *survey; /* owned; of an object */
    char scratch[4096];       /* owned; of an object */
} evolve_source;
LH_MUST_CHECK lh_code evolve_source_open(lh_ingest *ingest, lh_session *session, const lh_schema_side *spec,
                                         lh_arena *arena, evolve_source *ret, lh_error *err);
void evolve_source_done(evolve_source *source);
/* A dataset's columns and metadata; needs no engine. */
LH_MUST_CHECK lh_code evolve_source_table(lh_ingest *ingest, lh_table_name name, int64_t snapshot_id, lh_arena *arena,
                                          evolve_source *ret, lh_error *err);

/* ---- evolve_values.c ---- */
/* Hashes of the values of the columns that the other side lacks. */
LH_MUST_CHECK lh_code evolve_values_of(lh_session *session, lh_str relation, evolve_side *side,
                                       const evolve_side *other, lh_arena *arena, lh_error *err);
/* Splits and merges that names and values support: [{"op":"split"|"merge",…,"confidence","reasons"}]. */
LH_MUST_CHECK lh_code evolve_suggest(lh_session *session, const evolve_diff *diff, lh_str from, lh_str to,
                                     lh_arena *arena, lh_json **ret, lh_error *err);
/* For each cast of `rules`: [{"column","type","rows","failed","lossy","null_on_error"}]. *ret_refused (may be NULL): values that fail
 * and have no on_error null. */
LH_MUST_CHECK lh_code evolve_count_failures(lh_session *session, lh_str relation, const evolve_rules *rules,
                                            lh_arena *arena, lh_json **ret, uint64_t *ret_refused, lh_error *err);
/* Casts among the rules of a diff get the confidence that their values show. */
LH_MUST_CHECK lh_code evolve_refine_casts(lh_session *session, lh_str relation, const evolve_side *side, lh_json *rules,
                                          lh_arena *arena, lh_error *err);
LH_MUST_CHECK lh_code evolve_run(lh_session *session, const lh_buf *sql, lh_arena *arena, lh_json **ret, lh_error *err);

/* ---- evolve_mask.c: values that leave for a model ---- */
/* The value with what may tell of a person replaced: what lh_pii_find() finds, numbers of 7 digits and more, long tokens. whole: nothing
 * but its shape is left. Arena. */
lh_str evolve_mask(lh_str value, bool whole, lh_arena *arena);
bool evolve_mask_name(lh_str column); /* does the name alone tell that its values are personal? */

/* ---- evolve_compare.c: a diff with everything that is known ---- */
typedef struct evolve_comparison {
    evolve_source from, to;
    evolve_diff diff;
    lh_json *rules, *suggestions;
} evolve_comparison;
/* values: the engine looks at them. Done with evolve_compare_done(), also after an error. */
LH_MUST_CHECK lh_code evolve_compare(lh_ingest *ingest, lh_session *session, const lh_schema_diff *request,
                                     lh_arena *arena, evolve_comparison *ret, lh_error *err);
void evolve_compare_done(evolve_comparison *comparison);

/* ---- evolve_incoming.c: on_schema_change of an ingest into an existing table ---- */
bool evolve_incoming_is(const ingest_job *job, const char *what);
/* migrate, before ingest_schema_match(): columns that are surely the table's under another name get its name; told in job->migrated. */
LH_MUST_CHECK lh_code evolve_incoming_names(ingest_job *job, lh_error *err);
/* migrate, within it: may the column's values be cast to the table's type, all of them and without loss? */
LH_MUST_CHECK lh_code evolve_incoming_cast(ingest_job *job, const ingest_column *column, const ingest_type *table,
                                           bool *ret, lh_error *err);
/* fail, after it: CONFLICT with the differences. schema: the table's. */
LH_MUST_CHECK lh_code evolve_incoming_refuse(const ingest_job *job, const lh_json *schema, lh_error *err);
#endif
