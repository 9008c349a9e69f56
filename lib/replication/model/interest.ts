// Interest: the regions of the log whose presence we asked each peer to report, now and as it changes (the
// wire's "want"). Regions are aligned powers of two, which stock peers remember.

import { LazyMap } from '../../util/lazy.ts'
import { MAX_SCAN, MAX_WANTS, WANT_BLOCKS } from '../constants.ts'
import type { Demand } from './demand.ts'
import type { RemoteLog } from './remote-log.ts'
import type { LocalLog, PeerId } from './types.ts'

export interface Region {
  readonly start: number
  readonly length: number
}

export interface InterestStep {
  readonly want: Region
  /** Given up to make room. */
  readonly unwant: Region | null
}

export class Interest {
  /** Starts of subscribed regions per peer, oldest first. */
  #regions: LazyMap<PeerId, Set<number>> = new LazyMap()

  removePeer(peer: PeerId): void {
    this.#regions.delete(peer)
  }

  /** The next region to subscribe to, which counts as done from now on; null if nothing more need be known. */
  next(peer: PeerId, remote: RemoteLog, local: LocalLog, demand: Demand): InterestStep | null {
    if (remote.contiguousLength >= remote.length || demand.count === 0) return null
    const start = this.#unknownRegion(this.#regionsOf(peer), remote, local, demand)
    return start === -1 ? null : this.#subscribe(peer, start)
  }

  /** The same for one block, whatever is demanded. */
  at(peer: PeerId, remote: RemoteLog, index: number | null): InterestStep | null {
    if (index === null) return null
    const start = regionOf(index)
    const isKnown = index >= remote.length || remote.has(index)
    return isKnown || this.#regionsOf(peer).has(start) ? null : this.#subscribe(peer, start)
  }

  #regionsOf(peer: PeerId): Set<number> {
    return this.#regions.get(peer) ?? new Set()
  }

  #subscribe(peer: PeerId, start: number): InterestStep {
    const regions = this.#regionsOf(peer)
    regions.add(start)
    this.#regions.set(peer, regions)
    let unwant: Region | null = null
    if (regions.size > MAX_WANTS) {
      const [oldest] = regions
      if (oldest !== undefined) {
        regions.delete(oldest)
        unwant = { start: oldest, length: WANT_BLOCKS }
      }
    }
    return { want: { start, length: WANT_BLOCKS }, unwant }
  }

  #unknownRegion(
    regions: ReadonlySet<number>,
    remote: RemoteLog,
    local: LocalLog,
    demand: Demand
  ): number {
    let looked = 0
    for (const index of demand.blocks.keys()) {
      const region = regionOf(index)
      const known = index >= remote.length || remote.has(index) || regions.has(region)
      if (!known) return region
      if (++looked >= MAX_SCAN) break
    }
    for (const seek of demand.seeks.values()) {
      const region = this.#firstUnknown(regions, remote, seek.start, seek.end)
      if (region !== -1) return region
    }
    for (const range of demand.ranges.values()) {
      const end = Math.min(range.end, local.length)
      const region = this.#firstUnknown(regions, remote, range.cursor, end)
      if (region !== -1) return region
    }
    return -1
  }

  #firstUnknown(
    regions: ReadonlySet<number>,
    remote: RemoteLog,
    start: number,
    end: number
  ): number {
    const stop = Math.min(end, remote.length)
    let region = regionOf(Math.max(start, remote.contiguousLength))
    for (let looked = 0; region < stop && looked < MAX_WANTS; looked++) {
      if (!regions.has(region)) return region
      region += WANT_BLOCKS
    }
    return -1
  }
}

function regionOf(index: number): number {
  return index - (index % WANT_BLOCKS)
}
