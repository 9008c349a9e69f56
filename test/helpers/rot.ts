// Damage: what disks, people and backup tools do to files. Each kind changes one file of a set; the same seed does the
// same. Kinds are those of the design's T-ROT (testing.md section 5).
import type { SeededRandom } from './random.ts'
import type { Images } from './recorded-disk.ts'

export const ROT_FILES = ['oplog', 'blocks', 'nodes', 'presence', 'secret'] as const

export interface OtherImages {
  /** The same log, some time ago. */
  readonly older: Images
  /** Another log of the same shape. */
  readonly foreign: Images
}

type Damage = (
  bytes: Uint8Array,
  random: SeededRandom,
  file: string,
  other: OtherImages
) => Uint8Array | null

const flip = (bytes: Uint8Array, at: number, random: SeededRandom): Uint8Array => {
  bytes[at]! ^= 1 << random.int(8)
  return bytes
}

const longer = (bytes: Uint8Array, more: Uint8Array): Uint8Array => {
  const made = new Uint8Array(bytes.byteLength + more.byteLength)
  made.set(bytes)
  made.set(more, bytes.byteLength)
  return made
}

/** name → damage; null: the file is gone. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  'flip at head': (bytes, random) =>
    flip(bytes, random.int(Math.min(64, bytes.byteLength)), random),
  'flip at tail': (bytes, random) =>
    flip(bytes, bytes.byteLength - 1 - random.int(Math.min(64, bytes.byteLength)), random),
  flip: (bytes, random) => flip(bytes, random.int(bytes.byteLength), random),
  'flip of content': (bytes, random) => {
    const full = [...bytes.keys()].filter((at) => bytes[at] !== 0)
    return flip(bytes, full[random.int(full.length)] ?? 0, random)
  },
  '64 random bytes': (bytes, random) => {
    const at = random.int(bytes.byteLength)
    bytes.set(random.bytes(64).subarray(0, bytes.byteLength - at), at)
    return bytes
  },
  'zeroed sector': (bytes, random) => {
    const at = 512 * random.int(Math.ceil(bytes.byteLength / 512))
    return bytes.fill(0, at, at + 512)
  },
  'zeroed page': (bytes, random) => {
    const at = 4096 * random.int(Math.ceil(bytes.byteLength / 4096))
    return bytes.fill(0, at, at + 4096)
  },
  'page over another': (bytes, random) => {
    const pages = Math.ceil(bytes.byteLength / 4096)
    const from = 4096 * random.int(pages)
    const to = 4096 * random.int(pages)
    bytes.set(bytes.slice(from, from + Math.min(4096, bytes.byteLength - to)), to)
    return bytes
  },
  'sector over another': (bytes, random) => {
    const sectors = Math.ceil(bytes.byteLength / 512)
    const from = 512 * random.int(sectors)
    const to = 512 * random.int(sectors)
    bytes.set(bytes.slice(from, from + Math.min(512, bytes.byteLength - to)), to)
    return bytes
  },
  'one byte less': (bytes) => bytes.slice(0, -1),
  half: (bytes) => bytes.slice(0, bytes.byteLength >>> 1),
  nothing: () => new Uint8Array(0),
  '100 bytes more': (bytes, random) => longer(bytes, random.bytes(100)),
  '4 KiB zeros more': (bytes) => longer(bytes, new Uint8Array(4096)),
  removed: () => null,
  older: (bytes, _random, file, { older }) => older.get(file)?.slice() ?? bytes,
  'of another log': (bytes, _random, file, { foreign }) => foreign.get(file)?.slice() ?? bytes
}

export const KINDS: readonly string[] = Object.keys(DAMAGES)

export function copyImages(images: Images): Images {
  return new Map([...images].map(([name, bytes]) => [name, bytes.slice()]))
}

/** Damages one file of the set in place. */
export function damage(
  images: Images,
  file: string,
  kind: string,
  random: SeededRandom,
  other: OtherImages
): void {
  const bytes = images.get(file) ?? new Uint8Array(0)
  const damaged =
    bytes.byteLength === 0 ? bytes : (DAMAGES[kind]?.(bytes, random, file, other) ?? null)
  if (damaged === null) images.delete(file)
  else images.set(file, damaged)
}
