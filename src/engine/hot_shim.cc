/* See hot_shim.h. The statement is changed as a tree, so that every place in the text stays what the user wrote; the plan
 * is changed when it is bound and before anything was optimized, so that statistics of an empty shell are never used. */
#include "engine/hot_shim.h"

#include "engine/tree_shim.h"

#include <cstdio>

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/table_catalog_entry.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/planner/binder.hpp>
#include <duckdb/planner/expression_iterator.hpp>
#include <duckdb/planner/operator/logical_get.hpp>
#include <duckdb/planner/planner_extension.hpp>
#include <duckdb/storage/buffer_manager.hpp>
#include <duckdb/storage/data_table.hpp>
#include <duckdb/storage/checkpoint/string_checkpoint_state.hpp>
#include <duckdb/storage/table/column_segment_tree.hpp>
#include <duckdb/storage/table/row_group.hpp>
#include <duckdb/storage/table/row_group_collection.hpp>
#include <duckdb/storage/table/row_group_segment_tree.hpp>
#include <duckdb/storage/table/scan_state.hpp>
#include <duckdb/transaction/duck_transaction.hpp>

using namespace duckdb;

namespace {

/* ---- the tree ---- */

struct Rewrite {
    const char *hot;
    hot_resolve_fn resolve;
    void *ctx;
    char name[HOT_NAME_BYTES];
};

/* A column named with its schema (data.t.x) would not be found behind an alias, or something else would. */
tree_act rewrite(void *ctx, const tree_ref *ref, tree_put *put) {
    auto &to = *static_cast<Rewrite *>(ctx);
    if (ref->use != TREE_READ || ref->described || ref->at[0] || ref->schema_column || ref->unnamed_star)
        return TREE_KEEP;
    if (!to.resolve(to.ctx, ref->catalog, ref->schema, ref->table, to.name)) return TREE_KEEP;
    put->catalog = to.hot;
    put->schema = DEFAULT_SCHEMA;
    put->table = to.name;
    return TREE_PUT_TABLE;
}

/* ---- the bound plan ---- */

struct HotInfo : public PlannerExtensionInfo {
    string hot;
};

[[noreturn]] void refuse(const char *why) { throw BinderException("not in the cache: %s", why); }

/* The scan of a shell becomes one of the table that it stands for; columns keep their places among those that are read. */
void swap_part(ClientContext &context, const string &hot, LogicalGet &get, const string &part) {
    auto &table = Catalog::GetEntry<TableCatalogEntry>(context, hot, DEFAULT_SCHEMA, part);
    vector<ColumnIndex> columns;
    for (auto &column : get.GetColumnIds()) {
        auto &name = get.names[column.GetPrimaryIndex()];
        if (!table.ColumnExists(name)) refuse("a column");
        auto &held = table.GetColumn(name);
        if (held.Type() != get.returned_types[column.GetPrimaryIndex()]) refuse("a column of that type");
        columns.emplace_back(held.Logical().index);
    }
    unique_ptr<FunctionData> bind_data;
    get.function = table.GetScanFunction(context, bind_data);
    get.bind_data = std::move(bind_data);
    get.returned_types.clear();
    get.names.clear();
    for (auto &column : table.GetColumns().Logical()) {
        get.returned_types.push_back(column.Type());
        get.names.push_back(column.Name());
    }
    get.virtual_columns = table.GetVirtualColumns();
    get.SetColumnIds(std::move(columns));
}

void check_get(ClientContext &context, const string &hot, LogicalGet &get) {
    auto table = get.GetTable();
    if (!table || table->ParentCatalog().GetName() != hot) return;
    for (auto &column : get.GetColumnIds())
        if (column.IsVirtualColumn()) refuse("a column that is not stored");
    if (!table->comment.IsNull()) swap_part(context, hot, get, table->comment.ToString());
}

void check_plan(ClientContext &context, const string &hot, LogicalOperator &op) {
    if (op.type == LogicalOperatorType::LOGICAL_GET) check_get(context, hot, op.Cast<LogicalGet>());
    for (auto &expression : op.expressions)
        ExpressionIterator::VisitExpressionClass(*expression, ExpressionClass::BOUND_SUBQUERY,
                                                 [](const Expression &) { refuse("a query that is planned later"); });
    for (auto &child : op.children) check_plan(context, hot, *child);
}

void post_bind(PlannerExtensionInput &input, BoundStatement &statement) {
    auto &hot = static_cast<HotInfo &>(*input.info).hot;
    if (!statement.plan || !input.binder.GetStatementProperties().read_databases.count(hot)) return;
    check_plan(input.context, hot, *statement.plan);
}

/* ---- sizes ---- */

/* Strings of more than a page lie in blocks of their own. */
idx_t overflow_bytes(ColumnSegment &segment) {
    idx_t bytes = 0;
    if (segment.type.InternalType() != PhysicalType::VARCHAR || !segment.GetSegmentState()) return 0;
    auto &state = segment.GetSegmentState()->Cast<UncompressedStringSegmentState>();
    for (auto *block = state.head.get(); block; block = block->next.get()) bytes += block->size;
    return bytes;
}

idx_t column_bytes(ColumnScanState &column) {
    idx_t bytes = 0;
    idx_t count = column.segment_tree ? column.segment_tree->GetSegmentCount() : 0;
    for (idx_t i = 0; i < count; i++) {
        auto &segment = column.segment_tree->GetSegmentByIndex(int64_t(i))->GetNode();
        bytes += segment.SegmentSize() + overflow_bytes(segment);
    }
    for (auto &child : column.child_states) bytes += column_bytes(child);
    return bytes;
}

/* Each row group of the table, as a scan would come by: the way to its segments that is open. */
idx_t table_bytes(ClientContext &context, TableCatalogEntry &table) {
    vector<StorageIndex> columns;
    auto &storage = table.GetStorage();
    TableScanState state;
    idx_t bytes = 0;
    for (idx_t i = 0; i < table.GetColumns().PhysicalColumnCount(); i++) columns.emplace_back(i);
    storage.InitializeScan(context, DuckTransaction::Get(context, table.ParentCatalog()), state, columns);
    auto &scan = state.table_state;
    for (auto group = scan.row_group; group; group = scan.GetNextRowGroup(*group)) {
        if (!group->GetNode().InitializeScan(scan, *group)) continue;
        for (auto &column : scan.column_scans) bytes += column_bytes(column);
    }
    return bytes;
}

DatabaseInstance &instance_of(duckdb_database database) {
    return *reinterpret_cast<DatabaseWrapper *>(database)->database->instance;
}

} // namespace

bool hot_shim_install(duckdb_database database, const char *hot) {
    try {
        auto info = make_shared_ptr<HotInfo>();
        info->hot = hot;
        PlannerExtension extension;
        extension.post_bind_function = post_bind;
        extension.planner_info = std::move(info);
        PlannerExtension::Register(DBConfig::GetConfig(instance_of(database)), std::move(extension));
        return true;
    } catch (...) {
        return false;
    }
}

size_t hot_shim_rewrite(duckdb_extracted_statements extracted, const char *hot, hot_resolve_fn resolve, void *ctx) {
    auto &statements = reinterpret_cast<ExtractStatementsWrapper *>(extracted)->statements;
    if (statements.size() != 1 || !statements[0]) return 0;
    if (statements[0]->type != StatementType::SELECT_STATEMENT) return 0;
    Rewrite to = {hot, resolve, ctx, {}};
    tree_outcome outcome;
    return tree_shim_walk(extracted, rewrite, &to, &outcome) == TREE_OK ? outcome.replaced : 0;
}

bool hot_shim_measure(duckdb_connection connection, const char *hot, const char *table, hot_shim_size *ret) {
    auto &context = *reinterpret_cast<Connection *>(connection)->context;
    bool found = false;
    try {
        context.RunFunctionInTransaction([&]() {
            auto entry =
                Catalog::GetEntry<TableCatalogEntry>(context, hot, DEFAULT_SCHEMA, table, OnEntryNotFound::RETURN_NULL);
            if (!entry) return;
            ret->rows = entry->GetStorage().GetTotalRows();
            ret->bytes = table_bytes(context, *entry);
            found = true;
        });
    } catch (...) {
        return false;
    }
    return found;
}

uint64_t hot_shim_memory(duckdb_connection connection) {
    uint64_t bytes = 0;
    if (!connection) return 0;
    try {
        auto &context = *reinterpret_cast<Connection *>(connection)->context;
        for (auto &info : BufferManager::GetBufferManager(context).GetMemoryUsageInfo())
            if (info.tag == MemoryTag::IN_MEMORY_TABLE || info.tag == MemoryTag::OVERFLOW_STRINGS)
                bytes += info.size + info.evicted_data;
    } catch (...) {
        return 0;
    }
    return bytes;
}
