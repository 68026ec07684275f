/* The gate: what every request passes before its handler sees it. Whose host and origin, which route, which key, how much at once. */
#ifndef TRIT_SERVER_GATE_H
#define TRIT_SERVER_GATE_H

#include "server/httpd.h"

void trit_gate_begin(void *server, trit_exchange *x);
void trit_gate_handle(void *server, trit_exchange *x);
void trit_gate_done(void *server, trit_exchange *x, unsigned status);

#endif
