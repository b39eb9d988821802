#include "cli/cli_internal.h"
int lh_cli_ingest(const lh_cli_command *self, int argc, char **argv) { (void)self, (void)argc, (void)argv; return LH_EXIT_FAILED; }
