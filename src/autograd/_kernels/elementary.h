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
#define KERNELS_LOGARITHM(X) X(log) X(log2) X(log10)
#define KERNELS_HALVES(X) X(exp) X(log1p) X(tanh) X(sigmoid) X(softplus) X(sech_squared)
#define KERNELS_UNARY_PLAIN(X) \
    X(exp2) X(expm1) X(sqrt) X(cbrt) X(arcsin) X(arccos) X(arctan) X(sinh) X(cosh) X(arcsinh) X(arccosh) X(arctanh) \
    X(erf) X(erfc) X(gaussian)
#define KERNELS_UNARY(X) KERNELS_UNARY_PLAIN(X) KERNELS_LOGARITHM(X) KERNELS_HALVES(X)
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
KERNELS_UNARY_PLAIN(KERNELS)
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

#undef KERNELS_OF_TWO

enum { HALVES_BLOCK = 64 };
#define KERNELS(name) \
    AUTOGRAD_CLONES \
    static void kernels_##name(ptrdiff_t n, const double *a, double *out) \
    { \
        double p[HALVES_BLOCK], q[HALVES_BLOCK], r[HALVES_BLOCK]; \
        for (ptrdiff_t more; n > 0; n -= more, a += more, out += more) { \
            uint64_t special = 0; \
            more = n < HALVES_BLOCK ? n : HALVES_BLOCK; \
            for (ptrdiff_t i = 0; i < more; i++) \
                special |= name##_is_special(a[i]); \
            if (special >> 63) { \
                AUTOGRAD_VECTORIZE \
                for (ptrdiff_t i = 0; i < more; i++) \
                    out[i] = kernel_##name(a[i]); \
                continue; \
            } \
            AUTOGRAD_VECTORIZE \
            for (ptrdiff_t i = 0; i < more; i++) \
                name##_begin(a[i], &p[i], &q[i], &r[i]); \
            AUTOGRAD_VECTORIZE \
            for (ptrdiff_t i = 0; i < more; i++) \
                out[i] = name##_end(a[i], p[i], q[i], r[i]); \
        } \
    }
KERNELS_LOGARITHM(KERNELS)
KERNELS_HALVES(KERNELS)
#undef KERNELS

AUTOGRAD_CLONES
static void kernels_pow(ptrdiff_t n, const double *a, const double *b, double *out)
{
    double log_head[HALVES_BLOCK], log_low[HALVES_BLOCK];
    for (ptrdiff_t more; n > 0; n -= more, a += more, b += more, out += more) {
        uint64_t special = 0;
        more = n < HALVES_BLOCK ? n : HALVES_BLOCK;
        for (ptrdiff_t i = 0; i < more; i++)
            special |= pow_is_special(a[i], b[i]);
        if (special >> 63) {
            AUTOGRAD_VECTORIZE
            for (ptrdiff_t i = 0; i < more; i++)
                out[i] = kernel_pow(a[i], b[i]);
            continue;
        }
        AUTOGRAD_VECTORIZE
        for (ptrdiff_t i = 0; i < more; i++) {
            double f;
            const double k = log_split(a[i], &f);
            pow_log2(k, f, &log_head[i], &log_low[i]);
        }
        AUTOGRAD_VECTORIZE
        for (ptrdiff_t i = 0; i < more; i++)
            out[i] = pow_exp2(b[i], log_head[i], log_low[i]);
    }
}

#endif
