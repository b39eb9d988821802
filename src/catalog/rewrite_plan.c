/* Which data files of a table are worth writing anew, and a table of just these for the engine to read.
 *
 * A file is, when it is small or when deletes concern it; small ones only if fewer come out of them. Files stay in their
 * partition, and in its spec: a group is the files of one partition, and the new files repeat its values as they are. The files are
 * written with the engine, which reads them through metadata of our own: one snapshot whose manifests hold the group's
 * files, and all delete files. So the deletes are applied by the code that every query uses. */
#include "catalog/rewrite_internal.h"

enum { REWRITE_FILES_MAX = 100000, REWRITE_DELETES_OF_ALL = 1000000, REWRITE_APPENDS_MAX = 1000 };

/* ---- which ---- */

/* The newest deletes that do not name one file, of a partition or of the table. */
typedef struct rewrite_reach {
    int64_t positions, equalities; /* sequence numbers, -1 none */
} rewrite_reach;

static void rewrite_reach_add(rewrite_reach *reach, const rewrite_entry *entry) {
    bool equality = entry->content == REWRITE_CONTENT_EQUALITIES;
    int64_t *newest = equality ? &reach->equalities : &reach->positions;
    if (!equality && entry->referenced.len) return;
    if (entry->sequence > *newest) *newest = entry->sequence;
}

static void rewrite_mark_referenced(rewrite_state *state) {
    for (size_t i = 0; i < state->count; i++) {
        const rewrite_entry *entry = &state->entries[i];
        if (entry->content != REWRITE_CONTENT_POSITIONS || !entry->referenced.len) continue;
        rewrite_entry *file = rewrite_find(state, entry->referenced);
        if (!file || file->sequence > entry->sequence) continue;
        file->dirty = true;
        file->deleted_rows += (uint64_t)entry->rows;
    }
}

static void rewrite_mark_reached(rewrite_entry *entry, const rewrite_reach *reach) {
    if (entry->sequence <= reach->positions) {
        entry->dirty = true;
        entry->deleted_rows = UINT32_MAX; /* unknown */
    }
    if (entry->sequence < reach->equalities) entry->dirty = entry->equalities = true;
}

/* The end of the partition that begins at `from`. */
static size_t rewrite_partition_end(const rewrite_state *state, size_t from) {
    size_t to = from;
    while (to < state->count && rewrite_same_partition(&state->entries[from], &state->entries[to])) to++;
    return to;
}

static void rewrite_mark(rewrite_state *state) {
    rewrite_reach everywhere = {-1, -1};
    for (size_t i = 0; i < state->count; i++)
        if (state->entries[i].everywhere) rewrite_reach_add(&everywhere, &state->entries[i]);
    rewrite_mark_referenced(state);
    for (size_t from = 0, to; from < state->count; from = to) {
        rewrite_reach reach = everywhere;
        to = rewrite_partition_end(state, from);
        for (size_t i = from; i < to; i++)
            if (state->entries[i].content != REWRITE_CONTENT_DATA) rewrite_reach_add(&reach, &state->entries[i]);
        for (size_t i = from; i < to; i++)
            if (state->entries[i].content == REWRITE_CONTENT_DATA) rewrite_mark_reached(&state->entries[i], &reach);
    }
}

static bool rewrite_wants(const rewrite_entry *entry, const lh_rewrite_options *options) {
    if (entry->content != REWRITE_CONTENT_DATA) return false;
    return entry->dirty || options->all ||
           (!options->deletes_only && (uint64_t)entry->size_bytes < options->small_bytes);
}

/* Marks the partition's files that go, and adds their group. */
static void rewrite_choose(rewrite_state *state, size_t from, size_t to, const lh_rewrite_options *options,
                           lh_rewrite_plan *plan) {
    lh_rewrite_group group = {.spec_id = state->entries[from].spec_id, .partition = state->entries[from].partition};
    for (size_t i = from; i < to; i++) {
        const rewrite_entry *entry = &state->entries[i];
        if (!rewrite_wants(entry, options)) continue;
        group.count++;
        group.rows += (uint64_t)entry->rows;
        group.bytes += (uint64_t)entry->size_bytes;
        group.deleted_rows += entry->deleted_rows;
        group.deletes |= entry->dirty;
        group.equalities |= entry->equalities;
    }
    bool fewer = group.bytes / options->target_bytes + 1 < group.count;
    if (group.count == 0 || plan->file_count + group.count > REWRITE_FILES_MAX) return;
    if (!group.deletes && !options->all && !fewer) return;
    for (size_t i = from; i < to; i++) state->entries[i].removed = rewrite_wants(&state->entries[i], options);
    group.first = from;
    plan->groups[plan->group_count++] = group;
    plan->file_count += group.count;
    plan->rows += group.rows;
    plan->bytes += group.bytes;
}

static lh_code rewrite_check(const rewrite_state *state, lh_error *err) {
    int64_t format = lh_json_int(lh_json_get(state->metadata, "format-version"), 0);
    if (format != 2)
        return lh_fail(err, LH_INVALID, "the table is of format %" PRId64 ": only tables of format 2 are rewritten%s",
                       format, format == 3 ? ", because those of format 3 give each row an id that must be kept" : "");
    for (size_t i = 0; i < state->count; i++)
        if (!lh_str_eq_nocase(avro_str(avro_field(avro_field(state->entries[i].record, "data_file"), "file_format")),
                              LH_STR("parquet")))
            return lh_fail(err, LH_INVALID, "the table has files that are not Parquet: it cannot be rewritten");
    return LH_OK;
}

lh_code rewrite_plan_load(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_rewrite_plan *ret,
                          lh_error *err) {
    rewrite_state *state = LH_ARENA_NEW(arena, rewrite_state);
    catalog_table table;
    lh_json *metadata = NULL;
    if (!state) return lh_fail(err, LH_NO_MEMORY, "catalog: no memory for a plan");
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    LH_TRY(rewrite_check(&(rewrite_state){.metadata = metadata}, err));
    LH_TRY(rewrite_load(catalog, metadata, arena, state, err));
    LH_TRY(rewrite_check(state, err));
    lh_rewrite_plan plan = {.state = state, .schema = metadata_current_schema(metadata)};
    plan.snapshot_id = metadata_current_snapshot_id(metadata);
    plan.sequence = lh_json_int(lh_json_get(state->snapshot, "sequence-number"), 0);
    plan.location = lh_json_get_string(metadata, "location");
    plan.properties = lh_json_get(metadata, "properties");
    plan.sort_order = metadata_find(lh_json_get(metadata, "sort-orders"), "order-id",
                                    lh_json_int(lh_json_get(metadata, "default-sort-order-id"), 0));
    plan.sort_keys = layout_sort(metadata, arena);
    plan.groups = LH_ARENA_ARRAY(arena, lh_rewrite_group, state->count + 1);
    *ret = plan;
    return lh_arena_check(arena, err);
}

lh_code lh_table_rewrite_plan(lh_catalog *catalog, lh_table_name name, const lh_rewrite_options *options,
                              lh_arena *arena, lh_rewrite_plan *ret, lh_error *err) {
    lh_rewrite_plan plan;
    LH_TRY(rewrite_plan_load(catalog, name, arena, &plan, err));
    rewrite_state *state = plan.state;
    rewrite_mark(state);
    for (size_t from = 0, to; from < state->count; from = to) {
        to = rewrite_partition_end(state, from);
        rewrite_choose(state, from, to, options, &plan);
    }
    *ret = plan;
    return lh_arena_check(arena, err);
}

/* ---- what was appended ---- */

/* Ids of the snapshots after `since`, each of which must be an append. */
static lh_code rewrite_appends(const lh_json *metadata, int64_t since, int64_t *ids, size_t *ret_count, lh_error *err) {
    size_t count = 0;
    for (int64_t at = metadata_current_snapshot_id(metadata); at != since;) {
        const lh_json *snapshot = metadata_snapshot(metadata, at);
        lh_str operation = lh_json_get_string(lh_json_get(snapshot, "summary"), "operation");
        if (!snapshot || count == REWRITE_APPENDS_MAX || !lh_str_eq(operation, LH_STR("append")))
            return lh_fail(err, LH_INVALID, "more than appends came since the snapshot");
        ids[count++] = at;
        at = lh_json_int(lh_json_get(snapshot, "parent-snapshot-id"), -1);
    }
    *ret_count = count;
    return LH_OK;
}

/* Entry i goes into the group of the entry before, when that is of the same partition. */
static void rewrite_add_to_group(lh_rewrite_plan *plan, size_t i) {
    const rewrite_entry *entry = &plan->state->entries[i];
    lh_rewrite_group *group = plan->group_count ? &plan->groups[plan->group_count - 1] : NULL;
    if (!group || !rewrite_same_partition(&plan->state->entries[group->first], entry)) {
        group = &plan->groups[plan->group_count++];
        *group = (lh_rewrite_group){.spec_id = entry->spec_id, .partition = entry->partition, .first = i};
    }
    group->count++;
    group->rows += (uint64_t)entry->rows;
    plan->file_count++;
    plan->rows += (uint64_t)entry->rows;
}

static lh_code rewrite_choose_added(lh_rewrite_plan *plan, int64_t since, lh_error *err) {
    rewrite_state *state = plan->state;
    size_t count = 0;
    int64_t *ids = LH_ARENA_ARRAY(state->arena, int64_t, REWRITE_APPENDS_MAX);
    if (!ids) return lh_arena_check(state->arena, err);
    LH_TRY(rewrite_appends(state->metadata, since, ids, &count, err));
    for (size_t i = 0; i < state->count; i++) {
        rewrite_entry *entry = &state->entries[i];
        for (size_t k = 0; k < count && !entry->removed; k++) entry->removed = entry->snapshot_id == ids[k];
        if (entry->removed && entry->content != REWRITE_CONTENT_DATA)
            return lh_fail(err, LH_INVALID, "deletes came since the snapshot");
        if (entry->removed) rewrite_add_to_group(plan, i);
    }
    return LH_OK;
}

lh_code lh_table_added_plan(lh_catalog *catalog, lh_table_name name, int64_t since, lh_arena *arena,
                            lh_rewrite_plan *ret, lh_error *err) {
    lh_rewrite_plan plan = {0};
    LH_TRY(rewrite_plan_load(catalog, name, arena, &plan, err));
    LH_TRY(rewrite_choose_added(&plan, since, err));
    *ret = plan;
    return lh_arena_check(arena, err);
}

/* ---- a table of one group ---- */

static bool rewrite_source_has(const lh_rewrite_plan *plan, size_t group, const rewrite_entry *entry) {
    const lh_rewrite_group *g = &plan->groups[group];
    if (entry->content != REWRITE_CONTENT_DATA) return g->deletes;
    return entry->removed && entry->spec_id == g->spec_id && lh_str_eq(entry->partition, g->partition);
}

static lh_str rewrite_prefix(const lh_rewrite_plan *plan, lh_str id, const char *folder, lh_arena *arena) {
    lh_str key;
    if (lh_bucket_key_of(plan->state->catalog->bucket, lh_rewrite_location(plan), arena, &key, NULL) != LH_OK)
        return LH_STR_NONE;
    return lh_arena_printf(arena, "%.*s/%s/compact-%.*s", LH_STR_ARG(key), folder, LH_STR_ARG(id));
}

static lh_code rewrite_source_list(const lh_rewrite_plan *plan, size_t group, lh_str prefix, lh_str *ret_key,
                                   lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf list = LH_BUF_INIT(REWRITE_AVRO_BYTES);
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(REWRITE_AVRO_BYTES);
    LH_CLEANUP(rewrite_output_done) rewrite_output output = {0};
    rewrite_state *state = plan->state;
    int64_t count = 0;
    for (size_t i = 0; i < state->count; i++)
        if (rewrite_source_has(plan, group, &state->entries[i]))
            LH_TRY(rewrite_output_entry(&output, state, &state->entries[i], 0, plan->snapshot_id, err));
    LH_TRY(rewrite_output_write(&output, state, prefix, plan->snapshot_id, plan->sequence, &list, &count, err));
    manifest_list_write(&file, plan->snapshot_id, plan->sequence, count, lh_buf_str(&list));
    LH_TRY(lh_buf_check(&file, err));
    *ret_key = lh_arena_printf(state->arena, "%.*s-list.avro", LH_STR_ARG(prefix));
    return lh_bucket_put(state->catalog->bucket, *ret_key, lh_buf_str(&file), (lh_put_condition){.if_absent = true},
                         NULL, err);
}

lh_code lh_table_rewrite_source(lh_catalog *catalog, const lh_rewrite_plan *plan, size_t group, lh_str id,
                                lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *metadata = lh_json_copy(arena, plan->state->metadata), *snapshots = lh_json_new_array(arena);
    lh_json *snapshot = lh_json_copy(arena, plan->state->snapshot);
    lh_str list_key, text, prefix = rewrite_prefix(plan, id, "metadata", arena);
    prefix = lh_arena_printf(arena, "%.*s-%zu", LH_STR_ARG(prefix), group);
    LH_TRY(rewrite_source_list(plan, group, prefix, &list_key, err));
    lh_json_set_string(arena, snapshot, "manifest-list", lh_bucket_location(catalog->bucket, list_key, arena));
    lh_json_set(arena, snapshot, "schema-id", lh_json_copy(arena, lh_json_get(metadata, "current-schema-id")));
    lh_json_append(snapshots, snapshot);
    lh_json_set(arena, metadata, "snapshots", snapshots);
    static const char *const histories[] = {"snapshot-log", "metadata-log", "statistics", "partition-statistics"};
    for (size_t i = 0; i < 4; i++) lh_json_remove(metadata, lh_str_from(histories[i]));
    lh_json *main = lh_json_copy(arena, lh_json_get(lh_json_get(metadata, "refs"), "main")),
            *refs = lh_json_new_object(arena);
    lh_json_set(arena, refs, "main", main);
    lh_json_set(arena, metadata, "refs", refs);
    LH_TRY(lh_json_write(arena, metadata, false, &text, err));
    lh_str key = lh_arena_printf(arena, "%.*s.metadata.json", LH_STR_ARG(prefix));
    LH_TRY(lh_arena_check(arena, err));
    LH_TRY(lh_bucket_put(catalog->bucket, key, text, (lh_put_condition){.if_absent = true}, NULL, err));
    *ret = lh_bucket_location(catalog->bucket, key, arena);
    return lh_arena_check(arena, err);
}

static void rewrite_remove(lh_catalog *catalog, lh_str prefix, lh_arena *arena) {
    lh_object_page page = {.more = true};
    for (lh_str after = LH_STR_NONE; page.more && prefix.len;) {
        if (lh_bucket_list(catalog->bucket, prefix, after, LH_LIMIT_LIST_PAGE, arena, &page, NULL) != LH_OK) return;
        for (size_t i = 0; i < page.count; i++) catalog_metadata_remove(catalog, after = page.entries[i].key);
        if (page.count == 0) return;
    }
}

void lh_table_rewrite_done(lh_catalog *catalog, const lh_rewrite_plan *plan, lh_str id, bool files) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return;
    rewrite_remove(catalog, rewrite_prefix(plan, id, "metadata", arena), arena);
    if (files) rewrite_remove(catalog, rewrite_prefix(plan, id, "data", arena), arena);
}
