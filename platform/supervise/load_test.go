package supervise_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/supervise"
	"github.com/sanduk-mail/sanduk/services/units"
)

func load(t *testing.T, files map[string]string) (supervise.Units, error) {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return supervise.LoadUnits(fsys)
}

const minimal = "[Service]\nExecStart=/bin/a\n"

func TestLoadUnitsOfTheBox(t *testing.T) {
	t.Parallel()
	u, err := supervise.LoadUnits(units.FS)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range u.SocketsOf("maild.service") {
		names = append(names, s.FDName)
	}
	slices.Sort(names)
	want := []string{"http", "https", "imap", "imaps", "pop3", "pop3s", "smtp", "submission", "submissions"}
	if !slices.Equal(names, want) {
		t.Errorf("maild's sockets %q, want %q", names, want)
	}
	for _, s := range u.Services {
		if !s.Confine.NoNewPrivileges || s.Confine.User == "" {
			t.Errorf("%s: NoNewPrivileges %v, User %q; no service of the box runs as root", s.Name, s.Confine.NoNewPrivileges, s.Confine.User)
		}
		if s.Confine.Memory == (supervise.MemoryLimit{}) || s.Confine.TasksMax == 0 || s.WatchdogEvery == 0 || s.Restart != supervise.RestartAlways {
			t.Errorf("%s lacks a limit, a watchdog or Restart=always: %+v", s.Name, s)
		}
		if s.StopTimeout >= supervise.ShutdownTimeout {
			t.Errorf("%s: TimeoutStopSec %v is not below %v", s.Name, s.StopTimeout, supervise.ShutdownTimeout)
		}
		if s.Name == "maild.service" && (s.Confine.Ambient != 0 || s.Confine.Bounding != 0 || !s.Required) {
			t.Errorf("maild: capabilities %x/%x, required %v; want none, and required", s.Confine.Ambient, s.Confine.Bounding, s.Required)
		}
	}
	for _, p := range units.Probes() {
		if !slices.Contains(want, p.Socket) {
			t.Errorf("probe of unknown socket %q", p.Socket)
		}
	}
}

// TestUnitsForSystemd: the files mean the same to the real systemd.
func TestUnitsForSystemd(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: systemd-analyze is not installed; nobody else has read the unit files")
	}
	dir := t.TempDir()
	entries, err := units.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"verify", "--man=no"}
	for _, e := range entries {
		data, err := units.FS.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		// It wants the program to exist; the box's is not on this machine.
		text := strings.NewReplacer("=/bin/maild", "=/bin/true", "=/bin/netd", "=/bin/true").Replace(string(data))
		name := filepath.Join(dir, e.Name())
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	out, err := exec.Command(analyze, args...).CombinedOutput()
	if err != nil || len(strings.TrimSpace(string(out))) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestLoadUnitsMistakes(t *testing.T) {
	t.Parallel()
	socket := "[Socket]\nListenStream=25\nFileDescriptorName=smtp\nService=a.service\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"unknown directive":   {map[string]string{"a.service": minimal + "PrivateTmp=yes\n"}, "a.service [Service] PrivateTmp=: not known"},
		"unknown section":     {map[string]string{"a.service": minimal + "[Timer]\nOnBootSec=1\n"}, "a.service [Timer]: not known"},
		"directive elsewhere": {map[string]string{"a.service": minimal + "[Unit]\nUser=x\n"}, "a.service [Unit] User=: not known"},
		"no command":          {map[string]string{"a.service": "[Service]\nUser=x\n"}, "ExecStart=: missing"},
		"two commands":        {map[string]string{"a.service": minimal + "ExecStart=/bin/b\n"}, "twice"},
		"relative command":    {map[string]string{"a.service": "[Service]\nExecStart=bin/a\n"}, "absolute"},
		"command prefix":      {map[string]string{"a.service": "[Service]\nExecStart=+/bin/a\n"}, "specially"},
		"variable":            {map[string]string{"a.service": "[Service]\nExecStart=/bin/a $HOME\n"}, "specially"},
		"specifier":           {map[string]string{"a.service": "[Service]\nExecStart=/bin/a %i\n"}, "specially"},
		"bad time":            {map[string]string{"a.service": minimal + "WatchdogSec=5 parsecs\n"}, "bad time span"},
		"bad size":            {map[string]string{"a.service": minimal + "MemoryMax=lots\n"}, "bad size"},
		"bad percentage":      {map[string]string{"a.service": minimal + "MemoryMax=120%\n"}, "bad percentage"},
		"bad user":            {map[string]string{"a.service": minimal + "User=0\n"}, "account name"},
		"bad capability":      {map[string]string{"a.service": minimal + "AmbientCapabilities=CAP_SYS_ADMIN\n"}, "unknown capability"},
		"ambient not bounded": {map[string]string{"a.service": minimal + "AmbientCapabilities=CAP_SYS_TIME\nCapabilityBoundingSet=\n"}, "more than"},
		"escaping run dir":    {map[string]string{"a.service": minimal + "RuntimeDirectory=../x\n"}, "one directory name"},
		"start limit":         {map[string]string{"a.service": minimal + "[Unit]\nStartLimitIntervalSec=10\n"}, "not offered"},
		"after nothing":       {map[string]string{"a.service": minimal + "[Unit]\nAfter=b.service\n"}, "there is no b.service"},
		"circle": {map[string]string{
			"a.service": minimal + "[Unit]\nAfter=b.service\n", "b.service": minimal + "[Unit]\nAfter=a.service\n"}, "circle"},
		"no service":          {map[string]string{"x.txt": ""}, "no *.service"},
		"socket of nobody":    {map[string]string{"a.service": minimal, "x.socket": strings.Replace(socket, "a.service", "z.service", 1)}, "there is no z.service"},
		"socket nameless":     {map[string]string{"a.service": minimal, "x.socket": "[Socket]\nListenStream=25\nService=a.service\n"}, "FileDescriptorName=: missing"},
		"same address":        {map[string]string{"a.service": minimal, "x.socket": socket, "y.socket": strings.Replace(socket, "smtp", "mx", 1)}, "taken by x.socket"},
		"same name":           {map[string]string{"a.service": minimal, "x.socket": socket, "y.socket": strings.Replace(socket, "25", "26", 1)}, "taken by x.socket"},
		"host name":           {map[string]string{"a.service": minimal, "x.socket": strings.Replace(socket, "25", "localhost:25", 1)}, "neither a port nor an IP"},
		"colon in name":       {map[string]string{"a.service": minimal, "x.socket": strings.Replace(socket, "smtp", "a:b", 1)}, "descriptor name"},
		"accepting by itself": {map[string]string{"a.service": minimal, "x.socket": socket + "Accept=yes\n"}, "not offered"},
	} {
		_, err := load(t, test.files)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, test.want)
		}
		if strings.Contains(test.want, "not known") && !errors.Is(err, supervise.ErrUnknown) {
			t.Errorf("%s: error is not ErrUnknown", name)
		}
	}
}

func TestLoadUnitsReportsEveryFile(t *testing.T) {
	t.Parallel()
	_, err := load(t, map[string]string{"a.service": minimal + "X=1\n", "b.service": minimal + "Y=1\n"})
	for _, want := range []string{"a.service [Service] X=", "b.service [Service] Y="} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v lacks %q", err, want)
		}
	}
}

func TestLoadUnitsValues(t *testing.T) {
	t.Parallel()
	u, err := load(t, map[string]string{
		"z.service": minimal,
		"a.service": `[Unit]
After=z.service
[Service]
ExecStart=/bin/a --data /data
WatchdogSec=1min 30s
TimeoutStartSec=infinity
RestartSec=500ms
MemoryMax=65%
AmbientCapabilities=CAP_NET_ADMIN CAP_SYS_TIME
CapabilityBoundingSet=CAP_NET_ADMIN CAP_SYS_TIME
Environment=A=1 B=2
Environment=C=3
RestartPreventExitStatus=78 79
UMask=0077
KillMode=mixed
`,
		"p.socket": "[Socket]\nListenStream=[::1]:2525\nFileDescriptorName=smtp\nService=a.service\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if u.Services[0].Name != "z.service" {
		t.Errorf("order %v, want z.service first", u.Services)
	}
	s := u.Services[1]
	if s.WatchdogEvery != 90*time.Second || s.StartTimeout != 0 || s.RestartDelay != 500*time.Millisecond || s.KillAll {
		t.Errorf("times and kill mode: %+v", s)
	}
	if got := s.Confine.Memory.Of(1000 << 20); got != 650<<20/100*100 {
		t.Errorf("65%% of 1000 MiB = %d", got)
	}
	if !s.Confine.Ambient.Has(12) || !s.Confine.Ambient.Has(25) || s.Confine.Ambient.Len() != 2 {
		t.Errorf("capabilities %x, want 12 and 25", s.Confine.Ambient)
	}
	if want := []string{"A=1", "B=2", "C=3"}; !slices.Equal(s.Environment, want) {
		t.Errorf("environment %q, want %q", s.Environment, want)
	}
	if u.Sockets[0].Address != "[::1]:2525" {
		t.Errorf("address %q", u.Sockets[0].Address)
	}
}

func FuzzLoadUnits(f *testing.F) {
	f.Add(minimal)
	f.Add("[Unit]\nAfter=a.service\n[Service]\nExecStart=/bin/a \\\n b\nMemoryMax=5G\n")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := supervise.LoadUnits(fstest.MapFS{"a.service": &fstest.MapFile{Data: []byte(text)}})
		if err == nil && (len(u.Services) != 1 || len(u.Services[0].Exec) == 0 || u.Services[0].Exec[0][0] != '/') {
			t.Errorf("accepted without a command: %+v", u)
		}
	})
}
