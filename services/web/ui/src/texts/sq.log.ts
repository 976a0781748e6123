import type { Catalogue } from '.'
import type { log } from './en.log'

export default {
  'box.part.log': 'Ditari',
  'log.lead': 'Çfarë shënoi kutia për veten, më të rejat së pari. Fjalëkalimet dhe subjektet e mesazheve s’janë kurrë këtu.',
  'log.search': 'Fjalë, një adresë, ID-ja e një mesazhi',
  'log.from': 'Nga',
  'log.until': 'Deri',
  'log.level': 'Sa e rëndë',
  'log.level.all': 'Të gjitha',
  'log.level.warn': 'Paralajmërime dhe gabime',
  'log.level.error': 'Gabime',
  'log.is.error': 'Gabim',
  'log.is.warn': 'Paralajmërim',
  'log.is.info': 'Informacion',
  'log.unit': 'Pjesa e kutisë',
  'log.unit.all': 'Të gjitha pjesët',
  'log.follow': 'Ndiq: shfaq rreshtat e rinj sapo vijnë',
  'log.absent': 'Kjo kuti nuk mban ditar që mund të lexohet këtu.',
  'log.lost': 'Disa rreshta u hoqën për të bërë vend para se të shfaqeshin.',
  'log.col.what': 'Çfarë ndodhi',
  'log.col.at': 'Kur',
  'log.none': 'S’ka rresht të tillë',
  'log.none.text': 'Kërkoni fjalë të tjera, ditë të tjera ose të gjitha pjesët.',
  'log.none.yet': 'Asgjë e tillë mes rreshtave më të rinj.',
  'log.more': 'Kërko më prapa',
} satisfies Catalogue<typeof log>
