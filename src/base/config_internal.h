#ifndef LH_BASE_CONFIG_INTERNAL_H
#define LH_BASE_CONFIG_INTERNAL_H
#include "base/config.h"
#include "base/secrets.h"

/* Applies TOML text to *config, which may be half changed on an error. `file` names it in messages. */
LH_MUST_CHECK lh_code lh_config_read_toml(lh_arena *arena, const char *file, lh_str text, lh_config *config,
                                          lh_error *err);
/* The secret of that name in a file's text; `path` names it in messages, which never quote the text. */
LH_MUST_CHECK lh_code lh_secrets_read_toml(lh_arena *arena, const char *path, lh_str text, lh_str name, lh_secret *ret,
                                           lh_error *err);
#endif
