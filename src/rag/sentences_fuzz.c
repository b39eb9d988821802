/* Any bytes as a document: its sentences are UTF-8 without white space around them, not empty, and neither cite nor
 * pass for a turn of a model's talk; and an answer of them cites only the passage that they are of. */
#include "rag/rag_internal.h"

#include <assert.h>

static void fuzz_is_neutral(lh_str sentence, lh_arena *arena) {
    lh_str neutral;
    if (rag_neutral(sentence, LH_STR_NONE, arena, &neutral, NULL) == LH_OK) assert(lh_str_eq(neutral, sentence));
}

/* As many as an answer has, one behind the other. */
static void fuzz_answer(lh_str text, const rag_sentences *sentences, size_t from, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf lines = LH_BUF_INIT(1 << 20);
    const rag_passage passages[] = {{.text = text}, {.text = text}, {.text = text}};
    rag_said said = {0};
    for (size_t i = from; i < from + 4 && i < sentences->count; i++)
        if (rag_extract_line(sentences->items[i].text, passages, 3, arena, &lines, NULL) != LH_OK) return;
    if (rag_said_read(lh_buf_str(&lines), passages, 3, arena, &said, NULL) != LH_OK) return;
    for (size_t i = 0; i < said.mark_count; i++) assert(said.marks[i].n == 3);
    assert(said.invented == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_breaks_freep) lh_breaks *breaks = NULL;
    rag_sentences sentences = {0};
    lh_str text;
    if (size > 1 << 13 || lh_arena_new(256 << 20, &arena, NULL) != LH_OK) return 0;
    if (lh_breaks_new(LH_BREAKS_SENTENCES, LH_STR("en"), &breaks, NULL) != LH_OK) return 0;
    if (rag_neutral((lh_str){(const char *)data, size}, LH_STR_NONE, arena, &text, NULL) != LH_OK) return 0;
    if (rag_sentences_of(breaks, text, RAG_SENTENCES_DOCUMENT, arena, &sentences, NULL) != LH_OK) return 0;
    for (size_t i = 0; i < sentences.count; i++) {
        lh_str sentence = sentences.items[i].text;
        assert(sentence.len && lh_str_is_utf8(sentence) && lh_str_is_utf8(sentences.items[i].under));
        assert(lh_str_eq(sentence, lh_str_trim(sentence)));
        fuzz_is_neutral(sentence, arena);
    }
    for (size_t i = 0; i < sentences.count && i < 64; i += 4) fuzz_answer(text, &sentences, i, arena);
    return 0;
}
