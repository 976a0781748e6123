import { useState } from 'preact/hooks'
import { problemOf, type Problem } from '../api'
import { Icon } from '../parts/Icon'
import { Note, ProblemNote } from '../parts/parts'
import { t } from './texts'

/** Tries settings before they are kept, and says what came of it. */
export function Trial({ attempt }: { attempt: () => Promise<{ well: boolean; text: string; advice?: string | undefined }> }) {
  const [busy, setBusy] = useState(false)
  const [came, setCame] = useState<{ well: boolean; text: string; advice?: string | undefined }>()
  const [problem, setProblem] = useState<Problem>()
  const run = async () => {
    if (busy) return
    setBusy(true)
    setCame(undefined)
    setProblem(undefined)
    await attempt().then(setCame, (e) => setProblem(problemOf(e)))
    setBusy(false)
  }
  return (
    <>
      <div class="row-actions">
        <button type="button" aria-disabled={busy} onClick={() => void run()}>
          <Icon name={busy ? 'busy' : 'check'} />
          {t(busy ? 'try.busy' : 'try')}
        </button>
      </div>
      <div aria-live="polite">
        {came && <Note kind={came.well ? 'good' : 'bad'} title={came.text}>{came.advice}</Note>}
      </div>
      <ProblemNote problem={problem} />
    </>
  )
}
