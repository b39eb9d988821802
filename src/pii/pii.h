/* pii: tells from a column's name and sampled values whether it holds personal data, and of which kind. Pure: no I/O, no
 * memory of its own, and no value leaves it but as counts.
 * Depends on: base. Used by: ingest. Thread-safe: a column belongs to one thread at a time. */
#ifndef LH_PII_PII_H
#define LH_PII_PII_H
#include "base/base.h"

typedef enum lh_pii_kind {
    LH_PII_NONE,
    LH_PII_EMAIL,
    LH_PII_PHONE,
    LH_PII_SSN, /* of the United States */
    LH_PII_NATIONAL_ID,
    LH_PII_CARD,
    LH_PII_IBAN,
    LH_PII_IP,
    LH_PII_BIRTH,
    LH_PII_NAME,
    LH_PII_SALARY,
    LH_PII_ADDRESS,
    LH_PII_MEDICAL,
    LH_PII_TEXT, /* free text, some of which holds e-mail addresses, phone numbers, … */
    LH_PII_KINDS
} lh_pii_kind;
const char *lh_pii_kind_name(lh_pii_kind kind); /* "email", "payment_card", …; "none" */

typedef enum lh_pii_type { /* of a column's values before they became text */
                           LH_PII_TYPE_TEXT,
                           LH_PII_TYPE_WHOLE,  /* an integer: it has lost its leading zeros */
                           LH_PII_TYPE_NUMBER, /* with decimals */
                           LH_PII_TYPE_DATE,   /* also with a time */
} lh_pii_type;

enum { LH_PII_SCHEMES = 24, LH_PII_VALUE_BYTES = 2048 /* of a value that are looked at */ };

/* What was counted. Private but for its size: begin, add values, end. */
typedef struct lh_pii_column {
    lh_pii_type type;
    uint32_t says, perhaps; /* kinds that the name says, or leaves open, as bits */
    bool other, version;   /* the name says that it is something else; that it is a version, or a place in an outline */
    uint32_t name_schemes; /* bits of national ids that the name says */
    uint64_t values, nulls, blanks;
    uint64_t email, card, iban, ssn, ssn_bare, ip4, ip4_wide, ip6, phone, phone_national, phone_bare, date, number;
    uint64_t name_full, name_part, name_form, company, street, address_form, icd, icd_bare, medical_word, blood;
    uint32_t icd_lengths, icd_letters;
    uint64_t scheme[LH_PII_SCHEMES], any_scheme, any_strong_scheme;
    uint64_t texts, text_found, found[LH_PII_KINDS];
} lh_pii_column;

/* Starts a column of that name. */
void lh_pii_begin(lh_pii_column *column, lh_str name, lh_pii_type type);
/* Counts one value. Borrowed. */
void lh_pii_add(lh_pii_column *column, lh_str value);
static inline void lh_pii_add_null(lh_pii_column *column) { column->nulls++; }

typedef struct lh_pii_verdict {
    lh_pii_kind kind;
    double confidence;            /* 0 … 0.99 */
    uint64_t values, matched;     /* values that say something; those that fit the kind */
    bool named;                   /* the name says it too */
    const char *scheme;           /* NATIONAL_ID: "es_dni", …; else NULL */
    uint64_t found[LH_PII_KINDS]; /* TEXT: values that hold the kind */
} lh_pii_verdict;
/* The likeliest kind of what was counted; NONE when nothing is likely enough. A column without values is judged by its name. */
lh_pii_verdict lh_pii_end(const lh_pii_column *column);

/* Does the name alone say that values may be personal? */
bool lh_pii_name_is_personal(lh_str name);

/* The first personal datum in a text from `from` on, of the kinds that are known by their form alone (e-mail address, IP
 * address, IBAN, payment card, SSN, phone number): *ret_at and *ret_len are its place. NONE: there is none. */
lh_pii_kind lh_pii_find(lh_str text, size_t from, size_t *ret_at, size_t *ret_len);

#endif
