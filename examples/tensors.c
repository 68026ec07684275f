/* A tour of tensors: a small table of measurements, from NumPy's point of view.
 *
 *   cc tensors.c $(pkg-config --cflags --libs trit) && ./a.out */
#include <stdio.h>
#include <stdlib.h>

#include <trit/trit.h>

static trit_error err;

static void need(trit_status status) {
    if (status == trit_ok) return;
    fprintf(stderr, "%s\n", err.message);
    exit(1);
}

static void show(const char *what, const trit_tensor *t) {
    trit_text text = {0};
    need(trit_tensor_text(&text, t, &err));
    printf("%s\n%s\n\n", what, text.data);
    trit_text_fini(&text);
}

int main(void) {
    trit_device *cpu;
    need(trit_device_open(&cpu, "cpu", NULL, &err));

    /* Three sensors, four days; one sensor is 1.5 degrees too warm. */
    const float degrees[] = {20, 22, 21, 19, 23.5f, 25.5f, 24.5f, 22.5f, 18, 21, 24, 17};
    const float bias[] = {0, 1.5f, 0};
    trit_tensor *t = NULL, *off = NULL, *mean = NULL, *squares = NULL, *deviation = NULL, *z = NULL;
    need(trit_tensor_from(&t, cpu, trit_dtype_f32, 2, (int64_t[]){3, 4}, degrees, &err));
    need(trit_tensor_from(&off, cpu, trit_dtype_f32, 2, (int64_t[]){3, 1}, bias, &err));
    need(trit_tensor_sub(&t, t, off, &err)); /* in place; [3, 1] repeats to [3, 4] */
    show("degrees, the bias taken off: t -= bias", t);

    need(trit_tensor_mean(&mean, t, 1, (int32_t[]){1}, true, &err));
    need(trit_tensor_sub(&z, t, mean, &err));
    need(trit_tensor_square(&squares, z, &err));
    need(trit_tensor_mean(&deviation, squares, 1, (int32_t[]){1}, true, &err));
    need(trit_tensor_sqrt(&deviation, deviation, &err));
    need(trit_tensor_div(&z, z, deviation, &err));
    show("standard scores: (t - mean) / deviation", z);

    /* The warmest day of each sensor, and the days above 21 degrees. */
    trit_tensor *days = NULL, *warm = NULL, *values = NULL;
    need(trit_tensor_argmax(&days, t, 1, false, &err));
    show("warmest day of each sensor: argmax(t, 1)", days);
    need(trit_tensor_with_number(&warm, trit_tensor_gt, t, 21, &err));
    need(trit_tensor_masked_select(&values, t, warm, &err));
    show("what is above 21: t[t > 21]", values);

    /* A view: the last two days, in reverse, of every sensor but the first. */
    trit_tensor *view = NULL;
    const trit_slice slices[] = {{.kind = trit_slice_range, .first = 1, .has_first = true},
                                 {.kind = trit_slice_range, .first = -1, .last = -3, .step = -1, .has_first = true, .has_last = true}};
    need(trit_tensor_slice(&view, t, 2, slices, &err));
    show("t[1:, -1:-3:-1], without a copy", view);

    trit_tensor *all[] = {t, off, mean, squares, deviation, z, days, warm, values, view};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) trit_tensor_free(all[i]);
    trit_device_close(cpu);
    return 0;
}
