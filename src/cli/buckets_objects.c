/* `lakehouse buckets objects | get | put | remove`, over /storage/buckets/{bucket}/objects. Bytes go from disk to the server and
 * back a buffer at a time. */
#include "cli/buckets_internal.h"
#include "cli/form.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* "/storage/buckets/BUCKET/objects/KEY" of the words. */
static lh_code objects_path(const lh_buckets_job *job, lh_str *ret, lh_error *err) {
    lh_str folder;
    LH_TRY(lh_cli_path(job->arena, "/storage/buckets/", lh_cli_word(job->words, 1), "/objects/", &folder, err));
    return lh_cli_path(job->arena, lh_arena_cstr(job->arena, folder), lh_cli_word(job->words, 2), "", ret, err);
}

static bool objects_shows_progress(const lh_buckets_job *job) { return !job->quiet && isatty(STDERR_FILENO); }

/* "archive/in/may.csv" */
static lh_str objects_name(const lh_buckets_job *job) {
    return lh_arena_printf(job->arena, "%.*s/%.*s", LH_STR_ARG(lh_cli_word(job->words, 1)),
                           LH_STR_ARG(lh_cli_word(job->words, 2)));
}

lh_code lh_buckets_objects(const lh_buckets_job *job, lh_error *err) {
    static const lh_cli_column members[] = {{"key", false}, {"size_bytes", true}, {"modified_at", false}};
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(64 << 10);
    lh_str list;
    LH_TRY(lh_cli_path(job->arena, "/storage/buckets/", lh_cli_word(job->words, 1), "/objects", &list, err));
    lh_buf_append(&path, list);
    lh_cli_query(&path, "prefix", lh_str_from(job->prefix));
    return lh_buckets_page(job, &path, NULL, members, sizeof members / sizeof *members, err);
}

/* ---- get ---- */
typedef struct objects_download {
    const lh_buckets_job *job;
    const char *path; /* "-": the standard output */
    FILE *into;       /* NULL until the server has it */
    lh_str rescued;   /* name of the rescue bucket, when that answered */
    lh_progress progress;
    lh_error failed; /* what kept us from writing */
} objects_download;

static lh_str objects_header(const lh_http_header *headers, size_t count, const char *lower_name) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq(headers[i].name, lh_str_from(lower_name))) return headers[i].value;
    return LH_STR_NONE;
}

static lh_code objects_on_headers(void *ctx, const lh_http_header *headers, size_t count) {
    objects_download *download = ctx;
    uint64_t bytes;
    if (lh_str_to_u64(objects_header(headers, count, "content-length"), &bytes) != LH_OK) bytes = 0;
    if (objects_header(headers, count, "x-lakehouse-rescue-used").len)
        download->rescued = objects_header(headers, count, "x-lakehouse-bucket");
    bool shown = objects_shows_progress(download->job);
    download->progress =
        lh_progress_start(stderr, shown, lh_cli_word(download->job->words, 2), bytes, lh_time_monotonic_ms());
    download->into = stdout;
    if (strcmp(download->path, "-") == 0) return LH_OK;
    return lh_connection_create_file(download->job->connection, download->path, &download->into, &download->failed);
}

static lh_code objects_on_data(void *ctx, lh_str data) {
    objects_download *download = ctx;
    if (fwrite(data.ptr, 1, data.len, download->into) != data.len)
        return lh_fail_errno(&download->failed, errno, "cannot write %s", download->path);
    lh_progress_add(&download->progress, data.len, lh_time_monotonic_ms());
    return LH_OK;
}

/* Ends the file; says of a broken-off one what is in it. */
static lh_code objects_finish(objects_download *download, lh_code code, lh_error *err) {
    bool is_file = download->into && download->into != stdout;
    lh_progress_clear(&download->progress);
    if (is_file && fclose(download->into) != 0 && code == LH_OK)
        code = lh_fail_errno(&download->failed, errno, "cannot write %s", download->path);
    if (code == LH_OK) return LH_OK;
    if (download->failed.code != LH_OK && err) *err = download->failed;
    else if (is_file && err) {
        lh_error why = *err;
        lh_error_set(err, code, "%s is not whole, %" PRIu64 " bytes of it came: %s", download->path,
                     download->progress.done, why.message);
    }
    return code;
}

/* What is behind the last '/' of the key, when no file is named. */
static const char *objects_file(const lh_buckets_job *job) {
    const char *key = job->words->items[2], *slash = strrchr(key, '/');
    if (job->words->count > 3) return job->words->items[3];
    return slash ? slash + 1 : key;
}

lh_code lh_buckets_get(const lh_buckets_job *job, lh_error *err) {
    objects_download download = {.job = job, .path = objects_file(job)};
    bool to_stdout = strcmp(download.path, "-") == 0;
    lh_str path;
    if (!*download.path) return lh_fail(err, LH_INVALID, "'%s' ends with '/': name a FILE", job->words->items[2]);
    if (to_stdout && isatty(STDOUT_FILENO))
        return lh_fail(
            err, LH_INVALID,
            "an object may hold anything, a terminal obeys some of it: name a FILE, or send it on with `| less`");
    LH_TRY(objects_path(job, &path, err));
    const lh_exchange exchange = {.method = "GET",
                                  .path = path,
                                  .on_headers = objects_on_headers,
                                  .write = objects_on_data,
                                  .write_ctx = &download};
    lh_code code = lh_connection_do(job->connection, &exchange, job->arena, NULL, err);
    if (to_stdout && ferror(stdout)) return LH_OK; /* told at the end of every command, or not when nobody reads */
    LH_TRY(objects_finish(&download, code, err));
    if (download.rescued.len)
        lh_cli_complain("the bucket '%s' does not answer; this is what the rescue bucket '%.*s' has",
                        job->words->items[1], LH_STR_ARG(download.rescued));
    if (!to_stdout)
        printf("%.*s → %s: %.*s\n", LH_STR_ARG(objects_name(job)), download.path,
               LH_STR_ARG(lh_cli_size(job->arena, download.progress.done)));
    return LH_OK;
}

/* ---- put, remove ---- */

lh_code lh_buckets_put(const lh_buckets_job *job, lh_error *err) {
    LH_CLEANUP(lh_form_done) lh_form file;
    lh_json *answer = NULL;
    lh_str path;
    lh_form_init(&file);
    LH_TRY(objects_path(job, &path, err));
    LH_TRY(lh_form_open(job->connection, job->words->items[3], &file, err));
    lh_progress progress =
        lh_progress_start(stderr, objects_shows_progress(job), file.file_name, file.left, lh_time_monotonic_ms());
    file.progress = &progress;
    file.then = "storing";
    lh_code code = lh_form_put(job->connection, path, &file, job->arena, &answer, err);
    lh_progress_clear(&progress);
    LH_TRY(code);
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("%.*s → %.*s: %.*s\n", LH_STR_ARG(file.file_name), LH_STR_ARG(objects_name(job)),
           LH_STR_ARG(lh_cli_size(job->arena, progress.done)));
    return LH_OK;
}

lh_code lh_buckets_remove(const lh_buckets_job *job, lh_error *err) {
    lh_str path, name = objects_name(job);
    if (!job->yes && !lh_cli_confirm(lh_arena_printf(job->arena, "Remove %.*s?", LH_STR_ARG(name))))
        return lh_fail(err, LH_CANCELLED, "nothing was removed (--yes asks no question)");
    LH_TRY(objects_path(job, &path, err));
    const lh_exchange exchange = {.method = "DELETE", .path = path};
    LH_TRY(lh_connection_do(job->connection, &exchange, job->arena, NULL, err));
    printf("removed %.*s\n", LH_STR_ARG(name));
    return LH_OK;
}
