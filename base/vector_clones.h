// Loops over floats that are worth wider vectors than every processor has.
#ifndef CARAVAN_BASE_VECTOR_CLONES_H_
#define CARAVAN_BASE_VECTOR_CLONES_H_

// Before a function of a .cc file: it is compiled for AVX2 too, and the processor chooses when the
// program is loaded. Without fused multiply-adds, so that both give the same bits. (Sanitizers
// can't be called where that choice is made.)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CARAVAN_VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CARAVAN_VECTOR_CLONES
#endif

#endif  // CARAVAN_BASE_VECTOR_CLONES_H_
