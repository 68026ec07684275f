/* Figures that were measured on this machine, kept for the next time in TRIT_CACHE/tune.json:
 *
 *     {"what was measured, and all that it depends on": [1.5, 2.25], ...}
 *
 * A cache: what cannot be read or cannot be true counts as absent, and is left out when the file is written anew. */
#ifndef TRIT_DEVICE_MEASURED_H
#define TRIT_DEVICE_MEASURED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "trit/memory.h"

enum { trit_measured_most = 4 }; /* figures of a row, each in (1e-6, 1e9) */

/* The n figures of the key, from the file; and into it, if it may be written. Another process that writes at the same time may win: then its
 * rows stand there, and ours are measured again some day. False: not there, and not kept. */
bool trit_measured_recall(const char *key, double *out, size_t n);
bool trit_measured_keep(const char *key, const double *x, size_t n);

/* The same of the file's text: the row, or false; the text with the row in front, or false where there is no memory, or a
 * figure that cannot be true. */
bool trit_measured_read(double *out, size_t n, trit_str text, trit_str key);
bool trit_measured_write(trit_text *out, size_t n, const double *x, trit_str text, trit_str key);

#endif
