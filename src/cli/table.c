/* Two passes: every cell becomes text (arena), then widths are known and lines are printed. Widths are of terminal
 * columns, not bytes. When the table is wider than the terminal, the widest text gives way first: a number or a
 * date cut short would lie. When that is not enough, columns in the middle are left out, and a line says so. */
#include "cli/table.h"

#include <errno.h>

enum { TABLE_COLUMN_WIDTH_MIN = 8 };

typedef struct table {
    size_t column_count, row_count;
    lh_str *names;
    bool *right, *text;     /* numbers; what may be cut */
    size_t *widths, *needs; /* needs: of the values, without the name */
    lh_str *cells;          /* row by row */
    size_t gap, hidden;     /* so many columns from `gap` on are left out */
} table;

static bool table_is_control(lh_str text, size_t i) { /* C0, DEL, C1 (as UTF-8) and bytes that are no UTF-8 */
    unsigned char c = (unsigned char)text.ptr[i];
    if (c < 0x20 || c == 0x7F) return true;
    if (c < 0x80) return false;
    if (lh_str_utf8_prefix(lh_str_sub(text, i, 4)) == 0) return true;
    return c == 0xC2 && (unsigned char)text.ptr[i + 1] < 0xA0;
}

/* The text with control characters written as \n, \t, \x1B. */
static lh_str table_escape(lh_arena *arena, lh_str text) {
    size_t bad = 0, width;
    for (size_t i = 0; i < text.len; i += lh_str_cluster(text, i, &width)) bad += table_is_control(text, i);
    if (bad == 0) return text;
    char *into = lh_arena_alloc(arena, text.len + bad * 8 + 1);
    if (!into) return LH_STR_NONE;
    size_t n = 0;
    for (size_t i = 0, bytes; i < text.len; i += bytes) {
        bytes = lh_str_cluster(text, i, &width);
        char c = text.ptr[i];
        if (!table_is_control(text, i)) memcpy(into + n, text.ptr + i, bytes), n += bytes;
        else if (c == '\n' || c == '\t' || c == '\r')
            into[n++] = '\\', into[n++] = c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
        else
            for (size_t k = 0; k < bytes; k++)
                n += (size_t)snprintf(into + n, 5, "\\x%02X", (unsigned char)text.ptr[i + k]);
    }
    return (lh_str){into, n};
}

static lh_str table_text(lh_arena *arena, const lh_json *value) {
    lh_str text = LH_STR_NONE;
    if (lh_json_is_null(value)) return LH_STR("NULL");
    if (lh_json_is_string(value)) return table_escape(arena, lh_json_str(value, LH_STR_NONE));
    if (lh_json_write(arena, value, false, &text, NULL) != LH_OK) return LH_STR_NONE; /* the arena remembers */
    return table_escape(arena, text);
}

static bool table_is_number(lh_str type) {
    static const char *const names[] = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",   "HUGEINT", "FLOAT",   "DOUBLE",
                                        "DECIMAL", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"};
    if (lh_str_ends(type, LH_STR("]"))) return false; /* a list of them */
    type = lh_str_sub(type, 0, lh_str_find(type, '('));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (lh_str_eq_nocase(type, lh_str_from(names[i]))) return true;
    return false;
}

static bool table_is_text(lh_str type) {
    static const char *const names[] = {"BOOLEAN", "DATE", "TIME", "TIMESTAMP", "UUID", "INTERVAL"};
    if (table_is_number(type)) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (lh_str_starts(type, lh_str_from(names[i])) && !lh_str_ends(type, LH_STR("]"))) return false;
    return true;
}

static lh_code table_fill(table *t, const lh_json *answer, lh_arena *arena, lh_error *err) {
    const lh_json *columns = lh_json_get(answer, "columns"), *rows = lh_json_get(answer, "rows");
    if (!lh_json_is_array(columns) || !lh_json_is_array(rows))
        return lh_fail(err, LH_INVALID, "the answer has no columns and rows");
    t->column_count = lh_json_size(columns);
    t->row_count = lh_json_size(rows);
    t->names = LH_ARENA_ARRAY(arena, lh_str, t->column_count + 1);
    t->right = LH_ARENA_ARRAY(arena, bool, t->column_count + 1);
    t->text = LH_ARENA_ARRAY(arena, bool, t->column_count + 1);
    t->widths = LH_ARENA_ARRAY(arena, size_t, t->column_count + 1);
    t->needs = LH_ARENA_ARRAY(arena, size_t, t->column_count + 1);
    t->cells = LH_ARENA_ARRAY(arena, lh_str, t->column_count * t->row_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        t->names[it.index] = table_escape(arena, lh_json_get_string(it.value, "name"));
        t->right[it.index] = table_is_number(lh_json_get_string(it.value, "type"));
        t->text[it.index] = table_is_text(lh_json_get_string(it.value, "type"));
        t->widths[it.index] = lh_str_width(t->names[it.index]);
        t->needs[it.index] = 0;
    }
    for (lh_json_iter row = lh_json_each(rows); lh_json_next(&row);) {
        if (lh_json_size(row.value) != t->column_count)
            return lh_fail(err, LH_INVALID, "a row of the answer has another number of columns");
        for (lh_json_iter it = lh_json_each(row.value); lh_json_next(&it);) {
            lh_str text = table_text(arena, it.value);
            size_t width = lh_str_width(text);
            t->cells[row.index * t->column_count + it.index] = text;
            if (width > t->needs[it.index]) t->needs[it.index] = width;
            if (width > t->widths[it.index]) t->widths[it.index] = width;
        }
    }
    return lh_arena_check(arena, err);
}

static bool table_hides(const table *t, size_t column) { return column >= t->gap && column < t->gap + t->hidden; }

/* A column can be as narrow as this: a name may be cut, a number may not. */
static size_t table_least(const table *t, size_t column) {
    size_t least = t->text[column] ? TABLE_COLUMN_WIDTH_MIN : t->needs[column];
    if (least < TABLE_COLUMN_WIDTH_MIN) least = TABLE_COLUMN_WIDTH_MIN;
    return least < t->widths[column] ? least : t->widths[column];
}

/* Of the rule: two spaces a column, a line between; the gap has a column of its own. */
static size_t table_total(const table *t, bool least) {
    size_t total = t->hidden ? 3 : 0, shown = 0;
    for (size_t i = 0; i < t->column_count; i++)
        if (!table_hides(t, i)) total += (least ? table_least(t, i) : t->widths[i]) + (shown++ ? 3 : 2);
    return total;
}

/* Leaves out columns from the middle until the others fit at their narrowest; the first and the last stay. */
static void table_hide(table *t, size_t limit) {
    while (t->column_count - t->hidden > 2 && table_total(t, true) > limit) {
        if (!t->hidden) t->gap = t->column_count / 2;
        else if (t->gap > t->column_count - t->gap - t->hidden) t->gap--;
        t->hidden++;
    }
}

/* Takes from the widest column that can give until all fit, or none can. */
static void table_shrink(table *t, size_t limit) {
    for (size_t total = table_total(t, false); total > limit;) {
        size_t widest = SIZE_MAX, second = 0;
        for (size_t i = 0; i < t->column_count; i++) {
            if (table_hides(t, i) || t->widths[i] <= table_least(t, i)) continue;
            if (widest == SIZE_MAX || t->widths[i] > t->widths[widest]) widest = i;
        }
        if (widest == SIZE_MAX) return;
        for (size_t i = 0; i < t->column_count; i++)
            if (i != widest && !table_hides(t, i) && t->widths[i] > second) second = t->widths[i];
        size_t floor = second > table_least(t, widest) ? second : table_least(t, widest);
        size_t take = t->widths[widest] > floor ? t->widths[widest] - floor : 1;
        if (take > total - limit) take = total - limit;
        t->widths[widest] -= take;
        total -= take;
    }
}

static void table_spaces(FILE *into, size_t count) {
    while (count--) fputc(' ', into);
}

/* The text in `width` columns; what does not fit ends in "…". */
static void table_put(FILE *into, lh_str text, size_t width, bool right, lh_cli_table_style style) {
    size_t total = lh_str_width(text);
    if (total <= width) {
        if (right) table_spaces(into, width - total);
        fwrite(text.ptr, 1, text.len, into);
        if (!right) table_spaces(into, width - total);
        return;
    }
    size_t used = 0, i = 0, one;
    while (i < text.len) {
        size_t bytes = lh_str_cluster(text, i, &one);
        if (used + one > width - 1) break;
        used += one;
        i += bytes;
    }
    fwrite(text.ptr, 1, i, into);
    fputs(style.unicode ? "…" : "~", into);
    table_spaces(into, width - used - 1);
}

static void table_line(FILE *into, const table *t, const lh_str *cells, lh_cli_table_style style) {
    for (size_t i = 0; i < t->column_count; i++) {
        fputs(i == 0 ? " " : style.unicode ? " │ " : " | ", into);
        if (table_hides(t, i)) {
            fputs(style.unicode ? "…" : "~", into);
            i += t->hidden - 1;
            continue;
        }
        bool last_left = i + 1 == t->column_count && !t->right[i] && lh_str_width(cells[i]) <= t->widths[i];
        if (last_left) fwrite(cells[i].ptr, 1, cells[i].len, into); /* no spaces at the end of a line */
        else table_put(into, cells[i], t->widths[i], t->right[i], style);
    }
    fputc('\n', into);
}

static void table_rule(FILE *into, const table *t, lh_cli_table_style style) {
    for (size_t i = 0; i < t->column_count; i++) {
        size_t width = table_hides(t, i) ? 1 : t->widths[i];
        if (i) fputs(style.unicode ? "┼" : "+", into);
        for (size_t k = 0; k < width + 2; k++) fputs(style.unicode ? "─" : "-", into);
        if (table_hides(t, i)) i += t->hidden - 1;
    }
    fputc('\n', into);
}

static void table_aligned(FILE *into, table *t, lh_cli_table_style style) {
    if (style.width) table_hide(t, style.width);
    if (style.width) table_shrink(t, style.width);
    table_line(into, t, t->names, style);
    table_rule(into, t, style);
    for (size_t row = 0; row < t->row_count; row++) table_line(into, t, t->cells + row * t->column_count, style);
    if (t->hidden)
        fprintf(into, "(%zu of %zu columns do not fit and are left out; %s shows all)\n", t->hidden, t->column_count,
                style.shell ? "\\x" : "-x");
}

/* The plan of EXPLAIN is a drawing: its lines stay lines. */
static bool table_is_plan(const table *t) {
    return t->column_count == 2 && lh_str_eq(t->names[0], LH_STR("explain_key")) &&
           lh_str_eq(t->names[1], LH_STR("explain_value"));
}

static void table_plan(FILE *into, const lh_json *answer, lh_arena *arena) {
    for (lh_json_iter row = lh_json_each(lh_json_get(answer, "rows")); lh_json_next(&row);) {
        lh_str plan = lh_json_str(lh_json_at(row.value, 1), LH_STR_NONE);
        while (plan.len) {
            lh_str line = table_escape(arena, lh_str_split(&plan, '\n'));
            fwrite(line.ptr, 1, line.len, into);
            fputc('\n', into);
        }
    }
}

static void table_expanded(FILE *into, const table *t) {
    size_t width = 0;
    for (size_t i = 0; i < t->column_count; i++)
        if (lh_str_width(t->names[i]) > width) width = lh_str_width(t->names[i]);
    for (size_t row = 0; row < t->row_count; row++) {
        fprintf(into, "- row %zu\n", row + 1);
        for (size_t i = 0; i < t->column_count; i++) {
            lh_str cell = t->cells[row * t->column_count + i];
            fprintf(into, "  %.*s", LH_STR_ARG(t->names[i]));
            table_spaces(into, width - lh_str_width(t->names[i]) + 2);
            fwrite(cell.ptr, 1, cell.len, into);
            fputc('\n', into);
        }
    }
}

lh_code lh_cli_table_print(FILE *into, const lh_json *answer, lh_cli_table_style style, lh_arena *arena,
                           lh_error *err) {
    table t = {0};
    LH_TRY(table_fill(&t, answer, arena, err));
    if (table_is_plan(&t)) table_plan(into, answer, arena);
    else if (style.expanded) table_expanded(into, &t);
    else if (t.column_count) table_aligned(into, &t, style);
    return ferror(into) ? lh_fail_errno(err, errno, "cannot write the answer") : LH_OK;
}

lh_str lh_cli_size(lh_arena *arena, uint64_t bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit < 5) value /= 1000, unit++;
    return lh_arena_printf(arena, unit && value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}
