/* Log entries and checkpoints, of any bytes: parsed or refused, and what was parsed is written and parsed again to the same. */
#include "catalog/metastore_internal.h"

static void fuzz_entry(lh_str bytes) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf again = LH_BUF_INIT(LH_LIMIT_JSON_BYTES);
    metastore_entry entry, second;
    if (lh_arena_new(256 << 20, &arena, NULL) != LH_OK) return;
    if (metastore_entry_parse(bytes, LH_STR("fuzz"), arena, &entry, NULL) != LH_OK) return;
    metastore_entry_begin(&again, entry.sequence, LH_STR("id"), LH_STR_NONE);
    for (size_t i = 0; i < entry.count; i++) metastore_entry_change(&again, &entry.changes[i], i == 0);
    metastore_entry_end(&again);
    if (metastore_entry_parse(lh_buf_str(&again), LH_STR("fuzz"), arena, &second, NULL) != LH_OK ||
        second.count != entry.count)
        abort();
    for (size_t i = 0; i < entry.count; i++)
        if (!lh_str_eq(entry.changes[i].key, second.changes[i].key) ||
            !lh_str_eq(entry.changes[i].text, second.changes[i].text))
            abort();
}

static void fuzz_checkpoint(lh_str bytes, size_t piece) {
    metastore_checkpoint_reader reader;
    lh_code code = LH_OK;
    metastore_checkpoint_reader_init(&reader, LH_STR("fuzz"));
    for (size_t at = 0; code == LH_OK && at < bytes.len; at += piece)
        code = metastore_checkpoint_feed(&reader, lh_str_sub(bytes, at, piece), NULL);
    if (code == LH_OK && metastore_checkpoint_finish(&reader, NULL) == LH_OK && !reader.ended) abort();
    for (size_t i = 1; i < reader.index.count; i++)
        if (lh_str_cmp(reader.index.docs[i - 1]->key, reader.index.docs[i]->key) >= 0) abort();
    metastore_checkpoint_reader_done(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_str bytes = {(const char *)data, size};
    uint64_t sequence;
    fuzz_entry(bytes);
    fuzz_checkpoint(bytes, 7);
    fuzz_checkpoint(bytes, SIZE_MAX / 2);
    (void)metastore_key_sequence(bytes, &sequence);
    return 0;
}
