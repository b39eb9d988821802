/* The Range header of RFC 9110, as far as one range of bytes goes. */
#ifndef LH_API_RANGE_H
#define LH_API_RANGE_H
#include "base/base.h"

typedef enum {
    API_RANGE_WHOLE, /* none, or one to ignore: malformed, of another unit, several at once */
    API_RANGE_PART,  /* 206 */
    API_RANGE_NONE,  /* 416: nothing of the object is in it */
} api_range_kind;

/* With PART: offset < size_bytes, 1 ≤ length ≤ size_bytes - offset. Cannot fail. */
api_range_kind api_range_parse(lh_str header, uint64_t size_bytes, uint64_t *ret_offset, uint64_t *ret_length);

/* Does a list of entity tags (If-Match, If-None-Match) hold `etag` (given without quotes)? "*" matches any.
 * weak: W/"x" matches as well (as If-None-Match compares). */
bool api_etag_list_has(lh_str list, lh_str etag, bool weak);
#endif
