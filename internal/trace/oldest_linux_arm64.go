package trace

// oldestKernel is 5.18: it brought atomic operations that return a value to this
// architecture's compiler (arch/arm64/net/bpf_jit_comp.c).
const oldestKernel = 5<<16 | 18<<8
