// The commands that need no peer, end to end: create, append, cat, info, verify.
import { once } from 'node:events'
import { open, readFile, writeFile } from 'node:fs/promises'
import { test } from 'brittle'
import { keyFromText } from '../../lib/index.ts'
import { CommandLine } from './command-line.ts'

test('create prints the key once; the directory is then taken', async (t) => {
  const line = await CommandLine.open(t)
  const { code, stdout, stderr } = await line.run(['create', 'a'])
  t.alike([code, stderr], [0, ''])
  t.is(keyFromText(stdout.trim()).byteLength, 32)
  t.is(line.searchForSecrets(), 1, 'there was a secret to search for')
  const again = await line.run(['create', 'a'])
  t.alike([again.code, again.stdout], [1, ''])
  t.is(again.stderr, 'logwood: INVALID_ARGUMENT There is a log in a already\n')
})

test('append from stdin: a block per line; cat gives them back', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  const { code, stdout } = await line.run(['append', 'a'], 'one\n\nthree\nno newline')
  t.alike([code, stdout], [0, 'appended 4 blocks: length 4, 18 bytes\n'])
  t.is((await line.run(['cat', 'a', '--lines'])).stdout, 'one\n\nthree\nno newline\n')
  t.is((await line.run(['cat', 'a'])).stdout, 'onethreeno newline')
  t.is((await line.run(['append', 'a'], '')).code, 0, 'nothing is no error')
  t.is((await line.run(['append', 'a', '--block-bytes', '4'], '123456789')).code, 0)
  t.is((await line.run(['cat', 'a', '4..', '--lines'])).stdout, '1234\n5678\n9\n')
})

test('long input from stdin, in more than one read', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  const text = Array.from({ length: 5000 }, (_, i) => `line ${i} ${'x'.repeat(i % 97)}\n`).join('')
  t.is((await line.run(['append', 'a'], text)).code, 0)
  t.ok((await line.run(['cat', 'a', '--lines'])).stdout === text, 'the same text')
})

test('append from files: whole, and cut', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  const bytes = Uint8Array.from({ length: 2500 }, (_, i) => i * 7)
  await writeFile(line.path('x'), bytes)
  await writeFile(line.path('y'), 'why')
  t.is((await line.run(['append', 'a', 'x', 'y'])).code, 0)
  const cut = await line.run(['append', 'a', 'x', '--block-bytes', '1000', '--json'])
  t.alike(JSON.parse(cut.stdout), { appended: 3, length: 5, byteLength: 5003 })
  const [block] = (await line.run(['cat', 'a', '0', '--json'])).stdout.trim().split('\n')
  const { index, base64 } = JSON.parse(block ?? '') as { index: number; base64: string }
  t.is(index, 0)
  t.ok(Buffer.from(base64, 'base64').equals(bytes))
  const missing = await line.run(['append', 'a', 'y', 'none'])
  t.alike([missing.code, missing.stdout], [1, ''])
  t.ok(missing.stderr.startsWith('logwood: ENOENT '), missing.stderr)
  t.is((await line.run(['cat', 'a', '5'])).code, 2, 'nothing was appended')
})

test('a file that is too long for a block', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  const file = await open(line.path('big'), 'w')
  await file.truncate(16 * 1024 * 1024)
  await file.close()
  const { code, stderr } = await line.run(['append', 'a', 'big'])
  t.is(code, 1)
  t.ok(/^logwood: LIMIT_EXCEEDED .*\n {2}hint: .*--block-bytes/.test(stderr), stderr)
})

test('ranges of cat', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  await line.run(['append', 'a'], '0\n1\n2\n3\n4\n')
  const cases: [string, string][] = [
    ['2', '2'],
    ['1..3', '12'],
    ['3..', '34'],
    ['..2', '01'],
    ['2..2', ''],
    ['5..', '']
  ]
  for (const [range, expected] of cases) {
    t.is((await line.run(['cat', 'a', range])).stdout, expected, range)
  }
  const past = await line.run(['cat', 'a', '4..7'])
  t.alike([past.code, past.stdout], [2, '4'])
  t.is(past.stderr, 'logwood: NOT_AVAILABLE Block 5 is past the end (length 5)\n')
  for (const range of ['x', '3..1', '-1', '1.5', '1...2']) {
    t.is((await line.run(['cat', 'a', range])).code, 64, range)
  }
})

test('info', async (t) => {
  const line = await CommandLine.open(t)
  const key = (await line.run(['create', 'a'])).stdout.trim()
  await line.run(['append', 'a'], 'one\ntwo\n')
  const text = await line.run(['info', 'a'])
  t.ok(text.stdout.includes(key))
  t.ok(text.stdout.includes('2 blocks, 6 bytes'), text.stdout)
  const record = JSON.parse((await line.run(['info', 'a', '--json'])).stdout) as { key: string }
  t.alike(
    { ...record, discoveryKey: '', treeHash: '' },
    {
      key,
      discoveryKey: '',
      length: 2,
      byteLength: 6,
      held: 2,
      contiguousLength: 2,
      fork: 0,
      behind: null,
      frozen: false,
      treeHash: ''
    }
  )
})

test('verify: sound, then with a byte flipped', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  await line.run(['append', 'a'], Array.from({ length: 12 }, (_, i) => `block ${i}\n`).join(''))
  const sound = await line.run(['verify', 'a', '--json'])
  const before = JSON.parse(sound.stdout) as Record<string, unknown>
  t.alike([sound.code, before['sound'], before['damaged']], [0, 12, []])
  const path = line.path('a/blocks')
  const bytes = await readFile(path)
  // Blocks 0 to 9 have 7 bytes each: these are in 2, 3 and 8.
  for (const at of [14, 27, 60]) bytes[at]! ^= 1
  await writeFile(path, bytes)
  const text = await line.run(['verify', 'a'])
  t.is(text.code, 2)
  t.ok(text.stdout.includes('damaged    blocks 2..4, 8\n'), text.stdout)
  const json = await line.run(['verify', 'a', '--json'])
  const after = JSON.parse(json.stdout) as Record<string, unknown>
  t.alike([json.code, json.stderr], [2, ''])
  t.alike([after['sound'], after['missing'], after['damaged']], [9, 0, [2, 3, 8]])
  t.is(after['treeHash'], before['treeHash'])
  const cat = await line.run(['cat', 'a', '2'])
  t.is(cat.code, 2)
  t.ok(cat.stderr.startsWith('logwood: CORRUPT Block 2 '), cat.stderr)
})

test('a directory without a log', async (t) => {
  const line = await CommandLine.open(t)
  for (const words of [
    ['append', 'none'],
    ['cat', 'none'],
    ['info', 'none'],
    ['verify', 'none'],
    ['serve', 'none', '--tcp', '127.0.0.1:0'],
    ['fetch', 'none', '--tcp', '127.0.0.1:1']
  ]) {
    const { code, stdout, stderr } = await line.run(words)
    t.alike([code, stdout], [1, ''], words[0])
    t.ok(/^logwood: NOT_FOUND .*\n {2}hint: .*\n$/.test(stderr), stderr)
  }
  const json = await line.run(['info', 'none', '--json'])
  const { error } = JSON.parse(json.stderr) as { error: { code: string } }
  t.is(error.code, 'NOT_FOUND')
})

test('a reader that leaves early is no fault', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  await line.run(['append', 'a', '--block-bytes', '65536'], new Uint8Array(4 * 1024 * 1024))
  const { child, ended } = line.start(['cat', 'a'])
  await once(child.stdout!, 'data')
  child.stdout?.destroy()
  const { code, stderr } = await ended
  t.alike([code, stderr], [0, ''])
})

test('SIGINT while append waits for stdin keeps what was appended', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  const { child, ended } = line.start(['append', 'a'])
  child.stdin?.write('kept\nunfinished')
  let held = 0
  for (let i = 0; i < 100 && held === 0; i++) {
    const { stdout } = await line.run(['info', 'a', '--json'])
    held = (JSON.parse(stdout) as { held: number }).held
  }
  child.kill('SIGINT')
  const { code, stderr } = await ended
  t.alike([code, stderr], [2, 'logwood: ABORTED Interrupted; appended so far: 1 blocks\n'])
  t.is((await line.run(['cat', 'a'])).stdout, 'kept')
})
