/* A page of HTML that needs no other file: written into a buffer, in light and dark. A failed allocation is remembered. */
#ifndef TRIT_CLI_HTML_H
#define TRIT_CLI_HTML_H

#include <stdbool.h>

#include "trit/memory.h"
#include "trit/status.h"

typedef struct trit_html {
    trit_text text; /* owned */
    bool failed;
} trit_html;

void trit_html_begin(trit_html *p, const char *title); /* up to the heading; also of the tables' and charts' style */
void trit_html_end(trit_html *p, const char *note);    /* a small line at the end */
void trit_html_printf(trit_html *p, const char *fmt, ...) TRIT_PRINTF(2, 3); /* lines shorter than 512 bytes */
void trit_html_put_text(trit_html *p, const char *s);  /* of others: what HTML would take as its own is written by number */

/* Writes the page and frees it. Errors: io, memory. */
TRIT_MUST_CHECK trit_status trit_html_save(trit_html *p, const char *path, trit_error *err);
void trit_html_fini(trit_html *p);

#endif
