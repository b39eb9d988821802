/* The SQL shell: libedit for lines, history and completion. A statement may span lines; it is sent when its ';' comes.
 * Ctrl-C: at the prompt it drops the line (the terminal sends it as a character there); while a statement runs it is
 * SIGINT, which is blocked and taken by a small thread that sets sql->cancelled. No signal handler, no globals.
 * Threads: `cancelled` is atomic and the only thing shared. */
#include "cli/sql_internal.h"
#include "cli/statement.h"

#include <errno.h>
#include <histedit.h>
#include <pthread.h>
#include <signal.h>
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
    lh_str *names; /* tables and columns, for completion; in names_arena */
    size_t name_count;
    bool interrupted; /* Ctrl-C at the prompt */
    _Atomic bool closing;
    pthread_t watcher;
} shell;

static const char *const shell_keywords[] = {
    "ALTER TABLE", "AND",        "AS",       "ASC",          "BETWEEN",    "BY",          "CASE",       "CAST",
    "COLUMN",      "COMMIT",     "COUNT",    "CREATE TABLE", "CROSS JOIN", "DELETE FROM", "DESC",       "DESCRIBE",
    "DISTINCT",    "DROP TABLE", "ELSE",     "END",          "EXCEPT",     "EXISTS",      "EXPLAIN",    "FALSE",
    "FROM",        "FULL JOIN",  "GROUP BY", "HAVING",       "ILIKE",      "IN",          "INNER JOIN", "INSERT INTO",
    "INTERSECT",   "INTERVAL",   "IS NULL",  "JOIN",         "LEFT JOIN",  "LIKE",        "LIMIT",      "MERGE INTO",
    "NOT",         "NULL",       "OFFSET",   "ON",           "OR",         "ORDER BY",    "OVER",       "PARTITION BY",
    "QUALIFY",     "RIGHT JOIN", "ROLLBACK", "SELECT",       "SET",        "SHOW TABLES", "SUM",        "THEN",
    "TRUE",        "UNION ALL",  "UPDATE",   "USING",        "VALUES",     "WHEN",        "WHERE",      "WITH"};

/* ---- names for completion ---- */
static lh_code shell_fetch(shell *s, lh_str path, lh_arena *arena, lh_json **ret, lh_error *err) {
    lh_str text;
    const lh_exchange exchange = {.method = "GET", .path = path, .cancelled = &s->sql->cancelled};
    LH_TRY(lh_connection_do(s->sql->connection, &exchange, arena, &text, err));
    return lh_json_parse(arena, text, ret, err);
}

/* Quiet on failure: completion is a comfort. */
static void shell_learn_names(shell *s) {
    lh_arena *arena = NULL;
    lh_json *page = NULL;
    if (lh_arena_new(64 << 20, &arena, NULL) != LH_OK) return;
    if (shell_fetch(s, LH_STR("/datasets?limit=1000"), arena, &page, NULL) != LH_OK) {
        lh_arena_free(arena);
        return;
    }
    lh_str *names = LH_ARENA_ARRAY(arena, lh_str, SHELL_NAMES_MAX);
    size_t count = 0;
    for (lh_json_iter it = lh_json_each(lh_json_get(page, "items")); names && lh_json_next(&it);) {
        if (count < SHELL_NAMES_MAX) names[count++] = lh_json_get_string(it.value, "name");
        for (lh_json_iter column = lh_json_each(lh_json_get(it.value, "schema")); lh_json_next(&column);)
            if (count < SHELL_NAMES_MAX) names[count++] = lh_json_get_string(column.value, "name");
    }
    lh_arena_free(s->names_arena);
    s->names_arena = arena;
    s->names = names;
    s->name_count = count;
}

/* ---- completion ---- */
typedef struct completion {
    lh_str word, common; /* common: what all candidates start with */
    lh_str found[64];
    size_t total;
} completion;

static void completion_offer(completion *c, lh_str candidate) {
    if (candidate.len <= c->word.len || !lh_str_eq_nocase(lh_str_sub(candidate, 0, c->word.len), c->word)) return;
    size_t kept = c->total < 64 ? c->total : 64;
    for (size_t i = 0; i < kept; i++)
        if (lh_str_eq(c->found[i], candidate)) return;
    if (c->total == 0) c->common = candidate;
    size_t same = 0;
    while (same < c->common.len && same < candidate.len &&
           lh_str_eq_nocase(lh_str_sub(c->common, same, 1), lh_str_sub(candidate, same, 1)))
        same++;
    c->common.len = same;
    if (c->total < 64) c->found[c->total] = candidate;
    c->total++;
}

static bool shell_is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static unsigned char shell_complete(EditLine *edit, int key) {
    (void)key;
    shell *s = NULL;
    el_get(edit, EL_CLIENTDATA, &s);
    const LineInfo *line = el_line(edit);
    const char *start = line->cursor;
    while (start > line->buffer && shell_is_word(start[-1])) start--;
    completion c = {.word = {start, (size_t)(line->cursor - start)}};
    for (size_t i = 0; i < s->name_count; i++) completion_offer(&c, s->names[i]);
    for (size_t i = 0; c.word.len && i < sizeof shell_keywords / sizeof *shell_keywords; i++)
        completion_offer(&c, lh_str_from(shell_keywords[i]));
    if (c.total == 0) return CC_REFRESH_BEEP;
    if (c.common.len > c.word.len || c.total == 1) { /* retyped whole, so that its case is the name's */
        char text[512];
        snprintf(text, sizeof text, "%.*s%s", LH_STR_ARG(c.common), c.total == 1 ? " " : "");
        el_deletestr(edit, (int)c.word.len);
        return el_insertstr(edit, text) == 0 ? CC_REFRESH : CC_ERROR;
    }
    putchar('\n');
    for (size_t i = 0; i < c.total && i < 64; i++) printf("%.*s  ", LH_STR_ARG(c.found[i]));
    printf("%s\n", c.total > 64 ? "…" : "");
    return CC_REDISPLAY;
}

/* ---- lines ---- */
static char *shell_prompt(EditLine *edit) {
    static char first[] = "lake> ", more[] = "  ... ";
    shell *s = NULL;
    el_get(edit, EL_CLIENTDATA, &s);
    return s->buffer.len ? more : first;
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

/* ---- Ctrl-C while a statement runs ---- */
static void *shell_watch(void *argument) {
    shell *s = argument;
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    while (!s->closing)
        if (sigwait(&set, &got) == 0) s->sql->cancelled = true;
    return NULL;
}

static bool shell_start_watcher(shell *s) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return pthread_create(&s->watcher, NULL, shell_watch, s) == 0;
}

static void shell_close(shell *s, bool watched) {
    if (watched) {
        s->closing = true;
        pthread_kill(s->watcher, SIGINT);
        pthread_join(s->watcher, NULL);
    }
    if (s->edit) el_end(s->edit);
    if (s->history) history_end(s->history);
    lh_arena_free(s->names_arena);
    lh_buf_done(&s->buffer);
}

/* ---- statements and commands ---- */
static void shell_report(const lh_error *err) {
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", err->code == LH_CANCELLED ? "cancelled" : "error", err->message);
}

static void shell_run_units(shell *s) {
    lh_str rest = lh_buf_str(&s->buffer), unit;
    while (lh_cli_statement_next(&rest, &unit)) {
        lh_error err = {0};
        s->sql->cancelled = false;
        if (!lh_cli_statement_is_blank(unit) && lh_sql_run(s->sql, unit, &err) != LH_OK) {
            shell_report(&err);
            rest = LH_STR_NONE; /* what follows may lean on what failed */
        }
        if (lh_cli_statement_starts(unit, "create") || lh_cli_statement_starts(unit, "drop") ||
            lh_cli_statement_starts(unit, "alter"))
            shell_learn_names(s);
    }
    if (lh_cli_statement_is_blank(rest)) rest = LH_STR_NONE;
    memmove(s->buffer.ptr, rest.ptr ? rest.ptr : s->buffer.ptr, rest.len);
    s->buffer.len = rest.len;
}

static void shell_describe(shell *s, lh_str name) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    LH_CLEANUP(lh_buf_done) lh_buf path = LH_BUF_INIT(8192);
    lh_error err = {0};
    lh_json *dataset = NULL;
    lh_buf_append(&path, LH_STR("/datasets/by-name/"));
    lh_url_encode(&path, name, false);
    if (lh_arena_new(64 << 20, &arena, &err) != LH_OK || lh_buf_check(&path, &err) != LH_OK ||
        shell_fetch(s, lh_buf_str(&path), arena, &dataset, &err) != LH_OK) {
        shell_report(&err);
        return;
    }
    if (lh_cli_print_columns(lh_json_get(dataset, "schema"), s->sql->style, arena, &err) != LH_OK) shell_report(&err);
    printf("%.*s.%.*s: %.*s, snapshot %" PRId64 "\n", LH_STR_ARG(lh_json_get_string(dataset, "namespace")),
           LH_STR_ARG(lh_json_get_string(dataset, "name")), LH_STR_ARG(lh_cli_extent(dataset, arena)),
           lh_json_int(lh_json_get(dataset, "snapshot_id"), -1));
}

static void shell_list(shell *s) {
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    lh_error err = {0};
    if (lh_arena_new(64 << 20, &arena, &err) != LH_OK ||
        lh_cli_print_datasets(s->sql->connection, LH_STR_NONE, s->sql->style, arena, &err) != LH_OK)
        shell_report(&err);
}

static void shell_include(shell *s, lh_str path) {
    char file[4096];
    lh_error err = {0};
    LH_CLEANUP(lh_buf_done) lh_buf text = LH_BUF_INIT(64 << 20);
    s->sql->cancelled = false;
    if (lh_str_to_cstr(path, file, sizeof file, &err) != LH_OK ||
        lh_sql_read_file(s->sql, file, &text, &err) != LH_OK || lh_sql_script(s->sql, lh_buf_str(&text), &err) != LH_OK)
        shell_report(&err);
    shell_learn_names(s);
}

static void shell_help(void) {
    printf("A statement ends with ';' and may span lines. Ctrl-C stops it, Ctrl-D leaves, Tab completes, Ctrl-R "
           "searches.\n"
           "  \\d           list the tables (also \\dt)\n"
           "  \\d NAME      columns of a table\n"
           "  \\i FILE      run a script\n"
           "  \\format FMT  table, json, ndjson, csv\n"
           "  \\limit N     rows of one answer, 0 for all\n"
           "  \\timing      times on or off\n"
           "  \\x           one line a value, on or off\n"
           "  \\q           leave\n");
}

static void shell_set_format(shell *s, lh_str word) {
    for (size_t i = 0; i < 4; i++) /* not arrow: it is binary */
        if (lh_str_eq(word, lh_str_from(lh_sql_formats[i]))) {
            s->sql->format = lh_sql_formats[i];
            return;
        }
    fprintf(stderr, "\\format takes table, json, ndjson or csv\n");
}

/* False: leave. */
static bool shell_command(shell *s, lh_str line) {
    lh_str argument = line, word = lh_str_split(&argument, ' ');
    argument = lh_str_trim(argument);
    while (lh_str_ends(argument, LH_STR(";"))) argument.len--;
    if (lh_str_eq(word, LH_STR("\\q"))) return false;
    if (lh_str_eq(word, LH_STR("\\?")) || lh_str_eq(word, LH_STR("\\h"))) shell_help();
    else if (lh_str_eq(word, LH_STR("\\dt")) || (lh_str_eq(word, LH_STR("\\d")) && argument.len == 0)) shell_list(s);
    else if (lh_str_eq(word, LH_STR("\\d"))) shell_describe(s, argument);
    else if (lh_str_eq(word, LH_STR("\\i")) && argument.len) shell_include(s, argument);
    else if (lh_str_eq(word, LH_STR("\\format"))) shell_set_format(s, argument);
    else if (lh_str_eq(word, LH_STR("\\timing")))
        printf("times are %s\n", (s->sql->timing = !s->sql->timing) ? "on" : "off");
    else if (lh_str_eq(word, LH_STR("\\x")))
        printf("one line a value: %s\n", (s->sql->style.expanded = !s->sql->style.expanded) ? "on" : "off");
    else if (lh_str_eq(word, LH_STR("\\limit")) && lh_str_to_u64(argument, &s->sql->limit) == LH_OK)
        printf("limit %" PRIu64 "\n", s->sql->limit);
    else fprintf(stderr, "no such command; \\? lists them\n");
    fflush(stdout);
    return true;
}

static bool shell_is_leaving(lh_str line) {
    while (lh_str_ends(line, LH_STR(";"))) line.len--;
    return lh_str_eq_nocase(line, LH_STR("quit")) || lh_str_eq_nocase(line, LH_STR("exit"));
}

static void shell_loop(shell *s) {
    for (;;) {
        int count = 0;
        const char *line = el_gets(s->edit, &count);
        if (!line || count <= 0) { /* Ctrl-D, or the terminal is gone */
            putchar('\n');
            return;
        }
        if (s->interrupted) {
            s->interrupted = false;
            lh_buf_clear(&s->buffer);
            continue;
        }
        lh_str text = lh_str_trim((lh_str){line, (size_t)count});
        if (text.len) shell_remember(s, line);
        if (s->buffer.len == 0 &&
            (shell_is_leaving(text) || (lh_str_starts(text, LH_STR("\\")) && !shell_command(s, text))))
            return;
        if (s->buffer.len == 0 && (text.len == 0 || text.ptr[0] == '\\')) continue;
        lh_buf_append(&s->buffer, (lh_str){line, (size_t)count});
        lh_error err = {0};
        if (lh_buf_check(&s->buffer, &err) != LH_OK) {
            shell_report(&err);
            lh_buf_clear(&s->buffer);
        }
        shell_run_units(s);
    }
}

int lh_sql_shell(lh_sql *sql) {
    shell s = {.sql = sql, .buffer = LH_BUF_INIT(SHELL_BUFFER_BYTES)};
    bool watched = shell_start_watcher(&s);
    int status = LH_EXIT_FAILED;
    if (!watched || !shell_open(&s)) {
        lh_cli_complain("cannot use this terminal");
    } else {
        lh_str url = lh_connection_url(sql->connection);
        printf("lakehouse %s at %.*s; \\? for help\n", LH_VERSION, LH_STR_ARG(url));
        shell_learn_names(&s);
        shell_loop(&s);
        status = LH_EXIT_DONE;
    }
    shell_close(&s, watched);
    return status;
}
