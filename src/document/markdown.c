/* The title of a Markdown text. Only the forms that people write are looked for; YAML is not parsed. */
#include "document/document_internal.h"

static lh_str markdown_line(lh_str *rest) {
    lh_str line = lh_str_split(rest, '\n');
    return lh_str_ends(line, LH_STR("\r")) ? lh_str_sub(line, 0, line.len - 1) : line;
}

static bool markdown_is_fence(lh_str line) {
    bool info;
    char of;
    return lh_markdown_fence(line, &of, &info) > 0;
}

/* `# Title ##` → `Title` */
static lh_str markdown_atx(lh_str line) {
    size_t marks = 0;
    while (marks < line.len && line.ptr[marks] == '#') marks++;
    if (marks == 0 || marks > 6 || marks == line.len || line.ptr[marks] != ' ') return LH_STR_NONE;
    lh_str title = lh_str_trim(lh_str_sub(line, marks, SIZE_MAX));
    size_t end = title.len;
    while (end && title.ptr[end - 1] == '#') end--;
    return end == 0 || title.ptr[end - 1] == ' ' ? lh_str_trim(lh_str_sub(title, 0, end)) : title;
}

static bool markdown_underlines(lh_str line) {
    size_t count = 0;
    line = lh_str_trim(line);
    while (count < line.len && line.ptr[count] == '=') count++;
    return count >= 3 && count == line.len;
}

lh_str document_first_heading(lh_str text) {
    bool fenced = false;
    lh_str before = LH_STR_NONE;
    for (lh_str rest = text; rest.len;) {
        lh_str line = markdown_line(&rest), title = fenced ? LH_STR_NONE : markdown_atx(line);
        if (title.len) return title;
        if (!fenced && before.len && markdown_underlines(line)) return before;
        if (markdown_is_fence(line)) fenced = !fenced;
        before = lh_str_trim(line);
    }
    return LH_STR_NONE;
}

/* The scalar behind `title:`, without its quotes. */
static lh_str markdown_scalar(lh_str value) {
    value = lh_str_trim(value);
    bool quoted =
        value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'') && value.ptr[value.len - 1] == value.ptr[0];
    bool block = value.len && (value.ptr[0] == '|' || value.ptr[0] == '>'); /* its text stands in the lines below */
    return block ? LH_STR_NONE : quoted ? lh_str_sub(value, 1, value.len - 2) : value;
}

lh_str document_markdown_title(lh_str text) {
    lh_str rest = text, title = LH_STR_NONE;
    if (!lh_str_eq(markdown_line(&rest), LH_STR("---"))) return document_first_heading(text);
    while (rest.len) {
        lh_str line = markdown_line(&rest);
        if (lh_str_eq(line, LH_STR("---")) || lh_str_eq(line, LH_STR("...")))
            return title.len ? title : document_first_heading(rest);
        if (lh_str_starts(line, LH_STR("title:"))) title = markdown_scalar(lh_str_sub(line, 6, SIZE_MAX));
    }
    return document_first_heading(text); /* a line of dashes, and no front matter */
}
