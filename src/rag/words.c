/* What words a text has, in a form in which two of them can be compared. A word is its stem (lh_terms), one with a digit is itself in
 * lower case without what groups digits and without zeros before them, so that 1,000 and 1000 are one. */
#include "rag/rag_internal.h"

enum { WORDS_MAX = 1 << 16, WORDS_BYTES = 256 };

/* Stand in any text of their language, and say nothing of what it is about: of English, German, Spanish and French, but for those that
 * say something in another of them ("die", "son", "pour"). In order. */
static const char *const words_common[] = {
    "a",       "aber",    "about",    "after",   "al",     "all",      "als",     "also",    "am",     "an",
    "and",     "any",     "are",      "as",      "at",     "au",       "auch",    "auf",     "aus",    "aux",
    "avec",    "be",      "been",     "before",  "bei",    "bis",      "but",     "by",      "can",    "cannot",
    "ce",      "ces",     "cette",    "combien", "con",    "could",    "cuál",    "cuáles",  "cuándo", "cuánta",
    "cuántas", "cuánto",  "cuántos",  "cómo",    "dans",   "das",      "dass",    "de",      "del",    "dem",
    "den",     "der",     "des",      "did",     "diese",  "dieser",   "dieses",  "do",      "does",   "donde",
    "du",      "durch",   "dónde",    "ein",     "eine",   "einem",    "einen",   "einer",   "eines",  "el",
    "ella",    "elle",    "en",       "es",      "esta",   "este",     "está",    "et",      "for",    "from",
    "für",     "gibt",    "haben",    "had",     "happen", "happened", "happens", "has",     "have",   "hay",
    "he",      "her",     "here",     "him",     "his",    "how",      "i",       "ich",     "if",     "ihr",
    "ihre",    "il",      "ils",      "im",      "in",     "into",     "is",      "ist",     "it",     "its",
    "je",      "just",    "kann",     "kein",    "keine",  "können",   "la",      "las",     "le",     "les",
    "leur",    "leurs",   "lo",       "los",     "mais",   "many",     "may",     "me",      "mein",   "meine",
    "mit",     "more",    "most",     "much",    "muss",   "must",     "muy",     "my",      "más",    "nach",
    "nicht",   "no",      "nos",      "not",     "notre",  "nous",     "oder",    "of",      "on",     "one",
    "or",      "other",   "ou",       "our",     "out",    "over",     "où",      "para",    "pas",    "pero",
    "por",     "porque",  "pourquoi", "quand",   "que",    "quel",     "quelle",  "quelles", "quels",  "qui",
    "quién",   "quiénes", "qué",      "se",      "sein",   "seine",    "ser",     "ses",     "she",    "should",
    "sich",    "sie",     "sind",     "so",      "sobre",  "some",     "sont",    "su",      "such",   "sus",
    "than",    "that",    "the",      "their",   "them",   "then",     "there",   "these",   "they",   "this",
    "those",   "tiene",   "to",       "um",      "un",     "una",      "und",     "under",   "une",    "unos",
    "uns",     "unser",   "unsere",   "unter",   "up",     "us",       "very",    "viel",    "viele",  "vom",
    "von",     "vor",     "vos",      "votre",   "vous",   "wann",     "warum",   "was",     "we",     "welche",
    "welchem", "welchen", "welcher",  "welches", "wenn",   "wer",      "werden",  "were",    "what",   "when",
    "where",   "which",   "who",      "whom",    "whose",  "why",      "wie",     "wieviel", "will",   "wir",
    "wird",    "with",    "wo",       "would",   "you",    "your",     "zu",      "zum",     "zur",    "über",
};

/* Begin many a sentence, whatever it is about. In order. */
static const char *const words_openers[] = {
    "according", "additionally", "although", "because", "besides", "both",      "despite", "during",    "each",
    "either",    "every",        "finally",  "first",   "further", "however",   "instead", "likewise",  "moreover",
    "neither",   "next",         "nobody",   "overall", "second",  "similarly", "since",   "therefore", "though",
    "thus",      "unlike",       "until",    "while",   "within",  "without",   "yes",     "yet",
};

/* One of them tells that nouns have capitals, and names are not known by theirs. In order. */
static const char *const words_german[] = {
    "das",   "dem",    "der",     "ein",     "eine", "gibt", "ist", "wann",
    "warum", "welche", "welcher", "welches", "wer",  "wie",  "wo",
};

static bool words_is_opener(lh_str lower) {
    return lh_str_is_in(lower, words_openers, sizeof words_openers / sizeof *words_openers);
}

static bool words_is_common(lh_str lower) {
    return lh_str_is_in(lower, words_common, sizeof words_common / sizeof *words_common);
}


static bool words_has_digit(lh_str word) {
    for (size_t i = 0; i < word.len; i++)
        if (lh_is_digit(word.ptr[i])) return true;
    return false;
}

static lh_str words_number(lh_str word, lh_arena *arena) {
    char number[WORDS_BYTES];
    size_t length = 0;
    word = lh_arena_lower(arena, lh_str_cut_utf8(word, WORDS_BYTES));
    for (size_t i = 0; i < word.len; i++) {
        bool groups = word.ptr[i] == ',' || word.ptr[i] == '\'' || word.ptr[i] == '_';
        if (!groups) number[length++] = word.ptr[i];
    }
    size_t zeros = 0;
    while (zeros + 1 < length && number[zeros] == '0' && lh_is_digit(number[zeros + 1])) zeros++;
    return lh_arena_dup(arena, (lh_str){number + zeros, length - zeros});
}

/* Two capitals, or one where a sentence would not have it. */
static bool words_is_name(lh_str word, bool first) {
    size_t capitals = 0;
    for (size_t i = 0; i < word.len; i++) capitals += word.ptr[i] >= 'A' && word.ptr[i] <= 'Z';
    return word.len > 1 && (capitals > 1 || (!first && lh_terms_is_capital(word)));
}

static bool words_is_wanted(lh_str word, rag_words_kind kind, bool first, lh_arena *arena) {
    if (kind == RAG_WORDS_ALL) return true;
    if (kind == RAG_WORDS_LEAD) {
        lh_str lower = lh_arena_lower(arena, word);
        return first && word.len > 1 && lh_terms_is_capital(word) && !words_is_common(lower) && !words_is_opener(lower);
    }
    if (kind == RAG_WORDS_FACTS) return words_has_digit(word) || words_is_name(word, first);
    return !words_is_common(lh_arena_lower(arena, word));
}

bool rag_words_have(const rag_words *words, lh_str word) {
    return words->count && bsearch(&word, words->items, words->count, sizeof *words->items, lh_str_order);
}

double rag_words_share(const rag_words *words, const rag_words *of) {
    size_t found = 0;
    for (size_t i = 0; i < of->count; i++) found += rag_words_have(words, of->items[i]);
    return of->count ? (double)found / (double)of->count : 1;
}

lh_code rag_words_of(lh_terms *terms, lh_str text, rag_words_kind kind, lh_arena *arena, rag_words *ret,
                     lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf items = LH_BUF_INIT(WORDS_MAX * sizeof(lh_str));
    lh_str word;
    bool first = true;
    size_t count = 0, kept = 0;
    LH_TRY(lh_terms_begin(terms, text, err));
    for (; lh_terms_next(terms, text, &word); first = false) {
        if (!words_is_wanted(word, kind, first, arena)) continue;
        lh_str item = words_has_digit(word) ? words_number(word, arena) : lh_arena_dup(arena, lh_terms_of(terms, word));
        if (item.len) lh_buf_append(&items, (lh_str){(const char *)&item, sizeof item});
    }
    LH_TRY(lh_buf_check(&items, err));
    count = items.len / sizeof(lh_str);
    lh_str *sorted = LH_ARENA_ARRAY(arena, lh_str, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    if (count) memcpy(sorted, items.ptr, items.len);
    qsort(sorted, count, sizeof *sorted, lh_str_order);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !lh_str_eq(sorted[kept - 1], sorted[i])) sorted[kept++] = sorted[i];
    *ret = (rag_words){sorted, kept};
    return LH_OK;
}

lh_code rag_words_names(lh_terms *terms, lh_str text, lh_arena *arena, size_t *ret, lh_error *err) {
    lh_str word;
    bool first = true, before = false, german = false;
    size_t count = 0;
    LH_TRY(lh_terms_begin(terms, text, err));
    for (; lh_terms_next(terms, text, &word); first = false) {
        bool is = words_is_wanted(word, RAG_WORDS_FACTS, first, arena);
        german = german ||
                 lh_str_is_in(lh_arena_lower(arena, word), words_german, sizeof words_german / sizeof *words_german);
        count += is && !before;
        before = is;
    }
    *ret = german ? 0 : count;
    return lh_arena_check(arena, err);
}
