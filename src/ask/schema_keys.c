/* Keys that nobody declared. A key leads from a column to another table's unique column: of its name, or that is "id" of the table whose
 * name the column begins with. */
#include "ask/ask_internal.h"

ask_type ask_type_of(lh_str type) {
    static const struct {
        const char *starts;
        ask_type type;
    } rows[] = {{"VARCHAR", ASK_TEXT},   {"string", ASK_TEXT},    {"BOOL", ASK_BOOL},       {"bool", ASK_BOOL},
                {"TIMESTAMP", ASK_TIME}, {"timestamp", ASK_TIME}, {"DATE", ASK_DATE},       {"date", ASK_DATE},
                {"INT", ASK_NUMBER},     {"int", ASK_NUMBER},     {"BIGINT", ASK_NUMBER},   {"long", ASK_NUMBER},
                {"DECIMAL", ASK_NUMBER}, {"decimal", ASK_NUMBER}, {"DOUBLE", ASK_NUMBER},   {"double", ASK_NUMBER},
                {"FLOAT", ASK_NUMBER},   {"float", ASK_NUMBER},   {"SMALLINT", ASK_NUMBER}, {"TINYINT", ASK_NUMBER},
                {"HUGEINT", ASK_NUMBER}, {"UBIGINT", ASK_NUMBER}, {"UINTEGER", ASK_NUMBER}};
    if (lh_str_ends(type, LH_STR("]"))) return ASK_OTHER;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (lh_str_starts(type, lh_str_from(rows[i].starts))) return rows[i].type;
    return ASK_OTHER;
}

bool ask_names_key(lh_str name) {
    for (lh_str rest = LH_STR("id no nr number num key code"); rest.len;) {
        lh_str word = lh_str_split(&rest, ' ');
        if (name.len >= word.len && lh_str_eq_nocase(lh_str_sub(name, name.len - word.len, name.len), word))
            return true;
    }
    return false;
}

/* "client" of "clients" and "client_id". */
static bool keys_names(lh_str column, lh_str table) {
    lh_str stem = column;
    if (!lh_str_ends(column, LH_STR("_id")) && !lh_str_ends(column, LH_STR("Id"))) return false;
    stem.len -= lh_str_ends(column, LH_STR("_id")) ? 3 : 2;
    lh_str one = ask_one_of(table);
    return stem.len > 0 && (lh_str_eq_nocase(stem, table) || lh_str_eq_nocase(stem, one));
}

static bool keys_has(const ask_schema *schema, ask_ref from, int to_table) {
    for (size_t i = 0; i < schema->key_count; i++)
        if (schema->keys[i].from.table == from.table && schema->keys[i].from.column == from.column &&
            schema->keys[i].to.table == to_table)
            return true;
    return false;
}

/* Nine of ten values of a column are those of another table's key: origin and dest of flights are airports. Both are in order. */
static bool keys_within(const ask_column *from, const ask_column *to) {
    size_t same = 0;
    if (from->value_count < 3 || from->listed || to->listed || to->value_count < from->value_count) return false;
    for (size_t i = 0, k = 0; i < from->value_count && k < to->value_count;) {
        int order = lh_str_cmp(from->values[i], to->values[k]);
        same += order == 0;
        i += order <= 0;
        k += order >= 0;
    }
    return same * 10 >= from->value_count * 9;
}

/* The manager of an employee is one, too. */
static bool keys_self(const ask_column *from, const ask_column *to, lh_str table) {
    lh_str name = from->name, one = ask_one_of(table);
    bool above = false;
    for (lh_str rest =
             LH_STR("manager mgr supervisor boss mentor parent reports_to lead referred_by foreman head_ chief "
                    "superior invited_by");
         rest.len && !above;)
        above = lh_str_starts(name, lh_str_split(&rest, ' '));
    lh_str stem = lh_str_sub(to->name, 0, to->name.len > 3 ? to->name.len - 3 : 0); /* cust_id of customers */
    bool short_ = stem.len >= 3 && lh_str_ends(to->name, LH_STR("_id")) && lh_str_starts(table, stem);
    bool id =
        lh_str_eq_nocase(to->name, LH_STR("id")) || keys_names(to->name, table) || keys_names(to->name, one) || short_;
    return above && !lh_str_ends(name, LH_STR("name")) && !from->person && !from->key && to->key && id &&
           from->type == to->type && !from->masked && !to->masked;
}

/* lead_recruiter_id of recruiter_id, by which recruiters are known. */
static bool keys_role(lh_str from, const ask_column *to, lh_str table) {
    return keys_names(to->name, table) && from.len > to->name.len + 1 && lh_str_ends(from, to->name) &&
           from.ptr[from.len - to->name.len - 1] == '_';
}

/* Numbers that begin high are of one series: gm_id and received_by, from 301 to 380, are rows of the one table whose key goes so far. *ret: its
 * key; false: none's, or several ones'. */
static bool keys_series(const ask_schema *schema, ask_ref ref, ask_ref *ret) {
    const ask_column *from = &schema->tables[ref.table].columns[ref.column];
    size_t count = 0;
    bool refers = false;
    for (lh_str rest = LH_STR("_id _by owner manager"); rest.len && !refers;)
        refers = lh_str_ends(from->name, lh_str_split(&rest, ' '));
    if (!refers || from->key || from->masked || from->low < 100 || from->high <= from->low) return false;
    for (size_t t = 0; t < schema->table_count; t++)
        for (size_t c = 0; c < schema->tables[t].column_count; c++) {
            const ask_column *to = &schema->tables[t].columns[c];
            bool holds = to->key && ask_names_key(to->name) && to->type == from->type && !to->masked &&
                         to->low >= 100 && to->low <= from->low && to->high >= from->high;
            if (holds && (int)t != ref.table) *ret = (ask_ref){(int)t, (int)c};
            count += holds;
        }
    return count == 1 && ret->column >= 0;
}

/* VOL-017 is of the shape VOL-000: letters and digits. */
static bool keys_has_shape(lh_str value, lh_str shape) {
    bool letter = false, digit = false;
    for (size_t i = 0; i < shape.len && value.len == shape.len; i++) {
        bool number = value.ptr[i] >= '0' && value.ptr[i] <= '9';
        if (number ? shape.ptr[i] != '0' : value.ptr[i] != shape.ptr[i]) return false;
        digit |= number;
        letter |= !number;
    }
    return letter && digit;
}

/* coordinator_id, of which each value is of the shape of one table's key, also of its own: as keys_series(). */
static bool keys_shaped(const ask_schema *schema, ask_ref ref, ask_ref *ret) {
    const ask_column *from = &schema->tables[ref.table].columns[ref.column];
    size_t count = 0;
    if (from->key || from->masked || from->listed || !from->value_count) return false;
    for (size_t t = 0; t < schema->table_count; t++)
        for (size_t c = 0; c < schema->tables[t].column_count; c++) {
            const ask_column *to = &schema->tables[t].columns[c];
            bool holds = to->key && to->shape.len >= 3 && !to->masked && to->type == ASK_TEXT;
            for (size_t v = 0; v < from->value_count && holds; v++) holds = keys_has_shape(from->values[v], to->shape);
            if (holds) *ret = (ask_ref){(int)t, (int)c};
            count += holds;
        }
    return count == 1;
}

/* The other ways in which a number or a code may refer to rows, where no name says whose. */
static void keys_by_values(ask_schema *schema) {
    for (size_t t = 0; t < schema->table_count; t++)
        for (size_t c = 0; c < schema->tables[t].column_count && schema->key_count < ASK_KEYS_MAX; c++) {
            ask_ref from = {(int)t, (int)c}, to = {-1, -1};
            const ask_type type = schema->tables[t].columns[c].type;
            bool known = type != ASK_NUMBER && type != ASK_TEXT;
            for (size_t k = 0; k < schema->key_count && !known; k++)
                known = schema->keys[k].from.table == from.table && schema->keys[k].from.column == from.column;
            if (!known && (type == ASK_TEXT ? keys_shaped(schema, from, &to) : keys_series(schema, from, &to)))
                schema->keys[schema->key_count++] = (ask_key){from, to, false};
        }
}

/* How much the table looks like the one whose rows the column numbers: 2, its name says so; 1, it is the first column. */
static int keys_home(const ask_schema *schema, size_t table, size_t column) {
    const ask_table *of = &schema->tables[table];
    lh_str stem = of->columns[column].name, name = of->name.name;
    for (lh_str rest = LH_STR("_id _no _nr _num _number _code _key"); rest.len;) {
        lh_str end = lh_str_split(&rest, ' ');
        if (!lh_str_ends(stem, end)) continue;
        stem.len -= end.len;
        lh_str one = ask_one_of(name);
        return stem.len && (lh_str_eq_nocase(stem, name) || lh_str_eq_nocase(stem, one)) ? 2 : column == 0;
    }
    return column == 0;
}

/* Of columns of one name that are each unique, those that another table is the home of lead there, also one to one: the number of a booking
 * in reviews, of which a booking has one. Nothing leads to them. */
static bool keys_lead(const ask_schema *schema, size_t t, size_t c, size_t u, size_t d) {
    const ask_column *from = &schema->tables[t].columns[c], *to = &schema->tables[u].columns[d];
    int home = keys_home(schema, u, d);
    for (size_t w = 0; w < schema->table_count; w++)
        for (size_t e = 0; w != u && w != t && e < schema->tables[w].column_count; e++)
            if (schema->tables[w].columns[e].key && lh_str_eq_nocase(schema->tables[w].columns[e].name, to->name) &&
                keys_home(schema, w, e) > home)
                return false;
    return !from->key || (ask_names_key(from->name) && home > keys_home(schema, t, c));
}

lh_code ask_schema_keys(ask_schema *schema, lh_arena *arena, lh_error *err) {
    ask_key *keys = LH_ARENA_ARRAY(arena, ask_key, ASK_KEYS_MAX);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < schema->key_count && i < ASK_KEYS_MAX; i++) keys[i] = schema->keys[i];
    schema->keys = keys;
    for (size_t t = 0; t < schema->table_count; t++)
        for (size_t c = 0; c < schema->tables[t].column_count; c++) {
            const ask_column *from = &schema->tables[t].columns[c];
            for (size_t d = 0; d < schema->tables[t].column_count && schema->key_count < ASK_KEYS_MAX; d++)
                if (keys_self(from, &schema->tables[t].columns[d], schema->tables[t].name.name) &&
                    !keys_has(schema, (ask_ref){(int)t, (int)c}, (int)t))
                    schema->keys[schema->key_count++] = (ask_key){{(int)t, (int)c}, {(int)t, (int)d}, false};
            for (size_t u = 0; u < schema->table_count && !from->masked; u++)
                for (size_t d = 0; u != t && d < schema->tables[u].column_count && schema->key_count < ASK_KEYS_MAX;
                     d++) {
                    const ask_column *to = &schema->tables[u].columns[d];
                    bool same = lh_str_eq_nocase(from->name, to->name) && !lh_str_eq_nocase(from->name, LH_STR("id")) &&
                                !lh_str_eq_nocase(from->name, LH_STR("name"));
                    lh_str name = schema->tables[u].name.name;
                    bool id = (lh_str_eq_nocase(to->name, LH_STR("id")) && keys_names(from->name, name)) ||
                              keys_role(from->name, to, name);
                    if (!to->key || to->masked || from->type != to->type || (!same && !id && !keys_within(from, to)) ||
                        (same ? !keys_lead(schema, t, c, u, d) : from->key))
                        continue;
                    if (keys_has(schema, (ask_ref){(int)t, (int)c}, (int)u)) continue;
                    schema->keys[schema->key_count++] = (ask_key){{(int)t, (int)c}, {(int)u, (int)d}, false};
                }
        }
    keys_by_values(schema);
    return LH_OK;
}
