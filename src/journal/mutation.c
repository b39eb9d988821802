/* Commits of tables become events: who, which table, which snapshot, how many rows.
 *
 * The catalog tells each on the thread that made it, which only notes it: neither does a commit wait for the journal, nor fail
 * with it. A thread looks up the snapshot's summary and writes the event. What is noted and not written yet is lost with the
 * process, and what comes while too many wait is dropped, and counted. The journal's own commits are passed over. */
#include "journal/journal_internal.h"

enum { MUTATION_WAITING_MAX = 10000, MUTATION_BATCH = 256, MUTATION_PAUSE_MS = 1000 };

typedef struct mutation_note {
    struct mutation_note *next;
    lh_changed kind;
    lh_str namespace_, name; /* owned */
    int64_t snapshot_before, snapshot_id;
    char actor[LH_LIMIT_NAME_BYTES + 1];
} mutation_note;

struct journal_mutations_queue {
    lh_journal *journal;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    mutation_note *head, **tail;
    size_t waiting;
    uint64_t dropped;
    bool stopping;
};

static void mutation_free(mutation_note *note) {
    if (!note) return;
    lh_str_free(note->namespace_);
    lh_str_free(note->name);
    free(note);
}

/* ---- noting ---- */

static mutation_note *mutation_note_new(const lh_journal_options *options, const lh_table_change *change) {
    mutation_note *note = calloc(1, sizeof *note);
    if (!note) return NULL;
    note->kind = change->kind;
    note->snapshot_before = change->snapshot_before;
    note->snapshot_id = change->snapshot_id;
    if (lh_str_dup(change->name.namespace_, &note->namespace_) != LH_OK ||
        lh_str_dup(change->name.name, &note->name) != LH_OK) {
        mutation_free(note);
        return NULL;
    }
    if (!options->actor || !options->actor(options->actor_ctx, note->actor)) note->actor[0] = '\0';
    return note;
}

static void mutation_take_note(void *ctx, const lh_table_change *change) {
    journal_mutations_queue *queue = ctx;
    if (journal_is_flushing(queue->journal, lh_trace_current_id())) return;
    mutation_note *note = mutation_note_new(&queue->journal->options, change);
    pthread_mutex_lock(&queue->lock);
    bool room = note && queue->waiting < MUTATION_WAITING_MAX;
    if (room) {
        *queue->tail = note;
        queue->tail = &note->next;
        queue->waiting++;
        pthread_cond_signal(&queue->changed);
    } else {
        queue->dropped++;
    }
    pthread_mutex_unlock(&queue->lock);
    if (!room) mutation_free(note);
}

/* ---- events ---- */

static const lh_json *mutation_snapshot(const mutation_note *note, lh_catalog *catalog, lh_arena *arena) {
    lh_json *table = NULL;
    lh_str etag;
    lh_table_name name = {note->namespace_, note->name};
    bool moved = note->snapshot_id >= 0 && note->snapshot_id != note->snapshot_before;
    if (!moved || lh_table_load(catalog, name, false, LH_STR_NONE, arena, &table, &etag, NULL) != LH_OK) return NULL;
    for (lh_json_iter it = lh_json_each(lh_json_get(lh_json_get(table, "metadata"), "snapshots")); lh_json_next(&it);)
        if (lh_json_int(lh_json_get(it.value, "snapshot-id"), -1) == note->snapshot_id) return it.value;
    return NULL;
}

static const char *mutation_action(const mutation_note *note, const lh_json *summary) {
    if (note->kind == LH_CHANGED_CREATED) return "create";
    if (note->kind == LH_CHANGED_DROPPED) return "drop";
    if (note->snapshot_id == note->snapshot_before) return "alter";
    lh_str operation = lh_json_get_string(summary, "operation");
    if (lh_str_eq(operation, LH_STR("append"))) return "insert";
    if (lh_str_eq(operation, LH_STR("replace"))) return "replace";
    lh_str added = lh_json_str(lh_json_get(summary, "added-records"), LH_STR("0"));
    return lh_str_eq(operation, LH_STR("delete")) || lh_str_eq(added, LH_STR("0")) ? "delete" : "update";
}

/* Numbers in a summary are texts. */
static void mutation_count(lh_json *into, const char *name, const lh_json *summary, const char *member,
                           lh_arena *arena) {
    int64_t count = 0;
    if (lh_str_to_i64(lh_json_get_string(summary, member), &count) == LH_OK) lh_json_set_int(arena, into, name, count);
}

static lh_code mutation_value(int64_t snapshot_id, const lh_json *summary, lh_arena *arena, lh_str *ret) {
    lh_json *value = lh_json_new_object(arena);
    *ret = LH_STR_NONE;
    if (snapshot_id < 0) return LH_OK;
    lh_json_set_int(arena, value, "snapshot_id", snapshot_id);
    if (summary) {
        lh_json_set_string(arena, value, "operation", lh_json_get_string(summary, "operation"));
        mutation_count(value, "added_records", summary, "added-records", arena);
        mutation_count(value, "deleted_records", summary, "deleted-records", arena);
        mutation_count(value, "added_position_deletes", summary, "added-position-deletes", arena);
        mutation_count(value, "added_files", summary, "added-data-files", arena);
        mutation_count(value, "deleted_files", summary, "deleted-data-files", arena);
        mutation_count(value, "total_records", summary, "total-records", arena);
    }
    return lh_json_write(arena, value, false, ret, NULL);
}

static lh_code mutation_event(const mutation_note *note, lh_catalog *catalog, lh_arena *arena, lh_journal_event *ret) {
    const lh_json *snapshot = mutation_snapshot(note, catalog, arena), *summary = lh_json_get(snapshot, "summary");
    lh_journal_event event = {.entity_type = LH_STR("table"),
                              .entity_id = lh_table_name_text((lh_table_name){note->namespace_, note->name}, arena),
                              .field = LH_STR("snapshot"),
                              .action = lh_str_from(mutation_action(note, summary)),
                              .actor = lh_str_from(note->actor),
                              .source = LH_STR("lake")};
    if (event.entity_id.len > 1024) event.entity_id = lh_str_cut_utf8(event.entity_id, 1024);
    if (note->snapshot_id == note->snapshot_before && note->kind == LH_CHANGED_UPDATED)
        event.field = LH_STR("metadata");
    LH_TRY(mutation_value(note->snapshot_before, NULL, arena, &event.old_value));
    if (note->kind != LH_CHANGED_DROPPED) LH_TRY(mutation_value(note->snapshot_id, summary, arena, &event.new_value));
    *ret = event;
    return lh_arena_check(arena, NULL);
}

/* ---- the thread ---- */

static lh_code mutation_write(journal_mutations_queue *queue, const mutation_note *notes, size_t count) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_journal_event events[MUTATION_BATCH];
    lh_journal_receipt ignored;
    size_t made = 0;
    LH_TRY(lh_arena_new(256 << 20, &arena, NULL));
    while (made < count) {
        LH_TRY(mutation_event(notes, queue->journal->options.catalog, arena, &events[made++]));
        if (made < count) notes = notes->next; /* the last one's is written by who adds another */
    }
    return lh_journal_append(queue->journal, events, made, &ignored, NULL);
}

static void mutation_pop_locked(journal_mutations_queue *queue, size_t count) {
    while (count-- && queue->head) {
        mutation_note *gone = queue->head;
        queue->head = gone->next;
        if (!queue->head) queue->tail = &queue->head;
        queue->waiting--;
        mutation_free(gone);
    }
}

/* Notes that wait stay where they are until they are written: only this thread takes them away. One that can never be
 * written goes alone. */
static void mutation_round_locked(journal_mutations_queue *queue) {
    size_t count = queue->waiting < MUTATION_BATCH ? queue->waiting : MUTATION_BATCH;
    mutation_note *head = queue->head;
    pthread_mutex_unlock(&queue->lock);
    lh_code code = mutation_write(queue, head, count);
    bool refused = code == LH_INVALID || code == LH_LIMIT;
    if (refused) {
        count = 1;
        code = mutation_write(queue, head, 1);
    }
    pthread_mutex_lock(&queue->lock);
    if (code == LH_OK || refused) mutation_pop_locked(queue, count);
    if (refused && code != LH_OK) queue->dropped++;
    if (code == LH_OK || refused || queue->stopping) return;
    pthread_mutex_unlock(&queue->lock);
    lh_time_sleep_ms(MUTATION_PAUSE_MS);
    pthread_mutex_lock(&queue->lock);
}

static void *mutation_run(void *arg) {
    journal_mutations_queue *queue = arg;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (!queue->waiting && !queue->stopping) pthread_cond_wait(&queue->changed, &queue->lock);
        if (!queue->waiting) break;
        bool last = queue->stopping;
        size_t before = queue->waiting;
        mutation_round_locked(queue);
        if (last && queue->waiting == before) break; /* it cannot be written, and nobody waits for it any more */
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

lh_code journal_mutations_start(lh_journal *journal, journal_mutations_queue **ret, lh_error *err) {
    journal_mutations_queue *queue = calloc(1, sizeof *queue);
    if (!queue) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    queue->journal = journal;
    queue->tail = &queue->head;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    if (pthread_create(&queue->thread, NULL, mutation_run, queue) != 0) {
        free(queue);
        return lh_fail(err, LH_NO_MEMORY, "cannot start a thread of the journal");
    }
    lh_table_changes_hook(journal->options.catalog, mutation_take_note, queue);
    *ret = queue;
    return LH_OK;
}

void journal_mutations_stop(journal_mutations_queue *queue) {
    if (!queue) return;
    lh_table_changes_hook(queue->journal->options.catalog, NULL, NULL);
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    mutation_pop_locked(queue, queue->waiting);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void journal_mutations_stats(journal_mutations_queue *queue, lh_arena *arena, lh_json *into) {
    pthread_mutex_lock(&queue->lock);
    lh_json_set_uint(arena, into, "mutations_waiting", queue->waiting);
    lh_json_set_uint(arena, into, "mutations_dropped", queue->dropped);
    pthread_mutex_unlock(&queue->lock);
}
