/* See fault_shim.h. */
#include "engine/fault_shim.h"

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/table_catalog_entry.hpp>
#include <duckdb/common/multi_file/multi_file_reader.hpp>
#include <duckdb/execution/expression_executor.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/optimizer/optimizer_extension.hpp>
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

/* The iceberg extension takes the files of the first scan of rows' numbers that it meets for those of the table that it
 * changes; when there is none, or another, it ends in an error that ends the database. */
void check_change(LogicalOperator &op, TableCatalogEntry &table, bool updates) {
    if (table.ParentCatalog().GetCatalogType() != "iceberg") return;
    idx_t count = count_numbered(op);
    if (count == 0 && updates)
        throw InvalidInputException(
            "the condition of this statement is true for no row whatever: there is nothing to update");
    if (count > 1) throw InvalidInputException("a statement that changes rows reads file_row_number of no other table");
}

bool has_update(const LogicalMergeInto &merge) {
    for (auto &matched : merge.actions)
        for (auto &action : matched.second)
            if (action->action_type == MergeActionType::MERGE_UPDATE) return true;
    return false;
}

void check(ClientContext &context, LogicalOperator &op) {
    switch (op.type) {
    case LogicalOperatorType::LOGICAL_WINDOW:
        for (auto &expression : op.expressions) {
            check_offset(context, expression->Cast<BoundWindowExpression>());
            check_tiles(expression->Cast<BoundWindowExpression>());
        }
        break;
    case LogicalOperatorType::LOGICAL_UPDATE: check_change(op, op.Cast<LogicalUpdate>().table, true); break;
    case LogicalOperatorType::LOGICAL_DELETE: check_change(op, op.Cast<LogicalDelete>().table, false); break;
    case LogicalOperatorType::LOGICAL_MERGE_INTO: {
        auto &merge = op.Cast<LogicalMergeInto>();
        check_change(op, merge.table, has_update(merge));
        break;
    }
    default: break;
    }
    for (auto &child : op.children) check(context, *child);
}

} // namespace

bool fault_shim_install(duckdb_database database) {
    try {
        auto &instance = *reinterpret_cast<DatabaseWrapper *>(database)->database->instance;
        OptimizerExtension
            optimizer; /* runs behind all of DuckDB's own: what is a constant for the plan is one by now */
        optimizer.optimize_function = [](OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &plan) {
            if (plan) check(input.context, *plan);
        };
        OptimizerExtension::Register(DBConfig::GetConfig(instance), std::move(optimizer));
        return true;
    } catch (...) {
        return false;
    }
}
