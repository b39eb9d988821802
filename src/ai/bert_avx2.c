/* A processor with AVX2 and FMA makes 6 rows × 16 columns of a product in 12 of its 16 registers; the other 4 hold two halves of a
 * row of weights and the numbers of the rows. So each of the weights comes from the cache once for 6 rows.
 * Products with weights are of whole numbers of 16 bits, summed in 32: vpmaddwd does twice as many of them in a cycle as an FMA of
 * floats. A row and an output have a unit each, which the sum is multiplied by. No sum overflows, whatever the rows hold: a row's
 * numbers are at most BERT_MOST, and an output's are made so small that their absolute sum times BERT_MOST is below 2^31.
 * Attention is of floats. Called only where ai_llama_open() has asked the processor. */
#include "ai/bert_internal.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

enum { ROWS = 6 };

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

/* e^x for x ≤ 0, within 2 of the last bits; below -87 nearly 0. By 2^n · e^r, |r| ≤ ln 2 / 2, and a polynomial for e^r. */
AVX2_INLINE __m256 exp_negative(__m256 x) {
    x = _mm256_max_ps(x, _mm256_set1_ps(-87));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 sum = _mm256_set1_ps(1.f / 720);
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.f / 120));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.f / 24));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1.f / 6));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(.5f));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1));
    sum = _mm256_fmadd_ps(sum, r, _mm256_set1_ps(1));
    __m256i power = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), power));
}

/* x · Φ(x), by Abramowitz and Stegun 7.1.28 with the root of 2 in the factors: off by at most 1e-6 · |x|. */
AVX2_INLINE __m256 gelu_of(__m256 x) {
    const __m256 one = _mm256_set1_ps(1);
    __m256 z = _mm256_andnot_ps(_mm256_set1_ps(-0.f), x);
    __m256 sum = _mm256_set1_ps(5.3829750e-6f);
    sum = _mm256_fmadd_ps(sum, z, _mm256_set1_ps(4.8890636e-5f));
    sum = _mm256_fmadd_ps(sum, z, _mm256_set1_ps(3.8003575e-5f));
    sum = _mm256_fmadd_ps(sum, z, _mm256_set1_ps(3.2776263e-3f));
    sum = _mm256_fmadd_ps(sum, z, _mm256_set1_ps(2.1141006e-2f));
    sum = _mm256_fmadd_ps(sum, z, _mm256_set1_ps(4.9867347e-2f));
    sum = _mm256_fmadd_ps(sum, z, one);
    for (int i = 0; i < 4; i++) sum = _mm256_mul_ps(sum, sum);
    __m256 tail = _mm256_div_ps(_mm256_set1_ps(.5f), sum); /* Φ(-|x|) */
    return _mm256_mul_ps(x, _mm256_blendv_ps(_mm256_sub_ps(one, tail), tail, x)); /* blendv looks at the sign of x */
}

AVX2_INLINE float sum_of(__m256 x) {
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

AVX2_INLINE float most_of(__m256 x) {
    __m128 most = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    most = _mm_max_ps(most, _mm_movehl_ps(most, most));
    return _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
}

/* --- products with weights -------------------------------------------------- */

void ai_bert_set_output(bert_matrix *matrix, size_t output, const float *weights) {
    double most = 1e-30, sum = 1e-30; /* not 0 */
    for (size_t i = 0; i < matrix->inputs; i++) {
        double size = fabs((double)weights[i]);
        most = size > most ? size : most;
        sum += size;
    }
    /* Rounding adds at most a half to each, and the numbers are of 16 bits. */
    double in_a_sum = (double)(INT32_MAX / BERT_MOST) - (double)matrix->inputs / 2;
    double scale = fmin(in_a_sum / sum, INT16_MAX / most);
    int16_t *at = matrix->numbers + output / BERT_PANEL * BERT_PANEL * matrix->inputs + output % BERT_PANEL * 2;
    for (size_t i = 0; i < matrix->inputs; i += 2, at += 2 * BERT_PANEL)
        for (size_t k = 0; k < 2; k++) at[k] = (int16_t)lrint((double)weights[i + k] * scale);
    matrix->units[output] = (float)(1 / scale);
}

AVX2 float ai_bert_narrow(const float *row, size_t width, int16_t *into) {
    /* Compared by their bits, so that what is no number is above all that are. */
    const __m256i no_sign = _mm256_set1_epi32(INT32_MAX);
    __m256i bits = _mm256_castps_si256(_mm256_set1_ps(1e-30f)); /* not 0 */
    for (size_t i = 0; i < width; i += 8)
        bits = _mm256_max_epi32(bits, _mm256_and_si256(no_sign, _mm256_castps_si256(_mm256_loadu_ps(row + i))));
    __m128i most_bits = _mm_max_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    most_bits = _mm_max_epi32(most_bits, _mm_shuffle_epi32(most_bits, 0x4e));
    most_bits = _mm_max_epi32(most_bits, _mm_shuffle_epi32(most_bits, 0xb1));
    float most = _mm_cvtss_f32(_mm_castsi128_ps(most_bits));
    __m256 scale = _mm256_set1_ps((float)BERT_MOST / most);
    for (size_t i = 0; i < width; i += BERT_PANEL) {
        __m256i low = _mm256_cvtps_epi32(_mm256_mul_ps(scale, _mm256_loadu_ps(row + i)));
        __m256i high = _mm256_cvtps_epi32(_mm256_mul_ps(scale, _mm256_loadu_ps(row + i + 8)));
        __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
        _mm256_storeu_si256((__m256i_u *)(into + i), both);
    }
    return most / (float)BERT_MOST;
}

/* One panel with some rows: where each is taken from and put. */
typedef struct block {
    const int16_t *a, *b;
    const float *a_units, *b_units, *bias;
    float *c;
    size_t depth, c_stride;
    bool gelu;
} block;

AVX2_INLINE void block_store(const block *of, size_t row, size_t column, __m256i sum) {
    __m256 unit = _mm256_mul_ps(_mm256_set1_ps(of->a_units[row]), _mm256_loadu_ps(of->b_units + column));
    __m256 x = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), unit, _mm256_loadu_ps(of->bias + column));
    _mm256_storeu_ps(of->c + row * of->c_stride + column, of->gelu ? gelu_of(x) : x);
}

AVX2_INLINE void block_tile(const block *of, size_t row, const size_t rows) {
    const int16_t *a = of->a + row * of->depth, *b = of->b;
    __m256i left[ROWS], right[ROWS];
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) left[i] = right[i] = _mm256_setzero_si256();
    for (size_t k = of->depth; k > 0; k -= 2, a += 2, b += 2 * BERT_PANEL) {
        __m256i low = _mm256_load_si256((const __m256i *)b), high = _mm256_load_si256((const __m256i *)b + 1);
#pragma GCC unroll 6
        for (size_t i = 0; i < rows; i++) {
            int32_t pair;
            memcpy(&pair, a + i * of->depth, sizeof pair);
            __m256i x = _mm256_set1_epi32(pair);
            left[i] = _mm256_add_epi32(left[i], _mm256_madd_epi16(x, low));
            right[i] = _mm256_add_epi32(right[i], _mm256_madd_epi16(x, high));
            /* One row after another: gcc would multiply for all of them first, and has no registers for that. */
            __asm__("" : "+x"(left[i]), "+x"(right[i]), "+r"(a));
        }
    }
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) {
        block_store(of, row + i, 0, left[i]);
        block_store(of, row + i, 8, right[i]);
    }
}

AVX2 static void block_multiply(const block *of, size_t rows) {
    size_t row = 0;
    for (; row + ROWS <= rows; row += ROWS) block_tile(of, row, ROWS);
    switch (rows - row) {
    case 5: block_tile(of, row, 5); break;
    case 4: block_tile(of, row, 4); break;
    case 3: block_tile(of, row, 3); break;
    case 2: block_tile(of, row, 2); break;
    case 1: block_tile(of, row, 1); break;
    default: break;
    }
}

void ai_bert_multiply(const int16_t *a, const float *units, size_t rows, const bert_matrix *matrix, bool gelu, float *c,
                      size_t c_stride) {
    for (size_t column = 0; column < matrix->outputs; column += BERT_PANEL) {
        block of = {.a = a,
                    .b = matrix->numbers + column * matrix->inputs,
                    .a_units = units,
                    .b_units = matrix->units + column,
                    .bias = matrix->bias + column,
                    .c = c + column,
                    .depth = matrix->inputs,
                    .c_stride = c_stride,
                    .gelu = gelu};
        block_multiply(&of, rows);
    }
}

/* --- products of floats, for attention -------------------------------------- */

/* c = a · b, BERT_PANEL columns of b. */
typedef struct strip {
    const float *a, *b;
    float *c;
    size_t a_stride, b_stride, c_stride, depth;
} strip;

AVX2_INLINE void strip_tile(const strip *of, size_t row, const size_t rows) {
    const float *a = of->a + row * of->a_stride, *b = of->b;
    __m256 left[ROWS], right[ROWS];
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) left[i] = right[i] = _mm256_setzero_ps();
    for (size_t k = of->depth; k > 0; k--, a++, b += of->b_stride) {
        __m256 low = _mm256_loadu_ps(b), high = _mm256_loadu_ps(b + 8);
#pragma GCC unroll 6
        for (size_t i = 0; i < rows; i++) {
            __m256 x = _mm256_broadcast_ss(a + i * of->a_stride);
            left[i] = _mm256_fmadd_ps(x, low, left[i]);
            right[i] = _mm256_fmadd_ps(x, high, right[i]);
        }
    }
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) {
        float *c = of->c + (row + i) * of->c_stride;
        _mm256_storeu_ps(c, left[i]);
        _mm256_storeu_ps(c + 8, right[i]);
    }
}

AVX2 static void strip_multiply(const strip *of, size_t rows) {
    size_t row = 0;
    for (; row + ROWS <= rows; row += ROWS) strip_tile(of, row, ROWS);
    switch (rows - row) {
    case 5: strip_tile(of, row, 5); break;
    case 4: strip_tile(of, row, 4); break;
    case 3: strip_tile(of, row, 3); break;
    case 2: strip_tile(of, row, 2); break;
    case 1: strip_tile(of, row, 1); break;
    default: break;
    }
}

/* --- attention -------------------------------------------------------------- */

static size_t attend_columns(size_t tokens) { return (tokens + BERT_PANEL - 1) / BERT_PANEL * BERT_PANEL; }

size_t ai_bert_attend_room(size_t tokens, size_t width) { return attend_columns(tokens) * (width + BERT_QUERIES); }

/* The first `count` of a row of `columns` become shares that sum to 1, the others 0. */
AVX2 static void attend_softmax(float *row, size_t count, size_t columns, float scale) {
    for (size_t i = count; i < columns; i++) row[i] = -INFINITY;
    __m256 most = _mm256_set1_ps(-INFINITY), sum = _mm256_setzero_ps();
    for (size_t i = 0; i < columns; i += 8) most = _mm256_max_ps(most, _mm256_loadu_ps(row + i));
    most = _mm256_set1_ps(most_of(most));
    for (size_t i = 0; i < columns; i += 8) {
        __m256 x = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(row + i), most), _mm256_set1_ps(scale));
        x = exp_negative(x);
        sum = _mm256_add_ps(sum, x);
        _mm256_storeu_ps(row + i, x);
    }
    __m256 share = _mm256_set1_ps(1 / sum_of(sum));
    for (size_t i = 0; i < columns; i += 8) _mm256_storeu_ps(row + i, _mm256_mul_ps(_mm256_loadu_ps(row + i), share));
}

void ai_bert_attend(const bert_head *head, float *room, float *into, size_t into_stride) {
    size_t columns = attend_columns(head->tokens);
    float *panels = room, *scores = room + columns * head->width;
    for (size_t token = 0; token < columns; token++) {
        float *panel = panels + token / BERT_PANEL * BERT_PANEL * head->width + token % BERT_PANEL;
        const float *key = head->keys + token * head->stride;
        for (size_t i = 0; i < head->width; i++) panel[i * BERT_PANEL] = token < head->tokens ? key[i] : 0;
    }
    for (size_t from = 0; from < head->tokens; from += BERT_QUERIES) {
        size_t rows = head->tokens - from < BERT_QUERIES ? head->tokens - from : BERT_QUERIES;
        for (size_t column = 0; column < columns; column += BERT_PANEL) {
            strip of = {.a = head->queries + from * head->stride,
                        .b = panels + column * head->width,
                        .c = scores + column,
                        .a_stride = head->stride,
                        .b_stride = BERT_PANEL,
                        .c_stride = columns,
                        .depth = head->width};
            strip_multiply(&of, rows);
        }
        for (size_t row = 0; row < rows; row++)
            attend_softmax(scores + row * columns, head->tokens, columns, 1 / sqrtf((float)head->width));
        for (size_t column = 0; column < head->width; column += BERT_PANEL) {
            strip of = {.a = scores,
                        .b = head->values + column,
                        .c = into + from * into_stride + column,
                        .a_stride = columns,
                        .b_stride = head->stride,
                        .c_stride = into_stride,
                        .depth = head->tokens};
            strip_multiply(&of, rows);
        }
    }
}

/* --- the rest --------------------------------------------------------------- */

AVX2 void ai_bert_norm(float *x, const float *y, const float *weight, const float *bias, size_t width, float epsilon) {
    __m256 sum = _mm256_setzero_ps(), squares = sum;
    for (size_t i = 0; i < width; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i);
        if (y) v = _mm256_add_ps(v, _mm256_loadu_ps(y + i));
        _mm256_storeu_ps(x + i, v);
        sum = _mm256_add_ps(sum, v);
    }
    __m256 mean = _mm256_set1_ps(sum_of(sum) / (float)width);
    for (size_t i = 0; i < width; i += 8) {
        __m256 v = _mm256_sub_ps(_mm256_loadu_ps(x + i), mean);
        squares = _mm256_fmadd_ps(v, v, squares);
    }
    __m256 scale = _mm256_set1_ps(1 / sqrtf(sum_of(squares) / (float)width + epsilon));
    for (size_t i = 0; i < width; i += 8) {
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), mean), scale);
        _mm256_storeu_ps(x + i, _mm256_fmadd_ps(v, _mm256_loadu_ps(weight + i), _mm256_loadu_ps(bias + i)));
    }
}
