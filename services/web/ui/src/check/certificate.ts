import type { Fault } from './fault'

/** A certificate has a few kilobytes; what is larger is another file. */
const MOST = 1 << 20

/** The DER form of a certificate in a file, which may be PEM (its first certificate counts); undefined where there is none. */
export function derOf(file: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  if (file[0] === 0x30) return Uint8Array.from(file) // an ASN.1 sequence
  const pem = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(new TextDecoder('latin1').decode(file))
  try {
    return pem ? Uint8Array.from(atob(pem[1]!.replaceAll(/\s/g, '')), (c) => c.charCodeAt(0)) : undefined
  } catch { // it is no base64
    return undefined
  }
}

/** The SHA-256 of the certificate in a file, in hexadecimal digits. */
export async function fingerprintOf(file: Blob): Promise<string | undefined> {
  if (file.size > MOST) return undefined
  const der = derOf(new Uint8Array(await file.arrayBuffer()))
  return der && [...new Uint8Array(await crypto.subtle.digest('SHA-256', der))].map((b) => b.toString(16).padStart(2, '0')).join('')
}

/** What is wrong with a fingerprint: it is 64 digits, with or without colons. */
export function fingerprintFault(text: string, message: string, mend: string): Fault | undefined {
  return /^[0-9a-f]{64}$/i.test(text.replaceAll(/[\s:]/g, '')) ? undefined : { message, mend }
}
