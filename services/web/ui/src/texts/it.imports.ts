import type { Catalogue } from '.'
import type { imports } from './en.imports'

export default {
  'import.open': 'Aggiungere più persone',
  'import.export': 'Salvare come tabella',
  'import.title': 'Aggiungere più persone',
  'import.lead': 'Incolli un elenco o scelga un file da un foglio di calcolo: in ogni riga nome e indirizzo, e una password se c’è. Vede che cosa è stato capito prima che qualcuno sia aggiunto.',
  'import.list': 'L’elenco',
  'import.lines': 'Le righe {lines} non sono state capite e sono escluse.',
  'import.state': 'Che cosa ne sarà',
  'import.there': 'Qualcuno ha già questo indirizzo.',
  'import.elsewhere': '{domain} non è un dominio di questo ufficio.',
  'import.new': 'Nuova',
  'import.new.password': 'Nuova, con una password creata',
  'import.go.one': 'Aggiungere una persona',
  'import.go.other': 'Aggiungere {n} persone',
  'import.adding': 'Si aggiunge {name}: {at} di {all}.',
  'import.done': 'Aggiunta',
  'import.added': 'Aggiunte {done} di {all} persone.',
  'import.keep': 'Le password create sono mostrate solo questa volta: le copi o le stampi e dia a ciascuno la sua.',
  'import.print': 'Stampare',
  'import.again': 'Un altro elenco',
} satisfies Catalogue<typeof imports>
