/* Private to catalog: what our own engine's next commit of a table carries (see annotation.c).
 * Thread-safe: any call, any thread. */
#ifndef LH_CATALOG_ANNOTATION_INTERNAL_H
#define LH_CATALOG_ANNOTATION_INTERNAL_H
#include "catalog/catalog.h"

/* The store; struct lh_catalog holds one as its `annotations` (borrowed by everyone else). */
typedef struct annotation_store annotation_store;
/* Owned: annotation_store_free(). Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code annotation_store_new(annotation_store **ret, lh_error *err);
void annotation_store_free(annotation_store *store); /* NULL is fine */

/* A copy of a table's annotation. */
typedef struct annotation {
    uint64_t id;          /* never 0; of this annotation_set */
    lh_json *properties;  /* object of strings for the new snapshot's summary; arena */
    lh_change *documents; /* for the same metastore commit; arena */
    size_t count;
    bool moves;       /* by a commit of our own: the table moves to a folder of its own */
    lh_json *reshape; /* {"schema","written"}: what the table's schema becomes (reshape.c); arena, NULL for none */
    const lh_json *recast; /* {"<field id>": field id}: columns that became others by a cast; arena, NULL for none */
    lh_json
        *inherited; /* {column: {"sensitivity","pii_kind"}}: as lh_annotation_set_inherited(); arena, NULL for none */
} annotation;

/* Sets or replaces the table's annotation, but what is inherited, which stays; everything is copied. Errors: INVALID (properties is not an object of
 * strings), LIMIT, NO_MEMORY; the one before stays then. */
LH_MUST_CHECK lh_code annotation_set(annotation_store *store, lh_table_name name, const lh_json *properties,
                                     const lh_change *documents, size_t count, lh_error *err);
/* Adds a reshape to the annotation that is there. Errors: NOT_FOUND, LIMIT. */
LH_MUST_CHECK lh_code annotation_set_reshape(annotation_store *store, lh_table_name name, const lh_json *reshape,
                                             lh_error *err);
/* With no annotation there, one without properties is made. Errors: LIMIT … */
LH_MUST_CHECK lh_code annotation_set_inherited(annotation_store *store, lh_table_name name, const lh_json *columns,
                                               lh_error *err);
/* One more document; with no annotation there, one without properties is made. Errors: LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code annotation_add(annotation_store *store, lh_table_name name, const lh_change *document,
                                     lh_error *err);
/* The bucket that the table shall be made in; with no annotation there, one without properties is made. Errors: LIMIT … */
LH_MUST_CHECK lh_code annotation_set_bucket(annotation_store *store, lh_table_name name, lh_str bucket, lh_error *err);
lh_str annotation_bucket(annotation_store *store, lh_table_name name, lh_arena *arena); /* empty: none. Arena */
void annotation_clear(annotation_store *store, lh_table_name name);                     /* fine when there is none */

/* For a table commit by the engine that adds a snapshot: *ret_found tells whether there is one, then *ret is filled. The
 * annotation stays, so that a commit that lost its race and is sent again still finds it. */
LH_MUST_CHECK lh_code annotation_peek(annotation_store *store, lh_table_name name, lh_arena *arena, bool *ret_found,
                                      annotation *ret, lh_error *err);
/* Once that commit is durable: removes the annotation, unless another one was set meanwhile. */
void annotation_taken(annotation_store *store, lh_table_name name, uint64_t id);
#endif
