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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const lh_str cities[] = {{"Oslo", 4}, {"New \"To'wn", 10}, {"in", 2}, {"no answer", 9}};
    ask_column people[] = {
        {.name = LH_STR("person_id"),
         .sql_type = LH_STR("VARCHAR"),
         .type = ASK_TEXT,
         .key = true,
         .shape = LH_STR("P000")},
        {.name = LH_STR("na\"me"), .sql_type = LH_STR("VARCHAR"), .type = ASK_TEXT},
        {.name = LH_STR("city"), .sql_type = LH_STR("VARCHAR"), .type = ASK_TEXT, .values = cities, .value_count = 4},
        {.name = LH_STR("age"), .sql_type = LH_STR("INTEGER"), .type = ASK_NUMBER},
        {.name = LH_STR("joined_on"), .sql_type = LH_STR("DATE"), .type = ASK_DATE}};
    ask_column visits[] = {{.name = LH_STR("visit_id"), .sql_type = LH_STR("BIGINT"), .type = ASK_NUMBER, .key = true},
                           {.name = LH_STR("person_id"), .sql_type = LH_STR("VARCHAR"), .type = ASK_TEXT},
                           {.name = LH_STR("paid"), .sql_type = LH_STR("BOOLEAN"), .type = ASK_BOOL},
                           {.name = LH_STR("at"), .sql_type = LH_STR("TIMESTAMP"), .type = ASK_TIME}};
    ask_table tables[] = {
        {.name = {LH_STR("data"), LH_STR("people")}, .shown = LH_STR("people"), .columns = people, .column_count = 5},
        {.name = {LH_STR("crm"), LH_STR("visit_log")},
         .shown = LH_STR("crm.visit_log"),
         .columns = visits,
         .column_count = 4}};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ask_schema schema = {.tables = tables, .table_count = 2};
    ask_planned planned;
    lh_error err = {0};
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK || ask_schema_keys(&schema, arena, NULL) != LH_OK) return 0;
    const ask_question question = {.text = {(const char *)data, size}, .today = 20000};
    if (ask_plan_question(&schema, &question, arena, &planned, &err) != LH_OK) {
        assert(err.code == LH_LIMIT || err.code == LH_NO_MEMORY);
        return 0;
    }
    if (planned.sql.len) fuzz_check(planned.sql);
    if (planned.nearest_sql.len) fuzz_check(planned.nearest_sql);
    return 0;
}
