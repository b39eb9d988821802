/* models: the registry of models beside those of the configuration, fine-tuned files and endpoints, and which of them are in use. It
 * lies in the metastore, so that every gateway of the lake has the same; ai does the calls.
 * Depends on: base, ai, storage, catalog. Used by: api, cli. Thread-safe: any call, any thread. */
#ifndef LH_MODELS_MODELS_H
#define LH_MODELS_MODELS_H
#include "ai/ai.h"
#include "catalog/catalog.h"

typedef struct lh_models lh_models;
typedef struct lh_models_options {
    const lh_config *config; /* borrowed for life, as all that follows: of secrets */
    lh_catalog *catalog;
    lh_ai *ai;
    lh_str folder; /* where relative paths of the configuration begin */
} lh_models_options;
/* Owned: lh_models_free(). Errors: NO_MEMORY. */
LH_MUST_CHECK lh_code lh_models_new(const lh_models_options *options, lh_models **ret, lh_error *err);
void lh_models_free(lh_models *models); /* NULL is fine */
static inline void lh_models_freep(lh_models **models) { lh_models_free(*models); }

/* Takes up what the documents say and ai does not know yet: at the start, and now and then for what other gateways did. A model
 * that cannot be taken up (its secret is missing here) is logged, and the others are taken up. Errors: CORRUPT, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_models_follow(lh_models *models, lh_error *err);

/* body: {"name","task","provider","model","url"?,"secret"? (its api_key is sent),"base"?,"checksum"? (SHA-256 of the file),
 * "context_tokens"?,"notes"?,"check"? true,"replace"? false}. With check the model is tried once, and must answer. With replace it takes the
 * place of one of that name, which is superseded: it does the calls that ask for its version, as searches of indexes made by it.
 * *ret: as lh_models_get(). Arena. Errors: INVALID, CONFLICT (the name is taken; checksum), NOT_FOUND (file,
 * secret), LIMIT, UNAVAILABLE (does not answer), IO. */
LH_MUST_CHECK lh_code lh_models_register(lh_models *models, const lh_json *body, lh_str by, lh_arena *arena,
                                         lh_json **ret, lh_error *err);
/* {"name","task","provider","model","url","secret","base","checksum","version","context_tokens","notes","registered_at","registered_by",
 * "superseded":[those that had the name, the newest first],"evaluations":[…],"profiles":[those who use it],"in_use"}; of one of the
 * configuration null for what only a registration says. Arena. Errors: NOT_FOUND. */
LH_MUST_CHECK lh_code lh_models_get(lh_models *models, lh_str name, lh_arena *arena, lh_json **ret, lh_error *err);
/* Errors: NOT_FOUND, CONFLICT (it is in use), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_models_remove(lh_models *models, lh_str name, lh_error *err);
/* An evaluation of the model, kept with it; the last twenty are. Errors: NOT_FOUND, IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_models_record(lh_models *models, lh_str name, const lh_json *evaluation, lh_error *err);

/* From now on calls that name no model have this one, a registered one or the configuration's: those of a profile, the principal
 * of that name, or with an empty one of all who have none of their own. *ret: {"task","profile","model","previous"}. Arena.
 * Errors: NOT_FOUND, INVALID, IO, UNAVAILABLE. */
typedef struct lh_models_use {
    lh_ai_task task; /* LH_AI_TASKS in an activation: the one that the model is for */
    lh_str name, profile, by;
} lh_models_use;
LH_MUST_CHECK lh_code lh_models_activate(lh_models *models, const lh_models_use *use, lh_arena *arena, lh_json **ret,
                                         lh_error *err);
/* Back to the model before; a model that was removed since is passed over. name is not looked at. Errors: CONFLICT (none was
 * activated), IO, UNAVAILABLE. */
LH_MUST_CHECK lh_code lh_models_rollback(lh_models *models, const lh_models_use *use, lh_arena *arena, lh_json **ret,
                                         lh_error *err);
#endif
