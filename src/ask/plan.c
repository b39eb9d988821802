/* A question into a plan without a model: its words from left to right, each taken as the longest that it can be: a value of several
 * words, a time, a word of form (plan_words.c), then the table, column or value that fits the words around it best. What stays is named,
 * and costs confidence: a plan that passed over a word would answer another question. plan_build.c makes the plan of what was read. */
#include "ask/plan_internal.h"

#include <stdarg.h>
#include <stdio.h>

const ask_column *plan_column(const plan_state *p, ask_ref ref) {
    return &p->schema->tables[ref.table].columns[ref.column];
}
bool plan_numeric(const ask_column *column) { return column->type == ASK_NUMBER; }
bool plan_temporal(const ask_column *column) { return column->type == ASK_DATE || column->type == ASK_TIME; }

void plan_note(plan_state *p, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    lh_str note = lh_str_from(text);
    for (lh_json_iter it = lh_json_each(p->assumptions); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), note)) return;
    lh_json_append(p->assumptions, lh_json_new_string(p->arena, lh_str_sub(note, 0, lh_str_utf8_prefix(note))));
}

void plan_unplaced(plan_state *p, lh_str word) {
    lh_json_append(p->unplaced, lh_json_new_string(p->arena, lh_str_cut_utf8(word, 100)));
}

void plan_doubt(plan_state *p, lh_str word) {
    plan_unplaced(p, word);
    p->penalty += 0.45;
}

void plan_drop_not(plan_state *p) {
    if (p->not) plan_doubt(p, p->not_word);
    p->not = p->without = false;
}

bool plan_elsewhere(const plan_state *p, int table) {
    return p->entity >= 0 && table >= 0 && p->entity != table && ask_path(p->schema, p->entity, table, NULL) < 0;
}

ask_filter *plan_filter(plan_state *p, ask_ref column, ask_op op) {
    if (p->plan.filter_count == ASK_FILTERS_MAX) return NULL;
    ask_filter *f = &p->plan.filters[p->plan.filter_count++];
    if (p->or_ && p->at <= p->or_at + 5) /* conditions hold all at once */
        p->or_ = false, p->penalty += 0.45, plan_unplaced(p, LH_STR("or"));
    bool behind =
        p->measure_end && p->at <= p->measure_end + (p->not? 1 : 0) && p->at >= p->measure_end; /* loans not renewed */
    *f = (ask_filter){.column = column,
                      .other = {-1, -1},
                      .op = op,
                      .not= p->not,
                      .numerator = p->share && (p->after_verb || behind ||
                                                (p->fn == ASK_COUNT && !p->plan.measure_count && op != ASK_IN_TIME)),
                      .scope = p->scope,
                      .only = p->only && plan_elsewhere(p, column.table) && (column.column >= 0 || op == ASK_IN_TIME)};
    if (column.column >= 0 || op == ASK_IN_TIME) p->only = false;
    p->not = p->without = p->with = false;
    return f;
}

size_t plan_measure(plan_state *p, ask_fn fn, ask_ref column) {
    if (plan_has(column) && (fn == ASK_SUM || fn == ASK_AVG) &&
        ask_in(plan_column(p, column)->name, fn == ASK_SUM ? "year month day hour minute" : "month day hour minute"))
        p->penalty += 0.45; /* parts of a date have no sum */
    if (plan_has(column) && fn == ASK_SUM)
        for (lh_str rest = lh_str_from("rate ratio percent pct speed temp temperature"); rest.len;)
            if (lh_str_ends(plan_column(p, column)->name, lh_str_split(&rest, ' '))) p->penalty += 0.45;
    for (size_t i = 0; i < p->plan.measure_count; i++)
        if (p->plan.measures[i].fn == fn && plan_same(p->plan.measures[i].column, column) && !p->plan.measures[i].how)
            return i;
    if (p->plan.measure_count == ASK_COLUMNS_MAX) return ASK_COLUMNS_MAX - 1;
    p->plan.measures[p->plan.measure_count] = (ask_measure){.fn = fn, .column = column};
    return p->plan.measure_count++;
}

/* A day of a table that keeps year, month and day apart is one of a month and year. */
static void plan_group_day(plan_state *p, ask_ref column) {
    static const char *const larger[] = {"year", "month"};
    const ask_table *of = &p->schema->tables[column.table];
    if (!lh_str_eq_nocase(of->columns[column.column].name, LH_STR("day"))) return;
    for (size_t i = 0; i < 2; i++)
        for (size_t c = 0; c < of->column_count; c++)
            if (lh_str_eq_nocase(of->columns[c].name, lh_str_from(larger[i])) && plan_numeric(&of->columns[c]))
                plan_group(p, (ask_ref){column.table, (int)c}, ASK_WHOLE);
}

void plan_group(plan_state *p, ask_ref column, ask_part part) {
    if (plan_has(column) && plan_column(p, column)->listed)
        p->penalty += 0.45, plan_note(p, "'%.*s' holds lists", LH_STR_ARG(plan_column(p, column)->name));
    if (plan_has(column) && part == ASK_WHOLE) plan_group_day(p, column);
    for (size_t i = 0; i < p->plan.group_count; i++)
        if (p->plan.groups[i].part == part && p->plan.groups[i].column.table == column.table &&
            p->plan.groups[i].column.column == column.column)
            return;
    if (p->plan.group_count < ASK_COLUMNS_MAX) p->plan.groups[p->plan.group_count++] = (ask_group){column, part, false};
}

int plan_distance(const plan_state *p, int from, int to) {
    if (from < 0 || to < 0) return 9;
    if (from == to) return 0;
    int there = ask_path(p->schema, from, to, NULL), back = ask_path(p->schema, to, from, NULL), best = 9;
    if (there >= 0) best = there;
    if (back >= 0 && back < best) best = back;
    for (int t = 0; t < (int)p->schema->table_count && best > 2; t++) {
        int a = ask_path(p->schema, t, from, NULL), b = ask_path(p->schema, t, to, NULL);
        if (a > 0 && b > 0 && a + b + 1 < best) best = a + b + 1;
    }
    return best;
}

ask_ref plan_hinted_in(const plan_state *p, ask_ref ref, const char *words) {
    for (lh_str rest = lh_str_from(words); rest.len;) {
        lh_str word = lh_str_split(&rest, ' ');
        const ask_token one = {.kind = ASK_WORD, .raw = word, .word = word, .one = word, .stem = word};
        if (lexicon_column_has(p->lex, ref, &one)) return ref;
    }
    return (ask_ref){ref.table, -1};
}

ask_ref plan_hinted(const plan_state *p, int table, const char *words, bool numbers) {
    const ask_table *of = &p->schema->tables[table];
    for (lh_str rest = lh_str_from(words); rest.len;) {
        lh_str word = lh_str_split(&rest, ' ');
        for (size_t c = 0; c < of->column_count; c++) {
            const ask_token one = {.kind = ASK_WORD, .raw = word, .word = word, .one = word, .stem = word};
            if ((!numbers || plan_numeric(&of->columns[c])) && !of->columns[c].key &&
                lexicon_column_has(p->lex, (ask_ref){table, (int)c}, &one))
                return (ask_ref){table, (int)c};
        }
    }
    return (ask_ref){table, -1};
}

/* ---- word by word ---- */

static void plan_find_main(plan_state *p) {
    for (size_t i = 0; i < p->count && p->main_table < 0; i++) {
        lexicon_match found[PLAN_MATCHES];
        size_t values = lexicon_values(p->lex, p->tokens, p->count, i, found, PLAN_MATCHES), long_ = 0;
        for (size_t k = 0; k < values; k++)
            if (found[k].words > 1 && found[k].score >= 0.95) long_ = found[k].words;
        if (long_) { /* the books of "The Lost Reader" */
            i += long_ - 1;
            continue;
        }
        size_t n = lexicon_tables(p->lex, p->tokens, p->count, i, found, PLAN_MATCHES);
        double best = 0.85;
        for (size_t k = 0; k < n; k++)
            if (found[k].score > best) best = found[k].score, p->main_table = found[k].ref.table;
    }
}

/* "reply rate": the share of those that are so. */
static bool plan_is_rate(const plan_state *p, size_t at) {
    return at < p->count && p->tokens[at].kind == ASK_WORD && ask_in(p->tokens[at].one, "rate ratio percentage share");
}
static void plan_on_rate(plan_state *p) {
    ask_filter *f = &p->plan.filters[p->plan.filter_count - 1];
    p->share = f->numerator = true;
    plan_measure(p, ASK_SHARE, (ask_ref){f->column.table, -1});
    p->fn = -1;
}

/* "never placed", where there is a table of placements of those who are asked for. */
static bool plan_is_done(const plan_state *p, size_t at, int *ret_table) {
    lh_str stem = p->tokens[at].stem;
    ask_when when;
    bool dated = at + 1 < p->count && ask_when_parse(p->tokens, p->count, at + 1, p->today, &when); /* placed in 2024 */
    bool often = at + 1 < p->count && p->tokens[at + 1].kind == ASK_WORD && p->entity >= 0 &&
                 ask_in(p->tokens[at + 1].word, "at with for"); /* placed at …, more than once, 3 times */
    for (size_t i = at + 1; i < at + 6 && i < p->count; i++)
        often |= p->tokens[i].kind == ASK_WORD && ask_in(p->tokens[i].word, "once twice times");
    bool trade = plan_is_word(p, at, "sold bought purchased ordered");
    for (size_t k = 0; (p->without || dated || often) && stem.len >= 4 && k < p->schema->key_count; k++) {
        const ask_key *key = &p->schema->keys[k];
        lh_str name = p->schema->tables[key->from.table].name.name;
        bool traded = false;
        for (lh_str rest = LH_STR("order sale sold purchase item"); rest.len && trade && !traded;)
            traded = lh_str_search(name, lh_str_split(&rest, ' ')) != SIZE_MAX;
        if (key->to.table != p->entity || key->from.table == p->entity || (!lh_str_starts(name, stem) && !traded)) continue;
        return *ret_table = key->from.table, true;
    }
    return false;
}

/* "customers who bought toys": what joins them says that they did. */
static bool plan_is_trade(const plan_state *p, size_t at) {
    size_t next = at + 1;
    if (!plan_is_word(p, at, "bought purchased ordered sold booked rented")) return false;
    while (next < p->count && plan_is_word(p, next, "a an any the some no both only")) next++;
    plan_choice rows = next < p->count ? plan_best_table(p, next) : (plan_choice){0},
                value = next < p->count ? plan_best_value(p, next) : (plan_choice){0};
    return (rows.there && rows.match.score >= 0.9 && plan_elsewhere(p, rows.match.ref.table)) ||
           (value.there && value.match.score >= 0.9 && plan_elsewhere(p, value.match.ref.table));
}

/* "year of manufacture", where the year is a column: what happened then says no more. */
static size_t plan_of_event(const plan_state *p, const lexicon_match *m, size_t at) {
    bool time = ask_in(plan_column(p, m->ref)->name, "year date day month");
    return time && at + 1 < p->count && ask_is(&p->tokens[at], "of") &&
                   ask_in(p->tokens[at + 1].word, "manufacture manufacturing construction birth issue publication "
                                                  "purchase creation registration release production")
               ? 2
               : 0;
}

/* The date on which a row came to be, which says nothing of what became of it. */
static ask_ref plan_dated_begin(const plan_state *p, int table) {
    const ask_table *of = &p->schema->tables[table];
    for (size_t c = 0; c < of->column_count; c++)
        for (lh_str rest = lh_str_from("created joined opened hired born registered since"); rest.len;)
            if (lh_str_starts(of->columns[c].name, lh_str_split(&rest, ' ')) && plan_temporal(&of->columns[c]))
                return (ask_ref){table, (int)c};
    return (ask_ref){table, -1};
}

/* A value that is what was done at a time: "ended in May" asks for the end. Is it said by the date alone? */
static bool plan_dated(plan_state *p, const lexicon_match *value, const plan_choice *column, size_t at) {
    ask_when when;
    const ask_token *t = &p->tokens[at];
    bool only = false, verb = lh_str_ends(t->word, LH_STR("ed")) || lh_str_ends(t->word, LH_STR("ing")) ||
                              ask_in(t->word, "left lost sold won");
    if (!verb || at + 1 >= p->count || !ask_when_parse(p->tokens, p->count, at + 1, p->today, &when)) return false;
    if (column->there && column->match.ref.table == value->ref.table &&
        plan_temporal(plan_column(p, column->match.ref)))
        return p->date_subject = column->match.ref, true;
    ask_ref date = plan_date_of(p, value->ref.table, &only);
    bool begin = only && plan_same(date, plan_dated_begin(p, value->ref.table));
    if (plan_has(date) && (!only || begin) && !p->share) p->penalty += 0.45; /* of its dates none is that one */
    return false;
}

/* "origin airport": the table that the column refers to, said behind it. */
static size_t plan_target(const plan_state *p, ask_ref ref, size_t at) {
    plan_choice table = at < p->count ? plan_best_table(p, at) : (plan_choice){0};
    for (size_t k = 0; table.there && table.match.score >= 0.9 && k < p->schema->key_count; k++)
        if (plan_same(p->schema->keys[k].from, ref) && p->schema->keys[k].to.table == table.match.ref.table)
            return table.match.words;
    return 0;
}

/* "by job title", "average flight distance": the table whose column is named behind it. */
static bool plan_qualifies(const plan_state *p, const plan_choice *table, size_t at) {
    bool number = p->fn == ASK_AVG || p->fn == ASK_SUM || p->fn == ASK_MEDIAN || (p->fn == ASK_COUNT && p->share);
    size_t next = at + table->match.words;
    if (!table->there || table->match.score < 0.5 || next >= p->count || (!p->grouping && !number)) return false;
    plan_choice own = plan_best_column(p, next, number && !p->grouping ? WANT_NUMBER : WANT_ANY),
                whole = plan_best_column(p, at, WANT_ANY);
    return own.there && own.match.score >= 0.95 && own.match.ref.table == table->match.ref.table &&
           !(whole.there && whole.match.score >= 0.9 && whole.match.words > table->match.words);
}

/* "which librarian has …": of another table that has such a column, where only that one's rows have what is said now. */
static bool plan_twin(plan_state *p, size_t at) {
    const plan_state before = *p;
    if (!plan_has(p->entity_column) || p->plan.filter_count || p->plan.measure_count || p->plan.group_count)
        return false;
    for (int t = 0; t < (int)p->schema->table_count; t++)
        for (size_t c = 0; c < p->schema->tables[t].column_count; c++) {
            if (t == before.entity_column.table ||
                !lh_str_eq(p->schema->tables[t].columns[c].name, plan_column(p, before.entity_column)->name))
                continue;
            p->entity_column = (ask_ref){t, (int)c};
            p->focus = t;
            if (plan_best_column(p, at, WANT_ANY).there || plan_best_value(p, at).there) return true;
        }
    *p = before;
    return false;
}

/* "when did we open it": that it was done, of which there is a date, and not what it is now. */
static bool plan_is_verb(plan_state *p, const lexicon_match *value, size_t at) {
    bool verb = at && p->tokens[at - 1].kind == ASK_WORD && ask_in(p->tokens[at - 1].word, "we they you i he she");
    const ask_table *of = &p->schema->tables[value->ref.table];
    for (size_t c = 0; c < of->column_count && verb; c++) {
        const ask_ref ref = {value->ref.table, (int)c};
        if (plan_temporal(&of->columns[c]) && lexicon_column_has(p->lex, ref, &p->tokens[at]))
            return p->date_subject = ref, true;
    }
    if (verb) p->penalty += 0.45, plan_unplaced(p, p->tokens[at].raw); /* of what was done no date tells */
    return false;
}

/* "names": first and last ones, to be shown. */
static bool plan_on_both_names(plan_state *p, const plan_choice *column, size_t at) {
    ask_ref label[2];
    bool key = false;
    int table = column->match.ref.table;
    if (!ask_in(p->tokens[at].one, "name") || column->match.score >= 0.9 || p->fn >= 0 || p->grouping || p->ordering ||
        p->like >= 0 || p->without || plan_label(p, table, label, 2, &key) != 2)
        return false;
    plan_subject(p, label[0], at);
    plan_subject(p, label[1], at);
    if (p->focus < 0) p->focus = table;
    return true;
}

static size_t plan_mention_column(plan_state *p, const plan_choice *column, size_t at) {
    if (column->match.score < 0.5) p->penalty += 0.15;
    else if (column->match.score < 0.75) p->penalty += 0.05;
    if (column->close &&
        (column->other.ref.table != column->match.ref.table || column->other.ref.column != column->match.ref.column) &&
        column->match.score < 0.95) {
        p->penalty += 0.08;
        plan_note(p, "'%.*s' is read as '%.*s', not as '%.*s'", LH_STR_ARG(lh_str_cut_utf8(p->tokens[at].raw, 60)),
                  LH_STR_ARG(plan_column(p, column->match.ref)->name),
                  LH_STR_ARG(plan_column(p, column->other.ref)->name));
    }
    size_t filters = p->plan.filter_count;
    if (p->fn < 0 && !p->grouping && ask_in(p->tokens[at].word, "revenue turnover sales spending"))
        p->fn = ASK_SUM; /* of which nobody means one row's */
    if (plan_on_both_names(p, column, at)) return column->match.words;
    plan_on_column(p, &column->match, at);
    if (plan_column(p, column->match.ref)->type == ASK_BOOL && plan_is_rate(p, at + column->match.words) &&
        p->plan.filter_count > filters)
        return plan_on_rate(p), column->match.words + 1;
    bool date =
        plan_temporal(plan_column(p, column->match.ref)) && plan_is_word(p, at + column->match.words, "date dates");
    size_t words = column->match.words + date + plan_of_event(p, &column->match, at + column->match.words);
    return words + plan_target(p, column->match.ref, at + words);
}

/* "the phone of Ann", "phone number": the column, not a value that is written so. */
static bool plan_is_asked(const plan_state *p, const plan_choice *column, size_t at) {
    size_t next = at + column->match.words;
    return column->match.score >= 0.95 &&
           (plan_is_word(p, next, "of for") || (plan_is_word(p, next, "number numbers") && column->match.words == 1));
}

/* "who never opened a ticket": the people that have them. */
static void plan_who_of(plan_state *p, int table) {
    int who = plan_people_of(p, table);
    if (who >= 0) p->entity = who;
}

/* "never opened a ticket": that there is one says that it was done; "never closed a ticket": none that was. */
static bool plan_is_deed(plan_state *p, const lexicon_match *column, size_t at) {
    size_t next = at + column->words;
    bool verb = p->not&&p->without && plan_temporal(plan_column(p, column->ref)) && plan_elsewhere(p, column->ref.table);
    while (verb && plan_is_word(p, next, "a an any one single")) next++;
    plan_choice rows = verb && next < p->count ? plan_best_table(p, next) : (plan_choice){0};
    plan_choice kind = verb && next < p->count && !rows.there ? plan_best_value(p, next) : (plan_choice){0};
    bool deed = (rows.there && rows.match.score >= 0.9 && rows.match.ref.table == column->ref.table) ||
                (kind.there && kind.match.ref.table == column->ref.table);
    if (!deed) return false;
    bool begins = false;
    for (lh_str rest = LH_STR("created opened ordered requested booked placed made submitted loaned sent"); rest.len;)
        begins |= lh_str_starts(plan_column(p, column->ref)->name, lh_str_split(&rest, ' '));
    if (begins) return true;
    p->not = p->without = false;
    plan_apart(p, column->ref.table);
    ask_filter *f = plan_filter(p, column->ref, ASK_NOT_NULL);
    p->not = p->without = f != NULL;
    p->value_end = next; /* what follows is of those */
    return true;
}

/* "phone but not mail tickets": another value of the same column follows. */
static bool plan_is_listed(const plan_state *p, const plan_choice *value, size_t at) {
    lexicon_match found[PLAN_MATCHES];
    size_t next = at + value->match.words, from = next;
    while (next < p->count && next < from + 4 && plan_is_word(p, next, "and or but not no also nor without")) next++;
    size_t n = next > from && next < p->count ? lexicon_values(p->lex, p->tokens, p->count, next, found, PLAN_MATCHES) : 0;
    bool listed = false;
    for (size_t i = 0; i < n; i++) listed |= plan_same(found[i].ref, value->match.ref) && found[i].score >= 0.95;
    return listed;
}

static bool plan_leads(const plan_state *p, ask_ref from, int table) {
    bool leads = false;
    for (size_t k = 0; k < p->schema->key_count; k++)
        leads |= plan_same(p->schema->keys[k].from, from) && p->schema->keys[k].to.table == table;
    return leads;
}

/* The table, column or value at a place; how many words it takes. */
static size_t plan_mention(plan_state *p, size_t at) {
    plan_choice table = plan_best_table(p, at), column = plan_best_column(p, at, WANT_ANY),
                value = plan_best_value(p, at);
    int done = -1;
    if (!table.there && !column.there && !value.there && plan_twin(p, at)) return plan_mention(p, at);
    if (value.there && column.there && plan_is_asked(p, &column, at)) value.there = false;
    if (value.there && column.there && (p->pair || p->neither || plan_is_listed(p, &value, at)) && plan_elsewhere(p, value.match.ref.table)) column.there = false;
    if (p->lead == LEAD_WHO && p->entity < 0 && p->without && (table.there || column.there))
        plan_who_of(p, table.there && table.match.score >= 0.9 ? table.match.ref.table : column.there ? column.match.ref.table : -1);
    if (column.there && plan_is_deed(p, &column.match, at)) return 1;
    if (plan_qualifies(p, &table, at)) return p->focus = table.match.ref.table, table.match.words;
    bool deed = plan_is_word(p, at, "sold bought") ||
                (p->tokens[at].kind == ASK_WORD && lh_str_ends(p->tokens[at].word, LH_STR("ed")));
    if (deed && plan_is_done(p, at, &done))
        return plan_on_other(p, done), 1;
    size_t behind = at + (table.there ? table.match.words : 0);
    double t = table.there ? table.score : 0, c = column.there ? column.score : 0,
           v = value.there ? value.score + 0.1 : 0;
    if (t > 0 && table.match.score >= 0.95 && column.match.score < table.match.score - 0.04) c -= 0.3;
    if (t > 0 && c > 0 && column.match.score >= 0.97 && table.match.score < 0.95 && column.match.words == table.match.words)
        t -= 0.4; /* membership, not members */
    size_t next = at + (column.there ? column.match.words : 0);
    bool row = t > 0 && c > 0 && next < p->count && plan_has_shape(p, &p->tokens[next], table.match.ref.table);
    if (t > 0 && c > 0 && (row || (at && plan_is_word(p, at - 1, "a an each every per"))) &&
        plan_leads(p, column.match.ref, table.match.ref.table))
        c = 0; /* a customer: the one that the column refers to */
    if (t > 0 && table.match.score >= 0.9 && p->extreme && p->extreme_hints && !p->order_set && p->entity < 0)
        c -= 0.5; /* the longest flight, not the largest flight number */
    bool first = p->lead_open && (p->lead == LEAD_LIST || p->lead == LEAD_WHICH) && behind < p->count &&
                 (p->tokens[behind].kind == ASK_STOP || ask_in(p->tokens[behind].word, "of and"));
    if (first && column.there && column.match.score >= 0.95) c += 0.7; /* list the titles of … */
    if (value.there && value.match.score < 0.95 && column.there && column.match.score >= 0.95)
        v -= 0.3; /* openings, not open */
    if (v > 0 && (t >= 1.2 || c >= 1.2) && value.match.score < 0.9) v -= 0.3;
    if (v >= t && v >= c && v > 0) {
        if (value.match.score < 0.5) return 0;
        if (value.match.words == 1 && plan_is_verb(p, &value.match, at)) return 1;
        if (value.match.words == 1 && plan_dated(p, &value.match, &column, at)) return 1;
        size_t then = at + value.match.words;
        plan_choice rows = then < p->count ? plan_best_table(p, then) : (plan_choice){0};
        bool none = p->without && p->entity >= 0 && rows.there && rows.match.score >= 0.9 &&
                    rows.match.ref.table == value.match.ref.table && rows.match.ref.table != p->entity;
        if (none) p->not = p->without = false; /* no open job orders: none that are open */
        if (none) plan_apart(p, value.match.ref.table);
        if (p->without && plan_has(p->entity_column) && p->entity < 0 && rows.there && rows.match.score >= 0.9)
            p->penalty += 0.45, plan_unplaced(p, p->not_word); /* which genres have no crime books */
        bool rate = plan_is_rate(p, then) && !none && p->fn < 0;
        size_t filters = p->plan.filter_count;
        plan_on_value(p, &value);
        if (none) p->not = p->without = true;
        if (rate && p->plan.filter_count > filters) return plan_on_rate(p), value.match.words + 1;
        return value.match.words;
    }
    if (t >= c && t > 0) {
        if (table.match.score < 0.9) p->penalty += 0.05;
        if (table.close) p->penalty += 0.1;
        plan_on_table(p, table.match.ref.table, table.match.words, at);
        return table.match.words + plan_on_id(p, table.match.ref.table, at + table.match.words);
    }
    return c > 0 ? plan_mention_column(p, &column, at) : 0;
}

static bool plan_long_value(plan_state *p, size_t at, size_t *ret_words) {
    plan_choice value = plan_best_value(p, at);
    if (!value.there || value.match.words < 2 || value.match.score < 0.95) return false;
    plan_on_value(p, &value);
    *ret_words = value.match.words;
    return true;
}

static bool plan_long_column(const plan_state *p, size_t at) {
    plan_choice column = plan_best_column(p, at, WANT_ANY);
    return column.there && column.match.words >= 2 && column.match.score >= 0.9 &&
           !ask_in(p->tokens[at].word, "number total average count");
}

/* Years or months: the unit of a time that is whole ones. */
static ask_part plan_period_part(const ask_when *when) {
    int y, m, d;
    if (when->kind == ASK_MONTH_OF_YEAR && when->first == when->last) return ASK_MONTH_NUMBER;
    if (when->kind == ASK_WEEKDAY && when->first == when->last) return ASK_DAY_OF_WEEK;
    if (when->kind != ASK_RANGE || !when->has_from || !when->has_to) return ASK_WHOLE;
    if (when->whole_years) return ASK_YEAR;
    ask_civil(when->from, &y, &m, &d);
    bool first = d == 1;
    int month = m, y2;
    ask_civil(when->to, &y2, &m, &d);
    int months = 12 * (y2 - y) + m - month;
    if (!first || d != 1) return ASK_WHOLE;
    return months == 1 ? ASK_MONTH : months == 3 && month % 3 == 1 ? ASK_QUARTER : ASK_WHOLE;
}

/* "compare the years 2021 to 2024": each of them, and each month of less. */
static ask_part plan_period_inside(const ask_when *when) {
    int y, m, d, d2;
    if (when->kind != ASK_RANGE || !when->has_from || !when->has_to) return ASK_WHOLE;
    ask_civil(when->from, &y, &m, &d);
    ask_civil(when->to, &y, &m, &d2);
    if (when->whole_years) return when->to - when->from > 366 ? ASK_YEAR : ASK_WHOLE;
    return d == 1 && d2 == 1 && when->to - when->from > 31 ? ASK_MONTH : ASK_WHOLE;
}

/* March or April 2025: both are of that year. */
static bool plan_same_year(ask_when *month, const ask_when *other) {
    int y, m, d;
    if (plan_period_part(month) != ASK_MONTH_NUMBER || plan_period_part(other) != ASK_MONTH) return false;
    ask_civil(other->from, &y, &m, &d);
    ask_month(month, y, month->first);
    return true;
}

/* "2023 vs 2024", "January compared to July 2025": a row for each, and "2022 or 2024": both. What was read ends before `at`. */
static size_t plan_periods(plan_state *p, size_t at) {
    ask_filter *f = p->plan.filter_count ? &p->plan.filters[p->plan.filter_count - 1] : NULL;
    if (!f || f->op != ASK_IN_TIME || f->has_second) return 0;
    ask_part part = plan_period_part(&f->when);
    ask_when second;
    size_t next = at, n;
    bool versus = plan_is_word(p, at, "vs versus against"), or = plan_is_word(p, at, "or and"),
         which = p->more.len && plan_is_word(p, at, "or");
    if (ask_is(&p->tokens[at < p->count ? at : 0], "and") && plan_elsewhere(p, f->column.table)) return 0; /* in each of them */
    if (versus || or) next = at + 1;
    if (plan_is_word(p, at, "compared") && plan_is_word(p, at + 1, "to with against")) next = at + 2, versus = true;
    if (next < p->count && plan_is_word(p, next, "in")) next++;
    n = next > at && next < p->count ? ask_when_parse(p->tokens, p->count, next, p->today, &second) : 0;
    if (n && (plan_same_year(&f->when, &second) || plan_same_year(&second, &f->when))) part = ASK_MONTH;
    ask_part inside = p->comparing && (!n || plan_period_part(&second) != part) ? plan_period_inside(&f->when) : ASK_WHOLE;
    bool together = inside != ASK_WHOLE;
    if (together) part = inside;
    if (!part || ((!n || plan_period_part(&second) != part) && !together)) return 0;
    if (!together) f->second = second, f->has_second = true;
    if (together) n = 0, next = at;
    if (which) p->more = LH_STR_NONE;
    if (versus || which || p->comparing) plan_group(p, (ask_ref){-1, -1}, part);
    else if (ask_is(&p->tokens[at], "and")) plan_note(p, "both times are taken together");
    return next - at + n;
}

/* "classes on Saturday", of a column that holds the days' names, of rows without a date. */
static bool plan_is_weekday_of(const plan_state *p, size_t at) {
    plan_choice value = plan_best_value(p, at);
    int table = p->entity >= 0 ? p->entity : p->main_table;
    if (!value.there || value.match.score < 0.95 || value.match.ref.table != table) return false;
    for (size_t c = 0; c < p->schema->tables[table].column_count; c++)
        if (plan_temporal(&p->schema->tables[table].columns[c])) return false;
    return true;
}

static size_t plan_time(plan_state *p, size_t at) {
    ask_when when;
    size_t n = ask_when_parse(p->tokens, p->count, at, p->today, &when);
    const ask_token *t = &p->tokens[at];
    if (!n) return 0;
    if (p->lead == LEAD_WHICH && p->lead_open && plan_is_word(p, at, "year quarter month week day"))
        return 0; /* which month of 2025 */
    if (p->grouping && plan_is_word(p, at, "year quarter month week day")) return 0; /* for each month of 2025 */
    if (t->kind == ASK_WORD && n == 1 && ask_in(t->word, "second first")) return 0;
    if (when.kind == ASK_WEEKDAY && plan_is_weekday_of(p, at + n - 1)) return 0;
    bool number = p->subject >= 0 && plan_numeric(plan_column(p, p->mentioned[p->subject].ref)) &&
                  p->mentioned[p->subject].at + 3 >= at && when.year_only;
    if (number &&
        !lexicon_column_has(
            p->lex, p->mentioned[p->subject].ref,
            &(ask_token){.kind = ASK_WORD, .word = LH_STR("year"), .one = LH_STR("year"), .stem = LH_STR("year")}))
        return 0;
    if (p->grouping) p->grouping = false;
    plan_on_when(p, &when);
    return n + plan_periods(p, at + n);
}

/* "list five candidates …" */
static bool plan_counted(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    plan_choice table = plan_best_table(p, at + 1);
    bool is = false;
    double n = ask_word_number(t, &is);
    if (!is || !table.there || table.match.score < 0.75 || n < (t->kind == ASK_WORD ? 2 : 1) || n > 10000) return false;
    p->top = (uint64_t)n;
    if (p->lead == LEAD_NONE) p->lead = LEAD_LIST, p->lead_open = true;
    return true;
}

/* "joined before 2018", where nothing is called so. */
static bool plan_is_event(const plan_state *p, size_t at) {
    ask_when when;
    const ask_token *t = &p->tokens[at];
    bool verb = t->kind == ASK_WORD && (lh_str_ends(t->word, LH_STR("ed")) || ask_in(t->word, "built born sold begun"));
    return verb && at + 1 < p->count && ask_when_parse(p->tokens, p->count, at + 1, p->today, &when);
}

/* "built by Boeing": who did it stands behind. */
static bool plan_is_made(const plan_state *p, size_t at) {
    plan_choice who = {0};
    if (p->tokens[at].kind == ASK_WORD && at + 2 < p->count && ask_is(&p->tokens[at + 1], "by") &&
        ask_in(p->tokens[at].word,
               "built made manufactured produced operated flown run handled managed served supplied"))
        who = plan_best_value(p, at + 2);
    return who.there && who.match.score >= 0.6;
}

/* Does a column that is compared already have the word? "late on arrival" */
static bool plan_is_said(const plan_state *p, const ask_token *t) {
    bool said = false;
    for (size_t i = 0; i < p->plan.filter_count && t->kind == ASK_WORD; i++)
        said |= plan_has(p->plan.filters[i].column) && p->plan.filters[i].op >= ASK_GT &&
                p->plan.filters[i].op <= ASK_BETWEEN && lexicon_column_has(p->lex, p->plan.filters[i].column, t);
    return said;
}

/* "in minutes": what was measured in seconds. */
static size_t plan_in_unit(plan_state *p, size_t at) {
    if (p->compare.there || at + 1 >= p->count || !ask_is(&p->tokens[at], "in")) return 0;
    if (p->how_long && plan_seconds(p->tokens[at + 1].one) > 0)
        return p->long_seconds = plan_seconds(p->tokens[at + 1].one), 2;
    if (!p->plan.measure_count) return 0;
    ask_measure *m = &p->plan.measures[p->plan.measure_count - 1];
    bool number = plan_has(m->column) && m->fn != ASK_COUNT && m->fn != ASK_COUNT_DISTINCT;
    double said = plan_seconds(p->tokens[at + 1].one), has = 0;
    if (!number || said <= 0 || !p->tokens[at + 1].plural) return 0;
    has = plan_seconds_in(plan_column(p, m->column)->name);
    if (has > 0) m->divisor = said / has;
    else plan_unplaced(p, p->tokens[at + 1].raw), p->penalty += 0.45;
    return 2;
}

/* "from, to and miles": both ends, to be shown. */
static size_t plan_end(plan_state *p, size_t at) {
    int near = p->entity >= 0 ? p->entity : p->main_table;
    const ask_token *t = &p->tokens[at], *next = at + 1 < p->count ? t + 1 : NULL;
    if (near < 0 || !next || !(next->kind == ASK_STOP || ask_is(next, "and"))) return 0;
    ask_ref ref = plan_hinted(p, near, ask_is(t, "from") ? "origin source from" : "dest destination target to", false);
    if (!plan_has(ref)) return 0;
    plan_subject(p, ref, at);
    return 1;
}

/* A text between quotes, or behind a word such as "contains". 0: it is none. */
static size_t plan_on_quoted(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    size_t n = 0;
    if (t->kind != ASK_QUOTED && (p->like < 0 || plan_filler(t) || t->kind != ASK_WORD)) return 0;
    if (p->like < 0 || p->subject < 0) {
        n = plan_mention(p, at);
        if (n) return p->like = -1, n;
    }
    size_t end = at + 1; /* without quotes: up to a comma */
    while (t->kind != ASK_QUOTED && end < p->count && p->tokens[end].kind == ASK_WORD &&
           !plan_filler(&p->tokens[end]))
        end++;
    const ask_token *last = &p->tokens[end - 1];
    lh_str text =
        t->kind == ASK_QUOTED ? t->raw : (lh_str){t->raw.ptr, (size_t)(last->raw.ptr + last->raw.len - t->raw.ptr)};
    size_t in = end;
    while (in < p->count && p->tokens[in].kind == ASK_WORD && ask_in(p->tokens[in].word, "in the their its of"))
        in++;
    plan_choice named =
        p->like >= 0 && in > end && in < p->count ? plan_best_column(p, in, WANT_ANY) : (plan_choice){0};
    if (named.there && named.match.score >= 0.85 &&
        plan_column(p, named.match.ref)->type == ASK_TEXT) { /* mention "x" in the notes */
        plan_subject(p, named.match.ref, at);
        if (plan_on_text(p, text)) return in + named.match.words - at;
    }
    if (p->like >= 0 && p->subject < 0) { /* the longest text that there is */
        int near = p->focus >= 0 ? p->focus : p->entity;
        ask_ref column =
            near >= 0 ? plan_hinted(p, near, "text description notes note name title subject body comment", false)
                      : (ask_ref){-1, -1};
        if (plan_has(column)) plan_subject(p, column, at), p->mentioned[p->subject].placed = true;
    }
    if (plan_on_text(p, text)) return end - at;
    return 0;
}

/* A word that says nothing ("work") is something only where that is called so. */
static bool plan_is_known(const plan_state *p, size_t at) {
    plan_choice table = plan_best_table(p, at), column = plan_best_column(p, at, WANT_ANY), value = plan_best_value(p, at);
    return (table.there && table.match.score >= 0.9) || (column.there && column.match.score >= 0.75) ||
           (value.there && value.match.score >= 0.9);
}

/* A text that no list of values has, of the column before it: all the words of it that are written large. */
static size_t plan_of_subject(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at], *last = t;
    if (p->subject < 0 || t->kind != ASK_WORD || p->mentioned[p->subject].at + 5 < at) return 0;
    bool of = false; /* the phone of Ann is none that is called so */
    for (size_t i = p->mentioned[p->subject].at + 1; i < at; i++) of |= plan_is_word(p, i, "of for by from");
    const ask_column *column = plan_column(p, p->mentioned[p->subject].ref);
    if (!(t->capital || t->word.ptr[0] <= '9' || lh_str_find(t->word, '@') < t->word.len) || column->value_count || of)
        return 0;
    while (t->capital && last + 1 < p->tokens + p->count && last[1].kind == ASK_WORD && last[1].capital &&
           !last->possessive)
        last++;
    return plan_on_text(p, (lh_str){t->raw.ptr, (size_t)(last->raw.ptr + last->raw.len - t->raw.ptr)})
               ? (size_t)(last - t) + 1
               : 0;
}

/* "paid by card": in which way, not how much anybody earns. */
static bool plan_is_paid(const plan_state *p, size_t at) {
    size_t how = at + 2;
    if (!plan_is_word(p, at, "paid") || !plan_is_word(p, at + 1, "by with via using")) return false;
    while (plan_is_word(p, how, "both only either")) how++;
    return how < p->count && plan_best_value(p, how).there;
}

static size_t plan_step(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    size_t n = 0;
    p->at = at;
    if (t->negated) p->not = !p->not, p->not_word = t->raw;
    if ((n = plan_on_named(p, at)) || (n = plan_on_self(p, at))) return n;
    if (plan_is_paid(p, at) || (plan_is_word(p, at, "pay pays") && plan_is_word(p, at + 1, "more less over under"))) return 1;
    if (p->share && p->plan.measure_count && plan_is_word(p, at, "that which who")) p->after_verb = true;
    if (plan_is_word(p, at, "will shall") && plan_is_word(p, at + 1, "we they there i you")) /* nobody knows */
        return plan_doubt(p, t->raw), 1;
    if ((n = plan_on_quoted(p, at))) return n;
    if ((n = plan_in_unit(p, at))) return n;
    if ((n = plan_arith(p, at))) return n;
    if (t->kind == ASK_WORD && ask_in(t->word, "from to") && (n = plan_end(p, at))) return n;
    if (plan_long_value(p, at, &n)) return n;
    if ((n = plan_time(p, at))) return n;
    if (p->group_end == at && (t->kind == ASK_STOP || ask_is(t, "and")))
        return p->grouping = ask_is(t, "and"), p->group_end = ask_is(t, "and") ? 0 : at + 1, 1;
    if ((((p->lead == LEAD_LIST || p->lead == LEAD_WHICH) && p->lead_open) || at == 0) && p->entity < 0 &&
        at + 1 < p->count && plan_counted(p, at))
        return 1;
    if (!plan_long_column(p, at) && (n = plan_words(p, at))) {
        if (p->compare.there && p->compare.at == at + n) n += plan_resolve(p, at + n);
        return n;
    }
    if (t->kind == ASK_WORD && ask_is(t, "lasted")) return 1;
    if (t->kind == ASK_WORD && plan_on_shape(p, t, at)) return 1;
    if ((n = plan_on_state(p, at))) return n;
    if ((t->kind == ASK_WORD || t->kind == ASK_QUOTED) &&
        (!(plan_filler(t) && (t->word.len < 4 || !plan_is_known(p, at))) || plan_long_column(p, at)) &&
        (n = plan_mention(p, at)))
        return n;
    if (plan_filler(t)) return 1;
    if (t->kind == ASK_WORD && ask_is(t, "new") && p->lead != LEAD_WHICH) return p->fresh = true, 1;
    if (plan_is_made(p, at) || plan_is_trade(p, at)) return 1;
    if (plan_is_event(p, at)) {
        if (p->group_end == at && p->plan.group_count) p->focus = p->plan.groups[p->plan.group_count - 1].column.table;
        return p->event = t, p->penalty += 0.05, 1;
    }
    if (plan_is_said(p, t)) return 1;
    if ((n = plan_of_subject(p, at)) || (n = plan_on_name(p, at))) return n;
    plan_doubt(p, t->raw);
    p->lead_open = false;
    return 1;
}

static void plan_read(plan_state *p) {
    plan_find_main(p);
    for (size_t at = 0; at < p->count;) {
        size_t n = plan_step(p, at);
        at += n ? n : 1;
    }
    plan_end_not(p);
    if (p->only) plan_doubt(p, p->only_word);
    if (p->pair) plan_doubt(p, LH_STR("both"));
    p->outer = p->plan.group_count;
}

/* ---- the nearest question ---- */

static lh_code plan_nearest(plan_state *p, ask_planned *ret, lh_error *err) {
    int table = p->entity >= 0               ? p->entity
                : p->main_table >= 0         ? p->main_table
                : plan_has(p->entity_column) ? p->entity_column.table
                                             : -1;
    if (table < 0 && p->plan.filter_count && p->plan.filters[0].column.table >= 0)
        table = p->plan.filters[0].column.table;
    if (table < 0 && p->schema->table_count) table = 0;
    if (table < 0) return LH_OK;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES), question = LH_BUF_INIT(4096);
    ask_plan plan = {.base = table, .order_measure = -1, .measure_count = 1};
    plan.measures[0] = (ask_measure){.fn = ASK_COUNT, .column = {table, -1}};
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *f = &p->plan.filters[i];
        if (f->column.table == table && f->column.column >= 0 && f->op == ASK_EQ && f->value_count == 1 && !f->not)
            plan.filters[plan.filter_count++] = *f;
    }
    for (size_t i = 0; i < plan.filter_count; i++) plan.filters[i].numerator = false;
    lh_buf_printf(&question, "How many %.*s are there", LH_STR_ARG(p->schema->tables[table].shown));
    for (size_t i = 0; i < plan.filter_count; i++)
        lh_buf_printf(&question, "%s %.*s '%.*s'", i ? " and" : " with",
                      LH_STR_ARG(plan_column(p, plan.filters[i].column)->name), LH_STR_ARG(plan.filters[i].values[0]));
    lh_buf_char(&question, '?');
    LH_TRY(ask_render(p->schema, &plan, &sql, err));
    LH_TRY(lh_buf_check(&question, err));
    ret->nearest_sql = lh_arena_dup(p->arena, lh_buf_str(&sql));
    ret->nearest_question = lh_arena_dup(p->arena, lh_buf_str(&question));
    return lh_arena_check(p->arena, err);
}

static void plan_chart(const plan_state *p, ask_planned *ret) {
    const ask_plan *plan = &p->plan;
    bool time = plan->group_count == 1 && plan->groups[0].part && plan->groups[0].part != ASK_DAY_OF_WEEK;
    ret->chart = plan->mean_of_groups || plan->count_of_groups ||
                         (plan->measure_count == 1 && !plan->group_count && !plan->column_count)
                     ? LH_STR("number")
                 : plan->group_count && plan->measure_count ? (time                                ? LH_STR("line")
                                                               : plan->measures[0].fn == ASK_SHARE ? LH_STR("pie")
                                                                                                   : LH_STR("bar"))
                                                            : LH_STR("table");
}

lh_code ask_plan_question(const ask_schema *schema, const ask_question *question, lh_arena *arena, ask_planned *ret,
                          lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lexicon *lex = NULL;
    ask_token *tokens = NULL;
    size_t count = 0;
    lh_error why = {0};
    LH_TRY(lh_terms_new(LH_STR("en"), &terms, err));
    LH_TRY(lexicon_new(schema, !question->no_synonyms, !question->no_values, terms, arena, &lex, err));
    LH_TRY(ask_tokens(terms, question->text, arena, &tokens, &count, err));
    plan_state *p = LH_ARENA_NEW(arena, plan_state);
    LH_TRY(lh_arena_check(arena, err));
    *p = (plan_state){.schema = schema,
                      .lex = lex,
                      .arena = arena,
                      .tokens = tokens,
                      .count = count,
                      .today = question->today,
                      .unplaced = lh_json_new_array(arena),
                      .assumptions = lh_json_new_array(arena),
                      .main_table = -1,
                      .entity = -1,
                      .entity_column = {-1, -1},
                      .way = -1,
                      .focus = -1,
                      .fn = -1,
                      .like = -1,
                      .subject = -1,
                      .row_of = -1,
                      .text = question->text,
                      .name_table = question->name_table - 1,
                      .date_subject = {-1, -1}};
    p->plan.base = -1;
    p->plan.order_measure = -1;
    p->plan.order_column = (ask_ref){-1, -1};
    plan_mend(p, tokens);
    plan_read(p);
    LH_TRY(lh_arena_check(arena, err));
    *ret = (ask_planned){.unplaced = p->unplaced, .assumptions = p->assumptions};
    lh_code code = plan_build(p, &why);
    if (code == LH_OK) code = ask_render(p->schema, &p->plan, &sql, &why);
    if (code != LH_OK && code != LH_INVALID) return *err = why, code;
    ret->confidence = 1 - p->penalty < 0 || code != LH_OK ? 0 : 1 - p->penalty;
    if (code == LH_OK && ret->confidence >= ASK_CONFIDENCE_MIN) {
        ret->sql = lh_arena_dup(arena, lh_buf_str(&sql));
        plan_chart(p, ret);
        for (size_t i = 0; i < p->plan.filter_count && !ret->name.len; i++)
            if (p->plan.filters[i].op == ASK_NAMED) ret->name = p->plan.filters[i].values[0];
        lh_buf_clear(&sql);
        if (ret->name.len) ask_render_names(p->schema, &p->plan, &sql);
        LH_TRY(lh_buf_check(&sql, err));
        ret->name_sql = lh_arena_dup(arena, lh_buf_str(&sql));
    } else {
        ret->reason = lh_json_size(p->unplaced) ? LH_STR("some words could not be placed")
                      : code != LH_OK           ? lh_arena_dup(arena, lh_str_from(why.message))
                                                : LH_STR("the question can be read in too many ways");
        memcpy(ret->name_tables, p->name_tables, sizeof ret->name_tables);
        ret->name_table_count = p->name_table_count;
        LH_TRY(plan_nearest(p, ret, err));
    }
    return lh_arena_check(arena, err);
}
