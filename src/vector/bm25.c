/* Texts found by their words: an inverted index in memory, scored by BM25 (Robertson and Zaragoza, 2009; k1 1.2, b 0.75; the idf
 * ln(1 + (N - n + .5) / (n + .5)), which is never negative).
 *
 * A document is a number. A term has its postings in one run of bytes, documents in order, each as a varint of 2 × the distance to
 * the one before + (its term comes once), then, unless it comes once, a varint of how often. A search walks through the postings of
 * its terms side by side, a window of documents at a time, so that its memory does not grow with the index.
 *
 * What a word is worth depends on how many documents have it: told to one who sees a part of them, it must be counted in that part
 * alone, or scores and order tell of the rest. Nothing changes after it was built. */
#include "vector/vector_internal.h"

#include <math.h>

enum { BM25_FIRST = 1024, BM25_WINDOW = 4096, BM25_CHECK_EVERY = 256, BM25_SEEN = 1 << 16, BM25_SEEN_BYTES = 27 };
static const double BM25_K1 = 1.2, BM25_B = 0.75;
static const uint32_t BM25_NO_TERM = UINT32_MAX;

/* Texts by number and numbers by text. Words come from strangers, so the table's hash has a secret of its own. */
typedef struct {
    char *bytes;
    size_t used, bytes_room;
    struct bm25_name {
        size_t at;
        uint32_t len;
    } *names;
    size_t count, names_room;
    uint32_t *slots; /* number + 1; 0: free */
    size_t room;     /* a power of two, or 0 */
    unsigned char secret[16];
} bm25_names;

typedef struct {
    size_t at; /* of the postings */
    uint32_t bytes, documents;
} bm25_term;

struct vector_bm25 {
    bm25_names names; /* of terms */
    bm25_term *terms; /* as names numbers them */
    unsigned char *postings;
    uint32_t *lengths; /* of documents, in terms */
    size_t documents, postings_bytes;
    uint64_t total_length;
    lh_str locale; /* owned, as all of it */
};

/* ---- names ---- */

static bool bm25_grow(void *pointer, size_t *room, size_t needed, size_t size) {
    if (needed <= *room) return true;
    size_t grown_room = needed < BM25_FIRST / 2 ? BM25_FIRST : 2 * needed;
    void *grown = realloc(*(void **)pointer, grown_room * size);
    if (!grown) return false;
    *(void **)pointer = grown;
    *room = grown_room;
    return true;
}

static lh_str names_get(const bm25_names *names, size_t number) {
    return (lh_str){names->bytes + names->names[number].at, names->names[number].len};
}

/* Its slot, or the free one where it goes. room is not 0. */
static uint32_t *names_slot(const bm25_names *names, uint32_t *slots, size_t room, lh_str text) {
    size_t at = (size_t)lh_hash_keyed(names->secret, text) & (room - 1);
    while (slots[at] && !lh_str_eq(names_get(names, slots[at] - 1), text)) at = (at + 1) & (room - 1);
    return &slots[at];
}

static bool names_grow(bm25_names *names) {
    size_t room = names->room ? 2 * names->room : BM25_FIRST;
    uint32_t *slots = calloc(room, sizeof *slots);
    if (!slots) return false;
    for (size_t i = 0; i < names->count; i++) *names_slot(names, slots, room, names_get(names, i)) = (uint32_t)i + 1;
    free(names->slots);
    names->slots = slots;
    names->room = room;
    return true;
}

/* False: no memory. *ret_new: it was not there. */
static bool names_add(bm25_names *names, lh_str text, uint32_t *ret, bool *ret_new) {
    if (4 * (names->count + 1) > 3 * names->room && !names_grow(names)) return false;
    uint32_t *slot = names_slot(names, names->slots, names->room, text);
    *ret_new = !*slot;
    if (*ret_new) {
        if (names->count == UINT32_MAX - 1 ||
            !bm25_grow(&names->bytes, &names->bytes_room, names->used + text.len, 1) ||
            !bm25_grow(&names->names, &names->names_room, names->count + 1, sizeof *names->names))
            return false;
        memcpy(names->bytes + names->used, text.ptr, text.len);
        names->names[names->count] = (struct bm25_name){names->used, (uint32_t)text.len};
        names->used += text.len;
        *slot = (uint32_t)++names->count;
    }
    *ret = *slot - 1;
    return true;
}

static void names_done(bm25_names *names) {
    free(names->bytes);
    free(names->names);
    free(names->slots);
}

/* ---- build ---- */

typedef struct { /* a term whose postings grow */
    unsigned char *postings;
    uint32_t used, room;
    uint32_t documents, last; /* last: the document before this one, + 1 */
    uint32_t times;           /* in this document */
} bm25_growing;

/* Words that were seen and what their terms are: a place for each hash, where the last word stands. Most words of a text are found
 * here, and need not be folded and stemmed. */
typedef struct {
    uint32_t term;
    uint8_t len; /* 0: free */
    char word[BM25_SEEN_BYTES];
} bm25_seen;

typedef struct {
    vector_bm25 *into;
    lh_terms *terms;
    bm25_seen *seen;
    bm25_growing *growing; /* of each term */
    size_t growing_room;
    uint32_t *touched; /* terms of this document */
    size_t touched_count, touched_room;
} bm25_build;

static size_t bm25_put(unsigned char *into, uint64_t value) {
    size_t bytes = 0;
    for (; value >= 0x80; value >>= 7) into[bytes++] = (unsigned char)(value | 0x80);
    into[bytes++] = (unsigned char)value;
    return bytes;
}

static bool build_post(bm25_growing *term, uint32_t document) {
    if (term->room - term->used < 15) { /* two varints: of 33 and of 32 bits */
        if (term->room > UINT32_MAX / 2 - 16) return false;
        uint32_t room = term->room ? 2 * term->room : 16;
        unsigned char *grown = realloc(term->postings, room);
        if (!grown) return false;
        term->postings = grown;
        term->room = room;
    }
    uint64_t distance = (uint64_t)document + 1 - term->last;
    term->used += (uint32_t)bm25_put(term->postings + term->used, 2 * distance + (term->times == 1));
    if (term->times > 1) term->used += (uint32_t)bm25_put(term->postings + term->used, term->times);
    term->last = document + 1;
    term->documents++;
    term->times = 0;
    return true;
}

static bool build_learn(bm25_build *b, lh_str word, uint32_t *ret) {
    lh_str term = lh_terms_of(b->terms, word);
    bool fresh;
    *ret = BM25_NO_TERM;
    if (term.len == 0) return true;
    if (!names_add(&b->into->names, term, ret, &fresh)) return false;
    if (!fresh) return true;
    if (!bm25_grow(&b->growing, &b->growing_room, b->into->names.count, sizeof *b->growing)) return false;
    b->growing[*ret] = (bm25_growing){0};
    return true;
}

static bool build_find(bm25_build *b, lh_str word, uint32_t *ret) {
    if (word.len > BM25_SEEN_BYTES) return build_learn(b, word, ret);
    bm25_seen *seen = &b->seen[lh_hash_fast(word) % BM25_SEEN];
    if (seen->len != word.len || memcmp(seen->word, word.ptr, word.len) != 0) {
        if (!build_learn(b, word, &seen->term)) return false;
        seen->len = (uint8_t)word.len;
        memcpy(seen->word, word.ptr, word.len);
    }
    *ret = seen->term;
    return true;
}

static bool build_word(bm25_build *b, lh_str word, uint32_t *length) {
    uint32_t term;
    if (!build_find(b, word, &term)) return false;
    if (term == BM25_NO_TERM) return true;
    if (b->growing[term].times++ == 0) {
        if (!bm25_grow(&b->touched, &b->touched_room, b->touched_count + 1, sizeof *b->touched)) return false;
        b->touched[b->touched_count++] = term;
    }
    ++*length;
    return true;
}

static lh_code build_document(bm25_build *b, uint32_t document, lh_str text, lh_error *err) {
    lh_str word;
    bool good = true;
    uint32_t length = 0;
    b->touched_count = 0;
    LH_TRY(lh_terms_begin(b->terms, text, err));
    while (good && lh_terms_next(b->terms, text, &word)) good = build_word(b, word, &length);
    for (size_t i = 0; good && i < b->touched_count; i++) good = build_post(&b->growing[b->touched[i]], document);
    b->into->lengths[document] = length;
    b->into->total_length += length;
    return good ? LH_OK : lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
}

/* The postings of all terms behind each other; what grew is freed on the way, so that both are never there as a whole. */
static bool build_pack(bm25_build *b) {
    vector_bm25 *into = b->into;
    size_t bytes = 0;
    for (size_t i = 0; i < into->names.count; i++) bytes += b->growing[i].used;
    into->terms = calloc(into->names.count + 1, sizeof *into->terms);
    into->postings = malloc(bytes + 1);
    if (!into->terms || !into->postings) return false;
    for (size_t i = 0; i < into->names.count; i++) {
        bm25_growing *term = &b->growing[i];
        into->terms[i] = (bm25_term){into->postings_bytes, term->used, term->documents};
        if (term->used) memcpy(into->postings + into->postings_bytes, term->postings, term->used);
        into->postings_bytes += term->used;
        free(lh_take(&term->postings));
    }
    return true;
}

static lh_code build_all(bm25_build *b, const vector_documents *documents, const _Atomic bool *cancelled,
                         lh_error *err) {
    for (size_t i = 0; i < documents->count; i++) {
        if (i % BM25_CHECK_EVERY == 0 && cancelled && atomic_load(cancelled))
            return lh_fail(err, LH_CANCELLED, "the search was cancelled");
        LH_TRY(build_document(b, (uint32_t)i, documents->text(documents->ctx, i), err));
    }
    return build_pack(b) ? LH_OK : lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
}

static void build_done(bm25_build *b) {
    for (size_t i = 0; b->growing && i < b->into->names.count; i++) free(b->growing[i].postings);
    free(b->growing);
    free(b->touched);
    free(b->seen);
    lh_terms_free(b->terms);
}

lh_code vector_bm25_build(const vector_documents *documents, lh_str locale, const _Atomic bool *cancelled,
                          vector_bm25 **ret, lh_error *err) {
    LH_CLEANUP(vector_bm25_freep) vector_bm25 *made = calloc(1, sizeof *made);
    if (documents->count > UINT32_MAX - 1) return lh_fail(err, LH_LIMIT, "more texts than can be searched for words");
    if (made) made->lengths = calloc(documents->count + 1, sizeof *made->lengths);
    if (!made || !made->lengths || lh_str_dup(locale, &made->locale) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    bm25_build b = {.into = made, .seen = calloc(BM25_SEEN, sizeof *b.seen)};
    if (!b.seen) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    made->documents = documents->count;
    lh_random_bytes(made->names.secret, sizeof made->names.secret);
    lh_code code = lh_terms_new(locale, &b.terms, err);
    if (code == LH_OK) code = build_all(&b, documents, cancelled, err);
    build_done(&b);
    LH_TRY(code);
    *ret = lh_take(&made);
    return LH_OK;
}

void vector_bm25_free(vector_bm25 *bm25) {
    if (!bm25) return;
    names_done(&bm25->names);
    free(bm25->terms);
    free(bm25->postings);
    free(bm25->lengths);
    lh_str_free(bm25->locale);
    free(bm25);
}

size_t vector_bm25_bytes(const vector_bm25 *bm25) {
    const bm25_names *names = &bm25->names;
    return names->bytes_room + names->names_room * sizeof *names->names + names->room * sizeof *names->slots +
           names->count * sizeof *bm25->terms + bm25->postings_bytes + bm25->documents * sizeof *bm25->lengths;
}

/* ---- search ---- */

typedef struct { /* on its way through the postings of a term */
    const unsigned char *at, *end;
    uint32_t term, document, times, asked; /* asked: how often the query has it */
    bool more;
    double weight;
} bm25_cursor;

typedef struct {
    const vector_bm25 *bm25;
    const vector_bm25_query *query;
    bm25_names asked;     /* terms of the query */
    bm25_cursor *cursors; /* first one for each of them, then `count` of those that the texts have */
    size_t count, room;
    double constant, per_length; /* of a document of so many terms: k1 (1 - b), and k1 b / the average length */
    vector_bm25_hit *hits;       /* a heap, the worst on top */
    uint32_t hit_count;
} bm25_search;

static uint64_t bm25_take(const unsigned char **at) {
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
}

static void cursor_next(bm25_cursor *c) {
    c->more = c->at < c->end;
    if (!c->more) return;
    uint64_t value = bm25_take(&c->at);
    c->document += (uint32_t)(value >> 1);
    c->times = value & 1 ? 1 : (uint32_t)bm25_take(&c->at);
}

static void cursor_begin(const vector_bm25 *bm25, bm25_cursor *c) {
    const bm25_term *term = &bm25->terms[c->term];
    c->at = bm25->postings + term->at;
    c->end = c->at + term->bytes;
    c->document = UINT32_MAX; /* the first distance is from there, to 0 or more */
    cursor_next(c);
}

static bool bm25_is_allowed(const vector_bm25_query *query, size_t document) {
    return !query->allowed || (query->allowed[document >> 6] >> (document & 63) & 1);
}

/* Counted whether or not the texts have it: an error must not tell of texts that are hidden. */
static lh_code search_add_word(bm25_search *s, lh_terms *terms, lh_str word, lh_error *err) {
    lh_str term = lh_terms_of(terms, word);
    uint32_t number;
    bool fresh;
    if (term.len == 0) return LH_OK;
    if (!names_add(&s->asked, term, &number, &fresh) ||
        (fresh && !bm25_grow(&s->cursors, &s->room, s->asked.count, sizeof *s->cursors)))
        return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    if (fresh) s->cursors[number] = (bm25_cursor){0};
    s->cursors[number].asked++;
    if (s->asked.count > VECTOR_QUERY_TERMS_MAX)
        return lh_fail(err, LH_LIMIT, "a query of more than %d different words cannot be searched for",
                       VECTOR_QUERY_TERMS_MAX);
    return LH_OK;
}

/* Those of the terms stay that the texts have. */
static void search_look_up(bm25_search *s) {
    const bm25_names *names = &s->bm25->names;
    for (size_t i = 0; i < s->asked.count; i++) {
        uint32_t slot = names->room ? *names_slot(names, names->slots, names->room, names_get(&s->asked, i)) : 0;
        if (slot) s->cursors[s->count++] = (bm25_cursor){.term = slot - 1, .asked = s->cursors[i].asked};
    }
}

static lh_code search_read(bm25_search *s, lh_error *err) {
    LH_CLEANUP(lh_terms_freep) lh_terms *terms = NULL;
    lh_str word;
    lh_random_bytes(s->asked.secret, sizeof s->asked.secret);
    LH_TRY(lh_terms_new(s->bm25->locale, &terms, err));
    LH_TRY(lh_terms_begin(terms, s->query->text, err));
    while (lh_terms_next(terms, s->query->text, &word)) LH_TRY(search_add_word(s, terms, word, err));
    search_look_up(s);
    return LH_OK;
}

/* What the terms are worth, and how long a document is by the average. */
static void search_weigh(bm25_search *s) {
    const vector_bm25 *bm25 = s->bm25;
    bool part = s->query->allowed && s->query->allowed_alone;
    size_t documents = bm25->documents;
    uint64_t length = bm25->total_length;
    if (part) documents = 0, length = 0;
    for (size_t i = 0; part && i < bm25->documents; i++)
        if (bm25_is_allowed(s->query, i)) documents++, length += bm25->lengths[i];
    for (size_t i = 0; i < s->count; i++) {
        bm25_cursor *c = &s->cursors[i];
        size_t having = part ? 0 : bm25->terms[c->term].documents;
        if (part)
            for (cursor_begin(bm25, c); c->more; cursor_next(c)) having += bm25_is_allowed(s->query, c->document);
        c->weight = c->asked * log(1 + ((double)(documents - having) + 0.5) / ((double)having + 0.5));
    }
    s->constant = BM25_K1 * (1 - BM25_B);
    s->per_length = length ? BM25_K1 * BM25_B * (double)documents / (double)length : 0;
}

static bool hit_is_better(const vector_bm25_hit *a, const vector_bm25_hit *b) {
    return a->score != b->score ? a->score > b->score : a->document < b->document;
}

static void hits_sink(vector_bm25_hit *hits, uint32_t count, uint32_t at) {
    vector_bm25_hit moved = hits[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && hit_is_better(&hits[child], &hits[child + 1])) child++;
        if (!hit_is_better(&moved, &hits[child])) break;
        hits[at] = hits[child];
    }
    hits[at] = moved;
}

static void hits_add(bm25_search *s, vector_bm25_hit hit) {
    if (s->hit_count < s->query->k) {
        s->hits[s->hit_count++] = hit;
        if (s->hit_count == s->query->k)
            for (uint32_t i = s->hit_count / 2; i-- > 0;) hits_sink(s->hits, s->hit_count, i);
    } else if (hit_is_better(&hit, &s->hits[0])) {
        s->hits[0] = hit;
        hits_sink(s->hits, s->hit_count, 0);
    }
}

/* Documents [first, first + BM25_WINDOW). */
static void search_window(bm25_search *s, size_t first, double scores[BM25_WINDOW], uint64_t found[BM25_WINDOW / 64]) {
    for (size_t i = 0; i < s->count; i++) {
        bm25_cursor *c = &s->cursors[i];
        for (; c->more && c->document < first + BM25_WINDOW; cursor_next(c)) {
            if (!bm25_is_allowed(s->query, c->document)) continue;
            size_t at = c->document - first;
            double longer = s->constant + s->per_length * s->bm25->lengths[c->document];
            scores[at] += c->weight * c->times / (c->times + longer);
            found[at >> 6] |= UINT64_C(1) << (at & 63);
        }
    }
    for (size_t word = 0; word < BM25_WINDOW / 64; word++) {
        for (uint64_t left = found[word]; left; left &= left - 1) {
            size_t at = word * 64 + (size_t)__builtin_ctzll(left);
            hits_add(s, (vector_bm25_hit){(uint32_t)(first + at), scores[at]});
            scores[at] = 0;
        }
        found[word] = 0;
    }
}

static lh_code search_walk(bm25_search *s, lh_error *err) {
    double scores[BM25_WINDOW] = {0};
    uint64_t found[BM25_WINDOW / 64] = {0};
    for (size_t i = 0; i < s->count; i++) cursor_begin(s->bm25, &s->cursors[i]);
    for (;;) {
        size_t first = SIZE_MAX;
        for (size_t i = 0; i < s->count; i++)
            if (s->cursors[i].more && s->cursors[i].document < first) first = s->cursors[i].document;
        if (first == SIZE_MAX) return LH_OK;
        if (s->query->cancelled && atomic_load(s->query->cancelled))
            return lh_fail(err, LH_CANCELLED, "the search was cancelled");
        search_window(s, first, scores, found);
    }
}

static int hit_order(const void *a, const void *b) { return hit_is_better(a, b) ? -1 : hit_is_better(b, a); }

lh_code vector_bm25_search(const vector_bm25 *bm25, const vector_bm25_query *query, vector_bm25_hit *hits,
                           uint32_t *ret_count, lh_error *err) {
    bm25_search s = {.bm25 = bm25, .query = query, .hits = hits};
    lh_code code = search_read(&s, err);
    if (code == LH_OK) {
        search_weigh(&s);
        code = search_walk(&s, err);
    }
    names_done(&s.asked);
    free(s.cursors);
    LH_TRY(code);
    qsort(hits, s.hit_count, sizeof *hits, hit_order);
    *ret_count = s.hit_count;
    return LH_OK;
}
