/* Whose tokens are good: the issuer's keys, kept fresh. A thread fetches the set when the server starts, each auth.jwt_refresh_ms,
 * and sooner when a token names a key that is not there, though not within auth.jwt_refetch_min_ms of the fetch before:
 * strangers' tokens cause no more. No request waits for it: its token is judged by the keys that are there, and refused without any.
 * A fetch that fails leaves the keys that were, for ISSUER_KEYS_AGE_MS at most.
 *
 * `keys_lock` guards keys and fetched_ms, held for reading while a signature is checked; `lock` guards asked and stopping. */
#include "access/jwt_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { ISSUER_FETCH_MS = 10000, ISSUER_KEYS_AGE_MS = 24 * 3600 * 1000 };

struct jwt_issuer {
    jwt_rules rules; /* borrows of the configuration */
    lh_str source;   /* owned: a URL, or an absolute path */
    bool is_url;
    uint64_t refresh_ms, refetch_min_ms;
    lh_http_client *client;
    pthread_rwlock_t keys_lock;
    jwt_keys *keys;
    uint64_t fetched_ms;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool asked, started;
    _Atomic bool stopping;
    pthread_t thread;
};

/* ---- fetching ---- */

static lh_code issuer_read_url(jwt_issuer *issuer, lh_arena *arena, lh_str *ret, lh_error *err) {
    const lh_http_call call = {.method = "GET",
                               .url = issuer->source,
                               .answer_max_bytes = JWT_SET_BYTES_MAX,
                               .timeout_ms = ISSUER_FETCH_MS,
                               .cancelled = &issuer->stopping};
    lh_http_answer answer;
    LH_TRY(lh_http_do(issuer->client, &call, arena, &answer, err));
    if (answer.status != 200) return lh_fail(err, LH_UNAVAILABLE, "it answered %d", answer.status);
    *ret = answer.body;
    return LH_OK;
}

static lh_code issuer_read_file(jwt_issuer *issuer, lh_arena *arena, lh_str *ret, lh_error *err) {
    char *text = lh_arena_alloc(arena, JWT_SET_BYTES_MAX + 1);
    LH_TRY(lh_arena_check(arena, err));
    FILE *file = fopen(issuer->source.ptr, "rbe");
    if (!file) return lh_fail_errno(err, errno, "cannot read '%.*s'", LH_STR_ARG(issuer->source));
    size_t size = fread(text, 1, JWT_SET_BYTES_MAX + 1, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) return lh_fail(err, LH_IO, "cannot read '%.*s'", LH_STR_ARG(issuer->source));
    *ret = (lh_str){text, size};
    return LH_OK;
}

static lh_code issuer_fetch(jwt_issuer *issuer, jwt_keys **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str text = LH_STR_NONE;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(issuer->is_url ? issuer_read_url(issuer, arena, &text, err) : issuer_read_file(issuer, arena, &text, err));
    return jwt_keys_parse(text, ret, err);
}

static bool issuer_refresh(jwt_issuer *issuer) {
    LH_CLEANUP(jwt_keys_freep) jwt_keys *fresh = NULL;
    lh_error err = {0};
    lh_code code = issuer_fetch(issuer, &fresh, &err);
    if (code != LH_OK && !atomic_load(&issuer->stopping))
        lh_log(LH_LOG_WARN, "the keys of auth.jwt_jwks cannot be fetched", "code", lh_code_name(code), "why",
               err.message, NULL);
    if (code != LH_OK) return false;
    pthread_rwlock_wrlock(&issuer->keys_lock);
    jwt_keys *old = issuer->keys;
    issuer->keys = fresh;
    issuer->fetched_ms = lh_time_monotonic_ms();
    pthread_rwlock_unlock(&issuer->keys_lock);
    fresh = old;
    return true;
}

/* Until the next fetch is due, or asked for and allowed. */
static void issuer_wait_locked(jwt_issuer *issuer, bool fetched) {
    uint64_t since_ms = lh_time_monotonic_ms(), pause_ms = fetched ? issuer->refresh_ms : issuer->refetch_min_ms;
    while (!atomic_load(&issuer->stopping)) {
        uint64_t due_ms = since_ms + (issuer->asked ? issuer->refetch_min_ms : pause_ms);
        if (lh_time_monotonic_ms() >= due_ms) break;
        const struct timespec until = lh_time_instant(due_ms * UINT64_C(1000000));
        pthread_cond_timedwait(&issuer->changed, &issuer->lock, &until);
    }
    issuer->asked = false;
}

static void *issuer_run(void *arg) {
    jwt_issuer *issuer = arg;
    bool fetched = issuer->keys != NULL;
    pthread_mutex_lock(&issuer->lock);
    if (fetched || !issuer->is_url) issuer_wait_locked(issuer, fetched); /* a file was looked at before */
    while (!atomic_load(&issuer->stopping)) {
        pthread_mutex_unlock(&issuer->lock);
        fetched = issuer_refresh(issuer);
        pthread_mutex_lock(&issuer->lock);
        issuer_wait_locked(issuer, fetched);
    }
    pthread_mutex_unlock(&issuer->lock);
    return NULL;
}

static void issuer_ask(jwt_issuer *issuer) {
    pthread_mutex_lock(&issuer->lock);
    issuer->asked = true;
    pthread_cond_signal(&issuer->changed);
    pthread_mutex_unlock(&issuer->lock);
}

/* ---- tokens ---- */

bool jwt_issuer_verify(jwt_issuer *issuer, lh_str token, lh_arena *arena, jwt_token *ret) {
    lh_error err = {0};
    pthread_rwlock_rdlock(&issuer->keys_lock);
    bool good = issuer->keys && lh_time_monotonic_ms() < issuer->fetched_ms + ISSUER_KEYS_AGE_MS;
    lh_code code = jwt_verify(&issuer->rules, good ? issuer->keys : NULL, token, lh_time_now_ms(), arena, ret, &err);
    pthread_rwlock_unlock(&issuer->keys_lock);
    if (code == LH_NOT_FOUND) issuer_ask(issuer);
    if (code != LH_OK) lh_log(LH_LOG_DEBUG, "a token is refused", "why", err.message, NULL);
    return code == LH_OK;
}

/* ---- life ---- */

/* Where a path begins is kept, because the server leaves its folder. */
static lh_code issuer_source(jwt_issuer *issuer, lh_str source, lh_error *err) {
    char folder[4096] = "", path[8192];
    issuer->is_url = lh_str_search(source, LH_STR("://")) != SIZE_MAX;
    bool relative = !issuer->is_url && source.ptr[0] != '/';
    if (relative && !getcwd(folder, sizeof folder)) return lh_fail_errno(err, errno, "cannot find this folder's path");
    int size = snprintf(path, sizeof path, "%s%s%.*s", folder, relative ? "/" : "", LH_STR_ARG(source));
    if (size < 0 || (size_t)size >= sizeof path) return lh_fail(err, LH_INVALID, "auth.jwt_jwks is too long");
    return lh_str_dup(lh_str_from(path), &issuer->source) == LH_OK ? LH_OK
                                                                   : lh_fail(err, LH_NO_MEMORY, "out of memory");
}

static lh_code issuer_start(jwt_issuer *issuer, lh_error *err) {
    const lh_http_client_options options = {.connections_max = 1, .idle_timeout_ms = ISSUER_FETCH_MS};
    if (issuer->is_url) LH_TRY(lh_http_client_new(&options, &issuer->client, err));
    else issuer_refresh(issuer);
    int failed = pthread_create(&issuer->thread, NULL, issuer_run, issuer);
    if (failed) return lh_fail_errno(err, failed, "cannot start a thread");
    issuer->started = true;
    return LH_OK;
}

static jwt_issuer *issuer_new_empty(void) {
    jwt_issuer *issuer = calloc(1, sizeof *issuer);
    if (!issuer) return NULL;
    lh_cond_init(&issuer->changed);
    pthread_mutex_init(&issuer->lock, NULL);
    pthread_rwlock_init(&issuer->keys_lock, NULL);
    return issuer;
}

lh_code jwt_issuer_new(const lh_config *config, jwt_issuer **ret, lh_error *err) {
    LH_CLEANUP(jwt_issuer_freep) jwt_issuer *issuer = issuer_new_empty();
    if (!issuer) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    issuer->rules = (jwt_rules){.issuer = config->auth_jwt_issuer,
                                .audience = config->auth_jwt_audience,
                                .principal_claim = config->auth_jwt_principal_claim,
                                .permission_claim = config->auth_jwt_permission_claim,
                                .leeway_ms = config->auth_jwt_leeway_ms};
    issuer->refresh_ms = (uint64_t)config->auth_jwt_refresh_ms;
    issuer->refetch_min_ms = (uint64_t)config->auth_jwt_refetch_min_ms;
    LH_TRY(issuer_source(issuer, config->auth_jwt_jwks, err));
    LH_TRY(issuer_start(issuer, err));
    *ret = lh_take(&issuer);
    return LH_OK;
}

void jwt_issuer_free(jwt_issuer *issuer) {
    if (!issuer) return;
    if (issuer->started) {
        pthread_mutex_lock(&issuer->lock);
        atomic_store(&issuer->stopping, true);
        pthread_cond_signal(&issuer->changed);
        pthread_mutex_unlock(&issuer->lock);
        pthread_join(issuer->thread, NULL);
    }
    lh_http_client_free(issuer->client);
    jwt_keys_free(issuer->keys);
    lh_str_free(issuer->source);
    pthread_cond_destroy(&issuer->changed);
    pthread_mutex_destroy(&issuer->lock);
    pthread_rwlock_destroy(&issuer->keys_lock);
    free(issuer);
}
