package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
)

// resource is what several calls of the table show and change: a list, or settings.
type resource struct {
	get  call
	turn chan struct{} // holds whoever changes it, from the comparison to the end of the change
}

// maxChange bounds what of a change is taken in before it gets its turn: all that the calls
// take which change a resource.
const maxChange = max(maxRequest, maxContent, maxUpload)

// resources are those of a table, by the paths of the calls that show or change them. What
// somebody has alone (nobody else changes it) is none, nor is what depends on a query.
func resources(table []area) map[string]*resource {
	shown, all := map[string]*resource{}, map[string]*resource{}
	each := func(f func(c call, method, at string)) {
		for _, a := range table {
			for _, c := range a.calls {
				if method, at, _ := strings.Cut(c.path(), " "); c.need&^sure > forSignedIn {
					f(c, method, at)
				}
			}
		}
	}
	each(func(c call, method, at string) {
		if _, isMedia := c.out.(media); method == http.MethodGet && c.out != nil && !isMedia && c.parameters() == nil {
			shown[at] = &resource{c, make(chan struct{}, 1)}
		}
	})
	each(func(c call, method, at string) {
		switch method {
		case http.MethodPut, http.MethodPatch, http.MethodDelete: // POST adds or begins something: that overwrites nothing
			if r := shown[shownAt(shown, at)]; r != nil {
				all[c.path()], all[r.get.path()] = r, r
			}
		}
	})
	return all
}

// shownAt is the path by which what stands at another is shown: the same, or that of the list
// it is in.
func shownAt(shown map[string]*resource, at string) string {
	switch at {
	case "/api/accounts/{address}/role":
		return "/api/accounts"
	case "/api/collect/sources/{id}":
		return "/api/collect"
	case "/api/send-window":
		return "/api/routes"
	case "/api/spare-servers":
		return "/api/spares"
	case "/api/box-certificate/issuance":
		return "/api/box-certificate"
	case "/api/monitor/syslog", "/api/monitor/letters", "/api/monitor/metrics":
		return "/api/monitor"
	}
	if list := at[:strings.LastIndexByte(at, '/')]; shown[at] == nil && strings.HasSuffix(at, "}") {
		return list
	}
	return at
}

// unlessChanged is a call's handler, so that of two people who have looked at the same settings the
// second doesn't undo unseen what the first has changed (RFC 9110 §13.1.1): what shows a
// resource has an ETag, and what changes it is refused where If-Match has none that fits.
// Whoever sends no If-Match changes it in any case, in turn.
func (s *Server) unlessChanged(c call) handler {
	res := s.resources[c.path()]
	switch {
	case res == nil:
		return c.handle
	case strings.HasPrefix(c.path(), http.MethodGet+" "):
		return func(w http.ResponseWriter, r *http.Request, who caller) error {
			answer, err := answerOf(c, r, who)
			if err != nil {
				return err
			}
			maps.Copy(w.Header(), answer.header)
			if answer.status == http.StatusOK {
				w.Header().Set("ETag", c.etag(answer.body.Bytes()))
			}
			w.WriteHeader(answer.status)
			_, _ = w.Write(answer.body.Bytes()) // the reader is gone when this fails; net/http closes
			return nil
		}
	}
	return func(w http.ResponseWriter, r *http.Request, who caller) error {
		if err := arrive(r); err != nil { // nobody waits for a slow line but who has it
			return err
		}
		select {
		case res.turn <- struct{}{}:
			defer func() { <-res.turn }()
		case <-r.Context().Done():
			return r.Context().Err()
		}
		if wanted := r.Header.Values("If-Match"); len(wanted) > 0 {
			answer, err := answerOf(res.get, r, who)
			if err != nil {
				return err
			}
			if answer.status != http.StatusOK || !matches(strings.Join(wanted, ","), res.get.etag(answer.body.Bytes())) {
				return problemChanged()
			}
		}
		return c.handle(w, r, who)
	}
}

func problemChanged() *Problem {
	return &Problem{Status: http.StatusPreconditionFailed, Message: "Somebody else has changed this meanwhile, so yours was not kept.",
		WhatToDo: "Look how it is now, then change it once more."}
}

// arrive takes a request's body in. Where it is longer than any change, the rest is left to
// the handler, which refuses it.
func arrive(r *http.Request) error {
	text, err := io.ReadAll(io.LimitReader(r.Body, maxChange+1))
	if err != nil {
		return problemBrokenOff(err)
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), r.Body), r.Body}
	return nil
}

// answer is what a handler writes, kept.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func answerOf(get call, r *http.Request, who caller) (*answer, error) {
	a := &answer{header: http.Header{}}
	err := get.handle(a, r, who)
	a.WriteHeader(http.StatusOK)
	return a, err
}

// etag is the entity tag of what a call has answered (RFC 9110 §8.8.3). It is compared as a
// strong one, though what the box finds out by itself (fields with etag:"-": how much has
// been sent, what is wrong now) isn't in it, or a list that answers again would refuse what
// somebody types. No answer is stored (Cache-Control: no-store), so nobody takes two of one
// tag for the same bytes.
func (c *call) etag(body []byte) string {
	v := reflect.New(reflect.TypeOf(c.out))
	if json.Unmarshal(body, v.Interface()) == nil {
		settle(v.Elem())
		if text, err := json.Marshal(v.Interface()); err == nil {
			body = text
		}
	}
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// settle leaves of an answer what people have set.
func settle(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			settle(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			settle(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.Tag.Get("etag") == "-" {
				v.Field(i).SetZero()
			} else if f.IsExported() {
				settle(v.Field(i))
			}
		}
	}
}

// matches says whether an If-Match field has a tag among its own, or is a "*" (RFC 9110
// §13.1.1). Weak tags never match, nor does what stands behind something that is no tag.
func matches(field, tag string) bool {
	for field = strings.Trim(field, " \t,"); field != ""; field = strings.TrimLeft(field, " \t,") {
		if field == "*" {
			return true
		}
		strong, weak := strings.CutPrefix(field, "W/")
		if !strings.HasPrefix(strong, `"`) {
			return false
		}
		end := strings.IndexByte(strong[1:], '"')
		if end < 0 {
			return false
		}
		if !weak && strong[:end+2] == tag {
			return true
		}
		field = strong[end+2:]
	}
	return false
}
