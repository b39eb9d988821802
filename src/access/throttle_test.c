/* Limits on callers: rates, lockout, and what neither of them does to the innocent. */
#include "access/access_suite.h"
#include "access/throttle_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define SECOND 1000000000ull
enum { START_S = 1000 };

static throttle *throttle_of(throttle_rules rules) {
    throttle *t = NULL;
    lh_error err = {0};
    CHECK_OK(throttle_new(&rules, &t, &err));
    return t;
}

static lh_address peer(const char *text) { return lh_address_of_peer(lh_str_from(text)); }

static lh_address numbered(unsigned n) {
    char text[48];
    snprintf(text, sizeof text, "ipv4:10.%u.%u.%u:1", n >> 16 & 255, n >> 8 & 255, n & 255);
    return peer(text);
}

static lh_str key_numbered(unsigned n, char into[24]) {
    snprintf(into, 24, "wrong-%u", n);
    return lh_str_from(into);
}

/* ---- addresses ---- */

static void test_throttle__all_doors_have_one_form_of_an_address(void) {
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6}, mapped = {.sin6_family = AF_INET6};
    union {
        const void *in;
        const struct sockaddr *out;
    } sockets[3] = {{&ipv4}, {&ipv6}, {&mapped}};
    inet_pton(AF_INET, "192.0.2.7", &ipv4.sin_addr);
    inet_pton(AF_INET6, "2001:db8::7", &ipv6.sin6_addr);
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr);
    lh_address four = peer("ipv4:192.0.2.7:4711"), six = peer("ipv6:[2001:db8::7]:4711");
    lh_address of_sockets[3], nowhere = {0};
    for (size_t i = 0; i < 3; i++) of_sockets[i] = lh_address_of_socket(sockets[i].out);
    CHECK(memcmp(&four, &of_sockets[0], sizeof four) == 0 && memcmp(&four, &of_sockets[2], sizeof four) == 0);
    CHECK(memcmp(&six, &of_sockets[1], sizeof six) == 0 && memcmp(&four, &nowhere, sizeof four) != 0);
    const char *const same[] = {"ipv6:%5B2001:db8::7%5D:4711", "ipv6:[2001:db8::7%25eth0]:1",
                                "ipv6:%5B2001:db8::7%eth0%5D:1"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        lh_address other = peer(same[i]);
        CHECK(memcmp(&six, &other, sizeof six) == 0);
    }
    const char *const none[] = {"",          "ipv4:",         "ipv4:1.2.3:4", "ipv6:1.2.3.4:5", "unix:/tmp/x",
                                "ipv6:[::1", "ipv4:[1.2.3.4]"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        lh_address other = peer(none[i]);
        CHECK(memcmp(&nowhere, &other, sizeof other) == 0);
    }
    nowhere = lh_address_of_socket(NULL);
    CHECK(nowhere.bytes[10] == 0);
}

/* ---- rates ---- */

static void test_throttle__an_address_has_its_rate_and_a_burst(void) {
    LH_CLEANUP(throttle_freep) throttle *t = throttle_of((throttle_rules){.address_rate = 10});
    lh_address from = peer("ipv4:192.0.2.7:1"), other = peer("ipv4:192.0.2.8:1");
    uint64_t now_ns = START_S * SECOND;
    for (int n = 0; n < 20; n++) CHECK(throttle_enter(t, from, LH_STR("k"), now_ns) == 0);
    CHECK(throttle_enter(t, from, LH_STR("k"), now_ns) == 100);
    CHECK(throttle_enter(t, from, LH_STR_NONE, now_ns) == 100); /* whatever is shown */
    CHECK(throttle_enter(t, other, LH_STR("k"), now_ns) == 0);
    CHECK(throttle_enter(t, from, LH_STR("k"), now_ns + SECOND / 10 - 1) == 1);
    CHECK(throttle_enter(t, from, LH_STR("k"), now_ns + SECOND / 10) == 0);
    CHECK(throttle_enter(t, from, LH_STR("k"), now_ns + SECOND / 10) == 100);
    for (int n = 0; n < 20; n++) CHECK(throttle_enter(t, from, LH_STR("k"), now_ns + 60 * SECOND) == 0); /* no more */
    CHECK(throttle_enter(t, from, LH_STR("k"), now_ns + 60 * SECOND) > 0);
}

static void test_throttle__a_key_has_its_rate_from_everywhere(void) {
    LH_CLEANUP(throttle_freep) throttle *t = throttle_of((throttle_rules){.key_rate = 2});
    uint64_t now_ns = START_S * SECOND;
    for (unsigned n = 0; n < 4; n++) CHECK(throttle_was_good(t, numbered(n), LH_STR("k"), now_ns) == 0);
    CHECK(throttle_was_good(t, numbered(9), LH_STR("k"), now_ns) == 500);
    CHECK(throttle_was_good(t, numbered(9), LH_STR("other"), now_ns) == 0);
    CHECK(throttle_was_good(t, numbered(9), LH_STR("k"), now_ns + SECOND / 2) == 0);
}

static void test_throttle__an_ipv6_network_is_one_address(void) {
    LH_CLEANUP(throttle_freep) throttle *t = throttle_of((throttle_rules){.address_rate = 1});
    uint64_t now_ns = START_S * SECOND;
    CHECK(throttle_enter(t, peer("ipv6:[2001:db8:0:1::1]:1"), LH_STR("k"), now_ns) == 0);
    CHECK(throttle_enter(t, peer("ipv6:[2001:db8:0:1:2::3]:1"), LH_STR("k"), now_ns) == 0);
    CHECK(throttle_enter(t, peer("ipv6:[2001:db8:0:1:ffff::]:1"), LH_STR("k"), now_ns) > 0);
    CHECK(throttle_enter(t, peer("ipv6:[2001:db8:0:2::1]:1"), LH_STR("k"), now_ns) == 0);
}

/* ---- lockout ---- */

#define RULES (throttle_rules){.failures_max = 3, .window_ms = 60000, .lock_ms = 10000, .lock_max_ms = 50000}

/* Shows different wrong keys until it is locked out; gives how many it took. */
static unsigned guess(throttle *t, lh_address from, unsigned first, uint64_t now_ns) {
    char text[24];
    for (unsigned n = 0; n < 100; n++)
        if (throttle_was_wrong(t, from, key_numbered(first + n, text), now_ns)) return n + 1;
    return 0;
}

static void test_throttle__guessing_locks_out_for_a_growing_time(void) {
    LH_CLEANUP(throttle_freep) throttle *t = throttle_of(RULES);
    lh_address from = peer("ipv4:192.0.2.7:1"), other = peer("ipv4:192.0.2.8:1");
    uint64_t now_ns = START_S * SECOND;
    const uint64_t locks_s[] = {10, 20, 40, 50, 50};
    for (unsigned i = 0; i < sizeof locks_s / sizeof *locks_s; i++) {
        CHECK(guess(t, from, 10 * i, now_ns) == 3);
        CHECK(throttle_enter(t, from, LH_STR("right"), now_ns) == locks_s[i] * 1000); /* a right key, too */
        CHECK(throttle_enter(t, from, LH_STR_NONE, now_ns) == 0);                     /* no key is no guess */
        CHECK(throttle_enter(t, other, LH_STR("right"), now_ns) == 0);
        now_ns += locks_s[i] * SECOND;
        CHECK(throttle_enter(t, from, LH_STR("right"), now_ns - 1) == 1);
        CHECK(throttle_enter(t, from, LH_STR("right"), now_ns) == 0);
    }
    now_ns += 61 * SECOND; /* forgotten */
    CHECK(guess(t, from, 100, now_ns) == 3);
    CHECK(throttle_enter(t, from, LH_STR("right"), now_ns) == 10000);
}

static void test_throttle__few_wrong_keys_and_old_ones_lock_nobody_out(void) {
    LH_CLEANUP(throttle_freep) throttle *t = throttle_of(RULES);
    lh_address from = peer("ipv4:192.0.2.7:1");
    char text[24];
    uint64_t now_ns = START_S * SECOND;
    for (unsigned n = 0; n < 50; n++, now_ns += 40 * SECOND) /* two within each window */
        CHECK(!throttle_was_wrong(t, from, key_numbered(n, text), now_ns));
    LH_CLEANUP(throttle_freep) throttle *stale = throttle_of((throttle_rules){.failures_max = 16, .window_ms = 60000});
    for (unsigned n = 0; n < 1000; n++) /* clients that were not told yet, behind one address */
        CHECK(!throttle_was_wrong(stale, from, key_numbered(n % 15, text), now_ns));
    CHECK(throttle_was_wrong(stale, from, LH_STR("one more"), now_ns));
    const lh_str token = LH_STR("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln");
    for (unsigned n = 1; n < token.len; n++) CHECK(!throttle_was_wrong(t, from, token, now_ns));
    CHECK(throttle_enter(t, from, LH_STR("right"), now_ns) == 0);
    LH_CLEANUP(throttle_freep) throttle *never = throttle_of((throttle_rules){.window_ms = 60000});
    CHECK(guess(never, from, 0, now_ns) == 0);
}

static void test_throttle__who_works_there_goes_on_working(void) {
    LH_CLEANUP(throttle_freep) throttle *t = throttle_of(RULES);
    lh_address office = peer("ipv4:192.0.2.7:1"), home = peer("ipv4:192.0.2.8:1");
    uint64_t now_ns = START_S * SECOND;
    CHECK(throttle_was_good(t, office, LH_STR("ann"), now_ns) == 0);
    CHECK(throttle_was_good(t, home, LH_STR("bob"), now_ns) == 0);
    CHECK(guess(t, office, 0, now_ns) == 3);
    CHECK(throttle_enter(t, office, LH_STR("ann"), now_ns) == 0);
    CHECK(throttle_enter(t, office, LH_STR("bob"), now_ns) == 10000); /* good elsewhere tells a guesser nothing here */
    CHECK(throttle_enter(t, home, LH_STR("bob"), now_ns) == 0);
    CHECK(throttle_enter(t, office, LH_STR("eyJhIn0.eyJz.c2ln"), now_ns) == 0);
    CHECK(throttle_enter(t, office, LH_STR("eyJ.."), now_ns) == 10000); /* that is none */
}

static void test_throttle__a_flood_of_addresses_frees_no_locked_one(void) {
    LH_CLEANUP(throttle_freep) throttle *t = throttle_of(RULES);
    lh_address from = peer("ipv4:192.0.2.7:1");
    uint64_t now_ns = START_S * SECOND;
    CHECK(guess(t, from, 0, now_ns) == 3);
    for (unsigned n = 0; n < 100000; n++) CHECK(throttle_enter(t, numbered(n), LH_STR("k"), now_ns + n) == 0);
    CHECK(throttle_enter(t, from, LH_STR("right"), now_ns + SECOND) == 9000);
}

/* ---- at the door ---- */

static void test_throttle__the_doors_ask_it(void) {
    LH_CLEANUP(lake_done) lake l;
    lh_error err = {0};
    lh_json *made = NULL;
    char text[24];
    lake_open(&l);
    lh_access_free(lh_take(&l.access));
    l.config.auth_lockout_failures = 3;
    l.config.auth_lockout_window_ms = l.config.auth_lockout_ms = l.config.auth_lockout_max_ms = 600000;
    CHECK_OK(lh_access_new(&l.config, l.catalog, &l.access, &err));
    CHECK_OK(lh_access_key_create(l.catalog, LH_STR("k"), LH_STR("read"), LH_STR_NONE, l.arena, &made, &err));
    lh_str key = lh_json_get_string(made, "key");
    for (unsigned n = 0; n < 3; n++) {
        lh_identity wrong = lh_access_identify(l.access, key_numbered(n, text), numbered(1), l.arena);
        CHECK(!wrong.known && wrong.retry_after_ms == 0);
    }
    lh_identity locked = lh_access_identify(l.access, key, numbered(1), l.arena);
    CHECK(!locked.known && locked.retry_after_ms > 500000 && locked.permission == LH_PERMIT_PUBLIC);
    CHECK(lh_access_identify(l.access, key, numbered(2), l.arena).known);
    lh_identity none = lh_access_identify(l.access, LH_STR_NONE, numbered(1), l.arena);
    CHECK(!none.known && none.retry_after_ms == 0);
}

LH_TEST_MAIN(LH_TEST(test_throttle__all_doors_have_one_form_of_an_address),
             LH_TEST(test_throttle__an_address_has_its_rate_and_a_burst),
             LH_TEST(test_throttle__a_key_has_its_rate_from_everywhere),
             LH_TEST(test_throttle__an_ipv6_network_is_one_address),
             LH_TEST(test_throttle__guessing_locks_out_for_a_growing_time),
             LH_TEST(test_throttle__few_wrong_keys_and_old_ones_lock_nobody_out),
             LH_TEST(test_throttle__who_works_there_goes_on_working),
             LH_TEST(test_throttle__a_flood_of_addresses_frees_no_locked_one), LH_TEST(test_throttle__the_doors_ask_it))
