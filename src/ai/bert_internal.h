/* What bert.c asks of bert_avx2.c: the numbers' part of BERT's forward pass. Private to the two and their test.
 * All matrices are rows of floats; a stride is the floats from one row to the next. */
#ifndef LH_AI_BERT_INTERNAL_H
#define LH_AI_BERT_INTERNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BERT_PANEL = 16,       /* columns that a kernel makes at once: each width is a multiple of it */
    BERT_QUERIES = 48,     /* rows of attention at a time */
    BERT_FORWARD_ROWS = 192 /* rows of the wide middle of a layer at a time: they stay in the cache */
};

/* `outputs` / BERT_PANEL panels, each `inputs` rows of BERT_PANEL weights: in the order in which the kernel reads them. They are as the
 * file has them, halves or floats; the other is NULL. */
typedef struct bert_matrix {
    size_t inputs, outputs;
    uint16_t *halves;
    float *floats;
    const float *bias;
} bert_matrix;

/* c = a · matrix + bias, gelu of it when asked. c must not be a. */
void ai_bert_multiply(const float *a, size_t a_stride, size_t rows, const bert_matrix *matrix, bool gelu, float *c,
                      size_t c_stride);

/* Attention of one head over the `tokens` of one text: queries, keys and values are `width` columns each of rows with `stride`.
 * room: ai_bert_attend_room() floats. */
typedef struct bert_head {
    const float *queries, *keys, *values;
    size_t stride, tokens, width;
} bert_head;
size_t ai_bert_attend_room(size_t tokens, size_t width);
void ai_bert_attend(const bert_head *head, float *room, float *into, size_t into_stride);

/* x = norm(x + y), one row of `width`; y may be NULL. */
void ai_bert_norm(float *x, const float *y, const float *weight, const float *bias, size_t width, float epsilon);
#endif
