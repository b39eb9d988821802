#include "document/document.h"

#include "base/test.h"

typedef struct page {
    const char *html, *text, *title;
} page;

static lh_code read_page(lh_str html, size_t text_max, lh_arena *arena, lh_document_text *ret, lh_error *err) {
    const lh_document_source source = {
        .kind = LH_DOCUMENT_HTML, .path = LH_STR("in/page.html"), .bytes = html, .text_max_bytes = text_max};
    return lh_document_read(&source, arena, ret, err);
}

static void check_pages(const page *pages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
        lh_document_text d;
        lh_error err = {0};
        CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
        CHECK_OK(read_page(lh_str_from(pages[i].html), 1 << 16, arena, &d, &err));
        CHECK_STR(d.text, lh_str_from(pages[i].text));
        if (pages[i].title) CHECK_STR(d.title, lh_str_from(pages[i].title));
    }
}

static void test_document__html_is_the_text_that_is_seen(void) {
    static const page pages[] = {
        {"<html><head><title> On\n bees </title><style>p{}</style></head><body><p>They <b>hum</b>.<p>Loud.</body></html>",
         "They hum.\n\nLoud.", "On bees"},
        {"<script>if (a<b) x('</p>')</script><noscript>on</noscript>a<!-- no --><svg><title>no</title><text>no</text></svg> b",
         "a b", "page"},
        {"<p hidden>no <b>no</b></p><div style='color:red; display : none'>no<p>no</p></div><p>yes", "yes", NULL},
        {"caf&eacute; &amp; t&#233;l&#xe9; &lt;b&gt; a&nbsp;b &unknown; &", "café & télé <b> a b &unknown; &", NULL},
        {"a<br>b<br/>c<hr>d<div>e</div>f", "a\nb\nc\n\nd\ne\nf", NULL},
        {"just text < 5 and > 3", "just text < 5 and > 3", NULL},
        {"<pre>\n  a\n    b\n</pre>c", "  a\n    b\n\n\nc", NULL},
        {"<form><button>send</button><textarea>x</textarea></form>", "sendx", NULL},
    };
    check_pages(pages, sizeof pages / sizeof *pages);
}

static void test_document__html_headings_and_lists_are_markdown(void) {
    static const page pages[] = {
        {"<h1>One <i>big</i><br>line</h1>text<h3>Three</h3><h2></h2><p>more</p>", "# One big line\n\ntext\n\n### Three\n\nmore", "One big line"},
        {"a<ul><li>b<li><p>c</p><li></li></ul><ol><li>d</ol>e", "a\n\n- b\n- c\n\n- d\n\ne", NULL},
        {"<table><tr><th>a<th>b</tr><tr><td>1</td><td>2 <b>x</b></td></tr></table>z", "a | b\n1 | 2 x\n\nz", NULL},
        {"<h1>never closed <p>a", "# never closed\n\na", "never closed"},
    };
    check_pages(pages, sizeof pages / sizeof *pages);
}

static void test_document__html_has_bounds(void) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf deep = LH_BUF_INIT(8 << 20);
    LH_CLEANUP(lh_buf_done) lh_buf wide = LH_BUF_INIT(8 << 20);
    lh_document_text d;
    lh_error err = {0};
    CHECK(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    for (int i = 0; i < 100000; i++) lh_buf_append(&deep, LH_STR("<div>x"));
    lh_buf_append(&wide, LH_STR("<p "));
    for (int i = 0; i < 400000; i++) lh_buf_printf(&wide, "a%x ", i);
    lh_buf_append(&wide, LH_STR(">x"));
    CHECK(read_page(lh_buf_str(&deep), 1 << 20, arena, &d, &err) == LH_LIMIT && strstr(err.message, "512"));
    CHECK(read_page(lh_buf_str(&wide), 1 << 20, arena, &d, &err) == LH_LIMIT && strstr(err.message, "1000 attributes"));
    CHECK(read_page(LH_STR("<p>0123456789"), 10, arena, &d, &err) == LH_OK);
    CHECK(read_page(LH_STR("<p>0123456789a"), 10, arena, &d, &err) == LH_LIMIT && strstr(err.message, "line_max_bytes"));
    CHECK(read_page(LH_STR("<p></p><img src=x>"), 10, arena, &d, &err) == LH_INVALID && strstr(err.message, "no text"));
}

LH_TEST_MAIN(LH_TEST(test_document__html_is_the_text_that_is_seen),
             LH_TEST(test_document__html_headings_and_lists_are_markdown), LH_TEST(test_document__html_has_bounds))
