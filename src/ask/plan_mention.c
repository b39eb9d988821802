/* What stands at a place of the question: a table, a column or a value, by what fits the words around it best. */
#include "ask/plan_internal.h"

#include <stdio.h>

/* "reply rate": the share of those that are so. */
static bool mention_is_rate(const plan_state *p, size_t at) {
    return at < p->count && p->tokens[at].kind == ASK_WORD && ask_in(p->tokens[at].one, "rate ratio percentage share");
}
static void mention_on_rate(plan_state *p) {
    ask_filter *f = &p->plan.filters[p->plan.filter_count - 1];
    p->share = f->numerator = true;
    plan_measure(p, ASK_SHARE, (ask_ref){f->column.table, -1});
    p->fn = -1;
}

/* "never ordered": the one table of what is done with them, whatever it is called. */
static bool mention_one_link(const plan_state *p, size_t at, int *ret_table) {
    int found = -1;
    if (!plan_is_word(p, at, "ordered sold bought purchased booked used rented hired visited served")) return false;
    plan_choice state = plan_best_value(p, at);
    if (state.there && state.match.score >= 0.9) return false;
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key *key = &p->schema->keys[k];
        if (key->to.table != p->entity || key->from.table == p->entity) continue;
        if (found >= 0 && found != key->from.table) return false;
        found = key->from.table;
    }
    *ret_table = found;
    return found >= 0;
}

/* "never placed", where there is a table of placements of those who are asked for. */
static bool mention_is_done(const plan_state *p, size_t at, int *ret_table) {
    lh_str stem = p->tokens[at].stem;
    ask_when when;
    bool dated = at + 1 < p->count &&
                 ask_when_parse(p->tokens, p->count, at + 1, p->question->today, &when); /* placed in 2024 */
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
        if (key->to.table != p->entity || key->from.table == p->entity || (!lh_str_starts(name, stem) && !traded))
            continue;
        return *ret_table = key->from.table, true;
    }
    return (p->without || often) && mention_one_link(p, at, ret_table);
}

/* "year of manufacture", where the year is a column: what happened then says no more. */
static size_t mention_of_event(const plan_state *p, const lexicon_match *m, size_t at) {
    bool time = ask_in(plan_column(p, m->ref)->name, "year date day month");
    return time && at + 1 < p->count && ask_is(&p->tokens[at], "of") &&
                   ask_in(p->tokens[at + 1].word, "manufacture manufacturing construction birth issue publication "
                                                  "purchase creation registration release production")
               ? 2
               : 0;
}

/* The date on which a row came to be, which says nothing of what became of it. */
static ask_ref mention_dated_begin(const plan_state *p, int table) {
    const ask_table *of = &p->schema->tables[table];
    for (size_t c = 0; c < of->column_count; c++)
        for (lh_str rest = lh_str_from("created joined opened hired born registered since"); rest.len;)
            if (lh_str_starts(of->columns[c].name, lh_str_split(&rest, ' ')) && plan_temporal(&of->columns[c]))
                return (ask_ref){table, (int)c};
    return (ask_ref){table, -1};
}

/* A value that is what was done at a time: "ended in May" asks for the end. Is it said by the date alone? */
static bool mention_dated(plan_state *p, const lexicon_match *value, const plan_choice *column, size_t at) {
    ask_when when;
    const ask_token *t = &p->tokens[at];
    bool only = false, verb = lh_str_ends(t->word, LH_STR("ed")) || lh_str_ends(t->word, LH_STR("ing")) ||
                              ask_in(t->word, "left lost sold won");
    if (!verb || at + 1 >= p->count || !ask_when_parse(p->tokens, p->count, at + 1, p->question->today, &when))
        return false;
    if (column->there && (column->match.ref.table == value->ref.table || column->match.ref.table == p->entity) &&
        plan_temporal(plan_column(p, column->match.ref)))
        return p->date_subject = column->match.ref, true;
    ask_ref date = plan_date_of(p, value->ref.table, &only);
    bool begin = only && plan_same(date, mention_dated_begin(p, value->ref.table));
    if (plan_has(date) && (!only || begin) && !p->share) p->penalty += 0.45; /* of its dates none is that one */
    return false;
}

/* "origin airport": the table that the column refers to, said behind it. */
static size_t mention_target(const plan_state *p, ask_ref ref, size_t at) {
    plan_choice table = at < p->count ? plan_best_table(p, at) : (plan_choice){0};
    for (size_t k = 0; table.there && table.match.score >= 0.9 && k < p->schema->key_count; k++)
        if (plan_same(p->schema->keys[k].from, ref) && p->schema->keys[k].to.table == table.match.ref.table)
            return table.match.words;
    return 0;
}

/* "by job title", "average flight distance": the table whose column is named behind it. */
static bool mention_qualifies(const plan_state *p, const plan_choice *table, size_t at) {
    bool number = p->fn == ASK_AVG || p->fn == ASK_SUM || p->fn == ASK_MEDIAN || (p->fn == ASK_COUNT && p->share);
    size_t next = at + table->match.words;
    if (!table->there || table->match.score < 0.5 || next >= p->count || (!p->grouping && !number)) return false;
    plan_choice own = plan_best_column(p, next, number && !p->grouping ? WANT_NUMBER : WANT_ANY),
                whole = plan_best_column(p, at, WANT_ANY);
    return own.there && own.match.score >= 0.95 && own.match.ref.table == table->match.ref.table &&
           !(whole.there && whole.match.score >= 0.9 && whole.match.words > table->match.words);
}

/* "which librarian has …": of another table that has such a column, where only that one's rows have what is said now. */
static bool mention_twin(plan_state *p, size_t at) {
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
static bool mention_is_verb(plan_state *p, const lexicon_match *value, size_t at) {
    bool verb = at && p->tokens[at - 1].kind == ASK_WORD && ask_in(p->tokens[at - 1].word, "we they you i he she");
    const ask_table *of = &p->schema->tables[value->ref.table];
    for (size_t c = 0; c < of->column_count && verb; c++) {
        const ask_ref ref = {value->ref.table, (int)c};
        if (plan_temporal(&of->columns[c]) && lexicon_column_has(p->lex, ref, &p->tokens[at]))
            return p->date_subject = ref, true;
    }
    if (verb) plan_doubt(p, p->tokens[at].raw); /* of what was done no date tells */
    return false;
}

/* "names": first and last ones, to be shown. */
static bool mention_on_both_names(plan_state *p, const plan_choice *column, size_t at) {
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

void plan_doubt_amount(plan_state *p, ask_ref ref, const ask_token *said) {
    bool named = p->focus == ref.table || p->entity == ref.table || p->main_table == ref.table;
    double near = plan_near(p, ref.table);
    for (int t = 0; t < (int)p->schema->table_count && !named; t++)
        for (size_t c = 0; t != ref.table && c < p->schema->tables[t].column_count; c++) {
            const ask_ref other = {t, (int)c};
            if (!plan_numeric(plan_column(p, other)) || !lexicon_column_has(p->lex, other, said) ||
                plan_near(p, t) + 0.01 < near)
                continue;
            p->penalty += 0.3;
            plan_note(p, "'%.*s' is that of '%.*s', not of '%.*s'", LH_STR_ARG(lh_str_cut_utf8(said->raw, 60)),
                      LH_STR_ARG(p->schema->tables[ref.table].shown), LH_STR_ARG(p->schema->tables[t].shown));
            return;
        }
}

static size_t mention_column(plan_state *p, const plan_choice *column, size_t at) {
    plan_choice kind = plan_is_word(p, at, "sales") && at + 1 < p->count ? plan_best_column(p, at + 1, WANT_ANY) : (plan_choice){0};
    if (kind.there && kind.match.score >= 0.97 && column->match.score < 0.9 && plan_column(p, kind.match.ref)->type == ASK_TEXT)
        return 1; /* the sales channel: a channel */
    if (column->match.score < 0.5) p->penalty += 0.15;
    else if (column->match.score < 0.8 && p->main_table < 0 && p->entity < 0 && p->focus != column->match.ref.table &&
             !lh_str_starts(plan_column(p, column->match.ref)->name, p->tokens[at].one) &&
             !ask_in(p->tokens[at].word, "revenue turnover sales spending")) {
        p->penalty += 0.25; /* a bill: an invoice, of whatever table has one? */
        plan_note(p, "'%.*s' is read as '%.*s'", LH_STR_ARG(lh_str_cut_utf8(p->tokens[at].raw, 60)),
                  LH_STR_ARG(plan_column(p, column->match.ref)->name));
    } else if (column->match.score < 0.75) p->penalty += 0.05;
    if (column->close &&
        (column->other.ref.table != column->match.ref.table || column->other.ref.column != column->match.ref.column) &&
        column->match.score < 0.95) {
        p->penalty += 0.08;
        plan_note(p, "'%.*s' is read as '%.*s', not as '%.*s'", LH_STR_ARG(lh_str_cut_utf8(p->tokens[at].raw, 60)),
                  LH_STR_ARG(plan_column(p, column->match.ref)->name),
                  LH_STR_ARG(plan_column(p, column->other.ref)->name));
    }
    size_t filters = p->plan.filter_count, whose = at + column->match.words;
    if (p->fn >= 0 && plan_is_word(p, whose, "of")) { /* the average age of customers is of no event */
        while (plan_is_word(p, ++whose, "the our all")) {
        }
        plan_choice of = whose < p->count ? plan_best_table(p, whose) : (plan_choice){0};
        int own = column->match.ref.table;
        if (of.there && of.match.score >= 0.9 && of.match.ref.table != own &&
            ask_path(p->schema, own, of.match.ref.table, NULL) < 0 &&
            ask_path(p->schema, of.match.ref.table, own, NULL) < 0)
            plan_doubt(p, p->tokens[at].raw);
    }
    bool whole = !p->grouping && ask_in(p->tokens[at].word, "revenue turnover sales spending");
    if (whole && p->fn == ASK_SUM) plan_doubt_amount(p, column->match.ref, &p->tokens[at]);
    if (p->fn < 0 && whole) {
        p->fn = ASK_SUM; /* of which nobody means one row's */
        plan_doubt_amount(p, column->match.ref, &p->tokens[at]);
    }
    if (mention_on_both_names(p, column, at)) return column->match.words;
    plan_on_column(p, &column->match, at);
    if (plan_column(p, column->match.ref)->type == ASK_BOOL && mention_is_rate(p, at + column->match.words) &&
        p->plan.filter_count > filters)
        return mention_on_rate(p), column->match.words + 1;
    bool date =
        plan_temporal(plan_column(p, column->match.ref)) && plan_is_word(p, at + column->match.words, "date dates");
    bool address = lh_str_search(plan_column(p, column->match.ref)->name, LH_STR("mail")) != SIZE_MAX &&
                   plan_is_word(p, at + column->match.words, "address addresses");
    size_t words = column->match.words + date + address + mention_of_event(p, &column->match, at + column->match.words);
    return words + mention_target(p, column->match.ref, at + words);
}

/* "active clients", where clients have is_active: not a status of something else. */
static bool mention_is_flag(const plan_state *p, const plan_choice *column, size_t at) {
    size_t next = at + column->match.words;
    plan_choice rows = next < p->count ? plan_best_table(p, next) : (plan_choice){0};
    return plan_column(p, column->match.ref)->type == ASK_BOOL && column->match.score >= 0.9 && rows.there &&
           rows.match.score >= 0.9 && rows.match.ref.table == column->match.ref.table;
}

/* "the phone of Ann", "phone number": the column, not a value that is written so. */
static bool mention_is_asked(const plan_state *p, const plan_choice *column, size_t at) {
    size_t next = at + column->match.words;
    bool whose = at && p->tokens[at - 1].possessive && (next >= p->count || p->tokens[next].kind == ASK_STOP);
    return column->match.score >= 0.95 && (whose || plan_is_word(p, next, "of for") ||
                                           (plan_is_word(p, next, "number numbers") && column->match.words == 1));
}

/* "who never opened a ticket": the people that have them. */
static void mention_who_of(plan_state *p, int table) {
    int who = plan_people_of(p, table);
    if (who >= 0) p->entity = who;
}

/* "never opened a ticket": that there is one says that it was done; "never closed a ticket": none that was. */
static bool mention_is_deed(plan_state *p, const lexicon_match *column, size_t at) {
    size_t next = at + column->words;
    bool verb =
        p->not && p->without && plan_temporal(plan_column(p, column->ref)) && plan_elsewhere(p, column->ref.table);
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
static bool mention_is_listed(const plan_state *p, const plan_choice *value, size_t at) {
    lexicon_match found[PLAN_MATCHES];
    size_t next = at + value->match.words, from = next;
    while (next < p->count && next < from + 4 && plan_is_word(p, next, "and or but not no also nor without")) next++;
    size_t n =
        next > from && next < p->count ? lexicon_values(p->lex, p->tokens, p->count, next, found, PLAN_MATCHES) : 0;
    bool listed = false;
    for (size_t i = 0; i < n; i++) listed |= plan_same(found[i].ref, value->match.ref) && found[i].score >= 0.95;
    return listed;
}

static bool mention_leads(const plan_state *p, ask_ref from, int table) {
    bool leads = false;
    for (size_t k = 0; k < p->schema->key_count; k++)
        leads |= plan_same(p->schema->keys[k].from, from) && p->schema->keys[k].to.table == table;
    return leads;
}

/* "reported last week": on which date, not by whom. */
static void mention_prefer_date(const plan_state *p, plan_choice *column, size_t at) {
    lexicon_match found[PLAN_MATCHES];
    ask_when when;
    bool verb = lh_str_ends(p->tokens[at].word, LH_STR("ed")) || lh_str_ends(p->tokens[at].word, LH_STR("ing"));
    if (!column->there || !verb || at + 1 >= p->count ||
        !ask_when_parse(p->tokens, p->count, at + 1, p->question->today, &when))
        return;
    bool date = plan_temporal(plan_column(p, column->match.ref)), own = column->match.ref.table == p->entity;
    if ((date && (own || p->entity < 0)) || (!date && column->match.score >= 0.98)) return;
    size_t n = lexicon_columns(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES);
    int table = date ? p->entity : column->match.ref.table; /* of the courses, not of their teachers */
    for (size_t i = 0; i < n; i++)
        if (found[i].ref.table == table && plan_temporal(plan_column(p, found[i].ref))) {
            column->match = found[i];
            return;
        }
}

/* "amount refunded", of refund_amt: which amount, and no state of its row. */
static bool mention_is_of_number(const plan_state *p, size_t at) {
    ask_ref ref = p->subject >= 0 && p->mentioned[p->subject].at + 1 == at ? p->mentioned[p->subject].ref : PLAN_NONE;
    const ask_measure *last = p->plan.measure_count ? &p->plan.measures[p->plan.measure_count - 1] : NULL;
    if (!plan_has(ref) && last && at && lh_str_ends(p->tokens[at].word, LH_STR("ed")) && plan_has(last->column) &&
        lexicon_column_named(p->lex, last->column, &p->tokens[at - 1]))
        ref = last->column;
    return plan_has(ref) && plan_numeric(plan_column(p, ref)) && lh_str_ends(p->tokens[at].word, LH_STR("ed")) &&
           lexicon_column_named(p->lex, ref, &p->tokens[at]);
}

/* "Ann's phone", "her phone number": what she has, and nothing that is only so. */
static bool mention_is_thing(const plan_state *p, const plan_choice *value, size_t at) {
    size_t next = at + value->match.words;
    bool ends = next >= p->count || p->tokens[next].kind == ASK_STOP, of = at && p->tokens[at - 1].possessive;
    return plan_is_word(p, next, "number numbers") ? !plan_is_word(p, next + 1, "of")
                                                   : of && ends && !plan_column(p, value->match.ref)->key;
}

static size_t mention_value(plan_state *p, const plan_choice *value, const plan_choice *column, size_t at) {
    if (value->match.score < 0.5) return 0;
    if (value->match.words == 1 && mention_is_of_number(p, at)) {
        const char *done = lh_arena_cstr(p->arena, p->tokens[at].word);
        ask_ref date = done ? plan_date_called(p, value->match.ref.table, done, PLAN_NONE) : PLAN_NONE;
        if (plan_has(date)) p->date_subject = date; /* refunded this year: then, and not when it was ordered */
        return 1;
    }
    if (mention_is_thing(p, value, at)) return plan_doubt(p, p->tokens[at].raw), value->match.words;
    if (value->match.words == 1 && mention_is_verb(p, &value->match, at)) return 1;
    if (value->match.words == 1 && mention_dated(p, &value->match, column, at)) return 1;
    size_t then = at + value->match.words;
    plan_choice rows = then < p->count ? plan_best_table(p, then) : (plan_choice){0};
    bool none = p->without && p->entity >= 0 && rows.there && rows.match.score >= 0.9 &&
                rows.match.ref.table == value->match.ref.table && rows.match.ref.table != p->entity;
    if (none) p->not = p->without = false; /* no open job orders: none that are open */
    if (none) plan_apart(p, value->match.ref.table);
    if (p->without && plan_has(p->entity_column) && p->entity < 0 && rows.there && rows.match.score >= 0.9)
        plan_doubt(p, p->not_word); /* which genres have no crime books */
    bool rate = mention_is_rate(p, then) && !none && p->fn < 0;
    size_t filters = p->plan.filter_count;
    plan_on_value(p, value);
    if (none) p->not = p->without = true;
    if (rate && p->plan.filter_count > filters) return mention_on_rate(p), value->match.words + 1;
    return value->match.words;
}

/* "inactive clients", where clients have is_active: not a status of something else. */
static bool mention_on_denied(plan_state *p, const plan_choice *value, size_t at) {
    const ask_token *said = &p->tokens[at];
    plan_choice rows = value->there && at + 1 < p->count ? plan_best_table(p, at + 1) : (plan_choice){0};
    if (!rows.there || rows.match.score < 0.9 || rows.match.ref.table == value->match.ref.table || said->word.len < 7 ||
        !(lh_str_starts(said->word, LH_STR("in")) || lh_str_starts(said->word, LH_STR("un"))))
        return false;
    const ask_table *of = &p->schema->tables[rows.match.ref.table];
    const lh_str rest = lh_str_sub(said->word, 2, said->word.len);
    const ask_token bare = {
        .kind = ASK_WORD, .raw = rest, .word = rest, .one = rest, .stem = lexicon_stem(p->lex, rest)};
    for (size_t c = 0; c < of->column_count; c++) {
        const ask_ref ref = {rows.match.ref.table, (int)c};
        if (of->columns[c].type != ASK_BOOL || !lexicon_column_named(p->lex, ref, &bare)) continue;
        ask_filter *f = plan_filter(p, ref, ASK_IS_FALSE);
        if (f && f->not) f->op = ASK_IS_TRUE, f->not = false;
        return f != NULL;
    }
    return false;
}

/* "items of sale 12", where there are sale_items: those of that sale. */
static bool mention_is_of_row(const plan_state *p, const plan_choice *table, size_t at) {
    size_t of = at + 1, other = at + 2;
    if (!table->there || table->match.words != 3 || !plan_is_word(p, of, "of")) return false;
    plan_choice rows = plan_best_table(p, other);
    size_t next = rows.there ? other + rows.match.words : p->count;
    return next < p->count && rows.match.score >= 0.9 && rows.match.ref.table != table->match.ref.table &&
           (p->tokens[next].kind == ASK_NUMERAL || plan_has_shape(p, &p->tokens[next], rows.match.ref.table));
}

/* "check out this week": the date of that name, and no state that is inflected ("checked out"). */
static bool mention_is_when(const plan_state *p, const lexicon_match *value, size_t at) {
    plan_choice column = value->words > 1 ? plan_best_column(p, at, WANT_ANY) : (plan_choice){0};
    const ask_token *last = &p->tokens[at + value->words - 1];
    lh_str text = plan_column(p, value->ref)->values[value->value],
           said = {p->tokens[at].raw.ptr, (size_t)(last->raw.ptr + last->raw.len - p->tokens[at].raw.ptr)};
    return column.there && column.match.words >= value->words && plan_temporal(plan_column(p, column.match.ref)) &&
           column.match.score >= 0.9 && !lh_str_eq_nocase(text, said);
}

/* "by server", of server_id, and "received by": to whom the column leads, rather than a state of that name. */
static bool mention_is_role(const plan_state *p, const lexicon_match *value, const lexicon_match *column, size_t at) {
    bool refers = false;
    for (size_t k = 0; k < p->schema->key_count; k++) refers |= plan_same(p->schema->keys[k].from, column->ref);
    if (refers && column->words > value->words && column->score >= 0.97) return true;
    return refers && value->words == 1 && (p->grouping || (p->lead_open && p->lead != LEAD_WHO)) &&
           lexicon_column_named(p->lex, column->ref, &p->tokens[at]) &&
           lh_str_starts(plan_column(p, column->ref)->name, p->tokens[at].one);
}

/* "order amount", "tickets sold": what is said is a number of the table's rows. How many words it takes. */
static size_t mention_number(plan_state *p, const plan_choice *table, const plan_choice *column, size_t at) {
    lexicon_match amount;
    if (plan_is_amount_of(p, table, at, &amount) && !(column->there && column->match.words >= amount.words))
        return plan_on_column(p, &amount, at), amount.words;
    if (plan_is_pieces(p, table, at, &amount) && (p->fn >= 0 || p->extreme)) {
        plan_note(p, "'%.*s' are counted by '%.*s'", LH_STR_ARG(p->tokens[at].raw),
                  LH_STR_ARG(plan_column(p, amount.ref)->name));
        if (p->fn == ASK_COUNT || p->fn < 0) p->fn = ASK_SUM;
        plan_on_column(p, &amount, at);
        return 1;
    }
    return 0;
}

/* Words that a value is called by, too, but which mean the table or the column here. */
static bool mention_is_no_value(const plan_state *p, const plan_choice *of_table, const plan_choice *of_column,
                                const plan_choice *of_value, size_t at) {
    const plan_choice table = *of_table, column = *of_column;
    plan_choice value = *of_value;
    if (value.there && mention_is_when(p, &value.match, at)) value.there = false;
    if (value.there && table.there && table.match.score >= 0.97 && value.match.words == table.match.words &&
        (p->grouping || value.match.ref.table == table.match.ref.table))
        value.there = false; /* recruiters, not those of them whose level is Recruiter */
    bool kind = (value.match.score < 0.99 && p->tokens[at].plural) ||
                (at && !p->tokens[at].capital && plan_is_word(p, at - 1, "which what each every per"));
    if (value.there && column.there && value.match.words == 1 && kind && column.match.score >= 0.95 &&
        column.match.words == 1 && plan_column(p, column.match.ref)->type == ASK_TEXT)
        value.there = false; /* clients, of a column: not what a Client raised */
    if (value.there && column.there && mention_is_role(p, &value.match, &column.match, at)) value.there = false;
    if (value.there && value.match.score < 0.95 && value.match.words == 1 && table.there && table.match.score >= 0.75 &&
        p->tokens[at].plural)
        value.there = false; /* bookings, not what is booked */
    if (value.there && value.match.words == 1 && value.match.score < 0.99 && p->tokens[at].plural &&
        ask_in(p->tokens[at].one, "day week month year hour minute"))
        value.there = false; /* how many days: no shift of that name */
    if (value.there && column.there && p->lead == LEAD_WHEN && plan_temporal(plan_column(p, column.match.ref)) &&
        column.match.ref.table != value.match.ref.table && column.match.ref.table == p->row_by.table)
        value.there = false; /* when was Ann hired: of her own date */
    return !value.there;
}

/* "booked per month": by the date on which it was, of whatever state it is now. */
static bool mention_is_dated(plan_state *p, const lexicon_match *value, size_t at) {
    lh_str word = p->tokens[at].word;
    bool per = plan_is_word(p, at + 1, "per by each every a") &&
               plan_is_word(p, at + 2, "day week month quarter year weekday hour");
    if (!per || value->words != 1 || word.len < 5 || !lh_str_ends(word, LH_STR("ed"))) return false;
    char words[160];
    snprintf(words, sizeof words, "%.*s %.*s %.*s", word.len < 40 ? (int)word.len : 0, word.ptr,
             word.len < 40 ? (int)word.len - 2 : 0, word.ptr, word.len < 40 ? (int)word.len - 1 : 0, word.ptr);
    ask_ref date = plan_date_called(p, value->ref.table, words, PLAN_NONE);
    if (!plan_has(date)) return false;
    p->date_subject = date;
    plan_note(p, "'%.*s' is by '%.*s'", LH_STR_ARG(word), LH_STR_ARG(plan_column(p, date)->name));
    return true;
}

/* Which of the three it is: how well each fits. */
static void mention_weigh(const plan_state *p, const plan_choice *of_table, const plan_choice *of_column,
                          const plan_choice *of_value, size_t at, double *ret_table, double *ret_column,
                          double *ret_value) {
    const plan_choice table = *of_table, column = *of_column, value = *of_value;
    size_t behind = at + (table.there ? table.match.words : 0);
    double t = table.there ? table.score : 0, c = column.there ? column.score : 0,
           v = value.there ? value.score + 0.1 : 0;
    if (t > 0 && table.match.score >= 0.95 && column.match.score < table.match.score - 0.04) c -= 0.3;
    if (t > 0 && c > 0 && column.match.score >= 0.97 && table.match.score < 0.95 &&
        column.match.words == table.match.words)
        t -= 0.4; /* membership, not members */
    size_t next = at + (column.there ? column.match.words : 0);
    bool row = t > 0 && c > 0 && next < p->count && plan_has_shape(p, &p->tokens[next], table.match.ref.table);
    bool less = column.there && ask_names_key(plan_column(p, column.match.ref)->name) && table.match.score >= 0.95 &&
                column.match.score < table.match.score && column.match.words == table.match.words;
    if (t > 0 && c > 0 && (row || less || (at && plan_is_word(p, at - 1, "a an each every per"))) &&
        mention_leads(p, column.match.ref, table.match.ref.table))
        c = 0; /* a customer: the one that the column refers to */
    if (t > 0 && table.match.score >= 0.9 && p->extreme && p->extreme_hints && !p->order_set && p->entity < 0)
        c -= 0.5; /* the longest flight, not the largest flight number */
    bool first = p->lead_open && (p->lead == LEAD_LIST || p->lead == LEAD_WHICH) && behind < p->count &&
                 (p->tokens[behind].kind == ASK_STOP || ask_in(p->tokens[behind].word, "of and"));
    if (first && column.there && column.match.score >= 0.95) c += 0.7; /* list the titles of … */
    if (value.there && value.match.score < 0.95 && column.there && column.match.score >= 0.95)
        v -= 0.3; /* openings, not open */
    if (v > 0 && (t >= 1.2 || c >= 1.2) && value.match.score < 0.9) v -= 0.3;
    *ret_table = t;
    *ret_column = c;
    *ret_value = v;
}

/* The table, column or value at a place; how many words it takes. */
size_t plan_mention(plan_state *p, size_t at) {
    plan_choice table = plan_best_table(p, at), column = plan_best_column(p, at, WANT_ANY),
                value = plan_best_value(p, at);
    int done = -1;
    size_t number = mention_number(p, &table, &column, at);
    if (number) return number;
    if (!table.there && !column.there && !value.there && mention_twin(p, at)) return plan_mention(p, at);
    if (value.there && mention_is_no_value(p, &table, &column, &value, at)) value.there = false;
    if (mention_on_denied(p, &value, at)) return 1;
    if (mention_is_of_row(p, &table, at)) return plan_on_table(p, table.match.ref.table, 1, at), 2;
    if (value.there && column.there && mention_is_flag(p, &column, at)) value.there = false;
    if (value.there && column.there && mention_is_asked(p, &column, at)) value.there = false;
    if (value.there && column.there && (p->pair || p->neither || mention_is_listed(p, &value, at)) &&
        plan_elsewhere(p, value.match.ref.table))
        column.there = false;
    if (p->lead == LEAD_WHO && p->entity < 0 && p->without && (table.there || column.there))
        mention_who_of(p, table.there && table.match.score >= 0.9 ? table.match.ref.table
                          : column.there                          ? column.match.ref.table
                                                                  : -1);
    mention_prefer_date(p, &column, at);
    if (column.there && mention_is_deed(p, &column.match, at)) return 1;
    if (mention_qualifies(p, &table, at)) return p->focus = table.match.ref.table, table.match.words;
    if (p->grouping && column.there && column.match.score < 0.9 && column.match.words == 1 && !table.there &&
        at + 1 < p->count) {
        plan_choice behind = plan_best_column(p, at + 1, WANT_ANY); /* job category: a category */
        if (behind.there && behind.match.score >= 0.97 && behind.match.ref.table != column.match.ref.table)
            return plan_note(p, "'%.*s' is '%.*s' of '%.*s'", LH_STR_ARG(p->tokens[at + 1].word),
                             LH_STR_ARG(plan_column(p, behind.match.ref)->name),
                             LH_STR_ARG(p->schema->tables[behind.match.ref.table].shown)),
                   1;
    }
    bool deed = plan_is_word(p, at, "sold bought") ||
                (p->tokens[at].kind == ASK_WORD && lh_str_ends(p->tokens[at].word, LH_STR("ed")));
    if (deed && mention_is_done(p, at, &done)) {
        plan_note(p, "'%.*s' is by '%.*s'", LH_STR_ARG(p->tokens[at].word), LH_STR_ARG(p->schema->tables[done].shown));
        return plan_on_other(p, done), 1;
    }
    if (table.there && table.match.score >= 0.9 && value.there && value.match.words == 1 && !p->tokens[at].capital) {
        lh_str text = plan_column(p, value.match.ref)->values[value.match.value]; /* account is no accountant */
        if (!lh_str_eq_nocase(text, p->tokens[at].word) && !lh_str_eq_nocase(text, p->tokens[at].one))
            value.there = false;
    }
    if (value.there && mention_is_dated(p, &value.match, at)) return 1;
    double t, c, v;
    mention_weigh(p, &table, &column, &value, at, &t, &c, &v);
    if (v >= t && v >= c && v > 0) return mention_value(p, &value, &column, at);
    if (t >= c && t > 0) {
        if (table.match.score < 0.9) {
            p->penalty += deed && p->not ? 0.3 : 0.05; /* never inspected: without an inspector? */
            plan_note(p, "'%.*s' is read as '%.*s'", LH_STR_ARG(lh_str_cut_utf8(p->tokens[at].raw, 60)),
                      LH_STR_ARG(p->schema->tables[table.match.ref.table].shown));
        }
        if (table.close) p->penalty += 0.1;
        plan_on_table(p, table.match.ref.table, table.match.words, at);
        return table.match.words + plan_on_id(p, table.match.ref.table, at + table.match.words);
    }
    return c > 0 ? mention_column(p, &column, at) : 0;
}

bool plan_long_value(plan_state *p, size_t at, size_t *ret_words) {
    plan_choice value = plan_best_value(p, at);
    if (!value.there || value.match.words < 2 || value.match.score < 0.95 || mention_is_when(p, &value.match, at))
        return false;
    plan_on_value(p, &value);
    *ret_words = value.match.words;
    return true;
}

bool plan_long_column(const plan_state *p, size_t at) {
    plan_choice column = plan_best_column(p, at, WANT_ANY);
    return column.there && column.match.words >= 2 && column.match.score >= 0.9 &&
           !ask_in(p->tokens[at].word, "number total average count");
}
