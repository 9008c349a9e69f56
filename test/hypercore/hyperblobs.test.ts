// npm hyperblobs, unmodified, on the façade: as on npm hypercore, and read across, live.
import Hyperblobs from 'hyperblobs'
import { both } from './both.ts'
import { listed, mixed } from './packages.ts'

const large = Buffer.alloc(300_000, 'not all alike ')

both('hyperblobs', async (stage) => {
  const core = await stage.open()
  const blobs = new Hyperblobs(core, { blockSize: 10_000 })
  const id = await blobs.put(Buffer.from('hello world'))
  stage.tell('id', id)
  await stage.note('get', () => blobs.get(id))
  await stage.note('part', () => blobs.get(id, { start: 1, length: 2 }))
  const big = await blobs.put(large)
  stage.tell('big', big)
  await stage.note('whole', async () => (await blobs.get(big))?.equals(large))
  await stage.note('middle', () => blobs.get(big, { start: 123_456, end: 123_470 }))
  await stage.note('stream', async () =>
    Buffer.concat(await listed(blobs.createReadStream(big))).equals(large)
  )
  const written = blobs.createWriteStream()
  written.write(Buffer.from('in '))
  written.end(Buffer.from('pieces'))
  await new Promise<void>((resolve) => written.on('close', resolve))
  stage.tell('written', written.id)
  await stage.note('pieces', () => blobs.get(written.id))
  await stage.note('clear', () => blobs.clear(big))
  await stage.note('cleared', () => blobs.get(big, { wait: false }))
  stage.tell('length', [core.length, core.contiguousLength])
})

mixed('hyperblobs are read', async ({ t, writer, reader }) => {
  const ours = new Hyperblobs(writer, { blockSize: 10_000 })
  const id = await ours.put(large)
  const theirs = new Hyperblobs(reader)
  t.ok(
    (await theirs.get(id, { start: 250_000, length: 5 }))?.equals(large.subarray(250_000, 250_005))
  )
  t.absent(await reader.has(0), 'sparsely')
  t.ok(Buffer.concat(await listed(theirs.createReadStream(id))).equals(large))
  const late = theirs.get({ byteOffset: 300_000, blockOffset: 30, blockLength: 1, byteLength: 4 })
  await ours.put(Buffer.from('late'))
  t.is(String(await late), 'late')
})
