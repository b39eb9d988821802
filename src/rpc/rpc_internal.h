/* Private to rpc: a call and the server's pieces. See server.c for how a call moves. */
#ifndef LH_RPC_RPC_INTERNAL_H
#define LH_RPC_RPC_INTERNAL_H
#include "rpc/rpc.h"

#include <grpc/grpc.h>
#include <grpc/byte_buffer_reader.h>
#include <protobuf-c/protobuf-c.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    RPC_WORKERS = 8,
    RPC_POLLERS = 2,
    RPC_QUEUE_MAX = 256,  /* calls that wait for a worker; more are UNAVAILABLE */
    RPC_CALLS_MAX = 1024, /* calls at once, over all connections; more are RESOURCE_EXHAUSTED */
    RPC_STATUSES = 17,
};

typedef struct rpc_call rpc_call;

typedef enum {
    RPC_UNARY,
    RPC_DIALOG, /* an answer to each message, until the client ends */
    RPC_WATCH,  /* messages as they come up, until either side ends */
} rpc_kind;

/* Answers one message. *ret: arena. May set call->status to a status that lh_code has not. */
typedef lh_code (*rpc_handler)(rpc_call *call, const ProtobufCMessage *request, lh_arena *arena, ProtobufCMessage **ret,
                               lh_error *err);
/* A watch's next message (arena); *ret stays NULL when there is none now. Called with the watch lock held. */
typedef lh_code (*rpc_next)(rpc_call *call, lh_arena *arena, ProtobufCMessage **ret, lh_error *err);

typedef struct rpc_method {
    const char *path, *name; /* "/lakehouse.v1.CatalogService/GetDataset", "GetDataset" */
    lh_permission permission;
    rpc_kind kind;
    bool direct; /* in memory, microseconds: runs where it was read, so that no worker is needed */
    const ProtobufCMessageDescriptor *request;
    rpc_handler handle;
    rpc_next next;                   /* of a watch */
    bool (*is_slow)(rpc_call *call); /* of a watch with a message under way: is it too far behind? NULL: never */
} rpc_method;
extern const rpc_method rpc_methods[];
extern const size_t rpc_method_count;
enum { RPC_METHODS_MAX = 16 };
const rpc_method *rpc_method_find(lh_str path); /* NULL: none */

/* What gRPC gives back when a batch is done. */
typedef struct rpc_tag {
    void (*done)(rpc_call *call, bool ok);
    rpc_call *call;
} rpc_tag;

/* One call. `refs`: one for each batch under way, and one for whoever moves the call on (a job, the list of watches). */
struct rpc_call {
    lh_rpc *rpc;
    const rpc_method *method;
    grpc_call *call;
    grpc_call_details details;
    grpc_metadata_array metadata;
    rpc_tag arrive, close, read, write, finish;
    grpc_byte_buffer *message;
    _Atomic unsigned refs;
    _Atomic bool gone;       /* the client went away, or the deadline passed */
    int cancelled;           /* gRPC's answer, read when `close` is done */
    bool greeted;            /* initial metadata was sent */
    grpc_status_code status; /* of the end; OK while a handler has not chosen one */
    char trace_id[33];
    uint32_t retry_after_ms; /* not 0: sent with the status */
    bool admin;              /* who calls is: the namespace `system` is shown */
    uint64_t started_ns;
    /* a watch; by the watch lock */
    rpc_call *next_watch, *previous_watch;
    bool watching, sending;
    uint64_t after, behind; /* position; how far behind when the message under way was sent */
    bool begun;
    int told; /* health: the status told last */
};

struct lh_rpc {
    const lh_config *config; /* borrowed, as these: */
    lh_catalog *catalog;
    lh_access *access;
    lh_tracer *tracer;
    _Atomic(lh_ingest *) ingest; /* NULL: not ready */
    lh_str address;              /* owned */
    grpc_server *server;
    grpc_completion_queue *queue;
    pthread_t pollers[RPC_POLLERS];
    size_t poller_count;
    lh_workers *workers; /* for handlers that read storage or run SQL */
    _Atomic bool draining;
    _Atomic uint64_t active;
    _Atomic uint64_t handed; /* to gRPC; read with each event, because ThreadSanitizer does not see the order in gRPC */
    _Atomic uint64_t finished[RPC_METHODS_MAX + 1][RPC_STATUSES]; /* by method (the last: none of ours) and status */

    pthread_mutex_t drain_lock;
    pthread_cond_t drain_changed;
    bool drained;
    uint64_t drain_started_ms;
    rpc_tag shutdown;

    pthread_mutex_t
        watch_lock; /* guards the list and each watch's fields; gRPC's batches of watches are started under it */
    rpc_call *watches;
    size_t watch_counts[RPC_METHODS_MAX]; /* by method: who may watch the health only takes no place from the others */

    pthread_mutex_t
        pump_lock; /* guards the three below; the catalog's listener takes it, so nothing is done under it */
    pthread_cond_t pump_changed;
    bool pump_due, pump_stopping, pump_started;
    pthread_t pump;
};

/* ---- call.c ---- */
void rpc_call_await(lh_rpc *rpc); /* asks gRPC for one more call */
void rpc_call_ref(rpc_call *call);
void rpc_call_unref(rpc_call *call);
lh_str rpc_call_metadata(const rpc_call *call, const char *name); /* empty when absent; borrowed */
/* Runs the handler on the message that was read. Takes the mover's reference. */
void rpc_call_run(rpc_call *call);
/* Ends it; `message` (borrowed) may be NULL. Takes the mover's reference. */
void rpc_call_finish(rpc_call *call, grpc_status_code status, const char *why, const ProtobufCMessage *message);
void rpc_call_count(rpc_call *call, grpc_status_code status); /* in the metrics and the log, at its end */
void rpc_call_fail(rpc_call *call, lh_code code, const lh_error *err);
/* Sends a message of a stream; `write` is called when it is done. Errors: LIMIT (its size), INTERNAL. */
LH_MUST_CHECK lh_code rpc_call_write(rpc_call *call, const ProtobufCMessage *message, lh_error *err);

/* ---- watch.c ---- */
LH_MUST_CHECK lh_code rpc_watch_start(lh_rpc *rpc, lh_error *err);
void rpc_watch_stop(lh_rpc *rpc);
void rpc_watch_wake(lh_rpc *rpc);   /* something may have changed; fits the catalog's listener by its ctx */
void rpc_watch_add(rpc_call *call); /* takes the mover's reference */
void rpc_watch_written(rpc_call *call, bool ok);
void rpc_watch_gone(rpc_call *call);
void rpc_watch_end_all(lh_rpc *rpc);

/* ---- status.c ---- */
grpc_status_code rpc_status_of(lh_code code);
const char *rpc_status_name(grpc_status_code status);

/* ---- message.c ---- */
/* *ret: arena. Errors: INVALID (not such a message, or a text that is not UTF-8), LIMIT. */
LH_MUST_CHECK lh_code rpc_message_parse(const ProtobufCMessageDescriptor *type, lh_str bytes, lh_arena *arena,
                                        ProtobufCMessage **ret, lh_error *err);
/* A message of the members that have the names of its fields; null and absent leave the default, an array or object for a
 * string field becomes its JSON text. Arena. */
LH_MUST_CHECK lh_code rpc_message_from_json(const ProtobufCMessageDescriptor *type, const lh_json *json,
                                            lh_arena *arena, ProtobufCMessage **ret, lh_error *err);
/* An object of the string fields that are not empty, and the lists of strings. Arena. */
lh_json *rpc_message_to_json(const ProtobufCMessage *message, lh_arena *arena);

/* ---- handlers ---- */
lh_code rpc_datasets_list(rpc_call *, const ProtobufCMessage *, lh_arena *, ProtobufCMessage **, lh_error *);
lh_code rpc_dataset_get(rpc_call *, const ProtobufCMessage *, lh_arena *, ProtobufCMessage **, lh_error *);
lh_code rpc_dataset_register(rpc_call *, const ProtobufCMessage *, lh_arena *, ProtobufCMessage **, lh_error *);
lh_code rpc_changes_watch(rpc_call *, const ProtobufCMessage *, lh_arena *, ProtobufCMessage **, lh_error *);
lh_code rpc_changes_next(rpc_call *, lh_arena *, ProtobufCMessage **, lh_error *);
bool rpc_changes_is_slow(rpc_call *call);
lh_code rpc_health_check(rpc_call *, const ProtobufCMessage *, lh_arena *, ProtobufCMessage **, lh_error *);
lh_code rpc_health_watch(rpc_call *, const ProtobufCMessage *, lh_arena *, ProtobufCMessage **, lh_error *);
lh_code rpc_health_next(rpc_call *, lh_arena *, ProtobufCMessage **, lh_error *);
lh_code rpc_reflect(rpc_call *, const ProtobufCMessage *, lh_arena *, ProtobufCMessage **, lh_error *);
#endif
