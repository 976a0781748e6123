package firmware

import (
	"bytes"
	"io"
	"strings"

	"github.com/u-root/u-root/pkg/efivarfs"
)

// global ends the names of the variables that the UEFI specification defines.
const global = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"

// attributes: kept over a restart, and read by the firmware and by the running system.
const attributes = efivarfs.AttributeNonVolatile | efivarfs.AttributeBootserviceAccess | efivarfs.AttributeRuntimeAccess

// system is the machine's variables, as the kernel shows them.
type system struct{ vars efivarfs.EFIVar }

// System returns the machine's variables, below dir, which must be mounted for writing where anything is to be written.
func System(dir string) (Variables, error) {
	v, err := efivarfs.NewPath(dir)
	if err != nil {
		return nil, err
	}
	return system{v}, nil
}

func (s system) Names() ([]string, error) {
	all, err := efivarfs.SimpleListVariables(s.vars)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range all {
		if name, ok := strings.CutSuffix(n, global); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s system) Get(name string) ([]byte, error) {
	_, r, err := efivarfs.SimpleReadVariable(s.vars, name+global)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (s system) Set(name string, data []byte) error {
	return efivarfs.SimpleWriteVariable(s.vars, name+global, attributes, bytes.NewBuffer(data))
}

func (s system) Remove(name string) error { return efivarfs.SimpleRemoveVariable(s.vars, name+global) }
