/* Statuses and their texts. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    trit_status status;
    int exit_code;
    const char *text;
} statuses[] = {
#define TRIT_STATUS(name, value, exit_code, text) {trit_##name, exit_code, text},
#include "trit/status.def"
#undef TRIT_STATUS
};

enum { n_statuses = sizeof statuses / sizeof statuses[0] };

const char *trit_status_text(trit_status status) {
    for (size_t i = 0; i < n_statuses; i++)
        if (statuses[i].status == status) return statuses[i].text;
    return "unknown status";
}

int trit_status_exit_code(trit_status status) {
    for (size_t i = 0; i < n_statuses; i++)
        if (statuses[i].status == status) return statuses[i].exit_code;
    return 1;
}

trit_status trit_error_set(trit_error *err, trit_status status, const char *fmt, ...) {
    if (!err) return status;
    err->status = status;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(err->message, sizeof err->message, fmt, args);
    va_end(args);
    if (n < 0) err->message[0] = '\0';
    for (char *p = err->message; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    return status;
}

trit_status trit_error_memory(trit_error *err, size_t n_bytes, const char *what) {
    return trit_error_set(err, trit_memory, "out of memory: %zu bytes for %s", n_bytes, what);
}
