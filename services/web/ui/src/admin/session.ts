import { signal } from '@preact/signals'
import { api, type Duty, type Self } from '../api'

/** Who is signed in: undefined until it is known, null for nobody. */
export const me = signal<Self | null | undefined>(undefined)

/** Whether who is signed in is good for something. */
export const may = (duty: Duty) => me.value?.may.includes(duty) ?? false

export async function whoAmI(): Promise<void> {
  me.value = await api.session().catch(() => null)
}

export async function signOut(): Promise<void> {
  await api.signOut().catch(() => undefined)
  me.value = null
}
