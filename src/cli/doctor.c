/* `lakehouse doctor`: one check a function; each prints OK, WARN or FAIL with what to do; with --json all are
 * printed at the end. Nothing here changes the lake: the write check uses a file of its own, which it removes. Exit
 * status 1 when a check failed. */
#include "cli/cli_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { DOCTOR_FILES_WANTED = 4096, DOCTOR_CLOCK_MAX_S = 300, DOCTOR_TEXT_BYTES = 16384 };
enum { DOCTOR_SPACE_WARN_BYTES = 2000000000 };

typedef enum { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_VERDICTS } doctor_verdict;
static const char *const doctor_statuses[DOCTOR_VERDICTS] = {"ok", "warn", "fail"};

typedef struct doctor {
    lh_config config;
    lh_arena *arena;
    lh_http_client *client;
    lh_str server_url;         /* of a server that runs on this root, or the configured address */
    const char *api_key, *url; /* url: --url */
    lh_json *checks;           /* what was said, for --json; else NULL */
    unsigned counts[DOCTOR_VERDICTS];
} doctor;

static void doctor_keep(doctor *d, doctor_verdict verdict, const char *what, const char *text) {
    lh_error message = {0};
    lh_error_set(&message, LH_OK, "%s", text); /* makes UTF-8 of it: what a server said may be none */
    lh_json *check = lh_json_new_object(d->arena);
    lh_json_set_string(d->arena, check, "check", lh_str_from(what));
    lh_json_set_string(d->arena, check, "status", lh_str_from(doctor_statuses[verdict]));
    lh_json_set_string(d->arena, check, "message", lh_str_from(message.message));
    lh_json_append(d->checks, check);
}

static void doctor_say(doctor *d, doctor_verdict verdict, const char *what, const char *format, ...) LH_PRINTF(4, 5);
static void doctor_say(doctor *d, doctor_verdict verdict, const char *what, const char *format, ...) {
    static const char *const words[DOCTOR_VERDICTS] = {"OK  ", "WARN", "FAIL"};
    char text[DOCTOR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (d->checks) doctor_keep(d, verdict, what, text);
    else printf("%s  %-14s %s\n", words[verdict], what, text);
    d->counts[verdict]++;
}

static const char *doctor_root(doctor *d) {
    const char *root = lh_arena_cstr(d->arena, d->config.storage_root);
    return root ? root : "";
}

/* ---- disk ---- */
/* Writes, fsyncs and removes a file in a new folder below the root's nearest existing folder. */
static int doctor_try_write(const char *folder, uint64_t *ret_fsync_us) {
    char path[4200];
    const char *step = NULL;
    snprintf(path, sizeof path, "%s/.lakehouse-doctor-%s", folder, lh_uuid_new().text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    if (write(fd, "doctor", 6) != 6) step = "write";
    uint64_t started_ns = lh_time_monotonic_ns();
    if (!step && fsync(fd) != 0) step = "fsync";
    int failed = step ? errno : 0;
    *ret_fsync_us = (lh_time_monotonic_ns() - started_ns) / 1000;
    close(fd);
    unlink(path);
    return failed;
}

/* `serve` makes the root, but not the folders above it. */
static void doctor_check_parent(doctor *d, const char *root) {
    uint64_t fsync_us;
    char path[4096];
    snprintf(path, sizeof path, "%s", root);
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) path[n - 1] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash) snprintf(path, sizeof path, ".");
    else slash[slash == path] = '\0';
    int failed = doctor_try_write(path, &fsync_us);
    if (failed)
        doctor_say(d, DOCTOR_FAIL, "root",
                   "%s does not exist, and cannot be made in %s (%s); choose another with --root", root, path,
                   strerrorname_np(failed));
    else doctor_say(d, DOCTOR_WARN, "root", "%s does not exist yet; `lakehouse serve` makes it", root);
}

static void doctor_check_root(doctor *d) {
    const char *root = doctor_root(d);
    struct stat st;
    uint64_t fsync_us = 0;
    if (stat(root, &st) != 0) {
        if (errno == ENOENT) doctor_check_parent(d, root);
        else doctor_say(d, DOCTOR_FAIL, "root", "%s: %s", root, strerrorname_np(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        doctor_say(d, DOCTOR_FAIL, "root", "%s is not a folder; choose another with --root", root);
        return;
    }
    int failed = doctor_try_write(root, &fsync_us);
    if (failed)
        doctor_say(d, DOCTOR_FAIL, "root", "cannot write in %s (%s); give this user write permission, or free space",
                   root, strerrorname_np(failed));
    else if (fsync_us > 100000)
        doctor_say(d, DOCTOR_WARN, "root",
                   "%s is writable, but an fsync took %" PRIu64 " ms: every commit waits for some", root,
                   fsync_us / 1000);
    else doctor_say(d, DOCTOR_OK, "root", "%s is writable, fsync takes %.2f ms", root, (double)fsync_us / 1000.0);
}

static void doctor_check_space(doctor *d) {
    struct statvfs fs;
    const char *root = doctor_root(d);
    if (statvfs(root, &fs) != 0 && statvfs(".", &fs) != 0) return;
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
    double gigabytes = (double)left / 1e9;
    if (left < DOCTOR_SPACE_WARN_BYTES)
        doctor_say(d, DOCTOR_WARN, "space", "%.1f GB are left on the disk of %s; an ingest needs about twice its file",
                   gigabytes, root);
    else doctor_say(d, DOCTOR_OK, "space", "%.0f GB are left", gigabytes);
    if (fs.f_favail < 10000)
        doctor_say(d, DOCTOR_WARN, "inodes", "%lu are left on the disk of %s", (unsigned long)fs.f_favail, root);
}

/* ---- engine ---- */
static void doctor_check_extensions(doctor *d) {
    static const char *const names[] = {"avro", "httpfs", "iceberg", "icu", "json"};
    char folder[4096], path[4200];
    lh_error err = {0};
    lh_str configured = d->config.engine_extension_dir;
    lh_code code = configured.len ? lh_str_to_cstr(configured, folder, sizeof folder, &err)
                                  : lh_beside_binary("extensions", folder, sizeof folder, &err);
    unsigned missing = 0;
    for (size_t i = 0; code == LH_OK && i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s.duckdb_extension", folder, names[i]);
        if (access(path, R_OK) == 0) continue;
        doctor_say(d, DOCTOR_FAIL, "extensions", "%s is missing; run `make setup build`, or set engine.extension_dir",
                   path);
        missing++;
    }
    if (code != LH_OK) doctor_say(d, DOCTOR_FAIL, "extensions", "%s", err.message);
    else if (!missing) doctor_say(d, DOCTOR_OK, "extensions", "all are in %s", folder);
}

/* The engine itself, on a lake in a temporary folder: loads libduckdb and every extension. */
static void doctor_check_engine(doctor *d) {
    char folder[] = "/tmp/lakehouse-doctor-XXXXXX";
    lh_error err = {0};
    if (!mkdtemp(folder)) {
        doctor_say(d, DOCTOR_WARN, "engine", "not tried: cannot make a folder in /tmp (%s)", strerrorname_np(errno));
        return;
    }
    lh_config config = d->config;
    config.storage_kind = LH_STR("file");
    config.storage_root = lh_str_from(folder);
    config.server_listen = LH_STR("127.0.0.1:0");
    config.server_tls_certificate = config.server_tls_key = LH_STR_NONE;
    config.trace_exporter = LH_STR("none");
    uint64_t started_ms = lh_time_monotonic_ms();
    lh_stack *stack = NULL;
    lh_code code = lh_stack_listen(&config, false, &stack, &err);
    if (code == LH_OK) code = lh_stack_ready(stack, &err);
    uint64_t took_ms = lh_time_monotonic_ms() - started_ms;
    lh_stack_close(stack);
    lh_cli_remove_tree(folder);
    if (code == LH_OK) doctor_say(d, DOCTOR_OK, "engine", "starts in %" PRIu64 " ms", took_ms);
    else doctor_say(d, DOCTOR_FAIL, "engine", "does not start: %s", err.message);
}

/* ---- network ---- */
static bool doctor_get(doctor *d, lh_str url, lh_http_answer *ret, lh_error *err) {
    lh_http_header key = {LH_STR("X-API-Key"), lh_str_from(d->api_key)};
    const lh_http_call call = {
        .method = "GET", .url = url, .headers = &key, .header_count = d->api_key ? 1 : 0, .timeout_ms = 10000};
    return lh_http_do(d->client, &call, d->arena, ret, err) == LH_OK;
}

static void doctor_check_ready(doctor *d) {
    lh_http_answer answer = {0};
    lh_error err = {0};
    lh_str url = lh_arena_printf(d->arena, "%.*s/ready", LH_STR_ARG(d->server_url));
    if (!doctor_get(d, url, &answer, &err)) doctor_say(d, DOCTOR_FAIL, "ready", "%s", err.message);
    else if (answer.status == 200) doctor_say(d, DOCTOR_OK, "ready", "every part of the server is");
    else
        doctor_say(d, DOCTOR_FAIL, "ready", "status %d: %.*s; its log says more", answer.status,
                   LH_STR_ARG(lh_str_sub(answer.body, 0, 300)));
}

static void doctor_check_url(doctor *d) {
    lh_error err = {0};
    d->server_url = lh_str_from(d->url);
    if (lh_cli_check_lakehouse(d->client, d->server_url, &err) != LH_OK) {
        doctor_say(d, DOCTOR_FAIL, "server", "%s does not answer as a lakehouse: %s", d->url, err.message);
        return;
    }
    doctor_say(d, DOCTOR_OK, "server", "a lakehouse answers at %s", d->url);
    doctor_check_ready(d);
}

/* Nobody serves this root: could we? */
static void doctor_check_port(doctor *d) {
    int failed = 0;
    lh_str listen = d->config.server_listen;
    d->server_url = lh_cli_configured_url(&d->config, d->arena);
    if (lh_cli_port_is_free(listen, &failed))
        doctor_say(d, DOCTOR_OK, "port", "%.*s is free; no server runs", LH_STR_ARG(listen));
    else if (failed == EADDRINUSE && lh_cli_check_lakehouse(d->client, d->server_url, NULL) == LH_OK)
        doctor_say(d, DOCTOR_WARN, "server",
                   "a lakehouse answers at %.*s, but of another root than %s; name its root with --root, or serve this "
                   "one with --listen 127.0.0.1:0",
                   LH_STR_ARG(d->server_url), doctor_root(d));
    else if (failed == EADDRINUSE)
        doctor_say(d, DOCTOR_FAIL, "port",
                   "another program listens on %.*s (see `ss -ltnp`); stop it, or serve with --listen 127.0.0.1:0",
                   LH_STR_ARG(listen));
    else doctor_say(d, DOCTOR_FAIL, "port", "cannot listen on %.*s: %s", LH_STR_ARG(listen), strerrorname_np(failed));
}

static void doctor_check_server(doctor *d) {
    if (d->url) {
        doctor_check_url(d);
        return;
    }
    lh_announced servers = lh_announced_on(d->config.storage_root, d->arena);
    size_t answering = 0;
    for (size_t i = 0; i < servers.count; i++) {
        if (lh_cli_check_lakehouse(d->client, servers.urls[i], NULL) != LH_OK) continue;
        d->server_url = servers.urls[i];
        answering++;
        doctor_say(d, DOCTOR_OK, "server", "a lakehouse answers at %.*s", LH_STR_ARG(d->server_url));
        doctor_check_ready(d);
    }
    if (!answering) doctor_check_port(d);
}

static void doctor_check_keys(doctor *d) {
    if (lh_cli_has_no_key(&d->config)) doctor_say(d, DOCTOR_WARN, "keys", "%s", LH_CLI_NO_KEY);
}

/* S3 refuses requests whose time differs by 15 minutes; its Date header tells by how much we are off. */
static void doctor_check_s3(doctor *d) {
    const lh_config *c = &d->config;
    if (!lh_str_eq(c->storage_kind, LH_STR("s3"))) return;
    lh_error err = {0};
    lh_bucket *bucket = NULL;
    const lh_s3_options options = lh_s3_options_from(c);
    if (lh_bucket_open_s3(&options, &bucket, &err) == LH_OK)
        doctor_say(d, DOCTOR_OK, "s3", "bucket %.*s answers", LH_STR_ARG(c->storage_s3_bucket));
    else doctor_say(d, DOCTOR_FAIL, "s3", "%s", err.message);
    lh_bucket_free(bucket);
    lh_http_answer answer = {0};
    struct tm parts = {0};
    char date[64];
    if (!doctor_get(d, c->storage_s3_endpoint, &answer, NULL)) return;
    if (lh_str_to_cstr(lh_http_answer_header(&answer, "date"), date, sizeof date, NULL) != LH_OK ||
        !strptime(date, "%a, %d %b %Y %H:%M:%S", &parts))
        return;
    int64_t off_s = lh_time_now_ms() / 1000 - (int64_t)timegm(&parts);
    if (llabs(off_s) > DOCTOR_CLOCK_MAX_S)
        doctor_say(d, DOCTOR_FAIL, "clock", "%" PRId64 " s off from the S3 server's; set the time (ntp)", off_s);
    else doctor_say(d, DOCTOR_OK, "clock", "agrees with the S3 server's to %" PRId64 " s", (int64_t)llabs(off_s));
}

/* ---- machine ---- */
static void doctor_check_clock(doctor *d) {
    if (lh_time_now_ms() < INT64_C(1767225600000)) /* 2026 */
        doctor_say(d, DOCTOR_FAIL, "clock", "it says %s; set it: snapshots are ordered by time",
                   lh_time_rfc3339(lh_time_now_ms()).text);
    else doctor_say(d, DOCTOR_OK, "clock", "%s", lh_time_rfc3339(lh_time_now_ms()).text);
}

static void doctor_check_limits(doctor *d) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    if (files.rlim_cur < DOCTOR_FILES_WANTED)
        doctor_say(d, DOCTOR_WARN, "open files",
                   "the limit is %llu; `ulimit -n %d` (or LimitNOFILE of the service) is safer",
                   (unsigned long long)files.rlim_cur, DOCTOR_FILES_WANTED);
    else doctor_say(d, DOCTOR_OK, "open files", "up to %llu", (unsigned long long)files.rlim_cur);
    uint64_t memory = lh_config_engine_memory_bytes(&d->config);
    if (memory < 500000000)
        doctor_say(d, DOCTOR_WARN, "memory", "the engine gets %.1f GB; large joins will spill to disk",
                   (double)memory / 1e9);
    else doctor_say(d, DOCTOR_OK, "memory", "the engine gets %.1f GB", (double)memory / 1e9);
}

static void doctor_check_tls(doctor *d) {
    const lh_str files[] = {d->config.server_tls_certificate, d->config.server_tls_key};
    for (size_t i = 0; i < 2; i++) {
        const char *path = files[i].len ? lh_arena_cstr(d->arena, files[i]) : NULL;
        if (path && access(path, R_OK) != 0)
            doctor_say(d, DOCTOR_FAIL, "tls", "cannot read %s: %s", path, strerrorname_np(errno));
        else if (path) doctor_say(d, DOCTOR_OK, "tls", "%s is readable", path);
    }
}

/* {"checks":[{"check","status","message"}],"ok","warn","fail"} */
static lh_code doctor_print_json(const doctor *d, lh_error *err) {
    lh_json *answer = lh_json_new_object(d->arena);
    lh_json_set(d->arena, answer, "checks", d->checks);
    for (size_t i = 0; i < DOCTOR_VERDICTS; i++) lh_json_set_uint(d->arena, answer, doctor_statuses[i], d->counts[i]);
    return lh_cli_print_json(answer, d->arena, err);
}

static int doctor_end(const doctor *d) {
    lh_error err = {0};
    unsigned failures = d->counts[DOCTOR_FAIL], warnings = d->counts[DOCTOR_WARN];
    if (d->checks && doctor_print_json(d, &err) != LH_OK) return lh_cli_fail(&err);
    if (!d->checks && failures) printf("\n%u to mend, %u warning%s.\n", failures, warnings, warnings == 1 ? "" : "s");
    if (!d->checks && !failures) printf("\nAll well%s.\n", warnings ? ", with warnings" : "");
    return failures ? LH_EXIT_FAILED : LH_EXIT_DONE;
}

static int doctor_run(const lh_cli_source *source, bool json) {
    lh_error err = {0};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_http_client_freep) lh_http_client *client = NULL;
    doctor d = {.api_key = lh_cli_api_key(source), .url = source->url ? source->url : getenv("LAKEHOUSE_URL")};
    if (lh_arena_new(8 << 20, &arena, &err) != LH_OK ||
        lh_http_client_new(&(lh_http_client_options){.ca_file = lh_cli_ca_file(source)}, &client, &err) != LH_OK)
        return lh_cli_fail(&err);
    d.arena = arena;
    d.client = client;
    if (json) d.checks = lh_json_new_array(arena);
    lh_log_set_level(LH_LOG_OFF);
    if (lh_cli_config(source, arena, &d.config, &err) != LH_OK) {
        doctor_say(&d, DOCTOR_FAIL, "configuration", "%s", err.message);
        return doctor_end(&d);
    }
    doctor_say(&d, DOCTOR_OK, "configuration", "valid");
    doctor_check_root(&d);
    doctor_check_space(&d);
    doctor_check_extensions(&d);
    doctor_check_engine(&d);
    doctor_check_server(&d);
    doctor_check_keys(&d);
    doctor_check_tls(&d);
    doctor_check_s3(&d);
    doctor_check_clock(&d);
    doctor_check_limits(&d);
    return doctor_end(&d);
}

int lh_cli_doctor(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    bool json = false;
    const lh_cli_flag flags[] = {
        {.name = "json", .help = "the checks, and how many were ok, warn and fail, as JSON", .on = &json},
        LH_CLI_CONFIG_FLAGS(source),
        {.name = "listen",
         .value_name = "HOST:PORT",
         .help = "the address that serve will use",
         .text = &source.listen},
        LH_CLI_CLIENT_FLAGS(source),
    };
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, NULL);
    return status >= 0 ? status : doctor_run(&source, json);
}
