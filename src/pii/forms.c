/* Forms of single values. Each takes the whole text and answers yes or no; nothing is allocated. */
#include "pii/pii_internal.h"

enum {
    SHAPE_OTHER,
    SHAPE_DIGIT,
    SHAPE_LETTER,
    SHAPE_SPACE,
    SHAPE_DOT,
    SHAPE_DASH,
    SHAPE_COLON,
    SHAPE_SLASH,
    SHAPE_COMMA,
    SHAPE_AT,
    SHAPE_CLASSES
};

static unsigned shape_class(char c) {
    if (pii_letter(c)) return SHAPE_LETTER;
    if (pii_digit(c)) return SHAPE_DIGIT;
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r': return SHAPE_SPACE;
    case '.': return SHAPE_DOT;
    case '-': return SHAPE_DASH;
    case ':': return SHAPE_COLON;
    case '/': return SHAPE_SLASH;
    case ',': return SHAPE_COMMA;
    case '@': return SHAPE_AT;
    default: return SHAPE_OTHER;
    }
}

void pii_shape_of(lh_str text, pii_shape *ret) {
    unsigned count[SHAPE_CLASSES] = {0}, before = SHAPE_OTHER;
    ret->text = lh_str_trim(lh_str_sub(text, 0, LH_PII_VALUE_BYTES));
    ret->compact_len = ret->words = 0;
    for (size_t i = 0; i < ret->text.len; i++) {
        char c = ret->text.ptr[i];
        unsigned class = shape_class(c);
        count[class]++;
        if (class == SHAPE_LETTER || class == SHAPE_DIGIT) {
            if (ret->compact_len < PII_COMPACT_BYTES) ret->compact[ret->compact_len++] = pii_to_upper(c);
            else ret->compact_len = SIZE_MAX;
            ret->words += class == SHAPE_LETTER && before != SHAPE_LETTER && before != SHAPE_DIGIT;
        }
        if (c != '\'') before = class;
    }
    ret->others = count[SHAPE_OTHER], ret->digits = count[SHAPE_DIGIT], ret->letters = count[SHAPE_LETTER];
    ret->spaces = count[SHAPE_SPACE], ret->dots = count[SHAPE_DOT], ret->dashes = count[SHAPE_DASH];
    ret->colons = count[SHAPE_COLON], ret->slashes = count[SHAPE_SLASH], ret->commas = count[SHAPE_COMMA];
    ret->ats = count[SHAPE_AT];
}

/* ---- e-mail ---- */

static bool email_local_char(char c) { return pii_letter(c) || pii_digit(c) || (c && memchr("._%+-'", c, 6)); }

static bool email_domain(lh_str domain) {
    size_t label = 0, dot = SIZE_MAX;
    for (size_t i = 0; i < domain.len; i++) {
        char c = domain.ptr[i];
        if (c == '.') {
            if (label == 0) return false;
            dot = i;
            label = 0;
        } else if (pii_letter(c) || pii_digit(c) || c == '-') label++;
        else return false;
    }
    if (dot == SIZE_MAX || label < 2) return false;
    for (size_t i = dot + 1; i < domain.len; i++)
        if (!pii_letter(domain.ptr[i]) && !lh_str_starts(lh_str_sub(domain, dot + 1, 4), LH_STR("xn--"))) return false;
    return domain.len <= 253;
}

bool pii_email(lh_str text) {
    size_t at = lh_str_find(text, '@');
    if (at == 0 || at >= text.len || at > 64 || text.ptr[0] == '.' || text.ptr[at - 1] == '.') return false;
    for (size_t i = 0; i < at; i++)
        if (!email_local_char(text.ptr[i])) return false;
    return email_domain(lh_str_sub(text, at + 1, SIZE_MAX));
}

/* ---- IP ---- */

bool pii_ip4(lh_str text, unsigned *ret_first) {
    unsigned octet = 0, digits = 0, parts = 0, first = 0;
    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? text.ptr[i] : '.';
        if (pii_digit(c)) {
            if (digits == 1 && octet == 0) return false; /* 01 */
            octet = octet * 10 + (unsigned)(c - '0');
            if (++digits > 3 || octet > 255) return false;
            continue;
        }
        if (c != '.' || digits == 0 || ++parts > 4) return false;
        if (parts == 1) first = octet;
        octet = digits = 0;
    }
    *ret_first = first;
    return parts == 4 && first != 0 && first != 255;
}

bool pii_ip6(lh_str text) {
    size_t groups = 0, digits = 0, long_groups = 0, gaps = 0;
    if (text.len < 3 || text.len > 39) return false;
    for (size_t i = 0; i <= text.len; i++) {
        char c = i < text.len ? pii_to_lower(text.ptr[i]) : ':';
        if (pii_digit(c) || (c >= 'a' && c <= 'f')) {
            if (++digits > 4) return false;
            continue;
        }
        if (c != ':') return false;
        if (digits) groups++, long_groups += digits > 2;
        else if (i < text.len && i > 0 && text.ptr[i - 1] == ':') gaps++;
        digits = 0;
    }
    if (gaps) return gaps == 1 && groups >= 2 && groups < 8 && long_groups;
    return groups == 8 && long_groups;
}

/* ---- digits ---- */

static unsigned forms_number(lh_str digits, size_t from, size_t count) {
    unsigned number = 0;
    for (size_t i = from; i < from + count && i < digits.len; i++)
        number = number * 10 + (unsigned)(digits.ptr[i] - '0');
    return number;
}

bool pii_luhn(lh_str digits) {
    unsigned sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (!pii_digit(digits.ptr[digits.len - 1 - i])) return false;
        unsigned digit = (unsigned)(digits.ptr[digits.len - 1 - i] - '0') << (i & 1);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return digits.len > 1 && sum % 10 == 0;
}

static bool card_issuer(lh_str d) {
    static const struct {
        unsigned digits, from, to, min, max;
    } issuers[] = {
        {1, 4, 4, 13, 19},       {2, 51, 55, 16, 16},     {4, 2221, 2720, 16, 16}, {2, 34, 34, 15, 15},
        {2, 37, 37, 15, 15},     {4, 6011, 6011, 16, 19}, {3, 644, 649, 16, 19},   {2, 65, 65, 16, 19},
        {3, 300, 305, 14, 19},   {2, 36, 36, 14, 19},     {2, 38, 39, 14, 19},     {4, 3528, 3589, 16, 19},
        {2, 62, 62, 16, 19},     {4, 5018, 5018, 12, 19}, {4, 5020, 5020, 12, 19}, {4, 5038, 5038, 12, 19},
        {4, 6304, 6304, 12, 19}, {4, 6759, 6763, 12, 19},
    };
    for (size_t i = 0; i < sizeof issuers / sizeof *issuers; i++) {
        unsigned prefix = forms_number(d, 0, issuers[i].digits);
        if (prefix < issuers[i].from || prefix > issuers[i].to) continue;
        if (d.len < issuers[i].min || d.len > issuers[i].max) continue;
        if (issuers[i].from == 4 && d.len != 13 && d.len != 16 && d.len != 19) continue;
        return true;
    }
    return false;
}

bool pii_card(lh_str digits) { return digits.len >= 12 && digits.len <= 19 && card_issuer(digits) && pii_luhn(digits); }

bool pii_ssn(lh_str d) {
    if (d.len != 9) return false;
    unsigned area = forms_number(d, 0, 3);
    return area != 0 && area != 666 && area < 900 && forms_number(d, 3, 2) != 0 && forms_number(d, 5, 4) != 0;
}

bool pii_nanp(lh_str d) {
    if (d.len == 11 && d.ptr[0] == '1') d = lh_str_sub(d, 1, 10);
    if (d.len != 10) return false;
    return d.ptr[0] >= '2' && d.ptr[1] != '9' && d.ptr[3] >= '2' && !(d.ptr[4] == '1' && d.ptr[5] == '1');
}

/* Country codes of one, two and three digits: those of two, and the rest by their first two. */
bool pii_country_code(lh_str d) {
    static const char two[] =
        " 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 "
        "65 66 81 82 84 86 90 91 92 93 94 95 98 ";
    static const char three[] = " 21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 ";
    if (d.len < 8 || d.len > 15 || d.ptr[0] == '0') return false;
    if (d.ptr[0] == '1') return pii_nanp(d);
    if (d.ptr[0] == '7') return d.len == 11;
    const char begin[] = {' ', d.ptr[0], d.ptr[1], ' ', '\0'};
    return strstr(two, begin) || strstr(three, begin);
}

/* ---- IBAN ---- */

static unsigned iban_length(char a, char b) {
    static const char lengths[] =
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL"
        "18"
        "GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO"
        "15"
        "PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20";
    for (size_t i = 0; i + 4 <= sizeof lengths - 1; i += 4)
        if (lengths[i] == a && lengths[i + 1] == b)
            return (unsigned)(lengths[i + 2] - '0') * 10 + (unsigned)(lengths[i + 3] - '0');
    return 0;
}

bool pii_iban(lh_str text) {
    char compact[PII_COMPACT_BYTES];
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = pii_to_upper(text.ptr[i]);
        if (c == ' ') continue;
        if (!pii_digit(c) && !pii_upper(c)) return false;
        if (len == 34) return false;
        compact[len++] = c;
    }
    if (len < 15 || len != iban_length(compact[0], compact[1]) || !pii_digit(compact[2]) || !pii_digit(compact[3]))
        return false;
    unsigned rest = 0;
    for (size_t i = 0; i < len; i++) {
        char c = compact[(i + 4) % len];
        rest = pii_digit(c) ? (rest * 10 + (unsigned)(c - '0')) % 97 : (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
    }
    return rest == 1;
}

/* ---- ICD-10: a letter, a digit, a digit or A, B; up to four more letters or digits ---- */

bool pii_icd(lh_str c) {
    if (c.len < 3 || c.len > 7 || !pii_upper(c.ptr[0]) || !pii_digit(c.ptr[1])) return false;
    if (!pii_digit(c.ptr[2]) && c.ptr[2] != 'A' && c.ptr[2] != 'B') return false;
    for (size_t i = 3; i < c.len; i++)
        if (!pii_digit(c.ptr[i]) && !(pii_upper(c.ptr[i]) && (i >= 5 || c.ptr[i] == 'X'))) return false;
    return true;
}

/* ---- dates ---- */

bool pii_day(unsigned year, unsigned month, unsigned day) {
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return year >= 1900 && year <= 2100 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static bool date_parts(const unsigned *part, const size_t *width) {
    if (width[0] == 4) return pii_day(part[0], part[1], part[2]);
    if (width[0] > 2 || width[1] > 2) return false;
    unsigned year = width[2] == 2 ? 1900 + part[2] : part[2];
    return (width[2] == 2 || width[2] == 4) && (pii_day(year, part[0], part[1]) || pii_day(year, part[1], part[0]));
}

/* "11 Oct 1976", "Oct 11, 1976": a day and a year beside the name of a month. */
static bool date_with_month(lh_str text) {
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdecmärmaiokt";
    unsigned day = 0, year = 0, named = 0;
    for (size_t i = 0; i < text.len;) {
        size_t from = i;
        bool digits = pii_digit(text.ptr[i]), letters = pii_letter(text.ptr[i]);
        while (i < text.len && pii_digit(text.ptr[i]) == digits && pii_letter(text.ptr[i]) == letters) i++;
        lh_str part = lh_str_sub(text, from, i - from);
        if (digits && part.len == 4) year = forms_number(part, 0, 4);
        else if (digits && part.len <= 2) day = forms_number(part, 0, 2);
        else if (digits) return false;
        if (!letters || part.len < 3) continue;
        char key[] = {pii_to_lower(part.ptr[0]), pii_to_lower(part.ptr[1]), pii_to_lower(part.ptr[2]), '\0'};
        named += strstr(months, key) != NULL;
    }
    return named == 1 && pii_day(year, 1, day);
}

bool pii_date(lh_str text) {
    unsigned part[3] = {0};
    size_t width[3] = {0}, at = 0, count = 0;
    if (text.len < 6 || text.len > 32) return false;
    for (; at < text.len && count < 3; at++) {
        char c = text.ptr[at];
        if (pii_digit(c)) {
            if (++width[count] > 8) return false;
            part[count] = part[count] * 10 + (unsigned)(c - '0');
        } else if (c == '-' || c == '/' || c == '.') count++;
        else break;
    }
    if (count == 0 && width[0] == 8 && at == text.len)
        return pii_day(part[0] / 10000, part[0] / 100 % 100, part[0] % 100);
    bool ends = at == text.len || text.ptr[at] == ' ' || text.ptr[at] == 'T';
    if (count == 2 && ends && width[0] && width[1] && width[2]) return date_parts(part, width);
    return date_with_month(text);
}

/* ---- amounts ---- */

bool pii_amount(lh_str text) {
    size_t digits = 0, letters = 0;
    bool positive = false;
    if (text.len == 0 || text.len > 24 || text.ptr[0] == '-') return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (pii_digit(c)) digits++, positive |= c != '0';
        else if ((unsigned char)c < 0x80 && pii_letter(c)) letters++;
        else if ((unsigned char)c < 0x80 && !memchr(" .,'$", c, 5)) return false;
    }
    bool currency = letters == 0 || letters == 3 || (letters == 1 && pii_to_lower(text.ptr[text.len - 1]) == 'k');
    return positive && digits <= 12 && currency;
}
