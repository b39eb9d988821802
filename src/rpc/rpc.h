/* rpc: the gRPC server: lakehouse.v1.CatalogService, health checking, reflection. Only this module knows gRPC.
 * Depends on: base, storage, catalog, access, engine, ingest. Used by: api (metrics), cli. Thread-safe: any call, any thread. */
#ifndef LH_RPC_RPC_H
#define LH_RPC_RPC_H
#include "access/access.h"
#include "ingest/ingest.h"

typedef struct lh_rpc lh_rpc;

/* Listens on grpc.host:grpc.port and serves at once; what needs the engine is UNAVAILABLE, and health NOT_SERVING, until
 * lh_rpc_ready(). All borrowed for life; tracer may be NULL. Owned: lh_rpc_free(). Errors: INVALID (address, TLS files),
 * IO (address in use), NO_MEMORY. */
LH_MUST_CHECK lh_code lh_rpc_start(const lh_config *config, lh_catalog *catalog, lh_access *access, lh_tracer *tracer,
                                   lh_rpc **ret, lh_error *err);
void lh_rpc_ready(lh_rpc *rpc, lh_ingest *ingest); /* borrowed until lh_rpc_free() */
lh_str lh_rpc_address(const lh_rpc *rpc);          /* "127.0.0.1:3101" with the real port; borrowed */
/* Accepts no new call, ends watches with UNAVAILABLE; does not wait. */
void lh_rpc_drain_begin(lh_rpc *rpc);
/* Waits for running calls, server.drain_timeout_ms from lh_rpc_drain_begin() on, then cancels them. */
void lh_rpc_drain(lh_rpc *rpc);
void lh_rpc_free(lh_rpc *rpc); /* drains; NULL is fine */
static inline void lh_rpc_freep(lh_rpc **rpc) { lh_rpc_free(*rpc); }

/* Appends its metrics in Prometheus' text format. */
void lh_rpc_metrics(lh_rpc *rpc, lh_buf *into);
#endif
