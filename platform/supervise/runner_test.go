package supervise

import (
	"slices"
	"strings"
	"testing"
)

func TestMemoryLimitReachesTheService(t *testing.T) {
	t.Parallel()
	r := &Runner{TotalMemory: 400 << 20, Environment: []string{"PATH=/bin"}}
	limit := func(s *Service) string {
		env := r.shimConfig(s, Account{}, nil, "/run/notify").Env
		i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, "GOMEMLIMIT=") })
		if i < 0 {
			return ""
		}
		return env[i]
	}
	for name, tt := range map[string]struct {
		memory MemoryLimit
		want   string
	}{
		"none": {MemoryLimit{}, ""},
		"size": {MemoryLimit{Bytes: 100 << 20}, "GOMEMLIMIT=78643200"},
		"part": {MemoryLimit{Percent: 50}, "GOMEMLIMIT=157286400"},
	} {
		if got := limit(&Service{Confine: Confinement{Memory: tt.memory}}); got != tt.want {
			t.Errorf("%s: environment has %q, want %q", name, got, tt.want)
		}
	}
	own := &Service{Environment: []string{"GOMEMLIMIT=1GiB"}, Confine: Confinement{Memory: MemoryLimit{Percent: 50}}}
	env := r.shimConfig(own, Account{}, nil, "").Env
	if first, last := slices.Index(env, "GOMEMLIMIT=157286400"), slices.Index(env, "GOMEMLIMIT=1GiB"); last > first {
		t.Errorf("environment %q, want the unit's own limit before ours", env)
	}
}
