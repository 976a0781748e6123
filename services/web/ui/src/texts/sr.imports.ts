import type { Catalogue } from '.'
import type { imports } from './en.imports'

export default {
  'import.open': 'Dodaj više osoba',
  'import.export': 'Sačuvaj kao tabelu',
  'import.title': 'Dodavanje više osoba',
  'import.lead': 'Nalepite spisak ili izaberite datoteku iz programa za tabele: u svakom redu ime i adresa, i lozinka gde je ima. Vidite šta je shvaćeno pre nego što se iko doda.',
  'import.list': 'Spisak',
  'import.lines': 'Redovi {lines} nisu shvaćeni i izostavljaju se.',
  'import.state': 'Šta biva s tim',
  'import.there': 'Neko već ima ovu adresu.',
  'import.elsewhere': '{domain} nije domen ove kancelarije.',
  'import.new': 'Nova',
  'import.new.password': 'Nova, sa napravljenom lozinkom',
  'import.go.one': 'Dodaj jednu osobu',
  'import.go.few': 'Dodaj osoba: {n}',
  'import.go.other': 'Dodaj osoba: {n}',
  'import.adding': 'Dodaje se {name}: {at} od {all}.',
  'import.done': 'Dodata',
  'import.added': 'Dodato je {done} od {all} osoba.',
  'import.keep': 'Napravljene lozinke prikazuju se samo ovaj put: kopirajte ih ili odštampajte i dajte svakome njegovu.',
  'import.print': 'Štampaj',
  'import.again': 'Još jedan spisak',
} satisfies Catalogue<typeof imports>
