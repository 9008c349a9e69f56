// Info: a core as it is at one moment, as `core.info()` tells it.

export class Info {
  readonly key: Buffer | null
  readonly discoveryKey: Buffer | null
  readonly length: number
  readonly contiguousLength: number
  readonly byteLength: number
  readonly fork: number
  readonly padding: number
  /** Bytes on the disk, if they were asked for. */
  readonly storage: StorageBytes | null

  constructor(of: Omit<Info, 'storage'>, storage: StorageBytes | null) {
    this.key = of.key
    this.discoveryKey = of.discoveryKey
    this.length = of.length
    this.contiguousLength = of.contiguousLength
    this.byteLength = of.byteLength
    this.fork = of.fork
    this.padding = of.padding
    this.storage = storage
  }
}

export interface StorageBytes {
  readonly oplog: number
  readonly tree: number
  readonly blocks: number
  readonly bitfield: number
}
