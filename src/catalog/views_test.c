#include "catalog/catalog_suite.h"

static lh_code views_create(lake *l, const char *name, lh_json **ret) {
    lh_json *ignored = NULL;
    const char *text =
        lh_arena_printf(l->arena,
                        "{'name':'%s'," LAKE_SCHEMA ",'view-version':{'version-id':1,'timestamp-ms':5,'schema-id':0,"
                        "'summary':{},'default-namespace':['data'],'representations':[{'type':'sql','sql':'select 1',"
                        "'dialect':'spark'}]}}",
                        name)
            .ptr;
    return lh_view_create(l->catalog, LH_STR("data"), suite_json(l->arena, text), l->arena, ret ? ret : &ignored,
                          &l->err);
}

static void test_views__a_created_view_is_loaded_also_after_a_restart(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    lh_json *created = NULL, *loaded = NULL;
    CHECK_OK_IN(l, views_create(l, "v", &created));
    lake_open(l);
    CHECK_OK_IN(l, lh_view_load(l->catalog, LAKE_NAME("v"), l->arena, &loaded, &l->err));
    CHECK(lh_json_equal(created, loaded));
    CHECK(lh_view_load(l->catalog, LAKE_NAME("w"), l->arena, &loaded, &l->err) == LH_NOT_FOUND);
    CHECK(strcmp(l->err.message, "View does not exist: data.w") == 0);
    CHECK(views_create(l, "v", NULL) == LH_CONFLICT && strstr(l->err.message, "View already exists: data.v"));
}

static void test_views__a_name_is_a_tables_or_a_views(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, views_create(l, "v", NULL));
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    CHECK(lake_create(l, "v", "", NULL) == LH_CONFLICT && strstr(l->err.message, "View with same name"));
    CHECK(views_create(l, "t", NULL) == LH_CONFLICT && strstr(l->err.message, "Table with same name"));
    const lh_json *swap =
        suite_json(l->arena, "{'source':{'namespace':['data'],'name':'t'},'destination':{'namespace':["
                             "'data'],'name':'v'}}");
    CHECK(lh_table_rename(l->catalog, swap, l->arena, &l->err) == LH_CONFLICT);
    CHECK_OK_IN(l, lh_view_drop(l->catalog, LAKE_NAME("v"), &l->err));
    CHECK_OK_IN(l, lh_table_rename(l->catalog, swap, l->arena, &l->err));
}

static void test_views__a_view_does_not_lie_in_a_tables_folder(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    CHECK_OK_IN(l, lake_create(l, "t", "", NULL));
    lh_str location = lh_json_get_string(lake_metadata(l, "t"), "location");
    const char *text = lh_arena_printf(l->arena,
                                       "{'name':'v','location':'%.*s/in'," LAKE_SCHEMA
                                       ",'view-version':{'version-id':1,'timestamp-ms':5,'schema-id':0,'summary':{},"
                                       "'default-namespace':[],'representations':[{'type':'sql','sql':'x',"
                                       "'dialect':'y'}]}}",
                                       LH_STR_ARG(location))
                           .ptr;
    lh_json *answer = NULL;
    CHECK(lh_view_create(l->catalog, LH_STR("data"), suite_json(l->arena, text), l->arena, &answer, &l->err) ==
          LH_INVALID);
}

static void test_views__a_view_keeps_its_namespace_and_its_name(void) {
    LH_CLEANUP(lake_freep) lake *l = lake_new();
    const char *create = "[{'type':'assert-create'}]";
    lh_json *staged = NULL;
    CHECK_OK_IN(l, views_create(l, "v", NULL));
    CHECK(lh_namespace_drop(l->catalog, LH_STR("data"), &l->err) == LH_CONFLICT);
    CHECK_OK_IN(l, lake_create(l, "late", ",'stage-create':true", &staged));
    CHECK_OK_IN(l, views_create(l, "late", NULL));
    CHECK(lake_commit(l, "late", create, "[]") == LH_CONFLICT && strstr(l->err.message, "View with same name"));
    const lh_json *swap =
        suite_json(l->arena, "{'source':{'namespace':['data'],'name':'v'},'destination':{'namespace':["
                             "'data'],'name':'late'}}");
    CHECK(lh_view_rename(l->catalog, swap, l->arena, &l->err) == LH_CONFLICT);
    CHECK(strcmp(l->err.message, "Cannot rename data.v to data.late. View already exists") == 0);
    CHECK_OK_IN(l, lh_view_drop(l->catalog, LAKE_NAME("v"), &l->err));
    CHECK_OK_IN(l, lh_view_drop(l->catalog, LAKE_NAME("late"), &l->err));
    CHECK_OK_IN(l, lh_namespace_drop(l->catalog, LH_STR("data"), &l->err));
}

LH_TEST_MAIN(LH_TEST(test_views__a_created_view_is_loaded_also_after_a_restart),
             LH_TEST(test_views__a_name_is_a_tables_or_a_views),
             LH_TEST(test_views__a_view_does_not_lie_in_a_tables_folder),
             LH_TEST(test_views__a_view_keeps_its_namespace_and_its_name))
