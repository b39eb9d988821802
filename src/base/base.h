/* base: what every module stands on: errors, strings, arenas, buffers, JSON, ids,
 * hashes, time, logs, configuration, trace spans, HTTP client, worker threads.
 * Depends on: nothing of ours. Used by: everything.
 * Thread rule: values (arena, buffer, JSON) belong to one thread at a time; what
 * is shared says so. */
#ifndef LH_BASE_BASE_H
#define LH_BASE_BASE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/json.h"
#include "base/id.h"
#include "base/hash.h"
#include "base/time.h"
#include "base/breaks.h"
#include "base/terms.h"
#include "base/markdown.h"
#include "base/log.h"
#include "base/config.h"
#include "base/secrets.h"
#include "base/trace.h"
#include "base/cancel.h"
#include "base/http_client.h"
#include "base/workers.h"
#include "base/machine.h"

/* Path of `name` in the folder of this program. Errors: IO, INVALID (too long). */
LH_MUST_CHECK lh_code lh_beside_binary(const char *name, char *into, size_t into_bytes, lh_error *err);

#endif
