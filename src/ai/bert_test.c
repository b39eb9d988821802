#include "ai/bert.h"

#include "base/test.h"

#include <ggml.h>
#include <gguf.h>
#include <math.h>
#include <stdio.h>

#include "ai/bert_internal.h"

static uint32_t random_state = 1;
static float random_float(void) { /* -1 to 1 */
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / (float)(1 << 23) - 1;
}
static float *random_floats(size_t count, float scale) {
    float *floats = calloc(count + 1, sizeof *floats);
    assert_non_null(floats);
    for (size_t i = 0; i < count; i++) floats[i] = scale * random_float();
    return floats;
}
static double gelu(double x) { return x * .5 * (1 + erf(x / sqrt(2))); }

/* --- kernels ---------------------------------------------------------------- */

/* A matrix whose weights are given one output after another. */
static bert_matrix matrix_of(const float *weights, size_t inputs, size_t outputs, const float *bias) {
    int16_t *numbers = aligned_alloc(64, inputs * outputs * sizeof *numbers);
    float *units = calloc(outputs, sizeof *units);
    assert_true(numbers && units);
    bert_matrix matrix = {inputs, outputs, numbers, units, bias};
    for (size_t output = 0; output < outputs; output++) ai_bert_set_output(&matrix, output, weights + output * inputs);
    return matrix;
}
static int64_t number_of(const bert_matrix *matrix, size_t output, size_t input) {
    size_t panel = output / BERT_PANEL * BERT_PANEL * matrix->inputs;
    return matrix->numbers[panel + input / 2 * 2 * BERT_PANEL + output % BERT_PANEL * 2 + input % 2];
}

/* The numbers of each output, and of each row, are what was given, to half a unit; sums are exact. */
static void check_product(const float *a, size_t rows, size_t inputs, size_t outputs, const float *weights, bool with_gelu) {
    size_t stride = outputs + 5;
    float *bias = random_floats(outputs, 3), *c = random_floats(rows * stride, 1), *units = random_floats(rows, 1);
    int16_t *narrow = calloc(rows * inputs, sizeof *narrow);
    bert_matrix matrix = matrix_of(weights, inputs, outputs, bias);
    float beyond = c[outputs];
    for (size_t row = 0; row < rows; row++) {
        units[row] = ai_bert_narrow(a + row * inputs, inputs, narrow + row * inputs);
        for (size_t i = 0; i < inputs; i++) {
            CHECK(abs(narrow[row * inputs + i]) <= BERT_MOST);
            CHECK(fabs((double)a[row * inputs + i] - narrow[row * inputs + i] * (double)units[row]) <= .501 * (double)units[row]);
        }
    }
    ai_bert_multiply(narrow, units, rows, &matrix, with_gelu, c, stride);
    for (size_t column = 0; column < outputs; column++) {
        int64_t size = 0;
        for (size_t i = 0; i < inputs; i++) {
            double number = (double)number_of(&matrix, column, i), unit = (double)matrix.units[column];
            size += llabs(number_of(&matrix, column, i));
            CHECK(fabs((double)weights[column * inputs + i] - number * unit) <= .51 * unit);
        }
        CHECK(size * BERT_MOST <= INT32_MAX);
        for (size_t row = 0; row < rows; row++) {
            int64_t sum = 0;
            for (size_t i = 0; i < inputs; i++) sum += narrow[row * inputs + i] * number_of(&matrix, column, i);
            double product = (double)sum * (double)units[row] * (double)matrix.units[column];
            double expected = product + (double)bias[column];
            if (with_gelu) expected = gelu(expected);
            CHECK(fabs((double)c[row * stride + column] - expected) <= 1e-6 * (4 + fabs(product)));
        }
    }
    CHECK(memcmp(&c[outputs], &beyond, sizeof beyond) == 0);
    free(bias), free(c), free(units), free(narrow), free(matrix.numbers), free(matrix.units);
}

static void test_ai_bert__a_product_is_that_of_three_loops(void) {
    static const size_t inputs[] = {16, 48, 368, 384, 400, 1536};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        for (size_t rows = 1; rows <= 14; rows += 1 + i % 2) {
            for (size_t outputs = 16; outputs <= 64; outputs += 16) {
                float *a = random_floats(rows * inputs[i], 1), *weights = random_floats(inputs[i] * outputs, 1);
                check_product(a, rows, inputs[i], outputs, weights, outputs == 32);
                free(a), free(weights);
            }
        }
    }
}

/* Each output is the worst that a row can meet: all weights of one size, and the row has their signs, or the opposite. */
static void test_ai_bert__the_largest_sums_fit(void) {
    static const size_t inputs[] = {16, 384, 1536, 4096};
    enum { ROWS = 4 };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        size_t width = inputs[i];
        float *a = random_floats(ROWS * width, 1), *weights = random_floats(BERT_PANEL * width, 1);
        for (size_t k = 0; k < width; k++) {
            float sign = random_float() < 0 ? -1 : 1;
            for (size_t row = 0; row < ROWS; row++) a[row * width + k] = (row % 2 ? -sign : sign) * (row < 2 ? 1e-20f : 1e9f);
            for (size_t output = 0; output < BERT_PANEL; output++) {
                float *weight = &weights[output * width + k];
                if (output < 4) *weight = sign * (output < 2 ? 7e-30f : 3e5f) * (output % 2 ? -1 : 1);
                if (output == 4) *weight = k == width / 2 ? 1 : 0; /* one alone: 16 bits are its end */
                if (output == 5) *weight = 0;
                if (output == 6) *weight = sign * (k ? 1 : 1000);
                if (output == 7) *weight = sign * 1e-40f;
                if (output == 8) *weight = sign * (k % 2 ? .5f : 1.5f);
            }
        }
        check_product(a, ROWS, width, BERT_PANEL, weights, false);
        free(a), free(weights);
    }
}

static void test_ai_bert__a_row_of_nothing_is_0_and_one_with_what_is_no_number_is_none(void) {
    static const float wrong[] = {NAN, INFINITY, -INFINITY};
    float row[48] = {0}, *weights = random_floats(48 * BERT_PANEL, 1), bias[BERT_PANEL] = {0}, c[BERT_PANEL];
    int16_t narrow[48];
    bert_matrix matrix = matrix_of(weights, 48, BERT_PANEL, bias);
    float unit = ai_bert_narrow(row, 48, narrow);
    ai_bert_multiply(narrow, &unit, 1, &matrix, false, c, BERT_PANEL);
    for (size_t i = 0; i < BERT_PANEL; i++) CHECK(c[i] == 0);
    for (size_t i = 0; i < 48; i++) {
        for (size_t k = 0; k < 3; k++) {
            for (size_t j = 0; j < 48; j++) row[j] = j == i ? wrong[k] : (float)j;
            unit = ai_bert_narrow(row, 48, narrow);
            CHECK(!(unit < INFINITY));
            ai_bert_multiply(narrow, &unit, 1, &matrix, false, c, BERT_PANEL);
            for (size_t j = 0; j < BERT_PANEL; j++) CHECK(!(fabsf(c[j]) < INFINITY));
        }
    }
    free(weights), free(matrix.numbers), free(matrix.units);
}

static void test_ai_bert__gelu_is_right_near_and_far_from_zero(void) {
    float bias[BERT_PANEL] = {0, -0.f, 1e-6f, -1e-6f, .5f, -.5f, 1, -1, 3, -3, 6, -6, 20, -20, 1000, -1000}, c[BERT_PANEL];
    float weights[BERT_PANEL * BERT_PANEL] = {0}, unit = 1;
    int16_t row[BERT_PANEL] = {0};
    bert_matrix matrix = matrix_of(weights, BERT_PANEL, BERT_PANEL, bias);
    for (int turn = 0; turn < 500; turn++) {
        ai_bert_multiply(row, &unit, 1, &matrix, true, c, BERT_PANEL);
        for (size_t i = 0; i < BERT_PANEL; i++)
            CHECK(fabs((double)c[i] - gelu((double)bias[i])) <= 1e-6 * fabs((double)bias[i]));
        for (size_t i = 0; i < BERT_PANEL; i++) bias[i] = 6 * random_float();
    }
    free(matrix.numbers), free(matrix.units);
}

static void check_attention(size_t tokens, size_t width) {
    size_t stride = 3 * width + 1, into_stride = width + 2;
    float *rows = random_floats(tokens * stride, 2), *into = random_floats(tokens * into_stride, 1);
    float *room = random_floats(ai_bert_attend_room(tokens, width), 1);
    double *shares = calloc(tokens, sizeof *shares);
    bert_head head = {rows, rows + width, rows + 2 * width, stride, tokens, width};
    ai_bert_attend(&head, room, into, into_stride);
    for (size_t i = 0; i < tokens; i++) {
        double total = 0;
        for (size_t j = 0; j < tokens; j++) {
            double score = 0;
            for (size_t k = 0; k < width; k++)
                score += (double)rows[i * stride + k] * (double)rows[j * stride + width + k];
            total += shares[j] = exp(score / sqrt((double)width));
        }
        for (size_t k = 0; k < width; k++) {
            double sum = 0;
            for (size_t j = 0; j < tokens; j++) sum += shares[j] / total * (double)rows[j * stride + 2 * width + k];
            CHECK(fabs((double)into[i * into_stride + k] - sum) < 1e-5);
        }
    }
    free(rows), free(into), free(room), free(shares);
}

static void test_ai_bert__attention_is_that_of_its_formula(void) {
    static const size_t tokens[] = {1, 2, 5, 15, 16, 17, 47, 48, 49, 100};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
        for (size_t width = 16; width <= 64; width *= 2) check_attention(tokens[i], width);
}

/* --- a small model ---------------------------------------------------------- */

enum { WIDTH = 32, HEADS = 2, FORWARD = 48, LAYERS = 2, CONTEXT = 100, WORDS = 50, TENSORS = 5 + 16 * LAYERS };
typedef struct shape {
    char name[48];
    int64_t columns, rows; /* rows: 0 for a vector */
} shape;

static size_t shapes(shape *all) {
    static const struct {
        const char *name;
        int64_t columns, rows;
    } outside[] = {{"token_embd.weight", WIDTH, WORDS}, {"position_embd.weight", WIDTH, CONTEXT}, {"token_types.weight", WIDTH, 2},
                   {"token_embd_norm.weight", WIDTH, 0}, {"token_embd_norm.bias", WIDTH, 0}},
      inside[] = {{"attn_q", WIDTH, WIDTH}, {"attn_k", WIDTH, WIDTH}, {"attn_v", WIDTH, WIDTH}, {"attn_output", WIDTH, WIDTH},
                  {"attn_output_norm", WIDTH, 0}, {"ffn_up", WIDTH, FORWARD}, {"ffn_down", FORWARD, WIDTH}, {"layer_output_norm", WIDTH, 0}};
    size_t count = 0;
    for (size_t i = 0; i < 5; i++, count++) {
        snprintf(all[count].name, sizeof all->name, "%s", outside[i].name);
        all[count].columns = outside[i].columns, all[count].rows = outside[i].rows;
    }
    for (int layer = 0; layer < LAYERS; layer++) {
        for (size_t i = 0; i < 8; i++) {
            int64_t outputs = inside[i].rows ? inside[i].rows : WIDTH;
            snprintf(all[count].name, sizeof all->name, "blk.%d.%s.weight", layer, inside[i].name);
            all[count].columns = inside[i].columns, all[count++].rows = inside[i].rows;
            snprintf(all[count].name, sizeof all->name, "blk.%d.%s.bias", layer, inside[i].name);
            all[count].columns = outputs, all[count++].rows = 0;
        }
    }
    assert_int_equal(count, TENSORS);
    return count;
}

/* What is wrong with a file: each of `tensor` unless SIZE_MAX. */
typedef enum { RIGHT, MISSING, WIDER, LONGER, INTEGERS, NO_NUMBER, RENAMED } wrong;
typedef struct recipe {
    size_t tensor;
    wrong wrong;
    bool halves;
    const char *without; /* a key */
    uint32_t pooling, heads;
} recipe;
static float *weights_of[TENSORS]; /* of the last file, as they are read from it */

static void set_keys(struct gguf_context *file, const recipe *made) {
    gguf_set_val_str(file, "general.architecture", "bert");
    gguf_set_val_u32(file, "bert.block_count", LAYERS);
    gguf_set_val_u32(file, "bert.context_length", CONTEXT);
    gguf_set_val_u32(file, "bert.embedding_length", WIDTH);
    gguf_set_val_u32(file, "bert.feed_forward_length", FORWARD);
    gguf_set_val_u32(file, "bert.attention.head_count", made->heads ? made->heads : HEADS);
    gguf_set_val_f32(file, "bert.attention.layer_norm_epsilon", 1e-12f);
    gguf_set_val_bool(file, "bert.attention.causal", false);
    gguf_set_val_u32(file, "bert.pooling_type", made->pooling ? made->pooling : 1);
    if (made->without) gguf_remove_key(file, made->without);
}

static void add_tensor(struct ggml_context *room, struct gguf_context *file, const shape *of, size_t at,
                       const recipe *made) {
    wrong is = made->tensor == at ? made->wrong : RIGHT;
    if (is == MISSING) return;
    int64_t size[] = {of->columns + (is == WIDER ? 16 : 0), (of->rows ? of->rows : 1) + (is == LONGER ? 1 : 0)};
    bool matrix = of->rows && at != 1 && at != 2;
    enum ggml_type type = is == INTEGERS ? GGML_TYPE_I32 : made->halves && matrix ? GGML_TYPE_F16 : GGML_TYPE_F32;
    struct ggml_tensor *tensor = ggml_new_tensor(room, type, of->rows || is == LONGER ? 2 : 1, size);
    size_t count = (size_t)(size[0] * size[1]);
    bool scale = strstr(of->name, "norm.weight") != NULL;
    free(weights_of[at]);
    weights_of[at] = random_floats(count, scale ? .2f : .4f);
    for (size_t i = 0; i < count && scale; i++) weights_of[at][i] += 1;
    if (is == NO_NUMBER) weights_of[at][count / 2] = NAN;
    if (type == GGML_TYPE_F16) {
        ggml_fp32_to_fp16_row(weights_of[at], tensor->data, (int64_t)count);
        ggml_fp16_to_fp32_row(tensor->data, weights_of[at], (int64_t)count);
    } else {
        memcpy(tensor->data, weights_of[at], count * sizeof(float));
    }
    ggml_set_name(tensor, is == RENAMED ? "another.weight" : of->name);
    gguf_add_tensor(file, tensor);
}

static void write_model(const char *path, recipe made) {
    static shape all[TENSORS];
    struct ggml_context *room = ggml_init((struct ggml_init_params){.mem_size = 4 << 20});
    struct gguf_context *file = gguf_init_empty();
    assert_true(room && file);
    set_keys(file, &made);
    for (size_t i = 0; i < shapes(all); i++) add_tensor(room, file, &all[i], i, &made);
    assert_true(gguf_write_to_file(file, path, false));
    gguf_free(file);
    ggml_free(room);
}

static char *scratch_file(char into[64]) {
    snprintf(into, 64, "/tmp/ai_bert_test_XXXXXX");
    int fd = mkstemp(into);
    assert_true(fd >= 0);
    fclose(fdopen(fd, "w"));
    return into;
}

/* --- what the model should give, in the plainest way ------------------------- */

static void plain_linear(const double *x, size_t inputs, size_t outputs, const float *weight, const float *bias,
                         double *into) {
    for (size_t o = 0; o < outputs; o++) {
        into[o] = (double)bias[o];
        for (size_t i = 0; i < inputs; i++) into[o] += x[i] * (double)weight[o * inputs + i];
    }
}

static void plain_norm(double *x, const float *weight, const float *bias) {
    double mean = 0, square = 0;
    for (size_t i = 0; i < WIDTH; i++) mean += x[i] / (double)WIDTH;
    for (size_t i = 0; i < WIDTH; i++) square += (x[i] - mean) * (x[i] - mean) / (double)WIDTH;
    for (size_t i = 0; i < WIDTH; i++)
        x[i] = (x[i] - mean) / sqrt(square + 1e-12) * (double)weight[i] + (double)bias[i];
}

static void plain_attention(double (*q)[WIDTH], double (*k)[WIDTH], double (*v)[WIDTH], size_t count, size_t row,
                            double *into) {
    size_t width = WIDTH / HEADS;
    for (size_t i = 0; i < WIDTH; i++) into[i] = 0;
    for (size_t head = 0; head < WIDTH; head += width) {
        double shares[CONTEXT], total = 0;
        for (size_t j = 0; j < count; j++) {
            double score = 0;
            for (size_t i = head; i < head + width; i++) score += q[row][i] * k[j][i];
            total += shares[j] = exp(score / sqrt((double)width));
        }
        for (size_t j = 0; j < count; j++)
            for (size_t i = head; i < head + width; i++) into[i] += shares[j] / total * v[j][i];
    }
}

static void plain_layer(double (*x)[WIDTH], size_t count, float *const *w) {
    static double q[CONTEXT][WIDTH], k[CONTEXT][WIDTH], v[CONTEXT][WIDTH];
    double mixed[WIDTH], half[WIDTH], wide[FORWARD];
    for (size_t row = 0; row < count; row++) {
        plain_linear(x[row], WIDTH, WIDTH, w[0], w[1], q[row]);
        plain_linear(x[row], WIDTH, WIDTH, w[2], w[3], k[row]);
        plain_linear(x[row], WIDTH, WIDTH, w[4], w[5], v[row]);
    }
    for (size_t row = 0; row < count; row++) {
        plain_attention(q, k, v, count, row, mixed);
        plain_linear(mixed, WIDTH, WIDTH, w[6], w[7], half);
        for (size_t i = 0; i < WIDTH; i++) x[row][i] += half[i];
        plain_norm(x[row], w[8], w[9]);
        plain_linear(x[row], WIDTH, FORWARD, w[10], w[11], wide);
        for (size_t i = 0; i < FORWARD; i++) wide[i] = gelu(wide[i]);
        plain_linear(wide, FORWARD, WIDTH, w[12], w[13], half);
        for (size_t i = 0; i < WIDTH; i++) x[row][i] += half[i];
        plain_norm(x[row], w[14], w[15]);
    }
}

static void plain_vector(const int32_t *tokens, size_t count, double *into) {
    static double x[CONTEXT][WIDTH];
    for (size_t row = 0; row < count; row++) {
        for (size_t i = 0; i < WIDTH; i++)
            x[row][i] = (double)weights_of[0][(size_t)tokens[row] * WIDTH + i] + (double)weights_of[1][row * WIDTH + i] +
                        (double)weights_of[2][i];
        plain_norm(x[row], weights_of[3], weights_of[4]);
    }
    for (size_t layer = 0; layer < LAYERS; layer++) plain_layer(x, count, weights_of + 5 + 16 * layer);
    for (size_t i = 0; i < WIDTH; i++) {
        into[i] = 0;
        for (size_t row = 0; row < count; row++) into[i] += x[row][i] / (double)count;
    }
}

static void check_vectors(bool halves) {
    enum { TEXTS = 9 };
    static const uint32_t counts[TEXTS] = {100, 61, 48, 17, 16, 7, 3, 2, 1};
    static int32_t tokens[TEXTS][CONTEXT];
    static float together[TEXTS][WIDTH], alone[WIDTH];
    char path[64];
    lh_error err = {0};
    LH_CLEANUP(ai_bert_freep) ai_bert *model = NULL;
    ai_bert_room *room = NULL;
    ai_bert_text texts[TEXTS];
    size_t all = 0;
    write_model(scratch_file(path), (recipe){.tensor = SIZE_MAX, .halves = halves});
    CHECK_OK(ai_bert_open(path, &model, &err));
    remove(path);
    CHECK(ai_bert_about(model).dimensions == WIDTH && ai_bert_about(model).context_tokens == CONTEXT);
    for (size_t i = 0; i < TEXTS; i++) {
        for (size_t k = 0; k < counts[i]; k++) tokens[i][k] = (int32_t)((random_float() + 1) / 2 * (WORDS - 1));
        texts[i] = (ai_bert_text){tokens[i], counts[i], together[i]};
        all += counts[i];
    }
    CHECK_OK(ai_bert_room_new(model, all, &room, &err));
    CHECK_OK(ai_bert_embed(model, room, texts, TEXTS, &err));
    for (size_t i = 0; i < TEXTS; i++) {
        double expected[WIDTH];
        plain_vector(tokens[i], counts[i], expected);
        texts[i].into = alone;
        CHECK_OK(ai_bert_embed(model, room, &texts[i], 1, &err));
        for (size_t k = 0; k < WIDTH; k++) {
            CHECK(fabs((double)together[i][k] - expected[k]) < 1.5e-3); /* 13 bits of a row, some more of a weight */
            CHECK(memcmp(&together[i][k], &alone[k], sizeof *alone) == 0);
        }
    }
    tokens[8][0] = WORDS;
    CHECK(ai_bert_embed(model, room, &texts[8], 1, &err) == LH_CORRUPT);
    tokens[8][0] = -1;
    CHECK(ai_bert_embed(model, room, &texts[8], 1, &err) == LH_CORRUPT);
    texts[8].count = CONTEXT + 1;
    CHECK(ai_bert_embed(model, room, &texts[8], 1, &err) == LH_INVALID);
    ai_bert_room_free(room);
}

static void test_ai_bert__vectors_are_those_of_the_plainest_way_and_of_no_batch(void) {
    check_vectors(false);
    check_vectors(true);
}

/* --- files that are wrong ----------------------------------------------------- */

static lh_code open_code(const char *path) {
    lh_error err = {0};
    ai_bert *model = NULL;
    lh_code code = ai_bert_open(path, &model, &err);
    CHECK((code == LH_OK) == (model != NULL));
    CHECK(code == LH_OK || err.message[0]);
    ai_bert_free(model);
    return code;
}

static void test_ai_bert__a_tensor_that_is_wrong_is_refused(void) {
    char path[64];
    scratch_file(path);
    for (size_t tensor = 0; tensor < TENSORS; tensor++) {
        for (wrong is = MISSING; is <= RENAMED; is++) {
            bool any_length = is == LONGER && (tensor == 0 || tensor == 2); /* words and kinds are as many as there are */
            bool looked_up = is == NO_NUMBER && (tensor == 0 || tensor == 2); /* the vector is checked, not the table */
            write_model(path, (recipe){.tensor = tensor, .wrong = is, .halves = tensor % 2});
            lh_code code = open_code(path);
            if (any_length || looked_up)
                CHECK(code == LH_OK);
            else
                CHECK(code == (is == NO_NUMBER ? LH_CORRUPT : LH_INVALID));
        }
    }
    remove(path);
}

static void test_ai_bert__a_head_that_says_another_layout_is_refused(void) {
    static const char *const keys[] = {"general.architecture", "bert.block_count", "bert.context_length",
                                       "bert.embedding_length", "bert.feed_forward_length", "bert.attention.head_count",
                                       "bert.attention.layer_norm_epsilon", "bert.pooling_type"};
    char path[64];
    scratch_file(path);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        write_model(path, (recipe){.tensor = SIZE_MAX, .without = keys[i]});
        CHECK(open_code(path) == LH_INVALID);
    }
    write_model(path, (recipe){.tensor = SIZE_MAX, .pooling = 2});
    CHECK(open_code(path) == LH_INVALID);
    write_model(path, (recipe){.tensor = SIZE_MAX, .heads = 4}); /* of 8 columns each */
    CHECK(open_code(path) == LH_INVALID);
    remove(path);
    CHECK(open_code("/nowhere/x.gguf") == LH_NOT_FOUND);
}

static char *read_file(const char *path, size_t *ret) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *bytes = malloc(1 << 20);
    *ret = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}
static void write_file(const char *path, const char *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static void test_ai_bert__a_file_cut_anywhere_is_refused_and_one_with_a_flipped_byte_does_no_harm(void) {
    char path[64];
    size_t size = 0;
    write_model(scratch_file(path), (recipe){.tensor = SIZE_MAX, .halves = true});
    char *bytes = read_file(path, &size);
    CHECK(open_code(path) == LH_OK && size > 20000);
    size_t padding = 32; /* after the last tensor: nothing is lost without it */
    for (size_t cut = 0; cut < size - padding; cut += cut < 3000 ? 37 : 401) {
        write_file(path, bytes, cut);
        lh_code code = open_code(path);
        CHECK(code == LH_INVALID || code == LH_CORRUPT);
    }
    for (size_t at = 0; at < 3000; at++) { /* all of the head, most of it twice as likely where numbers are */
        char was = bytes[at];
        bytes[at] = (char)(was ^ (1 << at % 8));
        write_file(path, bytes, size);
        lh_code code = open_code(path);
        CHECK(code == LH_OK || code == LH_INVALID || code == LH_CORRUPT);
        bytes[at] = was;
    }
    free(bytes);
    remove(path);
}

LH_TEST_MAIN(LH_TEST(test_ai_bert__a_product_is_that_of_three_loops),
             LH_TEST(test_ai_bert__the_largest_sums_fit),
             LH_TEST(test_ai_bert__a_row_of_nothing_is_0_and_one_with_what_is_no_number_is_none),
             LH_TEST(test_ai_bert__gelu_is_right_near_and_far_from_zero),
             LH_TEST(test_ai_bert__attention_is_that_of_its_formula),
             LH_TEST(test_ai_bert__vectors_are_those_of_the_plainest_way_and_of_no_batch),
             LH_TEST(test_ai_bert__a_tensor_that_is_wrong_is_refused),
             LH_TEST(test_ai_bert__a_head_that_says_another_layout_is_refused),
             LH_TEST(test_ai_bert__a_file_cut_anywhere_is_refused_and_one_with_a_flipped_byte_does_no_harm))
