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
    LANE_MASK,               /* out = c == 0 ? 0 : a * b */
    LANE_DOT,                /* out = ((a + p0 * q0) + p1 * q1) + ..., c pairs of slots from arguments[b] on */
    LANE_SUM,                /* body: sums[out] += a over all lanes */
    LANE_SUM_MUL,            /* body: sums[out] += a * b over all lanes */
    LANE_TOTAL,              /* epilogue: out = sums[a] */
    LANE_MAP,                /* prologue: instruction a for d numbers at once, whose c rows are at arguments[b] */
};

/* Of the instructions of the IR, LANE_LOAD has the number of its input in a; a guard has its number, from 1 on in the
 * order of the trace, in `out`, and LANE_GUARD its outcome in `flags`; LANE_CALL calls[a] has c operands from
 * arguments[b] on and d results from arguments[b + c] on. */

/* In `arguments`: the slot is uniform. */
#define LANE_UNIFORM 0x80000000u
/* The most numbers of a row of LANE_MAP. */
#define LANE_MOST_NUMBERS 256
/* The rows of LANE_MAP are its operands, of a dot product a and then the pairs, and its results; a row has two words:
 * LANE_EACH   d slots from the second word on
 * LANE_ONE    d times the slot that is the second word
 * LANE_LISTED the d slots at the place of `arguments` that is the second word
 * Of LANE_LOAD the operand is a row of numbers of inputs, of LANE_STORE the result one of outputs. */
enum { LANE_EACH, LANE_ONE, LANE_LISTED };
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
    const uint32_t *placed; /* placed_count pairs of a varying slot and the output that its last result is */
    ptrdiff_t placed_count;
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
