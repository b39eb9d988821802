/* Which task has which model.
 *
 * The way of a call (calls.c): its caps, a slot of its task (gate.c), then tries: the breaker of the endpoint, the provider (one of
 * ai_providers), and a pause before the next; at the end the tokens are counted (usage.c). Tasks with the same endpoint share a
 * breaker. Nothing changes after lh_ai_open() but what has a lock of its own. */
#include "ai/ai_internal.h"

#include <stdio.h>

enum { AI_HEALTH_PAUSE_MS = 1000, AI_HEALTH_TIMEOUT_MS = 3000, AI_HEALTH_ARENA_BYTES = 64 << 20 };

const char *const lh_ai_task_names[LH_AI_TASKS] = {"embed", "generate", "rerank"};
static const struct ai_provider_ops *const ai_providers[] = {&ai_provider_llama, &ai_provider_hash, &ai_provider_openai,
                                                             &ai_provider_ollama};

/* ---- open ---- */

static const struct ai_provider_ops *ai_find_provider(lh_str name) {
    for (size_t i = 0; i < sizeof ai_providers / sizeof *ai_providers; i++)
        if (lh_str_eq(name, lh_str_from(ai_providers[i]->name))) return ai_providers[i];
    return NULL;
}

static bool ai_serves(const struct ai_provider_ops *ops, lh_ai_task task) {
    return (task == LH_AI_EMBED && ops->embed) || (task == LH_AI_GENERATE && ops->generate) ||
           (task == LH_AI_RERANK && ops->rerank);
}

/* Only scheme, host, port and path: what else a URL may have could be a secret, and messages name it. */
static lh_code ai_check_url(lh_str url, const char *task, lh_error *err) {
    size_t scheme = lh_str_starts(url, LH_STR("http://")) ? 7 : lh_str_starts(url, LH_STR("https://")) ? 8 : 0;
    bool good = scheme && url.len > scheme && url.ptr[scheme] != '/' && url.len < 512;
    for (size_t i = 0; i < url.len && good; i++)
        good = url.ptr[i] > ' ' && url.ptr[i] < 0x7f && !strchr("@?#\"<>\\^`{|}", url.ptr[i]);
    return good ? LH_OK
                : lh_fail(err, LH_INVALID,
                          "ai.%s_url must be http:// or https:// with a host, without user, query or fragment", task);
}

static lh_code ai_check_key(lh_str key, const char *task, lh_error *err) {
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] <= ' ' || key.ptr[i] >= 0x7f)
            return lh_fail(err, LH_INVALID, "ai.%s_api_key holds a byte that no header may", task);
    return LH_OK;
}

static lh_code ai_open_remote(lh_ai *ai, ai_task *task, const char *name, lh_error *err) {
    lh_str url = task->setup.url.len ? task->setup.url : lh_str_from(task->ops->url);
    while (lh_str_ends(url, LH_STR("/"))) url.len--;
    LH_TRY(ai_check_url(url, name, err));
    LH_TRY(ai_check_key(task->setup.api_key, name, err));
    if (lh_str_dup(url, &task->url) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    task->setup.url = task->url;
    task->setup.http = ai->http;
    task->breaker = &ai->breakers[task - ai->tasks];
    for (ai_task *other = ai->tasks; other < task; other++)
        if (other->breaker && lh_str_eq(other->url, task->url)) task->breaker = other->breaker;
    return LH_OK;
}

static lh_code ai_open_task(lh_ai *ai, lh_ai_task which, lh_str provider, const ai_setup *setup, lh_error *err) {
    const char *name = lh_ai_task_names[which];
    ai_task *task = &ai->tasks[which];
    if (lh_str_eq(provider, LH_STR("none"))) return LH_OK;
    const struct ai_provider_ops *ops = ai_find_provider(provider);
    if (!ops || !ai_serves(ops, which))
        return lh_fail(err, LH_INVALID, "ai.%s_provider: this build has no provider '%.*s' for it", name,
                       LH_STR_ARG(provider));
    task->ops = ops;
    task->setup = *setup;
    task->setup.task = which;
    if (task->setup.model.len == 0) task->setup.model = lh_str_from(ops->model);
    if (task->setup.model.len == 0)
        return lh_fail(err, LH_INVALID, "ai.%s_model must name the model of provider %s", name, ops->name);
    if (task->setup.model.len > LH_LIMIT_NAME_BYTES)
        return lh_fail(err, LH_INVALID, "ai.%s_model is longer than %d bytes", name, LH_LIMIT_NAME_BYTES);
    if (ops->remote) LH_TRY(ai_open_remote(ai, task, name, err));
    return ops->open ? ops->open(&task->setup, &task->state, err) : LH_OK;
}

static lh_code ai_open_tasks(lh_ai *ai, lh_error *err) {
    const lh_config *c = ai->config;
    LH_TRY(ai_open_task(ai, LH_AI_EMBED, c->ai_embed_provider,
                        &(ai_setup){.model = c->ai_embed_model, .url = c->ai_embed_url, .api_key = c->ai_embed_api_key},
                        err));
    LH_TRY(ai_open_task(
        ai, LH_AI_GENERATE, c->ai_generate_provider,
        &(ai_setup){.model = c->ai_generate_model, .url = c->ai_generate_url, .api_key = c->ai_generate_api_key}, err));
    return ai_open_task(
        ai, LH_AI_RERANK, c->ai_rerank_provider,
        &(ai_setup){.model = c->ai_rerank_model, .url = c->ai_rerank_url, .api_key = c->ai_rerank_api_key}, err);
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
    pthread_mutex_init(&ai->health.lock, NULL);
    for (size_t i = 0; i < LH_AI_TASKS; i++) {
        ai_breaker_init(&ai->breakers[i], (unsigned)config->ai_breaker_failures, (uint64_t)config->ai_breaker_ms);
        ai_slots_init(&ai->tasks[i].slots, (size_t)config->ai_concurrency, (size_t)config->ai_queue_max);
    }
    LH_TRY(ai_open_http(ai, err));
    LH_TRY(ai_open_tasks(ai, err));
    *ret = lh_take(&ai);
    return LH_OK;
}

void lh_ai_free(lh_ai *ai) {
    if (!ai) return;
    for (size_t i = 0; i < LH_AI_TASKS; i++) {
        ai_task *task = &ai->tasks[i];
        if (task->ops && task->ops->close) task->ops->close(task->state);
        lh_str_free(task->url);
        ai_slots_done(&task->slots);
        ai_breaker_done(&ai->breakers[i]);
    }
    lh_http_client_free(ai->http);
    free(ai->ca_file);
    pthread_mutex_destroy(&ai->health.lock);
    ai_usage_done(&ai->usage);
    free(ai);
}

/* ---- what is there ---- */

bool lh_ai_has(const lh_ai *ai, lh_ai_task task, lh_ai_model *ret) {
    const ai_task *of = &ai->tasks[task];
    if (of->ops && ret) *ret = (lh_ai_model){.provider = lh_str_from(of->ops->name), .name = of->setup.model};
    return of->ops != NULL;
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
    for (size_t i = 0; i < LH_AI_TASKS; i++) {
        ai_task *task = &ai->tasks[i];
        lh_str version = LH_STR_NONE;
        if (!task->ops) continue;
        if (task->ops->version) version = task->ops->version(task->state, arena);
        lh_json *item = lh_json_new_object(arena);
        lh_json_set_string(arena, item, "task", lh_str_from(lh_ai_task_names[i]));
        lh_json_set_string(arena, item, "provider", lh_str_from(task->ops->name));
        lh_json_set_string(arena, item, "model", task->setup.model);
        lh_json_set(arena, item, "version", version.len ? lh_json_new_string(arena, version) : lh_json_new_null(arena));
        lh_json_append(items, item);
    }
    lh_json_set(arena, body, "items", items);
    LH_TRY(lh_arena_check(arena, err));
    *ret = body;
    return LH_OK;
}

/* Asks unless that was done a moment ago: whoever may see the health could else make us knock without end. */
static void ai_check_locked(lh_ai *ai, size_t i) {
    ai_task *task = &ai->tasks[i];
    ai_health *health = &ai->health;
    uint64_t now = lh_time_monotonic_ms();
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (health->checked_ms[i] && now - health->checked_ms[i] < AI_HEALTH_PAUSE_MS) return;
    lh_code code = lh_arena_new(AI_HEALTH_ARENA_BYTES, &arena, &health->why[i]);
    if (code == LH_OK && task->ops->check)
        code = task->ops->check(task->state, &(ai_try){.setup = &task->setup, .timeout_ms = AI_HEALTH_TIMEOUT_MS},
                                arena, &health->why[i]);
    health->good[i] = code == LH_OK;
    health->checked_ms[i] = lh_time_monotonic_ms();
    health->elapsed_ms[i] = health->checked_ms[i] - now;
}

static lh_json *ai_health_item(lh_ai *ai, size_t i, bool *all_good, lh_arena *arena) {
    static const char *const states[] = {"closed", "open", "half_open"};
    ai_task *task = &ai->tasks[i];
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "task", lh_str_from(lh_ai_task_names[i]));
    if (!task->ops) {
        lh_json_set_string(arena, item, "status", LH_STR("none"));
        return item;
    }
    ai_check_locked(ai, i);
    bool good = ai->health.good[i];
    uint64_t opened;
    *all_good = *all_good && good;
    lh_json_set_string(arena, item, "provider", lh_str_from(task->ops->name));
    lh_json_set_string(arena, item, "model", task->setup.model);
    lh_json_set_string(arena, item, "status", good ? LH_STR("ok") : LH_STR("failed"));
    lh_json_set_uint(arena, item, "elapsed_ms", ai->health.elapsed_ms[i]);
    if (task->breaker)
        lh_json_set_string(arena, item, "breaker",
                           lh_str_from(states[ai_breaker_look(task->breaker, lh_time_monotonic_ms(), &opened)]));
    if (!good) lh_json_set_string(arena, item, "message", lh_str_from(ai->health.why[i].message));
    return item;
}

lh_code lh_ai_health(lh_ai *ai, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *body = lh_json_new_object(arena), *tasks = lh_json_new_array(arena);
    bool all_good = true;
    pthread_mutex_lock(&ai->health.lock);
    for (size_t i = 0; i < LH_AI_TASKS; i++) lh_json_append(tasks, ai_health_item(ai, i, &all_good, arena));
    pthread_mutex_unlock(&ai->health.lock);
    lh_json_set_string(arena, body, "status", all_good ? LH_STR("ok") : LH_STR("failed"));
    lh_json_set(arena, body, "tasks", tasks);
    LH_TRY(lh_arena_check(arena, err));
    *ret = body;
    return LH_OK;
}
