/* Text into chunks. The text is cut into units that stay whole: sentences (Unicode UAX 29, by ICU), and of a sentence that is
 * longer than a chunk its words, and of such a word its characters. Units are packed in order; a chunk begins with as many of the
 * last units of the one before as the overlap takes, or where that is none with the last words of it. A Markdown heading goes with
 * what follows it when both fit; what looks like one within code is none. Chunks laid over each other are the text, byte for byte. */
#include "vector/vector_internal.h"

typedef enum { CHUNK_TEXT, CHUNK_HEADING, CHUNK_HEADING_GOES_ON } chunk_kind;
typedef struct {
    size_t start, end; /* bytes */
    size_t length;     /* characters or tokens, as the options say */
    chunk_kind kind;
} chunk_unit;

typedef struct {
    chunk_unit *items; /* owned */
    size_t count, room;
} chunk_units;

struct lh_chunker {
    lh_chunk_options options;
    lh_breaks *sentences, *words; /* owned */
};

lh_code lh_chunker_new(const lh_chunk_options *options, lh_chunker **ret, lh_error *err) {
    LH_CLEANUP(lh_chunker_freep) lh_chunker *chunker = calloc(1, sizeof *chunker);
    if (!chunker) return lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    if (options->size < LH_CHUNK_SIZE_MIN || options->size > LH_CHUNK_SIZE_MAX)
        return lh_fail(err, LH_INVALID, "the size of a chunk is %d to %d, not %" PRIu32, LH_CHUNK_SIZE_MIN,
                       LH_CHUNK_SIZE_MAX, options->size);
    if (options->overlap > options->size / 2)
        return lh_fail(err, LH_INVALID, "the overlap of chunks is at most half their size, %" PRIu32,
                       options->size / 2);
    chunker->options = *options;
    LH_TRY(lh_breaks_new(LH_BREAKS_SENTENCES, options->locale, &chunker->sentences, err));
    LH_TRY(lh_breaks_new(LH_BREAKS_WORDS, options->locale, &chunker->words, err));
    *ret = lh_take(&chunker);
    return LH_OK;
}

void lh_chunker_free(lh_chunker *chunker) {
    if (!chunker) return;
    lh_breaks_free(chunker->sentences);
    lh_breaks_free(chunker->words);
    free(chunker);
}

/* ---- units ---- */

static size_t chunk_characters(lh_str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return count;
}

static size_t chunk_length(const lh_chunker *chunker, lh_str text) {
    const lh_chunk_options *o = &chunker->options;
    return o->count_tokens ? o->count_tokens(o->tokens_ctx, text) : chunk_characters(text);
}

static bool chunk_add(chunk_units *units, chunk_unit unit) {
    if (units->count == units->room) {
        size_t room = units->room ? 2 * units->room : 64;
        chunk_unit *items = realloc(units->items, room * sizeof *items);
        if (!items) return false;
        units->items = items;
        units->room = room;
    }
    units->items[units->count++] = unit;
    return true;
}

/* Where the text stands so many characters behind `at`. */
static size_t chunk_skip(lh_str text, size_t at, size_t end, size_t characters) {
    for (; at < end && characters > 0; characters--) {
        at++;
        while (at < end && ((unsigned char)text.ptr[at] & 0xC0) == 0x80) at++;
    }
    return at;
}

/* A word without a place to break, by characters: as many as fit at a time; as tokens fewer fit, which halving finds. */
static bool chunk_add_characters(const lh_chunker *chunker, lh_str text, size_t start, size_t end, chunk_units *units) {
    for (size_t at = start, next; at < end; at = next) {
        size_t characters = chunker->options.size, length;
        do {
            next = chunk_skip(text, at, end, characters);
            length = chunk_length(chunker, lh_str_sub(text, at, next - at));
            characters /= 2;
        } while (length > chunker->options.size && characters > 0);
        if (!chunk_add(units, (chunk_unit){at, next, length, CHUNK_TEXT})) return false;
    }
    return true;
}

/* A sentence that is longer than a chunk, by its words. */
static bool chunk_add_words(const lh_chunker *chunker, lh_str text, size_t start, size_t end, chunk_units *units) {
    lh_str sentence = lh_str_sub(text, start, end - start), word;
    bool good = lh_breaks_begin(chunker->words, sentence, NULL) == LH_OK;
    for (size_t from = start; good && lh_breaks_next(chunker->words, sentence, &word); from += word.len) {
        size_t length = chunk_length(chunker, word);
        good = length > chunker->options.size
                   ? chunk_add_characters(chunker, text, from, from + word.len, units)
                   : chunk_add(units, (chunk_unit){from, from + word.len, length, CHUNK_TEXT});
    }
    return good;
}

/* ---- headings ---- */

/* The lines of a text as they are read, one after the other. */
typedef struct {
    lh_str rest;     /* behind the line */
    chunk_kind kind; /* of the line */
    bool begins;     /* the next goes on with none */
    bool underlined; /* the next is the rule under this one */
    size_t fence;    /* marks of the code that it stands in; 0: in none */
    char of;
} chunk_lines;

/* Blank lines behind a heading are of it: nothing has followed it yet. */
static void chunk_next_line(chunk_lines *l) {
    lh_str line = lh_str_split(&l->rest, '\n'), after = l->rest, next = lh_str_split(&after, '\n');
    char of = 0;
    bool info = false, rule = l->underlined;
    size_t marks = lh_markdown_fence(line, &of, &info);
    l->underlined = false;
    if (l->fence || marks) {
        l->begins = l->fence && marks >= l->fence && of == l->of && !info; /* it ends */
        if (!l->fence) l->fence = marks, l->of = of;
        else if (l->begins) l->fence = 0;
        l->kind = CHUNK_TEXT;
        return;
    }
    l->underlined = !rule && l->begins && lh_markdown_is_underlined(line, next);
    if (rule || (l->kind && lh_str_trim(line).len == 0)) l->kind = CHUNK_HEADING_GOES_ON;
    else l->kind = l->underlined || lh_markdown_heading(line) ? CHUNK_HEADING : CHUNK_TEXT;
    l->begins = l->kind || lh_markdown_is_blank(line);
}

/* Of a unit that begins there. Units come in order. */
static chunk_kind chunk_kind_at(chunk_lines *lines, lh_str text, size_t at) {
    chunk_kind kind = lines->kind ? CHUNK_HEADING_GOES_ON : CHUNK_TEXT; /* in the line of the unit before */
    for (; lines->rest.len && at >= text.len - lines->rest.len; kind = lines->kind) chunk_next_line(lines);
    return kind;
}

static bool chunk_add_sentences(const lh_chunker *chunker, lh_str text, chunk_units *units) {
    lh_str sentence;
    chunk_lines lines = {.rest = text, .begins = true};
    bool good = lh_breaks_begin(chunker->sentences, text, NULL) == LH_OK;
    while (good && lh_breaks_next(chunker->sentences, text, &sentence)) {
        size_t at = (size_t)(sentence.ptr - text.ptr);
        const chunk_unit unit = {at, at + sentence.len, chunk_length(chunker, sentence),
                                 chunk_kind_at(&lines, text, at)};
        good = unit.length > chunker->options.size ? chunk_add_words(chunker, text, unit.start, unit.end, units)
                                                   : chunk_add(units, unit);
    }
    return good;
}

/* ---- packing ---- */

/* Of the unit there; of headings with what follows them. More than `size` is not counted: a text may be headings alone. */
static size_t chunk_needed(const chunk_units *units, size_t at, size_t size) {
    size_t length = units->items[at].length;
    while (units->items[at].kind && at + 1 < units->count && length <= size) length += units->items[++at].length;
    return length;
}

/* The unit behind the last of a chunk that begins with `first`. */
static size_t chunk_end(const chunk_units *units, size_t first, size_t size) {
    size_t end = first, length = 0;
    while (end < units->count && (end == first || length + units->items[end].length <= size))
        length += units->items[end++].length;
    if (end == units->count) return end;
    size_t cut = end; /* headings at its end go to the next chunk, unless they are all of it */
    while (cut > first + 1 && units->items[cut - 1].kind) cut--;
    if (!units->items[cut - 1].kind) return cut;
    length += chunk_needed(units, end, size);
    for (cut = first + 1; cut < end; cut++) { /* what follows does not fit behind all of them */
        length -= units->items[cut - 1].length;
        if (units->items[cut].kind == CHUNK_HEADING && length <= size) return cut;
    }
    return end;
}

/* The first unit of the chunk behind one that ends before `end`: the overlap, and what is to follow it, fit into it. It is not
 * before `least`, or the chunk would hold all of the one before. */
static size_t chunk_next(const chunk_units *units, size_t least, size_t end, const lh_chunk_options *options) {
    size_t next = end, length = 0, needed = chunk_needed(units, end, options->size);
    while (next > least && length + units->items[next - 1].length <= options->overlap &&
           length + units->items[next - 1].length + needed <= options->size)
        length += units->items[--next].length;
    return next;
}

/* What a chunk begins with where no whole unit of the one before fits into the overlap: the last words of its last unit, as many
 * as fit beside what is to follow. That unit stands whole in the chunk before. False: out of memory. */
static bool chunk_add_lead(const lh_chunker *chunker, lh_str text, const chunk_units *units, size_t end, size_t *start,
                           size_t *ret_length) {
    const chunk_unit *last = &units->items[end - 1];
    size_t size = chunker->options.size, most = chunker->options.overlap, length = 0;
    size_t needed = chunk_needed(units, end, size);
    *ret_length = 0;
    if (last->kind || needed >= size) return true;
    if (size - needed < most) most = size - needed;
    chunk_units words = {0};
    bool good = chunk_add_words(chunker, text, last->start, last->end, &words);
    size_t at = good ? words.count : 0;
    while (at > 1 && length + words.items[at - 1].length <= most) length += words.items[--at].length;
    for (; at < words.count; at++) { /* not with white space */
        const chunk_unit *word = &words.items[at];
        if (lh_str_trim(lh_str_sub(text, word->start, word->end - word->start)).len) break;
        length -= word->length;
    }
    if (at < words.count) {
        *start = words.items[at].start;
        *ret_length = length;
    }
    free(words.items);
    return good;
}

/* Where each chunk begins and ends, as units without a length. False: out of memory. */
static bool chunk_cut(const lh_chunker *chunker, lh_str text, const chunk_units *units, chunk_units *cuts) {
    size_t start = 0, lead = 0;
    for (size_t first = 0, end; first < units->count; first = end) {
        end = chunk_end(units, first, chunker->options.size - lead);
        if (!chunk_add(cuts, (chunk_unit){.start = start, .end = units->items[end - 1].end})) return false;
        if (end == units->count) return true;
        size_t next = chunk_next(units, lead ? first : first + 1, end, &chunker->options);
        start = units->items[next].start;
        lead = 0;
        if (next == end && !chunk_add_lead(chunker, text, units, end, &start, &lead)) return false;
        end = next;
    }
    return true;
}

static lh_code chunk_pack(lh_str text, const chunk_units *cuts, lh_arena *arena, lh_text_chunk **ret, size_t *ret_count,
                          lh_error *err) {
    size_t counted = 0, character = 0;
    lh_text_chunk *chunks = LH_ARENA_ARRAY(arena, lh_text_chunk, cuts->count + 1);
    LH_TRY(lh_arena_check(arena, err));
    for (size_t i = 0; i < cuts->count; i++) {
        const chunk_unit *cut = &cuts->items[i];
        chunks[i] = (lh_text_chunk){.text = lh_str_sub(text, cut->start, cut->end - cut->start)};
        character += chunk_characters(lh_str_sub(text, counted, cut->start - counted));
        counted = cut->start;
        chunks[i].start = character;
        chunks[i].end = character + chunk_characters(chunks[i].text);
    }
    *ret = chunks;
    *ret_count = cuts->count;
    return LH_OK;
}

lh_code lh_chunker_split(lh_chunker *chunker, lh_str text, lh_arena *arena, lh_text_chunk **ret, size_t *ret_count,
                         lh_error *err) {
    chunk_units units = {0}, cuts = {0};
    if (text.len > (size_t)LH_CHUNK_TEXT_BYTES)
        return lh_fail(err, LH_LIMIT, "a text of %zu bytes is longer than the %d that are cut into chunks", text.len,
                       LH_CHUNK_TEXT_BYTES);
    if (!lh_str_is_utf8(text)) return lh_fail(err, LH_INVALID, "the text is not UTF-8");
    lh_code code = LH_OK;
    if (!chunk_add_sentences(chunker, text, &units) || !chunk_cut(chunker, text, &units, &cuts))
        code = lh_fail(err, LH_NO_MEMORY, "vector: out of memory");
    if (code == LH_OK) code = chunk_pack(text, &cuts, arena, ret, ret_count, err);
    free(units.items);
    free(cuts.items);
    return code;
}
