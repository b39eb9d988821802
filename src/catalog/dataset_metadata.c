/* What people and detectors say of a dataset. Document "about/<levels>/<name>":
 *   {"schema_version":1,"updated_at":"…","description":"…","owner":"…","sensitivity":"internal","tags":["…"],
 *    "expected_interval_s":86400,"synonyms":["…"],
 *    "columns":{"<field id>":{"description":"…","sensitivity":"…","synonyms":["…"],"key":true,"references":"data.t.c","pii":{"kind":"email","confidence":1,
 *                             "said_by":"declared","evidence":{…}}}}}
 * Only what was said is stored: an absent member is its default, so documents from before a member load as well.
 * Columns go by Iceberg's field id, so what was said of one survives its renaming, and a new column of an old name starts
 * afresh. It is not in the "dataset/…" document, which a load writes as a whole. A change requires that the table is there,
 * so that no document is left behind for a later table of that name. */
#include "catalog/dataset_internal.h"

enum {
    ABOUT_TRIES = 30,
    ABOUT_BYTES = 1 << 20,
    ABOUT_TEXT_BYTES = 10000,
    ABOUT_WORD_BYTES = 255,
    ABOUT_TAGS = 100,
    ABOUT_INTERVAL_S = 10 * 366 * 86400
};

lh_str dataset_about_key(lh_table_name name, lh_arena *arena) {
    return lh_arena_printf(arena, "about/%.*s/%.*s", LH_STR_ARG(name.namespace_), LH_STR_ARG(name.name));
}

lh_code dataset_about_read(lh_catalog *catalog, lh_table_name name, lh_arena *arena, lh_json **ret,
                           uint64_t *ret_version, lh_error *err) {
    lh_str text;
    uint64_t version = 0;
    lh_json *about = NULL;
    lh_code code = lh_metastore_get(catalog->metastore, dataset_about_key(name, arena), arena, &text, &version, err);
    if (code == LH_NOT_FOUND) version = 0;
    else if (code != LH_OK) return code;
    else LH_TRY(lh_json_parse(arena, text, &about, err));
    *ret = about ? about : lh_json_new_object(arena);
    *ret_version = version;
    return lh_arena_check(arena, err);
}

/* ---- a patch's values ---- */

static lh_code about_unknown(const char *what, lh_str given, lh_str near, lh_error *err) {
    if (near.len == 0 || lh_str_distance(given, near) > 3)
        return lh_fail(err, LH_INVALID, "unknown %s '%.*s'", what, LH_STR_ARG(lh_str_cut_utf8(given, 60)));
    return lh_fail(err, LH_INVALID, "unknown %s '%.*s'; did you mean '%.*s'?", what,
                   LH_STR_ARG(lh_str_cut_utf8(given, 60)), LH_STR_ARG(lh_str_cut_utf8(near, 60)));
}

static lh_str about_nearer(lh_str given, lh_str best, lh_str candidate) {
    return best.len == 0 || lh_str_distance(given, candidate) < lh_str_distance(given, best) ? candidate : best;
}

/* Of fields that are a short list: the nearest, or all of them. */
static lh_code about_unknown_of(const char *what, lh_str given, const char *const *known, size_t count, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf list = LH_BUF_INIT(1024);
    lh_str near = LH_STR_NONE;
    for (size_t i = 0; i < count; i++) {
        near = about_nearer(given, near, lh_str_from(known[i]));
        lh_buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", known[i]);
    }
    if (lh_str_distance(given, near) <= 3) return about_unknown(what, given, near, err);
    return lh_fail(err, LH_INVALID, "unknown %s '%.*s'; there are %.*s", what, LH_STR_ARG(lh_str_cut_utf8(given, 60)),
                   LH_STR_ARG(lh_buf_str(&list)));
}

static lh_code about_check_text(const lh_json *value, lh_str name, size_t max, lh_error *err) {
    if (!lh_json_is_string(value))
        return lh_fail(err, LH_INVALID, "'%.*s' must be a string, or null", LH_STR_ARG(name));
    if (lh_json_str(value, LH_STR_NONE).len > max)
        return lh_fail(err, LH_INVALID, "'%.*s' is longer than %zu bytes", LH_STR_ARG(name), max);
    return LH_OK;
}

int lh_sensitivity_rank(lh_str sensitivity) {
    static const char *const levels[] = {"public", "internal", "confidential", "restricted"};
    for (int i = 0; i < 4; i++)
        if (lh_str_eq(sensitivity, lh_str_from(levels[i]))) return i;
    return -1;
}

static lh_code about_check_sensitivity(const lh_json *value, lh_error *err) {
    if (lh_sensitivity_rank(lh_json_str(value, LH_STR_NONE)) >= 0) return LH_OK;
    return lh_fail(err, LH_INVALID, "'sensitivity' must be public, internal, confidential, restricted, or null");
}

/* Tags, or synonyms. */
static lh_code about_check_words(const lh_json *value, lh_str name, lh_error *err) {
    if (!lh_json_is_array(value) || lh_json_size(value) > ABOUT_TAGS)
        return lh_fail(err, LH_INVALID, "'%.*s' must be an array of at most %d strings, or null", LH_STR_ARG(name),
                       ABOUT_TAGS);
    for (lh_json_iter it = lh_json_each(value); lh_json_next(&it);) {
        lh_str word = lh_json_str(it.value, LH_STR_NONE);
        if (word.len == 0 || word.len > ABOUT_WORD_BYTES)
            return lh_fail(err, LH_INVALID, "each of '%.*s' must be a string of 1 to %d bytes", LH_STR_ARG(name),
                           ABOUT_WORD_BYTES);
    }
    return LH_OK;
}

/* "dataset.column", "namespace.dataset.column": kept as it is said, for the other dataset may come later. */
static lh_code about_check_references(const lh_json *value, lh_error *err) {
    lh_str text = lh_json_str(value, LH_STR_NONE);
    size_t dot = lh_str_find(text, '.');
    if (text.len <= 3 * ABOUT_WORD_BYTES && dot > 0 && dot + 1 < text.len) return LH_OK;
    return lh_fail(err, LH_INVALID, "'references' must be 'dataset.column', or null");
}

static lh_code about_check_kind(const lh_json *value, lh_error *err) {
    lh_str kind = lh_json_str(value, LH_STR_NONE);
    bool good = kind.len > 0 && kind.len <= 64;
    for (size_t i = 0; i < kind.len && good; i++)
        good = (kind.ptr[i] >= 'a' && kind.ptr[i] <= 'z') || (kind.ptr[i] >= '0' && kind.ptr[i] <= '9') ||
               kind.ptr[i] == '_';
    return good ? LH_OK
                : lh_fail(err, LH_INVALID,
                          "'pii_kind' must be a word of lower-case letters, digits and '_' (none: there is none), or "
                          "null");
}

/* ---- columns ---- */

/* The column of that name (its case may differ when no other fits). Errors: INVALID naming the nearest. */
static lh_code about_column(const lh_json *schema, lh_str name, int64_t *ret, lh_error *err) {
    lh_str near = LH_STR_NONE;
    const lh_json *found = NULL;
    for (lh_json_iter it = lh_json_each(lh_json_get(schema, "fields")); lh_json_next(&it);) {
        lh_str column = lh_json_get_string(it.value, "name");
        if (lh_str_eq(column, name)) {
            found = it.value;
            break;
        }
        if (!found && lh_str_eq_nocase(column, name)) found = it.value;
        near = about_nearer(name, near, column);
    }
    if (!found) return about_unknown("column", name, near, err);
    *ret = lh_json_int(lh_json_get(found, "id"), -1);
    return LH_OK;
}

/* The record of a column, made when it is missing. */
static lh_json *about_column_record(lh_arena *arena, lh_json *about, int64_t id) {
    lh_str key = lh_arena_printf(arena, "%" PRId64, id);
    if (!lh_json_is_object(lh_json_get(about, "columns")))
        lh_json_set(arena, about, "columns", lh_json_new_object(arena));
    lh_json *columns = lh_json_get(about, "columns");
    if (!lh_json_is_object(lh_json_get_str(columns, key))) lh_json_put(arena, columns, key, lh_json_new_object(arena));
    return lh_json_get_str(columns, key);
}

static bool about_has_record(lh_arena *arena, const lh_json *about, int64_t id) {
    return lh_json_get_str(lh_json_get(about, "columns"), lh_arena_printf(arena, "%" PRId64, id)) != NULL;
}

static lh_json *about_verdict(lh_arena *arena, lh_str kind, double confidence, const char *said_by) {
    lh_json *pii = lh_json_new_object(arena);
    lh_json_set_string(arena, pii, "kind", kind);
    lh_json_set(arena, pii, "confidence", lh_json_new_real(arena, confidence));
    lh_json_set_string(arena, pii, "said_by", lh_str_from(said_by));
    return pii;
}

static lh_code about_patch_column_field(lh_arena *arena, lh_json *record, lh_str name, const lh_json *value,
                                        lh_error *err) {
    static const char *const known[] = {"description", "sensitivity", "pii_kind", "synonyms", "key", "references"};
    bool gone = lh_json_is_null(value);
    if (lh_str_eq(name, LH_STR("pii_kind"))) {
        if (gone) return lh_json_remove(record, LH_STR("pii")), LH_OK;
        LH_TRY(about_check_kind(value, err));
        lh_json_set(arena, record, "pii", about_verdict(arena, lh_json_str(value, LH_STR_NONE), 1, "declared"));
        return LH_OK;
    }
    if (lh_str_eq(name, LH_STR("description"))) {
        if (!gone) LH_TRY(about_check_text(value, name, ABOUT_TEXT_BYTES, err));
    } else if (lh_str_eq(name, LH_STR("sensitivity"))) {
        if (!gone) LH_TRY(about_check_sensitivity(value, err));
    } else if (lh_str_eq(name, LH_STR("synonyms"))) {
        if (!gone) LH_TRY(about_check_words(value, name, err));
    } else if (lh_str_eq(name, LH_STR("references"))) {
        if (!gone) LH_TRY(about_check_references(value, err));
    } else if (lh_str_eq(name, LH_STR("key"))) {
        if (!gone && lh_json_type_of(value) != LH_JSON_BOOL)
            return lh_fail(err, LH_INVALID, "'key' must be true, false, or null");
    } else {
        return about_unknown_of("field of a column", name, known, sizeof known / sizeof *known, err);
    }
    if (lh_str_eq(name, LH_STR("sensitivity"))) lh_json_remove(record, LH_STR("sensitivity_inherited"));
    if (gone) lh_json_remove(record, name);
    else lh_json_put(arena, record, name, lh_json_copy(arena, value));
    return LH_OK;
}

static lh_code about_patch_columns(lh_arena *arena, lh_json *about, const lh_json *schema, const lh_json *patch,
                                   lh_error *err) {
    if (lh_json_is_null(patch)) return lh_json_remove(about, LH_STR("columns")), LH_OK;
    if (!lh_json_is_object(patch)) return lh_fail(err, LH_INVALID, "'columns' must be an object by column name");
    for (lh_json_iter it = lh_json_each(patch); lh_json_next(&it);) {
        int64_t id = -1;
        LH_TRY(about_column(schema, it.name, &id, err));
        if (lh_json_is_null(it.value)) {
            lh_json_remove(lh_json_get(about, "columns"), lh_arena_printf(arena, "%" PRId64, id));
            continue;
        }
        if (!lh_json_is_object(it.value))
            return lh_fail(err, LH_INVALID, "column '%.*s' must be an object, or null",
                           LH_STR_ARG(lh_str_cut_utf8(it.name, 60)));
        lh_json *record = about_column_record(arena, about, id);
        for (lh_json_iter field = lh_json_each(it.value); lh_json_next(&field);)
            LH_TRY(about_patch_column_field(arena, record, field.name, field.value, err));
    }
    return LH_OK;
}

/* ---- the whole ---- */

static lh_code about_check_field(lh_str name, const lh_json *value, lh_error *err) {
    int64_t seconds = lh_json_int(value, 0);
    if (lh_str_eq(name, LH_STR("description"))) return about_check_text(value, name, ABOUT_TEXT_BYTES, err);
    if (lh_str_eq(name, LH_STR("owner"))) return about_check_text(value, name, ABOUT_WORD_BYTES, err);
    if (lh_str_eq(name, LH_STR("sensitivity"))) return about_check_sensitivity(value, err);
    if (lh_str_eq(name, LH_STR("tags")) || lh_str_eq(name, LH_STR("synonyms")))
        return about_check_words(value, name, err);
    if (seconds < 1 || seconds > ABOUT_INTERVAL_S)
        return lh_fail(err, LH_INVALID, "'expected_interval_s' must be whole seconds from 1 to %d, or null",
                       ABOUT_INTERVAL_S);
    return LH_OK;
}

/* RFC 7396, with each member checked. */
static lh_code about_patch(lh_arena *arena, lh_json *about, const lh_json *schema, const lh_json *patch,
                           lh_error *err) {
    static const char *const known[] = {"description", "owner",   "sensitivity",        "tags",
                                        "synonyms",    "columns", "expected_interval_s"};
    for (lh_json_iter it = lh_json_each(patch); lh_json_next(&it);) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) found |= lh_str_eq(it.name, lh_str_from(known[i]));
        if (!found) return about_unknown_of("field", it.name, known, sizeof known / sizeof *known, err);
        if (lh_str_eq(it.name, LH_STR("columns"))) {
            LH_TRY(about_patch_columns(arena, about, schema, it.value, err));
        } else if (lh_json_is_null(it.value)) {
            lh_json_remove(about, it.name);
        } else {
            LH_TRY(about_check_field(it.name, it.value, err));
            lh_json_put(arena, about, it.name, lh_json_copy(arena, it.value));
        }
    }
    return LH_OK;
}

/* Verdicts of a detector; what a person declared stays, and so does the record of a column that is gone. part: it saw
 * a part of the rows only, so that each verdict that there is stays. */
static lh_code about_take_verdicts(lh_arena *arena, lh_json *about, const lh_json *schema, const lh_json *verdicts,
                                   bool part, lh_error *err) {
    for (lh_json_iter it = lh_json_each(verdicts); lh_json_next(&it);) {
        int64_t id = -1;
        if (about_column(schema, it.name, &id, NULL) != LH_OK) continue;        /* dropped since it was read */
        if (lh_json_int(lh_json_get(it.value, "field_id"), id) != id) continue; /* another one of that name */
        bool found = !lh_json_is_null(lh_json_get(it.value, "pii_kind"));
        if (!found && (part || !about_has_record(arena, about, id))) continue;
        lh_json *record = about_column_record(arena, about, id);
        const lh_json *before = lh_json_get(record, "pii");
        lh_str said_by = lh_json_get_string(before, "said_by"); /* what was inherited may be in no form that is found */
        bool stays = lh_str_eq(said_by, LH_STR("declared")) || lh_str_eq(said_by, LH_STR("inherited"));
        if (before && (part || stays)) continue;
        lh_json_remove(record, LH_STR("pii"));
        if (!found) continue;
        LH_TRY(about_check_kind(lh_json_get(it.value, "pii_kind"), err));
        double confidence = lh_json_real(lh_json_get(it.value, "confidence"), -1);
        if (!(confidence >= 0 && confidence <= 1))
            return lh_fail(err, LH_INVALID, "'confidence' must be a number from 0 to 1");
        lh_json *pii = about_verdict(arena, lh_json_get_string(it.value, "pii_kind"), confidence, "detected");
        const lh_json *evidence = lh_json_get(it.value, "evidence");
        if (lh_json_is_object(evidence)) lh_json_set(arena, pii, "evidence", lh_json_copy(arena, evidence));
        lh_json_set(arena, record, "pii", pii);
    }
    return LH_OK;
}

static lh_code about_detect(lh_arena *arena, lh_json *about, const lh_json *schema, const lh_json *verdicts,
                            lh_error *err) {
    return about_take_verdicts(arena, about, schema, verdicts, false, err);
}

static lh_code about_detect_part(lh_arena *arena, lh_json *about, const lh_json *schema, const lh_json *verdicts,
                                 lh_error *err) {
    return about_take_verdicts(arena, about, schema, verdicts, true, err);
}

typedef lh_code (*about_change)(lh_arena *arena, lh_json *about, const lh_json *schema, const lh_json *input,
                                lh_error *err);

static lh_code about_try(lh_catalog *catalog, lh_table_name name, about_change change, const lh_json *input,
                         const uint64_t *if_version, bool *ret_again, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_TRY(lh_arena_new(4 * (size_t)LH_LIMIT_METADATA_BYTES, &arena, err));
    catalog_table table;
    uint64_t version = 0;
    lh_json *metadata = NULL, *about = NULL;
    *ret_again = false;
    LH_TRY(catalog_table_read(catalog, name, arena, &table, &metadata, err));
    LH_TRY(dataset_about_read(catalog, name, arena, &about, &version, err));
    if (if_version && *if_version != version)
        return lh_fail(err, LH_CONFLICT, "the metadata of '%.*s' was changed meanwhile", LH_STR_ARG(name.name));
    const lh_json *before = lh_json_copy(arena, about);
    LH_TRY(change(arena, about, metadata_current_schema(metadata), input, err));
    if (change != about_patch && lh_json_equal(before, about)) return lh_arena_check(arena, err); /* as it was */
    lh_json_set_int(arena, about, "schema_version", 1);
    lh_json_set_string(arena, about, "updated_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    lh_change changes[2] = {{.key = dataset_about_key(name, arena), .expected = version ? version : LH_VERSION_ABSENT},
                            {.key = catalog_table_key(name, arena), .check_only = true, .expected = table.version}};
    LH_TRY(lh_json_write(arena, about, false, &changes[0].text, err));
    if (changes[0].text.len > ABOUT_BYTES)
        return lh_fail(err, LH_LIMIT, "the metadata of a dataset is at most %d bytes", ABOUT_BYTES);
    lh_code code = lh_metastore_commit(catalog->metastore, changes, 2, NULL, err);
    *ret_again = code == LH_CONFLICT;
    return code;
}

static lh_code about_run(lh_catalog *catalog, lh_table_name name, about_change change, const lh_json *input,
                         const uint64_t *if_version, lh_error *err) {
    for (int tries = 0;; tries++) {
        bool again = false;
        lh_code code = about_try(catalog, name, change, input, if_version, &again, err);
        if (!again || tries == ABOUT_TRIES) return code;
        lh_time_sleep_ms(lh_random_below(1u << (tries < 6 ? tries : 6)));
    }
}

lh_code lh_dataset_patch(lh_catalog *catalog, lh_table_name name, const lh_json *patch, const uint64_t *if_version,
                         lh_error *err) {
    if (!lh_json_is_object(patch)) return lh_fail(err, LH_INVALID, "the patch must be a JSON object");
    return about_run(catalog, name, about_patch, patch, if_version, err);
}

lh_code lh_dataset_set_detected(lh_catalog *catalog, lh_table_name name, const lh_json *verdicts, bool part,
                                lh_error *err) {
    if (!lh_json_is_object(verdicts)) return lh_fail(err, LH_INVALID, "verdicts must be an object by column name");
    return about_run(catalog, name, part ? about_detect_part : about_detect, verdicts, NULL, err);
}

/* ---- what comes with values ---- */

static void about_inherit_column(lh_arena *arena, lh_json *record, lh_str otherwise, const lh_json *inherited) {
    lh_str own = lh_json_get_string(record, "sensitivity"), level = lh_json_get_string(inherited, "sensitivity");
    lh_str kind = lh_json_get_string(inherited, "pii_kind"), before;
    const lh_json *pii = lh_json_get(record, "pii");
    bool said = own.len && !lh_json_bool(lh_json_get(record, "sensitivity_inherited"), false);
    if (!said && lh_sensitivity_rank(level) > lh_sensitivity_rank(own.len ? own : otherwise)) {
        lh_json_set_string(arena, record, "sensitivity", level);
        lh_json_set_bool(arena, record, "sensitivity_inherited", true);
    }
    if (kind.len == 0 || lh_str_eq(kind, LH_STR("none"))) return;
    before = lh_json_get_string(pii, "kind");
    if (pii && !lh_str_eq(lh_json_get_string(pii, "said_by"), LH_STR("inherited"))) return;
    if (pii && !lh_str_eq(before, kind)) kind = LH_STR("several");
    lh_json_set(arena, record, "pii", about_verdict(arena, kind, 1, "inherited"));
}

lh_code dataset_inherit(lh_catalog *catalog, lh_table_name name, const lh_json *schema, const lh_json *inherited,
                        lh_arena *arena, lh_change *ret, bool *ret_found, lh_error *err) {
    lh_json *about = NULL;
    uint64_t version = 0;
    *ret_found = false;
    LH_TRY(dataset_about_read(catalog, name, arena, &about, &version, err));
    const lh_json *before = lh_json_copy(arena, about);
    lh_str otherwise = lh_json_str(lh_json_get(about, "sensitivity"), LH_STR(DATASET_SENSITIVITY));
    for (lh_json_iter it = lh_json_each(inherited); lh_json_next(&it);) {
        int64_t id = -1;
        if (about_column(schema, it.name, &id, NULL) != LH_OK) continue;
        lh_json *record = about_column_record(arena, about, id);
        about_inherit_column(arena, record, otherwise, it.value);
        if (lh_json_size(record) == 0)
            lh_json_remove(lh_json_get(about, "columns"), lh_arena_printf(arena, "%" PRId64, id));
    }
    if (lh_json_size(lh_json_get(about, "columns")) == 0 && !lh_json_get(before, "columns"))
        lh_json_remove(about, LH_STR("columns"));
    if (lh_json_equal(before, about)) return lh_arena_check(arena, err);
    lh_json_set_int(arena, about, "schema_version", 1);
    lh_json_set_string(arena, about, "updated_at", lh_str_from(lh_time_rfc3339(lh_time_now_ms()).text));
    *ret = (lh_change){.key = dataset_about_key(name, arena), .expected = version ? version : LH_VERSION_ABSENT};
    *ret_found = true;
    return lh_json_write(arena, about, false, &ret->text, err);
}
