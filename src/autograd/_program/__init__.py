"""Programs: traced functions that run without Python.

Read in this order, the order of the pipeline:

- `tracing` records the operations of a function that runs, on a tape;
- `handlers` (and `handlers.h`) finds out whether a handler in the function surrounds an operation, which then raises;
- `lowering` turns a tape into flat instructions (`autograd._ir`);
- `program` has `Program`: instructions, what runs them (`autograd._interpreter`), and their derivatives;
- `specializations` keeps a program for every way through the branches of a function, and finds the one for a lane in a
  decision tree;
- `call` is a compiled call in the eager graph, a Block;
- `bodies` has the functions that loops run, and their derivatives;
- `loop` is a loop as an instruction, and its derivatives;
- `anomalies` finds the instruction and the lane of a result that is not finite;
- `source` makes functions of programs that `autograd._source` prints in C, CUDA and NumPy;
- `serialization` is the format of programs in files and pickles;
- `opened` shows programs and Blocks as graphs of scalar operations;
- `executors` runs the lanes of a batch in other processes or threads.

Other packages may import `Program`, `Specializations`, `Trace` with `lower` and `new_program`, `Loop` and
`Closed` with what they are made of, and `tracing()`.
"""
