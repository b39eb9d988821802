/* What one pass over the bytes tells, as they come: their hash, how many lines they have and how long the longest is, and
 * whether a reader of text would choke on them, with line and column: NUL, invalid UTF-8, a line that is too long,
 * JSON nested too deep or with other things than objects in it. An upload is surveyed while it arrives, when its format is not known yet; so a fault is kept
 * here, and only told when the file turns out to be text. */
#include "ingest/ingest_internal.h"

#include <stdio.h>
#include <stdlib.h>

lh_code lh_ingest_survey_new(const lh_ingest *ingest, lh_ingest_survey **ret, lh_error *err) {
    lh_ingest_survey *survey = calloc(1, sizeof *survey);
    if (!survey) return lh_fail(err, LH_NO_MEMORY, "ingest: out of memory");
    ingest_survey_init(survey, false, ingest->line_max_bytes);
    lh_code code = lh_sha256_stream_new(&survey->hash, err);
    if (code == LH_OK) *ret = survey;
    else free(survey);
    return code;
}

void lh_ingest_survey_free(lh_ingest_survey *survey) {
    if (!survey) return;
    lh_sha256_stream_free(survey->hash);
    free(survey);
}

void lh_ingest_survey_add(lh_ingest_survey *survey, lh_str bytes) {
    lh_sha256_stream_add(survey->hash, bytes);
    survey->received += bytes.len;
    ingest_survey_text(survey, bytes);
}

void lh_ingest_survey_end(lh_ingest_survey *survey) {
    lh_sha256 hash = lh_sha256_stream_end(survey->hash);
    survey->sha256_hex = lh_sha256_to_hex(&hash);
    survey->sha256 = lh_str_from(survey->sha256_hex.text);
}

void ingest_survey_init(lh_ingest_survey *survey, bool json, uint64_t line_max_bytes) {
    *survey = (lh_ingest_survey){.json = json, .line = 1, .max_line = line_max_bytes};
}

static lh_code survey_bad(const lh_ingest_survey *survey, uint64_t offset, lh_code code, const char *what,
                          lh_error *err) {
    uint64_t column = offset - survey->line_start + 1;
    lh_error_set(err, code, "line %" PRIu64 ", byte %" PRIu64 ": %s", survey->line, column, what);
    if (err) err->line = survey->line, err->column = column;
    return code;
}

/* A value begins where the objects stand: `c` is its first character, or one inside a bare word. */
static lh_code survey_record(lh_ingest_survey *survey, char c, lh_error *err) {
    if (c == '[' && survey->depth == 0 && survey->top == 0 && survey->records == 0) {
        survey->top = 1;
        return LH_OK;
    }
    if (c == '{') {
        survey->records++;
        return LH_OK;
    }
    if (survey->any_value) return LH_OK;
    char what[100] = "not a JSON object";
    if (survey->top) snprintf(what, sizeof what, "element %" PRIu64 " is not a JSON object", survey->records + 1);
    return survey_bad(survey, survey->offset, LH_INVALID, what, err);
}

static lh_code survey_json(lh_ingest_survey *survey, char c, lh_error *err) {
    bool begins = survey->depth <= survey->top;
    if (survey->escaped) survey->escaped = false;
    else if (survey->in_string) {
        if (c == '\\') survey->escaped = true;
        else if (c == '"') survey->in_string = false;
    } else if (c == '"') {
        if (begins) LH_TRY(survey_record(survey, c, err));
        survey->in_string = true;
    } else if (c == '[' || c == '{') {
        if (begins) LH_TRY(survey_record(survey, c, err));
        if (++survey->depth > INGEST_JSON_DEPTH_MAX)
            return survey_bad(survey, survey->offset, LH_LIMIT, "JSON is nested deeper than 512", err);
    } else if (c == ']' || c == '}') {
        if (survey->depth) survey->depth--;
    } else if (begins && (unsigned char)c > ' ' && c != ',') LH_TRY(survey_record(survey, c, err));
    return LH_OK;
}

static size_t survey_character_bytes(char first) {
    unsigned char c = (unsigned char)first;
    return c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
}

static lh_code survey_not_utf8(lh_ingest_survey *survey, const lh_ingest_survey *at, uint64_t offset, lh_error *err) {
    survey->not_utf8 = true;
    return survey_bad(at, offset, LH_INVALID,
                      "not UTF-8; name the encoding (latin-1, windows-1252, utf-16) in options.encoding", err);
}

/* Bytes of a block that is not plain ASCII: checked as whole characters; an unfinished one at the end is kept. */
static lh_code survey_utf8(lh_ingest_survey *survey, lh_str block, uint64_t base, lh_error *err) {
    char joined[8];
    memcpy(joined, survey->tail, survey->tail_len);
    size_t start = 0;
    if (survey->tail_len) { /* finish the character of the block before */
        size_t take = 0;
        while (survey->tail_len + take < 4 && take < block.len &&
               !lh_str_is_utf8((lh_str){joined, survey->tail_len + take}))
            joined[survey->tail_len + take] = block.ptr[take], take++;
        bool whole = lh_str_is_utf8((lh_str){joined, survey->tail_len + take});
        bool more = take == block.len && ((unsigned char)joined[survey->tail_len + take - 1] & 0xC0) == 0x80;
        if (!whole && more && survey->tail_len + take < survey_character_bytes(joined[0])) {
            memcpy(survey->tail, joined, survey->tail_len += take); /* a short block: the rest is yet to come */
            return LH_OK;
        }
        if (!whole) return survey_not_utf8(survey, survey, base - survey->tail_len, err);
        start = take;
        survey->tail_len = 0;
    }
    size_t end = block.len;
    for (size_t back = 1; back <= 3 && back <= block.len - start; back++) { /* does the block end inside a character? */
        unsigned char c = (unsigned char)block.ptr[block.len - back];
        size_t need = survey_character_bytes((char)c);
        if (c >= 0xC0 && need > back) end = block.len - back;
        if (c < 0x80 || c >= 0xC0) break;
    }
    if (!lh_str_is_utf8(lh_str_sub(block, start, end - start))) {
        size_t bad = start; /* find it, for the message */
        uint64_t line = survey->line, line_start = survey->line_start;
        while (bad < end) {
            char c = block.ptr[bad];
            size_t need = survey_character_bytes(c);
            if (bad + need > end || !lh_str_is_utf8(lh_str_sub(block, bad, need))) break;
            if (c == '\n') line++, line_start = base + bad + 1;
            bad += need;
        }
        lh_ingest_survey at = *survey;
        at.line = line, at.line_start = line_start;
        return survey_not_utf8(survey, &at, base + bad, err);
    }
    survey->tail_len = block.len - end;
    memcpy(survey->tail, block.ptr + end, survey->tail_len);
    return LH_OK;
}

static bool survey_is_plain_ascii(lh_str block) {
    unsigned char all = 0;
    for (size_t i = 0; i < block.len; i++) all |= (unsigned char)block.ptr[i];
    return all < 0x80;
}

static lh_code survey_block(lh_ingest_survey *survey, lh_str block, lh_error *err) {
    uint64_t base = survey->offset;
    if (survey->tail_len || !survey_is_plain_ascii(block)) LH_TRY(survey_utf8(survey, block, base, err));
    const char *nul = memchr(block.ptr, '\0', block.len);
    if (nul) {
        for (const char *at = block.ptr; (at = memchr(at, '\n', (size_t)(nul - at))); at++)
            survey->line++, survey->line_start = base + (uint64_t)(at - block.ptr) + 1;
        return survey_bad(survey, base + (uint64_t)(nul - block.ptr), LH_INVALID,
                          "a NUL byte; if this is UTF-16, say so in options.encoding", err);
    }
    if (survey->json) {
        for (size_t i = 0; i < block.len; i++) {
            survey->offset = base + i;
            LH_TRY(survey_json(survey, block.ptr[i], err));
            if (block.ptr[i] == '\n') survey->line++, survey->line_start = base + i + 1;
            else if (survey->max_line && base + i - survey->line_start >= survey->max_line)
                return survey_bad(survey, base + i, LH_LIMIT, "the line is longer than ingest.line_max_bytes", err);
        }
    } else {
        for (size_t i = 0; i < block.len;) {
            const char *feed = memchr(block.ptr + i, '\n', block.len - i);
            uint64_t end = base + (feed ? (uint64_t)(feed - block.ptr) : block.len);
            if (end - survey->line_start > survey->max_line)
                return survey_bad(survey, survey->line_start + survey->max_line, LH_LIMIT,
                                  "the line is longer than ingest.line_max_bytes", err);
            if (end - survey->line_start > survey->longest_line) survey->longest_line = end - survey->line_start;
            if (!feed) break;
            i = (size_t)(feed - block.ptr) + 1;
            survey->crlf_lines += (i > 1 ? block.ptr[i - 2] : survey->last) == '\r';
            survey->line++;
            survey->line_start = base + i;
        }
    }
    survey->offset = base + block.len;
    survey->last = block.ptr[block.len - 1];
    return LH_OK;
}

void ingest_survey_text(lh_ingest_survey *survey, lh_str bytes) {
    if (survey->code == LH_OK && bytes.len) survey->code = survey_block(survey, bytes, &survey->fault);
}

lh_code ingest_survey_verdict(const lh_ingest_survey *survey, ingest_job *job, lh_error *err) {
    job->not_utf8 = survey->not_utf8 || survey->tail_len;
    if (survey->code != LH_OK) {
        if (err) *err = survey->fault;
        return survey->code;
    }
    if (survey->tail_len)
        return survey_bad(survey, survey->offset, LH_INVALID, "the file ends inside a character", err);
    bool open =
        job->format == INGEST_JSON_ARRAY && (survey->depth || survey->in_string); /* DuckDB takes what is whole */
    if (open) return survey_bad(survey, survey->offset, LH_INVALID, "the JSON ends before its last bracket", err);
    if (survey->top && !survey->records) return lh_fail(err, LH_INVALID, "the file is empty: an array without objects");
    job->bytes = survey->offset;
    job->json_records = survey->records;
    job->lines = survey->line - (survey->offset == survey->line_start ? 1 : 0);
    job->mixed_lines = survey->crlf_lines && survey->crlf_lines < survey->line - 1;
    bool csv = job->format == INGEST_CSV || job->format == INGEST_TSV;
    if (csv && survey->line == 1 && lh_str_find(lh_str_trim(job->head), '\r') < lh_str_trim(job->head).len)
        return lh_fail(err, LH_INVALID, "the lines end in CR alone: convert them to LF or CR LF");
    job->long_lines = survey->longest_line > INGEST_LINE_USUAL_BYTES;
    return LH_OK;
}
