package trace

// oldestKernel is 5.12: it brought the socket cookie to tracing programs
// (kernel/trace/bpf_trace.c) and atomic operations that return a value.
const oldestKernel = 5<<16 | 12<<8
