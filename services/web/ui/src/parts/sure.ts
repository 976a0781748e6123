import { signal } from '@preact/signals'

/** Whoever waits for an answer to “is it you?”; undefined: nobody does. */
export const asked = signal<((sure: boolean) => void) | undefined>(undefined)

let answer: Promise<boolean> | undefined

/** Asks who sits there once more. Calls that need it at one time share one question. */
export function isSure(): Promise<boolean> {
  answer ??= new Promise<boolean>((resolve) => {
    asked.value = (sure) => {
      asked.value = answer = undefined
      resolve(sure)
    }
  })
  return answer
}
