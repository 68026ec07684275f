/* What every fallible function of trit returns, and how it says more.
 *
 * A function returns a trit_status and fills, where the caller passed one, a trit_error that stands on the
 * caller's stack. Outputs are written only on success. The library never prints, exits or aborts on data. */
#ifndef TRIT_STATUS_H
#define TRIT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define TRIT_API
#elif defined(__GNUC__)
#define TRIT_API __attribute__((visibility("default")))
#else
#define TRIT_API
#endif

#if defined(__GNUC__)
#define TRIT_MUST_CHECK __attribute__((warn_unused_result))
#define TRIT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define TRIT_MUST_CHECK
#define TRIT_PRINTF(fmt, args)
#endif

typedef enum trit_status {
#define TRIT_STATUS(name, value, exit_code, text) trit_##name = value,
#include "trit/status.def"
#undef TRIT_STATUS
} trit_status;

/* One line of text without a newline, naming the thing and the value. Owned by the caller; any thread, one at a time. */
typedef struct trit_error {
    trit_status status;
    char message[512];
} trit_error;

/* "context is full". Never NULL; unknown values give "unknown status". */
TRIT_API const char *trit_status_text(trit_status status);

/* The exit code that the program documents for a status (0, 1, 2, 3, 4, 5 or 130). */
TRIT_API int trit_status_exit_code(trit_status status);

#ifdef __cplusplus
}
#endif
#endif
