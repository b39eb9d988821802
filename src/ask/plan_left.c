/* What was said and has no meaning in what became of it, and what that costs; what the caller sees masked only. */
#include "ask/plan_internal.h"

bool plan_parts_there(const ask_plan *plan) {
    bool there = false;
    for (size_t i = 0; i < plan->filter_count; i++) there |= plan->filters[i].numerator;
    return there;
}

/* The name of the one place to which rows of the entity refer: a venue, a store; column -1: none. */
static ask_ref left_place(const plan_state *p) {
    ask_ref found = PLAN_NONE, label[2];
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key *key_of = &p->schema->keys[k];
        bool key = false, place = false;
        lh_str name = p->schema->tables[key_of->to.table].name.name;
        for (lh_str rest =
                 LH_STR("venue location site place room branch store office hotel building airport hall clinic");
             rest.len;)
            place |= lh_str_starts(name, lh_str_split(&rest, ' '));
        if (key_of->from.table != p->entity || !place || plan_label(p, key_of->to.table, label, 2, &key) != 1) continue;
        if (plan_has(found)) return PLAN_NONE;
        found = label[0];
    }
    return found;
}

/* "where does Ann live": a place of hers is shown, where her rows have one. */
static void left_where(plan_state *p) {
    ask_plan *plan = &p->plan;
    ask_ref place = p->entity >= 0
                        ? plan_hinted(p, p->entity, "city address location place room office site country", false)
                        : PLAN_NONE;
    if (plan_says(p, "work works working worked stay staying go going")) place.column = -1; /* at whose place */
    if (!plan_has(place) && p->entity >= 0) place = left_place(p);
    if (!plan_has(place) || plan->measure_count || plan->column_count == ASK_COLUMNS_MAX) {
        plan_doubt(p, LH_STR("where"));
        return;
    }
    ask_ref label[2];
    bool key = false;
    size_t n = p->row_of == p->entity ? plan_label(p, p->entity, label, 2, &key) : 0; /* and not all of the row */
    if (n) plan->column_count = 0;
    for (size_t i = 0; i < n; i++) plan->columns[plan->column_count++] = label[i];
    plan->columns[plan->column_count++] = place;
}

static bool left_is_masked(const plan_state *p, ask_ref ref) {
    return ref.table >= 0 && plan_has(ref) && plan_column(p, ref)->masked;
}

/* What is masked can be shown as it is seen; asked by, or counted, it would tell of what it looks like, not of what it is. */
lh_code plan_masked(plan_state *p, lh_error *err) {
    const ask_plan *plan = &p->plan;
    ask_ref found = {-1, -1};
    for (size_t i = 0; i < plan->filter_count; i++) {
        const ask_filter *f = &plan->filters[i];
        const ask_ref named[] = {f->column, f->other, f->by_way ? f->way : PLAN_NONE, f->via};
        bool years =
            f->op == ASK_IN_TIME && f->when.whole_years && plan_has(f->column) && plan_column(p, f->column)->year_seen;
        for (size_t k = 0; k < sizeof named / sizeof *named && !years; k++)
            if (left_is_masked(p, named[k])) found = named[k];
    }
    for (size_t i = 0; i < plan->measure_count; i++) {
        const ask_measure *m = &plan->measures[i];
        const ask_ref named[] = {m->column, m->how ? m->other : PLAN_NONE, m->fn == ASK_RATIO ? m->whole[0] : PLAN_NONE,
                                 m->fn == ASK_RATIO ? m->whole[1] : PLAN_NONE};
        for (size_t k = 0; k < sizeof named / sizeof *named; k++)
            if (left_is_masked(p, named[k])) found = named[k];
    }
    if (plan->ordered && plan->order_measure < 0 && left_is_masked(p, plan->order_column)) found = plan->order_column;
    if (plan_has(found))
        return lh_fail(err, LH_INVALID, "'%.*s' is masked for you", LH_STR_ARG(plan_column(p, found)->name));
    for (size_t i = 0; i < plan->column_count; i++)
        if (left_is_masked(p, plan->columns[i]))
            plan_note(p, "'%.*s' is shown as it is masked for you", LH_STR_ARG(plan_column(p, plan->columns[i])->name));
    for (size_t i = 0; i < plan->group_count; i++)
        if (left_is_masked(p, plan->groups[i].column))
            plan_note(p, "'%.*s' is shown as it is masked for you",
                      LH_STR_ARG(plan_column(p, plan->groups[i].column)->name));
    return LH_OK;
}

/* How many tables lead both to the entity and to that one, by the fewest steps. */
static size_t left_ways(const plan_state *p, int table) {
    size_t ways = 0, all = 0;
    bool works =
        plan_says(p, "worked works work working"); /* worked for: not a call of theirs, though that is nearer */
    int best = 99;
    if (ask_path(p->schema, table, p->entity, NULL) >= 0) return 1;
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        int a = ask_path(p->schema, t, p->entity, NULL), b = ask_path(p->schema, t, table, NULL);
        bool named = p->focus == t;
        for (size_t i = 0; i < p->plan.filter_count; i++) named |= p->plan.filters[i].column.table == t;
        if (a >= 0 && b >= 0 && a + b <= 4) all++;
        if (a < 0 || b < 0 || a + b > best) continue;
        if (named && t != table) return 1;
        ways = a + b < best ? 1 : ways + 1;
        best = a + b;
    }
    return works ? all : ways;
}

static bool left_is_row(const plan_state *p, const ask_filter *f) {
    return !f->not && !f->by_way &&
           (f->op == ASK_NAMED ||
            (f->op == ASK_EQ && plan_column(p, f->column)->key && ask_names_key(plan_column(p, f->column)->name)));
}

/* "the phone of E0003 and the salary of Ann Lee": no row is of both. */
static void left_rows(plan_state *p) {
    for (size_t i = 0; i < p->plan.filter_count; i++)
        for (size_t k = 0; k < i && left_is_row(p, &p->plan.filters[i]); k++) {
            const ask_filter *f = &p->plan.filters[i], *other = &p->plan.filters[k];
            if (other->column.table == f->column.table && other->scope == f->scope && left_is_row(p, other))
                plan_doubt(p, LH_STR("and"));
        }
}

/* "who called Ann Lee": not she. */
static void left_who(plan_state *p) {
    bool named = false, other = false;
    for (size_t i = 0; i < p->plan.filter_count && p->lead == LEAD_WHO && p->entity_made; i++) {
        const ask_filter *f = &p->plan.filters[i];
        named |= f->column.table == p->entity && left_is_row(p, f);
        other |= plan_elsewhere(p, f->column.table);
    }
    if (named && other) plan_doubt(p, p->tokens[0].raw);
}

/* Conditions that are of other rows than those that were named. */
static void left_filters(plan_state *p) {
    const ask_plan *plan = &p->plan;
    for (size_t i = 0; i < plan->filter_count; i++) {
        const ask_filter *f = &plan->filters[i];
        bool elsewhere = plan_elsewhere(p, f->column.table), refers = f->op == ASK_EQ && elsewhere && plan_column(p, f->column)->key,
             named = false;
        for (size_t k = 0; k < p->schema->key_count && f->op == ASK_EQ && elsewhere; k++)
            refers |= plan_same(p->schema->keys[k].from, f->column);
        if (refers && p->entity_made && !plan->measure_count) /* the hire date of a customer */
            p->penalty += 0.3, plan_note(p, "what is asked for is not of the row that is named");
        for (size_t k = 0; k < plan->filter_count; k++)
            named |= plan->filters[k].column.table == f->column.table && (plan->filters[k].op == ASK_EXISTS || k != i);
        if ((f->op == ASK_IS_TRUE || f->op == ASK_IS_FALSE) && !named && !plan->measure_count && elsewhere &&
            ask_path(p->schema, f->column.table, p->entity, NULL) < 0)
            plan_doubt(p, plan_column(p, f->column)->name); /* certified members, where only trainers are */
        if (elsewhere && f->op == ASK_EQ && left_ways(p, f->column.table) > 1)
            p->penalty += 0.3, plan_note(p, "several tables lead from one to the other"); /* enrolled, or examined */
        for (size_t k = 0; k < plan->filter_count && f->op == ASK_COUNTS;
             k++) /* more than 5000 in 2025: all of it, or of then? */
            if (plan->filters[k].op == ASK_IN_TIME && plan->filters[k].column.table != f->column.table &&
                plan_elsewhere(p, plan->filters[k].column.table))
                plan_doubt(p, LH_STR("in"));
        if (f->numerator && f->value_count > 1 && f->value_count == plan_column(p, f->column)->value_count)
            p->penalty += 0.45; /* gold, silver and bronze: all that there are */
    }
    for (size_t i = 0; i < plan->filter_count && plan->measure_count && !plan->group_count; i++) {
        const ask_filter *f = &plan->filters[i];
        if (f->op != ASK_IN_TIME || f->when.kind != ASK_MONTH_OF_YEAR || f->has_second || !plan_has(f->column) ||
            !plan_temporal(plan_column(p, f->column)))
            continue;
        p->penalty += 0.2; /* in March: of which year? */
        break;
    }
}

/* "suites that cost less than 150": what costs so much is a suite, and no booking of one. */
static void left_listed(plan_state *p) {
    plan_choice value = p->entity_made && !p->plan.measure_count && p->count && p->tokens[0].plural
                            ? plan_best_value(p, 0)
                            : (plan_choice){0};
    for (size_t i = 0; i < p->plan.filter_count && value.there; i++)
        if (plan_same(p->plan.filters[i].column, value.match.ref) && value.match.ref.table != p->entity) {
            p->penalty += 0.3;
            plan_note(p, "what is listed is of '%.*s'", LH_STR_ARG(p->schema->tables[p->entity].shown));
            return;
        }
}

static void left_measures(plan_state *p) {
    const ask_plan *plan = &p->plan;
    for (size_t i = 0; i < plan->measure_count; i++) {
        const ask_measure *m = &plan->measures[i];
        bool counts = m->fn <= ASK_COUNT_DISTINCT && plan->measures[0].fn <= ASK_COUNT_DISTINCT;
        if (m->fn == ASK_SHARE && !plan->group_count && !plan_parts_there(plan)) p->penalty += 0.45; /* all of all */
        if (p->top && (m->fn == ASK_AVG || m->fn == ASK_MEDIAN) && p->entity >= 0 && m->column.table == p->entity &&
            !plan_has(p->entity_column))
            p->penalty += 0.45; /* the average of the top 10: not of each of them */
        if (counts && !plan->group_count && m->column.table != plan->measures[0].column.table)
            plan_doubt(p, LH_STR("and")); /* rows of two tables are not counted at once */
    }
    if (plan->measure_count && plan->column_count) plan_doubt(p, p->tokens[0].raw); /* a row's column, and a number of all */
    if (plan->ordered && plan->measure_count && !plan->group_count) p->penalty += 0.45; /* one row has no order */
    if (p->mean && !plan->group_count) p->penalty += 0.45;                              /* of what each has */
}

/* "the total", "the average": what was said has an aggregate of its kind. */
static bool left_has(const plan_state *p, ask_fn fn) {
    const ask_plan *plan = &p->plan;
    bool how_much = false;
    for (size_t i = 0; i < p->count; i++) how_much |= plan_is_word(p, i, "how") && plan_is_word(p, i + 1, "much");
    bool has = fn == ASK_AVG && (p->mean || plan->mean_of_groups || plan->mean_of_rows),
         row = fn == ASK_SUM && plan->column_count > 0;
    for (size_t i = 0; i < plan->measure_count; i++) {
        const ask_measure *m = &plan->measures[i];
        has |= m->fn == fn || (fn == ASK_SUM && (m->fn >= ASK_SHARE || !how_much));
    }
    for (size_t i = 0; i < plan->filter_count; i++) {
        const ask_filter *f = &plan->filters[i];
        has |= f->op == ASK_COUNTS || (f->average && fn == ASK_AVG);
    }
    for (size_t i = 0; i < plan->column_count && row; i++) has |= plan_numeric(plan_column(p, plan->columns[i]));
    return has || plan->running || plan->growth;
}

/* Is a number of rows, other than how many there are, a part of the plan? */
static bool left_is_amount(const plan_state *p) {
    const ask_plan *plan = &p->plan;
    bool is = plan->ordered && plan->order_measure < 0;
    for (size_t i = 0; i < plan->measure_count; i++)
        is |= plan_has(plan->measures[i].column) && plan->measures[i].fn != ASK_COUNT_DISTINCT;
    for (size_t i = 0; i < plan->column_count; i++) is |= plan_numeric(plan_column(p, plan->columns[i]));
    for (size_t i = 0; i < plan->filter_count; i++)
        is |= (plan->filters[i].op >= ASK_GT && plan->filters[i].op <= ASK_BETWEEN) ||
              plan->filters[i].op == ASK_COUNTS || plan_has(plan->filters[i].other) ||
              (plan_has(plan->filters[i].column) && plan_numeric(plan_column(p, plan->filters[i].column)));
    return is;
}

/* Words of numbers that the plan has none of: "the total value of orders" is not how many there are. */
static void left_said(plan_state *p) {
    static const ask_fn fns[] = {ASK_SUM, ASK_AVG, ASK_MEDIAN};
    for (size_t i = 0; i < sizeof fns / sizeof *fns; i++)
        if (p->said[fns[i]].len && !left_has(p, fns[i])) plan_doubt(p, p->said[fns[i]]);
    for (size_t i = 0; i + 1 < p->count && p->plan.measure_count;
         i++) { /* the value of the stock is not how many there are in it */
        const ask_measure *m = &p->plan.measures[0];
        bool value = plan_is_word(p, i, "value worth") && plan_is_word(p, i + 1, "of");
        if (value && plan_has(m->column) && m->fn == ASK_SUM && !m->how &&
            plan_called(p, m->column, "stock quantity qty units hours days count seats distance weight")) {
            plan_doubt(p, p->tokens[i].raw);
            return;
        }
    }
    for (size_t i = 0; i < p->count && !left_is_amount(p); i++) {
        bool amount = plan_is_word(p, i, "amount amounts value worth money") && !plan_is_word(p, i + 1, "of");
        if (plan_is_word(p, i, "value worth") && i && plan_is_word(p, i - 1, "total sum average combined"))
            amount = true;
        if (amount) {
            plan_doubt(p, p->tokens[i].raw);
            return;
        }
    }
}

static bool left_refers(const plan_state *p, ask_ref ref) {
    bool refers = false;
    for (size_t k = 0; k < p->schema->key_count; k++) refers |= plan_same(p->schema->keys[k].from, ref);
    return plan_has(ref) && refers;
}

/* What says which row is meant is no quantity; rows are not counted by what each of them is; no group is of two dates of a row. */
static void left_senseless(plan_state *p) {
    const ask_plan *plan = &p->plan;
    bool order = plan->ordered && plan->order_measure < 0 && p->extreme && left_refers(p, plan->order_column);
    if (order && plan_numeric(plan_column(p, plan->order_column)))
        plan_doubt(p, plan_column(p, plan->order_column)->name);
    for (size_t i = 0; i < plan->measure_count; i++) {
        const ask_measure *m = &plan->measures[i];
        if (m->fn != ASK_COUNT && m->fn != ASK_COUNT_DISTINCT && left_refers(p, m->column))
            plan_doubt(p, plan_column(p, m->column)->name);
        for (size_t g = 0; g < plan->group_count && !p->mean && m->fn == ASK_COUNT && !plan_has(m->column); g++)
            if (plan->groups[g].column.table == m->column.table && plan_has(plan->groups[g].column) &&
                !plan->groups[g].part && plan_column(p, plan->groups[g].column)->key)
                plan_doubt(p, p->schema->tables[m->column.table].shown);
    }
    for (size_t i = 0; i < plan->group_count; i++)
        for (size_t k = 0; k < plan->group_count; k++) {
            const ask_group *a = &plan->groups[i], *b = &plan->groups[k];
            if (a->part && !b->part && plan_has(b->column) && a->column.table == b->column.table &&
                !plan_same(a->column, b->column) && plan_temporal(plan_column(p, b->column)))
                plan_doubt(p, plan_column(p, b->column)->name);
        }
    for (size_t i = 0; i < plan->group_count; i++) {
        const ask_group *g = &plan->groups[i];
        if (g->part == ASK_HOUR_OF_DAY && plan_has(g->column) && plan_column(p, g->column)->type == ASK_DATE)
            plan_doubt(p, LH_STR("hour"));
    }
}

/* "everyone who …": no list of yes and no. */
static void left_flags(plan_state *p) {
    const ask_plan *plan = &p->plan;
    bool flags = p->lead == LEAD_WHO && plan->column_count && plan->distinct && !plan->measure_count;
    for (size_t i = 0; i < plan->column_count; i++) flags &= plan_column(p, plan->columns[i])->type == ASK_BOOL;
    if (flags) plan_doubt(p, p->tokens[0].raw);
    bool days = plan->column_count && plan->distinct && !plan->measure_count; /* which members: no list of days */
    for (size_t i = 0; i < plan->column_count; i++) days &= plan_temporal(plan_column(p, plan->columns[i]));
    days = days && !plan_says(p, "when day days date dates time times month months year years week weeks");
    if (days && p->lead == LEAD_WHICH) p->penalty += 0.3;
    bool role = !plan_has(p->role); /* which servers left: those who have served */
    for (size_t i = 0; i < plan->measure_count; i++) role |= plan->measures[i].column.table == p->role.table;
    for (size_t i = 0; i < plan->filter_count; i++) role |= plan->filters[i].column.table == p->role.table;
    if (!role) plan_doubt(p, plan_column(p, p->role)->name);
    if (p->lead == LEAD_WHICH && p->row_filter >= 0 && p->entity_made && !p->mentioned_count && !plan->measure_count &&
        !plan->group_count)
        plan_doubt(p, p->tokens[0].raw); /* what Ann does: not who she is */
    size_t first = 0;
    while (first < p->count && first < 2 && !plan_is_word(p, first, "which who")) first++;
    if (plan_is_word(p, first, "which who") && plan->measure_count && !plan->group_count && !plan->mean_of_rows &&
        !plan->column_count)
        plan_doubt(p, p->tokens[first].raw); /* which of them: not how much */
}

/* "has bill 5 been paid", of one row: what it is, rather than the row, or none. */
static void left_whether(plan_state *p) {
    ask_plan *plan = &p->plan;
    if (!plan_is_word(p, 0, "is was has have are were did does") || p->row_of < 0 || p->row_filter < 0 ||
        plan->filter_count != 2 || p->row_filter > 1 || plan->measure_count)
        return;
    const ask_filter *f = &plan->filters[1 - p->row_filter];
    bool state = f->op == ASK_EQ || f->op == ASK_IS_TRUE || f->op == ASK_IS_FALSE || f->op == ASK_IS_NULL ||
                 f->op == ASK_NOT_NULL;
    if (!state || !plan_has(f->column) || f->column.table != p->row_of ||
        plan->filters[p->row_filter].column.table != p->row_of)
        return;
    ask_ref label[2], what = f->column;
    bool key = false;
    size_t n = plan_label(p, p->row_of, label, 2, &key);
    if (p->row_filter == 1) plan->filters[0] = plan->filters[1];
    plan->filter_count = 1;
    p->row_filter = 0;
    plan->column_count = 0;
    for (size_t i = 0; i < n; i++) plan->columns[plan->column_count++] = label[i];
    plan->columns[plan->column_count++] = what;
}

void plan_left(plan_state *p) {
    const ask_plan *plan = &p->plan;
    left_said(p);
    left_rows(p);
    left_who(p);
    left_filters(p);
    left_listed(p);
    left_measures(p);
    left_senseless(p);
    left_flags(p);
    left_whether(p);
    plan_doubts(p);
    if (p->compare.there) p->penalty += 0.45;
    if (p->coin) p->penalty += 0.3;
    if (p->where) left_where(p);
    if (p->count == 1 && !plan->measure_count && !p->tokens[0].plural) p->penalty += 0.25; /* "order": which? */
    if (p->comparing && !plan->group_count) plan_doubt(p, LH_STR("compare"));
    if (p->more.len) plan_doubt(p, p->more);
    if (p->both) plan_doubt(p, p->extreme_word);
    if (p->fresh && !p->has_when) plan_doubt(p, LH_STR("new"));
}
