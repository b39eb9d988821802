#include "engine/out.h"
#include "engine/number_shim.h"

lh_code engine_out_init(engine_out *out, lh_bytes_fn write, void *ctx, uint64_t max_bytes, lh_error *err) {
    char *memory = malloc(ENGINE_OUT_BYTES);
    if (!memory) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *out = (engine_out){.memory = memory,
                        .at = memory,
                        .end = memory + ENGINE_OUT_BYTES,
                        .write = write,
                        .ctx = ctx,
                        .max_bytes = max_bytes,
                        .err = err};
    return LH_OK;
}

void engine_out_done(engine_out *out) {
    free(out->memory);
    out->memory = NULL;
}

void engine_out_flush(engine_out *out) {
    size_t len = (size_t)(out->at - out->memory);
    out->at = out->memory;
    if (len == 0 || out->code != LH_OK) return;
    out->sent_bytes += len;
    if (out->max_bytes && out->sent_bytes > out->max_bytes) {
        out->code =
            lh_fail(out->err, LH_LIMIT,
                    "the answer is larger than %" PRIu64 " bytes (query.result_max_bytes); add a LIMIT or aggregate",
                    out->max_bytes);
        return;
    }
    out->code = out->write(out->ctx, (lh_str){out->memory, len}, out->err);
}

void engine_out_bytes(engine_out *out, lh_str bytes) {
    while (bytes.len) {
        engine_out_room(out, 1);
        size_t room = (size_t)(out->end - out->at), part = bytes.len < room ? bytes.len : room;
        memcpy(out->at, bytes.ptr, part);
        out->at += part;
        bytes = (lh_str){bytes.ptr + part, bytes.len - part};
    }
}

/* ---- numbers ---- */
static const char out_pairs[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051"
    "525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";

/* Writes so that the last digit lies before `end`; returns the first. */
static char *digits_before(char *end, uint64_t value) {
    while (value >= 100) {
        end -= 2;
        memcpy(end, out_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, out_pairs + 2 * value, 2);
        return end;
    }
    *--end = (char)('0' + value);
    return end;
}

static char *digits_before_wide(char *end, engine_u128 value) {
    const uint64_t block = UINT64_C(1000000000000000000); /* 18 digits */
    while (value >> 64) {
        uint64_t low = (uint64_t)(value % block);
        char *first = digits_before(end, low);
        char *stop = end - 18;
        while (first > stop) *--first = '0';
        end = stop;
        value /= block;
    }
    return digits_before(end, (uint64_t)value);
}

static void out_digits(engine_out *out, const char *first, const char *end) {
    size_t len = (size_t)(end - first);
    memcpy(out->at, first, len);
    out->at += len;
}

void engine_out_u64(engine_out *out, uint64_t value) {
    char text[24], *end = text + sizeof text;
    engine_out_room(out, 32);
    out_digits(out, digits_before(end, value), end);
}

void engine_out_i64(engine_out *out, int64_t value) {
    engine_out_room(out, 32);
    if (value < 0) *out->at++ = '-';
    engine_out_u64(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void engine_out_u128(engine_out *out, engine_u128 value) {
    char text[48], *end = text + sizeof text;
    engine_out_room(out, 48);
    out_digits(out, digits_before_wide(end, value), end);
}

void engine_out_decimal(engine_out *out, engine_i128 value, unsigned scale) {
    char text[96], *end = text + sizeof text;
    engine_out_room(out, 96);
    engine_u128 magnitude = value < 0 ? 0 - (engine_u128)value : (engine_u128)value;
    if (value < 0) *out->at++ = '-';
    char *first = digits_before_wide(end, magnitude);
    while ((size_t)(end - first) <= scale) *--first = '0';
    out_digits(out, first, end - scale);
    if (scale == 0) return;
    *out->at++ = '.';
    out_digits(out, end - scale, end);
}

void engine_out_padded(engine_out *out, uint64_t value, unsigned digits) {
    char text[48], *end = text + sizeof text;
    engine_out_room(out, 48);
    char *first = digits_before(end, value);
    while ((size_t)(end - first) < digits) *--first = '0';
    out_digits(out, first, end);
}

static void out_point(engine_out *out, size_t len) { /* to_chars writes 1 for 1.0 */
    bool whole = true;
    for (size_t i = 0; i < len; i++)
        if (out->at[i] == '.' || out->at[i] == 'e') whole = false;
    out->at += len;
    if (!whole) return;
    *out->at++ = '.';
    *out->at++ = '0';
}

void engine_out_double(engine_out *out, double value) {
    engine_out_room(out, 48);
    out_point(out, lh_shim_double(value, out->at));
}

void engine_out_float(engine_out *out, float value) {
    engine_out_room(out, 48);
    out_point(out, lh_shim_float(value, out->at));
}

/* ---- strings ---- */
/* 0: as it is; else the letter behind '\', or 'u' for \u00xx. Bytes from 0x80 on are UTF-8 already (DuckDB checks). */
static char out_escape_of(unsigned char c) {
    if (c >= 0x20) return c == '"' || c == '\\' ? (char)c : 0;
    switch (c) {
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return 'u';
    }
}

static void out_json_slice(engine_out *out, const char *text, size_t len) {
    engine_out_room(out, len * 6);
    char *at = out->at;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape = c < 0x20 || c == '"' || c == '\\' ? out_escape_of(c) : 0;
        if (!escape) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '\\';
        *at++ = escape;
        if (escape != 'u') continue;
        static const char hex[] = "0123456789abcdef";
        *at++ = '0', *at++ = '0', *at++ = hex[c >> 4], *at++ = hex[c & 15];
    }
    out->at = at;
}

void engine_out_json_string(engine_out *out, lh_str text) {
    engine_out_char(out, '"');
    for (size_t from = 0; from < text.len; from += ENGINE_OUT_SLICE / 8) {
        lh_str part = lh_str_sub(text, from, ENGINE_OUT_SLICE / 8);
        out_json_slice(out, part.ptr, part.len);
    }
    engine_out_char(out, '"');
}

void engine_out_csv_string(engine_out *out, lh_str text) {
    bool plain = text.len > 0; /* the empty string is "", NULL is nothing */
    for (size_t i = 0; plain && i < text.len; i++) {
        char c = text.ptr[i];
        plain = c != ',' && c != '"' && c != '\n' && c != '\r';
    }
    if (plain) {
        engine_out_bytes(out, text);
        return;
    }
    engine_out_char(out, '"');
    while (text.len) {
        size_t quote = lh_str_find(text, '"');
        engine_out_bytes(out, lh_str_sub(text, 0, quote));
        if (quote >= text.len) break;
        engine_out_bytes(out, LH_STR("\"\""));
        text = lh_str_sub(text, quote + 1, SIZE_MAX);
    }
    engine_out_char(out, '"');
}

void engine_out_base64(engine_out *out, lh_str bytes) {
    enum { STEP = 48 }; /* whole groups of three, so that only the last has padding */
    for (; bytes.len; bytes = lh_str_sub(bytes, STEP, SIZE_MAX)) {
        engine_out_room(out, STEP / 3 * 4);
        out->at += lh_base64_encode(lh_str_sub(bytes, 0, STEP), out->at);
    }
}
