/* Errors: a code that every call returns and a struct on the caller's stack. */
#ifndef LH_BASE_ERROR_H
#define LH_BASE_ERROR_H
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define LH_MUST_CHECK __attribute__((warn_unused_result))
#define LH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define LH_CLEANUP(fn) __attribute__((cleanup(fn)))
#define LH_UNUSED __attribute__((unused))

typedef enum lh_code {
    LH_OK = 0,
    LH_INVALID,     /* the caller's input is wrong; the message says where */
    LH_NOT_FOUND,   /* what was named does not exist */
    LH_CONFLICT,    /* exists already, or changed since it was read */
    LH_DENIED,      /* not allowed */
    LH_LIMIT,       /* a configured limit is passed */
    LH_NO_MEMORY,   /* allocation failed, or an arena's cap was reached */
    LH_IO,          /* disk or network failed; sys_errno when known */
    LH_CORRUPT,     /* stored bytes do not make sense */
    LH_UNAVAILABLE, /* try again later */
    LH_CANCELLED,   /* the caller went away, or the deadline passed */
    LH_INTERNAL,    /* our bug */
    LH_CODE_COUNT
} lh_code;

enum { LH_ERROR_MESSAGE_BYTES = 1024, LH_ERROR_NAME_BYTES = 256 };

/* Filled by the call that failed; untouched otherwise. `line` and `column` (from 1)
 * are the place in the input, 0 when there is none; `name` that of the table's column in question, or empty. */
typedef struct lh_error {
    lh_code code;
    int sys_errno;
    uint64_t line, column;
    char name[LH_ERROR_NAME_BYTES];
    char message[LH_ERROR_MESSAGE_BYTES];
} lh_error;

/* Writes code and message into *err (NULL is fine). The message is always UTF-8: cut at a character, other bytes become '?'. */
void lh_error_set(lh_error *err, lh_code code, const char *format, ...) LH_PRINTF(3, 4);
/* The same with errno's text appended and errno kept in sys_errno. */
void lh_error_set_errno(lh_error *err, lh_code code, int sys_errno, const char *format, ...) LH_PRINTF(4, 5);

/* `return lh_fail(err, LH_INVALID, "…", …);` (a macro, so that analyzers see the code). */
#define lh_fail(err, code, ...) (lh_error_set((err), (code), __VA_ARGS__), (code))
/* The same for a failed system call; ENOENT gives NOT_FOUND, EEXIST CONFLICT, all else IO. */
#define lh_fail_errno(err, sys_errno, ...)                                                                             \
    (lh_error_set_errno((err), lh_code_from_errno(sys_errno), (sys_errno), __VA_ARGS__),                               \
     lh_code_failed(lh_code_from_errno(sys_errno)))
/* Returns early from a function that returns lh_code. */
#define LH_TRY(call)                                                                                                   \
    do {                                                                                                               \
        lh_code lh_try_code_ = (call);                                                                                 \
        if (lh_try_code_ != LH_OK) return lh_try_code_;                                                                \
    } while (0)

lh_code lh_code_from_errno(int sys_errno);
static inline lh_code lh_code_failed(lh_code code) {
    return code != LH_OK ? code : LH_IO;
} /* never OK, which analyzers see */
/* Public name of a code: "invalid", "not_found", … Borrowed: static. */
const char *lh_code_name(lh_code code);

/* Moves a pointer out of a variable and sets that to NULL: `*ret = lh_take(&x);` */
void *lh_take_pointer(void *pointer_to_pointer);
#define lh_take(pointer_to_pointer) ((__typeof__(*(pointer_to_pointer)))lh_take_pointer(pointer_to_pointer))

/* LH_CLEANUP(lh_free_pointer) for malloced memory. */
static inline void lh_free_pointer(void *pointer_to_pointer) { free(lh_take_pointer(pointer_to_pointer)); }
/* LH_CLEANUP(lh_fd_closep) for a descriptor; below 0 is none. */
static inline void lh_fd_closep(int *fd) {
    if (*fd >= 0) (void)close(*fd);
    *fd = -1;
}
#endif
