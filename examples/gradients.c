/* A tour of gradients: a network of two layers learns the exclusive or, by gradient descent written out.
 *
 *   cc gradients.c $(pkg-config --cflags --libs trit) && ./a.out */
#include <stdio.h>
#include <stdlib.h>

#include <trit/trit.h>

static trit_error err;

static void need(trit_status status) {
    if (status == trit_ok) return;
    fprintf(stderr, "%s\n", err.message);
    exit(1);
}

enum { n_hidden = 8, n_steps = 400 };

typedef struct network {
    trit_tensor *w1, *b1, *w2, *b2; /* [2, 8], [8], [8, 1], [1] */
} network;

/* sigmoid(tanh(x w1 + b1) w2 + b2), [4, 1]. What lies between is freed here: the tape keeps what it needs. */
static trit_tensor *forward(const network *net, const trit_tensor *x) {
    trit_tensor *a = NULL, *b = NULL, *c = NULL, *d = NULL, *e = NULL, *y = NULL;
    need(trit_tensor_matmul(&a, x, net->w1, &err));
    need(trit_tensor_add(&b, a, net->b1, &err));
    need(trit_tensor_tanh(&c, b, &err));
    need(trit_tensor_matmul(&d, c, net->w2, &err));
    need(trit_tensor_add(&e, d, net->b2, &err));
    need(trit_tensor_sigmoid(&y, e, &err));
    trit_tensor *const between[] = {a, b, c, d, e};
    for (size_t i = 0; i < 5; i++) trit_tensor_free(between[i]);
    return y;
}

/* The mean squared difference. */
static trit_tensor *distance(const trit_tensor *y, const trit_tensor *target) {
    trit_tensor *difference = NULL, *square = NULL, *loss = NULL;
    need(trit_tensor_sub(&difference, y, target, &err));
    need(trit_tensor_square(&square, difference, &err));
    need(trit_tensor_mean(&loss, square, 0, NULL, false, &err));
    trit_tensor_free(difference);
    trit_tensor_free(square);
    return loss;
}

/* w -= rate * gradient, which is not to be recorded. */
static void step(trit_tape *tape, trit_tensor *w, double rate) {
    trit_tensor *change = NULL;
    trit_tape_pause(tape);
    need(trit_tensor_with_number(&change, trit_tensor_mul, trit_tape_gradient(tape, w), rate, &err));
    need(trit_tensor_sub(&w, w, change, &err));
    trit_tape_resume(tape);
    trit_tensor_free(change);
}

int main(void) {
    trit_device *cpu;
    trit_tape *tape;
    trit_tensor *x = NULL, *target = NULL;
    network net = {NULL, NULL, NULL, NULL};
    need(trit_device_open(&cpu, "cpu", NULL, &err));
    need(trit_tape_new(&tape, &err));
    need(trit_tensor_from(&x, cpu, trit_dtype_f32, 2, (int64_t[]){4, 2}, (float[]){0, 0, 0, 1, 1, 0, 1, 1}, &err));
    need(trit_tensor_from(&target, cpu, trit_dtype_f32, 2, (int64_t[]){4, 1}, (float[]){0, 1, 1, 0}, &err));
    need(trit_tensor_randn(&net.w1, cpu, trit_dtype_f32, 2, (int64_t[]){2, n_hidden}, 1, &err));
    need(trit_tensor_zeros(&net.b1, cpu, trit_dtype_f32, 1, (int64_t[]){n_hidden}, &err));
    need(trit_tensor_randn(&net.w2, cpu, trit_dtype_f32, 2, (int64_t[]){n_hidden, 1}, 2, &err));
    need(trit_tensor_zeros(&net.b2, cpu, trit_dtype_f32, 1, (int64_t[]){1}, &err));
    trit_tensor *const weights[] = {net.w1, net.b1, net.w2, net.b2};
    for (size_t i = 0; i < 4; i++) need(trit_tape_watch(tape, weights[i], &err));

    for (int i = 0; i <= n_steps; i++) {
        trit_tensor *y = forward(&net, x), *loss = distance(y, target);
        double value;
        need(trit_tensor_get(loss, NULL, &value, &err));
        if (i % 100 == 0) printf("step %3d  loss %.4f\n", i, value);
        need(trit_tape_backward(tape, loss, NULL, &err));
        for (size_t k = 0; k < 4; k++) step(tape, weights[k], 1.0);
        trit_tape_clear(tape);
        trit_tensor_free(loss);
        trit_tensor_free(y);
    }

    trit_text text = {0};
    trit_tape_pause(tape);
    trit_tensor *y = forward(&net, x);
    need(trit_tensor_text(&text, y, &err));
    printf("0 0, 0 1, 1 0 and 1 1 become\n%s\n", text.data);
    trit_text_fini(&text);
    trit_tensor_free(y);
    for (size_t i = 0; i < 4; i++) trit_tensor_free(weights[i]);
    trit_tensor_free(x);
    trit_tensor_free(target);
    trit_tape_free(tape);
    trit_device_close(cpu);
    return 0;
}
