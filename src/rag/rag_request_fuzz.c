/* Any bytes as the body of POST /vectors/rag: it is refused with words, or is a question within its bounds. The first byte says how much
 * context the model takes. */
#include "rag/rag_internal.h"
#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_check(const rag_request *asked, uint64_t context_tokens) {
    assert(asked->question.len >= 1 && asked->question.len <= RAG_QUESTION_BYTES);
    assert(lh_str_eq(asked->question, lh_str_trim(asked->question)));
    assert(asked->index_count >= 1 && asked->index_count <= RAG_INDEXES_MAX);
    for (size_t i = 0; i < asked->index_count; i++)
        for (size_t j = 0; j < i; j++)
            assert(asked->indexes[i].len && !lh_str_eq(asked->indexes[i], asked->indexes[j]));
    assert(asked->k >= 1 && asked->k <= RAG_K_MAX && (int)asked->mode < RAG_MODES);
    assert(asked->min_score >= -1e9 && asked->min_score <= 1e9);
    assert(asked->temperature >= 0 && asked->temperature <= 2);
    assert(asked->max_context_tokens <= context_tokens && asked->max_tokens <= context_tokens / 2);
    assert(asked->max_tokens >= 1 && asked->conversation_id.len <= RAG_CONVERSATION_ID_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *body = NULL;
    rag_request asked;
    lh_error err = {0};
    if (!lh_fuzz_body(data, size, 256 << 10, 64 << 20, &arena, &body)) return 0;
    uint64_t context_tokens = 2 * RAG_CONTEXT_TOKENS_MIN * (1 + (uint64_t)(data[0] % 64));
    lh_code code = rag_read(body, context_tokens, &asked, &err);
    if (code == LH_OK) return fuzz_check(&asked, context_tokens), 0;
    assert(code == LH_INVALID || code == LH_LIMIT);
    lh_fuzz_told(code, &err);
    return 0;
}
