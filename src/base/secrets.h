/* Secrets: key pairs and API keys by name, from where the operator keeps them. What is found is never printed, logged or stored. */
#ifndef LH_BASE_SECRETS_H
#define LH_BASE_SECRETS_H
#include "base/config.h"

typedef struct lh_secret {
    lh_str access_key, secret_key; /* of a bucket: both, or api_key; arena */
    lh_str api_key;
} lh_secret;

/* A place that secrets come from. find: NOT_FOUND when it has none of that name; other errors end the search. */
typedef struct lh_secret_provider {
    lh_code (*find)(const struct lh_secret_provider *self, lh_str name, lh_arena *arena, lh_secret *ret, lh_error *err);
    const char *path;         /* file: borrowed for life */
    char *const *environment; /* environment: likewise */
} lh_secret_provider;

/* LAKEHOUSE_SECRET__<NAME>__ACCESS_KEY and …__SECRET_KEY, or …__API_KEY: the name in capitals, '-' as '_'. A pair is whole, and has
 * no API key beside it, else INVALID. */
lh_secret_provider lh_secrets_environment(char *const *environment);
/* A TOML file with a section a secret: [name], access_key = "…", secret_key = "…", or api_key = "…". Read anew for each search. Errors: DENIED
 * (its mode lets others than its owner read or write it, or another user owns it), INVALID with the line, IO. */
lh_secret_provider lh_secrets_file(const char *path);
/* Asks each in turn. Errors: NOT_FOUND, naming the secret and where it was looked for. */
LH_MUST_CHECK lh_code lh_secret_find(const lh_secret_provider *providers, size_t count, lh_str name, lh_arena *arena,
                                     lh_secret *ret, lh_error *err);
/* Asks the environment, then storage.secrets_file; folder: where its relative path begins. Errors: the same. */
LH_MUST_CHECK lh_code lh_secret_of(const lh_config *config, lh_str folder, lh_str name, lh_arena *arena, lh_secret *ret,
                                   lh_error *err);
#endif
