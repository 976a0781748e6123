// Starts the Go test that serves boxes, unless BOX_URL names a real one.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestProject } from 'vitest/node'

export default async function (project: TestProject) {
  if (process.env['BOX_URL']) {
    project.provide('boxes', '')
    return
  }
  // Built first and run by itself: go test would give it no standard input, by
  // whose end it knows that it isn't needed any more.
  const cwd = join(import.meta.dirname, '../..')
  const folder = mkdtempSync(join(tmpdir(), 'sanduk-boxes-'))
  const binary = join(folder, 'boxes')
  execFileSync('go', ['test', '-c', '-o', binary, '.'], { cwd, stdio: 'inherit' })
  const go = spawn(binary, ['-test.v', '-test.run=^TestBoxes$'], {
    cwd,
    env: { ...process.env, SANDUK_BOXES: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const url = await new Promise<string>((resolve, reject) => {
    const lines: string[] = []
    createInterface(go.stdout).on('line', (line) => {
      lines.push(line)
      const found = /boxes: (http:\S+)/.exec(line)
      if (found) resolve(found[1]!)
    })
    go.on('exit', () => reject(new Error('the Go test server ended:\n' + lines.join('\n'))))
  })
  project.provide('boxes', url)
  return () => {
    go.stdin.end()
    rmSync(folder, { recursive: true })
  }
}

declare module 'vitest' {
  export interface ProvidedContext {
    boxes: string
  }
}
