/* Vectors that no commit holds yet, so that a job that is cut off does not ask the model for them again. Each batch has a file of its
 * own, from when it is embedded until the table has it:
 *
 *   <table>.<uuid>.kept   the header below, the SHA-256 of each text, their vectors, the SHA-256 of all of that
 *
 * A file is of one table and one model; one that is torn, or another model's, is none. Files can be lost: what they held is embedded
 * anew. Those that a job finds stay until a job of the index ends well. */
#include "vector/vector_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { KEPT_VERSION = 1, KEPT_PATH_BYTES = 4096 };
#define KEPT_MAGIC "LHKEPT\0"
#define KEPT_SUFFIX ".kept"

typedef struct {
    char magic[8];
    uint32_t version, dimensions;
    uint64_t count;
    char model[192]; /* provider/name/version; ended by NULs */
} kept_head;

typedef struct kept_file {
    struct kept_file *next;
    void *bytes; /* mapped */
    size_t size;
} kept_file;

typedef struct {
    const unsigned char *hash; /* of the text */
    const float *vector;
} kept_one;

struct vector_kept {
    kept_file *files;
    kept_one *all; /* by hash */
    size_t count;
};

static kept_head kept_head_of(const vector_definition *d, size_t count) {
    kept_head head = {.magic = KEPT_MAGIC, .version = KEPT_VERSION, .dimensions = d->dimensions, .count = count};
    snprintf(head.model, sizeof head.model, "%.*s/%.*s/%.*s", LH_STR_ARG(d->model.provider), LH_STR_ARG(d->model.name),
             LH_STR_ARG(d->model.version));
    return head;
}

/* ---- the folder ---- */

/* Calls `each` with the path of every file of the table's. */
static void kept_each(const lh_vector *vector, lh_str table, void (*each)(void *ctx, const char *path), void *ctx) {
    char path[KEPT_PATH_BYTES];
    DIR *all = lh_str_to_cstr(vector->folder, path, sizeof path, NULL) == LH_OK ? opendir(path) : NULL;
    for (struct dirent *entry; all && (entry = readdir(all));) {
        lh_str name = lh_str_from(entry->d_name);
        bool mine = lh_str_starts(name, table) && name.len > table.len && name.ptr[table.len] == '.' &&
                    lh_str_ends(name, LH_STR(KEPT_SUFFIX)); /* no table's name has a dot */
        if (mine &&
            snprintf(path, sizeof path, "%.*s/%s", LH_STR_ARG(vector->folder), entry->d_name) < (int)sizeof path)
            each(ctx, path);
    }
    if (all) closedir(all);
}

static void kept_unlink(void *ctx, const char *path) {
    (void)ctx;
    unlink(path);
}

void vector_kept_remove(const lh_vector *vector, lh_str table) { kept_each(vector, table, kept_unlink, NULL); }

/* ---- reading ---- */

static bool kept_is_whole(const kept_file *file, const kept_head *like) {
    const kept_head *head = file->bytes;
    const size_t each = LH_SHA256_BYTES + sizeof(float) * like->dimensions;
    if (file->size < sizeof *head + LH_SHA256_BYTES || memcmp(head, like, offsetof(kept_head, count)) != 0 ||
        memcmp(head->model, like->model, sizeof head->model) != 0)
        return false;
    size_t left = file->size - sizeof *head - LH_SHA256_BYTES;
    if (left % each != 0 || head->count != left / each) return false;
    const lh_sha256 sum = lh_sha256_of((lh_str){file->bytes, file->size - LH_SHA256_BYTES});
    return memcmp(sum.bytes, (const char *)file->bytes + file->size - LH_SHA256_BYTES, sizeof sum.bytes) == 0;
}

typedef struct {
    vector_kept *kept;
    kept_head like;
} kept_reading;

static void kept_read(void *ctx, const char *path) {
    kept_reading *reading = ctx;
    kept_file *file = calloc(1, sizeof *file);
    lh_str bytes;
    if (file && vector_map_file(path, &bytes)) {
        *file = (kept_file){.bytes = (void *)(uintptr_t)bytes.ptr, .size = bytes.len};
        if (kept_is_whole(file, &reading->like)) {
            file->next = reading->kept->files;
            reading->kept->files = file;
            reading->kept->count += (size_t)((const kept_head *)file->bytes)->count;
            return;
        }
        munmap(file->bytes, file->size);
        unlink(path);
    }
    free(file);
}

static int kept_order(const void *a, const void *b) {
    return memcmp(((const kept_one *)a)->hash, ((const kept_one *)b)->hash, LH_SHA256_BYTES);
}

lh_code vector_kept_open(const lh_vector *vector, const vector_definition *d, vector_kept **ret, lh_error *err) {
    LH_CLEANUP(vector_kept_freep) vector_kept *kept = calloc(1, sizeof *kept);
    if (!kept) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    kept_reading reading = {kept, kept_head_of(d, 0)};
    kept_each(vector, d->table.name, kept_read, &reading);
    kept->all = calloc(kept->count + 1, sizeof *kept->all);
    if (!kept->all) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    size_t at = 0;
    for (const kept_file *file = kept->files; file; file = file->next) {
        const kept_head *head = file->bytes;
        const unsigned char *hashes = (const unsigned char *)(head + 1);
        const float *vectors = (const float *)(const void *)(hashes + head->count * LH_SHA256_BYTES);
        for (size_t i = 0; i < head->count; i++)
            kept->all[at++] = (kept_one){hashes + i * LH_SHA256_BYTES, vectors + i * head->dimensions};
    }
    qsort(kept->all, kept->count, sizeof *kept->all, kept_order);
    *ret = lh_take(&kept);
    return LH_OK;
}

void vector_kept_free(vector_kept *kept) {
    if (!kept) return;
    for (kept_file *file = kept->files, *next; file; file = next) {
        next = file->next;
        munmap(file->bytes, file->size);
        free(file);
    }
    free(kept->all);
    free(kept);
}

const float *vector_kept_find(const vector_kept *kept, lh_str text) {
    if (kept->count == 0) return NULL;
    const lh_sha256 hash = lh_sha256_of(text);
    const kept_one wanted = {.hash = hash.bytes};
    const kept_one *found = bsearch(&wanted, kept->all, kept->count, sizeof *kept->all, kept_order);
    return found ? found->vector : NULL;
}

/* ---- writing ---- */

static bool kept_write(const char *path, const kept_head *head, const lh_sha256 *hashes, const float *vectors) {
    const size_t hash_bytes = (size_t)head->count * sizeof *hashes,
                 vector_bytes = (size_t)head->count * head->dimensions * sizeof *vectors;
    lh_sha256_stream *stream = NULL;
    FILE *file = lh_sha256_stream_new(&stream, NULL) == LH_OK ? fopen(path, "wxe") : NULL;
    bool good = file && fwrite(head, sizeof *head, 1, file) == 1 && fwrite(hashes, hash_bytes, 1, file) == 1 &&
                fwrite(vectors, vector_bytes, 1, file) == 1;
    if (good) {
        lh_sha256_stream_add(stream, (lh_str){(const char *)head, sizeof *head});
        lh_sha256_stream_add(stream, (lh_str){(const char *)hashes, hash_bytes});
        lh_sha256_stream_add(stream, (lh_str){(const char *)vectors, vector_bytes});
        const lh_sha256 sum = lh_sha256_stream_end(stream);
        good = fwrite(&sum, sizeof sum, 1, file) == 1;
    }
    lh_sha256_stream_free(stream);
    if (file) good = fclose(file) == 0 && good;
    return good;
}

void vector_kept_save(const lh_vector *vector, const vector_definition *d, vector_batch *batch) {
    const kept_head head = kept_head_of(d, batch->chunk_count);
    const lh_uuid id = lh_uuid_new();
    lh_str path = lh_arena_printf(batch->arena, "%.*s/%.*s.%s" KEPT_SUFFIX, LH_STR_ARG(vector->folder),
                                  LH_STR_ARG(d->table.name), id.text);
    lh_sha256 *hashes = LH_ARENA_ARRAY(batch->arena, lh_sha256, batch->chunk_count);
    if (batch->chunk_count == 0 || lh_arena_check(batch->arena, NULL) != LH_OK) return;
    for (size_t i = 0; i < batch->chunk_count; i++) hashes[i] = lh_sha256_of(batch->texts[i]);
    if (kept_write(path.ptr, &head, hashes, batch->vectors)) batch->kept = path.ptr;
    else unlink(path.ptr);
}
