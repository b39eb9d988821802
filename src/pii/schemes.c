/* National ids, each by its own check digits. The compact form (capitals and digits, no separators) is checked. A scheme is
 * strong when a random value of its length passes rarely, so that a whole column of passing values is no accident. */
#include "pii/pii_internal.h"

static unsigned scheme_digit(lh_str c, size_t i) { return (unsigned)(c.ptr[i] - '0'); }

static unsigned scheme_number(lh_str c, size_t from, size_t count) {
    unsigned number = 0;
    for (size_t i = from; i < from + count; i++) number = number * 10 + scheme_digit(c, i);
    return number;
}

static bool scheme_digits(lh_str c, size_t len) {
    if (c.len != len) return false;
    for (size_t i = 0; i < len; i++)
        if (!pii_digit(c.ptr[i])) return false;
    return true;
}

static unsigned scheme_sum(lh_str c, const char *weights) { /* a weight is a digit, or a letter from 10 on */
    unsigned sum = 0;
    for (size_t i = 0; weights[i]; i++)
        sum += scheme_digit(c, i) * (unsigned)(weights[i] <= '9' ? weights[i] - '0' : weights[i] - 'A' + 10);
    return sum;
}

static bool scheme_same(lh_str c) { /* 111…: passes some checks and is nobody's */
    for (size_t i = 1; i < c.len; i++)
        if (c.ptr[i] != c.ptr[0]) return false;
    return true;
}

static bool scheme_date(lh_str c, size_t at) { /* yymmdd of any century */
    return pii_day(1900 + scheme_number(c, at, 2), scheme_number(c, at + 2, 2), scheme_number(c, at + 4, 2)) ||
           pii_day(2000 + scheme_number(c, at, 2), scheme_number(c, at + 2, 2), scheme_number(c, at + 4, 2));
}

/* ---- the schemes ---- */

static bool scheme_es(lh_str c) {
    static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
    if (c.len != 9 || !pii_upper(c.ptr[8])) return false;
    bool foreign = c.ptr[0] >= 'X' && c.ptr[0] <= 'Z';
    char number[] = "000000000";
    memcpy(number, c.ptr, 8);
    if (foreign) number[0] = (char)('0' + (c.ptr[0] - 'X'));
    const lh_str digits = {number, 8};
    return scheme_digits(digits, 8) && letters[scheme_number(digits, 0, 8) % 23] == c.ptr[8];
}

static bool scheme_fr(lh_str c) {
    char copy[16];
    if (c.len != 15) return false;
    memcpy(copy, c.ptr, 15);
    uint64_t less = 0, number = 0;
    if (copy[5] == '2' && (copy[6] == 'A' || copy[6] == 'B')) { /* Corsica */
        less = copy[6] == 'A' ? 1000000 : 2000000;
        copy[6] = '0';
    }
    const lh_str digits = {copy, 15};
    if (!scheme_digits(digits, 15) || !strchr("123478", copy[0])) return false;
    unsigned month = scheme_number(digits, 3, 2);
    for (size_t i = 0; i < 13; i++) number = number * 10 + scheme_digit(digits, i);
    return ((month >= 1 && month <= 12) || month >= 20) && 97 - (number - less) % 97 == scheme_number(digits, 13, 2);
}

static bool scheme_it(lh_str c) {
    static const unsigned char odd[] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                        20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
    static const char form[] = "LLLLLLDDLDDLDDDL";
    unsigned sum = 0;
    if (c.len != 16) return false;
    for (size_t i = 0; i < 16; i++) {
        bool letter = pii_upper(c.ptr[i]);
        if (!letter && !pii_digit(c.ptr[i])) return false;
        if (form[i] == 'L' ? !letter : letter && !strchr("LMNPQRSTUV", c.ptr[i])) return false;
        unsigned value = (unsigned)(letter ? c.ptr[i] - 'A' : c.ptr[i] - '0');
        if (i < 15) sum += i % 2 == 0 ? odd[value] : value;
    }
    return strchr("ABCDEHLMPRST", c.ptr[8]) && sum % 26 == (unsigned)(c.ptr[15] - 'A');
}

static bool scheme_nl(lh_str c) {
    return scheme_digits(c, 9) && !scheme_same(c) && (scheme_sum(c, "98765432") + 10 * scheme_digit(c, 8)) % 11 == 0;
}

static bool scheme_pl(lh_str c) {
    if (!scheme_digits(c, 11)) return false;
    unsigned month = scheme_number(c, 2, 2) % 20;
    return pii_day(2000 + scheme_number(c, 0, 2), month, scheme_number(c, 4, 2)) &&
           scheme_sum(c, "13791379131") % 10 == 0;
}

static bool scheme_br(lh_str c) {
    if (!scheme_digits(c, 11) || scheme_same(c)) return false;
    unsigned first = scheme_sum(c, "A98765432") * 10 % 11 % 10, second = scheme_sum(c, "BA98765432") * 10 % 11 % 10;
    return first == scheme_digit(c, 9) && second == scheme_digit(c, 10);
}

static bool scheme_in(lh_str c) { /* Verhoeff */
    static const unsigned char multiply[10][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
                                                   {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
                                                   {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
                                                   {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
                                                   {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
    static const unsigned char permute[8][10] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
                                                 {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
                                                 {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
                                                 {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
    unsigned check = 0;
    if (!scheme_digits(c, 12) || c.ptr[0] < '2') return false;
    for (size_t i = 0; i < 12; i++) check = multiply[check][permute[i % 8][scheme_digit(c, 11 - i)]];
    return check == 0;
}

static bool scheme_gb(lh_str c) { /* has no check digit: letters that are not given, and the suffix */
    if (c.len != 9 || !scheme_digits(lh_str_sub(c, 2, 6), 6) || c.ptr[8] < 'A' || c.ptr[8] > 'D') return false;
    if (!pii_upper(c.ptr[0]) || !pii_upper(c.ptr[1]) || strchr("DFIQUV", c.ptr[0]) || strchr("DFIOQUV", c.ptr[1]))
        return false;
    const char pair[] = {' ', c.ptr[0], c.ptr[1], ' ', '\0'};
    return !strstr(" BG GB KN NK NT TN ZZ ", pair);
}

static bool scheme_se(lh_str c) {
    if (c.len == 12 && scheme_digits(c, 12)) {
        if (scheme_number(c, 0, 2) != 19 && scheme_number(c, 0, 2) != 20) return false;
        c = lh_str_sub(c, 2, 10);
    }
    if (!scheme_digits(c, 10) || !pii_luhn(c)) return false;
    unsigned day = scheme_number(c, 4, 2);
    return pii_day(2000 + scheme_number(c, 0, 2), scheme_number(c, 2, 2), day > 60 ? day - 60 : day);
}

static bool scheme_de(lh_str c) { /* of the first ten digits one or two stand more than once; modulus 11, 10 */
    unsigned seen[10] = {0}, missing = 0, most = 0, product = 10;
    if (!scheme_digits(c, 11) || c.ptr[0] == '0') return false;
    for (size_t i = 0; i < 10; i++) {
        seen[scheme_digit(c, i)]++;
        unsigned sum = (scheme_digit(c, i) + product) % 10;
        product = (sum ? sum : 10) * 2 % 11;
    }
    for (size_t i = 0; i < 10; i++) {
        missing += seen[i] == 0;
        most = seen[i] > most ? seen[i] : most;
    }
    return missing >= 1 && missing <= 2 && most <= 3 && (11 - product) % 10 == scheme_digit(c, 10);
}

static bool scheme_be(lh_str c) {
    if (!scheme_digits(c, 11) || scheme_number(c, 2, 2) > 12) return false;
    uint64_t number = scheme_number(c, 0, 9);
    unsigned check = scheme_number(c, 9, 2);
    return 97 - number % 97 == check || 97 - (2000000000 + number) % 97 == check;
}

static bool scheme_ch(lh_str c) {
    return scheme_digits(c, 13) && scheme_number(c, 0, 3) == 756 && scheme_sum(c, "1313131313131") % 10 == 0;
}

static bool scheme_ca(lh_str c) { return scheme_digits(c, 9) && c.ptr[0] != '0' && c.ptr[0] != '8' && pii_luhn(c); }

static bool scheme_fi(lh_str c) { /* the sign of the century may have been a separator */
    static const char letters[] = "0123456789ABCDEFHJKLMNPRSTUVWXY";
    char digits[] = "000000000";
    if (c.len == 11 && strchr("ABCDEFYXWVU", c.ptr[6])) {
        memcpy(digits, c.ptr, 6), memcpy(digits + 6, c.ptr + 7, 3);
    } else if (c.len == 10) memcpy(digits, c.ptr, 9);
    else return false;
    const lh_str d = {digits, 9};
    return scheme_digits(d, 9) &&
           pii_day(2000 + scheme_number(d, 4, 2), scheme_number(d, 2, 2), scheme_number(d, 0, 2)) &&
           letters[scheme_number(d, 0, 9) % 31] == c.ptr[c.len - 1];
}

static bool scheme_no(lh_str c) {
    if (!scheme_digits(c, 11)) return false;
    unsigned day = scheme_number(c, 0, 2);
    return pii_day(2000 + scheme_number(c, 4, 2), scheme_number(c, 2, 2) % 40, day > 40 ? day - 40 : day) &&
           (scheme_sum(c, "376189452") + scheme_digit(c, 9)) % 11 == 0 &&
           (scheme_sum(c, "5432765432") + scheme_digit(c, 10)) % 11 == 0;
}

static bool scheme_cn(lh_str c) {
    if (c.len != 18 || !scheme_digits(lh_str_sub(c, 0, 17), 17)) return false;
    static const char checks[] = "10X98765432", weights[] = "79A584216379A5842";
    return pii_day(scheme_number(c, 6, 4), scheme_number(c, 10, 2), scheme_number(c, 12, 2)) &&
           checks[scheme_sum(c, weights) % 11] == c.ptr[17];
}

static bool scheme_tr(lh_str c) {
    if (!scheme_digits(c, 11) || c.ptr[0] == '0') return false;
    unsigned odd = scheme_sum(c, "101010101"), even = scheme_sum(c, "01010101");
    return (odd * 7 + 100 - even) % 10 == scheme_digit(c, 9) &&
           (odd + even + scheme_digit(c, 9)) % 10 == scheme_digit(c, 10);
}

static bool scheme_za(lh_str c) { return scheme_digits(c, 13) && scheme_date(c, 0) && c.ptr[10] < '3' && pii_luhn(c); }

static bool scheme_nhs(lh_str c) {
    return scheme_digits(c, 10) && !scheme_same(c) && (scheme_sum(c, "A98765432") + scheme_digit(c, 9)) % 11 == 0;
}

static bool scheme_pt(lh_str c) {
    if (!scheme_digits(c, 9) || c.ptr[0] == '0') return false;
    unsigned rest = scheme_sum(c, "98765432") % 11;
    return (rest < 2 ? 0 : 11 - rest) == scheme_digit(c, 8);
}

static bool scheme_mx(lh_str c) {
    if (c.len != 18 || !scheme_digits(lh_str_sub(c, 4, 6), 6) || !scheme_date(c, 4) || !pii_digit(c.ptr[17]))
        return false;
    for (size_t i = 0; i < 16; i++)
        if ((i < 4 || i > 10) && !pii_upper(c.ptr[i])) return false;
    return c.ptr[10] == 'H' || c.ptr[10] == 'M';
}

static bool scheme_au(lh_str c) {
    return scheme_digits(c, 9) && !scheme_same(c) && scheme_sum(c, "14375869A") % 11 == 0;
}

static bool scheme_dk(lh_str c) { /* newer ones have no check digit */
    return scheme_digits(c, 10) &&
           pii_day(2000 + scheme_number(c, 4, 2), scheme_number(c, 2, 2), scheme_number(c, 0, 2));
}

static bool scheme_kr(lh_str c) {
    return scheme_digits(c, 13) && scheme_date(c, 0) &&
           (11 - scheme_sum(c, "234567892345") % 11) % 10 == scheme_digit(c, 12);
}

const pii_scheme pii_schemes[LH_PII_SCHEMES] = {
    {"es_dni", 0, true, scheme_es, "dni nif nie"},
    {"fr_nir", 15, true, scheme_fr, "nir insee securite secu"},
    {"it_codice_fiscale", 0, true, scheme_it, "codice fiscale codicefiscale cf"},
    {"nl_bsn", 9, true, scheme_nl, "bsn burgerservicenummer burgerservice sofinummer"},
    {"pl_pesel", 11, true, scheme_pl, "pesel"},
    {"br_cpf", 11, true, scheme_br, "cpf"},
    {"in_aadhaar", 12, true, scheme_in, "aadhaar aadhar uidai"},
    {"gb_nino", 0, true, scheme_gb, "nino insurance"},
    {"se_personnummer", 10, true, scheme_se, "personnummer personnr pnr"},
    {"de_steuer_id", 11, true, scheme_de, "steuer steuerid steueridnr idnr steuernummer"},
    {"be_national_number", 11, true, scheme_be, "rijksregisternummer rijksregister insz niss registre"},
    {"ch_ahv", 13, true, scheme_ch, "ahv avs oasi sozialversicherungsnummer"},
    {"ca_sin", 9, false, scheme_ca, "sin"},
    {"fi_hetu", 0, true, scheme_fi, "hetu henkilotunnus henkilötunnus"},
    {"no_fodselsnummer", 11, true, scheme_no, "fodselsnummer fødselsnummer fnr"},
    {"cn_resident_id", 0, true, scheme_cn, "ric shenfenzheng"},
    {"tr_kimlik", 11, true, scheme_tr, "kimlik tckn"},
    {"za_id", 13, true, scheme_za, "rsaid"},
    {"gb_nhs", 10, false, scheme_nhs, "nhs"},
    {"pt_nif", 9, false, scheme_pt, "nif contribuinte"},
    {"mx_curp", 0, true, scheme_mx, "curp"},
    {"au_tfn", 9, false, scheme_au, "tfn"},
    {"dk_cpr", 10, false, scheme_dk, "cpr"},
    {"kr_rrn", 13, true, scheme_kr, "rrn jumin"},
};

/* An integer has lost its leading zeros, two at most are given back. */
static lh_str scheme_padded(lh_str c, size_t length, char *into) {
    if (c.len >= length || c.len + 2 < length) return c;
    size_t zeros = length - c.len;
    memset(into, '0', zeros);
    memcpy(into + zeros, c.ptr, c.len);
    return (lh_str){into, length};
}

uint32_t pii_schemes_of(lh_str compact, lh_pii_type type) {
    uint32_t bits = 0;
    char padded[PII_COMPACT_BYTES];
    if (compact.len < 8 || compact.len > 18) return 0;
    for (size_t i = 0; i < LH_PII_SCHEMES; i++) {
        lh_str c = compact;
        if (type == LH_PII_TYPE_WHOLE && pii_schemes[i].length) c = scheme_padded(c, pii_schemes[i].length, padded);
        if (pii_schemes[i].check(c)) bits |= 1u << i;
    }
    return bits;
}
