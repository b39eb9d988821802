/* POST /vectors/rag: an answer from indexes (rag). A question is audited as a search is. */
#include "api/ai.h"
#include "api/vectors.h"

static lh_code rag_on_citations(void *ctx, const lh_json *data, lh_error *err) {
    return api_ai_event(ctx, "citations", data, err);
}

lh_code api_vectors_rag(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_app *app = lh_request_app(request);
    lh_vector *vector;
    lh_rag_caller caller = {0};
    lh_json *body = NULL, *answer = NULL, *datasets = lh_json_new_array(arena);
    lh_error ignored = {0};
    bool stream;
    static const char *const known[] = {"question",   "index",       "indexes",        "k",
                                        "mode",       "filter",      "columns",        "rerank",
                                        "min_score",  "generate",    "stream",         "max_context_tokens",
                                        "max_tokens", "temperature", "conversation_id"};
    static const char *const of_rerank[] = {"model"};
    LH_TRY(api_vectors_of(request, &vector, &caller.reader, err));
    if (!app->rag) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(lh_request_json(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    if (lh_json_is_object(lh_json_get(body, "rerank")))
        LH_TRY(lh_body_check(lh_json_get(body, "rerank"), of_rerank, 1, err));
    LH_TRY(lh_body_bool(body, "stream", false, &stream, err));
    caller.may_generate = api_may_call_models(request, &ignored) == LH_OK;
    const lh_rag_events events = {.on_citations = rag_on_citations, .on_piece = api_ai_piece, .ctx = request};
    lh_code code = lh_rag_answer(app->rag, body, &caller, stream ? &events : NULL, arena, &datasets, &answer, err);
    const api_vectors_act act = {.door = "rag",
                                 .by = caller.reader.by,
                                 .body = body,
                                 .answer = answer,
                                 .datasets = datasets,
                                 .rows = lh_json_size(lh_json_get(answer, "citations")),
                                 .code = code};
    lh_code recorded = api_vectors_record(request, &act, code == LH_OK ? err : &ignored);
    if (code == LH_OK) code = recorded;
    if (code != LH_OK) return api_ai_stream_failed(request, code, err);
    return stream ? api_ai_event(request, "done", answer, err) : lh_respond_json(request, 200, answer, err);
}
