/* One record as bytes: what the write-ahead file holds and what is hashed.
 *
 *   writer , seq , prev_hash , time , field … each a netstring: decimal length ':' bytes ','
 *   a field without a value is the single byte '-'
 *
 * seq and time (milliseconds since 1970 UTC) and fields of numbers are decimal digits; prev_hash is hex. The record's hash
 * is the SHA-256 of all of it. */
#include "journal/journal_internal.h"

const lh_sha256_hex journal_genesis = {"0000000000000000000000000000000000000000000000000000000000000000"};

/* printf would take a third of all the time that a record takes. */
lh_str journal_digits(uint64_t number, char into[24]) {
    size_t at = 24;
    do into[--at] = (char)('0' + number % 10);
    while (number /= 10);
    return (lh_str){into + at, 24 - at};
}

void journal_netstring(lh_buf *into, lh_str text) {
    char digits[24];
    if (!text.ptr) {
        lh_buf_char(into, '-');
        return;
    }
    lh_buf_append(into, journal_digits(text.len, digits));
    lh_buf_char(into, ':');
    lh_buf_append(into, text);
    lh_buf_char(into, ',');
}

lh_code journal_netstring_read(lh_str *rest, lh_str *ret) {
    if (rest->len && rest->ptr[0] == '-') {
        *rest = lh_str_sub(*rest, 1, SIZE_MAX);
        *ret = LH_STR_NONE;
        return LH_OK;
    }
    uint64_t len = 0;
    size_t colon = lh_str_find(*rest, ':');
    lh_str digits = lh_str_sub(*rest, 0, colon);
    bool canonical = digits.len == 1 || (digits.len > 1 && digits.ptr[0] != '0');
    if (colon == rest->len || !canonical || lh_str_to_u64(digits, &len) != LH_OK) return LH_CORRUPT;
    lh_str tail = lh_str_sub(*rest, colon + 1, SIZE_MAX);
    if (len >= tail.len || tail.ptr[len] != ',') return LH_CORRUPT;
    *ret = (lh_str){tail.ptr, (size_t)len};
    *rest = lh_str_sub(tail, (size_t)len + 1, SIZE_MAX);
    return LH_OK;
}

void journal_row_write(const journal_row *row, size_t count, lh_buf *into) {
    char number[24];
    journal_netstring(into, row->writer);
    journal_netstring(into, journal_digits(row->seq, number));
    journal_netstring(into, row->prev_hash);
    journal_netstring(into, journal_digits(row->time_ms < 0 ? 0 : (uint64_t)row->time_ms, number));
    for (size_t i = 0; i < count; i++) journal_netstring(into, row->values.items[i]);
}

/* Digits as they are written: the bytes are hashed, so there is one way to write a number. */
static lh_code row_number(lh_str text, uint64_t *ret) {
    bool canonical = text.len == 1 || (text.len > 1 && text.ptr[0] != '0');
    LH_TRY(canonical ? lh_str_to_u64(text, ret) : LH_CORRUPT);
    return *ret <= INT64_MAX ? LH_OK : LH_CORRUPT;
}

static lh_code row_values(lh_str *bytes, const journal_spec *spec, journal_values *values) {
    uint64_t ignored;
    for (size_t i = 0; i < spec->count; i++) {
        LH_TRY(journal_netstring_read(bytes, &values->items[i]));
        if (spec->fields[i].number && values->items[i].ptr) LH_TRY(row_number(values->items[i], &ignored));
        if (!lh_str_is_utf8(values->items[i])) return LH_CORRUPT;
    }
    return LH_OK;
}

static lh_code row_read(lh_str bytes, const journal_spec *spec, journal_row *row) {
    lh_str seq, time;
    uint64_t time_ms;
    LH_TRY(journal_netstring_read(&bytes, &row->writer));
    LH_TRY(journal_netstring_read(&bytes, &seq));
    LH_TRY(journal_netstring_read(&bytes, &row->prev_hash));
    LH_TRY(journal_netstring_read(&bytes, &time));
    LH_TRY(row_values(&bytes, spec, &row->values));
    LH_TRY(row_number(seq, &row->seq));
    LH_TRY(row_number(time, &time_ms));
    row->time_ms = (int64_t)time_ms;
    bool whole = bytes.len == 0 && lh_uuid_is_valid(row->writer) && row->prev_hash.len == LH_SHA256_HEX_BYTES &&
                 lh_str_is_utf8(row->prev_hash) && row->seq > 0;
    return whole ? LH_OK : LH_CORRUPT;
}

lh_code journal_row_read(lh_str bytes, const journal_spec *spec, journal_row *ret, lh_error *err) {
    journal_row row = {0};
    if (row_read(bytes, spec, &row) != LH_OK) return lh_fail(err, LH_CORRUPT, "a record of the journal is not whole");
    *ret = row;
    return LH_OK;
}
