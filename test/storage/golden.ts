// The content of the golden log under test/storage/golden, one directory for each format that was ever written, and the
// text in which its files are kept: lines of `offset hex` for what is not zero, and the length at the end.
// Made by: node dist/test/storage/golden.js DIRECTORY (of a format that is released, never again).
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { Core } from '../../lib/core/core.ts'
import { createKeyPair, type KeyPair } from '../../lib/crypto/key-pair.ts'
import { diskStorage } from '../../lib/storage/disk-storage.ts'
import { LogFiles } from '../../lib/storage/log-files.ts'

export const GOLDEN_FILES: readonly string[] = ['oplog', 'blocks', 'nodes', 'presence', 'secret']
export const goldenKeyPair: KeyPair = createKeyPair(new Uint8Array(32).fill(42))
const LINE_BYTES = 32

/** Blocks 0 to 19, of which 3 and 4 are cleared; 18 and 19 are still in the oplog alone. */
export function goldenBlock(index: number): Uint8Array | null {
  if (index === 3 || index === 4) return null
  return new TextEncoder().encode(`block ${index} ${'.'.repeat(index * 11)}`)
}

export function encodeSparse(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.byteLength; at += LINE_BYTES) {
    const line = bytes.subarray(at, at + LINE_BYTES)
    if (line.some((byte) => byte !== 0)) lines.push(`${at} ${Buffer.from(line).toString('hex')}`)
  }
  return `${[...lines, `${bytes.byteLength}`].join('\n')}\n`
}

export function decodeSparse(text: string): Uint8Array {
  const lines = text.trim().split('\n')
  const bytes = new Uint8Array(Number(lines.pop()))
  for (const line of lines) {
    const [at, hex] = line.split(' ')
    bytes.set(Buffer.from(hex ?? '', 'hex'), Number(at))
  }
  return bytes
}

async function make(target: string, place: string): Promise<void> {
  await mkdir(place, { recursive: true })
  for (const name of GOLDEN_FILES) await writeFile(`${place}/${name}`, '')
  const open = (): Promise<Core> =>
    LogFiles.open((name) => diskStorage(`${place}/${name}`, true)).then((files) =>
      Core.open(files, { keyPair: goldenKeyPair, limits: { halfBytes: 16 * 1024 } })
    )
  let core = await open()
  const all = Array.from({ length: 20 }, (_, index) =>
    new TextEncoder().encode(`block ${index} ${'.'.repeat(index * 11)}`)
  )
  await core.append(all.slice(0, 10))
  await core.append([new Uint8Array(5)])
  await core.truncate(10)
  await core.append(all.slice(10, 18))
  await core.clear(3, 5)
  await core.close()
  core = await open()
  await core.append(all.slice(18))
  await mkdir(target, { recursive: true })
  for (const name of GOLDEN_FILES) {
    await writeFile(`${target}/${name}.txt`, encodeSparse(await readFile(`${place}/${name}`)))
  }
  await core.close()
}

if (argv[1] === fileURLToPath(import.meta.url) && argv[2] !== undefined) {
  await make(argv[2], `${argv[2]}.place`)
}
