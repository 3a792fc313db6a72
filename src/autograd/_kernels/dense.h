/* The kernels of a dense layer, forward and backward, for the rows of a batch. `w` is stored by input: w[i * n_out + j]
 * is the weight of input i in output j. Both are sums of products in a fixed order, so that the bits depend neither on
 * the instruction set nor on the number of rows. */
#ifndef AUTOGRAD_DENSE_H
#define AUTOGRAD_DENSE_H
#include <stdint.h>
#include <string.h>
#include "simd.h"

/* Whether no number is infinite or nan. */
AUTOGRAD_CLONES
static int dense_is_finite(ptrdiff_t n, const double *x)
{
    int64_t wild = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        wild |= !(x[i] - x[i] == 0.0);
    return !wild;
}

/* c[r] += a[r][0] * b[0] + a[r][1] * b[1] + ..., from left to right, for m rows c[r] of n numbers and k rows b[i];
 * a[r][i] is at a + r * row + i * step. */
AUTOGRAD_CLONES
static void dense_add(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const double *restrict a, ptrdiff_t row, ptrdiff_t step,
                      const double *restrict b, double *restrict c)
{
    enum { ROWS = 4, COLUMNS = 8 };
    /* Tiles whose sums stay in registers. GCC 12 keeps them there with every instruction set only if the loops over
     * columns are unrolled by four. */
    for (ptrdiff_t r = 0; r + ROWS <= m; r += ROWS)
        for (ptrdiff_t j = 0; j + COLUMNS <= n; j += COLUMNS) {
            const double *restrict x = a + r * row, *restrict y = b + j;
            double *restrict z = c + r * n + j;
            double sum[ROWS][COLUMNS];
            for (int s = 0; s < ROWS; s++)
                #pragma GCC unroll 4
                for (int t = 0; t < COLUMNS; t++)
                    sum[s][t] = z[s * n + t];
            for (ptrdiff_t i = 0; i < k; i++, x += step, y += n)
                for (int s = 0; s < ROWS; s++)
                    #pragma GCC unroll 4
                    for (int t = 0; t < COLUMNS; t++)
                        sum[s][t] += x[s * row] * y[t];
            for (int s = 0; s < ROWS; s++)
                #pragma GCC unroll 4
                for (int t = 0; t < COLUMNS; t++)
                    z[s * n + t] = sum[s][t];
        }
    /* The rest: the last columns of the rows with tiles, and all columns of the last rows. */
    for (ptrdiff_t r = 0; r < m; r++, a += row, c += n) {
        const ptrdiff_t first = r < m - m % ROWS ? n - n % COLUMNS : 0;
        const double *restrict x = a, *restrict b0 = b;
        ptrdiff_t i = first == n ? k : 0;
        /* Four at a time: a quarter of the loads and stores of c. */
        for (; i + 4 <= k; i += 4, x += 4 * step, b0 += 4 * n) {
            const double x0 = x[0], x1 = x[step], x2 = x[2 * step], x3 = x[3 * step];
            const double *restrict b1 = b0 + n, *restrict b2 = b1 + n, *restrict b3 = b2 + n;
            for (ptrdiff_t j = first; j < n; j++)
                c[j] = (((c[j] + x0 * b0[j]) + x1 * b1[j]) + x2 * b2[j]) + x3 * b3[j];
        }
        for (; i < k; i++, x += step, b0 += n)
            for (ptrdiff_t j = first; j < n; j++)
                c[j] += x[0] * b0[j];
    }
}

/* z[r] = b + x[r][0] * w[0] + x[r][1] * w[1] + ..., added in this order, that of the scalar graph. */
static void dense_forward(ptrdiff_t rows, ptrdiff_t n_in, ptrdiff_t n_out, const double *restrict x,
                          const double *restrict w, const double *restrict b, double *restrict z)
{
    if (n_out == 1) {
        for (ptrdiff_t r = 0; r < rows; r++, x += n_in) {
            double sum = b[0];
            for (ptrdiff_t i = 0; i < n_in; i++)
                sum += x[i] * w[i];
            z[r] = sum;
        }
        return;
    }
    /* Copies of b, twice as many with every call of memcpy. */
    for (ptrdiff_t done = 0, more; done < rows; done += more) {
        more = done == 0 ? 1 : done < rows - done ? done : rows - done;
        memcpy(z + done * n_out, done == 0 ? b : z, more * n_out * sizeof(double));
    }
    dense_add(rows, n_out, n_in, x, n_in, 1, w, z);
}

/* gb += g[r], gw[i] += x[r][i] * g[r], and unless gx is NULL gx[r] = g[r][0] * v[0] + g[r][1] * v[1] + ..., for all
 * rows r in turn. `v` are the weights stored by output: v[j * n_in + i]. */
static void dense_backward(ptrdiff_t rows, ptrdiff_t n_in, ptrdiff_t n_out, const double *restrict x,
                           const double *restrict v, const double *restrict g, double *restrict gw,
                           double *restrict gb, double *restrict gx)
{
    const double one = 1.0;
    dense_add(1, n_out, rows, &one, 0, 0, g, gb);
    /* With one output the transposed product has the same terms and longer loops. */
    if (n_out == 1)
        dense_add(1, n_in, rows, g, 0, 1, x, gw);
    else
        dense_add(n_in, n_out, rows, x, 1, n_in, g, gw);
    if (gx != NULL) {
        memset(gx, 0, rows * n_in * sizeof(double));
        dense_add(rows, n_in, n_out, g, n_out, 1, v, gx);
    }
}

#endif
