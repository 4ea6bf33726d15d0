package main

import (
	"errors"
	"io"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// hooks are programs in the kernel that this process holds itself.
type hooks []io.Closer

// hookEmpty attaches programs that do nothing where the tracer has its own (two
// see each change of state: internal/trace/bpf/tracer.bpf.c). What they cost is
// the kernel's own way to them: no tracer that sees what these see costs less.
func hookEmpty() (hooks, error) {
	var h hooks
	for _, at := range []string{"sys_exit", "inet_sock_set_state", "inet_sock_set_state"} {
		program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "empty", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: at, License: "GPL",
			Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		})
		if err != nil {
			return nil, errors.Join(err, h.unhook())
		}
		h = append(h, program)
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return nil, errors.Join(err, h.unhook())
		}
		h = append(h, l)
	}
	return h, nil
}

func (h hooks) unhook() error {
	var errs []error
	for i := len(h) - 1; i >= 0; i-- {
		errs = append(errs, h[i].Close())
	}
	return errors.Join(errs...)
}
