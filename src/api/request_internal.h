/* Private to server.c, connection.c, request.c: one request on its way.
 *
 * Two sides share it: the I/O side (a libmicrohttpd thread) and the worker side (a lane's thread). Each holds a
 * reference; the last one frees it. Bytes go through two bounded rings; a side that cannot go on waits: the worker on
 * `changed`, the I/O side by suspending the connection, which the worker resumes.
 * `lock` guards everything below it in the struct. */
#ifndef LH_API_REQUEST_INTERNAL_H
#define LH_API_REQUEST_INTERNAL_H
#include "api/server_internal.h"

#include <microhttpd.h>

enum {
    API_RING_BYTES = 256 << 10,
    API_DISCARD_BYTES =
        1 << 30, /* of a body that nobody wants, read so that its sender sees the answer; then the connection is cut */
    API_RESPONSE_HEADERS_MAX = 24,
    API_FIELDS_MAX = 128,                               /* headers and query parameters of one request */
    API_ARENA_BYTES = 4 * LH_LIMIT_REQUEST_ARENA_BYTES, /* a 64 MiB commit is held as text and as a tree */
    API_WATCH_MS = 100,
    API_CUT_MS = 1000, /* a body that stands still for so long at its stream's end is cut short */
};

typedef struct api_ring { /* allocated on first use */
    char *data;
    size_t head, used;
} api_ring;

/* What happens next on the wire, set by the worker. */
typedef enum { API_ANSWER_NONE, API_ANSWER_WHOLE, API_ANSWER_STREAM } api_answer;
typedef enum { API_AWAIT_READY, API_AWAIT_SUSPENDED, API_AWAIT_GONE } api_await;

struct lh_request {
    lh_server *server;
    struct MHD_Connection *connection; /* the I/O side's; the worker only resumes it; NULL once it is over */
    lh_arena *arena;                   /* the worker's, once it is handed over */
    api_match match;
    lh_str method, path;
    struct api_field {
        lh_str name, value;
        bool is_query;
    } *fields; /* headers and query parameters, copied: the
                                                                       connection may end while the worker reads them */
    size_t field_count;
    bool engine, internal_listener, head_only;
    api_errors errors;
    lh_permission permission;    /* the caller's */
    lh_str principal;            /* who calls: as in lh_identity */
    bool governed;               /* by roles, where the permission does not reach */
    lh_permission scope;         /* of that key: nothing beyond */
    lh_str owner;                /* of what is kept for the caller */
    const lh_governor *governor; /* once a handler asked for it */
    lh_address from;
    lh_catalog *catalog; /* that records its Idempotency-Key; NULL without one */
    bool holds;          /* an answer is kept back until api_request_release() */
    lh_str whole_body;   /* once it was read as a whole */
    int64_t body_max;
    uint64_t content_length; /* UINT64_MAX: chunked */
    lh_cancel *cancel;
    int socket;
    uint64_t started_ns;
    lh_request *newer, *older; /* list of the server's active requests; its active_lock guards it */
    bool listed;
    char trace_id[33]; /* once it runs; active_lock guards it too */
    bool submitted;    /* a lane has, or had it; the I/O side's */
    struct {
        const char *name;
        lh_str value;
    } headers[API_RESPONSE_HEADERS_MAX];
    bool body_overrun;                /* the body has more bytes than body_max */
    size_t header_count, header_kept; /* the first header_kept stay also when the handler fails */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    int references;
    bool suspended;
    bool gone;    /* the client went away, or the connection is to be cut */
    bool stopped; /* the server drains and waits no longer: reads and writes fail, but an answer can still be sent */
    api_ring in, out;
    bool in_end, in_discard;
    uint64_t in_bytes, discarded_bytes, out_bytes;
    uint64_t watched_bytes; /* of the body, when the watchdog last looked */
    unsigned still_rounds;  /* how often it has seen no more, at the stream's end */
    api_answer answer;
    bool out_end, out_failed;
    unsigned status;
    const char *content_type;
    lh_str body;         /* WHOLE: arena */
    uint64_t out_length; /* STREAM: UINT64_MAX when unknown */
};

/* One open connection, while it lives (see connection.c). */
typedef struct api_connection {
    int socket;
    _Atomic bool busy; /* a request of it is being served */
    bool unread;       /* it ends with a body that was refused; its I/O thread's */
    _Atomic uint64_t since_ms;
    struct api_connection *newer, *older;
} api_connection;

/* Sockets of refused bodies, after their answers (linger.c). */
enum { API_LINGERING_MAX = 64 };
typedef struct api_lingerer {
    int fd;
    uint64_t until_ms;
} api_lingerer;
typedef struct api_lingering { /* of both lists the oldest are first */
    api_lingerer sockets[API_LINGERING_MAX];
    size_t count; /* of `sockets`; both are the watchdog's */
    pthread_mutex_t lock;
    api_lingerer
        added[API_LINGERING_MAX]; /* under the lock, as is their count: those that the watchdog has not seen yet */
    size_t added_count;
} api_lingering;
void api_linger_init(api_lingering *all);
void api_linger_done(api_lingering *all); /* closes them */
/* Says the end of what is sent, and keeps a descriptor of its own; of API_LINGERING_MAX the oldest goes. */
void api_linger_add(api_lingering *all, int fd);
void api_linger_look(api_lingering *all); /* the watchdog's */

/* Requests with an Idempotency-Key (idempotency.c). `lock` guards both fields below it. */
typedef struct api_idempotent { /* one that is being done; on its worker's stack */
    lh_str document;
    struct api_idempotent *next;
} api_idempotent;
typedef struct api_idempotency {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    api_idempotent *running;
    size_t waiting;
    _Atomic uint64_t due_ms; /* when expired records are removed next */
} api_idempotency;

typedef struct api_listener {
    int fd;
    bool internal, ipv6;
    unsigned threads;
    const char *certificate, *key; /* PEM texts; NULL: plain HTTP */
} api_listener;

struct lh_server {
    lh_app *app;
    lh_app starting; /* the same before lh_server_ready(): without engine and ingest */
    struct MHD_Daemon *daemon, *internal;
    lh_str url, engine_url; /* owned */
    /* Catalog requests have a lane of their own, because the engine waits for them from inside a statement: they must never
     * queue behind statements. A job that waits or runs holds a reference of its request. */
    lh_workers *lanes[2];
    api_counters metrics;
    api_idempotency idempotency;
    _Atomic bool ready, draining, stopping;
    pthread_mutex_t active_lock; /* guards the list of active requests and its count */
    pthread_cond_t active_changed;
    lh_request *active;
    size_t active_count;
    pthread_mutex_t watch_lock; /* guards the list of connections */
    api_connection *connections;
    api_lingering lingering;
    pthread_t watchdog;
    bool watchdog_started;
};

/* ---- auth.c ---- */
/* What the caller's permission does not reach, do its roles give it? Errors: DENIED; of the name of what is asked for: INVALID, NOT_FOUND. */
LH_MUST_CHECK lh_code api_authorize(lh_request *request, lh_error *err);

/* ---- idempotency.c ---- */
/* Runs the route's handler; with an Idempotency-Key, only if the same request was not done already. */
LH_MUST_CHECK lh_code api_handle(lh_request *request, lh_error *err);
void api_idempotency_init(api_idempotency *all);
void api_idempotency_done(api_idempotency *all);
/* The worker's: sends the answer that was held, and writes that of an error. */
LH_MUST_CHECK lh_code api_request_release(lh_request *request, lh_error *err);
void api_request_answer_error(lh_request *request, lh_code code, lh_error *why);

/* A worker's whole job: handler, error body, end of stream, metrics. Drops the worker's reference. */
void api_request_run(lh_request *request);

void api_request_ref(lh_request *request);
void api_request_unref(lh_request *request);
/* The I/O side's calls; `lock` not held. */
/* Can so many more bytes of the body be taken before a worker reads some? */
bool api_request_has_room(lh_request *request, size_t size);
size_t api_request_take_upload(lh_request *request, const char *data,
                               size_t size); /* how much was taken; may suspend */
/* The trace's id as headers of the answer: ours, and the one that OpenAI's SDKs show, on its paths. */
void api_request_name_trace(lh_request *request, lh_str trace_id);
/* Answers without a worker; the rest of the body is read and dropped. */
void api_request_answer_early(lh_request *request, unsigned status, const char *content_type, lh_str body);
ssize_t api_request_give(lh_request *request, char *into, size_t cap); /* MHD content reader */
api_await api_request_await_answer(lh_request *request); /* the body is at its end; is an answer ready to be queued? */
void api_request_abandon(lh_request *request);           /* the client is gone: cancel, wake the worker */
void api_request_stop(lh_request *request);              /* the server stops: cancel; the handler may still answer */
bool api_request_client_gone(lh_request *request);       /* suspended, and its client closed the connection */
void api_request_enlist(lh_request *request); /* puts it on the server's list, until its last reference drops */
uint64_t
api_request_detach(lh_request *request); /* the connection ends its request; gives the body bytes that were sent */
struct MHD_Response *api_request_response(lh_request *request);

/* connection.c */
struct MHD_Daemon *
api_connection_daemon(lh_server *server,
                      const api_listener *listener); /* owns fd; NULL on failure (then the caller's) */
void *api_connection_watchdog(void *server);         /* a thread's main */
#endif
