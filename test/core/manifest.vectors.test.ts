// Manifests, keys and signatures against the reference vectors (spec log.md sections 4 to 8).
import { test } from 'brittle'
import {
  assembleSignatures,
  commonLength,
  partialSignature,
  signable,
  signHead,
  verifyHead
} from '../../lib/core/head-signature.ts'
import { keyFromText, keyToText } from '../../lib/core/key-text.ts'
import {
  compatManifest,
  createManifest,
  decodeManifest,
  defaultManifest,
  discoveryKeyOf,
  encodeManifest,
  fitsKey,
  isCompat,
  type Manifest,
  manifestKey
} from '../../lib/core/manifest.ts'
import { hashParts } from '../../lib/crypto/hash.ts'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { namespace } from '../../lib/crypto/namespace.ts'
import { upgradeNodes } from '../../lib/merkle/plan.ts'
import { Tree } from '../../lib/merkle/tree.ts'
import { concat, emptyBytes, fromUtf8, toHex } from '../../lib/util/bytes.ts'
import { hex } from '../helpers/vectors.ts'
import { MemoryTree, vectorBlocks } from '../merkle/memory-tree.ts'
import { logVectors, nodeOf, nodeText, seedOf } from './log-vectors.ts'

const vectors = logVectors()

test('manifests', (t) => {
  for (const { name, manifest, encoded, key, discoveryKey } of vectors.manifests) {
    const made = createManifest({
      version: manifest.version,
      allowPatch: manifest.allowPatch,
      quorum: manifest.quorum,
      signers: manifest.signers.map((signer) => ({
        namespace: hex(signer.namespace),
        publicKey: hex(signer.publicKey)
      })),
      prologue: manifest.prologue && { ...manifest.prologue, hash: hex(manifest.prologue.hash) },
      linked: manifest.linked?.map(hex) ?? null,
      userData: manifest.userData === null ? null : hex(manifest.userData)
    })
    t.is(toHex(encodeManifest(made)), encoded, name)
    t.is(toHex(encodeManifest(decodeManifest(hex(encoded)))), encoded)
    t.is(toHex(manifestKey(made)), key)
    t.is(toHex(discoveryKeyOf(hex(key))), discoveryKey)
    t.ok(fitsKey(made, hex(key)))
    t.absent(isCompat(made, hex(key)))
  }
})

test('keys', (t) => {
  for (const { key, discoveryKey } of vectors.discoveryKeys) {
    t.is(toHex(discoveryKeyOf(hex(key))), discoveryKey)
  }
  for (const row of vectors.keyFromPublicKey) {
    const publicKey = hex(row.publicKey)
    const made: { [rule: string]: () => Uint8Array } = {
      'default (v1 manifest, default namespace)': () => manifestKey(defaultManifest(publicKey)),
      compat: () => publicKey,
      'version 0': () => manifestKey(createManifest({ version: 0, signers: [{ publicKey }] })),
      'v1, namespace 32 x 0xaa': () =>
        manifestKey(createManifest({ signers: [{ publicKey, namespace: seedOf(0xaa) }] }))
    }
    t.is(toHex(made[row.rule]?.() ?? emptyBytes), row.key, row.rule)
  }
})

test('whole logs: roots, signables, signatures', (t) => {
  for (const log of vectors.logs) {
    if (log.states === undefined) continue
    const key = hex(log.key)
    const manifest =
      log.manifestEncoded === null ? compatManifest(key) : decodeManifest(hex(log.manifestEncoded))
    t.is(isCompat(manifest, key), log.compat, log.name)
    t.is(keyToText(key), log.id)
    t.is(toHex(keyFromText(log.id)), log.key)
    t.is(toHex(discoveryKeyOf(key)), log.discoveryKey)
    const keyPair = createKeyPair(seedOf(log.signerSeed))
    for (const state of log.states) {
      const { tree } = MemoryTree.of(vectorBlocks(state.length))
      t.alike(tree.roots.map(nodeText), state.roots.map(nodeOf).map(nodeText))
      t.is(tree.byteLength, state.byteLength)
      t.is(toHex(tree.rootHash), state.treeHash)
      t.is(toHex(signable(manifest, key, 0, tree)), state.signable)
      if (state.signature === null) continue
      t.is(toHex(signHead(manifest, key, tree.head(), keyPair)), state.signature)
      t.ok(verifyHead(manifest, key, tree, hex(state.signature)), `length ${state.length}`)
      t.absent(verifyHead(manifest, key, tree.withFork(1), hex(state.signature)), 'other fork')
    }
  }
})

test('the legacy signable is the compat one without its namespace', (t) => {
  const legacy = vectors.logs.find((log) => log.name === 'legacy-signable')
  const key = createKeyPair(seedOf(1)).publicKey
  const { tree } = MemoryTree.of(vectorBlocks(13))
  t.is(toHex(signable(compatManifest(key), key, 0, tree).subarray(32)), legacy?.signable)
})

test('multisig', (t) => {
  for (const row of vectors.multisig) {
    const manifest = decodeManifest(hex(row.manifestEncoded))
    const key = hex(row.key)
    const full = MemoryTree.of(vectorBlocks(13))
    const tree = full.at(row.length)
    t.is(toHex(tree.rootHash), row.treeHash, row.name)
    t.is(verifyHead(manifest, key, tree, hex(row.signature)), row.valid)
    const parts = row.partial.map((part) => ({
      signer: part.signer,
      signature: hex(part.signature),
      patch: part.patch,
      nodes: part.nodes.map(nodeOf)
    }))
    t.is(toHex(assembleSignatures(manifest, parts)), row.signature)
    for (const part of row.partial) {
      const keyPair = createKeyPair(seedOf(part.keySeed))
      const signer = manifest.signers[part.signer]
      if (toHex(keyPair.publicKey) !== toHex(signer?.publicKey ?? emptyBytes)) continue
      const made = partialSignature(manifest, key, full.at(part.signedLength), keyPair)
      t.is(toHex(made.signature), part.signature)
      if (part.patch === 0) continue
      t.alike(
        upgradeNodes(row.length, part.signedLength),
        part.nodes.map((node) => node.index)
      )
    }
    const lengths = row.partial.map((part) => part.signedLength)
    if (manifest.allowPatch) t.ok(commonLength(lengths, manifest.quorum) >= row.length)
  }
})

test('prologues', (t) => {
  for (const row of vectors.prologue) {
    const manifest = decodeManifest(hex(row.manifestEncoded))
    const key = hex(row.key)
    t.is(toHex(manifestKey(manifest)), row.key, row.name)
    const { tree } = MemoryTree.of(vectorBlocks(row.length))
    const signature = row.signature === null ? emptyBytes : hex(row.signature)
    t.ok(verifyHead(manifest, key, tree, signature))
    t.ok(verifyHead(manifest, key, MemoryTree.of(vectorBlocks(13)).tree, emptyBytes))
    t.absent(verifyHead(manifest, key, MemoryTree.of(vectorBlocks(12)).tree, signature))
    t.absent(verifyHead(manifest, key, MemoryTree.of(vectorBlocks(14)).tree, signature))
  }
})

test('fork histories are signed as in the vectors', (t) => {
  const { forks } = vectors
  const manifest = decodeManifest(hex(forks.manifestEncoded))
  const key = hex(forks.key)
  const keyPair = createKeyPair(seedOf(forks.signerSeed))
  for (const step of forks.steps) {
    const tree = new Tree(step.fork, step.length, step.roots.map(nodeOf))
    t.is(toHex(tree.rootHash), step.treeHash, step.op)
    t.is(toHex(signable(manifest, key, 0, tree)), step.signable)
    t.is(toHex(signHead(manifest, key, tree, keyPair)), step.signature)
  }
})

test('named logs of a store', (t) => {
  const { corestore } = vectors
  const store = namespace('corestore', 1)[0] ?? emptyBytes
  for (const row of corestore.rows) {
    let scope: Uint8Array = new Uint8Array(32)
    for (const part of row.namespacePath) scope = hashParts([scope, fromUtf8(part)])
    t.is(toHex(scope), row.namespace)
    const input = concat([store, scope, fromUtf8(row.name)])
    const seed = hashParts([input], hex(corestore.primaryKey))
    t.is(toHex(seed), row.seedHex)
    const keyPair = createKeyPair(seed)
    t.is(toHex(keyPair.publicKey), row.publicKey)
    if (row.manifestEncoded === undefined) continue
    const manifest: Manifest = defaultManifest(keyPair.publicKey)
    t.is(toHex(encodeManifest(manifest)), row.manifestEncoded)
    t.is(toHex(manifestKey(manifest)), row.key)
    t.is(toHex(discoveryKeyOf(hex(row.key))), row.discoveryKey)
  }
})
