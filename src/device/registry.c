/* Which devices there are, and opening one by name. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/env.h"
#include "base/error.h"
#include "device/choose.h"

static const trit_device_vtable *const devices[] = {
#define TRIT_DEVICE(name) &trit_device_##name,
#include "device/devices.def"
#undef TRIT_DEVICE
};

enum { n_devices = sizeof devices / sizeof devices[0] };

const char *trit_device_name_at(size_t i) {
    return i < n_devices ? devices[i]->name : NULL;
}

trit_status trit_device_open(trit_device **out, const char *name, const trit_device_opts *opts, trit_error *err) {
    static const trit_device_opts defaults = {0};
    if (!opts) opts = &defaults;
    if (!name || !*name) name = trit_env_get("TRIT_DEVICE");
    if (!name || !*name || strcmp(name, "auto") == 0) return trit_device_choose(out, devices, n_devices, opts, err);
    for (size_t i = 0; i < n_devices; i++) {
        if (strcmp(devices[i]->name, name) != 0) continue;
        trit_status status = devices[i]->open(out, opts, err);
        if (status == trit_ok) snprintf((*out)->why, sizeof (*out)->why, "asked for");
        return status;
    }
    static const char known[] = ""
#define TRIT_DEVICE(name) " " #name
#include "device/devices.def"
#undef TRIT_DEVICE
        ;
    return trit_error_set(err, trit_device_error, "device: \"%s\" is not in this build (it has:%s)", name, known);
}

void trit_device_close(trit_device *device) {
    if (device) device->vt->close(device);
}

void *trit_device_take(const trit_device *d, size_t n, size_t size, const char *tag) {
    size_t bytes;
    return trit_mul_size(n, size, &bytes) ? trit_pool_alloc(d->pool, bytes, trit_cache_line, tag, NULL) : NULL;
}

trit_pool *trit_device_pool(const trit_device *device) {
    return device->pool;
}

void trit_device_describe(const trit_device *device, trit_device_info *out) {
    device->vt->describe(device, out);
    snprintf(out->chosen_why, sizeof out->chosen_why, "%s", device->why);
}
