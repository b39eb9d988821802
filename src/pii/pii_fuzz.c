/* Any bytes as a column: its type, its name and values, one a line. A verdict stays within its bounds, and what is found in a
 * text lies within it. */
#include "pii/pii.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_find(lh_str text) {
    size_t from = 0, at = 0, len = 0;
    while (lh_pii_find(text, from, &at, &len) != LH_PII_NONE) {
        assert(at + 1 >= from && len > 0 && at + len > from && at + len <= text.len);
        from = at + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_pii_column column;
    if (size == 0) return 0;
    lh_str rest = {(const char *)data + 1, size - 1};
    lh_pii_begin(&column, lh_str_split(&rest, '\n'), (lh_pii_type)(data[0] % 4));
    while (rest.len) {
        lh_str value = lh_str_split(&rest, '\n');
        lh_pii_add(&column, value);
        fuzz_find(value);
    }
    lh_pii_verdict verdict = lh_pii_end(&column);
    assert(verdict.kind < LH_PII_KINDS && verdict.confidence >= 0 && verdict.confidence <= 0.99);
    assert(verdict.matched <= verdict.values && verdict.values == column.values);
    assert((verdict.kind == LH_PII_NONE) == (verdict.confidence == 0));
    assert(verdict.kind != LH_PII_NATIONAL_ID || verdict.named || verdict.matched);
    return 0;
}
