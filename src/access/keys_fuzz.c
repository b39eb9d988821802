/* Any bytes as what a caller shows and where it comes from: X-API-Key, a newline, Authorization, a newline, gRPC's peer. In each "$1" stands
 * for a key's id, "$2" for that of a principal's key, and "$3" for a whole good key: nothing but this one lets anybody in. */
#include "access/access.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

enum { FUZZ_KEYS = 3 };

static struct {
    char root[32];
    lh_bucket *bucket;
    lh_catalog *catalog;
    lh_access *access;
    lh_arena *arena;
    lh_config config;
    lh_str keys[FUZZ_KEYS], words[FUZZ_KEYS];
} fuzz_lake;

static int fuzz_unlink(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static void fuzz_close(void) {
    lh_access_free(fuzz_lake.access);
    lh_catalog_free(fuzz_lake.catalog);
    lh_bucket_free(fuzz_lake.bucket);
    lh_arena_free(fuzz_lake.arena);
    nftw(fuzz_lake.root, fuzz_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

static void fuzz_must(lh_code code, const lh_error *err) {
    if (code != LH_OK) fprintf(stderr, "%s\n", err->message);
    assert(code == LH_OK);
}

static void fuzz_make_keys(void) {
    const lh_str principal = LH_STR("{\"name\":\"ann\",\"kind\":\"user\",\"roles\":[\"admin\"]}"),
                 read = LH_STR("read");
    lh_arena *arena = fuzz_lake.arena;
    lh_json *body = NULL, *ignored = NULL, *made[FUZZ_KEYS] = {NULL};
    lh_error err = {0};
    fuzz_must(lh_json_parse(arena, principal, &body, &err), &err);
    fuzz_must(lh_access_principal_create(fuzz_lake.catalog, body, arena, &ignored, &err), &err);
    fuzz_must(lh_access_key_create(fuzz_lake.catalog, read, read, LH_STR_NONE, arena, &made[0], &err), &err);
    fuzz_must(lh_access_key_create_for(fuzz_lake.catalog, LH_STR("ann"), read, LH_STR_NONE, arena, &made[1], &err),
              &err);
    fuzz_must(lh_access_key_create(fuzz_lake.catalog, read, read, LH_STR_NONE, arena, &made[2], &err), &err);
    for (size_t i = 0; i < FUZZ_KEYS; i++) {
        fuzz_lake.keys[i] = lh_json_get_string(made[i], "key");
        fuzz_lake.words[i] = lh_json_get_string(made[i], i == 2 ? "key" : "id");
    }
}

static void fuzz_open(void) {
    lh_error err = {0};
    if (fuzz_lake.access) return;
    snprintf(fuzz_lake.root, sizeof fuzz_lake.root, "/tmp/lh-keys-fuzz-XXXXXX");
    assert(mkdtemp(fuzz_lake.root));
    fuzz_lake.config = (lh_config){.auth_mode = LH_STR("keys"), .auth_admin_key = LH_STR("the administrator's")};
    fuzz_must(lh_arena_new(4 << 20, &fuzz_lake.arena, &err), &err);
    fuzz_must(lh_bucket_open_file(lh_str_from(fuzz_lake.root), &fuzz_lake.bucket, &err), &err);
    const lh_catalog_options options = {
        .bucket = fuzz_lake.bucket, .checkpoint_entries = 1000, .default_namespace = LH_STR("data")};
    fuzz_must(lh_catalog_open(&options, &fuzz_lake.catalog, &err), &err);
    fuzz_must(lh_access_new(&fuzz_lake.config, fuzz_lake.catalog, &fuzz_lake.access, &err), &err);
    fuzz_make_keys();
    atexit(fuzz_close);
}

/* The line with what "$1" and so on stand for. Arena. */
static lh_str fuzz_line(lh_str line, lh_arena *arena) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1 << 20);
    for (size_t i = 0; i < line.len; i++) {
        size_t word = i + 1 < line.len && line.ptr[i] == '$' ? (size_t)(unsigned char)line.ptr[i + 1] - '1' : FUZZ_KEYS;
        if (word < FUZZ_KEYS) lh_buf_append(&text, fuzz_lake.words[word]), i++;
        else lh_buf_char(&text, line.ptr[i]);
    }
    return lh_arena_dup(arena, lh_buf_str(&text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str rest = {(const char *)data, size};
    if (size > 4096 || lh_arena_new(4 << 20, &arena, NULL) != LH_OK) return 0;
    fuzz_open();
    lh_str x_api_key = fuzz_line(lh_str_split(&rest, '\n'), arena);
    lh_str authorization = fuzz_line(lh_str_split(&rest, '\n'), arena);
    lh_str shown = lh_access_key_shown(x_api_key, authorization);
    lh_identity identity =
        lh_access_identify(fuzz_lake.access, shown, lh_address_of_peer(fuzz_line(rest, arena)), arena);
    bool good = lh_str_eq(shown, fuzz_lake.config.auth_admin_key);
    for (size_t i = 0; i < FUZZ_KEYS; i++) good = good || lh_str_eq(shown, fuzz_lake.keys[i]);
    assert(identity.known == good && identity.retry_after_ms == 0);
    assert(good == (identity.permission > LH_PERMIT_PUBLIC));
    return 0;
}
