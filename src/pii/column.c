/* A column: values are counted by the forms that they have, then one verdict is made of the counts and of what the name says.
 *
 * Each kind has a share of values that have its form, and a least share, which is low when the name says so too, and high (or
 * impossible) when the form alone proves little. The confidence is the lower bound of the share's interval (Wilson), so that
 * few values give little, times what the form proves. The greatest confidence wins. */
#include "pii/pii_internal.h"

#include <math.h>

const char *lh_pii_kind_name(lh_pii_kind kind) {
    static const char *const names[LH_PII_KINDS] = {
        "none",       "email",         "phone",       "ssn",    "national_id",    "payment_card", "iban",
        "ip_address", "date_of_birth", "person_name", "salary", "postal_address", "medical",      "free_text"};
    return names[kind];
}

void lh_pii_begin(lh_pii_column *column, lh_str name, lh_pii_type type) {
    *column = (lh_pii_column){.type = type};
    pii_name_read(column, name);
}

static bool column_says(const lh_pii_column *column, lh_pii_kind kind) { return column->says >> kind & 1; }
static bool column_perhaps(const lh_pii_column *column, lh_pii_kind kind) { return column->perhaps >> kind & 1; }

/* ---- one value ---- */

static bool value_email(lh_str text) {
    if (lh_str_starts(text, LH_STR("mailto:"))) text = lh_str_sub(text, 7, SIZE_MAX);
    if (text.len && text.ptr[text.len - 1] == '>') { /* Ann Lee <ann@example.org> */
        size_t open = lh_str_find(text, '<');
        text = lh_str_sub(text, open + 1, text.len - open - 2);
    }
    bool any = false;
    while (text.len) {
        size_t comma = lh_str_find(text, ','), semicolon = lh_str_find(text, ';');
        size_t end = comma < semicolon ? comma : semicolon;
        if (!pii_email(lh_str_trim(lh_str_sub(text, 0, end)))) return false;
        any = true;
        text = lh_str_sub(text, end + 1, SIZE_MAX);
    }
    return any;
}

static void value_ip(lh_pii_column *column, const pii_shape *s) {
    unsigned first = 0;
    lh_str text = s->text;
    if (s->colons >= 2) {
        column->ip6 += pii_ip6(text);
        return;
    }
    lh_str head = lh_str_trim(lh_str_sub(text, 0, lh_str_find(text, ',')));
    size_t end = 0;
    while (end < head.len && head.ptr[end] != ':' && head.ptr[end] != '/') end++;
    if (!pii_ip4(lh_str_sub(head, 0, end), &first)) return;
    column->ip4++;
    column->ip4_wide += first >= 32;
}

static lh_str shape_compact(const pii_shape *s) {
    return (lh_str){s->compact, s->compact_len == SIZE_MAX ? 0 : s->compact_len};
}

/* Digits in groups as a card, an SSN or a phone number has them. */
static void value_grouped(lh_pii_column *column, const pii_shape *s) {
    lh_str digits = shape_compact(s);
    size_t at = 0, len = 0;
    lh_pii_kind kind = lh_pii_find(s->text, 0, &at, &len);
    bool whole = kind != LH_PII_NONE && at <= 1 && at + len == s->text.len;
    bool extension = kind == LH_PII_PHONE && at == 0 && s->digits <= 16 && s->letters <= 3;
    bool formed = kind == LH_PII_SSN && whole;
    column->ssn += formed;
    bool plus = s->text.ptr[0] == '+';
    if (kind == LH_PII_PHONE && (whole || extension)) column->phone++;
    else if (plus && pii_country_code(digits)) column->phone++;
    if (digits.len == s->digits && digits.len == 10 && !plus && digits.ptr[0] != '0' && s->spaces == 2 &&
        s->dashes == 0 && pii_nanp(digits))
        column->phone_national++;
    else if (s->digits >= 7 && s->digits <= 16 && s->letters <= 3 && s->spaces + s->dashes + s->slashes + s->dots <= 6)
        column->phone_national++;
    if (s->spaces + s->dashes <= 5) column->card += pii_card(digits);
    if (digits.len == 9 && digits.len == s->digits && !formed) column->ssn_bare += pii_ssn(digits);
}

static void value_bare_digits(lh_pii_column *column, lh_str digits) {
    char padded[] = "000000000";
    column->phone_bare += digits.len >= 8 && digits.len <= 15;
    column->card += pii_card(digits);
    bool pad = column->type == LH_PII_TYPE_WHOLE && digits.len >= 7 && digits.len < 9;
    if (pad) memcpy(padded + 9 - digits.len, digits.ptr, digits.len);
    column->ssn_bare += pii_ssn(pad ? (lh_str){padded, 9} : digits);
}

static void value_ids(lh_pii_column *column, lh_str compact) {
    uint32_t bits = pii_schemes_of(compact, column->type), strong = 0;
    if (!bits) return;
    column->any_scheme++;
    for (size_t i = 0; i < LH_PII_SCHEMES; i++) {
        if (!(bits >> i & 1)) continue;
        column->scheme[i]++;
        strong += pii_schemes[i].strong;
    }
    column->any_strong_scheme += strong > 0;
}

static void value_numeric(lh_pii_column *column, const pii_shape *s) {
    lh_str compact = shape_compact(s);
    if (s->letters == 0 && s->digits == s->text.len) value_bare_digits(column, compact);
    else if (s->letters <= 4 && s->digits >= 7) value_grouped(column, s);
    if (column_says(column, LH_PII_BIRTH)) column->date += pii_date(s->text);
    if (column_says(column, LH_PII_SALARY)) column->number += pii_amount(s->text);
    if ((s->dots >= 3 && s->digits >= 4) || s->colons >= 2) value_ip(column, s);
    if (compact.len >= 8) value_ids(column, compact);
}

/* ---- words ---- */

typedef struct value_words {
    size_t count, capital, given, sur, company, street, medical;
    bool first_given, street_behind, number_first, number_last;
} value_words;

static void words_one(value_words *w, lh_str word) {
    unsigned lists = pii_word(word);
    if (lists & PII_TITLE) return;
    bool initial = word.len == 1, given = !initial && lists & PII_GIVEN_NAME;
    if (given && w->count == 0) w->first_given = true;
    w->given += given;
    w->sur += !initial && !given && lists & PII_SURNAME;
    w->company += !initial && lists & PII_COMPANY;
    w->street += (lists & PII_STREET) != 0;
    w->street_behind |= lists & PII_STREET && w->count > 0;
    w->medical += (lists & PII_MEDICAL) != 0;
    w->capital += !pii_lower(word.ptr[0]);
    w->count++;
}

static void words_of(const pii_shape *s, value_words *ret) {
    *ret = (value_words){0};
    for (size_t i = 0; i < s->text.len;) {
        size_t from = i;
        while (i < s->text.len && (pii_letter(s->text.ptr[i]) || (s->text.ptr[i] == '\'' && i > from))) i++;
        if (i > from) words_one(ret, lh_str_sub(s->text, from, i - from));
        else i++;
    }
    size_t last = s->text.len - 1;
    ret->number_first = pii_digit(s->text.ptr[0]);
    ret->number_last = pii_digit(s->text.ptr[last]) || (last > 0 && pii_digit(s->text.ptr[last - 1]));
}

/* "Ann Lee", "LEE, ANN", "Dr. Ann M. Lee". */
static void value_name(lh_pii_column *column, const pii_shape *s, const value_words *w) {
    column->company += w->company > 0;
    if (s->digits || s->slashes || s->ats || s->colons || s->others > 2 || s->commas > 1 || w->count == 0 ||
        w->count > 5)
        return;
    bool cased = w->capital >= w->count - (w->count > 2) && w->company == 0;
    column->name_form += cased;
    column->name_part += w->given + w->sur > 0;
    bool full = cased && w->count >= 2 && w->given && (w->first_given || s->commas);
    column->name_full += full;
}

static void value_address(lh_pii_column *column, const pii_shape *s, const value_words *w) {
    if (s->digits == 0 || s->digits > 16 || s->letters < 4 || s->ats || s->others > 3) return;
    bool numbered = w->number_first || w->number_last || s->commas;
    column->address_form += numbered && w->count >= 1;
    column->street += numbered && w->street && (w->number_first ? w->street_behind : true);
}

static void value_medical(lh_pii_column *column, const pii_shape *s, const value_words *w) {
    column->medical_word += w->medical > 0;
    lh_str compact = shape_compact(s);
    lh_str text = s->text;
    if (text.len <= 3 && column_says(column, LH_PII_MEDICAL)) {
        char sign = text.ptr[text.len - 1], group = pii_to_upper(text.ptr[0]);
        column->blood += (sign == '+' || sign == '-') && (group == 'A' || group == 'B' || group == 'O' || group == '0');
    }
    if (s->spaces || !pii_icd(compact) || !pii_upper(text.ptr[0])) return;
    bool dotted = s->dots == 1 && text.len == compact.len + 1 && text.len > 4 && text.ptr[3] == '.';
    column->icd += dotted;
    column->icd_bare += !dotted && text.len == compact.len;
    if (!dotted) return;
    column->icd_lengths |= 1u << compact.len;
    column->icd_letters |= 1u << (compact.ptr[0] - 'A');
}

/* A text: what it holds within. */
static void value_text(lh_pii_column *column, lh_str text) {
    bool seen[LH_PII_KINDS] = {false}, any = false;
    size_t from = 0, at = 0, len = 0;
    column->texts++;
    for (lh_pii_kind kind; (kind = lh_pii_find(text, from, &at, &len)) != LH_PII_NONE; from = at + len)
        seen[kind] = any = true;
    column->text_found += any;
    for (size_t i = 0; i < LH_PII_KINDS; i++) column->found[i] += seen[i];
}

static void value_worded(lh_pii_column *column, const pii_shape *s) {
    value_words w;
    words_of(s, &w);
    value_name(column, s, &w);
    if (s->digits) value_address(column, s, &w);
    if (!s->ats) value_medical(column, s, &w);
}

/* A whole number that came as a decimal: 2125550100.0 */
static lh_str value_whole(lh_str text) {
    return lh_str_ends(text, LH_STR(".0")) ? lh_str_sub(text, 0, text.len - 2) : text;
}

void lh_pii_add(lh_pii_column *column, lh_str value) {
    pii_shape s;
    if (column->type == LH_PII_TYPE_NUMBER) value = value_whole(lh_str_trim(value));
    pii_shape_of(value, &s);
    if (s.text.len == 0 || s.letters + s.digits == 0 || pii_is_blank(s.text)) {
        column->blanks++;
        return;
    }
    column->values++;
    if (column->type == LH_PII_TYPE_DATE) {
        column->date += pii_date(s.text);
        return;
    }
    if (s.ats && value_email(s.text)) column->email++;
    if (s.letters == 0 || (s.digits >= 2 && s.words <= 6 && s.letters <= 24) || s.colons >= 2)
        value_numeric(column, &s);
    if (s.letters >= 15 - s.digits || s.digits > 12) column->iban += s.digits > 10 && s.spaces <= 8 && pii_iban(s.text);
    if (s.letters && s.words <= PII_TOKENS && s.text.len <= 160) value_worded(column, &s);
    if (s.words >= 4 || s.others >= 4) value_text(column, s.text);
}

/* ---- the verdict ---- */

static double verdict_lower(uint64_t matched, uint64_t values) { /* Wilson, one deviation */
    double n = (double)values, p = (double)matched / n;
    return (p + 1 / (2 * n) - sqrt(p * (1 - p) / n + 1 / (4 * n * n))) / (1 + 1 / n);
}

/* Takes the kind when its share reaches `least` and its confidence is the greatest so far. */
static void verdict_offer(const lh_pii_column *c, lh_pii_kind kind, uint64_t matched, double least, double proves,
                          lh_pii_verdict *best) {
    if (matched > c->values) matched = c->values;
    if (least > 1 || (double)matched < least * (double)c->values || matched == 0) return;
    bool named = column_says(c, kind);
    double confidence = verdict_lower(matched, c->values) * proves + (named ? 0.1 : 0);
    if (confidence > 0.99) confidence = 0.99;
    if (confidence <= best->confidence) return;
    *best = (lh_pii_verdict){kind, confidence, c->values, matched, named, NULL, {0}};
}

#define NEVER 2.0 /* no share reaches it */

static double verdict_least(const lh_pii_column *c, lh_pii_kind kind, double said, double unsaid) {
    return column_says(c, kind) ? said : unsaid;
}

static void verdict_checked(const lh_pii_column *c, lh_pii_verdict *best) {
    verdict_offer(c, LH_PII_EMAIL, c->email, verdict_least(c, LH_PII_EMAIL, 0.3, 0.5), 0.98, best);
    verdict_offer(c, LH_PII_IBAN, c->iban, verdict_least(c, LH_PII_IBAN, 0.3, 0.5), 0.99, best);
    verdict_offer(c, LH_PII_CARD, c->card, verdict_least(c, LH_PII_CARD, 0.5, 0.8), 0.97, best);
    verdict_offer(c, LH_PII_SSN, c->ssn, verdict_least(c, LH_PII_SSN, 0.4, 0.97), 0.9, best);
    verdict_offer(c, LH_PII_SSN, c->ssn + c->ssn_bare, verdict_least(c, LH_PII_SSN, 0.7, NEVER), 0.85, best);
}

static void verdict_ids(const lh_pii_column *c, lh_pii_verdict *best) {
    bool says = column_says(c, LH_PII_NATIONAL_ID);
    for (size_t i = 0; i < LH_PII_SCHEMES; i++) {
        bool named = c->name_schemes >> i & 1;
        double least = named ? 0.5 : pii_schemes[i].strong ? (says ? 0.6 : 0.95) : NEVER;
        verdict_offer(c, LH_PII_NATIONAL_ID, c->scheme[i], least, 0.96, best);
        if (best->kind == LH_PII_NATIONAL_ID && !best->scheme) best->scheme = pii_schemes[i].name;
    }
    verdict_offer(c, LH_PII_NATIONAL_ID, c->any_strong_scheme, says ? 0.7 : 0.97, 0.8, best);
}

static void verdict_phone(const lh_pii_column *c, lh_pii_verdict *best) {
    bool says = column_says(c, LH_PII_PHONE), open = column_perhaps(c, LH_PII_PHONE) && !c->other;
    double least = says || open ? 0.5 : c->other ? NEVER : 0.7;
    verdict_offer(c, LH_PII_PHONE, c->phone, least, 0.92, best);
    uint64_t formed = c->phone > c->phone_national ? c->phone : c->phone_national;
    verdict_offer(c, LH_PII_PHONE, formed + c->phone_bare, says ? 0.7 : NEVER, 0.85, best);
}

/* Versions look the same, but for numbers of the first part that are seldom as high. */
static void verdict_ip(const lh_pii_column *c, lh_pii_verdict *best) {
    bool alone = 2 * c->ip4_wide >= c->ip4 && !c->version;
    verdict_offer(c, LH_PII_IP, c->ip6 + c->ip4, verdict_least(c, LH_PII_IP, 0.5, alone ? 0.95 : NEVER), 0.93, best);
}

static void verdict_name(const lh_pii_column *c, lh_pii_verdict *best) {
    if (4 * c->company > c->values) return;
    bool says = column_says(c, LH_PII_NAME), open = column_perhaps(c, LH_PII_NAME);
    bool formed = 10 * c->name_form >= 7 * c->values;
    if (!formed || (c->other && !says)) return;
    if (says) verdict_offer(c, LH_PII_NAME, c->name_form, 20 * c->name_part >= c->values ? 0.7 : NEVER, 0.85, best);
    else if (open &&
             (4 * c->name_full >= c->values || (6 * c->name_full >= c->values && 5 * c->name_part >= 2 * c->values)))
        verdict_offer(c, LH_PII_NAME, c->name_form, 0.7, 0.8, best);
    else verdict_offer(c, LH_PII_NAME, c->name_full, 0.5, 0.8, best);
}

static void verdict_by_name(const lh_pii_column *c, lh_pii_verdict *best) {
    bool numbers = c->type != LH_PII_TYPE_DATE;
    verdict_offer(c, LH_PII_BIRTH, c->date, verdict_least(c, LH_PII_BIRTH, 0.6, NEVER), 0.85, best);
    verdict_offer(c, LH_PII_SALARY, c->number, numbers ? verdict_least(c, LH_PII_SALARY, 0.7, NEVER) : NEVER, 0.85,
                  best);
    bool open = column_perhaps(c, LH_PII_ADDRESS);
    verdict_offer(c, LH_PII_ADDRESS, c->street, verdict_least(c, LH_PII_ADDRESS, 0.3, open ? 0.5 : 0.7), 0.88, best);
    verdict_offer(c, LH_PII_ADDRESS, c->address_form, verdict_least(c, LH_PII_ADDRESS, 0.6, NEVER), 0.8, best);
}

static unsigned verdict_bits(uint32_t set) {
    unsigned count = 0;
    for (; set; set &= set - 1) count++;
    return count;
}

static void verdict_medical(const lh_pii_column *c, lh_pii_verdict *best) {
    bool spread = verdict_bits(c->icd_lengths) >= 2 && verdict_bits(c->icd_letters) >= 4 && !c->other;
    verdict_offer(c, LH_PII_MEDICAL, c->icd, verdict_least(c, LH_PII_MEDICAL, 0.5, spread ? 0.9 : NEVER), 0.92, best);
    verdict_offer(c, LH_PII_MEDICAL, c->icd + c->icd_bare, verdict_least(c, LH_PII_MEDICAL, 0.6, NEVER), 0.88, best);
    verdict_offer(c, LH_PII_MEDICAL, c->medical_word, verdict_least(c, LH_PII_MEDICAL, 0.25, c->other ? NEVER : 0.5),
                  0.9, best);
    verdict_offer(c, LH_PII_MEDICAL, c->blood, verdict_least(c, LH_PII_MEDICAL, 0.7, NEVER), 0.88, best);
}

/* Half of the values are texts, some of which hold something; one alone may be an accident. */
static void verdict_text(const lh_pii_column *c, lh_pii_verdict *best) {
    bool texts = 2 * c->texts >= c->values && c->texts > 0;
    if (!texts || c->text_found < 2 || 100 * c->text_found < c->values || best->kind != LH_PII_NONE) return;
    double share = (double)c->text_found / (double)c->values;
    double confidence = 0.75 + share / 4;
    *best = (lh_pii_verdict){LH_PII_TEXT, confidence > 0.99 ? 0.99 : confidence, c->values, c->text_found, false, NULL,
                             {0}};
    for (size_t i = 0; i < LH_PII_KINDS; i++) best->found[i] = c->found[i];
}

/* No values: what the name says, of kinds whose names are seldom anything else. */
static void verdict_empty(const lh_pii_column *c, lh_pii_verdict *best) {
    for (int kind = LH_PII_EMAIL; kind < LH_PII_TEXT; kind++) {
        bool fits = c->type != LH_PII_TYPE_DATE || kind == LH_PII_BIRTH;
        if (!column_says(c, (lh_pii_kind)kind) || !fits || best->kind != LH_PII_NONE || c->other) continue;
        *best = (lh_pii_verdict){(lh_pii_kind)kind, 0.5, 0, 0, true, NULL, {0}};
    }
}

lh_pii_verdict lh_pii_end(const lh_pii_column *column) {
    lh_pii_verdict best = {.kind = LH_PII_NONE, .confidence = 0.3, .values = column->values};
    if (column->values == 0) {
        verdict_empty(column, &best);
    } else {
        verdict_checked(column, &best);
        verdict_ids(column, &best);
        verdict_phone(column, &best);
        verdict_ip(column, &best);
        verdict_name(column, &best);
        verdict_by_name(column, &best);
        verdict_medical(column, &best);
        verdict_text(column, &best);
    }
    if (best.kind == LH_PII_NONE) best.confidence = 0;
    return best;
}
