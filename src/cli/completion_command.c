/* `lakehouse completion bash`: a script for bash, made of the tables of commands, verbs and flags. Each command is run
 * with `on_flags` set: then its lh_cli_parse() hands over the command's flags, and nothing else happens. */
#include "cli/cli_internal.h"

#include <stdio.h>

/* The words are taken from COMP_LINE: COMP_WORDS is also broken at '=' and ':', as in --url=http://HOST:PORT. What is
 * offered is empty where a file or another value may stand: bash then completes names of files (-o default). */
static const char completion_head[] = "# Made by `lakehouse completion bash`.\n"
                                      "_lakehouse() {\n"
                                      "    local IFS=$' \\t\\n' line=${COMP_LINE:0:COMP_POINT}\n"
                                      "    local words i flags= values= verbs=\n"
                                      "    read -ra words <<<\"${line//$'\\n'/ }\"\n"
                                      "    [[ $line == *[[:space:]] ]] && words+=('')\n"
                                      "    local last=$((${#words[@]} - 1)) word=${words[-1]}\n"
                                      "    COMPREPLY=()\n";
static const char completion_tail[] = "    esac\n"
                                      "    for ((i = 2; i < last; i++)); do\n"
                                      "        if [[ ${words[i]} != -* ]]; then\n"
                                      "            verbs= # there is one\n"
                                      "        elif [[ \" $values \" == *\" ${words[i]} \"* ]]; then\n"
                                      "            ((++i < last)) || return 0 # its value is typed\n"
                                      "        fi\n"
                                      "    done\n"
                                      "    [[ $word == -* ]] && verbs=$flags\n"
                                      "    COMPREPLY=($(compgen -W \"$verbs\" -- \"$word\"))\n"
                                      "}\n"
                                      "complete -o default -F _lakehouse lakehouse\n";

static void completion_on_flags(const lh_cli_flag *flags, size_t count) {
    printf("        flags='");
    for (size_t i = 0; i < count; i++) printf("--%s ", flags[i].name);
    printf("--help'\n        values='");
    for (size_t i = 0; i < count; i++) {
        if (!flags[i].value_name) continue;
        printf("--%s ", flags[i].name);
        if (flags[i].letter) printf("-%c ", flags[i].letter);
    }
    printf("'\n");
}

static void completion_names(const char *(*name)(size_t i)) {
    for (size_t i = 0; name && name(i); i++) printf("%s%s", i ? " " : "", name(i));
}

static int completion_bash(void) {
    fputs(completion_head, stdout);
    printf("    if ((last == 1)); then\n        COMPREPLY=($(compgen -W '");
    completion_names(lh_cli_command_name);
    printf("' -- \"$word\"))\n        return\n    fi\n    case ${words[1]} in\n");
    for (size_t i = 0; lh_cli_command_at(i); i++) {
        lh_cli_command command = *lh_cli_command_at(i);
        command.on_flags = completion_on_flags;
        printf("    %s)\n", command.name);
        if (command.run(&command, 0, (char *[]){NULL}) != LH_EXIT_DONE) return LH_EXIT_FAILED;
        printf("        verbs='");
        completion_names(command.verb);
        printf("'\n        ;;\n");
    }
    fputs(completion_tail, stdout);
    return LH_EXIT_DONE;
}

static const char *const completion_verbs[] = {"bash"};

const char *lh_cli_completion_verb(size_t i) {
    return i < sizeof completion_verbs / sizeof *completion_verbs ? completion_verbs[i] : NULL;
}

int lh_cli_completion(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_list words = {0};
    int status = lh_cli_parse(self, NULL, 0, argc, argv, &words);
    if (status >= 0) return status;
    if (words.count == 1 && strcmp(words.items[0], "bash") == 0) return completion_bash();
    lh_cli_complain("completion takes bash");
    return LH_EXIT_USAGE;
}
