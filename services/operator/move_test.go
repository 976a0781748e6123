package operator

import "testing"

func TestReadMoves(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		`{"address": "a@b.test", "host": "h", "user": "u", "password": "p"}`:                        1,
		`[{"address": "a@b.test", "host": "h", "user": "u"}, {"address": "c@b.test", "port": 143}]`: 2,
		`[]`: 0, `{"host": "h"}`: -1, `{"address": "a@b.test", "passwort": "p"}`: -1, `[`: -1,
	} {
		list, err := readMoves([]byte(text))
		if got := len(list); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("readMoves(%s) = %d, %v; want %d", text, got, err, want)
		}
	}
}
