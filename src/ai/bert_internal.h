/* What bert.c asks of bert_avx2.c: the numbers' part of BERT's forward pass. Private to the two and their test.
 * All matrices are rows of floats; a stride is the floats from one row to the next. */
#ifndef LH_AI_BERT_INTERNAL_H
#define LH_AI_BERT_INTERNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BERT_PANEL = 16,        /* columns that a kernel makes at once: each width is a multiple of it */
    BERT_QUERIES = 48,      /* rows of attention at a time */
    BERT_FORWARD_ROWS = 96, /* rows of the wide middle of a layer at a time: they stay in the cache */
    BERT_MOST = 8191        /* of a row's whole numbers, either sign */
};

/* Weights as whole numbers, and for each output what one of them is worth. `outputs` / BERT_PANEL panels, each of `inputs` / 2 rows of
 * BERT_PANEL pairs (the weights of two inputs for one output): in the order in which the kernel reads them. */
typedef struct bert_matrix {
    size_t inputs, outputs; /* multiples of BERT_PANEL */
    int16_t *numbers;
    float *units;
    const float *bias;
} bert_matrix;

/* Sets the weights of one output: as fine as they can be without a sum ever leaving 32 bits, whatever it is multiplied by. */
void ai_bert_set_output(bert_matrix *matrix, size_t output, const float *weights);

/* The `width` numbers of a row, a multiple of BERT_PANEL, as whole numbers of at most BERT_MOST. Returns what one of them is worth:
 * no number when one of the row is none. */
float ai_bert_narrow(const float *row, size_t width, int16_t *into);

/* c = a · matrix + bias, gelu of it when asked. a: rows by ai_bert_narrow() without anything between, and their units. */
void ai_bert_multiply(const int16_t *a, const float *units, size_t rows, const bert_matrix *matrix, bool gelu, float *c,
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
