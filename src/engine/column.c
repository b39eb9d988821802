/* Types of result columns: a tree made once a result, pointed at the vectors of each chunk. */
#include "engine/column.h"

static const struct {
    duckdb_type type;
    const char *name;
} plain_names[] = {{DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
                   {DUCKDB_TYPE_TINYINT, "TINYINT"},
                   {DUCKDB_TYPE_SMALLINT, "SMALLINT"},
                   {DUCKDB_TYPE_INTEGER, "INTEGER"},
                   {DUCKDB_TYPE_BIGINT, "BIGINT"},
                   {DUCKDB_TYPE_UTINYINT, "UTINYINT"},
                   {DUCKDB_TYPE_USMALLINT, "USMALLINT"},
                   {DUCKDB_TYPE_UINTEGER, "UINTEGER"},
                   {DUCKDB_TYPE_UBIGINT, "UBIGINT"},
                   {DUCKDB_TYPE_FLOAT, "FLOAT"},
                   {DUCKDB_TYPE_DOUBLE, "DOUBLE"},
                   {DUCKDB_TYPE_TIMESTAMP, "TIMESTAMP"},
                   {DUCKDB_TYPE_DATE, "DATE"},
                   {DUCKDB_TYPE_TIME, "TIME"},
                   {DUCKDB_TYPE_INTERVAL, "INTERVAL"},
                   {DUCKDB_TYPE_HUGEINT, "HUGEINT"},
                   {DUCKDB_TYPE_UHUGEINT, "UHUGEINT"},
                   {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
                   {DUCKDB_TYPE_BLOB, "BLOB"},
                   {DUCKDB_TYPE_TIMESTAMP_S, "TIMESTAMP_S"},
                   {DUCKDB_TYPE_TIMESTAMP_MS, "TIMESTAMP_MS"},
                   {DUCKDB_TYPE_TIMESTAMP_NS, "TIMESTAMP_NS"},
                   {DUCKDB_TYPE_UUID, "UUID"},
                   {DUCKDB_TYPE_BIT, "BIT"},
                   {DUCKDB_TYPE_TIME_TZ, "TIME WITH TIME ZONE"},
                   {DUCKDB_TYPE_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE"},
                   {DUCKDB_TYPE_BIGNUM, "BIGNUM"},
                   {DUCKDB_TYPE_SQLNULL, "NULL"},
                   {DUCKDB_TYPE_TIME_NS, "TIME_NS"},
                   {DUCKDB_TYPE_GEOMETRY, "GEOMETRY"},
                   {DUCKDB_TYPE_VARIANT, "VARIANT"}};

static lh_code column_children(engine_column *column, size_t count, lh_arena *arena, lh_error *err) {
    column->children = LH_ARENA_ARRAY(arena, engine_column, count ? count : 1);
    column->child_count = count;
    return lh_arena_check(arena, err);
}

static lh_code column_init(engine_column *column, duckdb_logical_type type, unsigned depth, lh_arena *arena,
                           lh_error *err);

static lh_code column_child(engine_column *parent, size_t index, lh_str name, duckdb_logical_type type /* moved */,
                            unsigned depth, lh_arena *arena, lh_error *err) {
    parent->children[index].name = name;
    lh_code code = column_init(&parent->children[index], type, depth + 1, arena, err);
    duckdb_destroy_logical_type(&type);
    return code;
}

static lh_str column_take_name(char *name, lh_arena *arena) {
    lh_str copy = lh_arena_dup(arena, lh_str_from(name));
    duckdb_free(name);
    return copy;
}

static lh_code column_struct(engine_column *column, duckdb_logical_type type, unsigned depth, lh_arena *arena,
                             lh_error *err) {
    size_t count = duckdb_struct_type_child_count(type);
    LH_TRY(column_children(column, count, arena, err));
    column->unnamed = count > 0;
    for (size_t i = 0; i < count; i++) {
        lh_str name = column_take_name(duckdb_struct_type_child_name(type, i), arena);
        if (name.len) column->unnamed = false;
        LH_TRY(column_child(column, i, name, duckdb_struct_type_child_type(type, i), depth, arena, err));
    }
    return LH_OK;
}

static lh_code column_union(engine_column *column, duckdb_logical_type type, unsigned depth, lh_arena *arena,
                            lh_error *err) {
    size_t count = duckdb_union_type_member_count(type);
    LH_TRY(column_children(column, count + 1, arena, err));
    LH_TRY(column_child(column, 0, LH_STR("tag"), duckdb_create_logical_type(DUCKDB_TYPE_UTINYINT), depth, arena, err));
    for (size_t i = 0; i < count; i++) {
        lh_str name = column_take_name(duckdb_union_type_member_name(type, i), arena);
        LH_TRY(column_child(column, i + 1, name, duckdb_union_type_member_type(type, i), depth, arena, err));
    }
    return LH_OK;
}

static lh_code column_enum(engine_column *column, duckdb_logical_type type, lh_arena *arena, lh_error *err) {
    column->storage = duckdb_enum_internal_type(type);
    column->label_count = duckdb_enum_dictionary_size(type);
    column->labels = LH_ARENA_ARRAY(arena, lh_str, column->label_count ? column->label_count : 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < column->label_count; i++)
        column->labels[i] = column_take_name(duckdb_enum_dictionary_value(type, i), arena);
    return LH_OK;
}

static lh_code column_nested(engine_column *column, duckdb_logical_type type, unsigned depth, lh_arena *arena,
                             lh_error *err) {
    switch ((int)column->type) {
    case DUCKDB_TYPE_LIST:
        LH_TRY(column_children(column, 1, arena, err));
        return column_child(column, 0, LH_STR_NONE, duckdb_list_type_child_type(type), depth, arena, err);
    case DUCKDB_TYPE_ARRAY:
        column->array_size = duckdb_array_type_array_size(type);
        LH_TRY(column_children(column, 1, arena, err));
        return column_child(column, 0, LH_STR_NONE, duckdb_array_type_child_type(type), depth, arena, err);
    case DUCKDB_TYPE_MAP:
        LH_TRY(column_children(column, 2, arena, err));
        LH_TRY(column_child(column, 0, LH_STR("key"), duckdb_map_type_key_type(type), depth, arena, err));
        return column_child(column, 1, LH_STR("value"), duckdb_map_type_value_type(type), depth, arena, err);
    case DUCKDB_TYPE_STRUCT: return column_struct(column, type, depth, arena, err);
    case DUCKDB_TYPE_UNION: return column_union(column, type, depth, arena, err);
    case DUCKDB_TYPE_ENUM: return column_enum(column, type, arena, err);
    case DUCKDB_TYPE_DECIMAL:
        column->storage = duckdb_decimal_internal_type(type);
        column->scale = duckdb_decimal_scale(type);
        return LH_OK;
    default: return LH_OK;
    }
}

/* ---- names: as DuckDB writes the type, and the type to cast to where a format has no form for it ---- */
static lh_str name_of(const engine_column *column, bool cast) { return cast ? column->cast_name : column->type_name; }

static void name_members(lh_buf *text, const engine_column *column, size_t from, bool cast) {
    lh_buf_char(text, '(');
    for (size_t i = from; i < column->child_count; i++) {
        if (i > from) lh_buf_append(text, LH_STR(", "));
        if (!column->unnamed) {
            lh_buf_sql_identifier(text, column->children[i].name);
            lh_buf_char(text, ' ');
        }
        lh_buf_append(text, name_of(&column->children[i], cast));
    }
    lh_buf_char(text, ')');
}

static void name_labels(lh_buf *text, const engine_column *column) {
    lh_buf_append(text, LH_STR("ENUM("));
    for (size_t i = 0; i < column->label_count; i++) {
        if (i) lh_buf_append(text, LH_STR(", "));
        lh_buf_sql_string(text, column->labels[i]);
    }
    lh_buf_char(text, ')');
}

static void name_write(lh_buf *text, const engine_column *column, duckdb_logical_type type, bool cast) {
    const engine_column *child = column->children;
    bool leaf = column->child_count == 0;
    if (cast && leaf && (column->cast_always || column->cast_for_arrow)) {
        lh_buf_append(text, LH_STR("VARCHAR"));
        return;
    }
    switch ((int)column->type) {
    case DUCKDB_TYPE_LIST: lh_buf_printf(text, "%.*s[]", LH_STR_ARG(name_of(child, cast))); break;
    case DUCKDB_TYPE_ARRAY:
        lh_buf_printf(text, "%.*s[%" PRIu64 "]", LH_STR_ARG(name_of(child, cast)), column->array_size);
        break;
    case DUCKDB_TYPE_MAP:
        lh_buf_printf(text, "MAP(%.*s, %.*s)", LH_STR_ARG(name_of(&child[0], cast)),
                      LH_STR_ARG(name_of(&child[1], cast)));
        break;
    case DUCKDB_TYPE_STRUCT:
        lh_buf_append(text, LH_STR("STRUCT"));
        name_members(text, column, 0, cast);
        break;
    case DUCKDB_TYPE_UNION:
        lh_buf_append(text, LH_STR("UNION"));
        name_members(text, column, 1, cast);
        break;
    case DUCKDB_TYPE_ENUM: name_labels(text, column); break;
    case DUCKDB_TYPE_DECIMAL: lh_buf_printf(text, "DECIMAL(%u,%u)", duckdb_decimal_width(type), column->scale); break;
    default:
        for (size_t i = 0; i < sizeof plain_names / sizeof *plain_names; i++)
            if (plain_names[i].type == column->type) lh_buf_append(text, lh_str_from(plain_names[i].name));
    }
}

static lh_code name_make(const engine_column *column, duckdb_logical_type type, bool cast, lh_arena *arena, lh_str *ret,
                         lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4 << 20);
    name_write(&text, column, type, cast);
    LH_TRY(lh_buf_check(&text, err));
    if (text.len == 0)
        return lh_fail(err, LH_INVALID, "the column '%.*s' has a type without a text form: cast it to VARCHAR",
                       LH_STR_ARG(column->name));
    *ret = lh_arena_dup(arena, lh_buf_str(&text));
    return lh_arena_check(arena, err);
}

/* DuckDB's Arrow of these loses something: UHUGEINT wraps, TIME WITH TIME ZONE drops its offset, BIT is inner bytes. */
static bool column_has_no_arrow_form(duckdb_type type) {
    return type == DUCKDB_TYPE_ENUM || type == DUCKDB_TYPE_BIGNUM || type == DUCKDB_TYPE_UHUGEINT ||
           type == DUCKDB_TYPE_TIME_TZ || type == DUCKDB_TYPE_BIT;
}

static lh_code column_name(engine_column *column, duckdb_logical_type type, lh_arena *arena, lh_error *err) {
    column->cast_always = column->type == DUCKDB_TYPE_VARIANT || column->type == DUCKDB_TYPE_GEOMETRY;
    column->cast_for_arrow = column_has_no_arrow_form(column->type);
    for (size_t i = 0; i < column->child_count; i++) {
        column->cast_always = column->cast_always || column->children[i].cast_always;
        column->cast_for_arrow = column->cast_for_arrow || column->children[i].cast_for_arrow;
    }
    char *alias = duckdb_logical_type_get_alias(type);
    if (alias && *alias) column->type_name = column_take_name(alias, arena);
    else {
        duckdb_free(alias);
        LH_TRY(name_make(column, type, false, arena, &column->type_name, err));
    }
    return name_make(column, type, true, arena, &column->cast_name, err);
}

static lh_code column_init(engine_column *column, duckdb_logical_type type, unsigned depth, lh_arena *arena,
                           lh_error *err) {
    if (depth > ENGINE_TYPE_DEPTH_MAX)
        return lh_fail(err, LH_INVALID, "a result type nests deeper than %d", ENGINE_TYPE_DEPTH_MAX);
    column->type = duckdb_get_type_id(type);
    LH_TRY(column_nested(column, type, depth, arena, err));
    return column_name(column, type, arena, err);
}

lh_code engine_column_init(engine_column *column, lh_str name, duckdb_logical_type type, lh_arena *arena,
                           lh_error *err) {
    *column = (engine_column){.name = lh_arena_dup(arena, name)};
    return column_init(column, type, 0, arena, err);
}

void engine_column_load(engine_column *column, duckdb_vector vector) {
    column->data = duckdb_vector_get_data(vector);
    column->validity = duckdb_vector_get_validity(vector);
    switch ((int)column->type) {
    case DUCKDB_TYPE_LIST: engine_column_load(&column->children[0], duckdb_list_vector_get_child(vector)); break;
    case DUCKDB_TYPE_ARRAY: engine_column_load(&column->children[0], duckdb_array_vector_get_child(vector)); break;
    case DUCKDB_TYPE_MAP: {
        duckdb_vector entries = duckdb_list_vector_get_child(vector);
        engine_column_load(&column->children[0], duckdb_struct_vector_get_child(entries, 0));
        engine_column_load(&column->children[1], duckdb_struct_vector_get_child(entries, 1));
        break;
    }
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_UNION:
        for (size_t i = 0; i < column->child_count; i++)
            engine_column_load(&column->children[i], duckdb_struct_vector_get_child(vector, i));
        break;
    default: break;
    }
}
