/* Text into words: folded, in the singular, and their stems. Written for questions, which hold numbers (10k, 1,000, 12%), dates and
 * quoted texts; the words of values are told apart by the same rules, so that they meet. */
#include "ask/ask_internal.h"

enum { WORDS_NAME_BYTES = 256 };

bool ask_in(lh_str word, const char *list) {
    for (lh_str rest = lh_str_from(list); rest.len;)
        if (lh_str_eq(lh_str_split(&rest, ' '), word)) return true;
    return false;
}

static bool words_letter(char c) {
    unsigned char u = (unsigned char)c;
    return (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || u == '_' || u >= 0x80;
}
static bool words_digit(char c) { return c >= '0' && c <= '9'; }

/* Signs that are no part of a word: "€500", "Total (€)", "Temp (°C)". How many bytes one has; 0: it is none. */
static size_t words_symbol(lh_str text, size_t at) {
    static const char *const signs[] = {"€", "£", "¥", "₹", "°", "№", "→", "–", "—", "•", "…"};
    lh_str rest = lh_str_sub(text, at, text.len);
    for (size_t i = 0; (unsigned char)text.ptr[at] >= 0x80 && i < sizeof signs / sizeof *signs; i++)
        if (lh_str_starts(rest, lh_str_from(signs[i]))) return strlen(signs[i]);
    return 0;
}

/* unit_price is two words, as in the names of columns; an address, and a key such as CAN_0001, are one. */
static size_t words_underscore(lh_str text, size_t at, size_t end) {
    size_t cut = end;
    bool small = false;
    for (size_t i = at; i < end; i++) {
        if (text.ptr[i] == '@') return end;
        if (text.ptr[i] == '_' && i > at && cut == end) cut = i;
        small |= text.ptr[i] >= 'a' && text.ptr[i] <= 'z';
    }
    return small ? cut : end;
}

static lh_str words_singular(lh_str word) {
    size_t n = word.len;
    if (n < 4 || word.ptr[n - 1] != 's') return word;
    char before = word.ptr[n - 2];
    if (before == 's' || before == 'u' || before == 'i' || words_digit(before)) return word;
    if (n > 4 && lh_str_ends(word, LH_STR("sses"))) return lh_str_sub(word, 0, n - 2);
    if (n > 4 &&
        (lh_str_ends(word, LH_STR("xes")) || lh_str_ends(word, LH_STR("ches")) || lh_str_ends(word, LH_STR("shes"))))
        return lh_str_sub(word, 0, n - 2);
    return lh_str_sub(word, 0, n - 1);
}

static void words_fill(lh_terms *terms, lh_arena *arena, ask_token *token, lh_str raw) {
    token->raw = raw;
    token->word = lh_arena_dup(arena, lh_terms_fold(terms, raw));
    token->one = words_singular(token->word);
    if (token->word.len > 4 && lh_str_ends(token->word, LH_STR("ies")))
        token->one = lh_arena_printf(arena, "%.*sy", (int)token->word.len - 3, token->word.ptr);
    token->plural = token->one.len != token->word.len;
    token->stem = lh_arena_dup(arena, lh_terms_of(terms, token->one.len ? token->one : raw));
    char first = raw.len ? raw.ptr[0] : 'a';
    token->capital = (first >= 'A' && first <= 'Z') || (unsigned char)first >= 0xC3;
    token->upper = raw.len > 1;
    for (size_t i = 0; i < raw.len; i++) token->upper = token->upper && !(raw.ptr[i] >= 'a' && raw.ptr[i] <= 'z');
}

typedef struct words_state {
    lh_terms *terms;
    lh_arena *arena;
    lh_str text;
    ask_token *tokens;
    size_t count, room, at;
    bool full;
} words_state;

static ask_token *words_add(words_state *s, ask_token_kind kind) {
    if (s->count == s->room) return s->full = true, NULL;
    ask_token *token = &s->tokens[s->count++];
    *token = (ask_token){.kind = kind};
    return token;
}

/* A number: digits with commas of thousands and a point; k, m, bn, %. 0: it is a word such as 2nd or 737-800. */
static size_t words_number(words_state *s, size_t at) {
    const char *p = s->text.ptr;
    size_t end = at, digits = 0;
    double value = 0, scale = 1;
    bool point = false, grouped = false;
    for (; end < s->text.len; end++) {
        if (words_digit(p[end])) {
            digits++;
            if (point) value += (scale /= 10) * (p[end] - '0');
            else value = value * 10 + (p[end] - '0');
        } else if (p[end] == ',' && !point && digits && digits <= 12 && end + 3 < s->text.len &&
                   words_digit(p[end + 1]) && words_digit(p[end + 2]) && words_digit(p[end + 3]) &&
                   (end + 4 == s->text.len || !words_digit(p[end + 4])))
            grouped = true;
        else if (p[end] == '.' && !point && end + 1 < s->text.len && words_digit(p[end + 1])) point = true;
        else break;
    }
    if (!digits || digits > 15) return 0;
    size_t number_end = end;
    if (end < s->text.len && words_letter(p[end])) {
        size_t stop = end;
        while (stop < s->text.len && words_letter(p[stop])) stop++;
        lh_str unit = lh_str_sub(s->text, end, stop - end);
        double times = lh_str_eq_nocase(unit, LH_STR("k"))                                            ? 1e3
                       : lh_str_eq_nocase(unit, LH_STR("m")) || lh_str_eq_nocase(unit, LH_STR("mio")) ? 1e6
                       : lh_str_eq_nocase(unit, LH_STR("bn"))                                         ? 1e9
                                                                                                      : 0;
        if (times <= 0) return 0;
        value *= times;
        end = stop;
    }
    ask_token *token = words_add(s, ASK_NUMERAL);
    if (!token) return 0;
    words_fill(s->terms, s->arena, token, lh_str_sub(s->text, at, end - at));
    token->number = value;
    token->grouped = grouped || number_end != end || point;
    if (end < s->text.len && p[end] == '%') token->percent = true, end++;
    token->plus = end < s->text.len && p[end] == '+';
    return end - at;
}

/* 2024-03-05 or 2024-03 */
static size_t words_iso_date(words_state *s, size_t at) {
    static const char form[] = "dddd-dd-dd";
    size_t n = 0;
    while (n < 10 && at + n < s->text.len &&
           (form[n] == 'd' ? words_digit(s->text.ptr[at + n]) : s->text.ptr[at + n] == '-'))
        n++;
    n = n == 10 ? 10 : n >= 7 ? 7 : 0;
    if (!n || (at + n < s->text.len && words_letter(s->text.ptr[at + n]))) return 0;
    ask_token *token = words_add(s, ASK_ISO_DATE);
    if (token) words_fill(s->terms, s->arena, token, lh_str_sub(s->text, at, n));
    return token ? n : 0;
}

/* "…", '…', “…”, ‘…’, «…»; 0: the quote has no end. */
static size_t words_quoted(words_state *s, size_t at) {
    static const char *const pairs[][2] = {{"\"", "\""}, {"'", "'"}, {"“", "”"}, {"„", "“"}, {"‘", "’"}, {"«", "»"}};
    lh_str rest = lh_str_sub(s->text, at, s->text.len);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        lh_str open = lh_str_from(pairs[i][0]), close = lh_str_from(pairs[i][1]);
        if (!lh_str_starts(rest, open)) continue;
        lh_str inner = lh_str_sub(rest, open.len, rest.len);
        size_t end = lh_str_search(inner, close);
        if (end == SIZE_MAX || end == 0) return 0;
        ask_token *token = words_add(s, ASK_QUOTED);
        if (!token) return 0;
        words_fill(s->terms, s->arena, token, lh_str_sub(inner, 0, end));
        return open.len + end + close.len;
    }
    return 0;
}

/* O'Hare is ohare, as tables write it that have no quotes. */
static lh_str words_without_quote(lh_arena *arena, lh_str text, size_t at, size_t stop, size_t quote, size_t bytes) {
    return lh_arena_printf(arena, "%.*s%.*s", (int)(quote - at), text.ptr + at, (int)(stop - quote - bytes),
                           text.ptr + quote + bytes);
}

static void words_as(words_state *s, size_t at, size_t bytes, lh_str word) {
    ask_token *token = words_add(s, ASK_WORD);
    if (!token) return;
    words_fill(s->terms, s->arena, token, word);
    token->raw = lh_str_sub(s->text, at, bytes);
}

/* How words are written in haste: w/ and w/o, e-mail, dont. The first letters end before `end`; 0: none of them. */
static size_t words_short(words_state *s, size_t at, size_t end) {
    const char *p = s->text.ptr;
    if (end - at == 1 && (p[at] | 0x20) == 'w' && end < s->text.len && p[end] == '/') {
        bool out = end + 1 < s->text.len && (p[end + 1] | 0x20) == 'o' &&
                   (end + 2 == s->text.len || !words_letter(p[end + 2]));
        words_as(s, at, out ? 3 : 2, out ? LH_STR("without") : LH_STR("with"));
        return out ? 3 : 2;
    }
    if (end - at == 1 && (p[at] | 0x20) == 'e' && end + 5 <= s->text.len && p[end] == '-' &&
        lh_str_eq_nocase(lh_str_sub(s->text, end + 1, 4), LH_STR("mail"))) {
        size_t stop = end + 1;
        while (stop < s->text.len && words_letter(p[stop])) stop++;
        words_as(s, at, stop - at, lh_arena_printf(s->arena, "e%.*s", (int)(stop - end - 1), p + end + 1));
        return stop - at;
    }
    lh_str word = lh_arena_dup(s->arena, lh_terms_fold(s->terms, lh_str_sub(s->text, at, end - at)));
    if (ask_in(word, "dont doesnt didnt isnt arent wasnt werent hasnt havent hadnt cannot")) {
        words_as(s, at, end - at, lh_str_sub(word, 0, word.len - (word.ptr[word.len - 2] == 'n' ? 2 : 3)));
        words_as(s, at, end - at, LH_STR("not"));
        return end - at;
    }
    if (ask_in(word, "pct")) return words_as(s, at, end - at, LH_STR("percent")), end - at;
    return 0;
}

/* "client's" is client; "didn't" is did and not. Returns the bytes taken. */
static size_t words_word(words_state *s, size_t at) {
    const char *p = s->text.ptr;
    size_t end = at;
    bool address = false;
    while (end < s->text.len &&
           (words_letter(p[end]) || p[end] == '@' || (address && (p[end] == '.' || p[end] == '-')))) {
        if (lh_str_starts(lh_str_sub(s->text, end, 3), LH_STR("’"))) break; /* an apostrophe of its own form */
        if (words_symbol(s->text, end)) break;
        address |= p[end] == '@';
        end++;
    }
    while (end > at + 1 && (p[end - 1] == '.' || p[end - 1] == '-')) end--;
    if (end == at) return 0;
    end = words_underscore(s->text, at, end);
    while (end < s->text.len && strchr("+#", p[end]) && p[end]) end++; /* C++, C# */
    size_t sign = words_short(s, at, end);
    if (sign) return sign;
    lh_str after = lh_str_sub(s->text, end, 4);
    size_t quote = lh_str_starts(after, LH_STR("'")) ? 1 : lh_str_starts(after, LH_STR("’")) ? strlen("’") : 0;
    char next = quote && end + quote < s->text.len ? (char)(p[end + quote] | 0x20) : 0;
    bool ends = end + quote + 1 >= s->text.len || !words_letter(p[end + quote + 1]);
    ask_token *token = words_add(s, ASK_WORD);
    if (!token) return 0;
    if (quote && next == 't' && ends && end - at > 2 && (p[end - 1] | 0x20) == 'n') {
        words_fill(s->terms, s->arena, token, lh_str_sub(s->text, at, end - at - 1));
        ask_token *not = words_add(s, ASK_WORD);
        if (not) words_fill(s->terms, s->arena, not, LH_STR("not"));
        if (not) not->raw = lh_str_sub(s->text, end - 1, quote + 2); /* n't: each raw is of the text */
        return end - at + quote + 1;
    }
    words_fill(s->terms, s->arena, token, lh_str_sub(s->text, at, end - at));
    lh_str tail = quote ? lh_str_sub(s->text, end + quote, 2) : LH_STR_NONE; /* we've, they're, we'll */
    bool short_ = (lh_str_eq_nocase(tail, LH_STR("ve")) || lh_str_eq_nocase(tail, LH_STR("re")) ||
                   lh_str_eq_nocase(tail, LH_STR("ll"))) &&
                  (end + quote + 2 >= s->text.len || !words_letter(p[end + quote + 2])) && end - at >= 1 &&
                  end - at <= 5;
    if (short_) return end - at + quote + 2;
    if (quote && next == 's' && ends) return token->possessive = true, end - at + quote + 1;
    if (quote && next && !ends) { /* O'Neill is one word */
        size_t stop = end + quote;
        while (stop < s->text.len && words_letter(p[stop])) stop++;
        words_fill(s->terms, s->arena, token, words_without_quote(s->arena, s->text, at, stop, end, quote));
        token->raw = lh_str_sub(s->text, at, stop - at);
        return stop - at;
    }
    return end - at;
}

double ask_word_number(const ask_token *t, bool *ret) {
    static const char *const words[] = {
        "zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
        "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
    static const char *const tens[] = {"twenty",  "thirty", "forty",  "fifty",  "sixty",
                                       "seventy", "eighty", "ninety", "hundred"};
    *ret = t->kind == ASK_NUMERAL;
    if (*ret) return t->number;
    for (size_t i = 0; i < sizeof words / sizeof *words && t->kind == ASK_WORD; i++)
        if (ask_is(t, words[i])) return *ret = true, (double)i;
    for (size_t i = 0; i < sizeof tens / sizeof *tens && t->kind == ASK_WORD; i++)
        if (ask_is(t, tens[i])) return *ret = true, (double)(i + 2) * 10;
    return 0;
}

/* Signs between words: >= is at least. ~5 and such are a word of their own, which means nothing. */
static size_t words_sign(words_state *s, size_t at) {
    static const struct {
        const char *sign, *first, *second;
    } signs[] = {{">=", "at", "least"}, {"=>", "at", "least"}, {"≥", "at", "least"}, {"<=", "at", "most"},
                 {"=<", "at", "most"},  {"≤", "at", "most"},   {"!=", "not", NULL},  {"<>", "not", NULL},
                 {"≠", "not", NULL},    {"/ ", "per", NULL},   {">", "over", NULL},  {"<", "under", NULL}};
    lh_str rest = lh_str_sub(s->text, at, s->text.len);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        lh_str sign = lh_str_from(signs[i].sign);
        if (!lh_str_starts(rest, sign) || (sign.ptr[0] == '/' && (!at || s->text.ptr[at - 1] != ' '))) continue;
        words_as(s, at, sign.len, lh_str_from(signs[i].first));
        if (signs[i].second) words_as(s, at, sign.len, lh_str_from(signs[i].second));
        return sign.len;
    }
    bool beside = (at && words_digit(s->text.ptr[at - 1])) || (rest.len > 1 && words_digit(rest.ptr[1]));
    if (!beside || !*rest.ptr || !strchr("~*^|", *rest.ptr)) return 0;
    return words_as(s, at, 1, lh_str_sub(rest, 0, 1)), 1;
}

/* -5, where no word or number ends before. */
static size_t words_negative(words_state *s, size_t at) {
    bool apart = at == 0 || strchr(" (=<>", s->text.ptr[at - 1]);
    if (s->text.ptr[at] != '-' || !apart || at + 1 == s->text.len || !words_digit(s->text.ptr[at + 1])) return 0;
    size_t taken = words_number(s, at + 1);
    if (!taken) return 0;
    ask_token *token = &s->tokens[s->count - 1];
    token->number = -token->number;
    token->raw = lh_str_sub(s->text, at, token->raw.len + 1);
    token->word = lh_arena_printf(s->arena, "-%.*s", LH_STR_ARG(token->word));
    token->one = token->stem = token->word;
    return taken + 1;
}

lh_code ask_tokens(lh_terms *terms, lh_str text, lh_arena *arena, ask_token **ret, size_t *ret_count, lh_error *err) {
    size_t room = text.len + 2 < ASK_TOKENS_MAX ? text.len + 2 : ASK_TOKENS_MAX;
    words_state s = {.terms = terms, .arena = arena, .text = text, .room = room};
    s.tokens = LH_ARENA_ARRAY(arena, ask_token, room);
    LH_TRY(lh_arena_check(arena, err));
    while (s.at < text.len && !s.full) {
        size_t taken = 0;
        char c = text.ptr[s.at];
        bool starts = s.at == 0 || !words_letter(text.ptr[s.at - 1]);
        if (starts && (c == '"' || c == '\'' || (unsigned char)c >= 0x80)) taken = words_quoted(&s, s.at);
        if (!taken && words_digit(c)) taken = words_iso_date(&s, s.at);
        if (!taken && words_digit(c)) taken = words_number(&s, s.at);
        if (!taken) taken = words_negative(&s, s.at);
        if (!taken) taken = words_sign(&s, s.at);
        if (!taken && c != '_') taken = words_word(&s, s.at);
        if (!taken) {
            if (strchr(",;?!:", c) && c) (void)words_add(&s, ASK_STOP);
            if (c == '%' && !(s.at && text.ptr[s.at - 1] == '(')) words_as(&s, s.at, 1, LH_STR("percent"));
            taken = words_symbol(text, s.at);
            if (!taken) taken = 1;
        }
        s.at += taken;
    }
    LH_TRY(lh_arena_check(arena, err));
    if (s.full) return lh_fail(err, LH_LIMIT, "a question has at most %d words", ASK_TOKENS_MAX);
    *ret = s.tokens;
    *ret_count = s.count;
    return LH_OK;
}

size_t ask_name_words(lh_terms *terms, lh_str name, lh_arena *arena, ask_token *into, size_t max) {
    size_t count = 0, start = 0;
    name = lh_str_cut_utf8(name, WORDS_NAME_BYTES);
    for (size_t i = 0; i <= name.len && count < max; i++) {
        size_t sign = i < name.len ? words_symbol(name, i) : 0;
        bool end = i == name.len || sign || !words_letter(name.ptr[i]) || name.ptr[i] == '_';
        bool hump = !end && i > start && name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' && name.ptr[i - 1] >= 'a' &&
                    name.ptr[i - 1] <= 'z';
        if (!end && !hump) continue;
        if (i > start) {
            into[count] = (ask_token){.kind = ASK_WORD};
            words_fill(terms, arena, &into[count++], lh_str_sub(name, start, i - start));
        }
        start = hump ? i : sign ? i + sign : i + 1;
        if (sign) i += sign - 1;
    }
    return count;
}

size_t ask_words_at(const ask_token *tokens, size_t count, size_t at, const char *words) {
    size_t n = 0;
    for (lh_str rest = lh_str_from(words); rest.len; n++) {
        lh_str word = lh_str_split(&rest, ' ');
        if (at + n >= count || tokens[at + n].kind != ASK_WORD || !lh_str_eq(tokens[at + n].word, word)) return 0;
    }
    return n;
}
