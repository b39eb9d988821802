/* Any text as the body of a view's request: no crash; what is read has each column once, redactions of these columns only, each with
 * a kind that views have; and what is written of it is read as the same again. */
#include "access/access_internal.h"
#include "base/fuzz.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool fuzz_is_kind(lh_str kind) {
    static const char *const kinds[] = {"null", "hash", "sha256", "mask", "year", "bucket", "token", "none"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (lh_str_eq(kind, lh_str_from(kinds[i]))) return true;
    return false;
}

static void fuzz_check(const access_view_body *view) {
    assert(view->base.len && lh_json_size(view->columns) > 0);
    for (lh_json_iter a = lh_json_each(view->columns); lh_json_next(&a);)
        for (lh_json_iter b = lh_json_each(view->columns); lh_json_next(&b) && b.index < a.index;)
            assert(!lh_str_eq_nocase(lh_json_str(a.value, LH_STR_NONE), lh_json_str(b.value, LH_STR_NONE)));
    for (lh_json_iter it = lh_json_each(view->redactions); lh_json_next(&it);) {
        size_t found = 0;
        for (lh_json_iter c = lh_json_each(view->columns); lh_json_next(&c);)
            found += lh_str_eq(lh_json_str(c.value, LH_STR_NONE), it.name);
        assert(found == 1 && fuzz_is_kind(lh_json_get_string(it.value, "kind")));
    }
}

static lh_json *fuzz_write(const access_view_body *view, lh_arena *arena) {
    lh_json *body = lh_json_new_object(arena);
    lh_json_set_string(arena, body, "base_dataset", view->base);
    lh_json_set(arena, body, "columns", lh_json_copy(arena, view->columns));
    lh_json_set(arena, body, "column_redactions", lh_json_copy(arena, view->redactions));
    lh_json_set_bool(arena, body, "shadow", view->shadow);
    if (view->name.len) lh_json_set_string(arena, body, "name", view->name);
    if (view->row_filter.len) lh_json_set_string(arena, body, "row_filter", view->row_filter);
    if (view->description.len) lh_json_set_string(arena, body, "description", view->description);
    return body;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_json *body = NULL;
    access_view_body view = {0}, again = {0};
    lh_error err = {0};
    if (lh_arena_new(16 << 20, &arena, NULL) != LH_OK) return 0;
    if (lh_json_parse(arena, (lh_str){(const char *)data, size}, &body, NULL) != LH_OK) return 0;
    lh_code code = access_view_body_read(body, arena, &view, &err);
    if (code != LH_OK) {
        lh_fuzz_told(code, &err);
        return 0;
    }
    fuzz_check(&view);
    assert(access_view_body_read(fuzz_write(&view, arena), arena, &again, &err) == LH_OK);
    assert(lh_json_equal(view.columns, again.columns) && lh_json_equal(view.redactions, again.redactions));
    assert(lh_str_eq(view.row_filter, again.row_filter) && view.shadow == again.shadow);
    return 0;
}
