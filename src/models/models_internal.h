/* What the files of models share.
 *
 * Document ai/model/<name>: {"schema_version":1,"task","provider","model","url","secret","base","checksum","version","context_tokens","notes",
 * "registered_ms","registered_by","superseded":[the same members, the newest first]}.
 * Document ai/evaluation/<name>: {"schema_version":1,"items":[…]}: apart, for another version of a model's document is another model.
 * Document ai/use/<task>, or of a profile ai/use/<task>/<profile>: {"schema_version":1,"history":[{"model","at_ms","by"}]}, the last
 * is in use, of none the configuration's. */
#ifndef LH_MODELS_MODELS_INTERNAL_H
#define LH_MODELS_MODELS_INTERNAL_H
#include "models/models.h"

#include <pthread.h>

#define MODELS_DOCUMENT "ai/model/"
#define MODELS_USE "ai/use/"
#define MODELS_EVALUATIONS "ai/evaluation/"
enum {
    MODELS_SCHEMA_VERSION = 1,
    MODELS_ARENA_BYTES = 64 << 20,
    MODELS_NAME_BYTES = 64,
    MODELS_NOTES_BYTES = 4096,
    MODELS_CONTEXT_TOKENS = 1 << 30,
    MODELS_KEPT = 20, /* uses of a history, evaluations of a model */
};

typedef struct models_known { /* a document that was taken up */
    struct models_known *next;
    lh_str key; /* owned */
    uint64_t version; /* 0: none could be */
    uint64_t failed;  /* that could not be, and was logged */
    lh_ai_task task;
    bool seen;
} models_known;

struct lh_models {
    const lh_config *config;
    lh_catalog *catalog;
    lh_ai *ai;
    lh_str folder;        /* owned */
    pthread_mutex_t lock; /* guards what follows; held while documents are taken up */
    models_known *known;
    uint64_t sequence; /* of the metastore, when it was followed */
};

bool models_is_name(lh_str name);
LH_MUST_CHECK lh_code models_no_such(lh_str name, lh_error *err); /* always fails */
/* Reads a document, and looks at its schema. Errors: NOT_FOUND, CORRUPT. */
LH_MUST_CHECK lh_code models_read(lh_models *models, lh_str key, lh_arena *arena, lh_json **ret, uint64_t *ret_version,
                                  lh_error *err);
LH_MUST_CHECK lh_code models_parse(const lh_document *document, lh_arena *arena, lh_json **ret, lh_error *err);
/* Puts it when it is of that version still, and takes it up here. json NULL: deletes. Errors: CONFLICT, and a commit's. */
LH_MUST_CHECK lh_code models_put(lh_models *models, lh_str key, const lh_json *json, uint64_t version, lh_arena *arena,
                                 lh_error *err);
/* All of a prefix. Arena. */
LH_MUST_CHECK lh_code models_list(lh_models *models, lh_str prefix, lh_arena *arena, lh_document_page *ret,
                                  lh_error *err);
/* ---- use.c ---- */
/* Which model a document of a use says; empty: none, so the configuration's. */
lh_str models_in_use(const lh_json *use);
/* The profile of such a document's key; false when it is none of the task's. */
bool models_use_key(lh_str key, lh_ai_task *ret_task, lh_str *ret_profile);

/* ---- register.c ---- */
/* What the body of POST /ai/models says of a model, but its name, into the document. Errors: INVALID, NO_MEMORY. */
LH_MUST_CHECK lh_code models_read_request(const lh_json *body, lh_arena *arena, lh_json *document, lh_error *err);
/* What ai is to have of a document: the first does the calls, the others are superseded; one of these that cannot be had here (its
 * secret is missing) is left out. Arena. Errors: INVALID, NOT_FOUND (the first's secret). */
LH_MUST_CHECK lh_code models_versions(lh_models *models, lh_str name, const lh_json *document, lh_arena *arena,
                                      lh_ai_definition ret[LH_AI_VERSIONS_MAX], size_t *ret_count, lh_error *err);
#endif
