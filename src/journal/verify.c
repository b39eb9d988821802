/* Is each record what it was, and none missing? Of each writer, by seq, what the table has and then what its file has: the hash
 * of a record is that of its bytes, its prev_hash the hash of the one before, its seq one more.
 *
 * When a record fits its own hash but the next does not name it, it is the one before that was changed: the next would need
 * another hash of its own. The last records of a writer are only missed by who knows the head: its file does, and whoever wrote
 * down what this prints. */
#include "journal/journal_internal.h"

typedef struct verify_state {
    const lh_journal_options *options;
    const journal_spec *spec;
    lh_session *session;
    lh_arena *arena; /* of the answer */
    lh_json *writers, *problems;
    uint64_t records, problem_count;
    lh_str writer;              /* the one that is walked */
    uint64_t first, count, seq; /* its records so far; seq: of the last */
    bool begun;
    lh_sha256_hex hash; /* of the last */
} verify_state;

/* The first that is said of a record stays. */
static bool verify_is_told(const verify_state *state, uint64_t seq) {
    for (lh_json_iter it = lh_json_each(state->problems); lh_json_next(&it);)
        if (lh_json_uint(lh_json_get(it.value, "seq"), 0) == seq &&
            lh_str_eq(lh_json_get_string(it.value, "writer"), state->writer))
            return true;
    return false;
}

static void verify_problem(verify_state *state, const char *kind, uint64_t seq, const char *message) {
    if (verify_is_told(state, seq)) return;
    state->problem_count++;
    if (lh_json_size(state->problems) >= JOURNAL_PROBLEMS_MAX) return;
    lh_json *item = lh_json_new_object(state->arena);
    lh_json_set_string(state->arena, item, "table", lh_arena_printf(state->arena, "system.%s", state->spec->name));
    lh_json_set_string(state->arena, item, "writer", state->writer);
    lh_json_set_uint(state->arena, item, "seq", seq);
    lh_json_set_string(state->arena, item, "problem", lh_str_from(kind));
    lh_json_set_string(state->arena, item, "message", lh_str_from(message));
    lh_json_append(state->problems, item);
}

static void verify_link(verify_state *state, const journal_row *row) {
    if (!state->begun && row->seq != 1) verify_problem(state, "dropped", 1, "the first records are missing");
    else if (state->begun && row->seq == state->seq)
        verify_problem(state, "added", row->seq, "two records have this seq");
    else if (state->begun && row->seq != state->seq + 1)
        verify_problem(state, "dropped", state->seq + 1, "the record is missing");
    else if (!lh_str_eq(row->prev_hash, lh_str_from(state->hash.text)))
        verify_problem(state, "changed", state->begun ? state->seq : row->seq,
                       state->begun ? "the next record names another hash" : "it names a record before the first");
}

/* computed: of the record's bytes; `stored`: what is said to be its hash. */
static void verify_record(verify_state *state, const journal_row *row, const lh_sha256_hex *computed, lh_str stored) {
    verify_link(state, row);
    if (!lh_str_eq(stored, lh_str_from(computed->text)))
        verify_problem(state, "changed", row->seq, "its hash is not that of its bytes");
    if (!state->begun) state->first = row->seq;
    state->begun = true;
    state->count++;
    state->records++;
    state->seq = row->seq;
    snprintf(state->hash.text, sizeof state->hash.text, "%.*s", LH_STR_ARG(stored));
}

/* ---- the table ---- */

static lh_code verify_rows(verify_state *state, const lh_json *rows, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf bytes = LH_BUF_INIT(64 << 20);
    for (lh_json_iter it = lh_json_each(rows); lh_json_next(&it);) {
        journal_found found;
        LH_TRY(journal_found_read(state->spec, it.value, arena, &found, err));
        lh_buf_clear(&bytes);
        journal_row_write(&found.row, state->spec->count, &bytes);
        LH_TRY(lh_buf_check(&bytes, err));
        const lh_sha256 hash = lh_sha256_of(lh_buf_str(&bytes));
        const lh_sha256_hex computed = lh_sha256_to_hex(&hash);
        verify_record(state, &found.row, &computed, found.hash);
    }
    return LH_OK;
}

/* One page of rows. Rows of one seq are never cut apart. */
static lh_code verify_page(verify_state *state, uint64_t from, uint64_t *ret_next, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    lh_json *answer = NULL;
    LH_TRY(lh_arena_new((size_t)1 << 30, &arena, err));
    lh_json *params = lh_json_new_array(arena);
    lh_json_append(params, lh_json_new_string(arena, state->writer));
    lh_json_append(params, lh_json_new_uint(arena, from));
    lh_json_append(params, lh_json_new_uint(arena, from + JOURNAL_VERIFY_ROWS));
    lh_buf_append(&sql, LH_STR("SELECT "));
    journal_select_list(state->spec, &sql);
    lh_buf_printf(&sql, " FROM lake.system.%s WHERE writer = $1 AND seq >= $2 AND seq < $3 ORDER BY seq",
                  state->spec->name);
    LH_TRY(lh_buf_check(&sql, err));
    LH_TRY(lh_session_run(state->session, lh_buf_str(&sql), params, arena, &answer, err));
    LH_TRY(verify_rows(state, lh_json_get(answer, "rows"), arena, err));
    *ret_next = from + JOURNAL_VERIFY_ROWS;
    return LH_OK;
}

/* The least seq from there on; 0: none. */
static lh_code verify_least(verify_state *state, uint64_t from, uint64_t *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *answer = NULL;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    lh_json *params = lh_json_new_array(arena);
    lh_json_append(params, lh_json_new_string(arena, state->writer));
    lh_json_append(params, lh_json_new_uint(arena, from));
    lh_str sql = lh_arena_printf(arena, "SELECT min(seq) FROM lake.system.%s WHERE writer = $1 AND seq >= $2",
                                 state->spec->name);
    LH_TRY(lh_session_run(state->session, sql, params, arena, &answer, err));
    *ret = lh_json_uint(lh_json_at(lh_json_at(lh_json_get(answer, "rows"), 0), 0), 0);
    return LH_OK;
}

static lh_code verify_in_table(verify_state *state, lh_error *err) {
    uint64_t from = 0;
    LH_TRY(verify_least(state, 1, &from, err));
    while (from) {
        uint64_t seen = state->count;
        LH_TRY(verify_page(state, from, &from, err));
        if (state->count - seen != JOURNAL_VERIFY_ROWS) LH_TRY(verify_least(state, from, &from, err));
    }
    return LH_OK;
}

/* ---- the file ---- */

static lh_code verify_in_file(verify_state *state, journal_writer *writer, const journal_wal *wal, lh_error *err) {
    if (wal->base.seq > state->seq)
        verify_problem(state, "dropped", state->seq + 1, "the last records of the table are missing");
    for (size_t i = 0; i < writer->problem_count; i++)
        verify_problem(state, writer->problems[i].kind, writer->problems[i].seq,
                       "in the write-ahead file, at the start");
    for (size_t i = 0; i < wal->problem_count; i++)
        verify_problem(state, wal->problems[i].kind, wal->problems[i].seq, "in the write-ahead file");
    for (size_t i = 0; i < wal->count; i++) {
        journal_row row;
        LH_TRY(journal_row_read(journal_record_str(wal->items[i]), state->spec, &row, err));
        if (row.seq <= state->seq) continue; /* it is in the table, and its file was not written anew yet */
        const lh_sha256_hex hash = lh_sha256_to_hex(&wal->items[i]->hash);
        verify_record(state, &row, &hash, lh_str_from(hash.text));
    }
    if (wal->durable_seq > state->seq)
        verify_problem(state, "dropped", state->seq + 1, "the last records of the write-ahead file are missing");
    return LH_OK;
}

/* ---- the walk ---- */

static lh_code verify_writer(verify_state *state, lh_str id, journal_writer *writer, bool table, lh_error *err) {
    LH_CLEANUP(journal_wal_done) journal_wal wal = {0};
    lh_json *item = lh_json_new_object(state->arena);
    state->writer = lh_arena_dup(state->arena, id);
    state->first = state->count = state->seq = 0;
    state->begun = false;
    state->hash = journal_genesis;
    if (table) LH_TRY(verify_in_table(state, err));
    if (writer) LH_TRY(journal_writer_inspect(writer, &wal, err));
    if (writer) LH_TRY(verify_in_file(state, writer, &wal, err));
    lh_json_set_string(state->arena, item, "table", lh_arena_printf(state->arena, "system.%s", state->spec->name));
    lh_json_set_string(state->arena, item, "writer", state->writer);
    lh_json_set_uint(state->arena, item, "records", state->count);
    lh_json_set_uint(state->arena, item, "first_seq", state->first);
    lh_json_set_uint(state->arena, item, "last_seq", state->seq);
    lh_json_set_string(state->arena, item, "head", lh_str_from(state->hash.text));
    if (state->begun) lh_json_append(state->writers, item);
    return LH_OK;
}

static journal_writer *verify_find(journal_writer *writers, lh_str id) {
    while (writers && !lh_str_eq(lh_uuid_str(&writers->base.writer), id)) writers = writers->next;
    return writers;
}

static lh_code verify_kind(verify_state *state, journal_writer *writers, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *answer = NULL;
    bool table = lh_table_exists(state->options->catalog, journal_table(state->spec));
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    lh_str sql = lh_arena_printf(arena, "SELECT DISTINCT coalesce(writer, '') FROM lake.system.%s ORDER BY 1",
                                 state->spec->name);
    if (table) LH_TRY(lh_session_run(state->session, sql, NULL, arena, &answer, err));
    const lh_json *rows = lh_json_get(answer, "rows");
    for (lh_json_iter it = lh_json_each(rows); lh_json_next(&it);) {
        lh_str id = lh_json_str(lh_json_at(it.value, 0), LH_STR(""));
        LH_TRY(verify_writer(state, id, verify_find(writers, id), true, err));
    }
    for (journal_writer *writer = writers; writer; writer = writer->next) {
        bool walked = false;
        for (lh_json_iter it = lh_json_each(rows); lh_json_next(&it);)
            walked = walked ||
                     lh_str_eq(lh_json_str(lh_json_at(it.value, 0), LH_STR("")), lh_uuid_str(&writer->base.writer));
        if (!walked) LH_TRY(verify_writer(state, lh_uuid_str(&writer->base.writer), writer, false, err));
    }
    return LH_OK;
}

static lh_code verify_both(lh_journal *journal, verify_state *state, lh_error *err) {
    static const journal_spec *const specs[JOURNAL_KINDS] = {&journal_mutations, &journal_audit};
    for (size_t kind = 0; kind < JOURNAL_KINDS; kind++) {
        state->spec = specs[kind];
        LH_TRY(verify_kind(state, journal->writers[kind], err));
    }
    return LH_OK;
}

lh_code lh_journal_verify(lh_journal *journal, lh_cancel *cancel, lh_arena *arena, lh_json **ret, lh_error *err) {
    verify_state state = {.options = &journal->options,
                          .arena = arena,
                          .writers = lh_json_new_array(arena),
                          .problems = lh_json_new_array(arena)};
    if (!journal->options.engine) return lh_fail(err, LH_UNAVAILABLE, "the engine is not there");
    LH_TRY(lh_metastore_refresh(lh_catalog_metastore(journal->options.catalog), err)); /* of other servers */
    LH_TRY(lh_session_open(journal->options.engine, cancel, &state.session, err));
    pthread_mutex_lock(&journal->flush_lock); /* a record is in the table or in the file, and stays there */
    lh_code code = verify_both(journal, &state, err);
    pthread_mutex_unlock(&journal->flush_lock);
    lh_session_close(state.session);
    if (code != LH_OK) return code;
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_bool(arena, answer, "ok", state.problem_count == 0);
    lh_json_set_uint(arena, answer, "records", state.records);
    lh_json_set(arena, answer, "writers", state.writers);
    lh_json_set(arena, answer, "problems", state.problems);
    lh_json_set_uint(arena, answer, "problem_count", state.problem_count);
    *ret = answer;
    return lh_arena_check(arena, err);
}
