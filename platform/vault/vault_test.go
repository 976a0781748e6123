package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

func TestPhrase(t *testing.T) {
	t.Parallel()
	for range 200 {
		p := NewPhrase()
		text := p.String()
		if len(text) != groups*(groupSize+1)-1 {
			t.Fatalf("%q has %d characters", text, len(text))
		}
		for _, typed := range []string{
			text, strings.ToLower(text), strings.ReplaceAll(text, " ", ""), strings.ReplaceAll(text, " ", "-"),
			" " + strings.ReplaceAll(text, " ", "\n"), strings.NewReplacer("1", "l", "0", "o", "V", "u").Replace(text),
		} {
			if got, err := ParsePhrase(typed); err != nil || got != p {
				t.Fatalf("%q typed as %q: %v, %v", text, typed, got, err)
			}
		}
	}
}

// TestMistyped has every other character at every place, and every two groups exchanged: all are noticed, and a
// character is with the number of its group.
func TestMistyped(t *testing.T) {
	t.Parallel()
	p := NewPhrase()
	places := strings.ReplaceAll(p.String(), " ", "")
	for i := range places {
		for _, c := range alphabet {
			if byte(c) == places[i] {
				continue
			}
			_, err := ParsePhrase(places[:i] + string(c) + places[i+1:])
			wrong, ok := errors.AsType[*PhraseError](err)
			if want := "Group " + string('1'+rune(i/groupSize)); !ok || !strings.Contains(wrong.Public, want) {
				t.Fatalf("character %d as %c: %v, want %q", i+1, c, err, want)
			}
		}
	}
	list := strings.Fields(p.String())
	for i := range list {
		for j := range i {
			list[i], list[j] = list[j], list[i]
			if _, err := ParsePhrase(strings.Join(list, " ")); err == nil {
				t.Errorf("groups %d and %d exchanged are not noticed", j+1, i+1)
			}
			list[i], list[j] = list[j], list[i]
		}
	}
	for typed, want := range map[string]string{
		"":                           "this has 0",
		"ABCD":                       "this has 4",
		"é":                          "'É'",
		strings.Repeat("A", 201):     "longer",
		strings.Repeat("0", 33):      "this has 33",
		p.String()[:38] + "\x00\x00": `'\x00'`,
	} {
		wrong, ok := errors.AsType[*PhraseError](errOf(ParsePhrase(typed)))
		if !ok || !strings.Contains(wrong.Public, want) {
			t.Errorf("%q: %v, want %q", typed, wrong, want)
		}
	}
}

func errOf(_ Phrase, err error) error { return err }

func TestSealPhrase(t *testing.T) {
	t.Parallel()
	k, p := NewKey(), NewPhrase()
	s, err := SealPhrase(k, p)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Open(p); err != nil || got != k {
		t.Fatalf("opened by its phrase: %v", err)
	}
	if _, err := s.Open(NewPhrase()); !errors.Is(err, ErrPhrase) {
		t.Errorf("opened by another phrase: %v", err)
	}
	again, err := SealPhrase(k, p)
	if err != nil || bytes.Equal(again.Box, s.Box) {
		t.Errorf("sealed twice it is the same (%v)", err)
	}
	for _, part := range []*[]byte{&s.Salt, &s.Box} {
		for i := range *part {
			(*part)[i] ^= 1
			if _, err := s.Open(p); !errors.Is(err, ErrPhrase) {
				t.Errorf("with a damaged byte: %v", err)
			}
			(*part)[i] ^= 1
		}
		whole := *part
		*part = whole[1:]
		if _, err := s.Open(p); !errors.Is(err, ErrDamaged) {
			t.Errorf("with a byte less: %v", err)
		}
		*part = whole
	}
}

func TestLetter(t *testing.T) {
	t.Parallel()
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	if _, err := Read(files, "vault"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no letter: %v", err)
	}
	p := NewPhrase()
	sealed, err := SealPhrase(NewKey(), p)
	if err != nil {
		t.Fatal(err)
	}
	want := Letter{Format: format, Cipher: AES, Phrase: sealed, TPM: &TPMSealed{Public: []byte{1}, Private: []byte{2}}}
	if err := want.Write(files, "vault"); err != nil {
		t.Fatal(err)
	}
	got, err := Read(files, "vault")
	got.Sum = ""
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
	if info, err := os.Stat(files.Path("vault")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode: %v, %v", info, err)
	}
}

func TestLetterRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"format":2,"cipher":"aes-256","phrase":{}}`:   "format 2",
		`{"format":1,"cipher":"rot13","phrase":{}}`:     "cipher",
		`{"format":1,"cipher":"aes-256"}`:               "nothing sealed",
		`{"format":1,"plain":true,"phrase":{}}`:         "none is to be",
		`{"format":1,"cipher":"aes-256","x":1}`:         "unknown field",
		`{"format":1,"cipher":"aes-256","phrase":{}}{}`: "follows",
		``: "damaged", `{`: "damaged", "\x00\x00\x00\x00": "damaged",
		strings.Repeat(" ", maxLetter) + "{}": "more than",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	whole, err := Letter{Cipher: AES, Phrase: &Sealed{Salt: []byte("AAAA"), Box: []byte("AAAA")}, TPM: &TPMSealed{Public: []byte{0}, Private: []byte{0}}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := Parse(raw)
		if err != nil {
			return
		}
		if l.Phrase != nil {
			if _, err := l.Phrase.Open(Phrase{}); err == nil {
				t.Error("a phrase of zeros opened it")
			}
		}
		again, err := l.encode()
		if err != nil {
			t.Fatal(err)
		}
		if second, err := Parse(again); err != nil || !reflect.DeepEqual(second, l) {
			t.Errorf("written and read again: %+v, %v; want %+v", second, err, l)
		}
	})
}

func FuzzParsePhrase(f *testing.F) {
	f.Add(NewPhrase().String())
	f.Add("ABCD-EFGH")
	f.Fuzz(func(t *testing.T, typed string) {
		p, err := ParsePhrase(typed)
		if err != nil {
			if _, ok := errors.AsType[*PhraseError](err); !ok {
				t.Errorf("%q: %v has no words for people", typed, err)
			}
			return
		}
		if again, err := ParsePhrase(p.String()); err != nil || again != p {
			t.Errorf("%q is read as %q, and that isn't the same: %v", typed, p, err)
		}
	})
}

// TestTorn cuts the writing of a letter over another at every sector, in the first place and in the second: one whole
// letter always stands there, and nothing of the old one is left in the end.
func TestTorn(t *testing.T) {
	t.Parallel()
	sealed := func() *Sealed {
		s, err := SealPhrase(NewKey(), NewPhrase())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	letter := func() Letter { // of the same length each
		tpm := &TPMSealed{Public: make([]byte, 900), Private: make([]byte, 900)}
		_, _ = rand.Read(tpm.Public)
		_, _ = rand.Read(tpm.Private)
		return Letter{Format: format, Cipher: AES, Phrase: sealed(), TPM: tpm}
	}
	old, next := letter(), letter()
	files, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	bytesOf := func(l Letter) []byte {
		if err := l.Write(files, "scratch"); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(files.Path("scratch"))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	before, after := bytesOf(old), bytesOf(next)
	if len(before) != fileSize || len(after) != fileSize {
		t.Fatalf("%d and %d bytes; want the same place written over", len(before), len(after))
	}
	const sector = 512
	for cut := 0; cut <= 2*len(after); cut += sector {
		first, second := min(cut, len(after)), max(cut-len(after), 0)
		a := append(bytes.Clone(after[:first]), before[first:]...)
		b := append(bytes.Clone(after[:second]), before[second:]...)
		got, err := Parse(a)
		if err != nil {
			got, err = Parse(b)
		}
		got.Sum = ""
		if err != nil || !reflect.DeepEqual(got, old) && !reflect.DeepEqual(got, next) {
			t.Errorf("cut after %d bytes: %+v, %v", cut, got, err)
		}
	}
}

// file is a name in a directory of the test's.
func file(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }
