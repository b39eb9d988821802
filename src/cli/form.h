/* One file to a server, as a form or as it is, read from disk as it goes. */
#ifndef LH_CLI_FORM_H
#define LH_CLI_FORM_H
#include "cli/cli_internal.h"
#include "cli/progress.h"

typedef struct lh_form {
    lh_buf head;      /* fields, and the head of the file's part */
    lh_str file_name; /* borrowed */
    char boundary[64], tail[80];
    size_t head_at, tail_at;
    int fd;        /* owned; -1: none */
    uint64_t left; /* bytes of the file */
    lh_http_header headers[LH_EXCHANGE_HEADERS_MAX];
    size_t header_count;
    lh_progress *progress;         /* borrowed; NULL: none */
    const char *then;              /* what the server does when it has all of it, for the progress */
    const _Atomic bool *cancelled; /* borrowed; NULL: never */
    int read_errno;
    bool shrank;
} lh_form;

void lh_form_init(lh_form *form);
void lh_form_done(lh_form *form);
/* "-" is the standard input, put aside in $TMPDIR first: its length must be known. Errors: NOT_FOUND, IO, INVALID (no file),
 * CANCELLED. */
LH_MUST_CHECK lh_code lh_form_open(lh_connection *connection, const char *path, lh_form *form, lh_error *err);
/* The documents of a folder, or one, as an archive that is put aside in $TMPDIR. *ret_others: files that are none. Errors: as
 * lh_document_pack(); INVALID (no document). */
LH_MUST_CHECK lh_code lh_form_open_documents(lh_connection *connection, const char *path, lh_form *form,
                                             lh_arena *arena, uint64_t *ret_others, lh_error *err);
void lh_form_field(lh_form *form, const char *name, lh_str value);  /* an empty value is left out */
void lh_form_header(lh_form *form, const char *name, lh_str value); /* of the request; an empty value is left out */
/* Sends it, once. *ret (arena): the answer. Errors name the file. */
LH_MUST_CHECK lh_code lh_form_post(lh_connection *connection, lh_str path, lh_form *form, lh_arena *arena,
                                   lh_json **ret, lh_error *err);
/* The same with the file alone as the body, and nothing of fields. */
LH_MUST_CHECK lh_code lh_form_put(lh_connection *connection, lh_str path, lh_form *form, lh_arena *arena, lh_json **ret,
                                  lh_error *err);
#endif
