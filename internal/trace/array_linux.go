//go:build amd64 || arm64

package trace

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

var errClosed = errors.New("the tracer is closed")

// array is an array map, mapped into this process: half a million entries are
// read in milliseconds and without a system call for each. The library's own
// mapping lasts until the garbage collector finds it; this one is let go.
type array struct {
	mu   sync.RWMutex // guards what follows
	data []byte       // nil once unmapped
}

func mapArray(m *ebpf.Map) (*array, error) {
	// The kernel rounds an element up to eight bytes and the whole to pages
	// (array_map_alloc() of kernel/bpf/arraymap.c, v6.18).
	size := (int(m.ValueSize()) + 7) / 8 * 8 * int(m.MaxEntries())
	page := os.Getpagesize()
	data, err := unix.Mmap(m.FD(), 0, (size+page-1)/page*page, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping: %w", err)
	}
	return &array{data: data}, nil
}

func (a *array) unmap() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.data == nil {
		return nil
	}
	err := unix.Munmap(a.data)
	a.data = nil
	return err
}

// readArray copies entries first to first+len(into); T must be the element's type.
func readArray[T any](from *array, first int, into []T) error {
	if len(into) == 0 {
		return nil
	}
	size := int(unsafe.Sizeof(into[0])) // a multiple of eight, as the elements are
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&into[0])), size*len(into))
	from.mu.RLock()
	defer from.mu.RUnlock()
	if from.data == nil {
		return errClosed
	}
	if (first+len(into))*size > len(from.data) {
		return fmt.Errorf("entry %d is beyond the tracer's memory", first+len(into))
	}
	copy(raw, from.data[first*size:])
	return nil
}
