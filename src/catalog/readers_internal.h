/* Private to catalog: which defined views read a table or a view. */
#ifndef LH_CATALOG_READERS_INTERNAL_H
#define LH_CATALOG_READERS_INTERNAL_H
#include "catalog/catalog_internal.h"

typedef struct readers_base {
    lh_table_name name;
    bool is_view;
} readers_base;
/* [{"name","columns"}]. Arena. */
LH_MUST_CHECK lh_code readers_list(lh_catalog *catalog, const readers_base *base, lh_arena *arena, lh_json **ret,
                                   lh_error *err);
/* The change that the commit of a view holds: it reads these columns of the base; NULL: it reads it no more. Arena. Errors: LIMIT. */
LH_MUST_CHECK lh_code readers_put(lh_catalog *catalog, const readers_base *base, lh_table_name view,
                                  const lh_json *columns, lh_arena *arena, lh_change *ret, lh_error *err);
/* For a commit after which the base is gone: what it also requires. what: "dropped", "renamed". Errors: CONFLICT, with the views. */
LH_MUST_CHECK lh_code readers_must_be_none(lh_catalog *catalog, const readers_base *base, const char *what,
                                           lh_arena *arena, lh_change *ret, lh_error *err);
/* The same for one after which these columns are gone. */
LH_MUST_CHECK lh_code readers_must_not_name(lh_catalog *catalog, const readers_base *base, const lh_str *columns,
                                            size_t count, lh_arena *arena, lh_change *ret, lh_error *err);
#endif
