import { expect, test } from 'vitest'
import { derOf, fingerprintFault, fingerprintOf } from './certificate'

const der = Uint8Array.from([0x30, 3, 2, 1, 7])
const pem = '-----BEGIN CERTIFICATE-----\nMAMC\nAQc=\n-----END CERTIFICATE-----\n'
const bytes = (text: string) => new TextEncoder().encode(text)

test('a certificate is found as it is, and in text', () => {
  expect(derOf(der)).toEqual(der)
  expect(derOf(bytes('subject=CN=x\n' + pem + pem))).toEqual(der)
  for (const other of ['', 'hello', '-----BEGIN CERTIFICATE-----', '-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----', pem.replaceAll('CERTIFICATE', 'PRIVATE KEY')]) expect(derOf(bytes(other)), other).toBeUndefined()
})

test('its fingerprint is the same either way', async () => {
  const print = await fingerprintOf(new Blob([der]))
  expect(print).toMatch(/^[0-9a-f]{64}$/)
  expect(await fingerprintOf(new Blob([pem]))).toBe(print)
  expect(await fingerprintOf(new Blob(['hello']))).toBeUndefined()
  expect(await fingerprintOf(new Blob([new Uint8Array((1 << 20) + 1).fill(0x30)]))).toBeUndefined()
  expect(fingerprintFault(print!, 'm', 'd')).toBeUndefined()
  expect(fingerprintFault(print!.toUpperCase().replace(/(..)(?=.)/g, '$1:'), 'm', 'd')).toBeUndefined()
  expect(fingerprintFault(print!.slice(2), 'm', 'd')).toEqual({ message: 'm', mend: 'd' })
})
