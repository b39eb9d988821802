/* The staffing firm's data: a deterministic generator. The same seed and scale give the same bytes on every machine:
 * every row is drawn from its own random stream (seed, table, row number), so no table depends on another's order,
 * and a foreign key is recomputed, not remembered. */
#ifndef STAFFING_H
#define STAFFING_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* SplitMix64 (Steele, Lea, Flood 2014). */
typedef struct rng { uint64_t state; } rng;
rng rng_for(uint64_t seed, uint64_t table, uint64_t row);
uint64_t rng_next(rng *r);
uint64_t rng_below(rng *r, uint64_t bound);          /* [0, bound) */
int64_t rng_between(rng *r, int64_t low, int64_t high); /* [low, high] */
bool rng_chance(rng *r, unsigned percent);

/* One output file: rows as CSV (RFC 4180) or NDJSON, by the same calls. Field order is the order of the calls. */
typedef struct writer {
    FILE *file;
    bool ndjson, first;
} writer;
bool writer_open(writer *w, const char *folder, const char *table, bool ndjson, const char *header);
bool writer_close(writer *w); /* false when the disk was full */
void row_begin(writer *w);
void row_end(writer *w);
void put_text(writer *w, const char *name, const char *value); /* NULL value: null */
void put_int(writer *w, const char *name, int64_t value);
void put_cents(writer *w, const char *name, int64_t cents); /* 12.50 */
void put_date(writer *w, const char *name, int64_t day);    /* days since 1970 → 2026-01-31 */
void put_time(writer *w, const char *name, int64_t second); /* seconds since 1970 → 2026-01-31 08:15:00 */
void put_null(writer *w, const char *name);

/* The firm's size: rows of each table at this scale (at least 1). */
typedef struct firm {
    uint64_t seed;
    int64_t candidates, clients, job_orders, placements, timesheets, calls, emails;
} firm;

enum { TABLE_CANDIDATES = 1, TABLE_CLIENTS, TABLE_JOB_ORDERS, TABLE_PLACEMENTS, TABLE_TIMESHEETS, TABLE_CALLS, TABLE_EMAILS };
typedef bool (*table_fn)(const firm *f, const char *folder, bool ndjson);
bool write_candidates(const firm *f, const char *folder, bool ndjson);
bool write_clients(const firm *f, const char *folder, bool ndjson);
bool write_job_orders(const firm *f, const char *folder, bool ndjson);
bool write_placements(const firm *f, const char *folder, bool ndjson);
bool write_timesheets(const firm *f, const char *folder, bool ndjson);
bool write_call_log(const firm *f, const char *folder, bool ndjson);
bool write_email_log(const firm *f, const char *folder, bool ndjson);

/* text.c: words. */
enum { VERTICALS = 6, VERTICAL_SKILLS = 12, VERTICAL_TITLES = 6, FIRST_NAMES = 48, LAST_NAMES = 48, CITIES = 24 };
typedef struct vertical {
    const char *name;
    const char *titles[VERTICAL_TITLES], *skills[VERTICAL_SKILLS];
    int hourly_low, hourly_high; /* dollars */
} vertical;
typedef struct city { const char *name, *state; int zip_first; } city;
extern const vertical verticals[VERTICALS];
extern const char *const first_names[FIRST_NAMES], *const last_names[LAST_NAMES];
extern const city cities[CITIES];
/* Several sentences. `into` holds 1024 bytes. */
void write_resume(rng *r, const vertical *v, const char *first, int years, const char *town, char *into);
void write_call_notes(rng *r, const vertical *v, const char *outcome, char *into);
void write_subject(rng *r, const vertical *v, char *into);
#endif
