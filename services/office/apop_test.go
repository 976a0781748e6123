package office

import (
	"bufio"
	"crypto/md5"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// apop logs in by APOP; "" when the greeting has no timestamp.
func (o *testOffice) apop(t testing.TB, name, secret string) string {
	t.Helper()
	raw, err := tls.Dial("tcp", o.addrs["pop3s"], insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	in := bufio.NewScanner(raw)
	in.Scan()
	i := strings.IndexByte(in.Text(), '<')
	if i < 0 {
		return ""
	}
	fmt.Fprintf(raw, "APOP %s@%s %x\r\n", name, testDomain, md5.Sum([]byte(in.Text()[i:]+secret)))
	in.Scan()
	return in.Text()
}

// TestAPOP: who was given a secret gets in by it, nobody else and not by a password;
// guesses lock out as all others do, and it ends at once.
func TestAPOP(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	admin := o.api(t, "admin")
	check := func(step, name, secret, want string) {
		t.Helper()
		if got := o.apop(t, name, secret); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q; want %q", step, got, want)
		}
	}
	check("before", "bob", testPassword, "")
	var given struct{ Secret, Warning string }
	admin.do(http.MethodPost, "/api/apop", map[string]any{"who": "bob@" + testDomain}, &given)
	if len(given.Secret) < 26 || given.Warning == "" {
		t.Fatalf("given: %+v", given)
	}
	check("with the secret", "bob", given.Secret, "+OK 0 messages")
	check("with the password", "bob", testPassword, "-ERR [AUTH]")
	check("without a secret", "alice", testPassword, "-ERR [AUTH]")
	check("nobody", "nobody", given.Secret, "-ERR [AUTH]")
	if answer := o.try(t, doors()["POP3"], "bob", given.Secret); !strings.HasPrefix(answer, "-ERR [AUTH]") {
		t.Errorf("the secret as a password: %q", answer)
	}
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	o = startOffice(t, o.data)
	check("after a restart", "bob", given.Secret, "+OK 0 messages")
	locked := false
	for i := 0; i < 100 && !locked; i++ {
		locked = strings.HasPrefix(o.apop(t, "bob", fmt.Sprint(i)), "-ERR [SYS/TEMP] Too many attempts")
	}
	if !locked {
		t.Error("a hundred guesses lock nobody out")
	}
	o.api(t, "admin").do(http.MethodDelete, "/api/apop/bob@"+testDomain, nil, nil)
	check("ended", "bob", given.Secret, "")
}
