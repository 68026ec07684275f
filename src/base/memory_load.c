/* Linux tells it in small files: /proc/self/cgroup names our cgroup, whose folder and those above it have usage and limit;
 * /proc/meminfo has the machine's. Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst and accounting/psi.rst of the kernel. */
#include "base/memory_load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"

enum { max_groups = 16, max_path = 4096 };

typedef struct group {
    int usage, limit, stat; /* -1: absent */
} group;

struct trit_memory_source {
    group groups[max_groups]; /* our own cgroup first, then those above it */
    size_t n_groups;
    bool is_v2;
    int meminfo, stall; /* -1: absent */
};

/* The text of a small file, as it is now; false: it cannot be read. */
static bool read_text(int fd, char *out, size_t size) {
    const ssize_t n = fd >= 0 ? pread(fd, out, size - 1, 0) : -1;
    if (n < 0) return false;
    out[n] = '\0';
    return true;
}

/* The number behind `key` at the beginning of a line, the first number for "". */
static bool number_of(const char *text, const char *key, uint64_t *out) {
    const size_t n = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, n) != 0) continue;
        const char *digits = line + n + strspn(line + n, ": ");
        if (*digits < '0' || *digits > '9') return false;
        *out = strtoull(digits, NULL, 10);
        return true;
    }
    return false;
}

static bool read_number(int fd, const char *key, uint64_t *out) {
    char text[8192]; /* memory.stat and meminfo are some 1.5 KB */
    return read_text(fd, text, sizeof text) && number_of(text, key, out);
}

static int open_file(const char *folder, const char *name) {
    char path[max_path];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

static void close_file(int fd) {
    if (fd >= 0) close(fd);
}

static void open_group(trit_memory_source *s, const char *folder) {
    group g = {
        .usage = open_file(folder, s->is_v2 ? "memory.current" : "memory.usage_in_bytes"),
        .limit = open_file(folder, s->is_v2 ? "memory.max" : "memory.limit_in_bytes"),
        .stat = open_file(folder, "memory.stat"),
    };
    if (g.usage >= 0 && g.limit >= 0 && s->n_groups < max_groups) {
        s->groups[s->n_groups++] = g;
        return;
    }
    close_file(g.usage);
    close_file(g.limit);
    close_file(g.stat);
}

/* Our path among the cgroups of memory: "4:memory:/a/b" of version 1, else "0::/a/b" of version 2. */
static bool find_path(char *text, bool *is_v2, const char **path) {
    const char *v2 = NULL, *v1 = NULL;
    for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *colon = strchr(line, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
        if (!second) continue;
        char names[256]; /* between commas */
        snprintf(names, sizeof names, ",%.*s,", (int)(second - colon - 1), colon + 1);
        if (strstr(names, ",memory,")) v1 = second + 1;
        if (strcmp(names, ",,") == 0) v2 = second + 1;
    }
    *is_v2 = !v1;
    *path = v1 ? v1 : v2;
    return *path;
}

static void open_groups(trit_memory_source *s, const char *root) {
    char text[max_path], folder[2 * max_path];
    const char *path;
    const int list = open_file(root, "proc/self/cgroup");
    const bool known = read_text(list, text, sizeof text) && find_path(text, &s->is_v2, &path);
    close_file(list);
    if (!known) return;
    const char *mount = s->is_v2 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory";
    const int n = snprintf(folder, sizeof folder, "%s/%s%s", root, mount, strcmp(path, "/") == 0 ? "" : path);
    if (n < 0 || (size_t)n >= sizeof folder) return;
    if (s->is_v2) s->stall = open_file(folder, "memory.pressure");
    /* Up to the mount: a container may see its own folder there, whatever its path is called. */
    const size_t top = strlen(root) + 1 + strlen(mount);
    for (;;) {
        open_group(s, folder);
        if (strlen(folder) <= top) break;
        *strrchr(folder, '/') = '\0';
    }
}

trit_status trit_memory_source_open(trit_memory_source **out, const char *root, trit_error *err) {
    trit_memory_source *s = trit_alloc_zero(1, sizeof *s);
    if (!s) return trit_error_memory(err, sizeof *s, "the source of memory pressure");
    s->stall = -1;
    s->meminfo = open_file(root, "proc/meminfo");
    open_groups(s, root);
    if (s->stall < 0) s->stall = open_file(root, "proc/pressure/memory");
    trit_memory_load load;
    if (!trit_memory_source_read(s, &load)) {
        trit_memory_source_close(s);
        return trit_error_set(err, trit_unsupported, "%s/proc/meminfo and cgroups do not tell how much memory is used", root);
    }
    *out = s;
    return trit_ok;
}

void trit_memory_source_close(trit_memory_source *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n_groups; i++) {
        close_file(s->groups[i].usage);
        close_file(s->groups[i].limit);
        close_file(s->groups[i].stat);
    }
    close_file(s->meminfo);
    close_file(s->stall);
    trit_free(s);
}

/* What the cgroup uses; false: it has no limit ("max", or version 1's largest number) or cannot be read. */
static bool read_group(const trit_memory_source *s, const group *g, uint64_t *used, uint64_t *limit) {
    const uint64_t no_limit = (uint64_t)1 << 62;
    if (!read_number(g->limit, "", limit) || !*limit || *limit >= no_limit || !read_number(g->usage, "", used)) return false;
    uint64_t files;
    if (*used > *limit / 2 && read_number(g->stat, s->is_v2 ? "inactive_file " : "total_inactive_file ", &files))
        *used -= files < *used ? files : *used;
    return true;
}

static bool read_machine(const trit_memory_source *s, uint64_t *used, uint64_t *limit) {
    char text[8192];
    uint64_t total, available;
    if (!read_text(s->meminfo, text, sizeof text) || !number_of(text, "MemTotal", &total) || !number_of(text, "MemAvailable", &available))
        return false;
    *limit = total * 1024;
    *used = available < total ? (total - available) * 1024 : 0;
    return total;
}

static double read_stall(const trit_memory_source *s) {
    char text[512];
    uint64_t whole, hundredths;
    if (!read_text(s->stall, text, sizeof text) || !number_of(text, "some avg10=", &whole)) return -1;
    const char *point = strchr(text, '.');
    return (double)whole + (point && number_of(point + 1, "", &hundredths) ? (double)hundredths / 100 : 0);
}

bool trit_memory_source_read(const trit_memory_source *s, trit_memory_load *out) {
    trit_memory_load load = {.stall_percent = read_stall(s)};
    double fullest = -1;
    for (size_t i = 0; i < s->n_groups; i++) {
        uint64_t used, limit;
        if (!read_group(s, &s->groups[i], &used, &limit)) continue;
        const double share = (double)used / (double)limit;
        if (share <= fullest) continue;
        fullest = share;
        load.used = used;
        load.limit = limit;
        load.kind = s->is_v2 ? "cgroup v2" : "cgroup v1";
    }
    if (!load.kind) {
        if (!read_machine(s, &load.used, &load.limit)) return false;
        load.kind = "system";
    }
    *out = load;
    return true;
}
