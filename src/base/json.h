/* JSON values that live in an arena (yyjson beneath). One type for what was parsed
 * and what is built. Readers take NULL and wrong types and give the default, so a
 * path of them needs no checks; builders on a failed arena do nothing and the
 * arena's sticky failure is reported by lh_json_write() or lh_arena_check().
 * A value has one place: before putting it into a second container, lh_json_copy() it. */
#ifndef LH_BASE_JSON_H
#define LH_BASE_JSON_H
#include "base/arena.h"
#include "base/buf.h"

typedef struct lh_json lh_json; /* arena */

typedef enum {
    LH_JSON_NONE,
    LH_JSON_NULL,
    LH_JSON_BOOL,
    LH_JSON_INT,
    LH_JSON_REAL,
    LH_JSON_STRING,
    LH_JSON_ARRAY,
    LH_JSON_OBJECT
} lh_json_type;

/* RFC 8259, UTF-8, one value; the text is copied. Integers beyond 64 bits become REAL.
 * Errors: INVALID with line and column; LIMIT (size, depth); NO_MEMORY. */
LH_MUST_CHECK lh_code lh_json_parse(lh_arena *arena, lh_str text, lh_json **ret, lh_error *err);
/* The same, but a number keeps its text: lh_json_write() gives every digit back. lh_json_real() reads
 * none of them, lh_json_equal() compares their text. */
LH_MUST_CHECK lh_code lh_json_parse_exact(lh_arena *arena, lh_str text, lh_json **ret, lh_error *err);
/* Appends compact JSON, or indented by two with `pretty`. Errors: LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_json_write(lh_arena *arena, const lh_json *value, bool pretty, lh_str *ret, lh_error *err);

lh_json_type lh_json_type_of(const lh_json *value); /* LH_JSON_NONE for NULL */
static inline bool lh_json_is_null(const lh_json *value) {
    return lh_json_type_of(value) <= LH_JSON_NULL;
} /* absent or null */
static inline bool lh_json_is_object(const lh_json *value) { return lh_json_type_of(value) == LH_JSON_OBJECT; }
static inline bool lh_json_is_array(const lh_json *value) { return lh_json_type_of(value) == LH_JSON_ARRAY; }
static inline bool lh_json_is_string(const lh_json *value) { return lh_json_type_of(value) == LH_JSON_STRING; }
static inline bool lh_json_is_int(const lh_json *value) { return lh_json_type_of(value) == LH_JSON_INT; }
lh_str lh_json_str(const lh_json *value, lh_str otherwise);   /* arena */
int64_t lh_json_int(const lh_json *value, int64_t otherwise); /* also of a REAL with a whole value */
uint64_t lh_json_uint(const lh_json *value, uint64_t otherwise);
double lh_json_real(const lh_json *value, double otherwise);
bool lh_json_bool(const lh_json *value, bool otherwise);
bool lh_json_equal(const lh_json *a, const lh_json *b); /* deep; the order of members does not count */

size_t lh_json_size(const lh_json *container);                 /* elements or members; 0 for anything else */
lh_json *lh_json_at(const lh_json *array, size_t index);       /* NULL when out of range; O(index) */
lh_json *lh_json_get(const lh_json *object, const char *name); /* NULL when absent */
lh_json *lh_json_get_str(const lh_json *object, lh_str name);
/* The usual pair in one call. */
static inline lh_str lh_json_get_string(const lh_json *object, const char *name) {
    return lh_json_str(lh_json_get(object, name), LH_STR_NONE);
}

/* Walks an array or object: `lh_json_iter it = lh_json_each(v); while (lh_json_next(&it)) … it.value, it.name`.
 * The container must not change meanwhile. */
typedef struct lh_json_iter {
    lh_str name; /* of the member; empty in an array */
    lh_json *value;
    size_t index;
    void *state_[2];
    size_t left_;
} lh_json_iter;
lh_json_iter lh_json_each(const lh_json *container);
bool lh_json_next(lh_json_iter *it);

lh_json *lh_json_new_object(lh_arena *arena);
/* What a list is told as: {"items","next_page_token"}; next: what the page after this begins behind, empty (told as null) where there is none. */
lh_json *lh_json_page(lh_arena *arena, lh_json *items, lh_str next);
lh_json *lh_json_new_array(lh_arena *arena);
lh_json *lh_json_new_null(lh_arena *arena);
lh_json *lh_json_new_bool(lh_arena *arena, bool value);
lh_json *lh_json_new_int(lh_arena *arena, int64_t value);
lh_json *lh_json_new_uint(lh_arena *arena, uint64_t value);
lh_json *lh_json_new_real(lh_arena *arena, double value);
lh_json *lh_json_new_string(lh_arena *arena, lh_str value);   /* copied */
lh_json *lh_json_copy(lh_arena *arena, const lh_json *value); /* deep */

/* Sets a member (replaces one of that name). `name` is copied. `value` is moved into place. */
void lh_json_put(lh_arena *arena, lh_json *object, lh_str name, lh_json *value);
static inline void lh_json_set(lh_arena *arena, lh_json *object, const char *name, lh_json *value) {
    lh_json_put(arena, object, lh_str_from(name), value);
}
static inline void lh_json_set_string(lh_arena *arena, lh_json *object, const char *name, lh_str value) {
    lh_json_set(arena, object, name, lh_json_new_string(arena, value));
}
static inline void lh_json_set_int(lh_arena *arena, lh_json *object, const char *name, int64_t value) {
    lh_json_set(arena, object, name, lh_json_new_int(arena, value));
}
static inline void lh_json_set_uint(lh_arena *arena, lh_json *object, const char *name, uint64_t value) {
    lh_json_set(arena, object, name, lh_json_new_uint(arena, value));
}
static inline void lh_json_set_bool(lh_arena *arena, lh_json *object, const char *name, bool value) {
    lh_json_set(arena, object, name, lh_json_new_bool(arena, value));
}
void lh_json_remove(lh_json *object, lh_str name); /* fine when absent */
void lh_json_append(lh_json *array, lh_json *value);
void lh_json_remove_at(lh_json *array, size_t index);
#endif
