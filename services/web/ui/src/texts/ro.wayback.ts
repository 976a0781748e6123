import type { Catalogue } from '.'
import type { wayback } from './en.wayback'

export default {
  'wayback.title': 'O parolă nouă pentru un administrator',
  'wayback.lead': 'Apăsați F9 pe tastatura cutiei: ecranul ei va arăta un cod. Introduceți-l aici în cel mult o jumătate de oră.',
  'wayback.address': 'Adresa administratorului',
  'wayback.address.missing': 'Adresa lipsește.',
  'wayback.address.mend': 'Ecranul cutiei îi enumeră pe administratori.',
  'wayback.password': 'Parola nouă',
  'wayback.go': 'Setați parola',
  'wayback.done': 'Parola nouă este valabilă',
  'wayback.done.text': 'Toate browserele și programele de poștă ale {address} au fost deconectate. Conectați-vă cu parola nouă și introduceți-o în programele de poștă.',
  'wayback.signin': 'Conectare',
  'link.title': 'Alegeți-vă parola',
  'link.lead': 'Acest link a fost făcut de cine administrează poșta biroului. Parola pe care o alegeți aici nu o cunoaște nimeni altcineva.',
  'link.done': 'Configurați acum programul de mail cu ea.',
} satisfies Catalogue<typeof wayback>
