import type { Catalogue } from '.'
import type { imports } from './en.imports'

export default {
  'import.open': 'Mehrere hinzufügen',
  'import.export': 'Als Tabelle sichern',
  'import.title': 'Mehrere Personen hinzufügen',
  'import.lead': 'Fügen Sie eine Liste ein oder wählen Sie eine Datei aus einer Tabelle: in jeder Zeile Name und Adresse, und ein Passwort, wo es eines gibt. Sie sehen, was verstanden wurde, bevor jemand hinzugefügt wird.',
  'import.list': 'Die Liste',
  'import.lines': 'Die Zeilen {lines} wurden nicht verstanden und bleiben weg.',
  'import.state': 'Was daraus wird',
  'import.there': 'Diese Adresse hat schon jemand.',
  'import.elsewhere': '{domain} ist keine Domain dieses Büros.',
  'import.new': 'Neu',
  'import.new.password': 'Neu, mit einem erzeugten Passwort',
  'import.go.one': 'Eine Person hinzufügen',
  'import.go.other': '{n} Personen hinzufügen',
  'import.adding': '{name} wird hinzugefügt: {at} von {all}.',
  'import.done': 'Hinzugefügt',
  'import.added': '{done} von {all} Personen wurden hinzugefügt.',
  'import.keep': 'Erzeugte Passwörter werden nur dieses eine Mal gezeigt: Kopieren oder drucken Sie sie und geben Sie jeder Person ihres.',
  'import.print': 'Drucken',
  'import.again': 'Noch eine Liste',
} satisfies Catalogue<typeof imports>
