/* Calls and tokens by principal, in memory, since the start; and the metrics. The table has a fixed size: names come from outside. */
#include "ai/ai_internal.h"

void ai_usage_init(ai_usage *usage) {
    *usage = (ai_usage){0};
    pthread_mutex_init(&usage->lock, NULL);
}

void ai_usage_done(ai_usage *usage) {
    for (size_t i = 0; i < usage->count; i++) lh_str_free(usage->rows[i].principal);
    free(usage->rows);
    pthread_mutex_destroy(&usage->lock);
}

static void usage_sum(ai_counters *into, ai_counters more) {
    into->calls += more.calls;
    into->failed += more.failed;
    into->tokens_in += more.tokens_in;
    into->tokens_out += more.tokens_out;
}

/* Its row, made when it is new; `others` when there is no room. */
static ai_usage_row *usage_row_locked(ai_usage *usage, lh_str principal) {
    size_t low = 0, high = usage->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = lh_str_cmp(usage->rows[middle].principal, principal);
        if (order == 0) return &usage->rows[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    lh_str name = LH_STR_NONE;
    if (!usage->rows) usage->rows = calloc(LH_LIMIT_AI_PRINCIPALS, sizeof *usage->rows);
    if (!usage->rows || usage->count == LH_LIMIT_AI_PRINCIPALS || lh_str_dup(principal, &name) != LH_OK)
        return &usage->others;
    memmove(usage->rows + low + 1, usage->rows + low, (usage->count - low) * sizeof *usage->rows);
    usage->rows[low] = (ai_usage_row){.principal = name};
    usage->count++;
    return &usage->rows[low];
}

void ai_usage_add(ai_usage *usage, lh_str principal, lh_ai_task task, ai_counters more) {
    pthread_mutex_lock(&usage->lock);
    usage_sum(&usage->totals[task], more);
    usage_sum(&usage_row_locked(usage, principal)->counters[task], more);
    pthread_mutex_unlock(&usage->lock);
}

static void usage_list(const ai_usage_row *row, lh_str principal, lh_arena *arena, lh_json *items) {
    for (size_t task = 0; task < LH_AI_TASKS; task++) {
        const ai_counters *counters = &row->counters[task];
        if (counters->calls == 0) continue;
        lh_json *item = lh_json_new_object(arena);
        lh_json_set_string(arena, item, "principal", principal);
        lh_json_set_string(arena, item, "task", lh_str_from(lh_ai_task_names[task]));
        lh_json_set_uint(arena, item, "calls", counters->calls);
        lh_json_set_uint(arena, item, "failed", counters->failed);
        lh_json_set_uint(arena, item, "tokens_in", counters->tokens_in);
        lh_json_set_uint(arena, item, "tokens_out", counters->tokens_out);
        lh_json_append(items, item);
    }
}

lh_code lh_ai_usage(lh_ai *ai, lh_str principal, lh_arena *arena, lh_json **ret, lh_error *err) {
    ai_usage *usage = &ai->usage;
    lh_json *body = lh_json_new_object(arena), *items = lh_json_new_array(arena);
    pthread_mutex_lock(&usage->lock);
    for (size_t i = 0; i < usage->count; i++)
        if (principal.len == 0 || lh_str_eq(principal, usage->rows[i].principal))
            usage_list(&usage->rows[i], usage->rows[i].principal, arena, items);
    if (principal.len == 0) usage_list(&usage->others, LH_STR("(others)"), arena, items);
    pthread_mutex_unlock(&usage->lock);
    lh_json_set(arena, body, "items", items);
    LH_TRY(lh_arena_check(arena, err));
    *ret = body;
    return LH_OK;
}

/* ---- metrics ---- */

static void usage_metric(lh_buf *into, const char *name, const char *type, const char *help, const uint64_t *values) {
    lh_buf_printf(into, "# HELP lakehouse_ai_%s %s\n# TYPE lakehouse_ai_%s %s\n", name, help, name, type);
    for (size_t task = 0; task < LH_AI_TASKS; task++)
        lh_buf_printf(into, "lakehouse_ai_%s{task=\"%s\"} %" PRIu64 "\n", name, lh_ai_task_names[task], values[task]);
}

void lh_ai_metrics(lh_ai *ai, lh_buf *into) {
    enum { CALLS, FAILED, IN, OUT, RETRIES, RUNNING, WAITING, OPENED, METRICS };
    uint64_t values[METRICS][LH_AI_TASKS] = {0};
    for (size_t task = 0; task < LH_AI_TASKS; task++) {
        ai_task *of = &ai->tasks[task];
        pthread_mutex_lock(&ai->usage.lock);
        ai_counters total = ai->usage.totals[task];
        pthread_mutex_unlock(&ai->usage.lock);
        values[CALLS][task] = total.calls;
        values[FAILED][task] = total.failed;
        values[IN][task] = total.tokens_in;
        values[OUT][task] = total.tokens_out;
        values[RETRIES][task] = atomic_load(&of->retries);
        pthread_mutex_lock(&of->slots.lock);
        values[RUNNING][task] = of->slots.running;
        values[WAITING][task] = of->slots.waiting;
        pthread_mutex_unlock(&of->slots.lock);
        values[OPENED][task] = ai_models_opened(ai, (lh_ai_task)task);
    }
    usage_metric(into, "calls_total", "counter", "Calls to models.", values[CALLS]);
    usage_metric(into, "calls_failed_total", "counter", "Calls that failed.", values[FAILED]);
    usage_metric(into, "tokens_in_total", "counter", "Tokens of texts and prompts.", values[IN]);
    usage_metric(into, "tokens_out_total", "counter", "Tokens generated.", values[OUT]);
    usage_metric(into, "retries_total", "counter", "Further tries of calls to endpoints.", values[RETRIES]);
    usage_metric(into, "calls_running", "gauge", "Calls being served.", values[RUNNING]);
    usage_metric(into, "calls_waiting", "gauge", "Calls that wait for a slot.", values[WAITING]);
    usage_metric(into, "breaker_opened_total", "counter",
                 "Times that breakers of the endpoints of the task's models opened.", values[OPENED]);
    ai_kept_metrics(&ai->kept, into);
}
