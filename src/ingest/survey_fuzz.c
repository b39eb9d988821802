/* A file that arrives in pieces: the survey says the same however it was cut, and what a reader that has all the bytes
 * says. Input: how it is cut (one byte: the size of the pieces), what is asked (one byte), the file. */
#include "base/fuzz.h"
#include "ingest/ingest_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_LINE_MAX = 100 };

static lh_code fuzz_survey(lh_str text, size_t piece, bool json, ingest_format format, ingest_job *job,
                           lh_ingest_survey *survey, lh_error *err) {
    *job = (ingest_job){.format = format, .head = lh_str_sub(text, 0, INGEST_HEAD_BYTES)};
    ingest_survey_init(survey, json, FUZZ_LINE_MAX);
    for (size_t at = 0; at < text.len; at += piece) ingest_survey_text(survey, lh_str_sub(text, at, piece));
    return ingest_survey_verdict(survey, job, err);
}

/* The slow way, for text that is no JSON. */
static bool fuzz_is_good(lh_str text, uint64_t *ret_lines, uint64_t *ret_longest) {
    lh_str rest = text;
    *ret_lines = *ret_longest = 0;
    while (rest.len) {
        lh_str line = lh_str_split(&rest, '\n');
        bool ended = line.ptr + line.len < text.ptr + text.len;
        ++*ret_lines;
        if (ended && line.len > *ret_longest) *ret_longest = line.len;
        if (line.len > FUZZ_LINE_MAX) return false;
    }
    return lh_str_is_utf8(text) && lh_str_find(text, '\0') == text.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static ingest_job whole, cut;
    lh_ingest_survey at_once, piecewise;
    lh_error err = {0};
    if (size < 2) return 0;
    size_t piece = (size_t)data[0] % 16 + 1;
    bool json = data[1] & 1;
    ingest_format format = json ? data[1] & 2 ? INGEST_JSON_ARRAY : INGEST_NDJSON : INGEST_CSV;
    lh_str text = {(const char *)data + 2, size - 2};
    lh_code code = fuzz_survey(text, size, json, format, &whole, &at_once, &err);
    lh_code again = fuzz_survey(text, piece, json, format, &cut, &piecewise, NULL);
    assert((code == LH_OK) == (again == LH_OK)); /* which of several faults is told depends on the cut */
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code != LH_OK) {
        lh_fuzz_told(code, &err);
        return 0;
    }
    assert(whole.bytes == text.len && cut.bytes == text.len && whole.lines == cut.lines);
    assert(at_once.longest_line == piecewise.longest_line && at_once.crlf_lines == piecewise.crlf_lines);
    assert(at_once.depth == piecewise.depth && at_once.in_string == piecewise.in_string);
    assert(whole.mixed_lines == cut.mixed_lines && whole.long_lines == cut.long_lines);
    uint64_t lines, longest;
    bool good = fuzz_is_good(text, &lines, &longest);
    assert(good && whole.lines == lines && (json || at_once.longest_line >= longest));
    return 0;
}
