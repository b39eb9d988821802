/* Search over the names, tags, columns, owners and descriptions of all datasets.
 *
 * The text is cut into words at white space. A dataset is found when each word is part of something that it shows; its
 * score is the sum over the words of the best place's weight (search_places), more when the place is the word, or begins with it.
 * The order is by score, then by name, so that a page begins where the one before ended: the token holds both. There is
 * no index: all datasets are looked through, from memory but for table metadata that fell out of its cache. */
#include "catalog/dataset_internal.h"

#include <stdlib.h>

enum { SEARCH_WORDS = 8, SEARCH_BYTES = 256, SEARCH_MATCHES = 10, SEARCH_PAGE = 20 };

typedef enum { SEARCH_NAME, SEARCH_TAG, SEARCH_COLUMN, SEARCH_OWNER, SEARCH_TEXT, SEARCH_COLUMN_TEXT } search_place;
static const struct {
    const char *field;
    uint64_t weight;
} search_places[] = {{"name", 20}, {"tag", 12},        {"column", 8},
                     {"owner", 6}, {"description", 4}, {"column_description", 2}};

typedef struct search_hit {
    lh_str name; /* "ns.t" */
    uint64_t score;
    lh_json *item;
} search_hit;

typedef struct search {
    lh_catalog *catalog;
    lh_arena *arena;
    const lh_dataset_seen *seen; /* NULL: all */
    lh_str words[SEARCH_WORDS];
    size_t word_count;
    search_hit *hits;
    size_t count, room;
} search;

/* The dataset that is looked at. */
typedef struct search_look {
    const search *search;
    uint64_t best[SEARCH_WORDS];
    lh_json *matched;
} search_look;

static char search_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

static size_t search_find(lh_str text, lh_str word) {
    for (size_t from = 0; from + word.len <= text.len; from++) {
        size_t same = 0;
        while (same < word.len && search_lower(text.ptr[from + same]) == search_lower(word.ptr[same])) same++;
        if (same == word.len) return from;
    }
    return SIZE_MAX;
}

static bool search_is_boundary(lh_str text, size_t at) {
    if (at == 0 || at >= text.len) return true;
    char c = search_lower(text.ptr[at]);
    return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80));
}

/* 4 the whole, 3 a word of it, 2 a word's beginning, 1 any part, 0 not at all. */
static uint64_t search_quality(lh_str text, lh_str word) {
    size_t at = search_find(text, word);
    if (at == SIZE_MAX) return 0;
    if (text.len == word.len) return 4;
    bool begins = search_is_boundary(text, at) || search_is_boundary(text, at - 1),
         ends = search_is_boundary(text, at + word.len);
    return begins && ends ? 3 : begins ? 2 : 1;
}

static void search_look_at(search_look *look, search_place place, lh_str text) {
    bool found = false;
    for (size_t i = 0; i < look->search->word_count; i++) {
        uint64_t score = search_quality(text, look->search->words[i]) * search_places[place].weight;
        if (score > look->best[i]) look->best[i] = score;
        found |= score > 0;
    }
    if (!found || lh_json_size(look->matched) == SEARCH_MATCHES) return;
    lh_arena *arena = look->search->arena;
    lh_json *match = lh_json_new_object(arena);
    lh_json_set_string(arena, match, "field", lh_str_from(search_places[place].field));
    if (place != SEARCH_TEXT && place != SEARCH_COLUMN_TEXT) lh_json_set_string(arena, match, "value", text);
    lh_json_append(look->matched, match);
}

static void search_look_at_columns(search_look *look, lh_table_name name, const lh_json *metadata, const lh_json *about,
                                   lh_arena *scratch) {
    const lh_json *said = lh_json_get(about, "columns");
    const lh_dataset_seen *seen = look->search->seen;
    for (lh_json_iter it = lh_json_each(lh_json_get(metadata_current_schema(metadata), "fields")); lh_json_next(&it);) {
        lh_str key = lh_arena_printf(scratch, "%" PRId64, lh_json_int(lh_json_get(it.value, "id"), -1));
        const lh_json *text = lh_json_get(lh_json_get_str(said, key), "description");
        if (seen && !seen->shows(seen->ctx, name, lh_json_get_string(it.value, "name"))) continue;
        search_look_at(look, SEARCH_COLUMN, lh_json_get_string(it.value, "name"));
        search_look_at(look, SEARCH_COLUMN_TEXT, lh_json_str(text, lh_json_get_string(it.value, "doc")));
    }
}

static lh_code search_keep(search *all, search_look *look, lh_str name, const lh_json *about, lh_error *err) {
    lh_arena *arena = all->arena;
    uint64_t score = 0;
    for (size_t i = 0; i < all->word_count; i++) {
        if (look->best[i] == 0) return LH_OK;
        score += look->best[i];
    }
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 64;
        search_hit *grown = LH_ARENA_ARRAY(arena, search_hit, room);
        if (!grown) return lh_arena_check(arena, err);
        if (all->count) memcpy(grown, all->hits, all->count * sizeof *grown);
        all->hits = grown, all->room = room;
    }
    const lh_json *tags = lh_json_get(about, "tags");
    lh_json *item = lh_json_new_object(arena);
    lh_json_set_string(arena, item, "dataset", name);
    lh_json_set_uint(arena, item, "score", score);
    lh_json_set(arena, item, "matched", look->matched);
    lh_json_set_string(arena, item, "description", lh_json_get_string(about, "description"));
    lh_json_set_string(arena, item, "owner", lh_json_get_string(about, "owner"));
    lh_json_set(arena, item, "tags", lh_json_is_array(tags) ? lh_json_copy(arena, tags) : lh_json_new_array(arena));
    all->hits[all->count++] = (search_hit){name, score, item};
    return lh_arena_check(arena, err);
}

/* A table that was dropped meanwhile, or whose metadata cannot be read, is searched by what is known without it. */
static lh_code search_dataset(search *all, lh_str key, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &scratch, err));
    lh_str rest = lh_str_sub(key, sizeof "table/" - 1, SIZE_MAX);
    lh_table_name name = {.namespace_ = lh_str_split(&rest, '/')};
    name.name = rest;
    search_look look = {.search = all, .matched = lh_json_new_array(all->arena)};
    catalog_table table;
    uint64_t version;
    lh_json *metadata = NULL, *about = NULL;
    lh_str text = lh_table_name_text(name, all->arena);
    if (all->seen && !all->seen->shows(all->seen->ctx, name, LH_STR_NONE)) return LH_OK;
    if (catalog_table_find(all->catalog, name, scratch, &table, NULL) != LH_OK) return LH_OK;
    if (catalog_metadata_load(all->catalog, table.metadata_key, scratch, &metadata, NULL) != LH_OK) metadata = NULL;
    if (dataset_about_read(all->catalog, name, scratch, &about, &version, NULL) != LH_OK) about = NULL;
    search_look_at(&look, SEARCH_NAME, name.name);
    search_look_at(&look, SEARCH_NAME, text);
    search_look_at(&look, SEARCH_OWNER, lh_json_get_string(about, "owner"));
    search_look_at(&look, SEARCH_TEXT, lh_json_get_string(about, "description"));
    for (lh_json_iter it = lh_json_each(lh_json_get(about, "tags")); lh_json_next(&it);)
        search_look_at(&look, SEARCH_TAG, lh_json_str(it.value, LH_STR_NONE));
    search_look_at_columns(&look, name, metadata, about, scratch);
    return search_keep(all, &look, text, about, err);
}

static int search_order(const void *a, const void *b) {
    const search_hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return lh_str_cmp(x->name, y->name);
}

static lh_code search_words(search *all, lh_str text, lh_error *err) {
    if (text.len > SEARCH_BYTES) return lh_fail(err, LH_INVALID, "'q' is longer than %d bytes", SEARCH_BYTES);
    for (size_t at = 0; at < text.len;) {
        size_t from = at;
        while (at < text.len && (unsigned char)text.ptr[at] > ' ') at++;
        if (at > from && all->word_count == SEARCH_WORDS)
            return lh_fail(err, LH_INVALID, "'q' has more than %d words", SEARCH_WORDS);
        if (at > from) all->words[all->word_count++] = lh_str_sub(text, from, at - from);
        else at++;
    }
    return all->word_count ? LH_OK : lh_fail(err, LH_INVALID, "'q' must hold the words to search for");
}

/* A token is "<score> <name>" of the last item of the page before. */
static lh_code search_after(lh_str token, search_hit *ret, lh_error *err) {
    lh_str rest = token, score = lh_str_split(&rest, ' ');
    if (lh_str_to_u64(score, &ret->score) != LH_OK || rest.len == 0)
        return lh_fail(err, LH_INVALID, "page_token is not one that this server gave");
    ret->name = rest;
    return LH_OK;
}

lh_code lh_dataset_search(lh_catalog *catalog, lh_str text, lh_page page, const lh_dataset_seen *seen, lh_arena *arena,
                          lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    search all = {.catalog = catalog, .arena = arena, .seen = seen};
    lh_json *items = lh_json_new_array(arena);
    search_hit after = {0};
    lh_document_page tables;
    size_t limit = page.limit ? page.limit : SEARCH_PAGE, at = 0;
    LH_TRY(search_words(&all, text, err));
    if (page.token.len) LH_TRY(search_after(page.token, &after, err));
    LH_TRY(lh_arena_new(LH_LIMIT_REQUEST_ARENA_BYTES, &scratch, err));
    LH_TRY(
        lh_metastore_list(catalog->metastore, LH_STR("table/"), LH_STR_NONE, CATALOG_LIST_ALL, scratch, &tables, err));
    for (size_t i = 0; i < tables.count; i++) LH_TRY(search_dataset(&all, tables.items[i].key, err));
    if (all.count) qsort(all.hits, all.count, sizeof *all.hits, search_order);
    while (page.token.len && at < all.count && search_order(&all.hits[at], &after) <= 0) at++;
    for (; at < all.count && lh_json_size(items) < limit; at++) lh_json_append(items, all.hits[at].item);
    const search_hit *last = at > 0 && at < all.count ? &all.hits[at - 1] : NULL;
    lh_str next = LH_STR_NONE;
    if (last) next = lh_arena_printf(arena, "%" PRIu64 " %.*s", last->score, LH_STR_ARG(last->name));
    lh_json *answer = lh_json_page(arena, items, next);
    LH_TRY(lh_arena_check(arena, err));
    *ret = answer;
    return LH_OK;
}
