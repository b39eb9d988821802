/* One table (settings.def) gives the struct, the readers, the writer and the reference. A
 * setting is set by name from three sources that all end in config_assign(): TOML (typed
 * values), the environment and flags (text). Where a value came from is a config_origin, so
 * that every complaint names its place. A secret's value never gets into a message. */
#include "base/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/config_internal.h"
#include "base/toml_shim.h"

enum { CONFIG_FILE_BYTES_MAX = 1 << 20, CONFIG_TEXT_BYTES_MAX = 256 << 10 };

typedef enum { CONFIG_STRING, CONFIG_SECRET, CONFIG_ENUM, CONFIG_INT, CONFIG_BOOL } config_type;

typedef struct config_setting {
    const char *section, *key;
    config_type type;
    size_t offset;
    const char *text; /* default of STRING, SECRET, ENUM */
    int64_t number;   /* default of INT, BOOL */
    int64_t min, max;
    const char *unit, *help;
} config_setting;

#define CONFIG_DEFAULT_STRING(v) .text = (v)
#define CONFIG_DEFAULT_SECRET(v) .text = (v)
#define CONFIG_DEFAULT_ENUM(v) .text = (v)
#define CONFIG_DEFAULT_INT(v) .number = (v)
#define CONFIG_DEFAULT_BOOL(v) .number = (v)
static const config_setting config_settings[] = {
#define LH_SETTING(section_, key_, type_, fallback_, min_, max_, unit_, help_)                                         \
    {.section = #section_,                                                                                             \
     .key = #key_,                                                                                                     \
     .type = CONFIG_##type_,                                                                                           \
     .offset = offsetof(lh_config, section_##_##key_),                                                                 \
     CONFIG_DEFAULT_##type_(fallback_),                                                                                \
     .min = (min_),                                                                                                    \
     .max = (max_),                                                                                                    \
     .unit = (unit_),                                                                                                  \
     .help = (help_)},
#include "base/settings.def"
#undef LH_SETTING
};
enum { CONFIG_COUNT = sizeof config_settings / sizeof *config_settings };

static const config_setting config_bucket_settings[] = {
#define LH_BUCKET_SETTING(key_, type_, fallback_, unit_, help_)                                                        \
    {.section = "storage.buckets",                                                                                     \
     .key = #key_,                                                                                                     \
     .type = CONFIG_##type_,                                                                                           \
     .offset = offsetof(lh_bucket_config, key_),                                                                       \
     CONFIG_DEFAULT_##type_(fallback_),                                                                                \
     .unit = (unit_),                                                                                                  \
     .help = (help_)},
#include "base/bucket_settings.def"
#undef LH_BUCKET_SETTING
};
enum { CONFIG_BUCKET_COUNT = sizeof config_bucket_settings / sizeof *config_bucket_settings };

/* Where a value was read: a file and line, a variable, or a flag. */
typedef struct config_origin {
    const char *file; /* NULL: `name` is the variable or flag */
    lh_str name;
    uint64_t line, column;
} config_origin;

typedef struct config_value {
    enum {
        VALUE_TEXT,
        VALUE_STRING,
        VALUE_INT,
        VALUE_BOOL,
        VALUE_OTHER
    } kind; /* TEXT: untyped, of a variable or flag */
    lh_str text;
    int64_t number;
} config_value;

typedef struct config_walk {
    lh_arena *arena;
    lh_config *config;
    const char *file;
    bool lists_begun; /* the file's lists replace what was there */
    lh_code code;
    lh_error *err;
} config_walk;

/* Formats the complaint behind its place: "lakehouse.toml:3: …", "LAKEHOUSE__X__Y: …". */
static lh_code config_complain(config_origin origin, lh_error *err, const char *format, ...) LH_PRINTF(3, 4);
static lh_code config_complain(config_origin origin, lh_error *err, const char *format, ...) {
    char why[768];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    if (origin.file) lh_error_set(err, LH_INVALID, "%s:%" PRIu64 ": %s", origin.file, origin.line, why);
    else if (lh_str_starts(lh_str_from(why), origin.name)) lh_error_set(err, LH_INVALID, "%s", why); /* --set names it so */
    else lh_error_set(err, LH_INVALID, "%.*s: %s", LH_STR_ARG(origin.name), why);
    if (err) {
        err->line = origin.line;
        err->column = origin.column;
    }
    return LH_INVALID;
}

static const config_setting *config_find(lh_str section, lh_str key) {
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const config_setting *s = &config_settings[i];
        if (lh_str_eq(lh_str_from(s->section), section) && lh_str_eq(lh_str_from(s->key), key)) return s;
    }
    return NULL;
}

static bool config_has_section(lh_str section) {
    for (size_t i = 0; i < CONFIG_COUNT; i++)
        if (lh_str_eq(lh_str_from(config_settings[i].section), section)) return true;
    return false;
}

/* The known setting that looks most like section.key: both parts count; a right section or key counts more. */
static const config_setting *config_nearest(lh_str section, lh_str key) {
    const config_setting *best = &config_settings[0];
    size_t best_score = SIZE_MAX;
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const config_setting *s = &config_settings[i];
        size_t score =
            2 * lh_str_distance(lh_str_from(s->key), key) + lh_str_distance(lh_str_from(s->section), section);
        if (score < best_score) best = s, best_score = score;
    }
    return best;
}

static const char *config_nearest_section(lh_str section) {
    const config_setting *best = &config_settings[0];
    for (size_t i = 0; i < CONFIG_COUNT; i++)
        if (lh_str_distance(lh_str_from(config_settings[i].section), section) <
            lh_str_distance(lh_str_from(best->section), section))
            best = &config_settings[i];
    return best->section;
}

static lh_str *config_text_field(void *values, const config_setting *s) {
    return (lh_str *)(void *)((char *)values + s->offset);
}
static int64_t *config_int_field(void *values, const config_setting *s) {
    return (int64_t *)(void *)((char *)values + s->offset);
}
static bool *config_bool_field(void *values, const config_setting *s) {
    return (bool *)(void *)((char *)values + s->offset);
}
static lh_str config_text(const void *values, const config_setting *s) {
    return *(const lh_str *)(const void *)((const char *)values + s->offset);
}
static int64_t config_number(const void *values, const config_setting *s) {
    const void *field = (const char *)values + s->offset;
    return s->type == CONFIG_BOOL ? *(const bool *)field : *(const int64_t *)field;
}
static bool config_is_text(const config_setting *s) {
    return s->type == CONFIG_STRING || s->type == CONFIG_SECRET || s->type == CONFIG_ENUM;
}

/* `values`, here and below: the lh_config or lh_bucket_config that the settings are fields of. */
static void config_defaults(const config_setting *settings, size_t count, void *values) {
    for (size_t i = 0; i < count; i++) {
        const config_setting *s = &settings[i];
        if (config_is_text(s)) *config_text_field(values, s) = lh_str_from(s->text);
        else if (s->type == CONFIG_INT) *config_int_field(values, s) = s->number;
        else *config_bool_field(values, s) = s->number != 0;
    }
}

static bool config_word_known(const char *words, lh_str word) {
    for (lh_str rest = lh_str_from(words); rest.len;)
        if (lh_str_eq(lh_str_split(&rest, '|'), word)) return true;
    return false;
}

static lh_code config_assign_text(lh_arena *arena, void *values, const config_setting *s, config_value value,
                                  config_origin origin, lh_error *err) {
    if (value.kind != VALUE_TEXT && value.kind != VALUE_STRING)
        return config_complain(origin, err, "%s.%s takes a text in quotes", s->section, s->key);
    if (!lh_str_is_utf8(value.text)) return config_complain(origin, err, "%s.%s is not UTF-8", s->section, s->key);
    for (size_t i = 0; i < value.text.len; i++)
        if ((unsigned char)value.text.ptr[i] < 0x20 || value.text.ptr[i] == 0x7F)
            return config_complain(origin, err, "%s.%s holds a control character", s->section, s->key);
    if (s->type == CONFIG_ENUM && !config_word_known(s->unit, value.text))
        return config_complain(origin, err, "%s.%s is one of %s, not '%.*s'", s->section, s->key, s->unit,
                               LH_STR_ARG(value.text));
    lh_str copy = lh_arena_dup(arena, value.text);
    LH_TRY(lh_arena_check(arena, err));
    *config_text_field(values, s) = copy;
    return LH_OK;
}

static lh_code config_assign_number(void *values, const config_setting *s, config_value value, config_origin origin,
                                    lh_error *err) {
    int64_t number = value.number;
    if (value.kind == VALUE_TEXT ? lh_str_to_i64(lh_str_trim(value.text), &number) != LH_OK : value.kind != VALUE_INT)
        return config_complain(origin, err, "%s.%s takes a whole number (%s)", s->section, s->key, s->unit);
    if (number < s->min || number > s->max)
        return config_complain(origin, err, "%s.%s is %" PRId64 ", not within %" PRId64 " and %" PRId64 " %s",
                               s->section, s->key, number, s->min, s->max, s->unit);
    *config_int_field(values, s) = number;
    return LH_OK;
}

static lh_code config_assign_bool(void *values, const config_setting *s, config_value value, config_origin origin,
                                  lh_error *err) {
    bool truth = value.number != 0, known = value.kind == VALUE_BOOL;
    if (value.kind == VALUE_TEXT) {
        lh_str text = lh_str_trim(value.text);
        truth = lh_str_eq_nocase(text, LH_STR("true"));
        known = truth || lh_str_eq_nocase(text, LH_STR("false"));
    }
    if (!known) return config_complain(origin, err, "%s.%s takes true or false", s->section, s->key);
    *config_bool_field(values, s) = truth;
    return LH_OK;
}

static lh_code config_assign(lh_arena *arena, void *values, const config_setting *s, config_value value,
                             config_origin origin, lh_error *err) {
    switch (s->type) {
    case CONFIG_INT: return config_assign_number(values, s, value, origin, err);
    case CONFIG_BOOL: return config_assign_bool(values, s, value, origin, err);
    case CONFIG_STRING:
    case CONFIG_SECRET:
    case CONFIG_ENUM: break;
    }
    return config_assign_text(arena, values, s, value, origin, err);
}

/* ---- TOML ---- */
static config_value config_value_of(const lh_toml_item *item) {
    config_value value = {.kind = VALUE_OTHER, .number = item->number, .text = {item->text, item->text_bytes}};
    if (item->kind == LH_TOML_STRING) value.kind = VALUE_STRING;
    else if (item->kind == LH_TOML_INT) value.kind = VALUE_INT;
    else if (item->kind == LH_TOML_BOOL) value.kind = VALUE_BOOL;
    return value;
}

/* The element of storage.buckets, made with its defaults when it is new. */
static lh_code config_bucket_at(config_walk *walk, size_t element, config_origin origin, lh_bucket_config **ret) {
    lh_config *config = walk->config;
    if (element >= LH_CONFIG_BUCKETS_MAX)
        return config_complain(origin, walk->err, "more than %d storage.buckets", LH_CONFIG_BUCKETS_MAX);
    if (!walk->lists_begun) {
        config->storage_buckets = LH_ARENA_ARRAY(walk->arena, lh_bucket_config, LH_CONFIG_BUCKETS_MAX);
        config->storage_bucket_count = 0;
        LH_TRY(lh_arena_check(walk->arena, walk->err));
        walk->lists_begun = true;
    }
    while (config->storage_bucket_count <= element)
        config_defaults(config_bucket_settings, CONFIG_BUCKET_COUNT,
                        &config->storage_buckets[config->storage_bucket_count++]);
    *ret = &config->storage_buckets[element];
    return LH_OK;
}

static lh_code config_assign_bucket(lh_arena *arena, lh_bucket_config *bucket, lh_str key, config_value value,
                                    config_origin origin, lh_error *err) {
    const config_setting *nearest = &config_bucket_settings[0];
    for (size_t i = 0; i < CONFIG_BUCKET_COUNT; i++) {
        const config_setting *s = &config_bucket_settings[i];
        if (lh_str_eq(lh_str_from(s->key), key)) return config_assign(arena, bucket, s, value, origin, err);
        if (lh_str_distance(lh_str_from(s->key), key) < lh_str_distance(lh_str_from(nearest->key), key)) nearest = s;
    }
    return config_complain(origin, err, "unknown setting '%.*s' of a bucket; did you mean %s?",
                           LH_STR_ARG(lh_str_cut_utf8(key, 100)), nearest->key);
}

static lh_code config_visit_list(config_walk *walk, const lh_toml_item *item, config_origin origin) {
    lh_str section = {item->section, item->section_bytes}, list = {item->list, item->list_bytes},
           key = {item->key, item->key_bytes};
    lh_bucket_config *bucket = NULL;
    if (!lh_str_eq(section, LH_STR("storage")) || !lh_str_eq(list, LH_STR("buckets")))
        return config_complain(origin, walk->err, "unknown list [[%.*s.%.*s]]; did you mean [[storage.buckets]]?",
                               LH_STR_ARG(section), LH_STR_ARG(list));
    LH_TRY(config_bucket_at(walk, item->element, origin, &bucket));
    if (item->kind == LH_TOML_SECTION) return LH_OK;
    return config_assign_bucket(walk->arena, bucket, key, config_value_of(item), origin, walk->err);
}

static lh_code config_visit_item(config_walk *walk, const lh_toml_item *item) {
    lh_str section = {item->section, item->section_bytes}, key = {item->key, item->key_bytes};
    config_origin origin = {.file = walk->file, .line = item->line, .column = item->column};
    if (item->list) return config_visit_list(walk, item, origin);
    if (item->kind == LH_TOML_SECTION)
        return config_has_section(section)
                   ? LH_OK
                   : config_complain(origin, walk->err, "unknown section [%.*s]; did you mean [%s]?",
                                     LH_STR_ARG(section), config_nearest_section(section));
    const config_setting *s = config_find(section, key);
    if (!s) {
        s = config_nearest(section, key);
        if (section.len == 0)
            return config_complain(origin, walk->err, "'%.*s' stands outside a section; did you mean %s under [%s]?",
                                   LH_STR_ARG(key), s->key, s->section);
        return config_complain(origin, walk->err, "unknown setting %.*s.%.*s; did you mean %s.%s?", LH_STR_ARG(section),
                               LH_STR_ARG(key), s->section, s->key);
    }
    return config_assign(walk->arena, walk->config, s, config_value_of(item), origin, walk->err);
}

static int config_visit(void *ctx, const lh_toml_item *item) {
    config_walk *walk = ctx;
    walk->code = config_visit_item(walk, item);
    return walk->code != LH_OK;
}

lh_code lh_config_read_toml(lh_arena *arena, const char *file, lh_str text, lh_config *config, lh_error *err) {
    config_walk walk = {.arena = arena, .config = config, .file = file, .err = err};
    lh_toml_failure failure = {0};
    size_t nul = lh_str_find(text, '\0');
    if (nul < text.len) { /* tomlplusplus asserts on some of these */
        config_origin place = {.file = file, .line = 1, .column = 1};
        for (size_t i = 0; i < nul; i++) place.line += text.ptr[i] == '\n';
        return config_complain(place, err, "not valid TOML: a NUL byte");
    }
    switch (lh_toml_walk(text.ptr, text.len, config_visit, &walk, &failure)) {
    case LH_TOML_OK: return LH_OK;
    case LH_TOML_STOPPED: return walk.code;
    case LH_TOML_NO_MEMORY: return lh_fail(err, LH_NO_MEMORY, "%s: out of memory", file);
    case LH_TOML_BAD_SYNTAX: break;
    }
    config_origin origin = {.file = file, .line = failure.line, .column = failure.column};
    return config_complain(origin, err, "not valid TOML: %s", failure.message);
}

static lh_code config_read_open_file(FILE *file, lh_arena *arena, const char *path, lh_str *ret, lh_error *err) {
    struct stat st;
    if (fstat(fileno(file), &st) != 0) return lh_fail_errno(err, errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode)) return lh_fail(err, LH_INVALID, "%s is not a file", path);
    if (st.st_size > CONFIG_FILE_BYTES_MAX)
        return lh_fail(err, LH_INVALID, "%s is larger than %d bytes", path, CONFIG_FILE_BYTES_MAX);
    size_t size = (size_t)st.st_size;
    char *bytes = lh_arena_alloc(arena, size + 1);
    LH_TRY(lh_arena_check(arena, err));
    size_t got = fread(bytes, 1, size, file);
    if (ferror(file)) return lh_fail(err, LH_IO, "cannot read %s", path);
    *ret = (lh_str){bytes, got};
    return LH_OK;
}

static lh_code config_read_file(lh_arena *arena, const char *path, lh_config *config, lh_error *err) {
    FILE *file = fopen(path, "re");
    if (!file) return lh_fail_errno(err, errno, "cannot open the configuration %s", path);
    lh_str text = LH_STR_NONE;
    lh_code code = config_read_open_file(file, arena, path, &text, err);
    fclose(file);
    LH_TRY(code);
    return lh_config_read_toml(arena, path, text, config, err);
}

/* ---- environment and flags ---- */
static void config_lower(lh_str from, char *into, size_t into_bytes) {
    size_t n = from.len < into_bytes - 1 ? from.len : into_bytes - 1;
    for (size_t i = 0; i < n; i++)
        into[i] = (char)(from.ptr[i] >= 'A' && from.ptr[i] <= 'Z' ? from.ptr[i] + ('a' - 'A') : from.ptr[i]);
    into[n] = '\0';
}

/* LAKEHOUSE__SERVER__LISTEN is server.listen. */
static lh_code config_read_variable(lh_arena *arena, lh_str name, lh_str value, lh_config *config, lh_error *err) {
    lh_str rest = lh_str_sub(name, strlen("LAKEHOUSE__"), SIZE_MAX);
    size_t cut = lh_str_search(rest, LH_STR("__"));
    char section[80] = "", key[80];
    if (cut != SIZE_MAX) config_lower(lh_str_sub(rest, 0, cut), section, sizeof section);
    config_lower(cut == SIZE_MAX ? rest : lh_str_sub(rest, cut + 2, SIZE_MAX), key, sizeof key);
    config_origin origin = {.name = name};
    const config_setting *s = config_find(lh_str_from(section), lh_str_from(key));
    if (s) return config_assign(arena, config, s, (config_value){.kind = VALUE_TEXT, .text = value}, origin, err);
    s = config_nearest(lh_str_from(section), lh_str_from(key));
    char upper[160];
    snprintf(upper, sizeof upper, "%s__%s", s->section, s->key);
    for (char *c = upper; *c; c++)
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - ('a' - 'A'));
    return config_complain(origin, err, "no such setting; did you mean LAKEHOUSE__%s?", upper);
}

/* LAKEHOUSE_ADMIN_KEY is auth.admin_key, unless that is set by its own name. */
static lh_code config_read_admin_key(lh_arena *arena, char *const *environment, lh_config *config, lh_error *err) {
    for (; environment && *environment; environment++) {
        lh_str value = lh_str_from(*environment), name = lh_str_split(&value, '=');
        if (value.len && lh_str_eq(name, LH_STR("LAKEHOUSE_ADMIN_KEY")))
            return config_assign(arena, config, config_find(LH_STR("auth"), LH_STR("admin_key")),
                                 (config_value){.kind = VALUE_TEXT, .text = value}, (config_origin){.name = name}, err);
    }
    return LH_OK;
}

static lh_code config_read_environment(lh_arena *arena, char *const *environment, lh_config *config, lh_error *err) {
    LH_TRY(config_read_admin_key(arena, environment, config, err));
    for (; environment && *environment; environment++) {
        lh_str value = lh_str_from(*environment);
        lh_str name = lh_str_split(&value, '=');
        if (lh_str_starts(name, LH_STR("LAKEHOUSE__"))) LH_TRY(config_read_variable(arena, name, value, config, err));
    }
    return LH_OK;
}

static lh_code config_read_override(lh_arena *arena, lh_config_override flag, lh_config *config, lh_error *err) {
    lh_str key = flag.name, section = lh_str_split(&key, '.');
    config_origin origin = {.name = flag.name};
    const config_setting *s = config_find(section, key);
    if (s) return config_assign(arena, config, s, (config_value){.kind = VALUE_TEXT, .text = flag.value}, origin, err);
    s = config_nearest(section, key);
    return config_complain(origin, err, "no such setting; did you mean %s.%s?", s->section, s->key);
}

/* ---- what one setting asks of another ---- */
static lh_str config_host(lh_str listen) {
    size_t colon = listen.len;
    while (colon && listen.ptr[colon - 1] != ':') colon--;
    return lh_str_sub(listen, 0, colon ? colon - 1 : 0);
}

static bool config_is_loopback(lh_str host) {
    char text[INET_ADDRSTRLEN];
    struct in_addr address;
    bool is_ipv4 = lh_str_to_cstr(host, text, sizeof text, NULL) == LH_OK && inet_pton(AF_INET, text, &address) == 1;
    if (is_ipv4) return ntohl(address.s_addr) >> 24 == 127;
    return lh_str_eq(host, LH_STR("localhost")) || lh_str_eq(host, LH_STR("[::1]")) || lh_str_eq(host, LH_STR("::1"));
}

static bool config_is_bucket_name(lh_str name) {
    bool good = name.len > 0 && name.len <= 63;
    for (size_t i = 0; i < name.len && good; i++) {
        char c = name.ptr[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    }
    return good;
}

static lh_code config_check_bucket(const lh_bucket_config *bucket, lh_error *err) {
    bool s3 = lh_str_eq(bucket->kind, LH_STR("s3"));
    if (!config_is_bucket_name(bucket->name))
        return lh_fail(err, LH_INVALID,
                       "storage.buckets: '%.*s' is no name of a bucket: 1 to 63 lower-case letters, digits, '-' and '_'",
                       LH_STR_ARG(bucket->name));
    if (s3 ? bucket->endpoint.len == 0 : bucket->root.len == 0)
        return lh_fail(err, LH_INVALID, "storage.buckets: '%.*s' is of kind %s, but has no %s",
                       LH_STR_ARG(bucket->name), s3 ? "s3" : "file", s3 ? "endpoint" : "root");
    return LH_OK;
}

static lh_code config_check_bucket_at(const lh_config *config, size_t at, lh_error *err) {
    const lh_bucket_config *bucket = &config->storage_buckets[at];
    for (size_t i = 0; i < at; i++)
        if (lh_str_eq(config->storage_buckets[i].name, bucket->name))
            return lh_fail(err, LH_INVALID, "storage.buckets: two are called '%.*s'", LH_STR_ARG(bucket->name));
    return config_check_bucket(bucket, err);
}

lh_code lh_config_bucket(lh_arena *arena, const lh_json *object, lh_bucket_config *ret, lh_error *err) {
    lh_bucket_config bucket = {0};
    const config_origin origin = {.name = LH_STR("bucket")};
    if (!lh_json_is_object(object)) return lh_fail(err, LH_INVALID, "'bucket' is an object");
    config_defaults(config_bucket_settings, CONFIG_BUCKET_COUNT, &bucket);
    for (lh_json_iter it = lh_json_each(object); lh_json_next(&it);) {
        config_value value = {.kind = VALUE_OTHER};
        if (lh_json_is_string(it.value)) value = (config_value){VALUE_STRING, lh_json_str(it.value, LH_STR_NONE), 0};
        if (lh_json_type_of(it.value) == LH_JSON_BOOL)
            value = (config_value){VALUE_BOOL, LH_STR_NONE, lh_json_bool(it.value, false)};
        LH_TRY(config_assign_bucket(arena, &bucket, it.name, value, origin, err));
    }
    LH_TRY(config_check_bucket(&bucket, err));
    *ret = bucket;
    return LH_OK;
}

static bool config_has_bucket(const lh_config *config, lh_str name) {
    for (size_t i = 0; i < config->storage_bucket_count; i++)
        if (lh_str_eq(config->storage_buckets[i].name, name)) return true;
    return false;
}

lh_str lh_config_primary(const lh_config *config) {
    return config->storage_primary.len ? config->storage_primary : LH_STR("primary");
}

bool lh_config_lists_primary(const lh_config *config) { return config_has_bucket(config, lh_config_primary(config)); }

static lh_code config_check_buckets(const lh_config *config, lh_error *err) {
    for (size_t i = 0; i < config->storage_bucket_count; i++) LH_TRY(config_check_bucket_at(config, i, err));
    if (config->storage_primary.len && !config_has_bucket(config, config->storage_primary))
        return lh_fail(err, LH_INVALID, "storage.primary is '%.*s', which is none of storage.buckets",
                       LH_STR_ARG(config->storage_primary));
    lh_str rescue = config->storage_rescue_bucket;
    if (rescue.len && !config_has_bucket(config, rescue) && !lh_str_eq(rescue, lh_config_primary(config)))
        return lh_fail(err, LH_INVALID, "storage.rescue_bucket is '%.*s', which is none of storage.buckets",
                       LH_STR_ARG(rescue));
    return LH_OK;
}

/* Plain HTTP within the machine only: whoever can change the keys on their way can make tokens. */
static bool config_is_safe_url(lh_str url) {
    bool plain = lh_str_starts(url, LH_STR("http://"));
    size_t begin = plain ? 7 : 8, end = begin;
    if (!plain && !lh_str_starts(url, LH_STR("https://"))) return false;
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~' || url.ptr[i] == '@' || url.ptr[i] == '\\') return false;
    while (end < url.len && !strchr("/?#", url.ptr[end])) end++;
    lh_str authority = lh_str_sub(url, begin, end - begin);
    bool port = lh_str_find(authority, ':') < authority.len && !lh_str_ends(authority, LH_STR("]"));
    return authority.len > 0 && (!plain || config_is_loopback(port ? config_host(authority) : authority));
}

static lh_code config_check_tokens(const lh_config *config, lh_error *err) {
    lh_str source = config->auth_jwt_jwks;
    if (source.len == 0) return LH_OK;
    if (lh_str_search(source, LH_STR("://")) != SIZE_MAX && !config_is_safe_url(source))
        return lh_fail(err, LH_INVALID, "auth.jwt_jwks is a file, an https URL, or an http URL of a loopback address");
    const struct {
        const char *name;
        lh_str value;
    } needed[] = {{"jwt_issuer", config->auth_jwt_issuer},
                  {"jwt_audience", config->auth_jwt_audience},
                  {"jwt_principal_claim", config->auth_jwt_principal_claim},
                  {"jwt_permission_claim", config->auth_jwt_permission_claim}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i].value.len == 0)
            return lh_fail(err, LH_INVALID, "auth.jwt_jwks is set, but auth.%s is empty", needed[i].name);
    return LH_OK;
}

static bool config_is_reachable(const lh_config *config) {
    return !config_is_loopback(config_host(config->server_listen)) ||
           (config->grpc_enabled && !config_is_loopback(config->grpc_host));
}

/* auth.mode is off or keys from here on. What is set to tell callers apart is never passed over in silence. */
static lh_code config_settle_mode(lh_config *config, lh_error *err) {
    const struct {
        const char *name;
        lh_str value;
    } asking[] = {{"admin_key", config->auth_admin_key},
                  {"anonymous", config->auth_anonymous},
                  {"jwt_jwks", config->auth_jwt_jwks}};
    bool automatic = lh_str_eq(config->auth_mode, LH_STR("auto")), asks = config_is_reachable(config);
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        if (asking[i].value.len && lh_str_eq(config->auth_mode, LH_STR("off")))
            return lh_fail(
                err, LH_INVALID,
                "auth.%s is set, but auth.mode is off: nobody would be asked for a key or token; take one of "
                "the two away",
                asking[i].name);
        asks = asks || asking[i].value.len;
    }
    if (automatic) config->auth_mode = asks ? LH_STR("keys") : LH_STR("off");
    return LH_OK;
}

static lh_code config_check_relations(const lh_config *config, lh_error *err) {
    if ((config->server_tls_certificate.len == 0) != (config->server_tls_key.len == 0))
        return lh_fail(err, LH_INVALID, "server.tls_certificate and server.tls_key go together; %s is empty",
                       config->server_tls_key.len ? "server.tls_certificate" : "server.tls_key");
    if (lh_str_find(config->server_listen, ':') == config->server_listen.len)
        return lh_fail(err, LH_INVALID, "server.listen is HOST:PORT, such as 127.0.0.1:3100, not '%.*s'",
                       LH_STR_ARG(config->server_listen));
    bool open = lh_str_eq(config->auth_mode, LH_STR("off"));
    if (open && config->grpc_enabled && !config_is_loopback(config->grpc_host))
        return lh_fail(
            err, LH_INVALID,
            "grpc.host %.*s is reachable from other machines, and auth.mode is off: set it to \"keys\", or listen on "
            "127.0.0.1",
            LH_STR_ARG(config->grpc_host));
    if (open && !config_is_loopback(config_host(config->server_listen)))
        return lh_fail(
            err, LH_INVALID,
            "server.listen %.*s is reachable from other machines, and auth.mode is off: set it to \"keys\", or listen "
            "on 127.0.0.1",
            LH_STR_ARG(config->server_listen));
    if (config->storage_root.len == 0) return lh_fail(err, LH_INVALID, "storage.root is empty");
    LH_TRY(config_check_tokens(config, err));
    LH_TRY(config_check_buckets(config, err));
    if (!lh_str_eq(config->storage_kind, LH_STR("s3")) || lh_config_lists_primary(config)) return LH_OK;
    const struct {
        const char *name;
        lh_str value;
    } needed[] = {{"s3_endpoint", config->storage_s3_endpoint},
                  {"s3_bucket", config->storage_s3_bucket},
                  {"s3_access_key", config->storage_s3_access_key},
                  {"s3_secret_key", config->storage_s3_secret_key}};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i].value.len == 0)
            return lh_fail(err, LH_INVALID, "storage.kind is s3, but storage.%s is empty", needed[i].name);
    return LH_OK;
}

lh_code lh_config_load(lh_arena *arena, const char *toml_path, char *const *environment,
                       const lh_config_override *overrides, size_t override_count, lh_config *ret, lh_error *err) {
    lh_config config = {0};
    config_defaults(config_settings, CONFIG_COUNT, &config);
    if (toml_path) LH_TRY(config_read_file(arena, toml_path, &config, err));
    LH_TRY(config_read_environment(arena, environment, &config, err));
    for (size_t i = 0; i < override_count; i++) LH_TRY(config_read_override(arena, overrides[i], &config, err));
    LH_TRY(config_settle_mode(&config, err));
    LH_TRY(config_check_relations(&config, err));
    *ret = config;
    return LH_OK;
}

/* ---- writing ---- */
static void config_toml_string(lh_buf *buf, lh_str s) {
    /* A JSON string is a TOML basic string: the same escapes, and control characters were refused. */
    lh_buf_json_string(buf, s);
}

static void config_write_default(lh_buf *buf, const config_setting *s) {
    if (config_is_text(s)) config_toml_string(buf, lh_str_from(s->text));
    else if (s->type == CONFIG_INT) lh_buf_printf(buf, "%" PRId64, s->number);
    else lh_buf_printf(buf, "%s", s->number ? "true" : "false");
}

static bool config_is_default(const void *values, const config_setting *s) {
    return config_is_text(s) ? lh_str_eq(config_text(values, s), lh_str_from(s->text))
                             : config_number(values, s) == s->number;
}

static void config_write_setting(lh_buf *buf, const void *values, const config_setting *s) {
    lh_buf_printf(buf, "# %s", s->help);
    if (s->unit[0]) lh_buf_printf(buf, " (%s)", s->unit);
    if (!config_is_default(values, s) && s->type != CONFIG_SECRET) {
        lh_buf_printf(buf, "; default ");
        config_write_default(buf, s);
    }
    lh_buf_printf(buf, "\n%s = ", s->key);
    if (s->type == CONFIG_SECRET && config_text(values, s).len) lh_buf_printf(buf, "\"***\"");
    else if (config_is_text(s)) config_toml_string(buf, config_text(values, s));
    else if (s->type == CONFIG_INT) lh_buf_printf(buf, "%" PRId64, config_number(values, s));
    else lh_buf_printf(buf, "%s", config_number(values, s) ? "true" : "false");
    lh_buf_char(buf, '\n');
}

static lh_code config_hand_over(lh_arena *arena, const lh_buf *buf, lh_str *ret, lh_error *err) {
    LH_TRY(lh_buf_check(buf, err));
    lh_str text = lh_arena_dup(arena, lh_buf_str(buf));
    LH_TRY(lh_arena_check(arena, err));
    *ret = text;
    return LH_OK;
}

static void config_write_buckets(lh_buf *buf, const lh_config *config) {
    for (size_t i = 0; i < config->storage_bucket_count; i++) {
        lh_buf_printf(buf, "\n[[storage.buckets]]\n");
        for (size_t j = 0; j < CONFIG_BUCKET_COUNT; j++)
            config_write_setting(buf, &config->storage_buckets[i], &config_bucket_settings[j]);
    }
}

lh_code lh_config_show(lh_arena *arena, const lh_config *config, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf buf = LH_BUF_INIT(CONFIG_TEXT_BYTES_MAX);
    const char *section = "";
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const config_setting *s = &config_settings[i];
        if (strcmp(section, s->section) != 0) lh_buf_printf(&buf, "%s[%s]\n", i ? "\n" : "", s->section);
        section = s->section;
        config_write_setting(&buf, config, s);
        bool last = i + 1 == CONFIG_COUNT || strcmp(config_settings[i + 1].section, section) != 0;
        if (last && strcmp(section, "storage") == 0) config_write_buckets(&buf, config);
    }
    return config_hand_over(arena, &buf, ret, err);
}

/* '|' ends a cell of a Markdown table. */
static void config_write_cell(lh_buf *buf, const char *text) {
    for (; *text; text++) {
        if (*text == '|') lh_buf_char(buf, '\\');
        lh_buf_char(buf, *text);
    }
}

static void config_write_row(lh_buf *buf, const config_setting *s) {
    lh_buf_printf(buf, "| `%s.%s` | ", s->section, s->key);
    switch (s->type) {
    case CONFIG_STRING: lh_buf_printf(buf, "text"); break;
    case CONFIG_SECRET: lh_buf_printf(buf, "secret"); break;
    case CONFIG_ENUM: config_write_cell(buf, s->unit); break;
    case CONFIG_BOOL: lh_buf_printf(buf, "true or false"); break;
    case CONFIG_INT:
        if (s->max == INT64_MAX) lh_buf_printf(buf, "%" PRId64 " or more", s->min);
        else lh_buf_printf(buf, "%" PRId64 " … %" PRId64, s->min, s->max);
        lh_buf_printf(buf, " %s", s->unit);
        break;
    }
    lh_buf_printf(buf, " | ");
    if (config_is_text(s) && !s->text[0]) lh_buf_printf(buf, "(empty)");
    else lh_buf_char(buf, '`'), config_write_default(buf, s), lh_buf_char(buf, '`');
    lh_buf_printf(buf, " | ");
    config_write_cell(buf, s->help);
    lh_buf_printf(buf, " |\n");
}

lh_code lh_config_reference(lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf buf = LH_BUF_INIT(CONFIG_TEXT_BYTES_MAX);
    const char *section = "";
    for (size_t i = 0; i < CONFIG_COUNT; i++) {
        const config_setting *s = &config_settings[i];
        if (strcmp(section, s->section) != 0)
            lh_buf_printf(&buf, "%s## [%s]\n\n| setting | values | default | what it is |\n|---|---|---|---|\n",
                          i ? "\n" : "", s->section);
        section = s->section;
        config_write_row(&buf, s);
    }
    return config_hand_over(arena, &buf, ret, err);
}

/* ---- memory of the machine ---- */
uint64_t lh_config_engine_memory_bytes(const lh_config *config) {
    return lh_machine_bytes() / 100 * (uint64_t)config->engine_memory_percent;
}

uint64_t lh_config_cache_limit_bytes(const lh_config *config) {
    return config->cache_limit_bytes ? (uint64_t)config->cache_limit_bytes : lh_machine_bytes() / 4;
}

/* ---- the files that settings name ---- */

enum { CONFIG_PEM_BYTES = 1 << 20 };

static lh_code config_read_pem(lh_str path, lh_arena *arena, const char **ret, lh_error *err) {
    const char *name = lh_arena_cstr(arena, path);
    FILE *file = name ? fopen(name, "rbe") : NULL;
    if (!file) return lh_fail_errno(err, errno, "cannot read '%.*s'", LH_STR_ARG(path));
    char *text = lh_arena_calloc(arena, 1, CONFIG_PEM_BYTES);
    size_t size = text ? fread(text, 1, CONFIG_PEM_BYTES - 1, file) : 0;
    fclose(file);
    if (size == 0) return lh_fail(err, LH_INVALID, "'%.*s' is empty", LH_STR_ARG(path));
    *ret = text;
    return LH_OK;
}

uint16_t lh_config_grpc_port(const lh_config *config) {
    lh_str listen = config->server_listen;
    uint64_t port = 0;
    size_t colon = config_host(listen).len;
    if (config->grpc_port >= 0) return (uint16_t)config->grpc_port;
    if (lh_str_to_u64(lh_str_sub(listen, colon + 1, SIZE_MAX), &port) != LH_OK || port == 0 || port >= UINT16_MAX)
        return 0;
    return (uint16_t)(port + 1);
}

lh_code lh_config_read_tls(const lh_config *config, lh_arena *arena, const char **ret_certificate, const char **ret_key,
                           lh_error *err) {
    if (config->server_tls_certificate.len == 0) return LH_OK;
    LH_TRY(config_read_pem(config->server_tls_certificate, arena, ret_certificate, err));
    return config_read_pem(config->server_tls_key, arena, ret_key, err);
}
