/* Types of the Iceberg specification as DuckDB's Iceberg extension has them. */
#include "engine/engine.h"

enum { TYPE_DEPTH_MAX = 64 };

static void type_primitive(lh_str type, lh_buf *into) {
    static const struct {
        const char *iceberg, *duckdb;
    } names[] = {{"boolean", "BOOLEAN"},
                 {"int", "INTEGER"},
                 {"long", "BIGINT"},
                 {"float", "FLOAT"},
                 {"double", "DOUBLE"},
                 {"string", "VARCHAR"},
                 {"binary", "BLOB"},
                 {"uuid", "UUID"},
                 {"date", "DATE"},
                 {"time", "TIME"},
                 {"timestamp", "TIMESTAMP"},
                 {"timestamptz", "TIMESTAMP WITH TIME ZONE"},
                 {"timestamp_ns", "TIMESTAMP_NS"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (lh_str_eq(type, lh_str_from(names[i].iceberg))) {
            lh_buf_append(into, lh_str_from(names[i].duckdb));
            return;
        }
    lh_str digits = lh_str_starts(type, LH_STR("decimal")) ? lh_str_sub(type, 7, SIZE_MAX) : LH_STR_NONE;
    if (digits.len == 0) {
        lh_buf_append(into, lh_str_starts(type, LH_STR("fixed")) ? LH_STR("BLOB") : LH_STR("VARIANT"));
        return;
    }
    lh_buf_append(into, LH_STR("DECIMAL"));
    for (size_t i = 0; i < digits.len; i++)
        if (digits.ptr[i] != ' ') lh_buf_char(into, digits.ptr[i]);
}

static void type_write(const lh_json *type, unsigned depth, lh_buf *into) {
    lh_str kind = lh_json_get_string(type, "type");
    if (lh_json_is_string(type)) type_primitive(lh_json_str(type, LH_STR_NONE), into);
    else if (depth > TYPE_DEPTH_MAX) lh_buf_append(into, LH_STR("VARIANT"));
    else if (lh_str_eq(kind, LH_STR("list"))) {
        type_write(lh_json_get(type, "element"), depth + 1, into);
        lh_buf_append(into, LH_STR("[]"));
    } else if (lh_str_eq(kind, LH_STR("map"))) {
        lh_buf_append(into, LH_STR("MAP("));
        type_write(lh_json_get(type, "key"), depth + 1, into);
        lh_buf_append(into, LH_STR(", "));
        type_write(lh_json_get(type, "value"), depth + 1, into);
        lh_buf_char(into, ')');
    } else {
        lh_buf_append(into, LH_STR("STRUCT("));
        for (lh_json_iter it = lh_json_each(lh_json_get(type, "fields")); lh_json_next(&it);) {
            if (it.index) lh_buf_append(into, LH_STR(", "));
            lh_buf_sql_identifier(into, lh_json_get_string(it.value, "name"));
            lh_buf_char(into, ' ');
            type_write(lh_json_get(it.value, "type"), depth + 1, into);
        }
        lh_buf_char(into, ')');
    }
}

void lh_engine_type_sql(const lh_json *type, lh_buf *into) { type_write(type, 0, into); }
