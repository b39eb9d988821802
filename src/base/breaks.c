/* ICU's iterator over a text that stays where it is; and where a sentence does not end although ICU's rules say so: behind an
 * abbreviation, an initial, the day of a date ("15. Januar"), the "!" of an image. ICU has a filter of its own for abbreviations
 * (@ss=standard), which looks at letters, not at words, so that no sentence could end with "FAQ" for "Q.", and whose list of English
 * lacks "Dr."; so its lists, of the locale, are read here, and another beside them. */
#include "base/base.h"

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/uloc.h>
#include <unicode/ures.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

enum { BREAKS_WORD_BYTES = 32, BREAKS_LIST_BYTES = 64 << 10 }; /* the first: of an abbreviation */

struct lh_breaks { /* all owned */
    UBreakIterator *iterator;
    UText *text;
    bool sentences;
    char *list;     /* the locale's abbreviations, a NUL behind each */
    lh_str *listed; /* in order */
    size_t listed_count;
};

/* Of any locale, as texts of several languages stand in one lake; without the last point. In order. */
static const char *const breaks_abbreviations[] = {
    "Abs",  "Asst", "Attn", "Ca",   "Capt", "Co",  "Corp", "Dept", "Dipl", "Dott",  "Dr",     "Dra",  "Drs",    "E.g",
    "Fr",   "Gen",  "Gov",  "Hon",  "Hr",   "Hrn", "I.e",  "Inc",  "Lt",   "Ltd",   "Ltda",   "Maj",  "Messrs", "Mio",
    "Mlle", "Mme",  "Mr",   "Mrd",  "Mrs",  "Ms",  "Nr",   "Prof", "Rev",  "Sen",   "Sgt",    "Sig",  "Sr",     "Sra",
    "Srta", "St",   "Str",  "Tel",  "Tsd",  "Ud",  "Uds",  "Vgl",  "Z.B",  "al",    "approx", "bspw", "bzgl",   "bzw",
    "ca",   "cf",   "d.h",  "dott", "dr",   "e.g", "evtl", "exkl", "ggf",  "i.d.R", "i.e",    "incl", "inkl",   "insb",
    "prof", "tel",  "u.a",  "vgl",  "viz",  "vs",  "z.B",  "z.T",  "zzgl",
};
/* Only in front of a number: "Is it allowed? No. Ask first." */
static const char *const breaks_of_numbers[] = {
    "Abb", "App",  "Art", "Bd",  "Ch",  "Chap", "Eq",   "Ext", "Fig", "Figs", "Kap", "No", "Nos",  "Núm", "P",
    "Pág", "Ref",  "S",   "Sec", "Tab", "Vol",  "Ziff", "app", "art", "c",    "cap", "ch", "chap", "eq",  "ext",
    "fig", "figs", "n",   "no",  "nos", "núm",  "p",    "pp",  "pág", "ref",  "sec", "v",  "ver",  "vol",
};
/* Of a firm's name, which may go on ("Acme Inc. Bristol") or end a sentence. */
static const char *const breaks_of_firms[] = {"Co", "Corp", "Inc", "Ltd", "Ltda"};
/* Begin a sentence, and no name: behind "vitamin C." and "Acme Inc." In order. */
static const char *const breaks_openers[] = {
    "A",     "Aber",  "After", "All",  "Also",  "And",    "Are",    "At",      "Auch", "Because", "Before",  "But",
    "By",    "Das",   "Der",   "Die",  "Diese", "Dieser", "Dieses", "Does",    "Ein",  "Eine",    "Ella",    "Elle",
    "Er",    "Es",    "Esta",  "Este", "Every", "For",    "From",   "He",      "His",  "How",     "However", "I",
    "Ich",   "If",    "Il",    "Ils",  "In",    "Is",     "It",     "Its",     "Je",   "No",      "Not",     "Nous",
    "On",    "Our",   "Pero",  "She",  "Sie",   "Since",  "Some",   "Such",    "That", "The",     "Their",   "Then",
    "There", "These", "They",  "This", "Those", "To",     "Und",    "Une",     "We",   "Wenn",    "What",    "When",
    "Where", "Which", "While", "Who",  "Why",   "Wir",    "With",   "Without", "You",  "Your",
};
static const char *const breaks_months[] = {
    "Januar", "Februar", "März",      "April",   "Mai",      "Juni",
    "Juli",   "August",  "September", "Oktober", "November", "Dezember",
};

/* ---- the locale's list ---- */

/* Of one with spaces ("n. Chr.") each part; what has no point is none. */
static void breaks_note(lh_buf *list, lh_str item) {
    for (lh_str rest = item; rest.len;) {
        lh_str part = lh_str_split(&rest, ' ');
        if (!lh_str_ends(part, LH_STR("."))) continue;
        lh_buf_append(list, part);
        lh_buf_char(list, '\0');
    }
}

static void breaks_read(const UResourceBundle *items, lh_buf *list) {
    for (int32_t i = 0; i < ures_getSize(items); i++) {
        UErrorCode status = U_ZERO_ERROR;
        char text[4 * BREAKS_WORD_BYTES];
        int32_t units = 0, bytes = 0;
        const UChar *item = ures_getStringByIndex(items, i, &units, &status);
        u_strToUTF8(text, sizeof text, &bytes, item, units, &status);
        if (U_SUCCESS(status) && (size_t)bytes < sizeof text) breaks_note(list, (lh_str){text, (size_t)bytes});
    }
}

static bool breaks_sort(lh_breaks *breaks, const lh_buf *list) {
    size_t count = 0;
    for (size_t i = 0; i < list->len; i++) count += list->ptr[i] == '\0';
    breaks->list = malloc(list->len + 1);
    breaks->listed = calloc(count + 1, sizeof *breaks->listed);
    if (!breaks->list || !breaks->listed) return false;
    if (list->len) memcpy(breaks->list, list->ptr, list->len);
    for (lh_str rest = {breaks->list, list->len}; rest.len;)
        breaks->listed[breaks->listed_count++] = lh_str_split(&rest, '\0');
    qsort(breaks->listed, breaks->listed_count, sizeof *breaks->listed, lh_str_order);
    return true;
}

/* Languages without a list have none. */
static bool breaks_list(lh_breaks *breaks, const char *locale) {
    LH_CLEANUP(lh_buf_done) lh_buf list = LH_BUF_INIT(BREAKS_LIST_BYTES);
    UErrorCode status = U_ZERO_ERROR;
    UResourceBundle *rules = ures_open(U_ICUDATA_NAME "-brkitr", locale, &status);
    if (status == U_USING_DEFAULT_WARNING) status = U_MISSING_RESOURCE_ERROR; /* that is the process's language */
    UResourceBundle *exceptions = ures_getByKey(rules, "exceptions", NULL, &status);
    UResourceBundle *items = ures_getByKey(exceptions, "SentenceBreak", NULL, &status);
    if (U_SUCCESS(status)) breaks_read(items, &list);
    ures_close(items);
    ures_close(exceptions);
    ures_close(rules);
    return lh_buf_check(&list, NULL) == LH_OK && breaks_sort(breaks, &list);
}

/* ICU has the rules of all languages for one that it does not know, and for what is none: a slip of the pen would go unseen. Of
 * words it may, for indexes that were made with such a locale are searched still. */
static bool breaks_is_locale(const char *name) {
    UErrorCode status = U_ZERO_ERROR;
    char language[16];
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' ||
              *c == '-'))
            return false;
    int32_t length = uloc_getLanguage(name, language, sizeof language, &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING) return false;
    return length == 0 || strcmp(language, "root") == 0 || uloc_getISO3Language(name)[0] != 0;
}

lh_code lh_breaks_new(lh_breaks_kind kind, lh_str locale, lh_breaks **ret, lh_error *err) {
    LH_CLEANUP(lh_breaks_freep) lh_breaks *breaks = calloc(1, sizeof *breaks);
    UErrorCode status = U_ZERO_ERROR;
    char name[64];
    if (!breaks) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    LH_TRY(lh_str_to_cstr(locale, name, sizeof name, err));
    if (kind == LH_BREAKS_SENTENCES && !breaks_is_locale(name))
        return lh_fail(err, LH_INVALID, "there is no language of the locale '%.*s': say one like en, de_AT or root",
                       LH_STR_ARG(locale));
    breaks->sentences = kind == LH_BREAKS_SENTENCES;
    breaks->iterator = ubrk_open(breaks->sentences ? UBRK_SENTENCE : UBRK_WORD, name, NULL, 0, &status);
    if (U_FAILURE(status)) return lh_fail(err, LH_INTERNAL, "the rules of the locale '%s' cannot be opened", name);
    if (breaks->sentences && !breaks_list(breaks, name)) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *ret = lh_take(&breaks);
    return LH_OK;
}

void lh_breaks_free(lh_breaks *breaks) {
    if (!breaks) return;
    if (breaks->iterator) ubrk_close(breaks->iterator);
    utext_close(breaks->text);
    free(breaks->listed);
    free(breaks->list);
    free(breaks);
}

lh_code lh_breaks_begin(lh_breaks *breaks, lh_str text, lh_error *err) {
    UErrorCode status = U_ZERO_ERROR;
    breaks->text = utext_openUTF8(breaks->text, text.len ? text.ptr : "", (int64_t)text.len, &status);
    ubrk_setUText(breaks->iterator, breaks->text, &status);
    return U_SUCCESS(status) ? LH_OK : lh_fail(err, LH_NO_MEMORY, "out of memory");
}

/* ---- no end ---- */

static bool breaks_is_digit(char c) { return c >= '0' && c <= '9'; }
static bool breaks_is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/* The word at the end of the piece, with its point; longer than an abbreviation: none. */
static lh_str breaks_last_word(lh_str piece) {
    size_t start = piece.len;
    while (start > 0 && piece.len - start <= BREAKS_WORD_BYTES && !strchr(" \t\r\n([{\"'/-", piece.ptr[start - 1]))
        start--;
    return piece.len - start > BREAKS_WORD_BYTES ? LH_STR_NONE : lh_str_sub(piece, start, piece.len - start);
}

static UChar32 breaks_first(lh_str text) {
    UChar32 first = -1;
    text = lh_str_sub(text, 0, U8_MAX_LENGTH);
    if (text.len) U8_GET((const uint8_t *)text.ptr, 0, 0, (int32_t)text.len, first);
    return first < 0 ? 0 : first;
}

/* A capital letter at its begin, or a letter of a script that has none. */
static bool breaks_is_capital(lh_str text) {
    UChar32 first = breaks_first(text);
    return u_isalpha(first) && !u_isULowercase(first);
}

/* "J.", "é.", "%." at its begin; of two bytes at most, so nothing of Chinese. */
static bool breaks_is_character(lh_str text) {
    unsigned char first = text.len ? (unsigned char)text.ptr[0] : 0;
    return first < 0xE0 && lh_str_starts(lh_str_sub(text, first < 0x80 ? 1 : 2, 1), LH_STR("."));
}

static bool breaks_is_opener(lh_str text) {
    size_t end = 0;
    while (end < text.len && end < BREAKS_WORD_BYTES && !strchr(" \t\r\n,:;'", text.ptr[end])) end++;
    return lh_str_is_in(lh_str_sub(text, 0, end), breaks_openers, sizeof breaks_openers / sizeof *breaks_openers);
}

/* "OK.", "PC.": lists have some of them, and sentences end with them. */
static bool breaks_is_acronym(lh_str word) {
    size_t capitals = 0;
    while (capitals + 1 < word.len && breaks_is_upper(word.ptr[capitals])) capitals++;
    return capitals >= 2 && capitals + 1 == word.len;
}

static bool breaks_is_day(lh_str word, lh_str next) {
    bool number = word.len <= 3;
    for (size_t i = 0; i + 1 < word.len; i++) number = number && breaks_is_digit(word.ptr[i]);
    for (size_t i = 0; number && i < sizeof breaks_months / sizeof *breaks_months; i++) {
        lh_str month = lh_str_from(breaks_months[i]);
        if (lh_str_starts(next, month) && !u_isalpha(breaks_first(lh_str_sub(next, month.len, SIZE_MAX)))) return true;
    }
    return false;
}

/* "9 a.m. The": an hour ends a sentence as well as not, and one cut is better than none to be seen. */
static bool breaks_is_hour(lh_str word) {
    return lh_str_eq_nocase(word, LH_STR("a.m.")) || lh_str_eq_nocase(word, LH_STR("p.m."));
}

/* word: with its point; next: what follows. */
static bool breaks_is_abbreviation(const lh_breaks *breaks, lh_str word, lh_str next) {
    if (word.len < 2 || breaks_is_hour(word)) return false;
    lh_str name = lh_str_sub(word, 0, word.len - 1);
    bool numbered = next.len && breaks_is_digit(next.ptr[0]);
    if (breaks_is_day(word, next)) return true;
    if (numbered && lh_str_is_in(name, breaks_of_numbers, sizeof breaks_of_numbers / sizeof *breaks_of_numbers))
        return true;
    bool one = breaks_is_character(word) && lh_str_find(word, '.') + 1 == word.len;
    if (one && breaks_is_capital(word)) return breaks_is_capital(next) && !breaks_is_opener(next); /* "J. Smith" */
    if (one && u_islower(breaks_first(word)) && breaks_is_character(next)) return true;            /* "z. B." */
    if (breaks_is_acronym(word)) return false;
    if (lh_str_is_in(name, breaks_of_firms, sizeof breaks_of_firms / sizeof *breaks_of_firms))
        return !breaks_is_opener(next);
    return lh_str_is_in(name, breaks_abbreviations, sizeof breaks_abbreviations / sizeof *breaks_abbreviations) ||
           bsearch(&word, breaks->listed, breaks->listed_count, sizeof *breaks->listed, lh_str_order) != NULL;
}

/* Does the sentence go on behind the piece? An end of a line ends it. */
static bool breaks_go_on(const lh_breaks *breaks, lh_str piece, lh_str rest) {
    size_t end = piece.len;
    while (end > 0 && (piece.ptr[end - 1] == ' ' || piece.ptr[end - 1] == '\t')) end--;
    piece = lh_str_sub(piece, 0, end);
    if (lh_str_ends(piece, LH_STR("!["))) return true; /* the begin of an image */
    return lh_str_ends(piece, LH_STR(".")) && breaks_is_abbreviation(breaks, breaks_last_word(piece), rest);
}

bool lh_breaks_next(lh_breaks *breaks, lh_str text, lh_str *ret) {
    int32_t start = ubrk_current(breaks->iterator), end = ubrk_next(breaks->iterator);
    if (end == UBRK_DONE) return false;
    while (breaks->sentences && (size_t)end < text.len &&
           breaks_go_on(breaks, lh_str_sub(text, (size_t)start, (size_t)(end - start)),
                        lh_str_sub(text, (size_t)end, SIZE_MAX)))
        end = ubrk_next(breaks->iterator);
    *ret = lh_str_sub(text, (size_t)start, (size_t)end - (size_t)start);
    return true;
}

bool lh_breaks_is_word(const lh_breaks *breaks) {
    return ubrk_getRuleStatus(breaks->iterator) >= UBRK_WORD_NONE_LIMIT;
}
