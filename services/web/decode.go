package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
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
		return nil, &Problem{Status: http.StatusBadRequest, Message: "The connection broke off before everything had arrived.",
			WhatToDo: "Try again.", Cause: err}
	}
	return body, nil
}

// decode reads a small JSON request into v, strictly: a field that v doesn't
// have is an error with its name, and so is anything behind the document.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := read(w, r, maxRequest)
	if err != nil {
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
