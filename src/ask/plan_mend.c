/* Words that nothing is called by, before a question is read: names that are written small, "un-" before what is known, slips of a
 * letter in words of form. */
#include "ask/plan_internal.h"

/* "united" before or behind "vs", "did delta", …: a name begins so, and is written small. */
static bool mend_is_name(const plan_state *p, ask_token *tokens, size_t i) {
    static const char around[] = "vs versus does did do by for from to at near with or";
    lexicon_match found[PLAN_MATCHES];
    bool before = i && tokens[i - 1].kind == ASK_WORD && ask_in(tokens[i - 1].word, around),
         behind = i + 1 < p->count && tokens[i + 1].kind == ASK_WORD && ask_in(tokens[i + 1].word, "vs versus or");
    if (!before && !behind) return false;
    tokens[i].capital = true;
    size_t n = lexicon_values(p->lex, tokens, p->count, i, found, PLAN_MATCHES);
    tokens[i].capital = false;
    for (size_t k = 0; k < n; k++)
        tokens[i].capital |= !found[k].rivals && found[k].score >= 0.65 &&
                             lh_str_ends(plan_column(p, found[k].ref)->name, LH_STR("name"));
    return tokens[i].capital;
}

/* "unrenewed" of what is "renewed". */
static bool mend_is_negated(const plan_state *p, ask_token *tokens, size_t i) {
    const ask_token whole = tokens[i];
    lexicon_match found[PLAN_MATCHES];
    bool inactive = lh_str_starts(whole.word, LH_STR("in")) && whole.word.len > 7;
    if (whole.word.len < 6 || (!lh_str_starts(whole.word, LH_STR("un")) && !inactive)) return false;
    lh_str *const parts[] = {&tokens[i].word, &tokens[i].one};
    for (size_t k = 0; k < 2; k++) *parts[k] = lh_str_sub(*parts[k], 2, parts[k]->len);
    tokens[i].stem = lexicon_stem(p->lex, tokens[i].one);
    size_t n = lexicon_columns(p->lex, tokens, p->count, i, found, PLAN_MATCHES);
    for (size_t k = 0; k < n; k++)
        tokens[i].negated |= found[k].score >= 0.7 && plan_column(p, found[k].ref)->type == ASK_BOOL;
    n = lexicon_values(p->lex, tokens, p->count, i, found, PLAN_MATCHES);
    for (size_t k = 0; k < n && whole.word.len > 6; k++) tokens[i].negated |= found[k].score >= 0.9;
    if (!tokens[i].negated) tokens[i] = whole;
    return tokens[i].negated;
}

/* "outdoor" of what is "indoor" or not. */
static bool mend_is_opposite(const plan_state *p, ask_token *tokens, size_t i) {
    static const char *const pairs[][2] = {
        {"outdoor", "indoor"},      {"private", "public"},   {"offline", "online"},   {"external", "internal"},
        {"temporary", "permanent"}, {"manual", "automatic"}, {"foreign", "domestic"}, {"optional", "mandatory"},
        {"optional", "required"},   {"used", "new"},         {"closed", "open"}};
    const ask_token whole = tokens[i];
    for (size_t k = 0; k < 2 * sizeof pairs / sizeof *pairs; k++) {
        lexicon_match found[PLAN_MATCHES];
        if (!lh_str_eq(whole.word, lh_str_from(pairs[k / 2][k % 2]))) continue;
        tokens[i].word = tokens[i].one = lh_str_from(pairs[k / 2][1 - k % 2]);
        tokens[i].stem = lexicon_stem(p->lex, tokens[i].one);
        size_t n = lexicon_columns(p->lex, tokens, p->count, i, found, PLAN_MATCHES);
        for (size_t m = 0; m < n; m++)
            tokens[i].negated |= found[m].score >= 0.9 && plan_column(p, found[m].ref)->type == ASK_BOOL;
        if (tokens[i].negated) return true;
        tokens[i] = whole;
    }
    return false;
}

/* "cost more than 100" is of a price, where there are costs, too. */
static void mend_cost(const plan_state *p, ask_token *tokens) {
    const ask_token price = {
        .kind = ASK_WORD, .word = LH_STR("price"), .one = LH_STR("price"), .stem = LH_STR("price")};
    lexicon_match ignored[1], named[PLAN_MATCHES];
    for (size_t i = 0; i + 1 < p->count; i++) {
        size_t n = i ? lexicon_columns(p->lex, tokens, p->count, i - 1, named, PLAN_MATCHES) : 0;
        bool name = false; /* unit cost */
        for (size_t k = 0; k < n; k++) name |= named[k].words > 1;
        bool verb = !name && tokens[i].kind == ASK_WORD && ask_in(tokens[i].word, "cost costs") &&
                    tokens[i + 1].kind == ASK_WORD &&
                    ask_in(tokens[i + 1].word, "more less over under between at above below up");
        if (!verb || !lexicon_columns(p->lex, &price, 1, 0, ignored, 1)) continue;
        tokens[i].word = tokens[i].one = tokens[i].stem = price.word;
    }
}

/* "averge": a word that nothing is called by, one letter beside a word of form. */
void plan_mend(const plan_state *p, ask_token *tokens) {
    static const char forms[] =
        "average number total different distinct unique percentage proportion between highest "
        "lowest longest shortest largest smallest biggest latest earliest oldest newest cheapest "
        "greatest fewest median maximum minimum without greater higher lower";
    mend_cost(p, tokens);
    for (size_t i = 0; i < p->count; i++) {
        plan_mark_filler(&tokens[i]);
        tokens[i].known = tokens[i].kind == ASK_WORD && lexicon_has_word(p->lex, &tokens[i]);
    }
    for (size_t i = 0; i < p->count; i++) {
        lexicon_match ignored[1];
        if (tokens[i].kind != ASK_WORD || tokens[i].capital || tokens[i].word.len < 5 || plan_filler(&tokens[i]) ||
            ask_in(tokens[i].word, forms) || lexicon_tables(p->lex, tokens, p->count, i, ignored, 1) ||
            lexicon_columns(p->lex, tokens, p->count, i, ignored, 1) ||
            lexicon_values(p->lex, tokens, p->count, i, ignored, 1) || mend_is_name(p, tokens, i) ||
            mend_is_opposite(p, tokens, i) || mend_is_negated(p, tokens, i))
            continue;
        for (lh_str rest = lh_str_from(forms); rest.len;) {
            lh_str form = lh_str_split(&rest, ' ');
            if (!lexicon_slip(tokens[i].word, form)) continue;
            tokens[i].word = tokens[i].one = tokens[i].stem = form;
            plan_mark_filler(&tokens[i]);
            break;
        }
    }
}
