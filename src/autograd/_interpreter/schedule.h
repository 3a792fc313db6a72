/* The instructions of Programs: what a Schedule is made of, for those who make one and for the interpreter. */
#ifndef AUTOGRAD_LANES_H
#define AUTOGRAD_LANES_H
#include <stddef.h>
#include <stdint.h>
#include "_kernels/ops.h"

/* Besides the primitives of the table. `out` and the operands a, b, c, d are slots where nothing else is said. */
enum {
    LANE_LOAD = OP_COUNT, /* out = input number a */
    LANE_STORE,           /* output number `out` = a */
    LANE_WHERE_LT,        /* out = a < b ? c : d */
    LANE_WHERE_LE,        /* out = a <= b ? c : d */
    LANE_WHERE_EQ,        /* out = a == b ? c : d */
    LANE_MADD,            /* out = a * b + c, rounded twice as everywhere */
    LANE_MSUB,            /* out = a * b - c */
    LANE_NMADD,           /* out = c - a * b */
    LANE_DOT,             /* out = ((a + p0 * q0) + p1 * q1) + ..., c pairs of slots from arguments[b] on */
    LANE_GUARD,           /* the lane fails unless (a != 0) == flags */
    LANE_SAME,            /* the lane fails unless a and b have the same bits or are both nan */
    LANE_SUM,             /* body: sums[out] += a over all lanes */
    LANE_SUM_MUL,         /* body: sums[out] += a * b over all lanes */
    LANE_TOTAL,           /* epilogue: out = sums[a] */
    LANE_CALL,            /* calls[a], c operands from arguments[b] on, d results from arguments[b + c] on */
    LANE_MAP,             /* not in the body: function a, c operands from arguments[b] on, d results after them */
};

/* In `arguments`: the slot is uniform. */
#define LANE_UNIFORM 0x80000000u
/* The most results of LANE_MAP. */
#define LANE_MOST_RESULTS 64
/* LANE_DOT, in `flags`: there is no a, the sum starts with the first product. */
#define LANE_NO_START 1

/* A slot is uniform, one number for all lanes, or varying, a number for each. In the body bit i of `kinds` says that
 * operand i is uniform, and results are varying; before and after it everything is uniform. */
typedef struct {
    uint16_t op;
    uint8_t kinds, flags;
    uint32_t out, a, b, c, d;
} Instruction;

/* A program: `prologue` runs once, `body` for every lane, `epilogue` once. The constants are the first uniform slots;
 * no instruction writes to them. */
typedef struct {
    const Instruction *prologue;
    ptrdiff_t prologue_size;
    const Instruction *body;
    ptrdiff_t body_size;
    const Instruction *epilogue;
    ptrdiff_t epilogue_size;
    const uint32_t *arguments;
    const double *constants;
    ptrdiff_t constant_count, uniform_slots, varying_slots, sum_count;
    int calls_python;
} Schedule;

/* The numbers of one input or output: row i is data[i * stride]. */
typedef struct {
    double *data;
    ptrdiff_t stride;
} Array;

#endif
