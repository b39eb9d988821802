/* How much two column names look like names of one thing.
 *
 * Both are cut into words (snake, camel, kebab case; letters from digits). Words match when they are the same, mean the
 * same ("qty", "quantity"), one begins the other, or few letters differ; words that stand in most tables ("id", "date")
 * count half. Beside it stands the edit distance of the names without separators. Two names that differ in a pair of
 * opposites ("start", "end"), or in a number, are likelier two things than one. */
#include "ingest/evolve_internal.h"

enum { NAMES_BYTES = 256 };

/* Words of one row mean the same. */
static const char *const names_same[][6] = {
    {"num", "number", "no", "nr"},
    {"qty", "quantity"},
    {"amt", "amount"},
    {"addr", "address"},
    {"tel", "phone", "telephone", "fon"},
    {"mail", "email"},
    {"desc", "description", "descr"},
    {"cust", "customer", "client"},
    {"org", "organisation", "organization", "company"},
    {"first", "given", "fore"},
    {"last", "family", "sur", "surname"},
    {"zip", "postcode", "postal", "plz"},
    {"created", "creation", "inserted"},
    {"updated", "modified", "changed"},
    {"dt", "date", "day"},
    {"ts", "timestamp", "time"},
    {"cnt", "count"},
    {"avg", "average", "mean"},
    {"cat", "category"},
    {"dept", "department"},
    {"emp", "employee"},
    {"acct", "account"},
    {"txn", "transaction", "trx"},
    {"usr", "user"},
    {"pct", "percent", "percentage"},
    {"prod", "product"},
    {"loc", "location"},
    {"lat", "latitude"},
    {"lon", "longitude", "lng"},
    {"temp", "temperature"},
    {"sal", "salary", "pay"},
    {"mgr", "manager"},
    {"yr", "year"},
    {"mon", "month"},
    {"ref", "reference"},
    {"val", "value"},
    {"img", "image", "picture"},
    {"msg", "message"},
    {"dob", "birthday", "birthdate"},
    {"sex", "gender"},
    {"uuid", "guid"},
    {"currency", "ccy"},
};

static const char *const names_opposite[][2] = {
    {"first", "last"},      {"start", "end"},
    {"begin", "end"},       {"created", "updated"},
    {"min", "max"},         {"from", "to"},
    {"in", "out"},          {"old", "new"},
    {"source", "target"},   {"billing", "shipping"},
    {"home", "work"},       {"src", "dst"},
    {"left", "right"},      {"open", "close"},
    {"debit", "credit"},    {"buy", "sell"},
    {"sender", "receiver"}, {"before", "after"},
    {"gross", "net"},       {"city", "state"},
    {"arr", "dep"},         {"arrival", "departure"},
    {"origin", "dest"},     {"lat", "lon"},
    {"year", "month"},      {"buyer", "seller"},
    {"hour", "minute"},     {"height", "width"},
    {"given", "family"},    {"latitude", "longitude"},
};

static const char *const names_common[] = {"id",     "at",   "date", "name", "is",  "the",  "of",
                                           "value",  "code", "type", "time", "key", "text", "flag",
                                           "number", "no",   "num",  "line", "has", "by"};

static bool names_is(lh_str word, const char *text) { /* asked millions of times of wide tables, hardly ever true */
    return word.len && word.ptr[0] == text[0] && lh_str_eq(word, lh_str_from(text));
}

static bool names_is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool names_is_lower(char c) { return (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80; }

/* Does a word begin at `at`, whose left neighbour belongs to one too? */
static bool names_breaks(lh_str name, size_t at) {
    char before = name.ptr[at - 1], c = name.ptr[at], after = at + 1 < name.len ? name.ptr[at + 1] : '\0';
    if (lh_is_digit(c) != lh_is_digit(before)) return true;
    if (names_is_upper(c) && names_is_lower(before)) return true;
    return names_is_upper(c) && names_is_upper(before) && names_is_lower(after) && (unsigned char)after < 0x80;
}

size_t evolve_name_words(lh_str name, char *text, lh_str *words) {
    size_t count = 0, used = 0, from = 0;
    bool inside = false;
    for (size_t i = 0; i <= name.len; i++) {
        char c = i < name.len ? name.ptr[i] : ' ';
        bool letter = lh_is_digit(c) || names_is_upper(c) || names_is_lower(c);
        if (inside && (!letter || names_breaks(name, i))) {
            if (count < EVOLVE_WORDS) words[count++] = (lh_str){text + from, used - from};
            inside = false;
        }
        if (!letter) continue;
        if (!inside) from = used, inside = true;
        text[used++] = names_is_upper(c) ? (char)(c + ('a' - 'A')) : c;
    }
    return count;
}

bool evolve_name_has_word(lh_str name, const char *const *list, size_t count) {
    char text[NAMES_BYTES];
    lh_str words[EVOLVE_WORDS];
    size_t had = evolve_name_words(lh_str_sub(name, 0, sizeof text), text, words);
    for (size_t i = 0; i < had; i++)
        for (size_t j = 0; j < count; j++)
            if (names_is(words[i], list[j])) return true;
    return false;
}

static bool names_mean_the_same(lh_str a, lh_str b) {
    for (size_t i = 0; i < sizeof names_same / sizeof *names_same; i++) {
        bool has_a = false, has_b = false;
        for (size_t j = 0; j < 6 && names_same[i][j]; j++) {
            has_a |= names_is(a, names_same[i][j]);
            has_b |= names_is(b, names_same[i][j]);
        }
        if (has_a && has_b) return true;
    }
    return false;
}

static double names_edit(lh_str a, lh_str b) {
    size_t longer = a.len > b.len ? a.len : b.len;
    if (longer == 0 || longer > 64) return lh_str_eq(a, b) ? 1 : 0; /* lh_str_distance() sees 64 bytes */
    return 1 - (double)lh_str_distance(a, b) / (double)longer;
}

static double names_word_match(lh_str a, lh_str b) {
    lh_str shorter = a.len < b.len ? a : b, longer = a.len < b.len ? b : a;
    if (lh_str_eq(a, b)) return 1;
    if (lh_is_digit(a.ptr[0]) || lh_is_digit(b.ptr[0])) return 0;
    if (names_mean_the_same(a, b)) return 0.9;
    if (longer.len == shorter.len + 1 && lh_str_starts(longer, shorter) && longer.ptr[longer.len - 1] == 's')
        return 0.95;
    if (shorter.len >= 3 && lh_str_starts(longer, shorter)) return 0.8;
    double edit = names_edit(a, b);
    return shorter.len >= 4 && edit >= 0.75 ? edit * 0.9 : 0;
}

static double names_weight(lh_str word) {
    for (size_t i = 0; i < sizeof names_common / sizeof *names_common; i++)
        if (names_is(word, names_common[i])) return 0.5;
    return 1;
}

/* Do two words that are left without a partner tell the names apart? */
static bool names_oppose(lh_str a, lh_str b) {
    if (lh_is_digit(a.ptr[0]) && lh_is_digit(b.ptr[0])) return true;
    for (size_t i = 0; i < sizeof names_opposite / sizeof *names_opposite; i++)
        if ((names_is(a, names_opposite[i][0]) && names_is(b, names_opposite[i][1])) ||
            (names_is(a, names_opposite[i][1]) && names_is(b, names_opposite[i][0])))
            return true;
    return false;
}

typedef struct names_words {
    char text[NAMES_BYTES];
    lh_str items[EVOLVE_WORDS];
    size_t count;
    bool taken[EVOLVE_WORDS];
} names_words;

static void names_cut(lh_str name, names_words *into) {
    memset(into->taken, 0, sizeof into->taken);
    into->count = evolve_name_words(lh_str_sub(name, 0, sizeof into->text), into->text, into->items);
}

/* Pairs the words, best first; Dice's coefficient of their weights. */
static double names_words_score(names_words *a, names_words *b) {
    double matched = 0, all = 0;
    for (size_t i = 0; i < a->count; i++) all += names_weight(a->items[i]);
    for (size_t i = 0; i < b->count; i++) all += names_weight(b->items[i]);
    for (;;) {
        double best = 0;
        size_t left = 0, right = 0;
        for (size_t i = 0; i < a->count; i++)
            for (size_t j = 0; j < b->count && !a->taken[i]; j++) {
                double match = b->taken[j] ? 0 : names_word_match(a->items[i], b->items[j]);
                if (match > best) best = match, left = i, right = j;
            }
        if (best <= 0) break;
        a->taken[left] = b->taken[right] = true;
        matched += best * (names_weight(a->items[left]) + names_weight(b->items[right]));
    }
    return all > 0 ? matched / all : 0;
}

/* "dob" of "date_of_birth". */
static bool names_is_initials(const names_words *word, const names_words *words) {
    if (word->count != 1 || words->count < 3 || word->items[0].len != words->count) return false;
    for (size_t i = 0; i < words->count; i++)
        if (word->items[0].ptr[i] != words->items[i].ptr[0]) return false;
    return true;
}

static lh_str names_joined(const names_words *words) {
    if (words->count == 0) return LH_STR_NONE;
    const lh_str last = words->items[words->count - 1];
    return (lh_str){words->text, (size_t)(last.ptr - words->text) + last.len};
}

double evolve_name_similarity(lh_str a, lh_str b, const char **ret_reason) {
    names_words left = {0}, right = {0};
    names_cut(a, &left);
    names_cut(b, &right);
    double words = names_words_score(&left, &right), edit = names_edit(names_joined(&left), names_joined(&right));
    double best = words;
    const char *reason = words > 0 ? "the names share words" : "";
    if (words >= 0.999) reason = "the names have the same words";
    if (edit >= 0.999 && words < 0.999) best = 1, reason = "only case and separators of the names differ";
    else if (edit >= 0.7 && edit * 0.95 > best) best = edit * 0.95, reason = "few letters of the names differ";
    else if (best < 0.3 && edit * 0.5 > best) best = edit * 0.5;
    if (names_is_initials(&left, &right) || names_is_initials(&right, &left))
        best = best > 0.9 ? best : 0.9, reason = "one name has the initials of the other";
    for (size_t i = 0; i < left.count; i++)
        for (size_t j = 0; j < right.count; j++)
            if (!left.taken[i] && !right.taken[j] && names_oppose(left.items[i], right.items[j])) {
                best *= 0.35;
                reason = "the names differ in opposites or in a number";
                i = left.count - 1;
                break;
            }
    if (ret_reason) *ret_reason = reason;
    return best;
}
