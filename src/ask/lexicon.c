/* Names are phrases: the words of a name, of it without its table's name or a word that says nothing ("log", "id" of a date), of each
 * synonym. A phrase matches as a whole, in either order around "of"; of names also a part of it, which scores less. Values match as a whole, or by their
 * first words where no other value begins so. Values hang in chains by the stem of their first word. */
#include "ask/lexicon.h"

#include <math.h>

enum { PHRASE_WORDS_MAX = 8, VALUE_WORDS_MAX = 12, BUCKETS = 4096, DESCRIPTION_WORDS_MAX = 64 };

typedef struct phrase {
    const ask_token *words;
    size_t count;
    double weight;
    bool whole_only; /* a synonym */
} phrase;
typedef struct names {
    phrase *phrases;
    size_t count;
    const ask_token *description;
    size_t description_count;
} names;
typedef struct value {
    struct value *next;
    const ask_token *words;
    size_t count;
    ask_ref ref;
    uint32_t index;
} value;
typedef struct found_at { /* what was found at a word */
    lexicon_match *found;
    size_t count;
    bool there;
} found_at;
enum { KEPT_TABLES, KEPT_COLUMNS, KEPT_VALUES, KEPT_KINDS };
struct lexicon {
    const ask_schema *schema;
    lh_terms *terms;
    lh_arena *arena;
    names *tables, **columns;
    value *buckets[BUCKETS];
    const ask_token *tokens; /* of the question, which do not change any more; NULL */
    found_at *kept[KEPT_KINDS];
};

static uint32_t lexicon_hash(lh_str word) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < word.len; i++) hash = (hash ^ (unsigned char)word.ptr[i]) * 16777619u;
    return hash % BUCKETS;
}

lh_str lexicon_stem(const lexicon *lex, lh_str word) { return lh_arena_dup(lex->arena, lh_terms_of(lex->terms, word)); }

/* ---- what there is ---- */

static void names_add(names *into, const ask_token *words, size_t count, double weight, bool whole_only) {
    if (count == 0) return;
    into->phrases[into->count++] = (phrase){words, count, weight, whole_only};
}

/* amt is an amount, min_age a minimum age. */
static const char *names_long(lh_str word, bool first) {
    static const char *const shorts[][2] = {
        {"amt", "amount"},   {"qty", "quantity"},    {"dt", "date"},      {"cd", "code"},
        {"yr", "year"},      {"hr", "hour"},         {"hrs", "hours"},    {"num", "number"},
        {"nr", "number"},    {"pct", "percent"},     {"cap", "capacity"}, {"descr", "description"},
        {"addr", "address"}, {"dept", "department"}, {"emp", "employee"}, {"cust", "customer"},
        {"proj", "project"}, {"cnt", "count"},       {"prod", "product"}, {"acct", "account"},
        {"inv", "invoice"},  {"svc", "service"},     {"exp", "expiry"},   {"mgr", "manager"},
        {"cat", "category"}, {"yrs", "years"},       {"pmt", "payment"},  {"lvl", "level"},
        {"bal", "balance"},  {"ord", "order"},       {"dob", "birth"},    {"tel", "phone"},
        {"avg", "average"},  {"qtr", "quarter"}};
    if (first && ask_in(word, "min max")) return lh_str_eq(word, LH_STR("min")) ? "minimum" : "maximum";
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++)
        if (lh_str_eq(word, lh_str_from(shorts[i][0]))) return shorts[i][1];
    return NULL;
}

/* The same with its short words as they are said; empty: it has none. */
static lh_code names_add_long(lexicon *lex, names *into, const ask_token *words, size_t count, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(1024);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const char *whole = names_long(words[i].word, i == 0 && count > 1);
        bool years = ask_is(&words[i], "exp") && i && ask_in(words[i - 1].word, "yrs yr years year");
        if (years) whole = "experience"; /* yrs_exp: of what does not expire */
        any |= whole != NULL;
        if (i) lh_buf_char(&name, ' ');
        lh_buf_append(&name, whole ? lh_str_from(whole) : words[i].word);
    }
    ask_token *said = NULL;
    size_t n = 0;
    if (any) LH_TRY(ask_tokens(lex->terms, lh_arena_dup(lex->arena, lh_buf_str(&name)), lex->arena, &said, &n, err));
    n = n < PHRASE_WORDS_MAX ? n : PHRASE_WORDS_MAX; /* which date it is, its other words say */
    if (any) names_add(into, said, n, 1, ask_is(&said[n - 1], "date"));
    return LH_OK;
}

/* Without the unit that it ends with: rent_usd_day. */
static size_t names_unit(const ask_token *words, size_t count) {
    static const char money[] = "usd eur gbp chf cad aud inr jpy";
    if (count > 2 && ask_in(words[count - 2].word, money) &&
        ask_in(words[count - 1].word, "hr hour day night week month yr year unit"))
        return count - 2;
    return count > 1 && ask_in(words[count - 1].word,
                               "usd eur gbp chf cad aud inr jpy kg g km h hr sqm sqft m2 m² lbs cm mm")
               ? count - 1
               : count;
}

static lh_code names_fill(lexicon *lex, names *into, lh_str name, const lh_str *synonyms, size_t synonym_count,
                          lh_str description, const names *table, lh_error *err) {
    lh_arena *arena = lex->arena;
    ask_token *words = LH_ARENA_ARRAY(arena, ask_token, PHRASE_WORDS_MAX);
    into->phrases = LH_ARENA_ARRAY(arena, phrase, synonym_count + 12);
    LH_TRY(lh_arena_check(arena, err));
    size_t count = ask_name_words(lex->terms, name, arena, words, PHRASE_WORDS_MAX), from = 0, to = count;
    names_add(into, words, count, 1, false);
    LH_TRY(names_add_long(lex, into, words, count, err));
    if (!table) { /* call_log: calls */
        if (count > 1 && ask_in(words[count - 1].word,
                                "log logs table data list history record records info master dim fact entries entry"))
            names_add(into, words, count - 1, 0.97, false);
        if (count > 1 && ask_in(words[0].word, "dim fact tbl stg raw v t"))
            names_add(into, words + 1, count - 1, 0.97, false);
    } else {
        while (to > 1 && ask_in(words[to - 1].word, "on at by is in of for utc ts dt")) to--;
        to = names_unit(words, to);
        while (from + 1 < to && ask_in(words[from].word, "is has was")) from++;
        if (to < count || from > 0) names_add(into, words + from, to - from, 0.97, false);
        size_t bare = count; /* openings_qty are openings, a wage (£/h) a wage */
        while (bare > 1 && ask_in(words[bare - 1].word, "amt qty gbp usd eur chf cad aud inr jpy hr h g")) bare--;
        size_t own_words = table->count ? table->phrases[0].count : 0, like = 0;
        while (like < own_words && like < count && lh_str_eq(words[like].stem, table->phrases[0].words[like].stem))
            like++;
        if (count > 2 && ask_is(&words[count - 1], "id") && like < count - 1) bare = count - 1; /* the lead recruiter */
        if (bare < count) names_add(into, words, bare, ask_is(&words[count - 1], "id") ? 0.93 : 0.96, false);
        size_t own = table->count ? table->phrases[0].count : 0;
        bool prefixed = own > 0 && own < count;
        for (size_t i = 0; i < own && prefixed; i++)
            prefixed = lh_str_eq(words[i].stem, table->phrases[0].words[i].stem);
        if (prefixed && !(count == own + 1 && ask_is(&words[own], "id")))
            names_add(into, words + own, count - own, 0.95, false);
    }
    for (size_t i = 0; i < synonym_count; i++) {
        ask_token *synonym = NULL;
        size_t n = 0;
        LH_TRY(ask_tokens(lex->terms, lh_str_cut_utf8(synonyms[i], 255), arena, &synonym, &n, err));
        names_add(into, synonym, n < PHRASE_WORDS_MAX ? n : PHRASE_WORDS_MAX, 1, true);
    }
    ask_token *said = NULL;
    LH_TRY(ask_tokens(lex->terms, lh_str_cut_utf8(description, 400), arena, &said, &into->description_count, err));
    if (into->description_count > DESCRIPTION_WORDS_MAX) into->description_count = DESCRIPTION_WORDS_MAX;
    into->description = said;
    return LH_OK;
}

/* companies are what people call customers, where no table has that name. */
static lh_code names_also(lexicon *lex, names *into, lh_error *err) {
    static const char *const also[][2] = {{"company", "customer"}, {"company", "client"}, {"company", "account"}};
    const ask_token *last = &into->phrases[0].words[into->phrases[0].count - 1];
    for (size_t i = 0; i < sizeof also / sizeof *also && into->count; i++) {
        ask_token *word = NULL;
        size_t n = 0;
        if (!lh_str_eq(last->one, lh_str_from(also[i][0]))) continue;
        LH_TRY(ask_tokens(lex->terms, lh_str_from(also[i][1]), lex->arena, &word, &n, err));
        names_add(into, word, n, 0.8, true);
    }
    return LH_OK;
}

static void lexicon_hang(lexicon *lex, value *one, const ask_token *words, size_t count, ask_ref ref, size_t index) {
    uint32_t hash = lexicon_hash(words[0].stem);
    *one = (value){lex->buckets[hash], words, count, ref, (uint32_t)index};
    lex->buckets[hash] = one;
}

/* LaGuardia, of La Guardia: a short first word is often written with the next one. */
static lh_code lexicon_add_joined(lexicon *lex, const ask_token *words, size_t count, ask_ref ref, size_t index,
                                  lh_error *err) {
    ask_token *joined = NULL, *rest;
    value *one;
    size_t n = 0;
    if (count < 2 || words[0].word.len > 3 || words[0].kind != ASK_WORD || words[1].kind != ASK_WORD) return LH_OK;
    lh_str both = lh_arena_printf(lex->arena, "%.*s%.*s", LH_STR_ARG(words[0].word), LH_STR_ARG(words[1].word));
    rest = LH_ARENA_ARRAY(lex->arena, ask_token, count);
    one = LH_ARENA_NEW(lex->arena, value);
    LH_TRY(lh_arena_check(lex->arena, err));
    if (ask_tokens(lex->terms, both, lex->arena, &joined, &n, NULL) != LH_OK || n != 1) return LH_OK;
    memcpy(rest, words + 1, (count - 1) * sizeof *rest);
    rest[0] = joined[0];
    lexicon_hang(lex, one, rest, count - 1, ref, index);
    return LH_OK;
}

static lh_code lexicon_add_values(lexicon *lex, int table, int column, lh_error *err) {
    const ask_column *of = &lex->schema->tables[table].columns[column];
    for (size_t i = 0; i < of->value_count; i++) {
        ask_token *words = NULL;
        size_t count = 0;
        if (ask_tokens(lex->terms, lh_str_cut_utf8(of->values[i], 200), lex->arena, &words, &count, NULL) != LH_OK)
            continue;
        size_t kept = 0;
        for (size_t k = 0; k < count && kept < VALUE_WORDS_MAX; k++)
            if (words[k].kind != ASK_STOP) words[kept++] = words[k];
        value *one = LH_ARENA_NEW(lex->arena, value);
        LH_TRY(lh_arena_check(lex->arena, err));
        if (!kept) continue;
        lexicon_hang(lex, one, words, kept, (ask_ref){table, column}, i);
        LH_TRY(lexicon_add_joined(lex, words, kept, (ask_ref){table, column}, i, err));
    }
    return lh_arena_check(lex->arena, err);
}

/* Rows of payments whose key is invoice_no are invoices, where no other table is called so. */
static lh_code lexicon_add_key(lexicon *lex, int table, lh_error *err) {
    const ask_table *of = &lex->schema->tables[table];
    for (size_t c = 0; c < of->column_count; c++) {
        ask_token *words = LH_ARENA_ARRAY(lex->arena, ask_token, PHRASE_WORDS_MAX);
        LH_TRY(lh_arena_check(lex->arena, err));
        if (!of->columns[c].key) continue;
        size_t n = ask_name_words(lex->terms, of->columns[c].name, lex->arena, words, PHRASE_WORDS_MAX);
        if (n != 2 || !ask_in(words[1].word, "id no nr number num code") || words[0].word.len < 4) continue;
        bool other = false;
        for (size_t t = 0; t < lex->schema->table_count; t++) {
            ask_token name[PHRASE_WORDS_MAX];
            size_t count =
                ask_name_words(lex->terms, lex->schema->tables[t].name.name, lex->arena, name, PHRASE_WORDS_MAX);
            for (size_t i = 0; i < count; i++) other |= lh_str_eq(name[i].stem, words[0].stem);
        }
        if (other) continue;
        names_add(&lex->tables[table], words, 1, 0.96, true);
        return LH_OK;
    }
    return LH_OK;
}

/* sub_invoices are invoices, where no other table's name has that word. */
static void lexicon_add_head(lexicon *lex, size_t table) {
    const phrase *whole = &lex->tables[table].phrases[0];
    if (!lex->tables[table].count || whole->count < 2) return;
    const ask_token *head = &whole->words[whole->count - 1];
    bool other = head->word.len < 4 || !head->plural ||
                 ask_in(head->one, "log table data list history record info master dim fact entry detail item line");
    for (size_t t = 0; t < lex->schema->table_count; t++) {
        const phrase *of = &lex->tables[t].phrases[0];
        for (size_t i = 0; i < of->count && t != table && lex->tables[t].count; i++)
            other |= lh_str_eq(of->words[i].stem, head->stem);
    }
    if (!other) names_add(&lex->tables[table], head, 1, 0.93, true);
}

lh_code lexicon_new(const ask_schema *schema, bool synonyms, bool values, lh_terms *terms, lh_arena *arena,
                    lexicon **ret, lh_error *err) {
    lexicon *lex = LH_ARENA_NEW(arena, lexicon);
    names *tables = LH_ARENA_ARRAY(arena, names, schema->table_count + 1),
          **columns = LH_ARENA_ARRAY(arena, names *, schema->table_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    lex->schema = schema;
    lex->terms = terms;
    lex->arena = arena;
    lex->tables = tables;
    lex->columns = columns;
    for (size_t t = 0; t < schema->table_count; t++) {
        const ask_table *table = &schema->tables[t];
        lh_str said = table->description;
        if (table->tag_count) /* first: they are few, and what is said is cut */
            said = lh_arena_printf(arena, "%.*s. %.*s", LH_STR_ARG(ask_tags(table, 200, arena)), LH_STR_ARG(said));
        LH_TRY(names_fill(lex, &tables[t], table->name.name, table->synonyms, synonyms ? table->synonym_count : 0,
                          synonyms ? said : LH_STR_NONE, NULL, err));
        LH_TRY(names_also(lex, &tables[t], err));
        columns[t] = LH_ARENA_ARRAY(arena, names, table->column_count + 1);
        LH_TRY(lh_arena_check(arena, err));
        for (size_t c = 0; c < table->column_count; c++) {
            const ask_column *column = &table->columns[c];
            LH_TRY(names_fill(lex, &columns[t][c], column->name, column->synonyms, synonyms ? column->synonym_count : 0,
                              synonyms ? column->description : LH_STR_NONE, &tables[t], err));
            if (values) LH_TRY(lexicon_add_values(lex, (int)t, (int)c, err));
        }
    }
    for (size_t t = 0; t < schema->table_count; t++) {
        lexicon_add_head(lex, t);
        LH_TRY(lexicon_add_key(lex, (int)t, err));
    }
    *ret = lex;
    return LH_OK;
}

/* ---- one word ---- */

/* What people say for what tables write, where nobody gave synonyms. */
static bool word_means(lh_str said, lh_str name) {
    static const char *const pairs[][2] = {{"late delayed early", "delay"},
                                           {"pay wage earn earning compensation paid", "salary"},
                                           {"paid wage", "pay"},
                                           {"cost", "price"},
                                           {"price", "cost"},
                                           {"customer account", "client"},
                                           {"client", "customer"},
                                           {"applicant", "candidate"},
                                           {"airline", "carrier"},
                                           {"carrier", "airline"},
                                           {"telephone mobile", "phone"},
                                           {"town", "city"},
                                           {"mail", "email"},
                                           {"aircraft airplane", "plane"},
                                           {"maker brand", "manufacturer"},
                                           {"billed", "bill"},
                                           {"mile miles", "distance"},
                                           {"altitude elevation", "alt"},
                                           {"length", "duration"},
                                           {"sector", "industry"},
                                           {"destination", "dest"},
                                           {"position role", "title"},
                                           {"quantity", "qty"},
                                           {"wages", "pay"},
                                           {"experienced", "experience"},
                                           {"staff", "employee"},
                                           {"employee", "staff"},
                                           {"registration", "registered"},
                                           {"revenue turnover sales spend spending spent", "amount"},
                                           {"revenue turnover sales spend spending spent", "total"},
                                           {"signed joined enrolled registered", "signup"},
                                           {"remotely", "remote"},
                                           {"born birthday", "birth"},
                                           {"delivery", "delivered"},
                                           {"worker", "employee"},
                                           {"result", "outcome"},
                                           {"added add", "created"},
                                           {"calories calorie", "kcal"},
                                           {"dish", "item"},
                                           {"postcode", "zip"},
                                           {"show gig concert performance", "event"},
                                           {"act artist musician", "performer"},
                                           {"job", "project"},
                                           {"sub", "subcontractor"},
                                           {"vendor", "supplier"},
                                           {"supplier", "vendor"},
                                           {"reservation", "booking"},
                                           {"booking", "reservation"},
                                           {"buyer shopper", "customer"},
                                           {"car", "vehicle"},
                                           {"film", "movie"},
                                           {"movie", "film"},
                                           {"bill", "invoice"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (lh_str_eq(name, lh_str_from(pairs[i][1])) && ask_in(said, pairs[i][0])) return true;
    return false;
}

static bool names_have(const names *of, const ask_token *word) {
    for (size_t i = 0; i < of->count; i++)
        for (size_t k = 0; k < of->phrases[i].count; k++)
            if (lh_str_eq(of->phrases[i].words[k].one, word->one)) return true;
    return false;
}

bool lexicon_has_word(const lexicon *lex, const ask_token *word) {
    bool has = false;
    for (size_t t = 0; t < lex->schema->table_count && !has; t++) {
        has = names_have(&lex->tables[t], word);
        for (size_t c = 0; c < lex->schema->tables[t].column_count && !has; c++)
            has = names_have(&lex->columns[t][c], word);
    }
    return has;
}

/* "teir": two letters that changed places. */
static bool word_swapped(lh_str a, lh_str b) {
    size_t at = 1;
    if (a.len != b.len || a.len < 4 || a.ptr[0] != b.ptr[0]) return false;
    while (at < a.len && a.ptr[at] == b.ptr[at]) at++;
    return at + 1 < a.len && a.ptr[at] == b.ptr[at + 1] && a.ptr[at + 1] == b.ptr[at] &&
           lh_str_eq(lh_str_sub(a, at + 2, a.len), lh_str_sub(b, at + 2, b.len));
}

bool lexicon_slip(lh_str a, lh_str b) {
    if (a.len < 5 || b.len < 5 || a.ptr[0] != b.ptr[0]) return false;
    size_t from = 1, end = 0, least = a.len < b.len ? a.len : b.len, most = a.len + b.len - least;
    while (from < least && a.ptr[from] == b.ptr[from]) from++;
    while (end + from < least && a.ptr[a.len - 1 - end] == b.ptr[b.len - 1 - end]) end++;
    return most - from - end == 1 || word_swapped(a, b);
}

/* intvw of interview, qtr of quarterly: its letters but for vowels, in their order. */
static bool word_short(lh_str said, lh_str name) {
    size_t at = 0;
    if (name.len < 4 || name.len > 6 || said.len < name.len + 2 || said.ptr[0] != name.ptr[0]) return false;
    for (size_t i = 1; i < name.len; i++)
        if (name.ptr[i] < 'a' || name.ptr[i] > 'z' || strchr("aeiou", name.ptr[i])) return false;
    for (size_t i = 0; i < said.len && at < name.len; i++) at += said.ptr[i] == name.ptr[at];
    return at == name.len;
}

static double word_score(const ask_token *said, const ask_token *name, bool loose) {
    if (said->kind == ASK_STOP || said->kind == ASK_QUOTED) return 0;
    if (lh_str_eq(said->word, name->word)) return 1;
    if (lh_str_eq(said->one, name->one)) return 0.98;
    if (said->kind != ASK_WORD) return 0;
    if (said->stem.len >= 3 && lh_str_eq(said->stem, name->stem)) return 0.9;
    if (!loose) return 0;
    bool long_words = (said->one.len >= 6 && name->one.len >= 6) ||
                      (said->one.len >= 5 && name->one.len == said->one.len + 1); /* tikets: a letter is missing */
    if (long_words && !said->known && (lexicon_slip(said->word, name->word) || lexicon_slip(said->one, name->one)))
        return 0.72;
    if (!said->capital && word_short(said->word, name->word)) return 0.78;
    if (said->plural && name->plural &&
        (word_short(name->one, said->one) ||
         (said->one.len >= 3 && name->one.len >= said->one.len + 4 && lh_str_starts(name->one, said->one))))
        return 0.8; /* reqs are requisitions, appts appointments */
    if (!said->known && word_swapped(said->one, name->one)) return 0.72;
    if (word_means(said->one, name->one) || word_means(said->word, name->one)) return 0.8;
    if (name->word.len >= 3 && said->one.len >= name->word.len + 2 && lh_str_starts(said->one, name->word) &&
        said->one.len >= 6)
        return 0.75; /* dep for departure */
    if (said->word.len >= 4 && name->one.len >= said->word.len + 2 && lh_str_starts(name->one, said->word)) return 0.7;
    return 0;
}

const ask_token *lexicon_value_slip(const lexicon *lex, const ask_token *said) {
    const ask_token *found = NULL;
    for (size_t b = 0; b < BUCKETS && said->word.len >= 6; b++)
        for (const value *v = lex->buckets[b]; v; v = v->next)
            for (size_t k = 0; k < v->count; k++) {
                if (v->words[k].kind != ASK_WORD || v->words[k].word.len < 5 ||
                    !(lexicon_slip(said->word, v->words[k].word) || lexicon_slip(said->one, v->words[k].one)))
                    continue;
                if (found && !lh_str_eq(found->one, v->words[k].one)) return NULL;
                found = &v->words[k];
            }
    return found;
}

size_t lexicon_value_heads(const lexicon *lex, const ask_token *said, lexicon_match *into, size_t max) {
    size_t found = 0;
    for (size_t b = 0; b < BUCKETS && said->plural && said->one.len >= 4; b++)
        for (const value *v = lex->buckets[b]; v; v = v->next) {
            const ask_token *last = &v->words[v->count - 1];
            if (v->count < 2 || last->kind != ASK_WORD || !lh_str_eq(last->one, said->one)) continue;
            if (found == max) return 0;
            into[found++] = (lexicon_match){1, 0.9, v->ref, v->index, false};
        }
    return found;
}

bool lexicon_same(const ask_token *said, const ask_token *word) {
    return word_score(said, word, false) > 0 || (said->one.len >= 6 && lexicon_slip(said->one, word->one));
}

/* tailnum for "tail number" */
static bool word_joined(const ask_token *a, const ask_token *b, const ask_token *name) {
    if (a->kind != ASK_WORD || b->kind != ASK_WORD || a->one.len < 3 || !lh_str_starts(name->one, a->one)) return false;
    lh_str rest = lh_str_sub(name->one, a->one.len, name->one.len);
    return rest.len >= 3 && (lh_str_starts(b->one, rest) || lh_str_eq(rest, b->one));
}

/* ---- phrases ---- */

static bool phrase_filler(const ask_token *token) {
    return token->kind == ASK_WORD && (ask_is(token, "of") || ask_is(token, "the") || ask_is(token, "a"));
}

/* All of it from `at` on; words such as "of" between do not count. */
static double phrase_whole(const phrase *p, const ask_token *tokens, size_t count, size_t at, bool loose,
                           size_t *ret_words) {
    double sum = 0;
    size_t i = at, k = 0;
    for (; k < p->count && i < count; i++) {
        double one = word_score(&tokens[i], &p->words[k], loose);
        if (one <= 0 && i > at && phrase_filler(&tokens[i])) continue;
        if (one <= 0) break;
        sum += one;
        k++;
    }
    if (k == p->count) return *ret_words = i - at, p->weight * sum / (double)k;
    if (p->count == 1 && at + 1 < count && word_joined(&tokens[at], &tokens[at + 1], &p->words[0]))
        return *ret_words = 2, p->weight * 0.9;
    /* A B is also "B of A" */
    if (p->count == 2 && at + 2 < count && ask_is(&tokens[at + 1], "of")) {
        size_t other = ask_is(&tokens[at + 2], "the") && at + 3 < count ? at + 3 : at + 2;
        double b = word_score(&tokens[at], &p->words[1], loose), a = word_score(&tokens[other], &p->words[0], loose);
        if (a > 0 && b > 0) return *ret_words = other + 1 - at, p->weight * (a + b) / 2 * 0.97;
    }
    return 0;
}

/* A part of a name: the words of it that follow one another in the question. The last word says the most. */
static double phrase_part(const phrase *p, const ask_token *tokens, size_t count, size_t at, size_t *ret_words) {
    double best = 0;
    if (p->count < 2) return 0;
    for (size_t from = 0; from < p->count && !(from && ask_is(&p->words[from - 1], "per"));
         from++) { /* no nights of a rate per night */
        double sum = 0;
        size_t k = from, i = at;
        for (; k < p->count && i < count; k++, i++) {
            double one = word_score(&tokens[i], &p->words[k], true);
            if (one < 0.8 || (one < 0.9 && tokens[i].word.len < 4) || /* units are no unit price */
                (k + 1 < p->count && k == from && tokens[i].plural && ask_is(&p->words[k], "unit")) ||
                ask_in(p->words[k].word, "id on at by is of in for from to with since until as number no"))
                break;
            sum += one;
        }
        size_t n = k - from;
        if (n == 0 || n == p->count) continue;
        double share = (double)n / (double)p->count,
               score = sum / (double)n * (0.45 + 0.4 * share + (k == p->count ? 0.1 : 0));
        if (score > best) best = score, *ret_words = i - at;
    }
    return best * p->weight;
}

static double names_match(const names *of, const ask_token *tokens, size_t count, size_t at, bool loose,
                          size_t *ret_words) {
    double best = 0;
    size_t words = 0;
    for (size_t i = 0; i < of->count; i++) {
        size_t n = 0;
        double score = phrase_whole(&of->phrases[i], tokens, count, at, loose, &n);
        if (score <= 0 && !of->phrases[i].whole_only) score = phrase_part(&of->phrases[i], tokens, count, at, &n);
        if (score > 0 && (score + 0.5 * (double)n > best + 0.5 * (double)words)) best = score, words = n;
    }
    for (size_t i = 0; i < of->description_count && best <= 0; i++) {
        const ask_token *word = &of->description[i];
        if (word->word.len >= 5 && word->kind == ASK_WORD && tokens[at].kind == ASK_WORD &&
            lh_str_eq(word->stem, tokens[at].stem))
            best = 0.4, words = 1;
    }
    *ret_words = words;
    return best;
}

static size_t find_tables(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                          size_t max) {
    size_t found = 0;
    if (tokens[at].kind != ASK_WORD) return 0;
    for (size_t t = 0; t < lex->schema->table_count && found < max; t++) {
        size_t words = 0;
        double score = names_match(&lex->tables[t], tokens, count, at, true, &words);
        if (score > 0) into[found++] = (lexicon_match){words, score, {(int)t, -1}, 0, false};
    }
    return found;
}

static size_t find_columns(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                           size_t max) {
    size_t found = 0;
    bool quoted = tokens[at].kind == ASK_QUOTED;
    if (tokens[at].kind != ASK_WORD && !quoted) return 0;
    for (size_t t = 0; t < lex->schema->table_count; t++)
        for (size_t c = 0; c < lex->schema->tables[t].column_count && found < max; c++) {
            size_t words = 0;
            bool itself = quoted && lh_str_eq_nocase(lex->schema->tables[t].columns[c].name, tokens[at].raw);
            double score = itself ? 1 : 0;
            if (itself) words = 1;
            if (!quoted) score = names_match(&lex->columns[t][c], tokens, count, at, true, &words);
            if (score > 0) into[found++] = (lexicon_match){words, score, {(int)t, (int)c}, 0, false};
        }
    return found;
}

bool lexicon_column_named(const lexicon *lex, ask_ref column, const ask_token *word) {
    if ((size_t)column.table >= lex->schema->table_count) return false; /* of a table taken twice */
    const names *of = &lex->columns[column.table][column.column];
    for (size_t i = 0; i < of->count; i++)
        for (size_t k = 0; k < of->phrases[i].count; k++)
            if (word_score(word, &of->phrases[i].words[k], false) >= 0.9) return true;
    return false;
}

bool lexicon_column_has(const lexicon *lex, ask_ref column, const ask_token *word) {
    if ((size_t)column.table >= lex->schema->table_count) return false;
    const names *of = &lex->columns[column.table][column.column];
    for (size_t i = 0; i < of->count; i++)
        for (size_t k = 0; k < of->phrases[i].count; k++)
            if (word_score(word, &of->phrases[i].words[k], true) > 0) return true;
    return false;
}

/* ---- values ---- */

/* How many words of the value the question has from `at` on. Short words and those that a sentence has must be written as they are. */
static size_t value_words(const value *v, lh_str text, const ask_token *tokens, size_t count, size_t at,
                          double *ret_score) {
    size_t k = 0, i = at, end = at; /* behind its last word, and no comma after that */
    double sum = 0;
    for (; k < v->count && i < count; k++, i++) {
        while (i > at && i < count && tokens[i].kind == ASK_STOP) i++;
        if (i >= count) break;
        double one = tokens[i].kind == ASK_QUOTED ? 0 : word_score(&tokens[i], &v->words[k], false);
        if (one <= 0) break;
        bool rate = v->count == 1 && i + 1 < count && tokens[i + 1].kind == ASK_WORD && ask_is(&tokens[i + 1], "rate");
        if (one < 0.95 && tokens[i].word.len < (rate ? 4 : 5)) break;         /* the fill rate is of what is filled */
        if (one < 0.95 && tokens[i].one.len > v->words[k].one.len + 3) break; /* destinations are not Destin */
        sum += one;
        end = i + 1;
    }
    if (k) *ret_score = sum / (double)k;
    if (k == 1 && v->count == 1 && text.len <= 3 && !lh_str_eq(tokens[at].raw, text)) {
        bool word = ask_in(
            tokens[at].word,
            "a i in or me ok hi is as at by do go he if it my no of on so to up us we an be all and are any the for "
            "how has had who not per "
            "off via set its our were two than from them min max avg sum top out day may one two six ten new old get "
            "did was pay can top id mo la pa ma al co de");
        if (word || tokens[at].word.len < 2) return 0;
    }
    *ret_score = k ? *ret_score : 0;
    return k ? end - at : 0;
}

/* Texas is TX, in a column of states. */
static lh_str value_state(const ask_token *a, const ask_token *b, size_t *ret_words) {
    static const char *const states[][2] = {
        {"alabama", "AL"},        {"alaska", "AK"},       {"arizona", "AZ"},      {"arkansas", "AR"},
        {"california", "CA"},     {"colorado", "CO"},     {"connecticut", "CT"},  {"delaware", "DE"},
        {"florida", "FL"},        {"georgia", "GA"},      {"hawaii", "HI"},       {"idaho", "ID"},
        {"illinois", "IL"},       {"indiana", "IN"},      {"iowa", "IA"},         {"kansas", "KS"},
        {"kentucky", "KY"},       {"louisiana", "LA"},    {"maine", "ME"},        {"maryland", "MD"},
        {"massachusetts", "MA"},  {"michigan", "MI"},     {"minnesota", "MN"},    {"mississippi", "MS"},
        {"missouri", "MO"},       {"montana", "MT"},      {"nebraska", "NE"},     {"nevada", "NV"},
        {"new hampshire", "NH"},  {"new jersey", "NJ"},   {"new mexico", "NM"},   {"new york", "NY"},
        {"north carolina", "NC"}, {"north dakota", "ND"}, {"ohio", "OH"},         {"oklahoma", "OK"},
        {"oregon", "OR"},         {"pennsylvania", "PA"}, {"rhode island", "RI"}, {"south carolina", "SC"},
        {"south dakota", "SD"},   {"tennessee", "TN"},    {"texas", "TX"},        {"utah", "UT"},
        {"vermont", "VT"},        {"virginia", "VA"},     {"washington", "WA"},   {"west virginia", "WV"},
        {"wisconsin", "WI"},      {"wyoming", "WY"}};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        lh_str rest = lh_str_from(states[i][0]), first = lh_str_split(&rest, ' ');
        if (!lh_str_eq(a->word, first) || (rest.len && !(b && lh_str_eq(b->word, rest)))) continue;
        *ret_words = rest.len ? 2 : 1;
        return lh_str_from(states[i][1]);
    }
    return LH_STR_NONE;
}

static size_t lexicon_states(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                             size_t found, size_t max) {
    size_t words = 0;
    lh_str code = value_state(&tokens[at], at + 1 < count ? &tokens[at + 1] : NULL, &words);
    for (size_t t = 0; code.len && t < lex->schema->table_count; t++)
        for (size_t c = 0; c < lex->schema->tables[t].column_count && found < max; c++) {
            const ask_column *column = &lex->schema->tables[t].columns[c];
            if (lh_str_search(column->name, LH_STR("state")) == SIZE_MAX) continue;
            for (size_t i = 0; i < column->value_count; i++)
                if (lh_str_eq(column->values[i], code))
                    into[found++] = (lexicon_match){words, 0.96, {(int)t, (int)c}, i, false};
        }
    return found;
}

/* Its words, but for those that many names end with. */
static size_t value_own(const value *v, size_t count) {
    size_t n = 0;
    for (size_t k = 0; k < count; k++)
        n += !ask_in(v->words[k].word,
                     "inc llc ltd gmbh ag corp corporation co company group intl international airport "
                     "air airlines airways lines the of and");
    return n;
}

/* Its first words, behind "to" or "at", where it is the name of something. */
static bool value_is_place(const ask_column *column, const ask_token *tokens, size_t at) {
    return at && tokens[at].word.len >= 5 && tokens[at - 1].kind == ASK_WORD &&
           ask_in(tokens[at - 1].word, "at from to near") && lh_str_ends(column->name, LH_STR("name"));
}

static size_t find_values(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                          size_t max) {
    size_t found = 0;
    const ask_token *first = &tokens[at];
    if (first->kind == ASK_STOP) return 0;
    if (first->kind == ASK_QUOTED) { /* the whole of it is the value */
        ask_token *words = NULL;
        size_t n = 0;
        if (ask_tokens(lex->terms, first->raw, lex->arena, &words, &n, NULL) != LH_OK || n == 0) return 0;
        if (words[0].kind == ASK_QUOTED) return 0;
        size_t inner = find_values(lex, words, n, 0, into, max);
        for (size_t i = 0; i < inner; i++)
            if (into[i].words == n) into[found] = into[i], into[found++].words = 1;
        return found;
    }
    for (const value *v = lex->buckets[lexicon_hash(first->stem)]; v && found < max; v = v->next) {
        double score = 0;
        const ask_column *column = &lex->schema->tables[v->ref.table].columns[v->ref.column];
        size_t words = value_words(v, column->values[v->index], tokens, count, at, &score);
        size_t taken = 0;
        bool doubtful = false;
        for (size_t k = 0; k < words; k++) taken += tokens[at + k].kind != ASK_STOP;
        if (!taken) continue;
        if (taken < v->count) { /* its first words: "United" for United Air Lines Inc. */
            size_t own = value_own(v, v->count), said = value_own(v, taken);
            if ((!first->capital || (taken == 1 && first->word.len < 4)) && !value_is_place(column, tokens, at))
                continue;
            if (!said) continue;
            score *= 0.55 + 0.3 * (double)said / (double)own;
            doubtful = 2 * said < own;
        }
        size_t same = found;
        for (size_t i = 0; i < found && same == found; i++)
            if (into[i].ref.table == v->ref.table && into[i].ref.column == v->ref.column) same = i;
        if (same < found) {
            bool better = (double)words + score > (double)into[same].words + into[same].score;
            bool rivals = words == into[same].words && score < 0.9 && into[same].score < 0.9 &&
                          fabs(score - into[same].score) < 0.1; /* Miami Intl is Miami before Miami University is */
            if (better) into[same] = (lexicon_match){words, score, v->ref, v->index, rivals || doubtful};
            else if (rivals) into[same].rivals = true;
            continue;
        }
        into[found++] = (lexicon_match){words, score, v->ref, v->index, doubtful};
    }
    return lexicon_states(lex, tokens, count, at, into, found, max);
}

/* ---- once for each word ---- */

void lexicon_keep(lexicon *lex, const ask_token *tokens, size_t count) {
    lex->tokens = tokens;
    for (int i = 0; i < KEPT_KINDS; i++) lex->kept[i] = LH_ARENA_ARRAY(lex->arena, found_at, count + 1);
}

/* The words of a question are looked up many times: what stands at each is found once. */
static size_t lexicon_find(const lexicon *lex, int kind, const ask_token *tokens, size_t count, size_t at,
                           lexicon_match *into, size_t max) {
    size_t (*const find[])(const lexicon *, const ask_token *, size_t, size_t, lexicon_match *,
                           size_t) = {find_tables, find_columns, find_values};
    found_at *at_word = tokens == lex->tokens && lex->kept[kind] ? &lex->kept[kind][at] : NULL;
    if (!at_word) return find[kind](lex, tokens, count, at, into, max);
    if (!at_word->there) {
        lexicon_match found[LEXICON_MATCHES];
        size_t n = find[kind](lex, tokens, count, at, found, LEXICON_MATCHES);
        at_word->found = n ? LH_ARENA_ARRAY(lex->arena, lexicon_match, n) : NULL;
        if (n && !at_word->found) return 0; /* the arena's failure is told at the end */
        if (n) memcpy(at_word->found, found, n * sizeof *found);
        at_word->count = n;
        at_word->there = true;
    }
    size_t n = at_word->count < max ? at_word->count : max;
    if (n) memcpy(into, at_word->found, n * sizeof *into);
    return n;
}

size_t lexicon_tables(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                      size_t max) {
    return lexicon_find(lex, KEPT_TABLES, tokens, count, at, into, max);
}

size_t lexicon_columns(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                       size_t max) {
    return lexicon_find(lex, KEPT_COLUMNS, tokens, count, at, into, max);
}

size_t lexicon_values(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                      size_t max) {
    return lexicon_find(lex, KEPT_VALUES, tokens, count, at, into, max);
}
