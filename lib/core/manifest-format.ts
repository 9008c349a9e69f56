// The bytes of a manifest (spec log.md section 5). Decoded values do not refer to the input.
//
// Encoding, version 1 to 3 (all integers uint):
//   version | flags | hash id (0) | quorum | count, then per signer: 0 | 32 namespace | 32 public key
//   | flag 2: 32 prologue hash, prologue length | flag 4: count, 32 bytes each | flag 8: length, user data
//   flags: 1 allowPatch, 2 prologue, 4 linked, 8 userData
// Encoding, version 0:
//   0 | hash id (0) | type | type 0: 32 prologue hash
//                          | type 1: one signer
//                          | type 2: flags (1 allowPatch) | quorum | count, signers
// Example, a plain new log, 70 bytes: 01 00 00 01 01 00 <32 namespace> <32 public key>
//
// Limits: version <= 3, 64 signers, 1024 linked keys; manifest.ts checks what depends on more than one field.
import { copyOf } from '../util/bytes.ts'
import { buffer, type Codec, type CodecState, fixed32, list, uint } from '../util/codec.ts'
import { MAX_LINKED, MAX_MANIFEST_VERSION, MAX_SIGNERS } from './limits.ts'
import type { Manifest, Signer } from './manifest.ts'

const ALLOW_PATCH = 1
const HAS_PROLOGUE = 2
const HAS_LINKED = 4
const HAS_USER_DATA = 8
const ALL_FLAGS = 15

const STATIC_TYPE = 0
const SINGLE_TYPE = 1
const MULTIPLE_TYPE = 2

const ownBytes32: Codec<Uint8Array> = {
  preencode: fixed32.preencode,
  encode: fixed32.encode,
  decode: (state) => copyOf(fixed32.decode(state))
}

const signerCodec: Codec<Signer> = {
  preencode(state, signer) {
    state.end++
    fixed32.preencode(state, signer.namespace)
    fixed32.preencode(state, signer.publicKey)
  },
  encode(state, signer) {
    uint.encode(state, 0)
    fixed32.encode(state, signer.namespace)
    fixed32.encode(state, signer.publicKey)
  },
  decode(state) {
    expectZero(state, 'signature scheme')
    return {
      signature: 'ed25519',
      namespace: ownBytes32.decode(state),
      publicKey: ownBytes32.decode(state)
    }
  }
}

const signersCodec = list(signerCodec, MAX_SIGNERS)
const linkedCodec = list(ownBytes32, MAX_LINKED)

/** Fails with whatever error says what is wrong. */
export const manifestCodec: Codec<Manifest> = {
  preencode(state, manifest) {
    if (manifest.version === 0) {
      preencodeVersion0(state, manifest)
      return
    }
    uint.preencode(state, manifest.version)
    state.end += 2
    uint.preencode(state, manifest.quorum)
    signersCodec.preencode(state, manifest.signers)
    if (manifest.prologue !== null) {
      fixed32.preencode(state, manifest.prologue.hash)
      uint.preencode(state, manifest.prologue.length)
    }
    if (manifest.linked !== null) linkedCodec.preencode(state, manifest.linked)
    if (manifest.userData !== null) buffer.preencode(state, manifest.userData)
  },
  encode(state, manifest) {
    if (manifest.version === 0) {
      encodeVersion0(state, manifest)
      return
    }
    uint.encode(state, manifest.version)
    uint.encode(state, flagsOf(manifest))
    uint.encode(state, 0)
    uint.encode(state, manifest.quorum)
    signersCodec.encode(state, manifest.signers)
    if (manifest.prologue !== null) {
      fixed32.encode(state, manifest.prologue.hash)
      uint.encode(state, manifest.prologue.length)
    }
    if (manifest.linked !== null) linkedCodec.encode(state, manifest.linked)
    if (manifest.userData !== null) buffer.encode(state, manifest.userData)
  },
  decode(state) {
    const version = uint.decode(state)
    if (version === 0) return decodeVersion0(state)
    if (version > MAX_MANIFEST_VERSION) throw new Error(`Version ${version}`)
    const flags = uint.decode(state)
    if (flags > ALL_FLAGS) throw new Error(`Flags ${flags}`)
    expectZero(state, 'hash')
    return {
      version,
      hash: 'blake2b',
      allowPatch: (flags & ALLOW_PATCH) !== 0,
      quorum: uint.decode(state),
      signers: signersCodec.decode(state),
      prologue:
        (flags & HAS_PROLOGUE) === 0
          ? null
          : { hash: ownBytes32.decode(state), length: uint.decode(state) },
      linked: (flags & HAS_LINKED) === 0 ? null : linkedCodec.decode(state),
      userData: (flags & HAS_USER_DATA) === 0 ? null : copyOf(buffer.decode(state))
    }
  }
}

function flagsOf(manifest: Manifest): number {
  return (
    (manifest.allowPatch ? ALLOW_PATCH : 0) |
    (manifest.prologue === null ? 0 : HAS_PROLOGUE) |
    (manifest.linked === null ? 0 : HAS_LINKED) |
    (manifest.userData === null ? 0 : HAS_USER_DATA)
  )
}

function typeOf(manifest: Manifest): number {
  if (manifest.prologue !== null) return STATIC_TYPE
  return isSingle(manifest) ? SINGLE_TYPE : MULTIPLE_TYPE
}

/** Whether one signature of the only signer is all there ever is: bare in version 0. */
export function isSingle(manifest: Manifest): boolean {
  return manifest.quorum === 1 && manifest.signers.length === 1 && !manifest.allowPatch
}

function preencodeVersion0(state: CodecState, manifest: Manifest): void {
  state.end += 3
  if (manifest.prologue !== null) {
    fixed32.preencode(state, manifest.prologue.hash)
  } else if (isSingle(manifest)) {
    signerCodec.preencode(state, manifest.signers[0]!)
  } else {
    state.end++
    uint.preencode(state, manifest.quorum)
    signersCodec.preencode(state, manifest.signers)
  }
}

function encodeVersion0(state: CodecState, manifest: Manifest): void {
  uint.encode(state, 0)
  uint.encode(state, 0)
  uint.encode(state, typeOf(manifest))
  if (manifest.prologue !== null) {
    fixed32.encode(state, manifest.prologue.hash)
  } else if (isSingle(manifest)) {
    signerCodec.encode(state, manifest.signers[0]!)
  } else {
    uint.encode(state, manifest.allowPatch ? ALLOW_PATCH : 0)
    uint.encode(state, manifest.quorum)
    signersCodec.encode(state, manifest.signers)
  }
}

function decodeVersion0(state: CodecState): Manifest {
  expectZero(state, 'hash')
  const type = uint.decode(state)
  const common = { version: 0, hash: 'blake2b', linked: null, userData: null } as const
  if (type === STATIC_TYPE) {
    const prologue = { hash: ownBytes32.decode(state), length: 0 }
    return { ...common, allowPatch: false, quorum: 0, signers: [], prologue }
  }
  if (type === SINGLE_TYPE) {
    const signers = [signerCodec.decode(state)]
    return { ...common, allowPatch: false, quorum: 1, signers, prologue: null }
  }
  if (type !== MULTIPLE_TYPE) throw new Error(`Type ${type}`)
  const allowPatch = (uint.decode(state) & ALLOW_PATCH) !== 0
  const quorum = uint.decode(state)
  return { ...common, allowPatch, quorum, signers: signersCodec.decode(state), prologue: null }
}

function expectZero(state: CodecState, what: string): void {
  const id = uint.decode(state)
  if (id !== 0) throw new Error(`Unknown ${what} ${id}`)
}
