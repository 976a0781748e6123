import { signal } from '@preact/signals'
import { api, type Person } from '../api'

/** Who is signed in: undefined until it is known, null for nobody. */
export const me = signal<Person | null | undefined>(undefined)

export async function whoAmI(): Promise<void> {
  me.value = await api.session().catch(() => null)
}

export async function signOut(): Promise<void> {
  await api.signOut().catch(() => undefined)
  me.value = null
}
