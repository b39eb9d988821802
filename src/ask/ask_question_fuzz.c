/* Any bytes as a question: it is planned or refused, words that could not be placed are from it, and the SQL is one statement whose quotes
 * are closed. */
#include "ask/ask_internal.h"

#include <assert.h>

static void fuzz_check(lh_str sql) {
    bool text = false, name = false;
    for (size_t i = 0; i < sql.len; i++) {
        if (sql.ptr[i] == '\'' && !name) text = !text;
        if (sql.ptr[i] == '"' && !text) name = !name;
        assert(text || name || sql.ptr[i] != ';');
    }
    assert(!text && !name && lh_str_starts(sql, LH_STR("SELECT ")));
}

/* ---- what is asked about ---- */

static const lh_str fuzz_cities[] = {{"Oslo", 4}, {"New \"To'wn", 10}, {"in", 2}, {"no answer", 9}};
static const lh_str fuzz_states[] = {{"open", 4}, {"paid", 4}, {"unpaid", 6}, {"written off", 11}};
static const lh_str fuzz_flags[] = {{"N", 1}, {"Y", 1}};

typedef struct {
    const char *table, *name, *type;
    bool key, personal, masked;
    const char *shape;
    const lh_str *values;
    size_t value_count;
} fuzz_column;
static const fuzz_column fuzz_columns[] = {
    {"people", "person_id", "VARCHAR", .key = true, .shape = "P000"},
    {"people", "first_name", "VARCHAR", .personal = true},
    {"people", "last_name", "VARCHAR", .personal = true},
    {"people", "na\"me", "VARCHAR", .masked = true},
    {"people", "city", "VARCHAR", .values = fuzz_cities, .value_count = 4},
    {"people", "age", "INTEGER", .key = false},
    {"people", "manager_id", "VARCHAR", .key = false},
    {"people", "birth_date", "DATE", .key = false},
    {"people", "joined_on", "DATE", .key = false},
    {"crm.visit_log", "visit_no", "BIGINT", .key = true},
    {"crm.visit_log", "person_id", "VARCHAR", .key = false},
    {"crm.visit_log", "paid", "BOOLEAN", .key = false},
    {"crm.visit_log", "Total (€)", "DECIMAL(9,2)", .key = false},
    {"crm.visit_log", "unit_cost", "DOUBLE", .key = false},
    {"crm.visit_log", "due_on", "DATE", .key = false},
    {"crm.visit_log", "closed_at", "TIMESTAMP", .key = false},
    {"crm.visit_log", "opened_at", "TIMESTAMP", .key = false},
    {"crm.visit_log", "lead_person_id", "VARCHAR", .key = false},
    {"crm.visit_log", "status", "VARCHAR", .values = fuzz_states, .value_count = 4},
    {"crm.visit_log", "insured", "VARCHAR", .values = fuzz_flags, .value_count = 2},
    {"helpers", "visit_no", "BIGINT", .key = false},
    {"helpers", "person_id", "VARCHAR", .key = false},
    {"helpers", "hrs_worked", "DOUBLE", .key = false},
    {"helpers", "share_pct", "DOUBLE", .key = false}};
enum { FUZZ_COLUMNS = sizeof fuzz_columns / sizeof *fuzz_columns, FUZZ_TABLES = 3 };

/* Columns of one table stand together. */
static void fuzz_schema(ask_table *tables, ask_column *columns) {
    size_t n = 0;
    for (size_t i = 0; i < FUZZ_COLUMNS; i++) {
        const fuzz_column *from = &fuzz_columns[i];
        columns[i] = (ask_column){.name = lh_str_from(from->name),
                                  .sql_type = lh_str_from(from->type),
                                  .type = ask_type_of(lh_str_from(from->type)),
                                  .key = from->key,
                                  .personal = from->personal,
                                  .masked = from->masked,
                                  .shape = from->shape ? lh_str_from(from->shape) : LH_STR_NONE,
                                  .values = from->values,
                                  .value_count = from->value_count};
        lh_str name = lh_str_from(from->table), namespace_ = LH_STR("data");
        if (lh_str_starts(name, LH_STR("crm."))) namespace_ = LH_STR("crm"), name = lh_str_sub(name, 4, name.len);
        if (!n || !lh_str_eq(tables[n - 1].name.name, name))
            tables[n++] =
                (ask_table){.name = {namespace_, name}, .shown = lh_str_from(from->table), .columns = &columns[i]};
        tables[n - 1].column_count++;
    }
    assert(n == FUZZ_TABLES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ask_table tables[FUZZ_TABLES];
    ask_column columns[FUZZ_COLUMNS];
    fuzz_schema(tables, columns);
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ask_schema schema = {.tables = tables, .table_count = FUZZ_TABLES};
    ask_planned planned;
    lh_error err = {0};
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK || ask_schema_keys(&schema, arena, NULL) != LH_OK) return 0;
    ask_whose whose[ASK_NAMES_MAX];
    for (size_t i = 0; i < ASK_NAMES_MAX; i++) whose[i] = (ask_whose){.at = i, .of = {(int)(i % 2), -1}};
    const ask_question question = {.text = {(const char *)data, size},
                                   .today = 20000,
                                   .whose = whose,
                                   .whose_count = size % 3 == 2 ? ASK_NAMES_MAX : 0};
    if (ask_plan_question(&schema, &question, arena, &planned, &err) != LH_OK) {
        assert(err.code == LH_LIMIT || err.code == LH_NO_MEMORY);
        return 0;
    }
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    ask_token *tokens = NULL;
    size_t count = 0;
    if (lh_terms_new(LH_STR("en"), &terms, NULL) == LH_OK &&
        ask_tokens(terms, question.text, arena, &tokens, &count, NULL) == LH_OK)
        for (size_t i = 0; i < count; i++) /* each stands in the text */
            assert(tokens[i].raw.len == 0 ||
                   (tokens[i].raw.ptr >= question.text.ptr &&
                    tokens[i].raw.ptr + tokens[i].raw.len <= question.text.ptr + question.text.len));
    if (planned.sql.len) fuzz_check(planned.sql);
    for (size_t i = 0; i < planned.name_count; i++) fuzz_check(planned.names[i].sql);
    if (planned.nearest_sql.len) fuzz_check(planned.nearest_sql);
    return 0;
}
