/* Iceberg writes "long", "list<string>", "struct<a: int, b: string>", "map<string, int>"; SQL here says BIGINT, VARCHAR[],
 * STRUCT(a INTEGER, b VARCHAR), MAP(VARCHAR, INTEGER). What is not understood stays as it is. */
#include "cli/cli_internal.h"

enum { TYPE_DEPTH_MAX = 64, TYPE_BYTES_MAX = 1 << 20 };

static const struct {
    const char *iceberg, *sql;
} type_words[] = {{"boolean", "BOOLEAN"},
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
                  {"timestamp_ns", "TIMESTAMP_NS"},
                  {"timestamptz_ns", "TIMESTAMP WITH TIME ZONE"}};

/* Cuts the first element off a list "a, b<c, d>, e": commas within brackets do not count. */
static lh_str type_element(lh_str *rest) {
    size_t depth = 0, i = 0;
    for (; i < rest->len && (depth || rest->ptr[i] != ','); i++) {
        depth += rest->ptr[i] == '<' || rest->ptr[i] == '(';
        depth -= depth && (rest->ptr[i] == '>' || rest->ptr[i] == ')');
    }
    lh_str element = lh_str_trim(lh_str_sub(*rest, 0, i));
    *rest = lh_str_sub(*rest, i + 1, SIZE_MAX);
    return element;
}

/* What is between "prefix" and the '>' at the end. */
static bool type_inside(lh_str type, lh_str prefix, lh_str *ret) {
    if (!lh_str_starts(type, prefix) || !lh_str_ends(type, LH_STR(">"))) return false;
    *ret = lh_str_sub(type, prefix.len, type.len - prefix.len - 1);
    return true;
}

static void type_write(lh_str type, lh_buf *into, int depth);

static void type_write_fields(lh_str fields, lh_buf *into, int depth) {
    lh_buf_append(into, LH_STR("STRUCT("));
    for (bool first = true; fields.len; first = false) {
        lh_str field = type_element(&fields), name = lh_str_split(&field, ':');
        if (!first) lh_buf_append(into, LH_STR(", "));
        lh_cli_name_append(into, name);
        lh_buf_char(into, ' ');
        type_write(lh_str_trim(field), into, depth);
    }
    lh_buf_char(into, ')');
}

static void type_write(lh_str type, lh_buf *into, int depth) {
    lh_str inside;
    if (depth > TYPE_DEPTH_MAX) {
        lh_buf_append(into, type);
    } else if (type_inside(type, LH_STR("list<"), &inside)) {
        type_write(inside, into, depth + 1);
        lh_buf_append(into, LH_STR("[]"));
    } else if (type_inside(type, LH_STR("map<"), &inside)) {
        lh_buf_append(into, LH_STR("MAP("));
        type_write(type_element(&inside), into, depth + 1);
        lh_buf_append(into, LH_STR(", "));
        type_write(lh_str_trim(inside), into, depth + 1);
        lh_buf_char(into, ')');
    } else if (type_inside(type, LH_STR("struct<"), &inside)) {
        type_write_fields(inside, into, depth + 1);
    } else if (lh_str_starts(type, LH_STR("decimal("))) {
        lh_buf_append(into, LH_STR("DECIMAL"));
        for (size_t i = sizeof "decimal" - 1; i < type.len; i++)
            if (type.ptr[i] != ' ') lh_buf_char(into, type.ptr[i]);
    } else if (lh_str_starts(type, LH_STR("fixed["))) {
        lh_buf_append(into, LH_STR("BLOB"));
    } else {
        for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++)
            if (lh_str_eq(type, lh_str_from(type_words[i].iceberg))) type = lh_str_from(type_words[i].sql);
        lh_buf_append(into, type);
    }
}

lh_str lh_cli_type(lh_arena *arena, lh_str iceberg) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(TYPE_BYTES_MAX);
    type_write(iceberg, &text, 0);
    return lh_buf_check(&text, NULL) == LH_OK ? lh_arena_dup(arena, lh_buf_str(&text)) : iceberg;
}
