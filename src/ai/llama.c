/* A model and its slots: contexts of llama.cpp, or rooms of bert.c for the models that it knows, which take from llama.cpp no more than
 * their words; each is used by one call at a time. For vectors a slot has one thread and takes one
 * batch after another, so that the threads never wait for each other (llama.cpp's own threads spin at a barrier after every step,
 * which on a busy machine costs most of the time). For answers there is one slot with all threads.
 * `lock` guards `busy` of the slots; all else of a model never changes. A slot belongs to whom it was given. */
#include "ai/llama.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "ai/bert.h"
#include "ai/llama_shim.h"

enum {
    EMBED_BATCH_TOKENS = 256, /* more in one batch is no faster */
    EMBED_BATCH_TEXTS = 64,
    GENERATE_BATCH_TOKENS = 512,
    PIECE_BYTES = 512,
    SLOT_LOOK_MS = 50, /* how often who waits looks whether it still may */
};

typedef struct token_list {
    llama_token *tokens; /* owned */
    size_t count, room;
} token_list;

typedef struct llama_slot {
    struct llama_context *context; /* NULL when there is a room */
    token_list held;               /* of the prompt that the context has read */
    struct llama_batch batch;
    ai_bert_room *room;
    ai_llama_limit limit; /* of the call that has it */
    bool busy;
} llama_slot;

struct ai_llama {
    ai_llama_kind kind;
    struct llama_model *model; /* without its weights when there is a bert */
    ai_bert *bert;
    const struct llama_vocab *vocab;
    const char *chat_template; /* borrowed from the model */
    bool strips_marks;         /* before llama.cpp does, which takes no Hangul apart and strips spacing marks as well */
    char name[256];
    ai_llama_facts facts;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    size_t slot_count;
    llama_slot slots[AI_LLAMA_THREADS_MAX];
};

/* --- opening ---------------------------------------------------------------- */

static lh_code llama_check_processor(lh_error *err) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
        __builtin_cpu_supports("bmi2"))
        return LH_OK;
    return lh_fail(err, LH_UNAVAILABLE,
                   "models in process need a processor with AVX2, FMA, F16C and BMI2; use an endpoint instead");
}

/* Refuses what is no GGUF file, and names the version: llama.cpp's own words for a wrong file say little. */
static lh_code llama_read_version(const char *path, char version[17], lh_error *err) {
    LH_CLEANUP(lh_fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lh_fail_errno(err, errno, "model '%s'", path);
    LH_CLEANUP(lh_sha256_stream_freep) lh_sha256_stream *stream = NULL;
    LH_TRY(lh_sha256_stream_new(&stream, err));
    LH_CLEANUP(lh_free_pointer) char *block = malloc(1 << 20);
    if (!block) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    for (bool first = true;; first = false) {
        ssize_t got = read(fd, block, 1 << 20);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lh_fail_errno(err, errno, "model '%s'", path);
        if (first && (got < 4 || memcmp(block, "GGUF", 4) != 0))
            return lh_fail(err, LH_INVALID, "'%s' is not a model: it is no GGUF file", path);
        if (got == 0) break;
        lh_sha256_stream_add(stream, (lh_str){block, (size_t)got});
    }
    lh_sha256 hash = lh_sha256_stream_end(stream);
    lh_hex(hash.bytes, 8, version);
    return LH_OK;
}

static lh_code llama_check_kind(const ai_llama *model, const char *path, lh_error *err) {
    char architecture[64] = "", key[96], pooling[16] = "";
    llama_model_meta_val_str(model->model, "general.architecture", architecture, sizeof architecture);
    snprintf(key, sizeof key, "%s.pooling_type", architecture);
    llama_model_meta_val_str(model->model, key, pooling, sizeof pooling);
    bool embeds = pooling[0] >= '1' && pooling[0] <= '3'; /* mean, first, last */
    if (model->kind == AI_LLAMA_EMBED)
        return embeds ? LH_OK
                      : lh_fail(err, LH_INVALID, "'%s' (%s) is no embedding model: it says no pooling", path,
                                architecture);
    if (embeds || !llama_model_has_decoder(model->model))
        return lh_fail(err, LH_INVALID, "'%s' (%s) is an embedding model: it writes no answers", path, architecture);
    struct llama_chat_message probe = {"user", "x"};
    if (!model->chat_template || ai_shim_chat(model->chat_template, &probe, 1, NULL, 0) < 0)
        return lh_fail(err, LH_INVALID, "'%s' (%s) has no chat template that llama.cpp knows", path, architecture);
    return LH_OK;
}

/* Models of word pieces do unless their file says no; ours (tools/minilm-to-gguf) says no to llama.cpp and yes to us. */
static bool llama_strips_marks(const ai_llama *model) {
    char theirs[8] = "", ours[8] = "";
    llama_model_meta_val_str(model->model, "tokenizer.ggml.normalizer.strip_accents", theirs, sizeof theirs);
    llama_model_meta_val_str(model->model, "lakehouse.strip_marks", ours, sizeof ours);
    return llama_vocab_type(model->vocab) == LLAMA_VOCAB_TYPE_WPM &&
           (strcmp(theirs, "false") != 0 || strcmp(ours, "true") == 0);
}

static lh_code llama_check_limit(const ai_llama_limit *limit, lh_error *err) {
    if (limit->cancelled && atomic_load(limit->cancelled)) return lh_fail(err, LH_CANCELLED, "cancelled");
    if (limit->deadline_ms && lh_time_monotonic_ms() >= limit->deadline_ms)
        return lh_fail(err, LH_UNAVAILABLE, "the model in process was not done within its time (ai.timeout_ms)");
    return LH_OK;
}

static bool llama_abort(void *of) {
    const llama_slot *slot = of;
    return llama_check_limit(&slot->limit, NULL) != LH_OK;
}

static lh_code llama_open_slot(ai_llama *model, uint32_t threads, lh_error *err) {
    llama_slot *slot = &model->slots[model->slot_count];
    bool embed = model->kind == AI_LLAMA_EMBED;
    uint32_t context = model->facts.context_tokens;
    uint32_t batch =
        embed ? context : GENERATE_BATCH_TOKENS; /* a text has to fit one batch: attention sees all of it */
    if (embed && batch < EMBED_BATCH_TOKENS) batch = EMBED_BATCH_TOKENS;
    if (model->bert) {
        LH_TRY(ai_bert_room_new(model->bert, batch, &slot->room, err));
        model->slot_count++;
        return LH_OK;
    }
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = embed ? batch : context;
    params.n_batch = params.n_ubatch = batch;
    params.n_seq_max = embed ? EMBED_BATCH_TEXTS : 1;
    params.n_threads = params.n_threads_batch = (int32_t)threads;
    params.embeddings = embed;
    params.kv_unified = embed; /* or n_ctx is shared out among the sequences */
    params.no_perf = true;
    params.abort_callback = llama_abort;
    params.abort_callback_data = slot;
    ai_shim_reason reason;
    slot->context = ai_shim_context(model->model, params, &reason);
    if (!slot->context)
        return lh_fail(err, LH_NO_MEMORY, "model '%s': %s", model->name, reason.text[0] ? reason.text : "no context");
    slot->batch = llama_batch_init((int32_t)batch, 0, 1);
    model->slot_count++;
    return LH_OK;
}

/* A file that bert.c does not read is llama.cpp's, and so is what to say of it. */
static lh_code llama_open_bert(ai_llama *model, const char *path, lh_error *err) {
    lh_error error = {0};
    if (ai_bert_open(path, &model->bert, &error) != LH_NO_MEMORY) return LH_OK;
    if (err) *err = error;
    return LH_NO_MEMORY;
}

lh_code ai_llama_open(lh_str path, ai_llama_kind kind, uint32_t threads, uint32_t context_tokens, ai_llama **ret,
                      lh_error *err) {
    if (threads < 1 || threads > AI_LLAMA_THREADS_MAX)
        return lh_fail(err, LH_INVALID, "a model has 1 to %d threads", AI_LLAMA_THREADS_MAX);
    LH_TRY(llama_check_processor(err));
    char file[4096], version[17];
    LH_TRY(lh_str_to_cstr(path, file, sizeof file, err));
    LH_TRY(llama_read_version(file, version, err));

    LH_CLEANUP(ai_llama_freep) ai_llama *model = calloc(1, sizeof *model);
    if (!model) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&model->lock, NULL);
    lh_cond_init(&model->freed);
    model->kind = kind;
    ai_shim_start();
    ai_shim_reason reason;
    if (kind == AI_LLAMA_EMBED) LH_TRY(llama_open_bert(model, file, err));
    model->model = ai_shim_model(file, model->bert != NULL, &reason);
    if (!model->model) return lh_fail(err, LH_CORRUPT, "model '%s' cannot be read: %s", file, reason.text);
    model->vocab = llama_model_get_vocab(model->model);
    model->strips_marks = llama_strips_marks(model);
    model->chat_template = llama_model_chat_template(model->model, NULL);
    LH_TRY(llama_check_kind(model, file, err));
    if (llama_model_meta_val_str(model->model, "general.name", model->name, sizeof model->name) <= 0) {
        lh_str base = path;
        for (lh_str rest = path; rest.len > 0;) base = lh_str_split(&rest, '/');
        snprintf(model->name, sizeof model->name, "%.*s", LH_STR_ARG(base));
    }
    ai_bert_facts numbers = {.dimensions = (uint32_t)llama_model_n_embd_out(model->model),
                             .context_tokens = (uint32_t)llama_model_n_ctx_train(model->model)};
    if (model->bert) numbers = ai_bert_about(model->bert);
    uint32_t trained = numbers.context_tokens;
    model->facts = (ai_llama_facts){
        .name = lh_str_from(model->name),
        .dimensions = numbers.dimensions,
        .context_tokens = context_tokens == 0 || context_tokens > trained ? trained : context_tokens,
    };
    memcpy(model->facts.version, version, sizeof version);
    for (uint32_t i = 0; i < (kind == AI_LLAMA_EMBED ? threads : 1); i++)
        LH_TRY(llama_open_slot(model, kind == AI_LLAMA_EMBED ? 1 : threads, err));
    *ret = lh_take(&model);
    return LH_OK;
}

void ai_llama_free(ai_llama *model) {
    if (!model) return;
    for (size_t i = 0; i < model->slot_count; i++) {
        if (model->slots[i].context) llama_batch_free(model->slots[i].batch);
        free(model->slots[i].held.tokens);
        llama_free(model->slots[i].context);
        ai_bert_room_free(model->slots[i].room);
    }
    llama_model_free(model->model);
    ai_bert_free(model->bert);
    pthread_cond_destroy(&model->freed);
    pthread_mutex_destroy(&model->lock);
    free(model);
}

ai_llama_facts ai_llama_about(const ai_llama *model) { return model->facts; }

static llama_slot *llama_find_slot_locked(ai_llama *model) {
    for (size_t i = 0; i < model->slot_count; i++)
        if (!model->slots[i].busy) return &model->slots[i];
    return NULL;
}

static lh_code llama_take_slot(ai_llama *model, const ai_llama_limit *limit, llama_slot **ret, lh_error *err) {
    llama_slot *slot = NULL;
    lh_code code;
    pthread_mutex_lock(&model->lock);
    while ((code = llama_check_limit(limit, err)) == LH_OK && !(slot = llama_find_slot_locked(model))) {
        const struct timespec until = lh_time_after_ms(SLOT_LOOK_MS);
        (void)pthread_cond_timedwait(&model->freed, &model->lock, &until);
    }
    if (slot) {
        slot->busy = true;
        slot->limit = *limit;
        *ret = slot;
    }
    pthread_mutex_unlock(&model->lock);
    return code;
}

static void llama_give_slot(ai_llama *model, llama_slot *slot) {
    pthread_mutex_lock(&model->lock);
    slot->busy = false;
    slot->limit = (ai_llama_limit){0};
    pthread_cond_signal(&model->freed);
    pthread_mutex_unlock(&model->lock);
}

/* --- tokens ----------------------------------------------------------------- */

static lh_code llama_tokens(const ai_llama *model, lh_str text, bool special, llama_token **ret, size_t *ret_count,
                            lh_error *err) {
    if (text.len > AI_LLAMA_TEXT_BYTES)
        return lh_fail(err, LH_LIMIT, "a text has %zu bytes, the limit is %d", text.len, AI_LLAMA_TEXT_BYTES);
    LH_CLEANUP(lh_buf_done) lh_buf plain = LH_BUF_INIT(4 * (size_t)AI_LLAMA_TEXT_BYTES);
    if (model->strips_marks) {
        lh_buf_without_marks(&plain, text);
        LH_TRY(lh_buf_check(&plain, err));
        text = lh_buf_str(&plain);
    }
    if (!ai_shim_tokenize(model->vocab, text.ptr ? text.ptr : "", text.len, special, false, ret, ret_count))
        return lh_fail(err, LH_NO_MEMORY, "a text of %zu bytes cannot be cut into tokens", text.len);
    return LH_OK;
}

lh_code ai_llama_count_tokens(ai_llama *model, lh_str text, uint64_t *ret, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) llama_token *tokens = NULL;
    size_t count = 0;
    LH_TRY(llama_tokens(model, text, true, &tokens, &count, err));
    *ret = count;
    return LH_OK;
}

/* --- vectors ---------------------------------------------------------------- */

typedef struct embed_text {
    llama_token *tokens; /* owned */
    uint32_t count;
    size_t place; /* in the caller's order */
} embed_text;

typedef struct embed_work {
    ai_llama *model;
    embed_text *texts; /* by length */
    size_t text_count;
    ai_llama_limit limit;
    uint64_t batch_ms;
    float *into;
    pthread_mutex_t lock; /* guards next, code, error */
    size_t next;          /* the first text that nobody has */
    lh_code code;
    lh_error error;
} embed_work;

static int embed_by_length(const void *left, const void *right) {
    const embed_text *a = left, *b = right;
    return a->count != b->count ? (a->count < b->count ? 1 : -1) : (a->place > b->place) - (a->place < b->place);
}

static void embed_texts_free(embed_work *work) {
    for (size_t i = 0; work->texts && i < work->text_count; i++) free(work->texts[i].tokens);
    free(work->texts);
    pthread_mutex_destroy(&work->lock);
}

/* The texts of the next batch: false when there are none, or somebody failed. */
static bool embed_next(embed_work *work, size_t *ret_from, size_t *ret_count) {
    pthread_mutex_lock(&work->lock);
    size_t from = work->next, tokens = 0;
    while (work->code == LH_OK && work->next < work->text_count && work->next - from < EMBED_BATCH_TEXTS) {
        tokens += work->texts[work->next].count;
        if (work->next > from && tokens > EMBED_BATCH_TOKENS) break;
        work->next++;
    }
    *ret_from = from;
    *ret_count = work->code == LH_OK ? work->next - from : 0;
    pthread_mutex_unlock(&work->lock);
    return *ret_count > 0;
}

static lh_code embed_normalize(const float *vector, uint32_t dimensions, float *into, lh_error *err) {
    double sum = 0;
    for (uint32_t i = 0; i < dimensions; i++) sum += (double)vector[i] * (double)vector[i];
    if (!isfinite(sum)) return lh_fail(err, LH_INTERNAL, "the model gave a vector that is no number");
    float scale = sum > 0 ? (float)(1 / sqrt(sum)) : 0;
    for (uint32_t i = 0; i < dimensions; i++) into[i] = vector[i] * scale;
    return LH_OK;
}

static lh_code embed_batch_by_bert(embed_work *work, llama_slot *slot, size_t from, size_t count, lh_error *err) {
    uint32_t dimensions = work->model->facts.dimensions;
    ai_bert_text texts[EMBED_BATCH_TEXTS];
    for (size_t i = 0; i < count; i++) {
        const embed_text *text = &work->texts[from + i];
        texts[i] = (ai_bert_text){text->tokens, text->count, work->into + text->place * dimensions};
    }
    LH_TRY(ai_bert_embed(work->model->bert, slot->room, texts, count, err));
    for (size_t i = 0; i < count; i++) LH_TRY(embed_normalize(texts[i].into, dimensions, texts[i].into, err));
    return LH_OK;
}

static lh_code embed_batch(embed_work *work, llama_slot *slot, size_t from, size_t count, lh_error *err) {
    if (work->model->bert) return embed_batch_by_bert(work, slot, from, count, err);
    struct llama_batch *batch = &slot->batch;
    batch->n_tokens = 0;
    for (size_t text = 0; text < count; text++) {
        for (uint32_t i = 0; i < work->texts[from + text].count; i++) {
            int32_t at = batch->n_tokens++;
            batch->token[at] = work->texts[from + text].tokens[i];
            batch->pos[at] = (llama_pos)i;
            batch->n_seq_id[at] = 1;
            batch->seq_id[at][0] = (llama_seq_id)text;
            batch->logits[at] = 1;
        }
    }
    ai_shim_reason reason;
    if (ai_shim_encode(slot->context, *batch, &reason) != 0) {
        LH_TRY(llama_check_limit(&slot->limit, err));
        return lh_fail(err, LH_INTERNAL, "embedding failed: %s", reason.text);
    }
    uint32_t dimensions = work->model->facts.dimensions;
    for (size_t text = 0; text < count; text++) {
        const float *vector = llama_get_embeddings_seq(slot->context, (llama_seq_id)text);
        if (!vector) return lh_fail(err, LH_INTERNAL, "embedding failed: a text has no vector");
        LH_TRY(embed_normalize(vector, dimensions, work->into + work->texts[from + text].place * dimensions, err));
    }
    return LH_OK;
}

/* A slot is taken for each batch anew: calls take turns. */
static lh_code embed_take_batch(embed_work *work, size_t from, size_t count, lh_error *err) {
    ai_llama_limit limit = work->limit;
    uint64_t until = lh_time_monotonic_ms() + work->batch_ms;
    if (work->batch_ms && (!limit.deadline_ms || until < limit.deadline_ms)) limit.deadline_ms = until;
    llama_slot *slot = NULL;
    LH_TRY(llama_take_slot(work->model, &limit, &slot, err));
    lh_code code = embed_batch(work, slot, from, count, err);
    llama_give_slot(work->model, slot);
    return code;
}

static void *embed_run(void *of) {
    embed_work *work = of;
    for (size_t from, count; embed_next(work, &from, &count);) {
        lh_error error = {0};
        lh_code code = embed_take_batch(work, from, count, &error);
        if (code == LH_OK) continue;
        pthread_mutex_lock(&work->lock);
        if (work->code == LH_OK) {
            work->code = code;
            work->error = error;
        }
        pthread_mutex_unlock(&work->lock);
    }
    return NULL;
}

static lh_code embed_prepare(embed_work *work, const lh_str *texts, size_t count, ai_llama_embedded *ret,
                             lh_error *err) {
    uint32_t most = work->model->facts.context_tokens;
    for (size_t i = 0; i < count; i++) {
        LH_TRY(llama_check_limit(&work->limit, err));
        embed_text *text = &work->texts[i];
        size_t tokens = 0;
        text->place = i;
        LH_TRY(llama_tokens(work->model, texts[i], true, &text->tokens, &tokens, err));
        if (tokens == 0) return lh_fail(err, LH_INVALID, "text %zu has no token", i + 1);
        if (tokens > most) { /* the model's end mark stays the last */
            text->tokens[most - 1] = text->tokens[tokens - 1];
            llama_token *cut = realloc(text->tokens, most * sizeof *cut);
            if (cut) text->tokens = cut;
            tokens = most;
            ret->truncated++;
        }
        text->count = (uint32_t)tokens;
        ret->tokens += tokens;
    }
    qsort(work->texts, count, sizeof *work->texts,
          embed_by_length); /* the longest first: the last batches are short ones */
    return LH_OK;
}

lh_code ai_llama_embed(ai_llama *model, const lh_str *texts, size_t count, ai_llama_limit limit, uint64_t batch_ms,
                       float *into, ai_llama_embedded *ret, lh_error *err) {
    LH_CLEANUP(embed_texts_free)
    embed_work work = {
        .model = model, .limit = limit, .batch_ms = batch_ms, .into = into, .lock = PTHREAD_MUTEX_INITIALIZER};
    if (model->kind != AI_LLAMA_EMBED) return lh_fail(err, LH_INVALID, "model '%s' makes no vectors", model->name);
    work.texts = calloc(count ? count : 1, sizeof *work.texts);
    if (!work.texts) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    work.text_count = count;
    ai_llama_embedded done = {0};
    LH_TRY(embed_prepare(&work, texts, count, &done, err));
    size_t helpers = (size_t)(done.tokens / EMBED_BATCH_TOKENS), started = 0; /* beside this thread */
    if (helpers > model->slot_count - 1) helpers = model->slot_count - 1;
    pthread_t threads[AI_LLAMA_THREADS_MAX];
    while (started < helpers && pthread_create(&threads[started], NULL, embed_run, &work) == 0) started++;
    embed_run(&work); /* alone, when no thread could be made */
    for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    if (work.code != LH_OK) {
        if (err) *err = work.error;
        return work.code;
    }
    *ret = done;
    return LH_OK;
}

/* --- answers ---------------------------------------------------------------- */

static void token_list_done(token_list *list) { free(list->tokens); }

static lh_code token_list_add(token_list *list, const llama_token *tokens, size_t count, lh_error *err) {
    if (list->room - list->count < count) {
        size_t room = (list->count + count) * 2;
        llama_token *grown = realloc(list->tokens, room * sizeof *grown);
        if (!grown) return lh_fail(err, LH_NO_MEMORY, "out of memory");
        list->tokens = grown;
        list->room = room;
    }
    memcpy(list->tokens + list->count, tokens, count * sizeof *tokens);
    list->count += count;
    return LH_OK;
}

/* `marks`: text of the template, whose words for tokens are such tokens. A message's own are text. */
static lh_code generate_add_text(const ai_llama *model, lh_str text, bool first, bool marks, token_list *into,
                                 lh_error *err) {
    LH_CLEANUP(lh_free_pointer) llama_token *tokens = NULL;
    size_t count = 0;
    if (text.len == 0 && !first) return LH_OK;
    if (!ai_shim_tokenize(model->vocab, text.ptr ? text.ptr : "", text.len, first, marks, &tokens, &count))
        return lh_fail(err, LH_NO_MEMORY, "a text of %zu bytes cannot be cut into tokens", text.len);
    return token_list_add(into, tokens, count, err);
}

/* The template is applied to place holders, and the messages are put in as tokens: so no message can end its own turn. */
static lh_code generate_prompt(const ai_llama *model, const ai_llama_message *messages, size_t count, lh_arena *arena,
                               token_list *into, lh_error *err) {
    if (count == 0 || count > AI_LLAMA_MESSAGES_MAX)
        return lh_fail(err, LH_INVALID, "1 to %d messages, not %zu", AI_LLAMA_MESSAGES_MAX, count);
    struct llama_chat_message *turns = LH_ARENA_ARRAY(arena, struct llama_chat_message, count);
    lh_str *holders = LH_ARENA_ARRAY(arena, lh_str, count);
    LH_TRY(lh_arena_check(arena, err));
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        lh_str role = messages[i].role;
        if (!lh_str_eq(role, LH_STR("system")) && !lh_str_eq(role, LH_STR("user")) &&
            !lh_str_eq(role, LH_STR("assistant")))
            return lh_fail(err, LH_INVALID, "message %zu: the role is 'system', 'user' or 'assistant'", i + 1);
        bytes += messages[i].content.len;
        if (messages[i].content.len > AI_LLAMA_TEXT_BYTES || bytes > AI_LLAMA_TEXT_BYTES)
            return lh_fail(err, LH_LIMIT, "the messages have more than %d bytes", AI_LLAMA_TEXT_BYTES);
        holders[i] = lh_arena_printf(arena, "\x02%zu\x03", i);
        turns[i] = (struct llama_chat_message){lh_arena_cstr(arena, role), lh_arena_cstr(arena, holders[i])};
    }
    LH_TRY(lh_arena_check(arena, err));
    int32_t room = ai_shim_chat(model->chat_template, turns, count, NULL, 0);
    char *rendered = room < 0 ? NULL : lh_arena_alloc(arena, (size_t)room + 1);
    if (!rendered) return lh_fail(err, LH_INTERNAL, "the chat template cannot be applied");
    ai_shim_chat(model->chat_template, turns, count, rendered, room + 1);
    lh_str rest = {rendered, (size_t)room};
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        size_t at = lh_str_search(rest, holders[i]);
        if (at == SIZE_MAX)
            return lh_fail(err, LH_INVALID, "message %zu: the model's chat template has no place for it", i + 1);
        LH_TRY(generate_add_text(model, lh_str_sub(rest, 0, at), first, true, into, err));
        LH_TRY(generate_add_text(model, messages[i].content, false, false, into, err));
        rest = lh_str_sub(rest, at + holders[i].len, rest.len);
        first = false;
    }
    return generate_add_text(model, rest, false, true, into, err);
}

static void generate_sampler_freep(struct llama_sampler **sampler) {
    if (*sampler) llama_sampler_free(*sampler);
}

/* Then the sampler is the grammar alone. */
static bool generate_is_best(const ai_llama_options *options) {
    return options->grammar.len > 0 && !(options->temperature > 0);
}

static lh_code generate_sampler(const ai_llama *model, const ai_llama_options *options, lh_arena *arena,
                                struct llama_sampler **ret, lh_error *err) {
    LH_CLEANUP(generate_sampler_freep)
    struct llama_sampler *chain = llama_sampler_chain_init(llama_sampler_chain_default_params());
    if (options->grammar.len > 0) {
        if (memchr(options->grammar.ptr, 0, options->grammar.len))
            return lh_fail(err, LH_INVALID, "the grammar holds a NUL byte");
        const char *text = lh_arena_cstr(arena, options->grammar);
        LH_TRY(lh_arena_check(arena, err));
        ai_shim_reason reason;
        struct llama_sampler *grammar = ai_shim_grammar(model->vocab, text, &reason);
        if (!grammar)
            return lh_fail(err, LH_INVALID, "the grammar is wrong: %s",
                           reason.text[0] ? reason.text : "it has no rule 'root'");
        if (generate_is_best(options)) return *ret = grammar, LH_OK;
        llama_sampler_chain_add(chain, grammar);
    }
    if (!(options->temperature > 0)) {
        llama_sampler_chain_add(chain, llama_sampler_init_greedy());
    } else {
        if (options->top_p > 0) llama_sampler_chain_add(chain, llama_sampler_init_top_p((float)options->top_p, 1));
        llama_sampler_chain_add(chain, llama_sampler_init_temp((float)options->temperature));
        llama_sampler_chain_add(chain, llama_sampler_init_dist(options->seed));
    }
    *ret = lh_take(&chain);
    return LH_OK;
}

/* What the model wrote: `text` is whole characters of which `sent` bytes have been given away, `raw` the bytes of one not yet whole. */
typedef struct generate_text {
    lh_buf text;
    size_t sent;
    char raw[PIECE_BYTES + 4];
    size_t raw_bytes;
    bool stopped; /* by a text to stop at, which has been cut off */
} generate_text;

static void generate_text_done(generate_text *text) { lh_buf_done(&text->text); }

static void generate_take_characters(generate_text *out) {
    size_t done = 0;
    for (;;) {
        lh_str rest = {out->raw + done, out->raw_bytes - done};
        size_t whole = lh_str_utf8_prefix(rest);
        lh_buf_append(&out->text, lh_str_sub(rest, 0, whole));
        done += whole;
        if (out->raw_bytes - done < 4) break;              /* perhaps the begin of a character */
        lh_buf_append(&out->text, LH_STR("\xEF\xBF\xBD")); /* four bytes that begin none */
        done++;
    }
    memmove(out->raw, out->raw + done, out->raw_bytes - done);
    out->raw_bytes -= done;
}

/* Gives away what is certain: not what may be the begin of a text to stop at. */
static lh_code generate_send(generate_text *out, const ai_llama_options *options, bool last, lh_error *err) {
    LH_TRY(lh_buf_check(&out->text, err));
    lh_str fresh = lh_str_sub(lh_buf_str(&out->text), out->sent, out->text.len);
    size_t keep = 0, stop_at = SIZE_MAX;
    for (size_t i = 0; i < options->stop_count; i++) {
        size_t at = lh_str_search(fresh, options->stops[i]);
        if (at < stop_at) stop_at = at;
        for (size_t part = options->stops[i].len - 1; part > keep; part--)
            if (part <= fresh.len && lh_str_ends(fresh, lh_str_sub(options->stops[i], 0, part))) keep = part;
    }
    if (stop_at != SIZE_MAX) {
        out->text.len = out->sent + stop_at;
        out->stopped = true;
        fresh.len = stop_at;
    } else if (!last) {
        fresh.len -= keep;
    }
    out->sent += fresh.len;
    if (fresh.len > 0 && options->on_piece) return options->on_piece(options->ctx, fresh, err);
    return LH_OK;
}

static lh_code generate_decode(llama_slot *slot, llama_token *tokens, size_t count, lh_error *err) {
    for (size_t from = 0; from < count; from += GENERATE_BATCH_TOKENS) {
        size_t part = count - from < GENERATE_BATCH_TOKENS ? count - from : GENERATE_BATCH_TOKENS;
        LH_TRY(llama_check_limit(&slot->limit, err));
        ai_shim_reason reason;
        if (ai_shim_decode(slot->context, llama_batch_get_one(tokens + from, (int32_t)part), &reason) != 0) {
            LH_TRY(llama_check_limit(&slot->limit, err));
            return lh_fail(err, LH_INTERNAL, "the model failed: %s", reason.text);
        }
    }
    return LH_OK;
}

/* The prompt, of which the context keeps what it has of the one before: a schema, a conversation. Whole batches only, so that a text is computed in
 * the same parts, and to the same bits, whatever was asked before it. */
static lh_code generate_read(llama_slot *slot, token_list *prompt, uint64_t *ret_kept, lh_error *err) {
    size_t same = 0, most = prompt->count - 1; /* the last is read again: what follows it is wanted */
    while (same < slot->held.count && same < most && slot->held.tokens[same] == prompt->tokens[same]) same++;
    same -= same % GENERATE_BATCH_TOKENS;
    slot->held.count = 0;
    if (!llama_memory_seq_rm(llama_get_memory(slot->context), 0, (llama_pos)same, -1)) {
        llama_memory_clear(llama_get_memory(slot->context), false);
        same = 0;
    }
    *ret_kept = same;
    LH_TRY(generate_decode(slot, prompt->tokens + same, prompt->count - same, err));
    return token_list_add(&slot->held, prompt->tokens, prompt->count, err);
}

static lh_code generate_run(ai_llama *model, llama_slot *slot, token_list *prompt, struct llama_sampler *sampler,
                            const ai_llama_options *options, generate_text *out, ai_llama_answer *answer,
                            lh_error *err) {
    uint64_t most = model->facts.context_tokens - prompt->count;
    if (options->max_tokens > 0 && options->max_tokens < most) most = options->max_tokens;
    LH_TRY(generate_read(slot, prompt, &answer->kept_tokens, err));
    answer->finish = AI_LLAMA_LENGTH;
    while (answer->completion_tokens < most) {
        llama_token token = 0;
        ai_shim_reason reason;
        if (!(generate_is_best(options) ? ai_shim_sample_best(sampler, slot->context, model->vocab, &token, &reason)
                                        : ai_shim_sample(sampler, slot->context, &token, &reason)))
            return lh_fail(err, LH_INTERNAL, "the model failed: %s", reason.text);
        answer->completion_tokens++;
        if (llama_vocab_is_eog(model->vocab, token)) {
            answer->finish = AI_LLAMA_STOPPED;
            break;
        }
        int32_t bytes = llama_token_to_piece(model->vocab, token, out->raw + out->raw_bytes, PIECE_BYTES, 0, false);
        if (bytes > 0) out->raw_bytes += (size_t)bytes;
        generate_take_characters(out);
        LH_TRY(generate_send(out, options, false, err));
        if (out->stopped) {
            answer->finish = AI_LLAMA_STOPPED;
            return LH_OK;
        }
        if (answer->completion_tokens < most) LH_TRY(generate_decode(slot, &token, 1, err));
    }
    return generate_send(out, options, true, err);
}

lh_code ai_llama_generate(ai_llama *model, const ai_llama_message *messages, size_t count,
                          const ai_llama_options *options, lh_arena *arena, ai_llama_answer *ret, lh_error *err) {
    if (model->kind != AI_LLAMA_GENERATE) return lh_fail(err, LH_INVALID, "model '%s' writes no answers", model->name);
    if (options->stop_count > AI_LLAMA_STOPS_MAX)
        return lh_fail(err, LH_INVALID, "at most %d texts to stop at", AI_LLAMA_STOPS_MAX);
    for (size_t i = 0; i < options->stop_count; i++)
        if (options->stops[i].len == 0 || options->stops[i].len > AI_LLAMA_STOP_BYTES)
            return lh_fail(err, LH_INVALID, "a text to stop at has 1 to %d bytes", AI_LLAMA_STOP_BYTES);
    LH_CLEANUP(token_list_done) token_list prompt = {0};
    LH_CLEANUP(generate_sampler_freep) struct llama_sampler *sampler = NULL;
    LH_CLEANUP(generate_text_done) generate_text out = {.text = LH_BUF_INIT(AI_LLAMA_TEXT_BYTES)};
    LH_TRY(generate_prompt(model, messages, count, arena, &prompt, err));
    if (prompt.count >= model->facts.context_tokens)
        return lh_fail(err, LH_LIMIT, "the messages have %zu tokens, the model's context %u", prompt.count,
                       model->facts.context_tokens);
    LH_TRY(generate_sampler(model, options, arena, &sampler, err));
    ai_llama_answer answer = {.prompt_tokens = prompt.count};
    llama_slot *slot = NULL;
    LH_TRY(llama_take_slot(model, &options->limit, &slot, err));
    lh_code code = generate_run(model, slot, &prompt, sampler, options, &out, &answer, err);
    llama_give_slot(model, slot);
    LH_TRY(code);
    answer.text = lh_arena_dup(arena, lh_buf_str(&out.text));
    LH_TRY(lh_arena_check(arena, err));
    *ret = answer;
    return LH_OK;
}

static const char *llama_class(char letter) { /* what \d, \w and \s are within [] */
    return letter == 'd' ? "0-9" : letter == 'w' ? "A-Za-z0-9_" : letter == 's' ? " " : NULL;
}

/* Appends the JSON string of a pattern, from behind its opening quote, with the classes that llama.cpp does not know written out: a
 * pattern with one of them it would pass over in silence. Returns how many bytes were read, up to the closing quote. */
static size_t llama_pattern(lh_str text, lh_buf *out) {
    bool within = false; /* [] */
    size_t at = 0;
    while (at < text.len && text.ptr[at] != '"') {
        lh_str rest = lh_str_sub(text, at, SIZE_MAX);
        bool escape = lh_str_starts(rest, LH_STR("\\\\")) && rest.len > 2; /* the pattern's own, as JSON has it */
        const char *class = escape ? llama_class(rest.ptr[2]) : NULL;
        size_t length = rest.ptr[0] == '\\' ? 2 : 1;
        if (escape && rest.ptr[2] != '"') length = rest.ptr[2] == '\\' ? 4 : 3;
        if (class) lh_buf_printf(out, within ? "%s" : "[%s]", class);
        else lh_buf_append(out, lh_str_sub(rest, 0, length));
        if (length == 1) within = rest.ptr[0] == '[' || (within && rest.ptr[0] != ']');
        at += length;
    }
    return at;
}

/* A quote within a string of JSON is escaped, so that this is found only where a member begins. */
static lh_code llama_patterns(lh_str schema, lh_arena *arena, lh_str *ret, lh_error *err) {
    const lh_str member = LH_STR("\"pattern\":\"");
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(8 * schema.len);
    for (size_t found; (found = lh_str_search(schema, member)) != SIZE_MAX;) {
        lh_buf_append(&out, lh_str_sub(schema, 0, found + member.len));
        schema = lh_str_sub(schema, found + member.len, SIZE_MAX);
        schema = lh_str_sub(schema, llama_pattern(schema, &out), SIZE_MAX);
    }
    lh_buf_append(&out, schema);
    LH_TRY(lh_buf_check(&out, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&out));
    return lh_arena_check(arena, err);
}

lh_code ai_json_schema_to_grammar(lh_str schema, lh_arena *arena, lh_str *ret, lh_error *err) {
    ai_shim_reason reason;
    LH_TRY(llama_patterns(schema, arena, &schema, err));
    LH_CLEANUP(lh_free_pointer)
    char *grammar = ai_shim_schema_grammar(schema.ptr ? schema.ptr : "", schema.len, &reason);
    if (!grammar) return lh_fail(err, LH_INVALID, "the JSON schema makes no grammar: %s", reason.text);
    lh_str copy = lh_arena_dup(arena, lh_str_from(grammar));
    LH_TRY(lh_arena_check(arena, err));
    *ret = copy;
    return LH_OK;
}
