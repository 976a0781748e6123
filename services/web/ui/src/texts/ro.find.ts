import type { Catalogue } from '.'
import type { find } from './en.find'

export default {
  'find.title': 'Găsiți orice',
  'find.hint': 'O pagină, o persoană, o adresă, un mesaj',
  'find.pages': 'Pagini și setări',
  'find.messages': 'Mesaje',
  'find.untitled': 'Fără subiect',
  'find.more': 'Toate cele ca acesta',
  'find.none': 'Nimic nu este așa.',
  'find.close': 'Închideți',
  'find.count.one': 'Unul găsit.',
  'find.count.few': '{n} găsite.',
  'find.count.other': '{n} de găsite.',
} satisfies Catalogue<typeof find>
