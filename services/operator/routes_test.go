package operator

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRouteCommands: what the commands ask of the box, and what they say of its answers.
func TestRouteCommands(t *testing.T) {
	t.Parallel()
	var asked string
	answers := map[string]string{
		"GET": `{"usual":{"domain":"*","way":"direct"},"routes":[{"domain":"*","way":"smarthost","host":"p.test","port":587,"tls":"starttls","user":"u","fall_back":true},` +
			`{"domain":"b.test","below":true,"pauses":["1m0s"],"give_up":"24h0m0s"}],"window":["mon-fri 08:00-18:00"]}`,
		"POST": `{"well":false,"pin":"abcd","text":"p.test does not take the log-in.","advice":"Check the password."}`,
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked = fmt.Sprintf("%s %s %s", r.Method, r.URL.Path, body)
		if answers[r.Method] == "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answers[r.Method])
	}))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args        string
		status      int
		asked, said string
	}{
		{"list", exitDone, "GET /api/routes ", "all other mail    by way of p.test:587 (starttls, as u, direct while it can't be reached)"},
		{"list", exitDone, "GET /api/routes ", "b.test and below  as all other mail"},
		{"list", exitDone, "GET /api/routes ", "tried again after 1m0s; given up after 24h0m0s"},
		{"list", exitDone, "GET /api/routes ", "Mail leaves mon-fri 08:00-18:00"},
		{"set all p.test:465 --tls implicit --user u --fall-back --password-stdin", exitDone, `PUT /api/routes/* {"way":"smarthost","host":"p.test","port":465,"tls":"implicit","user":"u","password":"geheim","fall_back":true}`, "Done"},
		{"set all p.test --user u --same-password", exitDone, `PUT /api/routes/* {"way":"smarthost","host":"p.test","user":"u"}`, "Done"},
		{"set b.test usual --below --pauses 1m,5m --then 2h --delay 2h --give-up 10d", exitDone, `PUT /api/routes/b.test {"below":true,"pauses":["1m0s","5m0s"],"then":"2h0m0s","delay":"2h0m0s","give_up":"240h0m0s"}`, "Done"},
		{"set b.test direct", exitDone, `PUT /api/routes/b.test {"way":"direct"}`, "Done"},
		{"set b.test direct --give-up soon", exitUsage, "", "no time span"},
		{"set b.test p.test:smtp", exitUsage, "", "number of a port"},
		{"set b.test", exitUsage, "", "WAY is missing"},
		{"remove all", exitDone, "DELETE /api/routes/* ", "Done"},
		{"test b.test", exitNot, `POST /api/routes/test {"domain":"b.test"}`, "p.test does not take the log-in. Check the password."},
		{"test", exitNot, `POST /api/routes/test {"domain":"*"}`, "abcd"},
		{"window mon-fri~08:00-18:00,sat~09:00-12:00", exitDone, `PUT /api/send-window {"window":["mon-fri 08:00-18:00","sat 09:00-12:00"]}`, "Mail leaves mon-fri"},
		{"window always", exitDone, `PUT /api/send-window {"window":[]}`, "at any time"},
	} {
		asked = ""
		args := []string{"routes"}
		for word := range strings.FieldsSeq(test.args) {
			args = append(args, strings.ReplaceAll(word, "~", " "))
		}
		var out bytes.Buffer
		status := Run(t.Context(), append(args, "--box", s.URL, "--token", "t", "--ca", ca), Streams{In: strings.NewReader("geheim\n"), Out: &out, Err: &out, Getenv: func(string) string { return "" }})
		if status != test.status || asked != test.asked || !strings.Contains(out.String(), test.said) {
			t.Errorf("routes %s = %d, asked %s, said %s; want %d, %s, %s", test.args, status, asked, out.String(), test.status, test.asked, test.said)
		}
	}
}
