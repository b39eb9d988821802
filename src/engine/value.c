/* One value as text. Scalars have one text each, which JSON quotes when it is no number, and CSV quotes when it must;
 * what nests is JSON in both. docs/reference/types.md is this file as a table. */
#include "engine/column.h"

#include <math.h>

static lh_str value_string(const engine_column *column, uint64_t row) {
    duckdb_string_t *text = (duckdb_string_t *)(uintptr_t)column->data + row;
    return (lh_str){duckdb_string_t_data(text), duckdb_string_t_length(*text)};
}

/* ---- time ---- */
/* Days since 1970-01-01 → year, month, day (proleptic Gregorian; astronomical years: 1 BC is 0). */
static void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    uint64_t doe = (uint64_t)(days - era * 146097);
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = (int64_t)yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

static void text_days(engine_out *out, int64_t days) { /* 2026-11-23; beyond four digits with a sign (ISO 8601) */
    int64_t year = 0;
    unsigned month = 0, day = 0;
    civil_from_days(days, &year, &month, &day);
    if (year < 0 || year > 9999) engine_out_char(out, year < 0 ? '-' : '+');
    engine_out_padded(out, (uint64_t)(year < 0 ? -year : year), 4);
    engine_out_char(out, '-');
    engine_out_padded(out, month, 2);
    engine_out_char(out, '-');
    engine_out_padded(out, day, 2);
}

static void text_fraction(engine_out *out, uint64_t fraction, unsigned digits) { /* without trailing zeros */
    if (fraction == 0) return;
    while (fraction % 10 == 0) fraction /= 10, digits--;
    engine_out_char(out, '.');
    engine_out_padded(out, fraction, digits);
}

static void text_time(engine_out *out, uint64_t units,
                      unsigned digits) { /* units of 10^-digits seconds since midnight */
    uint64_t second = 1;
    for (unsigned i = 0; i < digits; i++) second *= 10;
    uint64_t seconds = units / second;
    engine_out_padded(out, seconds / 3600, 2);
    engine_out_char(out, ':');
    engine_out_padded(out, seconds / 60 % 60, 2);
    engine_out_char(out, ':');
    engine_out_padded(out, seconds % 60, 2);
    text_fraction(out, units % second, digits);
}

static void text_timestamp(engine_out *out, int64_t value, unsigned digits, bool utc) {
    if (value == INT64_MAX || value == -INT64_MAX) { /* DuckDB's infinities */
        engine_out_bytes(out, value > 0 ? LH_STR("infinity") : LH_STR("-infinity"));
        return;
    }
    int64_t day = 86400;
    for (unsigned i = 0; i < digits; i++) day *= 10;
    int64_t days = value / day, rest = value % day;
    if (rest < 0) days--, rest += day;
    text_days(out, days);
    engine_out_char(out, 'T');
    text_time(out, (uint64_t)rest, digits);
    if (utc) engine_out_char(out, 'Z');
}

static void text_date(engine_out *out, int32_t days) {
    if (days == INT32_MAX) engine_out_bytes(out, LH_STR("infinity"));
    else if (days == -INT32_MAX) engine_out_bytes(out, LH_STR("-infinity"));
    else text_days(out, days);
}

/* 40 bits of microseconds, then 24 bits: 15:59:59 less the offset in seconds. */
static void text_time_tz(engine_out *out, uint64_t bits) {
    text_time(out, bits >> 24, 6);
    int32_t offset = 57599 - (int32_t)(bits & 0xFFFFFF);
    engine_out_char(out, offset < 0 ? '-' : '+');
    uint32_t magnitude = (uint32_t)(offset < 0 ? -offset : offset);
    engine_out_padded(out, magnitude / 3600, 2);
    engine_out_char(out, ':');
    engine_out_padded(out, magnitude / 60 % 60, 2);
    if (magnitude % 60 == 0) return;
    engine_out_char(out, ':');
    engine_out_padded(out, magnitude % 60, 2);
}

static void text_part(engine_out *out, int64_t value, char unit) {
    if (value == 0) return;
    engine_out_i64(out, value);
    engine_out_char(out, unit);
}

static void text_interval(engine_out *out, duckdb_interval value) { /* P1Y2M3DT4H5M6.5S; each part has its own sign */
    if (value.months == 0 && value.days == 0 && value.micros == 0) {
        engine_out_bytes(out, LH_STR("PT0S"));
        return;
    }
    engine_out_char(out, 'P');
    text_part(out, value.months / 12, 'Y');
    text_part(out, value.months % 12, 'M');
    text_part(out, value.days, 'D');
    if (value.micros == 0) return;
    engine_out_char(out, 'T');
    text_part(out, value.micros / 3600000000, 'H');
    text_part(out, value.micros / 60000000 % 60, 'M');
    int64_t rest = value.micros % 60000000;
    if (rest == 0) return;
    if (rest < 0) engine_out_char(out, '-');
    uint64_t magnitude = (uint64_t)(rest < 0 ? -rest : rest);
    engine_out_u64(out, magnitude / 1000000);
    text_fraction(out, magnitude % 1000000, 6);
    engine_out_char(out, 'S');
}

/* ---- others ---- */
static void text_uuid(engine_out *out, duckdb_hugeint value) {
    static const char hex[] = "0123456789abcdef";
    uint64_t half[2] = {(uint64_t)value.upper ^ (UINT64_C(1) << 63),
                        value.lower}; /* stored with the first bit flipped */
    engine_out_room(out, 36);
    for (unsigned i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) *out->at++ = '-';
        *out->at++ = hex[half[i / 16] >> (60 - 4 * (i % 16)) & 15];
    }
}

static void text_bit(engine_out *out, lh_str bits) { /* first byte: how many padding bits lead */
    if (bits.len < 2) return;
    unsigned skip = (unsigned char)bits.ptr[0];
    for (size_t i = skip; i < (bits.len - 1) * 8; i++)
        engine_out_char(out, (unsigned char)bits.ptr[1 + i / 8] >> (7 - i % 8) & 1 ? '1' : '0');
}

/* Three header bytes (all inverted when negative), then the magnitude, big endian. */
static void text_bignum(engine_out *out, lh_str bytes) {
    if (bytes.len < 4) {
        engine_out_char(out, '0');
        return;
    }
    bool negative = !((unsigned char)bytes.ptr[0] & 0x80);
    size_t count = bytes.len - 3, digits = 0;
    unsigned char *rest = malloc(count);
    char *text = malloc(count * 3 + 2);
    if (!rest || !text) out->code = lh_fail(out->err, LH_NO_MEMORY, "out of memory");
    for (size_t i = 0; rest && i < count; i++)
        rest[i] = (unsigned char)((unsigned char)bytes.ptr[3 + i] ^ (negative ? 0xFF : 0));
    for (size_t first = 0; rest && text && first < count;) { /* long division by 10: BIGNUM is rare and short */
        unsigned carry = 0;
        for (size_t i = first; i < count; i++) {
            carry = carry * 256 + rest[i];
            rest[i] = (unsigned char)(carry / 10);
            carry %= 10;
        }
        text[digits++] = (char)('0' + carry);
        while (first < count && rest[first] == 0) first++;
    }
    if (negative) engine_out_char(out, '-');
    while (digits > 0) engine_out_char(out, text[--digits]);
    free(rest);
    free(text);
}

static engine_i128 wide(duckdb_hugeint value) {
    return (engine_i128)(((engine_u128)(uint64_t)value.upper << 64) | value.lower);
}

static void text_decimal(engine_out *out, const engine_column *column, uint64_t row) {
    engine_i128 value = 0;
    switch ((int)column->storage) {
    case DUCKDB_TYPE_SMALLINT: value = ((const int16_t *)column->data)[row]; break;
    case DUCKDB_TYPE_INTEGER: value = ((const int32_t *)column->data)[row]; break;
    case DUCKDB_TYPE_BIGINT: value = ((const int64_t *)column->data)[row]; break;
    default: value = wide(((const duckdb_hugeint *)column->data)[row]);
    }
    engine_out_decimal(out, value, column->scale);
}

static lh_str value_label(const engine_column *column, uint64_t row) {
    uint64_t index = 0;
    switch ((int)column->storage) {
    case DUCKDB_TYPE_UTINYINT: index = ((const uint8_t *)column->data)[row]; break;
    case DUCKDB_TYPE_USMALLINT: index = ((const uint16_t *)column->data)[row]; break;
    default: index = ((const uint32_t *)column->data)[row];
    }
    return index < column->label_count ? column->labels[index] : LH_STR_NONE;
}

/* NaN and the infinities are no JSON numbers: strings. */
static void text_real(engine_out *out, double value, bool single, bool quote) {
    if (isfinite(value)) {
        if (single) engine_out_float(out, (float)value);
        else engine_out_double(out, value);
        return;
    }
    if (quote) engine_out_char(out, '"');
    engine_out_bytes(out, isnan(value) ? LH_STR("NaN") : value > 0 ? LH_STR("Infinity") : LH_STR("-Infinity"));
    if (quote) engine_out_char(out, '"');
}

/* Numbers and booleans; false for any other type. */
static bool value_number(engine_out *out, const engine_column *column, uint64_t row, bool quote) {
    const void *data = column->data;
    switch ((int)column->type) {
    case DUCKDB_TYPE_BOOLEAN:
        engine_out_bytes(out, ((const bool *)data)[row] ? LH_STR("true") : LH_STR("false"));
        return true;
    case DUCKDB_TYPE_TINYINT: engine_out_i64(out, ((const int8_t *)data)[row]); return true;
    case DUCKDB_TYPE_SMALLINT: engine_out_i64(out, ((const int16_t *)data)[row]); return true;
    case DUCKDB_TYPE_INTEGER: engine_out_i64(out, ((const int32_t *)data)[row]); return true;
    case DUCKDB_TYPE_BIGINT: engine_out_i64(out, ((const int64_t *)data)[row]); return true;
    case DUCKDB_TYPE_UTINYINT: engine_out_u64(out, ((const uint8_t *)data)[row]); return true;
    case DUCKDB_TYPE_USMALLINT: engine_out_u64(out, ((const uint16_t *)data)[row]); return true;
    case DUCKDB_TYPE_UINTEGER: engine_out_u64(out, ((const uint32_t *)data)[row]); return true;
    case DUCKDB_TYPE_UBIGINT: engine_out_u64(out, ((const uint64_t *)data)[row]); return true;
    case DUCKDB_TYPE_HUGEINT: engine_out_decimal(out, wide(((const duckdb_hugeint *)data)[row]), 0); return true;
    case DUCKDB_TYPE_UHUGEINT: {
        duckdb_uhugeint value = ((const duckdb_uhugeint *)data)[row];
        engine_out_u128(out, (engine_u128)value.upper << 64 | value.lower);
        return true;
    }
    case DUCKDB_TYPE_BIGNUM: text_bignum(out, value_string(column, row)); return true;
    case DUCKDB_TYPE_DECIMAL: text_decimal(out, column, row); return true;
    case DUCKDB_TYPE_FLOAT: text_real(out, (double)((const float *)data)[row], true, quote); return true;
    case DUCKDB_TYPE_DOUBLE: text_real(out, ((const double *)data)[row], false, quote); return true;
    default: return false;
    }
}

/* Scalars whose text needs no escape; false for any other type. */
static bool value_plain(engine_out *out, const engine_column *column, uint64_t row) {
    const void *data = column->data;
    const int64_t *wide_units = data;
    switch ((int)column->type) {
    case DUCKDB_TYPE_DATE: text_date(out, ((const int32_t *)data)[row]); return true;
    case DUCKDB_TYPE_TIME: text_time(out, (uint64_t)wide_units[row], 6); return true;
    case DUCKDB_TYPE_TIME_NS: text_time(out, (uint64_t)wide_units[row], 9); return true;
    case DUCKDB_TYPE_TIME_TZ: text_time_tz(out, ((const uint64_t *)data)[row]); return true;
    case DUCKDB_TYPE_TIMESTAMP: text_timestamp(out, wide_units[row], 6, false); return true;
    case DUCKDB_TYPE_TIMESTAMP_TZ: text_timestamp(out, wide_units[row], 6, true); return true;
    case DUCKDB_TYPE_TIMESTAMP_S: text_timestamp(out, wide_units[row], 0, false); return true;
    case DUCKDB_TYPE_TIMESTAMP_MS: text_timestamp(out, wide_units[row], 3, false); return true;
    case DUCKDB_TYPE_TIMESTAMP_NS: text_timestamp(out, wide_units[row], 9, false); return true;
    case DUCKDB_TYPE_INTERVAL: text_interval(out, ((const duckdb_interval *)data)[row]); return true;
    case DUCKDB_TYPE_UUID: text_uuid(out, ((const duckdb_hugeint *)data)[row]); return true;
    case DUCKDB_TYPE_BIT: text_bit(out, value_string(column, row)); return true;
    case DUCKDB_TYPE_BLOB:
    case DUCKDB_TYPE_GEOMETRY: engine_out_base64(out, value_string(column, row)); return true;
    default: return false;
    }
}

/* ---- nested: JSON ---- */
static void json_list(engine_out *out, const engine_column *items, uint64_t from, uint64_t count) {
    engine_out_char(out, '[');
    for (uint64_t i = 0; i < count; i++) {
        if (i) engine_out_char(out, ',');
        engine_value_json(out, items, from + i);
    }
    engine_out_char(out, ']');
}

static void json_map(engine_out *out, const engine_column *column, duckdb_list_entry entry) {
    engine_out_char(out, '[');
    for (uint64_t i = 0; i < entry.length; i++) {
        engine_out_bytes(out, i ? LH_STR(",{\"key\":") : LH_STR("{\"key\":"));
        engine_value_json(out, &column->children[0], entry.offset + i);
        engine_out_bytes(out, LH_STR(",\"value\":"));
        engine_value_json(out, &column->children[1], entry.offset + i);
        engine_out_char(out, '}');
    }
    engine_out_char(out, ']');
}

static void json_struct(engine_out *out, const engine_column *column, uint64_t row) {
    engine_out_char(out, column->unnamed ? '[' : '{');
    for (size_t i = 0; i < column->child_count; i++) {
        if (i) engine_out_char(out, ',');
        if (!column->unnamed) {
            engine_out_json_string(out, column->children[i].name);
            engine_out_char(out, ':');
        }
        engine_value_json(out, &column->children[i], row);
    }
    engine_out_char(out, column->unnamed ? ']' : '}');
}

static void json_union(engine_out *out, const engine_column *column, uint64_t row) {
    size_t member = (size_t)((const uint8_t *)column->children[0].data)[row] + 1;
    if (member >= column->child_count) {
        engine_out_bytes(out, LH_STR("null"));
        return;
    }
    engine_out_char(out, '{');
    engine_out_json_string(out, column->children[member].name);
    engine_out_char(out, ':');
    engine_value_json(out, &column->children[member], row);
    engine_out_char(out, '}');
}

static void value_nested(engine_out *out, const engine_column *column, uint64_t row) {
    const duckdb_list_entry *entries = column->data;
    switch ((int)column->type) {
    case DUCKDB_TYPE_LIST: json_list(out, column->children, entries[row].offset, entries[row].length); break;
    case DUCKDB_TYPE_ARRAY: json_list(out, column->children, row * column->array_size, column->array_size); break;
    case DUCKDB_TYPE_MAP: json_map(out, column, entries[row]); break;
    case DUCKDB_TYPE_STRUCT: json_struct(out, column, row); break;
    case DUCKDB_TYPE_UNION: json_union(out, column, row); break;
    default: engine_out_bytes(out, LH_STR("null"));
    }
}

static bool column_is_text(const engine_column *column) {
    return column->type == DUCKDB_TYPE_VARCHAR || column->type == DUCKDB_TYPE_ENUM;
}

static lh_str value_text(const engine_column *column, uint64_t row) {
    return column->type == DUCKDB_TYPE_ENUM ? value_label(column, row) : value_string(column, row);
}

static bool column_is_nested(const engine_column *column) {
    return column->child_count > 0 || column->type == DUCKDB_TYPE_SQLNULL || column->type == DUCKDB_TYPE_STRUCT;
}

void engine_value_json(engine_out *out, const engine_column *column, uint64_t row) {
    if (engine_column_is_null(column, row)) engine_out_bytes(out, LH_STR("null"));
    else if (column_is_text(column)) engine_out_json_string(out, value_text(column, row));
    else if (column_is_nested(column)) value_nested(out, column, row);
    else if (!value_number(out, column, row, true)) {
        engine_out_char(out, '"');
        (void)value_plain(out, column, row);
        engine_out_char(out, '"');
    }
}

/* JSON inside a CSV field: made apart, then quoted as text. */
static void csv_nested(engine_out *out, const engine_column *column, uint64_t row);

void engine_value_csv(engine_out *out, const engine_column *column, uint64_t row) {
    if (engine_column_is_null(column, row)) return;
    if (column_is_text(column)) engine_out_csv_string(out, value_text(column, row));
    else if (column_is_nested(column)) csv_nested(out, column, row);
    else if (!value_number(out, column, row, false)) (void)value_plain(out, column, row);
}

void engine_value_text(engine_out *out, const engine_column *column, uint64_t row, size_t max_bytes) {
    if (engine_column_is_null(column, row)) return;
    if (column_is_text(column)) engine_out_bytes(out, lh_str_cut_utf8(value_text(column, row), max_bytes));
    else if (column_is_nested(column)) engine_value_json(out, column, row);
    else if (!value_number(out, column, row, false)) (void)value_plain(out, column, row);
}

static lh_code csv_collect(void *ctx, lh_str data, lh_error *err) {
    lh_buf *text = ctx;
    lh_buf_append(text, data);
    return lh_buf_check(text, err);
}

static void csv_nested(engine_out *out, const engine_column *column, uint64_t row) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(256 << 20);
    engine_out inner;
    lh_code code = engine_out_init(&inner, csv_collect, &text, 0, out->err);
    if (code == LH_OK) {
        engine_value_json(&inner, column, row);
        engine_out_flush(&inner);
        code = inner.code;
        engine_out_done(&inner);
    }
    if (code == LH_OK) engine_out_csv_string(out, lh_buf_str(&text));
    else if (out->code == LH_OK) out->code = code;
}
