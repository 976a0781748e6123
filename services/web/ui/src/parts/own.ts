// What /me says that isn't among the texts of the first page.
import { speak } from '../texts'
import { en } from '../texts/en'
import { own } from '../texts/en.own'

export const { t } = speak({ ...en, ...own })
