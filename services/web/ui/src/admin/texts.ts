import { en } from '../texts/en'
import { admin } from '../texts/en.admin'
import { archive } from '../texts/en.archive'
import { box } from '../texts/en.box'
import { find } from '../texts/en.find'
import { disk } from '../texts/en.disk'
import { guards } from '../texts/en.guards'
import { imports } from '../texts/en.imports'
import { log } from '../texts/en.log'
import { move } from '../texts/en.move'
import { role } from '../texts/en.role'
import { own } from '../texts/en.own'
import { person } from '../texts/en.person'
import { token } from '../texts/en.token'
import { speak } from '../texts'

/** All catalogues: pages that are fetched later may say what the first ones do. */
export const { t, count, rich } = speak({
  ...en, ...admin, ...box, ...log, ...own, ...role, ...imports, ...token, ...guards, ...find,
  ...person, ...move, ...archive, ...disk,
})
