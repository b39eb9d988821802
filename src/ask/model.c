/* A question to SQL by a model. The prompt holds nothing but what the caller sees: tables, columns, what was said of them, keys, a few
 * values of columns that are not personal. With tokens, what in the question may be of a person goes as <NAME_482913> (names.c). The model's SQL is one
 * query, tokens in its text literals become the values, which have to come from somewhere (literals.c), and it runs as any statement of the caller; an error goes back to the model
 * twice at most. It may say that nothing answers it. A model that follows grammars can write nothing else (grammar.c); it is bound all the same. Of more
 * than MODEL_TABLES tables it gets those whose descriptions are like the question, and verified questions that are like it, as a
 * conversation that went before; with tokens none that holds personal data. */
#include "ask/grammar.h"
#include "ask/literals.h"
#include "ask/model.h"
#include "ask/names.h"
#include "ask/similar.h"

enum {
    MODEL_PROMPT_BYTES = 96 << 10,
    MODEL_REST_BYTES = 24 << 10, /* of it, for what are no tables */
    MODEL_TABLE_BYTES = 4 << 10, /* a table without columns, or a key */
    MODEL_TABLES = 12,
    MODEL_EXAMPLES = 4,
    MODEL_REPAIRS = 2,
    MODEL_SQL_BYTES = 16 << 10,
    MODEL_MAX_TOKENS = 700
};

/* Whether something of the example would go as a token: a text in quotes is one only when it is of a person. */
typedef struct model_fits {
    const ask_model_asks *asks;
    lh_arena *arena;
} model_fits;
static bool model_example_fits(void *ctx, const ask_example *example) {
    const model_fits *of = ctx;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(128 << 10);
    ask_names names = {.count = 0};
    const ask_names_asks question = {of->asks->ask, of->asks->schema, of->asks->caller, true},
                         looks = {of->asks->ask, of->asks->schema, of->asks->caller, false};
    lh_str ignored;
    if (!of->asks->tokens) return true;
    lh_buf_append(&sql, example->sql);
    if (lh_buf_check(&sql, NULL) != LH_OK) return false;
    for (size_t i = 0; i < sql.len; i++)
        if (strchr("'\"", sql.ptr[i])) sql.ptr[i] = ' ';
    return ask_names_put(&question, example->question, &names, of->arena, &ignored, NULL) == LH_OK &&
           ask_names_put(&looks, lh_buf_str(&sql), &names, of->arena, &ignored, NULL) == LH_OK && names.count == 0;
}

/* ---- which tables ---- */

static lh_str tables_text(const ask_table *table, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(64 << 10);
    lh_buf_append(&text, table->shown);
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '_' || text.ptr[i] == '.') text.ptr[i] = ' ';
    lh_buf_printf(&text, ". %.*s", LH_STR_ARG(ask_one_line(table->description, 1000, arena)));
    for (size_t i = 0; i < table->synonym_count; i++)
        lh_buf_printf(&text, ", %.*s", LH_STR_ARG(ask_one_line(table->synonyms[i], 200, arena)));
    if (table->tag_count) lh_buf_printf(&text, ", %.*s", LH_STR_ARG(ask_tags(table, 500, arena)));
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

static void prompt_column(const ask_column *column, bool values, lh_arena *arena, lh_buf *into) {
    lh_buf_append(into, LH_STR("\n  "));
    lh_buf_sql_identifier(into, column->name);
    lh_buf_printf(into, " %.*s", LH_STR_ARG(column->sql_type));
    if (column->description.len)
        lh_buf_printf(into, " -- %.*s", LH_STR_ARG(ask_one_line(column->description, 200, arena)));
    for (size_t i = 0; i < column->synonym_count && i < 5; i++)
        lh_buf_printf(into, "%s%.*s", i ? ", " : " also called ",
                      LH_STR_ARG(ask_one_line(column->synonyms[i], 100, arena)));
    for (size_t i = 0, shown = 0; values && !column->personal && i < column->value_count && shown < ASK_MODEL_VALUES;
         i++) {
        if (ask_has_form(column->values[i])) continue;
        lh_buf_append(into, shown++ ? LH_STR(", ") : LH_STR(" such as "));
        lh_buf_sql_string(into, ask_one_line(column->values[i], column->values[i].len, arena));
    }
}

/* Is a word of the column's name in the question? */
static bool prompt_is_asked(const ask_column *column, lh_str question) {
    for (size_t at = 0, from = 0; at <= column->name.len; at++) {
        if (at < column->name.len && column->name.ptr[at] != '_') continue;
        lh_str word = lh_str_sub(column->name, from, at - from);
        for (size_t i = 0; word.len > 2 && i + word.len <= question.len; i++)
            if (lh_str_eq_nocase(lh_str_sub(question, i, word.len), word)) return true;
        from = at + 1;
    }
    return false;
}

/* Of a table that is wider than `bytes_max`, keys and columns that the question names come first, then the first of the others. */
static void prompt_table(const ask_table *table, const ask_question *question, size_t bytes_max, lh_arena *arena,
                         lh_buf *into) {
    bool *done = LH_ARENA_ARRAY(arena, bool, table->column_count + 1);
    size_t end = into->len + bytes_max, left = 0;
    lh_buf_append(into, LH_STR("TABLE "));
    lh_buf_sql_identifier(into, table->shown);
    if (table->description.len)
        lh_buf_printf(into, " -- %.*s", LH_STR_ARG(ask_one_line(table->description, 300, arena)));
    if (table->tag_count) lh_buf_printf(into, " -- tags: %.*s", LH_STR_ARG(ask_tags(table, 300, arena)));
    for (int all = bytes_max == SIZE_MAX; done && all < 2; all++)
        for (size_t c = 0; c < table->column_count; c++) {
            const ask_column *column = &table->columns[c];
            LH_CLEANUP(lh_buf_done) lh_buf one = LH_BUF_INIT(64 << 10);
            if (done[c] || (!all && !column->key && !prompt_is_asked(column, question->text))) continue;
            prompt_column(column, !question->no_values, arena, &one);
            if (bytes_max != SIZE_MAX && into->len + one.len > end) {
                left += (size_t)all;
                continue;
            }
            lh_buf_append(into, lh_buf_str(&one));
            done[c] = true;
        }
    if (left) lh_buf_printf(into, "\n  -- and %zu more columns", left);
    lh_buf_char(into, '\n');
}

static void prompt_tables(const ask_schema *schema, const ask_question *question, lh_arena *arena, lh_buf *into) {
    LH_CLEANUP(lh_buf_done) lh_buf whole = LH_BUF_INIT(MODEL_PROMPT_BYTES - MODEL_REST_BYTES);
    for (size_t t = 0; t < schema->table_count; t++)
        prompt_table(&schema->tables[t], question, SIZE_MAX, arena, &whole);
    if (schema->table_count == 0 || lh_buf_check(&whole, NULL) == LH_OK) {
        lh_buf_append(into, lh_buf_str(&whole));
        return;
    }
    size_t each = (MODEL_PROMPT_BYTES - MODEL_REST_BYTES) / schema->table_count;
    for (size_t t = 0; t < schema->table_count; t++)
        prompt_table(&schema->tables[t], question, each - MODEL_TABLE_BYTES, arena, into);
}

static lh_code prompt_write(const ask_schema *schema, const ask_question *question, lh_arena *arena, lh_str *ret,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(MODEL_PROMPT_BYTES);
    int y, m, d;
    ask_civil(question->today, &y, &m, &d);
    lh_buf_printf(&out,
                  "You write one DuckDB SELECT statement that answers a question about these tables. Answer with the "
                  "SQL only. Use no other table or "
                  "column. When they do not hold what is asked for, answer " ASK_MODEL_NONE
                  ". Today is %04d-%02d-%02d. A text such as <NAME_482913> stands for a value that you may not see: "
                  "put it into a text literal as it is.\n\n",
                  y, m, d);
    prompt_tables(schema, question, arena, &out);
    for (size_t k = 0; k < schema->key_count && out.len < MODEL_PROMPT_BYTES - MODEL_TABLE_BYTES; k++) {
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

static bool sql_begins(lh_str text) {
    static const char *const heads[] = {"SELECT", "WITH", "FROM"};
    if (text.len && *text.ptr == '(') return true;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        lh_str head = lh_str_from(heads[i]), first = lh_str_sub(text, 0, head.len);
        if (lh_str_eq_nocase(first, head) && text.len > head.len && strchr(" \t\r\n(*'\"", text.ptr[head.len]))
            return true;
    }
    return false;
}

/* Comments may hold quotes and semicolons that are none. */
static lh_str sql_without_comments(lh_str text, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(1 << 20);
    char in = 0;
    for (size_t i = 0; i < text.len; i++) {
        lh_str rest = lh_str_sub(text, i, text.len);
        bool line = !in && lh_str_starts(rest, LH_STR("--")), block = !in && lh_str_starts(rest, LH_STR("/*"));
        if (line || block) {
            size_t end = line ? lh_str_find(rest, '\n') : lh_str_search(rest, LH_STR("*/"));
            lh_buf_char(&out, '\n');
            if (end >= rest.len) break;
            i += line ? end : end + 1;
            continue;
        }
        if (in ? text.ptr[i] == in : text.ptr[i] == '\'' || text.ptr[i] == '"') in = in ? 0 : text.ptr[i];
        lh_buf_char(&out, text.ptr[i]);
    }
    return lh_buf_check(&out, NULL) == LH_OK ? lh_str_trim(lh_arena_dup(arena, lh_buf_str(&out))) : LH_STR_NONE;
}

/* The statement of what a model says: without its thoughts, a fence, words and comments before it, and the last semicolon. */
static lh_str model_sql(lh_str text, lh_arena *arena) {
    size_t thought = lh_str_search(text, LH_STR("</think>")), fence;
    if (thought != SIZE_MAX) text = lh_str_sub(text, thought + strlen("</think>"), text.len);
    fence = lh_str_search(text, LH_STR("```"));
    if (fence != SIZE_MAX) {
        text = lh_str_sub(text, fence + 3, text.len);
        if (lh_str_eq_nocase(lh_str_sub(text, 0, 3), LH_STR("sql"))) text = lh_str_sub(text, 3, text.len);
        size_t end = lh_str_search(text, LH_STR("```"));
        if (end != SIZE_MAX) text = lh_str_sub(text, 0, end);
    }
    text = sql_without_comments(lh_str_trim(text), arena);
    for (size_t at = 0; at < text.len;) {
        lh_str rest = lh_str_trim(lh_str_sub(text, at, text.len));
        if (sql_begins(rest)) {
            text = rest;
            break;
        }
        at += lh_str_find(lh_str_sub(text, at, text.len), '\n') + 1;
    }
    return ask_statement(text);
}

static lh_code model_check(lh_str sql, lh_error *err) {
    if (!sql_begins(sql) || sql.len > MODEL_SQL_BYTES)
        return lh_fail(err, LH_DENIED, "the model did not answer with one SELECT");
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

/* What it said as a statement: bound, its literals looked at, run. */
static lh_code model_run(const ask_model_asks *asks, const ask_names *names, const ask_literals_asks *literals,
                         lh_str said, lh_arena *arena, ask_modelled *ret, lh_error *err) {
    lh_str sql = LH_STR_NONE;
    ask_literals found;
    LH_TRY(model_check(said, err));
    LH_TRY(ask_names_back(names, said, arena, &sql, err));
    LH_TRY(ask_bind(asks->ask, sql, asks->caller, arena, err));
    LH_TRY(ask_literals_place(literals, sql, arena, &found, err));
    ret->invented = found.invented;
    if (found.invented.ptr) return LH_OK;
    LH_TRY(ask_run(asks->ask, sql, asks->caller, asks->rows_max, true, arena, &ret->result, err));
    ret->doubts = found.doubts;
    ret->sql = sql;
    return LH_OK;
}

lh_code ask_model(const ask_model_asks *asks, lh_arena *arena, ask_modelled *ret, lh_error *err) {
    lh_ai_message messages[2 + 2 * MODEL_EXAMPLES + 2 * MODEL_REPAIRS];
    ask_example examples[MODEL_EXAMPLES];
    ask_schema schema;
    size_t example_count = 0;
    size_t count = 0;
    ask_names names = {.count = 0};
    const ask_names_asks hides = {asks->ask, asks->schema, asks->caller, true};
    lh_str prompt, grammar = LH_STR_NONE, question = asks->question->text;
    *ret = (ask_modelled){.sql = LH_STR_NONE};
    if (asks->tokens) LH_TRY(ask_names_put(&hides, question, &names, arena, &question, err));
    LH_TRY(tables_choose(asks, question, arena, &schema, err));
    LH_TRY(prompt_write(&schema, asks->question, arena, &prompt, err));
    if (asks->grammar) LH_TRY(ask_grammar(&schema, arena, &grammar, err));
    if (asks->examples) {
        model_fits fits = {asks, arena};
        const ask_examples_asks like = {asks->ask, asks->caller, question, model_example_fits, &fits};
        LH_TRY(ask_examples_like(&like, examples, MODEL_EXAMPLES, arena, &example_count, err));
    }
    const ask_literals_asks literals = {asks->schema, asks->question, asks->unplaced, examples, example_count};
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
        lh_code generated = model_generate(asks->ask->ai, &call, &request, arena, &text, &why);
        if (ask_is_silent(generated)) return ret->silent = true, LH_OK;
        if (generated != LH_OK) return *err = why, generated;
        grammar = request.grammar;
        ret->model = text.model.name;
        lh_str said = model_sql(text.text, arena);
        if (lh_str_eq_nocase(said, LH_STR(ASK_MODEL_NONE))) return ret->none = true, LH_OK;
        lh_code code = model_run(asks, &names, &literals, said, arena, ret, &why);
        ret->repairs = (uint64_t)tries;
        if (code == LH_OK) return LH_OK;
        if (code != LH_INVALID && code != LH_DENIED && code != LH_NOT_FOUND) return *err = why, code;
        if (tries == asks->repairs_max || tries == MODEL_REPAIRS) return LH_OK;
        messages[count++] = (lh_ai_message){LH_STR("assistant"), said};
        messages[count++] = (lh_ai_message){
            LH_STR("user"), lh_arena_printf(arena, "That failed: %.*s\nAnswer with the corrected SQL only.",
                                            LH_STR_ARG(ask_names_hide(&names, lh_str_from(why.message), arena)))};
        LH_TRY(lh_arena_check(arena, err));
    }
}
