/* Lists of tables and columns: information_schema, duckdb_columns(), SHOW ALL TABLES and their like. DuckDB's Iceberg catalog shows
 * there what it loaded last of a table, and of one that nobody has read yet a column "__". So before a statement that asks for
 * such a list the tables that changed since the list before are bound once, which loads them; and of its rows those of what is gone
 * are left out (listing_shim.h). */
#include "engine/run.h"

/* Words that such a statement has; one that has them for another reason only takes longer. */
static bool listing_asks(lh_str text) {
    static const char *const words[] = {"information_schema", "duckdb_columns", "duckdb_tables", "duckdb_constraints",
                                        "pg_attribute",       "pg_catalog",     "show"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        lh_str word = lh_str_from(words[i]);
        for (size_t at = 0; at + word.len <= text.len; at++)
            if (lh_str_eq_nocase(lh_str_sub(text, at, word.len), word)) return true;
    }
    return false;
}

/* One that cannot be loaded is listed as it was. */
static lh_code listing_load(engine_run *run, lh_table_name name, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    duckdb_prepared_statement prepared = NULL;
    LH_TRY(engine_running_check(run->connection, err));
    lh_buf_append(&sql, LH_STR("FROM lake."));
    lh_buf_sql_identifier(&sql, lh_namespace_text(name.namespace_, run->arena));
    lh_buf_char(&sql, '.');
    lh_buf_sql_identifier(&sql, name.name);
    lh_buf_char(&sql, '\0');
    LH_TRY(lh_buf_check(&sql, err));
    (void)duckdb_prepare(run->connection->handle, sql.ptr, &prepared);
    duckdb_destroy_prepare(&prepared);
    return LH_OK;
}

/* DROP TABLE IF EXISTS, ALTER VIEW IF EXISTS. */
static bool listing_if_exists(lh_str text) {
    lh_str words[4] = {LH_STR_NONE, LH_STR_NONE, LH_STR_NONE, LH_STR_NONE};
    size_t count = 0;
    for (size_t at = 0; at < text.len && count < 4;) {
        size_t from = at;
        while (at < text.len && !strchr(" \t\r\n", text.ptr[at])) at++;
        if (at > from) words[count++] = (lh_str){text.ptr + from, at - from};
        at++;
    }
    return (lh_str_eq_nocase(words[0], LH_STR("DROP")) || lh_str_eq_nocase(words[0], LH_STR("ALTER"))) &&
           lh_str_eq_nocase(words[2], LH_STR("IF")) && lh_str_eq_nocase(words[3], LH_STR("EXISTS"));
}

/* The extension keeps for ever that a namespace is not there, once a statement has named it, whoever makes it later: so no such statement
 * comes to it. A governed one does not either (govern.c). */
lh_code engine_listing_known(engine_run *run, bool *ret_nothing, lh_error *err) {
    *ret_nothing = false;
    const size_t at = (size_t)(run->statement - run->scan.statements);
    for (size_t i = 0; i < run->scan.table_count && run->engine->catalog && !run->governor; i++) {
        const lh_sql_table *table = &run->scan.tables[i];
        size_t first = table->part_count == 3 && lh_str_eq_nocase(table->parts[0], LH_STR("lake")) ? 1 : 0;
        lh_str schema = table->parts[first], name = table->parts[table->part_count - 1];
        if (table->statement != at || table->part_count - first != 2) continue;
        bool own = false; /* of DuckDB */
        for (lh_str rest = LH_STR("lake main information_schema pg_catalog system temp memory"); rest.len && !own;)
            own = lh_str_eq_nocase(schema, lh_str_split(&rest, ' '));
        lh_str written = lh_namespace_text(run_written_namespace(run, schema), run->arena);
        lh_namespace_of of;
        if (own || lh_namespace_of_sql(run->engine->catalog, written, run->arena, &of, NULL) != LH_OK || of.count)
            continue;
        if (listing_if_exists(run->statement->text)) return *ret_nothing = true, LH_OK;
        lh_code code =
            table->write
                ? lh_fail(err, LH_INVALID, "Catalog Error: Schema with name \"%.*s\" not found", LH_STR_ARG(schema))
                : lh_fail(err, LH_INVALID,
                          "Catalog Error: Table with name \"%.*s.%.*s\" does not exist because schema \"%.*s\" does "
                          "not exist.",
                          LH_STR_ARG(schema), LH_STR_ARG(name), LH_STR_ARG(schema));
        size_t place = lh_str_search(run->statement->text, schema);
        if (err && place != SIZE_MAX)
            lh_sql_place(run->query->sql, run->statement->offset + place, &err->line, &err->column);
        return code;
    }
    return LH_OK;
}

/* A namespace is looked up without regard to case, and there may have been one that was written otherwise: the extension knows the one
 * that took its place by that. */
bool engine_listing_has(void *ctx, const char *schema, const char *table, char spelled[LISTING_SCHEMA_BYTES]) {
    const lh_engine *engine = ctx;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_namespace_of of;
    lh_json *ignored = NULL;
    lh_str text = lh_str_from(schema);
    if (lh_arena_new(1 << 20, &arena, NULL) != LH_OK) return true;
    if (lh_namespace_of_sql(engine->catalog, text, arena, &of, NULL) != LH_OK || of.count > 1) return true;
    lh_str now = lh_namespace_text(of.name, arena);
    if (!lh_str_eq(now, text) && lh_str_to_cstr(now, spelled, LISTING_SCHEMA_BYTES, NULL) != LH_OK) return false;
    if (table) { /* what cannot be told of is there */
        int64_t ignored_id;
        return lh_table_snapshot_id(engine->catalog, (lh_table_name){of.name, lh_str_from(table)}, &ignored_id, NULL) !=
               LH_NOT_FOUND;
    }
    return lh_namespace_load(engine->catalog, of.name, arena, &ignored, NULL) != LH_NOT_FOUND;
}

lh_code engine_listing_refresh(engine_run *run, lh_error *err) {
    lh_engine *engine = run->engine;
    if (!engine->catalog || run->governor || !listing_asks(run->statement->text)) return LH_OK;
    lh_table_name *names = NULL;
    size_t count = 0;
    uint64_t sequence = 0;
    pthread_mutex_lock(&engine->lock);
    uint64_t listed = engine->listed_sequence;
    pthread_mutex_unlock(&engine->lock);
    LH_TRY(lh_table_changed_since(engine->catalog, listed, run->arena, &names, &count, &sequence, err));
    for (size_t i = 0; i < count; i++) LH_TRY(listing_load(run, names[i], err));
    pthread_mutex_lock(&engine->lock);
    if (sequence > engine->listed_sequence) engine->listed_sequence = sequence;
    pthread_mutex_unlock(&engine->lock);
    return LH_OK;
}
