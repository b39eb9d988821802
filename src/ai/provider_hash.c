/* "hash": an embedder without a model, for tests and for trying things out. It knows spelling, not meaning.
 *
 * Version 1-<dimensions>: a word is a run of ASCII letters (taken in lower case), digits and bytes beyond ASCII. Each word is a feature of weight 1,
 * and so is, with weight 1/4, each run of three characters of "<word>". A feature's FNV-1a hash of 64 bits, mixed, gives its
 * dimension and its sign. The sum is scaled to length 1. A text without words has the one feature "". Whatever changes a
 * vector is another version. */
#include "ai/ai_internal.h"

#include <math.h>

enum { HASH_VERSION = 1, HASH_DIMENSIONS = 384, HASH_WORD_BYTES = 64, HASH_GRAM = 3 };
typedef struct hash_state {
    size_t dimensions;
} hash_state;

/* "hash" or "hash-N". */
static lh_code hash_open(const ai_setup *setup, void **ret, lh_error *err) {
    uint64_t dimensions = HASH_DIMENSIONS;
    bool plain = lh_str_eq(setup->model, LH_STR("hash"));
    if (!plain && (!lh_str_starts(setup->model, LH_STR("hash-")) ||
                   lh_str_to_u64(lh_str_sub(setup->model, 5, SIZE_MAX), &dimensions) != LH_OK || dimensions < 1 ||
                   dimensions > LH_LIMIT_AI_DIMENSIONS))
        return lh_fail(err, LH_INVALID, "ai.embed_model of provider hash must be hash, or hash-N with N from 1 to %d",
                       LH_LIMIT_AI_DIMENSIONS);
    hash_state *state = calloc(1, sizeof *state);
    if (!state) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    state->dimensions = (size_t)dimensions;
    *ret = state;
    return LH_OK;
}

static void hash_add(float *vector, size_t dimensions, lh_str feature, float weight) {
    uint64_t h = lh_hash_fast(feature);
    h ^= h >> 33; /* FNV's low bits differ little between short texts */
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    vector[(h >> 1) % dimensions] += h & 1 ? weight : -weight;
}

static bool hash_is_word(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

/* word: in lower case between '<' and '>', of `size` bytes with these. */
static void hash_word(float *vector, size_t dimensions, const char *word, size_t size) {
    hash_add(vector, dimensions, (lh_str){word + 1, size - 2}, 1.0f);
    size_t starts[HASH_WORD_BYTES + 3], count = 0;
    for (size_t i = 0; i < size; i++)
        if (((unsigned char)word[i] & 0xc0) != 0x80) starts[count++] = i; /* characters, not bytes */
    starts[count] = size;
    for (size_t i = 0; i + HASH_GRAM <= count; i++)
        hash_add(vector, dimensions, (lh_str){word + starts[i], starts[i + HASH_GRAM] - starts[i]}, 0.25f);
}

/* Returns the number of words. */
static uint64_t hash_text(float *vector, size_t dimensions, lh_str text) {
    uint64_t words = 0;
    for (size_t at = 0; at < text.len;) {
        char word[HASH_WORD_BYTES + 2] = "<";
        size_t size = 1;
        while (at < text.len && !hash_is_word((unsigned char)text.ptr[at])) at++;
        for (; at < text.len && hash_is_word((unsigned char)text.ptr[at]); at++) {
            char c = text.ptr[at];
            if (size <= HASH_WORD_BYTES)
                word[size++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; /* longer ones are cut */
        }
        if (size == 1) break;
        word[size++] = '>';
        hash_word(vector, dimensions, word, size);
        words++;
    }
    if (words == 0) hash_add(vector, dimensions, LH_STR_NONE, 1.0f);
    return words;
}

static void hash_scale(float *vector, size_t dimensions) {
    double sum = 0;
    for (size_t i = 0; i < dimensions; i++) sum += (double)vector[i] * (double)vector[i];
    if (sum == 0) vector[0] = 1.0f; /* features that cancel each other out */
    for (size_t i = 0; i < dimensions && sum > 0; i++) vector[i] = (float)((double)vector[i] / sqrt(sum));
}

static lh_str hash_version(void *state, lh_arena *arena) {
    return lh_arena_printf(arena, "%d-%zu", HASH_VERSION, ((const hash_state *)state)->dimensions);
}

static lh_code hash_embed(void *state, ai_try *one, const lh_str *texts, size_t count, lh_arena *arena,
                          lh_ai_embeddings *ret, lh_error *err) {
    size_t dimensions = ((const hash_state *)state)->dimensions;
    float *values = LH_ARENA_ARRAY(arena, float, count *dimensions);
    uint64_t tokens = 0;
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < count; i++) {
        if (one->cancelled && atomic_load(one->cancelled)) return lh_fail(err, LH_CANCELLED, "the call was cancelled");
        tokens += hash_text(values + i * dimensions, dimensions, texts[i]);
        hash_scale(values + i * dimensions, dimensions);
    }
    *ret = (lh_ai_embeddings){.values = values,
                              .count = count,
                              .dimensions = dimensions,
                              .model = {.version = hash_version(state, arena)},
                              .tokens = tokens};
    return lh_arena_check(arena, err);
}

static lh_code hash_count(void *state, lh_str text, uint64_t *ret, lh_error *err) {
    float none[1] = {0};
    (void)state, (void)err;
    *ret = hash_text(none, 1, text);
    return LH_OK;
}

const struct ai_provider_ops ai_provider_hash = {.name = "hash",
                                                 .model = "hash",
                                                 .open = hash_open,
                                                 .close = free,
                                                 .embed = hash_embed,
                                                 .version = hash_version,
                                                 .count = hash_count};
