/* A table that refers to itself, taken twice: "how many report to each foreman", "paid more than their manager". The second one is a table of its
 * own, called by what its rows are to the first; words of a question never name it otherwise. */
#include "ask/plan_internal.h"

/* The key by which rows of a table refer to others of it, of which the word is said. */
static const ask_key *role_key(const plan_state *p, size_t at) {
    const ask_key *found = NULL;
    for (size_t k = 0; k < p->schema->key_count && at < p->count; k++) {
        const ask_key *key = &p->schema->keys[k];
        bool self = key->from.table == key->to.table && p->tokens[at].kind == ASK_WORD &&
                    !lh_str_ends(plan_column(p, key->from)->name, LH_STR("_by"));
        if (!self || !lexicon_column_named(p->lex, key->from, &p->tokens[at])) continue;
        if (found) return NULL;
        found = key;
    }
    plan_choice rows = found ? plan_best_table(p, at) : (plan_choice){0};
    return rows.there && rows.match.score >= 0.9 ? NULL : found;
}

/* The table again, as what those rows are. -1: no memory. */
int plan_role_table(plan_state *p, const ask_key *key) {
    const ask_schema *schema = p->schema;
    size_t n = schema->table_count;
    ask_schema *own = LH_ARENA_NEW(p->arena, ask_schema);
    ask_table *tables = LH_ARENA_ARRAY(p->arena, ask_table, n + 1);
    ask_key *keys = LH_ARENA_ARRAY(p->arena, ask_key, schema->key_count + 1);
    if (!own || !tables || !keys || n + 1 > ASK_TABLES_MAX) return -1;
    lh_str name = plan_column(p, key->from)->name;
    for (lh_str rest = LH_STR("_id _no _nr _code"); rest.len;) {
        lh_str end = lh_str_split(&rest, ' ');
        if (lh_str_ends(name, end) && name.len > end.len) name.len -= end.len;
    }
    for (size_t t = 0; t < n; t++)
        if (lh_str_eq_nocase(schema->tables[t].shown, name)) return -1;
    memcpy(tables, schema->tables, n * sizeof *tables);
    memcpy(keys, schema->keys, schema->key_count * sizeof *keys);
    tables[n] = tables[key->to.table];
    tables[n].shown = name;
    keys[schema->key_count] = (ask_key){key->from, {(int)n, key->to.column}, true};
    *own = *schema;
    own->tables = tables;
    own->keys = keys;
    own->table_count = n + 1;
    own->key_count++;
    p->schema = own;
    p->distances = NULL;
    return (int)n;
}

/* "have referred at least three others": the rows that refer to them are counted. */
size_t plan_count_role(plan_state *p, size_t at) {
    const ask_key *key = NULL;
    for (size_t k = 0; k < p->schema->key_count; k++)
        if (p->schema->keys[k].from.table == p->schema->keys[k].to.table &&
            p->schema->keys[k].from.table == p->entity &&
            lexicon_column_named(p->lex, p->schema->keys[k].from, &p->tokens[at]))
            key = &p->schema->keys[k];
    bool counted = key && !p->compare.there &&
                   (plan_is_word(p, at + 1, "at more over fewer less exactly") ||
                    (at + 1 < p->count && p->tokens[at + 1].kind == ASK_NUMERAL));
    if (!counted || p->tokens[at].kind != ASK_WORD || plan_is_word(p, at + 2, "their his her the")) return 0;
    p->counted = key->from;
    return 1;
}

/* What is compared, where such rows are. How many words it takes behind the number. */
size_t plan_resolve_role(plan_state *p, size_t at) {
    const ask_key *key = NULL;
    for (size_t k = 0; k < p->schema->key_count; k++)
        if (plan_same(p->schema->keys[k].from, p->counted) && p->schema->keys[k].to.table == p->counted.table)
            key = &p->schema->keys[k];
    int table = key ? plan_role_table(p, key) : -1;
    p->counted = PLAN_NONE;
    if (table < 0) return 0;
    ask_key *turned = (ask_key *)&p->schema->keys[p->schema->key_count - 1]; /* role_table()'s own */
    *turned = (ask_key){{table, key->from.column}, key->to, true};
    ask_filter *f = plan_filter(p, (ask_ref){table, -1}, ASK_COUNTS);
    if (f) f->count_op = p->compare.op, f->numbers[0] = p->compare.numbers[0], f->numbers[1] = p->compare.numbers[1];
    p->compare.there = false;
    size_t n = 0;
    while (plan_is_word(p, at + n, "of other others people them")) n++;
    plan_choice rows = at + n < p->count ? plan_best_table(p, at + n) : (plan_choice){0};
    return n + (rows.there && rows.match.ref.table == p->entity && rows.match.score >= 0.9 ? rows.match.words : 0);
}

size_t plan_group_role(plan_state *p, size_t at) {
    const ask_key *key = role_key(p, at);
    int of = key ? key->from.table : -1, rows = p->entity >= 0 ? p->entity : of;
    int table = key && rows == of && !p->plan.group_count ? plan_role_table(p, key) : -1;
    if (table < 0) return 0;
    if (p->entity < 0) p->entity = p->focus = of;
    plan_group(p, (ask_ref){table, -1}, ASK_WHOLE);
    p->grouping = p->each = p->lead_open = false;
    p->group_end = at + 1;
    return 1;
}

/* "report to each": the word behind says to whom. */
bool plan_is_reporting(const plan_state *p, size_t at) {
    return plan_is_word(p, at, "report reports reporting") && plan_is_word(p, at + 1, "to") &&
           plan_is_word(p, at + 2, "each every") && role_key(p, at + 3);
}

size_t plan_compare_role(plan_state *p, size_t at) {
    bool more = plan_is_word(p, at, "more higher larger greater better"),
         less = plan_is_word(p, at, "less lower fewer");
    size_t role = at + 3 + plan_is_word(p, at + 3, "own");
    if ((!more && !less) || !plan_is_word(p, at + 1, "than") || !plan_is_word(p, at + 2, "their his her the")) return 0;
    const ask_key *key = role_key(p, role);
    if (!key || (p->entity >= 0 && p->entity != key->from.table)) return 0;
    ask_ref said = p->subject >= 0 ? p->mentioned[p->subject].ref : PLAN_NONE;
    bool pays = at && plan_is_word(p, at - 1, "paid earn earns earning make makes making");
    if (pays) said = plan_hinted(p, key->from.table, "salary wage pay earnings income rate", true);
    if (!plan_has(said) || said.table != key->from.table || !plan_numeric(plan_column(p, said))) return 0;
    int table = plan_role_table(p, key);
    if (table < 0) return 0;
    if (p->entity < 0 && !plan_has(p->entity_column)) p->entity = p->focus = said.table;
    plan_place(p, said);
    ask_filter *f = plan_filter(p, said, more ? ASK_GT : ASK_LT);
    if (f) f->other = (ask_ref){table, said.column};
    return role + 1 - at;
}
