"""Keys, for other Cython modules to ``cimport``."""


# The key of an object: two objects are interchangeable where their keys are equal. `settled` becomes False where the
# same object may have another key later.
cdef object key_of(object x, bint *settled)
