/* Any bytes as a journal: reading never fails, each line is a trial or counted, and a trial that is written is read as it was. */
#include "vector/trial_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines_of(lh_str text) {
    size_t lines = 0;
    while (text.len) lines += lh_str_trim(lh_str_split(&text, '\n')).len != 0;
    return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf added = LH_BUF_INIT(1 << 20);
    lh_str text = {(const char *)data, size}, line;
    journal read = {0}, again = {0};
    if (size > 200000 || lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return 0;
    assert(journal_parse(text, arena, &read, NULL) == LH_OK);
    assert(read.count + read.skipped == lines_of(text));
    journal_add(text, LH_STR("{}"), 1000, &added);
    assert(lh_buf_check(&added, NULL) == LH_OK && added.len <= 1000 && lh_str_ends(lh_buf_str(&added), LH_STR("{}\n")));
    for (size_t i = 0; i < read.count; i++) {
        lh_json_set_int(arena, read.trials[i], "schema_version", 1);
        assert(lh_json_write(arena, read.trials[i], false, &line, NULL) == LH_OK);
        assert(journal_parse(line, arena, &again, NULL) == LH_OK && again.count == 1);
        lh_json_set_int(arena, again.trials[0], "schema_version", 1);
        assert(lh_json_equal(again.trials[0], read.trials[i]));
    }
    return 0;
}
