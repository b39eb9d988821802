/* Any bytes as the options of an ingest: refused with a reason, or every member is within its bounds. */
#include "base/fuzz.h"
#include "ingest/ingest_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_text(lh_str text, size_t max_bytes) {
    assert(text.len <= max_bytes && lh_str_find(text, '\0') == text.len && lh_str_is_utf8(text));
}

static void fuzz_options(const ingest_options *options, lh_arena *arena) {
    const ingest_csv_options *csv = &options->csv;
    fuzz_text(csv->delimiter, 4);
    fuzz_text(csv->quote, 1);
    fuzz_text(csv->escape, 1);
    fuzz_text(csv->date_format, 100);
    fuzz_text(csv->timestamp_format, 100);
    fuzz_text(csv->decimal_separator, 1);
    assert(csv->header >= -1 && csv->header <= 1 && csv->skip >= -1 && csv->skip <= 1000000000);
    assert(options->flatten_depth >= 0 && options->flatten_depth <= INGEST_JSON_READ_DEPTH);
    assert(options->sample_rows >= -1 && options->sample_rows <= 1000000000);
    assert(options->null_count <= 100);
    for (size_t i = 0; i < options->null_count; i++) fuzz_text(options->nulls[i], 256);
    for (size_t i = 0; i < options->column_count; i++) {
        const ingest_named_type *column = &options->columns[i];
        ingest_type *again = NULL;
        assert(lh_str_is_utf8(column->name) && ingest_options_column(options, column->name));
        assert(ingest_type_storable(column->type, arena) == column->type);
        assert(ingest_type_parse(ingest_type_text(column->type, arena), arena, &again, NULL) == LH_OK);
        assert(ingest_type_equal(column->type, again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *json = NULL;
    ingest_options options;
    lh_error err = {0};
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    if (lh_json_parse(arena, (lh_str){(const char *)data, size}, &json, NULL) != LH_OK) return 0;
    lh_code code = ingest_options_parse(json, arena, &options, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code == LH_OK) fuzz_options(&options, arena);
    else lh_fuzz_told(code, &err);
    return 0;
}
