/* A question into a plan without a model: its words from left to right, each taken as the longest that it can be: a value of several
 * words, a time, a word of form (plan_words.c), then the table, column or value that fits the words around it best. What stays is named,
 * and costs confidence: a plan that passed over a word would answer another question. plan_build.c makes the plan of what was read. */
#include "ask/plan_internal.h"

#include <stdarg.h>
#include <stdio.h>

const ask_column *plan_column(const plan_state *p, ask_ref ref) {
    return &p->schema->tables[ref.table].columns[ref.column];
}
bool plan_numeric(const ask_column *column) { return column->type == ASK_NUMBER; }
bool plan_temporal(const ask_column *column) { return column->type == ASK_DATE || column->type == ASK_TIME; }

void plan_note(plan_state *p, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    lh_str note = lh_str_from(text);
    for (lh_json_iter it = lh_json_each(p->assumptions); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), note)) return;
    lh_json_append(p->assumptions, lh_json_new_string(p->arena, lh_str_sub(note, 0, lh_str_utf8_prefix(note))));
}

void plan_unplaced(plan_state *p, lh_str word) {
    lh_json_append(p->unplaced, lh_json_new_string(p->arena, lh_str_cut_utf8(word, 100)));
}

void plan_doubt(plan_state *p, lh_str word) {
    plan_unplaced(p, word);
    p->penalty += 0.45;
}

void plan_drop_not(plan_state *p) {
    if (p->not) plan_doubt(p, p->not_word);
    p->not = p->without = false;
}

bool plan_elsewhere(const plan_state *p, int table) {
    return p->entity >= 0 && table >= 0 && p->entity != table && ask_path(p->schema, p->entity, table, NULL) < 0;
}

ask_filter *plan_filter(plan_state *p, ask_ref column, ask_op op) {
    if (p->plan.filter_count == ASK_FILTERS_MAX) return NULL;
    ask_filter *f = &p->plan.filters[p->plan.filter_count++];
    if (p->or_ && p->at <= p->or_at + 5) /* conditions hold all at once */
        p->or_ = false, plan_doubt(p, LH_STR("or"));
    bool behind =
        p->measure_end && p->at <= p->measure_end + (p->not? 1 : 0) && p->at >= p->measure_end; /* loans not renewed */
    *f = (ask_filter){.column = column,
                      .other = {-1, -1},
                      .via = {-1, -1},
                      .op = op,
                      .not= p->not,
                      .numerator = p->share && (p->after_verb || behind ||
                                                (p->fn == ASK_COUNT && !p->plan.measure_count && op != ASK_IN_TIME)),
                      .scope = p->scope,
                      .only = p->only && plan_elsewhere(p, column.table) && (column.column >= 0 || op == ASK_IN_TIME)};
    if (p->only && plan_has(p->entity_column) && p->entity < 0) plan_doubt(p, p->only_word); /* of all rows of each */
    if (column.column >= 0 || op == ASK_IN_TIME) p->only = false;
    p->not = p->without = p->with = false;
    return f;
}

size_t plan_measure(plan_state *p, ask_fn fn, ask_ref column) {
    if (plan_has(column) && (fn == ASK_SUM || fn == ASK_AVG) &&
        ask_in(plan_column(p, column)->name, fn == ASK_SUM ? "year month day hour minute" : "month day hour minute"))
        p->penalty += 0.45; /* parts of a date have no sum */
    if (plan_has(column) && fn == ASK_SUM)
        for (lh_str rest = lh_str_from("rate ratio percent pct speed temp temperature"); rest.len;)
            if (lh_str_ends(plan_column(p, column)->name, lh_str_split(&rest, ' '))) p->penalty += 0.45;
    if (plan_has(column) && fn == ASK_SUM &&
        (lh_str_search(plan_column(p, column)->name, LH_STR("_per_")) != SIZE_MAX ||
         lh_str_find(plan_column(p, column)->name, '%') < plan_column(p, column)->name.len))
        p->penalty += 0.45;
    if (plan_has(column) && (fn == ASK_SUM || fn == ASK_AVG) &&
        (lh_str_ends(plan_column(p, column)->name, LH_STR("_no")) ||
         lh_str_ends(plan_column(p, column)->name, LH_STR("_id"))))
        p->penalty += 0.45; /* nor numbers that name something */
    for (size_t i = 0; i < p->plan.measure_count; i++)
        if (p->plan.measures[i].fn == fn && plan_same(p->plan.measures[i].column, column) && !p->plan.measures[i].how)
            return i;
    if (p->plan.measure_count == ASK_COLUMNS_MAX) return ASK_COLUMNS_MAX - 1;
    p->plan.measures[p->plan.measure_count] = (ask_measure){.fn = fn, .column = column};
    return p->plan.measure_count++;
}

/* A day of a table that keeps year, month and day apart is one of a month and year. */
static void plan_group_day(plan_state *p, ask_ref column) {
    static const char *const larger[] = {"year", "month"};
    const ask_table *of = &p->schema->tables[column.table];
    if (!lh_str_eq_nocase(of->columns[column.column].name, LH_STR("day"))) return;
    for (size_t i = 0; i < 2; i++)
        for (size_t c = 0; c < of->column_count; c++)
            if (lh_str_eq_nocase(of->columns[c].name, lh_str_from(larger[i])) && plan_numeric(&of->columns[c]))
                plan_group(p, (ask_ref){column.table, (int)c}, ASK_WHOLE);
}

void plan_group(plan_state *p, ask_ref column, ask_part part) {
    if (plan_has(column) && plan_column(p, column)->listed)
        p->penalty += 0.45, plan_note(p, "'%.*s' holds lists", LH_STR_ARG(plan_column(p, column)->name));
    if (plan_has(column) && part == ASK_WHOLE) plan_group_day(p, column);
    for (size_t i = 0; i < p->plan.group_count; i++)
        if (p->plan.groups[i].part == part && p->plan.groups[i].column.table == column.table &&
            p->plan.groups[i].column.column == column.column)
            return;
    if (p->plan.group_count < ASK_COLUMNS_MAX) p->plan.groups[p->plan.group_count++] = (ask_group){column, part, false};
}

static int plan_distance_of(const plan_state *p, int from, int to) {
    int there = ask_path(p->schema, from, to, NULL), back = ask_path(p->schema, to, from, NULL), best = 9;
    if (there >= 0) best = there;
    if (back >= 0 && back < best) best = back;
    for (int t = 0; t < (int)p->schema->table_count && best > 2; t++) {
        int a = ask_path(p->schema, t, from, NULL), b = ask_path(p->schema, t, to, NULL);
        if (a > 0 && b > 0 && a + b + 1 < best) best = a + b + 1;
    }
    return best;
}

int plan_distance(const plan_state *p, int from, int to) {
    size_t n = p->schema->table_count;
    if (from < 0 || to < 0) return 9;
    if (from == to) return 0;
    int8_t *known = p->distances ? &p->distances[(size_t)from * n + (size_t)to] : NULL;
    if (known && *known) return *known - 1;
    int distance = plan_distance_of(p, from, to);
    if (known) *known = (int8_t)(distance + 1);
    return distance;
}

bool plan_called(const plan_state *p, ask_ref ref, const char *words) {
    for (lh_str rest = lh_str_from(words); rest.len;) {
        const ask_token one = plan_word(lh_str_split(&rest, ' '));
        if (lexicon_column_has(p->lex, ref, &one)) return true;
    }
    return false;
}

ask_ref plan_hinted(const plan_state *p, int table, const char *words, bool numbers) {
    const ask_table *of = &p->schema->tables[table];
    for (lh_str rest = lh_str_from(words); rest.len;) {
        lh_str word = lh_str_split(&rest, ' ');
        for (size_t c = 0; c < of->column_count; c++) {
            const ask_token one = plan_word(word);
            if ((!numbers || plan_numeric(&of->columns[c])) &&
                !(of->columns[c].key && ask_names_key(of->columns[c].name)) &&
                lexicon_column_has(p->lex, (ask_ref){table, (int)c}, &one))
                return (ask_ref){table, (int)c};
        }
    }
    return (ask_ref){table, -1};
}

/* ---- word by word ---- */

static void plan_find_main(plan_state *p) {
    for (size_t i = 0; i < p->count && p->main_table < 0; i++) {
        lexicon_match found[PLAN_MATCHES];
        size_t values = lexicon_values(p->lex, p->tokens, p->count, i, found, PLAN_MATCHES), long_ = 0;
        for (size_t k = 0; k < values; k++)
            if (found[k].words > 1 && found[k].score >= 0.95) long_ = found[k].words;
        if (long_) { /* the books of "The Lost Reader" */
            i += long_ - 1;
            continue;
        }
        size_t n = lexicon_tables(p->lex, p->tokens, p->count, i, found, PLAN_MATCHES);
        double best = 0.85;
        for (size_t k = 0; k < n; k++)
            if (found[k].score > best) best = found[k].score, p->main_table = found[k].ref.table;
    }
}

/* "list five candidates …" */
static bool plan_counted(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    plan_choice table = plan_best_table(p, at + 1), kind = plan_best_column(p, at + 1, WANT_ANY);
    bool is = false;
    double n = ask_word_number(t, &is);
    bool kinds = kind.there && kind.match.score >= 0.95 && p->tokens[at + kind.match.words].plural &&
                 plan_column(p, kind.match.ref)->type == ASK_TEXT;
    if (!is || ((!table.there || table.match.score < 0.75) && !kinds) || n < (t->kind == ASK_WORD ? 2 : 1) || n > 10000)
        return false;
    p->top = (uint64_t)n;
    if (p->lead == LEAD_NONE) p->lead = LEAD_LIST, p->lead_open = true;
    return true;
}

/* "joined before 2018", where nothing is called so. */
static bool plan_is_event(const plan_state *p, size_t at) {
    ask_when when;
    const ask_token *t = &p->tokens[at];
    bool verb = t->kind == ASK_WORD && (lh_str_ends(t->word, LH_STR("ed")) || ask_in(t->word, "built born sold begun"));
    return verb && at + 1 < p->count && ask_when_parse(p->tokens, p->count, at + 1, p->question->today, &when);
}

static int plan_table_of_event(const plan_state *p) {
    return p->entity >= 0 ? p->entity : p->main_table >= 0 ? p->main_table : p->focus;
}

/* "finished in May", of what has one date of an end, however that is called; and of a begin. */
static bool plan_on_end(plan_state *p, const ask_token *t) {
    static const char *const kinds[] = {
        "closed close finished finish completed complete resolved done fixed solved settled concluded ended end",
        "opened open started start begun began begin created raised logged filed"};
    int table = plan_table_of_event(p);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && table >= 0; i++) {
        ask_ref date = ask_in(t->word, kinds[i]) ? plan_date_called(p, table, kinds[i], PLAN_NONE) : PLAN_NONE;
        if (!plan_has(date)) continue;
        plan_note(p, "'%.*s' is by '%.*s'", LH_STR_ARG(t->word), LH_STR_ARG(plan_column(p, date)->name));
        p->date_subject = date;
        return true;
    }
    return false;
}

/* "logged in this week": of several dates the one that is called so, or it is not known which. */
static size_t plan_on_done(plan_state *p, size_t at) {
    int table = p->entity >= 0 ? p->entity : p->main_table;
    size_t dates = 0;
    if (plan_on_end(p, &p->tokens[at])) return 1;
    ask_ref named =
        table >= 0 && plan_is_word(p, at, "logged") ? plan_date_called(p, table, "login logged", PLAN_NONE) : PLAN_NONE;
    for (size_t c = 0; table >= 0 && c < p->schema->tables[table].column_count; c++)
        dates += plan_temporal(&p->schema->tables[table].columns[c]);
    if (plan_has(named)) p->date_subject = named;
    else if (dates > 1 && !plan_has(p->date_subject)) p->penalty += 0.2;
    return 1;
}

/* Of several dates it is not known which one that is. */
static bool plan_has_dates(const plan_state *p) {
    int table = plan_table_of_event(p);
    size_t dates = 0;
    for (size_t c = 0; table >= 0 && c < p->schema->tables[table].column_count; c++)
        dates += plan_temporal(&p->schema->tables[table].columns[c]);
    return dates > 1;
}

/* "built by Boeing": who did it stands behind. */
static bool plan_is_made(const plan_state *p, size_t at) {
    plan_choice who = {0};
    if (p->tokens[at].kind == ASK_WORD && at + 2 < p->count && ask_is(&p->tokens[at + 1], "by") &&
        ask_in(p->tokens[at].word,
               "built made manufactured produced operated flown run handled managed served supplied"))
        who = plan_best_value(p, at + 2);
    return who.there && who.match.score >= 0.6;
}

/* Does a column that is compared already have the word? "late on arrival" */
static bool plan_is_said(const plan_state *p, const ask_token *t) {
    bool said = false;
    for (size_t i = 0; i < p->plan.filter_count && t->kind == ASK_WORD; i++)
        said |= plan_has(p->plan.filters[i].column) && p->plan.filters[i].op >= ASK_GT &&
                p->plan.filters[i].op <= ASK_BETWEEN && lexicon_column_has(p->lex, p->plan.filters[i].column, t);
    return said;
}

/* "in minutes": what was measured in seconds. */
static size_t plan_in_unit(plan_state *p, size_t at) {
    if (p->compare.there || at + 1 >= p->count || !ask_is(&p->tokens[at], "in")) return 0;
    if (p->how_long && plan_seconds(p->tokens[at + 1].one) > 0)
        return p->long_seconds = plan_seconds(p->tokens[at + 1].one), 2;
    if (!p->plan.measure_count) return 0;
    ask_measure *m = &p->plan.measures[p->plan.measure_count - 1];
    bool number = plan_has(m->column) && m->fn != ASK_COUNT && m->fn != ASK_COUNT_DISTINCT;
    double said = plan_seconds(p->tokens[at + 1].one), has = 0;
    if (!number || said <= 0 || !p->tokens[at + 1].plural) return 0;
    has = plan_seconds_in(plan_column(p, m->column)->name);
    if (has > 0) m->divisor = said / has;
    else plan_doubt(p, p->tokens[at + 1].raw);
    return 2;
}

/* "from, to and miles": both ends, to be shown. */
static size_t plan_end(plan_state *p, size_t at) {
    int near = p->entity >= 0 ? p->entity : p->main_table;
    const ask_token *t = &p->tokens[at], *next = at + 1 < p->count ? t + 1 : NULL;
    if (near < 0 || !next || !(next->kind == ASK_STOP || ask_is(next, "and"))) return 0;
    ask_ref ref = plan_hinted(p, near, ask_is(t, "from") ? "origin source from" : "dest destination target to", false);
    if (!plan_has(ref)) return 0;
    plan_subject(p, ref, at);
    return 1;
}

/* A text between quotes, or behind a word such as "contains". 0: it is none. */
static size_t plan_on_quoted(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    size_t n = 0;
    if (t->kind != ASK_QUOTED && (p->like < 0 || plan_filler(t) || t->kind != ASK_WORD)) return 0;
    if (p->like < 0 || p->subject < 0) {
        n = plan_mention(p, at);
        if (n) return p->like = -1, n;
    }
    size_t end = at + 1; /* without quotes: up to a comma */
    while (t->kind != ASK_QUOTED && end < p->count && p->tokens[end].kind == ASK_WORD && !plan_filler(&p->tokens[end]))
        end++;
    const ask_token *last = &p->tokens[end - 1];
    lh_str text =
        t->kind == ASK_QUOTED ? t->raw : (lh_str){t->raw.ptr, (size_t)(last->raw.ptr + last->raw.len - t->raw.ptr)};
    size_t in = end;
    while (in < p->count && p->tokens[in].kind == ASK_WORD && ask_in(p->tokens[in].word, "in the their its of")) in++;
    plan_choice named =
        p->like >= 0 && in > end && in < p->count ? plan_best_column(p, in, WANT_ANY) : (plan_choice){0};
    if (named.there && named.match.score >= 0.85 &&
        plan_column(p, named.match.ref)->type == ASK_TEXT) { /* mention "x" in the notes */
        plan_subject(p, named.match.ref, at);
        if (plan_on_text(p, text)) return in + named.match.words - at;
    }
    if (p->like >= 0 && p->subject < 0) { /* the longest text that there is */
        int near = p->focus >= 0 ? p->focus : p->entity;
        ask_ref column =
            near >= 0 ? plan_hinted(p, near, "text description notes note name title subject body comment", false)
                      : PLAN_NONE;
        if (plan_has(column)) plan_subject(p, column, at), p->mentioned[p->subject].placed = true;
    }
    if (plan_on_text(p, text)) return end - at;
    return 0;
}

/* "customers who bought toys": what joins them says that they did. */
static bool plan_is_trade(const plan_state *p, size_t at) {
    size_t next = at + 1;
    if (!plan_is_word(p, at,
                      "bought purchased ordered sold booked rented signed placed made taken took had filed submitted "
                      "requested hired received got visited attended hosted played performed held joined taught run"))
        return false;
    while (next < p->count && plan_is_word(p, next, "a an any the some no both only single for on by at in to of one"))
        next++;
    plan_choice rows = next < p->count ? plan_best_table(p, next) : (plan_choice){0},
                value = next < p->count ? plan_best_value(p, next) : (plan_choice){0};
    if (rows.there && rows.match.score >= 0.9 && p->lead == LEAD_WHO && p->entity < 0)
        return true; /* who placed order 42 */
    return (rows.there && rows.match.score >= 0.9 && plan_elsewhere(p, rows.match.ref.table)) ||
           (value.there && value.match.score >= 0.9 && plan_elsewhere(p, value.match.ref.table));
}

/* A word that says nothing ("work") is something only where that is called so. */
static bool plan_is_known(const plan_state *p, size_t at) {
    plan_choice table = plan_best_table(p, at), column = plan_best_column(p, at, WANT_ANY),
                value = plan_best_value(p, at);
    return (table.there && table.match.score >= 0.9) || (column.there && column.match.score >= 0.75) ||
           (value.there && value.match.score >= 0.9);
}

/* A text that no list of values has, of the column before it: all the words of it that are written large. */
static size_t plan_of_subject(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at], *last = t;
    if (p->subject < 0 || t->kind != ASK_WORD || p->mentioned[p->subject].at + 5 < at) return 0;
    bool of = false; /* the phone of Ann is none that is called so */
    for (size_t i = p->mentioned[p->subject].at + 1; i < at; i++) of |= plan_is_word(p, i, "of for by from");
    const ask_column *column = plan_column(p, p->mentioned[p->subject].ref);
    if (!(t->capital || t->word.ptr[0] <= '9' || lh_str_find(t->word, '@') < t->word.len) || column->value_count || of)
        return 0;
    while (t->capital && last + 1 < p->tokens + p->count && last[1].kind == ASK_WORD && last[1].capital &&
           !last->possessive)
        last++;
    return plan_on_text(p, (lh_str){t->raw.ptr, (size_t)(last->raw.ptr + last->raw.len - t->raw.ptr)})
               ? (size_t)(last - t) + 1
               : 0;
}

/* "which units did Ann rent", "when was order 42 placed": what was done says no more. */
static bool plan_is_done_verb(const plan_state *p, size_t at) {
    bool last = at + 1 == p->count || (at + 2 == p->count && p->tokens[at + 1].kind == ASK_STOP), did = false;
    for (size_t i = 0; i < at; i++) did |= plan_is_word(p, i, "did does");
    if (last && did && p->lead == LEAD_WHICH && p->entity >= 0 && at &&
        (p->tokens[at - 1].capital || p->value_end == at) && !p->tokens[at].capital && p->tokens[at].kind == ASK_WORD)
        return true;
    return last && p->lead == LEAD_WHEN && p->row_of >= 0 && plan_is_word(p, at, "placed made created submitted");
}

/* crm.clients: the word before a dot is of the table's name. */
static bool plan_is_namespace(const plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    bool dot = at + 1 < p->count && t->kind == ASK_WORD && t[1].raw.ptr == t->raw.ptr + t->raw.len + 1 &&
               t->raw.ptr[t->raw.len] == '.';
    for (size_t i = 0; dot && i < p->schema->table_count; i++)
        if (lh_str_eq_nocase(p->schema->tables[i].name.namespace_, t->raw)) return true;
    return false;
}

/* "paid by card": in which way, not how much anybody earns. */
static bool plan_is_paid(const plan_state *p, size_t at) {
    size_t how = at + 2;
    if (!plan_is_word(p, at, "paid settled") || !plan_is_word(p, at + 1, "by with via using")) return false;
    while (plan_is_word(p, how, "both only either")) how++;
    return how < p->count && plan_best_value(p, how).there;
}

/* "open for more than 60 days": since before then. */
static size_t plan_for_long(plan_state *p, size_t at) {
    ask_when when;
    int table = p->entity >= 0 ? p->entity : p->main_table;
    bool state = false;
    for (size_t i = at > 4 ? at - 4 : 0; i < at; i++)
        state |= plan_is_word(
            p, i, "been had open opened active employed unassigned vacant waiting overdue pending still us running");
    size_t n = state && table >= 0 && plan_is_word(p, at, "for")
                   ? ask_when_span(p->tokens, p->count, at + 1, p->question->today, &when)
                   : 0;
    if (!n) return 0;
    p->focus = table;
    p->event = &p->tokens[at];
    plan_on_when(p, &when);
    return n + 1;
}

/* "falied": two letters that changed places. false: nothing is called so. */
static bool plan_unswap(const plan_state *p, const ask_token *said, ask_token *ret) {
    for (size_t i = 1; i + 1 < said->word.len && said->word.len >= 5; i++) {
        lexicon_match found[PLAN_MATCHES];
        if ((said->word.ptr[i] | said->word.ptr[i + 1]) & 0x80) continue;
        lh_str word = lh_arena_printf(p->arena, "%.*s%c%c%.*s", (int)i, said->word.ptr, said->word.ptr[i + 1],
                                      said->word.ptr[i], (int)(said->word.len - i - 2), said->word.ptr + i + 2);
        ask_token one = *said;
        one.word = one.one = word;
        one.stem = lexicon_stem(p->lex, word);
        size_t n = lexicon_values(p->lex, &one, 1, 0, found, PLAN_MATCHES);
        for (size_t k = 0; k < n; k++)
            if (found[k].score >= 0.89) return *ret = one, true;
    }
    return false;
}

/* "weldrs": a word without a place, which is one letter beside that of a value. */
static size_t plan_on_slip(plan_state *p, size_t at) {
    ask_token swapped;
    bool word = p->tokens[at].kind == ASK_WORD && p->slips++ < 8;
    const ask_token *meant = word && plan_unswap(p, &p->tokens[at], &swapped) ? &swapped
                             : word ? lexicon_value_slip(p->lex, &p->tokens[at])
                                    : NULL;
    ask_token *tokens = meant ? LH_ARENA_ARRAY(p->arena, ask_token, p->count) : NULL;
    if (!tokens) return 0;
    const ask_token *before = p->tokens;
    memcpy(tokens, p->tokens, p->count * sizeof *tokens);
    tokens[at].word = meant->word;
    tokens[at].one = meant->one;
    tokens[at].stem = meant->stem;
    p->tokens = tokens;
    lexicon_keep(p->lex, tokens, p->count);
    size_t n = plan_mention(p, at);
    if (!n) return p->tokens = before, 0;
    p->penalty += 0.05;
    plan_note(p, "'%.*s' is read as '%.*s'", LH_STR_ARG(lh_str_cut_utf8(tokens[at].raw, 60)), LH_STR_ARG(meant->word));
    return n;
}

/* "nurses": those whose title ends so, where one column has such. */
static size_t plan_on_head(plan_state *p, size_t at) {
    lexicon_match found[ASK_VALUES_MAX];
    size_t n = p->tokens[at].kind == ASK_WORD && !p->without
                   ? lexicon_value_heads(p->lex, &p->tokens[at], found, ASK_VALUES_MAX)
                   : 0;
    int said = p->entity >= 0 ? p->entity : p->focus >= 0 ? p->focus : p->main_table;
    ask_ref of = PLAN_NONE;
    for (size_t i = 0; i < n; i++) {
        if (said >= 0 && found[i].ref.table != said) continue;
        if (plan_has(of) && !plan_same(of, found[i].ref)) return 0;
        of = found[i].ref;
    }
    if (plan_has(of) && said < 0 && !plan_is_people(p, of.table))
        return 0; /* nurses, of positions: which of them live there? */
    bool kinds = plan_has(of) && !plan_column(p, of)->key && !plan_column(p, of)->listed;
    ask_filter *f = kinds ? plan_filter(p, of, ASK_EQ) : NULL;
    if (!f) return 0;
    for (size_t i = 0; i < n; i++)
        if (plan_same(of, found[i].ref)) f->values[f->value_count++] = plan_column(p, of)->values[found[i].value];
    p->penalty += 0.05;
    if (p->focus < 0) p->focus = of.table;
    plan_note(p, "'%.*s' are those of '%.*s' that end so", LH_STR_ARG(lh_str_cut_utf8(p->tokens[at].raw, 60)),
              LH_STR_ARG(plan_column(p, of)->name));
    return 1;
}

/* Words that are no part of what is asked for, and those that make it no question of what is there. */
static bool plan_aside(plan_state *p, size_t at) {
    bool later = plan_is_word(p, at, "will shall") && plan_is_word(p, at + 1, "we they there i you"), /* nobody knows */
        everyone = plan_is_word(p, at, "everyone everybody") && p->entity < 0 && p->fn < 0 &&
                   !plan_is_word(p, at + 1, "but except");
    if (later) return plan_doubt(p, p->tokens[at].raw), true;
    if (at == 0 && plan_is_word(p, 0, "where") && plan_is_word(p, 1, "does do did is are was were")) p->where = true;
    if (p->share && p->plan.measure_count && plan_is_word(p, at, "that which who")) p->after_verb = true;
    if (everyone) p->lead = LEAD_WHO;
    if (p->share && plan_is_paid(p, at)) p->after_verb = true; /* checks settled by card */
    plan_choice before = plan_is_word(p, at, "members member") && at ? plan_best_table(p, at - 1) : (plan_choice){0};
    if (before.there && before.match.score >= 0.9 && !plan_is_known(p, at)) return true; /* crew members */
    for (size_t i = at > 8 ? at - 8 : 0; i < at && plan_is_word(p, at, "make take"); i++)
        if (plan_is_word(p, i, "did does do") && !plan_is_word(p, at - 1, "the a by per each which what of"))
            return true;
    size_t most = at + 1 + plan_is_word(p, at + 1, "the");
    if (plan_is_word(p, at, "earn earns earned paid makes") && plan_is_word(p, most, "most least") &&
        !plan_is_known(p, at) &&
        (most + 1 >= p->count || p->tokens[most + 1].kind == ASK_STOP || plan_filler(&p->tokens[most + 1])))
        return true;
    return everyone || plan_is_sold(p, at) || plan_is_namespace(p, at) || plan_is_done_verb(p, at) ||
           plan_is_paid(p, at) ||
           (plan_is_word(p, at, "paid earn earns make makes") && plan_is_word(p, at + 1, "more less") &&
            plan_is_word(p, at + 2, "than") && plan_is_word(p, at + 3, "their his her the")) ||
           (plan_is_word(p, at, "pay pays charge charges charging making makes earning hold holds seat seats") &&
            plan_is_word(p, at + 1, "more less over under"));
}

/* What was done at a time that stands behind it. */
static void plan_on_event(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    bool end = plan_on_end(p, t);
    if (!end &&
        plan_is_word(p, at,
                     "cancelled canceled closed ended finished completed returned failed refunded rejected declined "
                     "expired terminated dropped lost resolved deleted removed suspended"))
        plan_doubt(p, t->raw); /* an end, of which no date is called so */
    if (p->group_end == at && p->plan.group_count) p->focus = p->plan.groups[p->plan.group_count - 1].column.table;
    p->event = t;
    if (!end) p->penalty += plan_has_dates(p) ? 0.3 : 0.05;
}

/* "tier A companies": a value, and no article. */
static bool plan_is_letter(const plan_state *p, size_t at) {
    return p->tokens[at].raw.len == 1 && p->tokens[at].capital && p->subject >= 0 &&
           p->mentioned[p->subject].at + 1 == at;
}

static size_t plan_step(plan_state *p, size_t at) {
    const ask_token *t = &p->tokens[at];
    size_t n = 0;
    p->at = at;
    if (t->negated) p->not = !p->not, p->not_word = t->raw;
    if ((n = plan_on_more(p, at))) return n;
    if ((n = plan_on_named(p, at)) || (n = plan_on_self(p, at))) return n;
    if ((n = plan_said(p, at))) return n;
    if (plan_aside(p, at)) return 1;
    if ((n = plan_on_quoted(p, at))) return n;
    if (plan_is_reporting(p, at)) return 1;
    if ((n = plan_count_role(p, at))) return n;
    if ((n = plan_compare_role(p, at)) || (n = plan_owed(p, at)) || (n = plan_how_much_done(p, at))) return n;
    if ((n = plan_ahead(p, at)) || (n = plan_extreme_date(p, at))) return n;
    if ((n = plan_in_unit(p, at))) return n;
    if ((n = plan_arith(p, at))) return n;
    if (t->kind == ASK_WORD && ask_in(t->word, "from to") && (n = plan_end(p, at))) return n;
    if (plan_long_value(p, at, &n) || (n = plan_on_full_name(p, at))) return n;
    if ((n = plan_time(p, at)) || (n = plan_for_long(p, at))) return n;
    if (p->group_end == at && at && p->plan.group_count && plan_is_word(p, at, "type types kind kinds"))
        return p->group_end = at + 1, 1; /* per payment type */
    if (p->group_end == at && (t->kind == ASK_STOP || ask_is(t, "and")))
        return p->grouping = ask_is(t, "and"), p->group_end = ask_is(t, "and") ? 0 : at + 1, 1;
    if ((((p->lead == LEAD_LIST || p->lead == LEAD_WHICH) && p->lead_open) || at == 0 ||
         (at == 1 && plan_is_word(p, 0, "the our"))) &&
        p->entity < 0 && at + 1 < p->count && plan_counted(p, at))
        return 1;
    if (!plan_long_column(p, at) && (n = plan_words(p, at))) {
        if (p->compare.there && p->compare.at == at + n) n += plan_resolve(p, at + n);
        return n;
    }
    if (t->kind == ASK_WORD && ask_is(t, "lasted")) return 1;
    if (t->kind == ASK_WORD && plan_on_shape(p, t, at)) return 1;
    if ((n = plan_on_state(p, at))) return n;
    if ((t->kind == ASK_WORD || t->kind == ASK_QUOTED) &&
        (!(plan_filler(t) && !plan_is_letter(p, at) && (t->word.len < 4 || !plan_is_known(p, at))) ||
         plan_long_column(p, at)) &&
        (n = plan_mention(p, at)))
        return n;
    if (ask_is(t, "current") && at + 1 < p->count && plan_best_table(p, at + 1).match.score >= 0.9 &&
        p->tokens[at + 1].plural)
        p->penalty += 0.25, plan_note(p, "which of them are current is not known");
    if (plan_filler(t) && plan_is_event(p, at)) return plan_on_done(p, at);
    if (plan_filler(t)) return 1;
    if (t->kind == ASK_WORD && ask_is(t, "new") && p->lead != LEAD_WHICH) return p->fresh = true, 1;
    if (plan_is_made(p, at) || plan_is_trade(p, at)) return 1;
    if (plan_is_event(p, at)) return plan_on_event(p, at), 1;
    if (plan_is_said(p, t)) return 1;
    if ((n = plan_of_subject(p, at)) || (n = plan_on_head(p, at)) || (n = plan_on_name(p, at)) ||
        (n = plan_on_slip(p, at)))
        return n;
    plan_doubt(p, t->raw);
    p->lead_open = false;
    return 1;
}

/* A word takes long where many columns have it: who asks may be gone, or its time over, before the last one. */
static lh_code plan_goes_on(const ask_question *question, lh_error *err) {
    if (question->cancel && lh_cancel_fired(question->cancel)) return lh_fail(err, LH_CANCELLED, "cancelled");
    if (question->deadline_ms && lh_time_monotonic_ms() >= question->deadline_ms)
        return lh_fail(err, LH_CANCELLED, "the question's time went by");
    return LH_OK;
}

static lh_code plan_read(plan_state *p, lh_error *err) {
    plan_find_main(p);
    if (p->main_table < 0) plan_count_company(p);
    for (size_t at = 0; at < p->count;) {
        LH_TRY(plan_goes_on(p->question, err));
        size_t n = plan_step(p, at);
        at += n ? n : 1;
    }
    plan_end_not(p);
    if (p->only) plan_doubt(p, p->only_word);
    if (p->pair) plan_doubt(p, LH_STR("both"));
    p->outer = p->plan.group_count;
    return plan_goes_on(p->question, err);
}

/* ---- the nearest question ---- */

static lh_code plan_nearest(plan_state *p, ask_planned *ret, lh_error *err) {
    int table = p->entity >= 0               ? p->entity
                : p->main_table >= 0         ? p->main_table
                : plan_has(p->entity_column) ? p->entity_column.table
                                             : -1;
    if (table < 0 && p->plan.filter_count && p->plan.filters[0].column.table >= 0)
        table = p->plan.filters[0].column.table;
    if (table < 0 && p->schema->table_count) table = 0;
    if (table < 0) return LH_OK;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES), question = LH_BUF_INIT(4096);
    ask_plan plan = {.base = table, .order_measure = -1, .measure_count = 1};
    plan.measures[0] = (ask_measure){.fn = ASK_COUNT, .column = {table, -1}};
    for (size_t i = 0; i < p->plan.filter_count; i++) {
        const ask_filter *f = &p->plan.filters[i];
        if (f->column.table == table && f->column.column >= 0 && f->op == ASK_EQ && f->value_count == 1 && !f->not)
            plan.filters[plan.filter_count++] = *f;
    }
    for (size_t i = 0; i < plan.filter_count; i++) plan.filters[i].numerator = false;
    lh_buf_printf(&question, "How many %.*s are there", LH_STR_ARG(p->schema->tables[table].shown));
    for (size_t i = 0; i < plan.filter_count; i++)
        lh_buf_printf(&question, "%s %.*s '%.*s'", i ? " and" : " with",
                      LH_STR_ARG(plan_column(p, plan.filters[i].column)->name), LH_STR_ARG(plan.filters[i].values[0]));
    lh_buf_char(&question, '?');
    LH_TRY(ask_render(p->schema, &plan, &sql, err));
    LH_TRY(lh_buf_check(&question, err));
    ret->nearest_sql = lh_arena_dup(p->arena, lh_buf_str(&sql));
    ret->nearest_question = lh_arena_dup(p->arena, lh_buf_str(&question));
    return lh_arena_check(p->arena, err);
}

static void plan_chart(const plan_state *p, ask_planned *ret) {
    const ask_plan *plan = &p->plan;
    bool time = plan->group_count == 1 && plan->groups[0].part && plan->groups[0].part != ASK_DAY_OF_WEEK;
    ret->chart = plan->mean_of_groups || plan->count_of_groups ||
                         (plan->measure_count == 1 && !plan->group_count && !plan->column_count)
                     ? LH_STR("number")
                 : plan->group_count && plan->measure_count ? (time                                ? LH_STR("line")
                                                               : plan->measures[0].fn == ASK_SHARE ? LH_STR("pie")
                                                                                                   : LH_STR("bar"))
                                                            : LH_STR("table");
}

static lh_code plan_names(plan_state *p, ask_planned *ret, lh_error *err) {
    for (size_t i = 0; i < p->plan.filter_count; i++)
        for (size_t k = 0; k < p->plan.filters[i].value_count && p->plan.filters[i].op == ASK_NAMED; k++) {
            LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
            if (ret->name_count == ASK_NAMES_MAX) {
                ret->sql = LH_STR_NONE;
                ret->confidence = 0;
                ret->reason = LH_STR("the question has too many names");
                return LH_OK;
            }
            ask_render_name(p->schema, &p->plan.filters[i], k, &sql);
            LH_TRY(lh_buf_check(&sql, err));
            ret->names[ret->name_count++] =
                (ask_name){p->plan.filters[i].values[k], lh_arena_dup(p->arena, lh_buf_str(&sql))};
        }
    return LH_OK;
}

/* Nothing is read yet. Arena, which may have run out. */
static plan_state *plan_state_new(const ask_schema *schema, const ask_question *question, lexicon *lex,
                                  const ask_token *tokens, size_t count, lh_arena *arena) {
    plan_state *p = LH_ARENA_NEW(arena, plan_state);
    if (!p) return NULL;
    *p = (plan_state){.schema = schema,
                      .question = question,
                      .lex = lex,
                      .arena = arena,
                      .tokens = tokens,
                      .count = count,
                      .unplaced = lh_json_new_array(arena),
                      .assumptions = lh_json_new_array(arena),
                      .distances = LH_ARENA_ARRAY(arena, int8_t, schema->table_count * schema->table_count + 1),
                      .plan = {.base = -1, .order_measure = -1, .order_column = {-1, -1}},
                      .main_table = -1,
                      .entity = -1,
                      .entity_column = {-1, -1},
                      .way = -1,
                      .counted = {-1, -1},
                      .focus = -1,
                      .fn = -1,
                      .like = -1,
                      .subject = -1,
                      .row_of = -1,
                      .row_filter = -1,
                      .row_by = {-1, -1},
                      .role = {-1, -1},
                      .date_subject = {-1, -1}};
    return p;
}

lh_code ask_plan_question(const ask_schema *schema, const ask_question *question, lh_arena *arena, ask_planned *ret,
                          lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lexicon *lex = NULL;
    ask_token *tokens = NULL;
    size_t count = 0;
    lh_error why = {0};
    LH_TRY(plan_goes_on(question, err));
    LH_TRY(lh_terms_new(LH_STR("en"), &terms, err));
    LH_TRY(lexicon_new(schema, !question->no_synonyms, !question->no_values, terms, arena, &lex, err));
    LH_TRY(ask_tokens(terms, question->text, arena, &tokens, &count, err));
    count = plan_join(tokens, count, arena);
    plan_state *p = plan_state_new(schema, question, lex, tokens, count, arena);
    LH_TRY(lh_arena_check(arena, err));
    plan_mend(p, tokens);
    lexicon_keep(lex, tokens, count);
    LH_TRY(plan_read(p, err));
    LH_TRY(lh_arena_check(arena, err));
    *ret = (ask_planned){.unplaced = p->unplaced, .assumptions = p->assumptions};
    lh_code code = plan_build(p, &why);
    if (code == LH_OK) code = ask_render(p->schema, &p->plan, &sql, &why);
    if (code != LH_OK && code != LH_INVALID) return *err = why, code;
    ret->confidence = 1 - p->penalty < 0 || code != LH_OK ? 0 : 1 - p->penalty;
    if (code == LH_OK && ret->confidence >= ASK_CONFIDENCE_MIN) {
        ret->sql = lh_arena_dup(arena, lh_buf_str(&sql));
        plan_chart(p, ret);
    } else {
        ret->reason = lh_json_size(p->unplaced) ? LH_STR("some words could not be placed")
                      : code != LH_OK           ? lh_arena_dup(arena, lh_str_from(why.message))
                                                : LH_STR("the question can be read in too many ways");
        memcpy(ret->whose, p->whose, sizeof ret->whose);
        ret->whose_count = p->whose_count;
    }
    LH_TRY(plan_names(p, ret, err));
    if (!ret->sql.len || ret->name_count) LH_TRY(plan_nearest(p, ret, err)); /* or where nobody is called so */
    return lh_arena_check(arena, err);
}
