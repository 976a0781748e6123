import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { problemOf, type Problem } from '../api'
import { listen, live, type Topic } from './live'
import { onChanged } from '../tags'
import { me } from './session'

export interface Loaded<T> {
  data: T | undefined
  problem: Problem | undefined // of the last time; data of before stays
  absent: boolean // this box doesn't have it, or not for who asks
  busy: boolean
  reload: () => Promise<void>
}

/** What the box says, asked for when `deps` change, when somebody asks, and while somebody looks when the box says that
 * a topic has changed, or else every so many milliseconds. An answer that comes when another question has been asked meanwhile is not shown. Where what the last answer was about must not be
 * seen beside another question (another person, another message), the component has a key. */
export function useLoad<T>(ask: () => Promise<T>, deps: readonly unknown[], every = 0, topic?: Topic): Loaded<T> {
  const [state, setState] = useState<{ data?: T; problem?: Problem; absent?: boolean; busy: boolean }>({ busy: true })
  const turn = useRef(0)
  const latest = useRef(ask)
  latest.current = ask
  const reload = useCallback(async () => {
    const mine = ++turn.current
    setState((s) => ({ ...s, busy: true }))
    try {
      const data = await latest.current()
      if (mine === turn.current) setState({ data, busy: false })
    } catch (error) {
      const problem = problemOf(error)
      if (mine !== turn.current) return
      if (problem.status === 401) me.value = null
      setState((s) => ({ ...s, problem, absent: problem.status === 404 || problem.status === 403, busy: false }))
    }
  }, [])
  useEffect(() => {
    void reload() // what was shown stays until the answer is there: nothing jumps while somebody types
    return () => void turn.current++
  }, deps)
  useEffect(() => (topic ? listen(topic, () => void reload()) : undefined), [topic])
  useEffect(() => onChanged(reload), [])
  const told = topic !== undefined && live.value
  useEffect(() => {
    if (!every || told) return
    const look = () => document.visibilityState === 'visible' && void reload()
    const timer = setInterval(look, every)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [every, told])
  return { data: state.data, problem: state.problem, absent: state.absent ?? false, busy: state.busy, reload }
}

/** How long somebody may type before the box is asked. */
const pause = 250

/** What is in the address, once nothing has been typed for a moment. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), pause)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}
