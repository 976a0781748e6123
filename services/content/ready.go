package content

import (
	"regexp"
	"strings"
)

// readyMade gives a pattern by its name.
func readyMade(name string) (matcher, bool) {
	switch name {
	case "card":
		return matcher{re: regexp.MustCompile(`\b[2-6][0-9](?:[ -]?[0-9]){10,17}\b`), trim: card, what: "a card number"}, true
	case "iban":
		return matcher{re: regexp.MustCompile(`(?i)\b[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11,32}`), trim: iban, what: "an IBAN"}, true
	}
	return matcher{}, false
}

// digitsOf takes the separators out.
func digitsOf(s string) string { return strings.NewReplacer(" ", "", "-", "").Replace(s) }

// card says how much of digits in groups is a card number: the most groups that have
// the length that goes with their first digits and the check digit of ISO/IEC 7812. The
// date of expiry often stands right behind.
func card(found string) int {
	for end := len(found); end > 0; end = strings.LastIndexAny(found[:end], " -") {
		digits := digitsOf(found[:end])
		if len(digits) < 12 {
			break
		}
		if cardLength(digits) && luhn(digits) && strings.Count(digits, digits[:1]) < len(digits) {
			return end
		}
	}
	return 0
}

// cardLength knows the large issuers.
func cardLength(d string) bool {
	two := d[:2]
	switch n := len(d); {
	case d[0] == '4': // Visa
		return n == 13 || n == 16 || n == 19
	case two >= "51" && two <= "55", d[:4] >= "2221" && d[:4] <= "2720": // Mastercard
		return n == 16
	case two == "34" || two == "37": // American Express
		return n == 15
	case two == "36" || two == "38" || two == "39" || d[:3] >= "300" && d[:3] <= "305": // Diners
		return n == 14 || n == 16 || n == 19
	case two == "35": // JCB
		return n >= 16
	case d[:4] == "6011" || two == "65" || two == "62" || d[:3] >= "644" && d[:3] <= "649": // Discover, UnionPay
		return n >= 16
	case d[0] == '5' || d[0] == '6': // Maestro
		return n == 16 || n == 18 || n == 19
	}
	return false
}

// luhn is the check digit of ISO/IEC 7812-1 annex B.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// iban says how much of a text that begins like one is an IBAN (ISO 13616): as many
// characters as its country has, with the right check digits.
func iban(found string) int {
	length := ibanLength(strings.ToUpper(found[:2]))
	if length == 0 {
		return 0
	}
	end, n := 0, 0
	for end < len(found) && n < length {
		if found[end] != ' ' && found[end] != '-' {
			n++
		}
		end++
	}
	inside := end < len(found) && found[end] != ' ' && found[end] != '-'
	if n < length || inside || !mod97(strings.ToUpper(digitsOf(found[:end]))) {
		return 0
	}
	return end
}

// mod97 is ISO/IEC 7064: the number that the rotated text stands for leaves 1.
func mod97(text string) bool {
	rest := 0
	for _, c := range []byte(text[4:] + text[:4]) {
		switch {
		case c >= '0' && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		default:
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}

// ibanLength is how many characters a country's IBANs have; 0: it has none.
func ibanLength(country string) int {
	const table = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 " +
		"GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 MC27 MD24 ME22 MK19 " +
		"MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 "
	i := strings.Index(table, country)
	if i < 0 || i%5 != 0 {
		return 0
	}
	return int(table[i+2]-'0')*10 + int(table[i+3]-'0')
}
