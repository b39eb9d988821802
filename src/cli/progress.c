/* flights.csv  [#########           ]  45%  14.1 MB of 31.1 MB  151200 rows  52.3 MB/s  0:01 left
 * papers  [#########           ]  45%  21600 of 48000 rows  1520 rows/s  0:17 left
 * A line that wraps cannot be drawn anew, so the bar gives way on a narrow terminal. */
#include "cli/progress.h"

#include <sys/ioctl.h>

enum { PROGRESS_BAR_WIDTH = 24, PROGRESS_BAR_LEAST = 4, PROGRESS_REDRAW_MS = 100, PROGRESS_LINE_BYTES = 512 };

lh_progress_text lh_progress_bytes(double bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    lh_progress_text out;
    size_t unit = 0;
    while (bytes >= 999.5 && unit < 5) bytes /= 1000, unit++;
    snprintf(out.text, sizeof out.text, unit && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}

lh_progress lh_progress_start(FILE *into, bool shown, lh_str label, uint64_t total, uint64_t now_ms) {
    return (lh_progress){.into = into, .shown = shown, .label = label, .total = total, .started_ms = now_ms};
}

static unsigned progress_percent(const lh_progress *p) {
    if (p->total == 0 || p->done >= p->total) return 100;
    return (unsigned)((double)p->done * 100.0 / (double)p->total);
}

/* "  14.1 MB of 31.1 MB  52.3 MB/s  0:01 left" */
static void progress_tell(const lh_progress *p, lh_str what, lh_buf *into) {
    if (p->noun) lh_buf_printf(into, "  %" PRIu64 " of %" PRIu64 " %s", p->done, p->total, p->noun);
    else
        lh_buf_printf(into, "  %s of %s", lh_progress_bytes((double)p->done).text,
                      lh_progress_bytes((double)p->total).text);
    if (p->counts_rows) lh_buf_printf(into, "  %" PRIu64 " rows", p->rows);
    bool moves = p->per_s > 0 && p->done < p->total;
    if (!p->noun) lh_buf_printf(into, "  %s/s", lh_progress_bytes(p->per_s).text);
    else if (moves) lh_buf_printf(into, p->per_s < 10 ? "  %.1f %s/s" : "  %.0f %s/s", p->per_s, p->noun);
    else lh_buf_printf(into, "  %.*s", LH_STR_ARG(what));
    if (moves) {
        uint64_t left = (uint64_t)((double)(p->total - p->done) / p->per_s + 0.5);
        lh_buf_printf(into, "  %" PRIu64 ":%02" PRIu64 " left", left / 60, left % 60);
    }
}

static unsigned progress_bar_width(const lh_progress *p, size_t others) {
    struct winsize size;
    if (ioctl(fileno(p->into), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || others + PROGRESS_BAR_WIDTH < size.ws_col)
        return PROGRESS_BAR_WIDTH;
    return others + PROGRESS_BAR_LEAST < size.ws_col ? size.ws_col - 1u - (unsigned)others : PROGRESS_BAR_LEAST;
}

static void progress_draw(lh_progress *p, lh_str what) {
    LH_CLEANUP(lh_buf_done) lh_buf tail = LH_BUF_INIT(PROGRESS_LINE_BYTES);
    progress_tell(p, what, &tail);
    lh_str told = lh_buf_str(&tail);
    unsigned percent = progress_percent(p),
             width = progress_bar_width(p, lh_str_width(p->label) + lh_str_width(told) + sizeof "  [] 100%" - 1),
             filled = percent * width / 100;
    fprintf(p->into, "\r\x1B[K%.*s  [", LH_STR_ARG(p->label));
    for (unsigned i = 0; i < width; i++) fputc(i < filled ? '#' : ' ', p->into);
    fprintf(p->into, "] %3u%%%.*s", percent, LH_STR_ARG(told));
    fflush(p->into);
    p->open = true;
}

void lh_progress_look(lh_progress *p, lh_str bytes) {
    if (!p->counts_rows) return;
    for (const char *at = bytes.ptr, *end = at + bytes.len; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        p->rows++;
}

void lh_progress_add(lh_progress *p, uint64_t done, uint64_t now_ms) {
    double seconds = (double)(now_ms - p->started_ms) / 1000.0;
    p->done += done;
    p->per_s = seconds > 0 ? (double)p->done / seconds : 0;
    if (!p->shown || (now_ms - p->drawn_ms < PROGRESS_REDRAW_MS && p->open)) return;
    progress_draw(p, LH_STR_NONE);
    p->drawn_ms = now_ms;
}

void lh_progress_stand(lh_progress *p, uint64_t done, uint64_t total, double per_s, lh_str what) {
    p->done = done;
    p->total = total;
    p->per_s = per_s;
    if (p->shown) progress_draw(p, what);
}

void lh_progress_say(lh_progress *p, lh_str what) {
    if (!p->shown) return;
    fprintf(p->into, "\r\x1B[K%.*s  %.*s", LH_STR_ARG(p->label), LH_STR_ARG(what));
    fflush(p->into);
    p->open = true;
}

void lh_progress_wait(lh_progress *p, const char *what, uint64_t now_ms) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(PROGRESS_LINE_BYTES);
    lh_buf_printf(&text, "%s received in %.1f s, %s", lh_progress_bytes((double)p->total).text,
                  (double)(now_ms - p->started_ms) / 1000.0, what);
    lh_progress_say(p, lh_buf_str(&text));
}

void lh_progress_clear(lh_progress *p) {
    if (p->open) fputs("\r\x1B[K", p->into), fflush(p->into);
    p->open = false;
}
