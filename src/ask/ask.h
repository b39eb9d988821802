/* ask: a question in words to SQL over what its caller may see, and the answer.
 * Depends on: base, pii, ai, storage, catalog, engine, access. Used by: api. Thread-safe: any call, any thread. */
#ifndef LH_ASK_ASK_H
#define LH_ASK_ASK_H
#include "access/access.h"
#include "ai/ai.h"

#endif
