/* One writer: a chain of records that goes through one write-ahead file.
 *
 *   <folder>/<table>-<writer>.lock   flock'd by the process that appends to it, or is about to empty it
 *   <folder>/<table>-<writer>.wal    wal.c; made with the first record, replaced as a whole when records went to the table
 *
 * The chain goes on as long as there is its file: whoever starts next takes it up. Two processes on one folder have a writer
 * each. Appending is a group commit: records get their place in the chain under the lock, then one of the callers writes and
 * syncs all that waits, for everybody. When that fails all of them are told so and their records are taken back; the file is
 * cut, and written anew before the next append, since nobody knows what a failed fsync left.
 *
 * Invariants: items[0…] up to durable_seq are in the file, in this order; `out` holds the frames of the others. Only the holder
 * of `syncing` touches the file. Only the flusher removes durable items. */
#include "journal/journal_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void writer_path(const journal_writer *writer, const char *suffix, char into[JOURNAL_PATH_BYTES]) {
    snprintf(into, JOURNAL_PATH_BYTES, "%s/%s-%s%s", writer->folder, writer->spec->name, writer->base.writer.text,
             suffix);
}

/* ---- the file; `syncing` is held, the lock is not ---- */

static lh_code file_write_all(int fd, lh_str data, lh_error *err) {
    while (data.len) {
        ssize_t wrote = write(fd, data.ptr, data.len);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return lh_fail_errno(err, errno, "the journal's write-ahead file cannot be written");
        data = lh_str_sub(data, (size_t)wrote, SIZE_MAX);
    }
    if (fdatasync(fd) != 0) return lh_fail_errno(err, errno, "the journal's write-ahead file cannot be synced");
    return LH_OK;
}

static lh_code file_sync_folder(const char *folder, lh_error *err) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot open the journal's folder");
    int failed = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return failed ? lh_fail_errno(err, failed, "the journal's folder cannot be synced") : LH_OK;
}

static lh_code file_make(const char *fresh, lh_str whole, int *ret, lh_error *err) {
    int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot make a write-ahead file of the journal");
    lh_code code = file_write_all(fd, whole, err);
    if (code == LH_OK) *ret = fd;
    else close(fd), unlink(fresh);
    return code;
}

/* The file anew: its base, and these records. */
static lh_code file_rewrite(journal_writer *writer, const journal_base *base, journal_record *const *records,
                            size_t count, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf whole = LH_BUF_INIT(JOURNAL_FILE_BYTES);
    char path[JOURNAL_PATH_BYTES], fresh[JOURNAL_PATH_BYTES];
    int fd = -1;
    journal_base_write(&whole, writer->spec, base);
    for (size_t i = 0; i < count; i++) journal_frame_write(&whole, journal_record_str(records[i]), &records[i]->hash);
    LH_TRY(lh_buf_check(&whole, err));
    writer_path(writer, ".wal", path);
    writer_path(writer, ".new", fresh);
    LH_TRY(file_make(fresh, lh_buf_str(&whole), &fd, err));
    if (rename(fresh, path) != 0) {
        int failed = errno;
        close(fd);
        unlink(fresh);
        return lh_fail_errno(err, failed, "cannot replace a write-ahead file of the journal");
    }
    if (writer->fd >= 0) close(writer->fd);
    writer->fd = fd;
    writer->file_bytes = whole.len;
    return file_sync_folder(writer->folder, err);
}

/* ---- group commit ---- */

static void writer_answer_locked(journal_writer *writer, lh_code code) {
    journal_waiter **at = &writer->waiters;
    while (*at) {
        journal_waiter *waiter = *at;
        if (code == LH_OK && waiter->seq > writer->durable_seq) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->code = code;
        waiter->done = true;
    }
    pthread_cond_broadcast(&writer->changed);
}

/* Takes back what is not durable. */
static void writer_retreat_locked(journal_writer *writer, lh_code code, const lh_error *why) {
    while (writer->count && writer->items[writer->count - 1]->seq > writer->durable_seq) {
        journal_record *record = writer->items[--writer->count];
        writer->bytes -= record->len;
        free(record);
    }
    writer->last_seq = writer->durable_seq;
    writer->last_hash = writer->durable_hash;
    lh_buf_clear(&writer->out);
    writer->broken = true;
    writer->failure = *why;
    writer_answer_locked(writer, code);
}

static size_t writer_durable_locked(const journal_writer *writer) {
    size_t count = writer->count;
    while (count && writer->items[count - 1]->seq > writer->durable_seq) count--;
    return count;
}

/* A copy of the pointers to the durable records after the first `from`; the records stay while `syncing` is held. */
static lh_code writer_copy_locked(const journal_writer *writer, size_t from, journal_record ***ret, size_t *ret_count,
                                  lh_error *err) {
    size_t count = writer_durable_locked(writer) - from;
    journal_record **copy = malloc((count + 1) * sizeof(journal_record *));
    if (!copy) return lh_fail(err, LH_NO_MEMORY, "journal: out of memory");
    if (count) memcpy(copy, writer->items + from, count * sizeof *copy);
    *ret = copy;
    *ret_count = count;
    return LH_OK;
}

static lh_code writer_put(journal_writer *writer, bool broken, journal_record *const *kept, size_t kept_count,
                          const journal_base *base, lh_str out, lh_error *err) {
    if (broken) LH_TRY(file_rewrite(writer, base, kept, kept_count, err));
    lh_code code = file_write_all(writer->fd, out, err);
    if (code == LH_OK) writer->file_bytes += out.len;
    else (void)!ftruncate(writer->fd, (off_t)writer->file_bytes);
    return code;
}

/* One write for all that wait. */
static void writer_sync_locked(journal_writer *writer) {
    LH_CLEANUP(lh_buf_done) lh_buf out = writer->out;
    LH_CLEANUP(lh_free_pointer) journal_record **kept = NULL;
    size_t kept_count = 0;
    lh_error why = {0};
    uint64_t target = writer->last_seq;
    lh_sha256_hex hash = writer->last_hash;
    bool broken = writer->broken;
    journal_base base = writer->base;
    writer->out = LH_BUF_INIT(writer->out.cap_bytes);
    lh_code code = lh_buf_check(&out, &why);
    if (code == LH_OK && broken) code = writer_copy_locked(writer, 0, &kept, &kept_count, &why);
    writer->syncing = true;
    pthread_mutex_unlock(&writer->lock);
    if (code == LH_OK) code = writer_put(writer, broken, kept, kept_count, &base, lh_buf_str(&out), &why);
    pthread_mutex_lock(&writer->lock);
    writer->syncing = false;
    if (code != LH_OK) {
        writer_retreat_locked(writer, code, &why);
        return;
    }
    writer->broken = false;
    writer->durable_seq = target;
    writer->durable_hash = hash;
    writer_answer_locked(writer, LH_OK);
}

/* ---- appending ---- */

static lh_code writer_room_locked(journal_writer *writer, size_t count, lh_error *err) {
    if (writer->bytes > writer->buffer_max_bytes)
        return lh_fail(err, LH_UNAVAILABLE,
                       "the journal holds %zu bytes that could not be put into its table yet: try again later",
                       writer->bytes);
    if (writer->count + count <= writer->room) return LH_OK;
    size_t wanted = 2 * writer->room > writer->count + count ? 2 * writer->room : writer->count + count + 64;
    journal_record **items = realloc(writer->items, wanted * sizeof *items);
    if (!items) return lh_fail(err, LH_NO_MEMORY, "journal: out of memory");
    writer->items = items;
    writer->room = wanted;
    return LH_OK;
}

static lh_code writer_add_locked(journal_writer *writer, const journal_values *values, lh_buf *bytes, lh_error *err) {
    journal_row row = {.writer = lh_uuid_str(&writer->base.writer),
                       .seq = writer->last_seq + 1,
                       .prev_hash = lh_str_from(writer->last_hash.text),
                       .time_ms = writer->last_time_ms,
                       .values = *values};
    lh_buf_clear(bytes);
    journal_row_write(&row, writer->spec->count, bytes);
    if (lh_buf_check(bytes, NULL) != LH_OK)
        return lh_fail(err, LH_LIMIT, "a record of the journal is larger than %d bytes", JOURNAL_RECORD_BYTES);
    journal_record *record = malloc(sizeof *record + bytes->len);
    if (!record) return lh_fail(err, LH_NO_MEMORY, "journal: out of memory");
    *record = (journal_record){.seq = row.seq, .hash = lh_sha256_of(lh_buf_str(bytes)), .len = bytes->len};
    memcpy(record->bytes, bytes->ptr, bytes->len);
    journal_frame_write(&writer->out, journal_record_str(record), &record->hash);
    writer->items[writer->count++] = record;
    writer->bytes += record->len;
    writer->last_seq = row.seq;
    writer->last_hash = lh_sha256_to_hex(&record->hash);
    return LH_OK;
}

/* All, or none: those that were added before one failed are taken back. */
static lh_code writer_add_all_locked(journal_writer *writer, const journal_values *values, size_t count,
                                     lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf bytes = LH_BUF_INIT(JOURNAL_RECORD_BYTES);
    size_t had = writer->count, out = writer->out.len;
    uint64_t seq = writer->last_seq;
    lh_sha256_hex hash = writer->last_hash;
    lh_code code = LH_OK;
    for (size_t i = 0; code == LH_OK && i < count; i++) code = writer_add_locked(writer, &values[i], &bytes, err);
    if (code == LH_OK) code = lh_buf_check(&writer->out, err);
    if (code == LH_OK) return code;
    while (writer->count > had) {
        writer->bytes -= writer->items[writer->count - 1]->len;
        free(writer->items[--writer->count]);
    }
    writer->out.len = out;
    writer->out.failed = LH_OK;
    writer->last_seq = seq;
    writer->last_hash = hash;
    return code;
}

static lh_code writer_append_locked(journal_writer *writer, const journal_values *values, size_t count,
                                    lh_journal_receipt *ret, lh_error *err) {
    int64_t now = lh_time_now_ms();
    LH_TRY(writer_room_locked(writer, count, err));
    if (now > writer->last_time_ms) writer->last_time_ms = now; /* a chain's times never go back */
    LH_TRY(writer_add_all_locked(writer, values, count, err));
    *ret = (lh_journal_receipt){writer->last_seq - count + 1, writer->last_seq, writer->base.writer, writer->last_hash};
    journal_waiter self = {.seq = writer->last_seq, .next = writer->waiters};
    writer->waiters = &self;
    while (!self.done) {
        if (writer->syncing) pthread_cond_wait(&writer->changed, &writer->lock);
        else writer_sync_locked(writer);
    }
    if (self.code != LH_OK && err) *err = writer->failure;
    return self.code;
}

lh_code journal_write(journal_writer *writer, const journal_values *values, size_t count, lh_journal_receipt *ret,
                      lh_error *err) {
    pthread_mutex_lock(&writer->lock);
    lh_code code = writer_append_locked(writer, values, count, ret, err);
    pthread_mutex_unlock(&writer->lock);
    return code;
}

/* ---- for the flusher ---- */

size_t journal_writer_take(journal_writer *writer, size_t max_records, size_t max_bytes, journal_record ***ret) {
    journal_record **copy = NULL;
    size_t count = 0, taken = 0, bytes = 0;
    pthread_mutex_lock(&writer->lock);
    lh_code code = writer_copy_locked(writer, 0, &copy, &count, NULL);
    pthread_mutex_unlock(&writer->lock);
    if (code != LH_OK) return 0;
    while (taken < count && taken < max_records && (taken == 0 || bytes + copy[taken]->len <= max_bytes))
        bytes += copy[taken++]->len;
    *ret = copy;
    return taken;
}

static void writer_begin_file_locked(journal_writer *writer) {
    while (writer->syncing) pthread_cond_wait(&writer->changed, &writer->lock);
    writer->syncing = true;
    pthread_mutex_unlock(&writer->lock);
}

static void writer_end_file_locked(journal_writer *writer) {
    pthread_mutex_lock(&writer->lock);
    writer->syncing = false;
    pthread_cond_broadcast(&writer->changed);
}

static void writer_shift_locked(journal_writer *writer, size_t count) {
    for (size_t i = 0; i < count; i++) {
        writer->bytes -= writer->items[i]->len;
        free(writer->items[i]);
    }
    writer->count -= count;
    memmove(writer->items, writer->items + count, writer->count * sizeof *writer->items);
}

lh_code journal_writer_flushed(journal_writer *writer, size_t count, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) journal_record **kept = NULL;
    size_t kept_count = 0;
    pthread_mutex_lock(&writer->lock);
    const journal_record *last = writer->items[count - 1];
    writer->base.seq = last->seq;
    writer->base.hash = lh_sha256_to_hex(&last->hash);
    writer_shift_locked(writer, count);
    while (writer->syncing) pthread_cond_wait(&writer->changed, &writer->lock);
    journal_base base = writer->base;
    lh_code code = writer_copy_locked(writer, 0, &kept, &kept_count, err);
    if (code == LH_OK) {
        writer_begin_file_locked(writer);
        code = file_rewrite(writer, &base, kept, kept_count, err);
        writer_end_file_locked(writer);
        writer->broken = code != LH_OK;
    }
    pthread_mutex_unlock(&writer->lock);
    return code;
}

static lh_code file_read(const char *path, lh_buf *into, lh_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot open a write-ahead file of the journal");
    ssize_t got = 1;
    while (got > 0) {
        char *room = lh_buf_reserve(into, 1 << 20);
        got = room ? read(fd, room, 1 << 20) : -1;
        if (got > 0) into->len += (size_t)got;
    }
    int failed = errno;
    close(fd);
    LH_TRY(lh_buf_check(into, err));
    return got < 0 ? lh_fail_errno(err, failed, "cannot read a write-ahead file of the journal") : LH_OK;
}

lh_code journal_writer_inspect(journal_writer *writer, journal_wal *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf bytes = LH_BUF_INIT(JOURNAL_FILE_BYTES);
    char path[JOURNAL_PATH_BYTES];
    journal_wal wal = {0};
    pthread_mutex_lock(&writer->lock);
    writer_begin_file_locked(writer);
    uint64_t durable_seq = writer->durable_seq; /* only who has the file changes it */
    writer_path(writer, ".wal", path);
    lh_code code = writer->fd >= 0 ? file_read(path, &bytes, err) : LH_OK;
    writer_end_file_locked(writer);
    pthread_mutex_unlock(&writer->lock);
    if (code == LH_OK && bytes.len) code = journal_wal_read(lh_buf_str(&bytes), writer->spec, &wal, err);
    if (code != LH_OK) return code;
    wal.durable_seq = durable_seq;
    *ret = wal;
    return LH_OK;
}

/* ---- taking up what is there ---- */

/* It never wrote a record: its lock is not needed any more. */
static void writer_forget(const journal_writer *writer) {
    char path[JOURNAL_PATH_BYTES];
    writer_path(writer, ".lock", path);
    unlink(path);
}

static void writer_free(journal_writer *writer) {
    if (!writer) return;
    for (size_t i = 0; i < writer->count; i++) free(writer->items[i]);
    free(writer->items);
    lh_buf_done(&writer->out);
    if (writer->fd >= 0) close(writer->fd);
    else if (writer->lock_fd >= 0 && writer->base.seq == 0 && !writer->damaged) writer_forget(writer);
    if (writer->lock_fd >= 0) close(writer->lock_fd);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}
static void writer_freep(journal_writer **writer) { writer_free(*writer); }

void journal_writers_free(journal_writer *writers) {
    while (writers) {
        journal_writer *gone = writers;
        writers = gone->next;
        writer_free(gone);
    }
}

/* *ret stays NULL when another process has it. */
static lh_code writer_new(const journal_spec *spec, const char *folder, lh_str id, journal_writer **ret,
                          lh_error *err) {
    char path[JOURNAL_PATH_BYTES];
    LH_CLEANUP(writer_freep) journal_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return lh_fail(err, LH_NO_MEMORY, "journal: out of memory");
    writer->fd = writer->lock_fd = -1;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->changed, NULL);
    writer->spec = spec;
    writer->folder = folder;
    memcpy(writer->base.writer.text, id.ptr, 36);
    writer->base.hash = writer->last_hash = writer->durable_hash = journal_genesis;
    writer->broken = true;
    writer->out = LH_BUF_INIT(JOURNAL_FILE_BYTES);
    writer_path(writer, ".lock", path);
    writer->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (writer->lock_fd < 0) return lh_fail_errno(err, errno, "cannot make a lock of the journal");
    if (flock(writer->lock_fd, LOCK_EX | LOCK_NB) != 0) return LH_OK;
    *ret = lh_take(&writer);
    return LH_OK;
}

/* The chain goes on behind the last record. */
static void writer_adopt(journal_writer *writer, journal_wal *wal) {
    writer->base = wal->base;
    writer->items = lh_take(&wal->items);
    writer->count = writer->room = wal->count;
    writer->bytes = wal->bytes;
    writer->unsure = wal->count > 0;
    writer->last_seq = wal->base.seq;
    writer->last_hash = wal->base.hash;
    if (wal->count) {
        const journal_record *last = writer->items[wal->count - 1];
        journal_row row;
        writer->last_seq = last->seq;
        writer->last_hash = lh_sha256_to_hex(&last->hash);
        if (journal_row_read(journal_record_str(last), writer->spec, &row, NULL) == LH_OK)
            writer->last_time_ms = row.time_ms;
    }
    writer->durable_seq = writer->last_seq;
    writer->durable_hash = writer->last_hash;
    memcpy(writer->problems, wal->problems, sizeof wal->problems);
    writer->problem_count = wal->problem_count;
    wal->count = 0;
}

/* A file that was changed is kept beside the one that goes on without what is spoilt. */
static lh_code writer_set_aside(const journal_writer *writer, const char *path, lh_error *err) {
    char aside[JOURNAL_PATH_BYTES];
    const lh_uuid id = lh_uuid_new();
    snprintf(aside, sizeof aside, "%s/damaged-%s-%s", writer->folder, writer->spec->name, id.text);
    if (link(path, aside) != 0) return lh_fail_errno(err, errno, "cannot keep a damaged write-ahead file");
    return LH_OK;
}

static lh_code writer_load(journal_writer *writer, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf bytes = LH_BUF_INIT(JOURNAL_FILE_BYTES);
    LH_CLEANUP(journal_wal_done) journal_wal wal = {0};
    char path[JOURNAL_PATH_BYTES];
    writer_path(writer, ".wal", path);
    lh_code code = file_read(path, &bytes, err);
    if (code == LH_NOT_FOUND) return LH_OK; /* no record was ever written */
    if (code == LH_OK) code = journal_wal_read(lh_buf_str(&bytes), writer->spec, &wal, err);
    writer->damaged = code != LH_OK;
    if (code == LH_CORRUPT)
        return lh_fail(
            err, code,
            "%s does not begin as a write-ahead file of the journal: move it away to go on without its records", path);
    if (code != LH_OK) return code;
    bool whole = !wal.torn && wal.problem_count == 0;
    if (wal.problem_count) LH_TRY(writer_set_aside(writer, path, err));
    writer_adopt(writer, &wal);
    if (!whole) return file_rewrite(writer, &writer->base, writer->items, writer->count, err);
    writer->fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (writer->fd < 0) return lh_fail_errno(err, errno, "cannot open a write-ahead file of the journal");
    writer->file_bytes = bytes.len;
    return LH_OK;
}

/* "<table>-<writer>.wal" → the writer; empty for any other name. */
static lh_str writer_of_file(const journal_spec *spec, const char *name) {
    lh_str text = lh_str_from(name), table = lh_str_from(spec->name);
    if (!lh_str_starts(text, table) || !lh_str_ends(text, LH_STR(".wal")) || text.len != table.len + 1 + 36 + 4)
        return LH_STR_NONE;
    lh_str id = lh_str_sub(text, table.len + 1, 36);
    return text.ptr[table.len] == '-' && lh_uuid_is_valid(id) ? id : LH_STR_NONE;
}

static lh_code writers_take(const journal_spec *spec, const char *folder, lh_str id, uint64_t buffer_max_bytes,
                            journal_writer **list, lh_error *err) {
    LH_CLEANUP(writer_freep) journal_writer *writer = NULL;
    LH_TRY(writer_new(spec, folder, id, &writer, err));
    if (!writer) return LH_OK;
    writer->buffer_max_bytes = buffer_max_bytes;
    LH_TRY(writer_load(writer, err));
    writer->broken = writer->fd < 0;
    writer->next = *list;
    *list = lh_take(&writer);
    return LH_OK;
}

lh_code journal_writers_open(const journal_spec *spec, const char *folder, uint64_t buffer_max_bytes,
                             journal_writer **ret, lh_error *err) {
    journal_writer *list = NULL;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return lh_fail_errno(err, errno, "cannot make the journal's folder %s", folder);
    DIR *dir = opendir(folder);
    if (!dir) return lh_fail_errno(err, errno, "cannot open the journal's folder %s", folder);
    lh_code code = LH_OK;
    for (struct dirent *entry; code == LH_OK && (entry = readdir(dir));) {
        lh_str id = writer_of_file(spec, entry->d_name);
        if (id.len) code = writers_take(spec, folder, id, buffer_max_bytes, &list, err);
    }
    closedir(dir);
    const lh_uuid fresh = lh_uuid_new();
    if (code == LH_OK && !list) code = writers_take(spec, folder, lh_uuid_str(&fresh), buffer_max_bytes, &list, err);
    if (code == LH_OK) *ret = list;
    else journal_writers_free(list);
    return code;
}
