/* What the files of ask share: what a caller sees, words, dates, a plan. */
#ifndef LH_ASK_ASK_INTERNAL_H
#define LH_ASK_ASK_INTERNAL_H
#include "ask/ask.h"

#include <pthread.h>

typedef struct ask_kept ask_kept;
struct lh_ask {
    lh_engine *engine;
    lh_catalog *catalog;
    lh_ai *ai;
    lh_sha256 token_key;  /* of tokens' numbers */
    pthread_mutex_t lock; /* guards what follows */
    ask_kept *kept;       /* what was read of tables, the last used first */
    size_t kept_bytes;
};
/* Runs a statement as the caller sees the lake, read only. *ret: {"columns","rows",…}; arena. */
LH_MUST_CHECK lh_code ask_run(lh_ask *ask, lh_str sql, const lh_ask_caller *caller, uint64_t rows_max, bool audited,
                              lh_arena *arena, lh_json **ret, lh_error *err);
/* A call for the caller of that model; empty: the task's. */
lh_ai_call ask_call(const lh_ask_caller *caller, lh_str model);
/* The model's fault or the endpoint's, whose refusal names its address: nothing for the caller to mend. */
static inline bool ask_is_silent(lh_code code) {
    return code == LH_UNAVAILABLE || code == LH_CORRUPT || code == LH_INVALID || code == LH_LIMIT;
}
/* Whether a query could run: what it names and its types, with no row read. (EXPLAIN is refused of a table that is seen in part.) */
LH_MUST_CHECK lh_code ask_bind(lh_ask *ask, lh_str sql, const lh_ask_caller *caller, lh_arena *arena, lh_error *err);
/* Without spaces around it, and semicolons at its end. */
lh_str ask_statement(lh_str sql);
#define ASK_EXAMPLE_PREFIX "ask/example/"
/* The SQL of a verified question of the same words; empty: there is none. */
LH_MUST_CHECK lh_code ask_example_find(lh_ask *ask, lh_str question, lh_arena *arena, lh_str *ret, lh_error *err);
typedef struct ask_example {
    lh_str question, sql;
} ask_example; /* arena */
/* Verified questions like this one, the most alike first, whose SQL the caller may run, and that `fits`:
 * `room` at most. */
typedef struct ask_examples_asks {
    lh_ask *ask;
    const lh_ask_caller *caller;
    lh_str question;
    bool (*fits)(void *ctx, const ask_example *example);
    void *ctx;
} ask_examples_asks;
LH_MUST_CHECK lh_code ask_examples_like(const ask_examples_asks *asks, ask_example *into, size_t room, lh_arena *arena,
                                        size_t *ret_count, lh_error *err);

/* ---- what is asked (request.c) ---- */
enum { ASK_ROWS_MAX = 10000 };
typedef struct ask_request {
    lh_str question, model;
    int64_t today;
    uint64_t rows_max;
    bool tokens;
    bool examples, planner, values, synonyms, grammar, repair, by_model; /* parts */
} ask_request;                                                           /* borrowed from the body */
/* tokens: whether they are asked for whatever the body says. Errors: INVALID, LIMIT. */
LH_MUST_CHECK lh_code ask_request_read(const lh_json *body, bool tokens, ask_request *ret, lh_error *err);

/* ---- what a caller sees (schema.c) ---- */
typedef enum ask_type { ASK_TEXT, ASK_NUMBER, ASK_DATE, ASK_TIME, ASK_BOOL, ASK_OTHER } ask_type;
typedef struct ask_column {
    lh_str name, sql_type, description;
    ask_type type;
    const lh_str *synonyms;
    size_t synonym_count;
    const lh_str *values; /* all that there are, of a column with few; none of one that is masked or personal */
    size_t value_count;
    bool listed; /* a value of the column is a list with commas; `values` are its parts */
    bool key;    /* its values are unique */
    bool masked;
    bool year_seen; /* masked, to the year */
    bool person;    /* of names of people */
    bool personal; /* or restricted: values never go to a model, and are in no index */
    int64_t low, high; /* of whole numbers */
    lh_str shape;  /* of a key: "CAN000000", any digit as 0; empty: they have no one shape */
} ask_column;
typedef struct ask_table {
    lh_table_name name;
    lh_str shown; /* "candidates", "crm.clients" */
    lh_str description;
    const lh_str *synonyms, *tags;
    size_t synonym_count, tag_count;
    ask_column *columns;
    size_t column_count;
} ask_table;
typedef struct ask_ref {
    int table, column; /* -1: none */
} ask_ref;
typedef struct ask_key { /* many rows of `from` to at most one of `to` */
    ask_ref from, to;
    bool declared;
} ask_key;
typedef struct ask_schema {
    ask_table *tables;
    size_t table_count;
    ask_key *keys;
    size_t key_count;
} ask_schema; /* arena */
enum { ASK_TABLES_MAX = 200, ASK_KEYS_MAX = 400 };
LH_MUST_CHECK lh_code ask_schema_load(lh_ask *ask, const lh_ask_caller *caller, bool values, lh_arena *arena,
                                      ask_schema *ret, lh_error *err);
void ask_kept_free(ask_kept *kept);
/* What was read is kept by a key, up to a number of bytes: the last used stay. find: a copy; empty: there is none. put: what cannot be
 * kept is read again. */
lh_str ask_kept_find(lh_ask *ask, const lh_sha256 *key, lh_arena *arena);
void ask_kept_put(lh_ask *ask, const lh_sha256 *key, lh_str text);
/* Finds keys that nobody declared: equal names of a column and of another table's unique one, "<table>_id" and "id", and values
 * all of which another table's key has. */
LH_MUST_CHECK lh_code ask_schema_keys(ask_schema *schema, lh_arena *arena, lh_error *err);
ask_type ask_type_of(lh_str sql_type);
/* Is the column called as keys are: client_id, invoice_no, dept_code? */
bool ask_names_key(lh_str name);
/* "clients": what one of them is called, by its name alone. */
static inline lh_str ask_one_of(lh_str table) {
    return lh_str_ends(table, LH_STR("s")) ? lh_str_sub(table, 0, table.len - 1) : table;
}
/* What people wrote, as a model may read it: its beginning on one line, with [hidden] for what has the form of personal data. Arena. */
lh_str ask_one_line(lh_str text, size_t bytes_max, lh_arena *arena);
/* The table's tags with commas between, as ask_one_line(); empty: it has none. Arena. */
lh_str ask_tags(const ask_table *table, size_t bytes_max, lh_arena *arena);
/* Does a text hold what has the form of personal data? */
bool ask_has_form(lh_str text);

/* ---- words (words.c) ---- */
typedef enum ask_token_kind { ASK_WORD, ASK_NUMERAL, ASK_QUOTED, ASK_ISO_DATE, ASK_STOP /* , ; ? */ } ask_token_kind;
typedef struct ask_token {
    ask_token_kind kind;
    lh_str raw;  /* borrowed from the question */
    lh_str word; /* folded */
    lh_str one;  /* the same in the singular */
    lh_str stem;
    double number;
    bool known;  /* some name has this very word: it is no slip of another */
    bool filler; /* says nothing by itself; of the words of a question (plan_words.c) */
    bool percent, capital, upper, plural, possessive, grouped /* 1,000 */, plus /* 10+ */, negated /* unpaid */;
} ask_token;
enum { ASK_TOKENS_MAX = 256 };
/* Words, numbers and quoted texts of a text. Of any bytes. Errors: LIMIT (too many words), NO_MEMORY. */
LH_MUST_CHECK lh_code ask_tokens(lh_terms *terms, lh_str text, lh_arena *arena, ask_token **ret, size_t *ret_count,
                                 lh_error *err);
/* The parts of a name: job_orders, jobOrders and "Job Orders" are of two. At most `max`. */
size_t ask_name_words(lh_terms *terms, lh_str name, lh_arena *arena, ask_token *into, size_t max);
static inline bool ask_is(const ask_token *token, const char *word) {
    return lh_str_eq(token->word, lh_str_from(word));
}
/* A number, in digits or as a word up to a hundred; *ret: whether it is one. */
double ask_word_number(const ask_token *token, bool *ret);
/* Is the word in a list of words with a space between? */
bool ask_in(lh_str word, const char *list);
/* Do the words of the list stand at `at`, one behind the other? How many they are; 0: they do not. */
size_t ask_words_at(const ask_token *tokens, size_t count, size_t at, const char *words);

/* ---- dates (dates.c): days since 1970, of the proleptic Gregorian calendar ---- */
int64_t ask_day(int year, int month, int day);
/* 2024-03, the first of it, or 2024-03-05, and what begins so. */
bool ask_date_read(lh_str text, int64_t *ret);
void ask_civil(int64_t day, int *ret_year, int *ret_month, int *ret_day);
typedef enum ask_when_kind { ASK_RANGE, ASK_MONTH_OF_YEAR, ASK_WEEKDAY, ASK_HOUR } ask_when_kind;
typedef struct ask_when {
    ask_when_kind kind;
    bool has_from, has_to;
    int64_t from, to; /* to: exclusive */
    int first, last;  /* of months, weekdays (1 Monday), hours; both included */
    bool whole_years; /* a range from a January 1 to a January 1 */
    bool year_only;   /* a bare year */
    bool no_year;     /* a day whose year was not said */
} ask_when;
void ask_month(ask_when *ret, int year, int month); /* the whole of it */
/* The time that the words from `at` on name, with its preposition. Returns how many words it takes; 0: none. today: a day. */
size_t ask_when_parse(const ask_token *tokens, size_t count, size_t at, int64_t today, ask_when *ret);

/* "more than 60 days", of what began so long ago. */
size_t ask_when_span(const ask_token *tokens, size_t count, size_t at, int64_t today, ask_when *ret);

/* ---- a plan (plan.c) and its SQL (render.c) ---- */
typedef enum ask_fn {
    ASK_COUNT,
    ASK_COUNT_DISTINCT,
    ASK_SUM,
    ASK_AVG,
    ASK_MIN,
    ASK_MAX,
    ASK_MEDIAN,
    ASK_SHARE,
    ASK_RATIO
} ask_fn;
typedef enum ask_op {
    ASK_EQ,
    ASK_NE,
    ASK_GT,
    ASK_GE,
    ASK_LT,
    ASK_LE,
    ASK_BETWEEN,
    ASK_IN,
    ASK_IS_NULL,
    ASK_NOT_NULL,
    ASK_CONTAINS,
    ASK_STARTS,
    ASK_ENDS,
    ASK_LEAST_MOST, /* the least or the most of all rows */
    ASK_NAMED,      /* each value is words of the column, or of it and `other` */
    ASK_IS_TRUE,
    ASK_IS_FALSE,
    ASK_IN_TIME,
    ASK_EXISTS, /* of `column.table`, which refers to the plan's base, or is referred to */
    ASK_COUNTS  /* so many rows of `column.table`, or so much of their `other`: `count_op` numbers[0] */
} ask_op;
enum { ASK_VALUES_MAX = 16, ASK_FILTERS_MAX = 24, ASK_COLUMNS_MAX = 32 };
typedef struct ask_filter {
    ask_ref column;
    ask_op op, count_op;
    bool not;
    bool numerator; /* of a share: not of the whole */
    bool folded;    /* text: without regard to case */
    bool zero;      /* of ASK_IS_NULL: or 0 */
    lh_str values[ASK_VALUES_MAX];
    size_t value_count;
    double numbers[2];
    bool stated;  /* of ASK_IN_TIME: a state such as "overdue", no time that was said */
    bool or_null; /* of ASK_IN_TIME: or there is none */
    bool average; /* of the column over all rows, instead of numbers[0] */
    bool by_way;  /* of the row that `way` refers to, where the table is joined by another of its keys */
    unsigned scope; /* rows elsewhere that are asked for apart: with phone calls, but without e-mails */
    bool only;      /* of rows elsewhere: all that there are */
    ask_ref other;  /* what the column is compared with, or, of ASK_NAMED, the last name; column -1: nothing */
    ask_ref via;    /* of by_way: the column that refers; column -1: any from or to `way` */
    bool up;        /* of by_way: of the rows that refer to `way`, instead of those that it refers to */
    ask_ref way;
    ask_when when, second; /* second: or in that time */
    bool has_second;
    bool absent; /* of ASK_EXISTS with `not`, or ASK_COUNTS: other filters of its table stand within */
} ask_filter;
typedef enum ask_part {
    ASK_WHOLE,
    ASK_YEAR,
    ASK_QUARTER,
    ASK_MONTH,
    ASK_WEEK,
    ASK_DATE_DAY,
    ASK_DAY_OF_WEEK,
    ASK_HOUR_OF_DAY,
    ASK_MONTH_NUMBER /* of any year */
} ask_part;
typedef struct ask_group {
    ask_ref column; /* column -1: the table itself, by its key and its label */
    ask_part part;
    bool hidden; /* not shown */
} ask_group;
typedef enum ask_how {
    ASK_ALONE,
    ASK_PLUS,
    ASK_MINUS,
    ASK_LESS, /* where there is any of the other */
    ASK_TIMES,
    ASK_OVER,
    ASK_DAYS /* from the one to the other */
} ask_how;
typedef struct ask_measure {
    ask_fn fn;
    ask_ref column; /* column -1: rows */
    double divisor; /* 0: none */
    ask_how how;    /* what each row's value is, of it and of */
    ask_ref other;  /* a column of the same table */
    ask_ref whole[2]; /* of ASK_RATIO: what it is a part of, the sum of one or two columns */
} ask_measure;
typedef struct ask_plan {
    int base; /* whose rows are counted or listed */
    ask_measure measures[ASK_COLUMNS_MAX];
    size_t measure_count;
    ask_group groups[ASK_COLUMNS_MAX];
    size_t group_count;
    ask_filter filters[ASK_FILTERS_MAX];
    size_t filter_count;
    ask_ref columns[ASK_COLUMNS_MAX]; /* of a list of rows */
    size_t column_count;
    bool has_having;
    size_t having_measure;
    ask_op having_op;
    double having[2];
    bool ordered, descending;
    int order_measure; /* else order_column */
    ask_ref order_column;
    uint64_t limit;      /* 0: none */
    bool limit_percent;  /* of all rows, rounded up */
    bool mean_of_groups; /* the average of the measure over the groups */
    bool mean_of_rows;   /* of how many rows of the measure's table each of the base has, none included */
    bool count_of_groups;
    bool distinct;       /* a list of different rows */
    int beside;          /* a table of names that a row may have none of; 0: none, else 1 more */
    uint64_t each;       /* so many rows of each of `partition`; 0: all */
    ask_group partition[ASK_COLUMNS_MAX];
    size_t partition_count;
    bool running,
        growth; /* of the one measure, along the one group: its sum up to there, its change from the one before */
} ask_plan;
/* Appends the SELECT. Errors: INVALID (no keys join what it names). */
LH_MUST_CHECK lh_code ask_render(const ask_schema *schema, const ask_plan *plan, lh_buf *into, lh_error *err);
/* Appends a SELECT of one row where there is somebody of that value of an ASK_NAMED. */
void ask_render_name(const ask_schema *schema, const ask_filter *filter, size_t which, lh_buf *into);
/* The steps from a row of `from` to the one row of `to`: indexes of schema->keys. -1: there is no way. */
int ask_path(const ask_schema *schema, int from, int to, size_t *ret_keys);
enum { ASK_PATH_MAX = 6, ASK_NAMES_MAX = 8 };

/* A name that no list of values has, and whose it is: the names of that column, or, column -1, of what the table's rows are called by. */
typedef struct ask_whose {
    size_t at; /* its first word */
    lh_str name;
    ask_ref of;
} ask_whose;
typedef struct ask_name {
    lh_str name, sql; /* the SELECT that finds whether anybody is called so */
} ask_name;

typedef struct ask_planned {
    lh_str sql; /* empty: refused */
    double confidence;
    lh_json *unplaced, *assumptions; /* arrays of strings */
    lh_str reason;                   /* refused: why */
    lh_str nearest_question, nearest_sql;
    lh_str chart, chart_x, chart_y;
    ask_whose whose[ASK_NAMES_MAX]; /* refused: the first name that may be of several is of one of these */
    size_t whose_count;
    ask_name names[ASK_NAMES_MAX]; /* those whose columns are known */
    size_t name_count;
} ask_planned; /* arena */
typedef struct ask_question {
    lh_str text;
    int64_t today; /* a day */
    bool no_synonyms, no_values;
    const ask_whose *whose; /* of `whose` of answers that were refused, one for each name */
    size_t whose_count;
    const lh_cancel *cancel; /* NULL is fine */
    uint64_t deadline_ms;    /* of the monotonic clock; 0: none */
} ask_question;
/* Reads the question; does no I/O. What it cannot place it says. Errors: LIMIT, NO_MEMORY, CANCELLED (also when its time is over). */
LH_MUST_CHECK lh_code ask_plan_question(const ask_schema *schema, const ask_question *question, lh_arena *arena,
                                        ask_planned *ret, lh_error *err);
/* Below it a plan is not taken. */
#define ASK_CONFIDENCE_MIN 0.6
#endif
