/* Gradients: a tape records what is computed from the tensors that it watches, and walks it back.
 *
 *     trit_tape_watch(tape, w, &err);
 *     ... loss = some functions of w and other tensors ...
 *     trit_tape_backward(tape, loss, NULL, &err);
 *     trit_tensor *g = trit_tape_gradient(tape, w);         d loss / d w
 *     trit_tape_pause(tape);  w -= 0.1 * g, in place;  trit_tape_resume(tape);
 *     trit_tape_clear(tape);
 *
 * Every function of tensors whose input is watched, or comes from what is watched, is recorded; results of whole numbers and bools are not,
 * there gradients end. Factorizations (trit/linalg.h) refuse such inputs: they have no gradient. A record lives until its result and all
 * that was computed from it are freed or walked. What is recorded needs new tensors for its results: writing it into an existing one (*out
 * that is not NULL) is an error, as is writing into a recorded tensor. Where elements that a gradient needs were written into by another
 * view, the walk says so and gives no gradients. Elements changed through trit_tensor_data are not seen.
 *
 * Gradients have the shape and type of their tensor, and the same bits for any number of threads. Where a function has no derivative, they
 * are what PyTorch has: 0 for abs and relu at 0, and equal shares where several elements are the largest or smallest. Gradients of gradients
 * are not recorded.
 *
 * Threads: a tape, and the tensors it has to do with, belong to one thread at a time. */
#ifndef TRIT_GRAD_H
#define TRIT_GRAD_H

#include "trit/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trit_tape trit_tape;

/* Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tape_new(trit_tape **out, trit_error *err);
/* Tensors live on, unrecorded. NULL is fine. */
TRIT_API void trit_tape_free(trit_tape *tape);

/* Keeps the gradient of t: a tensor of floats from which nothing was computed yet, or one that is recorded. Views that were made of it
 * before are not recorded. It stays watched when the tape is cleared. Errors: arg (whole numbers, another tape's, recorded before the tape
 * was walked or cleared), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tape_watch(trit_tape *tape, trit_tensor *t, trit_error *err);

/* Between the two nothing is recorded, and watched tensors may be written into. They nest. */
TRIT_API void trit_tape_pause(trit_tape *tape);
TRIT_API void trit_tape_resume(trit_tape *tape);

/* A view of all of t that is not recorded: there gradients end. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tape_detach(trit_tensor **out, const trit_tensor *t, trit_error *err);

/* Adds the gradients of `loss` to those of all watched tensors that it came from. `seed` is the gradient to start from, of the shape of
 * the loss; NULL: 1, for a loss of one element. What was kept for the walk is freed on the way, so that it can be walked once, unless the
 * tape retains it. Errors: arg (a loss that is not recorded, or walked before; no seed; elements that were written into since they were
 * recorded), unsupported (a function without a gradient), memory; gradients are then what they were, and the loss must be computed again. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tape_backward(trit_tape *tape, const trit_tensor *loss, const trit_tensor *seed, trit_error *err);
TRIT_API void trit_tape_retain(trit_tape *tape, bool retains);

/* The sum of a watched tensor's gradients since the last clear; NULL: none yet. Borrowed until the next clear or the end of t; contiguous
 * and the caller's to change, as clipping does. */
TRIT_API trit_tensor *trit_tape_gradient(const trit_tape *tape, const trit_tensor *t);

/* Forgets gradients and records. What was watched stays so; results recorded before are of no use for new gradients. */
TRIT_API void trit_tape_clear(trit_tape *tape);

/* Writes its results, new tensors, to out[n_out]; inputs stay as they are. Called twice, it must compute the same. */
typedef trit_status trit_tape_fn(void *user, trit_tensor *const *in, size_t n_in, trit_tensor **out, size_t n_out, trit_error *err);

/* Gradient checkpointing: out = fn(in), of which only the inputs are kept; the walk calls fn again for what lies between. The gradients are
 * those without it, bit for bit. Watched tensors may also be used without being named in `in`. `user` must live until the walk or the next
 * clear. Errors: what fn says; arg (a result that is missing), memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tape_checkpoint(trit_tape *tape, trit_tape_fn *fn, void *user, trit_tensor *const *in, size_t n_in,
                                                          trit_tensor **out, size_t n_out, trit_error *err);

/* Bytes of tensors that records keep for walks to come; storage that several keep counts once. Errors: memory. */
TRIT_API TRIT_MUST_CHECK trit_status trit_tape_bytes(const trit_tape *tape, size_t *out, trit_error *err);

#ifdef __cplusplus
}
#endif
#endif
