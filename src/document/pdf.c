/* PDF by PDFium, in a process of its own: this program once more, which loads the library from lib/ beside it, reads the document,
 * gives up what it may ask of the system (pdf_child.c), and writes title, NUL, text. What a hostile document does to the library it
 * does to that process: it has no file but the document, no environment, no network, a limit of memory and of time, and its
 * death is a reason like any other. PDFium runs in one thread only, too, so documents of several loads go beside each other. */
#include "document/pdf_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PDF_MS = 60000, PDF_POLL_MS = 100, PDF_BLOCK = 64 << 10 };

bool pdf_library_path(char *into, size_t room) {
    return lh_beside_binary("lib/libpdfium.so", into, room, NULL) == LH_OK;
}

bool lh_document_has_pdf(void) {
    char path[4096];
    return pdf_library_path(path, sizeof path) && access(path, R_OK) == 0;
}

/* The document as the standard input: a file in memory. */
static lh_code pdf_input(lh_str bytes, int *ret, lh_error *err) {
    LH_CLEANUP(lh_fd_closep) int fd = memfd_create("document.pdf", MFD_CLOEXEC);
    if (fd < 0) return lh_fail_errno(err, errno, "cannot hand the document over");
    while (bytes.len) {
        ssize_t put = write(fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return lh_fail_errno(err, errno, "cannot hand the document over");
        bytes = lh_str_sub(bytes, (size_t)put, SIZE_MAX);
    }
    *ret = fd;
    fd = -1;
    return LH_OK;
}

static lh_code pdf_spawn(int input, int output, size_t text_max, pid_t *ret, lh_error *err) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none;
    char exe[] = "/proc/self/exe", name[] = "lakehouse", word[] = LH_DOCUMENT_PDF_WORD, max[24];
    char *arguments[] = {name, word, max, NULL}, *environment[] = {NULL};
    snprintf(max, sizeof max, "%zu", text_max);
    sigemptyset(&none);
    int status = posix_spawn_file_actions_init(&files);
    if (status == 0 && (status = posix_spawnattr_init(&how)) != 0) posix_spawn_file_actions_destroy(&files);
    if (status != 0) return lh_fail_errno(err, status, "cannot start the reader of PDF");
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
    status = posix_spawn(ret, exe, &files, &how, arguments, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    return status == 0 ? LH_OK : lh_fail_errno(err, status, "cannot start the reader of PDF");
}

static lh_code pdf_collect(int output, const lh_cancel *cancel, lh_buf *into, lh_error *err) {
    uint64_t end_ms = lh_time_monotonic_ms() + PDF_MS;
    for (;;) {
        struct pollfd ready = {.fd = output, .events = POLLIN};
        if (cancel && lh_cancel_fired(cancel)) return lh_fail(err, LH_CANCELLED, "cancelled");
        if (lh_time_monotonic_ms() > end_ms)
            return lh_fail(err, LH_LIMIT, "it takes longer than %d s to read", PDF_MS / 1000);
        if (poll(&ready, 1, PDF_POLL_MS) <= 0) continue;
        char *room = lh_buf_reserve(into, PDF_BLOCK);
        if (!room && into->failed == LH_LIMIT) return lh_fail(err, LH_LIMIT, LH_DOCUMENT_LONG_TEXT);
        if (!room) return lh_buf_check(into, err);
        ssize_t got = read(output, room, PDF_BLOCK);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lh_fail_errno(err, errno, "cannot read what the reader of PDF writes");
        if (got == 0) return LH_OK;
        into->len += (size_t)got;
    }
}

static lh_code pdf_verdict(int status, lh_error *err) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == PDF_READ) return LH_OK;
    if (!WIFEXITED(status)) return lh_fail(err, LH_INVALID, "it cannot be read: the reader of PDF died of it");
    switch ((pdf_status)WEXITSTATUS(status)) {
    case PDF_LOCKED: return lh_fail(err, LH_INVALID, "it is encrypted: save it without a password");
    case PDF_LONG: return lh_fail(err, LH_LIMIT, LH_DOCUMENT_LONG_TEXT);
    case PDF_NO_LIBRARY: return lh_fail(err, LH_INVALID, "lib/libpdfium.so cannot be loaded");
    case PDF_READ:
    case PDF_BROKEN: break;
    }
    return lh_fail(err, LH_INVALID, "it is no PDF, or broken");
}

static lh_code pdf_run(const lh_document_source *source, lh_buf *into, lh_error *err) {
    LH_CLEANUP(lh_fd_closep) int input = -1;
    int ends[2], status = 0;
    pid_t pid = -1;
    LH_TRY(pdf_input(source->bytes, &input, err));
    if (lseek(input, 0, SEEK_SET) != 0 || pipe2(ends, O_CLOEXEC) != 0)
        return lh_fail_errno(err, errno, "cannot start the reader of PDF");
    lh_code code = pdf_spawn(input, ends[1], source->text_max_bytes, &pid, err);
    close(ends[1]);
    if (code == LH_OK) {
        code = pdf_collect(ends[0], source->cancel, into, err);
        if (code != LH_OK) kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (code == LH_OK) code = pdf_verdict(status, err);
    }
    close(ends[0]);
    return code;
}

lh_code document_read_pdf(const lh_document_source *source, lh_arena *arena, lh_document_text *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf read = LH_BUF_INIT(source->text_max_bytes + DOCUMENT_TITLE_BYTES + PDF_BLOCK);
    if (!lh_document_has_pdf())
        return lh_fail(err, LH_INVALID,
                       "PDF is read by PDFium, which is not here (tools/setup-pdf brings it); or make a text of it, as "
                       "`pdftotext -layout` does");
    LH_TRY(pdf_run(source, &read, err));
    lh_str rest = lh_arena_dup(arena, lh_buf_str(&read));
    if (!lh_str_is_utf8(rest))
        return lh_fail(err, LH_INVALID, "it cannot be read: its text is broken"); /* of a process that is not trusted */
    ret->title = lh_str_split(&rest, '\0');
    ret->text = rest;
    if (lh_str_trim(rest).len == 0) return lh_fail(err, LH_INVALID, "it has no text: a scan, as it seems");
    return lh_str_find(rest, '\0') < rest.len ? lh_fail(err, LH_INVALID, "it cannot be read: its text is broken")
                                              : LH_OK;
}
