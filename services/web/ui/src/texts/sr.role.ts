import type { Catalogue } from '.'
import type { role } from './en.role'

export default {
  'role.title': 'Šta ova osoba sme',
  'role.hint': 'Svako čita i piše svoju poštu. Ko sme više, piše ovde i stoji u spisku izmena.',
  'role.label': 'Uloga',
  'role.none': 'Samo sopstvena pošta',
  'role.help_desk': 'Podrška',
  'role.domain': 'Administrator nekih domena',
  'role.admin': 'Administrator',
  'role.owner': 'Vlasnik',
  'role.none.hint': 'Koristi sanduče i ništa drugo.',
  'role.help_desk.hint': 'Vidi gde su poruke i šta čeka, i ponovo pokušava ono što čeka. Ne otvara nijednu poruku.',
  'role.domain.hint': 'Brine o osobama i adresama označenih domena, pronalazi poštu od njih i za njih i ne vidi ništa od drugih.',
  'role.admin.hint': 'Vodi kancelariju i kutiju.',
  'role.owner.hint': 'Vodi kancelariju i kutiju, određuje ko šta sme i može da vrati kutiju na fabrička podešavanja. Dva vlasnika su bolja od jednog.',
  'role.domains': 'Domeni',
  'role.domains.missing': 'Nijedan domen nije označen.',
  'role.domains.mend': 'Označite one o čijim osobama brine.',
  'role.saved': 'Podešeno. Važi odmah.',
  'sure.title': 'Da li ste to vi?',
  'sure.text': 'Ovo nije za pregledač koji je neko ostavio otvoren. Kutija ponovo pita posle deset minuta.',
  'sure.password': 'Vaša lozinka',
  'sure.act': 'Dalje',
} satisfies Catalogue<typeof role>
