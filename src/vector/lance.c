/* The backend "lance": the rows of an index held ready, once more as a Lance dataset, in which DuckDB's extension of that name finds
 * what is near and which words stand where (docs/adr/0035). It is a cache as the other files are: a folder
 *
 *   <table>.lance-<16 digits>/rows.lance/    the dataset: n (the row's number, as the index held ready has it), text, embedding; two
 *                                            indexes
 *   <table>.lance-<16 digits>/lakehouse.sum  what it was made of (the binding: table, snapshot, model, the SHA-256 of the texts) and a
 *                                            digest of all other files, each a line; written last
 *
 * taken when both lines are as they should be, else made, under another name until it is whole. The digits are of the binding, so that
 * one of another snapshot lies elsewhere. Where the index held ready was extended by a few rows, so is the dataset: its files, which
 * Lance does not change once they are there, are linked into the new folder, and what came and went is added to that.
 *
 * Lance opens files by itself, whatever DuckDB was told about access. So it runs in a DuckDB of its own, which knows no lake, and no
 * statement from outside gets there. It proposes rows; what it proposes is scored by our own vectors, and rows that are not allowed
 * are left out once more: its word is not taken for who sees what. `lance_lock` guards the opening and the making. */
#include "vector/vector_internal.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LANCE_PATH_BYTES = 4096,
    LANCE_PART_BYTES = 64 << 20, /* of rows that are staged at once */
    LANCE_LEFT_OUT_MAX = 1000,   /* rows that its prefilter is told: a longer list takes longer than our exact search */
    LANCE_REFINE = 4,            /* it looks at so many times k by its codes, and by its vectors then */
    LANCE_PARTITION_ROWS = 8192,
    LANCE_PROBES_MIN = 32, /* partitions that are looked at; of more three quarters */
    LANCE_SUM_BYTES = 8192,
    LANCE_GONE_MAX = 10000, /* with more rows gone, or in more parts, it is made anew */
    LANCE_PARTS_MAX = 16,
};
#define LANCE_SUM "lakehouse.sum"
#define LANCE_ROWS "rows.lance"
#define LANCE_DATA LANCE_ROWS "/data"

bool vector_is_lance(const vector_definition *d) { return lh_str_eq(d->backend, LH_STR("lance")); }

static lh_code lance_open_locked(lh_vector *vector, lh_error *err) {
    return vector->lance ? LH_OK : lh_engine_open_beside(vector->engine, "lance", &vector->lance, err);
}

lh_code vector_lance_require(lh_vector *vector, lh_error *err) {
    pthread_mutex_lock(&vector->lance_lock);
    lh_code code = lance_open_locked(vector, err);
    pthread_mutex_unlock(&vector->lance_lock);
    return code;
}

/* ---- folders ---- */

static int lance_remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

void vector_lance_remove_tree(const char *path) { (void)nftw(path, lance_remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* All folders of the table's but the one of that name (NULL: none is kept). */
static void lance_sweep(const lh_vector *vector, lh_str table, const char *kept) {
    char path[LANCE_PATH_BYTES], prefix[256];
    int length = snprintf(prefix, sizeof prefix, "%.*s.lance-", LH_STR_ARG(table));
    bool fits = length < (int)sizeof prefix && lh_str_to_cstr(vector->folder, path, sizeof path, NULL) == LH_OK;
    DIR *all = fits ? opendir(path) : NULL;
    for (struct dirent *entry; all && (entry = readdir(all));) {
        if (strncmp(entry->d_name, prefix, (size_t)length) != 0 || (kept && strcmp(entry->d_name, kept) == 0)) continue;
        if (snprintf(path, sizeof path, "%.*s/%s", LH_STR_ARG(vector->folder), entry->d_name) < (int)sizeof path)
            vector_lance_remove_tree(path);
    }
    if (all) closedir(all);
}

void vector_lance_remove(const lh_vector *vector, lh_str table) { lance_sweep(vector, table, NULL); }

static lh_code lance_path(const lh_vector *vector, lh_str table, const char *binding, char into[LANCE_PATH_BYTES],
                          lh_error *err) {
    const lh_sha256 hash = lh_sha256_of(lh_str_from(binding));
    int length = snprintf(into, LANCE_PATH_BYTES, "%.*s/%.*s.lance-%.16s", LH_STR_ARG(vector->folder),
                          LH_STR_ARG(table), lh_sha256_to_hex(&hash).text);
    return length < LANCE_PATH_BYTES - 16 ? LH_OK
                                          : lh_fail(err, LH_INVALID, "the path of the folder of indexes is too long");
}

static bool lance_skips(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, LANCE_SUM) == 0;
}

/* The same files under another folder, but for the sum. False: not all of them. */
static bool lance_link_tree(const char *from, const char *to) {
    DIR *all = mkdir(to, 0700) == 0 ? opendir(from) : NULL;
    bool good = all != NULL;
    for (struct dirent *entry; good && (entry = readdir(all));) {
        char source[LANCE_PATH_BYTES], target[LANCE_PATH_BYTES];
        struct stat st;
        if (lance_skips(entry->d_name)) continue;
        good = snprintf(source, sizeof source, "%s/%s", from, entry->d_name) < (int)sizeof source &&
               snprintf(target, sizeof target, "%s/%s", to, entry->d_name) < (int)sizeof target &&
               lstat(source, &st) == 0;
        if (good) good = S_ISDIR(st.st_mode) ? lance_link_tree(source, target) : link(source, target) == 0;
    }
    if (all) closedir(all);
    return good;
}

static size_t lance_count_parts(const char *folder) {
    char path[LANCE_PATH_BYTES];
    size_t count = 0;
    DIR *all = snprintf(path, sizeof path, "%s/" LANCE_DATA, folder) < (int)sizeof path ? opendir(path) : NULL;
    for (struct dirent *entry; all && (entry = readdir(all));) count += !lance_skips(entry->d_name);
    if (all) closedir(all);
    return count;
}

/* One file into the digest of all: the order in which a folder lists them does not count. */
static bool lance_digest_file(const char *path, size_t root, lh_sha256 *digest) {
    char block[64 << 10];
    lh_sha256_stream *stream = NULL;
    FILE *file = fopen(path, "re");
    bool good = file && lh_sha256_stream_new(&stream, NULL) == LH_OK;
    if (good) {
        lh_sha256_stream_add(stream, (lh_str){path + root, strlen(path + root) + 1});
        for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
            lh_sha256_stream_add(stream, (lh_str){block, got});
        good = !ferror(file);
        const lh_sha256 one = lh_sha256_stream_end(stream);
        for (size_t i = 0; i < sizeof one.bytes; i++) digest->bytes[i] ^= one.bytes[i];
    }
    lh_sha256_stream_free(stream);
    if (file) fclose(file);
    return good;
}

static bool lance_digest_folder(const char *path, size_t root, lh_sha256 *digest) {
    DIR *all = opendir(path);
    bool good = all != NULL;
    for (struct dirent *entry; good && (entry = readdir(all));) {
        char inner[LANCE_PATH_BYTES];
        struct stat st;
        if (lance_skips(entry->d_name)) continue;
        good =
            snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) < (int)sizeof inner && lstat(inner, &st) == 0;
        if (good && S_ISDIR(st.st_mode)) good = lance_digest_folder(inner, root, digest);
        else if (good) good = S_ISREG(st.st_mode) && lance_digest_file(inner, root, digest);
    }
    if (all) closedir(all);
    return good;
}

/* What the file of the sum should say. False: the folder cannot be read. */
static bool lance_sum(const char *folder, const char *binding, char into[LANCE_SUM_BYTES]) {
    lh_sha256 digest = {0};
    return lance_digest_folder(folder, strlen(folder), &digest) &&
           snprintf(into, LANCE_SUM_BYTES, "%s\n%s\n", binding, lh_sha256_to_hex(&digest).text) < LANCE_SUM_BYTES;
}

static bool lance_is_whole(const char *folder, const char *binding) {
    char path[LANCE_PATH_BYTES], said[LANCE_SUM_BYTES], made[LANCE_SUM_BYTES];
    FILE *file = snprintf(path, sizeof path, "%s/" LANCE_SUM, folder) < (int)sizeof path ? fopen(path, "re") : NULL;
    if (!file) return false;
    size_t got = fread(said, 1, sizeof said - 1, file);
    fclose(file);
    said[got] = '\0';
    size_t length = strlen(binding);
    return strncmp(said, binding, length) == 0 && said[length] == '\n' && lance_sum(folder, binding, made) &&
           strcmp(said, made) == 0;
}

static lh_code lance_write_sum(const char *folder, const char *binding, lh_error *err) {
    char path[LANCE_PATH_BYTES], text[LANCE_SUM_BYTES];
    FILE *file = snprintf(path, sizeof path, "%s/" LANCE_SUM, folder) < (int)sizeof path ? fopen(path, "we") : NULL;
    bool good = file && lance_sum(folder, binding, text) && fputs(text, file) >= 0;
    if (file) good = fclose(file) == 0 && good;
    return good ? LH_OK : lh_fail_errno(err, errno, "cannot write the sum of a Lance dataset");
}

/* ---- making it ---- */

typedef struct {
    lh_vector *vector;
    const vector_definition *definition;
    const vector_served *served;
    lh_session *session;
    char folder[LANCE_PATH_BYTES]; /* while it is made */
    char rows[LANCE_PATH_BYTES];   /* the dataset in it */
} lance;

static lh_code lance_run(const lance *l, lh_buf *sql, lh_error *err) {
    LH_TRY(lh_buf_check(sql, err));
    lh_code code = lh_session_run(l->session, lh_buf_str(sql), NULL, NULL, NULL, err);
    lh_buf_clear(sql);
    return code;
}

/* The rows from *row on that fit into a part, into the dataset. */
static lh_code lance_write_part(const lance *l, size_t *row, bool first, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    const vector_served *s = l->served;
    size_t dimensions = l->definition->dimensions, count = 0;
    size_t room = LANCE_PART_BYTES / (dimensions * sizeof(float)) + 1;
    LH_TRY(lh_arena_new(2 * LANCE_PART_BYTES, &arena, err));
    int64_t *numbers = LH_ARENA_ARRAY(arena, int64_t, room);
    lh_str *texts = LH_ARENA_ARRAY(arena, lh_str, room);
    float *vectors = LH_ARENA_ARRAY(arena, float, room *dimensions);
    LH_TRY(lh_arena_check(arena, err));
    for (; *row < s->row_count && count < room; (*row)++) {
        if (s->rows[*row].chunk < 0) continue;
        numbers[count] = (int64_t)*row;
        texts[count] = vector_served_text(s, *row);
        memcpy(vectors + count++ * dimensions, lh_ann_row(s->ann, *row), dimensions * sizeof *vectors);
    }
    const lh_bulk_column columns[] = {{.ints = numbers}, {.strings = texts}, {.floats = vectors, .width = dimensions}};
    lh_buf_append(&sql, LH_STR("CREATE OR REPLACE TEMP TABLE lance_rows (n BIGINT, text VARCHAR, embedding FLOAT[])"));
    LH_TRY(lance_run(l, &sql, err));
    if (count) LH_TRY(lh_session_append(l->session, "lance_rows", columns, 3, count, err));
    lh_buf_printf(&sql, "COPY (SELECT n, text, CAST(embedding AS FLOAT[%zu]) AS embedding FROM temp.lance_rows) TO ",
                  dimensions);
    lh_buf_sql_string(&sql, lh_str_from(l->rows));
    lh_buf_printf(&sql, " (FORMAT lance, MODE '%s')", first ? "overwrite" : "append");
    return count ? lance_run(l, &sql, err) : LH_OK;
}

/* The language in whose words Lance finds stems; NULL: it knows none of them. */
static const char *lance_language(lh_str locale) {
    static const char *const languages[][2] = {{"da", "Danish"},     {"de", "German"},  {"en", "English"},
                                               {"es", "Spanish"},    {"fi", "Finnish"}, {"fr", "French"},
                                               {"it", "Italian"},    {"nl", "Dutch"},   {"no", "Norwegian"},
                                               {"pt", "Portuguese"}, {"sv", "Swedish"}};
    for (size_t i = 0; i < sizeof languages / sizeof *languages; i++)
        if (lh_str_eq_nocase(lh_str_sub(locale, 0, 2), lh_str_from(languages[i][0])) &&
            (locale.len == 2 || locale.ptr[2] == '_' || locale.ptr[2] == '-'))
            return languages[i][1];
    return NULL;
}

static size_t lance_partitions(const vector_served *served) { return served->row_count / LANCE_PARTITION_ROWS + 1; }

/* Codes in partitions (IVF_SQ): its graphs (IVF_HNSW_…) take minutes to build and missed four in ten of what is near a question that
 * is unlike any text, at 600 rows. By the dot product its codes rank wrongly (7 of 100 were right): whole vectors there. */
static lh_code lance_index(const lance *l, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    const char *language = lance_language(l->definition->locale);
    lh_buf_append(&sql, LH_STR("CREATE INDEX lakehouse_vectors ON "));
    lh_buf_sql_string(&sql, lh_str_from(l->rows));
    lh_buf_printf(&sql, " (embedding) USING %s WITH (metric_type = '%s', num_partitions = %zu)",
                  l->definition->metric == LH_ANN_DOT ? "IVF_FLAT" : "IVF_SQ",
                  lh_ann_metric_name(l->definition->metric), lance_partitions(l->served));
    LH_TRY(lance_run(l, &sql, err));
    lh_buf_append(&sql, LH_STR("CREATE INDEX lakehouse_words ON "));
    lh_buf_sql_string(&sql, lh_str_from(l->rows));
    lh_buf_printf(&sql,
                  " (text) USING INVERTED WITH (base_tokenizer = 'simple', language = '%s', stem = %s, lower_case = "
                  "true, ascii_folding = true, remove_stop_words = false, with_position = false, max_token_length = "
                  "40, min_ngram_length = 3, max_ngram_length = 3, prefix_only = false)",
                  language ? language : "English", language ? "true" : "false");
    return lance_run(l, &sql, err);
}

static lh_code lance_write_anew(const lance *l, lh_error *err) {
    size_t row = 0;
    if (mkdir(l->folder, 0700) != 0) return lh_fail_errno(err, errno, "cannot make the folder of a Lance dataset");
    for (bool first = true; row < l->served->row_count; first = false) LH_TRY(lance_write_part(l, &row, first, err));
    return lance_index(l, err);
}

/* ---- from an older one ---- */

static size_t lance_count_gone(const vector_served *s) {
    size_t gone = 0;
    for (size_t row = 0; row < s->base_rows; row++) gone += s->rows[row].chunk < 0;
    return gone;
}

/* Those that went before are not there, which is no error. It deletes from attached folders only. */
static lh_code lance_delete(const lance *l, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(1 << 20), rows = LH_BUF_INIT(1 << 20);
    size_t count = 0;
    for (size_t row = 0; row < l->served->base_rows; row++)
        if (l->served->rows[row].chunk < 0) lh_buf_printf(&rows, "%s%zu", count++ ? "," : "", row);
    LH_TRY(lh_buf_check(&rows, err));
    if (!count) return LH_OK;
    lh_buf_append(&sql, LH_STR("DETACH DATABASE IF EXISTS lance_changed"));
    LH_TRY(lance_run(l, &sql, err));
    lh_buf_append(&sql, LH_STR("ATTACH "));
    lh_buf_sql_string(&sql, lh_str_from(l->folder));
    lh_buf_append(&sql, LH_STR(" AS lance_changed (TYPE lance)"));
    LH_TRY(lance_run(l, &sql, err));
    lh_buf_printf(&sql, "DELETE FROM lance_changed.main.rows WHERE n IN (%.*s)", LH_STR_ARG(lh_buf_str(&rows)));
    LH_TRY(lance_run(l, &sql, err));
    lh_buf_append(&sql, LH_STR("DETACH DATABASE lance_changed"));
    return lance_run(l, &sql, err);
}

static lh_code lance_index_more(const lance *l, lh_error *err) {
    static const char *const names[] = {"lakehouse_vectors", "lakehouse_words"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
        lh_buf_printf(&sql, "ALTER INDEX %s ON ", names[i]);
        lh_buf_sql_string(&sql, lh_str_from(l->rows));
        lh_buf_append(&sql, LH_STR(" OPTIMIZE WITH (mode = 'append')"));
        LH_TRY(lance_run(l, &sql, err));
    }
    return LH_OK;
}

static lh_code lance_write_changes(const lance *l, lh_error *err) {
    size_t row = l->served->base_rows;
    while (row < l->served->row_count) LH_TRY(lance_write_part(l, &row, false, err));
    LH_TRY(lance_delete(l, err));
    return lance_index_more(l, err);
}

/* That of the rows which these were extended from, with what came and went since. False: there is none, or none that is whole, or
 * too much has changed, or it failed. */
static bool lance_extend(const lance *l) {
    char base[LANCE_PATH_BYTES];
    const vector_served *s = l->served;
    if (!s->base_binding || lance_path(l->vector, s->name, s->base_binding, base, NULL) != LH_OK ||
        lance_count_gone(s) > LANCE_GONE_MAX || lance_count_parts(base) >= LANCE_PARTS_MAX ||
        !lance_is_whole(base, s->base_binding))
        return false;
    if (lance_link_tree(base, l->folder) && lance_write_changes(l, NULL) == LH_OK) return true;
    vector_lance_remove_tree(l->folder);
    return false;
}

static lh_code lance_write(lance *l, lh_cancel *cancel, bool *ret_extended, lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_TRY(lh_session_open(l->vector->lance, cancel, &session, err));
    l->session = session;
    *ret_extended = lance_extend(l);
    return *ret_extended ? LH_OK : lance_write_anew(l, err);
}

/* Under another name until it is whole. */
static lh_code lance_make(lh_vector *vector, const vector_definition *d, const vector_served *served, lh_cancel *cancel,
                          lh_error *err) {
    const lh_uuid id = lh_uuid_new();
    lance l = {.vector = vector, .definition = d, .served = served};
    bool extended = false;
    if (snprintf(l.folder, sizeof l.folder, "%.*s/%s.tmp", LH_STR_ARG(vector->folder), id.text) >=
            (int)sizeof l.folder ||
        snprintf(l.rows, sizeof l.rows, "%s/" LANCE_ROWS, l.folder) >= (int)sizeof l.rows)
        return lh_fail(err, LH_INVALID, "the path of the folder of indexes is too long");
    lh_code code = lance_write(&l, cancel, &extended, err);
    if (code == LH_OK) code = lance_write_sum(l.folder, served->binding, err);
    if (code == LH_OK) {
        vector_lance_remove_tree(served->lance); /* what is there is not whole */
        if (rename(l.folder, served->lance) != 0)
            code = lh_fail_errno(err, errno, "cannot name the Lance dataset of the index '%.*s'", LH_STR_ARG(d->name));
    }
    if (code == LH_OK) vector_count(vector, extended ? &vector->stats.lance_extended : &vector->stats.lance_made);
    else vector_lance_remove_tree(l.folder);
    return code;
}

static lh_code lance_ready_locked(lh_vector *vector, const vector_definition *d, vector_served *served,
                                  lh_cancel *cancel, lh_error *err) {
    LH_TRY(lance_open_locked(vector, err));
    if (atomic_load_explicit(&served->lance_ready, memory_order_acquire)) return LH_OK;
    if (!served->lance) {
        char path[LANCE_PATH_BYTES];
        LH_TRY(lance_path(vector, served->name, served->binding, path, err));
        served->lance = strdup(path);
        if (!served->lance) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    }
    if (!lance_is_whole(served->lance, served->binding)) LH_TRY(lance_make(vector, d, served, cancel, err));
    lance_sweep(vector, served->name, strrchr(served->lance, '/') + 1);
    atomic_store_explicit(&served->lance_ready, true, memory_order_release);
    return LH_OK;
}

lh_code vector_lance_ready(lh_vector *vector, const vector_definition *d, const vector_served *served,
                           lh_cancel *cancel, lh_error *err) {
    vector_served *own = (vector_served *)(uintptr_t)served; /* the dataset is ours to add, as the words are */
    if (atomic_load_explicit(&own->lance_ready, memory_order_acquire)) return LH_OK;
    pthread_mutex_lock(&vector->lance_lock);
    lh_code code = lance_ready_locked(vector, d, own, cancel, err);
    pthread_mutex_unlock(&vector->lance_lock);
    return code;
}

/* ---- searching ---- */

typedef struct {
    const vector_lance_query *query;
    uint64_t *bits;   /* of a search by vector */
    vector_hit *hits; /* of one by words */
    size_t count;
} lance_found;

static bool lance_takes(const vector_lance_query *q, int64_t n) {
    if (n < 0 || (uint64_t)n >= q->served->row_count || q->served->rows[n].chunk < 0) return false;
    return !q->allowed || (q->allowed[(uint64_t)n >> 6] >> ((uint64_t)n & 63) & 1);
}

static lh_code lance_take(void *ctx, const lh_chunk *chunk, lh_error *err) {
    lance_found *found = ctx;
    (void)err;
    for (uint64_t row = 0; row < lh_chunk_rows(chunk); row++) {
        int64_t n;
        const float *score;
        size_t one;
        if (!lh_chunk_int(chunk, 0, row, &n) || !lance_takes(found->query, n) || found->count == found->query->k)
            continue;
        if (found->bits) found->bits[(uint64_t)n >> 6] |= UINT64_C(1) << ((uint64_t)n & 63);
        else if (lh_chunk_floats(chunk, 1, row, &score, &one) && one == 1)
            found->hits[found->count] = (vector_hit){.row = (uint64_t)n, .score = (double)*score};
        else continue;
        found->count++;
    }
    return LH_OK;
}

static lh_code lance_ask(lh_vector *vector, lh_buf *sql, const lh_json *params, lance_found *found, lh_error *err) {
    LH_CLEANUP(lh_session_closep) lh_session *session = NULL;
    LH_TRY(lh_buf_check(sql, err));
    LH_TRY(lh_session_open(vector->lance, found->query->cancel, &session, err));
    return lh_session_each(session, lh_buf_str(sql), params, lance_take, found, err);
}

static void lance_rows_sql(const vector_lance_query *q, lh_buf *into) {
    char path[LANCE_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/" LANCE_ROWS, q->served->lance);
    lh_buf_sql_string(into, lh_str_from(path));
}

/* " WHERE n NOT IN (…)" of the rows that are not allowed. False: they are too many to be told. */
static bool lance_left_out_sql(const vector_lance_query *q, lh_buf *into) {
    size_t count = 0;
    for (size_t n = 0; q->allowed && n < q->served->row_count; n++) {
        if (q->served->rows[n].chunk < 0 || (q->allowed[n >> 6] >> (n & 63) & 1)) continue;
        if (count == LANCE_LEFT_OUT_MAX) return false;
        lh_buf_printf(into, "%s%zu", count++ ? ", " : " WHERE n NOT IN (", n);
    }
    if (count) lh_buf_char(into, ')');
    return true;
}

lh_code vector_lance_near(lh_vector *vector, const vector_lance_query *q, uint64_t *bits, size_t *ret_count,
                          lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(2 << 20);
    lance_found found = {.query = q, .bits = bits};
    size_t probes = lance_partitions(q->served) * 3 / 4;
    lh_buf_append(&sql, LH_STR("SELECT n FROM lance_vector_search("));
    lance_rows_sql(q, &sql);
    lh_buf_append(&sql, LH_STR(", 'embedding', ["));
    for (uint32_t i = 0; i < q->dimensions; i++) lh_buf_printf(&sql, "%s%.9g", i ? "," : "", (double)q->vector[i]);
    lh_buf_printf(&sql, "]::FLOAT[%" PRIu32 "], k = %" PRIu32 ", prefilter = true, refine_factor = %d, nprobs = %zu)",
                  q->dimensions, q->k, LANCE_REFINE, probes > LANCE_PROBES_MIN ? probes : LANCE_PROBES_MIN);
    if (!lance_left_out_sql(q, &sql)) return *ret_count = 0, LH_OK;
    LH_TRY(lance_ask(vector, &sql, NULL, &found, err));
    *ret_count = found.count;
    return LH_OK;
}

static int lance_order(const void *a, const void *b) {
    const vector_hit *x = a, *y = b;
    if (x->score > y->score || x->score < y->score) return x->score > y->score ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

lh_code vector_lance_words(lh_vector *vector, const vector_lance_query *q, vector_hit *hits, size_t *ret_count,
                           lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    lance_found found = {.query = q, .hits = hits};
    LH_TRY(lh_arena_new(16 << 20, &arena, err));
    lh_json *params = lh_json_new_array(arena);
    lh_json_append(params, lh_json_new_string(arena, q->text));
    LH_TRY(lh_arena_check(arena, err));
    lh_buf_append(&sql, LH_STR("SELECT n, [_score]::FLOAT[] FROM lance_fts("));
    lance_rows_sql(q, &sql);
    lh_buf_printf(&sql, ", 'text', $1, k = %" PRIu32 ")", q->k);
    LH_TRY(lance_ask(vector, &sql, params, &found, err));
    qsort(hits, found.count, sizeof *hits, lance_order);
    for (size_t i = 0; i < found.count; i++) hits[i].ranks[VECTOR_BY_TEXT] = (uint32_t)i + 1;
    *ret_count = found.count;
    return LH_OK;
}
