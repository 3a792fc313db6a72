/* Prints the largest error of each elementary function, in units of the last place of the exact result, and where.
 * Usage: accuracy POINTS [NAME...]. The reference is GNU's libquadmath, of 113 bits. Further arguments for sin, cos and
 * tan are read from the standard input. Also checks that a number gives the same bits alone and among others. */
#include "points.h"
#include <quadmath.h>

typedef __float128 quad;

static quad sigmoidq(quad x) { return 1 / (1 + expq(-x)); }
static quad softplusq(quad x) { return x > 0 ? x + log1pq(expq(-x)) : log1pq(expq(x)); }
static quad sech_squaredq(quad x) { return 4 * expq(-2 * fabsq(x)) / ((1 + expq(-2 * fabsq(x))) * (1 + expq(-2 * fabsq(x)))); }
static quad gaussianq(quad x) { return expq(-x * x); }
/* Of Python's float. */
static quad floor_modq(quad x, quad y)
{
    const quad rest = fmodq(x, y);
    return rest == 0 ? copysignq(0, y) : isnanq(rest) || signbitq(rest) == signbitq(y) ? rest : rest + y;
}
static quad floor_divideq(quad x, quad y)
{
    const quad rest = fmodq(x, y);
    if (y == 0 || isnanq(rest))
        return y == 0 ? x / y : rest;
    const quad whole = rintq((x - rest) / y) - (rest != 0 && signbitq(rest) != signbitq(y));
    return whole == 0 ? copysignq(0, x / y) : whole;
}
static quad exp2_q(quad x) { return x < -1100 ? 0 : x > 1100 ? HUGE_VALQ : exp2q(x); }

typedef struct {
    const char *name;
    unary_kernels *kernels;
    double (*kernel)(double);
    quad (*exact)(quad);
    double low, high;
} unary_function;

#define ROW(name, exact, low, high) {#name, kernels_##name, kernel_##name, exact, low, high}
static const unary_function UNARY[] = {
    ROW(exp, expq, -746, 710), ROW(exp2, exp2_q, -1076, 1025), ROW(expm1, expm1q, -40, 710),
    ROW(log, logq, 0, 4), ROW(log2, log2q, 0, 4), ROW(log10, log10q, 0, 4), ROW(log1p, log1pq, -1, 4),
    ROW(sqrt, sqrtq, 0, 4), ROW(cbrt, cbrtq, -8, 8),
    ROW(sin, sinq, -10, 10), ROW(cos, cosq, -10, 10), ROW(tan, tanq, -10, 10),
    ROW(arcsin, asinq, -1, 1), ROW(arccos, acosq, -1, 1), ROW(arctan, atanq, -5, 5),
    ROW(sinh, sinhq, -5, 5), ROW(cosh, coshq, -5, 5), ROW(tanh, tanhq, -5, 5),
    ROW(arcsinh, asinhq, -5, 5), ROW(arccosh, acoshq, 1, 5), ROW(arctanh, atanhq, -1, 1),
    ROW(erf, erfq, -6, 6), ROW(erfc, erfcq, -6, 28), ROW(sigmoid, sigmoidq, -746, 40), ROW(softplus, softplusq, -746, 40),
    ROW(sech_squared, sech_squaredq, -20, 20), ROW(gaussian, gaussianq, -28, 28),
};
static const struct {
    const char *name;
    binary_kernels *kernels;
    double (*kernel)(double, double);
    quad (*exact)(quad, quad);
} BINARY[] = {
    {"pow", kernels_pow, kernel_pow, powq},
    {"hypot", kernels_hypot, kernel_hypot, hypotq},
    {"arctan2", kernels_arctan2, kernel_arctan2, atan2q},
    {"fmod", kernels_fmod, kernel_fmod, fmodq},
    {"remainder", kernels_remainder, kernel_remainder, floor_modq},
    {"floor_divide", kernels_floor_divide, kernel_floor_divide, floor_divideq},
};

/* |y - exact| in ulps of the exact value. A result that overflows is 2^1024. */
static double error_of(double y, quad exact)
{
    int exponent;
    if (isnanq(exact) || y != y)
        return isnanq(exact) && y != y ? 0.0 : INFINITY;
    const quad limit = ldexpq(1, 1024), size = fabsq(exact);
    if (y - y != 0.0 && size >= limit)
        return (y > 0) == (exact > 0) ? 0.0 : INFINITY;
    const quad value = y - y != 0.0 ? copysignq(limit, y) : (quad)y;
    frexpq(size, &exponent);
    const int ulp = size >= limit ? 971 : exponent - 53 < -1074 || size == 0 ? -1074 : exponent - 53;
    const quad error = ldexpq(fabsq(value - exact), -ulp);
    return !signbit(y) != !signbitq(exact) && (y == 0.0) == (exact == 0) ? INFINITY : (double)error;
}

enum { LANES = 203 };
typedef struct { double error, x, y, result; } worst;

static void judge(worst *w, double x, double y, double result, double alone, quad exact)
{
    double error = error_of(result, exact);
    if (bits_of(result) != bits_of(alone) && !(result != result && alone != alone))
        error = INFINITY;
    if (error > w->error)
        *w = (worst){error, x, y, result};
}

static int wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return 1;
    return count == 0;
}

int main(int count, char **values)
{
    const uint64_t points = strtoull(values[1], NULL, 10);
    static double hard[100000];
    ptrdiff_t hard_count = 0;
    while (hard_count < 100000 && scanf("%la", &hard[hard_count]) == 1)
        hard_count++;

    for (size_t f = 0; f < sizeof UNARY / sizeof *UNARY; f++) {
        const unary_function *const row = &UNARY[f];
        const int periodic = row->exact == sinq || row->exact == cosq || row->exact == tanq;
        const uint64_t more = periodic ? hard_count : 0;
        worst w = {-1.0, 0.0, 0.0, 0.0};
        if (!wanted(row->name, count - 2, values + 2))
            continue;
        state = 0x9e3779b97f4a7c15;
        for (uint64_t i = 0; i < points + more; i += LANES) {
            double x[LANES], y[LANES];
            for (int j = 0; j < LANES; j++)
                x[j] = i + j < more ? hard[i + j] : argument(i + j, row->low, row->high);
            row->kernels(LANES, x, y);
            for (int j = 0; j < LANES; j++)
                judge(&w, x[j], NAN, y[j], row->kernel(x[j]), row->exact(x[j]));
        }
        printf("%s %.4f %a %a\n", row->name, w.error, w.x, w.result);
        fflush(stdout);
    }
    for (size_t f = 0; f < sizeof BINARY / sizeof *BINARY; f++) {
        worst w = {-1.0, 0.0, 0.0, 0.0};
        if (!wanted(BINARY[f].name, count - 2, values + 2))
            continue;
        state = 0x9e3779b97f4a7c15;
        for (uint64_t i = 0; i < points; i += LANES) {
            double a[LANES], b[LANES], y[LANES];
            for (int j = 0; j < LANES; j++)
                arguments(i + j, f == 0, &a[j], &b[j]);
            BINARY[f].kernels(LANES, a, b, y);
            for (int j = 0; j < LANES; j++)
                judge(&w, a[j], b[j], y[j], BINARY[f].kernel(a[j], b[j]), BINARY[f].exact(a[j], b[j]));
        }
        printf("%s %.4f %a %a %a\n", BINARY[f].name, w.error, w.x, w.y, w.result);
        fflush(stdout);
    }
    return 0;
}
