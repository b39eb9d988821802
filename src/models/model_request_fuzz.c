/* Any bytes as the body of POST /ai/models: it is refused with words, or gives a document of bounded members that is read as the same
 * document, and the model that it is of is refused with words or has an address that a request can go to. */
#include "models/models_internal.h"
#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static lh_ai *fuzz_ai(void) { /* one for all runs; nothing is asked of it */
    static lh_ai *ai;
    static lh_config config;
    static char provider[] = "LAKEHOUSE__AI__EMBED_PROVIDER=hash";
    static lh_arena *arena;
    char *const environment[] = {provider, NULL};
    if (ai) return ai;
    lh_code code = lh_arena_new(64 << 20, &arena, NULL);
    if (code == LH_OK) code = lh_config_load(arena, NULL, environment, NULL, 0, &config, NULL);
    if (code == LH_OK) code = lh_ai_open(&config, &ai, NULL);
    assert(code == LH_OK);
    return ai;
}

static void fuzz_check_document(const lh_json *body, const lh_json *document) {
    static const struct {
        const char *name;
        size_t bytes_max;
    } texts[] = {{"task", 16},
                 {"provider", 16},
                 {"model", LH_LIMIT_NAME_BYTES},
                 {"url", 512},
                 {"secret", 63},
                 {"base", LH_LIMIT_NAME_BYTES},
                 {"checksum", 64},
                 {"notes", MODELS_NOTES_BYTES}};
    size_t members = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const lh_json *value = lh_json_get(document, texts[i].name);
        if (!value) continue;
        lh_str text = lh_json_str(value, LH_STR_NONE);
        assert(text.len >= 1 && text.len <= texts[i].bytes_max && lh_str_is_utf8(text));
        assert(lh_str_eq(text, lh_json_get_string(body, texts[i].name)));
        members++;
    }
    const lh_json *context = lh_json_get(document, "context_tokens");
    int64_t tokens = lh_json_int(context, 0);
    assert(!context || (tokens >= 1 && tokens <= MODELS_CONTEXT_TOKENS));
    assert(lh_json_get_string(document, "task").len && lh_json_get_string(document, "provider").len);
    assert(lh_json_size(document) == members + (context != NULL)); /* nothing else of the body is kept */
}

/* Not of a secret's or a file's: those are of the machine. */
static void fuzz_check_model(const lh_json *document, lh_arena *arena) {
    lh_models models = {.ai = fuzz_ai()};
    lh_ai_definition versions[LH_AI_VERSIONS_MAX];
    size_t count = 0;
    lh_error err = {0};
    if (lh_json_get(document, "secret") || lh_str_eq(lh_json_get_string(document, "provider"), LH_STR("llama"))) return;
    lh_code code = models_versions(&models, LH_STR("fuzzed"), document, arena, versions, &count, &err);
    const lh_ai_definition *definition = versions;
    if (code == LH_OK) code = lh_ai_check(models.ai, definition, &err);
    if (code != LH_OK) {
        lh_fuzz_refused(code, &err);
        return;
    }
    assert(count == 1 && !definition->api_key.len && lh_str_eq(definition->name, LH_STR("fuzzed")));
    if (lh_str_eq(definition->provider, LH_STR("hash")) || !definition->url.len) return;
    assert(lh_str_starts(definition->url, LH_STR("http://")) || lh_str_starts(definition->url, LH_STR("https://")));
    for (size_t i = 0; i < definition->url.len; i++)
        assert(definition->url.ptr[i] > ' ' && !strchr("@?#", definition->url.ptr[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *body = NULL;
    lh_error err = {0};
    if (size > 64 << 10 || lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return 0;
    if (lh_json_parse(arena, (lh_str){(const char *)data, size}, &body, NULL) != LH_OK) return 0;
    lh_json *document = lh_json_new_object(arena), *again = lh_json_new_object(arena);
    lh_code code = models_read_request(body, arena, document, &err);
    if (code != LH_OK) {
        lh_fuzz_refused(code, &err);
        return 0;
    }
    fuzz_check_document(body, document);
    assert(models_read_request(document, arena, again, NULL) == LH_OK && lh_json_equal(document, again));
    fuzz_check_model(document, arena);
    return 0;
}
