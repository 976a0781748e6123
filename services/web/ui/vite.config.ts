import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const out = join(import.meta.dirname, 'dist')

// Leaves dist/placeholder.html alone: it is committed, so that the Go code that
// embeds this folder builds without node.
function clean(): Plugin {
  return {
    name: 'clean-but-placeholder',
    apply: 'build',
    buildStart() {
      for (const name of readdirSync(out)) {
        if (name !== 'placeholder.html') rmSync(join(out, name), { recursive: true })
      }
    },
  }
}

// Writes licenses.txt: the licences of what is in the bundle.
function licenses(): Plugin {
  return {
    name: 'licenses',
    apply: 'build',
    generateBundle(_, bundle) {
      const packages = new Set<string>()
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === 'chunk' ? Object.entries(chunk.modules) : []) {
          const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id[0])?.[1]
          if (name && id[1].renderedLength > 0) packages.add(name)
        }
      }
      const text = [...packages].sort().map((name) => {
        const folder = join(import.meta.dirname, 'node_modules', name)
        const file = readdirSync(folder).find((f) => /^licen[cs]e/i.test(f))
        if (!file) throw new Error(`${name} has no licence file`)
        const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
        return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
      })
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source: text.join('\n' + '-'.repeat(72) + '\n\n') })
    },
  }
}

// Writes name.br beside every text file, so that the box doesn't compress at
// run time. The same input gives the same bytes.
function compress(): Plugin {
  return {
    name: 'brotli',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(js|css|html|svg|txt)$/.test(entry.name) || entry.name === 'placeholder.html') continue
        const path = join(entry.parentPath, entry.name)
        const packed = brotliCompressSync(readFileSync(path), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })
        writeFileSync(path + '.br', packed)
      }
    },
  }
}

export default defineConfig({
  plugins: [clean(), licenses(), compress()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: out,
    emptyOutDir: false,
    target: 'es2022',
    assetsInlineLimit: 0, // the content policy allows no data: addresses
    modulePreload: { polyfill: false },
  },
  // npm run dev: the pages from here, the API of a box that runs (make dev, make run).
  server: { proxy: { '^/(api|ca\\.)': { target: process.env['BOX_URL'] ?? 'https://127.0.0.1:2443', secure: false } } },
  test: { include: ['src/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 }, // they only end what hangs
} as Parameters<typeof defineConfig>[0])
