/* See filter_shim.h. Both walks are lists of what is allowed: a kind of expression that is not named here is refused. */
#include "engine/filter_shim.h"
#include "engine/total_cast.hpp"

#include <charconv>
#include <cstdio>

#include <duckdb/common/error_data.hpp>
#include <duckdb/main/connection.hpp>
#include <duckdb/parser/expression/list.hpp>
#include <duckdb/parser/parsed_expression_iterator.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/query_node/select_node.hpp>
#include <duckdb/parser/statement/select_statement.hpp>
#include <duckdb/parser/tableref/emptytableref.hpp>
#include <duckdb/planner/expression/list.hpp>
#include <duckdb/planner/expression_iterator.hpp>
#include <duckdb/planner/planner.hpp>

using namespace duckdb;

namespace {

const string before = "SELECT ";

struct Refused {
    string what;
    optional_idx place;
};
struct Stopped {};

filter_code fail(filter_outcome *ret, filter_code code, const string &what, int64_t place) {
    snprintf(ret->what, sizeof ret->what, "%s", what.c_str());
    ret->place = place;
    return code;
}

/* A place in the query → one in the text that stands behind `before`. */
int64_t place_of(optional_idx place) {
    return place.IsValid() && place.GetIndex() >= before.size() ? int64_t(place.GetIndex() - before.size()) : -1;
}

/* ---- the parsed tree ---- */

/* The text as the one expression of a SELECT that has nothing else. */
unique_ptr<ParsedExpression> parse(const string &text) {
    Parser parser;
    parser.ParseQuery(before + text);
    if (parser.statements.size() != 1 || parser.statements[0]->type != StatementType::SELECT_STATEMENT)
        throw Refused{"it is not one expression", optional_idx()};
    auto &query = *parser.statements[0]->Cast<SelectStatement>().node;
    if (query.type != QueryNodeType::SELECT_NODE || !query.modifiers.empty() || !query.cte_map.map.empty())
        throw Refused{"it is not one expression", optional_idx()};
    auto &select = query.Cast<SelectNode>();
    bool bare = select.from_table && select.from_table->type == TableReferenceType::EMPTY_FROM &&
                !select.where_clause && select.groups.group_expressions.empty() &&
                select.groups.grouping_sets.empty() && !select.having && !select.qualify && !select.sample &&
                select.aggregate_handling == AggregateHandling::STANDARD_HANDLING;
    if (!bare || select.select_list.size() != 1 || !select.select_list[0]->GetAlias().empty())
        throw Refused{"it is not one expression", optional_idx()};
    return std::move(select.select_list[0]);
}

class Checker {
  public:
    explicit Checker(const filter_out &out_p) : out(out_p) {}

    void Visit(const ParsedExpression &at, size_t depth = 0) {
        if (depth > FILTER_DEPTH_MAX)
            throw Refused{"it is nested deeper than " + std::to_string(FILTER_DEPTH_MAX) + " levels", Place(at)};
        switch (at.GetExpressionClass()) {
        case ExpressionClass::CASE:
        case ExpressionClass::COMPARISON:
        case ExpressionClass::CONJUNCTION:
        case ExpressionClass::BETWEEN:
        case ExpressionClass::CONSTANT: break;
        case ExpressionClass::OPERATOR: VisitOperator(at); break;
        case ExpressionClass::COLUMN_REF: VisitColumn(at.Cast<ColumnRefExpression>()); break;
        case ExpressionClass::FUNCTION: VisitFunction(at.Cast<FunctionExpression>()); break;
        case ExpressionClass::CAST: VisitCast(at.Cast<CastExpression>()); break;
        case ExpressionClass::SUBQUERY: throw Refused{"a subquery may not be there", Place(at)};
        case ExpressionClass::PARAMETER: throw Refused{"a parameter may not be there", Place(at)};
        case ExpressionClass::STAR: throw Refused{"* and COLUMNS() may not be there: name the columns", Place(at)};
        case ExpressionClass::LAMBDA: throw Refused{"a lambda may not be there", Place(at)};
        case ExpressionClass::WINDOW: throw Refused{"a window function may not be there", Place(at)};
        case ExpressionClass::COLLATE: throw Refused{"COLLATE may not be there", Place(at)};
        default: throw Refused{"this kind of expression may not be there", Place(at)};
        }
        ParsedExpressionIterator::EnumerateChildren(at,
                                                    [&](const ParsedExpression &child) { Visit(child, depth + 1); });
    }

  private:
    const filter_out &out;

    static optional_idx Place(const ParsedExpression &at) { return at.GetQueryLocation(); }

    static void VisitOperator(const ParsedExpression &at) {
        switch (at.GetExpressionType()) {
        case ExpressionType::OPERATOR_NOT:
        case ExpressionType::OPERATOR_IS_NULL:
        case ExpressionType::OPERATOR_IS_NOT_NULL:
        case ExpressionType::OPERATOR_COALESCE:
        case ExpressionType::STRUCT_EXTRACT:
        case ExpressionType::COMPARE_IN:
        case ExpressionType::COMPARE_NOT_IN: return;
        default: throw Refused{"this operator may not be there: it could raise an error", Place(at)};
        }
    }

    void VisitColumn(const ColumnRefExpression &at) {
        if (!out.column(out.ctx, at.column_names[0].c_str(), place_of(Place(at)))) throw Stopped{};
    }

    void VisitFunction(const FunctionExpression &at) {
        bool plain = at.catalog.empty() && at.schema.empty() && !at.distinct && !at.filter && !at.export_state &&
                     (!at.order_bys || at.order_bys->orders.empty());
        if (!plain || !out.is_total(out.ctx, at.function_name.c_str()))
            throw Refused{
                (at.is_operator ? "the operator " : "the function ") + at.function_name.substr(0, 64) +
                    " may not be there: it could raise an error, is an aggregate, or differs from call to call",
                Place(at)};
    }

    static LogicalType TypeOf(const CastExpression &at) {
        auto type =
            at.cast_type.id() == LogicalTypeId::UNBOUND ? UnboundType::TryDefaultBind(at.cast_type) : at.cast_type;
        if (type.id() == LogicalTypeId::INVALID || type.id() == LogicalTypeId::UNBOUND)
            throw Refused{"there is no type " + at.cast_type.ToString().substr(0, 64), Place(at)};
        return type;
    }

    /* The types of columns are not known here: what a cast of them does, filter_shim_bind() sees. */
    static void VisitCast(const CastExpression &at) {
        auto type = TypeOf(at);
        if (at.try_cast || type.id() == LogicalTypeId::VARCHAR) return;
        if (at.child->GetExpressionClass() != ExpressionClass::CONSTANT)
            throw Refused{"CAST may not be there, as it raises an error on what does not fit: write TRY_CAST",
                          Place(at)};
        Value value = at.child->Cast<ConstantExpression>().value;
        if (type.IsNested() || !value.DefaultTryCastAs(type, true))
            throw Refused{"a literal is no " + type.ToString().substr(0, 64), Place(at)};
    }
};

/* What is kept is read again: it must be what was checked. */
string normalize(const ParsedExpression &expression) {
    string text = "(" + expression.ToString() + ")";
    auto again = parse(text);
    if ("(" + again->ToString() + ")" != text || !again->Equals(expression))
        throw Refused{"it cannot be written in a normal form", optional_idx()};
    return text;
}

filter_code parse_failed(filter_outcome *ret, const std::exception &e) {
    ErrorData data(e);
    if (data.Type() == ExceptionType::OUT_OF_MEMORY) return fail(ret, FILTER_NO_MEMORY, "", -1);
    auto found = data.ExtraInfo().find("position");
    size_t place = 0;
    if (found != data.ExtraInfo().end())
        std::from_chars(found->second.data(), found->second.data() + found->second.size(), place);
    return fail(ret, FILTER_SYNTAX, data.RawMessage(), place_of(place));
}

} // namespace

filter_code filter_shim_check(const char *text, const filter_out *out, filter_outcome *ret) {
    *ret = {};
    ret->place = -1;
    try {
        auto expression = parse(text);
        Checker(*out).Visit(*expression);
        string normal = normalize(*expression);
        return out->text(out->ctx, normal.data(), normal.size()) ? FILTER_OK : FILTER_NO_MEMORY;
    } catch (const Refused &refused) {
        return fail(ret, FILTER_REFUSED, refused.what, place_of(refused.place));
    } catch (const Stopped &) {
        return FILTER_STOPPED;
    } catch (const std::bad_alloc &) {
        return FILTER_NO_MEMORY;
    } catch (const std::exception &e) {
        return parse_failed(ret, e);
    }
}

/* ---- the bound tree ---- */

namespace {

class BoundChecker {
  public:
    explicit BoundChecker(const filter_out &out_p) : out(out_p) {}

    void Visit(const Expression &at) {
        switch (at.GetExpressionClass()) {
        case ExpressionClass::BOUND_COLUMN_REF:
        case ExpressionClass::BOUND_REF:
        case ExpressionClass::BOUND_CONSTANT:
        case ExpressionClass::BOUND_COMPARISON:
        case ExpressionClass::BOUND_CONJUNCTION:
        case ExpressionClass::BOUND_BETWEEN:
        case ExpressionClass::BOUND_CASE:
        case ExpressionClass::BOUND_OPERATOR: break; /* which operators, the parsed tree told */
        case ExpressionClass::BOUND_CAST: VisitCast(at.Cast<BoundCastExpression>()); break;
        case ExpressionClass::BOUND_FUNCTION: VisitFunction(at.Cast<BoundFunctionExpression>()); break;
        default: throw Refused{"this kind of expression may not be there", at.GetQueryLocation()};
        }
        if (at.IsVolatile()) throw Refused{"it differs from call to call", at.GetQueryLocation()};
        ExpressionIterator::EnumerateChildren(at, [&](const Expression &child) { Visit(child); });
    }

  private:
    const filter_out &out;

    static void VisitCast(const BoundCastExpression &at) {
        auto &from = at.child->return_type;
        if (at.try_cast || cast_is_total(from, at.return_type) || constant_casts(at)) return;
        if (at.child->GetExpressionClass() == ExpressionClass::BOUND_CONSTANT)
            throw Refused{"a literal is no " + at.return_type.ToString().substr(0, 64), at.GetQueryLocation()};
        throw Refused{
            "values of type " + from.ToString().substr(0, 64) + " would be cast to " +
                at.return_type.ToString().substr(0, 64) +
                " there, which raises an error on what does not fit: compare like with like, or write TRY_CAST",
            at.GetQueryLocation()};
    }

    void VisitFunction(const BoundFunctionExpression &at) {
        if (!out.is_total(out.ctx, at.function.name.c_str()))
            throw Refused{"the function " + at.function.name.substr(0, 64) +
                              " may not be there: it could raise an error",
                          at.GetQueryLocation()};
    }
};

void bind_filter(ClientContext &context, const string &sql, const filter_out &out) {
    Parser parser;
    parser.ParseQuery(sql);
    Planner planner(context);
    planner.CreatePlan(std::move(parser.statements[0]));
    if (planner.types.size() != 1 || planner.types[0].id() != LogicalTypeId::BOOLEAN)
        throw Refused{"it gives " + planner.types[0].ToString().substr(0, 64) + ", but must be BOOLEAN",
                      optional_idx()};
    BoundChecker(out).Visit(*planner.plan->expressions[0]);
}

} // namespace

filter_code filter_shim_bind(duckdb_connection connection, const char *sql, const filter_out *out, filter_outcome *ret,
                             char *ret_message, size_t size) {
    auto &context = *reinterpret_cast<Connection *>(connection)->context;
    *ret = {};
    ret->place = -1;
    try {
        string text = sql;
        filter_code code = FILTER_OK;
        context.RunFunctionInTransaction([&]() { /* which ends the transaction for std::exception only */
                                                 try {
                                                     bind_filter(context, text, *out);
                                                 } catch (const Refused &refused) {
                                                     code = fail(ret, FILTER_REFUSED, refused.what,
                                                                 place_of(refused.place));
                                                 }
        });
        return code;
    } catch (const std::bad_alloc &) {
        return FILTER_NO_MEMORY;
    } catch (const std::exception &e) {
        ErrorData data(e);
        snprintf(ret_message, size, "%s", data.Message().c_str());
        return FILTER_FAILED;
    }
}
