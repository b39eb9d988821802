/* What a query compares with, for who has to know where a literal comes from. */
#include "engine/compared_shim.h"
#include "engine/engine.h"

typedef struct compared_job {
    lh_arena *arena;
    lh_compared *items;
    size_t count, room;
    bool full;
} compared_job;

/* The literals of a comparison follow one another, and share what they are compared with. */
static const lh_str *compared_columns(const compared_job *job, const compared_one *one) {
    const lh_compared *last = job->count ? &job->items[job->count - 1] : NULL;
    bool same = last && last->column_count == one->column_count;
    for (size_t i = 0; i < one->column_count && same; i++)
        same = lh_str_eq(last->columns[i], lh_str_from(one->columns[i]));
    if (same) return last->columns;
    lh_str *columns = LH_ARENA_ARRAY(job->arena, lh_str, one->column_count + 1);
    for (size_t i = 0; columns && i < one->column_count; i++)
        columns[i] = lh_arena_dup(job->arena, lh_str_from(one->columns[i]));
    return columns;
}

static bool compared_tell(void *ctx, const compared_one *one) {
    compared_job *job = ctx;
    if (job->count == LH_COMPARED_MAX) return job->full = true;
    if (job->count == job->room) {
        size_t room = job->room ? 2 * job->room : 16;
        lh_compared *items = LH_ARENA_ARRAY(job->arena, lh_compared, room);
        if (!items) return false;
        if (job->count) memcpy(items, job->items, job->count * sizeof *items);
        job->items = items;
        job->room = room;
    }
    const lh_str *columns = compared_columns(job, one);
    job->items[job->count++] = (lh_compared){.text = lh_arena_dup(job->arena, (lh_str){one->text, one->len}),
                                             .number = one->number,
                                             .dated = one->dated,
                                             .equal = one->equal,
                                             .pattern = one->pattern,
                                             .columns = columns,
                                             .column_count = one->column_count};
    return lh_arena_check(job->arena, NULL) == LH_OK;
}

lh_code lh_sql_compared(lh_str sql, lh_arena *arena, lh_compared **ret, size_t *ret_count, lh_error *err) {
    compared_job job = {.arena = arena};
    switch (compared_shim_walk(sql.ptr, sql.len, compared_tell, &job)) {
    case COMPARED_WRONG: return lh_fail(err, LH_INVALID, "it is not one query");
    case COMPARED_NO_MEMORY: return lh_fail(err, LH_NO_MEMORY, "out of memory");
    case COMPARED_OK: break;
    }
    if (job.full) return lh_fail(err, LH_LIMIT, "it compares with more than %d literals", LH_COMPARED_MAX);
    *ret = job.items;
    *ret_count = job.count;
    return LH_OK;
}
