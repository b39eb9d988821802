/* See listing_shim.h. The functions are changed where DuckDB keeps them, as in bounds_shim.cc. They are plain pointers, so what they need
 * is found by the statement's database. A table that a transaction has made is in no list of the extension's before the commit, so none is lost here. */
#include "engine/listing_shim.h"

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/table_function_catalog_entry.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/storage/object_cache.hpp>

using namespace duckdb;

namespace {

struct List {
    const char *name;
    idx_t database, schema, table; /* columns; table 0: it is of schemas */
};
constexpr List LISTS[] = {{"duckdb_tables", 0, 2, 4},
                          {"duckdb_columns", 0, 2, 4},
                          {"duckdb_constraints", 0, 2, 4},
                          {"duckdb_schemas", 1, 3, 0}};
constexpr size_t COUNT = sizeof LISTS / sizeof *LISTS;

struct Lists : public ObjectCacheEntry {
    static string ObjectType() { return "lakehouse_lists"; }
    string GetObjectType() override { return ObjectType(); }
    optional_idx GetEstimatedCacheMemory() const override { return optional_idx(); } /* it stays */

    bool (*has)(void *ctx, const char *schema, const char *table) = nullptr;
    void *ctx = nullptr;
    table_function_t inner[COUNT] = {};
};

/* Rows of one table follow one another. */
class Asker {
  public:
    explicit Asker(const Lists &lists_p) : lists(lists_p) {}

    bool Has(const List &list, DataChunk &rows, idx_t row) {
        if (rows.GetValue(list.database, row).ToString() != "lake") return true;
        string of = rows.GetValue(list.schema, row).ToString(),
               name = list.table ? rows.GetValue(list.table, row).ToString() : "";
        if (!asked || of != schema || name != table)
            has = lists.has(lists.ctx, of.c_str(), list.table ? name.c_str() : nullptr);
        asked = true;
        schema = std::move(of);
        table = std::move(name);
        return has;
    }

  private:
    const Lists &lists;
    bool asked = false, has = true;
    string schema, table;
};

/* No rows are the end, so another batch is taken when all of one are gone. */
template <size_t N> void listed(ClientContext &context, TableFunctionInput &input, DataChunk &output) {
    auto lists = ObjectCache::GetObjectCache(context).Get<Lists>(Lists::ObjectType());
    if (!lists) throw InternalException("%s: nobody says what there is", LISTS[N].name);
    Asker asker(*lists);
    for (idx_t kept = 0; kept == 0;) {
        output.Reset();
        lists->inner[N](context, input, output);
        if (output.size() == 0) return;
        SelectionVector rows(output.size());
        for (idx_t row = 0; row < output.size(); row++)
            if (asker.Has(LISTS[N], output, row)) rows.set_index(kept++, row);
        if (kept < output.size() && kept > 0) output.Slice(rows, kept);
    }
}

template <size_t N> void replace(ClientContext &context, Lists &lists) {
    auto &entry =
        Catalog::GetSystemCatalog(context).GetEntry<TableFunctionCatalogEntry>(context, DEFAULT_SCHEMA, LISTS[N].name);
    auto &functions = entry.functions.functions;
    if (functions.size() != 1 || !functions[0].function || functions[0].projection_pushdown)
        throw InternalException("%s has another form than was known", LISTS[N].name);
    lists.inner[N] = functions[0].function;
    functions[0].function = listed<N>;
}

} // namespace

bool listing_shim_install(duckdb_database database, bool (*has)(void *ctx, const char *schema, const char *table),
                          void *ctx) {
    try {
        Connection connection(*reinterpret_cast<DatabaseWrapper *>(database)->database);
        auto &context = *connection.context;
        auto lists = make_shared_ptr<Lists>();
        lists->has = has;
        lists->ctx = ctx;
        context.RunFunctionInTransaction([&]() {
            replace<0>(context, *lists);
            replace<1>(context, *lists);
            replace<2>(context, *lists);
            replace<3>(context, *lists);
            ObjectCache::GetObjectCache(context).Put(Lists::ObjectType(), lists);
        });
        return true;
    } catch (...) {
        return false;
    }
}
