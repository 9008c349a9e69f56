// HandshakeState of the Noise specification (section 5.3) on the Edwards curve (spec channel.md section 1).
// Pure and passive: the caller carries the messages. States: one message after the other, writing and reading in
// turn, then complete; any failure is final. Never changes the caller's bytes and keeps no view of them.
import { AEAD_TAG_BYTES } from '../crypto/aead.ts'
import { diffieHellman } from '../crypto/dh.ts'
import { createKeyPair, type KeyPair, PUBLIC_KEY_BYTES } from '../crypto/key-pair.ts'
import { wipe } from '../crypto/wipe.ts'
import { ArgumentError, ProtocolError } from '../errors.ts'
import { assert } from '../util/assert.ts'
import { concat, copyOf, emptyBytes } from '../util/bytes.ts'
import { DH_BYTES, MAX_NOISE_MESSAGE_BYTES } from './constants.ts'
import { PATTERNS, type Pattern, type PatternName, type Token } from './patterns.ts'
import { SymmetricState } from './symmetric-state.ts'

export interface HandshakeOptions {
  readonly pattern: PatternName
  readonly isInitiator: boolean
  /** Needed by every pattern but NN. */
  readonly staticKeyPair?: KeyPair | undefined
  /** The responder's static key: needed by the initiator of IK and XK. */
  readonly remotePublicKey?: Uint8Array | undefined
  /** Bytes that both sides must agree on beforehand. Empty by default. */
  readonly prologue?: Uint8Array | undefined
  /** Fixes what is otherwise drawn at random: for tests only. */
  readonly ephemeralKeyPair?: KeyPair | undefined
}

export interface HandshakeResult {
  /** The key that we send with, 32 bytes. */
  readonly tx: Uint8Array
  /** The key that we receive with, 32 bytes. */
  readonly rx: Uint8Array
  /** 64 bytes. Public, as anybody who saw the handshake can compute it. */
  readonly handshakeHash: Uint8Array
  /** The remote's static key; null in NN. */
  readonly remotePublicKey: Uint8Array | null
}

export class HandshakeState {
  readonly isInitiator: boolean
  readonly symmetric: SymmetricState
  #pattern: Pattern
  #nextMessage = 0
  #failed = false
  #result: HandshakeResult | null = null
  #static: KeyPair | null
  #ephemeral: KeyPair | null
  #remoteStatic: Uint8Array | null = null
  #remoteEphemeral: Uint8Array | null = null

  /** @throws ArgumentError INVALID_ARGUMENT if a key that the pattern needs is missing or has the wrong length */
  constructor(options: HandshakeOptions) {
    this.isInitiator = options.isInitiator
    this.#pattern = PATTERNS[options.pattern]
    this.#static = options.staticKeyPair ?? null
    this.#ephemeral = copyOfPair(options.ephemeralKeyPair)
    if (this.#pattern.hasStatics && this.#static === null) {
      throw new ArgumentError('INVALID_ARGUMENT', `${options.pattern} needs a static key pair`)
    }
    this.symmetric = new SymmetricState(this.#pattern.protocolName)
    this.symmetric.mixHash(options.prologue ?? emptyBytes)
    if (this.#pattern.knowsResponder) this.#mixResponderKey(options.remotePublicKey)
  }

  /** Null until the last message has been written or read. */
  get result(): HandshakeResult | null {
    return this.#result
  }

  /** The remote's static key as soon as it is known, which is before the handshake is complete. */
  get remotePublicKey(): Uint8Array | null {
    return this.#remoteStatic
  }

  get isOurTurn(): boolean {
    return (
      this.#result === null && !this.#failed && (this.#nextMessage % 2 === 0) === this.isInitiator
    )
  }

  /** How many messages have been written and read. */
  get messageCount(): number {
    return this.#nextMessage
  }

  /** Our next message. @throws ProtocolError BAD_HANDSHAKE if the remote's keys are unusable */
  writeMessage(payload: Uint8Array = emptyBytes): Uint8Array {
    assert(this.isOurTurn, 'Noise message written out of turn')
    const parts: Uint8Array[] = []
    for (const token of this.#tokens()) {
      if (token === 'e') parts.push(this.#writeEphemeral())
      else if (token === 's') parts.push(this.#writeStatic())
      else this.#mixShared(token)
    }
    parts.push(this.symmetric.encryptAndHash(payload))
    const message = concat(parts)
    assert(message.byteLength <= MAX_NOISE_MESSAGE_BYTES, 'Noise payload too long')
    this.#advance()
    return message
  }

  /** The payload of the remote's next message. @throws ProtocolError BAD_HANDSHAKE, which ends the handshake */
  readMessage(message: Uint8Array): Uint8Array {
    if (this.#failed || this.#result !== null || this.isOurTurn) {
      throw this.#failure('a message came out of turn')
    }
    const rest = this.#readTokens(copyOf(message))
    const payload = this.symmetric.decryptAndHash(rest)
    if (payload === null) throw this.#failure('a payload is not authentic')
    this.#advance()
    return payload
  }

  #readTokens(message: Uint8Array): Uint8Array {
    let rest = message
    for (const token of this.#tokens()) {
      if (token !== 'e' && token !== 's') {
        this.#mixShared(token)
        continue
      }
      const sealed = token === 's' && this.symmetric.cipher.hasKey
      const byteLength = DH_BYTES + (sealed ? AEAD_TAG_BYTES : 0)
      if (rest.byteLength < byteLength) throw this.#failure('a message is too short')
      this.#readKey(token, rest.subarray(0, byteLength))
      rest = rest.subarray(byteLength)
    }
    return rest
  }

  #readKey(token: 'e' | 's', bytes: Uint8Array): void {
    if (token === 'e') {
      this.#remoteEphemeral = copyOf(bytes)
      this.symmetric.mixHash(bytes)
      return
    }
    const key = this.symmetric.decryptAndHash(bytes)
    if (key === null) throw this.#failure('the static key is not authentic')
    this.#remoteStatic = copyOf(key)
  }

  #writeEphemeral(): Uint8Array {
    this.#ephemeral ??= createKeyPair()
    this.symmetric.mixHash(this.#ephemeral.publicKey)
    return this.#ephemeral.publicKey
  }

  #writeStatic(): Uint8Array {
    assert(this.#static !== null, 'The constructor demands a static key pair')
    return this.symmetric.encryptAndHash(this.#static.publicKey)
  }

  /** The first letter of a token is the initiator's key, the second the responder's. */
  #mixShared(token: Exclude<Token, 'e' | 's'>): void {
    const ours = this.isInitiator ? token[0] : token[1]
    const theirs = this.isInitiator ? token[1] : token[0]
    const local = ours === 'e' ? this.#ephemeral : this.#static
    const remote = theirs === 'e' ? this.#remoteEphemeral : this.#remoteStatic
    assert(local !== null && remote !== null, 'The pattern mixes a key before it is known')
    const shared = diffieHellman(local, remote)
    if (shared === null) throw this.#failure('the remote sent an unusable key')
    this.symmetric.mixKey(shared)
    wipe(shared)
  }

  #mixResponderKey(remotePublicKey: Uint8Array | undefined): void {
    if (!this.isInitiator) {
      assert(this.#static !== null, 'Patterns that know the responder have static keys')
      this.symmetric.mixHash(this.#static.publicKey)
      return
    }
    if (remotePublicKey?.byteLength !== PUBLIC_KEY_BYTES) {
      throw new ArgumentError(
        'INVALID_ARGUMENT',
        `The initiator needs the remote's public key of ${PUBLIC_KEY_BYTES} bytes`
      )
    }
    this.#remoteStatic = copyOf(remotePublicKey)
    this.symmetric.mixHash(this.#remoteStatic)
  }

  #tokens(): readonly Token[] {
    return this.#pattern.messages[this.#nextMessage] ?? []
  }

  #advance(): void {
    this.#nextMessage++
    if (this.#nextMessage < this.#pattern.messages.length) return
    const handshakeHash = copyOf(this.symmetric.handshakeHash)
    const [first, second] = this.symmetric.split()
    const [tx, rx] = this.isInitiator ? [first, second] : [second, first]
    this.#result = { tx, rx, handshakeHash, remotePublicKey: this.#remoteStatic }
    this.#forgetEphemeral()
  }

  #failure(why: string): ProtocolError {
    this.#failed = true
    this.symmetric.clear()
    this.#forgetEphemeral()
    return new ProtocolError('BAD_HANDSHAKE', `The Noise handshake failed: ${why}`)
  }

  #forgetEphemeral(): void {
    if (this.#ephemeral !== null) wipe(this.#ephemeral.secretKey)
    this.#ephemeral = null
  }
}

/** Ours to wipe. */
function copyOfPair(pair: KeyPair | undefined): KeyPair | null {
  if (pair === undefined) return null
  return { publicKey: copyOf(pair.publicKey), secretKey: copyOf(pair.secretKey) }
}
