import { h } from 'preact'
import {
  ArrowLeft, ArrowRight, AtSign, BookOpen, Check, Circle, CircleAlert, CircleCheck, ClipboardList, Clock, CloudDownload, Copy, Dices, Download, Ellipsis, Eye, EyeOff,
  Gauge, Globe, HardDrive, KeyRound, Laptop, LoaderCircle, LogOut, Mail, Monitor, Pause, Pencil, Play, Plus, Power, Printer, RefreshCw, Route, Search, Send,
  Settings, ShieldCheck, Smartphone, Trash2, TriangleAlert, Undo2, Upload, UserPlus, Users, X,
  type IconNode,
} from 'lucide'

const icons = {
  back: ArrowLeft, next: ArrowRight, at: AtSign, book: BookOpen, check: Check, ahead: Circle, bad: CircleAlert, good: CircleCheck, list: ClipboardList, clock: Clock,
  collect: CloudDownload, copy: Copy, dice: Dices, download: Download, more: Ellipsis, eye: Eye, eyeOff: EyeOff, gauge: Gauge, globe: Globe, disk: HardDrive,
  key: KeyRound, laptop: Laptop, busy: LoaderCircle, out: LogOut, mail: Mail, monitor: Monitor, hold: Pause, edit: Pencil, release: Play, plus: Plus, power: Power,
  print: Printer, retry: RefreshCw, route: Route, search: Search, send: Send, settings: Settings, shield: ShieldCheck, phone: Smartphone, remove: Trash2,
  warn: TriangleAlert, undo: Undo2, upload: Upload, addPerson: UserPlus, people: Users, close: X,
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
