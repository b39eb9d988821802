/* Which rows are meant where no list of values has what the question says: by the number or the form of their key, by a name, by the row
 * of the same table that they refer to; and rows that are still open, of which the end is missing. */
#include "ask/plan_internal.h"

/* ---- keys ---- */

/* The key that leads from the column to a column of that table, if there is one. */
static const ask_key *rows_key_from(const plan_state *p, ask_ref from) {
    for (size_t k = 0; k < p->schema->key_count; k++)
        if (plan_same(p->schema->keys[k].from, from)) return &p->schema->keys[k];
    return NULL;
}

/* Those rows are meant that the last filter is of, by `ref`; what is behind them may be more of them. */
static void rows_mean(plan_state *p, ask_ref ref, size_t end) {
    p->row_filter = (int)p->plan.filter_count - 1;
    p->row_by = ref;
    p->row_end = end;
}

static bool rows_number(const plan_state *p, size_t at) {
    const ask_token *t = at < p->count ? &p->tokens[at] : NULL;
    return t && t->kind == ASK_NUMERAL && !t->grouped && !t->percent && !t->plus && t->number >= 0 &&
           t->number < 1e15 && (double)(int64_t)t->number == t->number;
}

/* What is between two of a list; how many words. */
static size_t rows_between(const plan_state *p, size_t at) {
    size_t i = at;
    while (i < p->count && i < at + 3 && (p->tokens[i].kind == ASK_STOP || plan_is_word(p, i, "and or"))) i++;
    return i - at;
}

/* "5 and 7", which are no years, and no number of what follows. */
static bool rows_numbers(const plan_state *p, size_t at) {
    ask_when when;
    size_t next = at + 1 + rows_between(p, at + 1);
    bool year = ask_when_parse(p->tokens, p->count, at, p->question->today, &when) > 0;
    return next > at + 1 && !year && rows_number(p, at) && rows_number(p, next) &&
           (next + 1 >= p->count || p->tokens[next + 1].kind == ASK_STOP || plan_filler(&p->tokens[next + 1]) ||
            plan_is_word(p, next + 1, "and or"));
}

size_t plan_on_id(plan_state *p, int table, size_t at) {
    const ask_table *of = &p->schema->tables[table];
    size_t i = at;
    while (i < p->count && i < at + 2 && plan_is_word(p, i, "number numbers no id ids nr")) i++;
    const ask_token *t = i < p->count ? &p->tokens[i] : NULL;
    if (!rows_number(p, i) || (p->tokens[at - 1].plural && !rows_numbers(p, i)) || p->compare.there) return 0;
    for (size_t c = 0; c < of->column_count; c++) {
        bool id = of->columns[c].key && ask_names_key(of->columns[c].name);
        if (!id || !plan_numeric(&of->columns[c])) continue;
        ask_filter *f = plan_filter(p, (ask_ref){table, (int)c}, ASK_EQ);
        if (!f) return 0;
        f->numbers[0] = t->number;
        rows_mean(p, f->column, i + 1);
        p->row_of = table;
        return i + 1 - at;
    }
    if (i > at) plan_doubt(p, t->raw); /* employee number 5, where their keys are texts */
    return i > at ? i + 1 - at : 0;
}

/* Digits as 0, into `shape`. false: it has none, or is no key. */
static bool rows_shape(const ask_token *token, char shape[64]) {
    bool digits = false;
    if (token->raw.len < 3 || token->raw.len >= 64) return false;
    for (size_t i = 0; i < token->raw.len; i++) {
        char c = token->raw.ptr[i];
        bool digit = c >= '0' && c <= '9';
        digits |= digit;
        shape[i] = digit ? '0' : c;
    }
    return digits;
}

static bool rows_has_shape(const plan_state *p, const ask_token *token, ask_ref ref) {
    char shape[64];
    const ask_column *column = plan_column(p, ref);
    return rows_shape(token, shape) && column->shape.len &&
           lh_str_eq_nocase(column->shape, (lh_str){shape, token->raw.len});
}

bool plan_has_shape(const plan_state *p, const ask_token *token, int table) {
    bool has = false;
    for (size_t c = 0; c < p->schema->tables[table].column_count; c++)
        has |= rows_has_shape(p, token, (ask_ref){table, (int)c});
    return has;
}

/* "CAN000123" is of the column whose keys look so; or of one before it that refers to those: "whose manager is E0003". */
bool plan_on_shape(plan_state *p, const ask_token *token, size_t at) {
    for (size_t t = 0; t < p->schema->table_count; t++)
        for (size_t c = 0; c < p->schema->tables[t].column_count; c++) {
            ask_ref ref = {(int)t, (int)c};
            if (!rows_has_shape(p, token, ref)) continue;
            const ask_ref by = ref;
            const ask_key *key = p->subject >= 0 ? rows_key_from(p, p->mentioned[p->subject].ref) : NULL;
            if (key && plan_same(key->to, ref) && at && !plan_is_word(p, at - 1, "of for"))
                ref = key->from, plan_place_subject(p);
            ask_filter *f = plan_filter(p, ref, ASK_EQ);
            if (f) f->values[f->value_count++] = token->raw, f->folded = !token->upper, rows_mean(p, by, at + 1);
            plan_place(p, ref);
            p->row_of = ref.table;
            return true;
        }
    return false;
}

/* ---- names ---- */

/* The columns of texts that a row of the table is called by: its name, or first and last name. 0: nobody calls it so. */
static size_t rows_label(const plan_state *p, int table, ask_ref into[2]) {
    bool key = false;
    size_t n = plan_label(p, table, into, 2, &key);
    for (size_t i = 0; i < n && !key; i++) key = plan_column(p, into[i])->type != ASK_TEXT;
    return key ? 0 : n;
}

/* Of whom no list of values is read: people, or too many. */
static bool rows_unlisted(const plan_state *p, int table, ask_ref into[2]) {
    size_t n = rows_label(p, table, into);
    return n && !plan_column(p, into[0])->value_count;
}

typedef struct rows_owners {
    ask_ref refs[ASK_NAMES_MAX];
    size_t count;
} rows_owners;
static void rows_may_be(rows_owners *owners, ask_ref ref) {
    if (owners->count < ASK_NAMES_MAX) owners->refs[owners->count++] = ref;
}

/* Whose names they may be: of the table that was said, else all of those near it, which are left to be looked up. */
static void rows_candidates(const plan_state *p, rows_owners *owners) {
    const int said[] = {p->subject >= 0 ? p->mentioned[p->subject].ref.table : -1, p->focus, p->entity,
                        plan_has(p->entity_column) ? p->entity_column.table : -1, p->main_table};
    int from = -1;
    lexicon_match found[PLAN_MATCHES];
    ask_ref label[2] = {PLAN_NONE, PLAN_NONE};
    ask_ref subject = p->subject >= 0 ? p->mentioned[p->subject].ref : PLAN_NONE;
    if (plan_has(subject) && plan_column(p, subject)->person && !plan_column(p, subject)->value_count) {
        rows_may_be(owners, subject); /* managed by Ann Lee */
        return;
    }
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        if (said[i] >= 0 && rows_unlisted(p, said[i], label)) {
            rows_may_be(owners, (ask_ref){said[i], -1});
            return;
        }
        if (from < 0) from = said[i];
    }
    for (size_t i = 0; i < p->count && from < 0; i++) { /* when did Ann join: of those who have joined */
        size_t n =
            plan_filler(&p->tokens[i]) ? 0 : lexicon_columns(p->lex, p->tokens, p->count, i, found, PLAN_MATCHES);
        for (size_t k = 0; k < n && !owners->count; k++)
            if (found[k].score >= 0.85 && rows_unlisted(p, found[k].ref.table, label))
                rows_may_be(owners, (ask_ref){found[k].ref.table, -1});
        if (owners->count) return;
    }
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        if (from >= 0 && plan_distance(p, from, t) > 3) continue;
        label[1] = PLAN_NONE;
        bool labelled = rows_unlisted(p, t, label);
        if (labelled) rows_may_be(owners, (ask_ref){t, -1});
        for (size_t c = 0; c < p->schema->tables[t].column_count; c++) {
            const ask_ref ref = {t, (int)c};
            bool own = labelled && (plan_same(ref, label[0]) || plan_same(ref, label[1]));
            if (plan_column(p, ref)->person && !own && !plan_column(p, ref)->value_count) rows_may_be(owners, ref);
        }
    }
}

static lh_str rows_words(const plan_state *p, size_t at, size_t count) {
    const ask_token *last = &p->tokens[at + count - 1];
    lh_str whole = {p->tokens[at].raw.ptr, (size_t)(last->raw.ptr + last->raw.len - p->tokens[at].raw.ptr)};
    if (count > 1 && lh_str_search(whole, LH_STR(". ")) != SIZE_MAX && whole.len < 100) return whole; /* Ann T. Lee */
    LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(4096); /* with one space between */
    for (size_t i = at; i < at + count; i++) {
        if (i > at) lh_buf_char(&name, ' ');
        lh_buf_append(&name, p->tokens[i].raw);
    }
    return lh_arena_dup(p->arena, lh_buf_str(&name));
}

/* The columns of the one whose name begins there. false: nobody's, or it is not known whose: that is to be looked up. */
static bool rows_whose_name(plan_state *p, size_t at, size_t words, ask_ref into[2], size_t *ret_count) {
    rows_owners owners = {.count = 0};
    for (size_t i = 0; i < p->question->whose_count; i++)
        if (p->question->whose[i].at == at) rows_may_be(&owners, p->question->whose[i].of);
    if (!owners.count) rows_candidates(p, &owners);
    for (size_t i = 0; i < owners.count && owners.count > 1 && (!p->whose_count || p->whose[0].at == at); i++)
        p->whose[i] = (ask_whose){at, rows_words(p, at, words), owners.refs[i]}, p->whose_count = i + 1;
    if (owners.count != 1) return false;
    into[0] = owners.refs[0];
    *ret_count = plan_has(into[0]) ? 1 : rows_label(p, into[0].table, into);
    return *ret_count > 0;
}

/* Nothing that the schema knows, or of the form of a question. */
static bool rows_is_strange(const plan_state *p, size_t at) {
    lexicon_match ignored[1];
    const ask_token *t = &p->tokens[at];
    return t->kind == ASK_WORD && !plan_filler(t) &&
           !ask_in(t->word,
                   "above below somebody someone nobody not no than more less most least after before since until") &&
           !lexicon_tables(p->lex, p->tokens, p->count, at, ignored, 1) &&
           !lexicon_columns(p->lex, p->tokens, p->count, at, ignored, 1) &&
           !lexicon_values(p->lex, p->tokens, p->count, at, ignored, 1);
}

/* How many words of a name begin there: written large, or such that nothing knows behind "of", "by", "did", …, or, `more`, another name. */
static size_t rows_name_words(const plan_state *p, size_t at, bool more) {
    size_t n = 0;
    bool agent = at > 1 && plan_is_word(p, at - 1, "by") && lh_str_ends(p->tokens[at - 2].word, LH_STR("ed")),
         small =
             more || agent || (at && plan_is_word(p, at - 1, "of for from with did does is has named called to whose"));
    while (at + n < p->count && p->tokens[at + n].kind == ASK_WORD && n < 4) {
        const ask_token *t = &p->tokens[at + n];
        bool begins = at + n == 0 && t->capital && rows_is_strange(p, 0) &&
                      (t->possessive || (p->count > 1 && p->tokens[1].capital && p->tokens[1].possessive) ||
                       (p->count > 2 && p->tokens[1].capital && p->tokens[2].capital && p->tokens[2].possessive));
        if (!(t->capital && at + n > 0) && !begins &&
            !(small && (n == 0 || !p->tokens[at].capital) && rows_is_strange(p, at + n)))
            break;
        n++;
        if (t->possessive) break;
    }
    return n;
}

static void rows_named(plan_state *p, const ask_ref label[2], size_t n, size_t at, size_t words) {
    ask_filter *f = plan_filter(p, label[0], ASK_NAMED);
    if (!f) return;
    f->values[f->value_count++] = rows_words(p, at, words);
    f->other = n == 2 ? label[1] : PLAN_NONE;
    rows_mean(p, label[0], at + words);
}

size_t plan_on_named(plan_state *p, size_t at) {
    ask_ref label[2];
    int table = p->entity >= 0 ? p->entity : p->focus >= 0 ? p->focus : p->main_table;
    size_t next = at + 1;
    if (!plan_is_word(p, at, "named called") || next >= p->count) return 0;
    const ask_token *t = &p->tokens[next];
    size_t words = t->kind == ASK_QUOTED ? 1 : rows_name_words(p, next, false), n = 0;
    if (table >= 0) n = rows_label(p, table, label);
    else if (words && rows_whose_name(p, next, words, label, &n)) table = label[0].table;
    if (!words && plan_is_word(p, at, "named") && t->kind == ASK_WORD && !plan_filler(t)) words = 1;
    if (!n || !words) return 0;
    plan_choice value = plan_best_value(p, next); /* the whole of a name that is known */
    if (value.there && value.match.words >= words && value.match.score >= 0.95 && plan_same(value.match.ref, label[0]))
        return 1;
    p->focus = table;
    rows_named(p, label, n, next, words);
    return 1 + words;
}

/* "whose lead recruiter is Olga Kaminski": she is the one to whom that column leads. */
static bool rows_by_role(plan_state *p, size_t at, size_t words) {
    const ask_key *key =
        p->subject >= 0 && p->mentioned[p->subject].at + 6 > at ? rows_key_from(p, p->mentioned[p->subject].ref) : NULL;
    ask_ref label[2];
    size_t n = key && key->from.table != key->to.table ? rows_unlisted(p, key->to.table, label) : 0;
    ask_filter *f = n && !plan_is_word(p, at - 1, "of for") ? plan_filter(p, label[0], ASK_NAMED) : NULL;
    if (!f) return false;
    f->values[f->value_count++] = rows_words(p, at, words);
    f->other = rows_label(p, key->to.table, label) == 2 ? label[1] : PLAN_NONE;
    f->by_way = true;
    f->via = f->way = key->from;
    plan_place_subject(p);
    rows_mean(p, label[0], at + words);
    return true;
}

size_t plan_on_name(plan_state *p, size_t at) {
    ask_ref label[2];
    size_t words = rows_name_words(p, at, false), n = 0;
    if (!words || (words == 1 && p->tokens[at].raw.len < 3)) return 0;
    if (at && rows_by_role(p, at, words)) return words;
    if (!rows_whose_name(p, at, words, label, &n)) { /* a name as a whole, whosever it is */
        bool several = words > 1 && p->whose_count && p->whose[0].at <= at;
        if (several) plan_doubt(p, rows_words(p, at, words));
        return several ? words : 0;
    }
    lh_str name = rows_words(p, at, words);
    rows_named(p, label, n, at, words);
    if (p->subject >= 0 && plan_same(label[0], p->mentioned[p->subject].ref)) plan_place_subject(p);
    p->penalty += 0.05;
    plan_note(p, "'%.*s' is looked for in '%.*s'%s%.*s%s", LH_STR_ARG(lh_str_cut_utf8(name, 100)),
              LH_STR_ARG(plan_column(p, label[0])->name), n == 2 ? " and '" : "",
              LH_STR_ARG(n == 2 ? plan_column(p, label[1])->name : LH_STR_NONE), n == 2 ? "'" : "");
    return words;
}

/* "April Nguyen": the first word is known as something else, or is a month. */
bool plan_is_full_name(const plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    return at && t->kind == ASK_WORD && t->capital && !t->possessive && at + 1 < p->count &&
           p->tokens[at + 1].capital && rows_is_strange(p, at + 1);
}

size_t plan_on_full_name(plan_state *p, size_t at) {
    bool full = plan_is_full_name(p, at);
    plan_choice value = full ? plan_best_value(p, at) : (plan_choice){0};
    return full && (!value.there || value.match.words == 1) && !plan_long_column(p, at) ? plan_on_name(p, at) : 0;
}

/* ---- rows of the same table ---- */

/* The column of the table by which its rows refer to others of them, that the word speaks of: managed, of manager_id. */
static const ask_key *rows_self(const plan_state *p, int table, size_t at) {
    for (size_t k = 0; k < p->schema->key_count && table >= 0; k++) {
        const ask_key *key = &p->schema->keys[k];
        if (key->from.table != table || key->to.table != table) continue;
        bool above = plan_is_word(p, at, "report reports reporting supervise supervises oversee oversees") ||
                     (plan_is_word(p, at, "work works working") && plan_is_word(p, at + 1, "under for"));
        if (lexicon_column_has(p->lex, key->from, &p->tokens[at]) ||
            (above &&
             plan_called(p, key->from, "manager supervisor boss lead reports superior head chief responsible foreman")))
            return key;
    }
    return NULL;
}

/* The row that is meant from `at` on, of the table to which the key leads: by its key, or a name. Adds the filter that rows refer to it,
 * or, `up`, that it refers to them. Returns its words. */
static size_t rows_whose(plan_state *p, const ask_key *key, size_t at, bool up) {
    ask_ref label[2], ref = key->to;
    size_t n = rows_label(p, ref.table, label), i = at;
    while (i < p->count && i < at + 2 && plan_is_word(p, i, "the employee reader number")) i++;
    plan_choice table = i < p->count ? plan_best_table(p, i) : (plan_choice){0};
    if (table.there && table.match.ref.table == ref.table && table.match.score >= 0.9) i += table.match.words;
    if (i >= p->count) return 0;
    const ask_token *t = &p->tokens[i];
    plan_choice value = plan_best_value(p, i);
    bool known = value.there && value.match.score >= 0.95 && value.match.ref.table == ref.table,
         number = t->kind == ASK_NUMERAL && plan_numeric(plan_column(p, ref)), form = rows_has_shape(p, t, ref);
    size_t words = number || form          ? 1
                   : known                 ? value.match.words
                   : t->kind == ASK_QUOTED ? 1
                                           : rows_name_words(p, i, false);
    if (!words || (!number && !form && !known && !n)) return 0;
    ask_filter *f = plan_filter(p, known && !form ? value.match.ref : ref, ASK_EQ);
    if (!f) return 0;
    f->by_way = true;
    f->up = up;
    f->via = key->from;
    f->way = up ? key->to : key->from;
    if (number) f->numbers[0] = t->number;
    else if (form) f->values[f->value_count++] = t->raw, f->folded = !t->upper;
    else if (known) f->values[f->value_count++] = plan_column(p, value.match.ref)->values[value.match.value];
    else {
        f->op = ASK_NAMED;
        f->column = label[0];
        f->other = n == 2 ? label[1] : PLAN_NONE;
        f->values[f->value_count++] = rows_words(p, i, words);
    }
    if ((number || form) && !up) f->by_way = false, f->column = key->from; /* as it stands in the row */
    rows_mean(p, number || form ? ref : f->column, i + words);
    return i + words - at;
}

/* ---- several rows ---- */

/* The value by which one more row is meant at `at`, in the way of those before; empty: none is. *ret: its words. */
static lh_str rows_value(const plan_state *p, const ask_filter *f, size_t at, size_t *ret) {
    const ask_token *t = &p->tokens[at];
    const ask_column *column = plan_column(p, p->row_by);
    size_t next = at + 1;
    ask_when when;
    *ret = 1;
    if (f->op == ASK_NAMED) {
        bool known =
            !plan_is_full_name(p, at) &&
            (plan_best_table(p, at).there || plan_best_column(p, at, WANT_ANY).there || plan_best_value(p, at).there ||
             ask_when_parse(p->tokens, p->count, at, p->question->today, &when));
        *ret = known || !(t->capital || rows_is_strange(p, at)) ? 0 : rows_name_words(p, at, true);
        return *ret ? rows_words(p, at, *ret) : LH_STR_NONE;
    }
    if (rows_has_shape(p, t, p->row_by)) return t->raw;
    bool last = next >= p->count || p->tokens[next].kind == ASK_STOP || plan_filler(&p->tokens[next]) ||
                plan_is_word(p, next, "and or"); /* and no 7 days */
    if (rows_number(p, at) && plan_numeric(column) && last) return lh_arena_printf(p->arena, "%.0f", t->number);
    plan_choice value = plan_best_value(p, at);
    if (!value.there || value.match.score < 0.95 || !plan_same(value.match.ref, p->row_by)) return LH_STR_NONE;
    return *ret = value.match.words, column->values[value.match.value];
}

/* "Ann Lee and Bob Ray", "tickets 5, 6 and 7": no row is of two, so either is meant; but who was served by both has rows of the one and
 * rows of the other. */
size_t plan_on_more(plan_state *p, size_t at) {
    if (p->row_filter < 0 || p->row_end != at) return 0;
    size_t between = rows_between(p, at), i = at + between, words = 0;
    ask_filter *f = &p->plan.filters[p->row_filter];
    while (between && i < p->count && i < at + between + 3 && plan_is_word(p, i, "of for by to the number id")) i++;
    plan_choice table = between && i < p->count ? plan_best_table(p, i) : (plan_choice){0};
    if (table.there && table.match.ref.table == p->row_by.table && table.match.score >= 0.9) i += table.match.words;
    if (!between || i >= p->count || f->value_count == ASK_VALUES_MAX) return 0;
    lh_str value = rows_value(p, f, i, &words);
    if (!value.len && (plan_has_shape(p, &p->tokens[i], p->row_by.table) ||
                       (f->op != ASK_NAMED && p->tokens[i].capital && rows_is_strange(p, i))))
        return plan_doubt(p, p->tokens[i].raw), i + 1 - at; /* E0003 and Ann Lee */
    if (!value.len) return 0;
    bool elsewhere = plan_elsewhere(p, f->column.table) && !f->by_way, apart = elsewhere && p->pair && !f->not;
    if (f->value_count == 0) f->values[f->value_count++] = lh_arena_printf(p->arena, "%.0f", f->numbers[0]);
    if (apart) {
        const ask_filter before = *f;
        p->scope++;
        f = plan_filter(p, before.column, before.op);
        if (!f) return 0;
        f->other = before.other;
        f->folded = before.folded;
        p->row_filter = (int)p->plan.filter_count - 1;
    } else if (p->pair) plan_note(p, "both are taken together");
    else if (elsewhere && !plan_is_word(p, at + between - 1, "or"))
        p->penalty += 0.1, plan_note(p, "of those that are named either is meant, not all of them");
    p->pair = 0;
    f->values[f->value_count++] = value;
    f->folded |= f->op == ASK_EQ && value.ptr == p->tokens[i].raw.ptr && !p->tokens[i].upper;
    p->rows = true;
    p->row_end = i + words;
    return i + words - at;
}

static const ask_key *rows_self_of(const plan_state *p, size_t at) {
    int table = p->entity >= 0 ? p->entity : p->main_table;
    const ask_key *key = NULL;
    for (int t = 0; t < (int)p->schema->table_count && !key; t++)
        if (table < 0 || t == table) key = rows_self(p, t, at);
    for (int t = 0; t < (int)p->schema->table_count && !key; t++) key = rows_self(p, t, at); /* said of another table */
    return key;
}

static size_t rows_self_read(plan_state *p, const ask_key *key, size_t words) {
    if (p->entity < 0 && !plan_has(p->entity_column) && p->fn < 0) p->entity = p->focus = key->from.table;
    p->lead_open = false;
    return words;
}

/* A verb of what one does to others of the table: "manages", "referred", of manager_id and referred_by; not "referred by". */
static bool rows_is_deed(const plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    bool form = t->kind == ASK_WORD && !t->capital && !plan_is_word(p, at + 1, "by to");
    if (!form) return false;
    if (plan_is_word(p, at, "manage manages supervise supervises oversee oversees")) return true;
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key *key = &p->schema->keys[k];
        if (key->from.table == key->to.table && lh_str_ends(plan_column(p, key->from)->name, LH_STR("_by")) &&
            lexicon_column_named(p->lex, key->from, t))
            return true;
    }
    return false;
}

/* "who manages Ann Lee"; "whom does Ann Lee manage", "who does she report to". */
static size_t rows_on_deed(plan_state *p, size_t at) {
    const ask_key *key = NULL;
    size_t verb = at + 2, words = 0;
    if (p->lead == LEAD_WHO && p->entity < 0 && at && plan_is_word(p, at - 1, "who") && rows_is_deed(p, at)) {
        key = rows_self_of(p, at);
        words = key ? rows_whose(p, key, at + 1, true) : 0;
        return words ? rows_self_read(p, key, 1 + words) : 0;
    }
    if (p->lead == LEAD_WHO && at && plan_is_word(p, at - 1, "who") && p->entity < 0 && at + 1 < p->count &&
        lh_str_ends(p->tokens[at].word, LH_STR("ed"))) { /* who referred Ann Lee */
        key = rows_self_of(p, at);
        words =
            key && lh_str_ends(plan_column(p, key->from)->name, LH_STR("_by")) ? rows_whose(p, key, at + 1, true) : 0;
        return words ? rows_self_read(p, key, 1 + words) : 0;
    }
    if (!plan_is_word(p, at, "does do did")) return 0;
    while (verb < p->count && verb < at + 12 && !plan_is_word(p, verb, "report") && !rows_is_deed(p, verb)) verb++;
    bool report = plan_is_word(p, verb, "report");
    if (verb < p->count && (!report || plan_is_word(p, verb + 1, "to"))) key = rows_self_of(p, verb);
    if (!key || (p->entity >= 0 && p->entity != key->to.table)) return 0;
    const plan_state before = *p;
    words = rows_whose(p, key, at + 1, report);
    while (words && p->row_end < verb && plan_on_more(p, p->row_end)) {
    }
    if (words && p->row_end == verb) return rows_self_read(p, key, verb + 1 + report - at);
    *p = before;
    return 0;
}

/* The one key by which rows of the table refer to others of it; NULL: none, or several. */
static const ask_key *rows_self_alone(const plan_state *p, int table) {
    const ask_key *found = NULL;
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key *key = &p->schema->keys[k];
        if (key->from.table != table || key->to.table != table) continue;
        if (found) return NULL;
        found = key;
    }
    return found;
}

/* "Ann Lee's manager": the row to which hers refers; "Ann Lee's people": those that refer to hers. */
static size_t rows_is_own(plan_state *p, size_t at) {
    ask_filter *f = p->row_filter >= 0 ? &p->plan.filters[p->row_filter] : NULL;
    plan_choice rows = f ? plan_best_table(p, at) : (plan_choice){0};
    bool led = (plan_is_word(p, at, "people team reports subordinates staff crew guys folks") &&
                !plan_is_word(p, at + 1, "lead leader head manager boss captain supervisor coordinator")) ||
               (rows.there && rows.match.score >= 0.9 && rows.match.words == 1 &&
                rows.match.ref.table == f->column.table),
         two = f && rows_self(p, f->column.table, at) &&
               rows_self(p, f->column.table, at) == rows_self(p, f->column.table, at + 1),
         ends = led || at + 1 + two >= p->count || p->tokens[at + 1 + two].kind == ASK_STOP; /* two: "team lead" */
    if (!f || !ends || p->row_end != at || !p->tokens[at - 1].possessive || f->by_way || f->not) return 0;
    const ask_key *key = led ? rows_self_alone(p, f->column.table) : rows_self(p, f->column.table, at);
    if (led && !key) return plan_doubt(p, p->tokens[at].raw), 1;
    if (!key || (p->entity >= 0 && (!led || p->entity != key->from.table))) return 0;
    f->by_way = true;
    f->up = !led;
    f->via = key->from;
    f->way = led ? key->from : key->to;
    p->row_of = -1;
    (void)rows_self_read(p, key, 1);
    return 1 + two;
}

/* "managed by Ann Lee", "reporting to E0003", "whose manager is Ann Lee"; "the manager of Ann Lee". */
size_t plan_on_self(plan_state *p, size_t at) {
    size_t words = rows_on_deed(p, at);
    if (words) return words;
    if (p->tokens[at].kind == ASK_WORD && (words = rows_is_own(p, at))) return words;
    bool reports = plan_is_word(p, at, "reports") && plan_is_word(p, at + 1, "of"),
         works = plan_is_word(p, at, "work works working"),
         down = reports || plan_is_word(p, at + 1, works ? "under for" : "by to is under"),
         up = !down && plan_is_word(p, at + 1, "of for");
    if (p->tokens[at].kind != ASK_WORD || at + 2 >= p->count || (!down && !up)) return 0;
    const ask_key *key = rows_self_of(p, at);
    if (!key || (up && p->entity >= 0 && p->entity != key->to.table)) return 0;
    bool not = down && plan_is_word(p, at + 2, "not");
    if (not) p->not = true, p->not_word = p->tokens[at + 2].raw;
    words = rows_whose(p, key, at + 2 + not, up);
    return words ? rows_self_read(p, key, 2 + words + not) : 0;
}

/* ---- open and closed ---- */

static bool rows_has_value(const plan_state *p, size_t at, int table) {
    lexicon_match found[PLAN_MATCHES];
    size_t n = lexicon_values(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES);
    bool has = false;
    for (size_t i = 0; i < n; i++) has |= found[i].ref.table == table && found[i].score >= 0.9;
    n = lexicon_columns(p->lex, p->tokens, p->count, at, found, PLAN_MATCHES);
    for (size_t i = 0; i < n; i++)
        has |= found[i].ref.table == table && found[i].score >= 0.9 && !plan_temporal(plan_column(p, found[i].ref)) &&
               !plan_numeric(plan_column(p, found[i].ref));
    return has;
}

/* The table whose state is said: that of what follows (open urgent tickets), or of what "are" stands behind. -1: neither. */
static int rows_of_state(const plan_state *p, size_t at, bool *ret_before) {
    size_t i = at + 1;
    for (int skipped = 0; skipped < 3 && i < p->count; skipped++) {
        plan_choice rows = plan_best_table(p, i), value = plan_best_value(p, i),
                    column = plan_best_column(p, i, WANT_ANY);
        size_t next = rows.there ? i + rows.match.words : p->count;
        bool row =
            next < p->count && (rows_number(p, next) || plan_has_shape(p, &p->tokens[next], rows.match.ref.table));
        if (rows.there && rows.match.score >= 0.9 && row) { /* open employee E0010 tickets */
            i = next + 1;
            continue;
        }
        if (rows.there && rows.match.score >= 0.9) return *ret_before = true, rows.match.ref.table;
        if (value.there && value.match.score >= 0.95) i += value.match.words;
        else if (skipped && column.there && column.match.score >= 0.9) i += column.match.words;
        else break;
    }
    *ret_before = false;
    while (at && plan_is_word(p, at - 1, "not no longer yet already since")) at--; /* that are not open */
    bool behind =
        at && plan_is_word(p, at - 1, "are is still were was yet remain stay been that who have has all always");
    if (behind && p->only && plan_elsewhere(p, p->focus)) return p->focus; /* whose repairs are all fixed */
    return behind ? (p->entity >= 0 ? p->entity : p->main_table) : -1;
}

static const char rows_gone[] = "cancelled canceled left terminated deactivated churned";
static const char rows_ends[] =
    "closed finished completed resolved returned delivered arrived paid decided fixed solved done settled repaired";

static void rows_state(plan_state *p, ask_ref end, bool open, lh_str said) {
    ask_filter *f = plan_filter(p, end, open ? ASK_IS_NULL : ASK_NOT_NULL);
    if (f && f->not) f->op = open ? ASK_NOT_NULL : ASK_IS_NULL, f->not = false;
    if (f && f->op == ASK_IS_NULL && plan_undone(p, f)) return;
    plan_note(p, "'%.*s' is %s '%.*s'", LH_STR_ARG(lh_str_cut_utf8(said, 60)), open ? "without" : "with",
              LH_STR_ARG(plan_column(p, end)->name));
}

/* "overdue": what was due, and has no end; "paid late": what ended after it was due. */
static size_t rows_due(plan_state *p, size_t at, int table) {
    ask_ref due = table >= 0 ? plan_date_called(p, table, "due promised deadline expected", PLAN_NONE) : PLAN_NONE,
            end = table >= 0 ? plan_date_called(p, table, rows_ends, PLAN_NONE) : due;
    bool late = plan_is_word(p, at, "late"), time = plan_is_word(p, at, "on") && plan_is_word(p, at + 1, "time");
    if (!late && !time) plan_drop_not(p); /* of two conditions not both are denied */
    if (!plan_has(due) || !plan_has(end) || plan_same(due, end)) return 0;
    if (late || time) {
        ask_filter *said = p->plan.filter_count ? &p->plan.filters[p->plan.filter_count - 1] : NULL;
        if (said && p->value_end == at && said->op == ASK_EQ && said->value_count == 1 &&
            lexicon_column_has(p->lex, end, &p->tokens[at - 1]))
            p->plan.filter_count--; /* delivered late: whatever its state is now */
        ask_filter *f = plan_filter(p, end, late ? ASK_GT : ASK_LE);
        if (f) f->other = due;
        if (at && lexicon_column_has(p->lex, end, &p->tokens[at - 1]))
            p->date_subject = end; /* delivered late this year */
    } else {
        ask_filter *f = plan_filter(p, due, ASK_IN_TIME);
        if (f) f->when = (ask_when){.kind = ASK_RANGE, .has_to = true, .to = p->question->today}, f->stated = true;
        rows_state(p, end, true, p->tokens[at].raw);
        ask_filter *open = p->plan.filter_count ? &p->plan.filters[p->plan.filter_count - 1] : NULL;
        if (open && open->op == ASK_IS_NULL) (void)plan_still_open(p, open);
    }
    plan_note(p, "'%.*s' is by '%.*s' and '%.*s'", LH_STR_ARG(p->tokens[at].raw), LH_STR_ARG(plan_column(p, due)->name),
              LH_STR_ARG(plan_column(p, end)->name));
    p->subject = -1;
    for (size_t i = 0; i < p->mentioned_count; i++) p->mentioned[i].placed |= plan_same(p->mentioned[i].ref, end);
    return time ? 2 : 1;
}

/* The date on which it was done, of the table or, where that is not known, of the only one that has one; column -1: none. */
static ask_ref rows_done(const plan_state *p, int table, lh_str word) {
    const ask_token what = {
        .kind = ASK_WORD, .raw = word, .word = word, .one = word, .stem = lexicon_stem(p->lex, word)};
    ask_ref found = {-1, -1}, other = {-1, -1};
    if (!lh_str_ends(word, LH_STR("ed")) && !ask_in(word, "paid sold sent built held")) return found;
    for (int t = 0; t < (int)p->schema->table_count; t++)
        for (size_t c = 0; c < p->schema->tables[t].column_count && (table < 0 || t == table); c++) {
            ask_ref ref = {t, (int)c};
            if (table >= 0 && plan_numeric(plan_column(p, ref)) && lexicon_column_named(p->lex, ref, &what))
                other = ref;
            if (!plan_temporal(plan_column(p, ref)) || !lexicon_column_has(p->lex, ref, &what)) continue;
            if (plan_has(found)) return PLAN_NONE;
            found = ref;
        }
    return plan_has(found) ? found : other; /* scored line items: with a score */
}

/* "pending", "rejected", of what is approved or not. */
static bool rows_approval(plan_state *p, size_t at, int table) {
    const ask_table *of = &p->schema->tables[table];
    for (size_t c = 0; c < of->column_count; c++) {
        bool about = of->columns[c].type == ASK_BOOL && (lh_str_ends(of->columns[c].name, LH_STR("approved")) ||
                                                         lh_str_ends(of->columns[c].name, LH_STR("accepted")));
        bool pending = plan_is_word(p, at, "pending undecided open"),
             rejected = plan_is_word(p, at, "rejected declined denied");
        if (!about || (!pending && !rejected)) continue;
        ask_filter *f = plan_filter(p, (ask_ref){table, (int)c}, pending ? ASK_IS_NULL : ASK_IS_FALSE);
        if (f && f->not&&pending) f->op = ASK_NOT_NULL, f->not = false;
        plan_note(p, "'%.*s' is by '%.*s'", LH_STR_ARG(p->tokens[at].word), LH_STR_ARG(of->columns[c].name));
        return f != NULL;
    }
    return false;
}

/* "leases that have ended", "active leases": by the date on which they end, which is known before. */
static bool rows_over(plan_state *p, size_t at, int table) {
    bool over = plan_is_word(p, at, "ended expired lapsed over"),
         runs = plan_is_word(p, at, "active current running valid ongoing");
    ask_ref end = over || runs
                      ? plan_date_called(p, table, "end ends ended expires expired expiry expiration until", PLAN_NONE)
                      : PLAN_NONE;
    ask_ref gone =
        runs ? plan_date_called(p, table, "cancelled canceled left terminated deactivated", PLAN_NONE) : PLAN_NONE;
    if (!plan_has(end) || plan_has(gone)) return false;
    if (runs) plan_drop_not(p);
    ask_filter *f = plan_filter(p, end, ASK_IN_TIME);
    if (!f) return false;
    f->stated = true;
    plan_place(p, end);
    f->when = over ? (ask_when){.kind = ASK_RANGE, .has_to = true, .to = p->question->today}
                   : (ask_when){.kind = ASK_RANGE, .has_from = true, .from = p->question->today};
    f->or_null = runs;
    ask_ref begin =
        runs ? plan_date_called(p, table, "start starts started begin begins began from since", PLAN_NONE) : PLAN_NONE;
    ask_filter *begun = plan_has(begin) ? plan_filter(p, begin, ASK_IN_TIME) : NULL;
    if (begun) begun->stated = true;
    if (begun) begun->when = (ask_when){.kind = ASK_RANGE, .has_to = true, .to = p->question->today + 1};
    plan_note(p, "'%.*s' is by '%.*s'", LH_STR_ARG(p->tokens[at].word), LH_STR_ARG(plan_column(p, end)->name));
    return true;
}

/* "with an expired licence", of when it expires; how many words. */
static size_t rows_expired(plan_state *p, size_t at) {
    static const char ends[] = "expires expired expiry expiration";
    int said = p->entity >= 0 ? p->entity : p->main_table;
    ask_ref end = PLAN_NONE;
    size_t count = 0;
    if (!plan_is_word(p, at, "expired lapsed") || at + 1 >= p->count) return 0;
    for (int t = 0; t < (int)p->schema->table_count; t++) {
        ask_ref one = said < 0 || t == said ? plan_date_called(p, t, ends, PLAN_NONE) : PLAN_NONE;
        if (plan_has(one) && lexicon_column_named(p->lex, one, &p->tokens[at + 1])) end = one, count++;
    }
    ask_filter *f = count == 1 ? plan_filter(p, end, ASK_IN_TIME) : NULL;
    if (!f) return 0;
    f->when = (ask_when){.kind = ASK_RANGE, .has_to = true, .to = p->question->today};
    f->stated = true;
    plan_note(p, "'%.*s' is by '%.*s'", LH_STR_ARG(p->tokens[at].word), LH_STR_ARG(plan_column(p, end)->name));
    return 2;
}

/* "when does lease 5 end", "when did it start" */
static bool rows_when(plan_state *p, size_t at) {
    int table = p->entity >= 0 ? p->entity : p->main_table;
    bool end = plan_is_word(p, at, "end ends ended ending finish finishes expire expires expired"),
         begin = plan_is_word(p, at, "start starts started begin begins began");
    if (table < 0 || (!end && !begin)) return false;
    ask_ref date = plan_date_called(p, table,
                                    end ? "end ends ended expires expiry expiration finished until"
                                        : "start starts started begin begins began from",
                                    PLAN_NONE);
    if (plan_has(date)) p->date_subject = date;
    return plan_has(date);
}

/* "open tickets", "tickets that are still open": without the date on which they end; "closed tickets": with it. */
static size_t rows_on_state(plan_state *p, size_t at, int table, bool before) {
    const ask_token *t = &p->tokens[at];
    int rows = table >= 0 ? table : p->entity >= 0 ? p->entity : p->main_table;
    if (ask_in(t->word, "overdue late") || (ask_is(t, "on") && plan_is_word(p, at + 1, "time"))) {
        if (rows >= 0 && plan_has(plan_hinted(p, rows, "late delay overdue", true))) return 0;
        return rows_due(p, at, rows);
    }
    bool not = lh_str_starts(t->word, LH_STR("un")) && t->word.len > 5,
         active = ask_in(t->word, "active current former"),
         open = ask_in(t->word, "open unclosed unresolved unfinished outstanding ongoing pending incomplete");
    ask_ref end = {-1, -1},
            done = before || not ? rows_done(p, table, not? lh_str_sub(t->word, 2, t->word.len) : t->word) : PLAN_NONE;
    if (plan_has(done) && plan_numeric(plan_column(p, done)) && p->extreme && !p->order_set)
        done = PLAN_NONE; /* highest rated */
    if (plan_has(done)) {
        rows_state(p, done, not, t->raw);
        if (table < 0) p->focus = done.table, p->main_table = p->main_table < 0 ? done.table : p->main_table;
        return 1;
    }
    if (table >= 0 && (rows_approval(p, at, table) || rows_over(p, at, table))) return 1;
    bool gone = table >= 0 && ask_in(t->word, "left quit"),
         us = plan_is_word(p, at + 1, "with") && plan_is_word(p, at + 2, "us"),
         still =
             ask_in(t->word, "still currently") && (us || plan_is_word(p, at + 1, "here employed work works working"));
    if (gone || still) {
        int whose = still ? rows : table;
        end = whose >= 0 ? plan_date_called(p, whose, rows_gone, PLAN_NONE) : end;
        bool gone_by = plan_has(end) && !ask_in(plan_column(p, end)->name, "departed");
        if (still && !gone_by) return plan_doubt(p, t->raw), 2 + (size_t)us; /* nothing says who is not any more */
        if (!gone_by) return 0;
        ask_when when;
        rows_state(p, end, still, t->raw);
        if (gone && at + 1 < p->count && ask_when_parse(p->tokens, p->count, at + 1, p->question->today, &when))
            p->date_subject = end; /* left this year */
        return still ? 2 + (size_t)us : 1;
    }
    if (table >= 0 && (open || active)) end = plan_date_called(p, table, active ? rows_gone : rows_ends, PLAN_NONE);
    if (!plan_has(end)) return 0;
    rows_state(p, end, !ask_is(t, "former"), t->raw);
    return 1;
}

/* "whose insurance has run out": it was until a day that is over. */
static size_t rows_run_out(plan_state *p, size_t at) {
    ask_when when;
    ask_ref ref = p->subject >= 0 ? p->mentioned[p->subject].ref : PLAN_NONE;
    size_t n = plan_is_word(p, at, "run ran runs running") && plan_is_word(p, at + 1, "out")                       ? 2
               : plan_is_word(p, at, "expired lapsed") && at && plan_is_word(p, at - 1, "has have is are already") ? 1
                                                                                                                   : 0;
    if (!n || !plan_has(ref) || !plan_temporal(plan_column(p, ref))) return 0;
    if (at + n < p->count && ask_when_parse(p->tokens, p->count, at + n, p->question->today, &when)) return n;
    plan_place_subject(p);
    ask_filter *f = plan_filter(p, ref, ASK_IN_TIME);
    if (f) f->when = (ask_when){.kind = ASK_RANGE, .has_to = true, .to = p->question->today}, f->stated = true;
    p->subject = -1;
    return n;
}

size_t plan_on_state(plan_state *p, size_t at) {
    bool before = false;
    size_t out = rows_run_out(p, at);
    if (out) return out;
    if (p->lead == LEAD_WHEN && rows_when(p, at)) return 1;
    if (p->tokens[at].kind != ASK_WORD || p->grouping) return 0;
    size_t expired = rows_expired(p, at);
    if (expired) return expired;
    int table = rows_of_state(p, at, &before);
    if (table >= 0 && rows_has_value(p, at, table)) return 0;
    bool none = before && p->not && plan_elsewhere(p, table); /* no open tickets: none that are open */
    size_t filters = p->plan.filter_count, words;
    if (!none) return rows_on_state(p, at, table, before);
    p->not = p->without = false;
    unsigned scope = p->scope;
    plan_apart(p, table);
    words = rows_on_state(p, at, table, before);
    p->not = p->without = true;
    if (p->plan.filter_count > filters) p->value_end = at + words;
    else p->scope = scope;
    return words;
}
