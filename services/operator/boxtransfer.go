package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// completeTrailer is what the box says behind an archive that is whole.
const completeTrailer = "Sanduk-Complete"

// errBroken says that a stream ended before its time.
var errBroken = errors.New("the connection to the box broke off")

// errHalfway says that nobody knows how much of an import the box has taken in.
var errHalfway = errors.New("the connection to the box broke off. Part of the mail may be in, and stays; " +
	"when the box answers again, run the same command again to go on")

// mailPath is the API's path of a person's mail.
func (b *box) mailPath(address mail.Address) string {
	return b.base + "/api/accounts/" + url.PathEscape(address.String()) + "/mail"
}

// long makes a request that may take hours.
func (b *box) long(r *http.Request) (*http.Response, error) {
	if b.token == "" {
		return nil, errNoTokenGiven
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	client := *b.client
	client.Timeout = 0
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the box's answer broke off: %w", err)
	}
	return nil, problem(answer.StatusCode, text)
}

// exportMail fetches a person's mail from a box. Maildir comes as tar, which is
// unpacked on the way; mbox as zip, which is put beside its place first.
func (b *box) exportMail(ctx context.Context, address mail.Address, to string, format transfer.Format, show *progress) (transfer.Exported, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.mailPath(address)+"?format="+string(format), nil)
	if err != nil {
		return transfer.Exported{}, err
	}
	answer, err := b.long(r)
	if err != nil {
		return transfer.Exported{}, &notBegun{unreachableUnlessSaid(err)}
	}
	defer answer.Body.Close()
	in := &meter{Reader: answer.Body, show: show}
	if format == transfer.Maildir {
		err = transfer.Unpack(ctx, in, to)
		if err == nil {
			_, err = io.Copy(io.Discard, in) // up to the trailer
		}
	} else {
		err = unpackMbox(ctx, in, to)
	}
	var done transfer.Exported
	if err != nil {
		return done, err
	}
	if _, err := fmt.Sscanf(answer.Trailer.Get(completeTrailer), "messages=%d; failed=%d; folders=%d; bytes=%d", &done.Messages, &done.Failed, &done.Folders, &done.Bytes); err != nil {
		return done, errBroken
	}
	return done, nil
}

// unreachableUnlessSaid words errors of the way to the box, and leaves its own.
func unreachableUnlessSaid(err error) error {
	if _, network := errors.AsType[*url.Error](err); network {
		return unreachable(err)
	}
	return err
}

// unpackMbox takes a zip archive, which can only be read when it is all there.
func unpackMbox(ctx context.Context, in io.Reader, to string) (err error) {
	if _, err := os.Lstat(to); err == nil && strings.HasSuffix(to, ".zip") {
		return fmt.Errorf("%s %w", to, transfer.ErrTaken)
	}
	f, err := os.CreateTemp(filepath.Dir(to), ".boxctl-*.zip")
	if err != nil {
		return err
	}
	defer func() {
		// Renamed, it is not there; else nobody wants it.
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	n, err := io.Copy(f, in)
	if err != nil {
		return fmt.Errorf("%w (%w)", errBroken, err)
	}
	if strings.HasSuffix(to, ".zip") {
		return os.Rename(f.Name(), to)
	}
	return transfer.UnpackZip(ctx, f, n, to)
}

// meter shows how much has come.
type meter struct {
	io.Reader
	show *progress
	n    int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n += int64(n)
	m.show.bytes(m.n)
	return n, err
}

// importMail sends an archive to a box and waits for what it says.
func (b *box) importMail(ctx context.Context, address mail.Address, archive *transfer.Archive, name, into string, show *progress) (transfer.Summary, error) {
	query := url.Values{"name": {name}}
	if into != "" {
		query.Set("into", into)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, w := io.Pipe()
	sent := &sender{w: w, show: show, archive: archive}
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		_ = w.CloseWithError(archive.Pack(ctx, sent)) // the request fails with it
	}()
	defer func() {
		_ = body.Close() // ends Pack where the box has answered early
		<-packed
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.mailPath(address)+"?"+query.Encode(), body)
	if err != nil {
		return transfer.Summary{}, err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	answer, err := b.long(r)
	if err != nil {
		if sent.n.Load() == 0 {
			return transfer.Summary{}, &notBegun{unreachableUnlessSaid(err)}
		}
		if _, network := errors.AsType[*url.Error](err); network && ctx.Err() == nil {
			err = errHalfway
		}
		return transfer.Summary{}, err
	}
	defer answer.Body.Close()
	return readSummary(answer.Body)
}

// readSummary reads what the box says that it has done.
func readSummary(r io.Reader) (transfer.Summary, error) {
	var s struct {
		Imported, Present, Gone, Failed, Folders, Omitted int
		Bytes                                             int64
		TooLarge                                          int `json:"too_large"`
		Problems                                          []string
	}
	if err := json.NewDecoder(io.LimitReader(r, maxAnswer)).Decode(&s); err != nil {
		return transfer.Summary{}, fmt.Errorf("the box's answer can't be read: %w", err)
	}
	return transfer.Summary{
		Imported: s.Imported, Bytes: s.Bytes, Present: s.Present, TooLarge: s.TooLarge, Gone: s.Gone, Failed: s.Failed, Folders: s.Folders,
		Problems: s.Problems, Omitted: s.Omitted,
	}, nil
}

// sender counts what is sent.
type sender struct {
	w       io.Writer
	show    *progress
	archive *transfer.Archive
	n       atomic.Int64
}

func (s *sender) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	total := s.n.Add(int64(n))
	s.show.share(s.archive.Read())
	s.show.bytes(total)
	return n, err
}

// bytes shows how much has gone over the line.
func (p *progress) bytes(n int64) {
	now := time.Now()
	if now.Sub(p.last) < p.every {
		return
	}
	p.last = now
	rate := float64(n) / now.Sub(p.began).Seconds()
	p.write(fmt.Sprintf("%s%s %s, %s a second", p.part, size(n), p.what, size(int64(rate))))
}
