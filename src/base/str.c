#include "base/base.h"

lh_str lh_str_from(const char *cstr) { return (lh_str){cstr, cstr ? strlen(cstr) : 0}; }

bool lh_str_eq(lh_str a, lh_str b) { return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0); }

int lh_str_cmp(lh_str a, lh_str b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

int lh_str_order(const void *a, const void *b) { return lh_str_cmp(*(const lh_str *)a, *(const lh_str *)b); }

static int str_order_listed(const void *s, const void *item) {
    return lh_str_cmp(*(const lh_str *)s, lh_str_from(*(const char *const *)item));
}

bool lh_str_is_in(lh_str s, const char *const *list, size_t count) {
    return bsearch(&s, list, count, sizeof *list, str_order_listed) != NULL;
}

bool lh_str_starts(lh_str s, lh_str prefix) {
    return s.len >= prefix.len && lh_str_eq((lh_str){s.ptr, prefix.len}, prefix);
}

bool lh_str_ends(lh_str s, lh_str suffix) {
    return s.len >= suffix.len && lh_str_eq(lh_str_sub(s, s.len - suffix.len, suffix.len), suffix);
}

static int str_lower(char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : (unsigned char)c; }

bool lh_str_eq_nocase(lh_str a, lh_str b) {
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (str_lower(a.ptr[i]) != str_lower(b.ptr[i])) return false;
    return true;
}

lh_str lh_str_sub(lh_str s, size_t from, size_t len) {
    if (from >= s.len) return LH_STR_NONE;
    size_t left = s.len - from;
    return (lh_str){s.ptr + from, len < left ? len : left};
}

static bool str_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

lh_str lh_str_trim(lh_str s) {
    while (s.len && str_is_space(s.ptr[0])) s = (lh_str){s.ptr + 1, s.len - 1};
    while (s.len && str_is_space(s.ptr[s.len - 1])) s.len--;
    return s;
}

size_t lh_str_find(lh_str s, char c) {
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : s.len;
}

size_t lh_str_after_last(lh_str s, char c) {
    const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) + 1 : 0;
}

size_t lh_str_search(lh_str s, lh_str needle) {
    if (needle.len == 0) return 0;
    const char *at = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
    return at ? (size_t)(at - s.ptr) : SIZE_MAX;
}

lh_str lh_str_split(lh_str *rest, char separator) {
    size_t at = lh_str_find(*rest, separator);
    lh_str before = lh_str_sub(*rest, 0, at);
    *rest = lh_str_sub(*rest, at + 1, SIZE_MAX);
    return before;
}

lh_code lh_str_dup(lh_str s, lh_str *ret) {
    char *copy = malloc(s.len + 1);
    if (!copy) return LH_NO_MEMORY;
    if (s.len) memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    *ret = (lh_str){copy, s.len};
    return LH_OK;
}

void lh_str_free(lh_str s) {
    union {
        const char *in;
        char *out;
    } owned = {.in = s.ptr}; /* the one place that drops the const of an owned string */
    free(owned.out);
}

lh_code lh_str_to_cstr(lh_str s, char *into, size_t into_bytes, lh_error *err) {
    if (s.len && memchr(s.ptr, '\0', s.len)) return lh_fail(err, LH_INVALID, "a NUL byte is not allowed here");
    if (s.len >= into_bytes) return lh_fail(err, LH_LIMIT, "longer than %zu bytes", into_bytes - 1);
    if (s.len) memcpy(into, s.ptr, s.len);
    into[s.len] = '\0';
    return LH_OK;
}

lh_code lh_str_to_u64(lh_str s, uint64_t *ret) {
    uint64_t value = 0;
    if (s.len == 0) return LH_INVALID;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') return LH_INVALID;
        if (__builtin_mul_overflow(value, 10u, &value)) return LH_INVALID;
        if (__builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value)) return LH_INVALID;
    }
    *ret = value;
    return LH_OK;
}

lh_code lh_str_to_i64(lh_str s, int64_t *ret) {
    bool negative = s.len && s.ptr[0] == '-';
    uint64_t magnitude;
    LH_TRY(lh_str_to_u64(negative ? lh_str_sub(s, 1, SIZE_MAX) : s, &magnitude));
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return LH_INVALID;
    *ret = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return LH_OK;
}

/* Length of the valid UTF-8 sequence at s[0], or 0. */
static size_t str_utf8_sequence(const unsigned char *s, size_t left) {
    if (s[0] < 0x80) return 1;
    size_t length = s[0] >= 0xC2 && s[0] <= 0xDF ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4 : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    if (s[0] == 0xE0 && s[1] < 0xA0) return 0; /* overlong */
    if (s[0] == 0xED && s[1] > 0x9F) return 0; /* surrogate */
    if (s[0] == 0xF0 && s[1] < 0x90) return 0; /* overlong */
    if (s[0] == 0xF4 && s[1] > 0x8F) return 0; /* above U+10FFFF */
    return length;
}

lh_str lh_str_cut_utf8(lh_str s, size_t max_bytes) {
    if (s.len <= max_bytes) return s;
    while (max_bytes > 0 && ((unsigned char)s.ptr[max_bytes] & 0xC0) == 0x80) max_bytes--;
    return lh_str_sub(s, 0, max_bytes);
}

size_t lh_str_utf8_prefix(lh_str s) {
    size_t at = 0;
    while (at < s.len) {
        size_t length = str_utf8_sequence((const unsigned char *)s.ptr + at, s.len - at);
        if (length == 0) break;
        at += length;
    }
    return at;
}

bool lh_str_is_utf8(lh_str s) { return lh_str_utf8_prefix(s) == s.len; }

size_t lh_str_distance(lh_str a, lh_str b) {
    enum { LONGEST = 64 };
    size_t row[LONGEST + 1];
    if (a.len > LONGEST) a.len = LONGEST;
    if (b.len > LONGEST) b.len = LONGEST;
    for (size_t j = 0; j <= b.len; j++) row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t substitute = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            size_t best = row[j - 1] + 1 < row[j] + 1 ? row[j - 1] + 1 : row[j] + 1;
            diagonal = row[j];
            row[j] = substitute < best ? substitute : best;
        }
    }
    return row[b.len];
}
