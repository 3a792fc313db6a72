/* The two kernels of a dense layer. `w` is stored by input: w[i * n_out + j] is the weight of input i in output j, so that
 * the loops over the outputs are contiguous and the compiler vectorises them. */
#ifndef AUTOGRAD_DENSE_H
#define AUTOGRAD_DENSE_H
#include "simd.h"

/* z[j] = b[j] + x[0] * w[0][j] + x[1] * w[1][j] + ..., added in this order, which is that of the scalar graph. */
AUTOGRAD_CLONES
static void dense_forward(ptrdiff_t n_in, ptrdiff_t n_out, const double *restrict x, const double *restrict w,
                          const double *restrict b, double *restrict z)
{
    ptrdiff_t i = 0;
    for (ptrdiff_t j = 0; j < n_out; j++)
        z[j] = b[j];
    /* Four inputs at a time: a quarter of the loads and stores of z. */
    for (; i + 4 <= n_in; i += 4, w += 4 * n_out) {
        const double x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
        const double *restrict w1 = w + n_out, *restrict w2 = w1 + n_out, *restrict w3 = w2 + n_out;
        for (ptrdiff_t j = 0; j < n_out; j++)
            z[j] = (((z[j] + x0 * w[j]) + x1 * w1[j]) + x2 * w2[j]) + x3 * w3[j];
    }
    for (; i < n_in; i++, w += n_out)
        for (ptrdiff_t j = 0; j < n_out; j++)
            z[j] += x[i] * w[j];
}

/* gb[j] += g[j], gw[i][j] += x[i] * g[j], and unless gx is NULL gx[i] = sum over j of w[i][j] * g[j]. */
AUTOGRAD_CLONES
static void dense_backward(ptrdiff_t n_in, ptrdiff_t n_out, const double *restrict x, const double *restrict w,
                           const double *restrict g, double *restrict gw, double *restrict gb, double *restrict gx)
{
    for (ptrdiff_t j = 0; j < n_out; j++)
        gb[j] += g[j];
    for (ptrdiff_t i = 0; i < n_in; i++, gw += n_out)
        for (ptrdiff_t j = 0; j < n_out; j++)
            gw[j] += x[i] * g[j];
    if (gx == NULL)
        return;
    for (ptrdiff_t i = 0; i < n_in; i++, w += n_out) {
        /* Eight partial sums on every instruction set, so that the result is the same on all. */
        double part[8] = {0.0};
        ptrdiff_t j = 0;
        for (; j + 8 <= n_out; j += 8)
            for (int k = 0; k < 8; k++)
                part[k] += w[j + k] * g[j + k];
        for (int k = 0; j < n_out; j++, k++)
            part[k] += w[j] * g[j];
        gx[i] = ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
    }
}

#endif
