/* Whose rows are listed or counted, where no table was named; and who is meant by "who". */
#include "ask/plan_internal.h"

bool plan_is_people(const plan_state *p, int table) {
    ask_ref label[2];
    bool key = false;
    size_t n = plan_label(p, table, label, 2, &key);
    return n == 2 || (n == 1 && !key && plan_column(p, label[0])->personal);
}

int plan_people_of(const plan_state *p, int table) {
    int found = -1;
    if (table >= 0 && plan_is_people(p, table)) return -1;
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        if (ask_path(p->schema, table, t, NULL) != 1 || !plan_is_people(p, t)) continue;
        if (found >= 0) return -1;
        found = t;
    }
    return found;
}

/* "who are the librarians", "who is the manager of the Harbour store": the column is who they are. */
bool plan_is_texts(const plan_state *p) {
    bool is = false;
    for (size_t i = 0; i < p->mentioned_count; i++) {
        ask_ref ref = p->mentioned[i].ref;
        size_t next = p->mentioned[i].at + 1;
        while (next < p->count && lexicon_column_named(p->lex, ref, &p->tokens[next])) next++; /* success manager */
        is |= ref.table == p->entity && !p->mentioned[i].placed && plan_column(p, ref)->type == ASK_TEXT &&
              plan_is_word(p, next, "of for at");
    }
    for (size_t i = 0; i < p->mentioned_count && p->entity_made; i++)
        is |= plan_column(p, p->mentioned[i].ref)->type == ASK_TEXT;
    return is;
}

/* The column of people: of few texts, and called by what they do (recruiter, librarian, agent). */
static ask_ref who_column(const plan_state *p, int table) {
    static const char *const ends[] = {"er", "or", "ian", "ist", "ant", "ent", "_by", "rep", "name"};
    const ask_table *of = &p->schema->tables[table];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (size_t c = 0; c < of->column_count; c++) {
            lh_str name = of->columns[c].name;
            bool thing =
                ask_in(name, "number order tier carrier center department parent color amount percent comment gender");
            if (of->columns[c].type == ASK_TEXT && !of->columns[c].key && !thing &&
                lh_str_ends(name, lh_str_from(ends[i])))
                return (ask_ref){table, (int)c};
        }
    return PLAN_NONE;
}

/* "who has the most fines": the row of a person, where that is what the table has. */
static bool who_person(plan_state *p) {
    ask_plan *plan = &p->plan;
    const ask_measure *m = &plan->measures[0];
    ask_ref label[2];
    bool key = false;
    if (plan->measure_count != 1 || !p->extreme || p->order_set || (m->fn != ASK_MAX && m->fn != ASK_MIN) ||
        (plan_label(p, m->column.table, label, 2, &key) != 2 && !plan_is_people(p, m->column.table)))
        return false;
    p->entity = m->column.table;
    plan->order_column = m->column;
    plan->measure_count = 0;
    plan->ordered = p->order_set = true;
    plan->descending = p->extreme > 0;
    return true;
}

/* "who is the headliner of event 5": of the two that a row joins, the one that was not named. -1: none, or several. */
static int who_beside(const plan_state *p, int of) {
    int found = -1;
    bool named = false;
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key *key = &p->schema->keys[k];
        ask_ref label[2];
        bool said = false, is_key = false;
        if (key->from.table != of || key->to.table == of) continue;
        for (size_t i = 0; i < p->plan.filter_count; i++)
            said |= p->plan.filters[i].column.table == key->to.table || plan_same(p->plan.filters[i].column, key->from);
        named |= said;
        if (said || !plan_label(p, key->to.table, label, 2, &is_key) || is_key) continue;
        if (found >= 0) return -1;
        found = key->to.table;
    }
    return named ? found : -1;
}

/* "who works in Finance", "who handled ticket 17": the people that refer to it, or to whom it refers. */
void plan_people(plan_state *p) {
    for (size_t i = 0; i < p->mentioned_count; i++) /* who is the account owner: to whom that column leads */
        for (size_t k = 0; k < p->schema->key_count; k++) {
            const ask_key key = p->schema->keys[k];
            if (!plan_same(key.from, p->mentioned[i].ref) || p->mentioned[i].placed || key.from.table != p->entity ||
                key.to.table == p->entity)
                continue;
            plan_take_key(p, k);
            for (size_t f = 0; f < p->plan.filter_count; f++) { /* of what leads to them, by that column */
                ask_filter *of = &p->plan.filters[f];
                if (of->column.table != key.from.table || of->by_way || of->scope || of->op == ASK_EXISTS ||
                    of->op == ASK_COUNTS)
                    continue;
                of->by_way = of->up = true;
                of->via = key.from;
                of->way = key.to;
            }
            p->mentioned[i].placed = true;
            p->entity = p->focus = key.to.table;
            p->entity_made = false;
            return;
        }
    int of = p->entity, up = plan_people_of(p, of), found = -1;
    if (of < 0 || plan_is_people(p, of)) return;
    for (int t = 0; t < (int)p->schema->table_count && up < 0; t++) {
        if (!plan_is_people(p, t) || ask_path(p->schema, t, of, NULL) != 1) continue;
        if (found >= 0) found = -2;
        if (found == -1) found = t;
    }
    if (up >= 0 || found >= 0) p->entity = p->focus = up >= 0 ? up : found;
    else if ((found = who_beside(p, of)) >= 0) {
        p->penalty += 0.1;
        plan_note(p, "who: '%.*s'", LH_STR_ARG(p->schema->tables[found].shown));
        p->entity = p->focus = found;
    } else plan_doubt(p, LH_STR("who"));
}

lh_code plan_entity(plan_state *p, lh_error *err) {
    bool any = p->entity >= 0 || plan_has(p->entity_column);
    if (p->lead == LEAD_WHO && !any && p->plan.measure_count) { /* who made the most calls: who stands in their rows */
        if (who_person(p)) return LH_OK;
        ask_ref who = who_column(p, p->plan.measures[0].column.table);
        if (!plan_has(who)) return lh_fail(err, LH_INVALID, "nothing says who that is");
        p->entity_column = who;
        p->penalty += 0.05;
        plan_note(p, "who: '%.*s'", LH_STR_ARG(plan_column(p, who)->name));
    }
    if (any || p->plan.measure_count) return LH_OK;
    for (size_t i = 0; i < p->mentioned_count && p->entity < 0; i++) p->entity = p->mentioned[i].ref.table;
    p->entity_made = p->entity < 0 || p->mentioned_count;
    for (size_t i = 0; i < p->plan.filter_count && p->entity < 0; i++) p->entity = p->plan.filters[i].column.table;
    for (size_t i = 0; i < p->plan.group_count && p->entity < 0; i++)
        p->entity = p->plan.groups[i].column.table,
        p->penalty += p->share ? 0 : 0.45; /* "and by city?": what is not said */
    if (p->entity < 0) p->entity = p->main_table;
    return p->entity >= 0 || p->plan.group_count
               ? LH_OK
               : lh_fail(err, LH_INVALID, "the question names no table, column or value that you may see");
}
