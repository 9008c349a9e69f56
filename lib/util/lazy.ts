// A map and a set that take next to no memory while they are empty: those of the language keep a table of some 150 bytes
// each. For objects of which there are thousands, most of them at rest. What is added while an iteration empties them is
// not seen by that iteration.

export class LazyMap<K, V> implements Iterable<[K, V]> {
  #map: Map<K, V> | null = null

  get size(): number {
    return this.#map === null ? 0 : this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map?.get(key)
  }

  has(key: K): boolean {
    return this.#map?.has(key) ?? false
  }

  set(key: K, value: V): this {
    this.#map ??= new Map()
    this.#map.set(key, value)
    return this
  }

  delete(key: K): boolean {
    const map = this.#map
    if (map === null || !map.delete(key)) return false
    if (map.size === 0) this.#map = null
    return true
  }

  clear(): void {
    this.#map = null
  }

  keys(): Iterable<K> {
    return this.#map === null ? NOTHING : this.#map.keys()
  }

  values(): Iterable<V> {
    return this.#map === null ? NOTHING : this.#map.values()
  }

  entries(): Iterable<[K, V]> {
    return this.#map === null ? NOTHING : this.#map.entries()
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return this.entries()[Symbol.iterator]()
  }
}

export class LazySet<T> implements Iterable<T> {
  #set: Set<T> | null = null

  get size(): number {
    return this.#set === null ? 0 : this.#set.size
  }

  has(value: T): boolean {
    return this.#set?.has(value) ?? false
  }

  add(value: T): this {
    this.#set ??= new Set()
    this.#set.add(value)
    return this
  }

  delete(value: T): boolean {
    const set = this.#set
    if (set === null || !set.delete(value)) return false
    if (set.size === 0) this.#set = null
    return true
  }

  clear(): void {
    this.#set = null
  }

  values(): Iterable<T> {
    return this.#set === null ? NOTHING : this.#set.values()
  }

  [Symbol.iterator](): Iterator<T> {
    return this.values()[Symbol.iterator]()
  }
}

const NOTHING: readonly never[] = []
