/* Amounts: which column of a table "the amount", "how much" or "the total value" of its rows is. */
#include "ask/plan_internal.h"

bool plan_sums(lh_str name) {
    if (lh_str_starts(name, LH_STR("unit"))) return false; /* a price */
    while (name.len && !((name.ptr[name.len - 1] | 0x20) >= 'a' && (name.ptr[name.len - 1] | 0x20) <= 'z')) name.len--;
    for (lh_str rest = LH_STR("_usd _eur _gbp _chf _cad _aud _dollars _euros"); rest.len;) { /* of which currency */
        lh_str unit = lh_str_split(&rest, ' ');
        if (lh_str_ends(name, unit)) name.len -= unit.len;
    }
    for (lh_str rest = LH_STR("amt amount revenue sales quantity qty hours total turnover days nights units cost costs "
                              "expense expenses");
         rest.len;) {
        lh_str word = lh_str_split(&rest, ' ');
        if (name.len >= word.len && lh_str_eq_nocase(lh_str_sub(name, name.len - word.len, name.len), word))
            return true;
    }
    return false;
}

/* 3: it is called so alone, 2: the whole of it (total_amt), 1: one of several (refund_amt); 0: no amount. */
static int amount_level(const plan_state *p, ask_ref ref) {
    static const char *const words[] = {"amount", "total", "revenue", "value", "cost"};
    const ask_column *column = plan_column(p, ref);
    int level = 0, named = 0;
    if (!plan_numeric(column) || column->key || ask_names_key(column->name)) return 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        lexicon_match found[PLAN_MATCHES];
        const ask_token one = plan_word(lh_str_from(words[i]));
        size_t n = lexicon_columns(p->lex, &one, 1, 0, found, PLAN_MATCHES);
        for (size_t k = 0; k < n; k++)
            if (plan_same(found[k].ref, ref) && found[k].score >= 0.94 && found[k].words == 1) level = 3;
        named += lexicon_column_named(p->lex, ref, &one);
    }
    bool other = plan_called(p, ref, "tax paid refund discount fee tip deposit");
    return level == 3 && !other ? 3 : named > 1 && !other ? 2 : named ? 1 : 0;
}

ask_ref plan_money(const plan_state *p, int table) {
    ask_ref found = {table, -1};
    int best = 0;
    for (size_t c = 0; table >= 0 && c < p->schema->tables[table].column_count; c++) {
        int level = amount_level(p, (ask_ref){table, (int)c});
        if (level < best || !level) continue;
        found.column = level == best ? -1 : (int)c; /* of two it is not known which */
        best = level;
    }
    return found;
}

/* "total paid by card": of the one amount that the rows have. */
void plan_amount(plan_state *p) {
    int table = p->entity >= 0 ? p->entity : p->focus >= 0 ? p->focus : p->main_table;
    for (size_t i = 0; i < p->plan.filter_count && table < 0; i++) table = p->plan.filters[i].column.table;
    ask_ref found = plan_money(p, table);
    for (size_t c = 0; table >= 0 && !plan_has(found) && c < p->schema->tables[table].column_count; c++) {
        const ask_column *column = &p->schema->tables[table].columns[c];
        if (!plan_numeric(column) || !plan_sums(column->name)) continue;
        if (plan_has(found)) return;
        found.column = (int)c;
    }
    if (!plan_has(found)) return;
    plan_measure(p, ASK_SUM, found);
    p->penalty += 0.05;
    plan_note(p, "the total is that of '%.*s'", LH_STR_ARG(plan_column(p, found)->name));
}

/* "the total of unpaid fines", "the value of orders": of their amount, rather than how many they are. */
bool plan_on_total(plan_state *p, int table, size_t at) {
    bool of = false;
    for (size_t i = at > 5 ? at - 5 : 0; i < at; i++)
        of |= plan_is_word(p, i, "total sum value worth amount") && plan_is_word(p, i + 1, "of");
    ask_ref amount = p->fn == ASK_SUM && !p->ordering && of ? plan_money(p, table) : PLAN_NONE;
    if (!plan_has(amount)) return false;
    plan_measure(p, ASK_SUM, amount);
    plan_note(p, "the total is that of '%.*s'", LH_STR_ARG(plan_column(p, amount)->name));
    p->fn = -1;
    p->focus = table;
    return true;
}

/* "order amount", "invoice value": the amount of those rows. *ret: it; its words are those of the table and one more. */
bool plan_is_amount_of(const plan_state *p, const plan_choice *table, size_t at, lexicon_match *ret) {
    size_t next = at + table->match.words;
    if (!table->there || table->match.score < 0.75 ||
        !plan_is_word(p, next, "amount amounts value values total totals"))
        return false;
    ask_ref ref = plan_money(p, table->match.ref.table);
    if (!plan_has(ref)) return false;
    *ret = (lexicon_match){table->match.words + 1, 0.95, ref, 0, false};
    return true;
}

/* "how many, and for how much": what is counted is known before. */
void plan_count_first(plan_state *p, size_t at) {
    int table = p->entity >= 0 ? p->entity : p->main_table;
    bool and = at && (p->tokens[at - 1].kind == ASK_STOP || plan_is_word(p, at - 1, "and for"));
    if (p->fn == ASK_COUNT && !p->share && and&&table >= 0 && !p->plan.measure_count && !p->distinct)
        plan_measure(p, ASK_COUNT, (ask_ref){table, -1});
}

/* "how much do we owe": of the one table of which both an amount and what is paid of it are known. */
size_t plan_owed(plan_state *p, size_t at) {
    ask_ref amount = PLAN_NONE, paid = PLAN_NONE;
    size_t count = 0;
    if (!plan_is_word(p, at, "owe owes owed owing") || p->fn != ASK_SUM || p->plan.measure_count) return 0;
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        ask_ref whole = plan_money(p, t), part = {t, -1};
        size_t parts = 0;
        for (size_t c = 0; c < p->schema->tables[t].column_count; c++) {
            const ask_ref ref = {t, (int)c};
            const ask_token word = plan_word(LH_STR("paid"));
            if (plan_numeric(plan_column(p, ref)) && lexicon_column_named(p->lex, ref, &word)) part = ref, parts++;
        }
        if (!plan_has(whole) || parts != 1) continue;
        amount = whole;
        paid = part;
        count++;
    }
    if (count != 1) return 0;
    p->plan.measures[p->plan.measure_count++] =
        (ask_measure){.fn = ASK_SUM, .column = amount, .how = ASK_LESS, .other = paid};
    plan_note(p, "what is owed is '%.*s' less '%.*s'", LH_STR_ARG(plan_column(p, amount)->name),
              LH_STR_ARG(plan_column(p, paid)->name));
    p->fn = -1;
    p->focus = amount.table;
    p->lead_open = false;
    return 1;
}

/* The one number of a table that is called after what was done: paid_amt. column -1: none, or several. */
static ask_ref amount_done(const plan_state *p, const ask_token *verb) {
    ask_ref found = PLAN_NONE;
    ask_token done = *verb;
    if (ask_in(verb->word, "pay pays paying")) done.word = done.one = done.stem = LH_STR("paid");
    double best = -1;
    for (int t = 0; t < (int)p->schema->table_count; t++)
        for (size_t c = 0; c < p->schema->tables[t].column_count; c++) {
            const ask_ref ref = {t, (int)c};
            double near = plan_near(p, t);
            if (!plan_numeric(plan_column(p, ref)) || !lexicon_column_named(p->lex, ref, &done) || near < best ||
                ask_names_key(plan_column(p, ref)->name) || lh_str_ends(plan_column(p, ref)->name, LH_STR("pct")))
                continue;
            found = near > best ? ref : PLAN_NONE;
            best = near;
        }
    return found;
}

/* "how much did we pay", "what have we refunded": the sum of it, and at that time. */
size_t plan_how_much_done(plan_state *p, size_t at) {
    bool we = at > 1 && plan_is_word(p, at - 1, "we they you i") && plan_is_word(p, at - 2, "did do have");
    bool asked = (p->fn == ASK_SUM && p->how_much) || (p->lead == LEAD_WHICH && p->lead_open && we);
    const ask_token *t = &p->tokens[at];
    if (!asked || p->plan.measure_count || t->kind != ASK_WORD ||
        !(we || lh_str_ends(t->word, LH_STR("ed")) || ask_is(t, "paid")))
        return 0;
    ask_ref ref = amount_done(p, t);
    if (!plan_has(ref)) return 0;
    const char *done = ask_in(t->word, "pay pays") ? "paid" : lh_arena_cstr(p->arena, t->word);
    ask_ref date = done ? plan_date_called(p, ref.table, done, PLAN_NONE) : PLAN_NONE;
    plan_measure(p, ASK_SUM, ref);
    plan_note(p, "how much it is is the total of '%.*s'", LH_STR_ARG(plan_column(p, ref)->name));
    if (plan_has(date)) p->date_subject = date;
    p->fn = -1;
    p->focus = ref.table;
    p->lead_open = false;
    if (p->lead == LEAD_WHICH) p->lead = LEAD_NONE;
    return 1;
}
