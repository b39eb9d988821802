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
    idx_t database, schema, table; /* columns; table as schema: it is of schemas */
};
constexpr List LISTS[] = {{"duckdb_tables", 0, 2, 4},
                          {"duckdb_columns", 0, 2, 4},
                          {"duckdb_constraints", 0, 2, 4},
                          {"duckdb_schemas", 1, 3, 3}};
constexpr size_t COUNT = sizeof LISTS / sizeof *LISTS;

struct Lists : public ObjectCacheEntry {
    static string ObjectType() { return "lakehouse_lists"; }
    string GetObjectType() override { return ObjectType(); }
    optional_idx GetEstimatedCacheMemory() const override { return optional_idx(); } /* it stays */

    listing_has_fn has = nullptr;
    void *ctx = nullptr;
    table_function_t inner[COUNT] = {};
};

/* A column of texts. */
class Texts {
  public:
    Texts(DataChunk &chunk, idx_t column) { chunk.data[column].ToUnifiedFormat(chunk.size(), format); }
    string_t Get(idx_t row) const {
        auto at = format.sel->get_index(row);
        return format.validity.RowIsValid(at) ? UnifiedVectorFormat::GetData<string_t>(format)[at] : string_t();
    }

  private:
    UnifiedVectorFormat format;
};

/* Which rows of a batch are of what is there, their schemas as they are written now. Those of one table follow one another. */
idx_t select(const Lists &lists, const List &list, DataChunk &batch, SelectionVector &rows) {
    const Texts databases(batch, list.database), schemas(batch, list.schema), tables(batch, list.table);
    const string_t lake("lake");
    string_t schema, table;
    char spelled[LISTING_SCHEMA_BYTES] = "";
    bool asked = false, has = true;
    idx_t kept = 0;
    for (idx_t row = 0; row < batch.size(); row++) {
        if (databases.Get(row) == lake) {
            if (!asked || schemas.Get(row) != schema || tables.Get(row) != table) {
                schema = schemas.Get(row);
                table = tables.Get(row);
                spelled[0] = '\0';
                has = lists.has(lists.ctx, schema.GetString().c_str(),
                                list.table == list.schema ? nullptr : table.GetString().c_str(), spelled);
                asked = true;
            }
            if (!has) continue;
            if (spelled[0]) batch.SetValue(list.schema, row, Value(spelled));
        }
        rows.set_index(kept++, row);
    }
    return kept;
}

/* No rows are the end, so another batch is taken when all of one are gone. */
template <size_t N> void listed(ClientContext &context, TableFunctionInput &input, DataChunk &output) {
    auto lists = ObjectCache::GetObjectCache(context).Get<Lists>(Lists::ObjectType());
    if (!lists) throw InternalException("%s: nobody says what there is", LISTS[N].name);
    for (idx_t kept = 0; kept == 0;) {
        output.Reset();
        lists->inner[N](context, input, output);
        if (output.size() == 0) return;
        SelectionVector rows(output.size());
        kept = select(*lists, LISTS[N], output, rows);
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

bool listing_shim_install(duckdb_database database, listing_has_fn has, void *ctx) {
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
