/* What a request does about a service that does not answer: how long it waits, for it and between tries. Needs no S3. */
#include "base/test.h"
#include "storage/s3_internal.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_s3__waits_between_tries_are_spread_and_bounded(void) {
    for (unsigned attempt = 0; attempt < 70; attempt++) { /* 64 and more: nothing is shifted out */
        uint64_t most = attempt < 6 ? (uint64_t)100 << attempt : 5000, least_seen = UINT64_MAX, most_seen = 0;
        for (int i = 0; i < 200; i++) {
            uint64_t ms = s3_backoff_ms(attempt);
            CHECK(ms >= 1 && ms <= most);
            if (ms < least_seen) least_seen = ms;
            if (ms > most_seen) most_seen = ms;
        }
        CHECK(least_seen < most / 2 && most_seen > most / 2); /* missed once in 2^200 runs */
    }
}

/* The kernel takes the connection; nobody ever reads or writes on it. */
static int silent_listen(char url[64]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    snprintf(url, 64, "http://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

static void test_s3__a_service_that_is_silent_is_given_up(void) {
    char url[64];
    int fd = silent_listen(url);
    lh_bucket *bucket = NULL;
    lh_error err = {0};
    const lh_s3_options options = {.endpoint = lh_str_from(url),
                                   .region = LH_STR("us-east-1"),
                                   .bucket = LH_STR("lake"),
                                   .access_key = LH_STR("testaccess"),
                                   .secret_key = LH_STR("testsecret"),
                                   .path_style = true,
                                   .timeout_ms = 100};
    CHECK(lh_bucket_open_s3(&options, &bucket, &err) == LH_UNAVAILABLE && !bucket); /* it asks the bucket at once */
    CHECK(strstr(err.message, "the last 1 seconds")); /* its own time, rounded up, not the usual one */
    CHECK(!strstr(err.message, "testsecret"));
    close(fd);
}

LH_TEST_MAIN(LH_TEST(test_s3__waits_between_tries_are_spread_and_bounded),
             LH_TEST(test_s3__a_service_that_is_silent_is_given_up))
