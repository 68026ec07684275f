/* What this machine and this build offer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/env.h"
#include "base/os.h"
#include "info.h"
#include "jsonw.h"
#include "out.h"
#include "trit/trit.h"

/* Which device "auto" is. False: none opens. */
static bool find_auto(trit_device_info *out, trit_error *err) {
    trit_device *device = NULL;
    if (trit_device_open(&device, "auto", NULL, err) != trit_ok) return false;
    trit_device_describe(device, out);
    trit_device_close(device);
    return true;
}

static void print_auto(void) {
    trit_device_info info;
    trit_error err = {0};
    if (find_auto(&info, &err)) trit_out_printf("  %-12s %s (%s)\n", "auto", info.name, info.chosen_why);
    else trit_out_printf("  %-12s %s\n", "auto", err.message);
}

static void print_devices(void) {
    const char *name, *needs;
    int runs;
    trit_out_puts("devices\n");
    for (size_t i = 0; (name = trit_device_name_at(i)); i++) {
        trit_device *device = NULL;
        trit_error err = {0};
        if (trit_device_open(&device, name, NULL, &err) != trit_ok) {
            trit_out_printf("  %-12s cannot be used: %s\n", name, err.message);
            continue;
        }
        trit_device_info info;
        trit_device_describe(device, &info);
        trit_out_printf("  %-12s %s, %s, %u threads, %.1f GB memory\n", name, info.description, info.tier, info.n_threads,
                        (double)info.memory_bytes * 1e-9);
        trit_out_printf("  %-12s ternary weights in %s (%s)\n", "", info.weights, info.weights_why);
        trit_device_close(device);
    }
    print_auto();
    trit_out_puts("\ninstruction sets\n");
    for (size_t i = 0; (name = trit_cpu_tier_at(i, &needs, &runs)); i++) trit_out_printf("  %-12s %-4s %s\n", name, runs ? "yes" : "no", needs);
}

/* A line a kernel: the tiers that it is compiled for. */
static void print_kernels(void) {
    const char *name, *other, *tier;
    trit_out_puts("kernels\n");
    for (size_t i = 0; (name = trit_kernel_at(i, &tier)); i++) {
        size_t first = 0;
        while (strcmp(trit_kernel_at(first, &other), name) != 0) first++;
        if (first < i) continue;
        trit_out_printf("  %-16s", name);
        for (size_t k = i; (other = trit_kernel_at(k, &tier)); k++)
            if (strcmp(other, name) == 0) trit_out_printf(" %s", tier);
        trit_out_puts("\n");
    }
}

static void print_env(void) {
    const char *name, *meaning;
    trit_out_puts("environment variables\n");
    for (size_t i = 0; (name = trit_env_at(i, &meaning)); i++) {
        const char *value = trit_env_shown(name);
        trit_out_printf("  %-14s ", name);
        if (value) trit_out_escaped(value, strlen(value));
        else trit_out_puts("(not set)");
        trit_out_printf("\n%17s%s\n", "", meaning);
    }
}

static void print_synthetic(void) {
    const char *name, *what;
    trit_out_puts("shapes for -m synthetic:SHAPE\n");
    for (size_t i = 0; (name = trit_synthetic_at(i, &what)); i++) trit_out_printf("  %-20s %s\n", name, what);
}

static void put_devices(trit_jsonw *w) {
    const char *name;
    trit_jsonw_key(w, "devices");
    trit_jsonw_array(w);
    for (size_t i = 0; (name = trit_device_name_at(i)); i++) {
        trit_device *device = NULL;
        trit_error err = {0};
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "name", name);
        if (trit_device_open(&device, name, NULL, &err) == trit_ok) {
            trit_device_info info;
            trit_device_describe(device, &info);
            trit_jsonw_put_str(w, "description", info.description);
            trit_jsonw_put_str(w, "tier", info.tier);
            trit_jsonw_put_uint(w, "threads", info.n_threads);
            trit_jsonw_put_uint(w, "memory_bytes", info.memory_bytes);
            trit_jsonw_put_str(w, "weights", info.weights);
            trit_jsonw_put_str(w, "weights_why", info.weights_why);
            trit_device_close(device);
        } else {
            trit_jsonw_put_str(w, "error", err.message);
        }
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
    trit_device_info chosen;
    trit_error err = {0};
    if (!find_auto(&chosen, &err)) return;
    trit_jsonw_key(w, "auto");
    trit_jsonw_object(w);
    trit_jsonw_put_str(w, "device", chosen.name);
    trit_jsonw_put_str(w, "why", chosen.chosen_why);
    trit_jsonw_close(w, '}');
}

static void put_tiers(trit_jsonw *w) {
    const char *name, *needs;
    int runs;
    trit_jsonw_key(w, "tiers");
    trit_jsonw_array(w);
    for (size_t i = 0; (name = trit_cpu_tier_at(i, &needs, &runs)); i++) {
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "name", name);
        trit_jsonw_put_str(w, "needs", needs);
        trit_jsonw_put_bool(w, "runs_here", runs != 0);
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
}

/* [{"name": ..., KEY: second}] of the public lists that are pairs of texts. */
static void put_pairs(trit_jsonw *w, const char *list, const char *key, const char *(*at)(size_t i, const char **second)) {
    const char *name, *second;
    trit_jsonw_key(w, list);
    trit_jsonw_array(w);
    for (size_t i = 0; (name = at(i, &second)); i++) {
        trit_jsonw_object(w);
        trit_jsonw_put_str(w, "name", name);
        trit_jsonw_put_str(w, key, second);
        if (at == trit_env_at) trit_jsonw_put_str(w, "value", trit_env_shown(name));
        trit_jsonw_close(w, '}');
    }
    trit_jsonw_close(w, ']');
}

static trit_status print_json(const trit_info_opts *o, bool all, trit_error *err) {
    trit_jsonw w = {0};
    trit_jsonw_object(&w);
    trit_jsonw_put_str(&w, "version", trit_version());
    if (all || o->devices) {
        trit_jsonw_put_uint(&w, "cores", trit_os_n_cores());
        trit_jsonw_put_uint(&w, "cpus", trit_os_n_cpus());
        put_devices(&w);
        put_tiers(&w);
    }
    if (all || o->kernels) put_pairs(&w, "kernels", "tier", trit_kernel_at);
    if (all || o->env) put_pairs(&w, "env", "meaning", trit_env_at);
    if (all || o->synthetic) put_pairs(&w, "synthetic", "what", trit_synthetic_at);
    trit_jsonw_close(&w, '}');
    return trit_jsonw_finish(&w, err);
}

trit_status trit_info_machine(const trit_info_opts *o, trit_error *err) {
    bool all = !(o->env || o->devices || o->kernels || o->synthetic);
    if (o->output.json) return print_json(o, all, err);
    if (all) trit_out_printf("trit %s, %u cores, %u logical processors\n\n", trit_version(), trit_os_n_cores(), trit_os_n_cpus());
    struct part {
        bool wanted;
        void (*print)(void);
    } parts[] = {
        {all || o->devices, print_devices},
        {all || o->kernels, print_kernels},
        {all || o->synthetic, print_synthetic},
        {all || o->env, print_env},
    };
    bool any = false;
    for (size_t i = 0; i < TRIT_COUNT(parts); i++) {
        if (!parts[i].wanted) continue;
        if (any) trit_out_puts("\n");
        parts[i].print();
        any = true;
    }
    return trit_ok;
}
