"""C kernels without Python.h: the functions, the loops over arrays, dense layers."""
