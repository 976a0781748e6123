package auth

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// people is a directory of a few accounts.
type people struct {
	key  *Key
	cost cost
	err  error

	mu      sync.Mutex
	records map[string]Record
}

const (
	alicePassword = "seven green bottles"
	carlPassword  = "p\u00e4\u00dfword \u2163 \U0001f642"
)

func testKey(t testing.TB) *Key {
	t.Helper()
	key, err := newKey([]byte(strings.Repeat("k", keySize)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// cheap is what a check costs where the test is about something else.
func cheap() cost { return cost{memory: 8, time: 1, lanes: 1} }

func newPeople(t testing.TB) *people {
	t.Helper()
	return newCostlyPeople(t, cheap())
}

func newCostlyPeople(t testing.TB, c cost) *people {
	t.Helper()
	p := &people{key: testKey(t), cost: c, records: map[string]Record{}}
	p.set(t, "alice@example.test", alicePassword)
	p.set(t, "carl@example.test", carlPassword)
	return p
}

func (p *people) HasAPOP() bool { return false }

func (p *people) set(t testing.TB, address, password string) {
	t.Helper()
	a, err := mail.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	record, err := newRecord(p.key, a, password, p.cost)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[address] = record
}

func (p *people) Credential(_ context.Context, login string) (Credential, error) {
	if p.err != nil {
		return Credential{}, p.err
	}
	login = strings.ToLower(login)
	if !strings.Contains(login, "@") {
		login += "@example.test"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	local, domain, _ := strings.Cut(login, "@")
	record, found := p.records[login]
	if !found {
		return Credential{Login: mail.Login{Address: mail.Address{Local: local, Domain: domain}}}, mail.ErrNoAccount
	}
	return Credential{Login: mail.Login{Account: mail.AccountID(len(local)), Address: mail.Address{Local: local, Domain: domain}}, Record: record}, nil
}

// authenticator is New with the cost of the people's records.
func (p *people) authenticator(o Options) *Authenticator {
	o.Key = p.key
	a := New(p, o)
	a.cost = p.cost
	return a
}

func peer(n byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, n}) }

func TestPassword(t *testing.T) {
	t.Parallel()
	p := newCostlyPeople(t, usualCost())
	a := p.authenticator(Options{})
	for _, c := range []struct {
		login, password string
		want            error
	}{
		{"alice@example.test", alicePassword, nil},
		{"ALICE@Example.Test", alicePassword, nil},
		{"alice", alicePassword, nil},
		{"alice", alicePassword, nil}, // from the cache
		{"alice", alicePassword + " ", mail.ErrDenied},
		{"alice", "", mail.ErrDenied},
		{"alice", strings.Repeat("x", maxPassword+1), mail.ErrDenied},
		{"alice", "seven\x00green", mail.ErrDenied},
		{"carl", carlPassword, nil},
		{"carl", "pa\u0308\u00dfword IV \U0001f642", mail.ErrDenied}, // no SASLprep with emoji: bytes count
		{"nobody", alicePassword, mail.ErrDenied},
		{"", alicePassword, mail.ErrDenied},
		{strings.Repeat("a", 10000), alicePassword, mail.ErrDenied},
	} {
		login, err := a.Password(t.Context(), peer(1), c.login, c.password)
		if !errors.Is(err, c.want) || (err == nil) != (login.Account != 0) {
			t.Errorf("Password(%.30q, %.30q) = %+v, %v; want %v", c.login, c.password, login, err, c.want)
		}
	}
	if got := len(a.slots); got != 0 {
		t.Errorf("%d slots are still taken", got)
	}
}

// The same password typed in another composition is the same (RFC 4013).
func TestPasswordIsPrepared(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.set(t, "dora@example.test", "\u00fcber\u00a0den Wolken")
	a := p.authenticator(Options{})
	if _, err := a.Password(t.Context(), peer(1), "dora", "u\u0308ber den Wolken"); err != nil {
		t.Errorf("Password = %v", err)
	}
}

func TestChangedPasswordCountsAtOnce(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	if _, err := a.Password(t.Context(), peer(1), "alice", alicePassword); err != nil {
		t.Fatal(err)
	}
	p.set(t, "alice@example.test", "eight brown bottles")
	if _, err := a.Password(t.Context(), peer(1), "alice", alicePassword); !errors.Is(err, mail.ErrDenied) {
		t.Errorf("the old password = %v, want ErrDenied", err)
	}
	if _, err := a.Password(t.Context(), peer(1), "alice", "eight brown bottles"); err != nil {
		t.Errorf("the new password = %v", err)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	p.err = iotest.ErrTimeout
	if _, err := a.Password(t.Context(), peer(1), "alice", alicePassword); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("Password with a broken directory = %v", err)
	}
	p.err = nil
	p.records["alice@example.test"] = p.records["carl@example.test"] // planted
	if _, err := a.Password(t.Context(), peer(1), "alice", carlPassword); !errors.Is(err, ErrRecord) || errors.Is(err, mail.ErrDenied) {
		t.Errorf("Password with another's record = %v, want ErrRecord", err)
	}
	for range argonSlots {
		a.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Password(ctx, peer(1), "carl", carlPassword); !errors.Is(err, context.Canceled) {
		t.Errorf("Password while waiting, cancelled = %v", err)
	}
	a.waiting.Store(maxWaiting + argonSlots)
	if _, err := a.Password(t.Context(), peer(1), "carl", carlPassword); !errors.Is(err, mail.ErrTryLater) {
		t.Errorf("Password with all places taken = %v, want ErrTryLater", err)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	alice := mail.Address{Local: "Alice", Domain: "сандук.test"}
	record, err := NewRecord(key, alice, alicePassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckRecord(key, mail.Address{Local: "alice", Domain: "XN--80AISKSP.test"}, record); err != nil {
		t.Errorf("another spelling of the address: %v", err)
	}
	if err := CheckRecord(key, mail.Address{Local: "bob", Domain: "сандук.test"}, record); !errors.Is(err, ErrRecord) {
		t.Errorf("another account: %v, want ErrRecord", err)
	}
	other, err := newKey([]byte(strings.Repeat("x", keySize)))
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckRecord(other, alice, record); !errors.Is(err, ErrRecord) {
		t.Errorf("another key: %v, want ErrRecord", err)
	}
	for i := range record {
		bad := append(Record(nil), record...)
		bad[i] ^= 1
		if err := CheckRecord(key, alice, bad); !errors.Is(err, ErrRecord) {
			t.Errorf("byte %d changed: %v, want ErrRecord", i, err)
		}
		if err := CheckRecord(key, alice, record[:i]); !errors.Is(err, ErrRecord) {
			t.Errorf("cut at %d: %v, want ErrRecord", i, err)
		}
	}
	// What a later version adds at the end is passed over.
	opened, err := key.open(alice, record)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeSecrets(append(opened.encode(), "more"...)); err != nil {
		t.Errorf("with more at the end: %v", err)
	}
	if got := len(opened.encode()); got != encodedSize {
		t.Errorf("a record has %d bytes, want %d", got, encodedSize)
	}
}

// The record of the first version can be opened for ever.
func TestGoldenRecord(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	alice := mail.Address{Local: "alice", Domain: "example.test"}
	const name = "testdata/record-1.bin"
	golden, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := key.open(alice, golden)
	if err != nil {
		t.Fatal(err)
	}
	if !s.argon.matches(alicePassword) {
		t.Error("the password does not match")
	}
	if s.sha1.Iters != scramIterations || s.sha256.Iters != scramIterations {
		t.Errorf("iterations %d and %d, want %d", s.sha1.Iters, s.sha256.Iters, scramIterations)
	}
}

func TestSecret(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	sealed := key.Seal("provider", "hush")
	if got, err := key.Open("provider", sealed); got != "hush" || err != nil {
		t.Errorf("Open = %q, %v", got, err)
	}
	if _, err := key.Open("another", sealed); !errors.Is(err, ErrRecord) {
		t.Errorf("Open for another purpose = %v, want ErrRecord", err)
	}
	if _, err := key.Open("provider", sealed[:10]); !errors.Is(err, ErrRecord) {
		t.Errorf("Open of a part = %v, want ErrRecord", err)
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	fsys, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fsys.Close() })
	if _, err := OpenKey(fsys, KeyFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenKey without a file = %v, want fs.ErrNotExist", err)
	}
	first, err := CreateKey(fsys, KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	alice := mail.Address{Local: "alice", Domain: "example.test"}
	record, err := NewRecord(first, alice, alicePassword)
	if err != nil {
		t.Fatal(err)
	}
	for what, open := range map[string]func(durable.FS, string) (*Key, error){"OpenKey": OpenKey, "CreateKey": CreateKey} {
		key, err := open(fsys, KeyFile)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		} else if err := CheckRecord(key, alice, record); err != nil {
			t.Errorf("%s gave another key: %v", what, err)
		}
	}
	if info, err := fsys.Stat(KeyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	good, err := os.ReadFile(fsys.Path(KeyFile))
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), good...)
	flipped[20] ^= 1
	for what, data := range map[string][]byte{"empty": nil, "cut": good[:40], "long": append(good, 0), "changed": flipped} {
		if err := os.WriteFile(fsys.Path(KeyFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := CreateKey(fsys, KeyFile); !errors.Is(err, ErrKey) {
			t.Errorf("CreateKey over a file that is %s = %v, want ErrKey", what, err)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	alice := mail.Address{Local: "alice", Domain: "example.test"}
	for password, want := range map[string]string{
		"":                           "choose a password",
		"short":                      "too short",
		"ninechars":                  "too short",
		"привет мир":                 "",
		alicePassword:                "",
		carlPassword:                 "",
		"ich bin Alice 1":            `can't contain "alice"`,
		"aaaaaaaaaaaa":               "too regular",
		"abcabcabcabc":               "too regular",
		"qwertyuiop":                 "too regular",
		"poiuytrewq":                 "too regular",
		"1234567890":                 "too regular",
		"Password2026!":              "first that anybody",
		"P@ssw0rd12345":              "first that anybody",
		"P@ssw0rd2026!":              "first that anybody",
		"$ecret2026!":                "first that anybody",
		"5unshine-2026":              "first that anybody",
		"!!Welc0me2026!!":            "first that anybody",
		"W3lc0meW3lc0me":             "first that anybody",
		"$ecret$ecret":               "first that anybody",
		"$unny$ailboat$":             "",
		"abc\ufffdefghijkl":          "UTF-8",
		"08154711081":                "first that anybody",
		"correct horse battery":      "",
		"tr0ub4dor&3xyz":             "",
		"a\tb c d e f g":             "control characters",
		"\xff\xfe\xfd\xfc abcdefgh":  "UTF-8",
		strings.Repeat("ab1 c", 200): "too long",
	} {
		err := CheckPassword(alice, password)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !errors.Is(err, ErrWeakPassword)) {
			t.Errorf("CheckPassword(%.40q) = %v, want %q", password, err, want)
		}
	}
	if err := CheckPassword(mail.Address{Local: "eve"}, "seven green bottles"); err != nil {
		t.Errorf("a short local part was looked for: %v", err)
	}
}

func TestCommonPasswordsAreSorted(t *testing.T) {
	t.Parallel()
	list := commonPasswords()
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			t.Errorf("%q stands before %q", list[i-1], list[i])
		}
	}
}

// fail makes n failures with different passwords and returns how many were
// looked at.
func fail(t testing.TB, a *Authenticator, from netip.Addr, login string, n int) int {
	t.Helper()
	looked := 0
	for i := range n {
		_, err := a.Password(t.Context(), from, login, "wrong "+string(rune('a'+i%26))+string(rune('a'+i/26)))
		switch {
		case errors.Is(err, mail.ErrDenied):
			looked++
		case !errors.Is(err, mail.ErrTryLater):
			t.Fatalf("Password = %v", err)
		}
	}
	return looked
}

func TestLockOut(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	synctest.Test(t, func(t *testing.T) {
		a := p.authenticator(Options{})
		ctx := t.Context()
		if got, want := fail(t, a, peer(1), "nobody", 40), freeFailures+1; got != want {
			t.Errorf("%d attempts were looked at, want %d", got, want)
		}
		if _, err := a.Password(ctx, peer(1), "alice", alicePassword); !errors.Is(err, mail.ErrTryLater) {
			t.Errorf("the right password from a blocked address = %v, want ErrTryLater", err)
		}
		if _, err := a.Password(ctx, peer(2), "alice", alicePassword); err != nil {
			t.Errorf("from another address = %v", err)
		}
		time.Sleep(firstWait)
		if _, err := a.Password(ctx, peer(1), "alice", alicePassword); err != nil {
			t.Errorf("after the wait = %v", err)
		}
		// The waits double up to the longest.
		for want := 2 * firstWait; want < longestWait; want *= 2 {
			if got := fail(t, a, peer(1), "nobody", 1); got != 1 {
				t.Errorf("before a wait of %v nothing was looked at", want)
			}
			if fail(t, a, peer(1), "nobody", 1) != 0 {
				t.Errorf("an attempt within a wait of about %v was looked at", want)
			}
			time.Sleep(want)
		}
		time.Sleep(24 * time.Hour)
		if got, want := fail(t, a, peer(1), "nobody", 40), freeFailures+1; got != want {
			t.Errorf("a day later %d attempts were looked at, want %d", got, want)
		}
	})
}

// Strangers who guess at an account don't lock its owner out.
func TestOwnerIsNotLockedOut(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	synctest.Test(t, func(t *testing.T) {
		a := p.authenticator(Options{})
		ctx := t.Context()
		if _, err := a.Password(ctx, peer(100), "alice", alicePassword); err != nil {
			t.Fatal(err)
		}
		looked := 0
		for i := range 30 { // each from an address of its own
			_, err := a.Password(ctx, peer(byte(i)), "alice", "guess "+string(rune('a'+i)))
			if errors.Is(err, mail.ErrDenied) {
				looked++
			}
		}
		if want := freeFailures + 1; looked != want {
			t.Errorf("%d guesses were looked at, want %d", looked, want)
		}
		if _, err := a.Password(ctx, peer(101), "alice", alicePassword); !errors.Is(err, mail.ErrTryLater) {
			t.Errorf("the owner from a new place = %v, want ErrTryLater", err)
		}
		if _, err := a.Password(ctx, peer(100), "alice", alicePassword); err != nil {
			t.Errorf("the owner from the usual place = %v", err)
		}
		// But the usual place has its own count.
		if got, want := fail(t, a, peer(100), "alice", 40), freeFailures+1; got != want {
			t.Errorf("from the usual place %d guesses were looked at, want %d", got, want)
		}
	})
}

// A device that guesses doesn't lock out those who share its address.
func TestNeighboursAreNotLockedOut(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{})
	here, there := netip.MustParseAddr("2001:db8:1:2::1"), netip.MustParseAddr("2001:db8:1:2::bad")
	if _, err := a.Password(t.Context(), here, "alice", alicePassword); err != nil {
		t.Fatal(err)
	}
	if got, want := fail(t, a, there, "carl", 40), freeFailures+1; got != want {
		t.Errorf("%d guesses were looked at, want %d", got, want)
	}
	if _, err := a.Password(t.Context(), there, "carl", carlPassword); !errors.Is(err, mail.ErrTryLater) {
		t.Errorf("somebody new in the same network = %v, want ErrTryLater", err)
	}
	if _, err := a.Password(t.Context(), here, "alice", alicePassword); err != nil {
		t.Errorf("who had been here before = %v", err)
	}
	// Guesses at her account from here are bounded all the same.
	if got, want := fail(t, a, there, "alice", 40), freeFailures+1; got != want {
		t.Errorf("%d guesses at the known account were looked at, want %d", got, want)
	}
}

// A device with an old password spends its address's allowance, not the account's.
func TestSameWrongPassword(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{Trusted: func(netip.Addr) bool { return true }})
	for range 2 * freeFailures {
		if _, err := a.Password(t.Context(), peer(1), "alice", "an old password"); !errors.Is(err, mail.ErrDenied) {
			t.Fatalf("Password = %v, want ErrDenied", err)
		}
	}
	if _, err := a.Password(t.Context(), peer(1), "alice", alicePassword); err != nil {
		t.Errorf("the right password = %v", err)
	}
}

func TestTrusted(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	a := p.authenticator(Options{Trusted: func(addr netip.Addr) bool { return addr == peer(1) }})
	for i := range 2 * freeFailures { // one per name, so that only the address counts
		if _, err := a.Password(t.Context(), netip.MustParseAddr("::ffff:192.0.2.1"), "nobody"+string(rune('a'+i)), "guess"); !errors.Is(err, mail.ErrDenied) {
			t.Fatalf("attempt %d = %v, want ErrDenied", i, err)
		}
	}
	if got, want := fail(t, a, peer(1), "alice", 40), freeFailures+1; got != want {
		t.Errorf("from a trusted network %d guesses at an account were looked at, want %d", got, want)
	}
}

func TestIPv6IsCountedBy64(t *testing.T) {
	t.Parallel()
	for a, b := range map[string]string{
		"2001:db8:1:2::1": "2001:db8:1:2:ffff::9", "fe80::1%eth0": "fe80::2%eth1", "::ffff:192.0.2.1": "192.0.2.1",
	} {
		if got, want := groupOf(netip.MustParseAddr(a)), groupOf(netip.MustParseAddr(b)); got != want {
			t.Errorf("%s and %s are counted apart: %s, %s", a, b, got, want)
		}
	}
	for a, b := range map[string]string{"2001:db8:1:2::1": "2001:db8:1:3::1", "192.0.2.1": "192.0.2.2", "::1": "::2"} {
		if got, other := groupOf(netip.MustParseAddr(a)), groupOf(netip.MustParseAddr(b)); got == other {
			t.Errorf("%s and %s are counted together: %s", a, b, got)
		}
	}
	if got := groupOf(netip.Addr{}); got == "" {
		t.Error("no address is not counted")
	}
}

// Tables stay within their bounds, and whoever has failed most is kept.
func TestTablesAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	c := newCounter(time.Minute)
	heavy := countKey{0xff}
	for range freeFailures + 5 {
		c.failed(heavy, now)
	}
	for i := range 3 * maxCounted {
		c.failed(countKey{byte(i), byte(i >> 8), byte(i >> 16), 1}, now)
	}
	if got := len(c.entries); got > maxCounted {
		t.Errorf("%d entries, want at most %d", got, maxCounted)
	}
	if c.wait(heavy, now) == 0 {
		t.Error("whoever failed most was forgotten")
	}
	r := newRecent(time.Minute, 100)
	for i := range 300 {
		r.add(recentKey{byte(i), byte(i >> 8)}, now)
	}
	if got := len(r.entries); got > 100 {
		t.Errorf("%d entries, want at most 100", got)
	}
	if last := (recentKey{byte(299 & 0xff), 1}); !r.has(last, now) || r.has(last, now.Add(time.Minute)) {
		t.Error("the last entry is not remembered for just a minute")
	}
}

// A clock that is set back neither blocks anybody for years nor panics.
func TestClockIsSetBack(t *testing.T) {
	t.Parallel()
	now := time.Unix(2e9, 0)
	c := newCounter(time.Minute)
	for range freeFailures + 2 {
		c.failed(countKey{1}, now)
	}
	past := time.Unix(1e9, 0)
	if got := c.wait(countKey{1}, past); got > longestWait {
		t.Errorf("after the clock was set back the wait is %v", got)
	}
}

func BenchmarkNewRecord(b *testing.B) {
	key := testKey(b)
	for b.Loop() {
		if _, err := NewRecord(key, mail.Address{Local: "alice", Domain: "example.test"}, alicePassword); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLogins is eight connections at once, that of an account which has
// been in before ("remembered") or not ("first"): those wait for their turn at
// argon2, of which no more than argonSlots hold memory.
func BenchmarkLogins(b *testing.B) {
	p := newCostlyPeople(b, usualCost())
	for name, fresh := range map[string]bool{"first": true, "remembered": false} {
		b.Run(name, func(b *testing.B) {
			a := p.authenticator(Options{})
			b.SetParallelism(max(1, 8/runtime.GOMAXPROCS(0)))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					checker := a
					if fresh { // the same slots, but nothing remembered
						checker = p.authenticator(Options{})
						checker.slots = a.slots
					}
					if _, err := checker.Password(b.Context(), peer(1), "alice", alicePassword); err != nil {
						b.Error(err)
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
		})
	}
}

func BenchmarkPassword(b *testing.B) {
	p := newCostlyPeople(b, usualCost())
	for name, fresh := range map[string]bool{"argon2": true, "remembered": false} {
		b.Run(name, func(b *testing.B) {
			a := p.authenticator(Options{})
			for b.Loop() {
				if fresh {
					a.success = newRecent(successLife, maxSuccess)
				}
				if _, err := a.Password(b.Context(), peer(1), "alice", alicePassword); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
