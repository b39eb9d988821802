/* Private to registry.c, registry_tell.c, federation.c, error_log.c. */
#ifndef LH_STORAGE_REGISTRY_INTERNAL_H
#define LH_STORAGE_REGISTRY_INTERNAL_H
#include "storage/storage_internal.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct error_log error_log;

typedef enum { MEMBER_UNKNOWN, MEMBER_OK, MEMBER_UNREACHABLE } member_state;

/* `lock` of the registry guards health and question; the rest is set at open, `bucket` when the first opening worked. */
typedef struct registry_member {
    lh_registry *registry;
    lh_bucket_options options; /* owned strings */
    lh_str stem;               /* owned: "//name/"; empty for the primary */
    lh_bucket *_Atomic bucket; /* owned; NULL while it could not be opened */
    atomic_bool active;        /* false: was removed; stays, because calls may still be at work in it */
    bool added;                /* by lh_registry_add() */
    struct {
        member_state state;
        int64_t checked_ms, since_ms; /* wall clock */
        uint64_t latency_ms, failures, due_ms;
        char error[LH_ERROR_MESSAGE_BYTES];
    } health;
    struct {
        bool under_way, late; /* late: it did not answer in time; nothing else is asked until it does */
        bool started;         /* thread is to be joined */
        pthread_t thread;
        uint64_t asked_ms, answers, wanted; /* wanted: the number of answers that somebody waits for */
    } question;
} registry_member;

struct lh_registry {
    registry_member *members; /* LH_REGISTRY_BUCKETS_MAX of them */
    atomic_size_t count;      /* only grows, behind a member that is whole */
    pthread_mutex_t adding;   /* guards adding and removing */
    registry_member *rescue; /* NULL: none */
    lh_bucket *whole;        /* owned */
    error_log *errors;       /* owned */
    uint64_t probe_interval_ms, probe_timeout_ms;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on the monotonic clock */
    bool stopping, started;
    pthread_t prober; /* asks; each question has a thread of its own, so that no bucket waits for another */
};

registry_member *registry_find(const lh_registry *registry, lh_str name); /* NULL: none */
/* The member's bucket. Errors: UNAVAILABLE while it could not be opened. */
LH_MUST_CHECK lh_code registry_bucket(const registry_member *member, lh_bucket **ret, lh_error *err);
/* Fills *err with the names that there are; gives UNAVAILABLE. */
lh_code registry_unknown(const lh_registry *registry, lh_str name, lh_error *err);

/* The journal is told, and the bucket asked soon. ctx: the registry_member. */
void registry_failed(void *ctx, const char *operation, lh_str key, lh_code code, const char *message);

/* ---- federation.c ---- */
LH_MUST_CHECK lh_code federation_new(lh_registry *registry, lh_bucket **ret, lh_error *err);
/* Whose key is it? Cuts the name off. Errors: UNAVAILABLE. */
LH_MUST_CHECK lh_code federation_route(const lh_registry *registry, lh_str key, registry_member **ret, lh_str *ret_key,
                                       lh_error *err);

/* ---- error_log.c ---- */
#define ERROR_LOG_PREFIX "_errors/"
LH_MUST_CHECK lh_code error_log_new(lh_bucket *primary /* borrowed for life */, error_log **ret, lh_error *err);
void error_log_stop(error_log *log); /* writes what it still holds, if it can; later records are not written */
void error_log_free(error_log *log); /* stops it first */
void error_log_add(error_log *log, lh_str bucket, const char *operation, lh_str key, lh_code code, const char *message);
LH_MUST_CHECK lh_code error_log_read(error_log *log, const lh_error_filter *filter, lh_arena *arena, lh_json **ret,
                                     lh_error *err);
#endif
