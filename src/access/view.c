/* AI-safe views: some columns of a dataset or of another view, some of them masked, and the rows that pass a filter. What is kept
 * (the catalog keeps it, with the view's Iceberg metadata for other engines) is
 *   {"base_dataset":"as given","columns":[…],"row_filter"?:"as given","filter"?:"in normal form","redactions":{column:{"kind",…}},
 *    "shadow":bool,"description"?,"created_by","updated_at"}
 * A view is checked against its base when it is made; the catalog then keeps the columns that it reads where they are. What
 * gets past that, the base being changed by hand, makes the view broken: it can be listed and dropped, but not be read. */
#include "access/access_internal.h"
#include "access/view_internal.h"

enum { VIEW_TRIES = 30 };

/* ---- what is kept → a view ---- */

static bool view_is_none(const lh_json *redaction) {
    return lh_str_eq(lh_json_get_string(redaction, "kind"), LH_STR("none"));
}

/* What is kept by column: the masks, and of which columns the view says that they may be seen. */
static lh_code view_take_redactions(lh_view *view, const lh_json *kept, lh_arena *arena, lh_error *err) {
    lh_json *masks = lh_json_new_object(arena);
    view->plain = LH_ARENA_ARRAY(arena, bool, view->column_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < view->column_count; i++) {
        const lh_json *redaction = lh_json_get_str(kept, view->columns[i]);
        view->plain[i] = view_is_none(redaction);
        if (redaction && !view->plain[i]) lh_json_put(arena, masks, view->columns[i], lh_json_copy(arena, redaction));
    }
    view->redactions = masks;
    return lh_arena_check(arena, err);
}

static lh_code view_read(const lh_view_defined *defined, lh_arena *arena, lh_view *ret, lh_error *err) {
    const lh_json *definition = defined->definition, *columns = lh_json_get(definition, "columns");
    lh_view view = {.name = defined->name,
                    .base = defined->base,
                    .base_is_view = defined->base_is_view,
                    .row_filter = lh_json_get_string(definition, "filter"),
                    .shadows = lh_json_bool(lh_json_get(definition, "shadow"), false),
                    .version = defined->version};
    view.columns = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(columns) + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);)
        view.columns[view.column_count++] = lh_json_str(it.value, LH_STR_NONE);
    LH_TRY(view_take_redactions(&view, lh_json_get(definition, "redactions"), arena, err));
    *ret = view;
    return LH_OK;
}

lh_code lh_access_view_find(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_view *ret, bool *ret_found,
                            lh_error *err) {
    lh_view_defined defined;
    lh_code code = lh_view_definition(catalog, name, arena, &defined, err);
    *ret_found = code == LH_OK;
    if (code == LH_NOT_FOUND) return LH_OK;
    return code == LH_OK ? view_read(&defined, arena, ret, err) : code;
}

/* ---- columns that a view has, over the columns of its base ---- */

static size_t view_find_column(const access_columns *columns, lh_str name) {
    for (size_t i = 0; i < columns->count; i++)
        if (lh_str_eq_nocase(columns->names[i], name)) return i;
    return columns->count;
}

static bool view_is_one_of(lh_str text, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (lh_str_eq(text, lh_str_from(names[i]))) return true;
    return false;
}

/* May the column be masked so? As text only what has one form as text. */
static lh_code view_mask_fits(const lh_json *redaction, const lh_json *field, bool *ret, lh_error *err) {
    static const char *const texts[] = {"hash", "token", "mask"};
    LH_CLEANUP(lh_buf_done) lh_buf type = LH_BUF_INIT(1 << 20);
    lh_str kind = lh_json_get_string(redaction, "kind"), plain = lh_json_get_string(field, "type");
    lh_engine_type_sql(lh_json_get(field, "type"), &type);
    LH_TRY(lh_buf_check(&type, err));
    bool there = lh_str_eq(kind, LH_STR("null")) || access_mask_of(redaction, lh_buf_str(&type)).kind != LH_MASK_NULL;
    bool bytes = lh_str_eq(plain, LH_STR("binary")) || lh_str_starts(plain, LH_STR("fixed"));
    *ret = there && (!view_is_one_of(kind, texts, 3) || (plain.len && !bytes));
    return LH_OK;
}

/* The field as it is behind the mask; NULL type: it does not change. */
static void view_mask_type(lh_str kind, const char **ret_iceberg, const char **ret_sql) {
    bool same = lh_str_eq(kind, LH_STR("null")) || lh_str_eq(kind, LH_STR("bucket"));
    bool year = lh_str_eq(kind, LH_STR("year"));
    *ret_iceberg = same ? NULL : year ? "int" : "string";
    *ret_sql = same ? NULL : year ? "INTEGER" : "VARCHAR";
}

static lh_code view_take_column(const access_columns *base, size_t from, const lh_json *redaction, lh_arena *arena,
                                access_columns *into, lh_error *err) {
    lh_json *field = lh_json_copy(arena, base->fields[from]);
    lh_str kind = lh_json_get_string(redaction, "kind"), masked = base->masked[from];
    const char *iceberg = NULL, *sql = NULL;
    if (redaction) {
        bool fits = false;
        LH_TRY(view_mask_fits(redaction, field, &fits, err));
        if (!fits)
            return lh_fail(err, LH_INVALID,
                           "the column '%.*s' cannot have the redaction '%.*s': it does not fit its type",
                           LH_STR_ARG(base->names[from]), LH_STR_ARG(kind));
        view_mask_type(kind, &iceberg, &sql);
    }
    lh_json_set_bool(arena, field, "required", false);
    if (iceberg) lh_json_set_string(arena, field, "type", lh_str_from(iceberg));
    into->names[into->count] = base->names[from];
    into->fields[into->count] = field;
    into->masked[into->count++] = sql ? lh_str_from(sql) : masked;
    return lh_arena_check(arena, err);
}

static lh_code view_take_columns(const access_columns *base, const lh_view *view, lh_arena *arena, access_columns *ret,
                                 lh_error *err) {
    access_columns columns = {.dataset = base->dataset};
    columns.names = LH_ARENA_ARRAY(arena, lh_str, view->column_count + 1);
    columns.fields = LH_ARENA_ARRAY(arena, lh_json *, view->column_count + 1);
    columns.masked = LH_ARENA_ARRAY(arena, lh_str, view->column_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < view->column_count; i++) {
        size_t from = view_find_column(base, view->columns[i]);
        if (from == base->count)
            return lh_fail(err, LH_INVALID, "'%.*s' has no column '%.*s'",
                           LH_STR_ARG(lh_table_name_text(view->base, arena)), LH_STR_ARG(view->columns[i]));
        LH_TRY(view_take_column(base, from, lh_json_get_str(view->redactions, view->columns[i]), arena, &columns, err));
    }
    *ret = columns;
    return LH_OK;
}

/* Columns of what a view is over. depth: of views that may still come. */
static lh_code view_base_columns(lh_catalog *catalog, lh_table_name base, bool is_view, unsigned depth, lh_arena *arena,
                                 access_columns *ret, lh_error *err) {
    lh_view_defined defined;
    lh_view view;
    access_columns below;
    if (!is_view) return access_columns_of(catalog, base, arena, ret, err);
    if (depth == 0) return lh_fail(err, LH_INVALID, "views over views go at most %d deep", LH_ACCESS_VIEW_DEPTH);
    LH_TRY(lh_view_definition(catalog, base, arena, &defined, err));
    LH_TRY(view_read(&defined, arena, &view, err));
    LH_TRY(view_base_columns(catalog, view.base, view.base_is_view, depth - 1, arena, &below, err));
    return view_take_columns(&below, &view, arena, ret, err);
}

lh_code access_view_columns(lh_catalog *catalog, lh_table_name name, lh_arena *arena, access_columns *ret,
                            lh_error *err) {
    return view_base_columns(catalog, name, true, LH_ACCESS_VIEW_DEPTH, arena, ret, err);
}

/* ---- what grants ask of its columns ---- */

static const lh_json *view_find_label(const lh_json *labels, lh_str name) {
    for (lh_json_iter it = lh_json_each(labels); lh_json_next(&it);)
        if (lh_str_eq_nocase(lh_json_get_string(it.value, "name"), name)) return it.value;
    return NULL;
}

static lh_json *view_label(const lh_view *view, size_t column, const lh_json *below, lh_arena *arena) {
    static const char *const taken[] = {"sensitivity", "pii_kind"};
    lh_str name = view->columns[column];
    const lh_json *of = view_find_label(below, name);
    lh_json *label = lh_json_new_object(arena);
    lh_json_set_string(arena, label, "name", name);
    if (view->plain[column] || lh_json_get_str(view->redactions, name)) {
        lh_json_set_string(arena, label, "sensitivity", LH_STR("internal"));
        return label;
    }
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) /* without a word it is restricted */
        if (lh_json_get(of, taken[i]))
            lh_json_set(arena, label, taken[i], lh_json_copy(arena, lh_json_get(of, taken[i])));
    return label;
}

/* depth: of views that may still be below. */
static lh_code view_labels(lh_catalog *catalog, const lh_view *view, unsigned depth, lh_arena *arena, lh_json **ret,
                           lh_error *err) {
    lh_json *below = NULL, *labels = lh_json_new_array(arena);
    lh_view_defined defined;
    lh_view base;
    lh_table_state ignored;
    if (view->base_is_view && depth == 0)
        return lh_fail(err, LH_NOT_FOUND, "views over views go at most %d deep", LH_ACCESS_VIEW_DEPTH);
    if (view->base_is_view) {
        LH_TRY(lh_view_definition(catalog, view->base, arena, &defined, err));
        LH_TRY(view_read(&defined, arena, &base, err));
        LH_TRY(view_labels(catalog, &base, depth - 1, arena, &below, err));
    } else LH_TRY(lh_dataset_columns(catalog, view->base, arena, &below, &ignored, err));
    for (size_t i = 0; i < view->column_count; i++) lh_json_append(labels, view_label(view, i, below, arena));
    *ret = labels;
    return lh_arena_check(arena, err);
}

lh_code access_view_labels(lh_catalog *catalog, const lh_view *view, lh_arena *arena, lh_json **ret, lh_error *err) {
    return view_labels(catalog, view, LH_ACCESS_VIEW_DEPTH - 1, arena, ret, err);
}

/* Of its columns as they are now; an engine that is not there looks at nothing. */
static lh_code view_bind_filter(lh_engine *engine, const access_columns *base, lh_str filter, lh_arena *arena,
                                lh_error *err) {
    if (!engine || !filter.len) return LH_OK;
    lh_filter_column *columns = LH_ARENA_ARRAY(arena, lh_filter_column, base->count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < base->count; i++) columns[i] = (lh_filter_column){base->names[i], base->masked[i]};
    return lh_engine_filter_bind(engine, base->dataset, columns, base->count, filter, arena, err);
}

lh_code lh_access_view_check(lh_catalog *catalog, lh_engine *engine, const lh_view *view, lh_arena *arena,
                             lh_error *err) {
    access_columns base, ignored;
    lh_filter filter;
    lh_error why = {0};
    lh_code code =
        view_base_columns(catalog, view->base, view->base_is_view, LH_ACCESS_VIEW_DEPTH - 1, arena, &base, &why);
    if (code == LH_OK) code = view_take_columns(&base, view, arena, &ignored, &why);
    if (code == LH_OK && view->row_filter.len)
        code = lh_engine_filter_check(view->row_filter, base.names, base.count, arena, &filter, &why);
    if (code == LH_OK) code = view_bind_filter(engine, &base, view->row_filter, arena, &why);
    if (code == LH_OK) return LH_OK;
    if (code != LH_INVALID && code != LH_NOT_FOUND) return lh_fail(err, code, "%s", why.message);
    return lh_fail(err, LH_CONFLICT, "the view '%.*s' is broken: %s", LH_STR_ARG(lh_table_name_text(view->name, arena)),
                   why.message);
}

/* ---- made and changed ---- */

/* One try at it. */
typedef struct view_job {
    const lh_view_put *put;
    access_view_body body;
    lh_view view;
    lh_json *names;      /* view.columns, as the base has them */
    lh_json *redactions; /* by these, as they are kept */
    access_columns base, columns;
    lh_filter filter;
    uint64_t base_version;
    lh_arena *arena;
} view_job;

static lh_code view_find_base(view_job *job, lh_error *err) {
    lh_table_state table;
    lh_view_defined defined;
    bool iceberg = false;
    LH_TRY(lh_table_name_parse(job->put->catalog, job->body.base, job->arena, &job->view.base, err));
    if (lh_table_version(job->put->catalog, job->view.base, &table, NULL) == LH_OK) {
        job->base_version = table.version;
        return LH_OK;
    }
    if (lh_view_definition(job->put->catalog, job->view.base, job->arena, &defined, NULL) == LH_OK) {
        job->view.base_is_view = true;
        job->base_version = defined.version;
        return LH_OK;
    }
    LH_TRY(lh_view_exists(job->put->catalog, job->view.base, &iceberg, err));
    return lh_fail(err, LH_NOT_FOUND, "there is no dataset or view '%.*s'%s", LH_STR_ARG(job->body.base),
                   iceberg ? " of the lake's own: it is an Iceberg view of a client" : "");
}

/* The columns as the base has them, the redactions by these names. */
static lh_code view_set_columns(view_job *job, lh_error *err) {
    lh_arena *arena = job->arena;
    job->redactions = lh_json_new_object(arena);
    job->names = lh_json_new_array(arena);
    job->view.columns = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(job->body.columns) + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(job->body.columns); lh_json_next(&it);) {
        lh_str given = lh_json_str(it.value, LH_STR_NONE);
        size_t at = view_find_column(&job->base, given);
        if (at == job->base.count)
            return lh_fail(err, LH_INVALID, "'columns' names '%.*s', which '%.*s' does not have", LH_STR_ARG(given),
                           LH_STR_ARG(job->body.base));
        lh_str name = job->base.names[at];
        lh_json *redaction = lh_json_get_str(job->body.redactions, given);
        if (redaction) lh_json_put(arena, job->redactions, name, lh_json_copy(arena, redaction));
        job->view.columns[job->view.column_count++] = name;
        lh_json_append(job->names, lh_json_new_string(arena, name));
    }
    LH_TRY(view_take_redactions(&job->view, job->redactions, arena, err));
    return view_take_columns(&job->base, &job->view, arena, &job->columns, err);
}

static lh_code view_set_filter(view_job *job, lh_error *err) {
    if (!job->body.row_filter.len) return LH_OK;
    LH_TRY(
        lh_engine_filter_check(job->body.row_filter, job->base.names, job->base.count, job->arena, &job->filter, err));
    job->view.row_filter = job->filter.text;
    return view_bind_filter(job->put->engine, &job->base, job->filter.text, job->arena, err);
}

/* All that the view reads of its base. */
static lh_json *view_reads(const view_job *job) {
    lh_json *reads = lh_json_copy(job->arena, job->names);
    for (size_t i = 0; i < job->filter.column_count; i++)
        lh_json_append(reads, lh_json_new_string(job->arena, job->filter.columns[i]));
    return reads;
}

static lh_json *view_definition(const view_job *job) {
    lh_arena *arena = job->arena;
    lh_json *definition = lh_json_new_object(arena);
    lh_json_set_string(arena, definition, "base_dataset", job->body.base);
    lh_json_set(arena, definition, "columns", lh_json_copy(arena, job->names));
    if (job->body.row_filter.len) {
        lh_json_set_string(arena, definition, "row_filter", job->body.row_filter);
        lh_json_set_string(arena, definition, "filter", job->view.row_filter);
    }
    lh_json_set(arena, definition, "redactions", lh_json_copy(arena, job->redactions));
    lh_json_set_bool(arena, definition, "shadow", job->body.shadow);
    if (job->body.description.len) lh_json_set_string(arena, definition, "description", job->body.description);
    lh_json_set_string(arena, definition, "created_by", job->put->by);
    lh_json_set_string(arena, definition, "updated_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    return definition;
}

/* A view that is there keeps its base: what it shows may change, not of what. */
static lh_code view_check_before(const view_job *job, lh_error *err) {
    lh_view_defined before;
    if (job->put->expected == LH_VERSION_ABSENT) return LH_OK;
    LH_TRY(lh_view_definition(job->put->catalog, job->view.name, job->arena, &before, err));
    if (before.version != job->put->expected) return lh_fail(err, LH_CONFLICT, "the view has changed meanwhile");
    bool same = before.base_is_view == job->view.base_is_view &&
                lh_str_eq(before.base.namespace_, job->view.base.namespace_) &&
                lh_str_eq(before.base.name, job->view.base.name);
    return same
               ? LH_OK
               : lh_fail(err, LH_INVALID, "'base_dataset' of a view cannot be changed: drop the view and make it anew");
}

static lh_code view_try_put(view_job *job, bool *ret_again, lh_error *err) {
    lh_json *request = NULL;
    LH_TRY(view_find_base(job, err));
    LH_TRY(view_check_before(job, err));
    LH_TRY(view_base_columns(job->put->catalog, job->view.base, job->view.base_is_view, LH_ACCESS_VIEW_DEPTH - 1,
                             job->arena, &job->base, err));
    LH_TRY(view_set_columns(job, err));
    LH_TRY(view_set_filter(job, err));
    LH_TRY(access_view_request(&job->view, &job->columns, job->arena, &request, err));
    const lh_defined_view defined = {.name = job->view.name,
                                     .base = job->view.base,
                                     .base_is_view = job->view.base_is_view,
                                     .base_version = job->base_version,
                                     .definition = view_definition(job),
                                     .request = request,
                                     .columns = view_reads(job),
                                     .shadows = job->body.shadow,
                                     .expected = job->put->expected};
    LH_TRY(lh_arena_check(job->arena, err));
    return lh_view_define(job->put->catalog, &defined, ret_again, job->arena, err);
}

lh_code lh_access_view_put(const lh_view_put *put, lh_arena *arena, lh_table_name *ret, lh_error *err) {
    access_view_body body;
    lh_table_name name = put->name;
    LH_TRY(access_view_body_read(put->body, arena, &body, err));
    if (!name.name.len && !body.name.len) return lh_fail(err, LH_INVALID, "'name' of a view is missing");
    if (body.name.len) LH_TRY(lh_table_name_parse(put->catalog, body.name, arena, &name, err));
    if (put->name.name.len &&
        (!lh_str_eq(name.name, put->name.name) || !lh_str_eq(name.namespace_, put->name.namespace_)))
        return lh_fail(err, LH_INVALID, "'name' must be the view's, '%.*s', or be left out",
                       LH_STR_ARG(lh_table_name_text(put->name, arena)));
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL; /* each try reads the base anew */
        view_job job = {.put = put, .body = body, .view = {.name = name}};
        bool again = false;
        LH_TRY(lh_arena_new(8 * (size_t)LH_LIMIT_METADATA_BYTES, &scratch, err));
        job.arena = scratch;
        lh_code code = view_try_put(&job, &again, err);
        if (code == LH_OK) *ret = name;
        if (!again || tries == VIEW_TRIES) return code;
    }
}

lh_code lh_access_view_delete(lh_catalog *catalog, lh_table_name name, uint64_t expected, lh_arena *arena,
                              lh_error *err) {
    for (int tries = 0;; tries++) {
        lh_view_defined defined;
        LH_TRY(lh_view_definition(catalog, name, arena, &defined, err));
        if (expected != LH_VERSION_ANY && defined.version != expected)
            return lh_fail(err, LH_CONFLICT, "the view has changed meanwhile");
        lh_json *readers = NULL;
        LH_TRY(lh_view_readers(catalog, name, true, arena, &readers, err));
        lh_code code = lh_view_undefine(catalog, name, defined.version, arena, err);
        if (code != LH_CONFLICT || lh_json_size(readers) || tries == VIEW_TRIES) return code;
    }
}

/* ---- as JSON ---- */

static void view_set_text(lh_arena *arena, lh_json *into, const char *name, lh_str text) {
    lh_json_set(arena, into, name, text.len ? lh_json_new_string(arena, text) : lh_json_new_null(arena));
}

static lh_code view_public(lh_catalog *catalog, lh_engine *engine, const lh_view_defined *defined, lh_arena *arena,
                           lh_json **ret, lh_error *err) {
    const lh_json *definition = defined->definition;
    lh_json *item = lh_json_new_object(arena);
    lh_view view;
    lh_error why = {0};
    LH_TRY(view_read(defined, arena, &view, err));
    lh_code code = lh_access_view_check(catalog, engine, &view, arena, &why);
    if (code != LH_OK && code != LH_CONFLICT) return lh_fail(err, code, "%s", why.message);
    lh_json_set_string(arena, item, "name", defined->name.name);
    lh_json_set_string(arena, item, "namespace", lh_namespace_text(defined->name.namespace_, arena));
    lh_json_set_string(arena, item, "base_dataset", lh_json_get_string(definition, "base_dataset"));
    lh_json_set(arena, item, "columns", lh_json_copy(arena, lh_json_get(definition, "columns")));
    view_set_text(arena, item, "row_filter", lh_json_get_string(definition, "row_filter"));
    lh_json_set(arena, item, "column_redactions", lh_json_copy(arena, lh_json_get(definition, "redactions")));
    lh_json_set_bool(arena, item, "shadow", view.shadows);
    view_set_text(arena, item, "description", lh_json_get_string(definition, "description"));
    lh_json_set_string(arena, item, "created_by", lh_json_get_string(definition, "created_by"));
    lh_json_set_string(arena, item, "created_at", defined->created_at);
    lh_json_set_string(arena, item, "updated_at", lh_json_get_string(definition, "updated_at"));
    view_set_text(arena, item, "broken", code == LH_OK ? LH_STR_NONE : lh_str_from(why.message));
    *ret = item;
    return lh_arena_check(arena, err);
}

lh_code lh_access_view_get(lh_catalog *catalog, lh_engine *engine, lh_table_name name, lh_arena *arena, lh_json **ret,
                           uint64_t *ret_version, lh_error *err) {
    lh_view_defined defined;
    LH_TRY(lh_view_definition(catalog, name, arena, &defined, err));
    LH_TRY(view_public(catalog, engine, &defined, arena, ret, err));
    *ret_version = defined.version;
    return LH_OK;
}

lh_code lh_access_views_list(lh_catalog *catalog, lh_page page, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *items = lh_json_new_array(arena);
    lh_table_name *names = NULL;
    lh_str next;
    size_t count = 0;
    LH_TRY(lh_view_defined_list(catalog, page, arena, &names, &count, &next, err));
    for (size_t i = 0; i < count; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL; /* the check reads the base's metadata */
        lh_json *item = NULL;
        uint64_t ignored;
        LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &scratch, err));
        lh_code code = lh_access_view_get(catalog, NULL, names[i], scratch, &item, &ignored, err);
        if (code == LH_NOT_FOUND) continue; /* dropped meanwhile */
        if (code != LH_OK) return code;
        lh_json_append(items, lh_json_copy(arena, item));
    }
    *ret = lh_json_page(arena, items, next);
    return lh_arena_check(arena, err);
}
