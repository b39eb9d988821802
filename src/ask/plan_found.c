/* What a word of the question that is found in the schema means: a table, a column, a value, a time. */
#include "ask/plan_internal.h"
#include <stdarg.h>
#include <stdio.h>

/* ---- which of several ---- */

double plan_near(const plan_state *p, int table) {
    double near = 0;
    if (p->focus == table) near = 0.35;
    else if (p->entity == table) near = 0.3;
    else if (p->main_table == table) near = 0.2;
    int from = p->focus >= 0 ? p->focus : p->entity >= 0 ? p->entity : p->main_table;
    if (near <= 0 && from >= 0) {
        int distance = plan_distance(p, from, table);
        near = distance == 1 ? 0.1 : distance <= 3 ? 0.05 : -0.2;
        if (distance >= 9) near = -1; /* nothing joins them */
    }
    return near;
}

/* Do words before or behind the place speak of the column? "flights to JFK", "late on arrival". */
double plan_beside(const plan_state *p, ask_ref ref, size_t at, size_t words) {
    size_t far = p->compare.there ? 6 : 3; /* arrived more than 60 minutes late */
    static const char *const ways[][2] = {{"to", "to dest destination target arrival arr"},
                                          {"from", "from origin source departure dep"},
                                          {"out", "origin source"},
                                          {"into", "dest destination"},
                                          {"leaving", "origin"},
                                          {"left", "origin"},
                                          {"departing", "origin"},
                                          {"departed", "origin departure dep"},
                                          {"arriving", "dest destination arrival arr"},
                                          {"arrived", "dest destination arrival arr"},
                                          {"landing", "dest destination"},
                                          {"landed", "dest"}};
    double score = 0;
    for (size_t back = 1; back <= far && back <= at && at - back < p->count; back++) {
        const ask_token *t = &p->tokens[at - back];
        if (t->kind == ASK_NUMERAL && p->compare.there) continue;
        if (t->kind != ASK_WORD) break;
        for (size_t i = 0; i < sizeof ways / sizeof *ways && (back <= 2 || far > 3); i++)
            for (lh_str rest = lh_str_from(ways[i][1]); ask_is(t, ways[i][0]) && rest.len;) {
                lh_str hint = lh_str_split(&rest, ' ');
                const ask_token one = plan_word(hint);
                if (lexicon_column_has(p->lex, ref, &one)) return far > 3 ? 0.3 : 0.4 / (double)back;
            }
        if (!plan_filler(t) && lexicon_column_has(p->lex, ref, t)) score = 0.3;
    }
    for (size_t k = 0; k < 3 && at + words + k < p->count; k++) {
        const ask_token *t = &p->tokens[at + words + k];
        if (t->kind != ASK_WORD) break;
        if (!plan_filler(t) && lexicon_column_has(p->lex, ref, t)) score = 0.3;
    }
    return score;
}

static void plan_choose(plan_choice *choice, const lexicon_match *match, double score) {
    if (choice->there && score <= choice->score + 1e-9) {
        if (score > choice->score - 0.04) choice->close = true, choice->other = *match;
        return;
    }
    choice->close = choice->there && score - choice->score < 0.04;
    if (choice->close) choice->other = choice->match;
    choice->match = *match;
    choice->score = score;
    choice->there = true;
}

plan_choice plan_best_table(const plan_state *p, size_t at) {
    lexicon_match found[PLAN_MATCHES];
    plan_choice best = {0};
    size_t n = lexicon_tables(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES);
    for (size_t i = 0; i < n; i++) {
        const ask_token *last = &p->tokens[at + found[i].words - 1];
        double score = found[i].score + 0.5 * (double)(found[i].words - 1) + 0.3 * plan_near(p, found[i].ref.table);
        if (last->plural) score += 0.3;
        if (p->fn == ASK_COUNT || p->extreme_rows || p->lead_open) score += 0.3;
        if (found[i].score < 0.5) score -= 0.3;
        plan_choose(&best, &found[i], score);
    }
    return best;
}

/* "… of the readers" */
static bool plan_is_of(const plan_state *p, size_t at, int table) {
    if (at + 1 >= p->count || !ask_is(&p->tokens[at], "of")) return false;
    size_t next = at + 1;
    while (next < p->count && p->tokens[next].kind == ASK_WORD && ask_in(p->tokens[next].word, "the their our a all"))
        next++;
    plan_choice of = next < p->count ? plan_best_table(p, next) : (plan_choice){0};
    if (of.there && of.match.score >= 0.9 && of.match.ref.table == table) return true;
    plan_choice row = next < p->count ? plan_best_value(p, next) : (plan_choice){0}; /* the price of the desk lamp */
    ask_ref label[2];
    bool key = false, is = next < p->count && plan_has_shape(p, &p->tokens[next], table);
    size_t n =
        row.there && row.match.score >= 0.95 && row.match.ref.table == table ? plan_label(p, table, label, 2, &key) : 0;
    for (size_t i = 0; i < n; i++) is |= plan_same(label[i], row.match.ref);
    return is || (n && plan_column(p, row.match.ref)->key);
}

plan_choice plan_best_column(const plan_state *p, size_t at, plan_want want) {
    lexicon_match found[PLAN_MATCHES];
    plan_choice best = {0};
    size_t n = lexicon_columns(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES);
    for (size_t i = 0; i < n; i++) {
        const ask_column *column = plan_column(p, found[i].ref);
        double score = found[i].score + 0.5 * (double)(found[i].words - 1) + plan_near(p, found[i].ref.table);
        const ask_token *last = &p->tokens[at + found[i].words - 1];
        ask_when when;
        size_t then = at + found[i].words;
        if (found[i].words > 1 && ask_in(last->word, "since until before after") && then < p->count &&
            ask_when_parse(p->tokens, p->count, then, p->question->today, &when)) /* customers since 2020 */
            continue;
        if ((want == WANT_NUMBER && !plan_numeric(column)) || plan_near(p, found[i].ref.table) <= -1) continue;
        bool number = p->fn == ASK_SUM || p->fn == ASK_AVG || p->fn == ASK_MEDIAN;
        if (number && !plan_numeric(column)) score -= 0.5;
        if (number && column->key) score -= 0.5;
        double beside = found[i].score < 0.95 ? 0.7 * plan_beside(p, found[i].ref, at, found[i].words) : 0;
        score +=
            found[i].score + beside < 0.97 || beside <= 0 ? beside : 0.97 - found[i].score; /* no more than its name */
        if ((p->with || p->without) && !p->tokens[at + found[i].words - 1].plural) score += 0.3;
        if (p->grouping && plan_numeric(column)) score -= 0.05;
        if (plan_is_of(p, at + found[i].words, found[i].ref.table)) score += 0.5;
        plan_choose(&best, &found[i], score);
    }
    return best;
}

void plan_count_company(plan_state *p) {
    lexicon_match found[PLAN_MATCHES];
    size_t *last = LH_ARENA_ARRAY(p->arena, size_t, p->schema->table_count + 1); /* the word that was counted last */
    p->company = LH_ARENA_ARRAY(p->arena, size_t, p->schema->table_count + 1);
    for (size_t i = 0; i < p->count && last && p->company; i++)
        for (int values = 0; values < 2; values++) {
            size_t n = values ? lexicon_values(p->lex, p->tokens, p->count, i, found, PLAN_MATCHES)
                       : plan_filler(&p->tokens[i])
                           ? 0
                           : lexicon_columns(p->lex, p->tokens, p->count, i, found, PLAN_MATCHES);
            for (size_t k = 0; k < n; k++) {
                if (found[k].score < 0.9 || last[found[k].ref.table] == i + 1) continue;
                last[found[k].ref.table] = i + 1;
                p->company[found[k].ref.table]++;
            }
        }
}

plan_choice plan_best_value(const plan_state *p, size_t at) {
    lexicon_match found[PLAN_MATCHES];
    plan_choice best = {0}, after = {0};
    size_t n = lexicon_values(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES);
    for (size_t i = 0; i < n; i++) {
        size_t next = at + found[i].words;
        double near = plan_near(p, found[i].ref.table),
               score = found[i].score + 0.5 * (double)(found[i].words - 1) + near;
        bool whole = false; /* the whole of another name goes before the beginning of this one */
        for (size_t k = 0; k < n && found[i].score < 0.9 && found[i].words > 1; k++)
            whole |=
                found[k].score >= 0.95 && found[k].words >= found[i].words && plan_near(p, found[k].ref.table) > -1;
        lh_str text = plan_column(p, found[i].ref)->values[found[i].value];
        bool code =
            found[i].words == 1 && text.len <= 4 && p->tokens[at].capital && !lh_str_eq(text, p->tokens[at].raw);
        for (size_t k = 0; k < n && code; k++)
            whole |= found[k].words > 1 && found[k].score >= 0.65; /* San Francisco is not SAN */
        if (near <= -1 || whole) continue;
        if (found[i].words == 1 && !p->tokens[at].capital &&
            plan_is_word(p, at, "after before by in on at for of to up down over under near with from off out"))
            continue;          /* look after */
        if (next < p->count) { /* open job orders */
            after = plan_best_table(p, next);
            if (after.there && after.match.score >= 0.9 && after.match.ref.table == found[i].ref.table) score += 0.5;
        }
        if (p->subject >= 0 && at - p->mentioned[p->subject].at <= 5 &&
            p->mentioned[p->subject].ref.table == found[i].ref.table &&
            p->mentioned[p->subject].ref.column == found[i].ref.column)
            score += 0.6;
        else score += plan_beside(p, found[i].ref, at, found[i].words);
        if (found[i].score >= 0.95) score += 0.1;
        const ask_token *said = &p->tokens[at]; /* TEAM is a code, rather than the name Team */
        if (said->upper && lh_str_eq(plan_column(p, found[i].ref)->values[found[i].value], said->raw)) score += 0.05;
        if (p->company && p->entity < 0 && p->focus < 0) /* nurses in Akron are of the table that has both */
            score += 0.06 * (double)p->company[found[i].ref.table];
        if (plan_column(p, found[i].ref)->key && p->focus == found[i].ref.table) score += 0.2; /* customer C-104 */
        if (plan_column(p, found[i].ref)->key)
            score += 0.06; /* of the row itself, rather than of one that refers to it */
        if (plan_column(p, found[i].ref)->listed) score -= 0.02;
        plan_choose(&best, &found[i], score);
    }
    return best;
}

/* ---- what is found ---- */

void plan_subject(plan_state *p, ask_ref ref, size_t at) {
    if (p->mentioned_count == ASK_COLUMNS_MAX) return;
    p->subject = (int)p->mentioned_count;
    p->mentioned[p->mentioned_count].ref = ref;
    p->mentioned[p->mentioned_count].at = at;
    p->mentioned[p->mentioned_count].placed = false;
    p->mentioned[p->mentioned_count].not = p->not;
    p->mentioned[p->mentioned_count++].with = p->with && !p->subject_projected;
}

void plan_place_subject(plan_state *p) {
    if (p->subject >= 0) p->mentioned[p->subject].placed = true;
}

/* A value of the column before it says what that is; a column before a value of another stays. */
void plan_place(plan_state *p, ask_ref ref) {
    for (size_t i = 0; i < p->mentioned_count; i++)
        if (p->mentioned[i].ref.table == ref.table && p->mentioned[i].ref.column == ref.column)
            p->mentioned[i].placed = true;
    p->subject = -1;
}

static void plan_group_table(plan_state *p, int table, size_t words, size_t at) {
    plan_choice own = at + words < p->count ? plan_best_column(p, at + words, WANT_ANY) : (plan_choice){0};
    if (own.there && own.match.score >= 0.9 && own.match.ref.table == table) { /* by client tier */
        p->focus = table;
        return;
    }
    const ask_measure *last = p->plan.measure_count ? &p->plan.measures[p->plan.measure_count - 1] : NULL;
    bool average = !last || !last->how || plan_says(p, "average avg mean");
    bool each =
        last && last->fn == ASK_AVG && average && plan_has(last->column) && last->column.table == table; /* one a row */
    if (!each) plan_group(p, (ask_ref){table, -1}, ASK_WHOLE);
    if (last && last->fn == ASK_AVG && !last->how && plan_has(last->column) && last->column.table != table && at &&
        ask_is(&p->tokens[at - 1], "per") && plan_sums(plan_column(p, last->column)->name)) {
        p->penalty += 0.25; /* average days per employee: of a row of each, or of all that each has */
        plan_note(p, "'%.*s' is the average of the rows of each, not of what each has in all",
                  LH_STR_ARG(plan_column(p, last->column)->name));
    }
    p->grouping = p->each = false;
    p->lead_open = false;
    p->group_end = at + words;
}

/* That key before all others. */
void plan_take_key(plan_state *p, size_t key) {
    const ask_schema *schema = p->schema;
    ask_schema *own = LH_ARENA_NEW(p->arena, ask_schema);
    ask_key *keys = LH_ARENA_ARRAY(p->arena, ask_key, schema->key_count);
    if (!own || !keys) return;
    p->way = schema->keys[key].from.column;
    *own = *schema;
    own->keys = keys;
    keys[0] = schema->keys[key];
    keys[0].declared = true;
    for (size_t k = 0, n = 1; k < schema->key_count; k++)
        if (k != key) keys[n++] = schema->keys[k];
    p->schema = own;
}

/* "destinations that are not in the airports table": by the key of that column. */
static void plan_way_of(plan_state *p, ask_ref from, int table) {
    for (size_t k = 0; k < p->schema->key_count; k++) {
        if (!plan_same(p->schema->keys[k].from, from) || p->schema->keys[k].to.table != table) continue;
        plan_take_key(p, k);
        plan_place_subject(p);
        return;
    }
}

/* "with phone calls but no e-mails": rows of that table that are asked for stand apart from those of which there are none. */
void plan_apart(plan_state *p, int table) {
    bool said = false;
    for (size_t i = 0; i < p->plan.filter_count; i++)
        said |= p->plan.filters[i].column.table == table && p->plan.filters[i].scope == p->scope &&
                !p->plan.filters[i].not && p->plan.filters[i].op != ASK_IN_TIME;
    if (said && plan_elsewhere(p, table)) p->scope++;
}

/* "airports with no flights to them": by which of the keys that lead from there. */
static void plan_way_back(plan_state *p, int table) {
    size_t ways = 0, taken = SIZE_MAX;
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key *key = &p->schema->keys[k];
        if (key->from.table != table || key->to.table != p->entity || key->from.table == key->to.table) continue;
        ways++;
        for (size_t i = p->at + 1; i < p->at + 4; i++)
            if (plan_is_word(p, i, "to from") &&
                (i + 1 == p->count || plan_is_word(p, i + 1, "them it there") || p->tokens[i + 1].kind == ASK_STOP) &&
                plan_called(p, key->from,
                            ask_is(&p->tokens[i], "to") ? "dest destination target to arrival"
                                                        : "origin source from departure"))
                taken = k;
    }
    if (ways > 1 && taken < SIZE_MAX) plan_take_key(p, taken);
}

/* "events and their venues": those are shown, too; of several of each that is not done. */
static bool plan_and_their(plan_state *p, int table) {
    ask_ref label[2];
    bool key = false,
         said = p->at > 1 && plan_is_word(p, p->at - 1, "their its") && plan_is_word(p, p->at - 2, "and with plus");
    if (!said || p->not|| p->plan.measure_count || p->entity < 0) return false;
    size_t n = ask_path(p->schema, p->entity, table, NULL) > 0 ? plan_label(p, table, label, 2, &key) : 0;
    if (!n || p->plan.column_count + n > ASK_COLUMNS_MAX) {
        plan_doubt(p, p->tokens[p->at].raw);
        return true;
    }
    for (size_t i = 0; i < n; i++) p->plan.columns[p->plan.column_count++] = label[i];
    return true;
}

/* A table beside the one that is asked for. */
void plan_on_other(plan_state *p, int table) {
    p->lead_open = false;
    if (p->pair && plan_elsewhere(p, table)) p->pair = 0; /* both loans and fines */
    plan_way_back(p, table);
    if (p->at && plan_is_word(p, p->at - 1, "in under") && !p->tokens[p->at].plural && plan_elsewhere(p, table))
        p->penalty += 0.25, plan_note(p, "whether it is so now is not known"); /* vehicles in repair */
    if (p->entity == table) {
        p->focus = table;
        return;
    }
    if (plan_and_their(p, table)) return;
    p->focus = table;
    for (size_t i = 0; i < p->plan.filter_count && !p->not; i++) { /* never booked a class: no booking of any */
        ask_filter *none = &p->plan.filters[i];
        if (none->op != ASK_EXISTS || !none->not|| ask_path(p->schema, none->column.table, table, NULL) <= 0 ||
            !plan_elsewhere(p, table))
            continue;
        bool said = false; /* never submitted to any of them: what was done is of the rows between */
        for (size_t k = 0; k < p->plan.filter_count; k++)
            said |= k != i && p->plan.filters[k].column.table == none->column.table &&
                    p->plan.filters[k].scope == none->scope;
        if (!said) none->column.table = table;
        return;
    }
    if (p->not) {
        if (p->value_end != p->at) plan_apart(p, table); /* else: of those of that value */
        plan_way_of(p,
                    plan_has(p->entity_column) ? p->entity_column
                    : p->subject >= 0          ? p->mentioned[p->subject].ref
                                               : PLAN_NONE,
                    table);
        ask_filter *f = plan_filter(p, (ask_ref){table, -1}, ASK_EXISTS);
        if (f) f->not = true;
        return;
    }
    p->with = false;
    plan_filter(p, (ask_ref){table, -1}, ASK_EXISTS);
}

static bool plan_names_column(const plan_state *p, size_t at, int table) {
    plan_choice column = at < p->count ? plan_best_column(p, at, WANT_ANY) : (plan_choice){0};
    return column.there && column.match.score >= 0.95 && column.match.ref.table == table &&
           plan_column(p, column.match.ref)->type == ASK_TEXT;
}

/* average placements per client */
static bool plan_on_mean(plan_state *p, int table, size_t next) {
    bool per = next < p->count &&
               (ask_is(&p->tokens[next], "per") || ask_is(&p->tokens[next], "for") || ask_is(&p->tokens[next], "by"));
    if (p->fn != ASK_AVG || p->lead == LEAD_LIST || !per) return false;
    ask_ref amount = p->tokens[next - 1].plural ? PLAN_NONE : plan_money(p, table);
    if (plan_has(amount)) { /* the average bill per branch: how large it is */
        plan_measure(p, ASK_AVG, amount);
        plan_note(p, "the average is that of '%.*s'", LH_STR_ARG(plan_column(p, amount)->name));
        p->fn = -1;
        p->focus = table;
        return true;
    }
    p->mean = true;
    p->fn = -1;
    plan_measure(p, ASK_COUNT, (ask_ref){table, -1});
    if (p->entity < 0) p->entity = table;
    return true;
}

/* "customer 17 orders": those of that one. */
static bool plan_on_rows_of(plan_state *p, int table, size_t words, size_t at) {
    ask_measure *last = p->plan.measure_count ? &p->plan.measures[p->plan.measure_count - 1] : NULL;
    bool counted = last && last->fn <= ASK_COUNT_DISTINCT && !plan_has(last->column) &&
                   last->column.table == p->row_by.table && p->measure_at + 3 > p->row_end;
    if (!plan_has(p->row_by) || p->row_end != at || p->entity != p->row_by.table || table == p->entity ||
        !p->tokens[at + words - 1].plural || ask_path(p->schema, table, p->entity, NULL) <= 0 || (last && !counted))
        return false;
    if (counted) last->column.table = table;
    p->entity = p->focus = table;
    p->entity_at = at;
    p->entity_plural = true;
    p->row_of = -1;
    return true;
}

/* How many of them. */
static void plan_count_table(plan_state *p, int table, size_t words, size_t at) {
    if (p->share) p->parts_before = p->plan.filter_count;
    if (p->fn == ASK_SUM && !p->tokens[at + words - 1].plural) plan_doubt(p, p->tokens[at].raw); /* the total of one */
    if (p->fn == ASK_SUM && !p->ordering &&
        ask_in(p->tokens[at + words - 1].one,
               "fine charge payment expense invoice fee cost refund donation tip bonus sale deposit"))
        p->penalty += 0.25, plan_note(p, "'%.*s' are counted",
                                      LH_STR_ARG(lh_str_cut_utf8(p->tokens[at].raw, 60))); /* or their amounts */
    size_t made = plan_measure(p,
                               p->share      ? ASK_SHARE
                               : p->distinct ? ASK_COUNT_DISTINCT
                                             : ASK_COUNT,
                               (ask_ref){table, -1});
    if (p->ordering) { /* by the number of loans */
        p->plan.order_measure = (int)made;
        p->order_set = p->plan.ordered = true;
        if (p->extreme) p->plan.descending = p->extreme > 0;
    }
    p->ordering = false;
    p->fn = -1;
    p->distinct = false;
    p->measure_at = at;
    p->measure_end = at + words;
    plan_drop_not(p);
    if (p->entity < 0 && !plan_has(p->entity_column) && !p->entity_part)
        p->entity = table, p->entity_plural = p->tokens[at + words - 1].plural;
    p->focus = table;
}

void plan_on_table(plan_state *p, int table, size_t words, size_t at) {
    bool has = p->entity >= 0 || plan_has(p->entity_column) || p->entity_part;
    if (p->without && !has && p->plan.filter_count && p->plan.filters[0].column.table >= 0 &&
        ask_path(p->schema, table, p->plan.filters[0].column.table, NULL) > 0) /* sales reps without orders */
        p->entity = p->plan.filters[0].column.table;
    if (p->without && plan_has(p->entity_column) && p->entity < 0) /* genres with no loans: rows do not tell of none */
        plan_doubt(p, p->not_word);
    bool plural = p->tokens[at + words - 1].plural;
    if (p->grouping) {
        plan_group_table(p, table, words, at);
        return;
    }
    if (plan_on_rows_of(p, table, words, at)) return;
    plan_choice of = p->fn >= 0 && p->fn != ASK_COUNT && at + words < p->count
                         ? plan_best_column(p, at + words, WANT_NUMBER)
                         : (plan_choice){0};
    if (of.there && of.match.score >= 0.9 && of.match.ref.table == table) { /* the total of timesheet amounts */
        p->focus = table;
        return;
    }
    if (plan_on_total(p, table, at)) return;
    if (p->fn == ASK_COUNT || (p->fn == ASK_SUM && !p->ordering && !p->how_much)) {
        plan_count_table(p, table, words, at);
        return;
    }
    if (plan_on_mean(p, table, at + words)) return;
    bool has_entity = p->entity >= 0 || plan_has(p->entity_column) || p->entity_part;
    if (p->ordering ||
        (p->extreme && p->extreme_rows && !p->extreme_common && (has_entity || p->plan.group_count || !p->lead_open) &&
         p->entity != table && !(p->extreme_hints && p->entity < 0))) {
        plan_measure(p, ASK_COUNT, (ask_ref){table, -1});
        p->plan.order_measure = (int)p->plan.measure_count - 1;
        p->order_set = p->plan.ordered = true;
        if (p->extreme) p->plan.descending = p->extreme > 0;
        if (p->extreme < 0 && plan_elsewhere(p, table)) /* the fewest is none */
            p->penalty += 0.25, plan_note(p, "those that have none are left out");
        p->ordering = false;
        p->extreme_rows = false;
        p->focus = table;
        return;
    }
    if (!has_entity && p->lead_open && plan_names_column(p, at + words, table)) { /* which plane manufacturer */
        p->focus = table;
        return;
    }
    if (!has_entity && p->mentioned_count && at > 1 && plan_is_word(p, at - 1, "their its") &&
        plan_is_word(p, at - 2, "and with"))
        plan_doubt(p, p->tokens[at].raw); /* managers and their accounts: of each several */
    if (!has_entity) {
        p->entity = p->focus = table;
        p->entity_at = at;
        p->entity_plural = plural;
        p->lead_open = false;
        plan_drop_not(p);
        return;
    }
    plan_on_other(p, table);
}

static void plan_order_column(plan_state *p, ask_ref ref) {
    const ask_column *column = plan_column(p, ref);
    p->ordering = false;
    p->order_set = p->plan.ordered = true;
    bool own = p->entity == ref.table && !p->plan.group_count;
    for (size_t i = 0; i < p->plan.measure_count && p->fn < 0; i++)
        if (plan_same(p->plan.measures[i].column, ref)) { /* average pages per genre, most pages first */
            p->plan.order_measure = (int)i;
            return;
        }
    if (!own && !plan_numeric(column) && !plan_temporal(column) && p->top)
        plan_doubt(p, column->name); /* no text is the most of it */
    if (p->fn >= 0 || (!own && plan_numeric(column))) {
        plan_measure(p, p->fn >= 0 && p->fn != ASK_COUNT ? (ask_fn)p->fn : ASK_SUM, ref);
        p->plan.order_measure = (int)p->plan.measure_count - 1;
    } else p->plan.order_column = ref;
    if (p->extreme) p->plan.descending = p->extreme > 0;
    p->fn = -1;
}

/* What "average", "how many", … waited for. */
static void plan_measure_column(plan_state *p, ask_ref ref, size_t next) {
    const ask_column *column = plan_column(p, ref);
    const ask_token *after = next < p->count ? &p->tokens[next] : NULL;
    ask_fn fn = (ask_fn)p->fn;
    if (p->mean && fn == ASK_COUNT && plan_numeric(column)) fn = ASK_AVG, p->mean = false;
    const lh_str said = p->tokens[next ? next - 1 : 0].one;
    if (fn == ASK_COUNT && !p->distinct && !p->mean && plan_temporal(column) && lh_str_ends(said, LH_STR("ed"))) {
        (void)plan_measure(p, ASK_COUNT, (ask_ref){ref.table, -1}); /* how many were hired: not on how many days */
        p->fn = -1;
        p->focus = ref.table;
        if (p->entity < 0 && !plan_has(p->entity_column)) p->entity = ref.table;
        plan_subject(p, ref, next - 1);
        return;
    }
    if (fn == ASK_COUNT && !p->distinct && plan_temporal(column) && !ask_in(said, "date day")) p->penalty += 0.45;
    if (fn == ASK_COUNT && !p->distinct && plan_numeric(column) && !column->key) fn = ASK_SUM;
    else if (fn == ASK_COUNT) fn = ASK_COUNT_DISTINCT;
    else if (fn == ASK_SUM && !plan_numeric(column)) fn = ASK_COUNT, p->penalty += p->how_much ? 0.45 : 0;
    if ((fn == ASK_AVG || fn == ASK_MEDIAN || fn == ASK_SUM) && !plan_numeric(column)) p->penalty += 0.45;
    if (p->share && fn == ASK_SUM && p->fn == ASK_COUNT) fn = ASK_SHARE; /* of the whole amount */
    if (p->share && fn == ASK_COUNT_DISTINCT) p->penalty += 0.3;
    if ((fn == ASK_COUNT_DISTINCT || p->fn == ASK_SUM) && column->type == ASK_BOOL && !p->distinct) p->penalty += 0.45;
    if (p->extreme && p->plan.order_measure < 0) { /* the highest average salary */
        plan_measure(p, fn, ref);
        p->plan.order_measure = (int)p->plan.measure_count - 1;
        p->order_set = p->plan.ordered = true;
        p->plan.descending = p->extreme > 0;
    } else plan_measure(p, fn, ref);
    p->focus = ref.table;
    if (after && ask_in(after->word, "and or")) { /* average dep_delay and arr_delay */
        plan_choice more = next + 1 < p->count ? plan_best_column(p, next + 1, WANT_NUMBER) : (plan_choice){0};
        if (more.there && more.match.score > 0.9) return;
    }
    p->fn = -1;
    p->distinct = false;
}

/* the gold tier */
static bool plan_is_filtered(const plan_state *p, ask_ref ref, size_t at) {
    for (size_t i = 0; i < p->plan.filter_count; i++)
        if ((p->plan.filters[i].op == ASK_EQ ||
             (p->plan.filters[i].op == ASK_CONTAINS && plan_column(p, ref)->listed)) &&
            plan_same(p->plan.filters[i].column, ref) && at &&
            (!ask_in(p->tokens[at - 1].word, "and their the its") ||
             (at > 1 && ask_in(p->tokens[at - 2].word, "in among"))))
            return true;
    return false;
}

/* Another table as near has a column of that name. */
static void plan_note_twin(plan_state *p, ask_ref ref) {
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        ask_ref twin = {t, -1};
        for (size_t c = 0; c < p->schema->tables[t].column_count; c++)
            if (t != ref.table && lh_str_eq(p->schema->tables[t].columns[c].name, plan_column(p, ref)->name))
                twin.column = (int)c;
        if (!plan_has(twin) || plan_near(p, t) + 0.01 < plan_near(p, ref.table)) continue;
        p->penalty += 0.1;
        plan_note(p, "'%.*s' is that of '%.*s', not of '%.*s'", LH_STR_ARG(plan_column(p, ref)->name),
                  LH_STR_ARG(p->schema->tables[ref.table].shown), LH_STR_ARG(p->schema->tables[t].shown));
    }
}

/* The table to whose rows numbers of the column lead, where those are called by more than that; its key is taken. -1: none. */
int plan_leads_to(plan_state *p, ask_ref ref) {
    ask_ref label[2];
    bool key = false;
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key one = p->schema->keys[k];
        if (!plan_same(one.from, ref) || one.to.table == ref.table || !plan_numeric(plan_column(p, ref)) ||
            !plan_label(p, one.to.table, label, 2, &key) || key)
            continue;
        return plan_take_key(p, k), one.to.table;
    }
    return -1;
}

/* What the column's rows are of: it is what is asked for. */
static void plan_on_entity(plan_state *p, ask_ref ref, bool plural) {
    int rows = plan_leads_to(p, ref);
    if (rows >= 0) {
        p->entity = rows;
        p->role = ref;
        p->focus = ref.table;
        p->entity_plural = plural;
        p->lead_open = false;
        return;
    }
    plan_note_twin(p, ref);
    p->entity_column = ref;
    p->entity_plural = plural;
    p->focus = ref.table;
    p->lead_open = false;
}

static bool plan_is_dated(const plan_state *p, size_t at) {
    ask_when when;
    return at < p->count && ask_when_parse(p->tokens, p->count, at, p->question->today, &when) > 0;
}

/* "no email": without one. */
static void plan_without_column(plan_state *p, const lexicon_match *found, size_t at) {
    const ask_token *said = &p->tokens[at];
    lexicon_match own = *found, *m = &own;
    for (size_t c = 0; p->entity >= 0 && found->ref.table != p->entity && !plan_elsewhere(p, found->ref.table) &&
                       c < p->schema->tables[p->entity].column_count;
         c++) /* trips without fuel: none of their own, whatever their vehicle's is */
        if (lexicon_column_named(p->lex, (ask_ref){p->entity, (int)c}, said)) m->ref = (ask_ref){p->entity, (int)c};
    bool verb = m->score < 0.95 && !plan_temporal(plan_column(p, m->ref)) && lh_str_ends(said->word, LH_STR("ed"));
    if (verb) plan_doubt(p, said->raw); /* never emailed: not one without an address */
    bool others = p->entity >= 0 && m->ref.table != p->entity && !plan_elsewhere(p, m->ref.table) &&
                  lh_str_ends(said->word, LH_STR("ed"));
    if (others) plan_doubt(p, said->raw); /* who opened nothing: not of a branch that never did */
    if (plan_elsewhere(p, m->ref.table) && plan_temporal(plan_column(p, m->ref)) &&
        lh_str_eq(p->not_word, LH_STR("never"))) {
        plan_apart(p, m->ref.table); /* never paid: no row says that it was */
        ask_filter *none = plan_filter(p, (ask_ref){m->ref.table, -1}, ASK_EXISTS);
        if (none) none->not = true;
        (void)plan_filter(p, m->ref, ASK_NOT_NULL);
        return;
    }
    bool due = ask_is(said, "due") && plan_temporal(plan_column(p, m->ref));
    ask_filter *f = plan_filter(p, m->ref, due ? ASK_IN_TIME : ASK_IS_NULL);
    if (!f) return;
    f->not = false;
    if (due) { /* not yet due */
        f->when = (ask_when){.kind = ASK_RANGE, .has_from = true, .from = p->question->today + 1};
        return;
    }
    if (plan_temporal(plan_column(p, m->ref)) && plan_undone(p, f)) return;
    f->zero = plan_numeric(plan_column(p, m->ref)) && plan_sums(plan_column(p, m->ref)->name); /* no overtime hours */
}

/* "the hottest day of the year" is of no other number than what is hot. */
static bool plan_speaks_of(const plan_state *p, ask_ref ref) {
    const char *hints = p->extreme_hints;
    if (!hints || hints[0] == '@' || hints[0] == '#') return true;
    return plan_called(p, ref, hints);
}

/* "how many renewed loans": those that are so are counted. */
static bool plan_is_so(const plan_state *p, ask_ref ref, size_t next) {
    bool late = next && ask_in(p->tokens[next - 1].word, "late delayed overdue early"),
         waits = (p->fn == ASK_COUNT || (p->fn == ASK_SUM && !late)) && !p->distinct &&
                 (plan_column(p, ref)->type == ASK_BOOL || late) && next < p->count;
    plan_choice rows = waits ? plan_best_table(p, next) : (plan_choice){0};
    return rows.there && rows.match.score >= 0.7 && rows.match.ref.table == ref.table;
}

static void plan_group_column(plan_state *p, const lexicon_match *m, size_t next) {
    int rows = plan_leads_to(p, m->ref);
    if (rows >= 0) { /* by lead recruiter: by their names */
        plan_group(p, (ask_ref){rows, -1}, ASK_WHOLE);
        p->grouping = p->each = p->lead_open = false;
        p->group_end = next;
        return;
    }
    const ask_measure *last = p->plan.measure_count ? &p->plan.measures[p->plan.measure_count - 1] : NULL;
    if (last && last->fn == ASK_AVG && plan_has(last->column) && last->column.table == m->ref.table &&
        plan_column(p, m->ref)->key && next > m->words && plan_is_word(p, next - m->words - 1, "per")) {
        p->grouping = p->each = p->lead_open = false; /* the average profit per item: each row is one */
        p->group_end = next;
        return;
    }
    if (last && plan_has(last->column) && plan_numeric(plan_column(p, m->ref)) && next > m->words &&
        plan_is_word(p, next - m->words - 1, "per") && !p->tokens[next - 1].plural &&
        !ask_in(plan_column(p, m->ref)->name, "year month week day hour quarter"))
        p->penalty += 0.25,
            plan_note(p, "'%.*s' is a group, not what is divided by", LH_STR_ARG(plan_column(p, m->ref)->name));
    bool fine = plan_numeric(plan_column(p, m->ref)) && !last && p->fn < 0 &&
                (p->entity >= 0 || p->plan.filter_count) &&
                (lh_str_starts(plan_column(p, m->ref)->sql_type, LH_STR("D")) ||
                 lh_str_starts(plan_column(p, m->ref)->sql_type, LH_STR("d")));
    if (fine)
        p->penalty += 0.25, plan_note(p, "'%.*s' is a group, not the order", LH_STR_ARG(plan_column(p, m->ref)->name));
    plan_note_twin(p, m->ref);
    if (plan_temporal(plan_column(p, m->ref)) && m->score < 0.9) p->date_subject = m->ref;
    plan_group(p, m->ref, ASK_WHOLE);
    p->grouping = p->each = p->lead_open = false;
    p->group_end = next;
}

/* It is so. */
static void plan_on_flag(plan_state *p, ask_ref ref, size_t at) {
    bool far =
        plan_elsewhere(p, ref.table) && p->focus != ref.table && ask_path(p->schema, ref.table, p->entity, NULL) < 0;
    if (far) plan_doubt(p, p->tokens[at].raw); /* certified members, where only trainers are */
    if (p->lead == LEAD_WHO && at < 3 && p->entity < 0 && !plan_is_people(p, ref.table))
        plan_doubt(p, p->tokens[0].raw); /* who did it is not said */
    ask_filter *f = plan_filter(p, ref, ASK_IS_TRUE);
    if (f && f->not) f->op = ASK_IS_FALSE, f->not = false;
    p->focus = ref.table;
}

/* "makers with more than 100 planes", "city with the most readers" */
static bool plan_begins_kinds(const plan_state *p, size_t next) {
    if (p->tokens[next - 1].plural && plan_is_word(p, next, "with where having that who which whose")) return true;
    return plan_is_word(p, next, "with") && (plan_is_word(p, next + 1, "most fewest highest lowest") ||
                                             plan_is_word(p, next + 2, "most fewest highest lowest"));
}

/* "with a head chef as deputy": the way to whom was said before. */
static bool plan_is_role(plan_state *p, ask_ref ref, size_t at) {
    for (size_t k = 0; at && plan_is_word(p, at - 1, "as") && k < p->schema->key_count; k++)
        for (size_t i = 0; i < p->plan.filter_count && plan_same(p->schema->keys[k].from, ref); i++)
            if (p->plan.filters[i].column.table == p->schema->keys[k].to.table && p->entity == ref.table)
                return plan_take_key(p, k), true;
    return false;
}

/* "which genres", "the top cities": what the column holds is what is asked for. */
static bool plan_is_kind(plan_state *p, ask_ref ref, size_t next) {
    const ask_column *column = plan_column(p, ref);
    const ask_token *after = next < p->count ? &p->tokens[next] : NULL;
    return p->lead_open &&
           (p->lead == LEAD_WHICH || p->lead == LEAD_WHO || p->top || p->distinct || p->extreme_common) &&
           !p->extreme_hints && p->entity < 0 && !plan_has(p->entity_column) &&
           column->type != ASK_BOOL && /* which desserts are vegan */
           !(plan_temporal(column) && !ask_in(p->tokens[next - 1].one, "date day time")) && /* which chefs left */
           !(after && ask_is(after, "of") && p->lead == LEAD_WHICH && !p->extreme_common) &&
           !(p->extreme && !p->extreme_common && plan_numeric(column) && !p->top) &&
           (!plan_numeric(column) || p->extreme_common || plan_leads_to(p, ref) >= 0);
}

void plan_on_column(plan_state *p, const lexicon_match *m, size_t at) {
    ask_ref ref = m->ref;
    p->pair = 0;
    if (plan_is_role(p, ref, at)) return;
    const ask_column *column = plan_column(p, ref);
    size_t next = at + m->words;
    bool different = p->distinct && p->fn < 0 && p->plan.measure_count && column->type == ASK_TEXT &&
                     p->tokens[next - 1].plural; /* the average price of different genres */
    if (different) p->grouping = true, p->distinct = false;
    if (p->grouping) {
        plan_group_column(p, m, next);
        return;
    }
    if (p->ordering) {
        plan_order_column(p, ref);
        return;
    }
    if (column->type == ASK_BOOL && p->tokens[at].negated) { /* total of unpaid fines */
        plan_on_flag(p, ref, at);
        return;
    }
    if (p->fn >= 0 && p->value_end == at && at && plan_is_filtered(p, ref, at)) return; /* high priority tickets */
    if (p->fn >= 0 && !(p->how_long && plan_temporal(column)) && !plan_is_so(p, ref, next)) {
        plan_measure_column(p, ref, next);
        return;
    }
    bool first = p->lead == LEAD_NONE && at == 0 && column->type == ASK_TEXT && plan_begins_kinds(p, next);
    bool behind = (p->extreme && p->extreme_at + 1 == at) || (at && ask_in(p->tokens[at - 1].word, "which what"));
    bool unit = behind && p->lead == LEAD_WHICH && p->lead_open && ask_in(column->name, "year month day week hour") &&
                p->entity < 0 && !plan_has(p->entity_column); /* the worst day, which month */
    if (first || unit) {
        plan_on_entity(p, ref, p->tokens[next - 1].plural);
        if (first) p->lead = LEAD_WHICH;
        return;
    }
    if (plan_is_kind(p, ref, next)) {
        plan_on_entity(p, ref, p->tokens[next - 1].plural);
        return;
    }
    bool of_it =
        p->extreme_hints && p->entity == ref.table && at && p->tokens[at - 1].possessive; /* the oldest plane's year */
    if (p->extreme && !p->order_set && !of_it && plan_speaks_of(p, ref) &&
        (plan_numeric(column) || plan_temporal(column))) {
        plan_extreme_column(p, ref, at);
        return;
    }
    if (plan_is_filtered(p, ref, at)) return;
    if (column->type == ASK_BOOL) plan_on_flag(p, ref, at);
    else if (p->without || (p->not&&plan_temporal(column) && !plan_is_dated(p, next))) plan_without_column(p, m, at);
    else {
        if (plan_temporal(column)) p->date_subject = ref;
        plan_subject(p, ref, at);
        if (p->lead == LEAD_WHICH && p->lead_open) p->lead_open = false;
    }
}
