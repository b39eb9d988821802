/* What reading a question (plan.c), its words of form (plan_words.c) and its end (plan_build.c) share. */
#ifndef LH_ASK_PLAN_INTERNAL_H
#define LH_ASK_PLAN_INTERNAL_H
#include "ask/lexicon.h"

#define PLAN_NONE ((ask_ref){-1, -1})
enum { PLAN_MATCHES = LEXICON_MATCHES, PLAN_NOTES_BYTES = 4096 };
typedef enum plan_lead { LEAD_NONE, LEAD_LIST, LEAD_WHICH, LEAD_WHO, LEAD_WHEN, LEAD_EXISTS } plan_lead;
typedef struct plan_compare { /* "more than 5", waiting for what is compared */
    bool there;
    ask_op op;
    double numbers[2];
    size_t at; /* where it ended */
    bool money;
    bool average;      /* of all rows, instead of a number */
    const char *hints; /* columns that its word speaks of: "older" */
} plan_compare;
typedef struct plan_state {
    const ask_schema *schema;
    lexicon *lex;
    int8_t *distances; /* of each table from each; 0: not known yet, else 1 more */
    size_t slips;
    size_t *company; /* of each table: how many words of the question are of it; NULL: a table is named */
    lh_arena *arena;
    const ask_token *tokens;
    size_t count;
    ask_plan plan;
    double penalty;
    lh_json *unplaced, *assumptions;

    plan_lead lead;
    bool lead_open; /* what follows is what is listed */
    size_t at;      /* where it is read */
    ask_ref counted; /* the column of the rows that are counted, which refer to those of the entity; column -1 */
    int way;        /* of several keys to one table, the one that was said; -1 */
    bool fresh;     /* "new", which a time behind it explains */
    int main_table; /* the first table that the question names; -1 */
    int entity;     /* whose rows are counted or listed; -1 */
    ask_ref entity_column;
    ask_part entity_part;
    size_t entity_at;
    bool entity_plural;
    int focus; /* the table that words next to it are about; -1 */

    int fn; /* an ask_fn that waits for what it is of; -1 */
    lh_str said[ASK_RATIO + 1]; /* the words of aggregates, by ask_fn */
    bool distinct, mean;
    size_t measure_at, measure_end; /* the table that is counted: its first word, and what is behind it */
    size_t parts_before;            /* conditions that were said before the share's rows */
    int extreme; /* 1 most, -1 fewest; 0 */
    size_t extreme_at; /* its last word */
    bool extreme_rows, extreme_common;
    bool both;                 /* the highest and the lowest */
    const char *extreme_hints; /* columns that the word itself speaks of */
    lh_str extreme_word;
    uint64_t top; /* "top 5" */
    bool top_percent;
    bool grouping, ordering, order_set, each;
    size_t group_end; /* where the last group ended: "and" goes on */
    bool not, without, with;
    bool neither, how_much;
    bool where;       /* is asked */
    bool coin;        /* a value that rows of two tables have, where no table is named */
    bool entity_made; /* nothing said it but a column of it */
    const ask_question *question;
    ask_whose whose[ASK_NAMES_MAX]; /* a name may be of one of these */
    size_t whose_count;
    int row_of;     /* one row of that table is meant, by its key; -1 */
    int row_filter; /* of the last rows that were meant by key or name; -1 */
    ask_ref row_by; /* that key, or the first column of the name */
    size_t row_end; /* what is behind it */
    bool rows;      /* they are several */
    unsigned scope; /* of filters that are made now; see ask_filter */
    bool only;      /* "only" waits for what all of them are */
    lh_str only_word;
    int pair;    /* "both": 2 values are to come, 1: the second one */
    bool sorted; /* "highest first" */
    bool or_;    /* "or" stands before */
    size_t or_at;
    size_t value_at, value_end; /* the last value: its first word, and what is behind it */
    bool versus;                /* "vs" stands before: each is a group of its own */
    lh_str more;                /* "more calls in March or April": which of them */
    bool times;                 /* "more than 3 times": how often is compared */
    bool ranking;               /* "rank the genres by" */
    size_t outer;               /* groups that were asked for, each of which has what is most of it */
    lh_str series;              /* "running", "growth": what it was asked by */
    ask_ref role;               /* the column that leads to those who are asked for: servers, of server_id; column -1 */
    bool how_long;
    double long_seconds; /* the unit in which that is asked; 0: as it comes */
    bool comparing;      /* times with one another */
    lh_str not_word;     /* what made `not` */
    int like;    /* an ask_op that waits for a text; -1 */
    plan_compare compare;
    struct {
        ask_ref ref;
        size_t at;
        bool placed, with, not;
    } mentioned[ASK_COLUMNS_MAX]; /* columns, in their order */
    size_t mentioned_count;
    int subject; /* of them: the last, which what follows may be about; -1 */
    bool subject_projected;
    ask_ref date_subject;
    bool share, after_verb;
    const ask_token *event; /* a verb that may be of a date: "opened" */
    bool has_when;
} plan_state;

static inline bool plan_has(ask_ref ref) { return ref.column >= 0; }
static inline ask_token plan_word(lh_str word) {
    return (ask_token){.kind = ASK_WORD, .raw = word, .word = word, .one = word, .stem = word};
}
static inline bool plan_is_word(const plan_state *p, size_t at, const char *list) {
    return at < p->count && p->tokens[at].kind == ASK_WORD && ask_in(p->tokens[at].word, list);
}
/* Does the question have one of the words? */
static inline bool plan_says(const plan_state *p, const char *list) {
    for (size_t i = 0; i < p->count; i++)
        if (plan_is_word(p, i, list)) return true;
    return false;
}
static inline bool plan_same(ask_ref a, ask_ref b) { return a.table == b.table && a.column == b.column; }
const ask_column *plan_column(const plan_state *p, ask_ref ref);
void plan_note(plan_state *p, const char *format, ...) LH_PRINTF(2, 3); /* an assumption */
ask_filter *plan_filter(plan_state *p, ask_ref column, ask_op op);      /* NULL: too many */
size_t plan_measure(plan_state *p, ask_fn fn, ask_ref column);          /* which it is */
void plan_group(plan_state *p, ask_ref column, ask_part part);
int plan_distance(const plan_state *p, int from, int to); /* keys between two tables; large: none */
/* The column of the table whose name has one of the words; column -1: none. */
ask_ref plan_hinted(const plan_state *p, int table, const char *words, bool numbers);
/* Has the column's name one of the words? */
bool plan_called(const plan_state *p, ask_ref ref, const char *words);
ask_ref plan_date_of(plan_state *p, int table, bool *ret_sure);
/* How long the unit of time is; that a name has: "duration_seconds". 0: none. */
double plan_seconds(lh_str unit);
double plan_seconds_in(lh_str name);
bool plan_numeric(const ask_column *column);
bool plan_temporal(const ask_column *column);

/* How near a table is to what was said so far: -1 where nothing joins them. */
double plan_near(const plan_state *p, int table);

typedef struct plan_choice {
    lexicon_match match;
    double score;
    bool there, close; /* close: another one is as good */
    lexicon_match other;
} plan_choice;
typedef enum { WANT_ANY, WANT_NUMBER } plan_want;
/* How much words before or behind the place speak of the column: 0 to 0.4. */
double plan_beside(const plan_state *p, ask_ref ref, size_t at, size_t words);
/* Which of several fits the words around it best. */
plan_choice plan_best_table(const plan_state *p, size_t at);
plan_choice plan_best_column(const plan_state *p, size_t at, plan_want want);
plan_choice plan_best_value(const plan_state *p, size_t at);
void plan_unplaced(plan_state *p, lh_str word);
void plan_doubt(plan_state *p, lh_str word); /* unplaced, and what it costs: the plan is not taken */
/* Words that mean something and were passed over. */
void plan_drop_not(plan_state *p);
/* Do rows of the entity have rows of that table, rather than one? */
bool plan_elsewhere(const plan_state *p, int table);
void plan_place_subject(plan_state *p);
void plan_on_value(plan_state *p, const plan_choice *choice);
/* What a comparison is of, the words from `at` on being behind its number. Returns how many of them it takes. */
size_t plan_resolve(plan_state *p, size_t at);

/* "higher than the unit price", "after the promised date", of the column that was said before. How many words; 0: it is none. */
size_t plan_compare_columns(plan_state *p, size_t at);
/* What one asks the whole of, where a rate or an age has an average: amounts, hours. */
bool plan_sums(lh_str name);
/* ---- plan_ahead.c: how many words each takes ---- */
size_t plan_ahead(plan_state *p, size_t at);
size_t plan_extreme_date(plan_state *p, size_t at);
extern const char plan_sold[];
bool plan_is_sold(const plan_state *p, size_t at);
bool plan_is_pieces(const plan_state *p, const plan_choice *table, size_t at, lexicon_match *ret);
/* ---- plan_role.c ---- */
int plan_role_table(plan_state *p, const ask_key *key); /* the table once more, of what its rows are to others; -1: no memory */
size_t plan_count_role(plan_state *p, size_t at);
size_t plan_resolve_role(plan_state *p, size_t at);
size_t plan_group_role(plan_state *p, size_t at);   /* "each manager" */
size_t plan_compare_role(plan_state *p, size_t at); /* "more than their manager" */
bool plan_is_reporting(const plan_state *p, size_t at);
/* ---- plan_amount.c ---- */
ask_ref plan_money(const plan_state *p, int table); /* the amount of its rows; column -1: none, or several */
void plan_amount(plan_state *p);                    /* the sum of it, of what is asked for */
bool plan_on_total(plan_state *p, int table, size_t at);
bool plan_is_amount_of(const plan_state *p, const plan_choice *table, size_t at, lexicon_match *ret);
size_t plan_how_much_done(plan_state *p, size_t at);
size_t plan_owed(plan_state *p, size_t at);
void plan_count_first(plan_state *p, size_t at);

void plan_having(plan_state *p, size_t measure, ask_op op, const double *numbers);

/* Words of form: how many of them begin at `at`; 0: none. */
size_t plan_words(plan_state *p, size_t at);
size_t plan_form_at(const plan_state *p, size_t at, const char *words); /* do those stand there? */
double plan_word_number(const ask_token *token, bool *ret);             /* also once and twice */
/* ---- plan_extreme.c: how many words it takes ---- */
size_t plan_which_extreme(const plan_state *p, size_t at, size_t *ret_row);
size_t plan_extreme(plan_state *p, size_t at);
void plan_extreme_column(plan_state *p, ask_ref ref, size_t at); /* the highest of it, or by it */
size_t plan_count_before_extreme(plan_state *p, size_t at);
/* ---- plan_mention.c ---- */
size_t plan_mention(plan_state *p, size_t at); /* how many words it takes */
/* "revenue", which is of one table as well as of another: where none was named, it is not known which. */
void plan_doubt_amount(plan_state *p, ask_ref ref, const ask_token *said);
bool plan_long_value(plan_state *p, size_t at, size_t *ret_words);
bool plan_long_column(const plan_state *p, size_t at);
/* ---- plan_times.c ---- */
size_t plan_time(plan_state *p, size_t at); /* how many words it takes */
/* The one date of the table that has one of the words, but for `other`; column -1: none, or several. */
ask_ref plan_date_called(const plan_state *p, int table, const char *words, ask_ref other);
/* The date of rows of the table, or of what they refer to. */
ask_ref plan_date(plan_state *p, int table);
/* Columns for the times that were said. Errors: INVALID (there is no date). */
LH_MUST_CHECK lh_code plan_times(plan_state *p, lh_error *err);
/* Errors: INVALID (no row is of two times, and what is to come has no sum yet). */
LH_MUST_CHECK lh_code plan_times_said(plan_state *p, lh_error *err);
/* ---- plan_left.c ---- */
bool plan_parts_there(const ask_plan *plan); /* conditions of what is shared */
void plan_left(plan_state *p);
void plan_doubts(plan_state *p); /* plan_doubt.c */
/* Errors: INVALID (what is asked by is masked for the caller). */
LH_MUST_CHECK lh_code plan_masked(plan_state *p, lh_error *err);
/* ---- plan_who.c ---- */
/* Errors: INVALID (nothing says it). */
LH_MUST_CHECK lh_code plan_entity(plan_state *p, lh_error *err);
void plan_people(plan_state *p);         /* "who works in Finance": people instead of what was named */
bool plan_is_texts(const plan_state *p); /* "who are the librarians": a column is who they are */
void plan_end_not(plan_state *p);
/* Numbers written out become one word, courtesy none. Returns how many words there are then. */
size_t plan_join(ask_token *tokens, size_t count, lh_arena *arena);
void plan_mend(const plan_state *p, ask_token *tokens);
/* Words that mean nothing here. */
void plan_mark_filler(ask_token *token);
static inline bool plan_filler(const ask_token *token) { return token->filler; }

/* ---- plan_said.c ---- */
size_t plan_said(plan_state *p, size_t at); /* how many words it takes */

/* ---- plan_arith.c ---- */
/* What two columns of a row make: the words of it; 0: none begins at `at`. */
size_t plan_arith(plan_state *p, size_t at);
/* How long something takes: a column that says so, or the days from its begin to its end. Errors: INVALID (neither). */
LH_MUST_CHECK lh_code plan_how_long(plan_state *p, lh_error *err);

/* After the last word. Errors: INVALID, with what is missing. */
LH_MUST_CHECK lh_code plan_build(plan_state *p, lh_error *err);
/* First and last name, or a name that is of a person. */
bool plan_is_people(const plan_state *p, int table);
/* The one table of people to which rows of the table refer; -1: none, or several. */
int plan_people_of(const plan_state *p, int table);
/* ---- plan_label.c ---- */
ask_ref plan_key(const plan_state *p, int table); /* column -1: it has none */
size_t plan_label(const plan_state *p, int table, ask_ref *into, size_t max, bool *ret_key);
void plan_name_keys(plan_state *p); /* what the numbers that are listed lead to */
void plan_texts(plan_state *p);     /* in which words were searched for */
/* ---- plan_base.c ---- */
/* Errors: INVALID (nothing joins what is asked for). */
LH_MUST_CHECK lh_code plan_base(plan_state *p, lh_error *err);
/* ---- plan_each.c ---- */
/* The plan lists so many rows of each group by that column, where the question asks for them. */
bool plan_rows_of_each(plan_state *p, ask_ref by);
void plan_each(plan_state *p);
/* Errors: INVALID (growth or a running total that is along no time). */
LH_MUST_CHECK lh_code plan_series(plan_state *p, lh_error *err);
/* ---- plan_rows.c: which rows are meant, that no list of values has ---- */
/* Each returns how many words it takes; 0: it is not said there. */
size_t plan_on_id(plan_state *p, int table, size_t at); /* "ticket 5", behind the table */
size_t plan_on_named(plan_state *p, size_t at);         /* "named Ann" */
size_t plan_on_name(plan_state *p, size_t at);          /* Ann Lee, whom no list of values has */
bool plan_is_full_name(const plan_state *p, size_t at);
size_t plan_on_full_name(plan_state *p, size_t at);     /* of which the first word is known as something else */
size_t plan_on_self(plan_state *p, size_t at);          /* "managed by Ann Lee", of rows of the same table */
size_t plan_on_more(plan_state *p, size_t at);          /* "and Bob Ray", behind Ann Lee */
size_t plan_on_state(plan_state *p, size_t at);         /* "open tickets": those with no end */
bool plan_has_shape(const plan_state *p, const ask_token *token, int table); /* is it a key of that table? */
bool plan_on_shape(plan_state *p, const ask_token *token, size_t at);
bool plan_still_open(plan_state *p, ask_filter *filter);
bool plan_undone(plan_state *p, ask_filter *filter); /* plan_value.c: of a date that is not there */
/* ---- plan_found.c ---- */
void plan_count_company(plan_state *p);
void plan_subject(plan_state *p, ask_ref ref, size_t at);
void plan_place(plan_state *p, ask_ref ref);
/* "with phone calls but no e-mails": rows of that table that are asked for stand apart from those of which there are none. */
void plan_apart(plan_state *p, int table);
int plan_leads_to(plan_state *p, ask_ref ref);
void plan_take_key(plan_state *p, size_t key); /* that one before all others */
void plan_on_other(plan_state *p, int table);
void plan_on_table(plan_state *p, int table, size_t words, size_t at);
void plan_on_column(plan_state *p, const lexicon_match *m, size_t at);
bool plan_on_text(plan_state *p, lh_str text);
void plan_on_when(plan_state *p, const ask_when *when);
#endif
