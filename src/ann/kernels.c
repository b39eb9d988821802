/* Dot products in plain C, for processors without AVX2 and as what the tests hold the others to; and the choice among them.
 * n is a multiple of ANN_LANES everywhere. */
#include "ann/ann_internal.h"

static int32_t portable_dot_i8(const int8_t *a, const int8_t *b, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += (int32_t)a[i] * b[i];
    return sum;
}

static int32_t portable_dot_i8_i16(const int8_t *a, const int16_t *b, size_t n) {
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += (int32_t)a[i] * b[i];
    return sum;
}

static float portable_dot_f32(const float *a, const float *b, size_t n) {
    float sums[8] = {0};
    for (size_t i = 0; i < n; i += 8)
        for (size_t j = 0; j < 8; j++) sums[j] += a[i + j] * b[i + j];
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

static float half_to_float(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023, bits;
    if (exponent == 0) { /* zero, or a multiple of 2^-24 */
        float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = sign | (exponent == 31 ? 0x7f800000 : (exponent + 112) << 23) | fraction << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Rounds to nearest, ties to even, as the processors do; what is too large becomes infinite. */
static uint16_t half_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7fffffff;
    if (bits >= 0x477ff000) return sign | 0x7c00;
    if (bits < 0x38800000) { /* below 2^-14: adding 0.5 lets the addition round to multiples of 2^-24 */
        float shifted = 0.0f;
        memcpy(&shifted, &bits, sizeof shifted);
        shifted += 0.5f;
        memcpy(&bits, &shifted, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | ((bits - 0x38000000) >> 13));
}

static float portable_dot_f16_f32(const uint16_t *a, const float *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += half_to_float(a[i]) * b[i];
    return sum;
}

static float portable_dot_f16(const uint16_t *a, const uint16_t *b, size_t n) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += half_to_float(a[i]) * half_to_float(b[i]);
    return sum;
}

static double portable_exact_dot(const float *a, const float *b, size_t n) {
    double sums[4] = {0};
    for (size_t i = 0; i < n; i += 4)
        for (size_t j = 0; j < 4; j++) sums[j] += (double)a[i + j] * b[i + j];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static double portable_exact_l2(const float *a, const float *b, size_t n) {
    double sums[4] = {0};
    for (size_t i = 0; i < n; i += 4)
        for (size_t j = 0; j < 4; j++) {
            double difference = (double)a[i + j] - b[i + j];
            sums[j] += difference * difference;
        }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void portable_scan(const int8_t *rows, size_t count, const int16_t *query, size_t n, int32_t *dots) {
    for (size_t i = 0; i < count; i++) dots[i] = portable_dot_i8_i16(rows + i * n, query, n);
}

static void portable_scan4(const int8_t *rows, size_t count, const int16_t *queries, size_t n, int32_t *dots) {
    for (size_t i = 0; i < count * 4; i++) dots[i] = portable_dot_i8_i16(rows + i / 4 * n, queries + i % 4 * n, n);
}

static void portable_to_f16(const float *from, float factor, uint16_t *to, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = half_of_float(from[i] * factor);
}

const ann_kernels *ann_kernels_portable(void) {
    static const ann_kernels kernels = {
        "portable",           portable_dot_i8,  portable_dot_i8_i16, portable_dot_f32,
        portable_dot_f16_f32, portable_dot_f16, portable_exact_dot,  portable_exact_l2,
        portable_scan,        portable_scan4,   portable_to_f16,
    };
    return &kernels;
}

const ann_kernels *ann_kernels_of_cpu(void) {
    const ann_kernels *kernels = ann_kernels_vnni();
    if (!kernels) kernels = ann_kernels_avx2();
    return kernels ? kernels : ann_kernels_portable();
}
