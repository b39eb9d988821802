/* Words of time: today, last week, in March 2026, since 2024-01-01, between two of them, on Mondays. All in UTC. */
#include "ask/ask_internal.h"

int64_t ask_day(int year, int month, int day) { /* the days from civil, by eras of 400 years */
    int64_t y = month <= 2 ? year - 1 : year, era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void ask_civil(int64_t day, int *ret_year, int *ret_month, int *ret_day) {
    day += 719468;
    int64_t era = (day >= 0 ? day : day - 146096) / 146097, of_era = day - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
    *ret_day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *ret_month = (int)(m < 10 ? m + 3 : m - 9);
    *ret_year = (int)(year + era * 400 + (*ret_month <= 2));
}

typedef enum when_unit { WHEN_DAY, WHEN_WEEK, WHEN_MONTH, WHEN_QUARTER, WHEN_YEAR, WHEN_NO_UNIT } when_unit;

static when_unit when_unit_of(const ask_token *token) {
    static const char *const units[] = {"day", "week", "month", "quarter", "year"};
    for (int i = 0; i < WHEN_NO_UNIT; i++)
        if (token->kind == ASK_WORD && lh_str_eq(token->one, lh_str_from(units[i]))) return (when_unit)i;
    return WHEN_NO_UNIT;
}

/* 1 to 12; 0: none. Short forms are of three or four letters; "may" is another word, too, and must be written large. */
static int when_month(const ask_token *token) {
    static const char *const months[] = {"january", "february", "march",     "april",   "may",      "june",
                                         "july",    "august",   "september", "october", "november", "december"};
    if (token->kind != ASK_WORD) return 0;
    for (int i = 0; i < 12; i++) {
        lh_str full = lh_str_from(months[i]);
        if (lh_str_eq(token->word, full)) return i != 4 || token->capital ? i + 1 : 0;
        if ((token->word.len == 3 || lh_str_eq(token->word, LH_STR("sept"))) && lh_str_starts(full, token->word))
            return i != 4 || token->capital ? i + 1 : 0;
    }
    return 0;
}

static int when_weekday(const ask_token *token) {
    static const char *const days[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    for (int i = 0; i < 7; i++)
        if (token->kind == ASK_WORD && lh_str_eq(token->one, lh_str_from(days[i]))) return i + 1;
    return 0;
}

static int when_year(const ask_token *token) {
    bool good = token->kind == ASK_NUMERAL && !token->grouped && !token->percent && token->raw.len == 4 &&
                token->number >= 1800 && token->number <= 2200;
    return good ? (int)token->number : 0;
}

/* 1 to 31, of 5, 5th; 0: none. */
static int when_day_of_month(const ask_token *token) {
    uint64_t n = 0;
    lh_str text = token->word;
    if (token->kind == ASK_WORD && text.len >= 3 && text.len <= 4 &&
        ask_in(lh_str_sub(text, text.len - 2, 2), "st nd rd th"))
        text = lh_str_sub(text, 0, text.len - 2);
    else if (token->kind != ASK_NUMERAL || token->grouped) return 0;
    return lh_str_to_u64(text, &n) == LH_OK && n >= 1 && n <= 31 ? (int)n : 0;
}

/* "may" is a month behind a preposition, before a year, or beside another month. */
static int when_month_at(const ask_token *t, size_t count, size_t at) {
    bool may = t[at].kind == ASK_WORD && ask_is(&t[at], "may"), before = at && t[at - 1].kind == ASK_WORD;
    if (may && at + 1 < count && when_year(&t[at + 1])) return 5;
    if (may && before && ask_in(t[at - 1].word, "in during since before after until till from last between")) return 5;
    if (may && before && at > 1 && ask_in(t[at - 1].word, "vs versus or and to") && when_month(&t[at - 2])) return 5;
    return when_month(&t[at]);
}

static void when_set(ask_when *ret, int64_t from, int64_t to) {
    int y, m, d, y2, m2, d2;
    ask_civil(from, &y, &m, &d);
    ask_civil(to, &y2, &m2, &d2);
    *ret = (ask_when){.kind = ASK_RANGE,
                      .has_from = true,
                      .has_to = true,
                      .from = from,
                      .to = to,
                      .whole_years = m == 1 && d == 1 && m2 == 1 && d2 == 1};
}

static void when_months(ask_when *ret, int year, int month, int count) {
    int first = year * 12 + month - 1, last = first + count;
    when_set(ret, ask_day(first / 12, first % 12 + 1, 1), ask_day(last / 12, last % 12 + 1, 1));
}

void ask_month(ask_when *ret, int year, int month) { when_months(ret, year, month, 1); }

/* `steps` units from the one that holds today, `count` of them. */
static void when_units(ask_when *ret, when_unit unit, int64_t today, int steps, int count) {
    int y, m, d;
    ask_civil(today, &y, &m, &d);
    int64_t monday = today - (today % 7 + 10) % 7; /* 1970-01-01 was a Thursday */
    if (unit == WHEN_DAY) when_set(ret, today + steps, today + steps + count);
    else if (unit == WHEN_WEEK) when_set(ret, monday + 7 * (int64_t)steps, monday + 7 * ((int64_t)steps + count));
    else {
        int months = unit == WHEN_MONTH ? 1 : unit == WHEN_QUARTER ? 3 : 12, start = y * 12 + (m - 1) / months * months;
        start += months * steps;
        when_months(ret, start / 12, start % 12 + 1, months * count);
    }
}

/* The last N units up to today, today included; the next N from tomorrow on. */
static void when_span(ask_when *ret, when_unit unit, int64_t today, int count, bool ahead) {
    int y, m, d;
    ask_civil(today, &y, &m, &d);
    int days = unit == WHEN_DAY ? count : unit == WHEN_WEEK ? 7 * count : 0;
    if (days) {
        if (ahead) when_set(ret, today + 1, today + 1 + days);
        else when_set(ret, today - days + 1, today + 1);
        return;
    }
    int months = count * (unit == WHEN_MONTH     ? 1
                          : unit == WHEN_QUARTER ? 3
                                                 : 12),
        at = y * 12 + m - 1 + (ahead ? months : -months);
    int64_t other = ask_day(at / 12, at % 12 + 1, d > 28 ? 28 : d);
    if (ahead) when_set(ret, today + 1, other + 1);
    else when_set(ret, other + 1, today + 1);
}

static int when_ordinal(const ask_token *token) {
    static const char *const words[] = {"first", "second", "third", "fourth"};
    for (int i = 0; i < 4; i++)
        if (lh_str_eq(token->word, lh_str_from(words[i]))) return i + 1;
    int n = token->kind == ASK_WORD ? when_day_of_month(token) : 0;
    return n <= 4 ? n : 0;
}

static int when_count(const ask_token *token) {
    bool is = false;
    double number = ask_word_number(token, &is);
    return is && number >= 1 && number <= 10000 ? (int)number : 0;
}

static bool when_valid(int year, int month, int day) {
    int y, m, d;
    ask_civil(ask_day(year, month, day), &y, &m, &d);
    return m == month && d == day;
}

bool ask_date_read(lh_str text, int64_t *ret) {
    uint64_t y = 0, m = 0, d = 1;
    bool good = text.len >= 7 && text.ptr[4] == '-' && lh_str_to_u64(lh_str_sub(text, 0, 4), &y) == LH_OK &&
                lh_str_to_u64(lh_str_sub(text, 5, 2), &m) == LH_OK;
    if (text.len > 7)
        good = good && text.len >= 10 && text.ptr[7] == '-' && lh_str_to_u64(lh_str_sub(text, 8, 2), &d) == LH_OK;
    if (!good || y < 1 || m < 1 || m > 12 || d < 1 || !when_valid((int)y, (int)m, (int)d)) return false;
    *ret = ask_day((int)y, (int)m, (int)d);
    return true;
}

static size_t when_iso(const ask_token *token, ask_when *ret) {
    int64_t day;
    int y, m, d;
    if (!ask_date_read(token->raw, &day)) return 0;
    ask_civil(day, &y, &m, &d);
    if (token->raw.len == 7) when_months(ret, y, m, 1);
    else when_set(ret, day, day + 1);
    return 1;
}

/* March, March 2026, March 5, March 5 2026, 5 March 2026. */
static size_t when_of_month(const ask_token *t, size_t count, size_t at, int64_t today, ask_when *ret) {
    int day = when_day_of_month(&t[at]);
    size_t n = 0;
    if (day && at + 1 < count && t[at + 1].kind == ASK_WORD && ask_is(&t[at + 1], "of")) n++;
    int month = when_month_at(t, count, at + (day ? n + 1 : 0) < count ? at + (day ? n + 1 : 0) : at);
    if (day && (at + n + 1 >= count || !month)) return 0;
    if (!month) return 0;
    n = day ? n + 2 : 1;
    int now_year, now_month, now_day;
    ask_civil(today, &now_year, &now_month, &now_day);
    if (!day && at + n < count && (t[at + n].kind == ASK_WORD || !when_year(&t[at + n])) &&
        when_day_of_month(&t[at + n]))
        day = when_day_of_month(&t[at + n]), n++;
    size_t skip = at + n < count && (t[at + n].kind == ASK_STOP || ask_is(&t[at + n], "of")) ? 1 : 0;
    int year = at + n + skip < count ? when_year(&t[at + n + skip]) : 0;
    if (year) n += skip + 1;
    if (day) {
        bool said = year != 0;
        if (!year) year = month > now_month || (month == now_month && day > now_day) ? now_year - 1 : now_year;
        if (!when_valid(year, month, day)) return 0;
        when_set(ret, ask_day(year, month, day), ask_day(year, month, day) + 1);
        ret->no_year = !said;
    } else if (year) when_months(ret, year, month, 1);
    else *ret = (ask_when){.kind = ASK_MONTH_OF_YEAR, .first = month, .last = month};
    return n;
}

/* Christmas Day 2013, New Year's Eve. */
static size_t when_feast(const ask_token *t, size_t count, size_t at, int64_t today, ask_when *ret) {
    static const struct {
        const char *words;
        int month, day;
    } feasts[] = {{"new year day", 1, 1}, {"valentine day", 2, 14},  {"independence day", 7, 4},
                  {"halloween", 10, 31},  {"christmas eve", 12, 24}, {"christmas day", 12, 25},
                  {"christmas", 12, 25},  {"boxing day", 12, 26},    {"new year eve", 12, 31}};
    int y, m, d;
    ask_civil(today, &y, &m, &d);
    for (size_t i = 0; i < sizeof feasts / sizeof *feasts; i++) {
        size_t n = 0;
        lh_str rest = lh_str_from(feasts[i].words);
        while (rest.len && at + n < count && t[at + n].kind == ASK_WORD) {
            lh_str word = lh_str_split(&rest, ' ');
            const ask_token *said = &t[at + n++];
            if (!lh_str_eq(said->one, word) && !lh_str_eq(said->word, word)) rest = LH_STR("-"), n = count;
        }
        if (rest.len) continue;
        size_t skip = at + n < count && (t[at + n].kind == ASK_STOP || ask_is(&t[at + n], "of")) ? 1 : 0;
        int year = at + n + skip < count ? when_year(&t[at + n + skip]) : 0;
        bool ahead = feasts[i].month > m || (feasts[i].month == m && feasts[i].day > d);
        int64_t day = ask_day(year ? year : ahead ? y - 1 : y, feasts[i].month, feasts[i].day);
        when_set(ret, day, day + 1);
        ret->no_year = !year;
        return n + (year ? skip + 1 : 0);
    }
    return 0;
}

/* Q1, first quarter, second half; of a year, or of any as a month is. */
static size_t when_quarter(const ask_token *t, size_t count, size_t at, int64_t today, ask_when *ret) {
    int year, month, day, n = 0, length = 3;
    size_t used = 1;
    ask_civil(today, &year, &month, &day);
    if (t[at].word.len == 2 && t[at].word.ptr[0] == 'q' && t[at].word.ptr[1] >= '1' && t[at].word.ptr[1] <= '4')
        n = t[at].word.ptr[1] - '0';
    else if (at + 1 < count && when_ordinal(&t[at]) && ask_in(t[at + 1].word, "quarter half")) {
        n = when_ordinal(&t[at]);
        if (ask_is(&t[at + 1], "half")) length = 6;
        used = 2;
    }
    if (!n || n * length > 12) return 0;
    size_t next = at + used;
    while (next < count && t[next].kind == ASK_WORD && ask_in(t[next].word, "of in")) next++;
    bool said = next < count && when_year(&t[next]);
    if (said) year = when_year(&t[next]), used = next + 1 - at;
    else if (next + 1 < count && ask_in(t[next].word, "last this next") && when_unit_of(&t[next + 1]) == WHEN_YEAR)
        year += ask_is(&t[next], "last") ? -1 : ask_is(&t[next], "next") ? 1 : 0, used = next + 2 - at, said = true;
    if (said) when_months(ret, year, 1 + (n - 1) * length, length);
    else *ret = (ask_when){.kind = ASK_MONTH_OF_YEAR, .first = 1 + (n - 1) * length, .last = n * length};
    return used;
}

/* Without a preposition. */
static size_t when_bare(const ask_token *t, size_t count, size_t at, int64_t today, ask_when *ret) {
    if (at >= count) return 0;
    const ask_token *a = &t[at], *b = at + 1 < count ? &t[at + 1] : NULL, *c = at + 2 < count ? &t[at + 2] : NULL;
    size_t n;
    if (a->kind == ASK_ISO_DATE) return when_iso(a, ret);
    if (a->kind == ASK_WORD && ask_in(a->word, "today tonight yesterday tomorrow"))
        return when_units(ret, WHEN_DAY, today,
                          ask_in(a->word, "today tonight") ? 0
                          : ask_is(a, "tomorrow")          ? 1
                                                           : -1,
                          1),
               1;
    if ((n = when_quarter(t, count, at, today, ret))) return n;
    if ((n = when_of_month(t, count, at, today, ret)) || (n = when_feast(t, count, at, today, ret))) return n;
    if (a->kind == ASK_WORD && b && ask_in(a->word, "this last past previous next current")) {
        bool ahead = ask_is(a, "next"), now = ask_in(a->word, "this current");
        if (when_unit_of(b) != WHEN_NO_UNIT && !b->plural)
            return when_units(ret, when_unit_of(b), today, now ? 0 : ahead ? 1 : -1, 1), 2;
        if (c && !now && when_count(b) && when_unit_of(c) != WHEN_NO_UNIT)
            return when_span(ret, when_unit_of(c), today, when_count(b), ahead), 3;
        int month = when_month_at(t, count, at + 1);
        if (month && !now && !ahead) {
            int y, m, d;
            ask_civil(today, &y, &m, &d);
            return when_months(ret, month < m ? y : y - 1, month, 1), 2;
        }
    }
    if (b && c && when_count(a) && when_count(a) <= 2000 && when_unit_of(b) != WHEN_NO_UNIT && ask_is(c, "ago")) {
        when_units(ret, when_unit_of(b), today, -when_count(a), 1);
        return 3;
    }
    if (a->kind == ASK_WORD && lh_str_eq(a->one, LH_STR("weekend")))
        return *ret = (ask_when){.kind = ASK_WEEKDAY, .first = 6, .last = 7}, 1;
    if (when_weekday(a))
        return *ret = (ask_when){.kind = ASK_WEEKDAY, .first = when_weekday(a), .last = when_weekday(a)}, 1;
    if (when_year(a)) {
        when_months(ret, when_year(a), 1, 12);
        ret->year_only = true;
        return 1;
    }
    return 0;
}

/* "the year 2024", "the month of March". */
static size_t when_skipping(const ask_token *t, size_t count, size_t at, int64_t today, ask_when *ret) {
    size_t i = at;
    while (i < count && i < at + 4 && t[i].kind == ASK_WORD &&
           (ask_in(t[i].word, "the of year month day date calendar"))) {
        size_t n = when_bare(t, count, i, today, ret);
        if (n) return i - at + n;
        i++;
    }
    size_t n = when_bare(t, count, i, today, ret);
    return n ? i - at + n : 0;
}

/* A and B make one range. A without its year has that of B. */
static bool when_join(ask_when *a, const ask_when *b, ask_when *ret) {
    if (a->kind == ASK_MONTH_OF_YEAR && b->kind == ASK_MONTH_OF_YEAR) {
        *ret = (ask_when){.kind = ASK_MONTH_OF_YEAR, .first = a->first, .last = b->last};
        return a->first <= b->last;
    }
    if (a->kind == ASK_MONTH_OF_YEAR && b->kind == ASK_RANGE) {
        int y, m, d;
        ask_civil(b->from, &y, &m, &d);
        when_months(a, y, a->first, 1);
    }
    if (a->no_year && b->kind == ASK_RANGE && !b->no_year) { /* June 1 and August 31 2013 */
        int y, y2, m, m2, d, d2;
        ask_civil(a->from, &y, &m, &d);
        ask_civil(b->from, &y2, &m2, &d2);
        int64_t from = ask_day(y2, m, d);
        when_set(a, from, from + 1);
    }
    if (a->kind == ASK_WEEKDAY && b->kind == ASK_WEEKDAY && a->first <= b->last) {
        *ret = (ask_when){.kind = ASK_WEEKDAY, .first = a->first, .last = b->last};
        return true;
    }
    if (a->kind != ASK_RANGE || b->kind != ASK_RANGE || b->to <= a->from) return false;
    when_set(ret, a->from, b->to);
    return true;
}

/* "since March": the last one that began. */
static void when_last_such(ask_when *when, int64_t today) {
    int y, m, d;
    ask_civil(today, &y, &m, &d);
    if (when->kind == ASK_MONTH_OF_YEAR)
        when_months(when, when->first <= m ? y : y - 1, when->first, when->last - when->first + 1);
}

/* That many units before today. */
static int64_t when_back(when_unit unit, int64_t today, int count) {
    int y, m, d;
    if (unit == WHEN_DAY || unit == WHEN_WEEK) return today - (int64_t)count * (unit == WHEN_WEEK ? 7 : 1);
    ask_civil(today, &y, &m, &d);
    int at = y * 12 + m - 1 - count * (unit == WHEN_MONTH ? 1 : unit == WHEN_QUARTER ? 3 : 12);
    while (!when_valid(at / 12, at % 12 + 1, d)) d--;
    return ask_day(at / 12, at % 12 + 1, d);
}

/* "more than 10 years ago", "less than two weeks ago"; "older than 30 days", of which no person is said. */
static size_t when_ago(const ask_token *t, size_t count, size_t at, int64_t today, bool span, ask_when *ret) {
    static const struct {
        const char *words;
        bool before, alone; /* alone: without "ago" */
    } rows[] = {{"more than", true, false}, {"over", true, false},        {"longer than", true, false},
                {"at least", true, false},  {"less than", false, false},  {"under", false, false},
                {"within", false, false},   {"fewer than", false, false}, {"older than", true, true},
                {"newer than", false, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = ask_words_at(t, count, at, rows[i].words), unit_at = at + n + 1;
        int many = n && at + n < count ? when_count(&t[at + n]) : 0;
        if (n && at + n < count && ask_in(t[at + n].word, "a an")) many = 1;
        when_unit unit = many && unit_at < count ? when_unit_of(&t[unit_at]) : WHEN_NO_UNIT;
        bool ago = unit_at + 1 < count && ask_is(&t[unit_at + 1], "ago");
        if (unit == WHEN_NO_UNIT || many > 2000 || (!ago && !span && (!rows[i].alone || unit == WHEN_YEAR))) continue;
        int64_t day = when_back(unit, today, many);
        *ret = rows[i].before ? (ask_when){.kind = ASK_RANGE, .has_to = true, .to = day}
                              : (ask_when){.kind = ASK_RANGE, .has_from = true, .from = day};
        return n + 2 + ago;
    }
    return 0;
}

size_t ask_when_span(const ask_token *t, size_t count, size_t at, int64_t today, ask_when *ret) {
    return when_ago(t, count, at, today, true, ret);
}

size_t ask_when_parse(const ask_token *t, size_t count, size_t at, int64_t today, ask_when *ret) {
    ask_when first, second, joined;
    size_t ago = when_ago(t, count, at, today, false, ret);
    if (ago) return ago;
    const ask_token *a = &t[at];
    bool prepositions =
        a->kind == ASK_WORD &&
        ask_in(a->word,
               "in on during for within over since after before until till through by from between at of throughout");
    size_t start = at + (prepositions ? 1 : 0), n = when_skipping(t, count, start, today, &first);
    if (!n) return 0;
    size_t end = start + n;
    bool between = ask_is(a, "between"), from = ask_is(a, "from");
    if (end + 1 < count && t[end].kind == ASK_WORD && ask_in(t[end].word, "and to until till through")) {
        bool open = ask_is(&t[end], "and") && !between; /* in 2023 and 2024 */
        size_t m = when_skipping(t, count, end + 1, today, &second);
        if (m && (!open || (first.kind == ASK_RANGE && second.kind == ASK_RANGE && first.to == second.from)) &&
            when_join(&first, &second, &joined))
            return *ret = joined, end + 1 + m - at;
    }
    if (between) return 0;
    if (ask_in(a->word, "by of over at") && first.year_only && ask_in(a->word, "by over at")) return 0; /* over 2000 */
    if (ask_in(a->word, "since after before until till")) when_last_such(&first, today);
    if (prepositions && first.kind == ASK_RANGE) {
        bool since = from || ask_is(a, "since"), after = ask_is(a, "after"), before = ask_is(a, "before"),
             until = ask_in(a->word, "until till through by");
        bool spans = first.to - first.from > 1;
        if (from && spans && !(end < count && ask_in(t[end].word, "on onward onwards")))
            since = false; /* from 2025: in it */
        if (since || after) first.has_to = false, first.from = after ? first.to : first.from;
        if (before || until) first.has_from = false, first.to = before ? first.from : first.to;
        if (since || after || before || until) {
            int y, m, d;
            ask_civil(first.has_from ? first.from : first.to, &y, &m, &d);
            first.whole_years = m == 1 && d == 1;
        }
    }
    *ret = first;
    return end - at;
}
