/* What DuckDB itself could not read or write in a bucket, for the journal of the buckets. Its message is all that there is: it
 * names the file between quotes, as a path, a location or an URL. Taken are messages of its file systems and those of its Parquet
 * reader about a file's end, which quote nothing else; any other message may quote what a user wrote. */
#include "engine/engine_internal.h"

#include <stdio.h>

/* The message's first words, and how the rest of its first line goes on: after the quoted name, or before it. NULL: in any way. */
static const struct {
    const char *kind, *before, *after;
    lh_code code;
} storage_failures[] = {
    {"IO Error: ", "Could not read enough bytes from file ", NULL, LH_CORRUPT},
    {"IO Error: ", NULL, NULL, LH_IO},
    {"HTTP Error: ", NULL, NULL, LH_UNAVAILABLE},
    {"Invalid Input Error: ", "No magic bytes found at end of file ", NULL, LH_CORRUPT},
    {"Invalid Input Error: ", "File ", " too small to be a Parquet file", LH_CORRUPT},
};

/* Cuts `line` around the first quoted part. */
static bool storage_split(lh_str line, lh_str *ret_before, lh_str *ret_place, lh_str *ret_after) {
    size_t open = 0;
    while (open < line.len && line.ptr[open] != '\'' && line.ptr[open] != '"') open++;
    lh_str rest = lh_str_sub(line, open + 1, SIZE_MAX);
    size_t close = open < line.len ? lh_str_find(rest, line.ptr[open]) : rest.len;
    if (close >= rest.len) return false;
    *ret_before = lh_str_sub(line, 0, open);
    *ret_place = lh_str_sub(rest, 0, close);
    *ret_after = lh_str_sub(rest, close + 1, SIZE_MAX);
    return true;
}

static bool storage_is_write(lh_str before) {
    static const char *const words[] = {"HTTP PUT", "HTTP POST", "HTTP DELETE", "write", "create", "remove", "rename"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (lh_str_search(before, lh_str_from(words[i])) != SIZE_MAX) return true;
    return false;
}

/* A service that did not answer is an "IO Error" too. */
static lh_code storage_code(lh_code code, lh_str place, lh_str after) {
    static const struct {
        const char *words;
        lh_code code;
    } reasons[] = {{"(HTTP 404", LH_NOT_FOUND},
                   {": No such file or directory", LH_NOT_FOUND},
                   {"(HTTP 403", LH_DENIED},
                   {": Permission denied", LH_DENIED}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (lh_str_search(after, lh_str_from(reasons[i].words)) != SIZE_MAX) return reasons[i].code;
    return code == LH_IO && lh_str_starts(place, LH_STR("http")) ? LH_UNAVAILABLE : code;
}

bool engine_storage_failure(const char *message, engine_failed_file *ret) {
    lh_str whole = lh_str_from(message), line = lh_str_sub(whole, 0, lh_str_find(whole, '\n'));
    for (size_t i = 0; i < sizeof storage_failures / sizeof *storage_failures; i++) {
        lh_str kind = lh_str_from(storage_failures[i].kind), before, place, after;
        const char *wanted = storage_failures[i].before, *end = storage_failures[i].after;
        if (!lh_str_starts(line, kind)) continue;
        if (!storage_split(lh_str_sub(line, kind.len, SIZE_MAX), &before, &place, &after)) return false;
        if ((wanted && !lh_str_eq(before, lh_str_from(wanted))) || (end && !lh_str_eq(after, lh_str_from(end))))
            continue;
        *ret = (engine_failed_file){.place = place,
                                    .code = storage_code(storage_failures[i].code, place, after),
                                    .write = storage_is_write(before)};
        while (lh_str_ends(before, LH_STR(" "))) before.len--;
        snprintf(ret->why, sizeof ret->why, "%.*s%.*s", LH_STR_ARG(lh_str_cut_utf8(before, 200)),
                 LH_STR_ARG(lh_str_cut_utf8(after, 200)));
        return true;
    }
    return false;
}

bool engine_tell_failure(const lh_engine *engine, const char *message) {
    engine_failed_file file;
    if (!engine->registry || !message || !engine_storage_failure(message, &file)) return false;
    return lh_registry_tell(engine->registry, file.write ? "engine.write" : "engine.read", file.place, file.code,
                            file.why);
}
