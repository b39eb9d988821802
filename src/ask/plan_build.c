/* The plan of what was read: who is listed or counted, by what, from which table, in which order. The base is the table from whose rows
 * keys lead to all that is shown, by the fewest steps; so no row is counted twice. */
#include "ask/plan_internal.h"

/* ---- columns that were named and have no place yet ---- */

static bool build_late(const ask_token *t) {
    return t->kind == ASK_WORD && ask_in(t->word, "late delayed overdue early");
}

/* "flights that were delayed", "late loans": those that have more than none of it. */
static bool build_is_so(plan_state *p, ask_ref ref, const ask_token *said) {
    bool counts = (p->plan.measure_count ? p->plan.measures[0].column.table : p->entity) == ref.table;
    lh_str name = plan_column(p, ref)->name;
    const ask_token *late = NULL, *next = said + 1 < p->tokens + p->count ? said + 1 : NULL; /* arrived late */
    bool amount = lh_str_search(name, LH_STR("delay")) != SIZE_MAX || lh_str_search(name, LH_STR("late")) != SIZE_MAX ||
                  lh_str_search(name, LH_STR("overdue")) != SIZE_MAX;
    if (!counts || !amount || !plan_numeric(plan_column(p, ref)) ||
        !(late = build_late(said)           ? said
                 : next && build_late(next) ? next
                                            : NULL))
        return false;
    bool early = ask_is(late, "early");
    ask_filter *f = plan_filter(p, ref, early ? ASK_LT : ASK_GT);
    if (f) f->numerator = p->share;
    p->penalty += 0.05;
    plan_note(p, "'%.*s' is %s than 0 of '%.*s'", LH_STR_ARG(late->word), early ? "less" : "more", LH_STR_ARG(name));
    return true;
}

/* "with fines": more than 0 of what there may be nothing of; "with a score": there is one. */
static void build_some(plan_state *p, ask_ref ref, const ask_token *said) {
    bool none_is_0 = plan_numeric(plan_column(p, ref)) &&
                     (said->plural || plan_sums(plan_column(p, ref)->name) ||
                      ask_in(said->one, "fine discount fee debt balance penalty bonus tip deposit delay tax"));
    (void)plan_filter(p, ref, none_is_0 ? ASK_GT : ASK_NOT_NULL);
}

/* "the names of members": theirs, not the like of another table. */
static ask_ref build_own(plan_state *p, ask_ref ref, size_t at) {
    lexicon_match found[PLAN_MATCHES];
    ask_ref label[2];
    bool key = false;
    size_t n = lexicon_columns(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES);
    for (size_t i = 0; i < n; i++) {
        if (found[i].ref.table != p->entity || found[i].score < 0.5) continue;
        bool names = ask_in(p->tokens[at].one, "name") && plan_label(p, p->entity, label, 2, &key) == 2;
        if (names && p->plan.column_count < ASK_COLUMNS_MAX) p->plan.columns[p->plan.column_count++] = label[0];
        return names ? label[1] : found[i].ref;
    }
    return ref;
}

/* A column of rows that are listed; the sum of it, where one is asked for: what is the amount of unpaid invoices. */
static void build_shown(plan_state *p, ask_ref ref, size_t at) {
    const ask_column *column = plan_column(p, ref);
    bool whole = p->lead == LEAD_WHICH && p->entity_plural && p->row_of < 0 && p->mentioned_count == 1 && !p->extreme &&
                 plan_numeric(column) && ref.table == p->entity && plan_sums(column->name) && !p->tokens[at].plural;
    bool traded = p->lead == LEAD_NONE && p->row_of != p->entity && plan_numeric(column) && plan_sums(column->name) &&
                  at < 2 && plan_is_word(p, at + 1, "of") && ref.table == p->entity;
    for (size_t i = 0; i < p->mentioned_count; i++)
        traded &= plan_same(p->mentioned[i].ref, ref) || plan_temporal(plan_column(p, p->mentioned[i].ref));
    for (size_t i = 0; i < p->count && !whole && traded; i++) /* the quantity of lamps sold */
        whole = plan_is_word(p, i, "sold bought purchased ordered shipped delivered used produced");
    if (whole) {
        plan_measure(p, ASK_SUM, ref);
        plan_note(p, "'%.*s' is its total", LH_STR_ARG(column->name));
        return;
    }
    if (p->entity >= 0 && plan_elsewhere(p, ref.table) && at < p->entity_at) ref = build_own(p, ref, at);
    if (p->entity >= 0 && plan_elsewhere(p, ref.table) && at < p->entity_at)
        plan_doubt(p, p->tokens[at].raw); /* the phone of a customer, of whom only others have one */
    if (p->plan.column_count < ASK_COLUMNS_MAX) p->plan.columns[p->plan.column_count++] = ref;
}

/* "matters that Ann is responsible for": the column leads to her, who is asked for. */
static bool build_is_whose(const plan_state *p, ask_ref ref) {
    bool is = false;
    for (size_t k = 0; k < p->schema->key_count; k++)
        for (size_t i = 0; i < p->plan.filter_count && plan_same(p->schema->keys[k].from, ref); i++)
            is |= p->plan.filters[i].op == ASK_NAMED &&
                  p->plan.filters[i].column.table == p->schema->keys[k].to.table &&
                  p->schema->keys[k].to.table != ref.table;
    return is && p->entity == ref.table;
}

/* "opened after 2020 that have closed": the time is of another date, this one there is. */
static bool build_is_apart(const plan_state *p, ask_ref ref, size_t at) {
    bool times = false, own = false,
         verb = at && plan_is_word(p, at - 1, "have has had are were been was is already since that who which and but");
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *f = &p->plan.filters[i];
        times |= f->op == ASK_IN_TIME;
        own |= f->op == ASK_IN_TIME && (!plan_has(f->column) || plan_same(f->column, ref));
    }
    return times && !own && verb && p->entity == ref.table && lh_str_ends(p->tokens[at].word, LH_STR("ed"));
}

/* "submitted but never interviewed": of rows of both kinds, of which one condition cannot be. */
static void build_undone(plan_state *p, ask_ref ref, size_t at) {
    bool none = false;
    for (size_t k = 0; k < p->plan.filter_count; k++) {
        const ask_filter *f = &p->plan.filters[k];
        none |= f->op == ASK_EXISTS && f->not && f->column.table == ref.table;
    }
    if (none) plan_doubt(p, p->tokens[at].raw);
}

/* "per renewed status" */
static bool build_is_status(const plan_state *p, const ask_token *said) {
    bool flag = false;
    for (size_t g = 0; g < p->plan.group_count && ask_is(said, "status"); g++)
        flag |= plan_has(p->plan.groups[g].column) && plan_column(p, p->plan.groups[g].column)->type == ASK_BOOL;
    return flag;
}

static void build_mentioned(plan_state *p) {
    bool rows = !p->plan.measure_count && !p->plan.group_count && !plan_has(p->entity_column);
    for (size_t i = 0; i < p->mentioned_count; i++) {
        ask_ref ref = p->mentioned[i].ref;
        const ask_token *before = p->mentioned[i].at ? &p->tokens[p->mentioned[i].at - 1] : NULL;
        bool timed =
            p->has_when && plan_temporal(plan_column(p, ref)) && !build_is_apart(p, ref, p->mentioned[i].at);
        if (p->mentioned[i].placed || timed || build_is_whose(p, ref)) continue;
        bool done = p->entity >= 0 && !(before && ask_in(before->word, "their the its with a and")) &&
                    p->entity_at < p->mentioned[i].at && p->lead != LEAD_WHEN &&
                    (lh_str_ends(p->tokens[p->mentioned[i].at].word, LH_STR("ed")) ||
                     ask_in(p->tokens[p->mentioned[i].at].word, "sent sold paid left made"));
        if (plan_temporal(plan_column(p, ref)) &&
            (!rows || ref.table != p->entity || done)) { /* were returned: have a time of it */
            bool grouped = false;
            if (p->entity >= 0 && !p->entity_made && p->mentioned[i].at < p->entity_at && plan_elsewhere(p, ref.table))
                plan_doubt(p, p->tokens[p->mentioned[i].at].raw); /* the hire date of customers */
            for (size_t g = 0; g < p->plan.group_count; g++) grouped |= p->plan.groups[g].part != ASK_WHOLE;
            build_undone(p, ref, p->mentioned[i].at);
            ask_filter *f = grouped ? NULL : plan_filter(p, ref, ASK_NOT_NULL);
            if (f && p->mentioned[i].not) f->op = ASK_IS_NULL;
            continue;
        }
        if (p->mentioned[i].with && p->plan.group_count && p->tokens[p->mentioned[i].at].plural &&
            ask_path(p->schema, p->plan.groups[0].column.table, ref.table, NULL) >= 0) { /* per carrier, with names */
            plan_group(p, ref, ASK_WHOLE);
            continue;
        }
        bool some = p->mentioned[i].with && !(before && ask_in(before->word, "their the its and"));
        if (some && rows && ref.table == p->entity && plan_column(p, ref)->type != ASK_BOOL)
            build_some(p, ref, &p->tokens[p->mentioned[i].at]); /* and is shown */
        else if (some && (!rows || (before && ask_in(before->word, "a an any")))) {
            build_some(p, ref, &p->tokens[p->mentioned[i].at]);
            continue;
        }
        if (build_is_so(p, ref, &p->tokens[p->mentioned[i].at])) continue;
        if (rows) {
            build_shown(p, ref, p->mentioned[i].at);
            continue;
        }
        if (p->plan.group_count && !p->plan.measure_count && plan_numeric(plan_column(p, ref))) {
            lh_str name = plan_column(p, ref)->name;
            bool sum = plan_sums(name);
            plan_measure(p, sum ? ASK_SUM : ASK_AVG, ref);
            bool mean =
                plan_called(p, ref, "rate price cost salary wage pay score rating age percent duration minutes size");
            p->penalty += sum || mean ? 0.1 : 0.25; /* days added per project: of each, or all of them? */
            plan_note(p, "'%.*s' is its %s", LH_STR_ARG(name), sum ? "total" : "average");
            continue;
        }
        if (p->plan.measure_count && (plan_has(p->entity_column) || p->plan.group_count) &&
            plan_numeric(plan_column(p, ref)) && !p->order_set && p->extreme)
            continue;
        if (build_is_status(p, &p->tokens[p->mentioned[i].at])) continue;
        plan_doubt(p, p->tokens[p->mentioned[i].at].raw);
    }
}

/* ---- most, fewest, first, last ---- */

/* The column by which something is the most; column -1: none. Errors: INVALID (people, of whom nothing says how old they are). */
static lh_code build_by(plan_state *p, int table, ask_ref *ret, lh_error *err) {
    if (!p->extreme_hints && ask_in(p->extreme_word, "highest Highest tallest lowest Lowest") && table >= 0)
        *ret = plan_hinted(p, table, "alt altitude elevation height", true);
    if (!p->extreme_hints && ask_in(p->extreme_word, "biggest largest smallest Biggest Largest Smallest") &&
        table >= 0 && !p->mentioned_count)
        *ret = plan_hinted(p, table, "size area sqm sqft capacity volume", true);
    if (p->extreme_hints && table >= 0 && ask_in(p->extreme_word, "oldest youngest Oldest Youngest") &&
        plan_has(*ret = plan_hinted(p, table, "age", true)))
        p->plan.descending = p->extreme < 0;
    else if (p->extreme_hints && table >= 0 && ask_in(p->extreme_word, "oldest youngest Oldest Youngest") &&
             !plan_has(*ret = plan_hinted(p, table, "birth born dob", false)) && plan_is_people(p, table))
        return plan_unplaced(p, p->extreme_word), lh_fail(err, LH_INVALID, "nothing says how old they are");
    if (!plan_has(*ret) && p->extreme_hints && p->extreme_hints[0] == '@')
        *ret = plan_has(p->date_subject) ? p->date_subject : plan_date(p, table);
    if (!plan_has(*ret) && p->extreme_hints && table >= 0)
        *ret = plan_hinted(p, table, p->extreme_hints + (p->extreme_hints[0] == '@'), true);
    if (!plan_has(*ret) && !p->extreme_hints && table >= 0 && !p->mentioned_count &&
        ask_in(p->extreme_word, "biggest largest smallest highest lowest Biggest Largest Smallest Highest Lowest") &&
        plan_has(*ret = plan_money(p, table)))
        plan_note(p, "'%.*s' is by '%.*s'", LH_STR_ARG(p->extreme_word), LH_STR_ARG(plan_column(p, *ret)->name));
    size_t parts = 0;
    for (size_t i = 0; plan_has(*ret) && i < plan_column(p, *ret)->name.len; i++)
        parts += plan_column(p, *ret)->name.ptr[i] == '_';
    if (parts > 1 && p->extreme_hints &&
        ask_in(LH_STR("duration"), p->extreme_hints)) /* first_reply_minutes are not of all of it */
        plan_doubt(p, p->extreme_word);
    bool speaks = p->extreme_hints && !ask_in(lh_str_sub(lh_str_from(p->extreme_hints), 0, 1), "@ #") &&
                  !ask_in(lh_str_from(p->extreme_hints), "delay"); /* the hottest day: of no other number */
    for (size_t i = 0; i < p->mentioned_count && !plan_has(*ret) && !speaks; i++)
        if (!p->mentioned[i].placed && plan_numeric(plan_column(p, p->mentioned[i].ref)))
            *ret = p->mentioned[i].ref, p->mentioned[i].placed = true;
    return LH_OK;
}

static lh_code build_extreme(plan_state *p, lh_error *err) {
    int table = p->entity >= 0 ? p->entity : plan_has(p->entity_column) ? p->entity_column.table : p->main_table;
    if (!p->extreme || p->order_set) return LH_OK;
    for (size_t i = 0; i < p->plan.measure_count; i++) /* the highest of what is counted */
        if ((p->plan.group_count || plan_has(p->entity_column) || p->entity_part || p->entity >= 0) &&
            (p->plan.measures[i].fn != ASK_MAX && p->plan.measures[i].fn != ASK_MIN)) {
            p->plan.ordered = p->order_set = true;
            p->plan.order_measure = 0;
            p->plan.descending = p->extreme > 0;
            return LH_OK;
        }
    if (p->plan.measure_count) return LH_OK;
    p->plan.descending = p->extreme > 0;
    bool groups = plan_has(p->entity_column) || p->entity_part || p->plan.group_count;
    if (p->extreme_common || (p->extreme_hints && p->extreme_hints[0] == '#') ||
        ((p->extreme_rows || (p->top && !p->extreme_hints)) && groups && !p->mentioned_count)) {
        if (p->entity >= 0 && !groups && !p->extreme_common) {
            int child = -1;
            for (size_t k = 0; k < p->schema->key_count && child < 0; k++)
                if (p->schema->keys[k].to.table == p->entity && p->schema->keys[k].from.table != p->entity)
                    child = p->schema->keys[k].from.table;
            if (child < 0) return lh_fail(err, LH_INVALID, "nothing says what the most is of");
            table = child;
            p->penalty += 0.1;
        }
        plan_measure(p, ASK_COUNT, (ask_ref){table, -1});
        p->plan.ordered = p->order_set = true;
        p->plan.order_measure = (int)p->plan.measure_count - 1;
        return LH_OK;
    }
    ask_ref by = PLAN_NONE;
    LH_TRY(build_by(p, table, &by, err));
    if (!plan_has(by)) {
        if (p->top && !p->extreme_hints) return lh_fail(err, LH_INVALID, "nothing says what the top is by");
        plan_doubt(p, p->extreme_word);
        return LH_OK;
    }
    if (p->both && p->entity == by.table && !groups && !p->plan.filter_count &&
        !p->top) { /* the oldest and the youngest */
        (void)plan_filter(p, by, ASK_LEAST_MOST);
        p->plan.order_column = by;
        p->plan.ordered = p->order_set = true;
        return p->both = false, p->extreme = 0, LH_OK;
    }
    if (p->lead == LEAD_WHEN || (p->entity < 0 && !groups))
        return plan_measure(p, p->extreme > 0 ? ASK_MAX : ASK_MIN, by), LH_OK;
    p->plan.ordered = p->order_set = true;
    p->plan.order_column = by;
    return LH_OK;
}

/* A list of rows goes by a column of theirs, groups by a measure of it. */
static void build_order(plan_state *p) {
    ask_ref by = p->plan.order_column;
    if (!p->plan.ordered || !plan_has(by) || p->plan.order_measure >= 0) return;
    bool groups = plan_has(p->entity_column) || p->entity_part || p->plan.group_count;
    bool own = p->entity < 0 || ask_path(p->schema, p->entity, by.table, NULL) >= 0;
    if (!groups && own) return;
    if (plan_rows_of_each(p, by)) return;
    bool sum = p->extreme_rows && plan_numeric(plan_column(p, by)),
         each = p->plan.group_count && !plan_has(p->entity_column) && !p->entity_part && !p->top &&
                p->lead != LEAD_WHICH && p->lead != LEAD_WHO;
    plan_measure(p, sum ? ASK_SUM : p->plan.descending ? ASK_MAX : ASK_MIN, by);
    if (!sum && p->extreme_hints && lh_str_starts(lh_str_from(p->extreme_hints), LH_STR("price")) &&
        plan_has(p->entity_column))
        p->penalty += 0.25; /* the cheapest garage: on average, or once? */
    if (each) {             /* the longest loan of each librarian: one for each, in no order */
        p->plan.ordered = false;
        p->plan.order_column = PLAN_NONE;
        return;
    }
    p->plan.order_measure = (int)p->plan.measure_count - 1;
    p->plan.order_column = PLAN_NONE;
}

/* The longest loans on average: of the column that "longest" speaks of, where something has them. */
static ask_ref build_hinted(const plan_state *p) {
    int table = p->focus >= 0 ? p->focus : p->main_table;
    bool groups = plan_has(p->entity_column) || p->plan.group_count || (p->entity >= 0 && p->entity != table);
    if (!p->extreme || p->order_set || !p->extreme_hints ||
        ask_in(lh_str_sub(lh_str_from(p->extreme_hints), 0, 1), "@ #") || !groups || table < 0)
        return PLAN_NONE;
    return plan_hinted(p, table, p->extreme_hints, true);
}

static bool build_is_label(const plan_state *p, ask_ref ref) {
    ask_ref label[2];
    bool key = false, is = plan_column(p, ref)->personal;
    size_t n = plan_label(p, ref.table, label, 2, &key);
    for (size_t i = 0; i < n; i++) is |= plan_same(label[i], ref);
    return is;
}

static void build_count(plan_state *p) {
    if (p->fn < 0) return;
    if (p->fn == ASK_COUNT || p->share) {
        int table = p->entity >= 0 ? p->entity : p->main_table;
        for (size_t i = 0; i < p->plan.filter_count && table < 0; i++) {
            const ask_filter *f = &p->plan.filters[i];
            table = f->column.table;
            if (table >= 0 && f->op == ASK_EQ && plan_has(f->column) && build_is_label(p, f->column) &&
                plan_column(p, f->column)->key && !plan_is_people(p, table))
                plan_doubt(p, f->values[0]); /* how many puzzles were sold: not rows of that name */
        }
        if (table >= 0) {
            plan_measure(p, p->share ? ASK_SHARE : ASK_COUNT, (ask_ref){table, -1});
            if (p->entity < 0 && !plan_has(p->entity_column)) p->entity = table;
        }
    } else {
        if (p->order_set && plan_has(p->plan.order_column) && plan_numeric(plan_column(p, p->plan.order_column)) &&
            (plan_has(p->entity_column) || p->plan.group_count ||
             (p->entity >= 0 && p->entity != p->plan.order_column.table))) { /* the worst day for delays on average */
            plan_measure(p, (ask_fn)p->fn, p->plan.order_column);
            p->plan.order_measure = (int)p->plan.measure_count - 1;
            p->plan.order_column = PLAN_NONE;
            p->fn = -1;
            return;
        }
        ask_ref hinted = build_hinted(p);
        if (plan_has(hinted)) {
            p->plan.order_measure = (int)plan_measure(p, (ask_fn)p->fn, hinted);
            p->plan.ordered = p->order_set = true;
            p->plan.descending = p->extreme > 0;
            p->fn = -1;
            return;
        }
        for (size_t i = 0; i < p->mentioned_count; i++)
            if (!p->mentioned[i].placed && plan_numeric(plan_column(p, p->mentioned[i].ref))) {
                p->mentioned[i].placed = true;
                plan_measure(p, (ask_fn)p->fn, p->mentioned[i].ref);
                p->fn = -1;
                return;
            }
        size_t counts = 0;
        while (counts < p->plan.measure_count && p->plan.measures[counts].fn == ASK_COUNT) counts++;
        if (counts == p->plan.measure_count && p->fn == ASK_SUM) plan_amount(p);
        if (counts == p->plan.measure_count) p->penalty += 0.45;
    }
    p->fn = -1;
}

/* Rows that nothing names are counted rather than listed. */
static void build_nameless(plan_state *p) {
    ask_ref label[2];
    bool is_key = false;
    bool list = p->entity >= 0 && p->lead == LEAD_NONE && !p->plan.measure_count && !p->plan.group_count &&
                !p->plan.column_count && !p->mentioned_count && !p->extreme && !p->top && !plan_has(p->entity_column) &&
                !p->entity_part && !p->distinct && p->entity_plural;
    if (!list || plan_has(plan_key(p, p->entity))) return;
    size_t n = plan_label(p, p->entity, label, 2, &is_key);
    for (size_t i = 0; n == 1 && i < p->schema->key_count; i++) is_key |= plan_same(p->schema->keys[i].from, label[0]);
    if (n == 1 && !is_key) return;
    plan_measure(p, ASK_COUNT, (ask_ref){p->entity, -1});
    plan_note(p, "nothing names one of '%.*s': they are counted", LH_STR_ARG(p->schema->tables[p->entity].shown));
}

/* What there is of a kind: what is missing is none of them. */
static void build_known(plan_state *p, ask_ref ref) {
    for (size_t i = 0; i < p->plan.filter_count; i++)
        if (plan_same(p->plan.filters[i].column, ref)) return;
    (void)plan_filter(p, ref, ASK_NOT_NULL);
}

/* A table as a group is its label, and its key. */
static void build_groups(plan_state *p) {
    ask_plan *plan = &p->plan;
    bool other = false;
    for (size_t i = 0; i < plan->measure_count; i++)
        other |= plan->measures[i].column.table != p->entity ||
                 (plan->order_measure >= 0 && plan->measures[i].column.column >= 0);
    bool each = p->outer && plan->group_count == p->outer && p->extreme && plan->ordered && plan->order_measure >= 0 &&
                (plan_has(p->entity_column) || p->entity_part || (p->entity >= 0 && other)); /* the most of each */
    if (plan_has(p->entity_column)) plan_group(p, p->entity_column, ASK_WHOLE);
    if (plan_has(p->entity_column) && p->extreme_common) build_known(p, p->entity_column);
    if (p->entity_part) plan_group(p, PLAN_NONE, p->entity_part);
    else if (p->entity >= 0 && plan->measure_count && other && (!plan->group_count || each) &&
             (plan->ordered || plan->has_having || p->lead == LEAD_LIST || p->lead == LEAD_WHICH ||
              p->lead == LEAD_WHO) &&
             !(plan->measures[0].column.table == p->entity && p->measure_at))
        plan_group(p, (ask_ref){p->entity, -1}, ASK_WHOLE);
    if (plan->group_count && !plan->measure_count &&
        !(plan_has(p->entity_column) && plan->group_count == 1 && !plan->has_having)) {
        int table = p->entity >= 0 ? p->entity : plan->groups[0].column.table;
        if (table >= 0) plan_measure(p, ASK_COUNT, (ask_ref){table, -1});
    }
    ask_group groups[ASK_COLUMNS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < plan->group_count; i++) {
        ask_group g = plan->groups[i];
        if (each && i == p->outer && plan->group_count > p->outer) plan->partition_count = count;
        if (g.part || plan_has(g.column)) {
            if (count < ASK_COLUMNS_MAX) groups[count++] = g;
            continue;
        }
        ask_ref label[2], key = plan_key(p, g.column.table);
        bool is_key = false;
        size_t n = plan_label(p, g.column.table, label, 2, &is_key);
        for (size_t k = 0; k < n && count < ASK_COLUMNS_MAX; k++)
            groups[count++] = (ask_group){label[k], ASK_WHOLE, false};
        if (!is_key && plan_has(key) && count < ASK_COLUMNS_MAX) groups[count++] = (ask_group){key, ASK_WHOLE, true};
    }
    memcpy(plan->groups, groups, sizeof groups);
    plan->group_count = count;
}

/* "list all cities", "the categories of products": which there are, rather than that of each row. */
static bool build_kinds(const plan_state *p) {
    ask_ref ref = p->plan.columns[0];
    if (p->plan.column_count != 1 || (plan_numeric(plan_column(p, ref)) && p->plan.filter_count) || p->extreme ||
        p->row_of == p->entity || plan_column(p, ref)->key || ref.table != p->entity ||
        (!plan_column(p, ref)->value_count && !(p->entity_made && !build_is_label(p, ref))))
        return false;
    for (size_t i = 0; i < p->mentioned_count; i++)
        if (plan_same(p->mentioned[i].ref, ref) && !p->mentioned[i].with)
            return p->tokens[p->mentioned[i].at].plural ||
                   (p->mentioned[i].at + 1 < p->count && p->tokens[p->mentioned[i].at + 1].plural &&
                    lexicon_column_has(p->lex, ref, &p->tokens[p->mentioned[i].at + 1]));
    return false;
}

/* A booking's number says little: whose name stands in it is shown, too. */
static size_t build_beside_key(const plan_state *p, int table, ask_ref *into) {
    const ask_table *of = &p->schema->tables[table];
    for (size_t c = 0; c < of->column_count; c++) {
        lh_str name = of->columns[c].name;
        bool said = false;
        for (size_t i = 0; i < p->plan.filter_count; i++)
            said |= plan_same(p->plan.filters[i].column, (ask_ref){table, (int)c}) && p->plan.filters[i].op == ASK_EQ;
        if (!said && of->columns[c].type == ASK_TEXT && !of->columns[c].masked &&
            (lh_str_ends(name, LH_STR("_name")) || lh_str_ends(name, LH_STR("title"))))
            return *into = (ask_ref){table, (int)c}, 1;
    }
    return 0;
}

/* "which verticals are there" */
static void build_list_of_kinds(plan_state *p) {
    ask_plan *plan = &p->plan;
    plan->columns[0] = p->entity_column;
    plan->column_count = 1;
    plan->group_count = 0;
    plan->distinct = true;
    build_known(p, p->entity_column);
    if (!plan->ordered) plan->ordered = true, plan->order_column = p->entity_column, plan->descending = false;
}

static void build_list(plan_state *p) {
    ask_plan *plan = &p->plan;
    if (plan->measure_count) return;
    if (plan_has(p->entity_column) && plan->group_count == 1) {
        build_list_of_kinds(p);
        return;
    }
    if (p->entity < 0) { /* a time, and nothing that is of it */
        if (!plan->column_count) plan_doubt(p, p->count ? p->tokens[0].raw : LH_STR_NONE);
        return;
    }
    ask_ref label[2], key = plan_key(p, p->entity);
    bool itself = plan->column_count == 1 && p->row_of == p->entity && plan->columns[0].table == p->entity &&
                  plan_column(p, plan->columns[0])->key;
    if (itself) plan->column_count = 0; /* order_id 17: the order */
    bool is_key = false, asked = plan->column_count > 0, own = false;
    size_t n = plan_label(p, p->entity, label, 2, &is_key);
    for (size_t i = 0; i < plan->column_count; i++) own |= plan->columns[i].table == p->entity;
    bool few = plan->column_count == 1 && !p->entity_at && plan_column(p, plan->columns[0])->value_count &&
               !plan_column(p, plan->columns[0])->key && !p->extreme &&
               p->lead == LEAD_WHO; /* who are the librarians */
    plan->distinct = asked && (p->distinct || few || build_kinds(p));
    bool number = p->entity_made && plan->column_count == 1 && plan_numeric(plan_column(p, plan->columns[0])) &&
                  plan->filter_count;
    bool who = p->lead == LEAD_WHO && p->extreme && plan->ordered && n && !is_key; /* who earns the most */
    bool beside = number || who || (p->rows && p->row_by.table == p->entity) ||
                  (p->mentioned_count && (p->subject_projected || p->mentioned[0].with) &&
                   p->mentioned[0].at > p->entity_at);                         /* readers with their city */
    if (asked && (p->lead != LEAD_LIST || plan->distinct) && own && !beside) { /* what is the email of … */
        if (plan->distinct && plan->column_count == 1) build_known(p, plan->columns[0]);
        return;
    }
    if ((!asked || itself) && p->row_of == p->entity) { /* order 17 */
        for (size_t c = 0; c < p->schema->tables[p->entity].column_count && plan->column_count < ASK_COLUMNS_MAX; c++)
            plan->columns[plan->column_count++] = (ask_ref){p->entity, (int)c};
        return;
    }
    ask_ref shown[ASK_COLUMNS_MAX];
    size_t count = 0;
    if (!asked || !own || beside) {
        if (!is_key && plan_has(key)) shown[count++] = key;
        for (size_t i = 0; i < n; i++) shown[count++] = label[i];
        if (is_key && !asked) count += build_beside_key(p, p->entity, &shown[count]);
    }
    for (size_t i = 0; i < plan->column_count && count < ASK_COLUMNS_MAX; i++) shown[count++] = plan->columns[i];
    bool ordered = plan->ordered && plan_has(plan->order_column);
    for (size_t i = 0; i < count && ordered; i++)
        ordered = !(shown[i].table == plan->order_column.table && shown[i].column == plan->order_column.column);
    if (ordered && count < ASK_COLUMNS_MAX) shown[count++] = plan->order_column;
    memcpy(plan->columns, shown, sizeof shown);
    plan->column_count = count;
}

/* ---- of what each has ---- */

/* The different ones of a table of which only rows that refer to them are asked for: what those refer to, also where it is missing. */
static void build_distinct(plan_state *p) {
    const ask_schema *schema = p->schema;
    ask_plan *plan = &p->plan;
    for (size_t i = 0; i < plan->measure_count; i++) /* the nurse positions: rows of one title, not titles */
        for (size_t k = 0; k < plan->filter_count && plan->measures[i].fn == ASK_COUNT_DISTINCT; k++)
            if (plan->filters[k].op == ASK_EQ && !plan->filters[k].not&&plan->filters[k].value_count == 1 &&
                plan->filters[k].column.table == plan->measures[i].column.table &&
                plan->filters[k].column.column == plan->measures[i].column.column && !p->distinct)
                plan->measures[i] = (ask_measure){.fn = ASK_COUNT, .column = {plan->measures[i].column.table, -1}};
    for (size_t i = 0; i < p->plan.measure_count; i++) {
        ask_measure *m = &p->plan.measures[i];
        if (m->fn != ASK_COUNT_DISTINCT || plan_has(m->column) || p->plan.group_count || p->plan.measure_count > 1)
            continue;
        for (size_t k = 0; k < schema->key_count; k++) {
            bool fits = schema->keys[k].to.table == m->column.table && p->plan.filter_count, beyond = false;
            for (size_t f = 0; f < p->plan.filter_count && fits; f++) {
                int table = p->plan.filters[f].column.table;
                fits = table != m->column.table && ask_path(schema, schema->keys[k].from.table, table, NULL) >= 0 &&
                       p->plan.filters[f].op != ASK_EXISTS && p->plan.filters[f].op != ASK_COUNTS;
                beyond |= ask_path(schema, m->column.table, table, NULL) < 0;
            }
            if (!fits || !beyond) continue;
            m->column = schema->keys[k].from;
            break;
        }
    }
}

/* "how many loans does a reader have on average" */
static void build_mean_of_one(plan_state *p) {
    ask_plan *plan = &p->plan;
    if (!p->mean || plan->group_count || plan->measure_count != 1 || plan->measures[0].fn != ASK_COUNT) return;
    for (size_t i = 0; i < plan->filter_count; i++) {
        const ask_ref of = plan->filters[i].column;
        if (plan->filters[i].op != ASK_EXISTS || plan->filters[i].not||
            ask_path(p->schema, plan->measures[0].column.table, of.table, NULL) <= 0)
            continue;
        memmove(plan->filters + i, plan->filters + i + 1, (plan->filter_count - i - 1) * sizeof *plan->filters);
        plan->filter_count--;
        plan_group(p, of, ASK_WHOLE);
        return;
    }
}

/* "loans per reader on average": of each reader, also of those that have none. */
static int build_mean_of(const plan_state *p) {
    const ask_plan *plan = &p->plan;
    const ask_measure *m = &plan->measures[0];
    const ask_group *g = &plan->groups[0];
    bool rows = p->mean && plan->group_count == 1 && plan->measure_count == 1 && !plan->has_having && !g->part &&
                !plan_has(g->column) && m->fn == ASK_COUNT && !plan_has(m->column) && !plan->ordered;
    size_t keys[ASK_PATH_MAX];
    int steps = rows ? ask_path(p->schema, m->column.table, g->column.table, keys) : -1;
    const ask_key *key = steps == 1 ? &p->schema->keys[keys[0]] : NULL;
    ask_token called = plan_word(key ? p->schema->tables[key->to.table].name.name : LH_STR_NONE);
    if (key) called.stem = lexicon_stem(p->lex, called.word);
    bool role = key && plan_numeric(plan_column(p, key->from)) && ask_names_key(plan_column(p, key->from)->name) &&
                !lh_str_eq_nocase(plan_column(p, key->from)->name, plan_column(p, key->to)->name) &&
                !lexicon_column_has(p->lex, key->from, &called);
    return steps > 0 && !role ? g->column.table : -1; /* not all staff are servers */
}

static bool build_mean_of_rows(plan_state *p, int table) {
    ask_plan *plan = &p->plan;
    bool within = table >= 0;
    for (size_t i = 0; i < plan->filter_count && within; i++) {
        const ask_filter *f = &plan->filters[i];
        within = f->column.table == table || (f->column.table == plan->measures[0].column.table && !f->scope &&
                                              f->op != ASK_EXISTS && f->op != ASK_COUNTS);
    }
    if (p->mean && plan->group_count)
        plan_note(p, within ? "those that have none count as 0" : "those that have none are left out");
    if (!within) return false;
    plan->base = table;
    plan->group_count = 0;
    return plan->mean_of_rows = true;
}

/* Which conditions are of what is shared, and which of the whole. */
static void build_shares(plan_state *p) {
    ask_plan *plan = &p->plan;
    bool numerators = plan_parts_there(plan), parts = false, after = false;
    for (size_t i = 0; i < plan->measure_count && p->share; i++)
        if (plan->measures[i].fn == ASK_COUNT) plan->measures[i].fn = ASK_SHARE;
    for (size_t i = 0; i < plan->filter_count && p->share; i++) /* overdue orders, of all of them */
        plan->filters[i].numerator |= plan->filters[i].stated && i < p->parts_before;
    for (size_t i = 0; i < plan->filter_count; i++) {
        bool part = plan->filters[i].numerator && (plan->filters[i].op != ASK_IN_TIME || plan->filters[i].stated);
        parts |= part;
        after |= part && p->parts_before && i >= p->parts_before;
    }
    for (size_t i = 0; i < p->parts_before && i < plan->filter_count && after; i++)
        plan->filters[i].numerator = false; /* delivered orders that were late */
    for (size_t i = 0; i < plan->filter_count && parts; i++)
        if (plan->filters[i].op == ASK_IN_TIME && !plan->filters[i].stated)
            plan->filters[i].numerator = false; /* phone tickets in 2025: of that year's */
    for (size_t i = 0; i < plan->filter_count && p->share && !numerators && !plan->group_count; i++)
        plan->filters[i].numerator = plan->filters[i].op != ASK_IN_TIME;
}

/* How many are shown. */
static void build_limit(plan_state *p) {
    ask_plan *plan = &p->plan;
    bool all = p->outer && !p->top && !plan->partition_count && !plan_has(p->entity_column) && !p->entity_part &&
               p->lead != LEAD_WHICH && p->lead != LEAD_WHO; /* the highest average per city: in that order */
    if (p->extreme && p->order_set && plan->ordered && !plan->limit && !all &&
        (plan->group_count || plan->column_count))
        plan->limit = p->top ? p->top : p->entity_plural || (p->each && !p->lead_open) ? 10 : 1;
    if (plan->count_of_groups && (plan->limit || plan->ordered || plan->group_count > 1)) p->penalty += 0.45;
    if (plan->group_count && p->extreme && plan->limit == 1 && p->entity_plural) plan->limit = 10;
    if (p->top && !plan->limit && !plan->measure_count) plan->limit = p->top;
    plan->limit_percent = p->top_percent;
    if (p->top_percent && (!plan->limit || !plan->ordered || plan->partition_count)) plan_doubt(p, LH_STR("percent"));
}

/* "compare fire and plumbing", "indoor and outdoor venues": a number for each of them. */
static void build_compared(plan_state *p) {
    ask_plan *plan = &p->plan;
    for (size_t i = 0; i < plan->filter_count; i++) {
        const ask_filter f = plan->filters[i];
        if (p->comparing && f.op == ASK_EQ && f.value_count > 1 && !f.not) plan_group(p, f.column, ASK_WHOLE);
        for (size_t k = 0; k < i && (f.op == ASK_IS_TRUE || f.op == ASK_IS_FALSE); k++) {
            const ask_filter *other = &plan->filters[k];
            if (!plan_same(other->column, f.column) || other->scope != f.scope || other->op == f.op ||
                (other->op != ASK_IS_TRUE && other->op != ASK_IS_FALSE))
                continue;
            if (p->fn < 0 && !plan->measure_count) {
                plan_doubt(p, plan_column(p, f.column)->name); /* no row is both */
                return;
            }
            memmove(plan->filters + i, plan->filters + i + 1, (plan->filter_count - i - 1) * sizeof f);
            memmove(plan->filters + k, plan->filters + k + 1, (plan->filter_count - k - 2) * sizeof f);
            plan->filter_count -= 2;
            plan_group(p, f.column, ASK_WHOLE);
            return;
        }
    }
}

/* "with a drive-thru", of a column of Y and N: not whether it is known. */
static void build_yes_no(plan_state *p) {
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        ask_filter *f = &p->plan.filters[i];
        const ask_column *column = plan_has(f->column) ? plan_column(p, f->column) : NULL;
        const lh_str *yes = NULL, *no = NULL;
        if (!column || (f->op != ASK_IS_NULL && f->op != ASK_NOT_NULL) || column->type != ASK_TEXT ||
            column->value_count > 3)
            continue;
        for (size_t v = 0; v < column->value_count; v++) {
            lh_str low = lh_arena_lower(p->arena, column->values[v]);
            if (ask_in(low, "y yes true t j ja")) yes = &column->values[v];
            if (ask_in(low, "n no false f nein")) no = &column->values[v];
        }
        if (!yes || !no) continue;
        f->values[0] = (f->op == ASK_NOT_NULL) != f->not ? *yes : *no;
        f->value_count = 1;
        f->op = ASK_EQ;
        f->not = false;
    }
}

/* "ticket revenue": what tickets brought, and not how many they are, too. */
static void build_one_measure(plan_state *p) {
    ask_plan *plan = &p->plan;
    bool two = plan->measure_count != 2 || plan->order_measure != 0 || !plan->ordered;
    if (two || plan_says(p, "and number count many") || plan->measures[0].fn != ASK_COUNT ||
        plan_has(plan->measures[0].column) || plan->measures[1].fn != ASK_SUM ||
        plan->measures[0].column.table != plan->measures[1].column.table)
        return;
    plan->measures[0] = plan->measures[1];
    plan->measure_count = 1;
}

/* "crops not planted in 2026": there is no planting of then, rather than one of another time. */
static void build_not_then(plan_state *p) {
    ask_plan *plan = &p->plan;
    for (size_t i = 0; i < plan->filter_count; i++) {
        ask_filter *f = &plan->filters[i];
        bool rows = false;
        if (f->op != ASK_IN_TIME || !f->not|| !plan_elsewhere(p, f->column.table)) continue;
        for (size_t k = 0; k < plan->filter_count; k++)
            rows |= plan->filters[k].column.table == f->column.table && plan->filters[k].op == ASK_EXISTS;
        if (rows) continue;
        f->not = false;
        ask_filter *none = plan_filter(p, (ask_ref){plan->filters[i].column.table, -1}, ASK_EXISTS);
        if (none) none->not = true, none->scope = plan->filters[i].scope;
    }
}

lh_code plan_build(plan_state *p, lh_error *err) {
    ask_plan *plan = &p->plan;
    if (p->schema->table_count == 0) return lh_fail(err, LH_INVALID, "there is no table that you may see");
    if (p->lead == LEAD_WHEN && !p->extreme) {
        ask_ref date =
            plan_has(p->date_subject) ? p->date_subject : plan_date(p, p->entity >= 0 ? p->entity : p->main_table);
        if (plan_has(date) && p->mentioned_count == 0 && plan->column_count < ASK_COLUMNS_MAX)
            plan->columns[plan->column_count++] = date;
    }
    LH_TRY(plan_how_long(p, err));
    build_compared(p);
    build_count(p);
    build_mean_of_one(p);
    LH_TRY(plan_entity(p, err));
    if (p->lead == LEAD_WHO && !plan_has(p->entity_column) && !plan->group_count && !plan->measure_count &&
        !plan_is_texts(p))
        plan_people(p);
    LH_TRY(build_extreme(p, err));
    build_order(p);
    LH_TRY(plan_entity(p, err));
    build_mentioned(p);
    build_shares(p);
    build_nameless(p);
    int mean_of = build_mean_of(p);
    build_groups(p);
    for (size_t i = 0; i < plan->measure_count && p->share; i++) /* the share of each group */
        if (plan->measures[i].fn == ASK_COUNT && !plan_has(plan->measures[i].column)) plan->measures[i].fn = ASK_SHARE;
    LH_TRY(plan_series(p, err));
    if (p->sorted && !p->order_set && plan->measure_count) plan->ordered = p->order_set = true, plan->order_measure = 0;
    LH_TRY(plan_times(p, err));
    LH_TRY(plan_times_said(p, err));
    build_not_then(p);
    build_yes_no(p);
    build_one_measure(p);
    build_list(p);
    plan_texts(p);
    plan_name_keys(p);
    plan->mean_of_groups = p->mean && plan->group_count > 0;
    build_limit(p);
    plan_each(p);
    plan_left(p);
    build_distinct(p);
    LH_TRY(plan_masked(p, err));
    if (build_mean_of_rows(p, mean_of)) return LH_OK;
    return plan_base(p, err);
}
