/* A message of DuckDB, which quotes what users and other servers wrote, about a text of SQL: always an error with a
 * message, and its place lies in the text. Input: the offset of the statement (one byte), the SQL, 0xFF, the message. */
#include "engine/engine_internal.h"
#include "engine/sql_lex.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (size < 1 || lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return 0;
    lh_str message = {(const char *)data + 1, size - 1}, sql = lh_str_split(&message, '\xFF');
    size_t offset = sql.len ? data[0] % sql.len : 0;
    const char *text = lh_arena_cstr(arena, lh_str_sub(message, 0, lh_str_find(message, '\0')));
    lh_error err = {0};
    lh_code code = engine_failure(text, sql, offset, &err);
    assert(code != LH_OK && code == err.code && code < LH_CODE_COUNT);
    assert((err.line == 0) == (err.column == 0));
    uint64_t line = 0, column = 0;
    lh_sql_place(sql, sql.len, &line, &column);
    assert(err.line <= line && err.column <= sql.len + 1);
    assert(code == engine_failure(text, sql, offset, NULL));
    engine_failed_file file;
    if (text && engine_storage_failure(text, &file))
        assert(file.place.ptr > text && file.place.ptr + file.place.len < text + strlen(text) &&
               !strchr(file.why, '\n'));
    return 0;
}
