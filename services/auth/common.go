package auth

import (
	"slices"
	"strings"
)

// isCommon recognises the passwords that are tried first, dressed up as people
// dress them up: capitals, figures and signs around or for letters, or the same
// twice ("P@ssw0rd2026!", "$ecret$ecret"). lower is in lower case.
func isCommon(lower string) bool {
	const dress = "0123456789!@#$%&*?.,;:+-_=/ "
	if strings.Trim(lower, dress) == "" {
		return len(lower) < 2*minPassword // figures and signs alone
	}
	// A sign at either end may be decoration or stand for a letter.
	for _, core := range []string{strings.Trim(lower, dress), strings.TrimRight(lower, dress), strings.TrimLeft(lower, dress), lower} {
		plain := strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "0", "o", "$", "s", "5", "s", "7", "t").Replace(core)
		for _, s := range []string{core, plain} {
			letters := strings.Map(func(r rune) rune {
				if strings.ContainsRune(dress, r) {
					return -1
				}
				return r
			}, s)
			if isStem(letters) {
				return true
			}
		}
	}
	return false
}

// isStem reports whether letters are one of the common passwords, once or twice.
func isStem(letters string) bool {
	half := letters[:len(letters)/2]
	if half+half == letters {
		letters = half
	}
	_, found := slices.BinarySearch(commonPasswords(), letters)
	return found
}

// commonPasswords are the stems that most of the often used passwords of ten
// characters and more come down to, sorted. A short list by intention: the rule
// is there against the first few hundred guesses, the lock-out against the rest.
func commonPasswords() []string {
	return []string{
		"abcdef", "abcdefg", "abcdefgh", "abcdefghij", "access", "admin", "adminadmin", "administrator", "adminpassword",
		"baseball", "basketball", "changeit", "changeme", "chocolate", "computer", "default", "defaultpassword", "dragon",
		"email", "emailpassword", "firstpassword", "football", "geheim", "guest", "guestguest", "hallo", "hello", "helloworld",
		"hunter", "iloveyou", "iloveyouu", "internet", "jesuschrist", "kennwort", "letmein", "letmeinplease", "liverpool", "login",
		"lozinka", "mail", "mailpassword", "manchester", "manunited", "master", "michelle", "monkey", "mypassword", "newpassword",
		"office", "officeoffice", "oldpassword", "parola", "pass", "passphrase", "passw", "password", "passwordpassword", "passwort", "princess",
		"qazwsx", "qazwsxedc", "qwer", "qwerasdf", "qwert", "qwerty", "qwertyqwerty", "qwertyui", "qwertyuiop", "qwertz", "qwertzuiop",
		"root", "rootroot", "sanduk", "sandukbox", "sandukmail", "secret", "secretpassword", "secretsecret", "server", "starwars", "summer", "summertime", "sunshine",
		"superman", "supersecret", "superuser", "test", "testpassword", "testtest", "thispassword", "toor", "trustno", "user", "username", "userpassword",
		"welcome", "welcomehome", "whatever", "winter", "yourpassword", "zaqwsx", "zxcvbn", "zxcvbnm",
	}
}
