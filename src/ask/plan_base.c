/* The rows that a plan is of: those that all else is joined to by the fewest keys, and by which of several keys. */
#include "ask/plan_internal.h"

static int base_cost(const plan_state *p, int base) {
    const ask_plan *plan = &p->plan;
    int cost = 0;
    for (size_t i = 0; i < plan->group_count; i++) {
        int steps = ask_path(p->schema, base, plan->groups[i].column.table, NULL);
        if (steps < 0) return -1;
        cost += steps;
    }
    for (size_t i = 0; i < plan->column_count; i++) {
        int steps = ask_path(p->schema, base, plan->columns[i].table, NULL);
        if (steps < 0) return -1;
        cost += steps;
    }
    for (size_t i = 0; i < plan->measure_count; i++) {
        const ask_measure *m = &plan->measures[i];
        int steps = ask_path(p->schema, base, m->column.table, NULL);
        if (steps < 0) return -1;
        if (steps && m->column.column < 0 && !plan_has(plan_key(p, m->column.table))) return -1;
        cost += steps ? steps + 6 : 0;
    }
    if (plan->ordered && plan->order_measure < 0 && plan_has(plan->order_column)) {
        int steps = ask_path(p->schema, base, plan->order_column.table, NULL);
        if (steps < 0) return -1;
        cost += steps;
    }
    for (size_t i = 0; i < plan->filter_count; i++) { /* asked by EXISTS where no key leads there */
        int table = plan->filters[i].column.table, steps = ask_path(p->schema, base, table, NULL);
        if (steps >= 0 || plan->filters[i].op == ASK_EXISTS || plan->filters[i].op == ASK_COUNTS)
            cost += steps > 0 ? steps : 0;
        else cost += plan_distance(p, base, table) < 9 ? 3 : 50;
    }
    bool rows = !plan->measure_count && plan->column_count && p->entity >= 0;
    if (rows && base != p->entity) return plan->distinct ? cost + 1 : -1; /* each row of the entity once */
    return 4 * cost + (base == p->entity ? 0 : 1);
}

/* Does the key say what one row is to the other (lead_id), where a table stands between the two that says which of them belong together? */
static bool base_is_linked(const plan_state *p, const ask_key *key) {
    lh_str from = plan_column(p, key->from)->name, to = plan_column(p, key->to)->name,
           table = p->schema->tables[key->to.table].name.name;
    bool role =
        !lh_str_eq_nocase(from, to) && !lh_str_starts(from, lh_str_sub(table, 0, table.len < 4 ? table.len : 4));
    for (int t = 0; t < (int)p->schema->table_count && role; t++) {
        bool one = false, other = false;
        for (size_t k = 0; k < p->schema->key_count && t != key->from.table && t != key->to.table; k++) {
            const ask_key *link = &p->schema->keys[k];
            one |= link->from.table == t && link->to.table == key->from.table;
            other |= link->from.table == t && link->to.table == key->to.table;
        }
        if (one && other) return true;
    }
    return false;
}

/* Of several keys to one table the first is taken, where no word said which. */
static void base_way(plan_state *p, int from, int table, double penalty) {
    const ask_schema *schema = p->schema;
    size_t keys[ASK_PATH_MAX];
    int steps = ask_path(schema, from, table, keys);
    for (int i = 0; i < steps && p->way < 0; i++) {
        const ask_key *taken = &schema->keys[keys[i]];
        if (base_is_linked(p, taken)) {
            p->way = taken->from.column;
            p->penalty += 0.3;
            plan_note(p, "'%.*s' is joined by '%.*s', not by a table between", LH_STR_ARG(schema->tables[table].shown),
                      LH_STR_ARG(plan_column(p, taken->from)->name));
        }
        for (size_t k = 0; k < schema->key_count && p->way < 0; k++) {
            const ask_key *other = &schema->keys[k];
            if (k == keys[i] || other->from.table != taken->from.table || other->to.table != taken->to.table) continue;
            p->way = taken->from.column;
            p->penalty += penalty;
            plan_note(p, "'%.*s' is joined by '%.*s', not by '%.*s'", LH_STR_ARG(schema->tables[table].shown),
                      LH_STR_ARG(plan_column(p, taken->from)->name), LH_STR_ARG(plan_column(p, other->from)->name));
        }
    }
}
static void base_ways(plan_state *p) {
    const ask_plan *plan = &p->plan;
    for (size_t i = 0; i < plan->group_count; i++) base_way(p, plan->base, plan->groups[i].column.table, 0.1);
    for (size_t i = 0; i < plan->column_count; i++) base_way(p, plan->base, plan->columns[i].table, 0.1);
    for (size_t i = 0; i < plan->measure_count; i++) base_way(p, plan->base, plan->measures[i].column.table, 0.1);
    for (size_t i = 0; i < plan->filter_count; i++)
        if (!plan->filters[i].by_way) {
            base_way(p, plan->base, plan->filters[i].column.table, 0.45);
            if (p->penalty < 0.2)
                base_way(p, plan->filters[i].column.table, plan->base, 0.3); /* that there are such rows */
        }
}

/* Chooses it, and joins what is asked for to it. */
lh_code plan_base(plan_state *p, lh_error *err) {
    ask_plan *plan = &p->plan;
    int best = -1;
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        int cost = base_cost(p, t);
        if (cost >= 0 && (plan->base < 0 || cost < best)) best = cost, plan->base = t;
    }
    if (plan->base < 0) return lh_fail(err, LH_INVALID, "no keys join what the question names");
    for (size_t i = 0; i < plan->measure_count; i++) {
        ask_measure *m = &plan->measures[i];
        if (plan_has(m->column)) continue;
        if (m->column.table == plan->base) {
            if (m->fn == ASK_COUNT_DISTINCT) m->fn = ASK_COUNT;
        } else if (m->fn == ASK_COUNT || m->fn == ASK_COUNT_DISTINCT)
            *m = (ask_measure){.fn = ASK_COUNT_DISTINCT, .column = plan_key(p, m->column.table)};
        else return lh_fail(err, LH_INVALID, "no keys join what the question names");
    }
    for (size_t i = 0; i < plan->measure_count; i++) { /* an order's total, once for each of its lines */
        const ask_measure *m = &plan->measures[i];
        bool whole = m->fn == ASK_SUM || m->fn == ASK_AVG || m->fn == ASK_MEDIAN || m->fn == ASK_RATIO;
        if (whole && plan_has(m->column) && m->column.table != plan->base) {
            p->penalty += m->fn == ASK_SUM ? 0.45 : 0.25;
            plan_note(p, "'%.*s' counts once for each row of '%.*s'", LH_STR_ARG(plan_column(p, m->column)->name),
                      LH_STR_ARG(p->schema->tables[plan->base].shown));
        }
    }
    for (size_t i = 0; i < plan->filter_count; i++)
        if (plan_distance(p, plan->base, plan->filters[i].column.table) >= 9)
            return lh_fail(err, LH_INVALID, "no keys join what the question names");
    base_ways(p);
    return LH_OK;
}
