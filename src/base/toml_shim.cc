/* The one C++ file: tomlplusplus is C++ only. Nothing thrown leaves lh_toml_walk(). Parsing goes
 * from a string, never from a stream. Tables of tomlplusplus are ordered by name, so the items are
 * sorted by their place first: errors name the first wrong line of the file. */
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <string_view>
#include <vector>

#include "base/toml_shim.h"

namespace {

struct entry {
    std::string_view section;
    std::string_view key;
    const toml::node *node;
    toml::source_position place;
};

lh_toml_item to_item(const entry &e) {
    lh_toml_item item = {};
    item.section = e.section.data();
    item.section_bytes = e.section.size();
    item.key = e.key.data();
    item.key_bytes = e.key.size();
    item.line = e.place.line;
    item.column = e.place.column;
    item.kind = LH_TOML_OTHER;
    if (e.key.data() == nullptr) {
        item.kind = LH_TOML_SECTION;
    } else if (const auto *text = e.node->as_string()) {
        item.kind = LH_TOML_STRING;
        item.text = text->get().data();
        item.text_bytes = text->get().size();
    } else if (const auto *number = e.node->as_integer()) {
        item.kind = LH_TOML_INT;
        item.number = number->get();
    } else if (const auto *truth = e.node->as_boolean()) {
        item.kind = LH_TOML_BOOL;
        item.number = truth->get() ? 1 : 0;
    }
    return item;
}

std::vector<entry> collect(const toml::table &root) {
    std::vector<entry> entries;
    for (const auto &[name, node] : root) {
        const toml::table *section = node.as_table();
        if (!section) {
            entries.push_back({"", name.str(), &node, name.source().begin});
            continue;
        }
        entries.push_back({name.str(), {}, &node, name.source().begin});
        for (const auto &[key, value] : *section) entries.push_back({name.str(), key.str(), &value, key.source().begin});
    }
    std::stable_sort(entries.begin(), entries.end(), [](const entry &a, const entry &b) {
        return a.place.line != b.place.line ? a.place.line < b.place.line : a.place.column < b.place.column;
    });
    return entries;
}

} // namespace

lh_toml_result lh_toml_walk(const char *text, size_t text_bytes, int (*visit)(void *, const lh_toml_item *), void *ctx,
                            lh_toml_failure *failure) try {
    toml::parse_result parsed = toml::parse(std::string_view(text ? text : "", text_bytes), std::string_view());
    if (!parsed) {
        const toml::parse_error &error = parsed.error();
        failure->line = error.source().begin.line;
        failure->column = error.source().begin.column;
        const std::string_view why = error.description();
        std::snprintf(failure->message, sizeof failure->message, "%.*s", static_cast<int>(std::min<size_t>(why.size(), 255)), why.data());
        return LH_TOML_BAD_SYNTAX;
    }
    for (const entry &e : collect(parsed.table())) {
        const lh_toml_item item = to_item(e);
        if (visit(ctx, &item) != 0) return LH_TOML_STOPPED;
    }
    return LH_TOML_OK;
} catch (const std::exception &) {
    return LH_TOML_NO_MEMORY;
}
