/* What a plan may have passed over: what reads as an answer, but is perhaps another's. Each doubt costs so much that the answer is told with
 * it, or not at all. */
#include "ask/plan_internal.h"

/* A time that is said of people is hardly that of their birth or hire, where nothing speaks of that: "vets who did no surgery in 2026". */
static bool doubt_is_other_date(const plan_state *p, ask_ref date) {
    static const char *const kinds[][2] = {
        {"birth born dob birthday birthdate", "birth births born dob birthday birthdays age aged ages old older oldest young younger youngest"},
        {"hire hired", "hire hires hired hiring start starts started new newest newcomers recruit recruited joined join joining began longest"},
        {"join joined since member registered signup",
         "join joins joined joining since member members membership sign signed new newest newcomers registered register added came became "
         "started start longest registration registrations signup signups"}};
    if (!plan_has(date) || !plan_temporal(plan_column(p, date)) || !plan_is_people(p, date.table)) return false;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (plan_called(p, date, kinds[k][0]) && !plan_says(p, kinds[k][1])) return true;
    }
    return false;
}

static void doubt_dates_of_people(plan_state *p) {
    ask_ref other = PLAN_NONE;
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *f = &p->plan.filters[i];
        if (f->op == ASK_IN_TIME && !f->stated && doubt_is_other_date(p, f->column)) other = f->column;
    }
    for (size_t i = 0; i < p->plan.group_count; i++)
        if (p->plan.groups[i].part && doubt_is_other_date(p, p->plan.groups[i].column)) other = p->plan.groups[i].column;
    if (!plan_has(other)) return;
    p->penalty += 0.3;
    plan_note(p, "the time is taken for that of '%.*s'", LH_STR_ARG(plan_column(p, other)->name));
}

/* "by client" is of no day. */
static void doubt_groups_of_days(plan_state *p) {
    if (plan_says(p, "day days daily date dates when time times night nights deadline birthday")) return;
    for (size_t i = 0; i < p->plan.group_count; i++) {
        const ask_group *g = &p->plan.groups[i];
        if (g->part || !plan_has(g->column) || !plan_temporal(plan_column(p, g->column))) continue;
        p->penalty += 0.3;
        plan_note(p, "a row for each '%.*s'", LH_STR_ARG(plan_column(p, g->column)->name));
        return;
    }
}

/* "how many will Ann book next month": nobody knows, but of what is planned. */
static void doubt_future(plan_state *p) {
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *f = &p->plan.filters[i];
        if (f->op != ASK_IN_TIME || f->stated || f->when.kind != ASK_RANGE || !f->when.has_from || f->when.from <= p->question->today ||
            !plan_has(f->column) ||
            !plan_called(p, f->column, "booked ordered sold paid invoiced issued created placed received delivered signed hired joined "
                                       "opened closed filed registered reported sent shipped returned"))
            continue;
        p->penalty += 0.3;
        plan_note(p, "that time is still to come");
        return;
    }
}

/* No share is 150,000. */
static void doubt_shares(plan_state *p) {
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *f = &p->plan.filters[i];
        if (f->op >= ASK_GT && f->op <= ASK_BETWEEN && f->numbers[0] > 1000 && plan_has(f->column) &&
            plan_called(p, f->column, "pct percent percentage rate share"))
            plan_doubt(p, plan_column(p, f->column)->name);
    }
}

/* "both A and B", of rows that each is of one of them: is each asked for, or either? */
static void doubt_both(plan_state *p) {
    if (!plan_says(p, "both")) return;
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *f = &p->plan.filters[i];
        if (f->op != ASK_EQ || f->value_count < 2 || !plan_elsewhere(p, f->column.table)) continue;
        p->penalty += 0.3;
        plan_note(p, "both are taken together");
        return;
    }
}

/* "now" is no part of a plan that no state is part of, where rows have an end. */
static void doubt_now(plan_state *p) {
    bool state = p->plan.measure_count > 0 || p->entity < 0;
    if (!plan_says(p, "currently presently nowadays")) return;
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *f = &p->plan.filters[i];
        state |= f->op == ASK_IS_NULL || f->op == ASK_NOT_NULL || f->op == ASK_IS_TRUE || f->op == ASK_IS_FALSE || f->op == ASK_IN_TIME ||
                 (plan_has(f->column) && plan_called(p, f->column, "status state stage"));
    }
    if (state || !plan_has(plan_date_called(p, p->entity, "returned closed ended end left finished completed returns",
                                            PLAN_NONE)))
        return;
    p->penalty += 0.25;
    plan_note(p, "which of them are current is not known");
}

/* Rows of what was not named: "works by Ann" are not she, teachers with a loan are not the loan. */
static void doubt_rows(plan_state *p) {
    const ask_plan *plan = &p->plan;
    if (plan_is_word(p, 0, "works work") && plan_is_word(p, 1, "by of") && p->main_table < 0) plan_doubt(p, p->tokens[0].raw);
    int rows = p->entity >= 0 ? p->entity : plan->column_count ? plan->columns[0].table : -1;
    if ((p->entity >= 0 && !p->entity_made && p->entity_at == 0) || plan->measure_count || rows < 0 ||
        plan_is_people(p, rows) || p->lead == LEAD_WHICH)
        return;
    for (size_t i = 0; i < plan->filter_count; i++) {
        const ask_filter *f = &plan->filters[i];
        lexicon_match found[PLAN_MATCHES];
        size_t n = f->op == ASK_EQ && plan_is_people(p, f->column.table) && p->tokens[0].plural
                       ? lexicon_values(p->lex, p->tokens, p->count, 0, found, PLAN_MATCHES)
                       : 0;
        for (size_t k = 0; k < n; k++)
            if (plan_same(found[k].ref, f->column) && found[k].score >= 0.9) {
                p->penalty += 0.3;
                plan_note(p, "'%.*s' are looked for", LH_STR_ARG(p->schema->tables[rows].shown));
                return;
            }
    }
}

/* How many keys lead from rows of the table to the entity and to the other table; 99: none do. */
static int doubt_between(const plan_state *p, int table, int other) {
    int a = ask_path(p->schema, table, p->entity, NULL), b = ask_path(p->schema, table, other, NULL);
    return a >= 0 && b >= 0 ? a + b : 99;
}

/* "growers who plant both A and B", where a nearer table than that of the planting leads to A: is it meant? */
static void doubt_nearer(plan_state *p) {
    const ask_plan *plan = &p->plan;
    for (size_t i = 0; i < plan->filter_count; i++)
        for (size_t k = 0; k < plan->filter_count; k++) {
            const ask_filter *rows = &plan->filters[i], *f = &plan->filters[k];
            bool apart = (rows->op == ASK_EXISTS || rows->op == ASK_NOT_NULL) && !rows->not && f->op == ASK_EQ &&
                         plan_elsewhere(p, rows->column.table) && plan_elsewhere(p, f->column.table) &&
                         rows->column.table != f->column.table;
            int via = apart ? doubt_between(p, rows->column.table, f->column.table) : 99;
            for (int t = 0; t < (int)p->schema->table_count && via < 99; t++)
                if (t != rows->column.table && doubt_between(p, t, f->column.table) <= via) {
                    p->penalty += 0.3;
                    plan_note(p, "several tables lead from one to the other");
                    return;
                }
        }
}

/* What was asked and is no part of the plan: a second number behind the first, a column twice. */
static void doubt_second(plan_state *p) {
    const ask_plan *plan = &p->plan;
    for (size_t i = 1; i + 3 < p->count; i++)
        if (plan_is_word(p, i, "how") && plan_is_word(p, i + 1, "many much") && plan_is_word(p, i + 2, "of") &&
            plan_is_word(p, i + 3, "those them these which whom"))
            plan_doubt(p, p->tokens[i + 3].raw);
    for (size_t i = 2; i + 1 < p->count; i++) /* "and which shipper was it for", "what and where" */
        if (plan_is_word(p, i, "which what where who when whose") && (plan_is_word(p, i - 1, "and") || lh_str_starts(p->tokens[i - 1].raw, LH_STR("&"))) &&
            plan->column_count < 3 && !plan->measure_count)
            plan_doubt(p, p->tokens[i].raw);
    for (size_t i = 1; i < p->count; i++) /* his manager's manager; what goes into a beer is not the beer */
        if ((p->tokens[i].kind == ASK_WORD && p->tokens[i - 1].possessive &&
             lh_str_eq(p->tokens[i].one, p->tokens[i - 1].one)) ||
            (plan_is_word(p, i - 1, "goes go went") && plan_is_word(p, i, "into")))
            plan_doubt(p, p->tokens[i].raw);
    for (size_t i = 2; i < p->count; i++) /* … and where? */
        if (plan_is_word(p, i, "where when who") &&
            (i + 1 >= p->count || (i + 2 >= p->count && p->tokens[i + 1].kind == ASK_STOP)) && plan->column_count < 3)
            plan_doubt(p, p->tokens[i].raw);
    for (size_t i = 0; i < plan->column_count; i++)
        for (size_t k = 0; k < i; k++)
            if (plan_same(plan->columns[i], plan->columns[k])) plan_doubt(p, plan_column(p, plan->columns[i])->name);
}

/* "did it make its goal": a row does not say whether it did. */
static void doubt_did(plan_state *p) {
    for (size_t i = 1; i < p->count && plan_is_word(p, 0, "did does do has have"); i++)
        if (plan_is_word(p, i, "make made makes") && plan_is_word(p, i + 1, "its their his her the it"))
            plan_doubt(p, p->tokens[i].raw);
    for (size_t i = 1; i < p->count && p->entity >= 0 && !plan_is_people(p, p->entity); i++)
        if (plan_is_word(p, i, "live lives lived living reside resides") && !p->plan.measure_count &&
            !plan_has(p->entity_column))
            plan_doubt(p, p->tokens[i].raw); /* nurses, of jobs: those live nowhere */
}

void plan_doubts(plan_state *p) {
    doubt_did(p);
    doubt_dates_of_people(p);
    doubt_groups_of_days(p);
    doubt_future(p);
    doubt_both(p);
    doubt_shares(p);
    doubt_now(p);
    doubt_rows(p);
    doubt_second(p);
    doubt_nearer(p);
}
