import type { Catalogue } from '.'
import type { wayback } from './en.wayback'

export default {
  'wayback.title': 'Una nuova password per un amministratore',
  'wayback.lead': 'Prema F9 sulla tastiera della box stessa: il suo schermo mostrerà un codice. Lo digiti qui entro mezz’ora.',
  'wayback.address': 'Indirizzo dell’amministratore',
  'wayback.address.missing': 'Manca l’indirizzo.',
  'wayback.address.mend': 'Lo schermo della box elenca gli amministratori.',
  'wayback.password': 'Nuova password',
  'wayback.go': 'Imposta la password',
  'wayback.done': 'La nuova password è valida',
  'wayback.done.text': 'Tutti i browser e i programmi di posta di {address} sono stati disconnessi. Acceda con la nuova password e la inserisca nei programmi di posta.',
  'wayback.signin': 'Accedi',
  'link.title': 'Scegliete la vostra password',
  'link.lead': 'Questo link l’ha creato chi gestisce il box della posta dell’ufficio. La password che scegliete qui non la conosce nessun altro.',
  'link.done': 'Ora configurate il vostro programma di posta.',
} satisfies Catalogue<typeof wayback>
