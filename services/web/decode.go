package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// read takes the body of a JSON request, at most limit bytes of it.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		// A form on another site can't send this type without asking first.
		return nil, &Problem{Status: http.StatusUnsupportedMediaType, Message: "The box expects JSON here.",
			WhatToDo: "Send it with Content-Type: application/json."}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &Problem{Status: http.StatusRequestEntityTooLarge,
			Message: fmt.Sprintf("That is more than the box takes at once (%d KB).", limit>>10), WhatToDo: "Send it in smaller parts."}
	case err != nil:
		return nil, problemBrokenOff(err)
	}
	return body, nil
}

func problemBrokenOff(err error) *Problem {
	return &Problem{Status: http.StatusBadRequest, Message: "The connection broke off before everything had arrived.", WhatToDo: "Try again.", Cause: err}
}

// decode reads a small JSON request into v, strictly: a field that v doesn't
// have is an error with its name, so is one that stands twice, and anything
// behind the document.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	return decodeUpTo(w, r, v, maxRequest)
}

// decodeUpTo is decode for requests that may be larger.
func decodeUpTo(w http.ResponseWriter, r *http.Request, v any, limit int64) error {
	body, err := read(w, r, limit)
	if err != nil {
		return err
	}
	if err := checkFields(body); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return decodeProblem(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &Problem{Status: http.StatusBadRequest, Message: "There is something behind the end of the JSON."}
	}
	return nil
}

// checkFields refuses what encoding/json takes in silence: text that isn't UTF-8
// (two passwords could become one), a document that isn't an object, fields that
// stand twice, and names in capitals, which it takes for those in small letters.
func checkFields(body []byte) error {
	if !utf8.Valid(body) {
		return &Problem{Status: http.StatusBadRequest, Message: "This isn't text in UTF-8."}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return decodeProblem(cmp.Or(err, errNoObject))
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return decodeProblem(err)
		}
		name, _ := token.(string) // JSON has no other names
		switch {
		case seen[name]:
			return &Problem{Status: http.StatusBadRequest, Field: name, Message: "This field stands twice."}
		case name != strings.ToLower(name):
			return &Problem{Status: http.StatusBadRequest, Field: name, Message: "The box doesn't know this field."}
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return decodeProblem(err)
		}
		if string(value) == "null" {
			return &Problem{Status: http.StatusBadRequest, Field: name, Message: "There is nothing in this field."}
		}
	}
	return nil
}

// errNoObject is for the log alone.
var errNoObject = errors.New("not a JSON object")

func decodeProblem(err error) *Problem {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return &Problem{Status: http.StatusBadRequest, Field: kind.Field, Message: "This is a " + kind.Value + ", but should be a " + kind.Type.String() + "."}
	}
	if _, name, found := strings.Cut(err.Error(), `json: unknown field "`); found {
		return &Problem{Status: http.StatusBadRequest, Field: strings.TrimSuffix(name, `"`), Message: "The box doesn't know this field."}
	}
	return &Problem{Status: http.StatusBadRequest, Message: "This isn't JSON as it should be.", Cause: err}
}
