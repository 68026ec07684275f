/* One op on tensors, to be run now. Shapes and types are settled before (eager/): a device computes and asks nothing. */
#ifndef TRIT_OP_CALL_H
#define TRIT_OP_CALL_H

#include "op/op.h"
#include "tensor/tensor.h"

enum { trit_call_max_in = 8 };

/* What an op is told beside its inputs; each op reads what its row says. */
typedef struct trit_attrs {
    uint32_t axes;   /* bit d: dimension d */
    int32_t axis;
    int64_t n, n2, n3;
    double a, b, c;
    struct trit_cast_stats *stats; /* counted into, or NULL */
} trit_attrs;

typedef struct trit_call {
    trit_op_kind kind;
    trit_dtype type; /* computed in */
    uint32_t n_in;
    trit_view in[trit_call_max_in]; /* maps: expanded to the shape of out, strides 0 where they repeat */
    trit_view out;
    trit_attrs attrs;
} trit_call;

#endif
