/* Where this program lies. */
#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

lh_code lh_beside_binary(const char *name, char *into, size_t into_bytes, lh_error *err) {
    char self[4096];
    ssize_t got = readlink("/proc/self/exe", self, sizeof self - 1);
    if (got < 0) return lh_fail_errno(err, errno, "cannot find the path of this program");
    self[got] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    if ((size_t)snprintf(into, into_bytes, "%s/%s", self, name) >= into_bytes)
        return lh_fail(err, LH_INVALID, "the path %s is too long", self);
    return LH_OK;
}
