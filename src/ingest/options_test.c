/* The options of an ingest: each member, its bounds, and what is refused. */
#include "base/test.h"
#include "ingest/ingest_internal.h"

static lh_arena *arena_new(void) {
    lh_arena *arena = NULL;
    CHECK(lh_arena_new(16 << 20, &arena, NULL) == LH_OK);
    return arena;
}

/* ' stands for ". */
static lh_code parse(const char *text, lh_arena *arena, ingest_options *ret, lh_error *err) {
    lh_str copy = lh_arena_dup(arena, lh_str_from(text));
    char *quotes = lh_arena_alloc(arena, copy.len + 1);
    for (size_t i = 0; i < copy.len; i++) quotes[i] = copy.ptr[i] == '\'' ? '"' : copy.ptr[i];
    lh_json *json = NULL;
    CHECK(lh_json_parse(arena, (lh_str){quotes, copy.len}, &json, NULL) == LH_OK);
    return ingest_options_parse(json, arena, ret, err);
}

static ingest_options options_of(const char *text, lh_arena *arena) {
    ingest_options options = {0};
    lh_error err = {0};
    lh_code code = parse(text, arena, &options, &err);
    if (code != LH_OK) print_error("%s: %s\n", text, err.message);
    CHECK(code == LH_OK);
    return options;
}

static void test_ingest__options_have_defaults(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    ingest_options none, empty = options_of("{}", arena), null = options_of("null", arena);
    CHECK(ingest_options_parse(NULL, arena, &none, NULL) == LH_OK);
    const ingest_options *all[] = {&none, &empty, &null};
    for (size_t i = 0; i < 3; i++) {
        CHECK(all[i]->csv.header == -1 && all[i]->csv.skip == -1 && !all[i]->csv.has_quote && !all[i]->csv.has_escape);
        CHECK(all[i]->flatten && all[i]->flatten_depth == 3 && all[i]->dedup && !all[i]->all_varchar);
        CHECK(all[i]->sample_rows == 20480 && all[i]->null_count == 0 && all[i]->column_count == 0);
        CHECK(all[i]->encoding.len == 0 && all[i]->compression.len == 0 && all[i]->csv.delimiter.len == 0);
    }
}

static void test_ingest__each_option_is_read(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    ingest_options o = options_of(
        "{'delimiter':'||','quote':'\\u0027','escape':'\\\\','header':false,'encoding':'Latin1','null':['NA',''],"
        "'all_varchar':true,'columns':{'a':'int','B c':'TINYINT[3]'},'compression':'gz','flatten':false,"
        "'flatten_depth':16,'date_format':'%d.%m.%Y','timestamp_format':'%c','decimal_separator':',','skip':2,"
        "'sample':-1,'dedup':false}",
        arena);
    CHECK_STR(o.csv.delimiter, LH_STR("||"));
    CHECK_STR(o.csv.quote, LH_STR("'"));
    CHECK_STR(o.csv.escape, LH_STR("\\"));
    CHECK(o.csv.has_quote && o.csv.has_escape && o.csv.header == 0 && o.csv.skip == 2);
    CHECK_STR(o.encoding, LH_STR("latin-1"));
    CHECK_STR(o.compression, LH_STR("gzip"));
    CHECK(o.null_count == 2 && o.nulls[1].len == 0);
    CHECK_STR(o.nulls[0], LH_STR("NA"));
    CHECK(o.all_varchar && !o.flatten && o.flatten_depth == 16 && o.sample_rows == -1 && !o.dedup);
    CHECK_STR(o.csv.date_format, LH_STR("%d.%m.%Y"));
    CHECK_STR(o.csv.timestamp_format, LH_STR("%c"));
    CHECK_STR(o.csv.decimal_separator, LH_STR(","));
    CHECK(o.column_count == 2 && ingest_options_column(&o, LH_STR("A"))->kind == INGEST_INTEGER);
    CHECK_STR(ingest_type_text(ingest_options_column(&o, LH_STR("b C")), arena), LH_STR("INTEGER[]")); /* storable */
    CHECK(ingest_options_column(&o, LH_STR("b")) == NULL);
}

static void test_ingest__options_have_short_forms(void) {
    static const struct {
        const char *text, *wanted;
    } encodings[] = {{"UTF8", "utf-8"},       {"us-ascii", "utf-8"},     {"utf-16-LE", "utf-16le"},
                     {"utf16be", "utf-16be"}, {"iso-8859-1", "latin-1"}, {"CP1252", "windows-1252"},
                     {"utf-16", "utf-16"}};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        const char *text = lh_arena_cstr(arena, lh_arena_printf(arena, "{'encoding':'%s'}", encodings[i].text));
        CHECK_STR(options_of(text, arena).encoding, lh_str_from(encodings[i].wanted));
    }
    CHECK_STR(options_of("{'delimiter':'\\\\t'}", arena).csv.delimiter, LH_STR("\t"));
    CHECK_STR(options_of("{'delimiter':'\\t'}", arena).csv.delimiter, LH_STR("\t"));
    CHECK_STR(options_of("{'delimiter':'€'}", arena).csv.delimiter, LH_STR("€"));
    CHECK_STR(options_of("{'compression':'zst'}", arena).compression, LH_STR("zstd"));
    ingest_options o = options_of("{'null':'NA','quote':'','header':true}", arena);
    CHECK(o.null_count == 1 && o.csv.header == 1 && o.csv.has_quote && o.csv.quote.len == 0);
    CHECK_STR(o.nulls[0], LH_STR("NA"));
}

static void test_ingest__options_of_the_wrong_kind_or_size_are_refused(void) {
    static const char *const refused[][2] = {
        {"[]", "must be a JSON object"},
        {"'x'", "must be a JSON object"},
        {"{'delimiter':''}", "'delimiter' must be"},
        {"{'delimiter':'12345'}", "'delimiter' is longer than 4 bytes"},
        {"{'delimiter':'a\\nb'}", "without a line end"},
        {"{'delimiter':'\\u0000'}", "without NUL"},
        {"{'delimiter':1}", "'delimiter' must be a text"},
        {"{'quote':'ab'}", "'quote' is longer than 1 bytes"},
        {"{'quote':'é'}", "'quote' is longer than 1 bytes"},
        {"{'escape':'\\n'}", "'escape' must be one character"},
        {"{'quote':null}", "'quote' must be a text"},
        {"{'header':'yes'}", "'header' must be true or false"},
        {"{'header':1}", "'header' must be true or false"},
        {"{'encoding':'ebcdic'}", "'encoding' must be utf-8"},
        {"{'compression':'rar'}", "'compression' must be none"},
        {"{'null':7}", "'null' must be a text"},
        {"{'null':['a',7]}", "'null' must be a text"},
        {"{'all_varchar':null}", "'all_varchar' must be"},
        {"{'flatten':0}", "'flatten' must be"},
        {"{'flatten_depth':-1}", "from 0 to 16"},
        {"{'flatten_depth':17}", "from 0 to 16"},
        {"{'flatten_depth':1.5}", "from 0 to 16"},
        {"{'sample':-2}", "from -1 to 1000000000"},
        {"{'sample':1000000001}", "from -1 to 1000000000"},
        {"{'skip':-1}", "from 0 to 1000000000"},
        {"{'skip':18446744073709551615}", "from 0 to 1000000000"},
        {"{'skip':'1'}", "'skip' must be a whole number"},
        {"{'decimal_separator':';'}", "'.' or ','"},
        {"{'decimal_separator':''}", "'.' or ','"},
        {"{'dedup':'no'}", "'dedup' must be"},
        {"{'columns':['a']}", "an object of names and types"},
        {"{'columns':{'a':7}}", "column 'a'"},
        {"{'columns':{'a':'wurst'}}", "'wurst' is not a type"},
        {"{'columns':{'a':'ENUM(1)'}}", "is not a type"},
        {"{'columns':{'a':'NULL'}}", "is not a type"},
        {"{'columns':{'a':'INT','b':'DECIMAL(99,1)'}}", "column 'b'"},
    };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        ingest_options options = {.sample_rows = 77};
        lh_error err = {0};
        lh_code code = parse(refused[i][0], arena, &options, &err);
        bool said = code == LH_INVALID && strstr(err.message, refused[i][1]);
        if (!said) print_error("%s: %s: %s\n", refused[i][0], lh_code_name(code), err.message);
        CHECK(said && options.sample_rows == 77);
    }
}

static void test_ingest__long_texts_and_lists_are_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    ingest_options options;
    for (size_t over = 0; over < 2; over++) {
        lh_json *json = lh_json_new_object(arena), *nulls = lh_json_new_array(arena);
        for (size_t i = 0; i < 100 + over; i++) lh_json_append(nulls, lh_json_new_string(arena, LH_STR("x")));
        lh_json_set(arena, json, "null", nulls);
        CHECK(ingest_options_parse(json, arena, &options, NULL) == (over ? LH_INVALID : LH_OK));
        char text[258];
        memset(text, 'x', sizeof text);
        json = lh_json_new_object(arena);
        lh_json_set_string(arena, json, "null", (lh_str){text, 256 + over});
        CHECK(ingest_options_parse(json, arena, &options, NULL) == (over ? LH_INVALID : LH_OK));
        json = lh_json_new_object(arena);
        lh_json_set_string(arena, json, "date_format", (lh_str){text, 100 + over});
        CHECK(ingest_options_parse(json, arena, &options, NULL) == (over ? LH_INVALID : LH_OK));
    }
}

static void test_ingest__an_unknown_option_names_the_nearest(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    ingest_options options;
    lh_error err = {0};
    CHECK(parse("{'delimeter':','}", arena, &options, &err) == LH_INVALID);
    CHECK(strstr(err.message, "unknown option 'delimeter'") && strstr(err.message, "'delimiter'"));
    CHECK(parse("{'delim':','}", arena, &options, &err) == LH_INVALID);
    CHECK(strstr(err.message, "'delimiter'")); /* the beginning of a word comes first */
    CHECK(parse("{'Header':true}", arena, &options, &err) == LH_INVALID); /* names are exact */
    CHECK(strstr(err.message, "'header'"));
}

/* The readers of lists fill an array that was made for one list. */
static void test_ingest__an_option_given_twice_is_refused(void) {
    static const char *const twice[] = {"{'null':['a','b','c','d','e','f','g','h'],'null':'i'}",
                                        "{'columns':{'a':'INT','b':'INT','c':'INT','d':'INT'},'columns':{'e':'INT'}}",
                                        "{'skip':1,'skip':1}"};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = arena_new();
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        ingest_options options;
        lh_error err = {0};
        CHECK(parse(twice[i], arena, &options, &err) == LH_INVALID);
        CHECK(strstr(err.message, "is given twice"));
    }
}

LH_TEST_MAIN(LH_TEST(test_ingest__options_have_defaults), LH_TEST(test_ingest__each_option_is_read),
             LH_TEST(test_ingest__options_have_short_forms),
             LH_TEST(test_ingest__options_of_the_wrong_kind_or_size_are_refused),
             LH_TEST(test_ingest__long_texts_and_lists_are_refused),
             LH_TEST(test_ingest__an_unknown_option_names_the_nearest),
             LH_TEST(test_ingest__an_option_given_twice_is_refused))
