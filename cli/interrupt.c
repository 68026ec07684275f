#include "interrupt.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t asked; /* 0, or the signal that asked */

static void on_interrupt(int signal_number) {
    if (asked) _exit(130);
    asked = signal_number;
}

void trit_interrupt_init(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL); /* a limit of the file's size is an error of the write */
    action.sa_handler = on_interrupt; /* without SA_RESTART: a read of standard input returns */
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool trit_interrupted(void) {
    return asked != 0;
}

bool trit_interrupt_take(void) {
    if (asked != SIGINT) return false;
    asked = 0;
    return true;
}
