/* AUTOGRAD_CLONES: compile a function for several instruction sets and choose one when the module is loaded.
 * AUTOGRAD_HAS_CLONES: whether that is possible.
 * AUTOGRAD_VECTORIZE: the rounds of the following loop do not depend on each other.
 * AUTOGRAD_UNROLL: unroll the following loop four times. */
#ifndef AUTOGRAD_SIMD_H
#define AUTOGRAD_SIMD_H
#include <limits.h> /* __GLIBC__ */
#include <stddef.h>

/* GNU libc is needed to choose; the sanitizers start too late for it. Elsewhere the function is compiled once. */
#if defined(__GNUC__) && __GNUC__ >= 12 && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__) \
    && !defined(__SANITIZE_ADDRESS__) && !defined(AUTOGRAD_NO_CLONES)
#define AUTOGRAD_HAS_CLONES 1
#define AUTOGRAD_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define AUTOGRAD_HAS_CLONES 0
#define AUTOGRAD_CLONES
#endif

#if defined(__clang__)
#define AUTOGRAD_VECTORIZE _Pragma("clang loop vectorize(assume_safety)")
#define AUTOGRAD_UNROLL /* the vectorizer interleaves */
#elif defined(__GNUC__)
#define AUTOGRAD_VECTORIZE _Pragma("GCC ivdep")
#define AUTOGRAD_UNROLL _Pragma("GCC unroll 4")
#else
#define AUTOGRAD_VECTORIZE
#define AUTOGRAD_UNROLL
#endif

#endif
