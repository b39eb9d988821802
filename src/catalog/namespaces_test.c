#include "catalog/catalog_suite.h"

static lh_code test_create(lake *l, const char *levels, const char *properties) {
    lh_json *answer = NULL;
    l->err = (lh_error){0};
    const char *text = lh_arena_printf(l->arena, "{'namespace':%s,'properties':%s}", levels, properties).ptr;
    return lh_namespace_create(l->catalog, suite_json(l->arena, text), l->arena, &answer, &l->err);
}

static lh_json *test_list(lake *l, lh_str parent, lh_str token, size_t limit) {
    lh_json *answer = NULL;
    CHECK_OK_IN(l, lh_namespace_list(l->catalog, parent, true, (lh_page){token, limit}, l->arena, &answer, &l->err));
    return answer;
}

static void test_namespaces__have_parents_and_properties(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *answer = NULL;
    CHECK_OK_IN(l, test_create(l, "['a']", "{'owner':'me'}"));
    CHECK_OK_IN(l, test_create(l, "['a','b c']", "{}"));
    CHECK(test_create(l, "['a']", "{}") == LH_CONFLICT);
    CHECK(test_create(l, "['x','y']", "{}") == LH_NOT_FOUND);
    CHECK(strstr(l->err.message, "Namespace does not exist: x") != NULL);
    CHECK_OK_IN(l, lh_namespace_load(l->catalog, LH_STR("a"), l->arena, &answer, &l->err));
    CHECK_JSON(l->arena, answer, "{'namespace':['a'],'properties':{'owner':'me'}}");
    CHECK_JSON(l->arena, test_list(l, LH_STR_NONE, LH_STR_NONE, 0),
               "{'namespaces':[['a'],['data']],'next-page-token':null}");
    CHECK_JSON(l->arena, test_list(l, LH_STR("a"), LH_STR_NONE, 0),
               "{'namespaces':[['a','b c']],'next-page-token':null}");
    CHECK(lh_namespace_list(l->catalog, LH_STR("nowhere"), true, (lh_page){0}, l->arena, &answer, &l->err) ==
          LH_NOT_FOUND);
    CHECK(lh_namespace_load(l->catalog,
                            LH_STR("a\x1f"
                                   "b"),
                            l->arena, &answer, &l->err) == LH_NOT_FOUND);
    CHECK(lh_namespace_load(l->catalog, LH_STR(""), l->arena, &answer, &l->err) == LH_NOT_FOUND);
}

static void test_namespaces__are_listed_in_pages_without_their_children(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    char name[32];
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof name, "['n%d']", i);
        CHECK_OK_IN(l, test_create(l, name, "{}"));
        snprintf(name, sizeof name, "['n%d','child']", i);
        CHECK_OK_IN(l, test_create(l, name, "{}"));
    }
    lh_str token = LH_STR_NONE;
    size_t seen = 0, pages = 0;
    do {
        lh_json *page = test_list(l, LH_STR_NONE, token, 3);
        seen += lh_json_size(lh_json_get(page, "namespaces"));
        token = lh_json_get_string(page, "next-page-token");
        pages++;
    } while (token.len);
    CHECK(seen == 8 && pages == 3);
}

static void test_namespaces__a_slash_in_a_level_is_none_between_levels(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *answer = NULL;
    CHECK_OK_IN(l, test_create(l, "['a/b']", "{}"));
    CHECK_OK_IN(l, test_create(l, "['a/b','c/d']", "{}"));
    CHECK(test_create(l, "['a/b']", "{}") == LH_CONFLICT && strstr(l->err.message, "Namespace already exists: a/b"));
    lh_str parent = lh_namespace_of_path(LH_STR("a/b"), l->arena);
    CHECK_OK_IN(l, lh_namespace_list(l->catalog, parent, true, (lh_page){0}, l->arena, &answer, &l->err));
    CHECK_JSON(l->arena, lh_json_get(answer, "namespaces"), "[['a/b','c/d']]");
    CHECK(lh_namespace_load(l->catalog, LH_STR("a"), l->arena, &answer, &l->err) == LH_NOT_FOUND);
    lh_table_name name;
    CHECK_OK_IN(l, lh_table_name_parse(l->catalog, LH_STR("a/b.c/d.e/f"), l->arena, &name, &l->err));
    CHECK_STR(lh_table_name_text(name, l->arena), LH_STR("a/b.c/d.e/f"));
    CHECK(lh_namespace_drop(l->catalog, parent, &l->err) == LH_CONFLICT);
}

static void test_namespaces__names_are_checked(void) {
    static const char *const bad[] = {"[]",          "null", "'a'",           "['']",       "['a','']", "['a\\u001eb']",
                                      "['.hidden']", "[7]",  "['a\\u001fb']", "['\\u0000']"};
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(test_create(l, bad[i], "{}") == LH_INVALID && l->err.message[0]);
    CHECK(test_create(l, "['p']", "{'a':1}") == LH_INVALID);
    CHECK(test_create(l, "['p']", "[]") == LH_INVALID);
    CHECK(test_create(l, "['1','2','3','4','5','6','7','8','9','10','11','12','13','14','15','16','17']", "{}") ==
          LH_INVALID);
}

static void test_namespaces__properties_are_updated_and_removed(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *answer = NULL;
    CHECK_OK_IN(l, test_create(l, "['a']", "{'x':'1','y':'2'}"));
    CHECK_OK_IN(l, lh_namespace_update(l->catalog, LH_STR("a"),
                                       suite_json(l->arena, "{'removals':['x','zzz'],'updates':{'y':'3','n':'4'}}"),
                                       l->arena, &answer, &l->err));
    CHECK_JSON(l->arena, answer, "{'updated':['y','n'],'removed':['x'],'missing':['zzz']}");
    CHECK_OK_IN(l, lh_namespace_load(l->catalog, LH_STR("a"), l->arena, &answer, &l->err));
    CHECK_JSON(l->arena, lh_json_get(answer, "properties"), "{'y':'3','n':'4'}");
    const lh_json *both = suite_json(l->arena, "{'removals':['y'],'updates':{'y':'3'}}");
    CHECK(lh_namespace_update(l->catalog, LH_STR("a"), both, l->arena, &answer, &l->err) == LH_INVALID);
    CHECK(lh_namespace_update(l->catalog, LH_STR("b"), suite_json(l->arena, "{}"), l->arena, &answer, &l->err) ==
          LH_NOT_FOUND);
}

static void test_namespaces__only_an_empty_one_is_dropped(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, test_create(l, "['a']", "{}"));
    CHECK_OK_IN(l, test_create(l, "['a','b']", "{}"));
    CHECK_OK_IN(l, test_create(l, "['ab']", "{}")); /* its name starts with the other's */
    CHECK(lh_namespace_drop(l->catalog, LH_STR("a"), &l->err) == LH_CONFLICT);
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog,
                                     LH_STR("a\x1f"
                                            "b"),
                                     &l->err));
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog, LH_STR("a"), &l->err));
    CHECK(lh_namespace_drop(l->catalog, LH_STR("a"), &l->err) == LH_NOT_FOUND);
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK(lh_namespace_drop(l->catalog, LH_STR("data"), &l->err) == LH_CONFLICT);
    CHECK_OK_IN(l, lh_table_drop(l->catalog, LAKE_NAME("t"), true, &l->err));
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog, LH_STR("data"), &l->err));
}

static void test_namespaces__a_name_in_text_form_is_parsed(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_table_name name;
    CHECK_OK_IN(l, lh_table_name_parse(l->catalog, LH_STR("t"), l->arena, &name, &l->err));
    CHECK_STR(name.namespace_, LH_STR("data"));
    CHECK_OK_IN(l, lh_table_name_parse(l->catalog, LH_STR("a.b.t"), l->arena, &name, &l->err));
    CHECK_STR(name.namespace_, LH_STR("a\x1f"
                                      "b"));
    CHECK_STR(lh_table_name_text(name, l->arena), LH_STR("a.b.t"));
    CHECK(lh_table_name_parse(l->catalog, LH_STR(""), l->arena, &name, &l->err) == LH_INVALID);
    CHECK(lh_table_name_parse(l->catalog, LH_STR(".t"), l->arena, &name, &l->err) == LH_INVALID);
    CHECK(lh_table_name_parse(l->catalog, LH_STR("a..t"), l->arena, &name, &l->err) == LH_INVALID);
    CHECK(lh_table_name_parse(l->catalog, LH_STR("a."), l->arena, &name, &l->err) == LH_INVALID);
}

static void test_namespaces__a_dotted_form_is_one_namespaces(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, test_create(l, "['a']", "{}"));
    CHECK_OK_IN(l, test_create(l, "['a','b']", "{}"));
    CHECK(test_create(l, "['a.b']", "{}") == LH_CONFLICT && strstr(l->err.message, "Namespace already exists: a.b"));
    CHECK_OK_IN(l, test_create(l, "['x.y']", "{}"));
    CHECK_OK_IN(l, test_create(l, "['x.y','z']", "{}"));
    CHECK_OK_IN(l, test_create(l, "['x']", "{}"));
    CHECK(test_create(l, "['x','y']", "{}") == LH_CONFLICT && test_create(l, "['x','y.z']", "{}") == LH_CONFLICT);
    CHECK(test_create(l, "['x.y']", "{}") == LH_CONFLICT);
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog, LH_STR("x.y\x1fz"), &l->err));
    CHECK_OK_IN(l, test_create(l, "['x','y.z']", "{}")); /* free again */
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog, LH_STR("x.y"), &l->err));
    CHECK_OK_IN(l, test_create(l, "['x','y']", "{}"));
}

static lh_code test_table(lake *l, const char *levels, const char *name) {
    lh_json *answer = NULL;
    l->err = (lh_error){0};
    const char *text = lh_arena_printf(l->arena, "{'name':'%s','schema':{'type':'struct','fields':[]}}", name).ptr;
    return lh_table_create(l->catalog, lh_str_from(levels), suite_json(l->arena, text), l->arena, &answer, &l->err);
}

static void test_check_parsed(lake *l, const char *text, const char *namespace_, const char *table) {
    lh_table_name name;
    CHECK_OK_IN(l, lh_table_name_parse(l->catalog, lh_str_from(text), l->arena, &name, &l->err));
    CHECK_STR(name.namespace_, lh_str_from(namespace_));
    CHECK_STR(name.name, lh_str_from(table));
}

static void test_namespaces__a_dotted_name_finds_what_has_it(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, test_create(l, "['a']", "{}"));
    CHECK_OK_IN(l, test_create(l, "['a','b']", "{}"));
    CHECK_OK_IN(l, test_create(l, "['x.y']", "{}"));
    CHECK_OK_IN(l, test_table(l, "a", "b.t"));
    CHECK_OK_IN(l, test_table(l, "x.y", "t"));
    CHECK_OK_IN(l, test_table(l, "x.y", "u.v"));
    test_check_parsed(l, "a.b.t", "a", "b.t");
    test_check_parsed(l, "a.b.new",
                      "a\x1f"
                      "b",
                      "new");
    test_check_parsed(l, "x.y.t", "x.y", "t");
    test_check_parsed(l, "x.y.u.v", "x.y", "u.v");
    test_check_parsed(l, "x.y.new", "x.y", "new");
    CHECK(test_table(l,
                     "a\x1f"
                     "b",
                     "t") == LH_CONFLICT);
    CHECK(strstr(l->err.message, "Table already exists: a.b.t") != NULL);
    CHECK_OK_IN(l, test_table(l,
                              "a\x1f"
                              "b",
                              "c.d"));
    CHECK(test_table(l, "a", "b.c.d") == LH_CONFLICT);
    CHECK(lh_table_name_parse(l->catalog, LH_STR("a.b."), l->arena, &(lh_table_name){0}, &l->err) == LH_INVALID);
}

static void test_namespaces__a_name_is_one_namespaces_in_any_case(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_namespace_of of;
    CHECK_OK_IN(l, test_create(l, "['Sec']", "{}"));
    CHECK(test_create(l, "['sec']", "{}") == LH_CONFLICT);
    CHECK(strstr(l->err.message, "Namespace already exists: sec, in this or another case") != NULL);
    CHECK(test_create(l, "['sec','x']", "{}") == LH_NOT_FOUND);
    CHECK_OK_IN(l, test_create(l, "['Sec','X']", "{}"));
    CHECK(test_create(l, "['Sec','x']", "{}") == LH_CONFLICT && test_create(l, "['SEC.x']", "{}") == LH_CONFLICT);
    CHECK_OK_IN(l, lh_namespace_of_sql(l->catalog, LH_STR("sEC.x"), l->arena, &of, &l->err));
    CHECK(of.count == 1);
    CHECK_STR(of.name, LH_STR("Sec\x1fX"));
    CHECK_OK_IN(l, lh_namespace_of_sql(l->catalog, LH_STR("no"), l->arena, &of, &l->err));
    CHECK(of.count == 0);
    CHECK_STR(of.name, LH_STR("no"));
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog, LH_STR("Sec\x1fX"), &l->err));
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog, LH_STR("Sec"), &l->err));
    CHECK_OK_IN(l, test_create(l, "['sec']", "{}")); /* free again */
    CHECK(!lh_catalog_has_namesakes(l->catalog));
}

static void test_namespaces__a_lake_of_before_may_have_several(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_namespace_of of;
    const lh_str text = LH_STR("{\"schema_version\":1,\"properties\":{}}");
    lh_change changes[1502] = {{.key = LH_STR("namespace/sec"), .text = text},
                               {.key = LH_STR("namespace/SEC"), .text = text}};
    for (int i = 2; i < 1502; i++)
        changes[i] = (lh_change){.key = lh_arena_printf(l->arena, "namespace/N%d", i), .text = text};
    CHECK_OK_IN(l, lh_metastore_commit(lh_catalog_metastore(l->catalog), changes, 1502, NULL, &l->err));
    lake_open(l);
    CHECK(lh_catalog_has_namesakes(l->catalog));
    CHECK_OK_IN(l, lh_namespace_of_sql(l->catalog, LH_STR("Sec"), l->arena, &of, &l->err));
    CHECK(of.count == 2);
    CHECK_OK_IN(l, lh_namespace_of_sql(l->catalog, LH_STR("n1501"), l->arena, &of, &l->err));
    CHECK(of.count == 1);
    CHECK_STR(of.name, LH_STR("N1501"));
    CHECK(test_create(l, "['sEc']", "{}") == LH_CONFLICT && test_create(l, "['n7']", "{}") == LH_CONFLICT);
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog, LH_STR("SEC"), &l->err));
    CHECK_OK_IN(l, lh_namespace_of_sql(l->catalog, LH_STR("SEC"), l->arena, &of, &l->err));
    CHECK(of.count == 1);
    CHECK_STR(of.name, LH_STR("sec"));
    uint64_t sequence = lh_metastore_get_stats(lh_catalog_metastore(l->catalog)).sequence;
    lake_open(l); /* writes nothing any more */
    CHECK(lh_metastore_get_stats(lh_catalog_metastore(l->catalog)).sequence == sequence);
    CHECK(!lh_catalog_has_namesakes(l->catalog));
}

LH_TEST_MAIN(LH_TEST(test_namespaces__a_name_is_one_namespaces_in_any_case),
             LH_TEST(test_namespaces__a_lake_of_before_may_have_several),
             LH_TEST(test_namespaces__have_parents_and_properties),
             LH_TEST(test_namespaces__are_listed_in_pages_without_their_children),
             LH_TEST(test_namespaces__a_slash_in_a_level_is_none_between_levels),
             LH_TEST(test_namespaces__names_are_checked), LH_TEST(test_namespaces__properties_are_updated_and_removed),
             LH_TEST(test_namespaces__only_an_empty_one_is_dropped),
             LH_TEST(test_namespaces__a_name_in_text_form_is_parsed),
             LH_TEST(test_namespaces__a_dotted_form_is_one_namespaces),
             LH_TEST(test_namespaces__a_dotted_name_finds_what_has_it))
