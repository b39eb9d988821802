#include "base/base.h"
#include "base/machine_internal.h"
#include "base/test.h"

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree of cgroups in a folder of the test's own. */
typedef struct tree {
    char root[32];
} tree;

static tree tree_new(void) {
    tree made = {"/tmp/machine_XXXXXX"};
    CHECK(mkdtemp(made.root));
    return made;
}

static void tree_write(const tree *t, const char *name, const char *text) {
    char path[256];
    CHECK(snprintf(path, sizeof path, "%s/%s", t->root, name) < (int)sizeof path);
    for (char *at = path + strlen(t->root) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        CHECK(mkdir(path, 0700) == 0 || access(path, X_OK) == 0);
    }
    FILE *file = fopen(path, "we");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static machine_limits tree_limits(const tree *t, const char *list) {
    char path[64];
    tree_write(t, "list", list);
    snprintf(path, sizeof path, "%s/list", t->root);
    return machine_cgroup_limits(path, t->root);
}

static int tree_remove(const char *path, const struct stat *ignored, int kind, struct FTW *place) {
    (void)ignored, (void)kind, (void)place;
    return remove(path);
}

static void tree_done(const tree *t) { CHECK(nftw(t->root, tree_remove, 4, FTW_DEPTH | FTW_PHYS) == 0); }

static void test_machine__the_least_limit_of_a_group_and_of_those_above_it_counts(void) {
    tree t = tree_new();
    tree_write(&t, "a.slice/cpu.max", "150000 100000\n");
    tree_write(&t, "a.slice/memory.max", "max\n");
    tree_write(&t, "a.slice/b.service/cpu.max", "400000 100000\n");
    tree_write(&t, "a.slice/b.service/memory.max", "1073741824\n");
    machine_limits both = tree_limits(&t, "0::/a.slice/b.service\n"), above = tree_limits(&t, "0::/a.slice\n");
    CHECK(both.processors == 2 && both.bytes == 1073741824);
    CHECK(above.processors == 2 && above.bytes == UINT64_MAX);
    machine_limits none = tree_limits(&t, "0::/\n"), foreign = tree_limits(&t, "0::/of/the/host\n");
    CHECK(none.processors == UINT64_MAX && none.bytes == UINT64_MAX && foreign.processors == UINT64_MAX);
    tree_write(&t, "cpu.max", "max 100000\n");
    CHECK(tree_limits(&t, "0::/\n").processors == UINT64_MAX);
    tree_write(&t, "cpu.max", "50000 100000\n"); /* half of one; a container's root, whose path is the host's */
    CHECK(tree_limits(&t, "0::/of/the/host\n").processors == 1);
    tree_done(&t);
}

static void test_machine__groups_of_version_1_are_read_where_their_controller_is_mounted(void) {
    tree t = tree_new();
    tree_write(&t, "cpu/docker/cpu.cfs_quota_us", "300000\n");
    tree_write(&t, "cpu/docker/cpu.cfs_period_us", "100000\n");
    tree_write(&t, "cpu/cpu.cfs_quota_us", "-1\n");
    tree_write(&t, "cpu/cpu.cfs_period_us", "100000\n");
    tree_write(&t, "memory/memory.limit_in_bytes", "9223372036854771712\n");
    tree_write(&t, "memory/docker/memory.limit_in_bytes", "4096000\n");
    machine_limits limits = tree_limits(&t, "4:memory:/docker\n2:cpu,cpuacct:/docker\n0::/\n");
    CHECK(limits.processors == 3 && limits.bytes == 4096000);
    tree_done(&t);
}

static void test_machine__a_process_on_one_processor_has_one(void) {
    cpu_set_t before, one;
    CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    CPU_ZERO(&one);
    for (size_t i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before)) CPU_SET(i, &one);
    CHECK(lh_machine_processors() >= 1 && lh_machine_processors() <= (unsigned)CPU_COUNT(&before));
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(lh_machine_processors() == 1);
    CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
    CHECK(lh_machine_bytes() > 0);
}

LH_TEST_MAIN(LH_TEST(test_machine__the_least_limit_of_a_group_and_of_those_above_it_counts),
             LH_TEST(test_machine__groups_of_version_1_are_read_where_their_controller_is_mounted),
             LH_TEST(test_machine__a_process_on_one_processor_has_one))
