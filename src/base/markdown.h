/* Lines of Markdown as people write it: which are headings, rules, items of lists, and which begin and end code. A line comes without its
 * end. */
#ifndef LH_BASE_MARKDOWN_H
#define LH_BASE_MARKDOWN_H
#include "base/str.h"

enum { LH_MARKDOWN_LEVELS = 6 };
/* "# …" to "###### …": its marks; 0: it is no heading. */
size_t lh_markdown_heading(lh_str line);
/* "Title" over "=====" or "-----". The line must go on with none before it. */
bool lh_markdown_is_underlined(lh_str line, lh_str next);
/* Nothing, or a rule between parts. */
bool lh_markdown_is_blank(lh_str line);
/* "- ", "* ", "> ", "# ", "3. ", "3) " and "- [ ] " at the beginning of a line: their bytes. */
size_t lh_markdown_list_mark(lh_str line);
/* A line that begins or ends code, "```sh": its marks, of which *ret_of is one; 0: it is none. *ret_info: is there a word behind, as only
 * one that begins some has? */
size_t lh_markdown_fence(lh_str line, char *ret_of, bool *ret_info);
#endif
