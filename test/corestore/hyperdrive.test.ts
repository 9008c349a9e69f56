// npm hyperdrive, unmodified, on stores of the façade: what its documentation shows, on both and compared; and drives that
// are written on one side and read on the other, with a stock corestore there.
import Hyperdrive from 'hyperdrive'
import { both, hex, mixed, type Store } from './both.ts'

interface Entry {
  readonly key: string
  readonly value: {
    readonly metadata: unknown
    readonly executable: boolean
    readonly linkname: string | null
  }
}

interface Writing {
  write(bytes: Uint8Array): boolean
  end(bytes?: Uint8Array): void
  once(event: string, listener: () => void): void
}

/** The part of hyperdrive that is used here; it ships no types. */
interface Drive {
  readonly key: Buffer
  readonly version: number
  ready(): Promise<void>
  close(): Promise<void>
  put(path: string, bytes: Uint8Array, options?: object): Promise<unknown>
  get(path: string, options?: object): Promise<Buffer | null>
  del(path: string): Promise<unknown>
  entry(path: string): Promise<Entry | null>
  exists(path: string): Promise<boolean>
  symlink(path: string, target: string): Promise<unknown>
  list(folder?: string): AsyncIterable<Entry>
  readdir(folder: string): AsyncIterable<string>
  diff(version: number, folder: string): AsyncIterable<{ left: Entry | null; right: Entry | null }>
  checkout(version: number): Drive
  batch(): Drive & { flush(): Promise<void> }
  update(options?: object): Promise<boolean>
  download(folder: string): { done(): Promise<void> }
  has(path: string): Promise<boolean>
  clear(path: string): Promise<unknown>
  mirror(out: Drive): AsyncIterable<{ op: string; key: string }>
  watch(
    folder?: string
  ): AsyncIterable<unknown> & { ready(): Promise<void>; destroy(): Promise<void> }
  createReadStream(path: string, options?: object): AsyncIterable<Uint8Array>
  createWriteStream(path: string, options?: object): Writing
}

const DriveClass = Hyperdrive as unknown as new (store: Store, key?: Uint8Array) => Drive
const text = (value: string): Buffer => Buffer.from(value)

async function driveIn(store: Store, key?: Uint8Array): Promise<Drive> {
  const drive = new DriveClass(store, key)
  await drive.ready()
  return drive
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}

async function fill(drive: Drive): Promise<void> {
  await drive.put('/hello.txt', text('hi'))
  await drive.put('/folder/a.txt', text('aa'), { executable: true, metadata: { n: 1 } })
  await drive.put('/folder/b.txt', text('bb'))
  await drive.symlink('/link', '/hello.txt')
}

both('files, entries, links, folders', async (stage) => {
  const drive = await driveIn(await stage.open())
  await fill(drive)
  const entry = await drive.entry('/folder/a.txt')
  return {
    hello: hex(await drive.get('/hello.txt')),
    link: [hex(await drive.get('/link')), hex(await drive.get('/link', { follow: true }))],
    entry: [entry?.value.metadata, entry?.value.executable, entry?.value.linkname],
    missing: [await drive.entry('/no'), await drive.get('/no'), await drive.exists('/no')],
    list: (await all(drive.list('/folder'))).map(({ key }) => key),
    names: await all(drive.readdir('/')),
    version: drive.version
  }
})

both('deletions, versions, differences', async (stage) => {
  const drive = await driveIn(await stage.open())
  await fill(drive)
  const { version } = drive
  await drive.del('/folder/b.txt')
  await drive.put('/hello.txt', text('again'))
  const differences = await all(drive.diff(version, '/'))
  const before = drive.checkout(version)
  return {
    now: [hex(await drive.get('/hello.txt')), await drive.exists('/folder/b.txt')],
    before: [hex(await before.get('/hello.txt')), await before.exists('/folder/b.txt')],
    differences: differences.map(({ left, right }) => [left?.key, right?.key])
  }
})

both('batches and streams', async (stage) => {
  const drive = await driveIn(await stage.open())
  const batch = drive.batch()
  await batch.put('/one', text('1'))
  await batch.put('/two', text('2'))
  const early = await drive.exists('/one')
  await batch.flush()
  const writing = drive.createWriteStream('/large')
  const closed = new Promise<void>((resolve) => writing.once('close', resolve))
  for (let i = 0; i < 5; i++) writing.write(Buffer.alloc(50_000, i))
  writing.end(text('the end'))
  await closed
  const part = await all(drive.createReadStream('/large', { start: 199_990, end: 200_010 }))
  const tail = await all(drive.createReadStream('/large', { start: 250_000 }))
  const whole = await drive.get('/large')
  return {
    early,
    after: [await drive.exists('/one'), await drive.exists('/two')],
    part: hex(Buffer.concat(part)),
    tail: Buffer.concat(tail).toString(),
    length: whole?.byteLength
  }
})

both('a mirror, and what is cleared', async (stage) => {
  const store = await stage.open()
  const drive = await driveIn(store.namespace('a'))
  const copy = await driveIn(store.namespace('b'))
  await fill(drive)
  await copy.put('/old', text('old'))
  const done = (await all(drive.mirror(copy))).map(({ op, key }) => `${op} ${key}`)
  await drive.clear('/hello.txt')
  return {
    done: done.sort(),
    copied: hex(await copy.get('/folder/a.txt')),
    has: [await drive.has('/hello.txt'), await drive.has('/folder/a.txt')]
  }
})

mixed('a drive', async (t, writer, reader) => {
  const drive = await driveIn(writer)
  await fill(drive)
  const copy = await driveIn(reader, drive.key)
  await copy.update({ wait: true })
  t.is(String(await copy.get('/hello.txt')), 'hi')
  t.alike(
    (await all(copy.list('/'))).map(({ key }) => key).sort(),
    (await all(drive.list('/'))).map(({ key }) => key).sort()
  )
  t.is(await copy.has('/folder/a.txt'), false)
  await copy.download('/folder').done()
  t.is(await copy.has('/folder/a.txt'), true)

  const changed = new Promise<void>((resolve) => {
    const watcher = copy.watch('/')
    void (async () => {
      for await (const _ of watcher) break
      resolve()
    })()
  })
  await drive.put('/later', Buffer.alloc(100_000, 3))
  await changed
  const later = await copy.get('/later')
  t.is(later?.byteLength, 100_000)
  const part = await all(copy.createReadStream('/later', { start: 99_990, end: 99_999 }))
  t.is(hex(Buffer.concat(part)), '03'.repeat(10))
  await copy.close()
  await drive.close()
})
