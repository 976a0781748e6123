// What the browser's passkeys take and give, as the box's API has it: bytes in base64url.

export interface NewPasskey {
  challenge: string
  host: string
  user: string
  address: string
  algorithms: number[]
  have: string[]
}

const fromText = (text: string) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))
const toText = (bytes: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

export const canPasskey = () => typeof PublicKeyCredential !== 'undefined' && !!navigator.credentials

const timeout = 120_000 // milliseconds; the box waits somewhat longer

/** Has a device make a passkey. It throws a DOMException when somebody gives up, or the device can't. */
export async function makePasskey(ask: NewPasskey) {
  const made = (await navigator.credentials.create({
    publicKey: {
      challenge: fromText(ask.challenge),
      rp: { id: ask.host, name: 'Sanduk' },
      user: { id: fromText(ask.user), name: ask.address, displayName: ask.address },
      pubKeyCredParams: ask.algorithms.map((alg) => ({ type: 'public-key' as const, alg })),
      excludeCredentials: ask.have.map((id) => ({ type: 'public-key' as const, id: fromText(id) })),
      authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
      attestation: 'none',
      timeout,
    },
  })) as PublicKeyCredential
  const response = made.response as AuthenticatorAttestationResponse
  return { challenge: ask.challenge, client_data: toText(response.clientDataJSON), attestation: toText(response.attestationObject) }
}

/** Has a device prove who somebody is. It throws likewise. */
export async function usePasskey(ask: { challenge: string; host: string }) {
  const given = (await navigator.credentials.get({ publicKey: { challenge: fromText(ask.challenge), rpId: ask.host, userVerification: 'required', timeout } })) as PublicKeyCredential
  const response = given.response as AuthenticatorAssertionResponse
  return {
    challenge: ask.challenge,
    id: toText(given.rawId),
    user: toText(response.userHandle ?? new ArrayBuffer(0)),
    client_data: toText(response.clientDataJSON),
    auth_data: toText(response.authenticatorData),
    signature: toText(response.signature),
  }
}
