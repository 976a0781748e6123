import { useState } from 'preact/hooks'
import { problemOf, type Problem } from '../api'
import type { Fault } from '../check/fault'
import { ofWhatWasShown, shownNow } from '../tags'
import { me } from './session'

/** Closes a dialog, with what has been done. */
export type Close = (said?: string) => void
export type Faults = Record<string, Fault | undefined>

/** Runs a dialog's act: faults under their fields, other problems on top, and so faults
 * of what has no field there. */
export function useAct(close: Close) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const [faults, setFaults] = useState<Faults>({})
  const [seen] = useState(() => ({ tags: shownNow() })) // when the form came up
  const act = async (form: HTMLFormElement, found: Faults, call: () => Promise<unknown>, said: string) => {
    setFaults(found)
    setProblem(undefined)
    const focus = (otherwise?: () => void) => requestAnimationFrame(() => {
      const field = form.querySelector<HTMLElement>('[aria-invalid]')
      const folded = field?.closest('details')
      if (folded) folded.open = true
      if (field) field.focus()
      else otherwise?.()
    })
    if (Object.values(found).some(Boolean)) return focus()
    setBusy(true)
    try {
      await ofWhatWasShown(seen.tags, call)
      seen.tags = shownNow()
      close(said)
    } catch (error) {
      const p = problemOf(error)
      if (p.status === 412) seen.tags = shownNow() // somebody who is told, and does it again, means it
      if (p.field) setFaults({ [p.field]: { message: p.message, mend: p.whatToDo } })
      else setProblem(p)
      setBusy(false)
      focus(() => {
        setProblem(p)
        requestAnimationFrame(() => form.querySelector('[role=alert]')?.scrollIntoView({ block: 'nearest' })) // the button is at the end of what may be long
      })
    }
  }
  /** For forms that stay: the act is over, whatever came of it. */
  const over = () => setBusy(false)
  return { busy, problem, faults, act, over }
}

/** Runs what a button does, one thing at a time; `after` follows whatever came of it. */
export function useDeeds(after: () => unknown) {
  const [doing, setDoing] = useState('') // the name of what runs
  const [said, setSaid] = useState('')
  const [problem, setProblem] = useState<Problem>()
  const run = async (name: string, call: () => Promise<unknown>, done: string) => {
    if (doing) return
    setDoing(name)
    setProblem(undefined)
    setSaid('')
    try {
      await call()
      setSaid(done)
    } catch (error) {
      const p = problemOf(error)
      if (p.status === 401) me.value = null
      setProblem(p)
    }
    await after()
    setDoing('')
  }
  return { doing, said, problem, run, say: setSaid }
}
