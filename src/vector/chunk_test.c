/* Chunks of texts that were written, and of many that chance wrote: whatever the text, these properties hold. */
#include "base/test.h"
#include "vector/vector_internal.h"

#include <stdio.h>

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

LH_TEST_MAIN(LH_TEST(test_chunk__whole_sentences_are_packed_and_overlap),
             LH_TEST(test_chunk__a_heading_goes_with_its_text),
             LH_TEST(test_chunk__what_does_not_fit_is_cut_at_words_then_characters),
             LH_TEST(test_chunk__tokens_are_counted_by_who_knows_them),
             LH_TEST(test_chunk__bad_options_and_texts_are_refused),
             LH_TEST(test_chunk__any_text_is_covered_in_order_within_size_and_overlap))
