/* The table of elementary functions (functions.h), and the kernels of this package. */
#ifndef AUTOGRAD_TABLE_H
#define AUTOGRAD_TABLE_H
#include <stdint.h>
#include <string.h>
#include "erf.h"
#include "functions.h"
#include "primitives.h"
#include "simd.h"
#include "trigonometry.h"

/* Vectorising the loops is safe even if out is a. */
AUTOGRAD_CLONES
static void kernel_erf(ptrdiff_t n, const double *a, double *out)
{
    _Pragma("GCC ivdep") for (ptrdiff_t i = 0; i < n; i++)
        out[i] = lane_erf(a[i]);
}

AUTOGRAD_CLONES
static void kernel_erfc(ptrdiff_t n, const double *a, double *out)
{
    _Pragma("GCC ivdep") for (ptrdiff_t i = 0; i < n; i++)
        out[i] = lane_erfc(a[i]);
}

/* The kernels of this package. One with the bits of a function of the C library (`libm`) is used only if NumPy's loop
 * has the same bits; the others replace the loop. */
static const struct {
    unsigned op;
    Kernel kernel;
    double (*libm)(double);
} function_kernels[] = {
    {OP_ERF, kernel_erf, NULL},
    {OP_ERFC, kernel_erfc, NULL},
#if AUTOGRAD_HAS_CLONES
    {OP_SIN, lanes_sin, sin},
    {OP_COS, lanes_cos, cos},
#endif
};

#define FUNCTION(OP, operands, name) [OP] = {name, operands, NULL, NULL, NULL},
static Function function_table[OP_COUNT] = {LANE_FUNCTIONS(FUNCTION)};
#undef FUNCTION

/* Whether an op is a function whose NumPy loop no kernel replaces. */
static int function_needs_loop(unsigned op)
{
    for (size_t k = 0; k < sizeof function_kernels / sizeof *function_kernels; k++)
        if (function_kernels[k].op == op && function_kernels[k].libm == NULL)
            return 0;
    return function_table[op].operands > 0;
}

#if AUTOGRAD_HAS_CLONES
/* Whether NumPy's loop has the bits of a function of the C library, judged by a sample: NumPy's own approximations
 * differ at many points. */
static int function_has_bits_of(unsigned op, double (*libm)(double))
{
    enum { SAMPLE = 400 };
    double x[SAMPLE], y[SAMPLE];
    uint64_t bits, expected_bits;
    int same = 1;

    /* Alternating signs, magnitudes from 1e-9 to 1e12. */
    x[0] = 1e-9;
    for (int i = 1; i < SAMPLE; i++)
        x[i] = -1.13 * x[i - 1];
    function_over(op, SAMPLE, x, NULL, y);
    for (int i = 0; i < SAMPLE; i++) {
        const double expected = libm(x[i]);
        memcpy(&bits, &y[i], sizeof bits);
        memcpy(&expected_bits, &expected, sizeof bits);
        same &= bits == expected_bits;
    }
    return same;
}
#endif

/* Enters the kernels in the table. Call it after the loops are entered. */
static void function_choose_kernels(void)
{
    functions = function_table;
    for (size_t k = 0; k < sizeof function_kernels / sizeof *function_kernels; k++) {
        Function *const f = &function_table[function_kernels[k].op];
        if (function_kernels[k].libm == NULL)
            f->kernel = function_kernels[k].kernel;
#if AUTOGRAD_HAS_CLONES
        else if (__builtin_cpu_supports("x86-64-v3")
                 && function_has_bits_of(function_kernels[k].op, function_kernels[k].libm))
            f->kernel = function_kernels[k].kernel;
#endif
    }
}

/* The value of a primitive at a point, with the bits that a program computes. */
static double kernel_value(unsigned op, double a, double b)
{
    if (functions[op].operands == 0)
        return op_value(op, a, b, 0.0);
    function_at(op, &a, &b, &a);
    return a;
}

#endif
