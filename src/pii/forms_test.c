#include "pii/pii_internal.h"

#include "base/test.h"

static bool form_ip4(const char *text) {
    unsigned first;
    return pii_ip4(lh_str_from(text), &first);
}

static void test_pii__forms_of_addresses(void) {
    static const char *const good[] = {"a@b.co", "ann.lee+x@mail.example.org", "o'neil@x.de", "zoë@münchen.de",
                                       "a@b.xn--p1ai"};
    static const char *const bad[] = {"",      "@",       "a@",    "@b.co",     "a@b",    "a@@b.co", "a b@c.de",
                                      "a@b.c", "a@b..co", "a@.co", "a@1.2.3.4", "a@b.c1", ".a@b.co", "a.@b.co"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK(pii_email(lh_str_from(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!pii_email(lh_str_from(bad[i])));
    CHECK(form_ip4("10.0.12.255") && form_ip4("8.8.8.8"));
    CHECK(!form_ip4("1.2.3") && !form_ip4("1.2.3.4.5") && !form_ip4("1.2.3.256") && !form_ip4("01.2.3.4"));
    CHECK(!form_ip4("255.255.255.0") && !form_ip4("0.0.0.0") && !form_ip4("1..2.3") && !form_ip4(""));
    CHECK(pii_ip6(LH_STR("2001:db8::8a2e:370:7334")) && pii_ip6(LH_STR("2001:0db8:0:0:1:2:3:4")));
    CHECK(!pii_ip6(LH_STR("12:30:00")) && !pii_ip6(LH_STR("aa:bb:cc:dd:ee:ff")) && !pii_ip6(LH_STR("2001::1::2")));
}

static void test_pii__forms_of_cards_and_accounts(void) {
    CHECK(pii_card(LH_STR("4111111111111111")) && pii_card(LH_STR("378282246310005")) &&
          pii_card(LH_STR("6011111111111117")));
    CHECK(pii_card(LH_STR("2223003122003222")) && pii_card(LH_STR("30569309025904")) &&
          pii_card(LH_STR("3530111333300000")));
    CHECK(!pii_card(LH_STR("4111111111111112"))); /* Luhn */
    CHECK(!pii_card(LH_STR("1234567812345670"))); /* passes Luhn, nobody issues it */
    CHECK(!pii_card(LH_STR("41111111111111")));   /* length */
    CHECK(pii_iban(LH_STR("DE89370400440532013000")) && pii_iban(LH_STR("GB82 WEST 1234 5698 7654 32")));
    CHECK(pii_iban(LH_STR("no9386011117947")) && pii_iban(LH_STR("MT84MALT011000012345MTLCAST001S")));
    CHECK(!pii_iban(LH_STR("DE89370400440532013001")) && !pii_iban(LH_STR("DE8937040044053201300")));
    CHECK(!pii_iban(LH_STR("XX89370400440532013000")) && !pii_iban(LH_STR("")));
}

static void test_pii__forms_of_numbers_of_people(void) {
    CHECK(pii_ssn(LH_STR("123456789")) && pii_ssn(LH_STR("899010001")));
    CHECK(!pii_ssn(LH_STR("000456789")) && !pii_ssn(LH_STR("666456789")) && !pii_ssn(LH_STR("900456789")));
    CHECK(!pii_ssn(LH_STR("123006789")) && !pii_ssn(LH_STR("123450000")) && !pii_ssn(LH_STR("12345678")));
    CHECK(pii_nanp(LH_STR("2125550100")) && pii_nanp(LH_STR("12125550100")));
    CHECK(!pii_nanp(LH_STR("1125550100")) && !pii_nanp(LH_STR("2121550100")) && !pii_nanp(LH_STR("2129110100")));
    CHECK(pii_country_code(LH_STR("442079460958")) && pii_country_code(LH_STR("35312345678")));
    CHECK(!pii_country_code(LH_STR("2812345678")) && !pii_country_code(LH_STR("0049301234567")));
    CHECK(pii_icd(LH_STR("E119")) && pii_icd(LH_STR("I10")) && pii_icd(LH_STR("S82101A")) &&
          pii_icd(LH_STR("T7840XA")));
    CHECK(!pii_icd(LH_STR("11E")) && !pii_icd(LH_STR("EE9")) && !pii_icd(LH_STR("E1")) && !pii_icd(LH_STR("E1190000")));
}

/* Numbers that others made and published as examples, or by the rules of their country; and the same with a digit changed. */
static void test_pii__each_scheme_has_its_check_digit(void) {
    static const struct {
        const char *scheme, *good, *bad;
    } cases[] = {
        {"es_dni", "12345678Z", "12345678A"},
        {"es_dni", "X1234567L", "X1234567M"},
        {"fr_nir", "255081416802538", "255081416802539"},
        {"it_codice_fiscale", "RSSMRA85T10A562S", "RSSMRA85T10A562T"},
        {"nl_bsn", "111222333", "111222334"},
        {"pl_pesel", "44051401359", "44051401358"},
        {"br_cpf", "52998224725", "52998224724"},
        {"in_aadhaar", "234123412346", "234123412347"},
        {"gb_nino", "AB123456C", "QQ123456C"},
        {"se_personnummer", "8112189876", "8112189875"},
        {"de_steuer_id", "86095742719", "86095742718"},
        {"be_national_number", "85073003328", "85073003329"},
        {"ch_ahv", "7569217076985", "7569217076984"},
        {"ca_sin", "130692544", "130692545"},
        {"fi_hetu", "131052308T", "131052308U"},
        {"no_fodselsnummer", "15108695088", "15108695087"},
        {"cn_resident_id", "11010519491231002X", "110105194912310021"},
        {"tr_kimlik", "10000000146", "10000000147"},
        {"za_id", "8001015009087", "8001015009086"},
        {"gb_nhs", "9434765919", "9434765918"},
        {"pt_nif", "501442600", "501442601"},
        {"mx_curp", "BOXW310820HNERXN09", "BOXW311320HNERXN09"},
        {"au_tfn", "123456782", "123456783"},
        {"dk_cpr", "2110625629", "3210625629"},
        {"kr_rrn", "9710139019902", "9710139019903"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t at = 0;
        while (at < LH_PII_SCHEMES && !lh_str_eq(lh_str_from(pii_schemes[at].name), lh_str_from(cases[i].scheme))) at++;
        CHECK(at < LH_PII_SCHEMES);
        bool good = pii_schemes_of(lh_str_from(cases[i].good), LH_PII_TYPE_TEXT) >> at & 1;
        if (!good) print_error("%s %s\n", cases[i].scheme, cases[i].good);
        CHECK(good);
        CHECK(!(pii_schemes_of(lh_str_from(cases[i].bad), LH_PII_TYPE_TEXT) >> at & 1));
    }
    CHECK(pii_schemes_of(LH_STR("2070803628"), LH_PII_TYPE_WHOLE) & (1u << 4)); /* a PESEL that began with 0 */
    CHECK(!(pii_schemes_of(LH_STR("2070803628"), LH_PII_TYPE_TEXT) & (1u << 4)));
}

static void test_pii__dates_and_amounts(void) {
    static const char *const days[] = {
        "1981-02-28",  "28.02.1981",   "02/28/1981",          "28/02/1981",           "19810228",
        "28 Feb 1981", "Feb 28, 1981", "1981-02-28 00:00:00", "1981-02-28T10:00:00Z", "28-02-81"};
    static const char *const others[] = {"1981-02-30", "1781-02-28", "12:30:00", "31/31/1981",
                                         "1981",       "v1.2.1981x", "",         "19811328"};
    for (size_t i = 0; i < sizeof days / sizeof *days; i++) CHECK(pii_date(lh_str_from(days[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) CHECK(!pii_date(lh_str_from(others[i])));
    CHECK(pii_amount(LH_STR("85000")) && pii_amount(LH_STR("$85,000.00")) && pii_amount(LH_STR("3.200,50 €")));
    CHECK(!pii_amount(LH_STR("0")) && !pii_amount(LH_STR("-5")) && !pii_amount(LH_STR("none")) &&
          !pii_amount(LH_STR("B2")));
}

static void test_pii__words_are_sorted_and_found(void) {
    for (size_t i = 0; i < pii_word_rows(); i++) {
        CHECK(pii_word(pii_word_row(i)));
        if (i) CHECK(strcmp(pii_word_row(i - 1).ptr, pii_word_row(i).ptr) < 0);
    }
    CHECK(pii_word(LH_STR("José")) & PII_GIVEN_NAME && pii_word(LH_STR("MÜLLER")) & PII_SURNAME);
    CHECK(pii_word(LH_STR("Lindenstraße")) & PII_STREET && pii_word(LH_STR("hydrochlorothiazide")) & PII_MEDICAL);
    CHECK(pii_word(LH_STR("rosuvastatin")) == PII_MEDICAL && !pii_word(LH_STR("qqqq")) && !pii_word(LH_STR("a\0b")));
    CHECK(!pii_word(LH_STR_NONE) && pii_is_blank(LH_STR("N/A")) && !pii_is_blank(LH_STR("Nina")));
}

static void test_pii__names_say_what_they_say(void) {
    static const char *const personal[] = {"customerEmail", "first_name", "FIRSTNAME", "DateOfBirth", "pay_rate",
                                           "tel1",          "Straße",     "IPAddress", "ssn_number",  "codice fiscale"};
    static const char *const others[] = {"quantity",   "unnamed7", "email_count", "phone_model",   "salary_band",
                                         "ip_version", "paid",     "display",     "shipping_cost", ""};
    for (size_t i = 0; i < sizeof personal / sizeof *personal; i++)
        CHECK(lh_pii_name_is_personal(lh_str_from(personal[i])));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) CHECK(!lh_pii_name_is_personal(lh_str_from(others[i])));
}

static lh_pii_verdict judge(const char *name, lh_pii_type type, const char *value, size_t times, const char *rest) {
    lh_pii_column column;
    lh_pii_begin(&column, lh_str_from(name), type);
    for (size_t i = 0; i < times; i++) lh_pii_add(&column, lh_str_from(value));
    for (size_t i = times; i < 10; i++) lh_pii_add(&column, lh_str_from(rest));
    lh_pii_add_null(&column);
    return lh_pii_end(&column);
}

static void test_pii__confidence_follows_the_evidence(void) {
    lh_pii_verdict all = judge("a", LH_PII_TYPE_TEXT, "ann@x.org", 10, ""),
                   most = judge("a", LH_PII_TYPE_TEXT, "ann@x.org", 6, "no"),
                   named = judge("email", LH_PII_TYPE_TEXT, "ann@x.org", 6, "no"),
                   blank = judge("a", LH_PII_TYPE_TEXT, "ann@x.org", 1, "N/A");
    CHECK(all.kind == LH_PII_EMAIL && all.values == 10 && all.matched == 10 && !all.named);
    CHECK(most.kind == LH_PII_EMAIL && most.matched == 6 && most.confidence < all.confidence);
    CHECK(named.named && named.confidence > most.confidence);
    CHECK(blank.kind == LH_PII_EMAIL && blank.values == 1 && blank.confidence < all.confidence);
    CHECK(judge("email", LH_PII_TYPE_TEXT, "yes", 5, "no").kind == LH_PII_NONE);
    CHECK(judge("n", LH_PII_TYPE_WHOLE, "123456789", 10, "").kind == LH_PII_NONE);
    CHECK(judge("ssn", LH_PII_TYPE_WHOLE, "1234567", 10, "").kind == LH_PII_SSN); /* 001-23-4567 */
    CHECK(judge("start", LH_PII_TYPE_DATE, "1981-02-28", 10, "").kind == LH_PII_NONE);
    CHECK(judge("dob", LH_PII_TYPE_DATE, "1981-02-28", 10, "").kind == LH_PII_BIRTH);
    CHECK(judge("phone", LH_PII_TYPE_NUMBER, "2125550100.0", 10, "").kind == LH_PII_PHONE);
    CHECK(judge("pay_rate", LH_PII_TYPE_NUMBER, "23.50", 10, "").kind == LH_PII_SALARY);
    lh_pii_verdict id = judge("x", LH_PII_TYPE_TEXT, "12345678Z", 10, "");
    CHECK(id.kind == LH_PII_NATIONAL_ID && lh_str_eq(lh_str_from(id.scheme), LH_STR("es_dni")));
    lh_pii_verdict text =
        judge("t", LH_PII_TYPE_TEXT, "please do write to ann@x.org soon", 3, "there is nothing in this one");
    CHECK(text.kind == LH_PII_TEXT && text.matched == 3 && text.found[LH_PII_EMAIL] == 3);
}

static void finds(const char *text, lh_pii_kind kind, const char *what) {
    size_t at = 0, len = 0;
    lh_pii_kind found = lh_pii_find(lh_str_from(text), 0, &at, &len);
    if (found != kind) print_error("'%s': %s\n", text, lh_pii_kind_name(found));
    CHECK(found == kind);
    if (kind != LH_PII_NONE) CHECK_STR(lh_str_sub(lh_str_from(text), at, len), lh_str_from(what));
}

static void test_pii__texts_are_searched(void) {
    finds("write to ann@x.org, now", LH_PII_EMAIL, "ann@x.org");
    finds("(ann.lee@example.com).", LH_PII_EMAIL, "ann.lee@example.com");
    finds("call +1 (212) 555-0100 x", LH_PII_PHONE, "+1 (212) 555-0100");
    finds("call (212) 555-0100!", LH_PII_PHONE, "(212) 555-0100");
    finds("au 06 12 34 56 78 svp", LH_PII_PHONE, "06 12 34 56 78");
    finds("from 10.20.30.40:80", LH_PII_IP, "10.20.30.40");
    finds("an DE89 3704 0044 0532 0130 00 bis", LH_PII_IBAN, "DE89 3704 0044 0532 0130 00");
    finds("iban DE89370400440532013000.", LH_PII_IBAN, "DE89370400440532013000");
    finds("card 4111-1111-1111-1111", LH_PII_CARD, "4111-1111-1111-1111");
    finds("ssn 123-45-6789", LH_PII_SSN, "123-45-6789");
    finds("order 4155501234 of 2026-01-31 10:30:00", LH_PII_NONE, "");
    finds("library 1.24.3, build 57.0.3245.77", LH_PII_NONE, "");
    finds("id 0191e0f4-6f00-7cc2-8000-3d1f4b6a2c11", LH_PII_NONE, "");
    finds("", LH_PII_NONE, "");
}

LH_TEST_MAIN(LH_TEST(test_pii__forms_of_addresses), LH_TEST(test_pii__forms_of_cards_and_accounts),
             LH_TEST(test_pii__forms_of_numbers_of_people), LH_TEST(test_pii__each_scheme_has_its_check_digit),
             LH_TEST(test_pii__dates_and_amounts), LH_TEST(test_pii__words_are_sorted_and_found),
             LH_TEST(test_pii__names_say_what_they_say), LH_TEST(test_pii__confidence_follows_the_evidence),
             LH_TEST(test_pii__texts_are_searched))
