package boot

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/platform/control"
)

// maxSensors bounds what is told of; a server board has some dozens.
const maxSensors = 64

// hwmonDir is where the kernel shows its thermometers.
const hwmonDir = "/sys/class/hwmon"

func (m *Machine) verbSensors(context.Context, json.RawMessage) (any, error) {
	return readSensors(hwmonDir), nil
}

// verbLog reads the log for whom it is passed on to, and for bundles of support.
func (m *Machine) verbLog(_ context.Context, raw json.RawMessage) (any, error) {
	var args control.LogArgs
	if err := control.Strict(raw, &args); err != nil {
		return nil, err
	}
	return control.PageOf(m.book, args)
}

// readSensors reads the thermometers (Documentation/hwmon/sysfs-interface.rst). One that
// can't be read, as of a disk that sleeps, is left out.
func readSensors(dir string) []control.Sensor {
	list := []control.Sensor{}
	inputs, err := filepath.Glob(filepath.Join(dir, "hwmon*", "temp*_input"))
	if err != nil {
		return list
	}
	for _, input := range inputs[:min(len(inputs), maxSensors)] {
		value, ok := millidegrees(input)
		if !ok {
			continue
		}
		s := control.Sensor{Name: sysText(filepath.Join(filepath.Dir(input), "name")), Celsius: value}
		base := strings.TrimSuffix(input, "_input")
		if label := sysText(base + "_label"); label != "" {
			s.Name += " " + label
		}
		if most, ok := millidegrees(base + "_crit"); ok && most > 0 {
			s.Critical = most
		}
		list = append(list, s)
	}
	return list
}

func millidegrees(file string) (celsius float64, ok bool) {
	n, err := strconv.ParseInt(sysText(file), 10, 32)
	return float64(n) / 1000, err == nil
}

// sysText is a file of sysfs in one line; "" if there is none.
func sysText(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(b)), "?")
}
