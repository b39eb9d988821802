/* See govern_plan.h. A row filter holds before predicates of the user's because of the LIMIT above it, which no optimizer
 * moves a predicate through. It is lifted before the plan is optimized when no expression of the statement can raise, and
 * when there is no row filter; else it stays, conjuncts that cannot raise are copied below it, and it is taken out when
 * the plan is optimized, so that nothing is left to run.
 * Below the rows there are vectors: what a filter leaves of one is a selection over all of its values, the hidden ones too, and
 * of a list's elements and of a dictionary DuckDB computes some things over all of them. So where an expression may do so, rows
 * are copied above the filter first, by a curtain. */
#include "engine/govern_plan.h"
#include "engine/total_cast.hpp"

#include <set>

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/table_catalog_entry.hpp>
#include <duckdb/execution/expression_executor.hpp>
#include <duckdb/execution/operator/projection/physical_projection.hpp>
#include <duckdb/execution/physical_plan_generator.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/main/client_context_state.hpp>
#include <duckdb/optimizer/optimizer_extension.hpp>
#include <duckdb/parser/parsed_data/alter_info.hpp>
#include <duckdb/parser/parsed_data/create_table_info.hpp>
#include <duckdb/parser/parsed_data/drop_info.hpp>
#include <duckdb/planner/binder.hpp>
#include <duckdb/planner/expression/list.hpp>
#include <duckdb/planner/expression_iterator.hpp>
#include <duckdb/planner/logical_operator_visitor.hpp>
#include <duckdb/planner/operator/list.hpp>
#include <duckdb/planner/operator/logical_extension_operator.hpp>
#include <duckdb/planner/planner_extension.hpp>

using namespace duckdb;

namespace {

constexpr const char *STATE = "lakehouse_govern";
/* How many rows a table with a row filter has is nobody's business, but it would decide the order of joins, and that shows in
 * the order of rows without ORDER BY, in list() and behind LIMIT. So such a table is said to have those rows that are seen, or,
 * when nobody counted them, as many as all others. DuckDB takes a fifth once for all the filters of a scan: a row filter alone
 * would seem as selective as one beside the user's own. */
constexpr idx_t ROWS_SAID = 1000000, UNFILTERED = 5;

struct Table {
    string catalog, schema, name;
    idx_t rows;

    explicit Table(const govern_table &table)
        : catalog(table.catalog), schema(table.schema), name(table.name), rows(table.rows ? table.rows : ROWS_SAID) {}
    bool Is(const SchemaCatalogEntry &in, const string &table) const {
        return in.ParentCatalog().GetName() == catalog && in.name == schema && table == name;
    }
    bool Is(const TableCatalogEntry &entry) const { return Is(entry.ParentSchema(), entry.name); }
};

/* Of one connection, while a statement of it is governed. */
struct State : public ClientContextState {
    uint64_t nonce = 0;
    vector<Table> tables, target;
    std::unordered_map<const FunctionData *, idx_t> rows; /* that scans of filtered tables are said to have */
    bool checked = false;                                 /* the target is only read below CASE WHEN row filter … */
    bool curtain = false;                                 /* the statement that is planned now needs them */
    bool raises = true;                                   /* something of it may raise an error */
};

struct PlannerInfo : public PlannerExtensionInfo {
    govern_classify_fn classify;
};

[[noreturn]] void refuse(const string &what) {
    throw PermissionException("%s is not allowed in a statement over tables that are not seen whole", what);
}

bool is_barrier(const LogicalOperator &op, const State &state) {
    if (op.type != LogicalOperatorType::LOGICAL_LIMIT) return false;
    auto &limit = op.Cast<LogicalLimit>().limit_val;
    return limit.Type() == LimitNodeType::CONSTANT_VALUE && limit.GetConstantValue() == state.nonce;
}

unique_ptr<NodeStatistics> say_rows(ClientContext &context, const FunctionData *scan) {
    auto state = context.registered_state->Get<State>(STATE);
    auto found = state ? state->rows.find(scan) : decltype(state->rows.end())();
    return make_uniq<NodeStatistics>(state && found != state->rows.end() ? found->second : ROWS_SAID);
}

/* A scan of a table with a row filter. */
bool is_filtered_scan(const LogicalOperator &op) {
    return op.type == LogicalOperatorType::LOGICAL_GET && op.Cast<LogicalGet>().function.cardinality == say_rows;
}

/* ---- expressions that cannot raise ---- */

bool operator_is_total(ExpressionType type) {
    switch (type) {
    case ExpressionType::OPERATOR_NOT:
    case ExpressionType::OPERATOR_IS_NULL:
    case ExpressionType::OPERATOR_IS_NOT_NULL:
    case ExpressionType::OPERATOR_COALESCE:
    case ExpressionType::COMPARE_IN:
    case ExpressionType::COMPARE_NOT_IN: return true;
    default: return false;
    }
}

/* What it takes to look at an expression. */
struct Judge {
    ClientContext &context;
    govern_classify_fn classify;
};

/* Of constants alone: DATE '1995-01-01' + INTERVAL 1 YEAR. Computed once, now: is there a value? */
bool has_value(const Expression &expression, const Judge &judge) {
    Value ignored;
    return expression.IsFoldable() && ExpressionExecutor::TryEvaluateScalar(judge.context, expression, ignored);
}

bool is_total(const Expression &expression, const Judge &judge) {
    bool total = false;
    switch (expression.GetExpressionClass()) {
    case ExpressionClass::BOUND_COLUMN_REF:
    case ExpressionClass::BOUND_REF:
    case ExpressionClass::BOUND_CONSTANT:
    case ExpressionClass::BOUND_PARAMETER: return true;
    case ExpressionClass::BOUND_COMPARISON:
    case ExpressionClass::BOUND_CONJUNCTION:
    case ExpressionClass::BOUND_BETWEEN:
    case ExpressionClass::BOUND_CASE: total = true; break;
    case ExpressionClass::BOUND_OPERATOR: total = operator_is_total(expression.GetExpressionType()); break;
    case ExpressionClass::BOUND_CAST: {
        auto &cast = expression.Cast<BoundCastExpression>();
        total = cast.try_cast || cast_is_total(cast.child->return_type, cast.return_type) || constant_casts(cast);
        break;
    }
    case ExpressionClass::BOUND_FUNCTION:
        total = judge.classify(expression.Cast<BoundFunctionExpression>().function.name.c_str()) == GOVERN_TOTAL;
        if (!total) return has_value(expression, judge);
        break;
    default: return false;
    }
    if (!total || expression.IsVolatile()) return false;
    ExpressionIterator::EnumerateChildren(expression,
                                          [&](const Expression &child) { total = total && is_total(child, judge); });
    return total;
}

/* ---- expressions that look at more than their rows ---- */

bool is_nested(const Expression &expression) {
    bool nested = expression.return_type.IsNested() || expression.return_type.id() == LogicalTypeId::VARIANT;
    ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) { nested |= is_nested(child); });
    return nested;
}

/* Functions and casts that DuckDB believes never to raise it computes once for each value of a dictionary. */
bool is_unflagged(const Expression &expression, const Judge &judge) {
    auto kind = expression.GetExpressionClass();
    bool computes = kind == ExpressionClass::BOUND_FUNCTION || kind == ExpressionClass::BOUND_CAST;
    bool unflagged = computes && !expression.CanThrow() && !is_total(expression, judge);
    ExpressionIterator::EnumerateChildren(expression,
                                          [&](const Expression &child) { unflagged |= is_unflagged(child, judge); });
    return unflagged;
}

/* ---- what an expression hangs on ---- */

using Columns = std::set<std::pair<idx_t, idx_t>>; /* table index, column index */

void columns_of(const Expression &expression, Columns &into, bool &plain) {
    if (expression.GetExpressionClass() == ExpressionClass::BOUND_COLUMN_REF) {
        auto &column = expression.Cast<BoundColumnRefExpression>();
        into.insert({column.binding.table_index, column.binding.column_index});
        plain = plain && column.depth == 0;
    }
    ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) { columns_of(child, into, plain); });
}

/* The one relation that the expression reads columns of, no more than `most`; none: DConstants::INVALID_INDEX. */
idx_t only_table(const Expression &expression, size_t most = SIZE_MAX) {
    Columns columns;
    bool plain = true;
    columns_of(expression, columns, plain);
    bool one = plain && !columns.empty() && columns.size() <= most && columns.begin()->first == columns.rbegin()->first;
    return one ? columns.begin()->first : DConstants::INVALID_INDEX;
}

/* ---- one plan ---- */

class Plan {
  public:
    Plan(State &state, const Judge &judge) : state(state), judge(judge) {}

    void Govern(unique_ptr<LogicalOperator> &plan) {
        state.curtain = state.raises = false;
        FindAggregates(*plan);
        Look(*plan, false);
        std::unordered_set<idx_t> filtered;
        FindFiltered(*plan, filtered);
        Estimate(*plan, filtered);
        Lift(plan, total);
        if (!total) CopyTotal(plan, {});
    }

  private:
    State &state;
    Judge judge;
    const LogicalGet *behind = nullptr; /* the scan that a check stands over */
    bool total = true;                  /* no expression that could come below a row filter can raise */
    std::unordered_set<idx_t> aggregates;

    void FindAggregates(const LogicalOperator &op) {
        if (op.type == LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY)
            aggregates.insert(op.Cast<LogicalAggregate>().aggregate_index);
        for (auto &child : op.children) FindAggregates(*child);
    }

    /* Nothing carries an expression of nothing but aggregates' results below the aggregation. */
    bool IsOfAggregates(const Expression &expression) {
        Columns columns;
        bool plain = true;
        columns_of(expression, columns, plain);
        for (auto &column : columns)
            if (!aggregates.count(column.first)) return false;
        return plain && !columns.empty();
    }

    bool IsTable(const vector<Table> &tables, const TableCatalogEntry &entry) {
        for (auto &table : tables)
            if (table.Is(entry)) return true;
        return false;
    }

    /* ---- the check ---- */

    void CheckFunctions(const Expression &expression) {
        string name;
        if (expression.GetExpressionClass() == ExpressionClass::BOUND_FUNCTION)
            name = expression.Cast<BoundFunctionExpression>().function.name;
        if (expression.GetExpressionClass() == ExpressionClass::BOUND_AGGREGATE)
            name = expression.Cast<BoundAggregateExpression>().function.name;
        if (expression.GetExpressionClass() == ExpressionClass::BOUND_WINDOW) {
            auto &window = expression.Cast<BoundWindowExpression>();
            if (window.aggregate) name = window.aggregate->name;
        }
        if (!name.empty() && judge.classify(name.c_str()) == GOVERN_REFUSED) refuse("the function " + name);
        if (expression.GetExpressionClass() == ExpressionClass::BOUND_SUBQUERY) { /* one that is planned later */
            auto &subquery = expression.Cast<BoundSubqueryExpression>().subquery;
            if (!subquery.plan) refuse("a query of this form");
            total = false;
            Look(*subquery.plan, true);
        }
        ExpressionIterator::EnumerateChildren(expression, [&](const Expression &child) { CheckFunctions(child); });
    }

    /* A filter of nothing but CASE WHEN check THEN … ELSE false END, with a check that cannot raise: what is below is looked at
     * behind the check only. */
    void CheckTarget(LogicalOperator &filter) {
        auto &child = *filter.children[0];
        if (!state.checked || child.type != LogicalOperatorType::LOGICAL_GET) return;
        for (auto &expression : filter.expressions) {
            if (expression->GetExpressionClass() != ExpressionClass::BOUND_CASE) return;
            auto &checks = expression->Cast<BoundCaseExpression>().case_checks;
            if (checks.size() != 1 || !is_total(*checks[0].when_expr, judge))
                refuse("a row filter that may raise an error");
        }
        behind = &child.Cast<LogicalGet>();
    }

    void MustBeTarget(const SchemaCatalogEntry *schema, const string &table) {
        if (!schema) return; /* it is not there */
        for (auto &target : state.target)
            if (target.Is(*schema, table)) return;
        refuse("a change of what the policy was not asked for");
    }

    void MustBeTarget(const TableCatalogEntry &table) { MustBeTarget(&table.ParentSchema(), table.name); }

    /* What a definition is of, as DuckDB finds it now; without a table: the namespace itself. */
    void MustBeTarget(const string &catalog, const string &schema, const string &table) {
        if (table.empty()) {
            auto found = Catalog::GetSchema(judge.context, catalog, schema, OnEntryNotFound::RETURN_NULL);
            return MustBeTarget(found ? &*found : nullptr, table);
        }
        const EntryLookupInfo lookup(CatalogType::TABLE_ENTRY, table);
        auto found = Catalog::GetEntry(judge.context, catalog, schema, lookup, OnEntryNotFound::RETURN_NULL);
        if (found) MustBeTarget(found->Cast<TableCatalogEntry>());
    }

    /* DuckDB looks names up without regard to case, the policy is asked for one as it is. */
    void CheckChange(LogicalOperator &op) {
        switch (op.type) {
        case LogicalOperatorType::LOGICAL_INSERT: return MustBeTarget(op.Cast<LogicalInsert>().table);
        case LogicalOperatorType::LOGICAL_UPDATE: return MustBeTarget(op.Cast<LogicalUpdate>().table);
        case LogicalOperatorType::LOGICAL_DELETE: return MustBeTarget(op.Cast<LogicalDelete>().table);
        case LogicalOperatorType::LOGICAL_MERGE_INTO: return MustBeTarget(op.Cast<LogicalMergeInto>().table);
        case LogicalOperatorType::LOGICAL_CREATE_TABLE: {
            auto &create = op.Cast<LogicalCreateTable>();
            return MustBeTarget(&create.schema, create.info->Base().Cast<CreateTableInfo>().table);
        }
        case LogicalOperatorType::LOGICAL_ALTER: {
            auto &info = op.Cast<LogicalSimple>().info->Cast<AlterInfo>();
            return MustBeTarget(info.catalog, info.schema, info.name);
        }
        case LogicalOperatorType::LOGICAL_DROP: {
            auto &info = op.Cast<LogicalSimple>().info->Cast<DropInfo>();
            bool schema = info.type == CatalogType::SCHEMA_ENTRY;
            return MustBeTarget(info.catalog, schema ? info.name : info.schema, schema ? "" : info.name);
        }
        default: return;
        }
    }

    void CheckGet(LogicalGet &get) {
        auto table = get.GetTable();
        state.raises |= !table;
        if (table && IsTable(state.target, *table) && (!state.checked || &get == behind)) return;
        if (table || judge.classify(get.function.name.c_str()) != GOVERN_TABLE)
            refuse(table ? "a table in this place" : "the table function " + get.function.name);
    }

    /* Below a barrier: projection, filter, and a scan of a table that was asked for, or a relation. */
    void CheckRelation(LogicalOperator &barrier) {
        auto *op = barrier.children[0].get();
        if (op->type == LogicalOperatorType::LOGICAL_PROJECTION) op = op->children[0].get();
        else refuse("a relation of this form");
        if (op->type == LogicalOperatorType::LOGICAL_FILTER) {
            for (auto &expression : op->expressions) /* what it raised would quote a hidden value */
                if (!is_total(*expression, judge)) refuse("a row filter that may raise an error");
            op = op->children[0].get();
        }
        if (is_barrier(*op, state)) return CheckRelation(*op);
        if (op->type != LogicalOperatorType::LOGICAL_GET) refuse("a relation of this form");
        auto &get = op->Cast<LogicalGet>();
        auto table = get.GetTable();
        if (!table || !IsTable(state.tables, *table)) refuse("a table that the policy was not asked for");
        get.function.statistics = nullptr; /* smallest and greatest values, of hidden rows as well */
        get.function.statistics_extended = nullptr;
        get.function.get_partition_stats = nullptr;
    }

    /* It ends with an error when there are two rows for one. */
    bool IsSingleJoin(const LogicalOperator &op) {
        auto join = dynamic_cast<const LogicalJoin *>(&op);
        return join && join->join_type == JoinType::SINGLE;
    }

    /* `filtered`: a filter or a join stands above. */
    void Look(LogicalOperator &op, bool filtered) {
        if (is_barrier(op, state)) return CheckRelation(op);
        CheckChange(op);
        if (op.type == LogicalOperatorType::LOGICAL_FILTER) CheckTarget(op);
        if (op.type == LogicalOperatorType::LOGICAL_GET) CheckGet(op.Cast<LogicalGet>());
        if (op.type == LogicalOperatorType::LOGICAL_EXTENSION_OPERATOR) refuse("an operator of an extension");
        switch (op.type) {
        case LogicalOperatorType::LOGICAL_PROJECTION:
        case LogicalOperatorType::LOGICAL_EXPLAIN:
        case LogicalOperatorType::LOGICAL_ORDER_BY:
        case LogicalOperatorType::LOGICAL_LIMIT:
        case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY: break;
        default: filtered = true;
        }
        bool counts = filtered || op.type == LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY;
        state.raises |= IsSingleJoin(op);
        LogicalOperatorVisitor::EnumerateExpressions(op, [&](unique_ptr<Expression> *expression) {
            CheckFunctions(**expression);
            if (is_total(**expression, judge)) return;
            state.raises = true;
            state.curtain |= is_nested(**expression) || is_unflagged(**expression, judge);
            bool aggregate = (*expression)->GetExpressionClass() == ExpressionClass::BOUND_AGGREGATE;
            if (counts && !aggregate && !IsOfAggregates(**expression)) total = false;
        });
        for (auto &child : op.children) Look(*child, filtered);
    }

    /* ---- barriers ---- */

    bool HasFilter(const LogicalOperator &barrier) {
        auto &projection = *barrier.children[0];
        return projection.children[0]->type == LogicalOperatorType::LOGICAL_FILTER;
    }

    void Lift(unique_ptr<LogicalOperator> &op, bool all) {
        while (is_barrier(*op, state) && (all || !HasFilter(*op))) op = std::move(op->children[0]);
        for (auto &child : op->children) Lift(child, all);
    }

    void CopyBelow(LogicalOperator &barrier, const vector<reference<Expression>> &conjuncts) {
        auto &child = barrier.children[0];
        auto filter = make_uniq<LogicalFilter>();
        for (auto &conjunct : conjuncts)
            if (only_table(conjunct.get()) == child->Cast<LogicalProjection>().table_index)
                filter->expressions.push_back(conjunct.get().Copy());
        if (filter->expressions.empty()) return;
        filter->children.push_back(std::move(child));
        barrier.children[0] = std::move(filter);
    }

    /* Scans get back what they can use: conjuncts that cannot raise, down filters and joins that keep rows as they are. */
    void CopyTotal(unique_ptr<LogicalOperator> &op, vector<reference<Expression>> conjuncts) {
        if (is_barrier(*op, state)) return CopyBelow(*op, conjuncts);
        if (op->type == LogicalOperatorType::LOGICAL_FILTER) {
            for (auto &expression : op->expressions)
                if (is_total(*expression, judge)) conjuncts.push_back(*expression);
            return CopyTotal(op->children[0], conjuncts);
        }
        bool through = op->type == LogicalOperatorType::LOGICAL_CROSS_PRODUCT ||
                       (op->type == LogicalOperatorType::LOGICAL_COMPARISON_JOIN &&
                        op->Cast<LogicalComparisonJoin>().join_type == JoinType::INNER);
        for (auto &child : op->children) CopyTotal(child, through ? conjuncts : vector<reference<Expression>>());
    }

    /* ---- estimates ---- */

    /* What a scan can filter by: a condition on one column. */
    void FindFiltered(const LogicalOperator &op, std::unordered_set<idx_t> &into) {
        if (is_barrier(op, state)) return;
        if (op.type == LogicalOperatorType::LOGICAL_FILTER)
            for (auto &expression : op.expressions) into.insert(only_table(*expression, 1));
        for (auto &child : op.children) FindFiltered(*child, into);
    }

    /* hides: a relation over this one, or this one, has a row filter. */
    void Say(LogicalOperator &barrier, bool hides, const std::unordered_set<idx_t> &filtered) {
        auto *at = barrier.children[0].get();
        bool users = filtered.count(at->Cast<LogicalProjection>().table_index);
        hides |= HasFilter(barrier);
        while (at->type != LogicalOperatorType::LOGICAL_GET && !is_barrier(*at, state)) at = at->children[0].get();
        if (is_barrier(*at, state)) return Say(*at, hides, filtered);
        if (!hides) return;
        auto &get = at->Cast<LogicalGet>();
        auto &function = get.function;
        for (auto &table : state.tables)
            if (table.Is(*get.GetTable()))
                state.rows[get.bind_data.get()] = users ? table.rows : UNFILTERED * table.rows;
        function.cardinality = say_rows;
        function.supports_pushdown_extract = nullptr; /* casts of a struct's fields would be computed by the scan */
        function.late_materialization = false;        /* would scan a second time, without the filter */
    }

    void Estimate(LogicalOperator &op, const std::unordered_set<idx_t> &filtered) {
        if (is_barrier(op, state)) return Say(op, false, filtered);
        for (auto &child : op.children) Estimate(*child, filtered);
    }
};

/* ---- curtains ---- */

void copy_values(DataChunk &values, ExpressionState &, Vector &result) {
    result.SetVectorType(VectorType::FLAT_VECTOR);
    VectorOperations::Copy(values.data[0], result, values.size(), 0, 0);
}

/* Gives the rows of its child as new vectors that hold nothing else. */
struct Curtain : public LogicalExtensionOperator {
    explicit Curtain(unique_ptr<LogicalOperator> child) { children.push_back(std::move(child)); }
    vector<ColumnBinding> GetColumnBindings() override { return children[0]->GetColumnBindings(); }
    PhysicalOperator &CreatePlan(ClientContext &, PhysicalPlanGenerator &planner) override {
        auto &child = planner.CreatePlan(*children[0]);
        vector<unique_ptr<Expression>> columns;
        for (auto &type : child.types) {
            ScalarFunction copy("lh_copy", {type}, type, copy_values);
            copy.SetFallible(); /* so that it is not computed on a dictionary */
            vector<unique_ptr<Expression>> value;
            value.push_back(make_uniq<BoundReferenceExpression>(type, columns.size()));
            columns.push_back(make_uniq<BoundFunctionExpression>(type, std::move(copy), std::move(value), nullptr));
        }
        auto &projection =
            planner.Make<PhysicalProjection>(child.types, std::move(columns), child.estimated_cardinality);
        projection.children.push_back(child);
        return projection;
    }

  protected:
    void ResolveTypes() override { types = children[0]->types; }
};

/* Above the filters that stand on a scan: those of the row filter, and of the user's what cannot raise. */
void draw_curtains(unique_ptr<LogicalOperator> &op) {
    auto *at = op.get();
    while (at->type == LogicalOperatorType::LOGICAL_FILTER) at = at->children[0].get();
    if (is_filtered_scan(*at)) {
        auto curtain = make_uniq<Curtain>(std::move(op));
        curtain->ResolveOperatorTypes();
        op = std::move(curtain);
        return;
    }
    for (auto &child : op->children) draw_curtains(child);
}

/* ---- hooks ---- */

void post_bind(PlannerExtensionInput &input, BoundStatement &statement) {
    auto state = input.context.registered_state->Get<State>(STATE);
    if (!state || !statement.plan) return;
    const Judge judge{input.context, static_cast<PlannerInfo &>(*input.info).classify};
    Plan(*state, judge).Govern(statement.plan);
}

void remove_barriers(unique_ptr<LogicalOperator> &op, const State &state) {
    while (is_barrier(*op, state)) op = std::move(op->children[0]);
    for (auto &child : op->children) remove_barriers(child, state);
}

void optimize(OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &plan) {
    auto state = input.context.registered_state->Get<State>(STATE);
    if (!state || !plan) return;
    remove_barriers(plan, *state);
    if (state->curtain) draw_curtains(plan);
}

} // namespace

bool govern_plan_install(duckdb_database database, govern_classify_fn classify) {
    try {
        auto &config = DBConfig::GetConfig(*reinterpret_cast<DatabaseWrapper *>(database)->database->instance);
        auto info = make_shared_ptr<PlannerInfo>();
        info->classify = classify;
        PlannerExtension planner;
        planner.post_bind_function = post_bind;
        planner.planner_info = std::move(info);
        OptimizerExtension optimizer;
        optimizer.optimize_function = optimize;
        PlannerExtension::Register(config, std::move(planner));
        OptimizerExtension::Register(config, std::move(optimizer));
        return true;
    } catch (...) {
        return false;
    }
}

bool govern_plan_begin(duckdb_connection connection, const govern_plan *plan) {
    try {
        auto &context = *reinterpret_cast<Connection *>(connection)->context;
        auto state = make_shared_ptr<State>();
        state->nonce = plan->nonce;
        for (size_t i = 0; i < plan->table_count; i++) state->tables.emplace_back(plan->tables[i]);
        if (plan->target) state->target.emplace_back(*plan->target);
        state->checked = plan->checked;
        context.registered_state->Remove(STATE);
        context.registered_state->Insert(STATE, std::move(state));
        return true;
    } catch (...) {
        return false;
    }
}

bool govern_plan_may_raise(duckdb_connection connection) {
    auto state = reinterpret_cast<Connection *>(connection)->context->registered_state->Get<State>(STATE);
    return state && state->raises;
}

void govern_plan_end(duckdb_connection connection) {
    auto &context = *reinterpret_cast<Connection *>(connection)->context;
    context.registered_state->Remove(STATE);
}
