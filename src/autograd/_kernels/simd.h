/* AUTOGRAD_CLONES: compiles a function for several instruction sets, of which the loader chooses one.
 * AUTOGRAD_HAS_CLONES: whether the compiler and the C library can do that. */
#ifndef AUTOGRAD_SIMD_H
#define AUTOGRAD_SIMD_H
#include <limits.h> /* __GLIBC__ */
#include <stddef.h>

/* The choice is made by GNU libc, before the sanitizers are initialised. Elsewhere the function is compiled once. */
#if defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) \
    && !defined(__SANITIZE_ADDRESS__)
#define AUTOGRAD_HAS_CLONES 1
#define AUTOGRAD_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define AUTOGRAD_HAS_CLONES 0
#define AUTOGRAD_CLONES
#endif

#endif
