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

static const lh_str cities[] = {{"Oslo", 4}, {"New \"To'wn", 10}, {"in", 2}, {"no answer", 9}};
static const lh_str states[] = {{"open", 4}, {"paid", 4}, {"unpaid", 6}, {"written off", 11}},
                    flags[] = {{"N", 1}, {"Y", 1}};
static ask_column people[] = {
    {.name = LH_STR("person_id"), .sql_type = LH_STR("VARCHAR"), .key = true, .shape = LH_STR("P000")},
    {.name = LH_STR("first_name"), .sql_type = LH_STR("VARCHAR"), .personal = true},
    {.name = LH_STR("last_name"), .sql_type = LH_STR("VARCHAR"), .personal = true},
    {.name = LH_STR("na\"me"), .sql_type = LH_STR("VARCHAR"), .masked = true},
    {.name = LH_STR("city"), .sql_type = LH_STR("VARCHAR"), .values = cities, .value_count = 4},
    {.name = LH_STR("age"), .sql_type = LH_STR("INTEGER")},
    {.name = LH_STR("manager_id"), .sql_type = LH_STR("VARCHAR")},
    {.name = LH_STR("birth_date"), .sql_type = LH_STR("DATE")},
    {.name = LH_STR("joined_on"), .sql_type = LH_STR("DATE")}};
static ask_column visits[] = {
    {.name = LH_STR("visit_no"), .sql_type = LH_STR("BIGINT"), .key = true},
    {.name = LH_STR("person_id"), .sql_type = LH_STR("VARCHAR")},
    {.name = LH_STR("paid"), .sql_type = LH_STR("BOOLEAN")},
    {.name = LH_STR("Total (€)"), .sql_type = LH_STR("DECIMAL(9,2)")},
    {.name = LH_STR("unit_cost"), .sql_type = LH_STR("DOUBLE")},
    {.name = LH_STR("due_on"), .sql_type = LH_STR("DATE")},
    {.name = LH_STR("closed_at"), .sql_type = LH_STR("TIMESTAMP")},
    {.name = LH_STR("opened_at"), .sql_type = LH_STR("TIMESTAMP")},
    {.name = LH_STR("lead_person_id"), .sql_type = LH_STR("VARCHAR")},
    {.name = LH_STR("status"), .sql_type = LH_STR("VARCHAR"), .values = states, .value_count = 4},
    {.name = LH_STR("insured"), .sql_type = LH_STR("VARCHAR"), .values = flags, .value_count = 2}};
static ask_column helpers[] = {{.name = LH_STR("visit_no"), .sql_type = LH_STR("BIGINT")},
                               {.name = LH_STR("person_id"), .sql_type = LH_STR("VARCHAR")},
                               {.name = LH_STR("hrs_worked"), .sql_type = LH_STR("DOUBLE")},
                               {.name = LH_STR("share_pct"), .sql_type = LH_STR("DOUBLE")}};
static ask_table tables[] = {{.name = {LH_STR("data"), LH_STR("people")},
                              .shown = LH_STR("people"),
                              .columns = people,
                              .column_count = sizeof people / sizeof *people},
                             {.name = {LH_STR("crm"), LH_STR("visit_log")},
                              .shown = LH_STR("crm.visit_log"),
                              .columns = visits,
                              .column_count = sizeof visits / sizeof *visits},
                             {.name = {LH_STR("data"), LH_STR("helpers")},
                              .shown = LH_STR("helpers"),
                              .columns = helpers,
                              .column_count = sizeof helpers / sizeof *helpers}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    for (size_t t = 0; t < 3; t++)
        for (size_t c = 0; c < tables[t].column_count; c++)
            tables[t].columns[c].type = ask_type_of(tables[t].columns[c].sql_type);
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ask_schema schema = {.tables = tables, .table_count = 3};
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
