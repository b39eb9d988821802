/* One request: what handlers call (worker side), and what connection.c calls (I/O side). See request_internal.h. */
#include "api/range.h"
#include "api/request_internal.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* ---- rings; lock held ---- */

static size_t ring_put(api_ring *ring, const char *data, size_t size) {
    if (!ring->data && !(ring->data = malloc(API_RING_BYTES))) return 0;
    size_t taken = 0;
    while (taken < size && ring->used < API_RING_BYTES) {
        size_t at = (ring->head + ring->used) % API_RING_BYTES, room = API_RING_BYTES - ring->used;
        size_t run = API_RING_BYTES - at < room ? API_RING_BYTES - at : room;
        if (run > size - taken) run = size - taken;
        memcpy(ring->data + at, data + taken, run);
        ring->used += run;
        taken += run;
    }
    return taken;
}

static size_t ring_get(api_ring *ring, char *into, size_t cap) {
    size_t given = 0;
    while (given < cap && ring->used) {
        size_t run = API_RING_BYTES - ring->head < ring->used ? API_RING_BYTES - ring->head : ring->used;
        if (run > cap - given) run = cap - given;
        memcpy(into + given, ring->data + ring->head, run);
        ring->head = (ring->head + run) % API_RING_BYTES;
        ring->used -= run;
        given += run;
    }
    return given;
}

/* Room again is told to the I/O side in large steps: each resume wakes its thread. */
static bool ring_is_low(const api_ring *ring) { return ring->used <= API_RING_BYTES / 2; }

static void request_resume_locked(lh_request *request) {
    if (!request->suspended || !request->connection) return;
    request->suspended = false;
    MHD_resume_connection(request->connection);
}

static void request_suspend_locked(lh_request *request) {
    request->suspended = true;
    MHD_suspend_connection(request->connection);
}

/* ---- I/O side ---- */

bool api_request_has_room(lh_request *request, size_t size) {
    pthread_mutex_lock(&request->lock);
    bool room = request->in_discard || size <= API_RING_BYTES - request->in.used;
    pthread_mutex_unlock(&request->lock);
    return room;
}

void api_request_name_trace(lh_request *request, lh_str trace_id) {
    lh_respond_header(request, "X-Trace-Id", trace_id);
    if (request->errors == API_ERRORS_OPENAI) lh_respond_header(request, API_REQUEST_ID, trace_id);
}

void api_request_answer_early(lh_request *request, unsigned status, const char *content_type, lh_str body) {
    pthread_mutex_lock(&request->lock);
    request->status = status;
    request->content_type = content_type;
    request->body = body;
    request->answer = API_ANSWER_WHOLE;
    request->in_discard = true;
    pthread_mutex_unlock(&request->lock);
}

size_t api_request_take_upload(lh_request *request, const char *data, size_t size) {
    pthread_mutex_lock(&request->lock);
    size_t taken;
    if (request->in_discard) { /* the handler is done with it; a polite end needs the rest read */
        taken = size;
        request->discarded_bytes += size;
    } else {
        taken = ring_put(&request->in, data, size);
        request->in_bytes += taken;
        if (taken) pthread_cond_broadcast(&request->changed);
    }
    bool cut =
        request->gone || (!request->in.data && !request->in_discard) || request->discarded_bytes > API_DISCARD_BYTES;
    /* Full: a reader will resume it. Never one that is cut: libmicrohttpd keeps a suspended connection for ever. */
    if (taken < size && !cut) request_suspend_locked(request);
    pthread_mutex_unlock(&request->lock);
    return cut ? SIZE_MAX : taken;
}

api_await api_request_await_answer(lh_request *request) {
    pthread_mutex_lock(&request->lock);
    if (!request->in_end) {
        request->in_end = true;
        pthread_cond_broadcast(&request->changed);
    }
    api_await result = request->gone                        ? API_AWAIT_GONE
                       : request->answer != API_ANSWER_NONE ? API_AWAIT_READY
                                                            : API_AWAIT_SUSPENDED;
    if (result == API_AWAIT_SUSPENDED) request_suspend_locked(request);
    pthread_mutex_unlock(&request->lock);
    return result;
}

/* libmicrohttpd waits for the edge of an event, and takes a short read for the end of what is there: when the end of
 * the stream came with the last bytes, it learns nothing more. So does a body stand still, at its stream's end? */
static bool request_is_cut_locked(lh_request *request, bool at_end) {
    int unread = 0;
    uint64_t seen = request->in_bytes + request->discarded_bytes;
    bool still = at_end && !request->in_end && request->watched_bytes == seen &&
                 ioctl(request->socket, FIONREAD, &unread) == 0 && unread == 0;
    request->watched_bytes = seen;
    request->still_rounds = still ? request->still_rounds + 1 : 0;
    bool cut = request->still_rounds * API_WATCH_MS >= API_CUT_MS;
    if (cut) shutdown(request->socket, SHUT_RDWR); /* an event that libmicrohttpd sees */
    return cut;
}

bool api_request_client_gone(lh_request *request) {
    pthread_mutex_lock(&request->lock); /* a connection that is not detached has an open socket */
    struct pollfd fd = {.fd = request->socket, .events = POLLRDHUP};
    bool look = !request->gone && request->connection && request->socket >= 0;
    bool at_end = look && poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
    bool gone = request->suspended ? at_end : look && request_is_cut_locked(request, at_end);
    pthread_mutex_unlock(&request->lock);
    return gone;
}

uint64_t api_request_detach(lh_request *request) {
    pthread_mutex_lock(&request->lock);
    uint64_t sent = request->answer == API_ANSWER_WHOLE ? request->body.len : request->out_bytes;
    request->connection = NULL; /* libmicrohttpd frees it */
    pthread_mutex_unlock(&request->lock);
    return sent;
}

ssize_t api_request_give(lh_request *request, char *into, size_t cap) {
    pthread_mutex_lock(&request->lock);
    size_t given = ring_get(&request->out, into, cap);
    ssize_t result = (ssize_t)given;
    if (given) {
        request->out_bytes += given;
        if (ring_is_low(&request->out)) pthread_cond_broadcast(&request->changed);
    } else if (request->out_failed || request->gone) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (request->out_end) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        request_suspend_locked(request);
    }
    pthread_mutex_unlock(&request->lock);
    return result;
}

void api_request_abandon(lh_request *request) {
    pthread_mutex_lock(&request->lock);
    request->gone = true;
    pthread_cond_broadcast(&request->changed);
    request_resume_locked(request);
    pthread_mutex_unlock(&request->lock);
    lh_cancel_fire(request->cancel);
}

void api_request_stop(lh_request *request) {
    pthread_mutex_lock(&request->lock);
    request->stopped = true;
    pthread_cond_broadcast(&request->changed);
    pthread_mutex_unlock(&request->lock);
    lh_cancel_fire(request->cancel);
}

static ssize_t request_reader(void *cls, uint64_t position, char *into, size_t cap) {
    (void)position;
    return api_request_give(cls, into, cap);
}

struct MHD_Response *api_request_response(lh_request *request) {
    struct MHD_Response *response;
    if (request->answer == API_ANSWER_STREAM) {
        uint64_t length = request->out_length == UINT64_MAX ? MHD_SIZE_UNKNOWN : request->out_length;
        response = MHD_create_response_from_callback(length, 64 << 10, request_reader, request, NULL);
    } else {
        union {
            const char *in;
            void *out;
        } body = {.in = request->body.ptr ? request->body.ptr : ""}; /* only read */
        response = MHD_create_response_from_buffer(request->body.len, body.out, MHD_RESPMEM_PERSISTENT);
    }
    if (!response) return NULL;
    if (request->content_type) MHD_add_response_header(response, "Content-Type", request->content_type);
    for (size_t i = 0; i < request->header_count; i++) /* lh_arena_dup() ended the values with a NUL */
        if (request->headers[i].value.len)
            MHD_add_response_header(response, request->headers[i].name, request->headers[i].value.ptr);
    return response;
}

void api_request_enlist(lh_request *request) {
    lh_server *server = request->server;
    pthread_mutex_lock(&server->active_lock);
    request->listed = true;
    request->older = server->active;
    if (server->active) server->active->newer = request;
    server->active = request;
    server->active_count++;
    pthread_mutex_unlock(&server->active_lock);
}

static void request_delist(lh_request *request) {
    lh_server *server = request->server;
    pthread_mutex_lock(&server->active_lock);
    *(request->newer ? &request->newer->older : &server->active) = request->older;
    if (request->older) request->older->newer = request->newer;
    server->active_count--;
    if (server->active_count == 0) pthread_cond_broadcast(&server->active_changed);
    pthread_mutex_unlock(&server->active_lock);
}

void api_request_ref(lh_request *request) {
    pthread_mutex_lock(&request->lock);
    request->references++;
    pthread_mutex_unlock(&request->lock);
}

void api_request_unref(lh_request *request) {
    pthread_mutex_lock(&request->lock);
    bool last = --request->references == 0;
    pthread_mutex_unlock(&request->lock);
    if (!last) return;
    if (request->listed) request_delist(request);
    free(request->in.data);
    free(request->out.data);
    lh_cancel_free(request->cancel);
    pthread_cond_destroy(&request->changed);
    pthread_mutex_destroy(&request->lock);
    lh_arena_free(request->arena); /* the request itself lies elsewhere */
    free(request);
}

/* ---- worker side: reading ---- */

lh_app *lh_request_app(const lh_request *request) {
    return api_request_ready(request) ? request->server->app : &request->server->starting;
}
lh_catalog *lh_request_catalog(const lh_request *request) {
    return request->catalog ? request->catalog : request->server->app->catalog;
}
lh_arena *lh_request_arena(const lh_request *request) { return request->arena; }
lh_str lh_request_method(const lh_request *request) { return request->method; }
bool lh_request_is_engine(const lh_request *request) { return request->engine; }
lh_str lh_request_principal(const lh_request *request, bool *ret_governed, lh_permission *ret_permission) {
    *ret_governed = request->governed;
    *ret_permission = request->permission;
    return request->principal;
}
lh_permission lh_request_scope(const lh_request *request) { return request->scope; }
lh_str lh_request_remote(const lh_request *request) { return lh_address_text(request->from, request->arena); }
bool lh_request_may(const lh_request *request, lh_permission permission) { return request->permission >= permission; }
lh_cancel *lh_request_cancel(const lh_request *request) { return request->cancel; }
uint64_t lh_request_content_length(const lh_request *request) { return request->content_length; }
api_counters *api_request_counters(const lh_request *request) { return &request->server->metrics; }
uint64_t api_request_in_flight(const lh_request *request) {
    pthread_mutex_lock(&request->server->active_lock);
    size_t count = request->server->active_count;
    pthread_mutex_unlock(&request->server->active_lock);
    return count;
}

uint64_t api_request_waiting(const lh_request *request) {
    return lh_workers_waiting(request->server->lanes[LH_LANE_WORK]);
}
bool api_request_ready(const lh_request *request) { return atomic_load(&request->server->ready); }

lh_str lh_request_param(const lh_request *request, const char *name) {
    for (size_t i = 0; i < request->match.param_count; i++) {
        const api_param *param = &request->match.params[i];
        if (lh_str_eq((lh_str){param->name, param->name_len}, lh_str_from(name))) return param->value;
    }
    return LH_STR_NONE;
}

static const struct api_field *request_field(const lh_request *request, const char *name, bool is_query) {
    for (size_t i = 0; i < request->field_count; i++) {
        const struct api_field *field = &request->fields[i];
        bool same =
            is_query ? lh_str_eq(field->name, lh_str_from(name)) : lh_str_eq_nocase(field->name, lh_str_from(name));
        if (field->is_query == is_query && same) return field;
    }
    return NULL;
}

lh_str lh_request_header(const lh_request *request, const char *name) {
    const struct api_field *field = request_field(request, name, false);
    return field ? field->value : LH_STR_NONE;
}

bool lh_request_has_query(const lh_request *request, const char *name) {
    return request_field(request, name, true) != NULL;
}

lh_str lh_request_query(const lh_request *request, const char *name) {
    const struct api_field *field = request_field(request, name, true);
    return field ? field->value : LH_STR_NONE;
}

lh_code lh_request_query_uint(const lh_request *request, const char *name, uint64_t min, uint64_t max,
                              uint64_t otherwise, uint64_t *ret, lh_error *err) {
    uint64_t value = otherwise;
    if (lh_request_has_query(request, name)) {
        lh_str text = lh_request_query(request, name);
        if (lh_str_to_u64(text, &value) != LH_OK || value < min || value > max)
            return lh_fail(err, LH_INVALID, "query parameter '%s' must be a number from %" PRIu64 " to %" PRIu64, name,
                           min, max);
    }
    *ret = value;
    return LH_OK;
}

lh_code lh_request_page(const lh_request *request, uint64_t otherwise, lh_page *ret, lh_error *err) {
    uint64_t limit;
    LH_TRY(lh_request_query_uint(request, "limit", 1, LH_LIMIT_LIST_PAGE, otherwise, &limit, err));
    *ret = (lh_page){lh_request_query(request, "page_token"), limit};
    return LH_OK;
}

bool lh_request_matches(const lh_request *request, lh_str etag) {
    lh_str match = lh_request_header(request, "If-Match");
    return match.len == 0 || api_etag_list_has(match, etag, false);
}

lh_code lh_request_query_bool(const lh_request *request, const char *name, bool *ret, lh_error *err) {
    lh_str text = lh_request_query(request, name);
    bool yes = lh_str_eq_nocase(text, LH_STR("true")) || lh_str_eq(text, LH_STR("1"));
    bool no = lh_str_eq_nocase(text, LH_STR("false")) || lh_str_eq(text, LH_STR("0"));
    if (!yes && !no && lh_request_has_query(request, name))
        return lh_fail(err, LH_INVALID, "query parameter '%s' must be true or false", name);
    *ret = yes;
    return LH_OK;
}

lh_code lh_request_read(lh_request *request, char *into, size_t cap_bytes, size_t *ret_len, lh_error *err) {
    pthread_mutex_lock(&request->lock);
    while (!request->in.used && !request->in_end && !request->gone && !request->stopped)
        pthread_cond_wait(&request->changed, &request->lock);
    bool gone = request->gone, stopped = request->stopped;
    size_t got = ring_get(&request->in, into, cap_bytes);
    uint64_t received = request->in_bytes;
    if (!request->in_end && ring_is_low(&request->in)) request_resume_locked(request);
    pthread_mutex_unlock(&request->lock);
    if (stopped) return lh_fail(err, LH_CANCELLED, "the server is stopping");
    if (gone) return lh_fail(err, LH_CANCELLED, "the client went away before its request was whole");
    request->body_overrun = received > (uint64_t)request->body_max;
    if (request->body_overrun)
        return lh_fail(err, LH_LIMIT, "the request body is larger than %" PRId64 " bytes", request->body_max);
    *ret_len = got;
    return LH_OK;
}

lh_code lh_request_body(lh_request *request, lh_str *ret, lh_error *err) {
    if (request->whole_body.ptr) {
        *ret = request->whole_body;
        return LH_OK;
    }
    LH_CLEANUP(lh_buf_done) lh_buf body = LH_BUF_INIT((size_t)request->body_max);
    for (;;) {
        size_t got;
        char *room = lh_buf_reserve(&body, body.cap_bytes - body.len < 16384 ? body.cap_bytes - body.len : 16384);
        LH_TRY(lh_buf_check(&body, err));
        char spill;
        bool full = body.cap_bytes == body.len;
        LH_TRY(lh_request_read(request, full ? &spill : room,
                               full ? 1 : (body.cap_bytes - body.len < 16384 ? body.cap_bytes - body.len : 16384), &got,
                               err));
        if (got == 0) break;
        request->body_overrun = full;
        if (full) return lh_fail(err, LH_LIMIT, "the request body is larger than %" PRId64 " bytes", request->body_max);
        body.len += got;
    }
    request->whole_body = lh_arena_dup(request->arena, lh_buf_str(&body));
    *ret = request->whole_body;
    return lh_arena_check(request->arena, err);
}

lh_code lh_request_json(lh_request *request, lh_json **ret, lh_error *err) {
    lh_str body;
    LH_TRY(lh_request_body(request, &body, err));
    if (lh_str_trim(body).len == 0) return lh_fail(err, LH_INVALID, "the request body is empty; JSON is expected");
    LH_TRY(lh_json_parse(request->arena, body, ret, err));
    return api_body_check_types(request->match.route, *ret, err);
}

/* ---- worker side: answering ---- */

void lh_respond_header(lh_request *request, const char *name, lh_str value) {
    if (request->header_count == API_RESPONSE_HEADERS_MAX) return;
    request->headers[request->header_count].name = name;
    request->headers[request->header_count++].value = lh_arena_dup(request->arena, value);
}

void lh_respond_etag(lh_request *request, lh_str etag) {
    lh_respond_header(request, "ETag", lh_arena_printf(lh_request_arena(request), "\"%.*s\"", LH_STR_ARG(etag)));
}

static lh_code request_answer(lh_request *request, api_answer answer, unsigned status, const char *content_type,
                              lh_error *err) {
    if (request->holds) {
        request->status = status;
        request->content_type = content_type;
        return LH_OK;
    }
    pthread_mutex_lock(&request->lock);
    bool twice = request->answer != API_ANSWER_NONE, gone = request->gone;
    if (!twice) {
        request->status = status;
        request->content_type = content_type;
        request->answer = answer;
        request->in_discard = true;
        request->in.used = 0;
        request_resume_locked(request);
    }
    pthread_mutex_unlock(&request->lock);
    if (twice) return lh_fail(err, LH_INTERNAL, "a request was answered twice");
    return gone ? lh_fail(err, LH_CANCELLED, "the client went away") : LH_OK;
}

lh_code api_request_release(lh_request *request, lh_error *err) {
    request->holds = false;
    return request_answer(request, API_ANSWER_WHOLE, request->status, request->content_type, err);
}

lh_code lh_respond_bytes(lh_request *request, unsigned status, const char *content_type, lh_str body, lh_error *err) {
    request->body = lh_arena_dup(request->arena, body);
    LH_TRY(lh_arena_check(request->arena, err));
    return request_answer(request, API_ANSWER_WHOLE, status, content_type, err);
}

lh_code lh_respond_json(lh_request *request, unsigned status, const lh_json *body, lh_error *err) {
    lh_str text;
    LH_TRY(lh_json_write(request->arena, body, false, &text, err));
    request->body = text;
    return request_answer(request, API_ANSWER_WHOLE, status, "application/json", err);
}

lh_code lh_respond_empty(lh_request *request, unsigned status, lh_error *err) {
    request->body = LH_STR_NONE;
    return request_answer(request, API_ANSWER_WHOLE, status, NULL, err);
}

lh_code lh_respond_begin(lh_request *request, unsigned status, const char *content_type, uint64_t length,
                         lh_error *err) {
    request->out_length = length;
    return request_answer(request, API_ANSWER_STREAM, status, content_type, err);
}

lh_code lh_respond_write(void *ctx, lh_str data, lh_error *err) {
    lh_request *request = ctx;
    while (data.len && !request->head_only) { /* the answer to HEAD has no body */
        pthread_mutex_lock(&request->lock);
        while (request->out.used == API_RING_BYTES && !request->gone && !request->stopped)
            pthread_cond_wait(&request->changed, &request->lock);
        bool gone = request->gone || request->stopped;
        size_t taken = gone ? 0 : ring_put(&request->out, data.ptr, data.len);
        if (taken) request_resume_locked(request);
        pthread_mutex_unlock(&request->lock);
        if (gone) return lh_fail(err, LH_CANCELLED, "the client went away, or the server is stopping");
        if (!taken) return lh_fail(err, LH_NO_MEMORY, "server: out of memory");
        data = lh_str_sub(data, taken, SIZE_MAX);
    }
    return LH_OK;
}

bool lh_respond_begun(const lh_request *request) { return request->answer != API_ANSWER_NONE; }

/* ---- the worker's job ---- */

void api_request_answer_error(lh_request *request, lh_code code, lh_error *why) {
    unsigned status = api_status_of(code, why);
    if (code == LH_LIMIT && request->body_overrun) status = 413;
    if (status == 422 && request->errors != API_ERRORS_OURS) status = 400; /* the specifications have no 422 */
    if (code == LH_CANCELLED && atomic_load(&request->server->draining)) status = 503;
    if (status >= 500 && code != LH_UNAVAILABLE && code != LH_CANCELLED)
        lh_log(LH_LOG_ERROR, "request failed", "route", request->match.route->name, "code", lh_code_name(code), "error",
               why->message, NULL);
    request->header_count = request->header_kept; /* what a failed handler meant for its good answer is dropped */
    if (status == 503) lh_respond_header(request, "Retry-After", LH_STR("1"));
    request->body = api_error_body(request->arena, request->errors, status, code, why);
    lh_code ignored = request_answer(request, API_ANSWER_WHOLE, status, "application/json", NULL);
    (void)ignored;
}

static void request_end(lh_request *request, lh_code code) {
    pthread_mutex_lock(&request->lock);
    request->out_end = true;
    if (code != LH_OK && request->answer == API_ANSWER_STREAM) request->out_failed = true;
    request_resume_locked(request);
    pthread_mutex_unlock(&request->lock);
}

static void request_note_trace(lh_request *request) {
    lh_server *server = request->server;
    pthread_mutex_lock(&server->active_lock);
    snprintf(request->trace_id, sizeof request->trace_id, "%.*s", LH_STR_ARG(lh_trace_current_id()));
    pthread_mutex_unlock(&server->active_lock);
}

static void request_begin_trace(lh_request *request, lh_span *span) {
    char parent[56];
    lh_str given = lh_request_header(request, "traceparent");
    if (request->engine) given = lh_engine_trace_of(lh_request_app(request)->engine, NULL, parent); /* it sends none */
    lh_span_begin_root(request->server->app->tracer, request->match.route->name, given, span);
    request_note_trace(request);
    lh_span_string(span, "http.request.method", request->method);
    lh_span_string(span, "http.route", lh_str_from(request->match.route->path));
    api_request_name_trace(request, lh_trace_current_id());
    lh_respond_header(request, "traceparent", lh_trace_parent_header(parent));
    request->header_kept = request->header_count;
}

static void request_log_access(const lh_request *request, unsigned status, uint64_t elapsed_us) {
    char status_text[12], elapsed[24];
    snprintf(status_text, sizeof status_text, "%u", status);
    snprintf(elapsed, sizeof elapsed, "%" PRIu64, elapsed_us);
    lh_log(LH_LOG_DEBUG, "request", "method", request->match.route->method, "route", request->match.route->path,
           "status", status_text, "elapsed_us", elapsed, NULL);
}

static bool request_was_cut(lh_request *request) {
    pthread_mutex_lock(&request->lock);
    bool gone = request->gone; /* which is set before the cancellation is */
    pthread_mutex_unlock(&request->lock);
    return gone || lh_cancel_fired(request->cancel);
}

void api_request_run(lh_request *request) {
    lh_server *server = request->server;
    lh_error err = {.code = LH_OK};
    lh_span span;
    request_begin_trace(request, &span);
    lh_code code = LH_CANCELLED;
    if (lh_cancel_fired(request->cancel)) lh_error_set(&err, code, "the client went away");
    else code = api_authorize(request, &err);
    if (code == LH_OK) code = api_handle(request, &err);
    if (code == LH_OK && request->answer == API_ANSWER_NONE)
        code = lh_fail(&err, LH_INTERNAL, "the handler gave no answer");
    if (code != LH_OK && request->answer == API_ANSWER_NONE) api_request_answer_error(request, code, &err);
    else if (code != LH_OK && code != LH_CANCELLED)
        lh_log(LH_LOG_WARN, "answer cut short", "route", request->match.route->name, "code", lh_code_name(code),
               "error", err.message, NULL);
    request_end(request, code);
    lh_span_number(&span, "http.response.status_code", request->status);
    unsigned status = request_was_cut(request) ? 0u : request->status;
    uint64_t elapsed_us = (lh_time_monotonic_ns() - request->started_ns) / 1000;
    request_log_access(request, request->status, elapsed_us);
    lh_span_end(&span, code);
    api_metrics_count(&server->metrics, request->match.route, status, elapsed_us);
    api_request_unref(request);
}
