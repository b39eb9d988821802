/* One way for every command to reach a lake: a server by URL, a server that runs on a root (announce.c), or,
 * with --root and no server, the whole stack in this process on a port of its own. */
#include "cli/cli_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECTION_IDLE_MS = 24 * 3600 * 1000 }; /* a statement may think for long */
enum { CONNECTION_PATH_BYTES = 64 << 10 };
enum { CONNECTION_START_MS = 30000, CONNECTION_LOOK_MS = 50 };

struct lh_connection {
    lh_arena *arena; /* config, url, key */
    lh_config config;
    lh_http_client *client;
    lh_stack *stack; /* NULL when the server is another process */
    lh_str url, api_key;
    int folder_fd; /* where the command was called */
};

const char *lh_cli_api_key(const lh_cli_source *source) {
    return source->api_key ? source->api_key : getenv("LAKEHOUSE_API_KEY");
}

const char *lh_cli_ca_file(const lh_cli_source *source) {
    return source->ca_file ? source->ca_file : getenv("LAKEHOUSE_CA_FILE");
}

/* A stack of our own: loopback, any free port, plain HTTP, and a key for this process when keys are asked for. */
static lh_code connection_open_stack(lh_connection *connection, lh_error *err) {
    lh_config *config = &connection->config;
    config->server_listen = LH_STR("127.0.0.1:0");
    config->server_tls_certificate = config->server_tls_key = LH_STR_NONE;
    config->server_workers = 8;
    if (lh_str_eq(config->auth_mode, LH_STR("keys"))) {
        lh_uuid first = lh_uuid_new(), second = lh_uuid_new();
        connection->api_key = config->auth_admin_key =
            lh_arena_printf(connection->arena, "%s%s", first.text, second.text);
        LH_TRY(lh_arena_check(connection->arena, err));
    }
    lh_log_set_level(LH_LOG_ERROR);
    LH_TRY(lh_stack_listen(config, false, &connection->stack, err));
    LH_TRY(lh_stack_ready(connection->stack, err));
    connection->url = lh_stack_url(connection->stack);
    return LH_OK;
}

/* A server of the root that answers; empty when there is none. */
static lh_str connection_find(lh_connection *connection) {
    lh_announced servers = lh_announced_on(connection->config.storage_root, connection->arena);
    for (size_t i = 0; i < servers.count; i++)
        if (lh_cli_check_lakehouse(connection->client, servers.urls[i], NULL) == LH_OK) return servers.urls[i];
    return LH_STR_NONE;
}

static lh_code connection_use_url(lh_connection *connection, const char *given, lh_error *err) {
    lh_error why = {0};
    lh_str url = lh_str_from(given);
    while (lh_str_ends(url, LH_STR("/"))) url.len--;
    connection->url = lh_arena_dup(connection->arena, url);
    LH_TRY(lh_arena_check(connection->arena, err));
    if (lh_cli_check_lakehouse(connection->client, connection->url, &why) == LH_OK) return LH_OK;
    return lh_fail(err, why.code, "no lakehouse answers at %s: %s", given, why.message);
}

/* What --set says of the storage or the address helps to find the server; the rest is for a stack of our own. */
static void connection_warn_of_settings(const lh_connection *connection, const lh_cli_source *source) {
    for (size_t i = 0; i < source->sets.count; i++) {
        lh_str name = lh_str_from(source->sets.items[i]);
        if (lh_str_starts(name, LH_STR("server.")) || lh_str_starts(name, LH_STR("storage."))) continue;
        lh_cli_complain("--set %s changes nothing: the server at %.*s has its own settings", source->sets.items[i],
                        LH_STR_ARG(connection->url));
    }
}

static lh_code connection_choose(lh_connection *connection, const lh_cli_source *source, bool quiet, lh_error *err) {
    const char *given = source->url ? source->url : getenv("LAKEHOUSE_URL");
    if (given && *given) return connection_use_url(connection, given, err);
    LH_TRY(lh_cli_config(source, connection->arena, &connection->config, err));
    connection->url = connection_find(connection);
    if (connection->url.len) return LH_OK;
    if (source->root) {
        if (!quiet) fprintf(stderr, "no server runs on %s: opening the lake here\n", source->root);
        return connection_open_stack(connection, err);
    }
    connection->url = lh_cli_configured_url(&connection->config, connection->arena);
    if (lh_cli_check_lakehouse(connection->client, connection->url, NULL) == LH_OK) return LH_OK;
    return lh_fail(
        err, LH_UNAVAILABLE,
        "no server answers at %.*s; start one with `lakehouse serve`, name one with --url, or add --root DIR "
        "to open the lake here",
        LH_STR_ARG(connection->url));
}

/* A server listens before its engine is there: `serve &` and a command right behind it is no error. */
static void connection_await_engine(lh_connection *connection) {
    for (uint64_t waited_ms = 0; waited_ms < CONNECTION_START_MS; waited_ms += CONNECTION_LOOK_MS) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_http_answer answer = {0};
        if (lh_arena_new(1 << 20, &arena, NULL) != LH_OK) return;
        const lh_http_call call = {.method = "GET",
                                   .url = lh_arena_printf(arena, "%.*s/ready", LH_STR_ARG(connection->url)),
                                   .timeout_ms = CONNECTION_START_MS};
        if (lh_http_do(connection->client, &call, arena, &answer, NULL) != LH_OK || answer.status != 503 ||
            lh_str_search(answer.body, LH_STR("\"starting\"")) == SIZE_MAX)
            return; /* another trouble is told by what is asked next */
        lh_time_sleep_ms(CONNECTION_LOOK_MS);
    }
}

lh_code lh_connection_open(const lh_cli_source *source, bool quiet, lh_connection **ret, lh_error *err) {
    LH_CLEANUP(lh_connection_closep) lh_connection *connection = calloc(1, sizeof *connection);
    if (!connection) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    connection->folder_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (connection->folder_fd < 0) return lh_fail_errno(err, errno, "cannot open the working folder");
    LH_TRY(lh_arena_new(8 << 20, &connection->arena, err));
    const lh_http_client_options options = {
        .connections_max = 2, .idle_timeout_ms = CONNECTION_IDLE_MS, .ca_file = lh_cli_ca_file(source)};
    LH_TRY(lh_http_client_new(&options, &connection->client, err));
    connection->api_key = lh_str_from(lh_cli_api_key(source));
    LH_TRY(connection_choose(connection, source, quiet, err));
    if (!connection->stack) connection_warn_of_settings(connection, source);
    if (!connection->stack) connection_await_engine(connection);
    *ret = lh_take(&connection);
    return LH_OK;
}

void lh_connection_close(lh_connection *connection) {
    if (!connection) return;
    lh_http_client_free(connection->client); /* first: open connections would hold up the drain */
    lh_stack_close(connection->stack);
    lh_arena_free(connection->arena);
    if (connection->folder_fd >= 0) close(connection->folder_fd);
    free(connection);
}

lh_code lh_cli_session_open(const lh_cli_source *source, lh_cli_session *ret, lh_error *err) {
    setlocale(LC_CTYPE, ""); /* widths of characters on the terminal */
    LH_TRY(lh_arena_new(LH_CLI_ARENA_BYTES, &ret->arena, err));
    return lh_connection_open(source, false, &ret->connection, err);
}

void lh_cli_session_done(lh_cli_session *session) {
    lh_connection_close(session->connection);
    lh_arena_free(session->arena);
}

lh_code lh_connection_open_file(const lh_connection *connection, const char *path, int *ret, lh_error *err) {
    struct stat st;
    int fd = openat(connection->folder_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot open %s", path);
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        close(fd);
        return lh_fail(err, LH_INVALID, "%s is not a file", path);
    }
    *ret = fd;
    return LH_OK;
}

lh_code lh_cli_read_all(int fd, const char *path, lh_buf *into, lh_error *err) {
    for (;;) {
        char *room = lh_buf_reserve(into, 64 << 10);
        if (!room) return lh_buf_check(into, err);
        ssize_t got = read(fd, room, 64 << 10);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lh_fail_errno(err, errno, "cannot read %s", path);
        if (got == 0) return LH_OK;
        into->len += (size_t)got;
    }
}

lh_code lh_connection_read_file(const lh_connection *connection, const char *path, lh_buf *into, lh_error *err) {
    int fd = -1;
    LH_TRY(lh_connection_open_file(connection, path, &fd, err));
    lh_code code = lh_cli_read_all(fd, path, into, err);
    close(fd);
    return code;
}

lh_code lh_connection_create_file(const lh_connection *connection, const char *path, FILE **ret, lh_error *err) {
    int fd = openat(connection->folder_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot open %s", path);
    FILE *file = fdopen(fd, "w");
    if (!file) {
        close(fd);
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    }
    *ret = file;
    return LH_OK;
}

int lh_connection_folder(const lh_connection *connection) { return connection->folder_fd; }
lh_str lh_connection_url(const lh_connection *connection) { return connection->url; }
bool lh_connection_is_here(const lh_connection *connection) { return connection->stack != NULL; }

/* ---- one exchange ---- */
typedef struct connection_sink {
    const lh_exchange *exchange;
    bool has_key; /* was shown */
    int status;
    lh_buf body; /* of an error, or when nobody takes it */
} connection_sink;

static lh_code connection_on_headers(void *ctx, int status, const lh_http_header *headers, size_t count) {
    connection_sink *sink = ctx;
    sink->status = status;
    if (status >= 400 || !sink->exchange->on_headers) return LH_OK;
    return sink->exchange->on_headers(sink->exchange->write_ctx, headers, count);
}

static lh_code connection_on_body(void *ctx, lh_str data) {
    connection_sink *sink = ctx;
    if (sink->status < 400 && sink->exchange->write) return sink->exchange->write(sink->exchange->write_ctx, data);
    lh_buf_append(&sink->body, data);
    return lh_buf_check(&sink->body, NULL);
}

static lh_code connection_code_of(int status, lh_str name) {
    for (int code = LH_OK + 1; code < LH_CODE_COUNT; code++)
        if (lh_str_eq(name, lh_str_from(lh_code_name((lh_code)code)))) return (lh_code)code;
    if (status == 401 || status == 403) return LH_DENIED;
    if (status == 404) return LH_NOT_FOUND;
    if (status == 409 || status == 412) return LH_CONFLICT;
    if (status == 413 || status == 429) return LH_LIMIT;
    return status == 503 ? LH_UNAVAILABLE : status >= 500 ? LH_INTERNAL : LH_INVALID;
}

static lh_code connection_read_error(const connection_sink *sink, lh_arena *arena, lh_error *err) {
    lh_json *body = NULL;
    const lh_json *error = NULL;
    if (sink->status == 401)
        return lh_fail(err, LH_DENIED,
                       sink->has_key ? "the server does not know this API key (--api-key, or $LAKEHOUSE_API_KEY)"
                                     : "the server asks for an API key: --api-key KEY, or better "
                                       "$LAKEHOUSE_API_KEY");
    if (lh_json_parse(arena, lh_buf_str(&sink->body), &body, NULL) == LH_OK) error = lh_json_get(body, "error");
    lh_str message = lh_json_get_string(error, "message");
    lh_code code = connection_code_of(sink->status, lh_json_get_string(error, "code"));
    if (message.len == 0) return lh_fail(err, code, "the server answered with status %d", sink->status);
    lh_error_set(err, code, "%.*s", LH_STR_ARG(message));
    const lh_json *details = lh_json_get(error, "details");
    if (err) err->line = lh_json_uint(lh_json_get(details, "line"), 0);
    if (err) err->column = lh_json_uint(lh_json_get(details, "column"), 0);
    return code;
}

lh_code lh_connection_do(lh_connection *connection, const lh_exchange *exchange, lh_arena *arena, lh_str *ret,
                         lh_error *err) {
    lh_http_header headers[2 + LH_EXCHANGE_HEADERS_MAX];
    size_t count = 0;
    lh_str type = exchange->content_type.len ? exchange->content_type : LH_STR("application/json");
    if (exchange->body.len || exchange->read) headers[count++] = (lh_http_header){LH_STR("Content-Type"), type};
    if (connection->api_key.len) headers[count++] = (lh_http_header){LH_STR("X-API-Key"), connection->api_key};
    for (size_t i = 0; i < exchange->header_count && i < LH_EXCHANGE_HEADERS_MAX; i++)
        if (exchange->headers[i].value.len) headers[count++] = exchange->headers[i];
    connection_sink sink = {.exchange = exchange,
                            .has_key = connection->api_key.len > 0,
                            .body = LH_BUF_INIT(exchange->answer_max_bytes ? exchange->answer_max_bytes : 64 << 20)};
    const lh_http_call call = {
        .method = exchange->method,
        .headers = headers,
        .header_count = count,
        .body = exchange->body,
        .read = exchange->read,
        .url = lh_arena_printf(arena, "%.*s%.*s", LH_STR_ARG(connection->url), LH_STR_ARG(exchange->path)),
        .read_ctx = exchange->read_ctx,
        .body_bytes = exchange->body_bytes,
        .write = connection_on_body,
        .write_ctx = &sink,
        .on_headers = connection_on_headers,
        .cancelled = exchange->cancelled};
    lh_http_answer answer = {0};
    lh_code code = lh_http_do(connection->client, &call, arena, &answer, err);
    if (code == LH_OK && answer.status >= 400) code = connection_read_error(&sink, arena, err);
    if (code == LH_OK && ret) {
        *ret = lh_arena_dup(arena, lh_buf_str(&sink.body));
        code = lh_arena_check(arena, err);
    }
    lh_buf_done(&sink.body);
    return code;
}

lh_code lh_connection_get(lh_connection *connection, lh_str path, lh_arena *arena, lh_json **ret, lh_error *err) {
    return lh_connection_send(connection, "GET", path, NULL, arena, ret, err);
}

lh_code lh_connection_send(lh_connection *connection, const char *method, lh_str path, const lh_json *body,
                           lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str text = LH_STR_NONE, answer;
    if (body) LH_TRY(lh_json_write(arena, body, false, &text, err));
    const lh_exchange exchange = {.method = method, .path = path, .body = text};
    LH_TRY(lh_connection_do(connection, &exchange, arena, &answer, err));
    return lh_json_parse(arena, answer, ret, err);
}

lh_code lh_connection_get_all(lh_connection *connection, lh_str path, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *answer = lh_json_new_object(arena), *all = lh_json_new_array(arena);
    lh_str token = LH_STR_NONE;
    do {
        LH_CLEANUP(lh_buf_done) lh_buf page_path = LH_BUF_INIT(CONNECTION_PATH_BYTES);
        LH_CLEANUP(lh_arena_freep) lh_arena *page_arena = NULL;
        lh_json *page = NULL;
        LH_TRY(lh_arena_new(LH_CLI_ARENA_BYTES, &page_arena, err));
        lh_buf_append(&page_path, path);
        lh_cli_query(&page_path, "page_token", token);
        LH_TRY(lh_buf_check(&page_path, err));
        LH_TRY(lh_connection_get(connection, lh_buf_str(&page_path), page_arena, &page, err));
        for (lh_json_iter it = lh_json_each(lh_json_get(page, "items")); lh_json_next(&it);)
            lh_json_append(all, lh_json_copy(arena, it.value));
        token = lh_arena_dup(arena, lh_json_get_string(page, "next_page_token"));
        LH_TRY(lh_arena_check(arena, err));
    } while (token.len);
    lh_json_set(arena, answer, "items", all);
    lh_json_set(arena, answer, "next_page_token", lh_json_new_null(arena));
    *ret = answer;
    return lh_arena_check(arena, err);
}

/* ---- paths ---- */

lh_code lh_cli_path(lh_arena *arena, const char *before, lh_str name, const char *after, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(CONNECTION_PATH_BYTES);
    lh_buf_append(&path, lh_str_from(before));
    lh_url_encode(&path, name, false);
    lh_buf_append(&path, lh_str_from(after));
    LH_TRY(lh_buf_check(&path, err));
    *ret = lh_arena_dup(arena, lh_buf_str(&path));
    return lh_arena_check(arena, err);
}

void lh_cli_query(lh_buf *path, const char *name, lh_str value) {
    if (value.len == 0) return;
    bool first = lh_str_find(lh_buf_str(path), '?') == path->len;
    lh_buf_printf(path, "%c%s=", first ? '?' : '&', name);
    lh_url_encode(path, value, false);
}
