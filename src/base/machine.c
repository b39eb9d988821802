/* cgroups(7): version 2 has one tree, "0::/path" in the list; version 1 has one a controller, "4:memory:/path", each mounted in a folder of its
 * name. In a container the path is often the host's, of which only the root is mounted: a level that is not there is passed over. */
#include "base/base.h"
#include "base/machine_internal.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

enum { MACHINE_LINE_BYTES = 4096, MACHINE_PROCESSORS_MAX = 4096 };

/* The numbers of a file of one line; the rest, "max" and -1 among it, stays as it is. */
static void machine_read(const char *root, const char *controller, lh_str group, const char *file, uint64_t *first,
                         uint64_t *second) {
    char path[2 * MACHINE_LINE_BYTES], line[128];
    int len = snprintf(path, sizeof path, "%s%s%.*s/%s", root, controller, LH_STR_ARG(group), file);
    FILE *at = len > 0 && (size_t)len < sizeof path ? fopen(path, "re") : NULL;
    if (!at) return;
    if (fgets(line, sizeof line, at)) {
        lh_str rest = lh_str_trim(lh_str_from(line)), word = lh_str_split(&rest, ' ');
        uint64_t value;
        if (lh_str_to_u64(word, &value) == LH_OK) *first = value;
        if (second && lh_str_to_u64(rest, &value) == LH_OK) *second = value;
    }
    fclose(at);
}

static void machine_limit(machine_limits *limits, uint64_t quota, uint64_t period, uint64_t bytes) {
    if (quota != UINT64_MAX && period > 0) {
        uint64_t processors = quota / period + (quota % period != 0);
        if (processors < limits->processors) limits->processors = processors;
    }
    if (bytes < limits->bytes) limits->bytes = bytes;
}

static void machine_read_level(machine_limits *limits, const char *root, lh_str controllers, lh_str group) {
    uint64_t quota = UINT64_MAX, period = 0, bytes = UINT64_MAX;
    if (controllers.len == 0) {
        machine_read(root, "", group, "cpu.max", &quota, &period);
        machine_read(root, "", group, "memory.max", &bytes, NULL);
    }
    while (controllers.len) { /* "cpu,cpuacct" */
        lh_str controller = lh_str_split(&controllers, ',');
        if (lh_str_eq(controller, LH_STR("cpu"))) {
            machine_read(root, "/cpu", group, "cpu.cfs_quota_us", &quota, NULL);
            machine_read(root, "/cpu", group, "cpu.cfs_period_us", &period, NULL);
        } else if (lh_str_eq(controller, LH_STR("memory"))) {
            machine_read(root, "/memory", group, "memory.limit_in_bytes", &bytes, NULL);
        }
    }
    machine_limit(limits, quota, period, bytes);
}

machine_limits machine_cgroup_limits(const char *list, const char *root) {
    machine_limits limits = {UINT64_MAX, UINT64_MAX};
    char line[MACHINE_LINE_BYTES];
    FILE *groups = fopen(list, "re");
    while (groups && fgets(line, sizeof line, groups)) {
        lh_str rest = lh_str_trim(lh_str_from(line));
        (void)lh_str_split(&rest, ':');
        lh_str controllers = lh_str_split(&rest, ':');
        for (;;) {
            while (lh_str_ends(rest, LH_STR("/"))) rest.len--;
            machine_read_level(&limits, root, controllers, rest);
            if (rest.len == 0) break;
            rest.len = lh_str_after_last(rest, '/');
        }
    }
    if (groups) fclose(groups);
    return limits;
}

unsigned lh_machine_processors(void) {
    uint64_t limit = machine_cgroup_limits("/proc/self/cgroup", "/sys/fs/cgroup").processors;
    cpu_set_t *set = CPU_ALLOC(MACHINE_PROCESSORS_MAX);
    size_t bytes = CPU_ALLOC_SIZE(MACHINE_PROCESSORS_MAX);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (set && sched_getaffinity(0, bytes, set) == 0) online = CPU_COUNT_S(bytes, set);
    if (set) CPU_FREE(set);
    unsigned processors = online < 1 ? 1 : (unsigned)online;
    return limit == 0 ? 1 : limit < processors ? (unsigned)limit : processors;
}

uint64_t lh_machine_bytes(void) {
    uint64_t total = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t limit = machine_cgroup_limits("/proc/self/cgroup", "/sys/fs/cgroup").bytes;
    return limit < total ? limit : total;
}
