// A list of mailboxes to be moved in, as somebody types or pastes it.

export interface MoveRow {
  line: number // from 1
  address: string // the person's, here
  user: string // the name there
  password: string
}

/** More than any office that this box is for. */
const MAX_ROWS = 1000
const MAX_LINE = 1000

/**
 * Reads one person per line: address here, name there, password there; or two, where the name there is the address.
 * What parts them is a tab, else a semicolon, else a comma; passwords may have any of these in them after the first two.
 * Lines that can't be read are given by number.
 */
export function parseMoves(text: string): { rows: MoveRow[]; bad: number[] } {
  const rows: MoveRow[] = []
  const bad: number[] = []
  for (const [i, raw] of text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/).entries()) {
    if (!raw.trim()) continue
    const row = raw.length > MAX_LINE || rows.length === MAX_ROWS ? undefined : parseRow(raw, i + 1)
    if (row && !rows.some((r) => r.address === row.address)) rows.push(row)
    else bad.push(i + 1)
  }
  return { rows, bad }
}

function parseRow(raw: string, line: number): MoveRow | undefined {
  const sign = ['\t', ';', ','].find((s) => raw.includes(s)) ?? '\t'
  const parts = raw.split(sign)
  const address = (parts[0] ?? '').trim().toLowerCase()
  const [user, password] = parts.length === 2 ? [address, parts[1]!] : [(parts[1] ?? '').trim(), parts.slice(2).join(sign)]
  return /^[^@\s]+@[^@\s]+$/.test(address) && user && password.trim() ? { line, address, user, password: password.trim() } : undefined
}
