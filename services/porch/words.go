package porch

import "strings"

// words are the page's, in one language.
type words struct {
	Lang, Title, Why, Label, Hint, Open, Done, Wait string
}

// languages are those of the pages (services/web/ui); the first is for everybody else.
func languages() []words {
	return []words{
		{"en", "The mail is locked", "The office’s mail is encrypted, and this box needs the recovery phrase to open it: eight groups of four characters that somebody wrote down when the box was set up. Mail that arrives meanwhile waits outside; nothing is lost.",
			"Recovery phrase", "Capital or small letters, with or without spaces.", "Open the mail", "The mail is open", "The box starts its services. This page goes on by itself."},
		{"de", "Die Mail ist verschlossen", "Die Mail des Büros ist verschlüsselt, und um sie zu öffnen, braucht diese Box den Wiederherstellungsschlüssel: acht Gruppen von vier Zeichen, die jemand beim Einrichten aufgeschrieben hat. Was inzwischen ankommt, wartet draußen; nichts geht verloren.",
			"Wiederherstellungsschlüssel", "Groß oder klein, mit oder ohne Leerzeichen.", "Mail öffnen", "Die Mail ist offen", "Die Box startet ihre Dienste. Diese Seite geht von selbst weiter."},
		{"it", "La posta è chiusa a chiave", "La posta dell’ufficio è cifrata e per aprirla serve la frase di recupero: otto gruppi di quattro caratteri che qualcuno ha annotato durante la configurazione. I messaggi in arrivo aspettano fuori; nulla va perso.",
			"Frase di recupero", "Maiuscole o minuscole, con o senza spazi.", "Apri la posta", "La posta è aperta", "Il box avvia i suoi servizi. Questa pagina prosegue da sola."},
		{"ro", "Poșta este încuiată", "Poșta biroului este criptată, iar pentru a o deschide e nevoie de fraza de recuperare: opt grupe de câte patru caractere pe care cineva le-a notat la configurare. Mesajele care sosesc între timp așteaptă afară; nimic nu se pierde.",
			"Fraza de recuperare", "Majuscule sau minuscule, cu sau fără spații.", "Deschide poșta", "Poșta este deschisă", "Dispozitivul își pornește serviciile. Pagina continuă singură."},
		{"sr", "Pošta je zaključana", "Pošta kancelarije je šifrovana i da bi je otvorio, uređaju treba fraza za oporavak: osam grupa od po četiri znaka koje je neko zapisao prilikom podešavanja. Poruke koje u međuvremenu stižu čekaju napolju; ništa se ne gubi.",
			"Fraza za oporavak", "Velika ili mala slova, sa razmacima ili bez njih.", "Otvori poštu", "Pošta je otvorena", "Uređaj pokreće svoje usluge. Stranica nastavlja sama."},
		{"sq", "Posta është e kyçur", "Posta e zyrës është e koduar dhe për ta hapur duhet fraza e rikuperimit: tetë grupe me nga katër shenja që dikush i ka shënuar gjatë konfigurimit. Mesazhet që vijnë ndërkohë presin jashtë; asgjë nuk humbet.",
			"Fraza e rikuperimit", "Shkronja të mëdha ose të vogla, me ose pa hapësira.", "Hap postën", "Posta u hap", "Pajisja po nis shërbimet. Kjo faqe vazhdon vetë."},
	}
}

// wordsFor are the words for a browser, by what it says that its user reads (RFC 9110 §12.5.4): the first language there
// that we have. Browsers send them in the order of preference.
func wordsFor(accept string) words {
	list := languages()
	for part := range strings.SplitSeq(accept, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		for _, w := range list {
			if w.Lang == primary {
				return w
			}
		}
	}
	return list[0]
}
