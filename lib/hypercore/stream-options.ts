// What the streams of a session can be made with.

export interface ReadStreamOptions {
  /** First block; 0 by default. */
  start?: number
  /** One past the last block; by default the length when the stream is opened. */
  end?: number
  wait?: boolean
  timeout?: number
  /** Does not end, but waits for what is appended. */
  live?: boolean
  /** False: also what is appended while it is read. */
  snapshot?: boolean
}

export interface ByteStreamOptions {
  byteOffset?: number
  /** By default up to the end when the stream is opened. */
  byteLength?: number
  /** Blocks to fetch ahead. */
  prefetch?: number
}
