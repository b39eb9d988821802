/* Private to access: grants as read from a role's document (grant.c), and the pieces of role.c, principal.c and policy.c. */
#ifndef LH_ACCESS_ACCESS_INTERNAL_H
#define LH_ACCESS_ACCESS_INTERNAL_H
#include "access/access.h"

enum {
    ACCESS_SCHEMA_VERSION = 1,
    ACCESS_NAME_BYTES = 64, /* of a role or a principal */
    ACCESS_DESCRIPTION_BYTES = 1000,
    ACCESS_GRANTS_MAX = 200,
    ACCESS_COLUMNS_MAX = 1000, /* of one grant; also redactions */
    ACCESS_FILTER_BYTES = 4096,
    ACCESS_KEEP_MAX = 1000,
    ACCESS_ROLES_MAX = 1000,
    ACCESS_HELD_MAX = 32,  /* roles of one principal */
};

/* ---- grant.c ---- */
typedef struct access_grant { /* borrows of its JSON */
    bool deny;
    lh_resource_kind on;
    lh_str name;      /* as written */
    unsigned actions; /* 1 << lh_action */
    lh_str row_filter;
    const lh_json *columns, *redactions; /* NULL: none */
    lh_str role;
    size_t index;        /* in the role */
    lh_str path, folded; /* policy.c */
} access_grant;
/* Reads one grant, of a request as of a document. Nothing that is not understood is passed over. Errors: INVALID. */
LH_MUST_CHECK lh_code access_grant_read(const lh_json *json, size_t index, access_grant *ret, lh_error *err);
/* The same of a request, where a column must not be redacted twice; a document was checked. */
LH_MUST_CHECK lh_code access_grant_check(const lh_json *json, size_t index, access_grant *ret, lh_error *err);
/* Each member is known and stands once. where: "", or what the object is, with a blank behind. Errors: INVALID. */
LH_MUST_CHECK lh_code access_members(const lh_json *object, const char *where, const char *const *known, size_t count,
                                     lh_error *err);
/* A name of a role or a principal: 1 to 64 of letters, digits, '.', '_', '-', '@', '+', the first a letter or digit. */
LH_MUST_CHECK lh_code access_name_check(lh_str name, const char *what, lh_error *err);

/* One redaction: its kind and what goes with it. Errors: INVALID. */
LH_MUST_CHECK lh_code access_redaction_check(const lh_json *redaction, lh_error *err);
/* 1 to max_bytes bytes without control characters; lines: line ends and tabs may be there. */
bool access_text_is_plain(lh_str text, size_t max_bytes, bool lines);

/* ---- view_body.c ---- */
typedef struct access_view_body {               /* borrows of its JSON; arena */
    lh_str name, base, description, row_filter; /* empty: none */
    const lh_json *columns;                     /* names, each once */
    lh_json *redactions;                        /* by column: {"kind",…}, kinds in lower case */
    bool shadow;
} access_view_body;
/* Errors: INVALID. */
LH_MUST_CHECK lh_code access_view_body_read(const lh_json *body, lh_arena *arena, access_view_body *ret, lh_error *err);

/* ---- role.c ---- */
/* The whole document of a role, built-in ones too. Arena. Errors: NOT_FOUND, CORRUPT. */
LH_MUST_CHECK lh_code access_role_read(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret,
                                       uint64_t *ret_version, lh_error *err);
lh_str access_role_key(lh_str name, lh_arena *arena);
/* "principal_role/<role>/<principal>": there while the principal has the role, so that a role in use cannot go. */
lh_str access_holder_key(lh_str role, lh_str principal, lh_arena *arena);

/* ---- principal.c ---- */
lh_str access_principal_key(lh_str name, lh_arena *arena);
LH_MUST_CHECK lh_code access_principal_read(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret,
                                            uint64_t *ret_version, lh_error *err);
/* There was one of that name, and there is none since. True when that cannot be told. */
bool access_principal_was_deleted(lh_catalog *catalog, lh_str name, lh_arena *arena);

/* ---- filter.c ---- */
/* Of a dataset, or of a view. */
typedef struct access_columns {
    lh_table_name dataset; /* that the rows come from, at the end */
    lh_str *names;
    lh_json **fields; /* as Iceberg's schema has them; with the type that is seen */
    lh_str *masked;   /* SQL's type where a mask gives another than the dataset's; else empty */
    size_t count;
} access_columns; /* arena */
/* Errors: NOT_FOUND, the catalog's. */
LH_MUST_CHECK lh_code access_columns_of(lh_catalog *catalog, lh_table_name table, lh_arena *arena, access_columns *ret,
                                        lh_error *err);
/* The same of a view. Errors: also INVALID (it is broken). */
LH_MUST_CHECK lh_code access_view_columns(lh_catalog *catalog, lh_table_name name, lh_arena *arena, access_columns *ret,
                                          lh_error *err);
/* view.c: what grants ask of a view's columns, in its order: [{"name","sensitivity"?,"pii_kind"?}]. Arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code access_view_labels(lh_catalog *catalog, const lh_view *view, lh_arena *arena, lh_json **ret,
                                         lh_error *err);
/* Is the grant's row filter one, and are its columns there, when the grant names one dataset or view that is there? Errors: INVALID. */
LH_MUST_CHECK lh_code access_filter_check(lh_catalog *catalog, const access_grant *grant, lh_arena *arena,
                                          lh_error *err);

/* ---- policy.c ---- */
/* Of a principal's document. Errors: as lh_access_policy(), but NOT_FOUND. */
LH_MUST_CHECK lh_code access_policy_of(lh_catalog *catalog, const lh_json *principal, lh_arena *arena, lh_policy **ret,
                                       lh_error *err);
/* ---- bind.c ---- */
/* A redaction of a column of that type; one that the type does not have is null. NULL: none. */
lh_mask access_mask_of(const lh_json *mask, lh_str type);

/* ---- bind_cache.c ---- */
typedef struct bind_cache bind_cache;
LH_MUST_CHECK lh_code bind_cache_new(bind_cache **ret, lh_error *err);
void bind_cache_free(bind_cache *cache); /* NULL is fine */
/* Was that asked for since the metastore's log entry `sequence` became the last one? *ret: arena; NULL: it is not seen. */
bool bind_cache_find(bind_cache *cache, uint64_t sequence, lh_str principal, lh_table_name name, lh_arena *arena,
                     const lh_relation **ret);
/* What was found, having read `sequence` before. */
void bind_cache_put(bind_cache *cache, uint64_t sequence, lh_str principal, lh_table_name name,
                    const lh_relation *relation);

/* How far the principal reaches over the whole lake: PUBLIC when not even reading is whole. */
lh_permission access_policy_reach(const lh_policy *policy);
#endif
