/* A question to SQL by a model. The prompt holds nothing but what the caller sees: tables, columns, what was said of them, keys, a few
 * values of columns that are not personal. With tokens, what in the question may be of a person goes as <NAME_1>: what has the form of
 * personal data, quoted texts, and words that stand in a personal column, which is looked up as the caller. The model's SQL is one
 * query, tokens in its text literals become the values, and it runs as any statement of the caller; an error goes back to the model
 * twice at most. It may say that nothing answers it. A model that follows grammars can write nothing else (grammar.c); it is bound all the same. Of more
 * than MODEL_TABLES tables it gets those whose descriptions are like the question, and verified questions that are like it, as a
 * conversation that went before; with tokens none that holds personal data. */
#include "ask/grammar.h"
#include "ask/model.h"
#include "ask/similar.h"
#include "pii/pii.h"

enum {
    MODEL_PROMPT_BYTES = 96 << 10,
    MODEL_VALUES = 8,
    MODEL_TABLES = 12,
    MODEL_EXAMPLES = 4,
    MODEL_REPAIRS = 2,
    MODEL_TOKENS = 64,
    MODEL_SQL_BYTES = 16 << 10,
    MODEL_MAX_TOKENS = 700
};

/* ---- tokens ---- */

typedef struct model_tokens {
    lh_str values[MODEL_TOKENS];
    size_t count;
} model_tokens;

/* The number of the token of a value, from 1. */
static size_t tokens_of(model_tokens *tokens, lh_str value) {
    for (size_t i = 0; i < tokens->count; i++)
        if (lh_str_eq(tokens->values[i], value)) return i + 1;
    if (tokens->count == MODEL_TOKENS) return MODEL_TOKENS;
    tokens->values[tokens->count++] = value;
    return tokens->count;
}

/* Which of the words stand in a personal column that the caller sees unmasked. */
static lh_code tokens_look(lh_ask *ask, const ask_schema *schema, const lh_ask_caller *caller, const ask_token *words,
                           size_t count, bool *personal, lh_arena *arena, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf list = LH_BUF_INIT(64 << 10);
    for (size_t i = 0; i < count; i++) {
        if (words[i].kind != ASK_WORD || words[i].word.len < 3) continue;
        if (list.len) lh_buf_char(&list, ',');
        lh_buf_sql_string(&list, words[i].word);
    }
    if (list.len == 0) return LH_OK;
    for (size_t t = 0; t < schema->table_count; t++) {
        LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
        lh_json *answer = NULL;
        for (size_t c = 0; c < schema->tables[t].column_count; c++) {
            const ask_column *column = &schema->tables[t].columns[c];
            if (!column->personal || column->masked || column->type != ASK_TEXT) continue;
            if (sql.len) lh_buf_append(&sql, LH_STR(" UNION "));
            lh_buf_append(&sql, LH_STR("SELECT DISTINCT unnest(string_split(lower("));
            lh_buf_sql_identifier(&sql, column->name);
            lh_buf_append(&sql, LH_STR("), ' ')) AS v FROM "));
            lh_engine_table_sql(schema->tables[t].name, arena, &sql);
        }
        if (sql.len == 0) continue;
        LH_CLEANUP(lh_buf_done) lh_buf whole = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
        lh_buf_printf(&whole, "SELECT v FROM (%.*s) AS w WHERE v IN (%.*s)", LH_STR_ARG(lh_buf_str(&sql)),
                      LH_STR_ARG(lh_buf_str(&list)));
        LH_TRY(lh_buf_check(&whole, err));
        LH_TRY(ask_run(ask, lh_buf_str(&whole), caller, 0, false, arena, &answer, err));
        for (lh_json_iter it = lh_json_each(lh_json_get(answer, "rows")); lh_json_next(&it);)
            for (size_t i = 0; i < count; i++)
                personal[i] |= lh_str_eq(words[i].word, lh_json_str(lh_json_at(it.value, 0), LH_STR_NONE));
    }
    return LH_OK;
}

static lh_code tokens_put(lh_ask *ask, const ask_schema *schema, const lh_ask_caller *caller, lh_str question,
                          model_tokens *tokens, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(64 << 10);
    ask_token *words = NULL;
    size_t count = 0, at = 0;
    LH_TRY(lh_terms_new(LH_STR("en"), &terms, err));
    LH_TRY(ask_tokens(terms, question, arena, &words, &count, err));
    bool *personal = LH_ARENA_ARRAY(arena, bool, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(tokens_look(ask, schema, caller, words, count, personal, arena, err));
    size_t next = 0, found_at = 0, found_len = 0;
    while (at < question.len) {
        while (next < count &&
               (words[next].raw.ptr < question.ptr || words[next].raw.ptr >= question.ptr + question.len ||
                (size_t)(words[next].raw.ptr - question.ptr) < at))
            next++;
        size_t word_at = next < count ? (size_t)(words[next].raw.ptr - question.ptr) : question.len;
        bool form = lh_pii_find(question, at, &found_at, &found_len) != LH_PII_NONE;
        bool hidden = next < count && (personal[next] || words[next].kind == ASK_QUOTED);
        if (form && found_at <= word_at) {
            lh_buf_append(&out, lh_str_sub(question, at, found_at - at));
            lh_buf_printf(&out, "<NAME_%zu>", tokens_of(tokens, lh_str_sub(question, found_at, found_len)));
            at = found_at + found_len;
        } else if (next == count) {
            lh_buf_append(&out, lh_str_sub(question, at, question.len));
            at = question.len;
        } else {
            lh_buf_append(&out, lh_str_sub(question, at, word_at - at));
            if (hidden) lh_buf_printf(&out, "<NAME_%zu>", tokens_of(tokens, words[next].raw));
            else lh_buf_append(&out, words[next].raw);
            at = word_at + words[next].raw.len;
        }
    }
    LH_TRY(lh_buf_check(&out, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&out));
    return lh_arena_check(arena, err);
}

/* Only within text literals: a value is never SQL. */
static lh_code tokens_back(const model_tokens *tokens, lh_str sql, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    bool literal = false;
    for (size_t i = 0; i < sql.len; i++) {
        uint64_t n = 0;
        lh_str rest = lh_str_sub(sql, i, sql.len);
        if (sql.ptr[i] == '\'') literal = !literal;
        size_t end = literal && lh_str_starts(rest, LH_STR("<NAME_")) ? lh_str_find(rest, '>') : rest.len;
        if (end < rest.len && lh_str_to_u64(lh_str_sub(rest, 6, end - 6), &n) == LH_OK && n >= 1 &&
            n <= tokens->count) {
            lh_str value = tokens->values[n - 1];
            for (size_t k = 0; k < value.len; k++) {
                if (value.ptr[k] == '\'') lh_buf_char(&out, '\'');
                lh_buf_char(&out, value.ptr[k]);
            }
            i += end;
            continue;
        }
        lh_buf_char(&out, sql.ptr[i]);
    }
    LH_TRY(lh_buf_check(&out, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&out));
    return lh_arena_check(arena, err);
}

/* An error may quote a value: the model gets it back as its token. */
static lh_str tokens_hide(const model_tokens *tokens, lh_str text, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(16 << 10);
    for (size_t i = 0; i < text.len;) {
        size_t which = tokens->count;
        for (size_t k = 0; k < tokens->count && which == tokens->count; k++)
            if (lh_str_eq_nocase(lh_str_sub(text, i, tokens->values[k].len), tokens->values[k])) which = k;
        if (which < tokens->count) lh_buf_printf(&out, "<NAME_%zu>", which + 1), i += tokens->values[which].len;
        else lh_buf_char(&out, text.ptr[i++]);
    }
    return lh_arena_dup(arena, lh_buf_str(&out));
}

/* Whether something of the example would go as a token: a text in quotes is one only when it is of a person. */
typedef struct model_fits {
    const ask_model_asks *asks;
    lh_arena *arena;
} model_fits;
static bool model_example_fits(void *ctx, const ask_example *example) {
    const model_fits *of = ctx;
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(128 << 10);
    model_tokens tokens = {.count = 0};
    lh_str ignored;
    if (!of->asks->tokens) return true;
    lh_buf_printf(&text, "%.*s %.*s", LH_STR_ARG(example->question), LH_STR_ARG(example->sql));
    if (lh_buf_check(&text, NULL) != LH_OK) return false;
    for (size_t i = 0; i < text.len; i++)
        if (strchr("'\"", text.ptr[i])) text.ptr[i] = ' ';
    return tokens_put(of->asks->ask, of->asks->schema, of->asks->caller, lh_buf_str(&text), &tokens, of->arena,
                      &ignored, NULL) == LH_OK &&
           tokens.count == 0;
}

/* ---- which tables ---- */

static lh_str tables_text(const ask_table *table, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(64 << 10);
    lh_buf_append(&text, table->shown);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '_' || text.ptr[i] == '.') text.ptr[i] = ' ';
    lh_buf_printf(&text, ". %.*s", LH_STR_ARG(lh_str_cut_utf8(table->description, 1000)));
    for (size_t i = 0; i < table->synonym_count; i++) lh_buf_printf(&text, ", %.*s", LH_STR_ARG(table->synonyms[i]));
    for (size_t c = 0; c < table->column_count; c++) {
        size_t at = text.len;
        lh_buf_printf(&text, "; %.*s", LH_STR_ARG(table->columns[c].name));
        for (size_t i = at; i < text.len; i++)
            if (text.ptr[i] == '_') text.ptr[i] = ' ';
    }
    return lh_arena_dup(arena, lh_str_cut_utf8(lh_buf_str(&text), 2000));
}

/* The tables most like the question, in their own order, so that prompts begin alike, and the keys between them. */
static lh_code tables_choose(const ask_model_asks *asks, lh_str question, lh_arena *arena, ask_schema *ret,
                             lh_error *err) {
    const ask_schema *all = asks->schema;
    lh_str *texts = LH_ARENA_ARRAY(arena, lh_str, all->table_count + 1);
    int *places = LH_ARENA_ARRAY(arena, int, all->table_count + 1);
    ask_similar_one *order = NULL;
    *ret = *all;
    if (all->table_count <= MODEL_TABLES) return LH_OK;
    *ret = (ask_schema){.tables = LH_ARENA_ARRAY(arena, ask_table, MODEL_TABLES),
                        .keys = LH_ARENA_ARRAY(arena, ask_key, all->key_count + 1)};
    LH_TRY(lh_arena_check(arena, err));
    for (size_t t = 0; t < all->table_count; t++) texts[t] = tables_text(&all->tables[t], arena), places[t] = -1;
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(ask_similar(asks->ask, asks->caller, question, texts, all->table_count, true, arena, &order, err));
    for (size_t i = 0; i < MODEL_TABLES; i++) places[order[i].text] = 0;
    for (size_t t = 0; t < all->table_count; t++)
        if (places[t] == 0) {
            places[t] = (int)ret->table_count;
            ret->tables[ret->table_count++] = all->tables[t];
        }
    for (size_t k = 0; k < all->key_count; k++) {
        ask_key key = all->keys[k];
        key.from.table = places[key.from.table];
        key.to.table = places[key.to.table];
        if (key.from.table >= 0 && key.to.table >= 0) ret->keys[ret->key_count++] = key;
    }
    return LH_OK;
}

/* ---- the prompt ---- */

static void prompt_table(const ask_table *table, bool values, lh_buf *into) {
    lh_buf_append(into, LH_STR("TABLE "));
    lh_buf_sql_identifier(into, table->shown);
    if (table->description.len) lh_buf_printf(into, " -- %.*s", LH_STR_ARG(lh_str_cut_utf8(table->description, 300)));
    for (size_t c = 0; c < table->column_count; c++) {
        const ask_column *column = &table->columns[c];
        lh_buf_append(into, LH_STR("\n  "));
        lh_buf_sql_identifier(into, column->name);
        lh_buf_printf(into, " %.*s", LH_STR_ARG(column->sql_type));
        if (column->description.len)
            lh_buf_printf(into, " -- %.*s", LH_STR_ARG(lh_str_cut_utf8(column->description, 200)));
        for (size_t i = 0; i < column->synonym_count && i < 5; i++)
            lh_buf_printf(into, "%s%.*s", i ? ", " : " also called ", LH_STR_ARG(column->synonyms[i]));
        for (size_t i = 0; values && !column->personal && i < column->value_count && i < MODEL_VALUES; i++) {
            lh_buf_append(into, i ? LH_STR(", ") : LH_STR(" such as "));
            lh_buf_sql_string(into, column->values[i]);
        }
    }
    lh_buf_char(into, '\n');
}

static lh_code prompt_write(const ask_schema *schema, const ask_question *question, lh_arena *arena, lh_str *ret,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(MODEL_PROMPT_BYTES);
    int y, m, d;
    ask_civil(question->today, &y, &m, &d);
    lh_buf_printf(&out,
                  "You write one DuckDB SELECT statement that answers a question about these tables. Answer with the "
                  "SQL only. Use no other table or "
                  "column. When they do not hold what is asked for, answer " ASK_MODEL_NONE ". Today is %04d-%02d-%02d. A text such as <NAME_1> stands for a value that you may not see: "
                  "put it into a text literal as it is.\n\n",
                  y, m, d);
    for (size_t t = 0; t < schema->table_count; t++) prompt_table(&schema->tables[t], !question->no_values, &out);
    for (size_t k = 0; k < schema->key_count; k++) {
        const ask_key *key = &schema->keys[k];
        const ask_table *from = &schema->tables[key->from.table], *to = &schema->tables[key->to.table];
        lh_buf_printf(&out, "KEY %.*s.%.*s = %.*s.%.*s\n", LH_STR_ARG(from->shown),
                      LH_STR_ARG(from->columns[key->from.column].name), LH_STR_ARG(to->shown),
                      LH_STR_ARG(to->columns[key->to.column].name));
    }
    LH_TRY(lh_buf_check(&out, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&out));
    return lh_arena_check(arena, err);
}

/* ---- its answer ---- */

/* Without a fence, a comment before it, and the last semicolon. */
static lh_str model_sql(lh_str text) {
    size_t fence = lh_str_search(text, LH_STR("```"));
    if (fence != SIZE_MAX) {
        text = lh_str_sub(text, fence + 3, text.len);
        if (lh_str_eq_nocase(lh_str_sub(text, 0, 3), LH_STR("sql"))) text = lh_str_sub(text, 3, text.len);
        size_t end = lh_str_search(text, LH_STR("```"));
        if (end != SIZE_MAX) text = lh_str_sub(text, 0, end);
    }
    text = lh_str_trim(text);
    while (text.len && text.ptr[text.len - 1] == ';') text = lh_str_trim(lh_str_sub(text, 0, text.len - 1));
    return text;
}

static lh_code model_check(lh_str sql, lh_error *err) {
    lh_str first = lh_str_sub(sql, 0, 6);
    bool query = lh_str_eq_nocase(first, LH_STR("SELECT")) || lh_str_eq_nocase(lh_str_sub(first, 0, 4), LH_STR("WITH"));
    if (!query || sql.len > MODEL_SQL_BYTES) return lh_fail(err, LH_DENIED, "the model did not answer with one SELECT");
    bool literal = false, name = false;
    for (size_t i = 0; i < sql.len; i++) {
        if (sql.ptr[i] == '\'' && !name) literal = !literal;
        if (sql.ptr[i] == '"' && !literal) name = !name;
        if (sql.ptr[i] == ';' && !literal && !name)
            return lh_fail(err, LH_DENIED, "the model answered with more than one statement");
    }
    return LH_OK;
}

/* Without the grammar where it is refused: Ollama follows none, and some endpoints refuse what they do not know. */
static lh_code model_generate(lh_ai *ai, const lh_ai_call *call, lh_ai_prompt *prompt, lh_arena *arena, lh_ai_text *ret,
                              lh_error *err) {
    lh_error refused = {0};
    lh_code code = lh_ai_generate(ai, call, prompt, NULL, NULL, arena, ret, &refused);
    if (code == LH_INVALID && prompt->grammar.len) {
        prompt->grammar = LH_STR_NONE;
        return lh_ai_generate(ai, call, prompt, NULL, NULL, arena, ret, err);
    }
    if (code != LH_OK && err) *err = refused;
    return code;
}

lh_code ask_model(const ask_model_asks *asks, lh_arena *arena, ask_modelled *ret, lh_error *err) {
    lh_ai_message messages[2 + 2 * MODEL_EXAMPLES + 2 * MODEL_REPAIRS];
    ask_example examples[MODEL_EXAMPLES];
    ask_schema schema;
    size_t example_count = 0;
    size_t count = 0;
    model_tokens tokens = {.count = 0};
    lh_str prompt, grammar = LH_STR_NONE, question = asks->question->text;
    *ret = (ask_modelled){.sql = LH_STR_NONE};
    if (asks->tokens)
        LH_TRY(tokens_put(asks->ask, asks->schema, asks->caller, question, &tokens, arena, &question, err));
    LH_TRY(tables_choose(asks, question, arena, &schema, err));
    LH_TRY(prompt_write(&schema, asks->question, arena, &prompt, err));
    if (asks->grammar) LH_TRY(ask_grammar(&schema, arena, &grammar, err));
    if (asks->examples) {
        model_fits fits = {asks, arena};
        const ask_examples_asks like = {asks->ask, asks->caller, question, model_example_fits, &fits};
        LH_TRY(ask_examples_like(&like, examples, MODEL_EXAMPLES, arena, &example_count, err));
    }
    messages[count++] = (lh_ai_message){LH_STR("system"), prompt};
    for (size_t i = 0; i < example_count; i++) {
        messages[count++] = (lh_ai_message){LH_STR("user"), examples[i].question};
        messages[count++] = (lh_ai_message){LH_STR("assistant"), examples[i].sql};
    }
    messages[count++] = (lh_ai_message){LH_STR("user"), question};
    const lh_ai_call call = ask_call(asks->caller, asks->model);
    for (int tries = 0;; tries++) {
        lh_ai_prompt request = {.messages = messages,
                                .message_count = count,
                                .has_temperature = true,
                                .max_tokens = MODEL_MAX_TOKENS,
                                .grammar = grammar};
        lh_ai_text text;
        lh_error why = {0};
        LH_TRY(model_generate(asks->ask->ai, &call, &request, arena, &text, err));
        grammar = request.grammar;
        ret->model = text.model.name;
        lh_str said = model_sql(text.text), sql = LH_STR_NONE;
        if (lh_str_eq_nocase(said, LH_STR(ASK_MODEL_NONE)))
            return ret->none = true, LH_OK;
        lh_code code = model_check(said, &why);
        if (code == LH_OK) code = tokens_back(&tokens, said, arena, &sql, &why);
        if (code == LH_OK) code = ask_bind(asks->ask, sql, asks->caller, arena, &why);
        if (code == LH_OK)
            code = ask_run(asks->ask, sql, asks->caller, asks->rows_max, true, arena, &ret->result, &why);
        ret->repairs = (uint64_t)tries;
        if (code == LH_OK) return ret->sql = sql, LH_OK;
        if (code != LH_INVALID && code != LH_DENIED && code != LH_NOT_FOUND) return *err = why, code;
        if (tries == asks->repairs_max || tries == MODEL_REPAIRS)
            return ret->why = lh_arena_dup(arena, lh_str_from(why.message)), LH_OK;
        messages[count++] = (lh_ai_message){LH_STR("assistant"), said};
        messages[count++] = (lh_ai_message){
            LH_STR("user"), lh_arena_printf(arena, "That failed: %.*s\nAnswer with the corrected SQL only.",
                                            LH_STR_ARG(tokens_hide(&tokens, lh_str_from(why.message), arena)))};
        LH_TRY(lh_arena_check(arena, err));
    }
}
