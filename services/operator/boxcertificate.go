package operator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// certFace is a certificate as the API has it.
type certFace struct {
	Names  []string  `json:"names"`
	Issuer string    `json:"issuer"`
	Until  time.Time `json:"until"`
	SHA256 string    `json:"sha256"`
}

// certShow says what the box shows.
func certShow(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Authority certFace  `json:"authority"`
			Own       certFace  `json:"own"`
			Public    *certFace `json:"public"`
			Believed  bool      `json:"believed"`
			Servers   bool      `json:"servers"`
			Issuance  *struct {
				Directory string `json:"directory"`
				Method    string `json:"method"`
				Problem   string `json:"problem"`
				Proofs    []struct {
					Name  string `json:"name"`
					Value string `json:"value"`
				} `json:"proofs"`
			} `json:"issuance"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/box-certificate", nil, &answer); err != nil {
			return err
		}
		face := func(what string, f certFace) {
			t.say("%s: for %s, by %s, until %s\n  SHA-256 %s", what, strings.Join(f.Names, ", "), f.Issuer, f.Until.Local().Format("2006-01-02"), f.SHA256)
		}
		if p := answer.Public; p != nil {
			face("From elsewhere", *p)
			if !answer.Believed {
				t.say("  Computers believe it only if they know its issuer")
			}
			if !answer.Servers {
				t.say("  Servers that bring mail still see the box's own: see boxctl dns list, TLSA")
			}
		}
		if i := answer.Issuance; i != nil {
			t.say("Got and renewed from %s, by %s", i.Directory, i.Method)
			if i.Problem != "" {
				t.say("  The last time: %s", i.Problem)
			}
			for _, p := range i.Proofs {
				t.say("  It waits for a TXT record to be published: %s  %s", p.Name, p.Value)
			}
		}
		face("The box's own", answer.Own)
		t.say("The box's authority: until %s\n  SHA-256 %s", answer.Authority.Until.Local().Format("2006-01-02"), answer.Authority.SHA256)
		return nil
	})
}

// certUpload takes a certificate into use.
func certUpload(ctx context.Context, t *task) error {
	var in struct {
		Certificate string `json:"certificate"`
		Key         string `json:"key"`
	}
	for i, into := range []*string{&in.Certificate, &in.Key} {
		if i >= len(t.args) {
			break
		}
		text, err := readSmall(t.args[i])
		if err != nil {
			return err
		}
		*into = string(text)
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/box-certificate", in, nil); err != nil {
			return err
		}
		t.say("The box shows this certificate from now on")
		return nil
	})
}

// certRemove goes back to the box's own.
func certRemove(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/box-certificate", nil, nil); err != nil {
			return err
		}
		t.say("The box shows its own certificate from now on")
		return nil
	})
}

// readSmall reads a file that a certificate or key can be in.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	defer func() { _ = f.Close() }() // only read from
	text, err := io.ReadAll(io.LimitReader(f, maxCertificateFile))
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", name, err)
	}
	return text, nil
}

// certGet has it got from an authority.
func certGet(ctx context.Context, t *task) error {
	in := struct {
		Directory string `json:"directory"`
		Contact   string `json:"contact"`
		Method    string `json:"method"`
		Agreed    bool   `json:"agreed"`
	}{Method: t.args[0], Agreed: true}
	if len(t.args) > 1 {
		in.Contact = t.args[1]
	}
	if len(t.args) > 2 {
		in.Directory = t.args[2]
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/box-certificate/issuance", in, nil); err != nil {
			return err
		}
		t.say("The box gets a certificate now and renews it; boxctl cert show says how it goes")
		return nil
	})
}

// certEnd has none got any more.
func certEnd(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/box-certificate/issuance", nil, nil); err != nil {
			return err
		}
		t.say("The box gets no certificates any more; the one that it has stays until it ends")
		return nil
	})
}
