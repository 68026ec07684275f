/* Adapters that are added to the weights of a conversion: what the output keeps of what they add. */
#include <math.h>

#include "model/convert/convert.h"

double trit_convert_change(const trit_linear *l, uint64_t row, const float *adapted, float *scratch) {
    double sum = 0;
    trit_quant_format_of(l->matrix.dtype)->unpack(&l->matrix, row, scratch);
    for (uint64_t c = 0; c < l->matrix.n_cols; c++) {
        const double by = (double)adapted[c] - (double)(scratch[c] * l->before);
        sum += by * by;
    }
    return sum;
}

static double share(double error, double change) {
    return error == 0 ? 0 : change > 0 ? sqrt(error / change) : (double)INFINITY;
}

void trit_convert_tell_merged(trit_convert_job *job, const trit_convert_tensor *t, const trit_convert_difference *d) {
    const trit_merged told = {
        .name = t->name, .type = trit_dtype_info(t->dtype)->label, .n_rows = t->linear.matrix.n_rows, .n_cols = t->linear.matrix.n_cols,
        .sqnr_db = trit_quant_sqnr_db(&d->error), .max_error = d->error.largest, .lost = share(d->error.error_square, d->change_square),
    };
    job->merge_error += d->error.error_square;
    job->merge_change += d->change_square;
    if (job->o->on_merged) job->o->on_merged(job->o->user, &told);
}

void trit_convert_tell_merge(const trit_convert_job *job) {
    const double lost = share(job->merge_error, job->merge_change);
    if (lost >= 1)
        trit_convert_say(job, trit_convert_warning, "the output's weights are further from what the adapters make of them (%.2g times their change) than "
                         "without any: keep these adapters beside the model, or train them inside the quantizer", lost);
    else if (lost > 0.1)
        trit_convert_say(job, trit_convert_note, "%.0f %% of what the adapters change is lost in the types of the output", 100 * lost);
}
