import type { Catalogue } from '.'
import type { imports } from './en.imports'

export default {
  'import.open': 'Shto disa',
  'import.export': 'Ruaj si tabelë',
  'import.title': 'Shto disa persona',
  'import.lead': 'Ngjitni një listë ose zgjidhni një skedar nga një program tabelash: në çdo rresht një emër dhe një adresë, dhe një fjalëkalim ku ka. Shihni çfarë u kuptua para se të shtohet dikush.',
  'import.list': 'Lista',
  'import.lines': 'Rreshtat {lines} nuk u kuptuan dhe lihen jashtë.',
  'import.state': 'Çfarë bëhet me të',
  'import.there': 'Dikush e ka tashmë këtë adresë.',
  'import.elsewhere': '{domain} nuk është domen i kësaj zyre.',
  'import.new': 'I ri',
  'import.new.password': 'I ri, me një fjalëkalim të krijuar',
  'import.go.one': 'Shto një person',
  'import.go.other': 'Shto {n} persona',
  'import.adding': 'Po shtohet {name}: {at} nga {all}.',
  'import.done': 'U shtua',
  'import.added': 'U shtuan {done} nga {all} persona.',
  'import.keep': 'Fjalëkalimet e krijuara tregohen vetëm kësaj here: kopjojini ose shtypini dhe jepini secilit të vetin.',
  'import.print': 'Shtyp',
  'import.again': 'Një listë tjetër',
} satisfies Catalogue<typeof imports>
