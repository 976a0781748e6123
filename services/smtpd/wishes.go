package smtpd

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Bounds of what a client wants to get back.
const (
	maxEnvelopeID = 100 // octets as sent (RFC 3461 §4.4)
	maxOriginal   = 500 // octets as sent (RFC 3461 §4.2)
	// maxPriority is RFC 6710 §4's. Strangers get no more than 0: or every
	// advertisement would come before every letter.
	maxPriority = 9
	// maxByTime is RFC 2852 §4.1: nine digits.
	maxByTime = 999_999_999
)

// syntax is the answer to a parameter that is known and holds something else than
// it may.
func syntax(text string) error {
	return &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: text}
}

// wish reads a parameter of MAIL that asks for more than delivery; known is false
// if it is no such parameter, or its extension is not offered.
func (c *conn) wish(w *mail.Wishes, p parameter, now time.Time) (known bool, err error) {
	offers := c.server.options.Offers
	switch p.keyword {
	case "RET":
		return offers.DSN, parseReturn(w, p.value)
	case "ENVID":
		return offers.DSN, parseEnvelopeID(w, p.value)
	case "REQUIRETLS":
		if w.RequireTLS = true; p.hasValue {
			err = syntax("REQUIRETLS takes no value")
		}
		return c.requireTLS(), err
	case "BY":
		return c.deliverBy(), parseBy(w, p.value, now)
	case "MT-PRIORITY":
		return offers.Priority, parsePriority(w, p.value)
	case "HOLDFOR", "HOLDUNTIL":
		return c.future() > 0, parseHold(w, p, now, c.future())
	}
	return false, nil
}

// parseReturn is RFC 3461 §4.3.
func parseReturn(w *mail.Wishes, value string) error {
	switch strings.ToUpper(value) {
	case "FULL":
		w.Return = mail.ReturnFull
	case "HDRS":
		w.Return = mail.ReturnHeaders
	default:
		return syntax("RET is FULL or HDRS")
	}
	return nil
}

// parseEnvelopeID is RFC 3461 §4.4.
func parseEnvelopeID(w *mail.Wishes, value string) (err error) {
	text, ok := decodeXtext(value)
	if !ok || value == "" || len(value) > maxEnvelopeID || !printableASCII(text) {
		return syntax(fmt.Sprintf("ENVID is at most %d characters of xtext", maxEnvelopeID))
	}
	w.EnvelopeID = text
	return nil
}

// parseBy is RFC 2852 §4: seconds from now, what to do then, and whether to trace.
func parseBy(w *mail.Wishes, value string, now time.Time) error {
	number, mode, _ := strings.Cut(value, ";")
	seconds, err := strconv.ParseInt(number, 10, 64)
	mode = strings.ToUpper(mode)
	mode, trace := strings.CutSuffix(mode, "T")
	if err != nil || seconds > maxByTime || seconds < -maxByTime || mode != "R" && mode != "N" {
		return syntax("BY is a number of seconds, then ;R or ;N, perhaps with a T behind it")
	}
	if mode == "R" && seconds <= 0 {
		return syntax("BY with R needs a time to come")
	}
	w.By, w.ByNotify, w.ByTrace = now.Add(time.Duration(seconds)*time.Second), mode == "N", trace
	return nil
}

// parsePriority is RFC 6710 §4.1.
func parsePriority(w *mail.Wishes, value string) error {
	n, err := strconv.ParseInt(value, 10, 8)
	if err != nil || n < -maxPriority || n > maxPriority || strings.HasPrefix(value, "+") {
		return syntax("MT-PRIORITY is a number from -9 to 9")
	}
	w.Priority = int8(n)
	return nil
}

// parseHold is RFC 4865 §4: a number of seconds, or a moment.
func parseHold(w *mail.Wishes, p parameter, now time.Time, longest time.Duration) error {
	if !w.HoldUntil.IsZero() {
		return syntax("HOLDFOR and HOLDUNTIL exclude each other")
	}
	if p.keyword == "HOLDFOR" {
		seconds, err := strconv.ParseUint(p.value, 10, 31)
		if err != nil || seconds == 0 || len(p.value) > 9 {
			return syntax("HOLDFOR is a number of seconds")
		}
		w.HoldUntil = now.Add(time.Duration(seconds) * time.Second)
	} else {
		until, err := time.Parse(time.RFC3339, strings.ToUpper(p.value))
		if err != nil {
			return syntax("HOLDUNTIL is a time like 2031-12-24T18:00:00Z")
		}
		w.HoldUntil = until
	}
	switch {
	case w.HoldUntil.After(now.Add(longest)):
		return syntax(fmt.Sprintf("Messages are held for %d seconds at most", int64(longest/time.Second)))
	case w.HoldUntil.Before(now):
		w.HoldUntil = now // a slow clock: at once is what was meant; not zero, or the other one could come too
	}
	return nil
}

// settle looks at the wishes together, when all are known.
func (c *conn) settle(w *mail.Wishes) (lowered bool, err error) {
	if !w.By.IsZero() && w.HoldUntil.After(w.By) { // RFC 4865 §4.2
		return false, syntax("The message would be held longer than BY lets it take")
	}
	if w.Priority > 0 && c.stranger() {
		w.Priority = 0
		return true, nil
	}
	return false, nil
}

// recipientWish reads a parameter of RCPT.
func (c *conn) recipientWish(r *mail.Recipient, p parameter, utf8OK bool) error {
	if !c.esmtp || !c.server.options.Offers.DSN {
		return errParameter(p)
	}
	switch p.keyword {
	case "NOTIFY":
		return parseNotify(r, p.value)
	case "ORCPT":
		return parseOriginal(r, p.value, utf8OK)
	}
	return errParameter(p)
}

// parseNotify is RFC 3461 §4.1.
func parseNotify(r *mail.Recipient, value string) error {
	for word := range strings.SplitSeq(strings.ToUpper(value), ",") {
		switch word {
		case "NEVER":
			r.Notify |= mail.NotifyNever
		case "SUCCESS":
			r.Notify |= mail.NotifySuccess
		case "FAILURE":
			r.Notify |= mail.NotifyFailure
		case "DELAY":
			r.Notify |= mail.NotifyDelay
		default:
			return syntax("NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY")
		}
	}
	if r.Notify&mail.NotifyNever != 0 && r.Notify != mail.NotifyNever {
		return syntax("NOTIFY=NEVER stands alone")
	}
	return nil
}

// parseOriginal is RFC 3461 §4.2, and RFC 6533 §3 for addresses beyond ASCII.
func parseOriginal(r *mail.Recipient, value string, utf8OK bool) error {
	bad := syntax("ORCPT is an address type, a semicolon, and an address in xtext")
	kind, encoded, found := strings.Cut(value, ";")
	if !found || !isAtom(kind) || encoded == "" || len(value) > maxOriginal {
		return bad
	}
	var text string
	var ok bool
	if strings.EqualFold(kind, "utf-8") {
		if text, ok = decodeUnitext(encoded, utf8OK); !ok || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
			return bad
		}
	} else {
		text, ok = decodeXtext(encoded)
		if !ok && utf8OK {
			text, ok = decodeUnitext(encoded, true)
		}
		if !ok {
			return bad
		}
	}
	if !strings.EqualFold(kind, "utf-8") && !printableASCII(text) {
		// Postfix calls such an address rfc822, too: what it means is clear, and no reason to return the message.
		if !strings.EqualFold(kind, "rfc822") || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
			return bad
		}
		kind = "utf-8"
	}
	r.Original = strings.ToLower(kind) + ";" + text
	return nil
}

// isAtom: letters, digits and hyphens are all that address types are made of.
func isAtom(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}

// printableASCII keeps line ends, which xtext can carry, out of reports.
func printableASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// unprintable are what would break a field of a report, or the screen that shows it.
func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// decodeXtext reads RFC 3461 §4's encoding: "+" and two capital hexadecimal
// digits stand for an octet.
func decodeXtext(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", false
			}
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // two digits fit
			b.WriteByte(byte(n))
			i += 2
		case c < '!' || c > '~' || c == '=':
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// isHex knows the digits of xtext; some senders write small letters.
func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

// decodeUnitext reads RFC 6533 §3: \x{20AC} stands for a character; characters
// beyond ASCII may stand as they are where the transaction is SMTPUTF8.
func decodeUnitext(s string, utf8OK bool) (string, bool) {
	var b strings.Builder
	for len(s) > 0 {
		if rest, ok := strings.CutPrefix(s, `\x{`); ok {
			digits, behind, found := strings.Cut(rest, "}")
			n, err := strconv.ParseUint(digits, 16, 21)
			if !found || err != nil || len(digits) < 2 || len(digits) > 6 || !utf8.ValidRune(rune(n)) {
				return "", false
			}
			b.WriteRune(rune(n))
			s = behind
			continue
		}
		c := s[0]
		if c < '!' || c == '+' || c == '=' || c == '\\' || c == 0x7f || c > 0x7f && !utf8OK {
			return "", false
		}
		b.WriteByte(c)
		s = s[1:]
	}
	return b.String(), true
}
