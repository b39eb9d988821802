/* One call: from its arrival to its end, by batches of gRPC's operations. Each batch's tag comes back to a poller
 * (server.c), which calls the tag's function and then lets go of the reference that the batch held. */
#include "rpc/rpc_internal.h"

#include <grpc/support/alloc.h>
#include <stdio.h>

/* ---- life ---- */

void rpc_call_ref(rpc_call *call) { atomic_fetch_add(&call->refs, 1); }

void rpc_call_unref(rpc_call *call) {
    if (atomic_fetch_sub(&call->refs, 1) != 1) return;
    if (call->message) grpc_byte_buffer_destroy(call->message);
    if (call->call) {
        atomic_fetch_sub(&call->rpc->active, 1);
        grpc_call_unref(call->call);
    }
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    free(call);
}

/* Starts a batch, which takes a reference. False: gRPC refused it, which is our bug or the end of the call. */
static bool call_start(rpc_call *call, const grpc_op *ops, size_t count, rpc_tag *tag) {
    rpc_call_ref(call);
    atomic_fetch_add(&call->rpc->handed, 1);
    if (grpc_call_start_batch(call->call, ops, count, tag, NULL) == GRPC_CALL_OK) return true;
    rpc_call_unref(call);
    return false;
}

static lh_str call_str(grpc_slice slice) {
    return (lh_str){(const char *)GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice)};
}

lh_str rpc_call_metadata(const rpc_call *call, const char *name) {
    for (size_t i = 0; i < call->metadata.count; i++) {
        const grpc_metadata *entry = &call->metadata.metadata[i];
        const char *key = (const char *)GRPC_SLICE_START_PTR(entry->key);
        if (!lh_str_eq((lh_str){key, GRPC_SLICE_LENGTH(entry->key)}, lh_str_from(name))) continue;
        return (lh_str){(const char *)GRPC_SLICE_START_PTR(entry->value), GRPC_SLICE_LENGTH(entry->value)};
    }
    return LH_STR_NONE;
}

/* ---- sending ---- */

static lh_code call_pack(const rpc_call *call, const ProtobufCMessage *message, grpc_byte_buffer **ret, lh_error *err) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint64_t max = (uint64_t)call->rpc->config->grpc_message_max_bytes;
    if (size > max)
        return lh_fail(err, LH_LIMIT,
                       "the answer has %zu bytes, more than grpc.message_max_bytes (%" PRIu64 "): ask for less", size,
                       max);
    grpc_slice slice = grpc_slice_malloc(size);
    protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    *ret = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return LH_OK;
}

static void call_add_greeting(rpc_call *call, grpc_op *ops, size_t *count) {
    if (call->greeted) return;
    call->greeted = true;
    ops[(*count)++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
}

static void call_add_message(grpc_op *ops, size_t *count, grpc_byte_buffer *bytes) {
    ops[*count] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE};
    ops[(*count)++].data.send_message.send_message = bytes;
}

lh_code rpc_call_write(rpc_call *call, const ProtobufCMessage *message, lh_error *err) {
    grpc_byte_buffer *bytes = NULL;
    grpc_op ops[2];
    size_t count = 0;
    LH_TRY(call_pack(call, message, &bytes, err));
    call_add_greeting(call, ops, &count);
    call_add_message(ops, &count, bytes);
    bool started = call_start(call, ops, count, &call->write);
    grpc_byte_buffer_destroy(bytes);
    return started ? LH_OK : lh_fail(err, LH_INTERNAL, "the message cannot be sent");
}

/* What goes with the status: the trace, and when a retry is welcome, as gRPC's own clients read it. */
static size_t call_trailer(const rpc_call *call, grpc_metadata trailer[2]) {
    size_t count = 0;
    char wait[16];
    if (call->trace_id[0])
        trailer[count++] = (grpc_metadata){.key = grpc_slice_from_static_string("x-trace-id"),
                                           .value = grpc_slice_from_copied_string(call->trace_id)};
    snprintf(wait, sizeof wait, "%" PRIu32, call->retry_after_ms);
    if (call->retry_after_ms)
        trailer[count++] = (grpc_metadata){.key = grpc_slice_from_static_string("grpc-retry-pushback-ms"),
                                           .value = grpc_slice_from_copied_string(wait)};
    return count;
}

static void call_send_status(rpc_call *call, grpc_op *ops, size_t count, grpc_status_code status, const char *why) {
    grpc_slice details = grpc_slice_from_copied_string(why);
    grpc_metadata trailer[2];
    size_t trailer_count = call_trailer(call, trailer);
    ops[count] = (grpc_op){.op = GRPC_OP_SEND_STATUS_FROM_SERVER};
    ops[count].data.send_status_from_server.trailing_metadata_count = trailer_count;
    ops[count].data.send_status_from_server.trailing_metadata = trailer;
    ops[count].data.send_status_from_server.status = status;
    ops[count].data.send_status_from_server.status_details = &details;
    call_start(call, ops, count + 1, &call->finish);
    grpc_slice_unref(details);
    for (size_t i = 0; i < trailer_count; i++) grpc_slice_unref(trailer[i].value);
}

void rpc_call_count(rpc_call *call, grpc_status_code status) {
    size_t method = call->method ? (size_t)(call->method - rpc_methods) : RPC_METHODS_MAX;
    atomic_fetch_add_explicit(&call->rpc->finished[method][status], 1, memory_order_relaxed);
    char elapsed[24];
    snprintf(elapsed, sizeof elapsed, "%" PRIu64, (lh_time_monotonic_ns() - call->started_ns) / 1000);
    lh_log(LH_LOG_DEBUG, "rpc", "method", call->method ? call->method->path : "", "status", rpc_status_name(status),
           "elapsed_us", elapsed, NULL);
}

void rpc_call_finish(rpc_call *call, grpc_status_code status, const char *why, const ProtobufCMessage *message) {
    grpc_byte_buffer *bytes = NULL;
    lh_error err = {0};
    grpc_op ops[3];
    size_t count = 0;
    if (message && status == GRPC_STATUS_OK && call_pack(call, message, &bytes, &err) != LH_OK) {
        status = rpc_status_of(err.code);
        why = err.message;
    }
    call_add_greeting(call, ops, &count);
    if (bytes) call_add_message(ops, &count, bytes);
    call_send_status(call, ops, count, status, why);
    if (bytes) grpc_byte_buffer_destroy(bytes);
    rpc_call_count(call, status);
    rpc_call_unref(call);
}

void rpc_call_fail(rpc_call *call, lh_code code, const lh_error *err) {
    grpc_status_code status = call->status != GRPC_STATUS_OK ? call->status : rpc_status_of(code);
    if (status == GRPC_STATUS_INTERNAL || status == GRPC_STATUS_DATA_LOSS)
        lh_log(LH_LOG_ERROR, "rpc failed", "method", call->method->path, "code", lh_code_name(code), "error",
               err->message, NULL);
    rpc_call_finish(call, status, err->message, NULL);
}

/* ---- receiving ---- */

static void call_read(rpc_call *call) {
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE};
    op.data.recv_message.recv_message = &call->message;
    if (!call_start(call, &op, 1, &call->read))
        rpc_call_finish(call, GRPC_STATUS_INTERNAL, "the message cannot be read", NULL);
}

/* Parses the message that was read, and lets the handler answer it. */
static lh_code call_answer(rpc_call *call, lh_arena *arena, ProtobufCMessage **ret, lh_error *err) {
    grpc_byte_buffer_reader reader;
    ProtobufCMessage *request = NULL;
    if (!grpc_byte_buffer_reader_init(&reader, call->message))
        return lh_fail(err, LH_INVALID, "the message cannot be read");
    grpc_slice whole = grpc_byte_buffer_reader_readall(&reader);
    grpc_byte_buffer_reader_destroy(&reader);
    grpc_byte_buffer_destroy(lh_take(&call->message));
    lh_code code = rpc_message_parse(call->method->request, call_str(whole), arena, &request, err);
    grpc_slice_unref(whole);
    return code == LH_OK ? call->method->handle(call, request, arena, ret, err) : code;
}

static lh_code call_answer_traced(rpc_call *call, lh_arena *arena, ProtobufCMessage **ret, lh_error *err) {
    lh_span span;
    lh_span_begin_root(call->rpc->tracer, call->method->name, rpc_call_metadata(call, "traceparent"), &span);
    lh_span_string(&span, "rpc.system", LH_STR("grpc"));
    lh_span_string(&span, "rpc.method", lh_str_from(call->method->path + 1));
    memcpy(call->trace_id, span.trace_id, sizeof call->trace_id);
    lh_code code = call_answer(call, arena, ret, err);
    lh_span_number(&span, "rpc.grpc.status_code", call->status != GRPC_STATUS_OK ? call->status : rpc_status_of(code));
    lh_span_end(&span, code);
    return code;
}

void rpc_call_run(rpc_call *call) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ProtobufCMessage *answer = NULL;
    lh_error err = {0};
    if (atomic_load(&call->gone)) {
        rpc_call_finish(call, GRPC_STATUS_CANCELLED, "the client is gone", NULL);
        return;
    }
    lh_code code = lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &arena, &err);
    if (code == LH_OK) code = call_answer_traced(call, arena, &answer, &err);
    if (code == LH_OK && call->method->kind == RPC_DIALOG) code = rpc_call_write(call, answer, &err);
    if (code != LH_OK) rpc_call_fail(call, code, &err);
    else if (call->method->kind == RPC_UNARY) rpc_call_finish(call, GRPC_STATUS_OK, "", answer);
    else if (call->method->kind == RPC_WATCH) rpc_watch_add(call);
}

static void call_was_read(rpc_call *call, bool ok) {
    if (ok && call->message) {
        if (call->method->direct) rpc_call_run(call);
        else if (!lh_workers_submit(call->rpc->workers, call))
            rpc_call_finish(call, GRPC_STATUS_UNAVAILABLE, "too many calls wait; try again in a second", NULL);
    } else if (grpc_call_failed_before_recv_message(call->call)) { /* gRPC itself refused a message too large */
        rpc_call_finish(call, GRPC_STATUS_CANCELLED, "the call was cut, or its message is too large", NULL);
    } else if (ok && call->method->kind == RPC_DIALOG) {
        rpc_call_finish(call, GRPC_STATUS_OK, "", NULL);
    } else {
        rpc_call_finish(call, GRPC_STATUS_INVALID_ARGUMENT, "the call has no message", NULL);
    }
}

static void call_was_written(rpc_call *call, bool ok) {
    if (call->method->kind == RPC_WATCH) rpc_watch_written(call, ok);
    else if (ok) call_read(call);
    else rpc_call_finish(call, GRPC_STATUS_CANCELLED, "the client is gone", NULL);
}

static void call_was_closed(rpc_call *call, bool ok) {
    (void)ok;
    if (!call->cancelled) return;
    atomic_store(&call->gone, true);
    if (call->method && call->method->kind == RPC_WATCH) rpc_watch_gone(call);
}

static void call_was_finished(rpc_call *call, bool ok) { (void)call, (void)ok; }

/* ---- arrival ---- */

static lh_address call_address(const rpc_call *call) {
    char *peer = grpc_call_get_peer(call->call);
    lh_address address = peer ? lh_address_of_peer(lh_str_from(peer)) : (lh_address){0};
    gpr_free(peer);
    return address;
}

static bool call_says_twice(const rpc_call *call, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < call->metadata.count; i++)
        count += grpc_slice_str_cmp(call->metadata.metadata[i].key, name) == 0;
    return count > 1;
}

/* Without its principal, which nothing asks for yet. */
static lh_identity call_identify(const rpc_call *call, lh_permission needs) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_identity identity = {.known = true};
    lh_str key = rpc_call_metadata(call, "x-api-key"), authorization = rpc_call_metadata(call, "authorization");
    if (call_says_twice(call, "x-api-key") || call_says_twice(call, "authorization"))
        key = LH_STR_NONE, authorization = LH_STR("twice"); /* no bearer token: nobody's key */
    key = lh_access_key_shown(key, authorization);
    if (needs == LH_PERMIT_PUBLIC) return identity;
    if (lh_arena_new(1 << 20, &arena, NULL) != LH_OK) return (lh_identity){0};
    identity = lh_access_identify(call->rpc->access, key, call_address(call), arena);
    identity.principal = LH_STR_NONE;
    return identity;
}

/* A key comes before the method: a stranger learns no paths. */
static bool call_is_allowed(rpc_call *call) {
    const rpc_method *method = call->method;
    lh_permission needs = method ? method->permission : LH_PERMIT_READ;
    lh_identity identity = call_identify(call, needs);
    char why[128];
    call->retry_after_ms = identity.retry_after_ms;
    call->admin = identity.permission >= LH_PERMIT_ADMIN;
    if (identity.retry_after_ms) {
        rpc_call_finish(call, GRPC_STATUS_RESOURCE_EXHAUSTED,
                        "too many calls of this key or address, or too many wrong keys of it; try again later", NULL);
    } else if (!identity.known) {
        rpc_call_finish(call, GRPC_STATUS_UNAUTHENTICATED,
                        "an API key is needed: send it as metadata x-api-key, or authorization as a bearer token",
                        NULL);
    } else if (!method) {
        rpc_call_finish(call, GRPC_STATUS_UNIMPLEMENTED, "there is no such method; reflection lists what there is",
                        NULL);
    } else if (identity.permission < needs) {
        snprintf(why, sizeof why, "this key's permission does not reach to %s", method->name);
        rpc_call_finish(call, GRPC_STATUS_PERMISSION_DENIED, why, NULL);
    } else {
        return true;
    }
    return false;
}

static void call_arrived(rpc_call *call, bool ok) {
    if (!ok) return; /* the server stops */
    rpc_call_await(call->rpc);
    rpc_call_ref(call); /* whoever moves it on */
    call->started_ns = lh_time_monotonic_ns();
    call->method = rpc_method_find(call_str(call->details.method));
    uint64_t active = atomic_fetch_add(&call->rpc->active, 1) + 1;
    grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER};
    op.data.recv_close_on_server.cancelled = &call->cancelled;
    call_start(call, &op, 1, &call->close);
    if (atomic_load(&call->rpc->draining))
        rpc_call_finish(call, GRPC_STATUS_UNAVAILABLE, "the server is stopping", NULL);
    else if (active > RPC_CALLS_MAX)
        rpc_call_finish(call, GRPC_STATUS_RESOURCE_EXHAUSTED, "too many calls at once; try again in a second", NULL);
    else if (call_is_allowed(call)) call_read(call);
}

void rpc_call_await(lh_rpc *rpc) {
    rpc_call *call = calloc(1, sizeof *call);
    if (!call) {
        lh_log(LH_LOG_ERROR, "out of memory: one gRPC call less is taken at a time", NULL);
        return;
    }
    call->rpc = rpc;
    call->arrive = (rpc_tag){call_arrived, call};
    call->close = (rpc_tag){call_was_closed, call};
    call->read = (rpc_tag){call_was_read, call};
    call->write = (rpc_tag){call_was_written, call};
    call->finish = (rpc_tag){call_was_finished, call};
    atomic_store(&call->refs, 1);
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    atomic_fetch_add(&rpc->handed, 1);
    if (grpc_server_request_call(rpc->server, &call->call, &call->details, &call->metadata, rpc->queue, rpc->queue,
                                 &call->arrive) != GRPC_CALL_OK)
        rpc_call_unref(call);
}
