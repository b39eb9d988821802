/* Sample values that leave the lake for a model. Rather too much is masked than too little: what the detector of personal data finds
 * goes, and with it long numbers and long tokens, which may be anybody's; of a column that is known to be personal, by a verdict,
 * its name or its sample, only the shape of a value stays. */
#include "ingest/evolve_internal.h"
#include "pii/pii.h"

enum { MASK_DIGITS = 7, MASK_TOKEN = 20, MASK_VALUE_BYTES = 80 };

static bool mask_is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}
static bool mask_is_word(char c) { return lh_is_digit(c) || mask_is_alpha(c); }

bool evolve_mask_name(lh_str column) { /* names of secrets and of texts, beside those of personal data */
    static const char *const words[] = {"account", "fax",      "gender",  "religion", "health",      "password",
                                        "secret",  "token",    "key",     "login",    "note",        "notes",
                                        "comment", "comments", "remark",  "remarks",  "description", "bio",
                                        "resume",  "cv",       "license", "licence",  "tax"};
    return lh_pii_name_is_personal(column) || evolve_name_has_word(column, words, sizeof words / sizeof *words);
}

/* Letters become x and X, digits 9; everything else stays. */
static void mask_shape(lh_str value, lh_buf *into) {
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if ((unsigned char)c >= 0x80) {
            if ((unsigned char)c >= 0xC0) lh_buf_char(into, 'x'); /* one for each character */
        } else {
            lh_buf_char(into, lh_is_digit(c) ? '9' : c >= 'A' && c <= 'Z' ? 'X' : mask_is_alpha(c) ? 'x' : c);
        }
    }
}

/* From `at`: the end of a run of digits with single separators between them; *ret: how many digits. */
static size_t mask_digits(lh_str value, size_t at, size_t *ret) {
    size_t digits = 0, end = at;
    for (size_t i = at; i < value.len; i++) {
        char c = value.ptr[i];
        if (lh_is_digit(c)) digits++, end = i + 1;
        else if (!memchr(" -.()/+:", c, 8) || i - end >= 2) break;
    }
    *ret = digits;
    return end;
}

/* A date or a time of day says little, and the model needs its form: 2024-01-31, 31.12.2024, 10:30:00. */
static size_t mask_date(lh_str value, size_t at) {
    size_t parts = 0, digits = 0, i = at;
    char separator = '\0';
    for (; i <= value.len; i++) {
        char c = i < value.len ? value.ptr[i] : '\0';
        if (lh_is_digit(c)) {
            if (++digits > 4) return at;
            continue;
        }
        if (digits == 0) return at;
        parts++;
        bool goes_on = i + 1 < value.len && lh_is_digit(value.ptr[i + 1]) && memchr("-./:", c, 4) && c &&
                       (!separator || c == separator);
        if (!goes_on) break;
        separator = c;
        digits = 0;
    }
    bool ends = i >= value.len || value.ptr[i] == ' ' || value.ptr[i] == 'T' || value.ptr[i] == 'Z';
    return parts == 3 && ends && i - at <= 10 && i - at >= 6 ? i : at;
}

/* A word with an '@', or a long one of letters and digits: a handle, a key. */
static bool mask_hides_word(lh_str word) {
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < word.len; i++) digits += lh_is_digit(word.ptr[i]), letters += mask_is_alpha(word.ptr[i]);
    bool handle = lh_str_find(word, '@') < word.len && letters > 0;
    return handle || (digits >= 4 && letters >= 2 && word.len >= MASK_TOKEN);
}

static size_t mask_word_end(lh_str value, size_t at) {
    while (at < value.len && (mask_is_word(value.ptr[at]) || memchr("@._%+-", value.ptr[at], 6))) at++;
    return at;
}

static size_t mask_next(lh_str value, size_t at, bool inside, lh_buf *into) {
    size_t digits = 0, word = mask_word_end(value, at);
    if (!inside && word > at && mask_hides_word(lh_str_sub(value, at, word - at)))
        return lh_buf_append(into, LH_STR("[token]")), word;
    if (lh_is_digit(value.ptr[at]) || value.ptr[at] == '+') {
        size_t date = mask_date(value, at), end = mask_digits(value, at, &digits);
        if (date > at && !inside) return lh_buf_append(into, lh_str_sub(value, at, date - at)), date;
        if (digits >= MASK_DIGITS) return lh_buf_append(into, LH_STR("[digits]")), end;
        if (end > at && lh_is_digit(value.ptr[at])) /* short: this number only */
            for (end = at; end < value.len && lh_is_digit(value.ptr[end]);) end++;
        else end = at + 1;
        return lh_buf_append(into, lh_str_sub(value, at, end - at)), end;
    }
    return lh_buf_char(into, value.ptr[at]), at + 1;
}

/* What lies between two findings of the detector. */
static void mask_between(lh_str value, size_t from, size_t to, lh_buf *into) {
    const lh_str part = lh_str_sub(value, 0, to);
    for (size_t at = from; at < to && into->len < 2 * MASK_VALUE_BYTES;)
        at = mask_next(part, at, at > from && mask_is_word(part.ptr[at - 1]), into);
}

static void mask_text(lh_str value, lh_buf *into) {
    size_t from = 0, at = 0, len = 0;
    lh_pii_kind kind;
    while (into->len < 2 * MASK_VALUE_BYTES && (kind = lh_pii_find(value, from, &at, &len)) != LH_PII_NONE) {
        mask_between(value, from, at, into);
        lh_buf_printf(into, "[%s]", lh_pii_kind_name(kind));
        from = at + len;
    }
    mask_between(value, from, value.len, into);
}

lh_str evolve_mask(lh_str value, bool whole, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf masked = LH_BUF_INIT(1 << 20);
    size_t cut = MASK_VALUE_BYTES;
    if (whole) mask_shape(lh_str_sub(value, 0, 4 * MASK_VALUE_BYTES), &masked);
    else mask_text(value, &masked);
    lh_str text = lh_buf_str(&masked);
    if (text.len <= cut) return lh_arena_dup(arena, text);
    while (cut > 0 && ((unsigned char)text.ptr[cut] & 0xC0) == 0x80) cut--;
    return lh_arena_printf(arena, "%.*s…", (int)cut, text.ptr);
}
