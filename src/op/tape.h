/* The tape: what was computed from tensors whose gradients are wanted, in the order in which it was computed. grad/ walks it back.
 *
 *      x (leaf)      w (leaf)            A record lives as long as somebody can ask for it: the tensor that it describes, and the
 *          \          /                  records of what was computed from that. The tape itself owns none, it only knows their
 *           y = mul                      order. Nothing is kept for results that were dropped.
 *              |
 *           l = sum                      A record keeps those inputs and results that its rule needs, without their own records.
 */
#ifndef TRIT_OP_TAPE_H
#define TRIT_OP_TAPE_H

#include "op/call.h"

typedef struct trit_tape trit_tape;
typedef struct trit_record trit_record;

/* What the gradient of an op is made of: the gradient of input i, NULL where it is zero (grad/calc.h). */
struct trit_calc;
typedef trit_tensor *trit_rule_fn(struct trit_calc *c, uint32_t i);

typedef struct trit_rule {
    trit_rule_fn *fn; /* NULL: there is none */
    uint16_t needs[trit_call_max_in]; /* for the gradient of input i: bit j: input j, trit_needs_result: the result */
} trit_rule;

enum { trit_needs_result = 1 << 15 };

/* A tensor that a rule needs, and the version that its storage had. */
typedef struct trit_kept {
    trit_tensor *tensor; /* owned; NULL: not needed */
    uint64_t version;
} trit_kept;

typedef struct trit_form {
    trit_dtype dtype;
    uint32_t n_dims;
    int64_t shape[trit_max_dims];
} trit_form;

typedef struct trit_input {
    trit_record *from; /* owned; NULL: no gradient is wanted */
    trit_kept kept;
    trit_form form;
} trit_input;

/* What a view was told. */
typedef struct trit_view_args {
    union {
        int32_t order[trit_max_dims]; /* permute */
        struct {                      /* slice */
            uint32_t n_slices;
            trit_slice slices[trit_max_dims];
        };
        struct { /* diagonal */
            int64_t offset;
            int32_t axis_a, axis_b;
        };
    };
} trit_view_args;

struct trit_record {
    trit_node node;               /* first member */
    trit_tape *tape;              /* NULL: the tape is gone */
    trit_record *earlier, *later; /* on the tape */
    trit_record *next_dead;       /* while releasing */
    const char *name;             /* for errors */
    trit_op_kind kind;
    union {
        trit_attrs attrs;
        trit_view_args view;
    };
    /* Hands the gradient on to the inputs; NULL for a leaf. */
    trit_status (*step)(trit_record *r, trit_error *err);
    void *user; /* of `step`, owned */
    void (*user_free)(void *user);
    trit_kept result;
    trit_form form;        /* of the result */
    uint64_t version;      /* of the result's storage, when it was made */
    trit_tensor *gradient; /* collected on a walk */
    trit_tensor *total;    /* of watched ones: of all walks since the last clear; no other tensor shares its elements */
    bool is_reached;       /* by the walk, which then is an owner of the record */
    bool is_watched;
    bool is_spent;         /* walked or cleared: what it kept is gone */
    uint32_t n_in;
    trit_input in[];
};

struct trit_tape {
    trit_record *first, *last;
    uint32_t n_paused;
    bool retains, is_walking;
    const trit_rule *rules; /* [trit_n_op_kinds] */
    trit_status (*step)(trit_record *r, trit_error *err); /* of ops */
};

/* The tape on which an op with these inputs belongs; NULL: none. Errors: arg (two tapes meet, an input was written into since it was
 * recorded). */
trit_status trit_tape_find(trit_tape **out, trit_op_kind kind, uint32_t n_in, const trit_tensor *const *in, trit_error *err);

/* Records that `result` is the op of `in`. Errors: memory. */
trit_status trit_tape_record(trit_tape *tape, trit_tensor *result, trit_op_kind kind, const trit_attrs *attrs, uint32_t n_in,
                             const trit_tensor *const *in, trit_error *err);
trit_status trit_tape_record_view(trit_tape *tape, trit_tensor *result, trit_op_kind kind, const trit_view_args *args, const trit_tensor *in,
                                  trit_error *err);

/* The record of a tensor; NULL: none, or of a tape that is gone. */
trit_record *trit_record_of(const trit_tensor *t);
/* A new record at the end of the tape, of no tensor yet; NULL: no memory. Then of `t`, which becomes its owner. */
trit_record *trit_record_new(trit_tape *tape, const char *name, uint32_t n_in);
void trit_record_attach(trit_record *r, trit_tensor *t);
/* Input i is `t`. Errors: memory, where the elements are to be kept. */
trit_status trit_record_input(trit_record *r, uint32_t i, const trit_tensor *t, bool keeps, trit_error *err);

/* The end of records, in two steps, so that a loop over a tape is not disturbed and a chain of a million needs no deep stack: one
 * owner less, and what was kept is let go, where records that lose their last owner go in front of a list; then the list is freed. */
void trit_record_let_go(trit_record *r, trit_record **dead); /* NULL is fine */
void trit_record_spend(trit_record *r, trit_record **dead);
void trit_record_bury(trit_record *dead);

trit_form trit_form_of(const trit_tensor *t);

#endif
