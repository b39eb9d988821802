/* What a model said, as far as it may be shown: without control and invisible characters, without links that no cited passage has
 * (links.c), and with marks [n], [1, 2] and [1-3] of passages that are there. What is taken out may leave something of the same kind
 * behind ("[[9]1]"), so all of it is done again until nothing is to be taken out.
 *
 * A mark belongs to the sentence in front of it, also behind its full stop, so sentences are told apart in the text without marks,
 * where each mark keeps its place. */
#include "rag/rag_internal.h"

enum { ANSWER_ROUNDS = 16, ANSWER_MARKS_MAX = 4096, ANSWER_RANGE_MAX = 64 };

typedef struct {
    lh_str text;
    size_t passages;
    bool *cited;           /* by passage from 0 */
    lh_buf *shown, *plain; /* NULL: only cited is wanted */
    rag_mark *marks;       /* room for ANSWER_MARKS_MAX */
    size_t mark_count, invented;
} answer;

static bool answer_is_digit(lh_str text, size_t at) { return at < text.len && lh_is_digit(text.ptr[at]); }

/* A number of at most nine digits; *at goes behind it. */
static bool answer_number(lh_str text, size_t *at, size_t *ret) {
    size_t start = *at;
    for (*ret = 0; answer_is_digit(text, *at) && *at - start < 9; (*at)++)
        *ret = *ret * 10 + (size_t)(text.ptr[*at] - '0');
    return *at > start && !answer_is_digit(text, *at);
}

static void answer_cite(answer *a, size_t n) {
    if (n < 1 || n > a->passages) {
        a->invented++;
        return;
    }
    a->cited[n - 1] = true;
    if (!a->shown) return;
    for (size_t i = a->mark_count; i > 0 && a->marks[i - 1].at == a->plain->len; i--)
        if (a->marks[i - 1].n == n) return; /* said twice */
    if (a->mark_count == ANSWER_MARKS_MAX) return;
    a->marks[a->mark_count++] = (rag_mark){a->plain->len, n};
    lh_buf_printf(a->shown, "[%zu]", n);
}

/* The numbers of a mark, one after the other: false when it is none. `a` NULL: it is only looked at. */
static bool answer_numbers(lh_str text, size_t at, size_t *ret_end, answer *a) {
    size_t from, to;
    for (at++;; at++) {
        while (at < text.len && text.ptr[at] == ' ') at++;
        at += at < text.len && text.ptr[at] == '^';
        if (!answer_number(text, &at, &from)) return false;
        to = from;
        if (at < text.len && text.ptr[at] == '-' && (at++, !answer_number(text, &at, &to))) return false;
        if (to < from || to - from > ANSWER_RANGE_MAX) to = from;
        for (size_t n = from; a && n <= to; n++) answer_cite(a, n);
        while (at < text.len && text.ptr[at] == ' ') at++;
        if (at >= text.len) return false;
        if (text.ptr[at] == ']') break;
        if (text.ptr[at] != ',' && text.ptr[at] != ';') return false;
    }
    *ret_end = at + 1;
    return *ret_end >= text.len || text.ptr[*ret_end] != '('; /* the text of a link that may stay */
}

/* Spaces in front of a mark go from the plain text, and with a mark that names nothing from the shown one. */
static void answer_trim(lh_buf *buf) {
    while (buf->len && buf->ptr[buf->len - 1] == ' ') buf->len--;
}

static void answer_marks(answer *a) {
    size_t end = 0;
    for (size_t at = 0; at < a->text.len;) {
        if (a->text.ptr[at] != '[' || !answer_numbers(a->text, at, &end, NULL)) {
            if (a->shown) lh_buf_char(a->shown, a->text.ptr[at]), lh_buf_char(a->plain, a->text.ptr[at]);
            at++;
            continue;
        }
        size_t shown = a->shown ? a->shown->len : 0;
        if (a->shown) answer_trim(a->plain);
        (void)answer_numbers(a->text, at, &end, a);
        if (a->shown && a->shown->len == shown) answer_trim(a->shown);
        at = end;
    }
}

/* One round: text → *ret, and what was taken out is counted. */
static lh_code answer_round(lh_str text, const rag_passage *passages, size_t count, lh_arena *arena, rag_said *ret,
                            lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf linked = LH_BUF_INIT(RAG_TEXT_BYTES), shown = LH_BUF_INIT(RAG_TEXT_BYTES);
    LH_CLEANUP(lh_buf_done) lh_buf plain = LH_BUF_INIT(RAG_TEXT_BYTES);
    answer a = {.text = text, .passages = count, .cited = LH_ARENA_ARRAY(arena, bool, count + 1)};
    a.marks = LH_ARENA_ARRAY(arena, rag_mark, ANSWER_MARKS_MAX);
    LH_TRY(lh_arena_check(arena, err));
    answer_marks(&a); /* which passages are cited, before it is said which links may stay */
    a.invented = 0;
    ret->links = rag_links_clean(text, passages, count, a.cited, &linked);
    LH_TRY(lh_buf_check(&linked, err));
    a.text = lh_buf_str(&linked);
    a.shown = &shown;
    a.plain = &plain;
    answer_marks(&a);
    LH_TRY(lh_buf_check(&shown, err));
    LH_TRY(lh_buf_check(&plain, err));
    ret->text = lh_arena_dup(arena, lh_buf_str(&shown));
    ret->plain = lh_arena_dup(arena, lh_buf_str(&plain));
    ret->marks = a.marks;
    ret->mark_count = a.mark_count;
    ret->invented = a.invented;
    return lh_arena_check(arena, err);
}

lh_code rag_said_read(lh_str text, const rag_passage *passages, size_t count, lh_arena *arena, rag_said *ret,
                      lh_error *err) {
    rag_said said = {0};
    size_t invented = 0, links = 0;
    LH_CLEANUP(lh_buf_done) lh_buf visible = LH_BUF_INIT(RAG_TEXT_BYTES);
    rag_visible(text, &visible);
    LH_TRY(lh_buf_check(&visible, err));
    text = lh_arena_dup(arena, lh_str_trim(lh_buf_str(&visible)));
    LH_TRY(lh_arena_check(arena, err));
    for (int round = 0;; round++) {
        LH_TRY(answer_round(text, passages, count, arena, &said, err));
        bool same = lh_str_eq(text, said.text);
        invented += said.invented;
        links += said.links;
        if (same) break;
        text = round < ANSWER_ROUNDS ? said.text : LH_STR_NONE; /* one that forms links without end is not shown */
    }
    said.invented = invented;
    said.links = links;
    *ret = said;
    return LH_OK;
}

/* ---- a stream ---- */

void rag_filter_init(rag_filter *filter, const rag_run *run) {
    *filter = (rag_filter){.run = run, .held = LH_BUF_INIT(RAG_SAID_BYTES)};
}

void rag_filter_done(rag_filter *filter) { lh_buf_done(&filter->held); }

static lh_code filter_clean(const rag_run *run, lh_str text, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf clean = LH_BUF_INIT(RAG_TEXT_BYTES);
    lh_buf_append(&clean, text);
    for (int round = 0;; round++) {
        LH_TRY(lh_buf_check(&clean, err));
        text = lh_arena_dup(arena, lh_buf_str(&clean));
        LH_TRY(lh_arena_check(arena, err));
        lh_buf_clear(&clean);
        (void)rag_links_clean(text, run->passages, run->passage_count, NULL, &clean);
        if (lh_str_eq(text, lh_buf_str(&clean))) break;
        if (round == ANSWER_ROUNDS) lh_buf_clear(&clean);
    }
    *ret = text;
    return LH_OK;
}

static lh_code filter_send(rag_filter *filter, size_t bytes, lh_error *err) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_str text;
    if (bytes == 0) return LH_OK;
    LH_TRY(lh_arena_new(RAG_TEXT_BYTES, &arena, err));
    LH_TRY(filter_clean(filter->run, lh_str_sub(lh_buf_str(&filter->held), 0, bytes), arena, &text, err));
    filter->held.len -= bytes;
    filter->scanned -= bytes;
    memmove(filter->held.ptr, filter->held.ptr + bytes, filter->held.len);
    return text.len ? filter->run->events->on_piece(filter->run->events->ctx, text, err) : LH_OK;
}

static bool filter_is_open(const rag_filter *filter) {
    return filter->squares || filter->rounds || filter->angle || filter->definition;
}

/* Looks at one byte behind `before`. True: all before it may go, as no link or tag is open there. */
static bool filter_step(rag_filter *filter, char before, char c) {
    bool space = c == ' ' || c == '\t' || c == '\n';
    bool leads = c == '/' || c == '\\' || filter->definition || (c == '.' && (before == 'w' || before == 'W'));
    filter->address = !space && (filter->address || leads);
    if (c == '\n' && before == '\n') filter->squares = filter->rounds = filter->angle = 0; /* no link goes on */
    if (before == '<' && strchr(" \t\n=<", c)) filter->angle = false;
    if (c == '(' && (filter->rounds || before == ']' || before == ')'))
        filter->rounds++; /* ")(": when the first goes */
    if (c == ')' && filter->rounds) filter->rounds--;
    if (c == '[') filter->squares++;
    if (c == ']' && filter->squares) filter->squares--;
    if (c == '<') filter->angle = true;
    if (c == '>') filter->angle = false;
    if (!space) filter->definition = c == ':' && before == ']'; /* what follows is its address */
    return space && !filter_is_open(filter);
}

/* Languages without spaces go on by characters: behind one beyond ASCII, what would be a link by what stands on both sides of the cut is
 * none, as it stands between. Not in a word that may be an address, whose rest would be shown. */
static bool filter_cuts_behind(const rag_filter *filter, size_t end) {
    lh_str held = lh_buf_str(&filter->held);
    bool ends = end == held.len || ((unsigned char)held.ptr[end] & 0xC0) != 0x80;
    return ends && (unsigned char)held.ptr[end - 1] >= 0x80 && !filter->address && !filter_is_open(filter);
}

/* Bytes of the text without a character at its end that is not whole. */
static size_t filter_whole(lh_str text) {
    for (size_t back = 1; back < 4 && back <= text.len; back++) {
        unsigned char c = (unsigned char)text.ptr[text.len - back];
        size_t bytes = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        if ((c & 0xC0) != 0x80) return bytes > back ? text.len - back : text.len;
    }
    return text.len;
}

/* Holds what can be seen of it: a character that cannot must part no link. */
static lh_code filter_hold(rag_filter *filter, lh_str piece, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf raw = LH_BUF_INIT(RAG_TEXT_BYTES);
    lh_buf_append(&raw, (lh_str){filter->begun, filter->begun_bytes});
    lh_buf_append(&raw, piece);
    LH_TRY(lh_buf_check(&raw, err));
    size_t whole = filter_whole(lh_buf_str(&raw));
    rag_visible(lh_str_sub(lh_buf_str(&raw), 0, whole), &filter->held);
    filter->begun_bytes = raw.len - whole;
    if (filter->begun_bytes) memcpy(filter->begun, raw.ptr + whole, filter->begun_bytes);
    return lh_buf_check(&filter->held, err);
}

lh_code rag_filter_put(void *ctx, lh_str piece, lh_error *err) {
    rag_filter *filter = ctx;
    size_t cut = 0;
    piece = lh_str_cut_utf8(piece, RAG_SAID_BYTES - filter->taken);
    filter->taken += piece.len;
    LH_TRY(filter_hold(filter, piece, err));
    for (; filter->scanned < filter->held.len; filter->scanned++) {
        const char *at = filter->held.ptr + filter->scanned;
        if (filter_step(filter, filter->before, *at)) cut = filter->scanned;
        filter->before = *at;
        if (filter_cuts_behind(filter, filter->scanned + 1)) cut = filter->scanned + 1;
    }
    return filter_send(filter, cut, err);
}

lh_code rag_filter_end(rag_filter *filter, lh_error *err) { return filter_send(filter, filter->held.len, err); }
