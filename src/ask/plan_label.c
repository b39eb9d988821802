/* What a row of a table is called by: its key, and its name. */
#include "ask/plan_internal.h"

static ask_ref label_named(const plan_state *p, int table, const char *name) {
    const ask_table *of = &p->schema->tables[table];
    for (size_t c = 0; c < of->column_count; c++)
        if (lh_str_eq_nocase(of->columns[c].name, lh_str_from(name))) return (ask_ref){table, (int)c};
    return PLAN_NONE;
}

ask_ref plan_key(const plan_state *p, int table) {
    if (table < 0) return PLAN_NONE;
    const ask_table *of = &p->schema->tables[table];
    for (int pass = 0; pass < 4;
         pass++) /* an own id before any other key, and before one that refers to another table's row */
        for (size_t c = 0; c < of->column_count; c++) {
            bool id = lh_str_ends(of->columns[c].name, LH_STR("id")), refers = false;
            for (size_t k = 0; k < p->schema->key_count && pass < 2; k++)
                refers |= plan_same(p->schema->keys[k].from, (ask_ref){table, (int)c}) &&
                          p->schema->keys[k].to.table != table;
            bool fits = pass == 0 || pass == 2 ? id : pass == 3 || ask_names_key(of->columns[c].name);
            if (of->columns[c].key && fits && !refers) return (ask_ref){table, (int)c};
        }
    for (size_t k = 0; k < p->schema->key_count; k++)
        if (p->schema->keys[k].to.table == table) return p->schema->keys[k].to;
    return PLAN_NONE;
}

/* A company, or the one unique name of a row, which is not of somebody beside it: stage_name, proj_name. */
static ask_ref label_other_name(const plan_state *p, int table) {
    static const char *const names[] = {"company", "company_name", "business_name", "organization", "organisation"};
    const ask_table *of = &p->schema->tables[table];
    ask_ref found = PLAN_NONE;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (plan_has(found = label_named(p, table, names[i])) && plan_column(p, found)->key) return found;
    found = PLAN_NONE;
    for (size_t c = 0; c < of->column_count; c++) {
        const ask_column *column = &of->columns[c];
        lh_str rest = column->name, first = lh_str_split(&rest, '_');
        bool beside =
            ask_in(first, "contact first last middle user file host nick customer client manager owner agent parent "
                          "guest visitor patient tenant member student passenger");
        if (column->type != ASK_TEXT || beside ||
            (!lh_str_eq_nocase(rest, LH_STR("name")) && !lh_str_eq_nocase(rest, LH_STR("title"))) ||
            ask_in(first, "job position") || !(column->key || column->person))
            continue;
        if (plan_has(found)) return PLAN_NONE;
        found = (ask_ref){table, (int)c};
    }
    return found;
}

/* company_name of companies, item_name of menu_items. */
static bool label_is_own_name(lh_str table, lh_str column) {
    size_t from = table.len;
    while (from && table.ptr[from - 1] != '_') from--;
    const lh_str parts[] = {table, lh_str_sub(table, from, table.len)};
    for (size_t i = 0; i < 2; i++) {
        lh_str stem = parts[i];
        if (stem.len > 4 && lh_str_ends(stem, LH_STR("ies"))) stem.len -= 3;
        else if (stem.len > 3) stem.len -= 2;
        if (stem.len && lh_str_starts(column, stem)) return true;
    }
    return false;
}

/* The crop of crops, where it is unique; call_name, what animals are called. */
static ask_ref label_itself(const plan_state *p, int table) {
    const ask_table *of = &p->schema->tables[table];
    lh_str one = ask_one_of(of->name.name);
    for (size_t c = 0; c < of->column_count; c++) {
        const ask_column *column = &of->columns[c];
        bool called = (lh_str_eq_nocase(column->name, one) && column->key) || lh_str_eq_nocase(column->name, LH_STR("call_name")) ||
                      lh_str_eq_nocase(column->name, LH_STR("common_name"));
        if (column->type == ASK_TEXT && called) return (ask_ref){table, (int)c};
    }
    return PLAN_NONE;
}

static size_t label_of(const plan_state *p, int table, ask_ref *into, size_t max, bool *ret_key) {
    static const char *const names[] = {"name", "full_name", "title", "label", "display_name"};
    const ask_table *of = &p->schema->tables[table];
    *ret_key = false;
    if (max < 2 || table < 0) return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (plan_has(into[0] = label_named(p, table, names[i]))) return 1;
    for (size_t c = 0; c < of->column_count; c++) { /* client_name of clients */
        const ask_token word = plan_word(LH_STR("name"));
        into[0] = (ask_ref){table, (int)c};
        if (lexicon_column_has(p->lex, into[0], &word) && label_is_own_name(of->name.name, of->columns[c].name))
            return 1;
    }
    into[0] = label_named(p, table, "first_name");
    into[1] = label_named(p, table, "last_name");
    if (plan_has(into[0]) && plan_has(into[1])) return 2;
    if (plan_has(into[0] = label_other_name(p, table)) || plan_has(into[0] = label_itself(p, table))) return 1;
    if (plan_has(into[0] = plan_key(p, table))) return *ret_key = true, 1;
    for (size_t c = 0; c < of->column_count; c++)
        if (of->columns[c].type == ASK_TEXT) return into[0] = (ask_ref){table, (int)c}, 1;
    into[0] = (ask_ref){table, 0};
    return of->column_count ? 1 : 0;
}

/* The columns that name a row: its name or title, or first and last name, else its key. *ret_key: the key itself. */
size_t plan_label(const plan_state *p, int table, ask_ref *into, size_t max, bool *ret_key) {
    int base = table; /* of a table that is taken once more, that which words know */
    for (int t = 0; t < table && base == table; t++)
        if (p->schema->tables[t].columns == p->schema->tables[table].columns) base = t;
    size_t n = label_of(p, base, into, max, ret_key);
    for (size_t i = 0; i < n; i++) into[i].table = table;
    return n;
}

/* ---- beside what is listed ---- */

/* To which table a column of the entity leads that says little of itself: a number, or a code that is called after what its row is there. -1: none. */
static int label_leads(const plan_state *p, ask_ref column) {
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key *key = &p->schema->keys[k];
        bool role = plan_column(p, key->to)->shape.len &&
                    lh_str_find(plan_column(p, key->to)->shape, '0') < plan_column(p, key->to)->shape.len &&
                    !lh_str_eq_nocase(plan_column(p, key->from)->name, plan_column(p, key->to)->name);
        if (plan_same(key->from, column) && column.table == p->entity && (role || plan_numeric(plan_column(p, column))))
            return key->to.table;
    }
    return -1;
}

/* What the row is called to which a column leads. *ret_rows: the table of that name. */
static size_t label_beside(plan_state *p, ask_ref column, ask_ref label[2], int *ret_rows) {
    bool is_key = false;
    for (size_t k = 0; k < p->schema->key_count; k++) {
        const ask_key *key = &p->schema->keys[k];
        if (!plan_same(key->from, column)) continue;
        bool self = key->to.table == column.table;
        if (!plan_label(p, key->to.table, label, 2, &is_key) || is_key) return 0;
        if (!self) plan_take_key(p, k);
        *ret_rows = self ? plan_role_table(p, key) : key->to.table;
        return *ret_rows < 0 ? 0 : plan_label(p, *ret_rows, label, 2, &is_key);
    }
    return 0;
}

/* That stands beside the number. */
void plan_name_keys(plan_state *p) {
    ask_plan *plan = &p->plan;
    ask_ref label[2];
    for (size_t i = 0;
         i < plan->column_count && !plan->measure_count && (p->row_of != p->entity || plan->column_count <= 2); i++) {
        int rows = -1, leads = label_leads(p, plan->columns[i]);
        bool there = leads < 0 || plan->column_count + 2 > ASK_COLUMNS_MAX;
        for (size_t k = 0; k < plan->filter_count; k++)
            there |= plan->filters[k].column.table == leads && leads != p->entity;
        for (size_t k = 0; k < plan->column_count; k++) there |= plan->columns[k].table == leads && leads != p->entity;
        size_t n = there ? 0 : label_beside(p, plan->columns[i], label, &rows);
        for (size_t k = 0; k < n; k++) plan->columns[plan->column_count++] = label[k];
        if (!n) continue;
        plan->beside = rows + 1;
        return;
    }
}

/* "notes that mention the dock": the words themselves, beside what names their rows. */
void plan_texts(plan_state *p) {
    ask_plan *plan = &p->plan;
    for (size_t i = 0; i < plan->filter_count && plan->column_count && !plan->measure_count && !plan->distinct; i++) {
        const ask_filter *f = &plan->filters[i];
        bool there =
            f->op != ASK_CONTAINS || f->column.table != plan->columns[0].table || plan->column_count == ASK_COLUMNS_MAX;
        for (size_t k = 0; k < plan->column_count; k++) there |= plan_same(plan->columns[k], f->column);
        if (!there) plan->columns[plan->column_count++] = f->column;
    }
}
