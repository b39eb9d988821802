/* `lakehouse vectors eval|evals|drop-eval|trial|trials|best|tune|cache`: which graph of an index is good, over /vectors/hnsw. */
#include "cli/vectors_internal.h"

#include <errno.h>
#include <stdio.h>

enum { TRIALS_QUERIES_BYTES = 16 << 20 };

/* "ef_search=60,dtype=f16": numbers as numbers, all else as texts. */
lh_json *lh_vectors_members(const lh_vectors_job *job, const char *text) {
    lh_arena *arena = job->session.arena;
    lh_json *config = lh_json_new_object(arena);
    for (lh_str rest = lh_str_from(text); rest.len;) {
        lh_str value = lh_str_trim(lh_str_split(&rest, ',')), name = lh_str_trim(lh_str_split(&value, '='));
        lh_json *number = NULL;
        value = lh_str_trim(value);
        bool is_number = lh_json_parse(arena, value, &number, NULL) == LH_OK &&
                         (lh_json_is_int(number) || lh_json_type_of(number) == LH_JSON_REAL);
        lh_json_put(arena, config, lh_arena_dup(arena, name),
                    is_number ? lh_json_copy(arena, number) : lh_json_new_string(arena, value));
    }
    return config;
}

/* ---- trials as a table ---- */

static lh_str trials_config(const lh_json *config, lh_arena *arena) {
    return lh_arena_printf(
        arena, "%" PRIu64 "/%" PRIu64 "/%" PRIu64 " %.*s", lh_json_uint(lh_json_get(config, "connectivity"), 0),
        lh_json_uint(lh_json_get(config, "ef_construction"), 0), lh_json_uint(lh_json_get(config, "ef_search"), 0),
        LH_STR_ARG(lh_json_get_string(config, "dtype")));
}

static lh_code trials_print(const lh_json *items, lh_arena *arena, lh_error *err) {
    static const lh_cli_column heads[] = {{"connectivity/ef_construction/ef_search", false},
                                          {"recall", true},
                                          {"p50 µs", true},
                                          {"p99 µs", true},
                                          {"build ms", true},
                                          {"MiB", true},
                                          {"eval", false},
                                          {"at", false}};
    static const char *const numbers[] = {"p50_us", "p99_us", "build_ms"};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, trials_config(lh_json_get(it.value, "config"), arena));
        lh_cli_rows_text(&rows, lh_arena_printf(arena, "%.4f", lh_json_real(lh_json_get(it.value, "recall_at_k"), 0)));
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            const lh_json *number = lh_json_get(it.value, numbers[i]);
            lh_cli_rows_text(&rows, lh_json_is_null(number) ? LH_STR("")
                                                            : lh_arena_printf(arena, "%.0f", lh_json_real(number, 0)));
        }
        lh_cli_rows_text(
            &rows, lh_arena_printf(arena, "%.1f", lh_json_real(lh_json_get(it.value, "memory_bytes"), 0) / (1 << 20)));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "eval"));
        lh_cli_rows_value(&rows, lh_json_get(it.value, "at"));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code trials_print_some(const lh_json *items, lh_arena *arena, lh_error *err) {
    if (lh_json_size(items) == 0)
        return printf("no trials that you may see; `lakehouse vectors tune NAME` makes some\n"), LH_OK;
    return trials_print(items, arena, err);
}

lh_code lh_vectors_trials(lh_vectors_job *job, lh_error *err) {
    lh_arena *arena = job->session.arena;
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(arena, "/vectors/hnsw/trials/", lh_cli_word(job->words, 1), "", &path, err));
    LH_TRY(lh_connection_get_all(job->session.connection, path, arena, &answer, err));
    const lh_json *items = lh_json_get(answer, "items");
    if (job->json) return lh_cli_print_json(items, arena, err);
    return trials_print_some(items, arena, err);
}

lh_code lh_vectors_best(lh_vectors_job *job, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf query = LH_BUF_INIT(64 << 10);
    lh_arena *arena = job->session.arena;
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(arena, "/vectors/hnsw/trials/", lh_cli_word(job->words, 1), "/best", &path, err));
    lh_buf_append(&query, path);
    lh_cli_query(&query, "metric", lh_str_from(job->metric));
    lh_cli_query(&query, "eval", lh_str_from(job->eval));
    LH_TRY(lh_buf_check(&query, err));
    LH_TRY(lh_connection_get(job->session.connection, lh_buf_str(&query), arena, &answer, err));
    const lh_json *items = lh_json_get(answer, "items");
    if (job->json) return lh_cli_print_json(items, arena, err);
    return trials_print_some(items, arena, err);
}

lh_code lh_vectors_cache(lh_vectors_job *job, lh_error *err) {
    static const char *const sizes[] = {"bytes", "mapped_bytes", "limit"};
    lh_arena *arena = job->session.arena;
    lh_json *answer = NULL;
    lh_str said[3];
    LH_TRY(lh_connection_get(job->session.connection, LH_STR("/vectors/hnsw/cache/stats"), arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, arena, err);
    for (size_t i = 0; i < 3; i++) said[i] = lh_cli_size(arena, lh_json_uint(lh_json_get(answer, sizes[i]), 0));
    LH_TRY(lh_arena_check(arena, err));
    printf("held ready: %" PRIu64 ", with %.*s of %.*s, and %.*s of files; %" PRIu64 " hits, %" PRIu64
           " misses, %" PRIu64 " evictions\n",
           lh_json_uint(lh_json_get(answer, "entries"), 0), LH_STR_ARG(said[0]), LH_STR_ARG(said[2]),
           LH_STR_ARG(said[1]), lh_json_uint(lh_json_get(answer, "hits"), 0),
           lh_json_uint(lh_json_get(answer, "misses"), 0), lh_json_uint(lh_json_get(answer, "evictions"), 0));
    return LH_OK;
}

/* ---- eval sets ---- */

lh_code lh_vectors_evals(lh_vectors_job *job, lh_error *err) {
    static const char *const members[] = {"name", "index", "count", "k", "paraphrased", "created_by", "created_at"};
    enum { COUNT = sizeof members / sizeof *members, NUMBERS = 2, TEXTS = 5 };
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(64 << 10);
    lh_cli_column heads[COUNT] = {{"eval", false}};
    lh_arena *arena = job->session.arena;
    lh_json *answer = NULL;
    lh_buf_append(&path, LH_STR("/vectors/hnsw/evals"));
    lh_cli_query(&path, "index", lh_cli_word(job->words, 1));
    LH_TRY(lh_buf_check(&path, err));
    LH_TRY(lh_connection_get_all(job->session.connection, lh_buf_str(&path), arena, &answer, err));
    const lh_json *items = lh_json_get(answer, "items");
    if (job->json) return lh_cli_print_json(items, arena, err);
    if (lh_json_size(items) == 0)
        return printf("no eval sets that you may see; `lakehouse vectors eval NAME EVAL` makes one\n"), LH_OK;
    for (size_t i = 1; i < COUNT; i++) heads[i] = (lh_cli_column){members[i], i >= NUMBERS && i < TEXTS};
    lh_cli_rows rows = lh_cli_rows_new(arena, heads, COUNT);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        for (size_t i = 0; i < COUNT; i++) lh_cli_rows_value(&rows, lh_json_get(it.value, members[i]));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

lh_code lh_vectors_drop_eval(lh_vectors_job *job, lh_error *err) {
    lh_str path, name = lh_cli_word(job->words, 1);
    LH_TRY(lh_cli_path(job->session.arena, "/vectors/hnsw/evals/", name, "", &path, err));
    if (!job->yes && !lh_cli_confirm(lh_arena_printf(job->session.arena, "Drop the eval set %.*s?", LH_STR_ARG(name))))
        return lh_fail(err, LH_CANCELLED, "nothing was dropped (--yes asks no question)");
    const lh_exchange exchange = {.method = "DELETE", .path = path};
    LH_TRY(lh_connection_do(job->session.connection, &exchange, job->session.arena, NULL, err));
    printf("dropped %.*s\n", LH_STR_ARG(name));
    return LH_OK;
}

/* The queries of a file, with what the exact search finds. */
static lh_code trials_keep_queries(lh_vectors_job *job, lh_json *body, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(TRIALS_QUERIES_BYTES);
    lh_arena *arena = job->session.arena;
    lh_json *queries = NULL, *kept = NULL;
    LH_TRY(lh_connection_read_file(job->session.connection, job->queries, &text, err));
    LH_TRY(lh_json_parse(arena, lh_buf_str(&text), &queries, err));
    lh_json_set_string(arena, body, "name", lh_cli_word(job->words, 2));
    lh_json_set(arena, body, "queries", queries);
    LH_TRY(lh_connection_send(job->session.connection, "POST", LH_STR("/vectors/hnsw/evals"), body, arena, &kept, err));
    if (job->json) return lh_cli_print_json(kept, arena, err);
    lh_str name = lh_json_get_string(kept, "name"), index = lh_json_get_string(kept, "index");
    printf("%.*s: %" PRIu64 " queries of %.*s, with the %" PRIu64 " nearest of each\n", LH_STR_ARG(name),
           lh_json_uint(lh_json_get(kept, "count"), 0), LH_STR_ARG(index), lh_json_uint(lh_json_get(kept, "k"), 0));
    return LH_OK;
}

/* ---- jobs ---- */

/* *ret: what came of it; NULL: that was told, or is not waited for. */
static lh_code trials_job(lh_vectors_job *job, lh_str path, const lh_json *body, const lh_json **ret, lh_error *err) {
    lh_arena *arena = job->session.arena;
    lh_json *told = NULL, *ended = NULL;
    lh_str of_job;
    *ret = NULL;
    LH_TRY(lh_connection_send(job->session.connection, "POST", path, body, arena, &told, err));
    if (job->no_wait && job->json) return lh_cli_print_json(told, arena, err);
    if (job->no_wait) return lh_vectors_tell_job(job, told), LH_OK;
    LH_TRY(lh_vectors_await(job, told, err));
    if (job->json) return LH_OK;
    LH_TRY(lh_cli_path(arena, "/jobs/", lh_json_get_string(told, "id"), "", &of_job, err));
    LH_TRY(lh_connection_get(job->session.connection, of_job, arena, &ended, err));
    *ret = lh_json_get(ended, "result");
    return LH_OK;
}

lh_code lh_vectors_eval(lh_vectors_job *job, lh_error *err) {
    lh_arena *arena = job->session.arena;
    lh_json *body = lh_json_new_object(arena);
    const lh_json *ignored;
    lh_str path;
    lh_json_set_string(arena, body, "index", lh_cli_word(job->words, 1));
    if (job->k_text) lh_json_set_uint(arena, body, "k", job->k);
    if (job->queries) return trials_keep_queries(job, body, err);
    lh_json_set_uint(arena, body, "count", job->count_text ? job->count : 100);
    if (job->seed_text) lh_json_set_uint(arena, body, "seed", job->seed);
    LH_TRY(lh_cli_path(arena, "/vectors/hnsw/evals/", lh_cli_word(job->words, 2), "/autogen", &path, err));
    return trials_job(job, path, body, &ignored, err);
}

lh_code lh_vectors_trial(lh_vectors_job *job, lh_error *err) {
    lh_arena *arena = job->session.arena;
    lh_json *body = lh_json_new_object(arena), *items = lh_json_new_array(arena);
    const lh_json *result;
    lh_json_set_string(arena, body, "index", lh_cli_word(job->words, 1));
    lh_json_set_string(arena, body, "eval", lh_cli_word(job->words, 2));
    if (job->hnsw) lh_json_set(arena, body, "config", lh_vectors_members(job, job->hnsw));
    if (job->k_text) lh_json_set_uint(arena, body, "k", job->k);
    LH_TRY(trials_job(job, LH_STR("/vectors/hnsw/trial"), body, &result, err));
    if (!result) return LH_OK;
    lh_json_append(items, lh_json_copy(arena, lh_json_get(result, "trial")));
    return trials_print(items, arena, err);
}

static lh_code trials_real(const lh_vectors_job *job, const char *flag, const char *text, lh_json *body,
                           const char *member, lh_error *err) {
    if (!text) return LH_OK;
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end) return lh_fail(err, LH_INVALID, "--%s takes a number, as 0.98, not '%s'", flag, text);
    lh_json_set(job->session.arena, body, member, lh_json_new_real(job->session.arena, number));
    return LH_OK;
}

lh_code lh_vectors_tune(lh_vectors_job *job, lh_error *err) {
    lh_arena *arena = job->session.arena;
    lh_json *body = lh_json_new_object(arena), *budget = lh_json_new_object(arena), *items = lh_json_new_array(arena);
    const lh_json *result;
    lh_json_set_string(arena, body, "index", lh_cli_word(job->words, 1));
    if (job->eval) lh_json_set_string(arena, body, "eval", lh_str_from(job->eval));
    if (job->k_text) lh_json_set_uint(arena, body, "k", job->k);
    if (job->trials_text) lh_json_set_uint(arena, budget, "trials", job->trials);
    if (job->seconds_text) lh_json_set_uint(arena, budget, "seconds", job->seconds);
    if (lh_json_size(budget)) lh_json_set(arena, body, "budget", budget);
    LH_TRY(trials_real(job, "recall", job->recall_text, body, "recall_target", err));
    LH_TRY(trials_real(job, "selectivity", job->selectivity, body, "filter_selectivity", err));
    LH_TRY(trials_job(job, LH_STR("/vectors/hnsw/tune"), body, &result, err));
    if (!result) return LH_OK;
    lh_str reason = lh_json_get_string(result, "reason");
    printf("%s: %.*s\n", lh_json_bool(lh_json_get(result, "promoted"), false) ? "promoted" : "nothing was promoted",
           LH_STR_ARG(reason));
    lh_json_append(items, lh_json_copy(arena, lh_json_get(result, "best")));
    return trials_print(items, arena, err);
}
