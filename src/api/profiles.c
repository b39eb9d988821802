/* Profiles: what belongs to one user and is taken up while the server runs: a bucket of their own and defaults for what they
 * load. The document is <storage.profile_root>/<user>.json, the operator's, read anew at each activation:
 *   {"bucket": {as [[storage.buckets]]}, "cache_pins": ["ns.t"], "defaults": {"bucket": "…", "namespace": "…", "backend": "…"}}
 * All members are optional. cache_pins are pinned in the hot cache when the profile is activated.
 * That one is active is a document of the metastore, "profile/<user>": {"schema_version":1,"activated_at":"…"}. Its
 * version tells activations apart: a gateway that starts, or sees another one than it took up, reads the operator's document.
 * `lock` guards the list; `changing` is held by whoever changes it, so that registry, engine and list change together. */
#include "api/api_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROFILE_PREFIX "profile/"
enum {
    PROFILE_BYTES = 64 << 10,
    PROFILE_ARENA_BYTES = 1 << 20,
    PROFILE_PINS_MAX = 1000,
    PROFILE_NAME_BYTES = 63,
    PROFILES_ARENA_BYTES = 64 << 20,
    PROFILES_RETRY_MS = 30000
};

typedef struct profile {
    struct profile *next;
    lh_arena *arena; /* owned; the rest lies in it */
    lh_str user, bucket, default_bucket, default_namespace, default_backend;
    lh_json *pins;
    lh_bucket_config config;   /* of bucket, when it has one */
    lh_bucket_options options; /* of the same, since it was opened */
    uint64_t version;          /* of the document that says that it is active */
    bool pinned, warmed;       /* its cache_pins were; its indexes are being made ready */
} profile;

struct lh_profiles {
    const lh_config *config;
    lh_str root, folder; /* owned: absolute folder of the documents; where other relative paths begin */
    lh_registry *registry;
    pthread_mutex_t changing, lock;
    profile *first;
    uint64_t failed_version,
        retry_ms; /* versions up to that which are not active could not be taken up; are tried again then */
};

static void profile_free(profile *p) {
    if (!p) return;
    lh_arena_free(p->arena);
    free(p);
}
static void profile_freep(profile **p) { profile_free(*p); }

lh_code lh_profiles_new(const lh_config *config, lh_str folder, lh_registry *registry, lh_profiles **ret,
                        lh_error *err) {
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
    static const char *const members[] = {"bucket", "cache_pins", "defaults"}, *const defaults[] = {
                                                                                   "bucket", "namespace", "backend"};
    const lh_json *bucket = lh_json_get(document, "bucket"), *given = lh_json_get(document, "defaults");
    LH_TRY(lh_body_check(document, members, 3, err));
    if (given) LH_TRY(lh_body_check(given, defaults, 3, err));
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
    LH_TRY(profile_text(given, "backend", p->arena, &p->default_backend, err));
    if (p->default_backend.len && !lh_vector_is_backend(p->default_backend))
        return lh_fail(err, LH_INVALID, "'defaults.backend' is hnsw or lance");
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

static profile *profile_find(lh_profiles *profiles, lh_str user) { /* `changing` is held */
    return *profile_find_locked(profiles, user);
}

/* Takes `before` out and `fresh` (moved) in; either may be NULL. */
static void profile_replace(lh_profiles *profiles, profile *before, profile *fresh) {
    pthread_mutex_lock(&profiles->lock);
    profile **link = &profiles->first;
    while (before && *link != before) link = &(*link)->next;
    if (before) *link = before->next;
    if (fresh) {
        fresh->next = profiles->first;
        profiles->first = fresh;
    }
    pthread_mutex_unlock(&profiles->lock);
    profile_free(before);
}

static lh_json *profile_json(const profile *p, bool active, lh_arena *arena) {
    lh_json *answer = lh_json_new_object(arena), *defaults = lh_json_new_object(arena);
    const struct {
        lh_json *into;
        const char *name;
        lh_str value;
    } texts[] = {{answer, "bucket", p->bucket},
                 {defaults, "bucket", p->default_bucket},
                 {defaults, "namespace", p->default_namespace},
                 {defaults, "backend", p->default_backend}};
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

/* The bucket of `fresh` instead of that of `before`; either may be NULL, or have none. On an error all is as it was.
 * engine NULL: it is not open yet. */
static lh_code profile_switch(lh_profiles *profiles, const profile *before, profile *fresh, lh_engine *engine,
                              lh_error *err) {
    bool leaves = before && before->bucket.len, comes = fresh && fresh->bucket.len, added = false;
    if (comes)
        LH_TRY(lh_bucket_options_from(profiles->config, profiles->folder, &fresh->config, fresh->arena, &fresh->options,
                                      err));
    if (leaves) LH_TRY(lh_registry_remove(profiles->registry, before->bucket, err));
    lh_code code = comes ? lh_registry_add(profiles->registry, &fresh->options, err) : LH_OK;
    added = comes && code == LH_OK;
    if (code == LH_OK && engine && (leaves || comes)) code = lh_engine_reopen(engine, err);
    if (code == LH_OK) return LH_OK;
    lh_code undone = added ? lh_registry_remove(profiles->registry, fresh->bucket, NULL) : LH_OK;
    if (undone == LH_OK && leaves)
        undone = lh_registry_add(profiles->registry, &before->options, NULL); /* its place was kept */
    return code;
}

/* The document that says that it is active, or that document's removal. */
static lh_code profile_record(lh_catalog *catalog, lh_str user, bool active, uint64_t *ret_version, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_metastore *metastore = lh_catalog_metastore(catalog);
    LH_TRY(lh_arena_new(PROFILE_ARENA_BYTES, &arena, err));
    lh_change change = {.key = lh_arena_printf(arena, PROFILE_PREFIX "%.*s", LH_STR_ARG(user))};
    lh_json *document = lh_json_new_object(arena);
    lh_json_set_int(arena, document, "schema_version", 1);
    lh_json_set_string(arena, document, "activated_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    if (active) LH_TRY(lh_json_write(arena, document, false, &change.text, err));
    LH_TRY(lh_arena_check(arena, err));
    lh_str there;
    if (!active && lh_metastore_get(metastore, change.key, arena, &there, NULL, NULL) == LH_NOT_FOUND) return LH_OK;
    return lh_metastore_commit(metastore, &change, 1, ret_version, err);
}

/* From `before` to `fresh` (moved when it worked), in the engine, the metastore and the list, or not at all. */
static lh_code profile_change_to(lh_profiles *profiles, lh_str user, profile **fresh, const lh_app *app,
                                 lh_error *err) {
    profile *before = profile_find(profiles, user);
    uint64_t version = 0;
    LH_TRY(profile_switch(profiles, before, *fresh, app->engine, err));
    lh_code code = profile_record(app->catalog, user, *fresh != NULL, &version, err);
    if (code != LH_OK) {
        lh_code undone = profile_switch(profiles, *fresh, before, app->engine, NULL);
        (void)undone; /* who follows the documents mends it */
        return code;
    }
    if (*fresh) (*fresh)->version = version;
    profile_replace(profiles, before, lh_take(fresh));
    return LH_OK;
}

/* Best effort: a dataset may come later, and the profile is as good without. */
static void profile_pin(profile *p, const lh_app *app) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (p->pinned || lh_arena_new(PROFILE_ARENA_BYTES, &arena, NULL) != LH_OK) return;
    p->pinned = true;
    for (lh_json_iter it = lh_json_each(p->pins); lh_json_next(&it);) {
        lh_cache_pin pin = {.origin = LH_CACHE_BY_PROFILE};
        lh_code code = lh_table_name_parse(app->catalog, lh_json_str(it.value, LH_STR_NONE), arena, &pin.table, NULL);
        if (code == LH_OK) code = lh_cache_pin_table(app->engine, &pin, NULL);
        (void)code;
    }
}

/* The indexes of its bucket: the first search need not wait. */
static void profile_warm(profile *p, const lh_app *app) {
    if (p->warmed || !p->bucket.len || !app->vector) return;
    p->warmed = true;
    lh_vector_warm(app->vector, p->bucket);
}

static lh_code profile_enter(const lh_app *app, lh_str user, lh_arena *arena, lh_json **ret, lh_error *err) {
    LH_CLEANUP(profile_freep) profile *fresh = NULL;
    LH_TRY(profile_load(app->profiles, user, &fresh, err)); /* also when it is active already */
    LH_TRY(profile_change_to(app->profiles, user, &fresh, app, err));
    profile *entered = profile_find(app->profiles, user);
    profile_pin(entered, app);
    profile_warm(entered, app);
    *ret = profile_json(entered, true, arena);
    return lh_arena_check(arena, err);
}

static lh_code profile_leave(const lh_app *app, lh_str user, lh_error *err) {
    profile *none = NULL;
    return profile_change_to(app->profiles, user, &none, app, err);
}

/* ---- following the documents ---- */

static lh_code profile_follow(const lh_app *app, const lh_document *document, lh_error *err) {
    LH_CLEANUP(profile_freep) profile *fresh = NULL;
    lh_profiles *profiles = app->profiles;
    lh_str user = lh_str_sub(document->key, strlen(PROFILE_PREFIX), SIZE_MAX);
    profile *before = profile_find(profiles, user);
    if (before && before->version == document->version) return LH_OK;
    if (document->version <= profiles->failed_version && lh_time_monotonic_ms() < profiles->retry_ms) return LH_OK;
    LH_TRY(profile_check_user(profiles, user, err));
    LH_TRY(profile_load(profiles, user, &fresh, err));
    LH_TRY(profile_switch(profiles, before, fresh, app->engine, err));
    fresh->version = document->version;
    profile_replace(profiles, before, lh_take(&fresh));
    return LH_OK;
}

static void profile_follow_failed(lh_profiles *profiles, const lh_document *document, const lh_error *why) {
    char key[LH_LIMIT_KEY_BYTES];
    snprintf(key, sizeof key, "%.*s", LH_STR_ARG(lh_str_cut_utf8(document->key, sizeof key - 1)));
    lh_log(LH_LOG_WARN, "a profile cannot be taken up", "document", key, "code", lh_code_name(why->code), "why",
           why->message, NULL);
    if (document->version > profiles->failed_version) profiles->failed_version = document->version;
    profiles->retry_ms = lh_time_monotonic_ms() + PROFILES_RETRY_MS;
}

/* Those that another gateway deactivated. */
static void profiles_follow_gone(const lh_app *app, const lh_document_page *page) {
    lh_profiles *profiles = app->profiles;
    for (profile *p = profiles->first, *next; p; p = next) {
        bool there = false;
        next = p->next;
        for (size_t i = 0; i < page->count && !there; i++)
            there = lh_str_eq(lh_str_sub(page->items[i].key, strlen(PROFILE_PREFIX), SIZE_MAX), p->user);
        if (!there && profile_switch(profiles, p, NULL, app->engine, NULL) == LH_OK) profile_replace(profiles, p, NULL);
    }
}

void lh_profiles_follow(const lh_app *app) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_profiles *profiles = app->profiles;
    lh_document_page page;
    if (profiles->root.len == 0) return; /* they are other gateways' alone */
    if (lh_arena_new(PROFILES_ARENA_BYTES, &arena, NULL) != LH_OK) return;
    pthread_mutex_lock(&profiles->changing);
    if (lh_metastore_list(lh_catalog_metastore(app->catalog), LH_STR(PROFILE_PREFIX), LH_STR_NONE, SIZE_MAX, arena,
                          &page, NULL) == LH_OK) {
        profiles_follow_gone(app, &page);
        for (size_t i = 0; i < page.count; i++) {
            lh_error why = {0};
            if (profile_follow(app, &page.items[i], &why) != LH_OK)
                profile_follow_failed(profiles, &page.items[i], &why);
        }
        for (profile *p = profiles->first; p && app->engine; p = p->next) {
            profile_pin(p, app);
            profile_warm(p, app);
        }
    }
    pthread_mutex_unlock(&profiles->changing);
}

lh_code api_profile_default(lh_request *request, lh_profile_defaults *ret, lh_error *err) {
    lh_profiles *profiles = lh_request_app(request)->profiles;
    lh_arena *arena = lh_request_arena(request);
    lh_str user = lh_request_header(request, "X-Lakehouse-Profile");
    *ret = (lh_profile_defaults){0};
    if (user.len == 0) return LH_OK;
    if (!lh_request_may(request, LH_PERMIT_WRITE))
        return lh_fail(err, LH_DENIED, "X-Lakehouse-Profile is for those who may write the whole lake");
    pthread_mutex_lock(&profiles->lock);
    const profile *found = *profile_find_locked(profiles, user);
    if (found)
        *ret = (lh_profile_defaults){lh_arena_dup(arena, found->default_bucket),
                                     lh_arena_dup(arena, found->default_namespace),
                                     lh_arena_dup(arena, found->default_backend)};
    pthread_mutex_unlock(&profiles->lock);
    if (!found)
        return lh_fail(err, LH_NOT_FOUND, "the profile '%.*s' is not active", LH_STR_ARG(lh_str_cut_utf8(user, 64)));
    return lh_arena_check(arena, err);
}

lh_str api_profile_name(lh_profile_defaults defaults, lh_str dataset, lh_arena *arena) {
    bool plain = lh_str_find(dataset, '.') == dataset.len && lh_str_find(dataset, '\0') == dataset.len;
    if (!plain || !dataset.len || !defaults.namespace_.len) return dataset;
    return lh_arena_printf(arena, "%.*s.%.*s", LH_STR_ARG(defaults.namespace_), LH_STR_ARG(dataset));
}

/* ---- handlers ---- */

static lh_code profile_change(lh_request *request, bool activate, lh_error *err) {
    const lh_app *app = lh_request_app(request);
    lh_profiles *profiles = app->profiles;
    lh_arena *arena = lh_request_arena(request);
    lh_str user = lh_request_param(request, "user");
    lh_json *answer = NULL;
    if (!app->engine) return lh_fail(err, LH_UNAVAILABLE, "the engine is starting; try again in a second");
    LH_TRY(profile_check_user(profiles, user, err));
    pthread_mutex_lock(&profiles->changing);
    lh_code code = activate ? profile_enter(app, user, arena, &answer, err) : profile_leave(app, user, err);
    pthread_mutex_unlock(&profiles->changing);
    LH_TRY(code);
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
