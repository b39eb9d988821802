/* The made-up schema of the tests: a library, not the examples that Ask is measured on. */
#ifndef LH_ASK_PLAN_TEST_SCHEMA_H
#define LH_ASK_PLAN_TEST_SCHEMA_H
#include "ask/ask_internal.h"

typedef struct {
    const char *name, *type;
    const char *values;
    bool key, personal;
    const char *shape, *synonyms;
} column_row;
typedef struct {
    const char *name, *synonyms;
    const column_row *columns;
    size_t count;
} table_row;
#define COLUMNS(...) (const column_row[]){__VA_ARGS__}, sizeof((const column_row[]){__VA_ARGS__}) / sizeof(column_row)

static const table_row library[] = {
    {"readers", "members",
     COLUMNS({"reader_id", "VARCHAR", NULL, true, false, "RDR0000", NULL},
             {"first_name", "VARCHAR", NULL, false, true, NULL, NULL},
             {"last_name", "VARCHAR", NULL, false, true, NULL, NULL},
             {"email", "VARCHAR", NULL, false, true, NULL, NULL},
             {"city", "VARCHAR", "Oslo|Bergen|New Town|Reading", false, false, NULL, NULL},
             {"status", "VARCHAR", "active|suspended|left", false, false, NULL, NULL},
             {"fines", "DECIMAL(9,2)", NULL, false, false, NULL, "debts"},
             {"age", "INTEGER", NULL, false, false, NULL, NULL}, {"joined_on", "DATE", NULL, false, false, NULL, NULL},
             {"newsletter", "BOOLEAN", NULL, false, false, NULL, NULL})},
    {"authors", NULL,
     COLUMNS({"author_id", "INTEGER", NULL, true, false, NULL, NULL},
             {"name", "VARCHAR", "Selma Lagerlöf|Knut Hamsun|Tove Jansson", false, false, NULL, NULL},
             {"country", "VARCHAR", "Sweden|Norway|Finland", false, false, NULL, NULL},
             {"born", "DATE", NULL, false, false, NULL, NULL})},
    {"books", "titles",
     COLUMNS(
         {"book_id", "INTEGER", NULL, true, false, NULL, NULL},
         {"author_id", "INTEGER", NULL, false, false, NULL, NULL}, {"title", "VARCHAR", NULL, false, false, NULL, NULL},
         {"genre", "VARCHAR", "crime|fantasy|poetry|open verse", false, false, NULL, NULL},
         {"pages", "INTEGER", NULL, false, false, NULL, NULL}, {"price", "DOUBLE", NULL, false, false, NULL, "cost"},
         {"published", "DATE", NULL, false, false, NULL, NULL},
         {"keywords", "VARCHAR", "sea|winter|war", false, false, NULL, NULL},
         {"blurb", "VARCHAR", NULL, false, false, NULL, NULL})},
    {"loan_log", NULL,
     COLUMNS({"loan_id", "BIGINT", NULL, true, false, NULL, NULL},
             {"reader_id", "VARCHAR", NULL, false, false, NULL, NULL},
             {"book_id", "INTEGER", NULL, false, false, NULL, NULL},
             {"librarian", "VARCHAR", "Ann|Bo", false, false, NULL, NULL},
             {"loaned_at", "TIMESTAMP", NULL, false, false, NULL, NULL},
             {"returned_at", "TIMESTAMP", NULL, false, false, NULL, NULL},
             {"days_late", "INTEGER", NULL, false, false, NULL, NULL},
             {"renewed", "BOOLEAN", NULL, false, false, NULL, NULL})},
    {"branches", NULL,
     COLUMNS({"code", "VARCHAR", "BRG|HBR|OSL|STN", true, false, NULL, NULL},
             {"branch_name", "VARCHAR", "Bryggen Reading Room|Harbour Branch|Main Library|Station Branch", false, false,
              NULL, NULL},
             {"year", "INTEGER", NULL, false, false, NULL, NULL})},
    {"transfers", NULL,
     COLUMNS({"transfer_id", "INTEGER", NULL, true, false, NULL, NULL},
             {"origin", "VARCHAR", "BRG|HBR|OSL", false, false, NULL, NULL},
             {"dest", "VARCHAR", "BRG|HBR|STN", false, false, NULL, NULL},
             {"crates", "INTEGER", NULL, false, false, NULL, NULL}, {"hours", "DOUBLE", NULL, false, false, NULL, NULL},
             {"delay", "INTEGER", NULL, false, false, NULL, NULL})},
    {"purchases", NULL,
     COLUMNS({"purchase_id", "INTEGER", NULL, true, false, NULL, NULL},
             {"book_id", "INTEGER", NULL, false, false, NULL, NULL},
             {"supplier_name", "VARCHAR", "Lindgren Trading Ltd|Nordic Book Company|Nordic Paper Group", false, false,
              NULL, NULL},
             {"ordered_on", "DATE", NULL, false, false, NULL, NULL},
             {"delivered_on", "DATE", NULL, false, false, NULL, NULL},
             {"sale_rate", "DOUBLE", NULL, false, false, NULL, NULL},
             {"purchase_rate", "DOUBLE", NULL, false, false, NULL, NULL},
             {"bound_copies", "INTEGER", NULL, false, false, NULL, NULL},
             {"paper_copies", "INTEGER", NULL, false, false, NULL, NULL},
             {"amount", "DECIMAL(12,2)", NULL, false, false, NULL, NULL})},
};

static lh_str *words_of(lh_arena *arena, const char *list, size_t *ret) {
    lh_str *words = LH_ARENA_ARRAY(arena, lh_str, 16);
    size_t n = 0;
    for (lh_str rest = lh_str_from(list); rest.len;) words[n++] = lh_str_split(&rest, '|');
    *ret = n;
    return words;
}

static ask_schema schema_of(const table_row *rows, size_t count, lh_arena *arena) {
    ask_schema schema = {.tables = LH_ARENA_ARRAY(arena, ask_table, count), .table_count = count};
    for (size_t t = 0; t < count; t++) {
        ask_table *table = &schema.tables[t];
        *table = (ask_table){.name = {LH_STR("data"), lh_str_from(rows[t].name)},
                             .shown = lh_str_from(rows[t].name),
                             .column_count = rows[t].count};
        table->synonyms = words_of(arena, rows[t].synonyms, &table->synonym_count);
        table->columns = LH_ARENA_ARRAY(arena, ask_column, rows[t].count);
        for (size_t c = 0; c < rows[t].count; c++) {
            const column_row *row = &rows[t].columns[c];
            ask_column *column = &table->columns[c];
            *column = (ask_column){.name = lh_str_from(row->name),
                                   .sql_type = lh_str_from(row->type),
                                   .key = row->key,
                                   .personal = row->personal,
                                   .shape = lh_str_from(row->shape)};
            column->type = ask_type_of(column->sql_type);
            column->values = words_of(arena, row->values, &column->value_count);
            column->synonyms = words_of(arena, row->synonyms, &column->synonym_count);
            column->listed = lh_str_eq(column->name, LH_STR("keywords"));
        }
    }
    CHECK(ask_schema_keys(&schema, arena, NULL) == LH_OK);
    return schema;
}
#endif
