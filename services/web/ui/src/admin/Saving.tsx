import '../style/state.css'
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Icon } from '../parts/Icon'
import { ProblemNote } from '../parts/parts'
import { useAct, type Faults } from './act'
import { t } from '../texts'

/** Fields with a button of their own that keeps what is in them. */
export function Saving({ children, check, save, said, act: label }: {
  children: (faults: Faults) => ComponentChildren
  check?: () => Faults
  save: () => Promise<unknown>
  said: string
  act?: string
}) {
  const [done, setDone] = useState(false)
  const { busy, problem, faults, act, over } = useAct(() => setDone(true))
  return (
    <form noValidate onInput={() => setDone(false)} onChange={() => setDone(false)}
      onSubmit={(e) => { e.preventDefault(); if (!busy) { setDone(false); void act(e.currentTarget, check?.() ?? {}, save, said).then(over) } }}>
      <ProblemNote problem={problem} />
      {children(faults)}
      <div class="actions">
        <button type="submit" aria-disabled={busy}>{busy && <Icon name="busy" />}{label ?? t('save')}</button>
        <span class="state good" role="status">{done && said && <><Icon name="good" size={16} /><span>{said}</span></>}</span>
      </div>
    </form>
  )
}
