/* The buckets of a lake: opening, asking whether they answer, reading by name with rescue.
 *
 * One thread has each bucket asked every probe_interval_ms, and up to 8 times less often while it does not answer. A question
 * has a thread of its own: one that hangs (a mount that does not come back) holds up no other, and counts as a failure when
 * probe_timeout_ms are over; it is the only one of its bucket. A call that failed for want of its bucket makes the next
 * question due at once. A bucket that could not be opened (its folder cannot
 * be made, its S3 options are fine but it does not answer) is opened by the first question that works. */
#include "storage/registry_internal.h"

#include <stdio.h>

enum { REGISTRY_BACKOFF_MAX = 8, REGISTRY_ASK_AGAIN_MS = 1000, REGISTRY_GRACE_MS = 1000 };

registry_member *registry_find(const lh_registry *registry, lh_str name) {
    for (size_t i = 0; i < registry->count; i++)
        if (registry->members[i].active && lh_str_eq(registry->members[i].options.name, name))
            return &registry->members[i];
    return NULL;
}

lh_code registry_unknown(const lh_registry *registry, lh_str name, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf names = LH_BUF_INIT(8192);
    for (size_t i = 0; i < registry->count; i++)
        if (registry->members[i].active)
            lh_buf_printf(&names, "%s%.*s", i ? ", " : "", LH_STR_ARG(registry->members[i].options.name));
    return lh_fail(err, LH_UNAVAILABLE, "there is no bucket '%.*s'; there are: %.*s", LH_STR_ARG(lh_str_sub(name, 0, 64)),
                   LH_STR_ARG(lh_buf_str(&names)));
}

lh_code registry_bucket(const registry_member *member, lh_bucket **ret, lh_error *err) {
    *ret = atomic_load(&member->bucket);
    if (*ret) return LH_OK;
    return lh_fail(err, LH_UNAVAILABLE, "the bucket '%.*s' cannot be reached", LH_STR_ARG(member->options.name));
}

/* ---- health ---- */

void registry_failed(void *ctx, const char *operation, lh_str key, lh_code code, const char *message) {
    registry_member *member = ctx;
    lh_registry *registry = member->registry;
    if (lh_str_starts(key, LH_STR(ERROR_LOG_PREFIX)) && member == &registry->members[0]) return; /* the log's own */
    error_log_add(registry->errors, member->options.name, operation, key, code, message);
    if (strcmp(operation, "probe") == 0 || code == LH_DENIED) return;
    pthread_mutex_lock(&registry->lock);
    uint64_t soon = lh_time_monotonic_ms();
    if (member->health.state != MEMBER_UNREACHABLE && soon + REGISTRY_ASK_AGAIN_MS < member->health.due_ms) {
        member->health.due_ms = soon;
        pthread_cond_broadcast(&registry->changed);
    }
    pthread_mutex_unlock(&registry->lock);
}

static lh_code member_open(registry_member *member, lh_error *err) {
    lh_bucket *bucket = NULL;
    if (member->options.is_s3) LH_TRY(lh_bucket_open_s3(&member->options.s3, &bucket, err));
    else LH_TRY(lh_bucket_open_file(member->options.root, &bucket, err));
    bucket->read_only = member->options.read_only;
    bucket->observer = (bucket_observer){.failed = registry_failed, .ctx = member};
    atomic_store(&member->bucket, bucket);
    return LH_OK;
}

static void member_note_locked(registry_member *member, lh_code code, uint64_t latency_ms, const char *message) {
    member_state state = code == LH_OK ? MEMBER_OK : MEMBER_UNREACHABLE;
    int64_t now = lh_time_now_ms();
    if (state != member->health.state) member->health.since_ms = now;
    member->health.state = state;
    member->health.checked_ms = now;
    member->health.latency_ms = latency_ms;
    member->health.failures = code == LH_OK ? 0 : member->health.failures + 1;
    snprintf(member->health.error, sizeof member->health.error, "%s", code == LH_OK ? "" : message);
    uint64_t times = 1;
    while (times < REGISTRY_BACKOFF_MAX && times < member->health.failures) times *= 2;
    member->health.due_ms = lh_time_monotonic_ms() + times * member->registry->probe_interval_ms;
}

/* ---- asking ---- */

/* A question of the thread of its own; the only one that opens the bucket. */
static void *member_answer(void *arg) {
    registry_member *member = arg;
    lh_registry *registry = member->registry;
    lh_error why = {0};
    uint64_t started = lh_time_monotonic_ms();
    lh_code code = atomic_load(&member->bucket) ? LH_OK : member_open(member, &why);
    if (code == LH_OK) code = lh_bucket_probe(atomic_load(&member->bucket), registry->probe_timeout_ms, &why);
    else registry_failed(member, "probe", LH_STR_NONE, code, why.message);
    pthread_mutex_lock(&registry->lock);
    member_note_locked(member, code, lh_time_monotonic_ms() - started, why.message);
    member->question.under_way = member->question.late = false;
    member->question.answers++;
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

static void member_ask_locked(registry_member *member) {
    if (member->question.started)
        pthread_join(member->question.thread, NULL); /* has answered, and needs no lock any more */
    member->question.asked_ms = lh_time_monotonic_ms();
    member->question.started = pthread_create(&member->question.thread, NULL, member_answer, member) == 0;
    member->question.under_way = member->question.started;
    if (member->question.started) return;
    member_note_locked(member, LH_NO_MEMORY, 0, "cannot start a thread to ask it");
    member->question.answers++;
}

static void member_note_late_locked(registry_member *member, uint64_t now) {
    char message[80];
    snprintf(message, sizeof message, "the bucket did not answer within %" PRIu64 " ms",
             member->registry->probe_timeout_ms);
    member->question.late = true;
    member_note_locked(member, LH_UNAVAILABLE, now - member->question.asked_ms, message);
    error_log_add(member->registry->errors, member->options.name, "probe", LH_STR_NONE, LH_UNAVAILABLE, message);
    pthread_cond_broadcast(&member->registry->changed);
}

/* Does what is due of a bucket; when to look at it again, at the latest. */
static uint64_t member_step_locked(registry_member *member) {
    uint64_t now = lh_time_monotonic_ms();
    bool wanted = member->question.wanted > member->question.answers;
    if (!member->question.under_way && (wanted || member->health.due_ms <= now)) member_ask_locked(member);
    if (!member->question.under_way) return member->health.due_ms;
    uint64_t late_ms = member->question.asked_ms + member->registry->probe_timeout_ms + REGISTRY_GRACE_MS;
    if (!member->question.late && now >= late_ms) member_note_late_locked(member, now);
    return member->question.late ? UINT64_MAX : late_ms; /* its answer wakes us */
}

static void *registry_run(void *arg) {
    lh_registry *registry = arg;
    pthread_mutex_lock(&registry->lock);
    while (!registry->stopping) {
        uint64_t next_ms = lh_time_monotonic_ms() + 3600000;
        for (size_t i = 0; i < registry->count; i++) {
            uint64_t due_ms = registry->members[i].active ? member_step_locked(&registry->members[i]) : UINT64_MAX;
            if (due_ms < next_ms) next_ms = due_ms;
        }
        const struct timespec until = lh_time_instant(next_ms * UINT64_C(1000000));
        (void)pthread_cond_timedwait(&registry->changed, &registry->lock, &until);
    }
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

/* An answer that was asked for after this call began; at once from a bucket of which a question hangs. */
static void registry_ask_all(lh_registry *registry) {
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < registry->count; i++) {
        registry_member *member = &registry->members[i];
        member->question.wanted = member->question.answers + (member->question.under_way ? 2 : 1);
    }
    pthread_cond_broadcast(&registry->changed);
    for (size_t i = 0; i < registry->count; i++) {
        const registry_member *member = &registry->members[i];
        uint64_t wanted = member->question.wanted;
        while (member->active && !member->question.late && member->question.answers < wanted && !registry->stopping)
            pthread_cond_wait(&registry->changed, &registry->lock);
    }
    pthread_mutex_unlock(&registry->lock);
}

/* Waits for questions under way; false: one hangs. Nothing is asked any more. */
static bool registry_join_all(lh_registry *registry) {
    bool all = true;
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; i < registry->count; i++) {
        registry_member *member = &registry->members[i];
        uint64_t until_ms = member->question.asked_ms + registry->probe_timeout_ms + REGISTRY_GRACE_MS;
        const struct timespec until = lh_time_instant(until_ms * UINT64_C(1000000));
        while (member->question.under_way && lh_time_monotonic_ms() < until_ms)
            (void)pthread_cond_timedwait(&registry->changed, &registry->lock, &until);
        all &= !member->question.under_way;
        if (!member->question.under_way && member->question.started) pthread_join(member->question.thread, NULL);
        member->question.started = member->question.under_way;
    }
    pthread_mutex_unlock(&registry->lock);
    return all;
}

/* ---- opening ---- */

static lh_code member_copy(lh_registry *registry, size_t at, const lh_bucket_options *from, lh_error *err) {
    registry_member *member = &registry->members[at];
    member->registry = registry;
    member->options = *from;
    member->options.s3.lazy = at > 0;
    lh_str *strings[] = {&member->options.name,        &member->options.root,      &member->options.s3.endpoint,
                         &member->options.s3.region,   &member->options.s3.bucket, &member->options.s3.access_key,
                         &member->options.s3.secret_key};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        lh_str given = *strings[i];
        *strings[i] = LH_STR_NONE;
        if (lh_str_dup(given, strings[i]) != LH_OK) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    }
    char stem[80];
    snprintf(stem, sizeof stem, "//%.*s/", LH_STR_ARG(lh_str_sub(from->name, 0, 64)));
    if (at > 0 && lh_str_dup(lh_str_from(stem), &member->stem) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    return LH_OK;
}

/* Locations must tell the buckets apart. */
static lh_code registry_check_apart(const lh_registry *registry, lh_error *err) {
    for (size_t i = 0; i < registry->count; i++)
        for (size_t j = 0; j < registry->count; j++) {
            const lh_bucket *a = atomic_load(&registry->members[i].bucket), *b = atomic_load(&registry->members[j].bucket);
            lh_str ignored;
            lh_str first = registry->members[i].options.name, second = registry->members[j].options.name;
            if (i == j || !a || !b || !registry->members[i].active || !registry->members[j].active) continue;
            if (lh_str_eq(a->location, b->location) || bucket_cut_root(a->location, b->location, &ignored))
                return lh_fail(err, LH_INVALID, "the buckets '%.*s' and '%.*s' lie at the same place, or one in the other",
                               LH_STR_ARG(first), LH_STR_ARG(second));
        }
    return LH_OK;
}

static lh_code registry_fill(lh_registry *registry, const lh_registry_options *options, lh_error *err) {
    if (options->count > LH_REGISTRY_BUCKETS_MAX)
        return lh_fail(err, LH_LIMIT, "more than %d buckets", LH_REGISTRY_BUCKETS_MAX);
    registry->members = calloc(LH_REGISTRY_BUCKETS_MAX, sizeof *registry->members);
    if (!registry->members) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    registry->count = options->count;
    for (size_t i = 0; i < options->count; i++) {
        LH_TRY(member_copy(registry, i, &options->buckets[i], err));
        registry->members[i].active = true;
    }
    LH_TRY(member_open(&registry->members[0], err));
    LH_TRY(error_log_new(atomic_load(&registry->members[0].bucket), &registry->errors, err));
    for (size_t i = 1; i < registry->count; i++) {
        lh_error why = {0};
        lh_code code = member_open(&registry->members[i], &why);
        if (code == LH_INVALID || code == LH_NO_MEMORY)
            return lh_fail(err, code, "bucket '%.*s': %s", LH_STR_ARG(options->buckets[i].name), why.message);
        if (code != LH_OK) registry_failed(&registry->members[i], "open", LH_STR_NONE, code, why.message);
    }
    LH_TRY(registry_check_apart(registry, err));
    if (options->rescue.len && !(registry->rescue = registry_find(registry, options->rescue)))
        return registry_unknown(registry, options->rescue, err);
    return federation_new(registry, &registry->whole, err);
}

lh_code lh_registry_open(const lh_registry_options *options, lh_registry **ret, lh_error *err) {
    LH_CLEANUP(lh_registry_freep) lh_registry *registry = calloc(1, sizeof *registry);
    if (!registry) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    registry->probe_interval_ms = options->probe_interval_ms;
    registry->probe_timeout_ms = options->probe_timeout_ms;
    pthread_mutex_init(&registry->lock, NULL);
    lh_cond_init(&registry->changed);
    pthread_mutex_init(&registry->adding, NULL);
    LH_TRY(registry_fill(registry, options, err));
    if (pthread_create(&registry->prober, NULL, registry_run, registry) != 0)
        return lh_fail(err, LH_NO_MEMORY, "cannot start a thread");
    registry->started = true;
    *ret = lh_take(&registry);
    return LH_OK;
}

static void member_done(registry_member *member) {
    lh_s3_options *s3 = &member->options.s3;
    lh_bucket_free(atomic_load(&member->bucket));
    if (s3->secret_key.len) explicit_bzero((void *)(uintptr_t)s3->secret_key.ptr, s3->secret_key.len);
    lh_str owned[] = {member->options.name, member->options.root, member->stem,    s3->endpoint,
                      s3->region,           s3->bucket,           s3->access_key, s3->secret_key};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) lh_str_free(owned[i]);
}

void lh_registry_free(lh_registry *registry) {
    if (!registry) return;
    pthread_mutex_lock(&registry->lock);
    registry->stopping = true;
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
    if (registry->started) pthread_join(registry->prober, NULL);
    error_log_stop(registry->errors);
    if (!registry_join_all(registry))
        return; /* a thread that hangs in a disk still has it; the process is about to end */
    error_log_free(registry->errors);
    lh_bucket_free(registry->whole);
    for (size_t i = 0; i < registry->count; i++) member_done(&registry->members[i]);
    free(registry->members);
    pthread_cond_destroy(&registry->changed);
    pthread_mutex_destroy(&registry->adding);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

/* ---- coming and going ---- */

static bool member_is_same(const registry_member *member, const lh_bucket_options *options) {
    const lh_s3_options *a = &member->options.s3, *b = &options->s3;
    return member->options.is_s3 == options->is_s3 && member->options.read_only == options->read_only &&
           lh_str_eq(member->options.name, options->name) && lh_str_eq(member->options.root, options->root) &&
           lh_str_eq(a->endpoint, b->endpoint) && lh_str_eq(a->region, b->region) && lh_str_eq(a->bucket, b->bucket) &&
           lh_str_eq(a->access_key, b->access_key) && lh_str_eq(a->secret_key, b->secret_key) &&
           a->path_style == b->path_style;
}

/* The place of a removed bucket that is the same as this, or a new place. */
static lh_code registry_place_locked(lh_registry *registry, const lh_bucket_options *options, registry_member **ret,
                                     lh_error *err) {
    for (size_t i = 1; i < registry->count; i++) {
        *ret = &registry->members[i];
        if (!(*ret)->active && (*ret)->added && member_is_same(*ret, options)) return LH_OK;
    }
    size_t at = registry->count;
    if (at == LH_REGISTRY_BUCKETS_MAX)
        return lh_fail(err, LH_LIMIT, "%d buckets came and went: start the server anew", LH_REGISTRY_BUCKETS_MAX);
    *ret = &registry->members[at];
    lh_code code = member_copy(registry, at, options, err);
    if (code == LH_OK) code = member_open(*ret, err);
    if (code != LH_OK) {
        member_done(*ret);
        **ret = (registry_member){0};
        return code;
    }
    (*ret)->added = true;
    registry->count = at + 1;
    return LH_OK;
}

static lh_code registry_add_locked(lh_registry *registry, const lh_bucket_options *options, lh_error *err) {
    registry_member *member = NULL;
    if (registry_find(registry, options->name))
        return lh_fail(err, LH_CONFLICT, "there is a bucket '%.*s' already", LH_STR_ARG(options->name));
    LH_TRY(registry_place_locked(registry, options, &member, err));
    member->active = true;
    lh_code code = registry_check_apart(registry, err);
    if (code != LH_OK) member->active = false;
    return code;
}

lh_code lh_registry_add(lh_registry *registry, const lh_bucket_options *options, lh_error *err) {
    pthread_mutex_lock(&registry->adding);
    lh_code code = registry_add_locked(registry, options, err);
    pthread_mutex_unlock(&registry->adding);
    pthread_mutex_lock(&registry->lock);
    pthread_cond_broadcast(&registry->changed); /* it is asked at once */
    pthread_mutex_unlock(&registry->lock);
    return code;
}

lh_code lh_registry_remove(lh_registry *registry, lh_str name, lh_error *err) {
    lh_code code = LH_OK;
    pthread_mutex_lock(&registry->adding);
    registry_member *member = registry_find(registry, name);
    if (!member) code = lh_fail(err, LH_NOT_FOUND, "there is no bucket '%.*s'", LH_STR_ARG(name));
    else if (!member->added) code = lh_fail(err, LH_DENIED, "the bucket '%.*s' is the server's own", LH_STR_ARG(name));
    else member->active = false;
    pthread_mutex_unlock(&registry->adding);
    pthread_mutex_lock(&registry->lock);
    pthread_cond_broadcast(&registry->changed); /* nobody waits for its answer any more */
    pthread_mutex_unlock(&registry->lock);
    return code;
}

bool lh_registry_is_active(const lh_registry *registry, size_t index) { return registry->members[index].active; }

/* ---- what others ask ---- */

lh_bucket *lh_registry_whole(lh_registry *registry) { return registry->whole; }
size_t lh_registry_count(const lh_registry *registry) { return registry->count; }
const lh_bucket_options *lh_registry_options_at(const lh_registry *registry, size_t index) {
    return &registry->members[index].options;
}

lh_str lh_registry_location_at(const lh_registry *registry, size_t index) {
    const lh_bucket *bucket = atomic_load(&registry->members[index].bucket);
    return bucket ? bucket->location : LH_STR_NONE;
}

lh_code lh_registry_index_of(const lh_registry *registry, lh_str key, size_t *ret, lh_error *err) {
    registry_member *member = NULL;
    lh_str ignored;
    LH_TRY(federation_route(registry, key, &member, &ignored, err));
    *ret = (size_t)(member - registry->members);
    return LH_OK;
}

lh_code lh_registry_key(const lh_registry *registry, lh_str bucket, lh_str key, lh_arena *arena, lh_str *ret,
                        lh_error *err) {
    const registry_member *member = registry_find(registry, bucket);
    if (!member) return registry_unknown(registry, bucket, err);
    *ret = lh_arena_printf(arena, "%.*s%.*s", LH_STR_ARG(member->stem), LH_STR_ARG(key));
    return lh_arena_check(arena, err);
}

/* ---- reading with rescue ---- */

typedef struct registry_read {
    lh_str key;
    lh_byte_range range;
    lh_object_reader **ret_reader; /* NULL: only the head */
    lh_object_info *ret_info;
} registry_read;

static lh_code member_read(const registry_member *member, const registry_read *read, lh_error *err) {
    lh_bucket *bucket = NULL;
    LH_TRY(registry_bucket(member, &bucket, err));
    if (!read->ret_reader) return lh_bucket_head(bucket, read->key, read->ret_info, err);
    return lh_bucket_get_open(bucket, read->key, read->range, read->ret_reader, read->ret_info, err);
}

/* Did it fail for want of the bucket? What is missing may be so because all of the bucket is. */
static bool member_is_out(const registry_member *member, lh_code code) {
    if (code == LH_UNAVAILABLE || code == LH_IO) return true;
    lh_bucket *bucket = atomic_load(&member->bucket);
    if (code != LH_NOT_FOUND && code != LH_DENIED) return false;
    return !bucket || lh_bucket_probe(bucket, member->registry->probe_timeout_ms, NULL) != LH_OK;
}

static lh_code registry_read_rescued(lh_registry *registry, lh_str bucket, const registry_read *read, lh_str *ret_from,
                                     lh_error *err) {
    registry_member *member = registry_find(registry, bucket), *rescue = registry->rescue;
    if (!member) return registry_unknown(registry, bucket, err);
    lh_error why = {0};
    *ret_from = member->options.name;
    lh_code code = member_read(member, read, &why);
    bool out = code != LH_OK && member_is_out(member, code);
    lh_code saved = LH_UNAVAILABLE;
    if (out && rescue && rescue != member) saved = member_read(rescue, read, NULL);
    if (saved == LH_OK) {
        *ret_from = rescue->options.name;
        return LH_OK;
    }
    if (code != LH_OK && err) *err = why;
    if (!out) return code;
    if (saved == LH_NOT_FOUND || saved == LH_LIMIT)
        return lh_fail(err, saved,
                       "the bucket '%.*s' does not answer (%s), and the rescue bucket '%.*s' has no such object",
                       LH_STR_ARG(member->options.name), why.message, LH_STR_ARG(rescue->options.name));
    return lh_fail(err, LH_UNAVAILABLE, "the bucket '%.*s' does not answer: %s", LH_STR_ARG(member->options.name),
                   why.message);
}

lh_code lh_registry_get_open(lh_registry *registry, lh_str bucket, lh_str key, lh_byte_range range,
                             lh_object_reader **ret, lh_object_info *ret_info, lh_str *ret_from, lh_error *err) {
    const registry_read read = {.key = key, .range = range, .ret_reader = ret, .ret_info = ret_info};
    return registry_read_rescued(registry, bucket, &read, ret_from, err);
}

lh_code lh_registry_head(lh_registry *registry, lh_str bucket, lh_str key, lh_object_info *ret, lh_str *ret_from,
                         lh_error *err) {
    const registry_read read = {.key = key, .ret_info = ret};
    return registry_read_rescued(registry, bucket, &read, ret_from, err);
}

/* ---- telling ---- */

static lh_str member_state_name(member_state state) {
    return state == MEMBER_OK ? LH_STR("ok") : state == MEMBER_UNREACHABLE ? LH_STR("unreachable") : LH_STR("unknown");
}

lh_code lh_registry_describe(lh_registry *registry, bool details, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *answer = lh_json_new_object(arena), *items = lh_json_new_array(arena);
    for (size_t i = 0; i < registry->count; i++) {
        const registry_member *member = &registry->members[i];
        if (!member->active) continue;
        lh_json *item = lh_json_new_object(arena);
        pthread_mutex_lock(&registry->lock);
        member_state state = member->health.state;
        pthread_mutex_unlock(&registry->lock);
        lh_json_set_string(arena, item, "name", member->options.name);
        lh_json_set_string(arena, item, "kind", member->options.is_s3 ? LH_STR("s3") : LH_STR("file"));
        lh_json_set_bool(arena, item, "primary", i == 0);
        lh_json_set_bool(arena, item, "rescue", member == registry->rescue);
        lh_json_set_bool(arena, item, "read_only", member->options.read_only);
        lh_json_set_string(arena, item, "state", member_state_name(state));
        if (details) lh_json_set_string(arena, item, "location", lh_registry_location_at(registry, i));
        if (details && member->options.is_s3) {
            lh_json_set_string(arena, item, "endpoint", member->options.s3.endpoint);
            lh_json_set_string(arena, item, "region", member->options.s3.region);
        }
        lh_json_append(items, item);
    }
    lh_json_set(arena, answer, "items", items);
    *ret = answer;
    return lh_arena_check(arena, err);
}

static lh_json *member_time(lh_arena *arena, int64_t ms) {
    return ms ? lh_json_new_string(arena, lh_str_from(lh_time_rfc3339(ms).text)) : lh_json_new_null(arena);
}

lh_code lh_registry_health(lh_registry *registry, bool now, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_json *answer = lh_json_new_object(arena), *items = lh_json_new_array(arena);
    if (now) registry_ask_all(registry);
    for (size_t i = 0; i < registry->count; i++) {
        const registry_member *member = &registry->members[i];
        if (!member->active) continue;
        lh_json *item = lh_json_new_object(arena);
        lh_json_set_string(arena, item, "name", member->options.name);
        pthread_mutex_lock(&registry->lock);
        lh_json_set_string(arena, item, "state", member_state_name(member->health.state));
        lh_json_set(arena, item, "checked_at", member_time(arena, member->health.checked_ms));
        lh_json_set(arena, item, "since", member_time(arena, member->health.since_ms));
        lh_json_set_uint(arena, item, "latency_ms", member->health.latency_ms);
        lh_json_set_uint(arena, item, "failures", member->health.failures);
        lh_json_set(arena, item, "error",
                    member->health.error[0] ? lh_json_new_string(arena, lh_str_from(member->health.error))
                                            : lh_json_new_null(arena));
        pthread_mutex_unlock(&registry->lock);
        lh_json_append(items, item);
    }
    lh_json_set(arena, answer, "items", items);
    *ret = answer;
    return lh_arena_check(arena, err);
}

lh_code lh_registry_errors(lh_registry *registry, const lh_error_filter *filter, lh_arena *arena, lh_json **ret,
                           lh_error *err) {
    return error_log_read(registry->errors, filter, arena, ret, err);
}
