package mail

import (
	"errors"
	"maps"
	"strings"
	"testing"
)

func TestAnnotations(t *testing.T) {
	t.Parallel()
	var a Annotations
	set := func(changes ...Annotation) {
		t.Helper()
		var err error
		if a, err = a.With(changes...); err != nil {
			t.Fatal(err)
		}
	}
	set(Annotation{Name: "b", Value: "\x00two"}, Annotation{Name: "a", Value: ""}, Annotation{Name: "c", Gone: true})
	set(Annotation{Name: "c", Value: "three"}, Annotation{Name: "b", Value: "2"})
	if got, want := maps.Collect(a.All()), map[string]string{"a": "", "b": "2", "c": "three"}; !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if v, ok := a.Get("a"); v != "" || !ok {
		t.Errorf("the empty value of a: %q, %v", v, ok)
	}
	if again, ok := DecodeAnnotations(a.Encode()); !ok || again != a {
		t.Errorf("decoded %q, %v; want %q", again, ok, a)
	}
	set(Annotation{Name: "b", Gone: true}, Annotation{Name: "a", Gone: true}, Annotation{Name: "c", Gone: true})
	if a != (Annotations{}) {
		t.Errorf("left %q", a)
	}
}

func TestAnnotationBounds(t *testing.T) {
	t.Parallel()
	var many []Annotation
	for i := range MaxAnnotations {
		many = append(many, Annotation{Name: string(rune('0' + i))})
	}
	full, err := Annotations{}.With(many...)
	if err != nil {
		t.Fatal(err)
	}
	value := strings.Repeat("v", MaxAnnotation)
	for _, changes := range [][]Annotation{
		{{Name: "zz"}}, {{Name: ""}}, {{Name: "0", Value: value + "v"}}, {{Name: strings.Repeat("n", MaxAnnotationName+1)}},
		{{Name: "0", Value: value}, {Name: "1", Value: value}, {Name: "2", Value: value}, {Name: "3", Value: value}},
	} {
		if got, err := full.With(changes...); !errors.Is(err, ErrTooMany) || got != full {
			t.Errorf("%d changes beginning with %q: %v, want %v", len(changes), changes[0].Name, err, ErrTooMany)
		}
	}
}

func FuzzDecodeAnnotations(f *testing.F) {
	a, err := Annotations{}.With(Annotation{Name: "/private/comment", Value: "x"}, Annotation{Name: "/shared/a"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.Encode())
	f.Add("\x81\x00a\x00")
	f.Fuzz(func(t *testing.T, b string) {
		a, ok := DecodeAnnotations(b)
		if !ok {
			return
		}
		if got := a.Encode(); got != b {
			t.Fatalf("%q became %q", b, got)
		}
		if same, err := a.With(); err == nil && same != a {
			t.Fatalf("%q became %q", a, same)
		}
	})
}
