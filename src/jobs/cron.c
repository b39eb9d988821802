/* Times as crontab(5) has them: minute, hour, day of the month, month, day of the week; each *, a number, a range, a list of those,
 * with /step. When both days are told, one of them is enough (POSIX crontab). Sunday is 0 or 7. In UTC. */
#include "jobs/jobs.h"

#include <time.h>

static const struct {
    const char *name;
    unsigned least, most;
} cron_fields[LH_CRON_FIELDS] = {
    {"minute", 0, 59}, {"hour", 0, 23}, {"day of the month", 1, 31}, {"month", 1, 12}, {"day of the week", 0, 7}};

static bool cron_number(lh_str text, unsigned least, unsigned most, unsigned *ret) {
    uint64_t number;
    if (lh_str_to_u64(text, &number) != LH_OK || number < least || number > most) return false;
    *ret = (unsigned)number;
    return true;
}

/* "*", "5", "1-5", each with "/2" behind it. */
static bool cron_item(lh_str item, size_t field, uint64_t *bits) {
    unsigned first = cron_fields[field].least, last = cron_fields[field].most, step = 1;
    lh_str step_text = item, range = lh_str_split(&step_text, '/');
    bool has_step = range.len < item.len;
    if (has_step && !cron_number(step_text, 1, last, &step)) return false;
    if (!lh_str_eq(range, LH_STR("*"))) {
        lh_str to = range, from = lh_str_split(&to, '-');
        bool is_range = from.len < range.len;
        if (!cron_number(from, first, last, &first)) return false;
        if (is_range && !cron_number(to, first, last, &last)) return false;
        if (!is_range && !has_step) last = first;
    }
    for (unsigned at = first; at <= last; at += step) *bits |= UINT64_C(1) << at;
    return true;
}

lh_code lh_cron_parse(lh_str text, lh_cron *ret, lh_error *err) {
    lh_cron cron = {0};
    lh_str rest = lh_str_trim(text);
    for (size_t i = 0; i < LH_CRON_FIELDS; i++) {
        lh_str field = lh_str_split(&rest, ' '), items = field;
        rest = lh_str_trim(rest);
        cron.any[i] = lh_str_eq(field, LH_STR("*"));
        bool good = field.len > 0 && field.ptr[field.len - 1] != ',';
        while (good && items.len) good = cron_item(lh_str_split(&items, ','), i, &cron.bits[i]);
        if (!good)
            return lh_fail(err, LH_INVALID,
                           "'%.*s' is no time to do something at: its %s is of *, numbers %u to %u, ranges, lists and "
                           "/steps, as in \"30 6 * * 1-5\"",
                           LH_STR_ARG(lh_str_cut_utf8(text, 100)), cron_fields[i].name, cron_fields[i].least,
                           cron_fields[i].most);
    }
    if (rest.len)
        return lh_fail(err, LH_INVALID, "'%.*s' has more than minute, hour, day, month and day of the week",
                       LH_STR_ARG(lh_str_cut_utf8(text, 100)));
    if (cron.bits[4] >> 7 & 1) cron.bits[4] |= 1;
    *ret = cron;
    return LH_OK;
}

static bool cron_has(const lh_cron *cron, size_t field, int value) { return cron->bits[field] >> value & 1; }

bool lh_cron_matches(const lh_cron *cron, int64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm at;
    if (!gmtime_r(&seconds, &at)) return false;
    bool day = cron_has(cron, 2, at.tm_mday), weekday = cron_has(cron, 4, at.tm_wday);
    bool of_day = cron->any[2] || cron->any[4] ? day && weekday : day || weekday;
    return cron_has(cron, 0, at.tm_min) && cron_has(cron, 1, at.tm_hour) && cron_has(cron, 3, at.tm_mon + 1) && of_day;
}
