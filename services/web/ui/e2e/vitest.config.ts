import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    dir: import.meta.dirname,
    include: ['**/*.e2e.ts'],
    globalSetup: import.meta.dirname + '/boxes.ts',
    testTimeout: 300_000, // a box in an emulator is slow, and so is a machine that tests everything at once
    hookTimeout: 300_000,
    fileParallelism: false,
  },
})
