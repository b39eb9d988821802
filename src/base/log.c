#include "base/base.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

/* The one setting that is global on purpose: a log line must be possible anywhere at the edges. */
static _Atomic int log_level = LH_LOG_INFO;

void lh_log_set_level(lh_log_level level) { atomic_store(&log_level, (int)level); }

void lh_log(lh_log_level level, const char *message, ...) {
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    if ((int)level < atomic_load(&log_level)) return;
    LH_CLEANUP(lh_buf_done) lh_buf line = LH_BUF_INIT(LH_LIMIT_LOG_LINE_BYTES);
    lh_time_text now = lh_time_rfc3339(lh_time_now_ms());
    lh_buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", now.text, names[level]);
    lh_buf_json_string(&line, lh_str_from(message));
    lh_str trace_id = lh_trace_current_id();
    if (trace_id.len) lh_buf_printf(&line, ",\"trace_id\":\"%.*s\"", LH_STR_ARG(trace_id));
    va_list args;
    va_start(args, message);
    for (const char *name; (name = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        lh_buf_char(&line, ',');
        lh_buf_json_string(&line, lh_str_from(name));
        lh_buf_char(&line, ':');
        lh_buf_json_string(&line, lh_str_from(value));
    }
    va_end(args);
    lh_buf_append(&line, LH_STR("}\n"));
    if (line.failed != LH_OK) { /* too long: the message alone is worth more than nothing */
        lh_buf_clear(&line);
        lh_buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"log line too long\"}\n", now.text,
                      names[level]);
    }
    ssize_t written = write(STDERR_FILENO, line.ptr, line.len); /* one call a line, so that lines do not mix */
    (void)written;
}
