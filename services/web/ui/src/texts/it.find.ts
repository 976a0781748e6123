import type { Catalogue } from '.'
import type { find } from './en.find'

export default {
  'find.title': 'Trovare qualsiasi cosa',
  'find.hint': 'Una pagina, una persona, un indirizzo, un messaggio',
  'find.pages': 'Pagine e impostazioni',
  'find.messages': 'Messaggi',
  'find.untitled': 'Nessun oggetto',
  'find.more': 'Tutti quelli simili',
  'find.none': 'Nulla è così.',
  'find.close': 'Chiudere',
  'find.count.one': 'Uno trovato.',
  'find.count.other': '{n} trovati.',
} satisfies Catalogue<typeof find>
