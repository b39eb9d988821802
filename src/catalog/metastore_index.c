/* The metastore's documents in memory: pointers in one array sorted by key.
 *
 * An array and not a tree: lists by prefix are the common read and run at memory speed, a
 * look-up is a binary search, and an insertion moves pointers only (100,000 documents: under
 * a millisecond). A checkpoint shares the documents instead of copying their text, hence the
 * reference counts; the index itself is guarded by its owner. */
#include "catalog/metastore_internal.h"

lh_code metastore_doc_new(lh_str key, lh_str text, uint64_t version, metastore_doc **ret) {
    metastore_doc *doc = malloc(sizeof *doc + key.len + text.len + 2);
    if (!doc) return LH_NO_MEMORY;
    char *bytes = (char *)(doc + 1);
    memcpy(bytes, key.ptr, key.len);
    bytes[key.len] = '\0';
    memcpy(bytes + key.len + 1, text.ptr, text.len);
    bytes[key.len + 1 + text.len] = '\0';
    doc->key = (lh_str){bytes, key.len};
    doc->text = (lh_str){bytes + key.len + 1, text.len};
    doc->version = version;
    atomic_init(&doc->refs, 1);
    *ret = doc;
    return LH_OK;
}

void metastore_doc_unref(metastore_doc *doc) {
    if (doc && atomic_fetch_sub(&doc->refs, 1) == 1) free(doc);
}

void metastore_index_clear(metastore_index *index) {
    for (size_t i = 0; i < index->count; i++) metastore_doc_unref(index->docs[i]);
    free(index->docs);
    *index = (metastore_index){0};
}

size_t metastore_index_seek(const metastore_index *index, lh_str key) {
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lh_str_cmp(index->docs[middle]->key, key) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static bool metastore_index_is_at(const metastore_index *index, size_t at, lh_str key) {
    return at < index->count && lh_str_eq(index->docs[at]->key, key);
}

metastore_doc *metastore_index_find(const metastore_index *index, lh_str key) {
    size_t at = metastore_index_seek(index, key);
    return metastore_index_is_at(index, at, key) ? index->docs[at] : NULL;
}

lh_code metastore_index_reserve(metastore_index *index, size_t more) {
    if (index->room - index->count >= more) return LH_OK;
    size_t room = index->room ? index->room : 64;
    while (room - index->count < more) room *= 2;
    metastore_doc **grown = reallocarray(index->docs, room, sizeof *grown);
    if (!grown) return LH_NO_MEMORY;
    index->docs = grown;
    index->room = room;
    return LH_OK;
}

void metastore_index_put(metastore_index *index, metastore_doc *doc) {
    /* a checkpoint comes in key order: no search then */
    bool last = index->count == 0 || lh_str_cmp(index->docs[index->count - 1]->key, doc->key) < 0;
    size_t at = last ? index->count : metastore_index_seek(index, doc->key);
    if (metastore_index_is_at(index, at, doc->key)) {
        metastore_doc_unref(index->docs[at]);
    } else {
        memmove(index->docs + at + 1, index->docs + at, (index->count - at) * sizeof *index->docs);
        index->count++;
    }
    index->docs[at] = doc;
}

void metastore_index_remove(metastore_index *index, lh_str key) {
    size_t at = metastore_index_seek(index, key);
    if (!metastore_index_is_at(index, at, key)) return;
    metastore_doc_unref(index->docs[at]);
    index->count--;
    memmove(index->docs + at, index->docs + at + 1, (index->count - at) * sizeof *index->docs);
}

lh_code metastore_index_share(const metastore_index *index, metastore_index *ret) {
    metastore_index copy = {0};
    if (metastore_index_reserve(&copy, index->count + 1) != LH_OK) return LH_NO_MEMORY;
    for (size_t i = 0; i < index->count; i++) {
        atomic_fetch_add(&index->docs[i]->refs, 1);
        copy.docs[i] = index->docs[i];
    }
    copy.count = index->count;
    *ret = copy;
    return LH_OK;
}
