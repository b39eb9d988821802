/* SQL over the plain file: read_csv, read_json or read_parquet with everything spelled out, and the file's columns.
 *
 * CSV: the structure (delimiter, names) is taken from the first record by ourselves, so that a ragged file fails with its
 * line instead of being read as something else; DuckDB's sniffer only gives the types and whether there is a header.
 * JSON: json.c; STRUCTs become columns a_b down to flatten_depth. Then probe.c has a second look at the types.
 * No text of the file ever goes into SQL but through the two quoting functions. */
#include "ingest/ingest_internal.h"

#include <stdio.h>

static lh_code relation_query(ingest_job *job, const lh_buf *sql, lh_json **ret, lh_error *err) {
    LH_TRY(lh_buf_check(sql, err));
    lh_code code = lh_session_run(job->session, lh_buf_str(sql), NULL, job->arena, ret, err);
    return code == LH_OK ? LH_OK : ingest_relation_error(job, code, err);
}

static lh_code relation_new_columns(ingest_job *job, size_t room, lh_error *err) {
    job->columns = LH_ARENA_ARRAY(job->arena, ingest_column, room + 1);
    job->column_count = 0;
    return job->columns ? LH_OK : lh_arena_check(job->arena, err);
}

static lh_str relation_identifier(lh_str name, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf quoted = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_buf_sql_identifier(&quoted, name);
    return lh_arena_dup(arena, lh_buf_str(&quoted));
}

/* ---- CSV ---- */

/* One field of CSV text, and how it ends. */
typedef struct relation_field {
    size_t next;           /* where the next one begins */
    bool quoted, enclosed; /* begins with a quote; and ends with one */
    bool last, cut;        /* of its record; the text ends before it does */
} relation_field;

static size_t relation_line_end(lh_str text, size_t at) { /* bytes of the line end at `at`, 0: none */
    if (text.ptr[at] == '\n') return 1;
    return lh_str_starts(lh_str_sub(text, at, 2), LH_STR("\r\n")) ? 2 : 0;
}

/* Reads the field at `at`; its text without quotes goes to `into` when not NULL, which has room. */
static relation_field relation_read_field(lh_str text, size_t at, lh_str delimiter, char quote, char *into,
                                          size_t *ret_used) {
    relation_field field = {.quoted = quote && at < text.len && text.ptr[at] == quote};
    size_t used = 0;
    bool open = field.quoted;
    for (size_t i = at + (open ? 1 : 0); i < text.len; i++) {
        char c = text.ptr[i];
        if (open && c == quote && !(i + 1 < text.len && text.ptr[i + 1] == quote)) {
            open = false;
            field.enclosed = true;
            continue;
        }
        if (open && c == quote) i++; /* a doubled quote */
        if (!open) {
            size_t end = relation_line_end(text, i);
            field.last = end != 0;
            field.next = i + (end ? end : delimiter.len);
            if (end || lh_str_starts(lh_str_sub(text, i, SIZE_MAX), delimiter)) return *ret_used = used, field;
            field.enclosed = false; /* goes on behind its second quote */
        }
        if (into) into[used] = c;
        used++;
    }
    *ret_used = used;
    field.next = text.len;
    field.last = field.cut = true;
    return field;
}

/* Splits the first record; counts into *ret, and fills names when not NULL. False: the text ends before it does. */
static bool relation_first_record(lh_str head, lh_str delimiter, char quote, lh_arena *arena, lh_str *names,
                                  size_t *ret) {
    char *text = names ? lh_arena_alloc(arena, head.len + 1) : NULL;
    size_t count = 0, used = 0;
    relation_field field = {0};
    while (!field.last) {
        field = relation_read_field(head, field.next, delimiter, quote, text, &used);
        if (names && text) names[count] = lh_arena_dup(arena, (lh_str){text, used});
        count++;
    }
    *ret = count;
    return !field.cut;
}

static lh_str relation_without_bom(lh_str head) {
    return lh_str_starts(head, LH_STR("\xef\xbb\xbf")) ? lh_str_sub(head, 3, SIZE_MAX) : head;
}

/* The delimiter that splits the first record into most columns. */
static lh_str relation_find_delimiter(lh_str head, char quote) {
    static const char candidates[] = ",\t;|";
    lh_str found = LH_STR(",");
    size_t best = 1, count;
    for (size_t i = 0; i < 4; i++) {
        lh_str candidate = {&candidates[i], 1};
        (void)relation_first_record(head, candidate, quote, NULL, NULL, &count);
        if (count > best) best = count, found = candidate;
    }
    return found;
}

/* Is ' a quote here? Some field is enclosed in it, none only begins with it, and none with ". */
static bool relation_single_quoted(lh_str head, bool whole, lh_str delimiter) {
    size_t enclosed = 0, used;
    for (relation_field field = {0}; field.next < head.len;) {
        char first = head.ptr[field.next];
        field = relation_read_field(head, field.next, delimiter, '\'', NULL, &used);
        if (field.cut && !whole) break;
        if (first == '"' || (field.quoted && !field.enclosed)) return false;
        enclosed += field.quoted && field.enclosed && used;
    }
    return enclosed > 0;
}

static void relation_dialect(ingest_job *job, lh_str head) {
    const ingest_csv_options *csv = &job->options.csv;
    lh_str given = csv->delimiter.len ? csv->delimiter : job->format == INGEST_TSV ? LH_STR("\t") : LH_STR_NONE;
    job->quote = csv->has_quote ? csv->quote : LH_STR("\"");
    lh_str tried = given.len ? given : relation_find_delimiter(head, '\'');
    if (!csv->has_quote && relation_single_quoted(head, job->bytes <= job->head.len, tried)) job->quote = LH_STR("'");
    job->escape = csv->has_escape ? csv->escape : job->quote;
    job->delimiter = given.len ? given : relation_find_delimiter(head, job->quote.len ? job->quote.ptr[0] : '\0');
}

static void relation_csv_dialect_sql(const ingest_job *job, lh_buf *into) {
    const ingest_csv_options *csv = &job->options.csv;
    lh_buf_sql_string(into, job->path);
    lh_buf_append(into, LH_STR(", delim="));
    lh_buf_sql_string(into, job->delimiter);
    lh_buf_append(into, LH_STR(", quote="));
    lh_buf_sql_string(into, job->quote);
    lh_buf_append(into, LH_STR(", escape="));
    lh_buf_sql_string(into, job->escape);
    lh_buf_printf(into, ", skip=%" PRId64 ", strict_mode=%s", csv->skip > 0 ? csv->skip : 0,
                  job->mixed_lines ? "false" : "true"); /* strict: one kind of line end, too */
    if (job->long_lines || job->quarantine) /* a reject for its length would be a silent loss of a good row */
        lh_buf_printf(into, ", max_line_size=%" PRIu64, job->ingest->line_max_bytes + 16);
    if (csv->date_format.len) lh_buf_append(into, LH_STR(", dateformat=")), lh_buf_sql_string(into, csv->date_format);
    if (csv->timestamp_format.len)
        lh_buf_append(into, LH_STR(", timestampformat=")), lh_buf_sql_string(into, csv->timestamp_format);
    if (csv->decimal_separator.len)
        lh_buf_append(into, LH_STR(", decimal_separator=")), lh_buf_sql_string(into, csv->decimal_separator);
    lh_buf_append(into, LH_STR(", nullstr=[''"));
    for (size_t i = 0; i < job->options.null_count; i++) {
        if (job->options.nulls[i].len == 0) continue;
        lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_string(into, job->options.nulls[i]);
    }
    lh_buf_char(into, ']');
}

/* Asks DuckDB's sniffer for types and header. *ret_types: array in column order, NULL when it found another shape.
 * `ragged`: lines of another shape are looked over. */
static lh_code relation_sniff(ingest_job *job, size_t columns, bool ragged, lh_json **ret_types, bool *ret_header,
                              lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_buf_append(&sql,
                  LH_STR("SELECT HasHeader, to_json(list_transform(Columns, lambda c: c.type))::VARCHAR, DateFormat, "
                         "TimestampFormat FROM sniff_csv("));
    relation_csv_dialect_sql(job, &sql);
    if (job->options.csv.header >= 0 || job->lines <= 1)
        lh_buf_printf(&sql, ", header=%s", job->options.csv.header == 0 ? "false" : "true");
    if (job->options.all_varchar) lh_buf_append(&sql, LH_STR(", all_varchar=true"));
    if (ragged) lh_buf_append(&sql, LH_STR(", ignore_errors=true"));
    lh_buf_printf(&sql, ", sample_size=%" PRId64 ")", job->whole_sample ? -1 : job->options.sample_rows);
    *ret_types = NULL;
    *ret_header = job->options.csv.header != 0;
    job->date_format = job->timestamp_format = LH_STR_NONE;
    LH_TRY(lh_buf_check(&sql, err));
    lh_code code = lh_session_run(job->session, lh_buf_str(&sql), NULL, job->arena, &result, err);
    if (code == LH_INVALID || code == LH_CONFLICT) return LH_OK; /* a ragged file: reading it will say where */
    if (code != LH_OK) return code;
    const lh_json *row = lh_json_at(lh_json_get(result, "rows"), 0);
    lh_json *types = NULL;
    LH_TRY(lh_json_parse(job->arena, lh_json_str(lh_json_at(row, 1), LH_STR("[]")), &types, err));
    if (job->options.csv.header < 0) *ret_header = lh_json_bool(lh_json_at(row, 0), true);
    if (lh_json_size(types) != columns) return LH_OK;
    *ret_types = types;
    job->date_format = lh_json_str(lh_json_at(row, 2), LH_STR_NONE);
    job->timestamp_format = lh_json_str(lh_json_at(row, 3), LH_STR_NONE);
    return LH_OK;
}

static char relation_quote(const ingest_job *job) { return job->quote.len ? job->quote.ptr[0] : '\0'; }

/* The dialect, the text from the first record on, and its fields. False: the head is too short for it. */
static bool relation_structure(ingest_job *job, lh_str *ret_head, size_t *ret_count) {
    *ret_head = relation_without_bom(job->head);
    for (int64_t skip = job->options.csv.skip; skip > 0 && ret_head->len; skip--) (void)lh_str_split(ret_head, '\n');
    relation_dialect(job, *ret_head);
    return relation_first_record(*ret_head, job->delimiter, relation_quote(job), NULL, NULL, ret_count);
}

static lh_code relation_too_wide(const ingest_job *job, lh_error *err) {
    return lh_fail(err, LH_LIMIT, "the file has more than %" PRIu64 " columns (ingest.columns_max)",
                   job->ingest->columns_max);
}

static lh_code relation_csv(ingest_job *job, lh_error *err) {
    lh_str head;
    size_t count;
    if (!relation_structure(job, &head, &count) && job->bytes > job->head.len) {
        LH_TRY(ingest_source_head(job, INGEST_LONG_HEAD_BYTES, err));
        (void)relation_structure(job, &head, &count);
    }
    if (count > job->ingest->columns_max) return relation_too_wide(job, err);
    lh_str *names = LH_ARENA_ARRAY(job->arena, lh_str, count + 1);
    if (!names) return lh_arena_check(job->arena, err);
    (void)relation_first_record(head, job->delimiter, relation_quote(job), job->arena, names, &count);
    lh_json *types = NULL;
    LH_TRY(relation_new_columns(job, count, err));
    LH_TRY(relation_sniff(job, count, false, &types, &job->header, err));
    if (!types && job->quarantine) LH_TRY(relation_sniff(job, count, true, &types, &job->header, err));
    ingest_names taken = {0};
    for (size_t i = 0; i < count; i++) {
        ingest_column *column = &job->columns[job->column_count++];
        const ingest_type *given;
        column->name = ingest_names_take(&taken, ingest_name_clean(job->header ? names[i] : LH_STR_NONE, i, job->arena),
                                         job->arena);
        column->source = column->name;
        column->expression = relation_identifier(column->name, job->arena);
        given = ingest_options_column(&job->options, column->name);
        column->given = given != NULL;
        lh_str type = job->options.all_varchar || !types ? LH_STR("VARCHAR")
                                                         : lh_json_str(lh_json_at(types, i), LH_STR("VARCHAR"));
        LH_TRY(ingest_type_parse(given ? ingest_type_text(given, job->arena) : type, job->arena, &column->found, err));
        column->target = ingest_type_storable(column->found, job->arena);
    }
    return lh_arena_check(job->arena, err);
}

static void relation_csv_sql(const ingest_job *job, lh_buf *into) {
    lh_buf_append(into, LH_STR("read_csv("));
    relation_csv_dialect_sql(job, into);
    if (job->date_format.len && !job->options.csv.date_format.len) /* 31/01/2026: as the sniffer read them */
        lh_buf_append(into, LH_STR(", dateformat=")), lh_buf_sql_string(into, job->date_format);
    if (job->timestamp_format.len && !job->options.csv.timestamp_format.len)
        lh_buf_append(into, LH_STR(", timestampformat=")), lh_buf_sql_string(into, job->timestamp_format);
    lh_buf_printf(into, ", auto_detect=false, header=%s, columns={", job->header ? "true" : "false");
    for (size_t i = 0; i < job->column_count; i++) {
        const ingest_column *column = &job->columns[i];
        LH_CLEANUP(lh_buf_done) lh_buf type = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
        bool nested = column->target->count != 0; /* CSV has no lists: read as text, cast in the expression */
        if (nested) lh_buf_append(&type, LH_STR("VARCHAR"));
        else ingest_type_sql(column->target, &type);
        if (i) lh_buf_append(into, LH_STR(", "));
        lh_buf_sql_string(into, column->source);
        lh_buf_append(into, LH_STR(": "));
        lh_buf_sql_string(into, lh_buf_str(&type));
    }
    lh_buf_char(into, '}');
    if (job->quarantine)
        lh_buf_append(
            into,
            LH_STR(
                ", store_rejects=true, rejects_table='ingest_errors', rejects_scan='ingest_scans', rejects_limit=0"));
    lh_buf_char(into, ')');
}

/* ---- JSON and Parquet ---- */

void ingest_relation_sql(const ingest_job *job, lh_buf *into) {
    if (job->format == INGEST_CSV || job->format == INGEST_TSV) relation_csv_sql(job, into);
    else if (job->format == INGEST_PARQUET) {
        lh_buf_append(into, LH_STR("read_parquet("));
        lh_buf_sql_string(into, job->path);
        lh_buf_char(into, ')');
    } else ingest_json_sql(job, into);
}

/* A column of JSON that could not be spelled out: the text of its values. */
static void relation_unquote(const ingest_job *job, ingest_column *column) {
    column->expression = lh_arena_printf(job->arena, "(%.*s->>'$')", LH_STR_ARG(column->expression));
    column->found = ingest_type_new(INGEST_VARCHAR, job->arena);
}

/* Columns of a type tree: STRUCTs become a_b, down to `depth` more levels. */
static lh_code relation_flatten(ingest_job *job, lh_str name, lh_str expression, ingest_type *type, int64_t depth,
                                ingest_names *taken, lh_error *err) {
    if (type->kind == INGEST_STRUCT && type->count && depth > 0) {
        for (size_t i = 0; i < type->count; i++) {
            lh_str inner = lh_arena_printf(job->arena, "%.*s_%.*s", LH_STR_ARG(name), LH_STR_ARG(type->fields[i].name));
            lh_str path = lh_arena_printf(job->arena, "%.*s.%.*s", LH_STR_ARG(expression),
                                          LH_STR_ARG(relation_identifier(type->fields[i].name, job->arena)));
            LH_TRY(relation_flatten(job, inner, path, type->fields[i].type, depth - 1, taken, err));
        }
        return LH_OK;
    }
    if (job->column_count == job->ingest->columns_max) return relation_too_wide(job, err);
    ingest_column *column = &job->columns[job->column_count];
    column->name = ingest_names_take(taken, ingest_name_clean(name, job->column_count, job->arena), job->arena);
    const ingest_type *given = ingest_options_column(&job->options, column->name);
    ingest_type *wanted = job->options.all_varchar ? ingest_type_new(INGEST_VARCHAR, job->arena) : type;
    if (given) LH_TRY(ingest_type_parse(ingest_type_text(given, job->arena), job->arena, &wanted, err));
    column->given = given != NULL;
    column->expression = column->source = expression;
    column->found = type;
    column->target = wanted ? ingest_type_storable(wanted, job->arena) : NULL;
    if (job->json_field_count && wanted != type && column->target) *type = *column->target; /* read as that */
    else if (type->kind == INGEST_JSON) relation_unquote(job, column);
    job->column_count++;
    return lh_arena_check(job->arena, err);
}

/* The names and types that DuckDB finds. Of objects of very many different keys it makes one MAP, unless told not to. */
static lh_code relation_describe(ingest_job *job, ingest_field **ret, size_t *ret_count, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(LH_LIMIT_SQL_BYTES);
    lh_json *result = NULL;
    lh_error why = {0};
    lh_buf_append(&sql, LH_STR("DESCRIBE SELECT * FROM "));
    ingest_relation_sql(job, &sql);
    lh_code code = relation_query(job, &sql, &result, &why);
    if (code == LH_INVALID && strstr(why.message, "expected records")) {
        if (job->json_no_maps) return lh_fail(err, LH_INVALID, "the file is empty: its objects have no members");
        job->json_no_maps = true;
        return relation_describe(job, ret, ret_count, err);
    }
    if (code != LH_OK && err) *err = why;
    if (code != LH_OK) return code;
    const lh_json *rows = lh_json_get(result, "rows");
    ingest_field *fields = LH_ARENA_ARRAY(job->arena, ingest_field, lh_json_size(rows) + 1);
    if (!fields) return lh_arena_check(job->arena, err);
    for (lh_json_iter it = lh_json_each(rows); lh_json_next(&it);) {
        fields[it.index].name = lh_json_str(lh_json_at(it.value, 0), LH_STR_NONE);
        LH_TRY(ingest_type_parse(lh_json_str(lh_json_at(it.value, 1), LH_STR_NONE), job->arena, &fields[it.index].type,
                                 err));
    }
    *ret = fields;
    *ret_count = lh_json_size(rows);
    return LH_OK;
}

static lh_code relation_described(ingest_job *job, lh_error *err) {
    ingest_field *fields = NULL;
    size_t count = 0;
    bool ours = job->format == INGEST_DOCUMENTS, json = job->format != INGEST_PARQUET;
    job->json_field_count = 0;
    LH_TRY(ours ? ingest_documents_fields(job, &fields, &count, err) : relation_describe(job, &fields, &count, err));
    size_t unnamed = count;
    if (json && !ours) LH_TRY(ingest_json_empty_key(job, fields, count, &unnamed, err));
    if (json && unnamed == count) ingest_json_spell_out(job, fields, count);
    LH_TRY(relation_new_columns(job, job->ingest->columns_max, err));
    ingest_names taken = {0};
    for (size_t i = 0; i < count; i++) {
        lh_str name = i == unnamed ? ingest_name_clean(LH_STR_NONE, i, job->arena) : fields[i].name;
        LH_TRY(relation_flatten(job, name, relation_identifier(fields[i].name, job->arena), fields[i].type,
                                json && job->options.flatten ? job->options.flatten_depth : 0, &taken, err));
    }
    return job->column_count ? LH_OK : lh_fail(err, LH_INVALID, "the file has no columns");
}

static lh_code relation_check_options(const ingest_job *job, lh_error *err) {
    for (size_t i = 0; i < job->options.column_count; i++) {
        bool found = false;
        for (size_t j = 0; j < job->column_count; j++)
            found |= lh_str_eq_nocase(job->columns[j].name, job->options.columns[i].name);
        if (!found)
            return lh_fail(err, LH_INVALID, "option 'columns' names '%.*s', which the file has not",
                           LH_STR_ARG(lh_str_sub(job->options.columns[i].name, 0, LH_LIMIT_NAME_BYTES)));
    }
    return LH_OK;
}

lh_code ingest_relation_detect(ingest_job *job, lh_error *err) {
    bool csv = job->format == INGEST_CSV || job->format == INGEST_TSV;
    LH_TRY(csv ? relation_csv(job, err) : relation_described(job, err));
    LH_TRY(relation_check_options(job, err));
    if (job->format == INGEST_PARQUET || job->format == INGEST_DOCUMENTS) return LH_OK;
    LH_TRY(ingest_probe(job, err));
    ingest_json_exact(job);
    return lh_arena_check(job->arena, err);
}
