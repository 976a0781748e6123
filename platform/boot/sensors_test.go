package boot

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/control"
)

func TestReadSensors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"hwmon0/name": "coretemp\n", "hwmon0/temp1_input": "47000\n", "hwmon0/temp1_label": "Package id 0\n", "hwmon0/temp1_crit": "100000\n",
		"hwmon0/temp2_input": "junk\n",
		"hwmon1/name":        "nvme\n", "hwmon1/temp1_input": "-1500\n",
		"hwmon2/fan1_input": "900\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := []control.Sensor{{Name: "coretemp Package id 0", Celsius: 47, Critical: 100}, {Name: "nvme", Celsius: -1.5}}
	if got := readSensors(dir); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := readSensors(filepath.Join(dir, "missing")); len(got) != 0 {
		t.Errorf("without any: %+v", got)
	}
}
