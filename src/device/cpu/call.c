/* Calls on tensors: from the op to the part that computes it. */
#include "device/cpu/calls.h"

#include "base/error.h"

enum { pieces_of_member = 4 };

trit_status trit_cpu_call(trit_device *d, const trit_call *call, trit_error *err) {
    static trit_cpu_call_fn *const parts[trit_n_op_kinds] = {
#define PART_list(name, part)
#define PART_view(name, part)
#define PART_both(name, part) [trit_op_##name] = trit_cpu_call_##part,
#define PART_call(name, part) [trit_op_##name] = trit_cpu_call_##part,
#define TRIT_OP(name, n_in, where, part, meaning) PART_##where(name, part)
#include "op/ops.def"
#undef TRIT_OP
    };
    if (!parts[call->kind]) return trit_error_set(err, trit_unsupported, "%s: tensors do not have this op", trit_op_name(call->kind));
    return parts[call->kind]((cpu_device *)d, call, err);
}

typedef struct shared_work {
    int64_t n, step; /* of trit_cpu_parallel */
    trit_cpu_range_fn fn;
    void *arg;
} shared_work;

static void run_share(void *arg, unsigned i, unsigned n_parts) {
    const shared_work *w = arg;
    uint64_t first, last;
    trit_team_split((uint64_t)w->n, (uint64_t)w->step, i, n_parts, &first, &last);
    if (first < last) w->fn(w->arg, (int64_t)first, (int64_t)last);
}

bool trit_cpu_is_serial(const cpu_device *cpu, int64_t n, int64_t step, int64_t work) {
    return work < trit_cpu_serial_elements || n <= step || trit_team_size(cpu->team) == 1;
}

void trit_cpu_parallel(cpu_device *cpu, int64_t n, int64_t step, int64_t work, trit_cpu_range_fn fn, void *arg) {
    if (n <= 0) return;
    if (trit_cpu_is_serial(cpu, n, step, work))
        fn(arg, 0, n);
    else
        trit_team_parts(cpu->team, trit_team_size(cpu->team), run_share, &(shared_work){n, step, fn, arg});
}

static void run_piece(void *arg, unsigned i, uint64_t first, uint64_t last) {
    const shared_work *w = arg;
    (void)i;
    w->fn(w->arg, (int64_t)first, (int64_t)last);
}

void trit_cpu_share(cpu_device *cpu, int64_t n, int64_t step, int64_t work, trit_cpu_range_fn fn, void *arg) {
    const int64_t least = (int64_t)trit_team_size(cpu->team) * pieces_of_member * step;
    if (n <= 0) return;
    if (trit_cpu_is_serial(cpu, n, step, work))
        fn(arg, 0, n);
    else
        trit_team_share(cpu->team, (uint64_t)n, (uint64_t)((n + least - 1) / least * step), run_piece, &(shared_work){.fn = fn, .arg = arg});
}
