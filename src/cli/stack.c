/* The stack of one gateway, bottom up: tracer, scratch, buckets, catalog, servers, engine, ingest.
 * The server listens before the engine opens, because the engine attaches to the catalog that the
 * server serves; until lh_stack_ready() requests that need the engine are answered 503. */
#include "cli/cli_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct lh_stack {
    const lh_config *config; /* borrowed */
    lh_scratch scratch;
    lh_tracer *tracer;
    lh_registry *registry;
    lh_profiles *profiles;
    lh_catalog *catalog;
    lh_access *access;
    lh_ai *ai;
    lh_models *models;
    lh_server *server;
    lh_rpc *rpc; /* NULL: off, or a stack that serves one command */
    lh_engine *engine;
    lh_ingest *ingest;
    lh_maintain *maintain;
    lh_jobs *jobs;
    lh_vector *vector;
    lh_evaluate evaluate;
    lh_job_kind *job_kinds; /* owned */
    lh_rag *rag;
    lh_ask *ask;
    lh_journal *journal;
    lh_follower *follower; /* NULL: a stack that serves one command */
    lh_app app;
    bool serves_grpc;
    char token[65];
    char extension_dir[4096];
    char folder[4096]; /* where relative paths of the configuration begin */
    lh_announcement announcement;
    int folder_fd; /* the working folder before ours, -1 when it was not left */
};

static lh_code stack_open_tracer(lh_stack *stack, lh_error *err) {
    const lh_config *c = stack->config;
    lh_trace_exporter exporter = LH_TRACE_NONE;
    if (lh_str_eq(c->trace_exporter, LH_STR("stdout"))) exporter = LH_TRACE_STDOUT;
    if (lh_str_eq(c->trace_exporter, LH_STR("otlp"))) exporter = LH_TRACE_OTLP;
    const lh_tracer_options options = {.exporter = exporter,
                                       .otlp_endpoint = c->trace_otlp_endpoint,
                                       .service_name = c->trace_service_name,
                                       .queue_max = (uint64_t)c->trace_queue_max,
                                       .flush_ms = 1000};
    return lh_tracer_new(&options, &stack->tracer, err);
}

static lh_code stack_open_lake(lh_stack *stack, lh_error *err) {
    const lh_config *c = stack->config;
    if (!getcwd(stack->folder, sizeof stack->folder))
        return lh_fail_errno(err, errno, "cannot find this folder's path");
    LH_TRY(lh_registry_open_config(c, lh_str_from(stack->folder), &stack->registry, err));
    LH_TRY(lh_profiles_new(c, lh_str_from(stack->folder), stack->registry, &stack->profiles, err));
    const lh_catalog_options options = {.bucket = lh_registry_whole(stack->registry),
                                        .registry = stack->registry,
                                        .checkpoint_entries = (uint64_t)c->catalog_checkpoint_entries,
                                        .default_namespace = c->catalog_default_namespace};
    return lh_catalog_open(&options, &stack->catalog, err);
}

static void stack_make_token(lh_stack *stack) {
    unsigned char bytes[32];
    lh_random_bytes(bytes, sizeof bytes);
    lh_hex(bytes, sizeof bytes, stack->token);
}

static lh_code stack_open_models(lh_stack *stack, lh_error *err) {
    const lh_models_options options = {
        .config = stack->config, .catalog = stack->catalog, .ai = stack->ai, .folder = lh_str_from(stack->folder)};
    LH_TRY(lh_models_new(&options, &stack->models, err));
    return lh_models_follow(stack->models, err);
}

static lh_code stack_listen_parts(lh_stack *stack, lh_error *err) {
    LH_TRY(stack_open_tracer(stack, err));
    LH_TRY(lh_scratch_open(stack->config->storage_root, &stack->scratch, err));
    LH_TRY(stack_open_lake(stack, err));
    LH_TRY(lh_access_new(stack->config, stack->catalog, &stack->access, err));
    LH_TRY(lh_ai_open(stack->config, &stack->ai, err));
    LH_TRY(stack_open_models(stack, err));
    stack_make_token(stack);
    stack->app = (lh_app){.config = stack->config,
                          .tracer = stack->tracer,
                          .bucket = lh_registry_whole(stack->registry),
                          .registry = stack->registry,
                          .profiles = stack->profiles,
                          .catalog = stack->catalog,
                          .access = stack->access,
                          .ai = stack->ai,
                          .models = stack->models,
                          .scratch_dir = lh_str_from(stack->scratch.path),
                          .internal_token = lh_str_from(stack->token)};
    lh_profiles_follow(&stack->app); /* before the engine opens, whose folders are locked from then on */
    LH_TRY(lh_server_start(&stack->app, &stack->server, err));
    if (!stack->serves_grpc) return LH_OK;
    LH_TRY(lh_rpc_start(stack->config, stack->catalog, stack->access, stack->tracer, &stack->rpc, err));
    stack->app.rpc = stack->rpc; /* looked at from lh_server_ready() on */
    return LH_OK;
}

lh_code lh_stack_listen(const lh_config *config, bool grpc, lh_stack **ret, lh_error *err) {
    LH_CLEANUP(lh_stack_closep) lh_stack *stack = calloc(1, sizeof *stack);
    if (!stack) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    stack->config = config;
    stack->serves_grpc = grpc;
    stack->scratch.lock_fd = stack->announcement.fd = stack->folder_fd = -1;
    LH_TRY(stack_listen_parts(stack, err));
    *ret = lh_take(&stack);
    return LH_OK;
}

/* engine.extension_dir, or extensions/ beside the binary. */
static lh_code stack_find_extensions(lh_stack *stack, lh_error *err) {
    lh_str configured = stack->config->engine_extension_dir;
    if (configured.len) return lh_str_to_cstr(configured, stack->extension_dir, sizeof stack->extension_dir, err);
    return lh_beside_binary("extensions", stack->extension_dir, sizeof stack->extension_dir, err);
}

static lh_code stack_open_ask(lh_stack *stack, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str mask_key;
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    LH_TRY(lh_access_mask_key(lh_registry_whole(stack->registry), arena, &mask_key, err));
    return lh_ask_new(stack->engine, stack->catalog, stack->ai, mask_key, &stack->ask, err);
}

static lh_code stack_open_engine(lh_stack *stack, lh_error *err) {
    const lh_config *c = stack->config;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str mask_key;
    LH_TRY(stack_find_extensions(stack, err));
    LH_TRY(lh_arena_new(64 << 10, &arena, err));
    LH_TRY(lh_access_mask_key(lh_registry_whole(stack->registry), arena, &mask_key, err));
    const lh_engine_options options = {.catalog = stack->catalog,
                                       .mask_key = mask_key,
                                       .registry = stack->registry,
                                       .scratch_dir = lh_str_from(stack->scratch.path),
                                       .extension_dir = lh_str_from(stack->extension_dir),
                                       .threads =
                                           c->engine_threads ? (unsigned)c->engine_threads : lh_machine_processors(),
                                       .memory_bytes = lh_config_engine_memory_bytes(c),
                                       .connections = (unsigned)c->engine_connections,
                                       .queue_max = (unsigned)c->engine_queue_max,
                                       .cache_limit_bytes = lh_config_cache_limit_bytes(c),
                                       .cache_auto_pin_hits = (uint64_t)c->cache_auto_pin_hits,
                                       .cache_load_timeout_ms = (uint64_t)c->cache_load_timeout_ms};
    LH_TRY(lh_engine_open(&options, &stack->engine, err));
    /* CREATE TABLE AS of DuckDB's iceberg extension makes an empty folder "data" in the working folder: let it do so
     * where it is swept up. Every path of the configuration was opened by now. */
    stack->folder_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (chdir(stack->scratch.path) != 0) return lh_fail_errno(err, errno, "cannot enter the scratch folder");
    return lh_engine_attach(stack->engine, lh_server_engine_url(stack->server), stack->app.internal_token, err);
}

/* A pin that cannot be is told and passed over: the lake works without it. */
static void stack_pin(lh_stack *stack) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    lh_code code = lh_arena_new(1 << 20, &arena, &err);
    if (code == LH_OK)
        code = lh_cache_pin_list(stack->engine, stack->config->cache_pin, LH_CACHE_BY_CONFIG, arena, &err);
    if (code != LH_OK) lh_log(LH_LOG_WARN, "cache.pin", "code", lh_code_name(code), "why", err.message, NULL);
}

static void stack_beside_scratch(const lh_stack *stack, const char *name, char *into, size_t into_bytes) {
    const char *path = stack->scratch.path;
    snprintf(into, into_bytes, "%.*s/%s", (int)(strrchr(path, '/') - path), path, name);
}

/* Beside the working folders, not in ours: its files are there for the next process. */
static lh_code stack_open_journal(lh_stack *stack, lh_error *err) {
    const lh_config *c = stack->config;
    char folder[sizeof stack->scratch.path + 16];
    stack_beside_scratch(stack, "journal", folder, sizeof folder);
    const lh_journal_options options = {.engine = stack->engine,
                                        .catalog = stack->catalog,
                                        .folder = lh_str_from(folder),
                                        .scratch_dir = stack->app.scratch_dir,
                                        .flush_records = (uint64_t)c->journal_flush_records,
                                        .flush_bytes = (uint64_t)c->journal_flush_bytes,
                                        .flush_ms = (uint64_t)c->journal_flush_ms,
                                        .buffer_max_bytes = (uint64_t)c->journal_buffer_max_bytes,
                                        .flush_at_end = !lh_bucket_is_local(stack->app.bucket, LH_STR("_catalog/log")),
                                        .mutations = c->journal_mutations,
                                        .audit = c->audit_enabled,
                                        .audit_open = lh_str_eq(c->audit_on_failure, LH_STR("open")),
                                        .audit_fingerprint = lh_str_eq(c->audit_literals, LH_STR("fingerprint")),
                                        .actor = lh_server_actor,
                                        .actor_ctx = stack->server};
    return lh_journal_open(&options, &stack->journal, err);
}

/* Those of vectors, and the evaluation of a model. */
static lh_code stack_open_jobs(lh_stack *stack, lh_error *err) {
    lh_jobs_options options = {.catalog = stack->catalog, .threads = (size_t)stack->config->jobs_threads};
    size_t count = 0;
    const lh_job_kind *kinds = lh_vector_job_kinds(stack->vector, &count);
    stack->job_kinds = calloc(count + 1, sizeof *stack->job_kinds);
    if (!stack->job_kinds) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    stack->evaluate = (lh_evaluate){stack->catalog, stack->ai, stack->vector, stack->ask, stack->models};
    memcpy(stack->job_kinds, kinds, count * sizeof *kinds);
    stack->job_kinds[count++] = lh_evaluate_job_kind(&stack->evaluate);
    options.kinds = stack->job_kinds;
    options.kind_count = count;
    return lh_jobs_new(&options, &stack->jobs, err);
}

/* Beside the working folders, too. */
static lh_code stack_open_vector(lh_stack *stack, lh_error *err) {
    const lh_config *c = stack->config;
    char folder[sizeof stack->scratch.path + 16];
    stack_beside_scratch(stack, "vectors", folder, sizeof folder);
    const lh_vector_options options = {.engine = stack->engine,
                                       .catalog = stack->catalog,
                                       .ai = stack->ai,
                                       .registry = stack->registry,
                                       .folder = lh_str_from(folder),
                                       .locale = c->vector_locale,
                                       .threads = (unsigned)c->vector_threads,
                                       .memory_limit_bytes = (uint64_t)c->vector_memory_limit_bytes,
                                       .checkpoint_chunks = (uint64_t)c->vector_checkpoint_chunks,
                                       .recall_sample_every = (uint64_t)c->vector_recall_sample_every,
                                       .recall_sample_ms = (uint64_t)c->vector_recall_sample_ms,
                                       .recall_retune = c->vector_recall_retune};
    LH_TRY(lh_vector_new(&options, &stack->vector, err));
    LH_TRY(stack_open_ask(stack, err));
    LH_TRY(stack_open_jobs(stack, err));
    LH_TRY(lh_vector_watch(stack->vector, stack->jobs, err));
    stack->app.evaluate = &stack->evaluate;
    stack->app.ask = stack->ask;
    stack->app.vector = stack->vector;
    stack->app.jobs = stack->jobs;
    return LH_OK;
}

static lh_code stack_open_rag(lh_stack *stack, lh_error *err) {
    const lh_config *c = stack->config;
    const lh_rag_options options = {.vector = stack->vector,
                                    .ai = stack->ai,
                                    .locale = c->vector_locale,
                                    .context_tokens = (uint64_t)c->rag_context_tokens,
                                    .conversation_turns = (uint64_t)c->rag_conversation_turns,
                                    .conversations_per_principal = (uint64_t)c->rag_conversations_per_principal,
                                    .conversations_bytes = (uint64_t)c->rag_conversations_bytes,
                                    .conversation_ttl_ms = (uint64_t)c->rag_conversation_ttl_ms};
    LH_TRY(lh_rag_new(&options, &stack->rag, err));
    stack->app.rag = stack->rag;
    return LH_OK;
}

lh_code lh_stack_ready(lh_stack *stack, lh_error *err) {
    const lh_config *c = stack->config;
    LH_TRY(stack_open_engine(stack, err));
    const lh_ingest_options options = {.engine = stack->engine,
                                       .catalog = stack->catalog,
                                       .bucket = lh_registry_whole(stack->registry),
                                       .scratch_dir = stack->app.scratch_dir,
                                       .line_max_bytes = (uint64_t)c->ingest_line_max_bytes,
                                       .document_max_bytes = (uint64_t)c->ingest_document_max_bytes,
                                       .columns_max = (uint64_t)c->ingest_columns_max,
                                       .detect_pii = c->ingest_detect_pii};
    LH_TRY(lh_ingest_new(&options, &stack->ingest, err));
    const lh_maintain_options maintain = {stack->engine, stack->catalog, lh_registry_whole(stack->registry)};
    LH_TRY(lh_maintain_new(&maintain, &stack->maintain, err));
    LH_TRY(stack_open_journal(stack, err));
    stack->app.engine = stack->engine;
    stack->app.journal = stack->journal;
    stack->app.ingest = stack->ingest;
    stack->app.maintain = stack->maintain;
    LH_TRY(stack_open_vector(stack, err));
    LH_TRY(stack_open_rag(stack, err));
    lh_server_ready(stack->server);
    if (stack->rpc) lh_rpc_ready(stack->rpc, stack->ingest);
    stack_pin(stack);
    return LH_OK;
}

lh_code lh_stack_follow(lh_stack *stack, lh_error *err) {
    return lh_follower_start(&stack->app, &stack->follower, err);
}

void lh_stack_map(lh_stack *stack) { lh_vector_map(stack->vector); }

/* One line of the log for each step that did something, or failed. */
static void stack_report(void *ctx, const char *step, lh_str dataset, const lh_json *answer, const lh_error *err) {
    char name[LH_LIMIT_KEY_BYTES], counted[24];
    (void)ctx;
    snprintf(name, sizeof name, "%.*s", LH_STR_ARG(lh_str_cut_utf8(dataset, sizeof name - 1)));
    if (err) {
        lh_log(LH_LOG_WARN, "maintenance failed", "step", step, "dataset", name, "code", lh_code_name(err->code), "why",
               err->message, NULL);
        return;
    }
    uint64_t number = lh_json_uint(lh_json_get(answer, "files_before"), 0) +
                      lh_json_uint(lh_json_get(answer, "orphan_files"), 0) +
                      lh_json_size(lh_json_get(answer, "expired_snapshots"));
    snprintf(counted, sizeof counted, "%" PRIu64, number);
    lh_log(LH_LOG_INFO, "maintained", "step", step, "dataset", name, "count", counted, NULL);
}

lh_code lh_stack_maintain(lh_stack *stack, lh_error *err) {
    const lh_config *c = stack->config;
    const lh_maintain_policy policy = {.interval_ms = (uint64_t)c->maintenance_interval_ms,
                                       .target_file_bytes = (uint64_t)c->maintenance_target_file_bytes,
                                       .small_file_bytes = (uint64_t)c->maintenance_small_file_bytes,
                                       .files_min = (uint64_t)c->maintenance_files_min,
                                       .snapshot_age_ms = c->maintenance_snapshot_age_ms,
                                       .snapshots_min = c->maintenance_snapshots_min,
                                       .snapshot_grace_ms = c->maintenance_snapshot_grace_ms,
                                       .orphan_age_ms = c->maintenance_orphan_age_ms,
                                       .report = stack_report};
    return c->maintenance_enabled ? lh_maintain_start(stack->maintain, &policy, err) : LH_OK;
}

lh_str lh_stack_url(const lh_stack *stack) { return lh_server_url(stack->server); }
lh_str lh_stack_grpc(const lh_stack *stack) { return stack->rpc ? lh_rpc_address(stack->rpc) : LH_STR_NONE; }

static bool stack_stores_keys(lh_metastore *metastore) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_document_page keys = {0};
    return lh_arena_new(1 << 20, &arena, NULL) == LH_OK &&
           lh_metastore_list(metastore, LH_STR("key/"), LH_STR_NONE, 1, arena, &keys, NULL) == LH_OK && keys.count > 0;
}

static bool stack_asks_for_keys(const lh_config *config) {
    return lh_str_eq(config->auth_mode, LH_STR("keys")) && config->auth_admin_key.len == 0;
}

lh_code lh_stack_make_admin_key(lh_stack *stack, lh_arena *arena, lh_str *ret, lh_error *err) {
    *ret = LH_STR_NONE;
    return stack_asks_for_keys(stack->config) ? lh_access_admin_key_ensure(stack->catalog, arena, ret, err) : LH_OK;
}

bool lh_cli_has_no_key(const lh_config *config) {
    LH_CLEANUP(lh_bucket_freep) lh_bucket *bucket = NULL;
    LH_CLEANUP(lh_metastore_freep) lh_metastore *metastore = NULL;
    char root[4096];
    if (!stack_asks_for_keys(config) || lh_str_eq(config->storage_kind, LH_STR("s3"))) return false;
    if (lh_str_to_cstr(config->storage_root, root, sizeof root, NULL) != LH_OK || access(root, F_OK) != 0) return true;
    return lh_bucket_open_file(config->storage_root, &bucket, NULL) == LH_OK &&
           lh_metastore_open(bucket, UINT64_MAX, &metastore, NULL) == LH_OK && !stack_stores_keys(metastore);
}

lh_metastore_stats lh_stack_replay(lh_stack *stack) {
    return lh_metastore_get_stats(lh_catalog_metastore(stack->catalog));
}

lh_code lh_stack_announce(lh_stack *stack, lh_error *err) {
    char folder[sizeof stack->scratch.path];
    memcpy(folder, stack->scratch.path, sizeof folder);
    *strrchr(folder, '/') = '\0';
    return lh_announce(folder, lh_stack_url(stack), &stack->announcement, err);
}

void lh_stack_close(lh_stack *stack) {
    if (!stack) return;
    lh_announcement_withdraw(&stack->announcement);
    lh_follower_free(stack->follower); /* both work through the engine, which asks the server */
    lh_vector_unwatch(stack->vector);
    lh_jobs_stop(stack->jobs);
    lh_maintain_stop(stack->maintain);
    if (stack->rpc) lh_rpc_drain_begin(stack->rpc); /* both drain at once, within the same time */
    if (stack->server) lh_server_drain(stack->server);
    stack->app.rpc = NULL;
    lh_rpc_free(stack->rpc);
    lh_journal_close(stack->journal); /* it flushes through the engine */
    lh_jobs_free(stack->jobs);
    free(stack->job_kinds);
    lh_rag_free(stack->rag);
    lh_vector_free(stack->vector);
    lh_ask_free(stack->ask);
    lh_ingest_free(stack->ingest);
    lh_maintain_free(stack->maintain);
    lh_engine_free(stack->engine); /* may still call the catalog through the server */
    lh_server_free(stack->server);
    lh_models_free(stack->models);
    lh_ai_free(stack->ai);
    lh_access_free(stack->access);
    lh_catalog_free(stack->catalog);
    lh_profiles_free(stack->profiles);
    lh_registry_free(stack->registry);
    if (stack->folder_fd >= 0) {
        (void)!fchdir(stack->folder_fd); /* the command is at its end, or looks at paths from where it was called */
        close(stack->folder_fd);
    }
    lh_scratch_close(&stack->scratch);
    lh_tracer_free(stack->tracer);
    free(stack);
}
