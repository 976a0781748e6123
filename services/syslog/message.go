package syslog

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxDatagram is what every receiver should take (RFC 5424 §6.1, RFC 5426 §3.2).
	maxDatagram = 2048
	// maxStream is more than the longest line of the log.
	maxStream = 64 << 10
	// maxHostname and maxAppName: RFC 5424 §6.
	maxHostname = 255
	maxAppName  = 48
	// maxFields bounds what is written of one line; a line of the log has some ten.
	maxFields = 64
)

// Facilities and severities, RFC 5424 §6.2.1.
const (
	facilityKernel = 0
	facilityMail   = 2
	facilityDaemon = 3

	severityError   = 3
	severityWarning = 4
	severityInfo    = 6
	severityDebug   = 7
)

// format makes a message of at most so many bytes of a line of the log; nil if it is
// none.
func format(line []byte, hostname string, most int) []byte {
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil {
		return nil
	}
	unit, level, text := word(fields, "unit"), word(fields, "level"), word(fields, "msg")
	at := "-"
	if t, err := time.Parse(time.RFC3339Nano, word(fields, "time")); err == nil && t.Year() <= 9999 {
		at = t.UTC().Format("2006-01-02T15:04:05.000000Z") // six digits at most, §6.2.3
	}
	app := strings.TrimSuffix(unit, ".service")
	head := fmt.Sprintf("<%d>1 %s %s %s - - - ", facility(app)*8+severity(level), at, printable(hostname, maxHostname), printable(app, maxAppName))
	body := oneLine(text + rest(fields))
	if !isASCII(body) {
		head += "\ufeff" // §6.4
	}
	message := []byte(head + body)
	if len(message) > most {
		message = message[:most]
		for !utf8.Valid(message) {
			message = message[:len(message)-1]
		}
	}
	return message
}

// word takes a text out of the fields.
func word(fields map[string]any, name string) string {
	text, _ := fields[name].(string)
	delete(fields, name)
	return text
}

// rest writes the other fields as name=value, in order.
func rest(fields map[string]any) string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names[:min(len(names), maxFields)] {
		text, ok := fields[name].(string)
		if !ok {
			raw, err := json.Marshal(fields[name])
			if err != nil {
				continue // it came out of JSON
			}
			text = string(raw)
		} else if text == "" || strings.ContainsAny(text, " \"=") {
			text = fmt.Sprintf("%q", text)
		}
		b.WriteString(" " + name + "=" + text)
	}
	return b.String()
}

func facility(app string) int {
	switch app {
	case "kernel", "crash":
		return facilityKernel
	case "maild":
		return facilityMail
	}
	return facilityDaemon
}

func severity(level string) int {
	switch {
	case strings.HasPrefix(level, "ERROR"):
		return severityError
	case strings.HasPrefix(level, "WARN"):
		return severityWarning
	case strings.HasPrefix(level, "DEBUG"):
		return severityDebug
	}
	return severityInfo
}

// printable is a header's field: PRINTUSASCII, "-" for nothing.
func printable(text string, most int) string {
	var b strings.Builder
	for i := 0; i < len(text) && b.Len() < most; i++ {
		if c := text[i]; c > ' ' && c <= '~' {
			b.WriteByte(c)
		}
	}
	if b.Len() == 0 {
		return "-"
	}
	return b.String()
}

// oneLine keeps control characters out: a collector may write messages into a file of
// lines, where one could pass for another (§6.4 lets them be changed).
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
