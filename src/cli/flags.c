/* Flags as tables: one row gives the parser, --help, and the suggestion for a misspelt one.
 * --name value, --name=value, -c value, switches, and "--" before arguments that start with '-'. */
#include "cli/cli_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { FLAGS_HELP_COLUMN = 26, FLAGS_VERBS_MAX = 64 };

void lh_cli_complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fflush(stdout); /* into one file both come in order */
    fputs("lakehouse: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int lh_cli_fail(const lh_error *err) {
    lh_cli_complain("%s", err->message[0] ? err->message : lh_code_name(err->code));
    return LH_EXIT_FAILED;
}

int lh_cli_fail_or_interrupted(bool interrupted, const lh_error *err) {
    int failed = lh_cli_fail(err);
    return interrupted ? LH_EXIT_INTERRUPTED : failed;
}

const char *lh_cli_nearest(lh_str word, const char *const *names, size_t count) {
    const char *best = NULL;
    size_t best_distance = word.len / 3 + 2; /* farther than that is no misspelling */
    for (size_t i = 0; word.len > 1 && i < count; i++)
        if (lh_str_starts(lh_str_from(names[i]), word)) return names[i]; /* the beginning of it */
    for (size_t i = 0; i < count; i++) {
        size_t distance = lh_str_distance(word, lh_str_from(names[i]));
        if (distance < best_distance) best = names[i], best_distance = distance;
    }
    return best;
}

/* ---- words ---- */

bool lh_cli_is_one_of(const char *flag, const char *word, const char *const *known, size_t count) {
    LH_CLEANUP(lh_buf_done) lh_buf list = LH_BUF_INIT(1024);
    for (size_t i = 0; i < count; i++) {
        if (!word || strcmp(word, known[i]) == 0) return true;
        lh_buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", known[i]);
    }
    const char *near = lh_cli_nearest(lh_str_from(word), known, count);
    lh_cli_complain("--%s takes %.*s, not '%s'%s%s%s", flag, LH_STR_ARG(lh_buf_str(&list)), word,
                    near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return false;
}

/* ---- verbs ---- */

size_t lh_cli_find_verb(const lh_cli_command *self, const char *name) {
    const char *names[FLAGS_VERBS_MAX];
    LH_CLEANUP(lh_buf_done) lh_buf list = LH_BUF_INIT(4096);
    size_t count = 0;
    for (; self->verb(count) && count < FLAGS_VERBS_MAX; count++) {
        names[count] = self->verb(count);
        if (strcmp(names[count], name) == 0) return count;
    }
    for (size_t i = 0; i < count; i++)
        lh_buf_printf(&list, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", names[i]);
    const char *near = lh_cli_nearest(lh_str_from(name), names, count);
    if (near)
        lh_cli_complain("%s has no verb '%s'; did you mean `lakehouse %s %s`?", self->name, name, self->name, near);
    else lh_cli_complain("%s takes %.*s, not '%s'", self->name, LH_STR_ARG(lh_buf_str(&list)), name);
    return SIZE_MAX;
}

bool lh_cli_takes(const lh_cli_command *self, const lh_cli_verb *verb, const lh_cli_list *words) {
    size_t behind = words->count ? words->count - 1 : 0;
    bool understood = behind >= verb->least && behind <= verb->most;
    for (size_t i = 1; i <= verb->least && i < words->count; i++) understood &= words->items[i][0] != '\0';
    if (!understood) lh_cli_complain("%s %s takes %s", self->name, verb->name, verb->takes);
    return understood;
}

bool lh_cli_confirm(lh_str question) {
    char answer[16] = "";
    if (!isatty(STDIN_FILENO)) return true;
    fprintf(stderr, "%.*s [y/N] ", LH_STR_ARG(question));
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* ---- flags ---- */

static void flags_print(const lh_cli_flag *flag) {
    char left[80];
    snprintf(left, sizeof left, "  %c%c%s--%s%s%s", flag->letter ? '-' : ' ', flag->letter ? flag->letter : ' ',
             flag->letter ? ", " : "  ", flag->name, flag->value_name ? " " : "",
             flag->value_name ? flag->value_name : "");
    printf("%-*s %s\n", FLAGS_HELP_COLUMN, left, flag->help);
}

static void flags_help(const lh_cli_command *command, const lh_cli_flag *flags, size_t count) {
    printf("%s.\n\nUsage: lakehouse %s%s%s\n\n", command->summary, command->name, command->arguments[0] ? " " : "",
           command->arguments);
    for (size_t i = 0; i < count; i++) flags_print(&flags[i]);
    flags_print(&(lh_cli_flag){.name = "help", .letter = 'h', .help = "this text"});
    if (command->details) printf("\n%s", command->details);
}

static const lh_cli_flag *flags_find(const lh_cli_flag *flags, size_t count, lh_str name) {
    bool is_letter = name.len == 2 && name.ptr[0] == '-' && name.ptr[1] != '-';
    for (size_t i = 0; i < count; i++) {
        if (is_letter ? flags[i].letter == name.ptr[1]
                      : lh_str_eq(lh_str_from(flags[i].name), lh_str_sub(name, 2, SIZE_MAX)))
            return &flags[i];
    }
    return NULL;
}

static int flags_unknown(const lh_cli_command *command, const lh_cli_flag *flags, size_t count, lh_str name) {
    const char *names[64];
    size_t known = 0;
    for (; known < count && known < 64; known++) names[known] = flags[known].name;
    const char *near =
        lh_cli_nearest(lh_str_sub(name, lh_str_starts(name, LH_STR("--")) ? 2 : 1, SIZE_MAX), names, known);
    if (near) lh_cli_complain("%s has no flag %.*s; did you mean --%s?", command->name, LH_STR_ARG(name), near);
    else
        lh_cli_complain("%s has no flag %.*s; `lakehouse %s --help` lists them", command->name, LH_STR_ARG(name),
                        command->name);
    return LH_EXIT_USAGE;
}

static int flags_append(lh_cli_list *list, const char *value, const char *what) {
    if (list->count == LH_CLI_LIST_MAX) {
        lh_cli_complain("more than %d %s", LH_CLI_LIST_MAX, what);
        return LH_EXIT_USAGE;
    }
    list->items[list->count++] = value;
    return -1;
}

/* Takes argv[*i], which starts with '-', and its value. */
static int flags_take(const lh_cli_command *command, const lh_cli_flag *flags, size_t count, char **argv, int *i) {
    lh_str value = lh_str_from(argv[*i]);
    bool has_value = lh_str_find(value, '=') < value.len;
    lh_str name = lh_str_split(&value, '=');
    const lh_cli_flag *flag = flags_find(flags, count, name);
    if (!flag) return flags_unknown(command, flags, count, name);
    if (!flag->value_name) {
        if (has_value) {
            lh_cli_complain("--%s takes no value", flag->name);
            return LH_EXIT_USAGE;
        }
        *flag->on = true;
        return -1;
    }
    const char *text = has_value ? value.ptr : argv[*i + 1];
    if (!text) {
        if (!has_value) lh_cli_complain("--%s needs a value: --%s %s", flag->name, flag->name, flag->value_name);
        if (!has_value) return LH_EXIT_USAGE;
        text = "";
    }
    if (!has_value) ++*i;
    if (flag->list) return flags_append(flag->list, text, flag->name);
    *flag->text = text;
    return -1;
}

int lh_cli_parse(const lh_cli_command *command, const lh_cli_flag *flags, size_t flag_count, int argc, char **argv,
                 lh_cli_list *positional) {
    bool only_positional = false;
    if (command->on_flags) {
        command->on_flags(flags, flag_count);
        return LH_EXIT_DONE;
    }
    for (int i = 0; i < argc; i++) {
        lh_str arg = lh_str_from(argv[i]);
        int status = -1;
        if (!only_positional && lh_str_eq(arg, LH_STR("--"))) only_positional = true;
        else if (!only_positional && (lh_str_eq(arg, LH_STR("--help")) || lh_str_eq(arg, LH_STR("-h")))) {
            flags_help(command, flags, flag_count);
            return LH_EXIT_DONE;
        } else if (!only_positional && arg.len > 1 && arg.ptr[0] == '-')
            status = flags_take(command, flags, flag_count, argv, &i);
        else if (positional) status = flags_append(positional, argv[i], "arguments");
        else {
            lh_cli_complain("%s takes no argument '%s'; `lakehouse %s --help` tells what it takes", command->name,
                            argv[i], command->name);
            status = LH_EXIT_USAGE;
        }
        if (status >= 0) return status;
    }
    return -1;
}

bool lh_cli_number(const char *flag, const char *text, uint64_t *ret) {
    if (!text || lh_str_to_u64(lh_str_from(text), ret) == LH_OK) return true;
    lh_cli_complain("--%s takes a whole number, not '%s'", flag, text);
    return false;
}
