#include "base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* A message quotes what came from outside, and goes out as JSON: bytes that are not UTF-8 become '?'. */
static void error_repair(char *text) {
    lh_str rest = lh_str_from(text);
    for (;;) {
        size_t good = lh_str_utf8_prefix(rest);
        if (good == rest.len) return;
        text[good] = '?';
        text += good + 1;
        rest = lh_str_from(text);
    }
}

static void error_vset(lh_error *err, lh_code code, const char *format, va_list args) LH_PRINTF(3, 0);
static void error_vset(lh_error *err, lh_code code, const char *format, va_list args) {
    char text[LH_ERROR_MESSAGE_BYTES]; /* the arguments may point into err->message */
    int length = vsnprintf(text, sizeof text, format, args);
    if (length >= (int)sizeof text) {  /* cut: not inside a UTF-8 character */
        size_t last = sizeof text - 2; /* to the first byte of the last character */
        while (last > 0 && ((unsigned char)text[last] & 0xC0) == 0x80) last--;
        if (!lh_str_is_utf8((lh_str){text + last, sizeof text - 1 - last})) text[last] = '\0';
    }
    error_repair(text);
    *err = (lh_error){.code = code};
    memcpy(err->message, text, sizeof text);
}

void lh_error_set(lh_error *err, lh_code code, const char *format, ...) {
    if (!err) return;
    va_list args;
    va_start(args, format);
    error_vset(err, code, format, args);
    va_end(args);
}

void lh_error_set_errno(lh_error *err, lh_code code, int sys_errno, const char *format, ...) {
    if (!err) return;
    va_list args;
    va_start(args, format);
    error_vset(err, code, format, args);
    va_end(args);
    char reason[128];
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", strerror_r(sys_errno, reason, sizeof reason));
    err->sys_errno = sys_errno;
}

void lh_error_set_name(lh_error *err, lh_str name) {
    if (!err) return;
    name = lh_str_cut_utf8(name, sizeof err->name - 1);
    if (name.len) memcpy(err->name, name.ptr, name.len);
    err->name[name.len] = '\0';
    error_repair(err->name);
}

lh_code lh_code_from_errno(int sys_errno) {
    if (sys_errno == ENOENT) return LH_NOT_FOUND;
    if (sys_errno == EEXIST) return LH_CONFLICT;
    if (sys_errno == ENOMEM) return LH_NO_MEMORY;
    return LH_IO;
}

const char *lh_code_name(lh_code code) {
    static const char *const names[LH_CODE_COUNT] = {
        [LH_OK] = "ok",
        [LH_INVALID] = "invalid",
        [LH_NOT_FOUND] = "not_found",
        [LH_CONFLICT] = "conflict",
        [LH_DENIED] = "denied",
        [LH_LIMIT] = "limit",
        [LH_NO_MEMORY] = "no_memory",
        [LH_IO] = "io",
        [LH_CORRUPT] = "corrupt",
        [LH_UNAVAILABLE] = "unavailable",
        [LH_CANCELLED] = "cancelled",
        [LH_INTERNAL] = "internal",
    };
    return (unsigned)code < LH_CODE_COUNT ? names[code] : "internal";
}

void *lh_take_pointer(void *pointer_to_pointer) {
    void *pointer;
    memcpy(&pointer, pointer_to_pointer, sizeof pointer);
    memset(pointer_to_pointer, 0, sizeof pointer);
    return pointer;
}
