/* `lakehouse cache`: what the server holds in memory. */
#include "cli/cli_internal.h"

#include <stdio.h>

typedef struct cache_job {
    lh_connection *connection;
    lh_arena *arena;
    lh_str name, columns;
    bool all, no_wait, json;
} cache_job;

static uint64_t cache_count(const lh_json *answer, const char *member) {
    return lh_json_uint(lh_json_get(answer, member), 0);
}

static lh_code cache_pin(const cache_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL, *columns = lh_json_new_array(job->arena);
    lh_json_set_string(job->arena, body, "dataset", job->name);
    for (lh_str rest = job->columns; rest.len;)
        lh_json_append(columns, lh_json_new_string(job->arena, lh_str_trim(lh_str_split(&rest, ','))));
    if (job->columns.len) lh_json_set(job->arena, body, "columns", columns);
    if (job->no_wait) lh_json_set_bool(job->arena, body, "wait", false);
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/query/cache/pin"), body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    lh_str dataset = lh_json_get_string(answer, "dataset");
    if (job->no_wait) printf("%.*s loads\n", LH_STR_ARG(dataset));
    else
        printf("%.*s: %" PRIu64 " rows, %.*s in memory\n", LH_STR_ARG(dataset), cache_count(answer, "rows"),
               LH_STR_ARG(lh_cli_size(job->arena, cache_count(answer, "bytes"))));
    return LH_OK;
}

static lh_code cache_evict(const cache_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    if (job->all) lh_json_set_bool(job->arena, body, "all", true);
    else lh_json_set_string(job->arena, body, "dataset", job->name);
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/query/cache/evict"), body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("%" PRIu64 " evicted, %.*s free\n", cache_count(answer, "evicted"),
           LH_STR_ARG(lh_cli_size(job->arena, cache_count(answer, "bytes"))));
    return LH_OK;
}

static void cache_print_item(const cache_job *job, const lh_json *item) {
    lh_str error = lh_json_get_string(item, "error"), text = LH_STR_NONE;
    const lh_json *columns = lh_json_get(item, "columns");
    if (!lh_json_is_null(columns) && lh_json_write(job->arena, columns, false, &text, NULL) != LH_OK)
        text = LH_STR_NONE;
    printf("%-8.*s %.*s%s%.*s: %" PRIu64 " rows, %.*s; %" PRIu64 " hits, %" PRIu64 " misses\n",
           LH_STR_ARG(lh_json_get_string(item, "state")), LH_STR_ARG(lh_json_get_string(item, "dataset")),
           text.len ? " " : "", LH_STR_ARG(text), cache_count(item, "rows"),
           LH_STR_ARG(lh_cli_size(job->arena, cache_count(item, "bytes"))), cache_count(item, "hits"),
           cache_count(item, "misses"));
    if (error.len) printf("         %.*s\n", LH_STR_ARG(error));
}

static lh_code cache_stats(const cache_job *job, lh_error *err) {
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/query/cache/stats"), job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);)
        cache_print_item(job, it.value);
    printf("%.*s of %.*s; %" PRIu64 " hits, %" PRIu64 " misses, %" PRIu64 " evictions\n",
           LH_STR_ARG(lh_cli_size(job->arena, cache_count(answer, "bytes"))),
           LH_STR_ARG(lh_cli_size(job->arena, cache_count(answer, "limit_bytes"))), cache_count(answer, "hits"),
           cache_count(answer, "misses"), cache_count(answer, "evictions"));
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(const cache_job *job, lh_error *err);
} cache_verbs[] = {{{"stats", "no more words", 0, 0}, cache_stats},
                   {{"pin", "NAME, and perhaps COLUMNS as id,name", 1, 2}, cache_pin},
                   {{"evict", "NAME, or --all", 1, 1}, cache_evict}};

const char *lh_cli_cache_verb(size_t i) {
    return i < sizeof cache_verbs / sizeof *cache_verbs ? cache_verbs[i].verb.name : NULL;
}

static lh_code cache_run(const lh_cli_source *source, size_t verb, cache_job *job, lh_error *err) {
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    LH_TRY(lh_cli_session_open(source, &session, err));
    job->connection = session.connection;
    job->arena = session.arena;
    return cache_verbs[verb].run(job, err);
}

int lh_cli_cache(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    cache_job job = {0};
    lh_error err = {0};
    const lh_cli_flag flags[] = {{.name = "all", .help = "evict: everything", .on = &job.all},
                                 {.name = "no-wait", .help = "pin: do not wait until it is loaded", .on = &job.no_wait},
                                 {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
                                 LH_CLI_CLIENT_FLAGS(source),
                                 LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    job.name = lh_cli_word(&words, 1);
    job.columns = lh_cli_word(&words, 2);
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "stats");
    if (verb == SIZE_MAX) return LH_EXIT_USAGE;
    lh_cli_verb takes = cache_verbs[verb].verb;
    if (job.all && cache_verbs[verb].run == cache_evict) takes.least = takes.most = 0; /* --all stands for the name */
    if (!lh_cli_takes(self, &takes, &words)) return LH_EXIT_USAGE;
    return cache_run(&source, verb, &job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}
