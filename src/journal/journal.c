/* The journal: two writers (what changed, who asked), and a thread that moves their records to the tables.
 *
 * A flush takes durable records, puts them into the table in one commit, and then takes them out of the file. When it fails, or
 * the process dies in between, the next one asks the table what it has. Its commits run in a trace of its own, by which they
 * are told from those of others. */
#include "journal/journal_internal.h"

#include <time.h>

enum { JOURNAL_BACKOFF_MAX_MS = 60000, JOURNAL_TICK_MS = 1000 };

/* ---- flushing ---- */

bool journal_is_flushing(lh_journal *journal, lh_str trace_id) {
    pthread_mutex_lock(&journal->lock);
    bool same = trace_id.len && lh_str_eq(trace_id, lh_str_from(journal->flush_trace));
    pthread_mutex_unlock(&journal->lock);
    return same;
}

static lh_code flush_some(lh_journal *journal, journal_writer *writer, size_t *ret_count, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) journal_record **records = NULL;
    size_t count = journal_writer_take(writer, JOURNAL_BATCH_RECORDS, JOURNAL_BATCH_BYTES, &records);
    *ret_count = count;
    if (count == 0) return LH_OK;
    lh_code code = journal_table_append(&journal->options, writer->spec, lh_uuid_str(&writer->base.writer), records,
                                        count, writer->unsure, err);
    writer->unsure = code != LH_OK;
    if (code != LH_OK) return code;
    /* That the file cannot be written anew is no failure of the flush: an append tells, and a start sorts it out. */
    code = journal_writer_flushed(writer, count, NULL);
    writer->unsure = code != LH_OK;
    return LH_OK;
}

/* What is there when it begins; what comes meanwhile is left to the next. */
static lh_code flush_writer(lh_journal *journal, journal_writer *writer, uint64_t *count, lh_error *err) {
    pthread_mutex_lock(&writer->lock);
    uint64_t until = writer->durable_seq;
    pthread_mutex_unlock(&writer->lock);
    for (size_t moved = 1; moved && writer->base.seq < until; *count += moved)
        LH_TRY(flush_some(journal, writer, &moved, err));
    return LH_OK;
}

static lh_code flush_all(lh_journal *journal, uint64_t *count, lh_error *err) {
    for (size_t kind = 0; kind < JOURNAL_KINDS; kind++)
        for (journal_writer *writer = journal->writers[kind]; writer; writer = writer->next)
            LH_TRY(flush_writer(journal, writer, count, err));
    return LH_OK;
}

static void flush_note(lh_journal *journal, lh_str trace) {
    pthread_mutex_lock(&journal->lock);
    snprintf(journal->flush_trace, sizeof journal->flush_trace, "%.*s", LH_STR_ARG(trace));
    pthread_mutex_unlock(&journal->lock);
}

lh_code lh_journal_flush(lh_journal *journal, uint64_t *ret_records, lh_error *err) {
    lh_span span;
    lh_error why = {0};
    uint64_t count = 0;
    if (!journal->options.engine) return lh_fail(err, LH_UNAVAILABLE, "the engine is not there");
    pthread_mutex_lock(&journal->flush_lock);
    lh_span_begin_root(NULL, "journal.flush", LH_STR_NONE, &span);
    flush_note(journal, lh_trace_current_id());
    lh_code code = flush_all(journal, &count, &why);
    flush_note(journal, LH_STR_NONE);
    lh_span_end(&span, code);
    pthread_mutex_lock(&journal->lock);
    journal->flushes += count > 0;
    journal->flushed += count;
    if (count) journal->flushed_ms = lh_time_now_ms();
    journal->failure = code == LH_OK ? (lh_error){0} : why;
    pthread_mutex_unlock(&journal->lock);
    pthread_mutex_unlock(&journal->flush_lock);
    if (code != LH_OK && err) *err = why;
    if (ret_records) *ret_records = count;
    return code;
}

static bool journal_is_full(lh_journal *journal, journal_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    bool full = writer->count >= journal->options.flush_records || writer->bytes >= journal->options.flush_bytes;
    pthread_mutex_unlock(&writer->lock);
    return full;
}

static bool journal_any_full(lh_journal *journal) {
    bool full = false;
    for (size_t kind = 0; kind < JOURNAL_KINDS; kind++) full = full || journal_is_full(journal, journal->writers[kind]);
    return full;
}

static void journal_pause_locked(lh_journal *journal, uint64_t pause_ms) {
    const struct timespec until = lh_time_after_ms(pause_ms);
    (void)pthread_cond_timedwait(&journal->changed, &journal->lock, &until);
}

/* A failure is told once, not each time; what is buffered stays. */
static uint64_t journal_flush_and_tell(lh_journal *journal, uint64_t backoff_ms) {
    lh_error err = {0};
    lh_code code = lh_journal_flush(journal, NULL, &err);
    if (code == LH_OK) return 0;
    if (backoff_ms == 0)
        lh_log(LH_LOG_WARN, "the journal cannot be flushed; it is tried again", "code", lh_code_name(code), "why",
               err.message, NULL);
    return backoff_ms == 0 ? 1000 : 2 * backoff_ms > JOURNAL_BACKOFF_MAX_MS ? JOURNAL_BACKOFF_MAX_MS : 2 * backoff_ms;
}

static void *journal_run(void *arg) {
    lh_journal *journal = arg;
    uint64_t backoff_ms = 0, due_ms = lh_time_monotonic_ms() + journal->options.flush_ms;
    pthread_mutex_lock(&journal->lock);
    while (!journal->stopping) {
        uint64_t now_ms = lh_time_monotonic_ms(), left_ms = due_ms > now_ms ? due_ms - now_ms : 0;
        pthread_mutex_unlock(&journal->lock);
        bool due = left_ms == 0 || (backoff_ms == 0 && journal_any_full(journal));
        if (due) {
            backoff_ms = journal_flush_and_tell(journal, backoff_ms);
            due_ms = lh_time_monotonic_ms() + (backoff_ms ? backoff_ms : journal->options.flush_ms);
        }
        pthread_mutex_lock(&journal->lock);
        if (!due && !journal->stopping)
            journal_pause_locked(journal, left_ms < JOURNAL_TICK_MS ? left_ms : JOURNAL_TICK_MS);
    }
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}

void journal_poke(lh_journal *journal, const journal_writer *writer) {
    (void)writer;
    if (!journal_any_full(journal)) return;
    pthread_mutex_lock(&journal->lock);
    pthread_cond_signal(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
}

/* ---- opening and closing ---- */

static lh_code journal_start(lh_journal *journal, lh_error *err) {
    static const journal_spec *const specs[JOURNAL_KINDS] = {&journal_mutations, &journal_audit};
    for (size_t kind = 0; kind < JOURNAL_KINDS; kind++)
        LH_TRY(journal_writers_open(specs[kind], journal->folder, journal->options.buffer_max_bytes,
                                    &journal->writers[kind], err));
    if (journal->options.mutations) LH_TRY(journal_mutations_start(journal, &journal->queue, err));
    if (!journal->options.engine) return LH_OK;
    journal->started = pthread_create(&journal->thread, NULL, journal_run, journal) == 0;
    return journal->started ? LH_OK : lh_fail(err, LH_NO_MEMORY, "cannot start the journal's thread");
}

lh_code lh_journal_open(const lh_journal_options *options, lh_journal **ret, lh_error *err) {
    LH_CLEANUP(lh_journal_closep) lh_journal *journal = calloc(1, sizeof *journal);
    if (!journal) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&journal->lock, NULL);
    pthread_mutex_init(&journal->flush_lock, NULL);
    lh_cond_init(&journal->changed);
    journal->options = *options;
    journal->options.scratch_dir = LH_STR_NONE;
    LH_TRY(lh_str_dup(options->scratch_dir, &journal->options.scratch_dir));
    LH_TRY(lh_str_to_cstr(options->folder, journal->folder, sizeof journal->folder, err));
    LH_TRY(journal_start(journal, err));
    *ret = lh_take(&journal);
    return LH_OK;
}

static void journal_stop(lh_journal *journal) {
    pthread_mutex_lock(&journal->lock);
    journal->stopping = true;
    pthread_cond_signal(&journal->changed);
    pthread_mutex_unlock(&journal->lock);
    if (journal->started) pthread_join(journal->thread, NULL);
    journal->started = false;
}

void lh_journal_close(lh_journal *journal) {
    if (!journal) return;
    journal_mutations_stop(journal->queue);
    bool flush = journal->started && journal->options.flush_at_end;
    journal_stop(journal);
    if (flush) (void)journal_flush_and_tell(journal, 0);
    for (size_t kind = 0; kind < JOURNAL_KINDS; kind++) journal_writers_free(journal->writers[kind]);
    lh_str_free(journal->options.scratch_dir);
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->flush_lock);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

/* ---- what is asked of it ---- */

static const char *const journal_json[] = {"old_value", "new_value", NULL};

lh_code lh_journal_read(lh_journal *journal, const lh_journal_query *query, lh_arena *arena, lh_json **ret,
                        lh_error *err) {
    journal_search search = {.spec = &journal_mutations,
                             .writers = journal->writers[JOURNAL_MUTATIONS],
                             .newest_first = query->newest_first,
                             .page = query->page,
                             .cancel = query->cancel};
    journal_found_page page;
    if (query->entity_id.len) {
        search.filters[0] = (journal_filter){.field = 1, .value = query->entity_id};
        search.filter_count = 1;
    }
    LH_TRY(journal_find(&journal->options, &search, arena, &page, err));
    *ret = journal_page(&page, search.spec, journal_json, arena);
    return lh_arena_check(arena, err);
}

static lh_json *stats_of(lh_journal *journal, journal_writer *writers, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena), *list = lh_json_new_array(arena), *dataset = NULL;
    uint64_t records = 0, bytes = 0;
    for (journal_writer *writer = writers; writer; writer = writer->next) {
        lh_json *item = lh_json_new_object(arena);
        pthread_mutex_lock(&writer->lock);
        records += writer->count;
        bytes += writer->bytes;
        lh_json_set_string(arena, item, "writer", lh_uuid_str(&writer->base.writer));
        lh_json_set_uint(arena, item, "flushed_seq", writer->base.seq);
        lh_json_set_uint(arena, item, "seq", writer->durable_seq);
        lh_json_set_string(arena, item, "head", lh_str_from(writer->durable_hash.text));
        pthread_mutex_unlock(&writer->lock);
        lh_json_append(list, item);
    }
    lh_error ignored;
    int64_t rows = 0;
    if (lh_dataset_get(journal->options.catalog, journal_table(writers->spec), arena, &dataset, &ignored) == LH_OK)
        rows = lh_json_int(lh_json_get(dataset, "row_count"), 0);
    lh_json_set_uint(arena, answer, "buffered_records", records);
    lh_json_set_uint(arena, answer, "buffered_bytes", bytes);
    lh_json_set_int(arena, answer, "table_records", rows);
    lh_json_set(arena, answer, "writers", list);
    return answer;
}

lh_code lh_journal_stats(lh_journal *journal, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set(arena, answer, "journal", stats_of(journal, journal->writers[JOURNAL_MUTATIONS], arena));
    lh_json_set(arena, answer, "audit", stats_of(journal, journal->writers[JOURNAL_AUDIT], arena));
    if (journal->queue) journal_mutations_stats(journal->queue, arena, answer);
    pthread_mutex_lock(&journal->lock);
    lh_json_set_uint(arena, answer, "flushes", journal->flushes);
    lh_json_set_uint(arena, answer, "flushed_records", journal->flushed);
    lh_json_set(arena, answer, "last_flush_at",
                journal->flushed_ms ? lh_json_new_string(arena, lh_str_from(lh_time_rfc3339(journal->flushed_ms).text))
                                    : lh_json_new_null(arena));
    lh_json_set(arena, answer, "last_error",
                journal->failure.code ? lh_json_new_string(arena, lh_str_from(journal->failure.message))
                                      : lh_json_new_null(arena));
    lh_json_set_uint(arena, answer, "audit_lost", journal->audit_lost);
    pthread_mutex_unlock(&journal->lock);
    *ret = answer;
    return lh_arena_check(arena, err);
}
