// The part of random-access-memory that the tests use; the package ships no types.
declare module 'random-access-memory' {
  const RandomAccessMemory: {
    reusable(): (name: string) => import('../../lib/storage/file.ts').RandomAccess
  }
  // biome-ignore lint/style/noDefaultExport: the package has nothing else
  export default RandomAccessMemory
}
