#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

static volatile sig_atomic_t asked; /* 0, or the signal that asked */
/* A byte for each signal: who waits for input sees it, whichever thread the signal came to and however little before the wait began. */
static int bell[2] = {-1, -1};

static void on_interrupt(int signal_number) {
    if (asked) _exit(130);
    asked = signal_number;
    const int kept = errno;
    const ssize_t unused = write(bell[1], "", 1);
    (void)unused;
    errno = kept;
}

/* Beyond the standard descriptors: where the program was started without one of them, it must stay missing. */
static void open_bell(void) {
    int ends[2];
    if (pipe(ends) < 0) return; /* then a wait ends with its input only */
    for (int i = 0; i < 2; i++) {
        bell[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        (void)close(ends[i]);
        if (bell[i] >= 0) (void)fcntl(bell[i], F_SETFL, O_NONBLOCK);
    }
}

static void still_bell(void) {
    char rung;
    while (read(bell[0], &rung, 1) > 0) {}
}

void trit_interrupt_init(void) {
    struct sigaction action;
    open_bell();
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
    still_bell();
    asked = 0;
    return true;
}

bool trit_interrupt_wait(int input) {
    while (!asked) {
        const bool has_bell = bell[0] >= 0 && bell[0] < FD_SETSIZE;
        fd_set readable;
        FD_ZERO(&readable);
        FD_SET(input, &readable);
        if (has_bell) FD_SET(bell[0], &readable);
        const int n = select((has_bell && bell[0] > input ? bell[0] : input) + 1, &readable, NULL, NULL, NULL);
        if ((n > 0 && FD_ISSET(input, &readable)) || (n < 0 && errno != EINTR)) break;
        if (n > 0 && !asked) still_bell(); /* it rang for what was taken meanwhile */
    }
    return !asked;
}
