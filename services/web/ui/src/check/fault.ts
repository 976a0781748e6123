/** What is wrong with a field, and how to mend it: two sentences. */
export interface Fault {
  message: string
  mend: string
}
