/* DuckDB's errors as ours. Its message ends in
 *     LINE 3: SELECT a, b FROM t
 *                       ^
 * where the line is shortened ("...") when long, and the mark stands where a terminal shows the place: the width of what is
 * before it, in which a tab counts nothing. The place is found again in the text itself; where what is shown of a long line stands
 * in it twice, there is none. */
#include "engine/engine_internal.h"
#include "engine/hot.h"
#include "engine/sql_lex.h"

#include <errno.h>
#include <stdio.h>

/* A text member of the catalog's answer that the extension put into its message: as JSON, its quotes perhaps escaped
 * once, or in lines "\n type: …". */
static lh_str failure_member(const char *message, const char *name) {
    static const struct {
        const char *before, *after, *end;
    } forms[] = {{"\"", "\":\"", "\""}, {"\\\"", "\\\":\\\"", "\\\""}, {"\n ", ": ", "\n"}};
    char start[64];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        int len = snprintf(start, sizeof start, "%s%s%s", forms[i].before, name, forms[i].after);
        const char *at = strstr(message, start), *end = at ? strstr(at + len, forms[i].end) : NULL;
        if (end) return (lh_str){at + len, (size_t)(end - at) - (size_t)len};
    }
    return LH_STR_NONE;
}

/* Another writer came between: the statement may be run again from its start. "No reachable state": the extension reads a
 * table as of the transaction's start, and the table's first snapshot is younger than that. */
bool engine_is_foreign_commit(const char *message) {
    return message && (lh_str_eq(failure_member(message, "type"), LH_STR("CommitFailedException")) ||
                       strstr(message, "does not have a reachable state in this transaction"));
}

/* With the error of the statement that it was, which may be another caller's. */
bool engine_is_over(const char *message) {
    return message && strstr(message, "database has been invalidated because of a previous fatal error");
}

/* The catalog's refusal (api/errors.c), which reaches us through the extension. LH_OK: the message is not one. */
static lh_code failure_of_catalog(const char *message) {
    static const struct {
        const char *type;
        lh_code code;
    } kinds[] = {
        {"CommitFailedException", LH_CONFLICT},
        {"CommitStateUnknownException", LH_UNAVAILABLE},
        {"AlreadyExistsException", LH_CONFLICT},
        {"NamespaceNotEmptyException", LH_CONFLICT},
        {"NoSuchTableException", LH_NOT_FOUND},
        {"NoSuchNamespaceException", LH_NOT_FOUND},
        {"BadRequestException", LH_INVALID},
        {"ForbiddenException", LH_DENIED},
        {"ServiceUnavailableException", LH_UNAVAILABLE},
    };
    lh_str type = failure_member(message, "type");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (lh_str_eq(type, lh_str_from(kinds[i].type))) return kinds[i].code;
    return LH_OK;
}

/* By the message's first words: a failed prepare tells no type. */
static lh_code failure_code(const char *message) {
    static const struct {
        const char *start;
        lh_code code;
    } kinds[] = {
        {"INTERRUPT Error", LH_CANCELLED},    {"Permission Error", LH_DENIED},
        {"Out of Memory Error", LH_LIMIT},    {"IO Error", LH_IO},
        {"HTTP Error", LH_UNAVAILABLE},       {"Network Error", LH_UNAVAILABLE},
        {"Connection Error", LH_UNAVAILABLE}, {"INTERNAL Error", LH_INTERNAL},
        {"FATAL Error", LH_INTERNAL},
    };
    if (engine_is_over(message)) return LH_UNAVAILABLE;
    lh_code refused = failure_of_catalog(message);
    if (refused != LH_OK) return refused;
    if (engine_is_foreign_commit(message)) return LH_CONFLICT;
    if (strstr(message, "Failed to commit")) return LH_UNAVAILABLE; /* the catalog's answer is not known */
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(message, kinds[i].start, strlen(kinds[i].start)) == 0) return kinds[i].code;
    return LH_INVALID;
}

/* The bytes of `text` before the place with so many columns before it; SIZE_MAX: the text is narrower. A place behind tabs is
 * that of the first character that is shown. */
static size_t failure_bytes(lh_str text, size_t columns) {
    size_t at = 0, width;
    while (at < text.len) {
        size_t bytes = lh_str_cluster(text, at, &width);
        if (columns == 0 && width > 0) return at;
        if (width > columns) return SIZE_MAX;
        columns -= width;
        at += bytes;
    }
    return columns == 0 ? at : SIZE_MAX;
}

/* Where the shown part of a line stands in it: at its end, where nothing was left out there. SIZE_MAX: nowhere, or it is not known where. */
static size_t failure_part(lh_str line, lh_str part, bool to_end) {
    if (to_end) return lh_str_ends(line, part) ? line.len - part.len : SIZE_MAX;
    size_t found = lh_str_search(line, part);
    bool again = found != SIZE_MAX && lh_str_search(lh_str_sub(line, found + 1, SIZE_MAX), part) != SIZE_MAX;
    return again ? SIZE_MAX : found;
}

/* Offset of the shown place within `whole`, or SIZE_MAX. `line` is counted within the statement, from 1. */
static size_t failure_find(lh_str whole, size_t offset, lh_str shown_line, size_t caret, uint64_t line) {
    size_t at = offset;
    for (uint64_t i = 1; i < line; i++) {
        size_t end = lh_str_find(lh_str_sub(whole, at, SIZE_MAX), '\n');
        if (at + end >= whole.len) return SIZE_MAX;
        at += end + 1;
    }
    lh_str rest = lh_str_sub(whole, at, SIZE_MAX);
    lh_str source = lh_str_sub(rest, 0, lh_str_find(rest, '\n')), part = source;
    bool to_end = true;
    if (lh_str_starts(shown_line, LH_STR("..."))) {
        if (caret < 3) return SIZE_MAX;
        caret -= 3;
        part = lh_str_sub(shown_line, 3, SIZE_MAX);
        to_end = lh_str_ends(source, part);
        if (!to_end && lh_str_ends(part, LH_STR("..."))) part.len -= 3;
    }
    size_t found = failure_part(source, part, to_end), before = failure_bytes(part, caret);
    return found == SIZE_MAX || before == SIZE_MAX ? SIZE_MAX : at + found + before;
}

/* Reads "LINE n: text\n   ^" at `mark`; sets err->line and column. */
static void failure_place(lh_str whole, size_t offset, const char *mark, lh_error *err) {
    lh_str rest = lh_str_from(mark);
    lh_str first = lh_str_split(&rest, '\n');
    lh_str second = lh_str_split(&rest, '\n');
    size_t caret = lh_str_find(second, '^'), colon = lh_str_find(first, ':');
    uint64_t line = 0;
    if (caret >= second.len || colon + 2 > first.len) return;
    if (lh_str_to_u64(lh_str_sub(first, 5, colon - 5), &line) != LH_OK || line == 0) return;
    lh_str shown = lh_str_sub(first, colon + 2, SIZE_MAX);
    if (caret < colon + 2) return;
    size_t found = failure_find(whole, offset, shown, caret - (colon + 2), line);
    if (found != SIZE_MAX) lh_sql_place(whole, found, &err->line, &err->column);
}

/* What the extension cannot do, said for our users. Empty: in DuckDB's words. */
static lh_str failure_own_words(const char *message) {
    static const struct {
        const char *theirs, *ours;
    } words[] = {
        {"Not implemented Error: Create View",
         "views cannot be made by SQL in a lake; CREATE TABLE … AS keeps the rows of a query"},
        {"Not implemented Error: CREATE OR REPLACE", "CREATE OR REPLACE is not supported in a lake: use DROP and "
                                                     "CREATE, or an ingest with mode=replace, which keeps "
                                                     "the table and its history"},
        {"Parser Error: Max expression depth limit",
         "expressions nest deeper than 300, as a chain of + or || does: use a list, IN (…), or several columns"},
        {"Binder Error: Max expression depth limit", "expressions or types nest deeper than 300"},
        {"Not implemented Error: DROP SCHEMA",
         "DROP SCHEMA … CASCADE is not supported in a lake: drop its tables first"},
    };
    if (engine_is_over(message))
        return LH_STR(
            "the query engine was started anew while this ran, and what was not committed is lost: try again");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(message, words[i].theirs, strlen(words[i].theirs)) == 0) return lh_str_from(words[i].ours);
    return LH_STR_NONE;
}

/* Without DuckDB's advice on settings of its CSV reader, which our callers do not have. */
static size_t failure_without_advice(const char *message, size_t len) {
    static const char *const advice[] = {"\nPossible fixes:", "\nPossible solutions:", "\nThis type was ",
                                         "\n  file = "};
    if (!strstr(message, "CSV Error on Line")) return len;
    for (size_t i = 0; i < sizeof advice / sizeof *advice; i++) {
        const char *at = strstr(message, advice[i]);
        if (at && (size_t)(at - message) < len) len = (size_t)(at - message);
    }
    return len;
}

/* A message that quotes a long text says at its end what is wrong: the middle goes. */
static void failure_set(lh_error *err, lh_code code, lh_str message) {
    enum { BEGIN = 600, END = 350 };
    if (message.len < LH_ERROR_MESSAGE_BYTES) {
        lh_error_set(err, code, "%.*s", LH_STR_ARG(message));
        return;
    }
    lh_str begin = lh_str_cut_utf8(message, BEGIN), end = lh_str_sub(message, message.len - END, SIZE_MAX);
    while (end.len && ((unsigned char)end.ptr[0] & 0xC0) == 0x80) end = lh_str_sub(end, 1, SIZE_MAX);
    lh_error_set(err, code, "%.*s … %.*s", LH_STR_ARG(begin), LH_STR_ARG(end));
}

/* DuckDB's guess of what was meant looks into the hidden database as well. */
static size_t failure_without_hidden(const char *message, size_t len) {
    const char *guess = strstr(message, "\nDid you mean ");
    bool hidden = guess && strstr(guess, HOT_DATABASE);
    return hidden && (size_t)(guess - message) < len ? (size_t)(guess - message) : len;
}

lh_code engine_failure(const char *message, lh_str whole, size_t offset, lh_error *err) {
    if (!message) message = "the statement failed";
    lh_code code = failure_code(message);
    const char *mark = strstr(message, "\n\nLINE ");
    const char *trace = strstr(message, "Stack Trace:"); /* of DuckDB's own bugs; it tells of nothing but its build */
    const char *end = mark ? mark : trace;
    size_t len = end ? (size_t)(end - message) : strlen(message);
    len = failure_without_hidden(message, failure_without_advice(message, len));
    while (len > 0 && message[len - 1] == '\n') len--;
    lh_str refusal = failure_of_catalog(message) == LH_OK ? LH_STR_NONE : failure_member(message, "message");
    if (refusal.len == 0) refusal = failure_own_words(message);
    if (refusal.len) message = refusal.ptr, len = refusal.len; /* in the catalog's own words, or ours */
    if (strstr(message, "No space left on device"))
        lh_error_set_errno(err, code = LH_IO, ENOSPC, "the statement could not be written");
    else failure_set(err, code, (lh_str){message, len});
    if (mark && err && whole.len) failure_place(whole, offset, mark + 2, err);
    return code;
}

lh_code engine_stored_failure(lh_code code, lh_error *err) {
    if (code != LH_INVALID) return code;
    if (err) err->code = LH_CORRUPT;
    return LH_CORRUPT;
}
