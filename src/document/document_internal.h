/* Private to document. Each reader sets what it finds and leaves the rest: ret is zeroed before. */
#ifndef LH_DOCUMENT_INTERNAL_H
#define LH_DOCUMENT_INTERNAL_H
#include "document/document.h"

enum {
    DOCUMENT_RATIO_MAX = 1000, /* unpacked ÷ packed bytes, beyond the first … */
    DOCUMENT_RATIO_FREE_BYTES = 64 << 20,
    DOCUMENT_DEPTH_MAX = 256,  /* of elements */
    DOCUMENT_FOLDERS_MAX = 64, /* one within the other */
    DOCUMENT_TITLE_BYTES = 1000,
};

/* ---- markdown.c ---- */
/* What the document calls itself: `title` of its front matter, else its first heading; empty: neither. Borrowed from text. */
lh_str document_markdown_title(lh_str text);
lh_str document_first_heading(lh_str text); /* "# …" or underlined by "===" alone, not within a fence. Borrowed */
#endif
