/* `lakehouse config`: check says the first thing that is wrong, show prints all in force, reference all there is. */
#include "cli/cli_internal.h"

#include <stdio.h>

static int config_print(lh_code code, lh_str text, const lh_error *err) {
    if (code != LH_OK) return lh_cli_fail(err);
    fwrite(text.ptr, 1, text.len, stdout);
    return LH_EXIT_DONE;
}

static int config_reference(lh_arena *arena) {
    lh_error err = {0};
    lh_str text = LH_STR_NONE;
    lh_code code = lh_config_reference(arena, &text, &err);
    if (code == LH_OK)
        printf("# Configuration\n\n"
               "Made by `lakehouse config reference`; do not edit. A setting `section.key` comes from, each beating "
               "the one before: its\n"
               "default, `lakehouse.toml` (`--config FILE`, or that file in the working folder), the variable "
               "`LAKEHOUSE__SECTION__KEY`,\n"
               "the flag `--set section.key=value`. Secrets are never shown.\n\n");
    return config_print(code, text, &err);
}

static const char *const config_verbs[] = {"check", "show", "reference"};
enum { CONFIG_VERBS = sizeof config_verbs / sizeof *config_verbs };

const char *lh_cli_config_verb(size_t i) { return i < CONFIG_VERBS ? config_verbs[i] : NULL; }

int lh_cli_config_command(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_source source = {0};
    lh_cli_list words = {0};
    const lh_cli_flag flags[] = {LH_CLI_CONFIG_FLAGS(source)};
    int status = lh_cli_parse(self, flags, sizeof flags / sizeof *flags, argc, argv, &words);
    if (status >= 0) return status;
    lh_str verb = lh_str_from(words.count ? words.items[0] : "");
    lh_error err = {0};
    lh_config config;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (lh_arena_new(8 << 20, &arena, &err) != LH_OK) return lh_cli_fail(&err);
    if (lh_str_eq(verb, LH_STR("reference"))) return config_reference(arena);
    if (!lh_str_eq(verb, LH_STR("check")) && !lh_str_eq(verb, LH_STR("show"))) {
        const char *near = lh_cli_nearest(verb, config_verbs, CONFIG_VERBS);
        lh_cli_complain("config takes check, show or reference%s%s%s", near ? "; did you mean " : "", near ? near : "",
                        near ? "?" : "");
        return LH_EXIT_USAGE;
    }
    if (lh_cli_config(&source, arena, &config, &err) != LH_OK) return lh_cli_fail(&err);
    if (lh_str_eq(verb, LH_STR("show"))) {
        lh_str text = LH_STR_NONE;
        lh_code code = lh_config_show(arena, &config, &text, &err);
        return config_print(code, text, &err);
    }
    const char *file = lh_cli_config_path(&source);
    printf(file ? "%s is valid.\n" : "The configuration is valid (no file: defaults, environment and flags).\n", file);
    if (lh_cli_has_no_key(&config)) fprintf(stderr, "note: %s\n", LH_CLI_NO_KEY);
    return LH_EXIT_DONE;
}
