package logbook

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// What takes the place of a secret.
const redacted = "(left out)"

// secretWords are in names of what must not be logged. A program that logs a secret is
// wrong, and is mended; this is for the one that nobody has found yet.
func secretWords() []string {
	return []string{"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "credential", "private_key", "privatekey", "claim_code", "api_key", "apikey"}
}

// suspicious says whether a text can have any of them, so that all others cost little.
func suspicious(text []byte) bool {
	lower := bytes.ToLower(text)
	for _, word := range append(secretWords(), "bearer ", "auth ", "basic ", "://", "private key", "sanduk_", "argon2", "pass ") {
		if bytes.Contains(lower, []byte(word)) {
			return true
		}
	}
	return false
}

// redactObject replaces what looks like a secret in a JSON object, whatever its depth.
func redactObject(line []byte) []byte {
	if !suspicious(line) {
		return line
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var out bytes.Buffer
	if err := redactValue(d, &out, false); err != nil {
		return quoteObject(redactText(string(line)))
	}
	return out.Bytes()
}

// quoteObject keeps what can't be taken apart as a message.
func quoteObject(text string) []byte {
	return slices.Concat([]byte(`{"level":"INFO","msg":"output","line":`), quote(text), []byte("}"))
}

// redactValue copies one value in its order. A hidden one keeps its form but no text.
func redactValue(d *json.Decoder, out *bytes.Buffer, hide bool) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return redactScalar(token, out, hide)
	}
	out.WriteByte(byte(delim))
	for first := true; d.More(); first = false {
		if !first {
			out.WriteByte(',')
		}
		below := hide
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			key, _ := name.(string)
			below = hide || isSecretName(key)
			out.Write(quote(key))
			out.WriteByte(':')
		}
		if err := redactValue(d, out, below); err != nil {
			return err
		}
	}
	end, err := d.Token()
	if err != nil {
		return err
	}
	closing, _ := end.(json.Delim)
	out.WriteByte(byte(closing))
	return nil
}

func redactScalar(token json.Token, out *bytes.Buffer, hide bool) error {
	switch v := token.(type) {
	case string:
		if hide && v != "" {
			v = redacted
		}
		out.Write(quote(redactText(v)))
		return nil
	case json.Number:
		if hide {
			out.Write(quote(redacted))
			return nil
		}
	}
	text, err := json.Marshal(token) // true and null tell nothing
	out.Write(text)
	return err
}

// isSecretName says whether what a field holds is a secret, by its name.
func isSecretName(name string) bool {
	name = strings.ToLower(name)
	return name == "pass" || slices.ContainsFunc(secretWords(), func(word string) bool { return strings.Contains(name, word) })
}

// patterns are secrets inside of texts; what is in the first group stays.
func patterns() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`(?i)((?:\b|_)(?:password|passwd|passphrase|secret|token|api_?key|claim_code|private_key|pass)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\s,;&"']+)`),
		regexp.MustCompile(`(?i)(\b(?:authorization|cookie|set-cookie)\s*[=:]\s*).+`),
		regexp.MustCompile(`(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}`),
		regexp.MustCompile(`(?i)(\bauth(?:enticate)?\s+(?:plain|login|cram-md5|xoauth2|oauthbearer|scram-sha-\S+)\s+)[A-Za-z0-9+/=]{4,}`),
		regexp.MustCompile(`(?i)(\bpass\s+)\S+`), // POP3
		regexp.MustCompile(`(://[^/\s:@]*:)[^/\s@]+@`),
		regexp.MustCompile(`()\bsanduk_[a-z2-7]{8,}`),
		regexp.MustCompile(`()\$argon2[a-z]*\$\S+`),
		regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*`),
	}
}

// redactText replaces what looks like a secret in a text.
func redactText(text string) string {
	if !suspicious([]byte(text)) {
		return text
	}
	for _, p := range patterns() {
		replacement := "${1}" + redacted
		if strings.HasPrefix(p.String(), "(://") {
			replacement += "@"
		}
		text = p.ReplaceAllString(text, replacement)
	}
	return text
}
