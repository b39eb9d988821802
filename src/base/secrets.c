#include "base/base.h"
#include "base/config_internal.h"
#include "base/toml_shim.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRETS_FILE_BYTES = 256 << 10, SECRETS_NAME_BYTES = 63 };

lh_code lh_secret_find(const lh_secret_provider *providers, size_t count, lh_str name, lh_arena *arena, lh_secret *ret,
                       lh_error *err) {
    for (size_t i = 0; i < count; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): each has one */
        lh_code code = providers[i].find(&providers[i], name, arena, ret, err);
        if (code != LH_NOT_FOUND) return code;
    }
    return lh_fail(
        err, LH_NOT_FOUND,
        "there is no secret '%.*s': put it into storage.secrets_file, or set LAKEHOUSE_SECRET__…__ACCESS_KEY "
        "and …__SECRET_KEY (an API key: …__API_KEY)",
        LH_STR_ARG(name));
}

lh_code lh_secret_of(const lh_config *config, lh_str folder, lh_str name, lh_arena *arena, lh_secret *ret,
                     lh_error *err) {
    lh_secret_provider providers[2] = {lh_secrets_environment(environ)};
    lh_str file = config->storage_secrets_file;
    size_t count = 1;
    if (file.len) {
        bool relative = !lh_str_starts(file, LH_STR("/"));
        const char *path = lh_arena_cstr(
            arena, relative ? lh_arena_printf(arena, "%.*s/%.*s", LH_STR_ARG(folder), LH_STR_ARG(file)) : file);
        if (!path) return lh_fail(err, LH_INVALID, "storage.secrets_file is no path");
        providers[count++] = lh_secrets_file(path);
    }
    return lh_secret_find(providers, count, name, arena, ret, err);
}

/* A pair or an API key, not a part of one, nor both. */
static bool secrets_is_whole(const lh_secret *secret) {
    bool access = secret->access_key.len > 0, pair = access && secret->secret_key.len > 0;
    return pair ? !secret->api_key.len : !access && !secret->secret_key.len && secret->api_key.len;
}

/* ---- environment ---- */

/* "archive-2", "ACCESS_KEY" → "LAKEHOUSE_SECRET__ARCHIVE_2__ACCESS_KEY" */
static lh_str secrets_variable(lh_str name, const char *part, lh_arena *arena) {
    lh_str variable = lh_arena_printf(arena, "LAKEHOUSE_SECRET__%.*s__%s", LH_STR_ARG(name), part);
    for (size_t i = 0; i < variable.len; i++) {
        char *c = (char *)(uintptr_t)&variable.ptr[i];
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - ('a' - 'A'));
        if (*c == '-') *c = '_';
    }
    return variable;
}

static lh_str secrets_value(char *const *environment, lh_str variable) {
    for (; environment && *environment; environment++) {
        lh_str value = lh_str_from(*environment);
        if (lh_str_eq(lh_str_split(&value, '='), variable)) return value;
    }
    return LH_STR_NONE;
}

static lh_code secrets_find_variables(const lh_secret_provider *self, lh_str name, lh_arena *arena, lh_secret *ret,
                                      lh_error *err) {
    lh_str access = secrets_variable(name, "ACCESS_KEY", arena), secret = secrets_variable(name, "SECRET_KEY", arena);
    lh_str api = secrets_variable(name, "API_KEY", arena);
    LH_TRY(lh_arena_check(arena, err));
    lh_secret found = {secrets_value(self->environment, access), secrets_value(self->environment, secret),
                       secrets_value(self->environment, api)};
    if (found.access_key.len == 0 && found.secret_key.len == 0 && found.api_key.len == 0)
        return lh_fail(err, LH_NOT_FOUND, "%.*s is not set", LH_STR_ARG(access));
    if (!secrets_is_whole(&found))
        return lh_fail(err, LH_INVALID, "%.*s and %.*s go together, or %.*s is set alone", LH_STR_ARG(access),
                       LH_STR_ARG(secret), LH_STR_ARG(api));
    *ret = (lh_secret){lh_arena_dup(arena, found.access_key), lh_arena_dup(arena, found.secret_key),
                       lh_arena_dup(arena, found.api_key)};
    return lh_arena_check(arena, err);
}

lh_secret_provider lh_secrets_environment(char *const *environment) {
    return (lh_secret_provider){.find = secrets_find_variables, .environment = environment};
}

/* ---- file ---- */

typedef struct secrets_walk {
    lh_str name;
    lh_arena *arena;
    const char *path;
    lh_secret found;
    bool has;
    lh_code code;
    lh_error *err;
} secrets_walk;

static int secrets_visit(void *ctx, const lh_toml_item *item) {
    secrets_walk *walk = ctx;
    lh_str section = {item->section, item->section_bytes}, key = {item->key, item->key_bytes};
    bool access = lh_str_eq(key, LH_STR("access_key")), secret = lh_str_eq(key, LH_STR("secret_key"));
    bool api = lh_str_eq(key, LH_STR("api_key"));
    bool header = item->kind == LH_TOML_SECTION && !item->list;
    if (!header && (item->list || item->kind != LH_TOML_STRING || section.len == 0 || !(access || secret || api))) {
        walk->code =
            lh_fail(walk->err, LH_INVALID,
                    "%s:%" PRIu64 ": a secret is a section with access_key and secret_key, or api_key, all texts",
                    walk->path, item->line);
        return 1;
    }
    if (!lh_str_eq(section, walk->name)) return 0;
    walk->has = true;
    lh_str value = lh_arena_dup(walk->arena, (lh_str){item->text, item->text_bytes});
    if (access) walk->found.access_key = value;
    if (secret) walk->found.secret_key = value;
    if (api) walk->found.api_key = value;
    return 0;
}

lh_code lh_secrets_read_toml(lh_arena *arena, const char *path, lh_str text, lh_str name, lh_secret *ret,
                             lh_error *err) {
    secrets_walk walk = {.name = name, .arena = arena, .path = path, .err = err};
    lh_toml_failure failure = {0};
    if (lh_str_find(text, '\0') < text.len) return lh_fail(err, LH_INVALID, "%s holds a NUL byte", path);
    switch (lh_toml_walk(text.ptr, text.len, secrets_visit, &walk, &failure)) {
    case LH_TOML_OK: break;
    case LH_TOML_STOPPED: return walk.code;
    case LH_TOML_NO_MEMORY: return lh_fail(err, LH_NO_MEMORY, "%s: out of memory", path);
    case LH_TOML_BAD_SYNTAX: /* its message may quote the text */
        return lh_fail(err, LH_INVALID, "%s:%" PRIu64 ": not valid TOML", path, failure.line);
    }
    if (!walk.has) return lh_fail(err, LH_NOT_FOUND, "%s has no section [%.*s]", path, LH_STR_ARG(name));
    if (!secrets_is_whole(&walk.found))
        return lh_fail(err, LH_INVALID, "%s: [%.*s] needs access_key and secret_key, or api_key alone", path,
                       LH_STR_ARG(name));
    *ret = walk.found;
    return lh_arena_check(arena, err);
}

static lh_code secrets_check_file(FILE *file, const char *path, lh_error *err) {
    struct stat st;
    if (fstat(fileno(file), &st) != 0) return lh_fail_errno(err, errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode)) return lh_fail(err, LH_INVALID, "%s is not a file", path);
    if (st.st_mode & 077)
        return lh_fail(err, LH_DENIED, "%s holds secrets and others may reach it (mode %04o): chmod 600 it", path,
                       (unsigned)(st.st_mode & 07777U));
    if (st.st_uid != geteuid())
        return lh_fail(err, LH_DENIED, "%s holds secrets and belongs to another user (%u): chown it", path,
                       (unsigned)st.st_uid);
    return LH_OK;
}

static lh_code secrets_find_in_file(const lh_secret_provider *self, lh_str name, lh_arena *arena, lh_secret *ret,
                                    lh_error *err) {
    FILE *file = fopen(self->path, "re");
    if (!file && errno == ENOENT) return lh_fail(err, LH_INVALID, "storage.secrets_file: %s is not there", self->path);
    if (!file) return lh_fail_errno(err, errno, "cannot open %s", self->path);
    char *text = malloc(SECRETS_FILE_BYTES);
    lh_code code = LH_NO_MEMORY;
    if (text) code = secrets_check_file(file, self->path, err);
    else lh_error_set(err, code, "out of memory");
    size_t got = code == LH_OK ? fread(text, 1, SECRETS_FILE_BYTES, file) : 0;
    if (code == LH_OK && (ferror(file) || got == SECRETS_FILE_BYTES))
        code = lh_fail(err, LH_INVALID, "%s cannot be read, or has %d bytes or more", self->path, SECRETS_FILE_BYTES);
    if (code == LH_OK) code = lh_secrets_read_toml(arena, self->path, (lh_str){text, got}, name, ret, err);
    if (text) explicit_bzero(text, got);
    free(text);
    fclose(file);
    return code;
}

lh_secret_provider lh_secrets_file(const char *path) {
    return (lh_secret_provider){.find = secrets_find_in_file, .path = path};
}
