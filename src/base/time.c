#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

int64_t lh_time_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t lh_time_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void lh_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct timespec lh_time_instant(uint64_t monotonic_ns) {
    return (struct timespec){.tv_sec = (time_t)(monotonic_ns / 1000000000u),
                             .tv_nsec = (long)(monotonic_ns % 1000000000u)};
}

void lh_time_sleep_us(uint64_t us) {
    struct timespec left = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

static struct tm time_utc(int64_t ms, int *ret_ms) {
    int64_t seconds = ms / 1000;
    int rest = (int)(ms % 1000);
    if (rest < 0) rest += 1000, seconds--;
    time_t t = (time_t)seconds;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    *ret_ms = rest;
    return tm;
}

lh_time_text lh_time_rfc3339(int64_t ms) {
    int rest;
    struct tm tm = time_utc(ms, &rest);
    lh_time_text out;
    snprintf(out.text, sizeof out.text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (tm.tm_year + 1900) % 10000,
             (tm.tm_mon + 1) % 100, tm.tm_mday % 100, tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100, rest);
    return out;
}

lh_time_text lh_time_http(int64_t ms) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int rest;
    struct tm tm = time_utc(ms, &rest);
    lh_time_text out;
    snprintf(out.text, sizeof out.text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday % 7], tm.tm_mday % 100,
             months[tm.tm_mon % 12], (tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
    return out;
}

static bool time_digits(lh_str text, size_t at, size_t count, int *ret) {
    uint64_t value;
    if (at + count > text.len || lh_str_to_u64(lh_str_sub(text, at, count), &value) != LH_OK) return false;
    *ret = (int)value;
    return true;
}

lh_code lh_time_parse_rfc3339(lh_str text, int64_t *ret_ms) {
    struct tm tm = {0};
    int year, month, fraction_ms = 0, offset_minutes = 0;
    if (text.len < 20 || text.ptr[4] != '-' || text.ptr[7] != '-' || (text.ptr[10] != 'T' && text.ptr[10] != ' ') ||
        text.ptr[13] != ':' || text.ptr[16] != ':')
        return LH_INVALID;
    if (!time_digits(text, 0, 4, &year) || !time_digits(text, 5, 2, &month) || !time_digits(text, 8, 2, &tm.tm_mday) ||
        !time_digits(text, 11, 2, &tm.tm_hour) || !time_digits(text, 14, 2, &tm.tm_min) ||
        !time_digits(text, 17, 2, &tm.tm_sec))
        return LH_INVALID;
    if (month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 ||
        tm.tm_sec > 60)
        return LH_INVALID;
    size_t at = 19;
    if (text.ptr[at] == '.') {
        int weight = 100;
        for (at++; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, weight /= 10)
            fraction_ms += (text.ptr[at] - '0') * weight;
    }
    lh_str zone = lh_str_sub(text, at, SIZE_MAX);
    if (zone.len == 6 && (zone.ptr[0] == '+' || zone.ptr[0] == '-') && zone.ptr[3] == ':') {
        int hours, minutes;
        if (!time_digits(zone, 1, 2, &hours) || !time_digits(zone, 4, 2, &minutes)) return LH_INVALID;
        offset_minutes = (zone.ptr[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
    } else if (!lh_str_eq_nocase(zone, LH_STR("Z"))) {
        return LH_INVALID;
    }
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    *ret_ms = ((int64_t)timegm(&tm) - offset_minutes * 60) * 1000 + fraction_ms;
    return LH_OK;
}
