/* Registering a model: what a request says of it is looked at, its file hashed, the model tried, and then the document is put. */
#include "models/models_internal.h"

#include <errno.h>
#include <stdio.h>

enum { REGISTER_READ_BYTES = 1 << 20, REGISTER_VERSION_DIGITS = 16, REGISTER_TRY_MS = 120000 };

static lh_str register_key(lh_str name, lh_arena *arena) {
    return lh_arena_printf(arena, MODELS_DOCUMENT "%.*s", LH_STR_ARG(name));
}

static lh_code register_secret(lh_models *models, lh_str name, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_secret secret = {0};
    *ret = LH_STR_NONE;
    if (!name.len) return LH_OK;
    LH_TRY(lh_secret_of(models->config, models->folder, name, arena, &secret, err));
    if (!secret.api_key.len)
        return lh_fail(err, LH_INVALID, "the secret '%.*s' has no api_key", LH_STR_ARG(name));
    *ret = secret.api_key;
    return LH_OK;
}

static lh_code register_definition(lh_models *models, lh_str name, const lh_json *document, lh_arena *arena,
                                   lh_ai_definition *ret, lh_error *err) {
    *ret = (lh_ai_definition){.name = name,
                              .provider = lh_json_get_string(document, "provider"),
                              .model = lh_json_get_string(document, "model"),
                              .url = lh_json_get_string(document, "url"),
                              .version = lh_json_get_string(document, "version"),
                              .context_tokens = (uint64_t)lh_json_int(lh_json_get(document, "context_tokens"), 0),
                              .since_ms = lh_json_int(lh_json_get(document, "registered_ms"), 0)};
    if (!lh_ai_task_of(lh_json_get_string(document, "task"), &ret->task))
        return lh_fail(err, LH_INVALID, "'task' must be embed, generate or rerank");
    return register_secret(models, lh_json_get_string(document, "secret"), arena, &ret->api_key, err);
}

static void register_log_left_out(lh_str name, const lh_error *why) {
    char text[MODELS_NAME_BYTES + 1];
    snprintf(text, sizeof text, "%.*s", LH_STR_ARG(lh_str_cut_utf8(name, MODELS_NAME_BYTES)));
    lh_log(LH_LOG_WARN, "a superseded version of a model answers for its indexes no more", "model", text, "why",
           why->message, NULL);
}

lh_code models_versions(lh_models *models, lh_str name, const lh_json *document, lh_arena *arena,
                        lh_ai_definition ret[LH_AI_VERSIONS_MAX], size_t *ret_count, lh_error *err) {
    *ret_count = 1;
    LH_TRY(register_definition(models, name, document, arena, &ret[0], err));
    for (lh_json_iter it = lh_json_each(lh_json_get(document, "superseded")); lh_json_next(&it);) {
        lh_error why = {0};
        if (*ret_count == LH_AI_VERSIONS_MAX) break;
        if (register_definition(models, name, it.value, arena, &ret[*ret_count], &why) == LH_OK) ++*ret_count;
        else register_log_left_out(name, &why);
    }
    return LH_OK;
}

/* ---- what a request says ---- */

lh_code models_read_request(const lh_json *body, lh_arena *arena, lh_json *document, lh_error *err) {
    static const struct {
        const char *name;
        size_t bytes_max;
        bool required;
    } members[] = {{"task", 16, true},
                   {"provider", 16, true},
                   {"model", LH_LIMIT_NAME_BYTES, false},
                   {"url", 512, false},
                   {"secret", 63, false},
                   {"base", LH_LIMIT_NAME_BYTES, false},
                   {"checksum", 64, false},
                   {"notes", MODELS_NOTES_BYTES, false}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const lh_json *value = lh_json_get(body, members[i].name);
        lh_str text = lh_json_str(value, LH_STR_NONE);
        if (!lh_json_is_null(value) && !lh_json_is_string(value))
            return lh_fail(err, LH_INVALID, "'%s' must be a text", members[i].name);
        if ((members[i].required && !text.len) || text.len > members[i].bytes_max)
            return lh_fail(err, LH_INVALID, "'%s' must have %d to %zu bytes", members[i].name, members[i].required,
                           members[i].bytes_max);
        if (text.len && memchr(text.ptr, '\0', text.len))
            return lh_fail(err, LH_INVALID, "'%s' holds a NUL", members[i].name);
        if (text.len) lh_json_set_string(arena, document, members[i].name, text);
    }
    const lh_json *context = lh_json_get(body, "context_tokens");
    int64_t tokens = lh_json_int(context, 0);
    if (!lh_json_is_null(context) && (tokens < 1 || tokens > MODELS_CONTEXT_TOKENS))
        return lh_fail(err, LH_INVALID, "'context_tokens' must be 1 to %d", MODELS_CONTEXT_TOKENS);
    if (tokens) lh_json_set_int(arena, document, "context_tokens", tokens);
    return lh_arena_check(arena, err);
}

/* ---- its version ---- */

static lh_code register_hash_file(const char *path, lh_sha256_hex *ret, lh_error *err) {
    LH_CLEANUP(lh_sha256_stream_freep) lh_sha256_stream *stream = NULL;
    LH_CLEANUP(lh_free_pointer) char *bytes = malloc(REGISTER_READ_BYTES);
    if (!bytes) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    LH_TRY(lh_sha256_stream_new(&stream, err));
    FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT) return lh_fail(err, LH_NOT_FOUND, "there is no model file %s", path);
    if (!file) return lh_fail_errno(err, errno, "cannot open %s", path);
    for (size_t got; (got = fread(bytes, 1, REGISTER_READ_BYTES, file)) > 0;)
        lh_sha256_stream_add(stream, (lh_str){bytes, got});
    bool failed = ferror(file);
    fclose(file);
    if (failed) return lh_fail(err, LH_IO, "cannot read %s", path);
    lh_sha256 hash = lh_sha256_stream_end(stream);
    *ret = lh_sha256_to_hex(&hash);
    return LH_OK;
}

/* The first digits of the file's hash, which its provider tells too, or what stands for one of an endpoint. */
static lh_code register_version(lh_json *document, lh_arena *arena, lh_error *err) {
    lh_str asked = lh_json_get_string(document, "checksum"), model = lh_json_get_string(document, "model");
    lh_str provider = lh_json_get_string(document, "provider");
    bool is_file = lh_str_eq(provider, LH_STR("llama"));
    lh_sha256_hex hex;
    char path[4096];
    if (asked.len && !is_file)
        return lh_fail(err, LH_INVALID, "'checksum' is of a file, so the provider must be llama");
    if (!is_file && !lh_str_eq(provider, LH_STR("openai"))) return LH_OK; /* they tell their own */
    if (!is_file) {
        lh_str url = lh_json_get_string(document, "url");
        lh_json_set_string(arena, document, "version", lh_ai_endpoint_version(url, model, arena));
        return lh_arena_check(arena, err);
    }
    if (lh_str_find(model, '/') < model.len && model.ptr[0] != '/')
        return lh_fail(err, LH_INVALID, "'model' must be the whole path of a GGUF file, or the name of one in models/");
    LH_TRY(lh_ai_model_file(model, path, err));
    LH_TRY(register_hash_file(path, &hex, err));
    if (asked.len && !lh_str_eq(asked, lh_str_from(hex.text)))
        return lh_fail(err, LH_CONFLICT, "the SHA-256 of %s is %s, not what 'checksum' says", path, hex.text);
    lh_json_set_string(arena, document, "checksum", lh_str_from(hex.text));
    lh_json_set_string(arena, document, "version", lh_str_sub(lh_str_from(hex.text), 0, REGISTER_VERSION_DIGITS));
    return lh_arena_check(arena, err);
}

/* ---- one call ---- */

static lh_code register_call(lh_models *models, lh_ai_task task, const lh_ai_call *call, lh_arena *arena,
                             lh_error *err) {
    const lh_ai_message hello = {LH_STR("user"), LH_STR("Say hello.")};
    const lh_ai_prompt prompt = {.messages = &hello, .message_count = 1, .max_tokens = 8};
    const lh_str text = LH_STR("lakehouse");
    lh_ai_embeddings vectors;
    lh_ai_text answer;
    lh_ai_ranking ranking;
    if (task == LH_AI_EMBED) return lh_ai_embed(models->ai, call, &text, 1, arena, &vectors, err);
    if (task == LH_AI_GENERATE) return lh_ai_generate(models->ai, call, &prompt, NULL, NULL, arena, &answer, err);
    return lh_ai_rerank(models->ai, call, text, &text, 1, 1, arena, &ranking, err);
}

/* Under a name of its own, which no registration can have, so that who has the name now keeps it until the model answered. */
static lh_code register_try(lh_models *models, const lh_ai_definition *definition, lh_str by, lh_arena *arena,
                            lh_ai_model *ret, lh_error *err) {
    lh_ai_definition tried = *definition;
    char random[9];
    uint32_t bits;
    lh_random_bytes(&bits, sizeof bits);
    lh_hex(&bits, sizeof bits, random);
    tried.name = lh_arena_printf(arena, "%.*s~%s", LH_STR_ARG(definition->name), random);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_ai_add(models->ai, &tried, 1, err));
    const lh_ai_call call = {.model = tried.name, .principal = by, .timeout_ms = REGISTER_TRY_MS};
    lh_code code = register_call(models, tried.task, &call, arena, err);
    if (code == LH_OK) code = lh_ai_find(models->ai, tried.task, &call, arena, ret, err);
    lh_ai_remove(models->ai, tried.task, tried.name);
    return code;
}

/* ---- the registry ---- */

/* The configuration's names are taken; ai says so when it is to take up such a model, which is too late. */
static lh_code register_check_name(lh_models *models, lh_str name, lh_arena *arena, lh_error *err) {
    lh_json *list = NULL;
    if (!models_is_name(name))
        return lh_fail(err, LH_INVALID, "'name' must have 1 to %d of a-z, A-Z, 0-9, '.', '_', '-', the first not '.'",
                       MODELS_NAME_BYTES);
    LH_TRY(lh_ai_models(models->ai, arena, &list, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(list, "items")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "model"), name) &&
            lh_str_eq(lh_json_get_string(it.value, "source"), LH_STR("configuration")))
            return lh_fail(err, LH_CONFLICT, "the configuration has a model '%.*s': take another name", LH_STR_ARG(name));
    return LH_OK;
}

/* Where a document's model is: another one there takes its place. */
static bool register_is_where(const lh_json *a, const lh_json *b) {
    return lh_str_eq(lh_json_get_string(a, "provider"), lh_json_get_string(b, "provider")) &&
           lh_str_eq(lh_json_get_string(a, "model"), lh_json_get_string(b, "model")) &&
           lh_str_eq(lh_json_get_string(a, "url"), lh_json_get_string(b, "url"));
}

/* Whose version is not known is asked for by none. */
static void register_supersede_one(const lh_json *older, lh_arena *arena, lh_json *document) {
    lh_json *superseded = lh_json_get(document, "superseded"), *copy = lh_json_copy(arena, older);
    lh_str version = lh_json_get_string(older, "version");
    if (!version.len || lh_str_eq(version, lh_json_get_string(document, "version")) ||
        register_is_where(older, document) || lh_json_size(superseded) >= LH_AI_VERSIONS_MAX - 1)
        return;
    lh_json_remove(copy, LH_STR("superseded"));
    lh_json_remove(copy, LH_STR("schema_version"));
    lh_json_append(superseded, copy);
}

/* Who tells their version is asked for it: what this gateway knows by the name may be older than the document, or of no call yet. */
static lh_code register_ask_version(lh_models *models, lh_str name, lh_json *there, lh_str by, lh_arena *arena,
                                    lh_error *err) {
    lh_ai_definition definition;
    lh_ai_model told;
    if (lh_json_get_string(there, "version").len) return LH_OK;
    LH_TRY(register_definition(models, name, there, arena, &definition, err));
    LH_TRY(register_try(models, &definition, by, arena, &told, err));
    lh_json_set_string(arena, there, "version", told.version);
    return lh_arena_check(arena, err);
}

/* there: the document before. Only vectors are compared with those of before, so only who embeds stays. */
static lh_code register_supersede(lh_models *models, lh_str name, lh_json *there, lh_str by, lh_arena *arena,
                                  lh_json *document, lh_error *err) {
    lh_error why = {0};
    if (!lh_str_eq(lh_json_get_string(there, "task"), lh_json_get_string(document, "task")))
        return lh_fail(err, LH_CONFLICT, "the model '%.*s' is for the task %.*s: take another name, or remove it first",
                       LH_STR_ARG(name), LH_STR_ARG(lh_json_get_string(there, "task")));
    if (!lh_str_eq(lh_json_get_string(there, "task"), LH_STR("embed"))) return LH_OK;
    lh_json_set(arena, document, "superseded", lh_json_new_array(arena));
    if (register_ask_version(models, name, there, by, arena, &why) != LH_OK) register_log_left_out(name, &why);
    register_supersede_one(there, arena, document);
    for (lh_json_iter it = lh_json_each(lh_json_get(there, "superseded")); lh_json_next(&it);)
        register_supersede_one(it.value, arena, document);
    return lh_arena_check(arena, err);
}

lh_code lh_models_register(lh_models *models, const lh_json *body, lh_str by, lh_arena *arena, lh_json **ret,
                           lh_error *err) {
    lh_str name = lh_json_get_string(body, "name"), key = register_key(name, arena);
    lh_json *document = lh_json_new_object(arena), *there = NULL;
    lh_ai_definition definition;
    lh_ai_model told;
    uint64_t version = LH_VERSION_ABSENT;
    LH_TRY(register_check_name(models, name, arena, err));
    LH_TRY(models_read_request(body, arena, document, err));
    LH_TRY(register_version(document, arena, err));
    lh_code code = models_read(models, key, arena, &there, &version, err);
    if (code != LH_NOT_FOUND) LH_TRY(code);
    if (there && !lh_json_bool(lh_json_get(body, "replace"), false))
        return lh_fail(err, LH_CONFLICT,
                       "there is a model '%.*s' already: take another name, or say replace=true to put this one in its "
                       "place",
                       LH_STR_ARG(name));
    if (!there &&
        lh_metastore_count(lh_catalog_metastore(models->catalog), LH_STR(MODELS_DOCUMENT)) >= LH_LIMIT_AI_MODELS)
        return lh_fail(err, LH_LIMIT, "%d models are registered: remove one first", LH_LIMIT_AI_MODELS);
    lh_json_set_int(arena, document, "schema_version", MODELS_SCHEMA_VERSION);
    lh_json_set_int(arena, document, "registered_ms", lh_time_now_ms());
    lh_json_set_string(arena, document, "registered_by", by);
    if (there) LH_TRY(register_supersede(models, name, there, by, arena, document, err));
    LH_TRY(register_definition(models, name, document, arena, &definition, err));
    LH_TRY(lh_ai_check(models->ai, &definition, err));
    if (lh_json_bool(lh_json_get(body, "check"), true))
        LH_TRY(register_try(models, &definition, by, arena, &told, err));
    LH_TRY(models_put(models, key, document, version, arena, err));
    return lh_models_get(models, name, arena, ret, err);
}

/* The profiles whose use is of the model; in_use: by all others. */
static lh_code register_uses(lh_models *models, lh_str name, lh_arena *arena, lh_json *profiles, bool *ret_in_use,
                             lh_error *err) {
    lh_document_page page;
    *ret_in_use = false;
    LH_TRY(models_list(models, LH_STR(MODELS_USE), arena, &page, err));
    for (size_t i = 0; i < page.count; i++) {
        lh_json *use = NULL;
        lh_ai_task task;
        lh_str profile;
        LH_TRY(models_parse(&page.items[i], arena, &use, err));
        if (!models_use_key(page.items[i].key, &task, &profile) || !lh_str_eq(models_in_use(use), name)) continue;
        if (profile.len) lh_json_append(profiles, lh_json_new_string(arena, profile));
        else *ret_in_use = true;
    }
    return lh_arena_check(arena, err);
}

/* One of the configuration has no document: what is known of it, ai knows. */
static lh_code register_get_configured(lh_models *models, lh_str name, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *list = NULL;
    LH_TRY(lh_ai_models(models->ai, arena, &list, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(list, "items")); lh_json_next(&it);) {
        if (!lh_str_eq(lh_json_get_string(it.value, "model"), name) ||
            !lh_str_eq(lh_json_get_string(it.value, "source"), LH_STR("configuration")))
            continue;
        *ret = lh_json_new_object(arena);
        lh_json_set(arena, *ret, "task", lh_json_copy(arena, lh_json_get(it.value, "task")));
        lh_json_set(arena, *ret, "provider", lh_json_copy(arena, lh_json_get(it.value, "provider")));
        lh_json_set(arena, *ret, "version", lh_json_copy(arena, lh_json_get(it.value, "version")));
        lh_json_set(arena, *ret, "in_use", lh_json_copy(arena, lh_json_get(it.value, "in_use")));
        lh_json_set_string(arena, *ret, "model", name);
        return lh_arena_check(arena, err);
    }
    return models_no_such(name, err);
}

static lh_str register_evaluations_key(lh_str name, lh_arena *arena) {
    return lh_arena_printf(arena, MODELS_EVALUATIONS "%.*s", LH_STR_ARG(name));
}

/* Those of the model, or a new document without any. */
static lh_code register_evaluations(lh_models *models, lh_str name, lh_arena *arena, lh_json **ret,
                                    uint64_t *ret_version, lh_error *err) {
    lh_code code = models_read(models, register_evaluations_key(name, arena), arena, ret, ret_version, err);
    if (code != LH_NOT_FOUND) return code;
    *ret = lh_json_new_object(arena);
    *ret_version = LH_VERSION_ABSENT;
    lh_json_set_int(arena, *ret, "schema_version", MODELS_SCHEMA_VERSION);
    lh_json_set(arena, *ret, "items", lh_json_new_array(arena));
    return lh_arena_check(arena, err);
}

static lh_json *register_superseded(const lh_json *document, lh_arena *arena) {
    lh_json *items = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(document, "superseded")); lh_json_next(&it);) {
        lh_json *item = lh_json_copy(arena, it.value);
        lh_time_text at = lh_time_rfc3339(lh_json_int(lh_json_get(item, "registered_ms"), 0));
        lh_json_remove(item, LH_STR("registered_ms"));
        lh_json_set_string(arena, item, "registered_at", lh_str_from(at.text));
        lh_json_append(items, item);
    }
    return items;
}

lh_code lh_models_get(lh_models *models, lh_str name, lh_arena *arena, lh_json **ret, lh_error *err) {
    static const char *const members[] = {"task", "provider", "model",   "url",   "secret",
                                          "base", "checksum", "version", "notes", "context_tokens"};
    lh_json *document = NULL, *answer = lh_json_new_object(arena), *profiles = lh_json_new_array(arena);
    lh_json *evaluations = NULL;
    uint64_t version;
    bool in_use = false;
    lh_code code = models_read(models, register_key(name, arena), arena, &document, NULL, err);
    bool registered = code != LH_NOT_FOUND;
    LH_TRY(registered ? code : register_get_configured(models, name, arena, &document, err));
    LH_TRY(register_uses(models, name, arena, profiles, &in_use, err));
    if (!registered) in_use = lh_json_bool(lh_json_get(document, "in_use"), false);
    lh_json_set_string(arena, answer, "name", name);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const lh_json *value = lh_json_get(document, members[i]);
        lh_json_set(arena, answer, members[i], value ? lh_json_copy(arena, value) : lh_json_new_null(arena));
    }
    lh_time_text at = lh_time_rfc3339(lh_json_int(lh_json_get(document, "registered_ms"), 0));
    lh_str by = lh_json_get_string(document, "registered_by");
    lh_json_set(arena, answer, "registered_at",
                registered ? lh_json_new_string(arena, lh_str_from(at.text)) : lh_json_new_null(arena));
    lh_json_set(arena, answer, "registered_by", registered ? lh_json_new_string(arena, by) : lh_json_new_null(arena));
    LH_TRY(register_evaluations(models, name, arena, &evaluations, &version, err));
    lh_json_set(arena, answer, "superseded", register_superseded(document, arena));
    lh_json_set(arena, answer, "evaluations", lh_json_copy(arena, lh_json_get(evaluations, "items")));
    lh_json_set(arena, answer, "profiles", profiles);
    lh_json_set_bool(arena, answer, "in_use", in_use);
    *ret = answer;
    return lh_arena_check(arena, err);
}

lh_code lh_models_remove(lh_models *models, lh_str name, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    bool in_use = false;
    uint64_t version;
    lh_json *document = NULL;
    LH_TRY(lh_arena_new(MODELS_ARENA_BYTES, &arena, err));
    lh_json *profiles = lh_json_new_array(arena);
    lh_code code = models_read(models, register_key(name, arena), arena, &document, &version, err);
    if (code == LH_NOT_FOUND) return models_no_such(name, err);
    LH_TRY(code);
    LH_TRY(register_uses(models, name, arena, profiles, &in_use, err));
    if (in_use || lh_json_size(profiles))
        return lh_fail(err, LH_CONFLICT, "the model '%.*s' is in use: activate another one, or roll back, first",
                       LH_STR_ARG(name));
    const lh_change changes[] = {{.key = register_key(name, arena), .expected = version},
                                 {.key = register_evaluations_key(name, arena), .expected = LH_VERSION_ANY}};
    bool evaluated = lh_metastore_count(lh_catalog_metastore(models->catalog), changes[1].key) > 0;
    LH_TRY(lh_metastore_commit(lh_catalog_metastore(models->catalog), changes, evaluated ? 2 : 1, NULL, err));
    return lh_models_follow(models, err);
}

lh_code lh_models_record(lh_models *models, lh_str name, const lh_json *evaluation, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *document = NULL;
    uint64_t version, of_model;
    LH_TRY(lh_arena_new(MODELS_ARENA_BYTES, &arena, err));
    lh_code code = models_read(models, register_key(name, arena), arena, &document, &of_model, err);
    if (code == LH_NOT_FOUND) code = register_get_configured(models, name, arena, &document, err);
    LH_TRY(code);
    LH_TRY(register_evaluations(models, name, arena, &document, &version, err));
    lh_json *items = lh_json_get(document, "items");
    lh_json_append(items, lh_json_copy(arena, evaluation));
    while (lh_json_size(items) > MODELS_KEPT) lh_json_remove_at(items, 0);
    return models_put(models, register_evaluations_key(name, arena), document, version, arena, err);
}
