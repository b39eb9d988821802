/* The dataset that a file becomes when nobody named one: a name that SQL takes without quotes. */
#include "ingest/ingest_internal.h"

/* DuckDB's keywords that cannot be a table's name. */
static const char dataset_keywords[] =
    " "
    "all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast "
    "check collate collation column columns concurrently constraint create cross default deferrable desc "
    "describe distinct do else end except false fetch for foreign freeze from full generated glob group "
    "having ilike in initially inner intersect into is isnull join lambda lateral leading left like limit map "
    "natural not notnull null offset on only or order outer overlaps pivot pivot_longer pivot_wider placing "
    "positional primary qualify references returning right select semi show similar some struct summarize "
    "symmetric table tablesample then to trailing true try_cast union unique unpack unpivot using variadic "
    "verbose when where window with ";

static bool dataset_is_keyword(lh_str name, lh_arena *arena) {
    lh_str word = lh_arena_printf(arena, " %.*s ", LH_STR_ARG(name));
    return lh_str_search(lh_str_from(dataset_keywords), word) != SIZE_MAX;
}

/* Letters in lower case, digits, and one '_' for whatever stands between them. */
static lh_str dataset_words(lh_str stem, lh_arena *arena) {
    char *text = lh_arena_alloc(arena, stem.len + 1);
    size_t used = 0;
    for (size_t i = 0; text && i < stem.len; i++) {
        char c = stem.ptr[i];
        bool capital = c >= 'A' && c <= 'Z';
        bool word = capital || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
        if (word) text[used++] = (char)(capital ? c + ('a' - 'A') : c);
        else if (used && text[used - 1] != '_') text[used++] = '_';
    }
    if (used && text[used - 1] == '_') used--;
    return text ? (lh_str){text, used} : LH_STR_NONE;
}

lh_str lh_ingest_dataset_name(lh_str file_name, lh_arena *arena) {
    lh_str name = dataset_words(lh_str_sub(file_name, 0, lh_str_find(file_name, '.')), arena);
    bool digit = name.len && name.ptr[0] >= '0' && name.ptr[0] <= '9';
    if (name.len == 0) return LH_STR("t");
    if (digit || dataset_is_keyword(name, arena)) name = lh_arena_printf(arena, "t_%.*s", LH_STR_ARG(name));
    return lh_str_cut_utf8(name, LH_LIMIT_NAME_BYTES);
}
