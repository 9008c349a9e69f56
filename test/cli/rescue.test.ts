// fsck, backup and restore, end to end; and that a secret shows up nowhere but in the file `secret`.
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Assertions, test } from 'brittle'
import { createKeyPair } from '../../lib/crypto/key-pair.ts'
import { Log } from '../../lib/log/log.ts'
import { CommandLine } from './command-line.ts'

async function makeLog(line: CommandLine, name: string, blocks = 30): Promise<void> {
  const log = await Log.open(line.path(name), { encoding: 'utf-8' })
  await log.append(Array.from({ length: blocks }, (_, i) => `block ${i} ${'x'.repeat(i)}`))
  await log.close()
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at]! ^= 0x10
  await writeFile(path, bytes)
}

test('fsck: sound, found, repaired, left; a directory of logs', async (t) => {
  const line = await CommandLine.open(t)
  await makeLog(line, 'a')
  const sound = await line.run(['fsck', 'a', '--deep'])
  t.alike([sound.code, sound.stdout], [0, 'a: sound\n'])
  await flip(line.path('a/nodes'), 3 * 48 + 9)
  const found = await line.run(['fsck', 'a', '--json'])
  t.is(found.code, 2)
  const [first] = found.stdout.split('\n').map((text) => JSON.parse(text || '{}'))
  t.alike([first.kind, first.file, first.byteOffset, first.state], ['node', 'nodes', 144, 'found'])
  const repaired = await line.run(['fsck', 'a', '--repair'])
  t.is(repaired.code, 1, repaired.stdout)
  t.ok(repaired.stdout.endsWith('a: repaired\n'))
  t.is((await line.run(['fsck', 'a', '--deep'])).code, 0)
  t.is((await line.run(['cat', 'a', '7'])).stdout, 'block 7 xxxxxxx')
  await flip(line.path('a/blocks'), 3)
  t.is((await line.run(['fsck', 'a'])).code, 0, 'blocks are read with --deep only')
  const lost = await line.run(['fsck', 'a', '--deep', '--repair'])
  t.is(lost.code, 2, 'the block is absent now')
  await makeLog(line, 'b')
  const both = await line.run(['fsck', '.', '--deep'])
  t.alike([both.code, both.stdout], [0, 'a: sound\nb: sound\n'])
  t.is((await line.run(['fsck', 'none'])).code, 1)
})

test('fsck: a log that does not open; wide rights', async (t) => {
  const line = await CommandLine.open(t)
  await makeLog(line, 'a')
  await writeFile(line.path('a/oplog'), '')
  const found = await line.run(['fsck', 'a'])
  t.is(found.code, 2)
  t.ok(found.stdout.includes('oplog is damaged'), found.stdout)
  const salvaged = await line.run(['fsck', 'a', '--repair'])
  t.is(salvaged.code, 2, 'what it held is not here')
  const append = await line.run(['append', 'a'], 'fork')
  t.ok(append.stderr.includes('BEHIND'), append.stderr)
  await makeLog(line, 'b')
  await chmod(line.path('b/secret'), 0o640)
  const wide = await line.run(['fsck', 'b'])
  t.is(wide.code, 0)
  t.ok(wide.stdout.includes('warning: secret can be read by others'), wide.stdout)
  t.is((await line.run(['fsck', 'b', '--strict'])).code, 2)
})

test('backup and restore, with and without the key pair', async (t) => {
  const line = await CommandLine.open(t)
  await makeLog(line, 'a')
  await makeLog(line, 'b', 5)
  t.is((await line.run(['backup', 'a', 'b', '--output', 'all'])).code, 0)
  t.is((await stat(line.path('all'))).mode & 0o777, 0o600)
  t.is((await line.run(['backup', 'a', '--output', 'all'])).code, 64, 'nothing is written over')
  const checked = await line.run(['restore', 'all', '--check', '--json'])
  t.alike(
    checked.stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text).blocks),
    [30, 5]
  )
  t.is((await line.run(['restore', 'all', 'copies'])).code, 0)
  t.is((await line.run(['cat', 'copies/1', '7'])).stdout, 'block 7 xxxxxxx')
  t.is((await line.run(['verify', 'copies/2'])).code, 0)
  await flip(line.path('all'), 2000)
  t.is((await line.run(['restore', 'all', 'more'])).code, 2)
  t.absent((await readdir(line.directory)).includes('more'), 'a damaged bundle restores nothing')

  await writeFile(line.path('word'), 'correct horse battery\n')
  const withKey = ['--with-key', '--passphrase-file', 'word']
  t.is((await line.run(['backup', 'a', '--output', 'k', ...withKey])).code, 0)
  t.is((await line.run(['backup', 'a', '--output', 'n', '--with-key'])).code, 64, 'no passphrase')
  t.is((await line.run(['restore', 'k', 'owned', ...withKey])).code, 0)
  const append = await line.run(['append', 'owned'], 'fork')
  t.ok(append.code === 1 && append.stderr.includes('BEHIND'), append.stderr)
  t.is((await line.run(['backup', 'a', '--output', 'r', '--range', '10..12'])).code, 0)
  t.is((await line.run(['restore', 'r', 'some'])).code, 0)
  t.ok((await line.run(['info', 'some'])).stdout.includes('here           2 blocks'))
})

test('a marked secret is in no output and no file but `secret`', async (t) => {
  const line = await CommandLine.open(t)
  const seed = new Uint8Array(32).fill(0x5a)
  seed.set(Buffer.from('MARKED-SECRET-SEED'))
  const log = await Log.open(line.path('a'), { keyPair: createKeyPair(seed) })
  await log.append(new Uint8Array(100))
  await log.close()
  await writeFile(line.path('word'), 'MARKED-PASSPHRASE')
  const outputs: string[] = []
  const run = async (...words: string[]): Promise<void> => {
    const { stdout, stderr } = await line.run(words, 'more\n')
    outputs.push(stdout, stderr)
  }
  const withKey = ['--with-key', '--passphrase-file', 'word']
  for (const flag of [[], ['--json']]) {
    for (const verb of ['append', 'info', 'fsck']) await run(verb, 'a', ...flag)
    await run('backup', 'a', '--output', `k${flag.length}`, ...withKey, ...flag)
    await run('restore', `k${flag.length}`, `r${flag.length}`, ...withKey, ...flag)
  }
  await run('restore', 'k0', 'a', ...withKey)
  await flip(line.path('a/secret'), 50)
  for (const flag of ['--json', '--repair']) await run('fsck', 'a', flag)
  t.is(findMark(outputs.map((text) => Buffer.from(text))), 0)
  await searchFiles(t, line.directory)
})

/** How many of the texts show the seed, as bytes or in the usual spellings, or the passphrase. */
function findMark(texts: readonly Buffer[]): number {
  const mark = Buffer.from('MARKED-SECRET-SEED')
  const forms = [
    mark,
    Buffer.from(mark.toString('hex')),
    Buffer.from(mark.toString('base64')),
    Buffer.from('MARKED-PASSPHRASE'),
    Buffer.from([...mark].join(','))
  ]
  return texts.filter((text) => forms.some((form) => text.includes(form))).length
}

async function searchFiles(t: Assertions, directory: string): Promise<void> {
  let secrets = 0
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'word') continue
    const found = findMark([await readFile(join(entry.parentPath, entry.name))])
    if (/^secret(-0)?$/.test(entry.name)) secrets += found
    else t.is(found, 0, entry.name)
  }
  t.ok(secrets > 1, 'the mark is where it belongs, so the search finds it')
}
