// How the box's disk is encrypted, for the set-up and for administrators.
import { speak } from '../texts'
import { en } from '../texts/en'
import { safe } from '../texts/en.safe'

export const { t } = speak({ ...en, ...safe })

export interface SafeState {
  encrypted: boolean
  cipher?: string
  phrase: boolean // somebody has made one
  tpm: boolean
  ask: boolean // it is asked for at each start
  has_tpm: boolean
}
