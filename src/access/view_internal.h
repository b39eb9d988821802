/* Private to access: a view as other engines see it (view_sql.c). */
#ifndef LH_ACCESS_VIEW_INTERNAL_H
#define LH_ACCESS_VIEW_INTERNAL_H
#include "access/access_internal.h"

/* A CreateViewRequest of Iceberg's REST specification. Arena. */
LH_MUST_CHECK lh_code access_view_request(const lh_view *view, const access_columns *columns, lh_arena *arena,
                                          lh_json **ret, lh_error *err);
#endif
