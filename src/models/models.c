/* Documents, and following them: what a document says is told to ai, once for each version of it. Models first, then uses, which
 * name them. */
#include "models/models_internal.h"

#include <stdio.h>

enum { MODELS_LIST_MAX = 10000 };

/* For a call: nothing to do unless something was written since. */
static void models_follow_now(void *ctx) {
    lh_models *models = ctx;
    lh_error why = {0};
    pthread_mutex_lock(&models->lock);
    bool done = models->sequence == lh_metastore_get_stats(lh_catalog_metastore(models->catalog)).sequence;
    pthread_mutex_unlock(&models->lock);
    if (!done && lh_models_follow(models, &why) != LH_OK)
        lh_log(LH_LOG_WARN, "models cannot be followed", "code", lh_code_name(why.code), "why", why.message, NULL);
}

lh_code lh_models_new(const lh_models_options *options, lh_models **ret, lh_error *err) {
    LH_CLEANUP(lh_models_freep) lh_models *models = calloc(1, sizeof *models);
    if (!models) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&models->lock, NULL);
    models->config = options->config;
    models->catalog = options->catalog;
    models->ai = options->ai;
    if (lh_str_dup(options->folder, &models->folder) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    lh_ai_set_follow(models->ai, models_follow_now, models);
    *ret = lh_take(&models);
    return LH_OK;
}

static void models_known_free(models_known *known) {
    lh_str_free(known->key);
    free(known);
}

void lh_models_free(lh_models *models) {
    if (!models) return;
    lh_ai_set_follow(models->ai, NULL, NULL);
    for (models_known *known = models->known, *next; known; known = next) {
        next = known->next;
        models_known_free(known);
    }
    pthread_mutex_destroy(&models->lock);
    lh_str_free(models->folder);
    free(models);
}

/* ---- documents ---- */

bool models_is_name(lh_str name) {
    bool good = name.len > 0 && name.len <= MODELS_NAME_BYTES && name.ptr[0] != '.';
    for (size_t i = 0; i < name.len && good; i++) {
        char c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-", c);
    }
    return good;
}

lh_code models_no_such(lh_str name, lh_error *err) {
    return lh_fail(err, LH_NOT_FOUND, "there is no registered model '%.*s': GET /ai/models lists them",
                   LH_STR_ARG(lh_str_cut_utf8(name, MODELS_NAME_BYTES)));
}

lh_code models_parse(const lh_document *document, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_TRY(lh_json_parse(arena, document->text, ret, err));
    return lh_json_int(lh_json_get(*ret, "schema_version"), 0) == MODELS_SCHEMA_VERSION
               ? LH_OK
               : lh_fail(err, LH_CORRUPT, "the document %.*s was written by a newer version", LH_STR_ARG(document->key));
}

lh_code models_read(lh_models *models, lh_str key, lh_arena *arena, lh_json **ret, uint64_t *ret_version,
                    lh_error *err) {
    lh_document document = {.key = key};
    LH_TRY(lh_metastore_get(lh_catalog_metastore(models->catalog), key, arena, &document.text, ret_version, err));
    return models_parse(&document, arena, ret, err);
}

lh_code models_put(lh_models *models, lh_str key, const lh_json *json, uint64_t version, lh_arena *arena,
                   lh_error *err) {
    lh_change change = {.key = key, .expected = version};
    if (json) LH_TRY(lh_json_write(arena, json, false, &change.text, err));
    LH_TRY(lh_metastore_commit(lh_catalog_metastore(models->catalog), &change, 1, NULL, err));
    return lh_models_follow(models, err);
}

lh_code models_list(lh_models *models, lh_str prefix, lh_arena *arena, lh_document_page *ret, lh_error *err) {
    return lh_metastore_list(lh_catalog_metastore(models->catalog), prefix, LH_STR_NONE, MODELS_LIST_MAX, arena, ret,
                             err);
}

/* ---- following ---- */

static models_known *follow_find(lh_models *models, lh_str key) {
    models_known *known = models->known;
    while (known && !lh_str_eq(known->key, key)) known = known->next;
    return known;
}

/* NULL: no memory. */
static models_known *follow_take(lh_models *models, lh_str key) {
    models_known *known = follow_find(models, key);
    if (!known && (known = calloc(1, sizeof *known))) {
        if (lh_str_dup(key, &known->key) != LH_OK) return free(known), NULL;
        known->next = models->known;
        models->known = known;
    }
    if (known) known->seen = true;
    return known;
}

static lh_code follow_note(lh_models *models, const lh_document *document, lh_ai_task task, lh_error *err) {
    models_known *known = follow_take(models, document->key);
    if (!known) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    known->version = document->version;
    known->task = task;
    return LH_OK;
}

static lh_str follow_name(lh_str key) { return lh_str_sub(key, strlen(MODELS_DOCUMENT), SIZE_MAX); }

/* A registration of another task than before is another model. */
static lh_code follow_model(lh_models *models, const lh_document *document, const lh_json *json, lh_arena *arena,
                            lh_error *err) {
    lh_ai_definition versions[LH_AI_VERSIONS_MAX];
    size_t count;
    const models_known *before = follow_find(models, document->key);
    LH_TRY(models_versions(models, follow_name(document->key), json, arena, versions, &count, err));
    if (before && before->task != versions->task) lh_ai_remove(models->ai, before->task, versions->name);
    LH_TRY(lh_ai_add(models->ai, versions, count, err));
    return follow_note(models, document, versions->task, err);
}

static lh_code follow_use(lh_models *models, const lh_document *document, const lh_json *json, lh_error *err) {
    lh_ai_task task;
    lh_str profile;
    if (!models_use_key(document->key, &task, &profile)) return LH_OK;
    LH_TRY(lh_ai_use(models->ai, task, profile, models_in_use(json), err));
    return follow_note(models, document, task, err);
}

/* Tried again each time, as a secret may come; told once. */
static void follow_failed(lh_models *models, const lh_document *document, const lh_error *why) {
    models_known *known = follow_take(models, document->key);
    if (known && known->failed == document->version) return;
    if (known) known->failed = document->version;
    char key[LH_LIMIT_KEY_BYTES];
    snprintf(key, sizeof key, "%.*s", LH_STR_ARG(lh_str_cut_utf8(document->key, sizeof key - 1)));
    lh_log(LH_LOG_WARN, "a model cannot be taken up", "document", key, "code", lh_code_name(why->code), "why",
           why->message, NULL);
}

/* again: of models that changed the uses are told once more, for a removal ended them. */
static lh_code follow_prefix(lh_models *models, lh_str prefix, bool again, bool *changed, lh_arena *arena,
                             lh_error *err) {
    lh_document_page page;
    LH_TRY(models_list(models, prefix, arena, &page, err));
    for (size_t i = 0; i < page.count; i++) {
        const lh_document *document = &page.items[i];
        models_known *known = follow_find(models, document->key);
        lh_json *json = NULL;
        lh_error why = {0};
        if (known) known->seen = true;
        if (known && known->version == document->version && !again) continue;
        *changed = true;
        lh_code code = models_parse(document, arena, &json, &why);
        if (code == LH_OK)
            code = lh_str_eq(prefix, LH_STR(MODELS_USE)) ? follow_use(models, document, json, &why)
                                                         : follow_model(models, document, json, arena, &why);
        if (code == LH_NO_MEMORY) return lh_fail(err, code, "out of memory");
        if (code != LH_OK) follow_failed(models, document, &why);
    }
    return LH_OK;
}

static void follow_gone(lh_models *models) {
    for (models_known **at = &models->known; *at;) {
        models_known *known = *at;
        lh_ai_task task;
        lh_str profile;
        if (known->seen) {
            known->seen = false;
            at = &known->next;
            continue;
        }
        if (models_use_key(known->key, &task, &profile)) {
            lh_code ended = lh_ai_use(models->ai, task, profile, LH_STR_NONE, NULL);
            (void)ended; /* an end of a use cannot fail */
        } else lh_ai_remove(models->ai, known->task, follow_name(known->key));
        *at = known->next;
        models_known_free(known);
    }
}

lh_code lh_models_follow(lh_models *models, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    bool changed = false, used = false;
    LH_TRY(lh_arena_new(MODELS_ARENA_BYTES, &arena, err));
    pthread_mutex_lock(&models->lock);
    models->sequence = lh_metastore_get_stats(lh_catalog_metastore(models->catalog)).sequence;
    lh_code code = follow_prefix(models, LH_STR(MODELS_DOCUMENT), false, &changed, arena, err);
    if (code == LH_OK) code = follow_prefix(models, LH_STR(MODELS_USE), changed, &used, arena, err);
    if (code == LH_OK) follow_gone(models);
    pthread_mutex_unlock(&models->lock);
    return code;
}
