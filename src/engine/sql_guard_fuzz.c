/* Any bytes as SQL: the guard never crashes, what it reports lies within the text, and it says the same of a text
 * however the text is set: with space behind it, statement by statement, or twice in a row. */
#include "base/fuzz.h"
#include "engine/engine.h"
#include "engine/sql_guard.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_within(const lh_sql_scan *scan, lh_str sql) {
    size_t end = 0;
    assert(scan->statement_count > 0 && scan->statement_count <= LH_SQL_STATEMENTS_MAX);
    assert(scan->table_count <= LH_SQL_TABLES_MAX);
    for (size_t i = 0; i < scan->statement_count; i++) {
        const lh_sql_statement *statement = &scan->statements[i];
        assert(statement->offset >= end && statement->text.len > 0);
        assert(statement->text.ptr == sql.ptr + statement->offset);
        end = statement->offset + statement->text.len;
        assert(end <= sql.len);
    }
    for (size_t i = 0; i < scan->table_count; i++) {
        const lh_sql_table *table = &scan->tables[i];
        assert(table->part_count > 0 && table->part_count <= LH_SQL_NAME_PARTS);
        assert(table->statement < scan->statement_count);
        assert(table->has_at || (table->at_version == -1 && table->at_timestamp.len == 0));
        assert(table->at_timestamp.len <= sql.len && (table->at_version == -1 || table->at_timestamp.len == 0));
        for (size_t j = 0; j < table->part_count; j++) assert(table->parts[j].len <= sql.len);
    }
}

static void fuzz_same_statement(const lh_sql_statement *a, const lh_sql_statement *b) {
    assert(a->verb == b->verb && a->writes == b->writes);
}

static void fuzz_same_table(const lh_sql_table *a, const lh_sql_table *b) {
    assert(a->part_count == b->part_count && a->write == b->write);
    assert(a->has_at == b->has_at && a->at_version == b->at_version && lh_str_eq(a->at_timestamp, b->at_timestamp));
    for (size_t i = 0; i < a->part_count; i++) assert(lh_str_eq(a->parts[i], b->parts[i]));
}

/* The text once more, `count` times with `between` between: the same verdict, and if it is a good one the same scan. */
static void fuzz_again(lh_str sql, const lh_sql_scan *once, lh_code code, size_t count, lh_str between,
                       lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    for (size_t i = 0; i < count; i++) {
        lh_buf_append(&text, sql);
        lh_buf_append(&text, between);
    }
    lh_sql_scan scan;
    if (lh_buf_check(&text, NULL) != LH_OK || once->statement_count * count > LH_SQL_STATEMENTS_MAX) return;
    assert(lh_sql_scan_guarded(lh_buf_str(&text), arena, &scan, NULL) == code);
    if (code != LH_OK) return;
    fuzz_within(&scan, lh_buf_str(&text));
    assert(scan.statement_count == count * once->statement_count);
    for (size_t i = 0; i < scan.statement_count; i++)
        fuzz_same_statement(&scan.statements[i], &once->statements[i % once->statement_count]);
    if (once->table_count * count > LH_SQL_TABLES_MAX) return;
    assert(scan.table_count == count * once->table_count);
    for (size_t i = 0; i < scan.table_count; i++)
        fuzz_same_table(&scan.tables[i], &once->tables[i % once->table_count]);
}

/* A statement runs alone (run.c): the guard must have seen the same one. */
static void fuzz_alone(const lh_sql_scan *once, size_t index, lh_arena *arena) {
    lh_sql_scan scan;
    assert(lh_sql_scan_guarded(once->statements[index].text, arena, &scan, NULL) == LH_OK);
    assert(scan.statement_count == 1);
    fuzz_same_statement(&scan.statements[0], &once->statements[index]);
    size_t from = 0;
    while (from < once->table_count && once->tables[from].statement < index) from++;
    if (once->table_count == LH_SQL_TABLES_MAX) return; /* the list was cut */
    for (size_t i = 0; i < scan.table_count; i++) {
        assert(from + i < once->table_count && once->tables[from + i].statement == index);
        fuzz_same_table(&scan.tables[i], &once->tables[from + i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str sql = {(const char *)data, size};
    lh_sql_scan scan = {0};
    lh_error err = {0};
    if (lh_arena_new(64 << 20, &arena, &err) != LH_OK) return 0;
    lh_code code = lh_sql_scan_guarded(sql, arena, &scan, &err);
    assert(code == LH_OK || code == LH_DENIED || code == LH_INVALID || code == LH_LIMIT);
    assert(code == lh_sql_guard(sql, NULL));
    if (code == LH_OK) fuzz_within(&scan, sql);
    else {
        lh_fuzz_told(code, &err);
        assert(code != LH_DENIED || (err.line > 0 && err.column > 0));
    }
    fuzz_again(sql, &scan, code, 1, LH_STR(" "), arena);
    if (code != LH_OK) return 0;
    fuzz_again(sql, &scan, code, 2, LH_STR("\n;\n"), arena);
    for (size_t i = 0; i < scan.statement_count && i < 8; i++) fuzz_alone(&scan, i, arena);
    return 0;
}
