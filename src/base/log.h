/* Structured logs: one JSON object a line on stderr. Only the edges (api, jobs, cli,
 * main) log; modules return errors. Thread-safe. Never pass a secret. */
#ifndef LH_BASE_LOG_H
#define LH_BASE_LOG_H
#include "base/str.h"

typedef enum { LH_LOG_DEBUG, LH_LOG_INFO, LH_LOG_WARN, LH_LOG_ERROR, LH_LOG_OFF } lh_log_level;

void lh_log_set_level(lh_log_level level); /* at start; default INFO */
/* Writes {"time","level","message", and the pairs}: name, value, …, NULL, all C strings. The trace id
 * of the thread's current span is added when there is one. */
void lh_log(lh_log_level level, const char *message, ...) __attribute__((sentinel));
#endif
