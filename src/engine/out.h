/* Bytes on their way out: a fixed buffer that empties itself into an lh_bytes_fn, and fast number texts. */
#ifndef LH_ENGINE_OUT_H
#define LH_ENGINE_OUT_H
#include "engine/engine.h"

__extension__ typedef __int128 engine_i128;
__extension__ typedef unsigned __int128 engine_u128;

enum { ENGINE_OUT_BYTES = 256 << 10, ENGINE_OUT_SLICE = 16 << 10 };

/* A failure is sticky: `code` and *err hold the first one, later bytes are dropped. */
typedef struct engine_out {
    char *memory, *at, *end; /* owned: memory */
    lh_bytes_fn write;
    void *ctx;
    uint64_t sent_bytes, max_bytes; /* max_bytes 0: no limit */
    lh_code code;
    lh_error *err;
} engine_out;

LH_MUST_CHECK lh_code engine_out_init(engine_out *out, lh_bytes_fn write, void *ctx, uint64_t max_bytes, lh_error *err);
void engine_out_done(engine_out *out);
void engine_out_flush(engine_out *out);
void engine_out_bytes(engine_out *out, lh_str bytes);

/* Makes room for size_bytes (at most ENGINE_OUT_SLICE) behind out->at. */
static inline void engine_out_room(engine_out *out, size_t size_bytes) {
    if ((size_t)(out->end - out->at) < size_bytes) engine_out_flush(out);
}
static inline void engine_out_char(engine_out *out, char c) {
    engine_out_room(out, 1);
    *out->at++ = c;
}
void engine_out_u64(engine_out *out, uint64_t value);
void engine_out_i64(engine_out *out, int64_t value);
void engine_out_u128(engine_out *out, engine_u128 value);
/* digits with `scale` of them behind the point: 1250, 2 → 12.50 */
void engine_out_decimal(engine_out *out, engine_i128 value, unsigned scale);
/* Shortest text that reads back as the same number, always with a point or exponent; finite only. */
void engine_out_double(engine_out *out, double value);
void engine_out_float(engine_out *out, float value);
void engine_out_padded(engine_out *out, uint64_t value, unsigned digits); /* leading zeros */
void engine_out_json_string(engine_out *out, lh_str text);                /* with its quotes */
void engine_out_csv_string(engine_out *out, lh_str text);                 /* quoted when it must be (RFC 4180) */
void engine_out_base64(engine_out *out, lh_str bytes);
#endif
