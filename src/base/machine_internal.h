#ifndef LH_BASE_MACHINE_INTERNAL_H
#define LH_BASE_MACHINE_INTERNAL_H
#include <stdint.h>

typedef struct machine_limits {
    uint64_t processors, bytes; /* UINT64_MAX: none */
} machine_limits;

/* The least of the limits of the groups that `list` tells (of the form of /proc/self/cgroup), and of those above them; `root` is where they are
 * mounted. Files that are not there limit nothing. */
machine_limits machine_cgroup_limits(const char *list, const char *root);
#endif
