/* HTML by libxml2's parser, which takes any bytes, as a stream of elements: no tree is built. Its text flows (flow.c);
 * headings get Markdown's marks, cells of a row bars, items dashes. What a reader does not see is left out: scripts, styles,
 * what is hidden by an attribute.
 *
 * A parser of HTML has steps whose cost grows with the square of what it holds: open elements, attributes of an element. Both
 * are bounded: elements that nest deeper, or have more attributes, than any page that people read end the parse, and the names that it
 * may learn are so few that one element cannot take long before that. */
#include "document/document_internal.h"

#include <libxml/HTMLparser.h>

typedef enum html_role {
    HTML_INLINE,
    HTML_BLOCK,     /* a paragraph */
    HTML_LINE,      /* begins and ends a line */
    HTML_BREAK,     /* <br> */
    HTML_HEADING,   /* h1 … h6 */
    HTML_ITEM,      /* of a list */
    HTML_CELL,
    HTML_AS_IT_IS,  /* <pre> */
    HTML_TITLE,
    HTML_LEFT_OUT,
} html_role;

typedef struct html {
    document_flow flow, title;
    htmlParserCtxtPtr parser;
    const lh_cancel *cancel;
    unsigned depth, left_out, as_it_is, in_title; /* how many such elements are open; left_out: from the outermost on */
    lh_code code;
    const char *fault;
} html;

static html_role html_role_of(const char *name) {
    static const struct {
        const char *name;
        html_role role;
    } roles[] = {{"p", HTML_BLOCK},          {"div", HTML_LINE},         {"br", HTML_BREAK},        {"li", HTML_ITEM},
                 {"td", HTML_CELL},          {"th", HTML_CELL},          {"tr", HTML_LINE},         {"table", HTML_BLOCK},
                 {"ul", HTML_BLOCK},         {"ol", HTML_BLOCK},         {"dl", HTML_BLOCK},        {"dt", HTML_LINE},
                 {"dd", HTML_LINE},          {"pre", HTML_AS_IT_IS},     {"title", HTML_TITLE},     {"script", HTML_LEFT_OUT},
                 {"style", HTML_LEFT_OUT},   {"template", HTML_LEFT_OUT}, {"noscript", HTML_LEFT_OUT}, {"svg", HTML_LEFT_OUT},
                 {"iframe", HTML_LEFT_OUT},  {"object", HTML_LEFT_OUT},  {"section", HTML_BLOCK},   {"article", HTML_BLOCK},
                 {"header", HTML_BLOCK},     {"footer", HTML_BLOCK},     {"main", HTML_BLOCK},      {"nav", HTML_BLOCK},
                 {"aside", HTML_BLOCK},      {"blockquote", HTML_BLOCK}, {"figure", HTML_BLOCK},    {"figcaption", HTML_LINE},
                 {"form", HTML_BLOCK},       {"fieldset", HTML_BLOCK},   {"hr", HTML_BLOCK},        {"address", HTML_BLOCK},
                 {"caption", HTML_LINE},     {"option", HTML_LINE},      {"details", HTML_BLOCK},   {"summary", HTML_LINE},
                 {"center", HTML_BLOCK},     {"body", HTML_BLOCK}};
    if (name[0] == 'h' && name[1] >= '1' && name[1] <= '6' && name[2] == '\0') return HTML_HEADING;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(name, roles[i].name) == 0) return roles[i].role;
    return HTML_INLINE;
}

static void html_stop(html *h, lh_code code, const char *fault) {
    if (h->code != LH_OK) return;
    h->code = code;
    h->fault = fault;
    xmlStopParser(h->parser);
}

/* <p hidden>, <p style="display: none"> */
static bool html_is_hidden(const xmlChar **attributes) {
    for (size_t i = 0; attributes && attributes[i]; i += 2) {
        lh_str name = lh_str_from((const char *)attributes[i]), value = lh_str_from((const char *)attributes[i + 1]);
        if (lh_str_eq_nocase(name, LH_STR("hidden"))) return true;
        size_t at = lh_str_eq_nocase(name, LH_STR("style")) ? lh_str_search(value, LH_STR("display")) : SIZE_MAX;
        if (at == SIZE_MAX) continue;
        lh_str rest = lh_str_trim(lh_str_sub(value, at + 7, SIZE_MAX));
        if (lh_str_starts(rest, LH_STR(":")) && lh_str_starts(lh_str_trim(lh_str_sub(rest, 1, SIZE_MAX)), LH_STR("none")))
            return true;
    }
    return false;
}

static size_t html_attributes(const xmlChar **attributes) {
    size_t count = 0;
    while (attributes && attributes[2 * count]) count++;
    return count;
}

static void html_begin(html *h, const char *name, html_role role) {
    document_flow *f = &h->flow;
    switch (role) {
    case HTML_BLOCK: document_flow_break(f, 2); break;
    case HTML_BREAK:
    case HTML_LINE: document_flow_break(f, 1); break;
    case HTML_HEADING: document_flow_heading(f, (unsigned)(name[1] - '0')); break;
    case HTML_ITEM: document_flow_begin(f, 1, LH_STR("- ")); break;
    case HTML_CELL: document_flow_cell(f); break;
    case HTML_AS_IT_IS:
        document_flow_break(f, 2);
        h->as_it_is++;
        break;
    case HTML_TITLE: h->in_title++; break;
    case HTML_INLINE:
    case HTML_LEFT_OUT: break;
    }
}

static void html_start(void *ctx, const xmlChar *element, const xmlChar **attributes) {
    html *h = ctx;
    const char *name = (const char *)element;
    html_role role = html_role_of(name);
    if (++h->depth > DOCUMENT_DEPTH_MAX) html_stop(h, LH_LIMIT, "its elements nest deeper than 512");
    if (html_attributes(attributes) > DOCUMENT_ATTRIBUTES_MAX)
        html_stop(h, LH_LIMIT, "it has an element of more than 1000 attributes");
    if (h->cancel && lh_cancel_fired(h->cancel)) html_stop(h, LH_CANCELLED, "cancelled");
    if (h->left_out || role == HTML_LEFT_OUT || html_is_hidden(attributes)) h->left_out++;
    else html_begin(h, name, role);
}

static void html_end(void *ctx, const xmlChar *element) {
    html *h = ctx;
    if (h->depth) h->depth--;
    if (h->left_out) {
        h->left_out--;
        return;
    }
    switch (html_role_of((const char *)element)) {
    case HTML_BLOCK: document_flow_break(&h->flow, 2); break;
    case HTML_LINE: document_flow_break(&h->flow, 1); break;
    case HTML_ITEM: document_flow_end(&h->flow, 1); break;
    case HTML_HEADING: document_flow_heading_end(&h->flow); break;
    case HTML_AS_IT_IS:
        if (h->as_it_is) h->as_it_is--;
        document_flow_break(&h->flow, 2);
        break;
    case HTML_TITLE:
        if (h->in_title) h->in_title--;
        break;
    case HTML_INLINE:
    case HTML_BREAK:
    case HTML_CELL:
    case HTML_LEFT_OUT: break;
    }
}

static void html_characters(void *ctx, const xmlChar *bytes, int len) {
    html *h = ctx;
    lh_str text = {(const char *)bytes, (size_t)len};
    if (h->left_out) return;
    if (h->in_title) document_flow_text(&h->title, text);
    else if (h->as_it_is && !h->flow.heading) document_flow_as_it_is(&h->flow, text);
    else document_flow_text(&h->flow, text);
    if (h->flow.text.failed != LH_OK) html_stop(h, h->flow.text.failed, LH_DOCUMENT_LONG_TEXT);
}

static void html_ignore(void *ctx, xmlErrorPtr error) { (void)ctx, (void)error; } /* any bytes are HTML */

static lh_code html_parse(html *h, lh_str bytes, lh_error *err) {
    htmlSAXHandler handler = {.startElement = html_start,
                              .endElement = html_end,
                              .characters = html_characters,
                              .ignorableWhitespace = html_characters,
                              .cdataBlock = html_characters,
                              .serror = html_ignore,
                              .initialized = XML_SAX2_MAGIC};
    if (bytes.len > INT32_MAX) return lh_fail(err, LH_LIMIT, LH_DOCUMENT_TOO_LARGE);
    h->parser = htmlCreatePushParserCtxt(&handler, h, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    if (!h->parser) return lh_fail(err, LH_NO_MEMORY, "document: out of memory");
    htmlCtxtUseOptions(h->parser, HTML_PARSE_RECOVER | HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC);
    (void)xmlDictSetLimit(h->parser->dict, DOCUMENT_NAMES_BYTES);
    (void)htmlParseChunk(h->parser, bytes.ptr, (int)bytes.len, 1);
    htmlFreeParserCtxt(h->parser);
    return h->code == LH_OK ? LH_OK : lh_fail(err, h->code, "%s", h->fault);
}

lh_code document_read_html(const lh_document_source *source, lh_arena *arena, lh_document_text *ret, lh_error *err) {
    html h = {.cancel = source->cancel};
    h.flow.text = LH_BUF_INIT(source->text_max_bytes);
    h.title.text = LH_BUF_INIT(DOCUMENT_TITLE_BYTES);
    lh_code code = html_parse(&h, source->bytes, err);
    if (code == LH_OK) {
        ret->text = lh_arena_dup(arena, lh_buf_str(&h.flow.text));
        ret->title = lh_arena_dup(arena, lh_buf_str(&h.title.text));
    }
    lh_buf_done(&h.flow.text);
    lh_buf_done(&h.title.text);
    return code;
}
