// The part of random-access-file 4 that storage/file.ts uses; the package ships no types.
declare module 'random-access-file' {
  // biome-ignore lint/style/noDefaultExport: the package has nothing else
  export default class RandomAccessFile {
    constructor(path: string, options: { writable: boolean })
    /** The descriptor while open. */
    readonly fd: number
    open(callback: (error: Error | null) => void): void
    close(callback: (error: Error | null) => void): void
    read(
      offset: number,
      byteLength: number,
      callback: (error: Error | null, bytes?: Uint8Array) => void
    ): void
    truncate(byteLength: number, callback: (error: Error | null) => void): void
    del(offset: number, byteLength: number, callback: (error: Error | null) => void): void
    stat(callback: (error: Error | null, stat?: { size: number; blocks?: number }) => void): void
  }
}
