/* The commands as a table, and the small ones themselves. */
#include "cli/cli.h"
#include "cli/cli_internal.h"
#include "document/document.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

static const lh_cli_command cli_commands[] = {
    {"serve", "[flags]", "Run the gateway: HTTP API, SQL, Iceberg REST catalog",
     "  lakehouse serve                                  the lake in ./lakehouse-data on 127.0.0.1:3100\n"
     "  lakehouse serve --root /srv/lake --listen 127.0.0.1:0\n\n"
     "The first line on stdout is `listening on http://HOST:PORT`; logs are JSON lines on stderr.\n"
     "SIGTERM lets running requests end, then exits 0.\n",
     .run = lh_cli_serve},
    {"sql", "[flags] [FILE…]", "Ask questions in SQL: a shell, one statement, or scripts",
     "  lakehouse sql                                    a shell; \\? lists its commands\n"
     "  lakehouse sql -c 'SELECT count(*) FROM flights'\n"
     "  lakehouse sql --format csv < question.sql > answer.csv\n"
     "  lakehouse sql --root /srv/lake                   opens the lake itself when no server runs on it\n",
     .run = lh_cli_sql},
    {"ingest", "FILE… [flags]",
     "Load files into a dataset: CSV, TSV, JSON, NDJSON, Parquet (also gz, zst, zip), or a folder of documents",
     "  lakehouse ingest flights.csv                     the dataset is named after the file\n"
     "  lakehouse ingest day*.csv.gz --dataset flights --mode append --option null=NA\n"
     "  lakehouse ingest c.ndjson --dataset crm.clients --mode upsert --key client_id\n"
     "  lakehouse ingest may.csv --bucket archive        a new dataset in another bucket\n"
     "  curl -s https://example.org/a.csv | lakehouse ingest - --dataset a\n\n"
     "On a terminal a bar shows bytes and rate while the file is sent; rows are known when the server has loaded it, "
     "and told then.\n",
     .run = lh_cli_ingest},
    {"datasets",
     "[list | show | describe | summary | history | lineage | drop NAME | set NAME FIELD=VALUE… | search WORDS | "
     "diff NAME OTHER|FILE | prompt NAME OTHER|FILE | migrate NAME | rollback NAME | scan NAME | move NAME BUCKET] "
     "[flags]",
     "List, describe, annotate, search, drop, compare, migrate and scan datasets",
     "Examples:\n"
     "  lakehouse datasets set orders owner=ann tags=gold,daily columns.email.pii_kind=email\n"
     "  lakehouse datasets set orders description='What was bought' synonyms='purchases, sales' columns.id.key=true\n"
     "  lakehouse datasets set orders owner=        (back to the default)\n"
     "  lakehouse datasets search orders email\n"
     "  lakehouse datasets history orders           (its snapshots, for AT and rollback)\n"
     "  lakehouse datasets diff orders orders-may.csv\n"
     "  lakehouse datasets diff orders@7301846253870143 orders      (a snapshot against now)\n"
     "  lakehouse datasets migrate orders --to orders-may.csv --dry-run\n"
     "  lakehouse datasets prompt orders orders-may.csv > prompt.txt    (for a model; its answer: migrate --rules "
     "FILE)\n"
     "  lakehouse datasets rollback orders\n"
     "  lakehouse datasets scan orders --dry-run      (where is personal data?)\n",
     .run = lh_cli_datasets, .verb = lh_cli_datasets_verb},
    {"tables",
     "compact NAME | expire NAME | orphans NAME | dropped | verify [NAME] | resync [NAME] | sort|partition|bloom NAME "
     "[COLUMNS] | jobs [flags]",
     "Maintain tables: small files, old snapshots, left-over files",
     "  lakehouse tables compact crm.clients --target 128\n"
     "  lakehouse tables sort crm.clients 'country,id desc'   of files written from now on\n"
     "  lakehouse tables partition crm.clients 'month(since)'\n"
     "  lakehouse tables expire crm.clients --dry-run    what would go\n"
     "  lakehouse tables expire crm.clients --older-than 30 --retain-last 10\n"
     "  lakehouse tables orphans crm.clients             files that no snapshot names\n"
     "  lakehouse tables dropped --dry-run               files of tables that were dropped without purge\n"
     "  lakehouse tables verify                          is every file there, with its size?\n"
     "  lakehouse tables resync --dry-run                row counts and statistics that were lost, from the files\n"
     "  lakehouse tables jobs                            what runs now, and of the background policy\n",
     .run = lh_cli_tables, .verb = lh_cli_tables_verb},
    {"ask", "QUESTION | examples [list | show ID | add QUESTION SQL | remove ID] [flags]",
     "A question in words: its SQL over what you may see, and the answer; verified questions",
     "  lakehouse ask 'how many candidates are in Austin?'\n"
     "  lakehouse ask 'top 5 clients by placements' --json\n"
     "  lakehouse ask 'who is unhappy?' --model gpu      what the words do not tell, that model is asked\n"
     "  lakehouse ask examples add 'how big are we?' 'SELECT count(*) FROM candidates'\n"
     "  lakehouse ask examples                           the verified questions, whose SQL is run as it is\n\n"
     "Exits with 1 when it is refused; then the words that mean nothing here are named.\n",
     .run = lh_cli_ask, .verb = lh_cli_ask_verb},
    {"vectors",
     "[list | index DATASET | refresh DATASET | stale | search NAME QUESTION | show NAME | eval NAME EVAL | evals "
     "[NAME] | drop-eval EVAL | trial NAME EVAL | trials NAME | best NAME | tune NAME | cache | drop NAME] [flags]",
     "Indexes of embeddings: make and refresh one, search by meaning, tune it",
     "  lakehouse vectors index papers --id id --text title --text abstract\n"
     "  lakehouse vectors index papers --id id --template '{title} by {author}: {abstract}' --index papers_2\n"
     "  lakehouse vectors search papers 'how do bees find flowers'\n"
     "  lakehouse vectors search papers 'bees' -k 3 --filter \"year > 2020\" --columns title,year\n"
     "  lakehouse vectors stale                          whose dataset, or model, has changed since\n"
     "  lakehouse vectors refresh papers                 embeds what is new or changed; as the same `index` once more\n"
     "  lakehouse vectors tune papers --recall 0.98      finds the fastest graph that finds so much, and takes it\n"
     "  lakehouse vectors eval papers drawn --count 200  queries drawn from the index, with what the exact search "
     "finds\n"
     "  lakehouse vectors eval papers asked --queries asked.json   those of a file, with the rows that they should "
     "find\n"
     "  lakehouse vectors trial papers drawn --hnsw ef_search=60,connectivity=24\n"
     "  lakehouse vectors best papers                    the trials that none beats in both recall and time\n"
     "  lakehouse vectors drop papers                    with its table\n\n"
     "What embeds is a job: Ctrl-C leaves it at work, and `lakehouse jobs cancel` ends it.\n",
     .run = lh_cli_vectors, .verb = lh_cli_vectors_verb},
    {"models", "[list | show NAME | add NAME | evaluate NAME | use NAME | rollback | remove NAME] [flags]",
     "Models that embed, generate and rerank: which there are, which are in use",
     "  lakehouse models                                 the configuration's and registered ones, and whether they "
     "answer\n"
     "  lakehouse models add tuned --task embed --provider llama --model /models/tuned.gguf --base all-minilm-l6-v2\n"
     "  lakehouse models add gpu --task generate --provider openai --model qwen --model-url http://gpu:8000/v1 "
     "--secret gpu\n"
     "  lakehouse models evaluate tuned --eval asked     beside the one in use, by what an eval set calls relevant\n"
     "  lakehouse models use gpu                         for all calls that name no model; --profile ann: for hers\n"
     "  lakehouse models add tuned --task embed --provider llama --model /models/tuned2.gguf --replace\n"
     "  lakehouse models rollback --task generate        to the one before\n",
     .run = lh_cli_models, .verb = lh_cli_models_verb},
    {"rag", "QUESTION --index NAME [flags]", "Answer a question from indexes, with citations",
     "  lakehouse rag 'who may read a masked column?' --index docs\n"
     "  lakehouse rag 'what did we promise Acme?' --index mails --index contracts --filter \"year > 2020\"\n"
     "  lakehouse rag 'how do bees find flowers' --index papers --extract     no model: sentences as they stand\n"
     "  lakehouse rag 'and at night?' --index papers --conversation ID\n\n"
     "[n] is the n-th passage below the answer. A sentence that the passages it cites do not say is told apart.\n",
     .run = lh_cli_rag},
    {"jobs", "[list | show ID | watch ID | cancel ID | retry ID] [flags]",
     "Work in the background: what runs, how far it is, what failed",
     "  lakehouse jobs --state running\n"
     "  lakehouse jobs watch ID                          a bar until it ends; Ctrl-C leaves it at work\n"
     "  lakehouse jobs retry ID                          one that failed or was cancelled, from where it stood\n\n"
     "ID is as `list` shows it. Of the jobs of others only an administrator knows. `watch` fails when the job did.\n",
     .run = lh_cli_jobs, .verb = lh_cli_jobs_verb},
    {"views", "[list [NAMESPACE] | show NAME | drop NAME | rename NAME NEW | safe | create FILE] [flags]",
     "AI-safe views, and views of the Iceberg catalog, which its clients make and run",
     "  lakehouse views list crm                         of the namespace; `data` without one\n"
     "  lakehouse views show crm.active                  its SQL, one text a dialect\n"
     "  lakehouse views rename crm.active crm.current\n"
     "  lakehouse views drop crm.current                 of either kind\n"
     "  lakehouse views create safe.json                 {\"name\", \"base_dataset\", \"columns\": [...], ...}\n"
     "  lakehouse views safe                             base, columns, row filter, masks\n",
     .run = lh_cli_views, .verb = lh_cli_views_verb},
    {"cache", "[stats | pin NAME [COLUMNS] | evict NAME] [flags]", "Datasets that the server holds in memory",
     "  lakehouse cache pin crm.clients                  queries read it there, without knowing\n"
     "  lakehouse cache pin crm.clients id,name          only these columns\n"
     "  lakehouse cache evict crm.clients                or --all\n",
     .run = lh_cli_cache, .verb = lh_cli_cache_verb},
    {"buckets",
     "[list | health | errors | migrate | objects BUCKET | get BUCKET KEY [FILE|-] | put BUCKET KEY FILE|- | "
     "remove BUCKET KEY] [flags]",
     "The buckets of a lake: which there are, do they answer, what is in them",
     "  lakehouse buckets health                         fails when one does not answer\n"
     "  lakehouse buckets errors --bucket archive        what failed there, newest first\n"
     "  lakehouse buckets migrate                        records of before there were several name theirs\n"
     "  lakehouse buckets objects archive --prefix in/   what is there\n"
     "  lakehouse buckets get archive in/may.csv         into ./may.csv; - is the standard output\n"
     "  tar c notes | lakehouse buckets put archive notes.tar -\n",
     .run = lh_cli_buckets, .verb = lh_cli_buckets_verb},
    {"profiles", "show USER | activate USER | deactivate USER [flags]", "A user's own bucket and defaults",
     "  lakehouse profiles activate ann                  reads ann.json in storage.profile_root, also anew\n"
     "  lakehouse ingest may.csv --profile ann           into her bucket and namespace\n",
     .run = lh_cli_profiles, .verb = lh_cli_profiles_verb},
    {"keys", "[list | create NAME | rotate ID | revoke ID] [flags]", "API keys",
     "  lakehouse keys create etl --permission write     printed this once\n"
     "  lakehouse keys create --principal ann            what her roles give\n"
     "  lakehouse keys create ci --expires-at 2027-01-31T00:00:00Z\n"
     "  lakehouse keys rotate 0123456789ab               another secret, printed this once\n"
     "  lakehouse keys revoke 0123456789ab\n",
     .run = lh_cli_keys, .verb = lh_cli_keys_verb},
    {"roles", "[list | show NAME | create FILE | replace NAME FILE | delete NAME] [flags]",
     "Roles: lists of grants, which principals have",
     "  lakehouse roles show analyst\n"
     "  lakehouse roles create sourcing.json             {\"name\": \"sourcing\", \"grants\": [...]}\n",
     .run = lh_cli_roles, .verb = lh_cli_roles_verb},
    {"principals", "[list | create NAME [ROLES] | update NAME ROLES | delete NAME] [flags]",
     "Users, agents and services, and their roles",
     "  lakehouse principals create ann analyst,sourcing\n"
     "  lakehouse principals create bot agent --kind agent\n"
     "  lakehouse principals update ann analyst          all the roles she has from now on\n",
     .run = lh_cli_principals, .verb = lh_cli_principals_verb},
    {"journal", "[recent | history ID | stats | flush | verify] [flags]",
     "What changed, by whom; and is the record of it whole?",
     "  lakehouse journal history CAN000777              what changed of it, oldest first\n"
     "  lakehouse journal verify                         fails when a record was changed, dropped or reordered\n",
     .run = lh_cli_journal, .verb = lh_cli_journal_verb},
    {"doctor", "[flags]", "Check this machine, the configuration and the lake, and say how to mend what is wrong", NULL,
     .run = lh_cli_doctor},
    {"config", "check | show | reference [flags]",
     "Check or show the configuration (secrets hidden), or list every setting", NULL, .run = lh_cli_config_command,
     .verb = lh_cli_config_verb},
    {"completion", "bash", "Print a script that completes commands, verbs and flags in bash",
     "  source <(lakehouse completion bash)              in ~/.bashrc, for every shell\n", .run = lh_cli_completion,
     .verb = lh_cli_completion_verb},
    {"openapi", "", "Print the OpenAPI document of the HTTP API", NULL, .run = lh_cli_openapi},
    {"version", "", "Print the version", NULL, .run = lh_cli_version},
    {"help", "[COMMAND]", "Print this, or the help of one command", NULL, .run = lh_cli_help,
     .verb = lh_cli_command_name},
};
enum { CLI_COUNT = sizeof cli_commands / sizeof *cli_commands };

const lh_cli_command *lh_cli_command_at(size_t i) { return i < CLI_COUNT ? &cli_commands[i] : NULL; }
const char *lh_cli_command_name(size_t i) { return i < CLI_COUNT ? cli_commands[i].name : NULL; }

static void cli_usage(FILE *into) {
    fprintf(into,
            "lakehouse turns a folder or a bucket into an Iceberg lakehouse.\n\nUsage: lakehouse COMMAND [flags]\n\n");
    for (size_t i = 0; i < CLI_COUNT; i++) fprintf(into, "  %-10s %s\n", cli_commands[i].name, cli_commands[i].summary);
    fprintf(into, "\n`lakehouse COMMAND --help` tells more. First steps: `lakehouse serve`, then `lakehouse ingest "
                  "my.csv`, then `lakehouse sql`.\n");
}

static const lh_cli_command *cli_find(const char *name) {
    for (size_t i = 0; i < CLI_COUNT; i++)
        if (strcmp(cli_commands[i].name, name) == 0) return &cli_commands[i];
    const char *names[CLI_COUNT];
    for (size_t i = 0; i < CLI_COUNT; i++) names[i] = cli_commands[i].name;
    const char *near = lh_cli_nearest(lh_str_from(name), names, CLI_COUNT);
    if (near) lh_cli_complain("no command '%s'; did you mean `lakehouse %s`?", name, near);
    else lh_cli_complain("no command '%s'; `lakehouse help` lists them", name);
    return NULL;
}

/* Output that did not arrive is a failure, whatever the command thinks. */
static int cli_end(int status) {
    bool failed = ferror(stdout) != 0;
    if (fflush(stdout) == 0 && !failed) return status;
    if (status != LH_EXIT_DONE) return status;
    clearerr(stdout);
    if (failed && fputc('\n', stdout) != EOF && fflush(stdout) == 0)
        return LH_EXIT_FAILED; /* asked again for the reason */
    if (errno == EPIPE) return LH_EXIT_PIPE;
    lh_cli_complain("cannot write the output: %s", strerrordesc_np(errno));
    return LH_EXIT_FAILED;
}

int lh_cli_main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "help";
    if (argc == 3 && strcmp(name, LH_DOCUMENT_PDF_WORD) == 0) return lh_document_pdf_child(argv[2]);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
    const lh_cli_command *command = cli_find(name);
    if (!command) return LH_EXIT_USAGE;
    signal(SIGPIPE, SIG_IGN); /* a peer that leaves is an error of the write, everywhere */
    return cli_end(command->run(command, argc > 2 ? argc - 2 : 0, argv + (argc > 2 ? 2 : argc)));
}

static int cli_help_of(const lh_cli_command *command) {
    char help[] = "--help";
    return command->run(command, 1, (char *[]){help, NULL});
}

/* docs/reference/cli.md */
static int cli_help_markdown(void) {
    printf("# Command line\n\nMade by `lakehouse help --markdown`; do not edit. Exit status: 0 done, 1 failed (said on "
           "stderr), 2 not understood.\n");
    for (size_t i = 0; i < CLI_COUNT; i++) {
        printf("\n## lakehouse %s\n\n```\n", cli_commands[i].name);
        if (cli_help_of(&cli_commands[i]) != LH_EXIT_DONE) return LH_EXIT_FAILED;
        printf("```\n");
    }
    return LH_EXIT_DONE;
}

int lh_cli_help(const lh_cli_command *self, int argc, char **argv) {
    lh_cli_list names = {0};
    bool markdown = false;
    const lh_cli_flag flag = {
        .name = "markdown", .help = "the help of every command, as docs/reference/cli.md", .on = &markdown};
    int status = lh_cli_parse(self, &flag, 1, argc, argv, &names);
    if (status >= 0) return status;
    if (markdown) return cli_help_markdown();
    if (names.count == 0) return cli_usage(stdout), LH_EXIT_DONE;
    const lh_cli_command *command = cli_find(names.items[0]);
    return command ? cli_help_of(command) : LH_EXIT_USAGE;
}

int lh_cli_version(const lh_cli_command *self, int argc, char **argv) {
    int status = lh_cli_parse(self, NULL, 0, argc, argv, NULL);
    if (status >= 0) return status;
    printf("lakehouse %s\n", LH_VERSION);
    return LH_EXIT_DONE;
}

int lh_cli_openapi(const lh_cli_command *self, int argc, char **argv) {
    int status = lh_cli_parse(self, NULL, 0, argc, argv, NULL);
    if (status >= 0) return status;
    lh_error err = {0};
    lh_str text;
    LH_CLEANUP(lh_arena_freep) lh_arena *arena = NULL;
    if (lh_arena_new(LH_CLI_ARENA_BYTES, &arena, &err) != LH_OK || lh_api_openapi(arena, &text, &err) != LH_OK)
        return lh_cli_fail(&err);
    printf("%.*s\n", LH_STR_ARG(text));
    return LH_EXIT_DONE;
}
