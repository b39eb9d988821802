/* DuckDB's and Iceberg's types as one tree.
 *
 *   DuckDB text   STRUCT(a BIGINT, "b c" DECIMAL(9,2)[])      parsed by a small recursive reader
 *   Iceberg JSON  {"type":"struct","fields":[{"id":1,"name":"a","required":false,"type":"long"},…]}
 *
 * An Iceberg v2 table holds fewer types than DuckDB; ingest_type_storable() maps the others:
 * small integers → INTEGER, UINTEGER → BIGINT, UBIGINT → DECIMAL(20,0), HUGEINT → DECIMAL(38,0), other
 * TIMESTAMP precisions → TIMESTAMP, T[n] → T[], and ENUM, JSON, INTERVAL, TIMETZ, BIT and unknown ones → VARCHAR. */
#include "ingest/ingest_internal.h"

/* clang-format off */
static const struct { ingest_kind kind; const char *name; } type_names[] = {
    {INGEST_NULL, "\"NULL\""}, {INGEST_BOOLEAN, "BOOLEAN"}, {INGEST_TINYINT, "TINYINT"}, {INGEST_SMALLINT, "SMALLINT"},
    {INGEST_INTEGER, "INTEGER"}, {INGEST_BIGINT, "BIGINT"}, {INGEST_HUGEINT, "HUGEINT"}, {INGEST_UTINYINT, "UTINYINT"},
    {INGEST_USMALLINT, "USMALLINT"}, {INGEST_UINTEGER, "UINTEGER"}, {INGEST_UBIGINT, "UBIGINT"},
    {INGEST_UHUGEINT, "UHUGEINT"}, {INGEST_FLOAT, "FLOAT"}, {INGEST_DOUBLE, "DOUBLE"}, {INGEST_VARCHAR, "VARCHAR"},
    {INGEST_JSON, "JSON"}, {INGEST_BLOB, "BLOB"}, {INGEST_DATE, "DATE"}, {INGEST_TIME, "TIME"}, {INGEST_TIME_NS, "TIME_NS"},
    {INGEST_TIMETZ, "TIME WITH TIME ZONE"}, {INGEST_TIMESTAMP, "TIMESTAMP"}, {INGEST_TIMESTAMP_S, "TIMESTAMP_S"},
    {INGEST_TIMESTAMP_MS, "TIMESTAMP_MS"}, {INGEST_TIMESTAMP_NS, "TIMESTAMP_NS"},
    {INGEST_TIMESTAMPTZ, "TIMESTAMP WITH TIME ZONE"}, {INGEST_INTERVAL, "INTERVAL"}, {INGEST_UUID, "UUID"}, {INGEST_BIT, "BIT"},
    /* what people write; DuckDB's own names come first, so that printing finds those */
    {INGEST_NULL, "NULL"}, {INGEST_BOOLEAN, "BOOL"}, {INGEST_INTEGER, "INT"}, {INGEST_INTEGER, "INT4"}, {INGEST_SMALLINT, "INT2"},
    {INGEST_BIGINT, "LONG"}, {INGEST_BIGINT, "INT8"}, {INGEST_FLOAT, "REAL"}, {INGEST_FLOAT, "FLOAT4"}, {INGEST_DOUBLE, "FLOAT8"},
    {INGEST_DOUBLE, "DOUBLE PRECISION"}, {INGEST_VARCHAR, "STRING"}, {INGEST_VARCHAR, "TEXT"}, {INGEST_BLOB, "BINARY"},
    {INGEST_BLOB, "BYTEA"}, {INGEST_TIMESTAMP, "DATETIME"}, {INGEST_TIMESTAMPTZ, "TIMESTAMPTZ"}, {INGEST_TIMETZ, "TIMETZ"},
};
/* clang-format on */

typedef struct type_reader {
    lh_str text;
    size_t at;
    lh_arena *arena;
    unsigned depth;
    lh_error *err;
} type_reader;

ingest_type *ingest_type_new(ingest_kind kind, lh_arena *arena) {
    ingest_type *type = LH_ARENA_NEW(arena, ingest_type);
    if (type) type->kind = kind;
    return type;
}

static lh_code type_fail(const type_reader *r, const char *what) {
    return lh_fail(r->err, LH_INVALID, "'%.*s' is not a type (%s at character %zu)",
                   LH_STR_ARG(lh_str_sub(r->text, 0, 200)), what, r->at + 1);
}

static char type_peek(const type_reader *r) { return r->at < r->text.len ? r->text.ptr[r->at] : '\0'; }
static void type_space(type_reader *r) {
    while (r->at < r->text.len && (r->text.ptr[r->at] == ' ' || r->text.ptr[r->at] == '\t')) r->at++;
}
static bool type_take(type_reader *r, char c) {
    type_space(r);
    if (type_peek(r) != c || r->at == r->text.len) return false;
    r->at++;
    return true;
}
static bool type_is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* A word, or a quoted name with its quotes doubled inside. */
static lh_code type_read_name(type_reader *r, lh_str *ret) {
    type_space(r);
    if (type_peek(r) != '"') {
        size_t from = r->at;
        while (r->at < r->text.len && type_is_word(r->text.ptr[r->at])) r->at++;
        if (r->at == from) return type_fail(r, "a name is missing");
        *ret = lh_str_sub(r->text, from, r->at - from);
        return LH_OK;
    }
    char *name = lh_arena_alloc(r->arena, r->text.len);
    if (!name) return lh_arena_check(r->arena, r->err);
    size_t len = 0;
    for (r->at++; r->at < r->text.len; r->at++) {
        if (r->text.ptr[r->at] == '"') {
            if (r->at + 1 >= r->text.len || r->text.ptr[r->at + 1] != '"') {
                r->at++;
                *ret = (lh_str){name, len};
                return LH_OK;
            }
            r->at++;
        }
        name[len++] = r->text.ptr[r->at];
    }
    return type_fail(r, "a quote is not closed");
}

static lh_code type_read(type_reader *r, ingest_type **ret);

static lh_code type_add_field(ingest_type *type, lh_str name, ingest_type *inner, size_t *room, type_reader *r) {
    if (type->count == *room) {
        size_t more = *room ? *room * 2 : 4;
        ingest_field *fields = LH_ARENA_ARRAY(r->arena, ingest_field, more);
        if (!fields) return lh_arena_check(r->arena, r->err);
        if (type->count) memcpy(fields, type->fields, type->count * sizeof *fields);
        type->fields = fields;
        *room = more;
    }
    type->fields[type->count++] = (ingest_field){name, inner};
    return LH_OK;
}

/* "(name TYPE, …)" of STRUCT, "(KEY, VALUE)" of MAP. */
static lh_code type_read_fields(type_reader *r, ingest_type *type) {
    size_t room = 0;
    if (!type_take(r, '(')) return type_fail(r, "'(' is missing");
    if (type->kind == INGEST_STRUCT && type_take(r, ')')) return LH_OK;
    do {
        lh_str name = type->kind == INGEST_STRUCT ? LH_STR_NONE : type->count ? LH_STR("value") : LH_STR("key");
        ingest_type *inner = NULL;
        if (type->kind == INGEST_STRUCT) LH_TRY(type_read_name(r, &name));
        LH_TRY(type_read(r, &inner));
        LH_TRY(type_add_field(type, name, inner, &room, r));
    } while (type_take(r, ','));
    if (!type_take(r, ')')) return type_fail(r, "')' is missing");
    if (type->kind == INGEST_MAP && type->count != 2) return type_fail(r, "a MAP has a key and a value");
    return LH_OK;
}

static lh_code type_read_number(type_reader *r, unsigned max, unsigned *ret) {
    type_space(r);
    size_t from = r->at;
    uint64_t value = 0;
    while (r->at < r->text.len && r->text.ptr[r->at] >= '0' && r->text.ptr[r->at] <= '9') r->at++;
    if (lh_str_to_u64(lh_str_sub(r->text, from, r->at - from), &value) != LH_OK || value > max)
        return type_fail(r, "a number does not fit");
    *ret = (unsigned)value;
    return LH_OK;
}

static lh_code type_read_decimal(type_reader *r, ingest_type *type) {
    type->precision = 18;
    type->scale = 3;
    if (!type_take(r, '(')) return LH_OK;
    LH_TRY(type_read_number(r, 38, &type->precision));
    type->scale = 0;
    if (type_take(r, ',')) LH_TRY(type_read_number(r, 38, &type->scale));
    if (!type_take(r, ')')) return type_fail(r, "')' is missing");
    if (type->precision == 0 || type->scale > type->precision)
        return type_fail(r, "1 ≤ precision ≤ 38 and scale ≤ precision");
    return LH_OK;
}

/* Skips "( … )" with its quoted texts: what an ENUM or an unknown type lists. */
static lh_code type_skip_parens(type_reader *r) {
    unsigned open = 0;
    if (!type_take(r, '(')) return LH_OK;
    for (open = 1; open && r->at < r->text.len; r->at++) {
        char c = r->text.ptr[r->at];
        if (c == '(') open++;
        if (c == ')') open--;
        if (c == '\'' || c == '"')
            for (r->at++; r->at < r->text.len && r->text.ptr[r->at] != c; r->at++) continue;
    }
    return open ? type_fail(r, "')' is missing") : LH_OK;
}

static bool type_word_is(lh_str word, const char *name) { return lh_str_eq_nocase(word, lh_str_from(name)); }

/* The longest known name that starts here, "TIMESTAMP WITH TIME ZONE" before "TIMESTAMP". */
static bool type_read_simple(type_reader *r, ingest_kind *ret) {
    size_t best = 0;
    lh_str rest = lh_str_sub(r->text, r->at, SIZE_MAX);
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        lh_str name = lh_str_from(type_names[i].name);
        if (name.len <= best || name.len > rest.len || !lh_str_eq_nocase(lh_str_sub(rest, 0, name.len), name)) continue;
        if (name.len < rest.len && type_is_word(rest.ptr[name.len])) continue;
        best = name.len;
        *ret = type_names[i].kind;
    }
    r->at += best;
    return best != 0;
}

static lh_code type_read_base(type_reader *r, ingest_type *type) {
    type_space(r);
    if (type_read_simple(r, &type->kind)) {
        if (type->kind == INGEST_VARCHAR) return type_skip_parens(r); /* VARCHAR(20): the length means nothing */
        return LH_OK;
    }
    lh_str word = LH_STR_NONE;
    LH_TRY(type_read_name(r, &word));
    if (type_word_is(word, "STRUCT") || type_word_is(word, "ROW")) type->kind = INGEST_STRUCT;
    else if (type_word_is(word, "MAP")) type->kind = INGEST_MAP;
    else if (type_word_is(word, "DECIMAL") || type_word_is(word, "NUMERIC")) type->kind = INGEST_DECIMAL;
    else type->kind = type_word_is(word, "ENUM") ? INGEST_ENUM : INGEST_OTHER;
    if (type->kind == INGEST_STRUCT || type->kind == INGEST_MAP) return type_read_fields(r, type);
    return type->kind == INGEST_DECIMAL ? type_read_decimal(r, type) : type_skip_parens(r);
}

static lh_code type_read(type_reader *r, ingest_type **ret) {
    if (++r->depth > INGEST_TYPE_DEPTH_MAX)
        return lh_fail(r->err, LH_LIMIT, "types are nested deeper than %d", INGEST_TYPE_DEPTH_MAX);
    ingest_type *type = ingest_type_new(INGEST_OTHER, r->arena);
    if (!type) return lh_arena_check(r->arena, r->err);
    LH_TRY(type_read_base(r, type));
    for (unsigned lists = 0; type_take(r, '['); lists++) { /* a list, or an array of fixed length */
        unsigned length = 0;
        type_space(r);
        if (type_peek(r) != ']') LH_TRY(type_read_number(r, 1000000, &length));
        if (!type_take(r, ']')) return type_fail(r, "']' is missing");
        if (r->depth + lists > INGEST_TYPE_DEPTH_MAX)
            return lh_fail(r->err, LH_LIMIT, "types are nested deeper than %d", INGEST_TYPE_DEPTH_MAX);
        ingest_type *list = ingest_type_new(INGEST_LIST, r->arena);
        ingest_field *field = LH_ARENA_NEW(r->arena, ingest_field);
        if (!list || !field) return lh_arena_check(r->arena, r->err);
        *field = (ingest_field){LH_STR("element"), type};
        list->precision = length; /* of T[n]: tells it from T[] until it is stored */
        list->fields = field;
        list->count = 1;
        type = list;
    }
    r->depth--;
    *ret = type;
    return LH_OK;
}

static unsigned type_depth(const ingest_type *type) {
    unsigned deepest = 0;
    for (size_t i = 0; i < type->count; i++) {
        unsigned inner = type_depth(type->fields[i].type);
        if (inner > deepest) deepest = inner;
    }
    return deepest + 1;
}

lh_code ingest_type_parse(lh_str text, lh_arena *arena, ingest_type **ret, lh_error *err) {
    type_reader r = {.text = text, .arena = arena, .err = err};
    ingest_type *type = NULL;
    LH_TRY(type_read(&r, &type));
    type_space(&r);
    if (r.at != text.len) return type_fail(&r, "something follows");
    if (type_depth(type) > INGEST_TYPE_DEPTH_MAX) /* lists inside structs inside lists: the reader counts one of them */
        return lh_fail(err, LH_LIMIT, "types are nested deeper than %d", INGEST_TYPE_DEPTH_MAX);
    *ret = type;
    return LH_OK;
}

static ingest_kind type_storable_kind(ingest_kind kind) {
    switch (kind) {
    case INGEST_TINYINT:
    case INGEST_SMALLINT:
    case INGEST_UTINYINT:
    case INGEST_USMALLINT: return INGEST_INTEGER;
    case INGEST_UINTEGER: return INGEST_BIGINT;
    case INGEST_UBIGINT:
    case INGEST_HUGEINT:
    case INGEST_UHUGEINT: return INGEST_DECIMAL;
    case INGEST_TIME_NS: return INGEST_TIME;
    case INGEST_TIMESTAMP_S:
    case INGEST_TIMESTAMP_MS:
    case INGEST_TIMESTAMP_NS: return INGEST_TIMESTAMP;
    case INGEST_NULL:
    case INGEST_JSON:
    case INGEST_TIMETZ:
    case INGEST_INTERVAL:
    case INGEST_ENUM:
    case INGEST_BIT:
    case INGEST_OTHER: return INGEST_VARCHAR;
    case INGEST_BOOLEAN:
    case INGEST_INTEGER:
    case INGEST_BIGINT:
    case INGEST_FLOAT:
    case INGEST_DOUBLE:
    case INGEST_DECIMAL:
    case INGEST_VARCHAR:
    case INGEST_BLOB:
    case INGEST_DATE:
    case INGEST_TIME:
    case INGEST_TIMESTAMP:
    case INGEST_TIMESTAMPTZ:
    case INGEST_UUID:
    case INGEST_LIST:
    case INGEST_STRUCT:
    case INGEST_MAP: return kind;
    }
    return INGEST_VARCHAR;
}

ingest_type *ingest_type_storable(ingest_type *type, lh_arena *arena) {
    ingest_kind kind =
        type->kind == INGEST_STRUCT && type->count == 0 ? INGEST_VARCHAR : type_storable_kind(type->kind);
    bool changed = kind != type->kind || (kind == INGEST_LIST && type->precision);
    ingest_field *fields = type->count && kind == type->kind ? LH_ARENA_ARRAY(arena, ingest_field, type->count) : NULL;
    if (type->count && kind == type->kind && !fields) return NULL;
    for (size_t i = 0; fields && i < type->count; i++) {
        fields[i] = (ingest_field){type->fields[i].name, ingest_type_storable(type->fields[i].type, arena)};
        if (!fields[i].type) return NULL;
        changed |= fields[i].type != type->fields[i].type;
    }
    if (!changed) return type;
    ingest_type *stored = ingest_type_new(kind, arena);
    if (!stored) return NULL;
    if (kind == INGEST_DECIMAL) stored->precision = type->kind == INGEST_UBIGINT ? 20 : 38;
    stored->fields = fields;
    stored->count = fields ? type->count : 0;
    return stored;
}

static const char *type_name(ingest_kind kind) {
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (type_names[i].kind == kind) return type_names[i].name;
    return "VARCHAR"; /* ENUM, OTHER: never printed into a statement */
}

void ingest_type_sql(const ingest_type *type, lh_buf *into) {
    if (type->kind == INGEST_DECIMAL) {
        lh_buf_printf(into, "DECIMAL(%u,%u)", type->precision, type->scale);
    } else if (type->kind == INGEST_LIST) {
        ingest_type_sql(type->fields[0].type, into);
        if (type->precision) lh_buf_printf(into, "[%u]", type->precision);
        else lh_buf_append(into, LH_STR("[]"));
    } else if (type->kind == INGEST_STRUCT || type->kind == INGEST_MAP) {
        lh_buf_append(into, type->kind == INGEST_MAP ? LH_STR("MAP(") : LH_STR("STRUCT("));
        for (size_t i = 0; i < type->count; i++) {
            if (i) lh_buf_append(into, LH_STR(", "));
            if (type->kind == INGEST_STRUCT) {
                lh_buf_sql_identifier(into, type->fields[i].name);
                lh_buf_char(into, ' ');
            }
            ingest_type_sql(type->fields[i].type, into);
        }
        lh_buf_char(into, ')');
    } else {
        lh_buf_append(into, lh_str_from(type_name(type->kind)));
    }
}

lh_str ingest_type_text(const ingest_type *type, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf buf = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    ingest_type_sql(type, &buf);
    return lh_arena_dup(arena, lh_buf_str(&buf));
}

bool ingest_type_equal(const ingest_type *a, const ingest_type *b) {
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == INGEST_STRUCT && !lh_str_eq(a->fields[i].name, b->fields[i].name)) return false;
        if (!ingest_type_equal(a->fields[i].type, b->fields[i].type)) return false;
    }
    return true;
}
