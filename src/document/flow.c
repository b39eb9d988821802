/* Marked-up text, as it comes, into plain text with a little Markdown. White space is gathered into one space or into the line
 * breaks of the blocks around it, and is written with the next word: so nothing stands at the end, and nothing twice. */
#include "document/document_internal.h"

enum { FLOW_HEADING_BYTES = 1000 }; /* a longer one is a heading that was never closed */

/* Writes what stands between the text before and the next word. */
static void flow_gap(document_flow *f) {
    if (f->text.len && f->breaks) lh_buf_append(&f->text, f->breaks > 1 ? LH_STR("\n\n") : LH_STR("\n"));
    else if (f->text.len && f->cell) lh_buf_append(&f->text, LH_STR(" | "));
    else if (f->text.len && f->space) lh_buf_char(&f->text, ' ');
    lh_buf_append(&f->text, f->prefix);
    f->prefix = LH_STR_NONE;
    f->breaks = 0;
    f->space = f->cell = false;
}

static size_t flow_space(lh_str s) { /* bytes of the white space at the start */
    if (s.len && strchr(" \t\n\r\f\v", s.ptr[0]) && s.ptr[0]) return 1;
    return lh_str_starts(s, LH_STR("\xc2\xa0")) ? 2 : 0;
}

void document_flow_text(document_flow *f, lh_str s) {
    while (s.len) {
        size_t space = flow_space(s), word = 0;
        if (space) f->space = true, s = lh_str_sub(s, space, SIZE_MAX);
        if (space) continue;
        while (word < s.len && flow_space(lh_str_sub(s, word, 2)) == 0) word++;
        flow_gap(f);
        lh_buf_append(&f->text, lh_str_sub(s, 0, word));
        s = lh_str_sub(s, word, SIZE_MAX);
    }
}

void document_flow_as_it_is(document_flow *f, lh_str s) {
    if (f->breaks || f->text.len == 0) /* the line break that <pre> begins with */
        while (s.len && (s.ptr[0] == '\n' || s.ptr[0] == '\r')) s = lh_str_sub(s, 1, SIZE_MAX);
    if (s.len) flow_gap(f);
    lh_buf_append(&f->text, s);
}

void document_flow_break(document_flow *f, unsigned lines) {
    if (f->heading && f->text.len - f->heading_start > FLOW_HEADING_BYTES) f->heading = false;
    if (f->heading) f->space = true;
    else if (lines > f->breaks && f->prefix.len == 0) f->breaks = lines; /* <li><p>: one place */
}

void document_flow_begin(document_flow *f, unsigned lines, lh_str prefix) {
    f->prefix = LH_STR_NONE;
    document_flow_break(f, lines);
    if (!f->heading) f->prefix = prefix;
}

void document_flow_end(document_flow *f, unsigned lines) {
    f->prefix = LH_STR_NONE; /* of an item without text */
    document_flow_break(f, lines);
}

void document_flow_heading(document_flow *f, unsigned level) {
    static const char marks[] = "###### ";
    if (level < 1 || level > 6) level = 6;
    document_flow_begin(f, 2, (lh_str){marks + 6 - level, level + 1});
    f->heading = true;
    f->heading_start = f->text.len;
}

void document_flow_heading_end(document_flow *f) {
    f->heading = false;
    document_flow_end(f, 2);
}

void document_flow_cell(document_flow *f) {
    if (f->breaks == 0 || f->text.len == 0) f->cell = true;
}
