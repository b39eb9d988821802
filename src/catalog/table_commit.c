/* Commits to tables: one table's, and several tables' at once.
 *
 * Read the table's document (with its version) and its metadata; check the requirements; apply the updates to a
 * copy; make what new snapshots added durable; write the new metadata file; put the documents of all tables in one metastore
 * commit that expects the versions read. If another commit came between, everything is done again from the new
 * state, so a requirement that no longer holds is found. Metadata files of attempts that lost are removed; after an answer that
 * leaves open whether the commit landed they stay; a crash leaves at most files that nothing names.
 *
 * A client that heard no answer sends its commit again, and would delete its files if it were told that it lost. So a
 * commit whose snapshots are in the tables already is answered as the first time. */
#include "catalog/dataset_internal.h"
#include "catalog/readers_internal.h"
#include "catalog/reshape_internal.h"
#include "catalog/table_metadata_internal.h"

enum { COMMIT_TRIES = 30, COMMIT_TABLES_MAX = 100 };

/* One table's part of a commit while it is being prepared. */
typedef struct table_commit {
    const lh_json *request;
    lh_table_name name;
    bool alone; /* not of a transaction: the answer is its metadata */
    bool exists;
    catalog_table table; /* as read */
    lh_json *metadata;   /* as read, then the new one */
    lh_str new_key;      /* its file; empty until written */
    lh_change reserved;  /* of a table that is created: the document of its folder, which goes; no key: there is none */
    lh_change readers;   /* columns go away: of the views that read the table; no key: none does */
    lh_str *old_files;   /* metadata files in the log before; arena */
    size_t dropped;      /* as many of them left the log and are deleted after the commit */
    bool annotated;
    annotation annotation;
    lh_change inherited;          /* sensitivity of its columns; no key: as it was */
    const annotation *carried;    /* by a commit of our own; NULL: the engine's is looked up */
    lh_str list_before, list_key; /* manifest lists of a replacement: the engine's, and ours; empty: none */
    lh_bucket_lock lock;          /* shared: keeps the sweep (table_sweep.c) out */
} table_commit;

static bool commit_has(const lh_json *list, const char *member, const char *value) {
    for (lh_json_iter it = lh_json_each(list); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, member), lh_str_from(value))) return true;
    return false;
}

static lh_json *commit_summary(lh_json *snapshot, lh_arena *arena) {
    if (!lh_json_is_object(lh_json_get(snapshot, "summary")))
        lh_json_set(arena, snapshot, "summary", lh_json_new_object(arena));
    return lh_json_get(snapshot, "summary");
}

/* A snapshot that only has the rows in another form tells how old they are, for when its parent has expired. */
static void commit_tell_age(const lh_json *metadata, lh_json *snapshot, lh_arena *arena) {
    lh_json *summary = lh_json_get(snapshot, "summary");
    int64_t at = metadata_rows_changed_ms(metadata, lh_json_int(lh_json_get(snapshot, "parent-snapshot-id"), -1));
    if (at >= 0 && lh_str_eq(lh_json_get_string(summary, "operation"), LH_STR("replace")))
        lh_json_set_string(arena, summary, LH_SUMMARY_ROWS_CHANGED_AT, lh_str_from(lh_time_rfc3339(at).text));
}

/* Snapshots of the request: made durable; the engine's annotation goes into their summaries. */
static lh_code commit_take_snapshots(lh_catalog *catalog, table_commit *commit, lh_arena *arena, lh_error *err) {
    lh_str location = lh_json_get_string(commit->metadata, "location");
    for (lh_json_iter it = lh_json_each(lh_json_get(commit->request, "updates")); lh_json_next(&it);) {
        if (!lh_str_eq(lh_json_get_string(it.value, "action"), LH_STR("add-snapshot"))) continue;
        int64_t id = lh_json_int(lh_json_get(lh_json_get(it.value, "snapshot"), "snapshot-id"), -1);
        lh_json *snapshot = metadata_snapshot(commit->metadata, id);
        if (!snapshot) continue; /* removed again in the same list */
        LH_TRY(manifest_sync(catalog, snapshot, MANIFEST_ADDED, location, err));
        LH_TRY(stale_deletes_check(catalog, commit->metadata, snapshot, err));
        commit_tell_age(commit->metadata, snapshot, arena);
        if (!commit->annotated) continue;
        lh_json *summary = commit_summary(snapshot, arena);
        for (lh_json_iter p = lh_json_each(commit->annotation.properties); lh_json_next(&p);)
            lh_json_put(arena, summary, p.name, lh_json_copy(arena, p.value));
        if (lh_json_get(commit->annotation.properties, LH_SUMMARY_REPLACES_ALL))
            LH_TRY(
                replace_all(catalog, commit->metadata, snapshot, arena, &commit->list_before, &commit->list_key, err));
    }
    return LH_OK;
}

/* Reads the table, once a try: its document and its metadata. Errors: NOT_FOUND. */
static lh_code commit_read(lh_catalog *catalog, table_commit *commit, lh_arena *arena, lh_error *err) {
    if (commit->exists) return LH_OK;
    LH_TRY(catalog_table_read(catalog, commit->name, arena, &commit->table, &commit->metadata, err));
    commit->exists = true;
    return LH_OK;
}

/* The same, or makes ready for a table that is to be created. */
static lh_code commit_begin(lh_catalog *catalog, table_commit *commit, lh_arena *arena, lh_json **ret_old,
                            lh_error *err) {
    lh_code code = commit_read(catalog, commit, arena, err);
    *ret_old = commit->metadata;
    if (code != LH_NOT_FOUND || !commit_has(lh_json_get(commit->request, "requirements"), "type", "assert-create"))
        return code;
    LH_TRY(table_must_be_new(catalog, commit->name, arena, err));
    commit->table = (catalog_table){.name = commit->name, .version = LH_VERSION_ABSENT};
    commit->table.created_at = lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    return LH_OK;
}

/* The folder that the table leaves: if it was its own, what is left there is still the table's to remove. */
static lh_code commit_leave_folder(lh_catalog *catalog, table_commit *commit, lh_str before, lh_arena *arena,
                                   lh_error *err) {
    lh_str folder;
    if (!commit->table.owns_folder) return LH_OK;
    LH_TRY(lh_bucket_key_of(catalog->bucket, before, arena, &folder, err));
    lh_json *former = commit->table.former ? lh_json_copy(arena, commit->table.former) : lh_json_new_array(arena);
    if (lh_json_size(former) == CATALOG_FORMER_MAX)
        return lh_fail(err, LH_LIMIT,
                       "the table has moved %d times: nothing of what it left is forgotten before it is dropped",
                       CATALOG_FORMER_MAX);
    lh_json_append(former, lh_json_new_string(arena, lh_arena_printf(arena, "%.*s/", LH_STR_ARG(folder))));
    commit->table.former = former;
    return lh_arena_check(arena, err);
}

/* A staged create wrote its folder down, so that what it leaves can be removed; it was not removed meanwhile. */
static lh_code commit_take_reserved(lh_catalog *catalog, table_commit *commit, lh_str folder, lh_arena *arena,
                                    lh_error *err) {
    bool found = false;
    LH_TRY(dropped_return(catalog, folder, arena, &commit->reserved, &found, err));
    if (found || !commit->table.owns_folder) return LH_OK;
    return lh_fail(err, LH_CONFLICT, "the files in '%.*s' were removed before they were committed", LH_STR_ARG(folder));
}

/* The table's folder, when it is new or moved. One that we chose at a staged create or a move is the table's own. */
static lh_code commit_take_location(lh_catalog *catalog, table_commit *commit, lh_str before, lh_arena *arena,
                                    lh_error *err) {
    lh_str location = lh_json_get_string(commit->metadata, "location"), folder;
    if (lh_str_eq(before, location)) return LH_OK;
    LH_TRY(table_claim_folder(catalog, location, commit->name, true, arena, &folder, err));
    bool moves = commit->carried && commit->carried->moves;
    if (moves) LH_TRY(commit_leave_folder(catalog, commit, before, arena, err));
    commit->table.owns_folder = (!commit->exists || moves) && table_is_own_folder(catalog, commit->name, folder, arena);
    return commit->exists ? LH_OK : commit_take_reserved(catalog, commit, folder, arena, err);
}

/* Remembers the log of metadata files, to know later which ones left it. */
static lh_code commit_note_files(table_commit *commit, lh_arena *arena, lh_error *err) {
    const lh_json *log = lh_json_get(commit->metadata, "metadata-log");
    commit->old_files = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(log) + 1);
    if (!commit->old_files) return lh_arena_check(arena, err);
    for (lh_json_iter it = lh_json_each(log); lh_json_next(&it);)
        commit->old_files[it.index] = lh_json_get_string(it.value, "metadata-file");
    return LH_OK;
}

/* The columns by name: {name: field id}. Arena. */
static lh_json *commit_columns(const lh_json *metadata, lh_arena *arena) {
    lh_json *columns = lh_json_new_object(arena);
    const lh_json *schema = metadata ? metadata_current_schema(metadata) : NULL;
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);)
        lh_json_put(arena, columns, lh_json_get_string(it.value, "name"),
                    lh_json_copy(arena, lh_json_get(it.value, "id")));
    return columns;
}

/* No view reads a column that was there before and is not now, or of whose name another one is now; one whose values were cast is
 * the same. before: as of commit_columns(). */
static lh_code commit_check_readers(lh_catalog *catalog, table_commit *commit, const lh_json *before, lh_arena *arena,
                                    lh_error *err) {
    const readers_base base = {.name = commit->name};
    const lh_json *after = commit_columns(commit->metadata, arena);
    lh_str *gone = LH_ARENA_ARRAY(arena, lh_str, lh_json_size(before) + 1);
    size_t count = 0;
    LH_TRY(lh_arena_check(arena, err));
    for (lh_json_iter it = lh_json_each(before); lh_json_next(&it);) {
        const lh_json *id = lh_json_get_str(after, it.name);
        lh_str was = lh_arena_printf(arena, "%" PRId64, lh_json_int(it.value, -1));
        if (!lh_json_equal(id, it.value) && !(id && lh_json_equal(id, lh_json_get_str(commit->annotation.recast, was))))
            gone[count++] = it.name;
    }
    return count ? readers_must_not_name(catalog, &base, gone, count, arena, &commit->readers, err)
                 : lh_arena_check(arena, err);
}

/* Manifests of the current snapshot, when the table has had more partition specs than one; else none. Arena. */
static lh_code commit_manifests(lh_catalog *catalog, const lh_json *metadata, lh_arena *arena,
                                manifest_list_entry **ret, size_t *ret_count, lh_error *err) {
    const lh_json *snapshot = metadata_snapshot(metadata, metadata_current_snapshot_id(metadata));
    lh_str list = lh_json_get_string(snapshot, "manifest-list");
    *ret_count = 0;
    if (lh_json_size(lh_json_get(metadata, "partition-specs")) < 2 || list.len == 0) return LH_OK;
    return manifest_list_read(catalog->bucket, list, arena, ret, ret_count, err);
}

static bool commit_is_live(const manifest_list_entry *entry) { return entry->files[0] + entry->files[1] > 0; }

/* No file lies in a partition by a column that is not there any more: DuckDB could not read the table. */
static lh_code commit_check_partitions(lh_catalog *catalog, const lh_json *metadata, lh_arena *arena, lh_error *err) {
    manifest_list_entry *entries = NULL;
    size_t count;
    bool readable = true; /* then nothing is read: other commits than of snapshots come here as well */
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata, "partition-specs")); lh_json_next(&it);)
        readable = readable && metadata_spec_is_readable(metadata, lh_json_int(lh_json_get(it.value, "spec-id"), -1));
    if (readable) return LH_OK;
    LH_TRY(commit_manifests(catalog, metadata, arena, &entries, &count, err));
    for (size_t i = 0; i < count; i++)
        if (commit_is_live(&entries[i]) && !metadata_spec_is_readable(metadata, entries[i].spec_id))
            return lh_fail(err, LH_CONFLICT,
                           "a column cannot be dropped, nor a snapshot be made current, when files of the table lie in "
                           "partitions by a column that is not there (partition spec %" PRId64
                           "); make a new table, as "
                           "by CREATE TABLE … AS SELECT",
                           entries[i].spec_id);
    return LH_OK;
}

static bool commit_is_divided(const lh_json *metadata, int64_t spec_id) {
    const lh_json *spec = metadata_find(lh_json_get(metadata, "partition-specs"), "spec-id", spec_id);
    return lh_json_size(lh_json_get(spec, "fields")) > 0;
}

/* The engine writes deletes of a table that has no partitions now as if no file had been in one, and could not read it then. */
static lh_code commit_check_deletes(lh_catalog *catalog, const lh_json *metadata, lh_arena *arena, lh_error *err) {
    manifest_list_entry *entries = NULL;
    size_t count;
    bool deletes = false, divided = false;
    if (commit_is_divided(metadata, lh_json_int(lh_json_get(metadata, "default-spec-id"), 0))) return LH_OK;
    LH_TRY(commit_manifests(catalog, metadata, arena, &entries, &count, err));
    for (size_t i = 0; i < count; i++) {
        deletes |= entries[i].content == 1 && entries[i].snapshot_id == metadata_current_snapshot_id(metadata);
        divided |=
            entries[i].content == 0 && commit_is_live(&entries[i]) && commit_is_divided(metadata, entries[i].spec_id);
    }
    if (!deletes || !divided) return LH_OK;
    return lh_fail(err, LH_CONFLICT,
                   "rows cannot be changed: the table has no partitions any more, but files in former ones; SET "
                   "PARTITIONED BY again, or make a new table, as by CREATE TABLE … AS SELECT");
}

/* What travels with the commit; a reshape makes other updates of the engine's. */
static lh_code commit_take_annotation(lh_catalog *catalog, table_commit *commit, bool by_engine, const lh_json *old,
                                      const lh_json **updates, lh_arena *arena, lh_error *err) {
    if (commit->carried) {
        commit->annotated = true;
        commit->annotation = *commit->carried;
    } else if (by_engine && commit_has(*updates, "action", "add-snapshot")) {
        LH_TRY(
            annotation_peek(catalog->annotations, commit->name, arena, &commit->annotated, &commit->annotation, err));
    }
    if (!commit->annotated || !commit->annotation.reshape) return LH_OK; /* a carried one has none */
    return reshape_updates(old, commit->annotation.reshape, updates, arena, err);
}

/* Reads the table, checks, applies and writes the new metadata file. */
static lh_code commit_prepare(lh_catalog *catalog, table_commit *commit, bool by_engine, lh_arena *arena,
                              lh_error *err) {
    const lh_json *updates = lh_json_get(commit->request, "updates");
    lh_json *old = NULL;
    LH_TRY(commit_begin(catalog, commit, arena, &old, err));
    LH_TRY(metadata_check_requirements(lh_json_get(commit->request, "requirements"), old, err));
    lh_str previous =
        commit->exists ? lh_bucket_location(catalog->bucket, commit->table.metadata_key, arena) : LH_STR_NONE;
    int64_t previous_ms = lh_json_int(lh_json_get(old, "last-updated-ms"), 0);
    commit->metadata = old ? old : metadata_empty(arena);
    lh_str location = lh_arena_dup(arena, lh_json_get_string(commit->metadata, "location"));
    size_t files = lh_json_size(lh_json_get(commit->metadata, "metadata-log"));
    LH_TRY(commit_note_files(commit, arena, err));
    LH_TRY(commit_take_annotation(catalog, commit, by_engine, old, &updates, arena, err));
    const lh_json *columns = commit_has(updates, "action", "set-current-schema") ? commit_columns(old, arena) : NULL;
    LH_TRY(metadata_apply_updates(arena, commit->metadata, updates, err)); /* in place */
    if (commit->carried || commit->annotation.reshape) reshape_mark(commit->metadata, updates, arena);
    LH_TRY(metadata_finish(arena, commit->metadata, previous, previous_ms, err));
    if (columns) LH_TRY(commit_check_readers(catalog, commit, columns, arena, err));
    if (columns || !commit_has(updates, "action", "add-snapshot"))
        LH_TRY(commit_check_partitions(catalog, commit->metadata, arena, err));
    if (by_engine && commit_has(updates, "action", "add-snapshot"))
        LH_TRY(commit_check_deletes(catalog, commit->metadata, arena, err));
    LH_TRY(commit_take_location(catalog, commit, location, arena, err));
    size_t kept = lh_json_size(lh_json_get(commit->metadata, "metadata-log"));
    lh_str expire =
        lh_json_get_string(lh_json_get(commit->metadata, "properties"), "write.metadata.delete-after-commit.enabled");
    if (lh_str_eq_nocase(expire, LH_STR("true")) && files + 1 > kept)
        commit->dropped = files + 1 - kept < files ? files + 1 - kept : files;
    LH_TRY(commit_take_snapshots(catalog, commit, arena, err));
    if (commit->annotated && commit->annotation.inherited) {
        bool found = false;
        LH_TRY(dataset_inherit(catalog, commit->name, metadata_current_schema(commit->metadata),
                               commit->annotation.inherited, arena, &commit->inherited, &found, err));
        if (!found) commit->inherited = (lh_change){0};
    }
    previous = commit->exists ? commit->table.metadata_key : LH_STR_NONE;
    return catalog_metadata_write(catalog, commit->metadata, previous, arena, &commit->new_key, err);
}

/* The metastore changes of all parts, one commit. */
static lh_code commit_put_documents(lh_catalog *catalog, table_commit *commits, size_t count, lh_arena *arena,
                                    lh_error *err) {
    size_t room = 5 * count, used = 0;
    for (size_t i = 0; i < count; i++) room += commits[i].annotated ? commits[i].annotation.count : 0;
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, room);
    if (!changes) return lh_arena_check(arena, err);
    for (size_t i = 0; i < count; i++) {
        catalog_table table = commits[i].table;
        table.metadata_key = commits[i].new_key;
        table.snapshot_id = metadata_current_snapshot_id(commits[i].metadata);
        changes[used] = (lh_change){.key = catalog_table_key(table.name, arena), .expected = table.version};
        LH_TRY(catalog_table_document(catalog, &table, arena, &changes[used++].text, err));
        if (commits[i].readers.key.len) changes[used++] = commits[i].readers;
        if (!commits[i].exists) {
            changes[used] = (lh_change){.key = catalog_namespace_key(table.name.namespace_, arena), .check_only = true};
            LH_TRY(catalog_namespace_version(catalog, table.name.namespace_, &changes[used++].expected, err));
            changes[used++] = table_no_view(table.name, arena);
            if (commits[i].reserved.key.len) changes[used++] = commits[i].reserved;
        }
        if (commits[i].inherited.key.len) changes[used++] = commits[i].inherited;
        if (commits[i].annotated && commits[i].annotation.count) {
            memcpy(changes + used, commits[i].annotation.documents, commits[i].annotation.count * sizeof *changes);
            used += commits[i].annotation.count;
        }
    }
    LH_TRY(lh_arena_check(arena, err));
    catalog_answer answer = {0};
    if (commits[0].alone)
        answer = (catalog_answer){
            .kind = CATALOG_ANSWER_COMMIT, .name = commits[0].name, .metadata_key = commits[0].new_key};
    return catalog_commit(catalog, changes, used, &answer, err);
}

/* Metadata files that left the log go, but only of the table's own folder: files of strangers may name anything. */
static void commit_after(lh_catalog *catalog, const table_commit *commit, lh_arena *arena) {
    if (commit->annotated && !commit->carried)
        annotation_taken(catalog->annotations, commit->name, commit->annotation.id);
    if (commit->list_key.len) catalog_metadata_remove(catalog, commit->list_before);
    lh_str folder = lh_str_sub(commit->new_key, 0, lh_str_after_last(commit->new_key, '/')), key;
    for (size_t i = 0; i < commit->dropped; i++)
        if (lh_bucket_key_of(catalog->bucket, commit->old_files[i], arena, &key, NULL) == LH_OK &&
            lh_str_starts(key, folder) && lh_str_ends(key, LH_STR(".metadata.json")))
            catalog_metadata_remove(catalog, key);
}

/* What an attempt that lost has written. */
static void commit_forget(lh_catalog *catalog, const table_commit *commit) {
    if (commit->new_key.len) catalog_metadata_remove(catalog, commit->new_key);
    if (commit->list_key.len) catalog_metadata_remove(catalog, commit->list_key);
}

/* Is the request's snapshot there, and the branch that it moved still on it or on a descendant? */
static bool commit_snapshot_landed(const lh_json *request, const lh_json *metadata, const lh_json *update) {
    const lh_json *wanted = lh_json_get(update, "snapshot");
    int64_t id = lh_json_int(lh_json_get(wanted, "snapshot-id"), -1);
    const lh_json *found = metadata_snapshot(metadata, id);
    if (!found) return false;
    bool ours = lh_json_get(lh_json_get(found, "summary"), LH_SUMMARY_REPLACES_ALL) != NULL; /* with a list of ours */
    if (!ours && !lh_str_eq(lh_json_get_string(found, "manifest-list"), lh_json_get_string(wanted, "manifest-list")))
        return false;
    for (lh_json_iter it = lh_json_each(lh_json_get(request, "updates")); lh_json_next(&it);) {
        if (!lh_str_eq(lh_json_get_string(it.value, "action"), LH_STR("set-snapshot-ref"))) continue;
        if (!lh_str_eq(lh_json_get_string(it.value, "ref-name"), LH_STR("main"))) continue;
        if (!metadata_descends(metadata, metadata_current_snapshot_id(metadata), id)) return false;
    }
    return true;
}

/* Did this very request land before? Then all parts did, because they land together. */
static lh_code commit_landed(lh_catalog *catalog, table_commit *commits, size_t count, bool *ret, lh_arena *arena,
                             lh_error *err) {
    size_t snapshots = 0;
    *ret = false;
    for (size_t i = 0; i < count; i++) {
        lh_code code = commit_read(catalog, &commits[i], arena, err);
        if (code == LH_NOT_FOUND) return LH_OK;
        if (code != LH_OK) return code;
        for (lh_json_iter it = lh_json_each(lh_json_get(commits[i].request, "updates")); lh_json_next(&it);) {
            if (!lh_str_eq(lh_json_get_string(it.value, "action"), LH_STR("add-snapshot"))) continue;
            if (!commit_snapshot_landed(commits[i].request, commits[i].metadata, it.value)) return LH_OK;
            snapshots++;
        }
    }
    *ret = snapshots > 0;
    return LH_OK;
}

static lh_code commit_lock(lh_catalog *catalog, table_commit *commits, size_t count, lh_arena *arena, lh_error *err) {
    for (size_t i = 0; i < count; i++)
        LH_TRY(
            lh_bucket_lock_shared(catalog->bucket, catalog_table_key(commits[i].name, arena), &commits[i].lock, err));
    return LH_OK;
}

static void commit_unlock(table_commit *commits, size_t count) {
    for (size_t i = 0; i < count; i++) lh_bucket_unlock(&commits[i].lock);
}

/* One try of all parts. CONFLICT with *ret_again: another commit came between, nothing was changed. */
static lh_code commit_try(lh_catalog *catalog, table_commit *commits, size_t count, bool by_engine, bool *ret_again,
                          lh_arena *arena, lh_error *err) {
    bool landed = false;
    *ret_again = false;
    for (size_t i = 0; i < count; i++) /* forgets the try before */
        commits[i] = (table_commit){.request = commits[i].request,
                                    .name = commits[i].name,
                                    .alone = commits[i].alone,
                                    .carried = commits[i].carried,
                                    .lock = commits[i].lock};
    lh_code code = commit_landed(catalog, commits, count, &landed, arena, err);
    if (landed || code != LH_OK) return code;
    for (size_t i = 0; i < count && code == LH_OK; i++)
        code = commit_prepare(catalog, &commits[i], by_engine, arena, err);
    bool may_have_landed = false;
    if (code == LH_OK) {
        code = commit_put_documents(catalog, commits, count, arena, err);
        *ret_again = code == LH_CONFLICT;
        may_have_landed = code == LH_UNAVAILABLE || code == LH_IO;
    }
    for (size_t i = 0; i < count; i++) {
        if (code == LH_OK) commit_after(catalog, &commits[i], arena);
        else if (!may_have_landed) commit_forget(catalog, &commits[i]);
    }
    return code;
}

/* Are documents that the engine's commit carries not as it read them? Then trying again helps nobody but its caller. */
static bool commit_documents_are_stale(lh_catalog *catalog, const table_commit *commits, size_t count,
                                       lh_arena *arena) {
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; commits[i].annotated && j < commits[i].annotation.count; j++) {
            const lh_change *document = &commits[i].annotation.documents[j];
            uint64_t version = LH_VERSION_ABSENT;
            lh_str text;
            lh_code found = lh_metastore_get(catalog->metastore, document->key, arena, &text, &version, NULL);
            if (found == LH_NOT_FOUND) version = LH_VERSION_ABSENT;
            if (document->expected != LH_VERSION_ANY && document->expected != version) return true;
        }
    return false;
}

/* `ret` (may be NULL) gets the first part's new metadata. */
static lh_code commit_all(lh_catalog *catalog, table_commit *commits, size_t count, bool by_engine, lh_arena *arena,
                          lh_json **ret, lh_error *err) {
    for (int tries = 0;; tries++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL; /* each try parses the metadata anew */
        LH_TRY(lh_arena_new(8 * (size_t)LH_LIMIT_METADATA_BYTES, &scratch, err));
        bool again = false;
        lh_code code = commit_lock(catalog, commits, count, scratch, err);
        if (code == LH_OK) code = commit_try(catalog, commits, count, by_engine, &again, scratch, err);
        commit_unlock(commits, count);
        if (code == LH_OK && ret) {
            lh_str key = commits[0].new_key.len ? commits[0].new_key : commits[0].table.metadata_key;
            *ret = table_answer(catalog, key, lh_json_copy(arena, commits[0].metadata), false, arena);
        }
        if (code == LH_OK) return lh_arena_check(arena, err);
        if (!again || commit_documents_are_stale(catalog, commits, count, scratch)) return code;
        if (tries == COMMIT_TRIES) return lh_fail(err, LH_CONFLICT, "the table is changed too often: try again");
        lh_time_sleep_ms(lh_random_below(1u << (tries < 6 ? tries : 6)));
    }
}

static lh_code commit_traced(lh_catalog *catalog, table_commit *commits, size_t count, bool by_engine, lh_arena *arena,
                             lh_json **ret, lh_error *err) {
    lh_span span;
    lh_span_begin("catalog.commit", &span);
    lh_span_string(&span, "table", lh_table_name_text(commits[0].name, arena));
    lh_span_number(&span, "tables", (int64_t)count);
    lh_code code = commit_all(catalog, commits, count, by_engine, arena, ret, err);
    lh_span_end(&span, code);
    return code;
}

lh_code lh_table_commit(lh_catalog *catalog, lh_table_name name, const lh_json *request, bool by_engine,
                        lh_arena *arena, lh_json **ret, lh_error *err) {
    table_commit commit = {.request = request, .name = name, .alone = true};
    return commit_traced(catalog, &commit, 1, by_engine, arena, ret, err);
}

lh_code table_commit_carrying(lh_catalog *catalog, lh_table_name name, const lh_json *request,
                              const annotation *carried, lh_arena *arena, lh_json **ret, lh_error *err) {
    table_commit commit = {.request = request, .name = name, .carried = carried};
    return commit_traced(catalog, &commit, 1, false, arena, ret, err);
}

lh_code lh_transaction_commit(lh_catalog *catalog, const lh_json *request, bool by_engine, lh_arena *arena,
                              lh_error *err) {
    const lh_json *parts = lh_json_get(request, "table-changes");
    size_t count = lh_json_size(parts);
    if (!lh_json_is_array(parts) || count == 0)
        return lh_fail(err, LH_INVALID, "'table-changes' must be an array of at least one change");
    if (count > COMMIT_TABLES_MAX)
        return lh_fail(err, LH_LIMIT, "a transaction changes more than %d tables", COMMIT_TABLES_MAX);
    table_commit *commits = LH_ARENA_ARRAY(arena, table_commit, count);
    if (!commits) return lh_arena_check(arena, err);
    memset(commits, 0, count * sizeof *commits);
    for (lh_json_iter it = lh_json_each(parts); lh_json_next(&it);) {
        commits[it.index].request = it.value;
        LH_TRY(table_identifier(lh_json_get(it.value, "identifier"), arena, &commits[it.index].name, err));
        for (size_t i = 0; i < it.index; i++)
            if (lh_str_eq(catalog_table_key(commits[i].name, arena), catalog_table_key(commits[it.index].name, arena)))
                return lh_fail(err, LH_INVALID, "a transaction names table '%.*s' twice",
                               LH_STR_ARG(commits[i].name.name));
    }
    return commit_traced(catalog, commits, count, by_engine, arena, NULL, err);
}
