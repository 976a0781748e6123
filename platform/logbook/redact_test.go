package logbook

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestSecretsLeftOut: what must not be in a log is not in it, however it gets there.
func TestSecretsLeftOut(t *testing.T) {
	t.Parallel()
	const secret = "h0rse-battery"
	for _, line := range []string{
		`{"msg":"log in","password":"h0rse-battery"}`,
		`{"msg":"log in","new_password":"h0rse-battery","by":"x"}`,
		`{"msg":"x","request":{"headers":{"Authorization":["Bearer h0rse-battery"]}}}`,
		`{"msg":"x","smtp_token":{"value":"h0rse-battery"}}`,
		`{"msg":"dial https://u:h0rse-battery@example.test/x failed"}`,
		`{"msg":"sent \"AUTH PLAIN aDByc2UtYmF0dGVyeQ==\""}`,
		`password=h0rse-battery`,
		`panic: setup {"admin":{"password":"h0rse-battery"}}`,
		`Authorization: Basic aDByc2UtYmF0dGVyeQ==`,
		`Cookie: session=h0rse-battery; other=1`,
		`+OK PASS h0rse-battery`,
		`curl -u admin: http://admin:h0rse-battery@box/`,
		`api_key='h0rse-battery'`,
		"-----BEGIN EC PRIVATE KEY----- h0rse-battery",
		`the token sanduk_h2rsebattery77 was used, "$argon2id$v=19$m=1,t=1,p=1$h0rse-battery$x"`,
		`{"msg":"broken","password":"h0rse-battery"`,
	} {
		got := string(frame("unit", []byte(line), time.Unix(0, 0)))
		for _, leak := range []string{secret, "aDByc2UtYmF0dGVyeQ", "h2rsebattery77"} {
			if strings.Contains(got, leak) {
				t.Errorf("%s\nis logged as %s", line, got)
			}
		}
		if !json.Valid([]byte(got)) || !strings.HasSuffix(got, `"unit":"unit"}`+"\n") {
			t.Errorf("%s\nis no line of the log any more: %s", line, got)
		}
	}
}

// TestOthersStay: what is no secret stays as it is, byte for byte.
func TestOthersStay(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`{"time":"2026-11-23T01:02:03Z","level":"INFO","msg":"message accepted","id":"x","n":12345678901234567890,"ok":true,"none":null}`,
		`{"msg":"token made","name":"for the <printer> & co"}`,
		`{"msg":"https://example.test/a:b@c"}`,
		`{"msg":"the password was wrong","by":"1.2.3.4"}`,
	} {
		if got := string(redactObject([]byte(line))); !sameJSON(t, got, line) {
			t.Errorf("got %s, want %s", got, line)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatal(err)
	}
	p, _ := json.Marshal(x) // what was read can be written
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

func FuzzRedact(f *testing.F) {
	f.Add([]byte(`{"msg":"x","password":["y",{"z":1}]}`))
	f.Add([]byte(`token=abc`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got := frame("unit", bytes.ReplaceAll(line, []byte("\n"), nil), time.Unix(0, 0))
		if len(strings.TrimSpace(string(line))) > 0 && (!json.Valid(got) || strings.Count(string(got), "\n") != 1) {
			t.Errorf("%q is logged as %q", line, got)
		}
	})
}
