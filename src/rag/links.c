/* Links out of a text that a model made. Where a reader's program shows Markdown or HTML, a link or an image with an address of the
 * model's making carries away what stands in it (an image without a click), so an address stays only when it stands as a whole in a
 * passage. Looked at are destinations of Markdown's links, images and definitions, attributes of tags, and bare addresses; what
 * would become one of them by a decoded entity or a backslash loses the `&` or the backslash. */
#include "rag/rag_internal.h"

enum {
    LINKS_LOOKED_MAX = 1000, /* addresses: each goes through all passages; further ones do not stay */
    LINKS_BYTES_MAX = 1024,  /* of a link or tag; what has no end by then is broken up */
};

typedef struct {
    lh_str text;
    const rag_passage *passages;
    size_t count;
    const bool *cited;
    lh_buf *into;
    size_t removed, looked;
} links;

static bool links_is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
static bool links_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static char links_at(lh_str text, size_t at) { return at < text.len ? text.ptr[at] : '\0'; }

/* Behind an address that begins at `at`. */
static size_t links_address_end(lh_str text, size_t at) {
    size_t end = at;
    while (end < text.len && !links_is_space(text.ptr[end]) && !strchr("<>\"`'|)]", text.ptr[end])) end++;
    while (end > at && strchr(".,;:!?*_", text.ptr[end - 1])) end--;
    return end;
}

/* Does an address begin there: "https://…", "www.…", "//…"? */
static bool links_begins(lh_str text, size_t at) {
    char before = at ? text.ptr[at - 1] : ' ';
    size_t word = at;
    if (lh_str_starts(lh_str_sub(text, at, 2), LH_STR("//")))
        return !links_is_alnum(before) && before != '/' && links_is_alnum(links_at(text, at + 2));
    if (links_is_alnum(before)) return false;
    if (lh_str_eq_nocase(lh_str_sub(text, at, 4), LH_STR("www."))) return true;
    if (before == '+' || before == '.' || before == '-') return false;
    while (word < text.len && (links_is_alnum(text.ptr[word]) || strchr("+.-", text.ptr[word]))) word++;
    return word > at && lh_str_starts(lh_str_sub(text, word, 3), LH_STR("://"));
}

static bool links_stands_in(lh_str text, lh_str address) {
    for (size_t at = 0; at < text.len; at++) {
        if (!links_begins(text, at)) continue;
        size_t end = links_address_end(text, at);
        if (lh_str_eq(lh_str_sub(text, at, end - at), address)) return true;
        if (end > at) at = end - 1;
    }
    return false;
}

static bool links_may_stay(links *l, lh_str address) {
    if (l->looked++ >= LINKS_LOOKED_MAX) return false;
    for (size_t i = 0; i < l->count; i++)
        if ((!l->cited || l->cited[i]) && links_stands_in(l->passages[i].text, address)) return true;
    return false;
}

/* Where a link or tag that begins at `at` ends at last: with its paragraph. */
static size_t links_last_end(lh_str text, size_t at) {
    size_t most = text.len - at > LINKS_BYTES_MAX ? at + LINKS_BYTES_MAX : text.len;
    while (at + 1 < most && !(text.ptr[at] == '\n' && text.ptr[at + 1] == '\n')) at++;
    return at + 1 < most ? at : most;
}

/* "](address "title")" at `at`: behind its end when it is to go; 0: it stays. */
static size_t links_destination(links *l, size_t at) {
    lh_str text = l->text;
    size_t most = links_last_end(text, at), end = at + 2;
    for (unsigned depth = 1; end < most; end++) {
        depth += text.ptr[end] == '(';
        depth -= text.ptr[end] == ')';
        if (depth == 0) break;
    }
    if (end == most) return at + 2; /* nothing that is shown behind it is to close it */
    lh_str inside = lh_str_trim(lh_str_sub(text, at + 2, end - at - 2));
    size_t start = inside.len && inside.ptr[0] == '<', stop = start;
    while (stop < inside.len && !links_is_space(inside.ptr[stop]) && inside.ptr[stop] != '>') stop++;
    lh_str address = lh_str_sub(inside, start, stop - start);
    return address.len && links_may_stay(l, address) ? 0 : end + 1;
}

/* "]: address" at `at`, which is that of a definition when a line begins so: *ret_from and the return value are what is to go. */
static size_t links_definition(links *l, size_t at, size_t *ret_from) {
    lh_str text = l->text;
    size_t from = at + 2, end, most;
    while (from < text.len && links_is_space(text.ptr[from])) from++;
    from += links_at(text, from) == '<';
    most = links_last_end(text, from < text.len ? from : text.len);
    for (end = from; end < most && !links_is_space(text.ptr[end]) && text.ptr[end] != '>';) end++;
    lh_str address = lh_str_sub(text, from, end - from);
    bool leads = lh_str_find(address, '/') < address.len || lh_str_find(address, '\\') < address.len ||
                 lh_str_find(address, ':') < address.len;
    *ret_from = from;
    return leads && !links_may_stay(l, lh_str_sub(text, from, links_address_end(text, from) - from)) ? end : 0;
}

/* A tag at `at`: behind its end when it is to go, behind its "<" when only that goes, as it has no end; 0: it stays. */
static size_t links_tag(links *l, size_t at) {
    lh_str text = l->text;
    size_t end = at + 1, most = links_last_end(text, at);
    char first = links_at(text, at + 1);
    bool has_value = false;
    if (!links_is_alnum(first) && first != '/' && first != '!' && first != '?') return 0;
    if (links_begins(text, at + 1)) return 0; /* an address between angles */
    for (; end < most && text.ptr[end] != '>'; end++) has_value = has_value || text.ptr[end] == '=';
    if (end == most) return has_value || end - at == LINKS_BYTES_MAX ? at + 1 : 0;
    return has_value ? end + 1 : 0;
}

/* "&#58;", "&colon;": what a reader takes for another character. */
static bool links_is_entity(lh_str text, size_t at) {
    size_t end = at + 1;
    end += links_at(text, end) == '#';
    size_t start = end;
    while (links_is_alnum(links_at(text, end))) end++;
    return end - start >= (text.ptr[start - 1] == '#' ? 1 : 2) && links_at(text, end) == ';';
}

/* "![text](address)" at `at` whose address is to go: it is no exclamation, either. */
static bool links_is_lost_image(links *l, size_t at) {
    size_t most = links_last_end(l->text, at), end = at + 2;
    for (unsigned depth = 1; end < most; end++) {
        depth += l->text.ptr[end] == '[';
        depth -= l->text.ptr[end] == ']';
        if (depth == 0) break;
    }
    return end < most && links_at(l->text, end + 1) == '(' && links_destination(l, end) > 0;
}

/* What stands at `at` and is no plain character: how many bytes of the text are done with; 0: nothing. */
static size_t links_step(links *l, size_t at) {
    lh_str text = l->text;
    char c = text.ptr[at], next = links_at(text, at + 1);
    size_t end = 0, from = 0;
    if (c == '!' && next == '[' && links_is_lost_image(l, at)) return 1;
    if (c == ']' && next == '(' && (end = links_destination(l, at))) {
        lh_buf_char(l->into, ']');
        return l->removed++, end - at;
    }
    if (c == ']' && next == ':' && (end = links_definition(l, at, &from))) {
        lh_buf_append(l->into, lh_str_sub(text, at, from - at));
        lh_buf_append(l->into, LH_STR("…")); /* what follows does not become the address */
        return l->removed++, end - at;
    }
    if (c == '<' && (end = links_tag(l, at))) return l->removed++, end - at;
    if (c == '&' && links_is_entity(text, at)) return 1;
    if (c == '\\' && (next == ':' || next == '/' || next == '.' || next == '\\')) return 1;
    if (!links_begins(text, at)) return 0;
    end = links_address_end(text, at);
    if (end == at || links_may_stay(l, lh_str_sub(text, at, end - at))) {
        lh_buf_append(l->into, lh_str_sub(text, at, end - at));
        return end - at;
    }
    lh_buf_append(l->into, LH_STR("…"));
    return l->removed++, end - at;
}

size_t rag_links_clean(lh_str text, const rag_passage *passages, size_t count, const bool *cited, lh_buf *into) {
    links l = {.text = text, .passages = passages, .count = count, .cited = cited, .into = into};
    for (size_t at = 0; at < text.len;) {
        size_t done = links_step(&l, at);
        if (done == 0) lh_buf_char(into, text.ptr[at++]);
        at += done;
    }
    return l.removed;
}
