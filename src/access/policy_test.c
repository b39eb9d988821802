/* Policies: what roles come to, as a table of cases, and what one sees of a dataset's columns and rows. */
#include "access/access_suite.h"

static lh_json *lake_json(lake *l, const char *text) {
    lh_error err = {0};
    lh_json *json = NULL;
    CHECK_OK(lh_json_parse(l->arena, lh_str_from(text), &json, &err));
    return json;
}

static lh_code lake_role(lake *l, const char *name, const char *grants) {
    lh_json *body = lh_json_new_object(l->arena);
    lh_json_set(l->arena, body, "grants", lake_json(l, grants));
    return lh_access_role_put(l->catalog, lh_str_from(name), body, LH_VERSION_ABSENT, l->arena, NULL);
}

static lh_code lake_principal(lake *l, const char *json) {
    lh_json *ignored = NULL;
    return lh_access_principal_create(l->catalog, lake_json(l, json), l->arena, &ignored, NULL);
}

static lh_policy *lake_policy(lake *l, const char *principal) {
    lh_error err = {0};
    lh_policy *policy = NULL;
    CHECK_OK(lh_access_policy(l->catalog, lh_str_from(principal), l->arena, &policy, &err));
    return policy;
}

/* A fresh lake has no namespace but `data`; the tables need not be there to be decided about. */
static lh_resource lake_resource(lake *l, const char *text) {
    lh_error err = {0};
    lh_resource resource = {0};
    CHECK_OK(lh_resource_parse(l->catalog, lh_str_from(text), l->arena, &resource, &err));
    return resource;
}

#define ALLOW(on, name, actions)                                                                                       \
    "{\"effect\":\"allow\",\"on\":\"" on "\",\"name\":\"" name "\",\"actions\":[" actions "]}"
#define DENY(on, name, actions)                                                                                        \
    "{\"effect\":\"deny\",\"on\":\"" on "\",\"name\":\"" name "\",\"actions\":[" actions "]}"
#define R "\"read\""
#define W "\"write\""
#define A "\"admin\""

static const struct {
    const char *grants;
    lh_action action;
    const char *resource;
    bool allowed;
} decision_cases[] = {
    /* default deny */
    {"[]", LH_ACTION_READ, "t", false},
    {"[" ALLOW("dataset", "t", R) "]", LH_ACTION_READ, "t", true},
    {"[" ALLOW("dataset", "t", R) "]", LH_ACTION_READ, "data.t", true},
    {"[" ALLOW("dataset", "data.t", R) "]", LH_ACTION_READ, "t", true},
    {"[" ALLOW("dataset", "t", R) "]", LH_ACTION_READ, "tt", false},
    {"[" ALLOW("dataset", "t", R) "]", LH_ACTION_READ, "crm.t", false},
    {"[" ALLOW("dataset", "t", R) "]", LH_ACTION_READ, "T", false},
    {"[" ALLOW("dataset", "t", R) "]", LH_ACTION_READ, "view:t", false},
    /* no action holds another */
    {"[" ALLOW("dataset", "t", R) "]", LH_ACTION_WRITE, "t", false},
    {"[" ALLOW("dataset", "t", W) "]", LH_ACTION_READ, "t", false},
    {"[" ALLOW("dataset", "t", A) "]", LH_ACTION_READ, "t", false},
    {"[" ALLOW("dataset", "t", A) "]", LH_ACTION_ADMIN, "t", true},
    {"[" ALLOW("dataset", "t", R "," W) "]", LH_ACTION_WRITE, "t", true},
    /* a namespace holds datasets, views and namespaces below */
    {"[" ALLOW("namespace", "crm", R) "]", LH_ACTION_READ, "crm.t", true},
    {"[" ALLOW("namespace", "crm", R) "]", LH_ACTION_READ, "crm.eu.t", true},
    {"[" ALLOW("namespace", "crm", R) "]", LH_ACTION_READ, "view:crm.t", true},
    {"[" ALLOW("namespace", "crm", R) "]", LH_ACTION_READ, "namespace:crm", true},
    {"[" ALLOW("namespace", "crm", R) "]", LH_ACTION_READ, "namespace:crm.eu", true},
    {"[" ALLOW("namespace", "crm.eu", R) "]", LH_ACTION_READ, "crm.t", false},
    {"[" ALLOW("namespace", "crm", R) "]", LH_ACTION_READ, "crmx.t", false},
    {"[" ALLOW("namespace", "crm", R) "]", LH_ACTION_READ, "bucket:crm", false},
    {"[" ALLOW("dataset", "crm.t", R) "]", LH_ACTION_READ, "namespace:crm", false},
    /* all */
    {"[" ALLOW("namespace", "*", R) "]", LH_ACTION_READ, "crm.t", true},
    {"[" ALLOW("dataset", "*", R) "]", LH_ACTION_READ, "crm.t", true},
    {"[" ALLOW("dataset", "*", R) "]", LH_ACTION_READ, "view:crm.t", false},
    {"[" ALLOW("bucket", "*", R) "]", LH_ACTION_READ, "bucket:main", true},
    {"[" ALLOW("bucket", "*", R) "]", LH_ACTION_READ, "tool:main", false},
    {"[" ALLOW("tool", "search", R) "]", LH_ACTION_READ, "tool:search", true},
    {"[" ALLOW("index", "i", R) "]", LH_ACTION_READ, "index:j", false},
    /* but for the namespace system, which has to be named */
    {"[" ALLOW("namespace", "*", R) "]", LH_ACTION_READ, "system.query_audit", false},
    {"[" ALLOW("namespace", "*", R) "]", LH_ACTION_READ, "SYSTEM.query_audit", false},
    {"[" ALLOW("dataset", "*", R) "]", LH_ACTION_READ, "system.query_audit", false},
    {"[" ALLOW("namespace", "system", R) "]", LH_ACTION_READ, "system.query_audit", true},
    {"[" ALLOW("namespace", "*", R) "]", LH_ACTION_READ, "systems.t", true},
    /* deny wins, in any order and however wide */
    {"[" ALLOW("dataset", "t", R) "," DENY("dataset", "t", R) "]", LH_ACTION_READ, "t", false},
    {"[" DENY("dataset", "t", R) "," ALLOW("dataset", "t", R) "]", LH_ACTION_READ, "t", false},
    {"[" ALLOW("dataset", "crm.t", R) "," DENY("namespace", "crm", R) "]", LH_ACTION_READ, "crm.t", false},
    {"[" ALLOW("dataset", "crm.t", R) "," DENY("namespace", "*", R) "]", LH_ACTION_READ, "crm.t", false},
    {"[" ALLOW("namespace", "*", R) "," DENY("dataset", "crm.t", R) "]", LH_ACTION_READ, "crm.t", false},
    {"[" ALLOW("namespace", "*", R) "," DENY("dataset", "crm.t", R) "]", LH_ACTION_READ, "crm.u", true},
    {"[" ALLOW("namespace", "*", R) "," DENY("dataset", "crm.t", W) "]", LH_ACTION_READ, "crm.t", true},
    {"[" ALLOW("namespace", "system", R) "," DENY("namespace", "*", R) "]", LH_ACTION_READ, "system.t", false},
    /* without regard to case */
    {"[" ALLOW("namespace", "*", R) "," DENY("dataset", "CRM.T", R) "]", LH_ACTION_READ, "crm.t", false},
    {"[" ALLOW("namespace", "*", R) "," DENY("dataset", "crm.t", R) "]", LH_ACTION_READ, "CRM.T", false},
    {"[" ALLOW("namespace", "*", R) "," DENY("namespace", "Crm", R) "]", LH_ACTION_READ, "crm.eu.t", false},
};

static void test_access__decisions_are_as_in_this_table(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    for (size_t i = 0; i < sizeof decision_cases / sizeof *decision_cases; i++) {
        char name[32], body[128];
        snprintf(name, sizeof name, "r%zu", i);
        snprintf(body, sizeof body, "{\"name\":\"p%zu\",\"kind\":\"agent\",\"roles\":[\"r%zu\"]}", i, i);
        CHECK(LH_OK == lake_role(&l, name, decision_cases[i].grants));
        CHECK(LH_OK == lake_principal(&l, body));
        name[0] = 'p';
        lh_resource resource = lake_resource(&l, decision_cases[i].resource);
        lh_decision decision = lh_access_decide(lake_policy(&l, name), decision_cases[i].action, &resource, l.arena);
        if (decision.allowed != decision_cases[i].allowed)
            fprintf(stderr, "case %zu: %s of %s\n", i, decision_cases[i].grants, decision_cases[i].resource);
        CHECK(decision.allowed == decision_cases[i].allowed);
        CHECK(decision.why.len > 0);
    }
}

/* A level may hold a dot: a grant that allows means the levels, one that denies means either. */
static void test_access__a_name_with_two_readings_is_allowed_by_one_and_denied_by_both(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    CHECK(LH_OK == lake_role(&l, "allows", "[" ALLOW("dataset", "a.b", R) "," ALLOW("namespace", "x.y", R) "]"));
    CHECK(LH_OK ==
          lake_role(&l, "all",
                    "[" ALLOW("namespace", "*", R) "," DENY("dataset", "a.b", R) "," DENY("namespace", "x.y", R) "]"));
    CHECK(LH_OK == lake_principal(&l, "{\"name\":\"one\",\"kind\":\"user\",\"roles\":[\"allows\"]}"));
    CHECK(LH_OK == lake_principal(&l, "{\"name\":\"both\",\"kind\":\"user\",\"roles\":[\"all\"]}"));
    const struct {
        lh_table_name table;
        bool one;
    } cases[] = {{{LH_STR("a"), LH_STR("b")}, true},
                 {{LH_STR("data"), LH_STR("a.b")}, false},
                 {{LH_STR("x\x1fy"), LH_STR("t")}, true},
                 {{LH_STR("x.y"), LH_STR("t")}, false},
                 {{LH_STR("x"), LH_STR("y.t")}, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_resource resource = lh_resource_dataset(cases[i].table, l.arena);
        CHECK(lh_access_decide(lake_policy(&l, "one"), LH_ACTION_READ, &resource, l.arena).allowed == cases[i].one);
        CHECK(!lh_access_decide(lake_policy(&l, "both"), LH_ACTION_READ, &resource, l.arena).allowed);
    }
}

/* ---- columns ---- */

static void lake_table(lake *l) {
    static const char table[] = "{\"name\":\"t\",\"schema\":{\"type\":\"struct\",\"fields\":["
                                "{\"id\":1,\"name\":\"id\",\"required\":false,\"type\":\"long\"},"
                                "{\"id\":2,\"name\":\"email\",\"required\":false,\"type\":\"string\"},"
                                "{\"id\":3,\"name\":\"ssn\",\"required\":false,\"type\":\"string\"}]}}";
    lh_error err = {0};
    lh_json *ignored = NULL;
    const lh_table_name name = {LH_STR("data"), LH_STR("t")};
    CHECK_OK(lh_table_create(l->catalog, LH_STR("data"), lake_json(l, table), l->arena, &ignored, &err));
    CHECK_OK(lh_dataset_patch(l->catalog, name,
                              lake_json(l, "{\"columns\":{\"ssn\":{\"sensitivity\":\"restricted\"},"
                                           "\"email\":{\"pii_kind\":\"email\"}}}"),
                              NULL, &err));
}

/* "id email=hash ssn=-": visible as it is, masked, hidden; then the row filters. */
static lh_str lake_sees(lake *l, const char *principal) {
    lh_error err = {0};
    lh_effective effective;
    const lh_table_name name = {LH_STR("data"), LH_STR("t")};
    lh_str text = LH_STR_NONE;
    CHECK_OK(
        lh_access_effective(l->catalog, lake_policy(l, principal), LH_ACTION_READ, name, l->arena, &effective, &err));
    for (size_t i = 0; i < effective.column_count; i++) {
        const lh_seen_column *c = &effective.columns[i];
        lh_str mask = c->mask ? lh_json_get_string(c->mask, "kind") : c->visible ? LH_STR_NONE : LH_STR("-");
        text = lh_arena_printf(l->arena, "%.*s%s%.*s%s%.*s", LH_STR_ARG(text), i ? " " : "", LH_STR_ARG(c->name),
                               mask.len ? "=" : "", LH_STR_ARG(mask));
    }
    for (size_t i = 0; i < effective.row_filter_count; i++)
        text = lh_arena_printf(l->arena, "%.*s [%.*s]", LH_STR_ARG(text), LH_STR_ARG(effective.row_filters[i]));
    return lh_arena_printf(l->arena, "%s%.*s", effective.whole ? "whole: " : "", LH_STR_ARG(text));
}

#define READ_T(more) "{\"effect\":\"allow\",\"on\":\"dataset\",\"name\":\"t\",\"actions\":[\"read\"]" more "}"
#define LIFT "\"sensitivity:restricted\":{\"kind\":\"none\"}"

static const struct {
    const char *grants, *seen;
} column_cases[] = {
    {"[]", "id=- email=- ssn=-"},
    /* restricted is null, unless it is lifted */
    {"[" READ_T("") "]", "id email ssn=null"},
    {"[" READ_T(",\"redactions\":{" LIFT "}") "]", "whole: id email ssn"},
    {"[" READ_T(",\"redactions\":{\"ssn\":{\"kind\":\"none\"}}") "]", "whole: id email ssn"},
    {"[" READ_T(",\"redactions\":{\"SSN\":{\"kind\":\"hash\"}}") "]", "id email ssn=hash"},
    {"[" READ_T(",\"redactions\":{\"sensitivity:restricted\":{\"kind\":\"hash\"}}") "]", "id email ssn=hash"},
    /* columns: only those, by their exact names */
    {"[" READ_T(",\"columns\":[\"id\",\"ssn\"]") "]", "id email=- ssn=null"},
    {"[" READ_T(",\"columns\":[\"ID\",\"email\"]") "]", "id=- email ssn=-"},
    {"[" READ_T(",\"columns\":[\"id\"],\"redactions\":{\"email\":{\"kind\":\"hash\"}}") "]", "id email=- ssn=-"},
    /* by kind, by sensitivity, by name */
    {"[" READ_T(",\"redactions\":{\"pii:email\":{\"kind\":\"hash\"}}") "]", "id email=hash ssn=null"},
    {"[" READ_T(",\"redactions\":{\"pii:*\":{\"kind\":\"token\"}}") "]", "id email=token ssn=null"},
    {"[" READ_T(",\"redactions\":{\"pii:phone\":{\"kind\":\"hash\"}}") "]", "id email ssn=null"},
    {"[" READ_T(",\"redactions\":{\"sensitivity:internal\":{\"kind\":\"null\"}}") "]", "id=null email=null ssn=null"},
    {"[" READ_T(
         ",\"redactions\":{\"pii:email\":{\"kind\":\"hash\"},\"sensitivity:internal\":{\"kind\":\"token\"}}") "]",
     "id=token email=null ssn=null"},
    {"[" READ_T(",\"redactions\":{\"pii:email\":{\"kind\":\"hash\"},\"email\":{\"kind\":\"year\"}}") "]",
     "id email=year ssn=null"},
    /* grants add up: columns, raw over masked, different masks to null */
    {"[" READ_T(",\"columns\":[\"id\"]") "," READ_T(",\"columns\":[\"email\"]") "]", "id email ssn=-"},
    {"[" READ_T(",\"redactions\":{\"email\":{\"kind\":\"hash\"}}") "," READ_T("") "]", "id email ssn=null"},
    {"[" READ_T(",\"redactions\":{\"email\":{\"kind\":\"hash\"}}") "," READ_T(
         ",\"redactions\":{\"email\":{\"kind\":\"token\"}}") "]",
     "id email=null ssn=null"},
    /* rows add up; a column of one filter's grant is not shown in the rows of another's */
    {"[" READ_T(",\"row_filter\":\"id > 1\"") "]", "id email ssn=null [id > 1]"},
    {"[" READ_T(",\"row_filter\":\"id > 1\"") "," READ_T(",\"row_filter\":\"id < 0\"") "]",
     "id email ssn=null [id > 1] [id < 0]"},
    {"[" READ_T(",\"row_filter\":\"id > 1\",\"columns\":[\"id\",\"email\"]") "," READ_T(
         ",\"row_filter\":\"id < 0\",\"columns\":[\"id\"]") "]",
     "id email=- ssn=- [id > 1] [id < 0]"},
    {"[" READ_T(",\"row_filter\":\"id > 1\",\"columns\":[\"email\"]") "," READ_T(
         ",\"row_filter\":\"id > 1\",\"columns\":[\"id\"]") "]",
     "id email ssn=- [id > 1]"},
    {"[" READ_T(",\"row_filter\":\"id > 1\"") "," READ_T(",\"columns\":[\"id\"]") "]", "id email=- ssn=-"},
    /* deny wins over columns, too, without regard to case */
    {"[" READ_T("") ",{\"effect\":\"deny\",\"on\":\"dataset\",\"name\":\"t\",\"actions\":[\"read\"],\"columns\":["
                    "\"EMAIL\"]}]",
     "id email=- ssn=null"},
    {"[" READ_T("") "," DENY("namespace", "data", R) "]", "id=- email=- ssn=-"},
};

static void test_access__columns_masks_and_filters_are_as_in_this_table(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    lake_table(&l);
    for (size_t i = 0; i < sizeof column_cases / sizeof *column_cases; i++) {
        char name[32], body[128];
        snprintf(name, sizeof name, "r%zu", i);
        snprintf(body, sizeof body, "{\"name\":\"p%zu\",\"kind\":\"user\",\"roles\":[\"r%zu\"]}", i, i);
        CHECK(LH_OK == lake_role(&l, name, column_cases[i].grants));
        CHECK(LH_OK == lake_principal(&l, body));
        name[0] = 'p';
        CHECK_STR(lake_sees(&l, name), lh_str_from(column_cases[i].seen));
    }
}

static void test_access__built_in_roles_see_what_they_say(void) {
    static const struct {
        const char *role, *seen;
    } cases[] = {{"admin", "whole: id email ssn"},
                 {"recruiter", "id email ssn=null"},
                 {"analyst", "id email=hash ssn=null"},
                 {"agent", "id=- email=- ssn=-"}};
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    lake_table(&l);
    for (size_t i = 0; i < 4; i++) {
        char body[128], name[32];
        snprintf(name, sizeof name, "p-%s", cases[i].role);
        snprintf(body, sizeof body, "{\"name\":\"%s\",\"kind\":\"user\",\"roles\":[\"%s\"]}", name, cases[i].role);
        CHECK(LH_OK == lake_principal(&l, body));
        CHECK_STR(lake_sees(&l, name), lh_str_from(cases[i].seen));
        CHECK(lake_role(&l, cases[i].role, "[]") == LH_DENIED);
        CHECK(lh_access_role_delete(l.catalog, lh_str_from(cases[i].role), 0, l.arena, NULL) == LH_DENIED);
    }
}

static void test_access__what_is_not_understood_is_refused(void) {
    static const char *const bad[] = {
        "{}",
        "7",
        "[7]",
        "[{}]",
        "[" ALLOW("table", "t", R) "]",
        "[" ALLOW("dataset", "", R) "]",
        "[" ALLOW("dataset", "t", "") "]",
        "[" ALLOW("dataset", "t", "\"drop\"") "]",
        "[" ALLOW("dataset", "t", R "," R) "]",
        "[" READ_T(",\"filter\":\"x\"") "]",
        "[" READ_T(",\"actions\":[\"write\"]") "]",
        "[" READ_T(",\"row_filter\":\"\"") "]",
        "[" READ_T(",\"row_filter\":7") "]",
        "[" READ_T(",\"row_filter\":\"id >\"") "]",
        "[" READ_T(",\"row_filter\":\"id > (SELECT 1)\"") "]",
        "[" READ_T(",\"row_filter\":\"id + 1 > 1\"") "]",
        "[" READ_T(",\"row_filter\":\"true FROM t\"") "]",
        "[" READ_T(",\"columns\":[]") "]",
        "[" READ_T(",\"columns\":\"id\"") "]",
        "[" READ_T(",\"columns\":[7]") "]",
        "[" READ_T(",\"redactions\":[]") "]",
        "[" READ_T(",\"redactions\":{\"id\":{}}") "]",
        "[" READ_T(",\"redactions\":{\"id\":{\"kind\":\"rot13\"}}") "]",
        "[" READ_T(",\"redactions\":{\"id\":{\"kind\":\"null\",\"n\":1}}") "]",
        "[" READ_T(",\"redactions\":{\"id\":{\"kind\":\"bucket\"}}") "]",
        "[" READ_T(",\"redactions\":{\"id\":{\"kind\":\"bucket\",\"n\":0}}") "]",
        "[" READ_T(",\"redactions\":{\"id\":{\"kind\":\"mask\",\"keep_prefix\":-1}}") "]",
        "[" READ_T(",\"redactions\":{\"id\":{\"kind\":\"mask\",\"keep_suffix\":1001}}") "]",
        "[" READ_T(",\"redactions\":{\"sensitivity:secret\":{\"kind\":\"null\"}}") "]",
        "[" READ_T(",\"redactions\":{\"id\":{\"kind\":\"null\"},\"id\":{\"kind\":\"none\"}}") "]",
        "[{\"effect\":\"deny\",\"on\":\"dataset\",\"name\":\"t\",\"actions\":[\"read\"],\"row_filter\":\"x\"}]",
        "[{\"effect\":\"allow\",\"on\":\"bucket\",\"name\":\"t\",\"actions\":[\"read\"],\"columns\":[\"x\"]}]"};
    static const char *const names[] = {
        "", "a/b", ".a", "a b", "ä", "a2345678901234567890123456789012345678901234567890123456789012345"};
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (lake_role(&l, "r", bad[i]) != LH_INVALID) fprintf(stderr, "taken: %s\n", bad[i]);
        CHECK(lake_role(&l, "r", bad[i]) == LH_INVALID);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) CHECK(lake_role(&l, names[i], "[]") == LH_INVALID);
    lh_str long_filter = lh_arena_printf(l.arena, "[" READ_T(",\"row_filter\":\"%4096d\"") "]", 1);
    lh_str longer = lh_arena_printf(l.arena, "[" READ_T(",\"row_filter\":\"%4097d\"") "]", 1);
    CHECK(LH_OK == lake_role(&l, "cap", lh_arena_cstr(l.arena, long_filter)));
    CHECK(lake_role(&l, "over", lh_arena_cstr(l.arena, longer)) == LH_INVALID);
}

static void test_access__a_role_that_a_principal_has_stays(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    CHECK(LH_OK == lake_role(&l, "r", "[]"));
    CHECK(lake_principal(&l, "{\"name\":\"p\",\"kind\":\"user\",\"roles\":[\"r\",\"gone\"]}") == LH_INVALID);
    CHECK(lake_principal(&l, "{\"name\":\"p\",\"kind\":\"user\",\"roles\":[\"r\",\"r\"]}") == LH_INVALID);
    CHECK(lake_principal(&l, "{\"name\":\"admin\",\"kind\":\"user\",\"roles\":[]}") == LH_INVALID);
    CHECK(LH_OK == lake_principal(&l, "{\"name\":\"p\",\"kind\":\"user\",\"roles\":[\"r\",\"agent\"]}"));
    CHECK(lake_principal(&l, "{\"name\":\"p\",\"kind\":\"user\",\"roles\":[]}") == LH_CONFLICT);
    CHECK(lh_access_role_delete(l.catalog, LH_STR("r"), LH_VERSION_ANY, l.arena, NULL) == LH_CONFLICT);
    CHECK(LH_OK == lh_access_principal_delete(l.catalog, LH_STR("p"), LH_VERSION_ANY, l.arena, NULL));
    CHECK(LH_OK == lh_access_role_delete(l.catalog, LH_STR("r"), LH_VERSION_ANY, l.arena, NULL));
}

static lh_identity lake_key(lake *l, const char *principal, const char *scope, lh_str *ret_key) {
    lh_json *made = NULL;
    lh_error err = {0};
    CHECK_OK(lh_access_key_create_for(l->catalog, lh_str_from(principal), lh_str_from(scope), LH_STR_NONE, l->arena,
                                      &made, &err));
    *ret_key = lh_json_get_string(made, "key");
    return lh_access_identify(l->access, *ret_key, (lh_address){0}, l->arena);
}

static void test_access__a_key_is_its_principal_and_no_more(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_str key, other;
    lh_json *ignored = NULL;
    lake_open(&l);
    CHECK(LH_OK == lake_principal(&l, "{\"name\":\"boss\",\"kind\":\"user\",\"roles\":[\"admin\"]}"));
    CHECK(LH_OK == lake_principal(&l, "{\"name\":\"bot\",\"kind\":\"agent\",\"roles\":[\"agent\"]}"));
    lh_identity boss = lake_key(&l, "boss", "admin", &key);
    CHECK(boss.known && boss.governed && boss.permission == LH_PERMIT_ADMIN);
    CHECK_STR(boss.principal, LH_STR("boss"));
    CHECK(lake_key(&l, "boss", "read", &other).permission == LH_PERMIT_READ);
    lh_str text, document = lh_arena_printf(l.arena, "key/%.*s", LH_STR_ARG(lh_str_sub(key, 3, 12)));
    CHECK_OK(lh_metastore_get(lh_catalog_metastore(l.catalog), document, l.arena, &text, NULL, &err));
    CHECK(lh_str_search(text, LH_STR("\"permission\":\"roles\"")) != SIZE_MAX); /* a version before takes it for none */
    lh_identity bot = lake_key(&l, "bot", "admin", &other);
    CHECK(bot.known && bot.permission == LH_PERMIT_PUBLIC);
    CHECK(lh_access_key_create_for(l.catalog, LH_STR("nobody"), LH_STR("read"), LH_STR_NONE, l.arena, &ignored, NULL) ==
          LH_NOT_FOUND);
    CHECK(lh_access_key_create_for(l.catalog, LH_STR("bot"), LH_STR("all"), LH_STR_NONE, l.arena, &ignored, NULL) ==
          LH_INVALID);
    CHECK(LH_OK == lh_access_principal_delete(l.catalog, LH_STR("boss"), LH_VERSION_ANY, l.arena, NULL));
    CHECK(LH_OK == lake_principal(&l, "{\"name\":\"boss\",\"kind\":\"user\",\"roles\":[\"admin\"]}"));
    CHECK(!lh_access_identify(l.access, key, (lh_address){0}, l.arena).known); /* the new one of that name is another */
}

static lh_code lake_put(lake *l, const char *name, const char *body, uint64_t expected) {
    return lh_access_principal_put(l->catalog, lh_str_from(name), lake_json(l, body), expected, l->arena, NULL);
}

static uint64_t lake_version(lake *l, const char *name) {
    lh_json *ignored = NULL;
    lh_error err = {0};
    uint64_t version = 0;
    CHECK_OK(lh_access_principal_get(l->catalog, lh_str_from(name), l->arena, &ignored, &version, &err));
    return version;
}

static void test_access__a_principal_gets_other_roles_and_keeps_its_keys(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_str key;
    lh_error err = {0};
    lake_open(&l);
    CHECK(LH_OK == lake_role(&l, "kept", "[]"));
    CHECK(LH_OK == lake_role(&l, "given", "[]"));
    CHECK(LH_OK == lake_principal(&l, "{\"name\":\"ann\",\"kind\":\"user\",\"roles\":[\"admin\",\"kept\"]}"));
    CHECK(lake_key(&l, "ann", "admin", &key).permission == LH_PERMIT_ADMIN);
    uint64_t version = lake_version(&l, "ann");
    CHECK(lake_put(&l, "ann", "{\"kind\":\"agent\",\"roles\":[\"kept\",\"given\"]}", version) == LH_OK);
    lh_identity ann = lh_access_identify(l.access, key, (lh_address){0}, l.arena);
    CHECK(ann.known && ann.permission == LH_PERMIT_PUBLIC);
    lh_json *now = NULL;
    uint64_t after;
    CHECK_OK(lh_access_principal_get(l.catalog, LH_STR("ann"), l.arena, &now, &after, &err));
    CHECK(after != version);
    CHECK_STR(lh_json_get_string(now, "kind"), LH_STR("agent"));
    CHECK(lh_access_role_delete(l.catalog, LH_STR("given"), LH_VERSION_ANY, l.arena, NULL) == LH_CONFLICT);
    CHECK(lh_access_role_delete(l.catalog, LH_STR("kept"), LH_VERSION_ANY, l.arena, NULL) == LH_CONFLICT);
    CHECK(lake_put(&l, "ann", "{\"name\":\"ann\",\"kind\":\"user\",\"roles\":[\"admin\"]}", after) == LH_OK);
    CHECK(lh_access_role_delete(l.catalog, LH_STR("given"), LH_VERSION_ANY, l.arena, NULL) == LH_OK);
    CHECK(lh_access_identify(l.access, key, (lh_address){0}, l.arena).permission == LH_PERMIT_ADMIN);
}

static void test_access__a_principal_is_changed_as_a_whole_or_not(void) {
    LH_CLEANUP(lake_done) lake l;
    lake_open(&l);
    CHECK(LH_OK == lake_role(&l, "r", "[]"));
    CHECK(LH_OK == lake_principal(&l, "{\"name\":\"ann\",\"kind\":\"user\",\"roles\":[\"r\"]}"));
    uint64_t version = lake_version(&l, "ann");
    const char *const bad[] = {"{\"roles\":[]}",
                               "{\"kind\":\"user\"}",
                               "{\"kind\":\"boss\",\"roles\":[]}",
                               "{\"kind\":\"user\",\"roles\":[\"nope\"]}",
                               "{\"kind\":\"user\",\"roles\":[\"r\",\"r\"]}",
                               "{\"kind\":\"user\",\"roles\":[\"agent\",\"agent\"]}",
                               "{\"kind\":\"user\",\"roles\":[7]}",
                               "{\"kind\":\"user\",\"roles\":[],\"more\":1}",
                               "{\"name\":\"bob\",\"kind\":\"user\",\"roles\":[]}",
                               "{\"name\":null,\"kind\":\"user\",\"roles\":[]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(lake_put(&l, "ann", bad[i], version) == LH_INVALID);
    CHECK(lake_version(&l, "ann") == version);
    CHECK(lake_put(&l, "nobody", "{\"kind\":\"user\",\"roles\":[]}", LH_VERSION_ANY) == LH_NOT_FOUND);
    CHECK(lake_put(&l, "ann", "{\"kind\":\"user\",\"roles\":[]}", version + 1) == LH_CONFLICT);
    CHECK(lh_access_role_delete(l.catalog, LH_STR("r"), LH_VERSION_ANY, l.arena, NULL) == LH_CONFLICT); /* still hers */
    CHECK(lh_access_principal_delete(l.catalog, LH_STR("ann"), version + 1, l.arena, NULL) == LH_CONFLICT);
    CHECK(lh_access_principal_delete(l.catalog, LH_STR("ann"), version, l.arena, NULL) == LH_OK);
}

/* Only what is whole reaches over the lake: one thing less and a role reaches nothing. */
static void test_access__one_restriction_and_a_principal_reaches_no_whole_lake(void) {
    static const char whole[] =
        "{\"effect\":\"allow\",\"on\":\"namespace\",\"name\":\"*\",\"actions\":[\"read\"],\"redactions\":{" LIFT "}},"
        "{\"effect\":\"allow\",\"on\":\"namespace\",\"name\":\"system\",\"actions\":[\"read\"],\"redactions\":{" LIFT
        "}}," ALLOW("bucket", "*", R) "," ALLOW("tool", "*", R) "," ALLOW("index", "*", R);
    static const struct {
        const char *more;
        lh_permission reach;
    } cases[] = {{"," ALLOW("system", "*", R), LH_PERMIT_READ},
                 {"", LH_PERMIT_PUBLIC},
                 {"," ALLOW("system", "metrics", R), LH_PERMIT_PUBLIC},
                 {"," ALLOW("system", "*", R) "," DENY("dataset", "t", W), LH_PERMIT_PUBLIC}};
    LH_CLEANUP(lake_done) lake l;
    lh_str key;
    lake_open(&l);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[32], body[128];
        snprintf(name, sizeof name, "r%zu", i);
        snprintf(body, sizeof body, "{\"name\":\"p%zu\",\"kind\":\"service\",\"roles\":[\"r%zu\"]}", i, i);
        CHECK(LH_OK ==
              lake_role(&l, name, lh_arena_cstr(l.arena, lh_arena_printf(l.arena, "[%s%s]", whole, cases[i].more))));
        CHECK(LH_OK == lake_principal(&l, body));
        name[0] = 'p';
        CHECK(lake_key(&l, name, "admin", &key).permission == cases[i].reach);
    }
}

LH_TEST_MAIN(LH_TEST(test_access__decisions_are_as_in_this_table),
             LH_TEST(test_access__a_name_with_two_readings_is_allowed_by_one_and_denied_by_both),
             LH_TEST(test_access__columns_masks_and_filters_are_as_in_this_table),
             LH_TEST(test_access__built_in_roles_see_what_they_say),
             LH_TEST(test_access__what_is_not_understood_is_refused),
             LH_TEST(test_access__a_role_that_a_principal_has_stays),
             LH_TEST(test_access__a_key_is_its_principal_and_no_more),
             LH_TEST(test_access__a_principal_gets_other_roles_and_keeps_its_keys),
             LH_TEST(test_access__a_principal_is_changed_as_a_whole_or_not),
             LH_TEST(test_access__one_restriction_and_a_principal_reaches_no_whole_lake))
