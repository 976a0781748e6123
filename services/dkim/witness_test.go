package dkim

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os/exec"
	"strings"
	"testing"
)

// python is Debian's, for which dkimpy is packaged; another may stand before it
// in the path.
const python = "/usr/bin/python3"

// ask has dkimpy do something.
func ask(t *testing.T, question map[string]any, answer any) {
	t.Helper()
	stdin, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), python, "testdata/witness.py")
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(stdin), &stderr
	stdout, err := command.Output()
	if err != nil {
		t.Fatalf("dkimpy: %v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(stdout, answer); err != nil {
		t.Fatalf("dkimpy says %q: %v", stdout, err)
	}
}

func recordsOf(all ...*Keys) map[string]string {
	records := map[string]string{}
	for _, k := range all {
		for _, r := range k.Records() {
			records[r.Name] = r.Text
		}
	}
	return records
}

// TestDkimpy has another program check what we sign and seal, and seals with it
// what we check.
func TestDkimpy(t *testing.T) {
	t.Parallel()
	if err := exec.Command(python, "-c", "import dkim, nacl, authres").Run(); err != nil {
		t.Skipf("dkimpy is not installed (scripts/deps): %v", err)
	}
	n := internet(t)
	office, list := testKeys(t, n, "office.example.com"), testKeys(t, n, "list.example.com")
	records := recordsOf(office, list)
	text := crlf("From: a@office.example.com\nTo: b@list.example.com\nSubject:  hello\n\tworld \nMIME-Version: 1.0\n\ntext  \n with  spaces\n\n\n")

	signed := sign(t, office, text)
	var holds []bool
	ask(t, map[string]any{"do": "verify", "message": []byte(signed), "records": records}, &holds)
	if len(holds) != 2 || !holds[0] || !holds[1] {
		t.Errorf("dkimpy on our signatures: got %v, want both to hold", holds)
	}
	ask(t, map[string]any{"do": "verify", "message": []byte(strings.Replace(signed, "text", "Text", 1)), "records": records}, &holds)
	if len(holds) != 2 || holds[0] || holds[1] {
		t.Errorf("dkimpy on a changed text: got %v, want none to hold", holds)
	}

	sealed := signed
	for i, k := range []*Keys{list, office, list} {
		sealed = seal(t, n, k, sealed, k.Domain+"; dkim=pass header.d=office.example.com")
		var chain []string
		ask(t, map[string]any{"do": "chain", "message": []byte(sealed), "records": records}, &chain)
		if len(chain) != 2 || chain[0] != "pass" {
			t.Errorf("dkimpy on our seal %d: got %v, want pass", i+1, chain)
		}
	}

	key := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(list.Current.RSA)}))
	theirs := []byte("Authentication-Results: list.example.com; dkim=pass header.d=office.example.com\r\n" + signed)
	for i := range 2 {
		ask(t, map[string]any{"do": "seal", "message": theirs, "selector": list.Current.rsaSelector(), "domain": "list.example.com", "key": key, "records": records}, &theirs)
		if c := chain(t, n, string(theirs)); c.Word != Pass || len(c.Seals) != i+1 || c.Seals[i].Domain != "list.example.com" {
			t.Errorf("seal %d of dkimpy's: got %+v, want pass", i+1, c)
		}
		theirs = append([]byte("Authentication-Results: list.example.com; arc=pass\r\n"), theirs...)
	}
}
