import type { ComponentChildren } from 'preact'

/** A part of a page about one thing. */
export function Panel({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="panel narrow">
      <h2>{title}</h2>
      {children}
    </section>
  )
}
