#include "input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "interrupt.h"

static trit_status read_failed(const char *what, trit_error *err) {
    if (trit_interrupted()) return trit_cancelled;
    return trit_error_set(err, trit_io, "%s: %s", what, strerror(errno));
}

/* A signal ends it at any moment, also one that comes just before a read that waits. */
static trit_status read_all(trit_text *text, FILE *f, const char *what, trit_error *err) {
    enum { piece = 1 << 16 };
    ssize_t n = 0;
    do {
        if (!trit_text_reserve(text, text->n + piece)) return trit_error_memory(err, text->n + piece, what);
        if (!trit_interrupt_wait(fileno(f))) break;
        n = read(fileno(f), text->data + text->n, piece);
        if (n > 0) text->n += (size_t)n;
    } while (n > 0 || (n < 0 && errno == EINTR));
    text->data[text->n] = '\0';
    return n < 0 || trit_interrupted() ? read_failed(what, err) : trit_ok;
}

trit_status trit_input_read(trit_text *text, const char *path, trit_error *err) {
    text->n = 0;
    if (strcmp(path, "-") == 0) return read_all(text, stdin, "standard input", err);
    FILE *f = fopen(path, "rb");
    if (!f) return trit_error_set(err, trit_io, "%s: %s", path, strerror(errno));
    trit_status status = read_all(text, f, path, err);
    fclose(f);
    return status;
}

trit_status trit_input_line(trit_text *text, FILE *f, const char *what, bool *end, trit_error *err) {
    if (!trit_text_reserve(text, 0)) return trit_error_memory(err, 1, what);
    text->n = 0;
    text->data[0] = '\0';
    *end = false;
    int c;
    errno = 0;
    while ((c = getc(f)) != EOF && c != '\n') {
        char byte = (char)c;
        if (!trit_text_append(text, &byte, 1)) return trit_error_memory(err, text->n + 1, what);
    }
    if (ferror(f) || trit_interrupted()) return read_failed(what, err);
    *end = c == EOF && text->n == 0;
    return trit_ok;
}

void trit_input_trim(trit_text *text) {
    if (text->n && text->data[text->n - 1] == '\n') text->n--;
    else return;
    if (text->n && text->data[text->n - 1] == '\r') text->n--;
    text->data[text->n] = '\0';
}
