/* A progress line: a bar on a terminal, plain lines elsewhere. */
#ifndef LH_CLI_PROGRESS_H
#define LH_CLI_PROGRESS_H
#include <stdio.h>

#include "base/base.h"

typedef struct lh_progress {
    FILE *into;
    bool terminal;
    lh_str label; /* borrowed */
    uint64_t total_bytes, done_bytes;
    uint64_t started_ms, drawn_ms;
    unsigned told_percent;
    bool open; /* a bar stands on the current line */
} lh_progress;

/* terminal: redraws one line ten times a second; else one line every 25 percent. */
lh_progress lh_progress_start(FILE *into, bool terminal, lh_str label, uint64_t total_bytes, uint64_t now_ms);
void lh_progress_add(lh_progress *progress, uint64_t bytes, uint64_t now_ms);
/* All bytes are there; `what` goes on ("loading…"). */
void lh_progress_wait(lh_progress *progress, const char *what, uint64_t now_ms);
void lh_progress_clear(lh_progress *progress); /* removes the bar */
/* "12.3 MB"; text of at most 15 bytes. */
typedef struct lh_progress_text {
    char text[16];
} lh_progress_text;
lh_progress_text lh_progress_bytes(double bytes);
#endif
