/* Any file as documents: rows that are JSON objects of all columns, files put aside with a reason, or a reason for all; no scratch file
 * stays. Input: encoding and whether bad ones are put aside (one byte), the name (one byte), the file. */
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
    snprintf(fuzz.folder, sizeof fuzz.folder, "/tmp/documents_fuzz.XXXXXX");
    assert(mkdtemp(fuzz.folder));
    snprintf(fuzz.upload, sizeof fuzz.upload, "%s/upload", fuzz.folder);
    fuzz.ingest = (lh_ingest){
        .scratch_dir = lh_str_from(fuzz.folder), .line_max_bytes = 4000, .columns_max = 100, .document_max_bytes = 8000};
    atexit(fuzz_remove);
}

static void fuzz_write(lh_str bytes) {
    FILE *file = fopen(fuzz.upload, "wb");
    assert(file && fwrite(bytes.ptr ? bytes.ptr : "", 1, bytes.len, file) == bytes.len);
    fclose(file);
}

static void fuzz_rows(const ingest_job *job, lh_arena *arena) {
    char *line = NULL;
    size_t room = 0, rows = 0;
    FILE *file = fopen(job->scratch[0], "rb");
    assert(file);
    for (ssize_t len; (len = getline(&line, &room, file)) > 0; rows++) {
        lh_json *row = NULL;
        assert((size_t)len <= job->ingest->line_max_bytes && line[len - 1] == '\n');
        assert(lh_json_parse(arena, (lh_str){line, (size_t)len}, &row, NULL) == LH_OK && lh_json_size(row) == 7);
        assert(lh_json_get_string(row, "text").len && lh_json_get_string(row, "title").len);
    }
    assert(rows + job->reject_count);
    for (size_t i = 0; i < job->reject_count; i++)
        assert(job->rejects[i].reason.len && lh_str_is_utf8(job->rejects[i].file));
    free(line);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"f.txt", "f.md", "f.html", "f.docx", "folder"};
    static const char *const encodings[] = {"", "utf-8", "utf-16", "utf-16be", "latin-1", "windows-1252"};
    static ingest_job job;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_ingest_survey survey = {.received = size};
    lh_error err = {0};
    if (!fuzz.folder[0]) fuzz_begin();
    if (size < 2 || lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    fuzz_write((lh_str){(const char *)data + 2, size - 2});
    const lh_ingest_request request = {.path = lh_str_from(fuzz.upload),
                                       .format = LH_STR("documents"),
                                       .file_name = lh_str_from(names[data[1] % 5]),
                                       .survey = &survey};
    job = (ingest_job){.ingest = &fuzz.ingest, .request = &request, .arena = arena, .quarantine = data[0] & 1};
    job.options.encoding = lh_str_from(encodings[data[0] / 2 % 6]);
    lh_code code = ingest_source_open(&job, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code == LH_OK) fuzz_rows(&job, arena);
    else lh_fuzz_told(code, &err);
    ingest_source_done(&job);
    assert(fuzz_files() == 1);
    return 0;
}
