#include "document/document.h"

#include "base/test.h"

#include <archive.h>
#include <archive_entry.h>

#define BODY(inner)                                                                                                    \
    "<?xml version='1.0'?><w:document xmlns:w='urn:w' xmlns:mc='urn:mc'><w:body>" inner "</w:body></w:document>"
#define P(inner) "<w:p><w:r><w:t>" inner "</w:t></w:r></w:p>"
#define STYLED(style, inner) "<w:p><w:pPr><w:pStyle w:val='" style "'/></w:pPr><w:r><w:t>" inner "</w:t></w:r></w:p>"

typedef struct part {
    const char *name;
    lh_str xml;
} part;

static lh_str zip(const part *parts, size_t count, char *into, size_t room) {
    struct archive *a = archive_write_new();
    size_t used = 0;
    CHECK(archive_write_set_format_zip(a) == ARCHIVE_OK && archive_write_open_memory(a, into, room, &used) == ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, parts[i].name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_size(entry, (la_int64_t)parts[i].xml.len);
        CHECK(archive_write_header(a, entry) == ARCHIVE_OK);
        CHECK(archive_write_data(a, parts[i].xml.ptr, parts[i].xml.len) == (la_ssize_t)parts[i].xml.len);
        archive_entry_free(entry);
    }
    CHECK(archive_write_close(a) == ARCHIVE_OK);
    archive_write_free(a);
    return (lh_str){into, used};
}

static lh_code read_docx(lh_str bytes, size_t text_max, lh_arena *arena, lh_document_text *ret, lh_error *err) {
    const lh_document_source source = {
        .kind = LH_DOCUMENT_DOCX, .path = LH_STR("in/report.docx"), .bytes = bytes, .text_max_bytes = text_max};
    return lh_document_read(&source, arena, ret, err);
}

static lh_code read_parts(const part *parts, size_t count, size_t text_max, lh_arena *arena, lh_document_text *ret,
                          lh_error *err) {
    static char room[4 << 20];
    return read_docx(zip(parts, count, room, sizeof room), text_max, arena, ret, err);
}

static void check_body(lh_str xml, const char *text, const char *title) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_document_text d;
    lh_error err = {0};
    const part parts[] = {
        {"word/document.xml", xml},
        {"word/styles.xml",
         LH_STR("<w:styles xmlns:w='urn:w'><w:style w:styleId='berschrift1'><w:name w:val='heading 1'/></w:style>"
                "<w:style w:styleId='T'><w:name w:val='Title'/></w:style><w:style w:styleId='N'><w:name w:val='Normal'/></w:style>"
                "<w:style w:styleId='O'><w:name w:val='mine'/><w:pPr><w:outlineLvl w:val='2'/></w:pPr></w:style>"
                "<w:style w:styleId='L'><w:name w:val='List Bullet'/><w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr></w:style></w:styles>")},
        {"docProps/core.xml", LH_STR("<p xmlns:dc='urn:dc'><dc:title> On  bees </dc:title><dc:creator>me</dc:creator></p>")}};
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    CHECK_OK(read_parts(parts, title ? 2 : 3, 1 << 16, arena, &d, &err));
    CHECK_STR(d.text, lh_str_from(text));
    CHECK_STR(d.title, lh_str_from(title ? title : "On bees"));
}

static void test_document__docx_is_paragraphs_and_headings(void) {
    check_body(LH_STR(BODY(P("They hum.") P("  Loud. "))), "They hum.\n\nLoud.", NULL);
    check_body(LH_STR(BODY(STYLED("T", "Bees") STYLED("berschrift1", "One") STYLED("N", "text") STYLED("O", "Three"))),
               "# Bees\n\n# One\n\ntext\n\n### Three", "Bees");
    check_body(LH_STR(BODY("<w:p><w:pPr><w:tabs><w:tab w:val='left'/></w:tabs><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr>"
                           "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>"
                           "<w:p><w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr><w:r><w:t>d</w:t></w:r></w:p>" P("e"))),
               "- a b\nc\n- d\n\ne", "report");
    check_body(LH_STR(BODY(STYLED("L", "a") STYLED("L", "b") P("c"))), "- a\n- b\n\nc", "report");
    check_body(LH_STR(BODY("<w:tbl><w:tr><w:tc>" P("a") "</w:tc><w:tc>" P("b") P("c") "</w:tc></w:tr><w:tr><w:tc>" P("1")
                           "</w:tc></w:tr></w:tbl>" P("z"))),
               "a | b c\n1\n\nz", "report");
}

static void test_document__docx_leaves_out_what_is_gone_or_said_twice(void) {
    check_body(LH_STR(BODY("<w:p><w:del><w:r><w:delText>no</w:delText><w:t>no</w:t></w:r></w:del><w:ins><w:r><w:t>a</w:t></w:r></w:ins>"
                           "<w:r><w:instrText>PAGE</w:instrText></w:r></w:p>")),
               "a", "report");
    check_body(LH_STR(BODY("<mc:AlternateContent><mc:Choice>" P("once") "</mc:Choice><mc:Fallback>" P("once") "</mc:Fallback></mc:AlternateContent>")),
               "once", "report");
    check_body(LH_STR(BODY(P("a &lt;b&gt; &amp; &#233; <![CDATA[<c>]]>"))), "a <b> & é <c>", "report");
}

static void check_refused(lh_str bytes, lh_code code, const char *said) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_document_text d;
    lh_error err = {0};
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    lh_code got = read_docx(bytes, 1 << 16, arena, &d, &err);
    if (got != code || !strstr(err.message, said)) print_error("%s: %s\n", lh_code_name(got), err.message);
    CHECK(got == code && strstr(err.message, said));
}

static void check_refused_xml(lh_str xml, lh_code code, const char *said) {
    static char room[4 << 20];
    const part parts[] = {{"word/document.xml", xml}};
    check_refused(zip(parts, 1, room, sizeof room), code, said);
}

static void test_document__docx_that_is_broken_or_hostile_is_refused(void) {
    static char room[4 << 20];
    const part other[] = {{"xl/workbook.xml", LH_STR("<x/>")}};
    LH_CLEANUP(lh_buf_done) lh_buf deep = LH_BUF_INIT(1 << 20);
    for (int i = 0; i < 300; i++) lh_buf_append(&deep, LH_STR("<a>"));
    check_refused(LH_STR("no zip"), LH_INVALID, "no .docx");
    check_refused(LH_STR("PK\x03\x04"), LH_INVALID, "no .docx");
    check_refused(LH_STR("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), LH_INVALID, "without a password");
    check_refused(zip(other, 1, room, sizeof room), LH_INVALID, "without word/document.xml");
    check_refused_xml(LH_STR("<a><b></a>"), LH_INVALID, "word/document.xml is broken, line 1");
    check_refused_xml(LH_STR("<a>"), LH_INVALID, "broken");
    check_refused_xml(LH_STR(BODY("")), LH_INVALID, "no text");
    check_refused_xml(lh_buf_str(&deep), LH_INVALID, "broken");
    check_refused_xml(LH_STR("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a><t>&x;</t></a>"), LH_INVALID, "document type");
    check_refused_xml(LH_STR("<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/x.dtd'><a><t>x</t></a>"), LH_INVALID, "document type");
    check_refused_xml(LH_STR("<a><t>&x;</t></a>"), LH_INVALID, "broken");
    lh_buf_clear(&deep);
    lh_buf_append(&deep, LH_STR("<a "));
    for (int i = 0; i < 20000; i++) lh_buf_printf(&deep, "a%x='1' ", i);
    lh_buf_append(&deep, LH_STR("/>"));
    check_refused_xml(lh_buf_str(&deep), LH_LIMIT, "too many different names");
}

static void test_document__docx_has_bounds(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    enum { BOMB_BYTES = 40 << 20 };
    LH_CLEANUP(lh_free_pointer) char *zeros = malloc(BOMB_BYTES);
    lh_document_text d;
    lh_error err = {0};
    const part text[] = {{"word/document.xml", LH_STR(BODY(P("0123456789")))}};
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK && zeros);
    CHECK_OK(read_parts(text, 1, 10, arena, &d, &err));
    CHECK(read_parts(text, 1, 9, arena, &d, &err) == LH_LIMIT && strstr(err.message, "line_max_bytes"));
    memset(zeros, ' ', BOMB_BYTES);
    memcpy(zeros, "<a>", 3);
    const part bomb[] = {{"word/document.xml", {zeros, BOMB_BYTES}}};
    CHECK(read_parts(bomb, 1, 10, arena, &d, &err) == LH_LIMIT && strstr(err.message, "far more"));
}

LH_TEST_MAIN(LH_TEST(test_document__docx_is_paragraphs_and_headings),
             LH_TEST(test_document__docx_leaves_out_what_is_gone_or_said_twice),
             LH_TEST(test_document__docx_that_is_broken_or_hostile_is_refused), LH_TEST(test_document__docx_has_bounds))
