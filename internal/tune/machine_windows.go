package tune

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/sys/windows/registry"
)

// Kernel is the Machine that runs this program: the registry, where TCP reads its
// parameters when Windows starts.
func Kernel() Machine {
	return parameters{registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Services\Tcpip\Parameters`}
}

// parameters are the numbers below a key of the registry. One that is absent is "":
// Windows then does as it was built to, which differs from any number that is set.
type parameters struct {
	root registry.Key
	path string
}

// Space is the same for every namespace, of which there are none here, and for every
// start: what stands in the registry stays there, so that a restart is no end of it.
func (parameters) Space(netns uint64) (Space, error) {
	return Space{NetNS: netns, Boot: "registry", Host: true}, nil
}

// Home is the one that there is.
func (parameters) Home() uint64 { return 0 }

func (p parameters) Get(_ Space, name string) (string, error) {
	value, err := valueName(name)
	if err != nil {
		return "", err
	}
	key, err := p.open(name, registry.QUERY_VALUE)
	if err != nil {
		return "", err
	}
	defer func() { _ = key.Close() }()
	n, kind, err := key.GetIntegerValue(value)
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return "", nil
	case errors.Is(err, registry.ErrUnexpectedType), err == nil && kind != registry.DWORD: // and could not be put back
		return "", fmt.Errorf("%s: the registry has something of type %d, not a REG_DWORD: %w", name, kind, errNotNumber)
	case err != nil:
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return strconv.FormatUint(n, 10), nil
}

// errNotNumber says that somebody wrote a value that Windows does not read.
var errNotNumber = errors.New("it is no number")

func (p parameters) Set(_ Space, name, value string) error {
	is, err := valueName(name)
	if err != nil {
		return err
	}
	key, err := p.open(name, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer func() { _ = key.Close() }()
	if value == "" {
		if err := key.DeleteValue(is); err != nil && !errors.Is(err, registry.ErrNotExist) {
			return err
		}
		return nil
	}
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return fmt.Errorf("%s takes a number, not %q", name, value)
	}
	return key.SetDWordValue(is, uint32(n))
}

// open opens the key as 64-bit programs see it.
func (p parameters) open(name string, access uint32) (registry.Key, error) {
	key, err := registry.OpenKey(p.root, p.path, access|registry.WOW64_64KEY)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s: %w", name, ErrMissing)
	}
	return key, err
}

// valueName is a setting's name in the registry; only those of the table have one.
func valueName(setting string) (string, error) {
	_, known := Lookup(setting)
	name, ok := strings.CutPrefix(setting, registryPrefix)
	if !known || !ok {
		return "", fmt.Errorf("%s: %w", setting, ErrMissing)
	}
	return name, nil
}
