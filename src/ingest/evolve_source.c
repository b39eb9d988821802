/* One side of a comparison: a dataset, a snapshot of it, a file that was sent, or one in the bucket, as columns and as something
 * to select from. A file goes through the same steps as in an ingest, so its columns are those that an ingest would make. */
#include "ingest/evolve_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SOURCE_OBJECT_BLOCK = 256 << 10 };

/* ---- a dataset ---- */

static const lh_json *source_find(const lh_json *list, const char *id_name, const lh_json *id) {
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);)
        if (lh_json_equal(lh_json_get(it.value, id_name), id)) return it.value;
    return NULL;
}

/* The schema of the snapshot, or of now. */
static lh_code source_schema(const lh_json *metadata, int64_t snapshot_id, lh_arena *arena, const lh_json **ret,
                             lh_error *err) {
    const lh_json *id = lh_json_get(metadata, "current-schema-id");
    if (snapshot_id >= 0) {
        const lh_json *wanted = lh_json_new_int(arena, snapshot_id);
        const lh_json *snapshot = source_find(lh_json_get(metadata, "snapshots"), "snapshot-id", wanted);
        if (!snapshot) return lh_fail(err, LH_NOT_FOUND, "snapshot %" PRId64 " does not exist (any more)", snapshot_id);
        if (!lh_json_is_null(lh_json_get(snapshot, "schema-id"))) id = lh_json_get(snapshot, "schema-id");
    }
    *ret = source_find(lh_json_get(metadata, "schemas"), "schema-id", id);
    return *ret ? LH_OK : lh_fail(err, LH_CORRUPT, "the table has no such schema");
}

lh_code evolve_source_table(lh_ingest *ingest, lh_table_name name, int64_t snapshot_id, lh_arena *arena,
                            evolve_source *ret, lh_error *err) {
    lh_json *loaded = NULL;
    const lh_json *schema = NULL;
    lh_str etag;
    LH_TRY(lh_table_load(ingest->catalog, name, false, LH_STR_NONE, arena, &loaded, &etag, err));
    ret->name = name;
    ret->metadata = lh_json_get(loaded, "metadata");
    LH_TRY(source_schema(ret->metadata, snapshot_id, arena, &schema, err));
    const lh_json *fields = lh_json_get(schema, "fields");
    ret->side.columns = LH_ARENA_ARRAY(arena, evolve_column, lh_json_size(fields) + 1);
    if (!ret->side.columns) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(fields); lh_json_next(&it);) {
        evolve_column *column = &ret->side.columns[ret->side.count++];
        column->name = lh_json_get_string(it.value, "name");
        column->id = lh_json_int(lh_json_get(it.value, "id"), 0);
        column->required = lh_json_bool(lh_json_get(it.value, "required"), false);
        LH_TRY(ingest_type_from_iceberg(lh_json_get(it.value, "type"), arena, &column->type, err));
    }
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_engine_table_sql(name, arena, &sql);
    if (snapshot_id >= 0) lh_buf_printf(&sql, " AT (VERSION => %" PRId64 ")", snapshot_id);
    LH_TRY(lh_buf_check(&sql, err));
    ret->relation = lh_arena_dup(arena, lh_buf_str(&sql));
    return lh_arena_check(arena, err);
}

/* ---- a file ---- */

static lh_code source_file(lh_ingest *ingest, lh_session *session, lh_arena *arena, evolve_source *ret, lh_error *err) {
    ingest_job *job = &ret->job;
    *job = (ingest_job){.ingest = ingest, .request = &ret->request, .arena = arena, .session = session};
    job->id = lh_uuid_new();
    LH_TRY(ingest_options_parse(ret->request.options, arena, &job->options, err));
    LH_TRY(ingest_source_open(job, err));
    LH_TRY(ingest_relation_detect(job, err));
    ret->side.columns = LH_ARENA_ARRAY(arena, evolve_column, job->column_count + 1);
    if (!ret->side.columns) return lh_arena_check(arena, err);
    for (size_t i = 0; i < job->column_count; i++)
        ret->side.columns[ret->side.count++] =
            (evolve_column){.name = job->columns[i].name,
                            .type = job->columns[i].target,
                            .guessed = job->format != INGEST_PARQUET && !job->columns[i].given};
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4 * LH_LIMIT_SQL_BYTES);
    lh_buf_char(&sql, '(');
    ingest_select_sql(job, LH_STR_NONE, &sql);
    lh_buf_char(&sql, ')');
    LH_TRY(lh_buf_check(&sql, err));
    ret->relation = lh_arena_dup(arena, lh_buf_str(&sql));
    return lh_arena_check(arena, err);
}

static lh_code source_copy(evolve_source *source, lh_object_reader *reader, int fd, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) char *block = malloc(SOURCE_OBJECT_BLOCK);
    if (!block) return lh_fail(err, LH_NO_MEMORY, "ingest: out of memory");
    for (size_t got = 1; got;) {
        LH_TRY(lh_get_read(reader, block, SOURCE_OBJECT_BLOCK, &got, err));
        lh_ingest_survey_add(source->survey, (lh_str){block, got});
        LH_TRY(lh_ingest_write(fd, (lh_str){block, got}, err));
    }
    lh_ingest_survey_end(source->survey);
    return LH_OK;
}

/* A file in the bucket, as if it had been sent. */
static lh_code source_object(lh_ingest *ingest, evolve_source *source, lh_error *err) {
    LH_CLEANUP(lh_get_closep) lh_object_reader *reader = NULL;
    lh_object_info info;
    lh_uuid id = lh_uuid_new();
    lh_str name = source->spec->object;
    LH_TRY(lh_key_check(name, err));
    LH_TRY(lh_bucket_get_open(ingest->bucket, name, LH_RANGE_ALL, &reader, &info, err));
    LH_TRY(lh_ingest_survey_new(ingest, &source->survey, err));
    snprintf(source->scratch, sizeof source->scratch, "%.*s/ingest-%s.object", LH_STR_ARG(ingest->scratch_dir),
             id.text);
    int fd = open(source->scratch, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return source->scratch[0] = '\0', lh_fail_errno(err, errno, "cannot make a scratch file");
    lh_code code = source_copy(source, reader, fd, err);
    if (close(fd) != 0 && code == LH_OK) code = lh_fail_errno(err, errno, "cannot write a scratch file");
    while (lh_str_find(name, '/') < name.len) name = lh_str_sub(name, lh_str_find(name, '/') + 1, SIZE_MAX);
    source->request = (lh_ingest_request){.path = lh_str_from(source->scratch),
                                          .file_name = name,
                                          .format = source->spec->format,
                                          .options = source->spec->options,
                                          .survey = source->survey};
    return code;
}

/* *ret must stay where it is: the job within points into it. */
lh_code evolve_source_open(lh_ingest *ingest, lh_session *session, const lh_schema_side *spec, lh_arena *arena,
                           evolve_source *ret, lh_error *err) {
    ret->spec = spec;
    if ((spec->dataset.len > 0) + (spec->object.len > 0) + (spec->file != NULL) != 1)
        return lh_fail(err, LH_INVALID, "each side must be one of: a dataset, an object, a file");
    if (spec->dataset.len) {
        lh_table_name name;
        LH_TRY(lh_table_name_parse(ingest->catalog, spec->dataset, arena, &name, err));
        return evolve_source_table(ingest, name, spec->snapshot_id, arena, ret, err);
    }
    if (spec->object.len) LH_TRY(source_object(ingest, ret, err));
    else ret->request = *spec->file;
    return source_file(ingest, session, arena, ret, err);
}

void evolve_source_done(evolve_source *source) {
    ingest_source_done(&source->job);
    if (source->scratch[0]) unlink(source->scratch);
    lh_ingest_survey_free(source->survey);
    source->scratch[0] = '\0';
    source->survey = NULL;
}
