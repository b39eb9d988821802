/* What foreign SQL may not do, by its tokens.
 *
 * Three rules, each of which errs on the side of refusing:
 *  1. A statement starts with an allowed verb (also behind EXPLAIN); CREATE, ALTER and DROP only of TABLE, VIEW, SCHEMA.
 *     Any other word is refused: denied when it is a statement of DuckDB's, a syntax error when it is none that we know.
 *     The caller checks the prepared statement's type once more.
 *  2. A name directly before '(' anywhere is a function call, but for a write target's column list; a refused name is
 *     refused wherever it stands, so nothing depends on knowing where functions may stand.
 *  3. In table position a string, or a name that DuckDB would open as a file when no table has it, is refused. Where
 *     table position is: after FROM, JOIN, INTO, UPDATE, USING, TABLE, DESCRIBE, SUMMARIZE, SHOW, PIVOT, UNPIVOT, and
 *     after a comma, a colon (prefix alias) or an opening bracket of a FROM list. A FROM list of one bracket level
 *     ends only at a reserved word, which cannot be an alias, so that no alias can end it early (WITH does not end it:
 *     WITH ORDINALITY).
 * Tables in table position are reported, but for reads of a name that a WITH in whose scope they stand gives to a query.
 * The list may hold names that are no tables (a column after DESC), and the callers look every name up. It tells which
 * snapshots were read; what is refused hangs on none of this, so a query's name must be an allowed one, too. */
#include "engine/engine.h"
#include "engine/sql_guard.h"

#include <stdio.h>

/* clang-format off */
typedef enum {
    KW_NONE, KW_SELECT, KW_WITH, KW_FROM, KW_VALUES, KW_TABLE, KW_INSERT, KW_UPDATE, KW_DELETE, KW_MERGE, KW_TRUNCATE, KW_CREATE,
    KW_ALTER, KW_DROP, KW_EXPLAIN, KW_DESCRIBE, KW_SHOW, KW_SUMMARIZE, KW_PIVOT, KW_UNPIVOT, KW_BEGIN, KW_START, KW_COMMIT, KW_END,
    KW_ROLLBACK, KW_ABORT, KW_JOIN, KW_INTO, KW_USING, KW_ENDS_LIST, KW_DISTINCT, KW_IS, KW_NOT, KW_LATERAL, KW_ONLY, KW_RESERVED,
    KW_VIEW, KW_SCHEMA, KW_IF, KW_EXISTS, KW_OR, KW_REPLACE, KW_ANALYZE, KW_THEN, KW_DO, KW_FOR, KW_EXPRESSION_FROM, KW_AT, KW_AS,
} keyword;

static const struct { const char *word; keyword is; } keywords[] = {
    {"select", KW_SELECT}, {"with", KW_WITH}, {"from", KW_FROM}, {"values", KW_VALUES}, {"table", KW_TABLE}, {"insert", KW_INSERT},
    {"update", KW_UPDATE}, {"delete", KW_DELETE}, {"merge", KW_MERGE}, {"truncate", KW_TRUNCATE}, {"create", KW_CREATE},
    {"alter", KW_ALTER}, {"drop", KW_DROP}, {"explain", KW_EXPLAIN}, {"describe", KW_DESCRIBE}, {"desc", KW_DESCRIBE},
    {"show", KW_SHOW}, {"summarize", KW_SUMMARIZE}, {"pivot", KW_PIVOT}, {"pivot_wider", KW_PIVOT}, {"pivot_longer", KW_UNPIVOT},
    {"unpivot", KW_UNPIVOT}, {"begin", KW_BEGIN}, {"start", KW_START}, {"commit", KW_COMMIT}, {"end", KW_END},
    {"rollback", KW_ROLLBACK}, {"abort", KW_ABORT}, {"join", KW_JOIN}, {"into", KW_INTO}, {"using", KW_USING},
    {"where", KW_ENDS_LIST}, {"group", KW_ENDS_LIST}, {"having", KW_ENDS_LIST}, {"window", KW_ENDS_LIST}, {"qualify", KW_ENDS_LIST},
    {"order", KW_ENDS_LIST}, {"limit", KW_ENDS_LIST}, {"offset", KW_ENDS_LIST}, {"union", KW_ENDS_LIST}, {"intersect", KW_ENDS_LIST},
    {"except", KW_ENDS_LIST}, {"returning", KW_ENDS_LIST}, {"distinct", KW_DISTINCT}, {"is", KW_IS}, {"not", KW_NOT},
    {"lateral", KW_LATERAL}, {"only", KW_ONLY}, {"all", KW_RESERVED}, {"on", KW_RESERVED}, {"case", KW_RESERVED}, {"in", KW_RESERVED},
    {"cast", KW_RESERVED}, {"default", KW_RESERVED}, {"view", KW_VIEW}, {"schema", KW_SCHEMA}, {"if", KW_IF}, {"exists", KW_EXISTS},
    {"or", KW_OR}, {"replace", KW_REPLACE}, {"analyze", KW_ANALYZE}, {"analyse", KW_ANALYZE}, {"verbose", KW_ANALYZE},
    {"then", KW_THEN}, {"do", KW_DO}, {"for", KW_FOR}, {"extract", KW_EXPRESSION_FROM}, {"substring", KW_EXPRESSION_FROM},
    {"trim", KW_EXPRESSION_FROM}, {"overlay", KW_EXPRESSION_FROM}, {"at", KW_AT}, {"as", KW_AS},
};
/* clang-format on */

typedef enum { MODE_OTHER, MODE_FROM, MODE_VALUES } list_mode;
typedef enum { EXPECT_NOTHING, EXPECT_READ, EXPECT_WRITE } expectation;
/* DuckDB's binder takes twice as long for each query within a query's value, grows with the third power for values in values,
 * and nothing interrupts it: at these bounds it takes about a second. */
enum { GUARD_DEPTH_MAX = 200, GUARD_VALUES_MAX = 64, GUARD_QUERIES_MAX = 16, GUARD_QUERY_NAMES_MAX = 256 };
typedef struct {
    uint8_t mode, expect;
    bool expression_from;
    bool with_body; /* of the newest query name of the level around it */
    uint8_t values, queries; /* of the brackets up to here: [ and {; queries that stand for a value */
} level;

/* WITH name AS (…) */
typedef struct {
    lh_str name;
    size_t depth; /* of WITH: the name ends with that bracket */
    bool recursive, visible;
} query_name;

typedef struct {
    lh_str sql;
    const lh_sql_token *tokens;
    size_t count, at;
    lh_arena *arena;
    lh_sql_scan *scan;
    lh_error *err;
    level *levels;
    size_t depth;
    query_name *query_names; /* that are open: those of inner brackets last */
    size_t query_name_count;
    size_t with_body; /* the bracket behind the newest one's AS */
    lh_sql_statement *statement;
    keyword verb;     /* of the statement, behind EXPLAIN and WITH */
    bool head;        /* of CREATE/ALTER/DROP: its target has not come yet */
    size_t table_end; /* the token behind the last table name */
    size_t references; /* of the statement */
} guard;

static lh_str token_text(const guard *g, size_t at) {
    return lh_str_sub(g->sql, g->tokens[at].offset, g->tokens[at].len);
}

static bool is_symbol(const guard *g, size_t at, const char *symbol) {
    return at < g->count && g->tokens[at].kind == LH_SQL_SYMBOL && lh_str_eq(token_text(g, at), lh_str_from(symbol));
}

static bool is_name(const guard *g, size_t at) {
    return at < g->count && (g->tokens[at].kind == LH_SQL_WORD || g->tokens[at].kind == LH_SQL_QUOTED);
}

/* The keyword of a token; a word behind a point is a name, whatever it spells. */
static keyword keyword_at(const guard *g, size_t at) {
    return at < g->count ? (keyword)g->tokens[at].keyword : KW_NONE;
}

static void mark_keywords(lh_str sql, lh_sql_tokens *tokens) {
    for (size_t i = 0; i < tokens->count; i++) {
        lh_sql_token *token = &tokens->items[i];
        if (token->kind != LH_SQL_WORD || token->len > 12) continue;
        if (i > 0 && tokens->items[i - 1].kind == LH_SQL_SYMBOL && sql.ptr[tokens->items[i - 1].offset] == '.')
            continue;
        lh_str text = lh_str_sub(sql, token->offset, token->len);
        for (size_t k = 0; k < sizeof keywords / sizeof *keywords; k++)
            if (lh_str_eq_nocase(text, lh_str_from(keywords[k].word))) token->keyword = (uint16_t)keywords[k].is;
    }
}

static lh_code guard_fail(guard *g, size_t at, lh_code code, const char *what, const char *why) {
    size_t offset = at < g->count ? g->tokens[at].offset : g->sql.len;
    lh_error_set(g->err, code, "%s: %s", what, why);
    return lh_sql_fail_at(g->sql, offset, code, g->err);
}

static lh_code guard_deny_token(guard *g, size_t at, const char *why) {
    char what[80];
    lh_str text = at < g->count ? token_text(g, at) : LH_STR("the end");
    size_t shown = text.len > 60 ? 60 : text.len;
    while (shown > 0 && shown < text.len && ((unsigned char)text.ptr[shown] & 0xC0) == 0x80) shown--;
    snprintf(what, sizeof what, "%.*s", (int)shown, text.ptr);
    return guard_fail(g, at, LH_DENIED, what, why);
}

/* The name a WORD or QUOTED token stands for. */
static lh_str name_of(guard *g, size_t at) {
    lh_str text = token_text(g, at);
    if (g->tokens[at].kind == LH_SQL_WORD) return text;
    char *copy = lh_arena_alloc(g->arena, text.len);
    if (!copy) return LH_STR_NONE;
    size_t len = 0;
    for (size_t i = 1; i + 1 < text.len; i++) {
        copy[len++] = text.ptr[i];
        if (text.ptr[i] == '"') i++;
    }
    return (lh_str){copy, len};
}

static bool is_word(const guard *g, size_t at, const char *word) {
    return at < g->count && g->tokens[at].kind == LH_SQL_WORD && lh_str_eq_nocase(token_text(g, at), lh_str_from(word));
}

/* ---- names that WITH gives to queries ---- */
static size_t with_columns_end(const guard *g, size_t at) { /* at '(' of a list of names → behind its ')' */
    for (at++; is_name(g, at) && is_symbol(g, at + 1, ","); at += 2) continue;
    return is_name(g, at) && is_symbol(g, at + 1, ")") ? at + 2 : g->count;
}

/* name [(column, …)] [USING KEY (column, …)] AS [[NOT] MATERIALIZED] ( → that bracket; SIZE_MAX: it is something else. */
static size_t with_body_of(const guard *g, size_t at) {
    if (!is_name(g, at++)) return SIZE_MAX;
    if (is_symbol(g, at, "(")) at = with_columns_end(g, at);
    if (keyword_at(g, at) == KW_USING && is_word(g, at + 1, "key") && is_symbol(g, at + 2, "("))
        at = with_columns_end(g, at + 2);
    if (keyword_at(g, at++) != KW_AS) return SIZE_MAX;
    if (keyword_at(g, at) == KW_NOT) at++;
    if (is_word(g, at, "materialized")) at++;
    return is_symbol(g, at, "(") ? at : SIZE_MAX;
}

static void with_name(guard *g, size_t at, bool recursive) {
    size_t body = with_body_of(g, at);
    if (body == SIZE_MAX || g->query_name_count == GUARD_QUERY_NAMES_MAX) return; /* its reads count as a table's */
    g->query_names[g->query_name_count++] =
        (query_name){.name = name_of(g, at), .depth = g->depth, .recursive = recursive};
    g->with_body = body;
}

static void guard_with(guard *g) {
    bool recursive = is_word(g, g->at + 1, "recursive") && with_body_of(g, g->at + 1) == SIZE_MAX;
    with_name(g, g->at + (recursive ? 2 : 1), recursive);
}

/* In its own body a recursive name is the query's only behind UNION; before it a table's, as DuckDB has it. */
static void with_set_operation(guard *g) {
    if (!g->levels[g->depth].with_body) return;
    size_t own = g->query_name_count;
    while (g->query_names[--own].depth == g->depth) continue; /* those of a WITH in the body */
    if (is_word(g, g->at, "union")) g->query_names[own].visible = g->query_names[own].recursive;
    if (is_word(g, g->at, "except")) g->query_names[own].visible = false;
}

/* At a closing bracket: names within it end, and the one whose query it was begins. */
static void with_close(guard *g, bool body) {
    while (g->query_name_count && g->query_names[g->query_name_count - 1].depth > g->depth) g->query_name_count--;
    if (!body) return;
    query_name *newest = &g->query_names[g->query_name_count - 1];
    newest->visible = true;
    if (is_symbol(g, g->at + 1, ",")) with_name(g, g->at + 2, newest->recursive);
}

static bool is_query_name(const guard *g, const lh_sql_table *table) {
    if (table->write || table->part_count != 1) return false;
    for (size_t i = 0; i < g->query_name_count; i++)
        if (g->query_names[i].visible && lh_str_eq_nocase(g->query_names[i].name, table->parts[0])) return true;
    return false;
}

/* ---- rule 2: functions ---- */
static lh_code guard_call(guard *g, size_t at) {
    if (!is_name(g, at) || !is_symbol(g, at + 1, "(")) return LH_OK;
    if (lh_sql_function_allowed(name_of(g, at))) return LH_OK;
    return guard_deny_token(
        g, at,
        "this function is not allowed here: it reads files, settings or the net, runs SQL text or changes the engine");
}

/* ---- rule 3: table position ---- */
static bool ends_like_file(lh_str name) {
    static const char *const endings[] = {".csv",    ".tsv",     ".parquet", ".json",  ".jsonl", ".ndjson",  ".avro",
                                          ".db",     ".duckdb",  ".gz",      ".zst",   ".txt",   ".xlsx",    ".arrow",
                                          ".arrows", ".feather", ".ipc",     ".lance", ".shp",   ".geojson", ".vortex"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        lh_str ending = lh_str_from(endings[i]);
        if (name.len >= ending.len && lh_str_eq_nocase(lh_str_sub(name, name.len - ending.len, ending.len), ending))
            return true;
    }
    return false;
}

static bool is_path_like(lh_str part) {
    for (size_t i = 0; i < part.len; i++)
        if (strchr("/\\:*?[~", part.ptr[i])) return true;
    return ends_like_file(part);
}

static lh_code guard_name_is_no_file(guard *g, size_t at, const lh_sql_table *table) {
    const char *why = "a file cannot be read by name; load it with an ingest, then query the table";
    for (size_t i = 0; i < table->part_count; i++)
        if (is_path_like(table->parts[i])) return guard_deny_token(g, at, why);
    if (table->part_count < 2 || lh_str_eq_nocase(table->parts[0], LH_STR("lake"))) return LH_OK;
    char last[80]; /* DuckDB tries the joined name as a file: main.csv */
    lh_str part = table->parts[table->part_count - 1];
    if (part.len + 2 > sizeof last) return LH_OK;
    last[0] = '.';
    memcpy(last + 1, part.ptr, part.len);
    if (ends_like_file((lh_str){last, part.len + 1}))
        return guard_deny_token(g, at, "this reads like a file name; write lake.<namespace>.<table> if it is a table");
    return LH_OK;
}

static lh_code guard_target(guard *g, size_t at, const lh_sql_table *table) {
    static const char *const catalogs[] = {"memory", "temp", "system", "pg_temp", "pg_catalog", "information_schema"};
    for (size_t i = 0; table->part_count >= 2 && i < sizeof catalogs / sizeof *catalogs; i++)
        if (lh_str_eq_nocase(table->parts[0], lh_str_from(catalogs[i])))
            return guard_deny_token(g, at, "only tables of the lake may be changed");
    return LH_OK;
}

lh_code lh_sql_too_many_references(lh_error *err) {
    return lh_fail(
        err, LH_LIMIT,
        "SQL: a statement names tables at most %d times: name each once, by WITH, or make several statements "
        "of it",
        LH_LIMIT_SQL_REFERENCES);
}

static void guard_report(guard *g, lh_sql_table table) {
    g->references++;
    if (g->scan->table_count >= LH_SQL_TABLES_MAX) return;
    table.statement = (uint16_t)(g->scan->statement_count);
    g->scan->tables[g->scan->table_count++] = table;
}

/* duckdb_logs and pragma_database_list also exist as views; two of pg_catalog show settings and others' statements. */
static bool is_inside_view(lh_str name) {
    lh_str head = lh_str_sub(name, 0, 7);
    if (lh_str_eq_nocase(name, LH_STR("pg_settings")) || lh_str_eq_nocase(name, LH_STR("pg_prepared_statements")))
        return true;
    return !lh_sql_function_allowed(name) &&
           (lh_str_eq_nocase(head, LH_STR("duckdb_")) || lh_str_eq_nocase(head, LH_STR("pragma_")));
}

/* A literal and casts of it, up to the bracket that closes before it: TIMESTAMP '…', '…'::DATE, CAST('…' AS TIMESTAMP). */
static lh_str guard_at_constant(const guard *g, size_t at) {
    static const char *const words[] = {"cast",         "as",           "timestamp",    "timestamptz", "timestamp_s",
                                        "timestamp_ms", "timestamp_us", "timestamp_ns", "date",        "datetime",
                                        "with",         "without",      "time",         "zone"};
    size_t depth = 0, first = at;
    for (; at < g->count && !(depth == 0 && is_symbol(g, at, ")")); at++) {
        bool known = g->tokens[at].kind == LH_SQL_STRING || is_symbol(g, at, "::");
        for (size_t i = 0; !known && i < sizeof words / sizeof *words; i++) known = is_word(g, at, words[i]);
        if (is_symbol(g, at, "(")) depth++;
        else if (is_symbol(g, at, ")")) depth--;
        else if (!known) return LH_STR_NONE;
    }
    if (at == first || at == g->count) return LH_STR_NONE;
    size_t from = g->tokens[first].offset, to = g->tokens[at - 1].offset + g->tokens[at - 1].len;
    return lh_str_sub(g->sql, from, to - from);
}

/* Behind a table's name: AT (…), or [AS] alias [(column, …)] AT (…). */
static void guard_time_travel(const guard *g, size_t at, lh_sql_table *table) {
    size_t alias = keyword_at(g, at) == KW_AS ? at + 1 : at;
    if (keyword_at(g, at) != KW_AT && is_name(g, alias) && keyword_at(g, alias) == KW_NONE) {
        at = alias + 1;
        if (is_symbol(g, at, "(")) at = with_columns_end(g, at);
    }
    table->at_version = -1;
    table->has_at = keyword_at(g, at) == KW_AT && is_symbol(g, at + 1, "(");
    if (!table->has_at || !is_symbol(g, at + 3, "=>")) return;
    int64_t number = -1;
    bool version = is_word(g, at + 2, "version") && at + 4 < g->count;
    if (version && lh_str_to_i64(token_text(g, at + 4), &number) == LH_OK) table->at_version = number;
    if (is_word(g, at + 2, "timestamp")) table->at_timestamp = guard_at_constant(g, at + 4);
}

/* At a name in table position: takes the whole dotted chain. */
static lh_code guard_table(guard *g) {
    level *here = &g->levels[g->depth];
    lh_sql_table table = {.write = here->expect == EXPECT_WRITE};
    size_t first = g->at, last = g->at;
    for (;; last += 2) {
        if (table.part_count == LH_SQL_NAME_PARTS)
            return guard_fail(g, first, LH_INVALID, "SQL", "a table name has more than four parts");
        table.parts[table.part_count++] = name_of(g, last);
        if (!is_symbol(g, last + 1, ".") || !is_name(g, last + 2)) break;
    }
    bool column_list =
        table.write && ((g->head && g->verb == KW_CREATE) || (first > 0 && keyword_at(g, first - 1) == KW_INTO));
    bool call = is_symbol(g, last + 1, "(") && !column_list;
    bool alias = is_symbol(g, last + 1, ":") && table.part_count == 1;
    g->at = last;
    here->expect = alias ? EXPECT_READ : EXPECT_NOTHING;
    g->table_end = last + 1;
    if (call && lh_str_eq_nocase(table.parts[table.part_count - 1], LH_STR("histogram")))
        return guard_deny_token(g, last, "the table macro histogram, which reads any table or file, is not allowed");
    if (call) return guard_call(g, last);
    if (alias) {
        g->at = last + 1;
        return LH_OK;
    }
    g->head = false;
    guard_time_travel(g, last + 1, &table);
    LH_TRY(guard_name_is_no_file(g, first, &table));
    if (table.write) LH_TRY(guard_target(g, first, &table));
    if (!table.write && is_inside_view(table.parts[table.part_count - 1]))
        return guard_deny_token(g, first, "this view of the engine's inside is not allowed");
    if (!is_query_name(g, &table)) guard_report(g, table);
    return LH_OK;
}

/* ---- brackets ---- */
static bool starts_query(const guard *g, size_t at);

static lh_code guard_open(guard *g, bool round) {
    if (g->depth + 1 == GUARD_DEPTH_MAX)
        return guard_fail(g, g->at, LH_INVALID, "SQL", "brackets nest deeper than 200");
    level *outer = &g->levels[g->depth];
    bool table_position = round && outer->expect == EXPECT_READ;
    outer->expect = EXPECT_NOTHING;
    level inner = {.mode = table_position ? MODE_FROM : MODE_OTHER,
                   .expect = table_position ? EXPECT_READ : EXPECT_NOTHING,
                   .with_body = g->at == g->with_body};
    /* trim(…) and the like; but they may also name a table or its alias: INSERT INTO trim (SELECT …) */
    bool word = g->at > 0 && keyword_at(g, g->at - 1) == KW_EXPRESSION_FROM && g->table_end != g->at;
    inner.expression_from = round && word && (is_symbol(g, g->at + 1, "(") || !starts_query(g, g->at + 1));
    bool query =
        round && !table_position && !inner.with_body && !is_symbol(g, g->at + 1, "(") && starts_query(g, g->at + 1);
    inner.values = (uint8_t)(outer->values + !round);
    inner.queries = (uint8_t)(outer->queries + query);
    if (inner.values > GUARD_VALUES_MAX)
        return guard_fail(g, g->at, LH_INVALID, "SQL", "lists and structs nest deeper than 64");
    if (inner.queries > GUARD_QUERIES_MAX)
        return guard_fail(g, g->at, LH_INVALID, "SQL", "queries nest deeper than 16, but for those behind FROM");
    g->levels[++g->depth] = inner;
    return LH_OK;
}

static lh_code guard_symbol(guard *g) {
    char c = g->sql.ptr[g->tokens[g->at].offset];
    level *here = &g->levels[g->depth];
    if (c == '(' || c == '[' || c == '{') return guard_open(g, c == '(');
    if (c == ')' || c == ']' || c == '}') {
        if (g->depth == 0) return guard_fail(g, g->at, LH_INVALID, "SQL", "a closing bracket has no opening one");
        g->depth--;
        with_close(g, here->with_body);
        return LH_OK;
    }
    if (c == ',' && here->mode == MODE_VALUES && is_symbol(g, g->at + 1, "(")) return LH_OK; /* the next row */
    if (here->mode == MODE_VALUES) here->mode = MODE_FROM;
    bool again = here->mode == MODE_FROM && (c == ',' || (c == ':' && g->tokens[g->at].len == 1));
    here->expect = again ? EXPECT_READ : EXPECT_NOTHING;
    return LH_OK;
}

/* ---- words ---- */
static bool is_expression_from(const guard *g) { /* extract(year FROM x), IS DISTINCT FROM x */
    if (g->levels[g->depth].expression_from) return true;
    if (g->at < 2 || keyword_at(g, g->at - 1) != KW_DISTINCT) return false;
    return keyword_at(g, g->at - 2) == KW_IS || keyword_at(g, g->at - 2) == KW_NOT;
}

static void guard_from(guard *g) {
    level *here = &g->levels[g->depth];
    if (is_expression_from(g)) return;
    here->mode = MODE_FROM;
    bool target = g->verb == KW_DELETE && g->at > 0 && keyword_at(g, g->at - 1) == KW_DELETE && g->depth == 0;
    here->expect = target ? EXPECT_WRITE : EXPECT_READ;
}

static void guard_update(guard *g) {
    keyword before = g->at > 0 ? keyword_at(g, g->at - 1) : KW_NONE;
    if (g->depth == 0 && before != KW_THEN && before != KW_DO && before != KW_FOR) g->levels[0].expect = EXPECT_WRITE;
}

static void guard_using(guard *g) {
    level *here = &g->levels[g->depth];
    bool joins = is_symbol(g, g->at + 1, "(") && g->verb != KW_MERGE && g->verb != KW_DELETE;
    if (joins) return; /* JOIN … USING (columns) */
    here->mode = MODE_FROM;
    here->expect = EXPECT_READ;
}

static void guard_ddl_target(guard *g, keyword kw) {
    bool target = g->head && g->depth == 0 &&
                  (g->verb == KW_CREATE || g->verb == KW_ALTER || g->verb == KW_DROP || g->verb == KW_TRUNCATE);
    if (target) g->levels[0].expect = EXPECT_WRITE;
    else if (kw == KW_TABLE) g->levels[g->depth].expect = EXPECT_READ;
}

/* A keyword where no name was taken. */
static void guard_keyword(guard *g, keyword kw) {
    level *here = &g->levels[g->depth];
    switch ((int)kw) {
    case KW_FROM: guard_from(g); return;
    case KW_UPDATE: guard_update(g); return;
    case KW_USING: guard_using(g); return;
    case KW_INTO: here->expect = EXPECT_WRITE; return;
    case KW_TABLE:
    case KW_VIEW:
    case KW_SCHEMA: guard_ddl_target(g, kw); return;
    case KW_JOIN:
    case KW_PIVOT:
    case KW_UNPIVOT:
    case KW_DESCRIBE:
    case KW_SUMMARIZE:
    case KW_SHOW:
        if (kw == KW_JOIN) here->mode = MODE_FROM;
        here->expect = EXPECT_READ;
        return;
    case KW_LATERAL:
    case KW_ONLY: return; /* the table still comes */
    case KW_WITH: guard_with(g); break;
    case KW_SELECT:
    case KW_ENDS_LIST:
        with_set_operation(g);
        here->mode = MODE_OTHER;
        here->expression_from = false;
        break;
    case KW_AS: g->head = false; break;
    case KW_TRUNCATE:
        if (g->verb != KW_TRUNCATE || !g->head) break;
        here->expect = EXPECT_WRITE;
        return;
    default: break;
    }
    here->expect = EXPECT_NOTHING;
}

/* Words that cannot be a table's name, or that stand between TABLE and the name. */
static bool is_no_table_name(const guard *g, keyword kw) {
    if (kw == KW_IF) return keyword_at(g, g->at + 1) == KW_NOT || keyword_at(g, g->at + 1) == KW_EXISTS;
    if (kw == KW_EXISTS) return g->at > 0 && (keyword_at(g, g->at - 1) == KW_IF || keyword_at(g, g->at - 1) == KW_NOT);
    switch ((int)kw) {
    case KW_SELECT:
    case KW_WITH:
    case KW_FROM:
    case KW_TABLE:
    case KW_DESCRIBE:
    case KW_SHOW:
    case KW_SUMMARIZE:
    case KW_PIVOT:
    case KW_UNPIVOT:
    case KW_END:
    case KW_INTO:
    case KW_USING:
    case KW_ENDS_LIST:
    case KW_DISTINCT:
    case KW_NOT:
    case KW_LATERAL:
    case KW_ONLY:
    case KW_RESERVED:
    case KW_CREATE:
    case KW_OR:
    case KW_THEN:
    case KW_DO:
    case KW_FOR:
    case KW_AS: return true;
    default: return false;
    }
}

static lh_code guard_word(guard *g) {
    level *here = &g->levels[g->depth];
    keyword kw = keyword_at(g, g->at);
    bool values = kw == KW_VALUES && is_symbol(g, g->at + 1, "(") && here->expect == EXPECT_READ;
    if (values) {
        *here = (level){.mode = MODE_VALUES, .expression_from = here->expression_from, .with_body = here->with_body};
        return LH_OK;
    }
    if (here->mode == MODE_VALUES) here->mode = MODE_FROM; /* an alias behind the rows: the FROM list goes on */
    if (here->expect != EXPECT_NOTHING && !is_no_table_name(g, kw)) return guard_table(g);
    bool skip = here->expect != EXPECT_NOTHING && (kw == KW_IF || kw == KW_NOT || kw == KW_EXISTS);
    if (skip) return LH_OK;
    LH_TRY(guard_call(g, g->at));
    if (g->tokens[g->at].kind == LH_SQL_WORD) guard_keyword(g, kw);
    else here->expect = EXPECT_NOTHING;
    return LH_OK;
}

static lh_code guard_string(guard *g) {
    level *here = &g->levels[g->depth];
    if (here->expect != EXPECT_NOTHING && is_symbol(g, g->at + 1, ":")) { /* FROM 'alias': table */
        g->at++;
        return LH_OK;
    }
    if (here->expect != EXPECT_NOTHING)
        return guard_deny_token(
            g, g->at,
            "a string in the place of a table would be read as a file; load it with an ingest, then query the table");
    if (here->mode == MODE_VALUES) here->mode = MODE_FROM;
    return LH_OK;
}

/* ---- rule 1: verbs ---- */
/* Both lists choose words and status of a refusal, and nothing else: what is in none of them is refused as well, as the
 * syntax error that DuckDB's parser would find there. It is not asked, so that no text reaches it unguarded; a statement
 * of a later DuckDB that is missing here is a syntax error instead of a denial. */
static const char *const guard_statements[] = {
    "analyze", "analyse", "attach", "call",    "checkpoint", "comment", "copy",    "deallocate", "declare",
    "detach",  "discard", "do",     "execute", "export",     "fetch",   "force",   "grant",      "import",
    "install", "listen",  "load",   "lock",    "notify",     "pragma",  "prepare", "refresh",    "reindex",
    "release", "rename",  "reset",  "revoke",  "savepoint",  "set",     "use",     "vacuum"};
static const char *const guard_objects[] = {
    "access",     "aggregate", "collation", "conversion",  "database",  "event",     "extension",
    "foreign",    "function",  "global",    "index",       "local",     "macro",     "materialized",
    "persistent", "policy",    "procedure", "publication", "recursive", "role",      "rule",
    "secret",     "sequence",  "server",    "statistics",  "temp",      "temporary", "text",
    "trigger",    "type",      "unique",    "unlogged",    "user"};

static bool is_listed(const guard *g, size_t at, const char *const *words, size_t count) {
    for (size_t i = 0; at < g->count && g->tokens[at].kind == LH_SQL_WORD && i < count; i++)
        if (lh_str_eq_nocase(token_text(g, at), lh_str_from(words[i]))) return true;
    return false;
}

static lh_code guard_syntax(guard *g, size_t at, const char *const *meant, size_t count) {
    lh_str text = at < g->count ? lh_str_cut_utf8(token_text(g, at), 60) : LH_STR("");
    char what[160] = "syntax error at the end";
    if (at < g->count) snprintf(what, sizeof what, "syntax error at or near \"%.*s\"", LH_STR_ARG(text));
    lh_str lower = lh_arena_dup(g->arena, text);
    for (size_t i = 0; i < lower.len; i++)
        if (lower.ptr[i] >= 'A' && lower.ptr[i] <= 'Z') ((char *)(uintptr_t)lower.ptr)[i] = (char)(lower.ptr[i] + 32);
    size_t nearest = 3; /* a word that far is another word */
    const char *word = NULL;
    for (size_t i = 0; lower.len > 2 && g->tokens[at].kind == LH_SQL_WORD && i < count; i++) {
        size_t distance = lh_str_distance(lower, lh_str_from(meant[i]));
        if (distance < nearest) nearest = distance, word = meant[i];
    }
    if (!word) return guard_fail(g, at, LH_INVALID, "SQL", what);
    char why[200];
    snprintf(why, sizeof why, "%s; did you mean %s?", what, word);
    return guard_fail(g, at, LH_INVALID, "SQL", why);
}

static lh_code guard_object(guard *g, size_t at) { /* what CREATE, ALTER or DROP is about */
    static const char *const known[] = {"table", "view", "schema"};
    keyword kw = keyword_at(g, at);
    if (kw == KW_OR && keyword_at(g, at + 1) == KW_REPLACE) kw = keyword_at(g, at += 2);
    if (kw == KW_TABLE || kw == KW_VIEW || kw == KW_SCHEMA) return LH_OK;
    if (is_listed(g, at, guard_objects, sizeof guard_objects / sizeof *guard_objects))
        return guard_deny_token(g, at, "only TABLE and SCHEMA can be created, altered or dropped");
    return guard_syntax(g, at, known, sizeof known / sizeof *known);
}

/* At the first word of a statement that is none of ours. */
static lh_code guard_no_statement(guard *g, size_t at) {
    static const char *const known[] = {"select", "with",  "from",    "values",   "table",     "insert", "update",
                                        "delete", "merge", "create",  "truncate", "alter",     "drop",   "explain",
                                        "show",   "pivot", "unpivot", "describe", "summarize", "begin",  "commit"};
    if (!is_listed(g, at, guard_statements, sizeof guard_statements / sizeof *guard_statements))
        return guard_syntax(g, at, known, sizeof known / sizeof *known);
    return guard_deny_token(
        g, at,
        "this statement is not allowed; SELECT, INSERT, UPDATE, DELETE, MERGE, TRUNCATE, CREATE, ALTER, DROP, EXPLAIN, "
        "DESCRIBE, SHOW, SUMMARIZE, PIVOT and BEGIN … COMMIT are");
}

static size_t guard_skip_brackets(const guard *g, size_t at) { /* at '(' → behind its ')' */
    size_t depth = 0;
    for (; at < g->count; at++) {
        if (is_symbol(g, at, "(")) depth++;
        if (is_symbol(g, at, ")") && --depth == 0) return at + 1;
    }
    return at;
}

static bool starts_query(const guard *g, size_t at) {
    keyword kw = keyword_at(g, at);
    return is_symbol(g, at, "(") || kw == KW_SELECT || kw == KW_WITH || kw == KW_FROM || kw == KW_VALUES ||
           kw == KW_TABLE || kw == KW_PIVOT || kw == KW_UNPIVOT || kw == KW_DESCRIBE || kw == KW_SHOW ||
           kw == KW_SUMMARIZE;
}

/* WITH a AS (…), … verb: the first verb outside brackets. */
static keyword guard_with_verb(const guard *g, size_t at) {
    for (; at < g->count && !is_symbol(g, at, ";"); at++) {
        if (is_symbol(g, at, "(")) at = guard_skip_brackets(g, at) - 1;
        keyword kw = keyword_at(g, at);
        if (kw == KW_INSERT || kw == KW_UPDATE || kw == KW_DELETE || kw == KW_MERGE || kw == KW_SELECT || kw == KW_FROM)
            return kw;
    }
    return KW_SELECT;
}

/* A table of that name is followed by SET or an alias. */
static bool updates_extensions(const guard *g, size_t at) {
    bool words = keyword_at(g, at) == KW_UPDATE && at + 1 < g->count && g->tokens[at + 1].kind == LH_SQL_WORD &&
                 lh_str_eq_nocase(token_text(g, at + 1), LH_STR("extensions"));
    return words && (at + 2 == g->count || is_symbol(g, at + 2, ";") || is_symbol(g, at + 2, "("));
}

static lh_code guard_verb(guard *g, size_t at) {
    keyword kw = keyword_at(g, at);
    if (kw == KW_EXPLAIN) {
        g->statement->verb = LH_VERB_EXPLAIN;
        for (at++; keyword_at(g, at) == KW_ANALYZE; at++) continue;
        if (is_symbol(g, at, "(") && !starts_query(g, at + 1)) at = guard_skip_brackets(g, at);
        if (keyword_at(g, at) == KW_EXPLAIN) return guard_deny_token(g, at, "EXPLAIN of EXPLAIN");
        return guard_verb(g, at);
    }
    bool explained = g->statement->verb == LH_VERB_EXPLAIN;
    g->verb = kw == KW_WITH ? guard_with_verb(g, at) : kw;
    lh_verb verb = LH_VERB_QUERY;
    switch ((int)g->verb) {
    case KW_INSERT:
    case KW_UPDATE:
    case KW_DELETE:
    case KW_MERGE:
        if (updates_extensions(g, at)) return guard_deny_token(g, at, "UPDATE EXTENSIONS is not allowed");
        verb = LH_VERB_CHANGE;
        break;
    case KW_TRUNCATE:
        verb = LH_VERB_CHANGE;
        g->head = true;
        break;
    case KW_CREATE:
    case KW_ALTER:
    case KW_DROP:
        verb = LH_VERB_DEFINE;
        g->head = true;
        LH_TRY(guard_object(g, at + 1));
        break;
    case KW_BEGIN:
    case KW_START: verb = LH_VERB_BEGIN; break;
    case KW_COMMIT:
    case KW_END:
    case KW_ROLLBACK:
    case KW_ABORT: verb = LH_VERB_END; break;
    default:
        if (!starts_query(g, at)) return guard_no_statement(g, at);
    }
    g->statement->writes = verb == LH_VERB_CHANGE || verb == LH_VERB_DEFINE;
    if (!explained) g->statement->verb = verb;
    return LH_OK;
}

/* ---- statements ---- */
static lh_code guard_token(guard *g) {
    switch ((lh_sql_kind)g->tokens[g->at].kind) {
    case LH_SQL_SYMBOL: return guard_symbol(g);
    case LH_SQL_STRING: return guard_string(g);
    case LH_SQL_WORD:
    case LH_SQL_QUOTED: return guard_word(g);
    case LH_SQL_NUMBER:
    case LH_SQL_PARAM: break;
    }
    g->levels[g->depth].expect = EXPECT_NOTHING;
    return LH_OK;
}

static lh_code guard_statement(guard *g) {
    if (g->scan->statement_count == LH_SQL_STATEMENTS_MAX)
        return guard_fail(g, g->at, LH_LIMIT, "SQL", "more than 1000 statements");
    g->statement = &g->scan->statements[g->scan->statement_count];
    size_t first = g->tokens[g->at].offset;
    *g->statement = (lh_sql_statement){.offset = first};
    g->depth = 0;
    g->levels[0] = (level){0};
    g->query_name_count = g->references = 0;
    g->with_body = SIZE_MAX;
    g->head = false;
    g->table_end = SIZE_MAX;
    LH_TRY(guard_verb(g, g->at));
    while (g->at < g->count && !(g->depth == 0 && is_symbol(g, g->at, ";"))) {
        if (is_symbol(g, g->at, ";")) return guard_fail(g, g->at, LH_INVALID, "SQL", "';' inside brackets");
        LH_TRY(guard_token(g));
        g->at++;
    }
    if (g->depth != 0) return guard_fail(g, g->at, LH_INVALID, "SQL", "a bracket is not closed");
    if (g->references > LH_LIMIT_SQL_REFERENCES) return lh_sql_too_many_references(g->err);
    size_t end = g->at < g->count ? g->tokens[g->at].offset : g->sql.len;
    g->statement->text = lh_str_sub(g->sql, first, end - first);
    g->scan->statement_count++;
    return LH_OK;
}

static lh_code guard_all(guard *g) {
    while (g->at < g->count) {
        if (is_symbol(g, g->at, ";")) g->at++;
        else LH_TRY(guard_statement(g));
    }
    return lh_arena_check(g->arena, g->err);
}

lh_code lh_sql_scan_guarded(lh_str sql, lh_arena *arena, lh_sql_scan *ret, lh_error *err) {
    LH_CLEANUP(lh_sql_tokens_done) lh_sql_tokens tokens = {0};
    LH_TRY(lh_sql_tokenize(sql, &tokens, err));
    mark_keywords(sql, &tokens);
    size_t statements_max = 1;
    for (size_t i = 0; i < tokens.count; i++)
        if (tokens.items[i].kind == LH_SQL_SYMBOL && sql.ptr[tokens.items[i].offset] == ';') statements_max++;
    if (statements_max > LH_SQL_STATEMENTS_MAX) statements_max = LH_SQL_STATEMENTS_MAX;
    lh_sql_scan scan = {.statements = LH_ARENA_ARRAY(arena, lh_sql_statement, statements_max),
                        .tables = LH_ARENA_ARRAY(arena, lh_sql_table, LH_SQL_TABLES_MAX)};
    level *levels = LH_ARENA_ARRAY(arena, level, GUARD_DEPTH_MAX);
    query_name *query_names = LH_ARENA_ARRAY(arena, query_name, GUARD_QUERY_NAMES_MAX);
    LH_TRY(lh_arena_check(arena, err));
    guard g = {.sql = sql,
               .tokens = tokens.items,
               .count = tokens.count,
               .arena = arena,
               .scan = &scan,
               .err = err,
               .levels = levels,
               .query_names = query_names};
    LH_TRY(guard_all(&g));
    if (scan.statement_count == 0) return lh_fail(err, LH_INVALID, "SQL: there is no statement");
    *ret = scan;
    return LH_OK;
}

lh_code lh_sql_guard(lh_str sql, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(16 << 20, &arena, err));
    lh_sql_scan scan;
    return lh_sql_scan_guarded(sql, arena, &scan, err);
}

lh_code lh_sql_is_query(lh_str sql, bool *ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(16 << 20, &arena, err));
    lh_sql_scan scan;
    LH_TRY(lh_sql_scan_guarded(sql, arena, &scan, err));
    *ret = scan.statement_count == 1 && scan.statements[0].verb == LH_VERB_QUERY && !scan.statements[0].writes;
    return LH_OK;
}
