/* `lakehouse profiles`: a user's bucket and defaults, over /profile. */
#include "cli/cli_internal.h"

#include <stdio.h>

typedef struct profiles_job {
    lh_connection *connection;
    lh_arena *arena;
    lh_str user;
    bool json;
} profiles_job;

static lh_code profiles_print(const profiles_job *job, const lh_json *profile, lh_error *err) {
    static const lh_cli_column heads[] = {{"user", false},
                                          {"active", false},
                                          {"bucket", false},
                                          {"default bucket", false},
                                          {"default namespace", false},
                                          {"default backend", false},
                                          {"pins", false}};
    if (job->json) return lh_cli_print_json(profile, job->arena, err);
    const lh_json *defaults = lh_json_get(profile, "defaults");
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, sizeof heads / sizeof *heads);
    lh_cli_rows_next(&rows);
    lh_cli_rows_value(&rows, lh_json_get(profile, "user"));
    lh_cli_rows_value(&rows, lh_json_get(profile, "active"));
    lh_cli_rows_value(&rows, lh_json_get(profile, "bucket"));
    lh_cli_rows_value(&rows, lh_json_get(defaults, "bucket"));
    lh_cli_rows_value(&rows, lh_json_get(defaults, "namespace"));
    lh_cli_rows_value(&rows, lh_json_get(defaults, "backend"));
    lh_cli_rows_value(&rows, lh_json_get(profile, "cache_pins"));
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code profiles_show(const profiles_job *job, lh_error *err) {
    lh_str path;
    lh_json *answer = NULL;
    LH_TRY(lh_cli_path(job->arena, "/profile/", job->user, "", &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &answer, err));
    return profiles_print(job, answer, err);
}

static lh_code profiles_activate(const profiles_job *job, lh_error *err) {
    lh_str path;
    lh_json *answer = NULL;
    LH_TRY(lh_cli_path(job->arena, "/profile/", job->user, "/activate", &path, err));
    LH_TRY(lh_connection_send(job->connection, "POST", path, NULL, job->arena, &answer, err));
    return profiles_print(job, answer, err);
}

static lh_code profiles_deactivate(const profiles_job *job, lh_error *err) {
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, "/profile/", job->user, "/deactivate", &path, err));
    const lh_exchange exchange = {.method = "POST", .path = path};
    LH_TRY(lh_connection_do(job->connection, &exchange, job->arena, NULL, err));
    printf("the profile of %.*s is not active\n", LH_STR_ARG(job->user));
    return LH_OK;
}

static const struct {
    lh_cli_verb verb;
    lh_code (*run)(const profiles_job *job, lh_error *err);
} profiles_verbs[] = {{{"show", "USER", 1, 1}, profiles_show},
                      {{"activate", "USER", 1, 1}, profiles_activate},
                      {{"deactivate", "USER", 1, 1}, profiles_deactivate}};

const char *lh_cli_profiles_verb(size_t i) {
    return i < sizeof profiles_verbs / sizeof *profiles_verbs ? profiles_verbs[i].verb.name : NULL;
}

static lh_code profiles_run(const lh_cli_source *source, size_t verb, profiles_job *job, lh_error *err) {
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    LH_TRY(lh_cli_session_open(source, &session, err));
    job->connection = session.connection;
    job->arena = session.arena;
    return profiles_verbs[verb].run(job, err);
}

int lh_cli_profiles(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    profiles_job job = {0};
    lh_error err = {0};
    const lh_cli_flag flags[] = {
        {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &job.json},
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source),
    };
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    size_t verb = lh_cli_find_verb(self, words.count ? words.items[0] : "show");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &profiles_verbs[verb].verb, &words)) return LH_EXIT_USAGE;
    job.user = lh_cli_word(&words, 1);
    return profiles_run(&source, verb, &job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}
