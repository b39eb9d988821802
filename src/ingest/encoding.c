/* Is text that is not UTF-8 windows-1252, the encoding of old Windows programs (latin-1 is a part of it)? Nothing in the
 * bytes says so; what speaks for it is that the bytes beyond ASCII are accented letters inside words, or signs such as
 * quotes and dashes, each by itself. Against it: pairs that are UTF-8 (a UTF-8 file with a broken place), several in a row
 * (another alphabet), and bytes that it lacks. */
#include "ingest/ingest_internal.h"

static bool encoding_is_ascii_letter(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool encoding_is_letter(unsigned char c) { /* of windows-1252, beyond ASCII */
    return (c >= 0xC0 && c != 0xD7 && c != 0xF7) || memchr("\x8A\x8C\x8E\x9A\x9C\x9E\x9F", c, 7);
}

static bool encoding_is_sign(unsigned char c) {
    static const char signs[] = "\x80\x85\x91\x92\x93\x94\x95\x96\x97\x99\xA0\xA3\xA7\xA9\xAB\xAE\xB0\xB1\xB2\xB3\xB4"
                                "\xB5\xB7\xBA\xBB\xBC\xBD\xBE\xBF";
    return memchr(signs, c, sizeof signs - 1);
}

static void encoding_count(ingest_encoding *e, unsigned char before, unsigned char c, unsigned char after) {
    if (c < 0x80) return;
    bool lead = c >= 0xC2 && c <= 0xF4 && after >= 0x80 && after <= 0xBF; /* as UTF-8 has them */
    bool in_word = encoding_is_ascii_letter(before) || encoding_is_ascii_letter(after);
    bool alone = before < 0x80 && after < 0x80;
    bool word = (c | 0x20) == 0xE0; /* à, which is one */
    bool likely = !lead && ((encoding_is_letter(c) && (in_word || (alone && word))) || (encoding_is_sign(c) && alone));
    e->beyond_ascii++;
    e->likely += likely;
    e->impossible |= memchr("\x81\x8D\x8F\x90\x9D", c, 5) != NULL;
}

void ingest_encoding_add(ingest_encoding *e, lh_str bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        encoding_count(e, e->last[0], e->last[1], c);
        e->last[0] = e->last[1];
        e->last[1] = c;
    }
}

bool ingest_encoding_is_windows_1252(ingest_encoding *e) {
    ingest_encoding_add(e, LH_STR("\n")); /* what comes behind the last byte */
    return !e->impossible && e->beyond_ascii && e->likely >= e->beyond_ascii - e->beyond_ascii / 4;
}
