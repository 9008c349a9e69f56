// Bodies of every message type as the real packages write them.
import { test } from 'brittle'
import { createManifest, encodeManifest } from '../../lib/core/manifest.ts'
import type { Node } from '../../lib/merkle/node.ts'
import type { Proof } from '../../lib/merkle/proof.ts'
import { capabilityOf, isCapability } from '../../lib/replication/capability.ts'
import * as wire from '../../lib/replication/messages.ts'
import { fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { type Codec, decode, encode } from '../../lib/util/codec.ts'
import { hex, loadVectors } from '../helpers/vectors.ts'

interface NodeVector {
  index: number
  size: number
  hash: string
}

/** The members that occur, all optional, named as in the vectors. */
interface Fields {
  id: number
  request: number
  fork: number
  priority: number
  start: number
  length: number
  remoteLength: number
  reason: number
  any: boolean
  drop: boolean
  canUpgrade: boolean
  uploading: boolean
  downloading: boolean
  hasManifest: boolean
  allowPush: boolean
  bitfield: number[]
  name: string
  message: string
  block: { index: number; nodes: number & NodeVector[]; value: string } | null
  hash: { index: number; nodes: number & NodeVector[] } | null
  seek: { bytes: number; padding: number; nodes: NodeVector[] } | null
  upgrade: {
    start: number
    length: number
    nodes: NodeVector[]
    additionalNodes: NodeVector[]
    signature: string | null
  } | null
  manifest: boolean & { signers: { namespace: string; publicKey: string }[] }
}

interface Vectors {
  messages: {
    name: string
    type: number
    fields: Fields
    hex: string
    hex10?: string
    note?: string
  }[]
  capability: {
    key: string
    handshakeHash: string
    fromInitiator: string
    fromResponder: string
    handshakeBody: string
  }[]
}

const vectors = loadVectors<Vectors>('replication')

const nodesOf = (nodes: readonly NodeVector[]): Node[] =>
  nodes.map(({ index, size, hash }) => ({ nodeIndex: index, byteLength: size, hash: hex(hash) }))

function requestOf(fields: Fields): wire.Request {
  const { block, hash, seek, upgrade } = fields
  return {
    id: fields.id,
    priority: fields.priority,
    proof: {
      fork: fields.fork,
      manifest: fields.manifest,
      block: block && { index: block.index, nodes: block.nodes },
      hash: hash && { nodeIndex: hash.index, nodes: hash.nodes },
      seek: seek && { byteOffset: seek.bytes, padding: seek.padding },
      upgrade: upgrade && { start: upgrade.start, length: upgrade.length }
    }
  }
}

function dataOf(fields: Fields): wire.Data {
  const { block, hash, seek, upgrade, manifest } = fields
  const proof: Proof = {
    fork: fields.fork,
    block: block && { index: block.index, value: hex(block.value), nodes: nodesOf(block.nodes) },
    hash: hash && { nodeIndex: hash.index, nodes: nodesOf(hash.nodes) },
    seek: seek && { byteOffset: seek.bytes, nodes: nodesOf(seek.nodes) },
    upgrade: upgrade && {
      start: upgrade.start,
      length: upgrade.length,
      nodes: nodesOf(upgrade.nodes),
      additionalNodes: nodesOf(upgrade.additionalNodes),
      signature: hex(upgrade.signature ?? '')
    },
    manifest: manifest
      ? encodeManifest(
          createManifest({
            signers: manifest.signers.map((signer) => ({
              namespace: hex(signer.namespace),
              publicKey: hex(signer.publicKey)
            }))
          })
        )
      : null
  }
  return { id: fields.request, proof }
}

interface Row<T> {
  readonly codec: Codec<T>
  readonly read: (fields: Fields) => T
}

const row = <T>(codec: Codec<T>, read: (fields: Fields) => T): Row<unknown> =>
  ({ codec, read }) as Row<unknown>

const rows: Record<string, Row<unknown>> = {
  sync: row(wire.syncCodec, (fields) => fields),
  request: row(wire.requestCodec, requestOf),
  cancel: row(wire.cancelCodec, (fields) => fields.request),
  data: row(wire.dataCodec, dataOf),
  noData: row(wire.noDataCodec, (fields) => ({ id: fields.request, reason: fields.reason })),
  want: row(wire.wantCodec, (fields) => fields),
  unwant: row(wire.wantCodec, (fields) => fields),
  bitfield: row(wire.bitfieldCodec, (fields) => ({
    start: fields.start,
    words: Uint32Array.from(fields.bitfield)
  })),
  range: row(wire.rangeCodec, (fields) => fields),
  extension: row(wire.extensionCodec, (fields) => ({
    name: fields.name,
    message: hex(fields.message)
  }))
}

test('messages are written and read as the real packages do', (t) => {
  for (const { name, fields, hex: expected, hex10, note } of vectors.messages) {
    const { codec, read } = rows[name]!
    const value = read(fields)
    const label = `${name} ${note ?? ''} ${expected.slice(0, 24)}`
    t.is(toHex(encode(codec, value)), expected, `write ${label}`)
    t.is(toHex(encode(codec, decode(codec, hex(expected)))), expected, `read ${label}`)
    if (hex10 !== undefined)
      t.execution(() => decode(codec, hex(hex10)), `read version 10 ${label}`)
  }
})

test('every truncation of a message is refused or shorter, never thrown raw', (t) => {
  for (const { name, hex: whole } of vectors.messages) {
    const { codec } = rows[name]!
    const bytes = hex(whole)
    for (let end = 0; end < bytes.byteLength; end++) {
      try {
        decode(codec, bytes.subarray(0, end))
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'ProtocolError')
          t.fail(`${name} cut at ${end}`)
      }
    }
  }
  t.pass(`${vectors.messages.length} messages`)
})

test('capabilities', (t) => {
  for (const vector of vectors.capability) {
    const context = { key: hex(vector.key), handshakeHash: hex(vector.handshakeHash) }
    const initiator = capabilityOf(context, true)
    t.is(toHex(initiator), vector.fromInitiator)
    t.is(toHex(capabilityOf(context, false)), vector.fromResponder)
    t.is(
      toHex(encode(wire.handshakeCodec, { seeks: true, capability: initiator })),
      vector.handshakeBody
    )
    t.ok(isCapability(initiator, context, true))
    t.absent(isCapability(initiator, context, false), 'not mirrored')
    t.absent(isCapability(fromUtf8('short'), context, true))
  }
})
