/* The times that a question names, and of which date of which rows they are. */
#include "ask/plan_internal.h"

/* ---- as they are read ---- */

/* "ordered in 2024 and in 2026", "… but not in 2026": rows of the one time, and others of the other. */
static void times_when_apart(plan_state *p, ask_ref ref) {
    bool said = false;
    for (size_t i = 0; i < p->plan.filter_count; i++)
        said |= p->plan.filters[i].op == ASK_IN_TIME && p->plan.filters[i].column.table == ref.table &&
                p->plan.filters[i].scope == p->scope;
    if (said) p->scope++;
    if (p->pair) p->pair--;
    if (!said || !p->not) return;
    ask_filter *none = plan_filter(p, (ask_ref){ref.table, -1}, ASK_EXISTS);
    if (none) none->not = true;
}

void plan_on_when(plan_state *p, const ask_when *when) {
    ask_ref ref = {p->focus, -1};
    if (!p->event && p->entity >= 0 && p->focus != p->entity && ask_path(p->schema, p->entity, p->focus, NULL) > 0)
        ref.table = -1; /* the loans of a reader this month: when they were loaned */
    for (size_t i = 0; i < p->plan.measure_count && !p->event; i++)
        if (ask_path(p->schema, p->plan.measures[i].column.table, p->focus, NULL) > 0)
            ref.table = -1; /* fines by city of the readers in 2024 */
    for (size_t i = 0; i < p->mentioned_count && !p->event; i++)
        if (!p->mentioned[i].placed && ask_path(p->schema, p->mentioned[i].ref.table, p->focus, NULL) > 0)
            ref.table = -1; /* amount per genre in 2025: of what was bought then */
    p->event = NULL;
    if (p->subject >= 0 && plan_temporal(plan_column(p, p->mentioned[p->subject].ref)))
        ref = p->mentioned[p->subject].ref, plan_place_subject(p);
    else if (p->subject >= 0 && plan_numeric(plan_column(p, p->mentioned[p->subject].ref)) &&
             (plan_column(p, p->mentioned[p->subject].ref)->year_seen ||
              plan_called(p, p->mentioned[p->subject].ref, "year")))
        ref = p->mentioned[p->subject].ref, plan_place_subject(p); /* built before 1970, of a year */
    else if (plan_has(p->date_subject)) ref = p->date_subject;
    for (size_t i = 0; i < p->mentioned_count; i++) /* "started" is placed */
        if (plan_has(ref) && p->mentioned[i].ref.table == ref.table && p->mentioned[i].ref.column == ref.column)
            p->mentioned[i].placed = true;
    if (!plan_elsewhere(p, ref.table)) p->pair = 0; /* in both 2024 and 2025 */
    else times_when_apart(p, ref);
    ask_filter *f = plan_filter(p, ref, ASK_IN_TIME);
    if (f) f->when = *when;
    p->has_when = true;
}

/* Years or months: the unit of a time that is whole ones. */
static ask_part times_period_part(const ask_when *when) {
    int y, m, d;
    if (when->kind == ASK_MONTH_OF_YEAR && when->first == when->last) return ASK_MONTH_NUMBER;
    if (when->kind == ASK_WEEKDAY && when->first == when->last) return ASK_DAY_OF_WEEK;
    if (when->kind != ASK_RANGE || !when->has_from || !when->has_to) return ASK_WHOLE;
    if (when->whole_years) return ASK_YEAR;
    ask_civil(when->from, &y, &m, &d);
    bool first = d == 1;
    int month = m, y2;
    ask_civil(when->to, &y2, &m, &d);
    int months = 12 * (y2 - y) + m - month;
    if (!first || d != 1) return ASK_WHOLE;
    return months == 1 ? ASK_MONTH : months == 3 && month % 3 == 1 ? ASK_QUARTER : ASK_WHOLE;
}

/* "compare the years 2021 to 2024": each of them, and each month of less. */
static ask_part times_period_inside(const ask_when *when) {
    int y, m, d, d2;
    if (when->kind != ASK_RANGE || !when->has_from || !when->has_to) return ASK_WHOLE;
    ask_civil(when->from, &y, &m, &d);
    ask_civil(when->to, &y, &m, &d2);
    if (when->whole_years) return when->to - when->from > 366 ? ASK_YEAR : ASK_WHOLE;
    return d == 1 && d2 == 1 && when->to - when->from > 31 ? ASK_MONTH : ASK_WHOLE;
}

/* March or April 2025: both are of that year. */
static bool times_same_year(ask_when *month, const ask_when *other) {
    int y, m, d;
    if (times_period_part(month) != ASK_MONTH_NUMBER || times_period_part(other) != ASK_MONTH) return false;
    ask_civil(other->from, &y, &m, &d);
    ask_month(month, y, month->first);
    return true;
}

/* "2023 vs 2024", "January compared to July 2025": a row for each, and "2022 or 2024": both. What was read ends before `at`. */
static size_t times_periods(plan_state *p, size_t at) {
    ask_filter *f = p->plan.filter_count ? &p->plan.filters[p->plan.filter_count - 1] : NULL;
    if (!f || f->op != ASK_IN_TIME || f->has_second) return 0;
    ask_part part = times_period_part(&f->when);
    ask_when second;
    size_t next = at, n;
    bool versus = plan_is_word(p, at, "vs versus against"), or = plan_is_word(p, at, "or and"),
         which = p->more.len && plan_is_word(p, at, "or");
    if (ask_is(&p->tokens[at < p->count ? at : 0], "and") && plan_elsewhere(p, f->column.table))
        return 0; /* in each of them */
    if (versus || or) next = at + 1;
    if (plan_is_word(p, at, "compared") && plan_is_word(p, at + 1, "to with against")) next = at + 2, versus = true;
    if (next < p->count && plan_is_word(p, next, "in")) next++;
    n = next > at && next < p->count ? ask_when_parse(p->tokens, p->count, next, p->question->today, &second) : 0;
    if (n && (times_same_year(&f->when, &second) || times_same_year(&second, &f->when))) part = ASK_MONTH;
    ask_part inside =
        p->comparing && (!n || times_period_part(&second) != part) ? times_period_inside(&f->when) : ASK_WHOLE;
    bool together = inside != ASK_WHOLE;
    if (together) part = inside;
    if (!part || ((!n || times_period_part(&second) != part) && !together)) return 0;
    if (!together) f->second = second, f->has_second = true;
    if (together) n = 0, next = at;
    if (which) p->more = LH_STR_NONE;
    if (versus || which || p->comparing) plan_group(p, PLAN_NONE, part);
    else if (ask_is(&p->tokens[at], "and")) plan_note(p, "both times are taken together");
    return next - at + n;
}

/* "classes on Saturday", of a column that holds the days' names, of rows without a date. */
static bool times_is_weekday_of(const plan_state *p, size_t at) {
    plan_choice value = plan_best_value(p, at);
    int table = p->entity >= 0 ? p->entity : p->main_table;
    if (!value.there || value.match.score < 0.95 || value.match.ref.table != table) return false;
    for (size_t c = 0; c < p->schema->tables[table].column_count; c++)
        if (plan_temporal(&p->schema->tables[table].columns[c])) return false;
    return true;
}

size_t plan_time(plan_state *p, size_t at) {
    ask_when when;
    size_t n = ask_when_parse(p->tokens, p->count, at, p->question->today, &when);
    const ask_token *t = &p->tokens[at];
    if (!n || plan_is_full_name(p, at + n - 1)) return 0;
    bool bare = t->kind == ASK_WORD && (n == 1 || (n == 2 && ask_is(t, "of")));
    plan_choice value = bare ? plan_best_value(p, at + n - 1) : (plan_choice){0};
    if (value.there && value.match.score >= 0.95 &&
        (value.match.ref.table == p->focus || value.match.ref.table == p->entity))
        return 0; /* weekend orders, of a shift */
    if (p->lead == LEAD_WHICH && p->lead_open && plan_is_word(p, at, "year quarter month week day"))
        return 0;                                                                    /* which month of 2025 */
    if (p->grouping && plan_is_word(p, at, "year quarter month week day")) return 0; /* for each month of 2025 */
    if (t->kind == ASK_WORD && n == 1 && ask_in(t->word, "second first")) return 0;
    if (when.kind == ASK_WEEKDAY && times_is_weekday_of(p, at + n - 1)) return 0;
    bool number = p->subject >= 0 && plan_numeric(plan_column(p, p->mentioned[p->subject].ref)) &&
                  p->mentioned[p->subject].at + 3 >= at && when.year_only && !plan_is_word(p, at, "in during");
    if (number &&
        !plan_column(p, p->mentioned[p->subject].ref)->year_seen &&
        !lexicon_column_has(
            p->lex, p->mentioned[p->subject].ref,
            &(ask_token){.kind = ASK_WORD, .word = LH_STR("year"), .one = LH_STR("year"), .stem = LH_STR("year")}))
        return 0;
    if (p->grouping) p->grouping = false;
    plan_on_when(p, &when);
    return n + times_periods(p, at + n);
}

/* ---- of which column ---- */

ask_ref plan_date_of(plan_state *p, int table, bool *ret_sure) {
    static const char *const usual[] = {"date", "created", "time",       "start",  "open",   "sent",  "timestamp",
                                        "day",  "week",    "registered", "joined", "signup", "hired", "enrolled"};
    const ask_table *of = &p->schema->tables[table];
    size_t dates = 0;
    ask_ref first = PLAN_NONE;
    for (size_t c = 0; c < of->column_count; c++)
        if (plan_temporal(&of->columns[c])) {
            bool other = lh_str_starts(of->columns[c].name, LH_STR("birth")) ||
                         lh_str_starts(of->columns[c].name, LH_STR("due"));
            if (!dates++ || !plan_has(first)) first = other ? first : (ask_ref){table, (int)c};
        }
    for (size_t c = 0; c < of->column_count && dates && !plan_has(first); c++) /* none but such */
        if (plan_temporal(&of->columns[c])) first = (ask_ref){table, (int)c};
    *ret_sure = dates == 1;
    for (size_t c = 0; c < of->column_count && dates > 1; c++) { /* offer_dt of offers, submitted_on of submissions */
        lh_str one = lh_str_sub(of->name.name, 0, of->name.name.len > 2 ? of->name.name.len - 1 : 0),
               rest = of->columns[c].name, word = lh_str_split(&rest, '_'),
               stem = lh_str_sub(word, 0, word.len > 5 ? 5 : word.len);
        if (plan_temporal(&of->columns[c]) && stem.len >= 4 && rest.len && lh_str_starts(one, stem))
            return (ask_ref){table, (int)c};
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual && dates > 1; i++)
        for (size_t c = 0; c < of->column_count; c++) {
            lh_str word = lh_str_from(usual[i]);
            const ask_token one = plan_word(word);
            ask_ref ref = {table, (int)c};
            lh_str name = of->columns[c].name;
            bool end = lh_str_starts(name, LH_STR("birth")) || lh_str_starts(name, LH_STR("born")) ||
                       lh_str_starts(name, LH_STR("due")) || lh_str_ends(name, LH_STR("end_date")) ||
                       lh_str_starts(name, LH_STR("end")) || lh_str_starts(name, LH_STR("closed")) ||
                       lh_str_starts(name, LH_STR("updated")) || lh_str_starts(name, LH_STR("refund")) ||
                       lh_str_starts(name, LH_STR("cancel"));
            bool said = i || lh_str_search(name, word) != SIZE_MAX; /* a dt says no more than that it is one */
            if (plan_temporal(&of->columns[c]) && !end && said && lexicon_column_has(p->lex, ref, &one)) return ref;
        }
    return first;
}

ask_ref plan_date_called(const plan_state *p, int table, const char *words, ask_ref other) {
    const ask_table *of = &p->schema->tables[table];
    ask_ref found = {table, -1};
    size_t count = 0;
    for (size_t c = 0; c < of->column_count; c++) {
        const ask_ref ref = {table, (int)c};
        if (!plan_temporal(&of->columns[c]) || plan_same(ref, other) || !plan_called(p, ref, words)) continue;
        found = ref;
        count++;
    }
    if (count != 1) found.column = -1;
    return found;
}

/* The date of rows of the table, or of what they refer to. */
ask_ref plan_date(plan_state *p, int table) {
    bool sure = false;
    ask_ref best = table >= 0 ? plan_date_of(p, table, &sure) : PLAN_NONE;
    int best_steps = 99;
    bool own = plan_has(best);
    for (int t = 0; table >= 0 && !own && t < (int)p->schema->table_count; t++) {
        int steps = ask_path(p->schema, table, t, NULL);
        bool ignored;
        ask_ref there = steps > 0 && steps < best_steps ? plan_date_of(p, t, &ignored) : PLAN_NONE;
        if (plan_has(there)) best_steps = steps, best = there;
    }
    if (plan_has(best) && !sure) {
        p->penalty += 0.05;
        plan_note(p, "the time is that of '%.*s'", LH_STR_ARG(plan_column(p, best)->name));
    }
    return best;
}

static ask_ref times_number(const plan_state *p, int table, const char *name) {
    for (size_t c = 0; table >= 0 && c < p->schema->tables[table].column_count; c++) {
        const ask_column *column = &p->schema->tables[table].columns[c];
        if (lh_str_eq_nocase(column->name, lh_str_from(name)) && plan_numeric(column)) return (ask_ref){table, (int)c};
    }
    return PLAN_NONE;
}

static void times_equal(plan_state *p, ask_ref ref, double number, bool numerator) {
    ask_filter *f = plan_filter(p, ref, ASK_EQ);
    if (f) f->numbers[0] = number, f->numerator = numerator;
}

/* Tables that keep year, month and day apart are asked by those. */
static bool times_parts(plan_state *p, size_t at, int table) {
    ask_filter *f = &p->plan.filters[at];
    const ask_when *when = &f->when;
    if (f->not|| f->only) p->penalty += 0.45; /* not in March 2024: of two columns */
    ask_ref year = times_number(p, table, "year"), month = times_number(p, table, "month"),
            day = times_number(p, table, "day");
    if (when->kind == ASK_MONTH_OF_YEAR && plan_has(month)) return f->column = month, true;
    if (when->kind != ASK_RANGE || !plan_has(year)) return false;
    if (f->has_second && !when->whole_years) return false;
    if (when->whole_years) return f->column = year, true;
    if (!when->has_from || !when->has_to || !plan_has(month)) return false;
    int y, m, d, y2, m2, d2;
    ask_civil(when->from, &y, &m, &d);
    ask_civil(when->to - 1, &y2, &m2, &d2);
    if (y != y2) return false;
    bool one_day = when->to - when->from == 1 && plan_has(day),
         months = d == 1 && when->to == ask_day(m2 == 12 ? y + 1 : y, m2 % 12 + 1, 1);
    if (!one_day && !months) return false;
    bool numerator = f->numerator, when_no_year = one_day && when->no_year;
    *f = (ask_filter){.column = month,
                      .other = PLAN_NONE,
                      .via = PLAN_NONE,
                      .scope = f->scope,
                      .op = ASK_IN_TIME,
                      .numerator = numerator,
                      .not= f->not,
                      .when = {.kind = ASK_MONTH_OF_YEAR, .first = m, .last = m2}};
    if (when_no_year) plan_note(p, "the day is that of any year");
    else times_equal(p, year, y, numerator);
    if (one_day) times_equal(p, day, d, numerator);
    return true;
}

/* "not ordered in 2026": of the rows that there are none of. */
static void times_none_in_time(plan_state *p) {
    for (size_t i = 0; i < p->plan.filter_count; i++)
        for (size_t k = 0; k < p->plan.filter_count; k++) {
            ask_filter *none = &p->plan.filters[i], *time = &p->plan.filters[k];
            if (none->op == ASK_EXISTS && none->not&&time->op == ASK_IN_TIME && none->scope == time->scope &&
                plan_elsewhere(p, time->column.table) &&
                ask_path(p->schema, none->column.table, time->column.table, NULL) > 0)
                none->column.table = time->column.table;
        }
}

/* "bookings for next month", where they have several dates: which one is to come is not said. */
static void times_ahead(plan_state *p, const ask_filter *f) {
    size_t dates = 0;
    if (!plan_has(f->column) || f->when.kind != ASK_RANGE || !f->when.has_from || f->when.from <= p->question->today)
        return;
    for (size_t c = 0; c < p->schema->tables[f->column.table].column_count; c++)
        dates += plan_temporal(plan_column(p, (ask_ref){f->column.table, (int)c}));
    if (dates > 1) p->penalty += 0.3;
}

lh_code plan_times(plan_state *p, lh_error *err) {
    int own = p->entity >= 0 ? p->entity : plan_has(p->entity_column) ? p->entity_column.table : p->main_table;
    for (size_t i = 0; i < p->plan.measure_count && p->entity < 0 && !plan_has(p->entity_column); i++)
        own = p->plan.measures[i].column.table;
    for (size_t i = 0; i < p->plan.measure_count; i++) /* of what they have */
        if (own >= 0 && ask_path(p->schema, p->plan.measures[i].column.table, own, NULL) > 0)
            own = p->plan.measures[i].column.table;
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        ask_filter *f = &p->plan.filters[i];
        if (f->op != ASK_IN_TIME) continue;
        int table = f->column.table >= 0 ? f->column.table : own;
        if (plan_has(f->column)) continue;
        if (plan_has(p->date_subject) && (p->date_subject.table == table || f->column.table < 0))
            f->column = p->date_subject;
        else if (!times_parts(p, i, table)) {
            f->column = plan_date(p, table);
            if (!plan_has(f->column) && table != own && !times_parts(p, i, own)) f->column = plan_date(p, own);
            times_ahead(p, f);
        }
        if (!plan_has(p->plan.filters[i].column)) return lh_fail(err, LH_INVALID, "what is asked for has no date");
        if (p->plan.filters[i].when.kind == ASK_MONTH_OF_YEAR &&
            !plan_numeric(plan_column(p, p->plan.filters[i].column)))
            plan_note(p, "the month is that of any year");
    }
    times_none_in_time(p);
    for (size_t i = 0; i < p->plan.group_count; i++) {
        ask_group *g = &p->plan.groups[i];
        static const char *const parts[] = {"", "year", "quarter", "month", "week", "day", "weekday", "hour", "month"};
        if (!g->part || plan_has(g->column)) continue;
        ask_ref number = g->part == ASK_DATE_DAY ? PLAN_NONE : times_number(p, own, parts[g->part]);
        if (plan_has(number)) *g = (ask_group){number, ASK_WHOLE, false};
        else g->column = plan_has(p->date_subject) ? p->date_subject : plan_date(p, own);
        if (!plan_has(g->column)) return lh_fail(err, LH_INVALID, "what is asked for has no date");
    }
    return LH_OK;
}

static bool times_range(const ask_filter *f) {
    return f->op == ASK_IN_TIME && f->when.kind == ASK_RANGE && !f->not && !f->has_second;
}
static bool times_month(const ask_filter *f) {
    return f->op == ASK_IN_TIME && f->when.kind == ASK_MONTH_OF_YEAR && !f->not && !f->has_second;
}

/* No row is of two times, and what is to come has no sum yet. */
lh_code plan_times_said(plan_state *p, lh_error *err) {
    const ask_plan *plan = &p->plan;
    bool sums = false;
    for (size_t i = 0; i < plan->measure_count; i++)
        sums |= plan->measures[i].fn == ASK_SUM || plan->measures[i].fn == ASK_AVG;
    for (size_t i = 0; i < plan->filter_count; i++) {
        const ask_filter *a = &plan->filters[i];
        for (size_t k = 0; k < plan->filter_count && times_month(a); k++) {
            const ask_filter *b = &plan->filters[k];
            bool other = times_month(b) ? k < i : times_range(b) && !b->when.whole_years;
            if (other && plan_same(a->column, b->column) && a->numerator == b->numerator && a->scope == b->scope)
                return lh_fail(err, LH_INVALID, "two times are asked for, and how they go together is not clear");
        }
        if (!times_range(a)) continue;
        if (sums && a->when.has_from && a->when.from > p->question->today)
            return lh_fail(err, LH_INVALID, "the time that is asked for is still to come");
        for (size_t k = 0; k < i; k++) {
            const ask_filter *b = &plan->filters[k];
            bool apart = (a->when.has_to && b->when.has_from && a->when.to <= b->when.from) ||
                         (b->when.has_to && a->when.has_from && b->when.to <= a->when.from);
            if (times_range(b) && plan_same(a->column, b->column) && a->numerator == b->numerator &&
                a->scope == b->scope && apart)
                return lh_fail(err, LH_INVALID, "two times are asked for, and how they go together is not clear");
        }
    }
    return LH_OK;
}
