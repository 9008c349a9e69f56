// serve and fetch, end to end over loopback.

import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { test } from 'brittle'
import { CommandLine, type Result } from './command-line.ts'

const TEXT = Array.from({ length: 40 }, (_, i) => `block ${i}\n`).join('')
const OTHER_KEY = '00'.repeat(32)

async function withLog(line: CommandLine): Promise<void> {
  await line.run(['create', 'a'])
  await line.run(['append', 'a'], TEXT)
}

function record({ stdout }: Result): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>
}

test('serve and fetch: all, in parts, and again', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const { key, address, stop } = await line.serve('a')
  const part = await line.run(['fetch', 'b', '--tcp', address, key, '10..20', '--json'])
  const { fetched, start, end, length } = record(part)
  t.alike([part.code, part.stderr, fetched, start, end, length], [0, '', 10, 10, 20, 40])
  t.is((await line.run(['cat', 'b', '10..12'])).stdout, 'block 10block 11')
  const absent = await line.run(['cat', 'b', '9'])
  t.is(absent.code, 2)
  t.ok(absent.stderr.startsWith('logwood: NOT_AVAILABLE Block 9 is not here'), absent.stderr)
  t.is(record(await line.run(['verify', 'b', '--json']))['missing'], 30)
  t.is(record(await line.run(['fetch', 'b', '--tcp', address, '5', '--json']))['fetched'], 1)
  const rest = await line.run(['fetch', 'b', '--tcp', address])
  t.is(rest.code, 0)
  t.ok(rest.stdout.startsWith('fetched    29 blocks'), rest.stdout)
  t.ok(/^(fetched \d+ of 29 \(\d+ %\)\n){2,11}$/.test(rest.stderr), 'plain lines of progress')
  t.is((await line.run(['cat', 'b', '--lines'])).stdout, TEXT)
  const again = await line.run(['fetch', 'b', '--tcp', address, key, '--json'])
  t.alike([again.code, record(again)['fetched']], [0, 0])
  const mine = record(await line.run(['verify', 'a', '--json']))
  t.is(record(await line.run(['verify', 'b', '--json']))['treeHash'], mine['treeHash'])
  const ended = await stop('SIGTERM')
  t.alike([ended.code, ended.stderr], [0, ''])
})

test('several clients at once; SIGINT ends it, and the lock is free', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const { key, address, stop } = await line.serve('a')
  const results = await Promise.all(
    ['b', 'c', 'd'].map((name) => line.run(['fetch', name, '--tcp', address, key, '--json']))
  )
  t.alike(
    results.map((result) => [result.code, record(result)['fetched']]),
    [
      [0, 40],
      [0, 40],
      [0, 40]
    ]
  )
  t.is((await stop('SIGINT')).code, 0)
  t.is((await line.run(['append', 'a'], 'more\n')).code, 0)
})

test('a later fetch gets what was appended since', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const first = await line.serve('a')
  await line.run(['fetch', 'b', '--tcp', first.address, first.key])
  await first.stop('SIGTERM')
  await line.run(['append', 'a'], 'more\n')
  const second = await line.serve('a')
  const { code, stdout } = await line.run(['fetch', 'b', '--tcp', second.address, '--json'])
  t.alike([code, JSON.parse(stdout).fetched, JSON.parse(stdout).length], [0, 1, 41])
})

test('an empty log, and over IPv6', async (t) => {
  const line = await CommandLine.open(t)
  await line.run(['create', 'a'])
  const server = await line.serve('a', '[::1]:0').catch((error: Error) => error.message)
  if (typeof server === 'string') return t.comment(`skipped: ${server}`)
  t.ok(server.address.startsWith('[::1]:'))
  const { code, stdout } = await line.run(['fetch', 'b', '--tcp', server.address, server.key])
  t.is(code, 0)
  t.ok(stdout.includes('0..0 of 0 blocks'), stdout)
})

test('LOCKED names the process; cat, info and verify work beside serve', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const { pid } = await line.serve('a')
  for (const words of [
    ['append', 'a'],
    ['serve', 'a', '--tcp', '127.0.0.1:0']
  ]) {
    const { code, stderr } = await line.run(words)
    t.is(code, 1)
    t.ok(stderr.startsWith('logwood: LOCKED '), stderr)
    t.ok(stderr.includes(`process ${pid}\n`))
  }
  t.is((await line.run(['cat', 'a', '--lines'])).stdout, TEXT)
  t.is((await line.run(['info', 'a'])).code, 0)
  t.is((await line.run(['verify', 'a'])).code, 0)
})

test('another key than that of the log in the directory', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const { address } = await line.serve('a')
  await line.run(['create', 'b'])
  const { code, stderr } = await line.run(['fetch', 'b', '--tcp', address, OTHER_KEY])
  t.is(code, 1)
  t.ok(stderr.startsWith('logwood: WRONG_KEY '), stderr)
  t.absent(stderr.includes(OTHER_KEY))
})

test('a key that the peer does not have', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const { address } = await line.serve('a')
  const words = ['fetch', 'b', '--tcp', address, OTHER_KEY, '--timeout', '2']
  const { code, stdout, stderr } = await line.run(words)
  t.alike([code, stdout], [2, ''])
  t.ok(/^logwood: (TIMEOUT|NOT_AVAILABLE) /.test(stderr), stderr)
})

test('append to a log of somebody else', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const { key, address } = await line.serve('a')
  await line.run(['fetch', 'b', '--tcp', address, key])
  const { code, stderr } = await line.run(['append', 'b'], 'mine\n')
  t.is(code, 1)
  t.ok(stderr.startsWith('logwood: NOT_WRITABLE '), stderr)
})

test('a range past the end', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const { key, address } = await line.serve('a')
  const { code, stderr } = await line.run(['fetch', 'b', '--tcp', address, key, '38..50'])
  t.is(code, 2)
  t.ok(stderr.includes('NOT_AVAILABLE The log ends at 40'), stderr)
  t.is((await line.run(['cat', 'b', '38..40'])).stdout, 'block 38block 39', 'what there is came')
})

test('nobody listens; a peer that says nothing; a peer that leaves; a peer that talks rubbish', async (t) => {
  const line = await CommandLine.open(t)
  const fetch = (port: number): Promise<Result> =>
    line.run(['fetch', 'b', '--tcp', `127.0.0.1:${port}`, OTHER_KEY, '--timeout', '1'])
  const silent = await listen((socket) => socket.resume())
  const leaving = await listen((socket) => socket.destroy())
  const rubbish = await listen((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  })
  t.teardown(() => {
    for (const { close } of [silent, leaving, rubbish]) close()
  })
  const gone = await listen(() => {})
  gone.close()
  const dead = await fetch(gone.port)
  t.is(dead.code, 2)
  const text = `logwood: NOT_AVAILABLE Cannot connect to 127.0.0.1:${gone.port} (ECONNREFUSED)\n`
  t.is(dead.stderr, text)
  const mute = await fetch(silent.port)
  t.is(mute.code, 2)
  t.ok(mute.stderr.startsWith('logwood: TIMEOUT Nothing came from the peer for 1 s'), mute.stderr)
  for (const { port } of [leaving, rubbish]) {
    const { code, stdout, stderr } = await fetch(port)
    t.alike([code, stdout], [2, ''])
    t.ok(stderr.startsWith('logwood: NOT_AVAILABLE The peer left'), stderr)
  }
})

test('an address that is taken', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const taken = await listen(() => {})
  t.teardown(() => taken.close())
  const { code, stderr } = await line.run(['serve', 'a', '--tcp', `127.0.0.1:${taken.port}`])
  t.is(code, 1)
  t.ok(/^logwood: EADDRINUSE .*\n {2}hint: /.test(stderr), stderr)
  t.is((await line.run(['append', 'a'], '')).code, 0, 'the lock is free')
})

test('serve outlives clients that talk rubbish, and stops beside silent ones', async (t) => {
  const line = await CommandLine.open(t)
  await withLog(line)
  const { key, address, stop } = await line.serve('a')
  const { connect } = await import('node:net')
  const port = Number(address.split(':')[1])
  const socket = connect(port, '127.0.0.1', () => socket.end('GET / HTTP/1.1\r\n\r\n'))
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  const silent = connect(port, '127.0.0.1')
  silent.on('error', () => {})
  t.teardown(() => silent.destroy())
  await new Promise((resolve) => silent.once('connect', resolve))
  t.is((await line.run(['fetch', 'b', '--tcp', address, key])).code, 0)
  t.is((await stop('SIGTERM')).code, 0)
})

async function listen(
  onConnection: (socket: Socket) => void
): Promise<{ port: number; close(): void }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = (): void => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { port, close }
}
