/* Buffer and table as one. The buffer is looked at first: what goes to the table meanwhile is left out there, because of each
 * writer of ours the table gives only what is before the first record that the buffer had. A page goes on after
 * (time, writer, seq), which is also the order. */
#include "journal/journal_internal.h"

typedef struct find_key {
    int64_t time_ms;
    lh_str writer;
    uint64_t seq;
} find_key;
typedef struct find_state {
    const journal_search *search;
    lh_arena *arena;
    bool after; /* the page goes on behind */
    find_key key;
    lh_json *params; /* of the statement */
    lh_buf sql;
    journal_found *items; /* of the buffer, in order */
    size_t count, room;
} find_state;

/* ---- page tokens: "<time>.<seq>.<writer>" ---- */

static lh_code find_token(lh_str token, find_key *ret, lh_error *err) {
    find_key key = {0};
    lh_str rest = token, time = lh_str_split(&rest, '.'), seq = lh_str_split(&rest, '.');
    key.writer = rest;
    if (lh_str_to_i64(time, &key.time_ms) != LH_OK || lh_str_to_u64(seq, &key.seq) != LH_OK || rest.len > 64 ||
        !lh_str_is_utf8(rest))
        return lh_fail(err, LH_INVALID, "page_token is not one of a page before");
    *ret = key;
    return LH_OK;
}

static int find_compare(find_key a, find_key b) {
    if (a.time_ms != b.time_ms) return a.time_ms < b.time_ms ? -1 : 1;
    int by_writer = lh_str_cmp(a.writer, b.writer);
    if (by_writer) return by_writer;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}
static find_key find_key_of(const journal_row *row) { return (find_key){row->time_ms, row->writer, row->seq}; }

/* ---- the buffer ---- */

static bool find_contains(lh_str text, lh_str name) {
    LH_CLEANUP(lh_buf_done) lh_buf quoted = LH_BUF_INIT(64 << 10);
    lh_buf_json_string(&quoted, name);
    return lh_str_search(text, lh_buf_str(&quoted)) != SIZE_MAX;
}

static bool find_matches(const find_state *state, const journal_row *row) {
    const journal_search *search = state->search;
    if (row->time_ms < search->since_ms || (search->until_ms && row->time_ms >= search->until_ms)) return false;
    for (size_t i = 0; i < search->filter_count; i++) {
        const journal_filter *filter = &search->filters[i];
        lh_str value = row->values.items[filter->field];
        if (filter->contains ? !find_contains(value, filter->value) : !lh_str_eq(value, filter->value)) return false;
    }
    if (!state->after) return true;
    int order = find_compare(find_key_of(row), state->key);
    return search->newest_first ? order < 0 : order > 0;
}

static void find_keep(find_state *state, const journal_record *record) {
    const journal_spec *spec = state->search->spec;
    journal_row row;
    if (journal_row_read(journal_record_str(record), spec, &row, NULL) != LH_OK || !find_matches(state, &row)) return;
    if (state->count == state->room) {
        size_t wanted = state->room ? 2 * state->room : 64;
        journal_found *items = LH_ARENA_ARRAY(state->arena, journal_found, wanted);
        if (!items) return;
        if (state->count) memcpy(items, state->items, state->count * sizeof *items);
        state->items = items;
        state->room = wanted;
    }
    lh_str bytes = lh_arena_dup(state->arena, journal_record_str(record));
    journal_found *found = &state->items[state->count];
    if (lh_arena_check(state->arena, NULL) != LH_OK || journal_row_read(bytes, spec, &found->row, NULL) != LH_OK)
        return;
    found->hash = lh_arena_dup(state->arena, lh_str_from(lh_sha256_to_hex(&record->hash).text));
    state->count++;
}

static void find_param(find_state *state, lh_json *value) {
    lh_json_append(state->params, value);
    lh_buf_printf(&state->sql, "$%zu", lh_json_size(state->params));
}
static void find_text(find_state *state, lh_str text) { find_param(state, lh_json_new_string(state->arena, text)); }
static void find_number(find_state *state, int64_t number) { find_param(state, lh_json_new_int(state->arena, number)); }

/* A chain's times never go back, so from the newest on it can end with the page; the rest is left to the sort. */
static void find_in_writer(find_state *state, journal_writer *writer) {
    size_t before = state->count;
    pthread_mutex_lock(&writer->lock);
    size_t count = writer->count;
    while (count && writer->items[count - 1]->seq > writer->durable_seq) count--;
    for (size_t i = 0; i < count && state->count - before <= state->search->page.limit; i++)
        find_keep(state, writer->items[state->search->newest_first ? count - 1 - i : i]);
    if (count) {
        lh_buf_append(&state->sql, LH_STR(" AND NOT (writer = "));
        find_text(state, lh_uuid_str(&writer->base.writer));
        lh_buf_append(&state->sql, LH_STR(" AND seq >= "));
        find_number(state, (int64_t)writer->items[0]->seq);
        lh_buf_char(&state->sql, ')');
    }
    pthread_mutex_unlock(&writer->lock);
}

/* ---- the table ---- */

static void find_where(find_state *state) {
    const journal_search *search = state->search;
    if (search->since_ms) {
        lh_buf_append(&state->sql, LH_STR(" AND \"time\" >= CAST("));
        find_text(state, lh_str_from(lh_time_rfc3339(search->since_ms).text));
        lh_buf_append(&state->sql, LH_STR(" AS TIMESTAMPTZ)"));
    }
    if (search->until_ms) {
        lh_buf_append(&state->sql, LH_STR(" AND \"time\" < CAST("));
        find_text(state, lh_str_from(lh_time_rfc3339(search->until_ms).text));
        lh_buf_append(&state->sql, LH_STR(" AS TIMESTAMPTZ)"));
    }
    for (size_t i = 0; i < search->filter_count; i++) {
        const journal_filter *filter = &search->filters[i];
        LH_CLEANUP(lh_buf_done) lh_buf quoted = LH_BUF_INIT(64 << 10);
        lh_buf_json_string(&quoted, filter->value);
        lh_buf_append(&state->sql, filter->contains ? LH_STR(" AND contains(") : LH_STR(" AND "));
        lh_buf_sql_identifier(&state->sql, lh_str_from(search->spec->fields[filter->field].name));
        lh_buf_append(&state->sql, filter->contains ? LH_STR(", ") : LH_STR(" = "));
        find_text(state, filter->contains ? lh_buf_str(&quoted) : filter->value);
        if (filter->contains) lh_buf_char(&state->sql, ')');
    }
    if (!state->after) return;
    lh_buf_printf(&state->sql, " AND (epoch_ms(\"time\"), writer, seq) %s (", search->newest_first ? "<" : ">");
    find_number(state, state->key.time_ms);
    lh_buf_append(&state->sql, LH_STR(", "));
    find_text(state, state->key.writer);
    lh_buf_append(&state->sql, LH_STR(", "));
    find_number(state, (int64_t)state->key.seq);
    lh_buf_char(&state->sql, ')');
}

static lh_code find_in_table(const lh_journal_options *options, find_state *state, lh_json **ret, lh_error *err) {
    const journal_search *search = state->search;
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(256 << 10);
    const char *way = search->newest_first ? " DESC" : "";
    lh_json *answer = NULL;
    LH_TRY(lh_metastore_refresh(lh_catalog_metastore(options->catalog), err)); /* of other servers */
    if (!options->engine || !lh_table_exists(options->catalog, journal_table(search->spec))) return LH_OK;
    find_where(state);
    LH_TRY(lh_buf_check(&state->sql, err));
    lh_buf_append(&sql, LH_STR("SELECT "));
    journal_select_list(search->spec, &sql);
    lh_buf_printf(&sql, " FROM lake.system.%s WHERE true%.*s ORDER BY \"time\"%s, writer%s, seq%s LIMIT %zu",
                  search->spec->name, LH_STR_ARG(lh_buf_str(&state->sql)), way, way, way, search->page.limit + 1);
    LH_TRY(lh_buf_check(&sql, err));
    LH_TRY(lh_session_open(options->engine, search->cancel, &session, err));
    LH_TRY(lh_session_run(session, lh_buf_str(&sql), state->params, state->arena, &answer, err));
    *ret = lh_json_get(answer, "rows");
    return LH_OK;
}

static lh_code find_merge(find_state *state, const lh_json *rows, journal_found_page *ret, lh_error *err) {
    const journal_search *search = state->search;
    size_t limit = search->page.limit, i = 0;
    journal_found_page page = {.items = LH_ARENA_ARRAY(state->arena, journal_found, limit + 1)};
    journal_found row = {0};
    lh_json_iter it = lh_json_each(rows);
    bool there = lh_json_next(&it);
    if (there) LH_TRY(journal_found_read(search->spec, it.value, state->arena, &row, err));
    LH_TRY(lh_arena_check(state->arena, err));
    while (page.count <= limit && (there || i < state->count)) {
        int order = !there              ? -1
                    : i == state->count ? 1
                                        : find_compare(find_key_of(&state->items[i].row), find_key_of(&row.row)) *
                                              (search->newest_first ? -1 : 1);
        if (order <= 0) {
            page.items[page.count++] = state->items[i++];
            continue;
        }
        page.items[page.count++] = row;
        there = lh_json_next(&it);
        if (there) LH_TRY(journal_found_read(search->spec, it.value, state->arena, &row, err));
    }
    if (page.count > limit) {
        const journal_row *last = &page.items[--page.count - 1].row;
        page.next = lh_arena_printf(state->arena, "%" PRId64 ".%" PRIu64 ".%.*s", last->time_ms, last->seq,
                                    LH_STR_ARG(last->writer));
    }
    *ret = page;
    return lh_arena_check(state->arena, err);
}

static int find_by_key(const void *a, const void *b) {
    return find_compare(find_key_of(&((const journal_found *)a)->row), find_key_of(&((const journal_found *)b)->row));
}
static int find_by_key_down(const void *a, const void *b) { return find_by_key(b, a); }

lh_code journal_find(const lh_journal_options *options, const journal_search *search, lh_arena *arena,
                     journal_found_page *ret, lh_error *err) {
    find_state state = {.search = search, .arena = arena, .params = lh_json_new_array(arena)};
    lh_json *rows = NULL;
    if (search->page.token.len) LH_TRY(find_token(search->page.token, &state.key, err));
    state.after = search->page.token.len > 0;
    state.sql = LH_BUF_INIT(128 << 10);
    for (journal_writer *writer = search->writers; writer; writer = writer->next) find_in_writer(&state, writer);
    if (state.count)
        qsort(state.items, state.count, sizeof *state.items, search->newest_first ? find_by_key_down : find_by_key);
    lh_code code = lh_arena_check(arena, err);
    if (code == LH_OK) code = find_in_table(options, &state, &rows, err);
    lh_buf_done(&state.sql);
    return code == LH_OK ? find_merge(&state, rows, ret, err) : code;
}

/* ---- as JSON ---- */

static bool item_is_json(const char *name, const char *const *json) {
    for (; json && *json; json++)
        if (strcmp(*json, name) == 0) return true;
    return false;
}

static lh_json *item_value(const journal_field *field, lh_str text, const char *const *json, lh_arena *arena) {
    lh_json *value = NULL;
    int64_t number = 0;
    if (!text.ptr) return lh_json_new_null(arena);
    if (field->number && lh_str_to_i64(text, &number) == LH_OK) return lh_json_new_int(arena, number);
    if (item_is_json(field->name, json) && lh_json_parse_exact(arena, text, &value, NULL) == LH_OK) return value;
    return lh_json_new_string(arena, text);
}

lh_json *journal_item(const journal_spec *spec, const journal_found *found, const char *const *json, lh_arena *arena) {
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "time", lh_str_from(lh_time_rfc3339(found->row.time_ms).text));
    for (size_t i = 0; i < spec->count; i++)
        lh_json_set(arena, item, spec->fields[i].name,
                    item_value(&spec->fields[i], found->row.values.items[i], json, arena));
    lh_json_set_string(arena, item, "writer", found->row.writer);
    lh_json_set_uint(arena, item, "seq", found->row.seq);
    lh_json_set_string(arena, item, "prev_hash", found->row.prev_hash);
    lh_json_set_string(arena, item, "hash", found->hash);
    return item;
}

lh_json *journal_page(const journal_found_page *page, const journal_spec *spec, const char *const *json,
                      lh_arena *arena) {
    lh_json *items = lh_json_new_array(arena);
    for (size_t i = 0; i < page->count; i++) lh_json_append(items, journal_item(spec, &page->items[i], json, arena));
    return lh_json_page(arena, items, page->next);
}
