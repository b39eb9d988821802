/* One file, from the request to the answer. */
#include "ingest/ingest_internal.h"

#include <stdio.h>

lh_code lh_ingest_new(const lh_ingest_options *options, lh_ingest **ret, lh_error *err) {
    lh_ingest *ingest = calloc(1, sizeof *ingest);
    if (!ingest || lh_str_dup(options->scratch_dir, &ingest->scratch_dir) != LH_OK) {
        free(ingest);
        return lh_fail(err, LH_NO_MEMORY, "ingest: out of memory");
    }
    ingest->engine = options->engine;
    ingest->catalog = options->catalog;
    ingest->bucket = options->bucket;
    ingest->line_max_bytes = options->line_max_bytes;
    ingest->columns_max = options->columns_max;
    ingest->document_max_bytes = options->document_max_bytes;
    ingest->detect_pii = options->detect_pii;
    *ret = ingest;
    return LH_OK;
}

void lh_ingest_free(lh_ingest *ingest) {
    if (!ingest) return;
    lh_str_free(ingest->scratch_dir);
    free(ingest);
}

lh_code ingest_make_namespace(const lh_ingest *ingest, lh_str namespace_, lh_arena *arena, lh_error *err) {
    for (size_t end = 0; end < namespace_.len; end++) {
        end += lh_str_find(lh_str_sub(namespace_, end, SIZE_MAX), '\x1f');
        lh_str level = lh_str_sub(namespace_, 0, end);
        lh_json *request = lh_json_new_object(arena), *ignored = NULL;
        if (lh_namespace_load(ingest->catalog, level, arena, &ignored, NULL) == LH_OK) continue;
        lh_json_set(arena, request, "namespace", lh_namespace_levels(level, arena));
        lh_code code = lh_namespace_create(ingest->catalog, request, arena, &ignored, err);
        bool made = code == LH_CONFLICT && /* by somebody else; or it is one of another case */
                    lh_namespace_load(ingest->catalog, level, arena, &ignored, NULL) == LH_OK;
        if (code != LH_OK && !made) return code;
    }
    return LH_OK;
}

static bool ingest_is_word(lh_str given, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq(given, lh_str_from(words[i]))) return true;
    return given.len == 0;
}

static lh_code ingest_check_words(const lh_ingest_request *request, lh_error *err) {
    static const char *const modes[] = {"create", "append", "replace", "upsert"},
                             *const errors[] = {"fail", "quarantine"}, *const changes[] = {"add", "fail", "migrate"};
    ingest_format format;
    if (!ingest_is_word(request->mode, modes, 4))
        return lh_fail(err, LH_INVALID, "'mode' must be create, append, replace or upsert");
    if (!ingest_is_word(request->on_error, errors, 2))
        return lh_fail(err, LH_INVALID, "'on_error' must be fail or quarantine");
    if (!ingest_is_word(request->on_schema_change, changes, 3))
        return lh_fail(err, LH_INVALID, "'on_schema_change' must be add, fail or migrate");
    if (request->format.len && !ingest_format_parse(request->format, &format))
        return lh_fail(err, LH_INVALID, "'format' must be csv, tsv, json, ndjson, parquet or documents");
    return LH_OK;
}

static lh_code ingest_check_name(const lh_ingest *ingest, lh_str dataset, lh_arena *arena, lh_table_name *ret,
                                 lh_error *err) {
    if (lh_str_find(dataset, '/') < dataset.len) /* more likely a path than a name */
        return lh_fail(err, LH_INVALID, "the name of a dataset to load must not have a '/'");
    if (lh_str_find(dataset, '"') < dataset.len)
        return lh_fail(err, LH_INVALID,
                       "the name of a dataset to load must not have a '\"': it is written without quotes");
    return lh_table_name_parse(ingest->catalog, dataset, arena, ret, err);
}

/* Files are loaded by SQL, which must mean this namespace. */
static lh_code ingest_check_namespace(const lh_ingest *ingest, lh_str namespace_, lh_arena *arena, lh_error *err) {
    lh_namespace_of of;
    lh_str text = lh_namespace_text(namespace_, arena);
    LH_TRY(lh_namespace_of_sql(ingest->catalog, text, arena, &of, err));
    if (of.count < 2) return LH_OK;
    return lh_fail(err, LH_CONFLICT, "there is more than one namespace '%.*s', in different cases of its letters",
                   LH_STR_ARG(text));
}

static lh_code ingest_check_key(lh_str key, lh_error *err) {
    for (lh_str rest = key, name; rest.len;) {
        name = lh_str_trim(lh_str_split(&rest, ','));
        if (name.len == 0)
            return lh_fail(err, LH_INVALID, "'key' has an empty name: it is a list of columns, as in a,b");
    }
    return LH_OK;
}

lh_code lh_ingest_check(const lh_ingest *ingest, const lh_ingest_request *request, lh_arena *arena, lh_error *err) {
    lh_table_name name;
    ingest_options options;
    if (request->dataset.len) LH_TRY(ingest_check_name(ingest, request->dataset, arena, &name, err));
    LH_TRY(ingest_check_words(request, err));
    LH_TRY(ingest_check_key(request->key, err));
    return ingest_options_parse(request->options, arena, &options, err);
}

static lh_code ingest_take_request(ingest_job *job, lh_error *err) {
    const lh_ingest_request *request = job->request;
    if (request->dataset.len == 0)
        return lh_fail(err, LH_INVALID, "'dataset' is missing: the table's name, or namespace.table");
    LH_TRY(lh_ingest_check(job->ingest, request, job->arena, err));
    LH_TRY(ingest_check_name(job->ingest, request->dataset, job->arena, &job->name, err));
    LH_TRY(ingest_check_namespace(job->ingest, job->name.namespace_, job->arena, err));
    job->quarantine = lh_ingest_puts_aside(request);
    job->rejects_name =
        (lh_table_name){job->name.namespace_, lh_arena_printf(job->arena, "%.*s__rejects", LH_STR_ARG(job->name.name))};
    return ingest_options_parse(request->options, job->arena, &job->options, err);
}

/* May another reading of the file help? A value that does not fit a type that was only guessed from a sample: guess
 * again from the whole file. One that does not fit the table's type, which may be widened: widen it. A record of many
 * lines that is too long for DuckDB's usual buffers, which its message does not always tell: take larger ones. */
static bool ingest_read_again(ingest_job *job) {
    bool text = job->format != INGEST_PARQUET && job->format != INGEST_DOCUMENTS;
    bool csv = job->format == INGEST_CSV || job->format == INGEST_TSV;
    if (csv && !job->long_lines && job->bytes > INGEST_LINE_USUAL_BYTES) return job->long_lines = true;
    for (size_t i = 0; i < job->column_count && !job->widen; i++)
        if (job->columns[i].may_widen) return job->widen = true;
    bool guessed = text && !job->whole_sample && !job->exists && !job->quarantine && job->options.sample_rows >= 0;
    return guessed && job->lines > (uint64_t)job->options.sample_rows && (job->whole_sample = true);
}

static lh_code ingest_detect_and_load(ingest_job *job, lh_json **ret, lh_error *err) {
    lh_error why = {0};
    lh_code code;
    do {
        job->migrated = NULL;
        LH_TRY(ingest_relation_detect(job, err));
        why = (lh_error){0};
        code = ingest_load(job, ret, &why);
    } while (code == LH_INVALID && ingest_read_again(job));
    if (code != LH_OK && err) *err = why;
    return code;
}

/* The rejects' lock comes second, in the order of names in which SQL takes locks as well. */
static lh_code ingest_lock(const ingest_job *job, lh_error *err) {
    lh_engine *engine = job->ingest->engine;
    LH_TRY(lh_engine_lock_table(engine, job->name, job->request->cancel, err));
    if (!job->quarantine) return LH_OK;
    lh_code code = lh_engine_lock_table(engine, job->rejects_name, job->request->cancel, err);
    if (code != LH_OK) lh_engine_unlock_table(engine, job->name);
    return code;
}

static void ingest_unlock(const ingest_job *job) {
    if (job->quarantine) lh_engine_unlock_table(job->ingest->engine, job->rejects_name);
    lh_engine_unlock_table(job->ingest->engine, job->name);
}

static lh_code ingest_run(ingest_job *job, lh_json **ret, lh_error *err) {
    uint64_t started = lh_time_monotonic_ms();
    lh_json *answer = NULL;
    LH_TRY(ingest_take_request(job, err));
    LH_TRY(ingest_source_open(job, err));
    LH_TRY(ingest_lock(job, err));
    lh_code code = lh_session_open(job->ingest->engine, job->request->cancel, &job->session, err);
    if (code == LH_OK) code = ingest_detect_and_load(job, &answer, err);
    ingest_unlock(job);
    if (code != LH_OK) return code;
    ingest_scan_loaded(job, answer);
    lh_json_set_uint(job->arena, answer, "bytes", job->request->survey->received);
    lh_json_set_uint(job->arena, answer, "elapsed_ms", lh_time_monotonic_ms() - started);
    *ret = answer;
    return lh_arena_check(job->arena, err);
}

lh_code lh_ingest_file(lh_ingest *ingest, const lh_ingest_request *request, lh_arena *arena, lh_json **ret,
                       lh_error *err) {
    ingest_job job = {.ingest = ingest, .request = request, .arena = arena, .id = lh_uuid_new()};
    lh_span span;
    lh_span_begin("ingest.file", &span);
    lh_code code = ingest_run(&job, ret, err);
    lh_session_close(job.session);
    lh_sample_free(job.sample);
    ingest_source_done(&job);
    lh_span_end(&span, code);
    return code;
}
