/* Diffs as a table: old columns, new columns, what is found. A column is "name:TYPE" or "name:TYPE=value|value"; what is found is
 * "~old>new" renamed ('!' behind it: with another type), "+new", "-old", "w:name" a wider type, "c:name" one to cast to, "x:name" another.
 * Then the rules that come of a diff, and the new schema that comes of rules. */
#include "base/test.h"
#include "ingest/evolve_internal.h"

/* clang-format off */
static const struct { const char *from, *to, *found; } diff_cases[] = {
    /* nothing, order, case */
    {"a:BIGINT b:VARCHAR", "a:BIGINT b:VARCHAR", ""},
    {"a:BIGINT b:VARCHAR", "b:VARCHAR a:BIGINT", ""},
    {"Name:VARCHAR", "name:VARCHAR", "~Name>name"},
    {"", "a:BIGINT", "+a"},
    {"a:BIGINT", "", "-a"},
    /* types under one name */
    {"n:INTEGER", "n:BIGINT", "w:n"},
    {"n:BIGINT", "n:INTEGER", "c:n"},
    {"n:FLOAT", "n:DOUBLE", "w:n"},
    {"n:DECIMAL(9,2)", "n:DECIMAL(12,2)", "w:n"},
    {"n:DECIMAL(9,2)", "n:DECIMAL(12,3)", "c:n"},
    {"n:VARCHAR", "n:DATE", "c:n"},
    {"n:TIMESTAMP", "n:DATE", "c:n"},
    {"n:BOOLEAN", "n:DATE", "x:n"},
    {"n:BIGINT[]", "n:BIGINT", "x:n"},
    {"n:STRUCT(a BIGINT)", "n:STRUCT(a BIGINT, b BIGINT)", "x:n"},
    {"n:STRUCT(a BIGINT)", "n:VARCHAR", "c:n"},
    /* names: style, abbreviation, prefix, spelling, initials */
    {"id:BIGINT custName:VARCHAR", "id:BIGINT cust_name:VARCHAR", "~custName>cust_name"},
    {"id:BIGINT cust-name:VARCHAR", "id:BIGINT custname:VARCHAR", "~cust-name>custname"},
    {"HTTPStatus:BIGINT", "http_status:BIGINT", "~HTTPStatus>http_status"},
    {"qty:BIGINT", "quantity:BIGINT", "~qty>quantity"},
    {"cust_addr:VARCHAR", "customer_address:VARCHAR", "~cust_addr>customer_address"},
    {"phone:VARCHAR", "phone_number:VARCHAR", "~phone>phone_number"},
    {"order_totl:DOUBLE", "order_total:DOUBLE", "~order_totl>order_total"},
    {"tags:VARCHAR", "tag:VARCHAR", "~tags>tag"},
    {"date_of_birth:DATE", "dob:DATE", "~date_of_birth>dob"},
    {"price:DOUBLE", "unit_price:DOUBLE", "~price>unit_price"},
    {"created_at:TIMESTAMP", "creation_date:TIMESTAMP", "~created_at>creation_date"},
    {"description:VARCHAR", "desc:VARCHAR", "~description>desc"},
    /* names that are two things */
    {"start_date:DATE", "end_date:DATE", "-start_date +end_date"},
    {"created_at:TIMESTAMP", "updated_at:TIMESTAMP", "-created_at +updated_at"},
    {"first_name:VARCHAR", "last_name:VARCHAR", "-first_name +last_name"},
    {"address1:VARCHAR", "address2:VARCHAR", "-address1 +address2"},
    {"min_price:DOUBLE", "max_price:DOUBLE", "-min_price +max_price"},
    {"height:DOUBLE", "colour:VARCHAR", "-height +colour"},
    {"a:BIGINT", "b:BIGINT", "-a +b"},
    /* a renamed column of another type */
    {"cust_id:INTEGER", "customer_id:BIGINT", "~cust_id>customer_id!"},
    {"order_date:VARCHAR", "orderDate:DATE", "~order_date>orderDate!"},
    {"items:BIGINT[]", "item:BIGINT", "-items +item"},
    /* several at once: one to one, best first */
    {"cust_name:VARCHAR cust_id:BIGINT", "customer_id:BIGINT customer_name:VARCHAR", "~cust_name>customer_name ~cust_id>customer_id"},
    {"phone:VARCHAR tel:VARCHAR", "phone_number:VARCHAR", "~phone>phone_number -tel"},
    {"a_total:DOUBLE", "total_a:DOUBLE total_b:DOUBLE", "~a_total>total_a +total_b"},
    {"id:BIGINT name:VARCHAR zip:VARCHAR", "id:BIGINT postcode:VARCHAR name:VARCHAR city:VARCHAR", "~zip>postcode +city"},
    /* values: for, against, and without a word in it */
    {"col7:VARCHAR=red|green|blue|black|white|grey|pink|cyan", "colour:VARCHAR=red|green|blue|black|white|grey|pink|cyan", "~col7>colour"},
    {"x:VARCHAR=ann|bob|cid|dan|eve|fay|gus|hal", "employee:VARCHAR=ann|bob|cid|dan|eve|fay|gus|hal|ida|joe", "~x>employee"},
    {"x:VARCHAR=ann|bob", "employee:VARCHAR=red|blue", "-x +employee"},
    {"x:BIGINT=1|2|3|4|5|6|7|8", "y:VARCHAR=a|b|c|d|e|f|g|h", "-x +y"},
    {"status:VARCHAR=open|closed|won|lost|new|old|hot|cold", "order_status:VARCHAR=a1|a2|a3|a4|a5|a6|a7|a8", "-status +order_status"},
    {"flag_a:BOOLEAN=true|false", "is_active:BOOLEAN=true|false", "-flag_a +is_active"},
    {"start_date:VARCHAR=1|2|3|4|5|6|7|8", "end_date:VARCHAR=9|10|11|12|13|14|15|16", "-start_date +end_date"},
    {"home:VARCHAR=Rome|Oslo|Bonn|Bern|Kiel|Graz|Linz|Lund", "city:VARCHAR=Oslo|Rome|Bonn|Bern|Kiel|Graz|Linz|Lund", "~home>city"},
};
/* clang-format on */

static uint64_t case_hash(lh_str value) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < value.len; i++) hash = (hash ^ (unsigned char)value.ptr[i]) * UINT64_C(1099511628211);
    return hash;
}

static int case_compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void case_values(evolve_column *column, lh_str rest, lh_arena *arena) {
    uint64_t *hashes = LH_ARENA_ARRAY(arena, uint64_t, EVOLVE_HASHES);
    CHECK(hashes);
    while (rest.len) hashes[column->hash_count++] = case_hash(lh_str_split(&rest, '|'));
    qsort(hashes, column->hash_count, sizeof *hashes, case_compare);
    column->hashes = hashes;
    column->distinct = column->hash_count;
}

/* Columns are parted by a blank that is not within a type's parentheses. */
static evolve_side case_side(const char *text, lh_arena *arena) {
    evolve_side side = {.columns = LH_ARENA_ARRAY(arena, evolve_column, 64)};
    lh_str rest = lh_str_from(text);
    CHECK(side.columns);
    while (rest.len) {
        size_t end = 0;
        for (int open = 0; end < rest.len && (open || rest.ptr[end] != ' '); end++)
            open += (rest.ptr[end] == '(') - (rest.ptr[end] == ')');
        lh_str word = lh_str_sub(rest, 0, end), type;
        evolve_column *column = &side.columns[side.count++];
        rest = lh_str_sub(rest, end + 1, SIZE_MAX);
        column->name = lh_str_split(&word, ':');
        column->id = (int64_t)side.count;
        type = lh_str_split(&word, '=');
        CHECK(ingest_type_parse(type, arena, &column->type, NULL) == LH_OK);
        if (word.len) case_values(column, word, arena);
    }
    return side;
}

static void case_write(const evolve_change *change, lh_buf *into) {
    static const char fits[] = "?wcx";
    lh_str from = change->from ? change->from->name : LH_STR_NONE, to = change->to ? change->to->name : LH_STR_NONE;
    if (into->len) lh_buf_char(into, ' ');
    if (change->kind == EVOLVE_ADDED) lh_buf_printf(into, "+%.*s", LH_STR_ARG(to));
    if (change->kind == EVOLVE_REMOVED) lh_buf_printf(into, "-%.*s", LH_STR_ARG(from));
    if (change->kind == EVOLVE_TYPE_CHANGED) lh_buf_printf(into, "%c:%.*s", fits[change->fit], LH_STR_ARG(from));
    if (change->kind == EVOLVE_RENAMED)
        lh_buf_printf(into, "~%.*s>%.*s%s", LH_STR_ARG(from), LH_STR_ARG(to),
                      change->fit == EVOLVE_FIT_SAME ? "" : "!");
}

static void test_evolve__a_diff_finds_what_people_would_say(void) {
    for (size_t i = 0; i < sizeof diff_cases / sizeof *diff_cases; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_CLEANUP(lh_buf_done) lh_buf found = LH_BUF_INIT(10000);
        lh_error err = {0};
        evolve_diff diff;
        CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
        const evolve_side from = case_side(diff_cases[i].from, arena), to = case_side(diff_cases[i].to, arena);
        CHECK_OK(evolve_diff_make(&from, &to, arena, &diff, &err));
        for (size_t j = 0; j < diff.count; j++) {
            case_write(&diff.changes[j], &found);
            CHECK(diff.changes[j].confidence >= 0 && diff.changes[j].confidence <= 1);
            CHECK(lh_json_size(diff.changes[j].reasons) >= 1);
        }
        if (!lh_str_eq(lh_buf_str(&found), lh_str_from(diff_cases[i].found)))
            print_error("case %zu: %s → %s\n", i, diff_cases[i].from, diff_cases[i].to);
        CHECK_STR(lh_buf_str(&found), lh_str_from(diff_cases[i].found));
    }
}

static double diff_confidence(const char *from_text, const char *to_text, lh_arena *arena) {
    evolve_diff diff;
    const evolve_side from = case_side(from_text, arena), to = case_side(to_text, arena);
    CHECK(evolve_diff_make(&from, &to, arena, &diff, NULL) == LH_OK && diff.count >= 1);
    return diff.changes[0].confidence;
}

static void test_evolve__confidence_follows_the_evidence(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    double bare = diff_confidence("cust_nm:VARCHAR", "customer_name:VARCHAR", arena);
    double agree = diff_confidence("cust_nm:VARCHAR=a|b|c|d|e|f|g|h", "customer_name:VARCHAR=a|b|c|d|e|f|g|h", arena);
    double few = diff_confidence("cust_nm:VARCHAR=a|b", "customer_name:VARCHAR=a|b", arena);
    CHECK(agree > few && few > bare && agree > EVOLVE_CONFIDENCE_MIN);
    CHECK(diff_confidence("qty:BIGINT x:BIGINT", "x:BIGINT quantity:BIGINT", arena) <
          diff_confidence("qty:BIGINT x:BIGINT", "quantity:BIGINT x:BIGINT", arena)); /* the place */
    CHECK(diff_confidence("qty:VARCHAR", "quantity:BIGINT", arena) <
          diff_confidence("qty:INTEGER", "quantity:BIGINT", arena));
    CHECK(diff_confidence("gone:DATE", "", arena) == 1);
    CHECK(diff_confidence("full_name:VARCHAR", "first_name:VARCHAR", arena) < 1); /* renamed, perhaps: is it gone? */
}

static void test_evolve__a_guess_of_width_is_no_change(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    evolve_diff diff;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    const evolve_side from = case_side("a:INTEGER b:DECIMAL(9,2) c:TIMESTAMPTZ d:VARCHAR", arena);
    const evolve_side to = case_side("a:BIGINT b:DOUBLE c:TIMESTAMP d:BIGINT", arena);
    for (size_t i = 0; i < to.count; i++) to.columns[i].guessed = true;
    CHECK(evolve_diff_make(&from, &to, arena, &diff, NULL) == LH_OK);
    CHECK(diff.count == 1 && diff.changes[0].kind == EVOLVE_TYPE_CHANGED && diff.changes[0].from == &from.columns[3]);
}

static void test_evolve__a_wide_table_is_compared_in_time(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    const size_t columns = getenv("LAKEHOUSE_SANITIZED") ? 600 : 3000;
    evolve_diff diff;
    CHECK(lh_arena_new(256 << 20, &arena, NULL) == LH_OK);
    evolve_side sides[2];
    for (size_t s = 0; s < 2; s++) {
        sides[s] = (evolve_side){.columns = LH_ARENA_ARRAY(arena, evolve_column, columns), .count = columns};
        for (size_t i = 0; i < columns; i++)
            sides[s].columns[i] =
                (evolve_column){.name = lh_arena_printf(arena, "%s_column_number_%zu", s ? "new" : "old", i),
                                .type = ingest_type_new(INGEST_BIGINT, arena)};
    }
    CHECK(evolve_diff_make(&sides[0], &sides[1], arena, &diff, NULL) == LH_OK);
    CHECK(diff.count >= columns && diff.count <= 2 * columns);
}

/* ---- rules ---- */

static lh_code rules_check(const char *table_text, const char *rules, lh_arena *arena, evolve_rules *ret,
                           lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 16);
    const evolve_side table = case_side(table_text, arena);
    lh_json *json = NULL;
    for (const char *c = rules; *c; c++) lh_buf_char(&text, *c == '\'' ? '"' : *c);
    CHECK(lh_json_parse(arena, lh_buf_str(&text), &json, NULL) == LH_OK);
    return evolve_rules_check(json, &table, arena, ret, err);
}

#define RULES_TABLE "id:BIGINT name:VARCHAR price:VARCHAR day:VARCHAR tags:VARCHAR[]"

static void test_evolve__good_rules_are_taken(void) {
    static const char *const good[] = {
        "[]",
        "{'rules':[]}",
        "[{'op':'rename','column':'name','to':'full_name','confidence':0.5,'reasons':['a','b']}]",
        "[{'op':'rename','column':'name','to':'price'},{'op':'rename','column':'price','to':'name'}]",
        "[{'op':'rename','column':'name','to':'Name'}]",
        "[{'op':'cast','column':'price','type':'DECIMAL(10,2)'}]",
        "[{'op':'cast','column':'price','type':'DOUBLE','using':'number_comma','on_error':'null','to':'amount'}]",
        "[{'op':'cast','column':'day','type':'DATE','using':'date','format':'%d.%m.%Y'}]",
        "[{'op':'cast','column':'price','type':'BIGINT','sql':'CAST(\\'price\\' AS BIGINT)'}]",
        "[{'op':'cast','column':'tags','type':'VARCHAR'}]",
        "[{'op':'add','column':'new','type':'INTEGER','default':3},{'op':'add','column':'l','type':'INTEGER[]'}]",
        "[{'op':'drop','column':'name'},{'op':'add','column':'name','type':'BIGINT','default':null}]",
        "[{'op':'split','column':'name','into':['first','last'],'separator':' '}]",
        "[{'op':'split','column':'name','into':['first','last'],'separator':' ','keep':true}]",
        "[{'op':'merge','columns':['name','day'],'to':'name','separator':''}]",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_error err = {0};
        evolve_rules rules;
        CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
        lh_code code = rules_check(RULES_TABLE, good[i], arena, &rules, &err);
        if (code != LH_OK) print_error("%s: %s\n", good[i], err.message);
        CHECK(code == LH_OK);
    }
}

static const char *const bad_rules[][2] = {
    {"7", "must be an array"},
    {"{'rules':[],'note':'x'}", "unknown member 'note'"},
    {"{'rules':[],'rules':[]}", "stands twice"},
    {"[7]", "must be an object"},
    {"[{'op':'truncate','column':'name'}]", "'op' must be"},
    {"[{'op':'rename','column':'name'}]", "needs 'to'"},
    {"[{'op':'rename','column':'name','to':'x','sql':'1'}]", "unknown member 'sql'"},
    {"[{'op':'rename','column':'name','column':'id','to':'x'}]", "stands twice"},
    {"[{'op':'rename','column':'nam','to':'x'}]", "does not exist"},
    {"[{'op':'rename','column':'NAME','to':'x'}]", "does not exist"},
    {"[{'op':'rename','column':7,'to':'x'}]", "must be a string"},
    {"[{'op':'rename','column':'name','to':''}]", "1 to 255"},
    {"[{'op':'rename','column':'name','to':' x'}]", "white space"},
    {"[{'op':'rename','column':'name','to':'a\\nb'}]", "control characters"},
    {"[{'op':'rename','column':'name','to':'ID'}]", "two columns would be called"},
    {"[{'op':'rename','column':'name','to':'x'},{'op':'drop','column':'name'}]", "has a rule already"},
    {"[{'op':'rename','column':'name','to':'x','confidence':2}]", "from 0 to 1"},
    {"[{'op':'rename','column':'name','to':'x','confidence':'high'}]", "from 0 to 1"},
    {"[{'op':'rename','column':'name','to':'x','reasons':7}]", "'reasons'"},
    {"[{'op':'cast','column':'price','type':'MONEY'}]", "cannot hold"},
    {"[{'op':'cast','column':'price','type':'HUGEINT'}]", "cannot hold"},
    {"[{'op':'cast','column':'price','type':'INTEGER); DROP TABLE t'}]", "not a type"},
    {"[{'op':'cast','column':'price','type':'VARCHAR'}]", "has that type already"},
    {"[{'op':'cast','column':'price','type':'BIGINT[]'}]", "does not go"},
    {"[{'op':'cast','column':'tags','type':'BIGINT'}]", "does not go"},
    {"[{'op':'cast','column':'id','type':'DOUBLE','using':'number'}]", "does not go"},
    {"[{'op':'cast','column':'price','type':'DOUBLE','using':'eval'}]", "'using' must be"},
    {"[{'op':'cast','column':'price','type':'DOUBLE','using':null}]", "'using' must be"},
    {"[{'op':'cast','column':'price','type':'DOUBLE','on_error':'ignore'}]", "fail or null"},
    {"[{'op':'cast','column':'price','type':'DOUBLE','sql':'(SELECT 1)'}]", "'sql' is not free"},
    {"[{'op':'cast','column':'price','type':'DOUBLE','sql':'CAST(\\'id\\' AS DOUBLE)'}]", "'sql' is not free"},
    {"[{'op':'cast','column':'day','type':'DATE','using':'date'}]", "'format' must"},
    {"[{'op':'cast','column':'day','type':'DATE','using':'date','format':'%Q'}]", "'format' must"},
    {"[{'op':'cast','column':'day','type':'DATE','using':'date','format':'%d;%m'}]", "'format' must"},
    {"[{'op':'cast','column':'day','type':'DATE','format':'%d'}]", "belongs to"},
    {"[{'op':'add','column':'name','type':'BIGINT'}]", "two columns would be called"},
    {"[{'op':'add','column':'x','type':'BIGINT','default':[1]}]", "'default' must be"},
    {"[{'op':'add','column':'x','type':'BIGINT[]','default':1}]", "'default' must be"},
    {"[{'op':'split','column':'id','into':['a','b'],'separator':' '}]", "only a text column"},
    {"[{'op':'split','column':'name','into':['a'],'separator':' '}]", "2 to 4"},
    {"[{'op':'split','column':'name','into':['a','A'],'separator':' '}]", "two columns would be called"},
    {"[{'op':'split','column':'name','into':['a','b'],'separator':''}]", "'separator' must be"},
    {"[{'op':'split','column':'name','into':['a','b'],'separator':' ','keep':1}]", "'keep' must be"},
    {"[{'op':'merge','columns':['name','name'],'to':'x','separator':' '}]", "has a rule already"},
    {"[{'op':'merge','columns':['name','tags'],'to':'x','separator':' '}]", "nested"},
    {"[{'op':'drop','column':'id'},{'op':'drop','column':'name'},{'op':'drop','column':'price'},{'op':'drop',"
     "'column':'day'},{'op':'drop','column':'tags'}]",
     "leave no column"},
};

static void test_evolve__bad_rules_are_refused_with_the_reason(void) {
    for (size_t i = 0; i < sizeof bad_rules / sizeof *bad_rules; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_error err = {0};
        evolve_rules rules = {.count = 77};
        CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
        lh_code code = rules_check(RULES_TABLE, bad_rules[i][0], arena, &rules, &err);
        if (code != LH_INVALID || !strstr(err.message, bad_rules[i][1]))
            print_error("%s: '%s'\n", bad_rules[i][0], err.message);
        CHECK(code == LH_INVALID && strstr(err.message, bad_rules[i][1]) && rules.count == 77);
    }
}

static void test_evolve__the_rules_of_a_diff_pass_the_check(void) {
    for (size_t i = 0; i < sizeof diff_cases / sizeof *diff_cases; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_error err = {0};
        evolve_diff diff;
        evolve_rules rules;
        CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
        const evolve_side from = case_side(diff_cases[i].from, arena), to = case_side(diff_cases[i].to, arena);
        if (to.count == 0) continue; /* nothing would be left */
        CHECK_OK(evolve_diff_make(&from, &to, arena, &diff, &err));
        CHECK_OK(evolve_rules_check(evolve_rules_of(&diff, arena), &from, arena, &rules, &err));
    }
}

/* ---- the plan ---- */

static const char plan_metadata[] =
    "{\"current-schema-id\":0,\"last-column-id\":9,\"default-spec-id\":0,\"default-sort-order-id\":0,"
    "\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"source-id\":1,\"field-id\":1000,\"name\":\"p\",\"transform\":"
    "\"identity\"}]}],\"schemas\":[{\"schema-id\":0,\"type\":\"struct\",\"fields\":["
    "{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"int\"},"
    "{\"id\":2,\"name\":\"name\",\"required\":false,\"type\":\"string\",\"doc\":\"of whom\"},"
    "{\"id\":3,\"name\":\"price\",\"required\":false,\"type\":\"string\",\"doc\":\"net\"}]}]}";

static lh_code plan_of(const char *rules_text, lh_arena *arena, evolve_plan *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 16);
    evolve_side *table = LH_ARENA_NEW(arena, evolve_side);
    lh_json *metadata = NULL, *json = NULL;
    evolve_rules rules;
    CHECK(table && lh_json_parse(arena, lh_str_from(plan_metadata), &metadata, NULL) == LH_OK);
    *table = case_side("id:INTEGER name:VARCHAR price:VARCHAR", arena);
    for (const char *c = rules_text; *c; c++) lh_buf_char(&text, *c == '\'' ? '"' : *c);
    CHECK(lh_json_parse(arena, lh_buf_str(&text), &json, NULL) == LH_OK);
    LH_TRY(evolve_rules_check(json, table, arena, &rules, err));
    return evolve_plan_make(metadata, table, &rules, arena, ret, err);
}

/* "1 id int, …" */
static void plan_write_schema(const lh_json *schema, lh_buf *into) {
    lh_buf_clear(into);
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);)
        lh_buf_printf(into, "%s%d %.*s %.*s", it.index ? ", " : "", (int)lh_json_int(lh_json_get(it.value, "id"), 0),
                      LH_STR_ARG(lh_json_get_string(it.value, "name")),
                      LH_STR_ARG(lh_json_get_string(it.value, "type")));
}

static void test_evolve__a_plan_keeps_ids_and_places(void) {
    static const struct {
        const char *rules, *schema;
        size_t written;
    } cases[] = {
        {"[]", "1 id int, 2 name string, 3 price string", 0},
        {"[{'op':'rename','column':'name','to':'who'}]", "1 id int, 2 who string, 3 price string", 0},
        {"[{'op':'rename','column':'name','to':'price'},{'op':'rename','column':'price','to':'name'}]",
         "1 id int, 2 price string, 3 name string", 0},
        {"[{'op':'cast','column':'id','type':'BIGINT','to':'key'}]", "1 key long, 2 name string, 3 price string", 0},
        {"[{'op':'drop','column':'name'}]", "1 id int, 3 price string", 0},
        {"[{'op':'add','column':'x','type':'DATE'}]", "1 id int, 2 name string, 3 price string, 10 x date", 0},
        {"[{'op':'cast','column':'price','type':'DOUBLE'},{'op':'add','column':'x','type':'DATE'},{'op':'add','column':"
         "'y',"
         "'type':'DATE','default':'2026-01-31'}]",
         "1 id int, 2 name string, 10 price double, 12 x date, 11 y date", 2},
        {"[{'op':'split','column':'name','into':['a','b'],'separator':' '}]",
         "1 id int, 10 a string, 11 b string, 3 price string", 2},
        {"[{'op':'merge','columns':['name','price'],'to':'both','separator':'-','keep':true}]",
         "1 id int, 2 name string, 10 both string, 3 price string", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_CLEANUP(lh_buf_done) lh_buf schema = LH_BUF_INIT(10000);
        lh_error err = {0};
        evolve_plan plan;
        CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
        CHECK_OK(plan_of(cases[i].rules, arena, &plan, &err));
        plan_write_schema(plan.schema, &schema);
        CHECK_STR(lh_buf_str(&schema), lh_str_from(cases[i].schema));
        CHECK(plan.written_count == cases[i].written);
        for (size_t j = 0; j < plan.written_count; j++) CHECK(plan.written[j].id == 10 + (int64_t)j);
    }
}

static void test_evolve__a_plan_keeps_docs_and_what_was_said(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    evolve_plan plan;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    CHECK_OK(
        plan_of("[{'op':'cast','column':'price','type':'DOUBLE','to':'net'},{'op':'rename','column':'name','to':'n'}]",
                arena, &plan, &err));
    const lh_json *fields = lh_json_get(plan.schema, "fields");
    CHECK_STR(lh_json_get_string(lh_json_at(fields, 1), "doc"), LH_STR("of whom"));
    CHECK_STR(lh_json_get_string(lh_json_at(fields, 2), "doc"), LH_STR("net"));
    CHECK(lh_json_size(plan.moved) == 1 && lh_json_int(lh_json_get(plan.moved, "3"), 0) == 10);
}

static void test_evolve__a_column_that_the_table_needs_stays(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    evolve_plan plan;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    CHECK(plan_of("[{'op':'drop','column':'id'}]", arena, &plan, &err) == LH_INVALID);
    CHECK(strstr(err.message, "partitioning") != NULL);
    CHECK(plan_of("[{'op':'cast','column':'id','type':'VARCHAR'}]", arena, &plan, &err) == LH_INVALID);
    CHECK_OK(plan_of("[{'op':'rename','column':'id','to':'key'}]", arena, &plan, &err));
}

/* ---- memory ---- */

/* Everything with an arena that is full at the 1st, 2nd, 3rd … step: an error, never a crash or half an answer. */
static void test_evolve__a_full_arena_is_an_error(void) {
    static const char from_text[] = "cust_name:VARCHAR=a|b|c n:VARCHAR gone:DATE",
                      to_text[] = "customer_name:VARCHAR=a|b n:DOUBLE new:DATE";
    bool done = false;
    for (size_t cap = 100; !done && cap < (1 << 20); cap += 97) {
        LH_CLEANUP(lh_arena_freep) lh_arena *columns = NULL;
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        evolve_diff diff = {.count = 77};
        evolve_rules rules = {.count = 77};
        lh_error err = {0};
        CHECK(lh_arena_new(1 << 20, &columns, NULL) == LH_OK && lh_arena_new(cap, &arena, NULL) == LH_OK);
        const evolve_side from = case_side(from_text, columns), to = case_side(to_text, columns);
        lh_code code = evolve_diff_make(&from, &to, arena, &diff, &err);
        CHECK(code == LH_OK || diff.count == 77);
        lh_json *found = code == LH_OK ? evolve_rules_of(&diff, arena) : NULL;
        if (code == LH_OK) code = lh_arena_check(arena, &err);
        if (code == LH_OK) code = evolve_rules_check(found, &from, arena, &rules, &err);
        CHECK(code == LH_OK || code == LH_LIMIT || code == LH_NO_MEMORY);
        CHECK(code == LH_OK || rules.count == 77);
        done = code == LH_OK;
    }
    CHECK(done);
}

static void test_evolve__a_plan_in_a_full_arena_is_an_error(void) {
    bool done = false;
    for (size_t cap = 5000; !done && cap < (1 << 20); cap += 97) { /* what the test itself needs fits always */
        LH_CLEANUP(lh_arena_freep) lh_arena *own = NULL;
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_json *metadata = NULL, *json = NULL;
        evolve_rules rules;
        evolve_plan plan = {.written_count = 77};
        CHECK(lh_arena_new(1 << 20, &own, NULL) == LH_OK && lh_arena_new(cap, &arena, NULL) == LH_OK);
        const evolve_side table = case_side("id:INTEGER name:VARCHAR price:VARCHAR", own);
        CHECK(lh_json_parse(own, lh_str_from(plan_metadata), &metadata, NULL) == LH_OK);
        CHECK(lh_json_parse(
                  own, LH_STR("[{\"op\":\"split\",\"column\":\"name\",\"into\":[\"a\",\"b\"],\"separator\":\" \"}]"),
                  &json, NULL) == LH_OK);
        CHECK(evolve_rules_check(json, &table, own, &rules, NULL) == LH_OK);
        lh_code code = evolve_plan_make(metadata, &table, &rules, arena, &plan, NULL);
        CHECK(code == LH_OK || ((code == LH_LIMIT || code == LH_NO_MEMORY) && plan.written_count == 77));
        done = code == LH_OK;
    }
    CHECK(done);
}

/* ---- masks ---- */

static void test_evolve__a_mask_hides_what_may_be_personal(void) {
    static const char *const masks[][2] = {
        {"plain words", "plain words"},
        {"ann.lee@example.com", "[email]"},
        {"write to ann@x.org, now", "write to [email], now"},
        {"0041 44 123 45 67", "[digits]"},
        {"+1 (212) 555-0100 x", "[phone] x"},
        {"4111-1111-1111-1111", "[payment_card]"},
        {"4111-1111-1111-1112", "[digits]"},
        {"order 123456", "order 123456"},
        {"order 1234567", "order [digits]"},
        {"10.0.12.255", "[ip_address]"},
        {"@ann_lee", "[token]"},
        {"2026-01-31", "2026-01-31"},
        {"31.01.2026 10:30:00", "31.01.2026 10:30:00"},
        {"DE89370400440532013000", "[iban]"},
        {"DE89370400440532013001", "[token]"},
        {"0191e0f4-6f00-7cc2-8000-3d1f4b6a2c11", "[token]"},
        {"", ""},
    };
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        CHECK_STR(evolve_mask(lh_str_from(masks[i][0]), false, arena), lh_str_from(masks[i][1]));
    CHECK_STR(evolve_mask(LH_STR("Zoë O'Neil 7"), true, arena), LH_STR("Xxx X'Xxxx 9"));
    CHECK(evolve_mask(lh_arena_printf(arena, "%0300d x", 0), false, arena).len < 100);
    CHECK(evolve_mask_name(LH_STR("customerEmail")) && evolve_mask_name(LH_STR("first_name")));
    CHECK(!evolve_mask_name(LH_STR("quantity")) && !evolve_mask_name(LH_STR("unnamed7")));
}

LH_TEST_MAIN(LH_TEST(test_evolve__a_diff_finds_what_people_would_say),
             LH_TEST(test_evolve__confidence_follows_the_evidence), LH_TEST(test_evolve__a_guess_of_width_is_no_change),
             LH_TEST(test_evolve__a_wide_table_is_compared_in_time), LH_TEST(test_evolve__good_rules_are_taken),
             LH_TEST(test_evolve__bad_rules_are_refused_with_the_reason),
             LH_TEST(test_evolve__the_rules_of_a_diff_pass_the_check),
             LH_TEST(test_evolve__a_plan_keeps_ids_and_places),
             LH_TEST(test_evolve__a_plan_keeps_docs_and_what_was_said),
             LH_TEST(test_evolve__a_column_that_the_table_needs_stays), LH_TEST(test_evolve__a_full_arena_is_an_error),
             LH_TEST(test_evolve__a_plan_in_a_full_arena_is_an_error),
             LH_TEST(test_evolve__a_mask_hides_what_may_be_personal))
