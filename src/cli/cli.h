/* cli: the commands of the `lakehouse` binary. They read the configuration, and either run the
 * whole stack (serve; sql and ingest with --root) or talk HTTP to a server that runs it.
 * Depends on: everything below. Used by: main.c. Thread rule: one thread, the process's first. */
#ifndef LH_CLI_CLI_H
#define LH_CLI_CLI_H

/* Runs argv[1] and returns the exit status: 0 done, 1 failed (said on stderr), 2 not understood. */
int lh_cli_main(int argc, char **argv);
#endif
