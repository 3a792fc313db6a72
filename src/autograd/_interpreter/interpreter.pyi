# What Cython adds to every module.
