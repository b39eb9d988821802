/* DuckDB's errors as ours. Its message ends in
 *     LINE 3: SELECT a, b FROM t
 *                       ^
 * where the line is shortened ("...") when long: the place is found again in the text itself. */
#include "engine/engine_internal.h"
#include "engine/sql_lex.h"

#include <errno.h>

/* Another writer came between: the statement may be run again from its start. "No reachable state": the extension reads a
 * table as of the transaction's start, and the table's first snapshot is younger than that. */
bool engine_is_foreign_commit(const char *message) {
    static const char *const kinds[] = {"TransactionContext Error", "HTTP Error", "IO Error",
                                        "Invalid Configuration Error"};
    static const char *const signs[] = {"CommitFailed", "Commit failed", "409", "Failed to commit",
                                        "does not have a reachable state in this transaction"};
    bool kind = false;
    for (size_t i = 0; message && i < sizeof kinds / sizeof *kinds; i++)
        kind |= strncmp(message, kinds[i], strlen(kinds[i])) == 0;
    for (size_t i = 0; kind && i < sizeof signs / sizeof *signs; i++)
        if (strstr(message, signs[i])) return true;
    return false;
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
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(message, kinds[i].start, strlen(kinds[i].start)) == 0)
            return kinds[i].code == LH_CANCELLED || !engine_is_foreign_commit(message) ? kinds[i].code : LH_CONFLICT;
    return engine_is_foreign_commit(message) ? LH_CONFLICT : LH_INVALID;
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
    lh_str source = lh_str_sub(rest, 0, lh_str_find(rest, '\n'));
    if (!lh_str_starts(shown_line, LH_STR("..."))) return caret <= source.len ? at + caret : SIZE_MAX;
    if (caret < 3) return SIZE_MAX;
    lh_str part = lh_str_sub(shown_line, 3, SIZE_MAX);
    if (lh_str_ends(part, LH_STR("..."))) part.len -= 3;
    size_t found = lh_str_search(source, part);
    return found == SIZE_MAX ? SIZE_MAX : at + found + caret - 3;
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

lh_code engine_failure(const char *message, lh_str whole, size_t offset, lh_error *err) {
    if (!message) message = "the statement failed";
    lh_code code = failure_code(message);
    const char *mark = strstr(message, "\n\nLINE ");
    size_t len = mark ? (size_t)(mark - message) : strlen(message);
    while (len > 0 && message[len - 1] == '\n') len--;
    if (strstr(message, "No space left on device"))
        lh_error_set_errno(err, code = LH_IO, ENOSPC, "%.*s", (int)len, message);
    else lh_error_set(err, code, "%.*s", (int)len, message);
    if (mark && err && whole.len) failure_place(whole, offset, mark + 2, err);
    return code;
}
