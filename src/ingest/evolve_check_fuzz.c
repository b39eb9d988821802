/* Any bytes as rules, as a model may answer: refused with a reason, or each rule names columns that are there, once, and SQL is
 * made of nothing but them. */
#include "base/fuzz.h"
#include "ingest/evolve_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const fuzz_columns[][2] = {
    {"id", "BIGINT"}, {"name", "VARCHAR"}, {"a \"b\"", "VARCHAR"}, {"price", "DECIMAL(9,2)"}, {"tags", "VARCHAR[]"}};
enum { FUZZ_COLUMNS = sizeof fuzz_columns / sizeof *fuzz_columns };

static evolve_side fuzz_table(lh_arena *arena) {
    evolve_side side = {.columns = LH_ARENA_ARRAY(arena, evolve_column, FUZZ_COLUMNS)};
    for (size_t i = 0; side.columns && i < FUZZ_COLUMNS; i++) {
        evolve_column *column = &side.columns[side.count++];
        column->name = lh_str_from(fuzz_columns[i][0]);
        column->id = (int64_t)i + 1;
        lh_code code = ingest_type_parse(lh_str_from(fuzz_columns[i][1]), arena, &column->type, NULL);
        assert(code == LH_OK);
    }
    return side;
}

static lh_json *fuzz_metadata(const evolve_side *table, lh_arena *arena) {
    lh_json *metadata = lh_json_new_object(arena), *schemas = lh_json_new_array(arena),
            *schema = lh_json_new_object(arena), *fields = lh_json_new_array(arena);
    int64_t next_id = FUZZ_COLUMNS + 1;
    for (size_t i = 0; i < table->count; i++) {
        lh_json *field = lh_json_new_object(arena);
        lh_json_set_int(arena, field, "id", table->columns[i].id);
        lh_json_set_string(arena, field, "name", table->columns[i].name);
        lh_json_set(arena, field, "type", ingest_type_to_iceberg(table->columns[i].type, &next_id, arena));
        lh_json_append(fields, field);
    }
    lh_json_set_int(arena, schema, "schema-id", 0);
    lh_json_set(arena, schema, "fields", fields);
    lh_json_append(schemas, schema);
    lh_json_set(arena, metadata, "schemas", schemas);
    lh_json_set_int(arena, metadata, "current-schema-id", 0);
    lh_json_set_int(arena, metadata, "last-column-id", next_id);
    return metadata;
}

/* Quotes of both kinds are closed, and outside of them there is no comment, no second statement, no subquery. */
static void fuzz_sql(lh_str sql) {
    char quote = '\0';
    for (size_t i = 0; i < sql.len; i++) {
        char c = sql.ptr[i];
        if (quote) {
            if (c == quote) quote = '\0';
            continue;
        }
        if (c == '\'' || c == '"') quote = c;
        assert(c != ';' && !(c == '-' && i + 1 < sql.len && sql.ptr[i + 1] == '-'));
        assert(lh_str_search(lh_str_sub(sql, i, 6), LH_STR("SELECT")) != 0);
    }
    assert(!quote);
}

static void fuzz_rules(const evolve_rules *rules, const evolve_side *table, lh_arena *arena) {
    size_t taken[FUZZ_COLUMNS] = {0};
    evolve_plan plan;
    for (size_t i = 0; i < rules->count; i++) {
        const evolve_rule *rule = &rules->items[i];
        assert(rule->confidence >= 0 && rule->confidence <= 1);
        for (size_t j = 0; j < rule->from_count; j++) {
            assert(rule->from[j] >= table->columns && rule->from[j] < table->columns + table->count);
            size_t *uses = &taken[rule->from[j] - table->columns];
            assert(*uses == 0);
            ++*uses;
        }
        for (size_t j = 0; j < rule->to_count; j++)
            assert(rule->to[j].len && rule->to[j].len <= LH_LIMIT_NAME_BYTES && lh_str_is_utf8(rule->to[j]));
        assert(!rule->type || ingest_type_equal(rule->type, ingest_type_storable(rule->type, arena)));
    }
    if (evolve_plan_make(fuzz_metadata(table, arena), table, rules, arena, &plan, NULL) != LH_OK) return;
    for (size_t i = 0; i < plan.written_count; i++) fuzz_sql(plan.written[i].sql);
    assert(lh_json_size(lh_json_get(plan.schema, "fields")) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *json = NULL;
    evolve_rules rules;
    lh_error err = {0};
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    if (lh_json_parse(arena, (lh_str){(const char *)data, size}, &json, NULL) != LH_OK) return 0;
    const evolve_side table = fuzz_table(arena);
    lh_code code = evolve_rules_check(json, &table, arena, &rules, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code == LH_OK) fuzz_rules(&rules, &table, arena);
    else lh_fuzz_told(code, &err);
    return 0;
}
