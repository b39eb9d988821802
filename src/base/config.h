/* Configuration: defaults, then lakehouse.toml, then LAKEHOUSE__SECTION__KEY of the
 * environment, then flags; all from one table, settings.def. Immutable once loaded. */
#ifndef LH_BASE_CONFIG_H
#define LH_BASE_CONFIG_H
#include "base/arena.h"
#include "base/json.h"

/* One [[storage.buckets]]. */
typedef struct lh_bucket_config {
#define LH_SETTING_FIELD_STRING lh_str
#define LH_SETTING_FIELD_SECRET lh_str
#define LH_SETTING_FIELD_ENUM lh_str
#define LH_SETTING_FIELD_INT int64_t
#define LH_SETTING_FIELD_BOOL bool
#define LH_BUCKET_SETTING(key, type, fallback, unit, help) LH_SETTING_FIELD_##type key;
#include "base/bucket_settings.def"
#undef LH_BUCKET_SETTING
} lh_bucket_config;
enum { LH_CONFIG_BUCKETS_MAX = 64 };

/* Setting `server.queue_max` is the field `server_queue_max`. ENUM is its word. Strings: arena. */
typedef struct lh_config {
#define LH_SETTING(section, key, type, fallback, min, max, unit, help) LH_SETTING_FIELD_##type section##_##key;
#include "base/settings.def"
#undef LH_SETTING
    lh_bucket_config *storage_buckets; /* [[storage.buckets]], in order; arena */
    size_t storage_bucket_count;
} lh_config;

typedef struct lh_config_override {
    lh_str name, value;
} lh_config_override; /* name "server.listen" */

/* Loads in the order above. toml_path: NULL for none (lakehouse.toml of the working folder is the caller's
 * choice). environment: like environ, NULL for none. An unknown section or key is INVALID and the message
 * names the nearest known one and the place (file:line, or the variable); so is a value of the wrong type,
 * outside its range, or not among its words. Errors: INVALID, NOT_FOUND (file), IO, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_config_load(lh_arena *arena, const char *toml_path, char *const *environment,
                                     const lh_config_override *overrides, size_t override_count, lh_config *ret,
                                     lh_error *err);
/* TOML with every setting, its help as a comment and where it differs from the default; SECRET as "***" when set.
 * Parses again as a configuration (but for secrets). Arena. */
LH_MUST_CHECK lh_code lh_config_show(lh_arena *arena, const lh_config *config, lh_str *ret, lh_error *err);
/* The Markdown table of docs/reference/config.md. Arena. */
LH_MUST_CHECK lh_code lh_config_reference(lh_arena *arena, lh_str *ret, lh_error *err);
/* A bucket from a JSON object with the members of [[storage.buckets]]. Arena. Errors: INVALID (a member, a value, as in a file). */
LH_MUST_CHECK lh_code lh_config_bucket(lh_arena *arena, const lh_json *object, lh_bucket_config *ret, lh_error *err);
/* Name of the bucket that holds the catalog; is it one of storage_buckets, or that of storage.kind? */
lh_str lh_config_primary(const lh_config *config);
bool lh_config_lists_primary(const lh_config *config);
/* Port of the gRPC server: grpc.port, or what its -1 stands for. */
uint16_t lh_config_grpc_port(const lh_config *config);
/* The texts of server.tls_certificate and server.tls_key (arena); both stay as they are when TLS is off. Errors: NOT_FOUND, IO,
 * INVALID (empty). */
LH_MUST_CHECK lh_code lh_config_read_tls(const lh_config *config, lh_arena *arena, const char **ret_certificate,
                                         const char **ret_key, lh_error *err);
/* Bytes of memory for the engine: memory_percent of what the machine (or its cgroup) has. */
uint64_t lh_config_engine_memory_bytes(const lh_config *config);
/* cache.limit_bytes, or a quarter of what the machine has. */
uint64_t lh_config_cache_limit_bytes(const lh_config *config);
#endif
