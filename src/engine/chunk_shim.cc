/* See chunk_shim.h. */
#include "engine/chunk_shim.h"

#include <duckdb/common/types/data_chunk.hpp>

using namespace duckdb;

namespace {

void clear_nulls(Vector &vector, idx_t count) {
    vector.Flatten(count);
    auto type = vector.GetType().InternalType();
    auto &validity = FlatVector::Validity(vector);
    switch (type) {
    case PhysicalType::STRUCT:
        for (auto &child : StructVector::GetEntries(vector)) clear_nulls(*child, count);
        return;
    case PhysicalType::LIST: clear_nulls(ListVector::GetEntry(vector), ListVector::GetListSize(vector)); break;
    case PhysicalType::ARRAY:
        clear_nulls(ArrayVector::GetEntry(vector), count * ArrayType::GetSize(vector.GetType()));
        return;
    default: break;
    }
    if (validity.AllValid() || !TypeIsConstantSize(type)) return;
    idx_t width = GetTypeIdSize(type);
    for (idx_t row = 0; row < count; row++)
        if (!validity.RowIsValid(row)) memset(FlatVector::GetData(vector) + row * width, 0, width);
}

} // namespace

bool chunk_shim_append(duckdb_data_chunk into, duckdb_data_chunk from, idx_t first, idx_t count) {
    try {
        auto &rows = *reinterpret_cast<DataChunk *>(from);
        SelectionVector taken(count);
        for (idx_t i = 0; i < count; i++) taken.set_index(i, first + i);
        reinterpret_cast<DataChunk *>(into)->Append(rows, false, &taken, count);
        return true;
    } catch (...) {
        return false;
    }
}

void chunk_shim_clear_nulls(duckdb_data_chunk chunk) {
    auto &rows = *reinterpret_cast<DataChunk *>(chunk);
    for (auto &column : rows.data) clear_nulls(column, rows.size());
}
