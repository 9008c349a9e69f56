// T-FUZZ of what core takes from peers and from the disk: manifests, signature envelopes, bodies of oplog entries; and
// of the texts of keys, which people paste.
import { test } from 'brittle'
import { emptyChange } from '../../lib/core/change.ts'
import { ChangeBody, decodeChange, decodeHeader, headerBody } from '../../lib/core/change-format.ts'
import { MAX_BLOCKS_PER_APPEND } from '../../lib/core/constants.ts'
import {
  type Conflict,
  decodeConflict,
  encodeConflict
} from '../../lib/core/histories/conflict-format.ts'
import type { Standing } from '../../lib/core/histories/standing.ts'
import { keyFromText, keyToText } from '../../lib/core/key-text.ts'
import { MAX_LINKED, MAX_PATCH_NODES, MAX_SIGNERS } from '../../lib/core/limits.ts'
import {
  createManifest,
  decodeManifest,
  encodeManifest,
  type Manifest
} from '../../lib/core/manifest.ts'
import { manifestCodec } from '../../lib/core/manifest-format.ts'
import {
  assembleEnvelope,
  decodeEnvelope,
  type Envelope
} from '../../lib/core/signature-envelope.ts'
import type { Node } from '../../lib/merkle/node.ts'
import { Tree } from '../../lib/merkle/tree.ts'
import type { EntryBody } from '../../lib/storage/oplog.ts'
import { fromUtf8, toHex, toUtf8 } from '../../lib/util/bytes.ts'
import type { Codec } from '../../lib/util/codec.ts'
import { type DecodeTarget, fieldsOf, fuzzDecoder, tellAll } from '../helpers/decode-fuzz.ts'
import type { SeededRandom } from '../helpers/random.ts'

const TIMEOUT = { timeout: 3_600_000 }

function manifestOf(random: SeededRandom): Uint8Array {
  const count = 1 + random.int(4)
  const signers = Array.from({ length: count }, () => ({
    publicKey: random.bytes(32),
    namespace: random.bytes(32)
  }))
  const isLater = random.int(2) === 0
  return encodeManifest(
    createManifest({
      signers,
      quorum: 1 + random.int(count),
      allowPatch: random.int(2) === 0,
      ...(isLater ? { linked: [random.bytes(32)], userData: random.bytes(random.int(20)) } : {}),
      ...(isLater ? {} : { version: random.int(2) })
    })
  )
}

function manifestFault(value: unknown): string | null {
  const { signers, linked, quorum } = value as Manifest
  if (signers.length > MAX_SIGNERS) return `${signers.length} signers came out`
  if ((linked?.length ?? 0) > MAX_LINKED) return `${linked?.length} linked keys came out`
  return quorum === 0 && signers.length > 0 ? 'signers of whom none has to sign came out' : null
}

const nodeOf = (random: SeededRandom): Node => ({
  nodeIndex: random.int(2 ** 31),
  byteLength: random.int(2 ** 31),
  hash: random.bytes(32)
})

function envelopeOf(version: number): (random: SeededRandom) => Uint8Array {
  return (random) =>
    assembleEnvelope(
      version,
      Array.from({ length: 1 + random.int(4) }, (_, signer) => ({
        signer,
        signature: random.bytes(64),
        patch: random.int(3),
        nodes: Array.from({ length: random.int(3) }, () => nodeOf(random))
      }))
    )
}

function envelopeFault(value: unknown): string | null {
  const { proofs, nodes } = value as Envelope
  if (proofs.length > MAX_SIGNERS) return `${proofs.length} signatures came out`
  return nodes.length > MAX_PATCH_NODES ? `${nodes.length} nodes came out` : null
}

function written(body: EntryBody): Uint8Array {
  const bytes = new Uint8Array(body.byteLength)
  body.write(bytes)
  return bytes
}

function treeOf(random: SeededRandom): Tree {
  const batch = Tree.empty().extend()
  for (let i = 1 + random.int(9); i > 0; i--) batch.append(random.bytes(random.int(9)))
  return batch.tree()
}

function conflictOf(random: SeededRandom): Uint8Array {
  const side = (): Conflict['ours'] => ({
    nodes: Array.from({ length: 1 + random.int(3) }, () => nodeOf(random)),
    additionalNodes: Array.from({ length: random.int(3) }, () => nodeOf(random)),
    signature: random.bytes(68)
  })
  const manifest = random.int(2) === 0 ? null : random.bytes(70)
  const [fork, length] = [random.int(9), 1 + random.int(2 ** 31)]
  return encodeConflict({ fork, length, manifest, ours: side(), theirs: side() })
}

function standingOf(random: SeededRandom): Standing {
  const conflict = random.int(2) === 0 ? null : conflictOf(random)
  return { behind: random.int(2) === 0 ? null : 'damaged', conflict }
}

function changeOf(outside: boolean): (random: SeededRandom) => Uint8Array {
  return (random) => {
    const blocks = Array.from({ length: 1 + random.int(3) }, () => random.bytes(1 + random.int(9)))
    const tree = treeOf(random)
    const change = {
      ...emptyChange(9),
      presence: { start: random.int(300), length: blocks.length, present: true },
      blocks: { byteOffset: random.int(1_000), parts: blocks },
      nodes: Array.from({ length: random.int(3) }, () => nodeOf(random)),
      manifest: random.int(2) === 0 ? random.bytes(70) : null,
      head: random.int(2) === 0 ? null : { tree, signature: random.bytes(68) }
    }
    const byteLength = blocks.reduce((sum, block) => sum + block.byteLength, 0)
    return written(new ChangeBody(change, byteLength, outside))
  }
}

function changeTarget(outside: boolean): DecodeTarget {
  const decode = (bytes: Uint8Array): unknown => decodeChange(bytes, outside)
  return {
    name: outside ? 'change, bytes outside' : 'change',
    sample: changeOf(outside),
    decode,
    errors: ['StorageError'],
    check(value) {
      const { blocks } = value as ReturnType<typeof decodeChange>
      const count = blocks?.byteLengths.length ?? 0
      return count > MAX_BLOCKS_PER_APPEND ? `${count} blocks came out` : null
    }
  }
}

const targets: readonly DecodeTarget[] = [
  {
    name: 'manifest',
    sample: manifestOf,
    decode: decodeManifest,
    errors: ['ProofError'],
    fields: fieldsOf(manifestCodec as Codec<unknown>),
    check: manifestFault
  },
  {
    name: 'signature envelope',
    sample: envelopeOf(1),
    decode: (bytes) => decodeEnvelope(1, bytes),
    errors: ['ProtocolError'],
    check: envelopeFault
  },
  {
    name: 'signature envelope of version 0',
    sample: envelopeOf(0),
    decode: (bytes) => decodeEnvelope(0, bytes),
    errors: ['ProtocolError'],
    check: envelopeFault
  },
  {
    name: 'conflict',
    sample: conflictOf,
    decode: decodeConflict,
    errors: ['ProofError']
  },
  {
    name: 'oplog header',
    sample: (random) =>
      written(
        headerBody({
          head: { tree: treeOf(random), signature: random.bytes(68) },
          manifest: random.int(2) === 0 ? random.bytes(70) : null,
          contiguousLength: random.int(300),
          userData: new Map(
            Array.from({ length: random.int(3) }, (_, i) => [
              `name ${i}`,
              random.bytes(random.int(20))
            ])
          ),
          standing: standingOf(random)
        })
      ),
    decode: decodeHeader,
    errors: ['StorageError']
  },
  changeTarget(false),
  changeTarget(true),
  {
    name: 'key text',
    sample: (random) => {
      const key = random.bytes(32)
      return fromUtf8([keyToText(key), toHex(key), `pear://${keyToText(key)}/a`][random.int(3)]!)
    },
    decode: (bytes) => keyFromText(toUtf8(bytes)),
    errors: ['ArgumentError'],
    check: (value) => ((value as Uint8Array).byteLength === 32 ? null : 'another length came out')
  }
]

test('T-FUZZ formats of core', TIMEOUT, (t) => {
  tellAll(
    t,
    'T-FUZZ core',
    targets.map((each, i) => fuzzDecoder(t, each, i + 41))
  )
  t.pass()
})
