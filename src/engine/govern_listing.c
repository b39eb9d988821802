/* See govern_listing.h. The rows are VALUES of what the governor lists, under the columns that DuckDB has there; the first row
 * is NULL and left out, so that a list may be empty. */
#include "engine/govern_listing.h"

#include <stdio.h>

bool engine_listing_is(const char *schema) {
    lh_str name = lh_str_from(schema);
    return lh_str_eq_nocase(name, LH_STR("information_schema")) || lh_str_eq_nocase(name, LH_STR("pg_catalog"));
}

static lh_code listing_all(engine_run *run, lh_listed **ret, size_t *ret_count, lh_error *err) {
    const lh_governor *governor = run->governor;
    return governor->list(governor->ctx, run->arena, ret, ret_count, err);
}

static lh_str listing_schema(const engine_run *run, const lh_listed *listed) {
    return lh_namespace_text(listed->name.namespace_, run->arena);
}

/* 'a', 'b' */
static void listing_strings(lh_buf *into, const lh_str *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i) lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_string(into, values[i]);
    }
}

static void listing_row(lh_buf *into, const lh_str *values, size_t count) {
    lh_buf_append(into, LH_STR(", ("));
    listing_strings(into, values, count);
    lh_buf_char(into, ')');
}

/* ---- information_schema ---- */

static void listing_tables(engine_run *run, const lh_listed *listed, size_t count, lh_buf *into) {
    lh_buf_append(
        into, LH_STR("SELECT 'lake' AS table_catalog, s AS table_schema, t AS table_name, 'BASE TABLE' AS table_type, "
                     "NULL::VARCHAR AS self_referencing_column_name, NULL::VARCHAR AS reference_generation, "
                     "NULL::VARCHAR AS user_defined_type_catalog, NULL::VARCHAR AS user_defined_type_schema, "
                     "NULL::VARCHAR AS user_defined_type_name, 'YES' AS is_insertable_into, 'NO' AS is_typed, "
                     "NULL::VARCHAR AS commit_action, NULL::VARCHAR AS TABLE_COMMENT "
                     "FROM (VALUES (NULL::VARCHAR, NULL::VARCHAR)"));
    for (size_t i = 0; i < count; i++)
        listing_row(into, (const lh_str[]){listing_schema(run, &listed[i]), listed[i].name.name}, 2);
    lh_buf_append(into, LH_STR(") v(s, t) WHERE t IS NOT NULL"));
}

static void listing_columns(engine_run *run, const lh_listed *listed, size_t count, lh_buf *into) {
    lh_buf_append(
        into, LH_STR("SELECT 'lake' AS table_catalog, s AS table_schema, t AS table_name, c AS column_name, "
                     "o AS ordinal_position, NULL::VARCHAR AS column_default, 'YES' AS is_nullable, y AS data_type, "
                     "NULL::INTEGER AS character_maximum_length, NULL::INTEGER AS character_octet_length, "
                     "NULL::INTEGER AS numeric_precision, NULL::INTEGER AS numeric_precision_radix, "
                     "NULL::INTEGER AS numeric_scale, NULL::INTEGER AS datetime_precision, 'NO' AS is_identity, "
                     "'NEVER' AS is_generated, NULL::VARCHAR AS COLUMN_COMMENT "
                     "FROM (VALUES (NULL::VARCHAR, NULL::VARCHAR, NULL::INTEGER, NULL::VARCHAR, NULL::VARCHAR)"));
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < listed[i].relation->column_count; c++) {
            const lh_relation_column *column = &listed[i].relation->columns[c];
            lh_buf_append(into, LH_STR(", ("));
            listing_strings(into, (const lh_str[]){listing_schema(run, &listed[i]), listed[i].name.name}, 2);
            lh_buf_printf(into, ", %zu, ", c + 1);
            listing_strings(into, (const lh_str[]){column->name, lh_relation_type(column)}, 2);
            lh_buf_char(into, ')');
        }
    lh_buf_append(into, LH_STR(") v(s, t, o, c, y) WHERE t IS NOT NULL"));
}

static bool listing_is_new(const lh_listed *listed, size_t i) {
    for (size_t j = 0; j < i; j++)
        if (lh_str_eq(listed[j].name.namespace_, listed[i].name.namespace_)) return false;
    return true;
}

/* Namespaces of what is seen, and the default one. */
static void listing_schemas(engine_run *run, const lh_listed *listed, size_t count, lh_buf *into) {
    lh_str home = lh_namespace_text(run->engine->default_namespace, run->arena);
    listing_row(into, &home, 1);
    for (size_t i = 0; i < count; i++) {
        lh_str schema = listing_schema(run, &listed[i]);
        if (listing_is_new(listed, i) && !lh_str_eq(schema, home)) listing_row(into, &schema, 1);
    }
}

static void listing_schemata(engine_run *run, const lh_listed *listed, size_t count, lh_buf *into) {
    lh_buf_append(into, LH_STR("SELECT 'lake' AS catalog_name, s AS schema_name, 'duckdb' AS schema_owner, "
                               "NULL::VARCHAR AS default_character_set_catalog, "
                               "NULL::VARCHAR AS default_character_set_schema, "
                               "NULL::VARCHAR AS default_character_set_name, NULL::VARCHAR AS sql_path "
                               "FROM (VALUES (NULL::VARCHAR)"));
    listing_schemas(run, listed, count, into);
    lh_buf_append(into, LH_STR(") v(s) WHERE s IS NOT NULL"));
}

lh_code engine_listing_view(engine_run *run, const char *schema, const char *view, lh_buf *into, lh_error *err) {
    static const struct {
        const char *name;
        void (*write)(engine_run *run, const lh_listed *listed, size_t count, lh_buf *into);
    } views[] = {{"tables", listing_tables}, {"columns", listing_columns}, {"schemata", listing_schemata}};
    lh_listed *listed = NULL;
    size_t count = 0;
    bool standard = lh_str_eq_nocase(lh_str_from(schema), LH_STR("information_schema"));
    for (size_t i = 0; standard && i < sizeof views / sizeof *views; i++) {
        if (!lh_str_eq_nocase(lh_str_from(view), lh_str_from(views[i].name))) continue;
        LH_TRY(listing_all(run, &listed, &count, err));
        views[i].write(run, listed, count, into);
        return lh_buf_check(into, err);
    }
    return lh_fail(err, LH_DENIED,
                   "'%s.%s' lists the whole catalog; information_schema.tables, columns and schemata show what you may "
                   "see",
                   schema, view);
}

/* ---- SHOW ---- */

static void listing_show_tables(engine_run *run, const lh_listed *listed, size_t count, lh_str only, lh_buf *into) {
    lh_buf_append(into, LH_STR("SELECT t AS name FROM (VALUES (NULL::VARCHAR)"));
    for (size_t i = 0; i < count; i++)
        if (only.len == 0 || lh_str_eq_nocase(listing_schema(run, &listed[i]), only))
            listing_row(into, &listed[i].name.name, 1);
    lh_buf_append(into, LH_STR(") v(t) WHERE t IS NOT NULL ORDER BY name"));
}

static void listing_show_all(engine_run *run, const lh_listed *listed, size_t count, lh_buf *into) {
    lh_buf_append(into,
                  LH_STR("SELECT 'lake' AS database, s AS schema, t AS name, c AS column_names, y AS column_types, "
                         "false AS temporary FROM (VALUES (NULL::VARCHAR, NULL::VARCHAR, NULL::VARCHAR[], "
                         "NULL::VARCHAR[])"));
    for (size_t i = 0; i < count; i++) {
        const lh_relation *relation = listed[i].relation;
        lh_buf_append(into, LH_STR(", ("));
        listing_strings(into, (const lh_str[]){listing_schema(run, &listed[i]), listed[i].name.name}, 2);
        for (int types = 0; types < 2; types++) {
            lh_buf_append(into, LH_STR(", ["));
            for (size_t c = 0; c < relation->column_count; c++) {
                if (c) lh_buf_append(into, LH_STR(", "));
                lh_buf_sql_string(into, types ? lh_relation_type(&relation->columns[c]) : relation->columns[c].name);
            }
            lh_buf_char(into, ']');
        }
        lh_buf_char(into, ')');
    }
    lh_buf_append(into, LH_STR(") v(s, t, c, y) WHERE t IS NOT NULL ORDER BY schema, name"));
}

lh_code engine_listing_show(engine_run *run, const char *catalog, const char *schema, const char *what, lh_buf *into,
                            lh_error *err) {
    lh_listed *listed = NULL;
    size_t count = 0;
    lh_str kind = lh_str_from(what), only = lh_str_from(schema);
    LH_TRY(listing_all(run, &listed, &count, err));
    if (lh_str_eq(kind, LH_STR("\"databases\""))) {
        lh_buf_append(into, LH_STR("SELECT 'lake' AS database_name"));
    } else if (lh_str_eq(kind, LH_STR("\"schemas\""))) {
        lh_buf_append(into, LH_STR("SELECT 'lake' AS database_name, s AS schema_name, s = "));
        lh_buf_sql_string(into, lh_namespace_text(run->engine->default_namespace, run->arena));
        lh_buf_append(into, LH_STR(" AS current FROM (VALUES (NULL::VARCHAR)"));
        listing_schemas(run, listed, count, into);
        lh_buf_append(into, LH_STR(") v(s) WHERE s IS NOT NULL ORDER BY schema_name"));
    } else if (lh_str_eq(kind, LH_STR("__show_tables_expanded"))) {
        listing_show_all(run, listed, count, into);
    } else if (lh_str_eq(kind, LH_STR("\"tables\"")) || kind.len == 0) {
        if (only.len == 0) only = lh_str_from(catalog);
        if (only.len == 0) only = lh_namespace_text(run->engine->default_namespace, run->arena);
        if (lh_str_eq_nocase(only, LH_STR("lake"))) only = LH_STR_NONE;
        listing_show_tables(run, listed, count, only, into);
    } else return lh_fail(err, LH_DENIED, "SHOW of this is not possible when not all of the lake is seen");
    return lh_buf_check(into, err);
}
