//go:build !linux && !windows

package tune

import "errors"

// Kernel is the Machine that runs this program: none here, every method fails
// with errors.ErrUnsupported.
func Kernel() Machine { return kernel{} }

type kernel struct{}

func (kernel) Space(uint64) (Space, error)       { return Space{}, errors.ErrUnsupported }
func (kernel) Home() uint64                      { return 0 }
func (kernel) Get(Space, string) (string, error) { return "", errors.ErrUnsupported }
func (kernel) Set(Space, string, string) error   { return errors.ErrUnsupported }
