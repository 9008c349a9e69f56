// What lies on a simulated disk: files as maps of pages that never change, so that a disk differs from its neighbour
// by a few pages only and costs little. A page that is not in the map is zeros.
import { createHash } from 'node:crypto'

export const PAGE_BYTES = 4096

export interface FileImage {
  readonly byteLength: number
  readonly pages: ReadonlyMap<number, Uint8Array>
}

/** By name; a file that is not named is not there. */
export type DiskImage = ReadonlyMap<string, FileImage>

export type Alteration =
  | {
      readonly kind: 'write'
      readonly file: string
      readonly offset: number
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'truncate'; readonly file: string; readonly byteLength: number }

export const emptyFile: FileImage = { byteLength: 0, pages: new Map() }
const zeroPage = new Uint8Array(PAGE_BYTES)

export function altered(image: FileImage, op: Alteration): FileImage {
  return op.kind === 'write' ? written(image, op.offset, op.bytes) : resized(image, op.byteLength)
}

function written(image: FileImage, offset: number, bytes: Uint8Array): FileImage {
  const pages = new Map(image.pages)
  let at = 0
  while (at < bytes.byteLength) {
    const pageNumber = Math.floor((offset + at) / PAGE_BYTES)
    const from = offset + at - pageNumber * PAGE_BYTES
    const count = Math.min(PAGE_BYTES - from, bytes.byteLength - at)
    const page = new Uint8Array(PAGE_BYTES)
    const before = pages.get(pageNumber)
    if (before !== undefined && count < PAGE_BYTES) page.set(before)
    page.set(bytes.subarray(at, at + count), from)
    pages.set(pageNumber, page)
    at += count
  }
  return { byteLength: Math.max(image.byteLength, offset + bytes.byteLength), pages }
}

/** Cut, or longer by zeros. */
export function resized(image: FileImage, byteLength: number): FileImage {
  if (byteLength >= image.byteLength) return { byteLength, pages: image.pages }
  const pages = new Map(image.pages)
  for (const [pageNumber, bytes] of image.pages) {
    const start = pageNumber * PAGE_BYTES
    if (start >= byteLength) pages.delete(pageNumber)
    else if (start + PAGE_BYTES > byteLength) {
      const page = bytes.slice()
      page.fill(0, byteLength - start)
      pages.set(pageNumber, page)
    }
  }
  return { byteLength, pages }
}

export function pageOf(image: FileImage, pageNumber: number): Uint8Array {
  return image.pages.get(pageNumber) ?? zeroPage
}

/** Fills the target; the bytes must be within the file. */
export function readInto(image: FileImage, offset: number, target: Uint8Array): void {
  let at = 0
  while (at < target.byteLength) {
    const pageNumber = Math.floor((offset + at) / PAGE_BYTES)
    const from = offset + at - pageNumber * PAGE_BYTES
    const count = Math.min(PAGE_BYTES - from, target.byteLength - at)
    target.set(pageOf(image, pageNumber).subarray(from, from + count), at)
    at += count
  }
}

/** The same for equal disks. */
export function fingerprint(disk: DiskImage): string {
  const hash = createHash('sha1')
  for (const name of [...disk.keys()].sort()) {
    const { byteLength, pages } = disk.get(name)!
    hash.update(`${name} ${byteLength};`)
    for (const pageNumber of [...pages.keys()].sort((a, b) => a - b)) {
      const print = pagePrint(pages.get(pageNumber)!)
      if (print !== '') hash.update(`${pageNumber} ${print};`)
    }
  }
  return hash.digest('base64')
}

const prints = new WeakMap<Uint8Array, string>()

/** Empty for zeros, which count as a page that is not there. */
function pagePrint(page: Uint8Array): string {
  let print = prints.get(page)
  if (print === undefined) {
    const isZero = Buffer.compare(page, zeroPage) === 0
    print = isZero ? '' : createHash('sha1').update(page).digest('base64')
    prints.set(page, print)
  }
  return print
}
