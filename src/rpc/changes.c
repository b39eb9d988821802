/* WatchChanges: the catalog's commits, one message each, from the catalog's feed. A watch keeps its position and nothing
 * else, so a slow client costs no memory; watch.c cuts it off. */
#include "lakehouse.pb-c.h"
#include "rpc/rpc_internal.h"

lh_code rpc_changes_watch(rpc_call *call, const ProtobufCMessage *request, lh_arena *arena, ProtobufCMessage **ret,
                          lh_error *err) {
    const Lakehouse__V1__WatchChangesRequest *watch = (const void *)request;
    lh_metastore *metastore = lh_catalog_metastore(call->rpc->catalog);
    (void)arena, (void)ret;
    LH_TRY(lh_metastore_refresh(metastore, err));
    uint64_t now = lh_metastore_get_stats(metastore).sequence;
    call->after = watch->has_after_sequence ? watch->after_sequence : now;
    if (call->after <= now) return LH_OK;
    call->status = GRPC_STATUS_OUT_OF_RANGE;
    return lh_fail(err, LH_INVALID, "the catalog's last sequence is %" PRIu64 ", which is before %" PRIu64, now,
                   call->after);
}

static char *changes_text(lh_str text, lh_arena *arena) {
    char *copy = lh_arena_alloc(arena, text.len + 1);
    if (!copy) return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

static lh_code changes_message(uint64_t sequence, const lh_dataset_changes *changes, lh_arena *arena,
                               ProtobufCMessage **ret, lh_error *err) {
    size_t count = changes ? changes->count : 0;
    Lakehouse__V1__WatchChangesResponse *message = LH_ARENA_NEW(arena, Lakehouse__V1__WatchChangesResponse);
    Lakehouse__V1__Change *items = LH_ARENA_ARRAY(arena, Lakehouse__V1__Change, count + 1);
    Lakehouse__V1__Change **list = LH_ARENA_ARRAY(arena, Lakehouse__V1__Change *, count + 1);
    LH_TRY(lh_arena_check(arena, err));
    lakehouse__v1__watch_changes_response__init(message);
    message->has_sequence = 1;
    message->sequence = sequence;
    for (size_t i = 0; i < count; i++) {
        const lh_dataset_change *change = &changes->items[i];
        lakehouse__v1__change__init(list[i] = &items[i]);
        items[i].has_kind = 1;
        items[i].kind = (Lakehouse__V1__Change__Kind)change->kind; /* the same numbers */
        items[i].name = changes_text(change->name.name, arena);
        items[i].namespace_ = changes_text(lh_namespace_text(change->name.namespace_, arena), arena);
        items[i].has_snapshot_id = change->snapshot_id >= 0;
        items[i].snapshot_id = change->snapshot_id;
    }
    LH_TRY(lh_arena_check(arena, err));
    message->changes = list;
    message->n_changes = count;
    *ret = &message->base;
    return LH_OK;
}

static void changes_hide_system(lh_dataset_changes *changes) {
    size_t shown = 0;
    for (size_t i = 0; i < changes->count; i++)
        if (!lh_namespace_is_system(changes->items[i].name.namespace_)) changes->items[shown++] = changes->items[i];
    changes->count = shown;
}

lh_code rpc_changes_next(rpc_call *call, lh_arena *arena, ProtobufCMessage **ret, lh_error *err) {
    lh_dataset_changes changes;
    lh_code code = lh_dataset_changes_after(call->rpc->catalog, call->after, arena, &changes, err);
    if (code == LH_NOT_FOUND) call->status = GRPC_STATUS_OUT_OF_RANGE; /* list anew, and watch from there */
    if (code != LH_OK) return code;
    call->behind = changes.behind - changes.count;
    if (!call->begun) {
        call->begun = true;
        call->behind = changes.behind;
        return changes_message(call->after, NULL, arena, ret, err);
    }
    if (!call->admin) changes_hide_system(&changes);
    if (changes.count == 0) {
        call->after = changes.sequence; /* entries without a dataset that is shown */
        return LH_OK;
    }
    LH_TRY(changes_message(changes.sequence, &changes, arena, ret, err));
    call->after = changes.sequence;
    return LH_OK;
}

/* More changes came up while one message was under way than a watch may be behind. (One that catches up is not slow.) */
bool rpc_changes_is_slow(rpc_call *call) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_dataset_changes changes;
    if (lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &arena, NULL) != LH_OK) return true;
    if (lh_dataset_changes_after(call->rpc->catalog, call->after, arena, &changes, NULL) != LH_OK) return true;
    return changes.behind > call->behind + (uint64_t)call->rpc->config->grpc_watch_lag_max;
}
