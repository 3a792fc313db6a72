/* What the interpreter runs: the instructions of the IR and those that only scheduled programs have, over slots. */
#ifndef AUTOGRAD_SCHEDULE_H
#define AUTOGRAD_SCHEDULE_H
#include <stddef.h>
#include <stdint.h>
#include "_ir/opcodes.h"

/* `out` and the operands a, b, c, d are slots where nothing else is said. */
enum {
    LANE_STORE = CODE_COUNT, /* output number `out` = a */
    LANE_MADD,               /* out = a * b + c, rounded twice as everywhere */
    LANE_MSUB,               /* out = a * b - c */
    LANE_NMADD,              /* out = c - a * b */
    LANE_DOT,                /* out = ((a + p0 * q0) + p1 * q1) + ..., c pairs of slots from arguments[b] on */
    LANE_SUM,                /* body: sums[out] += a over all lanes */
    LANE_SUM_MUL,            /* body: sums[out] += a * b over all lanes */
    LANE_TOTAL,              /* epilogue: out = sums[a] */
    LANE_MAP,                /* not in the body: function a, c operands from arguments[b] on, d results after them */
};

/* Of the instructions of the IR, LANE_LOAD has the number of its input in a; a guard has its number, from 1 on in the
 * order of the trace, in `out`, and LANE_GUARD its outcome in `flags`; LANE_CALL calls[a] has c operands from
 * arguments[b] on and d results from arguments[b + c] on. */

/* In `arguments`: the slot is uniform. */
#define LANE_UNIFORM 0x80000000u
/* The most results of LANE_MAP. */
#define LANE_MOST_RESULTS 64
/* LANE_DOT, in `flags`: there is no a, the sum starts with the first product. */
#define LANE_NO_START 1

/* A slot is uniform, one number for all lanes, or varying, a number for each lane. In the body bit i of `kinds` says
 * that operand i is uniform, and results are varying; in the prologue and the epilogue everything is uniform. */
typedef struct {
    uint16_t op;
    uint8_t kinds, flags;
    uint32_t out, a, b, c, d;
} Instruction;

/* Instructions in three phases: the prologue runs once, the body for every lane, the epilogue once. The constants are
 * the first uniform slots; no instruction writes to them. */
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
