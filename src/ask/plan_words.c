/* The words of form of a question: how many, average, most, per, more than, without, … Each sets what the next table, column, value or
 * number is taken for. */
#include "ask/plan_internal.h"

/* Do the words of the list stand at `at`? How many. */
size_t plan_form_at(const plan_state *p, size_t at, const char *words) {
    return ask_words_at(p->tokens, p->count, at, words);
}

/* The longest of them; *ret_row: which. */
static size_t form_longest(const plan_state *p, size_t at, const char *const *forms, size_t count, size_t *ret_row) {
    size_t best = 0;
    for (size_t i = 0; i < count; i++) {
        size_t n = plan_form_at(p, at, forms[i]);
        if (n > best) best = n, *ret_row = i;
    }
    return best;
}
#define FORM(p, at, ret, ...)                                                                                          \
    form_longest((p), (at), (const char *const[]){__VA_ARGS__},                                                        \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), (ret))

void plan_mark_filler(ask_token *token) {
    token->filler =
        token->kind == ASK_STOP ||
        (token->kind == ASK_WORD && !(token->upper && lh_str_eq(token->raw, LH_STR("US"))) && /* a country */
         ask_in(token->word,
                "a an the of in on at to for from with is are was were be been being am do does did have has had "
                "having get got gets "
                "and or but that which who whom whose what where there their its it they them these those this his her "
                "our ours us we my i you your me please can could would will shall should may many much any some "
                "all each both "
                "so as then also just only ever still now written wrote write writes fly flies flew flown operate "
                "operates operated depart departed departing arrive arrived arriving leave leaves left sent send "
                "received receive handled handle employ employs worked earn earned currently current right overall "
                "altogether together ones one "
                "found by into out up through under over about within across among per via toward towards during like "
                "own such "
                "show list give tell find display return provide want know need see look calculate compute "
                "located based live lives living work works working come comes came coming made make makes go goes "
                "going "
                "went "
                "record records row rows entry entries data dataset table database lake system value values number "
                "amount "
                "exist exists existing belong belongs belonging using use stand stands "
                "take takes took taken happen happened happens occur occurred occurs held hold holds "
                "arranged associated related linked attached assigned registered recorded lasted last ended ends end "
                "logged listed "
                "person people individual individuals thing things kind kinds respectively corresponding "
                "set sets far yet already anything something place pls plz details moment usually typically normally "
                "detail info information subscribed ago between if every "
                "whole entire "
                "given "
                "whats anywhere anyone anybody somewhere flying sit sits "
                "ok hello hi thanks thank"));
}

/* ---- what is asked ---- */

static size_t form_lead(plan_state *p, size_t at) {
    size_t row = 0, n = FORM(p, at, &row, "list", "show", "show me", "give me", "display", "find", "find me", "get",
                             "get me", "tell me", "return", "fetch", "list all", "show all", "show me all",
                             "give me all", "find all", "get all", "enumerate", "what are the names of");
    if (n && at < 3) {
        if (row == 19) n = 3; /* "names" stays */
        return p->lead = LEAD_LIST, p->lead_open = true, n;
    }
    n = FORM(p, at, &row, "what will", "how much will", "how high will", "how many will");
    if (n) return plan_doubt(p, p->tokens[at + n - 1].raw), n; /* nobody knows */
    n = FORM(p, at, &row, "which", "what", "who", "whose", "when", "whom");
    if (n && (p->lead == LEAD_NONE || row < 2) && p->lead != LEAD_WHICH && p->lead != LEAD_WHO) {
        bool leads = at < 4 && !(at && p->entity >= 0 && p->entity_at + 1 == at); /* performers who …: those */
        if (row == 4) {
            if (leads) p->lead = LEAD_WHEN;
        } else if (row == 2 || row == 4) {
            if (leads) p->lead = LEAD_WHO;
        } else if (row != 3 && leads) p->lead = LEAD_WHICH, p->lead_open = true;
        return n;
    }
    n = FORM(p, at, &row, "how long", "how long does it take", "how long does it take to", "how long did it take",
             "how long did it take to", "how many days does it take", "how many days does it take to",
             "how many days did it take", "how many days did it take to", "how many days do", "how long do",
             "how long does", "how long did", "how long are", "how long is", "how long were", "how long was");
    if (n) return p->how_long = true, p->lead_open = false, n;
    if (p->how_long && (n = FORM(p, at, &row, "last", "lasts", "lasted", "take", "run", "stay", "to"))) return n;
    n = at == 0 ? FORM(p, at, &row, "rank", "rank all", "rank the", "rank our", "ranking of") : 0;
    if (n) return p->ranking = p->lead_open = true, p->lead = LEAD_WHICH, n;
    n = at == 0 ? FORM(p, at, &row, "compare", "comparison of", "compare the") : 0;
    if (n) return p->comparing = true, p->fn = ASK_COUNT, n;
    n = FORM(p, at, &row, "are there any", "is there any", "is there a", "is there an", "do we have any", "are there");
    if (n && at == 0) return p->lead = LEAD_EXISTS, p->fn = ASK_COUNT, n;
    return 0;
}

/* "where candidates earn over 90000 on average": the average of each is compared, not each row. */
static bool form_of_each(plan_state *p, size_t at, ask_fn fn) {
    ask_plan *plan = &p->plan;
    ask_filter *f = plan->filter_count ? &plan->filters[plan->filter_count - 1] : NULL;
    bool groups = plan_has(p->entity_column) || p->entity_part || plan->group_count ||
                  (f && p->entity >= 0 && p->entity != f->column.table);
    if (!f || !groups || p->compare.at + 2 < at || f->op < ASK_GT || f->op > ASK_BETWEEN || f->average || f->not||
        plan->has_having || !plan_has(f->column))
        return false;
    ask_filter compared = *f;
    plan->filter_count--;
    plan_having(p, plan_measure(p, fn, compared.column), compared.op, compared.numbers);
    return true;
}

/* "planes by number of engines", a column; "readers by number of loans", in that order. 0: neither is behind it. */
static size_t form_by_number(plan_state *p, size_t at) {
    if (!p->grouping || at >= p->count) return 0;
    plan_choice table = plan_best_table(p, at), column = plan_best_column(p, at, WANT_NUMBER);
    bool rows = table.there && table.match.score >= 0.9;
    if (rows && p->entity >= 0 && p->entity != table.match.ref.table && !p->plan.measure_count) {
        p->grouping = false;
        p->ordering = p->plan.descending = true;
        plan_on_table(p, table.match.ref.table, table.match.words, at);
        return table.match.words;
    }
    if (rows || !column.there || column.match.score < 0.9) return 0;
    plan_on_column(p, &column.match, at);
    return column.match.words;
}

/* "min, max and average price": each of them of the column behind. */
static size_t form_list_of(plan_state *p, size_t at) {
    static const struct {
        const char *words;
        ask_fn fn;
    } rows[] = {{"average avg mean", ASK_AVG},
                {"median", ASK_MEDIAN},
                {"sum total", ASK_SUM},
                {"min minimum lowest", ASK_MIN},
                {"max maximum highest", ASK_MAX}};
    ask_fn fns[8];
    size_t count = 0, i = at;
    for (bool apart = true; i < p->count && count < 8; i++) {
        size_t before = count;
        bool between = p->tokens[i].kind == ASK_STOP || (p->tokens[i].kind == ASK_WORD && ask_is(&p->tokens[i], "and"));
        apart |= between;
        if (between) continue;
        if (!apart) break;
        apart = false;
        for (size_t k = 0; k < sizeof rows / sizeof *rows && p->tokens[i].kind == ASK_WORD; k++)
            if (ask_in(p->tokens[i].word, rows[k].words)) fns[count++] = rows[k].fn;
        if (before == count) break;
    }
    plan_choice of = count > 1 && i < p->count ? plan_best_column(p, i, WANT_NUMBER) : (plan_choice){0};
    if (!of.there || of.match.score < 0.75 || p->extreme) return 0;
    for (size_t k = 0; k < count; k++) (void)plan_measure(p, fns[k], of.match.ref);
    p->focus = of.match.ref.table;
    p->lead_open = false;
    return i + of.match.words - at;
}

static const struct {
    const char *words;
    int fn;
} form_aggregates[] = {{"how many", ASK_COUNT},
                       {"number of", ASK_COUNT},
                       {"the number of", ASK_COUNT},
                       {"count of", ASK_COUNT},
                       {"count", ASK_COUNT},
                       {"counts of", ASK_COUNT},
                       {"how often", ASK_COUNT},
                       {"how much", ASK_SUM},
                       {"how many times", ASK_COUNT},
                       {"average", ASK_AVG},
                       {"mean", ASK_AVG},
                       {"avg", ASK_AVG},
                       {"typical", ASK_AVG},
                       {"total", ASK_SUM},
                       {"sum", ASK_SUM},
                       {"sum of", ASK_SUM},
                       {"combined", ASK_SUM},
                       {"median", ASK_MEDIAN},
                       {"total number of", ASK_COUNT},
                       {"total count of", ASK_COUNT},
                       {"total amount of", ASK_SUM},
                       {"average number of", 100},
                       {"mean number of", 100},
                       {"numbers of", ASK_COUNT},
                       {"on average", 101},
                       {"in total", 102},
                       {"altogether", 102},
                       {"average count of", 100},
                       {"what do they add up to", ASK_SUM},
                       {"what do they come to", ASK_SUM},
                       {"what do they total", ASK_SUM},
                       {"what does it add up to", ASK_SUM},
                       {"what does it come to", ASK_SUM},
                       {"what are they worth", ASK_SUM},
                       {"how much do they add up to", ASK_SUM},
                       {"how much do they come to", ASK_SUM},
                       {"how much money", ASK_SUM}};

/* "sum of total by client": the column is called so. */
static bool form_is_called(const plan_state *p, size_t at, int fn) {
    lexicon_match found[PLAN_MATCHES];
    lh_str behind =
        lh_str_sub(p->question->text, (size_t)(p->tokens[at].raw.ptr + p->tokens[at].raw.len - p->question->text.ptr),
                   p->question->text.len);
    bool sign = lh_str_starts(behind, LH_STR(" (")); /* Total (€) */
    bool waits = sign || p->fn >= 0 || p->extreme || p->ordering || p->compare.there || p->tokens[at].capital;
    size_t n = fn == ASK_SUM && (waits || p->tokens[at].plural)
                   ? lexicon_columns(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES)
                   : 0;
    bool called = false;
    for (size_t i = 0; i < n; i++)
        called |=
            found[i].score >= 0.97 && plan_numeric(plan_column(p, found[i].ref)) && (at > 0 || p->fn >= 0 || sign);
    if (!called && plan_is_word(p, at + 1, "of") && p->fn < 0) { /* total of invoice 5, which has a total */
        plan_choice rows = at + 2 < p->count ? plan_best_table(p, at + 2) : (plan_choice){0};
        n = rows.there && rows.match.score >= 0.9 && !p->tokens[at + 1 + rows.match.words].plural && fn == ASK_SUM
                ? lexicon_columns(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES)
                : 0;
        for (size_t i = 0; i < n; i++) called |= found[i].score >= 0.97 && found[i].ref.table == rows.match.ref.table;
    }
    plan_choice of = called && at + 1 < p->count ? plan_best_column(p, at + 1, WANT_NUMBER) : (plan_choice){0};
    bool other = of.there && of.match.score >= 0.9 && p->tokens[at + of.match.words].plural;
    for (size_t i = 0; i < n && other; i++) other = !(found[i].score >= 0.97 && plan_same(found[i].ref, of.match.ref));
    return called && !other; /* the highest total tips: no total of another kind */
}

static size_t form_aggregate(plan_state *p, size_t at) {
    size_t best = 0, row = 0;
    for (size_t i = 0; i < sizeof form_aggregates / sizeof *form_aggregates; i++) {
        size_t n = plan_form_at(p, at, form_aggregates[i].words);
        if (n > best) best = n, row = i;
    }
    if (!best) return 0;
    int fn = form_aggregates[row].fn;
    lexicon_match amount[4]; /* "total amount of": the column may be called so */
    if (lh_str_eq(lh_str_from(form_aggregates[row].words), LH_STR("total amount of")) &&
        lexicon_columns(p->lex, p->tokens, p->count, at + 1, amount, 4) && amount[0].score >= 0.97)
        best = 1;
    size_t numbers = fn == ASK_COUNT ? form_by_number(p, at + best) : 0;
    if (numbers) return best + numbers;
    if (fn == 102) return form_of_each(p, at, ASK_SUM), best;
    if (fn == ASK_COUNT && p->subject >= 0 && p->mentioned[p->subject].at + 1 == at && !p->grouping &&
        (plan_form_at(p, at, "number of") || plan_form_at(p, at, "numbers of")) &&
        plan_column(p, p->mentioned[p->subject].ref)->type == ASK_TEXT)
        return 1; /* the phone number of */
    if (fn == ASK_COUNT && at && p->entity >= 0 && p->entity_at + 1 == at && !p->entity_plural &&
        plan_is_word(p, at, "number numbers"))
        plan_doubt(p, p->tokens[at].raw); /* the room number of a booking: not how many */
    if (fn == ASK_COUNT && p->value_end == at && at && p->tokens[at - 1].kind == ASK_WORD &&
        plan_is_word(p, at, "number numbers"))
        plan_doubt(p, p->tokens[at].raw); /* phone number, where no column is one: not how many by phone */
    if (form_is_called(p, at, fn)) return 0;
    size_t before = at && ask_is(&p->tokens[at - 1], "the") ? at - 1 : at;
    if (before && ask_is(&p->tokens[before - 1], "than")) /* more pages than average */
        return plan_doubt(p, p->tokens[at].raw), best;
    p->said[fn == 100 || fn == 101 ? ASK_AVG : fn] = p->tokens[at].raw;
    if (fn == 101) {
        if (!p->plan.measure_count && p->fn < 0 && p->entity >= 0 && p->plan.group_count == 1 &&
            !plan_has(p->plan.groups[0].column) && !p->plan.groups[0].part) { /* loans per reader on average */
            plan_measure(p, ASK_COUNT, (ask_ref){p->entity, -1});
            p->mean = true;
            return best;
        }
        if (form_of_each(p, at, ASK_AVG)) return best;
        if (p->plan.measure_count && p->plan.measures[0].fn == ASK_SUM) p->plan.measures[0].fn = ASK_AVG;
        else if (p->plan.measure_count && p->plan.measures[0].fn == ASK_COUNT) p->mean = true;
        else p->fn = p->fn == ASK_COUNT ? p->fn : ASK_AVG, p->mean |= p->fn == ASK_COUNT;
        return best;
    }
    if (fn == ASK_COUNT && p->fn == ASK_AVG && at && ask_in(p->tokens[at - 1].word, "average avg mean"))
        fn = 100; /* avg number of */
    if (fn == 100) p->mean = true, fn = ASK_COUNT;
    p->how_much = fn == ASK_SUM && plan_is_word(p, at, "how what");
    plan_count_first(p, at);
    p->fn = fn;
    p->lead_open = false;
    if (p->grouping && p->entity < 0 && !plan_has(p->entity_column) && !p->plan.measure_count)
        plan_doubt(p, p->tokens[at].raw); /* servers by number of checks: what is grouped is not known */
    p->grouping = false;
    return best;
}

/* "running total of loans per month", "growth in loans" */
static size_t form_series(plan_state *p, size_t at) {
    size_t row = 0, n = FORM(p, at, &row, "running total of", "running total", "running count of", "running sum of",
                             "cumulative number of", "cumulative count of", "cumulative total of", "cumulative");
    if (n) p->plan.running = true;
    else {
        n = FORM(p, at, &row, "growth in", "growth of", "growth rate of", "growth in the number of", "change in",
                 "change in the number of", "increase in", "increase in the number of", "growth");
        if (n) p->plan.growth = true;
    }
    if (!n) {
        n = FORM(p, at, &row, "year over year", "year on year", "yoy", "month over month", "month on month", "mom");
        if (!n) return 0;
        p->plan.growth = true;
        plan_group(p, PLAN_NONE, row < 3 ? ASK_YEAR : ASK_MONTH);
    }
    p->series = p->tokens[at].raw;
    if (p->fn < 0 && !p->plan.measure_count) p->fn = p->entity >= 0 ? ASK_COUNT : ASK_SUM;
    p->lead_open = p->grouping = false;
    return n;
}

static size_t form_share(plan_state *p, size_t at) {
    size_t row = 0, n = FORM(p, at, &row, "what share of", "what percentage of", "what percent of",
                             "what proportion of", "what fraction of", "share of", "percentage of", "percent of",
                             "proportion of", "fraction of", "how many percent of", "percentage", "share", "percent");
    if (!n) return 0;
    p->share = true;
    p->fn = ASK_COUNT;
    p->lead_open = false;
    if (p->lead == LEAD_WHICH) p->lead = LEAD_NONE;
    return n;
}

/* ---- numbers ---- */

/* Also once and twice. */
double plan_word_number(const ask_token *t, bool *ret) {
    double number = ask_word_number(t, ret);
    if (!*ret && t->kind == ASK_WORD && ask_in(t->word, "once twice")) return *ret = true, ask_is(t, "once") ? 1 : 2;
    return number;
}

/* ---- groups and order ---- */

/* "hours worked by readers": who did it, not a group. */
static bool form_is_agent(const plan_state *p, size_t at) {
    bool verb =
        at && p->tokens[at - 1].kind == ASK_WORD &&
        (lh_str_ends(p->tokens[at - 1].word, LH_STR("ed")) || ask_in(p->tokens[at - 1].word, "made sent flown"));
    plan_choice who = verb && at + 1 < p->count ? plan_best_table(p, at + 1) : (plan_choice){0};
    return who.there && who.match.score >= 0.9 && p->tokens[at + who.match.words].plural;
}

static bool form_is_value_only(const plan_state *p, size_t at) {
    plan_choice value = at < p->count ? plan_best_value(p, at) : (plan_choice){0},
                column = at < p->count ? plan_best_column(p, at, WANT_ANY) : (plan_choice){0};
    return value.there && value.match.score >= 0.95 &&
           !(column.there && column.match.score >= 0.9 && p->entity == column.match.ref.table);
}

static size_t form_group(plan_state *p, size_t at) {
    size_t row = 0, n = FORM(p, at, &row, "per", "for each", "for every", "in each", "of each", "by each", "each",
                             "every", "broken down by", "grouped by", "group by", "split by", "for all", "at each",
                             "from each", "on each", "in every", "within each", "segmented by", "across", "by");
    if (n && plan_is_word(p, at, "per") && at + 1 < p->count && p->tokens[at + 1].kind == ASK_NUMERAL)
        return plan_doubt(p, p->tokens[at].raw), n; /* litres per 100 km */
    if (n) {
        bool by = row == 20, across = row == 19 || row == 12;
        size_t ignored = 0;
        if (across || (by && form_is_agent(p, at))) return n;
        if (by && p->not&&form_is_value_only(p, at + n)) return n; /* not by phone */
        if (by && p->extreme && !p->order_set && p->entity >= 0 && !p->plan.measure_count && p->fn < 0 &&
            at + n < p->count && plan_best_column(p, at + n, WANT_NUMBER).match.score >= 0.9)
            return p->ordering = true, n; /* the biggest class by capacity */
        if (by && FORM(p, at + 1, &ignored, "more than", "at least", "less than", "over", "under", "at most", "up to",
                       "exactly"))
            return n;
        if (by && p->ranking && !p->order_set) return p->ordering = p->plan.descending = true, n;
        if (by && p->extreme && (p->lead == LEAD_LIST || p->top || p->extreme_hints) && !p->order_set)
            return p->ordering = true, n;
        size_t role = plan_group_role(p, at + n);
        if (role) return n + role;
        p->grouping = true;
        p->each = !by && row != 0;
        p->fn = p->plan.measure_count ? -1 : p->fn;
        plan_drop_not(p);
        p->with = false;
        return n;
    }
    n = FORM(p, at, &row, "hourly", "daily", "weekly", "monthly", "annual", "yearly");
    if (n && plan_is_word(p, at + n, "rate rates wage wages salary salaries fee fees rent premium allowance")) return n;
    n = FORM(p, at, &row, "monthly", "yearly", "annually", "weekly", "daily", "quarterly", "hourly", "annual");
    if (n) {
        static const ask_part parts[] = {ASK_MONTH,    ASK_YEAR,    ASK_YEAR,        ASK_WEEK,
                                         ASK_DATE_DAY, ASK_QUARTER, ASK_HOUR_OF_DAY, ASK_YEAR};
        plan_group(p, PLAN_NONE, parts[row]);
        return n;
    }
    n = FORM(p, at, &row, "sorted by", "ordered by", "order by", "sort by", "in order of", "sorted", "ranked by");
    if (n) return p->ordering = true, p->plan.descending = row == 6, n;
    n = FORM(p, at, &row, "descending", "highest first", "in descending order", "largest first", "desc", "ascending",
             "lowest first", "in ascending order", "asc", "newest first", "alphabetically", "biggest first",
             "most first", "greatest first", "longest first", "latest first", "smallest first", "fewest first",
             "least first", "shortest first", "oldest first", "earliest first");
    if (n) return p->plan.descending = row < 5 || row == 9 || (row > 10 && row < 16), p->sorted = true, n;
    return 0;
}

/* "month" of a group, or of which month. */
static size_t form_part(plan_state *p, size_t at) {
    static const struct {
        const char *words;
        ask_part part;
    } rows[] = {{"year", ASK_YEAR},
                {"quarter", ASK_QUARTER},
                {"month", ASK_MONTH},
                {"week", ASK_WEEK},
                {"day", ASK_DATE_DAY},
                {"date", ASK_DATE_DAY},
                {"calendar month", ASK_MONTH},
                {"calendar year", ASK_YEAR},
                {"weekday", ASK_DAY_OF_WEEK},
                {"day of week", ASK_DAY_OF_WEEK},
                {"day of the week", ASK_DAY_OF_WEEK},
                {"hour", ASK_HOUR_OF_DAY},
                {"hour of day", ASK_HOUR_OF_DAY},
                {"hour of the day", ASK_HOUR_OF_DAY},
                {"time of day", ASK_HOUR_OF_DAY}};
    size_t best = 0, row = 0;
    if (!p->grouping && !(p->lead_open && (p->lead == LEAD_WHICH))) return 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = plan_form_at(p, at, rows[i].words);
        if (n > best) best = n, row = i;
    }
    if (!best) return 0;
    lexicon_match m[PLAN_MATCHES]; /* a column of that name goes first */
    size_t found = lexicon_columns(p->lex, p->tokens, p->count, at, m, PLAN_MATCHES);
    int near = p->entity >= 0 ? p->entity : p->main_table >= 0 ? p->main_table : p->focus;
    for (size_t i = 0; i < found; i++)
        if (m[i].score >= 0.97 && m[i].words >= best && (m[i].ref.table == near || near < 0) &&
            plan_numeric(plan_column(p, m[i].ref)))
            return 0;
    if (p->grouping) plan_group(p, p->date_subject, rows[row].part), p->group_end = at + best;
    else p->entity_part = rows[row].part, p->entity_plural = p->tokens[at + best - 1].plural;
    p->grouping = p->lead_open = false;
    if (at + best < p->count && ask_is(&p->tokens[at + best], "of")) best++; /* by year of start */
    return best;
}

/* ---- comparisons ---- */

static const struct {
    const char *words;
    ask_op op;
} form_compares[] = {
    {"more than", ASK_GT},    {"greater than", ASK_GT},  {"over", ASK_GT},          {"above", ASK_GT},
    {"exceeding", ASK_GT},    {"exceed", ASK_GT},        {"exceeds", ASK_GT},       {"exceeded", ASK_GT},
    {"higher than", ASK_GT},  {"larger than", ASK_GT},   {"longer than", ASK_GT},   {"bigger than", ASK_GT},
    {"farther than", ASK_GT}, {"beyond", ASK_GT},        {"later than", ASK_GT},    {"older than", ASK_GT},
    {"better than", ASK_GT},  {"faster than", ASK_GT},   {"upwards of", ASK_GT},    {"at least", ASK_GE},
    {"no less than", ASK_GE}, {"no fewer than", ASK_GE}, {"not less than", ASK_GE}, {"a minimum of", ASK_GE},
    {"minimum of", ASK_GE},   {"from", ASK_GE},          {"less than", ASK_LT},     {"fewer than", ASK_LT},
    {"under", ASK_LT},        {"below", ASK_LT},         {"lower than", ASK_LT},    {"shorter than", ASK_LT},
    {"smaller than", ASK_LT}, {"slower than", ASK_LT},   {"younger than", ASK_LT},  {"cheaper than", ASK_LT},
    {"at most", ASK_LE},      {"up to", ASK_LE},         {"no more than", ASK_LE},  {"not more than", ASK_LE},
    {"a maximum of", ASK_LE}, {"maximum of", ASK_LE},    {"exactly", ASK_EQ},       {"equal to", ASK_EQ},
    {"equals", ASK_EQ},       {"precisely", ASK_EQ},     {"between", ASK_BETWEEN},  {"only", ASK_EQ},
    {"just", ASK_EQ}};

static size_t form_compare(plan_state *p, size_t at) {
    size_t best = 0, row = 0;
    for (size_t i = 0; i < sizeof form_compares / sizeof *form_compares; i++) {
        size_t n = plan_form_at(p, at, form_compares[i].words);
        if (n > best) best = n, row = i;
    }
    ask_op op = best ? form_compares[row].op : ASK_EQ;
    if (best && ask_in(p->tokens[at].word, "only just") && !(at && ask_in(p->tokens[at - 1].word, "with have has had")))
        return 0; /* show only 5 of them */
    size_t i = at + best;
    bool number = false;
    if (!best || i >= p->count) return 0;
    size_t mean = i + (ask_is(&p->tokens[i], "the") ? 1 : 0);
    if (op <= ASK_LE && op >= ASK_GT && mean < p->count && p->tokens[mean].kind == ASK_WORD &&
        ask_in(p->tokens[mean].word, "average mean")) {
        if (plan_is_word(p, mean + 1, "of for in") && plan_is_word(p, mean + 2, "their its each same"))
            plan_doubt(p, p->tokens[mean].raw); /* of their department: not of all */
        p->compare = (plan_compare){true, op, {0, 0}, mean + 1, false, true, NULL};
        p->with = false;
        return mean + 1 - at;
    }
    if (i + 1 < p->count && ask_in(p->tokens[i].word, "a an one") && plan_seconds(p->tokens[i + 1].one) > 0) {
        p->compare = (plan_compare){true, op, {1, 0}, i + 1, false, false, NULL}; /* under a minute */
        p->with = false;
        return i + 1 - at;
    }
    double value = plan_word_number(&p->tokens[i], &number), second = 0;
    if (!number) return 0;
    bool from = op == ASK_GE && ask_is(&p->tokens[at], "from");
    if (op == ASK_BETWEEN || from) {
        if (i + 2 >= p->count || !ask_in(p->tokens[i + 1].word, "and to")) return 0;
        second = plan_word_number(&p->tokens[i + 2], &number);
        if (!number) return 0;
        op = ASK_BETWEEN;
        i += 2;
    }
    bool money =
        at + best > 0 && p->tokens[at + best].raw.ptr > p->tokens[0].raw.ptr && p->tokens[at + best].raw.ptr[-1] == '$';
    static const char *const hints[][2] = {{"older", "age"},
                                           {"younger", "age"},
                                           {"longer", "duration length distance hours minutes seconds time"},
                                           {"shorter", "duration length distance hours minutes seconds time"},
                                           {"farther", "distance"},
                                           {"faster", "speed"},
                                           {"slower", "speed"},
                                           {"cheaper", "price cost rate"},
                                           {"later", "delay late"}};
    p->compare = (plan_compare){true, op, {value, second}, i + 1, money, false, NULL};
    for (size_t k = 0; k < sizeof hints / sizeof *hints; k++)
        if (ask_is(&p->tokens[at], hints[k][0])) p->compare.hints = hints[k][1];
    p->with = false;
    return i + 1 - at;
}

/* "5 or more", "10+": after a number. */
static size_t form_number(plan_state *p, size_t at) {
    bool number = false;
    double value = plan_word_number(&p->tokens[at], &number);
    if (!number) return 0;
    bool has = at && plan_is_word(p, at - 1, "with have has had");
    if (p->tokens[at].kind == ASK_WORD && !has && !(at + 2 < p->count && ask_is(&p->tokens[at + 1], "or"))) return 0;
    if (at + 2 < p->count && ask_is(&p->tokens[at + 1], "or") && p->tokens[at + 2].kind == ASK_NUMERAL) { /* 4 or 5 */
        double other = p->tokens[at + 2].number, low = value < other ? value : other,
               high = value < other ? other : value;
        if (high > low + 1 || high < low + 1) plan_doubt(p, p->tokens[at + 2].raw);
        p->compare = (plan_compare){true, ASK_BETWEEN, {low, high}, at + 3, false, false, NULL};
        return 3;
    }
    size_t row = 0, n = FORM(p, at + 1, &row, "or more", "or higher", "or above", "or greater", "or over", "or better",
                             "or longer", "and more", "and above", "or less", "or fewer", "or lower", "or below",
                             "or under", "or shorter");
    ask_op op = n == 0 ? ASK_EQ : row < 9 ? ASK_GE : ASK_LE;
    if (n == 0 && p->tokens[at].plus) op = ASK_GE;
    p->compare = (plan_compare){true, op, {value, 0}, at + 1 + n, false, false, NULL};
    return 1 + n;
}

/* ---- the rest ---- */

/* "what share of readers with an email are active": what was said before is of the whole. */
static void form_main_verb(plan_state *p, size_t at) {
    bool relative = !at || ask_in(p->tokens[at - 1].word, "that who which and or but");
    for (size_t i = 0; i < p->plan.filter_count && p->share && !relative; i++) p->plan.filters[i].numerator = false;
}

/* "vs", and "more … in A or B": what is compared with one another. */
static size_t form_versus(plan_state *p, size_t at) {
    size_t row = 0, n = FORM(p, at, &row, "vs", "versus", "against", "compared to", "compared with");
    if (n) {
        bool values = p->value_end && p->value_end == at && at + n < p->count && plan_best_value(p, at + n).there;
        return values ? (p->versus = true, n) : 0;
    }
    n = FORM(p, at, &row, "more", "fewer");
    if (n) {
        p->more = p->tokens[at].raw;
        if (p->fn < 0 && !p->plan.measure_count) p->fn = ASK_COUNT;
    }
    return n;
}

/* "only high ones", "both mail and phone ones": of the rows that each has. */
static size_t form_all(plan_state *p, size_t at) {
    size_t row = 0, n = FORM(p, at, &row, "only", "just", "exclusively", "solely", "are all", "were all", "are always",
                             "have all", "has all", "had all");
    if (n) {
        bool ends = at + n >= p->count || p->tokens[at + n].kind == ASK_STOP,
             first = (p->entity < 0 && !plan_has(p->entity_column)) ||
                     (at && ask_is(&p->tokens[at - 1], "the")); /* show only …, the only … */
        if (!ends && !first) p->only = true, p->only_word = p->tokens[at].raw;
        for (size_t i = 0; i < p->plan.filter_count && ends && row < 2; i++) { /* with high priority tickets only */
            ask_filter *f = &p->plan.filters[i];
            f->only |= f->op == ASK_EQ && !f->not && f->scope == p->scope && plan_elsewhere(p, f->column.table) &&
                       p->focus == f->column.table;
        }
        return n;
    }
    if (!plan_form_at(p, at, "both")) return 0;
    size_t ignored = 0;
    if (at + 1 < p->count && !plan_which_extreme(p, at + 1, &ignored)) p->pair = 2;
    return 1;
}

/* "out of stock": none of it. */
static size_t form_out_of(plan_state *p, size_t at) {
    size_t row = 0, n = FORM(p, at, &row, "out of", "in");
    plan_choice of =
        n && plan_is_word(p, at + n, "stock") ? plan_best_column(p, at + n, WANT_NUMBER) : (plan_choice){0};
    if (!of.there) return 0;
    ask_filter *f = plan_filter(p, of.match.ref, row ? ASK_GT : ASK_LE);
    if (f) plan_note(p, "that is '%.*s' %s 0", LH_STR_ARG(plan_column(p, of.match.ref)->name), row ? "over" : "at");
    return n + of.match.words;
}

/* "where is_gift is true", "where delivered_on is null" */
static size_t form_stated(plan_state *p, size_t at) {
    ask_filter *last = p->plan.filter_count ? &p->plan.filters[p->plan.filter_count - 1] : NULL;
    bool flag = last && (last->op == ASK_IS_TRUE || last->op == ASK_IS_FALSE);
    if (flag && plan_is_word(p, at, "true yes")) return 1;
    if (flag && plan_is_word(p, at, "false")) return last->op = last->op == ASK_IS_TRUE ? ASK_IS_FALSE : ASK_IS_TRUE, 1;
    if (!plan_is_word(p, at, "null blank empty") || p->subject < 0 || p->mentioned[p->subject].at + 4 < at) return 0;
    ask_ref ref = p->mentioned[p->subject].ref;
    plan_place_subject(p);
    ask_filter *f = plan_filter(p, ref, ASK_IS_NULL);
    if (f && f->not) f->op = ASK_NOT_NULL, f->not = false;
    return 1;
}

/* "not", "without", "no", "never": what follows is denied. */
static size_t form_denied(plan_state *p, size_t at) {
    size_t row = 0, n = FORM(p, at, &row, "not", "without", "no", "never", "except", "excluding", "other than",
                             "lacking", "missing", "except for", "but not", "with no", "have no", "has no", "had no",
                             "non", "none", "without any", "who have not", "apart from", "nor", "with missing", "empty",
                             "neither", "with neither", "unknown", "with unknown", "with an unknown", "outside",
                             "outside of", "anyone but", "everyone but", "anybody but", "everybody but", "all but",
                             "anything but", "everyone except", "anyone except", "anyone other than");
    if (plan_form_at(p, at, "with and without") || plan_form_at(p, at, "with or without"))
        return plan_doubt(p, p->tokens[at].raw), 3;
    if (n && plan_is_word(p, at + n - 1, "no") && plan_is_word(p, at + n, "more less fewer") &&
        plan_is_word(p, at + n + 1, "than"))
        return n > 1 ? (p->with = true, n - 1) : 0; /* with no more than 3 */
    if (n == 1 && row == 2 && at + 1 < p->count && p->tokens[at + 1].raw.ptr == p->tokens[at].raw.ptr + 3 &&
        p->tokens[at].raw.ptr[2] == '-') /* a no-show is none of a show */
        return plan_doubt(p, p->tokens[at].raw), 1;
    if (n) {
        bool without = row == 1 || row == 2 || row == 3 || row == 7 || row == 8 || (row >= 11 && row <= 14) ||
                       row == 17 || (row >= 21 && row < 28);
        if (row == 23 || row == 24) p->neither = true;
        if (row == 20) /* neither phone nor email */
            without = p->plan.filter_count && p->plan.filters[p->plan.filter_count - 1].op == ASK_IS_NULL;
        p->not = true;
        p->not_word = p->tokens[at + n - 1].raw;
        p->without = without;
        return n;
    }
    return 0;
}

static size_t form_other(plan_state *p, size_t at) {
    size_t row = 0, n;
    if ((n = form_all(p, at)) || (n = form_out_of(p, at)) || (n = form_stated(p, at)) || (n = form_denied(p, at)))
        return n;
    n = FORM(p, at, &row, "took off", "take off", "takes off", "ended up", "end up", "turned out", "turned out to be");
    if (n) return n;
    if ((n = form_versus(p, at))) return n;
    n = FORM(p, at, &row, "contains", "containing", "contain", "mentions", "mentioning", "mention", "includes",
             "including", "include", "matching", "with the word", "starts with", "starting with", "start with",
             "begins with", "beginning with", "begin with", "ends with", "ending with", "end with", "ending in",
             "ends in", "like", "mentioned");
    bool quoted = at + n < p->count && p->tokens[at + n].kind == ASK_QUOTED;
    ask_when when; /* ending in May */
    if (n > 1 && (row == 20 || row == 21) && ask_when_parse(p->tokens, p->count, at + n - 1, p->question->today, &when))
        n = 0;
    if (n && !quoted && ((row >= 6 && row <= 8) || row == 22) && p->subject < 0)
        return plan_doubt(p, p->tokens[at].raw), n; /* including those without; who like blue */
    if (n) return p->like = row < 11 || row > 21 ? ASK_CONTAINS : row < 17 ? ASK_STARTS : ASK_ENDS, n;
    n = FORM(p, at, &row, "distinct", "different", "unique");
    if (n) return p->distinct = true, n;
    n = FORM(p, at, &row, "with", "that have", "who have", "have", "has", "had", "which have", "having", "with a",
             "with an", "have a", "has a", "have an", "has an", "that has", "who has");
    if (n) {
        bool none = p->not && row > 0 && at && lh_str_eq(p->not_word, p->tokens[at - 1].raw); /* do not have */
        if (none) return p->without = true, n;
        p->with = row != 3 || p->plan.measure_count || p->entity >= 0;
        if (ask_in(p->tokens[at].word, "have has had")) form_main_verb(p, at);
        if (p->share && p->entity >= 0) p->after_verb = true;
        return n;
    }
    n = FORM(p, at, &row, "are", "is", "were", "was", "that are", "who are", "got", "did", "do", "use", "used", "uses");
    if (n && row > 8 && !p->share) n = 0;
    if (n) {
        if (row < 4) form_main_verb(p, at);
        if (p->share && p->entity >= 0) p->after_verb = true;
        return n;
    }
    n = FORM(p, at, &row, "or", "either");
    if (n) return p->or_ = row == 0, p->or_at = at, n;
    n = FORM(p, at, &row, "with their", "and their", "together with their", "along with their", "as well as their",
             "with the", "and its", "with its", "and the");
    if (n) return p->subject_projected = true, n;
    return 0;
}

/* A "not" that nothing was denied by. */
void plan_end_not(plan_state *p) {
    if (p->not&&!p->plan.has_having) plan_doubt(p, p->not_word);
    p->not = p->without = false;
}

size_t plan_words(plan_state *p, size_t at) {
    size_t n;
    if (p->tokens[at].kind == ASK_STOP) return plan_end_not(p), 1;
    if ((n = plan_count_before_extreme(p, at))) return n;
    if ((n = plan_compare_columns(p, at)) || (n = form_compare(p, at))) return n;
    if ((n = form_share(p, at)) || (n = form_series(p, at)) || (n = form_list_of(p, at))) return n;
    if (ask_in(p->tokens[at].word, "how") && (n = form_lead(p, at))) return n;
    if ((n = form_aggregate(p, at))) return n;
    if ((n = form_lead(p, at))) return n;
    if ((n = form_part(p, at))) return n;
    if ((n = plan_extreme(p, at))) return n;
    if ((n = form_group(p, at))) return n;
    if ((n = form_other(p, at))) return n;
    if (p->tokens[at].kind == ASK_NUMERAL || p->tokens[at].kind == ASK_WORD) return form_number(p, at);
    return 0;
}
