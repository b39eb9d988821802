/* The way of a question: a verified one of the same words, the planner, a model. Whichever it is, the SQL runs as a statement of the
 * caller, read only, and is recorded as such. What a caller may not see makes no difference to any of it: the schema is made of what its
 * governor lists, and an example that it may not run is passed over. */
#include "ask/ask.h"
#include "ask/model.h"

#define ASK_CONFIDENCE_MODEL 0.5
#define ASK_CONFIDENCE_DOUBTED 0.25 /* of a model's literals, not all are from the question */
enum { ASK_REPAIRS = 2, ASK_ANSWER_BYTES = 4 << 10 };

lh_code lh_ask_new(lh_engine *engine, lh_catalog *catalog, lh_ai *ai, lh_str mask_key, lh_ask **ret, lh_error *err) {
    lh_ask *ask = calloc(1, sizeof *ask);
    if (!ask) return lh_fail(err, LH_NO_MEMORY, "ask: out of memory");
    if (pthread_mutex_init(&ask->lock, NULL) != 0) {
        free(ask);
        return lh_fail(err, LH_NO_MEMORY, "ask: cannot create a lock");
    }
    ask->engine = engine;
    ask->catalog = catalog;
    ask->ai = ai;
    ask->token_key = lh_hmac_sha256(mask_key, LH_STR("ask tokens"));
    *ret = ask;
    return LH_OK;
}

void lh_ask_free(lh_ask *ask) {
    if (!ask) return;
    ask_kept_free(ask->kept);
    pthread_mutex_destroy(&ask->lock);
    free(ask);
}

/* ---- what is answered ---- */

typedef struct answer_of {
    lh_str sql, by, model;
    lh_json *result;
    uint64_t repairs;
} answer_of;

static lh_str answer_value(const lh_json *value, lh_arena *arena) {
    lh_str text = LH_STR("nothing");
    if (lh_json_is_string(value)) return lh_json_str(value, LH_STR_NONE);
    if (!lh_json_is_null(value) && lh_json_write(arena, value, false, &text, NULL) != LH_OK) return LH_STR_NONE;
    return text;
}

/* One row is a sentence: "average price: 12.5." */
static lh_json *answer_sentence(const lh_json *result, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(ASK_ANSWER_BYTES);
    const lh_json *rows = lh_json_get(result, "rows"), *row = lh_json_at(rows, 0);
    if (lh_json_size(rows) != 1)
        return lh_json_size(rows) == 0 ? lh_json_new_string(arena, LH_STR("There are none.")) : lh_json_new_null(arena);
    for (lh_json_iter it = lh_json_each(lh_json_get(result, "columns")); lh_json_next(&it);) {
        lh_str name = lh_json_get_string(it.value, "name");
        if (it.index) lh_buf_append(&text, LH_STR(", "));
        for (size_t i = 0; i < name.len; i++) lh_buf_char(&text, name.ptr[i] == '_' ? ' ' : name.ptr[i]);
        lh_buf_append(&text, LH_STR(": "));
        lh_buf_append(&text, lh_str_cut_utf8(answer_value(lh_json_at(row, it.index), arena), 500));
    }
    lh_buf_char(&text, '.');
    return lh_buf_check(&text, NULL) == LH_OK ? lh_json_new_string(arena, lh_buf_str(&text)) : lh_json_new_null(arena);
}

static bool answer_is_number(const lh_json *column) {
    return ask_type_of(lh_json_get_string(column, "type")) == ASK_NUMBER;
}

/* By what came: a number alone, times and a number, names and a number, or a table. */
static lh_json *answer_chart(const lh_json *result, lh_str planned, lh_arena *arena) {
    const lh_json *columns = lh_json_get(result, "columns"), *first = lh_json_at(columns, 0),
                  *last = lh_json_at(columns, lh_json_size(columns) ? lh_json_size(columns) - 1 : 0);
    size_t count = lh_json_size(columns), rows = lh_json_size(lh_json_get(result, "rows"));
    ask_type type = ask_type_of(lh_json_get_string(first, "type"));
    lh_json *chart = lh_json_new_object(arena);
    bool pair = count >= 2 && count <= 3 && rows > 1 && answer_is_number(last);
    lh_str kind = count == 1 && rows == 1 && answer_is_number(last) ? LH_STR("number")
                  : !pair                                           ? LH_STR("table")
                  : type == ASK_DATE || type == ASK_TIME            ? LH_STR("line")
                  : planned.len                                     ? planned
                                                                    : LH_STR("bar");
    bool drawn = !lh_str_eq(kind, LH_STR("number")) && !lh_str_eq(kind, LH_STR("table"));
    lh_json_set_string(arena, chart, "type", kind);
    lh_json_set(arena, chart, "x",
                drawn ? lh_json_new_string(arena, lh_json_get_string(first, "name")) : lh_json_new_null(arena));
    lh_json_set(arena, chart, "y",
                drawn ? lh_json_new_string(arena, lh_json_get_string(last, "name")) : lh_json_new_null(arena));
    return chart;
}

static lh_json *answer_copy(lh_arena *arena, const lh_json *value) {
    return value ? lh_json_copy(arena, value) : lh_json_new_array(arena);
}

static lh_json *answer_begin(const ask_request *a, bool refused, const ask_planned *planned, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "question", a->question);
    lh_json_set_bool(arena, answer, "refused", refused);
    lh_json_set(arena, answer, "unplaced", answer_copy(arena, planned->unplaced));
    lh_json_set(arena, answer, "assumptions", answer_copy(arena, planned->assumptions));
    return answer;
}

static lh_json *answer_made(const ask_request *a, const answer_of *of, const ask_planned *planned, lh_arena *arena) {
    lh_json *answer = answer_begin(a, false, planned, arena);
    const lh_json *rows = lh_json_get(of->result, "rows");
    lh_json_set(arena, answer, "answer", answer_sentence(of->result, arena));
    lh_json_set_string(arena, answer, "sql", of->sql);
    lh_json_set(arena, answer, "columns", answer_copy(arena, lh_json_get(of->result, "columns")));
    lh_json_set(arena, answer, "rows", answer_copy(arena, rows));
    lh_json_set_uint(arena, answer, "row_count", lh_json_size(rows));
    lh_json_set_bool(arena, answer, "truncated", lh_json_bool(lh_json_get(of->result, "truncated"), false));
    lh_json_set(arena, answer, "chart", answer_chart(of->result, planned->chart, arena));
    lh_json_set(arena, answer, "confidence", lh_json_new_real(arena, planned->confidence));
    lh_json_set_string(arena, answer, "by", of->by);
    lh_json_set(arena, answer, "model", of->model.len ? lh_json_new_string(arena, of->model) : lh_json_new_null(arena));
    lh_json_set_uint(arena, answer, "repairs", of->repairs);
    return answer;
}

static lh_json *answer_refused(const ask_request *a, const ask_planned *planned, lh_str reason, lh_arena *arena) {
    lh_json *answer = answer_begin(a, true, planned, arena), *nearest = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "reason", reason.len ? reason : LH_STR("nothing can answer it"));
    lh_json_set(arena, answer, "confidence", lh_json_new_real(arena, planned->confidence));
    lh_json_set_string(arena, nearest, "question", planned->nearest_question);
    lh_json_set_string(arena, nearest, "sql", planned->nearest_sql);
    lh_json_set(arena, answer, "nearest", planned->nearest_sql.len ? nearest : lh_json_new_null(arena));
    return answer;
}

/* ---- the way ---- */

/* An example that the caller may not run, or that fails on what it sees, is as if it were not there. */
static lh_code ask_by_example(lh_ask *ask, const ask_request *a, const lh_ask_caller *caller, lh_arena *arena,
                              lh_json **ret, lh_error *err) {
    answer_of of = {.by = LH_STR("example")};
    const ask_planned sure = {.confidence = 1};
    lh_error failed = {0};
    LH_TRY(ask_example_find(ask, a->question, arena, &of.sql, err));
    if (of.sql.len == 0 || ask_bind(ask, of.sql, caller, arena, NULL) != LH_OK) return LH_OK;
    lh_code code = ask_run(ask, of.sql, caller, a->rows_max, true, arena, &of.result, &failed);
    if (code == LH_INVALID) return LH_OK;
    if (code != LH_OK) return *err = failed, code;
    *ret = answer_made(a, &of, &sure, arena);
    return LH_OK;
}

static lh_code ask_by_model(const ask_request *a, const ask_model_asks *asks, lh_arena *arena, lh_json **ret,
                            lh_str *ret_why, lh_error *err) {
    ask_modelled made;
    LH_TRY(ask_model(asks, arena, &made, err));
    if (made.silent) {
        *ret_why = LH_STR(LH_ASK_SILENT);
        return LH_OK;
    }
    if (made.invented.ptr) {
        *ret_why = lh_arena_printf(arena, "what the model wrote asks for '%.*s', which the question does not name",
                                   LH_STR_ARG(made.invented));
        return lh_arena_check(arena, err);
    }
    if (made.sql.len == 0) {
        *ret_why = made.none ? LH_STR("the model finds nothing in what you may see that answers it")
                             : LH_STR("what the model wrote does not run on what you may see");
        return LH_OK;
    }
    answer_of of = {made.sql, LH_STR("model"), made.model, made.result, made.repairs};
    const ask_planned shown = {.confidence = lh_json_size(made.doubts) ? ASK_CONFIDENCE_DOUBTED : ASK_CONFIDENCE_MODEL,
                               .assumptions = made.doubts};
    *ret = answer_made(a, &of, &shown, arena);
    return LH_OK;
}

/* Is there a model to ask? One that is named has to be there. */
static lh_code ask_find_model(lh_ask *ask, const ask_request *a, const lh_ask_caller *caller, lh_arena *arena,
                              bool *ret, lh_error *err) {
    const lh_ai_call call = {.model = a->model, .principal = caller->by};
    lh_ai_model model;
    *ret = false;
    if (!a->by_model || !caller->models) return LH_OK;
    lh_code code = lh_ai_find(ask->ai, LH_AI_GENERATE, &call, arena, &model, err);
    *ret = code == LH_OK;
    return code == LH_UNAVAILABLE && !a->model.len ? LH_OK : code;
}

/* A look for a name is a statement of the caller like any other, and is recorded; what cannot be read has nobody. */
static lh_code ask_is_there(lh_ask *ask, lh_str sql, const lh_ask_caller *caller, lh_arena *arena, lh_json **ret,
                            lh_error *err) {
    lh_error failed = {0};
    lh_code code = ask_run(ask, sql, caller, 1, true, arena, ret, &failed);
    if (code == LH_INVALID) return *ret = NULL, LH_OK;
    if (code != LH_OK) *err = failed;
    return code;
}

/* The first of the names that nobody has whom the caller may see; empty: each has somebody. */
static lh_code ask_nobody(lh_ask *ask, const lh_ask_caller *caller, const ask_planned *planned, lh_arena *arena,
                          lh_str *ret, lh_error *err) {
    *ret = LH_STR_NONE;
    for (size_t i = 0; i < planned->name_count; i++) {
        lh_json *found = NULL;
        LH_TRY(ask_is_there(ask, planned->names[i].sql, caller, arena, &found, err));
        if (lh_json_size(lh_json_get(found, "rows")) == 0) return *ret = planned->names[i].name, LH_OK;
    }
    return LH_OK;
}

/* Such a name is a word that was not understood, rather than a question about nobody. */
static lh_code ask_is_named(lh_ask *ask, const lh_ask_caller *caller, ask_planned *planned, lh_arena *arena,
                            lh_error *err) {
    lh_str nobody;
    LH_TRY(ask_nobody(ask, caller, planned, arena, &nobody, err));
    if (!nobody.len) return LH_OK;
    planned->sql = LH_STR_NONE;
    planned->confidence = 0;
    planned->reason = LH_STR("some words could not be placed");
    lh_json_append(planned->unplaced, lh_json_new_string(arena, lh_str_cut_utf8(nobody, 100)));
    return lh_arena_check(arena, err);
}

static lh_str ask_shown(const ask_schema *schema, ask_ref ref, lh_arena *arena) {
    const ask_table *table = &schema->tables[ref.table];
    return ref.column < 0 ? table->shown
                          : lh_arena_printf(arena, "%.*s.%.*s", LH_STR_ARG(table->shown),
                                            LH_STR_ARG(table->columns[ref.column].name));
}

/* A name that may be of several tables is of that one in which somebody is called so, and of which the question can be: one name
 * after the other, as what one is says what the next may be. */
typedef struct ask_lookup {
    lh_ask *ask;
    const ask_schema *schema;
    const lh_ask_caller *caller;
    ask_question question;
    ask_whose whose[ASK_NAMES_MAX];
} ask_lookup;

/* *ret_known: the first name is known now; else the plan is as it was. */
static lh_code ask_whose_name(ask_lookup *l, ask_planned *planned, bool *ret_known, lh_arena *arena, lh_error *err) {
    const ask_planned first = *planned;
    ask_whose *into = &l->whose[l->question.whose_count++], known = {0};
    lh_str shown[2] = {LH_STR_NONE, LH_STR_NONE};
    size_t count = 0;
    for (size_t i = 0; i < first.whose_count; i++) {
        ask_planned one;
        lh_str nobody;
        *into = first.whose[i];
        LH_TRY(ask_plan_question(l->schema, &l->question, arena, &one, err));
        if (!one.name_count || (!one.sql.len && !one.whose_count)) continue;
        LH_TRY(ask_nobody(l->ask, l->caller, &one, arena, &nobody, err));
        if (nobody.len) continue;
        if (count < 2) shown[count] = ask_shown(l->schema, into->of, arena);
        *planned = count++ ? first : one;
        known = *into;
    }
    *into = known;
    *ret_known = count == 1;
    if (count > 1)
        planned->reason = lh_arena_printf(arena, "'%.*s' is a name of '%.*s' and of '%.*s': say which",
                                          LH_STR_ARG(known.name), LH_STR_ARG(shown[0]), LH_STR_ARG(shown[1]));
    return lh_arena_check(arena, err);
}

static lh_code ask_whose_names(lh_ask *ask, const ask_schema *schema, const ask_question *question,
                               const lh_ask_caller *caller, ask_planned *planned, lh_arena *arena, lh_error *err) {
    ask_lookup lookup = {.ask = ask, .schema = schema, .caller = caller, .question = *question};
    lookup.question.whose = lookup.whose;
    for (bool known = true; known && planned->whose_count && lookup.question.whose_count < ASK_NAMES_MAX;)
        LH_TRY(ask_whose_name(&lookup, planned, &known, arena, err));
    return LH_OK;
}

static lh_code ask_way(lh_ask *ask, const ask_request *a, const lh_ask_caller *caller, lh_arena *arena, lh_json **ret,
                       lh_error *err) {
    bool models = false;
    ask_schema schema;
    ask_planned planned = {.confidence = 0};
    lh_str why = LH_STR_NONE;
    LH_TRY(ask_find_model(ask, a, caller, arena, &models, err));
    if (a->examples) LH_TRY(ask_by_example(ask, a, caller, arena, ret, err));
    if (*ret) return LH_OK;
    LH_TRY(ask_schema_load(ask, caller, true, arena, &schema, err));
    const ask_question question = {.text = a->question,
                                   .today = a->today,
                                   .no_synonyms = !a->synonyms,
                                   .no_values = !a->values,
                                   .cancel = caller->cancel,
                                   .deadline_ms = caller->timeout_ms ? lh_time_monotonic_ms() + caller->timeout_ms : 0};
    if (a->planner) LH_TRY(ask_plan_question(&schema, &question, arena, &planned, err));
    LH_TRY(ask_whose_names(ask, &schema, &question, caller, &planned, arena, err));
    if (planned.sql.len) LH_TRY(ask_is_named(ask, caller, &planned, arena, err));
    if (planned.sql.len) {
        answer_of of = {.sql = planned.sql, .by = LH_STR("planner")};
        lh_error failed = {0};
        lh_code code = ask_run(ask, of.sql, caller, a->rows_max, true, arena, &of.result, &failed);
        if (code == LH_OK) return *ret = answer_made(a, &of, &planned, arena), LH_OK;
        if (code != LH_INVALID) return *err = failed, code;
        planned.sql = LH_STR_NONE; /* the data are not as the schema said */
        planned.confidence = 0;
        planned.reason = LH_STR("what it was read as does not run on what you may see");
    }
    const ask_model_asks asks = {.ask = ask,
                                 .schema = &schema,
                                 .question = &question,
                                 .caller = caller,
                                 .model = a->model,
                                 .tokens = a->tokens,
                                 .grammar = a->grammar,
                                 .examples = a->examples,
                                 .unplaced = planned.unplaced,
                                 .repairs_max = a->repair ? ASK_REPAIRS : 0,
                                 .rows_max = a->rows_max};
    if (models && schema.table_count) LH_TRY(ask_by_model(a, &asks, arena, ret, &why, err));
    if (!*ret) *ret = answer_refused(a, &planned, why.len ? why : planned.reason, arena);
    return LH_OK;
}

lh_code lh_ask_question(lh_ask *ask, const lh_json *body, const lh_ask_caller *caller, lh_arena *arena, lh_json **ret,
                        lh_error *err) {
    ask_request a;
    lh_json *answer = NULL;
    uint64_t started = lh_time_monotonic_ms();
    LH_TRY(ask_request_read(body, caller->tokens, &a, err));
    LH_TRY(ask_way(ask, &a, caller, arena, &answer, err));
    lh_json_set_uint(arena, answer, "elapsed_ms", lh_time_monotonic_ms() - started);
    *ret = answer;
    return lh_arena_check(arena, err);
}
