/* See source_shim.h. Bindings of columns are followed from what is written down to the scans, through each operator that gives
 * them another name; whatever is met on the way and not known here means: of every column that is read. */
#include "engine/source_shim.h"

#include <set>

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/schema_catalog_entry.hpp>
#include <duckdb/catalog/catalog_entry/table_catalog_entry.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/main/client_context_state.hpp>
#include <duckdb/parser/parsed_data/create_table_info.hpp>
#include <duckdb/optimizer/optimizer_extension.hpp>
#include <duckdb/planner/binder.hpp>
#include <duckdb/planner/expression/list.hpp>
#include <duckdb/planner/expression_iterator.hpp>
#include <duckdb/planner/operator/list.hpp>
#include <duckdb/planner/parsed_data/bound_create_table_info.hpp>
#include <duckdb/planner/planner_extension.hpp>

using namespace duckdb;

namespace {

constexpr const char *STATE = "lakehouse_source";

struct Source {
    string catalog, schema, table, column;
    bool operator<(const Source &other) const {
        return std::tie(catalog, schema, table, column) <
               std::tie(other.catalog, other.schema, other.table, other.column);
    }
};
using Sources = std::set<Source>;

struct State : public ClientContextState {
    std::map<string, Sources> columns; /* of what is written */
    Sources read;
};

void add_scanned(LogicalGet &get, idx_t at, Sources &into) {
    auto table = get.GetTable();
    auto &ids = get.GetColumnIds();
    if (!table || at >= ids.size() || ids[at].IsVirtualColumn()) return;
    auto column = ids[at].GetPrimaryIndex();
    if (column >= get.names.size()) return;
    into.insert({table->ParentCatalog().GetName(), table->ParentSchema().name, table->name, get.names[column]});
}

class Tracer {
  public:
    explicit Tracer(State &state_p) : state(state_p) {}

    void Trace(LogicalOperator &plan) {
        Index(plan);
        Find(plan);
    }

  private:
    State &state;
    std::unordered_map<idx_t, reference<LogicalOperator>> owners; /* by table index */
    std::unordered_map<idx_t, reference<LogicalOperator>> ctes;
    std::set<std::pair<idx_t, idx_t>> seen; /* on the way of one column: recursion ends */
    Sources all;                            /* every column that is read */
    vector<std::pair<reference<const Expression>, reference<const Expression>>>
        equal; /* a value of the one is one of the other */

    void Index(LogicalOperator &op) {
        for (auto index : op.GetTableIndex()) owners.emplace(index, op);
        if (op.type == LogicalOperatorType::LOGICAL_MATERIALIZED_CTE ||
            op.type == LogicalOperatorType::LOGICAL_RECURSIVE_CTE)
            ctes.emplace(op.Cast<LogicalCTE>().table_index, op);
        if (op.type == LogicalOperatorType::LOGICAL_GET) {
            auto &get = op.Cast<LogicalGet>();
            for (idx_t i = 0; i < get.GetColumnIds().size(); i++) add_scanned(get, i, all);
        }
        if (op.type == LogicalOperatorType::LOGICAL_COMPARISON_JOIN ||
            op.type == LogicalOperatorType::LOGICAL_DELIM_JOIN)
            for (auto &condition : op.Cast<LogicalComparisonJoin>().conditions)
                equal.emplace_back(*condition.left, *condition.right);
        if (op.type == LogicalOperatorType::LOGICAL_ANY_JOIN) Compared(*op.Cast<LogicalAnyJoin>().condition);
        if (op.type == LogicalOperatorType::LOGICAL_FILTER)
            for (auto &expression : op.expressions) Compared(*expression);
        for (auto &child : op.children) Index(*child);
    }

    void Compared(const Expression &expression) {
        if (expression.GetExpressionClass() == ExpressionClass::BOUND_COMPARISON) {
            auto &comparison = expression.Cast<BoundComparisonExpression>();
            equal.emplace_back(*comparison.left, *comparison.right);
        }
        ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) { Compared(child); });
    }

    static bool Names(const Expression &expression, const ColumnBinding &binding) {
        bool found = expression.GetExpressionClass() == ExpressionClass::BOUND_COLUMN_REF &&
                     expression.Cast<BoundColumnRefExpression>().binding == binding;
        ExpressionIterator::EnumerateChildren(expression,
                                              [&](const Expression &child) { found = found || Names(child, binding); });
        return found;
    }

    /* SELECT r.i FROM range(1000) r(i) JOIN people ON r.i = people.number shows numbers of people. */
    void OfEqual(const ColumnBinding &binding, Sources &into) {
        for (auto &pair : equal) {
            if (Names(pair.first.get(), binding)) Of(pair.second.get(), into);
            if (Names(pair.second.get(), binding)) Of(pair.first.get(), into);
        }
    }

    void Everything(Sources &into) { into.insert(all.begin(), all.end()); }

    /* A count tells of rows, not of values. */
    static bool IsCount(const Expression &expression) {
        if (expression.GetExpressionClass() != ExpressionClass::BOUND_AGGREGATE) return false;
        auto &name = expression.Cast<BoundAggregateExpression>().function.name;
        return name == "count_star" || name == "count";
    }

    void Of(const Expression &expression, Sources &into) {
        if (IsCount(expression)) { /* but for which of them it counts */
            auto &filter = expression.Cast<BoundAggregateExpression>().filter;
            if (filter) Of(*filter, into);
            return;
        }
        if (expression.GetExpressionClass() == ExpressionClass::BOUND_SUBQUERY) return Everything(into);
        if (expression.GetExpressionClass() == ExpressionClass::BOUND_COLUMN_REF)
            return Of(expression.Cast<BoundColumnRefExpression>().binding, into);
        ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) { Of(child, into); });
    }

    void OfList(const vector<unique_ptr<Expression>> &list, idx_t at, Sources &into) {
        if (at < list.size()) Of(*list[at], into);
        else Everything(into);
    }

    void OfChild(LogicalOperator &child, idx_t at, Sources &into) {
        auto bindings = child.GetColumnBindings();
        if (at < bindings.size()) Of(bindings[at], into);
        else Everything(into);
    }

    void Of(const ColumnBinding &binding, Sources &into) {
        auto owner = owners.find(binding.table_index);
        if (owner == owners.end()) return Everything(into);
        if (!seen.insert({binding.table_index, binding.column_index}).second) return;
        OfOwner(owner->second.get(), binding, into);
        OfEqual(binding, into);
    }

    void OfOwner(LogicalOperator &op, const ColumnBinding &binding, Sources &into) {
        idx_t at = binding.column_index;
        switch (op.type) {
        case LogicalOperatorType::LOGICAL_GET: {
            auto &get = op.Cast<LogicalGet>();
            if (get.GetTable()) return add_scanned(get, at, into);
            return get.children.empty() ? void() : Everything(into); /* range(…), or a function over a query */
        }
        case LogicalOperatorType::LOGICAL_PROJECTION: return OfList(op.expressions, at, into);
        case LogicalOperatorType::LOGICAL_WINDOW: return OfList(op.expressions, at, into);
        case LogicalOperatorType::LOGICAL_UNNEST: return OfList(op.expressions, at, into);
        case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY: {
            auto &aggregate = op.Cast<LogicalAggregate>();
            if (binding.table_index == aggregate.group_index) return OfList(aggregate.groups, at, into);
            if (binding.table_index == aggregate.aggregate_index) return OfList(op.expressions, at, into);
            return; /* GROUPING() */
        }
        case LogicalOperatorType::LOGICAL_UNION:
        case LogicalOperatorType::LOGICAL_EXCEPT:
        case LogicalOperatorType::LOGICAL_INTERSECT:
            for (auto &child : op.children) OfChild(*child, at, into);
            return;
        case LogicalOperatorType::LOGICAL_RECURSIVE_CTE:
            for (auto &child : op.children) OfChild(*child, at, into);
            return;
        case LogicalOperatorType::LOGICAL_EXPRESSION_GET:
            for (auto &row : op.Cast<LogicalExpressionGet>().expressions) OfList(row, at, into);
            return;
        case LogicalOperatorType::LOGICAL_CTE_REF: {
            auto cte = ctes.find(op.Cast<LogicalCTERef>().cte_index);
            if (cte == ctes.end()) return Everything(into);
            for (idx_t i = 0; i < (cte->second.get().type == LogicalOperatorType::LOGICAL_RECURSIVE_CTE ? 2u : 1u); i++)
                OfChild(*cte->second.get().children[i], at, into);
            return;
        }
        case LogicalOperatorType::LOGICAL_DUMMY_SCAN:
        case LogicalOperatorType::LOGICAL_EMPTY_RESULT:
        case LogicalOperatorType::LOGICAL_CHUNK_GET: return;
        default: return Everything(into);
        }
    }

    /* ---- what is written ---- */

    void Insert(LogicalInsert &insert) {
        idx_t at = 0;
        for (auto &column : insert.table.GetColumns().Physical()) {
            idx_t from = insert.column_index_map.empty() ? at : insert.column_index_map[column.Physical()];
            at++;
            if (from == DConstants::INVALID_INDEX) continue;
            seen.clear();
            OfChild(*insert.children[0], from, state.columns[column.Name()]);
        }
    }

    void Create(LogicalCreateTable &create) {
        if (create.children.empty()) return;
        idx_t at = 0;
        for (auto &column : create.info->Base().columns.Logical()) {
            seen.clear();
            OfChild(*create.children[0], at++, state.columns[column.Name()]);
        }
    }

    void Update(LogicalUpdate &update) {
        for (idx_t i = 0; i < update.columns.size() && i < update.expressions.size(); i++) {
            seen.clear();
            Of(*update.expressions[i], state.columns[update.table.GetColumns().GetColumn(update.columns[i]).Name()]);
        }
    }

    void Find(LogicalOperator &op) {
        switch (op.type) {
        case LogicalOperatorType::LOGICAL_INSERT: return Insert(op.Cast<LogicalInsert>());
        case LogicalOperatorType::LOGICAL_CREATE_TABLE: return Create(op.Cast<LogicalCreateTable>());
        case LogicalOperatorType::LOGICAL_UPDATE: return Update(op.Cast<LogicalUpdate>());
        case LogicalOperatorType::LOGICAL_MERGE_INTO:
            for (auto &column : op.Cast<LogicalMergeInto>().table.GetColumns().Physical())
                Everything(state.columns[column.Name()]);
            return;
        default:
            for (auto &child : op.children) Find(*child);
        }
    }
};

void post_bind(PlannerExtensionInput &input, BoundStatement &statement) {
    auto state = input.context.registered_state->Get<State>(STATE);
    if (state && statement.plan) Tracer(*state).Trace(*statement.plan);
}

void find_reads(LogicalOperator &op, Sources &into) {
    if (op.type == LogicalOperatorType::LOGICAL_GET)
        for (idx_t i = 0; i < op.Cast<LogicalGet>().GetColumnIds().size(); i++)
            add_scanned(op.Cast<LogicalGet>(), i, into);
    for (auto &child : op.children) find_reads(*child, into);
}

/* Runs when all that is not needed is gone. */
void optimized(OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &plan) {
    auto state = input.context.registered_state->Get<State>(STATE);
    if (state && plan) find_reads(*plan, state->read);
}

} // namespace

bool source_shim_install(duckdb_database database) {
    try {
        OptimizerExtension optimizer;
        optimizer.optimize_function = optimized;
        OptimizerExtension::Register(
            DBConfig::GetConfig(*reinterpret_cast<DatabaseWrapper *>(database)->database->instance),
            std::move(optimizer));
        PlannerExtension planner;
        planner.post_bind_function = post_bind;
        PlannerExtension::Register(
            DBConfig::GetConfig(*reinterpret_cast<DatabaseWrapper *>(database)->database->instance),
            std::move(planner));
        return true;
    } catch (...) {
        return false;
    }
}

bool source_shim_begin(duckdb_connection connection) {
    try {
        auto &context = *reinterpret_cast<Connection *>(connection)->context;
        context.registered_state->Remove(STATE);
        context.registered_state->Insert(STATE, make_shared_ptr<State>());
        return true;
    } catch (...) {
        return false;
    }
}

void source_shim_end(duckdb_connection connection, source_fn fn, void *ctx) {
    auto &context = *reinterpret_cast<Connection *>(connection)->context;
    auto state = context.registered_state->Get<State>(STATE);
    if (!state) return;
    for (auto &source : state->read)
        fn(ctx, "", source.catalog.c_str(), source.schema.c_str(), source.table.c_str(), source.column.c_str());
    for (auto &column : state->columns)
        for (auto &source : column.second)
            fn(ctx, column.first.c_str(), source.catalog.c_str(), source.schema.c_str(), source.table.c_str(),
               source.column.c_str());
    context.registered_state->Remove(STATE);
}
