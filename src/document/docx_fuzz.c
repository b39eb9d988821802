/* Any bytes as a .docx, or, which gets further, as the XML of a part of one: text that is UTF-8 and no longer than it may be, or a reason.
 * Input: what it is (one byte: 'z' all of it, 's' the styles, else the document), the bytes. */
#include "base/fuzz.h"
#include "document/document.h"

#include <archive.h>
#include <archive_entry.h>
#include <assert.h>

enum { FUZZ_TEXT_BYTES = 2000, FUZZ_ROOM = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_put(struct archive *zip, const char *name, lh_str xml) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_size(entry, (la_int64_t)xml.len);
    assert(archive_write_header(zip, entry) == ARCHIVE_OK);
    assert(archive_write_data(zip, xml.ptr, xml.len) == (la_ssize_t)xml.len);
    archive_entry_free(entry);
}

static lh_str fuzz_zip(char what, lh_str xml, char *room) {
    static const char text[] = "<d><p><pPr><pStyle val='a'/></pPr><t>text</t></p></d>";
    struct archive *zip = archive_write_new();
    size_t used = 0;
    assert(archive_write_set_format_zip(zip) == ARCHIVE_OK);
    assert(archive_write_zip_set_compression_store(zip) == ARCHIVE_OK);
    assert(archive_write_open_memory(zip, room, FUZZ_ROOM, &used) == ARCHIVE_OK);
    if (what == 's') fuzz_put(zip, "word/styles.xml", xml);
    fuzz_put(zip, "word/document.xml", what == 's' ? lh_str_from(text) : xml);
    assert(archive_write_close(zip) == ARCHIVE_OK);
    archive_write_free(zip);
    return (lh_str){room, used};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    static char room[FUZZ_ROOM];
    lh_document_text d = {0};
    lh_error err = {0};
    if (size < 1 || size > FUZZ_ROOM / 2) return 0;
    lh_str bytes = {(const char *)data + 1, size - 1};
    const lh_document_source source = {.kind = LH_DOCUMENT_DOCX,
                                       .path = LH_STR("p.docx"),
                                       .bytes = data[0] == 'z' ? bytes : fuzz_zip((char)data[0], bytes, room),
                                       .text_max_bytes = FUZZ_TEXT_BYTES};
    assert(lh_arena_new(1 << 20, &arena, NULL) == LH_OK);
    lh_code code = lh_document_read(&source, arena, &d, &err);
    assert(code == LH_OK || code == LH_INVALID || code == LH_LIMIT);
    if (code != LH_OK) lh_fuzz_told(code, &err);
    if (code != LH_OK) return 0;
    assert(d.text.len && d.text.len <= FUZZ_TEXT_BYTES && lh_str_is_utf8(d.text));
    assert(d.title.len && lh_str_is_utf8(d.title));
    return 0;
}
