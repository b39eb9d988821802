/* Private to ingest: the pieces of one job.
 *   request (with the survey of its bytes) → options → source (a plain UTF-8 file) → relation (SQL over it, columns with types)
 *           → schema (what the table has against what the file has) → load (one commit)
 * Everything here lives in the job's arena. */
#ifndef LH_INGEST_INTERNAL_H
#define LH_INGEST_INTERNAL_H
#include "document/document.h"
#include "ingest/ingest.h"

enum {
    INGEST_JSON_DEPTH_MAX = 512,
    INGEST_JSON_READ_DEPTH = 16, /* values nested deeper than that are kept as JSON text */
    INGEST_TYPE_DEPTH_MAX = 64,
    INGEST_FLATTEN_DEPTH_DEFAULT = 3,
    INGEST_SAMPLE_ROWS = 20480,         /* rows that types are detected from */
    INGEST_RATIO_MAX = 1000,            /* decompressed ÷ compressed bytes, beyond the first … */
    INGEST_RATIO_FREE_BYTES = 64 << 20, /* … bytes */
    INGEST_REJECT_BYTES = 64 << 10,     /* of a bad line, kept in <dataset>__rejects */
    INGEST_REJECTS_MAX = 1000000,
    INGEST_TRIES = 5, /* of a commit that lost a race */
    INGEST_HEAD_BYTES = 64 << 10,
    INGEST_LONG_HEAD_BYTES = 4 << 20,  /* of a CSV whose first record is longer than that: columns_max long names */
    INGEST_LINE_USUAL_BYTES = 2000000, /* DuckDB's own limit; a longer one makes its buffers, and the load, slower */
};

struct lh_ingest {
    lh_engine *engine;
    lh_catalog *catalog;
    lh_bucket *bucket;
    lh_str scratch_dir; /* owned */
    uint64_t line_max_bytes, columns_max, document_max_bytes;
    bool detect_pii;
};

/* ---- types.c: DuckDB's and Iceberg's types as one tree ---- */
typedef enum ingest_kind {
    INGEST_NULL,
    INGEST_BOOLEAN,
    INGEST_TINYINT,
    INGEST_SMALLINT,
    INGEST_INTEGER,
    INGEST_BIGINT,
    INGEST_HUGEINT,
    INGEST_UTINYINT,
    INGEST_USMALLINT,
    INGEST_UINTEGER,
    INGEST_UBIGINT,
    INGEST_UHUGEINT,
    INGEST_FLOAT,
    INGEST_DOUBLE,
    INGEST_DECIMAL, /* precision, scale */
    INGEST_VARCHAR,
    INGEST_JSON, /* text that is JSON; also "only nulls were seen" */
    INGEST_BLOB,
    INGEST_DATE,
    INGEST_TIME,
    INGEST_TIME_NS,
    INGEST_TIMETZ,
    INGEST_TIMESTAMP,
    INGEST_TIMESTAMP_S,
    INGEST_TIMESTAMP_MS,
    INGEST_TIMESTAMP_NS,
    INGEST_TIMESTAMPTZ,
    INGEST_INTERVAL,
    INGEST_UUID,
    INGEST_ENUM,
    INGEST_BIT,
    INGEST_LIST,   /* fields[0] */
    INGEST_STRUCT, /* fields */
    INGEST_MAP,    /* fields[0] key, fields[1] value */
    INGEST_OTHER,  /* a type that no table can hold; stored as text */
} ingest_kind;

typedef struct ingest_type ingest_type;
typedef struct ingest_field {
    lh_str name;
    ingest_type *type;
} ingest_field;
struct ingest_type {
    ingest_kind kind;
    unsigned precision, scale; /* DECIMAL */
    ingest_field *fields;
    size_t count;
};

/* Parses a type as DuckDB prints it, or as people write it ("int", "text", "long"). Errors: INVALID, LIMIT (depth). */
LH_MUST_CHECK lh_code ingest_type_parse(lh_str text, lh_arena *arena, ingest_type **ret, lh_error *err);
/* The nearest type that an Iceberg v2 table can hold; the same pointer when it is one. NULL: arena is full. */
ingest_type *ingest_type_storable(ingest_type *type, lh_arena *arena);
void ingest_type_sql(const ingest_type *type, lh_buf *into);
lh_str ingest_type_text(const ingest_type *type, lh_arena *arena); /* the SQL, for messages */
bool ingest_type_equal(const ingest_type *a, const ingest_type *b);
ingest_type *ingest_type_new(ingest_kind kind, lh_arena *arena); /* NULL: arena is full */
/* Iceberg's JSON form. Errors: INVALID (a type of a later format version). */
LH_MUST_CHECK lh_code ingest_type_from_iceberg(const lh_json *json, lh_arena *arena, ingest_type **ret, lh_error *err);
/* Of a storable type; nested fields get ids from *next_id on, all optional. */
lh_json *ingest_type_to_iceberg(const ingest_type *type, int64_t *next_id, lh_arena *arena);

/* ---- names.c ---- */
/* The name a column gets in the table: trimmed, control characters '_', 255 bytes at most, "column<n>" when empty. */
lh_str ingest_name_clean(lh_str name, size_t position, lh_arena *arena);
/* Names taken so far, compared without case (ASCII). */
typedef struct ingest_names {
    lh_str *items;
    size_t count, room;
} ingest_names;
/* The name itself, or the first free of name_1, name_2, …; and takes it. Empty: arena is full. */
lh_str ingest_names_take(ingest_names *names, lh_str name, lh_arena *arena);
bool ingest_names_has(const ingest_names *names, lh_str name);

/* ---- options.c ---- */
typedef struct ingest_csv_options {
    lh_str delimiter, quote, escape, date_format, timestamp_format, decimal_separator;
    bool has_quote, has_escape; /* an empty one means: none */
    int header;                 /* -1: detect */
    int64_t skip;               /* -1: detect */
} ingest_csv_options;

typedef struct ingest_named_type {
    lh_str name;
    ingest_type *type;
} ingest_named_type;

typedef struct ingest_options {
    ingest_csv_options csv;
    lh_str encoding;    /* canonical: "", "utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252" */
    lh_str compression; /* "", "none", "gzip", "zstd", "zip" */
    lh_str *nulls;      /* texts that are NULL; NULL: find them */
    size_t null_count;
    ingest_named_type *columns;
    size_t column_count;
    bool all_varchar, flatten, dedup;
    int64_t flatten_depth, sample_rows; /* -1: all */
} ingest_options;

/* options may be NULL. Errors: INVALID naming the member. */
LH_MUST_CHECK lh_code ingest_options_parse(const lh_json *options, lh_arena *arena, ingest_options *ret, lh_error *err);
const ingest_type *ingest_options_column(const ingest_options *options, lh_str name); /* NULL: not given */

/* ---- source.c: what was sent → a plain UTF-8 file ---- */
typedef enum ingest_format {
    INGEST_CSV,
    INGEST_TSV,
    INGEST_JSON_ARRAY,
    INGEST_NDJSON,
    INGEST_PARQUET,
    INGEST_DOCUMENTS, /* read as NDJSON of ours */
} ingest_format;

typedef struct ingest_reject {
    uint64_t line;            /* 0: none */
    lh_str reason, raw, file; /* file: within what was sent; empty: all of it */
} ingest_reject;
typedef enum ingest_change { INGEST_KEEP, INGEST_ADD, INGEST_WIDEN } ingest_change;

typedef struct ingest_column {
    lh_str name;          /* in the table */
    lh_str expression;    /* SQL over the relation */
    lh_str source;        /* CSV: the column's name in the relation */
    ingest_type *found;   /* as detected in the file */
    ingest_type *target;  /* as stored */
    bool exact;           /* JSON: whole numbers, read as text so that a fraction fails and is not rounded */
    bool given;           /* the caller named its type */
    bool may_widen;       /* the table's type is tried first; the file's would be a legal promotion */
    ingest_change change; /* of the table, to `target`, in the commit that adds the rows */
} ingest_column;

typedef struct ingest_job {
    lh_ingest *ingest;
    const lh_ingest_request *request;
    lh_arena *arena;
    lh_session *session;
    lh_sample *sample; /* of the rows that are loaded; NULL: none */
    ingest_options options;
    ingest_format format;
    lh_str path;                          /* of the plain file */
    char scratch[3][4096];                /* scratch files, removed by ingest_source_done() */
    lh_str head;                          /* first bytes of the plain file */
    const char *encoding;                 /* of what came */
    bool not_utf8;                        /* the plain file was refused for that */
    uint64_t bytes, lines;                /* of the plain file; lines: line feeds, and the last without one */
    lh_str delimiter, quote, escape;      /* CSV */
    lh_str date_format, timestamp_format; /* CSV: found; empty for ISO */
    bool header, quarantine, whole_sample, widen, long_lines; /* long_lines: beyond INGEST_LINE_USUAL_BYTES */
    bool mixed_lines;                                         /* some end in CR LF, some in LF */
    ingest_field *json_fields;                                /* JSON: what is read, when it is spelled out */
    size_t json_field_count;
    uint64_t json_records;
    bool json_no_maps; /* objects of very many different keys are columns, too */
    ingest_column *columns;
    size_t column_count;
    lh_str *absent; /* columns of the table that the file lacks */
    size_t absent_count;
    ingest_reject *rejects; /* NDJSON lines and documents, taken out before the load */
    size_t reject_count, reject_room;
    lh_str warning; /* of what was sent; empty: none */
    lh_table_name name, rejects_name;
    bool exists;
    lh_json *migrated; /* on_schema_change = migrate: what was done to the file's columns; NULL: nothing */
    lh_uuid id;
    lh_str sha256;
} ingest_job;

const char *ingest_format_name(ingest_format format);
bool ingest_format_parse(lh_str name, ingest_format *ret); /* false: not known */
/* Reads, decompresses, transcodes and checks. Errors: INVALID (with line and column), LIMIT, IO (ENOSPC), CANCELLED. */
LH_MUST_CHECK lh_code ingest_source_open(ingest_job *job, lh_error *err);
LH_MUST_CHECK lh_code ingest_source_head(ingest_job *job, size_t bytes, lh_error *err); /* sets job->head */
void ingest_source_done(ingest_job *job);
LH_MUST_CHECK lh_code ingest_open(lh_str path, int *ret, lh_error *err);
LH_MUST_CHECK lh_code ingest_read(int fd, char *into, size_t cap, size_t *ret, lh_error *err); /* *ret 0: the end */
/* A file that ingest_source_done() removes; its path is job->scratch[slot]. */
LH_MUST_CHECK lh_code ingest_scratch(ingest_job *job, int slot, const char *suffix, int *ret, lh_error *err);
LH_MUST_CHECK lh_code ingest_take_out(ingest_job *job, const ingest_reject *reject, lh_error *err); /* copied */

/* ---- documents.c: documents → NDJSON ---- */
bool ingest_is_documents(const lh_ingest_request *request); /* as its format or its name says */
LH_MUST_CHECK lh_code ingest_documents_open(ingest_job *job, lh_error *err);
/* The columns of such a row. Arena. */
LH_MUST_CHECK lh_code ingest_documents_fields(const ingest_job *job, ingest_field **ret, size_t *ret_count,
                                              lh_error *err);

/* ---- survey.c: one pass over bytes ---- */
struct lh_ingest_survey {
    uint64_t received;      /* bytes, whatever they are */
    lh_sha256_stream *hash; /* owned; NULL when only the text is looked at */
    lh_sha256_hex sha256_hex;
    lh_str sha256;                     /* its text, once the survey ended */
    bool json, any_value;              /* any_value: JSON that is no object is left to others */
    uint64_t line, line_start, offset; /* of the current line and byte */
    uint64_t depth, max_line, longest_line;
    uint64_t top, records; /* JSON: depth at which the objects stand, 1 in an array; how many there are */
    uint64_t crlf_lines;   /* ended by CR LF; not counted in JSON */
    char last;             /* byte of the block before */
    bool in_string, escaped;
    char tail[4]; /* an unfinished UTF-8 character at the end of the block before */
    size_t tail_len;
    bool not_utf8;
    lh_code code; /* the first fault of the text, LH_OK without */
    lh_error fault;
};
void ingest_survey_init(lh_ingest_survey *survey, bool json, uint64_t line_max_bytes); /* 0: any length */
void ingest_survey_text(lh_ingest_survey *survey, lh_str bytes);
/* The fault, or else what is known of the file goes to the job. */
LH_MUST_CHECK lh_code ingest_survey_verdict(const lh_ingest_survey *survey, ingest_job *job, lh_error *err);

/* ---- encoding.c ---- */
typedef struct ingest_encoding { /* zeroed at first */
    uint64_t beyond_ascii, likely;
    bool impossible;
    unsigned char last[2];
} ingest_encoding;
void ingest_encoding_add(ingest_encoding *e, lh_str bytes);
bool ingest_encoding_is_windows_1252(ingest_encoding *e); /* of all that was added; ends it */

/* ---- relation.c: SQL over the plain file, and its columns ---- */
LH_MUST_CHECK lh_code ingest_relation_detect(ingest_job *job, lh_error *err);
/* "read_csv(…)" and so on. Appends. */
void ingest_relation_sql(const ingest_job *job, lh_buf *into);
/* ---- reader_error.c ---- */
/* Turns an error of the reader into ours: line and column of the file, the file's own name instead of a scratch path. */
lh_code ingest_relation_error(const ingest_job *job, lh_code code, lh_error *err);

/* ---- json.c: "read_json(…)", and what it reads ---- */
void ingest_json_sql(const ingest_job *job, lh_buf *into);
/* The place of the column that is an empty key's; `count`: none is. Reads the whole file where one may be. */
lh_code ingest_json_empty_key(const ingest_job *job, const ingest_field *fields, size_t count, size_t *ret,
                              lh_error *err);
/* From now on the reader gets these names and types, JSON as text; nothing changes when they cannot be spelled out. */
void ingest_json_spell_out(ingest_job *job, ingest_field *fields, size_t count);

/* Whole numbers of a file that goes on behind the sample become `exact`. */
void ingest_json_exact(ingest_job *job);

/* ---- probe.c: types that were found too narrow ---- */
/* Sets found and target of such columns. Errors: CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code ingest_probe(ingest_job *job, lh_error *err);

/* ---- schema.c: the table's columns against the file's ---- */
/* Sets each column's target to the table's type, or its `change`. Errors: CONFLICT with a readable diff. */
LH_MUST_CHECK lh_code ingest_schema_match(ingest_job *job, lh_error *err);
LH_MUST_CHECK lh_code ingest_schema_of(const ingest_job *job, const lh_json **ret, lh_error *err); /* the table's */

/* ---- ingest.c ---- */
/* Makes it and its parents, as far as they do not exist. */
LH_MUST_CHECK lh_code ingest_make_namespace(const lh_ingest *ingest, lh_str namespace_, lh_arena *arena, lh_error *err);

/* ---- load.c ---- */
/* The caller holds the engine's lock of the table. */
LH_MUST_CHECK lh_code ingest_load(ingest_job *job, lh_json **ret, lh_error *err);

/* ---- scan.c ---- */
/* After a load: looks for personal data in a small sample of the rows that it wrote and puts what it found into
 * answer.pii; null when it could not, which is no error of the load. The table's lock need not be held. */
void ingest_scan_loaded(ingest_job *job, lh_json *answer);
/* Before the statements of a try: job->sample, empty. NULL when the load is not looked at. Owned by the job: lh_sample_free(). */
void ingest_sample_begin(ingest_job *job);
/* ingest_select_sql(), its rows seen by the sample. */
void ingest_sample_sql(const ingest_job *job, lh_str extra, lh_buf *into);
/* "SELECT CAST(expr AS type) AS name, …<extra> FROM relation". */
void ingest_select_sql(const ingest_job *job, lh_str extra, lh_buf *into);
#endif
