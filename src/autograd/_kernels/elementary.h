/* The elementary functions of programs: kernel_<name>(x) for a number, kernels_<name>(n, a, out) for n of them, where
 * out may be a. The lists give their names. */
#ifndef AUTOGRAD_ELEMENTARY_H
#define AUTOGRAD_ELEMENTARY_H
#include "division.h"
#include "error.h"
#include "exponential.h"
#include "inverse_trigonometric.h"
#include "logarithm.h"
#include "power.h"
#include "simd.h"
#include "trigonometric.h"

#define KERNELS_PERIODIC(X) X(sin) X(cos) X(tan)
#define KERNELS_UNARY(X) \
    X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sqrt) X(cbrt) X(arcsin) X(arccos) X(arctan) \
    X(sinh) X(cosh) X(tanh) X(arcsinh) X(arccosh) X(arctanh) X(erf) X(erfc) X(sigmoid) X(softplus) \
    X(sech_squared) X(gaussian)
#define KERNELS_BINARY_PLAIN(X) X(hypot) X(arctan2) X(fmod) X(remainder) X(floor_divide)
#define KERNELS_BINARY(X) X(pow) KERNELS_BINARY_PLAIN(X)

#if defined(__GNUC__)
#define KERNELS_UNUSED __attribute__((unused))
#else
#define KERNELS_UNUSED
#endif
#define KERNELS_OF_ONE(name, function) \
    AUTOGRAD_CLONES KERNELS_UNUSED \
    static void name(ptrdiff_t n, const double *a, double *out) \
    { \
        AUTOGRAD_VECTORIZE \
        for (ptrdiff_t i = 0; i < n; i++) \
            out[i] = function(a[i]); \
    }
#define KERNELS_OF_TWO(name, function) \
    AUTOGRAD_CLONES \
    static void name(ptrdiff_t n, const double *a, const double *b, double *out) \
    { \
        AUTOGRAD_VECTORIZE \
        for (ptrdiff_t i = 0; i < n; i++) \
            out[i] = function(a[i], b[i]); \
    }

/* Whether an argument is beyond what trig_reduce takes. */
AUTOGRAD_CLONES
static int trig_any_large(ptrdiff_t n, const double *a)
{
    uint64_t large = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        large |= bits_of(TRIG_FAST - fabs(a[i]));
    return large >> 63;
}

#define KERNELS(name) KERNELS_OF_ONE(kernels_##name, kernel_##name)
KERNELS_UNARY(KERNELS)
#undef KERNELS
#define KERNELS(name) KERNELS_OF_TWO(kernels_##name, kernel_##name)
KERNELS_BINARY_PLAIN(KERNELS)
#undef KERNELS
#define KERNELS(name) \
    KERNELS_OF_ONE(kernels_##name##_fast, kernel_##name##_fast) \
    static void kernels_##name(ptrdiff_t n, const double *a, double *out) \
    { \
        enum { BLOCK = 64 }; \
        for (ptrdiff_t more; n > 0; n -= more, a += more, out += more) { \
            more = n < BLOCK ? n : BLOCK; \
            if (!trig_any_large(more, a)) \
                kernels_##name##_fast(more, a, out); \
            else \
                for (ptrdiff_t i = 0; i < more; i++) \
                    out[i] = kernel_##name(a[i]); \
        } \
    }
KERNELS_PERIODIC(KERNELS)
#undef KERNELS
#undef KERNELS_OF_ONE

KERNELS_OF_TWO(pow_any, kernel_pow)
#undef KERNELS_OF_TWO

/* For n <= POW_BLOCK numbers of which none is special; returns whether so. Two short loops overlap more of their rounds
 * than one. */
enum { POW_BLOCK = 64 };
AUTOGRAD_CLONES
static int pow_ordinary(ptrdiff_t n, const double *a, const double *b, double *out)
{
    double log_head[POW_BLOCK], log_low[POW_BLOCK];
    uint64_t special = 0;

    for (ptrdiff_t i = 0; i < n; i++)
        special |= pow_is_special(a[i], b[i]);
    if (special >> 63)
        return 0;
    AUTOGRAD_VECTORIZE
    for (ptrdiff_t i = 0; i < n; i++) {
        double f;
        const double k = log_split(a[i], &f);
        pow_log2(k, f, &log_head[i], &log_low[i]);
    }
    AUTOGRAD_VECTORIZE
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = pow_exp2(b[i], log_head[i], log_low[i]);
    return 1;
}

static void kernels_pow(ptrdiff_t n, const double *a, const double *b, double *out)
{
    for (ptrdiff_t more; n > 0; n -= more, a += more, b += more, out += more) {
        more = n < POW_BLOCK ? n : POW_BLOCK;
        if (!pow_ordinary(more, a, b, out))
            pow_any(more, a, b, out);
    }
}

#endif
