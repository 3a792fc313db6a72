/* The elementary functions of programs, for n numbers or for one.
 *
 * `functions` has an entry for every primitive of the op table that is not plain arithmetic. functions.pyx has the table
 * (table.h); any other module that includes this header sets its `functions` to it at import. */
#ifndef AUTOGRAD_FUNCTIONS_H
#define AUTOGRAD_FUNCTIONS_H
#include <stddef.h>
#include "ops.h"

/* Over n numbers, out[i] = f(a[i]) or f(a[i], b[i]), where out may be a or b; and at one point, with the same bits.
 * `operands` is 0 if the primitive is arithmetic. */
typedef struct {
    int operands;
    void (*unary_over)(ptrdiff_t n, const double *a, double *out);
    void (*binary_over)(ptrdiff_t n, const double *a, const double *b, double *out);
    double (*unary_at)(double a);
    double (*binary_at)(double a, double b);
} Function;

static const Function *functions;

/* b is not read if the function has one operand. */
OP_INLINE void function_over(unsigned op, ptrdiff_t n, const double *a, const double *b, double *out)
{
    if (functions[op].operands == 2)
        functions[op].binary_over(n, a, b, out);
    else
        functions[op].unary_over(n, a, out);
}

OP_INLINE double function_at(unsigned op, const double *a, const double *b)
{
    return functions[op].operands == 2 ? functions[op].binary_at(*a, *b) : functions[op].unary_at(*a);
}

#endif
