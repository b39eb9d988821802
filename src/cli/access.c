/* `lakehouse keys`, `roles`, `principals`: who may do what, over /access. */
#include "cli/cli_internal.h"

#include <stdio.h>

enum { ACCESS_FILE_BYTES = 256 << 10 };

typedef struct access_job {
    lh_connection *connection;
    lh_arena *arena;
    const lh_cli_list *words; /* the verb's own from 1 on */
    const char *principal, *permission, *expires_at, *kind;
    bool json;
} access_job;

typedef struct access_verb {
    lh_cli_verb verb;
    lh_code (*run)(const access_job *job, lh_error *err);
} access_verb;

/* ---- what they share ---- */

/* A table of members of the items. */
static lh_code access_print(const access_job *job, const lh_json *items, const char *const *members, size_t count,
                            lh_error *err) {
    lh_cli_column heads[8];
    if (job->json) return lh_cli_print_json(items, job->arena, err);
    for (size_t i = 0; i < count; i++) heads[i] = (lh_cli_column){members[i], false};
    lh_cli_rows rows = lh_cli_rows_new(job->arena, heads, count);
    for (lh_json_iter it = lh_json_each(items); lh_json_next(&it);) {
        lh_cli_rows_next(&rows);
        for (size_t i = 0; i < count; i++) lh_cli_rows_value(&rows, lh_json_get(it.value, members[i]));
    }
    return lh_cli_rows_print(&rows, lh_cli_style(), err);
}

static lh_code access_remove(const access_job *job, const char *before, const char *done, lh_error *err) {
    lh_str path, name = lh_cli_word(job->words, 1);
    LH_TRY(lh_cli_path(job->arena, before, name, "", &path, err));
    const lh_exchange exchange = {.method = "DELETE", .path = path};
    LH_TRY(lh_connection_do(job->connection, &exchange, job->arena, NULL, err));
    printf("%s %.*s\n", done, LH_STR_ARG(name));
    return LH_OK;
}

lh_code lh_cli_read_json(const lh_connection *connection, lh_str name, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(ACCESS_FILE_BYTES);
    char path[4096];
    LH_TRY(lh_str_to_cstr(name, path, sizeof path, err));
    LH_TRY(lh_connection_read_file(connection, path, &text, err));
    return lh_json_parse(arena, lh_buf_str(&text), ret, err);
}

/* ---- keys ---- */

static lh_code keys_list(const access_job *job, lh_error *err) {
    static const char *const members[] = {"id",         "name",       "permission",  "principal",
                                          "created_at", "expires_at", "last_used_at"};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get(job->connection, LH_STR("/access/keys"), job->arena, &answer, err));
    return access_print(job, lh_json_get(answer, "items"), members, sizeof members / sizeof *members, err);
}

/* The key alone on stdout, for scripts. */
static lh_code keys_show(const access_job *job, const lh_json *answer, lh_error *err) {
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("%.*s\n", LH_STR_ARG(lh_json_get_string(answer, "key")));
    fprintf(stderr, "key %.*s, shown this once\n", LH_STR_ARG(lh_json_get_string(answer, "id")));
    return LH_OK;
}

static lh_code keys_create(const access_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_str name = lh_cli_word(job->words, 1);
    if ((name.len == 0) == !job->principal)
        return lh_fail(err, LH_INVALID, "a key has either a NAME, or --principal NAME");
    lh_json_set_string(job->arena, body, job->principal ? "principal" : "name",
                       job->principal ? lh_str_from(job->principal) : name);
    if (job->permission)
        lh_json_set_string(job->arena, body, job->principal ? "scope" : "permission", lh_str_from(job->permission));
    if (job->expires_at) lh_json_set_string(job->arena, body, "expires_at", lh_str_from(job->expires_at));
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/access/keys"), body, job->arena, &answer, err));
    return keys_show(job, answer, err);
}

static lh_code keys_rotate(const access_job *job, lh_error *err) {
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, "/access/keys/", lh_cli_word(job->words, 1), "/rotate", &path, err));
    LH_TRY(lh_connection_send(job->connection, "POST", path, NULL, job->arena, &answer, err));
    return keys_show(job, answer, err);
}

static lh_code keys_revoke(const access_job *job, lh_error *err) {
    return access_remove(job, "/access/keys/", "revoked", err);
}

static const access_verb keys_verbs[] = {{{"list", "no more words", 0, 0}, keys_list},
                                         {{"create", "NAME, or --principal NAME", 0, 1}, keys_create},
                                         {{"rotate", "ID", 1, 1}, keys_rotate},
                                         {{"revoke", "ID", 1, 1}, keys_revoke}};

/* ---- roles ---- */

static lh_code roles_list(const access_job *job, lh_error *err) {
    static const char *const members[] = {"name", "built_in", "description", "updated_at"};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get_all(job->connection, LH_STR("/access/roles"), job->arena, &answer, err));
    return access_print(job, lh_json_get(answer, "items"), members, sizeof members / sizeof *members, err);
}

static lh_code roles_show(const access_job *job, lh_error *err) {
    static const char *const members[] = {"effect", "on", "name", "actions", "row_filter", "columns", "redactions"};
    lh_json *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, "/access/roles/", lh_cli_word(job->words, 1), "", &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &answer, err));
    const lh_json *shown = job->json ? answer : lh_json_get(answer, "grants");
    return access_print(job, shown, members, sizeof members / sizeof *members, err);
}

static lh_code roles_create(const access_job *job, lh_error *err) {
    lh_json *role = NULL, *answer = NULL;
    LH_TRY(lh_cli_read_json(job->connection, lh_cli_word(job->words, 1), job->arena, &role, err));
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/access/roles"), role, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("made the role %.*s\n", LH_STR_ARG(lh_json_get_string(answer, "name")));
    return LH_OK;
}

static lh_code roles_replace(const access_job *job, lh_error *err) {
    lh_json *role = NULL, *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_read_json(job->connection, lh_cli_word(job->words, 2), job->arena, &role, err));
    LH_TRY(lh_cli_path(job->arena, "/access/roles/", lh_cli_word(job->words, 1), "", &path, err));
    LH_TRY(lh_connection_send(job->connection, "PUT", path, role, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("replaced the role %.*s\n", LH_STR_ARG(lh_json_get_string(answer, "name")));
    return LH_OK;
}

static lh_code roles_delete(const access_job *job, lh_error *err) {
    return access_remove(job, "/access/roles/", "deleted the role", err);
}

static const access_verb roles_verbs[] = {{{"list", "no more words", 0, 0}, roles_list},
                                          {{"show", "NAME", 1, 1}, roles_show},
                                          {{"create", "FILE, the role as JSON", 1, 1}, roles_create},
                                          {{"replace", "NAME and FILE, the role as JSON", 2, 2}, roles_replace},
                                          {{"delete", "NAME", 1, 1}, roles_delete}};

/* ---- principals ---- */

static lh_code principals_list(const access_job *job, lh_error *err) {
    static const char *const members[] = {"name", "kind", "roles", "created_at"};
    lh_json *answer = NULL;
    LH_TRY(lh_connection_get_all(job->connection, LH_STR("/access/principals"), job->arena, &answer, err));
    return access_print(job, lh_json_get(answer, "items"), members, sizeof members / sizeof *members, err);
}

/* The verb's second word, as "analyst,agent". */
static lh_json *principals_roles(const access_job *job) {
    lh_json *roles = lh_json_new_array(job->arena);
    for (lh_str rest = lh_cli_word(job->words, 2); rest.len;)
        lh_json_append(roles, lh_json_new_string(job->arena, lh_str_trim(lh_str_split(&rest, ','))));
    return roles;
}

static lh_code principals_create(const access_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *answer = NULL;
    lh_json_set_string(job->arena, body, "name", lh_cli_word(job->words, 1));
    lh_json_set_string(job->arena, body, "kind", job->kind ? lh_str_from(job->kind) : LH_STR("user"));
    lh_json_set(job->arena, body, "roles", principals_roles(job));
    LH_TRY(lh_connection_send(job->connection, "POST", LH_STR("/access/principals"), body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("made the principal %.*s\n", LH_STR_ARG(lh_json_get_string(answer, "name")));
    return LH_OK;
}

/* Its kind stays, unless --kind says another. */
static lh_code principals_update(const access_job *job, lh_error *err) {
    lh_json *body = lh_json_new_object(job->arena), *before = NULL, *answer = NULL;
    lh_str path;
    LH_TRY(lh_cli_path(job->arena, "/access/principals/", lh_cli_word(job->words, 1), "", &path, err));
    LH_TRY(lh_connection_get(job->connection, path, job->arena, &before, err));
    lh_json_set_string(job->arena, body, "kind",
                       job->kind ? lh_str_from(job->kind) : lh_json_get_string(before, "kind"));
    lh_json_set(job->arena, body, "roles", principals_roles(job));
    LH_TRY(lh_connection_send(job->connection, "PUT", path, body, job->arena, &answer, err));
    if (job->json) return lh_cli_print_json(answer, job->arena, err);
    printf("updated the principal %.*s\n", LH_STR_ARG(lh_json_get_string(answer, "name")));
    return LH_OK;
}

static lh_code principals_delete(const access_job *job, lh_error *err) {
    return access_remove(job, "/access/principals/", "deleted, with its keys, the principal", err);
}

static const access_verb principals_verbs[] = {
    {{"list", "no more words", 0, 0}, principals_list},
    {{"create", "NAME, and perhaps ROLES as analyst,agent", 1, 2}, principals_create},
    {{"update", "NAME ROLES as analyst,agent: all that it has from now on", 2, 2}, principals_update},
    {{"delete", "NAME", 1, 1}, principals_delete}};

/* ---- the commands ---- */

#define ACCESS_COUNT(verbs) (sizeof(verbs) / sizeof *(verbs))

const char *lh_cli_keys_verb(size_t i) { return i < ACCESS_COUNT(keys_verbs) ? keys_verbs[i].verb.name : NULL; }
const char *lh_cli_roles_verb(size_t i) { return i < ACCESS_COUNT(roles_verbs) ? roles_verbs[i].verb.name : NULL; }
const char *lh_cli_principals_verb(size_t i) {
    return i < ACCESS_COUNT(principals_verbs) ? principals_verbs[i].verb.name : NULL;
}

static lh_code access_run(const lh_cli_source *source, const access_verb *verb, access_job *job, lh_error *err) {
    LH_CLEANUP(lh_cli_session_done) lh_cli_session session = {0};
    LH_TRY(lh_cli_session_open(source, &session, err));
    job->connection = session.connection;
    job->arena = session.arena;
    return verb->run(job, err);
}

static int access_go(const lh_cli_command *self, const access_verb *verbs, const lh_cli_source *source,
                     access_job *job) {
    lh_error err = {0};
    size_t verb = lh_cli_find_verb(self, job->words->count ? job->words->items[0] : "list");
    if (verb == SIZE_MAX || !lh_cli_takes(self, &verbs[verb].verb, job->words)) return LH_EXIT_USAGE;
    return access_run(source, &verbs[verb], job, &err) == LH_OK ? LH_EXIT_DONE : lh_cli_fail(&err);
}

#define ACCESS_JSON(job) {.name = "json", .help = "the server's answer, all of it, as JSON", .on = &(job).json}

int lh_cli_keys(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    access_job job = {.words = &words};
    const lh_cli_flag flags[] = {
        {.name = "principal", .value_name = "NAME", .help = "create: whose key it is", .text = &job.principal},
        {.name = "permission",
         .value_name = "WORD",
         .help = "create: read, write or admin; with --principal it does no more than that",
         .text = &job.permission},
        {.name = "expires-at",
         .value_name = "TIME",
         .help = "create: when it ends, as 2027-01-31T00:00:00Z; without it never",
         .text = &job.expires_at},
        ACCESS_JSON(job),
        LH_CLI_CLIENT_FLAGS(source),
        LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    return status >= 0 ? status : access_go(self, keys_verbs, &source, &job);
}

int lh_cli_roles(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    access_job job = {.words = &words};
    const lh_cli_flag flags[] = {ACCESS_JSON(job), LH_CLI_CLIENT_FLAGS(source), LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    return status >= 0 ? status : access_go(self, roles_verbs, &source, &job);
}

int lh_cli_principals(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    access_job job = {.words = &words};
    const lh_cli_flag flags[] = {{.name = "kind",
                                  .value_name = "WORD",
                                  .help = "create, update: user (default of create), agent or service",
                                  .text = &job.kind},
                                 ACCESS_JSON(job),
                                 LH_CLI_CLIENT_FLAGS(source),
                                 LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    return status >= 0 ? status : access_go(self, principals_verbs, &source, &job);
}
