/* Where literals of a model's SQL come from. */
#include "base/test.h"

#include "ask/literals.h"
#include "ask/plan_test_schema.h"

/* doubts: how many; invented: what is refused where `unplaced` is not empty. */
static const struct {
    const char *question, *unplaced, *sql;
    size_t doubts;
    const char *invented;
} cases[] = {
    /* in the question: as it is, inflected, joined, another case */
    {"readers in Bergen", "x", "SELECT count(*) FROM readers WHERE city = 'Bergen'", 0, NULL},
    {"fines of reader rdr0042", "x", "SELECT fines FROM readers WHERE reader_id = 'RDR0042'", 0, NULL},
    {"books about wizards", "wizards", "SELECT * FROM books WHERE blurb ILIKE '%wizard%'", 0, NULL},
    {"books of open-verse", "x", "SELECT * FROM books WHERE genre = 'open verse'", 0, NULL},
    {"books by lagerlof", "x", "SELECT * FROM authors WHERE name = 'Lagerlöf'", 0, NULL},
    {"readers named \"O'Neill\"", "x", "SELECT * FROM readers WHERE last_name = 'O''Neill'", 0, NULL},
    {"books like NewTown or its sequel", "x", "SELECT * FROM books WHERE title = 'New Town'", 0, NULL},
    {"zork of Ann Lee", "zork",
     "SELECT email FROM readers WHERE concat(' ', first_name, ' ', last_name, ' ') ILIKE '% Ann Lee %'", 0, NULL},
    {"zork of Ann Lee", "zork",
     "SELECT email FROM readers WHERE concat(' ', first_name, ' ', last_name, ' ') ILIKE '% Bo Ray %'", 1,
     "% Bo Ray %"},
    {"top 10 % zorks", "zorks",
     "SELECT fines FROM readers QUALIFY row_number() OVER (ORDER BY fines) <= ceil(10 * count(*) OVER () / 100)", 0,
     NULL},
    /* from nowhere */
    {"how many readers live in Miami", "Miami", "SELECT count(*) FROM readers WHERE reader_id = 'RDR0003'", 1,
     "RDR0003"},
    {"how many readers live in Miami", "", "SELECT count(*) FROM readers WHERE reader_id = 'RDR0003'", 1, NULL},
    {"how many readers live in Miami", NULL, "SELECT count(*) FROM readers WHERE reader_id = 'RDR0003'", 1, NULL},
    {"how many readers live in Miami", "Miami", "SELECT count(*) FROM readers WHERE city = 'Oslo'", 1, "Oslo"},
    {"how satisfied are our readers", "satisfied", "SELECT avg(fines) FROM readers WHERE last_name LIKE 'Anders%'", 1,
     "Anders%"},
    {"what did the trip cost", "trip", "SELECT avg(price) FROM books WHERE book_id = 417", 1, "417"},
    /* what a word may mean: of a column whose values the model was shown, or a code */
    {"readers who quit", "quit", "SELECT count(*) FROM readers WHERE status = 'left'", 1, NULL},
    {"transfers to the shipyard", "shipyard", "SELECT count(*) FROM transfers WHERE dest = 'HBR'", 1, NULL},
    {"readers who quit", "quit", "SELECT count(*) FROM readers WHERE status = 'gone'", 1, "gone"},
    {"is it there?", "x", "SELECT count(*) FROM books WHERE blurb = 'Y' OR blurb = ''", 0, NULL},
    /* a part of it */
    {"books by Hamsun", "x", "SELECT * FROM authors WHERE name = 'Knuut Hamsun'", 1, NULL},
    /* what was said of the column, and verified questions */
    {"books that sell", "sell", "SELECT * FROM books WHERE title = 'T9'", 0, NULL},
    {"books that sell", "sell", "SELECT * FROM books WHERE title = 'T8'", 1, "T8"},
    {"unread ones", "unread", "SELECT * FROM books WHERE blurb = 'dusty'", 0, NULL},
    {"readers in Miami", "Miami", "SELECT * FROM books WHERE blurb = 'Tampa'", 1, "Tampa"},
    /* times */
    {"zorks in March 2025", "zorks",
     "SELECT 1 FROM books WHERE published >= '2025-03-01' AND published < DATE '2025-04-01'", 0, NULL},
    {"zorks in March 2025", "zorks", "SELECT 1 FROM books WHERE published BETWEEN '2025-03-01' AND '2025-03-31'", 0,
     NULL},
    {"zorks in March 2025", "zorks", "SELECT 1 FROM books WHERE published >= '2019-03-01'", 1, NULL},
    {"zorks of last month", "zorks",
     "SELECT 1 FROM loan_log WHERE loaned_at >= TIMESTAMP '2026-10-01 00:00:00' AND loaned_at < '2026-11-01'", 0, NULL},
    {"zorks in March", "zorks", "SELECT 1 FROM books WHERE published >= '2024-03-01' AND month(published) = 3", 0,
     NULL},
    {"zorks since 2020", "zorks", "SELECT 1 FROM books WHERE year(published) >= 2020", 0, NULL},
    {"zorks", "zorks", "SELECT 1 FROM books WHERE published >= '2024-03-01'", 1, "2024-03-01"},
    {"zorks", "zorks", "SELECT 1 FROM branches WHERE year = 2024", 1, "2024"},
    {"zorks that are late", "zorks", "SELECT 1 FROM purchases WHERE delivered_on < '2026-11-28'", 0, NULL},
    {"winter zorks", "zorks", "SELECT 1 FROM books WHERE month(published) IN (12, 1, 2)", 0, NULL},
    {"zorks of the last 30 days", "zorks",
     "SELECT 1 FROM books WHERE published > DATE '2026-11-28' - INTERVAL '30 days'", 0, NULL},
    /* numbers: doubted, never refused, but of a key */
    {"zorks over 2 hours", "zorks", "SELECT 1 FROM transfers WHERE hours > 2 OR hours > 120", 0, NULL},
    {"zorks of more than five pages", "zorks", "SELECT 1 FROM books WHERE pages >= 6 LIMIT 33", 0, NULL},
    {"zorks over 10k", "zorks", "SELECT 1 FROM books WHERE price > 10000", 0, NULL},
    {"expensive zorks", "expensive", "SELECT 1 FROM books WHERE price > 437", 1, NULL},
    {"zorks that are", "zorks", "SELECT 1 FROM books WHERE pages > 0 AND pages <> 1", 0, NULL},
    {"what did the zorks cost", "zorks", "SELECT 1 FROM books WHERE book_id = 1", 1, "1"},
    {"what did the zorks cost", "zorks", "SELECT 1 FROM books WHERE book_id = 1234567890123456", 1, "1234567890123456"},
    {"top 5 zorks", "zorks", "SELECT 1 FROM books WHERE book_id = 6", 1, "6"},
    {"zorks of book 6", "zorks", "SELECT 1 FROM books WHERE book_id = 6", 0, NULL},
    {"zorks of March 2025", "zorks", "SELECT 1 FROM books WHERE year(published) = 1850", 1, NULL},
    {"zorks of last year", "zorks", "SELECT 1 FROM books WHERE year(published) = 2025", 0, NULL},
    {"zorks", "zorks", "SELECT 1 FROM books WHERE title = 'Yes Anderson'", 1, "Yes Anderson"},
};

static const ask_example shown[] = {
    {{"books nobody wants", 18}, {"SELECT * FROM books WHERE blurb = 'dusty'", 41}},
    {{"readers in Tampa", 16}, {"SELECT * FROM readers WHERE blurb = 'Tampa'", 43}},
};

static ask_schema described(lh_arena *arena) {
    ask_schema schema = schema_of(library, sizeof library / sizeof *library, arena);
    for (size_t t = 0; t < schema.table_count; t++)
        for (size_t c = 0; c < schema.tables[t].column_count; c++)
            if (lh_str_eq(schema.tables[t].columns[c].name, LH_STR("title")))
                schema.tables[t].columns[c].description = LH_STR("What it is called; T9 are bestsellers.");
    return schema;
}

static ask_literals place_of(const ask_schema *schema, const char *question, const char *unplaced, const char *sql,
                             lh_arena *arena) {
    const ask_question asked = {.text = lh_str_from(question), .today = ask_day(2026, 11, 28)};
    ask_literals found;
    lh_json *words = unplaced ? lh_json_new_array(arena) : NULL;
    lh_error err = {0};
    if (unplaced && *unplaced) lh_json_append(words, lh_json_new_string(arena, lh_str_from(unplaced)));
    const ask_literals_asks asks = {schema, &asked, words, shown, sizeof shown / sizeof *shown};
    CHECK_OK(ask_literals_place(&asks, lh_str_from(sql), arena, &found, &err));
    return found;
}

static void test_literals__each_comes_from_somewhere_or_is_doubted(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    size_t wrong = 0;
    CHECK(lh_arena_new(256 << 20, &arena, NULL) == LH_OK);
    ask_schema schema = described(arena);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask_literals found = place_of(&schema, cases[i].question, cases[i].unplaced, cases[i].sql, arena);
        if (lh_json_size(found.doubts) == cases[i].doubts && lh_str_eq(found.invented, lh_str_from(cases[i].invented)))
            continue;
        lh_str doubts;
        CHECK(lh_json_write(arena, found.doubts, false, &doubts, NULL) == LH_OK);
        print_error("%s: %s\n   %.*s invented: %.*s\n", cases[i].question, cases[i].sql, LH_STR_ARG(doubts),
                    LH_STR_ARG(found.invented));
        wrong++;
    }
    CHECK(wrong == 0);
}

static void test_literals__hundreds_take_little(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    ask_schema schema = described(arena);
    lh_buf_append(&sql, LH_STR("SELECT 1 FROM books WHERE pages IN (7000"));
    for (int i = 1; i < 600; i++) lh_buf_printf(&sql, ", %d", 7000 + i);
    lh_buf_append(&sql, LH_STR(")"));
    lh_buf_char(&sql, 0);
    ask_literals found = place_of(&schema, "zorks", "zorks", sql.ptr, arena);
    CHECK(!found.invented.ptr && lh_json_size(found.doubts) == 10);
}

static const struct {
    const char *question, *sql;
} right[] = {
#include "ask/plan_test_rows.h"
};

/* What the planner makes of a question is right: of a model it would not be refused. */
static void test_literals__no_right_statement_is_refused(void) {
    size_t wrong = 0, doubted = 0, count = 0;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        if (!*right[i].sql) continue;
        CHECK(lh_arena_new(64 << 20, &arena, NULL) == LH_OK);
        ask_schema schema = described(arena);
        ask_literals found = place_of(&schema, right[i].question, "zork", right[i].sql, arena);
        count++;
        doubted += lh_json_size(found.doubts) > 0;
        if (lh_json_size(found.doubts)) {
            lh_str doubts;
            CHECK(lh_json_write(arena, found.doubts, false, &doubts, NULL) == LH_OK);
            print_message("%s: %s\n   %.*s\n", right[i].question, right[i].sql, LH_STR_ARG(doubts));
        }
        wrong += found.invented.ptr != NULL;
    }
    print_message("%zu of %zu statements, %zu doubted\n", count - wrong, count, doubted);
    CHECK(wrong == 0 && count > 200 && doubted < count / 50);
}

LH_TEST_MAIN(LH_TEST(test_literals__each_comes_from_somewhere_or_is_doubted),
             LH_TEST(test_literals__hundreds_take_little), LH_TEST(test_literals__no_right_statement_is_refused))
