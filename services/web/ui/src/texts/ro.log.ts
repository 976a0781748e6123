import type { Catalogue } from '.'
import type { log } from './en.log'

export default {
  'box.part.log': 'Jurnal',
  'log.lead': 'Ce a notat cutia despre ea însăși, cele mai noi întâi. Parolele și subiectele mesajelor nu apar niciodată aici.',
  'log.search': 'Cuvinte, o adresă, ID-ul unui mesaj',
  'log.from': 'De la',
  'log.until': 'Până la',
  'log.level': 'Cât de grav',
  'log.level.all': 'Tot',
  'log.level.warn': 'Avertismente și erori',
  'log.level.error': 'Erori',
  'log.is.error': 'Eroare',
  'log.is.warn': 'Avertisment',
  'log.is.info': 'Informație',
  'log.unit': 'Partea cutiei',
  'log.unit.all': 'Toate părțile',
  'log.follow': 'Urmărește: arată rândurile noi când apar',
  'log.absent': 'Această cutie nu ține un jurnal care să poată fi citit aici.',
  'log.lost': 'Unele rânduri au fost șterse pentru a face loc înainte de a putea fi arătate.',
  'log.col.what': 'Ce s-a întâmplat',
  'log.col.at': 'Când',
  'log.none': 'Niciun rând de acest fel',
  'log.none.text': 'Căutați alte cuvinte, alte zile sau toate părțile.',
  'log.none.yet': 'Nimic asemănător printre cele mai noi rânduri.',
  'log.more': 'Caută mai departe în urmă',
} satisfies Catalogue<typeof log>
