/* Rules from outside: a caller's, or a model's answer. Read by a table of members for each op; whatever is not in it, of
 * another type, or does not fit the table's columns is refused, with the rule's number. "sql", which rules of a diff
 * show, is taken only when it is the very text that the rule makes here: no SQL from outside is ever run. */
#include "ingest/evolve_internal.h"

enum { CHECK_SEPARATOR_BYTES = 8, CHECK_SHOWN = 60 };

typedef struct check {
    const evolve_side *table;
    lh_arena *arena;
    lh_error *err;
    size_t number;     /* of the rule, from 1 */
    const char *taken; /* by a rule: one byte a column */
} check;

/* Members of each op, beside "op", "confidence" and "reasons"; a leading '!' is one that must be there. */
static const struct {
    const char *name;
    const char *members[7];
} check_ops[EVOLVE_OP_COUNT] = {
    [EVOLVE_RENAME] = {"rename", {"!column", "!to"}},
    [EVOLVE_CAST] = {"cast", {"!column", "!type", "using", "format", "on_error", "to", "sql"}},
    [EVOLVE_ADD] = {"add", {"!column", "!type", "default"}},
    [EVOLVE_DROP] = {"drop", {"!column"}},
    [EVOLVE_SPLIT] = {"split", {"!column", "!into", "!separator", "keep"}},
    [EVOLVE_MERGE] = {"merge", {"!columns", "!to", "!separator", "keep"}},
};

#define CHECK_FAIL(c, ...) check_fail((c), lh_arena_printf((c)->arena, __VA_ARGS__))
static lh_code check_fail(const check *c, lh_str why) {
    LH_TRY(lh_arena_check(c->arena, c->err)); /* what looks wrong may only be cut off */
    return lh_fail(c->err, LH_INVALID, "rule %zu: %.*s", c->number, LH_STR_ARG(lh_str_cut_utf8(why, 700)));
}

static bool check_knows(evolve_op op, lh_str member) {
    static const char *const every[] = {"op", "confidence", "reasons"};
    for (size_t i = 0; i < 3; i++)
        if (lh_str_eq(member, lh_str_from(every[i]))) return true;
    for (size_t i = 0; i < 7 && check_ops[op].members[i]; i++) {
        const char *name = check_ops[op].members[i];
        if (lh_str_eq(member, lh_str_from(name[0] == '!' ? name + 1 : name))) return true;
    }
    return false;
}

static lh_code check_members(const check *c, const lh_json *rule, evolve_op op) {
    size_t place = 0;
    for (lh_json_iter it = lh_json_each(rule); lh_json_next(&it); place++) {
        if (!check_knows(op, it.name))
            return CHECK_FAIL(c, "unknown member '%.*s' of op '%s'", LH_STR_ARG(lh_str_sub(it.name, 0, CHECK_SHOWN)),
                              check_ops[op].name);
        size_t other = 0;
        for (lh_json_iter twin = lh_json_each(rule); lh_json_next(&twin) && other < place; other++)
            if (lh_str_eq(twin.name, it.name))
                return CHECK_FAIL(c, "member '%.*s' stands twice", LH_STR_ARG(lh_str_sub(it.name, 0, CHECK_SHOWN)));
    }
    for (size_t i = 0; i < 7 && check_ops[op].members[i]; i++) {
        const char *name = check_ops[op].members[i];
        if (name[0] == '!' && lh_json_is_null(lh_json_get(rule, name + 1)))
            return CHECK_FAIL(c, "op '%s' needs '%s'", check_ops[op].name, name + 1);
    }
    return LH_OK;
}

/* A column of the table that no rule before took. */
static lh_code check_take(check *c, char *taken, const lh_json *name, evolve_rule *rule) {
    if (!lh_json_is_string(name)) return CHECK_FAIL(c, "a column must be a string");
    lh_str text = lh_json_str(name, LH_STR_NONE);
    const evolve_column *column = evolve_side_find(c->table, text);
    if (!column || !lh_str_eq(column->name, text))
        return CHECK_FAIL(c, "column '%.*s' does not exist", LH_STR_ARG(lh_str_sub(text, 0, CHECK_SHOWN)));
    char *mark = taken + (column - c->table->columns);
    if (*mark) return CHECK_FAIL(c, "column '%.*s' has a rule already", LH_STR_ARG(lh_str_sub(text, 0, CHECK_SHOWN)));
    *mark = 1;
    rule->from[rule->from_count++] = column;
    return LH_OK;
}

static lh_code check_name(const check *c, const lh_json *name, evolve_rule *rule) {
    lh_str text = lh_json_str(name, LH_STR_NONE);
    if (!lh_json_is_string(name) || text.len == 0 || text.len > LH_LIMIT_NAME_BYTES)
        return CHECK_FAIL(c, "a new name must be a string of 1 to %d bytes", LH_LIMIT_NAME_BYTES);
    if (!lh_str_eq(ingest_name_clean(text, 0, c->arena), text))
        return CHECK_FAIL(c, "the new name has control characters, or white space at its ends");
    rule->to[rule->to_count++] = text;
    return LH_OK;
}

static lh_code check_type(const check *c, const lh_json *json, ingest_type **ret) {
    lh_error why = {0};
    lh_str text = lh_json_str(json, LH_STR_NONE);
    if (!lh_json_is_string(json) || text.len > 4096) return CHECK_FAIL(c, "'type' must be a string");
    if (ingest_type_parse(text, c->arena, ret, &why) != LH_OK) return CHECK_FAIL(c, "%s", why.message);
    const ingest_type *stored = ingest_type_storable(*ret, c->arena);
    if (!stored) return lh_arena_check(c->arena, c->err);
    if ((*ret)->kind == INGEST_NULL || (*ret)->kind == INGEST_OTHER || !ingest_type_equal(*ret, stored))
        return CHECK_FAIL(c, "a table cannot hold the type '%.*s'", LH_STR_ARG(lh_str_sub(text, 0, CHECK_SHOWN)));
    return LH_OK;
}

static lh_code check_bool(const check *c, const lh_json *rule, const char *name, bool *ret) {
    const lh_json *value = lh_json_get(rule, name);
    if (!lh_json_is_null(value) && lh_json_type_of(value) != LH_JSON_BOOL)
        return CHECK_FAIL(c, "'%s' must be true or false", name);
    *ret = lh_json_bool(value, false);
    return LH_OK;
}

/* "sql" may say again what the rule is. */
static lh_code check_sql(const check *c, const lh_json *given, const evolve_rule *rule) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    if (!given) return LH_OK;
    for (int null = 0; null < 2; null++) {
        lh_buf_clear(&sql);
        evolve_cast_sql(&rule->cast, rule->from[0]->name, null != 0, &sql);
        if (lh_json_is_string(given) && lh_str_eq(lh_json_str(given, LH_STR_NONE), lh_buf_str(&sql))) return LH_OK;
    }
    return CHECK_FAIL(c, "'sql' is not free: leave it out, or give '%.*s'", LH_STR_ARG(lh_buf_str(&sql)));
}

static lh_code check_cast(check *c, const lh_json *json, evolve_rule *rule) {
    const lh_json *using = lh_json_get(json, "using"), *format = lh_json_get(json, "format"),
                  *on_error = lh_json_get(json, "on_error");
    lh_error why = {0};
    lh_str form = lh_json_str(using, using ? LH_STR_NONE : LH_STR("cast")),
           error = lh_json_str(on_error, LH_STR("fail"));
    LH_TRY(check_type(c, lh_json_get(json, "type"), &rule->type));
    rule->cast = (evolve_cast){.form = EVOLVE_FORM_COUNT, .from = rule->from[0]->type, .type = rule->type};
    for (int i = 0; i < EVOLVE_FORM_COUNT; i++)
        if (lh_str_eq(form, lh_str_from(evolve_form_name((evolve_form)i)))) rule->cast.form = (evolve_form)i;
    if (rule->cast.form == EVOLVE_FORM_COUNT)
        return CHECK_FAIL(c, "'using' must be cast, trim, number, number_comma, date, boolean, epoch_s or epoch_ms");
    if (format && !lh_json_is_string(format)) return CHECK_FAIL(c, "'format' must be a string");
    rule->cast.format = lh_json_str(format, LH_STR_NONE);
    if ((on_error && !lh_json_is_string(on_error)) ||
        (!lh_str_eq(error, LH_STR("fail")) && !lh_str_eq(error, LH_STR("null"))))
        return CHECK_FAIL(c, "'on_error' must be fail or null");
    rule->null_on_error = lh_str_eq(error, LH_STR("null"));
    if (rule->cast.form == EVOLVE_FORM_CAST && ingest_type_equal(rule->cast.from, rule->type))
        return CHECK_FAIL(c, "column '%.*s' has that type already",
                          LH_STR_ARG(lh_str_sub(rule->from[0]->name, 0, CHECK_SHOWN)));
    if (evolve_cast_check(&rule->cast, &why) != LH_OK) return CHECK_FAIL(c, "%s", why.message);
    if (lh_json_get(json, "to")) LH_TRY(check_name(c, lh_json_get(json, "to"), rule));
    else rule->to[rule->to_count++] = rule->from[0]->name;
    return check_sql(c, lh_json_get(json, "sql"), rule);
}

static lh_code check_add(check *c, const lh_json *json, evolve_rule *rule) {
    LH_TRY(check_name(c, lh_json_get(json, "column"), rule));
    LH_TRY(check_type(c, lh_json_get(json, "type"), &rule->type));
    const lh_json *fallback = lh_json_get(json, "default");
    if (lh_json_is_null(fallback)) return LH_OK;
    if (lh_json_is_array(fallback) || lh_json_is_object(fallback) || rule->type->count)
        return CHECK_FAIL(c, "'default' must be a string, a number, true or false, of a type that is not nested");
    rule->fallback = fallback;
    return LH_OK;
}

static lh_code check_separator(check *c, const lh_json *json, evolve_rule *rule) {
    const lh_json *separator = lh_json_get(json, "separator");
    rule->separator = lh_json_str(separator, LH_STR_NONE);
    size_t least = rule->op == EVOLVE_SPLIT ? 1 : 0;
    if (!lh_json_is_string(separator) || rule->separator.len < least || rule->separator.len > CHECK_SEPARATOR_BYTES ||
        memchr(rule->separator.ptr ? rule->separator.ptr : "", '\0', rule->separator.len))
        return CHECK_FAIL(c, "'separator' must be a string of %zu to %d bytes", least, CHECK_SEPARATOR_BYTES);
    return check_bool(c, json, "keep", &rule->keep);
}

static lh_code check_split(check *c, const lh_json *json, evolve_rule *rule) {
    const lh_json *into = lh_json_get(json, "into");
    if (!lh_json_is_array(into) || lh_json_size(into) < 2 || lh_json_size(into) > EVOLVE_PARTS_MAX)
        return CHECK_FAIL(c, "'into' must be an array of 2 to %d names", EVOLVE_PARTS_MAX);
    if (rule->from[0]->type->kind != INGEST_VARCHAR) return CHECK_FAIL(c, "only a text column can be split");
    for (lh_json_iter it = lh_json_each(into); lh_json_next(&it);) LH_TRY(check_name(c, it.value, rule));
    return check_separator(c, json, rule);
}

static lh_code check_merge(check *c, char *taken, const lh_json *json, evolve_rule *rule) {
    const lh_json *columns = lh_json_get(json, "columns");
    if (!lh_json_is_array(columns) || lh_json_size(columns) < 2 || lh_json_size(columns) > EVOLVE_PARTS_MAX)
        return CHECK_FAIL(c, "'columns' must be an array of 2 to %d names", EVOLVE_PARTS_MAX);
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        LH_TRY(check_take(c, taken, it.value, rule));
        if (rule->from[rule->from_count - 1]->type->count) return CHECK_FAIL(c, "a nested column cannot be merged");
    }
    LH_TRY(check_name(c, lh_json_get(json, "to"), rule));
    return check_separator(c, json, rule);
}

static lh_code check_rule(check *c, char *taken, const lh_json *json, evolve_rule *rule) {
    lh_str op = lh_json_get_string(json, "op");
    const lh_json *confidence = lh_json_get(json, "confidence"), *reasons = lh_json_get(json, "reasons");
    int found = -1;
    if (!lh_json_is_object(json)) return CHECK_FAIL(c, "must be an object");
    for (int i = 0; i < EVOLVE_OP_COUNT; i++)
        if (lh_str_eq(op, lh_str_from(check_ops[i].name))) found = i;
    if (found < 0) return CHECK_FAIL(c, "'op' must be rename, cast, add, drop, split or merge");
    rule->op = (evolve_op)found;
    rule->json = json;
    LH_TRY(check_members(c, json, rule->op));
    rule->confidence = confidence ? lh_json_real(confidence, -1) : 1;
    if (!(rule->confidence >= 0 && rule->confidence <= 1))
        return CHECK_FAIL(c, "'confidence' must be a number from 0 to 1");
    if (reasons && !lh_json_is_array(reasons) && !lh_json_is_string(reasons))
        return CHECK_FAIL(c, "'reasons' must be a string, or an array of them");
    if (rule->op == EVOLVE_MERGE) return check_merge(c, taken, json, rule);
    if (rule->op == EVOLVE_ADD) return check_add(c, json, rule);
    LH_TRY(check_take(c, taken, lh_json_get(json, "column"), rule));
    if (rule->op == EVOLVE_CAST) return check_cast(c, json, rule);
    if (rule->op == EVOLVE_SPLIT) return check_split(c, json, rule);
    return rule->op == EVOLVE_RENAME ? check_name(c, lh_json_get(json, "to"), rule) : LH_OK;
}

/* ---- the names that are there afterwards ---- */

typedef struct check_left {
    lh_str name;
    size_t rule; /* 0: of a column without one */
} check_left;

static int check_compare_left(const void *a, const void *b) {
    const check_left *x = a, *y = b;
    size_t least = x->name.len < y->name.len ? x->name.len : y->name.len;
    for (size_t i = 0; i < least; i++) {
        unsigned char m = (unsigned char)x->name.ptr[i], n = (unsigned char)y->name.ptr[i];
        if (m >= 'A' && m <= 'Z') m = (unsigned char)(m + 32);
        if (n >= 'A' && n <= 'Z') n = (unsigned char)(n + 32);
        if (m != n) return m < n ? -1 : 1;
    }
    if (x->name.len != y->name.len) return x->name.len < y->name.len ? -1 : 1;
    return (x->rule > y->rule) - (x->rule < y->rule);
}

static bool check_keeps(const evolve_rule *rule) {
    return rule->keep && (rule->op == EVOLVE_SPLIT || rule->op == EVOLVE_MERGE);
}

static lh_code check_names(check *c, const char *taken, const evolve_rules *rules) {
    size_t room = c->table->count + rules->count * 2 * EVOLVE_PARTS_MAX, count = 0;
    check_left *left = LH_ARENA_ARRAY(c->arena, check_left, room + 1);
    if (!left) return lh_arena_check(c->arena, c->err);
    for (size_t i = 0; i < c->table->count; i++)
        if (!taken[i]) left[count++] = (check_left){c->table->columns[i].name, 0};
    for (size_t i = 0; i < rules->count; i++) {
        const evolve_rule *rule = &rules->items[i];
        for (size_t j = 0; j < rule->to_count; j++) left[count++] = (check_left){rule->to[j], i + 1};
        for (size_t j = 0; check_keeps(rule) && j < rule->from_count; j++)
            left[count++] = (check_left){rule->from[j]->name, i + 1};
    }
    if (count == 0) return lh_fail(c->err, LH_INVALID, "the rules leave no column");
    qsort(left, count, sizeof *left, check_compare_left);
    for (size_t i = 1; i < count; i++) {
        if (!lh_str_eq_nocase(left[i - 1].name, left[i].name)) continue;
        c->number = left[i].rule;
        return CHECK_FAIL(c, "two columns would be called '%.*s'",
                          LH_STR_ARG(lh_str_sub(left[i].name, 0, CHECK_SHOWN)));
    }
    return LH_OK;
}

lh_code evolve_rules_check(const lh_json *json, const evolve_side *table, lh_arena *arena, evolve_rules *ret,
                           lh_error *err) {
    if (lh_json_is_object(json)) {
        for (lh_json_iter it = lh_json_each(json); lh_json_next(&it);)
            if (!lh_str_eq(it.name, LH_STR("rules")))
                return lh_fail(err, LH_INVALID, "unknown member '%.*s' of the answer; known: rules",
                               LH_STR_ARG(lh_str_sub(it.name, 0, CHECK_SHOWN)));
        if (lh_json_size(json) > 1) return lh_fail(err, LH_INVALID, "member 'rules' of the answer stands twice");
        json = lh_json_get(json, "rules");
    }
    if (!lh_json_is_array(json)) return lh_fail(err, LH_INVALID, "'rules' must be an array");
    if (lh_json_size(json) > EVOLVE_RULES_MAX)
        return lh_fail(err, LH_LIMIT, "there are more than %d rules", EVOLVE_RULES_MAX);
    evolve_rules rules = {.items = LH_ARENA_ARRAY(arena, evolve_rule, lh_json_size(json) + 1)};
    char *taken = lh_arena_calloc(arena, table->count + 1, 1);
    if (!rules.items || !taken) return lh_arena_check(arena, err);
    check c = {.table = table, .arena = arena, .err = err};
    for (lh_json_iter it = lh_json_each(json); lh_json_next(&it);) {
        c.number = it.index + 1;
        LH_TRY(check_rule(&c, taken, it.value, &rules.items[rules.count]));
        rules.count++;
    }
    LH_TRY(check_names(&c, taken, &rules));
    LH_TRY(lh_arena_check(arena, err));
    *ret = rules;
    return LH_OK;
}

/* Written out rather than made: it is read by people and models, and small. */
lh_json *evolve_rules_schema(lh_arena *arena) {
    static const char text[] =
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"rules\"],\"properties\":{\"rules\":{"
        "\"type\":\"array\",\"items\":{\"oneOf\":["
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"op\",\"column\",\"to\"],\"properties\":{"
        "\"op\":{\"const\":\"rename\"},\"column\":{\"type\":\"string\"},\"to\":{\"type\":\"string\"},"
        "\"confidence\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},\"reasons\":{\"type\":\"string\"}}},"
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"op\",\"column\",\"type\"],\"properties\":{"
        "\"op\":{\"const\":\"cast\"},\"column\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"},"
        "\"using\":{\"enum\":[\"cast\",\"trim\",\"number\",\"number_comma\",\"date\",\"boolean\",\"epoch_s\","
        "\"epoch_ms\"]},\"format\":{\"type\":\"string\"},\"on_error\":{\"enum\":[\"fail\",\"null\"]},"
        "\"to\":{\"type\":\"string\"},\"confidence\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},"
        "\"reasons\":{\"type\":\"string\"}}},"
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"op\",\"column\",\"type\"],\"properties\":{"
        "\"op\":{\"const\":\"add\"},\"column\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"},"
        "\"default\":{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]},"
        "\"confidence\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},\"reasons\":{\"type\":\"string\"}}},"
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"op\",\"column\"],\"properties\":{"
        "\"op\":{\"const\":\"drop\"},\"column\":{\"type\":\"string\"},"
        "\"confidence\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},\"reasons\":{\"type\":\"string\"}}},"
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"op\",\"column\",\"into\",\"separator\"],"
        "\"properties\":{\"op\":{\"const\":\"split\"},\"column\":{\"type\":\"string\"},\"into\":{\"type\":\"array\","
        "\"minItems\":2,\"maxItems\":4,\"items\":{\"type\":\"string\"}},\"separator\":{\"type\":\"string\"},"
        "\"keep\":{\"type\":\"boolean\"},\"confidence\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},"
        "\"reasons\":{\"type\":\"string\"}}},"
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"op\",\"columns\",\"to\",\"separator\"],"
        "\"properties\":{\"op\":{\"const\":\"merge\"},\"columns\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":4,"
        "\"items\":{\"type\":\"string\"}},\"to\":{\"type\":\"string\"},\"separator\":{\"type\":\"string\"},"
        "\"keep\":{\"type\":\"boolean\"},\"confidence\":{\"type\":\"number\",\"minimum\":0,\"maximum\":1},"
        "\"reasons\":{\"type\":\"string\"}}}]}}}}";
    lh_json *schema = NULL;
    return lh_json_parse(arena, lh_str_from(text), &schema, NULL) == LH_OK ? schema : NULL;
}
