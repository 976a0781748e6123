import type { Catalogue } from '.'
import type { find } from './en.find'

export default {
  'find.title': 'Alles finden',
  'find.hint': 'Eine Seite, Person, Adresse oder Nachricht',
  'find.pages': 'Seiten und Einstellungen',
  'find.messages': 'Nachrichten',
  'find.untitled': 'Kein Betreff',
  'find.more': 'Alle, die so sind',
  'find.none': 'Nichts ist so.',
  'find.close': 'Schließen',
  'find.count.one': 'Eines gefunden.',
  'find.count.other': '{n} gefunden.',
} satisfies Catalogue<typeof find>
