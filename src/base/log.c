/* One sink for the whole process: set once by the program, read by everybody. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct {
    trit_log_sink *sink;
    void *user;
    atomic_int level; /* a model that is loaded later may set it while others speak */
} log_to;

void trit_log_to(trit_log_sink *sink, void *user, trit_log_level level) {
    log_to.sink = sink;
    log_to.user = user;
    atomic_store(&log_to.level, (int)level);
}

void trit_log_set_level(trit_log_level level) {
    atomic_store(&log_to.level, (int)level);
}

bool trit_log_wants(trit_log_level level) {
    return log_to.sink && (int)level <= atomic_load(&log_to.level);
}

void trit_logf(trit_log_level level, const char *fmt, ...) {
    if (!trit_log_wants(level)) return;
    char line[1000];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(line, sizeof line, fmt, args) < 0) line[0] = '\0';
    va_end(args);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    log_to.sink(log_to.user, level, line);
}

bool trit_log_level_of(trit_log_level *out, const char *name) {
    static const char *const names[] = {"none", "error", "warn", "info", "debug"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0) {
            *out = (trit_log_level)i;
            return true;
        }
    return false;
}
