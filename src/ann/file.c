/* The file of an index: written whole beside its place, then renamed; opened by mapping it.
 *
 *   0     file_head, 4096 bytes: magic, version, byte order, options, counts, where each section lies and its digest, the
 *         binding; its last 32 bytes are the SHA-256 of those before
 *   …     vectors   rows × padded f32   (padded: dimensions rounded up to ANN_LANES; cosine: normalised)
 *   …     codes     rows × padded i8
 *   …     meta      rows × ann_meta
 *   …     halves    rows × padded f16, dtype F16 only
 *   …     deleted   a bit a row, in 64-bit words; empty when none is
 *   …     twins     (row in the graph, row within its reach: twins.c) of 32 bits each, ascending; may be empty
 *   …     graph     USearch's form, graph.cc draws it; empty without HNSW
 *
 * Sections start at multiples of 4096, in this order, with zeros between. A digest covers a section to the start of the next, so
 * that no byte of the file is outside one: the SHA-256 of the SHA-256s of its pieces of 1 MiB, which threads make. Where sections
 * lie and how long they are follows from the options and counts; what the head says is compared with that, never trusted. */
#include "ann/ann_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_PAGE = 4096, FILE_PIECE = 1 << 20, FILE_BYTE_ORDER = 0x01020304 };
#define FILE_MAGIC "LHANN\r\n\x1a"

typedef enum file_part {
    FILE_VECTORS,
    FILE_CODES,
    FILE_META,
    FILE_HALVES,
    FILE_DELETED,
    FILE_TWINS,
    FILE_GRAPH,
    FILE_PARTS
} file_part;

typedef struct file_section {
    uint64_t at, bytes;
    lh_sha256 digest;
} file_section;

typedef struct file_head {
    char magic[8];
    uint32_t version, byte_order;
    uint32_t metric, dimensions, padded, hnsw;
    uint32_t ef_construction, ef_search, connectivity, dtype;
    uint64_t seed, rows, deleted, twins, file_bytes;
    file_section sections[FILE_PARTS];
    uint32_t meta_bytes, binding_bytes;
    char binding[LH_ANN_BINDING_BYTES];
    char zeros[FILE_PAGE - 88 - FILE_PARTS * 48 - 8 - LH_ANN_BINDING_BYTES - LH_SHA256_BYTES];
    lh_sha256 digest;
} file_head;
_Static_assert(sizeof(file_head) == FILE_PAGE, "the head has no holes");
_Static_assert(sizeof(ann_meta) == 16, "meta has no holes");
_Static_assert(sizeof(ann_twin) == 8, "a twin has no holes");

static uint64_t file_up(uint64_t bytes) { return (bytes + FILE_PAGE - 1) / FILE_PAGE * FILE_PAGE; }

/* Sections and size of a file with such options and counts. The graph's length is the only one that they do not give. */
static void file_layout(file_head *head, uint64_t graph_bytes) {
    uint64_t components = head->rows * head->padded;
    uint64_t bytes[FILE_PARTS] = {components * sizeof(float), components, head->rows * sizeof(ann_meta)};
    if (head->hnsw && head->dtype == LH_ANN_F16) bytes[FILE_HALVES] = components * sizeof(uint16_t);
    if (head->deleted) bytes[FILE_DELETED] = (head->rows + 63) / 64 * sizeof(uint64_t);
    bytes[FILE_TWINS] = head->twins * sizeof(ann_twin);
    if (head->hnsw) bytes[FILE_GRAPH] = graph_bytes;
    head->file_bytes = FILE_PAGE;
    for (size_t i = 0; i < FILE_PARTS; i++) {
        head->sections[i].at = head->file_bytes;
        head->sections[i].bytes = bytes[i];
        head->file_bytes += file_up(bytes[i]);
    }
}

/* --- digests ------------------------------------------------------------------------------------------------------- */

typedef struct digest_task {
    const char *data;
    size_t bytes, pieces;
    lh_sha256 *digests;
    _Atomic size_t next;
} digest_task;

static void digest_pieces(void *ctx, unsigned n) {
    digest_task *task = ctx;
    (void)n;
    for (size_t i; (i = atomic_fetch_add(&task->next, 1)) < task->pieces;)
        task->digests[i] = lh_sha256_of(lh_str_sub((lh_str){task->data, task->bytes}, i * FILE_PIECE, FILE_PIECE));
}

static lh_code digest_of(const char *data, size_t bytes, unsigned threads, lh_sha256 *ret, lh_error *err) {
    digest_task task = {.data = data, .bytes = bytes, .pieces = (bytes + FILE_PIECE - 1) / FILE_PIECE};
    LH_CLEANUP(lh_free_pointer) lh_sha256 *digests = malloc((task.pieces + 1) * sizeof *digests);
    if (!digests) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    task.digests = digests;
    ann_parallel(task.pieces < threads ? (unsigned)task.pieces : threads, digest_pieces, &task);
    *ret = lh_sha256_of((lh_str){(const char *)digests, task.pieces * sizeof *digests});
    return LH_OK;
}

static lh_code digest_of_part(const char *file, const file_head *head, size_t part, unsigned threads, lh_sha256 *ret,
                              lh_error *err) {
    uint64_t at = head->sections[part].at, end = part + 1 < FILE_PARTS ? head->sections[part + 1].at : head->file_bytes;
    return digest_of(file + at, (size_t)(end - at), threads, ret, err);
}

static lh_sha256 digest_of_head(const char *file) { return lh_sha256_of((lh_str){file, offsetof(file_head, digest)}); }

lh_code ann_file_seal(char *file, size_t bytes, unsigned threads, lh_error *err) {
    file_head head;
    memcpy(&head, file, sizeof head);
    for (size_t i = 0; i < FILE_PARTS; i++) {
        const file_section *section = &head.sections[i];
        uint64_t end = i + 1 < FILE_PARTS ? section[1].at : head.file_bytes;
        if (section->at > end || end > bytes) return lh_fail(err, LH_INTERNAL, "ann: sections beyond the file");
        LH_TRY(digest_of_part(file, &head, i, threads, &head.sections[i].digest, err));
    }
    memcpy(file, &head, sizeof head);
    head.digest = digest_of_head(file);
    memcpy(file, &head, sizeof head);
    return LH_OK;
}

/* --- writing ------------------------------------------------------------------------------------------------------- */

typedef struct file_writer {
    char *map; /* of the whole file */
    char *at, *end;
} file_writer;

static bool file_put(void *ctx, const void *data, size_t bytes) {
    file_writer *writer = ctx;
    if ((size_t)(writer->end - writer->at) < bytes) return false;
    memcpy(writer->at, data, bytes);
    writer->at += bytes;
    return true;
}

static bool file_begin_part(file_writer *writer, const file_head *head, file_part part) {
    writer->at = writer->map + head->sections[part].at;
    writer->end = writer->at + head->sections[part].bytes;
    return head->sections[part].bytes > 0;
}

static void file_write_rows(const lh_ann_index *index, const file_head *head, file_writer *writer) {
    for (int part = FILE_VECTORS; part <= FILE_HALVES; part++) {
        if (!file_begin_part(writer, head, (file_part)part)) continue;
        for (uint64_t row = 0; row < index->rows; row += UINT64_C(1) << index->block_shift) {
            const ann_block *block = &index->blocks[row >> index->block_shift];
            size_t rows = (size_t)1 << index->block_shift;
            if (index->rows - row < rows) rows = (size_t)(index->rows - row);
            const void *from[] = {block->vectors, block->codes, block->meta, block->halves};
            size_t bytes[] = {index->padded * sizeof(float), index->padded, sizeof(ann_meta),
                              index->padded * sizeof(uint16_t)};
            (void)file_put(writer, from[part], rows * bytes[part]);
        }
    }
}

static file_head file_head_of(const lh_ann_index *index, lh_str binding) {
    const lh_hnsw_config *config = &index->options.config;
    file_head head = {.version = LH_ANN_FILE_VERSION,
                      .byte_order = FILE_BYTE_ORDER,
                      .metric = index->options.metric,
                      .dimensions = index->options.dimensions,
                      .padded = (uint32_t)index->padded,
                      .hnsw = index->graph != NULL,
                      .ef_construction = config->ef_construction,
                      .ef_search = config->ef_search,
                      .connectivity = config->connectivity,
                      .dtype = config->dtype,
                      .seed = config->seed,
                      .rows = index->rows,
                      .deleted = index->deleted,
                      .twins = index->twin_count,
                      .meta_bytes = sizeof(ann_meta),
                      .binding_bytes = (uint32_t)binding.len};
    memcpy(head.magic, FILE_MAGIC, sizeof head.magic);
    if (binding.len) memcpy(head.binding, binding.ptr, binding.len);
    file_layout(&head, index->graph ? ann_graph_saved_bytes(index->graph) : 0);
    return head;
}

/* The space is taken first: a full disk is an error here, not a signal at a write to the map. */
static lh_code file_fill(const lh_ann_index *index, int fd, const char *path, const file_head *head, lh_error *err) {
    int failed = posix_fallocate(fd, 0, (off_t)head->file_bytes);
    if (failed) return lh_fail_errno(err, failed == ENOENT ? EIO : failed, "cannot write '%s'", path);
    size_t bytes = (size_t)head->file_bytes;
    char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return lh_fail_errno(err, errno, "cannot map '%s'", path);
    file_writer writer = {.map = map};
    bool whole = true;
    memcpy(map, head, sizeof *head);
    file_write_rows(index, head, &writer);
    if (file_begin_part(&writer, head, FILE_DELETED))
        (void)file_put(&writer, index->deleted_bits, head->sections[FILE_DELETED].bytes);
    if (file_begin_part(&writer, head, FILE_TWINS))
        (void)file_put(&writer, index->twins, head->sections[FILE_TWINS].bytes);
    if (file_begin_part(&writer, head, FILE_GRAPH)) whole = ann_graph_save(index->graph, file_put, &writer);
    lh_code code = LH_OK;
    if (!whole) code = lh_fail(err, LH_INTERNAL, "the graph is longer than it said");
    else code = ann_file_seal(map, bytes, 1, err);
    if (code == LH_OK && msync(map, bytes, MS_SYNC) != 0) code = lh_fail_errno(err, errno, "cannot sync '%s'", path);
    (void)munmap(map, bytes);
    if (code == LH_OK && fsync(fd) != 0) code = lh_fail_errno(err, errno, "cannot sync '%s'", path);
    return code;
}

static lh_code file_sync_folder(const char *path, lh_error *err) {
    const char *slash = strrchr(path, '/');
    LH_CLEANUP(lh_free_pointer)
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int failed = errno;
    if (fd >= 0) (void)close(fd);
    return synced ? LH_OK : lh_fail_errno(err, failed, "cannot sync the folder of '%s'", path);
}

lh_code lh_ann_save(const lh_ann_index *index, const char *path, lh_str binding, lh_error *err) {
    if (binding.len > LH_ANN_BINDING_BYTES)
        return lh_fail(err, LH_INVALID, "a binding has at most %d bytes", LH_ANN_BINDING_BYTES);
    lh_uuid uuid = lh_uuid_new();
    LH_CLEANUP(lh_buf_done) lh_buf temp = LH_BUF_INIT(PATH_MAX);
    lh_buf_printf(&temp, "%s.tmp-%s", path, uuid.text);
    lh_buf_char(&temp, '\0');
    LH_TRY(lh_buf_check(&temp, err));
    file_head head = file_head_of(index, binding);
    int fd = open(temp.ptr, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot make '%s'", temp.ptr);
    lh_code code = file_fill(index, fd, temp.ptr, &head, err);
    if (close(fd) != 0 && code == LH_OK) code = lh_fail_errno(err, errno, "cannot close '%s'", temp.ptr);
    if (code == LH_OK && rename(temp.ptr, path) != 0) code = lh_fail_errno(err, errno, "cannot name '%s'", path);
    if (code != LH_OK) {
        (void)unlink(temp.ptr);
        return code;
    }
    return file_sync_folder(path, err);
}

/* --- opening ------------------------------------------------------------------------------------------------------- */

static lh_code file_damaged(const char *path, const char *why, lh_error *err) {
    return lh_fail(err, LH_CORRUPT, "the index file '%s' %s", path, why);
}

static lh_code file_check_head(const char *path, const file_head *head, const char *file, uint64_t bytes,
                               lh_error *err) {
    file_head expected = *head;
    lh_sha256 digest = digest_of_head(file);
    if (memcmp(head->magic, FILE_MAGIC, sizeof head->magic) != 0) return file_damaged(path, "is not an index", err);
    if (head->byte_order != FILE_BYTE_ORDER) return file_damaged(path, "has another byte order", err);
    if (head->version != LH_ANN_FILE_VERSION) return file_damaged(path, "is of another version", err);
    if (memcmp(&digest, &head->digest, sizeof digest) != 0) return file_damaged(path, "has a damaged head", err);
    size_t padded = (head->dimensions + (size_t)ANN_LANES - 1) / ANN_LANES * ANN_LANES;
    bool sound = head->metric < LH_ANN_METRICS && head->dimensions >= 1 && head->dimensions <= LH_ANN_DIMENSIONS_MAX &&
                 head->padded == padded && head->rows <= LH_ANN_ROWS_MAX && head->deleted <= head->rows &&
                 head->twins <= (head->hnsw ? head->rows : 0) && head->hnsw <= 1 && head->dtype < LH_ANN_DTYPES &&
                 head->connectivity >= 2 && head->connectivity <= LH_ANN_CONNECTIVITY_MAX &&
                 head->ef_construction >= 1 && head->ef_construction <= LH_ANN_EF_MAX && head->ef_search >= 1 &&
                 head->ef_search <= LH_ANN_EF_MAX && head->meta_bytes == sizeof(ann_meta) &&
                 head->binding_bytes <= LH_ANN_BINDING_BYTES && head->sections[FILE_GRAPH].bytes <= bytes;
    if (!sound) return file_damaged(path, "has a head that makes no sense", err);
    file_layout(&expected, head->sections[FILE_GRAPH].bytes);
    for (size_t i = 0; i < FILE_PARTS; i++)
        if (expected.sections[i].at != head->sections[i].at || expected.sections[i].bytes != head->sections[i].bytes)
            return file_damaged(path, "has sections that do not fit its counts", err);
    if (expected.file_bytes != head->file_bytes || bytes != head->file_bytes)
        return file_damaged(path, "is cut, or too long", err);
    return LH_OK;
}

static lh_code file_take_blocks(lh_ann_index *index, const file_head *head, lh_error *err) {
    size_t rows = (size_t)1 << index->block_shift, padded = index->padded;
    index->block_count = (size_t)((index->rows + rows - 1) >> index->block_shift);
    index->block_room = index->block_count;
    index->blocks = calloc(index->block_count + 1, sizeof *index->blocks);
    if (!index->blocks) {
        index->block_count = 0;
        return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    }
    char *file = index->map;
    for (size_t i = 0; i < index->block_count; i++) {
        ann_block *block = &index->blocks[i];
        size_t first = i * rows;
        block->mapped = true;
        block->vectors = (float *)(void *)(file + head->sections[FILE_VECTORS].at) + first * padded;
        block->codes = (int8_t *)(file + head->sections[FILE_CODES].at) + first * padded;
        block->meta = (ann_meta *)(void *)(file + head->sections[FILE_META].at) + first;
        if (head->sections[FILE_HALVES].bytes)
            block->halves = (uint16_t *)(void *)(file + head->sections[FILE_HALVES].at) + first * padded;
    }
    return LH_OK;
}

static lh_code file_take_deleted(lh_ann_index *index, const char *path, const file_head *head, lh_error *err) {
    uint64_t deleted = 0;
    size_t bytes = (size_t)head->sections[FILE_DELETED].bytes;
    if (bytes == 0) return LH_OK;
    index->deleted_bits = malloc(bytes); /* more may be deleted */
    if (!index->deleted_bits) return lh_fail(err, LH_NO_MEMORY, "ann: out of memory");
    memcpy(index->deleted_bits, (const char *)index->map + head->sections[FILE_DELETED].at, bytes);
    for (uint64_t row = 0; row < bytes * 8; row++) {
        bool is = ann_bit(index->deleted_bits, row);
        if (is && row >= index->rows) return file_damaged(path, "has deleted rows that it does not have", err);
        deleted += is;
    }
    if (deleted != head->deleted) return file_damaged(path, "counts its deleted rows wrongly", err);
    index->deleted = deleted;
    return LH_OK;
}

static lh_code file_take_twins(lh_ann_index *index, const char *path, const file_head *head, lh_error *err) {
    bool sound = true;
    if (head->twins == 0) return LH_OK;
    index->twins = (const ann_twin *)(void *)((char *)index->map + head->sections[FILE_TWINS].at);
    index->twin_count = (size_t)head->twins;
    LH_TRY(ann_twins_check(index, &sound, err));
    return sound ? LH_OK : file_damaged(path, "has rows that stand for others wrongly", err);
}

static lh_code file_take_graph(lh_ann_index *index, const char *path, const file_head *head, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) uint64_t *bits = NULL;
    if (!head->hnsw) return LH_OK;
    LH_TRY(ann_twins_bits(index, &bits, err));
    const file_section *section = &head->sections[FILE_GRAPH];
    index->graph_bytes = (lh_str){(const char *)index->map + section->at, (size_t)section->bytes};
    const char *failed = ann_graph_new(head->connectivity, ANN_SEARCHERS, &index->graph);
    if (failed) return lh_fail(err, LH_NO_MEMORY, "cannot make a graph: %s", failed);
    bool damaged = false;
    ann_graph_saved saved = {index->graph_bytes.ptr, index->graph_bytes.len, index->rows, index->twin_count, bits};
    failed = ann_graph_load(index->graph, &saved, true, &damaged);
    if (!failed) return LH_OK;
    return damaged ? lh_fail(err, LH_CORRUPT, "the index file '%s': %s", path, failed)
                   : lh_fail(err, LH_NO_MEMORY, "cannot load the graph of '%s': %s", path, failed);
}

/* Its head is sound. */
static lh_code file_take(lh_ann_index *index, const char *path, lh_str binding, unsigned threads, lh_error *err) {
    file_head head;
    memcpy(&head, index->map, sizeof head);
    if (!lh_str_eq(binding, (lh_str){head.binding, head.binding_bytes}))
        return lh_fail(err, LH_CONFLICT, "the index file '%s' belongs to something else, or to an earlier state of it",
                       path);
    for (size_t i = 0; i < FILE_PARTS; i++) {
        lh_sha256 digest;
        LH_TRY(digest_of_part(index->map, &head, i, threads, &digest, err));
        if (memcmp(&digest, &head.sections[i].digest, sizeof digest) != 0)
            return file_damaged(path, "has a checksum that differs", err);
    }
    index->rows = head.rows;
    LH_TRY(file_take_blocks(index, &head, err));
    LH_TRY(file_take_deleted(index, path, &head, err));
    LH_TRY(file_take_twins(index, path, &head, err));
    return file_take_graph(index, path, &head, err);
}

static void file_unmap(lh_str *map) {
    if (map->len) (void)munmap((void *)(uintptr_t)map->ptr, map->len);
}

static lh_code file_map(const char *path, lh_str *ret, lh_error *err) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot open the index file '%s'", path);
    bool known = fstat(fd, &st) == 0;
    lh_code code = LH_OK;
    void *map = MAP_FAILED;
    if (!known) code = lh_fail_errno(err, errno, "'%s'", path);
    else if (!S_ISREG(st.st_mode) || st.st_size < FILE_PAGE) code = file_damaged(path, "is too short", err);
    else if ((map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
        code = lh_fail_errno(err, errno, "cannot map '%s'", path);
    (void)close(fd);
    if (code == LH_OK) *ret = (lh_str){map, (size_t)st.st_size};
    return code;
}

lh_code lh_ann_open(const char *path, lh_str binding, unsigned threads, lh_ann_index **ret, lh_error *err) {
    LH_CLEANUP(file_unmap) lh_str map = LH_STR_NONE;
    LH_CLEANUP(lh_ann_freep) lh_ann_index *index = NULL;
    file_head head;
    LH_TRY(file_map(path, &map, err));
    memcpy(&head, map.ptr, sizeof head);
    LH_TRY(file_check_head(path, &head, map.ptr, map.len, err));
    lh_hnsw_config config = {head.ef_construction, head.ef_search, head.connectivity, (lh_ann_dtype)head.dtype,
                             head.seed};
    lh_ann_options options = {(lh_ann_metric)head.metric, head.dimensions, head.hnsw == 1, config};
    LH_TRY(ann_index_new(&options, &index, err));
    index->map = (void *)(uintptr_t)map.ptr;
    index->map_bytes = map.len;
    map = LH_STR_NONE; /* the index unmaps it */
    LH_TRY(file_take(index, path, binding, ann_threads(threads), err));
    *ret = lh_take(&index);
    return LH_OK;
}
