/* Casts that raise no error whatever the value: what may stand in a row filter, and below one. For C++ that looks at bound
 * expressions (docs/adr/0021, section 3). */
#ifndef LH_ENGINE_TOTAL_CAST_HPP
#define LH_ENGINE_TOTAL_CAST_HPP
#include <duckdb/planner/expression/list.hpp>

/* Is every value of the one type a value of the other, when it is cast? */
bool cast_is_total(const duckdb::LogicalType &from, const duckdb::LogicalType &to);
/* A literal that is what it is cast to. */
bool constant_casts(const duckdb::BoundCastExpression &cast);
#endif
