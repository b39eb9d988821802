/* Text into terms: words as Unicode tells them apart (UAX 29, by ICU; of Chinese, Japanese, Thai and the like by its dictionaries),
 * each in the form of NFKC_Casefold, and then its stem by Snowball, where that has the language. Numbers are words; punctuation is
 * none. Two words of one term are the same for a search. */
#include "base/base.h"

#include <libstemmer.h>
#include <unicode/uchar.h>
#include <unicode/uloc.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

enum {
    TERMS_WORD_BYTES = 256,                    /* of a word; what is longer is cut */
    TERMS_FOLDED_UNITS = 18 * TERMS_WORD_BYTES /* no character becomes more than 18 */
};

struct lh_terms { /* all owned but for `fold` */
    lh_breaks *words;
    const UNormalizer2 *fold;
    struct sb_stemmer *stemmer; /* NULL: none */
    char term[3 * TERMS_FOLDED_UNITS];
    UChar word[TERMS_WORD_BYTES], folded[TERMS_FOLDED_UNITS];
};

/* Bokmål and Nynorsk are the Norwegian of Snowball. */
static struct sb_stemmer *terms_stemmer(const char *locale) {
    char language[ULOC_LANG_CAPACITY];
    UErrorCode status = U_ZERO_ERROR;
    uloc_getLanguage(locale, language, sizeof language, &status);
    if (U_FAILURE(status) || !language[0]) return NULL;
    bool norwegian = strcmp(language, "nb") == 0 || strcmp(language, "nn") == 0;
    return sb_stemmer_new(norwegian ? "no" : language, NULL);
}

lh_code lh_terms_new(lh_str locale, lh_terms **ret, lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = calloc(1, sizeof *terms);
    UErrorCode status = U_ZERO_ERROR;
    char name[64];
    if (!terms) return lh_fail(err, LH_NO_MEMORY, "terms: out of memory");
    LH_TRY(lh_str_to_cstr(locale, name, sizeof name, err));
    LH_TRY(lh_breaks_new(LH_BREAKS_WORDS, locale, &terms->words, err));
    terms->fold = unorm2_getNFKCCasefoldInstance(&status);
    if (U_FAILURE(status)) return lh_fail(err, LH_INVALID, "no rules for words of the locale '%s'", name);
    terms->stemmer = terms_stemmer(name);
    *ret = lh_take(&terms);
    return LH_OK;
}

void lh_terms_free(lh_terms *terms) {
    if (!terms) return;
    lh_breaks_free(terms->words);
    sb_stemmer_delete(terms->stemmer);
    free(terms);
}

lh_code lh_terms_begin(lh_terms *terms, lh_str text, lh_error *err) { return lh_breaks_begin(terms->words, text, err); }

bool lh_terms_next(lh_terms *terms, lh_str text, lh_str *ret_word) {
    while (lh_breaks_next(terms->words, text, ret_word))
        if (lh_breaks_is_word(terms->words)) return true;
    return false;
}

/* Of ASCII alone letters change to lower case. */
static bool terms_fold_ascii(lh_terms *terms, lh_str word) {
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        if ((unsigned char)c >= 0x80) return false;
        terms->term[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return true;
}

/* Bytes of terms->term; 0: nothing is left. */
static int32_t terms_fold_unicode(lh_terms *terms, lh_str word) {
    UErrorCode status = U_ZERO_ERROR;
    int32_t length = 0;
    u_strFromUTF8WithSub(terms->word, TERMS_WORD_BYTES, &length, word.ptr, (int32_t)word.len, 0xFFFD, NULL, &status);
    length = unorm2_normalize(terms->fold, terms->word, length, terms->folded, TERMS_FOLDED_UNITS, &status);
    u_strToUTF8(terms->term, sizeof terms->term, &length, terms->folded, length, &status);
    return U_SUCCESS(status) ? length : 0;
}

lh_str lh_terms_fold(lh_terms *terms, lh_str word) {
    word = lh_str_cut_utf8(word, TERMS_WORD_BYTES);
    int32_t length = terms_fold_ascii(terms, word) ? (int32_t)word.len : terms_fold_unicode(terms, word);
    return (lh_str){terms->term, (size_t)length};
}

lh_str lh_terms_of(lh_terms *terms, lh_str word) {
    lh_str folded = lh_terms_fold(terms, word);
    if (!terms->stemmer || folded.len == 0) return folded;
    const sb_symbol *stem = sb_stemmer_stem(terms->stemmer, (const sb_symbol *)terms->term, (int)folded.len);
    return stem ? (lh_str){(const char *)stem, (size_t)sb_stemmer_length(terms->stemmer)} : LH_STR_NONE;
}

bool lh_terms_is_capital(lh_str word) {
    UChar32 first = 0;
    if (word.len == 0) return false;
    U8_GET((const uint8_t *)word.ptr, 0, 0, (int32_t)word.len, first);
    return first >= 0 && (u_isupper(first) || u_istitle(first));
}
