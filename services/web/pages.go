package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// The web app as `npm run build` leaves it. In a fresh clone there is only
// placeholder.html, which says so: the Go code builds without node.
//
//go:embed all:ui/dist
var dist embed.FS

func embedded() fs.FS {
	sub, err := fs.Sub(dist, "ui/dist")
	if err != nil {
		panic(err) // the path is a constant
	}
	return sub
}

// pages are the built files, ready to send.
type pages struct {
	files map[string]*file // by path, "assets/main-1234.js"
	index *file            // the app's one document, or the placeholder
}

type file struct {
	kind   string // Content-Type
	etag   string
	body   []byte
	brotli []byte // the same, compressed when the app was built; nil if not
}

func newPages(built fs.FS) (*pages, error) {
	p := &pages{files: make(map[string]*file)}
	err := fs.WalkDir(built, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, ".br") {
			return err
		}
		body, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		f := &file{kind: typeOf(name), body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
		if packed, err := fs.ReadFile(built, name+".br"); err == nil {
			f.brotli = packed
		}
		p.files[name] = f
		return nil
	})
	p.index = p.files["index.html"]
	if p.index == nil {
		p.index = p.files["placeholder.html"]
	}
	if err == nil && p.index == nil {
		err = fs.ErrNotExist
	}
	return p, err
}

// typeOf doesn't ask the operating system's table, which differs by machine.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// send answers with a file. Files below assets/ carry a hash of their content
// in their name and may be kept for ever; the others are asked for each time.
func (f *file) send(w http.ResponseWriter, r *http.Request, status int, forever bool) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache")
	if forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if status == http.StatusOK && r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if f.brotli != nil && accepts(r, "br") {
		body = f.brotli
		h.Set("Content-Encoding", "br")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone when this fails
	}
}

// accepts reports whether the client takes a coding. "br;q=0" is a no
// (RFC 9110 §12.5.3).
func accepts(r *http.Request, coding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, coding) {
			q := strings.TrimPrefix(strings.TrimSpace(weight), "q=")
			return strings.Trim(q, "0.") != "" || q == ""
		}
	}
	return false
}

// page answers with the app's document, under the address that was asked for:
// what is shown is decided by the app from that address. Before the set-up,
// every page leads to it. (The browser keeps the #fragment on the way.)
func (s *Server) page(status int) http.HandlerFunc {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		setUp, err := s.isSetUp(r.Context())
		if err != nil {
			return err
		}
		if !setUp && r.URL.Path != "/setup" && !strings.HasPrefix(r.URL.Path, "/setup/") {
			http.Redirect(w, r, "/setup", http.StatusSeeOther)
			return nil
		}
		s.pages.index.send(w, r, status, false)
		return nil
	})
}

// asset answers with one of the app's files.
func (s *Server) asset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	f := s.pages.files[name]
	if f == nil {
		s.fail(w, r, &Problem{Status: http.StatusNotFound, Message: "There is no such file.", WhatToDo: "Reload the page: the box may have been updated."})
		return
	}
	f.send(w, r, http.StatusOK, strings.HasPrefix(name, "assets/"))
}
