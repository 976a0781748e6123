import type { Catalogue } from '.'
import type { imports } from './en.imports'

export default {
  'import.open': 'Adăugați mai multe',
  'import.export': 'Salvați ca tabel',
  'import.title': 'Adăugați mai multe persoane',
  'import.lead': 'Lipiți o listă sau alegeți un fișier dintr-un program de tabele: pe fiecare rând un nume și o adresă, și o parolă unde există. Vedeți ce s-a înțeles înainte ca cineva să fie adăugat.',
  'import.list': 'Lista',
  'import.lines': 'Rândurile {lines} nu au fost înțelese și sunt lăsate deoparte.',
  'import.state': 'Ce se întâmplă',
  'import.there': 'Cineva are deja această adresă.',
  'import.elsewhere': '{domain} nu este un domeniu al acestui birou.',
  'import.new': 'Nouă',
  'import.new.password': 'Nouă, cu o parolă creată',
  'import.go.one': 'Adăugați o persoană',
  'import.go.few': 'Adăugați {n} persoane',
  'import.go.other': 'Adăugați {n} de persoane',
  'import.adding': 'Se adaugă {name}: {at} din {all}.',
  'import.done': 'Adăugată',
  'import.added': 'Au fost adăugate {done} din {all} persoane.',
  'import.keep': 'Parolele create sunt arătate doar acum: copiați-le sau tipăriți-le și dați fiecăruia pe a sa.',
  'import.print': 'Tipăriți',
  'import.again': 'Altă listă',
} satisfies Catalogue<typeof imports>
