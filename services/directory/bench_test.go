package directory

import (
	"fmt"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// office300 is the set-up of an office of 300 people.
func office300(b *testing.B) *setup.Setup {
	b.Helper()
	s := testSetup(b)
	for i := range 299 {
		s.Accounts = append(s.Accounts, setup.Person{Address: mail.Address{Local: fmt.Sprintf("person%d", i), Domain: "example.test"}, Password: testPassword})
	}
	return s
}

func BenchmarkSetUp300(b *testing.B) {
	s := office300(b)
	for b.Loop() {
		box := newBox(b, "")
		if err := box.SetUp(b.Context(), s); err != nil {
			b.Fatal(err)
		}
		box.stop()
	}
}

// BenchmarkLookUp is what each RCPT and each log-in asks.
func BenchmarkLookUp(b *testing.B) {
	box := newBox(b, "")
	if err := box.SetUp(b.Context(), office300(b)); err != nil {
		b.Fatal(err)
	}
	to := mail.Address{Local: "Person250", Domain: "Example.test"}
	b.Run("Resolve", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := box.Resolve(b.Context(), to); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("Credential", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := box.Credential(b.Context(), "person250@example.test"); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkChange is one durable change with its index, the disk included.
func BenchmarkChange(b *testing.B) {
	box := newOffice(b)
	admin := false
	for b.Loop() {
		admin = !admin
		if err := box.SetRole(b.Context(), 2, roleIf(admin), nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLook asks for an alias of an office with 300 people and 1,000 of them.
func BenchmarkLook(b *testing.B) {
	box := newBox(b, "")
	if err := box.SetUp(b.Context(), office300(b)); err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		if err := box.set(fmt.Sprintf("alias%d@example.test", i), mail.ListingAlias, fmt.Sprintf("person%d@example.test", i%299)); err != nil {
			b.Fatal(err)
		}
	}
	to := mail.Address{Local: "Alias777+news", Domain: "Example.test"}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := box.Look(b.Context(), to); err != nil {
				b.Error(err)
			}
		}
	})
}
