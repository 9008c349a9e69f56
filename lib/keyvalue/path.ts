// Paths: the string of symbols 0..15 that leads to a key. No key's path begins another's (spec hamt.md section 3).
import { SHORT_HASH_BYTES, shortHashInto } from '../crypto/hash.ts'
import { allocate, toLatin1 } from '../util/bytes.ts'
import { COMPONENT_SYMBOLS, DIGEST_SYMBOLS, ORDERED_BYTE_SYMBOLS } from './constants.ts'
import type { Key } from './key.ts'

/** Numbers of the header. */
export const HASHED = 1
export const ORDERED = 2

/** A symbol per byte. */
export type Path = Uint8Array

/** Digests of directories that are kept. */
const MAX_KNOWN_DIGESTS = 1024
/** Longer components are not worth being looked up. */
const MAX_KNOWN_BYTES = 64

/** The path function of one store. */
export interface Paths {
  readonly isOrdered: boolean
  pathOf(key: Key): Path
  /** What the paths of all keys below these components begin with. */
  prefixOf(components: Key): Path
}

export function pathsOf(header: {
  readonly pathFunction: number
  readonly seed: Uint8Array
}): Paths {
  return header.pathFunction === ORDERED ? orderedPaths : new HashedPaths(header.seed)
}

class HashedPaths implements Paths {
  readonly isOrdered = false
  readonly #seed: Uint8Array
  /** By the component's bytes as text. */
  readonly #known: Map<string, Uint8Array> = new Map()
  readonly #digest: Uint8Array = allocate(SHORT_HASH_BYTES)

  constructor(seed: Uint8Array) {
    this.#seed = seed
  }

  pathOf(key: Key): Path {
    const path = this.#below(key)
    path[path.byteLength - 1] = 0
    return path
  }

  prefixOf(components: Key): Path {
    return this.#below(components)
  }

  /** As if more components followed. */
  #below(components: Key): Path {
    const path = new Uint8Array(components.length * COMPONENT_SYMBOLS)
    const last = components.length - 1
    let at = 0
    for (let i = 0; i <= last; i++) {
      const component = components[i]!
      const digest = i < last ? this.#knownDigest(component) : this.#hash(component)
      for (let j = 0; j < SHORT_HASH_BYTES; j++) {
        const byte = digest[j]!
        path[at++] = byte >>> 4
        path[at++] = byte & 15
      }
      path[at++] = 1
    }
    return path
  }

  /** Valid until the next call. */
  #hash(component: Uint8Array): Uint8Array {
    shortHashInto(this.#digest, component, this.#seed)
    return this.#digest
  }

  #knownDigest(component: Uint8Array): Uint8Array {
    if (component.byteLength > MAX_KNOWN_BYTES) return this.#hash(component)
    const name = toLatin1(component)
    let digest = this.#known.get(name)
    if (digest === undefined) {
      if (this.#known.size >= MAX_KNOWN_DIGESTS) this.#known.clear()
      digest = this.#hash(component).slice()
      this.#known.set(name, digest)
    }
    return digest
  }
}

const orderedPaths: Paths = {
  isOrdered: true,
  pathOf(key) {
    const component = key[0]!
    const path = new Uint8Array(component.byteLength * ORDERED_BYTE_SYMBOLS + 1)
    writeOrdered(path, component)
    return path
  },
  prefixOf(components) {
    const component = components[0]!
    const path = new Uint8Array(component.byteLength * ORDERED_BYTE_SYMBOLS)
    writeOrdered(path, component)
    return path
  }
}

function writeOrdered(path: Uint8Array, bytes: Uint8Array): void {
  let at = 0
  for (const byte of bytes) {
    path[at++] = 1
    path[at++] = byte >>> 4
    path[at++] = byte & 15
  }
}

/** The first level at or behind `from` where two paths part; -1: none. */
export function partingLevel(a: Path, b: Path, from: number): number {
  const end = Math.min(a.byteLength, b.byteLength)
  for (let level = from; level < end; level++) {
    if (a[level] !== b[level]) return level
  }
  return -1
}

/** Whether a level is a digit of a hashed component, so that spans may cut there; how many follow in that component. */
export function digitsFrom(level: number): number {
  const inComponent = level % COMPONENT_SYMBOLS
  return DIGEST_SYMBOLS - inComponent
}
