package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/image/secureboot"
)

// openBootKey reads the key that signs for Secure Boot; nil when none is asked for.
func openBootKey(secret, certificate string) (*secureboot.Key, error) {
	if (secret == "") != (certificate == "") {
		return nil, errors.New("a key for Secure Boot is two files: -boot-key and -boot-cert (make sign KEY=… CERT=…; make keys makes a pair)")
	}
	if secret == "" {
		return nil, nil
	}
	k := secureboot.Key{Secret: secret, Certificate: certificate}
	if _, err := k.Check(); err != nil {
		return nil, err
	}
	return &k, nil
}

func makeBootKey(dir string, now time.Time) error {
	k, err := secureboot.MakeKey(dir, "Sanduk, made "+now.UTC().Format(time.DateOnly), now)
	if err != nil {
		return err
	}
	fmt.Printf("%s (keep it secret, and a copy of it), %s\n", k.Secret, k.Certificate)
	return nil
}
