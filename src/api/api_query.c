/* POST /query/sql: one request's SQL to the engine, the answer streamed as it comes.
 * The answer's head is sent with the first bytes, so that an error before them is an ordinary error answer. */
#include "api/governed.h"

enum { QUERY_HELD_BYTES = 16 << 10 };

typedef struct query_sink {
    lh_request *request;
    lh_format format;
    uint64_t bytes;
    lh_buf held; /* of a short answer: what comes of it is not said before it is recorded */
    bool holds;
} query_sink;

static lh_code query_send(query_sink *sink, lh_str data, lh_error *err) {
    if (!lh_respond_begun(sink->request))
        LH_TRY(lh_respond_begin(sink->request, 200, lh_format_content_type(sink->format), UINT64_MAX, err));
    return lh_respond_write(sink->request, data, err);
}

static lh_code query_release(query_sink *sink, lh_error *err) {
    lh_str held = lh_buf_str(&sink->held);
    sink->holds = false;
    return held.len || !lh_respond_begun(sink->request) ? query_send(sink, held, err) : LH_OK;
}

static lh_code query_write(void *ctx, lh_str data, lh_error *err) {
    query_sink *sink = ctx;
    sink->bytes += data.len;
    if (sink->holds && sink->held.len + data.len <= QUERY_HELD_BYTES) {
        lh_buf_append(&sink->held, data);
        return lh_buf_check(&sink->held, err);
    }
    if (sink->holds) LH_TRY(query_release(sink, err));
    return query_send(sink, data, err);
}

static const struct {
    const char *name;
    lh_format format;
} query_formats[] = {
    {"json", LH_FORMAT_JSON}, {"ndjson", LH_FORMAT_NDJSON}, {"csv", LH_FORMAT_CSV}, {"arrow", LH_FORMAT_ARROW}};
enum { QUERY_FORMATS = sizeof query_formats / sizeof *query_formats, QUERY_QUALITY_FULL = 1000 };

/* The q of a media range's parameters, in thousandths; one that cannot be read counts as none. */
static unsigned query_quality(lh_str parameters) {
    while (parameters.len) {
        lh_str part = lh_str_split(&parameters, ';'), name = lh_str_trim(lh_str_split(&part, '='));
        if (!lh_str_eq_nocase(name, LH_STR("q"))) continue;
        lh_str thousandths = lh_str_trim(part), whole = lh_str_split(&thousandths, '.');
        char digits[4] = "000";
        uint64_t quality;
        if (!lh_str_eq(whole, LH_STR("0")) || thousandths.len > 3) break;
        if (thousandths.len) memcpy(digits, thousandths.ptr, thousandths.len);
        if (lh_str_to_u64(lh_str_from(digits), &quality) == LH_OK) return (unsigned)quality;
    }
    return QUERY_QUALITY_FULL;
}

/* What a media range stands for, as an index of query_formats; QUERY_FORMATS for one that we do not have. */
static size_t query_media(lh_str type) {
    if (lh_str_eq(type, LH_STR("*/*")) || lh_str_eq_nocase(type, LH_STR("application/*"))) return 0;
    for (size_t i = 0; i < QUERY_FORMATS; i++) {
        lh_str ours = lh_str_from(lh_format_content_type(query_formats[i].format));
        if (lh_str_eq_nocase(type, lh_str_split(&ours, ';'))) return i;
    }
    return QUERY_FORMATS;
}

/* Named in the body; else the best of the Accept header, the first of equals; else JSON. */
static lh_code query_format(lh_request *request, lh_str wanted, lh_format *ret, lh_error *err) {
    for (size_t i = 0; wanted.len && i < QUERY_FORMATS; i++)
        if (lh_str_eq(wanted, lh_str_from(query_formats[i].name))) return *ret = query_formats[i].format, LH_OK;
    if (wanted.len) return lh_fail(err, LH_INVALID, "'format' must be json, ndjson, csv or arrow");
    unsigned best = 0;
    *ret = LH_FORMAT_JSON;
    for (lh_str rest = lh_request_header(request, "Accept"); rest.len;) {
        lh_str range = lh_str_split(&rest, ','), type = lh_str_trim(lh_str_split(&range, ';'));
        size_t found = query_media(type);
        unsigned quality = query_quality(range);
        if (found == QUERY_FORMATS || quality <= best) continue;
        best = quality;
        *ret = query_formats[found].format;
    }
    return LH_OK;
}

/* The smaller of what was asked for and what is allowed; 0 is unlimited. */
static uint64_t query_cap(uint64_t asked, int64_t allowed) {
    uint64_t most = (uint64_t)allowed;
    return asked == 0 ? most : most == 0 || asked < most ? asked : most;
}

/* The journal and the audit lie there, which who is no administrator neither reads nor writes. */
static bool query_names_system(lh_str sql) {
    for (size_t at = 0; at + 6 <= sql.len; at++)
        if (lh_str_eq_nocase(lh_str_sub(sql, at, 6), LH_STR("system"))) return true;
    return false;
}

/* Who may not read and write the whole lake is governed by roles, if there are any: the scope of the key is all that its
 * permission says then. */
static lh_code query_govern(lh_request *request, lh_query *query, lh_error *err) {
    LH_TRY(api_governor(request, LH_PERMIT_WRITE, &query->governor, err));
    bool admin = lh_request_may(request, LH_PERMIT_ADMIN);
    if (!query->governor)
        LH_TRY(
            lh_access_bind_all(lh_request_app(request)->catalog, admin, lh_request_arena(request), &query->views, err));
    if (!query->governor && !admin && query_names_system(query->sql)) query->governor = query->views;
    query->read_only = query->governor && query->governor != query->views ? lh_request_scope(request) < LH_PERMIT_WRITE
                                                                          : !lh_request_may(request, LH_PERMIT_WRITE);
    return LH_OK;
}

static lh_code query_parse(lh_request *request, lh_query *query, lh_error *err) {
    const lh_config *config = lh_request_app(request)->config;
    lh_json *body = NULL;
    uint64_t limit, timeout_ms;
    LH_TRY(lh_request_json(request, &body, err));
    static const char *const known[] = {"sql", "params", "limit", "format", "timeout_ms", "rows"};
    LH_TRY(lh_body_check(body, known, sizeof known / sizeof *known, err));
    query->sql = lh_json_get_string(body, "sql");
    if (lh_str_trim(query->sql).len == 0)
        return lh_fail(err, LH_INVALID, "'sql' must be a string with at least one statement");
    query->params = lh_json_get(body, "params");
    if (lh_json_is_null(query->params)) query->params = NULL;
    if (query->params && !lh_json_is_array(query->params) && !lh_json_is_object(query->params))
        return lh_fail(err, LH_INVALID, "'params' must be an array ($1, ?) or an object ($name)");
    lh_str rows = lh_json_str(lh_json_get(body, "rows"), LH_STR("arrays"));
    query->rows_as_objects = lh_str_eq(rows, LH_STR("objects"));
    if (!query->rows_as_objects && !lh_str_eq(rows, LH_STR("arrays")))
        return lh_fail(err, LH_INVALID, "'rows' must be arrays or objects");
    LH_TRY(lh_body_uint(body, "limit", 0, &limit, err));
    LH_TRY(lh_body_uint(body, "timeout_ms", 0, &timeout_ms, err));
    LH_TRY(query_format(request, lh_json_get_string(body, "format"), &query->format, err));
    query->rows_max = query_cap(limit, config->query_rows_max);
    query->timeout_ms = query_cap(timeout_ms, config->query_timeout_ms);
    query->result_max_bytes = (uint64_t)config->query_result_max_bytes;
    query->cancel = lh_request_cancel(request);
    return query_govern(request, query, err);
}

/* ---- the audit: who asked what, and what came of it ---- */

/* May the text change something? Such a one is recorded before it begins, too, so that nothing is done unrecorded. */
static bool query_may_write(const lh_query *query) {
    static const char *const reads[] = {"select", "from",      "values",  "table", "describe", "desc",
                                        "show",   "summarize", "explain", "pivot", "unpivot"};
    lh_str text = lh_str_trim(query->sql);
    size_t word = 0;
    while (word < text.len && ((text.ptr[word] | 0x20) >= 'a' && (text.ptr[word] | 0x20) <= 'z')) word++;
    bool several = lh_str_find(text, ';') + 1 < text.len;
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
        if (!several && lh_str_eq_nocase(lh_str_sub(text, 0, word), lh_str_from(reads[i]))) return false;
    return !query->read_only;
}

lh_code api_record_statement(lh_request *request, const api_statement *statement, lh_error *err) {
    const lh_query_told *told = statement->told;
    lh_arena *arena = lh_request_arena(request);
    bool governed;
    lh_permission permission;
    lh_audit_record record = {.trace_id = lh_trace_current_id(),
                              .principal = lh_request_principal(request, &governed, &permission),
                              .remote = lh_request_remote(request),
                              .door = lh_str_from(statement->door),
                              .statement = statement->sql,
                              .policy = told->policy,
                              .rows = statement->outcome->rows,
                              .bytes = statement->bytes,
                              .elapsed_ms = statement->outcome->elapsed_ms,
                              .outcome = statement->result};
    LH_TRY(lh_json_write(arena, told->datasets, false, &record.datasets, err));
    LH_TRY(lh_json_write(arena, told->columns, false, &record.columns, err));
    LH_TRY(lh_json_write(arena, told->snapshot_ids, false, &record.snapshot_ids, err));
    return lh_audit_append(lh_request_app(request)->journal, &record, err);
}

static lh_code query_record(lh_request *request, const lh_query *query, const lh_query_outcome *outcome, uint64_t bytes,
                            lh_str result, lh_error *err) {
    const api_statement statement = {"http", query->sql, query->told, outcome, bytes, result};
    return api_record_statement(request, &statement, err);
}

static lh_code query_run(lh_request *request, lh_query *query, query_sink *sink, lh_error *err) {
    lh_query_outcome outcome = {0};
    lh_error ignored = {0};
    if (query_may_write(query)) LH_TRY(query_record(request, query, &outcome, 0, LH_STR("begun"), err));
    uint64_t started = lh_time_monotonic_ns();
    sink->holds = true;
    lh_code code = lh_engine_run(lh_request_app(request)->engine, query, query_write, sink, &outcome, err);
    outcome.elapsed_ms = (lh_time_monotonic_ns() - started) / 1000000u;
    lh_str result = code == LH_OK ? LH_STR("ok") : lh_str_from(lh_code_name(code));
    lh_code recorded = query_record(request, query, &outcome, sink->bytes, result, code == LH_OK ? err : &ignored);
    if (code != LH_OK) return code;
    LH_TRY(recorded);
    return sink->holds ? query_release(sink, err) : LH_OK;
}

lh_code api_query_sql(lh_request *request, lh_error *err) {
    lh_app *app = lh_request_app(request);
    lh_arena *arena = lh_request_arena(request);
    lh_query_told told = {.arena = arena,
                          .datasets = lh_json_new_array(arena),
                          .columns = lh_json_new_array(arena),
                          .snapshot_ids = lh_json_new_array(arena)};
    lh_query query = {.told = app->config->audit_enabled ? &told : NULL};
    if (!app->engine) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(query_parse(request, &query, err));
    query_sink sink = {.request = request, .format = query.format, .held = LH_BUF_INIT(QUERY_HELD_BYTES)};
    lh_query_outcome outcome;
    lh_code code = query.told ? query_run(request, &query, &sink, err)
                              : lh_engine_run(app->engine, &query, query_write, &sink, &outcome, err);
    lh_buf_done(&sink.held);
    if (code != LH_OK) return code;
    return lh_respond_begun(request) ? LH_OK : query_send(&sink, LH_STR_NONE, err);
}
