import type { Catalogue } from '.'
import type { wayback } from './en.wayback'

export default {
  'wayback.title': 'Ein neues Passwort für einen Administrator',
  'wayback.lead': 'Drücken Sie F9 auf der Tastatur der Box selbst: Ihr Bildschirm zeigt dann einen Code. Geben Sie ihn innerhalb einer halben Stunde hier ein.',
  'wayback.address': 'Adresse des Administrators',
  'wayback.address.missing': 'Die Adresse fehlt.',
  'wayback.address.mend': 'Der Bildschirm der Box nennt die Administratoren.',
  'wayback.password': 'Neues Passwort',
  'wayback.go': 'Passwort setzen',
  'wayback.done': 'Das neue Passwort gilt',
  'wayback.done.text': 'Alle Browser und Mailprogramme von {address} wurden abgemeldet. Melden Sie sich mit dem neuen Passwort an und geben Sie es in den Mailprogrammen ein.',
  'wayback.signin': 'Anmelden',
  'link.title': 'Wählen Sie Ihr Passwort',
  'link.lead': 'Diesen Link hat gemacht, wer die Mailbox des Büros betreut. Das Passwort, das Sie hier wählen, kennt sonst niemand.',
  'link.done': 'Richten Sie jetzt Ihr Mailprogramm damit ein.',
} satisfies Catalogue<typeof wayback>
