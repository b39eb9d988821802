/* What is asked of each of several groups, and what goes along a time: the plan's windows. */
#include "ask/plan_internal.h"

/* "the 2 oldest readers of each city": their rows, not groups. */
bool plan_rows_of_each(plan_state *p, ask_ref by) {
    ask_plan *plan = &p->plan;
    bool columns = true;
    for (size_t i = 0; i < plan->group_count; i++) columns &= !plan->groups[i].part && plan_has(plan->groups[i].column);
    if (!p->top || !p->extreme || p->entity < 0 || by.table != p->entity || !plan->group_count || !columns ||
        plan->measure_count || plan_has(p->entity_column) || p->entity_part)
        return false;
    memcpy(plan->partition, plan->groups, sizeof plan->groups);
    plan->partition_count = plan->group_count;
    plan->group_count = 0;
    return true;
}

/* So many rows of each instead of so many in all. */
void plan_each(plan_state *p) {
    ask_plan *plan = &p->plan;
    if (!plan->partition_count) return;
    plan->each = p->top ? p->top : p->entity_plural ? 10 : 1;
    plan->limit = 0;
    if (plan->group_count) { /* times are known by now */
        memcpy(plan->partition, plan->groups, sizeof plan->groups);
        return;
    }
    for (size_t i = plan->partition_count; i-- > 0;) {
        ask_ref ref = plan->partition[i].column;
        bool shown = false;
        for (size_t c = 0; c < plan->column_count; c++) shown |= plan_same(plan->columns[c], ref);
        if (shown || plan->column_count == ASK_COLUMNS_MAX) continue;
        memmove(plan->columns + 1, plan->columns, plan->column_count * sizeof *plan->columns);
        plan->columns[0] = ref;
        plan->column_count++;
    }
}

/* Along what a measure grows: one group, which is a time. */
lh_code plan_series(plan_state *p, lh_error *err) {
    ask_plan *plan = &p->plan;
    if (!plan->running && !plan->growth) return LH_OK;
    for (size_t i = 0; i < plan->filter_count && !plan->group_count; i++) { /* growth from 2023 to 2025 */
        const ask_filter *f = &plan->filters[i];
        if (f->op != ASK_IN_TIME || f->when.kind != ASK_RANGE || !f->when.has_from || !f->when.has_to) continue;
        if (f->when.whole_years && (f->has_second || f->when.to - f->when.from > 366))
            plan_group(p, PLAN_NONE, ASK_YEAR);
        else if (f->when.to - f->when.from > 31) plan_group(p, PLAN_NONE, ASK_MONTH);
    }
    bool time = plan->group_count == 1 && (plan->groups[0].part || (plan_has(plan->groups[0].column) &&
                                                                    ask_in(plan_column(p, plan->groups[0].column)->name,
                                                                           "year month quarter week day date")));
    if (!time || plan->measure_count != 1 || plan->measures[0].fn >= ASK_AVG || p->extreme || p->share)
        return plan_unplaced(p, p->series), lh_fail(err, LH_INVALID, "along which time that goes is not said");
    return LH_OK;
}
