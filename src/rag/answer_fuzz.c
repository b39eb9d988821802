/* Any bytes as a model's answer: what is shown is UTF-8, names only passages that are there, has no address that no passage has, is
 * the same when it is read again, and a stream of it has no such address either, however it is cut (by the first byte). */
#include "rag/rag_internal.h"

#include <assert.h>

static const rag_passage fuzz_passages[] = {{.text = {"See https://a.example/x.", 24}}, {.text = {"//b.example", 11}}};
enum { FUZZ_PASSAGES = sizeof fuzz_passages / sizeof *fuzz_passages };

static void fuzz_has_no_address(lh_str text) {
    for (size_t at; (at = lh_str_search(text, LH_STR("evil.example"))) != SIZE_MAX;
         text = lh_str_sub(text, at + 1, text.len)) {
        lh_str before = lh_str_sub(text, 0, at);
        assert(!lh_str_ends(before, LH_STR("://")) && !lh_str_ends(before, LH_STR("](")));
        assert(!lh_str_ends(before, LH_STR(" www.")) && !lh_str_ends(before, LH_STR(" //")));
    }
}

static lh_code fuzz_take(void *ctx, lh_str piece, lh_error *err) {
    fuzz_has_no_address(piece);
    assert(lh_str_is_utf8(piece));
    lh_buf_append(ctx, piece);
    return lh_buf_check(ctx, err);
}

static void fuzz_stream(lh_str text, size_t step) {
    LH_CLEANUP(lh_buf_done) lh_buf shown = LH_BUF_INIT(64 << 20);
    LH_CLEANUP(rag_filter_done) rag_filter filter;
    rag_passage passages[FUZZ_PASSAGES];
    memcpy(passages, fuzz_passages, sizeof passages);
    const lh_rag_events events = {.on_piece = fuzz_take, .ctx = &shown};
    const rag_run run = {.events = &events, .passages = passages, .passage_count = FUZZ_PASSAGES};
    rag_filter_init(&filter, &run);
    for (; text.len; text = lh_str_sub(text, step, text.len))
        if (rag_filter_put(&filter, lh_str_sub(text, 0, step), NULL) != LH_OK) return;
    if (rag_filter_end(&filter, NULL) == LH_OK) fuzz_has_no_address(lh_buf_str(&shown));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    rag_said said = {0}, again = {0};
    if (size < 1 || size > 1 << 16 || lh_arena_new(256 << 20, &arena, NULL) != LH_OK) return 0;
    lh_str text = {(const char *)data + 1, size - 1};
    if (rag_said_read(text, fuzz_passages, FUZZ_PASSAGES, arena, &said, NULL) != LH_OK) return 0;
    assert(lh_str_is_utf8(said.text) && lh_str_is_utf8(said.plain));
    for (size_t i = 0; i < said.mark_count; i++)
        assert(said.marks[i].n >= 1 && said.marks[i].n <= FUZZ_PASSAGES && said.marks[i].at <= said.plain.len);
    fuzz_has_no_address(said.text);
    if (rag_said_read(said.text, fuzz_passages, FUZZ_PASSAGES, arena, &again, NULL) != LH_OK) return 0;
    assert(lh_str_eq(again.text, lh_str_trim(said.text)) && again.invented == 0 && again.links == 0);
    fuzz_stream(text, 1 + data[0] % 17u);
    return 0;
}
