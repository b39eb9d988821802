/* DuckDB's extensions, from the files that this binary was built with and no others: each is compared with the checksum
 * that CMake took of it. DuckDB's own check, of a signature, hashes them at a sixth of OpenSSL's speed, which was three
 * quarters of a start (docs/adr/0019). */
#include "base/hash.h"
#include "engine/engine_internal.h"
#include "engine_extensions.h" /* generated: ENGINE_EXTENSIONS */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef struct {
    const char *name, *sha256; /* hex */
} known_file;

static lh_code extension_hash(int fd, const char *path, lh_sha256_hex *ret, lh_error *err) {
    LH_CLEANUP(lh_sha256_stream_freep) lh_sha256_stream *stream = NULL;
    LH_TRY(lh_sha256_stream_new(&stream, err));
    char block[64 << 10];
    for (;;) {
        ssize_t got = read(fd, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lh_fail_errno(err, errno, "engine: cannot read %s", path);
        if (got == 0) break;
        lh_sha256_stream_add(stream, (lh_str){block, (size_t)got});
    }
    const lh_sha256 hash = lh_sha256_stream_end(stream);
    *ret = lh_sha256_to_hex(&hash);
    return LH_OK;
}

static lh_code extension_check(const known_file *extension, const char *path, lh_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return lh_fail(err, LH_NOT_FOUND,
                       "engine: the DuckDB extension '%s' is not at %s; run `make setup` or set engine.extension_dir",
                       extension->name, path);
    lh_sha256_hex hash;
    lh_code code = extension_hash(fd, path, &hash, err);
    close(fd);
    if (code == LH_OK && strcmp(hash.text, extension->sha256) != 0)
        code = lh_fail(
            err, LH_CORRUPT,
            "engine: %s is not the file that this lakehouse was built with (its SHA-256 is %s, not %s); take the "
            "extensions of this build, or build again",
            path, hash.text, extension->sha256);
    return code;
}

static lh_code extension_load(const known_file *extension, lh_str folder, duckdb_connection connection, lh_error *err) {
    char path[4300];
    int len = snprintf(path, sizeof path, "%.*s/%s.duckdb_extension", LH_STR_ARG(folder), extension->name);
    if (len < 0 || (size_t)len >= sizeof path)
        return lh_fail(err, LH_INVALID, "engine: the extension folder's path is too long");
    LH_TRY(extension_check(extension, path, err));
    LH_CLEANUP(lh_buf_done) lh_buf sql = LH_BUF_INIT(16 << 10);
    lh_buf_append(&sql, LH_STR("LOAD "));
    lh_buf_sql_string(&sql, lh_str_from(path));
    lh_buf_char(&sql, '\0');
    LH_TRY(lh_buf_check(&sql, err));
    return engine_execute(connection, sql.ptr, err);
}

static lh_code extension_load_optional(const char *name, lh_str folder, duckdb_connection connection, lh_error *err) {
    static const known_file optional[] = {ENGINE_OPTIONAL_EXTENSIONS};
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        if (strcmp(optional[i].name, name) != 0) continue;
        lh_code code = extension_load(&optional[i], folder, connection, err);
        if (code != LH_NOT_FOUND) return code;
        return lh_fail(err, LH_UNAVAILABLE,
                       "the DuckDB extension '%s' is not set up: run `tools/setup-%s`, or put the file of this build "
                       "into engine.extension_dir",
                       name, name);
    }
    return lh_fail(err, LH_INTERNAL, "engine: there is no optional extension '%s'", name);
}

lh_code engine_load_extensions(lh_str folder, const char *alone, duckdb_database database, lh_error *err) {
    static const known_file extensions[] = {ENGINE_EXTENSIONS};
    duckdb_connection connection = NULL;
    if (duckdb_connect(database, &connection) == DuckDBError)
        return lh_fail(err, LH_NO_MEMORY, "engine: out of memory");
    lh_code code = alone ? extension_load_optional(alone, folder, connection, err) : LH_OK;
    for (size_t i = 0; !alone && code == LH_OK && i < sizeof extensions / sizeof *extensions; i++)
        code = extension_load(&extensions[i], folder, connection, err);
    duckdb_disconnect(&connection);
    return code;
}
