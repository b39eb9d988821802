/* Idempotency-Key of the Iceberg REST specification: the same request under the same key is done once, and gets the same answer.
 *
 * A request with a key is hashed (method, path, query, body) and looked up in the catalog's records (src/catalog/idempotency.c),
 * which are the caller's own (lh_identity.owner). One that is there is answered from its record, or refused with 422 when the hash is not the
 * same. A new one is done with a catalog that puts the record in the commit that does it. Its answer is held back until it is
 * settled: a refusal (400, 404, 409) is recorded first, and when another gateway did the same request meanwhile, its record
 * is the answer. What is not recorded (5xx, and 2xx that changed nothing) is done anew when it comes again.
 * Of several at once in this process one is done, the others wait for it, few and not for long: each holds a worker. */
#include "api/iceberg_internal.h"
#include "api/request_internal.h"

#include <time.h>

enum { IDEMPOTENCY_WAITING_MAX = 3, IDEMPOTENCY_LOOK_MS = 50, IDEMPOTENCY_TRIES = 3, IDEMPOTENCY_SWEEP_MAX_MS = 60000 };

/* ---- the key ---- */

bool api_takes_idempotency_key(const api_route *route) {
    return route->permission == LH_PERMIT_WRITE && lh_str_starts(lh_str_from(route->path), LH_STR("/iceberg/"));
}

/* Empty when there is none. Lower-case; arena. Errors: INVALID (not one UUID of version 7). */
static lh_code idempotency_key(const lh_request *request, lh_str *ret, lh_error *err) {
    size_t count = 0;
    lh_str key = LH_STR_NONE;
    for (size_t i = 0; i < request->field_count; i++)
        if (!request->fields[i].is_query && lh_str_eq_nocase(request->fields[i].name, LH_STR("Idempotency-Key")))
            key = request->fields[i].value, count++;
    *ret = LH_STR_NONE;
    if (count == 0) return LH_OK;
    if (count > 1 || !lh_uuid_is_valid(key) || key.ptr[14] != '7' || !strchr("89abAB", key.ptr[19]))
        return lh_fail(
            err, LH_INVALID,
            "the header Idempotency-Key must be one UUID of version 7, as 017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    char *lower = lh_arena_alloc(request->arena, key.len);
    if (!lower) return lh_arena_check(request->arena, err);
    for (size_t i = 0; i < key.len; i++)
        lower[i] = key.ptr[i] >= 'A' && key.ptr[i] <= 'F' ? (char)(key.ptr[i] | 0x20) : key.ptr[i];
    *ret = (lh_str){lower, key.len};
    return LH_OK;
}

/* What tells one request from another. Each part ends with a byte that it cannot have. */
static lh_code idempotency_hash(lh_request *request, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_sha256_stream_freep) lh_sha256_stream *stream = NULL;
    lh_str body = LH_STR_NONE;
    if (request->match.route->body_max) LH_TRY(lh_request_body(request, &body, err));
    LH_TRY(lh_sha256_stream_new(&stream, err));
    lh_sha256_stream_add(stream, request->method);
    lh_sha256_stream_add(stream, LH_STR("\n"));
    lh_sha256_stream_add(stream, request->path);
    for (size_t i = 0; i < request->field_count; i++) {
        if (!request->fields[i].is_query) continue;
        lh_sha256_stream_add(stream, LH_STR("\n"));
        lh_sha256_stream_add(stream, request->fields[i].name);
        lh_sha256_stream_add(stream, LH_STR("\n="));
        lh_sha256_stream_add(stream, request->fields[i].value);
    }
    lh_sha256_stream_add(stream, LH_STR("\n\n"));
    lh_sha256_stream_add(stream, body);
    const lh_sha256 hash = lh_sha256_stream_end(stream);
    *ret = lh_arena_dup(request->arena, lh_str_from(lh_sha256_to_hex(&hash).text));
    return lh_arena_check(request->arena, err);
}

/* ---- one at a time ---- */

static bool idempotency_runs_locked(const api_idempotency *all, lh_str document) {
    for (const api_idempotent *one = all->running; one; one = one->next)
        if (lh_str_eq(one->document, document)) return true;
    return false;
}

static void idempotency_wait_locked(api_idempotency *all) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += IDEMPOTENCY_LOOK_MS * 1000000L;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    all->waiting++;
    (void)pthread_cond_timedwait(&all->changed, &all->lock, &until);
    all->waiting--;
}

/* Errors: UNAVAILABLE (enough wait already), CANCELLED. */
static lh_code idempotency_enter(lh_request *request, api_idempotent *self, lh_error *err) {
    api_idempotency *all = &request->server->idempotency;
    lh_code code = LH_OK;
    pthread_mutex_lock(&all->lock);
    while (code == LH_OK && idempotency_runs_locked(all, self->document)) {
        if (lh_cancel_fired(request->cancel)) code = LH_CANCELLED;
        else if (all->waiting >= IDEMPOTENCY_WAITING_MAX) code = LH_UNAVAILABLE;
        else idempotency_wait_locked(all);
    }
    if (code == LH_OK) {
        self->next = all->running;
        all->running = self;
    }
    pthread_mutex_unlock(&all->lock);
    if (code == LH_CANCELLED) return lh_fail(err, code, "the client went away, or the server is stopping");
    return code == LH_OK ? code : lh_fail(err, code, "the same request is being done; try again in a second");
}

static void idempotency_leave(lh_request *request, const api_idempotent *self) {
    api_idempotency *all = &request->server->idempotency;
    pthread_mutex_lock(&all->lock);
    api_idempotent **at = &all->running;
    while (*at != self) at = &(*at)->next;
    *at = self->next;
    pthread_cond_broadcast(&all->changed);
    pthread_mutex_unlock(&all->lock);
}

/* ---- answering ---- */

/* What the route takes was asked again; what the body names, handlers ask. */
static lh_code idempotency_may_still(lh_request *request, lh_error *err) {
    lh_json *ignored = NULL;
    if (!request->match.route->body_max) return LH_OK;
    lh_error why = {0};
    return iceberg_body(request, &ignored, &why) == LH_DENIED ? lh_fail(err, LH_DENIED, "%s", why.message) : LH_OK;
}

/* The record's answer, once more. S3 keys are never in a record. */
static lh_code idempotency_replay(lh_request *request, lh_code code, const lh_idempotent_answer *answer,
                                  lh_error *err) {
    const lh_error why = *err;
    if (code == LH_CONFLICT) return iceberg_refuse(request, 422, "UnprocessableEntityException", &why, err);
    if (code == LH_NOT_FOUND) return iceberg_refuse(request, 500, "CommitStateUnknownException", &why, err);
    if (code != LH_OK) return code;
    if (!answer->body) return lh_respond_empty(request, answer->status, err);
    if (answer->is_table) iceberg_suit(request, answer->body);
    iceberg_tag(request, answer->body);
    return lh_respond_json(request, answer->status, answer->body, err);
}

/* Keeps a held refusal. CANCELLED: the same request was done meanwhile, its record is the answer. */
static lh_code idempotency_keep(lh_request *request, const lh_idempotency *record) {
    lh_app *app = request->server->app;
    bool final = request->status == 400 || request->status == 404 || request->status == 409;
    /* Refused requests changed nothing and may be done anew: they never push out the others. */
    bool room = lh_idempotency_count(app->catalog) < (uint64_t)app->config->catalog_idempotency_records_max / 2;
    lh_idempotent_answer there = {0};
    if (final && room)
        return lh_idempotency_put(app->catalog, record, request->status, request->body, request->arena, NULL);
    lh_code code = lh_idempotency_find(app->catalog, record, request->arena, &there, NULL);
    return there.status ? LH_CANCELLED : code;
}

/* Does the request, unless it was done, and leaves its answer held. */
static lh_code idempotency_serve(lh_request *request, lh_idempotency *record, lh_error *err) {
    lh_catalog *catalog = request->server->app->catalog;
    for (int tries = 0;; tries++) {
        lh_idempotent_answer answer = {0};
        /* what other gateways did: a refusal that is kept must not be of what was */
        LH_TRY(lh_metastore_refresh(lh_catalog_metastore(catalog), err));
        lh_code code = lh_idempotency_find(catalog, record, request->arena, &answer, err);
        if (code != LH_OK || answer.status) {
            LH_TRY(idempotency_may_still(request, err));
            return idempotency_replay(request, code, &answer, err);
        }
        code = request->match.route->handler(request, err);
        if (code == LH_OK && request->status == 0) code = lh_fail(err, LH_INTERNAL, "the handler gave no answer");
        if (code != LH_OK) api_request_answer_error(request, code, err);
        if (record->done || request->status < 400 || tries == IDEMPOTENCY_TRIES) return LH_OK;
        if (idempotency_keep(request, record) != LH_CANCELLED) return LH_OK;
        request->header_count = request->header_kept;
    }
}

static lh_code idempotency_run(lh_request *request, lh_idempotency *record, lh_error *err) {
    api_idempotent self = {.document = record->document};
    LH_TRY(idempotency_enter(request, &self, err));
    request->catalog = lh_catalog_recording(request->server->app->catalog, record, request->arena);
    request->holds = request->catalog != NULL;
    lh_code code = request->holds ? idempotency_serve(request, record, err) : lh_arena_check(request->arena, err);
    if (request->holds && code != LH_OK) api_request_answer_error(request, code, err);
    idempotency_leave(request, &self);
    return request->holds ? api_request_release(request, err) : code;
}

/* ---- how many, and how long ---- */

/* Every so often, and when there are too many. What fails is tried again at the next request. */
static void idempotency_expire(lh_server *server) {
    const lh_config *config = server->app->config;
    uint64_t most = (uint64_t)config->catalog_idempotency_records_max, now_ms = lh_time_monotonic_ms(),
             pause_ms = (uint64_t)config->catalog_idempotency_lifetime_ms / 4,
             due_ms = atomic_load(&server->idempotency.due_ms);
    if (pause_ms > IDEMPOTENCY_SWEEP_MAX_MS) pause_ms = IDEMPOTENCY_SWEEP_MAX_MS;
    bool due =
        now_ms >= due_ms && atomic_compare_exchange_strong(&server->idempotency.due_ms, &due_ms, now_ms + pause_ms);
    if (!due && lh_idempotency_count(server->app->catalog) < most) return;
    lh_error err = {0};
    if (lh_idempotency_expire(server->app->catalog, most, &err) != LH_OK)
        lh_log(LH_LOG_WARN, "expired idempotency records stay", "error", err.message, NULL);
}

lh_code api_handle(lh_request *request, lh_error *err) {
    const api_route *route = request->match.route;
    lh_str key = LH_STR_NONE;
    if (api_takes_idempotency_key(route) && !request->engine) LH_TRY(idempotency_key(request, &key, err));
    if (key.len == 0) return route->handler(request, err);
    lh_idempotency record = {.document = lh_idempotency_document(request->owner, key, request->arena),
                             .lifetime_ms = request->server->app->config->catalog_idempotency_lifetime_ms};
    LH_TRY(idempotency_hash(request, &record.request, err));
    idempotency_expire(request->server);
    return idempotency_run(request, &record, err);
}

void api_idempotency_init(api_idempotency *all) {
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->changed, NULL);
}

void api_idempotency_done(api_idempotency *all) {
    pthread_cond_destroy(&all->changed);
    pthread_mutex_destroy(&all->lock);
}
