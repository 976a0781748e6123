import type { Catalogue } from '.'
import type { find } from './en.find'

export default {
  'find.title': 'Gjej çdo gjë',
  'find.hint': 'Një faqe, një person, një adresë, një mesazh',
  'find.pages': 'Faqe dhe rregullime',
  'find.messages': 'Mesazhe',
  'find.untitled': 'Pa temë',
  'find.more': 'Të gjitha të tilla',
  'find.none': 'Asgjë nuk është e tillë.',
  'find.close': 'Mbyll',
  'find.count.one': 'Një u gjet.',
  'find.count.other': '{n} u gjetën.',
} satisfies Catalogue<typeof find>
