import type { Catalogue } from '.'
import type { find } from './en.find'

export default {
  'find.title': 'Pronađi bilo šta',
  'find.hint': 'Stranicu, osobu, adresu, poruku',
  'find.pages': 'Stranice i podešavanja',
  'find.messages': 'Poruke',
  'find.untitled': 'Bez naslova',
  'find.more': 'Sve što je takvo',
  'find.none': 'Ništa nije takvo.',
  'find.close': 'Zatvori',
  'find.count.one': 'Pronađeno: {n}.',
  'find.count.few': 'Pronađeno: {n}.',
  'find.count.other': 'Pronađeno: {n}.',
} satisfies Catalogue<typeof find>
