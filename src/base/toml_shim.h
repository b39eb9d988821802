/* TOML by tomlplusplus, behind a C face: one call walks a document's two levels (sections and their values), and the
 * tables of a list within a section ([[section.list]]). Private to base; only config.c and its fuzzer include it. */
#ifndef LH_BASE_TOML_SHIM_H
#define LH_BASE_TOML_SHIM_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    LH_TOML_SECTION, /* a [section] header; key is empty. With a list: a [[section.list]] header */
    LH_TOML_STRING,
    LH_TOML_INT,
    LH_TOML_BOOL,
    LH_TOML_OTHER, /* anything that no setting takes: float, date, array, inner table */
} lh_toml_kind;

/* Strings are borrowed for the call, not NUL-terminated. line and column count from 1. */
typedef struct lh_toml_item {
    const char *section, *key, *text;
    size_t section_bytes, key_bytes, text_bytes;
    const char *list; /* NULL: a value of the section itself */
    size_t list_bytes, element; /* of the list, from 0 */
    lh_toml_kind kind;
    int64_t number; /* INT, BOOL */
    uint64_t line, column;
} lh_toml_item;

typedef struct lh_toml_failure {
    uint64_t line, column;
    char message[256];
} lh_toml_failure;

typedef enum { LH_TOML_OK, LH_TOML_BAD_SYNTAX, LH_TOML_STOPPED, LH_TOML_NO_MEMORY } lh_toml_result;

/* Calls visit for every section and value, in the order of the file; a non-zero answer stops the walk.
 * A value outside any section has an empty section. BAD_SYNTAX fills *failure. */
lh_toml_result lh_toml_walk(const char *text, size_t text_bytes, int (*visit)(void *ctx, const lh_toml_item *item),
                            void *ctx, lh_toml_failure *failure);

#ifdef __cplusplus
}
#endif
#endif
