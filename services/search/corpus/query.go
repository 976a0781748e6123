package corpus

import (
	"math/rand/v2"
	"strings"
)

// Words are n single words that somebody would look for: drawn from the messages
// below size, those with four letters or more, so some stand in every third
// message and some in one.
func (c *Corpus) Words(n, size int) []string {
	r := rand.New(rand.NewPCG(c.seed, 2<<32))
	var list []string
	for len(list) < n {
		if w := strings.Trim(c.pick(r, size, 1), " .,>"); len([]rune(w)) >= 4 && !strings.ContainsAny(w, ".,:/'") {
			list = append(list, w)
		}
	}
	return list
}

// Substrings are n texts as IMAP clients send them: half are pieces out of a
// word, three of ten whole words, a tenth two words that stand side by side, a
// tenth in no message at all.
func (c *Corpus) Substrings(n, size int) []string {
	r := rand.New(rand.NewPCG(c.seed, 3<<32))
	var list []string
	for len(list) < n {
		w := []rune(strings.Trim(c.pick(r, size, 1), " .,>"))
		switch kind := r.IntN(10); {
		case kind == 0:
			list = append(list, strings.Trim(c.pick(r, size, 2), " .,>"))
		case kind == 1 && len(w) >= 3:
			list = append(list, string(w)+"qzx")
		case kind < 5 && len(w) >= 3:
			list = append(list, string(w))
		case kind >= 5 && len(w) >= 5:
			from := r.IntN(len(w) - 3)
			list = append(list, string(w[from:min(len(w), from+3+r.IntN(4))]))
		}
	}
	return list
}

// pick takes some words that stand side by side from a message below size.
func (c *Corpus) pick(r *rand.Rand, size, words int) string {
	for {
		m := c.note(r.IntN(size))
		line := strings.Fields(m.body[r.IntN(len(m.body))])
		if len(line) < words {
			continue
		}
		i := r.IntN(len(line) - words + 1)
		return strings.Join(line[i:i+words], " ")
	}
}
