/* The module, and what people do with indexes: start the job of one, drop one. */
#include "vector/trial_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum { INDEX_LEFT_S = 3600, INDEX_LOOK_MS = 200, INDEX_TRIES = 3, INDEX_ARENA_BYTES = 256 << 20 };

/* What a process that was killed left: files without their name yet, when they are so old that nobody writes them any more. */
static void index_sweep(const char *folder) {
    DIR *all = opendir(folder);
    for (struct dirent *entry; all && (entry = readdir(all));) {
        lh_str name = lh_str_from(entry->d_name);
        struct stat st;
        char path[8192];
        bool half = lh_str_ends(name, LH_STR(".tmp")) || lh_str_search(name, LH_STR(".tmp-")) != SIZE_MAX ||
                    lh_str_starts(name, LH_STR("spool-"));
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (half && stat(path, &st) == 0 && st.st_mtime < lh_time_now_ms() / 1000 - INDEX_LEFT_S)
            vector_lance_remove_tree(path);
    }
    if (all) closedir(all);
}

lh_code lh_vector_new(const lh_vector_options *options, lh_vector **ret, lh_error *err) {
    LH_CLEANUP(lh_vector_freep) lh_vector *vector = calloc(1, sizeof *vector);
    char folder[4096];
    if (!vector) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    pthread_mutex_init(&vector->lock, NULL);
    pthread_mutex_init(&vector->lance_lock, NULL);
    lh_cond_init(&vector->changed);
    vector->engine = options->engine;
    vector->catalog = options->catalog;
    vector->ai = options->ai;
    vector->registry = options->registry;
    vector->threads = options->threads ? options->threads : lh_machine_processors();
    if (vector->threads > LH_ANN_THREADS_MAX) vector->threads = LH_ANN_THREADS_MAX;
    vector->memory_limit_bytes = options->memory_limit_bytes ? options->memory_limit_bytes : lh_machine_bytes() / 4;
    vector->checkpoint_chunks = options->checkpoint_chunks ? options->checkpoint_chunks : 1;
    vector->kinds[0] = (lh_job_kind){VECTOR_JOB_INDEX, vector_run_index, vector};
    vector->kinds[1] = (lh_job_kind){EVAL_JOB, eval_run, vector};
    vector->kinds[2] = (lh_job_kind){TRIAL_JOB, trial_run, vector};
    vector->kinds[3] = (lh_job_kind){TUNE_JOB, tune_run, vector};
    LH_TRY(vector_recall_new(vector, options, err));
    if (lh_str_dup(options->folder, &vector->folder) != LH_OK || lh_str_dup(options->locale, &vector->locale) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    LH_TRY(lh_str_to_cstr(vector->folder, folder, sizeof folder, err));
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return lh_fail_errno(err, errno, "cannot make the folder of vector indexes, %s", folder);
    index_sweep(folder);
    *ret = lh_take(&vector);
    return LH_OK;
}

void lh_vector_free(lh_vector *vector) {
    if (!vector) return;
    vector_recall_free(vector);
    vector_served_free_all(vector);
    lh_engine_free(vector->lance);
    lh_str_free(vector->folder);
    lh_str_free(vector->locale);
    pthread_cond_destroy(&vector->changed);
    pthread_mutex_destroy(&vector->lock);
    pthread_mutex_destroy(&vector->lance_lock);
    free(vector);
}

lh_vector_stats lh_vector_get_stats(lh_vector *vector) {
    pthread_mutex_lock(&vector->lock);
    lh_vector_stats stats = vector->stats;
    for (const vector_served *at = vector->served; at; at = at->next) {
        stats.indexes++;
        stats.bytes += at->bytes;
        stats.mapped_bytes += at->file_bytes + lh_ann_info_of(at->ann).mapped_bytes;
    }
    pthread_mutex_unlock(&vector->lock);
    vector_recall_count(vector, &stats);
    return stats;
}

void vector_count(lh_vector *vector, uint64_t *counter) {
    pthread_mutex_lock(&vector->lock);
    (*counter)++;
    pthread_mutex_unlock(&vector->lock);
}

static bool index_is_cancelled(lh_cancel *cancel) { return cancel && lh_cancel_fired(cancel); }

bool vector_wait_locked(lh_vector *vector, lh_cancel *cancel) {
    const struct timespec until = lh_time_after_ms(INDEX_LOOK_MS);
    if (index_is_cancelled(cancel)) return false;
    pthread_cond_timedwait(&vector->changed, &vector->lock, &until);
    return !index_is_cancelled(cancel);
}

const lh_job_kind *lh_vector_job_kinds(lh_vector *vector, size_t *ret_count) {
    *ret_count = sizeof vector->kinds / sizeof *vector->kinds;
    return vector->kinds;
}

/* ---- who may ---- */

static bool index_sees(const lh_relation *relation, lh_str column) {
    for (size_t i = 0; i < relation->column_count; i++)
        if (lh_str_eq_nocase(relation->columns[i].name, column)) return relation->columns[i].mask.kind == LH_MASK_NONE;
    return false;
}

static lh_code index_is_granted(lh_vector *vector, const lh_vector_caller *caller, lh_action action, lh_str name,
                                lh_arena *arena, bool *ret, lh_error *err) {
    const lh_resource resource = {.on = LH_ON_INDEX, .name = name};
    lh_policy *policy = NULL;
    LH_TRY(lh_access_policy(vector->catalog, caller->by, arena, &policy, err));
    *ret = lh_access_decide(policy, action, &resource, arena).allowed;
    return LH_OK;
}

/* Nearness to a question tells of a text, so who does not see a column that it is made of may not ask. */
lh_code vector_may_search(lh_vector *vector, const lh_vector_caller *caller, const vector_definition *d,
                          lh_arena *arena, bool *ret, const lh_relation **ret_relation, lh_error *err) {
    const lh_governor *governor = caller->governor;
    lh_error why = {0};
    *ret_relation = NULL;
    *ret = true;
    if (!governor) return LH_OK;
    LH_TRY(index_is_granted(vector, caller, LH_ACTION_READ, d->name, arena, ret, err));
    lh_code code = governor->relation(governor->ctx, d->dataset, arena, ret_relation, &why);
    if (code != LH_OK && code != LH_DENIED && code != LH_NOT_FOUND) return *err = why, code;
    *ret = *ret && code == LH_OK && *ret_relation && index_sees(*ret_relation, d->id_column);
    for (size_t i = 0; *ret && i < d->text_column_count; i++) *ret = index_sees(*ret_relation, d->text_columns[i]);
    return LH_OK;
}

/* What is embedded is found by others, who are asked for the rows that they see: so its maker must see all. */
static lh_code index_require_whole(lh_vector *vector, const lh_vector_caller *caller, const vector_definition *d,
                                   lh_arena *arena, lh_error *err) {
    const lh_governor *governor = caller->governor;
    const lh_relation *relation = NULL;
    bool granted;
    if (!governor) return LH_OK;
    LH_TRY(index_is_granted(vector, caller, LH_ACTION_WRITE, d->name, arena, &granted, err));
    LH_TRY(governor->relation(governor->ctx, d->dataset, arena, &relation, err));
    if (granted && relation && relation->whole && !relation->view) return LH_OK;
    return lh_fail(err, LH_DENIED, "an index takes the right to write it, and to read every row and column of '%.*s'",
                   LH_STR_ARG(lh_table_name_text(d->dataset, arena)));
}

lh_code vector_may_index(lh_vector *vector, const lh_vector_caller *caller, const vector_definition *d, lh_arena *arena,
                         bool *ret, lh_error *err) {
    lh_error why = {0};
    lh_code code = index_require_whole(vector, caller, d, arena, &why);
    *ret = code == LH_OK;
    if (code == LH_OK || code == LH_DENIED || code == LH_NOT_FOUND) return LH_OK;
    return lh_fail(err, code, "%s", why.message);
}

/* ---- is it made? ---- */

static bool index_sees_job(const lh_vector_caller *caller, const lh_json *job) {
    return caller->sees_jobs || lh_str_eq(lh_json_get_string(job, "created_by"), caller->by);
}

/* The newest job that makes the index, if the caller may see it, as GET /jobs/ID lets it; NULL: there is none to tell of. */
static const lh_json *index_job(const lh_vector_caller *caller, lh_str name, lh_arena *arena) {
    lh_json *list = NULL;
    const lh_job_filter filter = {
        .subject = vector_subject(name, arena), .kind = LH_STR(VECTOR_JOB_INDEX), .page = {.limit = 1}};
    if (!caller->jobs || lh_jobs_list(caller->jobs, &filter, arena, &list, NULL) != LH_OK) return NULL;
    const lh_json *job = lh_json_at(lh_json_get(list, "items"), 0);
    return job && index_sees_job(caller, job) ? job : NULL;
}

static lh_code index_is_being_made(lh_str name, const lh_json *job, lh_arena *arena, lh_error *err) {
    uint64_t done = lh_json_uint(lh_json_get(job, "done"), 0), total = lh_json_uint(lh_json_get(job, "total"), 0);
    lh_str id = lh_json_get_string(job, "id"), state = lh_json_get_string(job, "state");
    lh_str far = state;
    if (total) far = lh_arena_printf(arena, "%" PRIu64 " of %" PRIu64 " rows", done, total);
    return lh_fail(err, LH_UNAVAILABLE, "the index '%.*s' is being made by the job %.*s: %.*s",
                   LH_STR_ARG(lh_str_cut_utf8(name, 100)), LH_STR_ARG(id), LH_STR_ARG(far));
}

lh_code vector_check_begun(const lh_vector_caller *caller, lh_str name, lh_arena *arena, lh_error *err) {
    lh_json *job = NULL;
    if (!caller->jobs || lh_job_get_of(caller->jobs, vector_subject(name, arena), arena, &job, NULL) != LH_OK)
        return LH_OK;
    bool makes = lh_str_eq(lh_json_get_string(job, "kind"), LH_STR(VECTOR_JOB_INDEX));
    return makes && index_sees_job(caller, job) ? index_is_being_made(name, job, arena, err) : LH_OK;
}

lh_code vector_check_made(const lh_vector_caller *caller, const vector_definition *d, lh_arena *arena, lh_error *err) {
    if (d->last_embedded_ms) return LH_OK;
    const lh_json *job = index_job(caller, d->name, arena);
    if (!job) return lh_fail(err, LH_UNAVAILABLE, "the index '%.*s' is not made yet", LH_STR_ARG(d->name));
    if (!lh_job_has_ended(job)) return index_is_being_made(d->name, job, arena, err);
    return lh_fail(err, LH_UNAVAILABLE,
                   "the index '%.*s' is not made: its job %.*s is %.*s; try that again, or index "
                   "the dataset anew",
                   LH_STR_ARG(d->name), LH_STR_ARG(lh_json_get_string(job, "id")),
                   LH_STR_ARG(lh_json_get_string(job, "state")));
}

lh_code vector_require_index(lh_vector *vector, const lh_vector_caller *caller, lh_str name, lh_arena *arena,
                             vector_definition *ret, lh_error *err) {
    bool may = false;
    if (name.len == 0) return lh_fail(err, LH_INVALID, "'index' must name an index");
    lh_code code = vector_definition_read(vector->catalog, name, arena, ret, err);
    if (code != LH_OK && (code != LH_NOT_FOUND || !caller->governor)) return code;
    if (code == LH_OK) LH_TRY(vector_may_index(vector, caller, ret, arena, &may, err));
    if (!may)
        return lh_fail(err, LH_DENIED,
                       "you may not write an index '%.*s', or not see all of its dataset, if there is one",
                       LH_STR_ARG(lh_str_cut_utf8(name, 100)));
    return vector_check_made(caller, ret, arena, err);
}

/* ---- start ---- */

static lh_code index_find_view(lh_vector *vector, lh_table_name name, lh_arena *arena, lh_error *err) {
    lh_view view;
    bool found;
    LH_TRY(lh_access_view_find(vector->catalog, name, arena, &view, &found, err));
    return found ? LH_OK
                 : lh_fail(err, LH_NOT_FOUND, "there is no dataset or view '%.*s'",
                           LH_STR_ARG(lh_table_name_text(name, arena)));
}

static lh_code index_look(lh_vector *vector, const lh_vector_caller *caller, vector_definition *d, lh_arena *arena,
                          lh_error *err) {
    LH_TRY(index_require_whole(vector, caller, d, arena, err));
    if (lh_str_eq(d->dataset.namespace_, LH_STR(VECTOR_NAMESPACE)))
        return lh_fail(err, LH_INVALID, "a table of the namespace '" VECTOR_NAMESPACE "' has vectors already");
    d->over_view = !lh_table_exists(vector->catalog, d->dataset);
    if (d->over_view && !caller->governor) LH_TRY(index_find_view(vector, d->dataset, arena, err));
    if (d->over_view && !lh_str_eq(d->refresh, LH_STR("manual")))
        return lh_fail(
            err, LH_INVALID,
            "'refresh.policy' of an index of a view is manual: POST /vectors/refresh/%.*s when what it shows "
            "has changed",
            LH_STR_ARG(lh_table_name_text(d->dataset, arena)));
    return vector_source_check(vector->engine, caller, d, arena, err);
}

/* One that is not named: that of the index which is there, as long as there is such a model, else the one in use. */
static lh_code index_choose_model(lh_vector *vector, const lh_vector_caller *caller, vector_definition *d,
                                  lh_arena *arena, lh_error *err) {
    vector_definition there;
    lh_ai_call call = {.model = d->model.name, .principal = caller->by};
    uint64_t tokens;
    lh_code code = LH_NOT_FOUND;
    if (!call.model.len && vector_definition_read(vector->catalog, d->name, arena, &there, NULL) == LH_OK) {
        call.model = there.model.name;
        code = lh_ai_find(vector->ai, LH_AI_EMBED, &call, arena, &d->model, NULL);
        if (code == LH_NOT_FOUND) call.model = LH_STR_NONE;
    }
    if (code == LH_NOT_FOUND) LH_TRY(lh_ai_find(vector->ai, LH_AI_EMBED, &call, arena, &d->model, err));
    d->model.version = LH_STR_NONE;
    return d->by_tokens ? lh_ai_count_tokens(vector->ai, LH_AI_EMBED, &call, LH_STR("a"), &tokens, err) : LH_OK;
}

/* One that is not named: that of the index which is there, else the caller's. */
static lh_code index_choose_backend(lh_vector *vector, const lh_vector_caller *caller, const lh_json *body,
                                    vector_definition *d, lh_arena *arena, lh_error *err) {
    vector_definition there;
    if (!lh_json_is_null(lh_json_get(body, "backend"))) return LH_OK;
    lh_code code = vector_definition_read(vector->catalog, d->name, arena, &there, err);
    if (code == LH_OK) d->backend = there.backend;
    else if (code == LH_NOT_FOUND && caller->backend.len) d->backend = caller->backend;
    return code == LH_NOT_FOUND ? LH_OK : code;
}

/* One that is there keeps how it is refreshed, built and searched, unless that is said anew. */
static lh_code index_check_same(lh_vector *vector, const lh_json *body, vector_definition *d, lh_arena *arena,
                                lh_error *err) {
    vector_definition there;
    lh_code code = vector_definition_read(vector->catalog, d->name, arena, &there, err);
    if (code == LH_NOT_FOUND) return LH_OK;
    LH_TRY(code);
    const char *differs = vector_definition_difference(d, &there);
    if (differs)
        return lh_fail(err, LH_CONFLICT,
                       "there is an index '%.*s' with another '%s': name the new one by 'index', or delete it first",
                       LH_STR_ARG(d->name), differs);
    if (lh_json_is_null(lh_json_get(body, "refresh"))) d->refresh = there.refresh, d->cron = there.cron;
    if (lh_json_is_null(lh_json_get(body, "hnsw"))) d->hnsw = there.hnsw;
    if (lh_json_is_null(lh_json_get(body, "recall_target"))) d->recall_target = there.recall_target;
    return LH_OK;
}

lh_str vector_subject(lh_str name, lh_arena *arena) { return lh_arena_printf(arena, "index:%.*s", LH_STR_ARG(name)); }

lh_code lh_vector_index(lh_vector *vector, lh_jobs *jobs, const lh_json *body, const lh_vector_caller *caller,
                        lh_arena *arena, lh_json **ret, lh_error *err) {
    vector_definition d;
    LH_TRY(vector_definition_parse(vector->catalog, body, vector->locale, arena, &d, err));
    LH_TRY(vector_definition_check_chunk(&d, err));
    LH_TRY(index_look(vector, caller, &d, arena, err));
    LH_TRY(index_choose_model(vector, caller, &d, arena, err));
    LH_TRY(index_choose_backend(vector, caller, body, &d, arena, err));
    LH_TRY(index_check_same(vector, body, &d, arena, err));
    if (vector_is_lance(&d)) LH_TRY(vector_lance_require(vector, err));
    lh_json *spec = vector_definition_json(&d, arena);
    lh_json_set_bool(arena, spec, "over_view", d.over_view);
    lh_json_set_bool(arena, spec, "id_is_integer", d.id_is_integer);
    lh_json_set_string(arena, spec, "created_by", caller->by);
    if (lh_json_is_null(lh_json_get(body, "hnsw"))) lh_json_remove(spec, LH_STR("hnsw"));
    if (lh_json_is_null(lh_json_get(body, "recall_target"))) lh_json_remove(spec, LH_STR("recall_target"));
    LH_TRY(lh_arena_check(arena, err));
    const lh_job_request job = {LH_STR(VECTOR_JOB_INDEX), vector_subject(d.name, arena), caller->by, spec};
    return lh_job_submit(jobs, &job, arena, ret, err);
}

/* ---- drop ---- */

static lh_code index_is_at_rest(lh_jobs *jobs, lh_str name, lh_arena *arena, lh_error *err) {
    lh_json *job = NULL;
    lh_code code = lh_job_get_of(jobs, vector_subject(name, arena), arena, &job, err);
    if (code == LH_NOT_FOUND) return LH_OK;
    LH_TRY(code);
    return lh_fail(err, LH_CONFLICT, "the job %.*s is at work on the index '%.*s': cancel it first",
                   LH_STR_ARG(lh_json_get_string(job, "id")), LH_STR_ARG(name));
}

/* In one commit: its table, the document, the eval sets, and that its jobs are tried no more. */
static lh_code index_try_delete(lh_vector *vector, lh_jobs *jobs, const vector_definition *d, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_change *retired, *evals;
    size_t retired_count, eval_count, count = 0;
    LH_TRY(lh_arena_new(INDEX_ARENA_BYTES, &arena, err));
    LH_TRY(index_is_at_rest(jobs, d->name, arena, err));
    LH_TRY(lh_jobs_retire(jobs, vector_subject(d->name, arena),
                          LH_STR("its index was deleted since; index the dataset anew"), arena, &retired,
                          &retired_count, err));
    LH_TRY(vector_trials_changes(vector, d->name, arena, &evals, &eval_count, err));
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, retired_count + eval_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(vector_definition_change(d, arena, &changes[count], err));
    changes[count++].text = LH_STR_NONE;
    for (size_t i = 0; i < retired_count; i++) changes[count++] = retired[i];
    for (size_t i = 0; i < eval_count; i++) changes[count++] = evals[i];
    if (lh_table_exists(vector->catalog, d->table))
        return lh_table_drop_with(vector->catalog, d->table, changes, count, err);
    return lh_metastore_commit(lh_catalog_metastore(vector->catalog), changes, count, NULL, err);
}

/* Files go once the commit is durable. Those that a crash leaves are nobody's: an index of that name begins without them. */
lh_code lh_vector_index_delete(lh_vector *vector, lh_jobs *jobs, lh_str name, const lh_vector_caller *caller,
                               lh_arena *arena, lh_error *err) {
    vector_definition d, after;
    vector_trial_files files;
    bool granted = !caller->governor;
    lh_code code = LH_CONFLICT;
    if (!granted) LH_TRY(index_is_granted(vector, caller, LH_ACTION_WRITE, name, arena, &granted, err));
    if (!granted)
        return lh_fail(err, LH_DENIED, "you may not delete an index '%.*s', if there is one",
                       LH_STR_ARG(lh_str_cut_utf8(name, 100)));
    for (int i = 0; i < INDEX_TRIES && code == LH_CONFLICT; i++) {
        LH_TRY(vector_definition_read(vector->catalog, name, arena, &d, err));
        LH_TRY(vector_trials_files(vector, &d, arena, &files, err)); /* its table knows in which bucket */
        code = index_try_delete(vector, jobs, &d, err);
    }
    if (code != LH_OK && vector_definition_read(vector->catalog, name, arena, &after, NULL) != LH_NOT_FOUND)
        return code; /* else it is gone, but not all of its table's files */
    vector_served_forget(vector, d.table.name);
    vector_store_sweep(vector, &d, LH_STR_NONE);
    vector_recall_forget(vector, d.name);
    lh_error why = {0};
    lh_code swept = vector_trials_sweep(vector, &files, arena, &why);
    if (code != LH_OK || swept == LH_OK) return code;
    return lh_fail(err, swept, "the index is deleted, but not all files of its trials: %s", why.message);
}
