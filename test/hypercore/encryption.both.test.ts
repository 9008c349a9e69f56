// Both: blocks that are encrypted, each session for itself.
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { both } from './both.ts'

const keyPair = createKeyPair(Buffer.alloc(32, 7))
const key = Buffer.alloc(32, 1)
const sizeOf = (block: unknown) => (block as Buffer).byteLength

both('an encrypted core', async (stage) => {
  const core = await stage.open(null, { keyPair, encryption: { key } })
  stage.tell('padding', [core.padding, core.encryption !== null])
  await stage.note('append', () => core.append(['hello', 'encrypted', 'world']))
  stage.tell('lengths', [core.length, core.byteLength])
  for (const i of [0, 1, 2]) await stage.note(`get ${i}`, () => core.get(i))
  await stage.note('undecrypted', async () => sizeOf(await core.get(1, { decrypt: false })))
  await stage.note('raw', async () => sizeOf(await core.get(1, { raw: true })))
  for (const at of [0, 4, 5, 13, 14, 18, 19, 30])
    await stage.note(`seek ${at}`, () => core.seek(at, { wait: false }))
  await stage.note('info', async () => {
    const { byteLength, padding } = await core.info()
    return { byteLength, padding }
  })
  const session = core.session({ valueEncoding: 'utf-8' })
  await stage.note('session', () => session.get(0))
  await stage.note('bytes', async () => {
    const parts: Buffer[] = []
    for await (const part of core.createByteStream({ byteOffset: 3, byteLength: 8 }))
      parts.push(part)
    return Buffer.concat(parts)
  })
  const snapshot = core.snapshot({ valueEncoding: 'utf-8' })
  await snapshot.ready()
  await core.append('more')
  await stage.note('snapshot', () => snapshot.get(1))
  stage.tell('snapshot', [snapshot.length, snapshot.padding])
})

both('encryption that is learned later', async (stage, Class) => {
  const directory = await stage.directory()
  const first = await stage.openIn(directory, null, { keyPair, encryptionKey: key })
  await first.append(['a', 'b'])
  await first.close()
  const core = await stage.openIn(directory)
  stage.tell('padding', core.padding)
  await stage.note('sealed', async () => sizeOf(await core.get(0)))
  await stage.note('set', () => core.setEncryptionKey(key))
  stage.tell('padding', core.padding)
  await stage.note('get', () => core.get(0))
  const blockKey = Class.blockEncryptionKey(core.key as Buffer, key)
  stage.tell('block key', blockKey)
  const session = core.session()
  await session.ready()
  await stage.note('inherits', () => session.get(1))
  await stage.note('session', () => session.setEncryptionKey(blockKey, { block: true }))
  await stage.note('by block key', () => session.get(1))
  await stage.note('off', () => core.setEncryption(null))
  await stage.note('sealed again', async () => sizeOf(await core.get(0)))
  await stage.note('no provider', () => core.setEncryption({} as never))
  await stage.note('key of nothing', () => core.setEncryptionKey(null))
})

both('an encryption of one’s own', async (stage) => {
  const flip = (block: Uint8Array) => {
    for (let i = 2; i < block.byteLength; i++) block[i] = (block[i] ?? 0) ^ 255
  }
  const encryption = {
    padding: () => 2,
    encrypt: (index: number, block: Uint8Array) => {
      block[0] = index
      block[1] = 9
      flip(block)
    },
    decrypt: (_: number, block: Uint8Array) => flip(block)
  }
  const core = await stage.open(null, { keyPair, encryption })
  await core.append(['ab', 'cd'])
  stage.tell('state', [core.padding, core.byteLength])
  await stage.note('get', () => core.get(1))
  await stage.note('raw', () => core.get(1, { raw: true }))
  await stage.note('undecrypted', () => core.get(1, { decrypt: false }))
})

both('encrypted blocks between peers', async (stage) => {
  const a = await stage.open(null, { keyPair, encryption: { key } })
  await a.append(['alfa', 'bravo', 'charlie'])
  const b = await stage.open(a.key, { encryption: { key } })
  const blind = await stage.open(a.key)
  stage.tell('before', [b.padding, b.byteLength])
  stage.replicate(a, b)
  stage.replicate(a, blind)
  await stage.note('get', () => b.get(1))
  await stage.until(() => blind.length === 3)
  stage.tell('after', [b.padding, b.byteLength, blind.byteLength])
  await stage.note('seek', () => b.seek(5))
  await stage.note('blind', async () => sizeOf(await blind.get(1)))
  const sizes: unknown[] = []
  b.on('download', (index, byteLength) => sizes.push([index, byteLength]))
  await stage.note('download', () => b.get(2))
  stage.tell('sizes', sizes)
})

both('sessions with and without encryption', async (stage) => {
  const core = await stage.open(null, { keyPair })
  const secret = core.session({ encryption: { key } })
  await secret.ready()
  await core.append('open')
  await secret.append('secret')
  await stage.note('open', () => core.get(0))
  await stage.note('secret', () => secret.get(1))
  stage.tell('padding', [core.padding, secret.padding])
  const child = secret.session({ valueEncoding: 'utf-8' })
  await stage.note('child', () => child.get(1))
})

both('an encrypted batch', async (stage) => {
  const core = await stage.open(null, { keyPair, encryption: { key } })
  await core.append('a')
  const batch = core.session({ name: 'batch' })
  await batch.append(['b', 'c'])
  await stage.note('get', () => Promise.all([batch.get(0), batch.get(2)]))
  stage.tell('lengths', [batch.length, batch.byteLength, core.length])
  await stage.note('commit', () => core.commit(batch))
  await stage.note('core get', () => Promise.all([core.get(1), core.get(2)]))
})
