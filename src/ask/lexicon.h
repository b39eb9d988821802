/* The words that a schema knows: names, synonyms, descriptions and values of its tables and columns, found in a question. */
#ifndef LH_ASK_LEXICON_H
#define LH_ASK_LEXICON_H
#include "ask/ask_internal.h"

typedef struct lexicon lexicon; /* arena */
typedef struct lexicon_match {
    size_t words; /* of the question */
    double score; /* 0 to 1 */
    ask_ref ref;
    size_t value; /* of the column */
    bool rivals;  /* another value of the column begins so, too, or most of its words are missing */
} lexicon_match;
LH_MUST_CHECK lh_code lexicon_new(const ask_schema *schema, bool synonyms, bool values, lh_terms *terms,
                                  lh_arena *arena, lexicon **ret, lh_error *err);
enum { LEXICON_MATCHES = 64 };
/* These words do not change any more: what is found at each is kept. */
void lexicon_keep(lexicon *lex, const ask_token *tokens, size_t count);
/* What begins at that word, each table, column or value at most once, the best of it. Returns how many, at most `max`. */
size_t lexicon_tables(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                      size_t max);
size_t lexicon_columns(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                       size_t max);
size_t lexicon_values(const lexicon *lex, const ask_token *tokens, size_t count, size_t at, lexicon_match *into,
                      size_t max);
/* Is a word of five letters or more the other but for one letter, or two that changed places? */
bool lexicon_slip(lh_str a, lh_str b);
/* The one word of a value of which it is a slip; NULL: none, or several. */
const ask_token *lexicon_value_slip(const lexicon *lex, const ask_token *said);
/* Values that end with a word that is said in the plural: nurses, of "Registered Nurse". 0: none, or more than `max`. */
size_t lexicon_value_heads(const lexicon *lex, const ask_token *said, lexicon_match *into, size_t max);
/* Is it the same word, inflected or with a slip? */
bool lexicon_same(const ask_token *said, const ask_token *word);
lh_str lexicon_stem(const lexicon *lex, lh_str word); /* arena */
/* Is one of the words of the column's name, or of its synonyms, that word, inflected? has: or what people say for it. */
bool lexicon_column_named(const lexicon *lex, ask_ref column, const ask_token *word);
/* Has a name of a table or a column the very word? */
bool lexicon_has_word(const lexicon *lex, const ask_token *word);
bool lexicon_column_has(const lexicon *lex, ask_ref column, const ask_token *word);
#endif
