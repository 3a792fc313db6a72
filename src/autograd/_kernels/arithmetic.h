/* What the elementary functions of this folder are made of: the bits of a number, unevaluated sums of two doubles,
 * polynomials, powers of two.
 *
 * A function here has no branch, no table and no call: comparisons only choose between numbers that are both computed,
 * so that a loop over it becomes vectors of any instruction set. It is made of IEEE operations alone, in one order
 * (no contraction), so that a number gives the same bits in every vector and alone, with every compiler and processor.
 *
 * No fused multiply-add is used: not all processors have one. Products that must be exact are of numbers of 26 bits
 * (Dekker, "A floating-point technique for extending the available precision", Numer. Math. 18, 1971). In a + b = s
 * exactly, the rest of the rounded sum s is (a - s) + b where |a| >= |b|, or where a is a multiple of the last bit of b
 * (Dekker; Rump, Ogita and Oishi, "Accurate floating-point summation", SIAM J. Sci. Comput. 31, 2008).
 *
 * The polynomials were found by Sollya's fpminimax (Brisebarre and Chevillard, "Efficient polynomial
 * L-infinity-approximations", ARITH 18, 2007): minimax in relative error, coefficients rounded to doubles. */
#ifndef AUTOGRAD_ARITHMETIC_H
#define AUTOGRAD_ARITHMETIC_H
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define KERNEL static inline __attribute__((always_inline, unused))
#else
#define KERNEL static __inline
#endif

KERNEL uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

KERNEL double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The upper 26 bits of x; the rest has at most 27. */
KERNEL double head_of(double x)
{
    return double_of(bits_of(x) & 0xfffffffff8000000);
}

/* c[0] + c[1] x + ... + c[n - 1] x^(n-1), the even and the odd powers apart: two chains of operations of half the
 * length of Horner's. With a constant n the compiler unrolls it. */
KERNEL double polynomial(const double *c, int n, double x)
{
    const double z = x * x;
    const int top = n - 1;
    double last = c[top], other = c[top - 1];
    for (int i = top - 2; i >= 0; i -= 2)
        last = last * z + c[i];
    for (int i = top - 3; i >= 0; i -= 2)
        other = other * z + c[i];
    return top % 2 ? last * x + other : other * x + last;
}

/* (n_high + n_low) / (d_high + d_low) = result + *low, to about 100 bits where nothing underflows. */
KERNEL double quotient(double n_high, double n_low, double d_high, double d_low, double *low)
{
    const double inverse = 1.0 / d_high, q = n_high * inverse, q_head = head_of(q), d_head = head_of(d_high);
    const double rest = ((n_high - q_head * d_head) - q_head * (d_high - d_head)) - (q - q_head) * d_high;
    *low = (rest + (n_low - q * d_low)) * inverse;
    return q;
}

/* Added to a number n it leaves n, rounded to an integer, plus 2046 in the last 12 bits. */
static const double EXPONENT_SHIFT = 0x1.8p52 + 2046;

/* y 2^n for -1100 < n < 1100, shifted = n + EXPONENT_SHIFT; rounded once more where the result is subnormal. Two
 * factors, each of them a normal number. */
KERNEL double scale(double y, double shifted)
{
    const uint64_t n = bits_of(shifted) & 0xfff, half = n >> 1;
    return y * double_of(half << 52) * double_of((n - half) << 52);
}

/* The same for -1022 <= n <= 1023 and a result that is normal. */
KERNEL double scale_normal(double y, double shifted)
{
    return y * double_of((bits_of(shifted) - 1023) << 52);
}

/* 2^-n for -60 < n < 1100. */
KERNEL double inverse_scale(double shifted)
{
    return 0x1p-64 * double_of((1023 + 2046 + 64 - (bits_of(shifted) & 0xfff)) << 52);
}

/* Some functions are two halves, so that a loop over a block can be two short ones, which overlap more of their rounds
 * than a long one: name_begin(x, &p, &q, &r), then name_end(x, p, q, r). Where name_is_special(x) has the sign bit only
 * kernel_name(x) is right. HALVES(name) defines both for halves that are always right. */
#define HALVES(name) \
    KERNEL uint64_t name##_is_special(double x) \
    { \
        (void)x; \
        return 0; \
    } \
    KERNEL double kernel_##name(double x) \
    { \
        double p, q, r; \
        name##_begin(x, &p, &q, &r); \
        return name##_end(x, p, q, r); \
    }

#endif
