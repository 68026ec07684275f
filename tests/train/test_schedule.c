/* Schedules beside values that were computed apart, by the formulas at the top of schedule.c, in Python. */
#include "test.h"

#include <math.h>

#include "train/schedule.h"

static trit_error err;

static trit_train_config *config_of(size_t n, const char *const keys[][2]) {
    trit_train_config *c = NULL;
    assert_ok(trit_train_config_new(&c, &err));
    for (size_t i = 0; i < n; i++) assert_ok(trit_train_config_set(c, keys[i][0], keys[i][1], &err));
    return c;
}

static bool is_near(double a, double b) {
    return fabs(a - b) <= 1e-9 * fabs(b);
}

static const char *const keys[][2] = {
    {"lr", "1e-3"}, {"warmup", "10"}, {"lr_end", "0.1"}, {"decay_share", "0.25"}, {"switch_at", "0.5"}, {"lr2", "6e-4"},
};

static void learning_rates(void **state) {
    (void)state;
    enum { n = 10, n_steps = 100 };
    static const uint64_t steps[n] = {0, 4, 9, 10, 30, 49, 50, 75, 80, 99};
    static const struct {
        const char *schedule;
        double lr[n];
    } cases[] = {
        {"constant", {1e-4, 5e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3}},
        {"linear", {1e-4, 5e-4, 1e-3, 1e-3, 8e-4, 6.1e-4, 6e-4, 3.5e-4, 3e-4, 1.1e-4}},
        {"cosine", {1e-4, 5e-4, 1e-3, 1e-3, 0.0008947199994, 0.0006435602609, 0.00062814168, 0.0002607455756, 0.0002052800006, 0.0001002741278}},
        {"wsd", {1e-4, 5e-4, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 8.2e-4, 1.36e-4}},
        {"two-stage", {1e-4, 5e-4, 1e-3, 1e-3, 7e-3 / 9, 5.1e-3 / 9, 3e-3 / 9, 1.5e-3 / 9, 1.2e-3 / 9, 6e-5 / 9}},
        {"two-stage-restart", {1e-4, 5e-4, 1e-3, 1e-3, 7e-3 / 9, 5.1e-3 / 9, 6e-4, 3e-4, 2.4e-4, 1.2e-5}},
    };
    trit_train_config *c = config_of(sizeof keys / sizeof *keys, keys);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(trit_train_config_set(c, "schedule", cases[i].schedule, &err));
        for (int k = 0; k < n; k++) {
            const double lr = trit_schedule_lr(c, steps[k], n_steps);
            if (!is_near(lr, cases[i].lr[k])) fail_msg("%s, step %d: %.12g instead of %.12g", cases[i].schedule, (int)steps[k], lr, cases[i].lr[k]);
        }
    }
    trit_train_config_free(c);
}

/* Runs that are all warm-up, and runs of one step. */
static void short_runs(void **state) {
    (void)state;
    static const char *const all[] = {"constant", "linear", "cosine", "wsd", "two-stage", "two-stage-restart"};
    trit_train_config *c = config_of(sizeof keys / sizeof *keys, keys);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_ok(trit_train_config_set(c, "schedule", all[i], &err));
        for (uint64_t n_steps = 1; n_steps <= 12; n_steps++)
            for (uint64_t t = 0; t < n_steps + 20; t++) { /* who counts on beyond the end learns no more, but unlearns nothing */
                const double lr = trit_schedule_lr(c, t, n_steps);
                assert_true((t < n_steps ? lr > 0 : lr >= 0) && lr <= 1e-3);
            }
    }
    trit_train_config_free(c);
}

static void weight_decay(void **state) {
    (void)state;
    static const char *const decay[][2] = {{"weight_decay", "0.1"}, {"weight_decay2", "0.01"}, {"schedule", "two-stage"}};
    trit_train_config *c = config_of(3, decay);
    assert_true(trit_schedule_weight_decay(c, 49, 100) == 0.1);
    assert_true(trit_schedule_weight_decay(c, 50, 100) == 0.01);
    assert_ok(trit_train_config_set(c, "schedule", "cosine", &err));
    assert_true(trit_schedule_weight_decay(c, 99, 100) == 0.1);
    trit_train_config_free(c);
}

static void lambda(void **state) {
    (void)state;
    static const uint64_t steps[] = {0, 25, 50, 75, 99, 100, 5000};
    static const struct {
        const char *kind;
        double lambda[7];
    } cases[] = {
        {"none", {1, 1, 1, 1, 1, 1, 1}},
        {"linear", {0, 0.25, 0.5, 0.75, 0.99, 1, 1}},
        {"sigmoid", {0.0066928509242848554, 0.07585818002124355, 0.5, 0.9241418199787566, 0.9926084586557181, 1, 1}},
        {"exponential", {0, 0.9179566765447413, 0.9933071490757152, 0.9994922925097303, 0.9999952250309231, 1, 1}},
    };
    static const char *const warm[][2] = {{"lambda_steps", "100"}, {"lambda_rate", "10"}};
    trit_train_config *c = config_of(2, warm);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(trit_train_config_set(c, "lambda", cases[i].kind, &err));
        for (int k = 0; k < 7; k++) assert_true(is_near(trit_schedule_lambda(c, steps[k]), cases[i].lambda[k]));
    }
    trit_train_config_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learning_rates),
        cmocka_unit_test(short_runs),
        cmocka_unit_test(weight_decay),
        cmocka_unit_test(lambda),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
