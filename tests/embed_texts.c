/* For tests/api/test_embedding_model.py: embed_texts MODEL reads texts from standard input, each as its length in bytes, a new line
 * and its bytes, and writes their vectors to standard output, as floats of this machine. */
#include <stdio.h>

#include "ai/llama.h"

enum { TEXTS = 256, BYTES = 1 << 20 };

int main(int argc, char **argv) {
    static char bytes[BYTES];
    static lh_str texts[TEXTS];
    size_t count = 0, used = 0, length = 0;
    while (count < TEXTS && scanf("%zu", &length) == 1 && getchar() == '\n' && length <= BYTES - used) {
        if (fread(bytes + used, 1, length, stdin) != length) return 2;
        texts[count++] = (lh_str){bytes + used, length};
        used += length;
    }
    lh_error err = {0};
    LH_CLEANUP(ai_llama_freep) ai_llama *model = NULL;
    ai_llama_embedded done = {0};
    lh_code code = argc == 2 ? ai_llama_open(lh_str_from(argv[1]), AI_LLAMA_EMBED, 2, 0, &model, &err) : LH_INVALID;
    float *vectors = code == LH_OK ? calloc(count, ai_llama_about(model).dimensions * sizeof *vectors) : NULL;
    if (vectors) code = ai_llama_embed(model, texts, count, (ai_llama_limit){0}, 0, vectors, &done, &err);
    if (vectors && code == LH_OK) fwrite(vectors, ai_llama_about(model).dimensions * sizeof *vectors, count, stdout);
    if (code != LH_OK) fprintf(stderr, "%s\n", err.message);
    fprintf(stderr, "%llu %llu\n", (unsigned long long)done.tokens, (unsigned long long)done.truncated);
    free(vectors);
    return code == LH_OK ? 0 : 1;
}
