#include "base/base.h"

#include <ctype.h>
#include <stdio.h>
#include <sys/random.h>

void lh_random_bytes(void *into, size_t size_bytes) {
    for (char *at = into; size_bytes;) {
        ssize_t got = getrandom(at, size_bytes < 256 ? size_bytes : 256, 0);
        if (got <= 0) abort();
        at += got;
        size_bytes -= (size_t)got;
    }
}

uint64_t lh_random_below(uint64_t bound) {
    uint64_t value, limit = UINT64_MAX - UINT64_MAX % bound; /* refuse the tail that would bias */
    do lh_random_bytes(&value, sizeof value);
    while (value >= limit);
    return value % bound;
}

lh_uuid lh_uuid_new(void) {
    unsigned char b[16];
    lh_random_bytes(b, sizeof b);
    uint64_t ms = (uint64_t)lh_time_now_ms();
    for (int i = 0; i < 6; i++) b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0F));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3F));
    lh_uuid id;
    snprintf(id.text, sizeof id.text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    return id;
}

bool lh_uuid_is_valid(lh_str text) {
    if (text.len != 36) return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text.ptr[i] != '-' : !isxdigit((unsigned char)text.ptr[i])) return false;
    }
    return true;
}

uint64_t lh_random_seeded(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
