/* Conversations: questions and answers as texts, in memory, of one principal each; another's is not there. They end some time after
 * their last turn, when their owner begins too many, when all together are too large (then the one not used for longest goes), and
 * with the process. `lock` guards all but the limits. */
#include "rag/rag_internal.h"

typedef struct talk_turn {
    struct talk_turn *next; /* newer */
    size_t bytes;
    lh_str question, answer; /* owned */
} talk_turn;

typedef struct talk_item {
    struct talk_item *next; /* not used for longer */
    lh_str id, principal;   /* owned */
    talk_turn *oldest;
    size_t turns, bytes;
    uint64_t used_ms;
} talk_item;

struct rag_talk {
    rag_talk_limits limits;
    pthread_mutex_t lock;
    talk_item *first; /* the last used */
    size_t bytes;
};

lh_code rag_talk_new(rag_talk_limits limits, rag_talk **ret, lh_error *err) {
    rag_talk *talk = calloc(1, sizeof *talk);
    if (!talk) return lh_fail(err, LH_NO_MEMORY, "rag: out of memory");
    pthread_mutex_init(&talk->lock, NULL);
    talk->limits = limits;
    *ret = talk;
    return LH_OK;
}

static void talk_turn_free(talk_turn *turn) {
    if (!turn) return;
    lh_str_free(turn->question);
    lh_str_free(turn->answer);
    free(turn);
}

static void talk_drop_turn_locked(rag_talk *talk, talk_item *item) {
    talk_turn *turn = item->oldest;
    item->oldest = turn->next;
    item->turns--;
    item->bytes -= turn->bytes;
    talk->bytes -= turn->bytes;
    talk_turn_free(turn);
}

static void talk_item_free(talk_item *item) {
    lh_str_free(item->id);
    lh_str_free(item->principal);
    free(item);
}

/* *at: where it hangs. */
static void talk_drop_locked(rag_talk *talk, talk_item **at) {
    talk_item *item = *at;
    while (item->oldest) talk_drop_turn_locked(talk, item);
    talk->bytes -= item->bytes;
    *at = item->next;
    talk_item_free(item);
}

void rag_talk_free(rag_talk *talk) {
    if (!talk) return;
    while (talk->first) talk_drop_locked(talk, &talk->first);
    pthread_mutex_destroy(&talk->lock);
    free(talk);
}

static void talk_expire_locked(rag_talk *talk, uint64_t now_ms) {
    for (talk_item **at = &talk->first; *at;) {
        if (now_ms - (*at)->used_ms >= talk->limits.ttl_ms) talk_drop_locked(talk, at);
        else at = &(*at)->next;
    }
}

/* Also brings it to the front. */
static talk_item *talk_find_locked(rag_talk *talk, lh_str id, lh_str principal) {
    for (talk_item **at = &talk->first; *at; at = &(*at)->next) {
        talk_item *item = *at;
        if (!lh_str_eq(item->id, id) || !lh_str_eq(item->principal, principal)) continue;
        *at = item->next;
        item->next = talk->first;
        return talk->first = item;
    }
    return NULL;
}

lh_code rag_talk_turns(rag_talk *talk, lh_str id, lh_str principal, uint64_t now_ms, lh_arena *arena, rag_turn **ret,
                       size_t *ret_count, lh_error *err) {
    size_t count = 0;
    pthread_mutex_lock(&talk->lock);
    talk_expire_locked(talk, now_ms);
    const talk_item *item = talk_find_locked(talk, id, principal);
    rag_turn *turns = LH_ARENA_ARRAY(arena, rag_turn, item ? item->turns + 1 : 1);
    for (const talk_turn *at = item && turns ? item->oldest : NULL; at; at = at->next)
        turns[count++] = (rag_turn){lh_arena_dup(arena, at->question), lh_arena_dup(arena, at->answer)};
    pthread_mutex_unlock(&talk->lock);
    LH_TRY(lh_arena_check(arena, err));
    if (!item)
        return lh_fail(
            err, LH_NOT_FOUND,
            "there is no conversation '%.*s' of yours, or it has ended; \"conversation_id\": \"new\" begins one",
            LH_STR_ARG(lh_str_cut_utf8(id, 64)));
    *ret = turns;
    *ret_count = count;
    return LH_OK;
}

static lh_code talk_turn_new(const rag_turn *turn, talk_turn **ret, lh_error *err) {
    talk_turn *copy = calloc(1, sizeof *copy);
    if (!copy || lh_str_dup(turn->question, &copy->question) != LH_OK ||
        lh_str_dup(turn->answer, &copy->answer) != LH_OK) {
        talk_turn_free(copy);
        return lh_fail(err, LH_NO_MEMORY, "rag: out of memory");
    }
    copy->bytes = sizeof *copy + turn->question.len + turn->answer.len;
    *ret = copy;
    return LH_OK;
}

/* One more of that principal: its others go when there are too many, the one not used for longest first. */
static talk_item *talk_begin_locked(rag_talk *talk, lh_str id, lh_str principal) {
    size_t others = 0;
    for (talk_item **at = &talk->first; *at;) {
        bool same = lh_str_eq((*at)->principal, principal);
        if (same && ++others >= talk->limits.per_principal) talk_drop_locked(talk, at);
        else at = &(*at)->next;
    }
    talk_item *item = calloc(1, sizeof *item);
    if (!item) return NULL;
    if (lh_str_dup(id, &item->id) != LH_OK || lh_str_dup(principal, &item->principal) != LH_OK) {
        talk_item_free(item);
        return NULL;
    }
    item->bytes = sizeof *item + id.len + principal.len;
    talk->bytes += item->bytes;
    item->next = talk->first;
    return talk->first = item;
}

static void talk_append_locked(rag_talk *talk, talk_item *item, talk_turn *turn) {
    talk_turn **at = &item->oldest;
    while (*at) at = &(*at)->next;
    *at = turn;
    item->turns++;
    item->bytes += turn->bytes;
    talk->bytes += turn->bytes;
    if (item->turns > talk->limits.turns) talk_drop_turn_locked(talk, item);
}

/* The first, which was just used, is the last to go. */
static void talk_shrink_locked(rag_talk *talk) {
    while (talk->bytes > talk->limits.bytes && talk->first) {
        talk_item **last = &talk->first;
        while ((*last)->next) last = &(*last)->next;
        talk_drop_locked(talk, last);
    }
}

lh_code rag_talk_add(rag_talk *talk, lh_str id, lh_str principal, uint64_t now_ms, const rag_turn *turn,
                     lh_error *err) {
    talk_turn *copy = NULL;
    LH_TRY(talk_turn_new(turn, &copy, err));
    pthread_mutex_lock(&talk->lock);
    talk_expire_locked(talk, now_ms);
    talk_item *item = talk_find_locked(talk, id, principal);
    if (!item) item = talk_begin_locked(talk, id, principal);
    if (item) {
        item->used_ms = now_ms;
        talk_append_locked(talk, item, copy);
        talk_shrink_locked(talk);
    }
    pthread_mutex_unlock(&talk->lock);
    if (item) return LH_OK;
    talk_turn_free(copy);
    return lh_fail(err, LH_NO_MEMORY, "rag: out of memory");
}

void rag_talk_count(rag_talk *talk, uint64_t now_ms, uint64_t *ret_count, uint64_t *ret_bytes) {
    pthread_mutex_lock(&talk->lock);
    talk_expire_locked(talk, now_ms);
    *ret_count = 0;
    *ret_bytes = talk->bytes;
    for (const talk_item *at = talk->first; at; at = at->next) ++*ret_count;
    pthread_mutex_unlock(&talk->lock);
}
