/* Precision and recall on labelled columns (tests/data/pii_columns.jsonl, made by make_pii_columns.py). Half of them is held out:
 * rules are changed by looking at the other half only. */
#include "pii/pii.h"

#include "base/test.h"

#include <stdlib.h>

enum { COLUMNS_BYTES = 4 << 20, COLUMNS_OF_A_KIND = 4 };

typedef struct columns_count {
    unsigned right, wrong, missed;
} columns_count;
typedef struct columns_score {
    columns_count of[LH_PII_KINDS];
    unsigned columns, traps, kept;
} columns_score;

static lh_pii_type columns_type(lh_str sql) {
    if (lh_str_eq(sql, LH_STR("BIGINT")) || lh_str_eq(sql, LH_STR("INTEGER"))) return LH_PII_TYPE_WHOLE;
    if (lh_str_eq(sql, LH_STR("DOUBLE")) || lh_str_starts(sql, LH_STR("DECIMAL"))) return LH_PII_TYPE_NUMBER;
    if (lh_str_eq(sql, LH_STR("DATE")) || lh_str_eq(sql, LH_STR("TIMESTAMP"))) return LH_PII_TYPE_DATE;
    return LH_PII_TYPE_TEXT;
}

static lh_pii_kind columns_judge(const lh_json *line) {
    lh_pii_column column;
    if (lh_str_eq(lh_json_get_string(line, "type"), LH_STR("BOOLEAN"))) return LH_PII_NONE; /* is not looked at */
    lh_pii_begin(&column, lh_json_get_string(line, "column"), columns_type(lh_json_get_string(line, "type")));
    for (lh_json_iter it = lh_json_each(lh_json_get(line, "values")); lh_json_next(&it);) {
        if (lh_json_is_null(it.value)) lh_pii_add_null(&column);
        else lh_pii_add(&column, lh_json_str(it.value, LH_STR_NONE));
    }
    return lh_pii_end(&column).kind;
}

static lh_pii_kind columns_label(const lh_json *line) {
    for (int kind = 0; kind < LH_PII_KINDS; kind++)
        if (lh_str_eq(lh_json_get_string(line, "label"), lh_str_from(lh_pii_kind_name((lh_pii_kind)kind))))
            return (lh_pii_kind)kind;
    CHECK(false); /* a label that is no kind */
    return LH_PII_NONE;
}

static void columns_add(const lh_json *line, bool held_out, columns_score *score) {
    lh_pii_kind label = columns_label(line), found = columns_judge(line);
    score->columns++;
    score->traps += label == LH_PII_NONE;
    if (label == found) {
        score->of[found].right++;
        score->kept += label == LH_PII_NONE;
        return;
    }
    score->of[found].wrong++;
    score->of[label].missed++;
    if (!held_out || getenv("PII_SHOW_HELD_OUT"))
        print_message("  '%.*s' is %s, not %s\n", LH_STR_ARG(lh_json_get_string(line, "column")),
                      lh_pii_kind_name(label), lh_pii_kind_name(found));
}

static double columns_share(unsigned part, unsigned rest) { return part + rest ? (double)part / (part + rest) : 1; }

static double columns_precision(const columns_count *c) { return columns_share(c->right, c->wrong); }

static double columns_recall(const columns_count *c) { return columns_share(c->right, c->missed); }

static void columns_print(const char *part, const columns_score *score) {
    print_message("%s: %u columns, %u of them traps, of which %u are left alone\n", part, score->columns, score->traps,
                  score->kept);
    for (int kind = LH_PII_EMAIL; kind < LH_PII_KINDS; kind++) {
        const columns_count *c = &score->of[kind];
        print_message("  %-15s precision %.3f  recall %.3f  (%u right, %u wrong, %u missed)\n",
                      lh_pii_kind_name((lh_pii_kind)kind), columns_precision(c), columns_recall(c), c->right, c->wrong,
                      c->missed);
    }
}

/* Every kind, not the sum of them: a kind that is rare could be wrong always. */
static void columns_check(const columns_score *score) {
    for (int kind = LH_PII_EMAIL; kind < LH_PII_KINDS; kind++) {
        const columns_count *c = &score->of[kind];
        CHECK(c->right + c->missed >= COLUMNS_OF_A_KIND);
        CHECK(columns_precision(c) >= 0.97 && columns_recall(c) >= 0.92);
    }
}

static void test_pii__labelled_columns_are_told_apart(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(COLUMNS_BYTES);
    columns_score scores[2] = {0};
    lh_error err = {0};
    char block[4096];
    FILE *file = fopen(PII_COLUMNS, "rb");
    CHECK(file);
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;) lh_buf_append(&text, (lh_str){block, got});
    fclose(file);
    CHECK_OK(lh_buf_check(&text, &err));
    CHECK_OK(lh_arena_new(16 * (size_t)COLUMNS_BYTES, &arena, &err));
    for (lh_str rest = lh_buf_str(&text); rest.len;) {
        lh_json *line = NULL;
        lh_str one = lh_str_split(&rest, '\n');
        CHECK_OK(lh_json_parse(arena, one, &line, &err));
        bool held_out = lh_str_eq(lh_json_get_string(line, "half"), LH_STR("held_out"));
        columns_add(line, held_out, &scores[held_out]);
    }
    columns_print("tune", &scores[0]);
    columns_print("held out", &scores[1]);
    CHECK(scores[0].columns + scores[1].columns >= 200);
    for (int i = 0; i < 2; i++) columns_check(&scores[i]);
}

LH_TEST_MAIN(LH_TEST(test_pii__labelled_columns_are_told_apart))
