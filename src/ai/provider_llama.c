/* The provider `llama`: a GGUF file in this process. The model's name is that of a file in models/ beside the binary, without its
 * ".gguf", or a path. It is loaded by the first call that needs it, once; a call that failed to is no reason not to try again. */
#include "ai/ai_internal.h"
#include "ai/llama.h"

#include <stdio.h>

typedef struct {
    char path[4096];
    ai_llama_kind kind;
    pthread_mutex_t lock; /* guards model until it is there; it never changes then */
    ai_llama *_Atomic model;
} llama_state;

lh_code lh_ai_model_file(lh_str name, char into[4096], lh_error *err) {
    char folder[4096];
    int length;
    if (lh_str_find(name, '/') == name.len) {
        LH_TRY(lh_beside_binary("models", folder, sizeof folder, err));
        length = snprintf(into, 4096, "%s/%.*s.gguf", folder, LH_STR_ARG(name));
    } else {
        bool absolute = name.ptr[0] == '/'; /* the working folder is another, later */
        if (!absolute && !getcwd(folder, sizeof folder)) return lh_fail(err, LH_IO, "cannot find this folder's path");
        length = snprintf(into, 4096, "%s%s%.*s", absolute ? "" : folder, absolute ? "" : "/", LH_STR_ARG(name));
    }
    return length < 4096 ? LH_OK : lh_fail(err, LH_INVALID, "the path of the model is too long");
}

static lh_code llama_open(const ai_setup *setup, void **ret, lh_error *err) {
    llama_state *state = calloc(1, sizeof *state);
    if (!state) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    lh_code code = lh_ai_model_file(setup->model, state->path, err);
    if (code != LH_OK) {
        free(state);
        return code;
    }
    state->kind = setup->task == LH_AI_GENERATE ? AI_LLAMA_GENERATE : AI_LLAMA_EMBED;
    pthread_mutex_init(&state->lock, NULL);
    *ret = state;
    return LH_OK;
}

static void llama_close(void *ctx) {
    llama_state *state = ctx;
    if (!state) return;
    ai_llama_free(atomic_load(&state->model));
    pthread_mutex_destroy(&state->lock);
    free(state);
}

static lh_code llama_load(llama_state *state, ai_llama **ret, lh_error *err) {
    lh_code code = LH_OK;
    ai_llama *model = atomic_load(&state->model);
    if (!model) {
        pthread_mutex_lock(&state->lock);
        model = atomic_load(&state->model);
        uint32_t cores = lh_machine_processors(), threads = cores > AI_LLAMA_THREADS_MAX ? AI_LLAMA_THREADS_MAX : cores;
        if (!model) code = ai_llama_open(lh_str_from(state->path), state->kind, threads, 0, &model, err);
        if (code == LH_OK) atomic_store(&state->model, model);
        pthread_mutex_unlock(&state->lock);
    }
    if (code == LH_OK) *ret = model;
    return code;
}

static lh_code llama_embed(void *ctx, ai_try *one, const lh_str *texts, size_t count, lh_arena *arena,
                           lh_ai_embeddings *ret, lh_error *err) {
    ai_llama *model = NULL;
    ai_llama_embedded told;
    LH_TRY(llama_load(ctx, &model, err));
    ai_llama_facts facts = ai_llama_about(model);
    float *values = LH_ARENA_ARRAY(arena, float, count *facts.dimensions);
    lh_str version = lh_arena_dup(arena, lh_str_from(facts.version));
    LH_TRY(lh_arena_check(arena, err));
    const ai_llama_limit limit = {one->cancelled, one->call_deadline_ms};
    LH_TRY(ai_llama_embed(model, texts, count, limit, one->timeout_ms, values, &told, err));
    *ret = (lh_ai_embeddings){.values = values,
                              .count = count,
                              .dimensions = facts.dimensions,
                              .model = {.version = version},
                              .tokens = told.tokens};
    return LH_OK;
}

static lh_code llama_piece(void *ctx, lh_str piece, lh_error *err) { return ai_sink_put(ctx, piece, err); }

static lh_code llama_grammar(const lh_ai_prompt *prompt, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_str schema;
    *ret = prompt->grammar;
    if (!prompt->json_schema) return LH_OK;
    LH_TRY(lh_json_write(arena, prompt->json_schema, false, &schema, err));
    return ai_json_schema_to_grammar(schema, arena, ret, err);
}

static lh_code llama_generate(void *ctx, ai_try *one, const lh_ai_prompt *prompt, ai_sink *sink, lh_arena *arena,
                              lh_ai_text *ret, lh_error *err) {
    ai_llama *model = NULL;
    ai_llama_answer answer;
    ai_llama_options options = {.temperature = prompt->has_temperature ? prompt->temperature : 0,
                                .top_p = prompt->top_p,
                                .seed = (uint32_t)prompt->seed,
                                .max_tokens =
                                    prompt->max_tokens > UINT32_MAX ? UINT32_MAX : (uint32_t)prompt->max_tokens,
                                .stops = prompt->stops,
                                .stop_count = prompt->stop_count,
                                .on_piece = llama_piece,
                                .ctx = sink};
    ai_llama_message *messages = LH_ARENA_ARRAY(arena, ai_llama_message, prompt->message_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < prompt->message_count; i++)
        messages[i] = (ai_llama_message){prompt->messages[i].role, prompt->messages[i].content};
    LH_TRY(llama_grammar(prompt, arena, &options.grammar, err));
    LH_TRY(llama_load(ctx, &model, err));
    options.limit = (ai_llama_limit){one->cancelled, one->timeout_ms ? lh_time_monotonic_ms() + one->timeout_ms : 0};
    LH_TRY(ai_llama_generate(model, messages, prompt->message_count, &options, arena, &answer, err));
    *ret = (lh_ai_text){.finish_reason = answer.finish == AI_LLAMA_LENGTH ? LH_STR("length") : LH_STR("stop"),
                        .model = {.version = lh_arena_dup(arena, lh_str_from(ai_llama_about(model).version))},
                        .prompt_tokens = answer.prompt_tokens,
                        .tokens = answer.completion_tokens};
    return lh_arena_check(arena, err);
}

static lh_str llama_version(void *ctx, lh_arena *arena) {
    const ai_llama *model = atomic_load(&((llama_state *)ctx)->model);
    return model ? lh_arena_dup(arena, lh_str_from(ai_llama_about(model).version)) : LH_STR_NONE;
}

static lh_code llama_check(void *ctx, ai_try *one, lh_arena *arena, lh_error *err) {
    ai_llama *model = NULL;
    (void)one, (void)arena;
    return llama_load(ctx, &model, err);
}

static lh_code llama_count(void *ctx, lh_str text, uint64_t *ret, lh_error *err) {
    ai_llama *model = NULL;
    LH_TRY(llama_load(ctx, &model, err));
    return ai_llama_count_tokens(model, text, ret, err);
}

static lh_code llama_context_tokens(void *ctx, uint64_t *ret, lh_error *err) {
    ai_llama *model = NULL;
    LH_TRY(llama_load(ctx, &model, err));
    *ret = ai_llama_about(model).context_tokens;
    return LH_OK;
}

const struct ai_provider_ops ai_provider_llama = {.name = "llama",
                                                  .model = "all-minilm-l6-v2",
                                                  .open = llama_open,
                                                  .close = llama_close,
                                                  .embed = llama_embed,
                                                  .generate = llama_generate,
                                                  .version = llama_version,
                                                  .count = llama_count,
                                                  .context = llama_context_tokens,
                                                  .check = llama_check};
