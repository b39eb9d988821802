/* A question, a line end, and any bytes as the SQL that a model wrote: what it compares is placed or doubted, and what is refused is of it. */
#include "ask/literals.h"
#include "base/fuzz.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const lh_str cities[] = {{"Oslo", 4}, {"New \"To'wn", 10}, {"in", 2}, {"ÅLE", 4}};
    ask_column people[] = {
        {.name = LH_STR("person_id"), .type = ASK_TEXT, .key = true, .description = LH_STR("P000, or X.")},
        {.name = LH_STR("city"), .type = ASK_TEXT, .values = cities, .value_count = 4},
        {.name = LH_STR("year"), .type = ASK_NUMBER},
        {.name = LH_STR("joined_on"), .type = ASK_DATE}};
    ask_table tables[] = {
        {.name = {LH_STR("data"), LH_STR("people")}, .shown = LH_STR("people"), .columns = people, .column_count = 4}};
    const ask_schema schema = {.tables = tables, .table_count = 1};
    const ask_example example = {LH_STR("those of old"), LH_STR("SELECT 1 FROM people WHERE person_id = 'X9'")};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    ask_literals found;
    lh_error err = {0};
    lh_str sql = {(const char *)data, size};
    if (size > 16 << 10 || lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    const ask_question question = {.text = lh_str_cut_utf8(lh_str_split(&sql, '\n'), LH_LIMIT_QUESTION_BYTES),
                                   .today = 20000};
    lh_json *unplaced = lh_json_new_array(arena);
    lh_json_append(unplaced, lh_json_new_string(arena, LH_STR("zork")));
    const ask_literals_asks asks = {&schema, &question, unplaced, &example, 1};
    lh_code code = ask_literals_place(&asks, sql, arena, &found, &err);
    if (code != LH_OK) {
        lh_fuzz_refused(code, &err);
        return 0;
    }
    assert(!found.invented.ptr || lh_json_size(found.doubts) > 0);
    for (lh_json_iter it = lh_json_each(found.doubts); lh_json_next(&it);)
        assert(lh_str_is_utf8(lh_json_str(it.value, LH_STR("\xff"))));
    return 0;
}
