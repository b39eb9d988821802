/* The commit of a rewrite: one snapshot of operation "replace" in which the plan's files are deleted and the new ones added.
 *
 * It is laid on what the table is by then. Files that others appended stay as they are. If a file of the plan is gone, or
 * got a delete by position, the new files hold rows that are not the table's any more: CONFLICT, nothing is committed. A new
 * delete by equality is fine, because the new files get the sequence number of the snapshot that was read, not of this one:
 * what was deleted later is deleted from them as well.
 *
 * When the table moves (plan->target), nothing may be left behind: the snapshot has manifests of the new files only, is
 * written to the new location and set together with it.
 *
 * A delete file goes when no data file is left that it can concern. The new files do not count: deletes up to
 * the snapshot read are worked into them, those by position name other files. */
#include "catalog/entry_internal.h"
#include "catalog/reshape_internal.h"
#include "catalog/rewrite_internal.h"

enum { REWRITE_TRIES = 10, REWRITE_ARENA_BYTES = 1 << 30 };

typedef struct rewrite_commit {
    lh_catalog *catalog;
    lh_table_name name;
    const lh_rewrite_plan *plan;
    const lh_rewrite_file *files;
    size_t count;
    bool sorted;
    const lh_json *summary;
    lh_arena *arena;
    entry_fields fields; /* of the plan's schema */
    rewrite_state now;   /* the table by now */
    int64_t snapshot_id, sequence;
    lh_str prefix; /* of the metadata files' keys */
    uint64_t added_rows, added_bytes, removed_files, removed_rows, removed_bytes, removed_deletes;
} rewrite_commit;

static lh_code rewrite_conflict(lh_error *err) {
    return lh_fail(err, LH_CONFLICT, "rows of the files that were rewritten were changed meanwhile: try again");
}

/* ---- what goes ---- */

static lh_code rewrite_mark_files(rewrite_commit *c, lh_error *err) {
    const rewrite_state *planned = c->plan->state;
    for (size_t i = 0; i < planned->count; i++) {
        if (!planned->entries[i].removed) continue;
        rewrite_entry *found = rewrite_find(&c->now, planned->entries[i].path);
        if (!found || found->removed) return rewrite_conflict(err);
        found->removed = true;
        c->removed_files++;
        c->removed_rows += (uint64_t)found->rows;
        c->removed_bytes += (uint64_t)found->size_bytes;
    }
    return LH_OK;
}

typedef struct rewrite_left { /* of a partition, or of the table */
    int64_t oldest;           /* least sequence number of the data files that stay; INT64_MAX: none stays */
    bool rewritten;
} rewrite_left;

static void rewrite_left_add(rewrite_left *left, const rewrite_entry *entry) {
    if (entry->content != REWRITE_CONTENT_DATA) return;
    if (entry->removed) left->rewritten = true;
    else if (entry->sequence < left->oldest) left->oldest = entry->sequence;
}

static lh_code rewrite_mark_delete(rewrite_commit *c, rewrite_entry *entry, const rewrite_left *left, lh_error *err) {
    bool positions = entry->content == REWRITE_CONTENT_POSITIONS;
    const rewrite_entry *of = entry->referenced.len ? rewrite_find(&c->now, entry->referenced) : NULL;
    if (entry->sequence > c->plan->sequence) { /* of a writer since */
        bool meets = entry->referenced.len ? of && of->removed : left->rewritten;
        return positions && meets ? rewrite_conflict(err) : LH_OK;
    }
    if (entry->referenced.len) entry->removed = !of || of->removed;
    else entry->removed = positions ? left->oldest > entry->sequence : left->oldest >= entry->sequence;
    c->removed_deletes += entry->removed;
    return LH_OK;
}

static lh_code rewrite_mark_deletes(rewrite_commit *c, lh_error *err) {
    rewrite_left everywhere = {.oldest = INT64_MAX};
    rewrite_entry *entries = c->now.entries;
    for (size_t i = 0; i < c->now.count; i++) rewrite_left_add(&everywhere, &entries[i]);
    for (size_t from = 0, to = 0; from < c->now.count; from = to) {
        rewrite_left left = {.oldest = INT64_MAX};
        for (; to < c->now.count && rewrite_same_partition(&entries[from], &entries[to]); to++)
            rewrite_left_add(&left, &entries[to]);
        for (size_t i = from; i < to; i++)
            if (entries[i].content != REWRITE_CONTENT_DATA)
                LH_TRY(rewrite_mark_delete(c, &entries[i], entries[i].everywhere ? &everywhere : &left, err));
    }
    return LH_OK;
}

/* Entries whose statistics the plan restores, as far as they are what the plan read. */
static void rewrite_mark_restored(rewrite_commit *c) {
    const rewrite_state *planned = c->plan->state;
    for (size_t i = 0; i < planned->count; i++) {
        const rewrite_entry *entry = &planned->entries[i];
        rewrite_entry *found = entry->restored.len ? rewrite_find(&c->now, entry->path) : NULL;
        if (!found || found->spec_id != entry->spec_id || found->sequence != entry->sequence ||
            !lh_str_eq(c->now.schemas[found->manifest], planned->schemas[entry->manifest]) ||
            !lh_str_eq(avro_raw(found->record, "data_file"), avro_raw(entry->record, "data_file")))
            continue;
        found->restored = entry->restored;
        found->restored_schema = entry->restored_schema;
        found->rows = entry->rows;
        found->size_bytes = entry->size_bytes;
    }
}

/* A table that moves takes everything with it. */
static lh_code rewrite_check_all_go(const rewrite_commit *c, lh_error *err) {
    for (size_t i = 0; i < c->now.count && c->plan->target.len; i++) {
        const rewrite_entry *entry = &c->now.entries[i];
        if (entry->removed) continue;
        if (entry->sequence > c->plan->sequence) return rewrite_conflict(err);
        return lh_fail(err, LH_LIMIT, "the table has too many files to be moved at once: compact it first");
    }
    return LH_OK;
}

/* ---- the manifest of the new files ---- */

static const lh_json *rewrite_field(const lh_json *record, const char *name) {
    for (lh_json_iter it = lh_json_each(lh_json_get(record, "fields")); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "name"), lh_str_from(name))) return lh_json_get(it.value, "type");
    return NULL;
}

/* Our schema with the partition's type as the old files' writer has it, so that its values can be repeated. */
static lh_code rewrite_added_schema(rewrite_commit *c, const rewrite_entry *like, lh_str *ret, lh_error *err) {
    lh_json *schema = NULL;
    lh_str partition;
    LH_TRY(lh_json_parse(c->arena, c->plan->state->schemas[like->manifest], &schema, err));
    const lh_json *type = rewrite_field(rewrite_field(schema, "data_file"), "partition");
    if (!type) return lh_fail(err, LH_CORRUPT, "a manifest's schema has no partition");
    LH_TRY(lh_json_write(c->arena, type, false, &partition, err));
    *ret = entry_schema(partition, c->arena);
    return lh_arena_check(c->arena, err);
}

static lh_code rewrite_add_file(rewrite_commit *c, rewrite_output *output, const lh_rewrite_file *file, lh_error *err) {
    const lh_rewrite_group *group = &c->plan->groups[file->group];
    const rewrite_entry *like = &c->plan->state->entries[group->first];
    lh_str schema;
    rewrite_manifest *into = NULL;
    LH_TRY(rewrite_added_schema(c, like, &schema, err));
    LH_TRY(rewrite_output_at(output, schema, group->spec_id, 0, &into, err));
    entry_statistics statistics;
    LH_TRY(entry_of_written(&c->fields, file->statistics, file->rows, c->arena, &statistics, err));
    lh_buf *out = &into->block;
    avro_write_long(out, 1); /* added */
    avro_write_some_long(out, c->snapshot_id);
    avro_write_some_long(out, c->plan->sequence); /* of the rows, not of this snapshot */
    avro_write_null(out);
    avro_write_long(out, 0); /* data */
    avro_write_string(out, file->location);
    avro_write_string(out, LH_STR("PARQUET"));
    avro_write_raw(out, avro_raw(avro_field(like->record, "data_file"), "partition"));
    avro_write_long(out, (int64_t)file->rows);
    avro_write_long(out, (int64_t)file->size_bytes);
    entry_write(&statistics, out);
    if (c->sorted) avro_write_some_long(out, lh_json_int(lh_json_get(c->plan->sort_order, "order-id"), 0));
    else avro_write_null(out);
    into->files[0]++;
    into->rows[0] += (int64_t)file->rows;
    if (c->plan->sequence < into->min_sequence) into->min_sequence = c->plan->sequence;
    c->added_rows += file->rows;
    c->added_bytes += file->size_bytes;
    return lh_buf_check(out, err);
}

/* ---- manifests and their list ---- */

/* Which manifests name something that goes or is restored; the others stay as they are. */
static lh_code rewrite_touched(rewrite_commit *c, bool **ret, lh_error *err) {
    bool *touched = LH_ARENA_ARRAY(c->arena, bool, c->now.manifest_count + 1);
    if (!touched) return lh_arena_check(c->arena, err);
    for (size_t i = 0; i < c->now.count; i++)
        if (c->now.entries[i].removed || c->now.entries[i].restored.len) touched[c->now.entries[i].manifest] = true;
    *ret = touched;
    return LH_OK;
}

static lh_code rewrite_fill(rewrite_commit *c, rewrite_output *output, const bool *touched, lh_error *err) {
    for (size_t i = 0; i < c->count; i++) LH_TRY(rewrite_add_file(c, output, &c->files[i], err));
    for (size_t i = 0; i < c->now.count; i++) {
        const rewrite_entry *entry = &c->now.entries[i];
        if (touched[entry->manifest])
            LH_TRY(rewrite_output_entry(output, &c->now, entry, entry->removed ? 2 : 0, c->snapshot_id, err));
    }
    return LH_OK;
}

static lh_code rewrite_write(rewrite_commit *c, lh_str *ret_list, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf list = LH_BUF_INIT(REWRITE_AVRO_BYTES);
    LH_CLEANUP(lh_buf_done) lh_buf file = LH_BUF_INIT(REWRITE_AVRO_BYTES);
    LH_CLEANUP(rewrite_output_done) rewrite_output output = {0};
    bool *touched = NULL;
    int64_t count = 0;
    LH_TRY(rewrite_touched(c, &touched, err));
    LH_TRY(rewrite_fill(c, &output, touched, err));
    LH_TRY(rewrite_output_write(&output, &c->now, c->prefix, c->snapshot_id, c->sequence, &list, &count, err));
    for (size_t i = 0; i < c->now.manifest_count; i++) {
        if (touched[i] || c->plan->target.len) continue; /* of a table that moves: one without live files */
        manifest_list_write_entry(&list, &c->now.manifests[i]);
        count++;
    }
    manifest_list_write(&file, c->snapshot_id, c->sequence, count, lh_buf_str(&list));
    LH_TRY(lh_buf_check(&list, err));
    LH_TRY(lh_buf_check(&file, err));
    lh_str key = lh_arena_printf(c->arena, "%.*s-list.avro", LH_STR_ARG(c->prefix));
    LH_TRY(lh_arena_check(c->arena, err));
    LH_TRY(lh_bucket_put(c->catalog->bucket, key, lh_buf_str(&file), (lh_put_condition){.if_absent = true}, NULL, err));
    *ret_list = lh_bucket_location(c->catalog->bucket, key, c->arena);
    return lh_arena_check(c->arena, err);
}

/* ---- the snapshot ---- */

static void rewrite_set(rewrite_commit *c, lh_json *summary, const char *name, uint64_t number) {
    lh_json_set_string(c->arena, summary, name, lh_arena_printf(c->arena, "%" PRIu64, number));
}

static lh_json *rewrite_summary(rewrite_commit *c) {
    uint64_t files = c->count, bytes = c->added_bytes, rows = c->added_rows, deletes = 0, positions = 0, equalities = 0;
    lh_json *summary = lh_json_new_object(c->arena);
    for (size_t i = 0; i < c->now.count; i++) {
        const rewrite_entry *entry = &c->now.entries[i];
        if (entry->removed) continue;
        bool data = entry->content == REWRITE_CONTENT_DATA;
        uint64_t *into = data ? &rows : entry->content == REWRITE_CONTENT_POSITIONS ? &positions : &equalities;
        *into += (uint64_t)entry->rows;
        *(data ? &files : &deletes) += 1;
        bytes += (uint64_t)entry->size_bytes;
    }
    lh_json_set_string(c->arena, summary, "operation", LH_STR("replace"));
    rewrite_set(c, summary, "added-data-files", c->count);
    rewrite_set(c, summary, "deleted-data-files", c->removed_files);
    rewrite_set(c, summary, "removed-delete-files", c->removed_deletes);
    rewrite_set(c, summary, "added-records", c->added_rows);
    rewrite_set(c, summary, "deleted-records", c->removed_rows);
    rewrite_set(c, summary, "added-files-size", c->added_bytes);
    rewrite_set(c, summary, "removed-files-size", c->removed_bytes);
    rewrite_set(c, summary, "total-data-files", files);
    rewrite_set(c, summary, "total-delete-files", deletes);
    rewrite_set(c, summary, "total-records", rows);
    rewrite_set(c, summary, "total-files-size", bytes);
    rewrite_set(c, summary, "total-position-deletes", positions);
    rewrite_set(c, summary, "total-equality-deletes", equalities);
    for (lh_json_iter it = lh_json_each(c->summary); lh_json_next(&it);)
        lh_json_put(c->arena, summary, it.name, lh_json_copy(c->arena, it.value));
    return summary;
}

static void rewrite_add_location(rewrite_commit *c, lh_json *updates) {
    lh_arena *arena = c->arena;
    lh_json *location = lh_json_new_object(arena), *set = lh_json_new_object(arena),
            *values = lh_json_new_object(arena);
    lh_str key, ignored;
    lh_json_set_string(arena, location, "action", LH_STR("set-location"));
    lh_json_set_string(arena, location, "location", c->plan->target);
    lh_json_append(updates, location);
    if (!lh_json_get(lh_json_get(c->now.metadata, "properties"), LH_PROPERTY_BUCKET) ||
        lh_bucket_key_of(c->catalog->bucket, c->plan->target, arena, &key, NULL) != LH_OK)
        return;
    lh_json_set_string(arena, values, LH_PROPERTY_BUCKET, catalog_bucket_of(c->catalog, key, &ignored));
    lh_json_set_string(arena, set, "action", LH_STR("set-properties"));
    lh_json_set(arena, set, "updates", values);
    lh_json_append(updates, set);
}

static lh_json *rewrite_request(rewrite_commit *c, lh_str list) {
    lh_arena *arena = c->arena;
    lh_json *snapshot = lh_json_new_object(arena), *add = lh_json_new_object(arena), *ref = lh_json_new_object(arena);
    lh_json *request = lh_json_new_object(arena), *requirements = lh_json_new_array(arena),
            *updates = lh_json_new_array(arena);
    int64_t parent = metadata_current_snapshot_id(c->now.metadata);
    lh_json_set_int(arena, snapshot, "snapshot-id", c->snapshot_id);
    if (parent >= 0) lh_json_set_int(arena, snapshot, "parent-snapshot-id", parent);
    lh_json_set_int(arena, snapshot, "sequence-number", c->sequence);
    lh_json_set_int(arena, snapshot, "timestamp-ms", lh_time_now_ms());
    lh_json_set_string(arena, snapshot, "manifest-list", list);
    lh_json_set(arena, snapshot, "schema-id", lh_json_copy(arena, lh_json_get(c->now.metadata, "current-schema-id")));
    lh_json_set(arena, snapshot, "summary", rewrite_summary(c));
    lh_json_set_string(arena, add, "action", LH_STR("add-snapshot"));
    lh_json_set(arena, add, "snapshot", snapshot);
    const lh_json *main = lh_json_get(lh_json_get(c->now.metadata, "refs"), "main");
    for (lh_json_iter it = lh_json_each(main); lh_json_next(&it);) /* how long its snapshots are kept stays */
        lh_json_put(arena, ref, it.name, lh_json_copy(arena, it.value));
    lh_json_set_string(arena, ref, "action", LH_STR("set-snapshot-ref"));
    lh_json_set_string(arena, ref, "ref-name", LH_STR("main"));
    lh_json_set_string(arena, ref, "type", LH_STR("branch"));
    lh_json_set_int(arena, ref, "snapshot-id", c->snapshot_id);
    if (c->plan->target.len) rewrite_add_location(c, updates);
    lh_json_append(updates, add);
    lh_json_append(updates, ref);
    lh_json_append(requirements, metadata_main_stands(arena, parent));
    lh_json_set(arena, request, "requirements", requirements);
    lh_json_set(arena, request, "updates", updates);
    return request;
}

/* ---- one try ---- */

static void rewrite_forget(rewrite_commit *c) {
    lh_object_page page;
    if (!c->prefix.len ||
        lh_bucket_list(c->catalog->bucket, c->prefix, LH_STR_NONE, LH_LIMIT_LIST_PAGE, c->arena, &page, NULL) != LH_OK)
        return;
    for (size_t i = 0; i < page.count; i++) catalog_metadata_remove(c->catalog, page.entries[i].key);
}

static lh_code rewrite_begin(rewrite_commit *c, lh_error *err) {
    catalog_table table;
    lh_json *metadata = NULL;
    lh_str folder;
    LH_TRY(catalog_table_read(c->catalog, c->name, c->arena, &table, &metadata, err));
    bool stands = c->plan->snapshot_id < 0
                      ? metadata_current_snapshot_id(metadata) < 0
                      : metadata_descends(metadata, metadata_current_snapshot_id(metadata), c->plan->snapshot_id);
    if (!stands || !lh_str_eq(lh_json_get_string(metadata, "table-uuid"),
                              lh_json_get_string(c->plan->state->metadata, "table-uuid")))
        return rewrite_conflict(err);
    LH_TRY(entry_fields_load(c->plan->state->metadata, c->arena, &c->fields, err));
    LH_TRY(rewrite_load(c->catalog, metadata, c->arena, &c->now, err));
    rewrite_mark_restored(c);
    LH_TRY(rewrite_mark_files(c, err));
    if (!c->plan->restores) LH_TRY(rewrite_mark_deletes(c, err));
    LH_TRY(rewrite_check_all_go(c, err));
    c->snapshot_id = (int64_t)(lh_random_below((uint64_t)INT64_MAX - 1) + 1);
    c->sequence = lh_json_int(lh_json_get(metadata, "last-sequence-number"), 0) + 1;
    lh_uuid uuid = lh_uuid_new();
    LH_TRY(lh_bucket_key_of(c->catalog->bucket, lh_rewrite_location(c->plan), c->arena, &folder, err));
    c->prefix =
        lh_arena_printf(c->arena, "%.*s/metadata/snap-%" PRId64 "-0-%s", LH_STR_ARG(folder), c->snapshot_id, uuid.text);
    return lh_arena_check(c->arena, err);
}

/* In the commit of a move its folder becomes the table's: it is not to be removed any more. */
static lh_code rewrite_commit_move(rewrite_commit *c, lh_str list, lh_json **answer, lh_error *err) {
    lh_change reserved;
    lh_str folder;
    bool found = false;
    LH_TRY(lh_bucket_key_of(c->catalog->bucket, c->plan->target, c->arena, &folder, err));
    LH_TRY(dropped_return(c->catalog, folder, c->arena, &reserved, &found, err));
    if (!found)
        return lh_fail(err, LH_CONFLICT, "the files in '%.*s' were removed before they were committed",
                       LH_STR_ARG(folder));
    const annotation moves = {.documents = &reserved, .count = 1, .moves = true};
    return table_commit_carrying(c->catalog, c->name, rewrite_request(c, list), &moves, c->arena, answer, err);
}

/* *ret_again: another commit came between, nothing is amiss with the files. */
static lh_code rewrite_try(rewrite_commit *c, bool *ret_again, lh_error *err) {
    lh_json *answer = NULL;
    lh_str list;
    *ret_again = false;
    LH_TRY(rewrite_begin(c, err));
    lh_code code = rewrite_write(c, &list, err);
    if (code == LH_OK) {
        code = c->plan->target.len
                   ? rewrite_commit_move(c, list, &answer, err)
                   : lh_table_commit(c->catalog, c->name, rewrite_request(c, list), false, c->arena, &answer, err);
        *ret_again = code == LH_CONFLICT;
        if (code == LH_IO || code == LH_UNAVAILABLE) return code; /* it may have landed */
    }
    if (code != LH_OK) rewrite_forget(c);
    return code;
}

lh_code lh_table_rewrite_commit(lh_catalog *catalog, lh_table_name name, const lh_rewrite_plan *plan,
                                const lh_rewrite_file *files, size_t count, bool sorted, const lh_json *summary,
                                lh_rewritten *ret, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        LH_TRY(lh_arena_new(REWRITE_ARENA_BYTES, &arena, err));
        rewrite_commit c = {.catalog = catalog, .name = name, .plan = plan, .files = files, .count = count};
        c.sorted = sorted;
        c.summary = summary;
        c.arena = arena;
        bool again = false;
        lh_code code = rewrite_try(&c, &again, err);
        if (code == LH_OK) *ret = (lh_rewritten){c.snapshot_id, c.removed_deletes};
        if (!again || tries == REWRITE_TRIES) return code;
        lh_time_sleep_ms(lh_random_below(20));
    }
}
