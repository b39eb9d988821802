/* A model that cannot answer writes a value all the same. Each literal that its SQL compares with something has to come from somewhere: it
 * stands in the question, words of the question mean that value, what was said of the column or a verified question has it, or it is of
 * a time that the question names. One that is a value of few, all of which the model was shown, may be what a word means that nothing else
 * knows, as 'F' is women; but a name means itself. Else it is doubted, and where the question has words without a place, refused. */
#include "ask/literals.h"
#include "ask/lexicon.h"
#include "ask/model.h"

#include <math.h>

enum {
    LITERAL_BYTES = 200,
    LITERAL_MATCHES = 16,
    LITERAL_SHOWN_BYTES = 60,
    LITERAL_CODE_BYTES = 3,
    LITERAL_DOUBTS = 10
};

/* Words of a text, and all their letters in a row. */
typedef struct said {
    ask_token *words;
    size_t count;
    lh_str joined;
} said;
/* A verified question that the model was shown. */
typedef struct verified {
    said question;
    lh_compared *items;
    size_t count;
} verified;
typedef struct literals {
    const ask_literals_asks *asks;
    lh_terms *terms;
    lh_arena *arena;
    said question;
    lh_str *meant; /* values that words of the question mean */
    size_t meant_count;
    verified *examples;
    size_t example_count;
    ask_when *times;
    size_t time_count;
    bool timed; /* it names a time, or a word that is one */
    bool named; /* of the words without a place one is a name */
    ask_literals *ret;
} literals;
typedef enum place {
    PLACED,
    TAKEN,  /* for what a word without a place means */
    PARTLY, /* or nearly */
    NOWHERE
} place;

/* ---- words ---- */

/* Letters lose their accents; quotes, and signs that join words or stand for any letters, part them. */
static lh_code said_read(lh_terms *terms, lh_str text, lh_arena *arena, said *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf joined = LH_BUF_INIT(64 << 10), apart = LH_BUF_INIT(64 << 10);
    lh_buf_without_marks(&apart, text);
    LH_TRY(lh_buf_check(&apart, err));
    for (size_t i = 0; i < apart.len; i++)
        if (apart.ptr[i] && strchr("'\"_%", apart.ptr[i])) apart.ptr[i] = ' ';
    LH_TRY(ask_tokens(terms, lh_arena_dup(arena, lh_buf_str(&apart)), arena, &ret->words, &ret->count, err));
    size_t kept = 0;
    for (size_t i = 0; i < ret->count; i++)
        if (ret->words[i].kind != ASK_STOP) ret->words[kept++] = ret->words[i];
    ret->count = kept;
    for (size_t i = 0; i < kept; i++) lh_buf_append(&joined, ret->words[i].word);
    LH_TRY(lh_buf_check(&joined, err));
    ret->joined = lh_arena_dup(arena, lh_buf_str(&joined));
    return lh_arena_check(arena, err);
}

static bool said_has(const said *in, const ask_token *word) {
    for (size_t i = 0; i < in->count; i++) {
        bool numbers = word->kind == ASK_NUMERAL && in->words[i].kind == ASK_NUMERAL;
        if (numbers ? fabs(word->number - in->words[i].number) < 1e-9 : lexicon_same(&in->words[i], word)) return true;
    }
    return false;
}

/* How much of a text stands in another. */
static place said_place(const said *in, const said *text) {
    size_t found = 0, counted = 0;
    if (text->count == 0) return PLACED;
    if (text->joined.len >= 4 && lh_str_search(in->joined, text->joined) != SIZE_MAX) return PLACED;
    for (size_t i = 0; i < text->count; i++) {
        if (text->count > 1 && ask_in(text->words[i].word, "of the and in at on for a inc llc ltd")) continue;
        counted++;
        found += said_has(in, &text->words[i]);
    }
    return found == counted ? PLACED : found ? PARTLY : NOWHERE;
}

/* ---- what the question has ---- */

static lh_code literals_read_question(literals *l, lh_error *err) {
    const ask_question *question = l->asks->question;
    lexicon *lex = NULL;
    LH_TRY(said_read(l->terms, question->text, l->arena, &l->question, err));
    LH_TRY(lexicon_new(l->asks->schema, !question->no_synonyms, !question->no_values, l->terms, l->arena, &lex, err));
    l->meant = LH_ARENA_ARRAY(l->arena, lh_str, l->question.count * LITERAL_MATCHES + 1);
    l->times = LH_ARENA_ARRAY(l->arena, ask_when, l->question.count + 1);
    LH_TRY(lh_arena_check(l->arena, err));
    for (size_t at = 0; at < l->question.count; at++) {
        lexicon_match found[LITERAL_MATCHES];
        const ask_token *words = l->question.words;
        size_t n = lexicon_values(lex, words, l->question.count, at, found, LITERAL_MATCHES);
        for (size_t i = 0; i < n; i++) {
            const ask_column *of = &l->asks->schema->tables[found[i].ref.table].columns[found[i].ref.column];
            l->meant[l->meant_count++] = of->values[found[i].value];
        }
        l->time_count += ask_when_parse(words, l->question.count, at, question->today, &l->times[l->time_count]) > 0;
        l->timed |=
            at > 0 && ask_in(words[at].one, "year quarter month week day hour minute decade century") &&
            (words[at - 1].kind == ASK_NUMERAL ||
             ask_in(words[at - 1].word, "a one two three four five six ten few several")); /* older than 20 years */
        l->timed |= ask_in(words[at].one,
                           "winter spring summer autumn fall season morning afternoon evening night noon midnight "
                           "dawn holiday recent recently lately now current currently ago overdue expired "
                           "upcoming future past new");
    }
    l->timed |= l->time_count > 0;
    for (lh_json_iter it = lh_json_each(l->asks->unplaced); lh_json_next(&it);) {
        lh_str word = lh_json_str(it.value, LH_STR_NONE);
        bool digit = word.len && *word.ptr >= '0' && *word.ptr <= '9';
        l->named |= digit || (lh_terms_is_capital(word) && !lh_str_starts(lh_str_trim(question->text), word));
    }
    return lh_arena_check(l->arena, err);
}

/* One that cannot be read says nothing of literals. */
static void literals_read_examples(literals *l) {
    l->examples = LH_ARENA_ARRAY(l->arena, verified, l->asks->example_count + 1);
    for (size_t e = 0; l->examples && e < l->asks->example_count; e++) {
        const ask_example *example = &l->asks->examples[e];
        verified *at = &l->examples[l->example_count];
        if (lh_sql_compared(example->sql, l->arena, &at->items, &at->count, NULL) == LH_OK &&
            said_read(l->terms, example->question, l->arena, &at->question, NULL) == LH_OK)
            l->example_count++;
    }
}

/* ---- dates ---- */

/* Within it, its ends too, whichever way they are counted. */
static bool date_is_of(const ask_when *when, int64_t day) {
    int y, m, d, year, ignored_m, ignored_d;
    if (when->kind == ASK_MONTH_OF_YEAR) {
        for (int64_t near = day - 1; near <= day + 1; near++) {
            ask_civil(near, &y, &m, &d);
            if (m >= when->first && m <= when->last) return true;
        }
        return false;
    }
    if (when->kind != ASK_RANGE) return false;
    if (when->no_year) {
        ask_civil(day, &y, &m, &d);
        ask_civil(when->has_from ? when->from : when->to, &year, &ignored_m, &ignored_d);
        day = ask_day(year, m, d);
    }
    return (!when->has_from || day >= when->from - 1) && (!when->has_to || day <= when->to + 1);
}

static place date_place(const literals *l, int64_t day) {
    int64_t from_today = day - l->asks->question->today;
    if (from_today >= -1 && from_today <= 1) return PLACED;
    for (size_t i = 0; i < l->time_count; i++)
        if (date_is_of(&l->times[i], day)) return PLACED;
    return l->timed ? PARTLY : NOWHERE;
}

/* A year is one that a time of the question touches; of other parts that is not told. */
static place date_part_place(const literals *l, lh_str text) {
    uint64_t year;
    int first, last, ignored_m, ignored_d;
    if (!l->timed) return NOWHERE;
    if (text.len != 4 || lh_str_to_u64(text, &year) != LH_OK || year < 1000) return PLACED;
    for (size_t i = 0; i < l->time_count; i++) {
        const ask_when *when = &l->times[i];
        if (when->kind != ASK_RANGE || when->no_year) continue;
        ask_civil(when->has_from ? when->from : when->to, &first, &ignored_m, &ignored_d);
        ask_civil(when->has_to ? when->to : when->from, &last, &ignored_m, &ignored_d);
        if ((!when->has_from || (int)year >= first) && (!when->has_to || (int)year <= last)) return PLACED;
    }
    return PARTLY;
}

/* ---- numbers ---- */

/* Of any number of digits, and with an exponent; ask_tokens() knows the numbers of questions. */
static double literal_number(lh_str text) {
    char digits[LITERAL_BYTES + 1];
    return lh_str_to_cstr(text, digits, sizeof digits, NULL) == LH_OK ? strtod(digits, NULL) : HUGE_VAL;
}

static bool number_is(double a, double b) {
    static const double units[] = {1, 7, 10, 12, 24, 60, 100, 1000, 1440, 3600, 86400, 1e6};
    a = fabs(a), b = fabs(b);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (fabs(a - b * units[i]) <= 1e-6 * a || fabs(b - a * units[i]) <= 1e-6 * b) return true;
    return fabs(a - b) <= 1; /* more than 5 is 6 or more */
}

static place number_place(const literals *l, double number) {
    if (fabs(number) <= 1) return PLACED;
    for (size_t i = 0; i < l->question.count; i++) {
        const ask_token *word = &l->question.words[i];
        if (word->kind == ASK_NUMERAL && number_is(number, word->number)) return PLACED;
        bool is = false;
        double named = ask_word_number(word, &is);
        if (ask_in(word->one, "twice couple pair both")) named = 2, is = true;
        if (ask_is(word, "dozen")) named = 12, is = true;
        if (word->kind == ASK_WORD && is && number_is(number, named)) return PLACED;
        if (ask_in(word->one, "hundred thousand million half quarter") && fmod(number, 5) < 1e-9) return PLACED;
    }
    return PARTLY;
}

/* ---- one literal ---- */

static bool literal_is_about(const lh_compared *item, const ask_column *column) {
    for (size_t i = 0; i < item->column_count; i++)
        if (lh_str_eq_nocase(item->columns[i], column->name)) return true;
    return false;
}

static bool literal_is_date_part(const lh_compared *item) {
    bool part = item->dated;
    for (size_t i = 0; i < item->column_count; i++)
        for (lh_str rest = LH_STR("year quarter month week day weekday hour minute"); rest.len && !part;)
            part = lh_str_eq_nocase(item->columns[i], lh_str_split(&rest, ' '));
    return part;
}

static bool literal_letter(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* As it is written, between what are no letters. */
static bool literal_in_text(lh_str text, lh_str literal) {
    for (size_t from = 0; literal.len && from + literal.len <= text.len;) {
        size_t at = lh_str_search(lh_str_sub(text, from, text.len), literal);
        if (at == SIZE_MAX) return false;
        size_t begin = from + at, end = begin + literal.len;
        bool apart =
            (begin == 0 || !literal_letter(text.ptr[begin - 1])) && (end == text.len || !literal_letter(text.ptr[end]));
        if (apart) return true;
        from = begin + 1;
    }
    return false;
}

/* Did somebody say of the column what the value means? */
static bool literal_is_described(const literals *l, const lh_compared *item) {
    const ask_schema *schema = l->asks->schema;
    for (size_t t = 0; t < schema->table_count && !l->asks->question->no_synonyms; t++)
        for (size_t c = 0; c < schema->tables[t].column_count; c++) {
            const ask_column *column = &schema->tables[t].columns[c];
            if (!literal_is_about(item, column)) continue;
            if (literal_in_text(column->description, item->text) ||
                literal_in_text(schema->tables[t].description, item->text))
                return true;
        }
    return false;
}

/* What a verified question names itself is its own, and says nothing of another's. */
static bool literal_is_of_example(const literals *l, const lh_compared *item, const said *text) {
    for (size_t e = 0; e < l->example_count; e++) {
        const verified *example = &l->examples[e];
        for (size_t i = 0; i < example->count; i++)
            if (lh_str_eq(example->items[i].text, item->text) && said_place(&example->question, text) == NOWHERE)
                return true;
    }
    return false;
}

/* May it be what a word without a place means? */
static bool literal_may_mean(const literals *l, const lh_compared *item) {
    const ask_schema *schema = l->asks->schema;
    bool code = item->text.len <= LITERAL_CODE_BYTES;
    for (size_t i = 0; i < item->text.len && code; i++) code = item->text.ptr[i] >= 'A' && item->text.ptr[i] <= 'Z';
    for (size_t t = 0; t < schema->table_count; t++)
        for (size_t c = 0; c < schema->tables[t].column_count; c++) {
            const ask_column *column = &schema->tables[t].columns[c];
            bool few = column->value_count <= ASK_MODEL_VALUES && !l->named;
            if (!literal_is_about(item, column) || !(few || code) || column->key) continue;
            for (size_t i = 0; i < column->value_count; i++)
                if (lh_str_eq_nocase(column->values[i], item->text)) return true;
        }
    return false;
}

static bool literal_is_key(const literals *l, const lh_compared *item) {
    const ask_schema *schema = l->asks->schema;
    for (size_t t = 0; t < schema->table_count && item->equal; t++)
        for (size_t c = 0; c < schema->tables[t].column_count; c++)
            if (schema->tables[t].columns[c].key && literal_is_about(item, &schema->tables[t].columns[c])) return true;
    return false;
}

static lh_code literal_place(const literals *l, const lh_compared *item, place *ret, lh_error *err) {
    said text;
    int64_t day;
    LH_TRY(said_read(l->terms, lh_str_cut_utf8(item->text, LITERAL_BYTES), l->arena, &text, err));
    *ret = said_place(&l->question, &text);
    if (*ret == PLACED) return LH_OK;
    for (size_t i = 0; i < l->meant_count; i++)
        if (lh_str_eq_nocase(l->meant[i], item->text)) return *ret = PLACED, LH_OK;
    if (literal_is_described(l, item) || literal_is_of_example(l, item, &text)) return *ret = PLACED, LH_OK;
    if (!item->number && ask_date_read(item->text, &day)) return *ret = date_place(l, day), LH_OK;
    if (literal_is_date_part(item)) return *ret = date_part_place(l, item->text), LH_OK;
    if (literal_is_key(l, item) && (item->number || *ret == NOWHERE)) return *ret = NOWHERE, LH_OK; /* made up */
    if (item->number) return *ret = number_place(l, literal_number(item->text)), LH_OK;
    if (text.count == 1 && ask_in(text.words[0].word, "true false yes no y n t f 0 1")) return *ret = PLACED, LH_OK;
    if (*ret == NOWHERE && literal_may_mean(l, item)) *ret = TAKEN;
    return LH_OK;
}

static void literal_tell(const literals *l, const lh_compared *item, place where) {
    static const char *const whys[] = {[TAKEN] = "is the model's guess at what a word means",
                                       [PARTLY] = "is not quite what the question says",
                                       [NOWHERE] = "stands nowhere in the question"};
    lh_str shown = lh_str_cut_utf8(item->text, LITERAL_SHOWN_BYTES);
    if (where == PLACED) return;
    lh_str told = lh_arena_printf(l->arena, "'%.*s' %s", LH_STR_ARG(shown), whys[where]);
    for (lh_json_iter it = lh_json_each(l->ret->doubts); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), told)) return;
    if (lh_json_size(l->ret->doubts) < LITERAL_DOUBTS)
        lh_json_append(l->ret->doubts, lh_json_new_string(l->arena, told));
    if (where == NOWHERE && lh_json_size(l->asks->unplaced) && !l->ret->invented.ptr) l->ret->invented = shown;
}

lh_code ask_literals_place(const ask_literals_asks *asks, lh_str sql, lh_arena *arena, ask_literals *ret,
                           lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    lh_compared *items = NULL;
    size_t count = 0;
    *ret = (ask_literals){.doubts = lh_json_new_array(arena)};
    lh_code code = lh_sql_compared(sql, arena, &items, &count, err);
    if (code == LH_LIMIT)
        return lh_fail(err, LH_INVALID, "it compares with too many literals"); /* for the model to mend */
    LH_TRY(code);
    if (count == 0) return lh_arena_check(arena, err);
    LH_TRY(lh_terms_new(LH_STR("en"), &terms, err));
    literals l = {.asks = asks, .terms = terms, .arena = arena, .ret = ret};
    LH_TRY(literals_read_question(&l, err));
    literals_read_examples(&l);
    for (size_t i = 0; i < count; i++) {
        place where;
        LH_TRY(literal_place(&l, &items[i], &where, err));
        literal_tell(&l, &items[i], where);
    }
    return lh_arena_check(arena, err);
}
