/* What words a text has, in a form in which two of them can be compared. A word is its stem (lh_terms), one with a digit is itself in
 * lower case without what groups digits and without zeros before them, so that 1,000 and 1000 are one. */
#include "rag/rag_internal.h"

enum { WORDS_MAX = 1 << 16, WORDS_BYTES = 256 };

/* Stand in any English text, and say nothing of what it is about. In order. */
static const char *const words_common[] = {
    "a",      "about", "after",  "all",  "also",  "am",    "an",    "and",   "any",  "are",   "as",    "at",
    "be",     "been",  "before", "but",  "by",    "can",   "could", "did",   "do",   "does",  "for",   "from",
    "had",    "has",   "have",   "he",   "her",   "here",  "him",   "his",   "how",  "i",     "if",    "in",
    "into",   "is",    "it",     "its",  "just",  "many",  "may",   "me",    "more", "most",  "much",  "must",
    "my",     "no",    "not",    "of",   "on",    "one",   "or",    "other", "our",  "out",   "over",  "she",
    "should", "so",    "some",   "such", "than",  "that",  "the",   "their", "them", "then",  "there", "these",
    "they",   "this",  "those",  "to",   "under", "up",    "us",    "very",  "was",  "we",    "were",  "what",
    "when",   "where", "which",  "who",  "whom",  "whose", "why",   "will",  "with", "would", "you",   "your",
};

/* Begin many a sentence, whatever it is about. In order. */
static const char *const words_openers[] = {
    "according", "additionally", "although", "because", "besides", "both",      "despite", "during",    "each",
    "either",    "every",        "finally",  "first",   "further", "however",   "instead", "likewise",  "moreover",
    "neither",   "next",         "nobody",   "overall", "second",  "similarly", "since",   "therefore", "though",
    "thus",      "unlike",       "until",    "while",   "within",  "without",   "yes",     "yet",
};

static int words_compare(const void *a, const void *b) { return lh_str_cmp(*(const lh_str *)a, *(const lh_str *)b); }

static int words_compare_common(const void *key, const void *item) {
    return lh_str_cmp(*(const lh_str *)key, lh_str_from(*(const char *const *)item));
}

static bool words_are_in(lh_str lower, const char *const *list, size_t count) {
    return bsearch(&lower, list, count, sizeof *list, words_compare_common) != NULL;
}

static bool words_is_opener(lh_str lower) {
    return words_are_in(lower, words_openers, sizeof words_openers / sizeof *words_openers);
}

static bool words_is_common(lh_str lower) {
    return words_are_in(lower, words_common, sizeof words_common / sizeof *words_common);
}

static bool words_is_digit(char c) { return c >= '0' && c <= '9'; }

static bool words_has_digit(lh_str word) {
    for (size_t i = 0; i < word.len; i++)
        if (words_is_digit(word.ptr[i])) return true;
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
    while (zeros + 1 < length && number[zeros] == '0' && words_is_digit(number[zeros + 1])) zeros++;
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
    return words->count && bsearch(&word, words->items, words->count, sizeof *words->items, words_compare);
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
    qsort(sorted, count, sizeof *sorted, words_compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !lh_str_eq(sorted[kept - 1], sorted[i])) sorted[kept++] = sorted[i];
    *ret = (rag_words){sorted, kept};
    return LH_OK;
}

/* ---- sentences ---- */

/* "- ", "* ", "> ", "# ", "3. " and "3) " at the beginning of a line. */
static size_t words_list_mark(lh_str line) {
    size_t at = 0;
    while (at < line.len && strchr(" \t#>*-+|", line.ptr[at])) at++;
    size_t digits = at;
    while (digits < line.len && words_is_digit(line.ptr[digits])) digits++;
    bool numbered =
        digits > at && digits + 1 < line.len && strchr(".)", line.ptr[digits]) && line.ptr[digits + 1] == ' ';
    return numbered ? digits + 2 : at;
}

/* Lines that were only broken are one: a list, a heading and an empty line begin anew. */
static lh_str words_unwrap(lh_str text, lh_arena *arena) {
    char *into = lh_arena_alloc(arena, text.len + 1);
    if (!into) return LH_STR_NONE;
    memcpy(into, text.ptr ? text.ptr : "", text.len);
    bool heading = text.len && text.ptr[0] == '#';
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (into[i] != '\n') continue;
        lh_str rest = lh_str_sub(text, i + 1, text.len);
        bool stays = heading || text.ptr[i + 1] == '\n' || (i && text.ptr[i - 1] == '\n') || words_list_mark(rest) > 0;
        heading = text.ptr[i + 1] == '#';
        if (!stays) into[i] = ' ';
    }
    return (lh_str){into, text.len};
}

/* A line that begins or ends code: "```sh"; of it, is there a word behind? */
static bool words_is_fence(lh_str line, bool *ret_info) {
    line = lh_str_trim(line);
    char of = line.len ? line.ptr[0] : 0;
    size_t marks = 0;
    while (marks < line.len && line.ptr[marks] == of) marks++;
    *ret_info = marks < line.len;
    return (of == '`' || of == '~') && marks >= 3 &&
           lh_str_find(lh_str_sub(line, marks, line.len), of) == line.len - marks;
}

/* Does it begin within code? Only a fence that begins some has a word behind it. */
static bool words_begins_in_code(lh_str text) {
    bool inside = false, info;
    for (lh_str rest = text; rest.len;) {
        if (!words_is_fence(lh_str_split(&rest, '\n'), &info)) continue;
        if (info) return inside;
        inside = !inside;
    }
    return false;
}

/* The text with ends of lines where code was. */
static lh_str words_without_code(lh_str text, lh_arena *arena) {
    char *into = lh_arena_alloc(arena, text.len + 1);
    bool inside = words_begins_in_code(text), info;
    if (!into) return LH_STR_NONE;
    memcpy(into, text.ptr ? text.ptr : "", text.len);
    for (lh_str rest = text; rest.len;) {
        lh_str line = lh_str_split(&rest, '\n');
        bool fence = words_is_fence(line, &info);
        if (fence || inside) memset(into + (line.ptr - text.ptr), '\n', line.len);
        if (fence) inside = !inside;
    }
    return (lh_str){into, text.len};
}

static bool words_has_letter(lh_str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    }
    return false;
}

lh_code rag_sentences_of(lh_breaks *sentences, lh_str text, bool wrapped, lh_arena *arena, lh_str **ret,
                         size_t *ret_count, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf items = LH_BUF_INIT(WORDS_MAX * sizeof(lh_str));
    lh_str sentence;
    if (wrapped) text = words_unwrap(words_without_code(text, arena), arena);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_breaks_begin(sentences, text, err));
    while (lh_breaks_next(sentences, text, &sentence)) {
        sentence = lh_str_trim(sentence);
        bool says_nothing =
            sentence.len && (sentence.ptr[0] == '#' || lh_str_search(sentence, LH_STR("```")) != SIZE_MAX);
        if (wrapped && says_nothing) continue; /* a heading, or code between its fences */
        sentence = lh_str_trim(lh_str_sub(sentence, words_list_mark(sentence), sentence.len));
        if (words_has_letter(sentence)) lh_buf_append(&items, (lh_str){(const char *)&sentence, sizeof sentence});
    }
    LH_TRY(lh_buf_check(&items, err));
    *ret_count = items.len / sizeof(lh_str);
    *ret = LH_ARENA_ARRAY(arena, lh_str, *ret_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    if (items.len) memcpy(*ret, items.ptr, items.len);
    return LH_OK;
}
