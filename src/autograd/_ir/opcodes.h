/* The instructions of the IR besides the primitives of the table. */
#ifndef AUTOGRAD_OPCODES_H
#define AUTOGRAD_OPCODES_H
#include <stddef.h>
#include "_kernels/ops.h"

/* a, b, c and d are the fields of an Entry, or in what the interpreter runs those of an Instruction. */
enum {
    LANE_LOAD = OP_COUNT, /* input number a; the captured Values follow the inputs */
    LANE_WHERE_LT,        /* a < b ? c : d */
    LANE_WHERE_LE,        /* a <= b ? c : d */
    LANE_WHERE_EQ,        /* a == b ? c : d */
    LANE_GUARD,           /* fails unless the truth of a is the outcome */
    LANE_SAME,            /* fails unless a and b have the same bits or are both nan */
    LANE_CALL,            /* calls Python function number a */
    CODE_CONSTANT,        /* the number whose bits are in a and b */
    CODE_RESULT,          /* result number b of the call a */
    CODE_COUNT
};

/* The number of operands of an instruction; of a call, 0. */
static inline ptrdiff_t operand_count(unsigned op) {
    static const unsigned char counts[CODE_COUNT] = {
        OP_OPERANDS, [LANE_WHERE_LT] = 4, [LANE_WHERE_LE] = 4, [LANE_WHERE_EQ] = 4,
        [LANE_GUARD] = 1, [LANE_SAME] = 2, [CODE_RESULT] = 1,
    };
    return counts[op];
}

#endif
