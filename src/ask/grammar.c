/* A grammar cannot say that a column must be of a table in FROM, which comes after it: so there are rules of their own for each set of
 * tables that keys join (a scope), and a statement is of one scope. Scopes of few tables come first, until the size is used up: a
 * model that follows a grammar tries all scopes at once. What may be wrong in a statement of it are types, and what is not grouped.
 *
 * Rules of table t: at its alias, bt in FROM, dt a column's name, et a sub-select's rows that refer to a row of t. Of key k: jk the join.
 * Of scope s: cs a column, vs and ms a value, hs and gs an aggregate, us along what one runs, ps and ws a condition, fs FROM, qs the statement. */
#include "ask/grammar.h"

enum {
    GRAMMAR_SCOPES = 24,
    GRAMMAR_SCOPE_TABLES = 3,
    GRAMMAR_ELSEWHERE = 6, /* ways to one table's rows */
};

typedef struct grammar_scope {
    int tables[GRAMMAR_SCOPE_TABLES]; /* from many to one: the first is in FROM */
    size_t keys[GRAMMAR_SCOPE_TABLES - 1];
    size_t table_count;
} grammar_scope;
typedef struct grammar {
    const ask_schema *schema;
    size_t table_count;
    grammar_scope scopes[GRAMMAR_SCOPES];
    size_t scope_count;
} grammar;

static const char grammar_common[] =
    "s ::= \" \" | \"\\n\"\n"
    "n ::= \"-\"? [0-9]{1,12} (\".\" [0-9]{1,6})?\n"
    "x ::= \"'\" ([^'\\x00-\\x1f] | \"''\"){0,80} \"'\"\n"
    "i ::= [12] [0-9]{3} \"-\" (\"02-\" (\"0\" [1-9] | \"1\" [0-9] | \"2\" [0-8]) | (\"0\" [13-9] | \"1\" [0-2]) \"-\" "
    "(\"0\" [1-9] | "
    "[12] [0-9] | \"30\") | (\"0\" [13578] | \"1\" [02]) \"-31\")\n"
    "l ::= n | x | \"DATE '\" i \"'\" | \"TIMESTAMP '\" i \" \" [01] [0-9] \":\" [0-5] [0-9] \":\" [0-5] [0-9] \"'\" | "
    "\"lower(\" x \")\" | \"TRUE\" | \"FALSE\"\n"
    "e ::= (\" ESCAPE '\\\\'\")?\n"
    "k ::= \" = \" | \" <> \" | \" < \" | \" <= \" | \" > \" | \" >= \"\n"
    "as ::= \" AS \" (\"\\\"\" [^\"\\x00-\\x1f]{1,60} \"\\\"\" | [a-z] [a-z0-9_]{0,39})\n"
    "o ::= (\" ASC\" | \" DESC\")? (\" NULLS LAST\" | \" NULLS FIRST\")?\n"
    "u ::= \"year\" | \"quarter\" | \"month\" | \"week\" | \"day\" | \"hour\"\n"
    "y ::= \"year(\" | \"quarter(\" | \"month(\" | \"week(\" | \"day(\" | \"hour(\" | \"isodow(\" | \"dayname(\" | "
    "\"monthname(\" | \"lower(\" | \"upper(\" | \"length(\" | \"abs(\" | \"round(\"\n"
    "most ::= [1-9] [0-9]{0,3} | \"ceil(\" ([1-9] [0-9]? | \"100\") \" * count(*) OVER () / 100)\"\n"
    "z ::= \"sum(\" | \"avg(\" | \"min(\" | \"max(\" | \"median(\" | \"count(\"\n";

/* ---- names ---- */

static bool grammar_plain(lh_str name) {
    static const char reserved[] =
        "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create "
        "default deferrable desc describe distinct do else end except false fetch for foreign from group having in "
        "initially intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer "
        "pivot_wider placing primary qualify references returning select show some summarize symmetric table then to "
        "trailing true union unique unpivot using variadic when where window with between bigint bit boolean char "
        "character coalesce dec decimal exists extract float grouping grouping_id inout int integer interval national "
        "nchar none nullif numeric out overlay position precision real row setof smallint substring time timestamp "
        "treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi "
        "xmlroot xmlserialize xmltable anti asof at authorization binary by collation columns concurrently cross "
        "freeze full generated glob ilike inner is isnull join left like map natural notnull outer overlaps "
        "positional right semi similar struct tablesample try_cast unpack verbose";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) return false;
    }
    return name.len && !ask_in(name, reserved);
}

static void grammar_literal(lh_str text, lh_buf *into) {
    lh_buf_char(into, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7f) lh_buf_printf(into, "\\x%02X", c);
        else if (c == '"' || c == '\\') lh_buf_printf(into, "\\%c", c);
        else lh_buf_char(into, (char)c);
    }
    lh_buf_char(into, '"');
}

/* In quotes, and without where it may stand so. */
static void grammar_name(lh_str name, lh_buf *into) {
    LH_CLEANUP(lh_buf_done) lh_buf quoted = LH_BUF_INIT(ASK_GRAMMAR_BYTES);
    lh_buf_sql_identifier(&quoted, name);
    if (lh_buf_check(&quoted, NULL) != LH_OK) lh_buf_append(into, LH_STR("\"\\x01\"")); /* no such name */
    else grammar_literal(lh_buf_str(&quoted), into);
    if (!grammar_plain(name)) return;
    lh_buf_append(into, LH_STR(" | "));
    grammar_literal(name, into);
}

static void grammar_table(const ask_table *table, size_t t, lh_buf *into) {
    lh_str rest = table->name.namespace_;
    lh_buf_printf(into, "a%zu ::= ", t);
    grammar_name(table->shown, into);
    lh_buf_printf(into, "\nb%zu ::= ", t);
    if (lh_str_eq(table->shown, table->name.name)) lh_buf_printf(into, "a%zu", t);
    else {
        while (rest.len) {
            lh_buf_char(into, '(');
            grammar_name(lh_str_split(&rest, '.'), into);
            lh_buf_append(into, LH_STR(") \".\" "));
        }
        lh_buf_char(into, '(');
        grammar_name(table->name.name, into);
        lh_buf_printf(into, ") \" AS \" a%zu", t);
    }
    lh_buf_printf(into, "\nd%zu ::= ", t);
    for (size_t c = 0; c < table->column_count; c++) {
        if (c) lh_buf_append(into, LH_STR(" | "));
        grammar_name(table->columns[c].name, into);
    }
    lh_buf_char(into, '\n');
}

static void grammar_ref(const grammar *g, ask_ref ref, lh_buf *into) {
    lh_buf_printf(into, "a%d \".\" (", ref.table);
    grammar_name(g->schema->tables[ref.table].columns[ref.column].name, into);
    lh_buf_char(into, ')');
}

static bool grammar_has_key(const grammar *g, size_t k) {
    const ask_key *key = &g->schema->keys[k];
    return (size_t)key->from.table < g->table_count && (size_t)key->to.table < g->table_count;
}

/* Do rows of another table refer to those of this one? */
static bool grammar_is_referred(const grammar *g, int t) {
    for (size_t k = 0; k < g->schema->key_count; k++)
        if (grammar_has_key(g, k) && g->schema->keys[k].to.table == t && g->schema->keys[k].from.table != t)
            return true;
    return false;
}

/* ---- scopes ---- */

static bool scope_holds(const grammar_scope *scope, int table) {
    for (size_t i = 0; i < scope->table_count; i++)
        if (scope->tables[i] == table) return true;
    return false;
}

static bool scope_same(const grammar_scope *a, const grammar_scope *b) {
    if (a->table_count != b->table_count || a->tables[0] != b->tables[0]) return false;
    for (size_t i = 0; i + 1 < a->table_count; i++) {
        bool found = false;
        for (size_t j = 0; j + 1 < b->table_count; j++) found |= a->keys[i] == b->keys[j];
        if (!found) return false;
    }
    return true;
}

static void scope_add(grammar *g, const grammar_scope *scope) {
    for (size_t i = 0; i < g->scope_count; i++)
        if (scope_same(&g->scopes[i], scope)) return;
    if (g->scope_count < GRAMMAR_SCOPES) g->scopes[g->scope_count++] = *scope;
}

/* Each table, then what keys join to those that are there already. */
static void scope_all(grammar *g) {
    for (size_t t = 0; t < g->table_count; t++) scope_add(g, &(grammar_scope){.tables = {(int)t}, .table_count = 1});
    for (size_t i = 0; i < g->scope_count; i++)
        for (size_t k = 0; k < g->schema->key_count && g->scopes[i].table_count < GRAMMAR_SCOPE_TABLES; k++) {
            const ask_key *key = &g->schema->keys[k];
            grammar_scope wider = g->scopes[i];
            if (!grammar_has_key(g, k) || !scope_holds(&wider, key->from.table) || scope_holds(&wider, key->to.table))
                continue;
            wider.keys[wider.table_count - 1] = k;
            wider.tables[wider.table_count++] = key->to.table;
            scope_add(g, &wider);
        }
}

static void scope_from(const grammar *g, const grammar_scope *scope, size_t s, lh_buf *into) {
    lh_buf_printf(into, "f%zu ::= s \"FROM \" b%d", s, scope->tables[0]);
    bool swaps = scope->table_count == 3 && g->schema->keys[scope->keys[1]].from.table == scope->tables[0];
    if (swaps)
        lh_buf_printf(into, " (j%zu j%zu | j%zu j%zu)", scope->keys[0], scope->keys[1], scope->keys[1], scope->keys[0]);
    for (size_t i = 0; i + 1 < scope->table_count && !swaps; i++) lh_buf_printf(into, " j%zu", scope->keys[i]);
    lh_buf_char(into, '\n');
}

static void scope_rules(const grammar *g, size_t s, lh_buf *into) {
    static const char rules[] =
        "v# ::= c# | y c# \")\" | \"date_trunc('\" u \"', \" c# \")\" \"::DATE\"? | \"CAST(\" "
        "c# \" AS DATE)\" | \"CASE WHEN \" w# "
        "\" THEN \" r# \" ELSE \" r# \" END\"\n"
        "r# ::= c# | l | \"NULL\"\n"
        "m# ::= v# ((\" + \" | \" - \" | \" * \" | \" / \") (v# | n))? | \"date_diff('\" u \"', \" c# \", \" c# \")\"\n"
        "g# ::= (\"count(*)\" | z \"DISTINCT \"? m# \")\") (\" FILTER (WHERE \" w# \")\")?\n"
        "h# ::= (n \" * \")? g# ((\" + \" | \" - \" | \" * \" | \" / \") (g# | n))?\n"
        "u# ::= \" OVER (ORDER BY \" m# \")\"\n"
        "a-# ::= h# | \"sum(\" g# \")\" u# | \"round(\" (h# | \"100.0 * \" g# \" / sum(\" g# \") OVER ()\" | "
        "\"100.0 * (\" g# \" - lag(\" g# \")\" u# \") / lag(\" g# \")\" u#) \", \" "
        "[0-4] \")\" | \"min(isodow(\" c# \"))\"\n"
        "p# ::= m# t# | \"NOT \" c# | \"NOT \"? \"(\" w# \")\" \" IS NOT TRUE\"? | "
        "\"concat(' ', \" c# (\", ' ', \" c#)? \", ' ') ILIKE \" x e";
    static const char tails[] =
        "t# ::= k (m# | l | one) | \" BETWEEN \" l \" AND \" l | \" NOT\"? \" IN (\" (l (\", \" l){0,15} | in) \")\" | "
        "\" "
        "IS\" \" NOT\"? \" NULL\" | "
        "\" NOT\"? (\" ILIKE \" | \" LIKE \") x e | \"\"\n"
        "w# ::= p# ((\" AND \" | \" OR \") p#){0,8}\n"
        "o# ::= (a-# | m#) o\n"
        "q# ::= (\"*\" | (a-# | m#) as? (\", \" (a-# | m#) as?){0,11}) f# (s \"WHERE \" w#)? (s \"GROUP BY \" (\"ALL\" "
        "| m# (\", \" m#){0,5}) "
        "(s \"HAVING \" h# (k n | \" BETWEEN \" n \" AND \" n))?)? (s \"QUALIFY row_number() OVER (\" (\"PARTITION BY "
        "\" m# "
        "(\", \" m#){0,3} \" \")? \"ORDER BY \" (h# | m#) o (\", \" (h# | m#) o){0,5} \") <= \" most)? (s \"ORDER "
        "BY \" o# (\", \" "
        "o#){0,5})?\n";
    const grammar_scope *scope = &g->scopes[s];
    lh_buf_printf(into, "c%zu ::= ", s);
    if (scope->table_count == 1) lh_buf_printf(into, "(a%d \".\")? d%d", scope->tables[0], scope->tables[0]);
    for (size_t i = 0; i < scope->table_count && scope->table_count > 1; i++)
        lh_buf_printf(into, "%sa%d \".\" d%d", i ? " | " : "", scope->tables[i], scope->tables[i]);
    lh_buf_char(into, '\n');
    for (const char *p = rules; *p; p++) {
        if (*p == '#') lh_buf_printf(into, "%zu", s);
        else lh_buf_char(into, *p);
    }
    for (size_t i = 0; i < scope->table_count; i++) {
        int t = scope->tables[i];
        if (grammar_is_referred(g, t))
            lh_buf_printf(
                into,
                " | \"NOT \"? \"EXISTS (SELECT 1\" e%d | \"(SELECT count(*)\" e%d (k n | \" BETWEEN \" n \" AND \" n)",
                t, t);
    }
    for (size_t k = 0; k < g->schema->key_count; k++) /* a row that refers to none */
        if (grammar_has_key(g, k) && scope_holds(scope, g->schema->keys[k].from.table))
            lh_buf_printf(into, " | \"NOT EXISTS (SELECT 1\" x%zu", k);
    lh_buf_char(into, '\n');
    for (const char *p = tails; *p; p++) {
        if (*p == '#') lh_buf_printf(into, "%zu", s);
        else lh_buf_char(into, *p);
    }
    scope_from(g, scope, s, into);
}

/* Rows that refer to one of table t, from scopes that do not hold t; without any there is none that refers. */
static void grammar_elsewhere(const grammar *g, int t, lh_buf *into) {
    size_t ways = 0;
    for (size_t s = 0; s < g->scope_count; s++)
        for (size_t k = 0; k < g->schema->key_count && ways < GRAMMAR_ELSEWHERE; k++) {
            const ask_key *key = &g->schema->keys[k];
            if (!grammar_has_key(g, k) || key->to.table != t || !scope_holds(&g->scopes[s], key->from.table) ||
                scope_holds(&g->scopes[s], t))
                continue;
            if (ways++ == 0) lh_buf_printf(into, "e%d ::= ", t);
            else lh_buf_append(into, LH_STR(" | "));
            lh_buf_printf(into, "f%zu \" WHERE \" ", s);
            grammar_ref(g, key->from, into);
            lh_buf_append(into, LH_STR(" \" = \" "));
            grammar_ref(g, key->to, into);
            lh_buf_printf(into, " (\" AND \" p%zu){0,5} \")\"", s);
        }
    if (ways) lh_buf_char(into, '\n');
}

static void grammar_keys(const grammar *g, lh_buf *into) {
    for (size_t k = 0; k < g->schema->key_count; k++) {
        if (!grammar_has_key(g, k)) continue;
        lh_buf_printf(into, "j%zu ::= s (\"LEFT \")? \"JOIN \" b%d \" ON \" ", k, g->schema->keys[k].to.table);
        grammar_ref(g, g->schema->keys[k].from, into);
        lh_buf_append(into, LH_STR(" \" = \" "));
        grammar_ref(g, g->schema->keys[k].to, into);
        lh_buf_printf(into, "\nx%zu ::= s \"FROM \" b%d \" WHERE \" ", k, g->schema->keys[k].to.table);
        grammar_ref(g, g->schema->keys[k].from, into);
        lh_buf_append(into, LH_STR(" \" = \" "));
        grammar_ref(g, g->schema->keys[k].to, into);
        lh_buf_append(into, LH_STR(" \")\"\n"));
    }
}

/* What all scopes of the tables need, without the scopes. */
static void grammar_base(const grammar *g, lh_buf *into) {
    lh_buf_append(into, lh_str_from(grammar_common));
    for (size_t t = 0; t < g->table_count; t++) grammar_table(&g->schema->tables[t], t, into);
    grammar_keys(g, into);
}

static void grammar_root(const grammar *g, lh_buf *into) {
    lh_buf_append(into, LH_STR("in ::= "));
    for (size_t t = 0; t < g->table_count; t++)
        lh_buf_printf(into, "%s\"SELECT \" c%zu f%zu (\" WHERE \" w%zu)?", t ? " | " : "", t, t, t);
    lh_buf_append(into, LH_STR("\none ::= "));
    for (size_t t = 0; t < g->table_count; t++)
        lh_buf_printf(into, "%s\"(SELECT \" g%zu f%zu (\" WHERE \" w%zu)? \")\"", t ? " | " : "", t, t, t);
    lh_buf_append(into, LH_STR("\nall ::= "));
    for (size_t s = 0; s < g->scope_count; s++) lh_buf_printf(into, "%sq%zu", s ? " | " : "", s);
    lh_buf_append(into, LH_STR("\nmean ::= "));
    for (size_t s = 0; s < g->scope_count; s++)
        lh_buf_printf(into,
                      "%sa-%zu \" AS n\" f%zu (s \"WHERE \" w%zu)? s \"GROUP BY \" m%zu (\", \" m%zu){0,5} "
                      "(s \"HAVING \" a-%zu (k n | \" BETWEEN \" n \" AND \" n))?",
                      s ? " | " : "", s, s, s, s, s, s);
    bool any = false;
    for (size_t t = 0; t < g->table_count; t++) {
        if (!grammar_is_referred(g, (int)t)) continue;
        lh_buf_append(into, any ? LH_STR(" | ") : LH_STR("\neach ::= \"avg((SELECT count(*)\" ("));
        lh_buf_printf(into, "e%zu \")\" as f%zu (s \"WHERE \" w%zu)?", t, t, t);
        any = true;
    }
    if (any) lh_buf_char(into, ')');
    lh_buf_append(into, LH_STR("\nroot ::= \"" ASK_MODEL_NONE
                               "\" | \"SELECT \" (\"DISTINCT \"? all (s \"LIMIT \" [1-9] [0-9]{0,3})? | "));
    if (any) lh_buf_append(into, LH_STR("each | "));
    lh_buf_append(into, LH_STR("(\"avg(n) AS \\\"average\\\"\" | \"count(*) AS \\\"count\\\"\") \" FROM (SELECT \" "
                               "mean \") AS of_each\")\n"));
}

/* With so many scopes. Does it fit? */
static bool grammar_write(const grammar *g, lh_buf *into) {
    grammar_base(g, into);
    for (size_t s = 0; s < g->scope_count; s++) scope_rules(g, s, into);
    for (size_t t = 0; t < g->table_count; t++) grammar_elsewhere(g, (int)t, into);
    grammar_root(g, into);
    return lh_buf_check(into, NULL) == LH_OK;
}

lh_code ask_grammar(const ask_schema *schema, lh_arena *arena, lh_str *ret, lh_error *err) {
    grammar g = {.schema = schema,
                 .table_count = schema->table_count < GRAMMAR_SCOPES / 2 ? schema->table_count : GRAMMAR_SCOPES / 2};
    *ret = LH_STR_NONE;
    for (; g.table_count; g.table_count--) {
        g.scope_count = 0;
        scope_all(&g);
        for (; g.scope_count >= g.table_count; g.scope_count--) {
            LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(ASK_GRAMMAR_BYTES);
            if (!grammar_write(&g, &out)) continue;
            *ret = lh_arena_dup(arena, lh_buf_str(&out));
            return lh_arena_check(arena, err);
        }
    }
    return LH_OK;
}
