/* Whatever a write-ahead file holds: refused, or records in order, which written anew are read as the same, without a problem
 * that was not there before. */
#include "journal/journal_internal.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const journal_spec *spec = size && data[0] % 2 ? &journal_audit : &journal_mutations;
    lh_str bytes = {(const char *)data + (size > 0), size - (size > 0)};
    LH_CLEANUP(journal_wal_done) journal_wal first = {0};
    LH_CLEANUP(journal_wal_done) journal_wal second = {0};
    LH_CLEANUP(lh_buf_done) lh_buf anew = LH_BUF_INIT(64 << 20);
    LH_CLEANUP(lh_buf_done) lh_buf row_bytes = LH_BUF_INIT(JOURNAL_RECORD_BYTES);
    if (journal_wal_read(bytes, spec, &first, NULL) != LH_OK) return 0;
    journal_base_write(&anew, spec, &first.base);
    for (size_t i = 0; i < first.count; i++) {
        journal_row row;
        const journal_record *record = first.items[i];
        assert(i == 0 || first.items[i - 1]->seq <= record->seq);
        assert(journal_row_read(journal_record_str(record), spec, &row, NULL) == LH_OK && row.seq == record->seq);
        lh_buf_clear(&row_bytes);
        journal_row_write(&row, spec->count, &row_bytes);
        assert(lh_str_eq(lh_buf_str(&row_bytes), journal_record_str(record)));
        journal_frame_write(&anew, journal_record_str(record), &record->hash);
    }
    assert(lh_buf_check(&anew, NULL) == LH_OK);
    assert(journal_wal_read(lh_buf_str(&anew), spec, &second, NULL) == LH_OK);
    assert(second.count == first.count && second.base.seq == first.base.seq && !second.torn);
    assert(second.problem_count <= first.problem_count);
    return 0;
}
