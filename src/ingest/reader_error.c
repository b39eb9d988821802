/* The readers' errors as ours: what is wrong and where first, then the line, then what may be done about it. A message quotes
 * the file, which may hold any text, also one that looks like the message: what is found in it is only shown. */
#include "ingest/ingest_internal.h"

enum { READER_VALUE_BYTES = 100, READER_LINE_BYTES = 300 };

/* What stands behind `word`, to the end; empty when it does not occur. */
static lh_str reader_after(lh_str text, const char *word) {
    size_t at = lh_str_search(text, lh_str_from(word));
    return at == SIZE_MAX ? LH_STR_NONE : lh_str_sub(text, at + strlen(word), SIZE_MAX);
}

/* What stands before `word`: all of the text when it does not occur. */
static lh_str reader_before(lh_str text, const char *word) {
    return lh_str_sub(text, 0, lh_str_search(text, lh_str_from(word)));
}

static uint64_t reader_number(lh_str text) { /* at its start; 0: none */
    uint64_t number = 0;
    for (size_t i = 0; i < text.len && i < 18 && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    return number;
}

/* ---- CSV ---- */

#define READER_ASIDE "on_error=quarantine puts such rows aside"

typedef struct reader_csv_error {
    lh_str column, what;
    const char *advice;
} reader_csv_error;

/* "… "x" to 'BIGINT'\n\nColumn id is being converted as type BIGINT" */
static bool reader_conversion(const ingest_job *job, lh_str message, reader_csv_error *ret) {
    lh_str rest = reader_after(message, "\nColumn "), type = reader_after(rest, " is being converted as type ");
    lh_str value = reader_before(reader_after(message, "Could not convert string \""), "\" to '");
    if (type.len == 0) return false;
    type = reader_before(type, "\n");
    ret->column = reader_before(rest, " is being converted as type ");
    ret->what = lh_arena_printf(job->arena, "\"%.*s\" is no %.*s",
                                LH_STR_ARG(lh_str_cut_utf8(value, READER_VALUE_BYTES)), LH_STR_ARG(type));
    ret->advice = READER_ASIDE "; options.null names texts that mean NULL, options.columns another type of the column";
    return true;
}

/* "Expected Number of Columns: 2 Found: 3" */
static bool reader_ragged(const ingest_job *job, lh_str message, reader_csv_error *ret) {
    uint64_t wanted = reader_number(reader_after(message, "\nExpected Number of Columns: "));
    if (wanted == 0) return false;
    uint64_t found = reader_number(reader_after(message, " Found: "));
    ret->what = lh_arena_printf(job->arena, "%" PRIu64 " fields where %" PRIu64 " are expected", found, wanted);
    ret->advice = READER_ASIDE "; options.skip passes over lines before the header; options.delimiter and options.quote "
                               "say how fields are told apart";
    return true;
}

static bool reader_open_quote(lh_str message, reader_csv_error *ret) {
    if (lh_str_search(message, LH_STR("unterminated quote")) == SIZE_MAX) return false;
    ret->what = LH_STR("a quote that does not end, or does not end the field");
    ret->advice = READER_ASIDE "; options.quote says which character encloses fields (\"\": none)";
    return true;
}

static bool reader_csv(const ingest_job *job, lh_str message, lh_error *err) {
    lh_str place = reader_after(message, "CSV Error on Line: ");
    uint64_t line = reader_number(place);
    reader_csv_error e = {.what = LH_STR("the line cannot be read"), .advice = READER_ASIDE};
    if (line == 0) return false;
    if (!reader_conversion(job, message, &e) && !reader_ragged(job, message, &e) && !reader_open_quote(message, &e))
        e.what = lh_str_cut_utf8(reader_after(place, "\n"), READER_LINE_BYTES);
    static const char *const ends[] = {"\nError when converting ", "\nExpected Number of ", "\nValue with ", "\n\n"};
    lh_str shown = reader_after(message, "\nOriginal Line: ");
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) shown = reader_before(shown, ends[i]);
    shown = lh_str_cut_utf8(shown, READER_LINE_BYTES);
    lh_str column = e.column.len ? lh_arena_printf(job->arena, ", column \"%.*s\"", LH_STR_ARG(e.column)) : e.column;
    lh_error_set(err, LH_INVALID, "line %" PRIu64 "%.*s: %.*s\nthe line: %.*s\n%s", line, LH_STR_ARG(column),
                 LH_STR_ARG(e.what), LH_STR_ARG(shown), e.advice);
    err->line = line;
    lh_error_set_name(err, e.column);
    return true;
}

/* ---- JSON ---- */

/* "Malformed JSON in file "…", at byte 2 in line 3: unexpected character. ", or "in record/value 3" of an array: DuckDB
 * counts both from 2 there, and from 1 in "JSON transform error in file "…", in record/value 2: …". */
static bool reader_json(const ingest_job *job, lh_str message, lh_error *err) {
    bool malformed = lh_str_search(message, LH_STR("Malformed JSON in ")) != SIZE_MAX;
    if (!malformed && lh_str_search(message, LH_STR("JSON transform error in ")) == SIZE_MAX) return false;
    bool array = job->format == INGEST_JSON_ARRAY;
    lh_str why = reader_after(message, array ? "in record/value " : "in line ");
    uint64_t number = reader_number(why), byte = malformed ? reader_number(reader_after(message, "at byte ")) : 0;
    if (number < (malformed ? 2 : 1)) return false;
    if (malformed) number--;
    (void)lh_str_split(&why, ':');
    lh_str at = byte ? lh_arena_printf(job->arena, ", byte %" PRIu64, byte) : LH_STR_NONE;
    lh_error_set(err, LH_INVALID, "%s %" PRIu64 "%.*s: %s%.*s", array ? "element" : "line", number, LH_STR_ARG(at),
                 malformed ? "malformed JSON: " : "", LH_STR_ARG(lh_str_trim(why)));
    if (!array) err->line = number;
    if (!array) err->column = byte;
    return true;
}

/* ---- any ---- */

lh_code ingest_relation_error(const ingest_job *job, lh_code code, lh_error *err) {
    if (!err || code != LH_INVALID) return code;
    lh_str message = lh_arena_dup(job->arena, lh_str_from(err->message));
    if (reader_csv(job, message, err) || reader_json(job, message, err)) return code;
    static const char *const useless[] = {"\nPossible Solution", "\nTry ", "\n\n"}; /* advice on settings of the reader */
    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) message = reader_before(message, useless[i]);
    uint64_t line = reader_number(reader_after(message, "in line "));
    size_t path = lh_str_search(message, job->path);
    lh_str before = lh_str_sub(message, 0, path),
           after = path == SIZE_MAX ? LH_STR_NONE : lh_str_sub(message, path + job->path.len, SIZE_MAX);
    lh_str name = path == SIZE_MAX ? LH_STR_NONE : job->request->file_name;
    lh_error_set(err, code, "%.*s%.*s%.*s", LH_STR_ARG(before), LH_STR_ARG(name), LH_STR_ARG(after));
    err->line = line;
    return code;
}
