// A C face of USearch's index_gt, which holds links only. Its dense index would hold the vectors as well, once more; here they
// stay in our blocks, and the key of a node is the row's number.
//
// Nodes are numbered in the order in which they were linked ("slots"); rows_of_ says whose row that is. A slot's row is set
// before the slot can be found, by the thread that links it; who finds it has passed a lock of the graph since.
#include "ann/graph.h"

#include <algorithm>
#include <limits>
#include <new>
#include <vector>

#include <usearch/index.hpp>

namespace {
using namespace unum::usearch;
using graph_t = index_gt<float, std::uint32_t, std::uint32_t>;

char const *const out_of_memory = "out of memory";

struct new_row {
    std::uint32_t row;
};
struct seen_query {
    void const *query;
};

constexpr std::uint32_t no_slot = std::numeric_limits<std::uint32_t>::max();

struct distance {
    ann_space const *space;
    std::uint32_t const *rows_of;
    std::uint32_t chosen = no_slot; // is nearest to a new row, whatever it is

    template <typename entry> std::uint32_t row(entry const &member) const noexcept {
        return rows_of[get_slot(member)];
    }
    template <typename entry> float operator()(new_row const &value, entry const &member) const noexcept {
        if (get_slot(member) == chosen) return -std::numeric_limits<float>::infinity();
        return space->between(space->ctx, value.row, row(member));
    }
    template <typename entry> float operator()(seen_query const &value, entry const &member) const noexcept {
        return space->to_query(space->ctx, value.query, row(member));
    }
    template <typename entry> float operator()(entry const &a, entry const &b) const noexcept {
        return space->between(space->ctx, row(a), row(b));
    }
};

struct prefetch {
    ann_space const *space;
    std::uint32_t const *rows_of;

    template <typename iterator> void operator()(iterator begin, iterator end) const noexcept {
        for (; begin != end; ++begin) space->prefetch(space->ctx, rows_of[get_slot(begin)]);
    }
};
struct seen_slot {
    float distance;
    std::uint32_t slot;
};
bool is_nearer(seen_slot const &a, seen_slot const &b) { return a.distance < b.distance; }
bool is_farther(seen_slot const &a, seen_slot const &b) { return a.distance > b.distance; }

// What a search needs, kept for the next one of its context.
struct walk {
    std::vector<std::uint64_t> seen;    // a bit a slot; none is set between searches
    std::vector<std::uint32_t> touched; // slots whose bit is set
    std::vector<seen_slot> open;        // a heap: its first is the nearest whose links are not followed yet
    std::vector<seen_slot> best;        // sorted
    std::vector<std::uint32_t> slots, rows;
    std::vector<float> distances;

    bool sees(std::uint32_t slot) {
        std::uint64_t &word = seen[slot >> 6], bit = std::uint64_t{1} << (slot & 63);
        if (word & bit) return false;
        touched.push_back(slot);
        word |= bit;
        return true;
    }
    void forget() {
        for (std::uint32_t slot : touched) seen[slot >> 6] = 0;
        touched.clear();
        open.clear();
        best.clear();
    }
};
} // namespace

struct ann_graph {
    graph_t graph;
    std::vector<walk> mutable walks; // one for each context
    std::vector<std::uint32_t> rows_of;
    std::vector<std::uint32_t> strays; // their slots
    std::uint32_t entry = 0;           // a slot from which links lead to all rows, but strays
    std::size_t contexts;

    ann_graph(graph_t &&made, std::size_t threads) : graph(std::move(made)), walks(threads), contexts(threads) {}
};

char const *ann_graph_new(std::size_t connectivity, std::size_t contexts, ann_graph **ret) try {
    auto made = graph_t::make(index_config_t(connectivity));
    if (!made) return made.error.release();
    *ret = new ann_graph(std::move(made.index), contexts);
    return nullptr;
} catch (std::bad_alloc const &) {
    return out_of_memory;
}

void ann_graph_free(ann_graph *graph) { delete graph; }

char const *ann_graph_reserve(ann_graph *graph, std::size_t more) try {
    std::size_t rows = graph->graph.size() + more;
    graph->rows_of.resize(rows);
    return graph->graph.try_reserve(index_limits_t(rows, graph->contexts)) ? nullptr : out_of_memory;
} catch (std::bad_alloc const &) {
    return out_of_memory;
}

char const *ann_graph_add(ann_graph *graph, ann_space const *space, std::uint32_t row, std::size_t ef,
                          std::size_t context) try {
    index_update_config_t config;
    config.expansion = ef;
    config.thread = context;
    std::uint32_t *rows_of = graph->rows_of.data();
    auto placed = [rows_of, row](graph_t::member_ref_t member) noexcept { rows_of[member.slot] = row; };
    auto result =
        graph->graph.add(row, new_row{row}, distance{space, rows_of}, config, placed, prefetch{space, rows_of});
    return result ? nullptr : result.error.release();
} catch (std::bad_alloc const &) {
    return out_of_memory;
}

namespace {
// The first slot on the highest level, which is the same after the graph was saved and loaded.
std::uint32_t entry_of(graph_t const &graph) {
    std::uint32_t slot = 0;
    while (graph.level_of(slot) < graph.max_level()) slot++;
    return slot;
}
} // namespace

char const *ann_graph_find_strays(ann_graph *graph, std::size_t *ret) try {
    std::size_t rows = graph->graph.size();
    std::vector<bool> reached(rows);
    std::vector<std::uint32_t> open;
    graph->strays.clear();
    graph->entry = rows ? entry_of(graph->graph) : 0;
    if (rows > 1) open.push_back(graph->entry);
    for (std::uint32_t slot : open) reached[slot] = true;
    while (!open.empty()) {
        std::uint32_t slot = open.back();
        open.pop_back();
        auto links = graph->graph.neighbors(slot, 0);
        for (auto link = links.begin(); link != links.end(); ++link) {
            std::uint32_t to = link.slot();
            if (reached[to]) continue;
            reached[to] = true;
            open.push_back(to);
        }
    }
    for (std::uint32_t slot = 0; rows > 1 && slot < rows; slot++)
        if (!reached[slot]) graph->strays.push_back(slot);
    *ret = graph->strays.size();
    return nullptr;
} catch (std::bad_alloc const &) {
    return out_of_memory;
}

char const *ann_graph_relink(ann_graph *graph, ann_space const *space, std::size_t nth, std::size_t ef, bool room) try {
    graph_t &links = graph->graph;
    index_update_config_t config;
    config.expansion = ef;
    std::uint32_t slot = graph->strays[nth], row = graph->rows_of[slot];
    distance metric{space, graph->rows_of.data()};
    prefetch ahead{space, graph->rows_of.data()};
    if (room) {
        index_search_config_t search;
        search.expansion = ef;
        auto has_room = [&](graph_t::member_cref_t const &member) noexcept {
            return member.slot != slot && links.neighbors(member.slot, 0).size() < 2 * links.connectivity();
        };
        auto found = links.search(new_row{row}, 1, metric, search, has_room, ahead);
        if (!found) return found.error.release();
        if (found.size()) metric.chosen = static_cast<std::uint32_t>(found[0].member.slot);
    }
    auto result = links.update(links.iterator_at(slot), row, new_row{row}, metric, config, dummy_callback_t{}, ahead);
    return result ? nullptr : result.error.release();
} catch (std::bad_alloc const &) {
    return out_of_memory;
}

namespace {
constexpr std::size_t walk_strays = 64;

struct walk_ask {
    ann_graph const &graph;
    ann_space const &space;
    void const *query;
    std::size_t ef;
    bool (*allow)(void const *ctx, std::uint32_t row);
    void const *allow_ctx;
};

void walk_offer(walk_ask const &ask, walk &walk, seen_slot one, std::uint32_t row) {
    bool full = walk.best.size() == ask.ef;
    if (full && one.distance >= walk.best.back().distance) return;
    walk.open.push_back(one);
    std::push_heap(walk.open.begin(), walk.open.end(), is_farther);
    if (ask.allow && !ask.allow(ask.allow_ctx, row)) return;
    if (full) walk.best.pop_back();
    walk.best.insert(std::upper_bound(walk.best.begin(), walk.best.end(), one, is_nearer), one);
}

// The lowest level, from a slot near the query on, and from the entry: links may lead to a slot and none from there back, so that a walk
// would end among a few rows. Also from strays, as long as they are few. USearch's own search goes the same way, but asks for one distance after the
// other, so that each waits for memory.
void walk_base(walk_ask const &ask, walk &walk, std::uint32_t slot) {
    graph_t const &graph = ask.graph.graph;
    walk.slots.assign(1, slot);
    walk.sees(slot);
    if (walk.sees(ask.graph.entry)) walk.slots.push_back(ask.graph.entry);
    if (ask.graph.strays.size() <= walk_strays)
        for (std::uint32_t stray : ask.graph.strays)
            if (walk.sees(stray)) walk.slots.push_back(stray);
    for (;;) {
        std::size_t count = walk.slots.size();
        walk.rows.resize(count);
        walk.distances.resize(count);
        for (std::size_t i = 0; i < count; i++) walk.rows[i] = ask.graph.rows_of[walk.slots[i]];
        ask.space.to_rows(ask.space.ctx, ask.query, walk.rows.data(), count, walk.distances.data());
        for (std::size_t i = 0; i < count; i++) walk_offer(ask, walk, {walk.distances[i], walk.slots[i]}, walk.rows[i]);
        if (walk.open.empty()) return;
        seen_slot next = walk.open.front();
        if (walk.best.size() == ask.ef && next.distance > walk.best.back().distance) return;
        std::pop_heap(walk.open.begin(), walk.open.end(), is_farther);
        walk.open.pop_back();
        walk.slots.clear();
        auto links = graph.neighbors(next.slot, 0);
        for (auto link = links.begin(); link != links.end(); ++link)
            if (walk.sees(link.slot())) walk.slots.push_back(link.slot());
    }
}
} // namespace

char const *ann_graph_search(ann_graph const *graph, ann_space const *space, void const *query, std::size_t ef,
                             std::size_t context, bool (*allow)(void const *ctx, std::uint32_t row),
                             void const *allow_ctx, std::uint32_t *rows, float *distances, std::size_t *ret) try {
    std::uint32_t const *rows_of = graph->rows_of.data();
    *ret = 0;
    if (graph->graph.size() == 0) return nullptr;
    index_cluster_config_t config;
    config.thread = context;
    auto start = graph->graph.cluster(seen_query{query}, 0, distance{space, rows_of}, config, dummy_predicate_t{},
                                      prefetch{space, rows_of});
    if (!start) return start.error.release();
    walk &walk = graph->walks[context];
    walk.seen.resize((graph->graph.size() + 63) / 64);
    walk_base({*graph, *space, query, ef, allow, allow_ctx}, walk,
              static_cast<std::uint32_t>(start.cluster.member.slot));
    for (std::size_t i = 0; i < walk.best.size(); i++) {
        rows[i] = rows_of[walk.best[i].slot];
        distances[i] = walk.best[i].distance;
    }
    *ret = walk.best.size();
    walk.forget();
    return nullptr;
} catch (std::bad_alloc const &) {
    graph->walks[context].forget();
    return out_of_memory;
}

std::size_t ann_graph_rows(ann_graph const *graph) { return graph->graph.size(); }

std::size_t ann_graph_memory_bytes(ann_graph const *graph) {
    return graph->graph.memory_usage() + graph->rows_of.capacity() * sizeof(std::uint32_t);
}

std::size_t ann_graph_saved_bytes(ann_graph const *graph) { return graph->graph.serialized_length(); }

bool ann_graph_save(ann_graph const *graph, bool (*write)(void *ctx, void const *data, std::size_t bytes), void *ctx) {
    return static_cast<bool>(graph->graph.save_to_stream(
        [=](void const *data, std::size_t bytes) noexcept { return write(ctx, data, bytes); }));
}

namespace {
// The saved form: this head, a 16-bit level of each node, then the nodes, unaligned: key (32 bits), level (16), and for level 0 …
// level a list of links: how many (32 bits), then room for connectivity_base (level 0) or connectivity slots (32 bits each).
template <typename number> number read_as(unsigned char const *from) {
    number value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

struct links_check {
    unsigned char const *at, *end;
    index_serialized_header_t head;
    std::vector<bool> seen; // of the index's rows; those that may not be there are so from the start

    std::size_t bytes_of(std::int16_t level) const {
        return 6 + (4 + 4 * head.connectivity_base) + static_cast<std::size_t>(level) * (4 + 4 * head.connectivity);
    }
    bool list(unsigned char const *from, std::size_t room) const {
        std::uint32_t count = read_as<std::uint32_t>(from);
        if (count > room) return false;
        for (std::uint32_t i = 0; i < count; i++)
            if (read_as<std::uint32_t>(from + 4 + 4 * i) >= head.size) return false;
        return true;
    }
    bool node(std::int16_t level) {
        std::uint32_t row = read_as<std::uint32_t>(at);
        if (row >= seen.size() || seen[row] || read_as<std::int16_t>(at + 4) != level) return false;
        seen[row] = true;
        unsigned char const *from = at + 6;
        if (!list(from, head.connectivity_base)) return false;
        from += 4 + 4 * head.connectivity_base;
        for (std::int16_t i = 0; i < level; i++, from += 4 + 4 * head.connectivity)
            if (!list(from, head.connectivity)) return false;
        at += bytes_of(level);
        return true;
    }
};

// A link on level n must lead to a node that has a level n.
bool links_reach(links_check const &check, unsigned char const *levels, unsigned char const *nodes) {
    unsigned char const *at = nodes;
    for (std::size_t i = 0; i < check.head.size; i++) {
        std::int16_t level = read_as<std::int16_t>(levels + 2 * i);
        unsigned char const *from = at + 6 + 4 + 4 * check.head.connectivity_base;
        for (std::int16_t n = 1; n <= level; n++, from += 4 + 4 * check.head.connectivity)
            for (std::uint32_t j = 0; j < read_as<std::uint32_t>(from); j++)
                if (read_as<std::int16_t>(levels + 2 * read_as<std::uint32_t>(from + 4 + 4 * j)) < n) return false;
        at += check.bytes_of(level);
    }
    return true;
}

bool is_sound(ann_graph_saved const &saved, std::size_t connectivity) {
    links_check check{};
    unsigned char const *data = static_cast<unsigned char const *>(saved.data);
    std::size_t bytes = saved.bytes, rows = saved.rows - saved.absent;
    if (bytes < sizeof check.head) return false;
    std::memcpy(&check.head, data, sizeof check.head);
    if (check.head.size != rows || rows == 0) return bytes == sizeof check.head && check.head.size == rows;
    if (check.head.connectivity != connectivity || check.head.connectivity_base != 2 * connectivity) return false;
    unsigned char const *levels = data + sizeof check.head;
    if ((bytes - sizeof check.head) / 2 < rows || check.head.entry_slot >= rows) return false;
    check.at = levels + 2 * rows;
    check.end = data + bytes;
    check.seen.resize(saved.rows);
    for (std::size_t row = 0; saved.absent_bits && row < saved.rows; row++)
        check.seen[row] = saved.absent_bits[row >> 6] >> (row & 63) & 1;
    for (std::size_t i = 0; i < rows; i++) {
        std::int16_t level = read_as<std::int16_t>(levels + 2 * i);
        if (level < 0 || static_cast<std::uint64_t>(level) > check.head.max_level) return false;
        if (static_cast<std::size_t>(check.end - check.at) < check.bytes_of(level) || !check.node(level)) return false;
    }
    std::int16_t top = read_as<std::int16_t>(levels + 2 * check.head.entry_slot);
    return check.at == check.end && static_cast<std::uint64_t>(top) == check.head.max_level &&
           links_reach(check, levels, levels + 2 * rows);
}
} // namespace

char const *ann_graph_load(ann_graph *graph, ann_graph_saved const *saved, bool view, bool *ret_damaged) try {
    *ret_damaged = !is_sound(*saved, graph->graph.connectivity());
    if (*ret_damaged) return "the graph is damaged";
    if (!graph->graph.try_reserve(index_limits_t(0, graph->contexts))) return out_of_memory;
    memory_mapped_file_t memory(static_cast<byte_t *>(const_cast<void *>(saved->data)),
                                saved->bytes); // which only reads it
    auto result = view ? graph->graph.view(std::move(memory)) : graph->graph.load(std::move(memory));
    if (!result) return result.error.release();
    std::size_t rows = graph->graph.size();
    graph->rows_of.resize(rows);
    for (std::size_t slot = 0; slot < rows; slot++)
        graph->rows_of[slot] = graph->graph.at(static_cast<std::uint32_t>(slot)).key;
    std::size_t strays;
    return ann_graph_find_strays(graph, &strays);
} catch (std::bad_alloc const &) {
    return out_of_memory;
}
