/* A statement of DuckDB, run to its end. duckdb_execute_pending() takes part in the work, and asks for a next task without
 * a pause while other threads have the last ones, which takes a whole core from them; here the caller sleeps meanwhile. */
#include "engine/engine_internal.h"

enum { IDLE_SPINS = 16, IDLE_US_MIN = 20, IDLE_DOUBLINGS = 5 };

/* Doubles from 20 us to 640: what is over in no time is seen in no time, and a second of waiting costs nothing. */
static void pending_idle(unsigned naps) {
    unsigned doublings = naps / 4 < IDLE_DOUBLINGS ? naps / 4 : IDLE_DOUBLINGS;
    lh_time_sleep_us((uint64_t)IDLE_US_MIN << doublings);
}

duckdb_pending_state engine_pending_task(duckdb_pending_result pending, unsigned *idle) {
    duckdb_pending_state state = duckdb_pending_execute_task(pending);
    if (state != DUCKDB_PENDING_NO_TASKS_AVAILABLE) *idle = 0;
    else if (++*idle > IDLE_SPINS) pending_idle(*idle - IDLE_SPINS);
    return state;
}

const char *engine_pending_run(duckdb_pending_result pending, duckdb_result *result) {
    unsigned idle = 0;
    for (;;) {
        duckdb_pending_state state = engine_pending_task(pending, &idle);
        if (state == DUCKDB_PENDING_ERROR) return duckdb_pending_error(pending);
        if (duckdb_pending_execution_is_finished(state)) break;
    }
    return duckdb_execute_pending(pending, result) == DuckDBError ? duckdb_result_error(result) : NULL;
}
