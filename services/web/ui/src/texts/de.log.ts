import type { Catalogue } from '.'
import type { log } from './en.log'

export default {
  'box.part.log': 'Protokoll',
  'log.lead': 'Was die Box über sich selbst aufgeschrieben hat, das Neueste zuerst. Passwörter und Betreffzeilen stehen nie darin.',
  'log.search': 'Wörter, eine Adresse, die ID einer Nachricht',
  'log.from': 'Von',
  'log.until': 'Bis',
  'log.level': 'Wie ernst',
  'log.level.all': 'Alles',
  'log.level.warn': 'Warnungen und Fehler',
  'log.level.error': 'Fehler',
  'log.is.error': 'Fehler',
  'log.is.warn': 'Warnung',
  'log.is.info': 'Information',
  'log.unit': 'Teil der Box',
  'log.unit.all': 'Alle Teile',
  'log.follow': 'Folgen: neue Zeilen zeigen, sobald sie kommen',
  'log.absent': 'Diese Box führt kein Protokoll, das hier gelesen werden könnte.',
  'log.lost': 'Einige Zeilen wurden entfernt, um Platz zu schaffen, bevor sie gezeigt werden konnten.',
  'log.col.what': 'Was geschah',
  'log.col.at': 'Wann',
  'log.none': 'Keine solche Zeile',
  'log.none.text': 'Suchen Sie nach anderen Wörtern, an anderen Tagen oder in allen Teilen.',
  'log.none.yet': 'Nichts dergleichen unter den neuesten Zeilen.',
  'log.more': 'Weiter zurück suchen',
} satisfies Catalogue<typeof log>
