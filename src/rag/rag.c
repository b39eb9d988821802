/* The way of a question: read → its conversation → what is searched → passages (retrieve.c) → those that fit (prompt.c) → an answer, by
 * a model or from the passages' own sentences (extract.c) → what of it may be shown (answer.c, links.c) → is it said there (support.c).
 * Without a passage of use no model is asked: it would make something up. */
#include "rag/rag_internal.h"

#include <stdarg.h>
#include <stdio.h>

enum { RAG_REWRITE_TOKENS = 128 };

/* ---- the module ---- */

static lh_code rag_try_locale(lh_str locale, lh_error *err) {
    LH_CLEANUP(lh_breaks_freep) lh_breaks *sentences = NULL;
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    LH_TRY(lh_breaks_new(LH_BREAKS_SENTENCES, locale, &sentences, err));
    return lh_terms_new(locale, &terms, err);
}

lh_code lh_rag_new(const lh_rag_options *options, lh_rag **ret, lh_error *err) {
    LH_TRY(rag_try_locale(options->locale, err));
    LH_CLEANUP(lh_rag_freep) lh_rag *rag = calloc(1, sizeof *rag);
    if (!rag) return lh_fail(err, LH_NO_MEMORY, "rag: out of memory");
    pthread_mutex_init(&rag->lock, NULL);
    rag->vector = options->vector;
    rag->ai = options->ai;
    rag->context_tokens = options->context_tokens;
    rag->talks = options->conversation_turns > 0 && options->conversations_per_principal > 0;
    if (lh_str_dup(options->locale, &rag->locale) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "rag: out of memory");
    const rag_talk_limits limits = {.turns = options->conversation_turns,
                                    .per_principal = options->conversations_per_principal,
                                    .bytes = options->conversations_bytes,
                                    .ttl_ms = options->conversation_ttl_ms};
    LH_TRY(rag_talk_new(limits, &rag->talk, err));
    *ret = lh_take(&rag);
    return LH_OK;
}

void lh_rag_free(lh_rag *rag) {
    if (!rag) return;
    rag_talk_free(rag->talk);
    lh_str_free(rag->locale);
    pthread_mutex_destroy(&rag->lock);
    free(rag);
}

lh_rag_stats lh_rag_get_stats(lh_rag *rag) {
    pthread_mutex_lock(&rag->lock);
    lh_rag_stats stats = rag->stats;
    pthread_mutex_unlock(&rag->lock);
    rag_talk_count(rag->talk, lh_time_monotonic_ms(), &stats.conversations, &stats.conversation_bytes);
    return stats;
}

/* ---- of one call ---- */

void rag_warn(rag_run *run, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    lh_json_append(run->warnings, lh_json_new_string(run->arena, lh_str_from(text)));
}

lh_ai_call rag_call(const rag_run *run) {
    return (lh_ai_call){.principal = run->caller->reader.by, .cancelled = lh_cancel_flag(run->caller->reader.cancel)};
}

typedef struct {
    rag_run run;
    rag_turn *turns;
    size_t turn_count;
    lh_str conversation; /* its id; empty: none is kept */
    lh_uuid id;          /* of a new one */
    bool generates, no_answer;
    lh_ai_text text; /* of the model */
    lh_str answer;   /* as it was said */
} rag_answering;

/* The question as it is searched: by a model, which knows the talk, or with the question before it. */
static lh_code rag_rewrite(rag_answering *a, lh_error *err) {
    rag_run *run = &a->run;
    lh_ai_prompt prompt = {.has_temperature = true, .max_tokens = RAG_REWRITE_TOKENS};
    lh_ai_message *messages = NULL;
    lh_ai_call call = rag_call(run);
    lh_ai_text text;
    run->query = run->asked.question;
    if (a->turn_count == 0) return LH_OK;
    lh_str before = a->turns[a->turn_count - 1].question;
    run->query = lh_arena_printf(run->arena, "%.*s %.*s", LH_STR_ARG(before), LH_STR_ARG(run->asked.question));
    LH_TRY(lh_arena_check(run->arena, err));
    if (!a->generates) return LH_OK;
    LH_TRY(rag_prompt_rewrite(run, a->turns, a->turn_count, &messages, &prompt.message_count, err));
    prompt.messages = messages;
    LH_TRY(lh_ai_generate(run->rag->ai, &call, &prompt, NULL, NULL, run->arena, &text, err));
    lh_str rest = lh_str_trim(text.text), line = lh_str_trim(lh_str_split(&rest, '\n'));
    if (line.len && line.len <= RAG_QUESTION_BYTES) run->query = line;
    return LH_OK;
}

static lh_code rag_converse(rag_answering *a, lh_error *err) {
    rag_run *run = &a->run;
    lh_str id = run->asked.conversation_id;
    if (id.len == 0) return LH_OK;
    if (!run->rag->talks)
        return lh_fail(err, LH_INVALID, "'conversation_id': no conversations are kept (rag.conversation_turns is 0)");
    a->conversation = id;
    if (!lh_str_eq(id, LH_STR("new")))
        return rag_talk_turns(run->rag->talk, id, run->caller->reader.by, lh_time_monotonic_ms(), run->arena, &a->turns,
                              &a->turn_count, err);
    a->id = lh_uuid_new();
    a->conversation = lh_uuid_str(&a->id);
    return LH_OK;
}

/* Will a model be asked? Who may not is told so, and not given something else instead. */
static lh_code rag_choose(rag_answering *a, lh_error *err) {
    rag_run *run = &a->run;
    const lh_ai_call call = rag_call(run);
    bool has = lh_ai_has(run->rag->ai, LH_AI_GENERATE, &call);
    a->generates = run->asked.generate && has;
    if (a->generates && !run->caller->may_generate)
        return lh_fail(
            err, LH_DENIED,
            "an answer of a model needs a grant to read the tool 'ai'; with \"generate\": false it is made of "
            "the passages' own sentences");
    if (!a->generates)
        rag_warn(run, run->asked.generate
                          ? "no model that generates is configured (ai.generate_provider): the answer is "
                            "made of the passages' own sentences"
                          : "the answer is made of the passages' own sentences");
    return LH_OK;
}

/* ---- what is told ---- */

static lh_json *rag_citations(const rag_run *run) {
    lh_arena *arena = run->arena;
    lh_json *list = lh_json_new_array(arena);
    for (size_t i = 0; i < run->passage_count; i++) {
        const rag_passage *p = &run->passages[i];
        lh_json *item = lh_json_new_object(arena);
        lh_json_set_uint(arena, item, "n", i + 1);
        lh_json_set_string(arena, item, "index", run->asked.indexes[p->at]);
        lh_json_set_string(arena, item, "dataset", p->dataset);
        lh_json_set(arena, item, "id", lh_json_copy(arena, p->id));
        lh_json_set_int(arena, item, "chunk", p->chunk);
        lh_json_set_int(arena, item, "start", p->start);
        lh_json_set_int(arena, item, "end", p->end);
        lh_json_set_string(arena, item, "text", p->text);
        lh_json_set(arena, item, "score", lh_json_new_real(arena, p->score));
        lh_json_set(arena, item, "columns", lh_json_copy(arena, p->columns));
        lh_json_append(list, item);
    }
    return list;
}

static lh_json *rag_context(const rag_run *run) {
    lh_json *context = lh_json_new_object(run->arena);
    lh_json_set_uint(run->arena, context, "passages", run->passage_count);
    lh_json_set_uint(run->arena, context, "tokens", run->context_tokens);
    lh_json_set_uint(run->arena, context, "dropped", run->dropped);
    return context;
}

static lh_code rag_announce(const rag_run *run, lh_error *err) {
    lh_json *data = lh_json_new_object(run->arena);
    if (!run->events) return LH_OK;
    lh_json_set(run->arena, data, "citations", rag_citations(run));
    lh_json_set(run->arena, data, "context", rag_context(run));
    LH_TRY(lh_arena_check(run->arena, err));
    return run->events->on_citations(run->events->ctx, data, err);
}

static void rag_tell_model(const rag_answering *a, lh_json *into) {
    lh_arena *arena = a->run.arena;
    lh_json *usage = lh_json_new_object(arena);
    bool asked = a->text.model.name.len > 0;
    lh_json_set_uint(arena, usage, "prompt_tokens", a->text.prompt_tokens);
    lh_json_set_uint(arena, usage, "tokens", a->text.tokens);
    lh_json_set(arena, into, "model", asked ? lh_ai_model_json(&a->text.model, arena) : lh_json_new_null(arena));
    lh_json_set(arena, into, "usage", asked ? usage : lh_json_new_null(arena));
}

/* ---- the answer ---- */

static lh_code rag_generate(rag_answering *a, lh_error *err) {
    rag_run *run = &a->run;
    rag_boundary boundary = rag_boundary_new();
    lh_ai_prompt prompt = {.has_temperature = true,
                           .temperature = run->asked.has_temperature ? run->asked.temperature : 0,
                           .max_tokens = run->asked.max_tokens};
    lh_ai_message *messages = NULL;
    lh_ai_call call = rag_call(run);
    LH_CLEANUP(rag_filter_done) rag_filter filter;
    rag_filter_init(&filter, run);
    LH_TRY(rag_prompt(run, a->turns, a->turn_count, lh_str_from(boundary.text), &messages, &prompt.message_count, err));
    prompt.messages = messages;
    LH_TRY(lh_ai_generate(run->rag->ai, &call, &prompt, run->events ? rag_filter_put : NULL, &filter, run->arena,
                          &a->text, err));
    if (run->events) LH_TRY(rag_filter_end(&filter, err));
    a->answer = lh_str_cut_utf8(a->text.text, RAG_SAID_BYTES);
    if (a->answer.len < a->text.text.len) rag_warn(run, "the answer was cut off after %d bytes", RAG_SAID_BYTES);
    if (lh_str_eq(a->text.finish_reason, LH_STR("length")))
        rag_warn(run, "the answer was cut off after 'max_tokens', %" PRIu64, run->asked.max_tokens);
    return LH_OK;
}

static lh_code rag_say(rag_answering *a, lh_error *err) {
    rag_run *run = &a->run;
    if (run->passage_count == 0) a->answer = LH_STR(RAG_NO_ANSWER);
    else if (a->generates) return rag_generate(a, err);
    else LH_TRY(rag_extract(run, &a->answer, err));
    if (a->answer.len == 0) a->answer = LH_STR(RAG_NO_ANSWER); /* only echoes of the question were there */
    return run->events ? run->events->on_piece(run->events->ctx, a->answer, err) : LH_OK;
}

static lh_code rag_prepare(rag_run *run, lh_error *err) {
    for (size_t i = 0; i < run->passage_count; i++) {
        rag_passage *p = &run->passages[i];
        LH_TRY(rag_words_of(run->terms, p->shown, RAG_WORDS_ALL, run->arena, &p->words, err));
        rag_sentences_kind kind = p->start == 0 ? RAG_SENTENCES_DOCUMENT : RAG_SENTENCES_PART;
        LH_TRY(rag_sentences_of(run->sentences, p->shown, kind, run->arena, &p->sentences, err));
    }
    return LH_OK;
}

static void rag_warn_of(rag_run *run, const rag_said *said, const lh_json *sentences) {
    size_t without = 0;
    for (lh_json_iter it = lh_json_each(sentences); lh_json_next(&it);)
        without += !lh_json_bool(lh_json_get(it.value, "supported"), false);
    if (said->invented)
        rag_warn(run, "%zu citation%s of passages that are not there %s taken out", said->invented,
                 said->invented == 1 ? "" : "s", said->invented == 1 ? "was" : "were");
    if (said->links)
        rag_warn(run, "%zu link%s that no cited passage has %s taken out", said->links, said->links == 1 ? "" : "s",
                 said->links == 1 ? "was" : "were");
    if (without)
        rag_warn(run, "%zu sentence%s not supported by the passages that are cited", without,
                 without == 1 ? " is" : "s are");
}

/* Does it say that there is no answer, in the words that it was to use? */
static bool rag_is_refusal(lh_str plain) {
    plain = lh_str_trim(plain);
    lh_str words = LH_STR(RAG_NO_ANSWER);
    return lh_str_eq(plain, words) || lh_str_eq(plain, lh_str_sub(words, 0, words.len - 1));
}

static lh_code rag_check(rag_answering *a, lh_json *answer, lh_error *err) {
    rag_run *run = &a->run;
    lh_json *sentences = lh_json_new_array(run->arena);
    rag_said said = {0};
    LH_TRY(rag_said_read(a->answer, run->passages, run->passage_count, run->arena, &said, err));
    if (said.plain.len == 0 || rag_is_refusal(said.plain)) a->no_answer = true;
    else LH_TRY(rag_support(run, &said, &sentences, err));
    rag_warn_of(run, &said, sentences);
    a->answer = a->no_answer ? LH_STR(RAG_NO_ANSWER) : said.text;
    lh_json_set_string(run->arena, answer, "answer", a->answer);
    lh_json_set(run->arena, answer, "sentences", sentences);
    const rag_turn turn = {run->asked.question, a->no_answer ? a->answer : said.plain};
    if (a->conversation.len)
        LH_TRY(
            rag_talk_add(run->rag->talk, a->conversation, run->caller->reader.by, lh_time_monotonic_ms(), &turn, err));
    return lh_arena_check(run->arena, err);
}

/* The setting may be more than the model takes, which would then refuse the prompt. */
static lh_code rag_window(rag_answering *a, lh_error *err) {
    rag_run *run = &a->run;
    const lh_ai_call call = rag_call(run);
    uint64_t model = 0, one = 0;
    run->window = run->rag->context_tokens;
    if (!a->generates || run->passage_count == 0) return LH_OK;
    LH_TRY(lh_ai_context_tokens(run->rag->ai, LH_AI_GENERATE, &call, &model, err));
    if (model && model < run->window) run->window = model;
    run->counts = lh_ai_count_tokens(run->rag->ai, LH_AI_GENERATE, &call, LH_STR("x"), &one, NULL) == LH_OK;
    return LH_OK;
}

static lh_code rag_go(rag_answering *a, lh_json *answer, lh_error *err) {
    rag_run *run = &a->run;
    LH_TRY(rag_choose(a, err));
    LH_TRY(rag_converse(a, err));
    LH_TRY(rag_rewrite(a, err));
    LH_TRY(rag_retrieve(run, err));
    LH_TRY(rag_window(a, err));
    LH_TRY(rag_fit(run, a->turns, a->turn_count, err));
    LH_TRY(rag_prepare(run, err));
    LH_TRY(rag_announce(run, err));
    LH_TRY(rag_say(a, err));
    LH_TRY(rag_check(a, answer, err));
    lh_json_set(run->arena, answer, "citations", rag_citations(run));
    lh_json_set(run->arena, answer, "context", rag_context(run));
    lh_json_set_string(run->arena, answer, "query", run->query);
    rag_tell_model(a, answer);
    lh_json_set_bool(run->arena, answer, "no_answer", a->no_answer);
    lh_json_set(run->arena, answer, "conversation_id",
                a->conversation.len ? lh_json_new_string(run->arena, a->conversation) : lh_json_new_null(run->arena));
    lh_json_set(run->arena, answer, "warnings", run->warnings);
    return lh_arena_check(run->arena, err);
}

lh_code lh_rag_answer(lh_rag *rag, const lh_json *body, const lh_rag_caller *caller, const lh_rag_events *events,
                      lh_arena *arena, lh_json **ret_datasets, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_breaks_freep) lh_breaks *sentences = NULL;
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    rag_answering a = {.run = {.rag = rag, .caller = caller, .events = events, .arena = arena}};
    uint64_t started_ns = lh_time_monotonic_ns();
    lh_json *answer = lh_json_new_object(arena);
    a.run.warnings = lh_json_new_array(arena);
    *ret_datasets = a.run.datasets = lh_json_new_array(arena);
    LH_TRY(rag_read(body, rag->context_tokens, &a.run.asked, err));
    LH_TRY(lh_breaks_new(LH_BREAKS_SENTENCES, rag->locale, &sentences, err));
    LH_TRY(lh_terms_new(rag->locale, &terms, err));
    a.run.sentences = sentences;
    a.run.terms = terms;
    LH_TRY(rag_go(&a, answer, err));
    lh_json_set_uint(arena, answer, "elapsed_ms", (lh_time_monotonic_ns() - started_ns) / 1000000u);
    pthread_mutex_lock(&rag->lock);
    rag->stats.answers++;
    rag->stats.no_answers += a.no_answer;
    pthread_mutex_unlock(&rag->lock);
    *ret = answer;
    return lh_arena_check(arena, err);
}
