/* A plan as SQL. Names go through lh_buf_sql_identifier(), values through lh_buf_sql_string(). Tables are joined along keys, from many
 * to one, so that no row of the base is counted twice; what is only asked of rows that the base does not lead to is asked by EXISTS. */
#include "ask/ask_internal.h"

#include <math.h>
#include <stdio.h>

typedef struct render {
    const ask_schema *schema;
    const ask_plan *plan;
    lh_buf *into;
    bool *joined;   /* by table */
    bool qualified; /* more than one table */
} render;

static void render_text(render *r, const char *text) { lh_buf_append(r->into, lh_str_from(text)); }

/* ---- ways ---- */

/* Breadth first, declared keys before others. */
int ask_path(const ask_schema *schema, int from, int to, size_t *ret_keys) {
    int via[ASK_TABLES_MAX], depth[ASK_TABLES_MAX], queue[ASK_TABLES_MAX];
    size_t head = 0, tail = 0, n = schema->table_count < ASK_TABLES_MAX ? schema->table_count : ASK_TABLES_MAX;
    if (from < 0 || to < 0 || (size_t)from >= n || (size_t)to >= n) return -1;
    for (size_t i = 0; i < n; i++) depth[i] = -1;
    depth[from] = 0;
    queue[tail++] = from;
    while (head < tail && depth[to] < 0) {
        int at = queue[head++];
        for (int declared = 1; declared >= 0; declared--)
            for (size_t k = 0; k < schema->key_count; k++) {
                const ask_key *key = &schema->keys[k];
                int next = key->to.table;
                if (key->from.table != at || key->declared != (declared == 1) || (size_t)next >= n || depth[next] >= 0)
                    continue;
                depth[next] = depth[at] + 1;
                via[next] = (int)k;
                queue[tail++] = next;
            }
    }
    if (depth[to] < 0 || depth[to] > ASK_PATH_MAX) return -1;
    int at = to;
    for (int i = depth[to]; i > 0; i--) {
        if (ret_keys) ret_keys[i - 1] = (size_t)via[at];
        at = schema->keys[via[at]].from.table;
    }
    return depth[to];
}

static const ask_column *render_column_of(const render *r, ask_ref ref) {
    return &r->schema->tables[ref.table].columns[ref.column];
}

/* ---- names ---- */

static void render_alias(render *r, int table) { lh_buf_sql_identifier(r->into, r->schema->tables[table].shown); }

static void render_table(render *r, int table) {
    const ask_table *of = &r->schema->tables[table];
    lh_str rest = of->name.namespace_;
    bool same = lh_str_eq(of->shown, of->name.name);
    while (!same && rest.len) {
        lh_buf_sql_identifier(r->into, lh_str_split(&rest, '.'));
        lh_buf_char(r->into, '.');
    }
    lh_buf_sql_identifier(r->into, of->name.name);
    if (!same) render_text(r, " AS "), render_alias(r, table);
}

static void render_column(render *r, ask_ref ref) {
    if (r->qualified) render_alias(r, ref.table), lh_buf_char(r->into, '.');
    lh_buf_sql_identifier(r->into, render_column_of(r, ref)->name);
}

static void render_number(render *r, double number) {
    if (number == floor(number) && fabs(number) < 1e15) lh_buf_printf(r->into, "%.0f", number);
    else lh_buf_printf(r->into, "%.15g", number);
}

static void render_key(render *r, const ask_key *key) {
    render_column(r, key->from);
    render_text(r, " = ");
    render_column(r, key->to);
}

/* ---- joins ---- */

static void render_join_to(render *r, int from, int to) {
    size_t keys[ASK_PATH_MAX] = {0};
    int steps = ask_path(r->schema, from, to, keys);
    for (int i = 0; i < steps; i++) {
        const ask_key *key = &r->schema->keys[keys[i]];
        if (r->joined[key->to.table]) continue;
        r->joined[key->to.table] = true;
        render_text(r, r->plan->beside == key->to.table + 1 ? " LEFT JOIN " : " JOIN ");
        render_table(r, key->to.table);
        render_text(r, " ON ");
        render_key(r, key);
    }
}

/* ---- conditions ---- */

static void render_day(render *r, int64_t day) {
    int y, m, d;
    ask_civil(day, &y, &m, &d);
    lh_buf_printf(r->into, "DATE '%04d-%02d-%02d'", y, m, d);
}

static void render_between(render *r, const char *part, ask_ref column, int first, int last) {
    bool is_part = part[0];
    if (is_part) lh_buf_printf(r->into, "%s(", part);
    render_column(r, column);
    if (is_part) lh_buf_char(r->into, ')');
    if (first == last) lh_buf_printf(r->into, " = %d", first);
    else lh_buf_printf(r->into, " BETWEEN %d AND %d", first, last);
}

/* A column of numbers is a year, or of months as such. */
static void render_when(render *r, const ask_filter *f, const ask_when *when) {
    const ask_column *column = render_column_of(r, f->column);
    bool number = column->type == ASK_NUMBER;
    if (when->kind == ASK_MONTH_OF_YEAR) {
        render_between(r, number ? "" : "month", f->column, when->first, when->last);
        return;
    }
    if (when->kind == ASK_WEEKDAY) {
        render_between(r, "isodow", f->column, when->first, when->last);
        return;
    }
    if (when->kind == ASK_HOUR) {
        render_between(r, number ? "" : "hour", f->column, when->first, when->last);
        return;
    }
    if (number) {
        int y = 0, y2 = 0, m, d;
        ask_civil(when->from, &y, &m, &d);
        ask_civil(when->to, &y2, &m, &d);
        if (when->has_from && when->has_to) {
            render_between(r, "", f->column, y, y2 - 1);
            return;
        }
        render_column(r, f->column);
        if (when->has_from) lh_buf_printf(r->into, " >= %d", y);
        else lh_buf_printf(r->into, " < %d", y2);
        return;
    }
    if (when->has_from) render_column(r, f->column), render_text(r, " >= "), render_day(r, when->from);
    if (when->has_from && when->has_to) render_text(r, " AND ");
    if (when->has_to) render_column(r, f->column), render_text(r, " < "), render_day(r, when->to);
}

static void render_time(render *r, const ask_filter *f) {
    if (f->has_second || f->or_null) lh_buf_char(r->into, '(');
    render_when(r, f, &f->when);
    if (f->or_null) render_text(r, " OR "), render_column(r, f->column), render_text(r, " IS NULL)");
    if (!f->has_second || f->or_null) return;
    render_text(r, " OR ");
    render_when(r, f, &f->second);
    lh_buf_char(r->into, ')');
}

static void render_pattern(render *r, lh_str value, const char *before, const char *after) {
    render_text(r, " ILIKE ");
    LH_CLEANUP(lh_buf_done) lh_buf pattern = LH_BUF_INIT(16 << 10);
    bool escaped = false;
    lh_buf_append(&pattern, lh_str_from(before));
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '%' || c == '_' || c == '\\') lh_buf_char(&pattern, '\\'), escaped = true;
        lh_buf_char(&pattern, c);
    }
    lh_buf_append(&pattern, lh_str_from(after));
    lh_buf_sql_string(r->into, lh_buf_str(&pattern));
    if (escaped) render_text(r, " ESCAPE '\\'");
}

static void render_like(render *r, const ask_filter *f, lh_str value) {
    render_column(r, f->column);
    render_pattern(r, value, f->op == ASK_STARTS ? "" : "%", f->op == ASK_ENDS ? "" : "%");
}

/* Ann Lee is also Ann T. Lee. */
static bool render_has_initial(const ask_filter *f, lh_str name) {
    lh_str last = name, first = lh_str_split(&last, ' ');
    bool plain = f->other.column < 0 && first.len && last.len && last.len <= 60;
    for (size_t i = 0; i < last.len; i++) plain = plain && !strchr(" %_\\", last.ptr[i]);
    return plain;
}
static void render_initial(render *r, const ask_filter *f, lh_str name) {
    lh_str last = name, first = lh_str_split(&last, ' ');
    char after[128];
    snprintf(after, sizeof after, " _. %.*s %%", (int)last.len, last.ptr);
    render_text(r, " OR concat(' ', ");
    render_column(r, f->column);
    render_text(r, ", ' ')");
    render_pattern(r, first, "% ", after);
}

/* Words of a name: Ann, of "Ann Lee"; Ann Lee, of a first and a last name. */
static void render_named(render *r, const ask_filter *f) {
    bool several = f->value_count > 1 || render_has_initial(f, f->values[0]);
    if (several) lh_buf_char(r->into, '(');
    for (size_t i = 0; i < f->value_count; i++) {
        render_text(r, i ? " OR concat(' ', " : "concat(' ', ");
        render_column(r, f->column);
        if (f->other.column >= 0) render_text(r, ", ' ', "), render_column(r, f->other);
        render_text(r, ", ' ')");
        render_pattern(r, f->values[i], "% ", " %");
        if (render_has_initial(f, f->values[i])) render_initial(r, f, f->values[i]);
    }
    if (several) lh_buf_char(r->into, ')');
}

static void render_value(render *r, const ask_filter *f, lh_str value) {
    bool digits = value.len && value.len < 16 && render_column_of(r, f->column)->type == ASK_NUMBER;
    for (size_t i = 0; i < value.len; i++) digits &= value.ptr[i] >= '0' && value.ptr[i] <= '9';
    if (digits) {
        lh_buf_append(r->into, value);
        return;
    }
    if (f->folded) render_text(r, "lower(");
    lh_buf_sql_string(r->into, value);
    if (f->folded) lh_buf_char(r->into, ')');
}

static void render_equal(render *r, const ask_filter *f) {
    bool text = render_column_of(r, f->column)->type != ASK_NUMBER, several = f->value_count > 1;
    if (f->folded) render_text(r, "lower("), render_column(r, f->column), lh_buf_char(r->into, ')');
    else render_column(r, f->column);
    render_text(r, several ? (f->not? " NOT IN (" : " IN (") : f->not? " <> " : " = ");
    if (!several && (!text || f->value_count == 0)) {
        render_number(r, f->numbers[0]);
        return;
    }
    for (size_t i = 0; i < f->value_count; i++) {
        if (i) render_text(r, ", ");
        render_value(r, f, f->values[i]);
    }
    if (several) lh_buf_char(r->into, ')');
}

static const char *render_op(ask_op op) {
    switch ((int)op) {
    case ASK_GT: return " > ";
    case ASK_GE: return " >= ";
    case ASK_LT: return " < ";
    case ASK_LE: return " <= ";
    case ASK_NE: return " <> ";
    default: return " = ";
    }
}

static void render_compare(render *r, ask_op op, const double *numbers) {
    if (op == ASK_BETWEEN) {
        render_text(r, " BETWEEN ");
        render_number(r, numbers[0]);
        render_text(r, " AND ");
        render_number(r, numbers[1]);
        return;
    }
    render_text(r, render_op(op));
    render_number(r, numbers[0]);
}

static void render_average(render *r, const ask_filter *f) {
    render_text(r, render_op(f->op));
    render_text(r, "(SELECT avg(");
    lh_buf_sql_identifier(r->into, render_column_of(r, f->column)->name);
    render_text(r, ") FROM ");
    render_table(r, f->column.table);
    lh_buf_char(r->into, ')');
}

static void render_least_most(render *r, const ask_filter *f) {
    for (int most = 0; most < 2; most++) {
        render_text(r, most ? " OR " : "(");
        render_column(r, f->column);
        render_text(r, most ? " = (SELECT max(" : " = (SELECT min(");
        lh_buf_sql_identifier(r->into, render_column_of(r, f->column)->name);
        render_text(r, ") FROM ");
        render_table(r, f->column.table);
        lh_buf_char(r->into, ')');
    }
    lh_buf_char(r->into, ')');
}

static void render_condition(render *r, const ask_filter *f);

/* The row that `way` refers to, beside the one that is joined: "from Newark to Boston"; or a row that refers to it: "the manager of Ann". */
static void render_by_way(render *r, const ask_filter *f) {
    render inner = *r;
    ask_filter own = *f;
    const ask_key *key = NULL;
    for (size_t k = 0; k < r->schema->key_count && !key; k++) {
        const ask_key *one = &r->schema->keys[k];
        ask_ref near = f->up ? one->to : one->from, far = f->up ? one->from : one->to;
        if (near.table == f->way.table && near.column == f->way.column && far.table == f->column.table &&
            (!f->up || near.table == far.table || f->via.column >= 0) &&
            (f->via.column < 0 || (f->via.table == one->from.table && f->via.column == one->from.column)))
            key = one;
    }
    if (!key) return;
    own.by_way = own.not = false;
    if (f->not) lh_buf_char(r->into, '(');
    render_column(r, f->way);
    render_text(r, " IN (SELECT ");
    render_column(&inner, f->up ? key->from : key->to);
    render_text(r, " FROM ");
    render_table(&inner, f->column.table);
    render_text(r, " WHERE ");
    render_condition(&inner, &own);
    render_text(r, f->not? ")) IS NOT TRUE" : ")");
}

/* A condition over a column, without NOT where that is written into it. */
static void render_condition(render *r, const ask_filter *f) {
    bool written = f->op == ASK_EQ || f->op == ASK_IN || f->op == ASK_IS_NULL || f->op == ASK_NOT_NULL;
    bool not = f->not && !written;
    if (f->by_way) {
        render_by_way(r, f);
        return;
    }
    if (not) render_text(r, "NOT (");
    switch (f->op) {
    case ASK_EQ:
    case ASK_IN: render_equal(r, f); break;
    case ASK_IS_NULL:
    case ASK_NOT_NULL:
        if (f->zero) lh_buf_char(r->into, '(');
        render_column(r, f->column);
        if (f->zero) {
            render_text(r, " IS NULL OR ");
            render_column(r, f->column);
            render_text(r, " = 0)");
            break;
        }
        render_text(r, (f->op == ASK_IS_NULL) != f->not? " IS NULL" : " IS NOT NULL");
        break;
    case ASK_CONTAINS:
    case ASK_STARTS:
    case ASK_ENDS:
        if (f->value_count > 1) lh_buf_char(r->into, '(');
        for (size_t i = 0; i < f->value_count; i++) {
            if (i) render_text(r, " OR ");
            render_like(r, f, f->values[i]);
        }
        if (f->value_count > 1) lh_buf_char(r->into, ')');
        break;
    case ASK_LEAST_MOST: render_least_most(r, f); break;
    case ASK_NAMED: render_named(r, f); break;
    case ASK_IS_TRUE: render_column(r, f->column); break;
    case ASK_IS_FALSE: render_text(r, "NOT "), render_column(r, f->column); break;
    case ASK_IN_TIME: render_time(r, f); break;
    case ASK_NE:
    case ASK_GT:
    case ASK_GE:
    case ASK_LT:
    case ASK_LE:
    case ASK_BETWEEN:
        render_column(r, f->column);
        if (f->other.column >= 0) render_text(r, render_op(f->op)), render_column(r, f->other);
        else if (f->average) render_average(r, f);
        else render_compare(r, f->op, f->numbers);
        break;
    case ASK_EXISTS:
    case ASK_COUNTS: break;
    }
    if (not) lh_buf_char(r->into, ')');
}

/* ---- rows elsewhere ---- */

/* A table that leads both to the base and to the other one; the other itself where it can be. */
static int render_between_tables(const ask_schema *schema, int base, int other) {
    int best = -1, best_steps = 0;
    if (ask_path(schema, other, base, NULL) >= 0) return other;
    for (int t = 0; t < (int)schema->table_count; t++) {
        int a = ask_path(schema, t, base, NULL), b = ask_path(schema, t, other, NULL);
        if (a < 0 || b < 0 || (best >= 0 && a + b >= best_steps)) continue;
        best = t;
        best_steps = a + b;
    }
    return best;
}

static bool render_is_elsewhere(const render *r, int table) {
    return table != r->plan->base && ask_path(r->schema, r->plan->base, table, NULL) < 0;
}

/* Is it a condition of rows elsewhere that others may be of, too: who headlined in Chicago did so there. */
static bool render_joins_others(const render *r, const ask_filter *f) {
    bool joins =
        !(f->op == ASK_EXISTS && f->not) && f->op != ASK_COUNTS && !f->only && render_is_elsewhere(r, f->column.table);
    for (size_t i = 0; i < r->plan->filter_count && joins; i++) {
        const ask_filter *other = &r->plan->filters[i];
        joins = other->column.table != f->column.table || other->scope != f->scope ||
                (!other->only && !(other->op == ASK_EXISTS && other->not) && other->op != ASK_COUNTS);
    }
    return joins;
}

/* Are both of one row of the table between? */
static bool render_is_of_one(const render *r, const ask_filter *a, const ask_filter *b) {
    return a->scope == b->scope &&
           (a->column.table == b->column.table ||
            (a->numerator == b->numerator && render_joins_others(r, a) && render_joins_others(r, b) &&
             render_between_tables(r->schema, r->plan->base, a->column.table) ==
                 render_between_tables(r->schema, r->plan->base, b->column.table)));
}

/* FROM the table between, WHERE its key is the row's and the filters of `table` in that scope hold, and those that are of the same row; or,
 * `denied`, where those of which all rows have to be do not. */
static lh_code render_elsewhere(render *outer, int table, const ask_filter *of, bool denied, lh_error *err) {
    bool joined[ASK_TABLES_MAX] = {false};
    size_t keys[ASK_PATH_MAX];
    render r = *outer;
    const ask_plan *plan = r.plan;
    int from = render_between_tables(r.schema, plan->base, table);
    if (from < 0) return lh_fail(err, LH_INVALID, "no key leads from one of the tables to another");
    int steps = ask_path(r.schema, from, plan->base, keys);
    r.joined = joined;
    joined[from] = joined[plan->base] = true;
    render_text(&r, " FROM ");
    render_table(&r, from);
    for (int i = 0; i + 1 < steps; i++) render_join_to(&r, from, r.schema->keys[keys[i]].to.table);
    render_join_to(&r, from, table);
    for (size_t i = 0; i < plan->filter_count && of; i++)
        if (render_is_of_one(outer, of, &plan->filters[i])) render_join_to(&r, from, plan->filters[i].column.table);
    render_text(&r, " WHERE ");
    render_key(&r, &r.schema->keys[keys[steps - 1]]);
    for (size_t i = 0; i < plan->filter_count; i++) {
        const ask_filter *f = &plan->filters[i];
        bool own = of ? render_is_of_one(outer, of, f) : f->column.table == table && !f->scope;
        if (!own || f->op == ASK_EXISTS || f->op == ASK_COUNTS) continue;
        render_text(&r, denied && f->only ? " AND (" : " AND ");
        render_condition(&r, f);
        if (denied && f->only) render_text(&r, ") IS NOT TRUE");
    }
    return LH_OK;
}

/* Filters of a table elsewhere are one EXISTS, of the first of them. */
static lh_code render_filter(render *r, size_t at, bool *ret_written, const char *lead, lh_error *err) {
    const ask_filter *f = &r->plan->filters[at];
    int table = f->column.table;
    bool elsewhere = render_is_elsewhere(r, table), special = f->op == ASK_EXISTS || f->op == ASK_COUNTS;
    *ret_written = false;
    if (!elsewhere) {
        if (f->op == ASK_EXISTS && !f->not) return LH_OK; /* the row has the one that it refers to */
        if (f->op == ASK_COUNTS) return lh_fail(err, LH_INVALID, "there is one of these for each row");
        render_text(r, lead);
        *ret_written = true;
        if (f->op != ASK_EXISTS) return render_condition(r, f), LH_OK;
        size_t keys[ASK_PATH_MAX];
        if (ask_path(r->schema, r->plan->base, table, keys) != 1) return lh_fail(err, LH_INVALID, "no key leads there");
        render_text(r, "NOT EXISTS (SELECT 1 FROM ");
        render_table(r, table);
        render_text(r, " WHERE ");
        render_key(r, &r->schema->keys[keys[0]]);
        lh_buf_char(r->into, ')');
        return LH_OK;
    }
    for (size_t i = 0; i < r->plan->filter_count; i++) { /* is it within another one, or an earlier? */
        const ask_filter *other = &r->plan->filters[i];
        bool other_special = other->op == ASK_EXISTS || other->op == ASK_COUNTS;
        if (i != at && render_is_of_one(r, f, other) &&
            ((!special && other_special) || (special == other_special && i < at)))
            return LH_OK;
    }
    render_text(r, lead);
    *ret_written = true;
    if (f->op == ASK_COUNTS && f->other.column >= 0) {
        render_text(r, "(SELECT sum(");
        render_column(r, f->other);
        lh_buf_char(r->into, ')');
    } else if (f->op == ASK_COUNTS) render_text(r, "(SELECT count(*)");
    else render_text(r, special && f->not? "NOT EXISTS (SELECT 1" : "EXISTS (SELECT 1");
    LH_TRY(render_elsewhere(r, table, f, false, err));
    lh_buf_char(r->into, ')');
    if (f->op == ASK_COUNTS) render_compare(r, f->count_op, f->numbers);
    for (size_t i = 0; i < r->plan->filter_count; i++) {
        const ask_filter *other = &r->plan->filters[i];
        if (!other->only || other->column.table != table || other->scope != f->scope) continue;
        render_text(r, " AND NOT EXISTS (SELECT 1");
        LH_TRY(render_elsewhere(r, table, f, true, err));
        lh_buf_char(r->into, ')');
        break;
    }
    return LH_OK;
}

static lh_code render_where(render *r, bool numerator, const char *first, lh_error *err) {
    const char *lead = first;
    for (size_t i = 0; i < r->plan->filter_count; i++) {
        bool written = false;
        if (r->plan->filters[i].numerator != numerator) continue;
        if (r->plan->mean_of_rows && render_is_elsewhere(r, r->plan->filters[i].column.table))
            continue; /* is counted */
        LH_TRY(render_filter(r, i, &written, lead, err));
        if (written) lead = " AND ";
    }
    return LH_OK;
}

/* ---- what is selected ---- */

static void render_group(render *r, const ask_group *g) {
    static const char *const parts[] = {
        "",      "year(", "date_trunc('quarter', ", "date_trunc('month', ", "date_trunc('week', ", "CAST(", "dayname(",
        "hour(", "month("};
    const char *part = parts[g->part];
    render_text(r, part);
    render_column(r, g->column);
    if (g->part == ASK_QUARTER || g->part == ASK_MONTH || g->part == ASK_WEEK) render_text(r, ")::DATE");
    else if (g->part == ASK_DATE_DAY) render_text(r, " AS DATE)");
    else if (part[0]) lh_buf_char(r->into, ')');
}

static const char *render_part_name(ask_part part) {
    static const char *const names[] = {"", "year", "quarter", "month", "week", "day", "weekday", "hour", "month"};
    return names[part];
}

/* What each row has of a measure. */
static void render_operand(render *r, ask_ref a, ask_how how, ask_ref b) {
    static const char *const signs[] = {"", " + ", " - ", " - coalesce(", " * ", " / ", ", "};
    if (how == ASK_DAYS) render_text(r, "date_diff('day', ");
    render_column(r, a);
    if (how == ASK_ALONE) return;
    render_text(r, signs[how]);
    render_column(r, b);
    if (how == ASK_LESS) render_text(r, ", 0)");
    if (how == ASK_DAYS) lh_buf_char(r->into, ')');
}

static void render_ratio(render *r, const ask_measure *m) {
    render_text(r, "round(100.0 * sum(");
    render_operand(r, m->column, m->how, m->other);
    render_text(r, ") / sum(");
    render_operand(r, m->whole[0], m->whole[1].column < 0 ? ASK_ALONE : ASK_PLUS, m->whole[1]);
    render_text(r, "), 2)");
}

/* What a share is of: rows, or a sum. */
static void render_whole(render *r, const ask_measure *m) {
    if (m->column.column < 0) {
        render_text(r, "count(*)");
        return;
    }
    render_text(r, "sum(");
    render_column(r, m->column);
    lh_buf_char(r->into, ')');
}

static lh_code render_measure(render *r, const ask_measure *m, lh_error *err) {
    static const char *const fns[] = {"count(", "count(DISTINCT ", "sum(", "avg(", "min(", "max(", "median(", "", ""};
    if (m->fn == ASK_RATIO) return render_ratio(r, m), LH_OK;
    if (m->fn == ASK_SHARE) {
        bool parts = false;
        for (size_t i = 0; i < r->plan->filter_count; i++) parts |= r->plan->filters[i].numerator;
        render_text(r, "round(100.0 * ");
        render_whole(r, m);
        if (parts) {
            render_text(r, " FILTER (WHERE ");
            size_t before = lh_buf_str(r->into).len;
            LH_TRY(render_where(r, true, "", err));
            if (lh_buf_str(r->into).len == before) return lh_fail(err, LH_INVALID, "what the share is of is not clear");
            render_text(r, ") / ");
            render_whole(r, m);
        } else {
            render_text(r, " / sum(");
            render_whole(r, m);
            render_text(r, ") OVER ()");
        }
        return render_text(r, ", 2)"), LH_OK;
    }
    render_text(r, fns[m->fn]);
    if (m->column.column < 0) lh_buf_char(r->into, '*');
    else render_operand(r, m->column, m->how, m->other);
    lh_buf_char(r->into, ')');
    if (m->divisor > 0) render_text(r, " / "), render_number(r, m->divisor);
    return LH_OK;
}

static void render_measure_name(render *r, const ask_measure *m) {
    static const char *const prefixes[] = {"",         "different_", "total_",  "average_", "lowest_",
                                           "highest_", "median_",    "percent", "percent"};
    static const char *const hows[] = {"", "_plus_", "_minus_", "_less_", "_times_", "_by_", "_to_"};
    LH_CLEANUP(lh_buf_done) lh_buf name = LH_BUF_INIT(4096);
    lh_buf_append(&name, lh_str_from(prefixes[m->fn]));
    if (m->how == ASK_DAYS) lh_buf_append(&name, LH_STR("days_"));
    if (m->fn < ASK_SHARE)
        lh_buf_append(&name, m->column.column >= 0  ? render_column_of(r, m->column)->name
                             : m->column.table >= 0 ? r->schema->tables[m->column.table].name.name
                                                    : LH_STR("count"));
    if (m->fn < ASK_SHARE && m->how)
        lh_buf_append(&name, lh_str_from(hows[m->how])), lh_buf_append(&name, render_column_of(r, m->other)->name);
    render_text(r, " AS ");
    lh_buf_sql_identifier(r->into, lh_buf_str(&name));
}

/* Along the group: the sum up to there, or the change in percent. */
static lh_code render_series(render *r, lh_error *err) {
    const ask_measure *m = &r->plan->measures[0];
    const ask_group *along = &r->plan->groups[0];
    if (r->plan->running) {
        render_text(r, "sum(");
        LH_TRY(render_measure(r, m, err));
        render_text(r, ") OVER (ORDER BY ");
        render_group(r, along);
        return render_text(r, ") AS \"running_total\""), LH_OK;
    }
    LH_TRY(render_measure(r, m, err));
    render_measure_name(r, m);
    render_text(r, ", round(100.0 * (");
    LH_TRY(render_measure(r, m, err));
    for (int i = 0; i < 2; i++) {
        render_text(r, i ? ") / lag(" : " - lag(");
        LH_TRY(render_measure(r, m, err));
        render_text(r, ") OVER (ORDER BY ");
        render_group(r, along);
        lh_buf_char(r->into, ')');
    }
    return render_text(r, ", 2) AS \"growth_percent\""), LH_OK;
}

static lh_code render_select(render *r, lh_error *err) {
    const ask_plan *plan = r->plan;
    const char *lead = plan->distinct ? "SELECT DISTINCT " : "SELECT ";
    bool of_groups = plan->mean_of_groups || plan->count_of_groups;
    if (plan->mean_of_rows) {
        render_text(r, "SELECT avg((SELECT count(*)");
        LH_TRY(render_elsewhere(r, plan->measures[0].column.table, NULL, false, err));
        return render_text(r, ")) AS \"average\""), LH_OK;
    }
    if (of_groups) {
        render_text(r, plan->mean_of_groups ? "SELECT avg(n) AS \"average\" FROM ("
                                            : "SELECT count(*) AS \"count\" FROM (");
        lead = "SELECT ";
    }
    for (size_t i = 0; i < plan->group_count; i++) {
        if (plan->groups[i].hidden || of_groups) continue;
        render_text(r, lead);
        lead = ", ";
        render_group(r, &plan->groups[i]);
        if (plan->groups[i].part)
            render_text(r, " AS "), lh_buf_sql_identifier(r->into, lh_str_from(render_part_name(plan->groups[i].part)));
    }
    for (size_t i = 0; i < plan->column_count; i++, lead = ", ") {
        render_text(r, lead);
        render_column(r, plan->columns[i]);
    }
    for (size_t i = 0; i < plan->measure_count; i++, lead = ", ") {
        render_text(r, lead);
        if (plan->running || plan->growth) {
            LH_TRY(render_series(r, err));
            continue;
        }
        LH_TRY(render_measure(r, &plan->measures[i], err));
        if (of_groups) render_text(r, " AS n");
        else render_measure_name(r, &plan->measures[i]);
    }
    return LH_OK;
}

static void render_joins(render *r) {
    const ask_plan *plan = r->plan;
    if (plan->mean_of_rows) return;
    for (size_t i = 0; i < plan->group_count; i++) render_join_to(r, plan->base, plan->groups[i].column.table);
    for (size_t i = 0; i < plan->partition_count; i++) render_join_to(r, plan->base, plan->partition[i].column.table);
    for (size_t i = 0; i < plan->column_count; i++) render_join_to(r, plan->base, plan->columns[i].table);
    for (size_t i = 0; i < plan->measure_count; i++) render_join_to(r, plan->base, plan->measures[i].column.table);
    if (plan->ordered && plan->order_measure < 0) render_join_to(r, plan->base, plan->order_column.table);
    for (size_t i = 0; i < plan->filter_count; i++)
        if (plan->filters[i].op != ASK_EXISTS && !render_is_elsewhere(r, plan->filters[i].column.table)) {
            render_join_to(r, plan->base, plan->filters[i].column.table);
            if (plan->filters[i].other.column >= 0 && plan->filters[i].op < ASK_BETWEEN)
                render_join_to(r, plan->base, plan->filters[i].other.table);
        }
}

/* What is asked for first, and those that are equal by their groups but for the first `skip`. */
static lh_code render_by(render *r, size_t skip, lh_error *err) {
    const ask_plan *plan = r->plan;
    if (plan->order_measure >= 0) LH_TRY(render_measure(r, &plan->measures[plan->order_measure], err));
    else render_column(r, plan->order_column);
    render_text(r, plan->descending ? " DESC NULLS LAST" : " NULLS LAST");
    for (size_t i = skip; i < plan->group_count; i++) render_text(r, ", "), render_group(r, &plan->groups[i]);
    return LH_OK;
}

static lh_code render_each(render *r, lh_error *err) {
    const ask_plan *plan = r->plan;
    for (size_t i = 0; i < plan->partition_count; i++) {
        render_text(r, i ? ", " : " QUALIFY row_number() OVER (PARTITION BY ");
        render_group(r, &plan->partition[i]);
    }
    render_text(r, " ORDER BY ");
    LH_TRY(render_by(r, plan->partition_count, err));
    return lh_buf_printf(r->into, ") <= %" PRIu64, plan->each), LH_OK;
}

/* The top 10 %: at least one. */
static lh_code render_percent(render *r, lh_error *err) {
    render_text(r, " QUALIFY row_number() OVER (ORDER BY ");
    LH_TRY(render_by(r, 0, err));
    return lh_buf_printf(r->into, ") <= ceil(%" PRIu64 " * count(*) OVER () / 100)", r->plan->limit), LH_OK;
}

static lh_code render_order(render *r, lh_error *err) {
    const ask_plan *plan = r->plan;
    if (plan->ordered) {
        render_text(r, " ORDER BY ");
        for (size_t i = 0; i < plan->partition_count; i++) render_group(r, &plan->partition[i]), render_text(r, ", ");
        LH_TRY(render_by(r, plan->partition_count, err));
    } else
        for (size_t i = 0; i < plan->group_count; i++) {
            render_text(r, i ? ", " : " ORDER BY ");
            if (plan->groups[i].part == ASK_DAY_OF_WEEK)
                render_text(r, "min(isodow("), render_column(r, plan->groups[i].column), render_text(r, "))");
            else render_group(r, &plan->groups[i]);
        }
    if (plan->limit && !plan->limit_percent) lh_buf_printf(r->into, " LIMIT %" PRIu64, plan->limit);
    return LH_OK;
}

void ask_render_name(const ask_schema *schema, const ask_filter *filter, size_t which, lh_buf *into) {
    render r = {.schema = schema, .into = into};
    ask_filter f = *filter;
    f.by_way = f.not = false;
    f.values[0] = f.values[which];
    f.value_count = 1;
    render_text(&r, "SELECT 1 FROM ");
    render_table(&r, f.column.table);
    render_text(&r, " WHERE ");
    render_condition(&r, &f);
    render_text(&r, " LIMIT 1");
}

lh_code ask_render(const ask_schema *schema, const ask_plan *plan, lh_buf *into, lh_error *err) {
    bool joined[ASK_TABLES_MAX] = {false};
    render r = {.schema = schema, .plan = plan, .into = into, .joined = joined};
    for (size_t i = 0; i < plan->filter_count; i++)
        r.qualified |= plan->filters[i].column.table != plan->base ||
                       (plan->filters[i].other.column >= 0 && plan->filters[i].other.table != plan->base);
    for (size_t i = 0; i < plan->group_count; i++) r.qualified |= plan->groups[i].column.table != plan->base;
    for (size_t i = 0; i < plan->partition_count; i++) r.qualified |= plan->partition[i].column.table != plan->base;
    for (size_t i = 0; i < plan->column_count; i++) r.qualified |= plan->columns[i].table != plan->base;
    for (size_t i = 0; i < plan->measure_count; i++)
        r.qualified |= plan->measures[i].column.column >= 0 && plan->measures[i].column.table != plan->base;
    r.qualified |= plan->mean_of_rows;
    joined[plan->base] = true;
    LH_TRY(render_select(&r, err));
    render_text(&r, " FROM ");
    render_table(&r, plan->base);
    render_joins(&r);
    LH_TRY(render_where(&r, false, " WHERE ", err));
    for (size_t i = 0; i < plan->group_count && !plan->mean_of_rows; i++) {
        render_text(&r, i ? ", " : " GROUP BY ");
        render_group(&r, &plan->groups[i]);
    }
    if (plan->has_having) {
        render_text(&r, " HAVING ");
        LH_TRY(render_measure(&r, &plan->measures[plan->having_measure], err));
        render_compare(&r, plan->having_op, plan->having);
    }
    if (plan->each) LH_TRY(render_each(&r, err));
    if (plan->limit && plan->limit_percent && plan->ordered) LH_TRY(render_percent(&r, err));
    if (plan->mean_of_rows) return lh_buf_check(into, err);
    if (plan->mean_of_groups || plan->count_of_groups) render_text(&r, ") AS of_each");
    else LH_TRY(render_order(&r, err));
    return lh_buf_check(into, err);
}
