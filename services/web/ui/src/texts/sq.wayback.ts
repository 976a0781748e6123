import type { Catalogue } from '.'
import type { wayback } from './en.wayback'

export default {
  'wayback.title': 'Një fjalëkalim i ri për një administrator',
  'wayback.lead': 'Shtypni F9 në tastierën e vetë kutisë: ekrani i saj tregon atëherë një kod. Shkruajeni këtu brenda gjysmë ore.',
  'wayback.address': 'Adresa e administratorit',
  'wayback.address.missing': 'Mungon adresa.',
  'wayback.address.mend': 'Ekrani i kutisë rendit administratorët.',
  'wayback.password': 'Fjalëkalimi i ri',
  'wayback.go': 'Vendosni fjalëkalimin',
  'wayback.done': 'Fjalëkalimi i ri vlen',
  'wayback.done.text': 'Të gjithë shfletuesit dhe programet e postës të {address} u çlidhën. Hyni me fjalëkalimin e ri dhe shkruajeni në programet e postës.',
  'wayback.signin': 'Hyni',
  'link.title': 'Zgjidhni fjalëkalimin tuaj',
  'link.lead': 'Këtë lidhje e ka bërë ai që kujdeset për postën e zyrës. Fjalëkalimin që zgjidhni këtu nuk e di askush tjetër.',
  'link.done': 'Tani konfiguroni programin tuaj të postës.',
} satisfies Catalogue<typeof wayback>
