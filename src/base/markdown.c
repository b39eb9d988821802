#include "base/base.h"

size_t lh_markdown_heading(lh_str line) {
    size_t marks = 0;
    while (marks < line.len && line.ptr[marks] == '#') marks++;
    return marks <= LH_MARKDOWN_LEVELS && (marks == line.len || strchr(" \t\r\n", line.ptr[marks])) ? marks : 0;
}

/* All of it that character, and three of them at least. */
static bool markdown_is_rule(lh_str line, char of) {
    size_t marks = 0;
    line = lh_str_trim(line);
    while (marks < line.len && line.ptr[marks] == of) marks++;
    return marks >= 3 && marks == line.len;
}

bool lh_markdown_is_blank(lh_str line) {
    return lh_str_trim(line).len == 0 || markdown_is_rule(line, '-') || markdown_is_rule(line, '*') ||
           markdown_is_rule(line, '_');
}

size_t lh_markdown_list_mark(lh_str line) {
    size_t at = 0;
    while (at < line.len && strchr(" \t#>*-+|", line.ptr[at])) at++;
    size_t digits = at;
    while (digits < line.len && lh_is_digit(line.ptr[digits])) digits++;
    bool numbered =
        digits > at && digits + 1 < line.len && strchr(".)", line.ptr[digits]) && line.ptr[digits + 1] == ' ';
    if (numbered) return digits + 2;
    lh_str box = lh_str_sub(line, at, 4);
    return at && box.len == 4 && box.ptr[0] == '[' && strchr(" xX", box.ptr[1]) && box.ptr[2] == ']' &&
                   box.ptr[3] == ' '
               ? at + 4
               : at;
}

bool lh_markdown_is_underlined(lh_str line, lh_str next) {
    return !lh_markdown_is_blank(line) && lh_markdown_list_mark(line) == 0 &&
           (markdown_is_rule(next, '=') || markdown_is_rule(next, '-'));
}

size_t lh_markdown_fence(lh_str line, char *ret_of, bool *ret_info) {
    line = lh_str_trim(line);
    char of = line.len ? line.ptr[0] : 0;
    size_t marks = 0;
    while (marks < line.len && line.ptr[marks] == of) marks++;
    if ((of != '`' && of != '~') || marks < 3 || lh_str_find(lh_str_sub(line, marks, line.len), of) != line.len - marks)
        return 0;
    *ret_of = of;
    *ret_info = marks < line.len;
    return marks;
}
