/* A progress line on a terminal: a bar while bytes go, or things are done that are counted, then what the server does with them. */
#ifndef LH_CLI_PROGRESS_H
#define LH_CLI_PROGRESS_H
#include <stdio.h>

#include "base/base.h"

typedef struct lh_progress {
    FILE *into;
    bool shown;
    lh_str label;     /* borrowed */
    const char *noun; /* the caller's: what is counted, as "rows"; NULL: bytes */
    uint64_t total, done;
    double per_s;     /* 0: not known */
    bool counts_rows; /* the caller's: lines that pass are shown as rows */
    uint64_t rows;
    uint64_t started_ms, drawn_ms;
    bool open; /* a bar stands on the current line */
} lh_progress;

/* shown: draws one line anew ten times a second; else nothing, which is what a log wants. */
lh_progress lh_progress_start(FILE *into, bool shown, lh_str label, uint64_t total, uint64_t now_ms);
void lh_progress_add(lh_progress *progress, uint64_t done, uint64_t now_ms);
/* Of work that others do and tell of. per_s: as they say, 0: not known. `what` they do is shown where no rate is, and at the end. */
void lh_progress_stand(lh_progress *progress, uint64_t done, uint64_t total, double per_s, lh_str what);
void lh_progress_say(lh_progress *progress, lh_str what); /* instead of a bar, where no total is known */
/* Counts the lines of what lh_progress_add() is told of next, if the bar counts rows. */
void lh_progress_look(lh_progress *progress, lh_str bytes);
/* All bytes are there; `what` goes on ("loading…"). */
void lh_progress_wait(lh_progress *progress, const char *what, uint64_t now_ms);
void lh_progress_clear(lh_progress *progress); /* removes the bar */
/* "12.3 MB"; text of at most 15 bytes. */
typedef struct lh_progress_text {
    char text[16];
} lh_progress_text;
lh_progress_text lh_progress_bytes(double bytes);
#endif
