package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// stallTime ends a fetch in which nothing comes; it goes on at the next try.
	stallTime = 2 * time.Minute
	// fetchTime bounds one, for a line of 20 KB/s.
	fetchTime = time.Hour
	// maxHeaders bounds what a server says of itself.
	maxHeaders = 64 << 10
)

var errShort = errors.New("the fetch broke off")

// fetch gets what the server has into PartFile, and its ETag; "" when that was handed on
// before, or the server has nothing new.
func (f *Feed) fetch(ctx context.Context, from string) (tag string, err error) {
	f.mu.Lock()
	done, part := f.c.Done, f.c.Part
	f.mu.Unlock()
	name := f.o.Files.Path(PartFile)
	have := int64(0)
	if info, err := os.Stat(name); err == nil && part != "" {
		have = info.Size()
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	answer, err := f.ask(ctx, from, done, part, have)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	f.mu.Lock()
	f.state.Asked = time.Now()
	f.mu.Unlock()
	tag = answer.Header.Get("ETag")
	switch answer.StatusCode {
	case http.StatusNotModified:
		return "", f.well()
	case http.StatusRequestedRangeNotSatisfiable:
		if have > 0 && answer.Header.Get("Content-Range") == fmt.Sprintf("bytes */%d", have) {
			return part, nil // all of it is here: only the handing on is left
		}
		return "", f.forget(errors.New("the server has another update than the one that was begun"))
	case http.StatusPartialContent:
		if tag != part || !strings.HasPrefix(answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) {
			return "", f.forget(errors.New("the server sends another part than the one that was asked for"))
		}
		f.resumed = true
	case http.StatusOK:
		have, f.resumed = 0, false
	default:
		return "", fmt.Errorf("the server of updates answers %s", answer.Status)
	}
	switch {
	case tag == "":
		return "", errors.New("the server of updates does not name versions (ETag)")
	case tag == done:
		return "", f.well()
	case answer.ContentLength < 0 || have+answer.ContentLength > MaxSize:
		return "", &mail.RuleError{Text: fmt.Sprintf("What the server has is no update: its size is not known, or more than %d MB", MaxSize>>20)}
	}
	if have == 0 {
		// Strong ones only: of a weak one two parts may not fit each other (RFC 9110 §8.8.1).
		keep := tag
		if strings.HasPrefix(tag, "W/") {
			keep = ""
		}
		if err := f.begin(name, keep); err != nil {
			return "", err
		}
	}
	return tag, f.receive(name, have, answer, cancel)
}

// ask makes the request.
func (f *Feed) ask(ctx context.Context, from, done, part string, have int64) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "sanduk") // without a version: it would tell strangers what to try
	if done != "" {
		request.Header.Set("If-None-Match", done)
	}
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		request.Header.Set("If-Range", part)
	}
	transport := &http.Transport{
		Proxy:                  nil,
		TLSClientConfig:        &tls.Config{RootCAs: f.o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    stallTime,
		ResponseHeaderTimeout:  stallTime,
		DisableKeepAlives:      true, // one request in six hours
		DisableCompression:     true, // what it grows to could not be told before
		MaxResponseHeaderBytes: maxHeaders,
	}
	answer, err := transport.RoundTrip(request) // follows no redirections
	if err != nil {
		return nil, fmt.Errorf("the server of updates can't be asked: %w", err)
	}
	return answer, nil
}

// begin empties the file for a new update.
func (f *Feed) begin(name, tag string) error {
	if err := f.change(func(c *content) { c.Part = "" }); err != nil {
		return err
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("feed: make room: %w", err)
	}
	return f.change(func(c *content) { c.Part = tag })
}

// receive appends the answer's body, and wants all of it.
func (f *Feed) receive(name string, have int64, answer *http.Response, cancel context.CancelFunc) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("feed: keep the update: %w", err)
	}
	stall := time.AfterFunc(stallTime, cancel)
	defer stall.Stop()
	n, err := io.Copy(io.NewOffsetWriter(file, have), &lively{answer.Body, stall})
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil && n != answer.ContentLength {
		err = errShort
	}
	if err != nil {
		return fmt.Errorf("%w at %d of %d bytes: %w", errShort, have+n, have+answer.ContentLength, err)
	}
	return f.well()
}

// lively puts the end of a fetch off with all that comes.
type lively struct {
	io.Reader
	stall *time.Timer
}

func (l *lively) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if n > 0 {
		l.stall.Reset(stallTime)
	}
	return n, err
}

// well notes that the server could be asked.
func (f *Feed) well() error {
	f.mu.Lock()
	was := f.c.Problem
	f.mu.Unlock()
	if was == "" {
		return nil
	}
	return f.change(func(c *content) { c.Problem = "" })
}

// forget drops what was begun, because of err.
func (f *Feed) forget(err error) error {
	return errors.Join(err, f.change(func(c *content) { c.Part = "" }))
}
