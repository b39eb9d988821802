/* Chunks of texts that were written, and of many that chance wrote: whatever the text, these properties hold. */
#include "base/test.h"
#include "vector/vector_internal.h"

#include <stdio.h>

static void test_chunk__no_sentence_ends_with_an_abbreviation_and_a_locale_is_one(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = NULL;
    lh_text_chunk *chunks = NULL;
    lh_error err = {0};
    size_t count;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_chunker_new(&(lh_chunk_options){.size = 24, .locale = LH_STR("en")}, &chunker, &err));
    CHECK_OK(lh_chunker_split(chunker, LH_STR("It is so. Mr. Smith went. He is gone."), arena, &chunks, &count, &err));
    CHECK(count == 3);
    CHECK_STR(chunks[1].text, LH_STR("Mr. Smith went. "));
    static const char *const good[] = {"", "root", "und", "en", "de_AT", "en-US", "zh_Hant", "ja", "sw"};
    static const char *const bad[] = {"xx", "日本", "en; drop", "en@ss=none", "klingon", "e"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        LH_CLEANUP(lh_chunker_freep) lh_chunker *one = NULL;
        CHECK_OK(lh_chunker_new(&(lh_chunk_options){.size = 24, .locale = lh_str_from(good[i])}, &one, &err));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        LH_CLEANUP(lh_chunker_freep) lh_chunker *one = NULL;
        CHECK(lh_chunker_new(&(lh_chunk_options){.size = 24, .locale = lh_str_from(bad[i])}, &one, &err) == LH_INVALID);
        CHECK(strstr(err.message, bad[i]));
    }
}

static lh_text_chunk *split(uint32_t size, uint32_t overlap, lh_str text, lh_arena *arena, size_t *ret_count) {
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = NULL;
    lh_text_chunk *chunks = NULL;
    lh_error err = {0};
    CHECK_OK(
        lh_chunker_new(&(lh_chunk_options){.size = size, .overlap = overlap, .locale = LH_STR("en")}, &chunker, &err));
    CHECK_OK(lh_chunker_split(chunker, text, arena, &chunks, ret_count, &err));
    return chunks;
}

static size_t characters(lh_str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

static void test_chunk__whole_sentences_are_packed_and_overlap(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    size_t count;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_text_chunk *chunks = split(40, 20, LH_STR("One is here. Two is there. Three is far away. Four."), arena, &count);
    CHECK(count == 2);
    CHECK_STR(chunks[0].text, LH_STR("One is here. Two is there. "));
    CHECK_STR(chunks[1].text, LH_STR("Two is there. Three is far away. Four."));
    CHECK(chunks[1].start == 13 && chunks[1].end == 51);
    chunks =
        split(40, 12, LH_STR("One is here, and two is there too. Three."), arena, &count); /* no sentence fits: words */
    CHECK(count == 2);
    CHECK_STR(chunks[1].text, LH_STR("there too. Three."));
    split(40, 20, LH_STR(""), arena, &count);
    CHECK(count == 0);
}

static void test_chunk__a_heading_goes_with_its_text(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    size_t count;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_text_chunk *chunks =
        split(40, 0, LH_STR("Something is said before.\n## Skills\nC and SQL, for ten years.\n"), arena, &count);
    CHECK(count == 2);
    CHECK_STR(chunks[0].text, LH_STR("Something is said before.\n"));
    CHECK_STR(chunks[1].text, LH_STR("## Skills\nC and SQL, for ten years.\n"));
}

/* The text that comes behind `lead`, in which no chunk of that size ends, is a chunk of its own; or not, where there is no heading. */
static void check_heading(lh_str text, bool together) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf all = LH_BUF_INIT(1 << 20);
    lh_str lead = LH_STR("Something is said before.\n\n");
    lh_error err = {0};
    size_t count;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_buf_append(&all, lead);
    lh_buf_append(&all, text);
    lh_text_chunk *chunks = split(48, 0, lh_buf_str(&all), arena, &count);
    CHECK(count == 2);
    if (together) CHECK_STR(chunks[1].text, text);
    else CHECK(chunks[1].text.len < text.len);
}

static void test_chunk__headings_are_those_of_markdown(void) {
    static const char *const good[] = {
        "## Skills\nC and SQL, for ten years.",        "## Skills\n\nC and SQL, for ten years.",
        "## A. Skills\nC and SQL, for ten years.",     "Skills\n===\nC and SQL, for ten years.",
        "Skills\n------\n\nC and SQL, for ten years.", "A. Skills\r\n---\r\nC, for many years.",
        "# A\n\n## B\n\nC and SQL, for ten years."};
    static const char *const none[] = {
        "```\n# Skills\nC and SQL, for ten years.",    "~~~sh\n# Skills\nC and SQL, for ten.",
        "````\n```\n# Skills\nC, for ten long years.", "``` \n---\n# Sk\nC and SQL, for ten years.",
        "#Skills\nC and SQL, for many more years.",    "- Skills\n---\nC and SQL, for ten years.",
        "x\nSkills\n---\nC and SQL, for ten years."};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) check_heading(lh_str_from(good[i]), true);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) check_heading(lh_str_from(none[i]), false);
}

static void test_chunk__of_headings_that_do_not_all_fit_the_last_goes_with_its_text(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str text = LH_STR("# What she did\n\nSkills\n------\n\nC and SQL, for ten years.\n");
    lh_error err = {0};
    size_t count;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_text_chunk *chunks = split(44, 0, text, arena, &count);
    CHECK(count == 2);
    CHECK_STR(chunks[1].text, LH_STR("Skills\n------\n\nC and SQL, for ten years.\n"));
    chunks = split(40, 0, text, arena, &count); /* nor does that one: no heading is cut in two */
    CHECK(count == 2);
    CHECK_STR(chunks[1].text, LH_STR("C and SQL, for ten years.\n"));
}

static void test_chunk__what_does_not_fit_is_cut_at_words_then_characters(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    size_t count;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    lh_text_chunk *chunks = split(16, 0, LH_STR("a sentence without an end that is long"), arena, &count);
    for (size_t i = 0; i + 1 < count; i++)
        CHECK(chunks[i].text.ptr[chunks[i].text.len - 1] == ' ' || chunks[i + 1].text.ptr[0] == ' ');
    CHECK(count == 3);
    chunks = split(16, 0, LH_STR("ééééééééééééééééééééééééé"), arena, &count); /* 25 */
    CHECK(count == 2 && characters(chunks[0].text) == 16 && characters(chunks[1].text) == 9);
}

static size_t count_bytes(void *ctx, lh_str text) {
    (void)ctx;
    return text.len;
}

/* The same properties in another unit: here of one token a byte. */
static void test_chunk__tokens_are_counted_by_who_knows_them(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = NULL;
    lh_text_chunk *chunks = NULL;
    lh_error err = {0};
    size_t count;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK_OK(lh_chunker_new(&(lh_chunk_options){.size = 16, .count_tokens = count_bytes}, &chunker, &err));
    CHECK_OK(lh_chunker_split(chunker, LH_STR("éééééééééééé é"), arena, &chunks, &count, &err));
    for (size_t i = 0; i < count; i++) CHECK(chunks[i].text.len <= 16 && lh_str_is_utf8(chunks[i].text));
}

static void test_chunk__bad_options_and_texts_are_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = NULL;
    lh_text_chunk *chunks = NULL;
    lh_error err = {0};
    size_t count;
    CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
    CHECK(lh_chunker_new(&(lh_chunk_options){.size = 8}, &chunker, &err) == LH_INVALID);
    CHECK(lh_chunker_new(&(lh_chunk_options){.size = 100, .overlap = 51}, &chunker, &err) == LH_INVALID);
    CHECK_OK(lh_chunker_new(&(lh_chunk_options){.size = 100}, &chunker, &err));
    CHECK(lh_chunker_split(chunker, LH_STR("a\xff"), arena, &chunks, &count, &err) == LH_INVALID);
}

/* ---- by chance ---- */

static const char *const pieces[] = {"word ",
                                     "another ",
                                     "end. ",
                                     "Really? ",
                                     "\n",
                                     "\n\n",
                                     "# Head\n",
                                     "=====\n",
                                     "---\n",
                                     "```\n",
                                     "~~~c\n",
                                     "é",
                                     "日本語。",
                                     "ไทยภาษา",
                                     "👩‍👩‍👧 ",
                                     "Mr. Smith said so. ",
                                     "x",
                                     "3.14 ",
                                     "\t",
                                     "- item\n",
                                     "superlongwordwithoutanyplacetobreakit"};

static void random_text(uint64_t seed, lh_buf *into) {
    size_t count = seed % 97;
    for (size_t i = 0; i < count; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        lh_buf_append(into, lh_str_from(pieces[(seed >> 33) % (sizeof pieces / sizeof *pieces)]));
    }
}

static void check_properties(lh_str text, const lh_text_chunk *chunks, size_t count, uint32_t size, uint32_t overlap) {
    size_t covered = 0; /* bytes */
    for (size_t i = 0; i < count; i++) {
        size_t start = (size_t)(chunks[i].text.ptr - text.ptr), end = start + chunks[i].text.len;
        CHECK(start <= covered && end > covered); /* nothing is left out, each brings something new, in order */
        CHECK(characters(lh_str_sub(text, start, covered - start)) <= overlap);
        CHECK(characters(chunks[i].text) <= size);
        CHECK(lh_str_is_utf8(chunks[i].text));
        CHECK(chunks[i].start == characters(lh_str_sub(text, 0, start)));
        CHECK(chunks[i].end == chunks[i].start + characters(chunks[i].text));
        covered = end;
    }
    CHECK(covered == text.len);
}

static void test_chunk__any_text_is_covered_in_order_within_size_and_overlap(void) {
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 20);
        lh_error err = {0};
        size_t count;
        uint32_t size = 16 + (uint32_t)(seed * 7 % 200), overlap = (uint32_t)(seed * 13 % (size / 2 + 1));
        CHECK_OK(lh_arena_new(1 << 20, &arena, &err));
        random_text(seed * UINT64_C(0x9e3779b97f4a7c15), &text);
        const lh_text_chunk *chunks = split(size, overlap, lh_buf_str(&text), arena, &count);
        check_properties(lh_buf_str(&text), chunks, count, size, overlap);
    }
}

/* ---- sentences, headings and overlap, beside an account of their own ---- */

typedef struct {
    const char *locale, *words[8], *end, *between;
} language;
static const language languages[] = {
    {"en", {"Mr. Smith", "the boat", "sails", "on Monday", "3.14", "e.g. a", "(again)", "Well,"}, ". ", " "},
    {"de", {"Der Kahn", "fährt", "am Montag", "Straße", "Äpfel", "und", "doch,", "weiter"}, "! ", " "},
    {"el", {"το πλοίο", "φεύγει", "αύριο", "και", "όχι", "ναι", "εδώ", "εκεί"}, "; ", " "},
    {"ja", {"船", "は", "月曜日", "に", "出航", "する", "東京", "から"}, "。", ""},
    {"th", {"เรือ", "ออก", "วัน", "จันทร์", "ไป", "กรุง", "เทพ", "และ"}, "! ", ""},
};

static uint64_t draw(uint64_t *seed, uint64_t below) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

enum { HEADINGS_MAX = 80 };
typedef struct {
    size_t starts[HEADINGS_MAX], ends[HEADINGS_MAX], count; /* with the blank lines behind */
} headings;

static void write_heading(const char *words, uint64_t kind, lh_buf *into, headings *ret) {
    if (ret->count && ret->ends[ret->count - 1] == into->len) ret->ends[ret->count - 1] += 2;
    lh_buf_append(into, LH_STR("\n\n"));
    ret->starts[ret->count] = into->len;
    lh_buf_printf(into, kind & 1 ? "## %s\n" : kind & 2 ? "%s\n=====\n" : "%s\n---\n", words);
    if (kind & 4) lh_buf_append(into, LH_STR("\n\n"));
    ret->ends[ret->count++] = into->len;
}

static void write_text(const language *of, uint64_t seed, lh_buf *into, headings *ret) {
    for (uint64_t left = 1 + draw(&seed, HEADINGS_MAX / 2); left > 0; left--) {
        uint64_t kind = draw(&seed, 48);
        const char *words = of->words[draw(&seed, 8)];
        if (kind < 8) write_heading(words, kind, into, ret);
        if (kind < 4) write_heading(of->words[draw(&seed, 8)], 7 - kind, into, ret);
        if (kind == 8 || kind == 9)
            lh_buf_printf(into, kind == 8 ? "\n```\n# %s\n```\n" : "\n~~~~\n```\n# %s\n~~~~\n", words);
        for (uint64_t words_left = 1 + draw(&seed, 12), w = 0; w < words_left; w++)
            lh_buf_printf(into, "%s%s", w ? of->between : "", of->words[draw(&seed, 8)]);
        lh_buf_append(into, lh_str_from(of->end));
    }
}

typedef struct {
    size_t start, end, length;
    bool heading, begins; /* begins: one */
} sentence;
enum { SENTENCES_MAX = 512 };
static bool is_of(const headings *h, size_t at, bool *ret_begins) {
    for (size_t i = 0; i < h->count; i++) {
        *ret_begins = at == h->starts[i];
        if (at >= h->starts[i] && at < h->ends[i]) return true;
    }
    return *ret_begins = false;
}

static size_t sentences_of(const language *of, lh_str text, const headings *h, size_t (*measure)(void *, lh_str),
                           sentence *into) {
    LH_CLEANUP(lh_breaks_freep) lh_breaks *breaks = NULL;
    lh_error err = {0};
    lh_str piece;
    size_t count = 0;
    CHECK_OK(lh_breaks_new(LH_BREAKS_SENTENCES, lh_str_from(of->locale), &breaks, &err));
    CHECK_OK(lh_breaks_begin(breaks, text, &err));
    for (; lh_breaks_next(breaks, text, &piece); count++) {
        CHECK(count < SENTENCES_MAX);
        size_t at = (size_t)(piece.ptr - text.ptr);
        bool begins = false, heading = is_of(h, at, &begins);
        into[count] = (sentence){at, at + piece.len, measure(NULL, piece), heading, begins};
    }
    return count;
}

static bool holds(lh_str text, const lh_text_chunk *chunks, size_t count, size_t start, size_t end) {
    for (size_t i = 0; i < count; i++) {
        size_t from = (size_t)(chunks[i].text.ptr - text.ptr);
        if (from <= start && from + chunks[i].text.len >= end) return true;
    }
    return false;
}

static size_t measure_characters(void *ctx, lh_str text) {
    (void)ctx;
    return characters(text);
}

/* Where the words begin that fit into `most` at the end of the sentence. */
static size_t words_from(const language *of, lh_str text, const sentence *s, size_t (*measure)(void *, lh_str),
                         size_t most) {
    LH_CLEANUP(lh_breaks_freep) lh_breaks *breaks = NULL;
    lh_error err = {0};
    lh_str whole = lh_str_sub(text, s->start, s->end - s->start), piece;
    CHECK_OK(lh_breaks_new(LH_BREAKS_WORDS, lh_str_from(of->locale), &breaks, &err));
    CHECK_OK(lh_breaks_begin(breaks, whole, &err));
    while (lh_breaks_next(breaks, whole, &piece)) {
        size_t at = (size_t)(piece.ptr - text.ptr);
        if (at > s->start && lh_str_trim(piece).len && measure(NULL, lh_str_sub(text, at, s->end - at)) <= most)
            return at;
    }
    return s->end;
}

/* All sentences fit here. The overlap is whole sentences, and one more would be too many; or words of the last, and no sentence
 * would have fitted. *words: of such joints, how many. */
static void check_joint(const language *of, lh_str text, size_t (*measure)(void *, lh_str), const sentence *s,
                        size_t count, size_t previous_start, size_t start, size_t joint, const lh_chunk_options *o,
                        size_t *words) {
    size_t next = 0, needed = 0;
    while (next < count && s[next].start < joint) next++; /* the first that is new */
    for (size_t i = next; i < count; i++) {
        needed += s[i].length;
        if (!s[i].heading) break;
    }
    CHECK(next > 0 && next < count && s[next].start == joint);
    size_t from = next, length = 0;
    while (from > 0 && s[from - 1].start > previous_start && length + s[from - 1].length <= o->overlap &&
           length + s[from - 1].length + needed <= o->size)
        length += s[--from].length;
    if (from < next) {
        CHECK(start == s[from].start);
        return;
    }
    size_t most = needed > o->size ? 0 : o->size - needed;
    if (most > o->overlap) most = o->overlap;
    CHECK(start == (s[next - 1].heading ? joint : words_from(of, text, &s[next - 1], measure, most)));
    *words += start < joint;
}

static void check_language(const language *of, uint64_t seed, size_t (*measure)(void *, lh_str), size_t *words) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf written = LH_BUF_INIT(1 << 20);
    static sentence s[SENTENCES_MAX];
    lh_text_chunk *chunks = NULL;
    lh_error err = {0};
    size_t count, longest = 16;
    CHECK_OK(lh_arena_new(4 << 20, &arena, &err));
    headings h = {0};
    write_text(of, seed, &written, &h);
    lh_str text = lh_buf_str(&written);
    size_t sentences = sentences_of(of, text, &h, measure, s);
    for (size_t i = 0; i < sentences; i++)
        if (s[i].length > longest) longest = s[i].length;
    lh_chunk_options options = {.size = (uint32_t)(longest + draw(&seed, 200)), .locale = lh_str_from(of->locale)};
    options.overlap = (uint32_t)draw(&seed, options.size / 2 + 1);
    if (measure != measure_characters) options.count_tokens = measure;
    CHECK_OK(lh_chunker_new(&options, &chunker, &err));
    CHECK_OK(lh_chunker_split(chunker, text, arena, &chunks, &count, &err));
    for (size_t i = 0; i < sentences; i++) {
        size_t last = i, length = s[i].length;
        while (s[last].heading && last + 1 < sentences) length += s[++last].length;
        CHECK(holds(text, chunks, count, s[i].start, s[i].end));
        if (length <= options.size && (s[i].begins || !s[i].heading))
            CHECK(holds(text, chunks, count, s[i].start, s[last].end));
    }
    for (size_t i = 0; i + 1 < count; i++) {
        size_t joint = (size_t)(chunks[i].text.ptr - text.ptr) + chunks[i].text.len;
        size_t start = (size_t)(chunks[i + 1].text.ptr - text.ptr), before = (size_t)(chunks[i].text.ptr - text.ptr);
        CHECK(measure(NULL, chunks[i + 1].text) <= options.size && start > before);
        check_joint(of, text, measure, s, sentences, before, start, joint, &options, words);
    }
}

static void test_chunk__the_overlap_is_the_greatest_and_no_sentence_or_heading_that_fits_is_cut(void) {
    for (size_t l = 0; l < sizeof languages / sizeof *languages; l++) {
        size_t words = 0;
        for (uint64_t seed = 1; seed <= 300; seed++) {
            check_language(&languages[l], seed * UINT64_C(0x9e3779b97f4a7c15), measure_characters, &words);
            check_language(&languages[l], seed * UINT64_C(0x9e3779b97f4a7c15), count_bytes, &words);
        }
        CHECK(words > 100);
    }
}

LH_TEST_MAIN(LH_TEST(test_chunk__no_sentence_ends_with_an_abbreviation_and_a_locale_is_one),
             LH_TEST(test_chunk__the_overlap_is_the_greatest_and_no_sentence_or_heading_that_fits_is_cut),
             LH_TEST(test_chunk__whole_sentences_are_packed_and_overlap),
             LH_TEST(test_chunk__a_heading_goes_with_its_text), LH_TEST(test_chunk__headings_are_those_of_markdown),
             LH_TEST(test_chunk__of_headings_that_do_not_all_fit_the_last_goes_with_its_text),
             LH_TEST(test_chunk__what_does_not_fit_is_cut_at_words_then_characters),
             LH_TEST(test_chunk__tokens_are_counted_by_who_knows_them),
             LH_TEST(test_chunk__bad_options_and_texts_are_refused),
             LH_TEST(test_chunk__any_text_is_covered_in_order_within_size_and_overlap))
