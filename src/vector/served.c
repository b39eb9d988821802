/* Indexes held ready for searches. One is of a snapshot of its table and never changes; a search finds that of the table's current
 * snapshot, or waits while it is made, one at a time. Beyond the memory limit those go that were not used for longest. Texts lie
 * in a file without a name, which the system maps and may take back. */
#include "vector/vector_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- the life of one ---- */

static void served_free(vector_served *served) {
    if (!served) return;
    lh_ann_free(served->ann);
    if (served->texts) munmap((void *)(uintptr_t)served->texts, served->texts_bytes);
    free(served->places);
    free(served->ids);
    lh_str_free(served->name);
    free(served);
}
static void served_freep(vector_served **served) { served_free(*served); }

static void served_unlist_locked(lh_vector *vector, vector_served *served) {
    vector_served **at = &vector->served;
    while (*at != served) at = &(*at)->next;
    *at = served->next;
    served->dropped = true;
    if (served->users == 0) served_free(served);
}

void vector_served_release(lh_vector *vector, const vector_served *served) {
    if (!served) return;
    vector_served *own = (vector_served *)(uintptr_t)served; /* the count is ours to change */
    pthread_mutex_lock(&vector->lock);
    bool last = --own->users == 0 && own->dropped;
    pthread_mutex_unlock(&vector->lock);
    if (last) served_free(own);
}

void vector_served_forget(lh_vector *vector, lh_str name) {
    pthread_mutex_lock(&vector->lock);
    for (vector_served *at = vector->served, *next; at; at = next) {
        next = at->next;
        if (lh_str_eq(at->name, name)) served_unlist_locked(vector, at);
    }
    pthread_mutex_unlock(&vector->lock);
}

void vector_served_free_all(lh_vector *vector) {
    while (vector->served) served_unlist_locked(vector, vector->served);
}

/* ---- making one ---- */

typedef struct {
    vector_served *served;
    size_t room, vectors_room; /* of places; of vectors, in floats */
    float *vectors;
    FILE *file;
    uint64_t at, limit_bytes;
    uint32_t dimensions;
} served_load;

static bool served_grow(void *pointer, size_t *room, size_t needed, size_t size) {
    if (needed <= *room) return true;
    size_t more = 2 * needed;
    void *grown = realloc(*(void **)pointer, more * size);
    if (!grown) return false;
    *(void **)pointer = grown;
    *room = more;
    return true;
}

static lh_code served_take_row(served_load *load, const lh_chunk *chunk, uint64_t row, lh_error *err) {
    vector_served *s = load->served;
    lh_str id, text;
    int64_t number, start, end;
    const float *vector;
    size_t dimensions;
    if (!lh_chunk_string(chunk, 0, row, &id) || !lh_chunk_int(chunk, 1, row, &number) ||
        !lh_chunk_int(chunk, 2, row, &start) || !lh_chunk_int(chunk, 3, row, &end) ||
        !lh_chunk_string(chunk, 4, row, &text) || !lh_chunk_floats(chunk, 5, row, &vector, &dimensions))
        return lh_fail(err, LH_CORRUPT, "the table of the index '%.*s' has a NULL", LH_STR_ARG(s->name));
    if (dimensions != load->dimensions)
        return lh_fail(err, LH_CORRUPT, "the table of the index '%.*s' has a vector of %zu dimensions, not %" PRIu32,
                       LH_STR_ARG(s->name), dimensions, load->dimensions);
    if (((s->rows + 1) * dimensions) * sizeof(float) > load->limit_bytes)
        return lh_fail(err, LH_LIMIT, "the index '%.*s' does not fit into vector.memory_limit_bytes, %" PRIu64,
                       LH_STR_ARG(s->name), load->limit_bytes);
    if (!served_grow(&s->places, &load->room, s->rows + 1, sizeof *s->places) ||
        !served_grow(&load->vectors, &load->vectors_room, (s->rows + 1) * dimensions, sizeof *load->vectors))
        return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    memcpy(load->vectors + s->rows * dimensions, vector, dimensions * sizeof *vector);
    if ((id.len && fwrite(id.ptr, id.len, 1, load->file) != 1) ||
        (text.len && fwrite(text.ptr, text.len, 1, load->file) != 1))
        return lh_fail_errno(err, errno, "cannot write the scratch file of the index '%.*s'", LH_STR_ARG(s->name));
    s->places[s->rows++] = (vector_text){load->at,        (uint32_t)id.len, (uint32_t)text.len,
                                         (int32_t)number, (int32_t)start,   (int32_t)end};
    load->at += id.len + text.len;
    return LH_OK;
}

static lh_code served_take(void *ctx, const lh_chunk *chunk, lh_error *err) {
    for (uint64_t row = 0; row < lh_chunk_rows(chunk); row++) LH_TRY(served_take_row(ctx, chunk, row, err));
    return LH_OK;
}

/* Its columns in the order that served_take_row() takes them. */
static lh_code served_read_table(lh_vector *vector, const vector_definition *d, lh_cancel *cancel, served_load *load,
                                 lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    LH_TRY(lh_session_open(vector->engine, cancel, &session, err));
    lh_buf_append(&sql, LH_STR("SELECT CAST(id AS VARCHAR) AS id, CAST(chunk AS BIGINT), CAST(text_start AS BIGINT), "
                               "CAST(text_end AS BIGINT), text, embedding FROM "));
    lh_engine_table_sql(d->table, arena, &sql);
    if (load->served->snapshot_id >= 0)
        lh_buf_printf(&sql, " AT (VERSION => %" PRId64 ")", load->served->snapshot_id);
    lh_buf_append(&sql, LH_STR(" ORDER BY 1, 2"));
    LH_TRY(lh_buf_check(&sql, err));
    return lh_session_each(session, lh_buf_str(&sql), NULL, served_take, load, err);
}

static lh_code served_open_file(lh_vector *vector, served_load *load, lh_error *err) {
    char path[4096];
    const lh_uuid id = lh_uuid_new();
    if ((size_t)snprintf(path, sizeof path, "%.*s/texts-%s", LH_STR_ARG(vector->folder), id.text) >= sizeof path)
        return lh_fail(err, LH_INVALID, "the path of the scratch folder is too long");
    load->file = fopen(path, "w+e");
    if (!load->file) return lh_fail_errno(err, errno, "cannot make a scratch file for an index");
    unlink(path);
    return LH_OK;
}

static lh_code served_map(served_load *load, lh_error *err) {
    vector_served *s = load->served;
    if (fflush(load->file) != 0) return lh_fail_errno(err, errno, "cannot write the scratch file of an index");
    if (load->at == 0) return LH_OK;
    void *mapped = mmap(NULL, (size_t)load->at, PROT_READ, MAP_SHARED, fileno(load->file), 0);
    if (mapped == MAP_FAILED) return lh_fail_errno(err, errno, "cannot map the scratch file of an index");
    s->texts = mapped;
    s->texts_bytes = (size_t)load->at;
    return LH_OK;
}

static lh_code served_list_ids(vector_served *s, lh_error *err) {
    s->ids = calloc(s->rows + 1, sizeof *s->ids);
    if (!s->ids) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    for (size_t row = 0; row < s->rows; row++) {
        bool same = row > 0 && lh_str_eq(vector_served_id(s, row), vector_served_id(s, row - 1));
        if (!same) s->ids[s->id_count++] = (vector_place){row, 0};
        s->ids[s->id_count - 1].count++;
    }
    return LH_OK;
}

static lh_code served_build(lh_vector *vector, const vector_definition *d, lh_cancel *cancel, served_load *load,
                            lh_error *err) {
    vector_served *s = load->served;
    const lh_ann_options options = {d->metric, d->dimensions, true, LH_HNSW_DEFAULTS};
    const lh_ann_work work = {.threads = vector->threads, .cancelled = lh_cancel_flag(cancel)};
    LH_TRY(served_open_file(vector, load, err));
    LH_TRY(served_read_table(vector, d, cancel, load, err));
    LH_TRY(served_map(load, err));
    LH_TRY(served_list_ids(s, err));
    LH_TRY(lh_ann_build(&options, load->vectors, s->rows, &work, &s->ann, err));
    s->bytes = (size_t)lh_ann_info_of(s->ann).heap_bytes + s->rows * (sizeof *s->places + sizeof *s->ids);
    return LH_OK;
}

static lh_code served_make(lh_vector *vector, const vector_definition *d, int64_t snapshot_id, lh_cancel *cancel,
                           vector_served **ret, lh_error *err) {
    LH_CLEANUP(served_freep) vector_served *served = calloc(1, sizeof *served);
    if (!served) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    served->snapshot_id = snapshot_id;
    if (lh_str_dup(d->name, &served->name) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    served_load load = {.served = served, .dimensions = d->dimensions, .limit_bytes = vector->memory_limit_bytes};
    lh_code code = served_build(vector, d, cancel, &load, err);
    if (load.file) fclose(load.file);
    free(load.vectors);
    LH_TRY(code);
    *ret = lh_take(&served);
    return LH_OK;
}

/* ---- finding one ---- */

static vector_served *served_find_locked(lh_vector *vector, lh_str name, int64_t snapshot_id) {
    vector_served *at = vector->served;
    while (at && !(lh_str_eq(at->name, name) && at->snapshot_id == snapshot_id)) at = at->next;
    if (!at) return NULL;
    at->users++;
    at->last_use = ++vector->uses;
    return at;
}

/* Others of its name go; then of all, while they are too large, the one that was not used for longest. */
static void served_list_locked(lh_vector *vector, vector_served *served) {
    for (vector_served *at = vector->served, *next; at; at = next) {
        next = at->next;
        if (lh_str_eq(at->name, served->name)) served_unlist_locked(vector, at);
    }
    served->next = vector->served;
    vector->served = served;
    served->users = 1;
    served->last_use = ++vector->uses;
    for (;;) {
        uint64_t bytes = 0;
        vector_served *oldest = NULL;
        for (vector_served *at = vector->served; at; at = at->next) {
            bytes += at->bytes;
            if (at != served && (!oldest || at->last_use < oldest->last_use)) oldest = at;
        }
        if (bytes <= vector->memory_limit_bytes || !oldest) return;
        served_unlist_locked(vector, oldest);
    }
}

/* Waits for its turn to make one. False: another made it meanwhile, which is *ret. */
static bool served_begin(lh_vector *vector, lh_str name, int64_t snapshot_id, vector_served **ret) {
    pthread_mutex_lock(&vector->lock);
    while (!(*ret = served_find_locked(vector, name, snapshot_id)) && vector->loading)
        pthread_cond_wait(&vector->changed, &vector->lock);
    bool mine = !*ret;
    if (mine) vector->loading = true;
    pthread_mutex_unlock(&vector->lock);
    return mine;
}

static void served_end(lh_vector *vector, vector_served *made) {
    pthread_mutex_lock(&vector->lock);
    vector->loading = false;
    if (made) served_list_locked(vector, made);
    pthread_cond_broadcast(&vector->changed);
    pthread_mutex_unlock(&vector->lock);
}

lh_code vector_served_get(lh_vector *vector, const vector_definition *d, lh_cancel *cancel, const vector_served **ret,
                          lh_error *err) {
    int64_t snapshot_id;
    vector_served *served = NULL;
    LH_TRY(lh_table_snapshot_id(vector->catalog, d->table, &snapshot_id, err));
    if (served_begin(vector, d->name, snapshot_id, &served)) {
        lh_code code = served_make(vector, d, snapshot_id, cancel, &served, err);
        served_end(vector, served);
        LH_TRY(code);
    }
    *ret = served;
    return LH_OK;
}

const vector_place *vector_served_find(const vector_served *s, lh_str id) {
    size_t low = 0, high = s->id_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = lh_str_cmp(vector_served_id(s, s->ids[middle].first), id);
        if (order == 0) return &s->ids[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}
