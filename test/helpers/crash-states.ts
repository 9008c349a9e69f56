// The disks that a crash at one moment of a trace may leave, by families: how a killed process leaves it (all done, or
// the write under way torn), and how lost power may leave it (any of the unsynced pieces, pages as at different
// moments, sectors within a page torn, lengths without data, names without their files).
// Order between writes holds only across a sync of their file.
import {
  type Alteration,
  altered,
  type DiskImage,
  emptyFile,
  type FileImage,
  PAGE_BYTES,
  pageOf,
  resized
} from './disk-image.ts'
import type { SeededRandom } from './random.ts'
import type { TraceEntry } from './sim-disk.ts'

export interface CrashState {
  readonly family:
    | 'prefix'
    | 'torn'
    | 'subsets'
    | 'moments'
    | 'sectors'
    | 'length'
    | 'names'
    | 'vanished'
  /** Says which one, to find it again. */
  readonly name: string
  /** The process was killed, and the system goes on: everything written is there. */
  readonly isKill: boolean
  readonly disk: DiskImage
}

const TORN_BYTES = [1, 8, 36, 511, 512, 513, 4095, 4096]
const SECTOR_BYTES = 512
/** Up to so many unsynced pieces all subsets are made. */
const EXHAUSTIVE_PIECES = 10

/** What is certain of a file, and what was done to it since, of which anything may have reached the disk. */
interface OpenFile {
  certain: FileImage
  open: Alteration[]
  cached: FileImage
  /** Pages that a failed sync lost, though they can be read. */
  lost: Set<number>
  hasFailed: boolean
}

export interface Sizes {
  readonly random: number
  readonly moments: number
  readonly sectors: number
}

export const ALL: Sizes = { random: 64, moments: 32, sectors: 16 }
export const SOME: Sizes = { random: 4, moments: 4, sectors: 2 }

/** Names may be missing before `namesUntil`, where the directory was synced. */
export function* crashStates(
  initial: DiskImage,
  trace: readonly TraceEntry[],
  cut: number,
  options: { random: SeededRandom; sizes: Sizes; namesUntil: number }
): Generator<CrashState> {
  const files = filesAt(initial, trace, cut)
  const now: DiskImage = new Map([...files].map(([name, { cached }]) => [name, cached]))
  yield { family: 'prefix', name: 'all', isKill: true, disk: now }
  yield* tornStates(now, trace[cut])
  const all = new Map([...files].map(([name, { open }]) => [name, open]))
  if ([...files.values()].some(({ hasFailed }) => hasFailed)) {
    yield { family: 'vanished', name: 'none', isKill: false, disk: withOpen(files, new Map()) }
    yield { family: 'vanished', name: 'all', isKill: false, disk: withOpen(files, all) }
  }
  yield* subsetStates(files, options)
  yield* momentStates(files, options)
  yield* lengthStates(files)
  if (cut <= options.namesUntil) yield* nameStates(now, options.random)
}

/** The disk after the power went, with nothing on it but what a sync made certain. */
export function barestDisk(initial: DiskImage, trace: readonly TraceEntry[]): DiskImage {
  return withOpen(filesAt(initial, trace, trace.length), new Map())
}

function filesAt(
  initial: DiskImage,
  trace: readonly TraceEntry[],
  cut: number
): Map<string, OpenFile> {
  const files = new Map<string, OpenFile>()
  const at = new Map<Alteration, number>()
  for (const [name, image] of initial) files.set(name, opened(image))
  for (let position = 0; position < cut; position++) {
    const entry = trace[position]!
    let file = files.get(entry.file)
    if (file === undefined) {
      file = opened(emptyFile)
      files.set(entry.file, file)
    }
    if (entry.kind === 'write' || entry.kind === 'truncate') {
      file.cached = altered(file.cached, entry)
      const op = withLostPages(file, entry)
      at.set(op, position)
      file.open.push(op)
      continue
    }
    const covered = file.open.filter((op) => (at.get(op) ?? 0) < entry.from)
    file.open = file.open.filter((op) => (at.get(op) ?? 0) >= entry.from)
    if (entry.kind === 'sync') for (const op of covered) file.certain = altered(file.certain, op)
    else lose(file, covered)
  }
  return files
}

function opened(image: FileImage): OpenFile {
  return { certain: image, open: [], cached: image, lost: new Set(), hasFailed: false }
}

/** Writing to a page that can be read but is lost brings the whole page back. */
function withLostPages(file: OpenFile, op: Alteration): Alteration {
  if (op.kind === 'truncate' || file.lost.size === 0 || op.bytes.byteLength === 0) return op
  let first = op.offset
  let end = op.offset + op.bytes.byteLength
  for (let page = Math.floor(op.offset / PAGE_BYTES); page * PAGE_BYTES < end; page++) {
    if (!file.lost.delete(page)) continue
    first = Math.min(first, page * PAGE_BYTES)
    end = Math.max(end, Math.min((page + 1) * PAGE_BYTES, file.cached.byteLength))
  }
  const bytes = new Uint8Array(end - first)
  for (let at = first; at < end; ) {
    const page = Math.floor(at / PAGE_BYTES)
    const from = at - page * PAGE_BYTES
    const count = Math.min(PAGE_BYTES - from, end - at)
    bytes.set(pageOf(file.cached, page).subarray(from, from + count), at - first)
    at += count
  }
  return { ...op, offset: first, bytes }
}

/** Pages are lost; the length is not, as it is kept elsewhere. */
function lose(file: OpenFile, covered: readonly Alteration[]): void {
  file.hasFailed = true
  for (const op of covered) {
    if (op.kind === 'truncate') file.certain = altered(file.certain, op)
    else {
      const end = op.offset + op.bytes.byteLength
      for (let page = Math.floor(op.offset / PAGE_BYTES); page * PAGE_BYTES < end; page++) {
        file.lost.add(page)
      }
      file.certain = resized(file.certain, Math.max(file.certain.byteLength, end))
    }
  }
}

function* tornStates(now: DiskImage, next: TraceEntry | undefined): Generator<CrashState> {
  if (next?.kind !== 'write') return
  const { byteLength } = next.bytes
  for (const bytes of new Set([...TORN_BYTES, byteLength - 1])) {
    if (bytes <= 0 || bytes >= byteLength) continue
    const torn: Alteration = { ...next, bytes: next.bytes.subarray(0, bytes) }
    const disk = new Map(now)
    disk.set(next.file, altered(now.get(next.file) ?? emptyFile, torn))
    yield { family: 'torn', name: `after ${bytes}`, isKill: true, disk }
  }
}

function* subsetStates(
  files: Map<string, OpenFile>,
  { random, sizes }: { random: SeededRandom; sizes: Sizes }
): Generator<CrashState> {
  const pieces = [...files.values()].flatMap(({ open }) => open.flatMap(inPages))
  const count = pieces.length
  const state = (name: string, keeps: (i: number) => boolean): CrashState => {
    const kept = new Map<string, Alteration[]>()
    pieces.forEach((piece, i) => {
      if (keeps(i)) kept.set(piece.file, [...(kept.get(piece.file) ?? []), piece])
    })
    return { family: 'subsets', name, isKill: false, disk: withOpen(files, kept) }
  }
  if (count <= EXHAUSTIVE_PIECES) {
    for (let mask = 0; mask < 2 ** count; mask++) {
      yield state(`mask ${mask} of ${count}`, (i) => (mask & (1 << i)) !== 0)
    }
    return
  }
  for (let k = 0; k <= count; k++) yield state(`first ${k} of ${count}`, (i) => i < k)
  for (let k = 0; k < count; k++) {
    yield state(`only ${k} of ${count}`, (i) => i === k)
    yield state(`all but ${k} of ${count}`, (i) => i !== k)
  }
  for (let k = 0; k < sizes.random; k++) {
    const share = random.next()
    const kept = pieces.map(() => random.next() < share)
    yield state(`random ${k}`, (i) => kept[i] === true)
  }
}

function* momentStates(
  files: Map<string, OpenFile>,
  { random, sizes }: { random: SeededRandom; sizes: Sizes }
): Generator<CrashState> {
  const histories = new Map<string, FileImage[]>()
  let versions = 0
  for (const [name, { certain, open }] of files) {
    const history = [certain]
    for (const op of open) history.push(altered(history.at(-1)!, op))
    histories.set(name, history)
    versions += open.length
  }
  if (versions === 0) return
  for (let k = 0; k < sizes.moments + sizes.sectors; k++) {
    const torn = k >= sizes.moments
    const disk = new Map<string, FileImage>()
    for (const [name, history] of histories) disk.set(name, mixed(history, random, torn))
    yield { family: torn ? 'sectors' : 'moments', name: `random ${k}`, isKill: false, disk }
  }
}

/** Each page as at a random moment, the length as at another. */
function mixed(history: readonly FileImage[], random: SeededRandom, torn: boolean): FileImage {
  const any = (): FileImage => history[random.int(history.length)]!
  const numbers = new Set(history.flatMap(({ pages }) => [...pages.keys()]))
  const pages = new Map<number, Uint8Array>()
  for (const pageNumber of numbers) {
    let page = pageOf(any(), pageNumber)
    if (torn && random.next() < 0.5) {
      const other = pageOf(any(), pageNumber)
      const split = SECTOR_BYTES * (1 + random.int(PAGE_BYTES / SECTOR_BYTES - 1))
      page = page.slice()
      page.set(other.subarray(split), split)
    }
    pages.set(pageNumber, page)
  }
  const most = Math.max(...history.map(({ byteLength }) => byteLength))
  return resized({ byteLength: most, pages }, any().byteLength)
}

function* lengthStates(files: Map<string, OpenFile>): Generator<CrashState> {
  for (const [name, { certain, open }] of files) {
    const full = open.reduce(altered, certain)
    if (full.byteLength === certain.byteLength) continue
    const others = new Map([...files].map(([each, file]) => [each, file.open]))
    const disk = withOpen(files, others)
    const zeros = resized(certain, full.byteLength)
    yield { family: 'length', name: `${name} zeros`, isKill: false, disk: disk.set(name, zeros) }
    const cut = resized(full, certain.byteLength)
    const short = new Map(disk).set(name, cut)
    yield { family: 'length', name: `${name} without its end`, isKill: false, disk: short }
  }
}

function* nameStates(now: DiskImage, random: SeededRandom): Generator<CrashState> {
  const names = [...now.keys()]
  for (let k = 0; k < Math.min(16, 2 ** names.length); k++) {
    const mask = 2 ** names.length <= 16 ? k : random.int(2 ** names.length)
    const disk = new Map([...now].filter((_, i) => (mask & (1 << i)) !== 0))
    yield { family: 'names', name: [...disk.keys()].join(' '), isKill: false, disk }
  }
}

function withOpen(
  files: Map<string, OpenFile>,
  kept: ReadonlyMap<string, readonly Alteration[]>
): Map<string, FileImage> {
  return new Map(
    [...files].map(([name, { certain }]) => [name, (kept.get(name) ?? []).reduce(altered, certain)])
  )
}

function inPages(op: Alteration): Alteration[] {
  if (op.kind !== 'write') return [op]
  const pieces: Alteration[] = []
  for (let at = 0; at < op.bytes.byteLength; ) {
    const offset = op.offset + at
    const count = Math.min(op.bytes.byteLength - at, PAGE_BYTES - (offset % PAGE_BYTES))
    pieces.push({ ...op, offset, bytes: op.bytes.subarray(at, at + count) })
    at += count
  }
  return pieces
}
