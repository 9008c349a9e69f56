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
