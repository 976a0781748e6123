package rival

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/figure"
)

// letter is the i-th message of a large mailbox: no two are the same, a third has a second form in HTML, a tenth an
// attachment. The word hidden<i/1000> is in one of a thousand.
func letter(i int) string {
	r := rand.New(rand.NewPCG(3, uint64(i)))
	var b strings.Builder
	date := time.Date(2020, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(i) * 30 * time.Minute)
	fmt.Fprintf(&b, "Return-Path: <writer%d@elsewhere.test>\r\nReceived: from a.elsewhere.test by mail.%s; %s\r\n", i%500, domain, date.Format(time.RFC1123Z))
	fmt.Fprintf(&b, "From: \"Writer %d\" <writer%d@elsewhere.test>\r\nTo: Office <office@%s>, %s\r\nCc: third%d@elsewhere.test\r\nSubject: Order %d of %s\r\n", i%500, i%500, domain, person(i), i%90, i, date.Format("January"))
	fmt.Fprintf(&b, "Date: %s\r\nMessage-ID: <%d.letter@elsewhere.test>\r\nIn-Reply-To: <%d.letter@elsewhere.test>\r\nMIME-Version: 1.0\r\n", date.Format(time.RFC1123Z), i, i/2)
	words := func(size int) string {
		var w strings.Builder
		all := strings.Fields("we have the order of last week and send what is there today the rest will follow as soon as it comes from the harbour with kind regards invoice price offer water")
		for w.Len() < size {
			for range 10 {
				w.WriteString(all[r.IntN(len(all))] + " ")
			}
			w.WriteString("\r\n")
		}
		return w.String()
	}
	body := words(800 + r.IntN(2000))
	if i%1000 == 500 {
		body += fmt.Sprintf("hidden%d\r\n", i/1000)
	}
	switch {
	case i%10 == 0:
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n--b1\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n--b1--\r\n",
			body, strings.Repeat(strings.Repeat("QUJD", 18)+"\r\n", 40))
	case i%3 == 0:
		fmt.Fprintf(&b, "Content-Type: multipart/alternative; boundary=b2\r\n\r\n--b2\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n--b2\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>%s</p>\r\n--b2--\r\n", body, body)
	default:
		fmt.Fprintf(&b, "Content-Type: text/plain; charset=utf-8\r\n\r\n%s", body)
	}
	return b.String()
}

// opaque makes messages of a size that differ in their number and hold what does not compress well.
func opaque(size int) func(i int) string {
	body := text(rand.New(rand.NewPCG(5, 6)), 0, size)
	_, body, _ = strings.Cut(strings.TrimSuffix(body, ".\r\n"), "\r\n\r\n")
	return func(i int) string {
		head := fmt.Sprintf("From: bench@elsewhere.test\r\nSubject: file %d\r\nMessage-ID: <%d.file@elsewhere.test>\r\n\r\n", i, i)
		return head + body[:min(len(body), size-len(head))]
	}
}

// comparison is what both sides did, the box first.
type comparison struct {
	figure.Turns
	used  [2]time.Duration // of processors, a turn
	first [2]float64       // what ran before all turns, and may find less in memory
}

// compared runs something of both sides, in turns after once each.
func compared(turns int, box, rival *side, run func(*side) float64) comparison {
	c := comparison{first: [2]float64{run(box), run(rival)}}
	count := func(i int, s *side) func() float64 {
		return func() float64 {
			before := s.cpu()
			defer func() { c.used[i] += (s.cpu() - before) / time.Duration(turns) }()
			return run(s)
		}
	}
	c.Turns = figure.InTurn(turns, count(0, box), count(1, rival))
	return c
}

// rates reports how much more per second the box does.
func rates(b *testing.B, turns int, box, rival *side, unit string, limit float64, run func(*side) float64) {
	b.Helper()
	c := compared(turns, box, rival, run)
	figure.AtLeast(b, c.Ratio(0, 1), "x-dovecot", limit)
	b.ReportMetric(c.Median(0), unit)
	b.ReportMetric(c.Median(1), "dovecot-"+unit)
	b.ReportMetric(c.first[0], "first-"+unit)
	b.ReportMetric(c.first[1], "dovecot-first-"+unit)
	b.ReportMetric(c.used[0].Seconds(), "cpu-s")
	b.ReportMetric(c.used[1].Seconds(), "dovecot-cpu-s")
}

// times reports how much shorter the box takes.
func times(b *testing.B, turns int, box, rival *side, limit float64, run func(*side) time.Duration) {
	b.Helper()
	c := compared(turns, box, rival, func(s *side) float64 { return run(s).Seconds() * 1000 })
	figure.AtMost(b, c.Ratio(0, 1), "of-dovecot", limit)
	b.ReportMetric(c.Median(0), "ms")
	b.ReportMetric(c.Median(1), "dovecot-ms")
	b.ReportMetric(c.used[0].Seconds(), "cpu-s")
	b.ReportMetric(c.used[1].Seconds(), "dovecot-cpu-s")
}

// indexed waits until the box's index has somebody's INBOX: it follows a minute behind, and a search is quick then. One
// that is not takes its time itself: nothing spins.
func (s *side) indexed(b *testing.B, who int) {
	b.Helper()
	r := s.imap(b, who)
	defer r.close()
	r.do("SELECT INBOX")
	for began := time.Now(); r.timed("SEARCH BODY unheardof") > 200*time.Millisecond; {
		if time.Since(began) > 5*time.Minute {
			b.Fatal("the index does not come")
		}
	}
}

// BenchmarkFigureMailbox is a mailbox of 100,000 messages, over TLS.
func BenchmarkFigureMailbox(b *testing.B) {
	const messages = 100_000
	box, rival := sides(b)
	box.fill(b, 0, messages, letter)
	rival.fill(b, 0, messages, letter)
	for _, items := range []string{"(FLAGS UID)", "(UID ENVELOPE)", "(UID BODYSTRUCTURE)"} {
		b.Run("IMAP_FETCH_1:*_"+strings.ReplaceAll(items, " ", "_")+",_100,000", func(b *testing.B) {
			rates(b, 3, box, rival, "msgs/s", 1.5, func(s *side) float64 {
				r := s.imap(b, 0)
				defer r.close()
				r.do("SELECT INBOX")
				return messages / r.timed("FETCH 1:* "+items).Seconds()
			})
		})
	}
	b.Run("IMAP_SELECT,_100,000", func(b *testing.B) {
		times(b, 51, box, rival, 0.5, func(s *side) time.Duration {
			r := s.imap(b, 0)
			defer r.close()
			return r.timed("SELECT INBOX")
		})
	})
	b.Run("IMAP_QRESYNC_after_50_changes,_100,000", func(b *testing.B) {
		times(b, 11, box, rival, 0.5, func(s *side) time.Duration { return s.reconnected(b, 0) })
	})
	box.indexed(b, 0)
	for _, key := range []string{"TEXT", "BODY"} {
		b.Run("IMAP_SEARCH_"+key+",_100,000", func(b *testing.B) {
			var turn [2]int // another word each time: no answer is from before
			times(b, 2, box, rival, 0.05, func(s *side) time.Duration {
				i := 0
				if s == rival {
					i = 1
				}
				turn[i]++
				r := s.imap(b, 0)
				defer r.close()
				r.do("SELECT INBOX")
				return r.timed(fmt.Sprintf("SEARCH %s hidden%d", key, turn[i]+len(key)*5+int(key[0])%7))
			})
		})
	}
}

// BenchmarkFigureBodies is whole messages, over TLS.
func BenchmarkFigureBodies(b *testing.B) {
	box, rival := sides(b)
	for who, m := range []struct {
		name           string
		messages, size int
	}{{"10,000_x_8_KiB", 10_000, 8 << 10}, {"100_x_10_MiB", 100, 10 << 20}} {
		b.Run("IMAP_FETCH_BODY.PEEK[],_"+m.name, func(b *testing.B) {
			texts := opaque(m.size)
			box.fill(b, who, m.messages, texts)
			rival.fill(b, who, m.messages, texts)
			rates(b, 3, box, rival, "MB/s", 1, func(s *side) float64 {
				r := s.imap(b, who)
				defer r.close()
				r.do("SELECT INBOX")
				began := time.Now()
				size := r.do("FETCH 1:* BODY.PEEK[]")
				if size < m.messages*m.size*9/10 {
					b.Fatalf("only %d bytes came", size)
				}
				return float64(size) / 1e6 / time.Since(began).Seconds()
			})
		})
	}
}
