/* Which rows the table has: a hash table of ids, open addressing, with the row's hash and whether it was seen. Ids come from
 * strangers, so the table's hash has a secret of its own. */
#include "vector/vector_internal.h"

enum { KNOWN_FIRST = 1024, KNOWN_BLOCK = 1 << 20 };

typedef struct {
    lh_str id; /* ptr NULL: free */
    char hash[VECTOR_HASH_BYTES];
    bool of_table, seen, twice;
    bool same; /* as in the table, the first time it was seen */
} known_row;

typedef struct known_block { /* the bytes of ids */
    struct known_block *next;
    size_t used, room;
    char bytes[];
} known_block;

struct vector_known {
    known_row *rows;
    size_t count, room; /* room: a power of two */
    known_block *blocks;
    unsigned char secret[16];
};

lh_code vector_known_new(vector_known **ret, lh_error *err) {
    vector_known *known = calloc(1, sizeof *known);
    if (known) known->rows = calloc(KNOWN_FIRST, sizeof *known->rows);
    if (!known || !known->rows) {
        free(known);
        return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    }
    known->room = KNOWN_FIRST;
    lh_random_bytes(known->secret, sizeof known->secret);
    *ret = known;
    return LH_OK;
}

void vector_known_free(vector_known *known) {
    if (!known) return;
    for (known_block *block = known->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(known->rows);
    free(known);
}

static known_row *known_find(const vector_known *known, known_row *rows, size_t room, lh_str id) {
    size_t at = (size_t)lh_hash_keyed(known->secret, id) & (room - 1);
    while (rows[at].id.ptr && !lh_str_eq(rows[at].id, id)) at = (at + 1) & (room - 1);
    return &rows[at];
}

static bool known_grow(vector_known *known) {
    size_t room = 2 * known->room;
    known_row *rows = calloc(room, sizeof *rows);
    if (!rows) return false;
    for (size_t i = 0; i < known->room; i++)
        if (known->rows[i].id.ptr) *known_find(known, rows, room, known->rows[i].id) = known->rows[i];
    free(known->rows);
    known->rows = rows;
    known->room = room;
    return true;
}

static char *known_bytes(vector_known *known, size_t size) {
    known_block *block = known->blocks;
    if (!block || block->room - block->used < size) {
        size_t room = size > KNOWN_BLOCK ? size : KNOWN_BLOCK;
        block = malloc(sizeof *block + room);
        if (!block) return NULL;
        *block = (known_block){.next = known->blocks, .room = room};
        known->blocks = block;
    }
    block->used += size;
    return block->bytes + block->used - size;
}

/* Its row; a free one is filled. NULL: no memory. */
static known_row *known_take(vector_known *known, lh_str id, bool *ret_new) {
    if (2 * (known->count + 1) > known->room && !known_grow(known)) return NULL;
    known_row *row = known_find(known, known->rows, known->room, id);
    *ret_new = !row->id.ptr;
    if (!*ret_new) return row;
    char *bytes = known_bytes(known, id.len + 1); /* an empty id has a place, too */
    if (!bytes) return NULL;
    if (id.len) memcpy(bytes, id.ptr, id.len);
    row->id = (lh_str){bytes, id.len};
    known->count++;
    return row;
}

static void known_set_hash(known_row *row, lh_str hash) {
    memcpy(row->hash, hash.ptr, hash.len < sizeof row->hash ? hash.len : sizeof row->hash);
}

lh_code vector_known_add(vector_known *known, lh_str id, lh_str hash, lh_error *err) {
    bool is_new;
    known_row *row = known_take(known, id, &is_new);
    if (!row) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    row->of_table = true;
    known_set_hash(row, hash);
    return LH_OK;
}

lh_code vector_known_see(vector_known *known, lh_str id, lh_str hash, vector_standing *ret, lh_error *err) {
    bool is_new;
    known_row *row = known_take(known, id, &is_new);
    if (!row) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    if (row->seen) {
        *ret = row->same ? VECTOR_SAME_TWICE : VECTOR_TWICE;
        row->twice = true;
        row->same = false;
        return LH_OK;
    }
    if (is_new) *ret = VECTOR_NEW;
    else *ret = lh_str_eq((lh_str){row->hash, sizeof row->hash}, hash) ? VECTOR_SAME : VECTOR_CHANGED;
    row->seen = true;
    row->same = *ret == VECTOR_SAME;
    return LH_OK;
}

bool vector_known_is_twice(const vector_known *known, lh_str id) {
    return known_find(known, known->rows, known->room, id)->twice;
}

bool vector_known_gone(const vector_known *known, size_t *at, lh_str *ret) {
    for (; *at < known->room; (*at)++) {
        const known_row *row = &known->rows[*at];
        if (!row->id.ptr || !row->of_table || (row->seen && !row->twice)) continue;
        *ret = row->id;
        (*at)++;
        return true;
    }
    return false;
}
