import type { Catalogue } from '.'
import type { log } from './en.log'

export default {
  'box.part.log': 'Registro',
  'log.lead': 'Ciò che la box ha annotato su di sé, il più recente per primo. Password e oggetti dei messaggi non vi compaiono mai.',
  'log.search': 'Parole, un indirizzo, l’ID di un messaggio',
  'log.from': 'Dal',
  'log.until': 'Al',
  'log.level': 'Gravità',
  'log.level.all': 'Tutto',
  'log.level.warn': 'Avvisi ed errori',
  'log.level.error': 'Errori',
  'log.is.error': 'Errore',
  'log.is.warn': 'Avviso',
  'log.is.info': 'Informazione',
  'log.unit': 'Parte della box',
  'log.unit.all': 'Tutte le parti',
  'log.follow': 'Segui: mostra le nuove righe quando arrivano',
  'log.absent': 'Questa box non tiene un registro che si possa leggere qui.',
  'log.lost': 'Alcune righe sono state tolte per fare spazio prima di poter essere mostrate.',
  'log.col.what': 'Che cosa è successo',
  'log.col.at': 'Quando',
  'log.none': 'Nessuna riga così',
  'log.none.text': 'Cerchi altre parole, altri giorni o tutte le parti.',
  'log.none.yet': 'Niente di simile tra le righe più recenti.',
  'log.more': 'Cerca più indietro',
} satisfies Catalogue<typeof log>
