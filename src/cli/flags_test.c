#include "base/test.h"
#include "cli/cli_internal.h"

typedef struct parsed {
    const char *root, *command;
    lh_cli_list sets, words;
    bool on;
    int status;
} parsed;

static const lh_cli_command command = {.name = "serve", .arguments = "[flags]", .summary = "Run"};

static parsed parse(int argc, const char *const *args, bool positional) {
    parsed p = {0};
    const lh_cli_flag flags[] = {
        {.name = "root", .value_name = "DIR", .text = &p.root},
        {.name = "command", .letter = 'c', .value_name = "SQL", .text = &p.command},
        {.name = "set", .value_name = "K=V", .list = &p.sets},
        {.name = "quiet", .letter = 'q', .on = &p.on},
    };
    char texts[16][64];
    char *argv[17] = {0};
    for (int i = 0; i < argc; i++) snprintf(texts[i], sizeof texts[i], "%s", args[i]), argv[i] = texts[i];
    p.status = lh_cli_parse(&command, flags, 4, argc, argv, positional ? &p.words : NULL);
    /* What points into `texts` is compared by the caller's copies only. */
    static char root[64], sql[64], last[64];
    if (p.root) p.root = memcpy(root, p.root, strlen(p.root) + 1);
    if (p.command) p.command = memcpy(sql, p.command, strlen(p.command) + 1);
    if (p.words.count) p.words.items[0] = memcpy(last, p.words.items[0], strlen(p.words.items[0]) + 1);
    return p;
}
#define PARSE(positional, ...)                                                                                         \
    parse((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__}, positional)

static void test_cli__flags_take_values_in_every_spelling(void) {
    parsed p = PARSE(true, "--root", "a", "-c", "select 1", "--set=x.y=1", "--set", "z.w=2", "-q", "file");
    CHECK(p.status == -1 && p.on && p.sets.count == 2 && p.words.count == 1);
    CHECK_STR(lh_str_from(p.root), LH_STR("a"));
    CHECK_STR(lh_str_from(p.command), LH_STR("select 1"));
    CHECK_STR(lh_str_from(p.words.items[0]), LH_STR("file"));
}

static void test_cli__after_two_dashes_all_is_an_argument(void) {
    parsed p = PARSE(true, "--", "--root");
    CHECK(p.status == -1 && !p.root && p.words.count == 1);
    p = PARSE(true, "-");
    CHECK(p.status == -1 && p.words.count == 1);
}

static void test_cli__wrong_flags_are_usage_errors(void) {
    CHECK(PARSE(true, "--rot", "a").status == LH_EXIT_USAGE);
    CHECK(PARSE(true, "-z").status == LH_EXIT_USAGE);
    CHECK(PARSE(true, "--root").status == LH_EXIT_USAGE);
    CHECK(PARSE(true, "--quiet=yes").status == LH_EXIT_USAGE);
    CHECK(PARSE(false, "word").status == LH_EXIT_USAGE);
    CHECK(PARSE(true, "--root=").status == -1);
    CHECK(PARSE(true, "--help").status == LH_EXIT_DONE);
}

static void test_cli__nearest_is_near(void) {
    const char *const names[] = {"serve", "sql", "ingest"};
    CHECK(strcmp(lh_cli_nearest(LH_STR("srve"), names, 3), "serve") == 0);
    CHECK(strcmp(lh_cli_nearest(LH_STR("injest"), names, 3), "ingest") == 0);
    CHECK(lh_cli_nearest(LH_STR("metamorphosis"), names, 3) == NULL);
    const char *const options[] = {"date_format", "encoding", "delimiter", "root"};
    CHECK(strcmp(lh_cli_nearest(LH_STR("delim"), options, 4), "delimiter") ==
          0); /* the beginning of a word comes first */
    CHECK(lh_cli_nearest(LH_STR("format"), options, 4) == NULL);
}

LH_TEST_MAIN(LH_TEST(test_cli__flags_take_values_in_every_spelling),
             LH_TEST(test_cli__after_two_dashes_all_is_an_argument), LH_TEST(test_cli__wrong_flags_are_usage_errors),
             LH_TEST(test_cli__nearest_is_near))
