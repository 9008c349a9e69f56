// Both: streams of one core.
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { both, type Core, type Stage } from './both.ts'

const keyPair = createKeyPair(Buffer.alloc(32, 7))

const TEXT = ['alfa', 'bravo', 'charlie', 'delta', 'echo']

async function filled(stage: Stage): Promise<Core> {
  const core = await stage.open(null, { keyPair, valueEncoding: 'utf-8' })
  await core.append(TEXT)
  return core
}

async function collect(stage: Stage, what: string, stream: AsyncIterable<unknown>): Promise<void> {
  await stage.note(what, async () => {
    const values: unknown[] = []
    for await (const value of stream) values.push(value)
    return values
  })
}

both('read streams', async (stage) => {
  const core = await filled(stage)
  await collect(stage, 'all', core.createReadStream())
  await collect(stage, 'from 2', core.createReadStream({ start: 2 }))
  await collect(stage, '1 to 3', core.createReadStream({ start: 1, end: 3 }))
  await collect(stage, 'nothing', core.createReadStream({ start: 3, end: 3 }))
  await collect(stage, 'beyond', core.createReadStream({ start: 9 }))
  await collect(stage, 'not waiting', core.createReadStream({ end: 9, wait: false }))
  await collect(stage, 'in time', core.createReadStream({ end: 9, timeout: 10 }))
})

both('a read stream with what comes', async (stage) => {
  const core = await filled(stage)
  const fixed: unknown[] = []
  for await (const value of core.createReadStream()) {
    fixed.push(value)
    if (fixed.length === 1) await core.append('more')
  }
  stage.tell('fixed', fixed)
  const live: unknown[] = []
  const stream = core.createReadStream({ live: true, start: 4 })
  stream.on('data', (value: unknown) => live.push(value))
  await stage.until(() => live.length === 2)
  await core.append('at last')
  await stage.until(() => live.length === 3)
  stream.destroy()
  stage.tell('live', live)
})

both('byte streams', async (stage) => {
  const core = await filled(stage)
  await collect(stage, 'all', core.createByteStream())
  await collect(stage, 'from 3', core.createByteStream({ byteOffset: 3 }))
  await collect(stage, '2 to 12', core.createByteStream({ byteOffset: 2, byteLength: 10 }))
  await collect(stage, 'a border', core.createByteStream({ byteOffset: 4, byteLength: 5 }))
  await collect(stage, 'nothing', core.createByteStream({ byteLength: 0 }))
})

both('write streams', async (stage) => {
  const core = await stage.open(null, { keyPair, valueEncoding: 'utf-8' })
  const stream = core.createWriteStream()
  const done = new Promise((resolve) => stream.on('finish', () => resolve(null)))
  for (const each of TEXT) stream.write(each)
  stream.end(null)
  await done
  stage.tell('length', core.length)
  await collect(stage, 'all', core.createReadStream())
})
