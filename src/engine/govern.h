/* A statement of a caller who does not see the whole lake (docs/adr/0021): each table that it reads is replaced in the parsed
 * tree by what the governor says is seen of it, and what it writes is asked for. */
#ifndef LH_ENGINE_GOVERN_H
#define LH_ENGINE_GOVERN_H
#include "engine/run.h"

/* Of what was extracted of run->statement: names are resolved and asked for, relations put in, and from now on the connection's
 * plans are checked (govern_plan.h). Nothing without a governor. Errors: DENIED (with its place), INVALID. */
LH_MUST_CHECK lh_code run_govern(engine_run *run, duckdb_extracted_statements extracted, lh_error *err);
/* After the hot cache has put copies into the place of tables. */
LH_MUST_CHECK lh_code run_govern_plan(engine_run *run, lh_error *err);
/* After a prepare that failed: do the relations bind? Errors: DENIED (in our words). */
LH_MUST_CHECK lh_code run_govern_check_relations(engine_run *run, lh_error *err);
void run_govern_end(engine_run *run);
/* Has the whole result to be there before any of it is handed out? Of one that breaks off by an error the length would hang on the
 * hidden rows that lie between those that are seen. */
bool run_govern_computes_first(const engine_run *run, duckdb_prepared_statement prepared);
/* Is each table that a relation was made of still as it was then? Asked once the statement is bound, or is not. */
bool run_govern_unchanged(engine_run *run);
/* What of an error of DuckDB's a governed caller is told: sets and returns another when it speaks of more than is seen. */
lh_code run_govern_failure(const engine_run *run, const char *message, lh_code code, lh_error *err);
#endif
