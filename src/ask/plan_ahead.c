/* What is still to come: "upcoming events", "the next five shows"; and the date of the first or last of something. */
#include "ask/plan_internal.h"

/* The date on which rows of the table take place: none on which they were made or ended. */
static ask_ref ahead_date(plan_state *p, int table) {
    ask_ref date = plan_date_called(
        p, table, "start starts begin begins event appointment scheduled departure checkin visit", PLAN_NONE);
    size_t dates = 0;
    for (size_t c = 0; c < p->schema->tables[table].column_count; c++)
        dates += plan_temporal(plan_column(p, (ask_ref){table, (int)c}));
    if (plan_has(date) || dates != 1) return date;
    return plan_date(p, table);
}

/* From today on. false: the rows have no date, or several. */
static bool ahead_filter(plan_state *p, int table) {
    ask_ref date = table >= 0 ? ahead_date(p, table) : PLAN_NONE;
    ask_filter *f = plan_has(date) ? plan_filter(p, date, ASK_IN_TIME) : NULL;
    if (!f) return false;
    f->when = (ask_when){.kind = ASK_RANGE, .has_from = true, .from = p->question->today};
    f->stated = true;
    p->date_subject = date;
    plan_note(p, "what is to come is by '%.*s'", LH_STR_ARG(plan_column(p, date)->name));
    return true;
}

/* The table of what follows: "upcoming shows", "upcoming jazz shows". -1: none. */
static int ahead_table(const plan_state *p, size_t at) {
    for (int skipped = 0; skipped < 3 && at < p->count; skipped++) {
        plan_choice rows = plan_best_table(p, at), value = plan_best_value(p, at);
        if (rows.there && rows.match.score >= 0.75) return rows.match.ref.table;
        if (!value.there || value.match.score < 0.95) return -1;
        at += value.match.words;
    }
    return -1;
}

/* "the next five shows": those that come first. */
static size_t ahead_next(plan_state *p, size_t at) {
    bool number = false;
    double n = plan_is_word(p, at, "next") && at + 1 < p->count ? ask_word_number(&p->tokens[at + 1], &number) : 0;
    int table = plan_is_word(p, at, "next") ? ahead_table(p, at + 1 + number) : -1;
    if (table < 0 || p->extreme || (number && (n < 1 || n > 10000)) || !ahead_filter(p, table)) return 0;
    p->top = number ? (uint64_t)n : 0;
    p->extreme = -1;
    p->extreme_hints = "@";
    p->extreme_word = p->tokens[at].raw;
    p->extreme_at = at + number;
    if (p->lead == LEAD_NONE) p->lead = LEAD_LIST;
    if (p->lead != LEAD_WHEN) p->lead_open = true;
    return 1 + number;
}

size_t plan_ahead(plan_state *p, size_t at) {
    size_t n = ahead_next(p, at);
    if (n) return n;
    if (plan_is_word(p, at, "upcoming forthcoming") ||
        (plan_is_word(p, at, "future") && !plan_best_column(p, at, WANT_ANY).there)) {
        int table = ahead_table(p, at + 1);
        return ahead_filter(p, table >= 0 ? table : p->entity >= 0 ? p->entity : p->main_table);
    }
    if (!plan_is_word(p, at, "coming") || !plan_is_word(p, at + 1, "up") || p->entity < 0) return 0;
    for (size_t i = 0; i < p->plan.filter_count; i++) /* the next five coming up */
        if (p->plan.filters[i].op == ASK_IN_TIME && p->plan.filters[i].stated) return 2;
    return ahead_filter(p, p->entity) ? 2 : 0;
}

/* "first order date of each customer": the first date of their orders. How many words. */
size_t plan_extreme_date(plan_state *p, size_t at) {
    size_t row = 0, n = plan_which_extreme(p, at, &row);
    bool date = n && plan_is_word(p, at, "first last latest earliest most") && !(plan_is_word(p, at, "most") && n < 2);
    plan_choice rows = date && at + n < p->count ? plan_best_table(p, at + n) : (plan_choice){0};
    size_t end = at + n + rows.match.words;
    if (!rows.there || rows.match.score < 0.9 || !plan_is_word(p, end, "date dates") || p->plan.measure_count) return 0;
    ask_ref by = plan_date(p, rows.match.ref.table);
    if (!plan_has(by)) return 0;
    plan_measure(p, plan_is_word(p, at, "first earliest") ? ASK_MIN : ASK_MAX, by);
    p->focus = rows.match.ref.table;
    p->lead_open = false;
    return end + 1 - at;
}

const char plan_sold[] = "sold sell sells selling buy buys bought purchased ordered booked";

/* "sold", beside what is counted by its quantity. */
bool plan_is_sold(const plan_state *p, size_t at) {
    lexicon_match ignored;
    bool is = false;
    for (size_t i = at > 5 ? at - 5 : 0; plan_is_word(p, at, plan_sold) && i < at + 5 && i < p->count && !is; i++) {
        plan_choice table = plan_best_table(p, i);
        is = i != at && plan_is_pieces(p, &table, i, &ignored);
    }
    return is;
}

/* "how many tickets were sold", of ticket_orders that have a quantity: how many those were, not the orders. */
bool plan_is_pieces(const plan_state *p, const plan_choice *table, size_t at, lexicon_match *ret) {
    bool sold = false;
    lh_str name = table->there ? p->schema->tables[table->match.ref.table].name.name : LH_STR_NONE;
    lh_str rest = name, first = lh_str_split(&rest, '_');
    if (!rest.len || table->match.words != 1 || !p->tokens[at].plural || !lh_str_starts(p->tokens[at].one, first) ||
        p->tokens[at].one.len > first.len + 1)
        return false;
    for (size_t i = at > 4 ? at - 4 : 0; i < at + 6; i++) sold |= plan_is_word(p, i, plan_sold);
    ask_ref found = {table->match.ref.table, -1};
    size_t count = 0;
    for (size_t c = 0; sold && c < p->schema->tables[found.table].column_count; c++) {
        const ask_ref ref = {found.table, (int)c};
        const ask_token quantity = plan_word(LH_STR("quantity"));
        if (plan_numeric(plan_column(p, ref)) && lexicon_column_named(p->lex, ref, &quantity))
            found.column = (int)c, count++;
    }
    if (count != 1) return false;
    *ret = (lexicon_match){1, 0.95, found, 0, false};
    return true;
}
