import { Title } from '../parts/parts'
import { path } from '../router'
import { Collect } from './Collect'
import { Parts } from './Pick'
import { Sending } from './Sending'
import { t } from './texts'

/** /admin/flow: how mail comes in from providers, and which way it goes out. */
export function Flow() {
  const base = '/admin/flow'
  return (
    <>
      <Title lead={t('flow.lead')}>{t('flow.title')}</Title>
      <Parts label={t('flow.title')} parts={[[base, t('flow.collect')], [base + '/out', t('flow.out')]]} />
      {path.value.split('/')[3] === 'out' ? <Sending base={base + '/out'} /> : <Collect base={base} />}
    </>
  )
}
