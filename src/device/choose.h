/* Which device "auto" is. */
#ifndef TRIT_DEVICE_CHOOSE_H
#define TRIT_DEVICE_CHOOSE_H

#include "device/device.h"

/* Opens those of list[n] that open here, keeps the one of least cost, and says in its `why` what decided. One alone is taken unmeasured. What was
 * measured is kept (measured.h). Errors: arg (an option), device (none opens: what the first said). */
TRIT_MUST_CHECK trit_status trit_device_choose(trit_device **out, const trit_device_vtable *const *list, size_t n, const trit_device_opts *opts,
                                               trit_error *err);

/* Milliseconds of a token read and one written by a model of 2^30 ternary weights, if the limits are all that counts. */
double trit_device_cost(const trit_limits *l);

#endif
