/* document: files that people read become text: Markdown and plain text as they are, the others with their headings as
 * Markdown's. And a folder of them becomes one file to send (a tar), of which it is told apart again.
 * Depends on: base. Used by: ingest, cli. Thread-safe: any call, any thread. */
#ifndef LH_DOCUMENT_DOCUMENT_H
#define LH_DOCUMENT_DOCUMENT_H
#include "base/base.h"

typedef enum lh_document_kind {
    LH_DOCUMENT_NONE, /* no document, by its name */
    LH_DOCUMENT_TEXT,
    LH_DOCUMENT_MARKDOWN,
    LH_DOCUMENT_HTML,
    LH_DOCUMENT_DOCX,
    LH_DOCUMENT_PDF,
} lh_document_kind;
lh_document_kind lh_document_kind_of(lh_str file_name);         /* by how it ends, case ignored */
const char *lh_document_kind_name(lh_document_kind kind);       /* "txt", "md", "html", "docx", "pdf" */
static inline bool lh_document_is_text(lh_document_kind kind) { /* bytes that an encoding makes text */
    return kind == LH_DOCUMENT_TEXT || kind == LH_DOCUMENT_MARKDOWN || kind == LH_DOCUMENT_HTML;
}

/* ---- one document ---- */
#define LH_DOCUMENT_TOO_LARGE "it is larger than ingest.document_max_bytes"
#define LH_DOCUMENT_LONG_TEXT "its text is longer than ingest.line_max_bytes"
typedef struct lh_document_text {
    lh_str title; /* what it calls itself, else its first heading, else its file's name without the end; never empty */
    lh_str text;  /* UTF-8 */
} lh_document_text;
typedef struct lh_document_source {
    lh_document_kind kind;
    lh_str path;  /* as it is called */
    lh_str bytes; /* of HTML, Markdown and text: UTF-8 without NUL or mark */
    size_t text_max_bytes;
    const lh_cancel *cancel; /* may be NULL */
} lh_document_source;
/* *ret: arena, or borrowed from source. Errors: INVALID (broken; without text), LIMIT (its text, or how deep it nests),
 * IO, CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_document_read(const lh_document_source *source, lh_arena *arena, lh_document_text *ret,
                                       lh_error *err);

/* PDF is read by another process of this program, called with this word and a number: its main() hands over at once. */
#define LH_DOCUMENT_PDF_WORD "read-one-pdf"
int lh_document_pdf_child(const char *text_max); /* does not return */
bool lh_document_has_pdf(void);                  /* is the library there? */

/* ---- many ---- */
typedef struct lh_document_file {
    lh_str path;  /* in the archive, '/' between, as it stands there but without a leading "./" or '/' */
    lh_str bytes; /* borrowed during the call */
    bool has_modified;
    int64_t modified_ms;
    lh_code code;      /* OK, or why there are no bytes */
    const char *fault; /* the same in words */
} lh_document_file;
typedef struct lh_document_unpacking {
    int fd;                  /* of a tar or zip file, maybe packed by gzip or zstd; at its start */
    uint64_t packed_bytes;   /* its size */
    uint64_t file_max_bytes; /* larger ones have a fault */
    const lh_cancel *cancel; /* may be NULL */
    lh_code (*each)(void *ctx, const lh_document_file *file, lh_error *err); /* regular files, in their order there */
    void *ctx;
} lh_document_unpacking;
/* Errors: INVALID (neither tar nor zip; broken), LIMIT (unpacks to far more than its size), CANCELLED, NO_MEMORY, and what
 * `each` returns. */
LH_MUST_CHECK lh_code lh_document_unpack(const lh_document_unpacking *unpacking, lh_error *err);

typedef struct lh_document_packed {
    uint64_t documents,
        others; /* files that went in; files of other kinds, links and devices, which were passed over */
} lh_document_packed;
/* All documents of a folder and the folders in it, or one file, as a tar into `fd`, sorted, so that the same files are the same
 * bytes. What begins with a dot is passed over, no link is followed. folder_fd: what `path` is relative to. cancelled: may be NULL.
 * Errors: NOT_FOUND, IO, LIMIT (deeper than 64 folders), INVALID (a file became shorter meanwhile), CANCELLED, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_document_pack(int folder_fd, const char *path, int fd, const _Atomic bool *cancelled,
                                       lh_document_packed *ret, lh_error *err);
#endif
