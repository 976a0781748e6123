import type { Catalogue } from '.'
import type { wayback } from './en.wayback'

export default {
  'wayback.title': 'Nova lozinka za administratora',
  'wayback.lead': 'Pritisnite F9 na tastaturi same kutije: njen ekran tada pokazuje kod. Unesite ga ovde u roku od pola sata.',
  'wayback.address': 'Adresa administratora',
  'wayback.address.missing': 'Nedostaje adresa.',
  'wayback.address.mend': 'Ekran kutije navodi administratore.',
  'wayback.password': 'Nova lozinka',
  'wayback.go': 'Postavi lozinku',
  'wayback.done': 'Nova lozinka važi',
  'wayback.done.text': 'Svi pregledači i programi za poštu adrese {address} su odjavljeni. Prijavite se novom lozinkom i unesite je u programe za poštu.',
  'wayback.signin': 'Prijavi se',
} satisfies Catalogue<typeof wayback>
