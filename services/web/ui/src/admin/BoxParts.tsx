import { Parts } from './Pick'
import { t } from './texts'

const base = '/admin/box'

/** Leads from one part to the others. */
export function BoxParts() {
  return (
    <Parts label={t('frame.box')} parts={[
      [base, t('box.part.software')], [base + '/network', t('box.part.network')],
      [base + '/admission', t('box.part.admission')], [base + '/certificates', t('box.part.certificates')],
      [base + '/disks', t('box.part.disks')], [base + '/safe', t('box.part.safe')], [base + '/watch', t('box.part.watch')], [base + '/tokens', t('box.part.tokens')], [base + '/changes', t('box.part.changes')], [base + '/log', t('box.part.log')],
    ]} />
  )
}
