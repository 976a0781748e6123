package firewall

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	want := Policy{
		SetUp: true, Office: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
		Doors: []Door{{[]uint16{993}, []netip.Prefix{netip.MustParsePrefix("::/0")}}},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Parse(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Parse(%s) = %+v, %v; want %+v", text, got, err, want)
	}
	many := strings.TrimSuffix(strings.Repeat(`"10.0.0.0/8",`, maxNetworks+1), ",")
	for _, bad := range []string{
		``, `[]`, `{"office":["10.0.0.0"]}`, `{"office":["10.0.0.0/33"]}`, `{"office":[""]}`, `{"office":["::ffff:10.0.0.0/104"]}`, `{"else":1}`, `{} {}`,
		`{"doors":[{"ports":[],"networks":["::/0"]}]}`, `{"doors":[{"ports":[0],"networks":["::/0"]}]}`, `{"doors":[{"ports":[65536],"networks":["::/0"]}]}`,
		fmt.Sprintf(`{"doors":[{"ports":[%s1],"networks":["::/0"]}]}`, strings.Repeat("1,", maxPorts)),
		`{"office":[` + many + `]}`, `{"doors":[{"ports":[25],"networks":[` + many + `]}]}`, strings.Repeat(" ", maxPolicySize) + "{}",
	} {
		if got, err := Parse([]byte(bad)); err == nil || !reflect.DeepEqual(got, Policy{}) {
			t.Errorf("Parse(%.60s) = %+v, %v; want an error", bad, got, err)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "firewall.json")
	if got, err := Read(name); err != nil || got.SetUp {
		t.Errorf("without a file: %+v, %v; want the policy of a box that is not set up", got, err)
	}
	if err := os.WriteFile(name, []byte(`{"set_up":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(name); err != nil || !got.SetUp {
		t.Errorf("Read = %+v, %v", got, err)
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		networks string
		v4       bool
		want     string
	}{
		{"", true, ""},
		{"10.0.0.0/8 10.1.0.0/16 192.0.2.7/32 2001:db8::/32", true, "10.0.0.0-10.255.255.255 192.0.2.7-192.0.2.7"},
		{"10.1.2.3/8", true, "10.0.0.0-10.255.255.255"},
		{"0.0.0.0/0 10.0.0.0/8", true, "0.0.0.0-255.255.255.255"},
		{"192.0.2.0/25 192.0.2.0/24", true, "192.0.2.0-192.0.2.255"},
		{"2001:db8::/33 2001:db8:8000::/33 10.0.0.0/8", false, "2001:db8::-2001:db8:7fff:ffff:ffff:ffff:ffff:ffff 2001:db8:8000::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"::/0", false, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	} {
		var networks []netip.Prefix
		for _, text := range strings.Fields(test.networks) {
			networks = append(networks, netip.MustParsePrefix(text))
		}
		var got []string
		for _, s := range spans(networks, test.v4) {
			got = append(got, s.first.String()+"-"+s.last.String())
		}
		if !slices.Equal(got, strings.Fields(test.want)) {
			t.Errorf("spans of %s are %q; want %q", test.networks, got, test.want)
		}
	}
}

// FuzzPolicy: what is a policy has spans that hold what its networks hold, apart and in order.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"set_up":true,"office":["10.0.0.0/8","10.1.0.0/16","::/0"],"doors":[{"ports":[993],"networks":["0.0.0.0/0"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		for _, v4 := range []bool{true, false} {
			list := spans(p.Office, v4)
			for i := 1; i < len(list); i++ {
				if list[i-1].last.Compare(list[i].first) >= 0 {
					t.Fatalf("%v and %v overlap", list[i-1], list[i])
				}
			}
			for _, n := range p.Office {
				if n.Addr().Is4() == v4 && !slices.ContainsFunc(list, func(s span) bool {
					return s.first.Compare(n.Masked().Addr()) <= 0 && s.last.Compare(last(n.Masked())) >= 0
				}) {
					t.Fatalf("%v is in none of %v", n, list)
				}
			}
		}
	})
}
