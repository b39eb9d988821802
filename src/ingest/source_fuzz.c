/* Any file as an upload: unpacked, transcoded and checked, or refused with a reason; what is handed on is UTF-8 without
 * NUL, and no scratch file stays. Input: the options (one byte), the format (one byte), the file. */
#include "base/fuzz.h"
#include "ingest/ingest_internal.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    char folder[64], upload[96];
    lh_ingest ingest;
} fuzz;

static void fuzz_remove(void) {
    unlink(fuzz.upload);
    rmdir(fuzz.folder);
}

static void fuzz_begin(void) {
    snprintf(fuzz.folder, sizeof fuzz.folder, "/tmp/source_fuzz.XXXXXX");
    assert(mkdtemp(fuzz.folder));
    snprintf(fuzz.upload, sizeof fuzz.upload, "%s/upload", fuzz.folder);
    fuzz.ingest = (lh_ingest){.scratch_dir = lh_str_from(fuzz.folder), .line_max_bytes = 1 << 16, .columns_max = 100};
    atexit(fuzz_remove);
}

static void fuzz_write(lh_str bytes) {
    FILE *file = fopen(fuzz.upload, "wb");
    assert(file && fwrite(bytes.ptr ? bytes.ptr : "", 1, bytes.len, file) == bytes.len);
    fclose(file);
}

static size_t fuzz_files(void) {
    size_t count = 0;
    DIR *folder = opendir(fuzz.folder);
    assert(folder);
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* What the loader will read. */
static void fuzz_plain(const ingest_job *job) {
    char name[4096];
    assert(lh_str_to_cstr(job->path, name, sizeof name, NULL) == LH_OK);
    FILE *file = fopen(name, "rb");
    assert(file);
    enum { ROOM = 1 << 20 };
    char *text = malloc(ROOM);
    assert(text);
    size_t len = fread(text, 1, ROOM, file);
    assert(len == ROOM || (lh_str_is_utf8((lh_str){text, len}) && lh_str_find((lh_str){text, len}, '\0') == len));
    assert(len == ROOM || job->reject_count || job->quarantine || job->bytes == len);
    free(text);
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const formats[] = {"", "csv", "tsv", "json", "ndjson", "parquet"};
    static const char *const file_names[] = {"", "f.csv", "f.tsv.gz", "f.json", "f.ndjson.zst", "f.parquet", "f.zip"};
    static const char *const encodings[] = {"", "utf-8", "utf-16", "utf-16be", "latin-1", "windows-1252"};
    static const char *const packings[] = {"", "none", "gzip", "zstd", "zip"};
    static ingest_job job;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_ingest_survey *survey = NULL;
    lh_error err = {0};
    if (!fuzz.folder[0]) fuzz_begin();
    if (size < 2 || lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    lh_str bytes = {(const char *)data + 2, size - 2};
    fuzz_write(bytes);
    assert(lh_ingest_survey_new(&fuzz.ingest, &survey, NULL) == LH_OK);
    lh_ingest_survey_add(survey, bytes);
    lh_ingest_survey_end(survey);
    const lh_ingest_request request = {.path = lh_str_from(fuzz.upload),
                                       .format = lh_str_from(formats[data[1] % 6]),
                                       .file_name = lh_str_from(file_names[data[1] / 6 % 7]),
                                       .survey = survey};
    job = (ingest_job){.ingest = &fuzz.ingest, .request = &request, .arena = arena, .quarantine = data[0] & 1};
    job.options.encoding = lh_str_from(encodings[data[0] / 2 % 6]);
    job.options.compression = lh_str_from(packings[data[0] / 12 % 5]);
    lh_code code = ingest_source_open(&job, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code != LH_OK) lh_fuzz_told(code, &err);
    else if (job.format != INGEST_PARQUET) fuzz_plain(&job);
    ingest_source_done(&job);
    assert(fuzz_files() == 1);
    lh_ingest_survey_free(survey);
    return 0;
}
