/* A file goes to the server as one multipart body that is never whole in memory:
 *
 *   --B␍␊Content-Disposition: form-data; name="dataset"␍␊␍␊flights␍␊      fields, in `head`
 *   --B␍␊Content-Disposition: form-data; name="file"; filename="f.csv"…   then the file's bytes from disk
 *   ␍␊--B--␍␊                                                              `tail`
 *
 * The length is known before (Content-Length), so a file that shrinks meanwhile fails instead of hanging. */
#include "cli/form.h"

#include "document/document.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORM_FIELDS_BYTES_MAX = 1 << 20, FORM_POLL_MS = 200 };

void lh_form_init(lh_form *form) {
    *form = (lh_form){.head = LH_BUF_INIT(FORM_FIELDS_BYTES_MAX), .fd = -1, .then = "loading"};
    snprintf(form->boundary, sizeof form->boundary, "lakehouse-%s", lh_uuid_new().text);
}

void lh_form_done(lh_form *form) {
    lh_buf_done(&form->head);
    if (form->fd >= 0) close(form->fd);
    form->fd = -1;
}

/* A file without a name. */
static lh_code form_temporary(lh_form *form, const char *what, lh_error *err) {
    const char *folder = getenv("TMPDIR");
    form->fd = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return form->fd >= 0 ? LH_OK : lh_fail_errno(err, errno, "cannot put %s aside in $TMPDIR", what);
}

/* All of the standard input. */
static lh_code form_spool(lh_form *form, lh_error *err) {
    char block[64 << 10];
    LH_TRY(form_temporary(form, "the standard input", err));
    for (;;) {
        struct pollfd ready = {.fd = STDIN_FILENO, .events = POLLIN};
        if (form->cancelled && *form->cancelled) return lh_fail(err, LH_CANCELLED, "interrupted");
        if (poll(&ready, 1, FORM_POLL_MS) == 0) continue;
        ssize_t got = read(STDIN_FILENO, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lh_fail_errno(err, errno, "cannot read the standard input");
        if (got == 0) break;
        for (ssize_t put = 0, n; put < got; put += n)
            if ((n = write(form->fd, block + put, (size_t)(got - put))) < 0)
                return lh_fail_errno(err, errno, "cannot put the standard input aside in $TMPDIR");
        form->left += (uint64_t)got;
    }
    form->file_name = LH_STR("stdin");
    return lseek(form->fd, 0, SEEK_SET) == 0 ? LH_OK : lh_fail_errno(err, errno, "cannot read the standard input");
}

lh_code lh_form_open(lh_connection *connection, const char *path, lh_form *form, lh_error *err) {
    const char *slash = strrchr(path, '/');
    struct stat st;
    if (strcmp(path, "-") == 0) return form_spool(form, err);
    LH_TRY(lh_connection_open_file(connection, path, &form->fd, err));
    if (fstat(form->fd, &st) != 0 || !S_ISREG(st.st_mode)) return lh_fail(err, LH_INVALID, "%s is not a file", path);
    form->left = (uint64_t)st.st_size;
    form->file_name = lh_str_from(slash ? slash + 1 : path);
    return LH_OK;
}

static lh_str form_last(lh_str path) { /* "a/b/" → "b" */
    while (lh_str_ends(path, LH_STR("/"))) path.len--;
    for (size_t slash; (slash = lh_str_find(path, '/')) < path.len;) path = lh_str_sub(path, slash + 1, SIZE_MAX);
    return path;
}

/* What a file or folder is called, also when it was named "." */
static lh_code form_name(int folder_fd, const char *path, lh_arena *arena, lh_str *ret, lh_error *err) {
    char link[32], whole[4096];
    lh_str name = form_last(lh_str_from(path));
    if (name.len == 0 || lh_str_eq(name, LH_STR(".")) || lh_str_eq(name, LH_STR(".."))) {
        int fd = openat(folder_fd, path, O_PATH | O_CLOEXEC);
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = fd >= 0 ? readlink(link, whole, sizeof whole) : -1;
        if (fd >= 0) close(fd);
        if (len < 0) return lh_fail_errno(err, errno, "cannot open %s", path);
        name = form_last((lh_str){whole, (size_t)len});
    }
    *ret = lh_arena_dup(arena, name);
    return lh_arena_check(arena, err);
}

lh_code lh_form_open_documents(lh_connection *connection, const char *path, lh_form *form, lh_arena *arena,
                               uint64_t *ret_others, lh_error *err) {
    lh_document_packed packed = {0};
    LH_TRY(form_temporary(form, "the documents", err));
    LH_TRY(lh_document_pack(lh_connection_folder(connection), path, form->fd, form->cancelled, &packed, err));
    if (packed.documents == 0)
        return lh_fail(err, LH_INVALID,
                       "%s holds no documents (.md, .txt, .html, .docx, .pdf); tables are loaded by their "
                       "own names, as `lakehouse ingest %s/*.csv`",
                       path, path);
    off_t size = lseek(form->fd, 0, SEEK_END);
    if (size < 0 || lseek(form->fd, 0, SEEK_SET) != 0) return lh_fail_errno(err, errno, "cannot read the documents");
    form->left = (uint64_t)size;
    *ret_others = packed.others;
    return form_name(lh_connection_folder(connection), path, arena, &form->file_name, err);
}

void lh_form_field(lh_form *form, const char *name, lh_str value) {
    if (value.len == 0) return;
    lh_buf_printf(&form->head, "--%s\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n", form->boundary, name);
    lh_buf_append(&form->head, value);
    lh_buf_append(&form->head, LH_STR("\r\n"));
}

void lh_form_header(lh_form *form, const char *name, lh_str value) {
    if (value.len && form->header_count < LH_EXCHANGE_HEADERS_MAX)
        form->headers[form->header_count++] = (lh_http_header){lh_str_from(name), value};
}

static size_t form_copy(lh_str from, size_t *at, char *into, size_t cap) {
    size_t n = from.len - *at < cap ? from.len - *at : cap;
    if (n) memcpy(into, from.ptr + *at, n);
    *at += n;
    return n;
}

static lh_code form_read(void *ctx, char *into, size_t cap_bytes, size_t *ret_len) {
    lh_form *form = ctx;
    size_t n = form_copy(lh_buf_str(&form->head), &form->head_at, into, cap_bytes);
    if (n == 0 && form->left) {
        ssize_t got = read(form->fd, into, cap_bytes < form->left ? cap_bytes : (size_t)form->left);
        if (got <= 0) {
            form->read_errno = got < 0 ? errno : 0;
            form->shrank = got == 0;
            return LH_IO;
        }
        n = (size_t)got;
        form->left -= n;
        if (form->progress) lh_progress_look(form->progress, (lh_str){into, n});
        if (form->progress) lh_progress_add(form->progress, n, lh_time_monotonic_ms());
        if (form->progress && form->left == 0) lh_progress_wait(form->progress, form->then, lh_time_monotonic_ms());
    }
    if (n == 0) n = form_copy(lh_str_from(form->tail), &form->tail_at, into, cap_bytes);
    *ret_len = n;
    return LH_OK;
}

/* As browsers do: quotes and line ends in a file name are percent-encoded. */
static void form_file_name(lh_buf *buf, lh_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '"' || c == '\r' || c == '\n') lh_buf_printf(buf, "%%%02X", (unsigned)c);
        else lh_buf_char(buf, c);
    }
}

static void form_explain(const lh_form *form, lh_error *err) {
    char message[LH_ERROR_MESSAGE_BYTES];
    if (form->shrank) snprintf(message, sizeof message, "the file became shorter while it was sent");
    else if (form->read_errno)
        snprintf(message, sizeof message, "cannot read it: %s", strerrorname_np(form->read_errno));
    else memcpy(message, err->message, sizeof message);
    lh_error_set(err, err->code, "%.*s: %s", LH_STR_ARG(form->file_name), message);
}

static lh_code form_send(lh_connection *connection, const char *method, lh_str path, lh_str content_type, lh_form *form,
                         lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str text = LH_STR_NONE;
    const lh_exchange exchange = {.method = method,
                                  .path = path,
                                  .content_type = content_type,
                                  .headers = form->headers,
                                  .header_count = form->header_count,
                                  .read = form_read,
                                  .read_ctx = form,
                                  .cancelled = form->cancelled,
                                  .body_bytes = form->head.len + form->left + strlen(form->tail)};
    lh_code code = lh_connection_do(connection, &exchange, arena, &text, err);
    if (code == LH_OK) return lh_json_parse(arena, text, ret, err);
    if (err) form_explain(form, err);
    return code;
}

lh_code lh_form_post(lh_connection *connection, lh_str path, lh_form *form, lh_arena *arena, lh_json **ret,
                     lh_error *err) {
    lh_buf_printf(&form->head, "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"", form->boundary);
    form_file_name(&form->head, form->file_name);
    lh_buf_append(&form->head, LH_STR("\"\r\nContent-Type: application/octet-stream\r\n\r\n"));
    LH_TRY(lh_buf_check(&form->head, err));
    snprintf(form->tail, sizeof form->tail, "\r\n--%s--\r\n", form->boundary);
    lh_str type = lh_arena_printf(arena, "multipart/form-data; boundary=%s", form->boundary);
    return form_send(connection, "POST", path, type, form, arena, ret, err);
}

lh_code lh_form_put(lh_connection *connection, lh_str path, lh_form *form, lh_arena *arena, lh_json **ret,
                    lh_error *err) {
    return form_send(connection, "PUT", path, LH_STR("application/octet-stream"), form, arena, ret, err);
}
