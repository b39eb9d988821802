/* Opens the interface with the models of the configuration; which there are, and whether they answer.
 *
 * The way of a call (calls.c): its caps, its model (models.c), a slot of its task (gate.c), then tries: the breaker of the model's
 * endpoint, the provider, and a pause before the next; at the end the tokens are counted (usage.c). */
#include "ai/ai_internal.h"

enum { AI_HEALTH_PAUSE_MS = 1000, AI_HEALTH_TIMEOUT_MS = 3000, AI_HEALTH_ARENA_BYTES = 64 << 20 };

const char *const lh_ai_task_names[LH_AI_TASKS] = {"embed", "generate", "rerank"};

bool lh_ai_task_of(lh_str name, lh_ai_task *ret) {
    for (lh_ai_task task = 0; task < LH_AI_TASKS; task++)
        if (lh_str_eq(name, lh_str_from(lh_ai_task_names[task]))) return *ret = task, true;
    return false;
}

/* ---- open ---- */

static lh_code ai_configure(lh_ai *ai, lh_error *err) {
    const lh_config *c = ai->config;
    const lh_ai_definition models[LH_AI_TASKS] = {
        {.task = LH_AI_EMBED,
         .provider = c->ai_embed_provider,
         .model = c->ai_embed_model,
         .url = c->ai_embed_url,
         .api_key = c->ai_embed_api_key},
        {.task = LH_AI_GENERATE,
         .provider = c->ai_generate_provider,
         .model = c->ai_generate_model,
         .url = c->ai_generate_url,
         .api_key = c->ai_generate_api_key},
        {.task = LH_AI_RERANK,
         .provider = c->ai_rerank_provider,
         .model = c->ai_rerank_model,
         .url = c->ai_rerank_url,
         .api_key = c->ai_rerank_api_key},
    };
    for (size_t i = 0; i < LH_AI_TASKS; i++)
        if (!lh_str_eq(models[i].provider, LH_STR("none"))) LH_TRY(ai_models_configure(ai, &models[i], err));
    return LH_OK;
}

static lh_code ai_open_http(lh_ai *ai, lh_error *err) {
    const lh_config *c = ai->config;
    if (c->ai_ca_file.len && !(ai->ca_file = strndup(c->ai_ca_file.ptr, c->ai_ca_file.len)))
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    const lh_http_client_options options = {/* slots bound the calls; health has one more */
                                            .connections_max = LH_AI_TASKS * (size_t)c->ai_concurrency + 1,
                                            .idle_timeout_ms = (uint64_t)c->ai_timeout_ms,
                                            .ca_file = ai->ca_file};
    return lh_http_client_new(&options, &ai->http, err);
}

lh_code lh_ai_open(const lh_config *config, lh_ai **ret, lh_error *err) {
    LH_CLEANUP(lh_ai_freep) lh_ai *ai = calloc(1, sizeof *ai);
    if (!ai) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    ai->config = config;
    ai_usage_init(&ai->usage);
    pthread_mutex_init(&ai->lock, NULL);
    pthread_mutex_init(&ai->checking, NULL);
    for (size_t i = 0; i < LH_AI_TASKS; i++)
        ai_slots_init(&ai->tasks[i].slots, (size_t)config->ai_concurrency, (size_t)config->ai_queue_max);
    LH_TRY(ai_kept_init(&ai->kept, (uint64_t)config->ai_kept_bytes, err));
    LH_TRY(ai_open_http(ai, err));
    LH_TRY(ai_configure(ai, err));
    *ret = lh_take(&ai);
    return LH_OK;
}

void lh_ai_free(lh_ai *ai) {
    if (!ai) return;
    ai_models_free(ai);
    for (size_t i = 0; i < LH_AI_TASKS; i++) ai_slots_done(&ai->tasks[i].slots);
    lh_http_client_free(ai->http);
    free(ai->ca_file);
    pthread_mutex_destroy(&ai->checking);
    pthread_mutex_destroy(&ai->lock);
    ai_kept_done(&ai->kept);
    ai_usage_done(&ai->usage);
    free(ai);
}

/* ---- what is there ---- */

static lh_ai_model ai_told(const ai_model *model, lh_arena *arena) {
    return (lh_ai_model){lh_str_from(model->ops->name), lh_arena_dup(arena, model->name),
                         ai_model_version(model, arena)};
}

lh_code lh_ai_find(lh_ai *ai, lh_ai_task task, const lh_ai_call *call, lh_arena *arena, lh_ai_model *ret,
                   lh_error *err) {
    ai_model *model = NULL;
    LH_TRY(ai_models_take(ai, task, call, &model, err));
    *ret = ai_told(model, arena);
    ai_models_release(ai, model);
    return lh_arena_check(arena, err);
}

static bool ai_differs(lh_ai *ai, lh_ai_task task, const lh_ai_model *of, lh_arena *arena, lh_ai_model *ret,
                       int64_t *ret_since_ms) {
    ai_model *model = NULL;
    if (ai_models_take(ai, task, &(lh_ai_call){.model = of->name}, &model, NULL) != LH_OK) return false;
    *ret = ai_told(model, arena);
    pthread_mutex_lock(&ai->lock);
    *ret_since_ms = model->since_ms;
    pthread_mutex_unlock(&ai->lock);
    ai_models_release(ai, model);
    return ret->version.len && !lh_ai_is_same(ret, of);
}

/* Looked at once more: what differs may be newer than what is known here of the registry. */
bool lh_ai_has_changed(lh_ai *ai, lh_ai_task task, const lh_ai_model *of, lh_arena *arena, lh_ai_model *ret,
                       int64_t *ret_since_ms) {
    if (!ai_differs(ai, task, of, arena, ret, ret_since_ms)) return false;
    lh_ai_follow(ai);
    return ai_differs(ai, task, of, arena, ret, ret_since_ms);
}

/* What each list of models tells of one. */
static lh_json *ai_item(lh_ai *ai, lh_ai_task task, ai_model *model, bool *ret_in_use, lh_arena *arena) {
    lh_json *item = lh_json_new_object(arena);
    *ret_in_use = ai_models_is_in_use(ai, task, model);
    lh_json_set_string(arena, item, "task", lh_str_from(lh_ai_task_names[task]));
    lh_json_set_string(arena, item, "provider", lh_str_from(model->ops->name));
    lh_json_set_string(arena, item, "model", model->name);
    lh_json_set_bool(arena, item, "in_use", *ret_in_use);
    return item;
}

bool lh_ai_is_same(const lh_ai_model *a, const lh_ai_model *b) {
    bool of_file = lh_str_eq(a->provider, lh_str_from(ai_provider_llama.name)) && a->version.len;
    return lh_str_eq(a->provider, b->provider) && lh_str_eq(a->version, b->version) &&
           (of_file || lh_str_eq(a->name, b->name));
}

lh_json *lh_ai_model_json(const lh_ai_model *model, lh_arena *arena) {
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "provider", model->provider);
    lh_json_set_string(arena, item, "name", model->name);
    lh_json_set(arena, item, "version",
                model->version.len ? lh_json_new_string(arena, model->version) : lh_json_new_null(arena));
    return item;
}

lh_code lh_ai_models(lh_ai *ai, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *body = lh_json_new_object(arena), *items = lh_json_new_array(arena);
    for (lh_ai_task task = 0; task < LH_AI_TASKS; task++)
        for (ai_model *model = NULL; (model = ai_models_next(ai, task, model));) {
            bool in_use;
            lh_json *item = ai_item(ai, task, model, &in_use, arena);
            lh_str version = ai_model_version(model, arena);
            lh_json_set(arena, item, "version",
                        version.len ? lh_json_new_string(arena, version) : lh_json_new_null(arena));
            lh_json_set_string(arena, item, "source",
                               model->configured ? LH_STR("configuration") : LH_STR("registered"));
            lh_json_append(items, item);
        }
    lh_json_set(arena, body, "items", items);
    LH_TRY(lh_arena_check(arena, err));
    *ret = body;
    return LH_OK;
}

/* Asks unless that was done a moment ago: whoever may see the health could else make us knock without end. Under ai->checking. */
static void ai_check_locked(ai_model *model) {
    uint64_t now = lh_time_monotonic_ms();
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (model->checked_ms && now - model->checked_ms < AI_HEALTH_PAUSE_MS) return;
    lh_code code = lh_arena_new(AI_HEALTH_ARENA_BYTES, &arena, &model->why);
    if (code == LH_OK && model->ops->check)
        code = model->ops->check(model->state, &(ai_try){.setup = &model->setup, .timeout_ms = AI_HEALTH_TIMEOUT_MS},
                                 arena, &model->why);
    model->good = code == LH_OK;
    model->checked_ms = lh_time_monotonic_ms();
    model->elapsed_ms = model->checked_ms - now;
}

/* *all_good: of those in use. */
static lh_json *ai_health_item(lh_ai *ai, lh_ai_task task, ai_model *model, bool *all_good, lh_arena *arena) {
    static const char *const states[] = {"closed", "open", "half_open"};
    bool in_use;
    lh_json *item = ai_item(ai, task, model, &in_use, arena);
    ai_check_locked(model);
    if (in_use) *all_good = *all_good && model->good;
    lh_json_set_string(arena, item, "status", model->good ? LH_STR("ok") : LH_STR("failed"));
    lh_json_set_uint(arena, item, "elapsed_ms", model->elapsed_ms);
    if (model->endpoint) {
        uint64_t opened;
        lh_json_set_string(
            arena, item, "breaker",
            lh_str_from(states[ai_breaker_look(&model->endpoint->breaker, lh_time_monotonic_ms(), &opened)]));
    }
    if (!model->good) lh_json_set_string(arena, item, "message", lh_str_from(model->why.message));
    return item;
}

static void ai_health_task(lh_ai *ai, lh_ai_task task, bool *all_good, lh_arena *arena, lh_json *tasks) {
    bool any = false;
    for (ai_model *model = NULL; (model = ai_models_next(ai, task, model)); any = true)
        lh_json_append(tasks, ai_health_item(ai, task, model, all_good, arena));
    if (any) return;
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "task", lh_str_from(lh_ai_task_names[task]));
    lh_json_set_string(arena, item, "status", LH_STR("none"));
    lh_json_append(tasks, item);
}

lh_code lh_ai_health(lh_ai *ai, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *body = lh_json_new_object(arena), *tasks = lh_json_new_array(arena);
    bool all_good = true;
    pthread_mutex_lock(&ai->checking);
    for (lh_ai_task task = 0; task < LH_AI_TASKS; task++) ai_health_task(ai, task, &all_good, arena, tasks);
    pthread_mutex_unlock(&ai->checking);
    lh_json_set_string(arena, body, "status", all_good ? LH_STR("ok") : LH_STR("failed"));
    lh_json_set(arena, body, "tasks", tasks);
    LH_TRY(lh_arena_check(arena, err));
    *ret = body;
    return LH_OK;
}
