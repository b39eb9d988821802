/* Compaction: plan over the manifests, let the engine write the rows of the chosen files anew, one commit (docs/adr/0016).
 *
 *   lh_table_rewrite_plan → for each partition: source, COPY, count → lh_table_rewrite_commit
 *
 * Writers go on, and the commit is laid on what they did; only for its few milliseconds the table's write lock is held, because
 * the engine, whose statement began before a commit and ends after it, deletes rows of files that are gone. When rows of the chosen files were changed
 * meanwhile all is thrown away and planned anew, three times at most. New files lie in data/compact-<id>-<partition>/, so that
 * they can be found and removed; a crash leaves them to the removal of orphans. */
#include "maintain/maintain_internal.h"

enum { COMPACT_TRIES = 3, COMPACT_ARENA_BYTES = 1 << 30, COMPACT_FILES_MAX = 100000 };

typedef struct compaction {
    lh_maintain *maintain;
    const lh_compact_request *request;
    maintain_job *job;
    lh_arena *arena; /* of one try */
    lh_session *session;
    lh_rewrite_plan plan;
    lh_uuid id;
    lh_buf order; /* " ORDER BY …" or empty */
    bool sorted;
    lh_rewrite_file *files;
    size_t count, room;
    uint64_t rows, bytes;
    lh_rewritten done;
} compaction;

/* ---- the columns' ids in the Parquet files ---- */

static void compact_field_ids(const lh_json *type, lh_buf *into);

static void compact_field_id(const lh_json *type, int64_t id, lh_buf *into) {
    if (lh_json_is_string(type)) {
        lh_buf_printf(into, "%" PRId64, id);
        return;
    }
    lh_buf_printf(into, "{__duckdb_field_id: %" PRId64, id);
    compact_field_ids(type, into);
    lh_buf_char(into, '}');
}

static void compact_child(const lh_json *type, const char *name, const char *member, const char *id, lh_buf *into) {
    lh_buf_printf(into, ", %s: ", name);
    compact_field_id(lh_json_get(type, member), lh_json_int(lh_json_get(type, id), 0), into);
}

static void compact_field_ids(const lh_json *type, lh_buf *into) {
    lh_str kind = lh_json_get_string(type, "type");
    if (lh_str_eq(kind, LH_STR("list"))) compact_child(type, "element", "element", "element-id", into);
    if (lh_str_eq(kind, LH_STR("map"))) {
        compact_child(type, "key", "key", "key-id", into);
        compact_child(type, "value", "value", "value-id", into);
    }
    for (lh_json_iter it = lh_json_each(lh_json_get(type, "fields")); lh_json_next(&it);) {
        lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_identifier(into, lh_json_get_string(it.value, "name"));
        lh_buf_append(into, LH_STR(": "));
        compact_field_id(lh_json_get(it.value, "type"), lh_json_int(lh_json_get(it.value, "id"), 0), into);
    }
}

/* ---- one partition ---- */

static const char *compact_codec(const lh_json *properties) {
    static const char *const known[] = {"zstd", "snappy", "gzip", "uncompressed", "lz4"};
    lh_str asked = lh_json_get_string(properties, "write.parquet.compression-codec");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (lh_str_eq_nocase(asked, lh_str_from(known[i]))) return known[i];
    return known[0];
}

/* Is a bloom filter wanted of any column? DuckDB writes them of all columns that it encodes by a dictionary, or of none. */
static bool compact_has_bloom(const lh_json *properties) {
    for (lh_json_iter it = lh_json_each(properties); lh_json_next(&it);)
        if (lh_str_starts(it.name, LH_STR("write.parquet.bloom-filter-enabled.column.")) &&
            lh_str_eq_nocase(lh_json_str(it.value, LH_STR_NONE), LH_STR("true")))
            return true;
    return false;
}

static lh_code compact_folder(compaction *c, size_t group, lh_str *ret, lh_error *err) {
    lh_str key;
    LH_TRY(lh_bucket_key_of(c->maintain->bucket, lh_rewrite_location(&c->plan), c->arena, &key, err));
    key = lh_arena_printf(c->arena, "%.*s/data/compact-%s-%zu", LH_STR_ARG(key), c->id.text, group);
    LH_TRY(lh_arena_check(c->arena, err));
    LH_TRY(lh_bucket_make_folder(c->maintain->bucket, key, err));
    *ret = lh_bucket_location(c->maintain->bucket, key, c->arena);
    return lh_arena_check(c->arena, err);
}

static lh_code compact_run(compaction *c, const lh_buf *sql, lh_json **ret, lh_error *err) {
    lh_error why = {0};
    LH_TRY(lh_buf_check(sql, err));
    lh_code code = lh_session_run(c->session, lh_buf_str(sql), NULL, c->arena, ret, &why);
    if (code == LH_INVALID || code == LH_NOT_FOUND) /* not the caller's fault, who sent no SQL */
        return lh_fail(err, LH_INTERNAL, "the table's files cannot be rewritten: %s", why.message);
    if (code != LH_OK && err) *err = why;
    return code;
}

/* COPY (<select>) TO <path>; by size: into several files of a folder. */
static lh_code compact_copy(compaction *c, lh_str select, lh_str path, bool by_size, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    LH_CLEANUP(lh_buf_done) lh_buf ids = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    compact_field_ids(c->plan.schema, &ids);
    LH_TRY(lh_buf_check(&ids, err));
    lh_buf_append(&sql, LH_STR("COPY ("));
    lh_buf_append(&sql, select);
    lh_buf_append(&sql, LH_STR(") TO "));
    lh_buf_sql_string(&sql, path);
    lh_buf_printf(&sql, " (FORMAT parquet, RETURN_STATS true, COMPRESSION '%s', ", compact_codec(c->plan.properties));
    if (compact_has_bloom(c->plan.properties)) lh_buf_append(&sql, LH_STR("DICTIONARY_SIZE_LIMIT 1000000, "));
    else lh_buf_append(&sql, LH_STR("WRITE_BLOOM_FILTER false, "));
    if (by_size)
        lh_buf_printf(&sql, "OVERWRITE_OR_IGNORE true, FILENAME_PATTERN 'c-{uuidv7}', FILE_SIZE_BYTES %" PRIu64 ", ",
                      c->request->target_bytes);
    lh_buf_append(&sql, LH_STR("FIELD_IDS {"));
    lh_buf_append(&sql, lh_str_sub(lh_buf_str(&ids), 2, SIZE_MAX)); /* without the first comma */
    lh_buf_append(&sql, LH_STR("})"));
    return compact_run(c, &sql, ret, err);
}

/* A map as the engine's rows have it, [{"key","value"}], as an object; depth: of maps in maps. */
static lh_json *compact_map(const lh_json *pairs, int depth, lh_arena *arena) {
    lh_json *object = lh_json_new_object(arena);
    for (lh_json_iter it = lh_json_each(pairs); lh_json_next(&it);) {
        const lh_json *value = lh_json_get(it.value, "value");
        lh_json_put(arena, object, lh_json_get_string(it.value, "key"),
                    depth > 1 ? compact_map(value, depth - 1, arena) : lh_json_copy(arena, value));
    }
    return object;
}

/* Appends what was written and adds its rows; a file without rows is not named, and removed. */
static lh_code compact_take(compaction *c, size_t group, const lh_json *rows, uint64_t *ret_rows, lh_error *err) {
    for (lh_json_iter it = lh_json_each(rows); lh_json_next(&it);) {
        lh_rewrite_file file = {.group = group, .location = lh_json_str(lh_json_at(it.value, 0), LH_STR_NONE)};
        lh_str key;
        file.rows = lh_json_uint(lh_json_at(it.value, 1), 0);
        file.size_bytes = lh_json_uint(lh_json_at(it.value, 2), 0);
        file.statistics = compact_map(lh_json_at(it.value, 4), 2, c->arena);
        LH_TRY(lh_bucket_key_of(c->maintain->bucket, file.location, c->arena, &key, err));
        if (file.rows == 0) LH_TRY(lh_bucket_delete(c->maintain->bucket, key, LH_STR_NONE, err));
        if (file.rows == 0) continue;
        if (c->count == COMPACT_FILES_MAX)
            return lh_fail(err, LH_LIMIT, "a compaction would write more than %d files: take a larger target_bytes",
                           COMPACT_FILES_MAX);
        c->files[c->count++] = file;
        c->bytes += file.size_bytes;
        *ret_rows += file.rows;
    }
    return LH_OK;
}

/* How many rows the partition has, told by another way than the writing. */
static lh_code compact_check(compaction *c, size_t group, lh_str source, uint64_t written, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    const lh_rewrite_group *g = &c->plan.groups[group];
    uint64_t rows = g->rows;
    if (g->deletes) {
        lh_json *counted = NULL;
        lh_buf_append(&sql, LH_STR("SELECT count(*) FROM iceberg_scan("));
        lh_buf_sql_string(&sql, source);
        lh_buf_char(&sql, ')');
        LH_TRY(compact_run(c, &sql, &counted, err));
        rows = lh_json_uint(lh_json_at(lh_json_at(lh_json_get(counted, "rows"), 0), 0), UINT64_MAX);
    }
    bool possible = rows <= g->rows && (g->equalities || rows + g->deleted_rows >= g->rows);
    if (rows == written && possible) return LH_OK;
    return lh_fail(err, LH_CORRUPT,
                   "the files of a partition have %" PRIu64 " rows, of which %" PRIu64 " are counted and %" PRIu64
                   " were written: nothing is changed",
                   g->rows, rows, written);
}

/* Rows without an order: as they come, by several threads into several files. */
static lh_code compact_write_unsorted(compaction *c, size_t group, lh_str select, lh_str folder, uint64_t *written,
                                      lh_error *err) {
    lh_json *result = NULL;
    LH_TRY(compact_copy(c, select, folder, true, &result, err));
    return compact_take(c, group, lh_json_get(result, "rows"), written, err);
}

static lh_code compact_write_one(compaction *c, size_t group, lh_str select, lh_str folder, uint64_t *written,
                                 lh_error *err) {
    lh_json *result = NULL;
    lh_uuid name = lh_uuid_new();
    lh_str path = lh_arena_printf(c->arena, "%.*s/c-%s.parquet", LH_STR_ARG(folder), name.text);
    LH_TRY(lh_arena_check(c->arena, err));
    LH_TRY(compact_copy(c, select, path, false, &result, err));
    return compact_take(c, group, lh_json_get(result, "rows"), written, err);
}

/* DuckDB keeps an order within one file that it writes, not over files that it cuts by size: so the rows are sorted into a
 * temporary table, and each file is a range of its rows. */
static lh_code compact_write_ranges(compaction *c, size_t group, lh_str select, lh_str folder, uint64_t files,
                                    uint64_t *written, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    lh_json *made = NULL;
    lh_buf_append(&sql, LH_STR("CREATE OR REPLACE TEMP TABLE compact_rows AS "));
    lh_buf_append(&sql, select);
    LH_TRY(compact_run(c, &sql, &made, err));
    uint64_t rows = lh_json_uint(lh_json_at(lh_json_at(lh_json_get(made, "rows"), 0), 0), 0), part = rows / files + 1;
    for (uint64_t from = 0; from < rows; from += part) {
        lh_str range = lh_arena_printf(
            c->arena, "SELECT * FROM temp.main.compact_rows WHERE rowid >= %" PRIu64 " AND rowid < %" PRIu64, from,
            from + part);
        LH_TRY(compact_write_one(c, group, range, folder, written, err));
    }
    lh_buf_clear(&sql);
    lh_buf_append(&sql, LH_STR("DROP TABLE temp.main.compact_rows"));
    return compact_run(c, &sql, NULL, err);
}

static lh_code compact_write_group(compaction *c, size_t group, lh_str source, uint64_t *written, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf select = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    uint64_t target = c->request->target_bytes, files = c->plan.groups[group].bytes / target + 1;
    lh_str folder;
    LH_TRY(compact_folder(c, group, &folder, err));
    lh_buf_append(&select, LH_STR("SELECT * FROM iceberg_scan("));
    lh_buf_sql_string(&select, source);
    lh_buf_char(&select, ')');
    if (c->order.len) lh_buf_append(&select, lh_buf_str(&c->order));
    LH_TRY(lh_buf_check(&select, err));
    if (c->order.len == 0) return compact_write_unsorted(c, group, lh_buf_str(&select), folder, written, err);
    if (files == 1) return compact_write_one(c, group, lh_buf_str(&select), folder, written, err);
    return compact_write_ranges(c, group, lh_buf_str(&select), folder, files, written, err);
}

static lh_code compact_group(compaction *c, size_t group, lh_error *err) {
    lh_str source;
    uint64_t written = 0;
    LH_TRY(lh_table_rewrite_source(c->maintain->catalog, &c->plan, group, lh_uuid_str(&c->id), c->arena, &source, err));
    LH_TRY(compact_write_group(c, group, source, &written, err));
    LH_TRY(compact_check(c, group, source, written, err));
    c->rows += written;
    atomic_fetch_add(&c->job->files_done, c->plan.groups[group].count);
    return LH_OK;
}

/* ---- one try ---- */

/* Each new file is there, with the size that the engine told: a rewrite that was slower than the grace time of orphans may find
 * them gone, and a commit to S3 does not look for them. */
static lh_code compact_check_files(const compaction *c, lh_error *err) {
    for (size_t i = 0; i < c->count; i++) {
        lh_str key;
        lh_object_info info;
        LH_TRY(lh_bucket_key_of(c->maintain->bucket, c->files[i].location, c->arena, &key, err));
        lh_code code = lh_bucket_head(c->maintain->bucket, key, &info, err);
        if (code == LH_NOT_FOUND)
            return lh_fail(err, LH_CONFLICT, "'%.*s' was removed before it was committed", LH_STR_ARG(key));
        if (code != LH_OK) return code;
        if (info.size_bytes != c->files[i].size_bytes)
            return lh_fail(err, LH_CORRUPT, "'%.*s' has %" PRIu64 " bytes, and not the %" PRIu64 " that were written",
                           LH_STR_ARG(key), info.size_bytes, c->files[i].size_bytes);
    }
    return LH_OK;
}

static lh_code compact_write(compaction *c, lh_error *err) {
    atomic_store(&c->job->phase, "rewriting");
    c->files = LH_ARENA_ARRAY(c->arena, lh_rewrite_file, COMPACT_FILES_MAX);
    if (!c->files) return lh_arena_check(c->arena, err);
    LH_TRY(lh_session_open(c->maintain->engine, c->request->cancel, &c->session, err));
    for (size_t i = 0; i < c->plan.group_count; i++) LH_TRY(compact_group(c, i, err));
    return LH_OK;
}

static lh_code compact_commit(compaction *c, lh_error *err) {
    lh_json *summary = lh_json_new_object(c->arena);
    bool moves = c->request->location.len > 0; /* then the caller holds the write lock */
    lh_json_set_string(c->arena, summary, "lakehouse.source", moves ? LH_STR("move") : LH_STR("compaction"));
    lh_json_set_string(c->arena, summary, "lakehouse.job-id", lh_uuid_str(&c->id));
    atomic_store(&c->job->phase, "committing");
    if (!moves) LH_TRY(lh_engine_lock_table(c->maintain->engine, c->request->table, c->request->cancel, err));
    lh_code code = compact_check_files(c, err); /* under the lock, which the removal of orphans needs as well */
    if (code == LH_OK)
        code = lh_table_rewrite_commit(c->maintain->catalog, c->request->table, &c->plan, c->files, c->count, c->sorted,
                                       summary, &c->done, err);
    if (!moves) lh_engine_unlock_table(c->maintain->engine, c->request->table);
    return code;
}

static lh_code compact_plan(compaction *c, lh_error *err) {
    const lh_compact_request *r = c->request;
    const lh_rewrite_options options = {.target_bytes = r->target_bytes,
                                        .small_bytes = r->small_bytes ? r->small_bytes : r->target_bytes / 4 * 3,
                                        .all = r->all,
                                        .deletes_only = r->deletes_only};
    atomic_store(&c->job->phase, "planning");
    LH_TRY(lh_table_rewrite_plan(c->maintain->catalog, r->table, &options, c->arena, &c->plan, err));
    c->plan.target = r->location;
    atomic_store(&c->job->files_total, c->plan.file_count);
    atomic_store(&c->job->files_done, 0);
    lh_buf_clear(&c->order);
    return maintain_order_sql(&c->plan, r->sort, &c->order, &c->sorted, err);
}

static lh_code compact_try(compaction *c, lh_error *err) {
    LH_TRY(compact_plan(c, err));
    bool moves = c->request->location.len > 0;
    if (c->request->dry_run || (c->plan.file_count == 0 && !moves)) return LH_OK;
    lh_code code = compact_write(c, err);
    lh_session_close(c->session);
    c->session = NULL;
    bool landed = false;
    if (code == LH_OK) {
        code = compact_commit(c, err);
        landed = code == LH_OK || code == LH_IO || code == LH_UNAVAILABLE; /* or may have: they are kept */
    }
    lh_table_rewrite_done(c->maintain->catalog, &c->plan, lh_uuid_str(&c->id), !landed);
    return code;
}

/* ---- the whole ---- */

static lh_json *compact_answer(const compaction *c, uint64_t elapsed_ms, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena);
    bool dry = c->request->dry_run, done = !dry && c->done.snapshot_id > 0;
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(c->request->table, arena));
    lh_json_set_bool(arena, answer, "dry_run", dry);
    lh_json_set(arena, answer, "snapshot_id",
                done ? lh_json_new_int(arena, c->done.snapshot_id) : lh_json_new_null(arena));
    lh_json_set_uint(arena, answer, "partitions", c->plan.group_count);
    lh_json_set_uint(arena, answer, "files_before", c->plan.file_count);
    lh_json_set_uint(arena, answer, "bytes_before", c->plan.bytes);
    lh_json_set_uint(arena, answer, "files_after", c->count);
    lh_json_set_uint(arena, answer, "bytes_after", c->bytes);
    lh_json_set_uint(arena, answer, "rows", dry ? c->plan.rows : c->rows);
    lh_json_set_uint(arena, answer, "delete_files_removed", c->done.delete_files);
    lh_json_set_uint(arena, answer, "elapsed_ms", elapsed_ms);
    return answer;
}

static void compact_count(lh_maintain *maintain, const compaction *c, lh_code code) {
    pthread_mutex_lock(&maintain->lock);
    lh_maintain_stats *stats = &maintain->stats;
    if (code == LH_CONFLICT) stats->conflicts++;
    else if (code != LH_OK) stats->failed++;
    else if (!c->request->dry_run && c->plan.file_count > 0) {
        stats->compactions++;
        stats->files_removed += c->plan.file_count;
        stats->files_written += c->count;
    }
    pthread_mutex_unlock(&maintain->lock);
}

static lh_code compact_tries(lh_maintain *maintain, const lh_compact_request *request, maintain_job *job,
                             lh_arena *arena, lh_json **ret, lh_error *err) {
    uint64_t started = lh_time_monotonic_ms();
    for (int tries = 1;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *work = NULL;
        LH_TRY(lh_arena_new(COMPACT_ARENA_BYTES, &work, err));
        compaction c = {.maintain = maintain, .request = request, .job = job, .arena = work, .id = lh_uuid_new()};
        c.order = LH_BUF_INIT(64 << 10);
        lh_code code = compact_try(&c, err);
        lh_buf_done(&c.order);
        compact_count(maintain, &c, code);
        if (code == LH_CONFLICT && tries < COMPACT_TRIES) continue;
        if (code == LH_OK) *ret = compact_answer(&c, lh_time_monotonic_ms() - started, arena);
        return code == LH_OK ? lh_arena_check(arena, err) : code;
    }
}

lh_code lh_compact(lh_maintain *maintain, const lh_compact_request *request, lh_arena *arena, lh_json **ret,
                   lh_error *err) {
    if (request->target_bytes < LH_COMPACT_TARGET_MIN_BYTES)
        return lh_fail(err, LH_INVALID, "'target_file_bytes' must be at least %d", LH_COMPACT_TARGET_MIN_BYTES);
    maintain_job job = {.kind = request->location.len ? "move" : "compact",
                        .dataset = lh_table_name_text(request->table, arena),
                        .phase = "planning"};
    lh_span span;
    maintain_job_begin(maintain, &job);
    lh_span_begin("maintain.compact", &span);
    lh_code code = compact_tries(maintain, request, &job, arena, ret, err);
    lh_span_end(&span, code);
    maintain_job_end(maintain, &job);
    return code;
}
