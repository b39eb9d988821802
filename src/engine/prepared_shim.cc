/* See prepared_shim.h. */
#include "engine/prepared_shim.h"

#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/main/prepared_statement_data.hpp>

void prepared_shim_keep_plan(duckdb_prepared_statement prepared) {
    auto wrapper = reinterpret_cast<duckdb::PreparedStatementWrapper *>(prepared);
    if (!wrapper || !wrapper->statement || !wrapper->statement->data) return;
    auto &properties = wrapper->statement->data->properties;
    if (properties.parameter_count > 0) return;
    properties.read_databases.clear();
    properties.always_require_rebind = false;
}

bool prepared_shim_in_transaction(duckdb_connection connection) {
    auto handle = reinterpret_cast<duckdb::Connection *>(connection);
    return handle && handle->HasActiveTransaction();
}
