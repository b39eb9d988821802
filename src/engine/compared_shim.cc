/* See compared_shim.h. A literal counts where a comparison, IN, LIKE and such have it as it is, or within what leaves it a value to be found:
 * a cast, lower(), a list. In other functions it is a format or a part's name. */
#include "engine/compared_shim.h"

#include <duckdb/parser/expression/list.hpp>
#include <duckdb/parser/parsed_expression_iterator.hpp>
#include <duckdb/parser/parser.hpp>
#include <duckdb/parser/statement/select_statement.hpp>

#include <algorithm>

using namespace duckdb;

namespace {

struct NoMemory {};

const case_insensitive_set_t predicates = {"~~",
                                           "!~~",
                                           "~~*",
                                           "!~~*",
                                           "~~~",
                                           "like_escape",
                                           "not_like_escape",
                                           "ilike_escape",
                                           "not_ilike_escape",
                                           "contains",
                                           "prefix",
                                           "suffix",
                                           "starts_with",
                                           "ends_with",
                                           "regexp_matches",
                                           "regexp_full_match",
                                           "list_contains",
                                           "list_has",
                                           "array_contains",
                                           "array_has",
                                           "list_has_any",
                                           "list_has_all",
                                           "array_has_any",
                                           "array_has_all",
                                           "&&",
                                           "@>",
                                           "<@",
                                           "instr",
                                           "strpos",
                                           "position"};
const case_insensitive_set_t wrappers = {
    "lower",         "upper",      "lcase",     "ucase", "trim",   "ltrim", "rtrim",
    "strip_accents", "list_value", "list_pack", "row",   "concat", "||",    "-"};
const case_insensitive_set_t dates = {
    "strftime",   "date_part", "datepart", "extract",  "date_trunc", "datetrunc", "date_diff",  "datediff", "date_sub",
    "datesub",    "age",       "year",     "quarter",  "month",      "week",      "weekofyear", "yearweek", "day",
    "dayofmonth", "dayofweek", "isodow",   "weekday",  "dayofyear",  "hour",      "minute",     "second",   "epoch",
    "epoch_ms",   "monthname", "dayname",  "last_day", "isoyear",    "century",   "decade"};

class Looker {
  public:
    Looker(bool (*tell_p)(void *, const compared_one *), void *ctx_p) : tell(tell_p), ctx(ctx_p) {}

    void Query(QueryNode &node) {
        ParsedExpressionIterator::EnumerateQueryNodeChildren(
            node, [&](unique_ptr<ParsedExpression> &child) { Visit(*child); });
    }

  private:
    bool (*tell)(void *, const compared_one *);
    void *ctx;
    compared_one about = {};
    static constexpr idx_t at_most = NumericLimits<idx_t>::Maximum();

    static bool Named(const ParsedExpression &at, const case_insensitive_set_t &names) {
        return at.GetExpressionClass() == ExpressionClass::FUNCTION &&
               names.count(at.Cast<FunctionExpression>().function_name);
    }

    void Visit(ParsedExpression &at) {
        switch (at.GetExpressionClass()) {
        case ExpressionClass::COMPARISON:
        case ExpressionClass::BETWEEN: Compared(at); break;
        case ExpressionClass::OPERATOR:
            if (at.GetExpressionType() == ExpressionType::COMPARE_IN ||
                at.GetExpressionType() == ExpressionType::COMPARE_NOT_IN)
                Compared(at);
            break;
        case ExpressionClass::FUNCTION:
            if (Named(at, predicates)) Compared(at);
            break;
        case ExpressionClass::SUBQUERY: /* 'x' = ANY (…) */
            if (at.Cast<SubqueryExpression>().child) Compared(at);
            Query(*at.Cast<SubqueryExpression>().subquery->node);
            break;
        default: break;
        }
        ParsedExpressionIterator::EnumerateChildren(at, [&](ParsedExpression &child) { Visit(child); });
    }

    void Compared(const ParsedExpression &at) {
        vector<string> names;
        vector<const char *> columns;
        about = {};
        about.pattern = Named(at, predicates);
        about.equal = !about.pattern && at.GetExpressionClass() != ExpressionClass::BETWEEN;
        switch (at.GetExpressionType()) {
        case ExpressionType::COMPARE_LESSTHAN:
        case ExpressionType::COMPARE_LESSTHANOREQUALTO:
        case ExpressionType::COMPARE_GREATERTHAN:
        case ExpressionType::COMPARE_GREATERTHANOREQUALTO: about.equal = false; break;
        default: break;
        }
        Look(at, names);
        for (auto &name : names) columns.push_back(name.c_str());
        about.columns = columns.data();
        about.column_count = columns.size();
        Literals(at, about.dated, about.pattern && Optioned(at) ? 2 : at_most);
    }

    /* Of more than what is looked for in what: 'i' of regexp_matches(), the sign after ESCAPE. */
    static bool Optioned(const ParsedExpression &at) {
        auto &name = at.Cast<FunctionExpression>().function_name;
        return StringUtil::StartsWith(name, "regexp_") || StringUtil::EndsWith(name, "_escape");
    }

    static void Add(vector<string> &names, const string &name) {
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }

    /* What the comparison is about. */
    void Look(const ParsedExpression &at, vector<string> &names) {
        if (at.GetExpressionClass() == ExpressionClass::WINDOW) return; /* a rank, whatever it is of */
        if (at.GetExpressionClass() == ExpressionClass::COLUMN_REF)
            Add(names, at.Cast<ColumnRefExpression>().GetColumnName());
        about.dated |= Named(at, dates);
        ParsedExpressionIterator::EnumerateChildren(at, [&](const ParsedExpression &child) { Look(child, names); });
    }

    void Literals(const ParsedExpression &of, bool dated, idx_t children = at_most) {
        ParsedExpressionIterator::EnumerateChildren(of, [&](const ParsedExpression &at) {
            if (children-- == 0) return;
            switch (at.GetExpressionClass()) {
            case ExpressionClass::CONSTANT: Tell(at.Cast<ConstantExpression>().value, dated); break;
            case ExpressionClass::CAST: Cast(at.Cast<CastExpression>(), dated); break;
            case ExpressionClass::FUNCTION:
                if (Named(at, wrappers)) Literals(at, dated);
                break;
            case ExpressionClass::OPERATOR:
                if (at.GetExpressionType() == ExpressionType::ARRAY_CONSTRUCTOR) Literals(at, dated);
                break;
            default: break;
            }
        });
    }

    void Cast(const CastExpression &at, bool dated) {
        auto type =
            at.cast_type.id() == LogicalTypeId::UNBOUND ? UnboundType::TryDefaultBind(at.cast_type) : at.cast_type;
        switch (type.id()) {
        case LogicalTypeId::BOOLEAN:
        case LogicalTypeId::INTERVAL: return;
        case LogicalTypeId::DATE:
        case LogicalTypeId::TIME:
        case LogicalTypeId::TIMESTAMP:
        case LogicalTypeId::TIMESTAMP_TZ:
        case LogicalTypeId::TIMESTAMP_SEC:
        case LogicalTypeId::TIMESTAMP_MS:
        case LogicalTypeId::TIMESTAMP_NS: Literals(at, true); return;
        default: Literals(at, dated);
        }
    }

    void Tell(const Value &value, bool dated) {
        compared_one one = about;
        if (value.IsNull() || value.type().id() == LogicalTypeId::BOOLEAN) return;
        string text = value.ToString();
        one.number = value.type().IsNumeric();
        one.dated = dated;
        one.text = text.data();
        one.len = text.size();
        if (!tell(ctx, &one)) throw NoMemory{};
    }
};

} // namespace

compared_code compared_shim_walk(const char *sql, size_t len, bool (*tell)(void *ctx, const compared_one *one),
                                 void *ctx) {
    try {
        Parser parser;
        parser.ParseQuery(string(sql, len));
        if (parser.statements.size() != 1 || parser.statements[0]->type != StatementType::SELECT_STATEMENT)
            return COMPARED_WRONG;
        Looker(tell, ctx).Query(*parser.statements[0]->Cast<SelectStatement>().node);
        return COMPARED_OK;
    } catch (const NoMemory &) {
        return COMPARED_NO_MEMORY;
    } catch (const std::bad_alloc &) {
        return COMPARED_NO_MEMORY;
    } catch (...) { /* of the parser, or DuckDB's own walk */
        return COMPARED_WRONG;
    }
}
