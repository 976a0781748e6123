package corpus

import (
	"math"
	"math/rand/v2"
	"sort"
	"strings"
)

// Corpus is the mail of one seed.
type Corpus struct {
	seed      uint64
	languages []language
	people    []person
}

// language is a vocabulary in the order of its words' frequency.
type language struct {
	words []string
	// reach[i] is the probability of a word up to i.
	reach []float64
	space string // between words
}

type person struct{ name, address string }

// vocabulary is how many words a language has: what some 20 million running
// words of a real one use more than once or twice.
const vocabulary = 60_000

// New makes the corpus of a seed.
func New(seed uint64) *Corpus {
	c := &Corpus{seed: seed}
	for n, s := range syllables() {
		c.languages = append(c.languages, newLanguage(rand.New(rand.NewPCG(seed, uint64(n))), s))
	}
	r := rand.New(rand.NewPCG(seed, 1<<32))
	hosts := []string{"example.com", "example.net", "example.org", "office.example", "lieferant.example", "furnitor.example"}
	for range 400 {
		first, last := c.languages[r.IntN(4)].word(r), c.languages[r.IntN(4)].words[r.IntN(2000)]
		host := hosts[r.IntN(len(hosts))]
		c.people = append(c.people, person{title(first) + " " + title(last), ascii(first) + "." + ascii(last) + "@" + host})
	}
	return c
}

// sounds are what words of a language are put together from; its most frequent
// words are given.
type sounds struct {
	common                string
	onset, nucleus, codas []string
	space                 string
}

func syllables() []sounds {
	f := strings.Fields
	consonants := f("b c d f g h k l m n p r s t v w z bl br cl cr dr fl gr pl pr sch st str tr th sh qu")
	return []sounds{
		{"the of and to in is you that it for on are with as be this have or at by not from we your an will can if please thanks meeting invoice order",
			consonants, f("a e i o u ea ou ai ee"), f("n r s t l ng ck nd st ment tion ing er ed ly"), " "},
		{"der die und das ist in zu den mit von nicht ein eine auf für sich dem auch es an werden aus er hat dass sie nach wird bei Rechnung Angebot Grüße",
			consonants, f("a e i o u ä ö ü ei au ie eu"), f("n r s t l ng ck nd st ung heit keit lich isch er en"), " "},
		{"dhe të në një për me që nga se është si do të ka më por kjo ky jo po faturë mbledhje përshëndetje çmimi",
			f("b c d dh f g gj h j k l ll m n nj p q r rr s sh t th v x xh y z zh ç"), f("a e i o u y ë"), f("n r s t l sh ë m j t ve ve sh nd"), " "},
		{"le la les de des et un une est en que pour dans ce qui ne sur se pas plus par au avec tout être à facture réunion l'offre d'accord",
			consonants, f("a e i o u é è ê ou ai eu oi"), f("n r s t l ment tion eur euse ique age é ée"), " "},
		{"の に は を た が で て と し れ さ ある いる も する から な こと として い や など なっ ない この ため その あっ よう",
			f("日 本 会 社 年 月 大 事 業 国 人 出 新 部 長 電 気 東 京 見 積 書 請 求 送 付 確 認 予 定 製 品"), f("に の を が 学 生 社 員 部 品 議 題 ス ト ア"), f("す る い た 化 的 者 所 店 ー"), ""},
	}
}

func newLanguage(r *rand.Rand, s sounds) language {
	l := language{words: strings.Fields(s.common), space: s.space}
	seen := map[string]bool{}
	for _, w := range l.words {
		seen[w] = true
	}
	for len(l.words) < vocabulary {
		var w strings.Builder
		// The rarer a word, the longer it is.
		for range 1 + r.IntN(1+min(3, int(math.Log10(float64(len(l.words)))))) {
			w.WriteString(s.onset[r.IntN(len(s.onset))] + s.nucleus[r.IntN(len(s.nucleus))])
		}
		w.WriteString(s.codas[r.IntN(len(s.codas))])
		if !seen[w.String()] {
			seen[w.String()] = true
			l.words = append(l.words, w.String())
		}
	}
	sum := 0.0
	for i := range l.words {
		sum += 1 / (float64(i) + 2.7) // Mandelbrot's form of the law
		l.reach = append(l.reach, sum)
	}
	for i := range l.reach {
		l.reach[i] /= sum
	}
	return l
}

func (l *language) word(r *rand.Rand) string {
	return l.words[min(sort.SearchFloat64s(l.reach, r.Float64()), len(l.words)-1)]
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// ascii is a word as it stands in an address.
func ascii(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 0x80 || r == '\'' {
			return -1
		}
		return r
	}, strings.ToLower(s))
	if s == "" {
		return "x"
	}
	return s
}
