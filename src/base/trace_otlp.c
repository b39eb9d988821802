/* Ended spans in their two outer forms: OTLP's protobuf (messages of proto/otlp_trace.proto,
 * packed by protobuf-c) and a line of JSON. The messages are built in one arena, borrow the
 * records' strings, and are packed at once into the caller's buffer. */
#include "base/trace_internal.h"

#include "base/arena.h"
#include "base/time.h"
#include "otlp_trace.pb-c.h"

#include <inttypes.h>
#include <string.h>

/* protobuf-c declares strings as char*, and only reads them when it packs. */
static char *otlp_text(const char *text) {
    union {
        const char *in;
        char *out;
    } cast = {.in = text};
    return cast.out;
}

static ProtobufCBinaryData otlp_id(lh_arena *arena, const char *hex) {
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = lh_arena_alloc(arena, size + 1);
    for (size_t i = 0; bytes && i < size; i++) {
        int high = hex[2 * i] <= '9' ? hex[2 * i] - '0' : hex[2 * i] - 'a' + 10;
        int low = hex[2 * i + 1] <= '9' ? hex[2 * i + 1] - '0' : hex[2 * i + 1] - 'a' + 10;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return (ProtobufCBinaryData){bytes ? size : 0, bytes};
}

static Lh__Otlp__KeyValue *otlp_key_value(lh_arena *arena, const char *key, const char *text, int64_t number,
                                          bool is_number) {
    Lh__Otlp__KeyValue *pair = LH_ARENA_NEW(arena, Lh__Otlp__KeyValue);
    Lh__Otlp__AnyValue *value = LH_ARENA_NEW(arena, Lh__Otlp__AnyValue);
    if (!pair || !value) return NULL;
    lh__otlp__key_value__init(pair);
    lh__otlp__any_value__init(value);
    value->value_case = is_number ? LH__OTLP__ANY_VALUE__VALUE_INT_VALUE : LH__OTLP__ANY_VALUE__VALUE_STRING_VALUE;
    if (is_number) value->int_value = number;
    else value->string_value = otlp_text(text);
    pair->key = otlp_text(key);
    pair->value = value;
    return pair;
}

static Lh__Otlp__Span *otlp_span(lh_arena *arena, const trace_record *record) {
    Lh__Otlp__Span *span = LH_ARENA_NEW(arena, Lh__Otlp__Span);
    Lh__Otlp__Status *status = LH_ARENA_NEW(arena, Lh__Otlp__Status);
    Lh__Otlp__KeyValue **attributes = LH_ARENA_ARRAY(arena, Lh__Otlp__KeyValue *, record->attribute_count + 1);
    if (!span || !status || !attributes) return NULL;
    lh__otlp__span__init(span);
    lh__otlp__status__init(status);
    span->trace_id = otlp_id(arena, record->trace_id);
    span->span_id = otlp_id(arena, record->span_id);
    span->parent_span_id = otlp_id(arena, record->parent_id);
    span->name = otlp_text(record->name);
    span->kind = record->root ? LH__OTLP__SPAN__KIND__KIND_SERVER : LH__OTLP__SPAN__KIND__KIND_INTERNAL;
    span->start_time_unix_nano = (uint64_t)record->start_unix_ns;
    span->end_time_unix_nano = (uint64_t)record->end_unix_ns;
    span->flags = 1;
    for (size_t i = 0; i < record->attribute_count; i++) {
        attributes[i] = otlp_key_value(arena, record->attributes[i].name, record->attributes[i].text,
                                       record->attributes[i].number, record->attributes[i].is_number);
        if (!attributes[i]) return NULL;
    }
    span->attributes = attributes;
    span->n_attributes = record->attribute_count;
    if (record->code != LH_OK) {
        status->code = LH__OTLP__STATUS__CODE__CODE_ERROR;
        status->message = otlp_text(lh_code_name(record->code));
    }
    span->status = status;
    return span;
}

static Lh__Otlp__ExportRequest *otlp_request(lh_arena *arena, const trace_record *first, lh_str service_name) {
    size_t count = 0;
    for (const trace_record *at = first; at; at = at->next) count++;
    Lh__Otlp__ExportRequest *request = LH_ARENA_NEW(arena, Lh__Otlp__ExportRequest);
    Lh__Otlp__ResourceSpans **by_resource = LH_ARENA_ARRAY(arena, Lh__Otlp__ResourceSpans *, 1);
    Lh__Otlp__ResourceSpans *resource_spans = LH_ARENA_NEW(arena, Lh__Otlp__ResourceSpans);
    Lh__Otlp__Resource *resource = LH_ARENA_NEW(arena, Lh__Otlp__Resource);
    Lh__Otlp__KeyValue **resource_attributes = LH_ARENA_ARRAY(arena, Lh__Otlp__KeyValue *, 1);
    Lh__Otlp__ScopeSpans **by_scope = LH_ARENA_ARRAY(arena, Lh__Otlp__ScopeSpans *, 1);
    Lh__Otlp__ScopeSpans *scope_spans = LH_ARENA_NEW(arena, Lh__Otlp__ScopeSpans);
    Lh__Otlp__Scope *scope = LH_ARENA_NEW(arena, Lh__Otlp__Scope);
    Lh__Otlp__Span **spans = LH_ARENA_ARRAY(arena, Lh__Otlp__Span *, count + 1);
    if (lh_arena_check(arena, NULL) != LH_OK) return NULL;
    lh__otlp__export_request__init(request);
    lh__otlp__resource_spans__init(resource_spans);
    lh__otlp__resource__init(resource);
    lh__otlp__scope_spans__init(scope_spans);
    lh__otlp__scope__init(scope);
    size_t at = 0;
    for (const trace_record *record = first; record; record = record->next) spans[at++] = otlp_span(arena, record);
    resource_attributes[0] = otlp_key_value(arena, "service.name", lh_arena_cstr(arena, service_name), 0, false);
    if (lh_arena_check(arena, NULL) != LH_OK) return NULL;
    scope->name = otlp_text("lakehouse");
    *scope_spans = (Lh__Otlp__ScopeSpans){.base = scope_spans->base, .scope = scope, .n_spans = count, .spans = spans};
    *resource = (Lh__Otlp__Resource){.base = resource->base, .n_attributes = 1, .attributes = resource_attributes};
    by_scope[0] = scope_spans;
    *resource_spans = (Lh__Otlp__ResourceSpans){
        .base = resource_spans->base, .resource = resource, .n_scope_spans = 1, .scope_spans = by_scope};
    by_resource[0] = resource_spans;
    request->resource_spans = by_resource;
    request->n_resource_spans = 1;
    return request;
}

lh_code trace_otlp_encode(const trace_record *first, lh_str service_name, lh_buf *into, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(32 << 20, &arena, err));
    const Lh__Otlp__ExportRequest *request = otlp_request(arena, first, service_name);
    if (!request) return lh_arena_check(arena, err);
    size_t size = lh__otlp__export_request__get_packed_size(request);
    char *room = lh_buf_reserve(into, size);
    if (room) into->len += lh__otlp__export_request__pack(request, (uint8_t *)room);
    return lh_buf_check(into, err);
}

void trace_json_line(const trace_record *record, lh_str service_name, lh_buf *into) {
    lh_time_text start = lh_time_rfc3339(record->start_unix_ns / 1000000);
    lh_buf_append(into, LH_STR("{\"span\":"));
    lh_buf_json_string(into, lh_str_from(record->name));
    lh_buf_append(into, LH_STR(",\"service\":"));
    lh_buf_json_string(into, service_name);
    lh_buf_printf(
        into,
        ",\"trace_id\":\"%s\",\"span_id\":\"%s\",\"parent_id\":\"%s\",\"start\":\"%s\",\"duration_us\":%" PRId64
        ",\"status\":\"%s\"",
        record->trace_id, record->span_id, record->parent_id, start.text,
        (record->end_unix_ns - record->start_unix_ns) / 1000, lh_code_name(record->code));
    lh_buf_append(into, LH_STR(",\"attributes\":{"));
    for (size_t i = 0; i < record->attribute_count; i++) {
        if (i) lh_buf_char(into, ',');
        lh_buf_json_string(into, lh_str_from(record->attributes[i].name));
        lh_buf_char(into, ':');
        if (record->attributes[i].is_number) lh_buf_printf(into, "%" PRId64, record->attributes[i].number);
        else lh_buf_json_string(into, lh_str_from(record->attributes[i].text));
    }
    lh_buf_append(into, LH_STR("}}\n"));
}
