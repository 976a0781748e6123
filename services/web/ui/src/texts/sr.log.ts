import type { Catalogue } from '.'
import type { log } from './en.log'

export default {
  'box.part.log': 'Dnevnik',
  'log.lead': 'Šta je kutija zapisala o sebi, najnovije prvo. Lozinke i naslovi poruka nikad nisu u njemu.',
  'log.search': 'Reči, adresa, ID poruke',
  'log.from': 'Od',
  'log.until': 'Do',
  'log.level': 'Koliko je ozbiljno',
  'log.level.all': 'Sve',
  'log.level.warn': 'Upozorenja i greške',
  'log.level.error': 'Greške',
  'log.is.error': 'Greška',
  'log.is.warn': 'Upozorenje',
  'log.is.info': 'Obaveštenje',
  'log.unit': 'Deo kutije',
  'log.unit.all': 'Svi delovi',
  'log.follow': 'Prati: prikaži nove redove čim stignu',
  'log.absent': 'Ova kutija ne vodi dnevnik koji bi se ovde mogao čitati.',
  'log.lost': 'Neki redovi su uklonjeni da bi se oslobodilo mesto pre nego što su mogli biti prikazani.',
  'log.col.what': 'Šta se dogodilo',
  'log.col.at': 'Kada',
  'log.none': 'Nema takvog reda',
  'log.none.text': 'Potražite druge reči, druge dane ili sve delove.',
  'log.none.yet': 'Ničeg sličnog među najnovijim redovima.',
  'log.more': 'Traži dalje unazad',
} satisfies Catalogue<typeof log>
