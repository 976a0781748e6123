import type { Catalogue } from '.'
import type { role } from './en.role'

export default {
  'role.title': 'Che cosa può fare questa persona',
  'role.hint': 'Ognuno legge e scrive la propria posta. Chi può fare di più è detto qui e sta nell’elenco delle modifiche.',
  'role.label': 'Ruolo',
  'role.none': 'Solo la propria posta',
  'role.help_desk': 'Assistenza',
  'role.domain': 'Amministratore di alcuni domini',
  'role.admin': 'Amministratore',
  'role.owner': 'Proprietario',
  'role.none.hint': 'Usa la casella e nient’altro.',
  'role.help_desk.hint': 'Vede dove sono i messaggi e che cosa attende, e riprova ciò che attende. Non apre alcun messaggio.',
  'role.domain.hint': 'Si occupa delle persone e degli indirizzi dei domini spuntati, trova la posta da e per loro e non vede nulla degli altri.',
  'role.admin.hint': 'Gestisce l’ufficio e la box.',
  'role.owner.hint': 'Gestisce l’ufficio e la box, dice chi può fare che cosa e può azzerare la box. Due proprietari sono meglio di uno.',
  'role.domains': 'Domini',
  'role.domains.missing': 'Nessun dominio è spuntato.',
  'role.domains.mend': 'Spunti quelli delle cui persone si occupa.',
  'role.saved': 'Impostato. Vale da subito.',
  'sure.title': 'È lei?',
  'sure.text': 'Questo non è per un browser che qualcuno ha lasciato aperto. La box chiede di nuovo dopo dieci minuti.',
  'sure.password': 'La sua password',
  'sure.act': 'Avanti',
} satisfies Catalogue<typeof role>
