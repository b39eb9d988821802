/* See database_shim.h. */
#include "engine/database_shim.h"

#include <cstdio>

#include <duckdb/main/capi/capi_internal.hpp>
#include <duckdb/main/valid_checker.hpp>

using namespace duckdb;

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

bool database_shim_is_over_for(duckdb_connection connection) {
    auto handle = reinterpret_cast<Connection *>(connection);
    return handle && ValidChecker::IsInvalidated(*handle->context->db);
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
