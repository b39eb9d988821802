/* Words of a question that are one: numbers written out, "forty grand"; and courtesy, which is none of it. Before anything is read. */
#include "ask/plan_internal.h"

static double joined_scale(const ask_token *t) {
    static const struct {
        const char *words;
        double scale;
    } rows[] = {{"hundred", 1e2}, {"thousand grand", 1e3}, {"million mio", 1e6}, {"billion bn", 1e9}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows && t->kind == ASK_WORD && !t->capital; i++)
        if (ask_in(t->one, rows[i].words)) return rows[i].scale;
    return 0;
}

/* "two hundred and fifty thousand", "2.5 million", "a thousand", "twenty five". Returns how many words it takes; 0: there are not several. */
static size_t joined_number(const ask_token *t, size_t count, size_t at, double *ret, double *ret_scale) {
    bool number = false;
    double now = ask_is(&t[at], "a") && t[at].kind == ASK_WORD ? 1 : ask_word_number(&t[at], &number), all = 0;
    bool one = !number && now > 0;
    size_t i = at + 1;
    *ret_scale = 1;
    if ((!number && !one) || (number && t[at].kind == ASK_WORD && (t[at].capital || joined_scale(&t[at]) > 0)) ||
        (t[at].kind == ASK_NUMERAL && (t[at].percent || t[at].plus)))
        return 0;
    for (bool tens = now >= 20 && now < 100 && t[at].kind == ASK_WORD; i < count; i++) {
        double scale = joined_scale(&t[i]),
               more = t[i].kind == ASK_WORD && scale <= 0 ? ask_word_number(&t[i], &number) : 0;
        bool and = ask_is(&t[i], "and") && i + 1 < count && i > at + 1 && t[i + 1].kind == ASK_WORD;
        if (and&&(ask_word_number(&t[i + 1], &number), number) && joined_scale(&t[i + 1]) <= 0) continue;
        if (scale > 100 || (scale > 0 && now < 100)) {
            now *= scale;
            *ret_scale = scale;
            if (scale > 100) all += now, now = 0;
            tens = false;
        } else if (more > 0 && !t[i].capital &&
                   ((tens && more < 10) || (all > 0 && now <= 0) || (now >= 100 && more < 100))) {
            now += more;
            tens = more >= 20;
        } else break;
    }
    *ret = all + now;
    return i > at + 1 ? i - at : 0;
}

static size_t joined_courtesy(const ask_token *t, size_t count, bool first) {
    static const char *const phrases[] = {"if it is not too much trouble",
                                          "if it not too much trouble",
                                          "if you do not mind",
                                          "if you would not mind",
                                          "if possible",
                                          "would you be so kind as to",
                                          "could you be so kind as to",
                                          "thanks a lot",
                                          "thank you very much",
                                          "thank you so much",
                                          "thanks in advance",
                                          "many thanks",
                                          "i was wondering",
                                          "do you happen to know",
                                          "do you know",
                                          "i would like to know",
                                          "i would love to know",
                                          "i want to know",
                                          "out of curiosity",
                                          "quick question"};
    if (count == 0) return 0;
    size_t best = 0;
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        size_t n = ask_words_at(t, count, 0, phrases[i]);
        if (n > best) best = n;
    }
    if (best || !first) return best;
    size_t n = ask_words_at(t, count, 0, "can you");
    if (!n) n = ask_words_at(t, count, 0, "could you");
    if (!n) n = ask_words_at(t, count, 0, "would you");
    if (n) return n;
    return t[0].kind == ASK_STOP ||
           (t[0].kind == ASK_WORD && ask_in(t[0].word, "please pls plz kindly hi hello hey ok okay well"));
}

/* "under-25s": people of that age. */
static void joined_age(ask_token *t) {
    size_t digits = 0;
    while (digits < t->word.len && t->word.ptr[digits] >= '0' && t->word.ptr[digits] <= '9') digits++;
    if (!digits || digits > 2 || digits + 1 != t->word.len || t->word.ptr[digits] != 's') return;
    uint64_t number = 0;
    if (lh_str_to_u64(lh_str_sub(t->word, 0, digits), &number) != LH_OK) return;
    t->kind = ASK_NUMERAL;
    t->number = (double)number;
}

/* "phone no. of", "order no. 17": a number, not that there is none. */
static void joined_no(ask_token *t, size_t count, size_t at) {
    bool dot = t[at].kind == ASK_WORD && ask_in(t[at].word, "no nr") && at + 1 < count &&
               t[at].raw.ptr[t[at].raw.len] == '.' && t[at + 1].kind != ASK_STOP;
    if (dot) t[at].word = t[at].one = t[at].stem = LH_STR("number");
}

size_t plan_join(ask_token *t, size_t count, lh_arena *arena) {
    size_t kept = 0;
    for (size_t at = 0; at < count;) {
        double number = 0, scale = 1;
        size_t n = joined_courtesy(t + at, count - at, kept == 0);
        if (n) {
            at += n;
            continue;
        }
        if (at && t[at].kind == ASK_WORD && ask_in(t[at - 1].word, "under over")) joined_age(&t[at]);
        n = joined_number(t, count, at, &number, &scale);
        joined_no(t, count, at);
        t[kept] = t[at];
        if (n) {
            ask_token *made = &t[kept];
            const ask_token *last = &t[at + n - 1];
            made->raw = (lh_str){t[at].raw.ptr, (size_t)(last->raw.ptr + last->raw.len - t[at].raw.ptr)};
            made->kind = ASK_NUMERAL;
            made->number = number;
            made->grouped = true;
            made->percent = last->percent;
            made->word = made->one = made->stem = lh_arena_printf(arena, "%.0f", number);
            ask_token *low =
                kept > 1 && t[kept - 1].kind == ASK_WORD && ask_in(t[kept - 1].word, "and to") ? &t[kept - 2] : NULL;
            if (low && low->kind == ASK_NUMERAL && !low->grouped && low->number < 1000 && kept > 2 && scale > 100 &&
                ask_in(t[kept - 3].word, "between from"))
                low->number *= scale, low->grouped = true; /* between 2 and 5 million */
        }
        kept++;
        at += n ? n : 1;
    }
    return kept;
}
