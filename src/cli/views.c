/* `lakehouse views`: views of the Iceberg REST catalog, and AI-safe views, which are seen there as well. A name is NAMESPACE.VIEW, a dot for each level; `data` when it has none. */
#include "cli/cli_internal.h"

#include <stdio.h>

#define VIEWS_NAMESPACES "/iceberg/v1/namespaces/"

typedef struct views_job {
    lh_connection *connection;
    lh_arena *arena;
    const lh_cli_list *words; /* the verb's own from 1 on */
    bool yes, json;
} views_job;

static void views_split(lh_str text, lh_str *namespace_, lh_str *name) {
    size_t dot = text.len;
    while (dot > 0 && text.ptr[dot - 1] != '.') dot--;
    *namespace_ = dot > 1 ? lh_str_sub(text, 0, dot - 1) : LH_STR("data");
    *name = lh_str_sub(text, dot, SIZE_MAX);
}

/* "…/namespaces/a%1Fb<after><name, encoded>" */
static lh_code views_path(const views_job *job, lh_str namespace_, const char *after, lh_str name, lh_str *ret,
                          lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf levels = LH_BUF_INIT(8192);
    lh_str first = LH_STR_NONE;
    for (lh_str rest = namespace_; rest.len;) {
        if (levels.len) lh_buf_char(&levels, '\x1f');
        lh_buf_append(&levels, lh_str_split(&rest, '.'));
    }
    LH_TRY(lh_buf_check(&levels, err));
    LH_TRY(lh_cli_path(job->arena, VIEWS_NAMESPACES, lh_buf_str(&levels), after, &first, err));
    return lh_cli_path(job->arena, lh_arena_cstr(job->arena, first), name, "", ret, err);
}

static lh_code views_path_of(const views_job *job, lh_str *ret, lh_error *err) {
    lh_str namespace_, name;
    views_split(lh_cli_word(job->words, 1), &namespace_, &name);
    if (name.len == 0) return lh_fail(err, LH_INVALID, "a view's name is NAMESPACE.VIEW");
    return views_path(job, namespace_, "/views/", name, ret, err);
}

static lh_code views_list(const views_job *job, lh_error *err) {
    static const lh_cli_column heads[] = {{"view", false}};
    lh_json *answer = NULL;
    lh_str path, of = lh_cli_word(job->words, 1);
    LH_TRY(views_path(job, of.len ? of : LH_STR("data"), "/views", LH_STR_NONE, &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &answer, err));
    const lh_json *views = lh_json_get(answer, "identifiers");
    if (job->json) return lh_cli_print_json(views, job->arena, err);
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(views); lh_json_next(&it);) {
        lh_str text = LH_STR_NONE;
        for (lh_json_iter level = lh_json_each(lh_json_get(it.value, "namespace")); lh_json_next(&level);)
            text = lh_arena_printf(job->arena, "%.*s%.*s.", LH_STR_ARG(text),
                                   LH_STR_ARG(lh_json_str(level.value, LH_STR_NONE)));
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows, lh_arena_printf(job->arena, "%.*s%.*s", LH_STR_ARG(text),
                                                LH_STR_ARG(lh_json_get_string(it.value, "name"))));
    }
    if (lh_json_size(views)) return lh_cli_rows_print(&rows, lh_cli_style(), err);
    printf("no views in %.*s that you may see\n", LH_STR_ARG(of.len ? of : LH_STR("data")));
    return LH_OK;
}

/* The texts of its current version: one a dialect. */
static lh_code views_show(const views_job *job, lh_error *err) {
    static const lh_cli_column heads[] = {{"dialect", false}, {"sql", false}};
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(views_path_of(job, &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    const lh_json *metadata = lh_json_get(answer, "metadata"), *current = lh_json_get(metadata, "current-version-id");
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "versions")); lh_json_next(&it);) {
        if (!lh_json_equal(lh_json_get(it.value, "version-id"), current)) continue;
        for (lh_json_iter of = lh_json_each(lh_json_get(it.value, "representations")); lh_json_next(&of);) {
            lh_cli_rows_next(&rows);
            lh_cli_rows_text(&rows, lh_json_get_string(of.value, "dialect"));
            lh_cli_rows_text(&rows, lh_json_get_string(of.value, "sql"));
        }
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

/* One of the lake's own goes by the door by which it came. */
static lh_code views_drop_own(const views_job *job, lh_str name, lh_error *err) {
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, "/catalog/views/", name, "", &path, err));
    const lh_exchange exchange = {.method = "DELETE", .path = path};
    LH_TRY(lh_connection_do(job->connection, &exchange, job->arena, NULL, err));
    printf("dropped %.*s\n", LH_STR_ARG(name));
    return LH_OK;
}

static lh_code views_drop(const views_job *job, lh_error *err) {
    lh_str path, name = lh_cli_word(job->words, 1);
    LH_TRY(views_path_of(job, &path, err));
    if (!job->yes && !lh_cli_confirm(lh_arena_printf(job->arena, "Drop the view %.*s?", LH_STR_ARG(name))))
        return lh_fail(err, LH_CANCELLED, "nothing was dropped (--yes asks no question)");
    lh_code own = views_drop_own(job, name, err);
    if (own != LH_NOT_FOUND) return own;
    const lh_exchange exchange = {.method = "DELETE", .path = path};
    LH_TRY(lh_connection_do(job->connection, &exchange, job->arena, NULL, err));
    printf("dropped %.*s; its files stay\n", LH_STR_ARG(name));
    return LH_OK;
}

static lh_json *views_identifier(const views_job *job, lh_str text) {
    lh_json *identifier = lh_json_new_object(job->arena), *levels = lh_json_new_array(job->arena);
    lh_str rest, name;
    views_split(text, &rest, &name);
    while (rest.len) lh_json_append(levels, lh_json_new_string(job->arena, lh_str_split(&rest, '.')));
    lh_json_set(job->arena, identifier, "namespace", levels);
    lh_json_set_string(job->arena, identifier, "name", name);
    return identifier;
}

static lh_code views_rename(const views_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena);
    lh_str text, from = lh_cli_word(job->words, 1), to = lh_cli_word(job->words, 2);
    lh_json_set(job->arena, body, "source", views_identifier(job, from));
    lh_json_set(job->arena, body, "destination", views_identifier(job, to));
    LH_TRY(lh_json_write(job->arena, body, false, &text, err));
    const lh_exchange exchange = {.method = "POST", .path = LH_STR("/iceberg/v1/views/rename"), .body = text};
    LH_TRY(lh_connection_do(job->connection, &exchange, job->arena, NULL, err));
    printf("%.*s is now %.*s\n", LH_STR_ARG(from), LH_STR_ARG(to));
    return LH_OK;
}

/* ---- AI-safe views ---- */

static lh_code views_safe(const views_job *job, lh_error *err) {
    static const char *const members[] = {"name",       "base_dataset",      "columns",
                                          "row_filter", "column_redactions", "broken"};
    enum { COUNT = sizeof members / sizeof *members };
    lh_cli_column heads[COUNT];
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get_all(job->connection, LH_STR("/catalog/views"), job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(lh_json_get(answer, "items"), job->arena, err);
    for (size_t i = 0; i < COUNT; i++) heads[i] = (lh_cli_column){i ? members[i] : "view", false};
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, COUNT);
    for (lh_json_iter it = lh_json_each(lh_json_get(answer, "items")); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        lh_cli_rows_text(&rows,
                         lh_arena_printf(job->arena, "%.*s.%.*s", LH_STR_ARG(lh_json_get_string(it.value, "namespace")),
                                         LH_STR_ARG(lh_json_get_string(it.value, "name"))));
        for (size_t i = 1; i < COUNT; i++) lh_cli_rows_value(&rows, lh_json_get(it.value, members[i]));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code views_create(const views_job *job, lh_error *err) {
    lh_json *view = NULL, *answer = NULL;
    LH_TRY(lh_cli_read_json(job->connection, lh_cli_word(job->words, 1), job->arena, &view, err));
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/catalog/views"), view, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("made %.*s.%.*s\n", LH_STR_ARG(lh_json_get_string(answer, "namespace")),
           LH_STR_ARG(lh_json_get_string(answer, "name")));
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(const views_job *job, lh_error *err);
} views_verbs[] = {{{"list", "at most one NAMESPACE", 0, 1}, views_list},
                   {{"show", "NAME", 1, 1}, views_show},
                   {{"drop", "NAME", 1, 1}, views_drop},
                   {{"rename", "NAME and the new NAME", 2, 2}, views_rename},
                   {{"safe", "no more words", 0, 0}, views_safe},
                   {{"create", "FILE", 1, 1}, views_create}};

const char *lh_cli_views_verb(size_t i) {
    return i < sizeof views_verbs / sizeof *views_verbs ? views_verbs[i].verb.name : NULL;
}

static lh_code views_run(const lh_cli_source *source, size_t verb, views_job *job, lh_error *err) {
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    LH_TRY(lh_cli_session_open(source, &session, err));
    job->connection = session.connection;
    job->arena = session.arena;
    return views_verbs[verb].run(job, err);
}

int lh_cli_views(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    views_job job = {.words = &words};
    lh_error err = {0};
    const lh_cli_flag flags[] = {{.name = "yes", .letter = 'y', .help = "drop: ask no question", .on = &job.yes},
                                 {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
                                 LH_CLI_CLIENT_FLAGS(source),
                                 LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "list");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &views_verbs[verb].verb, &words)) return LH_EXIT_USAGE;
    return views_run(&source, verb, &job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}
