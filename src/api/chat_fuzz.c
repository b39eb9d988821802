/* Any bytes as the body of POST /v1/chat/completions (the first byte is even) or /ai/generate: it is refused with words, or asks for a
 * text by messages within their bounds. */
#include "api/ai.h"
#include "base/fuzz.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_check(const api_ai_asked *asked, bool chat) {
    const lh_ai_prompt *prompt = &asked->prompt;
    assert(prompt->message_count <= LH_LIMIT_AI_MESSAGES && lh_str_is_utf8(asked->model));
    for (size_t i = 0; i < prompt->message_count; i++) {
        assert(lh_str_is_utf8(prompt->messages[i].role) && lh_str_is_utf8(prompt->messages[i].content));
        assert(!chat || !lh_str_eq(prompt->messages[i].role, LH_STR("developer")));
    }
    assert(prompt->stop_count <= LH_LIMIT_AI_TEXTS && lh_str_is_utf8(prompt->grammar));
    for (size_t i = 0; i < prompt->stop_count; i++) assert(lh_str_is_utf8(prompt->stops[i]));
    assert(!prompt->has_temperature || !isnan(prompt->temperature));
    assert(prompt->top_p >= 0);
    assert(!chat || !prompt->json_schema || lh_json_is_object(prompt->json_schema));
    assert(chat || !asked->usage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *body = NULL;
    api_ai_asked asked;
    lh_error err = {0};
    if (!lh_fuzz_body(data, size, 256 << 10, 64 << 20, &arena, &body)) return 0;
    bool chat = data[0] % 2 == 0;
    lh_code code = chat ? api_v1_chat_read(body, arena, &asked, &err) : api_ai_generate_read(body, arena, &asked, &err);
    if (code == LH_OK) return fuzz_check(&asked, chat), 0;
    lh_fuzz_refused(code, &err);
    return 0;
}
