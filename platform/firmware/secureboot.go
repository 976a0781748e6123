package firmware

import (
	"errors"
	"io/fs"
)

// SecureBoot says whether the firmware starts only programs with a signature that it knows (UEFI specification 2.10
// §32.3, table 32-1: SecureBoot is 1, "read only, set by the firmware"). Firmware without the variable doesn't.
func SecureBoot(vars Variables) (bool, error) {
	v, err := vars.Get("SecureBoot")
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return len(v) == 1 && v[0] == 1, err
}
