/* An lh_json is a yyjson_mut_val. Each arena makes one yyjson_mut_doc on first use
 * whose allocator is the arena, so nothing is freed one by one. */
#include "base/base.h"
#include "base/arena_internal.h"

#include <yyjson.h>

static yyjson_mut_val *json_in(const lh_json *value) {
    union {
        const lh_json *in;
        yyjson_mut_val *out;
    } same = {.in = value};
    return same.out;
}
static lh_json *json_out(yyjson_mut_val *value) { return (lh_json *)value; }

static void *json_malloc(void *ctx, size_t size) { return lh_arena_alloc(ctx, size); }
static void *json_realloc(void *ctx, void *old, size_t old_size, size_t size) {
    void *grown = lh_arena_alloc(ctx, size);
    if (grown && old) memcpy(grown, old, old_size < size ? old_size : size);
    return grown;
}
static void json_free(void *ctx, void *memory) { (void)ctx, (void)memory; }
static yyjson_alc json_allocator(lh_arena *arena) { return (yyjson_alc){json_malloc, json_realloc, json_free, arena}; }

static yyjson_mut_doc *json_doc(lh_arena *arena) {
    void **slot = lh_arena_json_slot(arena);
    if (!*slot) {
        yyjson_alc allocator = json_allocator(arena);
        *slot = yyjson_mut_doc_new(&allocator);
    }
    return *slot;
}

static bool json_too_deep(lh_str text) {
    size_t depth = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"') { /* skip the string */
            for (i++; i < text.len && text.ptr[i] != '"'; i++)
                if (text.ptr[i] == '\\') i++;
        } else if (c == '[' || c == '{') {
            if (++depth > LH_LIMIT_JSON_DEPTH) return true;
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        }
    }
    return false;
}

static lh_code json_syntax_error(lh_str text, const yyjson_read_err *bad, lh_error *err) {
    uint64_t line = 1, column = 1;
    for (size_t i = 0; i < bad->pos && i < text.len; i++) {
        column = text.ptr[i] == '\n' ? 1 : column + 1;
        line += text.ptr[i] == '\n';
    }
    lh_error_set(err, LH_INVALID, "JSON, line %" PRIu64 ", column %" PRIu64 ": %s", line, column, bad->msg);
    if (err) err->line = line, err->column = column;
    return LH_INVALID;
}

static lh_code json_parse(lh_arena *arena, lh_str text, yyjson_read_flag flags, lh_json **ret, lh_error *err) {
    if (text.len > LH_LIMIT_JSON_BYTES)
        return lh_fail(err, LH_LIMIT, "JSON of more than %d bytes", LH_LIMIT_JSON_BYTES);
    if (json_too_deep(text)) return lh_fail(err, LH_LIMIT, "JSON nested deeper than %d", LH_LIMIT_JSON_DEPTH);
    yyjson_alc allocator = json_allocator(arena);
    yyjson_read_err bad = {0};
    yyjson_mut_doc *into = json_doc(arena);
    union {
        const char *in;
        char *out;
    } bytes = {.in = text.len ? text.ptr : ""}; /* not written without YYJSON_READ_INSITU */
    yyjson_doc *doc = into ? yyjson_read_opts(bytes.out, text.len, flags, &allocator, &bad) : NULL;
    if (!doc && lh_arena_check(arena, NULL) == LH_OK && into) return json_syntax_error(text, &bad, err);
    yyjson_mut_val *value = doc ? yyjson_val_mut_copy(into, yyjson_doc_get_root(doc)) : NULL;
    LH_TRY(lh_arena_check(arena, err));
    *ret = json_out(value);
    return LH_OK;
}

lh_code lh_json_parse(lh_arena *arena, lh_str text, lh_json **ret, lh_error *err) {
    return json_parse(arena, text, YYJSON_READ_NOFLAG, ret, err);
}

lh_code lh_json_parse_exact(lh_arena *arena, lh_str text, lh_json **ret, lh_error *err) {
    return json_parse(arena, text, YYJSON_READ_NUMBER_AS_RAW, ret, err);
}

/* The text of a number of lh_json_parse_exact(); empty for any other value. */
static lh_str json_digits(const lh_json *value) {
    yyjson_mut_val *v = json_in(value);
    return yyjson_mut_is_raw(v) ? (lh_str){yyjson_mut_get_raw(v), yyjson_mut_get_len(v)} : LH_STR_NONE;
}

lh_code lh_json_write(lh_arena *arena, const lh_json *value, bool pretty, lh_str *ret, lh_error *err) {
    LH_TRY(lh_arena_check(arena, err));
    yyjson_alc allocator = json_allocator(arena);
    yyjson_write_err bad = {0};
    size_t length = 0;
    yyjson_write_flag flags = pretty ? YYJSON_WRITE_PRETTY_TWO_SPACES : YYJSON_WRITE_NOFLAG;
    char *text = yyjson_mut_val_write_opts(json_in(value), flags, &allocator, &length, &bad);
    LH_TRY(lh_arena_check(arena, err));
    if (!text) return lh_fail(err, LH_INTERNAL, "JSON cannot be written: %s", bad.msg ? bad.msg : "no value");
    *ret = (lh_str){text, length};
    return LH_OK;
}

lh_json_type lh_json_type_of(const lh_json *value) {
    switch (yyjson_mut_get_type(json_in(value))) {
    case YYJSON_TYPE_NULL: return LH_JSON_NULL;
    case YYJSON_TYPE_BOOL: return LH_JSON_BOOL;
    case YYJSON_TYPE_NUM: return yyjson_mut_is_real(json_in(value)) ? LH_JSON_REAL : LH_JSON_INT;
    case YYJSON_TYPE_RAW: {
        int64_t whole;
        return lh_str_to_i64(json_digits(value), &whole) == LH_OK ? LH_JSON_INT : LH_JSON_REAL;
    }
    case YYJSON_TYPE_STR: return LH_JSON_STRING;
    case YYJSON_TYPE_ARR: return LH_JSON_ARRAY;
    case YYJSON_TYPE_OBJ: return LH_JSON_OBJECT;
    default: return LH_JSON_NONE;
    }
}

lh_str lh_json_str(const lh_json *value, lh_str otherwise) {
    yyjson_mut_val *v = json_in(value);
    return yyjson_mut_is_str(v) ? (lh_str){yyjson_mut_get_str(v), yyjson_mut_get_len(v)} : otherwise;
}

int64_t lh_json_int(const lh_json *value, int64_t otherwise) {
    yyjson_mut_val *v = json_in(value);
    int64_t whole;
    if (yyjson_mut_is_raw(v)) return lh_str_to_i64(json_digits(value), &whole) == LH_OK ? whole : otherwise;
    if (yyjson_mut_is_sint(v)) return yyjson_mut_get_sint(v);
    if (yyjson_mut_is_uint(v)) return yyjson_mut_get_uint(v) <= INT64_MAX ? (int64_t)yyjson_mut_get_uint(v) : otherwise;
    if (yyjson_mut_is_real(v)) {
        double real = yyjson_mut_get_real(v);
        if (real >= -9007199254740992.0 && real <= 9007199254740992.0 && real == (double)(int64_t)real)
            return (int64_t)real;
    }
    return otherwise;
}

uint64_t lh_json_uint(const lh_json *value, uint64_t otherwise) {
    yyjson_mut_val *v = json_in(value);
    uint64_t whole;
    if (yyjson_mut_is_raw(v)) return lh_str_to_u64(json_digits(value), &whole) == LH_OK ? whole : otherwise;
    return yyjson_mut_is_uint(v) ? yyjson_mut_get_uint(v) : otherwise;
}

double lh_json_real(const lh_json *value, double otherwise) {
    return yyjson_mut_is_num(json_in(value)) ? yyjson_mut_get_num(json_in(value)) : otherwise;
}

bool lh_json_bool(const lh_json *value, bool otherwise) {
    return yyjson_mut_is_bool(json_in(value)) ? yyjson_mut_get_bool(json_in(value)) : otherwise;
}

bool lh_json_equal(const lh_json *a, const lh_json *b) { return yyjson_mut_equals(json_in(a), json_in(b)); }

size_t lh_json_size(const lh_json *container) {
    return yyjson_mut_is_ctn(json_in(container)) ? yyjson_mut_get_len(json_in(container)) : 0;
}

lh_json *lh_json_at(const lh_json *array, size_t index) { return json_out(yyjson_mut_arr_get(json_in(array), index)); }
lh_json *lh_json_get(const lh_json *object, const char *name) {
    return json_out(yyjson_mut_obj_get(json_in(object), name));
}
lh_json *lh_json_get_str(const lh_json *object, lh_str name) {
    return json_out(yyjson_mut_obj_getn(json_in(object), name.ptr ? name.ptr : "", name.len));
}

lh_json_iter lh_json_each(const lh_json *container) {
    yyjson_mut_val *c = json_in(container);
    lh_json_iter it = {.left_ = lh_json_size(container), .index = SIZE_MAX};
    yyjson_mut_val *last = it.left_ ? c->uni.ptr : NULL; /* of a ring: the last element, or the last member's key */
    it.state_[1] = yyjson_mut_is_obj(c) ? c : NULL;
    it.state_[0] = last && it.state_[1] ? last->next : last;
    return it;
}

bool lh_json_next(lh_json_iter *it) {
    if (it->left_ == 0) return false;
    yyjson_mut_val *at = ((yyjson_mut_val *)it->state_[0])->next;
    if (it->state_[1]) {
        it->name = (lh_str){yyjson_mut_get_str(at), yyjson_mut_get_len(at)};
        it->value = json_out(at->next);
        it->state_[0] = at->next;
    } else {
        it->value = json_out(at);
        it->state_[0] = at;
    }
    it->left_--;
    it->index++;
    return true;
}

lh_json *lh_json_new_object(lh_arena *arena) { return json_out(yyjson_mut_obj(json_doc(arena))); }
lh_json *lh_json_new_array(lh_arena *arena) { return json_out(yyjson_mut_arr(json_doc(arena))); }
lh_json *lh_json_new_null(lh_arena *arena) { return json_out(yyjson_mut_null(json_doc(arena))); }
lh_json *lh_json_new_bool(lh_arena *arena, bool value) { return json_out(yyjson_mut_bool(json_doc(arena), value)); }
lh_json *lh_json_new_int(lh_arena *arena, int64_t value) { return json_out(yyjson_mut_sint(json_doc(arena), value)); }
lh_json *lh_json_new_uint(lh_arena *arena, uint64_t value) { return json_out(yyjson_mut_uint(json_doc(arena), value)); }
lh_json *lh_json_new_real(lh_arena *arena, double value) { return json_out(yyjson_mut_real(json_doc(arena), value)); }
lh_json *lh_json_new_string(lh_arena *arena, lh_str value) {
    return json_out(yyjson_mut_strncpy(json_doc(arena), value.ptr ? value.ptr : "", value.len));
}
lh_json *lh_json_copy(lh_arena *arena, const lh_json *value) {
    return json_out(yyjson_mut_val_mut_copy(json_doc(arena), json_in(value)));
}

void lh_json_put(lh_arena *arena, lh_json *object, lh_str name, lh_json *value) {
    yyjson_mut_val *key = value ? json_in(lh_json_new_string(arena, name)) : NULL;
    if (!key || !yyjson_mut_is_obj(json_in(object))) return;
    /* yyjson's put removes every later duplicate; a replaced member keeps its place */
    if (lh_json_get_str(object, name)) yyjson_mut_obj_replace(json_in(object), key, json_in(value));
    else yyjson_mut_obj_add(json_in(object), key, json_in(value));
}

void lh_json_remove(lh_json *object, lh_str name) {
    yyjson_mut_obj_remove_keyn(json_in(object), name.ptr ? name.ptr : "", name.len);
}
void lh_json_append(lh_json *array, lh_json *value) { yyjson_mut_arr_append(json_in(array), json_in(value)); }
void lh_json_remove_at(lh_json *array, size_t index) { yyjson_mut_arr_remove(json_in(array), index); }

lh_json *lh_json_page(lh_arena *arena, lh_json *items, lh_str next) {
    lh_json *page = lh_json_new_object(arena);
    lh_json_set(arena, page, "items", items);
    lh_json_set(arena, page, "next_page_token", next.len ? lh_json_new_string(arena, next) : lh_json_new_null(arena));
    return page;
}
