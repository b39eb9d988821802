/* See hot_shim.h. The statement is changed as a tree, so that every place in the text stays what the user wrote; the plan
 * is changed when it is bound and before anything was optimized, so that statistics of an empty shell are never used. */
#include "engine/hot_shim.h"

#include <cstdio>

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/table_catalog_entry.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/parser/expression/list.hpp>
#include <duckdb/parser/parsed_expression_iterator.hpp>
#include <duckdb/parser/query_node/list.hpp>
#include <duckdb/parser/statement/select_statement.hpp>
#include <duckdb/parser/tableref/list.hpp>
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

/* Names of result columns are what the user wrote, also where they quote a query: (SELECT max(x) FROM t). */
class Namer {
  public:
    bool possible = true;

    void Visit(QueryNode &node) {
        if (node.type != QueryNodeType::SELECT_NODE) return;
        for (auto &expression : node.Cast<SelectNode>().select_list) {
            bool query = false, star = false;
            Look(*expression, query, star);
            if (!query || !expression->GetAlias().empty()) continue;
            if (star) possible = false; /* one expression, several names */
            else names.emplace_back(*expression, expression->GetName());
        }
    }
    void Apply() {
        for (auto &name : names) name.first.get().SetAlias(name.second);
    }

  private:
    vector<std::pair<reference<ParsedExpression>, string>> names;

    void Look(const ParsedExpression &expression, bool &query, bool &star) {
        query |= expression.GetExpressionClass() == ExpressionClass::SUBQUERY;
        star |= expression.GetExpressionClass() == ExpressionClass::STAR;
        ParsedExpressionIterator::EnumerateChildren(expression,
                                                    [&](const ParsedExpression &child) { Look(child, query, star); });
    }
};

class Reader {
  public:
    vector<reference<BaseTableRef>> tables;
    Namer namer;
    case_insensitive_set_t ctes;       /* any CTE of the statement, wherever it can be seen */
    case_insensitive_set_t qualifiers; /* first names of a.b and longer: could be a schema's */

    void Visit(QueryNode &node) {
        if (!seen.insert(&node).second) return;
        namer.Visit(node);
        for (auto &cte : node.cte_map.map) {
            ctes.insert(cte.first);
            Visit(*cte.second->query->node);
        }
        if (node.type == QueryNodeType::SET_OPERATION_NODE)
            for (auto &child : node.Cast<SetOperationNode>().children) Visit(*child);
        if (node.type == QueryNodeType::RECURSIVE_CTE_NODE) {
            auto &recursive = node.Cast<RecursiveCTENode>();
            ctes.insert(recursive.ctename);
            Visit(*recursive.left);
            Visit(*recursive.right);
        }
        ParsedExpressionIterator::EnumerateQueryNodeChildren(
            node, [&](unique_ptr<ParsedExpression> &child) { VisitExpression(*child); },
            [&](TableRef &ref) { VisitRef(ref); });
    }

  private:
    std::unordered_set<const void *> seen;

    void VisitRef(TableRef &ref) {
        if (!seen.insert(&ref).second) return;
        if (ref.type == TableReferenceType::BASE_TABLE) tables.push_back(ref.Cast<BaseTableRef>());
        if (ref.type == TableReferenceType::SUBQUERY) Visit(*ref.Cast<SubqueryRef>().subquery->node);
    }

    void VisitExpression(ParsedExpression &expression) {
        if (expression.GetExpressionClass() == ExpressionClass::SUBQUERY)
            Visit(*expression.Cast<SubqueryExpression>().subquery->node);
        if (expression.GetExpressionClass() == ExpressionClass::COLUMN_REF) {
            auto &names = expression.Cast<ColumnRefExpression>().column_names;
            if (names.size() > 1) qualifiers.insert(names[0]);
        }
        ParsedExpressionIterator::EnumerateChildren(expression,
                                                    [&](ParsedExpression &child) { VisitExpression(child); });
    }
};

/* A column named with its schema (data.t.x) would not be found behind an alias, or something else would. */
bool names_schema(const Reader &reader, const BaseTableRef &ref) {
    if (!ref.catalog_name.empty() && reader.qualifiers.count(ref.catalog_name)) return true;
    return !ref.schema_name.empty() && reader.qualifiers.count(ref.schema_name);
}

void rewrite(SQLStatement &statement, const char *hot, hot_resolve_fn resolve, void *ctx, size_t &count) {
    Reader reader;
    if (statement.type != StatementType::SELECT_STATEMENT) return;
    reader.Visit(*statement.Cast<SelectStatement>().node);
    if (reader.qualifiers.count("lake") || !reader.namer.possible) return;
    reader.namer.Apply();
    for (auto &at : reader.tables) {
        BaseTableRef &ref = at.get();
        char name[HOT_NAME_BYTES];
        bool cte = ref.schema_name.empty() && ref.catalog_name.empty() && reader.ctes.count(ref.table_name);
        if (cte || ref.at_clause || ref.schema_name == "recurring" || names_schema(reader, ref)) continue;
        if (!resolve(ctx, ref.catalog_name.c_str(), ref.schema_name.c_str(), ref.table_name.c_str(), name)) continue;
        if (ref.alias.empty()) ref.alias = ref.table_name;
        ref.catalog_name = hot;
        ref.schema_name = DEFAULT_SCHEMA;
        ref.table_name = name;
        count++;
    }
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
    size_t count = 0;
    try {
        rewrite(*statements[0], hot, resolve, ctx, count);
    } catch (...) { /* a kind of node that is not known here */
    }
    return count;
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
