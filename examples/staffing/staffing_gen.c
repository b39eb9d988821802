/* staffing_gen --scale S --out DIR [--seed N] [--format mixed|csv|ndjson]
 * Writes the seven tables of the staffing firm. mixed (the default): candidates and call_log as NDJSON, the rest CSV. */
#include "staffing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- random numbers ---- */

uint64_t rng_next(rng *r) {
    uint64_t z = r->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

rng rng_for(uint64_t seed, uint64_t table, uint64_t row) {
    rng r = {seed * 0xD1342543DE82EF95u + table};
    r.state = rng_next(&r) ^ (row * 0x9E3779B97F4A7C15u);
    r.state = rng_next(&r);
    return r;
}

/* Lemire's multiply-shift with 32 random bits: bounds here are below 2^31. */
uint64_t rng_below(rng *r, uint64_t bound) { return ((rng_next(r) >> 32) * bound) >> 32; }
int64_t rng_between(rng *r, int64_t low, int64_t high) {
    return low + (int64_t)rng_below(r, (uint64_t)(high - low + 1));
}
bool rng_chance(rng *r, unsigned percent) { return rng_below(r, 100) < percent; }

/* ---- output ---- */

bool writer_open(writer *w, const char *folder, const char *table, bool ndjson, const char *header) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s", folder, table, ndjson ? "ndjson" : "csv");
    *w = (writer){.file = fopen(path, "wb"), .ndjson = ndjson};
    if (!w->file) return fprintf(stderr, "staffing_gen: %s: %s\n", path, strerror(errno)), false;
    setvbuf(w->file, NULL, _IOFBF, 1 << 20);
    if (!ndjson) fprintf(w->file, "%s\n", header);
    return true;
}

bool writer_close(writer *w) {
    bool failed = ferror(w->file) != 0;
    failed |= fclose(w->file) != 0;
    if (failed) fprintf(stderr, "staffing_gen: cannot write: %s\n", strerror(errno));
    return !failed;
}

void row_begin(writer *w) {
    w->first = true;
    if (w->ndjson) putc_unlocked('{', w->file);
}

void row_end(writer *w) { fputs_unlocked(w->ndjson ? "}\n" : "\n", w->file); }

static void field_begin(writer *w, const char *name) {
    if (!w->first) putc_unlocked(',', w->file);
    w->first = false;
    if (!w->ndjson) return;
    putc_unlocked('"', w->file);
    fputs_unlocked(name, w->file);
    fputs_unlocked("\":", w->file);
}

void put_null(writer *w, const char *name) {
    field_begin(w, name);
    if (w->ndjson) fputs_unlocked("null", w->file);
}

void put_text(writer *w, const char *name, const char *value) {
    if (!value) {
        put_null(w, name);
        return;
    }
    field_begin(w, name);
    bool boolean = strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    bool quote = w->ndjson ? !boolean : strpbrk(value, ",\"\n") != NULL;
    if (quote) putc_unlocked('"', w->file);
    for (const char *at = value; *at; at++) {
        if (w->ndjson && *at == '\n') {
            fputs_unlocked("\\n", w->file);
            continue;
        }
        if (*at == '"') putc_unlocked(w->ndjson ? '\\' : '"', w->file);
        putc_unlocked(*at, w->file);
    }
    if (quote) putc_unlocked('"', w->file);
}

static void put_raw(writer *w, const char *name, const char *text, bool quote) {
    field_begin(w, name);
    if (quote && w->ndjson) putc_unlocked('"', w->file);
    fputs_unlocked(text, w->file);
    if (quote && w->ndjson) putc_unlocked('"', w->file);
}

void put_int(writer *w, const char *name, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put_raw(w, name, text, false);
}

void put_cents(writer *w, const char *name, int64_t cents) {
    char text[32];
    snprintf(text, sizeof text, "%lld.%02lld", (long long)(cents / 100), (long long)(cents % 100));
    put_raw(w, name, text, false);
}

static struct tm moment(int64_t second) {
    time_t t = (time_t)second;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    return tm;
}

void put_date(writer *w, const char *name, int64_t day) {
    struct tm tm = moment(day * 86400);
    char text[40];
    strftime(text, sizeof text, "%Y-%m-%d", &tm);
    put_raw(w, name, text, true);
}

void put_time(writer *w, const char *name, int64_t second) {
    struct tm tm = moment(second);
    char text[40];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    put_raw(w, name, text, true);
}

/* ---- main ---- */

static int64_t scaled(double scale, int64_t rows) {
    int64_t n = (int64_t)((double)rows * scale + 0.5);
    return n < 1 ? 1 : n;
}

static int usage(void) {
    fputs("usage: staffing_gen --out DIR [--scale 1] [--seed 1] [--format mixed|csv|ndjson]\n", stderr);
    return 2;
}

int main(int argc, char **argv) {
    const char *out = NULL, *format = "mixed";
    double scale = 1;
    unsigned long long seed = 1;
    for (int i = 1; i < argc; i += 2) {
        char *end = NULL;
        if (i + 1 == argc) return usage();
        if (strcmp(argv[i], "--out") == 0) out = argv[i + 1];
        else if (strcmp(argv[i], "--format") == 0) format = argv[i + 1];
        else if (strcmp(argv[i], "--scale") == 0) scale = strtod(argv[i + 1], &end);
        else if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], &end, 10);
        else return usage();
        if (end && *end) return usage();
    }
    bool mixed = strcmp(format, "mixed") == 0, ndjson = strcmp(format, "ndjson") == 0;
    if (!out || !(scale > 0) || scale > 1000 || (!mixed && !ndjson && strcmp(format, "csv") != 0)) return usage();
    if (mkdir(out, 0777) != 0 && errno != EEXIST)
        return fprintf(stderr, "staffing_gen: %s: %s\n", out, strerror(errno)), 1;
    const firm f = {.seed = seed,
                    .candidates = scaled(scale, 100000),
                    .clients = scaled(scale, 2000),
                    .job_orders = scaled(scale, 15000),
                    .placements = scaled(scale, 50000),
                    .timesheets = scaled(scale, 1000000),
                    .calls = scaled(scale, 800000),
                    .emails = scaled(scale, 500000)};
    const struct {
        table_fn write;
        bool ndjson_when_mixed;
    } tables[] = {{write_candidates, true},  {write_clients, false},    {write_job_orders, false},
                  {write_placements, false}, {write_timesheets, false}, {write_call_log, true},
                  {write_email_log, false}};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!tables[i].write(&f, out, ndjson || (mixed && tables[i].ndjson_when_mixed))) return 1;
    return 0;
}
