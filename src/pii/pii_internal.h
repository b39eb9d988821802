/* Private to pii: a value's shape, forms with check digits, words. */
#ifndef LH_PII_INTERNAL_H
#define LH_PII_INTERNAL_H
#include "pii/pii.h"

enum { PII_COMPACT_BYTES = 40, PII_NAME_BYTES = 256, PII_NAME_WORDS = 16, PII_TOKENS = 12 };

static inline bool pii_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool pii_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool pii_lower(char c) { return c >= 'a' && c <= 'z'; }
static inline bool pii_letter(char c) { return pii_upper(c) || pii_lower(c) || (unsigned char)c >= 0x80; }
static inline char pii_to_lower(char c) { return pii_upper(c) ? (char)(c + 32) : c; }
static inline char pii_to_upper(char c) { return pii_lower(c) ? (char)(c - 32) : c; }

/* One pass over a value: what is in it decides which forms are worth a look. */
typedef struct pii_shape {
    lh_str text; /* trimmed */
    size_t digits, letters, spaces, dots, dashes, colons, slashes, commas, ats, others, words;
    char compact[PII_COMPACT_BYTES]; /* letters in capitals and digits, when they fit */
    size_t compact_len;              /* SIZE_MAX: they do not */
} pii_shape;
void pii_shape_of(lh_str text, pii_shape *ret);

/* ---- forms.c ---- */
bool pii_email(lh_str text);                    /* the whole text is one address */
bool pii_ip4(lh_str text, unsigned *ret_first); /* a.b.c.d, no mask and no zero net; *ret_first: a */
bool pii_ip6(lh_str text);
bool pii_luhn(lh_str digits);
bool pii_iban(lh_str text);           /* spaces are passed over */
bool pii_card(lh_str digits);         /* issuer, length, Luhn */
bool pii_ssn(lh_str digits);          /* nine digits: area, group, serial */
bool pii_nanp(lh_str digits);         /* ten digits of North America */
bool pii_country_code(lh_str digits); /* does it begin with a country code of E.164? */
bool pii_icd(lh_str compact);         /* category and letters of ICD-10, without the dot */
bool pii_date(lh_str text);           /* a day from 1900 on, in one of the usual forms */
bool pii_day(unsigned year, unsigned month, unsigned day);
bool pii_amount(lh_str text); /* a positive number, maybe with a currency and grouping */

/* ---- schemes.c: national ids ---- */
typedef struct pii_scheme {
    const char *name;
    unsigned length; /* of the compact form that an integer is padded to; 0: not of digits only */
    bool strong;     /* what passes by chance is rare enough to go without a name */
    bool (*check)(lh_str compact);
    const char *words; /* of column names, separated by blanks */
} pii_scheme;
extern const pii_scheme pii_schemes[LH_PII_SCHEMES];
uint32_t pii_schemes_of(lh_str compact, lh_pii_type type); /* bits */

/* ---- names.c ---- */
void pii_name_read(lh_pii_column *column, lh_str name);

/* ---- words.c: one word, the case of letters and accents do not count ---- */
enum { /* bits */
       PII_GIVEN_NAME = 1,
       PII_SURNAME = 2,
       PII_TITLE = 4,
       PII_COMPANY = 8,
       PII_STREET = 16, /* also by its ending: -straße, -laan */
       PII_MEDICAL = 32 /* also by its ending: -itis, -statin */
};
unsigned pii_word(lh_str word);
bool pii_is_blank(lh_str value); /* a word for "not known" */
size_t pii_word_rows(void);      /* the list itself, for its test */
lh_str pii_word_row(size_t index);
#endif
