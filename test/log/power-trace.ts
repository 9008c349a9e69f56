// What a process did to the files of a directory, from the output of strace: the trace of a simulated disk, with what the
// process said on stdout at its place in it.
import { readFile } from 'node:fs/promises'
import type { TraceEntry } from '../helpers/sim-disk.ts'

export interface PowerTrace {
  readonly trace: TraceEntry[]
  /** Each line that was said, and how much of the trace had ended by then. */
  readonly said: { readonly line: string; readonly position: number }[]
  /** Where the directory was synced first; -1: never. */
  readonly namesSynced: number
}

/** To be given to strace: paths of descriptors, bytes in hex, whole. */
export const STRACE_OPTIONS: readonly string[] = [
  '-f',
  '-y',
  '-xx',
  '-s',
  '10000000',
  '-e',
  'trace=write,pwrite64,pwritev,ftruncate,fdatasync,fsync'
]

const CALL = /^(\w+)\((\d+)<([^>]*)>(.*)\)\s+= (-?\d+)/
const STRINGS = /"((?:\\x[0-9a-f]{2})*)"/g

interface Begun {
  readonly text: string
  readonly position: number
}

export async function readPowerTrace(file: string, directory: string): Promise<PowerTrace> {
  const trace: TraceEntry[] = []
  const said: { line: string; position: number }[] = []
  const begun = new Map<string, Begun>()
  let namesSynced = -1
  for (const line of (await readFile(file, 'latin1')).split('\n')) {
    const [, thread = '', text = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    const start = text.indexOf(' <unfinished ...>')
    if (start !== -1) {
      begun.set(thread, { text: text.slice(0, start), position: trace.length })
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)
    const before = resumed === null ? null : (begun.get(thread) ?? null)
    const whole = before === null ? text : before.text + resumed![1]!
    const [, name = '', fd = '', hexPath = '', rest = '', result = '-1'] = CALL.exec(whole) ?? []
    if (name === '' || Number(result) < 0) continue
    const path = bytesOf(hexPath).toString()
    if (fd === '1' && name === 'write') {
      const words = bytesIn(rest).toString()
      for (const each of words.trim().split('\n')) said.push({ line: each, position: trace.length })
    } else if (path === directory && name === 'fsync') {
      if (namesSynced === -1) namesSynced = trace.length
    } else if (path.startsWith(`${directory}/`)) {
      const entry = entryOf(
        name,
        path.slice(directory.length + 1),
        rest,
        before?.position ?? trace.length
      )
      if (entry !== null) trace.push(entry)
    }
  }
  return { trace, said, namesSynced }
}

function entryOf(name: string, file: string, rest: string, from: number): TraceEntry | null {
  if (file.startsWith('lock')) return null
  const last = Number(/(\d+)$/.exec(rest)?.[1] ?? Number.NaN)
  if (name === 'fdatasync' || name === 'fsync') return { kind: 'sync', file, from }
  if (name === 'ftruncate') return { kind: 'truncate', file, byteLength: last }
  if (name === 'pwrite64' || name === 'pwritev') {
    return { kind: 'write', file, offset: last, bytes: new Uint8Array(bytesIn(rest)) }
  }
  throw new Error(`${name} of ${file} is not understood`)
}

function bytesIn(text: string): Buffer {
  return Buffer.concat([...text.matchAll(STRINGS)].map((match) => bytesOf(match[1]!)))
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex')
}
