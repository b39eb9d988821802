/* embed, generate, rerank: what is the same for every provider (see ai.c for the way of a call). */
#include "ai/ai_internal.h"

#include <math.h>

enum { CALLS_LOOK_MS = 50, CALLS_BATCH_BYTES = 256 << 10 };

/* One call under way. */
typedef struct calls_run {
    lh_ai *ai;
    ai_task *task;
    ai_model *model;
    const lh_ai_call *call;
    lh_arena *arena;
    uint64_t deadline_ms; /* UINT64_MAX: none */
    ai_counters used;
    lh_span span;
} calls_run;

/* ---- begin and end ---- */

static const char *const calls_spans[LH_AI_TASKS] = {"ai.embed", "ai.generate", "ai.rerank"};

static lh_code calls_begin(calls_run *run, lh_ai *ai, lh_ai_task which, const lh_ai_call *call, lh_error *err) {
    run->ai = ai;
    run->task = &ai->tasks[which];
    run->call = call;
    run->deadline_ms = call->timeout_ms ? lh_time_monotonic_ms() + call->timeout_ms : UINT64_MAX;
    LH_TRY(ai_models_take(ai, which, call, &run->model, err));
    lh_code code = ai_slots_take(&run->task->slots, call->cancelled, run->deadline_ms, err);
    if (code != LH_OK) {
        ai_models_release(ai, run->model);
        return code;
    }
    lh_span_begin(calls_spans[which], &run->span);
    lh_span_string(&run->span, "gen_ai.request.model", run->model->name);
    return LH_OK;
}

static void calls_end(calls_run *run, lh_code code) {
    run->used.calls = 1;
    run->used.failed = code != LH_OK;
    ai_slots_give(&run->task->slots);
    lh_span_number(&run->span, "gen_ai.usage.input_tokens", (int64_t)run->used.tokens_in);
    lh_span_number(&run->span, "gen_ai.usage.output_tokens", (int64_t)run->used.tokens_out);
    lh_span_end(&run->span, code);
    ai_usage_add(&run->ai->usage, run->call->principal, run->model->setup.task, run->used);
    ai_models_release(run->ai, run->model);
}

/* What answered; its version the provider said, or who registered it. Both: they are the same, or somebody changed the file. */
static lh_code calls_model(const calls_run *run, lh_ai_model *model, lh_error *err) {
    model->provider = lh_str_from(run->model->ops->name);
    model->name = lh_arena_dup(run->arena, run->model->name);
    lh_str declared = run->model->version;
    if (!model->version.len) model->version = lh_arena_dup(run->arena, declared);
    else if (declared.len && !lh_str_eq(model->version, declared))
        return lh_fail(err, LH_CONFLICT,
                       "the model '%.*s' is of version %.*s, and %.*s was registered: register it anew, with 'replace'",
                       LH_STR_ARG(model->name), LH_STR_ARG(model->version), LH_STR_ARG(declared));
    return lh_arena_check(run->arena, err);
}

/* ---- tries ---- */

/* What is tried. began: not again once it is true; NULL: always again. */
typedef struct calls_work {
    lh_code (*once)(void *ctx, ai_try *one, lh_error *err);
    void *ctx;
    const bool *began;
} calls_work;

/* What a try says of the endpoint: nothing, when a cap, a caller or a lack of memory ended it, or its slots are taken (429). */
static ai_outcome calls_outcome(lh_code code, const ai_try *one) {
    if (code == LH_OK || (one->alive && !one->again)) return AI_OUTCOME_GOOD;
    return !one->alive && (code == LH_UNAVAILABLE || code == LH_CORRUPT) ? AI_OUTCOME_FAILED : AI_OUTCOME_NONE;
}

static lh_code calls_once(calls_run *run, const calls_work *work, ai_try *one, lh_error *err) {
    ai_breaker *breaker = run->model->endpoint ? &run->model->endpoint->breaker : NULL;
    bool probe = false;
    uint64_t wait_ms = 0, now = lh_time_monotonic_ms(), most = (uint64_t)run->ai->config->ai_timeout_ms;
    *one = (ai_try){.setup = &run->model->setup, .cancelled = run->call->cancelled, .timeout_ms = most};
    if (run->deadline_ms != UINT64_MAX) one->call_deadline_ms = run->deadline_ms;
    if (run->call->cancelled && atomic_load(run->call->cancelled))
        return lh_fail(err, LH_CANCELLED, "the call was cancelled");
    if (now >= run->deadline_ms) return lh_fail(err, LH_CANCELLED, "the call's time went by");
    if (run->deadline_ms - now < most) one->timeout_ms = run->deadline_ms - now;
    if (breaker && !ai_breaker_admit(breaker, now, &probe, &wait_ms))
        return lh_fail(err, LH_UNAVAILABLE,
                       "%.*s failed again and again and is left alone; it is tried again in %" PRIu64 " ms",
                       LH_STR_ARG(run->model->setup.url), wait_ms);
    one->asked = true;
    lh_code code = work->once(work->ctx, one, err);
    if (breaker) ai_breaker_report(breaker, lh_time_monotonic_ms(), probe, calls_outcome(code, one));
    return code;
}

/* Sleeps, but no longer than the call is wanted. */
static bool calls_pause(const calls_run *run, uint64_t pause_ms) {
    uint64_t now = lh_time_monotonic_ms(), until = now + pause_ms;
    if (until >= run->deadline_ms) return false;
    while (now < until && !(run->call->cancelled && atomic_load(run->call->cancelled))) {
        lh_time_sleep_ms(until - now < CALLS_LOOK_MS ? until - now : CALLS_LOOK_MS);
        now = lh_time_monotonic_ms();
    }
    return true;
}

static lh_code calls_try(calls_run *run, const calls_work *work, lh_error *err) {
    lh_error why = {0};
    unsigned tries = 1 + (run->model->ops->remote ? (unsigned)run->ai->config->ai_retries : 0);
    lh_code code = LH_INTERNAL;
    for (unsigned tried = 1;; tried++) {
        ai_try one = {0};
        lh_error now = {0};
        lh_code failed = calls_once(run, work, &one, &now);
        if (failed == LH_OK) return LH_OK;
        if (tried == 1 || one.asked || failed == LH_CANCELLED)
            code = failed, why = now; /* else the try before says more */
        if (!one.again || tried >= tries || (work->began && *work->began)) break;
        uint64_t pause_ms = ai_backoff_by_chance_ms(tried, one.retry_after_ms);
        if (pause_ms == UINT64_MAX || !calls_pause(run, pause_ms)) break;
        atomic_fetch_add(&run->task->retries, 1);
    }
    if (err) *err = why;
    return code;
}

/* ---- embed ---- */

typedef struct calls_embed {
    calls_run run;
    const lh_str *texts; /* of this batch */
    size_t count;
    lh_ai_embeddings got;
} calls_embed;

static lh_code calls_embed_once(void *ctx, ai_try *one, lh_error *err) {
    calls_embed *work = ctx;
    ai_model *model = work->run.model;
    return model->ops->embed(model->state, one, work->texts, work->count, work->run.arena, &work->got, err);
}

/* single: there is never another, so it has no number. */
static lh_code calls_check_texts(const lh_str *texts, size_t count, const char *what, bool single, lh_error *err) {
    if (count == 0) return lh_fail(err, LH_INVALID, "no %s is given", what);
    if (count > LH_LIMIT_AI_TEXTS)
        return lh_fail(err, LH_LIMIT, "%zu %ss are more than %d", count, what, LH_LIMIT_AI_TEXTS);
    for (size_t i = 0; i < count; i++) {
        if (texts[i].len == 0 && single) return lh_fail(err, LH_INVALID, "the %s is empty", what);
        if (texts[i].len == 0) return lh_fail(err, LH_INVALID, "%s %zu is empty", what, i);
        if (texts[i].len > LH_LIMIT_AI_TEXT_BYTES)
            return lh_fail(err, LH_LIMIT, "%s %zu has %zu bytes, more than %d", what, i, texts[i].len,
                           LH_LIMIT_AI_TEXT_BYTES);
        if (!lh_str_is_utf8(texts[i])) return lh_fail(err, LH_INVALID, "%s %zu is not UTF-8", what, i);
    }
    return LH_OK;
}

/* How many of the texts go with the next request: as many as an endpoint shall have at once. */
static size_t calls_batch(const calls_run *run, const lh_str *texts, size_t count) {
    size_t most = (size_t)run->ai->config->ai_batch_texts, taken = 0, bytes = 0;
    if (!run->model->ops->remote) return count; /* one in process orders them itself */
    while (taken < count && taken < most && (taken == 0 || bytes + texts[taken].len <= CALLS_BATCH_BYTES))
        bytes += texts[taken++].len;
    return taken;
}

static lh_code calls_check_vectors(const calls_embed *work, lh_error *err) {
    const lh_ai_embeddings *got = &work->got;
    if (got->count != work->count || got->dimensions == 0 || got->dimensions > LH_LIMIT_AI_DIMENSIONS)
        return lh_fail(err, LH_CORRUPT, "%.*s gave %zu vectors of %zu dimensions for %zu texts",
                       LH_STR_ARG(work->run.model->setup.url), got->count, got->dimensions, work->count);
    for (size_t i = 0; i < got->count * got->dimensions; i++)
        if (!isfinite(got->values[i]))
            return lh_fail(err, LH_CORRUPT, "%.*s gave a vector with a value that is no number",
                           LH_STR_ARG(work->run.model->setup.url));
    return LH_OK;
}

static lh_code calls_embed_all(calls_embed *work, const lh_str *texts, size_t count, lh_ai_embeddings *all,
                               lh_error *err) {
    const calls_work tried = {calls_embed_once, work, NULL};
    for (size_t at = 0; at < count; at += work->count) {
        work->texts = texts + at;
        work->count = calls_batch(&work->run, texts + at, count - at);
        LH_TRY(calls_try(&work->run, &tried, err));
        LH_TRY(calls_check_vectors(work, err));
        if (at == 0) {
            all->model = work->got.model;
            all->dimensions = work->got.dimensions;
            all->values = work->count == count ? work->got.values
                                               : LH_ARENA_ARRAY(work->run.arena, float, count * all->dimensions);
            LH_TRY(lh_arena_check(work->run.arena, err));
        }
        if (!lh_str_eq(work->got.model.version, all->model.version))
            return lh_fail(err, LH_UNAVAILABLE, "the model of %.*s became another one during the call",
                           LH_STR_ARG(work->run.model->setup.url));
        if (work->got.dimensions != all->dimensions)
            return lh_fail(err, LH_CORRUPT, "%.*s gave vectors of %zu dimensions, and then of %zu",
                           LH_STR_ARG(work->run.model->setup.url), all->dimensions, work->got.dimensions);
        if (work->count != count)
            memcpy(all->values + at * all->dimensions, work->got.values,
                   work->count * all->dimensions * sizeof *all->values);
        all->tokens += work->got.tokens;
        work->run.used.tokens_in = all->tokens; /* also when a later batch fails */
    }
    all->count = count;
    return calls_model(&work->run, &all->model, err);
}

double lh_ai_cosine(const float *a, const float *b, size_t count) {
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < count; i++) {
        dot += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? dot / sqrt(aa * bb) : 0;
}

lh_code lh_ai_embed(lh_ai *ai, const lh_ai_call *call, const lh_str *texts, size_t count, lh_arena *arena,
                    lh_ai_embeddings *ret, lh_error *err) {
    calls_embed work = {.run = {.arena = arena}};
    lh_ai_embeddings all = {0};
    LH_TRY(calls_check_texts(texts, count, "text", false, err));
    LH_TRY(calls_begin(&work.run, ai, LH_AI_EMBED, call, err));
    lh_code code = calls_embed_all(&work, texts, count, &all, err);
    calls_end(&work.run, code);
    if (code == LH_OK) *ret = all;
    return code;
}

/* ---- generate ---- */

typedef struct calls_generate {
    calls_run run;
    lh_ai_prompt prompt;
    ai_sink sink;
    lh_ai_text got;
} calls_generate;

lh_code ai_sink_put(ai_sink *sink, lh_str piece, lh_error *err) {
    if (piece.len == 0) return LH_OK;
    lh_buf_append(&sink->text, piece);
    if (sink->text.failed == LH_LIMIT)
        return lh_fail(err, LH_LIMIT, "the generated text is longer than %d bytes", LH_LIMIT_AI_ANSWER_BYTES);
    LH_TRY(lh_buf_check(&sink->text, err));
    if (!sink->on_piece) return LH_OK;
    sink->began = true;
    return sink->on_piece(sink->ctx, piece, err);
}

static lh_code calls_generate_once(void *ctx, ai_try *one, lh_error *err) {
    calls_generate *work = ctx;
    ai_model *model = work->run.model;
    lh_buf_clear(&work->sink.text); /* of a try before */
    work->got = (lh_ai_text){0};
    return model->ops->generate(model->state, one, &work->prompt, &work->sink, work->run.arena, &work->got, err);
}

static lh_code calls_check_messages(const lh_ai_prompt *prompt, lh_error *err) {
    static const char *const roles[] = {"system", "user", "assistant"};
    if (prompt->message_count == 0) return lh_fail(err, LH_INVALID, "no message is given");
    if (prompt->message_count > LH_LIMIT_AI_MESSAGES)
        return lh_fail(err, LH_LIMIT, "%zu messages are more than %d", prompt->message_count, LH_LIMIT_AI_MESSAGES);
    for (size_t i = 0; i < prompt->message_count; i++) {
        const lh_ai_message *message = &prompt->messages[i];
        bool known = false;
        for (size_t r = 0; r < sizeof roles / sizeof *roles; r++)
            known = known || lh_str_eq(message->role, lh_str_from(roles[r]));
        if (!known) return lh_fail(err, LH_INVALID, "the role of message %zu must be system, user or assistant", i);
        if (message->content.len > LH_LIMIT_AI_TEXT_BYTES)
            return lh_fail(err, LH_LIMIT, "message %zu has %zu bytes, more than %d", i, message->content.len,
                           LH_LIMIT_AI_TEXT_BYTES);
        if (!lh_str_is_utf8(message->content)) return lh_fail(err, LH_INVALID, "message %zu is not UTF-8", i);
    }
    return LH_OK;
}

static lh_code calls_check_prompt(const lh_ai_prompt *prompt, lh_error *err) {
    LH_TRY(calls_check_messages(prompt, err));
    if (prompt->has_temperature && !(prompt->temperature >= 0 && prompt->temperature <= 2))
        return lh_fail(err, LH_INVALID, "the temperature must be from 0 to 2");
    if (prompt->top_p < 0 || prompt->top_p > 1) return lh_fail(err, LH_INVALID, "top_p must be above 0, to 1");
    if (prompt->has_seed && prompt->seed > INT64_MAX)
        return lh_fail(err, LH_INVALID, "the seed is larger than %" PRId64, INT64_MAX);
    if (prompt->stop_count > LH_LIMIT_AI_STOPS)
        return lh_fail(err, LH_LIMIT, "%zu stops are more than %d", prompt->stop_count, LH_LIMIT_AI_STOPS);
    for (size_t i = 0; i < prompt->stop_count; i++)
        if (prompt->stops[i].len == 0 || prompt->stops[i].len > 1024 || !lh_str_is_utf8(prompt->stops[i]))
            return lh_fail(err, LH_INVALID, "stop %zu must be a text of 1 to 1024 bytes", i);
    if (prompt->json_schema && prompt->grammar.len)
        return lh_fail(err, LH_INVALID, "a JSON schema and a grammar cannot both be followed");
    if (prompt->json_schema && !lh_json_is_object(prompt->json_schema))
        return lh_fail(err, LH_INVALID, "the JSON schema must be an object");
    if (prompt->grammar.len > LH_LIMIT_AI_TEXT_BYTES)
        return lh_fail(err, LH_LIMIT, "the grammar has more than %d bytes", LH_LIMIT_AI_TEXT_BYTES);
    return LH_OK;
}

static lh_code calls_generate_all(calls_generate *work, lh_error *err) {
    const calls_work tried = {calls_generate_once, work, &work->sink.began};
    if (!work->prompt.max_tokens && !work->run.model->ops->ends_texts)
        work->prompt.max_tokens = (uint64_t)work->run.ai->config->ai_max_tokens;
    lh_code code = calls_try(&work->run, &tried, err);
    work->run.used.tokens_in = work->got.prompt_tokens; /* what was used up counts, also when the call failed */
    work->run.used.tokens_out = work->got.tokens;
    if (code != LH_OK) return code;
    work->got.text = lh_arena_dup(work->run.arena, lh_buf_str(&work->sink.text));
    return calls_model(&work->run, &work->got.model, err);
}

lh_code lh_ai_generate(lh_ai *ai, const lh_ai_call *call, const lh_ai_prompt *prompt, lh_ai_piece_fn on_piece,
                       void *ctx, lh_arena *arena, lh_ai_text *ret, lh_error *err) {
    calls_generate work = {
        .run = {.arena = arena},
        .prompt = *prompt,
        .sink = {.text = LH_BUF_INIT(LH_LIMIT_AI_ANSWER_BYTES), .on_piece = on_piece, .ctx = ctx},
    };
    LH_TRY(calls_check_prompt(prompt, err));
    LH_TRY(calls_begin(&work.run, ai, LH_AI_GENERATE, call, err));
    lh_code code = calls_generate_all(&work, err);
    calls_end(&work.run, code);
    lh_buf_done(&work.sink.text);
    if (code == LH_OK) *ret = work.got;
    return code;
}

/* ---- rerank ---- */

typedef struct calls_rerank {
    calls_run run;
    lh_str query;
    const lh_str *documents;
    size_t count, top_n;
    lh_ai_ranking got;
} calls_rerank;

static lh_code calls_rerank_once(void *ctx, ai_try *one, lh_error *err) {
    calls_rerank *work = ctx;
    ai_model *model = work->run.model;
    return model->ops->rerank(model->state, one, work->query, work->documents, work->count, work->top_n,
                              work->run.arena, &work->got, err);
}

static int calls_by_score(const void *a, const void *b) {
    const lh_ai_score *left = a, *right = b;
    if (left->score != right->score) return left->score < right->score ? 1 : -1;
    return left->document < right->document ? -1 : left->document > right->document;
}

static lh_code calls_rerank_all(calls_rerank *work, lh_error *err) {
    const calls_work tried = {calls_rerank_once, work, NULL};
    LH_TRY(calls_try(&work->run, &tried, err));
    lh_ai_ranking *got = &work->got;
    bool *seen = LH_ARENA_ARRAY(work->run.arena, bool, work->count);
    LH_TRY(lh_arena_check(work->run.arena, err));
    for (size_t i = 0; i < got->count; i++) {
        size_t document = got->scores[i].document;
        if (document >= work->count || seen[document] || !isfinite(got->scores[i].score))
            return lh_fail(err, LH_CORRUPT,
                           "%.*s ranked a document that was not given, or one twice, or without a score",
                           LH_STR_ARG(work->run.model->setup.url));
        seen[document] = true;
    }
    if (got->count) qsort(got->scores, got->count, sizeof *got->scores, calls_by_score);
    if (got->count > work->top_n) got->count = work->top_n;
    work->run.used.tokens_in = got->tokens;
    return calls_model(&work->run, &got->model, err);
}

lh_code lh_ai_rerank(lh_ai *ai, const lh_ai_call *call, lh_str query, const lh_str *documents, size_t count,
                     size_t top_n, lh_arena *arena, lh_ai_ranking *ret, lh_error *err) {
    calls_rerank work = {.run = {.arena = arena},
                         .query = query,
                         .documents = documents,
                         .count = count,
                         .top_n = top_n && top_n < count ? top_n : count};
    LH_TRY(calls_check_texts(&query, 1, "query", true, err));
    LH_TRY(calls_check_texts(documents, count, "document", false, err));
    LH_TRY(calls_begin(&work.run, ai, LH_AI_RERANK, call, err));
    lh_code code = calls_rerank_all(&work, err);
    calls_end(&work.run, code);
    if (code == LH_OK) *ret = work.got;
    return code;
}

/* ---- tokens ---- */

lh_code lh_ai_count_tokens(lh_ai *ai, lh_ai_task task, const lh_ai_call *call, lh_str text, uint64_t *ret,
                           lh_error *err) {
    ai_model *model = NULL;
    LH_TRY(ai_models_take(ai, task, call, &model, err));
    lh_code code = LH_OK;
    if (model->ops->count) code = model->ops->count(model->state, text, ret, err);
    else
        code = lh_fail(err, LH_INVALID, "the model '%.*s' of provider %s does not tell its tokens",
                       LH_STR_ARG(model->name), model->ops->name);
    ai_models_release(ai, model);
    return code;
}

lh_code lh_ai_context_tokens(lh_ai *ai, lh_ai_task task, const lh_ai_call *call, uint64_t *ret, lh_error *err) {
    ai_model *model = NULL;
    uint64_t told = 0;
    LH_TRY(ai_models_take(ai, task, call, &model, err));
    lh_code code = model->ops->context ? model->ops->context(model->state, &told, err) : LH_OK;
    uint64_t declared = model->context_tokens;
    ai_models_release(ai, model);
    if (code != LH_OK) return code;
    *ret = told && (!declared || told < declared) ? told : declared;
    return LH_OK;
}
