/* evaluate: a registered model against the one that is in use, by what people said is right, before it takes its place.
 * Depends on: base, ai, storage, catalog, engine, jobs, access, vector, ask, models. Used by: api, cli. Thread-safe: any call, any
 * thread. */
#ifndef LH_EVALUATE_EVALUATE_H
#define LH_EVALUATE_EVALUATE_H
#include "ask/ask.h"
#include "models/models.h"
#include "vector/vector.h"

typedef struct lh_evaluate {
    lh_catalog *catalog; /* all borrowed, and as long as jobs run */
    lh_ai *ai;
    lh_vector *vector;
    lh_ask *ask;
    lh_models *models;
} lh_evaluate;
/* What jobs are to know of; evaluate: borrowed as long as they run. */
lh_job_kind lh_evaluate_job_kind(lh_evaluate *evaluate);

/* Starts a job that compares the model with the one in use for its task: of an embedder or a reranker how they rank what the queries
 * of an eval set call relevant, of a generator how many of the verified questions of Ask it writes the right SQL for, by itself.
 * *ret: the job; its result is {"model","task","eval","candidate":{…},"current":{"model",…}|null,"better" (null: equal),"at","by"}, and is
 * kept with the model. Arena. Errors: NOT_FOUND, INVALID (an eval set is missing, or one is given to a generator), CONFLICT. */
LH_MUST_CHECK lh_code lh_evaluate_model(lh_evaluate *evaluate, lh_jobs *jobs, lh_str model, lh_str eval, lh_str by,
                                        lh_arena *arena, lh_json **ret, lh_error *err);
#endif
