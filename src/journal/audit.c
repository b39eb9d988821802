/* Who asked what: system.query_audit. */
#include "journal/journal_internal.h"

enum { AUDIT_STATEMENT_BYTES = 256 << 10, AUDIT_TEXT_BYTES = 64 << 10 };

static const char *const audit_json[] = {"datasets", "columns", "snapshot_ids", NULL};

/* ---- literals ---- */

static bool audit_is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}

/* Behind the quoted thing that begins at `at`; a doubled quote is one within. */
static size_t audit_quoted(lh_str sql, size_t at, char quote, bool escapes) {
    size_t i = at + 1;
    while (i < sql.len) {
        if (escapes && sql.ptr[i] == '\\') i++;
        else if (sql.ptr[i] == quote && (i + 1 == sql.len || sql.ptr[i + 1] != quote)) return i + 1;
        else if (sql.ptr[i] == quote) i++;
        i++;
    }
    return sql.len;
}

/* Behind "$tag$…$tag$" that begins at `at`; `at` when none does. */
static size_t audit_dollars(lh_str sql, size_t at) {
    size_t i = at + 1;
    while (i < sql.len && audit_is_word(sql.ptr[i]) && sql.ptr[i] != '$') i++;
    if (i >= sql.len || sql.ptr[i] != '$' || (i > at + 1 && sql.ptr[at + 1] >= '0' && sql.ptr[at + 1] <= '9'))
        return at;
    lh_str tag = lh_str_sub(sql, at, i + 1 - at);
    size_t end = lh_str_search(lh_str_sub(sql, i + 1, SIZE_MAX), tag);
    return end == SIZE_MAX ? sql.len : i + 1 + end + tag.len;
}

static size_t audit_comment(lh_str sql, size_t at) { /* may hold anything: it goes as a whole */
    if (sql.ptr[at + 1] == '-') return at + lh_str_find(lh_str_sub(sql, at, SIZE_MAX), '\n');
    size_t end = lh_str_search(lh_str_sub(sql, at + 2, SIZE_MAX), LH_STR("*/"));
    return end == SIZE_MAX ? sql.len : at + 2 + end + 2;
}

static size_t audit_number(lh_str sql, size_t at) {
    size_t i = at;
    while (i < sql.len && (audit_is_word(sql.ptr[i]) || sql.ptr[i] == '.' ||
                           ((sql.ptr[i] == '+' || sql.ptr[i] == '-') && (sql.ptr[i - 1] | 0x20) == 'e')))
        i++;
    return i;
}

/* One piece of a statement: a literal becomes '?', a comment nothing, all else stays. Gives where the next begins. */
static size_t audit_piece(lh_str sql, size_t at, lh_buf *into) {
    char c = sql.ptr[at], next = at + 1 < sql.len ? sql.ptr[at + 1] : '\0', before = at ? sql.ptr[at - 1] : ' ';
    size_t end = at;
    if (c == '"') end = audit_quoted(sql, at, '"', false), lh_buf_append(into, lh_str_sub(sql, at, end - at));
    else if (c == '\'') end = audit_quoted(sql, at, '\'', (before | 0x20) == 'e'), lh_buf_char(into, '?');
    else if (c == '$' && (end = audit_dollars(sql, at)) > at) lh_buf_char(into, '?');
    else if ((c == '-' && next == '-') || (c == '/' && next == '*')) end = audit_comment(sql, at);
    else if ((c >= '0' && c <= '9') || (c == '.' && next >= '0' && next <= '9'))
        end = audit_number(sql, at), lh_buf_char(into, '?');
    else if (audit_is_word(c)) {
        while (end < sql.len && audit_is_word(sql.ptr[end])) end++;
        lh_buf_append(into, lh_str_sub(sql, at, end - at));
    } else {
        lh_buf_char(into, c);
        end = at + 1;
    }
    return end > at ? end : at + 1;
}

static lh_str audit_statement(lh_str sql, bool fingerprint, lh_buf *into) {
    if (!fingerprint) return lh_str_cut_utf8(sql, AUDIT_STATEMENT_BYTES);
    for (size_t at = 0; at < sql.len && into->len < AUDIT_STATEMENT_BYTES;) at = audit_piece(sql, at, into);
    return lh_str_cut_utf8(lh_buf_str(into), AUDIT_STATEMENT_BYTES);
}

/* ---- writing ---- */

static lh_str audit_text(lh_str text) {
    lh_str cut = lh_str_cut_utf8(text, AUDIT_TEXT_BYTES);
    return cut.len ? cut : LH_STR_NONE;
}

static lh_code audit_write(lh_journal *journal, const lh_audit_record *record, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf statement = LH_BUF_INIT(4 * AUDIT_STATEMENT_BYTES);
    char rows[24], bytes[24], elapsed[24];
    lh_journal_receipt ignored;
    snprintf(rows, sizeof rows, "%" PRIu64, record->rows);
    snprintf(bytes, sizeof bytes, "%" PRIu64, record->bytes);
    snprintf(elapsed, sizeof elapsed, "%" PRIu64, record->elapsed_ms);
    const journal_values values = {
        {audit_text(record->trace_id), audit_text(record->principal), audit_text(record->remote),
         audit_text(record->door), audit_statement(record->statement, journal->options.audit_fingerprint, &statement),
         audit_text(record->datasets), audit_text(record->columns), audit_text(record->policy), lh_str_from(rows),
         lh_str_from(bytes), lh_str_from(elapsed), audit_text(record->outcome), audit_text(record->snapshot_ids)}};
    LH_TRY(lh_buf_check(&statement, err));
    for (size_t i = 0; i < journal_audit.count; i++)
        if (!lh_str_is_utf8(values.items[i]))
            return lh_fail(err, LH_INVALID, "'%s' of an audit record is not UTF-8", journal_audit.fields[i].name);
    journal_writer *writer = journal->writers[JOURNAL_AUDIT];
    LH_TRY(journal_write(writer, &values, 1, &ignored, err));
    journal_poke(journal, writer);
    return LH_OK;
}

lh_code lh_audit_append(lh_journal *journal, const lh_audit_record *record, lh_error *err) {
    lh_error why = {0};
    if (!journal->options.audit || audit_write(journal, record, &why) == LH_OK) return LH_OK;
    pthread_mutex_lock(&journal->lock);
    journal->audit_lost += journal->options.audit_open;
    bool first = journal->audit_lost == 1;
    pthread_mutex_unlock(&journal->lock);
    if (journal->options.audit_open && first)
        lh_log(LH_LOG_WARN, "the audit cannot be written; requests go on without it", "why", why.message, NULL);
    if (journal->options.audit_open) return LH_OK;
    return lh_fail(err, LH_UNAVAILABLE, "the audit cannot be written, and nothing is done without it: %s", why.message);
}

/* ---- reading ---- */

static void audit_filter(journal_search *search, size_t field, lh_str value, bool contains) {
    if (value.len) search->filters[search->filter_count++] = (journal_filter){field, value, contains};
}

lh_code lh_audit_read(lh_journal *journal, const lh_audit_query *query, lh_arena *arena, lh_json **ret, lh_error *err) {
    journal_search search = {.spec = &journal_audit,
                             .writers = journal->writers[JOURNAL_AUDIT],
                             .since_ms = query->since_ms,
                             .until_ms = query->until_ms,
                             .newest_first = true,
                             .page = query->page,
                             .cancel = query->cancel};
    journal_found_page page;
    audit_filter(&search, 1, query->principal, false);
    audit_filter(&search, 5, query->dataset, true);
    audit_filter(&search, 11, query->outcome, false);
    LH_TRY(journal_find(&journal->options, &search, arena, &page, err));
    *ret = journal_page(&page, search.spec, audit_json, arena);
    return lh_arena_check(arena, err);
}
