/* Bounds of new data files for their manifest entry, from the values as DuckDB tells them in text. What cannot be told
 * exactly is left out, which costs a reader a look into the file and never a row. Texts are cut to 16 characters: a lower bound
 * by leaving off the rest, an upper one by raising its last character. */
#include "catalog/rewrite_internal.h"

#include <math.h>

enum { BOUND_TEXT_CHARACTERS = 16, BOUND_TEXT_BYTES = 64 };

static lh_str bound_little(uint64_t bits, size_t size, lh_arena *arena) {
    char bytes[8];
    for (size_t i = 0; i < size; i++) bytes[i] = (char)(unsigned char)(bits >> (8 * i));
    return lh_arena_dup(arena, (lh_str){bytes, size});
}

static uint64_t bound_bits(int64_t value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* ---- dates and times ---- */

static bool bound_digits(lh_str *text, size_t count, int64_t *ret) {
    int64_t number = 0;
    if (text->len < count) return false;
    for (size_t i = 0; i < count; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9') return false;
        number = number * 10 + (text->ptr[i] - '0');
    }
    *text = lh_str_sub(*text, count, SIZE_MAX);
    *ret = number;
    return true;
}

static bool bound_mark(lh_str *text, char mark) {
    if (text->len == 0 || text->ptr[0] != mark) return false;
    *text = lh_str_sub(*text, 1, SIZE_MAX);
    return true;
}

/* YYYY-MM-DD → days since 1970; years of four digits only. */
static bool bound_date(lh_str *text, int64_t *ret) {
    int64_t year, month, day;
    if (!bound_digits(text, 4, &year) || !bound_mark(text, '-') || !bound_digits(text, 2, &month) ||
        !bound_mark(text, '-') || !bound_digits(text, 2, &day))
        return false;
    year -= month <= 2; /* years that begin in March: the leap day is the last */
    int64_t era = (year + 400) / 400 - 1, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    *ret = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return true;
}

/* HH:MM:SS[.ffffff] → microseconds. */
static bool bound_time(lh_str *text, int64_t *ret) {
    int64_t hours, minutes, seconds, micros = 0;
    if (!bound_digits(text, 2, &hours) || !bound_mark(text, ':') || !bound_digits(text, 2, &minutes) ||
        !bound_mark(text, ':') || !bound_digits(text, 2, &seconds))
        return false;
    if (bound_mark(text, '.')) {
        int64_t digit, unit = 100000;
        for (; bound_digits(text, 1, &digit); unit /= 10) micros += digit * unit;
    }
    *ret = ((hours * 60 + minutes) * 60 + seconds) * 1000000 + micros;
    return true;
}

static bool bound_timestamp(lh_str text, int64_t *ret) {
    int64_t days, micros;
    if (!bound_date(&text, &days) || !(bound_mark(&text, ' ') || bound_mark(&text, 'T')) || !bound_time(&text, &micros))
        return false;
    *ret = days * INT64_C(86400000000) + micros;
    return text.len == 0 || lh_str_eq(text, LH_STR("+00")) || lh_str_eq(text, LH_STR("Z"));
}

/* ---- numbers ---- */

/* Digits without the point are the unscaled value, which is written big-endian in as few bytes as hold it. */
static lh_str bound_decimal(lh_str text, lh_arena *arena) {
    char digits[24], bytes[8];
    size_t len = 0, from = 0;
    int64_t value;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '.') continue;
        if (len == sizeof digits) return LH_STR_NONE;
        digits[len++] = text.ptr[i];
    }
    if (lh_str_to_i64((lh_str){digits, len}, &value) != LH_OK) return LH_STR_NONE;
    uint64_t bits = bound_bits(value);
    for (size_t i = 0; i < 8; i++) bytes[i] = (char)(unsigned char)(bits >> (56 - 8 * i));
    char fill = value < 0 ? (char)(unsigned char)0xFF : 0;
    while (from < 7 && bytes[from] == fill && ((bytes[from + 1] ^ fill) & 0x80) == 0) from++;
    return lh_arena_dup(arena, (lh_str){bytes + from, 8 - from});
}

static lh_str bound_real(lh_str text, bool single, bool upper, lh_arena *arena) {
    lh_json *number = NULL;
    if (lh_json_parse(arena, text, &number, NULL) != LH_OK) return LH_STR_NONE; /* inf, nan */
    double value = lh_json_real(number, (double)NAN);
    if (!isfinite(value)) return LH_STR_NONE;
    if (value == 0) value = upper ? 0.0 : -0.0;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (!single) return bound_little(bits, 8, arena);
    float narrow = (float)value;
    uint32_t half;
    memcpy(&half, &narrow, sizeof half);
    return bound_little(half, 4, arena);
}

/* ---- text ---- */

static size_t bound_cut(lh_str text) {
    size_t at = 0;
    for (int characters = 0; at < text.len && characters < BOUND_TEXT_CHARACTERS; characters++) do
            at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80);
    return at;
}

static lh_str bound_text(lh_str text, bool upper, lh_arena *arena) {
    char bytes[4 * BOUND_TEXT_CHARACTERS];
    if (!lh_str_is_utf8(text)) return LH_STR_NONE;
    if (text.len <= BOUND_TEXT_BYTES) return lh_arena_dup(arena, text);
    size_t len = bound_cut(text);
    if (!upper) return lh_arena_dup(arena, lh_str_sub(text, 0, len));
    memcpy(bytes, text.ptr, len);
    for (; len > 0; len--) /* ASCII only: what is left off may be anything */
        if ((unsigned char)bytes[len - 1] < 0x7F) {
            bytes[len - 1]++;
            return lh_arena_dup(arena, (lh_str){bytes, len});
        }
    return LH_STR_NONE;
}

lh_str bound_encode(lh_str type, lh_str text, bool upper, lh_arena *arena) {
    int64_t number = 0;
    bool is_int = lh_str_eq(type, LH_STR("int")), is_date = lh_str_eq(type, LH_STR("date"));
    if (is_int || lh_str_eq(type, LH_STR("long")))
        return lh_str_to_i64(text, &number) == LH_OK ? bound_little(bound_bits(number), is_int ? 4 : 8, arena)
                                                     : LH_STR_NONE;
    if (is_date)
        return bound_date(&text, &number) && text.len == 0 ? bound_little(bound_bits(number), 4, arena) : LH_STR_NONE;
    if (lh_str_eq(type, LH_STR("timestamp")) || lh_str_eq(type, LH_STR("timestamptz")))
        return bound_timestamp(text, &number) ? bound_little(bound_bits(number), 8, arena) : LH_STR_NONE;
    if (lh_str_eq(type, LH_STR("boolean")))
        return lh_arena_dup(arena, lh_str_eq(text, LH_STR("true")) ? (lh_str){"\1", 1} : (lh_str){"\0", 1});
    if (lh_str_starts(type, LH_STR("decimal("))) return bound_decimal(text, arena);
    if (lh_str_eq(type, LH_STR("float")) || lh_str_eq(type, LH_STR("double")))
        return bound_real(text, lh_str_eq(type, LH_STR("float")), upper, arena);
    return lh_str_eq(type, LH_STR("string")) ? bound_text(text, upper, arena) : LH_STR_NONE;
}
