/* The options of one request: a JSON object read by a table of its members. An unknown member is INVALID
 * and the message names the nearest known one. Text that goes into SQL is checked here and quoted later. */
#include "ingest/ingest_internal.h"

typedef struct option_reader {
    lh_arena *arena;
    ingest_options *into;
    lh_str name;
    lh_error *err;
} option_reader;
typedef lh_code (*option_fn)(option_reader *r, const lh_json *value);

static lh_code option_wrong(const option_reader *r, const char *wanted) {
    return lh_fail(r->err, LH_INVALID, "option '%.*s' must be %s", LH_STR_ARG(r->name), wanted);
}

static lh_code option_text(option_reader *r, const lh_json *value, size_t max_bytes, lh_str *ret) {
    if (!lh_json_is_string(value)) return option_wrong(r, "a text");
    lh_str text = lh_json_str(value, LH_STR_NONE);
    if (text.len > max_bytes)
        return lh_fail(r->err, LH_INVALID, "option '%.*s' is longer than %zu bytes", LH_STR_ARG(r->name), max_bytes);
    if (lh_str_find(text, '\0') != text.len) return option_wrong(r, "a text without NUL");
    *ret = text;
    return LH_OK;
}

static lh_code option_bool(option_reader *r, const lh_json *value, bool *ret) {
    if (lh_json_type_of(value) != LH_JSON_BOOL) return option_wrong(r, "true or false");
    *ret = lh_json_bool(value, false);
    return LH_OK;
}

static lh_code option_int(option_reader *r, const lh_json *value, int64_t min, int64_t max, int64_t *ret) {
    int64_t number = lh_json_int(value, INT64_MIN);
    if (!lh_json_is_int(value) || number < min || number > max)
        return lh_fail(r->err, LH_INVALID, "option '%.*s' must be a whole number from %" PRId64 " to %" PRId64,
                       LH_STR_ARG(r->name), min, max);
    *ret = number;
    return LH_OK;
}

static lh_code option_delimiter(option_reader *r, const lh_json *value) {
    LH_TRY(option_text(r, value, 4, &r->into->csv.delimiter));
    if (lh_str_eq(r->into->csv.delimiter, LH_STR("\\t"))) r->into->csv.delimiter = LH_STR("\t");
    bool line_end = lh_str_find(r->into->csv.delimiter, '\n') != r->into->csv.delimiter.len ||
                    lh_str_find(r->into->csv.delimiter, '\r') != r->into->csv.delimiter.len;
    return r->into->csv.delimiter.len == 0 || line_end ? option_wrong(r, "1 to 4 bytes without a line end") : LH_OK;
}

static lh_code option_quote_char(option_reader *r, const lh_json *value, lh_str *ret, bool *ret_has) {
    LH_TRY(option_text(r, value, 1, ret));
    if (ret->len && (ret->ptr[0] == '\n' || ret->ptr[0] == '\r'))
        return option_wrong(r, "one character, or empty for none");
    *ret_has = true;
    return LH_OK;
}
static lh_code option_quote(option_reader *r, const lh_json *value) {
    return option_quote_char(r, value, &r->into->csv.quote, &r->into->csv.has_quote);
}
static lh_code option_escape(option_reader *r, const lh_json *value) {
    return option_quote_char(r, value, &r->into->csv.escape, &r->into->csv.has_escape);
}

static lh_code option_header(option_reader *r, const lh_json *value) {
    bool header = false;
    LH_TRY(option_bool(r, value, &header));
    r->into->csv.header = header;
    return LH_OK;
}

/* clang-format off */
static const struct { const char *written, *canonical; } option_encodings[] = {
    {"utf-8", "utf-8"}, {"utf8", "utf-8"}, {"ascii", "utf-8"}, {"us-ascii", "utf-8"}, {"utf-16", "utf-16"}, {"utf16", "utf-16"},
    {"utf-16le", "utf-16le"}, {"utf-16-le", "utf-16le"}, {"utf16le", "utf-16le"}, {"utf-16be", "utf-16be"}, {"utf-16-be", "utf-16be"},
    {"utf16be", "utf-16be"}, {"latin-1", "latin-1"}, {"latin1", "latin-1"}, {"iso-8859-1", "latin-1"}, {"iso8859-1", "latin-1"},
    {"windows-1252", "windows-1252"}, {"cp1252", "windows-1252"},
};
/* clang-format on */

static lh_code option_encoding(option_reader *r, const lh_json *value) {
    lh_str text = LH_STR_NONE;
    LH_TRY(option_text(r, value, 32, &text));
    for (size_t i = 0; i < sizeof option_encodings / sizeof *option_encodings; i++)
        if (lh_str_eq_nocase(text, lh_str_from(option_encodings[i].written))) {
            r->into->encoding = lh_str_from(option_encodings[i].canonical);
            return LH_OK;
        }
    return option_wrong(r, "utf-8, utf-16, utf-16le, utf-16be, latin-1 or windows-1252");
}

static lh_code option_compression(option_reader *r, const lh_json *value) {
    static const char *const words[] = {"none", "gzip", "zstd", "zip"};
    lh_str text = LH_STR_NONE;
    LH_TRY(option_text(r, value, 16, &text));
    if (lh_str_eq(text, LH_STR("gz"))) text = LH_STR("gzip");
    if (lh_str_eq(text, LH_STR("zst"))) text = LH_STR("zstd");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (lh_str_eq(text, lh_str_from(words[i]))) {
            r->into->compression = lh_str_from(words[i]);
            return LH_OK;
        }
    return option_wrong(r, "none, gzip, zstd or zip");
}

static lh_code option_null(option_reader *r, const lh_json *value) {
    size_t count = lh_json_is_array(value) ? lh_json_size(value) : 1;
    if (count > 100) return option_wrong(r, "at most 100 texts");
    r->into->nulls = LH_ARENA_ARRAY(r->arena, lh_str, count + 1);
    if (!r->into->nulls) return lh_arena_check(r->arena, r->err);
    if (!lh_json_is_array(value)) {
        r->into->null_count = 1;
        return option_text(r, value, 256, &r->into->nulls[0]);
    }
    for (lh_json_iter it = lh_json_each(value); lh_json_next(&it);)
        LH_TRY(option_text(r, it.value, 256, &r->into->nulls[r->into->null_count++]));
    return LH_OK;
}

static lh_code option_columns(option_reader *r, const lh_json *value) {
    size_t count = lh_json_size(value);
    if (!lh_json_is_object(value)) return option_wrong(r, "an object of names and types");
    r->into->columns = LH_ARENA_ARRAY(r->arena, ingest_named_type, count + 1);
    if (!r->into->columns) return lh_arena_check(r->arena, r->err);
    for (lh_json_iter it = lh_json_each(value); lh_json_next(&it);) {
        ingest_named_type *column = &r->into->columns[r->into->column_count++];
        lh_error inner = {0};
        column->name = it.name;
        lh_code code = ingest_type_parse(lh_json_str(it.value, LH_STR_NONE), r->arena, &column->type, &inner);
        if (code == LH_OK && (column->type->kind == INGEST_OTHER || column->type->kind == INGEST_ENUM ||
                              column->type->kind == INGEST_NULL))
            code = lh_fail(&inner, LH_INVALID, "'%.*s' is not a type",
                           LH_STR_ARG(lh_str_cut_utf8(lh_json_str(it.value, LH_STR_NONE), 100)));
        if (code != LH_OK)
            return lh_fail(r->err, code, "option 'columns', column '%.*s': %s",
                           LH_STR_ARG(lh_str_cut_utf8(it.name, 255)), inner.message);
        if (!(column->type = ingest_type_storable(column->type, r->arena))) return lh_arena_check(r->arena, r->err);
    }
    return LH_OK;
}

static lh_code option_all_varchar(option_reader *r, const lh_json *value) {
    return option_bool(r, value, &r->into->all_varchar);
}
static lh_code option_flatten(option_reader *r, const lh_json *value) {
    return option_bool(r, value, &r->into->flatten);
}
static lh_code option_dedup(option_reader *r, const lh_json *value) { return option_bool(r, value, &r->into->dedup); }
static lh_code option_flatten_depth(option_reader *r, const lh_json *value) {
    return option_int(r, value, 0, INGEST_JSON_READ_DEPTH, &r->into->flatten_depth);
}
static lh_code option_sample(option_reader *r, const lh_json *value) {
    return option_int(r, value, -1, 1000000000, &r->into->sample_rows);
}
static lh_code option_skip(option_reader *r, const lh_json *value) {
    return option_int(r, value, 0, 1000000000, &r->into->csv.skip);
}
static lh_code option_date(option_reader *r, const lh_json *value) {
    return option_text(r, value, 100, &r->into->csv.date_format);
}
static lh_code option_timestamp(option_reader *r, const lh_json *value) {
    return option_text(r, value, 100, &r->into->csv.timestamp_format);
}
static lh_code option_decimal(option_reader *r, const lh_json *value) {
    LH_TRY(option_text(r, value, 1, &r->into->csv.decimal_separator));
    bool right = lh_str_eq(r->into->csv.decimal_separator, LH_STR(",")) ||
                 lh_str_eq(r->into->csv.decimal_separator, LH_STR("."));
    return right ? LH_OK : option_wrong(r, "'.' or ','");
}

/* clang-format off */
static const struct { const char *name; option_fn read; } option_table[] = {
    {"delimiter", option_delimiter}, {"quote", option_quote}, {"escape", option_escape}, {"header", option_header},
    {"encoding", option_encoding}, {"null", option_null}, {"all_varchar", option_all_varchar}, {"columns", option_columns},
    {"compression", option_compression}, {"flatten", option_flatten}, {"flatten_depth", option_flatten_depth},
    {"date_format", option_date}, {"timestamp_format", option_timestamp}, {"decimal_separator", option_decimal},
    {"skip", option_skip}, {"sample", option_sample}, {"dedup", option_dedup},
};
/* clang-format on */

static lh_code option_unknown(lh_str name, lh_error *err) {
    size_t best = 0, least = SIZE_MAX;
    for (size_t i = 0; i < sizeof option_table / sizeof *option_table; i++) {
        lh_str known = lh_str_from(option_table[i].name);
        bool begins = name.len > 1 && lh_str_starts(known, name); /* "delim": nearer than what is only as long */
        size_t distance = begins ? 0 : lh_str_distance(name, known);
        if (distance >= least) continue;
        least = distance;
        best = i;
    }
    return lh_fail(err, LH_INVALID, "unknown option '%.*s'; the nearest known one is '%s'",
                   LH_STR_ARG(lh_str_cut_utf8(name, 100)), option_table[best].name);
}

lh_code ingest_options_parse(const lh_json *options, lh_arena *arena, ingest_options *ret, lh_error *err) {
    ingest_options parsed = {.csv = {.header = -1, .skip = -1},
                             .flatten = true,
                             .dedup = true,
                             .flatten_depth = INGEST_FLATTEN_DEPTH_DEFAULT,
                             .sample_rows = INGEST_SAMPLE_ROWS};
    if (!lh_json_is_null(options) && !lh_json_is_object(options))
        return lh_fail(err, LH_INVALID, "options must be a JSON object");
    bool given[sizeof option_table / sizeof *option_table] = {false}; /* the readers count on being called once */
    for (lh_json_iter it = lh_json_each(options); lh_json_next(&it);) {
        option_reader r = {arena, &parsed, it.name, err};
        size_t at = 0;
        while (at < sizeof option_table / sizeof *option_table &&
               !lh_str_eq(it.name, lh_str_from(option_table[at].name)))
            at++;
        if (at == sizeof option_table / sizeof *option_table) return option_unknown(it.name, err);
        if (given[at]) return lh_fail(err, LH_INVALID, "option '%s' is given twice", option_table[at].name);
        given[at] = true;
        LH_TRY(option_table[at].read(&r, it.value));
    }
    LH_TRY(lh_arena_check(arena, err));
    *ret = parsed;
    return LH_OK;
}

const ingest_type *ingest_options_column(const ingest_options *options, lh_str name) {
    for (size_t i = 0; i < options->column_count; i++)
        if (lh_str_eq_nocase(options->columns[i].name, name)) return options->columns[i].type;
    return NULL;
}
