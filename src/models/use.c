/* Which model is in use: activate and roll back. */
#include "models/models_internal.h"

static lh_str use_key(lh_ai_task task, lh_str profile, lh_arena *arena) {
    return profile.len ? lh_arena_printf(arena, MODELS_USE "%s/%.*s", lh_ai_task_names[task], LH_STR_ARG(profile))
                       : lh_arena_printf(arena, MODELS_USE "%s", lh_ai_task_names[task]);
}

bool models_use_key(lh_str key, lh_ai_task *ret_task, lh_str *ret_profile) {
    if (!lh_str_starts(key, LH_STR(MODELS_USE))) return false;
    lh_str rest = lh_str_sub(key, strlen(MODELS_USE), SIZE_MAX), task = lh_str_split(&rest, '/');
    *ret_profile = rest;
    return lh_ai_task_of(task, ret_task);
}

lh_str models_in_use(const lh_json *use) {
    const lh_json *history = lh_json_get(use, "history");
    size_t count = lh_json_size(history);
    return count ? lh_json_get_string(lh_json_at(history, count - 1), "model") : LH_STR_NONE;
}

/* The use, or a new one without a history. */
static lh_code use_read(lh_models *models, lh_str key, lh_arena *arena, lh_json **ret, uint64_t *ret_version,
                        lh_error *err) {
    lh_code code = models_read(models, key, arena, ret, ret_version, err);
    if (code != LH_NOT_FOUND) return code;
    *ret = lh_json_new_object(arena);
    *ret_version = LH_VERSION_ABSENT;
    lh_json_set_int(arena, *ret, "schema_version", MODELS_SCHEMA_VERSION);
    lh_json_set(arena, *ret, "history", lh_json_new_array(arena));
    return lh_arena_check(arena, err);
}

static lh_json *use_name(lh_str name, lh_arena *arena) {
    return name.len ? lh_json_new_string(arena, name) : lh_json_new_null(arena);
}

static lh_code use_put(lh_models *models, const lh_models_use *use, lh_json *json, uint64_t version, lh_str previous,
                       lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *history = lh_json_get(json, "history"), *answer = lh_json_new_object(arena);
    while (lh_json_size(history) > MODELS_KEPT) lh_json_remove_at(history, 0);
    LH_TRY(models_put(models, use_key(use->task, use->profile, arena), json, version, arena, err));
    lh_json_set_string(arena, answer, "task", lh_str_from(lh_ai_task_names[use->task]));
    lh_json_set(arena, answer, "profile", use_name(use->profile, arena));
    lh_json_set(arena, answer, "model", use_name(models_in_use(json), arena));
    lh_json_set(arena, answer, "previous", use_name(previous, arena));
    *ret = answer;
    return lh_arena_check(arena, err);
}

/* The task of the model, of the configuration or registered. */
static lh_code use_find(lh_models *models, const lh_models_use *use, lh_arena *arena, lh_ai_task *ret, lh_error *err) {
    lh_json *list = NULL;
    lh_ai_task task;
    size_t found = 0;
    LH_TRY(lh_ai_models(models->ai, arena, &list, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(list, "items")); lh_json_next(&it);) {
        bool same = lh_str_eq(lh_json_get_string(it.value, "model"), use->name) &&
                    lh_ai_task_of(lh_json_get_string(it.value, "task"), &task) &&
                    (use->task == LH_AI_TASKS || use->task == task);
        if (same) *ret = task, found++;
    }
    if (found == 1) return LH_OK;
    if (found == 0) return models_no_such(use->name, err);
    return lh_fail(err, LH_INVALID, "the model '%.*s' does several tasks: name one by 'task'", LH_STR_ARG(use->name));
}

static lh_code use_check_profile(lh_str profile, lh_error *err) {
    return profile.len <= LH_LIMIT_NAME_BYTES && lh_str_is_utf8(profile)
               ? LH_OK
               : lh_fail(err, LH_INVALID, "'profile' must be the name of a principal");
}

lh_code lh_models_activate(lh_models *models, const lh_models_use *asked, lh_arena *arena, lh_json **ret,
                           lh_error *err) {
    lh_models_use use = *asked;
    lh_json *json = NULL, *entry = lh_json_new_object(arena);
    uint64_t version;
    LH_TRY(use_check_profile(use.profile, err));
    LH_TRY(use_find(models, asked, arena, &use.task, err));
    LH_TRY(use_read(models, use_key(use.task, use.profile, arena), arena, &json, &version, err));
    lh_str previous = lh_arena_dup(arena, models_in_use(json));
    lh_json_set_string(arena, entry, "model", use.name);
    lh_json_set_int(arena, entry, "at_ms", lh_time_now_ms());
    lh_json_set_string(arena, entry, "by", use.by);
    lh_json_append(lh_json_get(json, "history"), entry);
    return use_put(models, &use, json, version, previous, arena, ret, err);
}

static bool use_is_there(lh_models *models, lh_ai_task task, lh_str name, lh_arena *arena) {
    lh_ai_model model;
    return lh_ai_find(models->ai, task, &(lh_ai_call){.model = name}, arena, &model, NULL) == LH_OK;
}

/* Before the first activation the configuration's was in use, or none. */
lh_code lh_models_rollback(lh_models *models, const lh_models_use *use, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *json = NULL;
    uint64_t version;
    LH_TRY(use_check_profile(use->profile, err));
    LH_TRY(use_read(models, use_key(use->task, use->profile, arena), arena, &json, &version, err));
    lh_json *history = lh_json_get(json, "history");
    lh_str previous = lh_arena_dup(arena, models_in_use(json));
    if (lh_json_size(history) == 0)
        return lh_fail(err, LH_CONFLICT, "no %s model was activated, so there is none to go back from",
                       lh_ai_task_names[use->task]);
    do lh_json_remove_at(history, lh_json_size(history) - 1);
    while (lh_json_size(history) && (lh_str_eq(models_in_use(json), previous) ||
                                     !use_is_there(models, use->task, models_in_use(json), arena)));
    return use_put(models, use, json, version, previous, arena, ret, err);
}
