/* Who called: the compiler's own unwinder, which every build has, static ones too, and which allocates nothing. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* dladdr */
#endif
#include "base/os.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unwind.h>

typedef struct walk {
    void **frames;
    size_t n, room, skip;
} walk;

static _Unwind_Reason_Code step(struct _Unwind_Context *context, void *arg) {
    walk *w = arg;
    if (w->skip) {
        w->skip--;
        return _URC_NO_REASON;
    }
    if (w->n == w->room) return _URC_END_OF_STACK;
    w->frames[w->n] = (void *)_Unwind_GetIP(context);
    if (w->frames[w->n]) w->n++;
    return _URC_NO_REASON;
}

size_t trit_os_backtrace(void **frames, size_t room, size_t skip) {
    walk w = {.frames = frames, .room = room, .skip = skip + 1};
    (void)_Unwind_Backtrace(step, &w);
    return w.n;
}

void trit_os_frame_name(char *out, size_t size, const void *frame) {
    Dl_info at = {0};
    if (!dladdr(frame, &at) || !at.dli_fname) {
        snprintf(out, size, "%p", frame);
        return;
    }
    const char *slash = strrchr(at.dli_fname, '/'), *file = slash ? slash + 1 : at.dli_fname;
    const char *from = at.dli_sname ? (const char *)at.dli_saddr : (const char *)at.dli_fbase;
    snprintf(out, size, "%s(%s+0x%zx)", file, at.dli_sname ? at.dli_sname : "", (size_t)((const char *)frame - from));
}
