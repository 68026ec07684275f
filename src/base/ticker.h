/* A thread that calls a function again and again: once each period, and at once when woken. */
#ifndef TRIT_BASE_TICKER_H
#define TRIT_BASE_TICKER_H

#include "trit/status.h"

typedef struct trit_ticker trit_ticker;

/* The first call comes after a period; a call that takes longer than a period delays the next. The caller frees. Errors: memory, fail
 * (the system gives no thread). */
TRIT_MUST_CHECK trit_status trit_ticker_new(trit_ticker **out, unsigned period_ms, void (*fn)(void *arg), void *arg, trit_error *err);

/* The next call is now; a call in progress is followed by another one. Any thread, the ticker's own as well. */
void trit_ticker_wake(trit_ticker *ticker);

/* Waits for a call in progress and for nothing else; not from within one. NULL is fine. */
void trit_ticker_free(trit_ticker *ticker);

#endif
