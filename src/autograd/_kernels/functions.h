/* The elementary functions of programs, for n numbers or for one.
 *
 * `functions` has an entry for every primitive of the op table that is not plain arithmetic. loops.pyx fills the table
 * once; a module that includes this header sets its `functions` to it at import. */
#ifndef AUTOGRAD_FUNCTIONS_H
#define AUTOGRAD_FUNCTIONS_H
#include <stddef.h>
#include "ops.h"

/* Computes out[i] = f(a[i]) for up to 64 numbers; out may be a. */
typedef void (*Kernel)(ptrdiff_t n, const double *a, double *out);

/* The inner loop of a NumPy ufunc. */
typedef void (*Loop)(char **arguments, const ptrdiff_t *sizes, const ptrdiff_t *steps, void *data);

/* A function with a kernel of this package, with NumPy's loop, or with both: then the kernel has the bits of the loop
 * and is faster for more than one number. `operands` is 0 if the primitive is arithmetic. */
typedef struct {
    const char *name; /* in NumPy */
    int operands;
    Loop loop;
    void *data;
    Kernel kernel;
} Function;

static const Function *functions;

/* Computes out[i] = f(a[i]), or f(a[i], b[i]). Neither a nor b may end where out begins: NumPy's loops would then run
 * other code, whose results differ in the last bit. */
static void function_over(unsigned op, ptrdiff_t n, const double *a, const double *b, double *out)
{
    static const ptrdiff_t steps[3] = {sizeof(double), sizeof(double), sizeof(double)};
    const Function *const f = &functions[op];
    char *arguments[3] = {(char *)a, (char *)(b != NULL ? b : out), (char *)out};
    if (f->kernel != NULL && (n > 1 || f->loop == NULL))
        f->kernel(n, a, out);
    else
        f->loop(arguments, &n, steps, f->data);
}

/* Computes f(*a), or f(*a, *b); out may be either. */
OP_INLINE void function_at(unsigned op, const double *a, const double *b, double *out)
{
    const Function *const f = &functions[op];
    if (f->loop == NULL)
        f->kernel(1, a, out);
    else {
        static const ptrdiff_t n = 1, steps[3] = {sizeof(double), sizeof(double), sizeof(double)};
        double numbers[6] = {*a, 0.0, *b};
        char *arguments[3] = {(char *)numbers, (char *)(numbers + (f->operands == 2 ? 2 : 4)), (char *)(numbers + 4)};
        f->loop(arguments, &n, steps, f->data);
        *out = numbers[4];
    }
}

#endif
