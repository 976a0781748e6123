package office

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// endless is an mbox of messages of 4 KiB and, one in twenty, 200 KiB.
type endless struct {
	buf    bytes.Buffer
	number int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.buf.Len() == 0 {
		e.number++
		size := 4 << 10
		if e.number%20 == 0 {
			size = 200 << 10
		}
		fmt.Fprintf(&e.buf, "From a@example.net Tue Nov 14 22:13:20 2023\nMessage-ID: <%d@import.test>\nSubject: %d\n\n", e.number, e.number)
		for n := 0; n < size; n += 70 {
			fmt.Fprintf(&e.buf, "%069d\n", e.number*n)
		}
		e.buf.WriteByte('\n')
	}
	return e.buf.Read(p)
}

// importing imports without end into somebody's account, until stop.
func (o *testOffice) importing(t testing.TB, name string) (stop func() transfer.Summary) {
	t.Helper()
	id, err := o.directory.Resolve(t.Context(), mail.Address{Local: name, Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	archive, err := transfer.OpenStream(io.Reader(&endless{}), "Old")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	type outcome struct {
		done transfer.Summary
		err  error
	}
	ended := make(chan outcome, 1)
	go func() {
		done, err := archives{o.Office}.Import(ctx, id, "", archive)
		ended <- outcome{done, err}
	}()
	return func() transfer.Summary {
		cancel()
		out := <-ended
		if !errors.Is(out.err, context.Canceled) {
			t.Errorf("the import that was stopped ends with %v; want that it was", out.err)
		}
		return out.done
	}
}

// BenchmarkDeliveryBesideImport sends messages of 4 KiB over SMTP, alone and while somebody's old mail is read in, and
// says how long half of them and all but one in a hundred waited for their 250.
func BenchmarkDeliveryBesideImport(b *testing.B) {
	const messages = 1000
	o := startOffice(b, b.TempDir())
	o.setUpNow(b, 2)
	c := dialBench(b, o.addrs["smtp"])
	to := []*recipient{o.recipient(b, "person000")}
	number := 0
	waits := func() []float64 {
		var all []float64
		for range messages {
			number++
			began := time.Now()
			if err := c.send(newBenchMail(to, number)); err != nil {
				b.Fatal(err)
			}
			all = append(all, milliseconds(began))
		}
		slices.Sort(all)
		return all
	}
	b.Run("alone_and_beside", func(b *testing.B) {
		waits()
		alone := waits()
		stop := o.importing(b, "person001")
		began := time.Now()
		beside := waits()
		took := time.Since(began)
		done := stop()
		b.ReportMetric(alone[messages/2], "ms-alone,p50")
		b.ReportMetric(alone[messages*99/100], "ms-alone,p99")
		b.ReportMetric(beside[messages/2], "ms-beside,p50")
		b.ReportMetric(beside[messages*99/100], "ms-beside,p99")
		b.ReportMetric(float64(done.Imported)/took.Seconds(), "imported/s")
		b.ReportMetric(0, "ns/op")
	})
}
