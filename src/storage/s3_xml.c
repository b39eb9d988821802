/* The XML that S3 answers with, read by expat's callbacks: no tree, no DTD (a document that has one is refused,
 * and with it every entity game), bounded depth and text.
 *
 *   ListBucketResult: IsTruncated, EncodingType, Contents* (Key, LastModified, ETag, Size)
 *   Error: Code, Message      InitiateMultipartUploadResult: UploadId      CompleteMultipartUploadResult: ETag */
#include "storage/s3_internal.h"

#include <expat.h>
#include <stdio.h>

enum { XML_DEPTH_MAX = 16, XML_TEXT_BYTES_MAX = 8 << 10 };

typedef struct xml_reader xml_reader;
struct xml_reader {
    XML_Parser parser;
    lh_arena *arena;
    unsigned depth;
    lh_buf text; /* of the innermost element so far */
    bool failed;
    lh_str root;                                                  /* arena */
    bool contents;                                                /* inside an element Contents right below the root */
    void (*on_end)(xml_reader *reader, lh_str name, lh_str text); /* depth: 2 below the root, 3 in its children */
    const char *wanted;
    lh_str value;
    s3_xml_list list;
    size_t room;
    bool url_encoded;
};

static void xml_stop(xml_reader *reader) {
    reader->failed = true;
    XML_StopParser(reader->parser, XML_FALSE);
}

static void xml_begin_entry(xml_reader *reader) {
    if (reader->list.count == reader->room) {
        size_t room = reader->room ? 2 * reader->room : 64;
        lh_object_entry *grown = LH_ARENA_ARRAY(reader->arena, lh_object_entry, room);
        if (!grown) {
            xml_stop(reader);
            return;
        }
        if (reader->list.count) memcpy(grown, reader->list.entries, reader->list.count * sizeof *grown);
        reader->list.entries = grown;
        reader->room = room;
    }
    reader->list.entries[reader->list.count] = (lh_object_entry){0};
    reader->contents = true;
}

static void xml_on_start(void *ctx, const char *name, const char **attributes) {
    xml_reader *reader = ctx;
    (void)attributes;
    if (++reader->depth > XML_DEPTH_MAX) xml_stop(reader);
    if (reader->depth == 1) reader->root = lh_arena_dup(reader->arena, lh_str_from(name));
    if (reader->depth == 2 && strcmp(name, "Contents") == 0) xml_begin_entry(reader);
    lh_buf_clear(&reader->text);
}

static void xml_on_text(void *ctx, const char *data, int length) {
    xml_reader *reader = ctx;
    lh_buf_append(&reader->text, (lh_str){data, (size_t)length});
    if (reader->text.failed != LH_OK) xml_stop(reader);
}

static void xml_on_end(void *ctx, const char *name) {
    xml_reader *reader = ctx;
    if (reader->depth == 2 || (reader->depth == 3 && reader->contents))
        reader->on_end(reader, lh_str_from(name), lh_buf_str(&reader->text));
    if (reader->depth == 2 && reader->contents) {
        reader->contents = false;
        reader->list.count++;
    }
    reader->depth--;
    lh_buf_clear(&reader->text);
}

static void xml_on_doctype(void *ctx, const char *name, const char *system_id, const char *public_id, int internal) {
    (void)name, (void)system_id, (void)public_id, (void)internal;
    xml_stop(ctx);
}

static lh_code xml_parse(xml_reader *reader, lh_str xml, lh_error *err) {
    reader->text = LH_BUF_INIT(XML_TEXT_BYTES_MAX);
    if (xml.len > S3_XML_BYTES) return lh_fail(err, LH_LIMIT, "an answer of %zu bytes of XML", xml.len);
    reader->parser = XML_ParserCreate("UTF-8");
    if (!reader->parser) return lh_fail(err, LH_NO_MEMORY, "out of memory");
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, xml_on_start, xml_on_end);
    XML_SetCharacterDataHandler(reader->parser, xml_on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, xml_on_doctype);
    bool whole = XML_Parse(reader->parser, xml.ptr ? xml.ptr : "", (int)xml.len, 1) == XML_STATUS_OK;
    XML_ParserFree(reader->parser);
    lh_buf_done(&reader->text);
    LH_TRY(lh_arena_check(reader->arena, err));
    return whole && !reader->failed ? LH_OK
                                    : lh_fail(err, LH_CORRUPT, "the S3 service's answer is not the XML it should be");
}

lh_str s3_etag_plain(lh_str quoted) {
    if (lh_str_starts(quoted, LH_STR("W/"))) quoted = lh_str_sub(quoted, 2, SIZE_MAX);
    if (quoted.len >= 2 && quoted.ptr[0] == '"' && quoted.ptr[quoted.len - 1] == '"')
        return lh_str_sub(quoted, 1, quoted.len - 2);
    return quoted;
}

static void xml_list_end(xml_reader *reader, lh_str name, lh_str text) {
    lh_object_entry *entry = reader->contents ? &reader->list.entries[reader->list.count] : NULL;
    if (!entry && lh_str_eq(name, LH_STR("IsTruncated"))) reader->list.truncated = lh_str_eq(text, LH_STR("true"));
    if (!entry && lh_str_eq(name, LH_STR("EncodingType"))) reader->url_encoded = lh_str_eq(text, LH_STR("url"));
    if (!entry || reader->depth != 3) return;
    if (lh_str_eq(name, LH_STR("Key"))) entry->key = lh_arena_dup(reader->arena, text);
    else if (lh_str_eq(name, LH_STR("ETag"))) entry->etag = lh_arena_dup(reader->arena, s3_etag_plain(text));
    else if (lh_str_eq(name, LH_STR("Size")) && lh_str_to_u64(text, &entry->size_bytes) != LH_OK) xml_stop(reader);
    else if (lh_str_eq(name, LH_STR("LastModified")) && lh_time_parse_rfc3339(text, &entry->modified_ms) != LH_OK)
        xml_stop(reader);
}

/* Keys are asked for in URL encoding, in which services write a space as '+'. */
static lh_code xml_decode_key(lh_arena *arena, lh_str *key, lh_error *err) {
    char *spaced = lh_arena_alloc(arena, key->len + 1);
    if (!spaced) return lh_arena_check(arena, err);
    for (size_t i = 0; i < key->len; i++) spaced[i] = key->ptr[i] == '+' ? ' ' : key->ptr[i];
    return lh_url_decode(arena, (lh_str){spaced, key->len}, key, err);
}

lh_code s3_xml_parse_list(lh_str xml, lh_arena *arena, s3_xml_list *ret, lh_error *err) {
    xml_reader reader = {.arena = arena, .on_end = xml_list_end};
    LH_TRY(xml_parse(&reader, xml, err));
    if (!lh_str_eq(reader.root, LH_STR("ListBucketResult")))
        return lh_fail(err, LH_CORRUPT, "the S3 service's answer is not a list");
    for (size_t i = 0; reader.url_encoded && i < reader.list.count; i++)
        LH_TRY(xml_decode_key(arena, &reader.list.entries[i].key, err));
    *ret = reader.list;
    return LH_OK;
}

static void xml_value_end(xml_reader *reader, lh_str name, lh_str text) {
    if (reader->depth == 2 && !reader->value.len && lh_str_eq(name, lh_str_from(reader->wanted)))
        reader->value = lh_arena_dup(reader->arena, text);
}

lh_code s3_xml_parse_value(lh_str xml, const char *name, lh_arena *arena, lh_str *ret_root, lh_str *ret,
                           lh_error *err) {
    xml_reader reader = {.arena = arena, .on_end = xml_value_end, .wanted = name};
    LH_TRY(xml_parse(&reader, xml, err));
    *ret_root = reader.root;
    *ret = reader.value;
    return LH_OK;
}

int64_t s3_time_of(lh_str http_date) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[64], month[4];
    int day, year, hour, minute, second;
    if (lh_str_to_cstr(http_date, text, sizeof text, NULL) != LH_OK) return 0;
    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &day, month, &year, &hour, &minute, &second) != 6) return 0;
    const char *at = strstr(months, month);
    if (!at || (at - months) % 3 != 0) return 0;
    int64_t ms = 0;
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, (int)(at - months) / 3 + 1, day, hour, minute,
             second);
    return lh_time_parse_rfc3339(lh_str_from(text), &ms) == LH_OK ? ms : 0;
}
