/* Sample values that leave the lake for a model. Rather too much is masked than too little: what is found by form alone goes,
 * and of a column that is known to be personal, by a verdict or by its name, only the shape of a value stays. */
#include "ingest/evolve_internal.h"

enum { MASK_DIGITS = 7, MASK_TOKEN = 20, MASK_VALUE_BYTES = 80 };

static bool mask_is_digit(char c) { return c >= '0' && c <= '9'; }
static bool mask_is_alpha(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}
static bool mask_is_word(char c) { return mask_is_digit(c) || mask_is_alpha(c); }

bool evolve_mask_name(lh_str column) {
    static const char *const words[] = {
        "name",     "surname",  "firstname", "lastname",    "fullname", "email",     "mail",    "phone",   "tel",
        "mobile",   "fax",      "ssn",       "passport",    "iban",     "card",      "account", "birth",   "birthday",
        "dob",      "address",  "street",    "salary",      "income",   "tax",       "license", "licence", "ip",
        "gender",   "religion", "health",    "diagnosis",   "password", "secret",    "token",   "key",     "username",
        "login",    "contact",  "person",    "patient",     "owner",    "candidate", "note",    "notes",   "comment",
        "comments", "remark",   "remarks",   "description", "bio",      "resume",    "cv"};
    return evolve_name_has_word(column, words, sizeof words / sizeof *words);
}

/* Letters become x and X, digits 9; everything else stays. */
static void mask_shape(lh_str value, lh_buf *into) {
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if ((unsigned char)c >= 0x80) {
            if ((unsigned char)c >= 0xC0) lh_buf_char(into, 'x'); /* one for each character */
        } else {
            lh_buf_char(into, mask_is_digit(c) ? '9' : c >= 'A' && c <= 'Z' ? 'X' : mask_is_alpha(c) ? 'x' : c);
        }
    }
}

/* From `at`: the end of a run of digits with single separators between them; *ret: how many digits. */
static size_t mask_digits(lh_str value, size_t at, size_t *ret) {
    size_t digits = 0, end = at;
    for (size_t i = at; i < value.len; i++) {
        char c = value.ptr[i];
        if (mask_is_digit(c)) digits++, end = i + 1;
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
        if (mask_is_digit(c)) {
            if (++digits > 4) return at;
            continue;
        }
        if (digits == 0) return at;
        parts++;
        bool goes_on = i + 1 < value.len && mask_is_digit(value.ptr[i + 1]) && memchr("-./:", c, 4) && c &&
                       (!separator || c == separator);
        if (!goes_on) break;
        separator = c;
        digits = 0;
    }
    bool ends = i >= value.len || value.ptr[i] == ' ' || value.ptr[i] == 'T' || value.ptr[i] == 'Z';
    return parts == 3 && ends && i - at <= 10 && i - at >= 6 ? i : at;
}

static bool mask_is_ip(lh_str text) {
    size_t dots = 0;
    for (size_t i = 0; i < text.len; i++) dots += text.ptr[i] == '.';
    return dots == 3;
}

/* The word around an '@', or one that is long and of letters and digits: an address, a key. */
static bool mask_hides_word(lh_str word) {
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < word.len; i++) digits += mask_is_digit(word.ptr[i]), letters += mask_is_alpha(word.ptr[i]);
    if (lh_str_find(word, '@') < word.len) return true;
    bool iban = word.len >= 15 && mask_is_alpha(word.ptr[0]) && mask_is_alpha(word.ptr[1]) &&
                mask_is_digit(word.ptr[2]) && mask_is_digit(word.ptr[3]);
    return iban || (digits >= 4 && letters >= 2 && word.len >= MASK_TOKEN);
}

static size_t mask_word_end(lh_str value, size_t at) {
    while (at < value.len && (mask_is_word(value.ptr[at]) || memchr("@._%+-", value.ptr[at], 6))) at++;
    return at;
}

static size_t mask_next(lh_str value, size_t at, bool inside, lh_buf *into) {
    size_t digits = 0, word = mask_word_end(value, at);
    if (!inside && word > at && mask_hides_word(lh_str_sub(value, at, word - at))) {
        bool mail = lh_str_find(lh_str_sub(value, at, word - at), '@') < word - at;
        return lh_buf_append(into, mail ? LH_STR("[email]") : LH_STR("[token]")), word;
    }
    if (mask_is_digit(value.ptr[at]) || value.ptr[at] == '+') {
        size_t date = mask_date(value, at), end = mask_digits(value, at, &digits);
        if (date > at && !inside) return lh_buf_append(into, lh_str_sub(value, at, date - at)), date;
        lh_str run = lh_str_sub(value, at, end - at);
        if (digits >= 4 && mask_is_ip(run)) return lh_buf_append(into, LH_STR("[ip]")), end;
        if (digits >= MASK_DIGITS) return lh_buf_append(into, LH_STR("[digits]")), end;
        if (end > at && mask_is_digit(value.ptr[at])) /* short: this number only */
            for (end = at; end < value.len && mask_is_digit(value.ptr[end]);) end++;
        else end = at + 1;
        return lh_buf_append(into, lh_str_sub(value, at, end - at)), end;
    }
    return lh_buf_char(into, value.ptr[at]), at + 1;
}

lh_str evolve_mask(lh_str value, bool whole, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf masked = LH_BUF_INIT(1 << 20);
    size_t cut = MASK_VALUE_BYTES;
    if (whole) mask_shape(lh_str_sub(value, 0, 4 * MASK_VALUE_BYTES), &masked);
    for (size_t at = 0; !whole && at < value.len && masked.len < 2 * MASK_VALUE_BYTES;)
        at = mask_next(value, at, at > 0 && mask_is_word(value.ptr[at - 1]), &masked);
    lh_str text = lh_buf_str(&masked);
    if (text.len <= cut) return lh_arena_dup(arena, text);
    while (cut > 0 && ((unsigned char)text.ptr[cut] & 0xC0) == 0x80) cut--;
    return lh_arena_printf(arena, "%.*s…", (int)cut, text.ptr);
}
