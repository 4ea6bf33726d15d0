//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"
)

// refusal says in one sentence why TCP cannot be watched. What the loader said
// of it is for programs: errors.Is and errors.As find it.
type refusal struct {
	reason error
	detail string // "" or what the reason is about
	cause  error
}

func (r *refusal) Error() string {
	if r.detail == "" {
		return r.reason.Error()
	}
	return r.reason.Error() + " (" + r.detail + ")"
}

func (r *refusal) Unwrap() []error { return []error{r.reason, r.cause} }

var errRefused = errors.New("the kernel refused to watch TCP")

// refused is any other reason; the kernel's errno is all that people can use.
func refused(err error) error {
	var number unix.Errno
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		return &refusal{errRefused, "its verifier took no program", err}
	case errors.As(err, &number):
		return &refusal{errRefused, number.Error(), err}
	}
	return fmt.Errorf("%w: %w", errRefused, err)
}

// lacking tells why loading or attaching failed: what this machine or this user
// lacks, else what the kernel said.
func lacking(spec *ebpf.CollectionSpec, err error) error {
	if forbidden(err) {
		return &refusal{reason: ErrNoPrivilege, cause: err}
	}
	kernel, btfErr := btf.LoadKernelSpec()
	if errors.Is(btfErr, btf.ErrNotSupported) {
		return &refusal{reason: ErrNoBTF, cause: err}
	}
	if btfErr == nil {
		for _, program := range spec.Programs {
			_, typeErr := kernel.AnyTypeByName("btf_trace_" + program.AttachTo)
			if errors.Is(typeErr, btf.ErrNotFound) {
				return &refusal{ErrNoTracepoint, program.AttachTo, err}
			}
		}
	}
	// Last, because distributions backport.
	if v, versionErr := features.LinuxVersionCode(); versionErr == nil && v < oldestKernel {
		return &refusal{reason: ErrOldKernel, cause: err}
	}
	return refused(err)
}

// forbidden tells whether err is one of lacking rights. EACCES is none: with it
// the verifier refuses a program. The library probes the kernel on its way and
// may take EPERM for a missing feature: hence the second look, at a kind of map
// that has always needed CAP_BPF (kernel/bpf/syscall.c, map_create).
func forbidden(err error) bool {
	if errors.Is(err, unix.EPERM) {
		return true
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.LRUHash, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return errors.Is(err, unix.EPERM)
	}
	m.Close()
	return false
}
