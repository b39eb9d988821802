/* Any text as a time to do something at: it is refused, or has bits for values that there are. */
#include "jobs/jobs.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lh_cron cron;
    if (lh_cron_parse((lh_str){(const char *)data, size}, &cron, NULL) != LH_OK) return 0;
    for (size_t i = 0; i < LH_CRON_FIELDS; i++) assert(cron.bits[i] != 0 && cron.bits[i] >> 60 == 0);
    (void)lh_cron_matches(&cron, 1764360000000);
    return 0;
}
