// logwood fetch: copies a log, or a part of it, from a peer's address into a directory.
import { connect, type Socket } from 'node:net'
import { keyToText, Log, type LogwoodError, StorageError, UnavailableError } from '../../index.ts'
import { type BlockRange, isRange, parseKey, parseRange, UsageError } from '../arguments.ts'
import { type Command, type Context, EXIT_OK } from '../command.ts'
import type { Output } from '../output.ts'
import { Patience } from '../patience.ts'
import { formatTcpAddress, parseTcpAddress, TCP_OPTION, type TcpAddress } from '../tcp-address.ts'

const DEFAULT_TIMEOUT_SECONDS = 30
const MAX_TIMEOUT_SECONDS = 86_400

export const logFetch: Command = {
  name: 'fetch',
  synopsis: 'fetch DIR --tcp HOST:PORT [KEY] [RANGE]',
  help: `Copies blocks of the log with that KEY into DIR, and checks each against the log's signature.
KEY may be left out if DIR holds the log already: only what is missing is fetched.
RANGE: 5 (one block), 0..100 (the first hundred), 10.. (all from the eleventh on); all by default.
Exit code 2 if not all of it came; what came is kept.`,
  example: 'logwood fetch ./copy --tcp 127.0.0.1:4977 KEY 0..100',
  words: [1, 3],
  options: {
    tcp: TCP_OPTION,
    timeout: {
      type: 'string',
      value: 'SECONDS',
      help: `give up when nothing came for so long (default ${DEFAULT_TIMEOUT_SECONDS})`
    }
  },
  run: fetch
}

async function fetch({ args, output, signal }: Context): Promise<number> {
  const address = parseTcpAddress(args.text('tcp'), 1)
  const { key, range } = keyAndRange(args.wordsFrom(1))
  const limits = { min: 1, max: MAX_TIMEOUT_SECONDS }
  const seconds = args.integer('timeout', limits) ?? DEFAULT_TIMEOUT_SECONDS
  // Before the connection: without a key, a directory without a log is the user's mistake.
  if (key === null) await (await Log.open(args.directory(), { readOnly: true })).close()
  using patience = new Patience(seconds * 1000, signal)
  const socket = await connectTo(address, patience)
  try {
    await using log = await Log.open(
      args.directory(),
      key === null ? { createIfMissing: false } : { key }
    )
    return await copy(log, socket, { range, patience, output })
  } finally {
    socket.destroy()
  }
}

interface Work {
  readonly range: BlockRange
  readonly patience: Patience
  readonly output: Output
}

async function copy(log: Log, socket: Socket, work: Work): Promise<number> {
  const { range, patience, output } = work
  // There is one peer: what goes wrong with it, or with our disk, is the end.
  log.on('fault', (error) => patience.end(error as LogwoodError))
  const stream = log.replicateOver(socket, { isInitiator: true })
  stream.opened.catch((error: unknown) => patience.end(hasLeft(error)))
  await patience.until((signal) => log.update({ signal }))
  if (log.peers.length === 0 && !isHere(log, range)) {
    throw new UnavailableError('NOT_AVAILABLE', 'The peer does not have this log')
  }
  const start = range.start
  const end = range.end ?? Math.max(start, log.length)
  const wanted = Math.min(end, log.length) - start
  const missing = countMissing(log, start, Math.min(end, log.length))
  let fetched = 0
  let bytes = 0
  log.on('download', ({ index, byteLength }) => {
    patience.renew()
    fetched++
    bytes += byteLength
    if (index >= start && index < end) output.progress('fetched', fetched, missing)
  })
  if (wanted > 0) {
    const blocks = { start, end: start + wanted }
    await patience.until((signal) => log.download({ ...blocks, signal }).done())
  }
  if (end > log.length) {
    const message = `The log ends at ${log.length}: not all of ${start}..${end} exists`
    throw new UnavailableError('NOT_AVAILABLE', message)
  }
  if (!log.has(start, end)) {
    throw new StorageError('READ_FAILED', 'Blocks that came are not here any more')
  }
  await log.flush()
  await report(log, { start, end, fetched, bytes }, output)
  return EXIT_OK
}

async function report(
  log: Log,
  result: { start: number; end: number; fetched: number; bytes: number },
  output: Output
): Promise<void> {
  const { start, end, fetched, bytes } = result
  const treeHash = Buffer.from(await log.treeHash()).toString('hex')
  const lines = [
    `fetched    ${fetched} blocks, ${bytes} bytes`,
    `here       ${start}..${end} of ${log.length} blocks`,
    `tree hash  ${treeHash}`
  ]
  await output.result(lines.join('\n'), {
    key: keyToText(log.key),
    fetched,
    bytes,
    start,
    end,
    length: log.length,
    treeHash
  })
}

/** KEY and RANGE in this order, either of them alone, or none. @throws UsageError */
function keyAndRange(words: readonly string[]): { key: Uint8Array | null; range: BlockRange } {
  const [first, second] = words
  if (first !== undefined && isRange(first)) {
    if (second !== undefined) throw new UsageError('KEY comes before RANGE')
    return { key: null, range: parseRange(first) }
  }
  return {
    key: first === undefined ? null : parseKey(first),
    range: parseRange(second ?? '0..')
  }
}

/** Without an end, only a peer knows what there is. */
function isHere(log: Log, { start, end }: BlockRange): boolean {
  return end !== null && log.has(start, end)
}

function countMissing(log: Log, start: number, end: number): number {
  let count = 0
  for (let index = start; index < end; index++) if (!log.has(index)) count++
  return count
}

/** From now on, and until it has ended, patience ends with the connection. */
async function connectTo(address: TcpAddress, patience: Patience): Promise<Socket> {
  const socket = connect(address)
  socket.setNoDelay(true)
  const connected = (): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', (error) => {
        const message = `Cannot connect to ${formatTcpAddress(address)}`
        reject(new UnavailableError('NOT_AVAILABLE', message, error))
      })
      patience.signal.addEventListener('abort', () => {
        socket.destroy()
        reject(patience.signal.reason as LogwoodError)
      })
    })
  await patience.until(connected)
  socket.on('error', (error) => patience.end(hasLeft(error)))
  socket.on('close', () => patience.end(hasLeft()))
  return socket
}

function hasLeft(cause?: unknown): LogwoodError {
  return new UnavailableError('NOT_AVAILABLE', 'The peer left before all was here', cause)
}
