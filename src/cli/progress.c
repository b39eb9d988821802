/* flights.csv  [#########           ]  45%  14.1 MB of 31.1 MB  151200 rows  52.3 MB/s  0:01 left */
#include "cli/progress.h"

enum { PROGRESS_BAR_WIDTH = 24, PROGRESS_REDRAW_MS = 100 };

lh_progress_text lh_progress_bytes(double bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    lh_progress_text out;
    size_t unit = 0;
    while (bytes >= 999.5 && unit < 5) bytes /= 1000, unit++;
    snprintf(out.text, sizeof out.text, unit && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}

lh_progress lh_progress_start(FILE *into, bool shown, lh_str label, uint64_t total_bytes, uint64_t now_ms) {
    return (lh_progress){
        .into = into, .shown = shown, .label = label, .total_bytes = total_bytes, .started_ms = now_ms};
}

static unsigned progress_percent(const lh_progress *p) {
    if (p->total_bytes == 0) return 100;
    return (unsigned)((double)p->done_bytes * 100.0 / (double)p->total_bytes);
}

static void progress_draw(lh_progress *p, uint64_t now_ms) {
    double seconds = (double)(now_ms - p->started_ms) / 1000.0;
    double rate = seconds > 0 ? (double)p->done_bytes / seconds : 0;
    unsigned percent = progress_percent(p), filled = percent * PROGRESS_BAR_WIDTH / 100;
    fprintf(p->into, "\r\x1B[K%.*s  [", LH_STR_ARG(p->label));
    for (unsigned i = 0; i < PROGRESS_BAR_WIDTH; i++) fputc(i < filled ? '#' : ' ', p->into);
    fprintf(p->into, "] %3u%%  %s of %s", percent, lh_progress_bytes((double)p->done_bytes).text,
            lh_progress_bytes((double)p->total_bytes).text);
    if (p->counts_rows) fprintf(p->into, "  %" PRIu64 " rows", p->rows);
    fprintf(p->into, "  %s/s", lh_progress_bytes(rate).text);
    if (rate > 0 && p->done_bytes < p->total_bytes) {
        uint64_t left = (uint64_t)((double)(p->total_bytes - p->done_bytes) / rate + 0.5);
        fprintf(p->into, "  %" PRIu64 ":%02" PRIu64 " left", left / 60, left % 60);
    }
    fflush(p->into);
    p->drawn_ms = now_ms;
    p->open = true;
}

void lh_progress_look(lh_progress *p, lh_str bytes) {
    if (!p->counts_rows) return;
    for (const char *at = bytes.ptr, *end = at + bytes.len; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        p->rows++;
}

void lh_progress_add(lh_progress *p, uint64_t bytes, uint64_t now_ms) {
    p->done_bytes += bytes;
    if (p->shown && (now_ms - p->drawn_ms >= PROGRESS_REDRAW_MS || !p->open)) progress_draw(p, now_ms);
}

void lh_progress_wait(lh_progress *p, const char *what, uint64_t now_ms) {
    if (!p->shown) return;
    double seconds = (double)(now_ms - p->started_ms) / 1000.0;
    fprintf(p->into, "\r\x1B[K%.*s  %s received in %.1f s, %s", LH_STR_ARG(p->label),
            lh_progress_bytes((double)p->total_bytes).text, seconds, what);
    fflush(p->into);
    p->open = true;
}

void lh_progress_clear(lh_progress *p) {
    if (p->open) fputs("\r\x1B[K", p->into), fflush(p->into);
    p->open = false;
}
