/* A way out of std::terminate(): the iceberg extension of DuckDB 1.5.5 throws out of a destructor when a manifest cannot
 * be read (a file that is gone or damaged, S3 that does not answer), which would end the process. See docs/adr/0011. */
#ifndef LH_ENGINE_ESCAPE_H
#define LH_ENGINE_ESCAPE_H
#include <setjmp.h>
#include <stddef.h>

/* Plain value on the stack of who calls DuckDB; nothing in it is for callers but `message`. */
typedef struct engine_escape {
    jmp_buf jump;
    struct engine_escape *outer;
    void *exceptions[2]; /* the C++ runtime's state of this thread */
    char message[1000];  /* of the exception that could not be thrown */
} engine_escape;

/* if (ENGINE_ESCAPE(&e)) { calls of DuckDB; engine_escape_done(&e); } else { they were abandoned half way: whatever they
 * held is lost, and the connection must never be used, interrupted or closed again }. Nothing between may return. */
#define ENGINE_ESCAPE(escape) (engine_escape_begin(escape), setjmp((escape)->jump) == 0)
void engine_escape_begin(engine_escape *escape);
void engine_escape_done(engine_escape *escape);
#endif
