/* Sensitivity of what is written, from what it is made of. */
#ifndef LH_ENGINE_INHERIT_H
#define LH_ENGINE_INHERIT_H
#include "engine/run.h"

/* Around the prepare of a statement that writes; nothing for others. Errors: NO_MEMORY, the catalog's. */
LH_MUST_CHECK lh_code run_inherit_begin(engine_run *run, lh_error *err);
LH_MUST_CHECK lh_code run_inherit_end(engine_run *run, lh_error *err);
#endif
