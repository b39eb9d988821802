/* See bounds_shim.h. The functions are changed where DuckDB keeps them, so that lambdas and constants that are computed while a
 * statement is planned have the same bounds. */
#include "engine/bounds_shim.h"

#include <algorithm>

#include <duckdb/catalog/catalog.hpp>
#include <duckdb/catalog/catalog_entry/scalar_function_catalog_entry.hpp>
#include <duckdb/common/types/interval.hpp>
#include <duckdb/common/vector_operations/vector_operations.hpp>
#include <duckdb/execution/expression_executor_state.hpp>
#include <duckdb/main/capi/capi_internal.hpp>

using namespace duckdb;

namespace {

constexpr double TEXT_BYTES = 64 << 20, LIST_VALUES = 1e6, PAIRS = 16e6;

/* The arguments of some rows. */
class Arguments {
  public:
    explicit Arguments(DataChunk &chunk) : types(chunk.GetTypes()), formats(chunk.ColumnCount()) {
        for (idx_t i = 0; i < formats.size(); i++) chunk.data[i].ToUnifiedFormat(chunk.size(), formats[i]);
    }
    bool Has(idx_t column, idx_t row) const {
        return column < formats.size() && formats[column].validity.RowIsValid(formats[column].sel->get_index(row));
    }
    template <class T> T Get(idx_t column, idx_t row) const {
        return UnifiedVectorFormat::GetData<T>(formats[column])[formats[column].sel->get_index(row)];
    }
    /* Of a text in bytes, of a list in values; 0 for NULL. */
    double Length(idx_t column, idx_t row) const {
        if (!Has(column, row)) return 0;
        if (types[column].InternalType() == PhysicalType::LIST) return double(Get<list_entry_t>(column, row).length);
        return types[column].InternalType() == PhysicalType::VARCHAR ? double(Get<string_t>(column, row).GetSize()) : 1;
    }
    /* An integer, or microseconds of a time or an interval. */
    double Number(idx_t column, idx_t row) const {
        if (!Has(column, row)) return 0;
        switch (types[column].InternalType()) {
        case PhysicalType::INT32: return Get<int32_t>(column, row);
        case PhysicalType::INT64: return double(Get<int64_t>(column, row));
        case PhysicalType::UINT64: return double(Get<uint64_t>(column, row));
        case PhysicalType::INTERVAL: {
            auto interval = Get<interval_t>(column, row);
            return double(interval.months) * double(Interval::MICROS_PER_MONTH) +
                   double(interval.days) * double(Interval::MICROS_PER_DAY) + double(interval.micros);
        }
        default: return 0;
        }
    }
    idx_t Count() const { return formats.size(); }

  private:
    vector<LogicalType> types;
    vector<UnifiedVectorFormat> formats;
};

/* ---- what one row costs ---- */

double pairs(const Arguments &of, idx_t row) { return of.Length(0, row) * of.Length(1, row); }

double repeated(const Arguments &of, idx_t row) { return of.Length(0, row) * std::max(0.0, of.Number(1, row)); }

double padded(const Arguments &of, idx_t row) { return of.Number(1, row); }

double bits(const Arguments &of, idx_t row) { return of.Number(1, row) / 8; }

double range(const Arguments &of, idx_t row) {
    double start = of.Count() > 1 ? of.Number(0, row) : 0, end = of.Number(of.Count() > 1 ? 1 : 0, row);
    double step = of.Count() > 2 ? of.Number(2, row) : 1;
    return step == 0 ? 0 : std::max(0.0, (end - start) / step);
}

struct Bound {
    const char *name;
    double (*cost)(const Arguments &, idx_t);
    double row_max, vector_max; /* 0: a vector that costs more than a row may is computed by row, and can be interrupted */
    const char *what;
};

constexpr const char *OF_PAIRS = "the lengths of two texts, multiplied, are at most 16,000,000";
constexpr const char *OF_BYTES = "it makes at most 64 MiB of a value";
constexpr const char *OF_CHARACTERS = "it makes at most 16,777,216 characters of a value";
constexpr const char *OF_LIST = "it makes a list of at most 1,000,000 values";

const Bound BOUNDS[] = {
    {"levenshtein", pairs, PAIRS, 0, OF_PAIRS},
    {"editdist3", pairs, PAIRS, 0, OF_PAIRS},
    {"damerau_levenshtein", pairs, PAIRS, 0, OF_PAIRS},
    {"jaro_similarity", pairs, PAIRS, 0, OF_PAIRS},
    {"jaro_winkler_similarity", pairs, PAIRS, 0, OF_PAIRS},
    {"repeat", repeated, TEXT_BYTES, 8 * TEXT_BYTES, OF_BYTES},
    {"lpad", padded, TEXT_BYTES / 4, 2 * TEXT_BYTES, OF_CHARACTERS},
    {"rpad", padded, TEXT_BYTES / 4, 2 * TEXT_BYTES, OF_CHARACTERS},
    {"bitstring", bits, TEXT_BYTES, 8 * TEXT_BYTES, OF_BYTES},
    {"range", range, LIST_VALUES, 64 * LIST_VALUES,
     "it makes a list of at most 1,000,000 values; FROM range(…) has no such bound"},
    {"generate_series", range, LIST_VALUES, 64 * LIST_VALUES,
     "it makes a list of at most 1,000,000 values; FROM generate_series(…) has no such bound"},
    {"list_resize", padded, LIST_VALUES, 64 * LIST_VALUES, OF_LIST},
    {"array_resize", padded, LIST_VALUES, 64 * LIST_VALUES, OF_LIST},
};

/* ---- the functions ---- */

void by_row(const scalar_function_t &function, DataChunk &arguments, ExpressionState &state, Vector &result) {
    result.SetVectorType(VectorType::FLAT_VECTOR);
    for (idx_t row = 0; row < arguments.size(); row++) {
        if (state.HasContext() && state.GetContext().IsInterrupted()) throw InterruptException();
        SelectionVector at(1);
        at.set_index(0, row);
        DataChunk one;
        one.InitializeEmpty(arguments.GetTypes());
        one.Slice(arguments, at, 1);
        one.Flatten();
        Vector value(result.GetType());
        function(one, state, value);
        VectorOperations::Copy(value, result, 1, 0, row);
    }
}

[[noreturn]] void refuse(const Bound &bound) { throw OutOfRangeException("%s: %s", bound.name, bound.what); }

void run(const Bound &bound, const scalar_function_t &function, DataChunk &arguments, ExpressionState &state,
         Vector &result) {
    const Arguments of(arguments);
    idx_t rows = arguments.AllConstant() ? std::min<idx_t>(arguments.size(), 1) : arguments.size();
    double total = 0;
    for (idx_t row = 0; row < rows; row++) {
        double cost = bound.cost(of, row);
        if (cost > bound.row_max) refuse(bound);
        total += cost;
    }
    if (bound.vector_max && total > bound.vector_max) refuse(bound);
    if (!bound.vector_max && total > bound.row_max) by_row(function, arguments, state, result);
    else function(arguments, state, result);
}

void bind(Catalog &catalog, ClientContext &context, const Bound &bound) {
    auto &entry = catalog.GetEntry<ScalarFunctionCatalogEntry>(context, DEFAULT_SCHEMA, bound.name);
    for (auto &function : entry.functions.functions) {
        scalar_function_t inner = function.function;
        if (!inner) throw InternalException("%s has another form than was known", bound.name);
        function.function = [&bound, inner](DataChunk &arguments, ExpressionState &state, Vector &result) {
            run(bound, inner, arguments, state, result);
        };
        function.SetFallible();
    }
}

} // namespace

bool bounds_shim_install(duckdb_database database) {
    try {
        Connection connection(*reinterpret_cast<DatabaseWrapper *>(database)->database);
        auto &context = *connection.context;
        context.RunFunctionInTransaction([&]() {
            for (auto &bound : BOUNDS) bind(Catalog::GetSystemCatalog(context), context, bound);
        });
        return true;
    } catch (...) {
        return false;
    }
}
