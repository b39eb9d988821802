/* See fault_shim.h. */
#include "engine/fault_shim.h"

#include <algorithm>

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/table_catalog_entry.hpp>
#include <duckdb/common/multi_file/multi_file_reader.hpp>
#include <duckdb/execution/expression_executor.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/optimizer/optimizer.hpp>
#include <duckdb/optimizer/optimizer_extension.hpp>
#include <duckdb/planner/binder.hpp>
#include <duckdb/planner/expression/bound_constant_expression.hpp>
#include <duckdb/planner/expression/bound_window_expression.hpp>
#include <duckdb/planner/operator/list.hpp>

using namespace duckdb;

namespace {

/* LEAD and LAG by a constant of -2^63 rows end the process: DuckDB takes the number's absolute value for small. */
void check_offset(ClientContext &context, const BoundWindowExpression &window) {
    auto &offset = window.offset_expr;
    Value value, number;
    if (!offset || !offset->IsFoldable() || !ExpressionExecutor::TryEvaluateScalar(context, *offset, value)) return;
    if (value.IsNull() || !value.DefaultTryCastAs(LogicalType::BIGINT, number, nullptr, false)) return;
    if (number.GetValue<int64_t>() == NumericLimits<int64_t>::Minimum())
        throw OutOfRangeException("the offset of LEAD and LAG must be above %lld", NumericLimits<int64_t>::Minimum());
}

/* NTILE with an ORDER BY of its own divides by the rows of its frame: where there is none, the process ends. */
void check_tiles(const BoundWindowExpression &window) {
    bool may_be_empty = window.start_expr || window.end_expr;
    if (window.type == ExpressionType::WINDOW_NTILE && !window.arg_orders.empty() && may_be_empty)
        throw OutOfRangeException("the frame of NTILE with an ORDER BY of its own might hold no row: bound it by "
                                  "CURRENT ROW or UNBOUNDED only");
}

idx_t count_numbered(LogicalOperator &op) {
    idx_t count = 0;
    if (op.type == LogicalOperatorType::LOGICAL_GET)
        for (auto &column : op.Cast<LogicalGet>().GetColumnIds())
            if (column.GetPrimaryIndex() == MultiFileReader::COLUMN_IDENTIFIER_FILE_ROW_NUMBER) count = 1;
    for (auto &child : op.children) count += count_numbered(*child);
    return count;
}

bool is_of_iceberg(TableCatalogEntry &table) { return table.ParentCatalog().GetCatalogType() == "iceberg"; }

/* The extension takes the files of the first scan of rows' numbers that it meets for those of the table that it changes; when
 * that is another, it ends in an error that ends the database. Is there one? */
bool reads_target(LogicalOperator &op) {
    idx_t count = count_numbered(op);
    if (count > 1) throw InvalidInputException("a statement that changes rows reads file_row_number of no other table");
    return count > 0;
}

/* In the place of a statement whose condition is true for no row whatever: it has changed none. */
void change_nothing(OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &op) {
    auto &binder = input.optimizer.binder;
    vector<unique_ptr<Expression>> count;
    count.push_back(make_uniq<BoundConstantExpression>(Value::BIGINT(0)));
    auto none = make_uniq<LogicalProjection>(binder.GenerateTableIndex(), std::move(count));
    none->children.push_back(make_uniq<LogicalDummyScan>(binder.GenerateTableIndex()));
    none->ResolveOperatorTypes();
    op = std::move(none);
}

/* Without a row of the target none is matched: what updates is left out, what inserts is done. Is there anything left? */
bool keep_inserts(LogicalMergeInto &merge) {
    idx_t left = 0;
    for (auto &matched : merge.actions) {
        auto &actions = matched.second;
        actions.erase(std::remove_if(actions.begin(), actions.end(),
                                     [](const unique_ptr<BoundMergeIntoAction> &action) {
                                         return action->action_type == MergeActionType::MERGE_UPDATE;
                                     }),
                      actions.end());
        left += actions.size();
    }
    return left > 0;
}

void check_windows(ClientContext &context, LogicalOperator &op) {
    for (auto &expression : op.expressions) {
        check_offset(context, expression->Cast<BoundWindowExpression>());
        check_tiles(expression->Cast<BoundWindowExpression>());
    }
}

void check(OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &op) {
    switch (op->type) {
    case LogicalOperatorType::LOGICAL_WINDOW: check_windows(input.context, *op); break;
    case LogicalOperatorType::LOGICAL_UPDATE:
        if (is_of_iceberg(op->Cast<LogicalUpdate>().table) && !reads_target(*op)) return change_nothing(input, op);
        break;
    case LogicalOperatorType::LOGICAL_DELETE:
        if (is_of_iceberg(op->Cast<LogicalDelete>().table)) reads_target(*op);
        break;
    case LogicalOperatorType::LOGICAL_MERGE_INTO: {
        auto &merge = op->Cast<LogicalMergeInto>();
        if (is_of_iceberg(merge.table) && !reads_target(*op) && !keep_inserts(merge)) return change_nothing(input, op);
        break;
    }
    default: break;
    }
    for (auto &child : op->children) check(input, child);
}

} // namespace

bool fault_shim_install(duckdb_database database) {
    try {
        auto &instance = *reinterpret_cast<DatabaseWrapper *>(database)->database->instance;
        OptimizerExtension
            optimizer; /* runs behind all of DuckDB's own: what is a constant for the plan is one by now */
        optimizer.optimize_function = [](OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &plan) {
            if (plan) check(input, plan);
        };
        OptimizerExtension::Register(DBConfig::GetConfig(instance), std::move(optimizer));
        return true;
    } catch (...) {
        return false;
    }
}
