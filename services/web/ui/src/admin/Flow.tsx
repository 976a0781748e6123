import { Title } from '../parts/parts'
import { path } from '../router'
import { Collect } from './Collect'
import { Guards } from './Guards'
import { Moves } from './Moves'
import { Parts } from './Pick'
import { Rules } from './Rules'
import { Sending } from './Sending'
import { Spares } from './Spares'
import { t } from './texts'

/** /admin/flow: how mail comes in, which way it goes out, and what stops it. */
export function Flow() {
  const base = '/admin/flow'
  const part = path.value.split('/')[3]
  return (
    <>
      <Title lead={t('flow.lead')}>{t('flow.title')}</Title>
      <Parts label={t('flow.title')} parts={[[base, t('flow.collect')], [base + '/out', t('flow.out')], [base + '/rules', t('flow.rules')], [base + '/guards', t('flow.guards')], [base + '/spare', t('flow.spare')], [base + '/move', t('flow.move')]]} />
      {part === 'out' ? <Sending base={base + '/out'} />
        : part === 'rules' ? <Rules base={base + '/rules'} />
        : part === 'guards' ? <Guards />
        : part === 'spare' ? <Spares />
        : part === 'move' ? <Moves />
        : <Collect base={base} />}
    </>
  )
}
