import { h } from 'preact'
import {
  ArrowLeft, ArrowRight, BookOpen, Check, Circle, CircleAlert, CircleCheck, ClipboardList, Copy, Dices, Eye, EyeOff, KeyRound, Laptop, LogOut,
  LoaderCircle, Mail, Monitor, Pencil, Plus, Printer, Search, ShieldCheck, Smartphone, Trash2, TriangleAlert, Upload, UserPlus, Users, X,
  type IconNode,
} from 'lucide'

const icons = {
  back: ArrowLeft, next: ArrowRight, book: BookOpen, check: Check, ahead: Circle, bad: CircleAlert, good: CircleCheck, list: ClipboardList, copy: Copy, dice: Dices,
  eye: Eye, eyeOff: EyeOff, key: KeyRound, laptop: Laptop, out: LogOut, busy: LoaderCircle, mail: Mail, monitor: Monitor, edit: Pencil,
  plus: Plus, print: Printer, search: Search, shield: ShieldCheck, phone: Smartphone, remove: Trash2, warn: TriangleAlert, upload: Upload,
  addPerson: UserPlus, people: Users, close: X,
} satisfies Record<string, IconNode>

export type IconName = keyof typeof icons

/** A drawing beside a word that says the same: hidden from screen readers. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class={'icon icon-' + name} width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"
      stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      {icons[name].map(([tag, attributes]) => h(tag, attributes as object))}
    </svg>
  )
}

/** The mark: a box with an opening, one path, one colour. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path fill="currentColor" fill-rule="evenodd"
        d="M12 2c5.6 0 9 3 9 7.6V19a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V9.6C3 5 6.4 2 12 2ZM7.5 9.5a1.5 1.5 0 0 0 0 3h9a1.5 1.5 0 0 0 0-3Z" />
    </svg>
  )
}
