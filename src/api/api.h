/* api: the HTTP server: route table, authentication, handlers. Only this module knows HTTP.
 * Depends on: base, ann, ai, storage, catalog, access, ask, engine, maintain, journal, ingest, jobs, vector, rag, models, evaluate, rpc. Used by: cli. */
#ifndef LH_API_API_H
#define LH_API_API_H
#include "access/access.h"
#include "ai/ai.h"
#include "ask/ask.h"
#include "evaluate/evaluate.h"
#include "ingest/ingest.h"
#include "jobs/jobs.h"
#include "journal/journal.h"
#include "maintain/maintain.h"
#include "models/models.h"
#include "rag/rag.h"
#include "rpc/rpc.h"
#include "vector/vector.h"

/* What belongs to one user and is taken up while the server runs (profiles.c). config, registry: borrowed for life. */
typedef struct lh_profiles lh_profiles;
LH_MUST_CHECK lh_code lh_profiles_new(const lh_config *config, lh_str folder, lh_registry *registry, lh_profiles **ret,
                                      lh_error *err);
void lh_profiles_free(lh_profiles *profiles);
static inline void lh_profiles_freep(lh_profiles **profiles) { lh_profiles_free(*profiles); }

/* What the handlers work on; all borrowed for the server's life. engine and ingest may be set
 * after the server listens (the engine attaches to the catalog that it serves). */
typedef struct lh_app {
    const lh_config *config;
    lh_tracer *tracer;
    lh_bucket *bucket; /* the registry's whole */
    lh_registry *registry;
    lh_profiles *profiles;
    lh_catalog *catalog;
    lh_access *access;
    lh_engine *engine;
    lh_ingest *ingest;
    lh_maintain *maintain;
    lh_journal *journal;
    lh_jobs *jobs;
    lh_vector *vector;
    lh_rag *rag;
    lh_ai *ai;
    lh_models *models;
    lh_evaluate *evaluate;
    lh_ask *ask;
    lh_rpc *rpc; /* for the metrics; NULL: there is no gRPC server */
    lh_str scratch_dir;
    lh_str internal_token; /* of our own engine, made at start */
} lh_app;

/* Takes up the profiles that the metastore says are active, and lets go of those that are not any more; what cannot be is
 * told in the log, and tried again half a minute later. Without app->engine: before it opens, and nothing is pinned. */
void lh_profiles_follow(const lh_app *app);
/* Follows profiles and cache pins, also those of other gateways: every few seconds, from now on (follow.c). app:
 * borrowed, with its engine. Owned: lh_follower_free(). Errors: NO_MEMORY. */
typedef struct lh_follower lh_follower;
LH_MUST_CHECK lh_code lh_follower_start(const lh_app *app, lh_follower **ret, lh_error *err);
void lh_follower_free(lh_follower *follower); /* waits for what it is at */

typedef struct lh_server lh_server;
/* Listens and serves at once; requests that need the engine get 503 until lh_server_ready(). Errors: INVALID
 * (address, TLS files), IO (address in use). Owned: lh_server_free(). */
LH_MUST_CHECK lh_code lh_server_start(lh_app *app, lh_server **ret, lh_error *err);
void lh_server_ready(lh_server *server);
lh_str lh_server_url(const lh_server *server); /* "http://127.0.0.1:3100" with the real port; borrowed */
/* Where the engine finds the catalog: a loopback listener of its own, plain HTTP, for app->internal_token only. Borrowed. */
lh_str lh_server_engine_url(const lh_server *server);
/* For lh_journal_options.actor; ctx: the server. */
bool lh_server_actor(void *server, char into[LH_LIMIT_NAME_BYTES + 1]);
/* Stops accepting, lets running requests end (drain_timeout_ms, then cancels them). */
void lh_server_drain(lh_server *server);
void lh_server_free(lh_server *server);
static inline void lh_server_freep(lh_server **server) { lh_server_free(*server); }
/* The OpenAPI 3.1 document made from the route table. Arena. */
LH_MUST_CHECK lh_code lh_api_openapi(lh_arena *arena, lh_str *ret, lh_error *err);
#endif
