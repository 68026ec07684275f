/* Any bytes as the log of a training run: what is read lies inside the data, in order. */
#include <stdlib.h>

#include "train_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    trit_train_log log = {0};
    trit_error err = {0};
    const trit_status status = trit_train_log_parse(&log, (const char *)data, n, "input", &err);
    if (status != trit_ok && (status != trit_format || !*err.message || log.n)) abort();
    for (size_t i = 0; i < log.n; i++) {
        const size_t before = i ? log.point[i - 1].end : 0;
        if (log.point[i].end <= before || log.point[i].end > n || !(log.point[i].step >= (i ? log.point[i - 1].step : 0))) abort();
    }
    trit_train_log_fini(&log);
    return 0;
}
