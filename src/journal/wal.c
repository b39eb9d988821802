/* The write-ahead file.
 *
 *   frame*    frame: length (4 bytes, little-endian), so many bytes, their SHA-256 (32 bytes)
 *   first     netstrings "lakehouse-journal-1", table, writer, seq, hash: the records up to that one are in the table
 *   others    one record each (record.c)
 *
 * The hash of a frame is its checksum, and for a record the one that the next names. What is behind the last whole frame is
 * a tail torn by a crash: nobody was told that it is kept. A frame whose bytes do not fit its hash, with a whole one behind
 * it, was changed later: the others are kept, and the gap in the chain stays to be seen. */
#include "journal/journal_internal.h"

#define WAL_MAGIC "lakehouse-journal-1"

void journal_frame_write(lh_buf *into, lh_str payload, const lh_sha256 *hash) {
    const unsigned char head[4] = {(unsigned char)payload.len, (unsigned char)(payload.len >> 8),
                                   (unsigned char)(payload.len >> 16), (unsigned char)(payload.len >> 24)};
    lh_buf_append(into, (lh_str){(const char *)head, sizeof head});
    lh_buf_append(into, payload);
    lh_buf_append(into, (lh_str){(const char *)hash->bytes, sizeof hash->bytes});
}

void journal_base_write(lh_buf *into, const journal_spec *spec, const journal_base *base) {
    LH_CLEANUP(lh_buf_done) lh_buf payload = LH_BUF_INIT(4096);
    char seq[24];
    snprintf(seq, sizeof seq, "%" PRIu64, base->seq);
    journal_netstring(&payload, LH_STR(WAL_MAGIC));
    journal_netstring(&payload, lh_str_from(spec->name));
    journal_netstring(&payload, lh_uuid_str(&base->writer));
    journal_netstring(&payload, lh_str_from(seq));
    journal_netstring(&payload, lh_str_from(base->hash.text));
    const lh_sha256 hash = lh_sha256_of(lh_buf_str(&payload));
    journal_frame_write(into, lh_buf_str(&payload), &hash);
    if (lh_buf_check(&payload, NULL) != LH_OK) into->failed = payload.failed;
}

/* ---- reading ---- */

typedef struct wal_frame {
    lh_str payload;
    lh_sha256 hash;
    bool whole; /* the hash fits */
} wal_frame;

static bool wal_next(lh_str *rest, wal_frame *ret) {
    if (rest->len < 4) return false;
    const unsigned char *head = (const unsigned char *)rest->ptr;
    size_t len = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (len == 0 || len > JOURNAL_RECORD_BYTES || len + LH_SHA256_BYTES > rest->len - 4) return false;
    ret->payload = lh_str_sub(*rest, 4, len);
    ret->hash = lh_sha256_of(ret->payload);
    ret->whole = memcmp(ret->hash.bytes, rest->ptr + 4 + len, LH_SHA256_BYTES) == 0;
    *rest = lh_str_sub(*rest, 4 + len + LH_SHA256_BYTES, SIZE_MAX);
    return true;
}

static lh_code wal_base(lh_str payload, const journal_spec *spec, journal_base *ret) {
    lh_str magic, table, writer, seq, hash;
    journal_base base = {0};
    LH_TRY(journal_netstring_read(&payload, &magic));
    LH_TRY(journal_netstring_read(&payload, &table));
    LH_TRY(journal_netstring_read(&payload, &writer));
    LH_TRY(journal_netstring_read(&payload, &seq));
    LH_TRY(journal_netstring_read(&payload, &hash));
    LH_TRY(lh_str_to_u64(seq, &base.seq));
    bool fits = payload.len == 0 && lh_str_eq(magic, LH_STR(WAL_MAGIC)) && lh_str_eq(table, lh_str_from(spec->name)) &&
                lh_uuid_is_valid(writer) && hash.len == LH_SHA256_HEX_BYTES && base.seq <= INT64_MAX;
    if (!fits) return LH_CORRUPT;
    memcpy(base.writer.text, writer.ptr, 36);
    memcpy(base.hash.text, hash.ptr, LH_SHA256_HEX_BYTES);
    *ret = base;
    return LH_OK;
}

/* The first that is said of a record stays. */
static void wal_problem(journal_wal *wal, const char *kind, uint64_t seq) {
    for (size_t i = 0; i < wal->problem_count; i++)
        if (wal->problems[i].seq == seq) return;
    if (wal->problem_count < JOURNAL_PROBLEMS_MAX) wal->problems[wal->problem_count++] = (journal_problem){kind, seq};
}

static lh_code wal_keep(journal_wal *wal, size_t *room, uint64_t seq, const wal_frame *frame, lh_error *err) {
    if (wal->count == *room) {
        size_t wanted = *room ? 2 * *room : 64;
        journal_record **items = realloc(wal->items, wanted * sizeof *items);
        if (!items) return lh_fail(err, LH_NO_MEMORY, "journal: out of memory");
        wal->items = items;
        *room = wanted;
    }
    journal_record *record = malloc(sizeof *record + frame->payload.len);
    if (!record) return lh_fail(err, LH_NO_MEMORY, "journal: out of memory");
    *record = (journal_record){.seq = seq, .hash = frame->hash, .len = frame->payload.len};
    memcpy(record->bytes, frame->payload.ptr, frame->payload.len);
    wal->items[wal->count++] = record;
    wal->bytes += record->len;
    return LH_OK;
}

static int wal_by_seq(const void *a, const void *b) {
    const journal_record *left = *(journal_record *const *)a, *right = *(journal_record *const *)b;
    return left->seq < right->seq ? -1 : left->seq > right->seq;
}

/* Is each record the next of the one before it? Whole records that are not in their place are put there. */
static void wal_check(journal_wal *wal, const journal_spec *spec) {
    uint64_t seq = wal->base.seq;
    bool sorted = true;
    for (size_t i = 0; i < wal->count; i++) {
        if (wal->items[i]->seq < seq) wal_problem(wal, "reordered", wal->items[i]->seq), sorted = false;
        seq = wal->items[i]->seq;
    }
    if (!sorted) qsort(wal->items, wal->count, sizeof *wal->items, wal_by_seq);
    seq = wal->base.seq;
    lh_sha256_hex hash = wal->base.hash;
    for (size_t i = 0; i < wal->count; i++) {
        journal_row row;
        if (journal_row_read(journal_record_str(wal->items[i]), spec, &row, NULL) != LH_OK) continue;
        if (row.seq == seq) wal_problem(wal, "added", row.seq);
        else if (row.seq != seq + 1) wal_problem(wal, "dropped", seq + 1);
        else if (!lh_str_eq(row.prev_hash, lh_str_from(hash.text))) wal_problem(wal, "changed", i ? seq : row.seq);
        seq = row.seq;
        hash = lh_sha256_to_hex(&wal->items[i]->hash);
    }
}

static lh_code wal_records(lh_str rest, const journal_spec *spec, journal_wal *wal, lh_error *err) {
    size_t room = 0, spoilt = 0;
    wal_frame frame;
    uint64_t seq = wal->base.seq;
    while (wal_next(&rest, &frame)) {
        journal_row row;
        bool good = frame.whole && journal_row_read(frame.payload, spec, &row, NULL) == LH_OK &&
                    lh_str_eq(row.writer, lh_uuid_str(&wal->base.writer)) && row.seq > wal->base.seq;
        if (good && spoilt) wal_problem(wal, "changed", seq + 1);
        spoilt = good ? 0 : spoilt + 1;
        if (!good) continue;
        LH_TRY(wal_keep(wal, &room, row.seq, &frame, err));
        seq = row.seq;
    }
    wal->torn = rest.len > 0 || spoilt > 0;
    wal_check(wal, spec);
    return LH_OK;
}

void journal_wal_done(journal_wal *wal) {
    for (size_t i = 0; i < wal->count; i++) free(wal->items[i]);
    free(wal->items);
    *wal = (journal_wal){0};
}

lh_code journal_wal_read(lh_str bytes, const journal_spec *spec, journal_wal *ret, lh_error *err) {
    LH_CLEANUP(lh_free_pointer) journal_wal *wal = calloc(1, sizeof *wal);
    wal_frame frame;
    if (!wal) return lh_fail(err, LH_NO_MEMORY, "journal: out of memory");
    if (!wal_next(&bytes, &frame) || !frame.whole || wal_base(frame.payload, spec, &wal->base) != LH_OK)
        return lh_fail(err, LH_CORRUPT, "a write-ahead file of the journal does not begin as one");
    lh_code code = wal_records(bytes, spec, wal, err);
    if (code != LH_OK) {
        journal_wal_done(wal);
        return code;
    }
    *ret = *wal;
    return LH_OK;
}
