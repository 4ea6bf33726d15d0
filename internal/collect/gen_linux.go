package collect

// The objects are built from bpf/*.bpf.c with clang 14 and llvm-strip, and
// committed, so that building Sockeye needs neither.
//
//go:generate go tool bpf2go -strip llvm-strip -target bpfel,bpfeb -go-package collect -output-dir . -tags linux -type tcp_record sockets bpf/sockets.bpf.c -- -O2 -g -Wall -Werror
//go:generate go tool bpf2go -strip llvm-strip -target bpfel,bpfeb -go-package collect -output-dir . -tags linux -type file_record owners bpf/owners.bpf.c -- -O2 -g -Wall -Werror
