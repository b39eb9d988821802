/* Verified questions. Document ask/example/<id>: {"schema_version":1,"id","question","words","sql","created_by","created_at"}; the id is of
 * the folded words and signs of the question, so that there is one of the same words. It runs as whoever asks: one that the caller may not run is
 * as if it were not there. */
#include "ask/similar.h"

enum {
    EXAMPLE_ID_DIGITS = 32,
    EXAMPLES_MAX = 2000,
    EXAMPLE_SQL_BYTES = 64 << 10,
    EXAMPLES_TRIED = 24,
    EXAMPLE_TRIES = 5
};

/* C++ is not C, nor > 5 what < 5 is: signs count, but those that only part words. */
static void example_signs(lh_str text, size_t from, size_t to, lh_buf *words) {
    for (size_t i = from; i < to && i < text.len; i++) {
        char c = text.ptr[i], next = i + 1 < text.len ? text.ptr[i + 1] : 0;
        bool digit = next >= '0' && next <= '9', apart = i == 0 || strchr(" (=<>", text.ptr[i - 1]);
        bool counts = c == '-' ? digit && apart : c == '!' ? next == '=' : c && strchr("<>=+#%$~^*&|@", c);
        if (counts) lh_buf_char(words, c);
    }
}

static lh_code example_words(lh_str question, lh_arena *arena, lh_str *ret_words, lh_str *ret_id, lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf words = LH_BUF_INIT(64 << 10);
    ask_token *tokens = NULL;
    size_t count = 0;
    LH_TRY(lh_terms_new(LH_STR("en"), &terms, err));
    LH_TRY(ask_tokens(terms, question, arena, &tokens, &count, err));
    size_t at = 0;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (tokens[i].kind == ASK_STOP) continue;
        any = true;
        if (words.len) lh_buf_char(&words, ' ');
        if (tokens[i].raw.ptr >= question.ptr + at && tokens[i].raw.ptr < question.ptr + question.len) {
            size_t raw = (size_t)(tokens[i].raw.ptr - question.ptr);
            example_signs(question, at, raw, &words);
            at = raw + tokens[i].raw.len;
        }
        lh_buf_append(&words, tokens[i].word);
    }
    example_signs(question, at, question.len, &words);
    LH_TRY(lh_buf_check(&words, err));
    if (!any) return lh_fail(err, LH_INVALID, "'question' has no words");
    lh_sha256 hash = lh_sha256_of(lh_buf_str(&words));
    *ret_words = lh_arena_dup(arena, lh_buf_str(&words));
    *ret_id = lh_arena_dup(arena, lh_str_sub(lh_str_from(lh_sha256_to_hex(&hash).text), 0, EXAMPLE_ID_DIGITS));
    return lh_arena_check(arena, err);
}

static lh_str example_key(lh_str id, lh_arena *arena) {
    return lh_arena_printf(arena, ASK_EXAMPLE_PREFIX "%.*s", LH_STR_ARG(id));
}

static lh_json *example_shown(const lh_json *document, lh_arena *arena) {
    static const char *const members[] = {"id", "question", "sql", "created_by", "created_at"};
    lh_json *shown = lh_json_new_object(arena);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        lh_json_set_string(arena, shown, members[i], lh_json_get_string(document, members[i]));
    return shown;
}

lh_code ask_example_find(lh_ask *ask, lh_str question, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_str words, id, text;
    lh_json *document = NULL;
    uint64_t ignored;
    *ret = LH_STR_NONE;
    if (example_words(question, arena, &words, &id, NULL) != LH_OK) return LH_OK;
    lh_code code =
        lh_metastore_get(lh_catalog_metastore(ask->catalog), example_key(id, arena), arena, &text, &ignored, err);
    if (code == LH_NOT_FOUND) return LH_OK;
    LH_TRY(code);
    LH_TRY(lh_json_parse(arena, text, &document, err));
    if (lh_str_eq(lh_json_get_string(document, "words"), words))
        *ret = ask_statement(lh_json_get_string(document, "sql"));
    return LH_OK;
}

/* *ret_replaced: there was one of that id, in whose place it is. */
static lh_code example_write(lh_ask *ask, lh_str id, const lh_json *document, lh_arena *arena, bool *ret_replaced,
                             lh_error *err) {
    lh_metastore *metastore = lh_catalog_metastore(ask->catalog);
    lh_change change = {.key = example_key(id, arena)};
    lh_str before;
    lh_code code = LH_CONFLICT;
    LH_TRY(lh_json_write(arena, document, false, &change.text, err));
    for (int i = 0; i < EXAMPLE_TRIES && code == LH_CONFLICT; i++) {
        code = lh_metastore_get(metastore, change.key, arena, &before, &change.expected, err);
        *ret_replaced = code == LH_OK;
        if (code == LH_NOT_FOUND) change.expected = LH_VERSION_ABSENT;
        else LH_TRY(code);
        if (!*ret_replaced && lh_metastore_count(metastore, LH_STR(ASK_EXAMPLE_PREFIX)) >= EXAMPLES_MAX)
            return lh_fail(err, LH_LIMIT, "there are %d verified questions, which is the most", EXAMPLES_MAX);
        code = lh_metastore_commit(metastore, &change, 1, NULL, err);
    }
    return code;
}

lh_code lh_ask_example_put(lh_ask *ask, const lh_json *body, const lh_ask_caller *caller, lh_arena *arena,
                           bool *ret_replaced, lh_json **ret, lh_error *err) {
    lh_str question = lh_json_get_string(body, "question"), sql = ask_statement(lh_json_get_string(body, "sql")), words,
           id;
    lh_json *document = lh_json_new_object(arena), *ignored = NULL;
    bool reads;
    if (lh_str_trim(question).len == 0 || question.len > LH_LIMIT_QUESTION_BYTES)
        return lh_fail(err, LH_INVALID, "'question' must be a text of 1 to %d bytes", LH_LIMIT_QUESTION_BYTES);
    if (sql.len == 0 || sql.len > EXAMPLE_SQL_BYTES)
        return lh_fail(err, LH_INVALID, "'sql' must be one query of 1 to %d bytes", EXAMPLE_SQL_BYTES);
    LH_TRY(example_words(question, arena, &words, &id, err));
    LH_TRY(lh_sql_is_query(sql, &reads, err));
    if (!reads) return lh_fail(err, LH_INVALID, "'sql' must be one SELECT: it is to answer the question, and no more");
    LH_TRY(ask_run(ask, sql, caller, 1, true, arena, &ignored, err));
    LH_TRY(ask_bind(ask, sql, caller, arena, err)); /* it answers as it stands */
    lh_json_set_int(arena, document, "schema_version", 1);
    lh_json_set_string(arena, document, "id", id);
    lh_json_set_string(arena, document, "question", question);
    lh_json_set_string(arena, document, "words", words);
    lh_json_set_string(arena, document, "sql", sql);
    lh_json_set_string(arena, document, "created_by", caller->by);
    lh_json_set_string(arena, document, "created_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    LH_TRY(example_write(ask, id, document, arena, ret_replaced, err));
    *ret = example_shown(document, arena);
    lh_json_set_bool(arena, *ret, "replaced", *ret_replaced);
    return lh_arena_check(arena, err);
}

static lh_code examples_all(lh_ask *ask, lh_arena *arena, lh_json *items, lh_error *err) {
    lh_document_page page = {.more = true};
    for (lh_str after = LH_STR_NONE; page.more;) {
        LH_TRY(lh_metastore_list(lh_catalog_metastore(ask->catalog), LH_STR(ASK_EXAMPLE_PREFIX), after, 500, arena,
                                 &page, err));
        for (size_t i = 0; i < page.count; i++) {
            lh_json *document = NULL;
            LH_TRY(lh_json_parse(arena, page.items[i].text, &document, err));
            lh_json_append(items, example_shown(document, arena));
            after = page.items[i].key;
        }
        if (page.count == 0) break;
    }
    return lh_arena_check(arena, err);
}

lh_code lh_ask_examples(lh_ask *ask, lh_page page, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *items = lh_json_new_array(arena);
    lh_str after = page.token.len ? example_key(page.token, arena) : LH_STR_NONE, next = LH_STR_NONE;
    lh_document_page got;
    LH_TRY(lh_metastore_list(lh_catalog_metastore(ask->catalog), LH_STR(ASK_EXAMPLE_PREFIX), after,
                             page.limit ? page.limit : EXAMPLES_MAX, arena, &got, err));
    for (size_t i = 0; i < got.count; i++) {
        lh_json *document = NULL;
        LH_TRY(lh_json_parse(arena, got.items[i].text, &document, err));
        lh_json_append(items, example_shown(document, arena));
        if (got.more) next = lh_json_get_string(document, "id");
    }
    *ret = lh_json_page(arena, items, next);
    return lh_arena_check(arena, err);
}

/* Its document, and the version of that. */
static lh_code example_read(lh_ask *ask, lh_str id, lh_arena *arena, lh_str *ret, uint64_t *ret_version,
                            lh_error *err) {
    lh_code code =
        lh_metastore_get(lh_catalog_metastore(ask->catalog), example_key(id, arena), arena, ret, ret_version, err);
    if (code != LH_NOT_FOUND) return code;
    return lh_fail(err, LH_NOT_FOUND, "there is no verified question '%.*s': GET /ask/examples lists them",
                   LH_STR_ARG(lh_str_cut_utf8(id, 64)));
}

lh_code lh_ask_example_get(lh_ask *ask, lh_str id, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *document = NULL;
    uint64_t version;
    lh_str text;
    LH_TRY(example_read(ask, id, arena, &text, &version, err));
    LH_TRY(lh_json_parse(arena, text, &document, err));
    *ret = example_shown(document, arena);
    return lh_arena_check(arena, err);
}

/* By words first: what the caller may not run, or does not fit, is shown to no model, not even to one that embeds. */
lh_code ask_examples_like(const ask_examples_asks *asks, ask_example *into, size_t room, lh_arena *arena,
                          size_t *ret_count, lh_error *err) {
    lh_json *items = lh_json_new_array(arena);
    ask_similar_one *order = NULL;
    ask_example tried[EXAMPLES_TRIED];
    size_t count = 0;
    LH_TRY(examples_all(asks->ask, arena, items, err));
    size_t all = lh_json_size(items);
    lh_str *questions = LH_ARENA_ARRAY(arena, lh_str, all + EXAMPLES_TRIED);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);)
        questions[it.index] = lh_json_get_string(it.value, "question");
    LH_TRY(ask_similar(asks->ask, asks->caller, asks->question, questions, all, false, arena, &order, err));
    for (size_t i = 0; i < all && i < EXAMPLES_TRIED; i++) {
        const ask_example one = {questions[order[i].text], lh_json_get_string(lh_json_at(items, order[i].text), "sql")};
        if (ask_bind(asks->ask, one.sql, asks->caller, arena, NULL) == LH_OK && asks->fits(asks->ctx, &one))
            tried[count++] = one;
    }
    for (size_t i = 0; i < count; i++) questions[i] = tried[i].question;
    LH_TRY(ask_similar(asks->ask, asks->caller, asks->question, questions, count, true, arena, &order, err));
    *ret_count = 0;
    for (size_t i = 0; i < count && i < room && order[i].score > 0; i++) into[(*ret_count)++] = tried[order[i].text];
    return lh_arena_check(arena, err);
}

lh_code lh_ask_example_delete(lh_ask *ask, lh_str id, lh_arena *arena, lh_error *err) {
    lh_metastore *metastore = lh_catalog_metastore(ask->catalog);
    lh_str text;
    lh_change change = {.key = example_key(id, arena)};
    LH_TRY(example_read(ask, id, arena, &text, &change.expected, err));
    return lh_metastore_commit(metastore, &change, 1, NULL, err);
}
