// The handshake patterns as tables (Noise specification section 7, spec channel.md section 1.6).
// Nothing here but data and the arithmetic of message lengths.
import { AEAD_TAG_BYTES } from '../crypto/aead.ts'
import { DH_BYTES } from './constants.ts'

export type PatternName = 'XX' | 'IK' | 'XK' | 'NN'
export type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss'

export interface Pattern {
  readonly protocolName: string
  /** Whether the initiator knows the responder's static key beforehand. */
  readonly knowsResponder: boolean
  /** Whether either side has a static key at all. */
  readonly hasStatics: boolean
  /** The first message is the initiator's, then the sides take turns. */
  readonly messages: readonly (readonly Token[])[]
}

export const PATTERNS: Readonly<Record<PatternName, Pattern>> = {
  XX: pattern('XX', false, true, [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']]),
  IK: pattern('IK', true, true, [
    ['e', 'es', 's', 'ss'],
    ['e', 'ee', 'se']
  ]),
  XK: pattern('XK', true, true, [
    ['e', 'es'],
    ['e', 'ee'],
    ['s', 'se']
  ]),
  NN: pattern('NN', false, false, [['e'], ['e', 'ee']])
}

/** How many bytes message number `index` (from 0) has when its payload is empty. */
export function emptyMessageByteLength(name: PatternName, index: number): number {
  const { messages } = PATTERNS[name]
  const keyed = messages.findIndex((tokens) => tokens.some(isDh))
  let byteLength = index >= keyed ? AEAD_TAG_BYTES : 0
  let hasKey = index > keyed
  for (const token of messages[index] ?? []) {
    if (isDh(token)) hasKey = true
    else byteLength += DH_BYTES + (token === 's' && hasKey ? AEAD_TAG_BYTES : 0)
  }
  return byteLength
}

/** Whether the token mixes a shared secret, which makes a key. */
function isDh(token: Token): boolean {
  return token !== 'e' && token !== 's'
}

function pattern(
  name: PatternName,
  knowsResponder: boolean,
  hasStatics: boolean,
  messages: readonly (readonly Token[])[]
): Pattern {
  const protocolName = `Noise_${name}_Ed25519_ChaChaPoly_BLAKE2b`
  return { protocolName, knowsResponder, hasStatics, messages }
}
