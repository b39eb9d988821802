/* ICU's iterator over a text that stays where it is; and where a sentence does not end although ICU's rules say so: behind an
 * abbreviation, an initial, the day of a date ("15. Januar"), the "!" of an image. ICU has lists of abbreviations too, for a filter of
 * its own (@ss=standard): they lack "Dr.", and have "In.", "To." and "All.", with which sentences end. So the lists are ours.
 *
 * Whether "U.S." or "Sr." ends one is told by what follows: a word that begins sentences ends it. Where both may be, two sentences in
 * one are better than one in two. */
#include "base/base.h"

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/uloc.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

enum { BREAKS_WORD_BYTES = 32 }; /* of an abbreviation */

struct lh_breaks { /* all owned */
    UBreakIterator *iterator;
    UText *text;
    bool sentences;
};

/* Of any language, as texts of several stand in one lake; without the last point. Only what is no word that ends a sentence in one
 * of them: no "min", no "ex". In order, as all lists here. */
static const char *const breaks_abbreviations[] = {
    "Abt",  "Adr",  "Arq",   "Asst",  "Attn", "Aufl", "Ausg",    "Av",     "Avda",   "Ave",   "B.Sc", "Blvd", "Bzgl",
    "Capt", "Chr",  "Cmdr",  "Cnel",  "Col",  "Cpl",  "Dept",    "Depto",  "Dipl",   "Dir",   "Dott", "Dpto", "Dr",
    "Dra",  "Dres", "Drs",   "Dto",   "Dña",  "EE",   "Eds",     "Excma",  "Excmo",  "Exma",  "Exmo", "Fa",   "Fam",
    "Fr",   "Frl",  "Ft",    "Gebr",  "Gen",  "Ges",  "Ggf",     "Gov",    "Gral",   "Hbf",   "Hd",   "Hnos", "Hon",
    "Hr",   "Hrn",  "Hrsg",  "Ilma",  "Ilmo", "Ing",  "Inh",     "Inkl",   "Jr",     "Kfm",   "Lcda", "Lcdo", "Lda",
    "Ldo",  "Lic",  "Licda", "Licdo", "Lt",   "M.Sc", "MM",      "Maj",    "Messrs", "Mgr",   "Mio",  "Mlle", "Mlles",
    "Mme",  "Mmes", "Mons",  "Mr",    "Mrd",  "Mrs",  "Ms",      "Mt",     "Nr",     "Ph.D",  "Prof", "Rd",   "Rev",
    "Rvdo", "Sen",  "Sgt",   "Sig",   "Sr",   "Sra",  "Sras",    "Sres",   "Srta",   "Srtas", "St",   "Sta",  "Std",
    "Ste",  "Sto",  "Str",   "Stv",   "Sté",  "Supt", "Tel",     "Tsd",    "Tél",    "Ud",    "Uds",  "Vd",   "Vda",
    "Vds",  "Vgl",  "Zt",    "Zzgl",  "adr",  "al",   "ap",      "approx", "aprox",  "av",    "bes",  "bspw", "bzgl",
    "bzw",  "ca",   "cf",    "dott",  "dpto", "dr",   "einschl", "ej",     "entspr", "env",   "evtl", "excl", "exkl",
    "geb",  "gegr", "gem",   "gez",   "ggf",  "incl", "inkl",    "insb",   "kath",   "lt",    "mind", "núms", "prof",
    "sog",  "stv",  "tel",   "tägl",  "tél",  "vgl",  "vid",     "viz",    "vs",     "wg",    "zzgl", "zzt"};
/* Only in front of a number: "Is it allowed? No. Ask first." */
static const char *const breaks_of_numbers[] = {
    "ART",  "Abb", "Abs", "App",  "Apr",  "Art",  "Aug",  "Bd",  "Ch",  "Chap", "Dec",   "Dez", "Di",   "Do",  "Eq",
    "Ext",  "FIG", "Feb", "Fig",  "Figs", "Fr",   "Fri",  "Jan", "Jul", "Jun",  "Kap",   "Mar", "Mi",   "Mo",  "Mon",
    "NO",   "No",  "Nos", "Nov",  "Núm",  "Oct",  "Okt",  "P",   "Pág", "Págs", "REV",   "Ref", "Rev",  "Réf", "S",
    "SEC",  "Sa",  "Sat", "Sec",  "Sep",  "Sept", "So",   "Sun", "Tab", "Thu",  "Thurs", "Tue", "Tues", "Vol", "Wed",
    "Ziff", "abr", "abs", "ago",  "app",  "art",  "avr",  "c",   "cap", "ch",   "chap",  "dic", "déc",  "ene", "eq",
    "ext",  "feb", "fig", "figs", "févr", "janv", "juil", "jul", "jun", "mar",  "n",     "no",  "nos",  "nov", "núm",
    "oct",  "p",   "pp",  "pág",  "págs", "ref",  "rev",  "réf", "sec", "sep",  "sept",  "v",   "ver",  "vol"};
/* End a name, and so a sentence as well: it goes on only with "KG", "CEO". */
static const char *const breaks_of_firms[] = {"Cie", "Co", "Corp", "Cía", "Inc", "Ltd", "Ltda"};
/* A letter behind one tells things apart ("vitamin C."), and is no initial. In lower case. */
static const char *const breaks_labelled[] = {
    "anexo",    "anhang",   "annexe",    "apartment", "appendix",  "aula",   "bloc",      "block",    "bloque",
    "building", "category", "categoría", "clase",     "class",     "classe", "column",    "columna",  "epígrafe",
    "exhibit",  "fase",     "figure",    "gate",      "gebäude",   "grade",  "grado",     "group",    "groupe",
    "grupo",    "gruppe",   "grösse",    "größe",     "hepatitis", "item",   "kategorie", "klasse",   "level",
    "niveau",   "nivel",    "opcion",    "opción",    "option",    "part",   "parte",     "phase",    "plan",
    "point",    "punkt",    "punto",     "raum",      "room",      "sala",   "salle",     "schedule", "sección",
    "section",  "sektion",  "size",      "spalte",    "step",      "stufe",  "tabelle",   "tabla",    "table",
    "team",     "teil",     "terminal",  "tier",      "tipo",      "typ",    "type",      "variante", "version",
    "versión",  "vitamin",  "vitamina",  "vitamine",  "zona",      "zone"};
/* A number behind one is the third of something, in German: "im 3. Quartal". In lower case. */
static const char *const breaks_articles[] = {"bis",   "das",   "dem",   "den",  "der", "des", "die", "im",
                                              "jeden", "jeder", "jedes", "seit", "vom", "zum", "zur"};
/* Begin a sentence, and no name: behind "by Mr. K.", "in the U.S.". */
static const char *const breaks_openers[] = {
    "A",    "Aber",    "After", "All",  "Also",    "And",  "Are",   "At",     "Auch",   "Because", "Before", "But",
    "By",   "Ce",      "Cette", "Das",  "Der",     "Die",  "Diese", "Dieser", "Dieses", "Does",    "Ein",    "Eine",
    "El",   "Ella",    "Elle",  "Er",   "Es",      "Esta", "Este",  "Every",  "For",    "From",    "He",     "His",
    "How",  "However", "I",     "Ich",  "If",      "Il",   "Ils",   "In",     "Is",     "It",      "Its",    "Je",
    "Les",  "Mais",    "No",    "Nos",  "Not",     "Nous", "On",    "Our",    "Para",   "Pero",    "Por",    "She",
    "Si",   "Sie",     "Since", "Some", "Such",    "That", "The",   "Their",  "Then",   "There",   "These",  "They",
    "This", "Those",   "To",    "Und",  "Une",     "We",   "Wenn",  "What",   "When",   "Where",   "Which",  "While",
    "Who",  "Why",     "Wir",   "With", "Without", "You",  "Your"};
static const char *const breaks_months[] = {
    "April", "August", "Dezember", "Februar",  "Januar",  "Juli",
    "Juni",  "Mai",    "März",     "November", "Oktober", "September",
};

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
    *ret = lh_take(&breaks);
    return LH_OK;
}

void lh_breaks_free(lh_breaks *breaks) {
    if (!breaks) return;
    if (breaks->iterator) ubrk_close(breaks->iterator);
    utext_close(breaks->text);
    free(breaks);
}

lh_code lh_breaks_begin(lh_breaks *breaks, lh_str text, lh_error *err) {
    UErrorCode status = U_ZERO_ERROR;
    breaks->text = utext_openUTF8(breaks->text, text.len ? text.ptr : "", (int64_t)text.len, &status);
    ubrk_setUText(breaks->iterator, breaks->text, &status);
    return U_SUCCESS(status) ? LH_OK : lh_fail(err, LH_NO_MEMORY, "out of memory");
}

/* ---- no end ---- */

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

#define BREAKS_IS_IN(word, list) lh_str_is_in(word, list, sizeof(list) / sizeof *(list))

/* "J.", "é.", "%." at its begin; of two bytes at most, so nothing of Chinese. */
static bool breaks_is_character(lh_str text) {
    unsigned char first = text.len ? (unsigned char)text.ptr[0] : 0;
    return first < 0xE0 && lh_str_starts(lh_str_sub(text, first < 0x80 ? 1 : 2, 1), LH_STR("."));
}

/* "Chr." of "n. Chr.", "B." of "z. B.": the second half of an abbreviation. */
static bool breaks_is_half(lh_str next) {
    size_t point = lh_str_find(lh_str_sub(next, 0, 4), '.');
    return point > 0 && point < next.len && point < 4;
}

/* "U.S.", "i.d.R.", "S.p.A.": single letters, each with a point. */
static bool breaks_is_dotted(lh_str word) {
    size_t letters = 0;
    for (; u_isalpha(breaks_first(word)) && breaks_is_character(word); letters++)
        word = lh_str_sub(word, lh_str_find(word, '.') + 1, SIZE_MAX);
    return letters > 1 && word.len == 0;
}

static bool breaks_has_capital(lh_str word) {
    for (size_t i = 0; i < word.len; i++)
        if (breaks_is_upper(word.ptr[i])) return true;
    return false;
}

static lh_str breaks_first_word(lh_str text) {
    size_t end = 0;
    while (end < text.len && end < BREAKS_WORD_BYTES && !strchr(" \t\r\n.,:;'", text.ptr[end])) end++;
    return lh_str_sub(text, 0, end);
}

/* "A." is an initial. */
static bool breaks_is_opener(lh_str text) {
    lh_str word = breaks_first_word(text);
    return BREAKS_IS_IN(word, breaks_openers) && !lh_str_starts(lh_str_sub(text, word.len, 1), LH_STR("."));
}

/* "KG", "CEO" */
static bool breaks_is_acronym(lh_str word) {
    size_t capitals = 0;
    while (capitals < word.len && breaks_is_upper(word.ptr[capitals])) capitals++;
    return capitals >= 2 && capitals == word.len;
}

/* Its ASCII letters small, in the buffer. */
static lh_str breaks_lower(lh_str word, char into[BREAKS_WORD_BYTES + 1]) {
    for (size_t i = 0; i < word.len; i++)
        into[i] = breaks_is_upper(word.ptr[i]) ? (char)(word.ptr[i] - 'A' + 'a') : word.ptr[i];
    return (lh_str){into, word.len};
}

static bool breaks_has_digit(lh_str word) {
    for (size_t i = 0; i < word.len; i++)
        if (lh_is_digit(word.ptr[i])) return true;
    return false;
}

/* Digits and points. */
static bool breaks_is_number(lh_str word) {
    for (size_t i = 0; i < word.len; i++)
        if (!lh_is_digit(word.ptr[i]) && word.ptr[i] != '.') return false;
    return word.len > 0;
}

/* "15. Januar", "im 3. Quartal". */
static bool breaks_is_ordinal(lh_str before, lh_str word, lh_str next) {
    return word.len <= 3 && breaks_is_number(word) &&
           (BREAKS_IS_IN(breaks_first_word(next), breaks_months) ||
            (BREAKS_IS_IN(before, breaks_articles) && breaks_is_capital(next)));
}

/* "9 a.m. The": an hour ends a sentence as well as not, and one cut is better than none to be seen. */
static bool breaks_is_hour(lh_str word) {
    return lh_str_eq_nocase(word, LH_STR("a.m.")) || lh_str_eq_nocase(word, LH_STR("p.m."));
}

/* Of a letter with a point: is it an initial, "J. Smith", or half of an abbreviation, "z. B."? */
static bool breaks_is_initial(lh_str before, lh_str word, lh_str next) {
    if (breaks_is_capital(word))
        return breaks_is_capital(next) && !breaks_is_opener(next) && !BREAKS_IS_IN(before, breaks_labelled);
    return u_islower(breaks_first(word)) && breaks_is_half(next);
}

/* piece: ends with a point; next: what follows. */
static bool breaks_is_abbreviation(lh_str piece, lh_str next) {
    lh_str word = breaks_last_word(piece);
    if (word.len < 2 || breaks_is_hour(word)) return false;
    lh_str name = lh_str_sub(word, 0, word.len - 1), rest = lh_str_sub(piece, 0, piece.len - word.len);
    char lower[BREAKS_WORD_BYTES + 1];
    lh_str before = breaks_lower(breaks_last_word(lh_str_trim(rest)), lower);
    bool alone = lh_str_trim(rest).len == 0, numbered = breaks_has_digit(breaks_first_word(next)); /* "No. R2199" */
    if (alone && breaks_is_number(word)) return true;                                              /* "3.2. Payment" */
    if (breaks_is_ordinal(before, word, next) || (numbered && BREAKS_IS_IN(name, breaks_of_numbers))) return true;
    if (breaks_is_character(word) && lh_str_find(word, '.') + 1 == word.len)
        return breaks_is_initial(before, word, next);
    if (BREAKS_IS_IN(name, breaks_of_firms))
        return !breaks_is_capital(next) || breaks_is_acronym(breaks_first_word(next));
    if (!breaks_is_dotted(word) && !BREAKS_IS_IN(name, breaks_abbreviations)) return false;
    return alone || !breaks_has_capital(word) || !breaks_is_opener(next);
}

/* Does the sentence go on behind the piece? An end of a line ends it. */
static bool breaks_go_on(lh_str piece, lh_str rest) {
    size_t end = piece.len;
    while (end > 0 && (piece.ptr[end - 1] == ' ' || piece.ptr[end - 1] == '\t')) end--;
    bool whole = end == piece.len && end > 0 && strchr(".!?", piece.ptr[end - 1]);
    piece = lh_str_sub(piece, 0, end);
    if (lh_str_ends(piece, LH_STR("!["))) return true; /* the begin of an image */
    if (whole && lh_str_starts(rest, LH_STR("*")))
        return true; /* "**Note.** It is": the marks belong to what they end */
    return lh_str_ends(piece, LH_STR(".")) && breaks_is_abbreviation(piece, rest);
}

bool lh_breaks_next(lh_breaks *breaks, lh_str text, lh_str *ret) {
    int32_t start = ubrk_current(breaks->iterator), end = ubrk_next(breaks->iterator);
    if (end == UBRK_DONE) return false;
    while (
        breaks->sentences && (size_t)end < text.len &&
        breaks_go_on(lh_str_sub(text, (size_t)start, (size_t)(end - start)), lh_str_sub(text, (size_t)end, SIZE_MAX)))
        end = ubrk_next(breaks->iterator);
    *ret = lh_str_sub(text, (size_t)start, (size_t)end - (size_t)start);
    return true;
}

bool lh_breaks_is_word(const lh_breaks *breaks) { return ubrk_getRuleStatus(breaks->iterator) >= UBRK_WORD_NONE_LIMIT; }
