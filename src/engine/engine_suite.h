/* Tests only: an engine without a lake (tables live in its memory), and short ways to run SQL on it. */
#ifndef LH_ENGINE_ENGINE_SUITE_H
#define LH_ENGINE_ENGINE_SUITE_H
#include "base/test.h"
#include "engine/engine_internal.h"

#include <ftw.h>
#include <unistd.h>

/* DuckDB keeps some memory at exit (tests/lsan.supp). */
const char *__lsan_default_suppressions(void);                                                      /* NOLINT */
const char *__lsan_default_suppressions(void) { return "leak:libduckdb\nleak:duckdb_extension\n"; } /* NOLINT */

typedef struct suite {
    char folder[64], extensions[4200];
    lh_engine *engine;
    lh_arena *arena;
    lh_buf text; /* of the last answer */
    lh_query_outcome outcome;
    lh_error err;
} suite;

static inline suite *suite_new(unsigned connections, unsigned queue_max) {
    suite *s = calloc(1, sizeof *s);
    CHECK(s);
    snprintf(s->folder, sizeof s->folder, "/tmp/lh-engine-XXXXXX");
    CHECK(mkdtemp(s->folder) && lh_arena_new(64 << 20, &s->arena, NULL) == LH_OK);
    ssize_t len = readlink("/proc/self/exe", s->extensions, 4096);
    CHECK(len > 0);
    *strrchr(s->extensions, '/') = '\0';
    memcpy(s->extensions + strlen(s->extensions), "/extensions", sizeof "/extensions");
    s->text = LH_BUF_INIT(64 << 20);
    const lh_engine_options options = {.scratch_dir = lh_str_from(s->folder),
                                       .extension_dir = lh_str_from(s->extensions),
                                       .threads = 2,
                                       .memory_bytes = 1 << 30,
                                       .connections = connections,
                                       .queue_max = queue_max};
    lh_code code = lh_engine_open(&options, &s->engine, &s->err);
    if (code != LH_OK) print_error("%s\n", s->err.message);
    CHECK(code == LH_OK);
    return s;
}

static inline int suite_remove(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static inline void suite_freep(suite **s) {
    lh_engine_free((*s)->engine);
    lh_arena_free((*s)->arena);
    lh_buf_done(&(*s)->text);
    nftw((*s)->folder, suite_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(*s);
}

static inline lh_code suite_collect(void *ctx, lh_str data, lh_error *err) {
    lh_buf_append(ctx, data);
    return lh_buf_check(ctx, err);
}

/* The answer is in s->text. */
static inline lh_code suite_query(suite *s, const lh_query *query) {
    lh_buf_clear(&s->text);
    s->err = (lh_error){0};
    return lh_engine_run(s->engine, query, suite_collect, &s->text, &s->outcome, &s->err);
}

static inline lh_code suite_try(suite *s, const char *sql, lh_format format) {
    const lh_query query = {.sql = lh_str_from(sql), .format = format};
    return suite_query(s, &query);
}

static inline lh_str suite_run(suite *s, const char *sql, lh_format format) {
    lh_code code = suite_try(s, sql, format);
    if (code != LH_OK) print_error("%s: %s: %s\n", sql, lh_code_name(code), s->err.message);
    CHECK(code == LH_OK);
    return lh_buf_str(&s->text);
}
#endif
