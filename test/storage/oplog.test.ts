// What an earlier use of a half left behind never links up with what is written there later, though it is the same
// again: the salt of each half is another one. Here a header is lost with its sector, the entry behind it is not, and
// the same header is written once more.
import { test } from 'brittle'
import { HALVES_OFFSET, SECTOR_BYTES } from '../../lib/storage/constants.ts'
import { File } from '../../lib/storage/file.ts'
import { memoryStorage } from '../../lib/storage/memory-storage.ts'
import { type EntryBody, Oplog } from '../../lib/storage/oplog.ts'
import { FLAG_HEADER, type Identity } from '../../lib/storage/oplog-format.ts'
import { type OplogScan, scanOplog } from '../../lib/storage/oplog-scan.ts'
import { seededRandom } from '../helpers/random.ts'
import { seededEnv } from '../helpers/seeded-env.ts'

const HALF_BYTES = 4096

const identity: Identity = {
  format: 1,
  minReader: 1,
  storeId: new Uint8Array(16).fill(1),
  key: new Uint8Array(32).fill(2),
  halfBytes: HALF_BYTES
}

function body(byteLength: number, flags: number): EntryBody {
  return { byteLength, flags, write: (target) => target.fill(7) }
}

async function scanned(file: File): Promise<OplogScan> {
  const found = await scanOplog(file, false)
  if (found.kind !== 'log') throw new Error(found.kind)
  return found.scan
}

async function start(oplog: Oplog, headerBytes: number, bodies: EntryBody[]): Promise<void> {
  const group = oplog.prepare(bodies, body(headerBytes, FLAG_HEADER))
  await oplog.write(group)
  oplog.advance(group)
}

test('an entry whose header was lost does not come back behind the same header', async (t) => {
  const file = await File.open('oplog', memoryStorage()('oplog'))
  await Oplog.writeIdentity(file, identity)
  const env = seededEnv(seededRandom(1))
  const oplog = new Oplog(file, identity, Oplog.unstarted(identity), env)
  for (const seq of [1, 2]) {
    await start(oplog, 100, [])
    oplog.synced(seq)
  }
  const before = await file.read(HALVES_OFFSET, SECTOR_BYTES)
  await start(oplog, 600, [body(50, 0)])
  t.is((await scanned(file)).position.lastSeq, 4)
  await file.write(HALVES_OFFSET, before)
  const { position } = await scanned(file)
  t.alike([position.half, position.lastSeq], [1, 2], 'header and entry were dropped')
  const again = new Oplog(file, identity, position, env)
  again.synced(2)
  await start(again, 600, [])
  const { entries, header } = await scanned(file)
  t.alike([header.seq, entries.length], [3, 0])
  await file.close()
})
