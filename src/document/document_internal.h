/* Private to document. Each reader sets what it finds and leaves the rest: ret is zeroed before. */
#ifndef LH_DOCUMENT_INTERNAL_H
#define LH_DOCUMENT_INTERNAL_H
#include "document/document.h"

enum {
    DOCUMENT_RATIO_MAX = 1000, /* unpacked ÷ packed bytes, beyond the first … */
    DOCUMENT_RATIO_FREE_BYTES = 64 << 20,
    DOCUMENT_DEPTH_MAX = 512,        /* of elements; of XML libxml2 itself takes 256 */
    DOCUMENT_ATTRIBUTES_MAX = 1000,  /* of one element */
    DOCUMENT_NAMES_BYTES = 32 << 10, /* different names of elements and attributes in one file, together */
    DOCUMENT_FOLDERS_MAX = 64,       /* one within the other */
    DOCUMENT_TITLE_BYTES = 1000,
};

/* ---- markdown.c ---- */
/* What the document calls itself: `title` of its front matter, else its first heading; empty: neither. Borrowed from text. */
lh_str document_markdown_title(lh_str text);
lh_str document_first_heading(lh_str text); /* "# …" or underlined by "===" alone, not within a fence. Borrowed */

/* ---- flow.c: marked-up text → plain text with Markdown's headings and items ---- */
typedef struct document_flow {
    lh_buf text;
    unsigned breaks;      /* line breaks that are due before the next word; 2: an empty line */
    bool space, cell;     /* a space, or the bar between two cells of a row, is due */
    lh_str prefix;        /* "# ", "- ": of the next word. Static */
    bool heading;         /* within one, which has one line */
    size_t heading_start; /* its place in text */
} document_flow;
void document_flow_text(document_flow *f, lh_str s);     /* white space is as good as one space */
void document_flow_as_it_is(document_flow *f, lh_str s); /* white space counts */
void document_flow_break(document_flow *f, unsigned lines);
void document_flow_begin(document_flow *f, unsigned lines, lh_str prefix); /* a block; prefix: static, maybe empty */
void document_flow_end(document_flow *f, unsigned lines);
void document_flow_heading(document_flow *f, unsigned level); /* 1 to 6 */
void document_flow_heading_end(document_flow *f);
void document_flow_cell(document_flow *f); /* the next text is that of another cell */

/* ---- html.c, docx.c, pdf.c ---- */
LH_MUST_CHECK lh_code document_read_html(const lh_document_source *source, lh_arena *arena, lh_document_text *ret,
                                         lh_error *err);
LH_MUST_CHECK lh_code document_read_docx(const lh_document_source *source, lh_arena *arena, lh_document_text *ret,
                                         lh_error *err);
LH_MUST_CHECK lh_code document_read_pdf(const lh_document_source *source, lh_arena *arena, lh_document_text *ret,
                                        lh_error *err);
#endif
