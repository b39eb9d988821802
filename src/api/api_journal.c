/* /journal: what changed, and who changed it; /access/audit: who asked what. The actor of an event is the caller, whatever
 * the body says: it has no member for one. */
#include "api/request_internal.h"

enum { JOURNAL_PAGE = 100 };

static lh_code journal_of(const lh_request *request, lh_journal **ret, lh_error *err) {
    *ret = lh_request_app(request)->journal;
    return *ret ? LH_OK : lh_fail(err, LH_UNAVAILABLE, "the journal is starting; try again in a second");
}

static lh_str journal_caller(const lh_request *request) {
    bool governed;
    lh_permission permission;
    return lh_request_principal(request, &governed, &permission);
}

/* Whose request the thread's trace belongs to, for commits that the engine makes on its behalf. A client chooses its trace id, so
 * two principals may have the same one: then nobody is named, rather than the wrong one. */
bool lh_server_actor(void *ctx, char into[LH_LIMIT_NAME_BYTES + 1]) {
    lh_server *server = ctx;
    lh_str trace = lh_trace_current_id(), actor = LH_STR_NONE;
    bool alone = true;
    pthread_mutex_lock(&server->active_lock);
    for (const lh_request *request = server->active; request && trace.len; request = request->older) {
        if (request->engine || !lh_str_eq(trace, lh_str_from(request->trace_id))) continue;
        alone = alone && (actor.len == 0 || lh_str_eq(actor, request->principal));
        actor = request->principal;
    }
    bool known = alone && actor.len > 0 && actor.len <= LH_LIMIT_NAME_BYTES;
    if (known) memcpy(into, actor.ptr, actor.len), into[actor.len] = '\0';
    pthread_mutex_unlock(&server->active_lock);
    return known;
}

/* ---- writing ---- */

static lh_code journal_text(const lh_json *body, const char *name, lh_str *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    if (!lh_json_is_null(value) && !lh_json_is_string(value))
        return lh_fail(err, LH_INVALID, "'%s' must be a string", name);
    *ret = lh_json_str(value, LH_STR_NONE);
    return LH_OK;
}

/* What events and updates have in common. */
static lh_code journal_common(lh_request *request, const lh_json *body, lh_journal_event *ret, lh_error *err) {
    lh_journal_event event = {.actor = journal_caller(request)};
    LH_TRY(journal_text(body, "entity_type", &event.entity_type, err));
    LH_TRY(journal_text(body, "entity_id", &event.entity_id, err));
    LH_TRY(journal_text(body, "action", &event.action, err));
    LH_TRY(journal_text(body, "source", &event.source, err));
    LH_TRY(journal_text(body, "workspace", &event.workspace, err));
    LH_TRY(journal_text(body, "reason", &event.reason, err));
    if (event.action.len == 0) event.action = LH_STR("update");
    *ret = event;
    return LH_OK;
}

static lh_code journal_value(const lh_json *body, const char *name, lh_arena *arena, lh_str *ret, lh_error *err) {
    const lh_json *value = lh_json_get(body, name);
    *ret = LH_STR_NONE;
    return value ? lh_json_write(arena, value, false, ret, err) : LH_OK;
}

static lh_code journal_event_read(lh_request *request, const lh_json *body, lh_journal_event *ret, lh_error *err) {
    static const char *const known[] = {"entity_type", "entity_id", "field",     "old_value", "new_value",
                                        "action",      "source",    "workspace", "reason"};
    lh_arena *arena = lh_request_arena(request);
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(journal_common(request, body, ret, err));
    LH_TRY(journal_text(body, "field", &ret->field, err));
    LH_TRY(journal_value(body, "old_value", arena, &ret->old_value, err));
    return journal_value(body, "new_value", arena, &ret->new_value, err);
}

static lh_code journal_answer(lh_request *request, size_t accepted, const lh_journal_receipt *receipt, lh_json *fields,
                              lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_uint(arena, answer, "accepted", accepted);
    if (fields) lh_json_set(arena, answer, "fields", fields);
    if (accepted) {
        lh_json_set_string(arena, answer, "writer", lh_uuid_str(&receipt->writer));
        lh_json_set_uint(arena, answer, "first_seq", receipt->first_seq);
        lh_json_set_uint(arena, answer, "last_seq", receipt->last_seq);
        lh_json_set_string(arena, answer, "head", lh_str_from(receipt->head.text));
    }
    return lh_respond_json(request, 200, answer, err);
}

/* The body with every digit of its numbers. */
static lh_code journal_body(lh_request *request, lh_json **ret, lh_error *err) {
    lh_str body;
    LH_TRY(lh_request_body(request, &body, err));
    if (lh_str_trim(body).len == 0) return lh_fail(err, LH_INVALID, "the request body is empty; JSON is expected");
    LH_TRY(lh_json_parse_exact(lh_request_arena(request), body, ret, err));
    return lh_body_check_object(*ret, err);
}

/* Which of a batch is wrong. */
static lh_code journal_events_read(lh_request *request, const lh_json *list, lh_journal_event *events, lh_error *err) {
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);) {
        lh_error why = {0};
        lh_code code = journal_event_read(request, it.value, &events[it.index], &why);
        if (code != LH_OK) return lh_fail(err, code, "event %zu: %s", it.index + 1, why.message);
    }
    return LH_OK;
}

lh_code api_journal_event(lh_request *request, lh_error *err) {
    static const char *const batch[] = {"events"};
    lh_arena *arena = lh_request_arena(request);
    lh_journal *journal = NULL;
    lh_json *body = NULL;
    lh_journal_receipt receipt = {0};
    LH_TRY(journal_of(request, &journal, err));
    LH_TRY(journal_body(request, &body, err));
    const lh_json *list = lh_json_get(body, "events");
    size_t count = list ? lh_json_size(list) : 1;
    if (list) LH_TRY(lh_body_check(body, batch, 1, err));
    if (list && (!lh_json_is_array(list) || count == 0))
        return lh_fail(err, LH_INVALID, "'events' must be a list of events, not an empty one");
    if (count > LH_JOURNAL_EVENTS_MAX)
        return lh_fail(err, LH_LIMIT, "%zu events are more than %d at once", count, LH_JOURNAL_EVENTS_MAX);
    lh_journal_event *events = LH_ARENA_ARRAY(arena, lh_journal_event, count);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(list ? journal_events_read(request, list, events, err) : journal_event_read(request, body, events, err));
    LH_TRY(lh_journal_append(journal, events, count, &receipt, err));
    return journal_answer(request, count, &receipt, NULL, err);
}

lh_code api_journal_update(lh_request *request, lh_error *err) {
    static const char *const known[] = {"entity_type", "entity_id", "before",    "after",
                                        "action",      "source",    "workspace", "reason"};
    lh_arena *arena = lh_request_arena(request);
    lh_journal *journal = NULL;
    lh_json *body = NULL, *fields = lh_json_new_array(arena);
    lh_journal_event common, *events = NULL;
    lh_journal_receipt receipt = {0};
    size_t count = 0;
    LH_TRY(journal_of(request, &journal, err));
    LH_TRY(journal_body(request, &body, err));
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    LH_TRY(journal_common(request, body, &common, err));
    if (common.entity_type.len == 0) return lh_fail(err, LH_INVALID, "'entity_type' is missing");
    if (common.entity_id.len == 0) return lh_fail(err, LH_INVALID, "'entity_id' is missing");
    LH_TRY(
        lh_journal_diff(&common, lh_json_get(body, "before"), lh_json_get(body, "after"), arena, &events, &count, err));
    for (size_t i = 0; i < count; i++) lh_json_append(fields, lh_json_new_string(arena, events[i].field));
    if (count) LH_TRY(lh_journal_append(journal, events, count, &receipt, err));
    return journal_answer(request, count, &receipt, fields, err);
}

lh_code api_journal_flush(lh_request *request, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_journal *journal = NULL;
    lh_json *answer = lh_json_new_object(arena);
    uint64_t records = 0;
    lh_str given;
    lh_json *body = NULL;
    LH_TRY(lh_request_body(request, &given, err));
    if (given.len) LH_TRY(lh_request_json(request, &body, err));
    if (given.len) LH_TRY(lh_body_check_object(body, err));
    LH_TRY(journal_of(request, &journal, err));
    LH_TRY(lh_journal_flush(journal, &records, err));
    lh_json_set_uint(arena, answer, "flushed", records);
    return lh_respond_json(request, 200, answer, err);
}

/* ---- reading ---- */

static lh_code journal_read(lh_request *request, lh_journal_query query, lh_error *err) {
    lh_journal *journal = NULL;
    lh_json *answer = NULL;
    LH_TRY(journal_of(request, &journal, err));
    LH_TRY(lh_request_page(request, JOURNAL_PAGE, &query.page, err));
    query.cancel = lh_request_cancel(request);
    LH_TRY(lh_journal_read(journal, &query, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_journal_history(lh_request *request, lh_error *err) {
    return journal_read(request, (lh_journal_query){.entity_id = lh_request_param(request, "entity_id")}, err);
}

lh_code api_journal_recent(lh_request *request, lh_error *err) {
    return journal_read(request, (lh_journal_query){.newest_first = true}, err);
}

lh_code api_journal_stats(lh_request *request, lh_error *err) {
    lh_journal *journal = NULL;
    lh_json *answer = NULL;
    LH_TRY(journal_of(request, &journal, err));
    LH_TRY(lh_journal_stats(journal, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

lh_code api_journal_verify(lh_request *request, lh_error *err) {
    lh_journal *journal = NULL;
    lh_json *answer = NULL;
    LH_TRY(journal_of(request, &journal, err));
    LH_TRY(lh_journal_verify(journal, lh_request_cancel(request), lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}

static lh_code audit_time(const lh_request *request, const char *name, int64_t *ret, lh_error *err) {
    lh_str text = lh_request_query(request, name);
    if (text.len && lh_time_parse_rfc3339(text, ret) != LH_OK)
        return lh_fail(err, LH_INVALID, "'%s' is a time as 2026-01-31T12:00:00Z", name);
    return LH_OK;
}

lh_code api_access_audit(lh_request *request, lh_error *err) {
    lh_journal *journal = NULL;
    lh_json *answer = NULL;
    lh_audit_query query = {.principal = lh_request_query(request, "principal"),
                            .dataset = lh_request_query(request, "dataset"),
                            .outcome = lh_request_query(request, "outcome"),
                            .cancel = lh_request_cancel(request)};
    LH_TRY(journal_of(request, &journal, err));
    LH_TRY(lh_request_page(request, JOURNAL_PAGE, &query.page, err));
    LH_TRY(audit_time(request, "since", &query.since_ms, err));
    LH_TRY(audit_time(request, "until", &query.until_ms, err));
    LH_TRY(lh_audit_read(journal, &query, lh_request_arena(request), &answer, err));
    return lh_respond_json(request, 200, answer, err);
}
