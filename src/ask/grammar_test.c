/* The grammar of a model's SQL: what the planner writes is of it, what names something else is not. A recogniser of GBNF for this: `ends` of an
 * expression are the places of the text where it can end that begins at one place. */
#include "ask/grammar.h"
#include "base/test.h"

#include "ask/plan_test_schema.h"

enum { TEXT_MAX = 700, RULES_MAX = 512 };
typedef struct {
    bool at[TEXT_MAX];
} places;
typedef struct {
    lh_str name, body;
    places *known[TEXT_MAX]; /* by where it begins */
} rule;
typedef struct {
    rule *rules;
    size_t count;
    lh_str text;
    lh_arena *arena;
} gbnf;

static void alternatives(gbnf *g, lh_str *rest, const places *from, places *into);

static gbnf gbnf_of(lh_str grammar, lh_arena *arena) {
    gbnf g = {.rules = LH_ARENA_ARRAY(arena, rule, RULES_MAX), .arena = arena};
    while (grammar.len) {
        lh_str line = lh_str_split(&grammar, '\n');
        size_t at = lh_str_search(line, LH_STR(" ::= "));
        if (line.len == 0) continue;
        CHECK(at != SIZE_MAX && g.count < RULES_MAX);
        g.rules[g.count++] = (rule){.name = lh_str_sub(line, 0, at), .body = lh_str_sub(line, at + 5, line.len)};
    }
    return g;
}

static bool word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}
static char take(lh_str *rest) {
    CHECK(rest->len);
    char c = rest->ptr[0];
    *rest = lh_str_sub(*rest, 1, rest->len);
    return c;
}
static void blanks(lh_str *rest) {
    while (rest->len && rest->ptr[0] == ' ') (void)take(rest);
}
static unsigned char escaped(lh_str *rest) {
    char c = take(rest);
    if (c != '\\') return (unsigned char)c;
    c = take(rest);
    if (c != 'x') return c == 'n' ? '\n' : (unsigned char)c;
    const char digits[3] = {take(rest), take(rest), 0};
    return (unsigned char)strtoul(digits, NULL, 16);
}

static void step(const gbnf *g, const bool set[256], const places *from, places *into) {
    for (size_t i = 0; i < g->text.len; i++)
        if (from->at[i] && set[(unsigned char)g->text.ptr[i]]) into->at[i + 1] = true;
}

static void named(gbnf *g, lh_str name, const places *from, places *into) {
    rule *found = NULL;
    for (size_t i = 0; i < g->count && !found; i++)
        if (lh_str_eq(g->rules[i].name, name)) found = &g->rules[i];
    if (!found) print_error("no rule %.*s\n", LH_STR_ARG(name));
    CHECK(found);
    for (size_t i = 0; i <= g->text.len; i++) {
        if (!from->at[i]) continue;
        if (!found->known[i]) {
            places here = {.at = {false}};
            places *ends = LH_ARENA_ARRAY(g->arena, places, 1);
            CHECK(ends);
            lh_str body = found->body;
            here.at[i] = true;
            alternatives(g, &body, &here, ends);
            CHECK(body.len == 0);
            found->known[i] = ends;
        }
        for (size_t k = i; k <= g->text.len; k++) into->at[k] |= found->known[i]->at[k];
    }
}

/* One literal, class, group or name. */
static void item(gbnf *g, lh_str *rest, const places *from, places *into) {
    char c = rest->ptr[0];
    if (c == '(') {
        (void)take(rest);
        alternatives(g, rest, from, into);
        CHECK(take(rest) == ')');
    } else if (c == '"') {
        places now = *from;
        (void)take(rest);
        while (rest->ptr[0] != '"') {
            bool set[256] = {false};
            places next = {.at = {false}};
            set[escaped(rest)] = true;
            step(g, set, &now, &next);
            now = next;
        }
        (void)take(rest);
        *into = now;
    } else if (c == '[') {
        bool set[256] = {false}, not = rest->ptr[1] == '^';
        (void)take(rest);
        if (not) (void)take(rest);
        while (rest->ptr[0] != ']') {
            unsigned first = escaped(rest), last = first;
            if (rest->ptr[0] == '-') (void)take(rest), last = escaped(rest);
            for (unsigned b = first; b <= last; b++) set[b] = true;
        }
        (void)take(rest);
        for (size_t b = 0; b < 256 && not; b++) set[b] = !set[b];
        step(g, set, from, into);
    } else {
        size_t n = 0;
        while (n < rest->len && word_char(rest->ptr[n])) n++;
        CHECK(n);
        lh_str name = lh_str_sub(*rest, 0, n);
        *rest = lh_str_sub(*rest, n, rest->len);
        named(g, name, from, into);
    }
}

static void times_of(lh_str *rest, uint64_t *ret_least, uint64_t *ret_most) {
    *ret_least = *ret_most = 1;
    if (rest->len && rest->ptr[0] == '?') (void)take(rest), *ret_least = 0;
    else if (rest->len && rest->ptr[0] == '{') {
        size_t comma = lh_str_find(*rest, ','), end = lh_str_find(*rest, '}');
        if (comma > end) comma = end;
        CHECK(lh_str_to_u64(lh_str_sub(*rest, 1, comma - 1), ret_least) == LH_OK);
        *ret_most = *ret_least;
        if (comma < end) CHECK(lh_str_to_u64(lh_str_sub(*rest, comma + 1, end - comma - 1), ret_most) == LH_OK);
        *rest = lh_str_sub(*rest, end + 1, rest->len);
    }
}

static void sequence(gbnf *g, lh_str *rest, const places *from, places *into) {
    places now = *from;
    for (blanks(rest); rest->len && rest->ptr[0] != '|' && rest->ptr[0] != ')'; blanks(rest)) {
        lh_str again = *rest;
        places next = {.at = {false}}, all = {.at = {false}};
        uint64_t least, most;
        item(g, rest, &now, &next);
        times_of(rest, &least, &most);
        if (least == 0) all = now;
        for (uint64_t n = 1; n <= most; n++) {
            bool any = false;
            if (n > 1) {
                lh_str same = again;
                places more = {.at = {false}};
                item(g, &same, &next, &more);
                next = more;
            }
            for (size_t i = 0; i <= g->text.len; i++) any |= next.at[i];
            for (size_t i = 0; i <= g->text.len && n >= least; i++) all.at[i] |= next.at[i];
            if (!any) break;
        }
        now = all;
    }
    for (size_t i = 0; i <= g->text.len; i++) into->at[i] |= now.at[i];
}

static void alternatives(gbnf *g, lh_str *rest, const places *from, places *into) {
    for (;;) {
        sequence(g, rest, from, into);
        if (rest->len == 0 || rest->ptr[0] != '|') return;
        (void)take(rest);
    }
}

static bool derives(lh_str grammar, const char *sql) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    places from = {.at = {true}}, ends = {.at = {false}};
    CHECK_OK(lh_arena_new(1 << 30, &arena, &err));
    gbnf g = gbnf_of(grammar, arena);
    g.text = lh_str_from(sql);
    CHECK(g.text.len < TEXT_MAX);
    named(&g, LH_STR("root"), &from, &ends);
    return ends.at[g.text.len];
}

static lh_str grammar_of(const ask_schema *schema, lh_arena *arena) {
    lh_str grammar = LH_STR_NONE;
    lh_error err = {0};
    CHECK_OK(ask_grammar(schema, arena, &grammar, &err));
    CHECK(grammar.len <= ASK_GRAMMAR_BYTES);
    return grammar;
}

static const struct {
    const char *question, *sql;
} rows[] = {
#include "ask/plan_test_rows.h"
};

static void test_grammar__what_the_planner_writes_is_of_it(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    size_t wrong = 0, count = 0;
    CHECK_OK(lh_arena_new(64 << 20, &arena, &err));
    ask_schema schema = schema_of(library, sizeof library / sizeof *library, arena);
    lh_str grammar = grammar_of(&schema, arena);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].sql[0]) continue;
        count++;
        if (derives(grammar, rows[i].sql)) continue;
        print_error("not of the grammar: %s\n", rows[i].sql);
        wrong++;
    }
    print_message("%zu of %zu statements, %zu bytes\n", count - wrong, count, grammar.len);
    CHECK(wrong == 0);
}

static void test_grammar__nothing_else_can_be_named(void) {
    static const char *const others[] = {
        "SELECT secret FROM readers",
        "SELECT title FROM readers", /* of another table */
        "SELECT books.title FROM readers",
        "SELECT count(*) FROM payroll",
        "SELECT count(*) FROM other.readers",
        "SELECT count(*) FROM read_csv('/etc/passwd')",
        "SELECT getenv('HOME') FROM readers",
        "SELECT city FROM readers; DROP TABLE readers",
        "SELECT city FROM readers UNION SELECT secret FROM payroll",
        "SELECT city FROM readers WHERE city IN (SELECT name FROM payroll)",
        "SELECT city FROM readers WHERE EXISTS (SELECT 1 FROM payroll)",
        "SELECT city FROM readers JOIN payroll ON readers.city = payroll.city",
        "SELECT city FROM readers WHERE secret = 1",
        "SELECT city FROM readers WHERE city = 'x' OR 'a' = 'a' --",
        "SELECT city FROM readers WHERE concat(' ', secret, ' ') ILIKE '% Ann %'",
        "SELECT city FROM readers WHERE concat(' ', title, ' ') ILIKE '% Ann %'",
        "SELECT city FROM readers WHERE (secret = 1) IS NOT TRUE",
        "SELECT avg((SELECT count(*) FROM payroll WHERE payroll.reader_id = readers.reader_id)) AS n FROM readers",
        "SELECT avg((SELECT count(*) FROM loan_log WHERE loan_log.reader_id = readers.reader_id)) AS n FROM payroll",
        "SELECT avg((SELECT count(*) FROM loan_log WHERE loan_log.reader_id = readers.reader_id)) AS n FROM books",
        "SELECT city FROM readers QUALIFY row_number() OVER (ORDER BY secret) <= ceil(5 * count(*) OVER () / 100)",
        "SELECT city FROM readers QUALIFY row_number() OVER (ORDER BY age) <= ceil(wages * count(*) OVER () / 100)",
        "INSERT INTO readers SELECT * FROM readers",
        "DROP TABLE readers",
        "SELECT",
        "NONE OF",
        "",
    };
    static const char *const same[] = {
        "NONE",
        "SELECT city FROM readers",
        "SELECT *\nFROM readers\nWHERE city = 'a ''b'' \"c\"' AND (age > 30 OR NOT newsletter)\nLIMIT 10",
        ("SELECT readers.city, count(*) AS n FROM loan_log LEFT JOIN readers ON loan_log.reader_id = readers.reader_id "
         "GROUP BY ALL HAVING count(*) >= 2 ORDER BY count(*) DESC"),
        "SELECT CASE WHEN age < 18 THEN 'young' ELSE 'old' END AS kind, sum(fines) - 1 FROM readers GROUP BY ALL",
        "SELECT title FROM books WHERE author_id NOT IN (SELECT author_id FROM authors WHERE country = 'Norway')",
    };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(64 << 20, &arena, &err));
    ask_schema schema = schema_of(library, sizeof library / sizeof *library, arena);
    lh_str grammar = grammar_of(&schema, arena);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (!derives(grammar, same[i])) print_error("not of the grammar: %s\n", same[i]);
        CHECK(derives(grammar, same[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (derives(grammar, others[i])) print_error("of the grammar: %s\n", others[i]);
        CHECK(!derives(grammar, others[i]));
    }
}

static void test_grammar__names_are_quoted_and_its_size_has_an_end(void) {
    enum { TABLES = 40, COLUMNS_EACH = 60 };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    CHECK_OK(lh_arena_new(64 << 20, &arena, &err));
    ask_column odd[] = {{.name = LH_STR("na\"me\\ \n#")}, {.name = LH_STR("order")}, {.name = LH_STR("größe")}};
    ask_table tables[TABLES] = {
        {.name = {LH_STR("a.b"), LH_STR("t")}, .shown = LH_STR("a.b.t"), .columns = odd, .column_count = 3}};
    ask_schema schema = {.tables = tables, .table_count = 1};
    lh_str grammar = grammar_of(&schema, arena);
    CHECK(derives(grammar, "SELECT \"na\"\"me\\ \n#\", \"order\", \"größe\" FROM a.b.t AS \"a.b.t\""));
    CHECK(!derives(grammar, "SELECT order FROM a.b.t AS \"a.b.t\""));
    CHECK(!derives(grammar, "SELECT \"order\" FROM t"));
    ask_column many[COLUMNS_EACH];
    for (size_t c = 0; c < COLUMNS_EACH; c++)
        many[c] = (ask_column){.name = lh_arena_printf(arena, "a_long_name_of_a_column_with_its_number_%zu", c)};
    for (size_t t = 0; t < TABLES; t++)
        tables[t] = (ask_table){.name = {LH_STR("data"), lh_arena_printf(arena, "t%zu", t)},
                                .shown = lh_arena_printf(arena, "t%zu", t),
                                .columns = many,
                                .column_count = COLUMNS_EACH};
    schema.table_count = TABLES;
    grammar = grammar_of(&schema, arena);
    CHECK(derives(grammar, "SELECT a_long_name_of_a_column_with_its_number_59 FROM t0"));
    CHECK(!derives(grammar, "SELECT * FROM t39"));
    for (size_t c = 0; c < COLUMNS_EACH; c++) many[c].name = lh_arena_printf(arena, "%02000zu", c);
    CHECK(grammar_of(&schema, arena).len == 0);
}

LH_TEST_MAIN(LH_TEST(test_grammar__what_the_planner_writes_is_of_it), LH_TEST(test_grammar__nothing_else_can_be_named),
             LH_TEST(test_grammar__names_are_quoted_and_its_size_has_an_end))
