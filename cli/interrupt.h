/* Ctrl-C, or SIGTERM: the first one asks for a clean end, the second one ends at once. */
#ifndef TRIT_CLI_INTERRUPT_H
#define TRIT_CLI_INTERRUPT_H

#include <stdbool.h>

void trit_interrupt_init(void); /* also ignores SIGPIPE: out.h sees EPIPE instead */
bool trit_interrupted(void);
/* Was it Ctrl-C? Then it counts as done, and the program goes on. */
bool trit_interrupt_take(void);
/* Waits until the file descriptor can be read, or is at its end: true. False: interrupted, before or meanwhile. */
bool trit_interrupt_wait(int input);

#endif
