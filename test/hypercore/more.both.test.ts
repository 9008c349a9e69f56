// Both: proofs, marks and sweeps, user data, manifests, signers, and how cores are found again.
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import type { CoreProof } from '../../lib/hypercore/hypercore.ts'
import { both, type Core } from './both.ts'

const keyPair = createKeyPair(Buffer.alloc(32, 7))
const other = createKeyPair(Buffer.alloc(32, 8))
const pair = {
  publicKey: Buffer.from(keyPair.publicKey),
  secretKey: Buffer.from(keyPair.secretKey)
}

async function filled(core: Core, blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) await core.append(`block ${i}`)
}

both('proofs are made and taken in', async (stage) => {
  const a = await stage.open(null, { keyPair: pair })
  await filled(a, 7)
  const b = await stage.open(a.key)
  const upgrade = { start: 0, length: 7 }
  await stage.note('levels', () => Promise.all([a.missingNodes(0), b.missingNodes(0)]))
  const whole = { ...(await a.proof({ upgrade })), manifest: a.manifest }
  stage.tell('upgrade', whole)
  await stage.note('apply', () => b.applyProof(whole))
  stage.tell('lengths', [b.length, b.byteLength, b.contiguousLength])
  await stage.note('missing', () => b.missingNodes(3))
  const block = (await a.proof({
    block: { index: 3, nodes: await b.missingNodes(3) }
  })) as CoreProof
  stage.tell('block', block)
  await stage.note('apply block', () => b.applyProof(block))
  await stage.note('get', () => b.get(3, { wait: false }))
  await stage.note('missing near', () => b.missingNodes(2))
  stage.tell('hash', await a.proof({ hash: { index: 2, nodes: 1 } }))
  stage.tell('seek', await a.proof({ seek: { bytes: 20 } }))
  const nodes = await b.missingNodes(5)
  const five = (await a.proof({ block: { index: 5, nodes } })) as CoreProof
  const forged = five.block && { ...five.block, value: Buffer.from('forged') }
  await stage.note('false', () => b.applyProof({ ...five, block: forged }))
  await stage.note('another fork', () => b.applyProof({ ...block, fork: 3 }))
  await stage.note('not here', () => b.proof({ block: { index: 0, nodes: 2 } }))
})

both('heads proven from nothing', async (stage) => {
  const a = await stage.open(null, { keyPair: pair })
  await filled(a, 5)
  const b = await stage.open(a.key)
  const proof = { ...(await a.proof({ upgrade: { start: 0, length: 5 } })), manifest: a.manifest }
  await stage.note('head', async () => {
    const head = await b.verifyFullyRemote(proof)
    return [head.length, head.byteLength, head.fork, head.hash()]
  })
  stage.tell('nothing stored', b.length)
  const upgrade = proof.upgrade && { ...proof.upgrade, signature: Buffer.alloc(64) }
  await stage.note('signature', () => b.verifyFullyRemote({ ...proof, upgrade }))
  await stage.note('signable', () => a.signable())
  await stage.note('signable at 3', () => a.signable(3, 2))
})

both('marks and sweeps', async (stage) => {
  const core = await stage.open(null, { keyPair: pair })
  await filled(core, 8)
  await core.startMarking()
  await stage.note('twice', () => core.startMarking())
  await core.get(2)
  const session = core.session()
  await session.get(4)
  await core.markBlock(6, 8)
  await stage.note('sweep', () => core.sweep())
  await stage.note('has', () => Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map((i) => core.has(i))))
  await stage.note('again', () => core.startMarking())
  await core.markBlock(6)
  await core.clearMarkings()
  await core.markBlock(7)
  await stage.note('sweep', () => core.sweep({ batchSize: 1 }))
  await stage.note('has', () => Promise.all([2, 4, 6, 7].map((i) => core.has(i))))
})

both('marks outlast the core', async (stage) => {
  const directory = await stage.directory()
  const core = await stage.openIn(directory, null, { keyPair: pair })
  await filled(core, 5)
  await core.startMarking()
  await core.markBlock(1, 3)
  await core.close()
  const again = await stage.openIn(directory)
  await stage.note('sweep', () => again.sweep())
  await stage.note('has', () => Promise.all([0, 1, 2, 3, 4].map((i) => again.has(i))))
})

both('user data', async (stage) => {
  const directory = await stage.directory()
  const core = await stage.openIn(directory, null, { keyPair: pair, userData: { first: 'yes' } })
  await stage.note('first', () => core.getUserData('first'))
  await stage.note('none', () => core.getUserData('none'))
  await stage.note('set', () => core.setUserData('name', Buffer.from('value')))
  await stage.note('text', () => core.setUserData('text', 'héllo'))
  const session = core.session()
  await stage.note('session', () => session.getUserData('name'))
  await session.close()
  await core.close()
  const again = await stage.openIn(directory)
  await stage.note('again', () =>
    Promise.all(['first', 'name', 'text'].map((name) => again.getUserData(name)))
  )
  await stage.note('over', () => again.setUserData('name', 'new'))
  await stage.note('new', () => again.getUserData('name'))
})

both('a manifest that is given to a session', async (stage, Class) => {
  const directory = await stage.directory()
  const manifest = { version: 1, signers: [{ publicKey: pair.publicKey }] }
  const key = Class.key(manifest)
  stage.tell('key', key)
  const core = await stage.openIn(directory, key)
  stage.follow('core', core, ['manifest'])
  stage.tell('none', core.manifest)
  const wrong = core.session({
    manifest: { version: 1, signers: [{ publicKey: other.publicKey }] }
  })
  await stage.note('wrong', () => wrong.ready())
  const session = core.session({ manifest })
  await session.ready()
  stage.tell('manifest', core.manifest)
  await core.close()
  await session.close()
  const again = await stage.openIn(directory, key)
  stage.tell('again', again.manifest)
})

both('a manifest that a peer tells', async (stage) => {
  const a = await stage.open(null, { keyPair: pair })
  await a.append('a')
  const b = await stage.open(a.key)
  stage.follow('b', b, ['manifest', 'append'])
  stage.replicate(a, b)
  await stage.note('get', () => b.get(0))
  stage.tell('manifest', b.manifest)
})

both('other signers', async (stage, Class) => {
  const manifest = {
    version: 1,
    quorum: 1,
    signers: [{ publicKey: pair.publicKey }, { publicKey: Buffer.from(other.publicKey) }]
  }
  const core = await stage.open(null, { manifest, keyPair: pair })
  stage.tell('key', core.key?.equals(Class.key(manifest)))
  await stage.note('own', () => core.append('a'))
  await stage.note('other', () => core.append('b', { keyPair: other }))
  const stranger = createKeyPair(Buffer.alloc(32, 9))
  await stage.note('stranger', () => core.append('c', { keyPair: stranger }))
  core.setKeyPair(other)
  await stage.note('set', () => core.append('d'))
  stage.tell('length', core.length)
  await stage.note('cut', () => core.truncate(1, { keyPair: other }))
  stage.tell('length', [core.length, core.fork])
})

both('a key pair that comes later', async (stage) => {
  const a = await stage.open(null, { keyPair: pair })
  const b = await stage.open(a.key)
  stage.tell('writable', b.writable)
  await stage.note('not yet', () => b.append('x'))
  b.setKeyPair(pair)
  stage.tell('pair', b.keyPair === pair)
  const session = a.session({ keyPair: null })
  await session.ready()
  stage.tell('session', [session.writable, session.keyPair])
})

both('by discovery key', async (stage, Class) => {
  const directory = await stage.directory()
  const core = await stage.openIn(directory, null, { keyPair: pair })
  await core.append('a')
  const discoveryKey = core.discoveryKey as Buffer
  await core.close()
  const again = await stage.openIn(directory, null, { discoveryKey })
  stage.tell('again', [again.key, again.length, again.writable])
  await again.close()
  await stage.note('none', async () => {
    const none = stage.make(directory, null, {
      discoveryKey: Class.discoveryKey(Buffer.alloc(32, 5))
    })
    await none.ready()
  })
})

both('preload', async (stage) => {
  const directory = await stage.directory()
  const core = stage.make(directory, null, {
    preload: Promise.resolve({ keyPair: pair, valueEncoding: 'json' })
  })
  stage.tell('before', [core.key, core.core, core.peers])
  await core.ready()
  stage.tell('after', [core.key, core.preload])
  await core.append({ a: 1 })
  await stage.note('get', () => core.get(0))
  const failing = stage.make(await stage.directory(), null, {
    preload: Promise.reject(new Error('no'))
  })
  await stage.note('failing', () => failing.ready())
})

both('hooks', async (stage) => {
  const seen: unknown[] = []
  const core = await stage.open(null, {
    keyPair: pair,
    onseq: (index) => seen.push(['seq', index]),
    ongc: () => seen.push('gc')
  })
  await core.append(['a', 'b'])
  const session = core.session({ onwait: (index) => seen.push(['wait', index]) })
  await session.get(1)
  await stage.note('waits', () => session.get(5, { timeout: 5 }))
  await session.close()
  stage.tell('seen', seen)
  await core.close()
  stage.tell('seen', seen)
})

both('static members', async (stage, Class) => {
  const key = Buffer.alloc(32, 3)
  stage.tell('discovery key', Class.discoveryKey(key))
  stage.tell('block key', Class.blockEncryptionKey(key, Buffer.alloc(32, 4)))
  stage.tell('keys', [
    Class.key(pair.publicKey),
    Class.key(pair.publicKey, { compat: true }),
    Class.key(pair.publicKey, { version: 0 }),
    Class.key(pair.publicKey, { namespace: key })
  ])
  stage.tell('limit', Class.MAX_SUGGESTED_BLOCK_SIZE)
  stage.tell('manifest', Class.parseManifest({ signers: [{ publicKey: pair.publicKey }] }))
  await stage.note('quorum', () =>
    Class.parseManifest({ quorum: 2, signers: [{ publicKey: pair.publicKey }] })
  )
  await stage.note('key of another', () =>
    Class.parseManifest({ signers: [{ publicKey: pair.publicKey }] }, key)
  )
  const core = await stage.open(null, { keyPair: pair })
  await core.append(['a', 'b', 'c'])
  await stage.note('tree hash', () => Class.treeHashFromStorage(core as never, 2))
  stage.tell('muxer', typeof Class.getProtocolMuxer(core.replicate(true) as object).pair)
})

both('how far peers are', async (stage) => {
  const a = await stage.open(null, { keyPair: pair })
  await filled(a, 3)
  const b = await stage.open(a.key)
  const told: unknown[] = []
  a.on('remote-contiguous-length', (length) => told.push(length))
  const pipe = stage.replicate(a, b)
  await b.download({ start: 0, end: 3 }).done()
  await stage.until(() => a.remoteContiguousLength === 3 && told.length > 0)
  stage.tell('told', told.at(-1))
  await pipe.cut()
  stage.tell('stays', a.remoteContiguousLength)
  await a.truncate(1)
  stage.tell('cut', a.remoteContiguousLength)
})
