/* What a caller may see, as a question needs it: tables, columns, what people said of them, keys, and the values of columns of few texts.
 * Rows are read only by statements of the caller, through its governor, so nothing is here that it could not read itself; a column that is
 * masked, or of personal data, has no values. What was read of a table is kept by what was seen of it then: the relation, with the
 * version of the table's document, and whose it is. `lock` of lh_ask guards the list. */
#include "ask/ask_internal.h"
#include "pii/pii.h"

enum {
    SCHEMA_VALUES_MAX = 3000,        /* of a column */
    SCHEMA_VALUE_BYTES = 80,         /* longer texts are no values to ask for */
    SCHEMA_COLUMN_BYTES = 128 << 10, /* values of a column */
    SCHEMA_KEPT_BYTES = 64 << 20,
    SCHEMA_READ_BYTES = 4 << 20,
    SCHEMA_GROUP = 50, /* columns of one statement */
    SCHEMA_GROUP_CELLS = 20 << 20,
    SCHEMA_GROUP_BYTES = 128 << 10, /* of their texts, by estimate: of a wrong one, too, the answer has room */
    SCHEMA_GROUP_KEYS = 2 << 20,    /* values that are told apart at once */
};

struct ask_kept {
    struct ask_kept *next;
    lh_sha256 key;
    lh_str text; /* owned: JSON */
};

void ask_kept_free(ask_kept *kept) {
    while (kept) {
        ask_kept *next = kept->next;
        lh_str_free(kept->text);
        free(kept);
        kept = next;
    }
}

/* ---- statements of the caller ---- */

typedef struct run_sink {
    lh_buf text;
} run_sink;

static lh_code run_write(void *ctx, lh_str data, lh_error *err) {
    run_sink *sink = ctx;
    lh_buf_append(&sink->text, data);
    return lh_buf_check(&sink->text, err);
}

lh_code ask_run(lh_ask *ask, lh_str sql, const lh_ask_caller *caller, uint64_t rows_max, bool audited, lh_arena *arena,
                lh_json **ret, lh_error *err) {
    run_sink sink = {.text = LH_BUF_INIT(SCHEMA_READ_BYTES)};
    lh_query_told told = {.arena = arena,
                          .datasets = lh_json_new_array(arena),
                          .columns = lh_json_new_array(arena),
                          .snapshot_ids = lh_json_new_array(arena)};
    lh_query_outcome outcome = {0};
    audited = audited && caller->ran;
    const lh_query query = {.sql = sql,
                            .format = LH_FORMAT_JSON,
                            .read_only = true,
                            .rows_max = rows_max,
                            .result_max_bytes = SCHEMA_READ_BYTES / 2,
                            .timeout_ms = caller->timeout_ms,
                            .cancel = caller->cancel,
                            .governor = caller->governor,
                            .views = caller->views,
                            .told = audited ? &told : NULL};
    lh_error ignored = {0};
    lh_code code = lh_engine_run(ask->engine, &query, run_write, &sink, &outcome, err);
    if (audited) {
        lh_code recorded = caller->ran(caller->ctx, sql, &told, &outcome, code, code == LH_OK ? err : &ignored);
        if (code == LH_OK) code = recorded;
    }
    if (code == LH_OK) code = lh_json_parse_exact(arena, lh_buf_str(&sink.text), ret, err);
    lh_buf_done(&sink.text);
    return code;
}

lh_ai_call ask_call(const lh_ask_caller *caller, lh_str model) {
    return (lh_ai_call){.model = model,
                        .principal = caller->by,
                        .cancelled = caller->cancel ? lh_cancel_flag(caller->cancel) : NULL};
}

lh_code ask_bind(lh_ask *ask, lh_str sql, const lh_ask_caller *caller, lh_arena *arena, lh_error *err) {
    lh_json *none = NULL;
    lh_str empty = lh_arena_printf(arena, "SELECT * FROM (%.*s\n) AS bound LIMIT 0", LH_STR_ARG(sql));
    LH_TRY(lh_arena_check(arena, err));
    return ask_run(ask, empty, caller, 0, false, arena, &none, err);
}

lh_str ask_statement(lh_str sql) {
    sql = lh_str_trim(sql);
    while (sql.len && sql.ptr[sql.len - 1] == ';') sql = lh_str_trim(lh_str_sub(sql, 0, sql.len - 1));
    return sql;
}

/* ---- what was read before ---- */

static void kept_sign(const lh_relation *relation, lh_arena *arena, lh_buf *into) {
    for (const lh_relation *r = relation; r; r = r->over) {
        lh_buf_append(into, lh_table_name_text(r->table, arena));
        lh_buf_printf(into, "|%" PRIu64 "|%" PRId64 "|%d|%d", r->version, r->schema_id, r->whole, r->view);
        for (size_t i = 0; i < r->column_count; i++) {
            const lh_relation_column *c = &r->columns[i];
            lh_buf_char(into, '|');
            lh_buf_json_string(into, c->name);
            lh_buf_json_string(into, c->type);
            lh_buf_printf(into, "%d,%u,%u,%" PRIu64, (int)c->mask.kind, c->mask.keep_prefix, c->mask.keep_suffix,
                          c->mask.bucket);
        }
        for (size_t i = 0; i < r->filter_count; i++) lh_buf_char(into, '|'), lh_buf_json_string(into, r->filters[i]);
        lh_buf_char(into, '\n');
    }
}

static lh_code kept_key(lh_ask *ask, const lh_ask_caller *caller, const lh_listed *listed, const ask_table *table,
                        lh_arena *arena, lh_sha256 *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sign = LH_BUF_INIT(4 << 20);
    lh_table_state state = {.snapshot_id = -1};
    if (lh_table_version(ask->catalog, listed->relation->table, &state, NULL) != LH_OK) state.version = 0;
    if (caller->governor) lh_buf_json_string(&sign, caller->governor->identity);
    lh_buf_append(&sign, lh_table_name_text(listed->name, arena));
    lh_buf_printf(&sign, "|%" PRIu64 "|%" PRId64 "\n", state.version, state.snapshot_id);
    kept_sign(listed->relation, arena, &sign);
    for (size_t c = 0; c < table->column_count; c++) lh_buf_printf(&sign, "%d", table->columns[c].personal);
    LH_TRY(lh_buf_check(&sign, err));
    *ret = lh_sha256_of(lh_buf_str(&sign));
    return LH_OK;
}

lh_str ask_kept_find(lh_ask *ask, const lh_sha256 *key, lh_arena *arena) {
    lh_str found = LH_STR_NONE;
    pthread_mutex_lock(&ask->lock);
    for (ask_kept **link = &ask->kept; *link; link = &(*link)->next) {
        ask_kept *one = *link;
        if (memcmp(&one->key, key, sizeof *key) != 0) continue;
        *link = one->next;
        one->next = ask->kept;
        ask->kept = one;
        found = lh_arena_dup(arena, one->text);
        break;
    }
    pthread_mutex_unlock(&ask->lock);
    return found;
}

void ask_kept_put(lh_ask *ask, const lh_sha256 *key, lh_str text) {
    ask_kept *one = calloc(1, sizeof *one);
    if (!one || lh_str_dup(text, &one->text) != LH_OK) {
        free(one);
        return;
    }
    one->key = *key;
    pthread_mutex_lock(&ask->lock);
    one->next = ask->kept;
    ask->kept = one;
    ask->kept_bytes += text.len;
    while (ask->kept_bytes > SCHEMA_KEPT_BYTES) {
        ask_kept **last = &ask->kept;
        while ((*last)->next) last = &(*last)->next;
        ask->kept_bytes -= (*last)->text.len;
        ask_kept_free(*last);
        *last = NULL;
    }
    pthread_mutex_unlock(&ask->lock);
}

/* ---- what a table holds ---- */

static void read_from(const ask_table *table, lh_arena *arena, lh_buf *sql) {
    lh_buf_append(sql, LH_STR(" FROM "));
    lh_engine_table_sql(table->name, arena, sql);
}

static bool read_looks(const ask_column *column) {
    return !column->masked &&
           (column->type == ASK_TEXT ||
            (column->type == ASK_NUMBER && lh_str_search(column->sql_type, LH_STR("(")) == SIZE_MAX &&
             !lh_str_starts(column->sql_type, LH_STR("DOUBLE")) && !lh_str_starts(column->sql_type, LH_STR("FLOAT"))));
}

static lh_code read_profile(lh_ask *ask, const lh_ask_caller *caller, const ask_table *table, lh_arena *arena,
                            lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_append(&sql, LH_STR("SELECT count(*)"));
    for (size_t c = 0; c < table->column_count; c++) {
        const ask_column *column = &table->columns[c];
        if (!read_looks(column)) {
            lh_buf_append(&sql, LH_STR(", 0, 0, 0"));
            continue;
        }
        lh_buf_append(&sql, LH_STR(", approx_count_distinct("));
        lh_buf_sql_identifier(&sql, column->name);
        lh_buf_append(&sql, LH_STR(")"));
        if (column->type != ASK_TEXT) {
            lh_buf_append(&sql, LH_STR(", min("));
            lh_buf_sql_identifier(&sql, column->name);
            lh_buf_append(&sql, LH_STR("), max("));
            lh_buf_sql_identifier(&sql, column->name);
            lh_buf_append(&sql, LH_STR(")"));
        } else {
            lh_buf_append(&sql, LH_STR(", max(length("));
            lh_buf_sql_identifier(&sql, column->name);
            lh_buf_append(&sql, LH_STR(")), sum(CASE WHEN contains("));
            lh_buf_sql_identifier(&sql, column->name);
            lh_buf_append(&sql, LH_STR(", ', ') THEN 1 ELSE 0 END)"));
        }
    }
    read_from(table, arena, &sql);
    LH_TRY(lh_buf_check(&sql, err));
    return ask_run(ask, lh_buf_str(&sql), caller, 1, false, arena, ret, err);
}

/* Whole numbers only: others keep their text. */
static double read_number(const lh_json *row, size_t at) { return (double)lh_json_int(lh_json_at(row, at), 0); }

/* What is read of a table. */
typedef struct read_run {
    lh_ask *ask;
    const lh_ask_caller *caller;
    const ask_table *table;
    lh_arena *arena;
    lh_json *columns; /* what was found, by column */
    double rows;
    size_t group_max; /* columns of one statement: of a large table few, as each has to end in its time */
} read_run;

/* Columns that one statement asks for: a wide table would else take two for each. */
typedef struct read_group {
    lh_code (*ask)(const read_run *run, const struct read_group *group, lh_error *err);
    double weight_max, weight;
    size_t columns[SCHEMA_GROUP], count;
    bool listed[SCHEMA_GROUP]; /* the column's values are lists */
} read_group;

static lh_code read_flush(const read_run *run, read_group *group, lh_error *err) {
    if (group->count) LH_TRY(group->ask(run, group, err));
    group->count = 0;
    group->weight = 0;
    return LH_OK;
}

/* weight: what the column adds to what the statement holds in memory. */
static lh_code read_add(const read_run *run, read_group *group, size_t column, bool listed, double weight,
                        lh_error *err) {
    if (group->count == run->group_max || group->weight + weight > group->weight_max)
        LH_TRY(read_flush(run, group, err));
    group->listed[group->count] = listed;
    group->columns[group->count++] = column;
    group->weight += weight;
    return LH_OK;
}

/* Runs the statement and gives its one row. */
static lh_code read_row(const read_run *run, lh_buf *sql, lh_json **ret, lh_error *err) {
    lh_json *answer = NULL;
    read_from(run->table, run->arena, sql);
    LH_TRY(lh_buf_check(sql, err));
    LH_TRY(ask_run(run->ask, lh_buf_str(sql), run->caller, 1, false, run->arena, &answer, err));
    *ret = lh_json_at(lh_json_get(answer, "rows"), 0);
    return LH_OK;
}

typedef struct read_texts {
    lh_json *values;
    size_t bytes, count;
} read_texts;

static void read_take(lh_arena *arena, lh_str text, read_texts *into) {
    into->count++;
    if (text.len == 0 || text.len > SCHEMA_VALUE_BYTES) return;
    into->bytes += text.len + 8;
    lh_json_append(into->values, lh_json_new_string(arena, text));
}

static void read_tell(const read_run *run, size_t column, bool listed, const read_texts *texts) {
    lh_json *into = lh_json_at(run->columns, column);
    if (texts->count > SCHEMA_VALUES_MAX || texts->bytes > SCHEMA_COLUMN_BYTES) return;
    lh_json_set(run->arena, into, "values", texts->values);
    if (listed) lh_json_set_bool(run->arena, into, "listed", true);
}

/* The texts of a column that may be too many, or the parts of its lists. */
static lh_code read_many(const read_run *run, size_t at, bool listed, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *answer = NULL;
    read_texts texts = {.values = lh_json_new_array(run->arena)};
    lh_str name = run->table->columns[at].name;
    lh_buf_append(&sql, listed ? LH_STR("SELECT DISTINCT unnest(string_split(") : LH_STR("SELECT DISTINCT "));
    lh_buf_sql_identifier(&sql, name);
    if (listed) lh_buf_append(&sql, LH_STR(", ', '))"));
    lh_buf_append(&sql, LH_STR(" AS v"));
    read_from(run->table, run->arena, &sql);
    lh_buf_append(&sql, LH_STR(" WHERE "));
    lh_buf_sql_identifier(&sql, name);
    lh_buf_printf(&sql, " IS NOT NULL ORDER BY 1 LIMIT %d", SCHEMA_VALUES_MAX + 1);
    LH_TRY(lh_buf_check(&sql, err));
    LH_TRY(ask_run(run->ask, lh_buf_str(&sql), run->caller, 0, false, run->arena, &answer, err));
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "rows")); lh_json_next(&it);)
        read_take(run->arena, lh_json_str(lh_json_at(it.value, 0), LH_STR_NONE), &texts);
    read_tell(run, at, listed, &texts);
    return LH_OK;
}

/* The parts of lists, each once. */
static lh_code read_parts(const read_run *run, const lh_json *lists, read_texts *into, lh_error *err) {
    const lh_str comma = LH_STR(", ");
    LH_CLEANUP(lh_buf_done) lh_buf parts = LH_BUF_INIT(SCHEMA_READ_BYTES * sizeof(lh_str));
    for (lh_json_iter it = lh_json_each(lists); lh_json_next(&it);) {
        lh_str rest = lh_json_str(it.value, LH_STR_NONE);
        for (bool more = true; more;) {
            size_t at = lh_str_search(rest, comma);
            lh_str part = lh_str_sub(rest, 0, at);
            lh_buf_append(&parts, (lh_str){(const char *)&part, sizeof part});
            more = at != SIZE_MAX;
            if (more) rest = lh_str_sub(rest, at + comma.len, rest.len);
        }
    }
    LH_TRY(lh_buf_check(&parts, err));
    size_t count = parts.len / sizeof(lh_str);
    lh_str *all = LH_ARENA_ARRAY(run->arena, lh_str, count + 1);
    LH_TRY(lh_arena_check(run->arena, err));
    if (count) memcpy(all, parts.ptr, parts.len);
    qsort(all, count, sizeof *all, lh_str_order);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !lh_str_eq(all[i - 1], all[i])) read_take(run->arena, all[i], into);
    return LH_OK;
}

/* The texts of columns of few, or the parts of them. */
static lh_code read_values(const read_run *run, const read_group *group, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *row = NULL;
    for (size_t i = 0; i < group->count; i++) {
        lh_str name = run->table->columns[group->columns[i]].name;
        lh_buf_append(&sql, i ? LH_STR(", list(DISTINCT ") : LH_STR("SELECT list(DISTINCT "));
        lh_buf_sql_identifier(&sql, name);
        lh_buf_append(&sql, LH_STR(" ORDER BY "));
        lh_buf_sql_identifier(&sql, name);
        lh_buf_append(&sql, LH_STR(") FILTER (WHERE "));
        lh_buf_sql_identifier(&sql, name);
        lh_buf_append(&sql, LH_STR(" IS NOT NULL)"));
    }
    LH_TRY(read_row(run, &sql, &row, err));
    for (size_t i = 0; i < group->count; i++) {
        read_texts texts = {.values = lh_json_new_array(run->arena)};
        const lh_json *list = lh_json_at(row, i);
        if (group->listed[i]) LH_TRY(read_parts(run, list, &texts, err));
        for (lh_json_iter it = lh_json_each(group->listed[i] ? NULL : list); lh_json_next(&it);)
            read_take(run->arena, lh_json_str(it.value, LH_STR_NONE), &texts);
        read_tell(run, group->columns[i], group->listed[i], &texts);
    }
    return LH_OK;
}

/* Is each value of them there once? And what do they look like, if they all look so? */
static lh_code read_keys(const read_run *run, const read_group *group, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *row = NULL;
    for (size_t i = 0; i < group->count; i++) {
        const ask_column *column = &run->table->columns[group->columns[i]];
        bool text = column->type == ASK_TEXT;
        lh_buf_append(&sql, i ? LH_STR(", count(*) = count(DISTINCT ") : LH_STR("SELECT count(*) = count(DISTINCT "));
        lh_buf_sql_identifier(&sql, column->name);
        lh_buf_append(&sql, text ? LH_STR("), min(regexp_replace(") : LH_STR("), NULL, NULL"));
        if (!text) continue;
        lh_buf_sql_identifier(&sql, column->name);
        lh_buf_append(&sql, LH_STR(", '[0-9]', '0', 'g')), max(regexp_replace("));
        lh_buf_sql_identifier(&sql, column->name);
        lh_buf_append(&sql, LH_STR(", '[0-9]', '0', 'g'))"));
    }
    LH_TRY(read_row(run, &sql, &row, err));
    for (size_t i = 0; i < group->count; i++) {
        lh_json *into = lh_json_at(run->columns, group->columns[i]);
        if (!lh_json_bool(lh_json_at(row, 3 * i), false)) continue;
        lh_json_set_bool(run->arena, into, "key", true);
        lh_str low = lh_json_str(lh_json_at(row, 3 * i + 1), LH_STR_NONE);
        lh_str high = lh_json_str(lh_json_at(row, 3 * i + 2), LH_STR_NONE);
        if (low.len >= 3 && low.len < 64 && lh_str_eq(low, high) && lh_str_find(low, '0') < low.len)
            lh_json_set_string(run->arena, into, "shape", low);
    }
    return LH_OK;
}

/* row: its profile. */
static lh_code read_column(const read_run *run, const lh_json *row, size_t c, read_group *values, read_group *keys,
                           lh_error *err) {
    const ask_column *column = &run->table->columns[c];
    bool words = column->type == ASK_TEXT;
    double distinct = read_number(row, 1 + 3 * c), longest = words ? read_number(row, 2 + 3 * c) : 0,
           lists = words ? read_number(row, 3 + 3 * c) : 0;
    if (!words && !column->personal) {
        lh_json_set_int(run->arena, lh_json_at(run->columns, c), "low", lh_json_int(lh_json_at(row, 2 + 3 * c), 0));
        lh_json_set_int(run->arena, lh_json_at(run->columns, c), "high", lh_json_int(lh_json_at(row, 3 + 3 * c), 0));
    }
    bool text = words && !column->personal, listed = lists > 0.5 * run->rows && longest <= 400;
    bool few = longest <= (double)(2 * SCHEMA_VALUE_BYTES) && distinct <= (double)SCHEMA_VALUES_MAX;
    if (text && longest > 0 && (listed || few)) {
        double bytes = distinct * (longest + 4);
        if (bytes > values->weight_max) LH_TRY(read_many(run, c, listed, err));
        else LH_TRY(read_add(run, values, c, listed, bytes, err));
    }
    if (distinct >= 0.6 * run->rows && longest <= 64 && (!column->personal || column->type != ASK_TEXT))
        LH_TRY(read_add(run, keys, c, false, run->rows, err));
    return LH_OK;
}

static lh_code read_table(lh_ask *ask, const lh_ask_caller *caller, const ask_table *table, lh_arena *arena,
                          lh_json **ret, lh_error *err) {
    lh_json *profile = NULL;
    read_group values = {.ask = read_values, .weight_max = SCHEMA_GROUP_BYTES};
    read_group keys = {.ask = read_keys, .weight_max = SCHEMA_GROUP_KEYS};
    LH_TRY(read_profile(ask, caller, table, arena, &profile, err));
    const lh_json *row = lh_json_at(lh_json_get(profile, "rows"), 0);
    read_run run = {ask, caller, table, arena, lh_json_new_array(arena), read_number(row, 0), SCHEMA_GROUP};
    const double cells = SCHEMA_GROUP_CELLS;
    if (run.rows * (double)SCHEMA_GROUP > cells) run.group_max = (size_t)(cells / run.rows) + 1;
    for (size_t c = 0; c < table->column_count; c++) lh_json_append(run.columns, lh_json_new_object(arena));
    LH_TRY(lh_arena_check(arena, err));
    for (size_t c = 0; c < table->column_count && run.rows >= 1; c++)
        if (read_looks(&table->columns[c])) LH_TRY(read_column(&run, row, c, &values, &keys, err));
    LH_TRY(read_flush(&run, &values, err));
    LH_TRY(read_flush(&run, &keys, err));
    *ret = run.columns;
    return lh_arena_check(arena, err);
}

/* Different in each row by what it is, not by chance: no salary of forty people is a key. */
static bool schema_may_be_key(const ask_column *column, bool first) {
    bool whole = !lh_str_starts(column->sql_type, LH_STR("DECIMAL")) &&
                 !lh_str_starts(column->sql_type, LH_STR("DOUBLE")) &&
                 !lh_str_starts(column->sql_type, LH_STR("FLOAT")) && !lh_str_starts(column->sql_type, LH_STR("REAL"));
    if (column->type == ASK_TEXT) return true;
    return column->type == ASK_NUMBER && whole && (first || ask_names_key(column->name));
}

static lh_code schema_take_read(ask_table *table, const lh_json *columns, lh_arena *arena, lh_error *err) {
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it) && it.index < table->column_count;) {
        ask_column *column = &table->columns[it.index];
        const lh_json *values = lh_json_get(it.value, "values");
        lh_str *texts = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(values) + 1);
        LH_TRY(lh_arena_check(arena, err));
        for (lh_json_iter v = lh_json_each(values); lh_json_next(&v);)
            texts[column->value_count++] = lh_json_str(v.value, LH_STR_NONE);
        column->values = texts;
        column->listed = lh_json_bool(lh_json_get(it.value, "listed"), false);
        column->key |= lh_json_bool(lh_json_get(it.value, "key"), false) && schema_may_be_key(column, it.index == 0);
        column->shape = lh_json_get_string(it.value, "shape");
        column->low = lh_json_int(lh_json_get(it.value, "low"), 0);
        column->high = lh_json_int(lh_json_get(it.value, "high"), 0);
    }
    return LH_OK;
}

static lh_code schema_read(lh_ask *ask, const lh_ask_caller *caller, const lh_listed *listed, ask_table *table,
                           lh_arena *arena, lh_error *err) {
    lh_sha256 key;
    lh_json *columns = NULL;
    LH_TRY(kept_key(ask, caller, listed, table, arena, &key, err));
    lh_str text = ask_kept_find(ask, &key, arena);
    if (text.len) LH_TRY(lh_json_parse(arena, text, &columns, err));
    else {
        LH_CLEANUP(lh_arena_freep) lh_arena *own = NULL;
        LH_TRY(lh_arena_new(64 << 20, &own, err));
        LH_TRY(read_table(ask, caller, table, own, &columns, err));
        LH_TRY(lh_json_write(own, columns, false, &text, err));
        ask_kept_put(ask, &key, text);
        LH_TRY(lh_json_parse(arena, text, &columns, err));
    }
    return schema_take_read(table, columns, arena, err);
}

/* ---- what is said of it ---- */

static const lh_str *schema_words(const lh_json *list, lh_arena *arena, size_t *ret_count) {
    lh_str *words = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(list) + 1);
    *ret_count = 0;
    for (lh_json_iter it = lh_json_each(list); words && lh_json_next(&it);)
        if (lh_json_is_string(it.value)) words[(*ret_count)++] = lh_json_str(it.value, LH_STR_NONE);
    return words;
}

bool ask_has_form(lh_str text) {
    size_t at, len;
    return lh_pii_find(text, 0, &at, &len) != LH_PII_NONE;
}

lh_str ask_one_line(lh_str text, size_t bytes_max, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(64 << 10);
    size_t found = 0, len = 0, next = 0;
    text = lh_str_cut_utf8(text, 4 * bytes_max);
    bool form = lh_pii_find(text, 0, &found, &len) != LH_PII_NONE;
    for (size_t i = 0; i < text.len; i = next) {
        lh_str rest = lh_str_sub(text, i, 3);
        bool line = lh_str_eq(rest, LH_STR("\xE2\x80\xA8")) || lh_str_eq(rest, LH_STR("\xE2\x80\xA9")) ||
                    lh_str_starts(rest, LH_STR("\xC2\x85"));
        next = i + 1;
        if (form && i == found) {
            lh_buf_append(&out, LH_STR("[hidden]"));
            next = found + len;
            form = lh_pii_find(text, next, &found, &len) != LH_PII_NONE;
        } else if (line) {
            lh_buf_char(&out, ' ');
            next = i + (rest.ptr[0] == '\xC2' ? 2 : 3);
        } else lh_buf_char(&out, (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7F ? ' ' : text.ptr[i]);
    }
    return lh_arena_dup(arena, lh_str_cut_utf8(lh_buf_str(&out), bytes_max));
}

lh_str ask_tags(const ask_table *table, size_t bytes_max, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(64 << 10);
    for (size_t i = 0; i < table->tag_count; i++) {
        if (i) lh_buf_append(&out, LH_STR(", "));
        lh_buf_append(&out, ask_one_line(table->tags[i], 255, arena));
    }
    return lh_arena_dup(arena, lh_str_cut_utf8(lh_buf_str(&out), bytes_max));
}

/* What was detected in rows that are hidden says nothing to who does not see them: then the name alone tells. */
/* *ret_person: of people's names. */
static bool schema_personal(const lh_json *said, lh_str name, bool whole, bool *ret_person) {
    lh_str kind = lh_json_get_string(said, "pii_kind");
    bool known = kind.len && (whole || lh_str_eq(lh_json_get_string(said, "said_by"), LH_STR("declared")));
    *ret_person = known && lh_str_eq(kind, lh_str_from(lh_pii_kind_name(LH_PII_NAME)));
    if (known) return !lh_str_eq(kind, LH_STR("none"));
    if (!whole) return lh_pii_name_is_personal(name);
    lh_pii_column unseen; /* nothing was found: a name such as first_name says it all the same */
    lh_pii_begin(&unseen, name, LH_PII_TYPE_TEXT);
    lh_pii_kind by_name = lh_pii_end(&unseen).kind;
    *ret_person = by_name == LH_PII_NAME;
    return by_name != LH_PII_NONE;
}

static lh_code schema_table(lh_ask *ask, const lh_listed *listed, lh_arena *arena, ask_table *into, lh_json **ret_said,
                            lh_error *err) {
    const lh_relation *relation = listed->relation;
    lh_json *said = NULL;
    if (!relation->view && lh_dataset_said(ask->catalog, listed->name, arena, &said, NULL) != LH_OK) said = NULL;
    bool home = lh_str_eq(listed->name.namespace_, lh_catalog_default_namespace(ask->catalog));
    *into = (ask_table){.name = listed->name,
                        .shown = home ? listed->name.name : lh_table_name_text(listed->name, arena),
                        .description = lh_json_get_string(said, "description")};
    into->synonyms = schema_words(lh_json_get(said, "synonyms"), arena, &into->synonym_count);
    into->tags = schema_words(lh_json_get(said, "tags"), arena, &into->tag_count);
    into->columns = LH_ARENA_ARRAY(arena, ask_column, relation->column_count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < relation->column_count; i++) {
        const lh_relation_column *seen = &relation->columns[i];
        const lh_json *about = NULL;
        for (lh_json_iter it = lh_json_each(lh_json_get(said, "columns")); lh_json_next(&it) && !about;)
            if (lh_str_eq(lh_json_get_string(it.value, "name"), seen->name)) about = it.value;
        ask_column *column = &into->columns[into->column_count++];
        *column = (ask_column){.name = seen->name,
                               .sql_type = lh_relation_type(seen),
                               .description = lh_json_get_string(about, "description"),
                               .key = lh_json_bool(lh_json_get(about, "key"), false),
                               .masked = seen->mask.kind != LH_MASK_NONE,
                               .year_seen = seen->mask.kind == LH_MASK_YEAR};
        column->synonyms = schema_words(lh_json_get(about, "synonyms"), arena, &column->synonym_count);
        if (column->sql_type.len == 0) {
            LH_CLEANUP(lh_buf_done) lh_buf type = LH_BUF_INIT(4096);
            lh_engine_type_sql(lh_json_get(about, "type"), &type);
            column->sql_type = lh_arena_dup(arena, lh_buf_str(&type));
        }
        column->type = ask_type_of(column->sql_type);
        column->personal = column->masked || schema_personal(about, seen->name, relation->whole, &column->person) ||
                           lh_str_eq(lh_json_get_string(about, "sensitivity"), LH_STR("restricted"));
    }
    *ret_said = said;
    return lh_arena_check(arena, err);
}

static ask_ref schema_find(const ask_schema *schema, lh_str reference) {
    size_t dot = reference.len;
    while (dot > 0 && reference.ptr[dot - 1] != '.') dot--;
    if (dot == 0) return (ask_ref){-1, -1};
    lh_str table = lh_str_sub(reference, 0, dot - 1), column = lh_str_sub(reference, dot, reference.len);
    for (size_t t = 0; t < schema->table_count; t++) {
        LH_CLEANUP(lh_buf_done) lh_buf full = LH_BUF_INIT(2048);
        lh_buf_printf(&full, "%.*s.%.*s", LH_STR_ARG(schema->tables[t].name.namespace_),
                      LH_STR_ARG(schema->tables[t].name.name));
        if (!lh_str_eq_nocase(schema->tables[t].shown, table) && !lh_str_eq_nocase(lh_buf_str(&full), table)) continue;
        for (size_t c = 0; c < schema->tables[t].column_count; c++)
            if (lh_str_eq_nocase(schema->tables[t].columns[c].name, column)) return (ask_ref){(int)t, (int)c};
    }
    return (ask_ref){-1, -1};
}

/* Keys that people declared, between what the caller sees. */
static lh_code schema_declared(ask_schema *schema, lh_json *const *said, lh_arena *arena, lh_error *err) {
    schema->keys = LH_ARENA_ARRAY(arena, ask_key, ASK_KEYS_MAX);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t t = 0; t < schema->table_count; t++)
        for (lh_json_iter it = lh_json_each(lh_json_get(said[t], "columns")); lh_json_next(&it);) {
            lh_str reference = lh_json_get_string(it.value, "references");
            ask_ref to = reference.len ? schema_find(schema, reference) : (ask_ref){-1, -1};
            for (size_t c = 0; c < schema->tables[t].column_count && to.column >= 0 && schema->key_count < ASK_KEYS_MAX;
                 c++)
                if (lh_str_eq(schema->tables[t].columns[c].name, lh_json_get_string(it.value, "name"))) {
                    schema->keys[schema->key_count++] = (ask_key){{(int)t, (int)c}, to, true};
                    schema->tables[to.table].columns[to.column].key = true;
                }
        }
    return LH_OK;
}

lh_code ask_schema_load(lh_ask *ask, const lh_ask_caller *caller, bool values, lh_arena *arena, ask_schema *ret,
                        lh_error *err) {
    const lh_governor *governor = caller->governor ? caller->governor : caller->views;
    lh_listed *listed = NULL;
    size_t count = 0;
    LH_TRY(governor->list(governor->ctx, arena, &listed, &count, err));
    lh_json **said = LH_ARENA_ARRAY(arena, lh_json *, count + 1);
    ask_schema schema = {.tables = LH_ARENA_ARRAY(arena, ask_table, count + 1)};
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < count && schema.table_count < ASK_TABLES_MAX; i++) {
        ask_table *table = &schema.tables[schema.table_count];
        if (lh_namespace_is_system(listed[i].name.namespace_) ||
            lh_str_eq(listed[i].name.namespace_, LH_STR("vectors")))
            continue;
        LH_TRY(schema_table(ask, &listed[i], arena, table, &said[schema.table_count], err));
        lh_error gone = {0};
        lh_code code = values ? schema_read(ask, caller, &listed[i], table, arena, &gone) : LH_OK;
        if (code == LH_CANCELLED || code == LH_NO_MEMORY || code == LH_LIMIT || code == LH_UNAVAILABLE)
            return *err = gone, code;
        if (code == LH_OK)
            schema.table_count++; /* else it cannot be read: a view that is broken, a table that is gone */
    }
    LH_TRY(schema_declared(&schema, said, arena, err));
    LH_TRY(ask_schema_keys(&schema, arena, err));
    *ret = schema;
    return lh_arena_check(arena, err);
}
