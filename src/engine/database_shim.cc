/* See database_shim.h. */
#include "engine/database_shim.h"

#include <cstdio>

#include <duckdb/execution/expression_executor.hpp>
#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/main/valid_checker.hpp>
#include <duckdb/optimizer/optimizer_extension.hpp>
#include <duckdb/planner/expression/bound_window_expression.hpp>
#include <duckdb/planner/logical_operator.hpp>

using namespace duckdb;

namespace {

void check_offset(ClientContext &context, const Expression &expression) {
    if (expression.GetExpressionClass() != ExpressionClass::BOUND_WINDOW) return;
    auto &offset = expression.Cast<BoundWindowExpression>().offset_expr;
    Value value, number;
    if (!offset || !offset->IsFoldable() || !ExpressionExecutor::TryEvaluateScalar(context, *offset, value)) return;
    if (value.IsNull() || !value.DefaultTryCastAs(LogicalType::BIGINT, number, nullptr, false)) return;
    if (number.GetValue<int64_t>() == NumericLimits<int64_t>::Minimum())
        throw OutOfRangeException("the offset of LEAD and LAG must be above %lld", NumericLimits<int64_t>::Minimum());
}

/* Behind all of DuckDB's own optimizers: what is a constant for the plan is one by now. */
void check_offsets(ClientContext &context, const LogicalOperator &op) {
    if (op.type == LogicalOperatorType::LOGICAL_WINDOW)
        for (auto &expression : op.expressions) check_offset(context, *expression);
    for (auto &child : op.children) check_offsets(context, *child);
}

} // namespace

bool database_shim_refuse_offsets(duckdb_database database) {
    try {
        auto &instance = *reinterpret_cast<DatabaseWrapper *>(database)->database->instance;
        OptimizerExtension optimizer;
        optimizer.optimize_function = [](OptimizerExtensionInput &input, unique_ptr<LogicalOperator> &plan) {
            if (plan) check_offsets(input.context, *plan);
        };
        OptimizerExtension::Register(DBConfig::GetConfig(instance), std::move(optimizer));
        return true;
    } catch (...) {
        return false;
    }
}

bool database_shim_is_over(duckdb_database database, char *ret, size_t size) {
    auto &instance = *reinterpret_cast<DatabaseWrapper *>(database)->database->instance;
    if (!ValidChecker::IsInvalidated(instance)) return false;
    try {
        snprintf(ret, size, "%s", ValidChecker::InvalidatedMessage(instance).c_str());
    } catch (...) {
        snprintf(ret, size, "unknown");
    }
    return true;
}

void database_shim_roll_back(duckdb_connection connection) {
    auto handle = reinterpret_cast<Connection *>(connection);
    if (!handle || !handle->HasActiveTransaction()) return;
    try {
        auto &transaction = handle->context->transaction;
        transaction.ResetActiveQuery();
        transaction.Rollback(nullptr);
    } catch (...) {
    }
}
