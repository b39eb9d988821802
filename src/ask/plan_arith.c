/* What two columns of a row make: "bill rate minus pay rate", "the days between opened and closed", "hours" where there are regular and
 * overtime hours. Both are columns of one table; of several such pairs the one whose names and place fit best. */
#include "ask/plan_internal.h"

typedef struct arith_pair {
    ask_ref a, b;
    size_t words; /* of the second one */
    double score; /* 0: there is none */
    bool dates;
} arith_pair;

static bool arith_word(const plan_state *p, size_t at, const char *list) {
    return at < p->count && p->tokens[at].kind == ASK_WORD && ask_in(p->tokens[at].word, list);
}

/* A number that is one, not what refers to rows. */
static bool arith_number(const plan_state *p, ask_ref ref) {
    const ask_column *column = plan_column(p, ref);
    bool refers = false;
    for (size_t k = 0; k < p->schema->key_count; k++) refers |= plan_same(p->schema->keys[k].from, ref);
    return plan_numeric(column) && !column->key && !refers;
}

static size_t arith_skip(const plan_state *p, size_t at, const char *list) {
    while (arith_word(p, at, list)) at++;
    return at;
}

/* "regular and overtime hours": the first word with the last one of the second column. */
static arith_pair arith_shared(const plan_state *p, size_t first, size_t second, const lexicon_match *b, size_t count) {
    arith_pair best = {.score = 0};
    for (size_t k = 0; k < count; k++) {
        lexicon_match a[PLAN_MATCHES];
        if (b[k].words < 2 || b[k].score < 0.75 || !arith_number(p, b[k].ref)) continue;
        const ask_token whole[] = {p->tokens[first], p->tokens[second + b[k].words - 1]};
        size_t n = lexicon_columns(p->lex, whole, 2, 0, a, PLAN_MATCHES);
        for (size_t i = 0; i < n; i++) {
            double score = a[i].score + b[k].score + plan_near(p, b[k].ref.table);
            if (a[i].words == 2 && a[i].ref.table == b[k].ref.table && a[i].ref.column != b[k].ref.column &&
                arith_number(p, a[i].ref) && a[i].score >= 0.75 && score > best.score)
                best = (arith_pair){a[i].ref, b[k].ref, b[k].words, score, false};
        }
    }
    return best;
}

/* A column from `first` up to `end`, and one of the same table from `second` on: two numbers, or two dates. */
static arith_pair arith_find(const plan_state *p, size_t first, size_t end, size_t second) {
    lexicon_match a[PLAN_MATCHES], b[PLAN_MATCHES];
    arith_pair best = {.score = 0};
    if (first >= end || second >= p->count) return best;
    size_t a_count = lexicon_columns(p->lex, p->tokens, p->count, first, a, PLAN_MATCHES),
           b_count = lexicon_columns(p->lex, p->tokens, p->count, second, b, PLAN_MATCHES);
    for (size_t i = 0; i < a_count; i++)
        for (size_t k = 0; k < b_count; k++) {
            const ask_column *one = plan_column(p, a[i].ref), *other = plan_column(p, b[k].ref);
            bool numbers = arith_number(p, a[i].ref) && arith_number(p, b[k].ref),
                 dates = plan_temporal(one) && plan_temporal(other);
            if (a[i].ref.table != b[k].ref.table || a[i].ref.column == b[k].ref.column || (!numbers && !dates) ||
                first + a[i].words != end || a[i].score < 0.5 || b[k].score < 0.5)
                continue;
            double score = a[i].score + b[k].score + plan_near(p, a[i].ref.table);
            if (score > best.score) best = (arith_pair){a[i].ref, b[k].ref, b[k].words, score, dates};
        }
    return best.score > 0 || first + 1 != end ? best : arith_shared(p, first, second, b, b_count);
}

/* ---- a measure of both ---- */

static ask_fn arith_fn(plan_state *p, ask_how how) {
    if (p->fn >= 0 && p->fn != ASK_COUNT && p->fn != ASK_COUNT_DISTINCT) return (ask_fn)p->fn;
    if (p->extreme && !p->extreme_rows && !p->ordering) return p->extreme > 0 ? ASK_MAX : ASK_MIN;
    if (how == ASK_PLUS || p->fn >= 0 || p->ordering || p->extreme) return how == ASK_DAYS ? ASK_AVG : ASK_SUM;
    p->penalty += 0.1;
    plan_note(p, "what it is for each row is taken on average");
    return ASK_AVG;
}

static void arith_measure(plan_state *p, ask_how how, ask_ref a, ask_ref b) {
    ask_plan *plan = &p->plan;
    const ask_measure made = {.fn = ASK_SUM, .column = a, .how = how, .other = b};
    size_t at = plan->measure_count;
    for (size_t i = 0; i < plan->measure_count; i++) { /* the same, said again; or a part of it, said before */
        const ask_measure *m = &plan->measures[i];
        if (m->column.table == a.table && m->column.column >= 0 &&
            (plan_same(m->column, a) || plan_same(m->column, b)) && (m->how == how || !m->how))
            at = i;
    }
    if (at == ASK_COLUMNS_MAX) return;
    ask_fn fn = at < plan->measure_count && p->fn < 0 ? plan->measures[at].fn : arith_fn(p, how);
    plan->measures[at] = made;
    plan->measures[at].fn = fn;
    if (at == plan->measure_count) plan->measure_count++;
    if ((p->ordering || p->extreme) && plan->order_measure < 0) {
        plan->order_measure = (int)at;
        p->order_set = plan->ordered = true;
        if (p->extreme) plan->descending = p->extreme > 0;
        p->extreme_rows = false;
    }
    p->focus = a.table;
    p->ordering = p->distinct = p->lead_open = false;
    p->mean = false; /* the average number of days: of the rows */
    p->fn = -1;
}

/* ---- how it is said ---- */

/* "A minus B", "A and B combined" */
static size_t arith_between_names(plan_state *p, size_t at) {
    static const struct {
        const char *word, *next;
        ask_how how;
    } ops[] = {{"minus", NULL, ASK_MINUS}, {"less", NULL, ASK_MINUS},       {"plus", NULL, ASK_PLUS},
               {"times", NULL, ASK_TIMES}, {"multiplied", "by", ASK_TIMES}, {"divided", "by", ASK_OVER},
               {"and", NULL, ASK_PLUS}};
    for (size_t end = at + 1; end < p->count && end <= at + 4 && p->tokens[end].kind == ASK_WORD; end++)
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
            bool both = i + 1 == sizeof ops / sizeof *ops;
            if (!ask_is(&p->tokens[end], ops[i].word)) continue;
            if (ops[i].next && !arith_word(p, end + 1, ops[i].next)) continue;
            size_t second = arith_skip(p, end + (ops[i].next ? 2 : 1), "the a their its");
            arith_pair pair = arith_find(p, at, end, second);
            if (pair.score <= 0 || (pair.dates && ops[i].how != ASK_MINUS)) continue;
            size_t behind = second + pair.words;
            if (both && !arith_word(p, behind, "combined together")) continue;
            if (pair.dates) arith_measure(p, ASK_DAYS, pair.b, pair.a);
            else arith_measure(p, ops[i].how, pair.a, pair.b);
            return behind + both - at;
        }
    return 0;
}

/* "the difference between A and B", "days from A to B" */
static size_t arith_from_to(plan_state *p, size_t at) {
    bool difference = arith_word(p, at, "difference gap margin spread markup"), days = arith_word(p, at, "days time");
    if (!difference && !days) return 0;
    size_t first = at + 1;
    if (!arith_word(p, first, "between from of in")) return 0;
    first = arith_skip(p, first + 1, "the a their its when being it was is");
    for (size_t end = first + 1; end < p->count && end <= first + 4 && p->tokens[end].kind == ASK_WORD; end++) {
        if (!arith_word(p, end, "and to until till")) continue;
        size_t second = arith_skip(p, end + 1, "the a their its when being it was is");
        arith_pair pair = arith_find(p, first, end, second);
        if (pair.score <= 0 || (days && !pair.dates)) continue;
        arith_measure(p, pair.dates ? ASK_DAYS : ASK_MINUS, pair.a, pair.b);
        return second + pair.words - at;
    }
    return 0;
}

/* The number of the table whose name has one of the words itself. */
static ask_ref arith_called(const plan_state *p, int table, const char *words) {
    for (lh_str rest = lh_str_from(words); rest.len;) {
        lh_str word = lh_str_split(&rest, ' ');
        const ask_token one = plan_word(word);
        for (size_t c = 0; c < p->schema->tables[table].column_count; c++) {
            const ask_ref ref = {table, (int)c};
            if (arith_number(p, ref) && lexicon_column_named(p->lex, ref, &one)) return ref;
        }
    }
    return (ask_ref){table, -1};
}

/* "margin": what is asked for less what is paid, where a table has both and nothing is called so. */
static size_t arith_margin(plan_state *p, size_t at) {
    if (arith_word(p, at, "gross")) {
        size_t n = arith_word(p, at + 1, "margin margins") ? arith_margin(p, at + 1) : 0;
        return n ? n + 1 : 0;
    }
    if (!arith_word(p, at, "margin margins markup spread profit profits")) return 0;
    ask_ref in = {-1, -1}, out = {-1, -1};
    double best = 0;
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        ask_ref a = arith_called(p, t, "bill billed sale selling sell charge charged revenue price"),
                b = arith_called(p, t, "pay paid cost costs purchase wage");
        double near = 1.1 + plan_near(p, t);
        if (plan_has(a) && plan_has(b) && !plan_same(a, b) && near > best) best = near, in = a, out = b;
    }
    if (!plan_has(in)) return 0;
    plan_note(p, "the %.*s is '%.*s' less '%.*s'", LH_STR_ARG(p->tokens[at].one), LH_STR_ARG(plan_column(p, in)->name),
              LH_STR_ARG(plan_column(p, out)->name));
    bool rates = lh_str_ends(plan_column(p, in)->name, LH_STR("rate"));
    if (p->fn < 0 && rates && p->ordering) p->fn = ASK_AVG;
    if (p->fn == ASK_SUM && rates) p->penalty += 0.45; /* rates have no sum */
    arith_measure(p, ASK_MINUS, in, out);
    bool per = arith_word(p, at + 1, "per") && arith_word(p, at + 2, "hour day unit"); /* of a rate: as it is */
    return per ? 3 : 1;
}

/* Is it the last word of the name, before which there is another? */
static bool arith_ends_name(lh_str name, const ask_token *t) {
    lh_str word = lh_str_ends(name, t->word) ? t->word : t->one;
    return name.len > word.len + 1 && lh_str_ends(name, word) && name.ptr[name.len - word.len - 1] == '_';
}

/* "total hours", where there are two kinds of them: *ret_b the other one. */
static bool arith_kinds(const plan_state *p, const ask_token *t, ask_ref *ret_a, ask_ref *ret_b) {
    double best = -1;
    bool found = false;
    for (int i = 0; i < (int)p->schema->table_count && t->plural; i++) {
        const ask_table *table = &p->schema->tables[i];
        size_t kinds = 0;
        ask_ref pair[2] = {{-1, -1}, {-1, -1}};
        for (size_t c = 0; c < table->column_count; c++) {
            const ask_column *column = &table->columns[c];
            if (!arith_number(p, (ask_ref){i, (int)c})) continue;
            if (lh_str_eq(column->name, t->word) || lh_str_eq(column->name, t->one)) kinds = 9;
            if (!arith_ends_name(column->name, t)) continue;
            if (kinds < 2) pair[kinds] = (ask_ref){i, (int)c};
            kinds += lh_str_starts(column->name, LH_STR("total")) ? 9 : 1;
        }
        if (kinds != 2 || plan_near(p, i) <= best) continue;
        best = plan_near(p, i);
        *ret_a = pair[0];
        *ret_b = pair[1];
        found = true;
    }
    return found;
}

static size_t arith_all_kinds(plan_state *p, size_t at) {
    ask_ref a, b;
    bool asked =
        p->fn == ASK_SUM || p->fn == ASK_AVG || p->fn == ASK_COUNT || p->ordering || (p->extreme && p->extreme_rows);
    if (!asked || p->compare.there || ask_is(&p->tokens[at], "delays") || p->tokens[at].kind != ASK_WORD ||
        !arith_kinds(p, &p->tokens[at], &a, &b))
        return 0;
    plan_choice table = plan_best_table(p, at);
    if (table.there && table.match.score >= 0.9) return 0;
    plan_note(p, "'%.*s' are '%.*s' and '%.*s'", LH_STR_ARG(p->tokens[at].word), LH_STR_ARG(plan_column(p, a)->name),
              LH_STR_ARG(plan_column(p, b)->name));
    arith_measure(p, ASK_PLUS, a, b);
    return 1;
}

/* "A as a percentage of B" */
static size_t arith_ratio(plan_state *p, size_t at) {
    plan_choice table = plan_best_table(p, at), name = plan_best_column(p, at, WANT_NUMBER);
    if (p->grouping || (table.there && table.match.score >= 0.9 && !(name.there && name.match.score >= 0.9))) return 0;
    for (size_t end = at + 1; end <= at + 4; end++) {
        size_t of = arith_skip(p, end + 1, "a the");
        if (!arith_word(p, end, "as") || !arith_word(p, of, "percentage percent share proportion fraction") ||
            !arith_word(p, of + 1, "of"))
            continue;
        size_t whole = arith_skip(p, of + 2, "all the total overall");
        arith_pair pair = arith_find(p, at, end, whole);
        ask_measure m = {.fn = ASK_RATIO, .column = pair.a, .whole = {pair.b, {-1, -1}}};
        if (whole >= p->count) return 0;
        if (arith_kinds(p, &p->tokens[whole], &m.whole[0], &m.whole[1])) { /* the one of the two that was said */
            lexicon_match part[PLAN_MATCHES];
            size_t n = lexicon_columns(p->lex, p->tokens, p->count, at, part, PLAN_MATCHES);
            for (size_t i = 0; i < n; i++)
                if (at + part[i].words == end &&
                    (plan_same(part[i].ref, m.whole[0]) || plan_same(part[i].ref, m.whole[1])))
                    m.column = part[i].ref, pair = (arith_pair){.a = part[i].ref, .words = 1, .score = 1};
        }
        if (pair.score <= 0 || pair.dates || p->plan.measure_count == ASK_COLUMNS_MAX) return 0;
        p->plan.measures[p->plan.measure_count++] = m;
        p->focus = pair.a.table;
        p->lead_open = false;
        p->fn = -1;
        return whole + pair.words - at;
    }
    return 0;
}

size_t plan_arith(plan_state *p, size_t at) {
    size_t n = 0;
    if (p->tokens[at].kind != ASK_WORD) return 0;
    if ((n = arith_ratio(p, at)) || (n = arith_from_to(p, at)) || (n = arith_between_names(p, at)) ||
        (n = arith_all_kinds(p, at)) || (n = arith_margin(p, at)))
        return n;
    bool done = arith_word(p, at, "billed") && ((at && ask_in(p->tokens[at - 1].one, "hour amount")) ||
                                                arith_word(p, at + 1, "hours")); /* what was done with them */
    return done ? 1 : 0;
}

/* ---- how long ---- */

/* From where to where: the dates that were said, else those that a begin and an end are called by. */
static bool arith_span(plan_state *p, int table, ask_ref *ret_from, ask_ref *ret_to) {
    ask_ref said[2] = {{-1, -1}, {-1, -1}};
    size_t count = 0;
    for (size_t i = 0; i < p->mentioned_count; i++) {
        if (p->mentioned[i].placed || !plan_temporal(plan_column(p, p->mentioned[i].ref)) ||
            p->mentioned[i].ref.table != table)
            continue;
        p->mentioned[i].placed = true;
        if (count < 2) said[count] = p->mentioned[i].ref;
        count++;
    }
    if (count > 2) return false;
    *ret_from = count == 2 ? said[0]
                           : plan_date_called(p, table,
                                              "start started begin began open opened loaned ordered requested "
                                              "created sent from received reported",
                                              said[0]);
    *ret_to = count == 2   ? said[1]
              : count == 1 ? said[0]
                           : plan_date_called(p, table,
                                              "end ended close closed returned finished completed delivered filled "
                                              "resolved shipped fixed solved until",
                                              *ret_from);
    return plan_has(*ret_from) && plan_has(*ret_to);
}

lh_code plan_how_long(plan_state *p, lh_error *err) {
    int table = p->entity >= 0 ? p->entity : p->main_table >= 0 ? p->main_table : p->focus;
    ask_ref from, to, column;
    if (!p->how_long) return LH_OK;
    if (table < 0) return lh_fail(err, LH_INVALID, "nothing says how long that is");
    ask_fn fn = p->fn >= 0 && p->fn != ASK_COUNT ? (ask_fn)p->fn : ASK_AVG;
    if (p->fn < 0) p->penalty += 0.03, plan_note(p, "how long it is on average");
    p->mean = false;
    p->fn = -1;
    if (arith_span(p, table, &from, &to)) {
        if (p->long_seconds > 0 && (p->long_seconds < 86400 || p->long_seconds > 86400))
            return lh_fail(err, LH_INVALID, "how long that is can be said in days only");
        p->fn = (int)fn;
        arith_measure(p, ASK_DAYS, from, to);
        return LH_OK;
    }
    column = plan_hinted(p, table, "duration seconds minutes length", true);
    if (!plan_has(column)) return lh_fail(err, LH_INVALID, "nothing says how long that is");
    double has = plan_seconds_in(plan_column(p, column)->name);
    if (p->long_seconds > 0 && has <= 0) return lh_fail(err, LH_INVALID, "nothing says in which unit that is");
    size_t at = plan_measure(p, fn, column);
    if (p->long_seconds > 0) p->plan.measures[at].divisor = p->long_seconds / has;
    return LH_OK;
}
