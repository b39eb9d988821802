/* What the files of cli share: flags, the stack, the connection to a server. */
#ifndef LH_CLI_CLI_INTERNAL_H
#define LH_CLI_CLI_INTERNAL_H
#include "api/api.h"
#include "cli/table.h"

#define LH_VERSION "0.1.0"
/* PIPE: whoever read the output has enough; nothing is said, as if by SIGPIPE. INTERRUPTED: by Ctrl-C. */
enum { LH_EXIT_DONE = 0, LH_EXIT_FAILED = 1, LH_EXIT_USAGE = 2, LH_EXIT_INTERRUPTED = 130, LH_EXIT_PIPE = 141 };
enum { LH_CLI_LIST_MAX = 256, LH_CLI_ARENA_BYTES = 256 << 20 };

/* ---- flags (flags.c) ---- */
typedef struct lh_cli_list {
    const char *items[LH_CLI_LIST_MAX];
    size_t count;
} lh_cli_list; /* borrowed from argv */
/* Empty when there are not so many. */
static inline lh_str lh_cli_word(const lh_cli_list *words, size_t i) {
    return lh_str_from(i < words->count ? words->items[i] : NULL);
}

/* One flag; exactly one of text, list, on is set. */
typedef struct lh_cli_flag {
    const char *name;       /* "root" is --root */
    char letter;            /* 'c' is also -c; 0 for none */
    const char *value_name; /* "DIR"; NULL for a switch */
    const char *help;
    const char **text; /* last value wins */
    lh_cli_list *list; /* every value */
    bool *on;
} lh_cli_flag;

typedef struct lh_cli_command {
    const char *name, *arguments, *summary;
    const char *details; /* further lines of --help: examples first */
    int (*run)(const struct lh_cli_command *self, int argc, char **argv);
    const char *(*verb)(size_t i);                            /* its verbs, NULL behind the last; NULL: it has none */
    void (*on_flags)(const lh_cli_flag *flags, size_t count); /* NULL; else run() only hands over its table of flags */
} lh_cli_command;

/* ---- the table of commands (cli.c) ---- */
const lh_cli_command *lh_cli_command_at(size_t i); /* NULL behind the last */
const char *lh_cli_command_name(size_t i);

/* Reads argv (without the command's own name), before the command does anything. Returns -1 to go on, or the exit
 * status: --help was printed, the flags were handed over, or a complaint that names the nearest flag was made.
 * positional NULL: none allowed. */
int lh_cli_parse(const lh_cli_command *command, const lh_cli_flag *flags, size_t flag_count, int argc, char **argv,
                 lh_cli_list *positional);
/* A verb of a command: the words that stand behind it. */
typedef struct lh_cli_verb {
    const char *name, *takes; /* takes: for who gives too few or many of them */
    size_t least, most;
} lh_cli_verb;
/* Index of self's verb of that name; SIZE_MAX after a complaint. */
size_t lh_cli_find_verb(const lh_cli_command *self, const char *name);
/* The words, the verb's name first, are as many as it takes, and not empty; else complains. */
bool lh_cli_takes(const lh_cli_command *self, const lh_cli_verb *verb, const lh_cli_list *words);
/* On a terminal, where a slip of the hand is likely, asks the question and waits for a yes. */
bool lh_cli_confirm(lh_str question);
/* The name nearest to `word`, or NULL when none is near. Borrowed. */
const char *lh_cli_nearest(lh_str word, const char *const *names, size_t count);
/* The word is NULL, or one of those that the flag takes; else complains. */
bool lh_cli_is_one_of(const char *flag, const char *word, const char *const *known, size_t count);
/* "lakehouse: …" on stderr. */
void lh_cli_complain(const char *format, ...) LH_PRINTF(1, 2);
/* Complains with err's message and returns LH_EXIT_FAILED. */
int lh_cli_fail(const lh_error *err);
int lh_cli_fail_or_interrupted(bool interrupted, const lh_error *err); /* the same, LH_EXIT_INTERRUPTED by Ctrl-C */

/* ---- configuration by flags (source.c) ---- */
typedef struct lh_cli_source {
    const char *config_path, *root, *listen, *url, *api_key, *ca_file;
    lh_cli_list sets; /* section.key=value */
} lh_cli_source;
/* Flag rows that several commands share. */
#define LH_CLI_CONFIG_FLAGS(source)                                                                                    \
    {.name = "config",                                                                                                 \
     .value_name = "FILE",                                                                                             \
     .help = "configuration (default: lakehouse.toml here, if any)",                                                   \
     .text = &(source).config_path},                                                                                   \
        {.name = "root",                                                                                               \
         .value_name = "DIR",                                                                                          \
         .help = "folder of the lake (default ./lakehouse-data)",                                                      \
         .text = &(source).root},                                                                                      \
    {                                                                                                                  \
        .name = "set", .value_name = "KEY=VALUE", .help = "any setting, as in --set engine.threads=2",                 \
        .list = &(source).sets                                                                                         \
    }
#define LH_CLI_CLIENT_FLAGS(source)                                                                                    \
    {.name = "url", .value_name = "URL", .help = "server to talk to (or $LAKEHOUSE_URL)", .text = &(source).url},      \
        {.name = "api-key",                                                                                            \
         .value_name = "KEY",                                                                                          \
         .help = "key to show it (better: $LAKEHOUSE_API_KEY)",                                                        \
         .text = &(source).api_key},                                                                                   \
    {                                                                                                                  \
        .name = "ca-file", .value_name = "FILE", .help = "PEM file to trust for https (or $LAKEHOUSE_CA_FILE)",        \
        .text = &(source).ca_file                                                                                      \
    }
/* The file that is read: --config, or ./lakehouse.toml; NULL for none. */
const char *lh_cli_config_path(const lh_cli_source *source);
/* The configuration as files, environment and these flags give it. Errors: as lh_config_load(). */
LH_MUST_CHECK lh_code lh_cli_config(const lh_cli_source *source, lh_arena *arena, lh_config *ret, lh_error *err);

/* ---- the stack (stack.c): bucket, catalog, server, engine, ingest ---- */
typedef struct lh_stack lh_stack;
/* Opens all up to a listening server; the engine is not there yet. config: borrowed for life. grpc: also the gRPC server.
 * Owned: lh_stack_close(). Errors: what the parts give, worded for a person. */
LH_MUST_CHECK lh_code lh_stack_listen(const lh_config *config, bool grpc, lh_stack **ret, lh_error *err);
/* Opens the engine, attaches the catalog, and makes the server ready. */
LH_MUST_CHECK lh_code lh_stack_ready(lh_stack *stack, lh_error *err);
/* The background policy of maintenance, when the configuration turns it on. */
LH_MUST_CHECK lh_code lh_stack_maintain(lh_stack *stack, lh_error *err);
/* Takes up what other gateways change, from now on (lh_follower_start()). */
LH_MUST_CHECK lh_code lh_stack_follow(lh_stack *stack, lh_error *err);
/* Maps indexes of vectors in the background, so that the first search need not wait. */
void lh_stack_map(lh_stack *stack);
lh_str lh_stack_url(const lh_stack *stack);  /* borrowed */
lh_str lh_stack_grpc(const lh_stack *stack); /* address of the gRPC server, empty when there is none; borrowed */
/* Keys are asked for, but there is none: neither auth.admin_key nor a stored one. Looks into a lake in a folder without
 * changing it; of one in S3 it does not know, and says false. */
bool lh_cli_has_no_key(const lh_config *config);
#define LH_CLI_NO_KEY                                                                                                  \
    "no API key is stored and auth.admin_key is not set (LAKEHOUSE_ADMIN_KEY sets it): lakehouse serve makes the "     \
    "first "                                                                                                           \
    "one, and prints it once, on its standard output"
/* With keys asked for and no administrator's: makes one. *ret (arena): it, to be shown this once; empty: there was no need. */
LH_MUST_CHECK lh_code lh_stack_make_admin_key(lh_stack *stack, lh_arena *arena, lh_str *ret, lh_error *err);
lh_metastore_stats lh_stack_replay(lh_stack *stack);
/* Lets other commands find this server (announce.c) until lh_stack_close(). */
LH_MUST_CHECK lh_code lh_stack_announce(lh_stack *stack, lh_error *err);
/* Lets running requests end, then closes everything. NULL and half-open stacks are fine. */
void lh_stack_close(lh_stack *stack);
static inline void lh_stack_closep(lh_stack **stack) { lh_stack_close(*stack); }

/* ---- the servers of a root (announce.c) ---- */
enum { LH_ANNOUNCED_MAX = 32 };
typedef struct lh_announcement {
    char path[4096];
    int fd; /* -1: none */
} lh_announcement;
/* Writes into `folder` that this process serves at `url`. Errors: IO, DENIED, INVALID (path too long). */
LH_MUST_CHECK lh_code lh_announce(const char *folder, lh_str url, lh_announcement *ret, lh_error *err);
void lh_announcement_withdraw(lh_announcement *announcement);
typedef struct lh_announced {
    lh_str urls[LH_ANNOUNCED_MAX]; /* arena */
    size_t count;
} lh_announced;
/* What living processes announced on the root: to be checked before use. */
lh_announced lh_announced_on(lh_str root, lh_arena *arena);
bool lh_announced_has(const lh_announced *servers, lh_str url);

/* ---- addresses (address.c) ---- */
/* Could a server listen on HOST:PORT? *ret_errno: why not. */
bool lh_cli_port_is_free(lh_str listen, int *ret_errno);
/* "http://HOST:PORT" of server.listen; arena. */
lh_str lh_cli_configured_url(const lh_config *config, lh_arena *arena);
/* OK when a lakehouse answers at the URL. Errors: UNAVAILABLE and what else lh_http_do() gives. */
LH_MUST_CHECK lh_code lh_cli_check_lakehouse(lh_http_client *client, lh_str url, lh_error *err);

/* ---- per-process scratch folder (scratch.c) ---- */
typedef struct lh_scratch {
    char path[4096];
    int lock_fd;
} lh_scratch; /* lock_fd -1: none */
/* Makes <root>/.scratch/run-<id>/, locked while we live; removes those of dead processes. */
LH_MUST_CHECK lh_code lh_scratch_open(lh_str root, lh_scratch *ret, lh_error *err);
void lh_scratch_close(lh_scratch *scratch); /* removes the folder */
void lh_cli_remove_tree(const char *path);  /* as far as it can */

/* ---- talking to a server (connection.c) ---- */
/* The key and CA file to use: the flag, else the environment, else NULL. */
const char *lh_cli_api_key(const lh_cli_source *source);
const char *lh_cli_ca_file(const lh_cli_source *source);
typedef struct lh_connection lh_connection;
/* --url; else the server that runs on the root; else, with --root, the stack in this process; else the
 * configured address. quiet: says nothing on stderr. Owned: lh_connection_close(). Errors: UNAVAILABLE with what to do. */
LH_MUST_CHECK lh_code lh_connection_open(const lh_cli_source *source, bool quiet, lh_connection **ret, lh_error *err);
/* What a command with verbs works with: the server, and an arena of LH_CLI_ARENA_BYTES for all that is said. */
typedef struct lh_cli_session {
    lh_connection *connection; /* owned, as this: */
    lh_arena *arena;
} lh_cli_session;
LH_MUST_CHECK lh_code lh_cli_session_open(const lh_cli_source *source, lh_cli_session *ret, lh_error *err);
void lh_cli_session_done(lh_cli_session *session);
void lh_connection_close(lh_connection *connection);
static inline void lh_connection_closep(lh_connection **connection) { lh_connection_close(*connection); }
lh_str lh_connection_url(const lh_connection *connection);   /* borrowed */
bool lh_connection_is_here(const lh_connection *connection); /* the stack is in this process, and ends with it */
/* Opens a file for reading, a relative path from where the command was called (a stack in this process has another
 * working folder). *ret: the caller closes it. Errors: NOT_FOUND, IO, INVALID (not a regular file or pipe). */
LH_MUST_CHECK lh_code lh_connection_open_file(const lh_connection *connection, const char *path, int *ret,
                                              lh_error *err);
int lh_connection_folder(const lh_connection *connection); /* where the command was called, as openat(2) takes it */
/* All that is to be read, behind what `into` holds. path: for the error. Errors: as read(2), LIMIT, NO_MEMORY. */
LH_MUST_CHECK lh_code lh_cli_read_all(int fd, const char *path, lh_buf *into, lh_error *err);
LH_MUST_CHECK lh_code lh_connection_read_file(const lh_connection *connection, const char *path, lh_buf *into,
                                              lh_error *err);
/* Makes a file, or empties the one there is; the path as above. *ret: the caller closes it. Errors: as open(2). */
LH_MUST_CHECK lh_code lh_connection_create_file(const lh_connection *connection, const char *path, FILE **ret,
                                                lh_error *err);

enum { LH_EXCHANGE_HEADERS_MAX = 4 };
typedef struct lh_exchange {
    const char *method;
    lh_str path;         /* "/query/sql", encoded */
    lh_str content_type; /* empty: application/json when there is a body */
    lh_str body;
    lh_http_read_fn read; /* instead of body */
    void *read_ctx;
    uint64_t body_bytes;
    const lh_http_header *headers; /* further ones, at most LH_EXCHANGE_HEADERS_MAX; an empty value is left out */
    size_t header_count;
    lh_http_write_fn write; /* takes the body of a 2xx; NULL: returned in *ret */
    void *write_ctx;
    lh_code (*on_headers)(void *write_ctx, const lh_http_header *headers,
                          size_t count); /* NULL; else of a 2xx, before its body */
    uint64_t answer_max_bytes;           /* 0: 64 MiB */
    const _Atomic bool *cancelled;       /* NULL is fine */
} lh_exchange;
/* A status of 400 and above becomes an error with the server's message (line and column too).
 * ret: the body's text when write is NULL; arena. May be NULL. */
LH_MUST_CHECK lh_code lh_connection_do(lh_connection *connection, const lh_exchange *exchange, lh_arena *arena,
                                       lh_str *ret, lh_error *err);

/* GET that answers JSON. *ret: arena. */
LH_MUST_CHECK lh_code lh_connection_get(lh_connection *connection, lh_str path, lh_arena *arena, lh_json **ret,
                                        lh_error *err);
/* All pages of a list in one: *ret has the items of all (arena). path: as lh_cli_query() goes on with it. */
LH_MUST_CHECK lh_code lh_connection_get_all(lh_connection *connection, lh_str path, lh_arena *arena, lh_json **ret,
                                            lh_error *err);
/* The same with a JSON body: method is POST, PATCH, … */
LH_MUST_CHECK lh_code lh_connection_send(lh_connection *connection, const char *method, lh_str path,
                                         const lh_json *body, lh_arena *arena, lh_json **ret, lh_error *err);

/* A JSON document in a file, of 256 KiB at most. Errors: INVALID, LIMIT, and as lh_connection_read_file(). */
LH_MUST_CHECK lh_code lh_cli_read_json(const lh_connection *connection, lh_str name, lh_arena *arena, lh_json **ret,
                                       lh_error *err);
/* "<before><name, encoded><after>"; arena. */
LH_MUST_CHECK lh_code lh_cli_path(lh_arena *arena, const char *before, lh_str name, const char *after, lh_str *ret,
                                  lh_error *err);
/* Appends "?name=value", or "&name=value" behind another; nothing for an empty value. */
void lh_cli_query(lh_buf *path, const char *name, lh_str value);

/* ---- jobs of the server (jobs.c) ---- */
/* Waits until a job has ended, with a bar named `label` on a terminal, and prints what came of it; json: the job, as it is then.
 * interrupted: ends the waiting, and nothing else. Errors: CANCELLED (interrupted, or the job was cancelled), INTERNAL (it failed),
 * and what the server gives. */
LH_MUST_CHECK lh_code lh_cli_job_watch(const lh_cli_session *session, lh_str id, lh_str label, bool json,
                                       const _Atomic bool *interrupted, lh_error *err);

/* ---- what is printed (rows.c, type_words.c, datasets*.c) ---- */
lh_cli_table_style lh_cli_style(void);        /* of this terminal's character set */
lh_cli_table_style lh_cli_style_to_fit(void); /* the same, and as wide as the terminal */
typedef struct lh_cli_column {
    const char *name;
    bool number; /* right-aligned */
} lh_cli_column;
/* A table that is made here: rows_next(), then a call for each cell. */
typedef struct lh_cli_rows {
    FILE *into; /* stdout, unless it is set */
    lh_arena *arena;
    lh_json *answer, *rows, *row;
} lh_cli_rows;
lh_cli_rows lh_cli_rows_new(lh_arena *arena, const lh_cli_column *columns, size_t count);
void lh_cli_rows_next(lh_cli_rows *rows);
void lh_cli_rows_text(lh_cli_rows *rows, lh_str text);
void lh_cli_rows_count(lh_cli_rows *rows, uint64_t number);
void lh_cli_rows_json(lh_cli_rows *rows, const lh_json *value);  /* null is NULL, as in an answer */
void lh_cli_rows_value(lh_cli_rows *rows, const lh_json *value); /* null is an empty cell */
void lh_cli_rows_known(lh_cli_rows *rows, const lh_json *value); /* null is "-": not known, or not told to who asks */
void lh_cli_rows_size(lh_cli_rows *rows, const lh_json *bytes);  /* the same, of bytes */
void lh_cli_rows_time(lh_cli_rows *rows, const lh_json *of,
                      const char *member); /* null is "never", an absent one "-" */
LH_MUST_CHECK lh_code lh_cli_rows_print(lh_cli_rows *rows, lh_cli_table_style style, lh_error *err);
LH_MUST_CHECK lh_code lh_cli_print_json(const lh_json *value, lh_arena *arena, lh_error *err);
lh_str lh_cli_counted(lh_arena *arena, uint64_t number, const char *noun); /* "1 row", "2 rows"; arena */
lh_str lh_cli_type(lh_arena *arena, lh_str iceberg);                       /* "list<long>" → "BIGINT[]"; arena */
bool lh_cli_name_is_plain(lh_str name);                                    /* SQL takes it without quotes */
void lh_cli_name_append(lh_buf *into, lh_str name); /* as SQL needs it: "Customer Name" in quotes */
void lh_cli_table_name_append(lh_buf *into, lh_str namespace_, lh_str name); /* as a statement names it */
void lh_cli_table_name_read(lh_buf *into, lh_str text); /* a statement's name of a table, as the API has it */
/* The table of `datasets list`. filter: part of the name, empty for all. as_sql: by the names that statements take. */
LH_MUST_CHECK lh_code lh_cli_print_datasets(FILE *into, lh_connection *connection, lh_str filter, bool as_sql,
                                            lh_cli_table_style style, lh_arena *arena, lh_error *err);
lh_str lh_cli_line(lh_arena *arena, lh_str text); /* as one line; arena */
/* Of a verb's flag that takes a number: NULL, or a whole one; else complains. */
bool lh_cli_number(const char *flag, const char *text, uint64_t *ret);
/* A dataset's "schema" as a table; "2 rows, 1.2 kB in 1 file". */
LH_MUST_CHECK lh_code lh_cli_print_columns(FILE *into, const lh_json *columns, lh_cli_table_style style,
                                           lh_arena *arena, lh_error *err);
lh_str lh_cli_extent(const lh_json *dataset, lh_arena *arena);

/* ---- commands ---- */
int lh_cli_serve(const lh_cli_command *self, int argc, char **argv);
int lh_cli_sql(const lh_cli_command *self, int argc, char **argv);
int lh_cli_ingest(const lh_cli_command *self, int argc, char **argv);
int lh_cli_datasets(const lh_cli_command *self, int argc, char **argv);
int lh_cli_buckets(const lh_cli_command *self, int argc, char **argv);
int lh_cli_profiles(const lh_cli_command *self, int argc, char **argv);
int lh_cli_views(const lh_cli_command *self, int argc, char **argv);
int lh_cli_models(const lh_cli_command *self, int argc, char **argv);
int lh_cli_cache(const lh_cli_command *self, int argc, char **argv);
int lh_cli_ask(const lh_cli_command *self, int argc, char **argv);
int lh_cli_vectors(const lh_cli_command *self, int argc, char **argv);
int lh_cli_rag(const lh_cli_command *self, int argc, char **argv);
int lh_cli_jobs(const lh_cli_command *self, int argc, char **argv);
int lh_cli_tables(const lh_cli_command *self, int argc, char **argv);
int lh_cli_keys(const lh_cli_command *self, int argc, char **argv);
int lh_cli_roles(const lh_cli_command *self, int argc, char **argv);
int lh_cli_principals(const lh_cli_command *self, int argc, char **argv);
int lh_cli_journal(const lh_cli_command *self, int argc, char **argv);
int lh_cli_doctor(const lh_cli_command *self, int argc, char **argv);
int lh_cli_config_command(const lh_cli_command *self, int argc, char **argv);
int lh_cli_completion(const lh_cli_command *self, int argc, char **argv);
int lh_cli_openapi(const lh_cli_command *self, int argc, char **argv);
int lh_cli_version(const lh_cli_command *self, int argc, char **argv);
int lh_cli_help(const lh_cli_command *self, int argc, char **argv);
/* Their verbs; NULL behind the last. */
const char *lh_cli_datasets_verb(size_t i);
const char *lh_cli_buckets_verb(size_t i);
const char *lh_cli_profiles_verb(size_t i);
const char *lh_cli_views_verb(size_t i);
const char *lh_cli_models_verb(size_t i);
const char *lh_cli_ask_verb(size_t i);
const char *lh_cli_cache_verb(size_t i);
const char *lh_cli_vectors_verb(size_t i);
const char *lh_cli_jobs_verb(size_t i);
const char *lh_cli_tables_verb(size_t i);
const char *lh_cli_keys_verb(size_t i);
const char *lh_cli_roles_verb(size_t i);
const char *lh_cli_principals_verb(size_t i);
const char *lh_cli_journal_verb(size_t i);
const char *lh_cli_config_verb(size_t i);
const char *lh_cli_completion_verb(size_t i);
#endif
