/* The tokens of all texts of a batch are rows one after another, with nothing between: what is done to each token by itself (nearly
 * all the work) is a product of these rows with a layer's weights, and attention looks at the rows of one text. The weights are
 * copied once, as whole numbers of 16 bits in the order in which the kernels of bert_avx2.c read them; words are looked up in the
 * mapped file.
 * A file is believed only when each tensor is there, has the shape that the numbers at its head ask for, and nothing else is. */
#include "ai/bert.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gguf.h>

#include "ai/bert_internal.h"
#include "ai/llama_shim.h"

enum {
    LAYERS_MAX = 64,
    WIDTH_MAX = 4096,
    FORWARD_MAX = 4096, /* beyond, an output of so many weights has too few bits for each */
    TENSORS_OUTSIDE = 5, /* of layers: words, kinds, positions, the first norm's two */
    TENSORS_OF_LAYER = 16,
    POOLING_MEAN = 1,
    ALIGNMENT = 64,
};

typedef struct bert_norm {
    const float *weight, *bias;
} bert_norm;

typedef struct bert_layer {
    bert_matrix attention; /* queries, keys and values, side by side */
    bert_matrix output, up, down;
    bert_norm after_attention, after_forward;
} bert_layer;

struct ai_bert {
    uint32_t width, forward, heads, layer_count, context, words;
    float epsilon;
    void *file; /* mapped */
    size_t file_bytes;
    const void *word_rows; /* in the file */
    bool words_are_f16;
    const float *positions; /* with the kind of token that all are */
    bert_norm first;
    bert_layer layers[LAYERS_MAX];
    float *floats; /* owned: vectors and positions point into it; the matrices own their panels */
    size_t floats_used, floats_room;
};

struct ai_bert_room {
    size_t tokens;
    float *x, *attention, *mixed, *wide, *head; /* `x` owns them all */
    int16_t *narrow; /* the rows of a product */
    float *units;    /* of them */
};

/* --- reading ---------------------------------------------------------------- */

typedef struct bert_reader {
    ai_bert *model;
    const char *path;
    struct gguf_context *head;
    size_t data_offset;
} bert_reader;

static void bert_reader_done(bert_reader *reader) { gguf_free(reader->head); }

static bool bert_number(const bert_reader *reader, const char *name, uint32_t most, uint32_t *ret) {
    int64_t key = gguf_find_key(reader->head, name);
    if (key < 0 || gguf_get_kv_type(reader->head, key) != GGUF_TYPE_UINT32) return false;
    *ret = gguf_get_val_u32(reader->head, key);
    return *ret >= 1 && *ret <= most;
}

static bool bert_read_numbers(bert_reader *reader) {
    ai_bert *model = reader->model;
    uint32_t pooling = 0;
    int64_t name = gguf_find_key(reader->head, "general.architecture");
    if (name < 0 || gguf_get_kv_type(reader->head, name) != GGUF_TYPE_STRING ||
        strcmp(gguf_get_val_str(reader->head, name), "bert") != 0)
        return false;
    int64_t epsilon = gguf_find_key(reader->head, "bert.attention.layer_norm_epsilon");
    int64_t causal = gguf_find_key(reader->head, "bert.attention.causal");
    if (epsilon < 0 || gguf_get_kv_type(reader->head, epsilon) != GGUF_TYPE_FLOAT32) return false;
    if (causal >= 0 &&
        (gguf_get_kv_type(reader->head, causal) != GGUF_TYPE_BOOL || gguf_get_val_bool(reader->head, causal)))
        return false;
    model->epsilon = gguf_get_val_f32(reader->head, epsilon);
    return model->epsilon > 0 && model->epsilon < 1 &&
           bert_number(reader, "bert.block_count", LAYERS_MAX, &model->layer_count) &&
           bert_number(reader, "bert.context_length", AI_BERT_TOKENS_MAX, &model->context) &&
           bert_number(reader, "bert.embedding_length", WIDTH_MAX, &model->width) &&
           bert_number(reader, "bert.feed_forward_length", FORWARD_MAX, &model->forward) &&
           bert_number(reader, "bert.attention.head_count", WIDTH_MAX, &model->heads) &&
           bert_number(reader, "bert.pooling_type", POOLING_MEAN, &pooling) &&
           model->width % (model->heads * BERT_PANEL) == 0 && model->forward % BERT_PANEL == 0 &&
           gguf_get_n_tensors(reader->head) == TENSORS_OUTSIDE + TENSORS_OF_LAYER * (int64_t)model->layer_count;
}

/* A tensor's bytes in the file; rows: 0 for a vector. layer: -1 for none. */
typedef struct bert_tensor {
    const void *bytes;
    bool f16;
    int64_t rows;
} bert_tensor;

static lh_code bert_find(const bert_reader *reader, int layer, const char *name, int64_t width, int64_t rows,
                         bert_tensor *ret, lh_error *err) {
    char whole[64];
    if (layer < 0)
        snprintf(whole, sizeof whole, "%s", name);
    else
        snprintf(whole, sizeof whole, "blk.%d.%s", layer, name);
    int64_t at = gguf_find_tensor(reader->head, whole);
    if (at < 0) return lh_fail(err, LH_INVALID, "model '%s': no tensor '%s'", reader->path, whole);
    const int64_t *shape = gguf_get_tensor_ne(reader->head, at);
    enum ggml_type type = gguf_get_tensor_type(reader->head, at);
    if ((type != GGML_TYPE_F32 && type != GGML_TYPE_F16) || shape[0] != width ||
        (rows > 0 ? shape[1] != rows : rows == 0 ? shape[1] != 1 : shape[1] < 1 || shape[1] > INT32_MAX) ||
        shape[2] != 1 || shape[3] != 1)
        return lh_fail(err, LH_INVALID, "model '%s': tensor '%s' has another shape or type", reader->path, whole);
    uint64_t bytes = (uint64_t)shape[0] * (uint64_t)shape[1] * (type == GGML_TYPE_F16 ? 2 : 4);
    uint64_t offset = reader->data_offset + (uint64_t)gguf_get_tensor_offset(reader->head, at);
    if (offset % 4 != 0 || offset > reader->model->file_bytes || bytes > reader->model->file_bytes - offset)
        return lh_fail(err, LH_CORRUPT, "model '%s' ends within tensor '%s'", reader->path, whole);
    *ret = (bert_tensor){(const char *)reader->model->file + offset, type == GGML_TYPE_F16, shape[1]};
    return LH_OK;
}

__attribute__((target("f16c"))) static float bert_from_f16(uint16_t bits) { return _cvtsh_ss(bits); }

static float bert_value(const bert_tensor *tensor, size_t at) {
    return tensor->f16 ? bert_from_f16(((const uint16_t *)tensor->bytes)[at]) : ((const float *)tensor->bytes)[at];
}

static float *bert_floats(ai_bert *model, size_t count) {
    float *floats = model->floats + model->floats_used;
    assert(count <= model->floats_room - model->floats_used);
    model->floats_used += count;
    return floats;
}

/* `count` weights, the first of them in the tensor at `from`; false when one is no number. */
static bool bert_copy(const bert_tensor *tensor, size_t from, size_t count, float *into) {
    float sum = 0;
    for (size_t i = 0; i < count; i++) {
        into[i] = bert_value(tensor, from + i);
        sum += into[i] * 0;
    }
    return sum == 0;
}

static lh_code bert_read_vector(const bert_reader *reader, int layer, const char *name, size_t width, float *into,
                                lh_error *err) {
    bert_tensor tensor;
    LH_TRY(bert_find(reader, layer, name, (int64_t)width, 0, &tensor, err));
    if (!bert_copy(&tensor, 0, width, into))
        return lh_fail(err, LH_CORRUPT, "model '%s': a weight of '%s' is no number", reader->path, name);
    return LH_OK;
}

static lh_code bert_read_norm(const bert_reader *reader, int layer, const char *name, bert_norm *ret, lh_error *err) {
    size_t width = reader->model->width;
    float *weight = bert_floats(reader->model, width), *bias = bert_floats(reader->model, width);
    char whole[64];
    snprintf(whole, sizeof whole, "%s.weight", name);
    LH_TRY(bert_read_vector(reader, layer, whole, width, weight, err));
    snprintf(whole, sizeof whole, "%s.bias", name);
    LH_TRY(bert_read_vector(reader, layer, whole, width, bias, err));
    *ret = (bert_norm){weight, bias};
    return LH_OK;
}

static lh_code bert_make_matrix(size_t inputs, size_t outputs, const float *bias, bert_matrix *ret, lh_error *err) {
    void *numbers = NULL, *units = NULL;
    if (posix_memalign(&numbers, ALIGNMENT, inputs * outputs * sizeof(int16_t)) == 0 &&
        posix_memalign(&units, ALIGNMENT, outputs * sizeof(float)) == 0) {
        *ret = (bert_matrix){inputs, outputs, numbers, units, bias};
        return LH_OK;
    }
    free(numbers);
    return lh_fail(err, LH_NO_MEMORY, "out of memory");
}

/* `parts` matrices of one shape side by side; they are freed with the model. */
static lh_code bert_read_matrix(const bert_reader *reader, int layer, const char *const *parts, size_t part_count,
                                size_t inputs, size_t outputs, bert_matrix *ret, lh_error *err) {
    char name[64];
    bert_tensor tensors[3];
    float weights[FORWARD_MAX], *bias = bert_floats(reader->model, outputs * part_count);
    for (size_t i = 0; i < part_count; i++) {
        snprintf(name, sizeof name, "%s.bias", parts[i]);
        LH_TRY(bert_read_vector(reader, layer, name, outputs, bias + i * outputs, err));
        snprintf(name, sizeof name, "%s.weight", parts[i]);
        LH_TRY(bert_find(reader, layer, name, (int64_t)inputs, (int64_t)outputs, &tensors[i], err));
    }
    LH_TRY(bert_make_matrix(inputs, outputs * part_count, bias, ret, err));
    for (size_t output = 0; output < outputs * part_count; output++) {
        size_t part = output / outputs;
        if (!bert_copy(&tensors[part], output % outputs * inputs, inputs, weights))
            return lh_fail(err, LH_CORRUPT, "model '%s': a weight of '%s' is no number", reader->path, parts[part]);
        ai_bert_set_output(ret, output, weights);
    }
    return LH_OK;
}

static lh_code bert_read_layer(const bert_reader *reader, int layer, lh_error *err) {
    static const char *const attention[] = {"attn_q", "attn_k", "attn_v"};
    ai_bert *model = reader->model;
    bert_layer *into = &model->layers[layer];
    size_t width = model->width, forward = model->forward;
    LH_TRY(bert_read_matrix(reader, layer, attention, 3, width, width, &into->attention, err));
    LH_TRY(bert_read_matrix(reader, layer, (const char *[]){"attn_output"}, 1, width, width, &into->output, err));
    LH_TRY(bert_read_norm(reader, layer, "attn_output_norm", &into->after_attention, err));
    LH_TRY(bert_read_matrix(reader, layer, (const char *[]){"ffn_up"}, 1, width, forward, &into->up, err));
    LH_TRY(bert_read_matrix(reader, layer, (const char *[]){"ffn_down"}, 1, forward, width, &into->down, err));
    return bert_read_norm(reader, layer, "layer_output_norm", &into->after_forward, err);
}

static lh_code bert_read_words(const bert_reader *reader, lh_error *err) {
    ai_bert *model = reader->model;
    size_t width = model->width;
    bert_tensor words, positions, kinds;
    LH_TRY(bert_find(reader, -1, "token_embd.weight", (int64_t)width, -1, &words, err));
    LH_TRY(bert_find(reader, -1, "position_embd.weight", (int64_t)width, (int64_t)model->context, &positions, err));
    LH_TRY(bert_find(reader, -1, "token_types.weight", (int64_t)width, -1, &kinds, err));
    model->words = (uint32_t)words.rows;
    model->word_rows = words.bytes;
    model->words_are_f16 = words.f16;
    float *sums = bert_floats(model, width * model->context);
    bool numbers = bert_copy(&positions, 0, width * model->context, sums);
    for (size_t i = 0; i < width * model->context; i++) sums[i] += bert_value(&kinds, i % width);
    model->positions = sums;
    if (!numbers) return lh_fail(err, LH_CORRUPT, "model '%s': a position is no number", reader->path);
    return bert_read_norm(reader, -1, "token_embd_norm", &model->first, err);
}

static lh_code bert_map(ai_bert *model, const char *path, lh_error *err) {
    struct stat info;
    LH_CLEANUP(lh_fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) return lh_fail_errno(err, errno, "model '%s'", path);
    if (info.st_size <= 0) return lh_fail(err, LH_INVALID, "model '%s' is empty", path);
    void *file = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED) return lh_fail_errno(err, errno, "model '%s'", path);
    model->file = file;
    model->file_bytes = (size_t)info.st_size;
    return LH_OK;
}

static lh_code bert_make_floats(ai_bert *model, lh_error *err) {
    size_t width = model->width, forward = model->forward; /* all of them have caps that no product passes */
    model->floats_room = model->layer_count * (9 * width + forward) + width * (model->context + 2);
    void *floats = NULL;
    if (model->floats_room * sizeof(uint16_t) > model->file_bytes) /* asked before so much is taken */
        return lh_fail(err, LH_CORRUPT, "the model is shorter than its weights");
    if (posix_memalign(&floats, ALIGNMENT, model->floats_room * sizeof(float)) != 0)
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    model->floats = floats;
    return LH_OK;
}

lh_code ai_bert_open(const char *path, ai_bert **ret, lh_error *err) {
    LH_CLEANUP(ai_bert_freep) ai_bert *model = calloc(1, sizeof *model);
    if (!model) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    LH_TRY(bert_map(model, path, err));
    ai_shim_start();
    ai_shim_reason reason;
    LH_CLEANUP(bert_reader_done)
    bert_reader reader = {.model = model, .path = path, .head = ai_shim_gguf(path, &reason)};
    if (!reader.head) return lh_fail(err, LH_CORRUPT, "model '%s' cannot be read: %s", path, reason.text);
    reader.data_offset = gguf_get_data_offset(reader.head);
    if (!bert_read_numbers(&reader)) return lh_fail(err, LH_INVALID, "model '%s' has another layout", path);
    LH_TRY(bert_make_floats(model, err));
    LH_TRY(bert_read_words(&reader, err));
    for (uint32_t i = 0; i < model->layer_count; i++) LH_TRY(bert_read_layer(&reader, (int)i, err));
    *ret = lh_take(&model);
    return LH_OK;
}

void ai_bert_free(ai_bert *model) {
    if (!model) return;
    for (size_t i = 0; i < LAYERS_MAX; i++) {
        bert_layer *layer = &model->layers[i];
        bert_matrix *all[] = {&layer->attention, &layer->output, &layer->up, &layer->down};
        for (size_t k = 0; k < 4; k++) free(all[k]->numbers), free(all[k]->units);
    }
    if (model->file) munmap(model->file, model->file_bytes);
    free(model->floats);
    free(model);
}

ai_bert_facts ai_bert_about(const ai_bert *model) {
    return (ai_bert_facts){.dimensions = model->width, .context_tokens = model->context};
}

/* --- the forward pass ------------------------------------------------------- */

lh_code ai_bert_room_new(const ai_bert *model, size_t tokens, ai_bert_room **ret, lh_error *err) {
    size_t longest = tokens < model->context ? tokens : model->context;
    size_t width = tokens * model->width, wide = BERT_FORWARD_ROWS * (size_t)model->forward;
    size_t head = ai_bert_attend_room(longest, model->width / model->heads);
    size_t narrow = width > wide ? width : wide, units = tokens > BERT_FORWARD_ROWS ? tokens : BERT_FORWARD_ROWS;
    ai_bert_room *room = calloc(1, sizeof *room);
    void *floats = NULL;
    if (!room || posix_memalign(&floats, ALIGNMENT, (5 * width + wide + head + units) * sizeof(float) + narrow * sizeof(int16_t)) != 0) {
        free(room);
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    }
    room->tokens = tokens;
    room->x = floats;
    room->attention = room->x + width;
    room->mixed = room->attention + 3 * width;
    room->wide = room->mixed + width;
    room->head = room->wide + wide;
    room->units = room->head + head;
    room->narrow = (int16_t *)(room->units + units);
    *ret = room;
    return LH_OK;
}

void ai_bert_room_free(ai_bert_room *room) {
    if (!room) return;
    free(room->x);
    free(room);
}

static void bert_look_up(const ai_bert *model, int32_t token, const float *position, float *into) {
    size_t width = model->width;
    bert_tensor words = {model->word_rows, model->words_are_f16, (int64_t)model->words};
    for (size_t i = 0; i < width; i++) into[i] = bert_value(&words, (size_t)token * width + i) + position[i];
    ai_bert_norm(into, NULL, model->first.weight, model->first.bias, width, model->epsilon);
}

static void bert_attend(const ai_bert *model, ai_bert_room *room, const ai_bert_text *texts, size_t count) {
    size_t width = model->width, head_width = width / model->heads, row = 0;
    for (size_t text = 0; text < count; row += texts[text++].count) {
        for (size_t at = 0; at < width; at += head_width) {
            const float *queries = room->attention + row * 3 * width + at;
            bert_head head = {.queries = queries,
                              .keys = queries + width,
                              .values = queries + 2 * width,
                              .stride = 3 * width,
                              .tokens = texts[text].count,
                              .width = head_width};
            ai_bert_attend(&head, room->head, room->mixed + row * width + at, width);
        }
    }
}

static void bert_norm_rows(const ai_bert *model, const bert_norm *norm, float *x, const float *y, size_t rows) {
    for (size_t row = 0; row < rows; row++)
        ai_bert_norm(x + row * model->width, y + row * model->width, norm->weight, norm->bias, model->width,
                     model->epsilon);
}

/* into = rows of x · matrix + bias. */
static void bert_multiply(ai_bert_room *room, const float *x, size_t rows, const bert_matrix *matrix, bool gelu, float *into) {
    for (size_t row = 0; row < rows; row++)
        room->units[row] = ai_bert_narrow(x + row * matrix->inputs, matrix->inputs, room->narrow + row * matrix->inputs);
    ai_bert_multiply(room->narrow, room->units, rows, matrix, gelu, into, matrix->outputs);
}

static void bert_run_layer(const ai_bert *model, const bert_layer *layer, ai_bert_room *room,
                           const ai_bert_text *texts, size_t count, size_t rows) {
    size_t width = model->width;
    bert_multiply(room, room->x, rows, &layer->attention, false, room->attention);
    bert_attend(model, room, texts, count);
    bert_multiply(room, room->mixed, rows, &layer->output, false, room->attention);
    bert_norm_rows(model, &layer->after_attention, room->x, room->attention, rows);
    for (size_t from = 0; from < rows; from += BERT_FORWARD_ROWS) {
        size_t part = rows - from < BERT_FORWARD_ROWS ? rows - from : BERT_FORWARD_ROWS;
        float *x = room->x + from * width;
        bert_multiply(room, x, part, &layer->up, true, room->wide);
        bert_multiply(room, room->wide, part, &layer->down, false, room->mixed);
        bert_norm_rows(model, &layer->after_forward, x, room->mixed, part);
    }
}

static void bert_pool(const ai_bert *model, const float *rows, const ai_bert_text *text) {
    for (size_t i = 0; i < model->width; i++) text->into[i] = 0;
    for (size_t row = 0; row < text->count; row++)
        for (size_t i = 0; i < model->width; i++) text->into[i] += rows[row * model->width + i];
    for (size_t i = 0; i < model->width; i++) text->into[i] /= (float)text->count;
}

lh_code ai_bert_embed(const ai_bert *model, ai_bert_room *room, const ai_bert_text *texts, size_t count,
                      lh_error *err) {
    size_t rows = 0, width = model->width;
    for (size_t text = 0; text < count; text++) {
        if (texts[text].count < 1 || texts[text].count > model->context || texts[text].count > room->tokens - rows)
            return lh_fail(err, LH_INVALID, "a batch has more than %zu tokens", room->tokens);
        for (size_t i = 0; i < texts[text].count; i++, rows++) {
            int32_t token = texts[text].tokens[i];
            if (token < 0 || (uint32_t)token >= model->words)
                return lh_fail(err, LH_CORRUPT, "the model has no weights for its word %d", token);
            bert_look_up(model, token, model->positions + i * width, room->x + rows * width);
        }
    }
    for (uint32_t i = 0; i < model->layer_count; i++)
        bert_run_layer(model, &model->layers[i], room, texts, count, rows);
    size_t row = 0;
    for (size_t text = 0; text < count; row += texts[text++].count)
        bert_pool(model, room->x + row * width, &texts[text]);
    return LH_OK;
}
