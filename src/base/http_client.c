/* A pool of libcurl easy handles. A call takes the handle used last, so that its kept-alive connection is warm;
 * when all are in use it waits for one. `lock` guards the pool's lists; a handle that was taken belongs to its call.
 *
 * curl hands over a body by callbacks: what a callback of the caller returned is kept in the exchange and wins
 * over curl's own word for "aborted by callback". */
#include "base/base.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    HTTP_CONNECTIONS = 16,
    HTTP_CONNECT_MS = 5000,
    HTTP_IDLE_MS = 30000,
    HTTP_HEADERS_MAX = 256,
    HTTP_HEADER_BYTES_MAX = 64 << 10,
    HTTP_ANSWER_BYTES = 64 << 20,
    HTTP_ASKED_BYTES = 1 << 20,
};

struct lh_http_client {
    lh_http_client_options options;
    pthread_mutex_t lock;
    pthread_cond_t idle_again;
    size_t count;      /* handles that exist */
    size_t idle_count; /* of these in `idle` */
    CURL **idle;       /* a stack of options.connections_max */
};

typedef struct http_exchange {
    const lh_http_call *call;
    lh_arena *arena;
    lh_http_answer answer;
    lh_http_header headers[HTTP_HEADERS_MAX];
    size_t header_bytes;
    lh_buf body;
    lh_str unsent;       /* of call->body */
    uint64_t sent_bytes; /* of what call->read gives */
    bool headers_told;
    lh_code failed; /* of a callback */
} http_exchange;

static void http_global_init(void) { (void)curl_global_init(CURL_GLOBAL_DEFAULT); }

lh_code lh_http_client_new(const lh_http_client_options *options, lh_http_client **ret, lh_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, http_global_init);
    lh_http_client *client = calloc(1, sizeof *client);
    if (!client) return lh_fail(err, LH_NO_MEMORY, "HTTP client: out of memory");
    if (options) client->options = *options;
    if (client->options.connections_max == 0) client->options.connections_max = HTTP_CONNECTIONS;
    if (client->options.connect_timeout_ms == 0) client->options.connect_timeout_ms = HTTP_CONNECT_MS;
    if (client->options.idle_timeout_ms == 0) client->options.idle_timeout_ms = HTTP_IDLE_MS;
    client->idle = calloc(client->options.connections_max, sizeof *client->idle);
    if (!client->idle) {
        free(client);
        return lh_fail(err, LH_NO_MEMORY, "HTTP client: out of memory");
    }
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->idle_again, NULL);
    *ret = client;
    return LH_OK;
}

void lh_http_client_free(lh_http_client *client) {
    if (!client) return;
    for (size_t i = 0; i < client->idle_count; i++) curl_easy_cleanup(client->idle[i]);
    pthread_cond_destroy(&client->idle_again);
    pthread_mutex_destroy(&client->lock);
    free(client->idle);
    free(client);
}

static CURL *http_take(lh_http_client *client) { /* NULL: no memory */
    CURL *easy = NULL;
    pthread_mutex_lock(&client->lock);
    while (client->idle_count == 0 && client->count == client->options.connections_max)
        pthread_cond_wait(&client->idle_again, &client->lock);
    if (client->idle_count) easy = client->idle[--client->idle_count];
    else if ((easy = curl_easy_init())) client->count++;
    pthread_mutex_unlock(&client->lock);
    return easy;
}

static void http_give(lh_http_client *client, CURL *easy) {
    curl_easy_reset(easy); /* keeps connections, forgets pointers into the call */
    pthread_mutex_lock(&client->lock);
    client->idle[client->idle_count++] = easy;
    pthread_cond_signal(&client->idle_again);
    pthread_mutex_unlock(&client->lock);
}

/* ---- callbacks ---- */

static size_t http_on_read(char *into, size_t size, size_t count, void *ctx) {
    http_exchange *exchange = ctx;
    size_t room = size * count, got = 0;
    if (!exchange->call->read) {
        got = exchange->unsent.len < room ? exchange->unsent.len : room;
        if (got) memcpy(into, exchange->unsent.ptr, got);
        exchange->unsent = lh_str_sub(exchange->unsent, got, SIZE_MAX);
        return got;
    }
    uint64_t left = exchange->call->body_bytes - exchange->sent_bytes;
    if (left == 0) return 0;
    exchange->failed = exchange->call->read(exchange->call->read_ctx, into, left < room ? (size_t)left : room, &got);
    if (exchange->failed == LH_OK && got == 0) exchange->failed = LH_INVALID; /* fewer bytes than were announced */
    if (exchange->failed != LH_OK) return CURL_READFUNC_ABORT;
    exchange->sent_bytes += got;
    return got;
}

/* curl sends again when a kept connection turns out to be dead; a stream cannot start over. */
static int http_on_seek(void *ctx, curl_off_t offset, int origin) {
    http_exchange *exchange = ctx;
    if (exchange->call->read)
        return exchange->sent_bytes == 0 && offset == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_CANTSEEK;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > exchange->call->body.len) return CURL_SEEKFUNC_FAIL;
    exchange->unsent = lh_str_sub(exchange->call->body, (size_t)offset, SIZE_MAX);
    return CURL_SEEKFUNC_OK;
}

static lh_str http_lower(lh_arena *arena, lh_str name) {
    char *into = lh_arena_alloc(arena, name.len + 1);
    if (!into) return LH_STR_NONE;
    for (size_t i = 0; i < name.len; i++)
        into[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] + 32) : name.ptr[i];
    into[name.len] = '\0';
    return (lh_str){into, name.len};
}

static size_t http_on_header(char *data, size_t size, size_t count, void *ctx) {
    http_exchange *exchange = ctx;
    lh_str line = {data, size * count};
    if (lh_str_starts(line, LH_STR("HTTP/"))) { /* a status line: of an interim answer first, perhaps */
        exchange->answer.header_count = 0;
        return line.len;
    }
    size_t colon = lh_str_find(line, ':');
    if (colon == line.len || exchange->headers_told) return line.len; /* the blank line; a trailer */
    exchange->header_bytes += line.len;
    if (exchange->answer.header_count == HTTP_HEADERS_MAX || exchange->header_bytes > HTTP_HEADER_BYTES_MAX) {
        exchange->failed = LH_LIMIT;
        return 0;
    }
    exchange->headers[exchange->answer.header_count++] = (lh_http_header){
        http_lower(exchange->arena, lh_str_trim(lh_str_sub(line, 0, colon))),
        lh_arena_dup(exchange->arena, lh_str_trim(lh_str_sub(line, colon + 1, SIZE_MAX))),
    };
    exchange->failed = lh_arena_check(exchange->arena, NULL);
    return exchange->failed == LH_OK ? line.len : 0;
}

static void http_tell_headers(http_exchange *exchange, CURL *easy) {
    long status = 0;
    if (exchange->headers_told) return;
    exchange->headers_told = true;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    exchange->answer.status = (int)status;
    if (exchange->call->on_headers)
        exchange->failed = exchange->call->on_headers(exchange->call->write_ctx, (int)status, exchange->headers,
                                                      exchange->answer.header_count);
}

typedef struct http_sink {
    http_exchange *exchange;
    CURL *easy;
} http_sink;

static size_t http_on_write(char *data, size_t size, size_t count, void *ctx) {
    http_exchange *exchange = ((http_sink *)ctx)->exchange;
    lh_str got = {data, size * count};
    http_tell_headers(exchange, ((http_sink *)ctx)->easy);
    if (exchange->failed == LH_OK && exchange->call->write) {
        exchange->failed = exchange->call->write(exchange->call->write_ctx, got);
    } else if (exchange->failed == LH_OK) {
        lh_buf_append(&exchange->body, got);
        exchange->failed = lh_buf_check(&exchange->body, NULL);
    }
    return exchange->failed == LH_OK ? got.len : (got.len ? 0 : 1);
}

static int http_on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a, (void)b, (void)c, (void)d;
    const lh_http_call *call = ((http_exchange *)ctx)->call;
    return call->cancelled && atomic_load(call->cancelled);
}

/* ---- one exchange ---- */

static bool http_has_line_break(lh_str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0') return true;
    return false;
}

static lh_code http_add_line(struct curl_slist **list, const char *line, lh_error *err) {
    struct curl_slist *grown = curl_slist_append(*list, line);
    if (!grown) return lh_fail(err, LH_NO_MEMORY, "HTTP client: out of memory");
    *list = grown;
    return LH_OK;
}

static lh_code http_add_header(struct curl_slist **list, lh_arena *arena, lh_str name, lh_str value, lh_error *err) {
    if (name.len == 0 || http_has_line_break(name) || lh_str_find(name, ':') < name.len || http_has_line_break(value))
        return lh_fail(err, LH_INVALID, "the request header '%.*s' holds a byte that is not allowed",
                       LH_STR_ARG(lh_str_sub(name, 0, 64)));
    /* curl's own syntax: "Name;" is a header with an empty value, "Name:" removes it */
    lh_str line = value.len ? lh_arena_printf(arena, "%.*s: %.*s", LH_STR_ARG(name), LH_STR_ARG(value))
                            : lh_arena_printf(arena, "%.*s;", LH_STR_ARG(name));
    LH_TRY(lh_arena_check(arena, err));
    return http_add_line(list, line.ptr, err);
}

static lh_code http_headers(const lh_http_call *call, lh_arena *arena, struct curl_slist **list, lh_error *err) {
    char parent[56];
    bool typed = false;
    for (size_t i = 0; i < call->header_count; i++) {
        typed = typed || lh_str_eq_nocase(call->headers[i].name, LH_STR("content-type"));
        LH_TRY(http_add_header(list, arena, call->headers[i].name, call->headers[i].value, err));
    }
    lh_str trace = lh_trace_parent_header(parent);
    if (trace.len) LH_TRY(http_add_header(list, arena, LH_STR("traceparent"), trace, err));
    /* A long stream asks first: who refuses it says so before it is sent, and no break of the connection in its midst hides that. Else
     * it would be a round trip for nothing. */
    if (!call->read || call->body_bytes < HTTP_ASKED_BYTES) LH_TRY(http_add_line(list, "Expect:", err));
    return typed ? LH_OK : http_add_line(list, "Content-Type:", err);
}

static void http_set_options(CURL *easy, const lh_http_client *client, const lh_http_call *call) {
    uint64_t idle_seconds = (client->options.idle_timeout_ms + 999) / 1000;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)client->options.connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)idle_seconds);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    if (client->options.ca_file) curl_easy_setopt(easy, CURLOPT_CAINFO, client->options.ca_file);
}

static void http_set_body(CURL *easy, http_exchange *exchange) {
    const lh_http_call *call = exchange->call;
    uint64_t size = call->read ? call->body_bytes : call->body.len;
    bool sends = size > 0 || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0 ||
                 strcmp(call->method, "PATCH") == 0;
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (sends) { /* UPLOAD also for an empty body: it announces a length of 0 */
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, http_on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, http_on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
        curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static lh_code http_fail(const http_exchange *exchange, CURLcode rc, const char *detail, lh_error *err) {
    const char *why = detail[0] ? detail : curl_easy_strerror(rc);
    if (exchange->failed == LH_LIMIT && !exchange->call->write)
        return lh_fail(err, LH_LIMIT, "the answer is larger than allowed");
    if (exchange->failed != LH_OK)
        return lh_fail(err, exchange->failed, "the exchange was broken off: %s", lh_code_name(exchange->failed));
    if (rc == CURLE_ABORTED_BY_CALLBACK) return lh_fail(err, LH_CANCELLED, "the exchange was cancelled");
    if (rc == CURLE_OUT_OF_MEMORY) return lh_fail(err, LH_NO_MEMORY, "HTTP client: out of memory");
    if (rc == CURLE_URL_MALFORMAT || rc == CURLE_UNSUPPORTED_PROTOCOL)
        return lh_fail(err, LH_INVALID, "not an HTTP URL: %s", why);
    return lh_fail(err, LH_UNAVAILABLE, "%s", why);
}

/* A proxy of the environment is for the way out, never for this machine. */
static bool http_is_loopback(lh_str url) {
    size_t scheme = lh_str_search(url, LH_STR("://"));
    lh_str host = scheme == SIZE_MAX ? LH_STR_NONE : lh_str_sub(url, scheme + 3, SIZE_MAX);
    host = lh_str_sub(host, 0, lh_str_find(host, '/'));
    return lh_str_starts(host, LH_STR("127.")) || lh_str_starts(host, LH_STR("[::1]")) ||
           lh_str_eq(lh_str_sub(host, 0, lh_str_find(host, ':')), LH_STR("localhost"));
}

static lh_code http_perform(lh_http_client *client, CURL *easy, http_exchange *exchange, lh_error *err) {
    const lh_http_call *call = exchange->call;
    char detail[CURL_ERROR_SIZE] = "";
    http_sink sink = {exchange, easy};
    struct curl_slist *headers = NULL;
    const char *url = lh_arena_cstr(exchange->arena, call->url);
    if (!url) return lh_arena_check(exchange->arena, err);
    lh_code code = http_headers(call, exchange->arena, &headers, err);
    if (code != LH_OK) return curl_slist_free_all(headers), code;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &sink);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
    if (http_is_loopback(call->url)) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (call->cancelled) {
        curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, http_on_progress);
        curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
    }
    http_set_options(easy, client, call);
    http_set_body(easy, exchange);
    CURLcode rc = curl_easy_perform(easy);
    if (rc == CURLE_OK) http_tell_headers(exchange, easy);
    curl_slist_free_all(headers);
    return rc == CURLE_OK && exchange->failed == LH_OK ? LH_OK : http_fail(exchange, rc, detail, err);
}

lh_code lh_http_do(lh_http_client *client, const lh_http_call *call, lh_arena *arena, lh_http_answer *ret,
                   lh_error *err) {
    if (http_has_line_break(call->url)) return lh_fail(err, LH_INVALID, "the URL holds a byte that is not allowed");
    LH_CLEANUP(lh_free_pointer) http_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) return lh_fail(err, LH_NO_MEMORY, "HTTP client: out of memory");
    uint64_t cap = call->answer_max_bytes ? call->answer_max_bytes : HTTP_ANSWER_BYTES;
    *exchange = (http_exchange){.call = call, .arena = arena, .body = LH_BUF_INIT((size_t)cap), .unsent = call->body};
    CURL *easy = http_take(client);
    if (!easy) return lh_fail(err, LH_NO_MEMORY, "HTTP client: out of memory");
    lh_code code = http_perform(client, easy, exchange, err);
    http_give(client, easy);
    lh_http_answer answer = exchange->answer;
    if (code == LH_OK) {
        answer.headers = LH_ARENA_ARRAY(arena, lh_http_header, answer.header_count + 1);
        if (answer.headers) memcpy(answer.headers, exchange->headers, answer.header_count * sizeof *answer.headers);
        answer.body = lh_arena_dup(arena, lh_buf_str(&exchange->body));
        code = lh_arena_check(arena, err);
    }
    lh_buf_done(&exchange->body);
    if (code == LH_OK) *ret = answer;
    return code;
}

lh_str lh_http_answer_header(const lh_http_answer *answer, const char *lower_name) {
    for (size_t i = 0; i < answer->header_count; i++)
        if (lh_str_eq(answer->headers[i].name, lh_str_from(lower_name))) return answer->headers[i].value;
    return LH_STR_NONE;
}

/* ---- percent-encoding ---- */

static bool url_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void lh_url_encode(lh_buf *into, lh_str s, bool keep_slash) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (url_unreserved(s.ptr[i]) || (keep_slash && c == '/')) lh_buf_char(into, s.ptr[i]);
        else lh_buf_append(into, (lh_str){(char[]){'%', hex[c >> 4], hex[c & 15]}, 3});
    }
}

static int url_hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

lh_code lh_url_decode(lh_arena *arena, lh_str s, lh_str *ret, lh_error *err) {
    char *into = lh_arena_alloc(arena, s.len + 1);
    size_t length = 0;
    if (!into) return lh_arena_check(arena, err);
    for (size_t i = 0; i < s.len; i++) {
        into[length] = s.ptr[i];
        if (s.ptr[i] == '%') {
            int high = i + 2 < s.len ? url_hex(s.ptr[i + 1]) : -1, low = i + 2 < s.len ? url_hex(s.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) return lh_fail(err, LH_INVALID, "a bad %%-escape at byte %zu", i);
            into[length] = (char)(high << 4 | low);
            i += 2;
        }
        length++;
    }
    into[length] = '\0';
    *ret = (lh_str){into, length};
    return LH_OK;
}
