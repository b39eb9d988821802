/* A job's document: read, written, shown. */
#include "jobs/jobs_internal.h"

lh_str job_key(const char *prefix, lh_str id, lh_arena *arena) {
    return lh_arena_printf(arena, "%s%.*s", prefix, LH_STR_ARG(id));
}

lh_str job_subject_key(lh_str subject, lh_arena *arena) {
    lh_sha256 hash = lh_sha256_of(subject);
    return lh_arena_printf(arena, "job/subject/%s", lh_sha256_to_hex(&hash).text);
}

bool job_is_open(const job_record *record) {
    return lh_str_eq(record->state, LH_STR("queued")) || lh_str_eq(record->state, LH_STR("running"));
}

static const lh_json *job_member(const lh_json *document, const char *name) {
    const lh_json *value = lh_json_get(document, name);
    return lh_json_is_null(value) ? NULL : value;
}

lh_code job_parse(lh_document document, lh_arena *arena, job_record *ret, lh_error *err) {
    lh_json *json = NULL;
    LH_TRY(lh_json_parse(arena, document.text, &json, err));
    if (lh_json_int(lh_json_get(json, "schema_version"), 0) != JOBS_SCHEMA_VERSION)
        return lh_fail(err, LH_CORRUPT, "the job %.*s was written by a newer version", LH_STR_ARG(document.key));
    *ret = (job_record){
        .id = lh_json_get_string(json, "id"),
        .kind = lh_json_get_string(json, "kind"),
        .subject = lh_json_get_string(json, "subject"),
        .state = lh_json_get_string(json, "state"),
        .by = lh_json_get_string(json, "created_by"),
        .owner = lh_json_get_string(json, "owner"),
        .retired = lh_json_get_string(json, "retired"),
        .spec = job_member(json, "spec"),
        .error = job_member(json, "error"),
        .result = job_member(json, "result"),
        .problems = job_member(json, "problems"),
        .created_ms = lh_json_int(lh_json_get(json, "created_ms"), 0),
        .started_ms = lh_json_int(lh_json_get(json, "started_ms"), 0),
        .ended_ms = lh_json_int(lh_json_get(json, "ended_ms"), 0),
        .not_before_ms = lh_json_int(lh_json_get(json, "not_before_ms"), 0),
        .lease_until_ms = lh_json_int(lh_json_get(json, "lease_until_ms"), 0),
        .attempts = lh_json_uint(lh_json_get(json, "attempts"), 0),
        .cut_off = lh_json_uint(lh_json_get(json, "cut_off"), 0),
        .done = lh_json_uint(lh_json_get(json, "done"), 0),
        .done_at_claim = lh_json_uint(lh_json_get(json, "done_at_claim"), 0),
        .total = lh_json_uint(lh_json_get(json, "total"), UINT64_MAX),
        .problem_count = lh_json_uint(lh_json_get(json, "problem_count"), 0),
        .cancel = lh_json_bool(lh_json_get(json, "cancel"), false),
        .version = document.version,
    };
    return lh_arena_check(arena, err);
}

static void job_set(lh_arena *arena, lh_json *into, const char *name, const lh_json *value) {
    if (value) lh_json_set(arena, into, name, lh_json_copy(arena, value));
}

static lh_code job_text(const job_record *record, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *json = lh_json_new_object(arena);
    lh_json_set_int(arena, json, "schema_version", JOBS_SCHEMA_VERSION);
    lh_json_set_string(arena, json, "id", record->id);
    lh_json_set_string(arena, json, "kind", record->kind);
    lh_json_set_string(arena, json, "subject", record->subject);
    lh_json_set_string(arena, json, "state", record->state);
    lh_json_set_string(arena, json, "created_by", record->by);
    lh_json_set_string(arena, json, "owner", record->owner);
    if (record->retired.len) lh_json_set_string(arena, json, "retired", record->retired);
    job_set(arena, json, "spec", record->spec);
    job_set(arena, json, "error", record->error);
    job_set(arena, json, "result", record->result);
    job_set(arena, json, "problems", record->problems);
    lh_json_set_int(arena, json, "created_ms", record->created_ms);
    lh_json_set_int(arena, json, "started_ms", record->started_ms);
    lh_json_set_int(arena, json, "ended_ms", record->ended_ms);
    lh_json_set_int(arena, json, "not_before_ms", record->not_before_ms);
    lh_json_set_int(arena, json, "lease_until_ms", record->lease_until_ms);
    lh_json_set_uint(arena, json, "attempts", record->attempts);
    lh_json_set_uint(arena, json, "cut_off", record->cut_off);
    lh_json_set_uint(arena, json, "done", record->done);
    lh_json_set_uint(arena, json, "done_at_claim", record->done_at_claim);
    if (record->total != UINT64_MAX) lh_json_set_uint(arena, json, "total", record->total);
    lh_json_set_uint(arena, json, "problem_count", record->problem_count);
    lh_json_set_bool(arena, json, "cancel", record->cancel);
    return lh_json_write(arena, json, false, ret, err);
}

lh_code job_read(lh_jobs *jobs, lh_str id, lh_arena *arena, job_record *ret, lh_error *err) {
    static const char *const prefixes[] = {JOBS_OPEN, JOBS_ENDED, JOBS_OPEN}; /* it may move between the two */
    if (!lh_uuid_is_valid(id)) return lh_fail(err, LH_NOT_FOUND, "there is no job '%.*s'", LH_STR_ARG(id));
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        lh_document document = {.key = job_key(prefixes[i], id, arena)};
        lh_code code = lh_metastore_get(jobs->metastore, document.key, arena, &document.text, &document.version, err);
        if (code == LH_OK) return job_parse(document, arena, ret, err);
        if (code != LH_NOT_FOUND) return code;
    }
    return lh_fail(err, LH_NOT_FOUND, "there is no job '%.*s'", LH_STR_ARG(id));
}

static lh_str job_holder(const job_record *record, lh_arena *arena) {
    return lh_arena_printf(arena, "{\"schema_version\":1,\"id\":\"%.*s\"}", LH_STR_ARG(record->id));
}

lh_code job_change(const job_record *record, lh_arena *arena, lh_change *ret, lh_error *err) {
    *ret = (lh_change){.key = job_key(job_is_open(record) ? JOBS_OPEN : JOBS_ENDED, record->id, arena),
                       .expected = record->version};
    return job_text(record, arena, &ret->text, err);
}

lh_code job_write(lh_jobs *jobs, const job_record *record, bool was_open, lh_arena *arena, lh_error *err) {
    lh_str open = job_key(JOBS_OPEN, record->id, arena), ended = job_key(JOBS_ENDED, record->id, arena),
           subject = job_subject_key(record->subject, arena), holder = job_holder(record, arena);
    bool is_new = record->version == LH_VERSION_ABSENT, is_open = job_is_open(record);
    lh_change changes[3];
    size_t count = 0;
    bool moves = is_open != was_open && !is_new;
    if (moves) changes[count++] = (lh_change){.key = was_open ? open : ended, .expected = record->version};
    LH_TRY(job_change(record, arena, &changes[count], err));
    if (moves) changes[count].expected = LH_VERSION_ABSENT;
    count++;
    if (is_open && (is_new || !was_open))
        changes[count++] = (lh_change){.key = subject, .text = holder, .expected = LH_VERSION_ABSENT};
    if (!is_open && was_open) changes[count++] = (lh_change){.key = subject, .expected = LH_VERSION_ANY};
    return lh_metastore_commit(jobs->metastore, changes, count, NULL, err);
}

lh_code job_write_claim(lh_jobs *jobs, job_record *record, lh_arena *arena, lh_error *err) {
    lh_str text;
    LH_TRY(job_text(record, arena, &text, err));
    const lh_change changes[] = {
        {.key = job_key(JOBS_OPEN, record->id, arena), .text = text, .expected = record->version},
        {.key = job_subject_key(record->subject, arena),
         .text = job_holder(record, arena),
         .expected = LH_VERSION_ANY}};
    LH_TRY(lh_arena_check(arena, err));
    return lh_metastore_commit(jobs->metastore, changes, sizeof changes / sizeof *changes, &record->version, err);
}

lh_code job_list(lh_jobs *jobs, const char *prefix, lh_arena *arena, job_record **ret, size_t *ret_count,
                 lh_error *err) {
    lh_document_page page;
    LH_TRY(
        lh_metastore_list(jobs->metastore, lh_str_from(prefix), LH_STR_NONE, 2 * JOBS_ENDED_KEPT, arena, &page, err));
    job_record *records = LH_ARENA_ARRAY(arena, job_record, page.count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < page.count; i++) LH_TRY(job_parse(page.items[i], arena, &records[i], err));
    *ret = records;
    *ret_count = page.count;
    return LH_OK;
}

/* ---- shown ---- */

static void job_set_time(lh_arena *arena, lh_json *into, const char *name, int64_t ms) {
    if (ms) lh_json_set_string(arena, into, name, lh_str_from(lh_time_rfc3339(ms).text));
}

static void job_set_speed(lh_arena *arena, lh_json *into, const lh_job *live, const job_record *record) {
    double seconds = (double)(lh_time_monotonic_ns() - live->started_ns) / 1e9;
    uint64_t done = record->done, total = record->total;
    double rate = done > live->done_at_start && seconds > 0 ? (double)(done - live->done_at_start) / seconds : 0;
    if (rate <= 0) return;
    lh_json_set(arena, into, "rate_per_s", lh_json_new_real(arena, rate));
    if (total != UINT64_MAX && total >= done)
        lh_json_set(arena, into, "eta_s", lh_json_new_real(arena, (double)(total - done) / rate));
}

void job_take_progress_locked(const lh_job *live, job_record *record, lh_arena *arena) {
    lh_json *problems = NULL;
    lh_str text = lh_arena_printf(arena, "[%.*s]", LH_STR_ARG(lh_buf_str(&live->problems)));
    record->done = atomic_load(&live->done);
    record->total = atomic_load(&live->total);
    record->problem_count = atomic_load(&live->problem_count);
    if (lh_json_parse(arena, text, &problems, NULL) == LH_OK) record->problems = problems;
}

lh_json *job_show_locked(job_record record, const lh_job *live, lh_arena *arena) {
    lh_json *json = lh_json_new_object(arena);
    if (live) job_take_progress_locked(live, &record, arena);
    lh_json_set_string(arena, json, "id", record.id);
    lh_json_set_string(arena, json, "kind", record.kind);
    lh_json_set_string(arena, json, "subject", record.subject);
    lh_json_set_string(arena, json, "state", record.state);
    if (live) lh_json_set_string(arena, json, "phase", lh_str_from(atomic_load(&live->phase)));
    job_set(arena, json, "spec", record.spec);
    lh_json_set_string(arena, json, "created_by", record.by);
    job_set_time(arena, json, "created_at", record.created_ms);
    job_set_time(arena, json, "started_at", record.started_ms);
    job_set_time(arena, json, "ended_at", record.ended_ms);
    lh_json_set_uint(arena, json, "attempts", record.attempts);
    lh_json_set_uint(arena, json, "done", record.done);
    lh_json_set(arena, json, "total",
                record.total == UINT64_MAX ? lh_json_new_null(arena) : lh_json_new_uint(arena, record.total));
    if (live) job_set_speed(arena, json, live, &record);
    lh_json_set(arena, json, "problems",
                record.problems ? lh_json_copy(arena, record.problems) : lh_json_new_array(arena));
    lh_json_set_uint(arena, json, "problem_count", record.problem_count);
    job_set(arena, json, "error", record.error);
    job_set(arena, json, "result", record.result);
    return json;
}

const char *const lh_job_states[LH_JOB_STATES] = {"queued", "running", "succeeded", "failed", "cancelled"};

bool lh_job_has_ended(const lh_json *job) {
    lh_str state = lh_json_get_string(job, "state");
    return !lh_str_eq(state, LH_STR("queued")) && !lh_str_eq(state, LH_STR("running"));
}
