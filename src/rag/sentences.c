/* The sentences of a text. A document is first made plain, line by line: what is no sentence of it goes (front matter, code, a table's
 * head and rule), an image is its words, a row of a table says what its cells are ("Country: Japan; Rate: 52."), and lines that were
 * only broken are one. Headings stay until sentences are cut, then each sentence knows those that it stands under. */
#include "rag/rag_internal.h"

enum {
    SENTENCES_BYTES = 1 << 20, /* of the list of them */
    SENTENCES_CELLS_MAX = 64,
    SENTENCES_CELL_BYTES = 100, /* of a table's head */
    SENTENCES_IMAGE_BYTES = 1024,
    SENTENCES_LABEL_BYTES = 24,
    SENTENCES_KEY_BYTES = 64,
    SENTENCES_SHOUT_BYTES = 60,
    SENTENCES_HEADING_BYTES = 200, /* each is embedded with all above it, for what stands under it */
    SENTENCES_PATH_BYTES = 500,
};

static bool sentences_is_capital(char c) { return c >= 'A' && c <= 'Z'; }

/* ---- front matter ---- */

/* "key: value", "key = value", "[table]", "- item", a comment, or what goes on with the line before. */
static bool sentences_is_setting(lh_str line, char separator) {
    size_t at = 0, spaces = 0;
    if (lh_markdown_is_blank(line) || strchr(" \t#[]-", line.ptr[0])) return true;
    while (at < line.len && at < SENTENCES_KEY_BYTES && line.ptr[at] != separator) spaces += line.ptr[at++] == ' ';
    return spaces <= 2 && at < line.len && line.ptr[at] == separator;
}

/* Bytes of the YAML or TOML that the text begins with, between its lines of marks; 0: none. */
static size_t sentences_front_matter(lh_str text) {
    lh_str rest = text, first = lh_str_trim(lh_str_split(&rest, '\n'));
    bool yaml = lh_str_eq(first, LH_STR("---"));
    if (!yaml && !lh_str_eq(first, LH_STR("+++"))) return 0;
    while (rest.len) {
        lh_str line = lh_str_split(&rest, '\n');
        if (lh_str_eq(lh_str_trim(line), first) || (yaml && lh_str_eq(lh_str_trim(line), LH_STR("..."))))
            return text.len - rest.len;
        if (!sentences_is_setting(line, yaml ? ':' : '=')) return 0;
    }
    return 0;
}

/* ---- code ---- */

static bool sentences_is_fence(lh_str line, bool *ret_info) {
    char of;
    return lh_markdown_fence(line, &of, ret_info) > 0;
}

/* Does it begin within code? Only a fence that begins some has a word behind it. */
static bool sentences_begin_in_code(lh_str text) {
    bool inside = false, info;
    for (lh_str rest = text; rest.len;) {
        if (!sentences_is_fence(lh_str_split(&rest, '\n'), &info)) continue;
        if (info) return inside;
        inside = !inside;
    }
    return false;
}

/* ---- tables ---- */

static bool sentences_has_cells(lh_str line) { return lh_str_find(line, '|') < line.len; }

/* "|---|:-:|" */
static bool sentences_is_table_rule(lh_str line) {
    bool dash = false;
    line = lh_str_trim(line);
    for (size_t i = 0; i < line.len; i++) {
        if (!strchr("|-: \t", line.ptr[i])) return false;
        dash = dash || line.ptr[i] == '-';
    }
    return dash && sentences_has_cells(line);
}

static size_t sentences_cells(lh_str line, lh_str cells[SENTENCES_CELLS_MAX]) {
    size_t count = 0;
    line = lh_str_trim(line);
    if (lh_str_starts(line, LH_STR("|"))) line = lh_str_sub(line, 1, SIZE_MAX);
    if (lh_str_ends(line, LH_STR("|"))) line = lh_str_sub(line, 0, line.len - 1);
    while (line.len && count < SENTENCES_CELLS_MAX) cells[count++] = lh_str_trim(lh_str_split(&line, '|'));
    return count;
}

static void sentences_row(lh_str head, lh_str row, lh_buf *into) {
    lh_str names[SENTENCES_CELLS_MAX], cells[SENTENCES_CELLS_MAX];
    size_t named = sentences_cells(head, names), count = sentences_cells(row, cells), said = 0;
    for (size_t i = 0; i < count; i++) {
        if (cells[i].len == 0) continue;
        if (said++) lh_buf_append(into, LH_STR("; "));
        if (i < named && names[i].len)
            lh_buf_printf(into, "%.*s: ", LH_STR_ARG(lh_str_cut_utf8(names[i], SENTENCES_CELL_BYTES)));
        lh_buf_append(into, cells[i]);
    }
    if (said) lh_buf_append(into, LH_STR(".\n"));
}

/* ---- lines ---- */

/* "From: …", "Agent: …": a line of its own. */
static bool sentences_is_labelled(lh_str line) {
    size_t at = 0, words = 1;
    if (line.len == 0 || !sentences_is_capital(line.ptr[0])) return false;
    while (at < line.len && at < SENTENCES_LABEL_BYTES && line.ptr[at] != ':' && !strchr(".!?,;", line.ptr[at]))
        words += line.ptr[at++] == ' ';
    return words <= 3 && at < line.len && line.ptr[at] == ':' && (at + 1 == line.len || line.ptr[at + 1] == ' ');
}

typedef struct {
    lh_str rest, head; /* head: of the table that the lines are of */
    lh_buf *into;
    lh_arena *arena;
    bool code, begins; /* begins: the next line goes on with none */
    size_t width;      /* of the paragraph's longest line; 0: not looked at */
} sentences_plain;

static size_t sentences_width(lh_str text) {
    size_t width = 1;
    while (text.len) {
        lh_str line = lh_str_trim(lh_str_split(&text, '\n'));
        if (line.len == 0) break;
        if (line.len > width) width = line.len;
    }
    return width;
}

/* A line that was broken has no room for the next word. One that has ends there: a heading, an address, a row of a table that has
 * lost its lines. A comma, or a small letter that goes on, tells otherwise. */
static bool sentences_has_room(const sentences_plain *p, lh_str line, lh_str next) {
    line = lh_str_trim(line);
    next = lh_str_trim(next);
    bool goes_on = line.len == 0 || next.len == 0 || strchr(",;-", line.ptr[line.len - 1]) ||
                   (next.ptr[0] >= 'a' && next.ptr[0] <= 'z') || (unsigned char)next.ptr[0] >= 0x80;
    return !goes_on && line.len + 1 + lh_str_find(next, ' ') < p->width / 4 * 3;
}

/* Such a line over text that fills its lines, as in PDFs: words alone, of which the first has a capital. */
static bool sentences_is_titled(const sentences_plain *p, lh_str line, lh_str next) {
    line = lh_str_trim(line);
    if (!sentences_has_room(p, line, next) || lh_str_trim(next).len < p->width / 4 * 3) return false;
    for (size_t i = 0; i < line.len; i++)
        if (lh_is_digit(line.ptr[i]) || strchr(".:!?|@", line.ptr[i])) return false;
    return sentences_is_capital(line.ptr[0]) && line.len <= SENTENCES_SHOUT_BYTES;
}

/* "3  TROUBLESHOOTING": of texts without marks. */
static bool sentences_is_shouted(lh_str line) {
    size_t capitals = 0, at = 0;
    line = lh_str_trim(line);
    while (at < line.len && (lh_is_digit(line.ptr[at]) || strchr(". ", line.ptr[at]))) at++;
    for (; at < line.len && (sentences_is_capital(line.ptr[at]) || strchr(" -&/'", line.ptr[at])); at++)
        capitals += sentences_is_capital(line.ptr[at]);
    return capitals >= 4 && at == line.len && line.len <= SENTENCES_SHOUT_BYTES;
}

static void sentences_line(sentences_plain *p, lh_str line) {
    line = lh_str_trim(line);
    bool blank = lh_markdown_is_blank(line), row = lh_str_search(line, LH_STR(" | ")) != SIZE_MAX;
    bool anew = row || lh_markdown_list_mark(line) > 0 || sentences_is_labelled(line);
    if (p->into->len && p->into->ptr[p->into->len - 1] != '\n')
        lh_buf_char(p->into, p->begins || blank || anew ? '\n' : ' ');
    if (!blank) lh_buf_append(p->into, line);
    p->begins = blank || row || lh_markdown_heading(line);
    if (p->begins) lh_buf_char(p->into, '\n');
}

static void sentences_next_line(sentences_plain *p) {
    if (p->width == 0) p->width = sentences_width(p->rest);
    lh_str line = lh_str_split(&p->rest, '\n'), after = p->rest, next = lh_str_split(&after, '\n');
    bool info, fence = sentences_is_fence(line, &info), cells = sentences_has_cells(line);
    if (fence || p->code) {
        sentences_line(p, LH_STR_NONE);
        if (fence) p->code = !p->code;
    } else if (cells && !sentences_is_table_rule(line) && sentences_is_table_rule(next)) {
        sentences_line(p, LH_STR_NONE);
        p->head = line;
        p->rest = after;
    } else if (cells && p->head.len) {
        sentences_row(p->head, line, p->into);
    } else if (p->begins && lh_markdown_is_underlined(line, next)) {
        sentences_line(p, lh_arena_printf(p->arena, "# %.*s", LH_STR_ARG(lh_str_trim(line))));
        p->rest = after;
    } else if (sentences_is_shouted(line) || sentences_is_titled(p, line, next)) {
        sentences_line(p, lh_arena_printf(p->arena, "# %.*s", LH_STR_ARG(lh_str_trim(line))));
    } else if (!sentences_is_table_rule(line)) {
        p->head = LH_STR_NONE;
        sentences_line(p, line);
        p->begins = p->begins || sentences_has_room(p, line, next);
    }
    if (lh_str_trim(line).len == 0) p->width = 0; /* where sentences_width() ends, or each line would read all others */
}

/* "![words](address)" and "![words][name]" at `at`: *ret_words, and behind its end; 0: none. */
static size_t sentences_image(lh_str text, size_t at, lh_str *ret_words) {
    lh_str part = lh_str_sub(text, at, SENTENCES_IMAGE_BYTES);
    if (!lh_str_starts(part, LH_STR("!["))) return 0;
    size_t words = lh_str_find(part, ']');
    char opens = words + 1 < part.len ? part.ptr[words + 1] : '\0';
    if (opens != '(' && opens != '[') return 0;
    lh_str address = lh_str_sub(part, words + 2, SIZE_MAX);
    size_t end = lh_str_find(address, opens == '(' ? ')' : ']');
    if (end == address.len) return 0;
    *ret_words = lh_str_trim(lh_str_sub(part, 2, words - 2));
    return at + words + 2 + end + 1;
}

static bool sentences_is_word(char c) { return lh_is_digit(c) || sentences_is_capital(c) || (c >= 'a' && c <= 'z'); }
static bool sentences_is_space(lh_str text, size_t at) { return at >= text.len || strchr(" \t\n", text.ptr[at]); }

/* "**words**" at `at`, in one line; 0: none. */
static size_t sentences_emphasis(lh_str text, size_t at, lh_str *ret_words) {
    lh_str part = lh_str_sub(text, at, SENTENCES_IMAGE_BYTES);
    size_t marks = 0, run = 0;
    part = lh_str_sub(part, 0, lh_str_find(part, '\n'));
    while (marks < part.len && part.ptr[marks] == '*') marks++;
    if (marks > 3 || sentences_is_space(part, marks) || (at && sentences_is_word(text.ptr[at - 1]))) return 0;
    for (size_t i = marks; i <= part.len; i++) {
        if (i < part.len && part.ptr[i] == '*') run++;
        else if (run == marks && !sentences_is_space(part, i - run - 1) &&
                 (i == part.len || !sentences_is_word(part.ptr[i]))) {
            *ret_words = lh_str_sub(part, marks, i - run - marks);
            return at + i;
        } else run = 0;
    }
    return 0;
}

/* Of images and of what is emphasised only the words. Within "**" there is no further "**", so it does not nest deeply. */
static void sentences_without_marks(lh_str text, lh_buf *into) {
    for (size_t at = 0, end; at < text.len; at = end) {
        lh_str words;
        bool star = text.ptr[at] == '*';
        end = star ? sentences_emphasis(text, at, &words) : text.ptr[at] == '!' ? sentences_image(text, at, &words) : 0;
        if (end && star) sentences_without_marks(words, into);
        else if (end) lh_buf_append(into, words);
        if (end) continue;
        for (end = at + 1; star && end < text.len && text.ptr[end] == '*';) end++;
        lh_buf_append(into, lh_str_sub(text, at, end - at));
    }
}

static lh_code sentences_of_document(lh_str text, bool begins, lh_arena *arena, lh_str *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf lines = LH_BUF_INIT(RAG_TEXT_BYTES), plain = LH_BUF_INIT(RAG_TEXT_BYTES);
    size_t front = begins ? sentences_front_matter(text) : 0;
    sentences_plain p = {.rest = lh_str_sub(text, front, SIZE_MAX), .into = &lines, .arena = arena};
    p.code = sentences_begin_in_code(p.rest);
    p.begins = true;
    while (p.rest.len) sentences_next_line(&p);
    LH_TRY(lh_buf_check(&lines, err));
    sentences_without_marks(lh_buf_str(&lines), &plain);
    LH_TRY(lh_buf_check(&plain, err));
    return rag_neutral(lh_buf_str(&plain), LH_STR_NONE, arena, ret, err); /* "[![](x)1]": now it is a citation */
}

/* ---- cut ---- */

static bool sentences_have_letter(lh_str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    }
    return false;
}

typedef struct {
    lh_str levels[LH_MARKDOWN_LEVELS], path;
} sentences_headings;

/* A heading ends those of its level and below. */
static void sentences_head(sentences_headings *h, lh_str line, lh_arena *arena) {
    size_t level = 0;
    while (level < line.len && line.ptr[level] == '#') level++;
    size_t at = level - 1;
    for (size_t i = at; i < LH_MARKDOWN_LEVELS; i++) h->levels[i] = LH_STR_NONE;
    h->levels[at] = lh_str_cut_utf8(lh_str_trim(lh_str_sub(line, level, SIZE_MAX)), SENTENCES_HEADING_BYTES);
    h->path = LH_STR_NONE;
    for (size_t i = 0; i <= at; i++)
        if (h->levels[i].len)
            h->path = h->path.len ? lh_arena_printf(arena, "%.*s: %.*s", LH_STR_ARG(h->path), LH_STR_ARG(h->levels[i]))
                                  : h->levels[i];
    h->path = lh_str_cut_utf8(h->path, SENTENCES_PATH_BYTES);
}

lh_code rag_sentences_of(lh_breaks *sentences, lh_str text, rag_sentences_kind kind, lh_arena *arena,
                         rag_sentences *ret, lh_error *err) {
    LH_CLEANUP(lh_buf_done) lh_buf items = LH_BUF_INIT(SENTENCES_BYTES);
    sentences_headings headings = {0};
    lh_str piece, heading = LH_STR_NONE; /* heading: whose line has not ended */
    bool wrapped = kind != RAG_SENTENCES_SAID;
    if (wrapped) LH_TRY(sentences_of_document(text, kind == RAG_SENTENCES_DOCUMENT, arena, &text, err));
    LH_TRY(lh_breaks_begin(sentences, text, err));
    while (lh_breaks_next(sentences, text, &piece)) {
        rag_sentence s = {.text = lh_str_trim(piece)};
        if (wrapped && (heading.len || lh_markdown_heading(s.text))) {
            lh_str begin = heading.len ? heading : piece;
            heading = (lh_str){begin.ptr, (size_t)(piece.ptr + piece.len - begin.ptr)};
            if (!lh_str_ends(piece, LH_STR("\n"))) continue;
            sentences_head(&headings, lh_str_trim(heading), arena);
            heading = LH_STR_NONE;
        } else if (!wrapped ||
                   lh_str_search(s.text, LH_STR("```")) == SIZE_MAX) { /* code that has no lines of its own */
            s.text = lh_str_trim(lh_str_sub(s.text, lh_markdown_list_mark(s.text), s.text.len));
            s.under = headings.path;
            if (sentences_have_letter(s.text)) lh_buf_append(&items, (lh_str){(const char *)&s, sizeof s});
        }
    }
    LH_TRY(lh_buf_check(&items, err));
    ret->count = items.len / sizeof(rag_sentence);
    ret->items = LH_ARENA_ARRAY(arena, rag_sentence, ret->count + 1);
    LH_TRY(lh_arena_check(arena, err));
    if (items.len) memcpy(ret->items, items.ptr, items.len);
    return LH_OK;
}
