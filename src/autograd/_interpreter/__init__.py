"""What runs a code: the passes from flat instructions to slots, and the interpreter.

`executable` is the table of contents; it calls the passes in this order:

- `scheduling`: the order of the instructions, for few live results, or equal ones side by side;
- `fusion`: multiply-adds and dot products, in a prologue, a body and an epilogue;
- `grouping`: one instruction for many numbers of a point;
- `slots`: a slot for every result, by liveness;
- `evaluation`: runs a code one by one at a point, and keeps every number, for drawings and to find anomalies;
- `interpreter` (with the loops in ``interpreter.h``): runs the instructions of ``schedule.h`` over blocks of lanes.

Other packages import `make_executable` and its `Executable`, and from `interpreter` `run`, `Session`, `Array`,
`Instruction` and `Subprogram`, the base of what a call instruction runs without Python.
"""
