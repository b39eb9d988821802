/* Events of the journal: what one may hold, and two documents compared. */
#include "journal/journal_internal.h"

enum { EVENT_NAME_BYTES = 1024, EVENT_REASON_BYTES = 4096, EVENT_VALUE_BYTES = 64 << 10, EVENT_PATH_DEPTH = 64 };

static lh_code event_check_text(lh_str text, const char *name, size_t most, lh_error *err) {
    if (text.len > most) return lh_fail(err, LH_LIMIT, "'%s' is longer than %zu bytes", name, most);
    if (!lh_str_is_utf8(text) || (text.len && memchr(text.ptr, '\0', text.len)))
        return lh_fail(err, LH_INVALID, "'%s' is not UTF-8 text without NUL", name);
    return LH_OK;
}

static lh_code event_check(const lh_journal_event *event, lh_error *err) {
    if (event->entity_type.len == 0) return lh_fail(err, LH_INVALID, "'entity_type' is missing");
    if (event->entity_id.len == 0) return lh_fail(err, LH_INVALID, "'entity_id' is missing");
    LH_TRY(event_check_text(event->entity_type, "entity_type", EVENT_NAME_BYTES, err));
    LH_TRY(event_check_text(event->entity_id, "entity_id", EVENT_NAME_BYTES, err));
    LH_TRY(event_check_text(event->field, "field", EVENT_NAME_BYTES, err));
    LH_TRY(event_check_text(event->old_value, "old_value", EVENT_VALUE_BYTES, err));
    LH_TRY(event_check_text(event->new_value, "new_value", EVENT_VALUE_BYTES, err));
    LH_TRY(event_check_text(event->action, "action", EVENT_NAME_BYTES, err));
    LH_TRY(event_check_text(event->actor, "actor", EVENT_NAME_BYTES, err));
    LH_TRY(event_check_text(event->source, "source", EVENT_NAME_BYTES, err));
    LH_TRY(event_check_text(event->workspace, "workspace", EVENT_NAME_BYTES, err));
    return event_check_text(event->reason, "reason", EVENT_REASON_BYTES, err);
}

static lh_str event_text(lh_str text) { return text.len ? text : LH_STR_NONE; }

lh_code lh_journal_append(lh_journal *journal, const lh_journal_event *events, size_t count, lh_journal_receipt *ret,
                          lh_error *err) {
    if (count == 0) return lh_fail(err, LH_INVALID, "there is no event");
    if (count > LH_JOURNAL_EVENTS_MAX)
        return lh_fail(err, LH_LIMIT, "more than %d events at once", LH_JOURNAL_EVENTS_MAX);
    LH_CLEANUP(lh_free_pointer) journal_values *values = calloc(count, sizeof *values);
    if (!values) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const lh_journal_event *event = &events[i];
        lh_error why = {0};
        lh_code code = event_check(event, &why);
        if (code != LH_OK && count > 1) return lh_fail(err, code, "event %zu: %s", i + 1, why.message);
        if (code != LH_OK) return lh_fail(err, code, "%s", why.message);
        values[i] = (journal_values){{event->entity_type, event->entity_id, event_text(event->field),
                                      event_text(event->old_value), event_text(event->new_value),
                                      event_text(event->action), event_text(event->actor), event_text(event->source),
                                      event_text(event->workspace), event_text(event->reason)}};
    }
    journal_writer *writer = journal->writers[JOURNAL_MUTATIONS];
    LH_TRY(journal_write(writer, values, count, ret, err));
    journal_poke(journal, writer);
    return LH_OK;
}

/* ---- two documents compared: objects are gone through, all else is compared as a whole ---- */

typedef struct diff_state {
    const lh_journal_event *common;
    lh_arena *arena;
    lh_journal_event *events;
    size_t count;
} diff_state;

/* "address" and "city" give "address.city"; a '.' or '\' within a name has a '\' before it. */
static lh_str diff_path(lh_str path, lh_str name, lh_arena *arena) {
    char *escaped = lh_arena_alloc(arena, 2 * name.len + 1);
    size_t len = 0;
    for (size_t i = 0; escaped && i < name.len; i++) {
        if (name.ptr[i] == '.' || name.ptr[i] == '\\') escaped[len++] = '\\';
        escaped[len++] = name.ptr[i];
    }
    return path.len ? lh_arena_printf(arena, "%.*s.%.*s", LH_STR_ARG(path), (int)len, escaped ? escaped : "")
                    : lh_arena_dup(arena, (lh_str){escaped, len});
}

static lh_code diff_add(diff_state *state, lh_str path, const lh_json *before, const lh_json *after, lh_error *err) {
    if (state->count == LH_JOURNAL_EVENTS_MAX)
        return lh_fail(err, LH_LIMIT, "more than %d fields differ", LH_JOURNAL_EVENTS_MAX);
    lh_journal_event *event = &state->events[state->count++];
    *event = *state->common;
    event->field = path;
    if (before) LH_TRY(lh_json_write(state->arena, before, false, &event->old_value, err));
    if (after) LH_TRY(lh_json_write(state->arena, after, false, &event->new_value, err));
    return LH_OK;
}

static lh_code diff_objects(diff_state *state, lh_str path, const lh_json *before, const lh_json *after, unsigned depth,
                            lh_error *err);

static lh_code diff_values(diff_state *state, lh_str path, const lh_json *before, const lh_json *after, unsigned depth,
                           lh_error *err) {
    if (before && after && lh_json_equal(before, after)) return LH_OK;
    bool inside = lh_json_is_object(before) && lh_json_is_object(after) && depth < EVENT_PATH_DEPTH;
    return inside ? diff_objects(state, path, before, after, depth + 1, err)
                  : diff_add(state, path, before, after, err);
}

static lh_code diff_objects(diff_state *state, lh_str path, const lh_json *before, const lh_json *after, unsigned depth,
                            lh_error *err) {
    for (lh_json_iter it = lh_json_each(before); lh_json_next(&it);)
        LH_TRY(diff_values(state, diff_path(path, it.name, state->arena), it.value, lh_json_get_str(after, it.name),
                           depth, err));
    for (lh_json_iter it = lh_json_each(after); lh_json_next(&it);)
        if (!lh_json_get_str(before, it.name))
            LH_TRY(diff_add(state, diff_path(path, it.name, state->arena), NULL, it.value, err));
    return LH_OK;
}

lh_code lh_journal_diff(const lh_journal_event *common, const lh_json *before, const lh_json *after, lh_arena *arena,
                        lh_journal_event **ret, size_t *ret_count, lh_error *err) {
    bool fits = (lh_json_is_object(before) || lh_json_is_null(before)) &&
                (lh_json_is_object(after) || lh_json_is_null(after)) &&
                (lh_json_is_object(before) || lh_json_is_object(after));
    if (!fits) return lh_fail(err, LH_INVALID, "'before' and 'after' must be objects; one of them may be null");
    diff_state state = {
        .common = common, .arena = arena, .events = LH_ARENA_ARRAY(arena, lh_journal_event, LH_JOURNAL_EVENTS_MAX)};
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(diff_objects(&state, LH_STR_NONE, before, after, 0, err));
    LH_TRY(lh_arena_check(arena, err));
    *ret = state.events;
    *ret_count = state.count;
    return LH_OK;
}
