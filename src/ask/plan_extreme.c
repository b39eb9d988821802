/* The most and the fewest of something, the highest, the first, the top 5. */
#include "ask/plan_internal.h"

/* hints: columns that the word itself speaks of; @: a date; #: how many rows. */
static const struct {
    const char *words;
    int sign;
    const char *hints;
    bool rows, common;
} extremes[] = {
    {"most common", 1, NULL, true, true},
    {"most frequent", 1, NULL, true, true},
    {"most frequently", 1, NULL, true, true},
    {"most often", 1, NULL, true, true},
    {"most popular", 1, NULL, true, true},
    {"least common", -1, NULL, true, true},
    {"rarest", -1, NULL, true, true},
    {"commonest", 1, NULL, true, true},
    {"most recent", 1, "@", false, false},
    {"most recently", 1, "@", false, false},
    {"latest", 1, "@", false, false},
    {"longest serving", -1, "@", false, false},
    {"longest tenured", -1, "@", false, false},
    {"newest", 1, "@", false, false},
    {"youngest", 1, "@ year age", false, false},
    {"earliest", -1, "@", false, false},
    {"oldest", -1, "@ year", false, false},
    {"last", 1, "@", false, false},
    {"first", -1, "@", false, false},
    {"most expensive", 1, "price cost total amount rate rent fee fare", false, false},
    {"cheapest", -1, "price cost total amount rate rent fee fare", false, false},
    {"dearest", 1, "price cost total amount rate", false, false},
    {"priciest", 1, "price cost total amount rate", false, false},
    {"costliest", 1, "price cost total amount rate", false, false},
    {"least expensive", -1, "price cost total amount rate", false, false},
    {"highest paid", 1, "salary pay wage", false, false},
    {"best paid", 1, "salary pay wage", false, false},
    {"lowest paid", -1, "salary pay wage", false, false},
    {"most experienced", 1, "experience", false, false},
    {"least experienced", -1, "experience", false, false},
    {"longest", 1, "duration length distance hours minutes seconds time", false, false},
    {"shortest", -1, "duration length distance hours minutes seconds time", false, false},
    {"farthest", 1, "distance", false, false},
    {"furthest", 1, "distance", false, false},
    {"fastest", 1, "speed", false, false},
    {"slowest", -1, "speed", false, false},
    {"warmest", 1, "temp temperature", false, false},
    {"hottest", 1, "temp temperature", false, false},
    {"coldest", -1, "temp temperature", false, false},
    {"busiest", 1, "#", true, false},
    {"most active", 1, "#", true, false},
    {"least busy", -1, "#", true, false},
    {"most", 1, NULL, true, false},
    {"fewest", -1, NULL, true, false},
    {"least", -1, NULL, true, false},
    {"lowest number of", -1, NULL, true, false},
    {"highest number of", 1, NULL, true, false},
    {"largest number of", 1, NULL, true, false},
    {"smallest number of", -1, NULL, true, false},
    {"greatest number of", 1, NULL, true, false},
    {"highest", 1, NULL, false, false},
    {"largest", 1, NULL, false, false},
    {"greatest", 1, NULL, false, false},
    {"biggest", 1, NULL, false, false},
    {"maximum", 1, NULL, false, false},
    {"max", 1, NULL, false, false},
    {"top", 1, NULL, false, false},
    {"lowest", -1, NULL, false, false},
    {"smallest", -1, NULL, false, false},
    {"minimum", -1, NULL, false, false},
    {"min", -1, NULL, false, false},
    {"bottom", -1, NULL, false, false},
    {"worst", 1, "delay", false, false},
    {"best", 1, NULL, false, false},
};

size_t plan_which_extreme(const plan_state *p, size_t at, size_t *ret_row) {
    size_t best = 0;
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        size_t n = plan_form_at(p, at, extremes[i].words);
        if (n > best) best = n, *ret_row = i;
    }
    return best;
}

/* "highest and lowest": the words behind the first one. */
static size_t extreme_other(const plan_state *p, size_t at, size_t row) {
    size_t other = 0, next = at + 1 + plan_is_word(p, at + 1, "the"), n = 0;
    if (next < p->count && plan_is_word(p, at, "and or to")) n = plan_which_extreme(p, next, &other);
    bool both = n && !ask_in(p->tokens[next].word, "first last") && extremes[other].sign == -extremes[row].sign &&
                !extremes[other].rows && !extremes[row].rows;
    return both ? next + n - at : 0;
}

/* The word alone. */
static size_t extreme_which_word(const plan_state *p, size_t at, size_t *ret_row) {
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++)
        if (ask_is(&p->tokens[at], extremes[i].words)) return *ret_row = i, 1;
    return 0;
}

/* A value, then what has it. */
static bool extreme_is_value(const plan_state *p, size_t at) {
    plan_choice value = at < p->count ? plan_best_value(p, at) : (plan_choice){0};
    size_t next = at + (value.there ? value.match.words : 0);
    plan_choice rows = value.there && next < p->count ? plan_best_table(p, next) : (plan_choice){0};
    return rows.there && value.match.score >= 0.95 && rows.match.score >= 0.9 &&
           rows.match.ref.table == value.match.ref.table;
}

/* "most seats first": the order of what was asked for. */
static bool extreme_goes_first(plan_state *p, size_t at, size_t next, int sign) {
    size_t first = next + 1;
    while (first < p->count && first < next + 3 && !ask_is(&p->tokens[first], "first")) first++;
    bool ends = first + 1 >= p->count || p->tokens[first + 1].kind == ASK_STOP;
    if (!at || first >= p->count || !ask_is(&p->tokens[first], "first") || !ends) return false;
    if (!p->plan.measure_count && !p->plan.group_count && p->entity < 0) return false;
    p->ordering = true;
    p->plan.descending = sign > 0;
    return true;
}

/* "who spent the most? top 3": how many, of what was said. */
static size_t extreme_top(plan_state *p, size_t at, size_t words) {
    bool number = false;
    double n = at + words < p->count ? plan_word_number(&p->tokens[at + words], &number) : 0;
    if (!number || n < 1 || n > 10000) return 0;
    p->top = (uint64_t)n;
    return words + 1;
}

/* "the worst average score" is the lowest, "the worst delay" the highest. */
static int extreme_sign(const plan_state *p, size_t at, size_t next, int sign) {
    bool worst = ask_is(&p->tokens[at], "worst"), best = ask_is(&p->tokens[at], "best");
    while (next < p->count && plan_is_word(p, next, "average avg mean total median")) next++;
    plan_choice by = (worst || best) && next < p->count ? plan_best_column(p, next, WANT_NUMBER) : (plan_choice){0};
    if (!by.there || by.match.score < 0.85 ||
        ask_in(plan_column(p, by.match.ref)->name, "second minute hour day week month year"))
        return sign;
    bool bad =
        plan_called(p, by.match.ref, "delay late cost price error defect wait overdue duration age fine debt reply");
    return bad == worst ? 1 : -1;
}

/* "who earns the most" */
static void extreme_earned(plan_state *p, size_t at) {
    size_t verb = at - (at && plan_is_word(p, at - 1, "the"));
    if (!verb || p->mentioned_count || !plan_is_word(p, at, "most least") ||
        !plan_is_word(p, verb - 1, "earn earns earned paid makes"))
        return;
    p->extreme_rows = false;
    p->extreme_hints = "salary wage pay earnings income rate";
}

size_t plan_extreme(plan_state *p, size_t at) {
    size_t row = 0, best = plan_which_extreme(p, at, &row);
    if (!best) return 0;
    if (best == 2 && extremes[row].hints && extremes[row].hints[0] == '#' && extreme_is_value(p, at + 1))
        best = extreme_which_word(p, at, &row); /* the most active loans: those that are active */
    if (p->order_set && ask_is(&p->tokens[at], "first") && (at + 1 == p->count || p->tokens[at + 1].kind == ASK_STOP))
        return 1; /* most seats first */
    if (extreme_goes_first(p, at, at + best, extremes[row].sign)) return best;
    if (p->extreme && !p->order_set && ask_in(p->tokens[at].word, "top first")) return extreme_top(p, at, best);
    size_t other = extreme_other(p, at + best, row);
    bool named = false;
    p->both = other > 0;
    best += other;
    bool date = extremes[row].hints && extremes[row].hints[0] == '@';
    const ask_token *next = at + best < p->count ? &p->tokens[at + best] : NULL;
    if (next && next->kind == ASK_WORD && ask_is(next, "first") &&
        ask_in(p->tokens[at].word, "highest largest newest lowest biggest most greatest longest latest smallest fewest "
                                   "least shortest oldest earliest"))
        return 0;
    if (lh_str_eq(lh_str_from(extremes[row].words), LH_STR("first")) && next &&
        !(next->kind == ASK_NUMERAL || p->lead == LEAD_WHICH || p->lead == LEAD_WHEN || p->lead == LEAD_WHO)) {
        lexicon_match m[4];
        plan_choice rows = next ? plan_best_table(p, at + best) : (plan_choice){0}; /* the first loan of each reader */
        if (!(rows.there && rows.match.score >= 0.9) && lexicon_columns(p->lex, p->tokens, p->count, at, m, 4))
            return 0;
    }
    if (p->extreme == -extremes[row].sign && !p->order_set && !p->plan.measure_count &&
        !ask_in(p->extreme_word, "top Top bottom Bottom"))
        plan_doubt(p, p->extreme_word); /* and would be passed over */
    p->extreme = extreme_sign(p, at, at + best, extremes[row].sign);
    p->extreme_rows = extremes[row].rows;
    p->extreme_common = extremes[row].common;
    p->extreme_hints = extremes[row].hints;
    extreme_earned(p, at);
    p->extreme_word = p->tokens[at].raw;
    p->extreme_at = at + best - 1;
    if (p->lead == LEAD_NONE && next && next->kind == ASK_WORD && ask_in(next->word, "year month day week hour"))
        p->lead = LEAD_WHICH, p->lead_open = true;
    if (p->ordering) p->ordering = false;
    if (next && next->kind == ASK_NUMERAL && next->number >= 1 && next->number <= 100000) {
        p->top = (uint64_t)next->number;
        best++;
        p->top_percent = next->percent || plan_is_word(p, at + best, "percent");
        if (p->top_percent && !next->percent) best++;
        if (next->number > (p->top_percent ? 100 : 100000) || next->number > (double)p->top) plan_doubt(p, next->raw);
        if (p->lead == LEAD_NONE) p->lead = LEAD_LIST;
        p->lead_open = true;
        p->fn = -1;
    } else if (next && next->kind == ASK_WORD && plan_word_number(next, &named) >= 2 && named) {
        p->top = (uint64_t)plan_word_number(next, &named);
        best++;
        p->top_percent = plan_is_word(p, at + best, "percent");
        if (p->top_percent) best++;
        if (p->lead == LEAD_NONE) p->lead = LEAD_LIST;
        p->lead_open = true;
    } else if (date && p->lead == LEAD_WHICH) p->lead_open = true;
    if (extremes[row].common && (p->lead == LEAD_NONE || p->lead == LEAD_WHICH))
        p->lead = LEAD_WHICH, p->lead_open = true;
    return best;
}

/* "5 highest paid candidates", "the 3 most …" */
size_t plan_count_before_extreme(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    bool is = false;
    double number = ask_word_number(t, &is);
    uint64_t n = is && !t->percent && number >= (t->kind == ASK_WORD ? 2 : 1) && number <= 1000 ? (uint64_t)number : 0;
    if (!n || at + 1 >= p->count || p->tokens[at + 1].kind != ASK_WORD ||
        !ask_in(p->tokens[at + 1].word,
                "highest lowest most fewest largest smallest biggest longest shortest latest newest oldest earliest "
                "best busiest cheapest "
                "fastest slowest least greatest top farthest furthest hottest coldest warmest youngest"))
        return 0;
    size_t used = plan_extreme(p, at + 1);
    if (!used) return 0;
    p->top = n;
    if (p->lead == LEAD_NONE) p->lead = LEAD_LIST;
    p->lead_open = true;
    return used + 1;
}

/* "the most booked room", "the best rated class": by what rows of another table have. */
static void extreme_of_other(plan_state *p, ask_ref ref) {
    bool done = plan_temporal(plan_column(p, ref)); /* the most booked room: of which there are most */
    p->plan.order_measure =
        (int)plan_measure(p, done ? ASK_COUNT : ASK_AVG,
                          done ? (ask_ref){ref.table, -1} : ref); /* the best rated class: by what it has on average */
    p->order_set = p->plan.ordered = true;
    p->plan.descending = p->extreme > 0;
    p->lead_open = true;
    if (p->lead == LEAD_NONE) p->lead = LEAD_WHICH;
    if (!done) plan_note(p, "'%.*s' is its average", LH_STR_ARG(plan_column(p, ref)->name));
}

/* The highest of it, or by it. */
void plan_extreme_column(plan_state *p, ask_ref ref, size_t at) {
    bool has_entity = p->entity >= 0 || plan_has(p->entity_column) || p->entity_part || p->plan.group_count || p->top;
    p->lead_open = p->lead_open && p->top;
    if (p->both && (p->entity < 0 || p->entity == ref.table || p->plan.group_count)) {
        plan_measure(p, p->extreme > 0 ? ASK_MAX : ASK_MIN, ref);
        plan_measure(p, p->extreme > 0 ? ASK_MIN : ASK_MAX, ref);
        p->both = false;
        p->extreme = 0;
        p->focus = ref.table;
        return;
    }
    size_t next = at + 1;
    plan_choice rows = !has_entity && p->extreme_hints && p->extreme_hints[0] == '@' && next < p->count
                           ? plan_best_table(p, next)
                           : (plan_choice){0};
    if (rows.there && rows.match.score >= 0.9 && rows.match.ref.table == ref.table) { /* most recently hired employee */
        p->date_subject = ref;
        p->lead_open = true;
        return;
    }
    bool noun = p->extreme_hints && p->extreme_hints[0] == '@' && plan_temporal(plan_column(p, ref)) &&
                p->lead != LEAD_WHEN && (next >= p->count || p->tokens[next].kind == ASK_STOP) &&
                !lh_str_ends(p->tokens[at].word, LH_STR("ed")) && !ask_in(p->tokens[at].one, "date time day");
    if (!has_entity && noun &&
        ask_in(lh_str_sub(p->tokens[at].one, 0, 4), "hire join")) { /* the latest hire: who that is */
        p->entity = p->focus = ref.table;
        p->date_subject = ref;
        return;
    }
    plan_choice whose =
        !has_entity && next < p->count && !p->extreme_hints ? plan_best_table(p, next) : (plan_choice){0};
    if (whose.there && whose.match.score >= 0.9 && whose.match.ref.table == ref.table &&
        lh_str_ends(p->tokens[at].word, LH_STR("ed"))) { /* the highest rated class: which one that is */
        p->order_set = p->plan.ordered = p->lead_open = true;
        p->plan.order_column = ref;
        p->plan.descending = p->extreme > 0;
        if (p->lead == LEAD_NONE) p->lead = LEAD_WHICH;
        return;
    }
    if (whose.there && whose.match.score >= 0.9 && ask_path(p->schema, ref.table, whose.match.ref.table, NULL) > 0) {
        extreme_of_other(p, ref);
        return;
    }
    if (!has_entity) {
        plan_measure(p, p->extreme > 0 ? ASK_MAX : ASK_MIN, ref);
        p->focus = ref.table;
        return;
    }
    plan_subject(p, ref, at);
    p->mentioned[p->subject].placed = true;
    p->order_set = p->plan.ordered = true;
    p->plan.order_column = ref;
    p->plan.descending = p->extreme > 0;
}
