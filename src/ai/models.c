/* Which models a task has, and which of them does a call. One of the configuration stays as long as the interface; others come and
 * go while calls run: one that was taken off the list serves the calls that have it, and the last of them frees it. Models with the
 * same URL share an endpoint, and so its breaker. */
#include "ai/ai_internal.h"

#include <stdio.h>

enum {
    MODEL_ARENA_BYTES = 64 << 10,
    MODEL_ASKED_ARENA_BYTES = 64 << 10,
    MODEL_VERSION_BYTES = 128,
    MODEL_URL_BYTES = 511,
    MODEL_ENDPOINT_DIGITS = 16
};

static const struct ai_provider_ops *const model_providers[] = {&ai_provider_llama, &ai_provider_hash,
                                                                &ai_provider_openai, &ai_provider_ollama};

/* ---- endpoints, under ai->lock ---- */

static ai_endpoint *endpoint_take_locked(lh_ai *ai, lh_str url) {
    const lh_config *c = ai->config;
    for (ai_endpoint *endpoint = ai->endpoints; endpoint; endpoint = endpoint->next)
        if (lh_str_eq(endpoint->url, url)) return endpoint->models++, endpoint;
    ai_endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (!endpoint || lh_str_dup(url, &endpoint->url) != LH_OK) return free(endpoint), NULL;
    ai_breaker_init(&endpoint->breaker, (unsigned)c->ai_breaker_failures, (uint64_t)c->ai_breaker_ms);
    endpoint->models = 1;
    endpoint->next = ai->endpoints;
    ai->endpoints = endpoint;
    return endpoint;
}

static void endpoint_release_locked(lh_ai *ai, ai_endpoint *endpoint) {
    if (!endpoint || --endpoint->models > 0) return;
    ai_endpoint **at = &ai->endpoints;
    while (*at != endpoint) at = &(*at)->next;
    *at = endpoint->next;
    ai_breaker_done(&endpoint->breaker);
    lh_str_free(endpoint->url);
    free(endpoint);
}

/* ---- one model ---- */

/* What a message calls a member of the definition: the configuration's setting, or the member itself. */
typedef struct model_member {
    char name[64];
} model_member;
static model_member model_name_of(const ai_model *model, lh_ai_task task, const char *member) {
    model_member named;
    if (model->configured)
        (void)snprintf(named.name, sizeof named.name, "ai.%s_%s", lh_ai_task_names[task], member);
    else (void)snprintf(named.name, sizeof named.name, "'%s'", member);
    return named;
}

/* Only scheme, host, port and path: what else a URL may have could be a secret, and messages name it. */
static bool model_is_url(lh_str url) {
    size_t scheme = lh_str_starts(url, LH_STR("http://")) ? 7 : lh_str_starts(url, LH_STR("https://")) ? 8 : 0;
    bool good = scheme && url.len > scheme && url.ptr[scheme] != '/' && url.len <= MODEL_URL_BYTES;
    for (size_t i = 0; i < url.len && good; i++)
        good = url.ptr[i] > ' ' && url.ptr[i] < 0x7f && !strchr("@?#\"<>\\^`{|}", url.ptr[i]);
    return good;
}

/* Does it do what the other does, by the same key? */
static bool model_is_alike(const ai_model *a, const ai_model *b) {
    const ai_setup *x = &a->setup, *y = &b->setup;
    return a->ops == b->ops && lh_str_eq(x->model, y->model) && lh_str_eq(x->url, y->url) &&
           lh_str_eq(x->api_key, y->api_key) && lh_str_eq(a->version, b->version) &&
           a->context_tokens == b->context_tokens;
}

static bool model_is_header(lh_str key) {
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] <= ' ' || key.ptr[i] >= 0x7f) return false;
    return true;
}

static bool model_serves(const struct ai_provider_ops *ops, lh_ai_task task) {
    return (task == LH_AI_EMBED && ops->embed) || (task == LH_AI_GENERATE && ops->generate) ||
           (task == LH_AI_RERANK && ops->rerank);
}

static const struct ai_provider_ops *model_find_provider(lh_str name, lh_ai_task task) {
    for (size_t i = 0; i < sizeof model_providers / sizeof *model_providers; i++)
        if (lh_str_eq(name, lh_str_from(model_providers[i]->name)))
            return model_serves(model_providers[i], task) ? model_providers[i] : NULL;
    return NULL;
}

static bool model_is_file(const struct ai_provider_ops *ops) { return ops == &ai_provider_llama; }

/* Where a file lies is nobody's business who calls: it is named as one beside the binary is. */
static lh_str model_file_name(lh_str path) {
    lh_str name = lh_str_sub(path, lh_str_after_last(path, '/'), SIZE_MAX);
    if (lh_str_ends(name, LH_STR(".gguf"))) name.len -= strlen(".gguf");
    return name;
}

static lh_code model_read(ai_model *model, const lh_ai_definition *from, lh_error *err) {
    const struct ai_provider_ops *ops = model_find_provider(from->provider, from->task);
    ai_setup *setup = &model->setup;
    if (!ops)
        return lh_fail(err, LH_INVALID, "%s: this build has no provider '%.*s' for the task %s",
                       model_name_of(model, from->task, "provider").name,
                       LH_STR_ARG(lh_str_cut_utf8(from->provider, 64)), lh_ai_task_names[from->task]);
    model->ops = ops;
    setup->task = from->task;
    setup->model = lh_arena_dup(model->arena, from->model.len ? from->model : lh_str_from(ops->model));
    model->name = from->name.len       ? lh_arena_dup(model->arena, from->name)
                  : model_is_file(ops) ? model_file_name(setup->model)
                                       : setup->model;
    model->version = lh_arena_dup(model->arena, lh_str_sub(from->version, 0, MODEL_VERSION_BYTES));
    model->context_tokens = from->context_tokens;
    model->since_ms = from->since_ms ? from->since_ms : lh_time_now_ms();
    if (setup->model.len == 0 || setup->model.len > LH_LIMIT_NAME_BYTES)
        return lh_fail(err, LH_INVALID, "%s must name the model of provider %s in at most %d bytes",
                       model_name_of(model, from->task, "model").name, ops->name, LH_LIMIT_NAME_BYTES);
    return lh_arena_check(model->arena, err);
}

static lh_str model_url(lh_str url) {
    while (lh_str_ends(url, LH_STR("/"))) url.len--;
    return url;
}

lh_str lh_ai_endpoint_version(lh_str url, lh_str model, lh_arena *arena) {
    url = model_url(url);
    lh_sha256 hash = lh_sha256_of(lh_arena_printf(arena, "%.*s %.*s", LH_STR_ARG(url), LH_STR_ARG(model)));
    lh_sha256_hex hex = lh_sha256_to_hex(&hash);
    return lh_arena_dup(arena, lh_str_sub(lh_str_from(hex.text), 0, MODEL_ENDPOINT_DIGITS));
}

static lh_code model_read_url(lh_ai *ai, ai_model *model, const lh_ai_definition *from, lh_error *err) {
    ai_setup *setup = &model->setup;
    lh_str url = model_url(from->url.len ? from->url : lh_str_from(model->ops->url));
    if (!model_is_url(url))
        return lh_fail(err, LH_INVALID, "%s must be http:// or https:// with a host, without user, query or fragment",
                       model_name_of(model, from->task, "url").name);
    if (!model_is_header(from->api_key))
        return lh_fail(err, LH_INVALID, "%s holds a byte that no header may",
                       model_name_of(model, from->task, "api_key").name);
    setup->url = lh_arena_dup(model->arena, url);
    setup->api_key = lh_arena_dup(model->arena, from->api_key);
    setup->http = ai->http;
    if (!model->ops->version && !model->version.len)
        model->version = lh_ai_endpoint_version(url, setup->model, model->arena);
    LH_TRY(lh_arena_check(model->arena, err));
    pthread_mutex_lock(&ai->lock);
    model->endpoint = endpoint_take_locked(ai, url);
    pthread_mutex_unlock(&ai->lock);
    return model->endpoint ? LH_OK : lh_fail(err, LH_NO_MEMORY, "out of memory");
}

static void model_free(lh_ai *ai, ai_model *model) {
    if (!model) return;
    if (model->ops && model->ops->close) model->ops->close(model->state);
    pthread_mutex_lock(&ai->lock);
    endpoint_release_locked(ai, model->endpoint);
    pthread_mutex_unlock(&ai->lock);
    lh_arena_free(model->arena);
    free(model);
}

static lh_code model_new(lh_ai *ai, const lh_ai_definition *from, bool configured, ai_model **ret, lh_error *err) {
    ai_model *model = calloc(1, sizeof *model);
    if (!model) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    model->configured = configured;
    lh_code code = lh_arena_new(MODEL_ARENA_BYTES, &model->arena, err);
    if (code == LH_OK) code = model_read(model, from, err);
    if (code == LH_OK && model->ops->remote) code = model_read_url(ai, model, from, err);
    if (code == LH_OK && model->ops->open) code = model->ops->open(&model->setup, &model->state, err);
    if (code == LH_OK) *ret = model;
    else model_free(ai, model);
    return code;
}

/* ---- the lists, under ai->lock ---- */

static ai_model *models_find_locked(const ai_task *task, lh_str name) {
    for (ai_model *model = task->models; model; model = model->next)
        if (!model->superseded && lh_str_eq(model->name, name)) return model;
    lh_str file = model_file_name(name); /* indexes made by older versions have a path */
    for (ai_model *model = task->models; model && file.len < name.len; model = model->next)
        if (!model->superseded && model_is_file(model->ops) && lh_str_eq(model->name, file)) return model;
    return NULL;
}

static ai_model *models_find_version_locked(const ai_task *task, lh_str name, lh_str version) {
    for (ai_model *model = task->models; model && version.len; model = model->next)
        if (model->superseded && lh_str_eq(model->name, name) && lh_str_eq(model->version, version)) return model;
    return models_find_locked(task, name);
}

static ai_use **models_find_use_locked(ai_task *task, lh_str principal) {
    ai_use **at = &task->uses;
    while (*at && !lh_str_eq((*at)->principal, principal)) at = &(*at)->next;
    return at;
}

static void models_end_use_locked(ai_use **at) {
    ai_use *use = *at;
    *at = use->next;
    lh_str_free(use->principal);
    free(use);
}

/* The one of who names none. */
static ai_model *models_in_use_locked(ai_task *task, lh_str principal) {
    ai_use *own = *models_find_use_locked(task, principal);
    if (!own && principal.len) own = *models_find_use_locked(task, LH_STR_NONE);
    return own ? own->model : task->models && task->models->configured ? task->models : NULL;
}

/* Those of a name are another: the first has its calls, none ends it. One that was there already stays, loaded as it is, but a
 * superseded one takes up no memory before somebody asks for it. ended: as many as are to be freed. */
static void models_replace_locked(ai_task *task, lh_str name, ai_model **made, size_t count,
                                  ai_model *ended[2 * LH_AI_VERSIONS_MAX]) {
    ai_model *before = NULL, **at;
    size_t n = 0;
    for (at = &task->models; *at;) {
        ai_model *model = *at;
        if (model->configured || !lh_str_eq(model->name, name)) {
            at = &model->next;
            continue;
        }
        *at = model->next;
        model->next = before;
        before = model;
    }
    for (size_t i = 0; i < count; at = &made[i++]->next) {
        ai_model **same = &before;
        while (*same && !(model_is_alike(*same, made[i]) && (i == 0 || (*same)->superseded))) same = &(*same)->next;
        if (*same) {
            (*same)->since_ms = made[i]->since_ms;
            ended[n++] = made[i];
            made[i] = *same;
            *same = made[i]->next;
        }
        made[i]->superseded = i > 0;
        made[i]->next = NULL;
        *at = made[i];
    }
    for (ai_use **use = &task->uses; *use;) {
        bool of_name = !(*use)->model->configured && lh_str_eq((*use)->model->name, name);
        if (of_name && count) (*use)->model = made[0];
        if (of_name && !count) models_end_use_locked(use);
        else use = &(*use)->next;
    }
    for (ai_model *model = before; model; model = model->next) {
        model->gone = true;
        if (model->users == 0) ended[n++] = model;
    }
}

/* ---- what others see of it ---- */

lh_code ai_models_configure(lh_ai *ai, const lh_ai_definition *definition, lh_error *err) {
    return model_new(ai, definition, true, &ai->tasks[definition->task].models, err);
}

static lh_code models_check_place_locked(const ai_task *task, const ai_model *model, lh_error *err) {
    const ai_model *there = models_find_locked(task, model->name);
    size_t count = 0;
    for (const ai_model *other = task->models; other; other = other->next)
        count += !other->configured && !other->superseded;
    if (there && there->configured)
        return lh_fail(err, LH_CONFLICT, "the configuration has a %s model '%.*s': take another name",
                       lh_ai_task_names[model->setup.task], LH_STR_ARG(model->name));
    if (!there && count >= LH_LIMIT_AI_MODELS)
        return lh_fail(err, LH_LIMIT, "%zu %s models are registered: remove one first", count,
                       lh_ai_task_names[model->setup.task]);
    return LH_OK;
}

lh_code lh_ai_check(lh_ai *ai, const lh_ai_definition *definition, lh_error *err) {
    ai_model *model = NULL;
    LH_TRY(model_new(ai, definition, false, &model, err));
    model_free(ai, model);
    return LH_OK;
}

lh_code lh_ai_add(lh_ai *ai, const lh_ai_definition *versions, size_t count, lh_error *err) {
    ai_model *made[LH_AI_VERSIONS_MAX] = {0}, *ended[2 * LH_AI_VERSIONS_MAX] = {0};
    ai_task *task = &ai->tasks[versions->task];
    lh_code code = LH_OK;
    if (versions->name.len == 0 || versions->name.len > LH_LIMIT_NAME_BYTES)
        return lh_fail(err, LH_INVALID, "'name' of a model must have 1 to %d bytes", LH_LIMIT_NAME_BYTES);
    if (count > LH_AI_VERSIONS_MAX)
        return lh_fail(err, LH_LIMIT, "a model has at most %d versions", LH_AI_VERSIONS_MAX);
    for (size_t i = 0; i < count && code == LH_OK; i++) code = model_new(ai, &versions[i], false, &made[i], err);
    if (code == LH_OK) {
        pthread_mutex_lock(&ai->lock);
        code = models_check_place_locked(task, made[0], err);
        if (code == LH_OK) models_replace_locked(task, versions->name, made, count, ended);
        pthread_mutex_unlock(&ai->lock);
    }
    for (size_t i = 0; i < count && code != LH_OK; i++) model_free(ai, made[i]);
    for (size_t i = 0; i < 2 * LH_AI_VERSIONS_MAX; i++) model_free(ai, ended[i]);
    return code;
}

void lh_ai_remove(lh_ai *ai, lh_ai_task which, lh_str name) {
    ai_model *ended[2 * LH_AI_VERSIONS_MAX] = {0};
    pthread_mutex_lock(&ai->lock);
    models_replace_locked(&ai->tasks[which], name, NULL, 0, ended);
    pthread_mutex_unlock(&ai->lock);
    for (size_t i = 0; i < 2 * LH_AI_VERSIONS_MAX; i++) model_free(ai, ended[i]);
}

static lh_code models_use_locked(ai_task *task, lh_str principal, ai_model *model, lh_error *err) {
    ai_use **at = models_find_use_locked(task, principal), *use = *at;
    size_t count = 0;
    for (const ai_use *other = task->uses; other; other = other->next) count++;
    if (!use && count >= LH_LIMIT_AI_USES)
        return lh_fail(err, LH_LIMIT, "%zu principals have a model of their own already", count);
    if (!use) {
        use = calloc(1, sizeof *use);
        if (!use || lh_str_dup(principal, &use->principal) != LH_OK) {
            free(use);
            return lh_fail(err, LH_NO_MEMORY, "out of memory");
        }
        *at = use;
    }
    use->model = model;
    return LH_OK;
}

static lh_code models_no_such(lh_ai_task task, lh_str name, lh_error *err) {
    return lh_fail(err, LH_NOT_FOUND, "there is no %s model '%.*s': GET /ai/models lists them", lh_ai_task_names[task],
                   LH_STR_ARG(lh_str_cut_utf8(name, 64)));
}

lh_code lh_ai_use(lh_ai *ai, lh_ai_task which, lh_str principal, lh_str name, lh_error *err) {
    ai_task *task = &ai->tasks[which];
    lh_code code = LH_OK;
    pthread_mutex_lock(&ai->lock);
    ai_use **own = models_find_use_locked(task, principal);
    ai_model *model = name.len ? models_find_locked(task, name) : NULL;
    if (model) code = models_use_locked(task, principal, model, err);
    else if (name.len) code = models_no_such(which, name, err);
    else if (*own) models_end_use_locked(own);
    pthread_mutex_unlock(&ai->lock);
    return code;
}

lh_str ai_model_version(const ai_model *model, lh_arena *arena) {
    lh_str version = model->ops->version ? model->ops->version(model->state, arena) : LH_STR_NONE;
    return version.len ? version : lh_arena_dup(arena, model->version);
}

void lh_ai_set_follow(lh_ai *ai, void (*fn)(void *ctx), void *ctx) {
    ai->follow = fn;
    ai->follow_ctx = ctx;
}

void lh_ai_follow(lh_ai *ai) {
    if (ai->follow) ai->follow(ai->follow_ctx);
}

/* NULL: there is none. *ret_any: the task has some. */
static ai_model *models_take(lh_ai *ai, lh_ai_task which, const lh_ai_call *call, bool *ret_any) {
    ai_task *task = &ai->tasks[which];
    pthread_mutex_lock(&ai->lock);
    *ret_any = task->models != NULL;
    ai_model *model = call->model.len ? models_find_version_locked(task, call->model, call->version)
                                      : models_in_use_locked(task, call->principal);
    if (model) model->users++;
    pthread_mutex_unlock(&ai->lock);
    return model;
}

/* Is it what the call asks for, as far as is known? */
static bool models_is_asked(const ai_model *model, const lh_ai_call *call) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (!model) return !call->model.len;
    if (!call->version.len || lh_arena_new(MODEL_ASKED_ARENA_BYTES, &arena, NULL) != LH_OK) return true;
    lh_str version = ai_model_version(model, arena);
    return !version.len || lh_str_eq(version, call->version);
}

lh_code ai_models_take(lh_ai *ai, lh_ai_task which, const lh_ai_call *call, ai_model **ret, lh_error *err) {
    bool any;
    ai_model *model = models_take(ai, which, call, &any);
    if (!models_is_asked(model, call)) {
        ai_models_release(ai, model);
        lh_ai_follow(ai);
        model = models_take(ai, which, call, &any);
    }
    *ret = model;
    if (model) return LH_OK;
    if (call->model.len && any) return models_no_such(which, call->model, err);
    return lh_fail(err, LH_UNAVAILABLE, "no %s model is configured: set ai.%s_provider, or register one and activate it",
                   lh_ai_task_names[which], lh_ai_task_names[which]);
}

void ai_models_release(lh_ai *ai, ai_model *model) {
    if (!model) return;
    pthread_mutex_lock(&ai->lock);
    bool last = --model->users == 0 && model->gone;
    pthread_mutex_unlock(&ai->lock);
    if (last) model_free(ai, model);
}

/* One that went meanwhile ends the walk: it has lost its place. */
ai_model *ai_models_next(lh_ai *ai, lh_ai_task task, ai_model *model) {
    pthread_mutex_lock(&ai->lock);
    ai_model *next = model ? model->gone ? NULL : model->next : ai->tasks[task].models;
    while (next && next->superseded) next = next->next;
    if (next) next->users++;
    pthread_mutex_unlock(&ai->lock);
    ai_models_release(ai, model);
    return next;
}

uint64_t ai_models_opened(lh_ai *ai, lh_ai_task task) {
    uint64_t sum = 0, opened;
    pthread_mutex_lock(&ai->lock);
    for (const ai_model *model = ai->tasks[task].models; model; model = model->next) {
        const ai_model *first = ai->tasks[task].models;
        while (first != model && first->endpoint != model->endpoint) first = first->next;
        if (first != model || !model->endpoint) continue;
        (void)ai_breaker_look(&model->endpoint->breaker, 0, &opened);
        sum += opened;
    }
    pthread_mutex_unlock(&ai->lock);
    return sum;
}

bool ai_models_is_in_use(lh_ai *ai, lh_ai_task task, const ai_model *model) {
    pthread_mutex_lock(&ai->lock);
    bool used = models_in_use_locked(&ai->tasks[task], LH_STR_NONE) == model;
    pthread_mutex_unlock(&ai->lock);
    return used;
}

bool lh_ai_has(lh_ai *ai, lh_ai_task task, const lh_ai_call *call) {
    pthread_mutex_lock(&ai->lock);
    bool has = call->model.len ? ai->tasks[task].models != NULL
                               : models_in_use_locked(&ai->tasks[task], call->principal) != NULL;
    pthread_mutex_unlock(&ai->lock);
    return has;
}

void ai_models_free(lh_ai *ai) {
    for (size_t task = 0; task < LH_AI_TASKS; task++) {
        while (ai->tasks[task].uses) models_end_use_locked(&ai->tasks[task].uses);
        for (ai_model *model = ai->tasks[task].models, *next; model; model = next) {
            next = model->next;
            model_free(ai, model);
        }
    }
}
