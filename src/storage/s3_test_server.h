/* Tests only: starts a real S3 server (versitygw) on a free port over a fresh folder, with one bucket "lake".
 * Found in .deps/bin/ of a folder above the test program, or by LH_S3_SERVER; without it the test is skipped (77). */
#ifndef LH_STORAGE_S3_TEST_SERVER_H
#define LH_STORAGE_S3_TEST_SERVER_H
#include "storage/storage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct s3_test_server {
    pid_t pid;
    int port;
    char folder[128], url[64];
} s3_test_server;

static inline bool s3_test_find(char into[4096]) {
    const char *given = getenv("LH_S3_SERVER");
    if (given) return snprintf(into, 4096, "%s", given) < 4096 && access(into, X_OK) == 0;
    char self[2048];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    for (char *slash; (slash = strrchr(self, '/')); *slash = '\0') {
        snprintf(into, 4096, "%.*s/.deps/bin/versitygw", (int)(slash - self), self);
        if (access(into, X_OK) == 0) return true;
    }
    return false;
}

static inline int s3_test_connect(int port) { /* an fd, or -1 */
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static inline int s3_test_free_port(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        abort();
    close(fd);
    return ntohs(at.sin_port);
}

static inline void s3_test_exec(const char *program, const s3_test_server *server) {
    char port[32];
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(port, sizeof port, "127.0.0.1:%d", server->port);
    execl(program, "versitygw", "--quiet", "--keep-alive", "--port", port, "--access", "testaccess", "--secret",
          "testsecret", "posix", server->folder, (char *)NULL);
    _exit(127);
}

static inline int s3_test_remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
    (void)st, (void)type, (void)walk;
    return remove(path);
}

static inline void s3_test_server_stop(s3_test_server *server) {
    if (server->pid > 0) {
        kill(server->pid, SIGTERM);
        waitpid(server->pid, NULL, 0);
    }
    if (server->folder[0]) nftw(server->folder, s3_test_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *server = (s3_test_server){0};
}

/* Prints why and leaves the process with 77 when there is no server program; 1 when it does not start. */
static inline s3_test_server s3_test_server_start(void) {
    char program[4096], bucket[160];
    s3_test_server server = {.port = s3_test_free_port()};
    const char *temp = getenv("TMPDIR");
    if (!s3_test_find(program)) {
        fprintf(stderr, "skipped: no versitygw (tools/setup-s3-server installs it)\n");
        exit(77);
    }
    snprintf(server.folder, sizeof server.folder, "%.80s/lh-s3-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(server.folder)) abort();
    snprintf(bucket, sizeof bucket, "%s/lake", server.folder);
    if (mkdir(bucket, 0755) != 0) abort();
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d", server.port);
    server.pid = fork();
    if (server.pid == 0) s3_test_exec(program, &server);
    for (int fd = -1; (fd = s3_test_connect(server.port)) < 0 || close(fd) != 0;) {
        if (waitpid(server.pid, NULL, WNOHANG) != 0) {
            fprintf(stderr, "the S3 server did not start\n");
            exit(1);
        }
        lh_time_sleep_ms(20);
    }
    return server;
}

static inline lh_s3_options s3_test_options(const char *url) {
    return (lh_s3_options){.endpoint = lh_str_from(url),
                           .region = LH_STR("us-east-1"),
                           .bucket = LH_STR("lake"),
                           .access_key = LH_STR("testaccess"),
                           .secret_key = LH_STR("testsecret"),
                           .path_style = true,
                           .timeout_ms = 30000,
                           .retries = 4};
}
#endif
