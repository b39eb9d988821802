#include "document/document.h"

#include "base/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one document ---- */

static lh_document_text read_as(lh_document_kind kind, const char *path, lh_str bytes, lh_arena *arena) {
    lh_document_text document = {0};
    lh_error err = {0};
    const lh_document_source source = {kind, lh_str_from(path), bytes, 1 << 20, NULL};
    CHECK_OK(lh_document_read(&source, arena, &document, &err));
    return document;
}

static void test_document__kind_is_by_the_end_of_the_name(void) {
    CHECK(lh_document_kind_of(LH_STR("a.md")) == LH_DOCUMENT_MARKDOWN);
    CHECK(lh_document_kind_of(LH_STR("A.HTM")) == LH_DOCUMENT_HTML);
    CHECK(lh_document_kind_of(LH_STR("a.b.docx")) == LH_DOCUMENT_DOCX);
    CHECK(lh_document_kind_of(LH_STR("md")) == LH_DOCUMENT_NONE);
    CHECK(lh_document_kind_of(LH_STR(".md")) == LH_DOCUMENT_NONE);
    CHECK(lh_document_kind_of(LH_STR("a.csv")) == LH_DOCUMENT_NONE);
}

static void test_document__title_is_what_a_text_calls_itself(void) {
    static const struct {
        const char *text, *title;
    } cases[] = {{"---\ntitle: \"On bees\"\nx: 1\n---\n# Other\n", "On bees"},
                 {"---\r\ntitle: On bees\r\n---\r\ntext", "On bees"},
                 {"---\nx: 1\n---\ntext\n\n## Second ##\n# Third", "Second"},
                 {"---\ntitle: >\n  folded\n---\n# First", "First"},
                 {"---\ntitle: no end\n\n# First", "First"},
                 {"```\n# a comment\n```\n# After", "After"},
                 {"On bees\n=======\n\ntext", "On bees"},
                 {"#hashtag\n####### seven\n#\n# C#\n", "C#"},
                 {"no heading", "bees.v2"}};
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lh_document_text d = read_as(LH_DOCUMENT_MARKDOWN, "notes/bees.v2.md", lh_str_from(cases[i].text), arena);
        CHECK_STR(d.title, lh_str_from(cases[i].title));
        CHECK_STR(d.text, lh_str_from(cases[i].text));
    }
}

static void test_document__without_text_or_with_too_much_is_refused(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_document_text document = {.title = LH_STR("untouched")};
    lh_error err = {0};
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    const lh_document_source white = {LH_DOCUMENT_TEXT, LH_STR("a.txt"), LH_STR(" \n\t"), 10, NULL},
                             fits = {LH_DOCUMENT_TEXT, LH_STR("a.txt"), LH_STR("0123456789"), 10, NULL},
                             large = {LH_DOCUMENT_TEXT, LH_STR("a.txt"), LH_STR("0123456789a"), 10, NULL};
    CHECK(lh_document_read(&white, arena, &document, &err) == LH_INVALID);
    CHECK(lh_document_read(&large, arena, &document, &err) == LH_LIMIT);
    CHECK_STR(document.title, LH_STR("untouched"));
    CHECK_OK(lh_document_read(&fits, arena, &document, &err));
}

/* ---- a folder, there and back ---- */

static void put(const char *folder, const char *name, lh_str bytes) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
    const struct timespec times[2] = {{1700000000, 0}, {1700000000, 0}};
    CHECK(futimens(fd, times) == 0);
    close(fd);
}

static void make_folder(char *folder) {
    char path[512], link_path[512];
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/in\xc3\xa4", folder);
    CHECK(mkdir(path, 0700) == 0);
    put(folder, "z.md", LH_STR("# Z\n"));
    put(folder, "a.txt", LH_STR("A"));
    put(folder, "t.csv", LH_STR("a,b\n"));
    put(folder, ".hidden.md", LH_STR("no"));
    put(path, "b.md", LH_STR("B"));
    snprintf(link_path, sizeof link_path, "%s/link.md", folder);
    CHECK(symlink("/etc/hostname", link_path) == 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st, (void)kind, (void)place;
    return remove(path);
}
static void remove_folder(const char *folder) { CHECK(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0); }

typedef struct seen {
    char text[1024];
    size_t len;
} seen;

static lh_code see(void *ctx, const lh_document_file *file, lh_error *err) {
    seen *s = ctx;
    (void)err;
    s->len += (size_t)snprintf(s->text + s->len, sizeof s->text - s->len, "%.*s=%.*s@%lld%s%s;", LH_STR_ARG(file->path),
                               LH_STR_ARG(file->bytes), (long long)(file->modified_ms / 1000),
                               file->code != LH_OK ? "!" : "", file->code != LH_OK ? file->fault : "");
    return LH_OK;
}

static int temporary(void) {
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    CHECK(fd >= 0);
    return fd;
}

static lh_sha256 hash_of(int fd) {
    static char bytes[1 << 16];
    ssize_t len = pread(fd, bytes, sizeof bytes, 0);
    CHECK(len > 0 && len < (ssize_t)sizeof bytes);
    return lh_sha256_of((lh_str){bytes, (size_t)len});
}

static void test_document__folder_becomes_an_archive_and_files_again(void) {
    char folder[64] = "/tmp/document_test.XXXXXX";
    lh_document_packed packed = {0}, again = {0};
    lh_error err = {0};
    seen s = {.len = 0};
    make_folder(folder);
    int fd = temporary(), second = temporary();
    CHECK_OK(lh_document_pack(AT_FDCWD, folder, fd, NULL, &packed, &err));
    CHECK(packed.documents == 3 && packed.others == 2); /* the link and the table */
    CHECK_OK(lh_document_pack(AT_FDCWD, folder, second, NULL, &again, &err));
    lh_sha256 a = hash_of(fd), b = hash_of(second);
    CHECK(memcmp(&a, &b, sizeof a) == 0);
    off_t size = lseek(fd, 0, SEEK_END);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    const lh_document_unpacking unpacking = {
        .fd = fd, .packed_bytes = (uint64_t)size, .file_max_bytes = 3, .each = see, .ctx = &s};
    CHECK_OK(lh_document_unpack(&unpacking, &err));
    CHECK_STR(((lh_str){s.text, s.len}),
              LH_STR("a.txt=A@1700000000;in\xc3\xa4/b.md=B@1700000000;z.md=@1700000000!it is "
                     "larger than ingest.document_max_bytes;"));
    close(fd);
    close(second);
    remove_folder(folder);
}

static void test_document__one_file_is_packed_by_its_name(void) {
    char folder[64] = "/tmp/document_test.XXXXXX", path[128];
    lh_document_packed packed = {0};
    lh_error err = {0};
    seen s = {.len = 0};
    CHECK(mkdtemp(folder));
    put(folder, "a.txt", LH_STR("A"));
    snprintf(path, sizeof path, "%s/a.txt", folder);
    int fd = temporary();
    CHECK_OK(lh_document_pack(AT_FDCWD, path, fd, NULL, &packed, &err));
    off_t size = lseek(fd, 0, SEEK_END);
    CHECK(packed.documents == 1 && lseek(fd, 0, SEEK_SET) == 0);
    const lh_document_unpacking unpacking = {
        .fd = fd, .packed_bytes = (uint64_t)size, .file_max_bytes = 3, .each = see, .ctx = &s};
    CHECK_OK(lh_document_unpack(&unpacking, &err));
    CHECK_STR(((lh_str){s.text, s.len}), LH_STR("a.txt=A@1700000000;"));
    remove_folder(folder);
    CHECK(lh_document_pack(AT_FDCWD, path, fd, NULL, &packed, &err) == LH_NOT_FOUND);
    close(fd);
}

LH_TEST_MAIN(LH_TEST(test_document__kind_is_by_the_end_of_the_name),
             LH_TEST(test_document__title_is_what_a_text_calls_itself),
             LH_TEST(test_document__without_text_or_with_too_much_is_refused),
             LH_TEST(test_document__folder_becomes_an_archive_and_files_again),
             LH_TEST(test_document__one_file_is_packed_by_its_name))
