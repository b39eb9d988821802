/* What is of a person in a question goes to a model as a token: what has the form of personal data, quoted texts, and words and runs of digits
 * that stand in a personal column. Both sides are told apart by one rule, of the engine: runs of letters and digits, without accents and
 * case. Looked up is what the caller sees, as the caller. Rows and columns that it does not see are not: that a word became a token
 * changes what a model answers, so it would tell that the name is there. Instead, of one who does not see all, words with a capital
 * that it does not see go as tokens too. */
#include "ask/names.h"
#include "pii/pii.h"

enum { NAMES_WORD_MIN = 2, NAMES_DIGITS_MIN = 5, NAMES_DIGITS_TAIL = 6, NAMES_LIST_BYTES = 128 << 10 };
#define NAMES_STOPS                                                                                                    \
    "a about above after all also an and any are as at average be been before below between but by can count "         \
    "did do does each every find first for from get give had has have highest how i in into is it its last "           \
    "least less list lowest many me more most much my no not number of on only or other our over per please "          \
    "show since sum tell than that the their them there these they this those to top total under until us was "        \
    "we were what when where which who whose why will with without you your"
#define NAMES_TIMES                                                                                                    \
    "january february march april may june july august september october november december monday tuesday "            \
    "wednesday thursday friday saturday sunday jan feb mar apr jun jul aug sep sept oct nov dec easter christmas"

typedef struct names_piece {
    size_t from, to; /* of the text */
    size_t chunk;    /* pieces with ' - _ between are of one */
    bool first;      /* of a sentence */
    bool hidden;
    size_t less; /* an s at its end that is none of the value */
} names_piece;
typedef struct names_span {
    size_t from, to;
} names_span;
typedef struct names_work {
    const ask_names_asks *asks;
    lh_terms *terms;
    lh_str text;
    lh_arena *arena;
    names_piece *pieces;
    size_t piece_count;
    names_span *spans;
    size_t span_count;
} names_work;

static bool names_digit(char c) { return c >= '0' && c <= '9'; }

/* The bytes of a letter or digit at `at`; 0: something else. */
static size_t names_letter(lh_str text, size_t at) {
    unsigned char c = (unsigned char)text.ptr[at], next = at + 1 < text.len ? (unsigned char)text.ptr[at + 1] : 0;
    if (c < 0x80) return names_digit((char)c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    size_t bytes = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if ((c == 0xE2 && next == 0x80) || (c == 0xC2) || (c == 0xE3 && next == 0x80)) return 0; /* ’ “ – and spaces */
    return at + bytes <= text.len ? bytes : text.len - at;
}

/* The bytes of what ties two letters into one word: ' ’ - _ */
static size_t names_tie(lh_str text, size_t at) {
    lh_str rest = lh_str_sub(text, at, text.len);
    if (lh_str_starts(rest, LH_STR("’"))) return strlen("’");
    return rest.len && strchr("'-_", *rest.ptr) ? 1 : 0;
}

static void names_cut(names_work *w) {
    size_t chunk = 0;
    bool first = true;
    for (size_t at = 0; at < w->text.len;) {
        size_t bytes = names_letter(w->text, at), from = at;
        if (!bytes) {
            size_t tie = names_tie(w->text, at);
            bool tied = tie && at && at + tie < w->text.len && names_letter(w->text, at + tie) && w->piece_count &&
                        w->pieces[w->piece_count - 1].to == at;
            chunk += !tied;
            first |= strchr(".?!:", w->text.ptr[at]) && w->text.ptr[at];
            at += tied ? tie : 1;
            continue;
        }
        for (; at < w->text.len && (bytes = names_letter(w->text, at)) != 0;) at += bytes;
        w->pieces[w->piece_count++] = (names_piece){.from = from, .to = at, .chunk = chunk, .first = first};
        first = false;
    }
}

static lh_str names_raw(const names_work *w, const names_piece *piece) {
    return lh_str_sub(w->text, piece->from, piece->to - piece->from);
}

static lh_str names_fold(const names_work *w, lh_str word) {
    return lh_arena_dup(w->arena, lh_terms_fold(w->terms, word));
}

/* Is the word one of a text's, told apart as those of a name? */
static bool names_within(const names_work *w, lh_str word, lh_str text) {
    for (size_t at = 0; at < text.len;) {
        size_t from = at, bytes;
        while (at < text.len && (bytes = names_letter(text, at)) != 0) at += bytes;
        lh_str one = lh_str_sub(text, from, at - from);
        if (one.len && (lh_str_eq_nocase(one, word) || (one.len >= word.len && lh_str_eq(names_fold(w, one), word))))
            return true;
        if (one.len == 0) at++;
    }
    return false;
}

static bool names_is_of_schema(const names_work *w, lh_str word, bool values) {
    lh_str one = word.len > 3 && word.ptr[word.len - 1] == 's' ? lh_str_sub(word, 0, word.len - 1) : word;
    for (size_t t = 0; t < w->asks->schema->table_count; t++) {
        const ask_table *table = &w->asks->schema->tables[t];
        if (names_within(w, word, table->shown) || names_within(w, one, table->shown)) return true;
        for (size_t c = 0; c < table->column_count; c++) {
            const ask_column *column = &table->columns[c];
            if (names_within(w, word, column->name) || names_within(w, one, column->name)) return true;
            for (size_t v = 0; values && v < column->value_count; v++)
                if (names_within(w, word, column->values[v])) return true;
        }
    }
    return false;
}

/* Words that make a question, and names of what is asked about, mean themselves. */
static bool names_is_plain(const names_work *w, const names_piece *piece) {
    lh_str raw = names_raw(w, piece), word = names_fold(w, raw);
    bool capital = lh_terms_is_capital(raw) && !piece->first;
    size_t digits = 0;
    for (size_t i = 0; i < raw.len; i++) digits += names_digit(raw.ptr[i]);
    if (raw.len < NAMES_WORD_MIN || (digits == raw.len && raw.len < NAMES_DIGITS_MIN)) return true;
    return !capital && (ask_in(word, NAMES_STOPS) || names_is_of_schema(w, word, false));
}

/* Of what the caller does not see nothing is looked up: a capital says it. */
static bool names_is_guessed(const names_work *w, const names_piece *piece) {
    lh_str raw = names_raw(w, piece), word = names_fold(w, raw);
    bool lower = false;
    for (size_t i = 0; i < raw.len; i++) lower |= (raw.ptr[i] >= 'a' && raw.ptr[i] <= 'z') || (raw.ptr[i] & 0x80);
    return lower && raw.len >= NAMES_WORD_MIN && !piece->first && lh_terms_is_capital(raw) &&
           !ask_in(word, NAMES_STOPS) && !ask_in(word, NAMES_TIMES) && !names_is_of_schema(w, word, true);
}

/* ---- what is looked up ---- */

typedef struct names_list {
    lh_buf places, texts; /* SQL's lists */
} names_list;

static void names_ask(names_list *list, size_t place, lh_str text, bool folds) {
    if (list->texts.len) lh_buf_char(&list->places, ','), lh_buf_char(&list->texts, ',');
    lh_buf_printf(&list->places, "%zu", place);
    if (folds) lh_buf_append(&list->texts, LH_STR("strip_accents(lower("));
    lh_buf_sql_string(&list->texts, text);
    if (folds) lh_buf_append(&list->texts, LH_STR("))"));
}

/* Quackenbush is also asked for as Quackenbushs, and MaryQuackenbush. The place of a piece is thrice its index, and one for each such. */
static void names_ask_piece(const names_work *w, size_t index, names_list *list) {
    lh_str raw = names_raw(w, &w->pieces[index]);
    names_ask(list, 3 * index, raw, true);
    if (raw.len > 3 && raw.ptr[raw.len - 1] == 's')
        names_ask(list, 3 * index + 1, lh_str_sub(raw, 0, raw.len - 1), true);
    for (size_t i = 1, from = 0; i <= raw.len; i++) {
        bool hump =
            i < raw.len && raw.ptr[i] >= 'A' && raw.ptr[i] <= 'Z' && raw.ptr[i - 1] >= 'a' && raw.ptr[i - 1] <= 'z';
        if ((!hump && i < raw.len) || (i == raw.len && from == 0)) continue;
        if (i - from > 2) names_ask(list, 3 * index + 2, lh_str_sub(raw, from, i - from), true);
        from = i;
    }
}

static bool names_looks(const ask_column *column, bool digits) {
    return column->personal && !column->masked && (column->type == ASK_TEXT || (digits && column->type == ASK_NUMBER));
}

/* The places of what is found in a table's personal columns. */
static lh_code names_find(const names_work *w, const ask_table *table, const names_list *list, bool digits,
                          lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    bool any = false;
    lh_buf_printf(&sql, "SELECT DISTINCT q.i FROM (SELECT unnest([%.*s]) AS i, unnest([%.*s]) AS v) AS q JOIN (",
                  LH_STR_ARG(lh_buf_str(&list->places)), LH_STR_ARG(lh_buf_str(&list->texts)));
    for (size_t c = 0; c < table->column_count; c++) {
        const ask_column *column = &table->columns[c];
        if (!names_looks(column, digits)) continue;
        if (any) lh_buf_append(&sql, LH_STR(" UNION ALL "));
        any = true;
        lh_buf_append(&sql, digits ? LH_STR("SELECT regexp_replace(CAST(")
                                   : LH_STR("SELECT unnest(regexp_extract_all(strip_accents(lower("));
        lh_buf_sql_identifier(&sql, column->name);
        lh_buf_printf(&sql,
                      digits ? " AS VARCHAR), '[^0-9]', '', 'g') AS v, %s AS tail FROM "
                             : ")), '[\\p{L}\\p{N}]+')) AS v, %s AS tail FROM ",
                      column->type == ASK_TEXT ? "true" : "false");
        lh_engine_table_sql(table->name, w->arena, &sql);
    }
    if (!any) return LH_OK;
    lh_buf_append(&sql, LH_STR(") AS h ON h.v = q.v"));
    if (digits)
        lh_buf_printf(&sql,
                      " OR (h.tail AND length(h.v) >= %d AND length(q.v) >= %d AND (ends_with(h.v, q.v) OR "
                      "ends_with(q.v, h.v)))",
                      NAMES_DIGITS_TAIL, NAMES_DIGITS_TAIL);
    LH_TRY(lh_buf_check(&sql, err));
    return ask_run(w->asks->ask, lh_buf_str(&sql), w->asks->caller, 0, false, w->arena, ret, err);
}

static lh_code names_look(names_work *w, const names_list *list, bool digits, const names_span *runs, lh_error *err) {
    if (list->texts.len == 0) return LH_OK;
    LH_TRY(lh_buf_check(&list->texts, err));
    for (size_t t = 0; t < w->asks->schema->table_count; t++) {
        lh_json *answer = NULL;
        LH_TRY(names_find(w, &w->asks->schema->tables[t], list, digits, &answer, err));
        for (lh_json_iter it = lh_json_each(lh_json_get(answer, "rows")); lh_json_next(&it);) {
            size_t place = (size_t)lh_json_int(lh_json_at(it.value, 0), 0);
            if (digits) {
                w->spans[w->span_count++] = runs[place];
                continue;
            }
            names_piece *piece = &w->pieces[place / 3];
            if (!piece->hidden) piece->less = place % 3 == 1;
            if (place % 3 != 1) piece->less = 0;
            piece->hidden = true;
        }
    }
    return LH_OK;
}

/* +1 555 0107, 105-45-6789: digits and what is written between. */
static lh_code names_runs(names_work *w, lh_error *err) {
    names_list list = {.places = LH_BUF_INIT(NAMES_LIST_BYTES), .texts = LH_BUF_INIT(NAMES_LIST_BYTES)};
    names_span *runs = LH_ARENA_ARRAY(w->arena, names_span, w->text.len / NAMES_DIGITS_MIN + 1);
    char *digits = lh_arena_alloc(w->arena, w->text.len + 1);
    size_t count = 0;
    LH_TRY(lh_arena_check(w->arena, err));
    for (size_t at = 0; at < w->text.len; at++) {
        size_t n = 0, end = at;
        if (!names_digit(w->text.ptr[at]) && w->text.ptr[at] != '+') continue;
        for (size_t i = at; i < w->text.len && strchr("0123456789+ -./()", w->text.ptr[i]) && w->text.ptr[i]; i++)
            if (names_digit(w->text.ptr[i])) digits[n++] = w->text.ptr[i], end = i + 1;
        if (n >= NAMES_DIGITS_MIN) {
            runs[count] = (names_span){at, end};
            names_ask(&list, count++, (lh_str){digits, n}, false);
        }
        if (end > at) at = end - 1;
    }
    lh_code code = names_look(w, &list, true, runs, err);
    lh_buf_done(&list.places), lh_buf_done(&list.texts);
    return code;
}

static lh_code names_words(names_work *w, lh_error *err) {
    names_list list = {.places = LH_BUF_INIT(NAMES_LIST_BYTES), .texts = LH_BUF_INIT(NAMES_LIST_BYTES)};
    bool guess = w->asks->guess && w->asks->caller->governor;
    for (size_t i = 0; i < w->piece_count; i++) {
        if (!names_is_plain(w, &w->pieces[i])) names_ask_piece(w, i, &list);
        if (guess) w->pieces[i].hidden = names_is_guessed(w, &w->pieces[i]);
    }
    lh_code code = names_look(w, &list, false, NULL, err);
    lh_buf_done(&list.places), lh_buf_done(&list.texts);
    return code;
}

/* O'Brien is one value when each of its words is of a person, of two letters or more; else each word is one. */
static void names_spans(names_work *w) {
    for (size_t i = 0, next; i < w->piece_count; i = next) {
        bool all = true, any = false;
        for (next = i; next < w->piece_count && w->pieces[next].chunk == w->pieces[i].chunk; next++) {
            const names_piece *piece = &w->pieces[next];
            all &= piece->hidden || piece->to - piece->from < NAMES_WORD_MIN;
            any |= piece->hidden;
        }
        const names_piece *last = &w->pieces[next - 1];
        if (last > &w->pieces[i] && lh_str_eq_nocase(names_raw(w, last), LH_STR("s"))) last--; /* 's */
        if (all && any) w->spans[w->span_count++] = (names_span){w->pieces[i].from, last->to - last->less};
        for (size_t k = i; !all && k < next; k++)
            if (w->pieces[k].hidden)
                w->spans[w->span_count++] = (names_span){w->pieces[k].from, w->pieces[k].to - w->pieces[k].less};
    }
}

static lh_code names_forms(names_work *w, lh_error *err) {
    ask_token *words = NULL;
    size_t count = 0, at = 0, found = 0, len = 0;
    LH_TRY(ask_tokens(w->terms, w->text, w->arena, &words, &count, err));
    for (size_t i = 0; i < count; i++) {
        bool quoted = words[i].kind == ASK_QUOTED;
        size_t from = quoted ? (size_t)(words[i].raw.ptr - w->text.ptr) : 0;
        if (quoted) w->spans[w->span_count++] = (names_span){from, from + words[i].raw.len};
    }
    for (; lh_pii_find(w->text, at, &found, &len) != LH_PII_NONE; at = found + len)
        w->spans[w->span_count++] = (names_span){found, found + len};
    return LH_OK;
}

/* ---- tokens ---- */

/* Keyed: the number says nothing of the value, and another principal's is another. */
static uint32_t names_number(const ask_names_asks *asks, ask_names *names, lh_str value) {
    uint32_t number = 0;
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(64 << 10);
    for (size_t i = 0; i < names->count; i++)
        if (lh_str_eq(names->values[i], value)) return names->numbers[i];
    if (names->count == ASK_TOKENS_MAX) return 0;
    lh_buf_json_string(&text, asks->caller->by);
    lh_buf_append(&text, value);
    lh_sha256 hash =
        lh_hmac_sha256((lh_str){(const char *)&asks->ask->token_key, sizeof asks->ask->token_key}, lh_buf_str(&text));
    memcpy(&number, &hash, sizeof number);
    number = 100000 + number % 900000;
    for (size_t i = 0; i < names->count; i++)
        if (names->numbers[i] == number) number++, i = SIZE_MAX; /* another value's: from the start again */
    names->values[names->count] = value;
    names->numbers[names->count++] = number;
    return number;
}

static int names_before(const void *a, const void *b) {
    const names_span *left = a, *right = b;
    if (left->from != right->from) return left->from < right->from ? -1 : 1;
    return left->to > right->to ? -1 : left->to < right->to;
}

lh_code ask_names_put(const ask_names_asks *asks, lh_str text, ask_names *names, lh_arena *arena, lh_str *ret,
                      lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(256 << 10);
    size_t tables = asks->schema->table_count + 1;
    LH_TRY(lh_terms_new(LH_STR("en"), &terms, err));
    names_work w = {.asks = asks, .terms = terms, .text = text, .arena = arena};
    w.pieces = LH_ARENA_ARRAY(arena, names_piece, text.len + 1);
    /* quoted texts, forms, words, and runs of digits once for each table */
    w.spans = LH_ARENA_ARRAY(arena, names_span, 3 * (text.len + 1) + tables * (text.len / NAMES_DIGITS_MIN + 1));
    LH_TRY(lh_arena_check(arena, err));
    names_cut(&w);
    LH_TRY(names_words(&w, err));
    names_spans(&w);
    LH_TRY(names_forms(&w, err));
    LH_TRY(names_runs(&w, err));
    qsort(w.spans, w.span_count, sizeof *w.spans, names_before);
    size_t at = 0;
    for (size_t i = 0, next; i < w.span_count; i = next) {
        names_span span = w.spans[i];
        for (next = i + 1; next < w.span_count && w.spans[next].from < span.to; next++)
            if (w.spans[next].to > span.to) span.to = w.spans[next].to;
        lh_buf_append(&out, lh_str_sub(text, at, span.from - at));
        lh_buf_printf(&out, "<NAME_%" PRIu32 ">",
                      names_number(asks, names, lh_str_sub(text, span.from, span.to - span.from)));
        at = span.to;
    }
    lh_buf_append(&out, lh_str_sub(text, at, text.len));
    LH_TRY(lh_buf_check(&out, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&out));
    return lh_arena_check(arena, err);
}

lh_code ask_names_back(const ask_names *names, lh_str sql, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    bool literal = false;
    for (size_t i = 0; i < sql.len; i++) {
        uint64_t n = 0;
        size_t which = names->count;
        lh_str rest = lh_str_sub(sql, i, sql.len);
        if (sql.ptr[i] == '\'') literal = !literal;
        size_t end = literal && lh_str_starts(rest, LH_STR("<NAME_")) ? lh_str_find(rest, '>') : rest.len;
        if (end < rest.len && lh_str_to_u64(lh_str_sub(rest, 6, end - 6), &n) == LH_OK)
            for (which = 0; which < names->count && names->numbers[which] != n;) which++;
        if (which == names->count) {
            lh_buf_char(&out, sql.ptr[i]);
            continue;
        }
        lh_str value = names->values[which];
        for (size_t k = 0; k < value.len; k++) {
            if (value.ptr[k] == '\'') lh_buf_char(&out, '\'');
            lh_buf_char(&out, value.ptr[k]);
        }
        i += end;
    }
    LH_TRY(lh_buf_check(&out, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&out));
    return lh_arena_check(arena, err);
}

lh_str ask_names_hide(const ask_names *names, lh_str text, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(16 << 10);
    for (size_t i = 0; i < text.len;) {
        size_t which = names->count;
        bool starts = i == 0 || !names_letter(text, i - 1);
        for (size_t k = 0; starts && k < names->count && which == names->count; k++) {
            size_t end = i + names->values[k].len;
            bool ends = end >= text.len || !names_letter(text, end);
            if (ends && lh_str_eq_nocase(lh_str_sub(text, i, names->values[k].len), names->values[k])) which = k;
        }
        if (which < names->count)
            lh_buf_printf(&out, "<NAME_%" PRIu32 ">", names->numbers[which]), i += names->values[which].len;
        else lh_buf_char(&out, text.ptr[i++]);
    }
    return lh_arena_dup(arena, lh_buf_str(&out));
}
