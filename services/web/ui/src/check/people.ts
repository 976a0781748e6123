// A list of people as it comes out of a table, a mail program or a head.
import { suggestLocal } from './address'

export interface Row {
  name: string
  local: string
  domain: string // as it was written; "" if it wasn't
  password: string // "" if none was given
}

export interface Bad {
  line: number // from 1
  text: string
}

export interface ParsedList {
  rows: Row[]
  bad: Bad[]
}

/** More than any office that this box is for. */
export const MAX_PEOPLE = 1000
const MAX_LINE = 1000

/**
 * Reads a pasted list or a CSV file: one person per line, as "Name, address"
 * (whole, or the part before the @), "Name <address>", an address or a name alone, or columns separated by commas,
 * semicolons or tabs, with or without a first line that names them.
 */
export function parsePeople(text: string): ParsedList {
  const result: ParsedList = { rows: [], bad: [] }
  let columns: string[] | undefined
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  for (const [i, raw] of lines.entries()) {
    const line = raw.trim()
    if (!line) continue
    const cells = line.length > MAX_LINE ? undefined : split(line)
    if (!columns && cells && result.rows.length === 0 && isHeader(cells)) {
      columns = cells.map(columnOf)
      continue
    }
    const row = cells && readRow(cells, columns)
    if (!row || result.rows.length >= MAX_PEOPLE) result.bad.push({ line: i + 1, text: line.slice(0, 60) })
    else result.rows.push(row)
  }
  return result
}

/** The cells of one line; a quoted cell may hold separators and doubled quotes. */
function split(line: string): string[] | undefined {
  if (/^[^<>]*<[^<>@\s]+@[^<>\s]+>$/.test(line)) return [line] // as mail programs write it, commas and all
  const separator = ['\t', ';', ','].find((s) => line.includes(s)) ?? ','
  const cells: string[] = []
  let rest = line
  for (;;) {
    const quoted = /^\s*"((?:[^"]|"")*)"\s*/.exec(rest)
    if (quoted && (rest.length === quoted[0].length || rest[quoted[0].length] === separator)) {
      cells.push(quoted[1]!.replace(/""/g, '"').trim())
      rest = rest.slice(quoted[0].length)
    } else {
      const end = rest.indexOf(separator)
      const cell = end < 0 ? rest : rest.slice(0, end)
      cells.push(cell.trim())
      rest = rest.slice(cell.length)
    }
    if (rest === '') return cells
    rest = rest.slice(1)
  }
}

const names = /^(full ?)?name|^display/i
const addresses = /mail|address|login|user/i
const passwords = /pass/i

function isHeader(cells: string[]): boolean {
  return !cells.some((c) => c.includes('@')) && cells.some((c) => addresses.test(c) && columnOf(c) === 'address')
}

function columnOf(cell: string): string {
  if (passwords.test(cell)) return 'password'
  if (addresses.test(cell)) return 'address'
  if (/^first|^given/i.test(cell)) return 'first'
  if (/^last|^sur|^family/i.test(cell)) return 'last'
  return names.test(cell) ? 'name' : ''
}

function readRow(cells: string[], columns: string[] | undefined): Row | undefined {
  let name = '', address = '', password = ''
  if (columns) {
    const cell = (kind: string) => cells[columns.indexOf(kind)] ?? ''
    name = cell('name') || [cell('first'), cell('last')].filter(Boolean).join(' ')
    address = cell('address')
    password = cell('password')
  } else {
    const at = cells.findIndex((c) => c.includes('@'))
    const spare = cells.filter((c, i) => i !== at && c)
    name = spare[0] ?? ''
    password = at >= 0 ? (spare[1] ?? '') : ''
    address = cells[at] ?? ''
    if (at < 0 && spare.length > 1) {
      if (/^[\p{Ll}\d][\p{Ll}\d._-]*$/u.test(spare[1]!)) [address, password] = [spare[1]!, spare[2] ?? ''] // "Alice Kola, alice"
      else name = spare.slice(0, 2).reverse().join(' ') // "Kola, Alice"
    }
  }
  const angle = /^(.*)<([^<>]+)>$/.exec(address)
  if (angle) {
    name ||= angle[1]!.trim().replace(/^"|"$/g, '')
    address = angle[2]!.trim()
  }
  const [local = '', domain = '', more] = address.split('@')
  if (more !== undefined || (!name && !local)) return undefined
  if (!name) name = local.split(/[._]/).filter(Boolean).map((w) => w[0]!.toUpperCase() + w.slice(1)).join(' ')
  return { name, local: local.toLowerCase() || suggestLocal(name), domain: domain.toLowerCase(), password }
}
