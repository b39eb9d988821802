/* The process that reads one PDF. It has the document as its standard input and writes to its standard output. Before PDFium sees
 * a byte of the document the process may only ask the system for memory, the clock and its end, by a filter of system calls
 * (seccomp): nothing is opened, sent or started from here, whatever the document makes of the library. */
#include "document/pdf_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHILD_PAGES_MAX = 100000, CHILD_SECONDS = 60, CHILD_PASSWORD = 4 };
#define CHILD_MEMORY_BYTES (UINT64_C(2) << 30)

typedef struct child_pdfium { /* as fpdfview.h, fpdf_text.h and fpdf_doc.h declare them */
    void (*init)(void);
    void *(*load)(const void *bytes, size_t len, const char *password);
    unsigned long (*last_error)(void);
    int (*page_count)(void *document);
    unsigned long (*meta)(void *document, const char *tag, void *into, unsigned long room_bytes);
    void *(*load_page)(void *document, int index);
    void (*close_page)(void *page);
    void *(*load_text)(void *page);
    void (*close_text)(void *text);
    int (*count_chars)(void *text);
    int (*get_text)(void *text, int start, int count, uint16_t *into);
} child_pdfium;

static bool child_load(child_pdfium *pdfium) {
    static const char *const names[] = {"FPDF_InitLibrary",    "FPDF_LoadMemDocument64", "FPDF_GetLastError",
                                        "FPDF_GetPageCount",   "FPDF_GetMetaText",       "FPDF_LoadPage",
                                        "FPDF_ClosePage",      "FPDFText_LoadPage",      "FPDFText_ClosePage",
                                        "FPDFText_CountChars", "FPDFText_GetText"};
    char path[4096];
    void *library = pdf_library_path(path, sizeof path) ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    void *found[sizeof names / sizeof *names];
    _Static_assert(sizeof found == sizeof *pdfium, "a name for each pointer, in their order");
    for (size_t i = 0; library && i < sizeof names / sizeof *names; i++)
        if (!(found[i] = dlsym(library, names[i]))) return false;
    if (library) memcpy(pdfium, found, sizeof found);
    return library != NULL;
}

/* ---- what it may do ---- */

static void child_limit(int what, rlim_t value) {
    const struct rlimit limit = {value, value};
    (void)!setrlimit((__rlimit_resource_t)what, &limit);
}

static void child_limits(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* whose shadow alone is larger */
    child_limit(RLIMIT_AS, CHILD_MEMORY_BYTES);
#endif
    child_limit(RLIMIT_CPU, CHILD_SECONDS);
    child_limit(RLIMIT_FSIZE, 0);
    child_limit(RLIMIT_CORE, 0);
    child_limit(RLIMIT_NPROC, 0);
}

bool pdf_lock_in(void) {
#ifdef __x86_64__
#define ALLOW(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(read),
        ALLOW(write),
        ALLOW(close),
        ALLOW(fstat),
        ALLOW(lseek),
        ALLOW(mmap),
        ALLOW(mprotect),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(madvise),
        ALLOW(brk),
        ALLOW(futex),
        ALLOW(getrandom),
        ALLOW(clock_gettime),
        ALLOW(gettid),
        ALLOW(getpid),
        ALLOW(sched_yield),
        ALLOW(rt_sigprocmask),
        ALLOW(rt_sigreturn),
        ALLOW(sigaltstack),
        ALLOW(exit),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
#undef ALLOW
    const struct sock_fprog program = {.len = sizeof rules / sizeof *rules, .filter = rules};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
#else
    return false;
#endif
}

/* ---- what it writes ---- */

static void child_character(uint32_t c, lh_buf *into) {
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = len; i-- > 1; c >>= 6) bytes[i] = (char)(0x80 | (c & 0x3F));
    bytes[0] = (char)(leads[len] | c);
    lh_buf_append(into, (lh_str){bytes, len});
}

void pdf_utf16(const uint16_t *units, size_t count, lh_buf *into) {
    for (size_t i = 0; i < count; i++) {
        uint32_t c = units[i];
        bool hyphen = c == 2 || c == 0xFFFE; /* PDFium's mark of one that only divides a word */
        if (hyphen)
            while (i + 1 < count && (units[i + 1] == '\r' || units[i + 1] == '\n')) i++;
        if (c >= 0xD800 && c <= 0xDBFF && i + 1 < count && units[i + 1] >= 0xDC00 && units[i + 1] <= 0xDFFF)
            c = 0x10000 + ((c - 0xD800) << 10) + (units[++i] - 0xDC00u);
        else if (c >= 0xD800 && c <= 0xDFFF) c = 0xFFFD;
        bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F || c >= 0x110000;
        if (!hyphen && !control && c != 0xFFFF) child_character(c, into);
    }
}

static void child_title(const child_pdfium *pdfium, void *document, lh_buf *into) {
    uint16_t title[DOCUMENT_TITLE_BYTES / 2];
    unsigned long bytes = pdfium->meta(document, "Title", title, sizeof title);
    if (bytes >= 2 && bytes <= sizeof title) pdf_utf16(title, bytes / 2 - 1, into); /* without the NUL */
    for (size_t i = 0; i < into->len; i++)
        if (into->ptr[i] == '\n') into->ptr[i] = ' ';
    lh_buf_char(into, '\0');
}

static void child_page(const child_pdfium *pdfium, void *page, lh_buf *into) {
    void *text = pdfium->load_text(page);
    int count = text ? pdfium->count_chars(text) : 0;
    uint16_t *units = count > 0 ? calloc((size_t)count + 1, sizeof *units) : NULL;
    int got = units ? pdfium->get_text(text, 0, count, units) : 0; /* with the NUL */
    if (got > 1 && got <= count + 1) {
        if (into->ptr[into->len - 1] != '\0') lh_buf_append(into, LH_STR("\n\n"));
        pdf_utf16(units, (size_t)got - 1, into);
    }
    free(units);
    if (text) pdfium->close_text(text);
}

static pdf_status child_read(const child_pdfium *pdfium, lh_str bytes, lh_buf *into) {
    void *document = pdfium->load(bytes.ptr, bytes.len, NULL);
    if (!document) return pdfium->last_error() == CHILD_PASSWORD ? PDF_LOCKED : PDF_BROKEN;
    int pages = pdfium->page_count(document);
    child_title(pdfium, document, into);
    for (int i = 0; i < pages && i < CHILD_PAGES_MAX && into->failed == LH_OK; i++) {
        void *page = pdfium->load_page(document, i);
        if (page) child_page(pdfium, page, into);
        if (page) pdfium->close_page(page);
    }
    return into->failed == LH_OK ? PDF_READ : PDF_LONG;
}

static pdf_status child_run(size_t text_max) {
    child_pdfium pdfium;
    struct stat st;
    lh_buf text = LH_BUF_INIT(text_max + DOCUMENT_TITLE_BYTES);
    void *bytes = fstat(STDIN_FILENO, &st) == 0
                      ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, STDIN_FILENO, 0)
                      : MAP_FAILED;
    if (bytes == MAP_FAILED) return PDF_BROKEN;
    child_limits();
    if (!child_load(&pdfium)) return PDF_NO_LIBRARY;
    pdfium.init();
    if (!pdf_lock_in()) return PDF_NO_LIBRARY;
    pdf_status status = child_read(&pdfium, (lh_str){bytes, (size_t)st.st_size}, &text);
    for (lh_str rest = lh_buf_str(&text); status == PDF_READ && rest.len;) {
        ssize_t put = write(STDOUT_FILENO, rest.ptr, rest.len);
        if (put <= 0) return PDF_BROKEN;
        rest = lh_str_sub(rest, (size_t)put, SIZE_MAX);
    }
    return status;
}

int lh_document_pdf_child(const char *text_max) {
    uint64_t max = 0;
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || lh_str_to_u64(lh_str_from(text_max), &max) != LH_OK)
        _exit(PDF_BROKEN);
    _exit((int)child_run(
        (size_t)max)); /* no destructor of the library, and none of a sanitizer, which would ask for more */
}
