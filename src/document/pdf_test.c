/* This program reads PDF in a process of its own, too, so it has a main() that hands over. */
#include "document/pdf_internal.h"

#include "base/test.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEAD "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
#define FONT "4 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
#define PAGE(n, content)                                                                                               \
    #n " 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<</Font<</F 4 0 R>>>>/Contents " content        \
       " 0 R>>endobj\n"
#define TEXT(n, text, len)                                                                                             \
    #n " 0 obj<</Length " len ">>stream\nBT /F 12 Tf 20 200 Td (" text ") Tj ET\nendstream endobj\n"
#define TAIL "trailer<</Root 1 0 R/Info 9 0 R>>\n%%EOF\n"

static lh_code read_pdf(lh_str bytes, size_t text_max, const lh_cancel *cancel, lh_arena *arena, lh_document_text *ret,
                        lh_error *err) {
    const lh_document_source source = {LH_DOCUMENT_PDF, LH_STR("in/paper.pdf"), bytes, text_max, cancel};
    return lh_document_read(&source, arena, ret, err);
}

#define TWO_PAGES                                                                                                      \
    LH_STR(HEAD "2 0 obj<</Type/Pages/Kids[3 0 R 5 0 R]/Count 2>>endobj\n" PAGE(3, "6") FONT PAGE(5, "7")              \
               TEXT(6, "They hum.", "42") TEXT(7, "Loud.", "38") "9 0 obj<</Title(On bees)>>endobj\n" TAIL)

static void test_document__pdf_is_its_pages_text_and_title(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_document_text d;
    lh_error err = {0};
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    if (!lh_document_has_pdf()) skip();
    CHECK_OK(read_pdf(TWO_PAGES, 1000, NULL, arena, &d, &err));
    CHECK_STR(d.text, LH_STR("They hum.\n\nLoud."));
    CHECK_STR(d.title, LH_STR("On bees"));
}

static void test_document__pdf_that_is_none_or_too_long_is_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_cancel_freep) lh_cancel *cancel = NULL;
    lh_document_text d = {.title = LH_STR("untouched")};
    lh_error err = {0};
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK && lh_cancel_new(&cancel, NULL) == LH_OK);
    if (!lh_document_has_pdf()) skip();
    CHECK(read_pdf(LH_STR("%PDF-1.4 no more"), 1000, NULL, arena, &d, &err) == LH_INVALID &&
          strstr(err.message, "broken"));
    CHECK(read_pdf(LH_STR_NONE, 1000, NULL, arena, &d, &err) == LH_INVALID);
    CHECK(read_pdf(LH_STR(HEAD "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" PAGE(3, "6") TAIL), 1000, NULL,
                   arena, &d, &err) == LH_INVALID);
    CHECK(strstr(err.message, "a scan"));
    CHECK(read_pdf(TWO_PAGES, 10, NULL, arena, &d, &err) == LH_LIMIT && strstr(err.message, "line_max_bytes"));
    lh_cancel_fire(cancel);
    CHECK(read_pdf(TWO_PAGES, 1000, cancel, arena, &d, &err) == LH_CANCELLED);
    CHECK_STR(d.title, LH_STR("untouched"));
}

static void test_document__pdf_text_is_utf8_with_whole_words(void) {
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(1000);
    static const uint16_t units[] = {'a',  0xE9, 0x20AC, 0xD83D, 0xDE00, 0xD800, 'b',  0xDC00, 2,      '\r', '\n',  'c',
                                     '\r', '\n', 0,      7,      '\t',   0xFFFE, '\n', 'd',    0xFFFF, 0x7F, 0xD83D};
    pdf_utf16(units, sizeof units / sizeof *units, &text);
    CHECK_STR(lh_buf_str(&text), LH_STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd"
                                        "b\xef\xbf\xbd"
                                        "c\n\td\xef\xbf\xbd"));
}

static int locked_in(void) { /* 0: as it should be; else what was possible */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !pdf_lock_in()) return 1;
    if (open("/dev/null", O_RDONLY) >= 0 || errno != EPERM) return 2;
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM) return 3;
    if (fork() >= 0 || errno != EPERM) return 4;
    if (kill(getppid(), 0) == 0 || errno != EPERM) return 5;
    return write(STDERR_FILENO, "", 0) == 0 ? 0 : 6;
}

static void test_document__pdf_process_can_open_and_send_nothing(void) {
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) _exit(locked_in());
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status)) print_error("status %d\n", status);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], LH_DOCUMENT_PDF_WORD) == 0) return lh_document_pdf_child(argv[2]);
    lh_test tests[] = {LH_TEST(test_document__pdf_is_its_pages_text_and_title),
                       LH_TEST(test_document__pdf_that_is_none_or_too_long_is_refused),
                       LH_TEST(test_document__pdf_text_is_utf8_with_whole_words),
                       LH_TEST(test_document__pdf_process_can_open_and_send_nothing)};
    return lh_test_main(tests, sizeof tests / sizeof *tests);
}
