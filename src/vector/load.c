/* An index made ready: from its two files when they are of the table's snapshot, those here or those in the bucket (beside.c); from
 * them and what the table has more or less when they are of an older one; else from the table. The files lie in the module's folder
 * and can be lost at any time:
 *
 *   <name>.texts   vector_texts_head, the texts (each row's id and chunk), the rows (vector_text), all as in memory
 *   <name>.ann     ann's file, bound to table, snapshot, model, what its graph was built by and the SHA-256 of the whole of the other
 *
 * so that a torn, foreign or older pair is never taken: it is made anew. Of a row that is gone the text does not stay: only its vector,
 * until the graph is built anew. */
#include "vector/vector_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOAD_VERSION = 1, LOAD_CHANGED_PERCENT = 30, LOAD_ARENA_BYTES = 4 << 20 };

#define LOAD_MAGIC "LHTEXTS"

typedef struct {
    lh_vector *vector;
    const vector_definition *definition;
    int64_t snapshot_id;
    lh_cancel *cancel;
    vector_texts_head head; /* of the file to be */
    char kind[17];
    const vector_served *base; /* what there is of an older snapshot; NULL: nothing */
    /* the rows that come */
    FILE *file;
    char path[VECTOR_PATH_BYTES];
    vector_text *rows;
    float *vectors;
    size_t count, room, first, floats_room; /* first: of those that are new */
    uint64_t at;
    /* of the base */
    bool *seen;
    lh_arena *arena; /* of ids */
    lh_str *ids;     /* that are new or changed */
    size_t id_count, id_room;
} load;

const char *const vector_file_suffixes[VECTOR_FILES] = {".texts", ".ann"};

lh_code vector_load_path(const lh_vector *vector, lh_str name, const char *suffix, char into[VECTOR_PATH_BYTES],
                         lh_error *err) {
    int length = snprintf(into, VECTOR_PATH_BYTES, "%.*s/%.*s%s", LH_STR_ARG(vector->folder), LH_STR_ARG(name), suffix);
    return length < VECTOR_PATH_BYTES ? LH_OK
                                      : lh_fail(err, LH_INVALID, "the path of the folder of indexes is too long");
}

void vector_load_remove_files(lh_vector *vector, lh_str name) {
    char path[VECTOR_PATH_BYTES];
    for (size_t i = 0; i < VECTOR_FILES; i++)
        if (vector_load_path(vector, name, vector_file_suffixes[i], path, NULL) == LH_OK) unlink(path);
    vector_lance_remove(vector, name);
    vector_kept_remove(vector, name);
}

static bool load_grow(void *pointer, size_t *room, size_t needed, size_t size) {
    if (needed <= *room) return true;
    void *grown = realloc(*(void **)pointer, 2 * needed * size);
    if (!grown) return false;
    *(void **)pointer = grown;
    *room = 2 * needed;
    return true;
}

/* ---- the file of texts ---- */

static lh_str load_binding(const vector_texts_head *head, const lh_hnsw_config *config, const lh_sha256 *hash,
                           lh_arena *arena) {
    return lh_arena_printf(arena, "%s/%" PRId64 "/%s/%" PRIu32 "/%" PRIu32 "/%s/%" PRIu64 "/%s", head->table,
                           head->snapshot_id, head->model, config->ef_construction, config->connectivity,
                           lh_ann_dtype_name(config->dtype), config->seed, lh_sha256_to_hex(hash).text);
}

/* What files must be alike in to be of use, but for the snapshot. */
static void load_set_kind(load *l) {
    const lh_hnsw_config *config = &l->definition->hnsw;
    char text[512];
    snprintf(text, sizeof text,
             "%d/%d/%" PRIu32 "/%" PRIu32 "/%" PRIu32 "/%s/%s/%.*s/%" PRIu32 "/%" PRIu32 "/%s/%" PRIu64, LOAD_VERSION,
             LH_ANN_FILE_VERSION, l->head.row_bytes, l->head.dimensions, l->head.metric, l->head.table, l->head.model,
             LH_STR_ARG(l->definition->backend), config->ef_construction, config->connectivity,
             lh_ann_dtype_name(config->dtype), config->seed);
    const lh_sha256 hash = lh_sha256_of(lh_str_from(text));
    snprintf(l->kind, sizeof l->kind, "%.16s", lh_sha256_to_hex(&hash).text);
}

bool vector_texts_take(vector_served *served, lh_str file, const vector_texts_head *like) {
    const vector_texts_head *head = (const vector_texts_head *)(const void *)file.ptr;
    if (file.len < sizeof *head || memcmp(head->magic, like->magic, sizeof head->magic) != 0 ||
        head->version != like->version || head->row_bytes != like->row_bytes || head->dimensions != like->dimensions ||
        head->metric != like->metric || memcmp(head->table, like->table, sizeof head->table) != 0 ||
        memcmp(head->model, like->model, sizeof head->model) != 0)
        return false;
    size_t left = file.len - sizeof *head;
    if (head->texts_bytes > left || head->texts_bytes % 8 != 0 ||
        head->row_count > (left - head->texts_bytes) / sizeof(vector_text) || head->row_count > LH_ANN_ROWS_MAX ||
        head->row_count * sizeof(vector_text) != left - head->texts_bytes)
        return false;
    served->texts = file.ptr + sizeof *head;
    served->rows = (const vector_text *)(const void *)(served->texts + head->texts_bytes);
    served->row_count = (size_t)head->row_count;
    served->snapshot_id = head->snapshot_id;
    for (size_t i = 0; i < served->row_count; i++) {
        uint64_t size = (uint64_t)served->rows[i].id_bytes + served->rows[i].text_bytes;
        if (size > head->texts_bytes || served->rows[i].at > head->texts_bytes - size) return false;
    }
    return true;
}

bool vector_map_file(const char *path, lh_str *ret) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    bool good = fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0;
    void *bytes = good ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0) close(fd);
    if (bytes == MAP_FAILED) return false;
    *ret = (lh_str){bytes, (size_t)st.st_size};
    return true;
}

static bool texts_map(const char *path, const vector_texts_head *like, vector_served *served, lh_sha256 *ret_hash) {
    lh_str file;
    if (!vector_map_file(path, &file)) return false;
    served->file = (void *)(uintptr_t)file.ptr;
    served->file_bytes = file.len;
    *ret_hash = lh_sha256_of(file);
    return vector_texts_take(served, file, like);
}

static lh_code texts_write(load *l, const void *bytes, size_t size, lh_error *err) {
    if (size && fwrite(bytes, size, 1, l->file) != 1)
        return lh_fail_errno(err, errno, "cannot write the texts of the index '%.*s'", LH_STR_ARG(l->definition->name));
    return LH_OK;
}

/* Under a name of its own: what is mapped by searches is not touched. */
static lh_code texts_begin(load *l, lh_error *err) {
    const lh_uuid id = lh_uuid_new();
    LH_TRY(vector_load_path(l->vector, lh_uuid_str(&id), ".tmp", l->path, err));
    l->file = fopen(l->path, "w+e");
    if (!l->file) return lh_fail_errno(err, errno, "cannot make the file of an index's texts");
    return texts_write(l, &l->head, sizeof l->head, err);
}

/* The rows behind the texts, then the head once more, with all its numbers. */
static lh_code texts_end(load *l, lh_error *err) {
    static const char zeros[8] = {0};
    size_t padding = (size_t)(-l->at & 7);
    LH_TRY(texts_write(l, zeros, padding, err));
    l->head.texts_bytes = l->at + padding;
    l->head.row_count = l->count;
    LH_TRY(texts_write(l, l->rows, l->count * sizeof *l->rows, err));
    if (fseek(l->file, 0, SEEK_SET) != 0) return lh_fail_errno(err, errno, "cannot write the texts of an index");
    LH_TRY(texts_write(l, &l->head, sizeof l->head, err));
    if (fflush(l->file) != 0) return lh_fail_errno(err, errno, "cannot write the texts of an index");
    return LH_OK;
}

/* ---- rows of the table ---- */

static bool load_unhex(lh_str hex, char into[VECTOR_HASH_BYTES / 2]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < VECTOR_HASH_BYTES / 2; i++) {
        const char *high = hex.len == VECTOR_HASH_BYTES ? memchr(digits, hex.ptr[2 * i], 16) : NULL;
        const char *low = high ? memchr(digits, hex.ptr[2 * i + 1], 16) : NULL;
        if (!low) return false;
        into[i] = (char)(((high - digits) << 4) | (low - digits));
    }
    return true;
}

/* The base's row of that id, chunk and hash; SIZE_MAX: it has none. */
static size_t load_find(const load *l, lh_str id, int64_t chunk, const char hash[VECTOR_HASH_BYTES / 2]) {
    const vector_place *place = l->base ? vector_served_find(l->base, id) : NULL;
    for (size_t i = 0; place && i < place->count; i++) {
        size_t row = l->base->order[place->first + i];
        if (l->base->rows[row].chunk == chunk && memcmp(l->base->rows[row].hash, hash, VECTOR_HASH_BYTES / 2) == 0)
            return row;
    }
    return SIZE_MAX;
}

static lh_code load_corrupt(const load *l, lh_error *err) {
    return lh_fail(err, LH_CORRUPT, "the table of the index '%.*s' has a row that is not one of an index",
                   LH_STR_ARG(l->definition->name));
}

/* id, chunk, row_hash, text_start, text_end, text, embedding */
static lh_code load_take_row(load *l, const lh_chunk *chunk, uint64_t row, lh_error *err) {
    lh_str id, text, hash;
    int64_t number, start, end;
    const float *vector;
    size_t dimensions = l->definition->dimensions, got;
    vector_text taken = {.at = l->at};
    if (!lh_chunk_string(chunk, 0, row, &id) || !lh_chunk_int(chunk, 1, row, &number) ||
        !lh_chunk_string(chunk, 2, row, &hash) || !lh_chunk_int(chunk, 3, row, &start) ||
        !lh_chunk_int(chunk, 4, row, &end) || !lh_chunk_string(chunk, 5, row, &text) ||
        !lh_chunk_floats(chunk, 6, row, &vector, &got) || got != dimensions || !load_unhex(hash, taken.hash) ||
        number < 0 || number > INT32_MAX)
        return load_corrupt(l, err);
    if (load_find(l, id, number, taken.hash) != SIZE_MAX) return LH_OK;
    size_t fresh = l->count - l->first;
    if ((l->count + 1) * dimensions > l->vector->memory_limit_bytes / sizeof *l->vectors)
        return lh_fail(err, LH_LIMIT, "the index '%.*s' does not fit into vector.memory_limit_bytes, %" PRIu64,
                       LH_STR_ARG(l->definition->name), l->vector->memory_limit_bytes);
    if (!load_grow(&l->rows, &l->room, l->count + 1, sizeof *l->rows) ||
        !load_grow(&l->vectors, &l->floats_room, (fresh + 1) * dimensions, sizeof *l->vectors))
        return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    memcpy(l->vectors + fresh * dimensions, vector, dimensions * sizeof *vector);
    LH_TRY(texts_write(l, id.ptr, id.len, err));
    LH_TRY(texts_write(l, text.ptr, text.len, err));
    taken.id_bytes = (uint32_t)id.len;
    taken.text_bytes = (uint32_t)text.len;
    taken.chunk = (int32_t)number;
    taken.start = (int32_t)start;
    taken.end = (int32_t)end;
    l->rows[l->count++] = taken;
    l->at += id.len + text.len;
    return LH_OK;
}

static lh_code load_take(void *ctx, const lh_chunk *chunk, lh_error *err) {
    for (uint64_t row = 0; row < lh_chunk_rows(chunk); row++) LH_TRY(load_take_row(ctx, chunk, row, err));
    return LH_OK;
}

static lh_code load_sql(const load *l, const char *columns, const char *tail, lh_buf *into, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(1 << 20, &arena, err));
    lh_buf_printf(into, "SELECT %s FROM ", columns);
    lh_engine_table_sql(l->definition->table, arena, into);
    if (l->snapshot_id >= 0) lh_buf_printf(into, " AT (VERSION => %" PRId64 ")", l->snapshot_id);
    lh_buf_append(into, lh_str_from(tail));
    return lh_buf_check(into, err);
}

static lh_code load_read(load *l, lh_session *session, const char *tail, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    LH_TRY(load_sql(l,
                    "CAST(id AS VARCHAR) AS id, CAST(chunk AS BIGINT) AS chunk, row_hash, CAST(text_start AS BIGINT), "
                    "CAST(text_end AS BIGINT), text, embedding",
                    tail, &sql, err));
    return lh_session_each(session, lh_buf_str(&sql), NULL, load_take, l, err);
}

/* ---- ready ---- */

static int load_order(const void *a, const void *b, void *ctx) {
    const vector_served *s = ctx;
    size_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = lh_str_cmp(vector_served_id(s, x), vector_served_id(s, y));
    return order ? order : (s->rows[x].chunk > s->rows[y].chunk) - (s->rows[x].chunk < s->rows[y].chunk);
}

lh_code vector_texts_list(vector_served *s, lh_error *err) {
    size_t count = 0;
    s->order = calloc(s->row_count + 1, sizeof *s->order);
    s->ids = calloc(s->row_count + 1, sizeof *s->ids);
    if (!s->order || !s->ids) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    for (size_t row = 0; row < s->row_count; row++)
        if (s->rows[row].chunk >= 0) s->order[count++] = (uint32_t)row;
    qsort_r(s->order, count, sizeof *s->order, load_order, s);
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && lh_str_eq(vector_served_id(s, s->order[i]), vector_served_id(s, s->order[i - 1]));
        if (!same) s->ids[s->id_count++] = (vector_place){i, 0};
        s->ids[s->id_count - 1].count++;
    }
    s->bytes = s->row_count * (sizeof *s->order + sizeof *s->ids);
    return LH_OK;
}

static lh_code load_new_served(const load *l, vector_served **ret, lh_error *err) {
    vector_served *served = calloc(1, sizeof *served);
    if (served && lh_str_dup(l->definition->table.name, &served->name) == LH_OK) {
        served->config = l->definition->hnsw;
        memcpy(served->kind, l->kind, sizeof served->kind);
        return *ret = served, LH_OK;
    }
    free(served);
    return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
}

static lh_code load_open_into(const load *l, lh_arena *arena, vector_served *served, lh_error *err) {
    char texts[VECTOR_PATH_BYTES], graph[VECTOR_PATH_BYTES];
    lh_sha256 hash;
    vector_texts_head head = l->head;
    LH_TRY(vector_load_path(l->vector, l->definition->table.name, ".texts", texts, err));
    LH_TRY(vector_load_path(l->vector, l->definition->table.name, ".ann", graph, err));
    if (!texts_map(texts, &l->head, served, &hash))
        return lh_fail(err, LH_CORRUPT, "the texts of an index are not there, or make no sense");
    head.snapshot_id = served->snapshot_id;
    lh_str binding = load_binding(&head, &served->config, &hash, arena);
    LH_TRY(lh_arena_check(arena, err));
    if (!(served->binding = strndup(binding.ptr, binding.len))) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    LH_TRY(lh_ann_open(graph, binding, l->vector->threads, &served->ann, err));
    if (lh_ann_info_of(served->ann).rows != served->row_count)
        return lh_fail(err, LH_CORRUPT, "an index has texts of other rows");
    return vector_texts_list(served, err);
}

/* What the files hold, of whatever snapshot. Errors: CORRUPT, CONFLICT (they are not what they should be), NOT_FOUND, IO, NO_MEMORY. */
static lh_code load_open(const load *l, vector_served **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    vector_served *served = NULL;
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    LH_TRY(load_new_served(l, &served, err));
    lh_code code = load_open_into(l, arena, served, err);
    if (code != LH_OK) vector_served_free(served);
    else *ret = served;
    return code;
}

/* Those of the bucket, once they are here; `any`: of another snapshot, too. *ret untouched: there are none, or none that can be taken. */
static void load_fetch(const load *l, bool any, vector_served **ret) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    const vector_wanted wanted = {l->definition->table.name, l->kind, l->snapshot_id, l->cancel};
    if (lh_arena_new(LOAD_ARENA_BYTES, &arena, NULL) != LH_OK) return;
    lh_str name = vector_beside_fetch(l->vector, &wanted, any, arena);
    if (!name.len) return;
    vector_served *served = NULL;
    lh_code code = load_open(l, &served, NULL);
    if (code == LH_OK && !lh_str_eq(vector_beside_name(served, arena), name)) {
        vector_served_free(served);
        code = LH_CONFLICT;
    }
    if (code == LH_OK) *ret = served;
    if (code == LH_CORRUPT || code == LH_CONFLICT) vector_beside_reject(l->vector, wanted.table, name, arena);
}

/* The rows that were written, mapped; their index, moved; both kept in files, if they can be. */
static lh_code load_finish(load *l, lh_ann_index **ann, vector_served **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    char texts[VECTOR_PATH_BYTES], graph[VECTOR_PATH_BYTES];
    vector_served *served = NULL;
    lh_sha256 hash;
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    LH_TRY(vector_load_path(l->vector, l->definition->table.name, ".texts", texts, err));
    LH_TRY(vector_load_path(l->vector, l->definition->table.name, ".ann", graph, err));
    LH_TRY(texts_end(l, err));
    LH_TRY(load_new_served(l, &served, err));
    lh_code code = LH_OK;
    if (!texts_map(l->path, &l->head, served, &hash))
        code = lh_fail(err, LH_IO, "the texts of the index '%.*s' cannot be mapped", LH_STR_ARG(l->definition->name));
    if (code == LH_OK) code = vector_texts_list(served, err);
    lh_str binding = load_binding(&l->head, &served->config, &hash, arena);
    if (code == LH_OK && (served->binding = strndup(binding.ptr, binding.len)) == NULL)
        code = lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    if (code == LH_OK && l->base && l->base->binding) {
        served->base_binding = strdup(l->base->binding); /* without: what stands on it is made anew */
        served->base_rows = l->first;
    }
    if (code != LH_OK) {
        vector_served_free(served);
        return code;
    }
    served->ann = lh_take(ann);
    served->bytes += (size_t)lh_ann_info_of(served->ann).heap_bytes;
    if (lh_ann_save(served->ann, graph, binding, NULL) == LH_OK && rename(l->path, texts) == 0) l->path[0] = '\0';
    *ret = served;
    return LH_OK;
}

/* ---- from the table ---- */

static lh_code load_whole(load *l, vector_served **ret, lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_ann_freep) lh_ann_index *ann = NULL;
    const lh_ann_options options = {l->definition->metric, l->definition->dimensions, !vector_is_lance(l->definition),
                                    l->definition->hnsw};
    const lh_ann_work work = {.threads = l->vector->threads, .cancelled = lh_cancel_flag(l->cancel)};
    LH_TRY(texts_begin(l, err));
    LH_TRY(lh_session_open(l->vector->engine, l->cancel, &session, err));
    LH_TRY(load_read(l, session, " ORDER BY id, chunk", err));
    lh_session_close(lh_take(&session));
    LH_TRY(lh_ann_build(&options, l->vectors, l->count, &work, &ann, err));
    return load_finish(l, &ann, ret, err);
}

/* ---- from an older one and the table ---- */

/* id, chunk, row_hash of each row that there is: the base has it, or it comes. */
static lh_code load_compare(void *ctx, const lh_chunk *chunk, lh_error *err) {
    load *l = ctx;
    for (uint64_t row = 0; row < lh_chunk_rows(chunk); row++) {
        lh_str id, hash;
        int64_t number;
        char bytes[VECTOR_HASH_BYTES / 2];
        if (!lh_chunk_string(chunk, 0, row, &id) || !lh_chunk_int(chunk, 1, row, &number) ||
            !lh_chunk_string(chunk, 2, row, &hash) || !load_unhex(hash, bytes))
            return load_corrupt(l, err);
        size_t at = load_find(l, id, number, bytes);
        if (at != SIZE_MAX) {
            l->seen[at] = true;
            continue;
        }
        if (!load_grow(&l->ids, &l->id_room, l->id_count + 1, sizeof *l->ids))
            return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
        l->ids[l->id_count++] = lh_arena_dup(l->arena, id);
    }
    return lh_arena_check(l->arena, err);
}

/* Who may read the files may read the table as it is now, not what was in it. */
static lh_code load_blank_gone(load *l, lh_error *err) {
    static const char zeros[4096] = {0};
    if (fflush(l->file) != 0) return lh_fail_errno(err, errno, "cannot write the texts of an index");
    for (size_t i = 0; i < l->first; i++) {
        const vector_text *row = &l->rows[i];
        off_t at = (off_t)(sizeof l->head + row->at);
        if (row->chunk >= 0) continue;
        for (size_t left = (size_t)row->id_bytes + row->text_bytes; left;) {
            ssize_t written = pwrite(fileno(l->file), zeros, left < sizeof zeros ? left : sizeof zeros, at);
            if (written <= 0) return lh_fail_errno(err, errno, "cannot write the texts of an index");
            left -= (size_t)written;
            at += written;
        }
    }
    return LH_OK;
}

/* The base's texts and rows go over, those that are gone marked. *ret_gone: them. */
static lh_code load_copy_base(load *l, uint64_t **ret_gone, size_t *ret_count, lh_error *err) {
    const vector_served *base = l->base;
    size_t gone = 0;
    const vector_texts_head *head = (const vector_texts_head *)(const void *)base->file;
    *ret_gone = calloc(base->row_count + 1, sizeof **ret_gone);
    if (!*ret_gone || !load_grow(&l->rows, &l->room, base->row_count + 1, sizeof *l->rows))
        return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    if (base->row_count) memcpy(l->rows, base->rows, base->row_count * sizeof *l->rows);
    l->count = l->first = base->row_count;
    for (size_t i = 0; i < base->row_count; i++) {
        if (l->seen[i] || l->rows[i].chunk < 0) continue;
        l->rows[i].chunk = -1;
        memset(l->rows[i].hash, 0, sizeof l->rows[i].hash);
        (*ret_gone)[gone++] = i;
    }
    *ret_count = gone;
    l->at = head->texts_bytes;
    LH_TRY(texts_write(l, base->texts, (size_t)head->texts_bytes, err));
    return load_blank_gone(l, err);
}

static lh_code load_changes(load *l, lh_session *session, lh_ann_index *ann, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) uint64_t *gone = NULL;
    const lh_ann_work work = {.threads = l->vector->threads, .cancelled = lh_cancel_flag(l->cancel)};
    const lh_bulk_column column = {.strings = l->ids};
    size_t gone_count = 0;
    LH_TRY(texts_begin(l, err));
    LH_TRY(load_copy_base(l, &gone, &gone_count, err));
    if (l->id_count) {
        LH_TRY(lh_session_run(session, LH_STR("CREATE TEMP TABLE vector_ids (id VARCHAR)"), NULL, NULL, NULL, err));
        LH_TRY(lh_session_append(session, "vector_ids", &column, 1, l->id_count, err));
        LH_TRY(load_read(l, session,
                         " WHERE CAST(id AS VARCHAR) IN (SELECT id FROM temp.vector_ids) ORDER BY id, chunk", err));
    }
    LH_TRY(lh_ann_delete(ann, gone, gone_count, err));
    return lh_ann_extend(ann, l->vectors, l->count - l->first, &work, err);
}

/* *ret NULL: it is another for the most part, and better made from the table. */
static lh_code load_extend(load *l, vector_served *base, vector_served **ret, lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    size_t kept = 0;
    l->base = base;
    l->seen = calloc(base->row_count + 1, sizeof *l->seen);
    if (!l->seen) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    LH_TRY(lh_arena_new(VECTOR_ARENA_BYTES, &l->arena, err));
    LH_TRY(load_sql(l, "CAST(id AS VARCHAR), CAST(chunk AS BIGINT), row_hash", "", &sql, err));
    LH_TRY(lh_session_open(l->vector->engine, l->cancel, &session, err));
    LH_TRY(lh_session_each(session, lh_buf_str(&sql), NULL, load_compare, l, err));
    for (size_t i = 0; i < base->row_count; i++) kept += l->seen[i];
    size_t changed = base->row_count - kept + l->id_count; /* with those that were gone before */
    if (changed * 100 > kept * LOAD_CHANGED_PERCENT) return LH_OK;
    LH_TRY(load_changes(l, session, base->ann, err));
    return load_finish(l, &base->ann, ret, err);
}

/* ---- all of it ---- */

static void load_done(load *l) {
    if (l->file) fclose(l->file);
    if (l->path[0]) unlink(l->path);
    free(l->rows);
    free(l->vectors);
    free(l->seen);
    free(l->ids);
    lh_arena_free(l->arena);
}

static lh_code load_begin(load *l, lh_error *err) {
    const vector_definition *d = l->definition;
    lh_table_state state;
    LH_TRY(lh_table_get_state(l->vector->catalog, d->table, &state, err));
    l->head = (vector_texts_head){.magic = LOAD_MAGIC,
                                  .version = LOAD_VERSION,
                                  .row_bytes = sizeof(vector_text),
                                  .dimensions = d->dimensions,
                                  .metric = (uint32_t)d->metric,
                                  .snapshot_id = l->snapshot_id};
    snprintf(l->head.table, sizeof l->head.table, "%s", state.uuid.text);
    snprintf(l->head.model, sizeof l->head.model, "%.*s/%.*s/%.*s", LH_STR_ARG(d->model.provider),
             LH_STR_ARG(d->model.name), LH_STR_ARG(d->model.version));
    load_set_kind(l);
    return LH_OK;
}

/* From files of the snapshot that are here; else *ret is what there is of another, or untouched. */
static bool load_from_here(const load *l, vector_served **ret) {
    if (load_open(l, ret, NULL) != LH_OK || (*ret)->snapshot_id != l->snapshot_id) return false;
    (*ret)->came = VECTOR_MAPPED;
    vector_count(l->vector, &l->vector->stats.from_files);
    return true;
}

/* The same, wherever they are. */
static bool load_from_files(const load *l, vector_served **ret) {
    vector_served *here = NULL, *fetched = NULL;
    if (load_from_here(l, &here)) return *ret = here, true;
    load_fetch(l, !here, &fetched);
    if (fetched && fetched->snapshot_id == l->snapshot_id) {
        vector_served_free(here);
        fetched->came = VECTOR_FETCHED;
        vector_count(l->vector, &l->vector->stats.from_bucket);
        return *ret = fetched, true;
    }
    *ret = here ? here : fetched;
    if (here) vector_served_free(fetched);
    return false;
}

/* Room for all of the files, as if they were read: what is mapped beyond that is taken back before it is searched. */
static lh_code load_check_room(const load *l, lh_error *err) {
    const lh_vector_stats held = lh_vector_get_stats(l->vector);
    uint64_t bytes = held.bytes + held.mapped_bytes;
    for (size_t i = 0; i < VECTOR_FILES; i++) {
        char path[VECTOR_PATH_BYTES];
        struct stat st;
        LH_TRY(vector_load_path(l->vector, l->definition->table.name, vector_file_suffixes[i], path, err));
        if (stat(path, &st) != 0) return lh_fail(err, LH_NOT_FOUND, "there is no file %s", path);
        bytes += (uint64_t)st.st_size;
    }
    if (bytes <= l->vector->memory_limit_bytes) return LH_OK;
    return lh_fail(err, LH_LIMIT, "vector.memory_limit_bytes, %" PRIu64 ", is full", l->vector->memory_limit_bytes);
}

lh_code vector_load_map(lh_vector *vector, const vector_definition *d, int64_t snapshot_id, vector_served **ret,
                        lh_error *err) {
    load l = {.vector = vector, .definition = d, .snapshot_id = snapshot_id};
    vector_served *mapped = NULL;
    LH_TRY(load_begin(&l, err));
    LH_TRY(load_check_room(&l, err));
    if (load_from_here(&l, &mapped)) return *ret = mapped, LH_OK;
    vector_served_free(mapped);
    return lh_fail(err, LH_NOT_FOUND, "its files are torn, or of another snapshot");
}

lh_code vector_load(lh_vector *vector, const vector_definition *d, int64_t snapshot_id, lh_cancel *cancel,
                    vector_served **ret, lh_error *err) {
    load first = {.vector = vector, .definition = d, .snapshot_id = snapshot_id, .cancel = cancel}, second;
    vector_served *made = NULL, *base = NULL;
    LH_TRY(load_begin(&first, err));
    second = first;
    if (load_from_files(&first, &base)) return *ret = base, LH_OK;
    lh_code code = base ? load_extend(&first, base, &made, err) : LH_OK;
    load_done(&first);
    vector_served_free(base);
    bool extended = made != NULL;
    if (code == LH_OK && !extended) {
        code = load_whole(&second, &made, err);
        load_done(&second);
    }
    LH_TRY(code);
    made->came = extended ? VECTOR_EXTENDED : VECTOR_BUILT;
    vector_count(vector, extended ? &vector->stats.extended : &vector->stats.from_table);
    *ret = made;
    return LH_OK;
}
