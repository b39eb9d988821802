/* Any bytes as lakehouse.toml: no crash, and a refusal always says why. */
#include "base/base.h"
#include "base/config_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    if (lh_arena_new(8 << 20, &arena, &err) != LH_OK) return 0;
    lh_config config;
    if (lh_config_load(arena, NULL, NULL, NULL, 0, &config, &err) != LH_OK) abort();
    lh_str text, shown;
    if (lh_config_read_toml(arena, "f", (lh_str){(const char *)data, size}, &config, &err) != LH_OK) {
        if (!err.message[0]) abort();
        return 0;
    }
    /* What was read can be shown, and what is shown can be read. */
    if (lh_config_show(arena, &config, &text, &err) != LH_OK) abort();
    if (lh_config_read_toml(arena, "f", text, &config, &err) != LH_OK) abort();
    if (lh_config_show(arena, &config, &shown, &err) != LH_OK || !lh_str_eq(text, shown)) abort();
    return 0;
}
