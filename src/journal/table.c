/* The tables system.journal and system.query_audit: made on the first flush, appended to in one commit a flush.
 *
 * A flush that failed, or the first after a start, does not know whether its rows landed. A commit holds a run of one writer's
 * records or nothing of it, so the greatest seq of the writer that the table has tells. */
#include "journal/journal_internal.h"

#include <errno.h>
#include <unistd.h>

#define TABLE_NAMESPACE "system"

const journal_spec journal_mutations = {"journal",
                                        {{"entity_type", false},
                                         {"entity_id", false},
                                         {"field", false},
                                         {"old_value", false},
                                         {"new_value", false},
                                         {"action", false},
                                         {"actor", false},
                                         {"source", false},
                                         {"workspace", false},
                                         {"reason", false}},
                                        10};
const journal_spec journal_audit = {"query_audit",
                                    {{"trace_id", false},
                                     {"principal", false},
                                     {"remote", false},
                                     {"door", false},
                                     {"statement", false},
                                     {"datasets", false},
                                     {"columns", false},
                                     {"policy", false},
                                     {"rows", true},
                                     {"bytes", true},
                                     {"elapsed_ms", true},
                                     {"outcome", false},
                                     {"snapshot_ids", false}},
                                    13};

lh_table_name journal_table(const journal_spec *spec) {
    return (lh_table_name){LH_STR(TABLE_NAMESPACE), lh_str_from(spec->name)};
}

/* ---- making it ---- */

static void table_add_field(lh_json *fields, const char *name, const char *type, lh_arena *arena) {
    lh_json *field = lh_json_new_object(arena);
    lh_json_set_uint(arena, field, "id", lh_json_size(fields) + 1);
    lh_json_set_string(arena, field, "name", lh_str_from(name));
    lh_json_set_string(arena, field, "type", lh_str_from(type));
    lh_json_set_bool(arena, field, "required", false);
    lh_json_append(fields, field);
}

static lh_json *table_request(const journal_spec *spec, lh_arena *arena) {
    lh_json *request = lh_json_new_object(arena), *schema = lh_json_new_object(arena),
            *fields = lh_json_new_array(arena);
    table_add_field(fields, "writer", "string", arena);
    table_add_field(fields, "seq", "long", arena);
    table_add_field(fields, "prev_hash", "string", arena);
    table_add_field(fields, "time", "timestamptz", arena);
    for (size_t i = 0; i < spec->count; i++)
        table_add_field(fields, spec->fields[i].name, spec->fields[i].number ? "long" : "string", arena);
    table_add_field(fields, "hash", "string", arena);
    lh_json_set_string(arena, schema, "type", LH_STR("struct"));
    lh_json_set(arena, schema, "fields", fields);
    lh_json_set_string(arena, request, "name", lh_str_from(spec->name));
    lh_json_set(arena, request, "schema", schema);
    return request;
}

/* Somebody else may make it at the same time. */
static lh_code table_make(lh_catalog *catalog, const journal_spec *spec, lh_arena *arena, lh_error *err) {
    lh_json *request = lh_json_new_object(arena), *levels = lh_json_new_array(arena), *ignored = NULL;
    if (lh_table_exists(catalog, journal_table(spec))) return LH_OK;
    lh_json_append(levels, lh_json_new_string(arena, LH_STR(TABLE_NAMESPACE)));
    lh_json_set(arena, request, "namespace", levels);
    lh_code code = lh_namespace_create(catalog, request, arena, &ignored, err);
    if (code != LH_OK && code != LH_CONFLICT) return code;
    code = lh_table_create(catalog, LH_STR(TABLE_NAMESPACE), table_request(spec, arena), arena, &ignored, err);
    return code == LH_CONFLICT ? LH_OK : code;
}

/* ---- appending ---- */

static void table_line(const journal_spec *spec, const journal_row *row, const lh_sha256 *hash, lh_buf *into) {
    lh_buf_append(into, LH_STR("{\"writer\":"));
    lh_buf_json_string(into, row->writer);
    lh_buf_printf(into, ",\"seq\":%" PRIu64 ",\"prev_hash\":", row->seq);
    lh_buf_json_string(into, row->prev_hash);
    lh_buf_printf(into, ",\"time\":\"%s\",\"hash\":\"%s\"", lh_time_rfc3339(row->time_ms).text,
                  lh_sha256_to_hex(hash).text);
    for (size_t i = 0; i < spec->count; i++) {
        if (!row->values.items[i].ptr) continue;
        lh_buf_append(into, LH_STR(",\""));
        lh_buf_append(into, lh_str_from(spec->fields[i].name));
        lh_buf_append(into, LH_STR("\":"));
        if (spec->fields[i].number) lh_buf_append(into, row->values.items[i]);
        else lh_buf_json_string(into, row->values.items[i]);
    }
    lh_buf_append(into, LH_STR("}\n"));
}

/* The records as lines of JSON, for the engine to read. */
static lh_code table_spill(const char *path, const journal_spec *spec, journal_record *const *records, size_t count,
                           lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(JOURNAL_FILE_BYTES);
    for (size_t i = 0; i < count; i++) {
        journal_row row;
        LH_TRY(journal_row_read(journal_record_str(records[i]), spec, &row, err));
        table_line(spec, &row, &records[i]->hash, &text);
    }
    LH_TRY(lh_buf_check(&text, err));
    FILE *file = fopen(path, "we");
    if (!file) return lh_fail_errno(err, errno, "cannot make a scratch file for the journal");
    bool wrote = fwrite(text.ptr, 1, text.len, file) == text.len;
    int failed = errno;
    if (fclose(file) != 0) wrote = false, failed = errno;
    return wrote ? LH_OK : lh_fail_errno(err, failed, "cannot write a scratch file for the journal");
}

static void table_names(const journal_spec *spec, lh_buf *into) {
    lh_buf_append(into, LH_STR("writer, seq, prev_hash, \"time\", "));
    for (size_t i = 0; i < spec->count; i++) {
        lh_buf_sql_identifier(into, lh_str_from(spec->fields[i].name));
        lh_buf_append(into, LH_STR(", "));
    }
    lh_buf_append(into, LH_STR("hash"));
}

static void table_insert(const journal_spec *spec, const char *path, lh_buf *into) {
    lh_buf_printf(into, "INSERT INTO lake." TABLE_NAMESPACE ".%s (", spec->name);
    table_names(spec, into);
    lh_buf_append(into, LH_STR(") SELECT "));
    table_names(spec, into);
    lh_buf_append(into, LH_STR(" FROM read_json("));
    lh_buf_sql_string(into, lh_str_from(path));
    lh_buf_append(into, LH_STR(", format = 'newline_delimited', maximum_object_size = 16777216, columns = {writer: "
                               "'VARCHAR', seq: 'BIGINT', prev_hash: 'VARCHAR', time: 'TIMESTAMPTZ', "));
    for (size_t i = 0; i < spec->count; i++)
        lh_buf_printf(into, "%s: '%s', ", spec->fields[i].name, spec->fields[i].number ? "BIGINT" : "VARCHAR");
    lh_buf_append(into, LH_STR("hash: 'VARCHAR'})"));
}

/* How many of the first records the table has. */
static lh_code table_landed(lh_session *session, const journal_spec *spec, lh_str writer,
                            journal_record *const *records, size_t count, lh_arena *arena, size_t *ret, lh_error *err) {
    lh_json *params = lh_json_new_array(arena), *answer = NULL;
    lh_json_append(params, lh_json_new_string(arena, writer));
    lh_json_append(params, lh_json_new_uint(arena, records[0]->seq));
    lh_json_append(params, lh_json_new_uint(arena, records[count - 1]->seq));
    lh_str sql = lh_arena_printf(
        arena, "SELECT max(seq) FROM lake." TABLE_NAMESPACE ".%s WHERE writer = $1 AND seq BETWEEN $2 AND $3",
        spec->name);
    LH_TRY(lh_session_run(session, sql, params, arena, &answer, err));
    uint64_t most = lh_json_uint(lh_json_at(lh_json_at(lh_json_get(answer, "rows"), 0), 0), 0);
    size_t landed = 0;
    while (landed < count && records[landed]->seq <= most) landed++;
    *ret = landed;
    return LH_OK;
}

static lh_code table_append_locked(const lh_journal_options *options, const journal_spec *spec, lh_str writer,
                                   journal_record *const *records, size_t count, bool unsure, lh_arena *arena,
                                   lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    const lh_uuid id = lh_uuid_new();
    size_t landed = 0;
    char path[JOURNAL_PATH_BYTES];
    snprintf(path, sizeof path, "%.*s/journal-%s.json", LH_STR_ARG(options->scratch_dir), id.text);
    LH_TRY(table_make(options->catalog, spec, arena, err));
    LH_TRY(lh_session_open(options->engine, NULL, &session, err));
    if (unsure) LH_TRY(table_landed(session, spec, writer, records, count, arena, &landed, err));
    if (landed == count) return LH_OK;
    lh_code code = table_spill(path, spec, records + landed, count - landed, err);
    table_insert(spec, path, &sql);
    if (code == LH_OK) code = lh_buf_check(&sql, err);
    if (code == LH_OK) code = lh_session_run(session, lh_buf_str(&sql), NULL, arena, NULL, err);
    unlink(path);
    return code;
}

lh_code journal_table_append(const lh_journal_options *options, const journal_spec *spec, lh_str writer,
                             journal_record *const *records, size_t count, bool unsure, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(64 << 20, &arena, err));
    LH_TRY(lh_engine_lock_table(options->engine, journal_table(spec), NULL, err));
    lh_code code = table_append_locked(options, spec, writer, records, count, unsure, arena, err);
    lh_engine_unlock_table(options->engine, journal_table(spec));
    return code;
}

/* ---- reading ---- */

void journal_select_list(const journal_spec *spec, lh_buf *into) {
    lh_buf_append(into, LH_STR("writer, seq, prev_hash, epoch_ms(\"time\") AS time_ms, "));
    for (size_t i = 0; i < spec->count; i++) {
        lh_buf_sql_identifier(into, lh_str_from(spec->fields[i].name));
        lh_buf_append(into, LH_STR(", "));
    }
    lh_buf_append(into, LH_STR("hash"));
}

/* NULL stays NULL: an empty text has a pointer. */
static lh_str table_text(const lh_json *value, lh_arena *arena) {
    if (lh_json_is_null(value)) return LH_STR_NONE;
    if (lh_json_is_int(value)) return lh_arena_printf(arena, "%" PRId64, lh_json_int(value, 0));
    lh_str text = lh_json_str(value, LH_STR(""));
    return text.ptr ? text : LH_STR("");
}

lh_code journal_found_read(const journal_spec *spec, const lh_json *row, lh_arena *arena, journal_found *ret,
                           lh_error *err) {
    journal_found found = {0};
    size_t last = spec->count + 4;
    for (lh_json_iter it = lh_json_each(row); lh_json_next(&it);) {
        size_t i = it.index;
        if (i == 1) found.row.seq = lh_json_uint(it.value, 0);
        else if (i == 3) found.row.time_ms = lh_json_int(it.value, 0);
        else {
            lh_str text = table_text(it.value, arena);
            if (i == 0) found.row.writer = text;
            else if (i == 2) found.row.prev_hash = text;
            else if (i < last) found.row.values.items[i - 4] = text;
            else found.hash = text;
        }
    }
    if (lh_json_size(row) != last + 1)
        return lh_fail(err, LH_CORRUPT, "the table " TABLE_NAMESPACE ".%s has other columns than the journal's",
                       spec->name);
    *ret = found;
    return lh_arena_check(arena, err);
}
