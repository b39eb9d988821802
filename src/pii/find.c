/* Personal data within a text, by form alone: what has a check digit, or separators that only such data have. Numbers without
 * either are not found, as a text is full of them. One pass; at each beginning of a word the forms are tried. */
#include "pii/pii_internal.h"

static bool find_word_char(char c) { return pii_letter(c) || pii_digit(c); }

static size_t find_end(lh_str text, size_t at, const char *more, size_t more_len) {
    while (at < text.len && (find_word_char(text.ptr[at]) || memchr(more, text.ptr[at], more_len))) at++;
    return at;
}

/* An address around the '@' at `at`; `from`: where the search began. */
static bool find_email(lh_str text, size_t from, size_t at, size_t *ret_at, size_t *ret_len) {
    size_t begin = at, end = find_end(text, at + 1, ".-", 2);
    while (begin > from && at - begin < 64 &&
           (find_word_char(text.ptr[begin - 1]) || memchr("._%+-", text.ptr[begin - 1], 5)))
        begin--;
    while (begin < at && memchr("._-%+", text.ptr[begin], 5)) begin++;
    while (end > at && (text.ptr[end - 1] == '.' || text.ptr[end - 1] == '-')) end--;
    if (!pii_email(lh_str_sub(text, begin, end - begin))) return false;
    *ret_at = begin;
    *ret_len = end - begin;
    return true;
}

typedef struct find_run { /* digits with single separators between them */
    size_t end, digits, groups;
    char digit[20], pattern[24]; /* lengths of the groups as digits, separators between them: "3-2-4" */
    size_t pattern_len;
} find_run;

static void find_run_of(lh_str text, size_t at, find_run *run) {
    size_t group = 0;
    *run = (find_run){.end = at};
    for (size_t i = at; i < text.len; i++) {
        char c = text.ptr[i];
        if (pii_digit(c)) {
            if (run->digits == sizeof run->digit || run->pattern_len + 2 >= sizeof run->pattern) break;
            run->digit[run->digits++] = c;
            group++;
            run->end = i + 1;
            continue;
        }
        bool joins = memchr(" -.()/", c, 6) && i + 1 < text.len;
        bool goes_on = joins && (pii_digit(text.ptr[i + 1]) || text.ptr[i + 1] == '(' || c == ')' || c == '(');
        if (!goes_on) break;
        if (group) run->pattern[run->pattern_len++] = (char)('0' + (group > 9 ? 9 : group)), run->groups++;
        if (run->pattern_len + 2 >= sizeof run->pattern) break;
        run->pattern[run->pattern_len++] = c;
        group = 0;
    }
    if (group && run->pattern_len < sizeof run->pattern)
        run->pattern[run->pattern_len++] = (char)('0' + (group > 9 ? 9 : group)), run->groups++;
}

static bool find_is(const find_run *run, const char *pattern) {
    return lh_str_eq((lh_str){run->pattern, run->pattern_len}, lh_str_from(pattern));
}

static bool find_french(const find_run *run) { /* 06 12 34 56 78 */
    return run->digits == 10 && run->digit[0] == '0' && run->digit[1] != '0' &&
           (find_is(run, "2 2 2 2 2") || find_is(run, "2.2.2.2.2") || find_is(run, "2-2-2-2-2"));
}

static lh_pii_kind find_digits(lh_str text, size_t at, const find_run *run) {
    const lh_str digits = {run->digit, run->digits};
    bool plus = at > 0 && text.ptr[at - 1] == '+', open = at > 0 && text.ptr[at - 1] == '(';
    if (plus) return pii_country_code(digits) ? LH_PII_PHONE : LH_PII_NONE;
    bool grouped = run->groups == 1 || find_is(run, "4 4 4 4") || find_is(run, "4-4-4-4") || find_is(run, "4 6 5") ||
                   find_is(run, "4-6-5");
    if (grouped && run->digits >= 13 && pii_card(digits)) return LH_PII_CARD;
    if ((find_is(run, "3-2-4") || find_is(run, "3 2 4")) && pii_ssn(digits)) return LH_PII_SSN;
    bool north = find_is(run, "3-3-4") || find_is(run, "3.3.4") || find_is(run, "1-3-3-4") ||
                 find_is(run, "1 (3) 3-4") ||
                 (open && (find_is(run, "3) 3-4") || find_is(run, "3)3-4") || find_is(run, "3) 3 4")));
    if (north && pii_nanp(digits)) return LH_PII_PHONE;
    return find_french(run) ? LH_PII_PHONE : LH_PII_NONE;
}

/* At the first of a run of digits. */
static lh_pii_kind find_number(lh_str text, size_t at, size_t *ret_at, size_t *ret_len, size_t *ret_next) {
    find_run run;
    unsigned first;
    size_t word = find_end(text, at, ".", 1);
    while (word > at && text.ptr[word - 1] == '.') word--;
    if (word - at >= 7 && word - at <= 15 && pii_ip4(lh_str_sub(text, at, word - at), &first)) {
        *ret_at = at;
        *ret_len = word - at;
        return LH_PII_IP;
    }
    find_run_of(text, at, &run);
    *ret_next = run.end;
    bool bounded = run.end >= text.len || !find_word_char(text.ptr[run.end]);
    lh_pii_kind kind = bounded ? find_digits(text, at, &run) : LH_PII_NONE;
    size_t lead = kind == LH_PII_PHONE && at > 0 && (text.ptr[at - 1] == '+' || text.ptr[at - 1] == '(');
    *ret_at = at - lead;
    *ret_len = run.end - at + lead;
    return kind;
}

/* At the first letter of a word: an IBAN, maybe in groups of four. */
static bool find_iban(lh_str text, size_t at, size_t *ret_len) {
    size_t end = at;
    if (at + 15 > text.len || !pii_digit(text.ptr[at + 2]) || !pii_digit(text.ptr[at + 3])) return false;
    while (end < text.len && end - at < 42) {
        size_t stop = find_end(text, end, "", 0);
        if (stop == end) break;
        if (pii_iban(lh_str_sub(text, at, stop - at))) return *ret_len = stop - at, true;
        if (stop - end != 4 && end == at) break;
        end = stop < text.len && text.ptr[stop] == ' ' ? stop + 1 : text.len;
    }
    return false;
}

lh_pii_kind lh_pii_find(lh_str text, size_t from, size_t *ret_at, size_t *ret_len) {
    for (size_t i = from; i < text.len;) {
        char c = text.ptr[i];
        size_t next = i + 1;
        bool inside = i > 0 && find_word_char(text.ptr[i - 1]);
        if (c == '@' && find_email(text, from, i, ret_at, ret_len)) return LH_PII_EMAIL;
        if (!inside && pii_digit(c)) {
            bool joined = i > 1 && memchr(".-/", text.ptr[i - 1], 3) && find_word_char(text.ptr[i - 2]);
            lh_pii_kind kind = joined ? LH_PII_NONE : find_number(text, i, ret_at, ret_len, &next);
            if (kind != LH_PII_NONE) return kind;
            if (lh_str_find(lh_str_sub(text, i, next - i), '@') < next - i) next = i + 1;
        } else if (!inside && (pii_upper(c) || pii_lower(c)) && find_iban(text, i, ret_len)) {
            *ret_at = i;
            return LH_PII_IBAN;
        }
        i = next;
    }
    return LH_PII_NONE;
}
