/* See total_cast.hpp. */
#include "engine/total_cast.hpp"

using namespace duckdb;

/* Odd: signed. One that is greater holds the other, when both are signed or both are not; a signed one holds an unsigned one that
 * is lower; 0: no whole number. */
static int integer_rank(LogicalTypeId type) {
    switch (type) {
    case LogicalTypeId::UTINYINT: return 2;
    case LogicalTypeId::TINYINT: return 3;
    case LogicalTypeId::USMALLINT: return 4;
    case LogicalTypeId::SMALLINT: return 5;
    case LogicalTypeId::UINTEGER: return 6;
    case LogicalTypeId::INTEGER: return 7;
    case LogicalTypeId::UBIGINT: return 8;
    case LogicalTypeId::BIGINT: return 9;
    case LogicalTypeId::UHUGEINT: return 10;
    case LogicalTypeId::HUGEINT: return 11;
    default: return 0;
    }
}

static bool integer_holds(LogicalTypeId from, LogicalTypeId to) {
    int a = integer_rank(from), b = integer_rank(to);
    if (a == 0 || b <= a) return false;
    bool from_signed = a % 2 == 1, to_signed = b % 2 == 1;
    if (from_signed) return to_signed;
    return !to_signed || b >= a + 3; /* UTINYINT (2) lies in SMALLINT (5) */
}

/* Whole numbers as well, but for those of 39 digits: a comparison with a DECIMAL casts them. */
static bool decimal_holds(const LogicalType &from, const LogicalType &to) {
    if (from.id() == LogicalTypeId::HUGEINT || from.id() == LogicalTypeId::UHUGEINT) return false;
    uint8_t width, scale, to_width, to_scale;
    if (!from.GetDecimalProperties(width, scale) || !to.GetDecimalProperties(to_width, to_scale)) return false;
    return to_scale >= scale && to_width - to_scale >= width - scale;
}

bool cast_is_total(const LogicalType &from, const LogicalType &to) {
    if (from == to || from.id() == LogicalTypeId::SQLNULL) return true;
    if (to.id() == LogicalTypeId::VARCHAR) return !from.IsNested() && from.id() != LogicalTypeId::VARIANT;
    if (to.id() == LogicalTypeId::DOUBLE)
        return integer_rank(from.id()) || from.id() == LogicalTypeId::FLOAT || from.id() == LogicalTypeId::DECIMAL;
    if (to.id() == LogicalTypeId::DECIMAL && (integer_rank(from.id()) || from.id() == LogicalTypeId::DECIMAL))
        return decimal_holds(from, to);
    return integer_holds(from.id(), to.id());
}

bool constant_casts(const BoundCastExpression &cast) {
    if (cast.child->GetExpressionClass() != ExpressionClass::BOUND_CONSTANT) return false;
    Value value = cast.child->Cast<BoundConstantExpression>().value;
    return value.DefaultTryCastAs(cast.return_type, true);
}
