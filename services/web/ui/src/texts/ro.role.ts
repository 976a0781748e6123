import type { Catalogue } from '.'
import type { role } from './en.role'

export default {
  'role.title': 'Ce poate face această persoană',
  'role.hint': 'Fiecare își citește și scrie propria poștă. Cine poate mai mult este spus aici și stă în lista modificărilor.',
  'role.label': 'Rol',
  'role.none': 'Doar propria poștă',
  'role.help_desk': 'Asistență',
  'role.domain': 'Administrator al unor domenii',
  'role.admin': 'Administrator',
  'role.owner': 'Proprietar',
  'role.none.hint': 'Folosește căsuța poștală și nimic altceva.',
  'role.help_desk.hint': 'Vede unde sunt mesajele și ce așteaptă și încearcă din nou ce așteaptă. Nu deschide niciun mesaj.',
  'role.domain.hint': 'Se ocupă de persoanele și adresele domeniilor bifate, găsește poșta de la și către ele și nu vede nimic din altele.',
  'role.admin.hint': 'Administrează biroul și cutia.',
  'role.owner.hint': 'Administrează biroul și cutia, spune cine ce poate face și poate reseta cutia. Doi proprietari sunt mai buni decât unul.',
  'role.domains': 'Domenii',
  'role.domains.missing': 'Niciun domeniu nu este bifat.',
  'role.domains.mend': 'Bifați-le pe cele de ale căror persoane se ocupă.',
  'role.saved': 'Este setat. Este valabil imediat.',
  'sure.title': 'Sunteți dumneavoastră?',
  'sure.text': 'Acest lucru nu este pentru un browser lăsat deschis. Cutia întreabă din nou după zece minute.',
  'sure.password': 'Parola dumneavoastră',
  'sure.act': 'Continuați',
} satisfies Catalogue<typeof role>
