/* Any bytes as a document: its sentences are UTF-8 without white space around them, not empty, and neither cite nor
 * pass for a turn of a model's talk. */
#include "rag/rag_internal.h"

#include <assert.h>

static void fuzz_is_neutral(lh_str sentence, lh_arena *arena) {
    lh_str neutral;
    if (rag_neutral(sentence, LH_STR_NONE, arena, &neutral, NULL) == LH_OK) assert(lh_str_eq(neutral, sentence));
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
    if (rag_sentences_of(breaks, text, true, arena, &sentences, NULL) != LH_OK) return 0;
    for (size_t i = 0; i < sentences.count; i++) {
        lh_str sentence = sentences.items[i].text;
        assert(sentence.len && lh_str_is_utf8(sentence) && lh_str_is_utf8(sentences.items[i].under));
        assert(lh_str_eq(sentence, lh_str_trim(sentence)));
        fuzz_is_neutral(sentence, arena);
    }
    return 0;
}
