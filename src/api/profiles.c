/* Profiles: what belongs to one user and is taken up while the server runs: a bucket of their own and defaults for what they
 * load. The document is <storage.profile_root>/<user>.json, the operator's, read anew at each activation:
 *   {"bucket": {as [[storage.buckets]]}, "cache_pins": ["ns.t"], "defaults": {"bucket": "…", "namespace": "…"}}
 * All members are optional. cache_pins are pinned in the hot cache when the profile is activated. `lock` guards the list; `changing` is held by
 * whoever activates or deactivates, so that the registry, the engine and the list change together. */
#include "api/api_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PROFILE_BYTES = 64 << 10, PROFILE_ARENA_BYTES = 1 << 20, PROFILE_PINS_MAX = 1000, PROFILE_NAME_BYTES = 63 };

typedef struct profile {
    struct profile *next;
    lh_arena *arena; /* owned; the rest lies in it */
    lh_str user, bucket, default_bucket, default_namespace;
    lh_json *pins;
    lh_bucket_config config; /* of bucket, when it has one */
} profile;

struct lh_profiles {
    const lh_config *config;
    lh_str root, folder; /* owned: absolute folder of the documents; where other relative paths begin */
    lh_registry *registry;
    pthread_mutex_t changing, lock;
    profile *first;
};

static void profile_free(profile *p) {
    if (!p) return;
    lh_arena_free(p->arena);
    free(p);
}
static void profile_freep(profile **p) { profile_free(*p); }

lh_code lh_profiles_new(const lh_config *config, lh_str folder, lh_registry *registry, lh_profiles **ret, lh_error *err) {
    LH_CLEANUP(lh_profiles_freep) lh_profiles *profiles = calloc(1, sizeof *profiles);
    LH_CLEANUP(lh_buf_done) lh_buf root = LH_BUF_INIT(16 << 10);
    if (!profiles) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    pthread_mutex_init(&profiles->changing, NULL);
    pthread_mutex_init(&profiles->lock, NULL);
    profiles->config = config;
    profiles->registry = registry;
    lh_str given = config->storage_profile_root;
    if (given.len && !lh_str_starts(given, LH_STR("/"))) lh_buf_printf(&root, "%.*s/", LH_STR_ARG(folder));
    lh_buf_append(&root, given);
    LH_TRY(lh_buf_check(&root, err));
    if (lh_str_dup(lh_buf_str(&root), &profiles->root) != LH_OK || lh_str_dup(folder, &profiles->folder) != LH_OK)
        return lh_fail(err, LH_NO_MEMORY, "out of memory");
    *ret = lh_take(&profiles);
    return LH_OK;
}

void lh_profiles_free(lh_profiles *profiles) {
    if (!profiles) return;
    while (profiles->first) {
        profile *p = profiles->first;
        profiles->first = p->next;
        profile_free(p);
    }
    lh_str_free(profiles->root);
    lh_str_free(profiles->folder);
    pthread_mutex_destroy(&profiles->lock);
    pthread_mutex_destroy(&profiles->changing);
    free(profiles);
}

/* ---- reading the document ---- */

static lh_code profile_check_user(const lh_profiles *profiles, lh_str user, lh_error *err) {
    bool good = user.len > 0 && user.len <= PROFILE_NAME_BYTES;
    for (size_t i = 0; good && i < user.len; i++) {
        char c = user.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    if (!good)
        return lh_fail(err, LH_INVALID, "a user's name has 1 to %d lower-case letters, digits, '-' and '_'",
                       PROFILE_NAME_BYTES);
    if (profiles->root.len == 0)
        return lh_fail(err, LH_NOT_FOUND, "this server has no profiles: set storage.profile_root");
    return LH_OK;
}

static lh_code profile_read(const lh_profiles *profiles, lh_str user, lh_arena *arena, lh_json **ret, lh_error *err) {
    struct stat st;
    const char *path =
        lh_arena_cstr(arena, lh_arena_printf(arena, "%.*s/%.*s.json", LH_STR_ARG(profiles->root), LH_STR_ARG(user)));
    char *text = lh_arena_alloc(arena, PROFILE_BYTES);
    if (!path || !text) return lh_fail(err, LH_INVALID, "storage.profile_root is no path");
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return lh_fail(err, LH_NOT_FOUND, "there is no profile '%.*s'", LH_STR_ARG(user));
    if (fd < 0) return lh_fail_errno(err, errno, "the profile '%.*s'", LH_STR_ARG(user));
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    ssize_t got = regular ? read(fd, text, PROFILE_BYTES) : -1;
    close(fd);
    if (got < 0 || got == PROFILE_BYTES)
        return lh_fail(err, LH_INVALID, "the profile '%.*s' is no file, or has %d bytes or more", LH_STR_ARG(user),
                       PROFILE_BYTES);
    return lh_json_parse(arena, (lh_str){text, (size_t)got}, ret, err);
}

static lh_code profile_take_pins(profile *p, const lh_json *pins, lh_error *err) {
    p->pins = lh_json_new_array(p->arena);
    if (!pins || lh_json_is_null(pins)) return LH_OK;
    if (!lh_json_is_array(pins) || lh_json_size(pins) > PROFILE_PINS_MAX)
        return lh_fail(err, LH_INVALID, "'cache_pins' is an array of at most %d names", PROFILE_PINS_MAX);
    for (lh_json_iter it = lh_json_each(pins); lh_json_next(&it);) {
        if (!lh_json_is_string(it.value)) return lh_fail(err, LH_INVALID, "'cache_pins' holds names of datasets");
        lh_json_append(p->pins, lh_json_copy(p->arena, it.value));
    }
    return LH_OK;
}

static lh_code profile_text(const lh_json *object, const char *name, lh_arena *arena, lh_str *ret, lh_error *err) {
    const lh_json *value = lh_json_get(object, name);
    if (!value || lh_json_is_null(value)) return LH_OK;
    if (!lh_json_is_string(value)) return lh_fail(err, LH_INVALID, "'%s' is a text", name);
    *ret = lh_arena_dup(arena, lh_json_str(value, LH_STR_NONE));
    return LH_OK;
}

static lh_code profile_take(const lh_profiles *profiles, profile *p, const lh_json *document, lh_error *err) {
    static const char *const members[] = {"bucket", "cache_pins", "defaults"}, *const defaults[] = {"bucket", "namespace"};
    const lh_json *bucket = lh_json_get(document, "bucket"), *given = lh_json_get(document, "defaults");
    LH_TRY(lh_body_check(document, members, 3, err));
    if (given) LH_TRY(lh_body_check(given, defaults, 2, err));
    LH_TRY(profile_take_pins(p, lh_json_get(document, "cache_pins"), err));
    if (bucket) {
        LH_TRY(lh_config_bucket(p->arena, bucket, &p->config, err));
        p->bucket = p->default_bucket = p->config.name;
        if (p->config.root.len && !lh_str_starts(p->config.root, LH_STR("/")))
            p->config.root =
                lh_arena_printf(p->arena, "%.*s/%.*s", LH_STR_ARG(profiles->root), LH_STR_ARG(p->config.root));
    }
    LH_TRY(profile_text(given, "bucket", p->arena, &p->default_bucket, err));
    LH_TRY(profile_text(given, "namespace", p->arena, &p->default_namespace, err));
    return lh_arena_check(p->arena, err);
}

static lh_code profile_load(const lh_profiles *profiles, lh_str user, profile **ret, lh_error *err) {
    LH_CLEANUP(profile_freep) profile *p = calloc(1, sizeof *p);
    lh_json *document = NULL;
    if (!p) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    LH_TRY(lh_arena_new(PROFILE_ARENA_BYTES, &p->arena, err));
    p->user = lh_arena_dup(p->arena, user);
    LH_TRY(profile_read(profiles, user, p->arena, &document, err));
    LH_TRY(profile_take(profiles, p, document, err));
    *ret = lh_take(&p);
    return LH_OK;
}

/* ---- the list ---- */

static profile **profile_find_locked(lh_profiles *profiles, lh_str user) {
    profile **link = &profiles->first;
    while (*link && !lh_str_eq((*link)->user, user)) link = &(*link)->next;
    return link;
}

static profile *profile_unlink(lh_profiles *profiles, lh_str user) {
    pthread_mutex_lock(&profiles->lock);
    profile **link = profile_find_locked(profiles, user), *found = *link;
    if (found) *link = found->next;
    pthread_mutex_unlock(&profiles->lock);
    return found;
}

static lh_json *profile_json(const profile *p, bool active, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena), *defaults = lh_json_new_object(arena);
    const struct {
        lh_json *into;
        const char *name;
        lh_str value;
    } texts[] = {{answer, "bucket", p->bucket},
                 {defaults, "bucket", p->default_bucket},
                 {defaults, "namespace", p->default_namespace}};
    lh_json_set_string(arena, answer, "user", p->user);
    lh_json_set_bool(arena, answer, "active", active);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        lh_json_set(arena, texts[i].into, texts[i].name,
                    texts[i].value.len ? lh_json_new_string(arena, texts[i].value) : lh_json_new_null(arena));
    lh_json_set(arena, answer, "cache_pins", lh_json_copy(arena, p->pins));
    lh_json_set(arena, answer, "defaults", defaults);
    return answer;
}

/* ---- coming and going; `changing` is held ---- */

/* Out of the list, the registry and, when it had a bucket, the engine. */
static lh_code profile_leave(lh_profiles *profiles, lh_str user, lh_engine *engine, lh_error *err) {
    LH_CLEANUP(profile_freep) profile *before = profile_unlink(profiles, user);
    if (!before || before->bucket.len == 0) return LH_OK;
    LH_TRY(lh_registry_remove(profiles->registry, before->bucket, err));
    return lh_engine_reopen(engine, err);
}

static lh_code profile_open_bucket(lh_profiles *profiles, const profile *p, lh_engine *engine, lh_error *err) {
    lh_bucket_options options;
    if (p->bucket.len == 0) return LH_OK;
    LH_TRY(lh_bucket_options_from(profiles->config, profiles->folder, &p->config, p->arena, &options, err));
    LH_TRY(lh_registry_add(profiles->registry, &options, err));
    lh_code code = lh_engine_reopen(engine, err);
    if (code != LH_OK) {
        lh_code ignored = lh_registry_remove(profiles->registry, p->bucket, NULL);
        (void)ignored;
    }
    return code;
}

static lh_code profile_enter(lh_profiles *profiles, lh_str user, lh_engine *engine, lh_arena *arena, lh_json **ret,
                             lh_error *err) {
    LH_CLEANUP(profile_freep) profile *fresh = NULL;
    LH_TRY(profile_load(profiles, user, &fresh, err));
    LH_TRY(profile_leave(profiles, user, engine, err)); /* active already: its document is read anew */
    LH_TRY(profile_open_bucket(profiles, fresh, engine, err));
    lh_json *answer = profile_json(fresh, true, arena);
    pthread_mutex_lock(&profiles->lock);
    fresh->next = profiles->first;
    profiles->first = lh_take(&fresh);
    pthread_mutex_unlock(&profiles->lock);
    *ret = answer;
    return lh_arena_check(arena, err);
}

lh_code api_profile_default(lh_request *request, lh_profile_defaults *ret, lh_error *err) {
    lh_profiles *profiles = lh_request_app(request)->profiles;
    lh_arena *arena = lh_request_arena(request);
    lh_str user = lh_request_header(request, "X-Lakehouse-Profile");
    *ret = (lh_profile_defaults){0};
    if (user.len == 0) return LH_OK;
    pthread_mutex_lock(&profiles->lock);
    const profile *found = *profile_find_locked(profiles, user);
    if (found)
        *ret = (lh_profile_defaults){lh_arena_dup(arena, found->default_bucket),
                                     lh_arena_dup(arena, found->default_namespace)};
    pthread_mutex_unlock(&profiles->lock);
    if (!found)
        return lh_fail(err, LH_NOT_FOUND, "the profile '%.*s' is not active", LH_STR_ARG(lh_str_cut_utf8(user, 64)));
    return lh_arena_check(arena, err);
}

/* ---- handlers ---- */

/* Best effort: a dataset may come later, and the profile is as good without. */
static void profile_pin(const lh_app *app, const lh_json *pins, lh_arena *arena) {
    for (lh_json_iter it = lh_json_each(pins); lh_json_next(&it);) {
        lh_cache_pin pin = {.origin = LH_CACHE_BY_PROFILE};
        lh_code code = lh_table_name_parse(app->catalog, lh_json_str(it.value, LH_STR_NONE), arena, &pin.table, NULL);
        if (code == LH_OK) code = lh_cache_pin_table(app->engine, &pin, NULL);
        (void)code;
    }
}

static lh_code profile_change(lh_request *request, bool activate, lh_error *err) {
    const lh_app *app = lh_request_app(request);
    lh_profiles *profiles = app->profiles;
    lh_arena *arena = lh_request_arena(request);
    lh_str user = lh_request_param(request, "user");
    lh_json *answer = NULL;
    if (!app->engine) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(profile_check_user(profiles, user, err));
    pthread_mutex_lock(&profiles->changing);
    lh_code code = activate ? profile_enter(profiles, user, app->engine, arena, &answer, err)
                            : profile_leave(profiles, user, app->engine, err);
    pthread_mutex_unlock(&profiles->changing);
    LH_TRY(code);
    if (activate) profile_pin(app, lh_json_get(answer, "cache_pins"), arena);
    return activate ? lh_respond_json(request, 200, answer, err) : lh_respond_empty(request, 204, err);
}

lh_code api_profile_activate(lh_request *request, lh_error *err) { return profile_change(request, true, err); }
lh_code api_profile_deactivate(lh_request *request, lh_error *err) { return profile_change(request, false, err); }

/* The active one as it was taken up, else what its document says. */
lh_code api_profile_get(lh_request *request, lh_error *err) {
    LH_CLEANUP(profile_freep) profile *read = NULL;
    lh_profiles *profiles = lh_request_app(request)->profiles;
    lh_arena *arena = lh_request_arena(request);
    lh_str user = lh_request_param(request, "user");
    lh_json *answer = NULL;
    LH_TRY(profile_check_user(profiles, user, err));
    pthread_mutex_lock(&profiles->lock);
    const profile *found = *profile_find_locked(profiles, user);
    if (found) answer = profile_json(found, true, arena);
    pthread_mutex_unlock(&profiles->lock);
    if (!answer) {
        LH_TRY(profile_load(profiles, user, &read, err));
        answer = profile_json(read, false, arena);
    }
    LH_TRY(lh_arena_check(arena, err));
    return lh_respond_json(request, 200, answer, err);
}
