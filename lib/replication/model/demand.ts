// Demand: what local callers wait for, and how much of each is met. Holds no promises and knows no peers;
// callers are told the ids of the needs that were met.
import { LazyMap, LazySet } from '../../util/lazy.ts'
import { MAX_SCAN } from '../constants.ts'
import type { LocalLog, Need, NeedId } from './types.ts'

export interface RangeNeed {
  readonly id: NeedId
  readonly start: number
  readonly end: number
  readonly linear: boolean
  /** Blocks still missing, if only some of the range are wanted; else null. */
  readonly blocks: Set<number> | null
  /** Every block of the range below this one is held. */
  cursor: number
}

export interface SeekNeed {
  readonly id: NeedId
  readonly byteOffset: number
  readonly padding: number
  readonly start: number
  readonly end: number
}

export class Demand {
  /** Wanted single blocks, least recently looked at first; each with the callers who want it. */
  readonly blocks: LazyMap<number, Set<NeedId>> = new LazyMap()
  readonly ranges: LazyMap<NeedId, RangeNeed> = new LazyMap()
  readonly seeks: LazyMap<NeedId, SeekNeed> = new LazyMap()
  readonly upgrades: LazySet<NeedId> = new LazySet()
  #blockOf: LazyMap<NeedId, number> = new LazyMap()
  #nextId: NeedId = 1

  /** Number of needs that are not met. */
  get count(): number {
    return this.#blockOf.size + this.ranges.size + this.seeks.size + this.upgrades.size
  }

  add(need: Need): NeedId {
    const id = this.#nextId++
    switch (need.kind) {
      case 'block':
        this.#addBlock(id, need.index)
        break
      case 'range':
        this.ranges.set(id, {
          id,
          start: need.start,
          end: need.end,
          linear: need.linear,
          blocks: need.blocks === null ? null : new Set(need.blocks),
          cursor: need.start
        })
        break
      case 'seek':
        this.seeks.set(id, { id, ...need })
        break
      case 'upgrade':
        this.upgrades.add(id)
        break
    }
    return id
  }

  /** Forgets a need; false if it was met or dropped before. */
  drop(id: NeedId): boolean {
    const index = this.#blockOf.get(id)
    if (index !== undefined) {
      this.#blockOf.delete(id)
      const callers = this.blocks.get(index)
      callers?.delete(id)
      if (callers?.size === 0) this.blocks.delete(index)
      return true
    }
    return this.ranges.delete(id) || this.seeks.delete(id) || this.upgrades.delete(id)
  }

  /** Looked at just now: others come first next time. */
  passOver(index: number): void {
    const callers = this.blocks.get(index)
    if (callers === undefined) return
    this.blocks.delete(index)
    this.blocks.set(index, callers)
  }

  /** Of more needs than are looked at for one question, others come first next time. */
  turn(): void {
    rotate(this.blocks)
    rotate(this.ranges)
  }

  isWanted(index: number): boolean {
    if (this.blocks.has(index)) return true
    for (const range of this.ranges.values()) {
      if (index < range.cursor || index >= range.end) continue
      if (range.blocks === null || range.blocks.has(index)) return true
    }
    return false
  }

  /**
   * Blocks [start, end) are held now: the needs that this meets, which are forgotten. A seek counts as met
   * whenever it is worth looking again: whoever seeks narrows the range and asks anew.
   */
  arrived(start: number, end: number, local: LocalLog): NeedId[] {
    const met: NeedId[] = []
    if (this.blocks.size > 0) this.#meetBlocks(start, end, met)
    if (this.ranges.size > 0) this.#meetRanges(start, end, local, met)
    for (const seek of this.seeks.values()) {
      if (start < seek.end && end > seek.start) met.push(seek.id)
    }
    for (const id of met) this.drop(id)
    return met
  }

  /** Moves the range's cursor on; whether all of it is held. */
  isMet(range: RangeNeed, local: LocalLog): boolean {
    if (range.blocks !== null) {
      for (const index of range.blocks) {
        if (!local.has(index)) return false
        range.blocks.delete(index)
      }
      return true
    }
    if (range.cursor < local.contiguousLength) {
      range.cursor = Math.min(local.contiguousLength, range.end)
    }
    if (range.cursor < local.length) {
      const missing = local.findBlock(range.cursor, Math.min(range.end, local.length), false)
      range.cursor = missing === -1 ? Math.min(range.end, local.length) : missing
    }
    return range.cursor >= range.end
  }

  /** Blocks from there on are not those that were there: ranges begin again where they lie. */
  cut(length: number): void {
    for (const range of this.ranges.values()) {
      range.cursor = Math.min(range.cursor, Math.max(range.start, length))
    }
  }

  /** The log got longer: all who waited for that are served. */
  lengthened(): NeedId[] {
    const met = [...this.upgrades, ...this.seeks.keys()]
    this.upgrades.clear()
    this.seeks.clear()
    return met
  }

  #addBlock(id: NeedId, index: number): void {
    this.#blockOf.set(id, index)
    const callers = this.blocks.get(index)
    if (callers === undefined) this.blocks.set(index, new Set([id]))
    else callers.add(id)
  }

  #meetRanges(start: number, end: number, local: LocalLog, met: NeedId[]): void {
    for (const range of this.ranges.values()) {
      if (range.blocks === null ? range.cursor < start : end <= range.start) continue
      if (range.blocks !== null) for (let i = start; i < end; i++) range.blocks.delete(i)
      if (this.isMet(range, local)) met.push(range.id)
    }
  }

  #meetBlocks(start: number, end: number, met: NeedId[]): void {
    if (end - start <= this.blocks.size) {
      for (let index = start; index < end; index++) {
        const callers = this.blocks.get(index)
        if (callers !== undefined) met.push(...callers)
      }
      return
    }
    for (const [index, callers] of this.blocks) {
      if (index >= start && index < end) met.push(...callers)
    }
  }
}

/** Of a map with more entries than are looked at, those that were go to the end. */
function rotate<K, V>(map: LazyMap<K, V>): void {
  if (map.size <= MAX_SCAN) return
  let moved = 0
  for (const [key, value] of map) {
    if (moved++ >= MAX_SCAN) return
    map.delete(key)
    map.set(key, value)
  }
}
