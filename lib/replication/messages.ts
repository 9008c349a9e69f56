// The messages of log replication on the wire (spec replication.md section 3). Types are numbered in the
// order of `MESSAGE_TYPES`.
//
//   sync      uint flags | uint fork | uint length | uint remoteLength
//   request   uint flags | uint id | uint fork | [block: uint index, uint nodes] | [hash: uint nodeIndex, uint nodes]
//             | [seek: uint byteOffset, uint padding] | [upgrade: uint start, uint length] | [uint priority]
//   cancel    uint id
//   data      uint flags | uint id | uint fork | [block: uint index, buffer value, nodes] | [hash: uint nodeIndex, nodes]
//             | [seek: uint byteOffset, nodes] | [upgrade: uint start, uint length, nodes, additional nodes, signature]
//             | [manifest: the rest]
//   noData    uint id | [uint flags | [uint reason]]
//   want, unwant   uint start | uint length | [uint flags]
//   bitfield  uint start | words
//   range     uint flags | uint start | [uint length]
//   extension string name | the rest
//
// Example, "give me block 5, 0 levels, as request 1 of fork 0": 01 01 00 05 00
import { ProtocolError } from '../errors.ts'
import { type Node, nodeCodec } from '../merkle/node.ts'
import type { Proof, ProofRequest } from '../merkle/proof.ts'
import {
  boundedString,
  buffer,
  type Codec,
  type CodecState,
  fixed32,
  list,
  raw,
  uint
} from '../util/codec.ts'
import { MAX_BITFIELD_WORDS, MAX_EXTENSION_NAME_BYTES, MAX_PROOF_NODES } from './constants.ts'

export interface Handshake {
  /** The sender understands seeks with padding. */
  readonly seeks: boolean
  /** 32 bytes: see capability.ts. */
  readonly capability: Uint8Array
}

export interface Sync {
  readonly fork: number
  readonly length: number
  /** The receiver's length as the sender last heard it; 0 if the receiver's fork is another. */
  readonly remoteLength: number
  readonly canUpgrade: boolean
  readonly uploading: boolean
  readonly downloading: boolean
  readonly hasManifest: boolean
  readonly allowPush: boolean
}

export interface Request {
  readonly id: number
  readonly proof: ProofRequest
  /** 0, or 1 if a user waits. */
  readonly priority: number
}

export interface Data {
  readonly id: number
  readonly proof: Proof
}

/** 1: not available; 2: the request cannot be answered by anybody; 0: not told. */
export interface NoData {
  readonly id: number
  readonly reason: number
}

export interface Want {
  readonly start: number
  readonly length: number
  /** Any one held block of the range will do. */
  readonly any: boolean
}

export interface BitfieldMessage {
  /** A multiple of 32. */
  readonly start: number
  readonly words: Uint32Array
}

export interface Range {
  readonly drop: boolean
  readonly start: number
  readonly length: number
}

export interface Extension {
  /** Empty: the same name as last time. */
  readonly name: string
  readonly message: Uint8Array
}

export const MESSAGE_TYPES = {
  sync: 0,
  request: 1,
  cancel: 2,
  data: 3,
  noData: 4,
  want: 5,
  unwant: 6,
  bitfield: 7,
  range: 8,
  extension: 9
} as const

export const NOT_AVAILABLE = 1
export const INVALID_REQUEST = 2

const nodes: Codec<readonly Node[]> = list(nodeCodec, MAX_PROOF_NODES)
const extensionName = boundedString(MAX_EXTENSION_NAME_BYTES)

export const handshakeCodec: Codec<Handshake> = {
  preencode(state) {
    state.end += 33
  },
  encode(state, handshake) {
    uint.encode(state, handshake.seeks ? 1 : 0)
    fixed32.encode(state, handshake.capability)
  },
  decode(state) {
    const flags = uint.decode(state)
    return { seeks: (flags & 1) !== 0, capability: fixed32.decode(state) }
  }
}

export const syncCodec: Codec<Sync> = {
  ...writer<Sync>((state, sync, step) => {
    const flags =
      (sync.canUpgrade ? 1 : 0) |
      (sync.uploading ? 2 : 0) |
      (sync.downloading ? 4 : 0) |
      (sync.hasManifest ? 8 : 0) |
      (sync.allowPush ? 16 : 0)
    uint[step](state, flags)
    uint[step](state, sync.fork)
    uint[step](state, sync.length)
    uint[step](state, sync.remoteLength)
  }),
  decode(state) {
    const flags = uint.decode(state)
    return {
      fork: uint.decode(state),
      length: uint.decode(state),
      remoteLength: uint.decode(state),
      canUpgrade: (flags & 1) !== 0,
      uploading: (flags & 2) !== 0,
      downloading: (flags & 4) !== 0,
      hasManifest: (flags & 8) !== 0,
      allowPush: (flags & 16) !== 0
    }
  }
}

const BLOCK = 1
const HASH = 2
const SEEK = 4
const UPGRADE = 8
const MANIFEST = 16
const PRIORITY = 32

/** The parts that a request or a proof has. */
function partsOf(proof: ProofRequest | Proof): number {
  return (
    (proof.block ? BLOCK : 0) |
    (proof.hash ? HASH : 0) |
    (proof.seek ? SEEK : 0) |
    (proof.upgrade ? UPGRADE : 0) |
    (proof.manifest ? MANIFEST : 0)
  )
}

export const requestCodec: Codec<Request> = {
  ...writer<Request>((state, { id, proof, priority }, step) => {
    const { block, hash, seek, upgrade } = proof
    uint[step](state, partsOf(proof) | (priority ? PRIORITY : 0))
    putPair(state, id, proof.fork, step)
    if (block) putPair(state, block.index, block.nodes, step)
    if (hash) putPair(state, hash.nodeIndex, hash.nodes, step)
    if (seek) putPair(state, seek.byteOffset, seek.padding, step)
    if (upgrade) putPair(state, upgrade.start, upgrade.length, step)
    if (priority) uint[step](state, priority)
  }),
  decode(state) {
    const flags = uint.decode(state)
    const id = uint.decode(state)
    const proof: ProofRequest = {
      fork: uint.decode(state),
      block: flags & BLOCK ? { index: uint.decode(state), nodes: uint.decode(state) } : null,
      hash: flags & HASH ? { nodeIndex: uint.decode(state), nodes: uint.decode(state) } : null,
      seek: flags & SEEK ? { byteOffset: uint.decode(state), padding: uint.decode(state) } : null,
      upgrade: flags & UPGRADE ? { start: uint.decode(state), length: uint.decode(state) } : null,
      manifest: (flags & MANIFEST) !== 0
    }
    return { id, proof, priority: flags & PRIORITY ? uint.decode(state) : 0 }
  }
}

export const cancelCodec: Codec<number> = uint

export const dataCodec: Codec<Data> = {
  ...writer<Data>((state, { id, proof }, step) => {
    const { block, hash, seek, upgrade, manifest } = proof
    uint[step](state, partsOf(proof))
    putPair(state, id, proof.fork, step)
    if (block) {
      uint[step](state, block.index)
      buffer[step](state, block.value)
      nodes[step](state, block.nodes)
    }
    if (hash) {
      uint[step](state, hash.nodeIndex)
      nodes[step](state, hash.nodes)
    }
    if (seek) {
      uint[step](state, seek.byteOffset)
      nodes[step](state, seek.nodes)
    }
    if (upgrade) {
      putPair(state, upgrade.start, upgrade.length, step)
      nodes[step](state, upgrade.nodes)
      nodes[step](state, upgrade.additionalNodes)
      buffer[step](state, upgrade.signature)
    }
    if (manifest) raw[step](state, manifest)
  }),
  decode(state) {
    const flags = uint.decode(state)
    const id = uint.decode(state)
    return {
      id,
      proof: {
        fork: uint.decode(state),
        block: flags & BLOCK ? decodeBlock(state) : null,
        hash: flags & HASH ? { nodeIndex: uint.decode(state), nodes: nodes.decode(state) } : null,
        seek: flags & SEEK ? { byteOffset: uint.decode(state), nodes: nodes.decode(state) } : null,
        upgrade: flags & UPGRADE ? decodeUpgrade(state) : null,
        manifest: flags & MANIFEST ? raw.decode(state) : null
      }
    }
  }
}

function decodeBlock(state: CodecState): Proof['block'] {
  return { index: uint.decode(state), value: buffer.decode(state), nodes: nodes.decode(state) }
}

function decodeUpgrade(state: CodecState): Proof['upgrade'] {
  return {
    start: uint.decode(state),
    length: uint.decode(state),
    nodes: nodes.decode(state),
    additionalNodes: nodes.decode(state),
    signature: buffer.decode(state)
  }
}

export const noDataCodec: Codec<NoData> = {
  ...writer<NoData>((state, { id, reason }, step) => {
    putPair(state, id, reason ? 1 : 0, step)
    if (reason) uint[step](state, reason)
  }),
  decode(state) {
    const id = uint.decode(state)
    const flags = state.start < state.end ? uint.decode(state) : 0
    return { id, reason: flags & 1 ? uint.decode(state) : 0 }
  }
}

export const wantCodec: Codec<Want> = {
  ...writer<Want>((state, { start, length, any }, step) => {
    putPair(state, start, length, step)
    if (any) uint[step](state, 1)
  }),
  decode(state) {
    const start = uint.decode(state)
    const length = uint.decode(state)
    const flags = state.start < state.end ? uint.decode(state) : 0
    return { start, length, any: (flags & 1) !== 0 }
  }
}

export const bitfieldCodec: Codec<BitfieldMessage> = {
  preencode(state, { start, words }) {
    putPair(state, start, words.length, 'preencode')
    state.end += words.length * 4
  },
  encode(state, { start, words }) {
    putPair(state, start, words.length, 'encode')
    const view = new DataView(state.buffer.buffer, state.buffer.byteOffset + state.start)
    for (let i = 0; i < words.length; i++) view.setUint32(i * 4, words[i]!, true)
    state.start += words.length * 4
  },
  decode(state) {
    const start = uint.decode(state)
    const count = uint.decode(state)
    if (count > MAX_BITFIELD_WORDS || count * 4 > state.end - state.start) {
      throw new ProtocolError('LIMIT_EXCEEDED', `Bitfield of ${count} words`)
    }
    const words = new Uint32Array(count)
    const view = new DataView(state.buffer.buffer, state.buffer.byteOffset + state.start)
    for (let i = 0; i < count; i++) words[i] = view.getUint32(i * 4, true)
    state.start += count * 4
    return { start, words }
  }
}

export const rangeCodec: Codec<Range> = {
  ...writer<Range>((state, { drop, start, length }, step) => {
    putPair(state, (drop ? 1 : 0) | (length === 1 ? 2 : 0), start, step)
    if (length !== 1) uint[step](state, length)
  }),
  decode(state) {
    const flags = uint.decode(state)
    const start = uint.decode(state)
    return { drop: (flags & 1) !== 0, start, length: flags & 2 ? 1 : uint.decode(state) }
  }
}

export const extensionCodec: Codec<Extension> = {
  ...writer<Extension>((state, { name, message }, step) => {
    extensionName[step](state, name)
    raw[step](state, message)
  }),
  decode(state) {
    return { name: extensionName.decode(state), message: raw.decode(state) }
  }
}

type Step = 'preencode' | 'encode'

/** Both steps of writing from one description, so that they cannot disagree. */
function writer<T>(
  put: (state: CodecState, value: T, step: Step) => void
): Pick<Codec<T>, 'preencode' | 'encode'> {
  return {
    preencode: (state, value) => put(state, value, 'preencode'),
    encode: (state, value) => put(state, value, 'encode')
  }
}

function putPair(state: CodecState, first: number, second: number, step: Step): void {
  uint[step](state, first)
  uint[step](state, second)
}
