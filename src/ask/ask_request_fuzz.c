/* Any bytes as the body of POST /ask: it is refused with words, or asks a question within its bounds. The first byte says whether the
 * server wants tokens. */
#include "ask/ask_internal.h"
#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_check(const ask_request *asked, const lh_json *body, bool tokens) {
    const lh_json *parts = lh_json_get(body, "parts");
    assert(asked->question.len >= 1 && asked->question.len <= LH_LIMIT_QUESTION_BYTES);
    assert(lh_str_is_utf8(asked->question) && lh_str_trim(asked->question).len);
    assert(asked->rows_max >= 1 && asked->rows_max <= ASK_ROWS_MAX);
    assert(asked->tokens || !tokens); /* a request cannot switch them off */
    assert(asked->today > -1000000 && asked->today < 3000000);
    assert(asked->planner == lh_json_bool(lh_json_get(parts, "planner"), true));
    assert(asked->by_model == lh_json_bool(lh_json_get(parts, "model"), true));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *body = NULL;
    ask_request asked;
    lh_error err = {0};
    if (!lh_fuzz_body(data, size, 64 << 10, 16 << 20, &arena, &body)) return 0;
    bool tokens = data[0] & 1;
    lh_code code = ask_request_read(body, tokens, &asked, &err);
    if (code == LH_OK) return fuzz_check(&asked, body, tokens), 0;
    assert(code == LH_INVALID || code == LH_LIMIT);
    lh_fuzz_told(code, &err);
    return 0;
}
