/* access: who may do what: API keys, tokens, principals, roles, and the policy that they give. Every door asks here (HTTP, gRPC).
 * Depends on: base, storage, catalog, engine. Used by: rpc, api. Thread-safe: any call, any thread. */
#ifndef LH_ACCESS_ACCESS_H
#define LH_ACCESS_ACCESS_H
#include "engine/engine.h"

typedef enum lh_permission { /* each reaches as far as those before it */
                             LH_PERMIT_PUBLIC,
                             LH_PERMIT_READ,
                             LH_PERMIT_WRITE,
                             LH_PERMIT_ADMIN,
} lh_permission;

/* Where a caller comes from: IPv6, or IPv4 as ::ffff:a.b.c.d; all zero: not known. */
typedef struct lh_address {
    unsigned char bytes[16];
} lh_address;
struct sockaddr;
lh_address lh_address_of_socket(const struct sockaddr *socket); /* NULL is fine */
lh_str lh_address_text(lh_address address, lh_arena *arena);    /* empty: not known */
lh_address lh_address_of_peer(lh_str peer); /* as gRPC has it: "ipv4:HOST:PORT", "ipv6:[HOST]:PORT" */

typedef struct lh_identity {
    bool known;
    uint32_t
        retry_after_ms; /* not 0: not heard before then, and so not known: too many requests, or too many wrong keys */
    lh_permission permission;
    lh_str principal; /* its name; of a key without one the key's id; "admin"; "-": authentication is off */
    bool governed; /* a key of a principal: `permission` is what it may do in the whole lake, its roles say the rest */
    lh_permission scope; /* of that key: nothing beyond */
    lh_str owner; /* of what is kept for the caller: unlike the name, no other's, be it a later principal or a key */
} lh_identity;

/* The key that a caller shows, of its two headers (or gRPC metadata): X-API-Key, else Authorization's bearer token, or what is
 * nobody's key, but not nothing, when that is none. Empty when there is neither. Borrowed from them. */
lh_str lh_access_key_shown(lh_str x_api_key, lh_str authorization);
/* What the doors ask; one for all of them. With auth.jwt_jwks it has a thread that fetches the issuer's keys; what keeps it
 * from that is told in the log. config, catalog: borrowed for life. Owned: lh_access_free(). Errors: INVALID, NO_MEMORY, IO. */
typedef struct lh_access lh_access;
LH_MUST_CHECK lh_code lh_access_new(const lh_config *config, lh_catalog *catalog, lh_access **ret, lh_error *err);
void lh_access_free(lh_access *access); /* NULL is fine */
static inline void lh_access_freep(lh_access **access) { lh_access_free(*access); }
/* Whose key or token is that? With auth.mode off everybody is known and may do everything; with auth.anonymous a caller without a
 * key is that principal. Each call counts as a request of that address and key. Does no I/O. */
lh_identity lh_access_identify(lh_access *access, lh_str key, lh_address from, lh_arena *arena);

/* {"items":[{"id","name","permission","principal"?,"scope"?,"created_at","expires_at"?,"rotated_at"?,"last_used_at"?}],"next_page_token":null}.
 * Arena. */
LH_MUST_CHECK lh_code lh_access_keys_list(lh_access *access, lh_arena *arena, lh_json **ret, lh_error *err);
/* permission: "read", "write" or "admin". expires_at: RFC 3339, in the future; empty: it has no end. *ret (arena):
 * {"id","name","permission","created_at","expires_at"?,"key"}; the key is shown this once and kept nowhere. Errors: INVALID (name,
 * permission, time), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_access_key_create(lh_catalog *catalog, lh_str name, lh_str permission, lh_str expires_at,
                                           lh_arena *arena, lh_json **ret, lh_error *err);
/* A key of a principal: as above with "principal" and "scope", which are its name and permission. scope: "read", "write" or "admin", beyond which the key
 * does not reach whatever the principal may. Errors: as above, and NOT_FOUND (principal). */
LH_MUST_CHECK lh_code lh_access_key_create_for(lh_catalog *catalog, lh_str principal, lh_str scope, lh_str expires_at,
                                               lh_arena *arena, lh_json **ret, lh_error *err);
/* Another secret for the key of that id, which keeps all else; with the answer, as of create, the old one is refused.
 * Errors: NOT_FOUND, CONFLICT (changed meanwhile, or it is expired), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_access_key_rotate(lh_catalog *catalog, lh_str id, lh_arena *arena, lh_json **ret,
                                           lh_error *err);
/* Makes an administrator's key when none that is stored reaches so far. *ret (arena): it, to be shown this once; empty: there was one.
 * Errors: IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_access_admin_key_ensure(lh_catalog *catalog, lh_arena *arena, lh_str *ret, lh_error *err);
/* Errors: NOT_FOUND, CONFLICT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_access_key_revoke(lh_catalog *catalog, lh_str id, lh_arena *arena, lh_error *err);

/* ---- roles (role.c): {"name","description","built_in","grants":[…],"created_at","updated_at"} ---- */
/* {"items":[…],"next_page_token"}, by name; the token is the last name of the page before. Arena. */
LH_MUST_CHECK lh_code lh_access_roles_list(lh_catalog *catalog, lh_page page, lh_arena *arena, lh_json **ret,
                                           lh_error *err);
/* *ret_version: 0 of a built-in one. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_access_role_get(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret,
                                         uint64_t *ret_version, lh_error *err);
/* Makes or replaces the role of that name by {"name"?,"description"?,"grants"}. expected: LH_VERSION_ABSENT to make it, else the
 * version read. A row filter must be one (lh_engine_filter_check()), over the dataset's columns when the grant names one that is
 * there. Errors: INVALID, CONFLICT, LIMIT, DENIED (a built-in one). */
LH_MUST_CHECK lh_code lh_access_role_put(lh_catalog *catalog, lh_str name, const lh_json *body, uint64_t expected,
                                         lh_arena *arena, lh_error *err);
/* Errors: NOT_FOUND, CONFLICT (a principal has it; another version), DENIED (a built-in one). */
LH_MUST_CHECK lh_code lh_access_role_delete(lh_catalog *catalog, lh_str name, uint64_t expected, lh_arena *arena,
                                            lh_error *err);

/* ---- principals (principal.c): {"name","kind":"user|agent|service","roles":[name],"created_at"} ---- */
LH_MUST_CHECK lh_code lh_access_principals_list(lh_catalog *catalog, lh_page page, lh_arena *arena, lh_json **ret,
                                                lh_error *err);
LH_MUST_CHECK lh_code lh_access_principal_get(lh_catalog *catalog, lh_str name, lh_arena *arena, lh_json **ret,
                                              uint64_t *ret_version, lh_error *err);
/* Errors: INVALID (also a role that is not there), CONFLICT (there is one). */
LH_MUST_CHECK lh_code lh_access_principal_create(lh_catalog *catalog, const lh_json *body, lh_arena *arena,
                                                 lh_json **ret, lh_error *err);
/* Gives it another kind and other roles: {"name"?,"kind","roles"}, all of them. Its keys stay, and reach what the new roles give.
 * expected: the version read. Errors: as create, and NOT_FOUND; CONFLICT (another version, a role just changed). */
LH_MUST_CHECK lh_code lh_access_principal_put(lh_catalog *catalog, lh_str name, const lh_json *body, uint64_t expected,
                                              lh_arena *arena, lh_error *err);
/* Its keys go with it. expected: the version read, or LH_VERSION_ANY. Errors: NOT_FOUND, CONFLICT. */
LH_MUST_CHECK lh_code lh_access_principal_delete(lh_catalog *catalog, lh_str name, uint64_t expected, lh_arena *arena,
                                                 lh_error *err);

/* ---- policy (policy.c): what a principal's roles come to ---- */
typedef enum lh_action {
    LH_ACTION_READ,
    LH_ACTION_WRITE,
    LH_ACTION_ADMIN,
    LH_ACTIONS
} lh_action; /* none holds another */
typedef enum lh_resource_kind {
    LH_ON_DATASET,
    LH_ON_VIEW,
    LH_ON_NAMESPACE,
    LH_ON_BUCKET,
    LH_ON_TOOL,
    LH_ON_INDEX,
    LH_ON_SYSTEM,
    LH_ON_KINDS
} lh_resource_kind;
extern const char *const lh_action_names[LH_ACTIONS];
extern const char *const lh_resource_kinds[LH_ON_KINDS];
typedef struct lh_resource {
    lh_resource_kind on;
    lh_str name;         /* of a namespace, bucket, …; of a dataset or view as lh_table_name_text() has it */
    lh_table_name table; /* of a dataset or view */
} lh_resource;
lh_resource lh_resource_dataset(lh_table_name table, lh_arena *arena);
/* "dataset:crm.t", "bucket:main", …; a dataset without "dataset:". Arena. Errors: INVALID. */
LH_MUST_CHECK lh_code lh_resource_parse(lh_catalog *catalog, lh_str text, lh_arena *arena, lh_resource *ret,
                                        lh_error *err);
/* Errors: INVALID. */
LH_MUST_CHECK lh_code lh_action_parse(lh_str text, lh_action *ret, lh_error *err);

typedef struct lh_policy lh_policy; /* arena */
/* The policy of a principal as it is now. A role that cannot be read is an error, never passed over: it may deny.
 * Errors: NOT_FOUND, CORRUPT. */
LH_MUST_CHECK lh_code lh_access_policy(lh_catalog *catalog, lh_str principal, lh_arena *arena, lh_policy **ret,
                                       lh_error *err);
typedef struct lh_decision {
    bool allowed;
    bool limited; /* allowed, but a row filter, columns or redactions of a grant apply */
    lh_str role;  /* whose grant decided; empty: none did */
    size_t grant; /* from 0 */
    lh_str why;
} lh_decision; /* borrows of the policy; arena */
/* Deny wins; what no grant allows is denied. Cannot fail: with a full arena it denies. */
lh_decision lh_access_decide(const lh_policy *policy, lh_action action, const lh_resource *resource, lh_arena *arena);

typedef struct lh_seen_column {
    lh_str name;
    const lh_json *type; /* the specification's */
    bool visible;
    const lh_json *mask; /* {"kind",…}; NULL: as it is */
} lh_seen_column;
typedef struct lh_effective {
    lh_decision decision;
    bool whole;              /* every column as it is, every row */
    lh_seen_column *columns; /* all that the dataset has, in its order */
    size_t column_count;
    lh_str *
        row_filters; /* a row that passes any of them is there; count 0: every row. SQL as kept: a dataset's columns may have
                          * come since, so lh_engine_filter_check() again */
    size_t row_filter_count;
    lh_table_state state; /* that it is of */
} lh_effective;           /* arena */
/* What is seen of a dataset when it is read (or written: action). Errors: NOT_FOUND (also when nothing is allowed and there is no
 * such dataset), the catalog's. */
LH_MUST_CHECK lh_code lh_access_effective(lh_catalog *catalog, const lh_policy *policy, lh_action action,
                                          lh_table_name table, lh_arena *arena, lh_effective *ret, lh_error *err);
/* For doors that cannot filter or mask: may the principal do it, and does it see the dataset whole? Errors: DENIED, in the same words
 * whether the dataset is there or not; NOT_FOUND when it may, also of another's copy of a part; the catalog's. */
LH_MUST_CHECK lh_code lh_access_require_whole(lh_catalog *catalog, lh_str principal, lh_action action,
                                              lh_table_name table, lh_arena *arena, lh_error *err);

/* ---- mask_key.c ---- */
#define LH_MASK_KEY_OBJECT "_catalog/secret/mask_key"
/* The key of hashes and tokens, for lh_engine_options.mask_key; made when the lake has none. Arena. Errors: IO, UNAVAILABLE,
 * CORRUPT. */
LH_MUST_CHECK lh_code lh_access_mask_key(lh_bucket *bucket, lh_arena *arena, lh_str *ret, lh_error *err);

/* ---- bind.c: the only way from a principal's SQL to the engine ---- */
/* *ret, for lh_query.governor: what the principal's roles show of each table now; with system false, of all but the namespace
 * `system`. Arena, which lives until the statement has ended. Errors: as lh_access_policy(). */
LH_MUST_CHECK lh_code lh_access_bind(lh_access *access, lh_str principal, bool system, lh_arena *arena,
                                     const lh_governor **ret, lh_error *err);
/* The same of a caller who sees all, for lh_query.views; with system false all but the namespace `system`, which is for
 * administrators. */
LH_MUST_CHECK lh_code lh_access_bind_all(lh_catalog *catalog, bool system, lh_arena *arena, const lh_governor **ret,
                                         lh_error *err);

/* ---- AI-safe views (view.c): some columns of a dataset or view, some masked, of the rows that pass a filter ---- */
enum { LH_ACCESS_VIEW_DEPTH = 8 }; /* views over views */
typedef struct lh_view {
    lh_table_name name, base;
    bool base_is_view; /* the base is such a view itself: at most eight stand over one another */
    lh_str *columns;   /* of the base, in the view's order, as the base writes them */
    size_t column_count;
    const lh_json *redactions; /* by a column's name as in `columns`: {"kind",…}, as of a grant, but never "none" */
    bool *plain; /* of `columns`: the view says "none" of it, so that what its base says is sensitive may be seen */
    lh_str row_filter;         /* in normal form and in parentheses, over all columns of the base; empty: every row */
    bool
        shadows; /* it may have a dataset's name: then it stands for that only for who is granted it and not the dataset */
    uint64_t version; /* another one after each change */
} lh_view;            /* arena */
/* *ret_found: false when there is no such view (an Iceberg view of a client is none). What is found may be broken:
 * lh_access_view_check(). Errors: the metastore's. */
LH_MUST_CHECK lh_code lh_access_view_find(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_view *ret,
                                          bool *ret_found, lh_error *err);
/* Does a name stand for a view when the principal does that: is there one, and either no dataset of its name, or one that is not
 * seen, while the view is allowed? Errors: the catalog's. */
LH_MUST_CHECK lh_code lh_access_stands_for_view(lh_catalog *catalog, const lh_policy *policy, lh_action action,
                                                lh_table_name name, lh_arena *arena, lh_view *ret, bool *ret_stands,
                                                lh_error *err);
/* What grants show of a view, which shows a part of its base itself. A column is as sensitive, and of the kind of personal data, as
 * its base's is now, unless a view masks it or says that it may be seen. Errors: NOT_FOUND (what it is over is gone), the catalog's. */
LH_MUST_CHECK lh_code lh_access_effective_view(lh_catalog *catalog, const lh_policy *policy, lh_action action,
                                               const lh_view *view, lh_arena *arena, lh_effective *ret, lh_error *err);
/* Is all there that it reads, in the base and in what that is over? With an attached engine also: does its row filter fit the types
 * that the columns have now? Errors: CONFLICT (it is broken, and why), and with an engine a statement's. */
LH_MUST_CHECK lh_code lh_access_view_check(lh_catalog *catalog, lh_engine *engine, const lh_view *view, lh_arena *arena,
                                           lh_error *err);

typedef struct lh_view_put {
    lh_catalog *catalog;
    lh_engine *engine;  /* attached: to look at the types in a row filter; NULL: they are not looked at */
    lh_table_name name; /* empty: the body has it */
    const lh_json
        *body; /* {"name","base_dataset","columns","row_filter"?,"column_redactions"?,"shadow"?,"description"?} */
    uint64_t expected; /* LH_VERSION_ABSENT: to make it; else the version that is replaced, over the same base */
    lh_str by;         /* who makes it */
} lh_view_put;
/* *ret: its name; arena. Errors: INVALID, NOT_FOUND (base, namespace), CONFLICT (there is one, or a dataset of the name; another
 * version; views read it), LIMIT, and a statement's. */
LH_MUST_CHECK lh_code lh_access_view_put(const lh_view_put *put, lh_arena *arena, lh_table_name *ret, lh_error *err);
/* expected: LH_VERSION_ANY, or the version. Errors: NOT_FOUND, CONFLICT (views read it; another version). */
LH_MUST_CHECK lh_code lh_access_view_delete(lh_catalog *catalog, lh_table_name name, uint64_t expected, lh_arena *arena,
                                            lh_error *err);
/* {"name","namespace","base_dataset","columns","row_filter","column_redactions","shadow","description","created_by","created_at",
 * "updated_at","broken" (null, or why)}. engine: as for lh_access_view_check(). Arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_access_view_get(lh_catalog *catalog, lh_engine *engine, lh_table_name name, lh_arena *arena,
                                         lh_json **ret, uint64_t *ret_version, lh_error *err);
/* {"items":[…],"next_page_token"}. */
LH_MUST_CHECK lh_code lh_access_views_list(lh_catalog *catalog, lh_page page, lh_arena *arena, lh_json **ret,
                                           lh_error *err);
#endif
