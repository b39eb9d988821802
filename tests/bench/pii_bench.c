/* Values a second on one core through the detector: the labelled columns, as samples of some thousand rows that repeat theirs.
 *     build/pii_bench [SECONDS] */
#include "pii/pii.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BENCH_REPEATS = 100, BENCH_GOAL = 1 /* million values a second */ };

static double bench_cpu_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t bench_round(const lh_json *columns, uint64_t *bytes) {
    uint64_t values = 0;
    for (lh_json_iter it = lh_json_each(columns); lh_json_next(&it);) {
        lh_pii_column column;
        lh_pii_begin(&column, lh_json_get_string(it.value, "column"), LH_PII_TYPE_TEXT);
        for (int i = 0; i < BENCH_REPEATS; i++) {
            for (lh_json_iter v = lh_json_each(lh_json_get(it.value, "values")); lh_json_next(&v); values++) {
                lh_str value = lh_json_str(v.value, LH_STR_NONE);
                lh_pii_add(&column, value);
                *bytes += value.len;
            }
        }
        if (lh_pii_end(&column).confidence > 1) abort();
    }
    return values;
}

static lh_code bench_read(lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(4 << 20);
    char block[4096];
    FILE *file = fopen(PII_COLUMNS, "rb");
    if (!file) return lh_fail(err, LH_NOT_FOUND, "cannot read %s", PII_COLUMNS);
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;) lh_buf_append(&text, (lh_str){block, got});
    fclose(file);
    *ret = lh_json_new_array(arena);
    for (lh_str rest = lh_buf_str(&text); rest.len;) {
        lh_json *line = NULL;
        LH_TRY(lh_json_parse(arena, lh_str_split(&rest, '\n'), &line, err));
        lh_json_append(*ret, line);
    }
    return lh_arena_check(arena, err);
}

int main(int argc, char **argv) {
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *columns = NULL;
    lh_error err = {0};
    if (lh_arena_new(64 << 20, &arena, &err) != LH_OK || bench_read(arena, &columns, &err) != LH_OK)
        return fprintf(stderr, "%s\n", err.message), 1;
    uint64_t values = 0, bytes = 0;
    double started = bench_cpu_s(), took;
    while ((took = bench_cpu_s() - started) < seconds) values += bench_round(columns, &bytes);
    double rate = (double)values / took / 1e6; /* the row is tests/bench/bench.py's form, which reads it */
    printf("%-44s %10.2f            M/s           %-28s %s\n", "PII detector, values a second a core", rate,
           ">= 1 million", rate >= (double)BENCH_GOAL ? "met" : "MISSED");
    printf("     %.0f MB/s, %zu columns, %.1f bytes a value\n", (double)bytes / took / 1e6, lh_json_size(columns),
           (double)bytes / (double)values);
    return 0;
}
