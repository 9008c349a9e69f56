// Both: two cores of one implementation that replicate.
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { both, type Core, type Stage } from './both.ts'

const keyPair = createKeyPair(Buffer.alloc(32, 7))

async function couple(stage: Stage, blocks: readonly string[]): Promise<[Core, Core]> {
  const a = await stage.open(null, { keyPair, valueEncoding: 'utf-8' })
  await a.append(blocks)
  const b = await stage.open(a.key, { valueEncoding: 'utf-8' })
  return [a, b]
}

both('get and download', async (stage) => {
  const [a, b] = await couple(stage, ['a', 'b', 'c', 'd', 'e'])
  const seen: unknown[] = []
  a.on('upload', (index, byteLength) => seen.push(['upload', index, byteLength]))
  b.on('download', (index, byteLength) => seen.push(['download', index, byteLength]))
  stage.replicate(a, b)
  await stage.note('update', () => b.update({ wait: true }))
  stage.tell('lengths', [b.length, b.byteLength, b.fork, b.contiguousLength])
  await stage.note('get 2', () => b.get(2))
  await stage.note('has', () => Promise.all([b.has(1), b.has(2)]))
  stage.tell('seen', seen)
  await stage.note('download', () => b.download({ start: 0, end: 4 }).done())
  await stage.note('has', () => Promise.all([b.has(0, 4), b.has(4)]))
  await stage.note('length', () => b.download({ start: 4, length: 1 }).done())
  await stage.note('blocks', () => b.download({ blocks: [1, 4] }).downloaded())
  await stage.note('all', () => b.download({ start: 0, end: a.length }).done())
  stage.tell('contiguous', b.contiguousLength)
  const endless = b.download({ start: 0, end: -1 })
  await endless.ready()
  await a.append('f')
  await stage.until(() => b.contiguousLength === 6)
  endless.destroy()
  await stage.note('given up', () => endless.done())
  stage.tell('manifest', [b.manifest, b.writable])
  await stage.note('tree hash', () => b.treeHash())
})

both('peers', async (stage) => {
  const [a, b] = await couple(stage, ['a', 'b', 'c'])
  stage.follow('a', a, ['peer-add', 'peer-remove'])
  stage.tell('none', [a.peers.length, b.peers.length])
  const added: unknown[] = []
  b.on('peer-add', (peer) => added.push(peer))
  const pipe = stage.replicate(a, b)
  await stage.until(() => a.peers.length === 1 && b.peers.length === 1)
  await b.update({ wait: true })
  stage.tell('same', [added[0] === b.peers[0], Buffer.isBuffer(b.peers[0]?.remotePublicKey)])
  stage.tell('numbers', [b.peers[0]?.remoteLength, b.peers[0]?.remoteFork])
  await stage.until(() => b.peers[0]?.remoteContiguousLength === 3)
  await pipe.cut()
  await stage.until(() => a.peers.length === 0 && b.peers.length === 0)
})

both('what is appended comes by itself', async (stage) => {
  const [a, b] = await couple(stage, ['a'])
  stage.replicate(a, b)
  await stage.until(() => b.length === 1)
  stage.follow('b', b, ['append', 'truncate'])
  await a.append('b')
  await stage.until(() => b.length === 2)
  await stage.note('get', () => b.get(1))
  await stage.note('beyond', async () => {
    const waiting = b.get(2)
    await a.append('c')
    return waiting
  })
})

both('a cut is followed', async (stage) => {
  const [a, b] = await couple(stage, ['a', 'b', 'c', 'd'])
  stage.replicate(a, b)
  await b.update({ wait: true })
  await b.download({ start: 0, end: 4 }).done()
  const old = b.snapshot({ valueEncoding: 'utf-8' })
  await old.ready()
  stage.follow('b', b, ['truncate'])
  await a.truncate(2)
  await a.append('C')
  await stage.until(() => b.fork === 1 && b.length === 3)
  await stage.note('get', () => Promise.all([b.get(1), b.get(2)]))
  stage.tell('old', [old.length, old.fork])
  await stage.note('old blocks', () => Promise.all([old.get(0), old.get(2), old.get(3)]))
})

both('seeks', async (stage) => {
  const [a, b] = await couple(stage, ['alfa', 'bravo', 'charlie', 'delta', 'echo', 'foxtrot'])
  stage.replicate(a, b)
  await b.update({ wait: true })
  for (const at of [0, 3, 4, 9, 16, 20, 31]) await stage.note(`seek ${at}`, () => b.seek(at))
})

both('many cores on one connection', async (stage) => {
  const [a, b] = await couple(stage, ['a', 'b'])
  const other = await stage.open(null, { valueEncoding: 'utf-8' })
  await other.append(['x', 'y'])
  const copy = await stage.open(other.key, { valueEncoding: 'utf-8' })
  const pipe = stage.replicate(a, b)
  other.replicate(pipe.first)
  copy.replicate(pipe.second)
  await stage.note('first', () => b.get(1))
  await stage.note('second', () => copy.get(1))
})

both('a protocol stream with a hook', async (stage, Class) => {
  const [a, b] = await couple(stage, ['a', 'b'])
  const asked: unknown[] = []
  const first = Class.createProtocolStream(true, {
    ondiscoverykey: async (discoveryKey) => {
      asked.push(discoveryKey)
      a.replicate(first)
    }
  })
  const second = b.replicate(false)
  stage.join(first as never, second as never)
  await stage.note('get', () => b.get(1))
  stage.tell('asked', asked.length > 0 && (asked[0] as Buffer).equals(a.discoveryKey as Buffer))
})

both('replicating before it is open', async (stage) => {
  const a = stage.make(await stage.directory(), null, { keyPair, valueEncoding: 'utf-8' })
  await a.ready()
  const b = stage.make(await stage.directory(), a.key, { valueEncoding: 'utf-8' })
  stage.replicate(a, b)
  await a.append('a')
  await stage.note('get', () => b.get(0))
})

both('nobody has it', async (stage) => {
  const [a, b] = await couple(stage, ['a', 'b', 'c'])
  await a.clear(1)
  stage.replicate(a, b)
  await b.update({ wait: true })
  await stage.note('get', () => b.get(1, { timeout: 100 }))
})

both('who is looking for peers', async (stage) => {
  const [a, b] = await couple(stage, ['a', 'b'])
  await stage.note('nobody', () => b.update())
  const done = b.findingPeers()
  const update = stage.note('update waits', () => b.update())
  stage.replicate(a, b)
  await update
  done()
  const other = await stage.open(Buffer.alloc(32, 3))
  const over = other.findingPeers()
  const vain = stage.note('in vain', () => other.update())
  setImmediate(over)
  await vain
  await stage.note('no peers', () => other.update({ wait: true }))
})

both('sessions and peers', async (stage) => {
  const [a, b] = await couple(stage, ['a', 'b'])
  const session = b.session({ valueEncoding: 'utf-8' })
  await session.ready()
  stage.replicate(a, session)
  await stage.note('get', () => session.get(1))
  stage.tell('peers', [b.peers.length, session.peers.length])
  const waiting = stage.note('cancelled', () => session.get(9))
  await stage.until(() => session.activeRequests.length === 1)
  await session.close()
  await waiting
  await stage.note('others go on', () => b.get(0))
})

both('an earlier history is not to be had', async (stage) => {
  const [a, b] = await couple(stage, ['a', 'b', 'c'])
  const pipe = stage.replicate(a, b)
  await b.update({ wait: true })
  await pipe.cut()
  const waiting = stage.note('a block that is cut off', () => b.get(2))
  const kept = stage.note('one that stays', () => b.get(1))
  await stage.until(() => b.activeRequests.length === 2)
  await a.truncate(2)
  await a.append(['C', 'D'])
  stage.replicate(a, b)
  await Promise.all([waiting, kept])
  await stage.note('the new one', () => b.get(2))
})
