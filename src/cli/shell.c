/* The SQL shell: libedit for lines and history, completion.c for Tab, commands.c for what begins with '\'. A statement may span
 * lines; it is sent when its ';' comes, a transaction when its COMMIT comes.
 * Ctrl-C: at the prompt it drops the statement (the terminal sends it as a character there); while a statement runs it is
 * SIGINT, which sets sql->cancelled (interrupt.c). */
#include "cli/completion.h"
#include "cli/sql_internal.h"
#include "cli/statement.h"

#include <errno.h>
#include <histedit.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHELL_HISTORY_ENTRIES = 2000, SHELL_NAMES_MAX = 20000, SHELL_BUFFER_BYTES = 1 << 20 };

typedef struct shell {
    lh_sql *sql;
    EditLine *edit;
    History *history;
    char history_path[4096];
    lh_buf buffer; /* the lines of the statement so far */
    lh_arena *names_arena;
    lh_completion_names names; /* in names_arena */
    bool interrupted;          /* Ctrl-C at the prompt */
    bool told;                 /* what BEGIN does was said */
} shell;

/* ---- names for completion ---- */
/* Quiet on failure: completion is a comfort. */
static void shell_learn_names(shell *s) {
    lh_arena *arena = NULL;
    lh_json *page = NULL;
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return;
    if (lh_connection_get(s->sql->connection, LH_STR("/datasets?limit=1000"), arena, &page, NULL) != LH_OK) {
        lh_arena_free(arena);
        return;
    }
    lh_completion_name *names = LH_ARENA_ARRAY(arena, lh_completion_name, SHELL_NAMES_MAX);
    size_t count = 0;
    for (lh_json_iter it = lh_json_each(lh_json_get(page, "items")); names && lh_json_next(&it);) {
        if (count < SHELL_NAMES_MAX)
            names[count++] = (lh_completion_name){lh_json_get_string(it.value, "name"), .table = true};
        for (lh_json_iter column = lh_json_each(lh_json_get(it.value, "schema")); lh_json_next(&column);)
            if (count < SHELL_NAMES_MAX)
                names[count++] = (lh_completion_name){lh_json_get_string(column.value, "name"), .table = false};
    }
    lh_arena_free(s->names_arena);
    s->names_arena = arena;
    s->names = (lh_completion_names){names, count};
}

static unsigned char shell_complete(EditLine *edit, int key) {
    (void)key;
    shell *s = NULL;
    el_get(edit, EL_CLIENTDATA, &s);
    const LineInfo *line = el_line(edit);
    lh_completion c;
    lh_complete((lh_str){line->buffer, (size_t)(line->cursor - line->buffer)}, lh_buf_str(&s->buffer), s->names, &c);
    if (c.total == 0) return CC_REFRESH_BEEP;
    if (c.insert[0]) { /* retyped whole, so that its case is the name's */
        el_deletestr(edit, (int)c.replaced);
        return el_insertstr(edit, c.insert) == 0 ? CC_REFRESH : CC_ERROR;
    }
    putchar('\n');
    for (size_t i = 0; i < c.total && i < LH_COMPLETION_SHOWN_MAX; i++) printf("%.*s  ", LH_STR_ARG(c.found[i]));
    printf("%s\n", c.total > LH_COMPLETION_SHOWN_MAX ? "…" : "");
    return CC_REDISPLAY;
}

/* ---- lines ---- */
static char *shell_prompt(EditLine *edit) {
    static char first[] = "lake> ", more[] = "  ... ", begun[] = "begin> ";
    shell *s = NULL;
    el_get(edit, EL_CLIENTDATA, &s);
    if (s->buffer.len == 0) return first;
    return lh_cli_statement_in_transaction(lh_buf_str(&s->buffer)) ? begun : more;
}

static unsigned char shell_interrupt(EditLine *edit, int key) {
    (void)key;
    shell *s = NULL;
    el_get(edit, EL_CLIENTDATA, &s);
    s->interrupted = true;
    fputs("^C\r\n", stdout);
    return CC_NEWLINE;
}

/* $XDG_STATE_HOME/lakehouse/sql_history, or under ~/.local/state. */
static void shell_history_path(shell *s) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char folder[3900];
    if (state && state[0] == '/') snprintf(folder, sizeof folder, "%s/lakehouse", state);
    else if (home) snprintf(folder, sizeof folder, "%s/.local/state/lakehouse", home);
    else return;
    for (char *slash = folder + 1; *slash; slash++) {
        if (*slash != '/') continue;
        *slash = '\0';
        (void)mkdir(folder, 0700);
        *slash = '/';
    }
    (void)mkdir(folder, 0700);
    snprintf(s->history_path, sizeof s->history_path, "%s/sql_history", folder);
}

static void shell_remember(shell *s, const char *line) {
    HistEvent event;
    history(s->history, &event, H_ENTER, line);
    if (!s->history_path[0]) return;
    mode_t mask = umask(0077);
    history(s->history, &event, H_SAVE, s->history_path);
    umask(mask);
}

static bool shell_open(shell *s) {
    HistEvent event;
    s->edit = el_init("lakehouse", stdin, stdout, stderr);
    s->history = history_init();
    if (!s->edit || !s->history) return false;
    history(s->history, &event, H_SETSIZE, SHELL_HISTORY_ENTRIES);
    history(s->history, &event, H_SETUNIQUE, 1);
    shell_history_path(s);
    if (s->history_path[0]) history(s->history, &event, H_LOAD, s->history_path);
    el_set(s->edit, EL_CLIENTDATA, s);
    el_set(s->edit, EL_PROMPT, shell_prompt);
    el_set(s->edit, EL_EDITOR, "emacs");
    el_set(s->edit, EL_HIST, history, s->history);
    el_set(s->edit, EL_ADDFN, "lake-complete", "complete a name", shell_complete);
    el_set(s->edit, EL_BIND, "^I", "lake-complete", NULL);
    el_set(s->edit, EL_ADDFN, "lake-interrupt", "drop the statement", shell_interrupt);
    el_set(s->edit, EL_BIND, "^C", "lake-interrupt", NULL);
    el_set(s->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_set(s->edit, EL_SETTY, "-d", "-isig", NULL);
    el_source(s->edit, NULL); /* ~/.editrc */
    return true;
}

static void shell_close(shell *s) {
    if (s->edit) el_end(s->edit);
    if (s->history) history_end(s->history);
    lh_arena_free(s->names_arena);
    lh_buf_done(&s->buffer);
}

/* ---- statements and commands ---- */

/* Runs what is complete; what is not stays in the buffer. */
static void shell_run_ready(shell *s) {
    lh_str rest = lh_buf_str(&s->buffer);
    size_t before = rest.len;
    s->sql->cancelled = false;
    (void)lh_sql_run_ready(s->sql, NULL, &rest); /* said on stderr */
    bool ran = rest.len < before;
    if (lh_cli_statement_is_blank(rest)) rest = LH_STR_NONE;
    if (rest.len) memmove(s->buffer.ptr, rest.ptr, rest.len);
    s->buffer.len = rest.len;
    if (ran) shell_learn_names(s);
    if (rest.len && !s->told && lh_cli_statement_in_transaction(rest)) {
        printf("(the statements up to COMMIT are sent together; Ctrl-C drops them)\n");
        s->told = true;
    }
}

/* Words that people try in a shell. */
static lh_str shell_word(lh_str line) {
    while (lh_str_ends(line, LH_STR(";"))) line.len--;
    if (lh_str_eq_nocase(line, LH_STR("quit")) || lh_str_eq_nocase(line, LH_STR("exit"))) return LH_STR("\\q");
    return lh_str_eq_nocase(line, LH_STR("help")) ? LH_STR("\\?") : LH_STR_NONE;
}

static void shell_take(shell *s, lh_str line) {
    lh_error err = {0};
    lh_str word = s->buffer.len ? LH_STR_NONE : shell_word(lh_str_trim(line));
    lh_buf_append(&s->buffer, word.len ? word : line);
    if (lh_buf_check(&s->buffer, &err) != LH_OK) {
        fprintf(stderr, "error: %s\n", err.message);
        lh_buf_clear(&s->buffer);
    }
    shell_run_ready(s);
}

/* Until \q or Ctrl-D. Returns the exit status. */
static int shell_loop(shell *s) {
    while (!s->sql->leave) {
        int count = 0;
        const char *line = el_gets(s->edit, &count);
        if (s->interrupted) { /* first: of an empty line libedit gives nothing */
            s->interrupted = false;
            lh_buf_clear(&s->buffer);
            continue;
        }
        if (!line || count <= 0) break; /* Ctrl-D, or the terminal is gone */
        lh_str text = {line, (size_t)count};
        if (lh_str_trim(text).len) shell_remember(s, line);
        shell_take(s, text);
    }
    if (s->sql->leave) return LH_EXIT_DONE;
    putchar('\n');
    if (s->buffer.len == 0) return LH_EXIT_DONE;
    fprintf(stderr, "the last statement did not end (with ';', or a transaction with COMMIT) and was not run\n");
    return LH_EXIT_FAILED;
}

int lh_sql_shell(lh_sql *sql) {
    shell s = {.sql = sql, .buffer = LH_BUF_INIT(SHELL_BUFFER_BYTES)};
    int status = LH_EXIT_FAILED;
    sql->style.shell = true;
    if (!shell_open(&s)) {
        lh_cli_complain("cannot use this terminal");
    } else {
        lh_str url = lh_connection_url(sql->connection);
        printf("lakehouse %s at %.*s; \\? for help\n", LH_VERSION, LH_STR_ARG(url));
        shell_learn_names(&s);
        status = shell_loop(&s);
    }
    shell_close(&s);
    return status;
}
