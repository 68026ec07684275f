/* The choice of a device by what it costs: the limits of each that opens, measured once a machine. They are those of `trit bench`, so a device
 * that keeps further below its limits than another looks better than it is; which one is best for one model, `trit bench --device` tells. */
#include "device/choose.h"

#include <stdio.h>

#include "base/error.h"
#include "device/measured.h"

enum { most_devices = 8, n_limits = 3 };

/* Its weights, at 2 bits, are read once for the token that is written, and once for many that are read; each is multiplied once a token, and of
 * floats (attention, norms) there are a sixteenth as many. */
double trit_device_cost(const trit_limits *l) {
    const double n_weights = 0x1p30, bytes = n_weights / 4;
    const double read = bytes / l->read_bytes_s, whole = n_weights / l->int8_macs_s, floats = n_weights / 16 / l->float_macs_s;
    return 1e3 * ((read > whole ? read : whole) + whole + 2 * floats);
}

/* Kept in thousand millions a second, unless the machine is busy: that may mislead today only. False: it cannot be measured. */
static bool find_limits(trit_device *d, trit_limits *out) {
    char machine[256], key[320];
    double x[n_limits];
    trit_error unused;
    d->vt->machine(d, machine, sizeof machine);
    snprintf(key, sizeof key, "limits of %s, G/s: %s", d->vt->name, machine);
    if (!trit_measured_recall(key, x, n_limits)) {
        trit_limits l;
        bool is_quiet;
        if (d->vt->limits(d, &l, &is_quiet, &unused) != trit_ok) return false;
        x[0] = l.read_bytes_s * 1e-9, x[1] = l.int8_macs_s * 1e-9, x[2] = l.float_macs_s * 1e-9;
        if (is_quiet) (void)trit_measured_keep(key, x, n_limits);
    }
    *out = (trit_limits){.read_bytes_s = x[0] * 1e9, .int8_macs_s = x[1] * 1e9, .float_macs_s = x[2] * 1e9};
    return true;
}

/* The place of the cheapest of devices[n]; those that cannot be measured come last. */
static size_t cheapest(trit_device *const *devices, size_t n, char *why, size_t size) {
    size_t best = 0, at = 0;
    double least = 0;
    for (size_t i = 0; i < n; i++) {
        trit_limits l;
        if (!find_limits(devices[i], &l)) continue;
        const double cost = trit_device_cost(&l);
        if (least == 0 || cost < least) best = i, least = cost;
        const int more = snprintf(why + at, size - at, "%s%s %.3g ms", at ? ", " : "least of ", devices[i]->vt->name, cost);
        at = more > 0 && (size_t)more < size - at ? at + (size_t)more : size - 1;
    }
    if (at == 0) snprintf(why, size, "the first that opens: none can be measured");
    return best;
}

trit_status trit_device_choose(trit_device **out, const trit_device_vtable *const *list, size_t n, const trit_device_opts *opts, trit_error *err) {
    trit_device *device[most_devices];
    trit_error first = {0};
    size_t n_open = 0, best = 0;
    for (size_t i = 0; i < n && n_open < most_devices; i++) {
        trit_error why = {0};
        if (list[i]->open(&device[n_open], opts, &why) == trit_ok) n_open++;
        else if (first.status == trit_ok || why.status == trit_arg) first = why;
    }
    if (n_open == 0 || first.status == trit_arg) {
        while (n_open > 0) trit_device_close(device[--n_open]);
        return trit_error_set(err, first.status, "%s", first.message);
    }
    char why[sizeof device[0]->why] = "the only one here";
    if (n_open > 1) best = cheapest(device, n_open, why, sizeof why);
    for (size_t i = 0; i < n_open; i++)
        if (i != best) trit_device_close(device[i]);
    *out = device[best];
    snprintf((*out)->why, sizeof (*out)->why, "%s", why);
    return trit_ok;
}
