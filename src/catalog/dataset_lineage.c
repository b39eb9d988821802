/* Where a dataset's rows came from, and what was made of it.
 *
 * Loads are known from the "ingested/…" records. For SQL each dataset has a document "lineage/<levels>/<name>":
 *   {"schema_version":1,"parents":[{"namespace":"a\u001fb","name":"t","snapshot_id":7,"first_at":"…","last_at":"…",
 *                                   "dropped_at":"…","in_part_by":["principal"]}],
 *    "parts":[{"namespace","name","in_part_by"}]}: of the parents' parents, so that nothing hangs on a parent that is gone
 * It is written by the metastore commit of the statement that wrote the rows, and follows its dataset's renaming and
 * dropping (datasets.c). A renaming of a parent renames it in its children's documents too, and its drop marks it there
 * (dropped_at), in the same commit: a later table of that name is not taken for the parent.
 * Going down means to look through all documents; they are in memory, and one per dataset that SQL has written. */
#include "catalog/dataset_internal.h"

enum {
    LINEAGE_PARENTS = 1000,
    LINEAGE_WRITERS = 50,
    LINEAGE_NODES = 1000,
    LINEAGE_JOBS = 100,
    LINEAGE_ARENA_BYTES = 256 << 20
};

lh_str lineage_key(lh_table_name name, lh_arena *arena) {
    return lh_arena_printf(arena, "lineage/%.*s/%.*s", LH_STR_ARG(name.namespace_), LH_STR_ARG(name.name));
}

static bool lineage_same(lh_table_name a, lh_table_name b) {
    return lh_str_eq(a.namespace_, b.namespace_) && lh_str_eq(a.name, b.name);
}

static lh_table_name lineage_parent_name(const lh_json *parent) {
    return (lh_table_name){lh_json_get_string(parent, "namespace"), lh_json_get_string(parent, "name")};
}

static bool lineage_is_dropped(const lh_json *parent) { return lh_json_is_string(lh_json_get(parent, "dropped_at")); }

/* ---- writing ---- */

static lh_str lineage_now(lh_arena *arena) {
    return lh_arena_dup(arena, lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
}

static lh_json *lineage_parent(lh_json *parents, lh_table_name name) {
    for (lh_json_iter it = lh_json_each(parents); lh_json_next(&it);)
        if (lineage_same(lineage_parent_name(it.value), name) && !lineage_is_dropped(it.value)) return it.value;
    return NULL;
}

/* Who wrote rows of it having seen a part; "*" for more than can be told. */
static void lineage_note_part(lh_json *parent, lh_str by, lh_arena *arena) {
    lh_json *all = lh_json_get(parent, "in_part_by");
    if (!lh_json_is_array(all)) {
        lh_json_set(arena, parent, "in_part_by", lh_json_new_array(arena));
        all = lh_json_get(parent, "in_part_by");
    }
    for (lh_json_iter it = lh_json_each(all); lh_json_next(&it);)
        if (lh_str_eq(lh_json_str(it.value, LH_STR_NONE), by)) return;
    if (lh_json_size(all) >= LINEAGE_WRITERS) by = LH_STR("*");
    lh_json_append(all, lh_json_new_string(arena, by));
}

/* The oldest of those that hide nothing from anybody, if there is one. */
static void lineage_forget_one(lh_json *parents) {
    size_t oldest = 0;
    for (lh_json_iter it = lh_json_each(parents); lh_json_next(&it);)
        if (lh_json_size(lh_json_get(it.value, "in_part_by")) == 0) {
            oldest = it.index;
            break;
        }
    lh_json_remove_at(parents, oldest);
}

static void lineage_note(lh_json *parents, lh_table_name name, int64_t snapshot_id, lh_str now, lh_str in_part_by,
                         lh_arena *arena) {
    lh_json *parent = lineage_parent(parents, name);
    if (!parent) {
        if (lh_json_size(parents) >= LINEAGE_PARENTS) lineage_forget_one(parents);
        parent = lh_json_new_object(arena);
        lh_json_set_string(arena, parent, "namespace", name.namespace_);
        lh_json_set_string(arena, parent, "name", name.name);
        lh_json_set_string(arena, parent, "first_at", now);
        lh_json_append(parents, parent);
        parent = lh_json_at(parents, lh_json_size(parents) - 1);
    }
    lh_json_set(arena, parent, "snapshot_id",
                snapshot_id < 0 ? lh_json_new_null(arena) : lh_json_new_int(arena, snapshot_id));
    lh_json_set_string(arena, parent, "last_at", now);
    if (in_part_by.len) lineage_note_part(parent, in_part_by, arena);
}

/* The document's entries under that member, copied. */
static lh_json *lineage_entries(lh_catalog *catalog, lh_table_name name, const char *member, lh_arena *arena) {
    lh_str text;
    lh_json *document = NULL;
    bool found = lh_metastore_get(catalog->metastore, lineage_key(name, arena), arena, &text, NULL, NULL) == LH_OK &&
                 lh_json_parse(arena, text, &document, NULL) == LH_OK;
    const lh_json *entries = found ? lh_json_get(document, member) : NULL;
    return lh_json_is_array(entries) ? lh_json_copy(arena, entries) : lh_json_new_array(arena);
}

static lh_code lineage_document(lh_json *parents, lh_json *parts, lh_arena *arena, lh_str *ret, lh_error *err) {
    lh_json *document = lh_json_new_object(arena);
    lh_json_set_int(arena, document, "schema_version", 1);
    lh_json_set(arena, document, "parents", parents);
    if (lh_json_size(parts)) lh_json_set(arena, document, "parts", parts);
    return lh_json_write(arena, document, false, ret, err);
}

static void lineage_add_part(lh_json *parts, const lh_json *entry, lh_arena *arena) {
    const lh_table_name name = lineage_parent_name(entry);
    lh_json *part = NULL;
    for (lh_json_iter it = lh_json_each(parts); lh_json_next(&it);)
        if (lineage_same(lineage_parent_name(it.value), name)) part = it.value;
    if (!part) {
        part = lh_json_new_object(arena);
        lh_json_set_string(arena, part, "namespace", name.namespace_);
        lh_json_set_string(arena, part, "name", name.name);
        lh_json_append(parts, part);
        part = lh_json_at(parts, lh_json_size(parts) - 1);
    }
    for (lh_json_iter by = lh_json_each(lh_json_get(entry, "in_part_by")); lh_json_next(&by);)
        lineage_note_part(part, lh_json_str(by.value, LH_STR("*")), arena);
}

/* What a parent has of others who saw a part, the child has too. */
static void lineage_take_parts(lh_catalog *catalog, lh_table_name parent, lh_json *parts, lh_arena *arena) {
    static const char *const members[] = {"parents", "parts"};
    for (size_t m = 0; m < 2; m++)
        for (lh_json_iter it = lh_json_each(lineage_entries(catalog, parent, members[m], arena)); lh_json_next(&it);)
            if (lh_json_size(lh_json_get(it.value, "in_part_by"))) lineage_add_part(parts, it.value, arena);
}

static void lineage_list_parts(const lh_json *entries, lh_lineage_part *into, size_t *count) {
    for (lh_json_iter it = lh_json_each(entries); lh_json_next(&it);)
        for (lh_json_iter by = lh_json_each(lh_json_get(it.value, "in_part_by")); lh_json_next(&by);)
            into[(*count)++] = (lh_lineage_part){lineage_parent_name(it.value), lh_json_str(by.value, LH_STR("*"))};
}

lh_code lh_lineage_parts(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_lineage_part **ret,
                         size_t *ret_count, lh_error *err) {
    static const char *const members[] = {"parents", "parts"};
    lh_str text;
    lh_json *document = NULL;
    size_t room = 0;
    *ret = NULL;
    *ret_count = 0;
    lh_code code = lh_metastore_get(catalog->metastore, lineage_key(name, arena), arena, &text, NULL, err);
    if (code == LH_NOT_FOUND) return LH_OK;
    LH_TRY(code);
    LH_TRY(lh_json_parse(arena, text, &document, err));
    for (size_t m = 0; m < 2; m++)
        for (lh_json_iter it = lh_json_each(lh_json_get(document, members[m])); lh_json_next(&it);)
            room += lh_json_size(lh_json_get(it.value, "in_part_by"));
    *ret = LH_ARENA_ARRAY(arena, lh_lineage_part, room + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t m = 0; m < 2; m++) lineage_list_parts(lh_json_get(document, members[m]), *ret, ret_count);
    return LH_OK;
}

lh_code lh_lineage_annotate(lh_catalog *catalog, lh_table_name name, const lh_lineage_parent *parents, size_t count,
                            lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(LH_LIMIT_JSON_BYTES, &arena, err));
    lh_json *known = lineage_entries(catalog, name, "parents", arena),
            *parts = lineage_entries(catalog, name, "parts", arena);
    lh_str now = lineage_now(arena);
    size_t noted = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t id = -1;
        if (lineage_same(parents[i].name, name) || lh_table_snapshot_id(catalog, parents[i].name, &id, NULL) != LH_OK)
            continue;
        lineage_note(known, parents[i].name, id, now, parents[i].in_part_by, arena);
        lineage_take_parts(catalog, parents[i].name, parts, arena);
        noted++;
    }
    if (noted == 0) return LH_OK;
    lh_change change = {.key = lineage_key(name, arena)};
    LH_TRY(lineage_document(known, parts, arena, &change.text, err));
    return lh_annotation_set(catalog, name, NULL, &change, 1, err);
}

/* One child's document with `from` renamed or marked; false when it does not name it. */
static bool lineage_replace(lh_json *parents, lh_table_name from, const lh_table_name *to, lh_arena *arena) {
    lh_json *parent = lineage_parent(parents, from);
    if (!parent) return false;
    if (to) {
        lh_json_set_string(arena, parent, "namespace", to->namespace_);
        lh_json_set_string(arena, parent, "name", to->name);
    } else {
        lh_json_set_string(arena, parent, "dropped_at", lineage_now(arena));
    }
    return true;
}

lh_code lineage_parent_changes(lh_catalog *catalog, lh_table_name from, const lh_table_name *to, lh_arena *arena,
                               lh_change **ret, size_t *ret_count, lh_error *err) {
    lh_document_page page;
    LH_TRY(lh_metastore_list(catalog->metastore, LH_STR("lineage/"), LH_STR_NONE, CATALOG_LIST_ALL, arena, &page, err));
    lh_change *changes = LH_ARENA_ARRAY(arena, lh_change, page.count + 1);
    lh_str own = lineage_key(from, arena);
    size_t count = 0;
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < page.count; i++) {
        lh_json *document = NULL;
        if (lh_str_eq(page.items[i].key, own) || lh_str_search(page.items[i].text, from.name) == SIZE_MAX) continue;
        if (lh_json_parse(arena, page.items[i].text, &document, NULL) != LH_OK) continue;
        bool named = lineage_replace(lh_json_get(document, "parents"), from, to, arena);
        if (to) named |= lineage_replace(lh_json_get(document, "parts"), from, to, arena);
        if (!named) continue;
        changes[count] = (lh_change){.key = page.items[i].key, .expected = page.items[i].version};
        LH_TRY(lh_json_write(arena, document, false, &changes[count++].text, err));
    }
    *ret = changes;
    *ret_count = count;
    return LH_OK;
}

/* ---- the graph ---- */

typedef struct lineage_edge {
    lh_table_name parent, child;
    const lh_json *record;
} lineage_edge;

typedef struct lineage_graph {
    lh_catalog *catalog;
    lh_arena *arena, *scratch;
    const lh_dataset_seen *seen; /* NULL: all */
    lineage_edge *all;
    size_t all_count;
    struct {
        lh_table_name name;
        int64_t distance; /* negative: upwards */
    } nodes[LINEAGE_NODES];
    size_t count;
    lh_json *json_nodes, *json_edges;
    bool truncated;
} lineage_graph;

static bool lineage_shows(const lineage_graph *graph, lh_table_name name) {
    return !graph->seen || graph->seen->shows(graph->seen->ctx, name, LH_STR_NONE);
}

static lh_code lineage_load(lineage_graph *graph, lh_error *err) {
    lh_document_page page;
    size_t room = 0;
    LH_TRY(lh_metastore_list(graph->catalog->metastore, LH_STR("lineage/"), LH_STR_NONE, CATALOG_LIST_ALL,
                             graph->scratch, &page, err));
    lh_json **documents = LH_ARENA_ARRAY(graph->scratch, lh_json *, page.count + 1);
    if (!documents) return lh_arena_check(graph->scratch, err);
    for (size_t i = 0; i < page.count; i++) {
        if (lh_json_parse(graph->scratch, page.items[i].text, &documents[i], NULL) != LH_OK) documents[i] = NULL;
        room += lh_json_size(lh_json_get(documents[i], "parents"));
    }
    graph->all = LH_ARENA_ARRAY(graph->scratch, lineage_edge, room + 1);
    if (!graph->all) return lh_arena_check(graph->scratch, err);
    for (size_t i = 0; i < page.count; i++) {
        lh_str rest = lh_str_sub(page.items[i].key, sizeof "lineage/" - 1, SIZE_MAX);
        lh_table_name child = {.namespace_ = lh_str_split(&rest, '/')};
        child.name = rest;
        if (!lineage_shows(graph, child)) continue;
        for (lh_json_iter it = lh_json_each(lh_json_get(documents[i], "parents")); lh_json_next(&it);)
            if (lineage_shows(graph, lineage_parent_name(it.value)))
                graph->all[graph->all_count++] = (lineage_edge){lineage_parent_name(it.value), child, it.value};
    }
    return lh_arena_check(graph->scratch, err);
}

static bool lineage_has(const lineage_graph *graph, lh_table_name name) {
    for (size_t i = 0; i < graph->count; i++)
        if (lineage_same(graph->nodes[i].name, name)) return true;
    return false;
}

static void lineage_add(lineage_graph *graph, lh_table_name name, int64_t distance) {
    if (lineage_has(graph, name)) return;
    if (graph->count == LINEAGE_NODES) {
        graph->truncated = true;
        return;
    }
    graph->nodes[graph->count].name = name;
    graph->nodes[graph->count++].distance = distance;
}

/* Everything within `depth` steps one way. A dropped parent is shown, but what had its name is not gone through. */
static void lineage_reach(lineage_graph *graph, lh_table_name from, bool up, unsigned depth) {
    size_t begin = 0, end = 1;
    lh_table_name *front = LH_ARENA_ARRAY(graph->scratch, lh_table_name, LINEAGE_NODES + 1);
    if (!front) return;
    front[0] = from;
    for (unsigned step = 1; step <= depth && begin < end; step++) {
        size_t next = end;
        for (; begin < next; begin++) {
            for (size_t i = 0; i < graph->all_count && end <= LINEAGE_NODES; i++) {
                const lineage_edge *edge = &graph->all[i];
                lh_table_name here = up ? edge->child : edge->parent, there = up ? edge->parent : edge->child;
                if (!lineage_same(here, front[begin]) || lineage_is_dropped(edge->record) || lineage_has(graph, there))
                    continue;
                lineage_add(graph, there, up ? -(int64_t)step : (int64_t)step);
                front[end++] = there;
            }
        }
    }
}

static lh_json *lineage_node(lineage_graph *graph, const char *kind, lh_str id, lh_str name) {
    lh_json *node = lh_json_new_object(graph->arena);
    lh_json_set_string(graph->arena, node, "id", lh_arena_printf(graph->arena, "%s:%.*s", kind, LH_STR_ARG(id)));
    lh_json_set_string(graph->arena, node, "kind", lh_str_from(kind));
    lh_json_set_string(graph->arena, node, "name", name);
    return node;
}

static lh_json *lineage_link(lineage_graph *graph, lh_str from, lh_str to, const char *kind) {
    lh_json *edge = lh_json_new_object(graph->arena);
    lh_json_set_string(graph->arena, edge, "from", from);
    lh_json_set_string(graph->arena, edge, "to", to);
    lh_json_set_string(graph->arena, edge, "kind", lh_str_from(kind));
    return edge;
}

static bool lineage_has_source(const lineage_graph *graph, lh_str id) {
    for (lh_json_iter it = lh_json_each(graph->json_nodes); lh_json_next(&it);)
        if (lh_str_eq(lh_json_get_string(it.value, "id"), id)) return true;
    return false;
}

/* One load: where it came from → the job → the dataset. */
static void lineage_put_job(lineage_graph *graph, const lh_json *record, lh_str dataset_id) {
    lh_str job = lh_json_get_string(record, "job_id"), source = lh_json_get_string(record, "source");
    lh_json *node = lineage_node(graph, "job", job, lh_json_get_string(record, "file"));
    lh_json_set_string(graph->arena, node, "format", lh_json_get_string(record, "format"));
    lh_json_set_string(graph->arena, node, "at", lh_json_get_string(record, "at"));
    lh_str job_id = lh_json_get_string(node, "id");
    lh_json_append(graph->json_nodes, node);
    lh_json_append(graph->json_edges, lineage_link(graph, job_id, dataset_id, "ingest"));
    if (source.len == 0) return;
    lh_str source_id = lh_arena_printf(graph->arena, "source:%.*s", LH_STR_ARG(source));
    if (!lineage_has_source(graph, source_id))
        lh_json_append(graph->json_nodes, lineage_node(graph, "source", source, source));
    lh_json_append(graph->json_edges, lineage_link(graph, source_id, job_id, "ingest"));
}

static lh_code lineage_put_jobs(lineage_graph *graph, lh_table_name name, lh_str dataset_id, lh_error *err) {
    lh_document_page page;
    LH_TRY(lh_metastore_list(graph->catalog->metastore, lh_ingested_key(name, LH_STR_NONE, graph->scratch), LH_STR_NONE,
                             LINEAGE_JOBS, graph->scratch, &page, err));
    graph->truncated |= page.more;
    for (size_t i = 0; i < page.count; i++) {
        lh_json *record = NULL;
        if (lh_json_parse(graph->scratch, page.items[i].text, &record, NULL) == LH_OK)
            lineage_put_job(graph, record, dataset_id);
    }
    return LH_OK;
}

static lh_str lineage_id(lineage_graph *graph, lh_table_name name) {
    return lh_arena_printf(graph->arena, "dataset:%.*s", LH_STR_ARG(lh_table_name_text(name, graph->arena)));
}

static lh_code lineage_write(lineage_graph *graph, bool jobs, lh_error *err) {
    for (size_t i = 0; i < graph->count; i++) {
        lh_table_name name = graph->nodes[i].name;
        lh_str text = lh_table_name_text(name, graph->arena), id = lineage_id(graph, name);
        bool exists = lh_table_exists(graph->catalog, name);
        lh_json *node = lineage_node(graph, "dataset", text, text);
        lh_json_set_int(graph->arena, node, "distance", graph->nodes[i].distance);
        lh_json_set_bool(graph->arena, node, "exists", exists);
        lh_json_append(graph->json_nodes, node);
        if (jobs && exists && graph->nodes[i].distance <= 0) LH_TRY(lineage_put_jobs(graph, name, id, err));
    }
    for (size_t i = 0; i < graph->all_count; i++) {
        const lineage_edge *edge = &graph->all[i];
        if (lineage_is_dropped(edge->record) || !lineage_has(graph, edge->parent) || !lineage_has(graph, edge->child))
            continue;
        lh_json *link = lineage_link(graph, lineage_id(graph, edge->parent), lineage_id(graph, edge->child), "sql");
        lh_json_set(graph->arena, link, "snapshot_id",
                    lh_json_copy(graph->arena, lh_json_get(edge->record, "snapshot_id")));
        lh_json_set_string(graph->arena, link, "first_at", lh_json_get_string(edge->record, "first_at"));
        lh_json_set_string(graph->arena, link, "last_at", lh_json_get_string(edge->record, "last_at"));
        lh_json_append(graph->json_edges, link);
    }
    return LH_OK;
}

/* Parents that were dropped: "dropped" of the answer, not nodes, because their names may be others' now. */
static lh_json *lineage_dropped(const lineage_graph *graph, lh_table_name name) {
    lh_json *dropped = lh_json_new_array(graph->arena);
    for (size_t i = 0; i < graph->all_count; i++) {
        const lineage_edge *edge = &graph->all[i];
        if (!lineage_same(edge->child, name) || !lineage_is_dropped(edge->record)) continue;
        lh_json *item = lh_json_new_object(graph->arena);
        lh_json_set_string(graph->arena, item, "dataset", lh_table_name_text(edge->parent, graph->arena));
        lh_json_set_string(graph->arena, item, "last_at", lh_json_get_string(edge->record, "last_at"));
        lh_json_set_string(graph->arena, item, "dropped_at", lh_json_get_string(edge->record, "dropped_at"));
        lh_json_append(dropped, item);
    }
    return dropped;
}

lh_code lh_lineage_get(lh_catalog *catalog, lh_table_name name, lh_lineage_direction direction, unsigned depth,
                       const lh_dataset_seen *seen, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *scratch = NULL;
    catalog_table table;
    LH_TRY(lh_arena_new(LINEAGE_ARENA_BYTES, &scratch, err));
    LH_TRY(catalog_table_find(catalog, name, scratch, &table, err));
    lineage_graph *graph = LH_ARENA_NEW(scratch, lineage_graph);
    if (!graph) return lh_arena_check(scratch, err);
    *graph = (lineage_graph){.catalog = catalog, .arena = arena, .scratch = scratch, .seen = seen};
    graph->json_nodes = lh_json_new_array(arena), graph->json_edges = lh_json_new_array(arena);
    LH_TRY(lineage_load(graph, err));
    lineage_add(graph, name, 0);
    if (direction & LH_LINEAGE_UP) lineage_reach(graph, name, true, depth);
    if (direction & LH_LINEAGE_DOWN) lineage_reach(graph, name, false, depth);
    LH_TRY(lineage_write(graph, (direction & LH_LINEAGE_UP) != 0, err));
    lh_json *answer = lh_json_new_object(arena);
    lh_json_set_string(arena, answer, "dataset", lh_table_name_text(name, arena));
    lh_json_set(arena, answer, "nodes", graph->json_nodes);
    lh_json_set(arena, answer, "edges", graph->json_edges);
    lh_json_set(arena, answer, "dropped", lineage_dropped(graph, name));
    lh_json_set_bool(arena, answer, "truncated", graph->truncated);
    LH_TRY(lh_arena_check(scratch, err));
    LH_TRY(lh_arena_check(arena, err));
    *ret = answer;
    return LH_OK;
}
