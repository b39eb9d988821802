/* Private to pdf.c and pdf_child.c: what the two processes tell each other. */
#ifndef LH_DOCUMENT_PDF_INTERNAL_H
#define LH_DOCUMENT_PDF_INTERNAL_H
#include "document/document_internal.h"

#include <fcntl.h>

/* With which the child ends. */
typedef enum pdf_status {
    PDF_READ = 0,
    PDF_BROKEN = 10,
    PDF_LOCKED = 11,
    PDF_LONG = 12,
    PDF_NO_LIBRARY = 13
} pdf_status;
/* From now on this process may ask the system for memory, the clock and its end, and read and write what is open; for good. False: the
 * system has no such filter, or not for this machine. */
bool pdf_lock_in(void);
bool pdf_library_path(char *into, size_t room); /* false: it has none */
/* UTF-16 in the machine's order as UTF-8: line ends as LF, words that a hyphen divides at the end of a line whole, no control characters. */
void pdf_utf16(const uint16_t *units, size_t count, lh_buf *into);
#endif
