/* Many queries at once with AVX-512 VNNI: a product and its sum are one instruction, and 32 registers hold the sums of four rows and four
 * queries. The processor is asked by kernels_avx2.c, whose table has this one in place of its own. */
#include "ann/ann_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

VNNI static inline __m256i half_i32(__m512i x) {
    return _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
}

/* The sums of four, behind each other. */
VNNI static inline __m128i sums_i32(const __m512i *x) {
    __m256i sum = _mm256_hadd_epi32(_mm256_hadd_epi32(half_i32(x[0]), half_i32(x[1])),
                                    _mm256_hadd_epi32(half_i32(x[2]), half_i32(x[3])));
    return _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
}

/* 32 components of a row and of four queries. Written out: of loops of four within four gcc 12 makes loops, with the sums in memory. */
VNNI static inline void sums_add(__m512i *sums, const int8_t *from, const __m512i *queries) {
    __m512i codes = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i_u *)(const void *)from));
    sums[0] = _mm512_dpwssd_epi32(sums[0], codes, queries[0]);
    sums[1] = _mm512_dpwssd_epi32(sums[1], codes, queries[1]);
    sums[2] = _mm512_dpwssd_epi32(sums[2], codes, queries[2]);
    sums[3] = _mm512_dpwssd_epi32(sums[3], codes, queries[3]);
}

/* `next`: components from a row to the one behind it; 0: all four are the same one. */
VNNI static inline void sums_of_four(const int8_t *rows, size_t next, const int16_t *queries, size_t n, int32_t *dots,
                                     size_t count) {
    const __m512i zero = _mm512_setzero_si512();
    __m512i a[4] = {zero, zero, zero, zero}, b[4] = {zero, zero, zero, zero}, c[4] = {zero, zero, zero, zero},
            d[4] = {zero, zero, zero, zero};
    for (size_t i = 0; i < n; i += 32) {
        const __m512i query[4] = {_mm512_loadu_si512(queries + i), _mm512_loadu_si512(queries + n + i),
                                  _mm512_loadu_si512(queries + 2 * n + i), _mm512_loadu_si512(queries + 3 * n + i)};
        sums_add(a, rows + i, query);
        sums_add(b, rows + next + i, query);
        sums_add(c, rows + 2 * next + i, query);
        sums_add(d, rows + 3 * next + i, query);
    }
    _mm_storeu_si128((__m128i_u *)(void *)dots, sums_i32(a));
    if (count == 1) return;
    _mm_storeu_si128((__m128i_u *)(void *)(dots + 4), sums_i32(b));
    _mm_storeu_si128((__m128i_u *)(void *)(dots + 8), sums_i32(c));
    _mm_storeu_si128((__m128i_u *)(void *)(dots + 12), sums_i32(d));
}

VNNI void ann_vnni_scan4(const int8_t *rows, size_t count, const int16_t *queries, size_t n, int32_t *dots) {
    size_t row = 0;
    for (; row + 4 <= count; row += 4) sums_of_four(rows + row * n, n, queries, n, dots + 4 * row, 4);
    for (; row < count; row++) sums_of_four(rows + row * n, 0, queries, n, dots + 4 * row, 1);
}
#endif
