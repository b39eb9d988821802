/* A processor with AVX2 and FMA makes 6 rows × 16 columns of a product in 12 of its 16 registers; the other 4 hold two halves of a
 * row of weights and the numbers of the rows. So each of the weights comes from the cache once for 6 rows, and the two FMA units
 * have something to do in each cycle. Called only where ai_llama_open() has asked the processor. */
#include "ai/bert_internal.h"

#include <immintrin.h>
#include <math.h>

enum { ROWS = 6, DEPTH = 384 /* of a panel at a time: with the rows' part it fits the first cache */ };

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

/* x · Φ(x), by Abramowitz and Stegun 7.1.26: off by at most 1.5e-7 · |x| / 2. */
AVX2_INLINE __m256 gelu_of(__m256 x) {
    const __m256 sign = _mm256_set1_ps(-0.f), one = _mm256_set1_ps(1);
    __m256 z = _mm256_mul_ps(_mm256_andnot_ps(sign, x), _mm256_set1_ps(0.70710678f));
    __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(z, _mm256_set1_ps(.3275911f), one));
    __m256 sum = _mm256_set1_ps(1.061405429f);
    sum = _mm256_fmadd_ps(sum, t, _mm256_set1_ps(-1.453152027f));
    sum = _mm256_fmadd_ps(sum, t, _mm256_set1_ps(1.421413741f));
    sum = _mm256_fmadd_ps(sum, t, _mm256_set1_ps(-.284496736f));
    sum = _mm256_fmadd_ps(sum, t, _mm256_set1_ps(.254829592f));
    __m256 tail = _mm256_mul_ps(_mm256_mul_ps(sum, t), exp_negative(_mm256_xor_ps(_mm256_mul_ps(z, z), sign)));
    tail = _mm256_mul_ps(tail, _mm256_set1_ps(.5f)); /* Φ(-|x|) */
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

/* --- products --------------------------------------------------------------- */

/* c = start + a · b for one panel of b: `start` is a row for all (stride 0), or what c already holds. */
typedef struct strip {
    const float *a, *b, *start;
    float *c;
    size_t a_stride, b_stride, start_stride, c_stride, depth;
    bool gelu;
} strip;

AVX2_INLINE void strip_tile(const strip *of, size_t row, const size_t rows) {
    const float *a = of->a + row * of->a_stride, *b = of->b;
    __m256 left[ROWS], right[ROWS];
#pragma GCC unroll 6
    for (size_t i = 0; i < rows; i++) {
        const float *start = of->start + (row + i) * of->start_stride;
        __builtin_prefetch(start); /* waited for at the end, not here */
        left[i] = right[i] = _mm256_setzero_ps();
    }
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
        const float *start = of->start + (row + i) * of->start_stride;
        float *c = of->c + (row + i) * of->c_stride;
        left[i] = _mm256_add_ps(left[i], _mm256_loadu_ps(start));
        right[i] = _mm256_add_ps(right[i], _mm256_loadu_ps(start + 8));
        _mm256_storeu_ps(c, of->gelu ? gelu_of(left[i]) : left[i]);
        _mm256_storeu_ps(c + 8, of->gelu ? gelu_of(right[i]) : right[i]);
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

/* A part of a panel as floats: `room` holds them when the panel has halves. */
AVX2 static const float *panel_floats(const bert_matrix *matrix, size_t at, size_t depth, float *room) {
    if (matrix->floats) return matrix->floats + at;
    for (size_t i = 0; i < depth * BERT_PANEL; i += 8)
        _mm256_storeu_ps(room + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(matrix->halves + at + i))));
    return room;
}

void ai_bert_multiply(const float *a, size_t a_stride, size_t rows, const bert_matrix *matrix, bool gelu, float *c,
                      size_t c_stride) {
    float room[DEPTH * BERT_PANEL] __attribute__((aligned(64)));
    for (size_t from = 0; from < matrix->inputs; from += DEPTH) {
        size_t depth = matrix->inputs - from < DEPTH ? matrix->inputs - from : DEPTH;
        for (size_t column = 0; column < matrix->outputs; column += BERT_PANEL) {
            strip of = {.a = a + from,
                        .b = panel_floats(matrix, column * matrix->inputs + from * BERT_PANEL, depth, room),
                        .start = from ? c + column : matrix->bias + column,
                        .c = c + column,
                        .a_stride = a_stride,
                        .b_stride = BERT_PANEL,
                        .start_stride = from ? c_stride : 0,
                        .c_stride = c_stride,
                        .depth = depth,
                        .gelu = gelu && from + depth == matrix->inputs};
            strip_multiply(&of, rows);
        }
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
    static const float zeros[BERT_PANEL];
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
                        .start = zeros,
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
                        .start = zeros,
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
