/* The same with AVX2, FMA and F16C: every x86 server since 2015. Codes are -127 … 127, never -128. */
#include "ann/ann_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,fma,f16c")))

AVX2 static inline __m256i load_256(const void *from) { return _mm256_loadu_si256((const __m256i_u *)from); }
AVX2 static inline __m256i load_i8_as_i16(const int8_t *from) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)(const void *)from));
}
AVX2 static inline __m256 load_f16(const uint16_t *from) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(const void *)from));
}

AVX2 static inline int32_t sum_i32(__m256i x) {
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
    return _mm_cvtsi128_si32(sum);
}

AVX2 static inline float sum_f32(__m256 x) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    sum = _mm_add_ss(sum, _mm_movehdup_ps(sum));
    return _mm_cvtss_f32(sum);
}

AVX2 static inline double sum_f64(__m256d x) {
    __m128d sum = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
    return _mm_cvtsd_f64(_mm_add_sd(sum, _mm_unpackhi_pd(sum, sum)));
}

/* |a| × (b with a's sign): pairs of products fit 16 bits, as 2 × 127² < 2^15. */
AVX2 static inline __m256i products_i8(__m256i a, __m256i b) {
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(b, a));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

AVX2 static int32_t avx2_dot_i8(const int8_t *a, const int8_t *b, size_t n) {
    __m256i even = _mm256_setzero_si256(), odd = even;
    for (size_t i = 0; i < n; i += 64) {
        even = _mm256_add_epi32(even, products_i8(load_256(a + i), load_256(b + i)));
        odd = _mm256_add_epi32(odd, products_i8(load_256(a + i + 32), load_256(b + i + 32)));
    }
    return sum_i32(_mm256_add_epi32(even, odd));
}

AVX2 static inline int32_t dot_i8_i16(const int8_t *a, const int16_t *b, size_t n) {
    __m256i even = _mm256_setzero_si256(), odd = even;
    for (size_t i = 0; i < n; i += 32) {
        even = _mm256_add_epi32(even, _mm256_madd_epi16(load_i8_as_i16(a + i), load_256(b + i)));
        odd = _mm256_add_epi32(odd, _mm256_madd_epi16(load_i8_as_i16(a + i + 16), load_256(b + i + 16)));
    }
    return sum_i32(_mm256_add_epi32(even, odd));
}

AVX2 static int32_t avx2_dot_i8_i16(const int8_t *a, const int16_t *b, size_t n) { return dot_i8_i16(a, b, n); }

/* Rows come from memory faster when asked for four rows ahead (beyond the last row nothing is read). */
AVX2 static void avx2_scan(const int8_t *rows, size_t count, const int16_t *query, size_t n, int32_t *dots) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < n; j += 64) __builtin_prefetch(rows + (i + 4) * n + j);
        dots[i] = dot_i8_i16(rows + i * n, query, n);
    }
}

/* The sums of four, behind each other. */
AVX2 static inline __m128i sums_i32(const __m256i *x) {
    __m256i sum = _mm256_hadd_epi32(_mm256_hadd_epi32(x[0], x[1]), _mm256_hadd_epi32(x[2], x[3]));
    return _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
}

/* 16 components of a row and of four queries. */
AVX2 static inline void sums_add(__m256i *sums, const int8_t *from, const __m256i *queries) {
    __m256i codes = load_i8_as_i16(from);
    sums[0] = _mm256_add_epi32(sums[0], _mm256_madd_epi16(codes, queries[0]));
    sums[1] = _mm256_add_epi32(sums[1], _mm256_madd_epi16(codes, queries[1]));
    sums[2] = _mm256_add_epi32(sums[2], _mm256_madd_epi16(codes, queries[2]));
    sums[3] = _mm256_add_epi32(sums[3], _mm256_madd_epi16(codes, queries[3]));
}

/* The queries' codes come from the cache once for two rows, the rows' once for four queries. */
AVX2 static void avx2_scan4(const int8_t *rows, size_t count, const int16_t *queries, size_t n, int32_t *dots) {
    const __m256i zero = _mm256_setzero_si256();
    for (size_t row = 0; row < count; row += 2) {
        const int8_t *first = rows + row * n, *second = row + 1 < count ? first + n : first;
        __m256i a[4] = {zero, zero, zero, zero}, b[4] = {zero, zero, zero, zero};
        for (size_t i = 0; i < n; i += 16) {
            const __m256i query[4] = {load_256(queries + i), load_256(queries + n + i), load_256(queries + 2 * n + i),
                                      load_256(queries + 3 * n + i)};
            sums_add(a, first + i, query);
            sums_add(b, second + i, query);
        }
        _mm_storeu_si128((__m128i_u *)(void *)(dots + 4 * row), sums_i32(a));
        if (second != first) _mm_storeu_si128((__m128i_u *)(void *)(dots + 4 * (row + 1)), sums_i32(b));
    }
}

AVX2 static float avx2_dot_f32(const float *a, const float *b, size_t n) {
    __m256 sums[4];
    for (size_t j = 0; j < 4; j++) sums[j] = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 32)
        for (size_t j = 0; j < 4; j++)
            sums[j] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8 * j), _mm256_loadu_ps(b + i + 8 * j), sums[j]);
    return sum_f32(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
}

AVX2 static float avx2_dot_f16_f32(const uint16_t *a, const float *b, size_t n) {
    __m256 sums[4];
    for (size_t j = 0; j < 4; j++) sums[j] = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 32)
        for (size_t j = 0; j < 4; j++)
            sums[j] = _mm256_fmadd_ps(load_f16(a + i + 8 * j), _mm256_loadu_ps(b + i + 8 * j), sums[j]);
    return sum_f32(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
}

AVX2 static float avx2_dot_f16(const uint16_t *a, const uint16_t *b, size_t n) {
    __m256 sums[4];
    for (size_t j = 0; j < 4; j++) sums[j] = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 32)
        for (size_t j = 0; j < 4; j++)
            sums[j] = _mm256_fmadd_ps(load_f16(a + i + 8 * j), load_f16(b + i + 8 * j), sums[j]);
    return sum_f32(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3])));
}

AVX2 static double avx2_exact_dot(const float *a, const float *b, size_t n) {
    __m256d sums[4];
    for (size_t j = 0; j < 4; j++) sums[j] = _mm256_setzero_pd();
    for (size_t i = 0; i < n; i += 16)
        for (size_t j = 0; j < 4; j++)
            sums[j] = _mm256_fmadd_pd(_mm256_cvtps_pd(_mm_loadu_ps(a + i + 4 * j)),
                                      _mm256_cvtps_pd(_mm_loadu_ps(b + i + 4 * j)), sums[j]);
    return sum_f64(_mm256_add_pd(_mm256_add_pd(sums[0], sums[1]), _mm256_add_pd(sums[2], sums[3])));
}

AVX2 static double avx2_exact_l2(const float *a, const float *b, size_t n) {
    __m256d sums[4];
    for (size_t j = 0; j < 4; j++) sums[j] = _mm256_setzero_pd();
    for (size_t i = 0; i < n; i += 16)
        for (size_t j = 0; j < 4; j++) {
            __m256d x = _mm256_cvtps_pd(_mm_loadu_ps(a + i + 4 * j)), y = _mm256_cvtps_pd(_mm_loadu_ps(b + i + 4 * j));
            __m256d difference = _mm256_sub_pd(x, y);
            sums[j] = _mm256_fmadd_pd(difference, difference, sums[j]);
        }
    return sum_f64(_mm256_add_pd(_mm256_add_pd(sums[0], sums[1]), _mm256_add_pd(sums[2], sums[3])));
}

AVX2 static void avx2_to_f16(const float *from, float factor, uint16_t *to, size_t n) {
    for (size_t i = 0; i < n; i += 8) {
        __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(from + i), _mm256_set1_ps(factor));
        _mm_storeu_si128((__m128i_u *)(void *)(to + i), _mm256_cvtps_ph(scaled, _MM_FROUND_TO_NEAREST_INT));
    }
}

#define AVX2_KERNELS(name, scan4)                                                                                      \
    {                                                                                                                  \
        name,           avx2_dot_i8,   avx2_dot_i8_i16, avx2_dot_f32, avx2_dot_f16_f32, avx2_dot_f16,                  \
        avx2_exact_dot, avx2_exact_l2, avx2_scan,       scan4,        avx2_to_f16,                                     \
    }

const ann_kernels *ann_kernels_avx2(void) {
    static const ann_kernels kernels = AVX2_KERNELS("avx2", avx2_scan4);
    bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    return has ? &kernels : NULL;
}

const ann_kernels *ann_kernels_vnni(void) {
    static const ann_kernels kernels = AVX2_KERNELS("avx512vnni", ann_vnni_scan4);
    bool has = ann_kernels_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    return has ? &kernels : NULL;
}
#else
const ann_kernels *ann_kernels_avx2(void) { return NULL; }
const ann_kernels *ann_kernels_vnni(void) { return NULL; }
#endif
