/* C++, because llama.cpp throws and its way from JSON schema to grammar is C++. Its log is one callback for the process: an error is
 * copied to the reason of the call that this thread is in, all else goes nowhere, for it may hold what was asked. */
#include "ai/llama_shim.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <gguf.h>
#include <json-schema-to-grammar.h>
#include <json.h>

/* What the way from schema to grammar asks of the rest of `common`, which is not taken. */
std::string string_repeat(const std::string &text, size_t times) {
    std::string all;
    while (times-- > 0) all += text;
    return all;
}
std::string string_join(const std::vector<std::string> &texts, const std::string &between) {
    std::string all;
    for (size_t i = 0; i < texts.size(); i++) all += (i ? between : std::string()) + texts[i];
    return all;
}
std::vector<std::string> string_split(const std::string &text, const std::string &at) {
    std::vector<std::string> parts;
    size_t from = 0;
    for (size_t found; (found = text.find(at, from)) != std::string::npos; from = found + at.size())
        parts.push_back(text.substr(from, found - from));
    parts.push_back(text.substr(from));
    return parts;
}

namespace {

thread_local ai_shim_reason *listening = nullptr;

struct listen {
    explicit listen(ai_shim_reason *reason) {
        reason->text[0] = 0;
        listening = reason;
    }
    ~listen() { listening = nullptr; }
};

void say(ai_shim_reason *reason, const char *text) {
    if (reason->text[0] == 0)
        std::snprintf(reason->text, sizeof reason->text, "%s", text); // the first is nearest to the cause
    for (char *c = reason->text; *c; c++)
        if (*c == '\n') *c = ' ';
}

void on_log(ggml_log_level level, const char *text, void *) {
    if (level == GGML_LOG_LEVEL_ERROR && listening) say(listening, text);
}

template <class call_type, class result> result guarded(ai_shim_reason *reason, result otherwise, call_type call) {
    listen here(reason);
    try {
        return call();
    } catch (const std::bad_alloc &) {
        say(reason, "out of memory");
    } catch (const std::exception &thrown) {
        say(reason, thrown.what());
    } catch (...) {
        say(reason, "unknown");
    }
    return otherwise;
}

} // namespace

void ai_shim_start(void) {
    static std::once_flag once;
    std::call_once(once, [] {
        llama_log_set(on_log, nullptr);
        llama_backend_init();
    });
}

gguf_context *ai_shim_gguf(const char *path, ai_shim_reason *reason) {
    return guarded(reason, static_cast<gguf_context *>(nullptr), [&] {
        gguf_init_params params = {};
        params.no_alloc = true;
        return gguf_init_from_file(path, params);
    });
}

llama_model *ai_shim_model(const char *path, bool only_words, ai_shim_reason *reason) {
    return guarded(reason, static_cast<llama_model *>(nullptr), [&] {
        llama_model_params params = llama_model_default_params();
        params.load_mode = LLAMA_LOAD_MODE_MMAP;
        params.check_tensors = true;
        params.vocab_only = only_words;
        return llama_model_load_from_file(path, params);
    });
}

llama_context *ai_shim_context(llama_model *model, llama_context_params params, ai_shim_reason *reason) {
    return guarded(reason, static_cast<llama_context *>(nullptr), [&] { return llama_init_from_model(model, params); });
}

llama_sampler *ai_shim_grammar(const llama_vocab *vocab, const char *grammar, ai_shim_reason *reason) {
    return guarded(reason, static_cast<llama_sampler *>(nullptr),
                   [&] { return llama_sampler_init_grammar(vocab, grammar, "root"); });
}

bool ai_shim_tokenize(const llama_vocab *vocab, const char *text, size_t text_bytes, bool add_special,
                      bool parse_special, llama_token **ret, size_t *ret_count) {
    ai_shim_reason reason;
    return guarded(&reason, false, [&] {
        if (text_bytes > INT32_MAX / 2) return false;
        int32_t room = static_cast<int32_t>(text_bytes) + 8; // a token is a byte at least, but for the special ones
        llama_token *tokens = static_cast<llama_token *>(std::malloc(static_cast<size_t>(room) * sizeof *tokens));
        if (!tokens) return false;
        int32_t count = INT_MIN;
        try {
            count =
                llama_tokenize(vocab, text, static_cast<int32_t>(text_bytes), tokens, room, add_special, parse_special);
        } catch (...) {
        }
        if (count < 0) {
            std::free(tokens);
            return false;
        }
        *ret = tokens;
        *ret_count = static_cast<size_t>(count);
        return true;
    });
}

int32_t ai_shim_encode(llama_context *context, llama_batch batch, ai_shim_reason *reason) {
    return guarded(reason, INT32_MIN, [&] { return llama_encode(context, batch); });
}

int32_t ai_shim_decode(llama_context *context, llama_batch batch, ai_shim_reason *reason) {
    return guarded(reason, INT32_MIN, [&] { return llama_decode(context, batch); });
}

bool ai_shim_sample(llama_sampler *sampler, llama_context *context, llama_token *ret, ai_shim_reason *reason) {
    return guarded(reason, false, [&] {
        *ret = llama_sampler_sample(sampler, context, -1);
        return true;
    });
}

// A grammar costs by the token that it is asked about, and mostly allows one of the likely: those are asked about first.
bool ai_shim_sample_best(llama_sampler *grammar, llama_context *context, const llama_vocab *vocab, llama_token *ret,
                         ai_shim_reason *reason) {
    return guarded(reason, false, [&] {
        const float *logits = llama_get_logits_ith(context, -1);
        const size_t count = static_cast<size_t>(llama_vocab_n_tokens(vocab));
        std::vector<llama_token_data> all(count);
        if (!logits) return false;
        for (size_t i = 0; i < count; i++) all[i] = {static_cast<llama_token>(i), logits[i], 0};
        const auto before = [](const llama_token_data &a, const llama_token_data &b) {
            return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
        };
        for (size_t most : {std::min<size_t>(128, count), count}) {
            std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most), all.end(), before);
            std::vector<llama_token_data> asked(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most));
            llama_token_data_array array = {asked.data(), asked.size(), -1, true};
            llama_sampler_apply(grammar, &array);
            for (size_t i = 0; i < array.size; i++) {
                if (!std::isfinite(array.data[i].logit)) continue;
                *ret = array.data[i].id;
                llama_sampler_accept(grammar, *ret);
                return true;
            }
        }
        say(reason, "the grammar allows no token");
        return false;
    });
}

int32_t ai_shim_chat(const char *chat_template, const llama_chat_message *messages, size_t count, char *into,
                     int32_t into_bytes) {
    ai_shim_reason reason;
    return guarded(&reason, -1,
                   [&] { return llama_chat_apply_template(chat_template, messages, count, true, into, into_bytes); });
}

char *ai_shim_schema_grammar(const char *schema, size_t schema_bytes, ai_shim_reason *reason) {
    return guarded(reason, static_cast<char *>(nullptr), [&] {
        std::string grammar = json_schema_to_grammar(common_json::parse(std::string(schema, schema_bytes)), true);
        char *copy = strdup(grammar.c_str());
        if (!copy) throw std::bad_alloc();
        return copy;
    });
}
