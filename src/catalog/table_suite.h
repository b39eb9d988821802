/* Tests only: table metadata from JSON texts ('…' stands for "…"), and short ways to change it. */
#ifndef LH_CATALOG_TABLE_SUITE_H
#define LH_CATALOG_TABLE_SUITE_H
#include "base/test.h"
#include "catalog/catalog_internal.h"

typedef struct suite {
    lh_arena *arena;
    lh_json *metadata;
    lh_error err;
} suite;

static inline lh_json *suite_json(lh_arena *arena, const char *text) {
    lh_error err = {0};
    lh_json *json = NULL;
    lh_str copy = lh_arena_dup(arena, lh_str_from(text));
    char *quotes = lh_arena_alloc(arena, copy.len + 1);
    for (size_t i = 0; i <= copy.len; i++) quotes[i] = copy.ptr[i] == '\'' ? '"' : copy.ptr[i];
    if (lh_json_parse(arena, (lh_str){quotes, copy.len}, &json, &err) != LH_OK)
        print_error("%s\n%s\n", err.message, quotes);
    CHECK(json != NULL);
    return json;
}

static inline lh_str suite_text(lh_arena *arena, const lh_json *json) {
    lh_str text = LH_STR_NONE;
    CHECK(!json || lh_json_write(arena, json, false, &text, NULL) == LH_OK);
    return text;
}

/* Is the JSON what the text says, whatever the order of its members? */
#define CHECK_JSON(arena, got, expected)                                                                               \
    do {                                                                                                               \
        const lh_json *got_json_ = (got), *expected_json_ = suite_json(arena, expected);                               \
        if (!lh_json_equal(got_json_, expected_json_))                                                                 \
            print_error("got %.*s\nexpected %s\n", LH_STR_ARG(suite_text(arena, got_json_)), expected);                \
        CHECK(lh_json_equal(got_json_, expected_json_));                                                               \
    } while (0)

/* Metadata that a create request makes: columns id long, name string, at timestamp. */
static inline suite *suite_new(const char *properties) {
    suite *s = calloc(1, sizeof *s);
    CHECK(s != NULL && lh_arena_new(64 << 20, &s->arena, &s->err) == LH_OK);
    lh_json *updates = NULL,
            *request = suite_json(
                s->arena,
                "{'name':'t','schema':{'type':'struct','fields':[{'id':10,'name':'id','required':true,'type':'long'},"
                "{'id':20,'name':'name','required':false,'type':'string'},{'id':30,'name':'at','required':false,'type':"
                "'timestamp'}]}}");
    lh_json_set(s->arena, request, "properties", suite_json(s->arena, properties));
    s->metadata = metadata_empty(s->arena);
    CHECK(metadata_updates_for_create(s->arena, request, LH_STR("/lake/t"), &updates, &s->err) == LH_OK);
    CHECK(metadata_apply_updates(s->arena, s->metadata, updates, &s->err) == LH_OK);
    CHECK(metadata_finish(s->arena, s->metadata, LH_STR_NONE, 0, &s->err) == LH_OK);
    return s;
}

static inline void suite_free(suite *s) {
    lh_arena_free(s->arena);
    free(s);
}
static inline void suite_freep(suite **s) { suite_free(*s); }

/* Applies an array of updates to a copy; the copy is the metadata from then on if all goes well. */
static inline lh_code suite_update(suite *s, const char *updates) {
    lh_json *copy = lh_json_copy(s->arena, s->metadata);
    s->err = (lh_error){0};
    lh_code code = metadata_apply_updates(s->arena, copy, suite_json(s->arena, updates), &s->err);
    if (code == LH_OK) code = metadata_finish(s->arena, copy, LH_STR("/lake/t/metadata/before.json"), 5, &s->err);
    if (code == LH_OK) s->metadata = copy;
    return code;
}
#define CHECK_UPDATE(s, updates)                                                                                       \
    do {                                                                                                               \
        lh_code update_code_ = suite_update(s, updates);                                                               \
        if (update_code_ != LH_OK) print_error("%s: %s\n", updates, (s)->err.message);                                 \
        CHECK(update_code_ == LH_OK);                                                                                  \
    } while (0)
/* The updates are refused and say why. */
#define CHECK_REFUSED(s, updates, part)                                                                                \
    do {                                                                                                               \
        lh_code update_code_ = suite_update(s, updates);                                                               \
        if (update_code_ != LH_INVALID || !strstr((s)->err.message, part))                                             \
            print_error("%s: %s '%s'\n", updates, lh_code_name(update_code_), (s)->err.message);                       \
        CHECK(update_code_ == LH_INVALID && strstr((s)->err.message, part));                                           \
    } while (0)

static inline int64_t suite_int(const suite *s, const char *member) {
    return lh_json_int(lh_json_get(s->metadata, member), -99);
}
static inline const lh_json *suite_member(const suite *s, const char *member) {
    return lh_json_get(s->metadata, member);
}

/* add-snapshot and, with a branch, set-snapshot-ref. */
static inline lh_code suite_snapshot(suite *s, int64_t id, int64_t parent, int64_t sequence, int64_t time_ms,
                                     const char *branch) {
    char text[1024], up[64] = "", ref[160] = "";
    if (parent >= 0) snprintf(up, sizeof up, "'parent-snapshot-id':%" PRId64 ",", parent);
    if (branch)
        snprintf(ref, sizeof ref,
                 ",{'action':'set-snapshot-ref','ref-name':'%s','type':'branch','snapshot-id':%" PRId64 "}", branch,
                 id);
    snprintf(text, sizeof text,
             "[{'action':'add-snapshot','snapshot':{'snapshot-id':%" PRId64 ",%s'sequence-number':%" PRId64
             ",'timestamp-ms':%" PRId64
             ",'manifest-list':'/lake/t/metadata/s.avro','summary':{'operation':'append'},'schema-id':0}}%s]",
             id, up, sequence, time_ms, ref);
    return suite_update(s, text);
}
#define CHECK_SNAPSHOT(s, id, parent, sequence, time_ms, branch)                                                       \
    do {                                                                                                               \
        lh_code snapshot_code_ = suite_snapshot(s, id, parent, sequence, time_ms, branch);                             \
        if (snapshot_code_ != LH_OK) print_error("%s\n", (s)->err.message);                                            \
        CHECK(snapshot_code_ == LH_OK);                                                                                \
    } while (0)
#endif
