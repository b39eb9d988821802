/* Kinds of documents, and the title of one that has none of its own. */
#include "document/document_internal.h"

lh_document_kind lh_document_kind_of(lh_str file_name) {
    static const struct {
        const char *end;
        lh_document_kind kind;
    } ends[] = {{".txt", LH_DOCUMENT_TEXT},  {".md", LH_DOCUMENT_MARKDOWN}, {".markdown", LH_DOCUMENT_MARKDOWN},
                {".html", LH_DOCUMENT_HTML}, {".htm", LH_DOCUMENT_HTML},    {".docx", LH_DOCUMENT_DOCX},
                {".pdf", LH_DOCUMENT_PDF}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        lh_str end = lh_str_from(ends[i].end);
        if (file_name.len > end.len && lh_str_eq_nocase(lh_str_sub(file_name, file_name.len - end.len, end.len), end))
            return ends[i].kind;
    }
    return LH_DOCUMENT_NONE;
}

const char *lh_document_kind_name(lh_document_kind kind) {
    static const char *const names[] = {
        [LH_DOCUMENT_NONE] = "",     [LH_DOCUMENT_TEXT] = "txt",  [LH_DOCUMENT_MARKDOWN] = "md",
        [LH_DOCUMENT_HTML] = "html", [LH_DOCUMENT_DOCX] = "docx", [LH_DOCUMENT_PDF] = "pdf"};
    return names[kind];
}

/* "a/b.c/d.md" → "d" */
static lh_str document_stem(lh_str path) {
    lh_str name = lh_str_sub(path, lh_str_after_last(path, '/'), SIZE_MAX);
    for (size_t i = name.len; i > 1; i--)
        if (name.ptr[i - 1] == '.') return lh_str_sub(name, 0, i - 1);
    return name;
}

static lh_code document_read_kind(const lh_document_source *source, lh_arena *arena, lh_document_text *ret,
                                  lh_error *err) {
    switch (source->kind) {
    case LH_DOCUMENT_MARKDOWN:
        ret->title = document_markdown_title(source->bytes);
        ret->text = source->bytes;
        return LH_OK;
    case LH_DOCUMENT_TEXT: ret->text = source->bytes; return LH_OK;
    case LH_DOCUMENT_HTML: return document_read_html(source, arena, ret, err);
    case LH_DOCUMENT_DOCX: return document_read_docx(source, arena, ret, err);
    case LH_DOCUMENT_PDF: return document_read_pdf(source, arena, ret, err);
    case LH_DOCUMENT_NONE: break;
    }
    return lh_fail(err, LH_INVALID, "no document that can be read");
}

lh_code lh_document_read(const lh_document_source *source, lh_arena *arena, lh_document_text *ret, lh_error *err) {
    lh_document_text document = {0};
    LH_TRY(document_read_kind(source, arena, &document, err));
    if (lh_str_trim(document.text).len == 0) return lh_fail(err, LH_INVALID, "it has no text");
    if (document.text.len > source->text_max_bytes) return lh_fail(err, LH_LIMIT, LH_DOCUMENT_LONG_TEXT);
    document.title = lh_str_trim(document.title);
    if (document.title.len == 0) document.title = lh_str_trim(document_first_heading(document.text));
    if (document.title.len == 0) document.title = document_stem(source->path);
    document.title = lh_str_cut_utf8(document.title, DOCUMENT_TITLE_BYTES);
    *ret = document;
    return lh_arena_check(arena, err);
}
