/* "more than 5": what is compared, of the words behind and before it. */
#include "ask/plan_internal.h"

#include <stdio.h>

/* Columns of a part of a date: no span has so many of them. */
static const char compare_parts[] = "second minute hour day week month";

static bool plan_is_part(const plan_state *p, const lexicon_match *column) {
    return column->words == 1 && ask_in(plan_column(p, column->ref)->name, compare_parts);
}

static bool plan_unit(const ask_token *t) {
    return t->kind == ASK_WORD && ask_in(t->one, "year minute hour second day week month mile kilometer km dollar usd "
                                                 "euro eur percent pound buck foot feet unit mph square sqm sqft");
}

static const struct {
    const char *unit;
    double seconds;
} plan_units[] = {{"second", 1}, {"minute", 60}, {"hour", 3600}, {"day", 86400}, {"week", 604800}};

double plan_seconds(lh_str unit) {
    for (size_t i = 0; i < sizeof plan_units / sizeof *plan_units; i++)
        if (lh_str_eq(unit, lh_str_from(plan_units[i].unit))) return plan_units[i].seconds;
    return 0;
}
double plan_seconds_in(lh_str name) {
    double has = 0;
    for (size_t i = 0; i < sizeof plan_units / sizeof *plan_units; i++)
        if (lh_str_search(name, lh_str_from(plan_units[i].unit)) != SIZE_MAX) has = plan_units[i].seconds;
    return has;
}

static bool plan_is_year(const plan_state *p, ask_ref ref) {
    lh_str name = plan_column(p, ref)->name;
    return lh_str_eq_nocase(name, LH_STR("year")) || lh_str_ends(name, LH_STR("_year"));
}

/* "older than 20 years" of a column that has the year. */
static void plan_age(plan_state *p, ask_ref ref) {
    int year, month, day;
    if (!plan_is_year(p, ref)) return;
    ask_civil(p->question->today, &year, &month, &day);
    if (!p->compare.hints || !ask_in(lh_str_from(p->compare.hints), "age") || p->compare.op == ASK_BETWEEN) {
        plan_doubt(p, LH_STR("years"));
        return;
    }
    p->compare.numbers[0] = year - p->compare.numbers[0];
    p->compare.op = p->compare.op == ASK_GT ? ASK_LT : ASK_GT;
}

/* Miles, of a column of kilometres. */
static bool plan_is_other_unit(lh_str name, lh_str said) {
    static const char *const kinds[][2] = {{"mile", "km kms kilometer kilometre"},
                                           {"km kilometer kilometre", "mi mile miles"},
                                           {"dollar usd buck", "eur gbp chf"},
                                           {"euro eur", "usd gbp chf"},
                                           {"foot feet", "cm mm metres meters"}};
    for (lh_str rest = name; rest.len;) {
        lh_str word = lh_str_split(&rest, '_');
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (ask_in(said, kinds[i][0]) && ask_in(word, kinds[i][1])) return true;
    }
    return false;
}

/* "10 minutes" of a column of seconds. */
static void plan_scale(plan_state *p, ask_ref ref, const ask_token *unit) {
    if (lh_str_eq(unit->one, LH_STR("year"))) plan_age(p, ref);
    if (plan_is_other_unit(plan_column(p, ref)->name, unit->one)) plan_doubt(p, unit->raw);
    double said = plan_seconds(unit->one), has = plan_seconds_in(plan_column(p, ref)->name);
    if (said > 0 && has <= 0) { /* a column that does not say its unit */
        bool minutes = lh_str_eq(unit->one, LH_STR("minute"));
        lh_str name = plan_column(p, ref)->name;
        p->penalty += minutes ? 0.1 : 0.45;
        if (minutes) plan_note(p, "'%.*s' is in minutes", LH_STR_ARG(name));
        else plan_unplaced(p, unit->raw);
    }
    if (said <= 0 && has > 0 && ask_in(unit->one, "year month")) plan_doubt(p, unit->raw); /* 5 years, of days */
    if (said <= 0 || has <= 0) return;
    for (int i = 0; i < 2; i++) p->compare.numbers[i] *= said / has;
}

/* "spent more than 5000": all of it, not one row's. */
static bool compare_sum(plan_state *p, ask_ref ref) {
    bool all = plan_elsewhere(p, ref.table) && plan_sums(plan_column(p, ref)->name) && !p->compare.average && !p->not;
    bool verb = false;
    size_t said = 0;
    for (size_t i = p->compare.at > 6 ? p->compare.at - 6 : 0; i < p->compare.at; i++)
        if (plan_is_word(p, i,
                         "total totals totalling spent spend spends paid pay bought earned generated billed sold"))
            verb = true, said = i;
    if (all && verb) plan_doubt_amount(p, ref, &p->tokens[said]);
    ask_filter *f = all && verb ? plan_filter(p, (ask_ref){ref.table, -1}, ASK_COUNTS) : NULL;
    if (!f) return false;
    f->other = ref;
    f->count_op = p->compare.op;
    f->numbers[0] = p->compare.numbers[0];
    f->numbers[1] = p->compare.numbers[1];
    if (f->count_op == ASK_LT || f->count_op == ASK_LE)
        p->penalty += 0.25, plan_note(p, "those that have none are left out");
    p->compare.there = false;
    p->subject = -1;
    p->focus = ref.table;
    return true;
}

static void plan_compare_column(plan_state *p, ask_ref ref) {
    if (compare_sum(p, ref)) return;
    if (p->compare.op == ASK_EQ && plan_column(p, ref)->key) p->row_of = ref.table;
    if (plan_elsewhere(p, ref.table) && p->focus != ref.table && p->entity_plural) { /* of what they have */
        p->penalty += 0.25;
        plan_note(p, "'%.*s' is that of '%.*s'", LH_STR_ARG(plan_column(p, ref)->name),
                  LH_STR_ARG(p->schema->tables[ref.table].shown));
    }
    ask_filter *f = plan_filter(p, ref, p->compare.op);
    if (f)
        f->numbers[0] = p->compare.numbers[0], f->numbers[1] = p->compare.numbers[1], f->average = p->compare.average;
    if (p->compare.average)
        plan_note(p, "the average is that of all '%.*s'", LH_STR_ARG(p->schema->tables[ref.table].shown));
    p->compare.there = false;
    p->subject = -1;
}

/* The column that was said last: named, or taken for a value of another ("delivered", of a status, with its own date). */
static ask_ref compare_said(plan_state *p, size_t at, bool temporal) {
    ask_ref none = {-1, -1};
    if (p->subject >= 0 && p->mentioned[p->subject].at + 4 >= at && !p->mentioned[p->subject].placed &&
        (temporal ? plan_temporal : plan_numeric)(plan_column(p, p->mentioned[p->subject].ref)))
        return p->mentioned[p->subject].ref;
    if (!temporal || p->value_end != at || !p->plan.filter_count) return none;
    const ask_filter *last = &p->plan.filters[p->plan.filter_count - 1];
    const ask_table *of = last->column.table >= 0 ? &p->schema->tables[last->column.table] : NULL;
    for (size_t c = 0; of && last->op == ASK_EQ && last->value_count == 1 && c < of->column_count; c++) {
        const ask_ref ref = {last->column.table, (int)c};
        if (!plan_temporal(&of->columns[c]) || !lexicon_column_has(p->lex, ref, &p->tokens[at - 1])) continue;
        p->plan.filter_count--;
        return ref;
    }
    return none;
}

size_t plan_compare_columns(plan_state *p, size_t at) {
    static const struct {
        const char *words;
        ask_op op;
        bool temporal;
    } rows[] = {{"higher than", ASK_GT, false}, {"more than", ASK_GT, false},    {"greater than", ASK_GT, false},
                {"above", ASK_GT, false},       {"over", ASK_GT, false},         {"larger than", ASK_GT, false},
                {"exceeds", ASK_GT, false},     {"lower than", ASK_LT, false},   {"less than", ASK_LT, false},
                {"below", ASK_LT, false},       {"smaller than", ASK_LT, false}, {"under", ASK_LT, false},
                {"after", ASK_GT, true},        {"later than", ASK_GT, true},    {"before", ASK_LT, true},
                {"earlier than", ASK_LT, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t next = at;
        bool said = true;
        for (lh_str rest = lh_str_from(rows[i].words); rest.len && said; next++) {
            lh_str word = lh_str_split(&rest, ' ');
            said = next < p->count && p->tokens[next].kind == ASK_WORD && lh_str_eq(p->tokens[next].word, word);
        }
        while (said && plan_is_word(p, next, "the its their it they was were is")) next++;
        plan_choice other = said && next < p->count ? plan_best_column(p, next, WANT_ANY) : (plan_choice){0};
        if (!other.there || other.match.score < 0.7) continue;
        const ask_column *column = plan_column(p, other.match.ref);
        bool date = plan_temporal(column), sign = !rows[i].temporal && ask_in(lh_str_from(rows[i].words), "over under");
        bool fits = date ? rows[i].temporal || sign : plan_numeric(column) && !rows[i].temporal;
        ask_ref ref = fits ? compare_said(p, at, date) : PLAN_NONE;
        if (!plan_has(ref) || ref.table != other.match.ref.table || plan_same(ref, other.match.ref)) continue;
        plan_place(p, ref);
        ask_filter *f = plan_filter(p, ref, rows[i].op);
        if (f) f->other = other.match.ref;
        return next + other.match.words + (date && plan_is_word(p, next + other.match.words, "date")) - at;
    }
    return 0;
}

void plan_having(plan_state *p, size_t measure, ask_op op, const double *numbers) {
    p->plan.has_having = true;
    p->plan.having_measure = measure;
    p->plan.having_op = op;
    p->plan.having[0] = numbers[0];
    p->plan.having[1] = numbers[1];
}

/* "How many cities have more than 3 readers": the groups are counted. */
static bool plan_compare_counted(plan_state *p, int table) {
    ask_measure *m = p->plan.measure_count == 1 ? &p->plan.measures[0] : NULL;
    if (!m || m->fn != ASK_COUNT_DISTINCT || !plan_has(m->column) || p->plan.group_count || p->compare.average ||
        ask_path(p->schema, table, m->column.table, NULL) < 0)
        return false;
    plan_group(p, m->column, ASK_WHOLE);
    *m = (ask_measure){.fn = ASK_COUNT, .column = {table, -1}};
    plan_having(p, 0, p->compare.op, p->compare.numbers);
    p->plan.count_of_groups = true;
    return true;
}

static void plan_compare_table(plan_state *p, int table) {
    if (plan_compare_counted(p, table)) {
        p->compare.there = false;
        p->focus = table;
        return;
    }
    bool of_groups = plan_has(p->entity_column) || p->entity_part || p->plan.group_count;
    p->compare.there = false;
    if (p->compare.average) plan_doubt(p, LH_STR("average"));
    if (of_groups || table == p->entity) {
        plan_having(p, plan_measure(p, ASK_COUNT, (ask_ref){table, -1}), p->compare.op, p->compare.numbers);
        return;
    }
    ask_filter *f = plan_filter(p, (ask_ref){table, -1}, ASK_COUNTS);
    if (!f) return;
    f->count_op = p->compare.op;
    f->numbers[0] = p->compare.numbers[0];
    f->numbers[1] = p->compare.numbers[1];
    p->focus = table;
}

/* "members under 30", of people whose birth is known. */
static bool compare_age(plan_state *p, int table) {
    ask_ref birth = plan_is_people(p, table) ? plan_hinted(p, table, "birth born dob", false) : PLAN_NONE;
    bool young = p->compare.op == ASK_LT || p->compare.op == ASK_LE;
    const double said = p->compare.numbers[0];
    int y, m, d, years = said >= 1 && said <= 110 ? (int)said : 0;
    if (!plan_has(birth) || !plan_temporal(plan_column(p, birth)) || p->compare.money || p->compare.average ||
        (!young && p->compare.op != ASK_GT && p->compare.op != ASK_GE) || years < 1)
        return false;
    ask_civil(p->question->today, &y, &m, &d);
    if (p->compare.op == ASK_GT || p->compare.op == ASK_LE) years++; /* over 30: who is 31 */
    int64_t day = ask_day(y - years, m, m == 2 && d == 29 ? 28 : d) + 1;
    ask_filter *f = plan_filter(p, birth, ASK_IN_TIME);
    if (f)
        f->when = young ? (ask_when){.kind = ASK_RANGE, .has_from = true, .from = day}
                        : (ask_when){.kind = ASK_RANGE, .has_to = true, .to = day};
    plan_note(p, "the age is that by '%.*s'", LH_STR_ARG(plan_column(p, birth)->name));
    p->compare.there = false;
    return true;
}

/* "charge over 40", "hold more than 2000": of what is done so. */
static ask_ref compare_done(const plan_state *p, int table, size_t at) {
    static const char *const verbs[][2] = {
        {"earn earns earning make makes making paid gets", "salary wage pay earnings income rate"},
        {"charge charges charging", "fee price rate charge cost"},
        {"hold holds holding seat seats seating fit fits accommodate accommodates", "capacity seats size"},
        {"weigh weighs weighing", "weight"}};
    for (size_t k = at > 6 ? at - 6 : 0; k < at; k++)
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
            if (plan_is_word(p, k, verbs[i][0])) {
                ask_ref ref = plan_hinted(p, table, verbs[i][1], true);
                if (plan_has(ref)) return ref;
            }
    return (ask_ref){table, -1};
}

/* Neither: the column that the unit or the comparison speaks of, or the only number that there is. */
static size_t plan_resolve_near(plan_state *p, size_t at, size_t i, size_t unit) {
    bool is_unit = unit > 0;
    int near = p->focus >= 0 ? p->focus : p->entity >= 0 ? p->entity : p->main_table;
    ask_ref hinted = {-1, -1};
    for (size_t k = 0; k < p->plan.filter_count && near < 0; k++) near = p->plan.filters[k].column.table;
    if (near >= 0 && p->compare.hints) hinted = plan_hinted(p, near, p->compare.hints, true);
    if (near >= 0 && !plan_has(hinted)) hinted = compare_done(p, near, at);
    if (near >= 0 && p->compare.money && !plan_has(hinted)) hinted = plan_money(p, near);
    if (near >= 0 && is_unit && !plan_has(hinted)) {
        char words[64];
        lh_str one = p->tokens[i].one;
        snprintf(words, sizeof words, "%.*s%s", (int)(one.len < 20 ? one.len : 0), one.ptr,
                 lh_str_eq(one, LH_STR("mile"))                  ? " distance"
                 : ask_in(one, "dollar euro eur usd pound buck") ? " price amount cost salary rate total"
                 : lh_str_eq(one, LH_STR("hour"))                ? " hours"
                 : lh_str_eq(one, LH_STR("year"))                ? " experience age"
                 : lh_str_eq(one, LH_STR("mph"))                 ? " speed"
                 : ask_in(one, "square sqm sqft")                ? " area size"
                 : ask_in(one, "foot feet")                      ? " alt altitude elevation height"
                                                                 : "");
        hinted = plan_hinted(p, near, words, true);
        if (plan_has(hinted) && ask_in(plan_column(p, hinted)->name, compare_parts)) hinted.column = -1;
    }
    bool other = !is_unit && i == at && i < p->count && p->tokens[i].kind == ASK_WORD &&
                 !plan_filler(&p->tokens[i]); /* it is of that */
    bool no_years = plan_is_word(p, at, "of") || /* 15 of something, 20 an hour */
                    (plan_is_word(p, at, "a an per each") && plan_is_word(p, at + 1, "hour day week month"));
    if (near >= 0 && !plan_has(hinted) && !other && !no_years && compare_age(p, near)) return unit;
    if (near >= 0 && !plan_has(hinted) && !other) { /* the only number that there is */
        size_t numbers = 0, refer = 0; /* charges over 100: their amount, and no number of what they are of */
        const ask_table *of = &p->schema->tables[near];
        for (size_t c = 0; c < of->column_count; c++) {
            if (!plan_numeric(&of->columns[c]) || of->columns[c].key) continue;
            if (ask_names_key(of->columns[c].name)) refer++;
            else numbers++;
            if (!ask_names_key(of->columns[c].name) || !numbers) hinted = (ask_ref){near, (int)c};
        }
        bool amount = numbers == 1 && plan_sums(plan_column(p, hinted)->name);
        if (numbers + refer != 1 && !amount) hinted.column = -1;
        else p->penalty += 0.05, plan_note(p, "the number is of '%.*s'", LH_STR_ARG(plan_column(p, hinted)->name));
    }
    if (plan_has(hinted)) {
        if (is_unit) plan_scale(p, hinted, &p->tokens[i]);
        plan_compare_column(p, hinted);
        return unit;
    }
    p->compare.there = false;
    plan_doubt(p, p->tokens[at - 1].raw);
    return unit;
}

/* More than 5 open job orders: a value, then its table. */
static size_t plan_resolve_value(plan_state *p, size_t at, size_t i, bool named) {
    plan_choice value = i < p->count ? plan_best_value(p, i) : (plan_choice){0}; /* more than 5 open job orders */
    size_t behind = i + (value.there ? value.match.words : 0);
    plan_choice then =
        value.there && value.match.score >= 0.95 && behind < p->count ? plan_best_table(p, behind) : (plan_choice){0};
    if (then.there && then.match.score >= 0.9 && !named) {
        plan_compare_table(p, then.match.ref.table);
        plan_on_value(p, &value);
        return behind + then.match.words - at;
    }
    return 0;
}

/* "loaned more than 3 times", "more than once": so many rows of what was done. */
static bool plan_resolve_times(plan_state *p, size_t at, size_t *ret_words) {
    bool times = at < p->count && p->tokens[at].kind == ASK_WORD && ask_in(p->tokens[at].word, "times time"),
         once = at && p->tokens[at - 1].kind == ASK_WORD && ask_in(p->tokens[at - 1].word, "once twice");
    const ask_filter *f = p->plan.filter_count ? &p->plan.filters[p->plan.filter_count - 1] : NULL;
    if (!times && !once) return false;
    *ret_words = times ? 1 : 0;
    bool state =
        f && f->op == ASK_EQ && !f->not && !f->by_way && plan_elsewhere(p, f->column.table) && p->value_end + 4 > at;
    if (f && f->op == ASK_EXISTS && !f->not&&!p->compare.average) {
        p->plan.filter_count--;
        plan_compare_table(p, f->column.table);
    } else if (state && !p->compare.average) { /* hired more than once: so many rows that say so */
        plan_compare_table(p, f->column.table);
    } else {
        p->compare.there = false;
        plan_doubt(p, p->tokens[times ? at : at - 1].raw);
    }
    return true;
}

/* The column behind the number, rather than the table that it may name, too, or the column before it. */
static bool plan_takes_column(const plan_state *p, const plan_choice *column, const plan_choice *table, bool subject) {
    bool rows = table->there && table->match.score >= 0.9,
         one = p->compare.numbers[0] > 0 && p->compare.numbers[0] < 2; /* one loan: of the loans */
    if (!column->there || column->match.score < 0.5 || (subject && column->match.score < 0.9)) return false;
    return !rows || (!one && table->score <= column->score - 0.2);
}

/* "40 dollars an hour": what that is for, of the words behind the unit. */
static size_t compare_each(const plan_state *p, size_t unit) {
    if (plan_is_word(p, unit, "square") && plan_is_word(p, unit + 1, "meter meters metre metres foot feet yard yards"))
        return 1;
    bool money = plan_is_word(p, unit, "dollar dollars usd euro euros eur pound pounds buck bucks");
    return money && plan_is_word(p, unit + 1, "a an per") && plan_is_word(p, unit + 2, "hour day night week month year")
               ? 2
               : 0;
}

static void compare_close(plan_state *p, const plan_choice *column) {
    p->penalty += column->match.score < 0.9 ? 0.45 : 0.1; /* of two kinds of hours */
    plan_note(p, "'%.*s' is taken for the number, not '%.*s'", LH_STR_ARG(plan_column(p, column->match.ref)->name),
              LH_STR_ARG(plan_column(p, column->other.ref)->name));
}

/* Groups, of which a number was asked for: "an average salary above 90,000"; "how many has each? Only those with more than one." */
static bool compare_groups(plan_state *p, size_t i, size_t unit) {
    const ask_plan *plan = &p->plan;
    bool ends = i >= p->count || p->tokens[i].kind == ASK_STOP,
         counts = ends && !unit && plan->group_count && plan->measure_count == 1 &&
                  plan->measures[0].fn <= ASK_COUNT_DISTINCT,
         rows = plan->measure_count && (plan->group_count || plan_has(p->entity_column) || p->entity >= 0) &&
                plan->measures[0].fn != ASK_SHARE && !p->extreme && !p->compare.average &&
                (p->lead == LEAD_WHICH || p->lead == LEAD_LIST || p->lead == LEAD_WHO ||
                 (p->lead == LEAD_NONE && p->entity >= 0 && plan->measures[0].column.table != p->entity));
    if (!counts && !rows) return false;
    plan_having(p, 0, p->compare.op, p->compare.numbers);
    p->compare.there = false;
    return true;
}

/* What is more than 5? A column or table behind it, else the column before it. Returns the words that it takes behind. */
size_t plan_resolve(plan_state *p, size_t at) {
    size_t i = at, unit = 0;
    if (plan_has(p->counted)) return plan_resolve_role(p, at);
    if (plan_resolve_times(p, at, &unit)) return unit;
    while (
        i < p->count && p->tokens[i].kind == ASK_WORD &&
        (ask_in(p->tokens[i].word, "of in a different") ||
         (i > at && ask_is(&p->tokens[i - 1], "of") && ask_in(p->tokens[i].word, "our the my their your these those"))))
        i++; /* 5 of our customers */
    const size_t unit_at = i;
    bool is_unit = i < p->count && plan_unit(&p->tokens[i]);
    if (is_unit) unit = i + 1 - at + compare_each(p, i);
    int saved = p->fn;
    p->fn = -1;
    bool subject = p->subject >= 0 && plan_numeric(plan_column(p, p->mentioned[p->subject].ref)) &&
                   !p->mentioned[p->subject].placed;
    plan_choice column = {0}, table = {0};
    if (i < p->count) column = plan_best_column(p, i, WANT_NUMBER), table = plan_best_table(p, i);
    if (is_unit && !(column.there && column.match.words > 1)) {
        size_t k = i + 1;
        while (k < p->count && p->tokens[k].kind == ASK_WORD && ask_in(p->tokens[k].word, "of in")) k++;
        plan_choice later = k < p->count ? plan_best_column(p, k, WANT_NUMBER) : (plan_choice){0};
        bool measured = p->plan.measure_count && plan_has(p->plan.measures[p->plan.measure_count - 1].column);
        if (later.there && later.match.score >= 0.5) column = later, i = k;
        else if (subject || measured || p->compare.hints)
            column.there = false; /* 15 minutes, not a minute of the hour */
        table.there = false;
    }
    column.there =
        column.there && !(is_unit && i == unit_at && plan_is_part(p, &column.match)) &&
        !(is_unit && i == unit_at && column.match.score < 0.9 && p->entity >= 0 &&
          column.match.ref.table != p->entity && column.match.words == 1); /* 30 days: no other row's terms */
    if (at > 1 && plan_is_word(p, at - 2, "within") && is_unit) plan_doubt(p, p->tokens[at - 2].raw);
    p->fn = saved;
    size_t open = plan_resolve_value(p, at, i, column.there && column.match.score >= 0.95);
    if (open) return open;
    if (plan_takes_column(p, &column, &table, subject)) {
        if (column.close) compare_close(p, &column);
        if (is_unit) plan_scale(p, column.match.ref, &p->tokens[unit_at]);
        plan_compare_column(p, column.match.ref);
        return i + column.match.words - at;
    }
    if (table.there && table.match.score >= 0.5 && !(subject && table.match.score < 0.9)) {
        plan_compare_table(p, table.match.ref.table);
        return i + table.match.words - at;
    }
    if (subject) {
        plan_place_subject(p);
        if (is_unit) plan_scale(p, p->mentioned[p->subject].ref, &p->tokens[unit_at]);
        plan_compare_column(p, p->mentioned[p->subject].ref);
        return unit;
    }
    return compare_groups(p, i, unit) ? unit : plan_resolve_near(p, at, i, unit);
}
