import { speak } from '../texts'
import { en } from '../texts/en'
import { wayback } from '../texts/en.wayback'

export const { t } = speak({ ...en, ...wayback })
