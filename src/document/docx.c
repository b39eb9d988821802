/* .docx: XML in a zip, by libarchive and libxml2. Twice through the zip: first what styles are headings and what the title is, then
 * the text, as it streams; no tree is built and no part is whole in memory. Elements are known by their local names: both
 * namespaces of the format, and the pieces of others that hold text, are read alike. A document type is refused, so there are no entities but XML's own;
 * libxml2 nests 256 deep at most. */
#include "document/document_internal.h"

#include <archive.h>
#include <archive_entry.h>
#include <libxml/parser.h>
#include <stdio.h>

enum {
    DOCX_BLOCK = 64 << 10,
    DOCX_STYLES_MAX = 5000,
    DOCX_ID_BYTES = 64,
    DOCX_PART_BYTES = 256 << 20, /* of a part, unpacked */
    DOCX_RATIO_MAX = 200,        /* unpacked ÷ packed bytes, beyond the first … */
    DOCX_FREE_BYTES = 16 << 20,
};

typedef struct docx_style {
    char id[DOCX_ID_BYTES];
    unsigned level; /* of a heading; 0: none */
    bool item;      /* of a list */
} docx_style;

typedef struct docx {
    const lh_document_source *source;
    uint64_t total;     /* unpacked */
    docx_style *styles; /* owned */
    size_t style_count;
    document_flow flow, title;
    unsigned left_out, properties, in_text, in_title, tables; /* open elements; left_out: from the outermost on */
    unsigned level;                                           /* of the paragraph at hand, if it is a heading */
    bool item, opened;                                        /* and whether it is one of a list, and was begun */
    xmlParserCtxtPtr parser;
    lh_code code;
    char fault[200];
    const char *part;
} docx;

static void docx_fault(docx *d, lh_code code, const char *fault) {
    if (d->code != LH_OK) return;
    d->code = code;
    snprintf(d->fault, sizeof d->fault, "%s", fault);
}

static void docx_stop(docx *d, lh_code code, const char *fault) {
    docx_fault(d, code, fault);
    xmlStopParser(d->parser);
}

static lh_code docx_broken(struct archive *archive, lh_error *err) {
    const char *why = archive_error_string(archive);
    return lh_fail(err, LH_INVALID, "it is no .docx, or broken: %s", why ? why : "its zip cannot be read");
}

static bool docx_is(const xmlChar *name, const char *wanted) { return strcmp((const char *)name, wanted) == 0; }

/* The attribute `name`, whatever its namespace: five pointers an attribute, as libxml2 has them. */
static lh_str docx_attribute(int count, const xmlChar **attributes, const char *name) {
    for (int i = 0; i < count; i++)
        if (docx_is(attributes[5 * i], name))
            return (lh_str){(const char *)attributes[5 * i + 3], (size_t)(attributes[5 * i + 4] - attributes[5 * i + 3])};
    return LH_STR_NONE;
}

/* ---- styles.xml ---- */

static docx_style *docx_last_style(docx *d) { return d->style_count ? &d->styles[d->style_count - 1] : NULL; }

static void docx_add_style(docx *d, lh_str id) {
    if (d->style_count == DOCX_STYLES_MAX || id.len >= DOCX_ID_BYTES) return;
    docx_style *style = &d->styles[d->style_count++];
    *style = (docx_style){.level = 0};
    if (id.len) memcpy(style->id, id.ptr, id.len);
}

static unsigned docx_outline(lh_str value) { /* from 0; 9: of the text */
    return value.len == 1 && value.ptr[0] >= '0' && value.ptr[0] < '9' ? (unsigned)(value.ptr[0] - '0') + 1 : 0;
}

/* "heading 1", in English whatever the language; or the outline's level, from 0. */
static void docx_style_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int spaces,
                             const xmlChar **space, int count, int defaulted, const xmlChar **attributes) {
    docx *d = ctx;
    (void)prefix, (void)uri, (void)spaces, (void)space, (void)defaulted;
    lh_str value = docx_attribute(count, attributes, "val");
    docx_style *style = docx_last_style(d);
    if (docx_is(name, "style")) docx_add_style(d, docx_attribute(count, attributes, "styleId"));
    else if (style && docx_is(name, "numPr")) style->item = true;
    else if (!style || value.len == 0) return;
    else if (docx_is(name, "name") && value.len == 9 && lh_str_eq_nocase(lh_str_sub(value, 0, 8), LH_STR("heading ")))
        style->level = value.ptr[8] >= '1' && value.ptr[8] <= '9' ? (unsigned)(value.ptr[8] - '0') : 0;
    else if (docx_is(name, "name") && lh_str_eq_nocase(value, LH_STR("title"))) style->level = 1;
    else if (docx_is(name, "outlineLvl")) style->level = docx_outline(value);
}

static docx_style docx_style_of(const docx *d, lh_str id) {
    for (size_t i = 0; i < d->style_count && id.len; i++)
        if (lh_str_eq(id, lh_str_from(d->styles[i].id))) return d->styles[i];
    return (docx_style){.level = 0};
}

/* ---- core.xml ---- */

static void docx_core_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int spaces,
                            const xmlChar **space, int count, int defaulted, const xmlChar **attributes) {
    docx *d = ctx;
    (void)prefix, (void)uri, (void)spaces, (void)space, (void)count, (void)defaulted, (void)attributes;
    if (docx_is(name, "title")) d->in_title++;
}

static void docx_core_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
    docx *d = ctx;
    (void)prefix, (void)uri;
    if (docx_is(name, "title") && d->in_title) d->in_title--;
}

static void docx_core_text(void *ctx, const xmlChar *bytes, int len) {
    docx *d = ctx;
    if (d->in_title) document_flow_text(&d->title, (lh_str){(const char *)bytes, (size_t)len});
}

/* ---- document.xml ---- */

/* A paragraph begins with its first word: its properties, which stand before that, tell what it is. */
static void docx_open(docx *d) {
    document_flow *f = &d->flow;
    if (d->opened) return;
    d->opened = true;
    if (d->tables) f->space = true; /* of a cell */
    else if (d->level) document_flow_heading(f, d->level);
    else document_flow_begin(f, d->item ? 1 : 2, d->item ? LH_STR("- ") : LH_STR_NONE);
}

static void docx_close(docx *d) {
    document_flow *f = &d->flow;
    if (!d->opened) return;
    d->opened = false;
    if (d->tables) f->space = true;
    else if (d->level) document_flow_heading_end(f);
    else document_flow_end(f, d->item ? 1 : 2);
}

static void docx_property(docx *d, const xmlChar *name, lh_str value) {
    if (docx_is(name, "pStyle")) {
        docx_style style = docx_style_of(d, value);
        d->level = style.level;
        d->item = style.item && !style.level; /* numbered headings are none */
    } else if (docx_is(name, "outlineLvl")) d->level = docx_outline(value);
    else if (docx_is(name, "numPr")) d->item = true;
    else if (docx_is(name, "numId") && lh_str_eq(value, LH_STR("0"))) d->item = false;
}

static void docx_begin(docx *d, const xmlChar *name) {
    document_flow *f = &d->flow;
    if (docx_is(name, "p")) {
        docx_close(d); /* of a text box within it */
        d->level = 0;
        d->item = false;
    } else if (docx_is(name, "t")) {
        docx_open(d);
        d->in_text++;
    } else if (docx_is(name, "tbl")) {
        docx_close(d);
        document_flow_break(f, 2);
        d->tables++;
    } else if (docx_is(name, "tab")) f->space = true;
    else if (docx_is(name, "noBreakHyphen")) document_flow_text(f, LH_STR("-"));
    else if (docx_is(name, "br") || docx_is(name, "cr") || docx_is(name, "tr")) document_flow_break(f, 1);
    else if (docx_is(name, "tc")) document_flow_cell(f);
}

static void docx_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int spaces,
                       const xmlChar **space, int count, int defaulted, const xmlChar **attributes) {
    docx *d = ctx;
    (void)prefix, (void)uri, (void)spaces, (void)space, (void)defaulted;
    if (d->source->cancel && lh_cancel_fired(d->source->cancel)) docx_stop(d, LH_CANCELLED, "cancelled");
    if (count > DOCUMENT_ATTRIBUTES_MAX) docx_stop(d, LH_LIMIT, "it has an element of more than 1000 attributes");
    bool gone = docx_is(name, "del") || docx_is(name, "moveFrom"), twice = docx_is(name, "Fallback");
    if (d->left_out || gone || twice) d->left_out++;
    else if (d->properties || docx_is(name, "pPr")) {
        d->properties++;
        docx_property(d, name, docx_attribute(count, attributes, "val"));
    } else docx_begin(d, name);
}

static void docx_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri) {
    docx *d = ctx;
    (void)prefix, (void)uri;
    if (d->left_out) d->left_out--;
    else if (d->properties) d->properties--;
    else if (docx_is(name, "t") && d->in_text) d->in_text--;
    else if (docx_is(name, "p")) docx_close(d);
    else if (docx_is(name, "tbl") && d->tables) {
        d->tables--;
        document_flow_break(&d->flow, 2);
    }
}

static void docx_characters(void *ctx, const xmlChar *bytes, int len) {
    docx *d = ctx;
    if (!d->in_text || d->left_out) return;
    document_flow_text(&d->flow, (lh_str){(const char *)bytes, (size_t)len});
    if (d->flow.text.failed != LH_OK) docx_stop(d, d->flow.text.failed, LH_DOCUMENT_LONG_TEXT);
}

/* ---- a part, as XML ---- */

static void docx_doctype(void *ctx, const xmlChar *name, const xmlChar *external, const xmlChar *system) {
    (void)name, (void)external, (void)system;
    docx_stop(ctx, LH_INVALID, "its XML has a document type, which no .docx has");
}

static void docx_error(void *ctx, xmlErrorPtr error) {
    docx *d = ctx;
    if (error->level < XML_ERR_FATAL || d->code != LH_OK) return; /* a prefix that is not declared changes nothing */
    lh_str why = lh_str_trim(lh_str_from(error->message));
    if (error->code == XML_ERR_NO_MEMORY) { /* of its dictionary, as a rule, which takes no more names */
        bool names = 2 * xmlDictGetUsage(d->parser->dict) > DOCUMENT_NAMES_BYTES;
        docx_fault(d, names ? LH_LIMIT : LH_NO_MEMORY,
                   names ? "its XML has too many different names" : "document: out of memory");
        return;
    }
    snprintf(d->fault, sizeof d->fault, "its %s is broken, line %d: %.*s", d->part, error->line, (int)(why.len < 100 ? why.len : 100),
             why.len ? why.ptr : "");
    d->code = LH_INVALID;
}

static const xmlSAXHandler docx_styles_handler = {.startElementNs = docx_style_start};
static const xmlSAXHandler docx_core_handler = {
    .startElementNs = docx_core_start, .endElementNs = docx_core_end, .characters = docx_core_text};
static const xmlSAXHandler docx_document_handler = {
    .startElementNs = docx_start, .endElementNs = docx_end, .characters = docx_characters, .cdataBlock = docx_characters};

static lh_code docx_stream(docx *d, struct archive *archive, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) char *block = malloc(DOCX_BLOCK);
    if (!block) return lh_fail(err, LH_NO_MEMORY, "document: out of memory");
    for (uint64_t part = 0; d->code == LH_OK;) {
        la_ssize_t got = archive_read_data(archive, block, DOCX_BLOCK);
        if (got < 0) return docx_broken(archive, err);
        part += (uint64_t)got;
        d->total += (uint64_t)got;
        bool bomb = d->total > DOCX_FREE_BYTES && d->total / DOCX_RATIO_MAX > d->source->bytes.len;
        if (bomb || part > DOCX_PART_BYTES) return lh_fail(err, LH_LIMIT, "it unpacks to far more than its size");
        (void)xmlParseChunk(d->parser, block, (int)got, got == 0);
        if (got == 0) break;
    }
    return d->code == LH_OK ? LH_OK : lh_fail(err, d->code, "%s", d->fault);
}

static lh_code docx_part(docx *d, struct archive *archive, const char *name, const xmlSAXHandler *reader, lh_error *err) {
    xmlSAXHandler handler = *reader;
    handler.initialized = XML_SAX2_MAGIC;
    handler.internalSubset = docx_doctype;
    handler.serror = docx_error;
    d->part = name;
    d->parser = xmlCreatePushParserCtxt(&handler, d, NULL, 0, NULL);
    if (!d->parser) return lh_fail(err, LH_NO_MEMORY, "document: out of memory");
    xmlCtxtUseOptions(d->parser, XML_PARSE_NONET);
    (void)xmlDictSetLimit(d->parser->dict, DOCUMENT_NAMES_BYTES);
    lh_code code = docx_stream(d, archive, err);
    xmlFreeParserCtxt(d->parser);
    d->parser = NULL;
    return code;
}

/* ---- the zip ---- */

static void docx_close_archive(struct archive **archive) {
    if (*archive) archive_read_free(*archive);
}

static bool docx_is_document(lh_str name) { /* "word/document.xml"; some writers number it */
    return lh_str_starts(name, LH_STR("word/document")) && lh_str_ends(name, LH_STR(".xml"));
}

/* Of one run through the zip: the text, or what stands beside it. */
static lh_code docx_entry(docx *d, struct archive *archive, const char *name, bool text, bool *found, lh_error *err) {
    if (text && !*found && docx_is_document(lh_str_from(name))) {
        *found = true;
        return docx_part(d, archive, "word/document.xml", &docx_document_handler, err);
    }
    if (!text && strcmp(name, "word/styles.xml") == 0) return docx_part(d, archive, "word/styles.xml", &docx_styles_handler, err);
    if (!text && strcmp(name, "docProps/core.xml") == 0) return docx_part(d, archive, "docProps/core.xml", &docx_core_handler, err);
    return LH_OK;
}

static lh_code docx_run(docx *d, bool text, lh_error *err) {
    LH_CLEANUP(docx_close_archive) struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    bool found = false;
    if (!archive) return lh_fail(err, LH_NO_MEMORY, "document: out of memory");
    archive_read_support_format_zip(archive);
    if (archive_read_open_memory(archive, d->source->bytes.ptr, d->source->bytes.len) != ARCHIVE_OK)
        return docx_broken(archive, err);
    for (int status; (status = archive_read_next_header(archive, &entry)) != ARCHIVE_EOF;) {
        const char *name = status < ARCHIVE_WARN ? NULL : archive_entry_pathname(entry);
        if (status < ARCHIVE_WARN) return docx_broken(archive, err);
        LH_TRY(docx_entry(d, archive, name ? name : "", text, &found, err));
    }
    return text && !found ? lh_fail(err, LH_INVALID, "it is no .docx: a zip without word/document.xml") : LH_OK;
}

static lh_code docx_read(docx *d, lh_error *err) {
    if (lh_str_starts(d->source->bytes, LH_STR("\xd0\xcf\x11\xe0")))
        return lh_fail(err, LH_INVALID, "it is encrypted, or of an older Word: save it as .docx without a password");
    LH_TRY(docx_run(d, false, err));
    return docx_run(d, true, err);
}

lh_code document_read_docx(const lh_document_source *source, lh_arena *arena, lh_document_text *ret, lh_error *err) {
    docx d = {.source = source, .styles = calloc(DOCX_STYLES_MAX, sizeof(docx_style))};
    d.flow.text = LH_BUF_INIT(source->text_max_bytes);
    d.title.text = LH_BUF_INIT(DOCUMENT_TITLE_BYTES);
    lh_code code = LH_NO_MEMORY;
    if (d.styles) code = docx_read(&d, err);
    else lh_error_set(err, code, "document: out of memory");
    if (code == LH_OK) {
        ret->text = lh_arena_dup(arena, lh_buf_str(&d.flow.text));
        ret->title = lh_arena_dup(arena, lh_buf_str(&d.title.text));
    }
    lh_buf_done(&d.flow.text);
    lh_buf_done(&d.title.text);
    free(d.styles);
    return code;
}
