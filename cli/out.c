/* Standard output over stdio with a sticky state, so that callers need not test every line they print. */
#include "out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

static int failure; /* errno of the first failed write, 0 while all is well */

static void note(bool ok) {
    if (!ok && !failure) failure = errno ? errno : EIO;
}

void trit_out_write(const char *s, size_t n) {
    if (!failure && n) note(fwrite(s, 1, n, stdout) == n);
}

void trit_out_puts(const char *s) {
    trit_out_write(s, strlen(s));
}

void trit_out_printf(const char *fmt, ...) {
    if (failure) return;
    va_list args;
    va_start(args, fmt);
    note(vprintf(fmt, args) >= 0);
    va_end(args);
}

void trit_out_escaped(const char *s, size_t n) {
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        int length = trit_utf8_decode(s + i, n - i, &cp);
        size_t used = length > 0 ? (size_t)length : length < 0 ? (size_t)-length : n - i;
        bool shown = length > 0 && cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0);
        if (shown) trit_out_write(s + i, used);
        for (size_t k = 0; k < used && !shown; k++) trit_out_printf("\\x%02x", (unsigned)(unsigned char)s[i + k]);
        i += used;
    }
}

void trit_out_flush(void) {
    if (!failure) note(fflush(stdout) == 0);
}

void trit_out_drain(trit_text *text) {
    trit_out_write(text->data, text->n);
    text->n = 0;
}

bool trit_out_usable(void) {
    return !failure;
}

trit_status trit_out_finish(trit_error *err) {
    trit_out_flush();
    if (!failure || failure == EPIPE) return trit_ok;
    return trit_error_set(err, trit_io, "standard output: %s", strerror(failure));
}
