/* What a value of the question, or a text that is none of those that are known, asks of the rows. */
#include "ask/plan_internal.h"

/* Where several keys lead from one table to that of the value, the words before say which: "to Miami", "from Newark". That of a second
 * value, where it is another one, is returned. */
static ask_ref value_direction(plan_state *p, int to, size_t words) {
    const ask_schema *schema = p->schema;
    const int said[] = {p->entity, p->plan.measure_count ? p->plan.measures[0].column.table : -1, p->focus,
                        p->main_table};
    int from = -1, best = -1;
    for (size_t i = 0; i < sizeof said / sizeof *said && from < 0; i++)
        if (said[i] != to) from = said[i];
    size_t ways = 0;
    double score = 0;
    bool named = from >= 0; /* else rows of the value itself are asked for, where no word says a way */
    for (size_t k = 0; k < schema->key_count; k++) {
        if (schema->keys[k].to.table != to || schema->keys[k].from.table == from || schema->keys[k].from.table == to)
            continue;
        for (size_t o = 0; o < k && from != to; o++) /* by a table between: the airlines that fly to Miami */
            if (schema->keys[o].to.table == to && schema->keys[o].from.table == schema->keys[k].from.table &&
                ask_path(schema, from, to, NULL) < 0)
                from = schema->keys[k].from.table;
    }
    for (size_t k = 0; k < schema->key_count; k++) {
        if (schema->keys[k].to.table != to || schema->keys[k].from.table != from || from == to) continue;
        double beside = plan_beside(p, schema->keys[k].from, p->at, words);
        ways++;
        if (beside > score) score = beside, best = (int)k;
    }
    if (ways < 2 || (best < 0 && !named)) return PLAN_NONE;
    if (best >= 0 && p->way >= 0 && p->way != schema->keys[best].from.column) return schema->keys[best].from;
    if (best < 0) {
        p->penalty += 0.45;
        plan_note(p, "several columns of '%.*s' lead to '%.*s'", LH_STR_ARG(schema->tables[from].shown),
                  LH_STR_ARG(schema->tables[to].shown));
        return PLAN_NONE;
    }
    plan_take_key(p, (size_t)best);
    return PLAN_NONE;
}

static void value_read(plan_state *p, const lexicon_match *m) {
    p->value_at = p->at;
    p->value_end = p->at + m->words;
}

static bool value_of(const plan_state *p, size_t at, ask_ref ref, lexicon_match *ret) {
    lexicon_match found[PLAN_MATCHES];
    size_t n = lexicon_values(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES);
    for (size_t i = 0; i < n; i++)
        if (plan_same(found[i].ref, ref) && !found[i].rivals) return *ret = found[i], true;
    return false;
}

/* "New York or California": what stands on both sides of "or" is of one column. */
static lexicon_match value_alternative(plan_state *p, const lexicon_match *m) {
    ask_filter *f = p->plan.filter_count ? &p->plan.filters[p->plan.filter_count - 1] : NULL;
    lexicon_match other;
    if (!(p->or_ || p->versus) || !f || f->op != ASK_EQ || f->value_count != 1 || f->by_way ||
        plan_same(f->column, m->ref))
        return *m;
    if (value_of(p, p->at, f->column, &other)) return other;
    if (value_of(p, p->value_at, m->ref, &other))
        f->column = m->ref, f->values[0] = plan_column(p, m->ref)->values[other.value];
    return *m;
}

/* "headlined in both Chicago and Cleveland": in the second one, too. */
static void value_again(plan_state *p, ask_ref but) {
    size_t count = p->plan.filter_count;
    for (size_t i = 0; i < count && p->plan.filter_count < ASK_FILTERS_MAX; i++) {
        const ask_filter *f = &p->plan.filters[i];
        if (f->scope + 1 != p->scope || f->not|| f->only || f->op == ASK_EXISTS || f->op == ASK_COUNTS ||
            plan_same(f->column, but) || !plan_elsewhere(p, f->column.table))
            continue;
        p->plan.filters[p->plan.filter_count] = *f;
        p->plan.filters[p->plan.filter_count++].scope = p->scope;
    }
}

/* "bought toys, games and books": of each of them. What was said with commas before stands apart, too. */
static bool value_split(plan_state *p, ask_ref column) {
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        ask_filter *f = &p->plan.filters[i];
        if (f->scope != p->scope || !plan_same(f->column, column) || f->op != ASK_EQ || f->not|| f->by_way || f->only)
            continue;
        while (f->value_count > 1) {
            p->scope++;
            ask_filter *one = plan_filter(p, column, ASK_EQ);
            if (!one) return false;
            one->values[one->value_count++] = f->values[--f->value_count];
        }
        return p->scope++, true;
    }
    return false;
}

/* The date that tells when it came to be so; column -1: none. */
static ask_ref value_done_on(const plan_state *p, const lexicon_match *value) {
    const ask_table *of = &p->schema->tables[value->ref.table];
    for (size_t c = 0; c < of->column_count; c++) {
        const ask_ref ref = {value->ref.table, (int)c};
        if (plan_temporal(&of->columns[c]) && lexicon_column_has(p->lex, ref, &p->tokens[p->at])) return ref;
    }
    return (ask_ref){value->ref.table, -1};
}

/* "when was order 42 shipped" */
static bool value_when_done(plan_state *p, const lexicon_match *value) {
    ask_ref date = value->words == 1 ? value_done_on(p, value) : PLAN_NONE;
    if (!plan_has(date)) return false;
    p->date_subject = date;
    return true;
}

/* "not yet shipped": without the date of it, whatever became of it later. */
static bool value_undone(plan_state *p, const lexicon_match *value) {
    const ask_token *said = &p->tokens[p->at];
    if (value->words != 1 || !lh_str_ends(said->word, LH_STR("ed")) ||
        (p->entity >= 0 && p->entity != value->ref.table))
        return false;
    ask_ref date = value_done_on(p, value);
    if (!plan_has(date)) return false;
    ask_filter *f = plan_filter(p, date, ASK_IS_NULL);
    if (f) f->not = false;
    plan_note(p, "'%.*s' is by '%.*s'", LH_STR_ARG(said->word), LH_STR_ARG(plan_column(p, date)->name));
    return true;
}

/* "mail or phone", "neither low nor normal": one more value of the condition before. Those that stand apart ("both mail and phone tickets",
 * "phone but not mail") are conditions of their own. */
static bool value_joins(plan_state *p, const lexicon_match *m, ask_ref way) {
    const ask_column *column = plan_column(p, m->ref);
    bool elsewhere = plan_elsewhere(p, m->ref.table), apart = p->pair && (column->listed || elsewhere);
    if (!apart && !p->not&&p->at && plan_is_word(p, p->at - 1, "and also") && elsewhere) apart = value_split(p, m->ref);
    if (apart && p->pair > 0 && p->pair-- == 1) p->scope++, value_again(p, m->ref);
    apart |= p->not && elsewhere;
    if (p->pair && !apart) { /* no row is of two; of groups, each would have to have both */
        p->pair = 0;
        plan_note(p, "both are taken together");
        if (plan_has(p->entity_column)) plan_doubt(p, LH_STR("both"));
    }
    for (size_t i = p->plan.filter_count; i-- > 0 && !apart && (!column->listed || p->or_);) {
        ask_filter *f = &p->plan.filters[i];
        bool parts = column->listed && f->op == ASK_CONTAINS && !f->not && !f->folded;
        if (f->scope != p->scope || !plan_same(f->column, m->ref) || f->by_way != plan_has(way) ||
            (plan_has(way) && !plan_same(f->way, way)) || (f->op != ASK_EQ && f->op != ASK_IN && !parts) ||
            f->value_count == ASK_VALUES_MAX)
            continue;
        f->values[f->value_count++] = column->values[m->value];
        if (p->not&&f->not) p->not = p->without = false;
        for (size_t k = p->value_end; k < p->at; k++) /* how many were open, and how many closed: of each */
            if (plan_is_word(p, k, "how") && !p->fn && p->plan.measure_count)
                p->fn = -1, plan_group(p, m->ref, ASK_WHOLE);
        if (p->versus && column->listed) p->penalty += 0.45; /* no row is of one of them only */
        else if (p->versus || (p->or_ && p->more.len)) plan_group(p, m->ref, ASK_WHOLE), p->more = LH_STR_NONE;
        p->or_ = p->versus = false;
        value_read(p, m);
        return true;
    }
    return false;
}

/* "by phone", "each sales rep": a value where a group is asked for. */
static void value_in_group(plan_state *p, const lexicon_match *m, size_t next) {
    plan_choice rows = p->grouping && next < p->count ? plan_best_table(p, next) : (plan_choice){0};
    bool whose = rows.there && p->tokens[next - 1].possessive; /* each of Acme's orders */
    if (!rows.there || rows.match.score < 0.9 ||
        (rows.match.ref.table != m->ref.table && !whose)) {                                /* else: each gold client */
        if (p->grouping && p->each) plan_group(p, (ask_ref){m->ref.table, -1}, ASK_WHOLE); /* each sales rep */
        if (p->grouping && !p->each && p->at && plan_is_word(p, p->at - 1, "per")) plan_doubt(p, p->tokens[p->at].raw);
        bool deed = p->at > 1 && (lh_str_ends(p->tokens[p->at - 2].word, LH_STR("ed")) ||
                                  plan_is_word(p, p->at - 2, "paid sent sold made"));
        if (p->grouping && !p->each && p->plan.measure_count && !deed && !p->tokens[p->at].capital && p->at &&
            plan_is_word(p, p->at - 1, "by"))
            p->penalty += 0.25; /* tips by server: of each of them, or by that role */
        p->grouping = false;
    }
}

/* Of what is denied elsewhere it is not known whether what else was said holds, too. */
static void value_denied(plan_state *p, const lexicon_match *m, lh_str text) {
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *said = &p->plan.filters[i];
        if (said->scope + 1 != p->scope || said->not|| said->column.table == m->ref.table || said->op == ASK_EXISTS ||
            !plan_elsewhere(p, said->column.table) || plan_distance(p, said->column.table, m->ref.table) > 2)
            continue;
        p->penalty += 0.25; /* headlined in Chicago, but not in Cleveland: as what? */
        plan_note(p, "'%.*s' is asked of all of theirs, whatever else was said of them", LH_STR_ARG(text));
        break;
    }
}

void plan_on_value(plan_state *p, const plan_choice *choice) {
    const lexicon_match found = value_alternative(p, &choice->match), *m = &found;
    const ask_column *column = plan_column(p, m->ref);
    lh_str text = column->values[m->value];
    size_t next = p->at + m->words;
    value_in_group(p, m, next);
    if (choice->close && choice->other.ref.table != m->ref.table && p->entity < 0 && p->focus < 0 && p->main_table < 0)
        p->coin = true; /* welders: of candidates, or of jobs */
    plan_place(p, m->ref);
    ask_ref way = value_direction(p, m->ref.table, m->words);
    if (m->rivals || (m->score < 0.9 && choice->close)) p->penalty += 0.45; /* Chicago, of two airports there */
    if (m->score < 0.9) p->penalty += 0.03, plan_note(p, "'%.*s' is what the question means", LH_STR_ARG(text));
    if (choice->close && (choice->other.ref.table != m->ref.table || choice->other.ref.column != m->ref.column)) {
        p->penalty += 0.05;
        plan_note(p, "'%.*s' is taken for a value of '%.*s', not of '%.*s'", LH_STR_ARG(text), LH_STR_ARG(column->name),
                  LH_STR_ARG(plan_column(p, choice->other.ref)->name));
    }
    if (value_joins(p, m, way)) return;
    if (p->not&&value_undone(p, m)) return;
    if (p->lead == LEAD_WHEN && value_when_done(p, m)) return;
    if (p->lead == LEAD_WHEN && lh_str_ends(p->tokens[p->at].word, LH_STR("ed"))) /* of which no date tells */
        plan_doubt(p, p->tokens[p->at].raw);
    bool elsewhere = p->not && p->entity >= 0 && ask_path(p->schema, p->entity, m->ref.table, NULL) < 0;
    for (size_t i = 0; i < p->plan.filter_count && !elsewhere; i++) { /* never loaned a crime book: none of those */
        ask_filter *none = &p->plan.filters[i];
        if (none->op == ASK_EXISTS && none->not&&none->column.table != m->ref.table &&
            plan_distance(p, none->column.table, m->ref.table) <= 3 &&
            ask_path(p->schema, p->entity, m->ref.table, NULL) < 0)
            none->column.table = m->ref.table;
    }
    if (elsewhere) plan_apart(p, m->ref.table);
    if (elsewhere && p->scope) value_denied(p, m, text);
    if (elsewhere) { /* never flew to Boston: no row says so, not one that says another */
        ask_filter *none = plan_filter(p, (ask_ref){m->ref.table, -1}, ASK_EXISTS);
        if (none) none->not = true;
    }
    bool within = p->like == ASK_CONTAINS && column->type == ASK_TEXT && !column->key; /* contains gluten: and others */
    ask_filter *f = plan_filter(p, m->ref, column->listed || within ? ASK_CONTAINS : ASK_EQ);
    if (f && within && !column->listed) f->folded = true;
    if (f) f->values[f->value_count++] = text, f->by_way = plan_has(way), f->way = way;
    if (f && f->op == ASK_EQ && !f->not&&column->key) {
        p->row_of = m->ref.table;
        p->row_filter = -1; /* more of them are values, too */
        p->row_by = m->ref;
        p->row_end = next;
    }
    if (f && p->share && p->fn == ASK_COUNT && !p->plan.measure_count) f->numerator = true; /* share of gold clients */
    value_read(p, m);
    if (p->entity < 0 && p->focus < 0 && p->main_table < 0 && !plan_has(p->entity_column)) p->focus = m->ref.table;
}

/* A text that is no value known: of the column before it. */
bool plan_on_text(plan_state *p, lh_str text) {
    bool near = p->subject >= 0;
    ask_ref ref = near ? p->mentioned[p->subject].ref : PLAN_NONE;
    if (!near || plan_column(p, ref)->type != ASK_TEXT) return false;
    plan_place_subject(p);
    ask_filter *f = plan_filter(p, ref, p->like >= 0 ? (ask_op)p->like : ASK_EQ);
    if (f) f->values[f->value_count++] = text, f->folded = true;
    p->like = -1;
    return true;
}

/* The filter is of that state instead. */
static bool value_state(plan_state *p, ask_filter *f, size_t column, lh_str value) {
    f->column.column = (int)column;
    f->op = ASK_EQ;
    f->values[f->value_count++] = value;
    plan_note(p, "'%.*s' is that of '%.*s'", LH_STR_ARG(value), LH_STR_ARG(plan_column(p, f->column)->name));
    return true;
}

/* "not paid": where a state of the rows is called "unpaid", that, rather than that they have no such date, as what is void has none. */
bool plan_undone(plan_state *p, ask_filter *f) {
    const ask_table *of = &p->schema->tables[f->column.table];
    for (size_t c = 0; c < of->column_count; c++)
        for (size_t v = 0; v < of->columns[c].value_count; v++) {
            lh_str value = of->columns[c].values[v], low = lh_arena_lower(p->arena, value);
            if (low.len < 6 || !lh_str_starts(low, LH_STR("un"))) continue;
            const ask_token done = plan_word(lh_str_sub(low, 2, low.len));
            if (!lexicon_column_named(p->lex, f->column, &done)) continue;
            return value_state(p, f, c, value);
        }
    return false;
}

/* What is overdue is open, where a state is called so: what was cancelled, or missed, has no end either. */
bool plan_still_open(plan_state *p, ask_filter *f) {
    const ask_table *of = &p->schema->tables[f->column.table];
    bool ends = false; /* otherwise */
    for (size_t c = 0; c < of->column_count; c++)
        for (size_t v = 0; v < of->columns[c].value_count; v++)
            ends |= ask_in(lh_arena_lower(p->arena, of->columns[c].values[v]),
                           "void voided cancelled canceled missed rejected lost expired dropped") ||
                    lh_str_starts(lh_arena_lower(p->arena, of->columns[c].values[v]), LH_STR("written"));
    for (size_t c = 0; c < of->column_count && ends; c++)
        for (size_t v = 0; v < of->columns[c].value_count; v++) {
            lh_str value = of->columns[c].values[v];
            if (!plan_called(p, (ask_ref){f->column.table, (int)c}, "status state") ||
                !ask_in(lh_arena_lower(p->arena, value), "open outstanding sent issued"))
                continue;
            return value_state(p, f, c, value);
        }
    return false;
}
