/* Private to server.c, request.c, lanes.c: one request on its way.
 *
 * Two sides share it: the I/O side (a libmicrohttpd thread) and the worker side (a lane's thread). Each holds a
 * reference; the last one frees it. Bytes go through two bounded rings; a side that cannot go on waits: the worker on
 * `changed`, the I/O side by suspending the connection, which the worker resumes.
 * `lock` guards everything below it in the struct. */
#ifndef LH_API_REQUEST_INTERNAL_H
#define LH_API_REQUEST_INTERNAL_H
#include "api/server_internal.h"

#include <microhttpd.h>

enum { API_RING_BYTES = 256 << 10, API_DISCARD_BYTES = 64 << 20, API_RESPONSE_HEADERS_MAX = 24, API_FIELDS_MAX = 128 };

typedef struct api_ring { /* allocated on first use */
    char *data;
    size_t head, used;
} api_ring;

/* What happens next on the wire, set by the worker. */
typedef enum { API_ANSWER_NONE, API_ANSWER_WHOLE, API_ANSWER_STREAM } api_answer;

struct lh_request {
    lh_server *server;
    struct MHD_Connection *connection; /* the I/O side's; the worker only resumes it; NULL once it is over */
    lh_arena *arena;                   /* the worker's, once it is handed over */
    api_match match;
    lh_str method, path;
    struct api_field { lh_str name, value; bool is_query; } *fields; /* headers and query parameters, copied: the
                                                                       connection may end while the worker reads them */
    size_t field_count;
    bool engine, internal_listener, iceberg;
    int64_t body_max;
    uint64_t content_length; /* UINT64_MAX: chunked */
    lh_cancel *cancel;
    int socket;
    uint64_t started_ns;
    lh_request *next_job;                          /* queue of a lane */
    lh_request *newer, *older;                     /* list of the server's active requests */
    struct { const char *name; lh_str value; } headers[API_RESPONSE_HEADERS_MAX];
    size_t header_count;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    int references;
    bool suspended, gone; /* gone: the client went away, or the request was cut */
    api_ring in, out;
    bool in_end, in_discard;
    uint64_t in_bytes, discarded_bytes, out_bytes;
    api_answer answer;
    bool out_end, out_failed;
    unsigned status;
    const char *content_type;
    lh_str body;              /* WHOLE: arena */
    uint64_t out_length;      /* STREAM: UINT64_MAX when unknown */
};

typedef struct api_lane {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    lh_request *head, **tail;
    size_t waiting, waiting_max, thread_count;
    pthread_t *threads;
    bool stopping;
} api_lane;

struct lh_server {
    lh_app *app;
    struct MHD_Daemon *daemon, *internal;
    lh_str url, engine_url; /* owned */
    api_lane lanes[2];
    api_counters metrics;
    _Atomic bool ready, draining, stopping;
    pthread_mutex_t active_lock; /* guards the list of active requests and its count */
    pthread_cond_t active_changed;
    lh_request *active;
    size_t active_count;
    pthread_t watchdog;
    bool watchdog_started;
};

/* Lanes. submit: false when the queue is full. */
LH_MUST_CHECK lh_code api_lane_init(api_lane *lane, size_t threads, size_t waiting_max, lh_error *err);
void api_lane_done(api_lane *lane); /* runs what waits, then joins */
bool api_lane_submit(api_lane *lane, lh_request *request);
/* A worker's whole job: handler, error body, end of stream, metrics. Drops the worker's reference. */
void api_request_run(lh_request *request);

void api_request_unref(lh_request *request);
/* The I/O side's calls; `lock` not held. */
size_t api_request_take_upload(lh_request *request, const char *data, size_t size); /* how much was taken; may suspend */
void api_request_upload_end(lh_request *request);
ssize_t api_request_give(lh_request *request, char *into, size_t cap);           /* MHD content reader */
/* True: an answer is ready to be queued. False: the connection was suspended and will be resumed. */
bool api_request_await_answer(lh_request *request);
void api_request_abandon(lh_request *request); /* the client is gone: cancel, wake the worker */
struct MHD_Response *api_request_response(lh_request *request);
#endif
