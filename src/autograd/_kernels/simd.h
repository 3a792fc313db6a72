/* AUTOGRAD_CLONES: compiles a function for several instruction sets, one of which the loader chooses.
 * AUTOGRAD_HAS_CLONES: whether the compiler and the C library support that. */
#ifndef AUTOGRAD_SIMD_H
#define AUTOGRAD_SIMD_H
#include <limits.h> /* __GLIBC__ */
#include <stddef.h>

/* GNU libc makes the choice, before sanitizers are initialised. On other systems the function is compiled once. */
#if defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) \
    && !defined(__SANITIZE_ADDRESS__)
#define AUTOGRAD_HAS_CLONES 1
#define AUTOGRAD_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define AUTOGRAD_HAS_CLONES 0
#define AUTOGRAD_CLONES
#endif

#endif
