/* From flags to a configuration: --config or ./lakehouse.toml, the environment, then the flags. */
#include "cli/cli_internal.h"

#include <unistd.h>

const char *lh_cli_config_path(const lh_cli_source *source) {
    if (source->config_path) return source->config_path;
    return access("lakehouse.toml", F_OK) == 0 ? "lakehouse.toml" : NULL;
}

lh_code lh_cli_config(const lh_cli_source *source, lh_arena *arena, lh_config *ret, lh_error *err) {
    lh_config_override overrides[LH_CLI_LIST_MAX + 2];
    size_t count = 0;
    for (size_t i = 0; i < source->sets.count; i++) {
        lh_str value = lh_str_from(source->sets.items[i]);
        if (lh_str_find(value, '=') == value.len)
            return lh_fail(err, LH_INVALID, "--set takes section.key=value, as in --set engine.threads=2, not '%s'",
                           source->sets.items[i]);
        lh_str name = lh_str_split(&value, '=');
        overrides[count++] = (lh_config_override){name, value};
    }
    if (source->root) overrides[count++] = (lh_config_override){LH_STR("storage.root"), lh_str_from(source->root)};
    if (source->listen) overrides[count++] = (lh_config_override){LH_STR("server.listen"), lh_str_from(source->listen)};
    return lh_config_load(arena, lh_cli_config_path(source), environ, overrides, count, ret, err);
}
