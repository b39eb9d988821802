/* Any text: the units and what is left are the text again. */
#include "cli/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_str text = {(const char *)data, size}, unit;
    size_t taken = 0;
    while (lh_cli_statement_next(&text, &unit)) {
        if (unit.ptr != (const char *)data + taken || unit.len == 0) abort();
        taken += unit.len;
    }
    if (taken + text.len != size) abort();
    (void)lh_cli_statement_is_blank(text);
    (void)lh_cli_statement_word(text, 3);
    lh_str last = lh_cli_statement_last((lh_str){(const char *)data, size});
    if (last.len > size) abort();
    (void)lh_cli_statement_command(&text, &unit);
    return 0;
}
