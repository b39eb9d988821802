/* See governed.h. Of a table that is not seen whole nothing is told that hangs on its rows: no count, size, time, snapshot, file
 * or load; and of its columns only those that are seen, with the types of their masks. */
#include "api/governed.h"

lh_code api_governor(lh_request *request, lh_permission whole, const lh_governor **ret, lh_error *err) {
    bool governed;
    lh_permission permission;
    (void)lh_request_principal(request, &governed, &permission);
    *ret = NULL;
    return governed && permission < whole ? lh_request_governor(request, ret, err) : LH_OK;
}

lh_code api_shown(lh_request *request, lh_table_name name, const lh_relation **ret, lh_error *err) {
    const lh_governor *governor = NULL;
    *ret = NULL;
    LH_TRY(api_governor(request, LH_PERMIT_READ, &governor, err));
    return governor ? governor->relation(governor->ctx, name, lh_request_arena(request), ret, err) : LH_OK;
}

lh_code api_may_write(lh_request *request, lh_write write, lh_table_name name, lh_error *err) {
    const lh_governor *governor = NULL;
    const lh_relation *limits = NULL;
    if (lh_namespace_is_system(name.namespace_) && !lh_request_may(request, LH_PERMIT_ADMIN))
        return lh_fail(err, LH_DENIED, LH_SYSTEM_DENIED);
    LH_TRY(api_governor(request, LH_PERMIT_WRITE, &governor, err));
    if (governor) LH_TRY(governor->write(governor->ctx, write, name, lh_request_arena(request), &limits, err));
    return limits ? lh_fail(err, LH_DENIED,
                            "this takes the rights to read and to write every row and column of the dataset")
                  : LH_OK;
}

/* ---- a description ---- */

static const lh_relation_column *shown_column(const lh_relation *relation, lh_str name) {
    for (size_t i = 0; i < relation->column_count; i++)
        if (lh_str_eq(relation->columns[i].name, name)) return &relation->columns[i];
    return NULL;
}

static lh_json *shown_columns(const lh_relation *relation, const lh_json *columns, lh_arena *arena) {
    static const char *const told[] = {"nullable", "doc", "description", "sensitivity", "pii_kind", "synonyms", "key"};
    lh_json *shown = lh_json_new_array(arena);
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        const lh_relation_column *column = shown_column(relation, lh_json_get_string(it.value, "name"));
        if (!column) continue;
        lh_str type = lh_relation_type(column);
        lh_json *one = lh_json_new_object(arena);
        lh_json_set_string(arena, one, "name", column->name);
        lh_json_set_string(arena, one, "type",
                           lh_str_eq(type, LH_STR("VARCHAR"))   ? LH_STR("string")
                           : lh_str_eq(type, LH_STR("INTEGER")) ? LH_STR("int")
                                                                : lh_json_get_string(it.value, "type"));
        for (size_t i = 0; i < sizeof told / sizeof *told; i++)
            if (lh_json_get(it.value, told[i]))
                lh_json_set(arena, one, told[i], lh_json_copy(arena, lh_json_get(it.value, told[i])));
        lh_str by =
            lh_json_get_string(it.value, "said_by"); /* what was found may have been in hidden rows, also of a source */
        bool found = lh_str_eq(by, LH_STR("detected")) || lh_str_eq(by, LH_STR("inherited"));
        if (found) lh_json_set(arena, one, "pii_kind", lh_json_new_null(arena));
        if (lh_json_get(it.value, "said_by")) { /* a rich column */
            /* references: names another dataset */
            static const char *const unknown[] = {"confidence", "said_by", "statistics", "references"};
            for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
                lh_json_set(arena, one, unknown[i], lh_json_new_null(arena));
        }
        lh_json_append(shown, one);
    }
    return shown;
}

static lh_json *shown_freshness(lh_arena *arena) {
    lh_json *freshness = lh_json_new_object(arena);
    lh_json_set(arena, freshness, "updated_at", lh_json_new_null(arena));
    lh_json_set(arena, freshness, "expected_interval_s", lh_json_new_null(arena));
    lh_json_set_string(arena, freshness, "status", LH_STR("unknown"));
    return freshness;
}

/* A view has no dataset behind it to tell of. */
static lh_json *shown_view(const lh_relation *relation, lh_table_name name, lh_arena *arena) {
    static const char *const none[] = {"row_count",          "bytes",      "files",      "snapshot_id",
                                       "schema_fingerprint", "created_at", "updated_at", "location"};
    lh_json *shown = lh_json_new_object(arena), *schema = lh_json_new_array(arena);
    for (size_t i = 0; i < relation->column_count; i++) {
        lh_json *column = lh_json_new_object(arena);
        lh_json_set_string(arena, column, "name", relation->columns[i].name);
        lh_json_set_string(arena, column, "type", lh_relation_type(&relation->columns[i]));
        lh_json_set_bool(arena, column, "nullable", true);
        lh_json_append(schema, column);
    }
    lh_json_set_string(arena, shown, "name", name.name);
    lh_json_set_string(arena, shown, "namespace", lh_namespace_text(name.namespace_, arena));
    lh_json_set_string(arena, shown, "format", LH_STR("view"));
    lh_json_set(arena, shown, "schema", schema);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) lh_json_set(arena, shown, none[i], lh_json_new_null(arena));
    lh_json_set_bool(arena, shown, "limited", true);
    return shown;
}

lh_code api_shown_get(lh_request *request, const lh_relation *relation, lh_table_name name, lh_json **ret,
                      lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *dataset = NULL;
    if (relation && relation->view) *ret = shown_view(relation, name, arena);
    else {
        LH_TRY(lh_dataset_get(lh_request_app(request)->catalog, name, arena, &dataset, err));
        *ret = api_shown_dataset(relation, dataset, arena);
    }
    return lh_arena_check(arena, err);
}

lh_json *api_shown_dataset(const lh_relation *relation, lh_json *dataset, lh_arena *arena) {
    static const char *const told[] = {"name",  "namespace",   "format", "description",
                                       "owner", "sensitivity", "tags",   "synonyms"};
    static const char *const hidden[] = {"row_count",  "bytes",      "files",  "snapshot_id", "schema_fingerprint",
                                         "created_at", "updated_at", "origin", "location",    "metadata_updated_at",
                                         "lineage"};
    if (!relation || relation->whole) return dataset;
    lh_json *shown = lh_json_new_object(arena);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (lh_json_get(dataset, told[i]))
            lh_json_set(arena, shown, told[i], lh_json_copy(arena, lh_json_get(dataset, told[i])));
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (lh_json_get(dataset, hidden[i])) lh_json_set(arena, shown, hidden[i], lh_json_new_null(arena));
    lh_json_set(arena, shown, "schema", shown_columns(relation, lh_json_get(dataset, "schema"), arena));
    if (lh_json_get(dataset, "columns"))
        lh_json_set(arena, shown, "columns", shown_columns(relation, lh_json_get(dataset, "columns"), arena));
    if (lh_json_get(dataset, "freshness")) lh_json_set(arena, shown, "freshness", shown_freshness(arena));
    lh_json_set_bool(arena, shown, "limited", true);
    return shown;
}

/* ---- a list ---- */

static bool shown_contains(lh_str name, lh_str part) {
    for (size_t at = 0; at + part.len <= name.len; at++)
        if (lh_str_eq_nocase(lh_str_sub(name, at, part.len), part)) return true;
    return part.len == 0;
}

static lh_code shown_item(lh_request *request, const lh_listed *listed, lh_json *items, lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *shown = NULL;
    if (api_shown_get(request, listed->relation, listed->name, &shown, NULL) == LH_OK) lh_json_append(items, shown);
    return lh_arena_check(arena, err); /* one that is gone, or cannot be read, is passed over */
}

/* Behind the item of that name; where it is gone, behind those of lesser names. */
static size_t shown_after(const lh_listed *listed, size_t count, lh_str token, lh_arena *arena) {
    size_t lesser = 0;
    for (size_t i = 0; i < count && token.len; i++) {
        lh_str name = lh_table_name_text(listed[i].name, arena);
        if (lh_str_eq(name, token)) return i + 1;
        if (lh_str_cmp(name, token) < 0) lesser = i + 1;
    }
    return lesser;
}

/* A token is the name of the last item, which the caller has seen. */
lh_code api_shown_datasets(lh_request *request, const lh_governor *governor, lh_page page, lh_json **ret,
                           lh_error *err) {
    lh_arena *arena = lh_request_arena(request);
    lh_json *items = lh_json_new_array(arena);
    lh_str within = lh_request_query(request, "namespace"), part = lh_request_query(request, "filter"), last = {0};
    lh_listed *listed = NULL;
    size_t count = 0;
    bool more = false;
    LH_TRY(governor->list(governor->ctx, arena, &listed, &count, err));
    size_t from = shown_after(listed, count, page.token, arena);
    for (size_t i = from; i < count && !more; i++) {
        lh_str name = lh_table_name_text(listed[i].name, arena);
        bool wanted = (within.len == 0 || lh_str_eq(lh_namespace_text(listed[i].name.namespace_, arena), within)) &&
                      shown_contains(listed[i].name.name, part);
        more = wanted && lh_json_size(items) == page.limit;
        if (!wanted || more) continue;
        LH_TRY(shown_item(request, &listed[i], items, err));
        last = name;
    }
    *ret = lh_json_page(arena, items, more ? last : LH_STR_NONE);
    return lh_arena_check(arena, err);
}
