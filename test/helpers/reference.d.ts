// The parts of the reference packages that the tests use; they ship no types.
declare module '@hyperswarm/secret-stream' {
  interface KeyPair {
    publicKey: Uint8Array
    secretKey: Uint8Array
  }
  interface Options {
    pattern?: 'XX' | 'IK'
    keyPair?: KeyPair
    remotePublicKey?: Uint8Array
    keepAlive?: number
    handshake?: {
      tx: Uint8Array
      rx: Uint8Array
      hash: Uint8Array
      publicKey: Uint8Array
      remotePublicKey: Uint8Array
    }
  }
  class NoiseSecretStream {
    constructor(isInitiator: boolean, raw?: unknown, options?: Options)
    readonly isInitiator: boolean
    readonly publicKey: Uint8Array | null
    readonly remotePublicKey: Uint8Array | null
    readonly handshakeHash: Uint8Array | null
    readonly opened: Promise<boolean>
    readonly destroyed: boolean
    readonly rawStream: unknown
    write(message: Uint8Array): boolean
    end(): void
    pause(): void
    resume(): void
    destroy(error?: Error): void
    on(event: string, listener: (argument: never) => void): this
    once(event: string, listener: (argument: never) => void): this
  }
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default NoiseSecretStream
}

declare module 'protomux' {
  interface Message {
    send(value: unknown): boolean
  }
  interface Channel {
    readonly opened: boolean
    readonly closed: boolean
    open(handshake?: unknown): void
    close(): void
    cork(): void
    uncork(): void
    addMessage(options: {
      encoding: unknown
      onmessage?: (value: never) => unknown
      autoBatch?: boolean
    }): Message
    fullyOpened(): Promise<boolean>
  }
  class Protomux {
    constructor(stream: unknown)
    createChannel(options: {
      protocol: string
      aliases?: string[]
      id?: Uint8Array | null
      handshake?: unknown
      unique?: boolean
      onopen?: (handshake: never) => void
      onclose?: (isRemote: boolean) => void
      ondrain?: () => void
    }): Channel | null
    pair(key: { protocol: string; id?: Uint8Array }, callback: (id: Uint8Array) => unknown): void
    cork(): void
    uncork(): void
    opened(key: { protocol: string; id?: Uint8Array }): boolean
    destroy(error?: Error): void
  }
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default Protomux
}

declare module 'hypercore' {
  import type { Duplex } from 'node:stream'

  class Hypercore {
    constructor(storage: unknown, key?: Uint8Array | object | null, options?: object)
    readonly key: Uint8Array
    readonly discoveryKey: Uint8Array
    readonly length: number
    readonly byteLength: number
    readonly contiguousLength: number
    readonly fork: number
    readonly writable: boolean
    readonly keyPair: { publicKey: Uint8Array; secretKey: Uint8Array } | null
    readonly peers: readonly { remoteLength: number; remoteContiguousLength: number }[]
    ready(): Promise<void>
    close(): Promise<void>
    append(
      blocks: Uint8Array | readonly Uint8Array[]
    ): Promise<{ length: number; byteLength: number }>
    get(index: number, options?: { wait?: boolean; timeout?: number }): Promise<Uint8Array | null>
    has(start: number, end?: number): Promise<boolean>
    update(options?: { wait?: boolean; force?: boolean }): Promise<boolean>
    seek(byteOffset: number, options?: { wait?: boolean }): Promise<[number, number] | null>
    /** Of which the tests use only that it sends blocks to peers unasked. */
    readonly core: { readonly replicator: { push(index: number): Promise<void> } }
    treeHash(length?: number): Promise<Uint8Array>
    truncate(length: number): Promise<void>
    clear(start: number, end?: number): Promise<unknown>
    download(range?: {
      start?: number
      end?: number
      blocks?: readonly number[]
      linear?: boolean
    }): { done(): Promise<unknown>; destroy(): void }
    session(options?: { active?: boolean }): Hypercore
    replicate(target: boolean | object): Duplex
    on(event: string, listener: (...args: never[]) => void): this
    once(event: string, listener: (...args: never[]) => void): this
    off(event: string, listener: (...args: never[]) => void): this
  }
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default Hypercore
}

declare module 'hypercore10' {
  import Hypercore from 'hypercore'
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default Hypercore
}

declare module 'corestore' {
  import type { Duplex } from 'node:stream'
  import type Hypercore from 'hypercore'

  class Corestore {
    constructor(storage: unknown, options?: { primaryKey?: Uint8Array; unsafe?: boolean })
    readonly primaryKey: Uint8Array
    ready(): Promise<void>
    close(): Promise<void>
    get(options: { name?: string; key?: Uint8Array }): Hypercore
    namespace(name: string): Corestore
    replicate(target: boolean | object): Duplex
  }
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default Corestore
}

/** As far as the tests use them. The core is npm hypercore's, or whatever has its shape. */
declare module 'hyperbee' {
  export interface Entry {
    readonly seq: number
    readonly key: string
    readonly value: unknown
  }
  export interface Batch {
    put(key: string, value?: unknown, options?: object): Promise<void>
    get(key: string): Promise<Entry | null>
    del(key: string, options?: object): Promise<void>
    flush(): Promise<void>
    close(): Promise<void>
  }
  export interface Watcher extends AsyncIterable<[Hyperbee, Hyperbee]> {
    ready(): Promise<void>
    close(): Promise<void>
  }
  export interface EntryWatcher {
    readonly node: Entry | null
    on(name: 'update', listener: () => void): unknown
    close(): Promise<void>
  }
  class Hyperbee {
    constructor(core: object, options?: object)
    readonly version: number
    readonly writable: boolean
    readonly key: Buffer
    ready(): Promise<void>
    close(): Promise<void>
    put(key: string, value?: unknown, options?: object): Promise<void>
    get(key: string, options?: object): Promise<Entry | null>
    del(key: string, options?: object): Promise<void>
    getBySeq(seq: number): Promise<{ key: string; value: unknown } | null>
    batch(): Batch
    peek(range?: object, options?: object): Promise<Entry | null>
    createReadStream(range?: object, options?: object): AsyncIterable<Entry>
    createHistoryStream(options?: object): AsyncIterable<Entry & { readonly type: string }>
    createDiffStream(
      other: number | Hyperbee,
      options?: object
    ): AsyncIterable<{ readonly left: Entry | null; readonly right: Entry | null }>
    getAndWatch(key: string): Promise<EntryWatcher>
    watch(range?: object): Watcher
    checkout(version: number): Hyperbee
    snapshot(): Hyperbee
    sub(name: string, options?: object): Hyperbee
    getHeader(options?: object): Promise<object>
    update(options?: object): Promise<boolean>
    static isHyperbee(core: object, options?: object): Promise<boolean>
  }
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default Hyperbee
}

declare module 'hyperblobs' {
  export interface BlobId {
    readonly byteOffset: number
    readonly blockOffset: number
    readonly blockLength: number
    readonly byteLength: number
  }
  class Hyperblobs {
    constructor(core: object, options?: object)
    put(blob: Uint8Array, options?: object): Promise<BlobId>
    get(id: BlobId, options?: object): Promise<Buffer | null>
    clear(id: BlobId, options?: object): Promise<unknown>
    createReadStream(id: BlobId, options?: object): AsyncIterable<Buffer>
    createWriteStream(options?: object): {
      readonly id: BlobId
      write(data: Uint8Array): boolean
      end(data?: Uint8Array): void
      on(name: string, listener: () => void): unknown
    }
  }
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default Hyperblobs
}

declare module 'hyperbee2' {
  export interface Entry {
    readonly key: Buffer
    readonly value: Buffer
  }
  export interface WriteBatch {
    tryPut(key: Buffer, value: Buffer): void
    tryDelete(key: Buffer): void
    flush(): Promise<void>
  }
  class Hyperbee2 {
    constructor(store: object, options?: object)
    readonly core: { readonly key: Buffer; readonly length: number }
    ready(): Promise<void>
    close(): Promise<void>
    get(key: Buffer): Promise<Entry | null>
    write(options?: object): WriteBatch
    createReadStream(options?: object): AsyncIterable<Entry>
    snapshot(): Hyperbee2
    update(root?: object): void
  }
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default Hyperbee2
}

declare module 'hyperdrive' {
  /** What it has, test/corestore/hyperdrive.test.ts says. */
  class Hyperdrive {
    constructor(store: object, key?: Uint8Array)
  }
  // biome-ignore lint/style/noDefaultExport: the package is CommonJS
  export default Hyperdrive
}
