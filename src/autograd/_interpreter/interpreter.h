/* The loops of the interpreter.
 *
 * `lane_point` runs instructions over uniform slots, one number each. `lane_block` runs them over a block of lanes: a
 * slot is a row of `width` numbers, and every instruction is a loop that the compiler vectorises, so that each dispatch
 * serves a whole row. Both compute the same operations in the same order and give the same bits. */
#ifndef AUTOGRAD_INTERPRETER_H
#define AUTOGRAD_INTERPRETER_H
#include <Python.h>
#include <string.h>
#include "_interpreter/schedule.h"
#include "_kernels/functions.h"
#include "_kernels/primitives.h"
#include "_kernels/simd.h"

/* Shared by the threads of a run. Microsoft's compiler has no <stdatomic.h> by default. */
#if defined(_MSC_VER)
#include <intrin.h>
typedef volatile long long Shared;
#define shared_increment(shared) _InterlockedExchangeAdd64(shared, 1) /* returns the number before */
#define shared_read(shared) (*(shared))
#define shared_set(shared) _InterlockedExchange64(shared, 1)
#else
#include <stdatomic.h>
typedef _Atomic long long Shared;
#define shared_increment(shared) atomic_fetch_add(shared, 1)
#define shared_read(shared) atomic_load_explicit(shared, memory_order_relaxed)
#define shared_set(shared) atomic_store(shared, 1)
#endif

/* LANE_GAP: the numbers between two rows; rows whose distance is a power of two compete for the same sets of the cache.
 * LANE_SCRATCH: the scratch rows of a frame. */
enum { LANE_GAP = 8, LANE_SCRATCH = 6, LANE_MOST_WIDTH = 256 };

/* The loop over the lanes of a block. Vectorising it is safe even if `out` is an operand; unrolled, it is not bound by the
 * latency of loads. */
#define LANES AUTOGRAD_VECTORIZE AUTOGRAD_UNROLL for (ptrdiff_t i = 0; i < n; i++)

/* ---- Instructions that are not primitives of the op table ---- */

OP_INLINE double lane_madd(double a, double b, double c) { return a * b + c; }
OP_INLINE double lane_msub(double a, double b, double c) { return a * b - c; }
OP_INLINE double lane_nmadd(double a, double b, double c) { return c - a * b; }
OP_INLINE double lane_mask(double a, double b, double c) { return c == 0.0 ? 0.0 : a * b; }
OP_INLINE double lane_where_lt(double a, double b, double c, double d) { return a < b ? c : d; }
OP_INLINE double lane_where_le(double a, double b, double c, double d) { return a <= b ? c : d; }
OP_INLINE double lane_where_eq(double a, double b, double c, double d) { return a == b ? c : d; }

OP_INLINE int lane_same(double a, double b)
{
    uint64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return (x == y) | ((a != a) & (b != b));
}

#define LANE_MADDS(X) \
    X(LANE_MADD, lane_madd) X(LANE_MSUB, lane_msub) X(LANE_NMADD, lane_nmadd) X(LANE_MASK, lane_mask)
#define LANE_WHERES(X) X(LANE_WHERE_LT, lane_where_lt) X(LANE_WHERE_LE, lane_where_le) X(LANE_WHERE_EQ, lane_where_eq)

#define FUNCTION_CASE(OP, operands, name) case OP:

/* ---- A run, and the frame of each of its threads ---- */

typedef struct Run Run;

struct Run {
    const Schedule *schedule;
    const Array *inputs, *outputs;
    const ptrdiff_t *rows; /* lane l is row rows[l] of the arrays; NULL: row l */
    uint32_t *failed; /* by lane, the number of the guard that failed first; only in blocks with a failure */
    unsigned char *failures; /* by block, whether a guard failed */
    ptrdiff_t lanes;
    ptrdiff_t width;    /* lanes in a block, a multiple of 8 */
    ptrdiff_t segment;  /* lanes in a segment, a multiple of the width */
    ptrdiff_t segments; /* the unit of work of a thread; sums are added up within each segment, then over all */
    double *uniform;
    double *sums; /* [segments][sum_count]; at the end the first row holds the totals */
    PyObject *calls;
    /* Calls Python for `count` lanes, or over uniform slots if `varying` is NULL; negative: an exception is set. */
    int (*call)(const Run *, const Instruction *, double *const *varying, ptrdiff_t count, const int64_t *failed);
    /* Checks for Ctrl-C; nonzero: an exception is set. */
    int (*interrupted)(void);
    Shared next; /* the segment that no thread has taken yet */
    Shared stopped;
};

typedef struct {
    double *own;      /* [varying_slots][lane_stride] */
    double **varying; /* by slot, its row: its own, or in a block that of an input or output */
    double *scratch; /* [LANE_SCRATCH][lane_stride] */
    double *partial; /* [sum_count][8], sums over the lanes of a segment, by lane modulo 8 */
    int64_t failed[LANE_MOST_WIDTH]; /* as in Run; meaningless in a block without a failure */
} Frame;

OP_INLINE ptrdiff_t lane_stride(const Run *run) { return run->width + LANE_GAP; }

OP_INLINE ptrdiff_t lane_row(const Run *run, ptrdiff_t lane) { return run->rows != NULL ? run->rows[lane] : lane; }

/* The number of doubles of a frame. */
static ptrdiff_t lane_frame_size(const Run *run)
{
    const ptrdiff_t slots = run->schedule->varying_slots;
    return (slots + LANE_SCRATCH) * lane_stride(run) + 8 * run->schedule->sum_count + slots;
}

static void lane_frame(const Run *run, double *memory, Frame *frame)
{
    frame->own = memory;
    frame->scratch = memory + run->schedule->varying_slots * lane_stride(run);
    frame->partial = frame->scratch + LANE_SCRATCH * lane_stride(run);
    frame->varying = (double **)(frame->partial + 8 * run->schedule->sum_count);
    for (ptrdiff_t slot = 0; slot < run->schedule->varying_slots; slot++)
        frame->varying[slot] = memory + slot * lane_stride(run);
}

/* ---- One lane ---- */

/* Fills a row with one number. */
OP_INLINE const double *lane_fill(double *row, ptrdiff_t n, double x)
{
    LANES row[i] = x;
    return row;
}

/* Computes a primitive, a multiply-add or a choice for n numbers; x has the rows of its operands. */
AUTOGRAD_CLONES
static void lane_compute(unsigned op, ptrdiff_t n, const double *const *x, double *out)
{
    const double *const a = x[0], *const b = x[1], *const c = x[2], *const d = x[3];

    switch (op) {
#define NUMBERS_UNARY(OP, f) case OP: LANES out[i] = f(a[i]); break;
#define NUMBERS_BINARY(OP, f) case OP: LANES out[i] = f(a[i], b[i]); break;
#define NUMBERS_TERNARY(OP, f) case OP: LANES out[i] = f(a[i], b[i], c[i]); break;
#define NUMBERS_WHERE(OP, f) case OP: LANES out[i] = f(a[i], b[i], c[i], d[i]); break;
    LANE_UNARY(NUMBERS_UNARY)
    LANE_BINARY(NUMBERS_BINARY)
    LANE_FUNCTIONS(FUNCTION_CASE)
        function_over(op, n, a, b, out);
        break;
    LANE_MADDS(NUMBERS_TERNARY)
    LANE_WHERES(NUMBERS_WHERE)
    default: break;
    }
}

/* The numbers of a row of LANE_MAP, at one place. */
OP_INLINE const double *lane_gather(const double *u, const uint32_t *arguments, const uint32_t *row, ptrdiff_t n,
                                    double *place)
{
    if (row[0] == LANE_EACH)
        return u + row[1];
    if (row[0] == LANE_ONE)
        return lane_fill(place, n, u[row[1]]);
    for (ptrdiff_t i = 0; i < n; i++)
        place[i] = u[arguments[row[1] + i]];
    return place;
}

/* The numbers of the inputs or outputs of a row. */
OP_INLINE const uint32_t *lane_numbers(const uint32_t *arguments, const uint32_t *row, ptrdiff_t n, uint32_t *place)
{
    if (row[0] == LANE_LISTED)
        return arguments + row[1];
    for (ptrdiff_t i = 0; i < n; i++)
        place[i] = row[1] + (row[0] == LANE_EACH ? (uint32_t)i : 0);
    return place;
}

/* Runs an instruction for many numbers at once, which takes a fraction of the time of as many single ones. */
static void lane_map(const Run *run, const Instruction *in)
{
    double places[4][LANE_MOST_NUMBERS];
    uint32_t numbers[LANE_MOST_NUMBERS];
    const double *x[4] = {NULL, NULL, NULL, NULL};
    double *const u = run->uniform;
    const uint32_t *const arguments = run->schedule->arguments, *const rows = arguments + in->b;
    const uint32_t *const result = rows + 2 * (in->c - 1);
    const ptrdiff_t n = in->d;
    double *const out = result[0] == LANE_EACH ? u + result[1] : places[3];

    switch (in->a) {
    case LANE_LOAD: {
        const ptrdiff_t first = run->lanes > 0 ? lane_row(run, 0) : 0;
        const uint32_t *number = lane_numbers(arguments, rows, n, numbers);
        for (ptrdiff_t i = 0; i < n; i++)
            out[i] = run->inputs[number[i]].data[first * run->inputs[number[i]].stride];
        break;
    }
    case LANE_STORE: {
        const uint32_t *number = lane_numbers(arguments, result, n, numbers);
        x[0] = lane_gather(u, arguments, rows, n, places[0]);
        for (ptrdiff_t lane = 0; lane < run->lanes; lane++) {
            const ptrdiff_t to = lane_row(run, lane);
            for (ptrdiff_t i = 0; i < n; i++)
                run->outputs[number[i]].data[to * run->outputs[number[i]].stride] = x[0][i];
        }
        return;
    }
    case LANE_DOT: {
        const uint32_t *row = rows;
        x[2] = in->flags & LANE_NO_START ? lane_fill(places[2], n, -0.0)
                                         : lane_gather(u, arguments, row, n, places[2]);
        row += in->flags & LANE_NO_START ? 0 : 2;
        for (; row < result; row += 4) {
            x[0] = lane_gather(u, arguments, row, n, places[0]);
            x[1] = lane_gather(u, arguments, row + 2, n, places[1]);
            lane_compute(LANE_MADD, n, x, out);
            x[2] = out;
        }
        break;
    }
    default:
        for (uint32_t k = 0; k + 1 < in->c; k++)
            x[k] = lane_gather(u, arguments, rows + 2 * k, n, places[k]);
        lane_compute(in->a, n, x, out);
    }
    if (result[0] != LANE_EACH)
        for (ptrdiff_t i = 0; i < n; i++)
            u[arguments[result[1] + i]] = out[i];
}

/* Runs instructions over the uniform slots. Returns 0, the number of the guard that failed, or -1 with an exception set. */
static int lane_point(const Run *run, const Instruction *in, ptrdiff_t size)
{
    double *const u = run->uniform;
    const uint32_t *const arguments = run->schedule->arguments;

    for (const Instruction *end = in + size; in < end; in++) {
        switch (in->op) {
#define POINT_UNARY(OP, f) case OP: u[in->out] = f(u[in->a]); break;
#define POINT_BINARY(OP, f) case OP: u[in->out] = f(u[in->a], u[in->b]); break;
#define POINT_TERNARY(OP, f) case OP: u[in->out] = f(u[in->a], u[in->b], u[in->c]); break;
#define POINT_WHERE(OP, f) case OP: u[in->out] = f(u[in->a], u[in->b], u[in->c], u[in->d]); break;
        LANE_UNARY(POINT_UNARY)
        LANE_BINARY(POINT_BINARY)
        LANE_FUNCTIONS(FUNCTION_CASE)
            u[in->out] = function_at(in->op, &u[in->a], &u[in->b]);
            break;
        LANE_MADDS(POINT_TERNARY)
        LANE_WHERES(POINT_WHERE)
        case LANE_LOAD: {
            const Array *x = &run->inputs[in->a];
            u[in->out] = x->data[run->lanes > 0 ? lane_row(run, 0) * x->stride : 0];
            break;
        }
        case LANE_STORE: {
            const Array *y = &run->outputs[in->out];
            for (ptrdiff_t lane = 0; lane < run->lanes; lane++)
                y->data[lane_row(run, lane) * y->stride] = u[in->a];
            break;
        }
        case LANE_DOT: {
            /* Adding to -0.0 keeps the bits of every number. */
            double sum = in->flags & LANE_NO_START ? -0.0 : u[in->a];
            const uint32_t *pairs = arguments + in->b;
            for (uint32_t k = 0; k < in->c; k++)
                sum += u[pairs[2 * k] & ~LANE_UNIFORM] * u[pairs[2 * k + 1] & ~LANE_UNIFORM];
            u[in->out] = sum;
            break;
        }
        case LANE_GUARD:
            if ((u[in->a] != 0.0) != in->flags)
                return (int)in->out;
            break;
        case LANE_SAME:
            if (!lane_same(u[in->a], u[in->b]))
                return (int)in->out;
            break;
        case LANE_TOTAL: u[in->out] = run->sums[in->a]; break;
        case LANE_CALL:
            if (run->call(run, in, NULL, 1, NULL) < 0)
                return -1;
            break;
        case LANE_MAP: lane_map(run, in); break;
        default: break;
        }
    }
    return 0;
}

/* ---- A block of lanes ---- */

/* out = start + p[0] * q[0] + ... + p[size - 1] * q[size - 1], the q varying or uniform, without start if it is NULL. */
OP_INLINE void lane_dot(ptrdiff_t n, const int size, const int uniform, const double *start, const double *const *p,
                        const double *const *q, double *out)
{
    const double *p0 = p[0], *p1 = p[1], *p2 = p[2], *p3 = p[3], *q0 = q[0], *q1 = q[1], *q2 = q[2], *q3 = q[3];
    const double u0 = *q0, u1 = *q1, u2 = *q2, u3 = *q3;
    LANES {
        double sum = p0[i] * (uniform ? u0 : q0[i]);
        if (start != NULL)
            sum = start[i] + sum;
        if (size > 1)
            sum += p1[i] * (uniform ? u1 : q1[i]);
        if (size > 2)
            sum += p2[i] * (uniform ? u2 : q2[i]);
        if (size > 3)
            sum += p3[i] * (uniform ? u3 : q3[i]);
        out[i] = sum;
    }
}

/* Fails the lanes in which `bad`, an expression in i, is true; ends the block once all lanes have failed. The lanes beyond
 * the last count as failed. */
#define BLOCK_FAIL(bad) \
    { \
        int64_t any = 0, left = 0; \
        LANES any |= (bad); \
        if (any) { \
            if (!failure) \
                LANES failed[i] = i >= count; \
            failure = 1; \
            const int64_t number = in->out; \
            LANES failed[i] = failed[i] == 0 && (bad) ? number : failed[i]; \
            LANES left |= failed[i] == 0; \
            if (!left) \
                goto give_up; \
        } \
    }

/* Adds `term`, an expression in i, to the partial sums, of which there are eight with every instruction set. */
#define BLOCK_SUM(term) \
    { \
        double part[8], *const sum = frame->partial + 8 * (ptrdiff_t)in->out; \
        ptrdiff_t group = 0; \
        memcpy(part, sum, sizeof part); \
        for (; group + 8 <= count; group += 8) \
            for (ptrdiff_t k = 0, i = group; k < 8; k++, i++) \
                part[k] += (term); \
        for (ptrdiff_t k = 0, i = group; i < count; k++, i++) \
            part[k] += (term); \
        memcpy(sum, part, sizeof part); \
    }

/* Runs the body for `count` lanes from lane `first` on. Loops run over whole groups of eight lanes; numbers in lanes
 * beyond `count` are never stored. Returns 0, or -1 with an exception set. */
AUTOGRAD_CLONES
static int lane_block(const Run *run, Frame *frame, ptrdiff_t first, ptrdiff_t count)
{
    const ptrdiff_t n = (count + 7) & ~(ptrdiff_t)7, stride = lane_stride(run);
    const double *const u = run->uniform;
    double **const v = frame->varying, *const scratch = frame->scratch;
    int64_t *const failed = frame->failed;
    const uint32_t *const arguments = run->schedule->arguments;
    const ptrdiff_t *const rows = run->rows != NULL ? run->rows + first : NULL;
    const Instruction *in = run->schedule->body, *const end = in + run->schedule->body_size;
    /* Whether rows of inputs and outputs serve as rows of slots. */
    const int direct = rows == NULL && count == n;
    int failure = 0;

    for (ptrdiff_t k = 0; k < run->schedule->placed_count; k++) {
        const uint32_t slot = run->schedule->placed[2 * k];
        const Array *y = &run->outputs[run->schedule->placed[2 * k + 1]];
        v[slot] = direct && y->stride == 1 ? y->data + first : frame->own + slot * stride;
    }
    for (; in < end; in++) {
/* The rows of a slot, of operand number k, of the result. */
#define ROW(slot) (v[slot])
#define SCRATCH(k) (scratch + (k) * stride)
#define OPERAND(x, k) ((in->kinds >> (k)) & 1 ? lane_fill(SCRATCH(k), n, u[in->x]) : ROW(in->x))
#define OUT double *const out = ROW(in->out)
        switch (in->op) {
#define BLOCK_UNARY(OP, f) \
    case OP: { \
        OUT; \
        const double *a = OPERAND(a, 0); \
        LANES out[i] = f(a[i]); \
        break; \
    }
#define BLOCK_BINARY(OP, f) \
    case OP: { \
        OUT; \
        if ((in->kinds & 3) == 1) { \
            const double a = u[in->a], *b = ROW(in->b); \
            LANES out[i] = f(a, b[i]); \
        } else if ((in->kinds & 3) == 2) { \
            const double *a = ROW(in->a), b = u[in->b]; \
            LANES out[i] = f(a[i], b); \
        } else { \
            const double *a = OPERAND(a, 0), *b = OPERAND(b, 1); \
            LANES out[i] = f(a[i], b[i]); \
        } \
        break; \
    }
#define BLOCK_TERNARY(OP, f) \
    case OP: { \
        OUT; \
        /* Factors commute: if only one is uniform, let it be b. */ \
        const int swap = (in->kinds & 3) == 1; \
        const uint32_t ia = swap ? in->b : in->a, ib = swap ? in->a : in->b; \
        switch (in->kinds & 7) { \
        case 1: \
        case 2: { \
            const double *a = ROW(ia), b = u[ib], *c = ROW(in->c); \
            LANES out[i] = f(a[i], b, c[i]); \
            break; \
        } \
        case 4: { \
            const double *a = ROW(ia), *b = ROW(ib), c = u[in->c]; \
            LANES out[i] = f(a[i], b[i], c); \
            break; \
        } \
        case 5: \
        case 6: { \
            const double *a = ROW(ia), b = u[ib], c = u[in->c]; \
            LANES out[i] = f(a[i], b, c); \
            break; \
        } \
        default: { \
            const double *a = OPERAND(a, 0), *b = OPERAND(b, 1), *c = OPERAND(c, 2); \
            LANES out[i] = f(a[i], b[i], c[i]); \
            break; \
        } \
        } \
        break; \
    }
#define BLOCK_WHERE(OP, f) \
    case OP: { \
        OUT; \
        /* A derivative compares with a constant, and chooses a constant. */ \
        if ((in->kinds & 15) == 6) { \
            const double *a = ROW(in->a), b = u[in->b], c = u[in->c], *d = ROW(in->d); \
            LANES out[i] = f(a[i], b, c, d[i]); \
        } else if ((in->kinds & 15) == 10) { \
            const double *a = ROW(in->a), b = u[in->b], *c = ROW(in->c), d = u[in->d]; \
            LANES out[i] = f(a[i], b, c[i], d); \
        } else { \
            const double *a = OPERAND(a, 0), *b = OPERAND(b, 1), *c = OPERAND(c, 2), *d = OPERAND(d, 3); \
            LANES out[i] = f(a[i], b[i], c[i], d[i]); \
        } \
        break; \
    }
        LANE_UNARY(BLOCK_UNARY)
        LANE_BINARY(BLOCK_BINARY)
        LANE_FUNCTIONS(FUNCTION_CASE) {
            const double *a = OPERAND(a, 0);
            function_over(in->op, n, a, functions[in->op].operands == 2 ? OPERAND(b, 1) : NULL, ROW(in->out));
            break;
        }
        LANE_MADDS(BLOCK_TERNARY)
        LANE_WHERES(BLOCK_WHERE)
        case LANE_LOAD: {
            const Array *x = &run->inputs[in->a];
            if (direct && x->stride == 1) {
                ROW(in->out) = x->data + first;
                break;
            }
            double *const out = ROW(in->out) = frame->own + in->out * stride;
            if (rows != NULL)
                for (ptrdiff_t i = 0; i < count; i++)
                    out[i] = x->data[rows[i] * x->stride];
            else if (x->stride == 1)
                memcpy(out, x->data + first, count * sizeof(double));
            else
                for (ptrdiff_t i = 0; i < count; i++)
                    out[i] = x->data[(first + i) * x->stride];
            /* Fill the remaining lanes: arithmetic on leftover numbers, such as denormal ones, can be slow. */
            for (ptrdiff_t i = count; i < n; i++)
                out[i] = out[count - 1];
            break;
        }
        case LANE_STORE: {
            const double *a = OPERAND(a, 0);
            const Array *y = &run->outputs[in->out];
            if (rows != NULL)
                for (ptrdiff_t i = 0; i < count; i++)
                    y->data[rows[i] * y->stride] = a[i];
            else if (y->stride == 1 && a != y->data + first)
                memcpy(y->data + first, a, count * sizeof(double));
            else if (y->stride == 1)
                break;
            else
                for (ptrdiff_t i = 0; i < count; i++)
                    y->data[(first + i) * y->stride] = a[i];
            break;
        }
        case LANE_DOT: {
            const double *start = in->flags & LANE_NO_START ? NULL : OPERAND(a, 0);
            const uint32_t *pair = arguments + in->b;
            for (uint32_t left = in->c; left > 0;) {
                /* Up to four pairs at a time keep the sum in registers; all of them have a uniform factor, or none has. */
                const double *p[4], *q[4];
                int size = 0, uniform = 0;
                for (; size < 4 && (uint32_t)size < left; size++) {
                    uint32_t x = pair[2 * size], y = pair[2 * size + 1];
                    if (x & LANE_UNIFORM) {
                        const uint32_t z = x;
                        x = y;
                        y = z;
                    }
                    const int is_uniform = (y & LANE_UNIFORM) != 0;
                    if (size > 0 && is_uniform != uniform)
                        break;
                    uniform = is_uniform;
                    if (x & LANE_UNIFORM)
                        p[size] = lane_fill(SCRATCH(2 + size), n, u[x & ~LANE_UNIFORM]);
                    else
                        p[size] = ROW(x);
                    q[size] = is_uniform ? &u[y & ~LANE_UNIFORM] : ROW(y);
                }
                for (int k = size; k < 4; k++) {
                    p[k] = p[0];
                    q[k] = q[0];
                }
                left -= (uint32_t)size;
                pair += 2 * size;
                /* The slot of the result may be that of an operand of a pair still to come. */
                double *const out = left > 0 ? SCRATCH(1) : ROW(in->out);
                switch (4 * size + 2 * uniform + (start != NULL)) {
#define DOT_CASES(size) \
    case 4 * size: lane_dot(n, size, 0, NULL, p, q, out); break; \
    case 4 * size + 1: lane_dot(n, size, 0, start, p, q, out); break; \
    case 4 * size + 2: lane_dot(n, size, 1, NULL, p, q, out); break; \
    case 4 * size + 3: lane_dot(n, size, 1, start, p, q, out); break;
                DOT_CASES(1)
                DOT_CASES(2)
                DOT_CASES(3)
                DOT_CASES(4)
                default: break;
                }
                start = out;
            }
            break;
        }
        case LANE_GUARD: {
            const double *a = OPERAND(a, 0);
            const int taken = in->flags;
            BLOCK_FAIL((a[i] != 0.0) != taken)
            break;
        }
        case LANE_SAME: {
            const double *a = OPERAND(a, 0), *b = OPERAND(b, 1);
            BLOCK_FAIL(!lane_same(a[i], b[i]))
            break;
        }
        case LANE_SUM: {
            const double *a = OPERAND(a, 0);
            BLOCK_SUM(a[i])
            break;
        }
        case LANE_SUM_MUL: {
            const double *a = OPERAND(a, 0), *b = OPERAND(b, 1);
            BLOCK_SUM(a[i] * b[i])
            break;
        }
        case LANE_CALL:
            if (run->call(run, in, v, count, failure ? failed : NULL) < 0)
                return -1;
            break;
        default: break;
        }
    }
give_up:
    if (failure) {
        int64_t any = 0;
        for (ptrdiff_t i = 0; i < count; i++) {
            any |= failed[i];
            run->failed[first + i] = (uint32_t)failed[i];
        }
        run->failures[first / run->width] = any != 0;
    }
    return 0;
}

/* ---- All lanes ---- */

/* The work, in instructions times lanes, between two checks for Ctrl-C: some hundredths of a second. */
#define LANE_PATIENCE 20000000.0

/* Runs segments until none is left or the run is stopped. With `looks` this thread checks for Ctrl-C. */
static void lane_work(Run *run, double *memory, int looks)
{
    const ptrdiff_t sum_count = run->schedule->sum_count;
    double work = 0.0;
    ptrdiff_t segment;
    Frame frame;

    lane_frame(run, memory, &frame);
    while ((segment = shared_increment(&run->next)) < run->segments) {
        ptrdiff_t first = segment * run->segment;
        const ptrdiff_t end = run->lanes - first < run->segment ? run->lanes : first + run->segment;
        memset(frame.partial, 0, 8 * sum_count * sizeof(double));
        for (; first < end; first += run->width) {
            const ptrdiff_t count = end - first < run->width ? end - first : run->width;
            if (shared_read(&run->stopped))
                return;
            if (lane_block(run, &frame, first, count) < 0) {
                /* No check for Ctrl-C: an exception is set, and a signal handler would run with it. */
                shared_set(&run->stopped);
                return;
            }
            work += (double)count * (double)run->schedule->body_size;
            if (looks && work > LANE_PATIENCE) {
                work = 0.0;
                if (run->interrupted())
                    shared_set(&run->stopped);
            }
        }
        double *const sums = run->sums + segment * sum_count;
        for (ptrdiff_t j = 0; j < sum_count; j++) {
            const double *part = frame.partial + 8 * j;
            sums[j] = ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
        }
    }
}

/* Adds the sums of the segments, in order. */
static void lane_add_up(Run *run)
{
    const ptrdiff_t sum_count = run->schedule->sum_count;

    if (run->segments == 0)
        memset(run->sums, 0, sum_count * sizeof(double));
    for (ptrdiff_t k = 1; k < run->segments; k++)
        for (ptrdiff_t j = 0; j < sum_count; j++)
            run->sums[j] += run->sums[k * sum_count + j];
}

#endif
