/* What this process may use of its machine. What it is confined to counts (its affinity, the limits of its cgroups and of those above them: a
 * container's, a systemd unit's), not what is built in: threads beyond that take turns, and memory beyond it ends the process. */
#ifndef LH_BASE_MACHINE_H
#define LH_BASE_MACHINE_H
#include <stdint.h>

unsigned lh_machine_processors(void); /* 1 or more; a limit between two numbers is the larger */
uint64_t lh_machine_bytes(void);      /* of memory */
#endif
