/* What a column's name says. It is cut into words (snake, camel, kebab case); a word says a kind, leaves one open, or says that the
 * column is something else ("order", "version", "product"). Names written as one word are known by stems ("dateofbirth"). */
#include "pii/pii_internal.h"

#define SAYS(kind) (1u << LH_PII_##kind), 0
#define PERHAPS(kind) 0, (1u << LH_PII_##kind)

static const struct {
    const char *words; /* separated by blanks */
    uint32_t says, perhaps;
} names_kinds[] = {
    {"email emails mail mailbox correo courriel eposta epost", SAYS(EMAIL)},
    {"phone phones telephone tel telefon telefono teléfono telefone téléphone mobile mob mobil movil móvil cell "
     "cellphone celular "
     "handy handynummer telefonnummer mobilnummer rufnummer fax msisdn whatsapp gsm landline portable fon puhelin",
     SAYS(PHONE)},
    {"ssn ssns", SAYS(SSN)},
    {"passport nationalid identity personnr", SAYS(NATIONAL_ID)},
    {"pan creditcard cardnumber ccnum ccnumber kreditkarte kreditkartennummer tarjeta amex visa mastercard",
     SAYS(CARD)},
    {"iban ibans", SAYS(IBAN)},
    {"ip ips ipv4 ipv6 ipaddr ipaddress", SAYS(IP)},
    {"dob birthday birthdate birthdt dateofbirth born birth geburtsdatum geburtstag geboren geboortedatum naissance "
     "nacimiento "
     "nascita nascimento urodzenia fødselsdato fodselsdato födelsedatum doğum",
     SAYS(BIRTH)},
    {"firstname lastname fullname surname surnames forename middlename givenname familyname maiden vorname nachname "
     "familienname "
     "prenom prénom apellido apellidos nome cognome sobrenome imie imię nazwisko fornavn etternavn efternamn förnamn "
     "voornaam achternaam",
     SAYS(NAME)},
    {"name names nombre nom person persona customer client kunde cliente employee mitarbeiter empleado manager author "
     "owner patient "
     "student contact kontakt beneficiary tenant assigned assignee rep agent driver doctor physician cardholder holder "
     "applicant "
     "candidate guest passenger teacher lawyer seller buyer nurse reviewer approver signatory username recipient "
     "sender payee payer "
     "user subscriber spouse guardian supervisor lead attendee instructor",
     PERHAPS(NAME)},
    {"salary salaries wage wages compensation income gehalt lohn salaire sueldo salario salário stipendio "
     "wynagrodzenie earnings "
     "remuneration ctc sal remuneracion",
     SAYS(SALARY)},
    {"address addresses street addr address1 address2 adresse anschrift strasse straße direccion dirección indirizzo "
     "endereco "
     "endereço adres ulica residence domicile calle rue adress gata straat domicilio",
     SAYS(ADDRESS)},
    {"location billto shipto place site premises home delivery", PERHAPS(ADDRESS)},
    {"icd icd9 icd10 diagnosis diagnoses diagnose diag dx medication medications drug drugs medicine prescription rx "
     "treatment therapy "
     "allergy allergies disease illness symptom symptoms disorder medikament comorbidity blood blutgruppe conditions "
     "condition "
     "diagnostico diagnóstico diagnostic medicamento",
     SAYS(MEDICAL)},
    {"contact number numero número numéro nummer", PERHAPS(PHONE)},
};

/* With one of them the name speaks of something about the thing, or of another thing. */
static const char names_about[] = " type types kind count counts total enabled flag status version versions model "
                                  "brand os hash method band grade format domain verified "
                                  "opt optin category level currency duration expiry expires expiration valid validity "
                                  "country region weight language lang frequency "
                                  "provider carrier template subject sent bounced clicked opened consent hidden zone "
                                  "free mask subnet score rank percent pct "
                                  "memory mac wallet web url uri http json ";
static const char names_other[] = " order orders invoice part parts serial case account acct ticket sku tracking batch "
                                  "isbn isbn13 isbn10 upc ean barcode gtin claim policy "
                                  "booking shipment item product products prod company supplier vendor brand city town "
                                  "country state region province county file filename path host "
                                  "hostname server event table species ship vessel team film movie song album book "
                                  "title colour color month weekday day school college "
                                  "university restaurant hotel airport role job department dept division store shop "
                                  "warehouse category group project task app application "
                                  "service system device machine package module class function method field column "
                                  "schema database version release build firmware chapter "
                                  "section oid shelf bin aisle seat cell part slot flight road grade size paper imei "
                                  "routing swift reference transaction txn sequence batch meter "
                                  "epoch created updated timestamp campaign channel segment plan game artist band "
                                  "genre station street_type train route lot asset contract "
                                  "document doc claim member tag tags label status statement park parks planet dish "
                                  "menu ingredient recipe software tool key token hash sum "
                                  "checksum uuid guid ";

static const char names_version[] =
    " version versions release build firmware chapter section clause paragraph oid revision patch mask subnet ";

/* A name's stem without separators, for names that are written as one word. */
static const struct {
    const char *stem;
    lh_pii_kind kind;
} names_stems[] = {
    {"socialsec", LH_PII_SSN},          {"socsec", LH_PII_SSN},
    {"dateofbirth", LH_PII_BIRTH},      {"birthdate", LH_PII_BIRTH},
    {"firstname", LH_PII_NAME},         {"lastname", LH_PII_NAME},
    {"fullname", LH_PII_NAME},          {"middlename", LH_PII_NAME},
    {"givenname", LH_PII_NAME},         {"familyname", LH_PII_NAME},
    {"usernamefull", LH_PII_NAME},      {"ipaddr", LH_PII_IP},
    {"creditcard", LH_PII_CARD},        {"cardno", LH_PII_CARD},
    {"cardnum", LH_PII_CARD},           {"ccnum", LH_PII_CARD},
    {"emailaddr", LH_PII_EMAIL},        {"phonenum", LH_PII_PHONE},
    {"contactnumber", LH_PII_PHONE},    {"contactno", LH_PII_PHONE},
    {"nationalid", LH_PII_NATIONAL_ID}, {"idcard", LH_PII_NATIONAL_ID},
    {"idnumber", LH_PII_NATIONAL_ID},   {"taxid", LH_PII_NATIONAL_ID},
    {"uidnumber", LH_PII_NATIONAL_ID},  {"documento", LH_PII_NATIONAL_ID},
    {"personalid", LH_PII_NATIONAL_ID}, {"bloodgroup", LH_PII_MEDICAL},
    {"bloodtype", LH_PII_MEDICAL},      {"streetaddr", LH_PII_ADDRESS},
    {"monthlypay", LH_PII_SALARY},      {"annualpay", LH_PII_SALARY},
    {"basepay", LH_PII_SALARY},         {"grosspay", LH_PII_SALARY},
    {"netpay", LH_PII_SALARY},          {"hourlypay", LH_PII_SALARY},
    {"payrate", LH_PII_SALARY},         {"remoteaddr", LH_PII_IP},
    {"forwardedfor", LH_PII_IP},
};

static bool names_has(const char *list, lh_str word) {
    for (const char *at = list; *at;) {
        while (*at == ' ') at++;
        const char *end = at;
        while (*end && *end != ' ') end++;
        if (lh_str_eq((lh_str){at, (size_t)(end - at)}, word)) return true;
        at = end;
    }
    return false;
}

static bool names_breaks(lh_str name, size_t at) { /* does a word begin here, with another right before it? */
    char before = name.ptr[at - 1], c = name.ptr[at], after = at + 1 < name.len ? name.ptr[at + 1] : '\0';
    if (pii_upper(c) && !pii_upper(before)) return true;
    return pii_upper(c) && pii_upper(before) && pii_lower(after);
}

/* Lower-case words; `joined` gets them without separators. Digits stay with their word, and also end it: "addr1" is "addr". */
static size_t names_words(lh_str name, char *text, lh_str *words, lh_str *joined) {
    size_t count = 0, used = 0, from = 0;
    name = lh_str_sub(name, 0, PII_NAME_BYTES);
    for (size_t i = 0; i <= name.len; i++) {
        bool in = i < name.len && (pii_letter(name.ptr[i]) || pii_digit(name.ptr[i]));
        bool ends = used > from && (!in || names_breaks(name, i));
        if (ends && count < PII_NAME_WORDS) words[count++] = (lh_str){text + from, used - from};
        if (ends) from = used;
        if (in) text[used++] = pii_to_lower(name.ptr[i]);
    }
    *joined = (lh_str){text, used};
    return count;
}

static lh_str names_without_digits(lh_str word) {
    while (word.len > 1 && pii_digit(word.ptr[word.len - 1])) word.len--;
    return word;
}

static void names_word(lh_pii_column *column, lh_str word) {
    lh_str bare = names_without_digits(word);
    for (size_t i = 0; i < sizeof names_kinds / sizeof *names_kinds; i++) {
        if (!names_has(names_kinds[i].words, word) && !names_has(names_kinds[i].words, bare)) continue;
        column->says |= names_kinds[i].says;
        column->perhaps |= names_kinds[i].perhaps;
    }
    for (size_t i = 0; i < LH_PII_SCHEMES; i++)
        if (names_has(pii_schemes[i].words, bare)) column->name_schemes |= 1u << i;
    column->version |= names_has(names_version, bare);
    column->other |= names_has(names_other, bare) || names_has(names_other, word);
}

/* Words that mean something else beside each other. */
static void names_settle(lh_pii_column *column, const lh_str *words, size_t count, lh_str joined) {
    static const char *const people[] = {"first", "last", "middle", "given", "family",
                                         "full",  "sur",  "maiden", "nick",  "legal"};
    bool name = false, person = false, about = false;
    for (size_t i = 0; i < count; i++) {
        lh_str word = names_without_digits(words[i]);
        name |= lh_str_eq(word, LH_STR("name")) || lh_str_eq(word, LH_STR("names"));
        about |= names_has(names_about, word);
        for (size_t j = 0; j < sizeof people / sizeof *people; j++) person |= lh_str_eq(word, lh_str_from(people[j]));
    }
    for (size_t i = 0; i < sizeof names_stems / sizeof *names_stems; i++)
        if (lh_str_search(joined, lh_str_from(names_stems[i].stem)) != SIZE_MAX)
            column->says |= 1u << names_stems[i].kind;
    if (name && person) column->says |= 1u << LH_PII_NAME;
    if (column->name_schemes) column->says |= 1u << LH_PII_NATIONAL_ID;
    const uint32_t not_street = 1u << LH_PII_EMAIL | 1u << LH_PII_IP;
    if (column->says & not_street) column->says &= ~(1u << LH_PII_ADDRESS);
    const uint32_t numbers = 1u << LH_PII_PHONE | 1u << LH_PII_BIRTH | 1u << LH_PII_SALARY | 1u << LH_PII_ADDRESS;
    if (count > 1 && names_has("id ids key fk pk code", words[count - 1])) column->says &= ~numbers;
    if (about) column->says = column->perhaps = column->name_schemes = 0, column->other = true;
}

void pii_name_read(lh_pii_column *column, lh_str name) {
    char text[PII_NAME_BYTES];
    lh_str words[PII_NAME_WORDS], joined;
    size_t count = names_words(name, text, words, &joined);
    for (size_t i = 0; i < count; i++) names_word(column, words[i]);
    names_settle(column, words, count, joined);
}

bool lh_pii_name_is_personal(lh_str name) {
    lh_pii_column column = {0};
    pii_name_read(&column, name);
    return column.says || column.perhaps & (1u << LH_PII_NAME);
}
