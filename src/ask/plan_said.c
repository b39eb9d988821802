/* What is said around a question: courtesy, commands to change something, a second question behind the first; and words of people and of
 * their work that name no table themselves. */
#include "ask/plan_internal.h"

/* The first word that is no courtesy: "could you please cancel", "hi, I would like to book". */
static size_t said_first(const plan_state *p) {
    size_t at = 0;
    while (
        at < p->count &&
        (p->tokens[at].kind == ASK_STOP ||
         plan_is_word(p, at,
                      "please pls can could would will you kindly hi hello hey i we want need like to ok okay now then "
                      "so just go ahead and let us lets also")))
        at++;
    return at;
}

/* Is it a command to change what there is? Verbs that are nouns as well are told by what follows them. */
static bool said_is_order(const plan_state *p, size_t at) {
    static const char verbs[] =
        "cancel delete remove update change drop send approve reject assign archive rename insert "
        "create add close edit erase wipe fix set mark reschedule notify remind reset deactivate "
        "reactivate unassign postpone extend correct reassign modify undo",
                      nouns[] =
                          "book move refund schedule email call pay put flag transfer raise lower reduce increase "
                          "hire fire promote log issue text double merge split reserve charge bill credit renew reopen "
                          "return ship order invoice";
    const ask_token *next = at + 1 < p->count ? &p->tokens[at + 1] : NULL;
    plan_choice called = plan_best_table(p, at);
    if (called.there && called.match.words > 1 && called.match.score >= 0.9) return false; /* change orders */
    if (plan_is_word(p, at, verbs)) return !(ask_is(&p->tokens[at], "mark") && next && next->capital && !next->upper);
    if (!next || !plan_is_word(p, at, nouns)) return false;
    bool thing = plan_is_word(p, at, "order invoice return charge bill credit"); /* order 17, the orders of all */
    if (plan_is_word(p, at + 1, "the this that my our him her them it") ||
        (!thing && plan_is_word(p, at + 1, "a an all every me everyone")))
        return true;
    plan_choice rows = plan_best_table(p, at + 1);
    size_t behind = at + 1 + (rows.there && rows.match.score >= 0.9 ? rows.match.words : 0);
    bool row = behind < p->count && behind > at + 1 &&
               (p->tokens[behind].kind == ASK_NUMERAL || plan_has_shape(p, &p->tokens[behind], rows.match.ref.table));
    return row || (!thing && next->kind == ASK_WORD && next->capital && !next->upper && !p->tokens[at].possessive &&
                   behind == at + 1);
}

/* "…, and who was it": asked for besides. Where it is said before, too, it goes on: "who are active and who earn". */
static bool said_is_second(plan_state *p, size_t at) {
    size_t and = at;
    if (at < 2 || !plan_is_word(p, at, "who whom whose when where why")) return false;
    while (and> 1 && plan_is_word(p, and-1, "for to by from with at on in")) and--;
    if (!plan_is_word(p, and-1, "and")) return false;
    for (size_t i = 0; i < at; i++)
        if (p->tokens[i].kind == ASK_WORD && lh_str_eq(p->tokens[i].word, p->tokens[at].word)) return false;
    if (ask_is(&p->tokens[at], "where")) p->where = true;
    else plan_doubt(p, p->tokens[at].raw);
    return true;
}

/* "how many people work here": the one table of people. */
static bool said_is_people(plan_state *p, size_t at) {
    bool works = false;
    int found = -1;
    if (!plan_is_word(p, at, "people persons folks") || (at && p->tokens[at - 1].possessive) || p->entity >= 0 ||
        plan_has(p->entity_column))
        return false;
    for (size_t i = at + 1; i < at + 5; i++) works |= plan_is_word(p, i, "work works working employed");
    for (int t = 0; t < (int)p->schema->table_count && works; t++) {
        if (!plan_is_people(p, t)) continue;
        if (found >= 0) return false;
        found = t;
    }
    if (found < 0) return false;
    plan_note(p, "people who work are '%.*s'", LH_STR_ARG(p->schema->tables[found].shown));
    plan_on_table(p, found, 1, at);
    p->entity_plural = true;
    return true;
}

/* "what does Ann earn an hour": what she is paid. How many words. */
static size_t said_pay(plan_state *p, size_t at) {
    int table = p->row_filter >= 0 ? p->row_by.table : p->row_of;
    size_t next = at + 1;
    if (table < 0 || p->plan.measure_count || !plan_is_word(p, at, "earn earns earning paid make makes") ||
        !(p->lead == LEAD_WHICH || p->how_much))
        return 0;
    ask_ref pay = plan_hinted(p, table, "salary wage pay earnings income", true);
    if (!plan_has(pay) || p->compare.there || plan_is_word(p, next, "more less over under above below at")) return 0;
    if (plan_is_word(p, next, "per a an each every") && plan_is_word(p, next + 1, "hour day week month year"))
        next += 2;
    else if (plan_is_word(p, next, "hourly monthly annually yearly weekly")) next++;
    p->fn = -1;
    p->how_much = false;
    plan_subject(p, pay, at);
    plan_note(p, "what is earned is '%.*s'", LH_STR_ARG(plan_column(p, pay)->name));
    return next - at;
}

/* "flagged as vip": the value behind it says it. */
static bool said_is_marked(const plan_state *p, size_t at) {
    size_t next = at + 1;
    if (!plan_is_word(p, at, "flagged marked listed tagged labelled labeled classified categorised categorized"))
        return false;
    while (plan_is_word(p, next, "as with a an the")) next++;
    plan_choice value = next < p->count ? plan_best_value(p, next) : (plan_choice){0};
    return value.there && value.match.score >= 0.95;
}

/* "date of the last order": when it was. How many words. */
static size_t said_date_of(plan_state *p, size_t at) {
    size_t next = at + 1, row = 0;
    if (at > 4 || !plan_is_word(p, at, "date dates time day") || !plan_is_word(p, next, "of")) return 0;
    next++;
    while (plan_is_word(p, next, "the a each every their our")) next++;
    if (!plan_is_word(p, next, "latest last most first earliest newest oldest") || !plan_which_extreme(p, next, &row))
        return 0;
    if (plan_is_word(p, next, "most") && !plan_is_word(p, next + 1, "recent")) return 0;
    p->lead = LEAD_WHEN;
    p->lead_open = false;
    return 2;
}

/* "by offer date", "going by the offer date", where times are asked for. How many words. */
static size_t said_by_date(plan_state *p, size_t at) {
    size_t next = at;
    bool going = plan_is_word(p, at, "going using") && plan_is_word(p, at + 1, "by the"),
         based = plan_is_word(p, at, "based according") && plan_is_word(p, at + 1, "on to"), part = false;
    for (size_t i = 0; i < p->plan.group_count; i++) part |= p->plan.groups[i].part != ASK_WHOLE;
    if (going || based) next += 2;
    else if (part && plan_is_word(p, at, "by")) next++;
    else return 0;
    while (plan_is_word(p, next, "the their its")) next++;
    plan_choice date = next < p->count ? plan_best_column(p, next, WANT_ANY) : (plan_choice){0};
    if (!date.there || date.match.score < 0.85 || !plan_temporal(plan_column(p, date.match.ref))) return 0;
    p->date_subject = date.match.ref;
    next += date.match.words;
    return next + (plan_is_word(p, next, "date") ? 1 : 0) - at;
}

/* "who submitted the most": those to whom submitted_by leads. Where what they did it with is another table's, it is not known how it counts. */
static bool said_is_agent(plan_state *p, size_t at) {
    if (at != 1 || p->lead != LEAD_WHO || p->entity >= 0 || !plan_is_word(p, 0, "who") ||
        !lh_str_ends(p->tokens[at].word, LH_STR("ed")))
        return false;
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key key = p->schema->keys[k];
        if (key.from.table == key.to.table || !lh_str_ends(plan_column(p, key.from)->name, LH_STR("_by")) ||
            !lexicon_column_named(p->lex, key.from, &p->tokens[at]) || !plan_is_people(p, key.to.table))
            continue;
        for (size_t i = at + 1; i < p->count; i++) { /* the most of what it is not */
            plan_choice rows = plan_best_table(p, i);
            if (rows.there && rows.match.score >= 0.9 && rows.match.ref.table != key.from.table)
                return plan_doubt(p, p->tokens[at].raw), true;
        }
        plan_take_key(p, k);
        p->entity = key.to.table;
        p->focus = key.from.table;
        return true;
    }
    return false;
}

/* "what do we charge", "the suppliers that we buy from", "not a single one": verbs of a relation that the column or the table says. */
static bool said_is_verb(const plan_state *p, size_t at) {
    bool we = at && plan_is_word(p, at - 1, "we you they"),
         ends = at + 2 >= p->count || p->tokens[at + 2].kind == ASK_STOP;
    if (we && plan_is_word(p, at, "charge bill offer give") && p->subject >= 0 && p->lead == LEAD_WHICH) return true;
    if (we && plan_is_word(p, at, "buy order purchase deal work") && plan_is_word(p, at + 1, "from with") && ends)
        return true;
    bool amount = p->order_set && plan_has(p->plan.order_column),
         sold = plan_is_word(p, at, "sold ordered bought used sent collected earned");
    for (size_t i = 0; i < p->plan.measure_count; i++) amount |= plan_has(p->plan.measures[i].column);
    bool last = at + 1 >= p->count || p->tokens[at + 1].kind == ASK_STOP ||
                plan_is_word(p, at + 1, "so by per in last this since for from each");
    if (sold && amount && last && (we || (at && plan_best_column(p, at - 1, WANT_NUMBER).there)) &&
        !plan_best_value(p, at).there)
        return true; /* quantity sold, tips that we collected */
    return plan_is_word(p, at, "single") && at && plan_is_word(p, at - 1, "a") && p->not;
}

/* Does the table have an amount? */
static bool said_has_amount(const plan_state *p, int table) {
    const ask_token word = plan_word(LH_STR("amount"));
    bool has = false;
    for (size_t c = 0; c < p->schema->tables[table].column_count; c++)
        has |= plan_numeric(&p->schema->tables[table].columns[c]) &&
               lexicon_column_has(p->lex, (ask_ref){table, (int)c}, &word);
    return has;
}

/* "how much do we owe": what is not paid, where one table of amounts says what is. */
static bool said_owes(plan_state *p, size_t at) {
    ask_ref found = PLAN_NONE;
    if (!plan_is_word(p, at, "owe owes owed owing") || !(p->how_much || p->fn == ASK_SUM)) return false;
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        const ask_ref paid = plan_hinted(p, t, "paid settled", false);
        bool says = plan_has(paid) && (plan_column(p, paid)->type == ASK_BOOL || plan_temporal(plan_column(p, paid)));
        if (!says || !said_has_amount(p, t)) continue;
        if (plan_has(found)) return false;
        found = paid;
    }
    if (!plan_has(found)) return false;
    ask_filter *f = plan_filter(p, found, plan_column(p, found)->type == ASK_BOOL ? ASK_IS_FALSE : ASK_IS_NULL);
    if (!f) return false;
    p->focus = found.table;
    if (p->main_table < 0) p->main_table = found.table;
    plan_note(p, "what is owed is by '%.*s'", LH_STR_ARG(plan_column(p, found)->name));
    return true;
}

/* "passed all their exams": no row of theirs that is not so, which one that is so does not tell. */
static bool said_is_all(const plan_state *p, size_t at) {
    size_t next = at + 1 + plan_is_word(p, at + 1, "of");
    plan_choice rows =
        plan_is_word(p, at, "all every each") && plan_is_word(p, next, "their his her its") && next + 1 < p->count
            ? plan_best_table(p, next + 1)
            : (plan_choice){0};
    return rows.there && rows.match.score >= 0.9 && !p->only && plan_elsewhere(p, rows.match.ref.table);
}

size_t plan_said(plan_state *p, size_t at) {
    size_t n = 0;
    if (p->tokens[at].kind != ASK_WORD) return 0;
    if (said_is_all(p, at)) return plan_doubt(p, p->tokens[at].raw), 1;
    if (said_is_verb(p, at) || said_owes(p, at)) return 1;
    if (at < 12 && at == said_first(p) && said_is_order(p, at)) return plan_doubt(p, p->tokens[at].raw), 1;
    if (said_is_agent(p, at) || said_is_second(p, at) || said_is_people(p, at) || said_is_marked(p, at)) return 1;
    if ((n = said_pay(p, at)) || (n = said_date_of(p, at))) return n;
    return said_by_date(p, at);
}
