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
  'link.title': 'Izaberite svoju lozinku',
  'link.lead': 'Ovaj link je napravio onaj ko vodi poštu kancelarije. Lozinku koju ovde izaberete ne zna niko drugi.',
  'link.done': 'Sada podesite svoj program za poštu.',
} satisfies Catalogue<typeof wayback>
