/* The DuckDB instance: opened in memory with its extensions, then tied to the lake and locked.
 *
 * Order (each step needs what the one before left open):
 *  1. open: threads, memory, spill folder; auto-install and auto-load off.
 *  2. LOAD the extensions from their files, whose checksums we know: needs external access.
 *  3. ATTACH our catalog: needs external access (it asks /v1/config), and stays attached.
 *  4. allowed_directories = the buckets and the scratch folder; enable_external_access = false: from here on DuckDB
 *     opens nothing else, and cannot be opened up again.
 *  5. lock_configuration = true.
 * The catalog's requests go through the extension's own HTTP client, which step 4 does not stop. */
#include "engine/bounds_shim.h"
#include "engine/database_shim.h"
#include "engine/engine_internal.h"
#include "engine/fault_shim.h"
#include "engine/listing_shim.h"

#include <stdio.h>
#include <unistd.h>

#define REVIVE_PAUSE_NS UINT64_C(1000000000) /* between tries to replace a database */

static lh_code engine_result_failure(duckdb_result *result, const char *what, lh_error *err) {
    const char *message = duckdb_result_error(result);
    if (engine_is_over(message)) return engine_failure(message, LH_STR_NONE, 0, err);
    return lh_fail(err, LH_INTERNAL, "engine: %s: %s", what, message ? message : "failed");
}

lh_code engine_execute(duckdb_connection connection, const char *sql, lh_error *err) {
    duckdb_result result;
    lh_code code = LH_OK;
    if (duckdb_query(connection, sql, &result) == DuckDBError) {
        char what[32];
        snprintf(what, sizeof what, "%s", sql); /* the verb only: an ATTACH holds a token */
        char *space = strchr(what, ' ');
        if (space) *space = '\0';
        code = engine_result_failure(&result, what, err);
    }
    duckdb_destroy_result(&result);
    return code;
}

static lh_code engine_set(duckdb_config config, const char *name, const char *value, lh_error *err) {
    if (duckdb_set_config(config, name, value) == DuckDBError)
        return lh_fail(err, LH_INTERNAL, "engine: setting %s = %s is refused", name, value);
    return LH_OK;
}

static lh_code engine_configure(duckdb_config config, const lh_engine *engine, lh_error *err) {
    char value[4200];
    if (engine->threads) {
        snprintf(value, sizeof value, "%u", engine->threads);
        LH_TRY(engine_set(config, "threads", value, err));
    }
    if (engine->memory_bytes) {
        snprintf(value, sizeof value, "%" PRIu64 "B", engine->memory_bytes);
        LH_TRY(engine_set(config, "memory_limit", value, err));
    }
    char scratch[4096];
    LH_TRY(lh_str_to_cstr(engine->scratch_dir, scratch, sizeof scratch, err));
    snprintf(value, sizeof value, "%s/spill", scratch);
    LH_TRY(engine_set(config, "temp_directory", value, err));
    LH_TRY(engine_set(config, "max_expression_depth", "300", err)); /* of 1 + 1 + …; binding takes its third power */
    LH_TRY(engine_set(config, "autoinstall_known_extensions", "false", err));
    LH_TRY(engine_set(config, "autoload_known_extensions", "false", err));
    LH_TRY(engine_set(config, "allow_community_extensions", "false", err));
    LH_TRY(engine_set(config, "allow_unsigned_extensions", "true", err)); /* checked by us: extension.c */
    return engine_set(config, "allow_persistent_secrets", "false", err);
}

/* With what every statement of it may need; closed again on an error. */
static lh_code engine_open_database(lh_engine *engine, duckdb_database *ret, lh_error *err) {
    duckdb_config config = NULL;
    if (duckdb_create_config(&config) == DuckDBError) return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    lh_code code = engine_configure(config, engine, err);
    char *message = NULL;
    if (code == LH_OK && duckdb_open_ext(":memory:", ret, config, &message) == DuckDBError)
        code = lh_fail(err, LH_INTERNAL, "engine: DuckDB does not open: %s", message ? message : "unknown");
    duckdb_free(message);
    duckdb_destroy_config(&config);
    if (code == LH_OK && !(fault_shim_install(*ret) && bounds_shim_install(*ret)))
        code = lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    if (code == LH_OK && engine->catalog && !listing_shim_install(*ret, engine_listing_has, engine))
        code = lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    if (code == LH_OK) code = engine_load_extensions(engine->extension_dir, engine->extension, *ret, err);
    if (code == LH_OK) code = engine_register_sample(engine, *ret, err);
    if (code == LH_OK) code = engine_register_masks(&engine->masks, *ret, err);
    if (code != LH_OK) duckdb_close(ret);
    return code;
}

static lh_code engine_copy_options(lh_engine *engine, const lh_engine_options *options, lh_error *err) {
    engine->catalog = options->catalog;
    engine_masks_init(&engine->masks, options->mask_key);
    engine->registry = options->registry;
    engine->threads = options->threads;
    engine->memory_bytes = options->memory_bytes;
    unsigned connections = options->connections ? options->connections : 1;
    engine->connections_max = connections < LH_ENGINE_CONNECTIONS_MAX ? connections : LH_ENGINE_CONNECTIONS_MAX;
    engine->queue_max = options->queue_max;
    lh_str space = options->catalog ? lh_catalog_default_namespace(options->catalog) : LH_STR("main");
    bool copied = lh_str_dup(options->scratch_dir, &engine->scratch_dir) == LH_OK &&
                  lh_str_dup(options->extension_dir, &engine->extension_dir) == LH_OK &&
                  lh_str_dup(space, &engine->default_namespace) == LH_OK;
    if (!copied) return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    return LH_OK;
}

static lh_code engine_new(lh_engine **ret, lh_error *err) {
    lh_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    pthread_condattr_init(&engine->clock);
    pthread_condattr_setclock(&engine->clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_mutex_init(&engine->reopen_lock, NULL);
    pthread_mutex_init(&engine->sample_lock, NULL);
    pthread_cond_init(&engine->timer_wake, &engine->clock);
    *ret = engine;
    return LH_OK;
}

lh_code lh_engine_open(const lh_engine_options *options, lh_engine **ret, lh_error *err) {
    LH_CLEANUP(lh_engine_freep) lh_engine *engine = NULL;
    LH_TRY(engine_new(&engine, err));
    LH_TRY(engine_copy_options(engine, options, err));
    LH_TRY(engine_open_database(engine, &engine->database, err));
    if (engine->catalog) LH_TRY(engine_hot_new(engine, options, &engine->hot, err));
    LH_TRY(engine_timer_start(engine, err));
    *ret = lh_take(&engine);
    return LH_OK;
}

lh_code lh_engine_open_beside(const lh_engine *engine, const char *extension, lh_engine **ret, lh_error *err) {
    LH_CLEANUP(lh_engine_freep) lh_engine *beside = NULL;
    const lh_engine_options options = {.scratch_dir = engine->scratch_dir,
                                       .extension_dir = engine->extension_dir,
                                       .threads = engine->threads,
                                       .memory_bytes = engine->memory_bytes,
                                       .connections = engine->connections_max,
                                       .queue_max = engine->queue_max};
    LH_TRY(engine_new(&beside, err));
    LH_TRY(engine_copy_options(beside, &options, err));
    beside->extension = extension;
    LH_TRY(engine_open_database(beside, &beside->database, err));
    LH_TRY(engine_timer_start(beside, err));
    *ret = lh_take(&beside);
    return LH_OK;
}

/* ---- attach ---- */
static void attach_s3_secret(size_t number, const lh_s3_options *s3, lh_buf *sql) {
    lh_str endpoint = s3->endpoint;
    bool tls = !lh_str_starts(endpoint, LH_STR("http://"));
    size_t scheme = lh_str_search(endpoint, LH_STR("://"));
    if (scheme != SIZE_MAX) endpoint = lh_str_sub(endpoint, scheme + 3, SIZE_MAX);
    while (lh_str_ends(endpoint, LH_STR("/"))) endpoint.len--;
    lh_buf_printf(sql, "CREATE SECRET lake_storage_%zu (TYPE s3, KEY_ID ", number);
    lh_buf_sql_string(sql, s3->access_key);
    lh_buf_append(sql, LH_STR(", SECRET "));
    lh_buf_sql_string(sql, s3->secret_key);
    lh_buf_append(sql, LH_STR(", REGION "));
    lh_buf_sql_string(sql, s3->region);
    lh_buf_append(sql, LH_STR(", ENDPOINT "));
    lh_buf_sql_string(sql, endpoint);
    lh_buf_printf(sql, ", URL_STYLE '%s', USE_SSL %s, SCOPE ", s3->path_style ? "path" : "vhost",
                  tls ? "true" : "false");
    LH_CLEANUP(lh_buf_done) lh_buf scope = LH_BUF_INIT(4096);
    lh_buf_printf(&scope, "s3://%.*s/", LH_STR_ARG(s3->bucket)); /* the slash: "lake" is not of "lake-2" */
    lh_buf_sql_string(sql, lh_buf_str(&scope));
    lh_buf_append(sql, LH_STR(")"));
}

static lh_code attach_run(duckdb_connection connection, lh_buf *sql, lh_error *err) {
    lh_buf_char(sql, '\0');
    LH_TRY(lh_buf_check(sql, err));
    lh_code code = engine_execute(connection, sql->ptr, err);
    explicit_bzero(sql->ptr, sql->len);
    lh_buf_clear(sql);
    return code;
}

static lh_code attach_secrets(const lh_engine *engine, duckdb_connection connection, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    for (size_t i = 0; engine->registry && i < lh_registry_count(engine->registry); i++) {
        const lh_bucket_options *options = lh_registry_options_at(engine->registry, i);
        if (!options->is_s3 || !lh_registry_is_active(engine->registry, i)) continue;
        attach_s3_secret(i, &options->s3, &sql);
        LH_TRY(attach_run(connection, &sql, err));
    }
    return LH_OK;
}

static lh_code attach_lake(const lh_engine *engine, duckdb_connection connection, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(64 << 10);
    lh_str url = engine->url, token = engine->token;
    LH_TRY(attach_secrets(engine, connection, err));
    lh_buf_append(&sql, LH_STR("CREATE SECRET lake_catalog (TYPE iceberg, TOKEN "));
    lh_buf_sql_string(&sql, token);
    lh_buf_append(&sql, LH_STR(", ENDPOINT "));
    lh_buf_sql_string(&sql, url);
    lh_buf_append(&sql, LH_STR(")"));
    LH_TRY(attach_run(connection, &sql, err));
    lh_buf_append(
        &sql,
        LH_STR("ATTACH '' AS lake (TYPE iceberg, SECRET lake_catalog, ACCESS_DELEGATION_MODE 'none', DEFAULT_SCHEMA "));
    lh_buf_sql_string(&sql,
                      lh_catalog_default_namespace(engine->catalog)); /* without it a schema `main` is not found */
    lh_buf_append(&sql, LH_STR(", ENDPOINT "));
    lh_buf_sql_string(&sql, url);
    lh_buf_append(&sql, LH_STR(")"));
    return attach_run(connection, &sql, err);
}

static void attach_directory(lh_str directory, lh_buf *sql) {
    LH_CLEANUP(lh_buf_done) lh_buf whole = LH_BUF_INIT(8192);
    lh_buf_printf(&whole, "%.*s%s", LH_STR_ARG(directory), lh_str_ends(directory, LH_STR("/")) ? "" : "/");
    lh_buf_sql_string(sql, lh_buf_str(&whole));
}

/* The buckets' folders and prefixes, and the scratch folder. */
static void attach_directories(const lh_engine *engine, lh_buf *sql) {
    lh_buf_append(sql, LH_STR("SET allowed_directories = ["));
    for (size_t i = 0; engine->registry && i < lh_registry_count(engine->registry); i++) {
        lh_str location = lh_registry_location_at(engine->registry, i);
        if (location.len == 0) location = lh_registry_options_at(engine->registry, i)->root; /* not there yet */
        if (location.len == 0 || !lh_registry_is_active(engine->registry, i)) continue;
        attach_directory(location, sql);
        lh_buf_append(sql, LH_STR(", "));
    }
    attach_directory(engine->scratch_dir, sql);
    lh_buf_append(sql, LH_STR("]"));
}

lh_code engine_lock_down(const lh_engine *engine, duckdb_connection connection, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(1 << 20);
    attach_directories(engine, &sql);
    LH_TRY(attach_run(connection, &sql, err));
    LH_TRY(engine_execute(connection, "SET GLOBAL TimeZone = 'UTC'", err)); /* not the machine's */
    /* a commit may take its time on a slow disk, and a client that gives up deletes the files that it names */
    LH_TRY(engine_execute(connection, "SET GLOBAL http_timeout = 900", err));
    /* CREATE TABLE AS looks for a folder of this relative name before it knows the table's location */
    LH_TRY(engine_execute(connection, "SET allowed_paths = ['data']", err));
    /* else INSERT into a table with a sort order is refused: the order is a wish, which ingest and compaction fulfil */
    LH_TRY(engine_execute(connection, "SET GLOBAL unsafe_iceberg_ignore_sort_order = true", err));
    LH_TRY(engine_execute(connection, "SET enable_external_access = false", err));
    return engine_execute(connection, "SET lock_configuration = true", err);
}

static lh_code engine_attach_database(lh_engine *engine, duckdb_database database, lh_error *err) {
    duckdb_connection connection = NULL;
    if (duckdb_connect(database, &connection) == DuckDBError)
        return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    lh_code code = attach_lake(engine, connection, err);
    if (code == LH_OK) code = engine_hot_attach(engine->hot, database, connection, err);
    if (code == LH_OK) code = engine_govern_install(engine, database, err); /* sees plans as the cache leaves them */
    if (code == LH_OK) code = engine_lock_down(engine, connection, err);
    duckdb_disconnect(&connection);
    return code;
}

lh_code lh_engine_attach(lh_engine *engine, lh_str url, lh_str token, lh_error *err) {
    if (lh_str_dup(url, &engine->url) != LH_OK || lh_str_dup(token, &engine->token) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    LH_TRY(engine_attach_database(engine, engine->database, err));
    pthread_mutex_lock(&engine->lock);
    engine->attached = true;
    pthread_mutex_unlock(&engine->lock);
    return engine_hot_start(engine->hot, err);
}

/* ---- another database ---- */

/* A connection holds its database: that of before is closed with the last of them. reopen_lock is held. */
static lh_code engine_reopen(lh_engine *engine, lh_error *err) {
    duckdb_database fresh = NULL;
    LH_TRY(engine_open_database(engine, &fresh, err));
    pthread_mutex_lock(&engine->lock);
    bool attached = engine->attached;
    pthread_mutex_unlock(&engine->lock);
    lh_code code = attached ? engine_attach_database(engine, fresh, err) : LH_OK;
    if (code == LH_OK) {
        pthread_mutex_lock(&engine->lock);
        duckdb_database before = engine->database;
        engine->database = fresh;
        fresh = before;
        engine->generation++;
        engine->listed_sequence = 0;
        for (size_t i = 0; code == LH_OK && i < engine->idle_count; i++)
            code = engine_connection_renew_locked(engine->idle[i], err);
        uint64_t generation = engine->generation;
        pthread_mutex_unlock(&engine->lock);
        if (engine->hot) engine_hot_reopened(engine->hot, generation);
    }
    duckdb_close(&fresh);
    return code;
}

lh_code lh_engine_reopen(lh_engine *engine, lh_error *err) {
    pthread_mutex_lock(&engine->reopen_lock);
    lh_code code = engine_reopen(engine, err);
    pthread_mutex_unlock(&engine->reopen_lock);
    return code;
}

/* Did DuckDB meet a fatal error? Then ret (LH_ERROR_MESSAGE_BYTES) has it. One that closes is left alone. */
static bool engine_is_dead(lh_engine *engine, char *ret) {
    pthread_mutex_lock(&engine->lock);
    bool dead = !engine->closing && database_shim_is_over(engine->database, ret, LH_ERROR_MESSAGE_BYTES);
    pthread_mutex_unlock(&engine->lock);
    return dead;
}

/* reopen_lock is held. */
static lh_code engine_replace(lh_engine *engine, lh_error *err) {
    char why[LH_ERROR_MESSAGE_BYTES];
    lh_error failure = {0};
    if (!engine_is_dead(engine, why)) return LH_OK; /* another thread was faster */
    bool pause = lh_time_monotonic_ns() < engine->revive_ns;
    if (!pause && engine_reopen(engine, &failure) == LH_OK) {
        lh_log(LH_LOG_ERROR, "the query engine met a fatal error, and was started anew", "error", why, NULL);
        pthread_mutex_lock(&engine->lock);
        engine->stats.restarts++;
        pthread_mutex_unlock(&engine->lock);
        return LH_OK;
    }
    if (!pause) {
        engine->revive_ns = lh_time_monotonic_ns() + REVIVE_PAUSE_NS;
        lh_log(LH_LOG_ERROR, "the query engine met a fatal error, and cannot be started anew", "error", why, "why",
               failure.message, NULL);
    }
    return lh_fail(err, LH_UNAVAILABLE,
                   "the query engine met a fatal error and could not be started anew yet; try again");
}

/* waits: for another thread that is at it. */
static lh_code engine_replace_dead(lh_engine *engine, bool waits, lh_error *err) {
    char ignored[LH_ERROR_MESSAGE_BYTES];
    if (!engine_is_dead(engine, ignored)) return LH_OK;
    if (waits) pthread_mutex_lock(&engine->reopen_lock);
    else if (pthread_mutex_trylock(&engine->reopen_lock) != 0)
        return lh_fail(err, LH_UNAVAILABLE, "the query engine met a fatal error and is being started anew");
    lh_code code = engine_replace(engine, err);
    pthread_mutex_unlock(&engine->reopen_lock);
    return code;
}

lh_code engine_revive(lh_engine *engine, lh_error *err) { return engine_replace_dead(engine, true, err); }

lh_code lh_engine_check(lh_engine *engine, lh_error *err) { return engine_replace_dead(engine, false, err); }

/* ---- connections ---- */
lh_code engine_connection_open_locked(lh_engine *engine, engine_connection **ret, lh_error *err) {
    engine_connection *connection = calloc(1, sizeof *connection);
    if (!connection) return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    connection->engine = engine;
    connection->generation = engine->generation;
    if (duckdb_connect(engine->database, &connection->handle) == DuckDBError) {
        free(connection);
        return lh_fail(err, LH_NO_MEMORY, "engine: no more connections");
    }
    *ret = connection;
    return LH_OK;
}

lh_code engine_connection_renew_locked(engine_connection *connection, lh_error *err) {
    lh_engine *engine = connection->engine;
    duckdb_connection fresh = NULL;
    if (connection->generation == engine->generation) return LH_OK;
    if (duckdb_connect(engine->database, &fresh) == DuckDBError)
        return lh_fail(err, LH_NO_MEMORY, "engine: no more connections");
    engine_disconnect(&connection->handle);
    connection->handle = fresh;
    connection->generation = engine->generation;
    connection->in_lake = false;
    return LH_OK;
}

void engine_disconnect(duckdb_connection *connection) {
    database_shim_roll_back(*connection);
    duckdb_disconnect(connection);
}

void engine_connection_reset(engine_connection *connection) {
    lh_engine *engine = connection->engine;
    engine_disconnect(&connection->handle); /* not under the lock: the extension may call the catalog */
    connection->in_lake = false;
    pthread_mutex_lock(&engine->lock);
    connection->generation = engine->generation;
    if (duckdb_connect(engine->database, &connection->handle) == DuckDBError)
        connection->handle = NULL; /* out of memory: DuckDB refuses every call on it */
    pthread_mutex_unlock(&engine->lock);
}

void engine_connection_close(engine_connection *connection) {
    if (!connection) return;
    engine_disconnect(&connection->handle);
    free(connection);
}

lh_code engine_connection_enter(engine_connection *connection, lh_error *err) {
    lh_engine *engine = connection->engine;
    pthread_mutex_lock(&engine->lock);
    bool attached = engine->attached;
    pthread_mutex_unlock(&engine->lock);
    if (!attached || connection->in_lake) return LH_OK;
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(4096);
    lh_buf_append(&sql, LH_STR("USE lake."));
    lh_buf_sql_identifier(&sql, engine->default_namespace);
    lh_buf_char(&sql, '\0');
    LH_TRY(lh_buf_check(&sql, err));
    LH_TRY(engine_execute(connection->handle, sql.ptr, err));
    connection->in_lake = true;
    return LH_OK;
}

lh_engine_stats lh_engine_get_stats(lh_engine *engine) {
    pthread_mutex_lock(&engine->lock);
    lh_engine_stats stats = engine->stats;
    stats.running = 0;
    for (const engine_connection *at = engine->running; at; at = at->next) stats.running++;
    stats.waiting = engine->waiting;
    stats.memory_limit_bytes = engine->memory_bytes;
    pthread_mutex_unlock(&engine->lock);
    return stats;
}

void lh_engine_free(lh_engine *engine) {
    if (!engine) return;
    engine_hot_stop(engine->hot);
    engine_timer_stop(engine);
    for (size_t i = 0; i < LH_ENGINE_CONNECTIONS_MAX; i++) engine_connection_close(engine->all[i]);
    if (engine->database) duckdb_close(&engine->database);
    engine_table_locks_free(engine);
    engine_hot_free(engine->hot);
    if (engine->token.len) explicit_bzero((void *)(uintptr_t)engine->token.ptr, engine->token.len);
    lh_str owned[] = {engine->scratch_dir, engine->extension_dir, engine->default_namespace, engine->url,
                      engine->token};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) lh_str_free(owned[i]);
    pthread_cond_destroy(&engine->timer_wake);
    pthread_mutex_destroy(&engine->sample_lock);
    pthread_mutex_destroy(&engine->reopen_lock);
    pthread_mutex_destroy(&engine->lock);
    pthread_condattr_destroy(&engine->clock);
    free(engine);
}
