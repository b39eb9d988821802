/* GET /metrics: Prometheus text format 0.0.4. Counters are relaxed atomics, written by workers. */
#include "api/server_internal.h"

static const uint64_t metrics_bounds_us[API_LATENCY_BUCKETS] = {250,   500,   1000,   2500,   5000,    10000,
                                                                25000, 50000, 100000, 500000, 2500000, 10000000};

void api_metrics_count(api_counters *counters, const api_route *route, unsigned status, uint64_t elapsed_us) {
    size_t r = (size_t)(route - api_routes), bucket = 0;
    while (bucket < API_LATENCY_BUCKETS && elapsed_us > metrics_bounds_us[bucket]) bucket++;
    atomic_fetch_add_explicit(&counters->requests[r][status / 100 <= 5 ? status / 100 : 0], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->latency[r][bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->latency_us[r], elapsed_us, memory_order_relaxed);
}

static void metrics_head(lh_buf *out, const char *name, const char *type, const char *help) {
    lh_buf_printf(out, "# HELP lakehouse_%s %s\n# TYPE lakehouse_%s %s\n", name, help, name, type);
}

static void metrics_value(lh_buf *out, const char *name, const char *type, const char *help, uint64_t value) {
    metrics_head(out, name, type, help);
    lh_buf_printf(out, "lakehouse_%s %" PRIu64 "\n", name, value);
}

static void metrics_routes(lh_buf *out, api_counters *counters) {
    static const char *const classes[] = {"cut", "1xx", "2xx", "3xx", "4xx", "5xx"};
    metrics_head(out, "http_requests_total", "counter",
                 "Requests by route and status class; cut: the client went away.");
    for (size_t r = 0; r < API_ROUTE_COUNT; r++)
        for (size_t c = 0; c < 6; c++) {
            uint64_t count = atomic_load(&counters->requests[r][c]);
            if (count)
                lh_buf_printf(out,
                              "lakehouse_http_requests_total{method=\"%s\",route=\"%s\",status=\"%s\"} %" PRIu64 "\n",
                              api_routes[r].method, api_routes[r].path, classes[c], count);
        }
}

static void metrics_latency(lh_buf *out, api_counters *counters) {
    metrics_head(out, "http_request_seconds", "histogram",
                 "Time from the request's headers to the end of its handler.");
    for (size_t r = 0; r < API_ROUTE_COUNT; r++) {
        uint64_t below = 0, buckets[API_LATENCY_BUCKETS + 1], total = 0;
        for (size_t b = 0; b <= API_LATENCY_BUCKETS; b++) total += buckets[b] = atomic_load(&counters->latency[r][b]);
        if (total == 0) continue;
        lh_str route = lh_str_from(api_routes[r].path);
        for (size_t b = 0; b < API_LATENCY_BUCKETS; b++) {
            below += buckets[b];
            lh_buf_printf(out,
                          "lakehouse_http_request_seconds_bucket{method=\"%s\",route=\"%.*s\",le=\"%g\"} %" PRIu64 "\n",
                          api_routes[r].method, LH_STR_ARG(route), (double)metrics_bounds_us[b] / 1e6, below);
        }
        lh_buf_printf(out,
                      "lakehouse_http_request_seconds_bucket{method=\"%s\",route=\"%.*s\",le=\"+Inf\"} %" PRIu64 "\n",
                      api_routes[r].method, LH_STR_ARG(route), total);
        lh_buf_printf(out, "lakehouse_http_request_seconds_sum{method=\"%s\",route=\"%.*s\"} %g\n",
                      api_routes[r].method, LH_STR_ARG(route), (double)atomic_load(&counters->latency_us[r]) / 1e6);
        lh_buf_printf(out, "lakehouse_http_request_seconds_count{method=\"%s\",route=\"%.*s\"} %" PRIu64 "\n",
                      api_routes[r].method, LH_STR_ARG(route), total);
    }
}

static void metrics_maintain(lh_buf *out, lh_maintain_stats stats) {
    metrics_value(out, "compactions_total", "counter", "Compactions that made a snapshot.", stats.compactions);
    metrics_value(out, "compactions_failed_total", "counter", "Compactions that failed.", stats.failed);
    metrics_value(out, "compactions_conflicts_total", "counter", "Compactions thrown away because rows were changed.",
                  stats.conflicts);
    metrics_value(out, "compaction_files_removed_total", "counter", "Data files that were rewritten.",
                  stats.files_removed);
    metrics_value(out, "compaction_files_written_total", "counter", "Data files that they became.",
                  stats.files_written);
    metrics_value(out, "maintenance_rounds_total", "counter", "Rounds of the background policy.", stats.rounds);
    metrics_value(out, "maintenance_failed_total", "counter", "Steps of the background policy that failed.",
                  stats.policy_failed);
    metrics_value(out, "maintenance_snapshots_expired_total", "counter", "Snapshots that the policy expired.",
                  stats.snapshots_expired);
    metrics_value(out, "maintenance_orphans_removed_total", "counter", "Orphan files that the policy removed.",
                  stats.orphans_removed);
}

static void metrics_jobs(lh_buf *out, lh_jobs_stats stats) {
    metrics_value(out, "jobs_running", "gauge", "Jobs that run here.", stats.running);
    metrics_value(out, "jobs_queued", "gauge", "Jobs of the lake that wait, or run elsewhere.", stats.queued);
    metrics_value(out, "jobs_succeeded_total", "counter", "Jobs that succeeded here.", stats.succeeded);
    metrics_value(out, "jobs_failed_total", "counter", "Jobs that failed here.", stats.failed);
    metrics_value(out, "jobs_cancelled_total", "counter", "Jobs that were cancelled here.", stats.cancelled);
}

static void metrics_vector(lh_buf *out, lh_vector_stats stats) {
    metrics_value(out, "vector_indexes_ready", "gauge", "Indexes of vectors held ready for searches.", stats.indexes);
    metrics_value(out, "vector_indexes_bytes", "gauge", "Memory that they take.", stats.bytes);
    metrics_value(out, "vector_indexes_hits_total", "counter", "Times that an index was asked for and held ready.",
                  stats.hits);
    metrics_value(out, "vector_indexes_misses_total", "counter", "Times that it was not.", stats.misses);
    metrics_value(out, "vector_indexes_evictions_total", "counter", "Indexes that went for others to fit.",
                  stats.evictions);
    metrics_value(out, "vector_recall_samples_total", "counter", "Searches that were asked exactly, too.",
                  stats.recall_samples);
    metrics_value(out, "vector_indexes_below_target", "gauge", "Indexes whose recall is below their target.",
                  stats.below_target);
    metrics_value(out, "vector_recall_tunes_total", "counter", "Tunes that were started for that.", stats.tunes);
    metrics_value(out, "vector_searches_total", "counter", "Searches that were answered.", stats.searches);
    metrics_value(out, "vector_loads_table_total", "counter", "Indexes made ready from their table.", stats.from_table);
    metrics_value(out, "vector_loads_files_total", "counter", "Indexes made ready from their files.", stats.from_files);
    metrics_value(out, "vector_loads_bucket_total", "counter", "Indexes made ready from files of the bucket.",
                  stats.from_bucket);
    metrics_value(out, "vector_loads_extended_total", "counter",
                  "Indexes made ready from their files and what the table had more or less.", stats.extended);
    metrics_value(out, "vector_writes_total", "counter", "Indexes whose files were written to the bucket.",
                  stats.written);
    metrics_value(out, "vector_writes_failed_total", "counter", "Indexes whose files could not be.",
                  stats.write_failed);
    metrics_value(out, "vector_lance_made_total", "counter", "Lance datasets made of indexes.", stats.lance_made);
    metrics_value(out, "vector_lance_extended_total", "counter",
                  "Lance datasets made of an older one and what came and went.", stats.lance_extended);
}

static void metrics_rag(lh_buf *out, lh_rag_stats stats) {
    metrics_value(out, "rag_answers_total", "counter", "Questions that were answered from indexes.", stats.answers);
    metrics_value(out, "rag_no_answers_total", "counter", "Those of them that the texts do not answer.",
                  stats.no_answers);
    metrics_value(out, "rag_conversations", "gauge", "Conversations that are kept.", stats.conversations);
    metrics_value(out, "rag_conversations_bytes", "gauge", "Memory that they take.", stats.conversation_bytes);
}

static void metrics_engine(lh_buf *out, lh_engine_stats engine) {
    metrics_value(out, "queries_running", "gauge", "Statements being run.", engine.running);
    metrics_value(out, "queries_waiting", "gauge", "Statements waiting for a connection.", engine.waiting);
    metrics_value(out, "queries_total", "counter", "Statements since the start.", engine.statements);
    metrics_value(out, "queries_failed_total", "counter", "Statements that failed.", engine.failed);
    metrics_value(out, "queries_cancelled_total", "counter", "Statements that were cancelled or timed out.",
                  engine.cancelled);
    metrics_value(out, "queries_conflicts_retried_total", "counter", "Statements run again after a foreign commit.",
                  engine.conflicts_retried);
    metrics_value(out, "queries_bound_total", "counter",
                  "Statements bound to what their callers may see, those run again too.", engine.bound);
    metrics_value(out, "queries_bind_nanoseconds_total", "counter", "Time that this took.", engine.bind_ns);
    metrics_value(out, "engine_restarts_total", "counter",
                  "Times that the query engine was started anew after a fatal error.", engine.restarts);
    metrics_value(out, "engine_memory_limit_bytes", "gauge", "Memory that the query engine may take.",
                  engine.memory_limit_bytes);
}

lh_code api_metrics(lh_request *request, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf out = LH_BUF_INIT(4 << 20);
    lh_app *app = lh_request_app(request);
    api_counters *counters = api_request_counters(request);
    metrics_routes(&out, counters);
    metrics_latency(&out, counters);
    metrics_value(&out, "http_in_flight", "gauge", "Requests being served.", api_request_in_flight(request));
    metrics_value(&out, "http_work_waiting", "gauge", "Requests that wait for a worker.", api_request_waiting(request));
    metrics_value(&out, "http_refused_total", "counter",
                  "Requests answered before a handler ran (guard, 403, 404, 405, 413, 503).",
                  atomic_load(&counters->refused));
    metrics_value(&out, "http_unauthenticated_total", "counter", "Requests without a valid key.",
                  atomic_load(&counters->unauthorized));
    metrics_value(&out, "http_received_bytes_total", "counter", "Bytes of request bodies.",
                  atomic_load(&counters->bytes_in));
    metrics_value(&out, "http_sent_bytes_total", "counter", "Bytes of answer bodies.",
                  atomic_load(&counters->bytes_out));
    lh_metastore_stats store = lh_metastore_get_stats(lh_catalog_metastore(app->catalog));
    metrics_value(&out, "catalog_sequence", "gauge", "Last log entry of the catalog.", store.sequence);
    metrics_value(&out, "catalog_documents", "gauge", "Documents in the catalog.", store.documents);
    metrics_value(&out, "catalog_commits_total", "counter", "Commits since the start.", store.commits);
    metrics_value(&out, "catalog_conflicts_total", "counter", "Commits refused because another came first.",
                  store.conflicts);
    metrics_value(&out, "catalog_checkpoint_sequence", "gauge", "Log entry of the newest checkpoint.",
                  store.checkpoint_sequence);
    metrics_value(&out, "catalog_idempotency_records", "gauge", "Answers kept for Idempotency-Keys.",
                  lh_idempotency_count(app->catalog));
    metrics_value(&out, "catalog_replay_milliseconds", "gauge", "Time to load the catalog at the start.",
                  store.replay_ms);
    if (app->engine) metrics_engine(&out, lh_engine_get_stats(app->engine)); /* as it was when `app` was asked for */
    if (app->jobs) metrics_jobs(&out, lh_jobs_get_stats(app->jobs));
    if (app->vector) {
        metrics_vector(&out, lh_vector_get_stats(app->vector));
        lh_vector_metrics(app->vector, &out);
    }
    if (app->rag) metrics_rag(&out, lh_rag_get_stats(app->rag));
    if (app->maintain) metrics_maintain(&out, lh_maintain_get_stats(app->maintain));
    metrics_value(&out, "trace_spans_dropped_total", "counter", "Trace spans that did not fit the queue.",
                  app->tracer ? lh_tracer_dropped(app->tracer) : 0);
    lh_ai_metrics(app->ai, &out);
    if (app->rpc) lh_rpc_metrics(app->rpc, &out);
    LH_TRY(lh_buf_check(&out, err));
    return lh_respond_bytes(request, 200, "text/plain; version=0.0.4; charset=utf-8", lh_buf_str(&out), err);
}
